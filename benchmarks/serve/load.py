"""Clients of the server: what they ask, and what they look at in the answers."""

from __future__ import annotations

import asyncio
import json
import math
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from danqing.server.desk import ENDED

from .stub import REQUEST

LONG = 600.0


@dataclass
class Figures:
    """Seconds that each of some requests took, all of them together, and what was not right."""

    took: list[float] = field(default_factory=list)
    all: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The seconds within which a share of them was done."""
        return sorted(self.took)[math.ceil(share * len(self.took)) - 1]

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.took) / self.all


class Served:
    """A server in a process of its own, the keys of its tenants, and who asks with them."""

    def __init__(self, process: subprocess.Popen[str], url: str, keys: Sequence[str]) -> None:
        self._process, self._url, self._keys = process, url, keys
        self._tls = ssl.create_default_context()  # dear to make, and of no use here
        self.clients: list[httpx.AsyncClient] = []

    def client(self, tenant: int = 0) -> httpx.AsyncClient:
        """Who has a tenant's key, and a connection of their own."""
        headers = {"Authorization": f"Bearer {self._keys[tenant]}"}
        self.clients.append(httpx.AsyncClient(
            base_url=f"{self._url}/api/v1", timeout=LONG, headers=headers, verify=self._tls,
        ))  # fmt: skip
        return self.clients[-1]

    def hold(self) -> None:
        """Let the stub painter wait, or go on."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print("", file=self._process.stdin, flush=True)
        self._process.stdout.readline()

    @property
    def most_memory(self) -> int:
        """The most bytes that the server's process has had in memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    @property
    def worked(self) -> float:
        """The seconds of processor time that the server's process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def sessions(self, n: int, tenant: int = 0) -> list[str]:
        """New sessions of a tenant."""
        client = self.client(tenant)

        async def one() -> str:
            return str((await client.post("/sessions")).raise_for_status().json()["session"])

        return [await one() for _ in range(n)]


async def turn(client: httpx.AsyncClient, session: str, figures: Figures) -> None:
    """A whole turn, followed by its stream: from the request to the end that it tells."""
    began = time.perf_counter()
    answer = await client.post(f"/sessions/{session}/turns", json={"request": REQUEST})
    if answer.status_code != 202:
        figures.wrong.append(f"{answer.status_code}: {answer.text[:200]}")
        return
    number = answer.json()["turn"]
    told = bytearray()
    async with client.stream("GET", f"/turns/{number}/events") as stream:
        async for piece in stream.aiter_raw():
            told += piece
    figures.took.append(time.perf_counter() - began)
    figures.wrong += wrong_in(told.decode(), number, session)


def wrong_in(stream: str, turn: int, session: str) -> Iterator[str]:
    """What is not as it should be in the events of a turn."""
    ends: list[tuple[str, dict[str, Any]]] = []
    last = 0
    for block in stream.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "event" not in fields:
            continue
        if not fields["data"].startswith(f'{{"turn_id": {turn},'):
            yield f"turn {turn} was told {fields['data'][:60]}"
        if "id" in fields:
            if int(fields["id"]) <= last:
                yield f"turn {turn} told {fields['id']} after {last}"
            last = int(fields["id"])
        if fields["event"] in ENDED:
            ends.append((fields["event"], json.loads(fields["data"])))
    if len(ends) != 1 or ends[0][0] != "done":
        yield f"turn {turn} ended {ends}"
    elif (told := ends[0][1]["turn"])["session"] != session or not told["satisfied"]:
        yield f"turn {turn}: {told['session']}, {told['reply']}"


@asynccontextmanager
async def served(*arguments: str, tenants: int = 1) -> AsyncIterator[Served]:
    """A server with an empty home."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.serve.child", f"{folder}/home", *arguments]
        command += ["--tenants", str(tenants)]
        with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
            try:
                assert process.stdin is not None and process.stdout is not None
                told = json.loads(process.stdout.readline())
                there = Served(process, told["url"], told["keys"])
                (session,) = await there.sessions(1)
                await turn(there.client(), session, Figures())  # all is imported now
                yield there
                for client in there.clients:
                    await client.aclose()
                process.stdin.close()
                process.wait(60)
            finally:
                process.kill()


async def by(
    clients: Sequence[httpx.AsyncClient], work: Sequence[str],
    one: Callable[[httpx.AsyncClient, str], Awaitable[None]], each: int = 1,
) -> float:  # fmt: skip
    """The seconds that clients need for all the work, ``each`` times over, each for one piece of it
    at a time."""
    left, began = list(reversed(work)), time.perf_counter()

    async def works(client: httpx.AsyncClient) -> None:
        while left:
            piece = left.pop()
            for _ in range(each):
                await one(client, piece)

    await asyncio.gather(*map(works, clients))
    return time.perf_counter() - began
