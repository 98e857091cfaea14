"""What the user asked, frozen: a `Brief` and its `Claim`s.

The schema is public and versioned; ``danqing understand --json`` prints it. Subjects and values are
canonical English, singular and lower case whatever the request's language; ``source`` keeps the
words as written.
"""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Language = Literal["en", "zh"]
Intent = Literal["make", "edit", "ask", "chat"]
Kind = Literal[
    "object", "count", "color", "relation", "place", "season", "time", "weather",
    "setting", "style", "text", "absent", "kept", "size",
]  # fmt: skip
RelationValue = Literal["left of", "right of", "above", "below", "inside", "between"]

KINDS: tuple[Kind, ...] = get_args(Kind)
SCENE_KINDS: frozenset[Kind] = frozenset({"season", "time", "weather", "setting", "style"})
"""Claims about the whole picture: they have a value and no subject."""
MAX_CLAIMS = 40


class Claim(BaseModel):
    """One checkable statement about the picture.

    =========  =======================================================================
    object     ``subject`` is there; with ``value``, it is so ("wooden", "running")
    count      exactly ``value`` of ``subject`` (an int), or the word "several" (3 or more)
    color      ``subject`` is of the color ``value``
    relation   ``subject`` stands in the relation ``value`` to ``object`` (between: and ``object2``)
    place      ``subject`` is in the part ``value`` of the picture ("left", "top right", …)
    season … style   the whole picture has the ``value``
    text       the words ``value`` are written in the picture
    absent     ``subject`` is not there
    kept       ``subject`` (or "everything else") is as it was
    size       ``subject`` is "big" or "small"
    =========  =======================================================================

    ``color`` and ``object_color`` say which of several is meant ("the red house is left of the blue
    house") and are set only where the noun alone would not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^c[1-9][0-9]*$")
    kind: Kind
    subject: str | None = None
    value: str | int | None = None
    object: str | None = None
    object2: str | None = None
    color: str | None = None
    object_color: str | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in SCENE_KINDS or self.kind == "text":
            if not isinstance(self.value, str) or self.subject is not None:
                raise ValueError(f"a {self.kind} claim has a value and no subject: {self!r}")
        elif not self.subject:
            raise ValueError(f"a {self.kind} claim needs a subject: {self!r}")
        if self.kind == "count" and not (
            self.value == "several"
            or (isinstance(self.value, int) and not isinstance(self.value, bool) and self.value > 0)
        ):
            raise ValueError(f"a count is a whole number above 0 or 'several', not {self.value!r}")
        if self.kind in {"color", "place", "size", "relation"} and not isinstance(self.value, str):
            raise ValueError(f"a {self.kind} claim needs a value: {self!r}")
        if self.kind == "relation":
            if self.value not in get_args(RelationValue):
                raise ValueError(f"unknown relation {self.value!r}: {get_args(RelationValue)}")
            if not self.object or (self.value == "between") != (self.object2 is not None):
                raise ValueError(f"a relation needs its object (between: two): {self!r}")
        return self

    @property
    def key(self) -> tuple[str | int | None, ...]:
        """What the claim says, without its id and source: equal keys are the same claim."""
        return (
            self.kind, self.subject, self.value, self.object, self.object2, self.color,
            self.object_color,
        )  # fmt: skip


class Brief(BaseModel):
    """What the user asked, fixed before the first step of a turn.

    ``target`` is the handle of the picture that an edit or a question is about. ``remarks`` are
    words that nobody can check ("beautiful"); the painter hears them, no verdict is given on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    language: Language
    intent: Intent
    target: str | None = None
    claims: tuple[Claim, ...] = Field(default=(), max_length=MAX_CLAIMS)
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [claim.id for claim in self.claims]
        if len(set(ids)) != len(ids):
            raise ValueError(f"claim ids repeat: {ids}")
        return self
