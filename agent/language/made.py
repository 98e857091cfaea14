"""What a change makes so: claims that follow from what is done, and not from the words for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..brief import SCENE_OPS, Change, Op
from .claims import Instead
from .clause import GIST, Clause
from .mentions import IT

TOLD: frozenset[Op] = frozenset({"recolor", "resize", "move", "remove", "tune"})
"""Changes of which all that is to be claimed follows; what else an edit says is read."""

_OWN_WAY = re.compile(r"\bmissing\b|^\W*(?:plant|stick|hang|park)\b|[少缺差弄整]|有.*好")
_BETTER = re.compile(r"\bwould\b")
_MORE = re.compile(r"\bwith\b")
_SIZES = {"bigger": "big", "smaller": "small"}


def made_so(clause: Clause, words: str) -> Instead | None:
    """What the ``words`` of a clause claim, as fields of claims, and where; None where they are to
    be read, for they say more than what is changed. A thing that is not named claims nothing."""
    span = clause.start, clause.end
    if clause.rule == "so":
        return span, []
    if clause.rule != GIST and not _tells_all(clause, words):
        return None
    named = [change for change in clause.changes if change.subject != IT.noun]
    return span, [one for change in named for one in follows(change)]


def _tells_all(clause: Clause, words: str) -> bool:
    """Whether the changes of a clause are all that its words say."""
    changes = clause.changes
    beside = any(change.object for change in changes if change.subject != IT.noun)
    if not changes or beside or _MORE.search(words):
        return False
    if clause.rule == "add" and _OWN_WAY.search(words):
        return True
    if clause.rule == "replace" and _BETTER.search(words):
        return True
    if clause.rule in {"set", "bare"} and all(c.op in SCENE_OPS and c.value for c in changes):
        return True
    return all(change.op in TOLD for change in changes)


def follows(change: Change) -> Iterator[dict[str, Any]]:
    """Everything that is so once a change is made, as fields of claims."""
    if change.op == "add":
        yield from _new(change)
    elif change.op == "replace":
        yield {"kind": "absent", "subject": change.subject, "color": change.color}
        yield from _put(change)
    elif change.op in SCENE_OPS and change.value:
        yield {"subject": None, "kind": change.op, "value": change.value}
    elif change.op == "move" and change.object is not None:
        told = {"subject": change.subject, "value": change.value, "object": change.object}
        yield {"kind": "relation", **told}
    elif fields := _fields(change):
        yield fields


def _fields(change: Change) -> dict[str, Any]:
    subject, value = change.subject, change.value
    match change.op:
        case "recolor":
            return {"kind": "color", "subject": subject, "value": value}
        case "resize":
            return {"kind": "size", "subject": subject, "value": _SIZES[str(value)]}
        case "move":
            return {"kind": "place", "subject": subject, "value": value}
        case "remove":
            return {"kind": "absent", "subject": subject, "color": change.color}
    return {}


def _put(change: Change) -> Iterator[dict[str, Any]]:
    """What is to be seen where a thing takes the place of another."""
    yield {"kind": "object", "subject": change.value, "value": None}
    if change.new_color:
        yield {"kind": "color", "subject": change.value, "value": change.new_color}


def _new(change: Change) -> Iterator[dict[str, Any]]:
    """What is to be seen of a thing that is added."""
    told = {"object": None, "count": change.count, "color": change.new_color, "place": change.value}
    for kind, value in told.items():
        if kind == "object" or value is not None:
            yield {"kind": kind, "subject": change.subject, "value": value}
