"""Draw pictures from words with the profile's diffusion model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import islice
from typing import Any

from PIL import Image

from .options import Guidance, NegativePrompt, Prompt, Seeds, Steps
from .registry import Context, Together, tool


def _alike(context: Context, arguments: Mapping[str, Any]) -> Hashable:
    """Pictures of one batch have as many steps as one another, and where the painter does not guide
    each by itself, the same guidance."""
    from .painting import guides_each

    each = guides_each(context.models.get("text-to-image"))
    return arguments["steps"], None if each else arguments["guidance_scale"]


def _together(context: Context, calls: Sequence[Mapping[str, Any]]) -> list[list[Image.Image]]:
    from .painting import paint

    owners = [call for call in calls for _ in call["seeds"]]
    told: dict[str, Any] = {
        name: [call[name] for call in owners]
        for name in ("prompt", "negative_prompt", "guidance_scale")
    }
    seeds = [seed for call in calls for seed in call["seeds"]]
    made = iter(paint(context, "text_to_image", seeds=seeds, steps=calls[0]["steps"], **told))
    return [list(islice(made, len(call["seeds"]))) for call in calls]


@tool("text-to-image", together=Together(_alike, _together))
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
