"""White is worked on and black is left alone, exactly, in every mode."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from danqing.tools.errors import ToolError
from danqing.tools.masks import grown, mask_of, put_back, refined

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


# -- refined


def shape(side: int = 288, radius: int = 70) -> tuple[Image.Image, np.ndarray]:
    """A red disk on green, both with a little noise, and where it is."""
    rows, columns = np.mgrid[:side, :side] - side // 2
    disk = np.hypot(rows, columns) < radius
    rgb = np.where(disk[..., None], (200, 60, 50), (80, 150, 70))
    rgb = rgb + np.random.default_rng(0).integers(-12, 13, (side, side, 1))
    return Image.fromarray(rgb.astype(np.uint8)), disk


def coarse(mask: np.ndarray, cells: int) -> np.ndarray:
    """A mask as a network of few cells has it: blocky, and a little beside the thing."""
    small = Image.fromarray(mask.astype(np.uint8) * 255).resize(
        (cells, cells), Image.Resampling.BOX
    )
    return np.asarray(small.resize(mask.shape[::-1], Image.Resampling.NEAREST)) > 90


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_coarse_mask_is_brought_to_the_borders_of_the_thing() -> None:
    image, disk = shape()
    rough = coarse(disk, 48)
    assert overlap(rough, disk) < 0.96
    assert overlap(refined(image, rough), disk) > 0.99


@pytest.mark.parametrize("pixels", [-3, 3])
def test_a_mask_that_is_too_small_or_too_large_becomes_the_thing(pixels: int) -> None:
    image, disk = shape()
    rough = grown(disk, 3) if pixels > 0 else ~grown(~disk, 3)
    assert overlap(rough, disk) < 0.93
    assert overlap(refined(image, rough), disk) > 0.99


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_mask_is_refined_in_every_mode(mode: str) -> None:
    image, disk = shape()
    red = image.getchannel("R").convert("RGB")
    assert overlap(refined(red.convert(mode), coarse(disk, 48)), disk) > 0.98


def test_a_mask_is_refined_the_same_way_twice_and_left_as_it_was() -> None:
    image, disk = shape()
    rough = coarse(disk, 48)
    before, pixels = rough.copy(), image.tobytes()
    first = refined(image, rough)
    assert np.array_equal(refined(image, rough), first)
    noise = np.random.default_rng(1).integers(0, 256, (*rough.shape, 3)).astype(np.uint8)
    once, *more = (refined(Image.fromarray(noise), rough) for _ in range(4))
    assert all(np.array_equal(one, once) for one in more), "where it could be otherwise"
    assert np.array_equal(rough, before) and image.tobytes() == pixels
    assert (first.dtype, first.shape) == (bool, rough.shape)


def test_far_from_its_border_a_mask_stays_as_it_is() -> None:
    """Even where what is there has the colors of the other side."""
    image, disk = shape()
    pen = ImageDraw.Draw(image)
    pen.rectangle((134, 134, 154, 154), fill=(80, 150, 70))
    pen.rectangle((5, 5, 40, 40), fill=(200, 60, 50))
    assert overlap(refined(image, coarse(disk, 48)), disk) > 0.99


@pytest.mark.parametrize("size", [(288, 288), (97, 61), (16, 16)])
def test_a_mask_of_everything_or_of_a_pixel_is_handed_back(size: tuple[int, int]) -> None:
    image = shape()[0].resize(size)
    one = np.zeros(size[::-1], bool)
    one[size[1] // 2, size[0] // 2] = True
    for mask in (np.ones(size[::-1], bool), one, np.zeros(size[::-1], bool)):
        assert np.array_equal(refined(image, mask), mask)


@pytest.mark.parametrize("box", [(0, 0, 90, 60), (200, 250, 288, 288), (100, 0, 104, 288)])
def test_no_mask_is_emptied_by_an_image_without_such_a_thing(box: tuple[int, ...]) -> None:
    """Noise, one color, or another thing: at least half of the mask is left."""
    mask = np.zeros((288, 288), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    noise = np.random.default_rng(1).integers(0, 256, (288, 288, 3)).astype(np.uint8)
    for image in (Image.fromarray(noise), Image.new("RGB", (288, 288), "gray"), shape()[0]):
        assert refined(image, mask).sum() > 0.5 * mask.sum()


def test_a_mask_that_would_lose_most_of_itself_is_handed_back() -> None:
    image = Image.new("RGB", (288, 288), (80, 150, 70))
    ImageDraw.Draw(image).line((0, 144, 287, 144), fill=(200, 60, 50))
    handed_back, brought = np.zeros((2, 288, 288), bool)
    handed_back[139:150], brought[136:153] = True, True
    assert np.array_equal(refined(image, handed_back), handed_back)
    assert refined(image, brought).sum() < 0.8 * brought.sum()
