"""Which call begins when."""

from __future__ import annotations

import threading
import time

import pytest
from PIL import Image

from danqing.tools.errors import Cancelled
from danqing.tools.frames import Frame
from danqing.tools.registry import Context, Together, spec, tool
from danqing.tools.schedule import MOST, Asked, Schedule


@tool("text-to-image", together=Together(lambda _, arguments: arguments["seeds"], lambda _, c: []))
def drawn(context: Context, *, seeds: list[int]) -> list[Image.Image]:
    """Draw."""
    return []


def call(id_: int, models: str, *, pictures: int = 1, alone: bool = False) -> Asked:
    """A call that uses a model for each letter."""
    arguments = {"seeds": [*range(pictures)]}
    data = {"id": id_, "arguments": arguments, "alone": alone, "previews": False}
    return Asked(spec(drawn), Frame("call", data), frozenset(models))


def schedule(*calls: Asked, side_by_side: bool = True) -> Schedule:
    made = Schedule()
    made.side_by_side = side_by_side
    for one in calls:
        made.add(one)
    return made


def ids(made: Schedule) -> list[int]:
    """The calls that can begin now, which they do."""
    begun = []
    while made.lacks(0):
        begun.append(made.next().calls[0].id)
    return begun


@pytest.mark.parametrize(
    ("calls", "side_by_side", "begun"),
    [
        ([call(1, "p"), call(2, "e"), call(3, "l")], True, [1, 2, 3]),
        ([call(1, "p"), call(2, "e"), call(3, "l")], False, [1]),
        ([call(1, "p"), call(2, "p"), call(3, "e")], True, [1, 3]),
        # what waits for a model is not overtaken on it, or on the others that it needs
        ([call(1, "p"), call(2, "pe"), call(3, "e"), call(4, "l")], True, [1, 4]),
        # what must be alone waits for all, and all behind it wait
        ([call(1, "p"), call(2, "e", alone=True), call(3, "l")], True, [1]),
        ([call(1, "p", alone=True), call(2, "e")], True, [1]),
        ([], True, []),
    ],
)
def test_what_begins_first(calls: list[Asked], side_by_side: bool, begun: list[int]) -> None:
    assert ids(schedule(*calls, side_by_side=side_by_side)) == begun


def test_a_call_begins_when_its_models_are_free() -> None:
    made = schedule(call(1, "p"), call(2, "pe"), call(3, "e"))
    first = made.next()
    assert not made.lacks(0)
    made.done(first)
    assert ids(made) == [2]


def test_models_are_loaded_ahead_when_nothing_is_to_be_done() -> None:
    made = schedule(call(1, "e"))
    made.warm("text-to-image", frozenset("p"))
    run = made.next()
    assert (run.role, made.state) == (None, "busy")
    assert not made.lacks(0)
    made.done(run)
    assert made.state == "loading"
    load = made.next()
    assert load.role == "text-to-image"
    made.add(call(2, "p"))
    assert not made.lacks(0), "a call waits for the load of its own model"
    made.done(load)
    assert ids(made) == [2]


def test_a_call_that_has_not_begun_is_withdrawn_and_one_that_runs_is_told() -> None:
    one, two = call(1, "p"), call(2, "p")
    made = schedule(one, two)
    run = made.next()
    assert made.withdraw(2) is two
    assert made.withdraw(1) is None
    assert made.unwanted(one)
    made.answered(run, one)
    made.done(run)
    assert not made.unwanted(one), "no number is kept for ever"
    assert made.withdraw(1) is None
    assert not made.unwanted(one)
    assert not made.lacks(0)


def test_a_run_takes_up_what_it_can_answer_too_but_no_more_than_a_batch() -> None:
    made = schedule(
        call(1, "p", pictures=2), call(2, "p", pictures=2), call(3, "p", pictures=3),
        call(4, "p", pictures=2, alone=True), call(5, "p", pictures=2), call(6, "p", pictures=2),
        call(7, "p", pictures=2),
    )  # fmt: skip
    run = made.next()
    made.join(run, lambda c: len(c.arguments["seeds"]))
    assert [one.id for one in run.calls] == [1, 2, 5, 6]
    assert MOST == 8
    for one in [*run.calls]:
        made.answered(run, one)
    made.done(run)
    assert ids(made) == [3]


def test_nothing_waits_while_it_is_thought_over_which_calls_go_together() -> None:
    made = schedule(call(1, "p"), call(2, "p"), call(3, "p"))
    run, thinking, thought = made.next(), threading.Event(), threading.Event()

    def key(asked: Asked) -> int:
        if asked.id > 1:
            thinking.set()
            thought.wait(5)
        return 0

    joining = threading.Thread(target=made.join, args=(run, key))
    joining.start()
    assert thinking.wait(5)
    withdrawn: list[Asked | None] = []
    cancel = threading.Thread(target=lambda: withdrawn.append(made.withdraw(3)))
    cancel.start()
    cancel.join(1)
    assert len(withdrawn) == 1, "a cancel waits for a model that is being loaded"
    thought.set()
    joining.join(5)
    assert [one.id for one in run.calls] == [1, 2], "what was withdrawn meanwhile stays so"


def test_a_call_that_waits_to_be_alone_can_be_withdrawn() -> None:
    one, two = call(1, "p"), call(2, "e")
    made = schedule(one, two, call(3, "l"))
    first, second = made.next(), made.next()
    ended: list[str] = []

    def check_cancelled() -> None:
        if made.unwanted(two):
            raise Cancelled("it was cancelled.")

    def be_alone() -> None:
        try:
            made.be_alone(second, check_cancelled)
        except Cancelled as error:
            ended.append(str(error))

    waiting = threading.Thread(target=be_alone)
    waiting.start()
    time.sleep(0.1)
    assert not made.lacks(0), "nothing begins meanwhile"
    assert made.withdraw(2) is None
    waiting.join(1)
    assert ended == ["it was cancelled."]
    assert made.lacks(0), "what it held up goes on"
    for run in (first, second):
        made.done(run)
    assert ids(made) == [3]


def test_two_that_want_to_be_alone_are_so_one_after_the_other() -> None:
    made = schedule(call(1, "p"), call(2, "e"), call(3, "l"))
    runs, together = [made.next(), made.next()], []

    def be_alone(number: int) -> None:
        made.be_alone(runs[number], lambda: None)
        together.append(made.only(runs[number]))
        assert not made.lacks(0), "nothing begins beside it"
        time.sleep(0.05)
        made.done(runs[number])

    threads = [threading.Thread(target=be_alone, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert together == [True, True]
    assert ids(made) == [3]
