"""The studio as an MCP server: the whole agent as one tool, and each image tool as one more.

    with Studio() as studio:
        anyio.run(over_stdio, server(studio, Options(new_seed())))

Pictures travel as handles (``img-3``): small ones lie in the results, and the whole ones are the
resources ``danqing://pictures/img-3``. A client sees the pictures of the sessions that were begun
through the same server, and no others of the home; one with a key those of its key.
https://modelcontextprotocol.io
"""

from __future__ import annotations

import base64
import difflib
import logging
import math
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from mcp import MCPError, types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import __version__
from .agent import events
from .agent.keys import Limits
from .agent.language.text import clean
from .agent.lineage import Lineage
from .agent.provenance import encoded
from .agent.session import Session
from .agent.store import MAX_BYTES
from .agent.studio import Options, Studio, new_seed
from .agent.verdict import Status
from .server import faults
from .server.guests import Guest
from .tools.engine import WorkerFailed
from .tools.errors import BadInput, Stopped, ToolError
from .tools.registry import SEEDS, ToolSpec, refusals
from .words import came_to, rows

PICTURES = "danqing://pictures/"
PREVIEW = 768
"""The longer side, in pixels, of the square that the pictures inside a result share."""
PACE = 0.5
"""Seconds from one word of progress to the next."""
AT_ONCE = 16
"""How many calls are at work; the others wait. A number of its own, so that however many there are,
what a client says next is still read."""
LISTED = 100
"""The pictures of so many sessions of a key are listed."""
MOST_BYTES = MAX_BYTES * 4 // 3 + 65_536
"""The largest HTTP request: the largest upload in base64, and what is said around it."""

INSTRUCTIONS = (
    "Danqing is a studio that draws, checks and repairs pictures. `draw` is the whole studio: say"
    " what a picture shows, or what is to be different, in English or Chinese. The other tools do"
    " one thing to a picture each. Pictures are named by handles such as img-3. Every result names"
    " its session; give it to the next call to go on from there."
)

DRAW = (
    "Draw or change a picture as the request says, in English or Chinese; check it claim by claim,"
    " repair it, and tell what is met. Takes questions about a picture, too, and what is said of a"
    " session: 'undo', 'three more', 'go back to the first one'."
)
OPEN = "Bring a picture from elsewhere into a session, to be changed or asked about."

_log = logging.getLogger(__name__)

SessionId = Annotated[
    str | None,
    Field(description="the session to go on with, as a result named it; a new one if left out"),
]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    session: SessionId = None


class _Draw(_Arguments):
    request: str = Field(description="what the picture shows, or what is to be different in it")


class _Open(_Arguments):
    data: str = Field(description="a PNG, JPEG or WebP file in base64")
    name: str = Field("picture", max_length=200, description="what to call it")


class Checked(BaseModel):
    """One claim of a request, and whether the picture meets it."""

    claim: str
    status: Status
    evidence: str


class Made(BaseModel):
    """What a call came to: the ``pictures`` (handles) that it made or showed, what a tool said of
    them, and the picture that the session is ``at`` now, which it goes on from."""

    session: str
    at: str | None
    pictures: list[str]
    value: dict[str, Any] | None = None


class Drawn(Made):
    """What the studio answers: ``satisfied`` when every claim is met, None where nothing was
    checked."""

    reply: str
    claims: list[Checked]
    satisfied: bool | None


Model = TypeVar("Model", bound=BaseModel)
Call = Callable[[dict[str, Any], events.Listener, threading.Event], types.CallToolResult]


class Served:
    """A studio as the clients of one server see it. Its methods block; threads may share it."""

    def __init__(self, studio: Studio, options: Options, owner: str | None = None) -> None:
        self.studio, self.options, self._owner = studio, options, owner
        studio.copies = False
        self.sessions: dict[str, None] = {}
        """Those that were begun here, oldest first. With a key, whose id is ``owner``, there are
        all others of that, too."""
        self.calls: set[threading.Event] = set()
        """What cancels each of the calls that are at work, or wait for it."""

    def tools(self) -> list[types.Tool]:
        """All that can run now."""
        return [
            _tool("draw", _Draw, Drawn, DRAW),
            _tool("open_picture", _Open, Made, OPEN),
            *map(_image_tool, self.studio.engine.available().values()),
        ]  # fmt: skip

    def call(
        self, name: str, arguments: dict[str, Any], listener: events.Listener,
        cancel: threading.Event,
    ) -> types.CallToolResult:  # fmt: skip
        """Carry out one call. What is refused is told to the model, and so is that there was a
        fault, but not which: that goes to the log."""
        try:
            return self._does(name)(dict(arguments), listener, cancel)
        except (ToolError, Stopped) as error:
            if not isinstance(error, WorkerFailed):
                return _refused(str(error))
            number = faults.tell(_log, "a call", error)
        except Exception as error:  # noqa: BLE001, a client is told of no bug's innards
            number = faults.tell(_log, "a call", error)
        return _refused(
            f"{name} failed by a fault of the studio, not of the call; its log has it as fault"
            f" {number}."
        )

    def _does(self, name: str) -> Call:
        own: dict[str, Call] = {"draw": self._draw, "open_picture": self._open}
        if name in own:
            return own[name]
        offered = self.studio.engine.available()
        if name not in offered:
            near = difflib.get_close_matches(name, [*own, *offered], n=3) or [*own, *offered]
            raise ToolError(f"there is no tool {name!r} now; did you mean {' or '.join(near)}?")
        spec = offered[name]
        return lambda arguments, *how: self._use(spec, arguments, *how)

    def _draw(
        self, arguments: dict[str, Any], listener: events.Listener, cancel: threading.Event
    ) -> types.CallToolResult:
        asked = _read("draw", _Draw, arguments)
        for handle in re.findall(r"img-\d+", clean(asked.request).lower()):
            self._check(handle)
        session = self._session(asked.session, cancel)
        said = session.say(asked.request, listener=listener)
        turn = said.turn
        checked = [] if turn is None or turn.brief is None else rows(turn.brief, turn.verdict)
        return self._told(
            Drawn(
                session=session.id, at=session.head, pictures=list(said.pictures), reply=said.words,
                claims=[_checked(*row) for row in checked],
                satisfied=None if turn is None else turn.satisfied,
            ),
            said.words,
        )  # fmt: skip

    def _open(
        self, arguments: dict[str, Any], listener: events.Listener, cancel: threading.Event
    ) -> types.CallToolResult:
        asked = _read("open_picture", _Open, arguments)
        try:
            file = base64.b64decode(asked.data, validate=True)
        except ValueError as error:
            raise BadInput(f"The data are no base64: {error}.") from None
        session = self._session(asked.session, cancel)
        handle = session.open(file, asked.name)
        return self._told(
            Made(session=session.id, at=handle, pictures=[handle]), f"opened {handle}"
        )

    def _use(
        self, spec: ToolSpec, arguments: dict[str, Any], listener: events.Listener,
        cancel: threading.Event,
    ) -> types.CallToolResult:  # fmt: skip
        id = _read(spec.name, _Arguments, {k: arguments.pop(k) for k in {"session"} & {*arguments}})
        for handle in filter(None, map(arguments.get, spec.images)):
            self._check(handle)
        session = self._session(id.session, cancel)
        step = session.use(spec.name, arguments, listener=listener)
        made = [picture.handle for picture in step.pictures]
        result = Made(session=session.id, at=session.head, pictures=made, value=step.value)
        return self._told(result, came_to(step))

    def _session(self, id: str | None, cancel: threading.Event) -> Session:
        """A session of a client's, or a new one, for one call."""
        if id is not None and not self._has(id):
            raise BadInput(
                f"There is no session {id!r} here.", hint="Leave it out to begin a new one."
            )
        options = replace(self.options, seed=new_seed())
        id = id or self.studio.ledger.new_session(self._owner)
        session = Session(self.studio, options, id, asking="never", cancel=cancel)
        self.sessions.setdefault(session.id)
        return session

    def owns(self, handle: str) -> bool:
        """Whether a picture is one of a session of these clients'."""
        return any(map(self._has, self.studio.ledger.owners(handle)))

    def _has(self, session: str) -> bool:
        if session in self.sessions or self._owner is None:
            return session in self.sessions
        try:
            return self.studio.ledger.owner(session) == self._owner
        except BadInput:
            return False

    def _check(self, handle: object) -> None:
        """Refuse a handle of a picture that is not there, or somebody else's, alike."""
        if isinstance(handle, str) and not self.owns(handle):
            raise ToolError(f"there is no picture {handle!r} here")

    def _told(self, result: Made, words: str) -> types.CallToolResult:
        """A result as a client is told it: words, small pictures, and links to the whole ones."""
        pictures = [self.studio.image(handle) for handle in result.pictures]
        side = PREVIEW // math.ceil(math.sqrt(max(1, len(pictures))))
        told = [words, f"session: {result.session}"]
        return types.CallToolResult(
            content=[
                *(types.TextContent(type="text", text=text) for text in told),
                *(_small(picture, side) for picture in pictures),
                *map(_link, result.pictures),
            ],
            structured_content=result.model_dump(mode="json"),
        )

    def resources(self) -> list[types.Resource]:
        """The pictures that the sessions handed over, newest session first."""
        known = [*reversed(self.sessions)]
        if self._owner is not None:
            known = self.studio.ledger.sessions_of(self._owner, LISTED)
        handles = [
            handle for session in known for handle in Lineage(self.studio.ledger, session).nodes
        ]
        return [types.Resource(**_named(handle)) for handle in dict.fromkeys(handles)]

    def read(self, uri: str) -> bytes:
        """The PNG of a picture, with its provenance; `MCPError` for one that is not there, or not
        of a session that was begun here."""
        handle = uri.removeprefix(PICTURES)
        if handle == uri or not self.owns(handle):
            raise MCPError(types.INVALID_PARAMS, "There is no such picture here.", {"uri": uri})
        return self.studio.png(handle, metadata=self.options.metadata)


class Clients:
    """What the clients of one server see: those that come with one key the same, and those that
    come without, of whom there is no telling apart, too."""

    def __init__(self, studio: Studio, options: Options) -> None:
        self._studio, self._options = studio, options
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._served: dict[str | None, tuple[Served, anyio.CapacityLimiter]] = {}

    def of(self, context: Any) -> Served:
        """What the client sees that something comes from."""
        return self._at(_guest(context))[0]

    def _at(self, guest: Guest | None) -> tuple[Served, anyio.CapacityLimiter]:
        owner = None if guest is None else guest.id
        if owner not in self._served:
            served = Served(self._studio, self._options, owner)
            self._served[owner] = served, anyio.CapacityLimiter(AT_ONCE)
        return self._served[owner]

    async def call(
        self, context: Any, name: str, arguments: dict[str, Any], listener: events.Listener,
        cancel: threading.Event,
    ) -> types.CallToolResult:  # fmt: skip
        """Carry out a call once it is its turn, if its key may have one more waiting."""
        guest = _guest(context)
        limits = Limits() if guest is None else guest.limits
        served, own = self._at(guest)
        own.total_tokens = limits.at_once or AT_ONCE
        if limits.waiting is not None and len(served.calls) >= own.total_tokens + limits.waiting:
            return _refused(
                f"You have {len(served.calls)} calls at work and waiting, and no more are taken."
                " Try again later."
            )
        served.calls.add(cancel)
        try:
            async with own:
                return await anyio.to_thread.run_sync(
                    served.call, name, arguments, listener, cancel, limiter=self._room
                )
        finally:
            served.calls.discard(cancel)

    @property
    def keys(self) -> set[str]:
        """The ids of the keys that something was called with."""
        return {owner for owner in self._served if owner is not None}

    def dismiss(self, key: str) -> None:
        """End the calls of a key, each at its next safe point."""
        if key in self._served:
            for cancel in self._served.pop(key)[0].calls:
                cancel.set()


def _guest(context: Any) -> Guest | None:
    """Who asks, where somebody had to come in by a door."""
    guest: Guest | None = getattr(getattr(context.request, "state", None), "guest", None)
    return guest


def server(
    studio: Studio, options: Options, clients: Clients | None = None
) -> Server[Any]:  # fmt: skip
    """A server that hands out a studio; ``options`` are those of every turn, but for their seed."""
    clients = clients or Clients(studio, options)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        latest, cancel = _Latest(), threading.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_tell, latest, context.session.report_progress, cancel)
            result = await clients.call(
                context, params.name, params.arguments or {}, latest.hear, cancel
            )
            tasks.cancel_scope.cancel()
        return result

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=await anyio.to_thread.run_sync(clients.of(context).tools)
        )

    async def list_resources(context: Any, params: Any) -> types.ListResourcesResult:
        found = await anyio.to_thread.run_sync(clients.of(context).resources)
        return types.ListResourcesResult(resources=found)

    async def list_templates(context: Any, params: Any) -> types.ListResourceTemplatesResult:
        template = types.ResourceTemplate(
            name="picture", uri_template=PICTURES + "{handle}", mime_type="image/png"
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(
        context: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        try:
            png = await anyio.to_thread.run_sync(clients.of(context).read, uri)
        except Stopped as error:
            raise MCPError(types.INTERNAL_ERROR, str(error), {"uri": uri}) from None
        blob = base64.b64encode(png).decode("ascii")
        contents = types.BlobResourceContents(uri=uri, blob=blob, mime_type="image/png")
        return types.ReadResourceResult(contents=[contents])

    return Server(
        "danqing", title="Danqing 丹青", version=__version__, instructions=INSTRUCTIONS,
        on_list_tools=list_tools, on_call_tool=call_tool, on_list_resources=list_resources,
        on_list_resource_templates=list_templates, on_read_resource=read_resource,
    )  # fmt: skip


async def over_stdio(server: Server[Any]) -> None:
    """Serve one client over standard input and output until it closes them. Meanwhile whatever
    else is written to standard output comes out at standard error."""
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


class _Latest:
    """The latest word of progress that was not told yet."""

    def __init__(self) -> None:
        self._phase, self._word = "", ""

    def hear(self, event: events.Event) -> None:
        match event:
            case events.Phase(name, note):
                self._phase = self._word = ", ".join(filter(None, (name, note)))
            case events.Working(now):
                parts = self._phase, f"{now.tool} {now.done}/{now.total}", now.note
                self._word = ", ".join(filter(None, parts))

    def take(self) -> str:
        word, self._word = self._word, ""
        return word


async def _tell(latest: _Latest, report: Any, cancel: threading.Event) -> None:
    """Report progress until the call ends or nobody waits for it any more; then set ``cancel``.

    What counts is half seconds: how much is left to do nobody knows.
    """
    try:
        for n in count(1):
            await anyio.sleep(PACE)
            if word := latest.take():
                await report(n, None, word)
    finally:
        cancel.set()


def _tool(
    name: str, arguments: type[BaseModel], result: type[BaseModel], description: str
) -> types.Tool:
    return types.Tool(
        name=name, description=description, input_schema=arguments.model_json_schema(),
        output_schema=result.model_json_schema(), annotations=_HINTS,
    )  # fmt: skip


def _image_tool(spec: ToolSpec) -> types.Tool:
    """A tool as it was declared, with a session. Seeds may be left out."""
    schema = spec.schema()
    session = _Arguments.model_json_schema()["properties"]["session"]
    schema["properties"] = {**schema["properties"], "session": session}
    schema["required"] = [name for name in schema["required"] if name not in SEEDS]
    return types.Tool(
        name=spec.name, description=spec.summary, input_schema=schema,
        output_schema=Made.model_json_schema(), annotations=_HINTS,
    )  # fmt: skip


_HINTS = types.ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""Every call adds to a session, and none takes away."""


def _read(tool: str, model: type[Model], arguments: dict[str, Any]) -> Model:
    """The arguments of a call; `ToolError` says what is wrong with them, as of a tool's."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        raise ToolError(f"{tool}: {refusals(error, model.model_json_schema())}") from None


def _checked(status: str, claim: str, evidence: str) -> Checked:
    return Checked.model_validate({"status": status, "claim": claim, "evidence": evidence})


def _refused(words: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=words)], is_error=True)


def _small(picture: Image.Image, side: int) -> types.ImageContent:
    """A picture as a PNG of at most ``side`` pixels a side."""
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = base64.b64encode(encoded(picture, None)).decode("ascii")
    return types.ImageContent(type="image", data=data, mime_type="image/png")


def _named(handle: str) -> dict[str, Any]:
    return {"uri": PICTURES + handle, "name": handle, "mime_type": "image/png"}


def _link(handle: str) -> types.ResourceLink:
    return types.ResourceLink(type="resource_link", **_named(handle))
