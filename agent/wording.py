"""The Brief in the painter's words: what its models were trained to read, and what is left out.

Whatever the built-in painter does not know is either drawn as the nearest thing it knows or left
out; both are noted, so that the reply can say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..tools.painter_words import (
    PLACES,
    Count,
    Phrase,
    Place,
    numbered,
    painter_prompt,
    plural,
)
from ..tools.world import Word, world
from .brief import SCENE_KINDS, Brief, Claim
from .verdict import NATURAL, PEOPLE

MOST = 6
"""How many of a kind the painter has ever been shown in one picture."""
MAX_TOKENS = 72
"""How long a prompt the painter reads, its begin and end included."""
FLYING = frozenset({"bird", "balloon"})
TABLE_TOP = frozenset({"cup", "ball", "cat", "lamp", "rabbit"})
BACKDROP = frozenset({"sky", "ground", "grass", "sea", "water", "snow", "sand", "floor", "wall"})
"""Nouns of what every scene has; they are no things of their own, and take no color."""
HOMES = {
    "lamp": "indoors", "table": "indoors", "chair": "indoors", "cup": "indoors", "boat": "sea",
    "cactus": "desert",
}  # fmt: skip
DEFAULTS = {
    "season": ("summer", "spring"), "time": ("day", "morning"), "weather": ("clear", "cloudy"),
    "setting": ("meadow", "mountains"), "style": ("flat", "watercolor"),
}  # fmt: skip
"""What an unstated fact becomes when the prompt is spelled out, unless it must be absent."""


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
    """Things of the request that are drawn as one phrase; ``x`` is in [0, 1] from the left."""

    noun: str
    count: Count = 1
    color: str | None = None
    x: float | None = None
    spread: bool = False
    sky: bool | None = None
    """None where nothing was said: what can fly then flies, but indoors."""
    inside: _Group | None = None
    on: _Group | None = None
    notes: list[Note] = field(default_factory=list)

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
Groups = dict[Key, _Group]


def word(brief: Brief, *, spelled_out: bool = False) -> Wording:
    """The painter's prompt for the claims of ``brief``, of at most `MAX_TOKENS` tokens.

    ``spelled_out`` states everything: a place for every group and the facts that were left open.
    """
    notes: list[Note] = []
    facts: dict[str, str] = {}
    for claim in brief.claims:
        if claim.kind in SCENE_KINDS:
            drawn, note = _fact(claim)
            if drawn and facts.setdefault(claim.kind, drawn) != drawn:
                note = Note(str(claim.value))  # one season, one style … a picture
            notes += [note] if note else []
    groups, unknown = _groups(brief.claims)
    _arrange(groups, brief.claims, facts.get("setting"))
    asked = any(c.kind in ("object", "count") and c.subject not in BACKDROP for c in brief.claims)
    paintable = bool(groups) or (bool(facts) and not asked)
    if spelled_out and paintable:
        facts = _spelled_out(facts, groups, brief)
        _spread(groups)
    prompt, too_much = _fitted(groups, facts)
    notes += [note for group in groups.values() for note in group.notes] + unknown + too_much
    notes += [Note(f"“{c.value}”") for c in brief.claims if c.kind == "text"]
    return Wording(prompt, tuple(dict.fromkeys(notes)), paintable)


def plain(brief: Brief) -> Wording:
    """The claims of ``brief`` in plain English, for a painter that knows any word."""
    told: dict[Key, list[str]] = {}
    scene: list[str] = []
    style = ""
    for claim in brief.claims:
        if claim.kind == "style":
            style = f", {claim.value} style"
        elif claim.kind in SCENE_KINDS:
            scene.append(str(claim.value))
        elif claim.kind == "text":
            scene.append(f"the words “{claim.value}”")
        elif claim.kind in ("object", "count") and claim.subject:
            key = claim.subject, claim.color
            told.setdefault(key, [_counted(brief, claim.subject, claim.color)])
    for subject in [subject for subject, color in told if color is not None]:
        told.pop((subject, None), None)  # said again, one by one, with their colors
    for claim in brief.claims:
        said = told.get((claim.subject or "", claim.color), [])
        if claim.kind == "place" and said:
            said.append(f"at the {claim.value}")
        elif claim.kind == "relation" and said:
            other = " ".join(w for w in (claim.object_color, claim.object) if w)
            said.append(f"{claim.value} the {other}")
            said += [f"and the {claim.object2}"] if claim.object2 else []
    prompt = ", ".join([*(" ".join(said) for said in told.values()), *scene]) + style
    return Wording(prompt.removeprefix(", "), (), paintable=True)


def _counted(brief: Brief, subject: str, color: str | None) -> str:
    """One subject with its number, qualities and color: "two old red houses"."""
    kinds = ("object", "count", "color")
    claims = [c for c in brief.claims if c.kind in kinds]
    mine = [c for c in claims if c.subject == subject and c.color in (None, color)]
    count: Count = 1
    qualities: list[str] = []
    for claim in mine:
        if claim.kind == "count":
            count = "several" if claim.value == "several" else int(str(claim.value))
        elif claim.value is not None and (claim.kind == "object" or color is None):
            qualities.append(str(claim.value))
    return numbered(" ".join([*qualities, *([color] if color else []), subject]), count)


def negative(brief: Brief, unwanted: Iterable[str] = ()) -> str:
    """A negative prompt: what must be absent, and what was seen without being asked for.

    Only nouns of the painter's world get in, whatever a judge claims to have read in a picture.
    """
    asked = {_known_noun(c.subject)[0] for c in brief.claims if c.subject and c.kind != "absent"}
    absent = [_known_noun(c.subject)[0] for c in brief.claims if c.kind == "absent"]
    names = dict.fromkeys([*absent, *(noun for noun in unwanted if noun in world().objects)])
    phrases = [Phrase(name, None) for name in names if name and name not in asked]
    return painter_prompt(phrases=phrases[:MOST])


# -- things


def _groups(claims: Iterable[Claim]) -> tuple[Groups, list[Note]]:
    claims = list(claims)
    groups: Groups = {}
    unknown: list[Note] = []
    for claim in claims:
        if claim.kind not in ("object", "count") or not claim.subject:
            continue
        if claim.subject in BACKDROP:
            continue
        noun, notes = _known_noun(claim.subject)
        if noun is None:
            unknown += notes
            continue
        key = claim.subject, claim.color
        group = groups.setdefault(key, _Group(noun, notes=notes))
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
            elif claim.subject in BACKDROP or _known_noun(claim.subject)[0]:
                unknown.append(Note(f"{claim.value} {claim.subject}"))
    return groups, unknown


def _paint(group: _Group, subject: str, asked: str) -> None:
    color = _nearest(world().colors, asked)
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


def _phrase(group: _Group, setting: str | None) -> Phrase:
    place: Place | None = "across" if group.spread else None
    if group.x is not None and not group.spread:
        place = PLACES[min(int(group.x * len(PLACES)), len(PLACES) - 1)]
    return Phrase(
        group.noun, group.count, group.color, place, group.flies(setting),
        inside=_holder(group.inside), on=None if group.inside else _holder(group.on),
    )  # fmt: skip


def _holder(group: _Group | None) -> str | None:
    return numbered(group.noun, 1, group.color, the=group.count == 1) if group else None


def _fitted(groups: Groups, facts: Mapping[str, str]) -> tuple[str, list[Note]]:
    """The prompt without the last groups that it has no room for, and a note on each of those."""
    left_out: list[Note] = []
    kept = list(groups.values())
    while True:
        ordered = sorted(kept, key=lambda g: 0.5 if g.x is None else g.x)  # stable: as it was said
        prompt = painter_prompt(
            phrases=[_phrase(g, facts.get("setting")) for g in ordered], **facts
        )
        if not kept or len(re.findall(r"\w+|[^\w\s]", prompt)) + 2 <= MAX_TOKENS:
            return prompt, left_out
        held = [id(h) for g in kept for h in (g.inside, g.on)]
        last = next((g for g in reversed(kept) if id(g) not in held), kept[-1])
        kept.remove(last)
        left_out.insert(0, Note(numbered(last.noun, last.count, last.color)))


# -- where they stand


def _arrange(groups: Groups, claims: Iterable[Claim], setting: str | None) -> None:
    """Give the groups positions from the places and relations that are claimed."""
    before: list[tuple[Key, Key]] = []  # the first is left of the second
    over: list[tuple[_Group, _Group]] = []
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


def _put(group: _Group, parts: list[str]) -> None:
    for part in parts:
        group.x = {"left": 0.3, "right": 0.7, "center": 0.5}.get(part, group.x)
        group.sky = {"top": True, "bottom": False}.get(part, group.sky)


def _stack(upper: _Group, lower: _Group) -> None:
    if lower.noun == "table" and upper.noun in TABLE_TOP:
        upper.on = lower
    else:
        upper.sky = True
        lower.sky = False if lower.sky is None else lower.sky


def _align(upper: _Group, lower: _Group) -> None:
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


def _spread(groups: Groups) -> None:
    """A place for every single thing that has none: the free fifths of the width."""
    taken = [g.x for g in groups.values() if g.x is not None]
    free = [x for x in (0.3, 0.7, 0.5, 0.1, 0.9) if all(abs(t - x) > 0.1 for t in taken)]
    for group in groups.values():
        if group.x is None and free and not (group.inside or group.on) and group.count == 1:
            group.x = free.pop(0)
    for group in groups.values():
        if (held := group.inside or group.on) is not None and group.x is None:
            group.x = held.x


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


def _spelled_out(facts: Mapping[str, str], groups: Groups, brief: Brief) -> dict[str, str]:
    absent = {c.subject for c in brief.claims if c.kind == "absent"}
    nouns = {group.noun for group in groups.values()}
    stated = {
        kind: next(value for value in values if value not in absent)
        for kind, values in DEFAULTS.items()
    }
    if nouns & {"moon", "star"}:
        stated["time"] = "night"
    if facts.get("weather") == "snow":
        stated["season"] = "winter"
    home = next((HOMES[noun] for noun in HOMES if noun in nouns), None)
    if home is not None and home not in absent and not (home == "indoors" and _outdoors(groups)):
        stated["setting"] = home
    return {**stated, **facts}


def _outdoors(groups: Groups) -> bool:
    """Whether something asked for is never indoors."""
    indoor = {"household", "people", "animals"}
    return any(
        world().objects[group.noun].category not in indoor or group.sky for group in groups.values()
    )
