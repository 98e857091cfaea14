"""A language model on this machine plans a whole turn, in the worker that paints."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from danqing.agent.home import Home
from danqing.agent.llm.planner import reader
from danqing.agent.studio import Options, Studio
from danqing.tools import catalogue
from danqing.tools.errors import Stopped

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS), str(TESTS / "tools")]


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toy_language_models

    return toy_language_models.write(tmp_path_factory.mktemp("llm") / "qwen3", "qwen3")


def test_a_turn_with_a_model_of_random_weights_is_a_good_one(
    qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can only write what fits the form; the rules take over where that cannot be taken."""
    import toy_models

    profile = toy_models.write_profile(tmp_path / "toys")
    monkeypatch.setattr(catalogue, "profiles", lambda: {catalogue.DEFAULT_PROFILE: profile})
    options = Options(seed=1, size=(64, 64), llm=f"hf:{qwen}")
    with Studio(Home.open(tmp_path / "home"), llm=options.llm) as studio:
        turn = studio.ask("a red house", options)
        assert turn.planner.name == "hf:qwen3"
        assert turn.cost.tokens > 0
        assert "planner" in studio.engine.status().roles
        rules = studio.ask("a red house", Options(seed=1, size=(64, 64)))
    assert turn.brief is not None and turn.reply
    assert turn.picture is not None or turn.brief.intent != "make"
    assert rules.picture is not None
    assert rules.planner.name == "builtin"


def test_what_it_reads_is_a_brief_or_a_clear_error(qwen: Path) -> None:
    with reader(f"hf:{qwen}") as read:
        try:
            brief = read("a red house")
        except Stopped as error:
            assert "hf:qwen3 did not understand it: its replies could not be taken" in str(error)
        else:
            assert brief.language == "en"


def test_the_projects_own_model_reads_and_the_rules_do_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import toy_models

    profile = toy_models.write_profile(tmp_path / "toys")
    monkeypatch.setattr(catalogue, "profiles", lambda *_: {catalogue.DEFAULT_PROFILE: profile})
    options = Options(seed=1, size=(64, 64), llm="sketchbook")
    with Studio(Home.open(tmp_path / "home"), llm="sketchbook") as studio:
        turn = studio.ask("a red house", options)
        asked = studio.ledger.turn(turn.turn)
    assert turn.planner.name == "sketchbook"
    assert turn.brief is not None and turn.brief.intent == "make"
    assert {c.subject for c in turn.brief.claims} == {"house"}
    assert turn.planner.gave_up is None and turn.picture is not None
    assert asked.plan and turn.cost.tokens > 0
