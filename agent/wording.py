"""The Brief in the painter's words: what its models were trained to read, and what is left out.

Whatever the built-in painter does not know is either drawn as the nearest thing it knows or left
out; both are noted, so that the reply can say so.

A prompt that is to be painted is composed: every thing is given its place and size, so that counts,
places and relations are settled before a pixel is drawn. Of a number of random compositions the
first is taken that the judge would find right if the picture came out exactly so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from random import Random

from ..tools.painter_words import (
    GRID,
    MAX_TOKENS,
    PLACES,
    Count,
    Phrase,
    Place,
    Spot,
    numbered,
    painter_prompt,
    place_of,
    plural,
    spots_of,
)
from ..tools.world import Word, world
from .brief import SCENE_KINDS, Brief, Claim
from .composition import Stand, compose
from .scene import completed, garnish
from .seen import read_caption
from .verdict import NATURAL, PEOPLE, judge

MOST = 6
"""How many of a kind the world has in one picture."""
THINGS = 9
"""How many things the world has in one picture."""
PLURAL = 3
"""How many are painted where the request does not say how many."""
COMPOSITIONS = 40
"""Random compositions that are tried for one prompt."""
FLYING = frozenset({"bird", "balloon"})
TABLE_TOP = frozenset({"cup", "ball", "cat", "lamp", "rabbit"})
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
Groups = dict[Key, _Group]


def word(brief: Brief, *, seed: int | None = None) -> Wording:
    """The painter's prompt for the claims of ``brief``, of at most `MAX_TOKENS` tokens.

    With a ``seed`` the picture is composed: the facts that were left open are stated too, and every
    thing has its spot; another seed composes another picture. Without, the prompt says what the
    request says.
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
    kept, too_much = _fitted(list(groups.values()))
    if seed is None or not paintable:
        prompt = _prompt(kept, facts)
    else:
        standing = [group.noun for group in kept if not _holders(group)]
        facts = completed(facts, standing, brief)
        if not kept and (extra := garnish(facts["setting"], brief)) is not None:
            kept = [_Group(*extra)]
        prompt = _composed(kept, facts, brief, Random(seed))
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


def _prompt(groups: Iterable[_Group], facts: Mapping[str, str]) -> str:
    ordered = sorted(groups, key=lambda g: 0.5 if g.x is None else g.x)  # stable: as it was said
    phrases = [_phrase(group, facts.get("setting")) for group in ordered]
    return _told(facts, phrases)


def _told(facts: Mapping[str, str], phrases: Iterable[Phrase], horizon: float | None = None) -> str:
    def middle(phrase: Phrase) -> float:
        xs = [spot.x for spot in phrase.spots]
        return sum(xs) / len(xs) if xs else -1.0  # where there are none, the order stays

    return painter_prompt(
        style=facts.get("style"), setting=facts.get("setting"), season=facts.get("season"),
        time=facts.get("time"), weather=facts.get("weather"), horizon=horizon,
        phrases=sorted(phrases, key=middle),
    )  # fmt: skip


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


def _fitted(groups: list[_Group]) -> tuple[list[_Group], list[Note]]:
    """The groups that a composed prompt has room for, the last ones smaller or left out, and a note
    on each of those."""
    kept = list(groups)
    notes: list[Note] = []
    while kept:
        extra = sum(g.number for g in kept) - THINGS
        if extra <= 0 and _tokens(kept) <= MAX_TOKENS:
            break
        held = [id(h) for g in kept for h in (g.inside, g.on)]
        last = next((g for g in reversed(kept) if id(g) not in held), kept[-1])
        asked, drawn = numbered(last.noun, last.count, last.color), None
        if 0 < extra < last.number:
            last.count = last.number - extra
            drawn = numbered(last.noun, last.count, last.color)
        else:
            kept.remove(last)
        notes.insert(0, Note(asked, drawn))
    return kept, notes


def _tokens(groups: Iterable[_Group]) -> int:
    """How many tokens a composed prompt has."""
    facts = 15  # words and marks, with the horizon, the begin and the end
    bare = [replace(_phrase(group, None), count=group.number, place=None) for group in groups]
    words = re.findall(r"\w+|[^\w\s]", painter_prompt(phrases=bare))
    return facts + len(words) + 3 * sum(group.number for group in groups)


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


# -- the composition


def _composed(
    groups: Iterable[_Group], facts: Mapping[str, str], brief: Brief, random: Random
) -> str:
    """The prompt with a spot for every thing, in the best of some random compositions; without
    spots where nothing finds room."""
    ordered = sorted(groups, key=lambda group: len(_holders(group)))
    standing = [group for group in ordered if not _holders(group)]
    for placed in (ordered, standing):  # what is held needs no spot, if there is no room for one
        best: tuple[tuple[int, int, int], str] | None = None
        for _ in range(COMPOSITIONS):
            stands = [_stand(k, placed, facts["setting"], random) for k in range(len(placed))]
            made = compose(facts["setting"], stands, random)
            if made is None:
                continue
            spots = [spots_of(boxes) for boxes in made[1]]
            phrases = [*map(_spotted, placed, spots, repeat(facts["setting"]))]
            phrases += [_phrase(group, facts["setting"]) for group in ordered[len(placed) :]]
            words = _told(facts, [replace(phrase, spots=()) for phrase in phrases])
            verdict = judge(brief, read_caption(words))
            if best is None or verdict.score > best[0]:
                best = verdict.score, _told(facts, phrases, made[0])
            if not verdict.with_status("unmet") | verdict.with_status("unsure"):
                break
        if best is not None:
            return best[1]
    return _prompt(ordered, facts)


def _spotted(group: _Group, spots: tuple[Spot, ...], setting: str) -> Phrase:
    place = place_of([round(spot.x * GRID) / GRID for spot in spots])  # as it will be told
    return replace(_phrase(group, setting), count=len(spots), place=place, spots=spots)


def _stand(k: int, among: list[_Group], setting: str, random: Random) -> Stand:
    group = among[k]
    around = min(0.16 * group.number, 0.3)
    if group.x is not None and not group.spread:
        focus = group.x, around
    elif group.number > 2 or group.spread:
        focus = 0.5, 1.0
    else:
        focus = random.uniform(0.12, 0.88), around
    holder = group.inside or group.on
    held = next((i for i, g in enumerate(among[:k]) if g is holder), None)
    return Stand(group.noun, group.number, focus, group.flies(setting), held)


def _holders(group: _Group) -> list[_Group]:
    """What holds the group, what holds that, and so on; each once, should they go in a circle."""
    found: list[_Group] = []
    holder = group.inside or group.on
    while holder is not None and not any(holder is other for other in (group, *found)):
        found.append(holder)
        holder = holder.inside or holder.on
    return found


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
