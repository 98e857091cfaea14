"""The numbers are those of their formulas, and an edit is measured where it should not show."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from PIL import Image

from danqing.tools import compare
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError

module = sys.modules["danqing.tools.compare"]


def noise(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def box(size: tuple[int, int], inside: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, inside)
    return mask


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """The mean of Wang et al. 2004 on one channel, over windows of 7x7, mirrored at the border."""
    padded = [np.pad(x.astype(float), 3, mode="symmetric") for x in (a, b)]
    x, y = (np.lib.stride_tricks.sliding_window_view(p, (7, 7)) for p in padded)
    (mx, my), n = (w.mean((2, 3)) for w in (x, y)), 49
    vx, vy = (w.var((2, 3)) * n / (n - 1) for w in (x, y))
    both = ((x * y).mean((2, 3)) - mx * my) * n / (n - 1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(alike.mean())


def test_equal_images_are_identical_and_their_difference_is_black(photo: Image.Image) -> None:
    picture, found = compare(photo, photo.copy())
    assert found == module.Comparison(psnr=None, ssim=1.0, changed=0.0, identical=True)
    assert picture.getbbox() is None


def test_images_that_only_look_the_same_are_not_identical(photo: Image.Image) -> None:
    _, found = compare(photo.convert("L"), photo.convert("L").convert("RGB"))
    assert (found.psnr, found.ssim, found.changed, found.identical) == (None, 1.0, 0.0, False)
    hidden = [Image.new("RGBA", (20, 20), (gray, gray, gray, 0)) for gray in (0, 9)]
    _, found = compare(*hidden)
    assert (found.psnr, found.identical) == (None, False)


def test_psnr_is_its_formula() -> None:
    a, b = noise(1), noise(2)
    error = ((np.asarray(a, float) - np.asarray(b, float)) ** 2).mean()
    assert compare(a, b)[1].psnr == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)
    step = Image.fromarray(np.asarray(a) // 2), Image.fromarray(np.asarray(a) // 2 + 1)
    assert compare(*step)[1].psnr == pytest.approx(20 * math.log10(255), abs=1e-3)


def test_ssim_is_its_formula() -> None:
    a, b = noise(1), Image.blend(noise(1), noise(2), 0.3)
    x, y = np.asarray(a), np.asarray(b)
    expected = np.mean([ssim(x[..., c], y[..., c]) for c in range(3)])
    assert compare(a, b)[1].ssim == pytest.approx(expected, abs=1e-5)


def test_numbers_do_not_depend_on_the_parts_that_are_measured(
    photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Image.blend(photo, photo.rotate(180), 0.2)
    whole = compare(photo, other)[1]
    for part in (1, 1000, 90 * 33):
        monkeypatch.setattr(module, "PART", part)
        assert compare(photo, other)[1] == whole


@pytest.mark.parametrize(
    ("color", "changed"),
    [((128, 128, 128), 0.0), ((131, 128, 128), 0.0), ((160, 128, 128), 0.25), ((0, 0, 0), 0.25)],
)
def test_a_quarter_that_differs_has_changed_if_one_would_notice(
    color: tuple[int, int, int], changed: float
) -> None:
    gray = Image.new("RGB", (40, 40), (128, 128, 128))
    other = gray.copy()
    other.paste(color, (0, 0, 20, 20))
    assert compare(gray, other)[1].changed == changed


def test_what_one_notices_is_a_color_difference_of_5() -> None:
    # Of neutral grays at L* = 50, where CIEDE2000 is the difference of L* itself.
    from skimage.color import deltaE_ciede2000, rgb2lab

    grays = [np.full((1, 1, 3), v, np.uint8) for v in range(256)]
    apart = [deltaE_ciede2000(rgb2lab(grays[119]), rgb2lab(g)).item() for g in grays]
    last = max(v for v in range(119, 256) if apart[v] <= 5)
    base = Image.new("RGB", (20, 20), (119,) * 3)
    for gray, changed in ((last, 0.0), (last + 1, 1.0)):
        assert compare(base, Image.new("RGB", (20, 20), (gray,) * 3))[1].changed == changed
    assert 125 < last < 135


def test_the_difference_is_as_bright_as_it_can_be_and_black_where_nothing_is(
    photo: Image.Image,
) -> None:
    other = photo.copy()
    other.paste((0, 0, 0), (30, 30, 32, 32))
    other.putpixel((50, 50), tuple(max(v - 1, 0) for v in photo.getpixel((50, 50))))  # type: ignore[union-attr, arg-type]
    picture, _ = compare(photo, other)
    assert max(high for _, high in picture.getextrema()) == 255
    shown = np.asarray(picture).any(-1)
    assert shown[30:32, 30:32].all()
    assert shown.sum() <= 5


def test_an_edit_that_keeps_all_outside_its_mask_is_perfect_there(photo: Image.Image) -> None:
    mask = box(photo.size, (20, 20, 50, 50))
    edited = photo.copy()
    edited.paste(noise(3, (30, 30)), (20, 20))
    picture, found = compare(photo, edited, mask)
    assert (found.psnr, found.ssim, found.changed, found.identical) == (None, 1.0, 0.0, True)
    assert picture.getbbox() is None


def test_what_an_edit_has_changed_outside_its_mask_shows(photo: Image.Image) -> None:
    mask = box(photo.size, (0, 0, 90, 35))
    edited = Image.new("RGB", photo.size)
    edited.paste(photo.crop((0, 0, 90, 69)))
    picture, found = compare(photo, edited, mask)
    assert found.changed == pytest.approx(1 / 35, abs=1e-5)
    assert not found.identical
    assert found.ssim is not None
    assert found.ssim < 1
    bounds = picture.getbbox()
    assert bounds is not None
    assert bounds[1] == 69


def test_where_everything_is_masked_nothing_is_compared(photo: Image.Image) -> None:
    _, found = compare(photo, photo.rotate(180), Image.new("L", photo.size, 255))
    assert (found.psnr, found.ssim, found.changed, found.seam) == (None, None, None, None)


def test_a_texture_without_a_seam_has_about_1() -> None:
    image, mask = noise(1, (120, 90)), box((120, 90), (30, 20, 80, 70))
    assert compare(image, image, mask)[1].seam == pytest.approx(1.0, abs=0.1)
    flat = Image.new("RGB", (120, 90), "gray")
    assert compare(flat, flat, mask)[1].seam == 1.0


def test_a_pasted_square_has_a_seam(photo: Image.Image) -> None:
    mask = box(photo.size, (20, 20, 50, 50))
    pasted = photo.copy()
    pasted.paste("white", (20, 20, 50, 50))
    seam = compare(photo, pasted, mask)[1].seam
    assert seam is not None
    assert seam > 5


def test_a_seam_between_equally_light_colors_is_one() -> None:
    image, mask = Image.new("RGB", (40, 40), (0, 0, 200)), box((40, 40), (10, 10, 30, 30))
    image.paste((200, 0, 0), mask)
    seam = compare(image, image, mask)[1].seam
    assert seam is not None
    assert seam > 5


def test_a_seam_is_the_steps_across_over_those_beside_it() -> None:
    column = np.array([0, 10, 20, 30, 130, 140, 150, 160], np.uint8)
    pixels = column.repeat(8).reshape(8, 8)[..., None].repeat(3, -1)
    mask = np.zeros((8, 8), bool)
    mask[4:] = True
    # 48 steps of 10 down, 56 of 0 sideways, and 8 of 100 across the border.
    assert module.seam_of(pixels, mask) == pytest.approx(100.5 / (480 / 104 + 0.5), abs=1e-3)


def test_gray_and_transparent_images_are_compared_as_they_are_seen(photo: Image.Image) -> None:
    clear = photo.convert("RGBA")
    clear.putalpha(0)
    white = Image.new("RGB", photo.size, "white")
    assert compare(clear, white)[1].psnr is None
    assert compare(photo.convert("LA"), photo.convert("L"))[1].psnr is None


def test_images_of_two_sizes_are_refused(photo: Image.Image) -> None:
    with pytest.raises(ToolError, match=r"measure 90x70 and 70x90 pixels; allowed are two of one"):
        compare(photo, photo.resize((70, 90)))
    with pytest.raises(ToolError, match="compare: mask measures 16x16"):
        compare(photo, photo, Image.new("L", (16, 16), 255))
    with pytest.raises(ToolError, match="compare: mask is all black"):
        compare(photo, photo, Image.new("L", photo.size))


@pytest.mark.parametrize("size", [(16, 16), (16, 300), (300, 16)])
def test_the_smallest_images_can_be_compared(size: tuple[int, int]) -> None:
    found = compare(noise(1, size), noise(2, size))[1]
    assert found.ssim is not None
    assert found.changed is not None
    assert found.changed > 0.9


def test_an_engine_gives_the_picture_and_the_numbers(
    toy_engine: Engine, photo: Image.Image
) -> None:
    images = {"image": photo, "other": photo.rotate(180)}
    result = toy_engine.call("compare", {}, images)
    picture, found = compare(**images)
    assert result.value == found.model_dump(mode="json")
    assert result.images[0].tobytes() == picture.tobytes()
