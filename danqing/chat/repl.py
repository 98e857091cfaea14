"""The prompt: it is on the screen at once, while all that is heavy gets ready behind it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, ThreadedHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.styles import Style

from ..door import Door, complain
from ..words import say
from .completion import Completions
from .typed import SLASHES

if TYPE_CHECKING:
    from pathlib import Path

    from ..agent.brief import Language
    from .conversation import Conversation

PROMPT = "› "
STYLE = Style.from_dict(
    {
        "prompt": "ansicyan bold",
        "bottom-toolbar": "noreverse ansibrightblack",
        "completion-menu": "bg:default",
        "completion-menu.completion": "bg:default ansicyan",
        "completion-menu.completion.current": "bg:ansicyan ansiblack noreverse",
        "completion-menu.meta.completion": "bg:default ansibrightblack",
        "completion-menu.meta.completion.current": "bg:default",
        "scrollbar.background": "bg:default",
        "scrollbar.button": "bg:ansibrightblack",
    }
)


class Repl:
    """Reads lines at a prompt and has a conversation take them.

    ``opening`` opens the conversation; it runs in a thread once the prompt can be seen.
    """

    def __init__(self, door: Door, opening: Callable[[], Conversation], language: Language) -> None:
        self.door, self.language = door, language
        self._opening = opening
        self._opened: Future[Conversation] = Future()
        self._begun = False
        self._code: int | None = None
        self.prompt: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)],
            multiline=True, prompt_continuation=[("", " " * len(PROMPT))], style=STYLE,
            history=ThreadedHistory(History(self._typed)), completer=Completions(self._chat),
            complete_while_typing=Condition(self._completing), reserve_space_for_menu=6,
            key_bindings=_keys(), bottom_toolbar=self._toolbar,
        )  # fmt: skip

    def open(self) -> Conversation:
        """The conversation, once it is open; raises what opening it raised."""
        self._begin()
        return self._opened.result()

    def run(self) -> int:
        """Read and carry out lines until the person leaves; returns the process's exit code.

        A signal to end the process is a `KeyboardInterrupt`.
        """
        self._hear_terminations()
        print(f"Danqing 丹青 · {say('hello', self.language)}")
        if self._opened.done():
            self._offer_to_resume(self.open())
        else:
            self.prompt.app.after_render += self._begin
        while True:
            try:
                line = self.prompt.prompt()
            except KeyboardInterrupt:
                self._leave_if_told()
                continue
            except EOFError:
                return 0
            self.prompt.app.after_render -= self._begin
            try:
                self._carry_out(line)
            except EOFError:
                return 0
            if line.strip():
                print()

    def _carry_out(self, line: str) -> None:
        chat = self.open()
        self._attempt(chat, lambda: chat.take(line))
        self.language = chat.language

    def _attempt(self, chat: Conversation, work: Callable[[], object]) -> None:
        """Do something that Ctrl-C stops; an error is told, and the prompt comes back."""
        from ..tools.errors import Cancelled, DanqingError

        with self.door.interruption.flagging() as asked:
            try:
                work()
            except DanqingError as error:
                if isinstance(error, Cancelled):
                    error.args = ("Stopped as you asked.",)
                    error.hint = "/resume goes on from there." if chat.in_the_middle else ""
                complain(error)
        self._leave_if_told()
        asked.clear()

    def _offer_to_resume(self, chat: Conversation) -> None:
        waiting = chat.cut_short
        if waiting:
            question = say("resume", chat.language, request=waiting[-1])
            if chat.showing.confirm(question, chat.language, default=True):
                self._attempt(chat, chat.resume)
                print()

    def _hear_terminations(self) -> None:
        """Tell a signal that ends the process from a Ctrl-C, which ends a turn."""
        self._told_to_leave = False
        before = signal.getsignal(signal.SIGTERM)

        def hear(number: int, frame: FrameType | None) -> None:
            self._told_to_leave = True
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, hear)

    def _leave_if_told(self) -> None:
        if self._told_to_leave:
            raise KeyboardInterrupt

    # What gets ready behind the prompt.

    def _begin(self, _: object = None) -> None:
        if not self._begun:
            self._begun = True
            Thread(target=self._get_ready, daemon=True).start()

    def _get_ready(self) -> None:
        try:
            chat = self._opening()
        except BaseException as error:  # noqa: BLE001 - it travels on in the main thread
            self._opened.set_exception(error)
            self._exit_with(error)
            return
        self._opened.set_result(chat)
        self.prompt.app.invalidate()
        chat.studio.warm_up()

    def _exit_with(self, error: BaseException) -> None:
        app: Application[str] = self.prompt.app
        if app.is_running and app.loop is not None:
            app.loop.call_soon_threadsafe(lambda: app.exit(exception=error))

    def _chat(self) -> Conversation | None:
        done = self._opened.done() and self._opened.exception() is None
        return self._opened.result() if done else None

    def _typed(self) -> Path | None:
        studio = self._opened.result().studio
        return None if studio.ledger.sealed else studio.home.typed

    def _completing(self) -> bool:
        """Whether to offer completions unasked; room for them is kept only then."""
        line = self.prompt.default_buffer.document.text_before_cursor
        return line.lstrip()[:1] in tuple(SLASHES) or line.endswith(("img-", *"0123456789"))

    def _toolbar(self) -> StyleAndTextTuples:
        chat = self._chat()
        if chat is None:
            return [("", say("warming", self.language))]
        now = chat.standing
        language = chat.language
        place = say("at", language, handle=now.head) if now.head else say("empty", language)
        parts = [say("session", language, id=now.session), place, os.path.basename(now.models),
                 now.budget]  # fmt: skip
        if chat.seed is not None:
            parts.append(say("seed of", language, n=chat.seed))
        return [("", " · ".join(parts))]


class History(FileHistory):
    """What was typed, in a private file, which ``typed`` gives once the home is open; None is for
    an encrypted one, of which this is in no file."""

    def __init__(self, typed: Callable[[], Path | None]) -> None:
        self._typed = typed
        super().__init__("")

    def load_history_strings(self) -> Iterable[str]:
        """The lines of earlier times, newest first; none where the home cannot be opened."""
        try:
            there = self._place()
        except Exception:  # noqa: BLE001 - whoever opens the home tells of it
            return ()
        return super().load_history_strings() if there else ()

    def store_string(self, string: str) -> None:
        """Add a line."""
        if self._place():
            super().store_string(string)

    def _place(self) -> bool:
        typed = self._typed()
        if typed is None:
            return False
        self.filename = str(typed)
        os.close(os.open(self.filename, os.O_CREAT | os.O_WRONLY, 0o600))
        return True


def _keys() -> KeyBindings:
    """Enter sends the line; after a backslash, and with Alt, it begins another."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
