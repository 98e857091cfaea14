"""One call at a time: validated, run once, recorded whatever becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine

from danqing.agent.act import BudgetSpent, Hands, Repeated, seed_of
from danqing.agent.budget import Budget, Spent
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.plan import Call
from danqing.tools.engine import WorkerCrashed
from danqing.tools.errors import Cancelled, ToolError

DRAW = Call(tool="text_to_image", arguments={"prompt": "a house", "seeds": [5, 6]})


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "a house", {})
        engine = ScriptedEngine(tmp_path / "models", lambda seed: "a house")
        yield Hands(ledger, engine, turn, Spent(Budget(pictures=4, steps=20)),
                    on_progress=lambda p: None, cancel=threading.Event())  # fmt: skip


def last_outcome(hands: Hands) -> tuple[str, str | None]:
    step = hands._ledger.turns(1)[0].steps[-1]
    return step.outcome, step.error


def test_a_call_runs_once_is_answered_once_and_refused_the_third_time(hands: Hands) -> None:
    first, second = hands.run(DRAW), hands.run(DRAW)
    assert (first.outcome, second.outcome) == ("done", "reused")
    assert first.pictures == second.pictures
    assert hands.spent.pictures == 4, "a resumed turn must count as the first run did"
    assert [seed_of(first, p.handle) for p in first.pictures] == [5, 6]
    hands.spent.pictures = 0
    with pytest.raises(Repeated):
        hands.run(DRAW)


def test_an_optional_model_that_is_added_or_changed_makes_it_another_call(
    hands: Hands, tmp_path: Path
) -> None:
    engine = hands._engine
    assert isinstance(engine, ScriptedEngine)
    stylizer = engine.profile.models["upscaler"].model_copy(update={"source": str(tmp_path / "s")})
    models = {**engine.profile.models, "stylizer": stylizer}
    engine.profile = engine.profile.model_copy(update={"models": models})
    keys = [hands._key("style_transfer", {}, {})]
    drawing = hands._key("text_to_image", {}, {})
    (tmp_path / "s").mkdir()
    for text in ("one", "other"):
        (tmp_path / "s" / "config.json").write_text(text)
        keys.append(hands._key("style_transfer", {}, {}))
    assert len(set(keys)) == 3
    assert hands._key("text_to_image", {}, {}) == drawing


def test_pictures_beyond_the_budget_are_refused_before_anything_runs(hands: Hands) -> None:
    many = Call(tool="text_to_image", arguments={"prompt": "a house", "seeds": [1, 2, 3, 4, 5]})
    with pytest.raises(BudgetSpent, match="pictures"):
        hands.run(many)
    assert hands._ledger.turns(1)[0].steps == ()


def test_a_handle_that_is_not_there_is_refused(hands: Hands) -> None:
    with pytest.raises(ToolError, match="img-9"):
        hands.run(Call(tool="caption", images={"image": "img-9"}))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ToolError("too dark"), "failed"), (WorkerCrashed("gone"), "crashed"),
     (Cancelled("stopped"), "cancelled")],
)  # fmt: skip
def test_a_failure_is_recorded_and_the_same_call_is_not_run_again(
    hands: Hands, error: Exception, outcome: str
) -> None:
    engine = hands._engine
    assert isinstance(engine, ScriptedEngine)
    runs: list[str] = []

    def fail(tool: str) -> None:
        runs.append(tool)
        raise error

    engine.before = fail
    with pytest.raises(type(error)):
        hands.run(DRAW)
    assert last_outcome(hands) == (outcome, str(error))
    with pytest.raises(ToolError, match=str(error)):
        hands.run(DRAW)
    assert len(runs) == 1


def test_after_a_cancel_nothing_runs(hands: Hands) -> None:
    hands._cancel.set()
    with pytest.raises(Cancelled):
        hands.run(DRAW)
    assert hands.spent.steps == 0
