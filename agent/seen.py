"""What judges saw in a picture: a caption, and a list of things, read into groups and facts.

A caption in the built-in captioner's own grammar (`painter_words`) is read exactly, positions and
all; what does not follow it goes through the semantic parser. Either way what comes out is data: it
can fail or confirm a claim and can do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Literal, NamedTuple

from ..tools.geometry import Box, center, stands_on, within
from ..tools.painter_words import NUMBERS, PLACES, noun_is_worn, numbered, plural
from ..tools.world import world
from .brief import SCENE_KINDS, Claim, Kind
from .composition import FLYING, HEAVENLY, OPENING, TABLE_TOP

Words = Sequence[tuple[str, float]]
"""The words of a caption, each with the probability its model gave it."""
Part = Literal["noun", "count", "color", "place", "sky", "inside", "on"]


class Holder(NamedTuple):
    """What a thing is inside of or stands on."""

    noun: str
    color: str | None


@dataclass(frozen=True)
class Group:
    """Things that the judge named together.

    ``count`` is None for a bare plural; ``x`` is the horizontal position in [0, 1], or None where
    none is known or the things are spread over the picture. ``confidence`` (0 to 1) is the judge's
    in the noun; ``doubts`` hold those in other parts that are below 1, each given all the words
    before it. ``boxes`` are where each of them is, if the judge tells. ``looks`` is the
    color that all of them resemble, where they have none but their natural one.
    """

    noun: str
    count: int | None
    color: str | None = None
    x: float | None = None
    spread: bool = False
    sky: bool = False
    inside: Holder | None = None
    on: Holder | None = None
    confidence: float = 1.0
    doubts: Mapping[Part, float] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    looks: str | None = None

    def sure(self, *parts: Part) -> float:
        """The judge's confidence that the things are there and that ``parts`` are as it says: the
        product, since each word's is given the words before it."""
        return self.confidence * prod(self.doubts.get(part, 1.0) for part in parts)


@dataclass(frozen=True)
class Seen:
    """Everything a caption says. ``facts`` maps season, time, … to a value and its confidence.

    ``relations`` hold what was said in words; positions say the rest. ``exact`` tells whether the
    caption followed the built-in grammar from its style to its last group, so that what it does not
    mention is not there. ``lister`` is who told the things, where that is another judge than the
    one who told the scene. ``horizon`` is the y at which the ground begins, if the judge tells.
    """

    text: str
    groups: tuple[Group, ...] = ()
    facts: Mapping[Kind, tuple[str, float]] = field(default_factory=dict)
    relations: tuple[tuple[str, str, str], ...] = ()
    exact: bool = False
    lister: str | None = None
    horizon: float | None = None
    familiar: bool = True

    @property
    def unclear(self) -> bool:
        """Whether the judge says that nothing can be made out."""
        return self.text.strip(" .").lower() == "unclear"


def read_caption(text: str, words: Words = ()) -> Seen:
    """Read a caption and the probabilities of its words; never raises on any text."""
    if (seen := Seen(text)).unclear:
        return seen
    confidence = _Confidence(text, words)
    facts: dict[Kind, tuple[str, float]] = {}
    groups: list[Group] = []
    strange: list[str] = []
    for sentence in re.finditer(r"[^.]+", text):
        start, end = sentence.span()
        found = _facts(text, start, end, confidence)
        if found is None:
            pieces = [_group(text, a, b, confidence) for a, b in _pieces(text, start, end)]
            if None in pieces:
                strange.append(sentence.group())
            groups += [group for group in pieces if group is not None and None not in pieces]
        else:
            facts |= found
    exact = not strange and set(facts) == SCENE_KINDS
    if exact:
        return Seen(text, tuple(groups), facts, exact=True)
    return _read_free(text, strange, groups, facts, confidence)


class _Confidence:
    """The least word probability within a span of the text."""

    def __init__(self, text: str, words: Words) -> None:
        self._spans: list[tuple[int, int, float]] = []
        at = 0
        for word, probability in words:
            start = text.find(word, at) if word else -1
            if start >= 0:
                at = start + len(word)
                self._spans.append((start, at, probability))

    def of(self, start: int, end: int) -> float:
        return min((p for a, b, p in self._spans if a < end and b > start), default=1.0)


# -- the built-in captioner's grammar

_THE_PLACE = rf"at the (?:{'|'.join(sorted(PLACES, key=len, reverse=True))})"
_GROUP = re.compile(
    r"(?P<thing>[a-z ]+?)(?: inside (?P<inside>(?:the|an?) [a-z ]+?))?"
    r"(?: on (?P<on>(?:the|an?) [a-z ]+?))?(?P<sky> in the sky)?"
    rf"(?: (?P<place>{_THE_PLACE}|across the (?:scene|sky)))?"
)
_LONGEST = 200  # characters of a group; nothing longer is one
_STYLE_NAMES = {"flat illustration": "flat", "oil painting": "oil"}
_CENTERS: dict[str, float] = {place: (i + 0.5) / len(PLACES) for i, place in enumerate(PLACES)}


def _facts(
    text: str, start: int, end: int, confidence: _Confidence
) -> dict[Kind, tuple[str, float]] | None:
    """The style, or the facts, that a sentence states; None if it is about something else."""
    w = world()
    body = text[start:end].strip()
    style = _STYLE_NAMES.get(body, body)
    if style in w.styles:
        return {"style": (style, confidence.of(start, end))}
    pools: dict[Kind, Iterable[str]] = {
        "setting": w.settings, "season": w.seasons, "time": w.times, "weather": w.weathers,
    }  # fmt: skip
    kinds = {word: kind for kind, pool in pools.items() for word in pool}
    facts: dict[Kind, tuple[str, float]] = {}
    for match in re.finditer(r"[^,]+", text[start:end]):
        word = match.group().strip()
        if word not in kinds or kinds[word] in facts:
            return None
        at = start + match.start(), start + match.end()
        facts[kinds[word]] = word, confidence.of(*at)
    return facts


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans between semicolons, without the blanks around them."""
    spans = []
    for match in re.finditer(r"[^;]+", text[start:end]):
        piece = match.group()
        a = start + match.start() + len(piece) - len(piece.lstrip())
        spans.append((a, a + len(piece.strip())))
    return spans


def _group(text: str, start: int, end: int, confidence: _Confidence) -> Group | None:
    match = _GROUP.fullmatch(text, start, end) if end - start <= _LONGEST else None
    if match is None or (thing := _thing(match["thing"])) is None:
        return None
    count, color, noun = thing
    holders: dict[str, Holder | None] = {}
    for name in ("inside", "on"):
        held = _thing(match[name].removeprefix("the ")) if match[name] else None
        if match[name] and held is None:
            return None
        holders[name] = Holder(held[2], held[1]) if held else None
    place = (match["place"] or "").removeprefix("at the ")

    def sure(part: str) -> float:
        return confidence.of(*match.span(part)) if match[part] else 1.0

    doubts: dict[Part, float] = {
        # "far left" or "left" is often a close call where the side is not
        "place": confidence.of(match.end("place") - 5, match.end("place")) if place else 1.0,
        "sky": sure("sky"), "inside": sure("inside"), "on": sure("on"),
    }  # fmt: skip
    start, nouns = match.start("thing"), 1.0
    for word in re.finditer(r"[a-z]+", match["thing"]):
        p = confidence.of(start + word.start(), start + word.end())
        if word.group() in ("a", "an", *NUMBERS):
            doubts["count"] = p
        elif word.group() == color:
            doubts["color"] = p
        elif word.group() != "in":
            nouns = min(nouns, p)
    return Group(
        noun, count, color, _CENTERS.get(place), place.startswith("across"),
        bool(match["sky"]) or place == "across the sky", holders["inside"], holders["on"],
        nouns, {part: p for part, p in doubts.items() if p < 1.0},
    )  # fmt: skip


def _thing(text: str) -> tuple[int | None, str | None, str] | None:
    """ "two green trees" → (2, "green", "tree"); None for what the world does not know."""
    w = world()
    words = text.split()
    count: int | None = None
    if words and words[0] in ("a", "an"):
        count, words = 1, words[1:]
    elif words and words[0] in NUMBERS[1:]:
        count, words = NUMBERS.index(words[0]), words[1:]
    color = None
    if words and words[0] in w.colors:
        color, words = words[0], words[1:]
    if len(words) == 3 and words[1] == "in" and words[2] in w.colors and noun_is_worn(words[0]):
        color, words = words[2], words[:1]
    noun = " ".join(words)
    singular = next((o for o in w.objects if noun in (o, plural(o))), None)
    if singular is None:
        return None
    return count if count is not None or noun != singular else 1, color, singular


# -- any other caption


def _read_free(
    text: str, sentences: Iterable[str], exact: Iterable[Group],
    facts: Mapping[Kind, tuple[str, float]], confidence: _Confidence,
) -> Seen:  # fmt: skip
    """The caption with its ``sentences`` outside the grammar read by the semantic parser."""
    from .language import statements

    found = dict(facts)
    groups: dict[tuple[str, str | None], Group] = {}
    relations: list[tuple[str, str, str]] = []
    for claim in statements(".".join(sentences)):
        sure = _sure(confidence, text, claim)
        if claim.kind in SCENE_KINDS:
            found.setdefault(claim.kind, (str(claim.value), sure))
            continue
        if claim.subject is None or claim.kind == "absent":
            continue
        key = claim.subject, claim.color
        group = groups.get(key) or Group(claim.subject, None, claim.color, confidence=sure)
        if claim.kind == "object" and claim.source and re.match(r"(?i)an? ", claim.source):
            group = replace(group, count=1)
        elif claim.kind == "count" and isinstance(claim.value, int):
            group = replace(group, count=claim.value)
        elif claim.kind == "color":
            group = replace(group, color=str(claim.value))
        elif claim.kind == "place":
            x = {"left": 0.2, "right": 0.8, "center": 0.5}
            group = replace(group, x=x.get(str(claim.value).split()[-1]))
        elif claim.kind == "relation" and claim.object:
            relations.append((claim.subject, str(claim.value), claim.object))
        groups[key] = replace(group, confidence=min(group.confidence, sure))
    return Seen(text, (*exact, *groups.values()), found, tuple(relations))


def _sure(confidence: _Confidence, text: str, claim: Claim) -> float:
    at = text.find(claim.source) if claim.source else -1
    if claim.source is None or at < 0:
        return confidence.of(0, len(text))
    return confidence.of(at, at + len(claim.source))


# -- what was looked at thing by thing


def read_look(look: Mapping[str, Any]) -> Seen:
    """What the tool ``look`` says (its value, as JSON), as groups of like things."""
    items: list[Mapping[str, Any]] = list(look["things"])
    boxes: list[Box] = [tuple(item["box"]) for item in items]
    horizon = look["horizon"] if look["horizon"] is not None else 0.5
    groups: dict[tuple[object, ...], list[int]] = {}
    for n, item in enumerate(items):
        inside = _container(n, items, boxes)
        on = None if inside is not None else _table(n, items, boxes)
        held = (_as_holder(items[k]) if k is not None else None for k in (inside, on))
        sky = inside is None and _in_the_sky(str(item["kind"]), boxes[n], horizon)
        groups.setdefault((item["kind"], item["color"], sky, *held), []).append(n)
    facts = {kind: (str(word), float(p)) for kind, (word, p) in look["facts"].items()}
    told = [
        _looked(key, [items[n] for n in mine], tuple(boxes[n] for n in mine))
        for key, mine in groups.items()
    ]
    return Seen(_listed(told, facts), tuple(told), facts, exact=True, horizon=look["horizon"],
                familiar=look.get("familiar", True))  # fmt: skip


def merged(caption: Seen, look: Seen) -> Seen:
    """What two judges saw, each believed in what it is better at: one tells the scene, the other
    its things one by one. Where a caption says that nothing can be made out, so it is."""
    if caption.unclear:
        return replace(caption, familiar=look.familiar)
    facts = {**look.facts, **caption.facts}
    return Seen(
        caption.text, look.groups, facts, caption.relations, exact=look.exact, lister="panoptic",
        horizon=look.horizon, familiar=look.familiar,
    )  # fmt: skip


def _looked(key: tuple[Any, ...], items: list[Mapping[str, Any]], boxes: tuple[Box, ...]) -> Group:
    kind, color, sky, inside, on = key
    xs = [center(box)[0] for box in boxes]
    spread = max(xs) - min(xs) > 0.4
    sure = min(float(item["confidence"]) for item in items)
    doubts: dict[Part, float] = {"color": min(float(i["color_confidence"]) for i in items)}
    looks = {item.get("looks") for item in items} if color is None else set()
    return Group(
        kind, len(items), color, None if spread else sum(xs) / len(xs), spread, sky, inside, on,
        sure, doubts, boxes, looks.pop() if len(looks) == 1 else None,
    )  # fmt: skip


def _in_the_sky(kind: str, box: Box, horizon: float) -> bool:
    return kind in HEAVENLY or (kind in FLYING and box[3] < horizon)


def _container(n: int, items: list[Mapping[str, Any]], boxes: list[Box]) -> int | None:
    """The thing that holds the n-th one: a boat, a tent or a cup that most of it is in."""
    holders = [k for k, item in enumerate(items) if item["kind"] in OPENING and k != n]
    return next((k for k in holders if within(boxes[n], boxes[k])), None)


def _table(n: int, items: list[Mapping[str, Any]], boxes: list[Box]) -> int | None:
    if items[n]["kind"] not in TABLE_TOP:
        return None
    tables = [k for k, item in enumerate(items) if item["kind"] == "table"]
    return next((k for k in tables if stands_on(boxes[n], boxes[k])), None)


def _as_holder(item: Mapping[str, Any]) -> Holder:
    return Holder(str(item["kind"]), item["color"])


def _listed(groups: Iterable[Group], facts: Mapping[Kind, tuple[str, float]]) -> str:
    """The groups and facts in one line, for evidence."""
    things = [numbered(g.noun, g.count, g.color) for g in groups]
    return ", ".join([*(word for word, _ in facts.values()), *things])
