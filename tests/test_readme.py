"""The README is true: its chart is the real graph, its commands and words exist."""

from __future__ import annotations

import re
from pathlib import Path

from danqing.agent.loop import chart
from danqing.tools.world import world

README = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")


def test_the_chart_is_drawn_from_the_graph_that_runs() -> None:
    drawn = re.search(r"```mermaid\n(.*?)\n```", README, re.DOTALL)
    assert drawn is not None
    assert drawn[1].strip() == chart().strip()


def test_every_word_of_the_built_in_world_is_named() -> None:
    w = world()
    for pool in (w.objects, w.colors, w.seasons, w.times, w.weathers, w.settings, w.styles):
        missing = [name for name in pool if name not in README]
        assert not missing


def test_the_commands_it_shows_exist() -> None:
    from danqing.commands import danqing

    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    shown = set(re.findall(r"\bdanqing ([a-z]+)\b", blocks))
    assert {"draw", "resume", "doctor"} <= shown
    assert shown <= set(danqing.commands)
