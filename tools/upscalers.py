"""Super-resolution networks of other architectures, called as those of transformers are. Only the
worker imports this, and only for a user who has spandrel and a network for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn


class Upscaler(nn.Module):
    """A network that spandrel knows, such as ESRGAN, with the call of
    ``Swin2SRForImageSuperResolution``: pixels (1, 3, h, w) in [0, 1] to their reconstruction."""

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network, self._descriptor = descriptor.model, descriptor
        window = max(1, descriptor.size_requirements.multiple_of or 1)
        self.config = SimpleNamespace(upscale=descriptor.scale, window_size=window)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(reconstruction=self._descriptor(pixel_values))


def load(folder: str, dtype: Any) -> Upscaler:
    """The network in a .safetensors file, or in a folder that has one; in float32 where it does
    not work in halves.

    Raises OSError where spandrel is not installed, ValueError for a network that does not enlarge
    pictures in color.
    """
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ImportError:
        raise OSError("spandrel is not installed; pip install 'danqing[upscale]'") from None
    path = Path(folder)
    [file] = [path] if path.is_file() else path.glob("*.safetensors")
    try:
        found = ModelLoader().load_from_state_dict(load_file(file))
    except UnsupportedModelError:
        raise ValueError("spandrel does not know its architecture") from None
    if not isinstance(found, ImageModelDescriptor) or found.input_channels != 3 or found.scale < 2:
        raise ValueError(
            f"it is {found.architecture.name}, which does not enlarge pictures in color"
        )
    halves = {torch.float16: found.supports_half, torch.bfloat16: found.supports_bfloat16}
    upscaler = Upscaler(found)
    return upscaler.to(dtype if halves.get(dtype, True) else torch.float32)
