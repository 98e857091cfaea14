"""The adapter between handles and images: it validates a call, runs it once, and records it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from ..tools import catalogue
from ..tools.engine import Engine, Progress, Result, WorkerCrashed
from ..tools.errors import Cancelled, DanqingError, ToolError
from .budget import Spent
from .ledger import Ledger
from .plan import Call
from .records import Failure, Json, Picture, Step, Turn

REPEATS_ALLOWED = 2
GRACE = 30.0
"""Seconds that the first picture and the finishing of the best one may take beyond the budget."""


class BudgetSpent(ToolError):
    """The turn's budget has no room for the call; ``part`` says which part of it."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the budget of {part} is spent")
        self.part = part


class Repeated(ToolError):
    """The same call was asked for a third time in one turn."""


class Hands:
    """Runs the calls of one turn, within its budget; the ledger holds every one of them.

    ``offered`` are the tools that can run now; no other is run.
    """

    def __init__(
        self, ledger: Ledger, engine: Engine, turn: Turn, spent: Spent,
        *, on_progress: Callable[[Progress], None], cancel: threading.Event, previews: bool = False,
    ) -> None:  # fmt: skip
        self._ledger, self._engine, self._turn, self.spent = ledger, engine, turn, spent
        self._on_progress, self._cancel, self._previews = on_progress, cancel, previews
        self.offered = frozenset(engine.available())
        self._asked: Counter[str] = Counter()
        self._slowest = 0.0
        steps = ledger.turn(turn.id).steps
        self._failed = {s.key: str(s.error) for s in steps if s.outcome == "failed"}
        self._owner = ledger.owner(turn.session)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` once the user has asked to stop."""
        if self._cancel.is_set():
            raise Cancelled("Stopped as you asked.", kept="Everything so far is kept.")

    def run(self, call: Call, *, closing: bool = False) -> Step:
        """The finished step for ``call``; an equal call that was made before is not made again.

        ``closing`` calls bring the best picture to its end: some steps are set aside for them, and
        they may run when the time is up. Raises `ToolError` for what the planner can mend,
        `BudgetSpent`, `Repeated`, `Cancelled` and `Stopped`. Whatever ran, the ledger says so.
        """
        self.check_cancelled()
        drawn = _pictures(call)
        part = self.spent.lacking(drawn, closing=closing)
        if part is not None:
            raise BudgetSpent(part)
        self.spent.steps += 1
        if call.tool not in self.offered:
            raise ToolError(
                f"{call.tool!r} cannot run now; offered are {', '.join(sorted(self.offered))}"
            )
        arguments = self._engine.arguments(call.tool, call.arguments)
        pictures = {name: self.picture(handle) for name, handle in call.images.items()}
        key = self._key(call.tool, arguments, pictures)
        self._asked[key] += 1
        if self._asked[key] > REPEATS_ALLOWED and not call.aid:  # a mask may serve many repairs
            raise Repeated(f"{call.tool} was asked for {self._asked[key]} times with equal values")
        if key in self._failed:
            raise ToolError(self._failed[key])
        earlier = self._ledger.find_step(key, self._turn)
        if earlier is not None and (step := self._ledger.reuse_step(self._turn, earlier)):
            self.spent.pictures += drawn
            return step
        if not closing and self._too_late(drawn):
            raise BudgetSpent("seconds")
        return self._run(call, arguments, pictures, key, closing)

    def picture(self, handle: str) -> Picture:
        """The picture with a handle. Raises `ToolError` for one that is not there, or that whoever
        has the session may not use: nothing tells the one from the other, not the cost either."""
        if self._owner is not None and not self._ledger.may_use(self._turn.session, handle):
            raise ToolError(f"there is no picture {handle!r}")  # the nearest are not for them
        return self._ledger.picture(handle)

    def _key(self, tool: str, arguments: Json, pictures: dict[str, Picture]) -> str:
        spec = self._engine.tools[tool]
        profile = self._engine.profile
        models = " ".join(
            catalogue.models_fingerprint(profile, role)
            for role in spec.models(catalogue.available(profile))
        )
        if self._owner is not None:  # what others made is not for them to be answered with
            models += f" {self._owner}"
        inputs = [f"{name}={pictures[name].digest}" for name in sorted(pictures)]
        return self._ledger.key(tool, arguments, inputs, None, models)

    def _too_late(self, drawn: int) -> bool:
        """Whether the time is up, or too short for another drawing like those before."""
        if drawn and not self.spent.pictures:
            return False
        return self.spent.seconds_left <= (self._slowest if drawn else 0.0)

    def _run(
        self, call: Call, arguments: Json, pictures: dict[str, Picture], key: str, closing: bool
    ) -> Step:
        drawn = _pictures(call)
        step = self._ledger.begin_step(
            self._turn, call.tool, arguments, call.images,
            _seed(arguments), key,
        )  # fmt: skip
        # A budget shorter than a model's loading must not end a turn with nothing.
        least = GRACE if closing or (drawn and not self.spent.pictures) else 1.0
        try:
            images = {n: self._ledger.store.get(p.digest) for n, p in pictures.items()}
            result = self._engine.call(
                call.tool, arguments, images, on_progress=self._on_progress, cancel=self._cancel,
                timeout=max(least, self.spent.seconds_left), previews=self._previews,
            )  # fmt: skip
        except DanqingError as error:
            outcome: Failure = (
                "cancelled" if isinstance(error, Cancelled)
                else "crashed" if isinstance(error, WorkerCrashed)
                else "failed"
            )  # fmt: skip
            self._ledger.fail_step(step, str(error), outcome)
            self._failed[key] = str(error)
            raise
        if drawn:
            self.spent.pictures += drawn
            self._slowest = max(self._slowest, result.seconds)
        return self._ledger.finish_step(step, result.images, result.value, _cost(result))


def _pictures(call: Call) -> int:
    """How many pictures a call draws: one for each of its seeds."""
    seeds = call.arguments.get("seeds")
    return len(seeds) if isinstance(seeds, list) else 0


def _cost(result: Result) -> Json:
    cost: Json = {
        "seconds": round(result.seconds, 3), "peak_mb": round(result.peak_mb),
        "device": result.device,
    }  # fmt: skip
    if result.rungs:
        cost["rungs"] = list(result.rungs)
    if result.together > 1:
        cost["together"] = result.together
    return cost


def _seed(arguments: Json) -> int | None:
    seeds = arguments.get("seeds")
    return int(seeds[0]) if isinstance(seeds, list) and seeds else None


def seed_of(step: Step, handle: str) -> int | None:
    """The seed of one picture of a drawing step."""
    seeds = step.args.get("seeds")
    position = next((i for i, p in enumerate(step.pictures) if p.handle == handle), None)
    if isinstance(seeds, list) and position is not None:
        return int(seeds[position])
    return step.args.get("seed", step.seed)
