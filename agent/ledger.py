"""The ledger: the durable record of turns, steps, pictures, verdicts and costs.

What it holds is true, and what a call has returned from is held: intent first (`begin_step`), then
the tool's work, then the pictures' files, then one transaction that marks the step done, and only
then does `finish_step` return. After a crash at any instant `unfinished` names the turns that were
cut short, `reopen_turn` takes one up, and `find_step` answers every step that had been finished.

Two processes may share a home (see `database`); a turn belongs to the one that holds its lock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import re
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..tools.errors import BadInput, Stopped, ToolError
from . import converting, durable, forgetting
from .canonical import canonical, digest, scrub
from .database import Database
from .forgetting import HELD, Forgotten
from .home import Home
from .keys import Keys
from .quota import Quota
from .records import (
    SEALED,
    Failure,
    Json,
    Outcome,
    Picture,
    Row,
    Step,
    Turn,
    TurnRecord,
    VerdictRow,
    now,
)
from .store import Store, Swept

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "Failure",
    "Json",
    "Ledger",
    "Outcome",
    "Picture",
    "Step",
    "Turn",
    "TurnRecord",
    "VerdictRow",
    "step_key",
]

_TOLD = ("brief", "plan", "outcome")
_HANDLE = re.compile(r"img-([1-9][0-9]{0,17})")


def step_key(tool: str, args: Json, inputs: Sequence[str], seed: int | None, models: str) -> str:
    """What makes two calls the same call: SHA-256 over all that its result depends on.

    ``inputs`` are digests, not handles; ``models`` says which weights ran ("" for none).
    """
    return digest([tool, args, list(inputs), seed, models])


class Ledger:
    """The ledger of one home, and its picture ``store``. Threads may share it.

    Raises `Stopped` where the disk, another process or a damaged file ends the work, and
    `ToolError` for a handle that is not there. What is kept as JSON is scrubbed first: NULs and
    lone surrogates become U+FFFD; a number that is not finite is a `ValueError`.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        converting.finish(home)
        self._open: dict[int, durable.Lock] = {}
        self._told: dict[int, list[Json]] = {}
        with contextlib.ExitStack() as undo:
            undo.callback(converting.stay(home).release)
            self._db = Database(home)
            undo.callback(self._db.close)
            self._vault = converting.vault_of(self._db)
            self._held_open = undo.pop_all()
        self.store = Store(home, self._vault)
        self.keys = Keys(self._db)
        self.quota = Quota(self._db, self.keys, self.held)
        if forgetting.unfinished(self._db):
            with contextlib.suppress(Stopped):  # no reason to be stuck; the next start does it
                forgetting.finish(self._db, self.store)

    @property
    def sealed(self) -> bool:
        """Whether the home is encrypted."""
        return self._vault is not None

    def close(self) -> None:
        """Let go of the file and of the turns that are open; those become unfinished."""
        for lock in self._open.values():
            lock.release()
        self._open.clear()
        self._held_open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    # Turns.

    def new_session(self, owner: str | None = None) -> str:
        """The id of a new, empty session, eight letters and digits, which belongs to the key whose
        id is ``owner``, or else to the home."""
        used = "SELECT 1 FROM sessions WHERE id = ?1 UNION SELECT 1 FROM deleted WHERE session = ?1"
        with self._db.writing():
            while self._db.first(used, session := secrets.token_hex(4)) is not None:
                continue
            self._db.insert("INSERT INTO sessions VALUES (?, ?)", session, now())
            if self._vault is not None:
                key = self._vault.new_key(session)
                self._db.insert("INSERT INTO session_keys VALUES (?, ?)", session, key)
            if owner is not None:
                self._db.insert("INSERT INTO owners VALUES (?, ?)", session, owner)
        return session

    def owner(self, session: str) -> str | None:
        """The id of the key that a session belongs to; None for the home's own. Raises `BadInput`
        as `check_session`."""
        with self._db.reading(once=True):
            row = self._db.first(
                "SELECT key FROM sessions LEFT JOIN owners ON session = id WHERE id = ?",
                scrub(session),
            )
            if row is None:
                self.check_session(session)
            return None if row is None or row["key"] is None else str(row["key"])

    def held(self, owner: str) -> int:
        """The bytes of the files of all pictures that the sessions of a key have, each once."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT DISTINCT digest FROM owners JOIN turns USING (session)"
                " JOIN steps ON steps.turn = turns.id"
                " JOIN step_pictures ON step_pictures.step = steps.id"
                " JOIN pictures ON pictures.id = picture WHERE owners.key = ?"
                " AND (session, picture) NOT IN (SELECT session, picture FROM forgotten)",
                owner,
            )
        return sum(self.store.size(row["digest"]) for row in rows)

    def sessions_of(self, owner: str | None, limit: int) -> list[str]:
        """The newest ``limit`` sessions of an owner that have a turn, newest first."""
        return [turn.session for turn in self.beginnings(owner, limit)]

    def beginnings(self, owner: str | None, limit: int) -> list[Turn]:
        """The first turn of each session of `sessions_of`."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT turns.* FROM turns JOIN (SELECT min(turns.id) AS first, max(turns.id) AS"
                " last FROM turns LEFT JOIN owners USING (session) WHERE owners.key IS ?"
                " GROUP BY turns.session ORDER BY last DESC LIMIT ?) ON turns.id = first"
                " ORDER BY last DESC",
                owner,
                limit,
            )
            return [Turn.of(self._unsealed("turns", row)) for row in rows]

    def check_session(self, session: str) -> None:
        """Raise `BadInput` where there is no such session."""
        if not self.has_session(session):
            newest = ", ".join(self.sessions(3)) or "none"
            raise BadInput(
                f"There is no session {session!r}.", hint=f"The newest ones are: {newest}."
            )

    def has_session(self, session: str) -> bool:
        """Whether there is such a session."""
        with self._db.reading(once=True):
            there = self._db.first("SELECT 1 FROM sessions WHERE id = ?", scrub(session))
            return there is not None

    def session_of(self, turn: int) -> str:
        """The session of a turn; `BadInput` if there is none."""
        with self._db.reading(once=True):
            return str(self._turn_row(turn)["session"])

    def begin_turn(self, session: str, request: str, options: Json) -> Turn:
        """Record ``request`` durably and hold its turn for this process until `end_turn`. Where its
        session is a key's, the turn's budget is clipped to what is left to that.

        Raises `UsedUp` where nothing is, and `StorageFull`.
        """
        owner = self.owner(session)
        if owner is not None:
            self.quota.check_room(owner)
        with contextlib.ExitStack() as undo:
            with self._db.writing():
                if self._db.first("SELECT 1 FROM sessions WHERE id = ?", scrub(session)) is None:
                    raise BadInput(f"There is no session {session!r}.")
                next_ = self._next("turns")
                if owner is not None:
                    options = self.quota.clipped(owner, options)
                id = self._db.insert(
                    "INSERT INTO turns (id, session, request, options, created)"
                    " VALUES (?, ?, ?, ?, ?)",
                    next_,
                    session,
                    self._seal(session, "turns.request", next_, scrub(request)),
                    self._seal(session, "turns.options", next_, canonical(options)),
                    now(),
                )
                if owner is not None:
                    self.quota.set_aside(owner, id, options)
                # The lock comes before the row is seen: nobody may take the turn for a crashed one.
                lock = self._turn_lock(id)
                undo.callback(lock.release, gone=True)
                row = self._db.one("SELECT * FROM turns WHERE id = ?", id)
                turn = Turn.of(self._unsealed("turns", row))
            undo.pop_all()
        self._open[id] = lock
        return turn

    def record_brief(self, turn: Turn | int, brief: Json) -> None:
        """Freeze the turn's Brief; a second, different one is a `ValueError`."""
        text = canonical(brief)
        with self._db.writing():
            id = self._held(turn)
            before = self._unsealed("turns", self._turn_row(id))["brief"]
            if before is None:
                sealed = self._seal(turn, "turns.brief", id, text)
                self._db.execute("UPDATE turns SET brief = ? WHERE id = ?", sealed, id)
            elif before != text:
                raise ValueError(f"turn {id} has a Brief already; it cannot become {text}")

    def record_plan(self, turn: Turn | int, plan: Sequence[Json]) -> None:
        """Keep the turn's plan, in place of the one before."""
        with self._db.writing():
            id = self._held(turn)
            text = self._seal(turn, "turns.plan", id, canonical(list(plan)))
            self._db.execute("UPDATE turns SET plan = ? WHERE id = ?", text, id)

    def record_reply(self, turn: Turn | int, key: str, reply: Json) -> None:
        """Keep what a language model replied to what has the ``key``."""
        key = self._kept(key)
        with self._db.writing():
            id = self._held(turn)
            text = self._seal(turn, "replies.reply", f"{id} {key}", canonical(reply))
            self._db.insert("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)",
                            id, key, text, now())  # fmt: skip

    def reply(self, turn: Turn | int, key: str) -> Json | None:
        """What a language model replied in this turn to what has the ``key``, if it was asked."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.reading():
            row = self._db.first(
                "SELECT * FROM replies WHERE turn = ? AND key = ?", id, self._kept(key)
            )
            return None if row is None else json.loads(self._unsealed("replies", row)["reply"])

    def replies(self, turn: Turn | int) -> list[Json]:
        """All that `record_reply` kept of this turn."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.reading():
            rows = self._db.all("SELECT * FROM replies WHERE turn = ? ORDER BY created", id)
            return [json.loads(self._unsealed("replies", row)["reply"]) for row in rows]

    def tell(self, turn: Turn | int, event: Json) -> None:
        """Keep an event of the turn from when it ends; a turn that is cut short before tells all
        of them again."""
        self._told.setdefault(self._held(turn), []).append(event)

    def told(self, turn: Turn | int) -> list[Json]:
        """What `tell` kept of a turn that has ended, in order."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.reading():
            row = self._db.first("SELECT * FROM told WHERE turn = ?", id)
            return [] if row is None else list(json.loads(self._unsealed("told", row)["events"]))

    def mark_unwanted(self, turn: Turn | int) -> None:
        """Record that nobody wants a turn any more that has not ended yet, so that whoever takes it
        up only ends it."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.writing():
            self._db.execute(
                "INSERT OR IGNORE INTO unwanted SELECT id, ? FROM turns"
                " WHERE id = ? AND ended IS NULL",
                now(), id,
            )  # fmt: skip

    def unwanted(self, turn: Turn | int) -> bool:
        """Whether a turn was marked by `mark_unwanted`."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.reading(once=True):
            return self._db.first("SELECT 1 FROM unwanted WHERE turn = ?", id) is not None

    def end_turn(self, turn: Turn | int, outcome: Json) -> None:
        """Record how the turn ended, once, with all that it told, and give up its lock. The
        conversation then stands at the ``picture`` of the outcome, where there is one."""
        with self._db.writing():
            id = self._held(turn)
            self._close_steps(id, "cancelled", "the turn ended before the step did")
            self.quota.settle(id, lambda: outcome.get("cost") or self._cost(id))
            self._db.execute(
                "UPDATE turns SET outcome = ?, ended = ? WHERE id = ?",
                self._seal(turn, "turns.outcome", id, canonical(outcome)),
                now(),
                id,
            )
            if told := self._told.get(id):
                text = self._seal(turn, "told.events", id, canonical(told))
                self._db.insert("INSERT INTO told VALUES (?, ?)", id, text)
            if outcome.get("picture") is not None:
                session = self._db.one("SELECT session FROM turns WHERE id = ?", id)[0]
                self._stand(session, outcome["picture"])
        self._told.pop(id, None)
        with durable.clear_errors(self.home.locks):
            self._open.pop(id).release(gone=True)

    def turn(self, id: int) -> TurnRecord:
        """Everything about one turn; `BadInput` if there is none with this ``id``."""
        with self._db.reading():
            return self._record(self._turn_row(id))

    def turns(self, limit: int, session: str | None = None) -> list[TurnRecord]:
        """The newest ``limit`` turns, of one session or of all, newest first."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT * FROM turns WHERE ?1 IS NULL OR session = ?1 ORDER BY id DESC LIMIT ?2",
                session,
                limit,
            )
            return [self._record(row) for row in rows]

    def outlines(self, session: str) -> list[TurnRecord]:
        """Every turn of a session without its steps, pictures and verdicts, oldest first: enough to
        know what was said and what came of it, in one read."""
        with self._db.reading(once=True):
            rows = self._db.all("SELECT * FROM turns WHERE session = ? ORDER BY id", scrub(session))
            return [self._outline(row) for row in rows]

    def unfinished(self) -> list[TurnRecord]:
        """The turns that were cut short: not ended, and their process is gone. Oldest first."""
        with self._db.alone(), self._db.reading():  # alone: asking takes each lock for a moment
            rows = self._db.all("SELECT * FROM turns WHERE ended IS NULL ORDER BY id")
            return [self._record(row) for row in rows if self._abandoned(row["id"])]

    def reopen_turn(self, id: int) -> Turn:
        """Take up an unfinished turn; the steps it was in the middle of are marked ``crashed``.

        Raises `BadInput` if there is no such turn or it has ended, `Stopped` if it is running.
        """
        with contextlib.ExitStack() as undo:
            with self._db.writing():
                row = self._turn_row(id)
                if row["ended"] is not None:
                    raise BadInput(f"Turn {id} has ended; there is nothing left to resume.")
                lock = self._turn_lock(id)
                undo.callback(lock.release)
                self._close_steps(id, "crashed", "the process ended before the step did")
            undo.pop_all()
        self._open[id] = lock
        return Turn.of(self._unsealed("turns", row))

    # Where a conversation stands.

    def sessions(self, limit: int) -> list[str]:
        """The ids of the newest ``limit`` sessions that have a turn, newest first."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT session FROM turns GROUP BY session ORDER BY max(id) DESC LIMIT ?", limit
            )
            return [row["session"] for row in rows]

    def places(self, session: str) -> list[str | None]:
        """The handles of the pictures that a session has stood at, oldest first; None where it
        stood before its first."""
        with self._db.reading(once=True):
            rows = self._db.all(
                "SELECT picture FROM places WHERE session = ? ORDER BY id", scrub(session)
            )
            return [None if row[0] is None else f"img-{row[0]}" for row in rows]

    def stand_at(self, session: str, handle: str | None) -> None:
        """Record that a session now stands at a picture, or before its first."""
        with self._db.writing():
            self._stand(session, handle)

    def _stand(self, session: str, handle: str | None) -> None:
        self._db.insert(
            "INSERT INTO places (session, picture, created) VALUES (?, ?, ?)",
            scrub(session),
            None if handle is None else self._picture_id(handle),
            now(),
        )

    def forget(self, session: str, handles: Collection[str]) -> int:
        """Give up a session's pictures for good: the files go of those that no session holds any
        more; what the ledger says of them stays. Returns how many files went."""
        with self._db.writing():
            for handle in handles:
                self._db.execute(
                    "INSERT OR IGNORE INTO forgotten VALUES (?, ?, ?)",
                    scrub(session),
                    self._picture_id(handle),
                    now(),
                )
        # Only what is on record as given up goes, and nobody finishes a step in the meantime.
        with self._db.alone(), self._db.reading():
            rows = self._db.all(f"SELECT digest FROM pictures EXCEPT {HELD}")
            return sum(self.store.remove(row["digest"]) for row in rows)

    def forgotten(self, session: str) -> frozenset[str]:
        """The handles of all pictures that a session gave up."""
        with self._db.reading(once=True):
            rows = self._db.all("SELECT picture FROM forgotten WHERE session = ?", scrub(session))
            return frozenset(f"img-{row[0]}" for row in rows)

    def there(self, handles: Collection[str]) -> frozenset[str]:
        """Those of some handles whose pictures are in the ledger; not those of deleted sessions."""
        ids = [int(form[1]) for handle in handles if (form := _HANDLE.fullmatch(handle))]
        with self._db.reading():
            rows = self._db.all(
                "SELECT id FROM pictures WHERE id IN (SELECT value FROM json_each(?))",
                canonical(ids),
            )
            return frozenset(f"img-{row['id']}" for row in rows)

    def delete_session(self, session: str) -> Forgotten:
        """Delete a session for good: on return nothing of its words and pictures is on the disk,
        and it answers as one that never was; `forgetting` tells what passes to others.

        Raises `BadInput` where there is none, and `Stopped` where one of its turns is running, or
        where another process keeps what was deleted from being written over.
        """
        with contextlib.ExitStack() as locks, self._db.writing():
            rows = self._db.all(
                "SELECT id FROM turns WHERE session = ? AND ended IS NULL", scrub(session)
            )
            for row in rows:
                locks.callback(self._turn_lock(row["id"]).release, gone=True)
            forgotten = forgetting.delete(self._db, self.store, session)
        if self._vault is not None:
            self._vault.close(session)
        forgetting.finish(self._db, self.store)
        return forgotten

    def idle(self, since: datetime, session: str | None = None) -> list[str]:
        """The sessions, of one or of all, in which nothing has happened since a time, oldest
        first."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT sessions.id, max(coalesce(turns.ended, turns.created, sessions.created))"
                " AS last FROM sessions LEFT JOIN turns ON session = sessions.id"
                " WHERE sessions.created < ?2 AND (?1 IS NULL OR sessions.id = ?1)"
                " GROUP BY sessions.id HAVING last < ?2 ORDER BY last",
                session,
                since.astimezone(UTC).isoformat(timespec="milliseconds"),
            )
            return [row["id"] for row in rows]

    # Steps.

    def key(
        self, tool: str, args: Json, inputs: Sequence[str], seed: int | None, models: str
    ) -> str:
        """A `step_key` as this home keeps it: none that can be guessed, where it is encrypted."""
        return self._kept(step_key(tool, args, inputs, seed, models))

    def find_step(self, key: str, turn: Turn | int | None = None) -> Step | None:
        """The newest finished step with this ``key``, of any turn, whose pictures are all there
        and were not given up; first that which ``turn`` had already, so that one that is taken up
        again has the same handles."""
        with self._db.reading():
            rows = self._db.all(
                "SELECT * FROM steps WHERE key = ?1 AND outcome = 'done' AND id NOT IN (SELECT step"
                " FROM step_pictures JOIN forgotten USING (picture)) ORDER BY id IN (SELECT"
                " coalesce(source, id) FROM steps WHERE turn = ?2 AND key = ?1) DESC, id DESC",
                key,
                turn.id if isinstance(turn, Turn) else turn,
            )
            for row in rows:
                step = self._step(row)
                if all(self.store.has(picture.digest) for picture in step.pictures):
                    return step
        return None

    def begin_step(
        self,
        turn: Turn | int,
        tool: str,
        args: Json,
        inputs: Mapping[str, str],
        seed: int | None,
        key: str,
    ) -> Step:
        """Record the intent to run ``tool``, before it runs. ``inputs`` are handles by the names of
        the tool's parameters."""
        with self._db.writing():
            for handle in inputs.values():
                self._picture_id(handle)
            next_ = self._next("steps")
            id = self._db.insert(
                "INSERT INTO steps (id, turn, tool, args, inputs, seed, key, outcome, cost,"
                " created) VALUES (?, ?, ?, ?, ?, ?, ?, 'begun', '{}', ?)",
                next_,
                self._held(turn),
                scrub(tool),
                self._seal(turn, "steps.args", next_, canonical(args)),
                canonical(dict(inputs)),
                _seed(seed),
                key,
                now(),
            )
            return self._step(self._db.one("SELECT * FROM steps WHERE id = ?", id))

    def finish_step(
        self, step: Step, images: Sequence[Image.Image], value: Json | None, cost: Json
    ) -> Step:
        """Keep what ``step`` made: its pictures' files, then in one transaction all the rest.

        ``value`` is what a tool said rather than drew. A call that named a seed for each picture
        (``args["seeds"]``) gives each its own. Returns the finished step, with handles.
        """
        seeds = step.args.get("seeds")
        if not isinstance(seeds, list) or len(seeds) != len(images):
            seeds = [step.seed] * len(images)
        session = "" if self._vault is None else self.session_of(step.turn)
        kept = [(self.store.put(image, session), image.width, image.height) for image in images]
        with self._db.writing():
            self._end_step(step, "done", value=value, cost=cost)
            for image, (name, *_) in zip(images, kept, strict=True):
                if not self.store.has(name):  # given up by another session just now
                    self.store.put(image, session)
            for position, (name, width, height) in enumerate(kept):
                picture = self._db.insert(
                    "INSERT INTO pictures (digest, width, height, parents, step, turn, seed,"
                    " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    name,
                    width,
                    height,
                    canonical(list(dict.fromkeys(step.inputs.values()))),
                    step.id,
                    step.turn,
                    _seed(seeds[position]),
                    now(),
                )
                self._db.insert(
                    "INSERT INTO step_pictures VALUES (?, ?, ?)", step.id, position, picture
                )
            return self._step(self._db.one("SELECT * FROM steps WHERE id = ?", step.id))

    def reuse_step(self, turn: Turn | int, step: Step) -> Step | None:
        """Record that in ``turn`` the same call was answered by the earlier ``step``; None where
        that has been deleted meanwhile."""
        with self._db.writing():
            source = self._db.first("SELECT * FROM steps WHERE id = ?", step.id)
            if source is None:
                return None
            said = self._unsealed("steps", source)
            next_ = self._next("steps")
            id = self._db.insert(
                "INSERT INTO steps (id, turn, tool, args, inputs, seed, key, outcome, value, cost,"
                " source, created, ended)"
                " SELECT ?1, ?2, tool, ?3, inputs, seed, key, 'reused', ?4, '{}', id, ?5, ?5"
                " FROM steps WHERE id = ?6 AND outcome = 'done'",
                next_,
                self._held(turn),
                self._seal(turn, "steps.args", next_, said["args"]),
                self._seal(turn, "steps.value", next_, said["value"]),
                now(),
                step.id,
            )
            self._db.insert(
                "INSERT INTO step_pictures SELECT ?1, position, picture FROM step_pictures"
                " WHERE step = ?2",
                id,
                step.id,
            )
            return self._step(self._db.one("SELECT * FROM steps WHERE id = ?", id))

    def fail_step(self, step: Step, error: str, outcome: Failure) -> Step:
        """Record that ``step`` ended without a result, and why."""
        with self._db.writing():
            self._end_step(step, outcome, error=scrub(error))
            return self._step(self._db.one("SELECT * FROM steps WHERE id = ?", step.id))

    def take_in(self, turn: Turn | int, data: bytes | Path) -> Picture:
        """An upload as a picture of ``turn``, by a step of the tool ``upload``.

        Raises `BadInput` for what is no picture, and `StorageFull`.
        """
        session = self.session_of(turn) if isinstance(turn, int) else turn.session
        owner = self.owner(session)
        if owner is not None:
            size = len(data) if isinstance(data, bytes) else data.stat().st_size
            self.quota.check_room(owner, size)
        digest = self.store.take_in(data, session)
        key = self.key("upload", {}, [digest], None, owner or "")
        earlier = self.find_step(key)
        if earlier is not None and (reused := self.reuse_step(turn, earlier)) is not None:
            return reused.pictures[0]
        step = self.begin_step(turn, "upload", {}, {}, None, key)
        return self.finish_step(step, [self.store.get(digest)], None, {}).pictures[0]

    # Pictures and verdicts.

    def picture(self, handle: str) -> Picture:
        """The picture of this handle; a `ToolError` names the nearest ones if there is none."""
        with self._db.reading(once=True):
            return Picture.of(self._picture_row(handle))

    def file(self, picture: Picture) -> Path:
        """A file of a picture that every program can show: the store's own, or of an encrypted home
        a copy in the home's ``pictures``, which is made if there is none."""
        if self._vault is None:
            return self.store.path(picture.digest)
        copy = self.home.pictures / f"{picture.handle}.png"
        if not copy.exists():
            _, png = self.store.read(picture.digest)
            with durable.clear_errors(copy):
                durable.write_file(copy, png)
        return copy

    def owners(self, handle: str) -> frozenset[str]:
        """The sessions that have this picture and did not give it up; several, where equal calls
        were answered by one step, and none for a picture that is not there."""
        form = _HANDLE.fullmatch(handle)
        with self._db.reading(once=True):
            rows = self._db.all(
                "SELECT DISTINCT session FROM step_pictures JOIN steps ON steps.id = step"
                " JOIN turns ON turns.id = steps.turn WHERE picture = ?"
                " AND (session, picture) NOT IN (SELECT session, picture FROM forgotten)",
                None if form is None else int(form[1]),
            )
            return frozenset(row["session"] for row in rows)

    def may_use(self, session: str, handle: str) -> bool:
        """Whether a picture is there for a session: for the home's own every one, and for a key's
        what sessions of that key have. Raises `BadInput` as `check_session`."""
        owner = self.owner(session)
        if owner is None:
            form = _HANDLE.fullmatch(handle)
            with self._db.reading(once=True):
                there = "SELECT 1 FROM pictures WHERE id = ?"
                return form is not None and self._db.first(there, int(form[1])) is not None
        return any(self.owner(other) == owner for other in self.owners(handle))

    def step_of(self, handle: str) -> Step:
        """The step that made the picture of this handle."""
        with self._db.reading():
            step = self._picture_row(handle)["step"]
            return self._step(self._db.one("SELECT * FROM steps WHERE id = ?", step))

    def record_verdict(self, turn: Turn | int, handle: str, verdict: Json) -> None:
        """Keep a judge's verdict on one picture."""
        with self._db.writing():
            next_ = self._next("verdicts")
            self._db.insert(
                "INSERT INTO verdicts (id, turn, picture, verdict, created) VALUES (?, ?, ?, ?, ?)",
                next_,
                self._held(turn),
                self._picture_id(handle),
                self._seal(turn, "verdicts.verdict", next_, canonical(verdict)),
                now(),
            )

    def verdicts(self, turn: Turn | int) -> list[VerdictRow]:
        """The turn's verdicts in the order they were given."""
        id = turn if isinstance(turn, int) else turn.id
        with self._db.reading(once=True):
            rows = self._db.all("SELECT * FROM verdicts WHERE turn = ? ORDER BY id", id)
            return [VerdictRow.of(self._unsealed("verdicts", row)) for row in rows]

    # Care.

    def sweep(self) -> Swept:
        """Remove what crashes left in the store; nothing that the ledger names is touched."""
        with self._db.reading():
            first = self._db.one(
                "SELECT min(created) FROM (SELECT created FROM sessions"
                " UNION ALL SELECT created FROM deleted)"
            )[0]
        since = math.inf if first is None else datetime.fromisoformat(first).timestamp()
        return self.store.sweep(self._digests, since)

    def check(self) -> list[str]:
        """What is wrong with the ledger and the pictures it names, in words; empty if nothing is.

        Reads everything; meant for a doctor's visit, not for every start.
        """
        with self._db.reading():
            wrong = [
                f"{self.home.ledger}: {row[0]}"
                for row in self._db.all("PRAGMA integrity_check")
                if row[0] != "ok"
            ]
            wrong += [
                f"{self.home.ledger}: a row of {row['table']} names a {row['parent']} that is gone"
                for row in self._db.all("PRAGMA foreign_key_check")
            ]
        wrong += self._closed()
        for name in sorted(self._digests()):
            try:
                self.store.read(name)
            except Stopped as stopped:
                wrong.append(str(stopped.args[0]))
        return wrong

    # Inside.

    def _seal(
        self, whose: Turn | int | str, place: str, id: int | str | None, text: str | None
    ) -> str | None:
        """A text as the row ``id`` of a turn, or of a session, has it in its column ``place``."""
        if self._vault is None or text is None:
            return text
        session = whose.session if isinstance(whose, Turn) else whose
        session = self.session_of(session) if isinstance(session, int) else session
        return self._vault.seal(session, f"{place} {id}", text)

    def _unsealed(self, table: str, row: sqlite3.Row, session: str | None = None) -> Row:
        """A row of one of the tables in `SEALED`, to be read."""
        if self._vault is None:
            return row
        if session is None:
            session = row["session"] if table == "turns" else self.session_of(row["turn"])
        return converting.unsealed(self._vault, table, row, session)

    def _next(self, table: str) -> int | None:
        """The id that the next row of a table has, where what is in it is bound to that."""
        if self._vault is None:
            return None
        row = self._db.first("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return 1 if row is None else int(row["seq"]) + 1

    def _kept(self, key: str) -> str:
        return key if self._vault is None else self._vault.blind(key)

    def _turn_row(self, id: int) -> sqlite3.Row:
        row = None
        if 0 < id < 2**63:  # what SQLite can look for
            row = self._db.first("SELECT * FROM turns WHERE id = ?", id)
        if row is None:
            raise BadInput(f"There is no turn {id!r}.")
        return row

    def _held(self, turn: Turn | int) -> int:
        id = turn if isinstance(turn, int) else turn.id
        if id not in self._open:
            raise ValueError(f"turn {id} is not open in this ledger: it ended or was not reopened")
        return id

    def _turn_lock(self, id: int) -> durable.Lock:
        lock = durable.lock(self.home.locks / f"turn-{id}")
        if lock is None:
            raise Stopped(
                f"Turn {id} is still running.",
                kept="It was not touched.",
                hint="Wait for it, or end its process, and try again.",
            )
        return lock

    def _abandoned(self, id: int) -> bool:
        lock = durable.lock(self.home.locks / f"turn-{id}")
        if lock is not None:
            lock.release()
        return lock is not None

    def _picture_id(self, handle: str) -> int:
        return int(self._picture_row(handle)["id"])

    def _picture_row(self, handle: str) -> sqlite3.Row:
        """The row of ``handle``; a `ToolError` that names the nearest handles if there is none."""
        form = _HANDLE.fullmatch(handle)
        if form is not None:
            id = int(form[1])
            if (row := self._db.first("SELECT * FROM pictures WHERE id = ?", id)) is not None:
                return row
            near = self._db.all("SELECT id FROM pictures ORDER BY abs(id - ?) LIMIT 3", id)
        else:
            near = self._db.all("SELECT id FROM pictures ORDER BY id DESC LIMIT 3")
        names = ", ".join(f"img-{row['id']}" for row in sorted(near, key=lambda row: row["id"]))
        raise ToolError(
            f"there is no picture {handle!r}; "
            + (f"near it: {names}" if names else "there are none")
        )

    def _end_step(
        self,
        step: Step,
        outcome: Outcome,
        *,
        value: Json | None = None,
        cost: Json | None = None,
        error: str | None = None,
    ) -> None:
        self._held(step.turn)
        ended = self._db.execute(
            "UPDATE steps SET outcome = ?, value = ?, cost = ?, error = ?, ended = ?"
            " WHERE id = ? AND outcome = 'begun'",
            outcome,
            self._seal(
                step.turn, "steps.value", step.id, None if value is None else canonical(value)
            ),
            canonical(cost or {}),
            self._seal(step.turn, "steps.error", step.id, error),
            now(),
            step.id,
        )
        if ended.rowcount != 1:
            raise ValueError(f"step {step.id} has ended already; it cannot become {outcome!r}")

    def _close_steps(self, turn: int, outcome: Failure, error: str) -> None:
        """No step stays begun once nobody works at it."""
        rows = self._db.all("SELECT id FROM steps WHERE turn = ? AND outcome = 'begun'", turn)
        for row in rows:
            self._db.execute(
                "UPDATE steps SET outcome = ?, error = ?, ended = ? WHERE id = ?",
                outcome,
                self._seal(turn, "steps.error", row["id"], error),
                now(),
                row["id"],
            )

    def _step(self, row: sqlite3.Row) -> Step:
        return self._steps([row])[0]

    def _steps(self, rows: Sequence[sqlite3.Row], session: str | None = None) -> list[Step]:
        had: dict[int, list[Picture]] = {row["id"]: [] for row in rows}
        for picture in self._db.all(
            "SELECT step_pictures.step AS had_by, pictures.* FROM step_pictures JOIN pictures"
            " ON pictures.id = picture WHERE had_by IN (SELECT value FROM json_each(?))"
            " ORDER BY position",
            canonical([*had]),
        ):
            had[picture["had_by"]].append(Picture.of(picture))
        return [
            Step.of(self._unsealed("steps", row, session), tuple(had[row["id"]])) for row in rows
        ]

    def _record(self, row: sqlite3.Row) -> TurnRecord:
        turn = self._outline(row)
        rows = self._db.all("SELECT * FROM steps WHERE turn = ? ORDER BY id", turn.id)
        steps = tuple(self._steps(rows, turn.session))
        pictures = {picture.handle: picture for step in steps for picture in step.pictures}
        return dataclasses.replace(
            turn, steps=steps, pictures=tuple(pictures.values()),
            verdicts=tuple(self.verdicts(turn)),
        )  # fmt: skip

    def _outline(self, row: sqlite3.Row) -> TurnRecord:
        said = self._unsealed("turns", row)
        told = {name: said[name] and json.loads(said[name]) for name in _TOLD}
        return TurnRecord(
            **vars(Turn.of(said)), **told, ended=said["ended"], steps=(), pictures=(), verdicts=()
        )

    def _closed(self) -> list[str]:
        """What of an encrypted home cannot be opened."""
        wrong: dict[str, None] = {}
        for table in SEALED if self._vault is not None else ():
            with self._db.reading():
                for row in self._db.all(f"SELECT * FROM {table}"):
                    try:
                        self._unsealed(table, row)
                    except Stopped as stopped:
                        wrong[str(stopped.args[0])] = None
        return list(wrong)

    def _cost(self, turn: int) -> Json:
        """What a turn used that ended before it was reckoned up: by its steps and replies."""
        record = self.turn(turn)
        return {
            "pictures": sum(picture.turn == turn for picture in record.pictures),
            "seconds": sum(step.cost.get("seconds", 0.0) for step in record.steps),
            "money": sum(reply.get("money") or 0.0 for reply in self.replies(turn)),
        }

    def _digests(self) -> set[str]:
        with self._db.reading():
            rows = self._db.all(HELD)
            return {row["digest"] for row in rows}


def _seed(seed: int | None) -> int | None:
    if seed is not None and not -(2**63) <= seed < 2**63:
        raise ToolError(f"a seed is a whole number of 64 bits, not {seed!r}")
    return seed
