"""The studio in somebody else's LangChain program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool
from langchain_tests.unit_tests import ToolsUnitTests
from provider import Say, provider
from scripted_engine import SCENE, ScriptedEngine

from danqing import Home, Options, Session, Studio
from danqing.langchain import EVENT, Draw, tools
from danqing.tools.errors import Cancelled

OPTIONS = Options(seed=1, size=(64, 64))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield Session(studio, OPTIONS)


def named(session: Session, name: str) -> BaseTool:
    return next(tool for tool in tools(session) if tool.name == name)


class TestDrawing(ToolsUnitTests):
    """LangChain's own tests of a tool: text_to_image."""

    name, example = "text_to_image", {"prompt": "a red house", "seeds": [3]}

    @pytest.fixture(autouse=True)
    def _session(self, session: Session) -> None:
        type(self).made = named(session, self.name)

    @property
    def tool_constructor(self) -> BaseTool:
        return self.made

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return dict(self.example)


class TestWorkOnImages(TestDrawing):
    name, example = "adjust", {"image": "img-1", "brightness": 0.5}


class TestTheWholeStudio(TestDrawing):
    name, example = "draw", {"request": "a red house"}


def test_every_tool_that_can_run_is_handed_out(session: Session) -> None:
    offered = session.studio.engine.available()
    assert [tool.name for tool in tools(session)] == ["draw", *offered]
    for tool in tools(session):
        assert tool.description
        json.dumps(tool.tool_call_schema.model_json_schema())


def test_pictures_travel_as_handles(session: Session) -> None:
    call = {"type": "tool_call", "id": "1", "args": {"prompt": "a red house", "seeds": [3, 4]}}
    drawn = named(session, "text_to_image").invoke({**call, "name": "text_to_image"})
    assert isinstance(drawn, ToolMessage)
    assert drawn.content == "made img-1, img-2"
    json.dumps(drawn.artifact)
    first = drawn.artifact["pictures"][0]
    assert first["handle"] == "img-1" and Path(first["path"]).exists()
    darker = named(session, "adjust").invoke({"image": "img-1", "brightness": 0.5})
    assert darker == "made img-3"
    assert session.head == "img-3"
    told = named(session, "caption").invoke({"image": "img-3"})
    assert "text" in told


def test_seeds_may_be_left_out(session: Session) -> None:
    named(session, "text_to_image").invoke({"prompt": "a red house"})
    assert session.studio.ledger.step_of("img-1").args["seeds"] == [OPTIONS.seed]


def test_a_mask_is_not_what_the_conversation_stands_at(session: Session) -> None:
    named(session, "text_to_image").invoke({"prompt": "a red house"})
    named(session, "region").invoke({"boxes": [[0.0, 0.0, 0.5, 0.5]], "size": [64, 64]})
    assert session.head == "img-1"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("adjust", {"image": "img-9"}, "img-9"),
        ("adjust", {"image": "/etc/passwd"}, "image = '/etc/passwd' is refused"),
        ("adjust", {}, "image is missing"),
        ("adjust", {"image": "img-1", "brightness": -3}, "brightness = -3 is refused; allowed"),
        ("text_to_image", {"prompt": "x", "seeds": [-1]}, "seeds[0] = -1 is refused; allowed"),
        ("draw", {"request": "   "}, "empty"),
    ],
)
def test_what_is_refused_is_told_and_ends_nothing(
    session: Session, name: str, arguments: dict[str, Any], said: str
) -> None:
    assert said in named(session, name).invoke(arguments)
    assert not session.studio.ledger.unfinished()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("text_to_image", {"prompt": "a red house"}), ("draw", {"request": "a red house"})],
)
def test_who_stops_the_work_stops_the_agent_too(
    session: Session, name: str, arguments: dict[str, Any]
) -> None:
    session.studio.cancel.set()
    with pytest.raises(Cancelled):
        named(session, name).invoke(arguments)


def test_the_studio_is_a_runnable(session: Session) -> None:
    asked: list[Any] = []
    chain = RunnableLambda(lambda color: f"a {color} house") | Draw(session) | asked.append
    chain.invoke("red")
    (said,) = asked
    assert said.turn is not None and said.turn.satisfied
    assert said.pictures[-1] == session.head


async def _events(session: Session) -> list[Any]:
    found = []
    async for event in Draw(session).astream_events("a red house", version="v2"):
        if event["event"] == "on_custom_event" and event["name"] == EVENT:
            found.append(event["data"])
    return found


def test_progress_comes_as_events(session: Session) -> None:
    import asyncio

    phases = [event["phase"] for event in asyncio.run(_events(session)) if "phase" in event]
    assert phases[:3] == ["understanding", "planning", "drawing"]


def test_an_agent_draws_and_works_on_what_it_drew(session: Session) -> None:
    def answer(request: dict[str, Any]) -> Say:
        told = [m["content"] for m in request["messages"] if m["role"] == "tool"]
        if not told:
            return Say(calls=[("draw", '{"request": "a red house"}')])
        if len(told) == 1:
            return Say(calls=[("adjust", json.dumps({"image": session.head, "flip": "both"}))])
        if len(told) == 2:  # "both" was refused, and the agent lives
            assert "flip = 'both' is refused" in told[1]
            return Say(
                calls=[("adjust", json.dumps({"image": session.head, "flip": "horizontal"}))]
            )
        return Say(text="There you are.")

    with provider(answer) as server:
        model = init_chat_model(
            "tiny", model_provider="openai", base_url=server.url, api_key="none",
            use_responses_api=False, streaming=True, max_retries=0,
        )  # fmt: skip
        agent = create_agent(model, tools(session))
        done = agent.invoke({"messages": [("user", "a house please, mirrored")]})
    assert done["messages"][-1].text == "There you are."
    made = session.studio.ledger.step_of(str(session.head))
    assert made.tool == "adjust" and made.args["flip"] == "horizontal"
