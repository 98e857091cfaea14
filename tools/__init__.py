"""Act on images: the tools, the engine that runs them and the catalogue of models.

To add a tool, write a function in a file of its own and name it in `TOOLS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .adjust import adjust
from .caption import caption
from .text_to_image import text_to_image
from .upscale import upscale

TOOLS: tuple[Callable[..., Any], ...] = (text_to_image, caption, upscale, adjust)
"""Every tool there is."""

__all__ = ["TOOLS", "adjust", "caption", "text_to_image", "upscale"]
