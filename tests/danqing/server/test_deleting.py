"""Sessions are deleted over HTTP, and by themselves when they are old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from running import Running, running

from danqing.server import desk, keeping


def words_on_disk(home: Path, words: str) -> list[str]:
    files = [file for file in home.rglob("*") if file.is_file()]
    return [file.name for file in files if words.encode() in file.read_bytes()]


def done(server: Running, turn: int) -> None:
    assert server.events(turn)[-1][1] == "done"


def test_a_deleted_session_is_not_there_any_more(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as server:
        turn = server.ask("a red house by the secret river", seed=7)
        done(server, turn["turn"])
        at = f"/api/v1/sessions/{turn['session']}"
        handle = server.http.get(at).json()["head"]
        assert words_on_disk(home, "secret river")
        answer = server.http.delete(at)
        assert (answer.status_code, answer.content) == (204, b"")
        assert words_on_disk(home, "secret river") == []
        assert list((home / "blobs").iterdir()) == [] == list((home / "pictures").iterdir())
        for path in (at, f"{at}/pictures/{handle}", f"/api/v1/turns/{turn['turn']}",
                     f"/api/v1/turns/{turn['turn']}/events", f"{at}/recipe"):  # fmt: skip
            assert server.http.get(path).status_code == 404, path
        assert server.http.delete(at).status_code == 404
        assert server.http.get("/api/v1/sessions").json() == []
        assert server.desk._jobs == {}
        done(server, server.ask("a red house")["turn"])


def test_what_a_deleted_session_was_at_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(desk, "PATIENCE", 0.1)
    with running(
        tmp_path / "home", before=lambda tool: go_on.wait(10) and None, at_once=1
    ) as server:
        first, queued = server.ask("a red house"), server.ask("a red house")
        while server.http.get(f"/api/v1/turns/{first['turn']}").json()["state"] != "running":
            time.sleep(0.01)
        assert server.http.delete(f"/api/v1/sessions/{queued['session']}").status_code == 204
        at = f"/api/v1/sessions/{first['session']}"
        answer = server.http.delete(at)
        assert answer.status_code == 409
        assert f"Turn {first['turn']} is being cancelled" in answer.json()["error"]["message"]
        assert server.http.get(at).status_code == 200
        go_on.set()
        monkeypatch.setattr(desk, "PATIENCE", 10)
        assert server.http.delete(at).status_code == 204
        assert server.desk.studio.ledger.turns(9) == []


def aged(server: Running, session: str, days: float) -> None:
    """Let all of a session have happened some days ago."""
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    db = server.desk.studio.ledger._db
    with db.writing():
        db.execute("UPDATE turns SET created = ? WHERE session = ?", then, session)
        db.execute("UPDATE turns SET ended = ?1 WHERE session = ?2 AND ended IS NOT NULL",
                   then, session)  # fmt: skip
        db.execute("UPDATE sessions SET created = ? WHERE id = ?", then, session)


def test_what_is_old_is_deleted_and_what_goes_on_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PAUSE", 0.05)
    go_on = threading.Event()
    go_on.set()
    with running(tmp_path / "home", before=lambda tool: go_on.wait(10) and None) as server:
        old, new, later = (server.ask(f"a red house, {n} trees") for n in (2, 3, 4))
        for turn in (old, new, later):
            done(server, turn["turn"])
        empty = server.session()
        go_on.clear()
        running_turn = server.ask("a red house")
        for turn in (old, running_turn):
            aged(server, turn["session"], 31)
        aged(server, empty, 31)
        left = {turn["session"] for turn in (new, later, running_turn)}
        ledger = server.desk.studio.ledger
        with keeping.keeping(server.desk, None):
            assert ledger.has_session(old["session"])
        with keeping.keeping(server.desk, 30):
            for one in (old["session"], empty):
                until(lambda one=one: not ledger.has_session(one))
            assert set(ledger.sessions(9)) == left
            assert old["turn"] not in server.desk._jobs
            aged(server, later["session"], 31)
            until(lambda: not ledger.has_session(later["session"]))
        aged(server, new["session"], 31)
        since = datetime.now(UTC) - timedelta(days=30)
        assert ledger.idle(since, new["session"])
        go_on.set()
        done(server, running_turn["turn"])
        done(server, server.ask("again", new["session"])["turn"])
        assert not server.desk.let_go(new["session"], since)
        assert ledger.has_session(new["session"])


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")
