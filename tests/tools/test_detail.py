"""Things are painted again, large and by themselves, and laid back where they stand."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from danqing.tools import catalogue
from danqing.tools.detail import detail
from danqing.tools.engine import Engine
from danqing.tools.errors import Cancelled, ToolError
from danqing.tools.masks import grown
from danqing.tools.models import Models
from danqing.tools.registry import Context
from danqing.tools.sketch import Sketched, sketch
from training.scenes.render import render
from training.scenes.spec import Scene, Thing

SIDE = 256
BALL: dict[str, Any] = {"kind": "ball", "box": [0.1, 0.6, 0.3, 0.8], "color": "red"}
CAT: dict[str, Any] = {"kind": "cat", "box": [0.55, 0.5, 0.75, 0.8], "color": "orange"}


@pytest.fixture(scope="module")
def built_in() -> Context:
    """The models that are shipped."""
    return Context(Models(catalogue.profile().models, device="cpu"))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, int)


def gray(size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """What the toy painter's things are like, all of which are gray noise."""
    return Image.new("RGB", size, (120, 120, 110))


def inside(*things: dict[str, Any], size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """The boxes of things, bool (h, w)."""
    mask = np.zeros(size[::-1], bool)
    for thing in things:
        left, top, right, bottom = (
            round(v * side) for v, side in zip(thing["box"], size * 2, strict=True)
        )
        mask[top:bottom, left:right] = True
    return mask


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    apart = np.abs(pixels(before) - pixels(after))
    return apart > 0 if apart.ndim == 2 else apart.max(2) > 0


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (256, 256)), ("L", (256, 256)), ("RGB", (301, 143))]
)
def test_things_are_painted_in_their_boxes_and_nothing_else_is_touched(
    context: Context, mode: str, size: tuple[int, int]
) -> None:
    image = gray(size).convert(mode)
    before = image.tobytes()
    result = detail(context, image, things=[BALL, CAT], seed=1)
    assert (result.mode, result.size) == (mode, size)
    assert image.tobytes() == before
    differs = changed(image, result)
    assert not differs[~inside(BALL, CAT, size=size)].any()
    for thing in (BALL, CAT):
        assert differs[inside(thing, size=size)].mean() > 0.4
    top, left = np.argwhere(inside(BALL, size=size))[0]
    assert not differs[top : top + 3, left : left + 3].any(), "a ball has no corners"


def test_a_thing_of_a_few_pixels_stays_as_small_as_it_is(context: Context) -> None:
    small = {**BALL, "box": [0.5, 0.5, 0.52, 0.53]}
    image = gray()
    differs = changed(image, detail(context, image, things=[small], seed=1))
    assert differs[inside(small)].any()
    assert not differs[~inside(small)].any()


def test_the_same_seed_paints_the_same_and_another_something_else(context: Context) -> None:
    image = gray()
    one, again, other = (
        detail(context, image, things=[BALL], seed=seed).tobytes() for seed in (1, 1, 2**32 - 1)
    )
    assert one == again != other


def test_things_of_one_kind_and_color_are_painted_once_for_all(context: Context) -> None:
    """And each is as large as it stands."""
    notes: list[str] = []
    watched = Context(context.models, progress=lambda done, total, note="": notes.append(note))
    small = {**BALL, "box": [0.8, 0.7, 0.9, 0.8]}
    image = gray()
    result = detail(watched, image, things=[BALL, small, CAT], seed=1)
    assert [note for note in notes if note.startswith("painting ")] == [
        "painting ball", "painting cat",
    ]  # fmt: skip
    assert changed(image, result)[inside(small)].mean() > 0.4


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ([{**CAT, "box": [0.5, 0.2, 0.8, 0.75]}], "it is large"),
        ([{**CAT, "box": [0.5, 0.5, 0.7, 0.8]}, {**BALL, "box": [0.6, 0.6, 0.8, 0.8]}], "hidden"),
        ([{**CAT, "box": [0.5, 0.5, 0.9, 0.9]}, {**BALL, "box": [0.7, 0.6, 0.8, 0.7]}], "within"),
    ],
)
def test_what_is_large_or_hidden_is_left_as_it_was(
    context: Context, left: list[dict[str, Any]], why: str
) -> None:
    image = gray()
    result = detail(context, image, things=[BALL, *left], seed=1)
    differs = changed(image, result)
    assert not differs[inside(*left)].any(), why
    assert differs[inside(BALL)].any(), "what stands alone is painted"


def test_things_that_touch_a_little_are_painted_the_nearest_last(context: Context) -> None:
    far, near = {**BALL, "box": [0.1, 0.5, 0.43, 0.8]}, {**CAT, "box": [0.36, 0.45, 0.6, 0.85]}
    image = gray()
    both, apart = (
        detail(context, image, things=[one, near], seed=1)
        for one in (far, {**far, "box": [0.05, 0.1, 0.3, 0.35]})
    )
    common = inside(far) & inside(near)
    page = sketch(things=[Sketched.model_validate(near)], size=list(image.size))
    covered = common & ~grown(np.asarray(page.getchannel("A")) < 255, 3)
    assert covered.sum() > 20
    assert changed(image, both)[covered].any()
    assert not changed(both, apart)[covered].any(), "what is near hides what is far"


def test_what_comes_out_unlike_what_was_there_is_not_taken(context: Context) -> None:
    """The toy painter paints noise: gray on average, and unlike a white thing."""
    white = Image.new("RGB", (SIDE, SIDE), "white")
    result = detail(context, white, things=[BALL, CAT], seed=1)
    assert result.tobytes() == white.tobytes()


def test_a_thing_at_the_border_or_beside_the_image_is_cut_by_it(context: Context) -> None:
    over = {**BALL, "box": [-0.1, 0.9, 0.1, 1.1]}
    image = gray()
    result = detail(context, image, things=[over, CAT], seed=1)
    assert (result.mode, result.size) == ("RGB", image.size)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_things_are_opaque_and_all_else_is_as_transparent_as_it_was(
    context: Context, mode: str
) -> None:
    image = gray().convert(mode)
    image.putalpha(90)
    result = detail(context, image, things=[BALL], seed=1, anyway=True)
    assert (result.mode, result.size) == (mode, image.size)
    alpha = np.asarray(result.getchannel("A"))
    assert (alpha[~inside(BALL)] == 90).all()
    assert (alpha[inside(BALL)] == 255).mean() > 0.5
    assert not changed(image, result)[~inside(BALL)].any()


def test_new_things_are_laid_in_whatever_is_there(context: Context) -> None:
    """Even such as are large, or stand one before the other."""
    white = Image.new("RGB", (SIDE, SIDE), "white")
    tower = {"kind": "tower", "box": [0.5, 0.1, 0.75, 0.7]}
    result = detail(context, white, things=[tower, CAT], seed=1, anyway=True)
    assert not changed(white, result)[~inside(tower, CAT)].any()
    for thing in (tower, CAT):
        assert changed(white, result)[inside(thing)].mean() > 0.4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "dragon"}, r"things\[1\].kind = 'dragon' has no pattern"),
        ({"color": "beige"}, r"things\[1\].color = 'beige' is refused for a ball"),
        ({"box": [0.5, 0.5, 0.2, 0.8]}, r"things\[1\].box = .* is refused; allowed is left, top"),
        ({"box": [0.1, 0.5, 0.9, 0.52]}, "detail: size = 204x5 is refused; allowed is a thing up"),
    ],
)
def test_what_cannot_be_sketched_is_refused(
    context: Context, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        detail(context, gray(), things=[CAT, BALL | wrong], seed=1)


def test_a_cancel_ends_the_painting(context: Context) -> None:
    def check() -> None:
        raise Cancelled("cancelled")

    watched = Context(context.models, check_cancelled=check)
    with pytest.raises(Cancelled):
        detail(watched, gray(), things=[BALL], seed=1)


def test_a_worker_paints_the_same(context: Context, toy_engine: Engine) -> None:
    image = gray()
    result = toy_engine.call("detail", {"things": [BALL], "seed": 1}, {"image": image})
    here = detail(context, image, things=[BALL], seed=1)
    assert np.abs(pixels(result.images[0]) - pixels(here)).max() <= 1
    with pytest.raises(ToolError, match="detail: things"):
        toy_engine.call("detail", {"things": [], "seed": 1}, {"image": image})


# -- with the models that are shipped


def drawn(size: int) -> Image.Image:
    """Two small things in a meadow, as the renderer has them at any size."""
    things = tuple(
        Thing(kind, (x, 0.62, x + wide, 0.8), color)
        for kind, color, x, wide in (("cat", "orange", 0.2, 0.14), ("ball", "red", 0.6, 0.18))
    )
    facts = ("meadow", "summer", "day", "clear", "flat")
    return Image.fromarray(render(Scene(5, *facts, horizon=0.5, things=things), size).rgb)


THINGS: list[dict[str, Any]] = [
    {"kind": "cat", "box": [0.2, 0.62, 0.34, 0.8], "color": "orange"},
    {"kind": "ball", "box": [0.6, 0.62, 0.78, 0.8], "color": "red"},
]


def alike(image: Image.Image, true: Image.Image, where: np.ndarray) -> float:
    """F1 of the edges of two images within a mask, up to two pixels apart."""
    edges = [cv2.Canny(np.asarray(one.convert("L")), 60, 140) > 0 for one in (image, true)]
    near = [cv2.dilate(one.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for one in edges]
    precision = (edges[0] & near[1] & where).sum() / max((edges[0] & where).sum(), 1)
    recall = (edges[1] & near[0] & where).sum() / (edges[1] & where).sum()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_small_things_become_more_like_what_they_are_a_picture_of(built_in: Context) -> None:
    """A draft as a painter of small pictures leaves it: blurred, and enlarged."""
    true = drawn(512)
    small = true.resize((128, 128), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1.2))
    draft = small.resize((512, 512), Image.Resampling.LANCZOS)
    result = detail(
        built_in, draft, things=THINGS, seed=1,
        scene="flat illustration. meadow, summer, day, clear.",
    )  # fmt: skip
    for thing in THINGS:
        where = inside(thing, size=(512, 512))
        assert changed(draft, result)[where].mean() > 0.3, "it was taken"
        assert alike(result, true, where) > alike(draft, true, where) + 0.15
        assert alike(result, true, where) > 0.6
    assert not changed(draft, result)[~inside(*THINGS, size=(512, 512))].any()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_a_thing_that_is_not_there_is_not_laid_in(built_in: Context) -> None:
    """Where the list says a red ball and the picture shows dark water, the water stays."""
    dark = Image.new("RGB", (512, 512), (10, 30, 60))
    assert detail(built_in, dark, things=THINGS[1:], seed=1).tobytes() == dark.tobytes()
