"""How the server stands many at once: ``python -m benchmarks.serve``.

The server runs in a process of its own, with a painter that takes 50 ms and pictures of 512 by 512
pixels; its clients run here, on the same cores.

turns: so many sessions are open, each with its stream, and each asks again and again. taken: the
painter waits, and 32 clients ask until the line is full; then all of it is carried out. fair: one
client asks alone, and then beside a tenant with 50 that never rest. own: the built-in painter, with
and without batches across sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import time
from functools import partial

import httpx

from danqing.agent.keys import USUAL

from ..tables import aligned
from .load import Figures, Served, by, served, turn
from .stub import REQUEST

PARTS = ("turns", "taken", "fair", "own")
AT_ONCE = 8
"""So many turns are carried out at a time."""
Row = tuple[str, str, str, bool]


async def turns(sessions: int, each: int) -> list[Row]:
    """Whole turns of many sessions at once."""
    async with served("--at-once", str(AT_ONCE)) as server:
        figures = Figures()
        names = await server.sessions(sessions)
        worked, own_work = server.worked, time.process_time()
        clients = [server.client() for _ in names]
        figures.all = await by(clients, names, partial(turn, figures=figures), each)
        worked = (server.worked - worked) / len(figures.took)
        own_work = (time.process_time() - own_work) / len(figures.took)
        return [
            ("turns", f"{sessions} sessions, streams open; not right", f"{len(figures.wrong)}",
             not figures.wrong),
            ("turns", f"whole turns a second, n = {len(figures.took)} (aim 15)",
             f"{figures.rate:.1f}", figures.rate >= 15),
            ("turns", "seconds from request to end, p50 / p99",
             f"{figures.at(0.5):.1f} / {figures.at(0.99):.1f}", True),
            ("turns", "milliseconds of processor time a turn, the server's / the clients'",
             f"{1000 * worked:.0f} / {1000 * own_work:.0f}", True),
            memory("turns", server),
        ]  # fmt: skip


async def taken(clients: int, most: int) -> list[Row]:
    """Requests taken until so many wait, the most that may, and what becomes of them."""
    async with served("--most", str(most), "--at-once", str(AT_ONCE)) as server:
        names = await server.sessions(most + AT_ONCE)
        figures, codes = Figures(), list[int]()
        turns: list[int] = []

        async def ask(client: httpx.AsyncClient, session: str) -> None:
            began = time.perf_counter()
            answer = await client.post(f"/sessions/{session}/turns", json={"request": REQUEST})
            figures.took.append(time.perf_counter() - began)
            codes.append(answer.status_code)
            if answer.status_code == 202:
                turns.append(answer.json()["turn"])

        server.hold()
        worked = server.worked
        figures.all = await by([server.client() for _ in range(clients)], names, ask)
        worked = (server.worked - worked) / len(names)
        rows: list[Row] = [
            ("taken", f"durably taken a second, n = {len(codes)}, {clients} clients (aim 200)",
             f"{figures.rate:.0f}", figures.rate >= 200 and codes == [202] * len(names)),
            ("taken", "seconds until it is, p50 / p99 (aim 0.25)",
             f"{figures.at(0.5):.3f} / {figures.at(0.99):.3f}", figures.at(0.99) <= 0.25),
            ("taken", "milliseconds of processor time each", f"{1000 * worked:.1f}", True),
        ]  # fmt: skip
        (late,) = await server.sessions(1)
        client = server.client()
        answer = await client.post(f"/sessions/{late}/turns", json={"request": REQUEST})
        refused = answer.status_code == 429 and "retry-after" in answer.headers
        rows.append(("taken", "the next one", f"{answer.status_code}", refused))
        server.hold()
        began = time.perf_counter()
        states = dict.fromkeys(turns, "queued")
        for one in sorted(turns):
            while states[one] in ("queued", "running"):
                states[one] = (await client.get(f"/turns/{one}")).json()["state"]
                await asyncio.sleep(0.05)
        done = sum(state == "done" for state in states.values())
        rate = done / (time.perf_counter() - began)
        rows.append(("taken", f"of {len(turns)} carried out, {rate:.1f} a second", f"{done}",
                     done == len(turns)))  # fmt: skip
        return [*rows, memory("taken", server)]


async def fair(n: int, flooding: int) -> list[Row]:
    """One tenant's turns alone, and beside one that floods."""
    each = ("--each-at-once", str(USUAL.at_once))  # as keys have it
    async with served("--at-once", str(AT_ONCE), *each, tenants=2) as server:
        (mine,) = await server.sessions(1)
        names = await server.sessions(flooding, tenant=1)
        alone, beside, flood = Figures(), Figures(), Figures()
        me = [server.client()]
        alone.all = await by(me, [mine] * n, partial(turn, figures=alone))
        going = True

        async def never_rest(client: httpx.AsyncClient, session: str) -> None:
            while going:
                await turn(client, session, flood)

        others = [asyncio.create_task(never_rest(server.client(1), name)) for name in names]
        await asyncio.sleep(2)
        beside.all = await by(me, [mine] * n, partial(turn, figures=beside))
        going = False
        await asyncio.gather(*others)
        wrong = alone.wrong + beside.wrong + flood.wrong
        times = beside.at(0.99) / alone.at(0.99)
        return [
            ("fair", f"a turn alone, p50 / p99 of {n}",
             f"{alone.at(0.5):.2f} / {alone.at(0.99):.2f}", True),
            ("fair", f"beside {flooding} sessions that never rest",
             f"{beside.at(0.5):.2f} / {beside.at(0.99):.2f}", True),
            ("fair", "p99 beside by p99 alone (aim 2)", f"{times:.2f}", times <= 2),
            ("fair", f"not right, of {len(flood.took) + 2 * n}", f"{len(wrong)}", not wrong),
        ]  # fmt: skip


async def own(sessions: int, each: int, *, batching: bool) -> list[Row]:
    """The built-in painter, with or without batches."""
    how = ["--painter", "own", "--at-once", str(AT_ONCE)] + ["--no-batching"] * (not batching)
    async with served(*how) as server:
        figures = Figures()
        names = await server.sessions(sessions)
        clients = [server.client() for _ in names]
        figures.all = await by(clients, names, partial(turn, figures=figures), each)
        kind = "in batches" if batching else "one by one"
        return [
            ("own", f"turns a second, n = {len(figures.took)}, {sessions} sessions, {kind}",
             f"{figures.rate:.2f}", not figures.wrong),
            memory("own", server),
        ]  # fmt: skip


def memory(part: str, server: Served) -> Row:
    """The server's memory, of which 400 MB are the aim."""
    most = server.most_memory / 1e6
    return part, "the server's memory at most, MB (aim 400)", f"{most:.0f}", most <= 400


def pace() -> float:
    """Milliseconds that a fixed piece of work takes now: machines that are shared change theirs."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        sum(i * i for i in range(1_000_000))
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


async def run(args: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    for part in args.only:
        before = pace()
        match part:
            case "turns":
                rows += await turns(args.sessions, args.each)
            case "taken":
                rows += await taken(args.clients, args.most)
            case "fair":
                rows += await fair(args.n, args.flooding)
            case "own":
                rows += await own(20, 3, batching=True)
                rows += await own(20, 3, batching=False)
        paces = f"{before:.0f} / {pace():.0f}"
        rows.append((part, "milliseconds of a fixed piece of work, before / after", paces, True))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--each", type=int, default=3, help="turns of each session")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--most", type=int, default=1000, help="requests that may wait")
    parser.add_argument("--flooding", type=int, default=50)
    parser.add_argument("--n", type=int, default=100, help="turns of the one that is not flooding")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}\n")
    rows = asyncio.run(run(args))
    head = ("part", "what", "measured", "as it should be")
    print(aligned([head, *((*row[:3], "yes" if row[3] else "NO") for row in rows)]))
    raise SystemExit(0 if all(row[3] for row in rows) else 1)


if __name__ == "__main__":
    main()
