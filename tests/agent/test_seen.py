"""Captions are read as data: the built-in grammar exactly, anything else as well as may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.agent.seen import Holder, read_caption
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


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_caption(text).text == text
