"""Act on images: the tools, the engine that runs them and the catalogue of models.

To add a tool, write a function in a file of its own and name it in `TOOLS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .adjust import adjust
from .ask import ask
from .blend import blend
from .caption import caption
from .compare import compare
from .detail import detail
from .edge_guided import edge_guided
from .edit_by_instruction import edit_by_instruction
from .gan_image import gan_image
from .inpaint import inpaint
from .look import look
from .outpaint import outpaint
from .recolor import recolor
from .region import region
from .remove_background import remove_background
from .segment import segment
from .sketch import sketch
from .sprite import sprite
from .style_transfer import style_transfer
from .text_to_image import text_to_image
from .upscale import upscale
from .vae_variation import vae_variation

TOOLS: tuple[Callable[..., Any], ...] = (
    text_to_image,
    style_transfer,
    edit_by_instruction,
    inpaint,
    outpaint,
    edge_guided,
    upscale,
    detail,
    gan_image,
    vae_variation,
    caption,
    ask,
    look,
    segment,
    remove_background,
    adjust,
    recolor,
    blend,
    compare,
    sketch,
    sprite,
    region,
)
"""Every tool there is."""

__all__ = [
    "TOOLS",
    "adjust",
    "ask",
    "blend",
    "caption",
    "compare",
    "detail",
    "edge_guided",
    "edit_by_instruction",
    "gan_image",
    "inpaint",
    "look",
    "outpaint",
    "recolor",
    "region",
    "remove_background",
    "segment",
    "sketch",
    "sprite",
    "style_transfer",
    "text_to_image",
    "upscale",
    "vae_variation",
]
