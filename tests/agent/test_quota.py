"""What a key may have is counted, set aside and given back, whatever process counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from danqing.agent import quota as module
from danqing.agent.home import Home
from danqing.agent.keys import USUAL, Key, Limits
from danqing.agent.ledger import Ledger
from danqing.agent.quota import StorageFull, UsedUp
from danqing.agent.records import Turn
from danqing.tools.errors import BadInput

BUDGET = {"steps": 120, "seconds": 180.0, "pictures": 24, "tokens": 50_000, "money": 1.0}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with Ledger(home) as ledger:
        yield ledger


def key_with(ledger: Ledger, **limits: Any) -> Key:
    return ledger.keys.make("ada", limits=Limits(**limits))[0]


def begun(ledger: Ledger, session: str, llm: str = "builtin", **budget: Any) -> Turn:
    return ledger.begin_turn(session, "a house", {"budget": {**BUDGET, **budget}, "llm": llm})


def ended(ledger: Ledger, turn: Turn, pictures: int, seconds: float, money: float = 0.0) -> None:
    cost = {"pictures": pictures, "seconds": seconds, "money": money, "calls": 1, "tokens": 0}
    ledger.end_turn(turn, {"cost": cost})


def photo(side: int = 60) -> bytes:
    coded = BytesIO()
    Image.effect_noise((side, side), 80).save(coded, "PNG")
    return coded.getvalue()


def test_a_turn_gets_what_is_left_and_gives_back_what_it_does_not_use(ledger: Ledger) -> None:
    key = key_with(ledger, pictures_a_day=30, seconds_a_day=400)
    session, other = ledger.new_session(key.id), ledger.new_session(key.id)
    first = begun(ledger, session)
    assert first.options["budget"] == BUDGET
    second = begun(ledger, other)
    assert second.options["budget"] == {**BUDGET, "pictures": 6}
    with pytest.raises(UsedUp, match="30 pictures") as told:
        begun(ledger, session)
    assert told.value.wait == module.SOON, "as soon as one of them ends"
    ended(ledger, first, 4, 10.0)
    ended(ledger, second, 5, 20.5)
    used = ledger.quota.usage(key.id)
    assert (used.pictures_a_day, used.seconds_a_day) == (9, 30.5)
    assert begun(ledger, session).options["budget"] == {**BUDGET, "pictures": 21}
    assert ledger.turn(second.id).options["budget"]["pictures"] == 6, "and it is on record"


def test_neither_a_new_process_nor_another_session_counts_from_nothing(home: Home) -> None:
    with Ledger(home) as ledger:
        key = key_with(ledger, pictures_a_day=30)
        ended(ledger, begun(ledger, ledger.new_session(key.id)), 28, 1.0)
    with Ledger(home) as ledger:
        turn = begun(ledger, ledger.new_session(key.id))
        assert turn.options["budget"]["pictures"] == 2
        own = begun(ledger, ledger.new_session())
        assert own.options["budget"] == BUDGET, "the home's own has no limits"


def test_after_a_day_there_is_some_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_with(ledger, seconds_a_day=60)
    session = ledger.new_session(key.id)
    ended(ledger, begun(ledger, session), 1, 59.5)
    with pytest.raises(UsedUp, match="60 seconds of work that") as told:
        begun(ledger, session)
    assert 86_000 < told.value.wait <= 86_400

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(seconds=told.value.wait + 1)

    monkeypatch.setattr(module, "datetime", Later)
    assert begun(ledger, session).options["budget"]["seconds"] == 60


def test_only_a_language_model_elsewhere_is_paid_for(ledger: Ledger) -> None:
    key = key_with(ledger, dollars_a_day=1.5)
    session = ledger.new_session(key.id)
    ended(ledger, begun(ledger, session, "openai:gpt-5"), 1, 1.0, money=1.0)
    paid = begun(ledger, session, "openai:gpt-5")
    assert paid.options["budget"]["money"] == 0.5
    with pytest.raises(UsedUp, match=r"1\.5 dollars"):
        begun(ledger, session, "openai:gpt-5")
    assert begun(ledger, session).options["budget"]["money"] == 1.0, "nothing will be spent"


def test_a_turn_that_was_given_up_is_counted_by_what_it_did(ledger: Ledger) -> None:
    key = key_with(ledger, pictures_a_day=30)
    turn = begun(ledger, ledger.new_session(key.id))
    step = ledger.begin_step(turn, "text_to_image", {"seeds": [1, 2]}, {}, None, "k")
    images = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    ledger.finish_step(step, images, None, {"seconds": 2.5})
    ledger.record_reply(turn, "k", {"asked": 1, "said": 1, "money": 0.25})
    ledger.end_turn(turn, {"given_up": "cancelled"})
    used = ledger.quota.usage(key.id)
    assert (used.pictures_a_day, used.seconds_a_day, used.dollars_a_day) == (2, 2.5, 0.25)


def test_pictures_are_kept_up_to_a_size_and_equal_ones_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = photo()
    size = ledger.store.size(ledger.store.take_in(file))
    key = key_with(ledger, megabytes=2.5 * size / 1e6)
    session, other = ledger.new_session(key.id), ledger.new_session(key.id)
    for where in (session, other):
        turn = ledger.begin_turn(where, "photo", {"upload": True})
        ledger.take_in(turn, file)
        ledger.end_turn(turn, {})
    assert ledger.held(key.id) == size
    turn = ledger.begin_turn(session, "photo", {"upload": True})
    with pytest.raises(StorageFull, match="Delete what you do not need"):
        ledger.take_in(turn, photo(140))
    ledger.take_in(turn, photo(61))
    ledger.end_turn(turn, {})
    monkeypatch.setattr(module, "FRESH", 0.0)
    begun(ledger, session)
    ledger.keys.limit("ada", {"megabytes": size / 1e6})
    with pytest.raises(StorageFull):
        begun(ledger, session)
    kept = ledger.picture("img-1")
    ledger.forget(session, [kept.handle, "img-2"])
    ledger.forget(other, [kept.handle])
    assert ledger.held(key.id) == 0
    begun(ledger, session)


def test_limits_are_kept_with_a_key_and_changed_one_by_one(home: Home) -> None:
    with Ledger(home) as ledger:
        key, text = ledger.keys.make("ada", limits=USUAL)
        assert key.limits == USUAL
        assert ledger.keys.make("bo")[0].limits == Limits()
        ledger.keys.limit(key.id, {"at_once": 3, "megabytes": None})
    with Ledger(home) as ledger:
        found = ledger.keys.find(text)
        assert found is not None
        assert (
            found.limits == replace(USUAL, at_once=3, megabytes=None) == ledger.keys.limits(key.id)
        )
        assert ledger.keys.limits(None) == Limits()
        with pytest.raises(BadInput, match="pictures_a_day must be above 0, not 0"):
            ledger.keys.limit("ada", {"pictures_a_day": 0})
        with pytest.raises(BadInput, match="no key 'cy'"):
            ledger.keys.limit("cy", {"at_once": 1})
