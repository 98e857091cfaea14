"""The server that is measured, in a process of its own: it prints where it listens, and a key for
each tenant. A line on its input holds the painter, the next lets it go on."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path

from danqing.agent.home import Home
from danqing.agent.keys import Limits
from danqing.agent.studio import Studio
from danqing.server.app import raise_file_limit
from danqing.server.desk import Desk
from danqing.server.listening import settle

from ..server import listening
from .stub import StubEngine


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--painter", choices=["stub", "own"], default="stub")
    parser.add_argument("--no-batching", action="store_true")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--each-at-once", type=int)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--tenants", type=int, default=1)
    args = parser.parse_args()
    with Studio(Home.open(args.home), batching=not args.no_batching) as studio:
        go_on = threading.Event()
        go_on.set()
        if args.painter == "stub":
            studio.engine = engine = StubEngine(args.home.parent / "models")
            engine.held = go_on.wait  # type: ignore[assignment]
        else:
            studio.warm_up()
        limits = Limits(at_once=args.each_at_once)
        keys = [
            studio.ledger.keys.make(f"tenant {n}", limits=limits)[1] for n in range(args.tenants)
        ]
        raise_file_limit()
        desk = Desk(studio, at_once=args.at_once, most=args.most, each=args.most)
        settle()
        with listening(desk) as url:
            print(json.dumps({"url": url, "keys": keys}), flush=True)
            for _ in sys.stdin:
                if go_on.is_set():
                    go_on.clear()
                else:
                    go_on.set()
                print("{}", flush=True)


if __name__ == "__main__":
    main()
