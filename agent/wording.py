"""The Brief in the painter's words: what its models were trained to read, and what is left out.

Whatever the built-in painter does not know is either drawn as the nearest thing it knows or left
out; both are noted, so that the reply can say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..tools.painter_words import PLACES, Phrase, Place, noun_is_worn, painter_prompt, plural
from ..tools.world import Word, world
from .brief import SCENE_KINDS, Brief, Claim
from .verdict import PEOPLE

SEVERAL = 4
"""How many are drawn for "several"."""
ALWAYS_IN_SKY = frozenset({"sun", "moon", "star", "cloud", "balloon", "bird"})
TABLE_TOP = frozenset({"cup", "ball", "cat", "lamp", "rabbit"})
DEFAULTS = {"season": "summer", "time": "day", "weather": "clear", "setting": "meadow", "style": "flat"}
"""What an unstated fact becomes when the prompt is spelled out."""


@dataclass(frozen=True)
class Note:
    """Something asked for that the painter does not know: drawn as ``drawn``, or not at all.

    ``nearest`` are things it could draw in its place.
    """

    asked: str
    drawn: str | None = None
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wording:
    """A prompt for the painter. ``paintable`` is False when nothing asked for can be drawn."""

    prompt: str
    notes: tuple[Note, ...]
    paintable: bool


@dataclass
class _Group:
    """Things of the request that are drawn as one phrase."""

    noun: str
    count: int | None = 1
    color: str | None = None
    x: float | None = None
    inside: str | None = None
    on: str | None = None
    notes: list[Note] = field(default_factory=list)


Key = tuple[str, str | None]
"""A subject, and the color that tells it from others of its kind."""


def word(brief: Brief, *, spelled_out: bool = False) -> Wording:
    """The painter's prompt for the claims of ``brief``.

    ``spelled_out`` states everything: a place for every group and the facts that were left open.
    """
    notes: list[Note] = []
    facts: dict[str, str] = {}
    for claim in brief.claims:
        if claim.kind in SCENE_KINDS:
            drawn, note = _fact(claim)
            notes += [note] if note else []
            if drawn:
                facts.setdefault(claim.kind, drawn)
    groups, unknown = _groups(brief.claims)
    notes += [note for group in groups.values() for note in group.notes] + unknown
    notes += [Note(str(c.value)) for c in brief.claims if c.kind == "text"]
    _arrange(groups, brief.claims)
    asked = any(c.kind in ("object", "count") for c in brief.claims)
    paintable = bool(groups) or (bool(facts) and not asked)
    if spelled_out:
        facts = _spelled_out(facts)
        _spread(groups)
    phrases = sorted(
        (_phrase(g, indoors=facts.get("setting") == "indoors") for g in groups.values()),
        key=lambda p: (PLACES.index(p.place) if p.place in PLACES else 2, p.noun),
    )
    return Wording(painter_prompt(phrases=phrases, **facts), tuple(dict.fromkeys(notes)), paintable)


def negative(brief: Brief, unwanted: Iterable[str] = ()) -> str:
    """A negative prompt: what must be absent, and what was seen without being asked for."""
    names = [c.subject for c in brief.claims if c.kind == "absent" and c.subject in world().objects]
    asked = {_known_noun(c.subject)[0] for c in brief.claims if c.subject and c.kind != "absent"}
    names += [noun for noun in unwanted if noun not in asked]
    phrases = [Phrase(name, None) for name in dict.fromkeys(names) if name]
    return painter_prompt(phrases=phrases)


# -- things


def _groups(claims: Iterable[Claim]) -> tuple[dict[Key, _Group], list[Note]]:
    groups: dict[Key, _Group] = {}
    unknown: list[Note] = []
    for claim in claims:
        if claim.kind not in ("object", "count") or not claim.subject:
            continue
        noun, notes = _known_noun(claim.subject)
        if noun is None:
            unknown += notes
            continue
        key = claim.subject, claim.color
        group = groups.setdefault(key, _Group(noun, notes=notes))
        if claim.kind == "count":
            group.count = SEVERAL if claim.value == "several" else int(str(claim.value))
            group.color = claim.color or group.color
        elif claim.source and claim.source.lower().endswith(plural(claim.subject)):
            group.count = None
        if claim.value is not None and claim.kind == "object":
            unknown.append(Note(f"{claim.value} {claim.subject}"))
    for subject in {s for s, color in groups if color is not None}:
        groups.pop((subject, None), None)  # said again, one by one, with their colors
    for claim in claims:
        if claim.kind == "color" and claim.subject and (claim.subject, claim.value) not in groups:
            _paint(groups.get((claim.subject, None)), claim, unknown)
    return groups, unknown


def _paint(group: _Group | None, claim: Claim, unknown: list[Note]) -> None:
    color = _nearest(world().colors, str(claim.value))
    if group is None:
        if _known_noun(str(claim.subject))[0] is None:
            return  # its object claim has been noted
        unknown.append(Note(f"{claim.value} {claim.subject}"))
    elif color is None or not world().objects[group.noun].coloured:
        unknown.append(Note(f"{claim.value} {claim.subject}", drawn=group.noun))
    else:
        if color != claim.value:
            group.notes.append(Note(f"{claim.value} {claim.subject}", f"{color} {group.noun}"))
        group.color = group.color or color


def _known_noun(subject: str | None) -> tuple[str | None, list[Note]]:
    """The painter's noun for a subject, and a note where it is not the same thing."""
    from .language import is_kind_of, nearest

    objects = world().objects
    if subject is None:
        return None, []
    if subject in objects:
        return subject, []
    if subject in PEOPLE:
        return "person", []
    kind = next((o for o in objects if is_kind_of(subject, o)), None)
    if kind is not None:
        return kind, [Note(subject, drawn=kind)]
    return None, [Note(subject, nearest=tuple(nearest(subject)))]


def _phrase(group: _Group, *, indoors: bool) -> Phrase:
    place: Place | None = None
    if group.x is not None:
        place = PLACES[min(int(group.x * len(PLACES)), len(PLACES) - 1)]
    return Phrase(
        group.noun, group.count, group.color, place,
        sky=group.noun in ALWAYS_IN_SKY and not indoors, inside=group.inside, on=group.on,
    )  # fmt: skip


# -- where they stand


def _arrange(groups: dict[Key, _Group], claims: Iterable[Claim]) -> None:
    """Give the groups positions from the places and relations that are claimed."""
    before: list[tuple[Key, Key]] = []  # the first is left of the second
    for claim in claims:
        a = _find(groups, claim.subject, claim.color)
        if claim.kind == "place" and a is not None:
            part = str(claim.value).split()[-1]
            groups[a].x = {"left": 0.3, "right": 0.7, "center": 0.5}.get(part, groups[a].x)
        elif claim.kind == "relation" and a is not None:
            b = _find(groups, claim.object, claim.object_color)
            c = _find(groups, claim.object2, None)
            if b is None:
                continue
            if claim.value in ("left of", "right of"):
                before.append((a, b) if claim.value == "left of" else (b, a))
            elif claim.value == "between":
                if c is None or c == b:
                    groups[a].x = 0.5
                else:
                    before += [(b, a), (a, c)]
            elif claim.value == "inside":
                groups[a].inside = _holder(groups[b])
            elif claim.value == "above" and groups[b].noun == "table":
                if groups[a].noun in TABLE_TOP:
                    groups[a].on = _holder(groups[b])
    order = _in_order(before)
    fixed = [groups[key].x for key in order]
    if order and not any(x is not None for x in fixed):
        for i, key in enumerate(order):
            groups[key].x = 0.3 + 0.4 * i / max(len(order) - 1, 1) if len(order) < 4 else (
                0.1 + 0.8 * i / (len(order) - 1)
            )  # fmt: skip
        return
    for i, key in enumerate(order):  # some have a place already: stand between the neighbors
        if groups[key].x is None:
            low = max((groups[k].x or 0.0 for k in order[:i]), default=0.0)
            high = min((x for k in order[i + 1 :] if (x := groups[k].x) is not None), default=1.0)
            groups[key].x = (low + high) / 2


def _find(groups: Mapping[Key, _Group], subject: str | None, color: str | None) -> Key | None:
    if subject is None:
        return None
    if (subject, color) in groups:
        return subject, color
    return next((key for key in groups if key[0] == subject), None)


def _holder(group: _Group) -> str:
    if group.color and noun_is_worn(group.noun):
        return f"the {group.noun} in {group.color}"
    return f"the {group.color} {group.noun}" if group.color else f"the {group.noun}"


def _in_order(before: list[tuple[Key, Key]]) -> list[Key]:
    """The groups from left to right; what contradicts itself keeps the order it was said in."""
    order: list[Key] = list(dict.fromkeys(key for pair in before for key in pair))
    for _ in order:
        for a, b in before:
            i, j = order.index(a), order.index(b)
            if i > j:
                order.insert(j, order.pop(i))
    return order


def _spread(groups: Mapping[Key, _Group]) -> None:
    """A place for every group that has none: the free fifths of the width, from the left."""
    free = [x for x in (0.3, 0.7, 0.5, 0.1, 0.9) if all(g.x is None or abs(g.x - x) > 0.1
                                                         for g in groups.values())]  # fmt: skip
    for group in groups.values():
        if group.x is None and free and group.inside is None and group.count == 1:
            group.x = free.pop(0)


# -- the whole scene


def _fact(claim: Claim) -> tuple[str | None, Note | None]:
    w = world()
    pools = {
        "season": w.seasons, "time": w.times, "weather": w.weathers, "setting": w.settings,
        "style": w.styles,
    }  # fmt: skip
    value = str(claim.value)
    if claim.kind == "setting" and value == "landscape":
        return "meadow", None
    drawn = _nearest(pools[claim.kind], value)
    if drawn == value:
        return drawn, None
    return drawn, Note(value, drawn)


def _nearest(pool: Mapping[str, Word], value: str) -> str | None:
    if value in pool:
        return value
    return next((name for name, entry in pool.items() if value in (*entry.en, *entry.near)), None)


def _spelled_out(facts: Mapping[str, str]) -> dict[str, str]:
    return {**DEFAULTS, **facts}


def with_notes(wording: Wording, notes: Iterable[Note]) -> Wording:
    """``wording`` with further notes."""
    return replace(wording, notes=(*wording.notes, *notes))
