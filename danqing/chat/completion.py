"""Completion at the prompt: commands and what they take, and handles wherever they are typed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from .commands import COMMANDS, Kind
from .settings import LEVELS
from .typed import PICTURES, SLASHES, slashed

if TYPE_CHECKING:
    from .conversation import Conversation

BUDGET = ("pictures=", "seconds=", "steps=", "tokens=", "money=")
SIZES = ("512x512", "768x512", "512x768", "1024x1024")


class Completions(Completer):
    """``conversation`` gives the conversation, or None while it is not there yet."""

    def __init__(self, conversation: Callable[[], Conversation | None]) -> None:
        self._conversation = conversation
        self._files = PathCompleter(expanduser=True)
        self._pictures = PathCompleter(expanduser=True, file_filter=_may_hold_a_picture)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """What the line before the cursor can go on with."""
        line = document.text_before_cursor
        name = re.fullmatch(rf"\s*[{SLASHES}](\S*)", line)
        if name is not None:
            yield from self._commands(name[1].lower())
            return
        command = slashed(line)
        if command is not None:
            yield from self._arguments(*command, line, event)
            return
        handle = re.search(r"(?<![\w-])(?:img|im|i)(?:-\d*)?$", line)
        if handle is not None:
            yield from self._handles(handle[0])

    def _commands(self, typed: str) -> Iterator[Completion]:
        chinese = self._chinese or not typed.isascii()
        for command in COMMANDS:
            names = (command.name, *command.aliases)
            found = next((n for n in names if n.startswith(typed)), None)
            if found is not None:
                if chinese and not typed and command.aliases and not command.aliases[0].isascii():
                    found = command.aliases[0]
                yield Completion(
                    found + (" " if command.takes else ""), -len(typed),
                    display=f"/{found}", display_meta=command.help[chinese],
                )  # fmt: skip

    def _arguments(
        self, name: str, rest: str, line: str, event: CompleteEvent
    ) -> Iterator[Completion]:
        kinds = next((c.takes for c in COMMANDS if name in (c.name, *c.aliases)), ())
        parts = rest.split()
        typed = "" if line[-1:].isspace() or not parts else parts[-1]
        at = len(parts) - (1 if typed else 0)
        wanted = set(kinds[at : at + 1])
        if name in ("save", "保存") and at == 0:
            wanted.add("file")  # its handle may be left out
        for kind in sorted(wanted):
            yield from self._of_kind(kind, typed, event)

    def _of_kind(self, kind: Kind, typed: str, event: CompleteEvent) -> Iterator[Completion]:
        if kind == "handle":
            yield from self._handles(typed)
        elif kind in ("file", "picture"):
            files = self._files if kind == "file" else self._pictures
            yield from files.get_completions(Document(typed), event)
        else:
            yield from _words(self._choices(kind), typed)

    def _choices(self, kind: Kind) -> Iterable[str]:
        match kind:
            case "level":
                return LEVELS
            case "command":
                return [command.name for command in COMMANDS]
            case "seed":
                return ["random"]
            case "size":
                return SIZES
            case "budget":
                return BUDGET
            case "llm":
                from ..agent.llm.address import BUILTIN, OWN, PROVIDERS

                return [BUILTIN, OWN, *(f"{name}:" for name in PROVIDERS), "http://", "hf:"]
            case "sees":
                return ["sees"]
            case "models" if (chat := self._conversation()) is not None:
                from ..tools.catalogue import profiles
                from ..tools.errors import BadInput

                with contextlib.suppress(BadInput):  # the command itself says what is wrong
                    return profiles(chat.door.place)
        return ()

    def _handles(self, typed: str) -> Iterator[Completion]:
        """The newest first."""
        chat = self._conversation()
        handles = {} if chat is None else chat.standing.handles
        for handle, words in reversed(handles.items()):
            if handle.startswith(typed):
                yield Completion(handle, -len(typed), display_meta=words)

    @property
    def _chinese(self) -> bool:
        chat = self._conversation()
        return chat is not None and chat.language == "zh"


def _words(choices: Iterable[str], typed: str) -> Iterator[Completion]:
    for choice in choices:
        if choice.startswith(typed):
            yield Completion(choice, -len(typed))


def _may_hold_a_picture(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in PICTURES or path.is_dir()
