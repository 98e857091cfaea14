"""`danqing sessions` and `danqing forget`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from commandline import call
from prompt_toolkit.history import FileHistory
from pseudo_terminal import Terminal

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger


def said(home: Path, *requests: str) -> str:
    """A session with some requests, as if they had been typed at the prompt."""
    with Ledger(Home.open(home)) as ledger:
        session = ledger.new_session()
        for request in requests:
            FileHistory(str(home / "chat_history")).store_string(request)
            turn = ledger.begin_turn(session, request, {})
            ledger.end_turn(turn, {"reply": "", "picture": None})
    return session


def test_sessions_are_listed_and_deleted(home: Path) -> None:
    first, second = said(home, "a red house", "in two\nlines"), said(home, "a blue boat")
    FileHistory(str(home / "chat_history")).store_string("/help")
    listed = [line.split("\t") for line in call("sessions").stdout.splitlines()]
    assert [(line[0], *line[2:]) for line in listed] == [
        (second, "1 turn", "a blue boat"), (first, "2 turns", "in two lines"),
    ]  # fmt: skip
    refused = call("forget", first)
    assert refused.exit_code == 2 and "add --yes" in refused.stderr
    assert call("forget", first, "--yes").stdout == "Deleted 1 session with 2 turns.\n"
    assert second in call("sessions").stdout and first not in call("sessions").stdout
    typed = list(FileHistory(str(home / "chat_history")).load_history_strings())
    assert typed == ["/help", "a blue boat"]
    unknown = call("forget", first, "--yes")
    assert unknown.exit_code == 2 and f"There is no session '{first}'" in unknown.stderr
    assert call("forget").exit_code == 2


def test_old_sessions_are_deleted(home: Path) -> None:
    old, new = said(home, "a red house"), said(home, "a blue boat")
    with Ledger(Home.open(home)) as ledger:
        then = (datetime.now(UTC) - timedelta(days=9)).isoformat(timespec="milliseconds")
        with ledger._db.writing():
            ledger._db.execute(
                "UPDATE turns SET created = ?1, ended = ?1 WHERE session = ?2", then, old
            )
            ledger._db.execute("UPDATE sessions SET created = ? WHERE id = ?", then, old)
    assert call("forget", "--older-than", "10", "-y").stdout == "There is nothing to delete.\n"
    assert call("forget", "--older-than", "8", "-y").stdout == "Deleted 1 session with 1 turn.\n"
    assert new in call("sessions").stdout and old not in call("sessions").stdout


def test_at_a_terminal_it_asks_first(home: Path) -> None:
    session = said(home, "a red house")
    for answer, code in (("n", 1), ("y", 0)):
        with Terminal("forget", session) as terminal:
            terminal.see("Delete 1 session with 1 turn for good?")
            terminal.type(answer + "\r")
            assert terminal.process.wait(10) == code
    assert call("sessions").stdout == ""
