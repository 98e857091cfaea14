"""Takes requests, carries them out in the order in which they came, some at once, and keeps what
happens for whoever watches.

A request is a turn in the ledger as soon as it is taken. What a process leaves behind when it ends,
however that is, the next one goes on with: a turn is a function of its request and of the ledger,
so that it tells again, with the same numbers, what it had told before, and then goes on.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Literal

from PIL import Image

from ..agent import events
from ..agent.records import Turn, TurnRecord
from ..agent.studio import Options, Studio, TurnDocument
from ..documents import event_document, turn_document
from ..tools.errors import BadInput, Cancelled, DanqingError, Stopped
from . import faults
from .line import Line
from .quota import Known

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled"})
CLOSING = "closing"
"""The event that tells whoever watches a turn that this process ends before it does."""
SHUT_OUT = "shut out"
"""The event that tells whoever watches a turn that the key opens nothing any more that began it."""
LAST = 1_000_000
"""The number of the event that ends a turn, whatever came before."""
_log = logging.getLogger(__name__)
PATIENCE = 10.0
"""Seconds in which a turn that was cancelled should have ended."""
KEPT_JOBS = 1000
"""So many ended turns are remembered with all their events; of others the end is known."""


@dataclass(frozen=True)
class Told:
    """Something that happened. ``id`` counts what is kept, from 1; what only passes by, progress
    and words as they come, has none."""

    id: int | None
    event: str
    data: dict[str, Any]


Watcher = Callable[[Told], None]


class Full(Stopped):
    """There are as many requests waiting as there may be."""


class Occupied(BadInput):
    """A session is at another request."""


@dataclass(eq=False)
class Job:
    """A turn at the desk."""

    turn: int
    session: str
    request: str
    state: State = "queued"
    cancel: threading.Event = field(default_factory=threading.Event)
    held: Turn | None = None
    owner: str | None = None
    unwanted: bool = False
    """Whether someone cancelled it."""
    keep: Callable[[str, dict[str, Any]], None] = lambda event, data: None
    """Is given all that is kept but the end, before anybody hears of it."""
    _left: bool = False  # whether this process ends before it does
    _kept: list[Told] = field(default_factory=list)
    _watchers: list[Watcher] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def came_to(self) -> dict[str, Any] | None:
        """The turn as it is published, once all know that it has ended."""
        return self._kept[-1].data.get("turn") if self._kept else None

    def watch(self, watcher: Watcher, after: int = 0) -> Callable[[], None]:
        """Tell ``watcher`` all that is kept and has a greater number than ``after``, and from now
        on all else, too; returns what ends that. A turn that is taken up again tells its beginning
        once more."""

        def new(told: Told) -> None:
            if told.id is None or told.id > after:
                watcher(told)

        with self._lock:
            for told in self._kept:
                new(told)
            if self._left:
                watcher(Told(None, CLOSING, {}))
            self._watchers.append(new)

        def leave() -> None:
            with self._lock:
                self._watchers.remove(new)

        return leave

    def wait(self, seconds: float) -> bool:
        """Whether the turn ends, and all have heard of it, in some seconds."""
        ended = threading.Event()
        leave = self.watch(lambda told: ended.set() if told.event in ENDED else None)
        try:
            return ended.wait(seconds)
        finally:
            leave()

    def listen(self, event: events.Event) -> None:
        """What the turn tells."""
        name, data = event_document(event)
        passes = isinstance(event, events.Working | events.Saying)
        self.tell(name, data, passes=passes)
        if isinstance(event, events.Working) and event.progress.preview and self._watchers:
            self.tell("preview", {"image": data_url(event.progress.preview)}, passes=True)

    def leave(self) -> None:
        """Stop at the next safe point, and let all know that it goes on in another process."""
        self._left = True
        self.cancel.set()
        self.tell(CLOSING, {}, passes=True)

    def tell(self, event: str, data: dict[str, Any], *, passes: bool = False) -> None:
        """Let all know that something happened."""
        with self._lock:
            last = event in ENDED
            id_ = None if passes else LAST if last else len(self._kept) + 1
            told = Told(id_, event, data)
            if not passes:
                if not last:
                    self.keep(event, data)
                self._kept.append(told)
            for watcher in self._watchers:
                watcher(told)


class Desk:
    """The desk of one studio. ``at_once`` turns run at a time; ``most`` wait at most, ``each`` of
    one owner. Owners take turns: next is the oldest request of whoever has the fewest running.

    Methods may be called by any thread; `take` and `cancel` write to the disk.
    """

    def __init__(
        self, studio: Studio, *, at_once: int = 2, most: int = 1000, each: int = 100
    ) -> None:
        self.studio, self._most, self._each = studio, most, each
        self._jobs: dict[int, Job] = {}  # those that have not ended, and the last that have
        self._ended: deque[int] = deque()
        self._at: dict[str, int] = {}  # the turn that a session is at; 0 while it is being taken
        self._coming: Counter[str | None] = Counter()
        self._limits = Known(studio.ledger.keys)
        self._line: Line[Job] = Line(lambda owner: self._limits.of(owner).at_once)
        self._lock = threading.Condition()
        self._workers = ThreadPoolExecutor(at_once, "danqing-desk")
        self._closing = False

    def start(self) -> list[Job]:
        """Go on with what an earlier process left, oldest first, and end what was cancelled in it;
        a picture that it was taking in when it ended was not taken."""
        left = []
        for record in self.studio.ledger.unfinished():
            if "served" in record.options:
                turn = self.studio.ledger.reopen_turn(record.id)
                job = self._held(turn, self.studio.ledger.owner(turn.session))
                if self.studio.ledger.unwanted(turn):
                    self._jobs[job.turn] = job
                    self._end(job, "cancelled", Cancelled("Stopped as you asked."))
                    continue
                left.append(job)
                self._put(job)
            elif "upload" in record.options:
                turn = self.studio.ledger.reopen_turn(record.id)
                self.studio.give_up(turn, "The picture was not taken in.", "failed")
        return left

    def _held(self, turn: Turn, owner: str | None) -> Job:
        """The job of a turn that this process carries out."""
        job = Job(turn.id, turn.session, turn.request, held=turn, owner=owner)
        job.keep = lambda event, data: self.studio.ledger.tell(turn, {"event": event, "data": data})
        return job

    def close(self) -> None:
        """Stop what runs at its next safe point, and let all who watch know; what has not ended,
        unless it was cancelled, is left for `start`."""
        with self._lock:
            self._closing = True
            left = [job for job in self._jobs.values() if job.state not in ENDED]
        for job in left:
            job.leave()
        self._workers.shutdown(cancel_futures=True)

    def take(
        self, request: str, options: Options | None, session: str, *, owner: str | None = None
    ) -> Job:
        """A request of a session of an owner's, which is durable on return.

        Raises `Full`, `Occupied`, `Stopped` once it is closed, and what `Studio.begin` does.
        """
        with self._lock:
            if self._closing:
                raise closed()
            waiting = len(self._line) + self._coming.total()
            if waiting >= self._most:
                raise Full(
                    f"There are {waiting} requests waiting, and no more are taken.",
                    hint="Try again later.",
                )
            may_wait = self._limits.of(owner).waiting
            each = self._each if may_wait is None else min(self._each, may_wait)
            if self._line.of(owner) + self._coming[owner] >= each:
                raise Full(
                    f"You have {each} requests waiting, and no more are taken.",
                    hint="Try again later.",
                )
            if (at := self._at.get(session)) is not None:
                raise Occupied(
                    f"The session {session} is at " + (f"turn {at}." if at else "another request."),
                    hint="Wait until it has ended, or cancel it.",
                )
            self._at[session] = 0
            self._coming[owner] += 1
        try:  # many may be kept at once, so nobody waits for anybody else here
            turn = self.studio.begin(request, options, session=session, served=True)
        except BaseException:
            with self._lock:
                del self._at[session]
                self._lock.notify_all()
            raise
        finally:
            with self._lock:
                self._coming[owner] -= 1
        job = self._held(turn, owner)
        self._put(job)
        return job

    def job(self, turn: int) -> Job:
        """A turn that is or was here. Raises `BadInput` where there is none."""
        if (here := self._jobs.get(turn)) is not None:
            return here
        record = self.studio.ledger.turn(turn)
        with self._lock:
            self._lock.wait_for(lambda: self._at.get(record.session) != 0)  # it is being taken
            if (here := self._jobs.get(turn)) is not None:
                return here
        job = Job(turn, record.session, record.request, state=_state(record))
        if job.state in ENDED:
            for one in self.studio.ledger.told(turn):
                job.tell(one["event"], one["data"])
            ended = document(self.studio.document(turn))
            job.tell(job.state, {"turn": ended} if job.state == "done" else _failed(ended))
        return job

    def check_here(self, job: Job) -> None:
        """Raise `Occupied` for a turn that goes on elsewhere: nothing of it is heard here."""
        if job.held is None and job.state not in ENDED:
            raise Occupied(f"Turn {job.turn} is not carried out by this server.")

    def position(self, job: Job) -> int | None:
        """How many turns begin before this one does; None where it has begun."""
        with self._lock:
            return self._line.position(job)

    def cancel(self, job: Job) -> None:
        """End a turn: at once where it waits, else at its next safe point, and no later process
        takes it up. Raises `Occupied` for one that another process carries out."""
        self.check_here(job)
        with self._lock:
            waited = self._line.remove(job)
            job.unwanted = True
            job.cancel.set()
        if waited:
            self._end(job, "cancelled", Cancelled("It was cancelled before it began."))
        else:
            self.studio.ledger.mark_unwanted(job.turn)

    def dismiss(self, opens: Callable[[str], bool]) -> None:
        """Cancel the turns of the keys that do not open any more; whoever watches them hears
        nothing more."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.state not in ENDED]
        shut = {owner for owner in {job.owner for job in jobs} if owner and not opens(owner)}
        for job in jobs:
            if job.owner in shut and not job.unwanted:
                job.tell(SHUT_OUT, {}, passes=True)
                self.cancel(job)

    def forget(self, session: str) -> None:
        """Cancel what a session is at, and delete it as `Studio.delete_session` does. Raises
        `Occupied` where its turn does not end in `PATIENCE` seconds, or goes on elsewhere."""
        with self._lock:
            self._lock.wait_for(lambda: self._at.get(session) != 0)  # it is being taken
            job = self._jobs.get(self._at.get(session, 0))
        if job is not None:
            self.cancel(job)
            if not job.wait(PATIENCE):
                raise Occupied(f"Turn {job.turn} is being cancelled.", hint="Try again later.")
        self.studio.delete_session(session)
        self._drop(session)

    def let_go(self, session: str, since: datetime) -> bool:
        """Delete a session unless something has happened in it since a time; whether it went.
        Raises as `Studio.delete_session`."""
        went = self.studio.delete_session(session, since)
        if went:
            self._drop(session)
        return went

    def _drop(self, session: str) -> None:
        """Keep no ended turn of a session in mind."""
        with self._lock:
            for job in [*self._jobs.values()]:
                if job.session == session and job.state in ENDED:
                    del self._jobs[job.turn]
                    self._ended.remove(job.turn)

    def _put(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.turn] = job
            self._at[job.session] = job.turn
            self._lock.notify_all()
            self._line.put(job)
            if self._closing:
                job.leave()
            else:
                self._workers.submit(self._next)

    def _next(self) -> None:
        """Carry out the turn that is next."""
        with self._lock:
            job = None if self._closing else self._line.take()
            if job is None:
                return
            job.state = "running"
        try:
            self._carry_out(job)
        finally:
            with self._lock:
                self._line.served(job)
                if len(self._line) and not self._closing:  # an owner may have waited for this
                    self._workers.submit(self._next)

    def _carry_out(self, job: Job) -> None:
        assert job.held is not None
        try:
            turn = self.studio.carry_out(job.held, listener=job.listen, cancel=job.cancel)
        except DanqingError as error:
            if isinstance(error, Cancelled) and self._closing and not job.unwanted:
                return
            self._end(job, "cancelled" if isinstance(error, Cancelled) else "failed", error)
        except Exception as error:  # noqa: BLE001, whoever waits has to hear of it
            number = faults.tell(_log, f"turn {job.turn}", error)
            told = f"Something went wrong in the studio; its log has it as fault {number}."
            self._end(job, "failed", Stopped(told))
        else:
            self._tell_end(job, "done", {"turn": document(turn)})

    def _end(self, job: Job, state: Literal["cancelled", "failed"], error: DanqingError) -> None:
        assert job.held is not None
        try:
            if self.studio.ledger.turn(job.turn).ended is None:
                self.studio.give_up(job.held, str(error), state)
        except Exception as fault:  # noqa: BLE001, whoever waits has to hear it all the same
            faults.tell(_log, f"turn {job.turn} is left unfinished", fault)
        turn = document(self.studio.document(job.turn))
        self._tell_end(job, state, _failed(turn, str(error)))

    def _tell_end(self, job: Job, state: State, data: dict[str, Any]) -> None:
        with self._lock:
            job.state = state
            if self._at.get(job.session) == job.turn:
                del self._at[job.session]
            self._ended.append(job.turn)
            if len(self._ended) > KEPT_JOBS:
                del self._jobs[self._ended.popleft()]
        job.tell(state, data)


def _failed(turn: dict[str, Any], error: str = "") -> dict[str, Any]:
    """What is told of a turn without a good end, the same by every later process; ``error`` where
    the ledger could not take it."""
    return {"error": turn["reply"] or error, "turn": turn}


def _state(record: TurnRecord) -> State:
    """How a turn stands that no job here is for."""
    if record.outcome is None:
        return "running"
    state: State = record.outcome.get("given_up", "done")
    return state


def closed() -> Stopped:
    """What is told to whoever is still there when the server ends."""
    return Stopped("The server is stopping.", hint="Try again later.")


def document(turn: TurnDocument) -> dict[str, Any]:
    """A turn as it is published here: its picture's ``path`` is one of this server."""
    told = turn_document(turn)
    if told["picture"] is not None:
        told["picture"]["path"] = (
            f"/api/v1/sessions/{turn.session}/pictures/{told['picture']['handle']}"
        )
    return told


def data_url(image: Image.Image) -> str:
    """A small picture as a text."""
    coded = BytesIO()
    image.convert("RGB").save(coded, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(coded.getvalue()).decode()
