"""Draw drafts at once, in one pass of a generator."""

from __future__ import annotations

from typing import Annotated

from PIL import Image
from pydantic import Field

from .options import Prompt
from .registry import Context, tool


@tool("generator", "text-to-image", optional=("embedder",))
def gan_image(
    context: Context,
    *,
    prompt: Prompt,
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, le=2**32 - 1)]],
        Field(min_length=1, max_length=64, description="one picture is drawn per seed"),
    ],
    truncation: Annotated[
        float,
        Field(ge=0, le=1, description="1 is the whole variety; less is better and more alike"),
    ] = 0.7,
) -> list[Image.Image]:
    """Draw one draft per seed from a prompt, faster than text_to_image and much more roughly.

    The sentence's semantic vector s drives a generator in the manner of StyleGAN2 (Karras et al.
    2020) that also looks at its words: I = G(z, s), with the noise z from the seed. Seeds give
    variations of one sentence. s is what the sentence means to the local language model that plans,
    or else to the built-in one: the mean of its last hidden states, in the terms of the painter's
    text encoder (`meaning`); without any it is the mean of that encoder's own. It changes pictures
    little, the style first of all; what is to be seen the generator reads off the words.

    Raises `ToolError` when the prompt is longer than the model reads.
    """
    import torch

    from .generator import read
    from .meaning import translated
    from .painting import check_length, picture_of

    generator, painter = (context.models.get(role) for role in ("generator", "text-to-image"))
    check_length(painter.model.tokenizer, "gan_image", "prompt", prompt)
    context.check_cancelled()
    words, inside = read(painter.model.text_encoder, painter.model.tokenizer, [prompt])
    s = None
    if context.models.has("embedder"):
        embedder = context.models.get("embedder")
        s = translated(prompt, embedder, painter, generator).expand(len(seeds), -1)
    noise = [
        torch.randn(1, generator.model.noise, generator=torch.Generator("cpu").manual_seed(seed))
        for seed in seeds
    ]
    with torch.inference_mode():
        dtype = next(generator.model.parameters()).dtype
        z, words = torch.cat(noise).to(generator.device, dtype), words.to(dtype)
        said = (part.expand(len(seeds), *part.shape[1:]) for part in (words, inside))
        s = None if s is None else s.to(z)
        latents = generator.model(z, *said, s=s, truncation=truncation)
    made = []
    for number, one in enumerate(latents):
        context.progress(number, len(seeds), "drawing")
        context.check_cancelled()
        made.append(picture_of(painter, one[None]))
    return made
