"""Scenes that are painted as the studio paints them: what is in them stands where it is said to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.tools import catalogue
from danqing.tools.models import Models
from danqing.tools.panoptic import see
from danqing.tools.registry import Context
from training import data, painted, panoptic
from training.scenes.spec import Scene
from training.semantics import scene_of

N = 3
# diffusers' scheduler speaks to numpy in the old way
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painted")
    painted.draw(folder, N)
    return folder


def test_what_is_seen_in_a_painted_scene_is_where_its_labels_say(folder: Path) -> None:
    found = data.Dataset.open(folder)
    ids = data.ids(folder)
    context = Context(Models(dict(catalogue.profile("sketchbook").models), device="cpu"))
    hits = total = 0
    for picture, seen, spec in zip(found.pictures, ids, found.scenes, strict=True):
        sight = see(context, Image.fromarray(picture))
        for number, thing in enumerate(scene_of(spec).things):
            ys, xs = np.nonzero(seen == number)
            assert len(xs) > 20
            middle = xs.mean() / painted.SIDE, ys.mean() / painted.SIDE
            near = [np.hypot(t.center[0] - middle[0], t.center[1] - middle[1])
                    for t in sight.things if t.kind == thing.kind]  # fmt: skip
            hits, total = hits + (min(near, default=1.0) < 0.1), total + 1
    assert total >= N and hits >= 0.8 * total


def test_it_goes_on_where_it_was_cut_short(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint, left = painted.Painter.paint, iter([None])

    def cut_short(self: painted.Painter, scene: Scene) -> np.ndarray:
        next(left)
        return paint(self, scene)

    with monkeypatch.context() as patch:
        patch.setattr(painted.Painter, "paint", cut_short)
        with pytest.raises(StopIteration):
            painted.draw(tmp_path, N)
    painted.draw(tmp_path, N)
    whole, again = data.Dataset.open(folder), data.Dataset.open(tmp_path)
    assert again.scenes == whole.scenes
    assert (again.pictures[0] == whole.pictures[0]).all()
    assert (data.ids(tmp_path) == data.ids(folder)).all()


def test_it_is_learned_from_without_its_grounds(folder: Path) -> None:
    labelled = panoptic.Labelled.open(folder, grounds=False)
    rng = np.random.default_rng(0)
    for _ in range(5):
        picture, true, told = labelled.sample(rng)
        assert picture.shape == (128, 128, 3) and len(told) == len(panoptic.FACTS)
        assert (true["shown"] == panoptic.UNTOLD).any()
