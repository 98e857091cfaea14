"""A small run of the server's benchmark: what it looks at is looked at."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.serve import load
from benchmarks.serve.__main__ import AT_ONCE, taken, turns
from benchmarks.serve.load import Figures, served

pytest.importorskip("uvicorn")


def test_sessions_are_followed_to_their_ends() -> None:
    rows = {what.split(",")[0]: right for _, what, _, right in asyncio.run(turns(5, 2))}
    assert rows["5 sessions"], "one of the turns was not right"
    assert set(rows) >= {"whole turns a second", "the server's memory at most"}


def test_the_line_is_filled_refuses_the_next_and_is_carried_out() -> None:
    rows = {what: (value, right) for _, what, value, right in asyncio.run(taken(4, 12))}
    assert rows["the next one"] == ("429", True)
    all_of_them = 12 + AT_ONCE
    (carried,) = [v for what, v in rows.items() if what.startswith(f"of {all_of_them} carried")]
    assert carried == (f"{all_of_them}", True)


def test_what_is_not_right_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> tuple[Figures, Figures]:
        twice, other = Figures(), Figures()
        async with served() as server:
            (session,) = await server.sessions(1)
            client = server.client()
            await asyncio.gather(*(load.turn(client, session, twice) for _ in range(2)))
            monkeypatch.setattr(load, "REQUEST", "a blue boat")  # which no picture shows
            await load.turn(client, session, other)
        return twice, other

    twice, other = asyncio.run(ask())
    assert len(twice.took) == 1
    assert twice.wrong[0].startswith("409"), "a session is at one turn at a time"
    assert "It meets 0 of 2" in other.wrong[0]


def test_what_is_not_right_in_a_stream_is_seen() -> None:
    turn = '{"session": "s", "reply": "", "satisfied": true}'
    end = f'id: 9\nevent: done\ndata: {{"turn_id": 3, "turn": {turn}}}'
    first = 'id: 1\nevent: phase\ndata: {"turn_id": 3, "name": "drawing"}'
    assert not [*load.wrong_in(f"{first}\n\n: alive\n\n{end}\n\n", 3, "s")]
    for wrong in (
        f"{first}\n\n{first}\n\n{end}", first, f"{end}\n\n{end}", end.replace("3", "4"),
        end.replace("true", "false"),
    ):  # fmt: skip
        assert [*load.wrong_in(wrong, 3, "s")], wrong
    assert [*load.wrong_in(end, 3, "another")]


def test_a_share_of_what_was_measured() -> None:
    figures = Figures(took=[0.4, 0.1, 0.2, 0.3], all=2.0)
    assert (figures.at(0.5), figures.at(0.99), figures.rate) == (0.2, 0.4, 2.0)
