"""What a planner hands to the loop: tool calls over handles, and what became of earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..tools.errors import ToolError
from .verdict import Verdict

MASKS = frozenset({"segment", "region", "sketch"})
"""Tools whose pictures are for other tools, and not to be handed over."""


class Call(BaseModel):
    """One tool call. ``images`` maps the tool's image parameters to handles ("img-3"), or to "#1",
    the first picture of the first call of the same plan, and so on.

    What an ``aid`` makes is for later calls (a mask, a sketch): it is never judged or handed over.
    ``within`` is a mask outside of which an edit leaves everything as it was in the picture
    ``before``, as a handle or a reference, and that picture's handle. ``undone`` tells in the
    user's language what was asked for and is not done by the plan that the call is of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)
    aid: bool = False
    within: str | None = None
    before: str | None = None
    undone: tuple[str, ...] = ()

    def over(self, made: Sequence[str | None]) -> Call:
        """The call with the handles of ``made``, the first pictures of the plan's earlier calls, in
        the place of references.

        Raises `ToolError` for a reference to a call that has not made a picture.
        """

        def found(name: str, handle: str) -> str:
            if not handle.startswith("#"):
                return handle
            number = int(handle[1:]) if handle[1:].isdecimal() else 0
            picture = made[number - 1] if 0 < number <= len(made) else None
            if picture is None:
                raise ToolError(
                    f"{self.tool}: {name} = {handle!r} is refused; allowed is #1 to #{len(made)},"
                    " for a call that made a picture before."
                )
            return picture

        images = {name: found(name, handle) for name, handle in self.images.items()}
        within = None if self.within is None else found("within", self.within)
        return self.model_copy(update={"images": images, "within": within})


class Attempt(BaseModel):
    """A call that was made for the Brief: the pictures it gave with the verdict on each, once
    they were looked at; or the error that it ended with. What an aid ``made`` is not among them.

    ``round`` counts the plans, from 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call: Call
    round: int = 1
    pictures: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
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
