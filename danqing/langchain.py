"""Danqing as a part of somebody's own LangChain program.

    from danqing import Home, Options, Session, Studio
    from danqing.langchain import Draw, tools

    with Studio(Home.open()) as studio:
        session = Session(studio, Options(seed=7))
        chain = Draw(session) | (lambda said: said.turn.picture.path)
        agent = create_agent(model, tools(session))

`Draw` is the whole studio as a Runnable: a request in, what was said and made out. `tools` are the
image tools, and the whole studio as one more of them. Pictures travel as handles, never as pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from langchain_core.callbacks import CallbackManagerForChainRun, dispatch_custom_event
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.v1 import ValidationError as V1Error

from .agent import events
from .agent.records import Step
from .agent.session import Said, Session
from .tools.errors import Cancelled, Stopped, ToolError
from .tools.registry import HANDLE, SEEDS, ToolSpec, refusals
from .words import came_to

EVENT = "danqing"
"""The name of the custom events that tell of progress."""


class Draw(Runnable[str, Said]):
    """A conversation as a Runnable: each request goes on from the picture that the last one made.

    Progress comes as custom events called `EVENT`. Several threads take turns.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._turn = threading.Lock()

    def invoke(self, input: str, config: RunnableConfig | None = None, **_: Any) -> Said:
        """Say ``input`` in the conversation. Raises what `Session.say` does."""
        return self._call_with_config(self._said, input, config)

    def _said(
        self, request: str, run_manager: CallbackManagerForChainRun, config: RunnableConfig
    ) -> Said:
        def tell(event: events.Event) -> None:
            if isinstance(event, events.Phase):
                dispatch_custom_event(
                    EVENT, {"phase": event.name, "note": event.note}, config=config
                )
            elif isinstance(event, events.Working):
                dispatch_custom_event(EVENT, event.progress.as_json(), config=config)

        with self._turn:
            return self.session.say(request, listener=tell)


def tools(session: Session) -> list[BaseTool]:
    """The tools that can run now, each as a LangChain tool, and ``draw``: the whole studio.

    A call is a turn of the session. What it made is told in words, and as the artifact, a dict of
    ``pictures`` (handle, path, width, height) and ``value``. What a tool refuses is told to the
    model and ends nothing.
    """
    studio = session.studio
    made: list[BaseTool] = [_draw(session)]
    for name, spec in studio.engine.available().items():
        made.append(
            StructuredTool(
                name=name,
                description=spec.summary,
                args_schema=_arguments(spec),
                func=_use(session, name),
                response_format="content_and_artifact",
                handle_tool_error=True,
                handle_validation_error=_refused(spec),
            )
        )
    return made


def _arguments(spec: ToolSpec) -> type[BaseModel]:
    """All arguments of a tool, images as handles. Seeds may be left out."""
    handle = Annotated[str, Field(pattern=HANDLE, description="handle of an image, as img-3")]
    fields: dict[str, Any] = {
        name: (handle | None, None) if name in spec.optional else (handle, ...)
        for name in spec.images
    }
    for name in SEEDS & spec.arguments.model_fields.keys():
        field = spec.arguments.model_fields[name]
        fields[name] = (Annotated[field.annotation, *field.metadata] | None, None)
    return create_model(spec.name, __base__=spec.arguments, **fields)


def _refused(spec: ToolSpec) -> Callable[[ValidationError | V1Error], str]:
    schema = _arguments(spec).model_json_schema()

    def refused(error: ValidationError | V1Error) -> str:
        told = refusals(error, schema) if isinstance(error, ValidationError) else str(error)
        return f"{spec.name}: {told}"

    return refused


def _use(session: Session, name: str) -> Any:
    def use(**arguments: Any) -> tuple[str, dict[str, Any]]:
        with _told_to_the_model():
            step = session.use(name, arguments)
        return came_to(step), _artifact(session, step)

    return use


def _draw(session: Session) -> BaseTool:
    runnable = Draw(session)

    def draw(request: str) -> tuple[str, dict[str, Any]]:
        with _told_to_the_model():
            said = runnable.invoke(request)
        turn = None if said.turn is None else said.turn.model_dump(mode="json")
        return said.words, {"pictures": list(said.pictures), "turn": turn}

    return StructuredTool.from_function(
        draw, name="draw", response_format="content_and_artifact", handle_tool_error=True,
        description="Draw or change a picture as the request says, in English or Chinese; check it"
        " claim by claim, repair it, and tell what is met.",
    )  # fmt: skip


@contextmanager
def _told_to_the_model() -> Iterator[None]:
    """What is refused is an error that LangChain tells the model."""
    try:
        yield
    except Cancelled:  # no word for the model, but the end of its work
        raise
    except (ToolError, Stopped) as error:
        raise ToolException(str(error)) from error


def _artifact(session: Session, step: Step) -> dict[str, Any]:
    store = session.studio.ledger.store
    pictures = [
        {"handle": p.handle, "path": str(store.path(p.digest)), "width": p.width,
         "height": p.height}
        for p in step.pictures
    ]  # fmt: skip
    return {"pictures": pictures, "value": step.value}
