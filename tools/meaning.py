"""What a sentence means to a language model, said in the semantic vectors of the built-in painter.

A language model's semantic vector is the mean of its last hidden states. The generator knows those
of the painter's text encoder; a linear map leads from one to the other (as between the spaces of
two embeddings, Mikolov et al. 2013), found by ridge regression from sentences of the painter's
world that both of them read, once for every language model.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import torch

from .generator import read, semantic_vector
from .models import Loaded
from .painter_words import PLACES, Phrase, painter_prompt
from .world import world

SENTENCES, BATCH = 512, 32
RIDGE = 0.01
"""Share of the mean variance that is added to every direction's."""

_maps: weakref.WeakKeyDictionary[Any, tuple[torch.Tensor, torch.Tensor]] = (
    weakref.WeakKeyDictionary()
)


@torch.inference_mode()
def translated(sentence: str, planner: Loaded, painter: Loaded) -> torch.Tensor:
    """The semantic vector of a sentence as the language model understands it, float (1, width of
    the painter's text encoder)."""
    if planner.model not in _maps:
        said = list(sentences(SENTENCES))
        theirs = torch.cat(
            [meant(planner, said[i : i + BATCH]) for i in range(0, len(said), BATCH)]
        )
        ours = semantic_vector(*read(painter.model.text_encoder, painter.model.tokenizer, said))
        _maps[planner.model] = fitted(theirs, ours.cpu())
    matrix, offset = _maps[planner.model]
    return meant(planner, [sentence]) @ matrix + offset


def meant(planner: Loaded, sentences: Sequence[str]) -> torch.Tensor:
    """The semantic vectors of sentences, float32 on the CPU (n, width of the language model)."""
    tokenizer = planner.processor.tokenizer
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in sentences]
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    inside = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):  # padded at the right, where a decoder does not look
        ids[i, : len(row)] = torch.tensor(row)
        inside[i, : len(row)] = 1
    device = planner.device
    states = planner.model.base_model(
        input_ids=ids.to(device), attention_mask=inside.to(device)
    ).last_hidden_state
    return semantic_vector(states.float().cpu(), inside.bool())


def fitted(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrix and the offset of the affine map that leads from the rows of ``x`` to those of
    ``y`` with the least squared error and, by ridge, small weights."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = (x - x_mean).double(), (y - y_mean).double()
    square = x.T @ x
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    matrix = torch.linalg.solve(square, x.T @ y).float()
    return matrix, y_mean - x_mean @ matrix


def sentences(number: int) -> Iterator[str]:
    """Sentences of the painter's world, the same ones every time."""
    w, random = world(), Random(0)
    for _ in range(number):
        kinds = random.sample([*w.objects], random.randint(1, 3))
        phrases = [
            Phrase(
                kind, random.randint(1, 4), random.choice([None, *w.colors]),
                place=random.choice(PLACES),
            )
            for kind in kinds
        ]  # fmt: skip
        yield painter_prompt(
            style=random.choice([*w.styles]), setting=random.choice([*w.settings]),
            season=random.choice([*w.seasons]), time=random.choice([*w.times]),
            weather=random.choice([*w.weathers]), phrases=phrases,
        )  # fmt: skip
