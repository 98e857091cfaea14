"""Killed at any moment, out of space at any moment: what was acknowledged is there."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.crash import Nursery, Tally, Trial, live, paint, play
from danqing.agent import durable
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.store import Store
from danqing.tools.errors import Stopped

CHILD = Path(__file__).with_name("crash_child.py")
PRIMITIVES = (
    "create", "write", "sync", "rename", "sync_folder", "remove", "make_folder", "commit",
    "lock",
)  # fmt: skip


def nursery(*faults: str) -> Nursery:
    return Nursery([sys.executable, str(CHILD), *faults])


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: syncing is free there, and a kill spares it too."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def killed_at_every_operation(folder: Path, *faults: str) -> Iterator[Tally]:
    """What came of it when a life of one turn was killed before each of its durable operations."""
    with nursery(*faults, "step-by-step") as children:
        for count in itertools.count(1):
            trial = Trial(folder / str(count), children)
            if trial.live(turns=1) == 0:
                return
            trial.finish()
            yield trial.tally


def test_nothing_acknowledged_is_lost_when_the_process_is_killed_at_random(tmp_path: Path) -> None:
    with nursery() as children:
        trial = Trial(tmp_path / "home", children, seed=7)
        while trial.tally.kills < 40:
            trial.kill()
        trial.finish()
    assert trial.tally.acks > 40
    assert trial.tally.problems == []
    assert trial.tally.reruns <= trial.tally.kills


def test_nothing_is_lost_when_the_process_is_killed_at_each_durable_operation(memory: Path) -> None:
    tallies = list(killed_at_every_operation(memory))
    assert len(tallies) > 50
    assert [problem for tally in tallies for problem in tally.problems] == []
    assert all(tally.reruns <= 1 for tally in tallies)


@pytest.mark.parametrize(
    ("fault", "kind"), [("in-place", "torn"), ("split", "lost"), ("late-files", "lost")]
)
def test_the_trial_notices_a_build_that_breaks_the_protocol(
    memory: Path, fault: str, kind: str
) -> None:
    assert any(getattr(tally, kind) > 0 for tally in killed_at_every_operation(memory, fault))


class Disk:
    """What a power cut would leave: bytes that were synced, under names whose folder was synced."""

    def __init__(self, patch: pytest.MonkeyPatch, *, broken: str = "") -> None:
        self.open: dict[int, Path] = {}
        self.bytes: dict[Path, bytes] = {}
        self.safe_bytes: dict[Path, bytes] = {}
        self.names: dict[Path, bytes | None] = {}
        self.unsafe: list[str] = []
        for name in ("create", "sync", "rename", "sync_folder", "commit"):
            real = getattr(durable, name)
            patch.setattr(durable, name, self._watched(name, real, skip=name == broken))

    def _watched(self, name: str, real: Any, *, skip: bool) -> Any:
        def call(*args: Any) -> Any:
            result = None
            if not skip:
                # A folder is synced through `sync` too; only files were opened by `create`.
                result = real(*args)
                getattr(self, f"_{name}")(*args, result)
            return result

        return call

    def _create(self, path: Path, mode: int | None, fd: int) -> None:
        self.open[fd] = path

    def _sync(self, fd: int, _: None) -> None:
        if (path := self.open.pop(fd, None)) is not None:
            self.safe_bytes[path] = path.read_bytes()

    def _rename(self, source: Path, target: Path, _: None) -> None:
        self.bytes[target] = self.safe_bytes.pop(source, b"")

    def _sync_folder(self, folder: Path, _: None) -> None:
        for path in list(self.bytes):
            if path.parent == folder:
                self.names[path] = self.bytes[path]

    def _commit(self, connection: sqlite3.Connection, _: None) -> None:
        file = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        for (digest,) in connection.execute("SELECT digest FROM pictures"):
            path = file.parent / "blobs" / f"{digest}.png"
            if self.names.get(path) != path.read_bytes():
                self.unsafe.append(digest)


def a_life(home: Path) -> None:
    live(home, "power", 3, lambda *words: None)


def test_a_power_cut_after_any_commit_leaves_every_picture_that_the_ledger_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    a_life(tmp_path / "home")
    assert len(disk.names) > 6
    assert disk.unsafe == []


@pytest.mark.parametrize("broken", ["sync", "sync_folder"])
def test_the_power_cut_notices_a_missing_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    disk = Disk(monkeypatch, broken=broken)
    a_life(tmp_path / "home")
    assert disk.unsafe


@contextmanager
def fault_at(count: int, error: Exception, among: Sequence[str]) -> Iterator[list[str]]:
    """The ``count``-th operation ``among`` these raises ``error``; the list names what ran."""
    ran: list[str] = []

    def failing(name: str, real: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            ran.append(name)
            if len(ran) == count:
                raise error
            return real(*args, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in among:
            patch.setattr(durable, name, failing(name, getattr(durable, name)))
        yield ran


FULL = OSError(errno.ENOSPC, "No space left on device")


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FULL, "no space left"),
        (OSError(errno.EIO, "Input/output error"), "The disk failed"),
        (OSError(errno.EACCES, "Permission denied"), "no permission"),
        (sqlite_error(sqlite3.SQLITE_FULL), "no space left"),
        (sqlite_error(sqlite3.SQLITE_IOERR), "The disk failed"),
    ],
    ids=["ENOSPC", "EIO", "EACCES", "SQLITE_FULL", "SQLITE_IOERR"],
)
def test_a_fault_at_any_durable_operation_is_told_clearly_and_leaves_a_ledger_that_goes_on(
    memory: Path, error: Exception, words: str
) -> None:
    among = ["commit"] if isinstance(error, sqlite3.Error) else PRIMITIVES
    points = 0
    for count in itertools.count(1):
        home = memory / str(count)
        said: list[tuple[Any, ...]] = []
        with fault_at(count, error, among) as ran:
            try:
                live(home, "surge", 1, lambda *words: said.append(words))  # noqa: B023
            except Stopped as stopped:
                assert words in str(stopped)
                assert stopped.kept
                assert stopped.hint
        if len(ran) < count:
            break
        points += 1
        # What was begun is finished now; where nothing was, something new is.
        live(home, "after", 0 if said else 1, lambda *words: said.append(words))  # noqa: B023
        with Ledger(Home.open(home)) as ledger:
            assert ledger.check() == []
            assert ledger.unfinished() == []
            (record,) = ledger.turns(10)
            done = {step.id for step in record.steps if step.outcome == "done"}
            assert done >= {id for kind, id, *_ in said if kind == "step"}
            assert not list((home / "blobs").glob(f"{durable.TEMPORARY}*"))
    assert points > (12 if among == ["commit"] else 70)


def test_a_ledger_goes_on_in_the_same_process_once_there_is_space_again(tmp_path: Path) -> None:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "script of any length", {})
        step = ledger.begin_step(turn, "paint", {}, {}, 1, "k")
        with fault_at(1, FULL, ["write"]), pytest.raises(Stopped, match="no space left"):
            ledger.finish_step(step, [paint("k", 0)], None, {})
        assert ledger.finish_step(step, [paint("k", 0)], None, {}).outcome == "done"
        play(ledger, turn, lambda *words: None)
        assert ledger.turn(turn.id).ended


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A real limit of the system: no file of this process may grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_picture_that_the_disk_has_no_room_for_is_told_and_leaves_no_file(tmp_path: Path) -> None:
    store = Store(Home.open(tmp_path / "home"))
    picture = paint("large", 0)
    with files_of_at_most(10_000), pytest.raises(Stopped, match="no space left"):
        store.put(picture)
    assert list(store.home.blobs.iterdir()) == []
    assert store.get(store.put(picture)).tobytes() == picture.tobytes()


def test_a_ledger_that_the_disk_has_no_room_for_keeps_what_it_had(tmp_path: Path) -> None:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "before", {})
        with files_of_at_most(4096), pytest.raises(Stopped) as told:
            for number in range(1000):
                ledger.record_plan(turn, [{"step": number}])
        assert str(ledger.home.ledger) in str(told.value)
        ledger.record_plan(turn, [{"step": "after"}])
        assert ledger.turn(turn.id).plan == [{"step": "after"}]
        assert ledger.check() == []


def test_a_full_database_is_told_as_a_full_disk(tmp_path: Path) -> None:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "before", {})
        with ledger._db.writing():  # SQLite's own "database or disk is full"
            ledger._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(Stopped, match="no space left"):
            ledger.record_plan(turn, [{"words": "x" * 100_000}])
        with ledger._db.writing():
            ledger._db.execute("PRAGMA max_page_count = 1000000")
        ledger.record_plan(turn, [])
        assert ledger.turn(turn.id).plan == []


def test_two_processes_write_to_one_home_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    turns: list[int] = []
    ended: list[int] = []
    statuses: list[int] = []

    def work(seed: str) -> None:
        def say(kind: str, *words: Any) -> None:
            if kind in {"turn", "end"}:
                (turns if kind == "turn" else ended).append(words[0])

        with nursery() as children:
            statuses.append(children.life(home, seed, 12, None, say))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0, 0]
    assert len(set(turns)) == 24
    assert sorted(ended) == sorted(turns)
    with Ledger(Home.open(home)) as ledger:
        assert ledger.check() == []
        assert ledger.unfinished() == []


def test_a_running_turn_of_another_process_is_not_taken_for_a_crashed_one(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    program = (
        "import sys\n"
        "from danqing.agent.home import Home\n"
        "from danqing.agent.ledger import Ledger\n"
        "with Ledger(Home.open(sys.argv[1])) as theirs:\n"
        "    print(len(theirs.unfinished()))\n"
        "    theirs.reopen_turn(int(sys.argv[2]))\n"
    )
    with Ledger(home) as mine:
        turn = mine.begin_turn(mine.new_session(), "long work", {})
        other = subprocess.run(
            [sys.executable, "-c", program, str(home.root), str(turn.id)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(CHILD.parents[2])},
        )
        assert other.stdout == "0\n"
        assert f"Stopped: Turn {turn.id} is still running" in other.stderr


def test_a_picture_of_noise_is_what_the_trial_paints() -> None:
    assert paint("k", 0).tobytes() == paint("k", 0).tobytes() != paint("k", 1).tobytes()
    assert isinstance(paint("k", 0), Image.Image)
