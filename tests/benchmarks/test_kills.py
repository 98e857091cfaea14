"""The trial of the server that is killed, at its smallest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.kills.served import Nursery
from benchmarks.kills.trial import Trial
from benchmarks.server import free_port


def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    with Nursery(home, port) as server:
        trial = Trial(home, server, port, seed=3, clients=2, most=0.5, patience=20)
        tally = asyncio.run(trial.run(3))
    assert tally.problems == []
    assert tally.kills == 3
    assert min(tally.acknowledged[kind] for kind in ("session", "turn")) > 0
    assert tally.ends["done"] > 0
