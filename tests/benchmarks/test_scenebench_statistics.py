"""The statistics of SceneBench, against values computed by hand."""

from __future__ import annotations

import math
from math import comb, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from benchmarks.scenebench.statistics import (
    bootstrap,
    corrected,
    corrected_share,
    holm,
    macro,
    mcnemar,
    trust,
    wilson,
)


def test_a_share_has_the_interval_that_wilson_published():
    share = wilson(7, 10)  # p = 0.7, z = 1.96: (0.7 + 0.19207) / 1.38415 ± 0.24771
    assert share.value == 0.7
    assert (share.low, share.high) == pytest.approx((0.39678, 0.89221), abs=1e-4)
    none, every = wilson(0, 20), wilson(20, 20)
    assert none.low == 0.0
    assert none.high == pytest.approx(0.16113, abs=1e-4)  # z² / (n + z²)
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1.0))


def test_a_share_of_nothing_is_unknown_and_more_hits_than_cases_are_refused():
    assert math.isnan(wilson(0, 0).value)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


def test_the_macro_mean_weighs_tasks_and_not_cases():
    values, tasks = [1, 1, 1, 0], ["a", "a", "a", "b"]
    assert macro(values, tasks) == 0.5
    assert bootstrap(values, tasks).value == 0.5


def test_cases_are_drawn_within_their_task_only():
    # Each task is all alike, so no resampling within tasks can change the mean of their means.
    same = bootstrap([1, 1, 0, 0, 0], ["a", "a", "b", "b", "b"])
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)


def test_the_bootstrap_interval_of_many_coins_is_the_normal_one():
    coins = [k % 2 for k in range(400)]
    told = bootstrap(coins, ["coin"] * 400)
    half = 1.96 * 0.5 / 20
    assert (told.low, told.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.006)
    assert bootstrap(coins, ["coin"] * 400) == told


def loaded(n: int, hits: int) -> tuple[float, float]:
    """The BCa interval of a coin: its resamples are binomial, so all of it can be computed."""
    p, normal = hits / n, NormalDist()
    chances = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    bias = normal.inv_cdf(sum(chances[:hits]) + chances[hits] / 2)
    acceleration = (1 - 2 * p) / (6 * sqrt(n * p * (1 - p)))
    ends = []
    for z in (bias - 1.959964, bias + 1.959964):
        quantile = normal.cdf(bias + z / (1 - acceleration * z))
        ends.append(next(k / n for k in range(n + 1) if sum(chances[: k + 1]) >= quantile))
    return ends[0], ends[1]


def test_the_bootstrap_interval_of_a_loaded_coin_is_the_bca_one():
    told = bootstrap([k < 47 for k in range(50)], [0] * 50)
    assert (told.low, told.high) == pytest.approx(loaded(50, 47))
    assert told.low < 0.86  # below the percentile interval, since the coin's luck is lopsided


def test_means_that_differ_by_rounding_alone_count_as_ties():
    # So many alike tasks are one coin, but the mean of their means is rounded in every order.
    for tasks in (9, 12, 15):
        told = bootstrap([1, 0, 0] * tasks, [k // 3 for k in range(3 * tasks)])
        assert (told.low, told.high) == pytest.approx(loaded(3 * tasks, tasks)), tasks


def test_the_bootstrap_interval_of_two_tasks_is_the_one_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    parts = [4 * rng.exponential(size=12), -2 * rng.exponential(size=200)]
    told = bootstrap(np.concatenate(parts), [0] * 12 + [1] * 200)
    theirs = stats.bootstrap(
        parts, lambda a, b, axis: (a.mean(axis) + b.mean(axis)) / 2, method="BCa",
        n_resamples=10_000, rng=1,
    ).confidence_interval  # fmt: skip
    assert (told.low, told.high) == pytest.approx(theirs, abs=0.03)


def test_a_paired_difference_sees_what_two_separate_intervals_do_not():
    before = [k < 50 for k in range(100)]
    after = [k < 56 for k in range(100)]  # six fixed, none broken
    gain = bootstrap([int(b) - int(a) for a, b in zip(before, after, strict=True)], [0] * 100)
    assert gain.value == pytest.approx(0.06)
    assert gain.low > 0


def test_mcnemar_is_the_exact_binomial():
    before = [False] * 6 + [True] + [True] * 5
    after = [True] * 6 + [False] + [True] * 5
    change = mcnemar(before, after)
    assert (change.fixed, change.broken) == (6, 1)
    assert change.p == pytest.approx(2 * (1 + 7) / 2**7)
    assert mcnemar(after, before).p == change.p
    nothing = mcnemar([True, False], [True, False])
    assert (nothing.fixed, nothing.broken, nothing.p) == (0, 0, 1.0)


def test_several_tests_are_corrected_as_holm_did():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_trust_is_counted_apart_for_what_is_right_and_what_is_wrong():
    said = [True, True, False, True, False, False, True, True]
    right = [True, True, True, True, False, False, False, False]
    told = trust(said, right)
    assert told.tpr.value == 0.75
    assert told.fpr.value == 0.5
    assert told.gap == pytest.approx(5 / 8 - 4 / 8)
    assert math.isnan(trust([], []).gap)


def test_a_share_is_corrected_for_the_grader_who_counted_it():
    assert corrected(0.8 * 0.9 + 0.2 * 0.1, tpr=0.9, fpr=0.1) == pytest.approx(0.8)
    assert corrected(0.95, tpr=0.9, fpr=0.0) == 1.0
    assert math.isnan(corrected(0.5, tpr=0.5, fpr=0.45))
    assert corrected([0.1, 0.9], [0.9, 0.9], [0.1, 0.1]) == pytest.approx([0.0, 1.0])


def looked_at(n: int) -> list[tuple[int, bool, bool]]:
    """A grader that sees 8 of 10 right pictures and grants 1 of 5 wrong ones."""
    right = [(k, k % 10 < 8, True) for k in range(2 * n)]
    return right + [(2 * n + k, k % 5 == 0, False) for k in range(n)]


def test_the_corrected_share_is_as_unsure_as_what_was_looked_at():
    said, tasks = [k % 2 == 0 for k in range(400)], [0] * 400
    few, many = (corrected_share(said, tasks, looked_at(n)) for n in (20, 2000))
    for told in (few, many):
        assert told.value == pytest.approx((0.5 - 0.2) / (0.8 - 0.2))
        assert told.low < told.value < told.high
    counted = bootstrap(said, tasks)
    assert many.high - many.low == pytest.approx((counted.high - counted.low) / 0.6, rel=0.1)
    assert few.high - few.low > 2 * (many.high - many.low)


def test_pictures_of_one_case_are_drawn_together():
    said, tasks = [k % 2 == 0 for k in range(400)], [0] * 400
    apart = looked_at(100)
    together = [(case // 10, says, right) for case, says, right in apart]
    threes = [(case, says, right) for case, says, right in apart for _ in range(3)]
    told = [corrected_share(said, tasks, some) for some in (apart, threes, together)]
    assert (told[0].low, told[0].high) == pytest.approx((told[1].low, told[1].high), abs=0.01)
    # Each ten hold the same, so that drawing tens leaves less to chance than drawing ones.
    assert told[2].high - told[2].low < told[0].high - told[0].low


def test_a_share_cannot_be_corrected_without_pictures_of_both_kinds():
    assert math.isnan(corrected_share([True, False], [0, 0], [(0, True, True)]).value)
    assert corrected_share([True, False], [0, 0], []).n == 0
    one = corrected_share([True, False] * 99, [0] * 198, [(0, True, True), (1, False, False)])
    assert (one.value, one.low, one.high) == (0.5, 0.0, 1.0)  # half of the resamples lack a kind
