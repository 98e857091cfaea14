"""Clients, a server that is killed again and again, and a look at what is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from PIL import Image

from danqing.agent.durable import TEMPORARY
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.records import TurnRecord
from danqing.agent.store import ORPHAN_SECONDS
from danqing.tools.errors import DanqingError

from .. import nursery
from ..server import new_keys
from .client import ACKNOWLEDGED, Client, Watched
from .served import AT_ONCE, Command, Nursery


@dataclass
class Tally(nursery.Tally):
    """What the clients have seen, too."""

    before_it_answered: int = 0
    acknowledged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACKNOWLEDGED, 0))
    ends: dict[str, int] = field(default_factory=dict)
    events: int = 0
    returns: int = 0
    intrusions: int = 0
    cut_short: int = 0
    doubled: int = 0


class Trial:
    """``most`` is how many seconds a server lives, about, before it is killed, and ``patience`` how
    many what was asked for may take after the last kill."""

    def __init__(
        self, home: Path, server: Nursery | Command, port: int, *, seed: int = 1, clients: int = 6,
        most: float = 2.0, patience: float = 300.0,
    ) -> None:  # fmt: skip
        self.home, self.server, self.tally = Home.open(home), server, Tally()
        self._chance, self._most, self._patience = random.Random(seed), most, patience
        self._life = 0
        self._deaths: list[datetime] = []
        keys = new_keys(home, *(f"client {number}" for number in range(clients)))
        url = f"http://127.0.0.1:{port}"
        self._clients = [
            Client(
                httpx.AsyncClient(
                    base_url=url, timeout=30, headers={"Authorization": f"Bearer {key}"}
                ),
                seed * 1000 + number, lambda: self._life, self.tally.note,
            )
            for number, key in enumerate(keys)
        ]  # fmt: skip

    async def run(self, kills: int) -> Tally:
        """Kill so often, wait for the rest, and look."""
        started, enough = time.monotonic(), asyncio.Event()
        using = [asyncio.create_task(client.use(enough)) for client in self._clients]
        try:
            for _ in range(kills):
                self.server.start()
                await self._live()
                await self._kill()
            self.server.start()
            enough.set()
            done, waiting = await asyncio.wait(using, timeout=self._patience)
            for task in done:
                task.result()
            if waiting:
                self.tally.note("stuck", f"{len(waiting)} clients still wait")
            else:
                await self._look()
        finally:
            for task in using:
                task.cancel()
            await asyncio.gather(*using, return_exceptions=True)
            for client in self._clients:
                await client.http.aclose()
            self.server.kill()
        self._count()
        with Ledger(self.home) as ledger:
            self._check(ledger)
        self.tally.seconds = round(time.monotonic() - started, 1)
        return self.tally

    async def _live(self) -> None:
        """Let the server live for a while: one life in five ends while it starts, two right after
        something was acknowledged, and two at any moment; in some another process tries to take
        what the server is at."""
        how = self._chance.random()
        hurried = asyncio.create_task(asyncio.sleep(self._chance.uniform(0, self._most / 4)))
        while not await self._answers():
            if how < 0.2 and hurried.done():
                self.tally.before_it_answered += 1
                return
            await asyncio.sleep(0.02)
        hurried.cancel()
        if how < 0.6:
            kind = self._chance.choice((*ACKNOWLEDGED, "cancel", "cancel"))
            await asyncio.sleep(self._chance.uniform(0, self._most / 2))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._acknowledged(kind), self._most)
            await asyncio.sleep(self._chance.uniform(0, 0.03))
            return
        await asyncio.sleep(self._chance.uniform(0, self._most))
        if self._chance.random() < 0.5:
            await asyncio.to_thread(self._intrude)

    async def _acknowledged(self, kind: str) -> None:
        """Return as soon as a thing of the kind is acknowledged to anybody."""
        before = sum(client.acknowledged[kind] for client in self._clients)
        while sum(client.acknowledged[kind] for client in self._clients) == before:
            await asyncio.sleep(0.002)

    async def _answers(self) -> bool:
        try:
            return (await self._clients[0].http.get("/v1/models", timeout=5)).status_code == 200
        except httpx.TransportError:
            return False

    def _intrude(self) -> None:
        """What belongs to a living server is for no other process to go on with."""
        with contextlib.suppress(DanqingError), Ledger(self.home) as ledger:
            left = ledger.unfinished()
            for record in left:
                self.tally.note("doubled", f"turn {record.id} was offered while it was running")
            for session in ledger.sessions(20):
                for turn in ledger.outlines(session):
                    if turn.ended is None and "served" in turn.options:
                        self.tally.intrusions += 1
                        with contextlib.suppress(DanqingError):
                            ledger.reopen_turn(turn.id)
                            self.tally.note("doubled", f"turn {turn.id} was taken while it ran")

    async def _kill(self) -> None:
        await asyncio.to_thread(self.server.kill)
        self._deaths.append(datetime.now(UTC))
        self._life += 1
        self.tally.kills += 1

    async def _look(self) -> None:
        """What the clients find, in this server and in a later one."""
        for _ in range(2):
            for client in self._clients:
                await client.look()
            await self._kill()
            self.tally.kills -= 1  # nobody was there to lose anything
            self.server.start()
            while not await self._answers():
                await asyncio.sleep(0.05)

    def _count(self) -> None:
        tally, turns = self.tally, list(self._turns())
        tally.events = sum(len(watched.events) for watched in turns)
        told = [event for watched in turns for event, _ in watched.events.values()]
        tally.ends = {end: told.count(end) for end in ("done", "failed", "cancelled")}
        for client in self._clients:
            tally.returns += client.returns
            for kind in ACKNOWLEDGED:
                tally.acknowledged[kind] += client.acknowledged[kind]

    def _turns(self) -> Iterator[Watched]:
        for client in self._clients:
            yield from client.turns.values()

    # What the home holds.

    def _check(self, ledger: Ledger) -> None:
        for record in ledger.unfinished():
            self.tally.note("stuck", f"turn {record.id} has not ended")
        for watched in self._turns():
            self._check_turn(ledger.turn(watched.turn), watched)
        for client in self._clients:
            for session, kept in client.sessions.items():
                places = iter(ledger.places(session))
                if not all(place in places for place in kept.stood):
                    self.tally.note("lost", f"{session} did not stand where it was told to")
        self._check_files(ledger)
        self._sweep(ledger)
        log = self.home.root.parent / "calls"
        ran = Counter(log.read_text().splitlines()) if log.exists() else Counter[str]()
        self.tally.reruns = sum(times - 1 for times in ran.values())
        if self.tally.reruns > AT_ONCE * self.tally.kills:
            self.tally.note("doubled", f"{self.tally.reruns} calls ran again")

    def _check_turn(self, record: TurnRecord, watched: Watched) -> None:
        done = Counter(step.key for step in record.steps if step.outcome == "done")
        if any(times > 1 for times in done.values()):
            self.tally.note("doubled", f"a step of turn {record.id} was done twice")
        pictures = Counter(
            (picture.digest, picture.seed) for step in record.steps
            if step.outcome == "done" and step.tool == "text_to_image" for picture in step.pictures
        )  # fmt: skip
        if any(times > 1 for times in pictures.values()):
            self.tally.note("doubled", f"turn {record.id} has drawn a picture twice")
        lives = Counter(
            bisect(self._deaths, datetime.fromisoformat(step.created))
            for step in record.steps if step.outcome == "crashed"
        )  # fmt: skip
        self.tally.cut_short += lives.total()
        if any(times > 1 for times in lives.values()):
            self.tally.note("doubled", f"a kill cut turn {record.id} short at several steps")
        if watched.cancelled is None or watched.cancelled >= len(self._deaths):
            return
        death = self._deaths[watched.cancelled]
        later = [step.id for step in record.steps if datetime.fromisoformat(step.created) > death]
        given_up = (record.outcome or {}).get("given_up")
        ended = datetime.fromisoformat(record.ended or datetime.now(UTC).isoformat())
        if later or (given_up != "cancelled" and ended > death):
            self.tally.note("doubled", f"turn {record.id} went on after it was cancelled: {later}")

    def _check_files(self, ledger: Ledger) -> None:
        for problem in ledger.check():
            self.tally.note("torn", problem)
        for file in self.home.blobs.glob("[0-9a-f]*.png"):  # those that nothing names, too
            try:
                ledger.store.read(file.stem)
            except DanqingError as error:
                self.tally.note("torn", str(error))
        for file in self.home.pictures.glob("img-*.png"):
            try:
                Image.open(file).load()
            except OSError as error:
                self.tally.note("torn", f"{file}: {error}")

    def _sweep(self, ledger: Ledger) -> None:
        """After an hour nothing that is half written is there."""
        old = time.time() - 2 * ORPHAN_SECONDS
        for file in self.home.root.rglob(f"{TEMPORARY}*"):
            os.utime(file, (old, old))
        ledger.sweep()
        for file in self.home.root.rglob(f"{TEMPORARY}*"):
            self.tally.note("torn", f"{file} is left")
        self._check_files(ledger)
