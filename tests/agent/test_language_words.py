"""The words that the built-in reader knows, and which noun is a kind of which."""

from __future__ import annotations

import pytest

from danqing.agent.language import is_kind_of, nearest, understand
from danqing.tools.world import world


@pytest.mark.parametrize("name", sorted(world().objects))
def test_each_object_of_the_world_is_read_by_all_its_words(name: str) -> None:
    word = world().objects[name]
    assert nearest(name) == (name,)
    for english in (name, *word.en):
        assert name in {claim.subject for claim in understand(f"a {english}").claims}, english
    for chinese in word.zh:
        assert name in {claim.subject for claim in understand(f"一个{chinese}").claims}, chinese


@pytest.mark.parametrize("kind", ["seasons", "times", "weathers", "settings", "styles", "colors"])
def test_each_word_of_the_world_is_read(kind: str) -> None:
    for name, word in getattr(world(), kind).items():
        for text in (name, *word.en, *word.zh):
            request = f"{text} cat" if kind == "colors" and text.isascii() else text
            request = f"{text}猫" if kind == "colors" and not text.isascii() else request
            assert name in {claim.value for claim in understand(request).claims}, (name, text)


@pytest.mark.parametrize(
    ("noun", "objects"),
    [
        ("dragon", {"horse", "bird"}), ("rose", {"flower"}), ("truck", {"car"}),
        ("girl", {"person"}), ("oak", {"tree"}), ("fire truck", {"car"}), ("独角兽", {"horse"}),
        ("gondola", {"boat"}), ("lighthouse", {"tower"}), ("sofa", {"chair"}), ("corgi", {"dog"}),
    ],
)  # fmt: skip
def test_a_noun_the_painter_cannot_draw_has_a_nearest_one(noun: str, objects: set[str]) -> None:
    assert set(nearest(noun)) & objects
    assert set(nearest(noun)) <= world().objects.keys()


def test_a_noun_of_no_known_kind_has_no_nearest_object() -> None:
    assert nearest("snorklewhack") == ()


def test_a_kind_holds_for_what_is_of_that_kind_only() -> None:
    assert is_kind_of("man", "person")
    assert is_kind_of("puppy", "dog")
    assert is_kind_of("rose", "flower")
    assert is_kind_of("rose", "plant")
    assert is_kind_of("oak tree", "tree")
    assert is_kind_of("people", "person")
    assert not is_kind_of("person", "man")
    assert not is_kind_of("cat", "dog")
    assert not is_kind_of("snorklewhack", "dog")
