"""A local language model is a LangChain chat model, by LangChain's own tests as far as random
weights can pass them: they write no sense, but what the grammar asks for."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import toy_language_models as toys
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from provider import request
from pydantic import BaseModel, Field

import danqing
from danqing.agent.llm.address import Address
from danqing.agent.llm.local import ChatTransformers, semantic_vector
from danqing.agent.llm.reach import Reach, Unreachable
from danqing.tools.catalogue import Profile
from danqing.tools.engine import Engine
from danqing.tools.errors import BadInput, Cancelled, ToolError

EMPTY = Profile(name="empty", summary="", models={})


@cache
def engine() -> Engine:
    """One engine with a toy model that sees no picture and paints none."""
    folder = Path(tempfile.mkdtemp(prefix="danqing-toy-"))
    return Engine(EMPTY, planner=toys.write(folder / "toy-qwen", "qwen3"), device="cpu")


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """The worker ends with these tests."""
    with closing(engine()):
        yield


@pytest.fixture
def llm() -> ChatTransformers:
    return ChatTransformers(engine=engine(), temperature=1.0, seed=1, max_tokens=30)


class paint(BaseModel):  # noqa: N801, tools are named so
    """Paint a picture."""

    prompt: Annotated[str, Field(max_length=8)]
    count: Annotated[int, Field(ge=1, le=4)]


class clock(BaseModel):  # noqa: N801
    """Tell the time."""


# -- LangChain's own tests


class _Local:
    """What both suites are told. Weights that are random write random text at temperature 1; at 0
    they would write the same word again and again, in strings, too, that have no end."""

    supports_model_override = False

    @property
    def chat_model_class(self) -> type[ChatTransformers]:
        return ChatTransformers

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": engine(), "temperature": 1.0, "seed": 1}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"max_tokens": 1500, "timeout": 300, "stop": [], "max_retries": 2}


class TestUnit(_Local, ChatModelUnitTests):
    """By construction: parameters, binding of tools, structured output."""


class TestIntegration(_Local, ChatModelIntegrationTests):
    """By the worker: replies, streams, batches, histories, calls that must be made."""

    @pytest.mark.xfail(reason="the arguments are right only of a model that knows what is asked")
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @pytest.mark.xfail(reason="the arguments are right only of a model that knows what is asked")
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @pytest.mark.xfail(reason="only a model that understands calls a tool that it need not call")
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    @pytest.mark.xfail(reason="only a model that understands repeats the words that it is given")
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:  # type: ignore[override]
        super().test_unicode_tool_call_integration(model)


# -- calls


@pytest.mark.parametrize("choice", ["any", "required", True, "paint"])
def test_a_call_that_must_be_made_is_made(llm: ChatTransformers, choice: str | bool) -> None:
    tools = [paint, clock] if choice == "paint" else [paint]
    reply = llm.bind_tools(tools, tool_choice=choice).invoke("two cats", max_tokens=300)
    (call,) = reply.tool_calls
    paint(**call["args"])
    (raw,) = reply.additional_kwargs["tool_calls"]
    assert (raw["id"], raw["function"]["name"]) == (call["id"], "paint")
    assert json.loads(raw["function"]["arguments"]) == call["args"]
    assert reply.response_metadata == {"finish_reason": "stop", "model_name": "toy-qwen"}
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] > 10


def test_a_stream_brings_the_same_call_as_text(llm: ChatTransformers) -> None:
    bound = llm.bind_tools([paint], tool_choice="any")
    whole: Any = None
    for chunk in bound.stream("two cats", max_tokens=300):
        whole = chunk if whole is None else whole + chunk
    assert isinstance(whole, AIMessageChunk)
    (raw,) = whole.additional_kwargs["tool_calls"]
    (piece,) = whole.tool_call_chunks
    assert piece["args"] == raw["function"]["arguments"]
    invoked = bound.invoke("two cats", max_tokens=300)
    assert [c["args"] for c in whole.tool_calls] == [c["args"] for c in invoked.tool_calls]
    assert whole.usage_metadata == invoked.usage_metadata
    assert whole.response_metadata == invoked.response_metadata


def test_a_call_that_was_cut_off_is_invalid_and_stays_as_it_was(llm: ChatTransformers) -> None:
    bound = llm.bind_tools([paint], tool_choice="any")
    reply = bound.invoke("two cats", max_tokens=40)
    assert reply.response_metadata["finish_reason"] == "length"
    assert reply.tool_calls == []
    (invalid,) = reply.invalid_tool_calls
    assert invalid["name"] == "paint"
    assert invalid["args"].startswith('<tool_call>\n{"name": "paint"')
    assert "no JSON" in invalid["error"]
    *_, last = bound.stream("two cats", max_tokens=40)
    assert isinstance(last, AIMessageChunk)
    assert last.tool_calls == []
    assert [call["args"] for call in last.invalid_tool_calls] == [invalid["args"]]


def test_a_tool_that_is_not_there_cannot_be_chosen(llm: ChatTransformers) -> None:
    with pytest.raises(BadInput, match="'dance' is to be called, but there are only paint, clock"):
        llm.bind_tools([paint, clock], tool_choice="dance")


# -- text


def test_a_stream_is_the_text_piece_by_piece(llm: ChatTransformers) -> None:
    pieces = [str(chunk.text) for chunk in llm.stream("a cat")]
    assert len([piece for piece in pieces if piece]) > 5
    assert "".join(pieces) == llm.invoke("a cat").text
    assert "".join(pieces) != llm.invoke("a cat", seed=2).text


class novel(BaseModel):  # noqa: N801
    """Write a novel, which has no soon end."""

    text: Annotated[str, Field(min_length=4000)]


def test_who_stops_to_read_a_stream_ends_it(
    llm: ChatTransformers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[type[BaseException]] = []
    call = Engine.call

    def watched(*arguments: Any, **more: Any) -> Any:
        try:
            return call(*arguments, **more)
        except BaseException as error:
            ended.append(type(error))
            raise

    monkeypatch.setattr(Engine, "call", watched)
    for seed in range(8):  # some replies may be over before
        stream = llm.stream("a cat", max_tokens=4000, seed=seed)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        if ended:
            break
    assert ended == [Cancelled]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_cancel_ends_a_reply(streaming: bool) -> None:
    cancel = threading.Event()
    llm = ChatTransformers(engine=engine(), max_tokens=6000, cancel=cancel)
    author = llm.bind_tools([novel], tool_choice="any")
    threading.Timer(1.0, cancel.set).start()
    with pytest.raises(Cancelled):
        _ = [*author.stream("a cat")] if streaming else author.invoke("a cat")


def test_what_the_worker_refuses_is_heard_in_a_stream_too(llm: ChatTransformers) -> None:
    for reply in (llm.invoke, lambda text, **more: [*llm.stream(text, **more)]):
        with pytest.raises(ToolError, match="allowed are 8192 together"):
            reply("word " * 200, max_tokens=8000)


# -- what is said


def test_messages_of_every_kind_are_told(llm: ChatTransformers) -> None:
    said = llm._arguments(
        [
            SystemMessage("Be brief."),
            HumanMessage([{"type": "text", "text": "a "}, {"type": "text", "text": "cat"}]),
            AIMessage(
                "Gladly.",
                tool_calls=[{"name": "paint", "args": {"prompt": "猫"}, "id": "1"}],
                invalid_tool_calls=[{"name": "paint", "args": '{"pro', "id": "2", "error": "cut"}],
            ),
            ToolMessage("img-1", tool_call_id="1"),
            ChatMessage("Now a dog.", role="user"),
        ],
        stop=None,
    )["messages"]
    assert [(m["role"], m["content"]) for m in said] == [
        ("system", "Be brief."), ("user", "a cat"), ("assistant", "Gladly."), ("tool", "img-1"),
        ("user", "Now a dog."),
    ]  # fmt: skip
    assert said[2]["tool_calls"] == [
        {"name": "paint", "arguments": '{"prompt": "猫"}'},
        {"name": "paint", "arguments": '{"pro'},
    ]


def test_what_is_no_text_is_refused(llm: ChatTransformers) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    with pytest.raises(BadInput, match="reads text; a message holds 'image_url'"):
        llm.invoke([HumanMessage([picture])])
    with pytest.raises(BadInput, match="of the kind 'function' cannot be told"):
        llm.invoke([FunctionMessage("1", name="paint")])


def test_an_engine_without_a_planner_is_refused() -> None:
    with pytest.raises(BadInput, match="The engine has no planner"):
        ChatTransformers(engine=Engine(EMPTY))


# -- vectors


def test_a_text_is_a_vector(llm: ChatTransformers) -> None:
    vector = danqing.semantic_vector("a red house", llm)
    assert vector.shape == (32,)
    assert vector.dtype == np.float32
    assert np.array_equal(vector, semantic_vector("a red house", llm))
    assert not np.allclose(vector, semantic_vector("一只猫", llm))
    with pytest.raises(ToolError, match="text = '' is refused"):
        semantic_vector("", llm)


def test_without_a_language_model_of_yours_the_built_in_one_says_what_a_text_means() -> None:
    """In a program of its own, which ends by itself, and with torch in the worker only."""
    code = (
        "import sys, danqing\n"
        "first, again, other = map(danqing.semantic_vector, ('a cat', 'a cat', '一只猫'))\n"
        "assert (first.shape, str(first.dtype)) == ((256,), 'float32')\n"
        "assert (first == again).all() and (first != other).any()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_reply_that_nobody_waits_for_is_not_written_to_its_end(llm: ChatTransformers) -> None:
    """The worker is free again for whoever paints."""
    many = {"type": "array", "items": {"type": "integer"}, "minItems": 3000}
    count = {"type": "object", "properties": {"to": many}, "required": ["to"]}
    tool = {"type": "function", "function": {"name": "count", "parameters": count}}
    reach = Reach(Address("hf", "toy-qwen"), llm.model_copy(update={"max_tokens": 3000}))
    request(reach, room=lambda: 1)  # it is loaded
    with pytest.raises(Unreachable, match="no time left"):  # nothing is heard of a call before
        request(reach, seconds=0.5, tools=(tool,))
    began = time.monotonic()
    request(reach, room=lambda: 1)
    assert time.monotonic() - began < 2


def test_a_reply_is_no_longer_than_its_asker_has_room_for(llm: ChatTransformers) -> None:
    reach = Reach(Address("hf", "toy-qwen"), llm)
    for room, most in ((12, 12), (5000, 30)):  # nor than the model's own most
        reply = request(reach, room=lambda room=room: room)
        assert reply.cut and (reply.said, reply.most) == (most, most)
