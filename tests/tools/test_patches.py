"""A hole is filled with other parts of the same image, and with nothing that is to be avoided."""

from __future__ import annotations

import numpy as np
import pytest

from danqing.tools.patches import patched

Rgb = np.ndarray
MAGENTA = (255, 0, 255)


def tiles(high: int, wide: int, period: int = 16) -> Rgb:
    """A pattern that repeats: rounded tiles in soft colors, and a line on each."""
    y, x = np.mgrid[:high, :wide] % period / period * 2 * np.pi
    rgb = np.stack([120 + 60 * np.cos(x), 130 + 50 * np.sin(y), 110 + 40 * np.cos(x + y)], -1)
    rgb[(np.mgrid[:high, :wide][1] % period) < 2] = 40
    return rgb.round().astype(np.uint8)


def box(high: int, wide: int, *corners: int) -> np.ndarray:
    """A mask that is true from left, top to right, bottom."""
    mask = np.zeros((high, wide), bool)
    left, top, right, bottom = corners
    mask[top:bottom, left:right] = True
    return mask


def filled(rgb: Rgb, hole: np.ndarray, avoid: np.ndarray | None = None) -> Rgb:
    """What becomes of an image whose hole is black before; around the hole nothing changes."""
    spoiled = rgb.copy()
    spoiled[hole] = 0
    result = patched(spoiled, hole, avoid)
    assert result is not None
    assert (result.shape, result.dtype) == (rgb.shape, np.uint8)
    assert np.array_equal(result[~hole], rgb[~hole])
    return result


def error(result: Rgb, true: Rgb, hole: np.ndarray) -> float:
    return float(np.abs(result[hole].astype(int) - true[hole]).mean())


@pytest.mark.parametrize(
    "corners",
    [(50, 40, 90, 80), (0, 30, 30, 70), (100, 0, 140, 25), (120, 90, 160, 128), (3, 2, 9, 9)],
    ids=["inside", "left", "top", "corner", "small"],
)
def test_a_pattern_is_restored(corners: tuple[int, int, int, int]) -> None:
    true, hole = tiles(128, 160), box(128, 160, *corners)
    assert error(filled(true, hole), true, hole) <= 1
    assert error(np.zeros_like(true), true, hole) > 50


def test_a_hole_of_any_shape_is_filled_and_several_are() -> None:
    true = tiles(128, 160)
    y, x = np.mgrid[:128, :160]
    ring = np.abs(np.hypot(y - 60, x - 50) - 20) < 5
    hole = ring | box(128, 160, 100, 20, 130, 50) | box(128, 160, 140, 100, 160, 128)
    assert error(filled(true, hole), true, hole) <= 8


@pytest.mark.parametrize(("high", "wide"), [(97, 131), (640, 801), (1025, 301), (16, 33)])
def test_odd_and_large_images_are_filled_at_their_own_size(high: int, wide: int) -> None:
    period = max(4, high // 8)
    true = tiles(high, wide, period)
    hole = box(high, wide, wide // 3, high // 3, wide // 3 + wide // 5, high // 3 + high // 4)
    result = filled(true, hole)
    assert error(result, true, hole) < 0.15 * error(np.zeros_like(true), true, hole)
    assert np.abs(result[hole].std(0) - true[hole].std(0)).max() < 6, "it is as sharp as the rest"


def test_what_is_to_be_avoided_is_never_copied() -> None:
    """Its color is found nowhere else, and around it is the very ground that the hole has."""
    rgb = tiles(128, 160)
    for left in (10, 110):
        rgb[30:90, left - 8 : left + 38] = (250, 240, 90)
        rgb[40:80, left : left + 30] = MAGENTA
    hole, other = box(128, 160, 10, 40, 40, 80), box(128, 160, 110, 40, 140, 80)

    def magenta(avoid: np.ndarray | None) -> int:
        result = patched(rgb, hole, avoid)
        assert result is not None
        return int((np.abs(result[hole].astype(int) - MAGENTA).sum(-1) < 60).sum())

    assert magenta(None) > 100, "else it is what fits best"
    assert magenta(other) == 0
    assert magenta(other | hole) == 0, "the hole itself may be among it"


def test_what_is_to_be_avoided_gives_no_tint_either() -> None:
    """A thing that stands beside the hole does not shine into it."""
    rgb = np.full((96, 96, 3), (120, 150, 100), np.uint8)
    rgb[:, 60:] = (145, 150, 100)
    hole, thing = box(96, 96, 40, 40, 60, 60), box(96, 96, 60, 0, 96, 96)
    result = patched(rgb, hole, thing)
    assert result is not None
    assert (result[hole] == (120, 150, 100)).all()


def test_ground_is_filled_with_ground_and_sky_with_sky() -> None:
    rgb = np.zeros((120, 200, 3), np.uint8)
    shade = np.random.default_rng(0).integers(0, 8, (120, 200, 1))
    rgb[:60], rgb[60:] = (90, 150, 220), (80, 140, 60)
    rgb = (rgb + shade).astype(np.uint8)
    hole = box(120, 200, 80, 30, 110, 95)
    result = filled(rgb, hole)
    assert (
        np.abs(result[hole & box(120, 200, 0, 0, 200, 60)].astype(int) - (90, 150, 220)).max() < 12
    )
    assert (
        np.abs(result[hole & box(120, 200, 0, 60, 200, 120)].astype(int) - (80, 140, 60)).max() < 12
    )


def test_what_lies_at_the_same_height_is_preferred_to_what_fits_a_little_better() -> None:
    rgb = np.full((160, 160, 3), 128, np.uint8)
    rgb[:, ::3] = 110
    rgb[30:60, 30:60], rgb[100:130, 90:120] = (180, 120, 120), (120, 180, 120)
    rgb[96:134, 86:124] += 4
    hole = box(160, 160, 27, 97, 63, 133)
    copied = filled(rgb, hole)[105:125, 35:55].mean((0, 1))
    assert copied[1] > copied[0] + 40, "green is what stands beside it"


def test_a_copy_takes_the_tints_around_the_hole() -> None:
    """Where the image gets lighter from left to right, no seam is left."""
    ramp = np.linspace(60, 200, 200)[None, :, None]
    rgb = np.broadcast_to(ramp, (96, 200, 3)).round().astype(np.uint8)
    hole = box(96, 200, 80, 30, 115, 65)
    result = filled(rgb, hole).astype(int)
    for one, other in ((79, 80), (114, 115)):
        steps = np.abs(result[30:65, one] - result[30:65, other])
        assert steps.mean() < 4
    assert error(result.astype(np.uint8), rgb, hole) < 5


def test_no_hole_changes_nothing() -> None:
    rgb = tiles(64, 64)
    result = patched(rgb, np.zeros((64, 64), bool))
    assert result is not None and np.array_equal(result, rgb)


@pytest.mark.parametrize("inside", [0, 2])
def test_where_nothing_has_room_nothing_is_made_up(inside: int) -> None:
    rgb = tiles(64, 80)
    hole = np.zeros((64, 80), bool)
    hole[inside : 64 - inside, inside : 80 - inside] = True
    assert patched(rgb, hole) is None


def test_where_all_the_rest_is_to_be_avoided_nothing_is_made_up() -> None:
    rgb, hole = tiles(64, 80), box(64, 80, 20, 20, 40, 40)
    assert patched(rgb, hole, ~hole) is None


def test_a_large_hole_is_filled_piece_by_piece() -> None:
    """Nothing but strips of the pattern is left, none as large as the hole."""
    true = tiles(128, 128)
    hole = box(128, 128, 36, 36, 92, 92)
    avoid = np.zeros_like(hole)
    avoid[::32] = True
    avoid[hole] = False
    assert error(filled(true, hole, avoid), true, hole) < 25


def test_the_input_is_left_as_it_was_and_the_same_is_made_twice() -> None:
    rgb, hole = tiles(100, 120), box(100, 120, 30, 30, 70, 60)
    avoid = box(100, 120, 90, 0, 110, 40)
    given = [array.copy() for array in (rgb, hole, avoid)]
    for array in (rgb, hole, avoid):
        array.setflags(write=False)
    first, second = patched(rgb, hole, avoid), patched(rgb, hole, avoid)
    assert first is not None and second is not None
    assert first.tobytes() == second.tobytes()
    assert not np.shares_memory(first, rgb)
    for array, before in zip((rgb, hole, avoid), given, strict=True):
        assert np.array_equal(array, before)
