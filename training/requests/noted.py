"""What the tests of the built-in reader expect, read from ``tests/agent/*.txt``: a check for other
planners, and nothing to train on.

Claims and changes are written there in a short notation, which ``tests/agent/test_language.py`` and
``test_edits.py`` describe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import get_args

from danqing.agent.brief import SCENE_KINDS, Brief, Change, Claim, RelationValue
from danqing.agent.llm.forms import Understanding

from .form import message

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "agent"
BENCHMARK = ROOT / "benchmarks" / "understanding" / "requests.jsonl"
FILES = (
    "language_english", "language_chinese", "edits_english", "edits_chinese", "open_english",
    "open_chinese", "gist", "standing",
)  # fmt: skip
PICTURES = tuple(f"img-{n}" for n in range(1, 8))
SHOWN = ("cat", "tree", "person")
"""What the open picture of gist.txt shows."""
_CLAIM = re.compile(
    r"(?P<noun>[^=*:#@\[\]]+)(?:\[(?P<color>\w+)\])?(?:(?P<mark>[=*:#@])(?P<value>.+))?"
)
_MARKS = {"=": "object", "*": "count", ":": "color", "#": "size", "@": "place"}


@dataclass(frozen=True)
class Case:
    """A request with what is expected: its intent, target, claims and changes; None of those that
    the file does not tell."""

    file: str
    request: str
    intent: str | None
    target: str | None
    changes: tuple[frozenset[str], ...] | None
    claims: frozenset[tuple[object, ...]] | None
    lifted: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        if self.file.startswith(("language", "standing")):
            return message(self.request)
        shows = SHOWN if self.file == "gist" else ()
        return message(self.request, pictures=PICTURES, open=PICTURES[-1], shows=shows)

    def agrees(self, told: Understanding | None) -> bool:
        """Whether an answer says what is expected; of an edit, which changes it makes."""
        brief = _brief(told, self.request)
        if told is None or brief is None or told.intent != (self.intent or told.intent):
            return False
        if self.changes is not None:
            made = tuple(marks_of(short(change)) for change in brief.changes)
            return made == self.changes and (self.target or told.target) == told.target
        claims = {claim.key for claim in brief.claims}
        if self.file == "standing":
            claims = {claim.key for claim in brief.claims if claim.id in brief.standing}
        return (self.claims is None or claims == self.claims) and self.lifted == brief.lifted


def cases() -> Iterator[Case]:
    """All that the form can say, which is neither an edit without a change nor a request with a
    rule for later beside it."""
    for file in FILES:
        for line in (TESTS / f"{file}.txt").read_text("utf-8").splitlines():
            request, arrow, expected = line.partition(" => ")
            if not arrow or line[0] == "#" or (file == "standing" and expected[:4] == "make"):
                continue
            case = _case(file, request, expected.strip())
            if case.changes != ():
                yield case


def is_asked(request: str) -> bool:
    """Whether a test or the benchmark of understanding asks this, whatever its case and marks."""
    return _plain(request) in _asked()


@cache
def _asked() -> frozenset[str]:
    lines = BENCHMARK.read_text("utf-8").splitlines()
    measured = (json.loads(line)["request"] for line in lines)
    return frozenset(map(_plain, chain((case.request for case in cases()), measured)))


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _case(file: str, request: str, expected: str) -> Case:
    if file == "standing":
        intent, _, rest = expected.partition(";")
        if rest.strip().startswith("^"):
            lifted = tuple(word.strip()[1:] for word in rest.split(";"))
            return Case(file, request, intent, None, None, frozenset(), lifted)
        return Case(file, request, intent, None, None, keys(rest))
    told, bar, claims = (part.strip() for part in expected.partition("|"))
    if expected in {"ask", "chat"} or told in {"ask", "chat"}:
        return Case(file, request, told, None, None, frozenset())
    if file.startswith("language"):
        return Case(file, request, None, None, None, keys(expected))
    if told == "make":
        return Case(file, request, "make", None, None, keys(claims))
    target: str | None = "last" if bar else None
    if told.startswith("#"):
        target, _, told = told.partition(" ")
    pieces = [piece.strip() for piece in told.split(";")]
    return Case(file, request, "edit", target, tuple(marks_of(p) for p in pieces if p != "-"), None)


def _brief(told: Understanding | None, request: str) -> Brief | None:
    try:
        return told.brief(request, PICTURES) if told else None
    except ValueError:
        return None


def keys(notation: str) -> frozenset[tuple[object, ...]]:
    """The keys of the claims written in ``notation``, separated by ";"."""
    return frozenset(_claim(part.strip()).key for part in notation.split(";") if part.strip())


def _claim(text: str) -> Claim:
    first, _, rest = text.partition(" ")
    if rest and first in SCENE_KINDS:
        return Claim(id="c1", kind=first, value=rest)
    if text[0] == "~":
        return Claim(id="c1", kind="text", value=text[1:])
    if text[0] == "+":
        return Claim(id="c1", kind="kept", subject=text[1:])
    for relation in get_args(RelationValue):
        subject, found, ground = text.partition(f" {relation} ")
        if found:
            a, b = _read(subject), _read(ground)
            noun, _, second = str(b["noun"]).partition(" & ")
            return Claim(
                id="c1", kind="relation", subject=a["noun"], value=relation, object=noun,
                object2=second or None, color=a["color"], object_color=b["color"],
            )  # fmt: skip
    match = _read(text.removeprefix("!"))
    if text.startswith("!"):
        return Claim(id="c1", kind="absent", subject=match["noun"], color=match["color"])
    value, kind = match["value"], _MARKS[match["mark"] or "="]
    return Claim(
        id="c1", kind=kind, subject=match["noun"], color=match["color"],  # type: ignore[arg-type]
        value=int(value) if value and value.isdigit() else value,
    )  # fmt: skip


def _read(text: str) -> dict[str, str | None]:
    match = _CLAIM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no claim in the notation of the tests")
    return match.groupdict()


def short(change: Change) -> str:
    """``change`` in the notation of the tests, its marks in a fixed order."""
    new = change.op == "add"
    color, place = (None, change.value) if new else (change.color, change.place)
    marks = {
        "[{}]": color, ":{}": change.new_color if new else None, "*{}": change.count,
        "@{}": place, " -> {}": None if new else change.value, " {}": change.object,
    }  # fmt: skip
    text = " ".join(filter(None, (change.op, change.subject)))
    text += "".join(mark.format(value) for mark, value in marks.items() if value is not None)
    text += f":{change.new_color}" if change.new_color and not new else ""
    return text + (f" <{change.reference}" if change.reference else "")


def marks_of(notation: str) -> frozenset[str]:
    """One change as its parts, whose order does not matter."""
    head, _, becomes = notation.partition(" -> ")
    for mark in "[:*@":
        head = head.replace(mark, f"\n{mark}")
    return frozenset({*head.split("\n"), f"-> {becomes}"})
