"""What programs see of a conversation: its events, one JSON document a line.

Each document has ``version`` (1), ``session`` and ``event``; the others of its fields follow from
the event:

==========  ===============================================================================
request     ``text``: a line is begun
phase       ``name`` and ``note``: the turn has entered a phase
understood  ``brief``, as `danqing understand --json` prints it
working     ``tool``, ``done`` of ``total`` parts, ``seconds``, ``note``
judged      ``picture``, ``best`` (whether it is the best so far), ``verdict`` by claim
saying      ``text``: the next part of an answer in words, from a language model
took over   ``planner`` and ``why``: the built-in planner does the rest of the turn
said        ``words``, ``pictures`` (handle and path of each), ``turn`` as `danqing draw
            --json` prints it, or null: the line is done
printed     ``text``: what a command with a slash printed
error       ``error`` and, where there are, ``kept``, ``hint``; ``exit_code``: the line failed
==========  ===============================================================================

Fields may be added to a version; none of them changes or goes.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agent import events
from ..display import attentive
from ..documents import event_document, exit_code, parts, turn_document
from ..door import Door
from ..tools.errors import DanqingError

if TYPE_CHECKING:
    import threading

    from ..agent.brief import Language
    from ..agent.lineage import Lineage
    from ..agent.session import Said
    from .screen import Shown

VERSION = 1


class Stream:
    """Writes a conversation's events to standard output. ``session`` names it."""

    def __init__(self, door: Door, session: str) -> None:
        self.door, self._session = door, session
        self._out = sys.stdout.buffer

    def emit(self, event: str, /, **values: Any) -> None:
        """Write one document."""
        document = {"version": VERSION, "session": self._session, "event": event, **values}
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        self._out.write(text.encode("utf-8", "replace") + b"\n")
        self._out.flush()

    @contextmanager
    def watching(self, language: Language, accepted: threading.Event) -> Iterator[events.Listener]:
        """A listener that writes what happens in a turn."""
        yield attentive(self._listen, self.door.interruption.asked)

    def _listen(self, event: events.Event) -> None:
        name, fields = event_document(event)
        self.emit(name, **fields)

    def begin(self, request: str) -> None:
        self.emit("request", text=request)

    def said(self, said: Said, shown: Sequence[Shown]) -> None:
        """An answer with its pictures."""
        pictures = [{"handle": handle, "path": str(path)} for handle, path in shown]
        turn = None if said.turn is None else turn_document(said.turn)
        self.emit("said", words=said.words, pictures=pictures, turn=turn)

    def picture(self, handle: str, path: Path) -> None:
        print(path)

    def side_by_side(self, labels: Sequence[str], files: Sequence[Path]) -> None:
        """Nobody looks."""

    @contextmanager
    def printing(self) -> Iterator[None]:
        """What is printed inside becomes one event."""
        buffer = io.BytesIO()
        with io.TextIOWrapper(buffer, "utf-8", "replace", write_through=True) as text:
            try:
                with contextlib.redirect_stdout(text):
                    yield
            finally:
                if buffer.getvalue():
                    self.emit("printed", text=buffer.getvalue().decode("utf-8"))

    def tree(self, lineage: Lineage, language: Language) -> None:
        """The pictures of a conversation, as it prints."""
        from ..display import output
        from .screen import picture_tree

        output().print(picture_tree(lineage, language))

    def complain(self, error: DanqingError) -> None:
        """An error as an event."""
        self.emit("error", **parts(error), exit_code=exit_code(error))

    def choose(
        self, word: str, choices: Sequence[str], default: int, language: Language,
        show: Callable[[], None],
    ) -> int:  # fmt: skip
        """Nobody is asked."""
        return default

    def confirm(self, question: str, language: Language, *, default: bool) -> bool:
        """What a script says is meant as it is said."""
        return True
