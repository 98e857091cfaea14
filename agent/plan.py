"""What a planner hands to the loop: tool calls over handles, and what became of earlier ones."""

from __future__ import annotations

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
    """A call that was made for the Brief, the pictures it gave and the verdict on each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: Call
    verdicts: dict[str, Verdict]


def best_of(attempts: list[Attempt]) -> str | None:
    """The handle with the best verdict so far, the earliest among equals; None without pictures."""
    ranked = [
        (verdict.score, -order, handle)
        for order, (handle, verdict) in enumerate(
            item for attempt in attempts for item in attempt.verdicts.items()
        )
    ]
    return max(ranked)[2] if ranked else None
