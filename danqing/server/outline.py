"""How much there is in JSON beside its long texts: of that Python makes many times as much."""

from __future__ import annotations

import re

TALK = 1_000_000
"""Bytes of a conversation beside its pictures."""
LONG = 65_536
"""Bytes of a text that is long."""
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def crowded(body: bytes | bytearray) -> bool:
    """Whether more than `TALK` bytes of a body in JSON are no long texts."""
    at, kept = 0, 0
    while (opening := body.find(b'"', at, at + TALK + 2)) >= 0 and kept <= TALK:
        text = _TEXT.match(body, opening)
        if text is None:  # it has no end
            return len(body) - at + kept > TALK
        size = text.end() - opening
        kept += opening - at + (size if size <= LONG else 0)
        at = text.end()
    return kept + len(body) - at > TALK
