"""One clause of an edit: where it stands, the rule that it fits, and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from ..brief import Change

ON_PIXELS = frozenset({"tune", "extend", "crop", "scale", "flip", "rotate", "cut out"})
"""Rules and changes of how the picture is toned, cut and turned."""


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
