"""A language model out there, asked patiently: faults are waited out, and nothing is waited for
beyond its time.

Rate limits, server errors, resets and silence are tried again with growing, jittered pauses, or
after as long as the server asks for. A model that fails again and again is left alone for a while.
"""

from __future__ import annotations

import contextlib
import copy
import json
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ...tools.errors import Cancelled
from .address import OWN, Address
from .door import tame

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

TRIES = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
FIRST_WORD, NEXT_WORD = 60.0, 30.0
"""Seconds until a reply must begin, and between two parts of it."""
FAILURES, REST = 5, 30.0
"""After so many failures in a row a model is not asked for so many seconds."""
LONGEST_REPLY, MOST_CALLS = 256 * 1024, 100
"""Characters of one reply, and calls in it."""
_POLL = 0.05
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_TELL_FINISH = frozenset({"openai", "url", "anthropic", "google_genai", "ollama", "hf", OWN})
_LOST = ("Timeout", "Connect", "Transport", "Protocol", "APIError", "APIStatusError",
         "ResponseError", "UnknownApiResponse")  # fmt: skip
"""Parts of the names of errors of clients that got no answer, or lost it in the middle."""
_RETRY_DELAY = re.compile(r"retryDelay\W+([0-9]+(?:\.[0-9]+)?)s\b")
_CUT_SHORT = frozenset(
    {"length", "max_tokens", "model_context_window_exceeded", "incomplete", "in_progress"}
)
_NAMES_OF_FINISH = ("finish_reason", "stop_reason", "done_reason", "stopReason", "status")

Hear = Callable[[str], None]
"""Is told each new part of a reply's text."""


class Unreachable(Exception):
    """Nothing came of asking; the message says why, for the user, and holds no key."""


@dataclass(frozen=True)
class RawCall:
    """A tool call as it was written: its arguments are text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One whole reply. ``cut`` tells that it ended before its end. ``asked`` and ``said`` are the
    tokens of the request and of the reply."""

    text: str = ""
    calls: tuple[RawCall, ...] = ()
    cut: bool = False
    asked: int = 0
    said: int = 0

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Reply:
        """The reply that `as_json` wrote."""
        calls = tuple(RawCall(name, arguments) for name, arguments in data["calls"])
        return cls(**{**data, "calls": calls})

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "calls": [[call.name, call.arguments] for call in self.calls]}


class Reach:
    """One language model. Turns may share it; its failures in a row are counted here."""

    def __init__(self, address: Address, model: BaseChatModel) -> None:
        self.address, self.model = address, model
        self._lock = threading.Lock()
        self._failures, self._rests_until = 0, 0.0
        self._unforced = False

    def ask(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], seconds: float,
        cancel: threading.Event, hear: Hear,
    ) -> Reply:  # fmt: skip
        """The reply to ``messages``: calls of ``tools``, or with none of those words.

        ``seconds`` is all the time there is. Raises `Unreachable`, and `Cancelled` once ``cancel``
        is set.
        """
        ends = time.monotonic() + seconds
        for attempt in range(TRIES):
            if (rest := self._rests_until - time.monotonic()) > 0:
                raise Unreachable(f"it failed {FAILURES} times and is left alone for {rest:.0f} s")
            try:
                reply = self._once(messages, tools, ends, cancel, hear)
            except _Fault as fault:
                self._failed()
                pause = fault.pause(attempt)
                if not fault.again or attempt + 1 == TRIES or time.monotonic() + pause > ends:
                    raise Unreachable(self.address.clean(fault.why)) from None
                if cancel.wait(pause):
                    raise _stopped() from None
            else:
                self._failures = 0
                return reply
        raise AssertionError("the last try returns or raises")

    def _once(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], ends: float,
        cancel: threading.Event, hear: Hear,
    ) -> Reply:  # fmt: skip
        """One request. Some servers do not let a model be forced to call, or be told a temperature;
        those are asked plainly from then on."""
        while True:
            try:
                return self._listened(messages, tools, ends, cancel, hear)
            except _Fault as fault:
                if fault.status != 400:
                    raise
                if tools and "tool_choice" in fault.why and not self._unforced:
                    self._unforced = True
                elif "temperature" in fault.why and getattr(self.model, "temperature", None) == 0:
                    self.model = self.model.model_copy(update={"temperature": None})
                else:
                    raise

    def _listened(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], ends: float,
        cancel: threading.Event, hear: Hear,
    ) -> Reply:  # fmt: skip
        from langchain_core.messages import AIMessageChunk
        from langchain_core.messages.ai import add_ai_message_chunks

        found: list[Any] = []
        heard, calls = 0, set[Any]()
        with contextlib.closing(self._parts(messages, tools, ends, cancel)) as parts:
            for part in parts:
                found.append(part)
                heard += len(part.text)
                for c in getattr(part, "tool_call_chunks", ()):
                    heard += len(c.get("name") or "") + len(c.get("args") or "")
                    calls.add(len(found) if c.get("index") is None else str(c["index"]))
                if heard > LONGEST_REPLY or len(calls) > MOST_CALLS:
                    most = f"{LONGEST_REPLY} characters or {MOST_CALLS} calls"
                    raise _Fault(f"its reply is longer than {most}", again=False)
                if part.text:
                    hear(tame(part.text))
        if not found:
            return Reply(cut=True)
        whole = found[0]
        if isinstance(whole, AIMessageChunk):  # at once: each sum reads all the calls again
            whole = add_ai_message_chunks(whole, *found[1:])
        raw = whole.tool_call_chunks if isinstance(whole, AIMessageChunk) else ()
        written = _raw(raw) if raw else _written(whole)
        asked, said = _tokens(messages, tools, whole, written)
        return Reply(tame(whole.text), written, self._was_cut(whole), asked, said)

    def _parts(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], ends: float,
        cancel: threading.Event,
    ) -> Generator[AIMessage, None, None]:  # fmt: skip
        """The parts of a reply as they come. They are read in a thread of their own, since nothing
        else can be done about a server that says nothing."""
        came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        left = threading.Event()

        def listen() -> None:
            from langsmith import tracing_context

            try:
                with tracing_context(enabled=False):
                    model: Any = self.model
                    if tools:
                        forced = {} if self._unforced else {"tool_choice": "any"}
                        model = model.bind_tools(copy.deepcopy(list(tools)), **forced)
                    for part in model.stream(list(messages)):
                        came.put(part)
                        if left.is_set():
                            return
                came.put(None)
            except Exception as error:  # noqa: BLE001 - raised again by the one who waits
                came.put(error)

        threading.Thread(target=listen, daemon=True, name="llm").start()
        try:
            spoke = time.monotonic()
            # One on this machine may have to be loaded first.
            patience = FIRST_WORD if self.address.sends_to else ends - spoke
            while True:
                try:
                    part = came.get(timeout=_POLL)
                except queue.Empty:
                    now = time.monotonic()
                    if cancel.is_set():
                        raise _stopped() from None
                    if now > ends:
                        raise _Fault("there was no time left for its reply", again=False) from None
                    if now - spoke > patience:
                        raise _Fault(f"it said nothing for {patience:.0f} s") from None
                    continue
                if part is None:
                    return
                if isinstance(part, Exception):
                    raise _fault_of(part) from part
                if time.monotonic() > ends:  # it drips
                    raise _Fault("there was no time left for its reply", again=False)
                patience, spoke = NEXT_WORD, time.monotonic()
                yield part
                if cancel.is_set():
                    raise _stopped()
        finally:
            left.set()

    def _was_cut(self, message: AIMessage) -> bool:
        told = message.response_metadata
        reason = next((told[name] for name in _NAMES_OF_FINISH if told.get(name)), None)
        if reason is None:
            return self.address.kind in _TELL_FINISH
        return str(reason).lower() in _CUT_SHORT

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._failures, self._rests_until = 0, time.monotonic() + REST


class _Fault(Exception):
    """One request that failed: whether it may be tried ``again``, and ``after`` which pause, in
    seconds, where the server told."""

    def __init__(
        self, why: str, *, again: bool = True, after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(why)
        self.why, self.again, self.after, self.status = why, again, after, status

    def pause(self, attempt: int) -> float:
        """Seconds to wait: what the server asks for, else growing ones with full jitter."""
        if self.after is not None:
            return self.after
        return random.uniform(0.2, 1.0) * min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)


def _fault_of(error: Exception) -> _Fault:
    """What a client's error means. Their classes differ by provider; what they tell does not, be it
    by themselves or by the error that they came of."""
    chain = list(_chain(error))
    status = next(filter(None, map(_status, chain)), None)
    text = str(getattr(error, "message", None) or error) or type(error).__name__
    spent = "insufficient_quota" in text
    if status is None:
        # No answer came, or its end did not: a refused or reset connection, a time-out, an error in
        # the middle, half a part; else a bug of somebody's.
        lost = any(
            isinstance(one, OSError | json.JSONDecodeError)
            or any(name in kind.__name__ for kind in type(one).__mro__ for name in _LOST)
            for one in chain
        )
        if "No generation chunks" in text:  # how LangChain says that a stream was empty
            lost, text = True, "its reply was empty"
        return _Fault(text, again=lost and not spent)
    text = re.sub(r"^Error code: \d+ - ", "", text)
    return _Fault(
        f"it answered {status}: {text}", again=status in _AGAIN and not spent,
        after=_retry_after(chain, text), status=status,
    )  # fmt: skip


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status of a refusal; None where there was none."""
    response = getattr(error, "response", None)
    for where, name in ((error, "status_code"), (response, "status_code"), (error, "code")):
        if isinstance(value := getattr(where, name, None), int) and 400 <= value < 600:
            return value
    return None


def _retry_after(chain: Sequence[BaseException], text: str) -> float | None:
    """The seconds in a Retry-After header, which holds a number or a date; or, as Google tells it,
    in the body."""
    for error in chain:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        if (told := headers.get("retry-after")) is not None:
            break
    else:
        body = _RETRY_DELAY.search(text)
        return float(body[1]) if body else None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _raw(chunks: Sequence[Any]) -> tuple[RawCall, ...]:
    return tuple(RawCall(tame(c.get("name") or ""), c.get("args") or "") for c in chunks)


def _written(message: AIMessage) -> tuple[RawCall, ...]:
    """The calls of a message that came in one piece; its arguments were read already."""
    whole = [
        RawCall(tame(call["name"]), json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    ]
    broken = [
        RawCall(tame(call.get("name") or ""), call.get("args") or "")
        for call in message.invalid_tool_calls
    ]
    return tuple(whole + broken)


def _tokens(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], reply: AIMessage,
    calls: Sequence[RawCall],
) -> tuple[int, int]:  # fmt: skip
    """The tokens of a request and of its reply: as the server counts, else as `tokens_in`."""
    if (used := reply.usage_metadata) is not None:
        return int(used["input_tokens"]), int(used["output_tokens"])
    said = reply.text + "".join(call.name + call.arguments for call in calls)
    return tokens_asked(messages, tools), tokens_in(said)


def tokens_asked(messages: Sequence[BaseMessage], tools: Sequence[Any]) -> int:
    """About how many tokens a request has."""
    told = json.dumps(list(tools)) if tools else ""
    return sum(tokens_in(m.text) for m in messages) + tokens_in(told)


def tokens_in(text: str) -> int:
    """About how many tokens a text has: one for three bytes."""
    return len(text.encode("utf-8", "replace")) // 3 + 1


def _stopped() -> Cancelled:
    return Cancelled("Stopped as you asked.", kept="Everything so far is kept.")
