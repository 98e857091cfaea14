"""Learned detectors of what a ControlNet is shown, from controlnet-aux, where a user has their
weights.

Their folder holds any of ``hed.safetensors`` (holistically nested edges, Xie & Tu 2015, in the
version for ControlNets), ``lineart.safetensors`` (informative drawings, Chan et al. 2022),
``depth.safetensors`` (DPT-Hybrid of MiDaS, Ranftl et al. 2021) and ``pose.safetensors`` (the body
network of OpenPose, Cao et al. 2019, whose license is for non-commercial use), each with the
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


def _depth() -> nn.Module:
    from controlnet_aux.midas.midas.dpt_depth import DPTDepthModel

    return DPTDepthModel(path=None, backbone="vitb_rn50_384", non_negative=True)  # type: ignore[no-any-return]


def _pose() -> nn.Module:
    from controlnet_aux.open_pose.model import bodypose_model

    return bodypose_model()  # type: ignore[no-any-return]


_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "hed": _hed,
    "lineart": _lineart,
    "depth": _depth,
    "pose": _pose,
}
OUTLINES = ("hed", "lineart")
"""Those that find outlines; a ControlNet for the others has learned nothing else."""


def load(folder: str, dtype: Any) -> tuple[nn.ModuleDict, None]:
    """The networks by name whose files are in ``folder``.

    Raises OSError where there is none, RuntimeError for a file of another network.
    """
    networks = nn.ModuleDict()
    for name, make in _NETWORKS.items():
        file = Path(folder) / f"{name}.safetensors"
        if file.exists():
            network = make()
            parameters = load_file(file)
            if name == "pose":
                parameters = _by_parts(network, parameters)
            network.load_state_dict(parameters)
            networks[name] = network.to(dtype)
    if not networks:
        raise OSError(f"none of {', '.join(f'{name}.safetensors' for name in _NETWORKS)} is there")
    return networks, None


def _by_parts(network: nn.Module, parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters under the names of a network whose parts were one when its file was written."""
    return {
        name: parameters[old]
        for name in network.state_dict()
        if (old := name.split(".", 1)[1]) in parameters
    }


def detected(context: Context, tool: str, how: str, image: Image.Image) -> Image.Image:
    """What one of the detectors, ``how``, finds in an image: RGB of the same size. Outlines are
    white on black, what is near is light, a body is its bones in colors.

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
    if how == "lineart":
        from controlnet_aux.lineart import LineartDetector

        return LineartDetector(network, network)
    if how == "depth":
        from controlnet_aux.midas import MidasDetector

        return MidasDetector(network)
    from controlnet_aux.open_pose import Body, OpenposeDetector

    body = Body.__new__(Body)  # its constructor would unpickle a file
    body.model = network
    return OpenposeDetector(body)
