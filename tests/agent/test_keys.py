"""Keys are shown once and kept as hashes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from danqing.agent import keys as module
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.tools.errors import BadInput


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        yield ledger


def test_a_key_opens_until_it_is_revoked_and_is_kept_as_a_hash(ledger: Ledger) -> None:
    key, text = ledger.keys.make("ada")
    assert ledger.keys.find(text) == key
    assert text.startswith(f"dq-{key.id}-")
    secret = text.split("-", 2)[2]
    stored = b"".join(p.read_bytes() for p in ledger.home.root.glob("ledger*"))
    assert secret.encode() not in stored
    for wrong in (
        text[:-1],
        text + "a",
        f"dq-{key.id}-",
        f"xx{text[2:]}",
        "",
        "dq",
        "dq--",
        text.upper(),
    ):
        assert ledger.keys.find(wrong) is None
    assert ledger.keys.revoke("ada").id == key.id
    assert ledger.keys.find(text) is None
    with pytest.raises(BadInput, match="no key 'ada' that opens anything"):
        ledger.keys.revoke("ada")
    again, _ = ledger.keys.make("ada")
    assert [one.id for one in ledger.keys.all()] == [key.id, again.id]


def test_a_key_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = ledger.keys.make("ada", "read", days=2)
    assert key.scope == "read"
    assert ledger.keys.find(text) is not None

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=2, seconds=1)

    assert ledger.keys.opens(key.id)
    monkeypatch.setattr(module, "datetime", Later)
    assert ledger.keys.find(text) is None
    assert not ledger.keys.opens(key.id)


@pytest.mark.parametrize(("name", "days"), [(" ", None), ("a" * 81, None), ("b", 0.0), ("c", -1.0)])
def test_what_is_no_key_is_refused(ledger: Ledger, name: str, days: float | None) -> None:
    with pytest.raises(BadInput):
        ledger.keys.make(name, days=days)
    ledger.keys.make("taken")
    with pytest.raises(BadInput, match="called 'taken' already"):
        ledger.keys.make("taken")


def test_a_session_belongs_to_whoever_began_it(ledger: Ledger) -> None:
    key, _ = ledger.keys.make("ada")
    own, hers = ledger.new_session(), ledger.new_session(key.id)
    assert (ledger.owner(own), ledger.owner(hers)) == (None, key.id)
    for session in (own, hers):
        ledger.end_turn(ledger.begin_turn(session, "a", {}), {})
    assert [turn.session for turn in ledger.beginnings(None, 9)] == [own]
    assert [turn.session for turn in ledger.beginnings(key.id, 9)] == [hers]
    assert ledger.sessions(9) == [hers, own]
    with pytest.raises(BadInput, match="no session"):
        ledger.owner("nowhere")
