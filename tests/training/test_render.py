"""From scenes to pixels: exact masks, one picture at every size, the same every time."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from danqing.tools.world import world
from training.scenes import __main__ as command
from training.scenes import layout
from training.scenes.canvas import NOTHING, Canvas, Light, arc, darker, lighter, mix
from training.scenes.render import render
from training.scenes.spec import Scene

SEEDS = range(24)


def flat(seed: int) -> Scene:
    return replace(layout.sample(seed), style="flat")


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of two pictures, 0 to 255."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_a_scene_is_drawn_the_same_every_time() -> None:
    for seed in SEEDS:
        scene = layout.sample(seed)
        first, second = render(scene, 128), render(scene, 128)
        assert np.array_equal(first.rgb, second.rgb)
        assert np.array_equal(first.ids, second.ids)


def test_pixels_and_masks_have_the_promised_shape() -> None:
    picture = render(layout.sample(1), 96)
    assert picture.rgb.shape == (96, 96, 3)
    assert picture.ids.shape == (96, 96)
    assert picture.rgb.dtype == picture.ids.dtype == np.uint8


@pytest.mark.parametrize("size", [0, 31, 2049, -5])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 to 2048"):
        render(layout.sample(1), size)


def test_more_things_than_a_mask_can_tell_apart_are_refused() -> None:
    scene = layout.sample(1)
    with pytest.raises(ValueError, match="at most 254 things"):
        render(replace(scene, things=scene.things[:1] * 255), 64)


def test_every_thing_is_seen_and_its_mask_lies_in_its_box() -> None:
    size = 128
    for seed in SEEDS:
        scene = layout.sample(seed)
        picture = render(scene, size)
        assert set(np.unique(picture.ids)) <= {*range(len(scene.things)), NOTHING}
        for i, thing in enumerate(scene.things):
            ys, xs = np.nonzero(picture.mask(i))
            assert len(ys) > 20, (seed, thing)
            left, top, right, bottom = (edge * size for edge in thing.box)
            assert left - 2 <= xs.min() and xs.max() <= right + 2, (seed, thing)
            assert top - 2 <= ys.min() and ys.max() <= bottom + 2, (seed, thing)


def test_masks_are_exact() -> None:
    """Without a thing, the flat picture differs only where its mask or its shadow is."""
    checked = 0
    for seed in SEEDS:
        scene = replace(flat(seed), weather="clear")
        last = len(scene.things) - 1
        if scene.things[last].inside is not None or scene.things[last].kind in ("sun", "moon"):
            continue
        picture = render(scene, 128)
        without = render(replace(scene, things=scene.things[:last]), 128)
        changed = (picture.rgb != without.rgb).any(-1)
        mask = picture.mask(last)
        assert changed[mask].mean() > 0.95, (seed, scene.things[last])
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        left, top, right, _ = (edge * 128 for edge in scene.things[last].box)
        ys, xs = np.nonzero(changed & ~ring)
        # Beyond the mask: contact shadows and the light of lit things, near the thing alone.
        assert len(ys) < 0.25 * changed.size
        if scene.things[last].kind in ("table", "chair", "cup", "ball", "cat", "dog"):
            assert (xs > left - 0.3 * (right - left) - 3).all() and (ys > top - 3).all()
        checked += 1
    assert checked > 12


def test_other_sizes_show_the_same_picture() -> None:
    for seed in SEEDS[:10]:
        scene = flat(seed)
        small, large = render(scene, 128), render(scene, 256)
        shrunk = cv2.resize(large.rgb, (128, 128), interpolation=cv2.INTER_AREA)
        assert difference(shrunk, small.rgb) < 6.0, seed
        assert (large.ids[::2, ::2] == small.ids).mean() > 0.95, seed


def mirrored(scene: Scene) -> Scene:
    turned = tuple(
        replace(t, box=(1.0 - t.box[2], t.box[1], 1.0 - t.box[0], t.box[3]), flip=not t.flip)
        for t in scene.things
    )
    return replace(scene, things=turned)


def test_a_mirrored_scene_has_mirrored_masks() -> None:
    for seed in SEEDS[:12]:
        scene = flat(seed)
        there, back = render(scene, 128), render(mirrored(scene), 128)
        assert (there.ids == back.ids[:, ::-1]).mean() > 0.98, seed


def test_each_style_changes_the_picture_and_never_the_masks() -> None:
    pictures = [render(replace(layout.sample(5), style=s), 128) for s in world().styles]
    for i, one in enumerate(pictures):
        assert np.array_equal(one.ids, pictures[0].ids)
        for other in pictures[i + 1 :]:
            assert difference(one.rgb, other.rgb) > 3.0, (one.scene.style, other.scene.style)


def test_the_light_of_the_time_of_day_is_seen() -> None:
    bright = {
        hour: np.mean(
            [
                render(replace(flat(seed), time=hour, weather="clear", things=()), 64).rgb.mean()
                for seed in SEEDS[:6]
            ]
        )
        for hour in ("day", "night")
    }
    assert bright["night"] < 0.7 * bright["day"]


def test_drawing_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    """Loosely, for busy machines: the time of this process, not of the clock."""
    scenes = [layout.sample(seed) for seed in SEEDS]
    render(scenes[0], 256)
    start = time.process_time()
    for scene in scenes:
        render(scene, 256)
    each = (time.process_time() - start) / len(scenes)
    with capsys.disabled():
        print(f"\n{1 / each:.0f} pictures a second of processor time at 256x256")
    assert each < 0.1


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["python -m training.scenes", *arguments])
    command.main()


def test_the_command_draws_a_contact_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sheet.png"
    run(monkeypatch, "--sheet", str(path), "--columns", "3", "--rows", "2", "--size", "64")
    with Image.open(path) as page:
        assert page.size == (3 * 68 + 4, 2 * 68 + 4)
        first = np.asarray(page)[4:68, 4:68]
    assert np.array_equal(first, render(layout.sample(0), 64).rgb)


def test_the_command_fixes_words_writes_captions_and_times_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "captions.png"
    run(
        monkeypatch, "--sheet", str(path), "--captions", "--rows", "2", "--size", "64",
        "--season", "winter", "--style", "ink wash", "--speed", "2",
    )  # fmt: skip
    assert "pictures a second at 64x64" in capsys.readouterr().out
    with Image.open(path) as page:
        assert page.size == (256, 128)
        drawn = np.asarray(page)[:64, :64]
    winter = layout.sample(0, season="winter", style="ink wash")
    assert np.array_equal(drawn, render(winter, 64).rgb)


# -- the canvas


def test_a_polygon_covers_its_pixels_and_marks_the_thing_being_painted() -> None:
    canvas = Canvas(64)
    canvas.thing = 3
    canvas.rectangle((0.25, 0.5, 0.75, 1.0), (10, 200, 30))
    assert (canvas.rgb[34:62, 18:46] == (10, 200, 30)).all()
    assert (canvas.rgb[:30] == 0).all()
    assert (canvas.ids == 3).sum() == pytest.approx(32 * 32, rel=0.08)


def test_a_pen_paints_in_its_box_and_leaves_no_thing_behind() -> None:
    canvas = Canvas(64)
    pen = canvas.pen((0.5, 0.0, 1.0, 0.5), 7, flip=True)
    pen.rectangle((0.0, 0.0, 0.5, 1.0), (250, 0, 0))
    ys, xs = np.nonzero(canvas.ids == 7)
    assert xs.min() >= 46 and ys.max() <= 33  # mirrored: the right half of the right half
    assert canvas.thing == NOTHING
    assert pen.lit_from_left is False
    pen.line([(0.0, 0.9), (1.0, 0.9)], (0, 250, 0), 0.1)
    pen.ellipse((0.25, 0.5), (0.1, 0.1), (0, 0, 250))
    assert canvas.rgb[29, 36].tolist() == [0, 250, 0]
    assert canvas.rgb[16, 55].tolist() == [0, 0, 250]


def test_shadows_and_halos_mark_no_thing() -> None:
    canvas = Canvas(64)
    canvas.rgb[:] = 200
    pen = canvas.pen((0.25, 0.25, 0.75, 0.75), 1)
    pen.glow((0.5, 0.5), (0.8, 0.8), (0, 0, 0), 0.5)
    pen.glaze([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], (255, 0, 0), 0.5)
    canvas.glow((9.0, 9.0), (0.1, 0.1), (0, 0, 0), 1.0)
    canvas.glaze([(5.0, 5.0), (6.0, 5.0), (6.0, 6.0)], (0, 0, 0), 1.0)
    assert (canvas.ids == NOTHING).all()
    below, above = canvas.rgb[40, 26], canvas.rgb[26, 40]
    assert below[0] == below[1] < 150
    assert above[0] > above[1]
    assert (canvas.rgb[0, 0] == 200).all() and (canvas.rgb[-1, -1] == 200).all()


def test_a_gradient_runs_from_its_first_color_to_its_last() -> None:
    canvas = Canvas(64)
    canvas.gradient(0.0, 0.5, [(0, 0, 0), (200, 100, 50)])
    canvas.gradient(0.9, 0.9, [(255, 255, 255), (255, 255, 255)])
    assert canvas.rgb[0, 0].tolist() == [0, 0, 0]
    assert canvas.rgb[31, 63].tolist() == [200, 100, 50]
    assert (np.diff(canvas.rgb[:32, 0, 0].astype(int)) >= 0).all()
    assert (canvas.rgb[32:] == 0).all()


def test_light_multiplies_colors_unless_they_shine_themselves() -> None:
    canvas = Canvas(32, Light(gain=(0.5, 2.0, 1.0)))
    canvas.rectangle((0.0, 0.0, 1.0, 0.5), (100, 200, 30))
    canvas.rectangle((0.0, 0.6, 1.0, 1.0), (100, 200, 30), lit=False)
    assert canvas.rgb[5, 5].tolist() == [50, 255, 30]
    assert canvas.rgb[25, 5].tolist() == [100, 200, 30]


def test_mixing_goes_from_one_color_to_the_other() -> None:
    assert mix((0, 100, 200), (100, 0, 200), 0.0) == (0, 100, 200)
    assert mix((0, 100, 200), (100, 0, 200), 1.0) == (100, 0, 200)
    assert sum(darker((120, 120, 120))) < 360 < sum(lighter((120, 120, 120)))


def test_an_arc_lies_on_its_ellipse() -> None:
    points = np.array(arc((0.5, 0.5), (0.2, 0.1), 0.0, 180.0))
    scaled = (points - 0.5) / (0.2, 0.1)
    assert np.allclose(np.hypot(*scaled.T), 1.0)
    assert points[:, 1].min() >= 0.5 - 1e-9  # clockwise from +x, y downwards: the lower half
    turned = np.array(arc((0.5, 0.5), (0.2, 0.1), 0.0, 360.0, angle=90.0))
    assert np.ptp(turned[:, 1]) > 1.5 * np.ptp(turned[:, 0])
