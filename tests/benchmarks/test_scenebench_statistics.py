"""The statistics of SceneBench, against values computed by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.scenebench.statistics import bootstrap, corrected, macro, mcnemar, trust, wilson


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
    assert math.isnan(corrected(0.5, tpr=0.5, fpr=0.5))
