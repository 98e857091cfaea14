"""How well a parser turns requests into Briefs: 200 hand-annotated requests and an exact scorer.

A claim counts when its whole typed ``Claim.key`` is equal; a near miss is one claim missing and one
claim too many. Claims are compared as multisets, without their ids, sources and order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from danqing.agent.brief import KINDS, Brief, Claim

REQUESTS = Path(__file__).with_name("requests.jsonl")
GROUPS = ("en", "zh", "all")
RESAMPLES = 2000

Understand = Callable[[str], Brief]
Key = tuple[str | int | None, ...]


class Sample(BaseModel):
    """One request with the Brief that a person wrote for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    request: str
    brief: Brief


@dataclass(frozen=True)
class Reading:
    """What a parser made of one sample; ``brief`` is None where it raised ``error``."""

    sample: Sample
    brief: Brief | None
    error: str | None = None

    @property
    def missing(self) -> Counter[Key]:
        return _keys(self.sample.brief.claims) - self._said

    @property
    def extra(self) -> Counter[Key]:
        return self._said - _keys(self.sample.brief.claims)

    @property
    def intent_is_right(self) -> bool:
        return self.brief is not None and self.brief.intent == self.sample.brief.intent

    @property
    def target_is_right(self) -> bool:
        return self.brief is not None and self.brief.target == self.sample.brief.target

    @property
    def entirely_right(self) -> bool:
        """Intent and claims, and for an edit its target; remarks are free and not compared."""
        return (
            self.intent_is_right
            and not self.missing
            and not self.extra
            and (self.sample.brief.intent != "edit" or self.target_is_right)
        )

    def counts(self) -> NDArray[np.int64]:
        """(kinds, 3): claims found, too many and missing; kinds in the order of KINDS."""
        found = _keys(self.sample.brief.claims) & self._said
        kinds = [Counter(key[0] for key in c.elements()) for c in (found, self.extra, self.missing)]
        return np.array([[count[kind] for count in kinds] for kind in KINDS], dtype=np.int64)

    @property
    def _said(self) -> Counter[Key]:
        return _keys(self.brief.claims if self.brief else ())


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] and its 95% interval; NaN where nothing was there to be measured."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Row:
    """One line of the table: claims of one kind ("all" for every kind) in one group of requests."""

    group: str
    kind: str
    n: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Share:
    """A share of ``n`` requests: intents right, targets of edits right, or entirely right."""

    group: str
    name: str
    n: int
    share: Estimate


@dataclass(frozen=True)
class Report:
    shares: tuple[Share, ...]
    rows: tuple[Row, ...]
    failed: int
    """Requests on which the parser raised."""


def load(path: Path = REQUESTS) -> tuple[Sample, ...]:
    """The samples of a file with one JSON object a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(Sample.model_validate_json(line) for line in lines)


def read(samples: Iterable[Sample], understand: Understand) -> tuple[Reading, ...]:
    """Run ``understand`` on every request. One that raises is wrong in everything it should say."""
    readings = []
    for sample in samples:
        try:
            readings.append(Reading(sample, understand(sample.request)))
        except Exception as error:  # noqa: BLE001  whatever it dies of is one wrong answer
            readings.append(Reading(sample, None, f"{type(error).__name__}: {error}"))
    return tuple(readings)


def score(readings: Sequence[Reading], resamples: int = RESAMPLES, seed: int = 0) -> Report:
    """Shares and micro-averaged claim scores with percentile bootstrap intervals over requests."""
    shares: list[Share] = []
    rows: list[Row] = []
    for group in GROUPS:
        chosen = [r for r in readings if group in ("all", r.sample.brief.language)]
        if not chosen:
            continue
        draws = np.random.default_rng(seed).multinomial(
            len(chosen), np.full(len(chosen), 1 / len(chosen)), size=resamples
        )
        edits = np.array([r.sample.brief.intent == "edit" for r in chosen])
        everyone = np.ones(len(chosen), dtype=bool)
        for name, right, among in (
            ("intent", [r.intent_is_right for r in chosen], everyone),
            ("target of an edit", [r.target_is_right for r in chosen], edits),
            ("entirely right", [r.entirely_right for r in chosen], everyone),
        ):
            hits = np.array(right) & among
            share = _estimate(hits, among, draws)
            shares.append(Share(group, name, int(among.sum()), share))
        counts = np.stack([r.counts() for r in chosen])
        for index, kind in enumerate(("all", *KINDS)):
            found, extra, missing = (counts.sum(1) if index == 0 else counts[:, index - 1]).T
            rows.append(
                Row(
                    group,
                    kind,
                    int((found + missing).sum()),
                    _estimate(found, found + extra, draws),
                    _estimate(found, found + missing, draws),
                    _estimate(2 * found, 2 * found + extra + missing, draws),
                )
            )
    failed = sum(r.brief is None for r in readings)
    return Report(tuple(shares), tuple(rows), failed)


def _keys(claims: Iterable[Claim]) -> Counter[Key]:
    return Counter(claim.key for claim in claims)


def _estimate(
    part: NDArray[np.generic], whole: NDArray[np.generic], draws: NDArray[np.int64]
) -> Estimate:
    """``sum(part) / sum(whole)``, each (requests,); draws (resamples, requests) says how often."""
    both = np.stack([part, whole], axis=1).astype(np.float64)
    total = both.sum(0)
    if total[1] == 0:
        return Estimate(math.nan, math.nan, math.nan)
    drawn = draws @ both
    defined = drawn[drawn[:, 1] > 0]
    low, high = np.percentile(defined[:, 0] / defined[:, 1], [2.5, 97.5])
    return Estimate(float(total[0] / total[1]), float(low), float(high))
