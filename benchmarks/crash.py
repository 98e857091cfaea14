"""What a ``kill -9`` costs: scripted turns in a process that is killed at random, again and again.

    python -m benchmarks.crash --kills 200

The child works through turns of several steps (computed pictures, no models) and writes a line to a
pipe only after the ledger has acknowledged something. The parent kills its process group at a
random moment, opens the home and looks: whatever was acknowledged must be there, every file whole,
at most one step and one turn cut short. The next child resumes what was cut short and goes on.

Columns: kills; acks, the lines that came through; lost, acknowledged and not in the ledger as it
was; torn, files that are not what their name says; stuck, turns that could not be finished; reruns,
steps that ran again after a kill (at most one for each).
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from danqing.agent.durable import TEMPORARY
from danqing.agent.home import Home
from danqing.agent.ledger import Json, Ledger, Turn, step_key
from danqing.agent.store import Store
from danqing.tools.errors import DanqingError, Stopped

from . import nursery
from .nursery import forked

SIDE = 64
"""Pixels; noise of this size is a file of 12 kB, a few blocks long."""

Say = Callable[..., None]


def paint(key: str, number: int) -> Image.Image:
    """The picture that the step ``key`` makes as its ``number``-th: noise, always the same."""
    noise = random.Random(f"{key} {number}").randbytes(SIDE * SIDE * 3)
    return Image.frombytes("RGB", (SIDE, SIDE), noise)


def play(ledger: Ledger, turn: Turn, say: Say) -> None:
    """Do what ``turn`` asks, from wherever it stands."""
    script = random.Random(turn.request)
    length = script.randint(2, 5)
    ledger.record_brief(turn, {"steps": length})
    ledger.record_plan(turn, [{"step": number} for number in range(length)])
    handles: list[str] = []
    for number in range(length):
        # The first step is one of a few that come back in other turns, so that some are reused.
        args: Json = {
            "what": script.randrange(9) if number == 0 else f"{turn.request} {number}",
            "pictures": script.randint(1, 2),
        }
        digests = [ledger.picture(handle).digest for handle in handles]
        key = step_key("paint", args, digests, number, "none")
        step = ledger.find_step(key)
        if step is None:
            inputs = {f"image{k}": handle for k, handle in enumerate(handles)}
            step = ledger.begin_step(turn, "paint", args, inputs, number, key)
            say("ran", key)
            images = [paint(key, made) for made in range(args["pictures"])]
            step = ledger.finish_step(step, images, None, {"seconds": 0.0})
            say("step", step.id, key, [picture.digest for picture in step.pictures])
        elif all(done.key != key for done in ledger.turn(turn.id).steps):
            ledger.reuse_step(turn, step)
        handles = [picture.handle for picture in step.pictures]
        if len(handles) != args["pictures"]:
            raise Stopped(f"step {step.id} is done and has {len(handles)} pictures")
        ledger.record_verdict(turn, handles[0], {"c1": "met"})
    ledger.end_turn(turn, {"stopped": "done", "best": handles[0]})
    say("end", turn.id)


def live(home: Path, seed: str, turns: int, say: Say) -> None:
    """One life of the child: resume what was cut short, then ``turns`` new turns."""
    with Ledger(Home.open(home)) as ledger:
        for record in ledger.unfinished():
            play(ledger, ledger.reopen_turn(record.id), say)
        session = ledger.new_session()
        for number in range(turns):
            turn = ledger.begin_turn(session, f"script {seed} {number}", {})
            say("turn", turn.id)
            play(ledger, turn, say)


def nurse() -> None:
    """For each line "SEED TURNS HOME" on stdin fork a child that lives so; say what happens.

    Each line on stdout is JSON in one write, so a killed child leaves whole lines only.
    """
    import cv2  # noqa: F401  # as the store does, and here once for every life

    def say(*words: object) -> None:
        os.write(1, json.dumps(words).encode() + b"\n")

    for line in iter(sys.stdin.readline, ""):
        seed, turns, home = line.split(maxsplit=2)

        def work(seed: str = seed, turns: int = int(turns), home: str = home.strip()) -> None:
            say("awake", os.getpid())
            live(Path(home), seed, turns, say)

        pid = forked(work)
        say("exit", os.waitpid(pid, 0)[1])


class Nursery(nursery.Nursery):
    """Its lines are lives (see `nurse`)."""

    def life(self, home: Path, seed: str, turns: int, delay: float | None, say: Say) -> int:
        """Let a child live, killed ``delay`` seconds after it wakes up; its wait status.

        ``say`` is called with what the child said.
        """
        self._lines.write(f"{seed} {turns} {home}\n")
        killer = None
        for line in self._said:
            match json.loads(line):
                case ["awake", pid] if delay is not None:
                    killer = threading.Timer(delay, _kill, (pid,))
                    killer.start()
                case ["exit", status]:
                    break
                case words:
                    say(*words)
        else:
            raise RuntimeError("the nursery ended")
        if killer is not None:
            killer.cancel()
            killer.join()
        return int(status)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        os.killpg(pid, signal.SIGKILL)


@dataclass
class Tally(nursery.Tally):
    """The lines that came through, too; a kill costs one step at most."""

    acks: int = 0

    @property
    def good(self) -> bool:
        return super().good and self.reruns <= self.kills


class Trial:
    """A home, the children that work in it and are killed, and the checks in between."""

    def __init__(self, home: Path, nursery: Nursery, seed: int = 0) -> None:
        self.home = home
        self.nursery = nursery
        self.tally = Tally()
        self._random = random.Random(seed)
        self._lives = (f"{seed}.{number}" for number in itertools.count())
        self._steps: dict[int, list[str]] = {}
        self._turns: set[int] = set()
        self._ended: set[int] = set()
        self._done: set[str] = set()
        self._ran: Counter[str] = Counter()
        self._whole: set[tuple[str, int]] = set()

    def kill(self, most: float = 0.3) -> None:
        """One life, killed at a random moment up to ``most`` seconds after its start."""
        self.live(turns=1000, delay=self._random.uniform(0, most))

    def live(self, turns: int, delay: float | None = None) -> int:
        """One life, and a look at what it left; its wait status."""
        started = time.monotonic()
        status = self.nursery.life(self.home, next(self._lives), turns, delay, self._hear)
        self.tally.kills += os.WIFSIGNALED(status)
        self.tally.seconds += time.monotonic() - started
        self.check()
        return status

    def finish(self) -> None:
        """A last life, in this process, that nobody kills: afterwards no turn is unfinished."""
        try:
            live(self.home, next(self._lives), 1, self._hear)
        except DanqingError as error:
            self.tally.note("stuck", str(error))
        self.check()
        with self._opened() as ledger:
            for record in ledger.unfinished():
                self.tally.note("stuck", f"turn {record.id} is still unfinished")

    def _hear(self, *words: Any) -> None:
        match list(words):
            case ["ran", key]:
                self.tally.reruns += key in self._ran
                self._ran[key] += 1
                if key in self._done:
                    self.tally.note("lost", f"the finished step {key[:8]} ran again")
            case ["step", id, key, digests]:
                self._steps[id] = digests
                self._done.add(key)
                self.tally.acks += 1
            case ["turn", id]:
                self._turns.add(id)
                self.tally.acks += 1
            case ["end", id]:
                self._ended.add(id)
                self.tally.acks += 1

    def check(self) -> None:
        """Compare what was acknowledged with what is there."""
        for file in self.home.glob("blobs/*.png"):
            self._check_file(file)
        try:
            with self._opened() as ledger:
                self._check_ledger(ledger)
        except DanqingError as error:
            self.tally.note("lost", str(error))

    def _check_file(self, file: Path) -> None:
        if file.name.startswith(TEMPORARY) or (stamp := (file.name, file.stat().st_mtime_ns)) in (
            self._whole
        ):
            return
        try:
            Store(Home.open(self.home)).get(file.stem)
        except DanqingError as error:
            self.tally.note("torn", str(error))
        else:
            self._whole.add(stamp)

    def _check_ledger(self, ledger: Ledger) -> None:
        records = {record.id: record for record in ledger.turns(10**9)}
        steps = {step.id: step for record in records.values() for step in record.steps}
        for id, digests in self._steps.items():
            step = steps.get(id)
            if step is None or step.outcome != "done":
                self.tally.note(
                    "lost", f"step {id} was acknowledged and is {step and step.outcome}"
                )
            elif [picture.digest for picture in step.pictures] != digests:
                self.tally.note("lost", f"step {id} was acknowledged with other pictures")
        for id in self._turns - records.keys():
            self.tally.note("lost", f"turn {id} was acknowledged and is gone")
        for id in self._ended & records.keys():
            if records[id].ended is None:
                self.tally.note("lost", f"the end of turn {id} was acknowledged and is gone")
        for step in steps.values():
            if step.outcome in {"done", "reused"} and (
                len(step.pictures) != step.args["pictures"]
                or not all(ledger.store.has(picture.digest) for picture in step.pictures)
            ):
                self.tally.note(
                    "lost", f"step {step.id} is done and its pictures are not all there"
                )
        unfinished = ledger.unfinished()
        begun = [step for step in steps.values() if step.outcome == "begun"]
        if len(unfinished) > 1 or len(begun) > 1:
            self.tally.note("stuck", f"{len(unfinished)} turns, {len(begun)} steps were cut short")
        if {record.id for record in unfinished} != {
            record.id for record in records.values() if record.ended is None
        }:
            self.tally.note("stuck", "a turn has not ended and is not offered for resuming")

    def _opened(self) -> Ledger:
        return Ledger(Home.open(self.home))


def main() -> int:
    if sys.argv[1:] == ["--nurse"]:
        nurse()
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Nursery([sys.executable, "-m", "benchmarks.crash", "--nurse"]) as nursery,
    ):
        trial = Trial(Path(folder) / "home", nursery, asked.seed)
        while trial.tally.kills < asked.kills:
            trial.kill()
        trial.finish()
    print(json.dumps(asdict(trial.tally), indent=2))
    return 0 if trial.tally.good else 1


if __name__ == "__main__":
    sys.exit(main())
