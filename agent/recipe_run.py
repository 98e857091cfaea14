"""Run a recipe: one step after the other, within one budget, every call of it in the ledger.

Nothing is asked of an LLM. A call that the ledger holds already is not made again, so a recipe that
was cut short goes on where it stood, and the same recipe gives the same pixels each time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..tools.engine import Engine
from ..tools.errors import DanqingError, Stopped, ToolError
from . import events
from .act import BudgetSpent
from .brief import Claim
from .budget import CLOSING_STEPS, Budget, Spent
from .canonical import canonical
from .eyes import judged
from .ledger import Ledger
from .plan import Call
from .recipe import Reference, Step, Use, filled, in_words, whole
from .recipe_check import Plan
from .recipe_check import plan as checked
from .recipe_yaml import BadRecipe, read
from .records import Json, Turn
from .records import Step as Record
from .studio import Options, PictureDocument, Studio, TurnDocument
from .verdict import Finding, Verdict

SECONDS = 3600.0
"""The most that a recipe runs, where no budget says otherwise."""
APART = 1000
"""How far apart the seeds of two tries of ``draw`` are, for each try takes several."""


class Checked(BaseModel):
    """One claim and what was found about it."""

    model_config = ConfigDict(frozen=True)

    claim: Claim
    finding: Finding


class StepResult(BaseModel):
    """What came of a step: its best picture first among those of its best try."""

    model_config = ConfigDict(frozen=True)

    id: str
    uses: str
    pictures: tuple[str, ...] = ()
    picture: str | None = None
    value: dict[str, Any] | None = None
    claims: tuple[Checked, ...] = ()
    tries: int = 1
    reused: bool = False
    """Whether the ledger held everything already."""

    @property
    def verdict(self) -> Verdict:
        return Verdict(findings={f"{n}": c.finding for n, c in enumerate(self.claims)})

    @property
    def mendable(self) -> bool:
        """Whether another try may be better: what nobody can see, none can be seen to mend."""
        return any(c.finding.status in ("unmet", "unsure") for c in self.claims)


class RecipeDocument(BaseModel):
    """A whole run, as ``danqing run --json`` prints it. Public; ``version`` tells its schema."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    recipe: str
    turn: int
    session: str
    pictures: dict[str, PictureDocument]
    values: dict[str, Any]
    steps: tuple[StepResult, ...]
    satisfied: bool
    stopped: str
    calls: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 when every check is met, else 3."""
        return 0 if self.satisfied else 3


@dataclass(frozen=True)
class Estimate:
    """How many calls and pictures a step takes: at least, and with every retry."""

    step: Step
    least: int
    most: int
    pictures: int


def estimates(plan: Plan) -> Iterator[Estimate]:
    """The calls of each step; a check takes two for every picture it looks at."""
    for step in plan.recipe.steps:
        tries = 1 + step.retry
        made = plan.uses[step.uses].pictures(step.arguments) or 1
        once = 1 + (2 * made if step.check else 0)
        if step.uses == "draw":
            limit = Budget()
            yield Estimate(step, once + 3, (once + limit.steps) * tries, limit.pictures * tries)
        else:
            yield Estimate(step, once, once * tries, made * tries)


def budget_of(plan: Plan) -> Budget:
    """A budget that every step with all its retries fits in."""
    all = [*estimates(plan)]
    return Budget(
        steps=sum(e.most for e in all) + CLOSING_STEPS, seconds=SECONDS,
        pictures=sum(e.pictures for e in all),
    )  # fmt: skip


def run(
    studio: Studio, plan: Plan, *, budget: Budget | None = None,
    out: Mapping[str, Path] | None = None, metadata: bool = True,
    listener: events.Listener = events.nobody,
) -> RecipeDocument:  # fmt: skip
    """Run a recipe to its end and save its pictures, ``out`` saying where by their names.

    A check that is not met does not end the run: the best picture is kept, and the document says
    so. Raises `BadRecipe` where a tool's model is missing, `BadInput` for an input that is no
    picture, `Cancelled`, and `Stopped` for a step that fails; what was made is kept.
    """
    check_models(plan, studio.engine)
    end_abandoned(studio.ledger)
    values = {name: value for name, value in plan.inputs.items() if not isinstance(value, Path)}
    turn = studio.ledger.begin_turn(
        studio.ledger.new_session(), plan.name,
        {"recipe": plan.source.text, "inputs": values, "models": studio.engine.profile.name},
    )  # fmt: skip
    spent = Spent(budget or budget_of(plan))
    work = _Run(studio, studio.engine, plan, turn, spent, metadata, listener)
    try:
        work.run()
        return work.finish(out or {})
    except DanqingError as error:
        studio.ledger.end_turn(turn, work.outcome({}, str(error)))
        raise


def carry_out(
    studio: Studio, engine: Engine, turn: Turn, options: Options, listener: events.Listener,
    cancel: threading.Event,
) -> None:  # fmt: skip
    """Bring a turn that `Studio.begin` began with a recipe to its end. What `run` raises leaves it
    open, to be gone on with or given up."""
    plan = checked(read(options.recipe or ""), engine.tools, options.inputs or {})
    check_models(plan, engine)
    work = _Run(
        studio, engine, plan, turn, Spent(options.budget), options.metadata, listener, cancel
    )
    work.run()
    work.finish({})


def check_models(plan: Plan, engine: Engine) -> None:
    """Raise `BadRecipe` where a tool's model is missing."""
    offered = engine.available()
    missing = [
        plan.source.problem(
            ("steps", i, "uses"), f"{step.uses} cannot run now: its model is not here."
        )
        for i, step in enumerate(plan.recipe.steps)
        if step.uses not in offered and step.uses != "draw"
    ]
    if missing:
        raise BadRecipe(plan.source.name, missing)


def end_abandoned(ledger: Ledger) -> None:
    """End the runs that a crash cut short: a recipe goes on by being run again, but for those that
    a server took."""
    for record in ledger.unfinished():
        if "recipe" in record.options and "served" not in record.options:
            ledger.end_turn(ledger.reopen_turn(record.id), {"stopped": "cut short"})


@dataclass
class _Run:
    """One run of a recipe: what its steps have made so far."""

    studio: Studio
    engine: Engine
    plan: Plan
    turn: Turn
    spent: Spent
    metadata: bool
    listener: events.Listener
    cancel: threading.Event | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    made: dict[str, StepResult] = field(default_factory=dict)
    stopped: str | None = None
    _answers: dict[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hands = self.studio.hands(
            self.engine, self.turn, self.spent, self.listener, self.cancel
        )

    def run(self) -> None:
        ledger = self.studio.ledger
        brief = self.plan.brief()
        ledger.record_brief(self.turn, brief.model_dump(mode="json"))
        if brief.claims:
            self.listener(events.Understood(brief))
        for name, value in self.plan.inputs.items():
            if self.plan.recipe.inputs[name].type != "image":
                self.inputs[name] = value
            elif isinstance(value, Path):
                self.inputs[name] = ledger.take_in(self.turn, value.expanduser()).handle
            else:
                self.inputs[name] = ledger.picture(str(value)).handle
        for position, step in enumerate(self.plan.recipe.steps):
            try:
                self.made[step.id] = self._best(step)
            except ToolError as error:
                where = self.plan.source.problem(("steps", position), "")
                raise Stopped(
                    f"{self.plan.source.name}:{where.line}: the step {step.id!r} failed: {error}",
                    kept="The steps before it are kept.",
                    hint="Run the recipe again; what is done is not done twice.",
                ) from error

    def finish(self, out: Mapping[str, Path]) -> RecipeDocument:
        """Save the outputs and end the turn."""
        pictures, values = {}, {}
        for name, text in self.plan.recipe.outputs.items():
            found = filled(text, self._look_up)
            if (reference := whole(text)) is not None and self._is_picture(reference):
                path = self.studio.save(found, out.get(name), metadata=self.metadata)
                picture = self.studio.ledger.picture(found)
                pictures[name] = PictureDocument(
                    handle=found, path=str(path), width=picture.width, height=picture.height,
                    seed=picture.seed,
                )  # fmt: skip
            else:
                values[name] = found
        stopped = self.stopped or ("satisfied" if self.satisfied else "a check is not met")
        said = [f"{name}: {picture.handle}" for name, picture in pictures.items()]
        said += [f"{name}: {in_words(value)}" for name, value in values.items()]
        self.studio.ledger.end_turn(self.turn, self.outcome(pictures, stopped, "\n".join(said)))
        return RecipeDocument(
            recipe=self.plan.name, turn=self.turn.id, session=self.turn.session,
            pictures=pictures, values=values, steps=tuple(self.made.values()),
            satisfied=self.satisfied, stopped=stopped, calls=self.spent.steps,
            seconds=round(self.spent.seconds, 3),
        )  # fmt: skip

    def outcome(self, pictures: dict[str, PictureDocument], stopped: str, reply: str = "") -> Json:
        """How the run ended, in the form of every turn's outcome."""
        first = next(iter(pictures.values()), None)
        findings = {
            c.claim.id: c.finding.model_dump(mode="json")
            for result in self.made.values()
            for c in result.claims
            if c.claim in self.plan.claims[result.id]
        }
        done = bool(pictures)
        return {
            "reply": reply, "picture": first.handle if first else None,
            "path": first.path if first else None,
            "outputs": {name: picture.handle for name, picture in pictures.items()},
            "verdict": {"findings": findings}, "satisfied": done and self.satisfied,
            "stopped": stopped,
            "cost": {
                "calls": self.spent.steps, "pictures": self.spent.pictures,
                "tokens": 0, "money": 0.0, "seconds": round(self.spent.seconds, 3),
            },
        }  # fmt: skip

    @property
    def satisfied(self) -> bool:
        """Whether every check so far is met."""
        return all(result.verdict.satisfied for result in self.made.values())

    # -- one step

    def _best(self, step: Step) -> StepResult:
        """The best try; where the budget ends the tries, that of those there were."""
        best: StepResult | None = None
        failure: ToolError | None = None
        for number in range(1 + step.retry):
            self.listener(events.Phase("drawing", f"{step.id}: {step.uses}"))
            try:
                result = self._try(step, number)
            except BudgetSpent as spent:
                if best is None:
                    raise
                self.stopped = str(spent)
                break
            except ToolError as error:  # another seed may do
                failure = error
                continue
            if best is None or result.verdict.score > best.verdict.score:
                best = result
            best = best.model_copy(update={"tries": number + 1})
            if not best.mendable:
                break
        if best is None:
            assert failure is not None
            raise failure
        return best

    def _try(self, step: Step, number: int) -> StepResult:
        use = self.plan.uses[step.uses]
        arguments = self._arguments(step, use, number)
        if step.uses == "draw":
            return self._judge(step, self._draw(step, arguments))
        images = {name: str(arguments.pop(name)) for name in use.images if arguments.get(name)}
        record = self._call(Call(tool=step.uses, arguments=arguments, images=images))
        pictures = tuple(picture.handle for picture in record.pictures)
        result = StepResult(
            id=step.id, uses=step.uses, pictures=pictures, picture=next(iter(pictures), None),
            value=record.value, reused=record.outcome == "reused",
        )  # fmt: skip
        return self._judge(step, result)

    def _arguments(self, step: Step, use: Use, number: int) -> dict[str, Any]:
        """The arguments of a try: references filled in, and the seed that is its."""
        full = filled(use.seeds_in_full(step.arguments), self._look_up)
        full = {k: v for k, v in full.items() if v is not None or k not in use.images}
        if use.seeded == "seeds":
            seeds = full.get("seeds", [self.plan.recipe.seed_of(step.id)])
            full["seeds"] = [(seed + number * len(seeds)) % 2**32 for seed in seeds]
        elif use.seeded == "seed":
            seed = full.get("seed", self.plan.recipe.seed_of(step.id))
            full["seed"] = (seed + number * (APART if step.uses == "draw" else 1)) % 2**32
        return dict(full)

    def _call(self, call: Call) -> Record:
        """The finished step for a call; one that was made in this run already is that one."""
        ledger = self.studio.ledger
        full = self.engine.arguments(call.tool, call.arguments)
        digests = {name: ledger.picture(handle).digest for name, handle in call.images.items()}
        key = canonical([call.tool, full, digests])
        if key not in self._answers:
            self._answers[key] = self.hands.run(call)
        return self._answers[key]

    def _draw(self, step: Step, arguments: dict[str, Any]) -> StepResult:
        """The whole loop on a request, as a turn of its own."""
        self.hands.check_cancelled()
        left, usual = self.spent.budget, Budget()
        room = left.steps - self.spent.steps, left.pictures - self.spent.pictures
        if min(*room, self.spent.seconds_left) <= 0:
            raise BudgetSpent(
                "steps" if room[0] <= 0 else "pictures" if room[1] <= 0 else "seconds"
            )
        width, height = arguments.get("size", (512, 512))
        options = Options(
            seed=arguments["seed"], size=(width, height), models=self.engine.profile.name,
            metadata=self.metadata, within=self.turn.id,
            budget=Budget(
                steps=min(usual.steps, room[0]), pictures=min(usual.pictures, room[1]),
                seconds=min(usual.seconds, self.spent.seconds_left),
            ),
        )  # fmt: skip
        owner = self.studio.ledger.owner(self.turn.session)
        turn = self.studio.ask(
            str(arguments["request"]), options, session=self.studio.ledger.new_session(owner),
            listener=self.listener, cancel=self.cancel,
        )  # fmt: skip
        self.spent.steps += turn.cost.calls
        self.spent.pictures += turn.cost.pictures
        if turn.picture is None:
            raise ToolError(f"draw: {turn.reply}")
        return StepResult(
            id=step.id, uses="draw", pictures=(turn.picture.handle,), picture=turn.picture.handle,
            value={"reply": turn.reply, "satisfied": turn.satisfied}, claims=_claims(turn),
            reused=all(s.outcome == "reused" for s in turn.steps),
        )  # fmt: skip

    def _judge(self, step: Step, result: StepResult) -> StepResult:
        """The result with what the check found, its best picture the one that meets most of it."""
        claims = self.plan.claims[step.id]
        if not claims or not result.pictures:
            return result
        brief = self.plan.brief({step.id})
        best: StepResult | None = None
        for handle in result.pictures:
            self.listener(events.Phase("looking", step.id))
            verdict = judged(brief, self._call, handle, look="look" in self.hands.offered)
            self.studio.ledger.record_verdict(self.turn, handle, verdict.model_dump(mode="json"))
            found = tuple(Checked(claim=c, finding=verdict.findings[c.id]) for c in claims)
            one = result.model_copy(update={"picture": handle, "claims": result.claims + found})
            self.listener(events.Judged(handle, verdict, best=False))
            if best is None or one.verdict.score > best.verdict.score:
                best = one
        assert best is not None
        return best

    # -- references

    def _look_up(self, reference: Reference) -> Any:
        if not reference.of_step:
            return self.inputs[reference.name]
        result = self.made[reference.name]
        if reference.part == "image":
            return _picture(result, reference)
        value: Any = result.value
        for key in reference.path:
            try:
                value = value[key]
            except (LookupError, TypeError):
                raise ToolError(
                    f"there is no {reference.text}: {reference.name} says {canonical(result.value)}"
                ) from None
        return value

    def _is_picture(self, reference: Reference) -> bool:
        of_input = self.plan.recipe.inputs.get(reference.name)
        if not reference.of_step:
            return of_input is not None and of_input.type == "image"
        return reference.part == "image"


def _picture(result: StepResult, reference: Reference) -> str:
    if not reference.path and result.picture is not None:
        return result.picture
    position = int(reference.path[0]) if reference.path else 0
    if position >= len(result.pictures):
        raise ToolError(f"there is no {reference.text}: {result.id} made {len(result.pictures)}")
    return result.pictures[position]


def _claims(turn: TurnDocument) -> tuple[Checked, ...]:
    claims = turn.brief.claims if turn.brief else ()
    return tuple(
        Checked(claim=c, finding=turn.verdict[c.id]) for c in claims if c.id in turn.verdict
    )
