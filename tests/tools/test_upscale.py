"""Enlarging: exact sizes, no seams, transparency kept."""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from danqing.tools import upscale
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.registry import Context

module = sys.modules["danqing.tools.upscale"]


@pytest.mark.parametrize("size", [(16, 16), (97, 41), (200, 130)])
@pytest.mark.parametrize("scale", [2, 4])
def test_the_result_is_exactly_so_many_times_larger(
    context: Context, photo: Image.Image, size: tuple[int, int], scale: Literal[2, 4]
) -> None:
    result = upscale(context, photo.resize(size), scale=scale)
    assert (result.mode, result.size) == ("RGB", (size[0] * scale, size[1] * scale))


def test_tiles_leave_no_seams(
    context: Context, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photo.resize((230, 150))
    monkeypatch.setattr(module, "CORE", 512)
    whole = np.asarray(upscale(context, image, scale=4), int)
    for core in (32, 100, 128):
        monkeypatch.setattr(module, "CORE", core)
        tiled = np.asarray(upscale(context, image, scale=4), int)
        assert np.abs(tiled - whole).max() <= 1


def test_twice_is_four_times_averaged_down(context: Context, photo: Image.Image) -> None:
    twice = np.asarray(upscale(context, photo, scale=2, faithful=False), int)
    averaged = np.asarray(upscale(context, photo, scale=4, faithful=False).reduce(2), int)
    assert np.abs(twice - averaged).max() <= 1


@pytest.mark.parametrize("scale", [2, 4])
def test_a_faithful_result_averaged_down_is_nearly_the_image_again(
    context: Context, photo: Image.Image, scale: Literal[2, 4]
) -> None:
    def lost(faithful: bool) -> float:
        result = upscale(context, photo, scale=scale, faithful=faithful).reduce(scale)
        return float(np.abs(np.asarray(result, int) - np.asarray(photo, int)).mean())

    assert lost(True) < 0.5 * lost(False)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_gray_and_transparency_are_kept(context: Context, photo: Image.Image, mode: str) -> None:
    image = photo.convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G"))
    result = upscale(context, image, scale=4)
    assert result.mode == mode
    if "A" in mode:
        back = result.getchannel("A").resize(image.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(back, int) - np.asarray(image.getchannel("A"), int)).mean() < 2


def test_a_result_too_large_is_refused(context: Context) -> None:
    with pytest.raises(ToolError, match=r"100x2049 pixels times 4 is refused; .* at most 8192"):
        upscale(context, Image.new("RGB", (100, 2049)), scale=4)


def test_a_worker_gives_the_same_bytes(
    context: Context, toy_engine: Engine, photo: Image.Image
) -> None:
    seen: list[tuple[int, int]] = []
    [there] = toy_engine.call(
        "upscale",
        {"scale": 2},
        {"image": photo},
        on_progress=lambda p: seen.append((p.done, p.total)),
    ).images
    assert there.tobytes() == upscale(context, photo, scale=2).tobytes()
    assert seen[-1][0] == seen[-1][1] == len(seen) - 1
