"""One budget a turn, enforced where the tools are called and not by the planner."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, fields

from ..tools.errors import BadInput


@dataclass(frozen=True)
class Budget:
    """The most a turn may use: tool calls, seconds, pictures drawn, tokens and money of an LLM.

    ``money`` is in US dollars. The built-in planner uses neither tokens nor money, and takes over
    from an LLM when they are spent.
    """

    steps: int = 120
    seconds: float = 180.0
    pictures: int = 24
    tokens: int = 50_000
    money: float = 1.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not 0 < value < 1e9:
                raise BadInput(f"The budget of {f.name} must be above 0, not {value!r}.")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "pictures=8,seconds=60"; what is not named keeps its default.

        Raises `BadInput` that names the part that cannot be read.
        """
        kinds = {f.name: int if f.type == "int" else float for f in fields(cls)}
        values: dict[str, float] = {}
        for part in text.split(","):
            match = re.fullmatch(r"\s*([a-z]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)\s*", part)
            if match is None or match[1] not in kinds:
                raise BadInput(
                    f"Cannot read {part.strip()!r} as a part of a budget.",
                    hint=f"Write it as pictures=8,seconds=60; the parts are {', '.join(kinds)}.",
                )
            try:
                values[match[1]] = kinds[match[1]](match[2])
            except ValueError:
                raise BadInput(
                    f"The budget of {match[1]} is a whole number, not {match[2]!r}."
                ) from None
        return cls(**values)  # type: ignore[arg-type]


CLOSING_STEPS = 12
"""Steps set aside for bringing the best picture to its end, where the budget is large enough."""


@dataclass
class Spent:
    """What a turn has used so far; ``carried`` are its seconds before it was cut short."""

    budget: Budget
    steps: int = 0
    pictures: int = 0
    tokens: int = 0
    money: float = 0.0
    carried: float = 0.0
    begun: float = field(default_factory=lambda: time.monotonic())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun + self.carried

    @property
    def seconds_left(self) -> float:
        return self.budget.seconds - self.seconds

    def lacking(self, pictures: int, *, closing: bool) -> str | None:
        """The first part of the budget with no room for one more call, or None.

        ``pictures`` is how many the call draws; a ``closing`` call draws on the steps that were set
        aside. Time is not looked at here: an answer from the ledger takes none; nor are tokens and
        money, which only an LLM takes.
        """
        aside = 0 if closing else min(CLOSING_STEPS, self.budget.steps - 1)
        if self.steps >= self.budget.steps - aside:
            return "steps"
        if pictures > self.budget.pictures - self.pictures:
            return "pictures"
        return None

    def room_for(self, pictures: int) -> int:
        """How many of ``pictures`` may still be drawn."""
        return max(0, min(pictures, self.budget.pictures - self.pictures))
