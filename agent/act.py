"""The adapter between handles and images: it validates a call, runs it once, and records it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from ..tools import catalogue
from ..tools.engine import Engine, Progress, WorkerCrashed
from ..tools.errors import Cancelled, DanqingError, ToolError
from .budget import Spent
from .ledger import Ledger, step_key
from .plan import Call
from .records import Step, Turn

REPEATS_ALLOWED = 2


class BudgetSpent(ToolError):
    """The turn's budget has no room for the call; ``part`` says which part of it."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the turn's budget of {part} is spent")
        self.part = part


class Repeated(ToolError):
    """The same call was asked for a third time in one turn."""


class Hands:
    """Runs the calls of one turn, within its budget; the ledger holds every one of them."""

    def __init__(
        self, ledger: Ledger, engine: Engine, turn: Turn, spent: Spent,
        *, on_progress: Callable[[Progress], None], cancel: threading.Event,
    ) -> None:  # fmt: skip
        self._ledger, self._engine, self._turn, self.spent = ledger, engine, turn, spent
        self._on_progress, self._cancel = on_progress, cancel
        self._asked: Counter[str] = Counter()

    def run(self, call: Call) -> Step:
        """The finished step for ``call``; an equal call that was made before is not made again.

        Raises `ToolError` for what the planner can mend, `BudgetSpent`, `Repeated`, `Cancelled`
        and `Stopped`. Whatever happens, the ledger says so.
        """
        if self._cancel.is_set():
            raise Cancelled("Stopped as you asked.", kept="Everything so far is kept.")
        spec = self._engine.tools.get(call.tool)
        arguments = self._engine.arguments(call.tool, call.arguments)
        pictures = {name: self._ledger.picture(handle) for name, handle in call.images.items()}
        names = sorted(pictures)
        role = spec.role if spec else None
        models = catalogue.models_fingerprint(self._engine.profile.name, role) if role else ""
        key = step_key(
            call.tool, arguments, [f"{n}={pictures[n].digest}" for n in names], None, models
        )
        self._asked[key] += 1
        if self._asked[key] > REPEATS_ALLOWED:
            raise Repeated(f"{call.tool} was asked for {self._asked[key]} times with equal values")
        earlier = self._ledger.find_step(key)
        if earlier is not None:
            self.spent.steps += 1
            return self._ledger.reuse_step(self._turn, earlier)
        part = self.spent.exhausted()
        if part is not None and call.tool == "text_to_image":
            raise BudgetSpent(part)
        self.spent.steps += 1
        step = self._ledger.begin_step(
            self._turn, call.tool, arguments, [call.images[n] for n in names],
            _seed(arguments), key,
        )  # fmt: skip
        images = {n: self._ledger.store.get(pictures[n].digest) for n in names}
        try:
            result = self._engine.call(
                call.tool, arguments, images, on_progress=self._on_progress, cancel=self._cancel,
                timeout=max(30.0, self.spent.seconds_left),
            )  # fmt: skip
        except DanqingError as error:
            outcome = (
                "cancelled" if isinstance(error, Cancelled)
                else "crashed" if isinstance(error, WorkerCrashed)
                else "failed"
            )  # fmt: skip
            self._ledger.fail_step(step, str(error), outcome)  # type: ignore[arg-type]
            raise
        if call.tool == "text_to_image":
            self.spent.pictures += len(result.images)
        cost = {
            "seconds": round(result.seconds, 3), "peak_mb": round(result.peak_mb),
            "device": result.device,
        }  # fmt: skip
        return self._ledger.finish_step(step, result.images, result.value, cost)


def _seed(arguments: dict[str, object]) -> int | None:
    seeds = arguments.get("seeds")
    return int(seeds[0]) if isinstance(seeds, list) and seeds else None


def seed_of(step: Step, handle: str) -> int | None:
    """The seed of one picture of a drawing step."""
    seeds = step.args.get("seeds")
    position = next((i for i, p in enumerate(step.pictures) if p.handle == handle), None)
    return seeds[position] if isinstance(seeds, list) and position is not None else step.seed
