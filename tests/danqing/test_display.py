"""What is told of a turn while it runs."""

from __future__ import annotations

import io
import threading

import pytest
from PIL import Image
from rich.console import Console

from danqing.agent.events import Phase, Working
from danqing.display import LiveArea, can_preview, watching
from danqing.interrupt import Interruption
from danqing.tools.engine import Progress

STEPS = ("understanding", "drawing", "drawing", "looking", "repairing", "drawing", "drawing")


def test_what_takes_several_steps_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Interruption(), quiet=False, language="zh") as listen:
        for name in STEPS:
            listen(Phase(name))
    assert capsys.readouterr().err.splitlines() == ["理解 …", "作画 …", "察看 …", "修改，第 1 轮 …"]


def test_and_so_it_is_in_the_live_area() -> None:
    page = io.StringIO()
    console = Console(file=page, width=80)
    area = LiveArea(console, "en", threading.Event())
    for name in STEPS:
        area(Phase(name))
    console.print(area)
    assert page.getvalue().count("drawing") == 1
    assert page.getvalue().count("round 1") == 1


PREVIEW = Image.new("RGB", (128, 128), "red")


def at_work(height: int, *previews: Image.Image | None) -> tuple[Console, LiveArea]:
    """A live area on a terminal of so many lines, where a picture is being drawn."""
    console = Console(
        file=io.StringIO(), width=80, height=height, force_terminal=True, color_system="truecolor"
    )
    area = LiveArea(console, "en", threading.Event())
    for name in ("understanding", "drawing"):
        area(Phase(name))  # type: ignore[arg-type]
    for done, preview in enumerate(previews):
        area(Working(Progress("text_to_image", done, 6, "drawing", 1.0, preview)))
    return console, area


def lines_of(console: Console, area: LiveArea) -> list[str]:
    return ["".join(s.text for s in line).rstrip() for line in console.render_lines(area)]


def test_what_is_being_drawn_is_seen_below_how_far_it_is() -> None:
    before = lines_of(*at_work(40, None, None, None, None))
    after = lines_of(*at_work(40, None, None, PREVIEW, None))
    assert after[len(before) :] == ["  " + 24 * "▀"] * 12
    # but for the spinner and the clock
    assert [line[2:40] for line in after[: len(before)]] == [line[2:40] for line in before]


def test_a_preview_is_as_large_as_there_is_room_for() -> None:
    for height in range(3, 24):
        lines = lines_of(*at_work(height, PREVIEW))
        rows = sum("▀" in line for line in lines)
        told = len(lines) - rows
        room = height - told - 1
        assert rows == (0 if room < 4 else min(12, room))
        assert rows == 0 or len(lines) < height


def test_a_preview_goes_when_the_drawing_is_done() -> None:
    console, area = at_work(40, PREVIEW)
    area(Phase("looking"))
    assert not any("▀" in line for line in lines_of(console, area))


@pytest.mark.parametrize(
    ("more", "environment", "can"),
    [
        ({}, {"TERM": "xterm-256color"}, True),
        ({}, {"TERM": "xterm-256color", "DANQING_IMAGES": "none"}, False),
        ({"color_system": "standard"}, {"TERM": "xterm-256color"}, False),
        ({"no_color": True}, {"TERM": "xterm-kitty"}, False),
        ({}, {"TERM": "vt100"}, False),
        ({"force_terminal": False}, {"TERM": "xterm-256color"}, False),
    ],
)
def test_previews_are_for_terminals_with_colors(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, bool | str], environment: dict[str, str],
    can: bool,
) -> None:  # fmt: skip
    for name in ("COLORTERM", "NO_COLOR", "TERM_PROGRAM", "KITTY_WINDOW_ID", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    how: dict[str, object] = {"force_terminal": True, "color_system": "truecolor", **more}
    assert can_preview(Console(file=io.StringIO(), **how)) is can  # type: ignore[arg-type]
