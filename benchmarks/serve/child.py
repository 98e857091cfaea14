"""The server that is measured, in a process of its own: it prints where it listens, and a key for
each tenant. A line on its input holds the painter, the next lets it go on."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path

import uvicorn

from danqing.agent.home import Home
from danqing.agent.keys import Limits
from danqing.agent.studio import Studio
from danqing.server.app import Door, create_app, raise_file_limit
from danqing.server.desk import Desk
from danqing.server.listening import Server

from .stub import StubEngine

PATTERN = Path(__file__).parents[2] / "examples" / "scenes.jpg"


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
            studio.engine = engine = StubEngine(args.home.parent / "models", PATTERN)
            engine.held = go_on.wait  # type: ignore[assignment]
        else:
            studio.warm_up()
        limits = Limits(at_once=args.each_at_once)
        keys = [
            studio.ledger.keys.make(f"tenant {n}", limits=limits)[1] for n in range(args.tenants)
        ]
        raise_file_limit()
        desk = Desk(studio, at_once=args.at_once, most=args.most, each=args.most)
        app = create_app(desk, Door(studio.ledger))
        server = Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False), desk)

        def listen_to_parent() -> None:
            while not server.started:
                threading.Event().wait(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            print(json.dumps({"port": port, "keys": keys}), flush=True)
            for _ in sys.stdin:
                if go_on.is_set():
                    go_on.clear()
                else:
                    go_on.set()
                print("{}", flush=True)
            server.should_exit = True

        threading.Thread(target=listen_to_parent, daemon=True).start()
        server.run()


if __name__ == "__main__":
    main()
