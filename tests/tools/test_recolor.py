"""A thing gets another color; its shading stays, and everything else exactly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from danqing.tools import recolor
from danqing.tools.errors import ToolError
from danqing.tools.recolor import COLORS

SIZE = (80, 60)
THING = (20, 10, 59, 49)


def lab(image: Image.Image) -> np.ndarray:
    rgb = np.asarray(image.convert("RGB"), np.float32) / 255
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab))


def painted() -> tuple[Image.Image, Image.Image]:
    """A shaded red box with a blue window on green, and the mask of it."""
    picture, mask = Image.new("RGB", SIZE, (90, 160, 80)), Image.new("L", SIZE, 0)
    ImageDraw.Draw(mask).rectangle(THING, fill=255)
    draw = ImageDraw.Draw(picture)
    for x in range(THING[0], THING[2] + 1):
        light = 0.7 + 0.3 * (x - THING[0]) / 39
        draw.line((x, THING[1], x, THING[3]), fill=(round(220 * light), round(50 * light), 40))
    draw.rectangle((30, 20, 39, 29), fill=(60, 90, 200))
    return picture, mask


@pytest.mark.parametrize("color", COLORS)
def test_a_surface_becomes_of_the_color_and_keeps_its_light(color: str) -> None:
    picture, mask = painted()
    result = recolor(picture, mask, color=color)  # type: ignore[arg-type]
    wall = lab(result)[35:45, 22:58]
    flat = lab(Image.new("RGB", (1, 1), COLORS[color]))[0, 0]
    assert np.linalg.norm(wall.mean((0, 1)) - flat) < 14
    if color not in ("white", "black"):
        assert wall[:, -1, 0].mean() > wall[:, 0, 0].mean() + 3, "the light still comes from there"


def test_all_else_stays_exactly_as_it_was() -> None:
    picture, mask = painted()
    result = recolor(picture, mask, color="yellow")
    before, after, inside = np.asarray(picture), np.asarray(result), np.asarray(mask) > 0
    assert (before[~inside] == after[~inside]).all()
    assert np.abs(lab(picture)[22:28, 32:38] - lab(result)[22:28, 32:38]).max() < 1, "the window"


def test_a_gray_thing_takes_a_color_too() -> None:
    picture, mask = painted()
    gray = picture.convert("L").convert("RGB")
    made = lab(recolor(gray, mask, color="blue"))[35:45, 22:58]
    assert made[..., 2].mean() < -25


def test_without_a_mask_the_image_is_tinted_as_far_as_asked(photo: Image.Image) -> None:
    before = lab(photo)
    little, whole = (lab(recolor(photo, color="blue", strength=s)) for s in (0.2, 1.0))
    assert np.allclose(before[..., 0], little[..., 0], atol=6), "as light as before"
    assert before[..., 2].mean() > little[..., 2].mean() > whole[..., 2].mean()
    assert recolor(photo, color="blue", strength=0.0).tobytes() == photo.tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_mode_size_and_transparency_are_kept(mode: str) -> None:
    picture, mask = painted()
    image = picture.convert(mode)
    if "A" in mode:
        image.putalpha(mask.point(lambda v: 255 - v // 2))
    result = recolor(image, mask, color="white")
    assert (result.mode, result.size) == (mode, SIZE)
    if "A" in mode:
        assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_masks_that_do_not_fit_are_refused() -> None:
    picture, mask = painted()
    with pytest.raises(ToolError, match="recolor: mask measures 8x8"):
        recolor(picture, mask.resize((8, 8)), color="red")
    with pytest.raises(ToolError, match="all black"):
        recolor(picture, Image.new("L", SIZE), color="red")
