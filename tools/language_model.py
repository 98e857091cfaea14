"""Talk to a language model that plans, and read the meaning of a text off it.

Two functions that the engine runs like tools, in the worker process, and that are offered to no
planner: `converse` answers a conversation in text and calls, `embed` turns a text into a vector.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import chat_formats
from .chat_formats import Grammar, Reader, Tool
from .errors import Stopped, ToolError
from .options import Seed
from .registry import Context, tool

if TYPE_CHECKING:
    import numpy as np

MAX_TOKENS = 2048
"""Length of a reply at most, in tokens, where a call does not say."""


class ToolCall(BaseModel):
    """A call as the model wrote it: ``arguments`` is text that should be JSON, and may be none."""

    model_config = ConfigDict(frozen=True)

    name: str
    arguments: str


class Message(BaseModel):
    """What was said by whom; a ``tool`` answers the calls before it in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: list[ToolCall] = []


class Function(BaseModel):
    """A tool that may be called; ``parameters`` is the JSON schema of its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
    description: str = ""
    parameters: dict[str, Any]


class Reply(BaseModel):
    """What the model wrote: its ``text``, its ``reasoning``, its calls; why it ended (it was done,
    or ``length``: cut off at ``max_tokens``); and how many tokens it read and wrote."""

    model_config = ConfigDict(frozen=True)

    text: str
    reasoning: str
    tool_calls: list[ToolCall]
    finish_reason: Literal["stop", "length"]
    input_tokens: int
    output_tokens: int


class Embedding(BaseModel):
    """A text's meaning as ``size`` numbers."""

    model_config = ConfigDict(frozen=True)

    vector: list[float]
    size: int


@tool("planner")
def converse(
    context: Context,
    *,
    messages: Annotated[list[Message], Field(min_length=1)],
    tools: list[Function] = [],  # noqa: B006
    tool_choice: str = "auto",
    max_tokens: Annotated[int, Field(ge=1, le=32768)] = MAX_TOKENS,
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0,
    seed: Seed = 0,
    stop: list[Annotated[str, Field(min_length=1)]] = [],  # noqa: B006
    thinking: bool = False,
) -> Reply:
    """Answer a conversation.

    With ``tool_choice`` "auto" the model may call tools or not. With "any", or the name of one, the
    reply is exactly one call in the model's own format whose arguments fit the tool's schema: only
    tokens that can lead there are let through. At temperature 0 the likeliest token is taken;
    otherwise the same seed gives the same reply. ``thinking`` lets models that can reason first do
    so. Text is reported as it is written.

    Raises `ToolError` for a conversation that is too long for the model or that its chat template
    refuses, for an unknown ``tool_choice`` and for a schema that cannot be enforced.
    """
    import torch

    loaded = context.models.get("planner")
    chat: Chat = loaded.processor
    # Arguments come as the JSON values that they were.
    offered = [_told(Function.model_validate(function)) for function in tools]
    said = [Message.model_validate(message).model_dump() for message in messages]
    prompt = chat.prompt(said, offered, thinking=thinking)
    inputs = chat.tokens(prompt, room=max_tokens).to(loaded.device)
    reader = Reader(chat.format, prompt, offered, stop)
    processors: list[Any] = []
    if tool_choice != "auto":
        processors.append(chat.constraint(_chosen(offered, tool_choice), reader, thinking=thinking))
    writer = _Writer(context, chat, reader, max_tokens)
    sampled = {"do_sample": True, "temperature": temperature} if temperature else {}
    torch.manual_seed(seed)
    loaded.model.generate(
        **inputs,
        **(sampled or {"do_sample": False}),
        max_new_tokens=max_tokens,
        num_beams=1,
        eos_token_id=chat.ends,
        pad_token_id=chat.ends[0],
        logits_processor=processors,
        stopping_criteria=[writer],
    )
    cut = not (writer.ended or reader.stopped)
    writer.show(reader.finish(cut=cut))
    return Reply(
        text=reader.text,
        reasoning=reader.reasoning,
        tool_calls=[ToolCall(**call) for call in reader.calls],
        finish_reason="length" if cut else "stop",
        input_tokens=inputs["input_ids"].shape[1],
        output_tokens=writer.count,
    )


@tool("embedder")
def embed(
    context: Context, *, text: Annotated[str, Field(min_length=1, max_length=100_000)]
) -> Embedding:
    """Turn a text into a vector: the mean, over its tokens, of the model's last hidden states.

    Raises `ToolError` for a text that is too long for the model.
    """
    import torch

    from .meaning import meant

    loaded = context.models.get("embedder")
    loaded.processor.tokens(text)  # refuses what is too long
    context.check_cancelled()
    with torch.inference_mode():
        [vector] = meant(loaded, [text]).tolist()
    return Embedding(vector=vector, size=len(vector))


class Chat:
    """How one model is talked to: its tokenizer and template, and the format of its calls."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        template = tokenizer.chat_template
        if isinstance(template, dict):  # some come with one for each use
            template = template.get("tool_use") or template.get("default")
        self.template: str = template or ""
        self.tokenizer = tokenizer
        self.format = chat_formats.detect(self.template, model.config.model_type)
        self.context: int | None = getattr(
            model.config.get_text_config(), "max_position_embeddings", None
        )
        self.ends = self._end_tokens(model)

    def _end_tokens(self, model: Any) -> list[int]:
        """The tokens that end a reply, those that the model's own settings name first."""
        named = model.generation_config.eos_token_id
        ids = list(named) if isinstance(named, list) else [named]
        vocabulary = self.tokenizer.get_vocab()
        ids += [self.tokenizer.eos_token_id, *(vocabulary.get(end) for end in self.format.ends)]
        return list(dict.fromkeys(id_ for id_ in ids if id_ is not None))

    def prompt(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[Tool], *, thinking: bool
    ) -> str:
        """The conversation as the model's template writes it."""
        import jinja2

        if not self.template:
            raise Stopped("The planner's tokenizer has no chat template, so it cannot converse.")
        if tools and "tools" not in self.template:
            raise Stopped(
                "The planner's chat template tells of no tools, so it cannot plan.",
                hint="Choose a model that was trained to call tools, such as GLM-4 or Qwen3.",
            )
        told = self.format.told([{**m, "content": self._quoted(m["content"])} for m in messages])
        functions = [{"type": "function", "function": dict(tool)} for tool in tools]
        if tools and re.search(r"""\[['"]tools['"]\]""", self.template):
            # GLM-4's first template reads them off a message.
            told.insert(0, {"role": "system", "content": "", "tools": functions})
        try:
            text: str = self.tokenizer.apply_chat_template(
                told, tools=functions or None, chat_template=self.template,
                add_generation_prompt=True, tokenize=False, enable_thinking=thinking,
            )  # fmt: skip
        except jinja2.TemplateError as error:
            raise ToolError(
                f"converse: the model's chat template refuses these messages: {error}."
            ) from None
        return text

    def _quoted(self, text: str) -> str:
        """The text without control tokens, which could end a message and begin another."""
        tokens = [token for token in self.tokenizer.all_special_tokens if token in text]
        tokens += [
            token.content
            for token in self.tokenizer.added_tokens_decoder.values()
            if token.special and token.content in text
        ]
        for token in tokens:
            text = text.replace(token, f"{token[0]}\N{ZERO WIDTH SPACE}{token[1:]}")
        return text

    def tokens(self, text: str, room: int = 0) -> Any:
        """The text's tokens. Raises `ToolError` where they and ``room`` for more are too many."""
        tokens = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        length = tokens["input_ids"].shape[1]
        if self.context is not None and length + room > self.context:
            raise ToolError(
                f"The text takes {length} tokens and the reply up to {room};"
                f" allowed are {self.context} together."
            )
        tokens.pop("token_type_ids", None)
        return tokens

    def constraint(self, tools: Sequence[Tool], reader: Reader, *, thinking: bool) -> _Constraint:
        """Lets only those tokens through that lead to one call of one of ``tools``."""
        from llguidance import LLMatcher

        possible = thinking and "<think>" in self.template
        grammar = Grammar(
            self.format, tools, self._mark,
            "open" if reader.reasons else "possible" if possible else "none",
        )  # fmt: skip
        matcher = LLMatcher(
            self._grammar_tokenizer, LLMatcher.grammar_from_lark(grammar.text()), log_level=0
        )
        if matcher.is_error():
            names = ", ".join(tool["name"] for tool in tools)
            reason = matcher.get_error().strip().splitlines()[0]
            raise ToolError(f"converse: the schema of {names} cannot be enforced: {reason}")
        return _Constraint(matcher)

    @cached_property
    def _marks(self) -> dict[str, int]:
        """The format's marks that are tokens of their own, with their numbers."""
        vocabulary = self.tokenizer.get_added_vocab()
        marks = (*self.format.marks, "<think>", "</think>")
        return {mark: vocabulary[mark] for mark in marks if mark in vocabulary}

    def _mark(self, mark: str) -> str:
        return f"<[{self._marks[mark]}]>" if mark in self._marks else json.dumps(mark)

    @cached_property
    def _grammar_tokenizer(self) -> Any:
        """The vocabulary as llguidance reads it; marks are kept out of what is text."""
        from llguidance import LLTokenizer

        backend = json.loads(self.tokenizer.backend_tokenizer.to_str())
        backend["truncation"] = backend["padding"] = None
        for token in backend["added_tokens"]:
            token["special"] |= token["content"] in self._marks
        return LLTokenizer(json.dumps(backend), eos_token=self.ends)


class _Constraint:
    """Called by ``generate`` before every token is chosen: rules out what the grammar does."""

    def __init__(self, matcher: Any) -> None:
        self.matcher, self._read = matcher, -1

    def __call__(self, sequences: Any, scores: Any) -> Any:
        import torch

        if self._read >= 0 and not self.matcher.consume_token(int(sequences[0, -1])):
            raise AssertionError(self.matcher.get_error())
        self._read = sequences.shape[1]
        allowed = torch.zeros(scores.shape[-1], dtype=torch.bool)
        mask = _unpacked(self.matcher.compute_bitmask())[: len(allowed)]
        allowed[: len(mask)] = torch.from_numpy(mask)
        return scores.masked_fill(~allowed.to(scores.device), float("-inf"))


def _unpacked(mask: bytes) -> np.ndarray:
    import numpy as np

    return np.unpackbits(np.frombuffer(mask, np.uint8), bitorder="little").astype(bool)


class _Writer:
    """Called by ``generate`` after every token: reads and reports it, and lets a cancel through."""

    def __init__(self, context: Context, chat: Chat, reader: Reader, limit: int) -> None:
        from tokenizers.decoders import DecodeStream

        self.count, self.ended = 0, False
        self._context, self._chat, self._reader, self._limit = context, chat, reader, limit
        self._stream = DecodeStream(skip_special_tokens=False)

    def __call__(self, sequences: Any, scores: Any, **_: Any) -> Any:
        import torch

        token = int(sequences[0, -1])
        self.count += 1
        self.ended = token in self._chat.ends
        text = None
        if not self.ended:
            text = self._stream.step(self._chat.tokenizer.backend_tokenizer, token)
        self.show(self._reader.feed(text) if text else "")
        self._context.check_cancelled()
        return torch.full((1,), self.ended or self._reader.stopped, device=sequences.device)

    def show(self, text: str) -> None:
        """Report new text."""
        self._context.progress(self.count, self._limit, text)


def _told(function: Function) -> Tool:
    return Tool(
        name=function.name, description=function.description, parameters=function.parameters
    )


def _chosen(tools: Sequence[Tool], choice: str) -> list[Tool]:
    """The tools of which one has to be called."""
    chosen = [tool for tool in tools if choice in ("any", tool["name"])]
    if not chosen:
        names = ", ".join(tool["name"] for tool in tools) or "no tools"
        raise ToolError(
            f"converse: tool_choice = {choice!r} is refused; allowed are auto, any, {names}."
        )
    return chosen
