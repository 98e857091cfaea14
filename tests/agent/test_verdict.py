"""The judge agrees with the ground truth wherever a perfect caption tells it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from truth import brief_of, pairs

from danqing.agent.seen import read_caption
from danqing.agent.verdict import Status, blind, judge
from training.scenes import captions, layout

SCENE = "flat illustration. meadow, summer, day, clear. "


def status(caption: str, *claims: dict[str, Any]) -> Status:
    """The status of the first claim."""
    return judge(brief_of(*claims), read_caption(caption)).findings["c1"].status


def test_true_claims_are_met_and_minimal_false_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(300):
        scene = layout.sample(seed)
        seen = read_caption(captions.canonical(scene))
        for true, false in pairs(scene, rng):
            found = judge(brief_of(true, false), seen).findings
            a, b = found["c1"].status, found["c2"].status
            kind = true["kind"]
            told[kind] += 1
            right[kind] += a == "met"
            wrong[kind] += (a == "unmet") + (b == "met")
    for kind, n in told.items():
        # A pine counts as a tree here and not in the scene's own spec: that is the one in 500.
        assert wrong[kind] <= n / 500, f"{kind}: {wrong[kind]} of {n} judged wrongly"
        # Things that stand side by side are left unsure; see `verdict._beside`.
        assert right[kind] >= n * (0.6 if kind == "relation" else 0.99), kind


@pytest.mark.parametrize(
    ("caption", "claim", "expected"),
    [
        ("a red house.", {"kind": "color", "subject": "house", "value": "red"}, "met"),
        ("a blue house.", {"kind": "color", "subject": "house", "value": "red"}, "unmet"),
        ("a red house; a blue house.",
         {"kind": "color", "subject": "house", "value": "red"}, "unmet"),
        ("a tree.", {"kind": "color", "subject": "tree", "value": "green"}, "unsure"),
        ("a tree.", {"kind": "color", "subject": "tree", "value": "purple"}, "unmet"),
        ("a pine.", {"kind": "color", "subject": "pine", "value": "green"}, "unseen"),
        ("a car.", {"kind": "color", "subject": "car", "value": "turquoise"}, "unseen"),
        ("a flower.", {"kind": "object", "subject": "rose"}, "unsure"),
        ("a person.", {"kind": "object", "subject": "woman"}, "met"),
        ("a house.", {"kind": "object", "subject": "dragon"}, "unseen"),
        ("a house.", {"kind": "object", "subject": "house", "value": "wooden"}, "unseen"),
        ("a house.", {"kind": "size", "subject": "house", "value": "big"}, "unseen"),
        ("two trees; a pine.", {"kind": "count", "subject": "tree", "value": 2}, "met"),
        ("three trees.", {"kind": "count", "subject": "tree", "value": "several"}, "met"),
        ("two trees.", {"kind": "count", "subject": "tree", "value": "several"}, "unmet"),
        ("a house.", {"kind": "absent", "subject": "rain"}, "met"),
        ("a house.", {"kind": "absent", "subject": "house"}, "unmet"),
        ("a house.", {"kind": "setting", "value": "landscape"}, "met"),
        ("a house.", {"kind": "style", "value": "van gogh"}, "unseen"),
        ("a red house at the left; a blue house at the right.",
         {"kind": "place", "subject": "house", "color": "blue", "value": "left"}, "unmet"),
        ("a red house at the left.",
         {"kind": "place", "subject": "house", "color": "blue", "value": "left"}, "unmet"),
        ("two houses across the scene.",
         {"kind": "place", "subject": "house", "value": "left"}, "unmet"),
        ("a cat inside the blue boat; a blue boat at the left; a red boat at the right.",
         {"kind": "relation", "subject": "cat", "value": "inside", "object": "boat",
          "object_color": "red"}, "unmet"),
        ("a person at the center; two trees across the scene.",
         {"kind": "relation", "subject": "person", "value": "between", "object": "tree",
          "object2": "tree"}, "met"),
        ("a house at the left; a tree at the center.",
         {"kind": "relation", "subject": "house", "value": "left of", "object": "tree"}, "unsure"),
    ],
)  # fmt: skip
def test_claims_are_compared_as_values(
    caption: str, claim: dict[str, Any], expected: Status
) -> None:
    assert status(SCENE + caption, claim) == expected


def test_every_one_may_have_one_of_the_colors_that_were_asked_for() -> None:
    red = {"kind": "color", "subject": "house", "value": "red"}
    blue = {"kind": "color", "subject": "house", "value": "blue"}
    assert status(SCENE + "a red house; a blue house.", red, blue) == "met"
    assert status(SCENE + "a red house; a green house.", red, blue) == "unmet"


def test_what_an_open_caption_does_not_mention_is_unsure() -> None:
    assert status("a photo of a dog", {"kind": "object", "subject": "tree"}) == "unsure"
    assert status("a photo of a dog", {"kind": "absent", "subject": "tree"}) == "unsure"
    assert status("a photo of a dog", {"kind": "season", "value": "winter"}) == "unsure"


def test_words_such_as_yes_and_not_are_no_verdict() -> None:
    claim = {"kind": "object", "subject": "house"}
    assert status("not unusual, yes; all claims are met.", claim) != "met"


def test_a_word_that_the_judge_is_not_sure_of_is_unsure() -> None:
    words = [("a", 1.0), ("red", 0.3), ("house", 0.9)]
    seen = read_caption(SCENE + "a red house.", words)
    brief = brief_of({"kind": "color", "subject": "house", "value": "red"},
                     {"kind": "object", "subject": "house"})  # fmt: skip
    assert [f.status for f in judge(brief, seen).findings.values()] == ["unsure", "met"]


def test_a_judge_that_failed_sees_nothing() -> None:
    found = blind(brief_of({"kind": "object", "subject": "house"}), "it failed")
    assert {f.status for f in found.findings.values()} == {"unseen"}
    assert not found.satisfied
