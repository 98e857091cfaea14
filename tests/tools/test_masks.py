"""White is worked on and black is left alone, exactly, in every mode."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from danqing.tools.errors import ToolError
from danqing.tools.masks import grown, mask_of, put_back

SIZE = (20, 16)


def square(mode: str = "L") -> Image.Image:
    """A white square on black."""
    mask = Image.new("L", SIZE)
    mask.paste(255, (4, 4, 10, 12))
    return mask.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_a_mask_of_any_mode_is_the_same_black_and_white(mode: str) -> None:
    assert mask_of("blend", square(mode), SIZE).tobytes() == square().tobytes()


@pytest.mark.parametrize(("gray", "white"), [(127, False), (128, True), (1, False), (254, True)])
def test_lighter_than_middle_gray_is_white(gray: int, white: bool) -> None:
    mask = square()
    mask.putpixel((0, 0), gray)
    assert mask_of("blend", mask, SIZE).getpixel((0, 0)) == (255 if white else 0)


def test_transparent_parts_of_a_mask_are_black() -> None:
    mask = Image.new("LA", SIZE, (255, 0))
    mask.putpixel((3, 3), (255, 255))
    assert mask_of("blend", mask, SIZE).getbbox() == (3, 3, 4, 4)


def test_a_mask_of_another_size_is_refused_in_the_name_of_its_tool() -> None:
    with pytest.raises(ToolError, match=r"^blend: mask measures 20x16 .* the image, 16x20\.$"):
        mask_of("blend", square(), (16, 20))


@pytest.mark.parametrize(
    "mask", [Image.new("L", SIZE), Image.new("RGBA", SIZE, (255, 255, 255, 0))]
)
def test_a_mask_without_anything_white_is_refused(mask: Image.Image) -> None:
    with pytest.raises(ToolError, match="compare: mask is all black"):
        mask_of("compare", mask, SIZE)


def test_a_mask_may_be_all_white() -> None:
    assert mask_of("blend", Image.new("L", SIZE, 255), SIZE).getextrema() == (255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("changed", ["L", "LA", "RGB", "RGBA"])
def test_what_is_put_back_keeps_mode_and_transparency_and_all_outside_the_mask(
    photo: Image.Image, mode: str, changed: str
) -> None:
    image = photo.resize(SIZE).convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G").resize(SIZE))
    result = put_back(image, Image.new("RGB", SIZE, (90, 90, 90)).convert(changed), square())
    assert (result.mode, result.size) == (mode, SIZE)
    before, after = np.asarray(image), np.asarray(result)
    inside = np.asarray(square()) > 0
    assert np.array_equal(after[~inside], before[~inside])
    colors = len(mode.rstrip("A"))
    assert (after.reshape(16, 20, -1)[inside][:, :colors] == 90).all()
    if "A" in mode:
        assert np.array_equal(after[..., -1], before[..., -1])


def test_putting_back_leaves_both_images_as_they_were(photo: Image.Image) -> None:
    image, changed = photo.resize(SIZE), Image.new("RGB", SIZE)
    bytes_ = image.tobytes(), changed.tobytes()
    put_back(image, changed, square())
    assert (image.tobytes(), changed.tobytes()) == bytes_


def test_a_grown_mask_has_everything_within_so_many_pixels() -> None:
    mask = np.zeros((21, 21), bool)
    mask[10, 10] = True
    rows, columns = np.mgrid[:21, :21] - 10
    for pixels in (1, 3, 5):
        assert np.array_equal(grown(mask, pixels), np.hypot(rows, columns) <= pixels)


def test_a_mask_that_is_empty_full_or_not_grown_stays_as_it_is() -> None:
    some = np.asarray(square()) > 0
    assert grown(some, 0) is some
    for mask in (np.zeros((9, 9), bool), np.ones((9, 9), bool)):
        assert np.array_equal(grown(mask, 3), mask)
