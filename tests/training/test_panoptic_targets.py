"""What the panoptic network is to say is enough to read every scene back."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.tools.panoptic import Channels, Sight, read
from training import data, panoptic
from training.scenes import facts, layout
from training.scenes.render import render
from training.scenes.spec import Scene
from training.semantics import FACTS

SURE = 10.0
CHANNELS = panoptic.channels()
SCENES = st.integers(0, data.HELD_OUT - 1).map(layout.sample)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def ids_of(scene: Scene) -> np.ndarray:
    return data._ids(([asdict(scene)], 128))[0]


def coarse(maps: np.ndarray) -> np.ndarray:
    """Maps (n, 64, 64) at the 32x32 cells of the network."""
    return maps.reshape(len(maps), panoptic.SIDE, panoptic.FINE, panoptic.SIDE, -1).mean((2, 4))


def ideal(scene: Scene, ids: np.ndarray) -> np.ndarray:
    """The logits of a network that has learned its targets for a scene."""
    true = panoptic.targets(scene, ids)
    shown, colors = CHANNELS.sizes[:2]
    mine = true["colors"] >= 0
    covered = coarse(mine[None].astype(float))
    heat = true["heat"].clip(1e-4, 1 - 1e-4)
    told = [
        np.broadcast_to((np.array(words) == getattr(scene, fact))[:, None, None] * SURE,
                        (len(words), panoptic.SIDE, panoptic.SIDE))
        for fact, words in CHANNELS.facts.items()
    ]  # fmt: skip
    parts = [
        SURE * coarse(np.eye(shown)[true["shown"]].transpose(2, 0, 1)),
        SURE * coarse((np.eye(colors)[true["colors"]] * mine[..., None]).transpose(2, 0, 1)),
        np.log(heat / (1 - heat)),
        coarse(true["offsets"] * mine) / np.maximum(covered, 1e-9),
        *told,
    ]
    return np.concatenate(parts).astype(np.float32)


def read_back(scene: Scene) -> Sight:
    return read(ideal(scene, ids_of(scene)), CHANNELS)


def counted(things: tuple) -> Counter:
    return Counter((thing.kind, thing.color) for thing in things)


def test_every_scene_is_read_back_thing_by_thing():
    missed = [
        scene.seed for scene in map(layout.sample, range(1000, 1060))
        if counted(read_back(scene).things) != counted(scene.things)
    ]  # fmt: skip
    assert len(missed) <= 1


@given(SCENES)
@settings(max_examples=25, derandomize=True)
def test_things_are_read_back_where_they_are(scene: Scene):
    ids, sight = ids_of(scene), read_back(scene)
    assert counted(sight.things) == counted(scene.things)
    for fact in FACTS:
        assert sight.facts[fact][0] == getattr(scene, fact)
    for number, thing in enumerate(scene.things):
        x, y = facts.center(thing.box)
        near = [
            n for n, seen in enumerate(sight.things)
            if seen.kind == thing.kind and np.hypot(seen.center[0] - x, seen.center[1] - y) < 0.03
        ]  # fmt: skip
        assert near, (scene.seed, thing)
        true = ids == number
        both = [(true & (sight.owner == n + 1)).sum() / max(true.sum(), 1) for n in near]
        assert max(both) > 0.5


def test_a_mirrored_scene_has_the_mirrored_targets():
    for seed in range(12):
        scene = layout.sample(seed)
        ids = ids_of(scene)
        plain = panoptic.targets(scene, ids)
        flipped = panoptic.targets(facts.mirror(scene), ids[:, ::-1])
        for name in ("shown", "colors"):
            # Of every two pixels the one at the right is looked at.
            same = flipped[name][:, ::-1] == plain[name]
            assert same.mean() > 0.9
        assert (flipped["heat"] == 1).sum() == (plain["heat"] == 1).sum()
        mine = (flipped["colors"][:, ::-1] >= 0) & (plain["colors"] >= 0)
        apart = flipped["offsets"][0][:, ::-1] + plain["offsets"][0]
        assert np.median(np.abs(apart[mine])) < 0.02


def test_every_thing_has_one_center_and_every_pixel_of_it_points_there():
    for seed in range(20):
        scene = layout.sample(seed)
        true = panoptic.targets(scene, ids_of(scene))
        cells = {(t.kind, *(int(v * panoptic.SIDE) for v in facts.center(t.box)))
                 for t in scene.things}  # fmt: skip
        assert (true["heat"] == 1).sum() == len(cells)
        rows, columns = (np.mgrid[:64, :64] + 0.5) / 64
        mine = true["colors"] >= 0
        at = np.stack([columns + true["offsets"][0], rows + true["offsets"][1]])[:, mine].T
        middles = np.array([facts.center(t.box) for t in scene.things])
        assert (np.abs(at[:, None] - middles).max(-1).min(1) < 1e-5).all()


def test_a_part_of_a_picture_shows_its_things_closer():
    rng = np.random.default_rng(0)
    larger = 0
    for seed in range(30):
        scene = layout.sample(seed)
        picture = render(scene, 256)
        shown, rgb, ids = panoptic.closer(scene, picture.rgb, picture.ids, rng)
        assert rgb.shape == (128, 128, 3) and ids.shape == (128, 128)
        assert set(np.unique(ids)) <= set(np.unique(picture.ids))
        size = [t.box[2] - t.box[0] for t in scene.things]
        scale = (shown.things[0].box[2] - shown.things[0].box[0]) / size[0]
        larger += scale > 1.01
        for n, thing in enumerate(shown.things):
            ys, xs = np.nonzero(ids == n)
            left, top, right, bottom = thing.box
            if len(xs):
                assert left - 0.03 <= xs.min() / 128 and (xs.max() + 1) / 128 <= right + 0.03
                assert top - 0.03 <= ys.min() / 128 and (ys.max() + 1) / 128 <= bottom + 0.03
        true = panoptic.targets(shown, ids)
        inside = [c for c in map(facts.center, (t.box for t in shown.things))
                  if min(c) >= 0 and max(c) <= 1]  # fmt: skip
        assert (true["heat"] == 1).sum() <= len(inside)
    assert larger > 10


def test_where_the_ground_is_untold_any_ground_is_right_and_no_thing_is():
    scene = layout.sample(3)
    ids = ids_of(scene)
    logits, true, told = losses(scene)
    untold = panoptic.targets(scene, ids, grounds=False)
    things = true["colors"][0].numpy() >= 0
    assert ((untold["shown"] == panoptic.UNTOLD) == ~things).all()
    assert (untold["shown"][things] == true["shown"][0].numpy()[things]).all()
    true["shown"] = torch.from_numpy(untold["shown"][None])
    right = panoptic.loss_of(logits, true, told)
    other = logits.clone()
    other[:, :3] = other[:, :3].roll(1, 1)  # the wrong ground is no worse
    assert panoptic.loss_of(other, true, told) == pytest.approx(float(right), abs=1e-3)
    wrong = logits.clone()
    wrong[:, 3] += 3 * SURE  # a thing everywhere
    assert panoptic.loss_of(wrong, true, told) > right + 1


def test_the_network_begins_sure_of_no_center_and_says_all_channels():
    torch.manual_seed(0)
    model = panoptic.build().eval()
    assert Channels.of(model.config.id2label) == CHANNELS
    with torch.inference_mode():
        logits = panoptic.logits_of(model, torch.zeros(2, 3, 128, 128))
    assert logits.shape == (2, sum(CHANNELS.sizes), panoptic.SIDE, panoptic.SIDE)
    first = sum(CHANNELS.sizes[:2])
    centers = logits[:, first : first + CHANNELS.sizes[2]].sigmoid()
    assert float(centers.mean()) < 0.03
    assert sum(p.numel() for p in model.parameters()) < 3e6


def losses(*scenes: Scene) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
    ids = [ids_of(scene) for scene in scenes]
    true = [panoptic.targets(scene, seen) for scene, seen in zip(scenes, ids, strict=True)]
    logits = torch.from_numpy(
        np.stack([ideal(scene, seen) for scene, seen in zip(scenes, ids, strict=True)])
    )
    told = torch.tensor(
        [[CHANNELS.facts[f].index(getattr(s, f)) for f in CHANNELS.facts] for s in scenes]
    )
    return logits, {k: torch.from_numpy(np.stack([t[k] for t in true])) for k in true[0]}, told


@pytest.mark.parametrize("part", ["shown", "colors", "centers", "offsets", "facts"])
def test_every_part_of_the_loss_falls_towards_its_target(part: str):
    logits, true, told = losses(layout.sample(3), layout.sample(5))
    best = panoptic.loss_of(logits, true, told)
    ends = np.cumsum([0, *CHANNELS.sizes[:4], sum(CHANNELS.sizes[4:])])
    k = ["shown", "colors", "centers", "offsets", "facts"].index(part)
    worse = logits.clone()
    worse[:, ends[k] : ends[k + 1]] = worse[:, ends[k] : ends[k + 1]].roll(1, 1)
    assert panoptic.loss_of(worse, true, told) > best + 0.1
    assert best < 1.5


def test_a_perfect_network_scores_one_and_one_that_sees_nothing_none(monkeypatch):
    scenes = [layout.sample(seed) for seed in range(4)]
    ids = np.stack([ids_of(scene) for scene in scenes])
    sights = [read_back(scene) for scene in scenes]
    monkeypatch.setattr(panoptic, "look", lambda model, pictures: sights)
    found = panoptic.scores(None, ids, ids, scenes)
    assert found["n"] == 4
    assert all(found[fact] == 1.0 for fact in FACTS)
    assert found["object F1"] == found["count"] == found["color"] == found["place"] == 1.0
    assert found["mean IoU"] > 0.7
    blank = [Sight((), s.owner * 0, s.shown * 0, s.names, s.facts) for s in sights]
    monkeypatch.setattr(panoptic, "look", lambda model, pictures: blank)
    found = panoptic.scores(None, ids, ids, scenes)
    assert found["object F1"] == found["count"] == found["mean IoU"] == 0.0
