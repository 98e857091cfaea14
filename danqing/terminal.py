"""Pictures in the terminal, by whichever way it can show them.

- kitty graphics protocol: https://sw.kovidgoyal.net/kitty/graphics-protocol/
- iTerm2 inline images: https://iterm2.com/documentation-images.html
- else "▀", whose upper half is the foreground color and whose lower half is the background
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Literal, get_args

from .tools.errors import BadInput

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console, ConsoleOptions
    from rich.segment import Segment

Protocol = Literal["kitty", "iterm", "blocks", "none"]
VARIABLE = "DANQING_IMAGES"
"""The environment variable that overrules the detection."""
MOST_COLUMNS = 100
_CHUNK = 4096
_CELL = 2.0
"""How much taller than wide a terminal's cell is; close enough for all common fonts."""


def protocol(environment: Mapping[str, str], *, is_terminal: bool) -> Protocol:
    """How pictures can be shown, from the environment alone; the terminal is not asked.

    Raises `BadInput` when ``DANQING_IMAGES`` is none of the protocols.
    """
    chosen = environment.get(VARIABLE, "")
    for known in get_args(Protocol):
        if chosen == known:
            return known if is_terminal else "none"
    if chosen:
        raise BadInput(
            f"{VARIABLE} is {chosen!r}.", hint=f"It can be {', '.join(get_args(Protocol))}."
        )
    return _detected(environment) if is_terminal else "none"


def _detected(environment: Mapping[str, str]) -> Protocol:
    term = environment.get("TERM", "")
    program = environment.get("TERM_PROGRAM", "")
    # A multiplexer keeps the variables of the terminal it was started in, and passes on nothing.
    if "TMUX" not in environment and not term.startswith(("screen", "tmux")):
        if "kitty" in term or "KITTY_WINDOW_ID" in environment or program == "ghostty":
            return "kitty"
        if program in ("iTerm.app", "WezTerm"):
            return "iterm"
    if environment.get("NO_COLOR"):
        return "none"
    many_colors = "256color" in term or environment.get("COLORTERM") in ("truecolor", "24bit")
    return "blocks" if many_colors else "none"


def cells(size: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """(columns, rows) that a picture of ``size`` (width, height) fills within the room there is."""
    width, height = size
    wide = min(columns, MOST_COLUMNS, rows * _CELL * width / height)
    return max(1, int(wide)), max(1, round(wide * height / width / _CELL))


def show(image: Image.Image, console: Console, how: Protocol) -> None:
    """Show ``image``, as large as the terminal lets it be seen whole with its path below it."""
    if how == "none":
        return
    columns, rows = cells(image.size, console.width, max(4, console.height - 2))
    if how == "blocks":
        console.print(HalfBlocks(image, columns, rows))
        return
    data = _png(image)
    codes = kitty(data, columns) if how == "kitty" else iterm(data, columns)
    console.file.write(codes + "\n")
    console.file.flush()


def kitty(png: bytes, columns: int) -> str:
    """Transmit and display a PNG in chunks, ``columns`` wide and as high as its shape wants.

    ``q=2``: the terminal is to answer nothing, as nobody would read it.
    """
    text = base64.b64encode(png).decode("ascii")
    chunks = [text[i : i + _CHUNK] for i in range(0, len(text), _CHUNK)]
    head = f"a=T,f=100,q=2,c={columns},"
    return "".join(
        f"\x1b_G{head if i == 0 else ''}m={int(i < len(chunks) - 1)};{chunk}\x1b\\"
        for i, chunk in enumerate(chunks)
    )


def iterm(png: bytes, columns: int) -> str:
    """A PNG as an inline file, ``columns`` wide."""
    text = base64.b64encode(png).decode("ascii")
    where = f"width={columns};height=auto;preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;size={len(png)};{where}:{text}\x07"


class HalfBlocks:
    """A picture of two pixels a cell; rich turns the colors into what the terminal knows."""

    def __init__(self, image: Image.Image, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._image = _on_white(image)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        from PIL import Image
        from rich.color import Color
        from rich.segment import Segment
        from rich.style import Style

        small = self._image.resize((self.columns, 2 * self.rows), Image.Resampling.LANCZOS)
        pixels = small.tobytes()

        def color(x: int, y: int) -> Color:
            start = 3 * (y * self.columns + x)
            return Color.from_rgb(*pixels[start : start + 3])

        for row in range(self.rows):
            for x in range(self.columns):
                style = Style(color=color(x, 2 * row), bgcolor=color(x, 2 * row + 1))
                yield Segment("▀", style)
            yield Segment.line()


def _on_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
