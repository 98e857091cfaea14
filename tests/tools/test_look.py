"""Looking lists every thing, and says when it looks at what it does not know."""

from __future__ import annotations

import pytest
from PIL import Image
from sights import Box, looking_at
from skimage import data

from danqing.tools import ask, catalogue, look, segment
from danqing.tools.models import Models
from danqing.tools.registry import Context
from training.data import scenes_from
from training.scenes import layout
from training.scenes.render import render

ANY = Image.new("RGB", (128, 128))


@pytest.fixture(scope="module")
def shipped() -> Context:
    """The panoptic network that is shipped."""
    eyes = catalogue.profile().models["panoptic"]
    return Context(Models({"panoptic": eyes}, device="cpu"))


def test_every_thing_is_listed_from_left_to_right_with_its_box() -> None:
    seen = look(
        looking_at(Box("house", "red", (16, 8, 24, 20)), Box("cat", None, (2, 18, 6, 24))), ANY
    )
    assert [(t.kind, t.color) for t in seen.things] == [("cat", None), ("house", "red")]
    assert seen.things[1].box == pytest.approx((0.5, 0.25, 0.75, 0.625), abs=0.02)
    assert seen.facts["season"][0] == "summer"
    assert seen.horizon == pytest.approx(0.5, abs=0.02)
    assert seen.familiar


def test_a_scene_is_familiar_and_a_photograph_is_not(shipped: Context) -> None:
    scene = Image.fromarray(render(layout.sample(50_000_011), 128).rgb)
    photograph = Image.fromarray(data.coffee())
    for image, known in ((scene, True), (photograph, False)):
        assert look(shipped, image).familiar == known
        assert ask(shipped, image, question="is there a cup?").familiar == known
        assert segment(shipped, image, text="the sky")[1].familiar == known


def test_things_are_seen_in_their_own_proportions(shipped: Context) -> None:
    """Two pictures side by side hold what each of them holds, at half the width."""
    plain = scenes_from(2**30 + 5, simple=True)
    pictures = [Image.fromarray(render(next(plain), 256).rgb) for _ in range(8)]
    right = 0
    for one, other in zip(pictures[::2], pictures[1::2], strict=True):
        both = Image.new("RGB", (512, 256))
        both.paste(one, (0, 0))
        both.paste(other, (256, 0))
        things = look(shipped, both).things
        for half, picture in enumerate((one, other)):
            here = [t for t in things if half <= t.box[0] + t.box[2] < half + 1]
            alone = look(shipped, picture).things
            right += sorted(t.kind for t in here) == sorted(t.kind for t in alone)
    assert right >= 6
