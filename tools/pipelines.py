"""What the kinds of painters are called with: one row for each pipeline class of diffusers.

To add a kind, write its row here; `painting` knows none of them by name. Nothing here imports torch
or diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["over", "hole", "lines", "hole lines"]
"""What another pipeline on the same weights does: paint over an image, paint a hole in one, follow
outlines, or follow them in a hole."""


@dataclass(frozen=True)
class Pipeline:
    """What a painter takes, and where a call does not say, with which values."""

    steps: int
    guidance_scale: float
    """How closely to follow the prompt; 0 or 1 for a painter that is not to be guided."""
    native_size: int = 0
    """Side in pixels of what it paints best; 0 for what its UNet says."""
    patch: int = 1
    """So many latents a side are painted as one: sides have whole patches."""
    longest: int = 0
    """Tokens that a prompt has at most; 0 for what its tokenizer says."""
    negative_prompt: bool = True
    """Whether it takes one."""
    edits: bool = False
    """Whether it is shown an image as it is, to change it as the prompt says, and not under noise;
    then there is no strength."""
    sized: bool = False
    """Whether it is told width and height of an image that it paints over, too."""
    others: Mapping[Task, str] = field(default_factory=dict)
    """The classes for what is more than painting from words. Those with a UNet need none for holes
    and outlines: they are put into the latents, and into the UNet."""


PIPELINES: Mapping[str, Pipeline] = {
    "StableDiffusionPipeline": Pipeline(30, 7.0, others={"over": "StableDiffusionImg2ImgPipeline"}),
    "StableDiffusionXLPipeline": Pipeline(
        30, 5.0, others={"over": "StableDiffusionXLImg2ImgPipeline"}
    ),
    # A prompt of 512 tokens, less those of the chat template around it.
    "ZImagePipeline": Pipeline(
        9, 0.0, native_size=1024, patch=2, longest=490, sized=True,
        others={
            "over": "ZImageImg2ImgPipeline", "hole": "ZImageInpaintPipeline",
            "lines": "ZImageControlNetPipeline", "hole lines": "ZImageControlNetInpaintPipeline",
        },
    ),
    "Flux2KleinPipeline": Pipeline(
        4, 1.0, native_size=1024, patch=2, longest=490, negative_prompt=False, edits=True,
        sized=True, others={"hole": "Flux2KleinInpaintPipeline"},
    ),
}  # fmt: skip
