"""What is told of a turn while it runs."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from danqing.agent.events import Phase
from danqing.display import LiveArea, watching
from danqing.interrupt import Interruption

STEPS = ("understanding", "drawing", "drawing", "looking", "repairing", "drawing", "drawing")


def test_what_takes_several_steps_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Interruption(), quiet=False, language="zh") as listen:
        for name in STEPS:
            listen(Phase(name))
    assert capsys.readouterr().err.splitlines() == ["理解 …", "作画 …", "察看 …", "修改，第 1 轮 …"]


def test_and_so_it_is_in_the_live_area() -> None:
    page = io.StringIO()
    console = Console(file=page, width=80)
    area = LiveArea(console, "en", threading.Event())
    for name in STEPS:
        area(Phase(name))
    console.print(area)
    assert page.getvalue().count("drawing") == 1
    assert page.getvalue().count("round 1") == 1
