"""What a planner hands to the loop: tool calls over handles, and what became of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .verdict import Verdict


class Call(BaseModel):
    """One tool call. ``images`` maps the tool's image parameters to handles ("img-3")."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)


class Attempt(BaseModel):
    """A call that was made for the Brief: the pictures it gave with the verdict on each, once
    they were looked at; or the error that it ended with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: Call
    pictures: tuple[str, ...] = ()
    verdicts: dict[str, Verdict] = Field(default_factory=dict)
    error: str | None = None


def best_of(attempts: Sequence[Attempt]) -> str | None:
    """The handle of the best picture so far, the earliest among equals; None without pictures.

    A later attempt takes the place of an earlier one only with a picture that scores higher and
    still meets every claim that the earlier one met: what was right is never given up.
    """
    best: tuple[str, Verdict] | None = None
    for attempt in attempts:
        for handle, verdict in _ranked(attempt):
            if best is None or (
                verdict.score > best[1].score
                and verdict.with_status("met") >= best[1].with_status("met")
            ):
                best = handle, verdict
                break
    return best[0] if best else None


def _ranked(attempt: Attempt) -> list[tuple[str, Verdict]]:
    """The pictures of one attempt, the best first, the earliest among equals."""
    return sorted(attempt.verdicts.items(), key=lambda item: item[1].score, reverse=True)


def verdict_of(attempts: Sequence[Attempt], handle: str) -> Verdict:
    """The verdict on a picture of the attempts."""
    return next(a.verdicts[handle] for a in attempts if handle in a.verdicts)
