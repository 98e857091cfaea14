"""One clause of an edit: where it stands, the rule that it fits, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..brief import Change
from .mentions import IT

ON_PIXELS = frozenset({"tune", "extend", "crop", "scale", "flip", "rotate", "cut out"})
"""Rules and changes of how the picture is toned, cut and turned."""

GIST = "gist"
"""The rule of what no rule fits (see `gist`)."""


@dataclass(frozen=True)
class Clause:
    """The words ``start`` to ``end`` of a text, the rule that they fit, and what they do."""

    start: int
    end: int
    rule: str
    changes: tuple[Change, ...]

    @property
    def on_pixels(self) -> bool:
        """Whether it only turns, cuts or tones the whole picture, or says what is not to be so:
        nothing to be claimed of it."""
        whole = all(change.op == "cut out" or not change.subject for change in self.changes)
        ops: set[str] = {change.op for change in self.changes} or {self.rule}
        return whole and ops <= ON_PIXELS | {"not"}

    def says(self, changes: Sequence[Change]) -> bool:
        """Whether ``changes`` only say this clause again: "too dark, brighten it"."""
        told = [change.model_copy(update={"source": None}) for change in self.changes]
        return bool(changes) and list(changes) == told

    def replaced(self, changes: Sequence[Change]) -> list[Change]:
        """What takes the place of the thing that this clause takes away, where ``changes`` say
        only that "it" is replaced: 不要猫了，换成狮子. [] where they say more."""
        if self.rule not in {"remove", "gone"} or len(self.changes) != 1 or len(changes) != 1:
            return []
        gone, new = self.changes[0], changes[0]
        if gone.op != "remove" or (new.op, new.subject) != ("replace", IT.noun):
            return []
        which = gone.model_dump(include={"subject", "color", "place", "count"})
        return [new.model_copy(update=which)]
