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
from dataclasses import dataclass, replace
from itertools import repeat
from random import Random

from ..tools.geometry import Box
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
    spots_of,
)
from ..tools.world import world
from .brief import SCENE_KINDS, Brief, Claim
from .composition import Stand, compose
from .groups import (
    BACKDROP,
    MOST,
    Group,
    Key,
    Note,
    arrange,
    gathered,
    holders,
    known_noun,
    nearest_word,
)
from .scene import completed, garnish
from .seen import read_caption
from .verdict import judge

THINGS = 9
"""How many things the world has in one picture."""
COMPOSITIONS = 40
"""Random compositions that are tried for one prompt."""


@dataclass(frozen=True)
class Wording:
    """A prompt for the painter. ``paintable`` is False when nothing asked for can be drawn.

    ``layout`` is where the things of a composed prompt stand, the farthest first; ``scene`` are the
    words of it that say all else.
    """

    prompt: str
    notes: tuple[Note, ...]
    paintable: bool
    layout: tuple[Placed, ...] = ()
    scene: str = ""


@dataclass(frozen=True)
class Placed:
    """A thing of a layout: its kind, its box in fractions of the picture, and its color, None for
    the natural one."""

    kind: str
    box: Box
    color: str | None = None


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
    groups, unknown = gathered(brief.claims)
    arrange(groups, brief.claims, facts.get("setting"))
    asked = any(c.kind in ("object", "count") and c.subject not in BACKDROP for c in brief.claims)
    paintable = bool(groups) or (bool(facts) and not asked)
    kept, too_much = _fitted(list(groups.values()))
    layout: tuple[Placed, ...] = ()
    if seed is None or not paintable:
        prompt = _prompt(kept, facts)
    else:
        standing = [group.noun for group in kept if not holders(group)]
        facts = completed(facts, standing, brief)
        if not kept and (extra := garnish(facts["setting"], brief)) is not None:
            kept = [Group(*extra)]
        prompt, layout = _composed(kept, facts, brief, Random(seed))
    notes += [note for group in groups.values() for note in group.notes] + unknown + too_much
    notes += [Note(f"“{c.value}”") for c in brief.claims if c.kind == "text"]
    return Wording(prompt, tuple(dict.fromkeys(notes)), paintable, layout, _told(facts, ()))


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
    asked = {known_noun(c.subject)[0] for c in brief.claims if c.subject and c.kind != "absent"}
    absent = [known_noun(c.subject)[0] for c in brief.claims if c.kind == "absent"]
    names = dict.fromkeys([*absent, *(noun for noun in unwanted if noun in world().objects)])
    phrases = [Phrase(name, None) for name in names if name and name not in asked]
    return painter_prompt(phrases=phrases[:MOST])


def _prompt(groups: Iterable[Group], facts: Mapping[str, str]) -> str:
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


def _phrase(group: Group, setting: str | None) -> Phrase:
    place: Place | None = "across" if group.spread else None
    if group.x is not None and not group.spread:
        place = PLACES[min(int(group.x * len(PLACES)), len(PLACES) - 1)]
    return Phrase(
        group.noun, group.count, group.color, place, group.flies(setting),
        inside=_holder(group.inside), on=None if group.inside else _holder(group.on),
    )  # fmt: skip


def _holder(group: Group | None) -> str | None:
    return numbered(group.noun, 1, group.color, the=group.count == 1) if group else None


def _fitted(groups: list[Group]) -> tuple[list[Group], list[Note]]:
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


def _tokens(groups: Iterable[Group]) -> int:
    """How many tokens a composed prompt has."""
    facts = 15  # words and marks, with the horizon, the begin and the end
    bare = [replace(_phrase(group, None), count=group.number, place=None) for group in groups]
    words = re.findall(r"\w+|[^\w\s]", painter_prompt(phrases=bare))
    return facts + len(words) + 3 * sum(group.number for group in groups)


# -- the composition


def _composed(
    groups: Iterable[Group], facts: Mapping[str, str], brief: Brief, random: Random
) -> tuple[str, tuple[Placed, ...]]:
    """The prompt with a spot for every thing, in the best of some random compositions, and where
    they stand; without spots where nothing finds room."""
    ordered = sorted(groups, key=lambda group: len(holders(group)))
    standing = [group for group in ordered if not holders(group)]
    for placed in (ordered, standing):  # what is held needs no spot, if there is no room for one
        best: tuple[tuple[int, int, int], str, tuple[Placed, ...]] | None = None
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
                things = [
                    Placed(group.noun, box, group.color)
                    for group, boxes in zip(placed, made[1], strict=True)
                    for box in boxes
                ]
                far_to_near = tuple(sorted(things, key=lambda thing: thing.box[3]))
                best = verdict.score, _told(facts, phrases, made[0]), far_to_near
            if not verdict.with_status("unmet") | verdict.with_status("unsure"):
                break
        if best is not None:
            return best[1:]
    return _prompt(ordered, facts), ()


def _spotted(group: Group, spots: tuple[Spot, ...], setting: str) -> Phrase:
    place = place_of([round(spot.x * GRID) / GRID for spot in spots])  # as it will be told
    return replace(_phrase(group, setting), count=len(spots), place=place, spots=spots)


def _stand(k: int, among: list[Group], setting: str, random: Random) -> Stand:
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
    drawn = nearest_word(pools[claim.kind], value)
    if drawn == value:
        return drawn, None
    return drawn, Note(value, drawn)
