"""The studio's own API: sessions, turns and what happens in them, pictures, recipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from .. import words
from ..agent.brief import Brief
from ..agent.budget import Budget
from ..agent.lineage import Lineage
from ..agent.provenance import encoded
from ..agent.recipe_export import export
from ..agent.session import Session
from ..agent.studio import LARGEST_SIZE, SMALLEST_SIZE, Options
from ..tools.errors import BadInput, Stopped, ToolError
from ..tools.registry import HANDLE
from .app import Guest, NotThere, check_session, desk_of, guest_of
from .bodies import Room, read
from .desk import CLOSING, ENDED, LAST, SHUT_OUT, Desk, Job, Told, closed, document
from .guests import ShutOut

HEARTBEAT = 15.0
"""Seconds after which a stream of events shows that it is alive."""
BEHIND = 100
"""A reader that is so many events behind misses those that only pass by."""
router = APIRouter(tags=["studio"])
At = Annotated[Desk, Depends(desk_of)]
For = Annotated[Guest, Depends(guest_of)]
SessionId = Annotated[str, Path(pattern="^[0-9a-f]{8}$")]
Handle = Annotated[str, Path(pattern=HANDLE)]
Side = Annotated[int, Field(ge=SMALLEST_SIZE, le=LARGEST_SIZE)]


class Ask(BaseModel):
    """A request. What is left out is the studio's choice. A ``mask`` tells which part of the
    picture that the session stands at may change."""

    model_config = ConfigDict(extra="forbid")

    request: Annotated[str, Field(min_length=1, max_length=4000)]
    seed: Annotated[int | None, Field(ge=0, lt=2**32)] = None
    size: tuple[Side, Side] | None = None
    mask: Annotated[str | None, Field(pattern=HANDLE)] = None
    pictures: Annotated[int | None, Field(ge=1, le=100)] = None
    seconds: Annotated[float | None, Field(gt=0, le=3600)] = None


class TurnState(BaseModel):
    """A turn: how it stands, how many begin before it, its claims by their ids as the person will
    know them again, and, once it has ended, what came of it; until then, the most that it may use,
    which is not more than is left to its key."""

    turn: int
    session: str
    request: str
    state: str
    position: int | None
    asked: dict[str, str]
    document: dict[str, Any] | None
    budget: dict[str, float] | None


class PictureNode(BaseModel):
    """A picture of a session, what it was made from, where the session stood before, and the turn
    that made it."""

    handle: str
    parent: str | None
    base: str | None
    turn: int
    request: str
    width: int
    height: int


class SessionTitle(BaseModel):
    """A session by what was first said in it; "" where that was a picture."""

    session: str
    title: str


class SessionState(BaseModel):
    """A session: the picture that it stands at, all its pictures, and its turns, oldest first."""

    session: str
    head: str | None
    pictures: list[PictureNode]
    turns: list[TurnState]


class Stand(BaseModel):
    """Where to stand: at a picture, or before the first."""

    model_config = ConfigDict(extra="forbid")

    picture: Annotated[str, Field(pattern=HANDLE)] | None


class KeyState(BaseModel):
    """What a key may have, and has had: in 24 hours pictures, seconds of work and dollars, with
    what is set aside for turns that go on, and now megabytes of pictures. None is no limit."""

    limits: dict[str, float | None]
    used: dict[str, float]


@router.get("/usage")
def usage(desk: At, guest: For) -> KeyState:
    """What the key of whoever asks may have, and has had. Of the home's own nothing is counted."""
    used = {} if guest.id is None else asdict(desk.studio.ledger.quota.usage(guest.id))
    return KeyState(limits=asdict(guest.limits), used=used)


@router.post("/sessions", status_code=201)
def begin_session(desk: At, guest: For) -> SessionState:
    """Begin a session."""
    return session_state(desk, guest, desk.studio.ledger.new_session(guest.id))


@router.get("/sessions")
def sessions(
    desk: At, guest: For, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[SessionTitle]:  # fmt: skip
    """The newest sessions in which anything was said."""
    return [
        SessionTitle(session=turn.session, title="" if "upload" in turn.options else turn.request)
        for turn in desk.studio.ledger.beginnings(guest.id, limit)
    ]


@router.get("/sessions/{session}")
def session_state(desk: At, guest: For, session: SessionId) -> SessionState:
    """A session as it stands."""
    check_session(desk, session, guest)
    lineage = Lineage(desk.studio.ledger, session)
    pictures = []
    for handle, node in lineage.nodes.items():
        kept = desk.studio.ledger.picture(handle)
        pictures.append(PictureNode(
            handle=handle, parent=node.parent, base=node.base, turn=node.turn,
            request=node.request, width=kept.width, height=kept.height,
        ))  # fmt: skip
    said = [turn for turn in lineage.turns if "marks" not in turn.options]
    turns = [turn_state(desk, desk.job(turn.id)) for turn in said]
    return SessionState(session=session, head=lineage.head, pictures=pictures, turns=turns)


@router.delete("/sessions/{session}", status_code=204)
def delete_session(desk: At, guest: For, session: SessionId) -> None:
    """Delete a session for good, with its words and pictures; what it is at is cancelled. 409 where
    that does not end soon."""
    check_session(desk, session, guest)
    desk.forget(session)


@router.post("/sessions/{session}/turns", status_code=202)
def ask(desk: At, guest: For, session: SessionId, asked: Ask) -> TurnState:
    """Take a request, which is kept on return and carried out in its turn."""
    check_session(desk, session, guest)
    options = options_for(desk, asked, session)
    return turn_state(desk, desk.take(asked.request, options, session, owner=guest.id))


@router.get("/turns/{turn}")
def turn(desk: At, guest: For, turn: int) -> TurnState:
    """A turn as it stands."""
    return turn_state(desk, job_of(desk, guest, turn))


@router.post("/turns/{turn}/cancel", status_code=202)
def cancel(desk: At, guest: For, turn: int) -> TurnState:
    """End a turn: at once where it waits, else at its next safe point."""
    job = job_of(desk, guest, turn)
    desk.cancel(job)
    return turn_state(desk, job)


@router.get("/turns/{turn}/events", response_class=StreamingResponse)
async def events(
    desk: At, guest: For, turn: int,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> StreamingResponse:  # fmt: skip
    """What happens in a turn, as server-sent events. Whoever lost the connection goes on with
    ``Last-Event-ID``; progress, previews and words as they come have no id and pass by."""
    job = await asyncio.to_thread(job_of, desk, guest, turn)
    desk.check_here(job)
    return event_stream(streamed(job, last_event_id))


@router.post("/sessions/{session}/pictures", status_code=201)
async def upload(desk: At, guest: For, session: SessionId, request: Request) -> SessionState:
    """Take in the picture in the body, PNG, JPEG or WebP; the session then stands at it."""
    check_session(desk, session, guest)
    room: Room = request.app.state.room
    async with room.for_one(guest.id):
        body = bytes(await read(request))
        usual = Options(0)
        await asyncio.to_thread(desk.studio.take_in, body, "picture", usual, session)
    return await asyncio.to_thread(session_state, desk, guest, session)


@router.post("/sessions/{session}/stand")
def stand(desk: At, guest: For, session: SessionId, where: Stand) -> SessionState:
    """Stand at another picture of the session: what is asked next goes on from there."""
    check_session(desk, session, guest)
    talk = Session(desk.studio, Options(0), session)
    if where.picture is None:
        desk.studio.ledger.stand_at(session, None)
    else:
        try:
            talk.go(where.picture)
        except (BadInput, ToolError):
            raise NotThere(f"{where.picture} is no picture of this session.") from None
    return session_state(desk, guest, session)


@router.get("/sessions/{session}/recipe", response_class=Response)
def recipe(desk: At, guest: For, session: SessionId) -> Response:
    """The recipe of the session's pictures, which runs without any language model."""
    check_session(desk, session, guest)
    text = export(desk.studio.ledger, desk.studio.engine.tools, session)
    return Response(text, media_type="application/yaml")


@router.get("/sessions/{session}/pictures/{handle}", response_class=Response)
def picture(
    desk: At, guest: For, session: SessionId, handle: Handle,
    side: Annotated[int | None, Query(ge=16, le=2048)] = None, metadata: bool = False,
) -> Response:  # fmt: skip
    """A picture of a session as PNG, at most ``side`` pixels wide and high; or whole and, with
    ``metadata``, with the account of how it was made."""
    check_session(desk, session, guest)
    data = png(desk, session, handle, side)
    if metadata and side is None:
        data = desk.studio.png(handle)
    return Response(data, media_type="image/png")


# -- what others use, too


def event_stream(content: AsyncIterator[bytes]) -> StreamingResponse:
    """Server-sent events, on their way as they come."""
    return StreamingResponse(
        content, media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )  # fmt: skip


def png(desk: Desk, session: str, handle: str, side: int | None = None) -> bytes:
    """The file of a picture of a session. Raises `NotThere` for any other picture."""
    if handle not in Lineage(desk.studio.ledger, session).nodes:
        raise NotThere(f"{handle} is no picture of this session.")
    image, data = desk.studio.ledger.store.read(desk.studio.ledger.picture(handle).digest)
    if side is None or max(image.size) <= side:
        return data
    image.thumbnail((side, side), reducing_gap=2.0)
    return encoded(image, None)


def options_for(desk: Desk, asked: Ask, session: str) -> Options:
    """A request's options: as those of a request without any, but for what it says."""
    options = desk.studio.usual_options(session)
    budget = {name: getattr(asked, name) for name in ("pictures", "seconds")}
    if asked.mask is not None:
        check_mask(desk, session, options.base, asked.mask)
    said: dict[str, Any] = {
        name: value
        for name in ("seed", "size", "mask")
        if (value := getattr(asked, name)) is not None
    }
    if any(value is not None for value in budget.values()):
        told = {name: value for name, value in budget.items() if value is not None}
        said["budget"] = replace(Budget(), **told)
    return replace(options, **said)


def check_mask(desk: Desk, session: str, base: str | None, mask: str) -> None:
    """Raise `BadInput` for a mask that is not of the session, or not of its picture's size."""
    if session not in desk.studio.ledger.owners(mask):
        raise NotThere(f"{mask} is no mask of this session.")
    if base is None:
        raise BadInput("The session stands at no picture that a mask could be of.")
    there, given = desk.studio.ledger.picture(base), desk.studio.ledger.picture(mask)
    if (there.width, there.height) != (given.width, given.height):
        raise BadInput(
            f"The mask {mask} has {given.width}x{given.height} pixels; allowed is the size of"
            f" {base}, {there.width}x{there.height}."
        )


def job_of(desk: Desk, guest: Guest, turn: int) -> Job:
    """A turn's job. Raises `NotThere` where there is none, or it is another's."""
    try:
        job = desk.job(turn)
        check_session(desk, job.session, guest)
    except BadInput:
        raise NotThere(f"There is no turn {turn}.") from None
    return job


def turn_state(desk: Desk, job: Job) -> TurnState:
    """How a turn stands."""
    told = job.came_to or document(desk.studio.document(job.turn)) if job.state in ENDED else None
    return TurnState(
        turn=job.turn, session=job.session, request=job.request, state=job.state,
        position=desk.position(job), asked=asked_for(told["brief"] if told else None),
        document=told,
        budget=None if told or job.held is None else job.held.options.get("budget"),
    )  # fmt: skip


def asked_for(brief: dict[str, Any] | None) -> dict[str, str]:
    """The claims of a Brief, by their ids, in its language."""
    read = Brief.model_validate(brief) if brief else None
    return {claim.id: words.asked(claim, read.language) for claim in read.claims} if read else {}


async def told(job: Job, after: int = 0) -> AsyncIterator[Told | None]:
    """What happens in a turn, to its end; None whenever nothing happens for a while. Raises
    `Stopped` where the server ends first."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Told] = asyncio.Queue()

    def put(one: Told) -> None:
        if one.id is not None or one.event in (CLOSING, SHUT_OUT) or queue.qsize() < BEHIND:
            queue.put_nowait(one)

    def hear(one: Told) -> None:
        loop.call_soon_threadsafe(put, one)

    leave = job.watch(hear, after)
    try:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    one = await queue.get()
            except TimeoutError:
                yield None
                continue
            if one.event == CLOSING:
                raise closed()
            if one.event == SHUT_OUT:
                raise ShutOut("The key by which this was begun opens nothing any more.")
            yield one
            if one.event in ENDED:
                return
    finally:
        leave()


async def streamed(job: Job, after: int) -> AsyncIterator[bytes]:
    """The same as server-sent events; none where its end was told already."""
    if after >= LAST:
        return
    with contextlib.suppress(Stopped):  # whoever wants to hear the rest comes back
        async for one in told(job, after):
            if one is None:
                yield b": alive\n\n"
                continue
            data = {"turn_id": job.turn, **one.data}
            if one.event == "understood":
                data["asked"] = asked_for(one.data["brief"])
            text = json.dumps(data, ensure_ascii=False)
            number = "" if one.id is None else f"id: {one.id}\n"
            yield f"{number}event: {one.event}\ndata: {text}\n\n".encode("utf-8", "replace")
