"""What only a real process shows: its start, its signals, its pipes, its terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commandline import REPOSITORY, process

from danqing.agent.budget import Budget
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.studio import Options

HEAVY = {
    "torch", "diffusers", "transformers", "langchain", "langgraph", "cv2", "PIL", "rich", "asyncio",
    "pydantic", "numpy",
}  # fmt: skip


def test_help_is_light() -> None:
    program = (
        "import sys\n"
        "from danqing.commands import danqing\n"
        "danqing.main(['--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=REPOSITORY, check=True
    )
    assert ran.stderr.split(b"\n")[0] == b"[]"
    assert b"draw" in ran.stdout


def test_help_uses_little_processor_time() -> None:
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "danqing", "--help"], capture_output=True, cwd=REPOSITORY, check=True
    )
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    assert used < 0.6  # about 0.2 s; twice the aim, since test machines differ


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    with process("tools", "--json") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()  # before anything is written, as `| head -0` does
        assert running.stderr.read() == b""
        assert running.wait() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_the_turn_and_resume_finishes_it(
    number: signal.Signals, toy_catalogue: Path, home: Path
) -> None:
    with process("draw", "a red house", "--seed", "5", toys=toy_catalogue) as running:
        assert running.stderr is not None
        assert b"understanding" in running.stderr.readline()  # the worker is starting up
        running.send_signal(number)
        told = running.stderr.read()
        assert running.wait(20) == 130
        assert b"Traceback" not in told
        assert b"danqing resume" in told
        with Ledger(Home.open(home)) as ledger:
            assert [turn.request for turn in ledger.unfinished()] == ["a red house"]


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2, 0.4])  # up to Python's own last moments
def test_a_second_signal_leaves_at_once(delay: float, toy_catalogue: Path, home: Path) -> None:
    with process("draw", "a red house", "--seed", "5", toys=toy_catalogue) as running:
        assert running.stderr is not None
        assert b"understanding" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        time.sleep(delay)
        begun = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert time.monotonic() - begun < 1.5
        assert b"Traceback" not in running.stderr.read()


@pytest.mark.parametrize("delay", [0.4, 0.8])
def test_a_signal_while_starting_leaves_no_traceback(
    delay: float, toy_catalogue: Path, home: Path
) -> None:
    with process("draw", "a red house", toys=toy_catalogue) as running:
        time.sleep(delay)
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        told = running.stderr.read()
        code = running.wait(20)
        # Before the first line of ours has run, Python itself answers.
        assert code == 130 or (code == -signal.SIGINT and b"danqing/commands" not in told)


def test_a_resumed_turn_shows_an_area_a_picture_and_a_table_on_a_terminal(
    toy_catalogue: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    options = Options(seed=5, size=(64, 64), budget=Budget(pictures=4)).as_json()
    with Ledger(Home.open(home)) as ledger:  # a turn that was cut short at its very beginning
        ledger.begin_turn(ledger.new_session(), "红色的房子", options)
    ours, theirs = pty.openpty()
    with process("resume", toys=toy_catalogue, out=theirs, err=theirs) as running:
        os.close(theirs)
        shown = bytearray()
        with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        text = shown.decode()
        assert running.wait() == 3, text
    assert "作画" in text
    assert "▀" in text
    assert "\x1b[?25h" in text  # the cursor is back
    assert str(home / "pictures") in text.replace("\r\n", "")
    assert "所见" in text


def test_lines_in_are_documents_out_and_an_error_stops_none_of_them(
    toy_catalogue: Path, home: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "requests.txt"
    lines.write_text("a red house\n\nwhat can you draw?\n", "utf-8")
    with process(
        "draw", "--lines", str(lines), "--budget", "pictures=4", "--size", "64",
        toys=toy_catalogue,
    ) as running:  # fmt: skip
        out, err = running.communicate()
        assert running.returncode == 1, err
    assert b"\x1b" not in out + err
    assert err == b""
    drawn, refused, answered = map(json.loads, out.splitlines())
    assert Path(drawn["picture"]["path"]).is_file()
    assert {"brief", "reply", "verdict", "satisfied", "stopped", "steps", "cost"} <= drawn.keys()
    assert refused["error"] == "The request is empty."
    assert refused["exit_code"] == 2
    assert answered["picture"] is None
    assert answered["satisfied"]
    assert "house" in answered["reply"]
