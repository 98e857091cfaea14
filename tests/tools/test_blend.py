"""Two images meet as the mode says, where they are to, and nowhere else."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from danqing.tools import blend
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.registry import spec

SIZE = (24, 18)
module = sys.modules["danqing.tools.blend"]

Mode = Literal["normal", "multiply", "screen", "overlay", "darken", "lighten"]


def plain(color: Any, mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new(mode, size, color)


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and a.size == b.size and a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("mode", "value"),
    [
        ("normal", 50),
        ("multiply", 200 * 50 // 255),
        ("screen", 255 - 55 * 205 // 255),
        ("overlay", 255 - 2 * 55 * 205 // 255),
        ("darken", 50),
        ("lighten", 200),
    ],
)
def test_colors_meet_as_the_mode_says(mode: Mode, value: int) -> None:
    result = blend(plain((200,) * 3), plain((50,) * 3), mode=mode)
    assert np.abs(np.asarray(result, int) - value).max() <= 1


def test_opacity_goes_from_one_image_to_the_other(photo: Image.Image) -> None:
    image, over = photo, photo.rotate(180)
    assert same(blend(image, over, opacity=0.0), image)
    assert same(blend(image, over, opacity=1.0), over)
    half = np.asarray(blend(image, over, opacity=0.5), int)
    mean = (np.asarray(image, int) + np.asarray(over, int)) / 2
    assert np.abs(half - mean).max() <= 1


def test_a_mask_says_where(photo: Image.Image) -> None:
    mask = Image.new("L", photo.size)
    mask.paste(255, (10, 20, 30, 40))
    result = np.asarray(blend(photo, plain("red", size=photo.size), mask))
    inside = np.asarray(mask) > 0
    assert (result[inside] == (255, 0, 0)).all()
    assert np.array_equal(result[~inside], np.asarray(photo)[~inside])


def test_what_is_transparent_above_leaves_what_is_below() -> None:
    over = plain((255, 0, 0, 0), "RGBA")
    over.putpixel((5, 6), (255, 0, 0, 255))
    result = blend(plain("blue"), over)
    assert result.getpixel((5, 6)) == (255, 0, 0)
    assert result.getpixel((6, 6)) == (0, 0, 255)


def test_a_position_moves_the_upper_image_and_what_sticks_out_is_cut() -> None:
    result = np.asarray(blend(plain("blue"), plain("red", size=(20, 16)), position=[-4, 10]))
    red = np.zeros(SIZE[::-1], bool)
    red[10:, :16] = True
    assert np.array_equal(result[..., 0] == 255, red)
    assert np.array_equal(result[..., 2] == 255, ~red)


def test_a_mask_moves_with_the_upper_image() -> None:
    mask = Image.new("L", (20, 16))
    mask.putpixel((0, 0), 255)
    result = blend(plain("blue"), plain("red", size=(20, 16)), mask, position=[3, 2])
    assert result.getpixel((3, 2)) == (255, 0, 0)
    assert np.asarray(result)[..., 0].sum() == 255


@pytest.mark.parametrize("below", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("above", ["L", "LA", "RGB", "RGBA"])
def test_the_result_has_the_mode_and_transparency_of_the_lower_image(
    photo: Image.Image, below: str, above: str
) -> None:
    image = photo.convert(below)
    if "A" in below:
        image.putalpha(photo.getchannel("G"))
    result = blend(image, photo.rotate(180).convert(above))
    assert (result.mode, result.size) == (below, image.size)
    assert result.tobytes() != image.tobytes()
    if "A" in below:
        assert same(result.getchannel("A"), image.getchannel("A"))


@pytest.mark.parametrize("position", [[24, 0], [-24, 0], [0, 18], [0, -18]])
def test_images_that_do_not_meet_are_refused(position: list[int]) -> None:
    with pytest.raises(ToolError, match=r"position = \[.*\] is refused; .* 24x18 .* of 24x18"):
        blend(plain("blue"), plain("red"), position=position)


def test_images_that_meet_in_one_pixel_are_blended() -> None:
    result = np.asarray(blend(plain("blue"), plain("red"), position=[23, 17]))
    assert result[..., 0].sum() == 255
    assert result[17, 23, 0] == 255


def test_the_mask_is_as_large_as_the_upper_image() -> None:
    over = plain("red", size=(20, 16))
    with pytest.raises(ToolError, match=r"mask measures 24x18 pixels; allowed is .* 20x16"):
        blend(plain("blue"), over, plain(255, "L"))


def test_an_empty_mask_is_refused_and_a_full_one_is_as_none(photo: Image.Image) -> None:
    over = photo.rotate(180)
    with pytest.raises(ToolError, match="blend: mask is all black"):
        blend(photo, over, Image.new("L", photo.size))
    assert same(blend(photo, over, Image.new("L", photo.size, 255)), blend(photo, over))


def test_the_images_given_stay_as_they_were(photo: Image.Image) -> None:
    before = photo.tobytes()
    blend(photo, plain("red"))
    assert photo.tobytes() == before


def test_a_mask_may_be_left_out_or_null() -> None:
    found = spec(blend)
    assert found.optional == {"mask"}
    both = {"image": "img-1", "over": "img-2"}
    assert found.parse(both) == found.parse(both | {"mask": None})
    assert found.parse(both | {"mask": "img-3"})[0] == both | {"mask": "img-3"}


def test_a_single_pixel_is_refused_before_it_is_blended(toy_engine: Engine) -> None:
    with pytest.raises(ToolError, match="over measures 1x1 pixels; allowed are sides of 16"):
        toy_engine.call("blend", {}, {"image": plain("blue"), "over": plain("red", size=(1, 1))})


def test_an_engine_blends_here_with_or_without_a_mask(
    toy_engine: Engine, photo: Image.Image
) -> None:
    over, mask = photo.rotate(180), Image.new("L", photo.size)
    mask.paste(255, (10, 20, 30, 40))
    for images in ({"image": photo, "over": over}, {"image": photo, "over": over, "mask": mask}):
        [there] = toy_engine.call("blend", {"mode": "screen"}, images).images
        assert same(there, blend(**images, mode="screen"))  # type: ignore[arg-type]
