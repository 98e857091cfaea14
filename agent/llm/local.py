"""A language model on this machine as a LangChain chat model, and texts as vectors.

    engine = Engine(planner=Path("GLM-4-9B-0414"))
    llm = ChatTransformers(engine=engine)
    llm.bind_tools([draw], tool_choice="any").invoke("a red house in winter")

The model runs in the engine's worker beside those that paint; this process stays free of it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, model_validator

from ...tools import catalogue
from ...tools.engine import Engine, Progress
from ...tools.errors import BadInput
from ...tools.language_model import MAX_TOKENS

if TYPE_CHECKING:
    import numpy as np

_ROLES: dict[type[BaseMessage], str] = {
    SystemMessage: "system", HumanMessage: "user", AIMessage: "assistant", ToolMessage: "tool",
}  # fmt: skip
_UNREADABLE = ("image", "image_url", "audio", "input_audio", "video", "file")
"""Kinds of content that are not text."""
POLL = 0.05
"""Seconds between two looks at the cancel flag."""


class ChatTransformers(BaseChatModel):
    """The planner of ``engine``, which runs by its own chat template with transformers.

    With ``tool_choice`` "any" or a tool's name, the reply is exactly one call that fits the tool's
    schema. Otherwise a call may be malformed: then it is in ``invalid_tool_calls``. What the model
    wrote as arguments is in ``additional_kwargs["tool_calls"]``, unparsed, as OpenAI writes it.

    ``temperature`` is from 0 to 2, at 0 the likeliest token is taken; ``seed`` decides the others.
    ``thinking`` lets a model that can reason first. ``timeout`` is in seconds; ``cancel`` ends a
    reply between two tokens, and so does whoever stops to read a stream.

    Raises `BadInput` where the engine has no planner and for messages that are not text, and
    everything that `Engine.call` does.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    engine: Engine = Field(exclude=True, repr=False)
    temperature: float = 0.0
    max_tokens: int = MAX_TOKENS
    seed: int = 0
    stop: list[str] | None = None
    thinking: bool = False
    timeout: float | None = None
    cancel: threading.Event | None = Field(default=None, exclude=True, repr=False)

    @model_validator(mode="after")
    def _has_planner(self) -> ChatTransformers:
        if "planner" not in self.engine.profile.models:
            raise BadInput(
                "The engine has no planner.", hint="Give it the folder of a language model."
            )
        return self

    @property
    def model_name(self) -> str:
        """The name of the model's folder."""
        return catalogue.entry(self.engine.profile, "planner").folder.name

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, **self.model_dump(exclude_none=True)}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with ``tools`` that it may call; or must, with ``tool_choice`` "any" (or
        "required", or True) or the name of one. Raises `BadInput` for an unknown name."""
        functions = [convert_to_openai_tool(tool) for tool in tools]
        choice = _choice(tool_choice)
        names = [function["function"]["name"] for function in functions]
        if choice not in ("auto", "any", *names):
            raise BadInput(
                f"The tool {choice!r} is to be called, but there are only {', '.join(names)}."
            )
        return self.bind(tools=functions, tool_choice=choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._converse(self._arguments(messages, stop, **kwargs), self.cancel)
        raw = _raw_calls(reply)
        calls, invalid = _read(raw)
        message = AIMessage(
            reply["text"], tool_calls=calls, invalid_tool_calls=invalid, **self._about(reply, raw)
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        arguments = self._arguments(messages, stop, **kwargs)
        pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        over = threading.Event()
        with ThreadPoolExecutor(1, "danqing-planner") as thread:
            call = thread.submit(
                self._converse, arguments, over, lambda progress: pieces.put(progress.note)
            )
            call.add_done_callback(lambda _: pieces.put(None))
            try:
                for text in _until_none(pieces, self.cancel, over):
                    chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
                    if run_manager:
                        run_manager.on_llm_new_token(text, chunk=chunk)
                    yield chunk
            finally:
                over.set()
            reply = call.result()
        raw = _raw_calls(reply)
        chunks = [
            tool_call_chunk(
                name=c["function"]["name"], args=c["function"]["arguments"], id=c["id"], index=index
            )
            for index, c in enumerate(raw)
        ]
        last = AIMessageChunk(
            content="", tool_call_chunks=chunks, chunk_position="last", **self._about(reply, raw)
        )
        chunk = ChatGenerationChunk(message=last)
        if run_manager:
            run_manager.on_llm_new_token("", chunk=chunk)
        yield chunk

    def _arguments(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str = "auto",
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The call's arguments; sampling may be set anew for one call."""
        functions = [
            {
                "name": tool["function"]["name"],
                "description": tool["function"].get("description", ""),
                "parameters": tool["function"].get("parameters", {}),
            }
            for tool in tools
        ]
        given = {
            name: kwargs.get(name, getattr(self, name))
            for name in ("max_tokens", "temperature", "seed", "thinking")
        }
        return {
            "messages": [_as_said(message) for message in messages],
            "tools": functions,
            "tool_choice": tool_choice,
            "stop": stop or self.stop or [],
            **given,
        }

    def _converse(
        self,
        arguments: dict[str, Any],
        cancel: threading.Event | None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> dict[str, Any]:
        result = self.engine.call(
            "converse", arguments, on_progress=on_progress, cancel=cancel, timeout=self.timeout
        )
        assert result.value is not None
        return result.value

    def _about(self, reply: dict[str, Any], raw: list[dict[str, Any]]) -> dict[str, Any]:
        """What a message says beside its text."""
        extra: dict[str, Any] = {"tool_calls": raw} if raw else {}
        if reply["reasoning"]:
            extra["reasoning_content"] = reply["reasoning"]
        read, written = reply["input_tokens"], reply["output_tokens"]
        return {
            "additional_kwargs": extra,
            "usage_metadata": UsageMetadata(
                input_tokens=read, output_tokens=written, total_tokens=read + written
            ),
            "response_metadata": {
                "finish_reason": reply["finish_reason"], "model_name": self.model_name,
            },
        }  # fmt: skip


def semantic_vector(text: str, llm: ChatTransformers | None = None) -> np.ndarray:
    """What a text means to a language model: the mean of its last hidden states over the text's
    tokens, float32 (width of the model,).

    The model is ``llm``, or without one the built-in one (256 wide; English and Chinese), in a
    worker that stays until the program ends. `gan_image` is driven by this vector.

    Raises `ToolError` for an empty text and one that is too long, and what `Engine.call` does.
    """
    import numpy as np

    engine, cancel, timeout = (
        (_built_in(), None, None) if llm is None else (llm.engine, llm.cancel, llm.timeout)
    )
    value = engine.call("embed", {"text": text}, cancel=cancel, timeout=timeout).value
    assert value is not None
    return np.array(value["vector"], np.float32)


@cache
def _built_in() -> Engine:
    """An engine for texts alone; its worker starts when it is called."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


def _until_none(
    pieces: queue.SimpleQueue[str | None], cancel: threading.Event | None, over: threading.Event
) -> Iterator[str]:
    """The texts that come; passes a cancel on."""
    while True:
        with contextlib.suppress(queue.Empty):
            piece = pieces.get(timeout=POLL)
            if piece is None:
                return
            if piece:
                yield piece
        if cancel is not None and cancel.is_set():
            over.set()


def _choice(tool_choice: str | dict[str, Any] | bool | None) -> str:
    """One of the ways to name a choice as auto, any or a tool's name."""
    if isinstance(tool_choice, dict):
        return str(tool_choice.get("function", tool_choice).get("name", "any"))
    if isinstance(tool_choice, str):
        return {"required": "any"}.get(tool_choice, tool_choice)
    return "any" if tool_choice else "auto"


def _as_said(message: BaseMessage) -> dict[str, Any]:
    """A message as `converse` takes it."""
    role = next((name for kind, name in _ROLES.items() if isinstance(message, kind)), None)
    if isinstance(message, ChatMessage):
        role = message.role
    if role is None:
        raise BadInput(f"A message of the kind {message.type!r} cannot be told to the planner.")
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") in _UNREADABLE:
            raise BadInput(f"The planner reads text; a message holds {block['type']!r}.")
    calls = []
    if isinstance(message, AIMessage):
        calls = [
            {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)}
            for call in message.tool_calls
        ] + [
            {"name": invalid["name"] or "", "arguments": invalid["args"] or ""}
            for invalid in message.invalid_tool_calls
        ]
    return {"role": role, "content": str(message.text), "tool_calls": calls}


def _raw_calls(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls as they were written, in OpenAI's form."""
    return [
        {"id": f"call_{uuid.uuid4().hex}", "type": "function", "function": call}
        for call in reply["tool_calls"]
    ]


def _read(raw: Sequence[dict[str, Any]]) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls whose arguments are an object, and those whose are not."""
    calls, invalid = [], []
    for call in raw:
        name, written = call["function"]["name"], call["function"]["arguments"]
        try:
            arguments, error = json.loads(written), "The arguments are no JSON object."
        except (ValueError, RecursionError) as problem:
            arguments, error = None, f"The arguments are no JSON: {problem}"
        if isinstance(arguments, dict):
            calls.append(ToolCall(name=name, args=arguments, id=call["id"], type="tool_call"))
        else:
            invalid.append(
                InvalidToolCall(
                    name=name, args=written, id=call["id"], error=error, type="invalid_tool_call"
                )
            )
    return calls, invalid
