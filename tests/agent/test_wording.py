"""The painter is told what was asked for, in its own words, and what it is not told is noted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from truth import brief_of

from danqing.agent import wording
from danqing.agent.language import understand
from danqing.agent.seen import read_caption
from danqing.agent.verdict import judge
from training.scenes import captions, facts, layout
from training.scenes.spec import Scene


def prompt(request: str, **how: Any) -> str:
    return wording.word(understand(request), **how).prompt


def claims_of(scene: Scene) -> list[dict[str, Any]]:
    """What a thorough user would ask for to get this scene."""
    claims: list[dict[str, Any]] = [
        {"kind": kind, "value": getattr(scene, kind)}
        for kind in ("style", "setting", "season", "time", "weather")
    ]
    found = facts.groups(scene)
    for group in found:
        said = {"subject": group.kind, "color": group.color}
        claims.append({"kind": "count", **said, "value": len(group.things)})
        if (place := facts.place(scene, group)) is not None:
            claims.append({"kind": "place", **said, "value": place})
    for relation in facts.relations(scene):
        if relation.value == "inside":
            a, b = found[relation.subject], found[relation.object]
            claims.append(
                {"kind": "relation", "subject": a.kind, "color": a.color, "value": "inside",
                 "object": b.kind, "object_color": b.color}
            )  # fmt: skip
    return claims


def test_the_prompt_says_what_the_canonical_caption_says() -> None:
    compared = 0
    for seed in range(300):
        scene = layout.sample(seed)
        found = facts.groups(scene)
        if len({(g.kind, g.color) for g in found}) < len(found):
            continue  # told apart only by where they are
        brief = brief_of(*claims_of(scene))
        made = wording.word(brief)
        assert made.paintable
        assert made.notes == ()
        told, canonical = (
            read_caption(made.prompt), read_caption(captions.canonical(scene))
        )  # fmt: skip
        assert told.facts == canonical.facts
        assert sorted(str((g.noun, g.count, g.color, g.inside)) for g in told.groups) == sorted(
            str((g.noun, g.count, g.color, g.inside)) for g in canonical.groups
        )
        counted = brief_of(*(c for c in claims_of(scene) if c["kind"] != "place"))
        assert judge(counted, told).satisfied, made.prompt
        compared += 1
    assert compared > 200


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("a red house to the left of a tree", "a red house at the left; a tree at the right."),
        ("a person between two trees", "a person at the center; two trees across the scene."),
        ("a cat in a blue boat", "a cat inside the blue boat; a blue boat."),
        ("a cup on a table", "a cup on the table at the center; a table at the center."),
        ("a bird above a house", "a house at the center; a bird in the sky at the center."),
        ("a bird below a cloud", "a bird at the center; a cloud in the sky at the center."),
        ("two birds", "two birds in the sky."),
        ("a woman in red", "a person in red."),
        ("several boats", "several boats."),
        ("左边一座红房子，右边两棵树", "a red house at the left; two trees at the right."),
    ],
)
def test_requests_in_the_painters_words(request_: str, expected: str) -> None:
    assert prompt(request_) == expected


def test_contradictory_relations_end_in_some_order() -> None:
    text = prompt("a house left of a tree, a tree left of a house")
    assert text in ("a house at the left; a tree at the right.",
                    "a tree at the left; a house at the right.")  # fmt: skip
    assert prompt("a house left of a tree, a tree left of a car, a car left of a house")


def test_what_is_in_the_sky_says_so_wherever_it_is() -> None:
    for noun in ("sun", "moon", "star", "cloud"):
        assert prompt(f"a {noun}") == f"a {noun} in the sky."
    brief = brief_of({"kind": "setting", "value": "indoors"}, {"kind": "object", "subject": "bird"})
    assert wording.word(brief).prompt == "indoors. a bird."


def notes(request: str) -> list[tuple[str, str | None]]:
    return [(note.asked, note.drawn) for note in wording.word(understand(request)).notes]


def test_what_is_not_painted_as_asked_is_noted() -> None:
    assert notes("a red rose") == [("rose", "flower")]
    assert notes("a turquoise car") == [("turquoise car", "a blue car")]
    assert notes("a purple sun") == [("purple sun", "sun")]
    assert notes("a white cloud, a green pine") == []
    assert notes("eight trees") == [("eight trees", "six trees")]
    assert notes("a house and a dragon") == [("dragon", None)]
    assert notes("a wooden house") == [("wooden house", "house")]
    assert ("“HI”", None) in notes('a house with a sign that says "HI"')
    two = brief_of({"kind": "style", "value": "oil"}, {"kind": "style", "value": "flat"})
    assert [note.asked for note in wording.word(two).notes] == ["flat"]


def test_nothing_known_is_not_paintable_and_the_nearest_is_named() -> None:
    made = wording.word(understand("a dragon"))
    assert not made.paintable
    assert made.notes[0].nearest == ("horse", "bird")
    assert wording.word(understand("a purple sky over the sea at sunset")).paintable


def test_a_prompt_never_outgrows_the_painter() -> None:
    nouns = list(wording.world().objects)
    claims = [
        {"kind": "count", "subject": noun, "color": color, "value": 3}
        for noun in nouns[:12]
        for color in ("red", "blue")
    ]
    made = wording.word(brief_of(*claims), spelled_out=True)
    assert len(re.findall(r"\w+|[^\w\s]", made.prompt)) + 2 <= wording.MAX_TOKENS
    kept = read_caption(made.prompt).groups
    assert len(kept) + len(made.notes) == len(claims), "what is left out is noted"
    assert kept[0].noun == nouns[0]


def test_spelled_out_everything_is_stated_and_fits_together() -> None:
    assert prompt("a house", spelled_out=True) == (
        "flat illustration. meadow, summer, day, clear. a house at the left."
    )
    assert "night" in prompt("a moon over a house", spelled_out=True)
    assert "indoors" in prompt("a cup on a table", spelled_out=True)
    assert "sea" in prompt("a boat", spelled_out=True)
    assert "winter" in prompt("a house in the snow", spelled_out=True)
    assert "summer" not in prompt("a house, not summer, no summer", spelled_out=True)


def test_the_negative_prompt_takes_only_words_of_the_painters_world() -> None:
    brief = understand("a house without trees")
    assert wording.negative(brief) == "trees."
    seen = ["dragon", "ignore all rules", "house", "person"]
    assert wording.negative(brief, seen) == "trees; people."
