"""Who is next, and how many come before."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from danqing.server.line import Line


@dataclass(frozen=True)
class One:
    turn: int
    owner: str | None


def test_owners_take_turns_and_each_keeps_its_order() -> None:
    line: Line[One] = Line()
    for turn, owner in enumerate(["a", "a", "a", None, "b", "b"]):
        line.put(One(turn, owner))
    served = []
    while (one := line.take()) is not None:
        served.append(one.turn)
        line.served(one)
    assert served == [0, 1, 2, 3, 4, 5], "alone each is served as it came"
    for turn, owner in enumerate(["a", "a", "a", None, "b", "b"]):
        line.put(One(turn, owner))
    together = [one.turn for _ in range(6) if (one := line.take())]
    assert together == [0, 3, 4, 1, 5, 2]
    assert line.take() is None
    assert not len(line)


def test_an_owner_is_served_so_often_at_a_time_and_the_others_do_not_wait_for_it() -> None:
    line: Line[One] = Line(lambda owner: 1 if owner == "a" else None)
    ones = [One(turn, owner) for turn, owner in enumerate("aaab")]
    for one in ones:
        line.put(one)
    assert (line.take(), line.take(), line.take()) == (ones[0], ones[3], None)
    assert len(line) == 2 == line.of("a")
    line.served(ones[0])
    assert line.take() == ones[1]


def test_who_comes_late_with_an_earlier_turn_is_before_the_later() -> None:
    line: Line[One] = Line()
    for turn in (5, 3, 4):
        line.put(One(turn, "a"))
    assert [line.position(One(turn, "a")) for turn in (3, 4, 5)] == [0, 1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_a_position_is_how_many_are_taken_before(seed: int) -> None:
    chance = random.Random(seed)
    line: Line[One] = Line()
    inside: list[One] = []
    for turn in range(60):
        one = One(turn, chance.choice(["a", "b", "c", None]))
        line.put(one)
        if chance.random() < 0.4 and (taken := line.take()) is not None:
            inside.append(taken)
        if inside and chance.random() < 0.3:
            line.served(inside.pop(chance.randrange(len(inside))))
        if chance.random() < 0.1:
            line.remove(one)
    waiting = [one for owner in ("a", "b", "c", None) for one in line._waiting.get(owner, [])]
    assert len(waiting) == len(line) > 10
    said = {one: line.position(one) for one in waiting}
    taken_in = [one for _ in waiting if (one := line.take())]
    assert [said[one] for one in taken_in] == list(range(len(waiting)))
    assert line.position(taken_in[0]) is None
    assert line.remove(taken_in[0]) is False
