"""Composition: what a scene holds stands where it can be seen and where it belongs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from danqing.agent import composition
from danqing.tools.world import world
from training.scenes import backdrop, layout, things
from training.scenes.spec import Scene, Thing

SCENES = [layout.sample(seed) for seed in range(400)]
CLOSE = 1e-6


def area(thing: Thing) -> float:
    left, top, right, bottom = thing.box
    return (right - left) * (bottom - top)


def overlap(a: Thing, b: Thing) -> float:
    """The area that both boxes cover, as a share of the smaller one."""
    wide = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    high = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    return max(wide, 0.0) * max(high, 0.0) / min(area(a), area(b))


def on_table(scene: Scene, thing: Thing) -> Thing | None:
    """The table of the scene that the thing stands on."""
    for table in scene.things:
        left, top, right, bottom = table.box
        foot = (thing.box[3] - top) / (bottom - top)
        over = left <= thing.box[0] and thing.box[2] <= right
        if table.kind == "table" and thing is not table and over and 0.0 < foot < 0.2:
            return table
    return None


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    assert [layout.sample(seed) for seed in range(40)] == SCENES[:40]
    assert len(set(SCENES)) == len(SCENES)


def test_a_word_that_is_fixed_is_kept_and_an_unknown_one_is_refused() -> None:
    w = world()
    for name, pool in (
        ("setting", w.settings), ("season", w.seasons), ("time", w.times), ("weather", w.weathers),
        ("style", w.styles),
    ):  # fmt: skip
        for value in pool:
            assert getattr(layout.sample(7, **{name: value}), name) == value
    with pytest.raises(ValueError, match="'moonscape' is no setting"):
        layout.sample(7, setting="moonscape")


def test_nothing_is_cut_by_the_frame_or_too_small_to_see() -> None:
    for scene in SCENES:
        for thing in scene.things:
            left, top, right, bottom = thing.box
            assert 0.0 < left < right < 1.0, (scene.seed, thing)
            assert 0.0 < top < bottom < 1.0, (scene.seed, thing)
            assert composition.SMALLEST - CLOSE <= bottom - top <= composition.TALLEST + CLOSE, (
                thing
            )


def test_no_thing_hides_another() -> None:
    for scene in SCENES:
        for i, a in enumerate(scene.things):
            for b in scene.things[i + 1 :]:
                if b.inside == i or on_table(scene, a) is b or on_table(scene, b) is a:
                    continue
                if a.inside is not None and scene.things[a.inside] is b:
                    continue
                assert overlap(a, b) < 0.05, (scene.seed, a, b)


def test_every_box_has_the_proportions_of_its_kind() -> None:
    for scene in SCENES:
        for thing in scene.things:
            left, top, right, bottom = thing.box
            assert (right - left) / (bottom - top) == pytest.approx(composition.ASPECT[thing.kind])


def test_feet_are_on_ground_water_or_a_table_and_the_rest_is_in_the_sky() -> None:
    sky = {"sun", "moon", "star", "cloud", "balloon", "bird"}
    for scene in SCENES:
        bands = [composition.GROUND[scene.setting]]
        for thing in scene.things:
            if thing.inside is not None or on_table(scene, thing) is not None:
                continue
            if thing.kind in sky and thing.box[3] < scene.horizon:
                continue
            if thing.kind == "boat":
                bands = [composition.WATER[scene.setting]]
            else:
                bands = [composition.GROUND[scene.setting]]
            depth = (thing.box[3] - scene.horizon) / (1.0 - scene.horizon)
            assert any(low - CLOSE <= depth <= high + CLOSE for low, high in bands), (
                scene.seed, thing,
            )  # fmt: skip


def test_what_is_far_is_painted_first() -> None:
    for scene in SCENES:
        free = [t for t in scene.things if t.inside is None and on_table(scene, t) is None]
        feet = [thing.box[3] for thing in free]
        assert feet == sorted(feet), scene.seed


def test_what_is_held_lies_in_the_opening_and_follows_its_holder() -> None:
    held = 0
    for scene in SCENES:
        for i, thing in enumerate(scene.things):
            if thing.inside is None:
                continue
            held += 1
            holder = scene.things[thing.inside]
            assert thing.inside < i
            assert thing.kind in things.HOLDS[holder.kind]
            wide = holder.box[2] - holder.box[0]
            left, _, right, _ = composition.OPENING[holder.kind]
            if holder.flip:
                left, right = 1.0 - right, 1.0 - left
            assert thing.box[0] >= holder.box[0] + left * wide - CLOSE
            assert thing.box[2] <= holder.box[0] + right * wide + CLOSE
            assert sum(other.inside == thing.inside for other in scene.things) == 1
    assert held > 5


def test_what_belongs_together_is_shown_often_enough_to_be_learned() -> None:
    inside = sum(any(t.inside is not None for t in s.things) for s in SCENES)
    tables = sum(any(on_table(s, t) for t in s.things) for s in SCENES)
    assert 0.025 < inside / len(SCENES) < 0.10
    assert 0.015 < tables / len(SCENES) < 0.08


def test_heavenly_bodies_stand_clear_of_hills_and_roofs_where_there_is_room() -> None:
    clear = []
    for scene in SCENES:
        skyline = scene.horizon - composition.SKYLINE[scene.setting]
        clear += [
            t.box[3] <= skyline + CLOSE for t in scene.things if t.kind in composition.HEAVENLY
        ]
    assert len(clear) > 20
    assert np.mean(clear) > 0.9


def test_nothing_crosses_the_branch_of_the_season() -> None:
    for scene in SCENES:
        if scene.setting == "indoors":
            continue
        corner = backdrop.branch_corner(scene)
        for thing in scene.things:
            if thing.box[1] < 0.24 and corner is not None:
                assert thing.box[0] >= 0.2 if corner == "left" else thing.box[2] <= 0.8


def test_things_make_sense_where_and_when_they_are() -> None:
    for scene in SCENES:
        kinds = Counter(thing.kind for thing in scene.things)
        assert 1 <= kinds.total() <= layout.MAX_THINGS
        for kind, count in kinds.items():
            assert count <= 2 * layout.MOST.get(kind, 6)
            held = [t for t in scene.things if t.kind == kind and t.inside is not None]
            assert held or layout.allowed(scene, kind, rare=True), (scene.seed, kind)
        if scene.time == "night":
            assert "sun" not in kinds
        else:
            assert not kinds.keys() & {"moon", "star"}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("setting", ["meadow", "sea", "mountains", "city", "desert", "indoors"])
def test_the_things_asked_for_are_all_there(setting: str, count: int) -> None:
    empty = replace(layout.sample(count, setting=setting), things=())
    groups: list[layout.Group] = [("cat", "red", count), ("chair", "blue", 1), ("ball", None, 2)]
    scene = layout.arrange(empty, groups, np.random.default_rng(count))
    asked = Counter({("cat", "red"): count, ("chair", "blue"): 1, ("ball", None): 2})
    assert Counter((t.kind, t.color) for t in scene.things) == asked


def test_the_things_of_one_group_are_of_one_size() -> None:
    empty = replace(layout.sample(3, setting="meadow"), things=())
    scene = layout.arrange(empty, [("tree", None, 5)], np.random.default_rng(0))
    heights = [thing.box[3] - thing.box[1] for thing in scene.things]
    assert max(heights) < 1.5 * min(heights)


def test_what_cannot_fit_is_left_out_last_first_and_an_impossible_scene_is_refused() -> None:
    empty = replace(layout.sample(3, setting="indoors"), things=())
    rng = np.random.default_rng(0)
    crowded = layout.arrange(empty, [("chair", "red", 2), ("table", None, 6)] * 2, rng)
    assert Counter(t.kind for t in crowded.things)["chair"] >= 2
    assert len(crowded.things) < 16
    with pytest.raises(ValueError, match="no room for a flower in the indoors"):
        layout.arrange(empty, [("flower", None, 1)], rng)
