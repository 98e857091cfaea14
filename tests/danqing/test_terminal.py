"""Pictures in the terminal: the way is chosen from the environment, and every pixel arrives."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image
from rich.console import Console

from danqing import terminal
from danqing.tools.errors import BadInput


@pytest.fixture
def picture() -> Image.Image:
    return Image.merge(
        "RGB",
        (
            Image.linear_gradient("L"),
            Image.radial_gradient("L"),
            Image.linear_gradient("L").rotate(90),
        ),
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-256color", "TMUX": "/tmp/x", "TERM_PROGRAM": "iTerm.app"}, "blocks"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "dumb"}, "none"),
        ({"TERM": "dumb", "DANQING_IMAGES": "kitty"}, "kitty"),
        ({"TERM": "xterm-kitty", "DANQING_IMAGES": "none"}, "none"),
    ],
)
def test_the_environment_says_how(environment: dict[str, str], expected: str) -> None:
    assert terminal.protocol(environment, is_terminal=True) == expected
    assert terminal.protocol(environment, is_terminal=False) == "none"


def test_an_unknown_way_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="sixel"):
        terminal.protocol({"DANQING_IMAGES": "sixel"}, is_terminal=True)


@pytest.mark.parametrize("size", [(512, 512), (2048, 64), (64, 2048), (1, 1)])
@pytest.mark.parametrize("room", [(80, 22), (20, 5), (300, 100)])
def test_a_picture_fits_the_room_and_keeps_its_shape(
    size: tuple[int, int], room: tuple[int, int]
) -> None:
    columns, rows = terminal.cells(size, *room)
    assert 1 <= columns <= room[0]
    assert 1 <= rows <= room[1] or rows == 1
    if min(columns, rows) > 4:
        assert columns / (2 * rows) == pytest.approx(size[0] / size[1], rel=0.15)


def test_half_blocks_carry_two_pixels_a_cell(picture: Image.Image) -> None:
    file = io.StringIO()
    console = Console(
        file=file,
        force_terminal=True,
        color_system="truecolor",
        width=80,
        height=24,
        legacy_windows=False,
    )
    terminal.show(picture, console, "blocks")
    lines = file.getvalue().rstrip("\n").split("\n")
    columns, rows = terminal.cells(picture.size, 80, 22)
    assert len(lines) == rows
    assert all(line.count("▀") == columns for line in lines)
    small = picture.resize((columns, 2 * rows), Image.Resampling.LANCZOS)
    codes = re.findall(r"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m", lines[3])
    first = tuple(map(int, codes[0]))
    assert first == small.getpixel((0, 6)) + small.getpixel((0, 7))  # type: ignore[operator]


def test_kitty_chunks_make_the_same_picture(picture: Image.Image) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24)
    terminal.show(picture, console, "kitty")
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", file.getvalue())
    assert chunks[0][0].startswith("a=T,f=100,q=2,c=")
    assert [control[-3:] for control, _ in chunks] == ["m=1"] * (len(chunks) - 1) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in chunks)
    png = base64.b64decode("".join(data for _, data in chunks))
    assert Image.open(io.BytesIO(png)).tobytes() == picture.tobytes()


def test_an_inline_file_is_the_same_picture(picture: Image.Image) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, height=24)
    terminal.show(picture, console, "iterm")
    match = re.search(r"\x1b]1337;File=inline=1;size=(\d+);[^:]*:([^\x07]*)\x07", file.getvalue())
    assert match is not None
    png = base64.b64decode(match[2])
    assert len(png) == int(match[1])
    assert Image.open(io.BytesIO(png)).tobytes() == picture.tobytes()


def test_nothing_is_nothing(picture: Image.Image) -> None:
    file = io.StringIO()
    terminal.show(picture, Console(file=file), "none")
    assert file.getvalue() == ""


def test_what_is_transparent_stands_on_white() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="truecolor", width=10, height=8)
    terminal.show(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), console, "blocks")
    assert "38;2;255;255;255;48;2;255;255;255" in file.getvalue()
