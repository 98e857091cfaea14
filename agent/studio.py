"""The studio: requests in, turns out; everything durable in between."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from ..tools import catalogue
from ..tools.engine import Engine
from ..tools.errors import BadInput, Cancelled, DanqingError, Stopped, ToolError
from ..tools.masks import mask_of
from ..tools.registry import Role
from . import events, provenance, reply
from .act import Hands, seed_of
from .brief import Brief
from .budget import Budget, Spent
from .home import Home
from .ledger import Ledger
from .lineage import Lineage
from .llm.address import BUILTIN, Address
from .loop import Judge, Loop, State
from .plan import MASKS, Call
from .planners import BuiltinPlanner, Planner
from .records import Json, Step, Turn, TurnRecord
from .settling import Asker, nobody
from .verdict import Finding, Verdict
from .witness import Witness

if TYPE_CHECKING:
    from PIL import Image

    from .llm.reach import Reach

SMALLEST_SIZE, LARGEST_SIZE = 64, 2048
DEFAULT_SIZE = (512, 512)
_NOT_OPTIONS = ("size", "budget", "upload", "tool", "served", "marks")
_KEPT = ("seed", "models", "llm", "llm_sees", "metadata", "out", "base")
_WHERE_GIVEN = ("mask", "recipe", "inputs", "within")


class PictureDocument(BaseModel):
    """A finished picture: its handle, where the file is, its size in pixels and its seed."""

    model_config = ConfigDict(frozen=True)

    handle: str
    path: str
    width: int
    height: int
    seed: int | None


class StepDocument(BaseModel):
    """One tool call of a turn and how it ended."""

    model_config = ConfigDict(frozen=True)

    tool: str
    arguments: dict[str, Any]
    inputs: dict[str, str]
    outputs: list[str]
    seconds: float
    outcome: str


class Cost(BaseModel):
    """What a turn used."""

    model_config = ConfigDict(frozen=True)

    calls: int
    pictures: int
    seconds: float
    tokens: int
    money: float


class PlannerDocument(BaseModel):
    """Who planned a turn; ``gave_up`` tells why the built-in planner took over from it."""

    model_config = ConfigDict(frozen=True)

    name: str = BUILTIN
    gave_up: str | None = None


class TurnDocument(BaseModel):
    """A whole turn, as ``danqing draw --json`` prints it. Public; ``version`` tells its schema."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    turn: int
    session: str
    request: str
    brief: Brief | None
    reply: str
    picture: PictureDocument | None
    verdict: dict[str, Finding]
    satisfied: bool
    stopped: str
    steps: list[StepDocument]
    cost: Cost
    planner: PlannerDocument

    @property
    def exit_code(self) -> int:
        """0 when satisfied or answered in words, 3 when claims are left unmet."""
        return 0 if self.satisfied else 3


@dataclass(frozen=True)
class Options:
    """How a request is carried out; kept with its turn, so that resuming repeats it exactly."""

    seed: int
    size: tuple[int, int] = DEFAULT_SIZE
    budget: Budget = field(default_factory=Budget)
    models: str = catalogue.DEFAULT_PROFILE
    llm: str = BUILTIN
    llm_sees: bool = False
    """Whether a language model that is not on this machine may be sent pictures."""
    metadata: bool = True
    out: str | None = None
    base: str | None = None
    """The picture that the conversation stood at when the request was made."""
    mask: str | None = None
    """A picture of the size of ``base``, white where that may change: what is asked for is done
    there, and all else stays as it is."""
    recipe: str | None = None
    """The text of a recipe, where that is run and no request is read; ``inputs`` are its pictures'
    handles and its values by their names."""
    inputs: Json | None = None
    within: int | None = None
    """The turn of a recipe of which this is a step, and whose budget it uses."""

    def __post_init__(self) -> None:
        width, height = self.size
        if not all(SMALLEST_SIZE <= side <= LARGEST_SIZE for side in self.size):
            raise BadInput(
                f"A picture of {width}x{height} pixels cannot be made.",
                hint=f"A side has {SMALLEST_SIZE} to {LARGEST_SIZE} pixels.",
            )
        if not 0 <= self.seed < 2**32:
            raise BadInput(f"A seed is a whole number from 0 to {2**32 - 1}, not {self.seed!r}.")
        Address.read(self.llm)
        if self.out is not None and Path(self.out).suffix.lower() not in provenance.FORMATS:
            raise BadInput(
                f"A picture cannot be written as {self.out!r}.",
                hint=f"End the name in one of {', '.join(provenance.FORMATS)}.",
            )

    @classmethod
    def read(cls, data: Json) -> Options:
        """Options as the ledger keeps them."""
        rest = {k: v for k, v in data.items() if k not in _NOT_OPTIONS}
        return cls(size=tuple(data["size"]), budget=Budget(**data["budget"]), **rest)

    def as_json(self) -> Json:
        return {
            **{k: getattr(self, k) for k in _KEPT},
            **{k: told for k in _WHERE_GIVEN if (told := getattr(self, k)) is not None},
            "size": list(self.size), "budget": vars(self.budget).copy(),
        }  # fmt: skip


def _version() -> str:
    try:
        return version("danqing")
    except PackageNotFoundError:  # run from its source tree
        return "unreleased"


def made_with(profile: catalogue.Profile, roles: Iterable[Role]) -> tuple[Json, Json]:
    """The models of ``roles`` with their hashes, and the versions, as a provenance names them."""
    models: Json = {
        role: {
            "name": catalogue.model_name(profile, role),
            "sha256": catalogue.models_fingerprint(profile, role),
        }
        for role in sorted(roles)
    }
    return models, {"danqing": _version()}


def new_seed() -> int:
    """A random seed."""
    return secrets.randbelow(2**32)


class Studio:
    """A ledger and its engines at work. Close it, or use it as a context manager.

    ``home`` is a `Home`, or the folder of one; the usual one if left out. ``models`` and ``llm``
    are as in `Options`, and what those are where a request comes without; the models of a turn are
    loaded when it needs them. A ``judge`` looks at the pictures in the place of the built-in ones,
    as benchmarks want it.

    Threads may share it: requests in different sessions are carried out at once, those in one
    session one after the other. With ``batching`` they are painted in one batch, as `Engine` tells.
    """

    def __init__(
        self, home: Home | Path | str | None = None, *,
        models: str = catalogue.DEFAULT_PROFILE, llm: str = BUILTIN, judge: Judge | None = None,
        batching: bool = False,
    ) -> None:  # fmt: skip
        self.home = home if isinstance(home, Home) else Home.open(home)
        self._judge = judge
        self._models, self._llm, self._batching = models, llm, batching
        self.ledger = Ledger(self.home)
        self.engine = self._engine(models, _local(llm))
        """That of the last turn."""
        self.cancel = threading.Event()
        """Set it to stop the work at its next safe point; clear it before more is asked for."""
        self.accept = threading.Event()
        """Set it to end the turn with the best picture so far; cleared as a turn begins."""
        self.copies = True
        """Clear it to have no copies of finished pictures made in an encrypted home."""
        self.previews = False
        """Set it to have listeners told what is being painted, in `events.Working`."""
        self._cut_short: dict[int, Turn] = {}  # held by this process, so `unfinished` names none
        self._reaches: dict[str, Reach] = {}
        self._witnessing: Witness | None = None
        self._switching = threading.Lock()
        self._users: Counter[Engine] = Counter()
        self._talking: dict[str, threading.Lock] = {}

    def _engine(self, models: str, planner: Path | None) -> Engine:
        """The tools with the models of a profile, and the language model on this machine; `Stopped`
        where the painter is yet to be downloaded."""
        engine = Engine(models, home=self.home.root, planner=planner, batching=self._batching)
        painter = engine.profile.models.get("text-to-image")
        if painter is not None and painter.repository and not painter.ready:
            raise catalogue.missing(engine.profile.name, "text-to-image", painter)
        return engine

    @contextmanager
    def _using(self, options: Options) -> Iterator[Engine]:
        """An engine with the models that the options name, if it can be one that still works; the
        one before it ends with its last turn. Raises what `Engine` and `_engine` do."""
        wanted = options.models, _local(options.llm)
        with self._switching:
            before = self.engine
            there = (before, *self._users)
            same = (one for one in there if (one.profile.name, one.planner) == wanted)
            engine = self.engine = next(same, None) or self._engine(*wanted)
            self._let_go(before)
            self._users[engine] += 1
        try:
            yield engine
        finally:
            with self._switching:
                self._users[engine] -= 1
                self._let_go(engine)

    def _let_go(self, engine: Engine) -> None:
        """Close an engine that nobody uses nor will."""
        if not self._users[engine]:
            del self._users[engine]
            if engine is not self.engine:
                engine.close()

    def _turn_in(self, session: str) -> threading.Lock:
        """What one request at a time holds in a session."""
        return self._talking.setdefault(session, threading.Lock())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Stop the workers and let go of the ledger; turns in the middle can be resumed."""
        with self._switching:
            engines = {self.engine, *self._users}
        for engine in engines:
            engine.close()
        self.ledger.close()

    def warm_up(self) -> None:
        """Start the worker, so that it loads its models while something else is done."""
        roles: tuple[Role, ...] = ("controlnet", "captioner", "panoptic", "upscaler")
        first: tuple[Role, ...] = () if self.engine.planner is None else ("planner",)
        self.engine.start((*first, "text-to-image", *roles))

    def ask(
        self, request: str, options: Options | None = None, *, session: str | None = None,
        brief: Brief | None = None,
        listener: events.Listener = events.nobody, asker: Asker = nobody,
        cancel: threading.Event | None = None,
    ) -> TurnDocument:  # fmt: skip
        """Carry out one request to its end, in a new session if none is named; ``asker`` is asked
        where two pictures may be meant. Without ``options`` it goes on from the picture that the
        session stands at, with a seed of its own. ``cancel`` is what stops it in the place of the
        studio's.

        Raises `BadInput` for a request that cannot be read or a session that is not there,
        `Cancelled` when the user stops it and `Stopped` when it cannot go on; what was made is
        kept, and `resume` goes on from there.
        """
        if session is None:
            session = self.ledger.new_session()
        else:
            self.ledger.check_session(session)
        with self._turn_in(session):
            turn = self.begin(request, options, session=session, brief=brief)
            self.accept.clear()
            return self.carry_out(turn, listener=listener, asker=asker, cancel=cancel)

    def begin(
        self, request: str, options: Options | None = None, *, session: str,
        brief: Brief | None = None, served: bool = False,
    ) -> Turn:  # fmt: skip
        """The durable beginning of `ask`: a turn that `carry_out` goes on with, in this process or,
        by way of `resume`, in another. ``served`` is for one that a server took. Raises `BadInput`
        as `ask`."""
        from .language.text import check

        check(request)
        options = options or self.usual_options(session)
        with self._using(options) as engine:  # a turn that cannot be planned is not begun
            if options.llm != BUILTIN:
                self._reach(options.llm, engine)
        kept = options.as_json() | ({"served": True} if served else {})
        turn = self.ledger.begin_turn(session, request, kept)
        if brief is not None:
            self.ledger.record_brief(turn, brief.model_dump(mode="json"))
        return turn

    def usual_options(self, session: str) -> Options:
        """Those of a request that comes without: the studio's models, a new seed, and where the
        session stands."""
        head = Lineage(self.ledger, session).head
        return Options(new_seed(), models=self._models, llm=self._llm, base=head)

    def give_up(self, turn: Turn, why: str, how: Literal["cancelled", "failed"]) -> None:
        """End a turn that was begun, without a picture, so that nothing resumes it."""
        outcome = {"reply": why, "picture": None, "satisfied": False, "stopped": why}
        self.ledger.end_turn(turn, {**outcome, "given_up": how})
        self._cut_short.pop(turn.id, None)

    def delete_session(self, session: str, since: datetime | None = None) -> bool:
        """Delete a session for good, as `Ledger.delete_session` tells, with its copies in the
        home's ``pictures``; what it had been cut short in goes with it. With ``since`` only where
        nothing has happened in it since then; whether it went."""
        self.ledger.check_session(session)
        if since is not None and session not in self.ledger.idle(since, session):
            return False
        for turn in [*self._cut_short.values()]:
            if turn.session == session:
                self.give_up(turn, "The session was deleted.", "cancelled")
        copies = {path.stem for path in self.home.pictures.glob("img-*.png")}
        forgotten = self.ledger.delete_session(session)
        self._talking.pop(session, None)
        for handle in copies.intersection(forgotten.passed):  # it told what the session had said
            self.save(handle)
        return True

    async def stream(
        self, request: str, options: Options | None = None, *, session: str | None = None
    ) -> AsyncIterator[events.Event | TurnDocument]:
        """What happens while a request is carried out, and last its turn; all else as `ask`.

        To leave before the end cancels the turn at its next safe point, and waits for that.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[events.Event | TurnDocument | Exception] = asyncio.Queue()
        cancel = threading.Event()

        def tell(what: events.Event | TurnDocument | Exception) -> None:
            loop.call_soon_threadsafe(told.put_nowait, what)

        def work() -> None:
            try:
                tell(self.ask(request, options, session=session, listener=tell, cancel=cancel))
            except Exception as error:  # noqa: BLE001, it is raised where the request was made
                tell(error)

        working = loop.run_in_executor(None, work)
        try:
            while True:
                what = await told.get()
                if isinstance(what, Exception):
                    raise what
                yield what
                if isinstance(what, TurnDocument):
                    return
        finally:
            cancel.set()
            await working

    def take_in(
        self, file: bytes | Path | Image.Image, name: str, options: Options, session: str, *,
        mask: bool = False,
    ) -> str:  # fmt: skip
        """Keep a picture of the user's own as one of a session, which then stands at it, unless it
        is a ``mask``; returns its handle. Raises `BadInput` for what is no picture, and for a mask
        with nothing white."""
        from .language.text import language_of

        if not isinstance(file, bytes | Path):
            coded = BytesIO()
            file.save(coded, "PNG")
            file = coded.getvalue()
        how = {"upload": True} | ({"marks": True} if mask else {})
        turn = self.ledger.begin_turn(session, name, {**options.as_json(), **how})
        picture = None
        try:
            brief = Brief(language=language_of(name), intent="chat")
            self.ledger.record_brief(turn, brief.model_dump(mode="json"))
            picture = self.ledger.take_in(turn, file).handle
            if mask:
                _check_mask(self.image(picture))
        finally:
            outcome = {"reply": "", "picture": picture, "satisfied": picture is not None}
            if mask:
                outcome["picture"] = None
            self.ledger.end_turn(turn, {**outcome, "stopped": "answered"})
        return picture

    def use(
        self, tool: str, arguments: Mapping[str, Any], options: Options, session: str,
        *, listener: events.Listener = events.nobody, cancel: threading.Event | None = None,
    ) -> Step:  # fmt: skip
        """Run one tool once, as a turn of its own; the session then stands at what it made, unless
        that is a mask. ``arguments`` are as a planner gives them, images by their handles; seeds
        that are left out are those of the options. ``cancel`` is as in `ask`.

        Raises `ToolError` for what is refused, and what `ask` does.
        """
        with self._turn_in(session), self._using(options) as engine:
            spec = engine.tools.get(tool)
            fields = {} if spec is None else spec.arguments.model_fields
            seeds = {
                name: value for name, value in (("seeds", [options.seed]), ("seed", options.seed))
                if name in fields and arguments.get(name) is None
            }  # fmt: skip
            turn = self.ledger.begin_turn(session, tool, {**options.as_json(), "tool": True})
            handle, outcome = None, "it failed"
            try:
                self.ledger.record_brief(
                    turn, Brief(language="en", intent="chat").model_dump(mode="json")
                )
                budget = Options.read(turn.options).budget  # what is left of its key's
                hands = self.hands(engine, turn, Spent(budget), listener, cancel)
                if spec is None or tool not in hands.offered:
                    raise ToolError(
                        f"{tool!r} cannot run now; offered are {', '.join(sorted(hands.offered))}"
                    )
                images, values = spec.parse({**arguments, **seeds})
                step = hands.run(Call(tool=tool, arguments=values, images=images))
                if step.pictures and tool not in MASKS:
                    handle = step.pictures[0].handle
                outcome = "answered"
                return step
            finally:
                ended = {"reply": "", "picture": handle, "satisfied": outcome == "answered"}
                self.ledger.end_turn(turn, {**ended, "stopped": outcome})

    def hands(
        self, engine: Engine, turn: Turn, spent: Spent, listener: events.Listener,
        cancel: threading.Event | None = None,
    ) -> Hands:  # fmt: skip
        """What runs the calls of a turn; ``listener`` is told how each gets on. ``cancel`` is as in
        `ask`."""
        return Hands(
            self.ledger, engine, turn, spent, on_progress=lambda p: listener(events.Working(p)),
            cancel=cancel or self.cancel, previews=self.previews,
        )  # fmt: skip

    def image(self, handle: str) -> Image.Image:
        """The pixels of a picture. Raises `ToolError` for one that is not there."""
        return self.ledger.store.get(self.ledger.picture(handle).digest)

    def cut_short(self, session: str | None = None) -> list[int]:
        """The ids of the turns that were cut short, of one session or of all, oldest first. A
        recipe's are not among them: running it again resumes it."""
        return [
            turn.id
            for turn in self.ledger.unfinished()
            if not {"recipe", "upload", "tool"} & set(turn.options)
            and session in (None, turn.session)
        ]

    def resume(
        self, *, session: str | None = None, listener: events.Listener = events.nobody
    ) -> list[TurnDocument]:
        """Finish every turn that a crash or the user cut short, of one session or of all, oldest
        first.

        A turn that cannot go on does not keep the others waiting: its error is raised at the end.
        """
        for id in self.cut_short(session):
            self._cut_short[id] = self.ledger.reopen_turn(id)
        turns = [t for t in [*self._cut_short.values()] if session in (None, t.session)]
        finished: list[TurnDocument] = []
        trouble: DanqingError | None = None
        for turn in sorted(turns, key=lambda turn: turn.id):
            try:
                with self._turn_in(turn.session):
                    if turn.id in self._cut_short:  # nobody else took it up meanwhile
                        finished.append(self.carry_out(turn, listener=listener))
            except Cancelled:
                raise
            except DanqingError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return finished

    def carry_out(
        self, turn: Turn, *, listener: events.Listener = events.nobody, asker: Asker = nobody,
        cancel: threading.Event | None = None,
    ) -> TurnDocument:  # fmt: skip
        """Bring a turn that was begun to its end; all else as `ask`."""
        self._cut_short.pop(turn.id, None)
        options = Options.read(turn.options)
        try:
            with ExitStack() as stack:
                try:
                    engine = stack.enter_context(self._using(options))
                except BadInput:  # its language model may be gone since, no reason to be stuck
                    engine = stack.enter_context(self._using(replace(options, llm=BUILTIN)))
                cancel = cancel or self.cancel
                if options.recipe is not None:
                    from .recipe_run import carry_out

                    carry_out(self, engine, turn, options, listener, cancel)
                    return self.document(turn.id)
                return self._work(engine, turn, options, listener, asker, cancel)
        except BaseException:
            if self.ledger.turn(turn.id).ended is None:
                self._cut_short[turn.id] = turn
            raise

    def _work(
        self, engine: Engine, turn: Turn, options: Options, listener: events.Listener,
        asker: Asker, cancel: threading.Event,
    ) -> TurnDocument:  # fmt: skip
        record = self.ledger.turn(turn.id)
        worked = [s.cost.get("seconds", 0.0) for s in record.steps]
        spent = Spent(options.budget, carried=sum(worked))
        planner = self._planner(engine, turn, options, spent, listener, cancel)
        hands = self.hands(engine, turn, spent, listener, cancel)
        loop = Loop(
            turn, self.ledger, planner, hands, options.seed, options.size, base=options.base,
            mask=options.mask, ask=asker, emit=listener, judge=self._judge,
            witness=self._witness(engine), accept=self.accept,
        )  # fmt: skip
        try:
            state = loop.run()
        except BadInput as error:
            if self.ledger.turn(turn.id).brief is None:  # nothing was begun, so nothing resumes
                ended = {"reply": str(error), "picture": None, "satisfied": False}
                ended |= {"stopped": "it could not be understood", "given_up": "failed"}
                self.ledger.end_turn(turn, ended)
            raise
        outcome = self._outcome(turn, state, planner, options, spent)
        self.ledger.end_turn(turn, outcome)
        return self.document(turn.id)

    def _planner(
        self, engine: Engine, turn: Turn, options: Options, spent: Spent,
        listener: events.Listener, cancel: threading.Event,
    ) -> Planner:  # fmt: skip
        entry = engine.profile.models.get("text-to-image")
        scale = float(entry.defaults.get("guidance_scale", 4.0)) if entry else 4.0
        rules = BuiltinPlanner(scale, plain=entry is not None and entry.words == "plain")
        if options.llm == BUILTIN:
            return rules
        from .llm.exchange import Exchange, Memory
        from .llm.planner import ChatPlanner
        from .llm.reach import Gone

        reach: Reach | Gone
        try:
            reach = self._reach(options.llm, engine)
        except BadInput as error:  # it was there when the turn began
            reach = Gone(Address.read(options.llm), str(error.args[0]).rstrip("."))
        exchange = Exchange(reach, Memory(self.ledger, turn), spent, cancel)
        return ChatPlanner(
            exchange, rules, engine.tools,
            see=self.image if options.llm_sees else None,
            hear=lambda text: listener(events.Saying(text)),
            given_up=lambda why: listener(events.TookOver(reach.address.name, why)),
        )  # fmt: skip

    def _witness(self, engine: Engine) -> Witness | None:
        """A judge for pictures of any kind, where the profile has an answerer; it is tried once."""
        witness = self._witnessing
        if witness is None or witness.engine is not engine:
            witness = self._witnessing = Witness(engine)
        return witness if witness.there else None

    def _reach(self, llm: str, engine: Engine) -> Reach:
        """The language model at an address; turns share one, with its failures in a row. Raises
        `BadInput` where it cannot be connected, or its price cannot be read."""
        from .llm.address import connect, price
        from .llm.reach import Reach

        price()
        address = Address.parse(llm)
        if engine.planner is not None:  # it may be another one than the last time
            return Reach(address, connect(address, engine))
        if llm not in self._reaches:  # of two at once, one is the one that counts
            self._reaches.setdefault(llm, Reach(address, connect(address)))
        return self._reaches[llm]

    def _outcome(
        self, turn: Turn, state: State, planner: Planner, options: Options, spent: Spent
    ) -> Json:
        brief = Brief.model_validate(state["brief"])
        handle = state.get("picture")
        verdict = Verdict.model_validate(state["verdict"]) if "verdict" in state else None
        record = self.ledger.turn(turn.id)
        words = state.get("words")
        path = None
        if handle is not None and verdict is not None:
            drafts = {p.handle for s in record.steps if "seeds" in s.args for p in s.pictures}
            notes = planner.wording(brief).notes if brief.intent == "make" else ()
            words = reply.finished(
                brief, handle, verdict, max(1, len(drafts)), notes,
                state.get("stopped", "satisfied"), _undone(record),
            )  # fmt: skip
            copied = options.out is not None or self.copies or not self.ledger.sealed
            if copied and "served" not in turn.options:  # who is served has it from the server
                path = str(self.save(handle, options.out, metadata=options.metadata))
        elif words is None:
            wording = planner.wording(brief)
            words = (
                reply.beyond(brief, wording.notes)
                if brief.intent == "make" and not wording.paintable and wording.notes
                else reply.unfinished(brief.language, state["stopped"])
            )
        rungs = [rung for step in record.steps for rung in step.cost.get("rungs", ())]
        if rungs:
            words += "\n" + reply.memory_short(brief.language, list(dict.fromkeys(rungs)))
        if planner.gave_up is not None:
            words += "\n" + reply.took_over(brief.language, planner.name, planner.gave_up)
        return {
            "reply": reply.only_known(words, lambda h: self.ledger.may_use(turn.session, h)),
            "planner": {"name": planner.name, "gave_up": planner.gave_up},
            "picture": handle,
            "path": path,
            "verdict": state.get("verdict"),
            "satisfied": verdict.satisfied if verdict else brief.intent in ("ask", "chat"),
            "stopped": state.get("stopped", "satisfied"),
            "cost": {
                "calls": spent.steps, "pictures": spent.pictures, "tokens": spent.tokens,
                "seconds": round(spent.seconds, 3), "money": spent.money,
            },
        }  # fmt: skip

    def save(self, handle: str, out: str | Path | None = None, *, metadata: bool = True) -> Path:
        """Write a picture for the user: to ``out``, else into the home's ``pictures`` folder."""
        picture = self.ledger.picture(handle)
        path = Path(out).expanduser() if out else self.home.pictures / f"{handle}.png"
        account = self.account(handle) if metadata else None
        image, png = self.ledger.store.read(picture.digest)
        provenance.write(path.absolute(), image, account, png=png)
        return path.absolute()

    def png(self, handle: str, *, metadata: bool = True) -> bytes:
        """What `save` writes, as a PNG."""
        image, png = self.ledger.store.read(self.ledger.picture(handle).digest)
        return provenance.encoded(image, self.account(handle) if metadata else None, png=png)

    def account(self, handle: str) -> Json:
        """The provenance of a picture: request, steps, seeds, models with hashes, versions. The
        models are those of its turn's profile; none, where that is not there any more."""
        profile = self.engine.profile
        roles = catalogue.available(profile)
        name = self.ledger.turn(self.ledger.picture(handle).turn).options["models"]
        if name != profile.name:
            try:
                profile = Engine(name, home=self.home.root).profile
                roles = catalogue.available(profile)
            except BadInput:
                roles = frozenset()
        models, versions = made_with(profile, roles)
        return provenance.account(self.ledger, handle, models, versions)

    def document(self, turn_id: int) -> TurnDocument:
        """A finished or unfinished turn, from the ledger."""
        record = self.ledger.turn(turn_id)
        outcome = record.outcome or {}
        verdict = outcome.get("verdict") or {"findings": {}}
        cost = outcome.get("cost") or {
            "calls": len(record.steps), "pictures": len(record.pictures), "seconds": 0.0,
            "tokens": 0, "money": 0.0,
        }  # fmt: skip
        handle = outcome.get("picture")
        if handle is not None and not self.ledger.there([handle]):
            handle = None  # it was of a session that was deleted
        return TurnDocument(
            turn=record.id, session=record.session, request=record.request,
            brief=Brief.model_validate(record.brief) if record.brief else None,
            reply=outcome.get("reply", ""), satisfied=outcome.get("satisfied", False),
            picture=self._picture(handle, outcome.get("path")) if handle else None,
            verdict=verdict["findings"], stopped=outcome.get("stopped", "unfinished"),
            steps=[_step(s) for s in record.steps], cost=Cost(**cost),
            planner=PlannerDocument(**outcome.get("planner", {})),
        )  # fmt: skip

    def _picture(self, handle: str, path: str | None) -> PictureDocument:
        p = self.ledger.picture(handle)
        return PictureDocument(
            handle=handle, path=path or str(self.ledger.store.path(p.digest)),
            width=p.width, height=p.height, seed=self.seed(handle),
        )  # fmt: skip

    def seed(self, handle: str) -> int | None:
        """The seed that a picture, or the picture it was made from, was drawn with."""
        picture = self.ledger.picture(handle)
        step = next(s for s in self.ledger.turn(picture.turn).steps if s.id == picture.step)
        if "seeds" in step.args or "seed" in step.args:
            return seed_of(step, handle)
        return self.seed(picture.parents[0]) if picture.parents else picture.seed

    def replay(self, handle: str, *, listener: events.Listener = events.nobody) -> dict[str, bool]:
        """Run the steps that led to a picture once more, without asking the ledger for results.

        Returns for each picture on the way whether its pixels came out the same.
        """
        made: dict[str, Any] = {}
        same: dict[str, bool] = {}
        for step in provenance.lineage(self.ledger, handle):
            spec = self.engine.tools.get(step.tool)
            if spec is None:
                raise Stopped(f"{handle} was made by {step.tool!r}, which is not here any more.")
            gone = [source for source in step.inputs.values() if source not in made]
            if gone:
                raise Stopped(f"{handle} goes back to {gone[0]}, which was deleted.")
            images = {name: made[source] for name, source in step.inputs.items()}
            result = self.engine.call(
                step.tool, step.args, images, cancel=self.cancel, previews=self.previews,
                on_progress=lambda p: listener(events.Working(p)),
            )  # fmt: skip
            for picture, image in zip(step.pictures, result.images, strict=True):
                made[picture.handle] = image
                same[picture.handle] = self.ledger.store.shows(picture.digest, image)
        return same


def _local(llm: str) -> Path | None:
    """The folder of a language model on this machine."""
    address = Address.parse(llm)
    return Path(address.where) if address.local else None


def _check_mask(image: Image.Image) -> None:
    """Raise `BadInput` for a mask in which nothing is marked."""
    try:
        mask_of("mask", image, image.size)
    except ToolError as error:
        raise BadInput(str(error)) from None


def _undone(record: TurnRecord) -> tuple[str, ...]:
    """What the first plan of a turn left undone."""
    calls = [Call.model_validate(call) for call in record.plan or ()]
    return tuple(told for call in calls for told in call.undone)


def _step(step: Step) -> StepDocument:
    return StepDocument(
        tool=step.tool, arguments=step.args, inputs=step.inputs,
        outputs=[p.handle for p in step.pictures], seconds=step.cost.get("seconds", 0.0),
        outcome=step.outcome,
    )  # fmt: skip
