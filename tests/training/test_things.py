"""The drawings of the objects: true to their boxes, true to their colors, quick."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from danqing.agent import composition
from danqing.tools.world import world
from training.scenes import things
from training.scenes.canvas import NOTHING, Canvas, Light, Pen
from training.scenes.palette import COLORS, TONES
from training.scenes.spec import Box

KINDS = tuple(composition.ASPECT)
COLORED = tuple(name for name, word in world().objects.items() if word.coloured)
NAMES = tuple(COLORS)


def lab(rgb: np.ndarray) -> np.ndarray:
    row = (rgb.reshape(1, -1, 3) / 255).astype(np.float32)
    return np.asarray(cv2.cvtColor(row, cv2.COLOR_RGB2LAB)[0])


PALETTE = lab(np.array(list(COLORS.values())))


def name_of(pixels: np.ndarray) -> str:
    """The color that most of the pixels are nearest to."""
    distance = np.linalg.norm(lab(pixels)[:, None] - PALETTE[None], axis=-1)
    return NAMES[np.bincount(distance.argmin(-1)).argmax()]


def box_of(kind: str, size: int) -> Box:
    """The largest box of the kind's proportions that leaves a margin for shadows and halos."""
    aspect = composition.ASPECT[kind]
    height = 0.7 * min(1.0, 1.0 / aspect)
    half = height * aspect / 2
    # off the pixel grid on purpose
    return 0.503 - half, 0.153, 0.503 + half, 0.153 + height


def drawn(
    kind: str, color: str | None = None, *, size: int = 128, season: str = "summer",
    hour: str = "day", variant: float = 0.3, side: int = -1, flip: bool = False,
) -> Canvas:  # fmt: skip
    canvas = Canvas(size, Light(side=side))
    canvas.rgb[:] = (168, 190, 160)
    pen = canvas.pen(box_of(kind, size), 5, flip=flip)
    for paint in (things.draw, things.draw_front):
        paint(pen, kind, color, season=season, time=hour, variant=variant)
    return canvas


def extent(ids: np.ndarray) -> tuple[int, int, int, int]:
    """The first and last column and row of the thing's pixels, as left, top, right, bottom."""
    ys, xs = np.nonzero(ids == 5)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def test_the_tables_know_every_object_of_the_world() -> None:
    objects = set(world().objects)
    assert set(composition.ASPECT) == set(composition.HEIGHT) == set(composition.PLACE) == objects
    assert set(things.SHADOW) <= objects
    assert set(things.HOLDS) <= objects
    assert {held for kinds in things.HOLDS.values() for held in kinds} <= objects
    assert set(COLORS) == set(TONES) == set(world().colors)
    places = {"ground", "water", "sky", "floor", "top"}
    assert all(composition.PLACE[kind] and composition.PLACE[kind] <= places for kind in objects)


@pytest.mark.parametrize("size", [128, 256, 512])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_fills_its_box_and_stays_inside(kind: str, size: int) -> None:
    x0, y0, x1, y1 = (v * size for v in box_of(kind, size))
    slack = 1.5  # the mask is not antialiased, and pixel centers are half a pixel in
    for variant in (0.1, 0.55, 0.9):
        for season in world().seasons:
            for flip in (False, True):
                canvas = drawn(kind, size=size, season=season, variant=variant, flip=flip)
                left, top, right, bottom = extent(canvas.ids)
                assert left >= x0 - slack and top >= y0 - slack
                assert right <= x1 + slack and bottom <= y1 + slack
                assert right - left >= 0.9 * (x1 - x0) - slack
                assert bottom - top >= 0.9 * (y1 - y0) - slack
                assert set(np.unique(canvas.ids)) == {5, NOTHING}


@pytest.mark.parametrize("color", NAMES)
@pytest.mark.parametrize("kind", COLORED)
def test_the_stated_color_is_the_one_that_most_pixels_have(kind: str, color: str) -> None:
    for variant, season in ((0.2, "summer"), (0.7, "winter")):
        canvas = drawn(kind, color, size=112, season=season, variant=variant)
        assert name_of(canvas.rgb[canvas.ids == 5]) == color


@pytest.mark.parametrize("color", NAMES)
def test_the_light_base_and_shade_of_a_color_are_called_by_its_name(color: str) -> None:
    tones = TONES[color]
    for tone in (tones.light, tones.base, tones.shade):
        assert name_of(np.array([tone])) == color


def test_the_same_drawing_comes_out_twice() -> None:
    for kind in KINDS:
        a, b = drawn(kind, variant=0.42), drawn(kind, variant=0.42)
        assert np.array_equal(a.rgb, b.rgb) and np.array_equal(a.ids, b.ids)


@pytest.mark.parametrize("kind", ["cat", "house", "tree", "cup", "balloon"])
def test_the_shade_side_follows_the_light(kind: str) -> None:
    left, right = (drawn(kind, "red", side=side).rgb for side in (-1, 1))
    assert not np.array_equal(left, right)


@pytest.mark.parametrize("kind", ["house", "tower", "castle", "tent", "lamp", "car"])
def test_what_has_a_lamp_in_it_glows_at_night(kind: str) -> None:
    dark = Light(gain=(0.35, 0.4, 0.6))

    def warm(hour: str) -> int:
        canvas = Canvas(256, dark)
        pen = canvas.pen(box_of(kind, 256), 5)
        for paint in (things.draw, things.draw_front):
            paint(pen, kind, "blue", season="summer", time=hour, variant=0.3)
        pixels = canvas.rgb[canvas.ids == 5].astype(int)
        return int(((pixels[:, 0] > 200) & (pixels[:, 2] < 190)).sum())

    assert warm("night") > warm("day")


def test_a_tree_without_a_stated_color_wears_the_season() -> None:
    seasons = {season: drawn("tree", season=season) for season in world().seasons}
    named = {season: name_of(canvas.rgb[canvas.ids == 5]) for season, canvas in seasons.items()}
    assert named["spring"] == named["summer"] == "green"
    assert named["autumn"] == "orange"
    covered = {season: int((canvas.ids == 5).sum()) for season, canvas in seasons.items()}
    assert covered["winter"] < 0.6 * covered["summer"]


@pytest.mark.parametrize(
    ("container", "held"),
    [(container, kind) for container, kinds in things.HOLDS.items() for kind in kinds],
)
def test_what_a_container_holds_is_seen_inside_it(container: str, held: str) -> None:
    canvas = Canvas(256)
    pen = canvas.pen((0.2, 0.4, 0.2 + 0.5 * composition.ASPECT[container], 0.9), 0)

    def paint(pen: Pen, kind: str, color: str, stage: Callable[..., None] = things.draw) -> None:
        stage(pen, kind, color, season="summer", time="day", variant=0.3)

    paint(pen, container, "blue")
    (x0, y0, x1, y1) = composition.OPENING[container]
    (x0, y0), (x1, y1) = pen.at((x0, y0)), pen.at((x1, y1))
    aspect = composition.ASPECT[held]
    height = min(y1 - y0, (x1 - x0) / aspect)
    half, middle = height * aspect / 2, (x0 + x1) / 2
    inner = canvas.pen((middle - half, y1 - height, middle + half, y1), 1)
    paint(inner, held, "red")
    whole = int((canvas.ids == 1).sum())
    paint(pen, container, "blue", things.draw_front)
    seen = int((canvas.ids == 1).sum())
    assert 0.45 * whole < seen
    assert (canvas.ids == 0).sum() > 0


def test_only_containers_have_an_opening() -> None:
    assert set(composition.OPENING) == set(things.HOLDS)


def test_six_objects_are_drawn_in_a_few_milliseconds() -> None:
    canvas = Canvas(256)
    kinds = KINDS * 3
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for kind in kinds:
            height = min(0.25 * composition.HEIGHT[kind], 0.5)
            pen = canvas.pen((0.2, 0.8 - height, 0.2 + height * composition.ASPECT[kind], 0.8), 1)
            things.draw(pen, kind, None, season="winter", time="night", variant=0.3)
            things.draw_front(pen, kind, None, season="winter", time="night", variant=0.3)
        best = min(best, (time.perf_counter() - start) / len(kinds))
    assert 6 * best < 0.010  # four times the budget: test machines are shared
