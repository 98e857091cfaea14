"""What a judge saw in a picture: its caption, read into groups of things and facts of the scene.

A caption in the built-in captioner's own grammar (`painter_words`) is read exactly, positions and
all; any other English caption goes through the semantic parser. Either way what comes out is data:
it can fail or confirm a claim and can do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..tools.painter_words import NUMBERS, PLACES, noun_is_worn, plural
from ..tools.world import world
from .brief import SCENE_KINDS, Claim, Kind

Words = Sequence[tuple[str, float]]
"""The words of a caption, each with the probability its model gave it."""


@dataclass(frozen=True)
class Group:
    """Things that the judge named together.

    ``count`` is None for a bare plural; ``x`` is the horizontal position in [0, 1], or None where
    none is known or the things are spread over the picture; ``confidence`` is the least probable of
    the words (0 to 1).
    """

    noun: str
    count: int | None
    color: str | None = None
    x: float | None = None
    spread: bool = False
    sky: bool = False
    inside: str | None = None
    on: str | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Seen:
    """Everything a caption says. ``facts`` maps season, time, … to a value and its confidence.

    ``relations`` hold what was said in words; positions say the rest. ``exact`` tells whether the
    caption followed the built-in grammar, so that what it does not mention is not there.
    """

    text: str
    groups: tuple[Group, ...] = ()
    facts: dict[Kind, tuple[str, float]] = field(default_factory=dict)
    relations: tuple[tuple[str, str, str], ...] = ()
    exact: bool = False


def read_caption(text: str, words: Words = ()) -> Seen:
    """Read a caption and the probabilities of its words; never raises on any text."""
    return _read_exact(text, words) or _read_free(text, words)


# -- the built-in captioner's grammar

_PLACE = re.compile(rf"^at the ({'|'.join(sorted(PLACES, key=len, reverse=True))})$")
_GROUP = re.compile(
    r"^(?P<thing>.+?)(?: inside (?P<inside>.+?))?(?: on (?P<on>the .+?))?(?P<sky> in the sky)?"
    r"(?: (?P<place>at the (?:far )?(?:left|right)|at the center|across the (?:scene|sky)))?$"
)
_STYLE_NAMES = {"flat illustration": "flat", "oil painting": "oil"}
_CENTERS = {place: (i + 0.5) / len(PLACES) for i, place in enumerate(PLACES)}


def _read_exact(text: str, words: Words) -> Seen | None:
    w = world()
    kinds: dict[str, Kind] = {}
    for kind, pool in (
        ("setting", w.settings), ("season", w.seasons), ("time", w.times), ("weather", w.weathers),
    ):  # fmt: skip
        kinds |= dict.fromkeys(pool, kind)  # type: ignore[arg-type]
    facts: dict[Kind, tuple[str, float]] = {}
    groups: list[Group] = []
    confidence = _Confidence(text, words)
    for sentence in re.finditer(r"[^.]+", text):
        body = sentence.group().strip()
        style = _STYLE_NAMES.get(body, body)
        if style in w.styles:
            facts["style"] = style, confidence.of(sentence.start(), sentence.end())
            continue
        parts = [p.strip() for p in body.split(",")]
        if all(p in kinds for p in parts):
            for p in parts:
                at = text.index(p, sentence.start())
                facts[kinds[p]] = p, confidence.of(at, at + len(p))
            continue
        at = sentence.start()
        for piece in sentence.group().split(";"):
            group = _group(piece.strip())
            if group is None:
                return None
            groups.append(replace(group, confidence=confidence.of(at, at + len(piece))))
            at += len(piece) + 1
    return Seen(text, tuple(groups), facts, exact=True) if facts or groups else None


def _group(text: str) -> Group | None:
    match = _GROUP.match(text)
    if match is None or (thing := _thing(match["thing"])) is None:
        return None
    count, color, noun = thing
    place = (match["place"] or "").removeprefix("at the ")
    holders = [(_thing(h.removeprefix("the ")) if h else None) for h in (match["inside"], match["on"])]
    inside, on = (h[2] if h else None for h in holders)
    return Group(
        noun, count, color, _CENTERS.get(place), place.startswith("across"),
        bool(match["sky"]) or place == "across the sky", inside, on,
    )  # fmt: skip


def _thing(text: str) -> tuple[int | None, str | None, str] | None:
    """ "two green trees" → (2, "green", "tree"); None for what the world does not know."""
    w = world()
    words = text.split()
    count: int | None = None
    if words and words[0] in ("a", "an"):
        count, words = 1, words[1:]
    elif words and words[0] in NUMBERS:
        count, words = NUMBERS.index(words[0]), words[1:]
    color = None
    if words and words[0] in w.colors:
        color, words = words[0], words[1:]
    if len(words) >= 3 and words[-2] == "in" and words[-1] in w.colors and noun_is_worn(words[0]):
        color, words = words[-1], words[:-2]
    noun = " ".join(words)
    singular = next((o for o in w.objects if noun in (o, plural(o))), None)
    if singular is None:
        return None
    return count if count is not None or noun != singular else 1, color, singular


class _Confidence:
    """The least word probability within a span of the text."""

    def __init__(self, text: str, words: Words) -> None:
        self._spans: list[tuple[int, int, float]] = []
        at = 0
        for word, probability in words:
            start = text.find(word, at)
            if start >= 0:
                at = start + len(word)
                self._spans.append((start, at, probability))

    def of(self, start: int, end: int) -> float:
        return min((p for a, b, p in self._spans if a < end and b > start), default=1.0)


# -- any other caption


def _read_free(text: str, words: Words) -> Seen:
    from .language import statements

    confidence = _Confidence(text, words)
    facts: dict[Kind, tuple[str, float]] = {}
    groups: dict[tuple[str, str | None], Group] = {}
    relations: list[tuple[str, str, str]] = []
    for claim in statements(text):
        sure = _sure(confidence, text, claim)
        if claim.kind in SCENE_KINDS:
            facts[claim.kind] = str(claim.value), sure
            continue
        if claim.subject is None or claim.kind == "absent":
            continue
        key = claim.subject, claim.color
        group = groups.get(key) or Group(claim.subject, None, claim.color, confidence=sure)
        if claim.kind == "count" and isinstance(claim.value, int):
            group = replace(group, count=claim.value)
        elif claim.kind == "color":
            group = replace(group, color=str(claim.value))
        elif claim.kind == "place":
            x = {"left": 0.2, "right": 0.8, "center": 0.5}
            group = replace(group, x=x.get(str(claim.value).split()[-1]))
        elif claim.kind == "relation" and claim.object:
            relations.append((claim.subject, str(claim.value), claim.object))
        groups[key] = replace(group, confidence=min(group.confidence, sure))
    return Seen(text, tuple(groups.values()), facts, tuple(relations))


def _sure(confidence: _Confidence, text: str, claim: Claim) -> float:
    at = text.find(claim.source) if claim.source else -1
    return confidence.of(at, at + len(claim.source or "")) if at >= 0 else confidence.of(0, len(text))
