"""Deleting a session for good: its rows, its files, and what of both would linger on the disk.

One transaction takes the session out of the ledger and notes which files are left of it. Then those
go, and the log, which still has its words, is written into the database, which has zeros in their
place, and emptied. Killed before the transaction, nothing has happened; after it, `finish` does the
rest when the ledger is opened next. Ids are not used again.

A step of the session that answered an equal call in another one passes to that one with its
pictures, as if it had been run there. Whatever else was made from a picture that is gone keeps its
own pictures, and its past begins with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from ..tools.errors import BadInput
from . import durable
from .canonical import canonical, scrub
from .database import Database
from .home import Home
from .records import now
from .store import Store

HELD = (
    "SELECT digest FROM pictures JOIN step_pictures ON picture = pictures.id"
    " JOIN steps ON steps.id = step_pictures.step JOIN turns ON turns.id = steps.turn"
    " WHERE (session, picture) NOT IN (SELECT session, picture FROM forgotten)"
)
"""The digests of the pictures that some session has and has not given up."""
_HOLDERS = HELD.replace("SELECT digest", "SELECT session", 1)

_ENTRY = re.compile(r"^\+(.*)$", re.MULTILINE)
_TURNS = "(SELECT id FROM turns WHERE session = ?1)"
_STEPS = f"(SELECT id FROM steps WHERE turn IN {_TURNS})"
_PICTURES = f"(SELECT id FROM pictures WHERE step IN {_STEPS})"
_ROWS = (
    f"DELETE FROM verdicts WHERE turn IN {_TURNS} OR picture IN {_PICTURES}",
    f"DELETE FROM places WHERE session = ?1 OR picture IN {_PICTURES}",
    f"DELETE FROM forgotten WHERE session = ?1 OR picture IN {_PICTURES}",
    f"DELETE FROM replies WHERE turn IN {_TURNS}",
    f"DELETE FROM step_pictures WHERE step IN {_STEPS}",
    f"DELETE FROM pictures WHERE step IN {_STEPS}",
    f"DELETE FROM steps WHERE turn IN {_TURNS}",
    "DELETE FROM turns WHERE session = ?1",
    "DELETE FROM owners WHERE session = ?1",
)


@dataclass(frozen=True)
class Forgotten:
    """What became of a session's pictures, by handle: ``gone``, or ``passed`` to others."""

    gone: tuple[str, ...]
    passed: tuple[str, ...]


def delete(db: Database, store: Store, session: str) -> Forgotten:
    """Take a session of which no turn is running out of the ledger, inside `Database.writing`;
    `finish` has to follow. Raises `BadInput` where there is none."""
    session = scrub(session)
    row = db.first("SELECT created FROM sessions WHERE id = ?", session)
    if row is None:
        raise BadInput(f"There is no session {session!r}.")
    had = db.all(
        "SELECT DISTINCT digest FROM pictures JOIN step_pictures ON picture = pictures.id"
        f" WHERE step_pictures.step IN {_STEPS}",
        session,
    )
    said = db.all("SELECT request FROM turns WHERE session = ?", session)
    _untype(db.home, {row["request"] for row in said})
    passed = _pass_on(db, session)
    gone = [one["id"] for one in db.all(f"SELECT id FROM pictures WHERE step IN {_STEPS}", session)]
    for statement in _ROWS:
        db.execute(statement, session)
    for one in had:  # others may have them, too: they read them with a key of their own from now on
        heir = db.first(f"{_HOLDERS} AND digest = ? LIMIT 1", one["digest"])
        if heir is not None:
            store.pass_on(one["digest"], session, heir["session"])
    db.execute("DELETE FROM session_keys WHERE session = ?", session)
    db.execute("DELETE FROM sessions WHERE id = ?", session)
    _cut(db, gone)
    names = [f"img-{id}" for id in gone]
    copies = [f"img-{id}" for id in (*gone, *passed)]
    left = {"files": [one["digest"] for one in had], "copies": copies}
    db.execute(
        "INSERT INTO deleted VALUES (?, ?, ?, ?)", session, row["created"], now(), canonical(left)
    )
    return Forgotten(tuple(names), tuple(copies[len(names) :]))


def _pass_on(db: Database, session: str) -> list[int]:
    """Make of each step that answered other sessions the step of one of them; returns the ids of
    its pictures."""
    passed = []
    for row in db.all(
        "SELECT source, min(id) AS heir FROM steps"
        f" WHERE source IN {_STEPS} AND turn NOT IN {_TURNS} GROUP BY source",
        session,
    ):
        source, heir = row["source"], row["heir"]
        passed += [one["id"] for one in db.all("SELECT id FROM pictures WHERE step = ?", source)]
        db.execute("UPDATE steps SET outcome = 'done', source = NULL WHERE id = ?", heir)
        db.execute("UPDATE steps SET source = ? WHERE source = ?", heir, source)
        db.execute(
            "UPDATE pictures SET step = ?1, turn = (SELECT turn FROM steps WHERE id = ?1)"
            " WHERE step = ?2",
            heir,
            source,
        )
    return passed


def _cut(db: Database, gone: list[int]) -> None:
    """Let no picture have parents that are not there."""
    if not gone:
        return
    names = {f"img-{id}" for id in gone}
    for row in db.all(
        "SELECT id, parents FROM pictures WHERE id > ? AND EXISTS (SELECT 1 FROM"
        " json_each(parents) WHERE value IN (SELECT value FROM json_each(?)))",
        min(gone),
        canonical(sorted(names)),
    ):
        parents = [parent for parent in json.loads(row["parents"]) if parent not in names]
        db.execute("UPDATE pictures SET parents = ? WHERE id = ?", canonical(parents), row["id"])


def _untype(home: Home, requests: Collection[str]) -> None:
    """Take requests out of what was typed at the chat's prompt, where each entry is a line with the
    time after ``#``, and those of the entry after ``+``."""
    with durable.clear_errors(home.typed):
        if not home.typed.exists():
            return
        typed = home.typed.read_text("utf-8", "replace")
        entries = re.split(r"^(?=#)", typed, flags=re.MULTILINE)
        kept = [one for one in entries if "\n".join(_ENTRY.findall(one)).strip() not in requests]
        if len(kept) < len(entries):
            durable.write_file(home.typed, "".join(kept).encode())


def unfinished(db: Database) -> bool:
    """Whether something is left of a session that was deleted."""
    with db.reading():
        return db.first("SELECT 1 FROM deleted WHERE left IS NOT NULL") is not None


def finish(db: Database, store: Store) -> None:
    """Remove what is left of the sessions that were deleted. Raises `Stopped` where the disk or
    another process is in the way; the next call goes on."""
    with db.alone(), db.reading():  # nobody finishes a step in the meantime
        rows = db.all("SELECT session, left FROM deleted WHERE left IS NOT NULL")
        for row in rows:
            left = json.loads(row["left"])
            for digest in left.get("files", ()):
                if db.first(f"{HELD} AND digest = ? LIMIT 1", digest) is None:
                    store.remove(digest)
            for handle in left.get("copies", ()):
                with durable.clear_errors(store.home.pictures):
                    durable.remove(store.home.pictures / f"{handle}.png")
    for state in ("{}", None):  # the names of the files are gone with the log, too
        with db.writing():
            for row in rows:
                db.execute("UPDATE deleted SET left = ? WHERE session = ?", state, row["session"])
        if state is not None:
            db.compact()
