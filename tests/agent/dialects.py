"""How other providers speak: the streams that their own clients read, part by part.

- Anthropic: https://docs.anthropic.com/en/docs/build-with-claude/streaming
- OpenAI: https://platform.openai.com/docs/api-reference/responses-streaming
- Gemini: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
- Ollama: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from provider import OpenAI, Say, pieces


class Anthropic:
    """Named server-sent events; arguments come in pieces, and ``failing`` ends the stream with an
    error of its kind, as an overloaded server does."""

    root = ""

    def __init__(self, failing: str | None = None) -> None:
        self.failing = failing

    def stream(self, say: Say) -> Iterator[bytes]:
        def event(kind: str, **data: Any) -> bytes:
            return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()

        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "tiny", "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 1},
        }  # fmt: skip
        yield event("message_start", message=message)
        yield event("ping")
        if self.failing is not None:
            yield event("error", error={"type": self.failing, "message": say.message})
            return
        blocks: list[tuple[dict[str, Any], str, str, str]] = []
        if say.text:
            blocks.append(({"type": "text", "text": ""}, "text_delta", "text", say.text))
        for number, (name, arguments) in enumerate(say.calls):
            head = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
            blocks.append((head, "input_json_delta", "partial_json", arguments))
        for index, (head, kind, name, whole) in enumerate(blocks):
            yield event("content_block_start", index=index, content_block=head)
            for part in ("", *pieces(whole, say.piece)):
                yield event("content_block_delta", index=index, delta={"type": kind, name: part})
            yield event("content_block_stop", index=index)
        if say.finish is not None:
            usual = "tool_use" if say.calls else "end_turn"
            reason = {"stop": usual, "length": "max_tokens"}.get(say.finish, say.finish)
            delta = {"stop_reason": reason, "stop_sequence": None}
            usage = {"input_tokens": 100, "output_tokens": 20}
            yield event("message_delta", delta=delta, usage=usage)
            yield event("message_stop")

    def refusal(self, say: Say) -> Any:
        kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
        kind = kinds.get(say.status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": say.message}}


class Broken(OpenAI):
    """Where it is told to say that it is broken, it tells what it took, and breaks off."""

    def stream(self, say: Say) -> Iterator[bytes]:
        if say.text != "broken":
            yield from say.events()
            return
        *_, last = say.events()
        yield last.replace(b"data: [DONE]\n\n", b"")
        yield b'data: {"error": {"message": "upstream is gone"}}\n\n'


class Responses(OpenAI):
    """OpenAI's newer way, which its client takes for newer models: named events, each with its
    place in the reply."""

    def stream(self, say: Say) -> Iterator[bytes]:
        number = 0

        def event(kind: str, **data: Any) -> bytes:
            nonlocal number
            number += 1
            whole = {"type": kind, "sequence_number": number, **data}
            return f"event: {kind}\ndata: {json.dumps(whole)}\n\n".encode()

        response: dict[str, Any] = {
            "id": "resp_1", "object": "response", "created_at": 1, "model": "tiny", "output": [],
            "status": "in_progress", "error": None, "incomplete_details": None, "metadata": {},
            "instructions": None, "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0,
            "tool_choice": "auto", "tools": [],
        }  # fmt: skip
        yield event("response.created", response=response)
        items: list[dict[str, Any]] = []
        if say.text:
            item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress"}
            where = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
            part = {"type": "output_text", "text": "", "annotations": []}
            yield event("response.output_item.added", output_index=0, item={**item, "content": []})
            yield event("response.content_part.added", **where, part=part)
            for piece in pieces(say.text, say.piece):
                yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
            yield event("response.output_text.done", **where, text=say.text, logprobs=[])
            part = {**part, "text": say.text}
            yield event("response.content_part.done", **where, part=part)
            items.append({**item, "status": "completed", "content": [part]})
            yield event("response.output_item.done", output_index=0, item=items[-1])
        for name, arguments in say.calls:
            at = len(items)
            item = {
                "type": "function_call", "id": f"fc_{at}", "call_id": f"call_{at}", "name": name,
                "arguments": "", "status": "in_progress",
            }  # fmt: skip
            where = {"output_index": at, "item_id": f"fc_{at}"}
            yield event("response.output_item.added", output_index=at, item=item)
            for piece in pieces(arguments, say.piece):
                yield event("response.function_call_arguments.delta", **where, delta=piece)
            yield event("response.function_call_arguments.done", **where, arguments=arguments)
            items.append({**item, "arguments": arguments, "status": "completed"})
            yield event("response.output_item.done", output_index=at, item=items[-1])
        if say.finish is not None:
            usage = {
                "input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0},
            }  # fmt: skip
            ended = {**response, "output": items, "usage": usage, "status": "completed"}
            if say.finish in ("length", "content_filter"):
                reason = {"length": "max_output_tokens"}.get(say.finish, say.finish)
                ended |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
            yield event(f"response.{ended['status']}", response=ended)


class Gemini:
    """Unnamed server-sent events; a call comes whole, with its arguments as an object, and each
    part counts all tokens so far. ``retry`` is what a refusal tells of when to ask again."""

    root = ""

    def __init__(self, retry: str | None = None) -> None:
        self.retry = retry

    def stream(self, say: Say) -> Iterator[bytes]:
        def event(said: int, *parts: dict[str, Any], finish: str | None = None) -> bytes:
            candidate: dict[str, Any] = {"content": {"parts": [*parts], "role": "model"}}
            if finish is not None:
                candidate["finishReason"] = finish
            usage = {
                "promptTokenCount": 100, "candidatesTokenCount": said,
                "totalTokenCount": 100 + said,
            }  # fmt: skip
            data = {"candidates": [{**candidate, "index": 0}], "usageMetadata": usage}
            data |= {"modelVersion": "tiny", "responseId": "1"}
            return f"data: {json.dumps(data)}\r\n\r\n".encode()

        for number, part in enumerate(pieces(say.text, say.piece), 1):
            yield event(number, {"text": part})
        for name, arguments in say.calls:
            call = {"name": name, "args": json.loads(arguments)}
            yield event(19, {"functionCall": call})
        if say.finish is not None:
            reason = {"stop": "STOP", "length": "MAX_TOKENS"}.get(say.finish, say.finish)
            yield event(20, {"text": ""}, finish=reason)

    def refusal(self, say: Say) -> Any:
        kinds = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        kind = kinds.get(say.status, "INVALID_ARGUMENT")
        error: dict[str, Any] = {"code": say.status, "message": say.message, "status": kind}
        if self.retry is not None:
            about = "type.googleapis.com/google.rpc.RetryInfo"
            error["details"] = [{"@type": about, "retryDelay": self.retry}]
        return {"error": error}


class Ollama:
    """One JSON object a line; a call comes whole, with its arguments as an object, and ``failing``
    ends the stream with an error."""

    root = ""

    def __init__(self, failing: str | None = None) -> None:
        self.failing = failing

    def stream(self, say: Say) -> Iterator[bytes]:
        def line(message: dict[str, Any], **more: Any) -> bytes:
            whole = {
                "model": "tiny", "created_at": "2026-01-01T00:00:00.000000Z",
                "message": {"role": "assistant", "content": "", **message}, "done": False, **more,
            }  # fmt: skip
            return json.dumps(whole).encode() + b"\n"

        for part in pieces(say.text, say.piece):
            yield line({"content": part})
        if self.failing is not None:
            yield json.dumps({"error": self.failing}).encode() + b"\n"
            return
        for name, arguments in say.calls:
            call = {"function": {"name": name, "arguments": json.loads(arguments)}}
            yield line({"tool_calls": [call]})
        if say.finish is not None:
            counts = {"total_duration": 1, "load_duration": 1, "eval_duration": 1}
            counts |= {"prompt_eval_count": 100, "eval_count": 20, "prompt_eval_duration": 1}
            yield line({}, done=True, done_reason=say.finish, **counts)

    def refusal(self, say: Say) -> Any:
        return {"error": say.message}
