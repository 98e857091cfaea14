"""Statistics of paired arms: shares, intervals, differences, and how far a judge can be trusted.

The unit is the case. Every arm has an outcome (0 or 1) for the same cases.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb, nan, sqrt

import numpy as np

Z = 1.959964
"""Deviations of the normal distribution on both sides of which 5 % lie."""
RESAMPLES = 10_000


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
    """The macro mean with its percentile bootstrap interval, cases drawn within each stratum.

    For a difference of two arms ``values`` are the differences, case by case.
    """
    parts = _parts(values, strata)
    if not parts:
        return Interval(nan, nan, nan, 0)
    rng = np.random.default_rng(seed)
    drawn = np.mean(
        [part[rng.integers(0, len(part), (resamples, len(part)))].mean(1) for part in parts], 0
    )
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(macro(values, strata), float(low), float(high), len(values))


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


def corrected(share: float, tpr: float, fpr: float) -> float:
    """The true share behind the one that an imperfect grader counts (Rogan & Gladen 1978), cut to
    0 … 1; nan for a grader that tells nothing."""
    if tpr <= fpr:
        return nan
    return min(max((share - fpr) / (tpr - fpr), 0.0), 1.0)
