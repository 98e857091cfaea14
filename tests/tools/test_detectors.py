"""Learned detectors of outlines, with random weights in the format of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import toy_models
from PIL import Image
from safetensors.torch import save_file

from danqing.tools import detectors, edge_guided
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.errors import Stopped, ToolError
from danqing.tools.models import Models, load
from danqing.tools.registry import Context

OF_OTHERS = pytest.mark.filterwarnings("ignore")  # controlnet-aux imports everything it has


def entry(folder: Path) -> Entry:
    return Entry(source=str(folder), loader="controlnet-aux", license="MIT", commercial=True,
                 size_mb=1, memory_mb=1)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the line art network alone."""
    folder = tmp_path_factory.mktemp("detector")
    torch.manual_seed(0)
    save_file(detectors._lineart().state_dict(), folder / "lineart.safetensors")
    return folder


@OF_OTHERS
def test_lines_have_the_size_of_the_image_and_steer_the_painter(
    folder: Path, toy_profile: Profile, photo: Image.Image
) -> None:
    models = Models({**toy_profile.models, "detector": entry(folder)}, device="cpu")
    context = Context(models)
    lines = detectors.detected(context, "edge_guided", "lineart", photo)
    assert (lines.mode, lines.size) == ("RGB", photo.size)
    assert np.asarray(lines).std() > 0
    by_lines, by_canny = (
        edge_guided(context, photo, prompt="a", seeds=[1], outlines=how, low=5, high=10)[0]
        for how in ("lineart", "canny")
    )
    assert by_lines.tobytes() != by_canny.tobytes()


@OF_OTHERS
def test_the_other_detector_runs_as_well(tmp_path: Path, photo: Image.Image) -> None:
    torch.manual_seed(0)
    save_file(detectors._hed().state_dict(), tmp_path / "hed.safetensors")
    context = Context(Models({"detector": entry(tmp_path)}, device="cpu"))
    lines = detectors.detected(context, "edge_guided", "hed", photo)
    assert (lines.mode, lines.size) == ("RGB", photo.size)


@OF_OTHERS
def test_depth_and_pose_are_found_for_the_controlnets_that_read_them(
    tmp_path: Path, toy_profile: Profile, photo: Image.Image
) -> None:
    torch.manual_seed(0)
    depth, pose = detectors._depth(), detectors._pose()
    written = {name.split(".", 1)[1]: value.half() for name, value in pose.state_dict().items()}
    files = [tmp_path / "depth.safetensors", tmp_path / "pose.safetensors"]
    save_file({name: value.half() for name, value in depth.state_dict().items()}, files[0])
    save_file(written, files[1])
    toys, controlnet = toy_profile.models, tmp_path / "controlnet"
    toy_models.write_controlnet(controlnet, Path(toys["text-to-image"].source), channels=3)
    by_pictures = toys["controlnet"].model_copy(update={"source": str(controlnet)})
    models = {**toys, "controlnet": by_pictures, "detector": entry(tmp_path)}
    context = Context(Models(models, device="cpu"))
    there = context.models.get("detector").model
    for file in files:
        file.unlink()  # a third of a gigabyte
    bias = there["pose"].state_dict()["model0.conv1_1.bias"]
    assert torch.equal(bias, written["conv1_1.bias"].float())

    far_and_near = detectors.detected(context, "edge_guided", "depth", photo)
    bones = detectors.detected(context, "edge_guided", "pose", photo)
    assert far_and_near.size == bones.size == photo.size
    assert np.asarray(far_and_near).std() > 0
    assert not np.asarray(bones).any(), "noise has no body"
    by_depth, by_canny = (
        edge_guided(context, photo, prompt="a", seeds=[1], outlines=how, low=5, high=10)[0]
        for how in ("depth", "canny")
    )
    assert by_depth.tobytes() != by_canny.tobytes()


@OF_OTHERS
def test_a_controlnet_of_outlines_is_not_shown_depth(context: Context, photo: Image.Image) -> None:
    with pytest.raises(ToolError, match=r"'depth' is for a ControlNet that has learned it"):
        edge_guided(context, photo, prompt="a", seeds=[1], outlines="depth")


@OF_OTHERS
def test_what_is_not_there_is_said_with_what_is(
    folder: Path, toy_profile: Profile, context: Context, photo: Image.Image
) -> None:
    models = Models({**toy_profile.models, "detector": entry(folder)}, device="cpu")
    with pytest.raises(ToolError, match=r"'hed' needs weights .* canny, drawn, lineart\."):
        edge_guided(Context(models), photo, prompt="a", seeds=[1], outlines="hed")
    with pytest.raises(ToolError, match=r"'hed' needs weights .* one of canny, drawn\."):
        edge_guided(context, photo, prompt="a", seeds=[1], outlines="hed")


def test_a_folder_without_any_of_them_stops(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(Stopped, match=r"none of hed\.safetensors, lineart\.safetensors"):
        load(entry(tmp_path), "cpu")
