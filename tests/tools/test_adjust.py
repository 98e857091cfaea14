"""Adjusting does exactly what was asked for, in every mode."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from danqing.tools import adjust
from danqing.tools.errors import ToolError


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and a.size == b.size and a.tobytes() == b.tobytes()


def test_a_crop_is_the_pixels_inside(photo: Image.Image) -> None:
    assert same(adjust(photo, crop=[10, 5, 60, 40]), photo.crop((10, 5, 60, 40)))


@pytest.mark.parametrize("crop", [[0, 0, 91, 70], [50, 0, 40, 70], [0, 0, 15, 70]])
def test_a_crop_outside_or_empty_is_refused(photo: Image.Image, crop: list[int]) -> None:
    with pytest.raises(ToolError, match="inside 90x70 pixels, at least 16"):
        adjust(photo, crop=crop)


def test_two_flips_and_four_quarter_turns_change_nothing(photo: Image.Image) -> None:
    for flip in ("horizontal", "vertical"):
        once = adjust(photo, flip=flip)
        assert not same(once, photo)
        assert same(adjust(once, flip=flip), photo)
    turned = photo
    for _ in range(4):
        turned = adjust(turned, rotate=90.0)
    assert same(turned, photo)
    assert adjust(photo, rotate=90.0).size == (70, 90)
    assert same(adjust(photo, rotate=-90.0), adjust(photo, rotate=270.0))


def test_a_slanted_picture_keeps_all_of_itself_on_white_or_transparent(photo: Image.Image) -> None:
    slanted = adjust(photo, rotate=30.0)
    assert slanted.width > 90
    assert slanted.getpixel((0, 0)) == (255, 255, 255)
    assert adjust(photo.convert("RGBA"), rotate=30.0).getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert adjust(photo.convert("L"), rotate=30.0).getpixel((0, 0)) == 255


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_and_its_transparency_is_kept(photo: Image.Image, mode: str) -> None:
    image = photo.convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G"))
    result = adjust(image, brightness=1.5, contrast=0.5, color=2.0, sharpness=2.0)
    assert (result.mode, result.size) == (mode, photo.size)
    assert result.tobytes() != image.tobytes()
    if "A" in mode:
        assert same(result.getchannel("A"), image.getchannel("A"))


def test_brightness_and_color_do_what_they_say(photo: Image.Image) -> None:
    assert adjust(photo, brightness=0.0).getbbox() is None
    red, green, _ = adjust(photo, color=0.0).split()
    assert ImageChops.difference(red, green).getbbox() is None


def test_the_size_is_the_last_to_change(photo: Image.Image) -> None:
    result = adjust(photo, crop=[0, 0, 32, 64], rotate=90.0, resize=[40, 50])
    assert result.size == (40, 50)


def test_asking_for_nothing_is_refused(photo: Image.Image) -> None:
    with pytest.raises(ToolError, match="nothing to do; give at least one of crop"):
        adjust(photo)
