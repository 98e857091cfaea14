"""One conversation at a prompt or in a pipe: each line is carried out on its session and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..agent import events
from ..agent.brief import Language
from ..agent.language.text import language_of
from ..agent.lineage import Lineage
from ..agent.session import Said, Session
from ..agent.settling import Asking, Question
from ..agent.studio import Options, Studio, TurnDocument
from ..door import Door, user_named
from ..tools.errors import DanqingError
from ..words import say, shortened
from .typed import picture_file, slashed

if TYPE_CHECKING:
    import threading

    from ..agent.ledger import Ledger
    from .screen import Shown


class Showing(Protocol):
    """What a conversation needs of whatever shows it; see `Screen` and `Stream`."""

    def watching(
        self, language: Language, accepted: threading.Event
    ) -> AbstractContextManager[events.Listener]: ...

    def begin(self, request: str) -> None: ...

    def said(self, said: Said, shown: Sequence[Shown]) -> None: ...

    def picture(self, handle: str, path: Path) -> None: ...

    def side_by_side(self, labels: Sequence[str], files: Sequence[Path]) -> None: ...

    def printing(self) -> AbstractContextManager[object]: ...

    def tree(self, lineage: Lineage, language: Language) -> None: ...

    def complain(self, error: DanqingError) -> None: ...

    def choose(
        self, word: str, choices: Sequence[str], default: int, language: Language,
        show: Callable[[], None],
    ) -> int: ...  # fmt: skip

    def confirm(self, question: str, language: Language, *, default: bool) -> bool: ...


@dataclass
class Standing:
    """What the toolbar and the completion know of a conversation; read once after each line."""

    session: str = ""
    head: str | None = None
    models: str = ""
    budget: str = ""
    handles: dict[str, str] = field(default_factory=dict)
    """The pictures with the words that made them, oldest first."""


class Conversation:
    """A session with what the person set for it. ``seed`` is that of all drawing to come, None for
    a new one each time; ``language`` is that of the words said last."""

    def __init__(
        self, door: Door, studio: Studio, options: Options, showing: Showing, *,
        session: str | None = None, asking: Asking = "needed", seed: int | None = None,
        language: Language = "en",
    ) -> None:  # fmt: skip
        """Begin a session, or go on with one; raises `BadInput` where it is not there."""
        self.studio, self.showing = studio, showing
        self.door = _Inside(door, studio)
        self.session = Session(studio, options, session, asking=asking, asker=self._ask)
        self.seed, self.language = seed, language
        self.standing = Standing()
        self.look_around()

    def take(self, line: str) -> int:
        """Carry out one line, if it says anything; returns its exit code, as `draw` has it.

        Raises `DanqingError` for what cannot be done, and `EOFError` where the line ends the chat.
        """
        if not line.strip():
            return 0
        self.showing.begin(line.strip())
        try:
            file = picture_file(line)
            command = slashed(line)
            if file is not None:
                return self.open(file)
            if command is None:
                self.language = language_of(line)
                return self.say(line.strip())
            from .commands import run

            with self.showing.printing(), user_named():
                return run(self, *command)
        finally:
            self.look_around()

    def say(self, words: str) -> int:
        """Say something, and show what comes of it."""
        with self.watching() as listener:
            said = self.session.say(words, seed=self.seed, listener=listener)
        return self.tell(said)

    def tell(self, said: Said) -> int:
        """Show an answer; returns its exit code."""
        self.showing.said(said, [(handle, self.path(handle)) for handle in said.pictures])
        return 0 if said.turn is None else said.turn.exit_code

    def open(self, file: bytes | Path) -> int:
        """Take in a picture of the person's own."""
        handle = self.session.open(file)
        return self.tell(Said(say("opened", self.language, handle=handle), (handle,)))

    def resume(self) -> int:
        """Finish what was cut short; returns the worst exit code."""
        with self.watching() as listener:
            turns = self.studio.resume(session=self.session.id, listener=listener)
        self.look_around()
        if not turns:
            print(say("nothing to resume", self.language))
        return max([self.tell(_said(turn)) for turn in turns], default=0)

    @property
    def cut_short(self) -> list[str]:
        """The requests of this session that were not finished."""
        turns = self.studio.ledger.unfinished()
        return [turn.request for turn in turns if turn.session == self.session.id]

    @property
    def in_the_middle(self) -> bool:
        """Whether the turn that was begun last is not finished."""
        last = self.studio.ledger.turns(1, self.session.id)
        return bool(last) and last[0].ended is None

    def watching(self) -> AbstractContextManager[events.Listener]:
        """A listener that shows a turn while it runs."""
        return self.showing.watching(self.language, self.studio.accept)

    def path(self, handle: str) -> Path:
        """The file of a picture: the one that the person was given, else the store's own."""
        ledger = self.studio.ledger
        picture = ledger.picture(handle)
        outcome = ledger.turn(picture.turn).outcome or {}
        if outcome.get("picture") == handle and outcome.get("path"):
            given = Path(outcome["path"])
            if given.is_file():
                return given
        return ledger.file(picture)

    def look_around(self) -> None:
        """Read anew where the conversation stands."""
        lineage = self.session.lineage
        options = self.session.options
        self.standing = Standing(
            self.session.id, lineage.head, options.models,
            say("at most", self.language, n=options.budget.pictures, s=options.budget.seconds),
            {node.handle: shortened(node.request) for node in lineage.nodes.values()},
        )  # fmt: skip

    def _ask(self, question: Question) -> int:
        def show() -> None:
            if question.kind == "picture":
                labels = [f"{n}: {handle}" for n, handle in enumerate(question.choices, start=1)]
                self.showing.side_by_side(labels, [self.path(h) for h in question.choices])
                words = [self.standing.handles.get(handle, "") for handle in question.choices]
            else:
                labels = [f"{n}: {self._style(c)}" for n, c in enumerate(question.choices, start=1)]
                words = ["" for _ in question.choices]
            for label, said in zip(labels, words, strict=True):
                print(f"{label}  {said}".rstrip())

        word = "which" if question.kind == "picture" else "which style"
        return self.showing.choose(word, question.choices, question.default, self.language, show)

    def _style(self, style: str) -> str:
        from ..agent.evidence import in_chinese

        return in_chinese(style) if self.language == "zh" else style


def _said(turn: TurnDocument) -> Said:
    return Said(turn.reply, () if turn.picture is None else (turn.picture.handle,), turn)


class _Inside(Door):
    """The door for commands that are run inside a conversation: they work with its studio."""

    def __init__(self, door: Door, studio: Studio) -> None:
        super().__init__(door.interruption, door.home)
        self._studio = studio

    @contextmanager
    def studio(
        self, models: str, llm: str = "builtin", *, batching: bool = False
    ) -> Iterator[Studio]:
        yield self._studio

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        yield self._studio.ledger
