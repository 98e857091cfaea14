"""Claim by claim, what a judge's reading of a picture says about it: typed values, compared.

``unsure`` is not ``unmet``: the judge looked and could not tell. ``unseen`` is neither: no judge
could look, because it failed or has no word for the thing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..tools.world import World, world
from .brief import SCENE_KINDS, Brief, Claim
from .seen import Group, Seen

Status = Literal["met", "unmet", "unsure", "unseen"]
PEOPLE = frozenset({"man", "woman", "girl", "boy", "child", "baby", "people"})
"""Nouns that a picture of a person satisfies: the judges here do not tell age or sex."""
SURE = 0.5
"""Below this confidence a judge's word counts as unsure."""
SEVERAL = 3


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


def judge(brief: Brief, seen: Seen, *, name: str = "captioner") -> Verdict:
    """The verdict of one judge's reading on every claim of the Brief."""
    return Verdict(findings={c.id: _find(c, seen, name) for c in brief.claims})


def blind(brief: Brief, why: str, *, name: str = "captioner") -> Verdict:
    """The verdict of a judge that failed: nothing is seen, nothing is held against the picture."""
    finding = Finding(status="unseen", evidence=why, judge=name)
    return Verdict(findings={c.id: finding for c in brief.claims})


def _find(claim: Claim, seen: Seen, name: str) -> Finding:
    status, evidence = _CHECKS[claim.kind](claim, seen)
    return Finding(status=status, evidence=evidence, judge=name)


Answer = tuple[Status, str]


def _scene(claim: Claim, seen: Seen) -> Answer:
    value = str(claim.value)
    if value == "landscape" and claim.kind == "setting" and "setting" in seen.facts:
        found, sure = seen.facts["setting"]
        return _graded(found != "indoors", sure, f"the setting is {found}")
    if not _known(claim):
        return "unseen", f"the judge has no word for {value!r}"
    if claim.kind not in seen.facts:
        return "unsure", f"the judge does not say which {claim.kind}"
    found, sure = seen.facts[claim.kind]
    return _graded(found == value, sure, f"the {claim.kind} is {found}")


def _object(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    if claim.value is not None:
        return "unseen", f"the judge cannot tell whether it is {claim.value!r}"
    exact, wider = _of_kind(seen, claim.subject)
    if exact:
        sure = max(g.confidence for g in exact)
        return _graded(True, sure, f"there is {_words(exact)}")
    if wider:
        return "unsure", f"there is {_words(wider)}, which may be a {claim.subject}"
    if not _namable(claim.subject):
        return "unseen", f"the judge has no word for {claim.subject!r}"
    return _missing(seen, claim.subject)


def _count(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    exact, wider = _of_kind(seen, claim.subject)
    groups = [g for g in exact or wider if claim.color in (None, g.color)]
    if not _namable(claim.subject) and not groups:
        return "unseen", f"the judge has no word for {claim.subject!r}"
    if not groups:
        return _missing(seen, claim.subject)
    if any(g.count is None for g in groups):
        return "unsure", f"there is {_words(groups)}; the judge did not count"
    n = sum(g.count or 0 for g in groups)
    right = n >= SEVERAL if claim.value == "several" else n == claim.value
    answer = _graded(right, min(g.confidence for g in groups), f"there are {n}: {_words(groups)}")
    return answer if exact or answer[0] != "met" else ("unsure", answer[1])


def _color(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    exact, wider = _of_kind(seen, claim.subject)
    groups = exact or wider
    if not groups:
        if not _namable(claim.subject):
            return "unseen", f"the judge has no word for {claim.subject!r}"
        return _missing(seen, claim.subject)
    if claim.value not in world().colors:
        return "unseen", f"the judge has no word for the color {claim.value!r}"
    right = [g for g in groups if g.color == claim.value]
    if right:
        return _graded(True, max(g.confidence for g in right), f"there is {_words(right)}")
    if any(g.color is None for g in groups):
        return "unsure", f"there is {_words(groups)}; the judge names no color"
    return _graded(False, min(g.confidence for g in groups), f"there is {_words(groups)}")


def _place(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    groups = _which(seen, claim.subject, claim.color)
    if not groups:
        return _object(Claim(id=claim.id, kind="object", subject=claim.subject), seen)
    tests = {part: _PARTS[part] for part in str(claim.value).split() if part in _PARTS}
    if len(tests) != len(str(claim.value).split()):
        return "unseen", f"the judge does not tell {claim.value!r}"
    best: Answer = "unmet", f"there is {_words(groups)}"
    for group in groups:
        results = [test(group) for test in tests.values()]
        if all(r is True for r in results):
            return _graded(True, group.confidence, f"there is {_words([group])}")
        if None in results and False not in results:
            best = "unsure", f"there is {_words([group])}; the judge does not say where"
    return best


def _left(group: Group) -> bool | None:
    return None if group.x is None and not group.spread else group.x is not None and group.x < 0.42


def _right(group: Group) -> bool | None:
    return None if group.x is None and not group.spread else group.x is not None and group.x > 0.58


def _center(group: Group) -> bool | None:
    if group.x is None and not group.spread:
        return None
    return group.x is not None and 0.38 <= group.x <= 0.62


_PARTS: dict[str, Callable[[Group], bool | None]] = {
    "left": _left, "right": _right, "center": _center,
    "top": lambda g: g.sky, "bottom": lambda g: not g.sky,
}  # fmt: skip


def _relation(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject and claim.object
    if (claim.subject, str(claim.value), claim.object) in seen.relations:
        return "met", f"the judge says so: {seen.text!r}"
    a = _which(seen, claim.subject, claim.color)
    b = _which(seen, claim.object, claim.object_color)
    c = _which(seen, claim.object2, None) if claim.object2 else ()
    for noun, groups in ((claim.subject, a), (claim.object, b), (claim.object2, c)):
        if noun and not groups:
            return _object(Claim(id=claim.id, kind="object", subject=noun), seen)
    test = _RELATIONS[str(claim.value)]
    results = [test(x, y, z) for x in a for y in b for z in (c or (None,)) if x is not y or c]
    told = f"there is {_words([*a, *b])}"
    if True in results:
        return _graded(True, min(g.confidence for g in (*a, *b)), told)
    if None in results or not results:
        return "unsure", f"{told}; too close to tell"
    return _graded(False, min(g.confidence for g in (*a, *b)), told)


def _beside(a: Group, b: Group, sign: int) -> bool | None:
    if a.x is None or b.x is None or abs(a.x - b.x) < 0.15:
        return None
    return (b.x - a.x) * sign > 0


def _over(a: Group, b: Group) -> bool | None:
    if a.on == b.noun:
        return True
    if a.sky != b.sky:
        return a.sky
    return False if b.on == a.noun else None


def _between(a: Group, b: Group, c: Group | None) -> bool | None:
    if a.x is None:
        return None
    if c is None or c is b:  # between two of one group: they stand on both sides
        return None if b.count != 2 else b.spread and 0.3 < a.x < 0.7
    if b.x is None or c.x is None:
        return None
    return min(b.x, c.x) < a.x < max(b.x, c.x)


_RELATIONS: dict[str, Callable[[Group, Group, Group | None], bool | None]] = {
    "left of": lambda a, b, _: _beside(a, b, 1),
    "right of": lambda a, b, _: _beside(a, b, -1),
    "above": lambda a, b, _: _over(a, b),
    "below": lambda a, b, _: _over(b, a),
    "inside": lambda a, b, _: a.inside == b.noun,
    "between": _between,
}


def _absent(claim: Claim, seen: Seen) -> Answer:
    assert claim.subject
    for kind, (found, sure) in seen.facts.items():
        if claim.subject in _pool(kind):
            return _graded(found != claim.subject, sure, f"the {kind} is {found}")
    exact, wider = _of_kind(seen, claim.subject)
    if exact or wider:
        groups = exact or wider
        sure = max(g.confidence for g in groups)
        return ("unmet" if exact and sure >= SURE else "unsure"), f"there is {_words(groups)}"
    if not _namable(claim.subject):
        return "unseen", f"the judge has no word for {claim.subject!r}"
    return ("met" if seen.exact else "unsure"), f"the judge names no {claim.subject}"


def _never(claim: Claim, seen: Seen) -> Answer:
    return "unseen", f"no judge here can see the {claim.kind} of a picture"


_CHECKS: dict[str, Callable[[Claim, Seen], Answer]] = {
    "object": _object, "count": _count, "color": _color, "relation": _relation, "place": _place,
    "absent": _absent, "text": _never, "kept": _never, "size": _never,
    **dict.fromkeys(SCENE_KINDS, _scene),
}  # fmt: skip


# -- what several checks need


def _graded(right: bool, sure: float, evidence: str) -> Answer:
    if sure < SURE:
        return "unsure", f"{evidence} ({sure:.0%} sure)"
    return ("met" if right else "unmet"), evidence


def _missing(seen: Seen, noun: str) -> Answer:
    """Only a caption that lists everything proves that something is not there."""
    evidence = f"the judge names no {noun}"
    return ("unmet" if seen.exact else "unsure"), evidence


def _of_kind(seen: Seen, noun: str) -> tuple[list[Group], list[Group]]:
    """Groups that are of this noun, and groups of something wider that may be it."""
    from .language import is_kind_of

    wanted = "person" if noun in PEOPLE else noun
    exact = [g for g in seen.groups if g.noun == wanted or is_kind_of(g.noun, wanted)]
    wider = [g for g in seen.groups if g not in exact and is_kind_of(wanted, g.noun)]
    return exact, wider


def _which(seen: Seen, noun: str, color: str | None) -> list[Group]:
    exact, wider = _of_kind(seen, noun)
    return [g for g in exact or wider if color in (None, g.color)]


def _namable(noun: str) -> bool:
    return noun in world().objects or noun in PEOPLE


def _pool(kind: str) -> Iterable[str]:
    w: World = world()
    pools = {
        "season": w.seasons, "time": w.times, "weather": w.weathers, "setting": w.settings,
        "style": w.styles,
    }  # fmt: skip
    return pools[kind]


def _known(claim: Claim) -> bool:
    return claim.value in _pool(claim.kind)


def _words(groups: Iterable[Group]) -> str:
    """The groups as the judge named them: "a red house at the left and two trees"."""
    return " and ".join(_told(g) for g in groups)


def _told(group: Group) -> str:
    from ..tools.painter_words import Phrase, words

    place = None
    if group.x is not None:
        place = ("far left", "left", "center", "right", "far right")[min(int(group.x * 5), 4)]
    return words(
        Phrase(
            group.noun, group.count, group.color,
            "across" if group.spread else place,  # type: ignore[arg-type]
            group.sky,
            inside=f"the {group.inside}" if group.inside else None,
            on=f"the {group.on}" if group.on else None,
        )
    )  # fmt: skip
