"""What a language model fills in: the form of an understanding, and the `Brief` that follows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..brief import MAX_CLAIMS, SCENE_KINDS, Brief, Change, Claim, Intent, Kind, Op
from ..evidence import PLACES_TOLD
from ..language.made import follows
from ..language.text import language_of


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SaidClaim(_Form):
    """One statement about the picture that somebody who sees it can check."""

    kind: Kind
    subject: str | None = None
    value: str | int | None = None
    object: str | None = None
    object2: str | None = None
    color: str | None = None
    object_color: str | None = None


class SaidChange(_Form):
    """One change to a picture that is there."""

    op: Op
    subject: str | None = None
    color: str | None = None
    place: str | None = None
    count: int | None = None
    value: str | None = None
    new_color: str | None = None
    object: str | None = None
    reference: str | None = None


class Understanding(_Form):
    """What a request asks for."""

    intent: Intent
    target: str | None = None
    claims: list[SaidClaim] = Field(default=[], max_length=MAX_CLAIMS)
    changes: list[SaidChange] = Field(default=[], max_length=MAX_CLAIMS)
    again: int | None = Field(default=None, ge=1, le=16)
    standing: bool = False
    lifted: list[str] = []
    remarks: list[str] = []

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
        told = [
            *(("target", self.target),) * (self.target is not None),
            *(("reference", c.reference) for c in self.changes if c.reference is not None),
        ]  # fmt: skip
        for field, words in told:
            _check_picture(field, str(words), pictures)
        changes = [Change(**_lower(change.model_dump())) for change in self.changes]
        said = self.claims if self.intent in ("make", "chat") else []
        claims = _numbered(
            [_lower(claim.model_dump()) for claim in said]
            + [fields for change in changes for fields in follows(change)]
        )
        _check_agreement(claims)
        target = self.target
        if target is None and self.intent in ("edit", "ask") and pictures:
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
        claim = Claim(**{**fields, "id": f"c{len(claims) + 1}"})
        claims.setdefault(claim.key, claim)
    return tuple(claims.values())


def _lower(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields in lower case and without spaces around, but for written words and handles."""
    as_written = {"value"} if fields.get("kind") == "text" else set()
    return {
        name: " ".join(value.lower().split())
        if isinstance(value, str) and name not in as_written else value
        for name, value in fields.items()
    }  # fmt: skip


def _check_picture(field: str, words: str, pictures: Sequence[str]) -> None:
    known = re.fullmatch(r"last|previous|original|#[1-9][0-9]{0,3}|(before|with) .+", words)
    if not known and words not in pictures:
        there = f"of {', '.join(pictures)}" if pictures else "picture, since there is none"
        raise ValueError(
            f"{field} = {words!r} is refused; allowed are last, previous, original, #2, and a"
            f" handle {there}"
        )


def _check_agreement(claims: Iterable[Claim]) -> None:
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
        if claim.kind in (*SCENE_KINDS, "count", "size"):
            key = (claim.kind, claim.subject, claim.color)
            if (other := one.setdefault(key, claim)).value != claim.value:
                raise ValueError(
                    f"two claims of {claim.kind} disagree: {other.value!r} and {claim.value!r}"
                )
