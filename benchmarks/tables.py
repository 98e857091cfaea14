"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first row the head, whose columns line up in a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines = [
        "| "
        + " | ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]])
        + " |"
        for row in rows
    ]
    rule = "|" + "".join("-" * (width + 2) + "|" for width in widths) + "---|"
    return "\n".join([lines[0], rule, *lines[1:]])
