"""What a request wants in the picture, as the painter can draw it: groups of things, where they go.

A group is what one phrase of a prompt names: things of one kind and color. What the painter has no
word for is drawn as the nearest thing it knows or left out; both are noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..tools.painter_words import Count, numbered, plural
from ..tools.world import NATURAL, Word, world
from .brief import Claim
from .composition import FLYING, TABLE_TOP
from .verdict import PEOPLE

MOST = 6
"""How many of a kind the world has in one picture."""
PLURAL = 3
"""How many are painted where the request does not say how many."""
BACKDROP = frozenset({"sky", "ground", "grass", "sea", "water", "snow", "sand", "floor", "wall"})
"""Nouns of what every scene has; they are no things of their own, and take no color."""


@dataclass(frozen=True)
class Note:
    """Something asked for that the painter does not know: drawn as ``drawn``, or not at all.

    ``nearest`` are things it could draw in its place.
    """

    asked: str
    drawn: str | None = None
    nearest: tuple[str, ...] = ()


@dataclass
class Group:
    """Things of the request that are drawn as one phrase; ``x`` is in [0, 1] from the left."""

    noun: str
    count: Count = 1
    color: str | None = None
    x: float | None = None
    spread: bool = False
    sky: bool | None = None
    """None where nothing was said: what can fly then flies, but indoors."""
    inside: Group | None = None
    on: Group | None = None
    notes: list[Note] = field(default_factory=list)

    @property
    def number(self) -> int:
        """How many are painted."""
        return self.count if isinstance(self.count, int) else PLURAL

    def flies(self, setting: str | None) -> bool:
        if self.inside or self.on:
            return False
        if world().objects[self.noun].category == "sky":
            return True
        if self.noun not in FLYING:
            return False
        return self.sky if self.sky is not None else setting != "indoors"


Key = tuple[str, str | None]
"""A subject, and the color that tells it from others of its kind."""
Groups = dict[Key, Group]


# -- from the claims


def gathered(claims: Iterable[Claim]) -> tuple[Groups, list[Note]]:
    """The groups that ``claims`` name, in their order, and notes on what belongs to none."""
    claims = list(claims)
    groups: Groups = {}
    unknown: list[Note] = []
    for claim in claims:
        if claim.kind not in ("object", "count") or not claim.subject:
            continue
        if claim.subject in BACKDROP:
            continue
        noun, notes = known_noun(claim.subject)
        if noun is None:
            unknown += notes
            continue
        key = claim.subject, claim.color
        group = groups.setdefault(key, Group(noun, notes=notes))
        if claim.kind == "count":
            group.count = "several" if claim.value == "several" else int(str(claim.value))
            if isinstance(group.count, int) and group.count > MOST:
                few = numbered(noun, MOST)
                group.notes.append(Note(numbered(claim.subject, group.count), few))
                group.count = MOST
        elif claim.value is not None:
            group.notes.append(Note(f"{claim.value} {claim.subject}", noun))
        elif claim.source and re.search(rf"\b{plural(claim.subject)}$", claim.source.lower()):
            group.count = None if group.count == 1 else group.count
    for key in [(s, None) for s, color in groups if color is not None]:
        groups.pop(key, None)  # said again, one by one, with their colors
    for (subject, color), group in groups.items():
        if color is not None:
            _paint(group, subject, color)
    for claim in claims:
        if claim.kind == "color" and claim.subject and (claim.subject, claim.value) not in groups:
            own = groups.get((claim.subject, None))
            if own is not None:
                _paint(own, claim.subject, str(claim.value))
            elif claim.subject in BACKDROP or known_noun(claim.subject)[0]:
                unknown.append(Note(f"{claim.value} {claim.subject}"))
    return groups, unknown


def _paint(group: Group, subject: str, asked: str) -> None:
    color = nearest_word(world().colors, asked)
    wanted = f"{asked} {subject}"
    if not world().objects[group.noun].coloured:
        if asked not in NATURAL[group.noun]:
            group.notes.append(Note(wanted, group.noun))
    elif color is None or group.color is not None:
        group.notes.append(Note(wanted, numbered(group.noun, 1, group.color)))
    else:
        group.color = color
        if color != asked:
            group.notes.append(Note(wanted, numbered(group.noun, 1, color)))


def known_noun(subject: str | None) -> tuple[str | None, list[Note]]:
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


# -- where they stand


def arrange(groups: Groups, claims: Iterable[Claim], setting: str | None) -> None:
    """Give the groups positions from the places and relations that are claimed."""
    before: list[tuple[Key, Key]] = []  # the first is left of the second
    over: list[tuple[Group, Group]] = []
    for claim in claims:
        a = _find(groups, claim.subject, claim.color)
        if a is None:
            continue
        if claim.kind == "place":
            _put(groups[a], str(claim.value).split())
        elif claim.kind == "relation":
            b = _find(groups, claim.object, claim.object_color, other_than=a)
            c = _find(groups, claim.object2, None, other_than=b) or b
            if b is None or c is None:
                continue
            if claim.value in ("left of", "right of"):
                before.append((a, b) if claim.value == "left of" else (b, a))
            elif claim.value == "between":
                if c == b:
                    groups[a].x, groups[b].spread = 0.5, True
                else:
                    before += [(b, a), (a, c)]
            elif claim.value == "inside":
                if groups[b].inside is not groups[a]:
                    groups[a].inside = groups[b]
            else:
                upper, lower = (a, b) if claim.value == "above" else (b, a)
                over.append((groups[upper], groups[lower]))
                _stack(groups[upper], groups[lower])
    _line_up(groups, _in_order(before), setting)
    for upper_group, lower_group in over:
        _align(upper_group, lower_group)
    for group in groups.values():
        if (held := group.inside or group.on) is not None:
            group.x, group.spread = held.x, held.spread and group.count != 1


def _put(group: Group, parts: list[str]) -> None:
    for part in parts:
        group.x = {"left": 0.3, "right": 0.7, "center": 0.5}.get(part, group.x)
        group.sky = {"top": True, "bottom": False}.get(part, group.sky)


def _stack(upper: Group, lower: Group) -> None:
    if lower.noun == "table" and upper.noun in TABLE_TOP:
        upper.on = lower
    else:
        upper.sky = True
        lower.sky = False if lower.sky is None else lower.sky


def _align(upper: Group, lower: Group) -> None:
    if upper.x is None and lower.x is None:
        upper.x = lower.x = 0.5
    elif upper.x is None:
        upper.x = lower.x
    elif lower.x is None:
        lower.x = upper.x


def _line_up(groups: Groups, order: list[Key], setting: str | None) -> None:
    """Places from left to right, around those that have one already."""
    known = [key for key in order if groups[key].x is not None]
    if order and not known:
        mixed = len({groups[key].flies(setting) for key in order}) > 1
        low, high = (0.1, 0.9) if mixed or len(order) > 2 else (0.3, 0.7)
        for i, key in enumerate(order):
            groups[key].x = low + (high - low) * i / (len(order) - 1)
        return
    for i, key in enumerate(order):
        if groups[key].x is None:
            low = max((groups[k].x or 0.0 for k in order[:i]), default=-0.1)
            high = min((x for k in order[i + 1 :] if (x := groups[k].x) is not None), default=1.1)
            groups[key].x = min(max((low + high) / 2, 0.1), 0.9)


def _find(
    groups: Groups, subject: str | None, color: str | None, other_than: Key | None = None
) -> Key | None:
    """The group that a claim names; of several of one noun, another than ``other_than``."""
    if subject is None:
        return None
    if (subject, color) in groups:
        return subject, color
    keys = [key for key in groups if key[0] == subject]
    return next((key for key in keys if key != other_than), keys[0] if keys else None)


def _in_order(before: list[tuple[Key, Key]]) -> list[Key]:
    """The groups from left to right; what contradicts itself keeps the order it was said in."""
    order: list[Key] = list(dict.fromkeys(key for pair in before for key in pair))
    for _ in order:
        for a, b in before:
            i, j = order.index(a), order.index(b)
            if i > j:
                order.insert(j, order.pop(i))
    return order if len(order) > 1 else []


def holders(group: Group) -> list[Group]:
    """What holds the group, what holds that, and so on; each once, should they go in a circle."""
    found: list[Group] = []
    holder = group.inside or group.on
    while holder is not None and not any(holder is other for other in (group, *found)):
        found.append(holder)
        holder = holder.inside or holder.on
    return found


def nearest_word(pool: Mapping[str, Word], value: str) -> str | None:
    """The name in ``pool`` that is ``value`` or near it; None where there is none."""
    if value in pool:
        return value
    return next((name for name, entry in pool.items() if value in (*entry.en, *entry.near)), None)
