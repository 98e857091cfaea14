"""What a person sees of a turn: the live area while it runs, and what is left on the screen."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import terminal
from .agent import events
from .interrupt import Interruption
from .tools.errors import Cancelled
from .words import MARKS, STYLES, Phases, rows, say

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console, RenderableType
    from rich.text import Text

    from .agent.brief import Brief, Language
    from .agent.studio import TurnDocument
    from .agent.verdict import Finding, Verdict
    from .tools.call import Progress

SHOW_CURSOR = b"\x1b[?25h\r\n"
PREVIEW_COLUMNS, PREVIEW_ROWS = 24, 12
"""The most that a preview takes of the live area."""
LEAST_ROWS = 4
"""With less room than that, there is no preview."""


def output() -> Console:
    """The console of standard output, as it is now."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """The console of standard error, as it is now."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def can_preview(console: Console) -> bool:
    """Whether a live area can show pictures there: in half blocks, and so in color.

    Raises `BadInput` as `terminal.protocol` does.
    """
    live = console.is_terminal and not console.is_dumb_terminal
    colors = console.color_system in ("256", "truecolor") and not console.no_color
    return colors and terminal.protocol(os.environ, is_terminal=live) != "none"


@contextmanager
def watching(
    interruption: Interruption, *, quiet: bool, language: Language = "en"
) -> Iterator[events.Listener]:
    """A listener that shows a turn on standard error, and ends it when the user asked for that.

    A live area on a terminal; else a plain line for each phase; nothing when ``quiet``.
    """
    console = messages()
    if quiet:
        yield attentive(events.nobody, interruption.asked)
    elif not console.is_terminal or console.is_dumb_terminal:
        yield attentive(_plain_phases(language), interruption.asked)
    else:
        from rich.live import Live

        area = LiveArea(console, language, interruption.asked)
        interruption.before_leaving = lambda: _put_cursor_back(sys.stderr.fileno())
        with Live(area, console=console, transient=True, refresh_per_second=8):
            yield attentive(area, interruption.asked)


@contextmanager
def working(interruption: Interruption, title: str) -> Iterator[Callable[[Progress], None]]:
    """A listener that shows one tool's progress on standard error, where that is a terminal."""
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    console = messages()
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return
    interruption.before_leaving = lambda: _put_cursor_back(sys.stderr.fileno())
    shown = SpinnerColumn(style="cyan"), TextColumn("{task.description}"), BarColumn(24)
    with Bar(*shown, console=console, transient=True, refresh_per_second=8) as bar:
        line = bar.add_task(f"{title}: {say('loading', 'en')}", total=None)
        yield lambda now: bar.update(
            line, completed=now.done, total=now.total,
            description=f"{now.note or title} {now.done}/{now.total}",
        )  # fmt: skip


def attentive(listener: events.Listener, asked: threading.Event) -> events.Listener:
    """``listener``, with an end to the turn at its next phase once the user asked for it."""

    def listen(event: events.Event) -> None:
        if isinstance(event, events.Phase) and asked.is_set():
            raise Cancelled("Stopped as you asked.", kept="Everything finished so far is kept.")
        listener(event)

    return listen


def _put_cursor_back(descriptor: int) -> None:
    os.write(descriptor, SHOW_CURSOR)


def _plain_phases(language: Language) -> events.Listener:
    phases, last = Phases(language), ""

    def listen(event: events.Event) -> None:
        nonlocal last
        match event:
            case events.Understood(brief):
                phases.language = brief.language
            case events.Phase(name):
                title = phases.title(name)
                if title and title != last:  # a phase may take several steps
                    print(f"{title} …", file=sys.stderr, flush=True)
                last = title or last
            case events.TookOver(planner, why):
                told = say("took over", phases.language, planner=planner, why=why)
                print(told, file=sys.stderr, flush=True)

    return listen


@dataclass
class Line:
    """One phase of the live area."""

    title: str
    note: str = ""
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    progress: tuple[int, int, float] | None = None
    """Parts done, parts in all, and the seconds left."""

    def end(self) -> None:
        self.ended = self.ended or time.monotonic()
        self.progress = None


class LiveArea:
    """The phases of a turn, one a line, the last one moving, the claims with their marks so far,
    and what is being painted; a listener that rich can render.

    ``accepted`` is for where a key takes the best so far: see `accept`.
    """

    def __init__(
        self, console: Console, language: Language, asked: threading.Event,
        accepted: threading.Event | None = None,
    ) -> None:  # fmt: skip
        from rich.spinner import Spinner

        self._console = console
        self._phases, self._asked, self._accepted = Phases(language), asked, accepted
        self._brief: Brief | None = None
        self._verdict: Verdict | None = None
        self._lines: list[Line] = []
        self._best: str = ""
        self._words = ""
        self._first_progress = 0.0
        self._preview: Image.Image | None = None
        self._spinner = Spinner("dots", style="cyan")

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.Phase(name):
                self._begin(name)
            case events.Understood(brief):
                self._phases.language = brief.language
                self._lines[-1].title = say("understanding", self._phases.language)
                self._lines[-1].note = " · ".join(_claims(brief))
                self._brief = brief
            case events.Working(progress):
                if not self._lines:  # a replay has no phases
                    self._begin("drawing")
                line = self._lines[-1]
                if progress.done == 0:
                    self._first_progress = progress.seconds
                line.note = ""
                each = (progress.seconds - self._first_progress) / max(1, progress.done)
                left = each * (progress.total - progress.done)
                line.progress = (progress.done, progress.total, left)
                self._preview = progress.preview or self._preview
            case events.Judged(handle, verdict, best):
                if best:
                    self._verdict = verdict
                    met, total = len(verdict.with_status("met")), len(verdict.findings)
                    self._best = say(
                        "best", self._phases.language, handle=handle, met=met, total=total
                    )
                self._lines[-1].note = self._best
            case events.Saying(text):
                self._words += text
            case events.TookOver(planner, why):
                told = say("took over", self._phases.language, planner=planner, why=why)
                self._lines[-1].note = told

    def accept(self) -> None:
        """Let the turn end with the best picture so far, where there is one."""
        if self._accepted is not None and self._verdict is not None:
            self._accepted.set()

    def _begin(self, name: str) -> None:
        title = self._phases.title(name)
        if not title or (self._lines and self._lines[-1].title == title):
            return  # another step of it
        if self._lines:
            self._lines[-1].end()
        self._preview = None
        line = Line(title)
        if name == "drawing" and not self._first_progress:
            line.note = say("loading", self._phases.language)
        self._lines.append(line)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.constrain import Constrain
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for line in self._lines:
            if line.ended is not None:
                seconds = f"{line.ended - line.begun:.1f} s"
                note = Text(f"{line.note}  " if line.note else "", "bright_black")
                table.add_row(Text("✓", "green"), line.title, note.append(seconds, "bright_black"))
            else:
                table.add_row(self._spinner, Text(line.title, "bold"), self._activity(line))
        # Room at the right for the ^C that a terminal writes there: a line must not wrap.
        width = max(20, self._console.width - 4)
        told = Constrain(Group(table, *self._claims_so_far(), *self._answer(), self._said()), width)
        return Group(told, *self._seen(told, width))

    def _seen(self, told: RenderableType, width: int) -> list[RenderableType]:
        """The preview, as large as there is room for below what is told."""
        from rich.constrain import Constrain
        from rich.padding import Padding

        if self._preview is None:
            return []
        room = self._console.height - len(self._console.render_lines(told)) - 1
        if room < LEAST_ROWS:
            return []
        columns, rows = terminal.cells(
            self._preview.size, min(PREVIEW_COLUMNS, width - 2), min(PREVIEW_ROWS, room)
        )
        blocks = terminal.HalfBlocks(self._preview, columns, rows)
        return [Constrain(Padding(blocks, (0, 0, 0, 2)), width)]

    def _claims_so_far(self) -> list[RenderableType]:
        """The claims with the marks of the best picture so far, once there is one."""
        from rich.table import Table
        from rich.text import Text

        if self._brief is None or self._verdict is None:
            return []
        told = rows(self._brief, self._verdict.findings)
        table = Table.grid(padding=(0, 1))
        table.add_column(width=3, justify="right")
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", style="bright_black")
        for status, claim, evidence in told:
            table.add_row(Text(MARKS[status], STYLES[status]), Text(claim), Text(evidence))
        return [table]

    def _answer(self) -> list[RenderableType]:
        """What a language model has said of its answer so far."""
        from rich.padding import Padding
        from rich.text import Text

        from .agent.reply import plain

        words = " ".join(plain(self._words).split())
        return [Padding(Text(words, "bright_black"), (0, 0, 0, 2))] if words else []

    def _said(self) -> Text:
        from rich.text import Text

        if self._asked.is_set():
            return Text(f"  {say('stopping', self._phases.language)}", "yellow")
        if self._accepted is None or self._verdict is None:
            return Text("")
        word = "accepting" if self._accepted.is_set() else "accept"
        return Text(
            f"  {say(word, self._phases.language)}", "yellow" if word == "accepting" else "cyan"
        )

    def _activity(self, line: Line) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if line.progress is None:
            return Text(line.note, "bright_black")
        done, total, left = line.progress
        row = Table.grid(padding=(0, 1))
        told = f"{done}/{total}"
        if 0 < done < total:
            told += "  " + say("left", self._phases.language, n=max(1, round(left)))
        bar = ProgressBar(total, done, width=24, complete_style="cyan", finished_style="cyan")
        row.add_row(bar, Text(told, "bright_black"))
        return row


def _claims(brief: Brief) -> list[str]:
    """What was understood, in the request's own words where they are Chinese, none of it twice."""
    from .agent.reply import describe

    own = brief.language == "zh"
    words = [
        claim.source if own and claim.source else describe(claim, brief.language)
        for claim in brief.claims
    ]
    return list(dict.fromkeys(words))


def show_turn(turn: TurnDocument, *, quiet: bool) -> None:
    """Print a finished turn: picture, path, claims, reply."""
    console = output()
    if quiet:
        print(turn.picture.path if turn.picture else turn.reply)
        return
    if turn.picture is not None:
        if console.is_terminal:
            how = terminal.protocol(os.environ, is_terminal=True)
            show_file(console, turn.picture.path, how)
        print(turn.picture.path)
    if turn.brief is not None and turn.verdict:
        show_claims(console, turn.brief, turn.verdict)
    say_words(console, turn.reply)


def show_file(console: Console, path: str, how: terminal.Protocol) -> None:
    """Show the picture in a file; one that has gone since is no reason to fail."""
    from PIL import Image

    if how == "none":
        return
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            terminal.show(image, console, how)
    except OSError:
        return


def show_claims(console: Console, brief: Brief, verdict: dict[str, Finding]) -> None:
    """The claims with their marks and the evidence: a table, or one plain line each."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    told = rows(brief, verdict)
    if not console.is_terminal:
        for status, claim, evidence in told:
            print(f"{MARKS[status]} {claim}: {evidence}")
        return
    table = Table(box=box.SIMPLE_HEAD, header_style="bright_black", pad_edge=False, expand=False)
    table.add_column("", width=1)
    table.add_column(say("claim", brief.language), ratio=None, overflow="fold")
    table.add_column(say("evidence", brief.language), style="bright_black", overflow="fold")
    for status, claim, evidence in told:
        table.add_row(Text(MARKS[status], STYLES[status]), Text(claim), Text(evidence))
    console.print(table)


def say_words(console: Console, words: str) -> None:
    """A reply: wrapped on a terminal, as it is elsewhere."""
    if console.is_terminal:
        console.print(words)
    else:
        print(words)


def columns(rows: list[tuple[str, ...]], styles: tuple[str | None, ...]) -> None:
    """Print rows in columns on a terminal, and with tabs between the cells elsewhere."""
    from rich.table import Table
    from rich.text import Text

    console = output()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    table = Table.grid(padding=(0, 2))
    for style in styles:
        table.add_column(style=style or "", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
