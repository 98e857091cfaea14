"""Learned detectors of outlines, with random weights in the format of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
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
