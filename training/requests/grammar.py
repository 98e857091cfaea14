"""Phrases with choices: ``"(please |)make {thing} {color}"`` stands for many sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random

Node = str | tuple["Node", ...] | list["Node"]
"""Text, or parts one after another (a tuple), or parts of which one is chosen (a list)."""


class Phrases:
    """Phrases to draw from, one a line; a line that begins with "3:" is drawn three times as often.

    ``(a|b|)`` is one of its parts; ``{name}`` is what ``fill`` is asked for when the phrase is
    drawn, from left to right. Raises ValueError for brackets that do not match.
    """

    def __init__(self, lines: str) -> None:
        self._nodes: list[Node] = []
        self._weights: list[int] = []
        for line in filter(str.strip, lines.splitlines()):
            weight, colon, rest = line.partition(":")
            known = bool(colon) and weight.isdigit()
            self._weights.append(int(weight) if known else 1)
            self._nodes.append(_parsed(rest if known else line))

    def draw(self, rng: Random, fill: Callable[[str], str] = lambda name: "{" + name + "}") -> str:
        node = rng.choices(self._nodes, self._weights)[0]
        return "".join(fill(part[1:-1]) if part[:1] == "{" else part for part in _chosen(node, rng))


def _chosen(node: Node, rng: Random) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, list):
        return _chosen(rng.choice(node), rng)
    return [part for child in node for part in _chosen(child, rng)]


@cache
def _parsed(line: str) -> Node:
    node, end = _sequence(line, 0)
    if end != len(line):
        raise ValueError(f"a bracket is closed that was not opened, at {end} of {line!r}")
    return node


def _sequence(line: str, at: int) -> tuple[Node, int]:
    """The parts from ``at`` to what ends them: "|", ")" or the end of the line."""
    parts: list[Node] = []
    while at < len(line) and line[at] not in "|)":
        if line[at] == "(":
            choices: list[Node] = []
            while True:
                node, at = _sequence(line, at + 1)
                choices.append(node)
                if at >= len(line):
                    raise ValueError(f"a bracket is not closed in {line!r}")
                if line[at] == ")":
                    break
            parts.append(choices)
            at += 1
        elif line[at] == "{":
            end = line.index("}", at) + 1
            parts.append(line[at:end])
            at = end
        else:
            ends = [i for i in (line.find(mark, at) for mark in "(|){") if i >= 0]
            end = min(ends, default=len(line))
            parts.append(line[at:end])
            at = end
    return tuple(parts), at


def weighted(rng: Random, options: Sequence[tuple[float, str]]) -> str:
    """One of the names, each as often as its number says."""
    return rng.choices([name for _, name in options], [weight for weight, _ in options])[0]
