from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import benchmarks.kills

from ..server import free_port
from .served import nurse, servers
from .trial import Trial


def main() -> int:
    if sys.argv[1:] == ["--nurse"]:
        nurse()
        return 0
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills", description=benchmarks.kills.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--n", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--painter", choices=("stub", "built-in"), default="stub")
    parser.add_argument("--most", type=float, help="seconds that a server lives at most")
    asked = parser.parse_args()
    most = asked.most or (2.0 if asked.painter == "stub" else 20.0)
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder) / "home", free_port()
        with servers(asked.painter, home, port) as server:
            trial = Trial(home, server, port, seed=asked.seed, clients=asked.clients, most=most)
            tally = asyncio.run(trial.run(asked.n))
    print(json.dumps(asdict(tally), indent=2))
    return 0 if tally.good else 1


if __name__ == "__main__":
    sys.exit(main())
