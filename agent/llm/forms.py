"""What a language model fills in: the form of an understanding, and the `Brief` that follows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...tools.chinese import is_han
from ..brief import MAX_CLAIMS, Brief, Change, Claim, Intent, Kind, Op, RelationValue
from ..evidence import PLACES_TOLD
from ..language.dictionary import english_of, how_of
from ..language.made import follows
from ..language.text import language_of
from ..settling import IT

ALLOWED: Mapping[Op, Sequence[str]] = {
    "resize": ("bigger", "smaller"), "flip": ("horizontal", "vertical"),
    "extend": ("left", "right", "top", "bottom", "sides", "all"),
    "crop": ("square", *PLACES_TOLD),
}  # fmt: skip
"""What a change that knows but some values may be to."""
SCALES = (2, 4)


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Word = Annotated[str, Field(max_length=100)]
Words = Annotated[str, Field(max_length=300)]
Number = Annotated[int, Field(ge=1, le=1000)]


class SaidClaim(_Form):
    """One statement about the picture that somebody who sees it can check."""

    kind: Kind
    subject: Word | None = None
    value: Words | Number | None = None
    object: Word | None = None
    object2: Word | None = None
    color: Word | None = None
    object_color: Word | None = None


class SaidChange(_Form):
    """One change to a picture that is there."""

    op: Op
    subject: Word | None = None
    color: Word | None = None
    place: Word | None = None
    count: Number | None = None
    value: Word | None = None
    new_color: Word | None = None
    object: Word | None = None
    reference: Word | None = None


class Understanding(_Form):
    """What a request asks for."""

    intent: Intent
    target: Word | None = None
    claims: list[SaidClaim] = Field(default=[], max_length=MAX_CLAIMS)
    changes: list[SaidChange] = Field(default=[], max_length=MAX_CLAIMS)
    again: int | None = Field(default=None, ge=1, le=16)
    standing: bool = False
    lifted: list[Word] = Field(default=[], max_length=MAX_CLAIMS)
    remarks: list[Word] = Field(default=[], max_length=MAX_CLAIMS)

    def brief(self, request: str, pictures: Sequence[str] = ()) -> Brief:
        """The Brief for ``request`` in a session with ``pictures``. What follows from a change is
        claimed, said or not; of an edit nothing else is.

        Raises ValueError that tells what is wrong with a claim, a change or a picture's name.
        """
        if self.intent == "edit" and not self.changes:
            raise ValueError("an edit has no changes; give at least one, or another intent")
        if self.intent != "edit" and self.changes:
            raise ValueError(f"changes are for the intent edit, and this one is {self.intent!r}")
        if self.intent == "make" and not (self.claims or self.again or self.remarks):
            raise ValueError("a new picture has no claims; give at least one")
        changes = [_made(Change, _lower(change.model_dump())) for change in self.changes]
        target = (self.target or "").strip() or None
        told = [("target", target), *(("reference", c.reference) for c in changes)]
        for field, words in told:
            if words is not None:
                _check_picture(field, words, pictures)
        for change in changes:
            _check_change(change)
        said = self.claims if self.intent in ("make", "chat") else []
        claims = _numbered(
            [_lower(claim.model_dump()) for claim in said]
            + [fields for c in changes if c.subject != IT for fields in follows(c)]
        )
        some = {c.subject for c in changes if c.op == "remove" and (c.count or c.place)}
        _check_agreement([claim for claim in claims if claim.subject not in some])
        if target is None and (self.intent in ("edit", "ask") or self.again) and pictures:
            target = "last"
        return Brief(
            language=language_of(request), intent=self.intent, target=target, claims=claims,
            changes=tuple(changes), again=self.again, remarks=tuple(self.remarks),
            standing=tuple(claim.id for claim in claims) if self.standing else (),
            lifted=tuple(self.lifted),
        )  # fmt: skip


def _numbered(told: Sequence[dict[str, Any]]) -> tuple[Claim, ...]:
    """The claims with ids, each of them once."""
    claims: dict[tuple[object, ...], Claim] = {}
    for fields in told:
        claim = _made(Claim, {**fields, "id": f"c{len(claims) + 1}"})
        claims.setdefault(claim.key, claim)
    return tuple(claims.values())


def _lower(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields in lower case, but for written words, and without spaces around; Chinese nouns,
    and how a thing is, in English, where a dictionary has them; what is blank is left out."""
    as_written = {"value"} if fields.get("kind") == "text" else set()

    def plain(name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        words = " ".join(value.split())
        if name in as_written:
            return words or None
        if name in _NOUNS and words and all(map(is_han, words)):
            words = english_of(words, "noun")
        elif name == "value" and fields.get("kind") == "object" and all(map(is_han, words)):
            words = how_of(words)
        return words.lower() or None

    return {name: plain(name, value) for name, value in fields.items()}


_NOUNS = frozenset({"subject", "object", "object2"})
Made = TypeVar("Made", Claim, Change)


def _made(kind: type[Made], fields: Mapping[str, Any]) -> Made:
    """A claim or a change. Raises ValueError that says in one sentence what is wrong with it."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _check_change(change: Change) -> None:
    """Raises ValueError for a change to what is not known."""
    may = ALLOWED.get(change.op, ())
    if change.op == "move":
        may = PLACES_TOLD if change.object is None else get_args(RelationValue)
    if may and change.value not in may:
        raise ValueError(
            f"{change.op} to {change.value!r} is refused; allowed are {', '.join(may)}"
        )
    if change.op == "scale" and change.count not in (None, *SCALES):
        raise ValueError(
            f"scale by {change.count} is refused; allowed are {', '.join(map(str, SCALES))}"
        )
    if change.place is not None and change.place not in PLACES_TOLD:
        raise ValueError(
            f"the place {change.place!r} is refused; allowed are {', '.join(PLACES_TOLD)}"
        )


def _check_picture(field: str, words: str, pictures: Sequence[str]) -> None:
    known = re.fullmatch(r"last|previous|original|#[1-9][0-9]{0,3}|(before|with) .+", words)
    if not known and words not in pictures:
        there = f"of {', '.join(pictures)}" if pictures else "picture, since there is none"
        raise ValueError(
            f"{field} = {words!r} is refused; allowed are last, previous, original, #2, and a"
            f" handle {there}"
        )


def _check_agreement(claims: Sequence[Claim]) -> None:
    """Raises ValueError where two claims cannot both be met, and where a place is not known."""
    one: dict[tuple[object, ...], Claim] = {}
    there = {(c.subject, c.color) for c in claims if c.kind in ("object", "count")}
    for claim in claims:
        if claim.kind == "place" and claim.value not in PLACES_TOLD:
            raise ValueError(
                f"the place {claim.value!r} is refused; allowed are {', '.join(PLACES_TOLD)}"
            )
        if claim.kind == "absent" and (claim.subject, claim.color) in there:
            raise ValueError(f"{claim.subject!r} is claimed to be there and to be absent")
        # There may be two styles, and rain and fog.
        if claim.kind in ("season", "time", "count", "size"):
            key = (claim.kind, claim.subject, claim.color)
            if (other := one.setdefault(key, claim)).value != claim.value:
                raise ValueError(
                    f"two claims of {claim.kind} disagree: {other.value!r} and {claim.value!r}"
                )
