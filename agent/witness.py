"""A judge for pictures of any kind: a question for each claim, and its answer as a typed value.

What is painted in the built-in world is seen by eyes for it (`eyes`). Of a photograph, or what a
larger model painted, the profile's answerer is asked; where a detector finds words, it counts and
places. An answerer is believed only after it has told what is on four pictures of known content.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..tools import catalogue
from ..tools.engine import Engine
from ..tools.errors import Cancelled, Stopped, ToolError
from ..tools.geometry import Box, above, between, center, left_of, within
from ..tools.world import world
from .act import BudgetSpent
from .brief import SCENE_KINDS, Brief, Claim
from .evidence import Evidence, Quote
from .plan import Call
from .records import Json, Step
from .verdict import DAMAGE, Answer, Finding, Verdict, graded, pool

if TYPE_CHECKING:
    from PIL import Image

Run = Callable[[Call], Step]

WRONG_ALLOWED = 1
"""Of the questions about the pictures of known content."""
OPEN = {
    "season": "What season is it?", "time": "What time of day is it?",
    "weather": "What is the weather like?", "setting": "Where is this?",
    "style": "What style is this picture in?",
}  # fmt: skip
"""What is asked of the whole picture; the answer is read as a caption is."""
RELATIONS = {
    "left of": "to the left of", "right of": "to the right of", "above": "above",
    "below": "below", "inside": "inside", "between": "between",
}  # fmt: skip
_SIDES: dict[str, Callable[[Box], bool]] = {
    "left": lambda b: center(b)[0] < 0.45, "right": lambda b: center(b)[0] > 0.55,
    "center": lambda b: 0.3 < center(b)[0] < 0.7,
    "top": lambda b: center(b)[1] < 0.45, "bottom": lambda b: center(b)[1] > 0.55,
}  # fmt: skip


class Witness:
    """The answerer of an engine's profile, as a judge."""

    name = "answerer"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        entries = engine.profile.models
        here = catalogue.available(engine.profile)
        self.there = "answerer" in here
        """Whether the profile has one."""
        self._finds = "segmenter" in here and entries["segmenter"].loader == "grounded-sam"
        self._reads = self.there and entries["answerer"].loader == "image-text-to-text"

    @cached_property
    def refused(self) -> str | None:
        """Why it is no judge: what it got wrong of the pictures of known content; None where it
        sees. Raises what `Engine.call` does."""
        wrong: list[str] = []
        for image, questions in known_pictures():
            for question, right in questions.items():
                value = self.engine.call("answer", {"question": question}, {"image": image}).value
                said = (value or {}).get("value")
                if said != right:
                    wrong.append(f"“{question}” {said!r}")
        if len(wrong) <= WRONG_ALLOWED:
            return None
        return f"the answerer does not see: of pictures of known content it says {'; '.join(wrong)}"

    def verdict(self, brief: Brief, run: Run, handle: str, changed: float | None) -> Verdict:
        """The verdict on a picture; ``changed`` is the share of its pixels that changed outside of
        what an edit was to change. ``run`` makes the calls. Raises `BudgetSpent`, `Cancelled` and,
        where it is refused, `ToolError`."""
        if self.refused is not None:
            raise ToolError(self.refused)
        asked = _Questions(run, handle, finds=self._finds, reads=self._reads)
        return Verdict(
            findings={
                claim.id: self._finding(claim, asked, brief, changed) for claim in brief.claims
            }
        )

    def _finding(
        self, claim: Claim, asked: _Questions, brief: Brief, changed: float | None
    ) -> Finding:
        try:
            if claim.kind == "kept" and changed is not None:
                share = Quote(f"{changed:.1%}")
                status, evidence = graded(
                    changed <= DAMAGE, 1.0, Evidence(
                        "{share} of the pixels outside the changed places changed", share=share
                    ),
                )  # fmt: skip
            else:
                status, evidence = asked.about(claim)
        except (BudgetSpent, Cancelled):
            raise
        except (ToolError, Stopped) as error:
            return Finding(status="unseen", evidence=str(error), judge=self.name)
        return Finding(status=status, evidence=evidence.tell(brief.language), judge=self.name)


class _Questions:
    """What is asked of one picture, each question once, however many claims it is for."""

    def __init__(self, run: Run, handle: str, *, finds: bool, reads: bool) -> None:
        self._run, self._handle, self._finds, self._reads = run, handle, finds, reads
        self._told: dict[tuple[str, str], Json] = {}

    def about(self, claim: Claim) -> Answer:
        """Whether a claim is met, and what was said."""
        thing = _named(claim.subject, claim.color)
        match claim.kind:
            case "object" if claim.value is None:
                return self._there(thing, wanted=True)
            case "object":
                return self._yes(f"Is the {thing} {claim.value}?")
            case "absent":
                return self._there(thing, wanted=False)
            case "count":
                return self._count(claim, thing)
            case "color":
                return self._color(claim)
            case "relation":
                return self._relation(claim, thing)
            case "place":
                return self._place(claim, thing)
            case "text" if self._reads:
                said, _, told = self._ask("What is written in the picture?")
                return ("met" if _letters(claim.value) in _letters(said) else "unmet"), told
            case kind if kind in SCENE_KINDS:
                return self._scene(claim)
        return "unseen", Evidence("no judge here can see this")

    def _value(self, tool: str, argument: str, words: str) -> Json:
        if (tool, words) not in self._told:
            call = Call(tool=tool, arguments={argument: words}, images={"image": self._handle})
            self._told[tool, words] = self._run(call).value or {}
        return self._told[tool, words]

    def _ask(self, question: str) -> tuple[Any, float, Evidence]:
        value = self._value("ask", "question", question)
        told = Evidence(
            "asked “{question}”, the judge says “{text}”", question=Quote(question),
            text=Quote(_in_words(value.get("value"))),
        )  # fmt: skip
        return value.get("value"), float(value.get("confidence", 0.0)), told

    def _boxes(self, words: str) -> tuple[list[Box], float]:
        """Where a detector finds what ``words`` name, and how sure it is."""
        value = self._value("segment", "text", words)
        boxes = [tuple(box) for box in value.get("boxes", ())]
        return boxes, float(value.get("confidence", 0.0))

    def _yes(self, question: str, *, wanted: bool = True) -> Answer:
        said, sure, told = self._ask(question)
        if not isinstance(said, bool):
            return "unsure", told
        return graded(said == wanted, sure, told)

    def _there(self, thing: str, *, wanted: bool) -> Answer:
        if not self._finds:
            return self._yes(f"Is there {_article(thing)} {thing} in the picture?", wanted=wanted)
        boxes, sure = self._boxes(thing)
        return graded(bool(boxes) == wanted, sure, _found(thing, boxes))

    def _count(self, claim: Claim, thing: str) -> Answer:
        if self._finds:
            boxes, sure = self._boxes(thing)
            number: Any = len(boxes)
            told = _found(thing, boxes)
        else:
            number, sure, told = self._ask(f"How many {thing}s are in the picture?")
        if isinstance(number, bool) or not isinstance(number, int):
            return "unsure", told
        right = number >= 3 if claim.value == "several" else number == claim.value
        return graded(right, sure, told)

    def _color(self, claim: Claim) -> Answer:
        said, sure, told = self._ask(f"What color is the {claim.subject}?")
        if said == claim.value:
            return graded(True, sure, told)
        if isinstance(said, list) or not _is_color(said):
            return self._yes(f"Is the {claim.subject} {claim.value}?")
        return graded(False, sure, told)

    def _relation(self, claim: Claim, thing: str) -> Answer:
        other = _named(claim.object, claim.object_color)
        value = str(claim.value)
        if self._finds:
            found = [self._boxes(words) for words in (thing, other, claim.object2) if words]
            if all(boxes for boxes, _ in found):
                (a, _), (b, _), *more = found
                holds = _holds(value, a, b, more[0][0] if more else [])
                told = Evidence("found: {text}", text=Quote(f"{thing} {value} {other}"))
                told = told if holds else _found(thing, a)
                return graded(holds, min(sure for _, sure in found), told)
        both = f" and the {claim.object2}" if claim.object2 else ""
        return self._yes(f"Is the {thing} {RELATIONS[value]} the {other}{both}?")

    def _place(self, claim: Claim, thing: str) -> Answer:
        parts = [part for part in str(claim.value).split() if part != "far"]
        if not self._finds or any(part not in _SIDES for part in parts):
            return "unseen", Evidence("no judge here can see this")
        boxes, sure = self._boxes(thing)
        right = bool(boxes) and all(_SIDES[part](box) for part in parts for box in boxes)
        return graded(right, sure, _found(thing, boxes))

    def _scene(self, claim: Claim) -> Answer:
        """What is said of the whole picture, read as a caption; where that does not tell, whether
        it is as claimed."""
        from .language import statements

        said, sure, told = self._ask(OPEN[claim.kind])
        known = set(pool(claim.kind))
        values = {c.value for c in statements(_in_words(said)) if c.kind == claim.kind}
        if claim.value in values:
            return graded(True, sure, told)
        if claim.value in known and values & known:
            return graded(False, sure, told)
        noun = "style of this picture" if claim.kind == "style" else claim.kind
        return self._yes(f"Is the {noun} {claim.value}?")


def known_pictures() -> list[tuple[Image.Image, dict[str, Any]]]:
    """Pictures of known content, with questions and their right answers."""
    from PIL import Image

    folder = resources.files(__package__).joinpath("sight")
    tables = tomllib.loads(folder.joinpath("questions.toml").read_text("utf-8"))
    found = []
    for name, questions in tables.items():
        with folder.joinpath(f"{name}.png").open("rb") as file:
            found.append((Image.open(file).convert("RGB"), questions))
    return found


def _named(noun: str | None, color: str | None) -> str:
    return " ".join(filter(None, (color, noun)))


def _article(words: str) -> str:
    return "an" if words[:1] in "aeiou" else "a"


def _found(thing: str, boxes: list[Box]) -> Evidence:
    return Evidence("found: {text}", text=Quote(f"{len(boxes)} × {thing}"))


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_color(value: Any) -> bool:
    return value in world().colors


def _letters(value: Any) -> str:
    return "".join(c for c in str(value).casefold() if c.isalnum())


def _holds(value: str, a: list[Box], b: list[Box], c: list[Box]) -> bool:
    """Whether things in boxes stand in a relation: each of the one to some of the others."""
    pairs: dict[str, Callable[[Box, Box], bool]] = {
        "left of": left_of, "right of": lambda i, j: left_of(j, i),
        "above": above, "below": lambda i, j: above(j, i),
        "inside": within,
    }  # fmt: skip
    if value == "between":
        return all(any(between(x, i, j) or between(x, j, i) for i in b for j in c) for x in a)
    return all(any(pairs[value](i, j) for j in b) for i in a)
