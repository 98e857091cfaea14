"""Captions are read as data: the built-in grammar exactly, anything else as well as may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.agent.language import understand
from danqing.agent.seen import Holder, Seen, merged, read_caption, read_look
from danqing.agent.verdict import judge
from training.scenes import captions, layout


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_every_canonical_caption_is_read_exactly(start: int) -> None:
    for seed in range(start, start + 50):
        scene = layout.sample(seed)
        text = captions.canonical(scene)
        seen = read_caption(text)
        assert seen.exact, text
        assert {kind: value for kind, (value, _) in seen.facts.items()} == {
            k: getattr(scene, k) for k in ("season", "time", "weather", "setting", "style")
        }
        said = [(p.noun, p.count, p.color, p.sky) for p in captions.phrases(scene)]
        read = [(g.noun, g.count, g.color, g.sky) for g in seen.groups]
        assert sorted(map(str, read)) == sorted(map(str, said)), text


def test_holders_keep_their_color() -> None:
    seen = read_caption("a cat inside the blue boat at the left; a cup on a table at the center.")
    cat, cup = seen.groups
    assert cat.inside == Holder("boat", "blue")
    assert cup.on == Holder("table", None)
    assert cat.x == pytest.approx(0.3)


def test_a_caption_that_lists_less_than_everything_proves_no_absence() -> None:
    assert not read_caption("a cat.").exact
    assert not read_caption("flat illustration. meadow, day. a cat.").exact
    assert not read_caption("flat illustration. meadow, summer, day, clear. a cat; a blob.").exact


def test_an_unclear_picture_shows_nothing_and_proves_nothing() -> None:
    seen = read_caption("unclear.", [("unclear", 0.9)])
    assert seen.unclear
    assert not seen.exact
    assert not seen.groups
    assert not seen.facts
    assert not read_caption("flat illustration. meadow, summer, day, clear. a cat.").unclear


def test_doubt_about_the_place_is_no_doubt_about_the_thing() -> None:
    words = [("a", 1.0), ("red", 0.9), ("house", 0.95), ("at", 1.0), ("the", 1.0),
             ("far", 0.4), ("left", 0.6)]  # fmt: skip
    [house] = read_caption("a red house at the far left.", words).groups
    assert house.sure("count") == pytest.approx(0.95)
    assert house.sure("color") == pytest.approx(0.95 * 0.9), "each word given those before it"
    assert house.sure("place") == pytest.approx(0.95 * 0.6), "far left or left: it is the left side"


def test_other_captions_are_read_by_the_parser() -> None:
    seen = read_caption("a photo of two dogs left of a red house in winter")
    assert ("dog", 2) in {(g.noun, g.count) for g in seen.groups}
    assert ("house", "red") in {(g.noun, g.color) for g in seen.groups}
    assert seen.facts["season"][0] == "winter"
    assert ("dog", "left of", "house") in seen.relations


WORDS = ["a", "the", "two", "red", "cat", "house", ",", ";", ".", "at", "far", "left", "inside"]


@settings(max_examples=60)
@given(st.text(max_size=120) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_caption(text).text == text


# -- what was looked at thing by thing


def item(kind: str, box: tuple[float, float, float, float], color: str | None = None) -> Any:
    return {"kind": kind, "color": color, "box": list(box), "confidence": 0.9,
            "color_confidence": 0.8}  # fmt: skip


def looked(*things: Any, horizon: float | None = 0.5) -> Seen:
    facts = {"season": ["winter", 0.9], "weather": ["snow", 0.6]}
    return read_look({"things": list(things), "facts": facts, "horizon": horizon})


def test_like_things_are_one_group_with_their_boxes() -> None:
    left, right = (0.1, 0.6, 0.2, 0.9), (0.3, 0.6, 0.4, 0.9)
    seen = looked(item("tree", left, "green"), item("tree", right, "green"), item("tree", right))
    green, natural = seen.groups
    assert (green.noun, green.count, green.color, green.boxes) == (
        "tree", 2, "green", (left, right),
    )  # fmt: skip
    assert green.x == pytest.approx(0.25)
    assert green.sure() == 0.9
    assert green.sure("color") == pytest.approx(0.72)
    assert (natural.count, natural.color) == (1, None)
    assert seen.exact
    assert seen.facts == {"season": ("winter", 0.9), "weather": ("snow", 0.6)}


def test_things_far_apart_are_spread_and_what_flies_is_in_the_sky() -> None:
    seen = looked(
        item("bird", (0.05, 0.1, 0.15, 0.2)), item("bird", (0.8, 0.1, 0.9, 0.2)),
        item("bird", (0.4, 0.8, 0.5, 0.9)), item("sun", (0.4, 0.6, 0.5, 0.7)),
    )  # fmt: skip
    flying, walking, sun = seen.groups
    assert (flying.count, flying.spread, flying.x, flying.sky) == (2, True, None, True)
    assert not walking.sky
    assert sun.sky


def test_what_is_in_a_boat_or_on_a_table_is_held_by_it() -> None:
    seen = looked(
        item("boat", (0.2, 0.4, 0.6, 0.9), "red"), item("cat", (0.3, 0.5, 0.4, 0.75)),
        item("table", (0.6, 0.6, 0.95, 0.9)), item("cup", (0.7, 0.52, 0.78, 0.62), "blue"),
        item("dog", (0.65, 0.5, 0.75, 0.62)),
    )  # fmt: skip
    held = {g.noun: (g.inside, g.on) for g in seen.groups}
    assert held["cat"] == (Holder("boat", "red"), None)
    assert held["cup"] == (None, Holder("table", None))
    assert held["dog"] == (None, None), "dogs do not sit on tables"


def test_of_two_judges_one_tells_the_scene_and_the_other_the_things() -> None:
    caption = read_caption("flat illustration. meadow, summer, day, clear. two trees.")
    both = merged(caption, looked(item("cat", (0.1, 0.6, 0.2, 0.9))))
    assert [g.noun for g in both.groups] == ["cat"]
    assert both.facts["season"][0] == "summer"
    assert both.exact
    brief = understand("a cat in summer")
    judges = {f.judge for f in judge(brief, both).findings.values()}
    assert judges == {"panoptic", "captioner"}, "each finding names who looked"
    blurred = merged(read_caption("unclear."), looked(item("cat", (0.1, 0.6, 0.2, 0.9))))
    assert blurred.unclear
    assert not blurred.groups
