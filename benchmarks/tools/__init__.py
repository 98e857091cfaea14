"""How well each tool does what it says, measured on scenes whose truth is known.

A measure is a row: a share with its Wilson interval, or a mean or median with a percentile
bootstrap interval. What is true comes from ``training.scenes``; what a painted picture shows is
said by the grader, which shares nothing with the tools but the world.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tables import aligned

Z = 1.959964
"""Deviations of the normal distribution on both sides of which 5 % lie."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Row:
    """One line of the table. ``value`` is None where there was nothing to measure, and ``note``
    says why; ``low`` and ``high`` are None where there is no interval."""

    tool: str
    measure: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    digits: int = 3
    note: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The five columns as text."""
        value = self.note if self.value is None else f"{self.value:.{self.digits}f}"
        interval = ""
        if self.value is not None and self.low is not None:
            interval = f"[{self.low:.{self.digits}f}, {self.high:.{self.digits}f}]"
        return self.tool, self.measure, value, interval, str(self.n) if self.n else ""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927). Raises ValueError for none of nothing."""
    if not 0 <= hits <= n or not n:
        raise ValueError(f"{hits} of {n} is no share")
    p, more = hits / n, Z**2 / n
    middle = (p + more / 2) / (1 + more)
    half = Z * np.sqrt(p * (1 - p) / n + more / (4 * n)) / (1 + more)
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def bootstrap(
    values: Sequence[float], statistic: Callable[..., Any] = np.mean, *, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a mean, or of another statistic that takes an
    axis."""
    x = np.asarray(values, np.float64)
    draws = np.random.default_rng(seed).integers(0, len(x), (RESAMPLES, len(x)))
    low, high = np.percentile(statistic(x[draws], axis=1), [2.5, 97.5])
    return float(low), float(high)


def share(tool: str, measure: str, hits: Sequence[bool]) -> Row:
    """How many of ``hits`` are true."""
    if not hits:
        return Row(tool, measure, None, note="nothing to count")
    right = sum(map(bool, hits))
    return Row(tool, measure, right / len(hits), *wilson(right, len(hits)), len(hits))


def mean(tool: str, measure: str, values: Sequence[float], *, digits: int = 3) -> Row:
    """The mean of ``values``."""
    return _of(np.mean, tool, measure, values, digits)


def median(tool: str, measure: str, values: Sequence[float], *, digits: int = 3) -> Row:
    """The median of ``values``."""
    return _of(np.median, tool, measure, values, digits)


def _of(
    statistic: Callable[..., Any], tool: str, measure: str, values: Sequence[float], digits: int
) -> Row:
    if not values:
        return Row(tool, measure, None, note="nothing to count")
    value = float(statistic(np.asarray(values, np.float64)))
    return Row(tool, measure, value, *bootstrap(values, statistic), len(values), digits)


def missing(tool: str, what: str = "all") -> Row:
    """The row of a tool, or of a way of it, whose model is not there."""
    return Row(tool, what, None, note="not here")


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    head = ("tool", "measure", "value", "95% interval", "n")
    return aligned([head, *(row.cells for row in rows)])
