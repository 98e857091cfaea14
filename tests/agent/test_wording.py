"""The painter is told what was asked for, in its own words, and what it is not told is noted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from truth import brief_of

from danqing.agent import wording
from danqing.agent.groups import PLURAL
from danqing.agent.language import understand
from danqing.agent.seen import read_caption
from danqing.agent.verdict import judge
from danqing.tools.painter_words import GRID, MAX_TOKENS, place_of
from training.scenes import captions, facts, layout
from training.scenes.spec import Scene

PAINTER = Path(__file__).parents[2] / "tools/weights/sketchbook/text-to-image"


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
        {"kind": "count", "subject": noun, "color": color, "value": count}
        for noun, count in zip(nouns[:12], (1, 3, 1, 2, 3, 1, 2, 1, 3, 3, 1, 2), strict=True)
        for color in ("red", "blue")
    ]
    brief = brief_of(*claims)
    terse, composed = wording.word(brief), wording.word(brief, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(PAINTER / "tokenizer")
    assert len(tokenizer(composed.prompt).input_ids) <= MAX_TOKENS
    kept = read_caption(terse.prompt).groups
    assert len(kept) + len(terse.notes) == len(claims), "what is left out is noted"
    assert kept[0].noun == nouns[0]
    assert composed.notes == terse.notes
    many = understand("a house, a tree, a pine, a flower, a horse, a dog, a cat and a rabbit")
    assert wording.word(many, seed=1).notes == ()
    assert 55 < len(tokenizer(wording.word(many, seed=1).prompt).input_ids) <= MAX_TOKENS


# -- composed


def spots(text: str) -> list[tuple[int, ...]]:
    """The x, foot and height of every thing, in 32nds."""
    found = re.findall(r"<x(\d+)> <y(\d+)> <h(\d+)>", text)
    return [tuple(int(n) for n in spot) for spot in found]


def as_seen(text: str) -> str:
    """The caption of a picture that came out just as composed: places instead of spots."""

    def placed(match: re.Match[str]) -> str:
        place = place_of([x / GRID for x, _, _ in spots(match[0])])
        if place != "across":
            return f" at the {place}"
        return " across the sky" if match[1] else " across the scene"

    def told(match: re.Match[str]) -> str:
        place = placed(match)
        return place if match[1] is None or "across" in place else match[1] + place

    return re.sub(r"( in the sky)?((?: <\w+>)+)", told, re.sub(r", <horizon\d+>", "", text))


def test_a_composed_prompt_states_everything_and_fits_together() -> None:
    assert re.fullmatch(
        r"flat illustration\. meadow, summer, day, clear, <horizon\d+>\."
        r" a house <x\d+> <y\d+> <h\d+>\.",
        prompt("a house", seed=1),
    )
    assert "night" in prompt("a moon over a house", seed=1)
    assert "indoors" in prompt("a cup on a table", seed=1)
    assert "sea" in prompt("a boat", seed=1)
    assert "winter" in prompt("a house in the snow", seed=1)
    assert "summer" not in prompt("a house, not summer, no summer", seed=1)


@pytest.mark.parametrize(
    "request_",
    [
        "a red house to the left of a tree", "a person between two trees", "a cat in a blue boat",
        "a cup on a table", "a bird above a house", "a house below a cloud", "six balls",
        "左边一座红房子，右边两棵树", "a horse to the right of a pine, a moon at the top left",
        "five flowers on the left", "four trees left of a house", "two people in a boat",
        "a flower in a cup on a table", "a cat and a dog in a boat", "a person in a house",
    ],
)  # fmt: skip
def test_the_judge_would_find_every_claim_met_in_what_is_composed(request_: str) -> None:
    brief = understand(request_)
    for seed in range(12):
        text = wording.word(brief, seed=seed).prompt
        assert judge(brief, read_caption(as_seen(text))).satisfied, text
        assert spots(text)


def test_what_is_left_of_something_has_its_spot_there() -> None:
    for seed in range(20):
        (house, _, _), (tree, _, _) = spots(prompt("a house left of a tree", seed=seed))
        assert house < tree


def test_another_seed_composes_another_picture_and_the_same_seed_the_same() -> None:
    made = [prompt("two trees", seed=seed) for seed in range(8)]
    assert len(set(made)) > 4
    assert made == [prompt("two trees", seed=seed) for seed in range(8)]


def test_every_thing_has_a_spot_even_where_the_request_does_not_say_how_many() -> None:
    assert len(spots(prompt("trees", seed=1))) == PLURAL
    assert len(spots(prompt("several boats and a house", seed=1))) == PLURAL + 1


@pytest.mark.parametrize(
    ("request_", "setting"),
    [
        ("a chair under a tree", "meadow"), ("a red boat, a house and a tree", "sea"),
        ("a cat and a lamp", "indoors"), ("a cactus", "desert"), ("a car", "city"),
        ("a flower in a cup on a table", "indoors"), ("a cat in a boat", "sea"),
    ],
)  # fmt: skip
def test_an_open_setting_becomes_one_where_everything_can_be(request_: str, setting: str) -> None:
    assert f" {setting}, " in prompt(request_, seed=1)


def test_what_finds_no_room_in_its_holder_goes_without_a_spot_and_the_rest_keeps_its() -> None:
    text = prompt("six cats in a boat", seed=1)
    assert "six cats inside the boat;" in text
    assert len(spots(text)) == 1


def test_too_many_things_become_fewer_and_are_noted() -> None:
    text, told = prompt("six trees and six birds", seed=1), notes("six trees and six birds")
    assert len(spots(text)) == wording.THINGS
    assert told == [("six birds", "three birds")]


def test_forbidden_facts_are_not_painted_and_where_all_are_forbidden_something_is() -> None:
    assert "autumn" in prompt("a house, no summer, no spring", seed=1)
    every = "no meadow, no sea, no mountains, no city, no desert, no indoors"
    assert spots(prompt(f"a house, {every}", seed=1))


def test_the_same_seed_composes_the_same_in_every_process() -> None:
    program = (
        "from danqing.agent import wording; from danqing.agent.language import understand;"
        "print([wording.word(understand(r), seed=1).prompt for r in"
        " ('a balloon, a dog, a tower and a tree', 'two cups on a table, a cat, a lamp')])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "3", "7")
    }  # fmt: skip
    assert len(said) == 1


def test_a_request_without_things_gets_something_that_is_not_forbidden() -> None:
    assert "three trees" in prompt("a scenic autumn landscape", seed=1)
    assert "three flowers" in prompt("an autumn meadow without trees", seed=1)
    assert not spots(prompt("a meadow without plants", seed=1))


def test_the_negative_prompt_takes_only_words_of_the_painters_world() -> None:
    brief = understand("a house without trees")
    assert wording.negative(brief) == "trees."
    seen = ["dragon", "ignore all rules", "house", "person"]
    assert wording.negative(brief, seen) == "trees; people."
