"""The judge for pictures of any kind: questions, typed answers, and whether it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent.brief import Brief, Claim
from danqing.agent.home import Home
from danqing.agent.plan import Call
from danqing.agent.studio import Options, Studio
from danqing.agent.verdict import Verdict
from danqing.agent.witness import Witness, known_pictures
from danqing.tools.catalogue import Entry
from danqing.tools.engine import Result
from danqing.tools.errors import ToolError

RIGHT = {question: right for _, asked in known_pictures() for question, right in asked.items()}


class Answering(ScriptedEngine):
    """An answerer, and a detector with ``boxes``: ``answers`` by question, else "no"."""

    def __init__(self, folder: Path, *, loader: Any = "question-answering", finds: bool = False):
        super().__init__(folder, lambda seed: SCENE + " a house.")
        common: dict[str, Any] = {"source": str(folder), "license": "MIT", "commercial": True}
        models = dict(self.profile.models)
        models["answerer"] = Entry(loader=loader, **common)
        models["panoptic"] = Entry(loader="image-segmentation", **common)
        if finds:
            models["segmenter"] = Entry(loader="grounded-sam", **common)
        self.profile = self.profile.model_copy(update={"models": models})
        self.answers: dict[str, Any] = {}
        self.boxes: dict[str, list[list[float]]] = {}
        self.asked: list[str] = []
        self.sure = 0.9
        self.familiar = False

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        if tool in ("answer", "ask"):
            question = arguments["question"]
            self.asked.append(question)
            known = RIGHT if tool == "answer" else self.answers
            value = known.get(question, False)
            return Result([], {"value": value, "confidence": self.sure}, 0.0, 0.0, "scripted")
        if tool == "segment":
            boxes = self.boxes.get(arguments["text"], [])
            found = {"boxes": boxes, "confidence": self.sure}
            mask = Image.new("L", (images or {})["image"].size)
            return Result([mask], found, 0.0, 0.0, "scripted")
        if tool == "look":
            look = {"things": [], "facts": {}, "horizon": 0.5, "familiar": self.familiar}
            return Result([], look, 0.0, 0.0, "scripted")
        return super().call(tool, arguments, images, **how)


def brief(*claims: dict[str, Any]) -> Brief:
    numbered = tuple(Claim(id=f"c{i}", **c) for i, c in enumerate(claims, 1))
    return Brief(language="en", intent="make", claims=numbered)


def heard(engine: Answering, *claims: dict[str, Any], changed: float | None = None) -> Verdict:
    def run(call: Call) -> Any:
        result = engine.call(call.tool, call.arguments, {"image": Image.new("RGB", (64, 64))})
        return SimpleNamespace(value=result.value)

    return Witness(engine).verdict(brief(*claims), run, "img-1", changed)


def statuses(verdict: Verdict) -> list[str]:
    return [finding.status for finding in verdict.findings.values()]


HOUSE = {"kind": "object", "subject": "house"}
CASES: list[tuple[dict[str, Any], str, Any, Any]] = [
    (HOUSE, "Is there a house in the picture?", True, False),
    ({**HOUSE, "value": "wooden"}, "Is the house wooden?", True, False),
    ({**HOUSE, "kind": "absent"}, "Is there a house in the picture?", False, True),
    ({**HOUSE, "kind": "count", "value": 3}, "How many houses are in the picture?", 3, 2),
    ({**HOUSE, "kind": "count", "value": "several"}, "How many houses are in the picture?", 4, 1),
    ({**HOUSE, "kind": "color", "value": "red"}, "What color is the house?", "red", "blue"),
    ({**HOUSE, "kind": "relation", "value": "left of", "object": "owl"},
     "Is the house to the left of the owl?", True, False),
    ({"kind": "season", "value": "winter"}, "What season is it?", "winter", "summer"),
    ({"kind": "time", "value": "night"}, "What time of day is it?", "at night", "a sunny day"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "question", "right", "wrong"), CASES)
def test_a_claim_is_a_question_with_a_typed_answer(
    tmp_path: Path, claim: dict[str, Any], question: str, right: Any, wrong: Any
) -> None:
    engine = Answering(tmp_path)
    for answer, status in ((right, "met"), (wrong, "unmet"), ("a question of taste", "unsure")):
        engine.answers = {question: answer}
        if claim["kind"] in ("color", "season", "time") and status == "unsure":
            continue  # it is asked once more: see below
        assert statuses(heard(engine, claim)) == [status], answer
    engine.answers, engine.sure = {question: right}, 0.3
    assert statuses(heard(engine, claim)) == ["unsure"]


def test_what_is_not_answered_by_name_is_asked_with_yes_or_no(tmp_path: Path) -> None:
    engine = Answering(tmp_path)
    color = {**HOUSE, "kind": "color", "value": "turquoise"}
    style = {"kind": "style", "value": "ukiyo-e"}
    engine.answers = {
        "What color is the house?": "like the sea", "Is the house turquoise?": True,
        "What style is this picture in?": "japanese", "Is the style of this picture ukiyo-e?": True,
    }  # fmt: skip
    assert statuses(heard(engine, color, style)) == ["met", "met"]
    engine.answers["Is the house turquoise?"] = False
    assert statuses(heard(engine, color)) == ["unmet"]


def test_a_detector_counts_and_places(tmp_path: Path) -> None:
    engine = Answering(tmp_path, finds=True)
    engine.boxes = {
        "house": [[0.1, 0.5, 0.3, 0.8]], "tree": [[0.6, 0.4, 0.7, 0.8], [0.8, 0.4, 0.9, 0.8]],
    }  # fmt: skip
    claims: list[dict[str, Any]] = [
        HOUSE, {**HOUSE, "subject": "dragon"}, {"kind": "absent", "subject": "dragon"},
        {"kind": "count", "subject": "tree", "value": 2},
        {"kind": "count", "subject": "tree", "value": 3},
        {"kind": "place", "subject": "house", "value": "left"},
        {"kind": "place", "subject": "house", "value": "right"},
        {"kind": "relation", "subject": "house", "value": "left of", "object": "tree"},
        {"kind": "relation", "subject": "house", "value": "right of", "object": "tree"},
    ]  # fmt: skip
    expected = ["met", "unmet", "met", "met", "unmet", "met", "unmet", "met", "unmet"]
    assert statuses(heard(engine, *claims)) == expected
    assert not [q for q in engine.asked if q not in RIGHT]  # it was not asked, but found


def test_what_it_cannot_see_is_unseen(tmp_path: Path) -> None:
    text = {"kind": "text", "value": "Spring Sale!"}
    engine = Answering(tmp_path)
    place = {"kind": "place", "subject": "house", "value": "left"}
    size = {"kind": "size", "subject": "house", "value": "big"}
    kept = {"kind": "kept", "subject": "everything else"}
    assert statuses(heard(engine, place, size, text, kept)) == ["unseen"] * 4
    assert statuses(heard(engine, kept, changed=0.0)) == ["met"]
    assert statuses(heard(engine, kept, changed=0.1)) == ["unmet"]
    reader = Answering(tmp_path, loader="image-text-to-text")
    for said, status in (("spring sale", "met"), ("summer", "unmet")):
        reader.answers = {"What is written in the picture?": said}
        assert statuses(heard(reader, text)) == [status]


def test_one_that_does_not_see_is_no_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Answering(tmp_path)
    witness = Witness(engine)
    assert witness.refused is None
    assert len(engine.asked) == len(RIGHT)
    for wrong, believed in ((1, True), (2, False)):
        for question in list(RIGHT)[:wrong]:
            monkeypatch.setitem(RIGHT, question, "a plane")
        assert (Witness(engine).refused is None) == believed
    with pytest.raises(ToolError, match=r"does not see: .*'a plane'"):
        Witness(engine).verdict(brief(HOUSE), lambda call: None, "img-1", None)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("always", [True, False, 2, "red"])
def test_whoever_says_the_same_of_everything_does_not_pass(always: Any) -> None:
    assert sum(right != always for right in RIGHT.values()) > 2


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = Answering(tmp_path / "models")
        yield studio


def test_one_question_serves_all_claims_about_a_thing(tmp_path: Path) -> None:
    """The studio ends a turn in which the same call comes up a third time."""
    claims: list[dict[str, Any]] = [
        HOUSE, {**HOUSE, "kind": "count", "value": 1},
        {**HOUSE, "kind": "place", "value": "left"},
        {**HOUSE, "kind": "relation", "value": "left of", "object": "tree"},
    ]  # fmt: skip
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = engine = Answering(tmp_path / "models", finds=True)
        engine.boxes = {"house": [[0.1, 0.5, 0.3, 0.8]], "tree": [[0.6, 0.4, 0.7, 0.8]]}
        turn = studio.ask("a house", Options(seed=1, size=(64, 64)), brief=brief(*claims))
    assert [f.status for f in turn.verdict.values()] == ["met"] * 4


def test_it_judges_what_is_not_of_the_built_in_world(studio: Studio) -> None:
    engine = studio.engine
    assert isinstance(engine, Answering)
    engine.answers = {"Is there a dragon in the picture?": True}
    asked = brief({"kind": "object", "subject": "dragon"}, HOUSE)
    options = Options(seed=1, size=(64, 64))
    turn = studio.ask("a dragon and a house", options, brief=asked)
    assert {f.judge for f in turn.verdict.values()} == {"answerer"}
    assert [f.status for f in turn.verdict.values()] == ["met", "unmet"]
    assert "asked “Is there a dragon in the picture?”, the judge says “yes”" in str(turn.verdict)
    engine.familiar = True
    turn = studio.ask("a house", Options(seed=9, size=(64, 64)), brief=brief(HOUSE))
    assert {f.judge for f in turn.verdict.values()} != {"answerer"}
