"""Claim by claim, what a judge's reading of a picture says about it: typed values, compared.

``unsure`` is not ``unmet``: the judge looked and could not tell. ``unseen`` is neither: no judge
could look, because it failed or has no word for the thing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..tools.geometry import Box, above, between, center, left_of
from ..tools.world import NATURAL, World, world
from .brief import SCENE_KINDS, Brief, Claim
from .evidence import Evidence, Quote
from .seen import Group, Part, Seen

Status = Literal["met", "unmet", "unsure", "unseen"]
PEOPLE = frozenset({"man", "woman", "girl", "boy", "child", "baby", "people"})
"""Nouns that a picture of a person satisfies: the judges here do not tell age or sex."""
SURE = 0.5
"""Below this confidence a judge's word counts as unsure."""
SEVERAL = 3
DAMAGE = 0.002
"""Share of the pixels outside its mask that an edit may change."""
LARGER = 1.15
"""From so many times its area on, a thing is larger than before."""


class Finding(BaseModel):
    """What was found about one claim; ``evidence`` quotes the judge, as data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    evidence: str
    judge: str


class Verdict(BaseModel):
    """The findings on one picture, by claim id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: dict[str, Finding]

    @property
    def satisfied(self) -> bool:
        """Whether every claim is met; a request without claims is satisfied by any picture."""
        return all(f.status == "met" for f in self.findings.values())

    @property
    def score(self) -> tuple[int, int, int]:
        """Orders verdicts on the same Brief: most met, then fewest unmet, then fewest unsure."""
        n = Counter(f.status for f in self.findings.values())
        return n["met"], -n["unmet"], -n["unsure"]

    def with_status(self, status: Status) -> frozenset[str]:
        """Ids of the claims that have ``status``."""
        return frozenset(k for k, f in self.findings.items() if f.status == status)


@dataclass(frozen=True)
class Before:
    """The picture that an edit began with: what was ``seen`` in it, and the share of its pixels
    ``changed`` outside the regions that the edit was in; None where it was of the whole. A region
    that was ``marked`` by the user is one in which anything may change."""

    seen: Seen
    changed: float | None = None
    marked: bool = False


def judge(
    brief: Brief, seen: Seen, *, before: Before | None = None, name: str = "captioner"
) -> Verdict:
    """The verdict of one judge's reading on every claim of the Brief; what is to be as it was, or
    larger or smaller, only the reading of the picture ``before`` can tell."""
    return Verdict(findings={c.id: _find(c, seen, brief, before, name) for c in brief.claims})


def blind(brief: Brief, why: str, *, name: str = "captioner") -> Verdict:
    """The verdict of a judge that failed: nothing is seen, nothing is held against the picture."""
    finding = Finding(status="unseen", evidence=why, judge=name)
    return Verdict(findings={c.id: finding for c in brief.claims})


_UNSEEN_KINDS = ("text", "kept", "size")


def _find(claim: Claim, seen: Seen, brief: Brief, before: Before | None, name: str) -> Finding:
    if seen.unclear and claim.kind not in _UNSEEN_KINDS:
        answer: Answer = "unsure", Evidence("the judge can make out nothing")
    elif claim.kind == "kept" and before is not None:
        answer = _kept(claim, seen, before, brief)
    elif claim.kind == "size" and before is not None:
        answer = _grown(claim, seen, before.seen, brief)
    elif claim.kind == "color":
        answer = _color(claim, seen, _other_colors(claim, brief))
    else:
        answer = _CHECKS[claim.kind](claim, seen)
    status, evidence = answer
    nouns = [n for n in (claim.subject, claim.object, claim.object2) if n]
    if status == "met" and claim.kind != "absent" and any(_only_wider(seen, n) for n in nouns):
        status = "unsure"  # a flower was seen where a rose was asked for
    if seen.lister is not None and claim.kind not in SCENE_KINDS:
        name = seen.lister
    return Finding(status=status, evidence=evidence.tell(brief.language), judge=name)


Answer = tuple[Status, Evidence]


def _scene(claim: Claim, seen: Seen) -> Answer:
    value = str(claim.value)
    if value == "landscape" and claim.kind == "setting" and "setting" in seen.facts:
        found, sure = seen.facts["setting"]
        return graded(found != "indoors", sure, _fact("setting", found))
    if claim.kind not in seen.facts:
        if value not in pool(claim.kind):
            return "unseen", _no_word(value)
        return "unsure", Evidence("the judge does not say which {kind}", kind=claim.kind)
    found, sure = seen.facts[claim.kind]
    if found != value and value not in pool(claim.kind):
        return "unseen", _no_word(value)
    return graded(found == value, sure, _fact(claim.kind, found))


def _object(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    if claim.value is not None:
        return "unseen", Evidence(
            "the judge cannot tell whether it is “{value}”", value=claim.value
        )
    groups, missing = _which(seen, claim.subject, claim.color)
    if missing is not None:
        return missing
    return graded(True, max(g.sure() for g in groups), _there(groups))


def _count(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    groups, missing = _which(seen, claim.subject, claim.color)
    if missing is not None:
        return missing
    if any(g.count is None for g in groups):
        return "unsure", Evidence("there is {groups}; the judge did not count", groups=groups)
    n = sum(g.count or 0 for g in groups)
    right = n >= SEVERAL if claim.value == "several" else n == claim.value
    sure = min(g.sure("count") for g in groups)
    return graded(right, sure, Evidence("{n} seen: {groups}", n=n, groups=groups))


def _color(claim: Claim, seen: Seen, others: frozenset[str]) -> Answer:
    """Every one is of the color, or of one of the ``others`` that were asked for too."""
    assert claim.subject
    groups, missing = _which(seen, claim.subject, None)
    if missing is not None:
        return missing
    value, told = str(claim.value), _there(groups)
    if any(not _shows_color(g) for g in groups):
        return "unseen", Evidence(
            "the judge does not tell the color of a {noun}", noun=claim.subject
        )
    right = [g for g in groups if _is_of_color(g, value)]
    if not right and value not in world().colors:
        return "unseen", _no_word(value)
    wrong = [g for g in groups if not _is_of_color(g, value) and g.color not in others]
    if any(g.color is None and _may_be(g, value, seen) for g in wrong):
        return "unsure", Evidence("there is {groups}; the judge names no color", groups=groups)
    if wrong or not right:
        return graded(False, min(g.sure("color") for g in wrong or groups), told)
    return graded(True, min(g.sure("color") for g in right), told)


def _other_colors(claim: Claim, brief: Brief) -> frozenset[str]:
    return frozenset(
        str(c.value)
        for c in brief.claims
        if c.kind == "color" and c.subject == claim.subject and c.value != claim.value
    )


def _shows_color(group: Group) -> bool:
    known = world().objects.get(group.noun)
    return known is None or known.coloured or group.color is not None


def _is_of_color(group: Group, color: str) -> bool:
    """Whether a group has a color, be it by nature."""
    natural = group.color is None and color in NATURAL.get(group.noun, ())
    return group.color == color or (natural and group.looks == color)


def _may_be(group: Group, color: str, seen: Seen) -> bool:
    """Whether a thing whose color the judge left out may have this one all the same."""
    return not seen.exact or color in NATURAL.get(group.noun, ())


def _place(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    parts = str(claim.value).split()
    if not parts or any(part not in _PARTS for part in parts):
        return "unseen", _no_word(str(claim.value))
    groups, missing = _which(seen, claim.subject, claim.color)
    if missing is not None:
        return missing
    results = [_PARTS[part](group) for part in parts for group in groups]
    return _told(_all(results), min(g.sure("place", "sky") for g in groups), groups)


def _side(group: Group, low: float, high: float) -> bool | None:
    if group.boxes:
        return all(low <= center(box)[0] <= high for box in group.boxes)
    if group.spread:
        return False
    return None if group.x is None else low <= group.x <= high


def _row(group: Group, *, top: bool) -> bool | None:
    """What flies is at the top and what stands is at the bottom, unless it stands on something."""
    if group.boxes:
        ys = [center(box)[1] for box in group.boxes]
        return all(y < 0.45 for y in ys) if top else all(y > 0.55 for y in ys)
    if group.on or group.inside:
        return None
    return group.sky == top


_PARTS: dict[str, Callable[[Group], bool | None]] = {
    "left": lambda g: _side(g, 0.0, 0.4), "right": lambda g: _side(g, 0.6, 1.0),
    "center": lambda g: _side(g, 0.4, 0.6),
    "top": lambda g: _row(g, top=True), "bottom": lambda g: _row(g, top=False),
}  # fmt: skip


def _relation(claim: Claim, seen: Seen) -> Answer:
    """It holds for every subject and every object; inside and between: for some object."""
    value = str(claim.value)
    found: list[list[Group]] = []
    for noun, color in (
        (claim.subject, claim.color), (claim.object, claim.object_color), (claim.object2, None),
    ):  # fmt: skip
        groups, missing = _which(seen, noun, color) if noun else ([], None)
        if missing is not None:
            return missing
        found.append(groups)
    subjects, objects, seconds = found
    if (said := _said(claim, seen)) is not None:
        sure = min(g.sure() for g in (*subjects, *objects))
        return graded(said, sure, Evidence("the judge says: “{text}”", text=Quote(seen.text)))
    if value == "inside":
        results = [_any([_inside(a, b) for b in objects]) for a in subjects]
    elif value == "between":
        pairs = [(b, c) for b in objects for c in seconds]
        results = [_any([_between(a, b, c) for b, c in pairs]) for a in subjects]
    else:
        pairs = [(a, b) for a in subjects for b in objects if a is not b]
        results = [_PAIRS[value](a, b) for a, b in pairs]
    part: tuple[Part, ...] = {
        "above": ("sky", "on"),
        "below": ("sky", "on"),
        "inside": ("inside",),
    }.get(value, ("place",))  # type: ignore[assignment]
    groups = [*subjects, *objects, *(g for g in seconds if g not in objects)]
    return _told(_all(results), min(g.sure(*part) for g in groups), groups)


_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def _said(claim: Claim, seen: Seen) -> bool | None:
    """What the judge said of the relation in so many words; colors it does not repeat."""
    a, value, b = str(claim.subject), str(claim.value), str(claim.object)
    if claim.color or claim.object_color or claim.object2 or a == b:
        return None
    opposite = _INVERSE.get(value)
    says = {(a, value, b), (b, opposite, a)} & {*seen.relations}
    denies = {(b, value, a), (a, opposite, b)} & {*seen.relations}
    return None if bool(says) == bool(denies) else bool(says)


def _beside(a: Group, b: Group) -> bool | None:
    """Whether a is left of b; None where the fifths of the picture that they are in do not tell."""
    if a.boxes and b.boxes:
        pairs = [(i, j) for i in a.boxes for j in b.boxes if i != j]
        return all(left_of(i, j) for i, j in pairs)
    if a.x is None or b.x is None or a.inside or b.inside or a.on or b.on:
        return None
    # Neighboring fifths may touch; and of high and low, a step aside is more below than beside.
    near = 0.5 if a.sky != b.sky else 0.3
    return None if abs(a.x - b.x) < near else a.x < b.x


def _over(a: Group, b: Group) -> bool | None:
    if a.on and a.on.noun == b.noun and a.on.color in (None, b.color):
        return True
    if b.on and b.on.noun == a.noun and b.on.color in (None, a.color):
        return False
    if a.boxes and b.boxes:
        pairs = [(i, j) for i in a.boxes for j in b.boxes if i != j]
        return (a.sky or b.sky) and all(above(i, j) for i, j in pairs)
    if a.sky == b.sky or (a.x is not None and b.x is not None and abs(a.x - b.x) > 0.3):
        return None  # a bird at the far left is beside the house at the right, not above it
    return a.sky


def _inside(a: Group, b: Group) -> bool | None:
    return a.inside is not None and a.inside.noun == b.noun and a.inside.color in (None, b.color)


def _between(a: Group, b: Group, c: Group) -> bool | None:
    if a.boxes and b.boxes and c.boxes:
        sides = [(i, j) for i in b.boxes for j in c.boxes if i != j]
        return all(any(between(x, *p) or between(x, *p[::-1]) for p in sides) for x in a.boxes)
    if a.sky != b.sky or a.sky != c.sky:
        return None
    if b is c:  # between two of one group: they stand on both sides
        if b.count is not None and b.count < 2:
            return False
        if a.x is None:
            return None
        if b.spread:
            return True if 0.25 < a.x < 0.75 else None
        return False if b.x is not None and abs(a.x - b.x) > 0.35 else None
    if a.x is None or b.x is None or c.x is None:
        return None
    low, high = sorted((b.x, c.x))
    if a.x < low - 0.15 or a.x > high + 0.15:
        return False
    return True if low + 0.15 < a.x < high - 0.15 else None


_PAIRS: dict[str, Callable[[Group, Group], bool | None]] = {
    "left of": _beside, "right of": lambda a, b: _beside(b, a),
    "above": _over, "below": lambda a, b: _over(b, a),
}  # fmt: skip


def _absent(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    for kind, (found, sure) in seen.facts.items():
        if claim.subject in pool(kind):
            return graded(found != claim.subject, sure, _fact(kind, found))
    exact, wider = _of_kind(seen, claim.subject)
    if exact or wider:
        groups = exact or wider
        sure = max(g.sure() for g in groups)
        return ("unmet" if exact and sure >= SURE else "unsure"), _there(groups)
    if not _namable(claim.subject):
        return "unseen", _no_word(claim.subject)
    return ("met" if seen.exact else "unsure"), _names_no(claim.subject)


def _kept(claim: Claim, seen: Seen, before: Before, brief: Brief) -> Answer:
    """Nothing outside the changed regions is another; else what was there is there again, as many
    and of the same colors, but for what was to change."""
    assert claim.subject
    whole = claim.subject in ("everything else", "everything")
    if whole and before.changed is not None:
        share = Evidence("{share} of the pixels outside the changed places changed",
                         share=Quote(f"{before.changed:.1%}"))  # fmt: skip
        if before.changed > DAMAGE:
            return "unmet", share
        if before.marked:
            return "met", share
    touched = {noun for c in brief.changes for noun in (c.subject, c.value)} if whole else set()
    named = before.seen.groups if whole else _of_kind(before.seen, claim.subject)[0]
    was = [g for g in named if g.sure() >= SURE and g.noun not in touched]
    now = [g for g in seen.groups if g.sure() >= SURE and g.noun not in touched]
    now = now if whole else _of_kind(Seen("", tuple(now)), claim.subject)[0]
    lost = []
    for noun in dict.fromkeys(g.noun for g in (*was, *now)):
        (many, old), (number, new) = (_told_of(groups, noun) for groups in (was, now))
        if many != number or (old and new and old != new):
            lost.append(Quote(" ".join([f"{many} ×", *old, noun, f"→ {number} ×", *new])))
    if not lost and whole and before.changed is not None:
        return "met", share
    if before.seen.unclear or not was:
        return "unsure", Evidence("it is not known how it was before")
    if not lost:
        return "met", Evidence("the same things are seen as before")
    return "unmet", Evidence(
        "other things are seen than before: {lost}", lost=Quote(", ".join(lost))
    )


def _told_of(groups: Sequence[Group], noun: str) -> tuple[int, list[str]]:
    """How many of a thing there are and of which colors, as far as that is sure."""
    mine = [g for g in groups if g.noun == noun]
    colors = sorted({g.color for g in mine if g.color and g.sure("color") >= SURE})
    return sum(g.count or 0 for g in mine), colors


def _grown(claim: Claim, seen: Seen, before: Seen, brief: Brief) -> Answer:
    """The thing that was to grow or shrink, where several are that which the change means, and in
    the later picture the one that is nearest to where it was."""
    assert claim.subject
    was, now = (
        [box for g in _of_kind(s, claim.subject)[0] for box in g.boxes] for s in (before, seen)
    )
    if not was or not now or len(was) != len(now):
        return "unsure", Evidence("it is not known how it was before")
    change = next((c for c in brief.changes if c.subject == claim.subject), None)
    place = change.place if change is not None else None
    sides = {"left": lambda b: b[0], "right": lambda b: -b[2], "top": lambda b: b[1]}
    old = min(was, key=sides.get((place or "").split(" ")[-1], lambda b: -_area(b)))
    new = min(now, key=lambda b: abs(center(b)[0] - center(old)[0]))
    times = _area(new) / _area(old)
    told = Evidence("it is {times} times as large as before", times=Quote(f"{times:.2f}"))
    right = times > LARGER if claim.value == "big" else times < 1 / LARGER
    return ("met" if right else "unmet"), told


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _never(claim: Claim, seen: Seen) -> Answer:
    return "unseen", Evidence("no judge here can see this")


_CHECKS: dict[str, Callable[[Claim, Seen], Answer]] = {
    "object": _object, "count": _count, "relation": _relation, "place": _place,
    "absent": _absent, **dict.fromkeys(_UNSEEN_KINDS, _never), **dict.fromkeys(SCENE_KINDS, _scene),
}  # fmt: skip


# -- what several checks need


def _there(groups: Iterable[Group]) -> Evidence:
    return Evidence("there is {groups}", groups=tuple(groups))


def _fact(kind: str, found: str) -> Evidence:
    return Evidence("the {kind} is {found}", kind=kind, found=found)


def _no_word(value: str) -> Evidence:
    return Evidence("the judge has no word for “{value}”", value=value)


def _names_no(noun: str) -> Evidence:
    return Evidence("the judge names no {noun}", noun=noun)


def graded(right: bool, sure: float, evidence: Evidence) -> Answer:
    if sure < SURE:
        return "unsure", evidence.doubted(sure)
    return ("met" if right else "unmet"), evidence


def _told(right: bool | None, sure: float, groups: Iterable[Group]) -> Answer:
    if right is None:
        return "unsure", Evidence("there is {groups}; that does not tell", groups=tuple(groups))
    return graded(right, sure, _there(groups))


def _all(results: Sequence[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results or not results else True


def _any(results: Sequence[bool | None]) -> bool | None:
    if True in results:
        return True
    return None if None in results or not results else False


def _of_kind(seen: Seen, noun: str) -> tuple[list[Group], list[Group]]:
    """Groups that are of this noun, and groups of something wider that may be it.

    Where some bear the noun itself, its kinds are something else: two trees and a pine.
    """
    from .language import is_kind_of

    wanted = "person" if noun in PEOPLE else noun
    named = [g for g in seen.groups if g.noun == wanted]
    exact = named or [g for g in seen.groups if is_kind_of(g.noun, wanted)]
    wider = [g for g in seen.groups if g not in exact and is_kind_of(wanted, g.noun)]
    return exact, wider


def _only_wider(seen: Seen, noun: str) -> bool:
    exact, wider = _of_kind(seen, noun)
    return bool(wider) and not exact


def _which(seen: Seen, noun: str, color: str | None) -> tuple[list[Group], Answer | None]:
    """The groups of a noun (and a color), or what it means for the claim that there are none.

    Only a caption that lists everything proves that something is not there.
    """
    exact, wider = _of_kind(seen, noun)
    groups = exact or wider
    if color is not None:
        found = [g for g in groups if _is_of_color(g, color)]
        if groups and not found:
            unclear = any(g.color is None and _may_be(g, color, seen) for g in groups)
            unclear = unclear or not seen.exact or not all(_shows_color(g) for g in groups)
            told = Evidence(
                "there is {groups}, but no {color} {noun}", groups=groups, color=color, noun=noun
            )
            return [], ("unsure" if unclear else "unmet", told)
        groups = found
    if groups:
        return groups, None
    if not _namable(noun):
        return [], ("unseen", _no_word(noun))
    return [], ("unmet" if seen.exact else "unsure", _names_no(noun))


def _namable(noun: str) -> bool:
    return noun in world().objects or noun in PEOPLE


def pool(kind: str) -> Iterable[str]:
    w: World = world()
    pools = {
        "season": w.seasons, "time": w.times, "weather": w.weathers, "setting": w.settings,
        "style": w.styles,
    }  # fmt: skip
    return pools[kind]
