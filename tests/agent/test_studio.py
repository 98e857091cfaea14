"""The studio's own promises: options kept with the turn, files, replay, documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent.brief import Brief
from danqing.agent.budget import Budget
from danqing.agent.home import Home
from danqing.agent.lineage import Lineage
from danqing.agent.studio import Options, Studio, TurnDocument, made_with
from danqing.agent.verdict import Finding, Verdict
from danqing.tools import catalogue
from danqing.tools.engine import Engine
from danqing.tools.errors import BadInput

OPTIONS = Options(seed=1, size=(64, 64))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield studio


def test_a_turn_is_a_document_that_reads_back(studio: Studio) -> None:
    turn = studio.ask("a red house", OPTIONS)
    assert TurnDocument.model_validate(json.loads(turn.model_dump_json())) == turn
    assert turn.satisfied
    assert turn.exit_code == 0
    assert turn.picture is not None
    assert turn.picture.seed == 1
    assert studio.document(turn.turn) == turn
    assert turn.cost.pictures == 4


def test_the_finished_picture_lies_where_the_document_says(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "house.png"
    turn = studio.ask("a red house", Options(seed=1, size=(80, 64), out=str(out)))
    assert turn.picture is not None
    assert turn.picture.path == str(out)
    with Image.open(out) as image:
        assert image.size == (80, 64)
        assert "danqing" in image.info
    bare = tmp_path / "bare.png"
    studio.ask("a red house", Options(seed=1, size=(80, 64), out=str(bare), metadata=False))
    with Image.open(bare) as image:
        assert "danqing" not in image.info


def test_options_survive_the_ledger() -> None:
    options = Options(seed=7, size=(300, 200), budget=Budget(pictures=2), out="a.png")
    assert Options.read(json.loads(json.dumps(options.as_json()))) == options


@pytest.mark.parametrize(
    "wrong",
    [{"size": (10, 64)}, {"seed": -1}, {"seed": 2**32}, {"llm": "nobody"}, {"out": "a.txt"}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Options(**{"seed": 1, **wrong})  # type: ignore[arg-type]


def test_models_that_are_not_known_leave_no_turn(studio: Studio) -> None:
    with pytest.raises(BadInput, match="no model profile 'none'"):
        studio.ask("a red house", Options(seed=1, models="none"))
    assert studio.ledger.turns(9) == []


@pytest.mark.parametrize("request_", ["", "   ", "x" * 5000])
def test_a_request_that_cannot_be_read_leaves_no_turn(studio: Studio, request_: str) -> None:
    with pytest.raises(BadInput):
        studio.ask(request_, OPTIONS)
    assert studio.ledger.turns(1) == []


def test_a_replay_makes_the_same_pixels(studio: Studio) -> None:
    turn = studio.ask("a red house", OPTIONS)
    assert turn.picture is not None
    same = studio.replay(turn.picture.handle)
    assert same
    assert all(same.values())


def test_a_later_turn_is_not_what_an_earlier_one_was_about(studio: Studio) -> None:
    session = studio.ledger.new_session()
    first = studio.ask("a red house", OPTIONS, session=session)
    studio.ask("a red house, winter", Options(seed=9, size=(64, 64)), session=session)
    assert not Lineage(studio.ledger, session, before=first.turn).nodes
    assert len(Lineage(studio.ledger, session).nodes) == 2


def test_a_picture_is_of_the_models_of_its_turn_whatever_works_now(studio: Studio) -> None:
    ours, other = studio.engine.profile, studio.engine.profile.model_copy(update={"name": "other"})
    made: dict[str, str] = {}
    for seed, profile in ((1, ours), (99, other)):
        studio.engine.profile = profile
        turn = studio.ask("a red house", Options(seed, (64, 64), models=profile.name))
        assert turn.picture is not None
        made[profile.name] = turn.picture.handle
        assert studio.account(made[profile.name])["models"].keys() == ours.models.keys()
    profile = Engine().profile
    built_in, _ = made_with(profile, catalogue.available(profile))
    assert studio.account(made[ours.name])["models"] == built_in
    studio.engine.profile = ours
    assert studio.account(made["other"])["models"] == {}, "nobody knows them any more"


def test_a_judge_of_ones_own_looks_in_the_place_of_the_built_in_ones(tmp_path: Path) -> None:
    looked: list[tuple[int, int]] = []

    def strict(brief: Brief, image: Image.Image) -> Verdict:
        looked.append(image.size)
        finding = Finding(status="unmet", evidence="never good enough", judge="strict")
        return Verdict(findings={claim.id: finding for claim in brief.claims})

    with Studio(Home.open(tmp_path / "home"), judge=strict) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        turn = studio.ask("a red house", OPTIONS)
    assert looked
    assert {finding.judge for finding in turn.verdict.values()} == {"strict"}
    assert not turn.satisfied
