"""Learned detectors of outlines, from controlnet-aux, where a user has their weights.

Their folder holds ``hed.safetensors`` (holistically nested edges, Xie & Tu 2015, in the version for
ControlNets) or ``lineart.safetensors`` (informative drawings, Chan et al. 2022), each with the
parameters that controlnet-aux's own files have. Only the worker imports this.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file
from torch import nn

from .errors import ToolError
from .registry import Context, flatten

CELL = 64
"""The detectors work on whole cells of so many pixels."""


def _hed() -> nn.Module:
    from controlnet_aux.hed import ControlNetHED_Apache2

    return ControlNetHED_Apache2()  # type: ignore[no-any-return]


def _lineart() -> nn.Module:
    from controlnet_aux.lineart import Generator

    return Generator(3, 1, 3)  # type: ignore[no-any-return]


_NETWORKS: dict[str, Callable[[], nn.Module]] = {"hed": _hed, "lineart": _lineart}


def load(folder: str, dtype: Any) -> tuple[nn.ModuleDict, None]:
    """The networks by name whose files are in ``folder``.

    Raises OSError where there is none, RuntimeError for a file of another network.
    """
    networks = nn.ModuleDict()
    for name, make in _NETWORKS.items():
        file = Path(folder) / f"{name}.safetensors"
        if file.exists():
            network = make()
            network.load_state_dict(load_file(file))
            networks[name] = network.to(dtype)
    if not networks:
        raise OSError(f"none of {', '.join(f'{name}.safetensors' for name in _NETWORKS)} is there")
    return networks, None


def detected(context: Context, tool: str, how: str, image: Image.Image) -> Image.Image:
    """The outlines in an image as ``how``, "hed" or "lineart", finds them: RGB of the same size,
    white on black.

    Raises `ToolError`, in the name of ``tool``, where that detector is not there.
    """
    there = context.models.get("detector").model if context.models.has("detector") else {}
    if how not in there:
        raise ToolError(
            f"{tool}: outlines = {how!r} needs weights that this profile has not; allowed here is"
            f" one of canny, drawn{''.join(f', {name}' for name in there)}."
        )
    side = max(CELL, -(-min(image.size) // CELL) * CELL)
    detector = _detector(how, there[how])
    lines: Image.Image = detector(
        flatten(image), detect_resolution=side, image_resolution=side
    ).convert("RGB")
    return lines.resize(image.size, Image.Resampling.BICUBIC)


def _detector(how: str, network: nn.Module) -> Any:
    if how == "hed":
        from controlnet_aux.hed import HEDdetector

        return HEDdetector(network)
    from controlnet_aux.lineart import LineartDetector

    return LineartDetector(network, network)
