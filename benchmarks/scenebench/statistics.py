"""Statistics of paired arms: shares, intervals, differences, and how far a judge can be trusted.

The unit is the case. Every arm has an outcome (0 or 1) for the same cases.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb, nan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

Z = 1.959964
"""Deviations of the normal distribution on both sides of which 5 % lie."""
RESAMPLES = 10_000
NORMAL = NormalDist()
TELLING = 0.1
"""A grader whose TPR is not this much above its FPR tells next to nothing."""
TIE = 1e-9
"""Means that differ by less are the same mean, rounded in another order."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its 95 % interval; nan where there is nothing to count."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(hits: int, n: int) -> Interval:
    """A share (Wilson 1927). Raises ValueError for more hits than cases."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no share")
    if n == 0:
        return Interval(nan, nan, nan, 0)
    p, more = hits / n, Z**2 / n
    middle = (p + more / 2) / (1 + more)
    half = Z * sqrt(p * (1 - p) / n + more / (4 * n)) / (1 + more)
    return Interval(p, max(middle - half, 0.0), min(middle + half, 1.0), n)


def macro(values: Sequence[float], strata: Sequence[Hashable]) -> float:
    """The mean of the strata's means; nan for nothing."""
    means = [np.mean(part) for part in _parts(values, strata)]
    return float(np.mean(means)) if means else nan


def bootstrap(
    values: Sequence[float],
    strata: Sequence[Hashable],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The macro mean with its BCa bootstrap interval (Efron 1987), cases drawn within each stratum.

    For a difference of two arms ``values`` are the differences, case by case. Where all are alike
    within every stratum the interval is the point.
    """
    parts = _parts(values, strata)
    if not parts:
        return Interval(nan, nan, nan, 0)
    told = macro(values, strata)
    drawn = _drawn(parts, resamples, np.random.default_rng(seed))
    if np.ptp(drawn) < TIE:
        return Interval(told, told, told, len(values))
    low, high = np.quantile(drawn, _ends(drawn - told, _acceleration(parts)))
    return Interval(told, float(low), float(high), len(values))


def _drawn(parts: Sequence[np.ndarray], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """The mean of the strata's means in each resample."""
    means: np.ndarray = np.mean([_resampled(part, resamples, rng) for part in parts], 0)
    return means


def _resampled(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means of as many cases as there are, drawn with replacement: (n,) or (n, k) to (resamples,)
    or (resamples, k). Cases that are alike are drawn together."""
    distinct, n = np.unique(values, axis=0, return_counts=True)
    drawn: np.ndarray = rng.multinomial(len(values), n / len(values), resamples) @ distinct
    return drawn / len(values)


def _ends(beside: np.ndarray, acceleration: float) -> list[float]:
    """The quantiles of the resamples at which the interval ends, from how far each lies beside
    what it is a resample of. Ties count by halves."""
    below = np.mean(beside < -TIE) / 2 + np.mean(beside <= TIE) / 2
    bias = NORMAL.inv_cdf(float(np.clip(below, 0.5 / len(beside), 1 - 0.5 / len(beside))))
    return [NORMAL.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (-Z, Z)]


def _acceleration(parts: Sequence[np.ndarray]) -> float:
    """How skewed the mean of the strata's means is, by the influence of each case (Davison and
    Hinkley 1997, 5.3.2)."""
    off = [(part - part.mean()) / len(part) for part in parts]
    spread = sum(float((o**2).sum()) for o in off)
    return sum(float((o**3).sum()) for o in off) / (6.0 * spread * sqrt(spread))


def _parts(values: Sequence[float], strata: Sequence[Hashable]) -> list[np.ndarray]:
    found: dict[Hashable, list[float]] = {}
    for value, stratum in zip(values, strata, strict=True):
        found.setdefault(stratum, []).append(float(value))
    return [np.array(part) for part in found.values()]


@dataclass(frozen=True)
class Change:
    """What an arm mends and breaks against another: ``fixed`` cases went from wrong to right,
    ``broken`` ones from right to wrong; ``p`` is McNemar's, exact and two-sided."""

    fixed: int
    broken: int
    p: float


def mcnemar(before: Sequence[bool], after: Sequence[bool]) -> Change:
    """The change from one arm to another over the same cases (McNemar 1947, the binomial form)."""
    both = list(zip(before, after, strict=True))
    fixed = sum(not a and b for a, b in both)
    broken = sum(a and not b for a, b in both)
    n, fewer = fixed + broken, min(fixed, broken)
    tail = sum(comb(n, k) for k in range(fewer + 1)) / 2**n
    return Change(fixed, broken, min(1.0, 2 * tail))


def holm(ps: Sequence[float]) -> list[float]:
    """What each of several tests' p comes to when any one of them might be the chance hit (Holm
    1979), in the order given."""
    found, least = [0.0] * len(ps), 0.0
    for rank, k in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        least = max(least, min(1.0, (len(ps) - rank) * ps[k]))
        found[k] = least
    return found


@dataclass(frozen=True)
class Trust:
    """How far one who says "satisfied" can be trusted.

    ``tpr``: of what is right, how much is called so; ``fpr``: of what is wrong, how much is called
    right all the same, the false-claim rate; ``gap``: share called right less share right.
    """

    tpr: Interval
    fpr: Interval
    gap: float


def trust(said: Sequence[bool], right: Sequence[bool]) -> Trust:
    """What was said of cases against what is so."""
    both = list(zip(said, right, strict=True))
    met, unmet = [s for s, r in both if r], [s for s, r in both if not r]
    gap = (sum(map(bool, said)) - sum(map(bool, right))) / len(both) if both else nan
    return Trust(wilson(sum(met), len(met)), wilson(sum(unmet), len(unmet)), gap)


def corrected(share: Any, tpr: Any, fpr: Any) -> Any:
    """The true share behind the one that an imperfect grader counts (Rogan & Gladen 1978), cut to
    0 … 1; nan for a grader that tells next to nothing. Takes numbers or arrays of them."""
    worth = np.subtract(tpr, fpr)
    told = np.subtract(share, fpr) / np.where(worth < TELLING, nan, worth)
    return np.clip(told, 0.0, 1.0)


def corrected_share(
    said: Sequence[bool],
    strata: Sequence[Hashable],
    looked: Sequence[tuple[Hashable, bool, bool]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The true macro mean behind what a grader said, and its percentile bootstrap interval.

    ``looked`` are the cases by which the grader is known: of each picture its case, what the
    grader says and what is so. The cases of both are drawn anew, and a resample in which the
    grader tells nothing may be anything from 0 to 1.
    """
    parts = _parts(said, strata)
    if not parts or not looked:
        return Interval(nan, nan, nan, 0)
    cases = {case: k for k, case in enumerate(dict.fromkeys(case for case, _, _ in looked))}
    counts = np.zeros((len(cases), 4))
    for case, says, right in looked:
        counts[cases[case], [0, 1] if right else [2, 3]] += says, 1
    rng = np.random.default_rng(seed)
    drawn = corrected(_drawn(parts, resamples, rng), *_rates(_resampled(counts, resamples, rng)))
    value = float(corrected(macro(said, strata), *_rates(counts.mean(0))))
    if np.isnan(value):
        return Interval(nan, nan, nan, 0)
    low, high = (
        float(np.quantile(np.nan_to_num(drawn, nan=end), q)) for end, q in ((0, 0.025), (1, 0.975))
    )
    return Interval(value, low, high, len(said))


def _rates(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """TPR and FPR from the numbers of right ones called right, right ones, wrong ones called right
    and wrong ones: (…, 4)."""
    met, right, claimed, wrong = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        return met / right, claimed / wrong
