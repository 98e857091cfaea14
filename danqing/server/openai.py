"""The studio for programs that know OpenAI's API: images, and chat with images both ways."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile

from ..agent.provenance import encoded
from ..agent.store import upload
from ..agent.studio import DEFAULT_SIZE
from ..documents import error_of
from ..tools.errors import BadInput, DanqingError, Stopped
from .app import NotThere, check_session, door_of
from .bodies import Pictures, Room, Talk, TalkRoute
from .desk import ENDED, Desk, Job
from .guests import Door, Guest, until
from .native import At, For, Handle, SessionId, check_mask, event_stream, png, told

if TYPE_CHECKING:
    from PIL import Image

MODEL = "danqing"
MOST_PICTURES = 10
router = APIRouter(tags=["as OpenAI's"])
talk = APIRouter(tags=["as OpenAI's"], route_class=TalkRoute)
files = APIRouter(tags=["as OpenAI's"])
By = Annotated[Door, Depends(door_of)]
_LINK = re.compile(
    r"/files/([0-9a-f]{8})/(img-[1-9][0-9]*)\.png\?expires=([0-9]{1,12})&(?:amp;)?sig=([0-9a-f]{32})"
)
_BESIDE = re.compile(r"\A<attached_files>.*?</attached_files>\s*", re.DOTALL)
"""What Open WebUI puts before the words of whoever brings a file; the file itself comes, too."""
_CHORE = re.compile(r"\A\s*### Task:\n.*<chat_history>", re.DOTALL)
"""How Open WebUI asks a model for a chat's title, tags, or what might be asked next."""
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
_FORM = {
    "required": True,
    "content": {"multipart/form-data": {"schema": {
        "type": "object", "required": ["image", "prompt"],
        "properties": {
            "image": {"type": "string", "format": "binary"}, "prompt": {"type": "string"},
            "mask": {"type": "string", "format": "binary"},
        },
    }}},
}  # fmt: skip
Format = Literal["png", "jpeg", "webp"]


class Generation(BaseModel):
    """Pictures to be made. What other programs send beside that changes nothing."""

    prompt: Annotated[str, Field(min_length=1, max_length=4000)]
    model: str = MODEL
    n: Annotated[int, Field(ge=1, le=MOST_PICTURES)] = 1
    size: str | None = None
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Format = "png"
    stream: bool = False
    partial_images: Annotated[int, Field(ge=0, le=3)] = 0
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None


class Chat(BaseModel):
    """A conversation so far; its last message of a user is the request."""

    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1000)]
    model: str = MODEL
    stream: bool = False
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None


@router.get("/models")
def models() -> dict[str, Any]:
    """The one model there is: the studio."""
    one = {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}
    return {"object": "list", "data": [one]}


@router.post("/images/generations", responses=_STREAM)
async def generate(desk: At, door: By, guest: For, request: Request, asked: Generation) -> Response:
    """Make pictures from words, each in a session of its own."""
    jobs = await asyncio.to_thread(_begin, desk, guest, asked)
    return await _made(desk, door, request, asked, jobs, "image_generation")


@router.post("/images/edits", responses=_STREAM, openapi_extra={"requestBody": _FORM})
async def edit(desk: At, door: By, guest: For, request: Request) -> Response:
    """Change a picture as the prompt says. A form with ``image`` (or ``image[]``), ``prompt``, and
    what `Generation` has; a ``mask`` is transparent where the picture may change."""
    room: Room = request.app.state.room
    async with room.for_one(guest.id), request.form(max_files=8, max_fields=32) as form:
        brought = [
            part for name, part in form.multi_items()
            if name in ("image", "image[]") and isinstance(part, UploadFile)
        ]  # fmt: skip
        if len(brought) != 1:
            raise BadInput(f"{len(brought)} images were sent; one can be changed at a time.")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        image, masked = await brought[0].read(), form.get("mask")
        if isinstance(masked, str):
            raise BadInput("mask is a text; allowed is a picture.")
        mask = None if masked is None else await masked.read()
    asked = _fields(fields)
    jobs = await asyncio.to_thread(_begin, desk, guest, asked, image, mask)
    return await _made(desk, door, request, asked, jobs, "image_edit")


@talk.post("/chat/completions", responses=_STREAM)
async def chat(desk: At, door: By, guest: For, request: Request, asked: Chat) -> Response:
    """Carry out the last message. The conversation goes on from the picture that an answer before
    links to, or from the one that the message brings."""
    assert isinstance(request, Talk)
    job = await asyncio.to_thread(_say, desk, door, guest, asked, request.pictures)
    await request.let_go()
    if asked.stream:
        return event_stream(_chunks(desk, door, request, job))
    try:
        turn = await _ended(request, job)
    finally:
        _leave(desk, [job])
    words, images = await asyncio.to_thread(_answer, desk, door, request, job, turn)
    message = {"role": "assistant", "content": words, "images": images}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse(
        _completion(job, "chat.completion", [choice]) | {"usage": _usage(turn), "danqing": turn}
    )


@files.get("/files/{session}/{handle}.png", response_class=Response)
def file(
    desk: At, door: By, session: SessionId, handle: Handle,
    expires: Annotated[int, Query(ge=0, lt=10**12)],
    sig: Annotated[str, Query(pattern="^[0-9a-f]{32}$")],
) -> Response:  # fmt: skip
    """A picture, for whoever was given its link, until that ends, which is told in ``expires`` in
    seconds since the epoch: after a day, or with the key that it was made for."""
    there = door.signed(_path(session, handle), expires, sig) and time.time() < expires
    with contextlib.suppress(BadInput):
        if there and door.opens(desk.studio.ledger.owner(session)):
            return Response(png(desk, session, handle), media_type="image/png")
    raise NotThere(f"{handle} is no picture of this session.")


# -- pictures


def _fields(form: dict[str, str]) -> Generation:
    try:
        return Generation.model_validate(form)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        ) from None


def _begin(
    desk: Desk, guest: Guest, asked: Generation, image: bytes | None = None,
    mask: bytes | None = None,
) -> list[Job]:  # fmt: skip
    """A job for each picture, or none."""
    jobs: list[Job] = []
    try:
        for number in range(asked.n):
            jobs.append(_begin_one(desk, guest, asked, number, image, mask))
    except BaseException:
        _leave(desk, jobs)
        raise
    return jobs


def _begin_one(
    desk: Desk,
    guest: Guest,
    asked: Generation,
    number: int,
    image: bytes | None,
    mask: bytes | None,
) -> Job:
    session = desk.studio.ledger.new_session(guest.id)
    options = replace(desk.studio.usual_options(session), size=_size(asked.size))
    if asked.seed is not None:
        options = replace(options, seed=(asked.seed + number) % 2**32)
    if image is not None:
        options = replace(options, base=desk.studio.take_in(image, "picture", options, session))
    if mask is not None:
        handle = desk.studio.take_in(_marked(mask), "mask", options, session, mask=True)
        check_mask(desk, session, options.base, handle)
        options = replace(options, mask=handle)
    return desk.take(asked.prompt, options, session, owner=guest.id)


def _marked(mask: bytes) -> Image.Image:
    """A mask as the studio has it, white where it is transparent; one that is nowhere transparent
    is taken as it is. Raises `BadInput` for what is no picture."""
    image = upload(mask)
    if not image.has_transparency_data:
        return image
    return image.convert("RGBA").getchannel("A").point([255] + [0] * 255)


def _size(text: str | None) -> tuple[int, int]:
    if text in (None, "auto"):
        return DEFAULT_SIZE
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text or "")
    if match is None:
        raise BadInput(f"size = {text!r} is refused; allowed are auto and WIDTHxHEIGHT.")
    return int(match[1]), int(match[2])


async def _made(
    desk: Desk, door: Door, request: Request, asked: Generation, jobs: list[Job], kind: str
) -> Response:
    if asked.stream:
        return event_stream(_pictures(desk, door, request, asked, jobs, kind))
    data = []
    try:
        for job in jobs:
            turn = await _ended(request, job)
            data.append(await asyncio.to_thread(_item, desk, door, request, asked, job, turn))
    finally:
        _leave(desk, jobs)
    return JSONResponse({
        "created": int(time.time()), "data": data, "output_format": asked.output_format,
        "size": asked.size or "auto", "quality": "auto", "background": "opaque",
    })  # fmt: skip


async def _pictures(
    desk: Desk, door: Door, request: Request, asked: Generation, jobs: list[Job], kind: str
) -> AsyncIterator[bytes]:
    """Server-sent events as OpenAI's clients read them."""
    common = {
        "created_at": int(time.time()), "size": asked.size or "auto", "quality": "auto",
        "background": "opaque",
    }  # fmt: skip
    told_as = {**common, "type": f"{kind}.partial_image", "output_format": "jpeg"}
    try:
        for job in jobs:
            shown = 0
            async for one in told(job):
                if one is None:
                    yield b": alive\n\n"
                elif one.event == "preview" and shown < asked.partial_images:
                    _, _, coded = one.data["image"].partition(",")
                    partial = {**told_as, "b64_json": coded, "partial_image_index": shown}
                    yield _event(partial)
                    shown += 1
                elif one.event in ENDED:
                    turn = one.data["turn"]
                    item = await asyncio.to_thread(_item, desk, door, request, asked, job, turn)
                    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
                    yield _event({
                        **common, **item, "type": f"{kind}.completed", "usage": usage,
                        "output_format": asked.output_format,
                    })  # fmt: skip
    except DanqingError as error:
        yield _event({"type": "error", "error": {"message": str(error), "code": None}})
    finally:
        _leave(desk, jobs)


def _item(
    desk: Desk, door: Door, request: Request, asked: Generation, job: Job, turn: dict[str, Any]
) -> dict[str, Any]:
    """A finished picture. Raises `BadInput` where nothing was made, with the studio's words."""
    if turn["picture"] is None:
        raise BadInput(turn["reply"])
    handle = turn["picture"]["handle"]
    more = {"revised_prompt": turn["request"], "danqing": turn}
    if asked.response_format == "url":
        link, expires = _link(door, request, job.session, handle)
        return {"url": link, "expires": expires, **more}
    data = png(desk, job.session, handle)
    if asked.output_format != "png":
        data = encoded(desk.studio.image(handle), None, asked.output_format.upper())
    return {"b64_json": base64.b64encode(data).decode(), **more}


# -- chat


def _say(
    desk: Desk, door: Door, guest: Guest, asked: Chat, pictures: Pictures | None
) -> Job:  # fmt: skip
    assert pictures is not None
    words, image = _last(asked.messages, pictures)
    session, base = _where(desk, door, guest, asked.messages)
    if session is None:
        session = desk.studio.ledger.new_session(guest.id)
    options = desk.studio.usual_options(session)
    if base is not None:
        options = replace(options, base=base)
    if asked.seed is not None:
        options = replace(options, seed=asked.seed)
    if image is not None:
        options = replace(options, base=desk.studio.take_in(image, "picture", options, session))
    return desk.take(words, options, session, owner=guest.id)


def _last(messages: list[dict[str, Any]], pictures: Pictures) -> tuple[str, bytes | None]:
    """The words of the last message of a user, and the picture that it brings."""
    said = next((m for m in reversed(messages) if m.get("role") == "user"), None)
    if said is None:
        raise BadInput("There is no message of a user.")
    content = said.get("content")
    pieces = content if isinstance(content, list) else [{"type": "text", "text": content}]
    words: list[str] = []
    image = None
    for piece in pieces:
        kind = piece.get("type") if isinstance(piece, dict) else None
        if kind == "text" and isinstance(piece.get("text"), str):
            words.append(piece["text"])
        elif kind == "image_url":
            given = piece.get("image_url")
            image = pictures.decoded(given.get("url") if isinstance(given, dict) else given)
        else:
            raise BadInput(f"A part of a message of type {kind!r} cannot be read.")
    request = _BESIDE.sub("", "\n".join(words))
    if _CHORE.match(request):
        raise BadInput(
            "The studio makes pictures and no titles, tags or suggestions for a chat.",
            hint="Name a language model for them, in Open WebUI as its task model.",
        )
    return request, image


def _where(
    desk: Desk, door: Door, guest: Guest, messages: list[dict[str, Any]]
) -> tuple[str | None, str | None]:
    """The session and the picture that the last answer with a picture told of, where it was given
    to the same guest."""
    for message in reversed(messages):
        content = message.get("content")
        if message.get("role") != "assistant" or not isinstance(content, str):
            continue
        for session, handle, expires, signature in reversed(_LINK.findall(content)):
            if door.signed(_path(session, handle), int(expires), signature):  # though it be late
                with contextlib.suppress(NotThere):
                    check_session(desk, session, guest)
                    return session, handle
    return None, None


async def _chunks(desk: Desk, door: Door, request: Request, job: Job) -> AsyncIterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event(_completion(job, "chat.completion.chunk", [choice]))

    try:
        yield chunk({"role": "assistant", "content": ""})
        async for one in told(job):
            if one is None:
                yield b": alive\n\n"
            elif one.event in ENDED:
                answer = await asyncio.to_thread(
                    _answer, desk, door, request, job, one.data["turn"]
                )
                yield chunk({"content": answer[0]})
                if answer[1]:
                    yield chunk({"images": answer[1]})
        yield chunk({}, "stop")
        yield b"data: [DONE]\n\n"
    except DanqingError as error:
        yield _event({"error": {"message": str(error), "code": None}})
    finally:
        _leave(desk, [job])


def _answer(
    desk: Desk, door: Door, request: Request, job: Job, turn: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """What was said, with a link to the picture, and the picture itself."""
    words: str = turn["reply"]
    if turn["picture"] is None:
        return words, []
    handle = turn["picture"]["handle"]
    link, _ = _link(door, request, job.session, handle)
    coded = base64.b64encode(png(desk, job.session, handle)).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{coded}"}}
    return f"{words}\n\n![{handle}]({link})", [image]


def _completion(job: Job, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"turn-{job.turn}", "object": kind, "created": int(time.time()), "model": MODEL,
        "choices": choices,
    }  # fmt: skip


def _usage(turn: dict[str, Any]) -> dict[str, int]:
    tokens = turn["cost"]["tokens"]
    return {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}


# -- what both share


async def _ended(request: Request, job: Job) -> dict[str, Any]:
    """The turn of a job, once it has ended. Raises `Stopped` where it failed, or nobody waits for
    it any more."""
    async for one in told(job):
        if one is None and await request.is_disconnected():
            raise Stopped("Whoever asked is gone.")
        if one is not None and one.event in ENDED:
            if one.event == "failed":
                raise error_of(one.data)
            turn: dict[str, Any] = one.data["turn"]
            return turn
    raise AssertionError("every turn ends")


def _leave(desk: Desk, jobs: list[Job]) -> None:
    """Nobody waits for these any more."""
    for job in jobs:
        if job.state not in ENDED:
            desk.cancel(job)


def _event(data: dict[str, Any]) -> bytes:
    kind = f"event: {data['type']}\n" if "type" in data else ""
    return f"{kind}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


def _path(session: str, handle: str) -> str:
    return f"/files/{session}/{handle}.png"


def _link(door: Door, request: Request, session: str, handle: str) -> tuple[str, int]:
    """Where a picture is for whoever is given the link, and until when."""
    path, expires = _path(session, handle), until()
    where = f"{str(request.base_url).rstrip('/')}{path}"
    return f"{where}?expires={expires}&sig={door.signature(path, expires)}", expires
