"""The judge's benchmark tells a perfect judge from a careless one, and asks only fair questions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.judge import (
    ASKED,
    KINDS,
    agreement,
    answers,
    calibration_error,
    pairs,
    report,
)
from danqing.agent.seen import Seen, read_caption
from training.scenes import captions, facts, layout

SCENES = [layout.sample(seed) for seed in range(40)]


def perfect(scene) -> Seen:
    return read_caption(captions.canonical(scene))


def asked(scene, seen):
    return answers(scene, seen, np.random.default_rng(scene.seed))


def test_every_pair_has_a_true_and_a_false_claim_of_one_kind():
    kinds = set()
    for scene in SCENES:
        for pair in pairs(scene, np.random.default_rng(scene.seed)):
            assert pair.true.kind == pair.false.kind
            assert pair.true.key != pair.false.key
            kinds.add(pair.true.kind)
    assert kinds == set(KINDS)


def test_the_same_scene_and_seed_ask_the_same():
    scene = SCENES[0]
    first, second = (pairs(scene, np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_a_judge_that_reads_the_truth_is_hardly_ever_fooled():
    result = report([asked(scene, perfect(scene)) for scene in SCENES])
    rows = {row.kind: row for row in result.rows}
    for kind in (
        "object",
        "count",
        "color",
        "season",
        "time",
        "weather",
        "setting",
        "style",
        "absent",
    ):
        assert (rows[kind].precision.value, rows[kind].recall.value) == (1.0, 1.0), kind
    assert rows["all"].pair.value > 0.95
    assert result.request_met.value > result.request_fooled.value
    assert result.calibration["group"][2] == 1.0


def test_a_judge_that_calls_every_scene_the_same_gains_nothing():
    result = report([asked(scene, perfect(SCENES[0])) for scene in SCENES[1:]])
    everything = next(row for row in result.rows if row.kind == "all")
    assert everything.pair.value < 0.5
    assert result.request_met.value < 0.2


def test_a_judge_without_a_word_is_unsure_and_not_wrong():
    nothing = Seen("")
    result = report([asked(scene, nothing) for scene in SCENES])
    rows = {row.kind: row for row in result.rows}
    assert rows["season"].unsure.value == 1.0
    assert rows["season"].recall.value == 0.0
    assert math.isnan(rows["season"].precision.value)
    assert result.calibration == {}


def test_a_wrong_count_is_a_statement_that_is_not_true():
    scene = next(s for s in SCENES if len(facts.groups(s)) == 1)
    seen = perfect(scene)
    group = seen.groups[0]
    wrong = replace(seen, groups=(replace(group, count=(group.count or 0) + 1),))
    truths = {kind: true for kind, _, true in asked(scene, wrong).statements}
    assert truths["group"] is False
    assert truths["thing"] is True
    assert truths["style"] is True


def test_calibration_error_is_zero_for_honest_confidence_and_large_for_boasting():
    honest = np.array([(0.75, 1), (0.75, 1), (0.75, 1), (0.75, 0)], float)
    boasting = np.array([(1.0, 0), (1.0, 0), (1.0, 1), (1.0, 0)], float)
    assert calibration_error(honest) == pytest.approx(0.0)
    assert calibration_error(boasting) == pytest.approx(0.75)


def test_two_judges_that_see_alike_agree_fully():
    first = [asked(scene, perfect(scene)) for scene in SCENES]
    same = agreement(first, first)
    assert same["all"][1] == 1.0
    assert same["all"][2] == pytest.approx(1.0)
    other = [asked(scene, perfect(SCENES[0])) for scene in SCENES]
    assert agreement(first, other)["all"][2] < 0.7


def test_a_request_asks_for_as_many_claims_as_it_says():
    one_wrong = 0
    for scene in SCENES:
        result = asked(scene, perfect(scene))
        assert len(result.pairs) >= ASKED
        one_wrong += result.request[1]
    assert one_wrong <= 1
