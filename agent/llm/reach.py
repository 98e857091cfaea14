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
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ...tools.errors import Cancelled
from .address import OWN, Address
from .breaker import Breaker, Resting
from .door import tame
from .faults import Fault, fault_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

TRIES = 4
FIRST_WORD, NEXT_WORD = 60.0, 30.0
"""Seconds until a reply must begin, and between two parts of it."""
LONGEST_REPLY, MOST_CALLS = 256 * 1024, 100
"""Characters of one reply, and calls in it."""
LEAST = 256
"""Tokens of a reply below which nobody is asked: it would be cut, and paid for."""
PICTURE = 1000
"""About how many tokens a picture of 768 by 768 pixels is: 765 for OpenAI, 786 for Anthropic, 1032
for Gemini, as their pages on images say."""
_POLL = 0.05
_TELL_FINISH = frozenset({"openai", "url", "anthropic", "google_genai", "ollama", "hf", OWN})
_AT_ITS_MOST = frozenset({"length", "max_tokens", "max_output_tokens"})
_CUT_SHORT = _AT_ITS_MOST | {
    "model_context_window_exceeded", "incomplete", "in_progress", "unknown",
}  # fmt: skip
_DECLINED = frozenset(
    {"refusal", "content_filter", "safety", "prohibited_content", "blocklist", "spii"}
)
_NAMES_OF_FINISH = ("finish_reason", "stop_reason", "done_reason", "stopReason", "status")
_CAPS = ("max_tokens", "max_output_tokens", "num_predict")
"""What the clients call the most tokens of a reply."""
_OF_A_CAP = re.compile(
    r"max_(completion_|output_|new_)?tokens|maxOutputTokens|num_predict|output tokens|completion"
)
_UNKNOWN = re.compile(r"not supported|not permitted|un(supported|known|recognized|expected)", re.I)

Hear = Callable[[str], None]
"""Is told each new part of a reply's text."""


@dataclass(frozen=True)
class Terms:
    """How long a reply is waited for, and what it may take.

    ``seconds`` is all the time there is for all tries, and ``cancel`` ends it once it is set.
    ``room`` tells before each try how many tokens may be said, or raises what ends the asking;
    ``lost`` is told how many were asked and said in a try that failed, as far as that is known.
    """

    seconds: float
    room: Callable[[], int]
    lost: Callable[[int, int], None]
    cancel: threading.Event = field(default_factory=threading.Event)
    hear: Hear = lambda text: None


class Unreachable(Exception):
    """Nothing came of asking; the message says why, for the user, and holds no key."""


@dataclass(frozen=True)
class RawCall:
    """A tool call as it was written: its arguments are text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One whole reply. ``cut`` tells that it ended before its end, and ``most`` at how many tokens
    it had to; ``declined`` why there is none, where it was withheld. ``asked`` and ``said`` are the
    tokens of the request and of the reply."""

    text: str = ""
    calls: tuple[RawCall, ...] = ()
    cut: bool = False
    asked: int = 0
    said: int = 0
    most: int | None = None
    declined: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Reply:
        """The reply that `as_json` wrote."""
        calls = tuple(RawCall(name, arguments) for name, arguments in data["calls"])
        own = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(**{**own, "calls": calls})

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "calls": [[call.name, call.arguments] for call in self.calls]}


@dataclass(frozen=True)
class Gone:
    """A language model that cannot be connected any more, and ``why``. What it said before may be
    on record; nothing else is to be had of it."""

    address: Address
    why: str

    def ask(self, *_: Any) -> Reply:
        """Raises `Unreachable`."""
        raise Unreachable(self.why)


_LEFT_OUT: Mapping[str, tuple[str, Any, Any]] = {
    "temperature": ("temperature", 0, None), "stream_options": ("stream_usage", True, False),
    "store": ("store", False, None),
}  # fmt: skip
"""What not every server lets itself be told: what the client calls it, what it is told here, and
what leaves it out."""


@dataclass(frozen=True)
class _Manner:
    """How a server lets itself be asked: whether a call may be ``forced``, what is ``left_out``,
    and how many tokens it allows for a reply; 0 is for one that is not to be told of any."""

    forced: bool = True
    left_out: frozenset[str] = frozenset()
    most: int = 1 << 20


@dataclass(frozen=True)
class _Request:
    """What one try asks."""

    messages: Sequence[BaseMessage]
    tools: Sequence[Mapping[str, Any]]
    terms: Terms
    ends: float
    manner: _Manner = field(default_factory=_Manner)
    most: int = 0
    """Tokens of the reply that the server is told of."""


class Reach:
    """One language model. Turns may share it; its failures in a row are counted here."""

    def __init__(self, address: Address, model: BaseChatModel) -> None:
        self.address, self.model = address, model
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._manner = _Manner()

    def ask(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], terms: Terms
    ) -> Reply:
        """The reply to ``messages``: calls of ``tools``, or with none of those words.

        Raises `Unreachable`, `Cancelled` once that is set, and what ``terms.room`` does.
        """
        why = ""
        ends = time.monotonic() + terms.seconds
        for attempt in range(TRIES):
            try:
                with self._breaker.trying(Fault):
                    return self._once(_Request(messages, tools, terms, ends))
            except Resting as rest:
                raise Unreachable(why or str(rest)) from None
            except Fault as fault:
                why = self.address.clean(fault.why)
                pause = fault.pause(attempt)
                over = attempt + 1 == TRIES or self._breaker.resting
                if not fault.again or over or time.monotonic() + pause > ends:
                    raise Unreachable(why) from None
                if terms.cancel.wait(pause):
                    raise _stopped() from None
        raise AssertionError("the last try returns or raises")

    def _once(self, request: _Request) -> Reply:
        """One request. Some servers do not let a model be forced to call, be told a temperature and
        the like, or be asked for as many tokens; those are asked more plainly from then on."""
        while True:
            manner = self._manner
            room = request.terms.room()
            now = replace(request, manner=manner, most=self._most(request, min(room, manner.most)))
            try:
                return self._listened(now)
            except Fault as fault:
                with self._lock:  # others may have learned something else meanwhile
                    plainer = self._plainer(self._manner, now, fault)
                    if plainer is None:
                        raise
                    self._manner = plainer

    def _plainer(self, manner: _Manner, request: _Request, fault: Fault) -> _Manner | None:
        """The ``manner`` without what a request owes its refusal to; None where that is not known,
        or was not in it."""
        if fault.status not in (400, 422):
            return None
        if request.tools and "tool_choice" in fault.why and request.manner.forced:
            return replace(manner, forced=False)
        for name, (ours, told, _) in _LEFT_OUT.items():
            tells = getattr(self.model, ours, None) == told and name not in request.manner.left_out
            if tells and re.search(rf"\b{name}\b", fault.why):
                return replace(manner, left_out=manner.left_out | {name})
        if request.most and _OF_A_CAP.search(fault.why):
            less = 0 if _UNKNOWN.search(fault.why) else request.most // 2
            return replace(manner, most=min(manner.most, less if less >= LEAST else 0))
        return None

    def _most(self, request: _Request, room: int) -> int:
        """The most tokens of a reply that the model is told of; 0 where it is told of none."""
        if not room or (name := self._cap) is None:
            return 0
        told: list[int] = [room]
        if self.address.local:  # what other clients say is their guess of a model's own most
            told.append(getattr(self.model, name))
        if context := getattr(self.model, "num_ctx", None):  # Ollama would go on past it
            told.append(max(LEAST, context - tokens_asked(request.messages, request.tools)))
        return min(told)

    @property
    def _cap(self) -> str | None:
        """What the client calls the most tokens of a reply."""
        return next((name for name in _CAPS if name in type(self.model).model_fields), None)

    def _listened(self, request: _Request) -> Reply:
        from langchain_core.messages import AIMessage, AIMessageChunk
        from langchain_core.messages.ai import add_ai_message_chunks

        terms = request.terms
        found: list[Any] = []
        heard, calls = 0, set[Any]()
        try:
            with contextlib.closing(self._parts(request)) as parts:
                for part in parts:
                    if not isinstance(part, AIMessage):
                        raise Fault(f"it answered as {part.type!r}", again=False)
                    found.append(part)
                    heard += len(part.text)
                    for c in getattr(part, "tool_call_chunks", ()):
                        heard += len(c.get("name") or "") + len(c.get("args") or "")
                        calls.add(len(found) if c.get("index") is None else str(c["index"]))
                    if heard > LONGEST_REPLY or len(calls) > MOST_CALLS:
                        allowed = f"{LONGEST_REPLY} characters or {MOST_CALLS} calls"
                        raise Fault(f"its reply is longer than {allowed}", again=False)
                    if part.text:
                        terms.hear(tame(part.text))
        except (Fault, Cancelled):
            terms.lost(*_used(found))
            raise
        if not found:
            return Reply(cut=True)
        whole = found[0]
        if isinstance(whole, AIMessageChunk):  # at once: each sum reads all the calls again
            whole = add_ai_message_chunks(whole, *found[1:])
        raw = whole.tool_call_chunks if isinstance(whole, AIMessageChunk) else ()
        written = _raw(raw) if raw else _written(whole)
        asked, said = _tokens(request.messages, request.tools, whole, written)
        reason = self._ended_for(whole)
        most = (request.most or said) if reason in _AT_ITS_MOST else None
        declined = reason if reason in _DECLINED and not written else None
        cut = reason in _CUT_SHORT
        return Reply(tame(whole.text), written, cut, asked, said, most, declined)

    def _parts(self, request: _Request) -> Generator[AIMessage, None, None]:
        """The parts of a reply as they come. They are read in a thread of their own, since nothing
        else can be done about a server that says nothing."""
        came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        left = threading.Event()
        ends, cancel = request.ends, request.terms.cancel

        def listen() -> None:
            from langsmith import tracing_context

            try:
                with tracing_context(enabled=False):
                    model: Any = self._set_up(request, left)
                    if request.tools:
                        forced = {"tool_choice": "any"} if request.manner.forced else {}
                        model = model.bind_tools(copy.deepcopy(list(request.tools)), **forced)
                    for part in model.stream(list(request.messages)):
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
                        raise Fault("there was no time left for its reply", again=False) from None
                    if now - spoke > patience:
                        raise Fault(f"it said nothing for {patience:.0f} s") from None
                    continue
                if part is None:
                    return
                if isinstance(part, Exception):
                    raise fault_of(part) from part
                if time.monotonic() > ends:  # it drips
                    raise Fault("there was no time left for its reply", again=False)
                patience, spoke = NEXT_WORD, time.monotonic()
                yield part
                if cancel.is_set():
                    raise _stopped()
        finally:
            left.set()

    def _set_up(self, request: _Request, left: threading.Event) -> BaseChatModel:
        """The model as it is asked this time; one on this machine ends once nobody listens."""
        how: dict[str, Any] = {"cancel": left} if self.address.local else {}
        if request.most and self._cap is not None:
            how[self._cap] = request.most
        for ours, _, without in map(_LEFT_OUT.__getitem__, request.manner.left_out):
            how[ours] = without
        return self.model.model_copy(update=how)

    def _ended_for(self, message: AIMessage) -> str:
        """Why a reply ended, in lower case; "unknown" where it was to be told and was not."""
        told = message.response_metadata
        reason = next((told[name] for name in _NAMES_OF_FINISH if told.get(name)), None)
        if reason is None:
            return "unknown" if self.address.kind in _TELL_FINISH else "stop"
        if reason == "incomplete" and (details := told.get("incomplete_details")):
            reason = details.get("reason") or reason
        return str(reason).lower()


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


def _used(parts: Sequence[AIMessage]) -> tuple[int, int]:
    """The tokens asked and said of a reply that did not end, as far as its server told of them."""
    told = [part.usage_metadata for part in parts if part.usage_metadata is not None]
    asked, said = (sum(t[name] for t in told) for name in ("input_tokens", "output_tokens"))
    return max(0, asked), max(0, said)


def _tokens(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], reply: AIMessage,
    calls: Sequence[RawCall],
) -> tuple[int, int]:  # fmt: skip
    """The tokens of a request and of its reply: as the server counts, else as `tokens_in`. Nobody
    is asked for nothing: a server that says so does not count."""
    used = reply.usage_metadata
    if used is not None and used["input_tokens"] > 0 and used["output_tokens"] >= 0:
        return used["input_tokens"], used["output_tokens"]
    said = reply.text + "".join(call.name + call.arguments for call in calls)
    return tokens_asked(messages, tools), tokens_in(said)


def tokens_asked(messages: Sequence[BaseMessage], tools: Sequence[Any]) -> int:
    """About how many tokens a request has."""
    told = json.dumps(list(tools)) if tools else ""
    parts = [part for m in messages if isinstance(m.content, list) for part in m.content]
    pictures = len([p for p in parts if isinstance(p, dict) and p.get("type") == "image"])
    return sum(tokens_in(m.text) for m in messages) + tokens_in(told) + PICTURE * pictures


def tokens_in(text: str) -> int:
    """About how many tokens a text has: one for three bytes."""
    return len(text.encode("utf-8", "replace")) // 3 + 1


def _stopped() -> Cancelled:
    return Cancelled("Stopped as you asked.", kept="Everything so far is kept.")
