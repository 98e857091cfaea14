"""Faults of a provider: waited out, told apart, and never waited for beyond the time there is."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial
from typing import Any

import pytest
from dialects import Broken
from langchain_core.messages import HumanMessage
from provider import OpenAI, Provider, Say, provider, request

from danqing.agent.llm import breaker, faults
from danqing.agent.llm import reach as module
from danqing.agent.llm.address import Address, connect
from danqing.agent.llm.breaker import FAILURES, REST
from danqing.agent.llm.reach import RawCall, Reach, Reply, Unreachable
from danqing.tools.errors import Cancelled

TOOL = {
    "type": "function",
    "function": {"name": "paint", "description": "Paint.", "parameters": {
        "type": "object", "properties": {"what": {"type": "string"}}}},
}  # fmt: skip
ARGUMENTS = json.dumps({"what": "a 房子 with “quotes”"}, ensure_ascii=False)
GOOD = Say(text="Well.", calls=[("paint", ARGUMENTS)])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_PAUSE", 0.02)


def reach_of(server: Provider) -> Reach:
    address = Address.parse(f"{server.url}#tiny")
    return Reach(address, connect(address))


ask = partial(request, tools=(TOOL,))


def test_a_reply_comes_whole_and_its_words_as_they_are_said() -> None:
    heard: list[str] = []
    with provider(GOOD) as server:
        reply = ask(reach_of(server), heard=heard)
    assert reply == Reply("Well.", (RawCall("paint", ARGUMENTS),), False, 100, 20)
    assert "".join(heard) == "Well."
    assert server.requests[0]["tool_choice"] == "required"
    assert Reply.read(json.loads(json.dumps(reply.as_json()))) == reply


def test_arguments_come_as_they_were_written() -> None:
    written = '{"what": 1, "what": NaN'
    with provider(Say(calls=[("paint", written), ("paint", "")])) as server:
        reply = ask(reach_of(server))
    assert reply.calls == (RawCall("paint", written), RawCall("paint", ""))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_what_passes_is_waited_out(status: int) -> None:
    with provider(Say(status=status), Say(status=status), GOOD) as server:
        assert ask(reach_of(server)).text == "Well."
    assert len(server.requests) == 3


def test_a_reset_is_tried_again() -> None:
    with provider(Say(reset=True), GOOD) as server:
        assert ask(reach_of(server)).text == "Well."


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_does_not_pass_is_told_at_once(status: int) -> None:
    with (
        provider(Say(status=status, message="not so")) as server,
        pytest.raises(Unreachable, match=f"{status}.*not so"),
    ):
        ask(reach_of(server))
    assert len(server.requests) == 1


def test_an_account_without_money_is_not_asked_again() -> None:
    broke = Say(status=429, message="insufficient_quota: pay first")
    with provider(broke) as server, pytest.raises(Unreachable, match="pay first"):
        ask(reach_of(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "after", ["Mon, 01 Jan 2026 00:00:00 +99999999999999999", "inf", "nan", "soon", "-5"]
)
def test_a_server_may_say_what_it_likes_of_when_to_ask_again(after: str) -> None:
    with provider(Say(status=429, headers={"Retry-After": after}), GOOD) as server:
        reach = reach_of(server)
        try:
            assert ask(reach, seconds=5).text == "Well."
        except Unreachable as error:
            assert "429" in str(error)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_is_asked_again_when_it_says(form: str) -> None:
    after = "1" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)
    with provider(Say(status=429, headers={"Retry-After": after}), GOOD) as server:
        ask(reach_of(server))
    first, second = server.times
    assert 0.9 <= second - first < 4


def test_a_pause_that_does_not_fit_is_not_made() -> None:
    slow = Say(status=429, headers={"Retry-After": "60"})
    began = time.monotonic()
    with provider(slow, GOOD) as server, pytest.raises(Unreachable, match="429"):
        ask(reach_of(server), seconds=5)
    assert time.monotonic() - began < 2
    assert len(server.requests) == 1


def test_silence_ends_with_the_time_there_is() -> None:
    began = time.monotonic()
    with provider(Say(text="late", pauses=(30.0, 0.0))) as server:
        with pytest.raises(Unreachable, match="no time left"):
            ask(reach_of(server), seconds=0.5)
        assert time.monotonic() - began < 2


def test_a_slow_drip_ends_with_the_time_there_is() -> None:
    drip = Say(text="x" * 200, piece=1, pauses=(0.0, 0.05))
    began = time.monotonic()
    with provider(drip) as server, pytest.raises(Unreachable, match="no time left"):
        ask(reach_of(server), seconds=0.6)
    assert time.monotonic() - began < 2


def test_silence_before_the_first_word_and_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_WORD", 0.3)
    with provider(Say(text="late", pauses=(3.0, 0.0)), GOOD) as server:
        assert ask(reach_of(server)).text == "Well."
    monkeypatch.setattr(module, "FIRST_WORD", 5.0)
    monkeypatch.setattr(module, "NEXT_WORD", 0.3)
    with provider(Say(text="one two three", pauses=(0.0, 2.0)), GOOD) as server:
        assert ask(reach_of(server)).text == "Well."


def test_the_user_is_heard_while_a_model_says_nothing() -> None:
    cancel = threading.Event()
    with provider(Say(text="late", pauses=(30.0, 0.0))) as server:
        reach = reach_of(server)
        threading.Timer(0.2, cancel.set).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            ask(reach, cancel=cancel)
        assert time.monotonic() - began < 1.5


def test_the_user_is_heard_in_a_pause() -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    began = time.monotonic()
    slow = Say(status=429, headers={"Retry-After": "10"})
    with provider(slow) as server, pytest.raises(Cancelled):
        ask(reach_of(server), cancel=cancel)
    assert time.monotonic() - began < 3


def test_one_that_fails_on_and_on_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with provider(*[Say(status=401)] * FAILURES, GOOD) as server:
        reach = reach_of(server)
        for _ in range(FAILURES):
            with pytest.raises(Unreachable, match="401"):
                ask(reach)
        with pytest.raises(Unreachable, match="left alone"):
            ask(reach)
        assert len(server.requests) == FAILURES
        monkeypatch.setattr(module.time, "monotonic", _later(REST + 1))
        assert ask(reach, seconds=20).text == "Well."


def _later(by: float) -> Any:
    real = time.monotonic
    return lambda: real() + by


def test_a_server_that_cannot_force_a_call_is_asked_plainly_from_then_on() -> None:
    def answer(request: dict[str, Any]) -> Say:
        if request.get("tool_choice") == "required":
            return Say(status=400, message="tool_choice 'required' is not supported")
        return GOOD

    with provider(answer) as server:
        reach = reach_of(server)
        assert ask(reach).calls
        assert ask(reach).calls
    assert [r.get("tool_choice") for r in server.requests] == ["required", None, None]


def test_a_server_that_takes_no_temperature_is_not_told_one_from_then_on() -> None:
    def answer(request: dict[str, Any]) -> Say:
        if "temperature" in request:
            return Say(status=400, message="Unsupported value: 'temperature' does not support 0")
        return GOOD

    with provider(answer) as server:
        reach = reach_of(server)
        assert ask(reach).calls
        assert ask(reach).calls
    assert [r.get("temperature") for r in server.requests] == [0.0, None, None]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("name", ["stream_options", "max_completion_tokens"])
def test_a_server_that_knows_not_what_it_is_told_is_not_told_from_then_on(
    status: int, name: str
) -> None:
    """To count for us, or how much may be said at most."""

    def answer(request: dict[str, Any]) -> Say:
        if name in request:
            return Say(status=status, message=f"{name}: Extra inputs are not permitted")
        return GOOD

    with provider(answer) as server:
        reach = reach_of(server)
        assert ask(reach).calls
        assert ask(reach).calls
    assert [name in r for r in server.requests] == [True, False, False]


def test_a_server_that_stores_nothing_is_not_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: dict[str, Any]) -> Say:
        if "store" in request:
            return Say(status=400, message="Unrecognized request argument supplied: store")
        return GOOD

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with provider(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        address = Address.parse("openai:tiny")
        assert ask(Reach(address, connect(address))).calls
    assert [r.get("store") for r in server.requests] == [False, None]


class Odd(OpenAI):
    """Says the events that it is given."""

    def __init__(self, *chunks: dict[str, Any]) -> None:
        self.chunks = chunks

    def stream(self, say: Say) -> Iterator[bytes]:
        for chunk in self.chunks:
            whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
            yield f"data: {json.dumps({**whole, **chunk})}\n\n".encode()
        yield b"data: [DONE]\n\n"


def delta(finish: object = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("chunks", "why"),
    [
        ([delta(role="user", content="hi"), delta("stop")], "it answered as 'Human"),
        ([delta(1.5, content="hi"), delta("stop")], "already exists in this message"),
        ([delta(tool_calls=[{"index": 0, "id": "a", "function": None}])], "NoneType"),
    ],
)
def test_what_is_no_reply_is_told(chunks: list[dict[str, Any]], why: str) -> None:
    with provider(Say(), dialect=Odd(*chunks)) as server, pytest.raises(Unreachable, match=why):
        ask(reach_of(server))


@pytest.mark.parametrize("count", [None, -500, 0])
def test_nobody_is_asked_for_less_than_nothing(count: int | None) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}
    chunks = delta(content="hello " * 30), delta("stop"), {"choices": [], "usage": usage}
    with provider(Say(), dialect=Odd(*chunks)) as server:
        reply = ask(reach_of(server))
    assert reply.asked > 50 and 40 < reply.said < 100


def test_a_picture_counts_before_it_is_sent() -> None:
    picture = {"type": "image", "base64": "x" * 90_000, "mime_type": "image/png"}
    told = [{"type": "text", "text": "look"}, picture, picture]
    words = module.tokens_asked([HumanMessage("look")], ())
    assert module.tokens_asked([HumanMessage(told)], ()) == words + 2 * module.PICTURE


def test_a_server_that_takes_nothing_is_not_asked_for_ever() -> None:
    no = Say(status=400, message="neither 'temperature' nor 'tool_choice', and no tools")
    with provider(no) as server, pytest.raises(Unreachable, match="no tools"):
        ask(reach_of(server))
    assert len(server.requests) == 3


def test_a_server_is_told_how_much_may_be_said() -> None:
    with provider(GOOD) as server:
        assert ask(reach_of(server), room=lambda: 700).calls
    assert server.requests[0]["max_completion_tokens"] == 700


@pytest.mark.parametrize(
    "said",
    [
        "max_tokens is too large: 5000. This model supports at most 1500 completion tokens",
        "maximum context length is 4096 tokens. However, you requested 5000 output tokens",
        "you requested 6000 tokens (1000 in the messages, 5000 in the completion)",
        "max_tokens: 5000 > 1500, which is the maximum allowed number of output tokens",
    ],
)
def test_a_server_that_has_less_is_asked_for_less_from_then_on(said: str) -> None:
    def answer(request: dict[str, Any]) -> Say:
        if request["max_completion_tokens"] > 1500:
            return Say(status=400, message=said)
        return GOOD

    with provider(answer) as server:
        reach = reach_of(server)
        assert ask(reach).calls and ask(reach, room=lambda: 900).calls
    assert [r["max_completion_tokens"] for r in server.requests] == [5000, 2500, 1250, 900]


def test_what_servers_do_not_take_is_learned_by_many_at_once() -> None:
    """Each of them may be refused the same at the same time; none gives up for it."""
    meet = threading.Barrier(8)

    def answer(request: dict[str, Any]) -> Say:
        if request.get("tool_choice") == "required":
            meet.wait(10)
            return Say(status=400, message="tool_choice 'required' is not supported")
        if "temperature" in request:
            return Say(status=400, message="temperature is not supported")
        return GOOD

    found: list[Reply] = []
    with provider(answer) as server:
        reach = reach_of(server)
        threads = [threading.Thread(target=lambda: found.append(ask(reach))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(found) == 8 and all(reply.calls for reply in found)


def test_many_at_once_are_told_when_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down, it is asked no more than by those on their way; up again, first by one."""
    down, meet = True, threading.Barrier(8)

    def answer(_: dict[str, Any]) -> Say:
        if down:
            meet.wait(10)
            return Say(status=401, message="down")
        time.sleep(0.3)
        return GOOD

    said: list[str] = []

    def one() -> None:
        try:
            said.append(ask(reach).text)
        except Unreachable as error:
            said.append(str(error))

    def crowd() -> None:
        threads = [threading.Thread(target=one) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    with provider(answer) as server:
        reach = reach_of(server)
        crowd()
        assert len(server.requests) == 8 and {text[:15] for text in said} == {"it answered 401"}
        down = False
        said.clear()
        crowd()
        assert len(server.requests) == 8 and all("left alone" in text for text in said)
        monkeypatch.setattr(breaker.time, "monotonic", _later(REST + 1))
        said.clear()
        crowd()
        assert len(server.requests) == 9 and said.count("Well.") == 1
        said.clear()
        crowd()
        assert said == ["Well."] * 8


def test_what_a_try_took_that_failed_is_told_where_it_is_known() -> None:
    lost: list[tuple[int, int]] = []

    def lose(asked: int, said: int) -> None:
        lost.append((asked, said))

    say = [Say(text="broken"), Say(status=500), GOOD]
    with provider(*say, dialect=Broken()) as server:
        reply = ask(reach_of(server), lost=lose)
    assert lost == [(100, 20), (0, 0)] and (reply.asked, reply.said) == (100, 20)


def test_what_was_lost_leaves_less_room_for_the_next_try() -> None:
    left = [1000]

    def lose(asked: int, said: int) -> None:
        left[0] -= asked + said

    with provider(Say(text="broken"), GOOD, dialect=Broken()) as server:
        ask(reach_of(server), lost=lose, room=lambda: left[0])
    assert [r["max_completion_tokens"] for r in server.requests] == [1000, 880]


def test_who_has_no_room_left_does_not_ask_again() -> None:
    class Enough(Exception):
        pass

    rooms = iter([1000])

    def room() -> int:
        try:
            return next(rooms)
        except StopIteration:
            raise Enough from None

    with provider(Say(status=500)) as server, pytest.raises(Enough):
        ask(reach_of(server), room=room)
    assert len(server.requests) == 1


def test_an_error_in_the_middle_is_tried_again() -> None:
    class Fails(OpenAI):
        def stream(self, say: Say) -> Iterator[bytes]:
            if say.text != "broken":
                yield from say.events()
                return
            yield next(iter(say.events()))
            yield b'data: {"error": {"message": "upstream is gone"}}\n\n'

    with provider(Say(text="broken"), GOOD, dialect=Fails()) as server:
        assert ask(reach_of(server)).text == "Well."


def test_a_key_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_LLM_KEY", "sk-very-secret")
    refused = Say(status=401, message="Incorrect API key provided: sk-very-secret")
    with provider(refused) as server, pytest.raises(Unreachable) as error:
        ask(reach_of(server))
    assert server.keys == ["Bearer sk-very-secret"]
    assert "sk-very-secret" not in str(error.value)
    assert "Incorrect API key" in str(error.value)
    assert "sk-very-secret" not in "".join(traceback.format_exception(error.value))


def test_an_endless_reply_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_REPLY", 1000)
    with provider(Say(text="x" * 5000)) as server, pytest.raises(Unreachable, match="1000"):
        ask(reach_of(server))


def test_a_flood_is_ended_whatever_it_is_of() -> None:
    for flood in (
        Say(calls=[("p" * 1_000_000, "{}")], piece=100_000),
        Say(calls=[("paint", "")] * 1000),
        Say(text="x" * 300_000, piece=10_000),
    ):
        with provider(flood) as server, pytest.raises(Unreachable, match="longer than"):
            ask(reach_of(server))


def test_long_arguments_in_small_pieces_take_no_long_time() -> None:
    whole = json.dumps({"what": "x" * 40_000})
    with provider(Say(calls=[("paint", whole)])) as server:
        reach = reach_of(server)
        assert ask(reach, seconds=15).calls == (RawCall("paint", whole),)


def test_what_a_terminal_would_obey_does_not_come_through() -> None:
    heard: list[str] = []
    evil = Say(text="Hi\x1b]52;c;eA==\x07 \u202eyou\r\n", calls=[("pa\x1b[2Jint", "{}")])
    with provider(evil) as server:
        reply = ask(reach_of(server), heard=heard)
    for text in (reply.text, "".join(heard), reply.calls[0].name):
        assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)


def test_a_stream_that_is_cut_at_any_byte_is_no_whole_reply() -> None:
    """Wherever it is cut, what comes of it says so, or is tried again, or is all there was."""
    say = Say(calls=GOOD.calls, piece=100)
    stream = b"".join(say.events())
    finished = stream.index(b'"finish_reason": "tool_calls"')
    cuts = [Say(calls=say.calls, piece=100, cut=n) for n in range(len(stream) + 1)]
    queue: list[Say] = []
    with provider(lambda _: queue.pop()) as server:
        reach = reach_of(server)
        for number, cut in enumerate(cuts):
            queue[:] = [say, cut]
            reply = ask(reach)
            if not reply.cut:
                assert reply.calls == (RawCall("paint", ARGUMENTS),), number
                assert number > finished or not queue, number
    assert len(server.requests) > len(cuts)


@pytest.mark.parametrize("finish", [None, "length"])
def test_a_reply_that_is_not_finished_is_cut(finish: str | None) -> None:
    with provider(Say(calls=GOOD.calls, finish=finish)) as server:
        reply = ask(reach_of(server), room=lambda: 900)
    assert reply.cut and reply.most == (900 if finish == "length" else None)


def test_tracing_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inherited variable must not send what is said somewhere else."""
    from langsmith import utils

    seen: list[Any] = []
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    utils.get_env_var.cache_clear()
    with provider(GOOD) as server:
        reach = reach_of(server)
        stream = type(reach.model).stream

        def spied(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(utils.tracing_is_enabled())
            return stream(self, *args, **kwargs)

        monkeypatch.setattr(type(reach.model), "stream", spied)
        ask(reach, tools=())
    utils.get_env_var.cache_clear()
    assert seen == [False]
