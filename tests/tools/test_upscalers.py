"""Upscalers of a user's own: Swin2SR of any kind, and what spandrel knows."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from danqing.tools import upscale
from danqing.tools.catalogue import Entry
from danqing.tools.errors import Stopped, ToolError
from danqing.tools.models import Models
from danqing.tools.registry import Context
from danqing.tools.upscale import brought_to


def context(loader: Any, source: Path) -> Context:
    entry = Entry(source=str(source), loader=loader, license="CC0-1.0", size_mb=1, memory_mb=1)
    return Context(Models({"upscaler": entry}, device="cpu"))


@pytest.mark.parametrize(
    ("upsampler", "factor"),
    [("pixelshuffle", 2), ("pixelshuffle", 4), ("nearest+conv", 4), ("pixelshuffledirect", 2)],
)
def test_every_swin2sr_enlarges(
    tmp_path: Path, photo: Image.Image, upsampler: str, factor: int
) -> None:
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    torch.manual_seed(0)
    config = Swin2SRConfig(
        image_size=16, embed_dim=16, depths=[1], num_heads=[2], window_size=8, upscale=factor,
        upsampler=upsampler, mlp_ratio=1.0,
    )  # fmt: skip
    Swin2SRForImageSuperResolution(config).save_pretrained(tmp_path)
    there = context("image-to-image", tmp_path)
    assert upscale(there, photo, scale=2).size == (photo.width * 2, photo.height * 2)
    assert brought_to(there, photo, (500, 400)).size == (500, 400)
    if factor == 2:
        with pytest.raises(ToolError, match="this model enlarges 2 times"):
            upscale(there, photo, scale=4)


@pytest.fixture
def spandrel() -> Any:
    return pytest.importorskip("spandrel")


def write_esrgan(file: Path, scale: int) -> None:
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(0)
    network = RRDBNet(num_filters=8, num_blocks=1, scale=scale)
    save_file(network.state_dict(), file)


@pytest.mark.parametrize("single", [True, False])
def test_what_spandrel_knows_enlarges_and_resembles_the_image(
    spandrel: Any, tmp_path: Path, photo: Image.Image, single: bool
) -> None:
    file = tmp_path / "esrgan.safetensors"
    write_esrgan(file, 4)
    there = context("spandrel", file if single else tmp_path)
    large = upscale(there, photo, scale=4)
    assert large.size == (photo.width * 4, photo.height * 4)
    small = upscale(there, photo.convert("L"), scale=2)
    assert (small.mode, small.size) == ("L", (photo.width * 2, photo.height * 2))


def test_what_does_not_enlarge_is_refused(spandrel: Any, tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    save_file({"w": torch.zeros(3)}, file)
    with pytest.raises(Stopped, match="spandrel does not know its architecture"):
        context("spandrel", file).models.get("upscaler")
    write_esrgan(file, 1)
    with pytest.raises(Stopped, match="it is ESRGAN, which does not enlarge"):
        context("spandrel", file).models.get("upscaler")
