"""The styles: told apart at a glance, the same at every size, and true to what they depict."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

from danqing.tools.world import world
from training.scenes import layout, styles
from training.scenes.canvas import Canvas
from training.scenes.palette import COLORS
from training.scenes.render import render
from training.scenes.styles import STYLES

CHROMATIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink")


@lru_cache(maxsize=64)
def base(seed: int, size: int, hour: str = "day") -> tuple[np.ndarray, np.ndarray]:
    """A flat picture of a random scene, and its map of things."""
    scene = layout.sample(seed, style="flat", setting="meadow", weather="clear", time=hour)
    picture = render(scene, size)
    return picture.rgb, picture.ids


def styled(seed: int, size: int, style: str, texture: int = 0, hour: str = "day") -> np.ndarray:
    return styles.apply(*base(seed, size, hour), style, np.random.default_rng(texture))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.float32) - b).mean())


def test_every_style_of_the_world_can_be_painted() -> None:
    assert list(STYLES) == list(world().styles)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [32, 100, 128, 256, 640])
def test_a_style_keeps_shape_and_type_and_leaves_its_input_alone(style: str, size: int) -> None:
    rgb, ids = base(1, size)
    before = rgb.copy(), ids.copy()
    out = styles.apply(rgb, ids, style, np.random.default_rng(0))
    assert out.shape == rgb.shape and out.dtype == np.uint8
    assert not np.shares_memory(out, rgb)
    assert (rgb == before[0]).all() and (ids == before[1]).all()


@pytest.mark.parametrize("style", STYLES)
def test_the_same_generator_state_gives_the_same_pixels(style: str) -> None:
    assert (styled(2, 128, style, 5) == styled(2, 128, style, 5)).all()


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"flat", "pixel art"}))
def test_another_generator_state_gives_another_texture(style: str) -> None:
    assert difference(styled(2, 128, style, 5), styled(2, 128, style, 6)) > 0.5


def test_flat_is_the_base_rendering_itself() -> None:
    assert (styled(3, 128, "flat") == base(3, 128)[0]).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [128, 256])
def test_a_large_painting_made_smaller_is_the_small_painting(style: str, size: int) -> None:
    large = cv2.resize(styled(4, 512, style), (size, size), interpolation=cv2.INTER_AREA)
    assert difference(large, styled(4, size, style)) < 8
    if style not in ("flat", "pixel art"):
        assert difference(large, styled(4, size, style)) < difference(
            large, styled(4, size, style, texture=9)
        )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [128, 256])
def test_a_thing_keeps_the_hue_it_is_named_by(style: str, size: int) -> None:
    canvas = Canvas(size)
    canvas.gradient(0.0, 0.5, [(120, 176, 222), (196, 222, 238)])
    canvas.gradient(0.5, 1.0, [(132, 168, 96), (96, 148, 72)])
    canvas.ids[:] = 255
    for i, name in enumerate(CHROMATIC):
        x, y = 0.14 + 0.24 * (i % 4), 0.3 + 0.4 * (i // 4)
        pen = canvas.pen((x - 0.1, y - 0.1, x + 0.1, y + 0.1), i)
        pen.ellipse((0.5, 0.5), (0.5, 0.5), COLORS[name])
    out = styles.apply(canvas.rgb, canvas.ids, style, np.random.default_rng(3))
    for i, name in enumerate(CHROMATIC):
        assert nearest_hue(out[canvas.ids == i]) == name


def nearest_hue(pixels: np.ndarray) -> str:
    """The chromatic color whose hue is nearest to that of the mean of ``pixels``."""
    colors = np.asarray([pixels.mean(0), *(COLORS[name] for name in CHROMATIC)], np.float32) / 255
    lab = cv2.cvtColor(colors[None], cv2.COLOR_RGB2LAB)[0]
    hues = np.arctan2(lab[:, 2], lab[:, 1])
    return CHROMATIC[int(np.cos(hues[1:] - hues[0]).argmax())]


@pytest.mark.parametrize("style", STYLES)
def test_night_stays_darker_than_day(style: str) -> None:
    for seed in (6, 7):
        night = styled(seed, 128, style, hour="night").mean()
        assert night < 0.75 * styled(seed, 128, style, hour="day").mean()
        assert night < 130


def texture_statistics(rgb: np.ndarray) -> list[float]:
    """What the eye sees of a style from afar: grain, blocks, hatching, ink, color, sheet."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = gray - cv2.GaussianBlur(gray, (0, 0), 2.0)
    across = np.abs(np.diff(gray, axis=1))
    border = np.concatenate([gray[:2].ravel(), gray[-2:].ravel()])
    chroma = rgb.max(-1).astype(np.float32) - rgb.min(-1)
    power = np.log1p(np.abs(np.fft.fft2(fine)))
    y, x = np.meshgrid(np.fft.fftfreq(128) * 128, np.fft.fftfreq(128) * 128, indexing="ij")
    band = np.abs(np.hypot(x, y) - 45) < 8
    slope = np.arctan2(y, x)
    along, against = (np.abs(slope - turn) < 0.2 for turn in (0.7, -0.7))
    return [
        float(np.log1p(np.median(np.abs(fine)))),
        float(np.log1p(np.median(np.abs(gray - cv2.medianBlur(gray, 3))))),
        float(power[band & along].mean() - power[band & against].mean()),
        float(power[band].mean() - power[np.hypot(x, y) < 20].mean()),
        float(border.mean() - gray.mean()), float(border.std()),
        float((across == 0).mean()), float((across[:, ::2] == 0).mean()),
        float(np.median(chroma)), float(np.log(1e-3 + (gray < 40).mean())),
    ]  # fmt: skip


def test_styles_are_told_apart_by_simple_texture_statistics() -> None:
    names = list(STYLES)

    def rows(seeds: range) -> tuple[np.ndarray, np.ndarray]:
        scenes = [replace(layout.sample(seed), style=name) for seed in seeds for name in names]
        statistics = [texture_statistics(render(scene, 128).rgb) for scene in scenes]
        return np.asarray(statistics), np.asarray([names.index(scene.style) for scene in scenes])

    seen, seen_style = rows(range(24))
    new, new_style = rows(range(100, 124))
    mean, spread = seen.mean(0), seen.std(0)
    seen, new = (seen - mean) / spread, (new - mean) / spread
    centers = np.stack([seen[seen_style == k].mean(0) for k in range(len(names))])
    gaps = np.linalg.norm(new[:, None] - centers, axis=-1)
    assert (gaps.argmin(1) == new_style).mean() > 0.93


@pytest.mark.parametrize("style", STYLES)
def test_a_style_takes_a_few_milliseconds(style: str) -> None:
    rgb, ids = base(8, 256)
    took = []
    for k in range(25):
        rng = np.random.default_rng(k)
        start = time.perf_counter()
        styles.apply(rgb, ids, style, rng)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.008


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="'cubist'"):
        styles.apply(*base(1, 128), "cubist", np.random.default_rng(0))


def test_arrays_that_do_not_fit_are_refused() -> None:
    rgb, ids = base(1, 128)
    for bad in ((rgb[:64], ids), (rgb, ids[:, :64]), (rgb[..., 0], ids)):
        with pytest.raises(ValueError, match="not one square picture"):
            styles.apply(*bad, "oil", np.random.default_rng(0))
