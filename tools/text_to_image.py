"""Draw pictures from words with the profile's diffusion model."""

from __future__ import annotations

from PIL import Image

from .options import Guidance, NegativePrompt, Prompt, Seeds, Steps
from .registry import Context, tool


@tool("text-to-image")
def text_to_image(
    context: Context,
    *,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    seeds: Seeds,
    steps: Steps = None,
    guidance_scale: Guidance = None,
) -> list[Image.Image]:
    """Draw one picture per seed from a prompt, all in one batch, at the model's own size.

    Each seed has a noise generator of its own on the CPU, so a picture depends on its own seed
    whatever else is in the batch; the size of the batch may still change the last bits, since
    matrix kernels differ by shape. The same call gives the same bytes on the same device.

    Raises `ToolError` when the prompt is longer than the model reads, or when a picture comes out
    blank or with non-finite values.
    """
    from .painting import paint

    return paint(
        context, "text_to_image", prompt=prompt, negative_prompt=negative_prompt, seeds=seeds,
        steps=steps, guidance_scale=guidance_scale,
    )  # fmt: skip
