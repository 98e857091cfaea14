"""One who uses the server, comes back after every kill, and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import httpx
from PIL import Image

from danqing.agent.store import digest_of
from danqing.server.desk import ENDED, LAST

REQUESTS = ("a red house", "a red house", "a red house and a cat", "how many houses are there?")
SESSIONS = 4
"""So many sessions a client has at most."""
ACKNOWLEDGED = ("session", "turn", "picture", "place", "cancel")
Data = dict[str, Any]
Note = Callable[[str, str], None]


@dataclass
class Watched:
    """A turn as whoever asked for it knows it: the events with a number, and the life of the server
    in which its cancelling was acknowledged."""

    turn: int
    session: str
    request: str
    events: dict[int, tuple[str, Data]] = field(default_factory=dict)
    cancelled: int | None = None

    @property
    def last(self) -> int:
        """The greatest number that was told."""
        return max(self.events, default=0)


@dataclass
class Kept:
    """What was acknowledged of one session: what it stood at by request, and the pictures that were
    brought to it, by handle."""

    stood: list[str | None] = field(default_factory=list)
    brought: dict[str, str] = field(default_factory=dict)


class Unanswered(Exception):
    """The server went away before it answered."""


class Client:
    """``life`` tells in which life the server is; ``note`` takes what is wrong."""

    def __init__(
        self, http: httpx.AsyncClient, seed: int, life: Callable[[], int], note: Note
    ) -> None:
        self.http, self.life, self.note = http, life, note
        self.turns: dict[int, Watched] = {}
        self.sessions: dict[str, Kept] = {}
        self.acknowledged: Counter[str] = Counter()
        self.returns = 0
        self._chance = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    async def use(self, stop: asyncio.Event) -> None:
        """Do one thing after another until it is enough, then wait for what was asked for."""
        acts = (self._begin, *[self._ask] * 6, self._bring, self._stand)
        while not stop.is_set():
            try:
                await self._chance.choice(acts if self.sessions else (self._begin,))()
            except Unanswered:
                await asyncio.sleep(0.05)
            await asyncio.sleep(self._chance.uniform(0, 0.1))
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _begin(self) -> None:
        if len(self.sessions) < SESSIONS or self._chance.random() < 0.1:
            answer = await self._send("POST", "/api/v1/sessions", expected=201)
            self.sessions[answer["session"]] = Kept()
            self.acknowledged["session"] += 1

    async def _ask(self) -> None:
        session = self._chance.choice(list(self.sessions)[-SESSIONS:])
        request, seed = self._chance.choice(REQUESTS), self._chance.randrange(2**32)
        answer = await self._send(
            "POST", f"/api/v1/sessions/{session}/turns", expected=202,
            json={"request": request, "seed": seed, "pictures": self._chance.choice((1, 4, 20))},
        )  # fmt: skip
        if answer:  # else the session is at another turn
            watched = Watched(answer["turn"], session, request)
            self.turns[watched.turn] = watched
            self.acknowledged["turn"] += 1
            self._spawn(self._follow(watched))
            if self._chance.random() < 0.1:
                self._spawn(self._cancel(watched))

    async def _bring(self) -> None:
        session = self._chance.choice(list(self.sessions)[-SESSIONS:])
        image = Image.new("RGB", (64, 64), tuple(self._chance.randbytes(3)))
        coded = BytesIO()
        image.save(coded, "PNG")
        answer = await self._send(
            "POST", f"/api/v1/sessions/{session}/pictures", expected=201, content=coded.getvalue()
        )
        if answer:
            newest = max(answer["pictures"], key=lambda node: int(node["turn"]))
            self.sessions[session].brought[newest["handle"]] = digest_of(image)
            self.acknowledged["picture"] += 1

    async def _stand(self) -> None:
        session = self._chance.choice(list(self.sessions)[-SESSIONS:])
        there = list(self.sessions[session].brought)
        where = self._chance.choice([None, *there])
        answer = await self._send(
            "POST", f"/api/v1/sessions/{session}/stand", expected=200, json={"picture": where}
        )
        if answer:
            self.sessions[session].stood.append(where)
            self.acknowledged["place"] += 1

    async def _cancel(self, watched: Watched) -> None:
        await asyncio.sleep(self._chance.uniform(0, 0.1))
        try:
            answer = await self._send("POST", f"/api/v1/turns/{watched.turn}/cancel", expected=202)
        except Unanswered:
            return
        if answer:
            watched.cancelled = self.life()
            self.acknowledged["cancel"] += 1

    async def _follow(self, watched: Watched) -> None:
        """Hear all that happens in a turn, from many streams one after the other."""
        while watched.last < LAST:
            try:
                async for number, event, data in self.events(watched.turn, watched.last):
                    if number != LAST and number != watched.last + 1:
                        self.note("doubled", f"event {number} of turn {watched.turn} came after"
                                  f" {watched.last}")  # fmt: skip
                    watched.events[number] = event, data
                    if event == "failed":
                        self.note("lost", f"turn {watched.turn} failed: {data['error']}")
                    elif number != LAST and self._chance.random() < 0.05:
                        self._spawn(self._cancel(watched))
                    if self._chance.random() < 0.03:
                        break  # hung up
            except Unanswered:
                pass
            if watched.last < LAST:
                self.returns += 1
                await asyncio.sleep(self._chance.uniform(0.05, 0.4))

    async def events(self, turn: int, after: int = 0) -> AsyncIterator[tuple[int, str, Data]]:
        """The events of a turn that have numbers. Raises `Unanswered`."""
        headers = {"Last-Event-ID": str(after)}
        number, event = 0, ""
        try:
            async with self.http.stream(
                "GET", f"/api/v1/turns/{turn}/events", headers=headers
            ) as stream:
                if stream.status_code != 200:
                    await stream.aread()
                    self.note("lost", f"turn {turn}: {stream.status_code} {stream.text}")
                    raise Unanswered
                async for line in stream.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        number = int(value)
                    elif name == "event":
                        event = value
                    elif name == "data" and number:
                        yield number, event, json.loads(value)
                    elif not line:
                        number = 0
        except httpx.TransportError:
            raise Unanswered from None

    async def _send(self, method: str, path: str, *, expected: int, **what: Any) -> Data:
        """What the server acknowledges; nothing, where it is busy with the session. Raises
        `Unanswered`."""
        try:
            answer = await self.http.request(method, path, **what)
        except httpx.TransportError:
            raise Unanswered from None
        if answer.status_code == expected:
            return dict(answer.json())
        if answer.status_code not in (409, 429):
            self.note("lost", f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return {}

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What has to be there in the end.

    async def look(self) -> None:
        """Find all that was acknowledged, as it was told."""
        for session, kept in self.sessions.items():
            state = await self._send("GET", f"/api/v1/sessions/{session}", expected=200)
            turns = {turn["turn"]: turn for turn in state.get("turns", ())}
            for turn in turns.values():
                if turn["state"] not in ENDED:
                    self.note("stuck", f"turn {turn['turn']} is {turn['state']}")
            for watched in self.turns.values():
                if watched.session == session:
                    await self._compare(watched, turns.get(watched.turn))
            there = {node["handle"] for node in state.get("pictures", ())}
            for handle, digest in kept.brought.items():
                if handle not in there:
                    self.note("lost", f"{handle} was brought to {session} and is gone")
                    continue
                data = await self.http.get(f"/api/v1/sessions/{session}/pictures/{handle}")
                if digest_of(Image.open(BytesIO(data.content))) != digest:
                    self.note("lost", f"{handle} was brought to {session} and is another now")

    async def _compare(self, watched: Watched, state: Data | None) -> None:
        event, data = watched.events[LAST]
        if state is None or state["request"] != watched.request:
            self.note("lost", f"turn {watched.turn} was acknowledged and is {state}")
        elif (state["state"], state["document"]) != (event, data["turn"]):
            self.note("lost", f"turn {watched.turn} had ended as {event} and now is {state}")
        told = {number: (event, data) async for number, event, data in self.events(watched.turn)}
        missing = watched.events.keys() - told.keys()
        if any(told[number] != watched.events[number] for number in told.keys() & watched.events):
            self.note("doubled", f"turn {watched.turn} tells something else than before")
        if told.keys() - watched.events.keys() or (missing and event != "cancelled"):
            numbers = sorted(told), sorted(watched.events)
            self.note("lost", f"turn {watched.turn} tells {numbers[0]}, and told {numbers[1]}")
