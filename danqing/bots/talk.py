"""What the bots share: which session a chat is at, and what it is told of what it said.

Requests go to the desk, as a server's do: they wait in one line, are durable as soon as they are
taken, and the next process goes on with those that this one leaves. What is said of a conversation
itself, as "undo", is its session's, at once.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ..agent import durable
from ..agent.brief import Language
from ..agent.events import Event
from ..agent.language.text import language_of
from ..agent.ledger import Ledger
from ..agent.session import Said, Session
from ..agent.store import MAX_BYTES
from ..documents import error_of, event_document
from ..server.desk import ENDED, Desk, Job, Occupied, Told
from ..tools.errors import DanqingError
from ..words import Phases, say

PACE = 1.5
"""Seconds from one word of progress to the next; the services let a bot edit about once a
second."""
UNDO: dict[Language, str] = {"en": "undo", "zh": "撤销"}


@dataclass(frozen=True)
class Answer:
    """What a chat is given in the end: words, pictures as (handle, PNG), and the turn that came to
    this."""

    words: str
    pictures: tuple[tuple[str, bytes], ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Brought:
    """A file that the sender brought: its bytes by the service's count, how to have it, and what
    is raised where the service does not hand it over."""

    size: int
    read: Callable[[], Awaitable[bytes | bytearray]]
    failure: type[Exception]


class Reply(Protocol):
    """One answer on its way to a chat."""

    async def tell(self, text: str) -> None:
        """Show how it stands now, in the place of what was shown before."""

    async def give(self, answer: Answer) -> None:
        """Show the answer itself, in the place of that."""


class Chats:
    """Which session each chat is at, and which of its turns it was answered last: a file of the
    home, durable on return."""

    def __init__(self, ledger: Ledger, file: Path) -> None:
        self._ledger, self._file = ledger, file
        self._lock = threading.Lock()
        known = json.loads(file.read_bytes()) if file.exists() else {}
        self._at: dict[int, tuple[str, int]] = {
            int(chat): (at, 0) if isinstance(at, str) else (at[0], at[1])  # as it was at first
            for chat, at in known.items()
        }

    def session(self, chat: int) -> str:
        """The session of a chat; a new one where there is none, or none any more."""
        with self._lock:
            session, _ = self._at.get(chat, ("", 0))
            return session if self._ledger.has_session(session) else self._begin(chat)

    def begin(self, chat: int) -> str:
        """A new session for a chat."""
        with self._lock:
            return self._begin(chat)

    def answered(self, chat: int, session: str, turn: int) -> None:
        """Record that a chat was given what came of a turn of the session that it was at."""
        with self._lock:
            at, before = self._at[chat]
            if at == session:
                self._keep(chat, session, max(turn, before))

    def unanswered(self) -> list[tuple[int, int]]:
        """The chats whose last request was not answered, each with its turn."""
        with self._lock:
            at = list(self._at.items())
        found = []
        for chat, (session, answered) in at:
            asked = [t.id for t in self._ledger.outlines(session) if "served" in t.options]
            if asked and asked[-1] > answered:
                found.append((chat, asked[-1]))
        return found

    def _begin(self, chat: int) -> str:
        session = self._ledger.new_session()
        self._keep(chat, session, 0)
        return session

    def _keep(self, chat: int, session: str, answered: int) -> None:
        at = {**self._at, chat: (session, answered)}
        with durable.clear_errors(self._file):
            durable.write_file(self._file, json.dumps(at).encode())
        self._at = at


class Talk:
    """The chats of one service, at a desk. Nobody but ``allowed`` is to be answered: people, or
    chats with all who are in them, by the service's ids.

    It ends once ``asked`` is set: what is being carried out is left for the next process.
    """

    def __init__(
        self, desk: Desk, service: str, allowed: frozenset[int], asked: threading.Event, *,
        metadata: bool = True, pace: float = PACE,
    ) -> None:  # fmt: skip
        self.desk, self.studio, self.allowed, self.asked = desk, desk.studio, allowed, asked
        self.chats = Chats(self.studio.ledger, self.studio.home.root / f"{service}.chats.json")
        self._metadata, self._pace = metadata, pace
        self._at: set[str] = set()
        self._giving = 0

    async def say(
        self, chat: int, words: str, reply: Reply, *, language: Language = "en",
        brought: Brought | None = None,
    ) -> None:  # fmt: skip
        """Answer what was said in a chat, with a picture of the sender's own or without.
        ``language`` is that of a message without words."""
        words = words.strip()
        language = language_of(words) if words else language
        if brought is not None and brought.size > MAX_BYTES:
            await reply.give(Answer(say("too large", language, n=MAX_BYTES // 1_000_000)))
            return
        file: bytes | None = None
        if brought is not None:
            try:
                file = bytes(await brought.read())
            except brought.failure:
                await reply.give(Answer(say("not brought", language)))
                return
        session = await asyncio.to_thread(self.chats.session, chat)
        if session in self._at:
            await reply.give(Answer(say("still at it", language)))
            return
        progress = Progress(language)
        answer = self._answer(session, words, file, progress, reply)
        await self._give(chat, session, progress, answer, reply)

    async def new(self, chat: int, reply: Reply, language: Language) -> None:
        """Begin a new session in a chat."""
        await asyncio.to_thread(self.chats.begin, chat)
        await reply.give(Answer(say("anew", language)))

    async def go_on(self, reply_in: Callable[[int], Reply]) -> None:
        """Go on with what an earlier process left, and give it to the chats that asked."""

        async def follow(chat: int, job: Job) -> None:
            reply, progress = reply_in(chat), Progress(language_of(job.request))
            answer = self._followed(job, progress, reply)
            await self._give(chat, job.session, progress, answer, reply)

        left = await asyncio.to_thread(self._left)
        await asyncio.gather(*(follow(chat, job) for chat, job in left))

    async def until_asked(self) -> None:
        """Wait until the process is to end and everybody has been told so."""
        while not self.asked.is_set() or self._giving:
            await asyncio.sleep(0.1)

    def _left(self) -> list[tuple[int, Job]]:
        self.desk.start()
        return [(chat, self.desk.job(turn)) for chat, turn in self.chats.unanswered()]

    async def _give(
        self, chat: int, session: str, progress: Progress,
        answer: Coroutine[Any, Any, Answer], reply: Reply,
    ) -> None:  # fmt: skip
        """Give an answer once it is there; until then its session takes nothing else."""
        self._at.add(session)
        self._giving += 1
        try:
            try:
                await reply.tell(progress.told)
                given = await answer
            except Occupied:  # it is at a turn that was taken up again
                given = Answer(say("still at it", progress.language))
            except DanqingError as error:
                given = Answer(str(error))
            finally:
                self._at.discard(session)
            await reply.give(given)
            if given.turn:
                await asyncio.to_thread(self.chats.answered, chat, session, given.turn)
        finally:
            self._giving -= 1

    async def _answer(
        self, session: str, words: str, file: bytes | None, progress: Progress, reply: Reply
    ) -> Answer:
        beginning = asyncio.ensure_future(
            asyncio.to_thread(self._begun, session, words, file, progress)
        )
        await self._meanwhile(beginning, lambda: progress.text, progress, reply)
        begun = await beginning
        if isinstance(begun, Job):
            return await self._followed(begun, progress, reply)
        return await self._shown(begun.words, begun.pictures)

    def _begun(
        self, session: str, words: str, file: bytes | None, progress: Progress
    ) -> Said | Job:
        """What comes of words at once, or the turn that they begin."""
        options = replace(self.studio.usual_options(session), metadata=self._metadata)
        talk = Session(self.studio, options, session, cancel=self.asked)
        if file is not None:
            handle = talk.open(file)
            if not words:
                return Said(say("opened", progress.language, handle=handle))
            options = replace(options, base=handle)
        said = talk.act(words, listener=progress.listen)
        return said or self.desk.take(words, options, session)

    async def _followed(self, job: Job, progress: Progress, reply: Reply) -> Answer:
        """The answer to a turn at the desk."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Told] = loop.create_future()

        def hear(told: Told) -> None:
            if told.event in ENDED:
                loop.call_soon_threadsafe(ended.set_result, told)
            else:
                progress.hear(told.event, told.data)

        def standing() -> str:
            place = self.desk.position(job)
            return progress.text if place is None else progress.waiting(place)

        leave = job.watch(hear)
        try:
            await self._meanwhile(ended, standing, progress, reply)
        finally:
            leave()
        if not ended.done():
            return Answer(say("bot leaving", progress.language))
        data = ended.result().data
        if "error" in data:
            return Answer(str(error_of(data)), turn=job.turn)
        picture = data["turn"]["picture"]
        shown = await self._shown(data["turn"]["reply"], [picture["handle"]] if picture else [])
        return replace(shown, turn=job.turn)

    async def _meanwhile(
        self, done: asyncio.Future[Any], text: Callable[[], str], progress: Progress, reply: Reply
    ) -> None:
        """Tell how it stands, now and then and where that is something new, until it is done."""
        while not self.asked.is_set():
            await asyncio.wait([done], timeout=self._pace)
            if done.done():
                return
            if (now := text()) != progress.told:
                progress.told = now
                await reply.tell(now)

    async def _shown(self, words: str, handles: Iterable[str]) -> Answer:
        def png(handle: str) -> tuple[str, bytes]:
            return handle, self.studio.png(handle, metadata=self._metadata)

        return Answer(words, tuple([await asyncio.to_thread(png, h) for h in handles]))


class Progress(Phases):
    """How a turn stands, as one line of ``text``, and what was ``told`` of that last. Any thread
    may let it hear."""

    def __init__(self, language: Language) -> None:
        super().__init__(language)
        self.text = self.told = self._title = say("working", language)

    def waiting(self, before: int) -> str:
        """The line of a turn with so many ``before`` it."""
        return say("in line", self.language, n=before + 1)

    def listen(self, event: Event) -> None:
        self.hear(*event_document(event))

    def hear(self, name: str, data: dict[str, Any]) -> None:
        """An event as it is published."""
        match name, data:
            case "understood", {"brief": brief}:
                self.language = brief["language"]
            case "phase", {"name": phase}:
                if title := self.title(phase):
                    self.text = self._title = f"{title} …"
            case "working", {"done": done, "total": total}:
                self.text = f"{self._title} {done}/{total}"


def language_for(tag: str | None) -> Language:
    """The language of somebody's application, by its tag ("zh-hans"), for what does not answer
    words of theirs."""
    return "zh" if (tag or "").startswith("zh") else "en"


def pieces(text: str, most: int) -> Iterator[str]:
    """``text`` in parts of at most so many characters, cut between lines where there are some."""
    while len(text) > most:
        cut = text.rfind("\n", 1, most + 1)
        cut = most if cut < 0 else cut
        yield text[:cut]
        text = text[cut:].lstrip("\n")
    if text:
        yield text
