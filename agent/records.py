"""What the ledger holds: its rows as they are handed out, and the tables they are kept in."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

Json = dict[str, Any]
Outcome = Literal["begun", "done", "reused", "failed", "cancelled", "crashed"]
Failure = Literal["failed", "cancelled", "crashed"]
Row: TypeAlias = sqlite3.Row | Json
"""A row of a table by the names of its columns; of an encrypted home, one that was opened."""

SCHEMA_VERSION = 5
SCHEMA = (
    """CREATE TABLE sessions (
        id TEXT PRIMARY KEY, created TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE turns (
        id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL REFERENCES sessions,
        request TEXT NOT NULL, options TEXT NOT NULL, created TEXT NOT NULL,
        brief TEXT, plan TEXT, outcome TEXT, ended TEXT
    ) STRICT""",
    """CREATE TABLE steps (
        id INTEGER PRIMARY KEY AUTOINCREMENT, turn INTEGER NOT NULL REFERENCES turns,
        tool TEXT NOT NULL, args TEXT NOT NULL, inputs TEXT NOT NULL, seed INTEGER,
        key TEXT NOT NULL, outcome TEXT NOT NULL CHECK (
            outcome IN ('begun', 'done', 'reused', 'failed', 'cancelled', 'crashed')
        ),
        value TEXT, cost TEXT NOT NULL, error TEXT, source INTEGER REFERENCES steps,
        created TEXT NOT NULL, ended TEXT
    ) STRICT""",
    """CREATE TABLE pictures (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, width INTEGER NOT NULL,
        height INTEGER NOT NULL, parents TEXT NOT NULL, step INTEGER NOT NULL REFERENCES steps,
        turn INTEGER NOT NULL REFERENCES turns, seed INTEGER, created TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE step_pictures (
        step INTEGER NOT NULL REFERENCES steps, position INTEGER NOT NULL,
        picture INTEGER NOT NULL REFERENCES pictures, PRIMARY KEY (step, position)
    ) STRICT""",
    """CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, turn INTEGER NOT NULL REFERENCES turns,
        picture INTEGER NOT NULL REFERENCES pictures, verdict TEXT NOT NULL, created TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX turns_of_session ON turns (session)",
    "CREATE INDEX turns_unended ON turns (id) WHERE ended IS NULL",
    "CREATE INDEX steps_of_turn ON steps (turn)",
    "CREATE INDEX steps_by_key ON steps (key) WHERE outcome = 'done'",
    "CREATE INDEX verdicts_of_turn ON verdicts (turn)",
)
ADDED = {
    2: (
        """CREATE TABLE places (
            id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL REFERENCES sessions,
            picture INTEGER REFERENCES pictures, created TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX places_of_session ON places (session)",
        """CREATE TABLE forgotten (
            session TEXT NOT NULL REFERENCES sessions,
            picture INTEGER NOT NULL REFERENCES pictures, created TEXT NOT NULL,
            PRIMARY KEY (session, picture)
        ) STRICT""",
    ),
    3: (
        """CREATE TABLE replies (
            turn INTEGER NOT NULL REFERENCES turns, key TEXT NOT NULL, reply TEXT NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (turn, key)
        ) STRICT""",
    ),
    4: (
        """CREATE TABLE keys (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,
            scope TEXT NOT NULL CHECK (scope IN ('read', 'draw')), created TEXT NOT NULL,
            expires TEXT, revoked TEXT
        ) STRICT""",
        """CREATE TABLE owners (
            session TEXT PRIMARY KEY REFERENCES sessions, key TEXT NOT NULL REFERENCES keys
        ) STRICT""",
        "CREATE INDEX steps_with_picture ON step_pictures (picture)",
    ),
    5: (
        # What is left of a deleted session: that it was there, and for a moment its files' names.
        """CREATE TABLE deleted (
            session TEXT PRIMARY KEY, created TEXT NOT NULL, at TEXT NOT NULL, left TEXT
        ) STRICT""",
        # Of an encrypted home: how its master key is had, and its sessions' keys; see `vault`.
        """CREATE TABLE vault (
            only INTEGER PRIMARY KEY CHECK (only = 1), header TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE session_keys (
            session TEXT PRIMARY KEY REFERENCES sessions, key TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX deleting ON deleted (session) WHERE left IS NOT NULL",
        "CREATE INDEX steps_by_source ON steps (source) WHERE source IS NOT NULL",
        "CREATE INDEX pictures_by_digest ON pictures (digest)",
        "CREATE INDEX pictures_of_step ON pictures (step)",
        "CREATE INDEX pictures_of_turn ON pictures (turn)",
        "CREATE INDEX verdicts_on_picture ON verdicts (picture)",
        "CREATE INDEX places_at_picture ON places (picture)",
        "CREATE INDEX forgotten_pictures ON forgotten (picture)",
        """CREATE TABLE unwanted (
            turn INTEGER PRIMARY KEY REFERENCES turns ON DELETE CASCADE, created TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE told (
            turn INTEGER PRIMARY KEY REFERENCES turns ON DELETE CASCADE, events TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE limits (
            key TEXT PRIMARY KEY REFERENCES keys, limits TEXT NOT NULL
        ) STRICT""",
        # Names no row of turns: what a key has used it has used, though the turn be deleted.
        """CREATE TABLE spent (
            turn INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES keys, begun TEXT NOT NULL,
            ended INTEGER NOT NULL, pictures INTEGER NOT NULL, seconds REAL NOT NULL,
            dollars REAL NOT NULL
        ) STRICT""",
        "CREATE INDEX spent_by_key ON spent (key, begun)",
        "CREATE INDEX owners_by_key ON owners (key)",
    ),
}
"""What each later version of the schema adds to the one before it."""
SEALED = {
    "turns": ("request", "options", "brief", "plan", "outcome"),
    "steps": ("args", "value", "error"),
    "replies": ("reply",),
    "verdicts": ("verdict",),
    "told": ("events",),
}
"""The columns that an encrypted home has sealed: all that was said, and all that came of it."""


def now() -> str:
    """The time as all rows have it: UTC in ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Turn:
    """One request as it was taken. Times are UTC in ISO 8601."""

    id: int
    session: str
    request: str
    options: Json
    created: str

    @classmethod
    def of(cls, row: Row) -> Turn:
        """The turn in a row of ``turns``."""
        options = json.loads(row["options"])
        return Turn(row["id"], row["session"], row["request"], options, row["created"])


@dataclass(frozen=True)
class Picture:
    """An image in the store; ``handle`` ("img-3") is its name in the whole home, never reused."""

    handle: str
    digest: str
    width: int
    height: int
    parents: tuple[str, ...]
    step: int
    turn: int
    seed: int | None
    created: str

    @classmethod
    def of(cls, row: Row) -> Picture:
        """The picture in a row of ``pictures``."""
        return Picture(
            handle=f"img-{row['id']}",
            digest=row["digest"],
            width=row["width"],
            height=row["height"],
            parents=tuple(json.loads(row["parents"])),
            step=row["step"],
            turn=row["turn"],
            seed=row["seed"],
            created=row["created"],
        )


@dataclass(frozen=True)
class Step:
    """One tool call: what was asked, and once it ended, what came of it. ``inputs`` are handles by
    the names of the tool's parameters.

    A ``reused`` step was answered by the earlier step ``source`` and names that step's pictures.
    """

    id: int
    turn: int
    tool: str
    args: Json
    inputs: dict[str, str]
    seed: int | None
    key: str
    outcome: Outcome
    value: Json | None
    cost: Json
    error: str | None
    source: int | None
    created: str
    ended: str | None
    pictures: tuple[Picture, ...]

    @classmethod
    def of(cls, row: Row, pictures: tuple[Picture, ...]) -> Step:
        """The step in a row of ``steps``."""
        inputs = json.loads(row["inputs"])
        if isinstance(inputs, list):  # as the first ledgers have it: all tools took one image
            inputs = {"image": inputs[0]} if inputs else {}
        return Step(
            id=row["id"],
            turn=row["turn"],
            tool=row["tool"],
            args=json.loads(row["args"]),
            inputs=inputs,
            seed=row["seed"],
            key=row["key"],
            outcome=row["outcome"],
            value=None if row["value"] is None else json.loads(row["value"]),
            cost=json.loads(row["cost"]),
            error=row["error"],
            source=row["source"],
            created=row["created"],
            ended=row["ended"],
            pictures=pictures,
        )


@dataclass(frozen=True)
class VerdictRow:
    """A verdict on one picture, as the judge gave it."""

    turn: int
    handle: str
    verdict: Json
    created: str

    @classmethod
    def of(cls, row: Row) -> VerdictRow:
        """The verdict in a row of ``verdicts``."""
        verdict = json.loads(row["verdict"])
        return VerdictRow(row["turn"], f"img-{row['picture']}", verdict, row["created"])


@dataclass(frozen=True)
class TurnRecord(Turn):
    """A turn and all that followed from it, in order. ``ended`` is None while it is unfinished."""

    brief: Json | None
    plan: list[Json] | None
    outcome: Json | None
    ended: str | None
    steps: tuple[Step, ...]
    pictures: tuple[Picture, ...]
    verdicts: tuple[VerdictRow, ...]
