"""The other providers by their own clients: what is asked reaches them whole, and what they answer,
well or badly, is taken for what it is."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from dialects import Anthropic, Gemini, Ollama, Responses
from provider import Dialect, Provider, Say, provider, request

from danqing.agent.llm import faults
from danqing.agent.llm import reach as module
from danqing.agent.llm.address import PROVIDERS, Address, connect
from danqing.agent.llm.forms import Understanding
from danqing.agent.llm.offers import SKILLS, Offers, form
from danqing.agent.llm.reach import RawCall, Reach, Reply, Unreachable
from danqing.tools import TOOLS
from danqing.tools.errors import Cancelled
from danqing.tools.registry import by_name

KEY = "sk-very-secret-key"
TOOL = form("understand", "Say what the request asks for.", Understanding)
ARGUMENTS = {"intent": "make", "claims": [{"kind": "object", "subject": "房子 “x”"}]}
GOOD = Say(text="Well.", calls=[("understand", json.dumps(ARGUMENTS))])


@dataclass(frozen=True)
class Kind:
    """A provider: how it speaks, and the model and the variables that lead its client to it."""

    name: str
    model: str
    dialect: Callable[..., Dialect]
    server: str
    key: str | None

    @property
    def address(self) -> str:
        return f"{self.name}:{self.model}"


KINDS = (
    Kind("anthropic", "claude-tiny", Anthropic, "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    Kind("google_genai", "gemini-tiny", Gemini, "GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"),
    Kind("ollama", "qwen3", Ollama, "OLLAMA_HOST", None),
    Kind("openai", "gpt-5-pro-tiny", Responses, "OPENAI_BASE_URL", "OPENAI_API_KEY"),
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    return _ready(request.param, monkeypatch)


def _ready(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Kind:
    package = PROVIDERS[kind.name].package
    pytest.importorskip(package, reason=f"{package.replace('_', '-')} is not installed")
    for name in [
        n for n in os.environ if n.startswith(("ANTHROPIC_", "GOOGLE_", "GEMINI_", "OPENAI_"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(faults, "FIRST_PAUSE", 0.02)
    if kind.key is not None:
        monkeypatch.setenv(kind.key, KEY)
    return kind


def reach_of(kind: Kind, server: Provider) -> Reach:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kind.server, server.url)
        address = Address.parse(kind.address)
        assert address.sends_to == server.url
        return Reach(address, connect(address))


ask = partial(request, tools=(TOOL,))


def asked(kind: Kind, *said: Say, **how: Any) -> tuple[Reply, Provider]:
    with provider(*said, dialect=kind.dialect()) as server:
        return ask(reach_of(kind, server), **how), server


def test_a_reply_comes_whole_with_what_it_took(kind: Kind) -> None:
    heard: list[str] = []
    reply, server = asked(kind, GOOD, heard=heard)
    assert reply.text == "".join(heard) == "Well."
    ((name, arguments),) = [(call.name, call.arguments) for call in reply.calls]
    assert name == "understand" and json.loads(arguments) == ARGUMENTS
    assert not reply.cut and (reply.asked, reply.said) == (100, 20)
    if kind.key is not None:
        assert KEY in str(server.keys[0])
    told = json.dumps(server.requests[0])
    assert "You plan." in told and "a house" in told


def test_two_calls_stay_two(kind: Kind) -> None:
    reply, _ = asked(kind, Say(calls=[("draw", "{}"), ("adjust", '{"image": "#1"}')]))
    assert reply.calls == (RawCall("draw", "{}"), RawCall("adjust", '{"image": "#1"}')) or (
        [c.name for c in reply.calls] == ["draw", "adjust"] and reply.calls[0].arguments == ""
    )


def test_words_alone_are_words(kind: Kind) -> None:
    reply, server = asked(kind, Say(text="Good evening to you."), tools=())
    assert reply.text == "Good evening to you." and not reply.calls and not reply.cut
    assert not server.requests[0].get("tools")


def test_calls_are_forced_where_they_can_be(kind: Kind) -> None:
    _, server = asked(kind, GOOD)
    request = server.requests[0]
    if kind.name == "anthropic":
        assert request["tool_choice"]["type"] == "any"
    elif kind.name == "openai":
        assert request["tool_choice"] == "required"
    elif kind.name == "google_genai":
        assert request["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"
    else:  # it has no word for that
        assert "tool_choice" not in request


@pytest.mark.parametrize(("finish", "cut"), [("stop", False), ("length", True), (None, True)])
def test_a_reply_that_is_not_finished_is_cut(kind: Kind, finish: str | None, cut: bool) -> None:
    reply, _ = asked(kind, Say(calls=GOOD.calls, finish=finish), room=lambda: 900)
    assert reply.cut == cut and reply.most == (900 if finish == "length" else None)


def test_a_reply_that_is_withheld_says_so(kind: Kind) -> None:
    finish = {"anthropic": "refusal", "google_genai": "SAFETY", "ollama": "content_filter",
              "openai": "content_filter"}[kind.name]  # fmt: skip
    reply, _ = asked(kind, Say(finish=finish))
    assert reply.declined == finish.lower() and not reply.cut and reply.asked == 100


def test_they_are_told_how_much_may_be_said(kind: Kind) -> None:
    _, server = asked(kind, GOOD, room=lambda: 5000)
    request = server.requests[0]
    most = {
        "anthropic": lambda: request["max_tokens"],
        "google_genai": lambda: request["generationConfig"]["maxOutputTokens"],
        "ollama": lambda: request["options"]["num_predict"],
        "openai": lambda: request["max_output_tokens"],
    }[kind.name]
    assert most() == 5000  # and no less by what a client thinks of a model


def test_ollama_does_not_go_on_past_what_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = [form("x" * 30_000, "Say.", Understanding)]
    _, server = asked(_ready(KINDS[2], monkeypatch), GOOD, tools=tools, room=lambda: 10_000)
    options = server.requests[0]["options"]
    assert 1000 < options["num_predict"] < options["num_ctx"] - 10_000


class FailsAtLast(Anthropic):
    """Fails once it has told what it took."""

    def stream(self, say: Say) -> Iterator[bytes]:
        yield from list(super().stream(say))[:-1]
        error = {"type": "error", "error": {"type": "api_error", "message": "gone"}}
        yield f"event: error\ndata: {json.dumps(error)}\n\n".encode()


@pytest.mark.parametrize(
    ("number", "dialect", "known"),
    [
        (0, FailsAtLast(), (100, 20)),
        (0, Anthropic("overloaded_error"), (0, 0)),  # its client keeps what the beginning tells
        (2, Ollama("gone"), (0, 0)),
    ],
)
def test_what_they_took_before_they_failed_is_known_by_what_they_told(
    number: int, dialect: Dialect, known: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = _ready(KINDS[number], monkeypatch)
    lost: list[tuple[int, int]] = []
    with provider(Say(text="We"), dialect=dialect) as server, pytest.raises(Unreachable):
        ask(reach_of(kind, server), lost=lambda asked, said: lost.append((asked, said)))
    assert lost == [known] * module.TRIES


def test_what_gemini_took_before_it_was_stopped_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = _ready(KINDS[1], monkeypatch)
    lost: list[tuple[int, int]] = []
    cancel = threading.Event()

    class Stops(list[str]):
        def append(self, text: str) -> None:
            super().append(text)
            if len(self) == 3:
                cancel.set()

    slow = Say(text="x" * 70, pauses=(0.0, 0.1))
    with provider(slow, dialect=kind.dialect()) as server, pytest.raises(Cancelled):
        ask(
            reach_of(kind, server), cancel=cancel, heard=Stops(),
            lost=lambda asked, said: lost.append((asked, said)),
        )  # fmt: skip
    assert lost == [(100, 3)]


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_what_passes_is_waited_out_by_us_alone(kind: Kind, status: int) -> None:
    reply, server = asked(kind, Say(status=status), Say(status=status), GOOD)
    assert reply.text == "Well." and len(server.requests) == 3
    with provider(Say(status=status), dialect=kind.dialect()) as server:
        with pytest.raises(Unreachable, match=f"it answered {status}"):
            ask(reach_of(kind, server))
        assert len(server.requests) == module.TRIES  # its client tried nothing by itself


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_does_not_pass_is_told_at_once_and_without_the_key(kind: Kind, status: int) -> None:
    refused = Say(status=status, message=f"no: {KEY}")
    with provider(refused, dialect=kind.dialect()) as server:
        with pytest.raises(Unreachable, match=f"it answered {status}: .*no: ") as error:
            ask(reach_of(kind, server))
        assert len(server.requests) == 1
    if kind.key is not None:
        assert KEY not in str(error.value)


def test_a_server_is_asked_again_when_it_says(kind: Kind) -> None:
    slow = Say(status=429, headers={"Retry-After": "1"})
    _, server = asked(kind, slow, GOOD)
    first, second = server.times
    assert 0.9 <= second - first < 4
    longer = Say(status=429, headers={"Retry-After": "60"})
    with provider(longer, GOOD, dialect=kind.dialect()) as server:
        reach = reach_of(kind, server)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="429"):
            ask(reach, seconds=5)
        assert time.monotonic() - began < 3 and len(server.requests) == 1


def test_gemini_says_in_the_body_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = _ready(KINDS[1], monkeypatch)
    with provider(Say(status=429), GOOD, dialect=Gemini(retry="1s")) as server:
        ask(reach_of(kind, server))
    first, second = server.times
    assert 0.9 <= second - first < 4


@pytest.mark.parametrize("failing", ["overloaded_error", "api_error"])
def test_anthropic_fails_in_the_middle(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = _ready(KINDS[0], monkeypatch)
    with provider(Say(message="too much"), dialect=Anthropic(failing)) as server:
        with pytest.raises(Unreachable, match="too much") as error:
            ask(reach_of(kind, server))
        assert len(server.requests) == module.TRIES
    assert "200" not in str(error.value)


def test_ollama_fails_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = _ready(KINDS[2], monkeypatch)
    with provider(Say(text="We"), dialect=Ollama("the runner has terminated")) as server:
        with pytest.raises(Unreachable, match=r"^the runner has terminated"):
            ask(reach_of(kind, server))
        assert len(server.requests) == module.TRIES


def test_a_reset_is_tried_again(kind: Kind) -> None:
    reply, server = asked(kind, Say(reset=True), GOOD)
    assert reply.text == "Well." and len(server.requests) == 2


def test_a_stream_that_is_cut_is_no_whole_reply(kind: Kind) -> None:
    """Wherever it is cut, what comes of it says so, or is tried again, or is all there was."""
    say = Say(calls=GOOD.calls, piece=40)
    whole = b"".join(kind.dialect().stream(say))
    queue: list[Say] = []
    with provider(lambda _: queue.pop(), dialect=kind.dialect()) as server:
        reach = reach_of(kind, server)
        for at in {*range(0, len(whole), 37), *range(len(whole) - 40, len(whole))}:
            queue[:] = [say, Say(calls=say.calls, piece=40, cut=at)]
            reply = ask(reach)
            if not reply.cut:
                assert [json.loads(c.arguments) for c in reply.calls] == [ARGUMENTS], at


def test_the_user_is_heard_while_a_model_says_nothing(kind: Kind) -> None:
    cancel = threading.Event()
    late = Say(text="late", pauses=(30.0, 0.0))
    with provider(late, dialect=kind.dialect()) as server:
        reach = reach_of(kind, server)
        threading.Timer(0.3, cancel.set).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            ask(reach, cancel=cancel)
        assert time.monotonic() - began < 3


def test_no_model_is_told_how_warm_to_be_that_may_refuse_it(kind: Kind) -> None:
    """Newer models of the large providers take no temperature but their own."""
    _, server = asked(kind, GOOD)
    request = server.requests[0]
    given = [r.get("temperature") for r in (request, request.get("generationConfig", {}))]
    assert given == [None, None]


def test_ollama_is_given_room_for_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own default is shorter than the tools, and it cuts off the beginning silently."""
    _, server = asked(_ready(KINDS[2], monkeypatch), GOOD)
    longest = json.dumps(everything())
    assert server.requests[0]["options"]["num_ctx"] > len(longest) / 3


def test_nothing_is_routed_elsewhere_by_what_the_environment_inherits(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", "lsv2_other")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "theirs")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    address = Address.parse(kind.address)
    told = repr(vars(connect(address)))
    assert "gateway.smith" not in told and "lsv2_other" not in told
    reply, _ = asked(kind, GOOD)
    assert reply.text == "Well."


# -- what they are told of the tools


def everything() -> list[dict[str, Any]]:
    filled = {"seeds": [1], "seed": 1, "anyway": True}
    return [*Offers([*SKILLS], by_name(TOOLS), ("img-1",), filled).schemas(), TOOL]


def told(kind: Kind, request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of each tool, as the provider was told of them."""
    if kind.name == "anthropic":
        return {tool["name"]: tool["input_schema"] for tool in request["tools"]}
    if kind.name == "google_genai":
        (tools,) = request["tools"]
        return {t["name"]: t.get("parameters") or {} for t in tools["functionDeclarations"]}
    if kind.name == "openai":
        return {tool["name"]: tool["parameters"] for tool in request["tools"]}
    return {t["function"]["name"]: t["function"]["parameters"] for t in request["tools"]}


def compared(mine: Any, theirs: Any, at: str, my_root: Any, their_root: Any) -> list[str]:
    """What of a schema of mine got lost on the way: names, kinds, choices, what is needed."""
    if "$ref" in mine:
        mine = my_root["$defs"][mine["$ref"].rpartition("/")[2]]
    if "$ref" in theirs:
        theirs = their_root["$defs"][theirs["$ref"].rpartition("/")[2]]
    lost = []
    if "type" in mine and str(theirs.get("type")).lower() != mine["type"]:
        lost.append(f"{at}: type {mine['type']} became {theirs.get('type')}")
    options = theirs.get("anyOf") or theirs.get("any_of") or []  # Google's server takes both
    if "anyOf" in mine and [str(o.get("type")).lower() for o in options] != [
        o["type"] for o in mine["anyOf"]
    ]:
        lost.append(f"{at}: anyOf became {theirs}")
    if "enum" in mine and [str(e) for e in theirs.get("enum", [])] != [
        str(e) for e in mine["enum"]
    ]:
        lost.append(f"{at}: enum became {theirs.get('enum')}")
    if mine.get("description") and "$ref" not in mine and not theirs.get("description"):
        lost.append(f"{at}: description")
    if sorted(mine.get("required", [])) != sorted(theirs.get("required") or []):
        lost.append(f"{at}: required became {theirs.get('required')}")
    for name, part in mine.get("properties", {}).items():
        if name not in (theirs.get("properties") or {}):
            lost.append(f"{at}.{name} is gone")
            continue
        other = theirs["properties"][name]
        lost += compared(part, other, f"{at}.{name}", my_root, their_root)
    if "items" in mine:
        lost += compared(mine["items"], theirs.get("items") or {}, f"{at}[]", my_root, their_root)
    return lost


def test_all_tools_reach_them_whole(kind: Kind) -> None:
    mine = everything()
    before = json.dumps(mine)
    _, server = asked(kind, GOOD, tools=mine)
    assert json.dumps(mine) == before  # a client must not change what the next one is told
    theirs = told(kind, server.requests[0])
    lost = []
    for tool in mine:
        function = tool["function"]
        other = theirs[function["name"]]
        lost += compared(
            function["parameters"], other, function["name"], function["parameters"], other
        )
    if kind.name == "google_genai":  # an empty object is left out there
        lost = [line for line in lost if not line.endswith("type object became None")]
    assert not lost, "\n".join(lost)
