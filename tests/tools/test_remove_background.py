"""The subject stays as it is, and all else becomes transparent."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sights import Box, looking_at

from danqing.tools import remove_background
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError

CAT = Box("cat", "black", (4, 16, 12, 24))
HOUSE = Box("house", "red", (18, 8, 28, 22))


def opaque(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A")) > 127


def inside(size: tuple[int, int], *things: Box) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    for x0, y0, x1, y1 in (thing.cells for thing in things):
        mask[y0 * size[1] // 32 : y1 * size[1] // 32, x0 * size[0] // 32 : x1 * size[0] // 32] = (
            True
        )
    return mask


@pytest.mark.parametrize(
    ("subject", "kept"),
    [("the cat", [CAT]), ("红房子", [HOUSE]), ("", [CAT, HOUSE]), ("the left thing", [CAT])],
)
def test_what_is_named_is_kept_or_else_everything_that_stands_out(
    photo: Image.Image, subject: str, kept: list[Box]
) -> None:
    image = photo.resize((256, 128))
    image.paste((20, 20, 200), mask=Image.fromarray(inside(image.size, CAT, HOUSE)))
    result = remove_background(looking_at(CAT, HOUSE), image, subject=subject)
    assert (result.mode, result.size) == ("RGBA", image.size)
    wrong = opaque(result) != inside(image.size, *kept)
    assert wrong.mean() < 0.01
    assert result.convert("RGB").tobytes() == image.tobytes()


def test_borders_are_soft_and_the_rest_is_wholly_kept_or_gone() -> None:
    result = remove_background(looking_at(CAT), Image.new("RGB", (256, 256)), subject="cat")
    alpha = np.asarray(result.getchannel("A"))
    assert (alpha[140:180, 44:84] == 255).all()
    assert (alpha[:100] == 0).all()
    row = alpha[160].astype(int)
    soft = np.flatnonzero((row > 0) & (row < 255))
    assert 2 <= len(soft) <= 24
    assert (np.diff(row[:60]) >= 0).all()


def test_a_subject_is_cut_out_along_its_own_border() -> None:
    """It is a little smaller than it is seen; what is around it goes."""
    image = Image.new("RGB", (512, 512), (80, 150, 70))
    ImageDraw.Draw(image).rectangle((69, 260, 187, 379), fill=(30, 30, 30))
    result = remove_background(looking_at(CAT), image, subject="cat")
    there = np.asarray(image)[..., 1] < 100
    assert (opaque(result) != there).sum() < 0.02 * there.sum()
    assert (inside(image.size, CAT) != there).sum() > 0.1 * there.sum()


def test_what_was_transparent_stays_so(photo: Image.Image) -> None:
    image = photo.resize((128, 128)).convert("RGBA")
    image.putalpha(0)
    image.putpixel((20, 80), (1, 2, 3, 200))
    result = remove_background(looking_at(CAT), image, subject="cat")
    assert result.getpixel((20, 80)) == (1, 2, 3, 200)
    assert opaque(result).sum() == 1


@pytest.mark.parametrize(("mode", "becomes"), [("L", "LA"), ("LA", "LA"), ("RGBA", "RGBA")])
def test_gray_stays_gray(photo: Image.Image, mode: str, becomes: str) -> None:
    result = remove_background(looking_at(CAT), photo.convert(mode), subject="cat")
    assert result.mode == becomes
    assert 0 < opaque(result).mean() < 0.5


def test_a_subject_that_is_not_there_is_refused_by_its_name(photo: Image.Image) -> None:
    with pytest.raises(ToolError, match="no red dog was found in the image; say what to keep"):
        remove_background(looking_at(CAT), photo, subject="红色的狗")
    with pytest.raises(ToolError, match="no thing was found in the image"):
        remove_background(looking_at(), photo)
    with pytest.raises(ToolError, match=r"^remove_background: 'unicorn' names nothing"):
        remove_background(looking_at(CAT), photo, subject="unicorn")


def test_a_ground_can_be_kept(photo: Image.Image) -> None:
    result = remove_background(looking_at(), photo.resize((128, 128)), subject="天空")
    assert opaque(result)[:62].all()
    assert not opaque(result)[66:].any()


def test_a_worker_cuts_out_or_refuses(toy_engine: Engine, photo: Image.Image) -> None:
    try:
        [result] = toy_engine.call("remove_background", {}, {"image": photo}).images
    except ToolError as refused:
        assert "no thing was found" in str(refused)
    else:
        assert (result.mode, result.size) == ("RGBA", photo.size)
