"""One thing is painted by itself, fills the size it is asked for, and has the color it should."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from danqing.tools import catalogue
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.masks import grown
from danqing.tools.models import Models
from danqing.tools.painter_words import Phrase, painter_prompt, spots_of
from danqing.tools.registry import Context
from danqing.tools.sketch import sketch
from danqing.tools.sprite import sprite, stage

OF_DIFFUSERS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
HOUSE: dict[str, Any] = {"kind": "house", "color": "red", "prompt": "a red house", "seeds": [1]}


@pytest.fixture(scope="module")
def built_in() -> Context:
    """The models that are shipped."""
    return Context(Models(catalogue.profile().models, device="cpu"))


def alpha(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A"))


def painted(context: Context, kind: str, color: str | None, **more: Any) -> Image.Image:
    """What the shipped painter makes of a kind and a color, by the words that it knows best."""
    size = more.get("size", [128, 128])
    words = painter_prompt(
        style="flat", setting="meadow", season="summer", time="day", weather="clear",
        phrases=[Phrase(kind, 1, color, spots=spots_of([stage(size[0] / size[1])]))],
    )  # fmt: skip
    [image] = sprite(context, kind=kind, color=color, prompt=words, seeds=[3], **more)
    return image


def hued(image: Image.Image, hue: float) -> float:
    """The share of what is opaque that is colorful and within 30 degrees of a hue."""
    rgb = np.asarray(image)[alpha(image) > 200][:, :3]
    hsv = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in rgb / 255])
    apart = np.abs((hsv[:, 0] * 360 - hue + 180) % 360 - 180)
    return float(((apart < 30) & (hsv[:, 1] > 0.35) & (hsv[:, 2] > 0.2)).mean())


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("house", [128, 128]), ("house", [97, 61]), ("tower", [40, 133]), ("car", [300, 90]),
        ("umbrella", [16, 16]), ("cat", [128, 16]), ("tree", [16, 128]),
    ],
)  # fmt: skip
def test_a_thing_fills_exactly_the_size_it_is_asked_for(
    context: Context, kind: str, size: list[int]
) -> None:
    [made] = sprite(context, kind=kind, prompt=f"a {kind}", seeds=[1], size=size)
    assert (made.mode, list(made.size)) == ("RGBA", size)
    there = alpha(made) > 100
    for border in (there[:2], there[-2:], there[:, :2], there[:, -2:]):
        assert border.any()
    assert there.mean() > 0.1
    assert alpha(made).min() < 64, "the ground around it is gone"


def test_it_is_cut_out_as_it_was_sketched(context: Context) -> None:
    flat = sketch(things=[{"kind": "boat", "box": [0, 0, 1, 1], "flip": True}], size=[120, 110])  # type: ignore[list-item]
    [made] = sprite(context, kind="boat", prompt="a boat", seeds=[1], size=[120, 110], flip=True)
    assert (alpha(made)[alpha(flat) == 255] > 127).all()
    assert (alpha(made)[~grown(alpha(flat) > 0, 12)] == 0).all()
    assert len(np.unique(alpha(made))) > 4, "with a soft border"


def test_a_picture_per_seed_and_the_same_one_twice(context: Context) -> None:
    call: dict[str, Any] = HOUSE | {"seeds": [1, 2, 3]}
    first, again = ([made.tobytes() for made in sprite(context, **call)] for _ in range(2))
    assert len(set(first)) == 3
    assert again == first


def test_looks_mirrors_and_colors_are_other_things(context: Context) -> None:
    ways: list[dict[str, Any]] = [{}, {"flip": True}, {"variant": 1}, {"color": "blue"}]
    call: dict[str, Any] = HOUSE | {"kind": "person"}
    made = [sprite(context, **(call | way))[0].tobytes() for way in ways]
    assert len(set(made)) == 4


def test_a_thing_stands_in_the_painters_picture_with_ground_around_it() -> None:
    for aspect in (1 / 8, 0.4, 1.0, 1.5, 8.0):
        left, top, right, bottom = stage(aspect)
        assert 0.05 < left < right < 0.95 and 0.05 < top < bottom < 0.95
        assert (right - left) / (bottom - top) == pytest.approx(aspect)
        assert max(right - left, bottom - top) > 0.6, "as large as it can be"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "dragon"}, "kind = 'dragon' has no pattern; allowed is one of .*house"),
        ({"color": "beige"}, "color = 'beige' is refused for a house; allowed is one of red"),
        ({"kind": "pine"}, "color = 'red' is refused for a pine; allowed is none"),
        ({"size": [400, 40]}, "size = 400x40 is refused; allowed is a thing up to eight times"),
        ({"size": [16, 129]}, "size = 16x129 is refused"),
        ({"prompt": "very long words " * 40}, r"sprite: prompt has \d+ tokens; allowed are 256"),
    ],
)
def test_what_cannot_be_painted_by_itself_is_refused(
    context: Context, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        sprite(context, **(HOUSE | wrong))


def test_a_worker_paints_the_same_and_refuses_the_same(
    context: Context, toy_engine: Engine
) -> None:
    result = toy_engine.call("sprite", HOUSE | {"size": [64, 48]}, {})
    [made] = sprite(context, **HOUSE, size=[64, 48])
    assert [(image.mode, image.size) for image in result.images] == [("RGBA", (64, 48))]
    assert np.abs(np.asarray(result.images[0], int) - np.asarray(made)).max() <= 1
    with pytest.raises(ToolError, match="sprite: variant = 7 is refused"):
        toy_engine.call("sprite", HOUSE | {"variant": 7}, {})


@OF_DIFFUSERS
@pytest.mark.parametrize(
    ("kind", "color", "hue", "least"),
    [("house", "red", 0, 0.4), ("cat", "blue", 215, 0.6), ("umbrella", "purple", 275, 0.6)],
)
def test_the_color_that_is_asked_for_is_the_one_it_has(
    built_in: Context, kind: str, color: str, hue: float, least: float
) -> None:
    made = painted(built_in, kind, color)
    share = hued(made, hue)
    assert share > least
    others = [hued(made, hue + turn) for turn in (60, 120, 180, 240, 300)]
    assert share > 3 * max(others)


@OF_DIFFUSERS
def test_what_is_much_larger_than_it_was_painted_is_enlarged_by_the_upscaler(
    built_in: Context,
) -> None:
    entries = {role: entry for role, entry in built_in.models.entries.items() if role != "upscaler"}
    smooth, plain = (
        painted(context, "car", "yellow", size=[480, 240])
        for context in (built_in, Context(Models(entries, device="cpu")))
    )
    assert smooth.size == plain.size == (480, 240)
    assert hued(smooth, 48) > 0.35

    def roughness(image: Image.Image) -> float:
        steps = np.hypot(*np.gradient(np.asarray(image.convert("L"), float)))
        return float(np.median(steps[alpha(image) == 255]))

    assert roughness(smooth) < 0.9 * roughness(plain), "it smooths what the painter left rough"
