"""What people see of a conversation: on a terminal with pictures, elsewhere as plain lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .. import terminal
from ..agent import events
from ..display import (
    LiveArea,
    attentive,
    columns,
    output,
    say_words,
    show_claims,
    show_file,
    watching,
)
from ..door import Door, complain
from ..tools.errors import Cancelled, DanqingError
from ..words import say, shortened, tally
from .keys import Keys

if TYPE_CHECKING:
    import threading
    from contextlib import AbstractContextManager

    from PIL import Image
    from rich.console import Console
    from rich.live import Live

    from ..agent.brief import Language
    from ..agent.lineage import Lineage
    from ..agent.session import Said

Shown: TypeAlias = tuple[str, Path]
"""A picture's handle and its file."""
THUMBNAIL = 256
"""Pixels of a thumbnail's side."""
IN_A_ROW = 4
ROWS = 20
"""The most lines of a terminal that a picture, or a row of thumbnails, takes in a conversation."""


class Screen:
    """Shows a conversation to people. ``interactive`` says that somebody sits there, who can be
    asked, and can press a key."""

    def __init__(self, door: Door, *, interactive: bool) -> None:
        self.door, self.interactive = door, interactive
        self._running: tuple[Live, Keys] | None = None

    @property
    def console(self) -> Console:
        """Where it is shown, as it is now; no picture fills all of a high terminal."""
        console = output()
        if console.is_terminal:
            console.height = min(console.height, ROWS + 2)
        return console

    @contextmanager
    def watching(self, language: Language, accepted: threading.Event) -> Iterator[events.Listener]:
        """A listener that shows a turn while it runs; Enter takes the best picture so far."""
        interruption = self.door.interruption
        if not self.interactive:
            with watching(interruption, quiet=False, language=language) as listener:
                yield listener
            return
        from rich.live import Live

        console = output()
        area = LiveArea(console, language, interruption.asked, accepted)
        keys = Keys(sys.stdin.fileno(), area.accept)
        interruption.before_leaving = lambda: _leave(keys)
        with Live(area, console=console, transient=True, refresh_per_second=8) as live, keys:
            self._running = live, keys
            try:
                yield attentive(area, interruption.asked)
            finally:
                self._running = None

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """The live area and the key out of the way, to ask something in the middle of a turn."""
        if self._running is None:
            yield
            return
        live, keys = self._running
        keys.stop()
        live.stop()
        try:
            yield
        finally:
            live.start(refresh=True)
            keys.start()

    def begin(self, request: str) -> None:
        """A request, or a command, is begun: the person who typed it sees it already."""

    def said(self, said: Said, shown: Sequence[Shown]) -> None:
        """An answer with its pictures: one alone, several side by side."""
        if len(shown) > 1:
            self.side_by_side([handle for handle, _ in shown], [path for _, path in shown])
            columns([(handle, _given(handle, path)) for handle, path in shown], ("cyan", None))
            say_words(self.console, said.words)
            return
        for handle, path in shown:
            self.picture(handle, path)
        if said.turn is not None and said.turn.brief is not None and said.turn.verdict:
            show_claims(self.console, said.turn.brief, said.turn.verdict)
        say_words(self.console, said.words)

    def picture(self, handle: str, path: Path) -> None:
        """A picture, where the terminal can show it, and its path."""
        how = terminal.protocol(os.environ, is_terminal=self.console.is_terminal)
        show_file(self.console, str(path), how)
        print(_given(handle, path) or handle)

    def side_by_side(self, labels: Sequence[str], files: Sequence[Path]) -> None:
        """Thumbnails in rows with their labels under them, where the terminal can show them."""
        console = self.console
        how = terminal.protocol(os.environ, is_terminal=console.is_terminal)
        if how == "none":
            return
        each = min(len(files), IN_A_ROW)
        for first in range(0, len(files), IN_A_ROW):
            strip = contact_strip(files[first : first + IN_A_ROW], each)
            terminal.show(strip, console, how)
            columns, _ = terminal.cells(strip.size, console.width, max(4, console.height - 2))
            print(_labels(labels[first : first + IN_A_ROW], columns // each))

    def printing(self) -> AbstractContextManager[object]:
        """Where what commands print goes."""
        return nullcontext()

    def tree(self, lineage: Lineage, language: Language) -> None:
        """The pictures of a conversation, each under the one it was made from."""
        self.console.print(picture_tree(lineage, language))

    def complain(self, error: DanqingError) -> None:
        """Tell an error as all commands do."""
        complain(error)

    # Questions.

    def choose(
        self, word: str, choices: Sequence[str], default: int, language: Language,
        show: Callable[[], None],
    ) -> int:  # fmt: skip
        """Ask for one of ``choices``; Enter takes the default. Raises `Cancelled` on Ctrl-C."""
        if not self.interactive:
            return default
        with self._aside():
            show()
            while True:
                answer = self._line(say(word, language, n=default + 1) + " ")
                if not answer:
                    return default
                if answer in choices:
                    return choices.index(answer)
                if answer.isdigit() and 1 <= int(answer) <= len(choices):
                    return int(answer) - 1
                print(say("1 to", language, n=len(choices)))

    def confirm(self, question: str, language: Language, *, default: bool) -> bool:
        """Ask for yes or no; what a script says is meant as it is said."""
        if not self.interactive:
            return True
        answer = self._line(f"{question} [{'Y/n' if default else 'y/N'}] ").lower()
        return default if not answer else answer[0] in "y是好对"

    def _line(self, prompt: str) -> str:
        """A line that somebody types; "" for Ctrl-D."""
        from prompt_toolkit import PromptSession

        session: PromptSession[str] = PromptSession()
        try:
            return session.prompt(prompt).strip()
        except EOFError:
            return ""
        except KeyboardInterrupt:
            raise Cancelled("Stopped as you asked.", kept="Everything so far is kept.") from None


def contact_strip(files: Sequence[Path], places: int) -> Image.Image:
    """The pictures of ``files`` side by side as thumbnails, with room for ``places`` of them."""
    from PIL import Image, ImageOps

    strip = Image.new("RGBA", (places * THUMBNAIL, THUMBNAIL), (0, 0, 0, 0))
    side = THUMBNAIL - THUMBNAIL // 16
    for place, file in enumerate(files):
        with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:
            small = ImageOps.contain(image.convert("RGBA"), (side, side))
        left = place * THUMBNAIL + (THUMBNAIL - small.width) // 2
        strip.paste(small, (left, (THUMBNAIL - small.height) // 2))
    return strip


def _given(handle: str, path: Path) -> str:
    """The path of a file that the person was given; "" for the store's own, named by a hash."""
    return str(path) if path.stem == handle else ""


def _labels(labels: Sequence[str], width: int) -> str:
    return "".join(label.center(width) for label in labels).rstrip()


def picture_tree(lineage: Lineage, language: Language) -> object:
    """The pictures of a conversation as a tree that rich draws: handle, words, claims met; a mark
    where it stands."""
    from rich.text import Text
    from rich.tree import Tree

    outcomes = {turn.id: turn.outcome for turn in lineage.turns}
    top = Tree(Text(say("session", language, id=lineage.session), "bright_black"),
               guide_style="bright_black")  # fmt: skip
    under = [top]
    for depth, node in lineage.tree():
        here = node.handle == lineage.head
        line = Text().append(f"{node.handle}  ", "bold cyan" if here else "cyan")
        line.append(shortened(node.request), "" if here else "bright_black")
        met = tally(outcomes[node.turn])
        if met:
            line.append(f"  {met}", "green" if met.startswith("✓") else "red")
        if here:
            line.append(f"  ← {say('here', language)}", "bold yellow")
        del under[depth + 1 :]
        under.append(under[depth].add(line))
    return top


def _leave(keys: Keys) -> None:
    from ..display import SHOW_CURSOR

    keys.restore()
    os.write(sys.stdout.fileno(), SHOW_CURSOR)
