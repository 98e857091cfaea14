"""One studio for many sessions, threads and event loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent import events
from danqing.agent.home import Home
from danqing.agent.studio import Options, Studio, TurnDocument
from danqing.tools.engine import Engine
from danqing.tools.errors import BadInput, Cancelled

SMALL = (64, 64)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path / "home") as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield studio


def test_the_usual_home_is_that_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "mine"))
    with Studio() as studio:
        assert studio.home.root == tmp_path / "mine"
    with Studio(Home.open(tmp_path / "other")) as studio:
        assert studio.home.root == tmp_path / "other"


def test_without_options_a_session_goes_on_from_where_it_stands(studio: Studio) -> None:
    first = studio.ask("a red house in winter")
    assert first.picture is not None
    assert first.satisfied is False, "no winter is seen"
    second = studio.ask("how many houses are there?", session=first.session)
    assert second.brief is not None
    assert (second.session, second.brief.target) == (first.session, first.picture.handle)
    other = studio.ask("a red house")
    assert other.session != first.session
    seeds = {turn.options["seed"] for turn in map(studio.ledger.turn, (first.turn, other.turn))}
    assert len(seeds) == 2
    with pytest.raises(BadInput, match="no session"):
        studio.ask("a red house", session="nowhere")


def test_a_picture_of_pillow_is_taken_in(studio: Studio) -> None:
    session = studio.ledger.new_session()
    photo = Image.linear_gradient("L").convert("RGB").resize((80, 60))
    handle = studio.take_in(photo, "photo", Options(1), session)
    assert studio.image(handle).tobytes() == photo.tobytes()


def test_sessions_are_served_at_once_and_one_session_in_turn(studio: Studio) -> None:
    engine, busy, most = studio.engine, dict[str, int](), dict[str, int]()
    assert isinstance(engine, ScriptedEngine)
    counting, both = threading.Lock(), threading.Barrier(3)
    sessions = [studio.ledger.new_session() for _ in range(3)]

    def serve(session: str) -> list[TurnDocument]:
        def listen(event: events.Event) -> None:
            with counting:
                match event:
                    case events.Phase("understanding"):
                        busy[session] = busy.get(session, 0) + 1
                        most[session] = max(most.get(session, 0), busy[session])
                    case events.Phase("finishing"):
                        busy[session] -= 1

        both.wait(10)  # all of them have begun before any goes on
        with ThreadPoolExecutor() as pool:
            asked = [
                pool.submit(studio.ask, "a red house", session=session, listener=listen)
                for _ in range(3)
            ]
            return [one.result() for one in asked]

    with ThreadPoolExecutor() as pool:
        served = [*pool.map(serve, sessions)]
    assert most == dict.fromkeys(sessions, 1)
    for session, turns in zip(sessions, served, strict=True):
        assert {turn.session for turn in turns} == {session}
        assert all(turn.satisfied and turn.picture for turn in turns)
        kept = [turn.id for turn in studio.ledger.turns(9, session)]
        assert sorted(turn.turn for turn in turns) == sorted(kept)
    handles = [turn.picture.handle for turns in served for turn in turns if turn.picture]
    assert len({*handles}) == 9
    assert not studio.cut_short()


@pytest.mark.parametrize("again", [False, True])
def test_an_engine_ends_when_its_last_turn_does(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    first, closed = studio.engine, list[Engine]()
    assert isinstance(first, ScriptedEngine)
    other = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
    other.profile = other.profile.model_copy(update={"name": "other"})
    monkeypatch.setattr(studio, "_engine", lambda models, planner: other)
    for engine in (first, other):
        monkeypatch.setattr(engine, "close", lambda engine=engine: closed.append(engine))
    drawing, go_on = threading.Event(), threading.Event()

    def wait(tool: str) -> None:
        drawing.set()
        assert go_on.wait(10)

    first.before = wait
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(studio.ask, "a red house", Options(1, SMALL))
        assert drawing.wait(10)
        assert studio.ask("a red house", Options(2, SMALL, models="other")).satisfied
        assert studio.engine is other
        assert not closed
        if again:  # the first is still there, and no other is needed with its models
            drawing.clear()
            more = pool.submit(studio.ask, "a red house", Options(3, SMALL))
            assert drawing.wait(10)
        go_on.set()
        assert slow.result().satisfied
        assert not again or more.result().satisfied
    assert (closed, studio.engine) == (([other], first) if again else ([first], other))
    assert {name for name, _ in first.calls} >= {"text_to_image", "caption"}


def test_what_runs_is_not_resumed_beside_itself(studio: Studio) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    drawing, go_on = threading.Event(), threading.Event()

    def wait(tool: str) -> None:
        drawing.set()
        assert go_on.wait(10)

    engine.before = wait
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(studio.ask, "a red house")
        assert drawing.wait(10)
        resumed = pool.submit(studio.resume)
        time.sleep(0.2)  # it would be drawing, too
        go_on.set()
        assert (asked.result().satisfied, resumed.result()) == (True, [])


def test_who_stops_what_is_resumed_can_take_up_the_rest(studio: Studio, tmp_path: Path) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    begun = [studio.begin("a red house", session=studio.ledger.new_session()) for _ in range(2)]
    studio.ledger.close()
    with Studio(tmp_path / "home") as studio:
        studio.engine = engine
        engine.before = lambda tool: studio.cancel.set()
        with pytest.raises(Cancelled):
            studio.resume()
        engine.before = lambda tool: None
        studio.cancel.clear()
        assert [turn.turn for turn in studio.resume()] == [turn.id for turn in begun]


def test_a_stream_tells_what_happens_and_last_the_turn(studio: Studio) -> None:
    async def watch() -> list[Any]:
        return [event async for event in studio.stream("a red house")]

    *told, turn = asyncio.run(watch())
    assert isinstance(turn, TurnDocument)
    assert turn.satisfied
    phases = [event.name for event in told if isinstance(event, events.Phase)]
    assert phases[:3] == ["understanding", "planning", "drawing"]
    assert phases[-1] == "finishing"
    assert any(isinstance(event, events.Judged) and event.best for event in told)


def test_streams_run_side_by_side_in_one_loop(studio: Studio) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    drawing = threading.Barrier(2)
    engine.before = lambda tool: drawing.wait(10) and None if tool == "text_to_image" else None

    async def last(request: str) -> Any:
        return [event async for event in studio.stream(request)][-1]

    async def both() -> list[Any]:
        return await asyncio.gather(last("a red house"), last("a red house by a red house"))

    one, other = asyncio.run(both())
    assert one.session != other.session


def test_whoever_leaves_a_stream_ends_the_turn_and_can_take_it_up_again(studio: Studio) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    engine.before = lambda tool: time.sleep(0.05)

    async def leave() -> str:
        async for event in (stream := studio.stream("a red house")):
            if isinstance(event, events.Phase) and event.name == "drawing":
                await stream.aclose()
                break
        return "left"

    assert asyncio.run(leave()) == "left"
    calls = len(engine.calls)
    time.sleep(0.2)
    assert len(engine.calls) == calls, "nothing goes on behind"
    [turn] = studio.resume()
    assert turn.satisfied
    assert not studio.cancel.is_set(), "nobody else was stopped"


def test_what_goes_wrong_is_raised_where_the_stream_is_read(studio: Studio) -> None:
    async def watch(request: str, **how: Any) -> None:
        async for _ in studio.stream(request, **how):
            pass

    with pytest.raises(BadInput):
        asyncio.run(watch("  "))
    with pytest.raises(BadInput, match="no session"):
        asyncio.run(watch("a red house", session="nowhere"))
    studio.cancel.set()
    with pytest.raises(Cancelled):
        studio.ask("a red house")
    studio.cancel.clear()
