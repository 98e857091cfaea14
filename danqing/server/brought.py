"""What a conversation is brought beside requests: masks, recipes, and words about itself."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ..agent.language.acts import act_of
from ..agent.lineage import Lineage
from ..agent.recipe_check import Given, plan
from ..agent.recipe_run import budget_of
from ..agent.recipe_yaml import BadRecipe, Problem, Source, decoded, read
from ..agent.session import Session
from ..agent.studio import Options
from ..tools.errors import BadInput
from ..tools.registry import HANDLE
from .app import Guest, check_session
from .bodies import Room
from .bodies import read as upload
from .desk import Desk, Job
from .native import At, For, SessionId, SessionState, TurnState, session_state, turn_state

router = APIRouter(tags=["studio"])
_TOLD = re.compile(r"(img-[1-9][0-9]*)\b")
_PNG = {"required": True, "content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}}}
_YAML = {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}


class Mask(BaseModel):
    """The handle of a mask, as requests name it."""

    mask: Annotated[str, Field(pattern=HANDLE)]


class Words(BaseModel):
    """Something said."""

    model_config = ConfigDict(extra="forbid")

    words: Annotated[str, Field(min_length=1, max_length=4000)]


class Acted(BaseModel):
    """What words about the conversation led to: the answer, the pictures to be shown, and the
    session as it now stands; ``said`` is None where the words are a request."""

    said: str | None
    pictures: list[str]
    state: SessionState


@router.post("/sessions/{session}/masks", status_code=201, openapi_extra={"requestBody": _PNG})
async def bring_mask(desk: At, guest: For, session: SessionId, request: Request) -> Mask:
    """Take in the mask in the body, a picture of the size of the one that is to be changed: white
    is what may change. It is not one of the session's pictures."""
    check_session(desk, session, guest)
    room: Room = request.app.state.room
    async with room.for_one(guest.id):
        body = bytes(await upload(request))

        def taken_in() -> str:
            return desk.studio.take_in(body, "mask", Options(0), session, mask=True)

        return Mask(mask=await asyncio.to_thread(taken_in))


@router.post(
    "/sessions/{session}/recipe", status_code=202, openapi_extra={"requestBody": _YAML}
)  # fmt: skip
async def run_recipe(
    desk: At, guest: For, session: SessionId, request: Request,
    input: Annotated[list[str] | None, Query(max_length=40)] = None,
) -> TurnState:  # fmt: skip
    """Run the recipe in the body as a turn of the session. An ``input`` is NAME=VALUE, a picture's
    value its handle. Of those that are left open one photo is the picture that the session stands
    at; any other is the one with whose handle its description begins, as exported recipes have it.
    """
    check_session(desk, session, guest)
    body = bytes(await upload(request))
    job = await asyncio.to_thread(_begin_recipe, desk, guest, session, body, input or [])
    return turn_state(desk, job)


@router.post("/sessions/{session}/acts")
def act(desk: At, guest: For, session: SessionId, said: Words) -> Acted:
    """Do what words say of the conversation itself, as "undo" or "show the first one"; nothing is
    done where they are a request."""
    check_session(desk, session, guest)
    kind = act_of(said.words)
    talk = Session(desk.studio, Options(0), session, asking="never")
    # to draw once more is a request, and waits in line
    done = None if kind is None or kind.kind == "again" else talk.act(said.words)
    words, pictures = (None, ()) if done is None else (done.words, done.pictures)
    state = session_state(desk, guest, session)
    return Acted(said=words, pictures=[*pictures], state=state)


def _begin_recipe(desk: Desk, guest: Guest, session: str, body: bytes, said: list[str]) -> Job:
    source = read(decoded(body, "recipe"))
    given: dict[str, Given] = {}
    for pair in said:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise BadInput(f"input = {pair!r} is refused; allowed is NAME=VALUE.")
        given[name] = value
    usual = desk.studio.usual_options(session)
    checked = plan(source, desk.studio.engine.tools, _with_pictures(desk, session, source, given))
    options = replace(
        usual, recipe=source.text, inputs=dict(checked.inputs), budget=budget_of(checked)
    )
    return desk.take(checked.name[:200], options, session, owner=guest.id)


def _with_pictures(
    desk: Desk, session: str, source: Source, given: dict[str, Given]
) -> dict[str, Given]:
    """What inputs are given, and the session's own picture for the one that is not. No file of this
    machine is read. Raises `BadRecipe`."""
    inputs = source.value.get("inputs") if isinstance(source.value, dict) else None
    entries: dict[str, Any] = inputs if isinstance(inputs, dict) else {}
    images = [
        name for name, entry in entries.items()
        if isinstance(name, str) and isinstance(entry, dict) and entry.get("type") == "image"
    ]  # fmt: skip
    problems: list[Problem] = []
    head = Lineage(desk.studio.ledger, session).head
    given = dict(given)
    left = [name for name in images if name not in given]
    photos = [name for name in left if not name.startswith("mask")]
    if len(photos) == 1 and head is not None:
        given[photos[0]] = head
    for name in set(left) - set(given):
        about = _TOLD.match(str(entries[name].get("description")))
        if about is not None and desk.studio.ledger.may_use(session, about[1]):
            given[name] = about[1]
    for name in [name for name in left if name not in given]:
        told = f"the input {name!r} is missing; give it with input={name}=img-1, a picture's handle"
        problems.append(source.problem(("inputs", name), f"{told}.", key=True))
    for name in images:
        if name in given and not desk.studio.ledger.may_use(session, str(given[name])):
            told = f"{name} = {given[name]!r} is refused; allowed is the handle of a picture here."
            problems.append(source.problem(("inputs", name), told, key=True))
    if problems:
        raise BadRecipe(source.name, problems)
    return given
