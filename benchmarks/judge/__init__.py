"""How well the built-in judge sees: true and false claims about pictures whose scenes are known.

Every true claim has a false twin that differs in one word (another color, one more or less, the
mirrored place, a turned relation), so a judge that says yes to everything gains nothing. What is
true comes from ``training.scenes.facts``; what the judge says comes from its caption, read and
decided by the very code that the agent runs (``agent.seen``, ``agent.verdict``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from danqing.agent.brief import Brief, Claim, Kind
from danqing.agent.language import is_kind_of
from danqing.agent.seen import Seen
from danqing.agent.verdict import Status, judge
from danqing.tools.world import world
from training.scenes import facts
from training.scenes.spec import Scene

KINDS: tuple[Kind, ...] = (
    "object", "count", "color", "relation", "place", "season", "time", "weather", "setting",
    "style", "absent",
)  # fmt: skip
SCENE: tuple[Kind, ...] = ("season", "time", "weather", "setting", "style")
PARTS = ("left", "center", "right")
INVERSE = {"left of": "right of", "above": "below"}
ASKED = 4  # claims of one request
BINS = 10  # of confidence
RESAMPLES = 1000


@dataclass(frozen=True)
class Pair:
    """A true claim and the false one that differs from it in one word."""

    true: Claim
    false: Claim


@dataclass(frozen=True)
class Answers:
    """What a judge made of one picture: for each pair its kind and both statuses; for a request of
    `ASKED` true claims, and for the same with one of them false, whether all seemed met; for each
    statement it made, its kind, confidence and truth."""

    pairs: list[tuple[Kind, Status, Status]]
    request: tuple[bool, bool]
    statements: list[tuple[str, float, bool]] = field(default_factory=list)


def pairs(scene: Scene, rng: np.random.Generator) -> list[Pair]:
    """Minimal pairs for a scene, of every kind that it offers; all false claims are checked."""
    made = [*_scene_pairs(scene, rng), *_object_pairs(scene, rng), *_relation_pairs(scene, rng)]
    for pair in made:
        if not _holds(scene, pair.true) or _holds(scene, pair.false):
            raise AssertionError(f"not a true and a false claim: {pair!r} of {scene!r}")
    return made


def answers(scene: Scene, seen: Seen, rng: np.random.Generator) -> Answers:
    """What a judge that saw ``seen`` says to the pairs of ``scene``."""
    asked = pairs(scene, rng)
    statuses = [(p.true.kind, _status(p.true, seen), _status(p.false, seen)) for p in asked]
    chosen = rng.permutation(len(asked))[:ASKED]
    right = [statuses[k][1] == "met" for k in chosen]
    one_wrong = [statuses[chosen[0]][2] == "met", *right[1:]]
    return Answers(statuses, (all(right), all(one_wrong)), statements(scene, seen))


def statements(scene: Scene, seen: Seen) -> list[tuple[str, float, bool]]:
    """Everything that was said of a scene: the kind, the confidence, whether it is true."""
    said = [
        (str(kind), sure, bool(getattr(scene, kind) == value))
        for kind, (value, sure) in seen.facts.items()
    ]
    there = [_key(scene, group) for group in facts.groups(scene)]
    kinds = {thing.kind for thing in scene.things}
    for group in seen.groups:
        key = (group.noun, group.color, group.count)
        said.append(("thing", group.sure(), group.noun in kinds))
        said.append(("group", group.sure("color", "count"), key in there))
        if key in there:
            there.remove(key)
    return said


def _key(scene: Scene, group: facts.Group) -> tuple[str, str | None, int | None]:
    return group.kind, group.color, len(group.things)


def _status(claim: Claim, seen: Seen) -> Status:
    brief = Brief(language="en", intent="make", claims=(claim,))
    return judge(brief, seen).findings[claim.id].status


def _holds(scene: Scene, claim: Claim) -> bool:
    return facts.holds(
        scene, claim.kind, subject=claim.subject, value=claim.value, object=claim.object,
        object2=claim.object2, color=claim.color, object_color=claim.object_color,
    )  # fmt: skip


# -- the claims


def _scene_pairs(scene: Scene, rng: np.random.Generator) -> list[Pair]:
    made = []
    for kind in SCENE:
        value = getattr(scene, kind)
        others = [word for word in _words(kind) if word != value]
        made.append(_pair(kind, {"value": value}, {"value": str(rng.choice(others))}))
    return made


def _object_pairs(scene: Scene, rng: np.random.Generator) -> list[Pair]:
    made = []
    w = world()
    there = sorted({thing.kind for thing in scene.things})
    missing = [o for o in w.objects if not any(_overlap(o, noun) for noun in there)]
    for noun in there:
        category = w.objects[noun].category
        alike = [o for o in missing if w.objects[o].category == category] or missing
        other = str(rng.choice(alike))
        made.append(_pair("object", {"subject": noun}, {"subject": other}))
        made.append(_pair("absent", {"subject": other}, {"subject": noun}))
        n = facts.count(scene, noun)
        wrong = n + 1 if n == 1 or rng.random() < 0.5 else n - 1
        made.append(
            _pair("count", {"subject": noun, "value": n}, {"subject": noun, "value": wrong})
        )
        colors = {thing.color for thing in scene.things if thing.kind == noun}
        color = next(iter(colors))
        if len(colors) == 1 and color is not None:
            other = str(rng.choice([c for c in w.colors if c != color]))
            made.append(
                _pair("color", {"subject": noun, "value": color}, {"subject": noun, "value": other})
            )
        for part in PARTS:
            claim = Claim(id="c1", kind="place", subject=noun, value=part)
            if _holds(scene, claim):
                other = str(rng.choice([p for p in PARTS if p != part]))
                made.append(Pair(claim, claim.model_copy(update={"value": other})))
    return made


def _overlap(a: str, b: str) -> bool:
    """Whether one may be called the other: a pine is a tree."""
    return is_kind_of(a, b) or is_kind_of(b, a)


def _relation_pairs(scene: Scene, rng: np.random.Generator) -> list[Pair]:
    groups = facts.groups(scene)
    nouns = [group.kind for group in groups]
    made = []
    for relation in facts.relations(scene):
        a, b = groups[relation.subject].kind, groups[relation.object].kind
        if nouns.count(a) > 1 or nouns.count(b) > 1 or relation.object2 is not None:
            continue
        true = Claim(id="c1", kind="relation", subject=a, value=relation.value, object=b)
        if relation.value in INVERSE:
            false = true.model_copy(update={"value": INVERSE[relation.value]})
        else:
            false = true.model_copy(update={"subject": b, "object": a})
        if _holds(scene, true):
            made.append(Pair(true, false))
    if len(made) > 3:
        made = [made[k] for k in rng.permutation(len(made))[:3]]
    return made


def _pair(kind: Kind, true: dict[str, Any], false: dict[str, Any]) -> Pair:
    return Pair(Claim(id="c1", kind=kind, **true), Claim(id="c1", kind=kind, **false))


def _words(kind: Kind) -> list[str]:
    w = world()
    pools = {
        "season": w.seasons, "time": w.times, "weather": w.weathers, "setting": w.settings,
        "style": w.styles,
    }  # fmt: skip
    return list(pools[kind])


# -- the numbers


@dataclass(frozen=True)
class Share:
    """A share with the ends of its 95 % bootstrap interval; nan where there is nothing to count."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Row:
    """One kind of claim. ``precision``: of the claims called met, how many are true; ``recall``: of
    the true ones, how many are called met; ``pair``: pairs of which the true one is called met and
    the false one is not; ``unsure``: claims without an answer."""

    kind: str
    n: int
    precision: Share
    recall: Share
    pair: Share
    unsure: Share


@dataclass(frozen=True)
class Report:
    """Rows by kind and over all; the request rates; the calibration error by kind of statement."""

    rows: list[Row]
    request_met: Share
    request_fooled: Share
    calibration: dict[str, tuple[int, float, float, Share]]
    """n, mean confidence, share true, expected calibration error."""


def report(seen: Sequence[Answers], *, seed: int = 0) -> Report:
    """The numbers over pictures; intervals resample whole pictures."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(seen), (RESAMPLES, len(seen)))
    rows = []
    for kind in (*KINDS, "all"):
        sums = np.array([_counts(a, kind) for a in seen], np.float64)
        met_true, met_false, true, both, undecided = sums.T
        rows.append(
            Row(
                kind, int(true.sum()),
                precision=_share(met_true, met_true + met_false, draws),
                recall=_share(met_true, true, draws),
                pair=_share(both, true, draws),
                unsure=_share(undecided, 2 * true, draws),
            )
        )  # fmt: skip
    one = np.ones(len(seen))
    met, fooled = np.array([a.request for a in seen], np.float64).T
    kinds = sorted({kind for a in seen for kind, _, _ in a.statements})
    return Report(
        rows, _share(met, one, draws), _share(fooled, one, draws),
        {kind: _calibration(seen, kind, draws[:200]) for kind in kinds},
    )  # fmt: skip


def _counts(a: Answers, kind: str) -> tuple[int, int, int, int, int]:
    mine = [(t, f) for k, t, f in a.pairs if kind in (k, "all")]
    return (
        sum(t == "met" for t, _ in mine),
        sum(f == "met" for _, f in mine),
        len(mine),
        sum(t == "met" and f != "met" for t, f in mine),
        sum(s in ("unsure", "unseen") for pair in mine for s in pair),
    )


def _share(top: NDArray[np.float64], bottom: NDArray[np.float64], draws: NDArray[Any]) -> Share:
    if not bottom.sum():
        return Share(float("nan"), float("nan"), float("nan"))
    with np.errstate(invalid="ignore"):
        drawn = top[draws].sum(1) / bottom[draws].sum(1)
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return Share(float(top.sum() / bottom.sum()), float(low), float(high))


def _calibration(
    seen: Sequence[Answers], kind: str, draws: NDArray[Any]
) -> tuple[int, float, float, Share]:
    said = [[(sure, true) for k, sure, true in a.statements if k == kind] for a in seen]
    everything = np.array([pair for one in said for pair in one], np.float64)
    drawn = []
    for draw in draws:
        some = [pair for k in draw for pair in said[k]]
        if some:
            drawn.append(calibration_error(np.array(some, np.float64)))
    low, high = np.percentile(drawn, (2.5, 97.5))
    error = Share(calibration_error(everything), float(low), float(high))
    return len(everything), float(everything[:, 0].mean()), float(everything[:, 1].mean()), error


def calibration_error(said: NDArray[np.float64]) -> float:
    """Expected calibration error of rows (confidence, truth), over ten equal bins of confidence."""
    bins = np.minimum((said[:, 0] * BINS).astype(int), BINS - 1)
    gaps = [
        (bins == b).mean() * abs(said[bins == b, 0].mean() - said[bins == b, 1].mean())
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def agreement(
    first: Sequence[Answers], second: Sequence[Answers]
) -> dict[str, tuple[int, float, float]]:
    """For each kind: how many claims both judges decided, the share decided alike, and Cohen's
    kappa (what is above chance). The two must have been asked the same."""
    result = {}
    for kind in (*KINDS, "all"):
        both = [
            (x == "met", y == "met")
            for a, b in zip(first, second, strict=True)
            for (k, *mine), (_, *theirs) in zip(a.pairs, b.pairs, strict=True)
            if kind in (k, "all")
            for x, y in zip(mine, theirs, strict=True)
            if {x, y} <= {"met", "unmet"}
        ]
        if both:
            pair = np.array(both, np.float64)
            same, (p, q) = float((pair[:, 0] == pair[:, 1]).mean()), pair.mean(0)
            chance = p * q + (1 - p) * (1 - q)
            result[kind] = (len(both), same, float((same - chance) / max(1 - chance, 1e-9)))
    return result
