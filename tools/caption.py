"""Say what an image shows, with the profile's captioner."""

from __future__ import annotations

import math
import re
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict

from .registry import Context, tool

MAX_TOKENS = 96
"""Length of a caption at most, for a model that does not say."""


class Caption(BaseModel):
    """A sentence about an image, and how sure the model was of each of its words (0 to 1).

    ``words`` are in the order of the text, without its punctuation.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    words: list[tuple[str, float]]


@tool("captioner")
def caption(context: Context, image: Image.Image) -> Caption:
    """Say in one sentence what an image shows.

    Transparent parts are seen as white. The text is read greedily, so the same pixels give the same
    words; a word's probability is the product of its tokens' probabilities.
    """
    from .readers import written

    captioner = context.models.get("captioner")
    limit = captioner.model.generation_config.max_new_tokens or MAX_TOKENS
    read = written(context, captioner, image, limit=limit)
    return Caption(text=read.text, words=read.words)


def read_words(
    tokenizer: Any, tokens: list[int], probabilities: list[float]
) -> tuple[str, list[tuple[str, float]]]:
    """The text of ``tokens``, and its words with the product of their tokens' probabilities.

    Tokens are placed in the text by decoding ever longer beginnings, which works for every kind of
    tokenizer; a token that is only part of a character counts for the character it completes.
    """
    text, start, log = "", 0, 0.0
    spans: list[tuple[int, int, float]] = []
    for count, (token, probability) in enumerate(zip(tokens, probabilities, strict=True), 1):
        if token in tokenizer.all_special_ids:
            continue
        text = tokenizer.decode(tokens[:count], skip_special_tokens=True)
        end = len(text.rstrip("\N{REPLACEMENT CHARACTER}"))
        log += math.log(max(probability, 1e-12))
        if end > start:
            spans.append((start, end, log))
            start, log = end, 0.0
    words = []
    for match in re.finditer(r"\w+(?:['’-]\w+)*", text):
        parts = [log for a, b, log in spans if a < match.end() and b > match.start()]
        words.append((match.group(), math.exp(sum(parts))))
    return text.strip(), words
