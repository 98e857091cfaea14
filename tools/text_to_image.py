"""Draw pictures from words with the profile's diffusion model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from PIL import Image
from pydantic import Field, StringConstraints

from .errors import ToolError
from .registry import Context, tool

if TYPE_CHECKING:
    import torch

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@tool(role="text-to-image")
def text_to_image(
    context: Context,
    *,
    prompt: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
        Field(description="what the picture shows"),
    ],
    negative_prompt: Annotated[
        str, Field(max_length=1000, description="what it should not show; empty for nothing")
    ] = "",
    seeds: Annotated[
        list[Seed], Field(min_length=1, max_length=8, description="one picture is drawn per seed")
    ],
    steps: Annotated[
        int | None, Field(ge=1, le=150, description="denoising steps; the model's own if left out")
    ] = None,
    guidance_scale: Annotated[
        float | None,
        Field(ge=0, le=30, description="how closely to follow the prompt; the model's own if not"),
    ] = None,
) -> list[Image.Image]:
    """Draw one picture per seed from a prompt, all in one batch, at the model's own size.

    Each seed has a noise generator of its own on the CPU, so a picture depends on its own seed
    whatever else is in the batch; the size of the batch may still change the last bits, since
    matrix kernels differ by shape. The same call gives the same bytes on the same device.

    Raises `ToolError` when the prompt is longer than the model reads, or when a picture comes out
    blank or with non-finite values.
    """
    import torch

    painter = context.models.get("text-to-image")
    if steps is None:
        steps = int(painter.entry.defaults["steps"])
    if guidance_scale is None:
        guidance_scale = painter.entry.defaults["guidance_scale"]
    _check_length(painter.model.tokenizer, "prompt", prompt)
    _check_length(painter.model.tokenizer, "negative_prompt", negative_prompt)

    total = steps

    def on_step_end(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        context.progress(step + 1, total, "drawing")
        context.check_cancelled()
        return tensors

    context.check_cancelled()
    context.progress(0, steps, "drawing")
    with torch.inference_mode():
        batch = painter.model(
            prompt=[prompt] * len(seeds),
            negative_prompt=[negative_prompt] * len(seeds),
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            callback_on_step_end=on_step_end,
            output_type="pt",
        ).images.float()

    failed = [seed for seed, picture in zip(seeds, batch, strict=True) if is_blank(picture)]
    if failed:
        raise ToolError(
            f"text_to_image: the seeds {failed} came out blank; use other seeds,"
            f" or a guidance_scale below {guidance_scale}."
        )
    pixels = (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in pixels]


def is_blank(picture: torch.Tensor) -> bool:
    """Whether a CHW tensor in 0..1 is one flat color, or has values that are not finite."""
    spread = (picture.amax((1, 2)) - picture.amin((1, 2))).max()
    return not bool(spread >= 1 / 255 and spread.isfinite())


def _check_length(tokenizer: Any, name: str, text: str) -> None:
    """Refuse what the text encoder would cut off without a word."""
    count, limit = len(tokenizer(text).input_ids), tokenizer.model_max_length
    if count > limit:
        raise ToolError(
            f"text_to_image: {name} has {count} tokens; allowed are {limit}, so shorten it."
        )
