"""What the user asked, frozen: a `Brief` and its `Claim`s.

The schema is public and versioned; ``danqing understand --json`` prints it. Subjects and values are
canonical English, singular and lower case whatever the request's language; ``source`` keeps the
words as written.
"""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..tools.errors import BadInput

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


Op = Literal[
    "add", "remove", "recolor", "move", "replace", "resize",
    "season", "time", "weather", "setting", "style",
    "extend", "crop", "scale", "tune", "flip", "rotate", "cut out",
]  # fmt: skip
SCENE_OPS: frozenset[Op] = frozenset({"season", "time", "weather", "setting", "style"})
"""Changes of the whole scene: they have a value and no subject."""
THING_OPS: frozenset[Op] = frozenset({"add", "remove", "recolor", "move", "replace", "resize"})
"""Changes of things, each in its region."""
Tune = Literal[
    "brighter", "darker", "more contrast", "less contrast", "more colorful", "less colorful",
    "gray", "sharper", "blurrier", "redder", "bluer", "greener", "warmer", "cooler",
]  # fmt: skip
TUNES: tuple[Tune, ...] = get_args(Tune)


class Change(BaseModel):
    """One thing that an edit does to its picture.

    =========  ==============================================================================
    add        ``count`` more of ``subject`` (None: one), of ``new_color``, at the place ``value``
    remove     ``count`` of ``subject`` (None: all that are meant)
    recolor    ``subject`` gets the color ``value``
    move       ``subject`` goes to the place ``value``, or where it stands in the relation
               ``value`` to ``object``
    replace    ``subject`` gives way to as many of ``value``, of ``new_color``
    resize     ``subject`` becomes ``value``: "bigger" or "smaller"
    season …   the scene gets the ``value``; a style may come from a picture instead, the
      style    ``reference``
    extend     canvas is added at the side ``value``: left, right, top, bottom, sides, all
    crop       the part ``value`` stays: "square", or a place as in a place claim
    scale      the picture gets ``count`` times as large, 2 or 4
    tune       the picture, or only ``subject``, becomes ``value``, one of `TUNES`
    flip       mirrored, ``value`` "horizontal" or "vertical"
    rotate     by ``count`` degrees clockwise
    cut out    ``subject`` alone stays, on transparent ground (None: the main thing)
    =========  ==============================================================================

    ``color`` and ``place`` say which of several things is meant ("the left tree", "the red one").
    A ``subject`` "it" is the thing that was changed last, which the session knows. Words and places
    are canonical, as those of claims. ``reference`` is a picture, written as ``Brief.target`` is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Op
    subject: str | None = None
    color: str | None = None
    place: str | None = None
    count: int | None = None
    value: str | None = None
    new_color: str | None = None
    object: str | None = None
    reference: str | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.op in THING_OPS) and not self.subject:
            raise ValueError(f"{self.op} needs a subject: {self!r}")
        to_what = ("recolor", "move", "replace", "resize", "extend", "crop", "flip")
        if self.op in to_what and not self.value:
            raise ValueError(f"{self.op} needs a value: {self!r}")
        if self.op in SCENE_OPS and (self.value is None) == (self.reference is None):
            raise ValueError(f"{self.op} needs a value, or a reference: {self!r}")
        if self.op == "tune" and self.value not in TUNES:
            raise ValueError(f"{self.value!r} is none of {TUNES}")
        return self


class Brief(BaseModel):
    """What the user asked, fixed before the first step of a turn.

    ``target`` is the picture that an edit or a question is about: a handle, or words for one that
    the session resolves, "last", "previous", "original", "#2" (the second one), "before hat" (the
    one before there was a hat) or "with hat". ``changes`` are what an edit does, in order; its
    claims say what is to be so afterwards. ``again`` asks for so many other pictures of what was
    asked for last. ``standing`` are the ids of claims that hold for all later pictures, too;
    ``lifted`` the subjects whose standing claims hold no longer, or "everything".

    ``remarks`` are words that nobody can check ("beautiful"); the painter hears them, no verdict is
    given on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    language: Language
    intent: Intent
    target: str | None = None
    claims: tuple[Claim, ...] = Field(default=(), max_length=MAX_CLAIMS)
    changes: tuple[Change, ...] = ()
    again: int | None = Field(default=None, ge=1, le=16)
    standing: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [claim.id for claim in self.claims]
        if len(set(ids)) != len(ids):
            raise ValueError(f"claim ids repeat: {ids}")
        return self


def too_many(claims: int) -> BadInput:
    """What is said of a request, with the rules that hold, that makes more than `MAX_CLAIMS`."""
    return BadInput(
        f"With the rules that hold, that asks for {claims} things at once; at most"
        f" {MAX_CLAIMS} can be checked.", hint="Ask for some of them first, and add the rest.",
    )  # fmt: skip
