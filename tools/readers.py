"""What a model that reads images is given: an image, and perhaps a question about it.

Kinds of models differ in that, and in nothing else that the tools would notice: all of them write
their tokens with ``generate``. Only the worker imports this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from .caption import read_words
from .errors import ToolError
from .models import Loaded
from .phrases import is_chinese
from .registry import Context, flatten

DESCRIBE = "Describe this image in one sentence."
BRIEFLY = "Answer in as few words as possible."
"""What a model that is talked to is asked beside the question."""


@dataclass(frozen=True)
class Text:
    """What was written, and its words with their probabilities."""

    text: str
    words: list[tuple[str, float]]


def written(
    context: Context, reader: Loaded, image: Image.Image, question: str = "", *, limit: int
) -> Text:
    """What a model writes of an image, or in answer to a question about it, read greedily, in
    ``limit`` tokens at most.

    Raises `ToolError` for a question to a model that takes none.
    """
    given, tokenizer = _given(reader, flatten(image), question)
    dtype = reader.model.dtype
    inputs = {
        name: value.to(reader.device, dtype if value.is_floating_point() else None)
        for name, value in given.items()
    }
    context.check_cancelled()
    with torch.inference_mode():
        made = reader.model.generate(
            **inputs, max_new_tokens=limit, do_sample=False, num_beams=1,
            return_dict_in_generate=True, output_logits=True,
            stopping_criteria=[_Reporter(context, limit)],
        )  # fmt: skip
    tokens = made.sequences[0, -len(made.logits) :].tolist()
    probabilities = [
        float(step[0].float().softmax(-1)[token])
        for step, token in zip(made.logits, tokens, strict=True)
    ]
    return Text(*read_words(tokenizer, tokens, probabilities))


class _Reporter:
    """Called by ``generate`` after every token: reports, and lets a cancel through."""

    def __init__(self, context: Context, limit: int) -> None:
        self._context, self._limit, self._count = context, limit, 0

    def __call__(self, sequences: Any, scores: Any, **_: Any) -> Any:
        self._count += 1
        self._context.progress(self._count, self._limit, "reading")
        self._context.check_cancelled()
        return torch.zeros(len(sequences), dtype=torch.bool, device=sequences.device)


def _given(reader: Loaded, image: Image.Image, question: str) -> tuple[dict[str, Any], Any]:
    """The inputs of a model, and its tokenizer."""
    give = _KINDS.get(reader.model.config.model_type, _chat)
    return give(reader.processor, image, question)


def _pixels(processor: Any, image: Image.Image, question: str) -> tuple[dict[str, Any], Any]:
    """An encoder of images before a decoder of text: it only describes."""
    if question:
        raise ToolError("ask: the model of this profile describes images and answers nothing.")
    image_processor, tokenizer = processor
    return dict(image_processor(images=image, return_tensors="pt")), tokenizer


def _blip(processor: Any, image: Image.Image, question: str) -> tuple[dict[str, Any], Any]:
    """BLIP (Li et al. 2022), which reads a question beside the image."""
    if is_chinese(question):
        raise ToolError("ask: the model of this profile reads English; ask in English.")
    asked = {"text": question} if question else {}
    return dict(processor(images=image, return_tensors="pt", **asked)), processor.tokenizer


def _chat(processor: Any, image: Image.Image, question: str) -> tuple[dict[str, Any], Any]:
    """A model that is talked to, by its own chat template."""
    asked = f"{question} {BRIEFLY}" if question else DESCRIBE
    content = [{"type": "image", "image": image}, {"type": "text", "text": asked}]
    given = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True,
        return_dict=True, return_tensors="pt",
    )  # fmt: skip
    return dict(given), processor.tokenizer


_KINDS: dict[str, Callable[[Any, Image.Image, str], tuple[dict[str, Any], Any]]] = {
    "vision-encoder-decoder": _pixels, "blip": _blip,
}  # fmt: skip
"""By the model type of the configuration; all others are talked to."""
