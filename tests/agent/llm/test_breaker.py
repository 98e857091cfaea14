"""What fails on and on is left alone, and found out about by one, however many ask at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from danqing.agent.llm import breaker as module
from danqing.agent.llm.breaker import FAILURES, REST, Breaker, Resting

MANY = 16


class Fails(Exception):
    """A failure that counts."""


class Clock:
    """The breaker's clock; it stands still until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def tried(breaker: Breaker, how: Callable[[], None] = lambda: None) -> str:
    """What became of one try."""
    try:
        with breaker.trying(Fails):
            how()
    except Fails:
        return "failed"
    except Resting:
        return "resting"
    except ZeroDivisionError:
        return "neither"
    return "answered"


def fail() -> None:
    raise Fails


def at_once(n: int, do: Callable[[], str]) -> Counter[str]:
    """What became of so many that all begin together."""
    begin, found = threading.Barrier(n), list[str]()

    def run() -> None:
        begin.wait()
        found.append(do())

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return Counter(found)


def test_no_failure_of_many_at_once_is_lost(clock: Clock) -> None:
    breaker = Breaker()
    assert at_once(FAILURES - 1, lambda: tried(breaker, fail)) == {"failed": FAILURES - 1}
    assert tried(breaker, fail) == "failed"
    assert tried(breaker) == "resting"


def test_it_opens_once_for_all_that_were_on_their_way(clock: Clock) -> None:
    """Those that fail after it opened do not open it again, nor count for the time after."""
    breaker = Breaker()
    late = threading.Event()

    def slow() -> None:
        late.wait(10)
        raise Fails

    started = threading.Barrier(MANY + 1)

    def began() -> None:
        started.wait(10)
        slow()

    threads = [threading.Thread(target=tried, args=(breaker, began)) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    started.wait(10)
    for _ in range(FAILURES):
        assert tried(breaker, fail) == "failed"
    clock.now += REST - 1
    late.set()
    for thread in threads:
        thread.join(10)
    assert tried(breaker) == "resting"
    clock.now += 2
    assert tried(breaker) == "answered"
    for _ in range(FAILURES - 1):
        assert tried(breaker, fail) == "failed"
    assert tried(breaker) == "answered"


def test_exactly_one_finds_out_and_the_others_follow(clock: Clock) -> None:
    breaker = Breaker()
    at_once(FAILURES, lambda: tried(breaker, fail))
    for end, then in ((fail, "resting"), (lambda: None, "answered")):
        assert tried(breaker) == "resting"
        clock.now += REST + 1
        others = threading.Event()

        def probe(others: threading.Event = others, end: Callable[[], None] = end) -> None:
            others.wait(10)
            end()

        found: list[Counter[str]] = []
        crowd = threading.Thread(
            target=lambda found=found, probe=probe: found.append(
                at_once(MANY, lambda: tried(breaker, probe))
            )
        )
        crowd.start()
        time.sleep(0.2)  # all but one are refused meanwhile
        others.set()
        crowd.join(10)
        assert found == [{"resting": MANY - 1, "failed" if end is fail else "answered": 1}]
        assert at_once(MANY, lambda: tried(breaker)) == {then: MANY}


def test_one_that_is_cancelled_finds_out_nothing(clock: Clock) -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        tried(breaker, fail)
    clock.now += REST + 1
    assert tried(breaker, lambda: 1 // 0 and None) == "neither"
    assert tried(breaker, fail) == "failed"
    assert tried(breaker) == "resting"


def test_an_answer_ends_a_row(clock: Clock) -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES):
        for _ in range(FAILURES - 1):
            assert tried(breaker, fail) == "failed"
        assert tried(breaker) == "answered"
