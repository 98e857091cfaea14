"""What a sentence means to a language model, said in the semantic vectors of the built-in painter.

A language model's semantic vector is the mean of its last hidden states. The generator knows those
of the painter's text encoder; a linear map leads from one to the other (as between the spaces of
two embeddings, Mikolov et al. 2013), found by ridge regression from sentences of the painter's
world that both of them read. That of the built-in language model lies beside the generator, from
more sentences; for any other it is found once.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

import torch

from . import catalogue
from .generator import read, semantic_vector
from .models import Loaded
from .painter_words import PLACES, Phrase, Spot, numbered, painter_prompt
from .world import world

SENTENCES, BATCH = 512, 32
RIDGE = 5.0
"""The mean variance of so many sentences is added to every direction's."""
KEPT = "meaning.safetensors"
"""The file beside the generator's weights: a matrix, an offset, and between whom they lead."""

Map = tuple[torch.Tensor, torch.Tensor]
_maps: weakref.WeakKeyDictionary[Any, Map] = weakref.WeakKeyDictionary()


@torch.inference_mode()
def translated(sentence: str, embedder: Loaded, painter: Loaded, generator: Loaded) -> torch.Tensor:
    """The semantic vector of a sentence as the language model ``embedder`` understands it, float
    (1, width of the painter's text encoder)."""
    if embedder.model not in _maps:
        _maps[embedder.model] = kept(embedder, painter, generator) or found(
            embedder, painter, list(sentences(SENTENCES))
        )
    matrix, offset = _maps[embedder.model]
    return meant(embedder, [sentence]) @ matrix + offset


def kept(embedder: Loaded, painter: Loaded, generator: Loaded) -> Map | None:
    """The map beside the generator; None where there is none, or one between other models."""
    from safetensors import safe_open

    file = generator.entry.folder / KEPT
    if not file.is_file():
        return None
    with safe_open(file, "pt") as told:
        matrix, offset = told.get_tensor("matrix"), told.get_tensor("offset")
        widths = embedder.model.config.get_text_config().hidden_size, len(offset)
        # The shape first, so that no large model is read only to be told from the built-in one.
        same = matrix.shape == widths and told.metadata() == between(embedder, painter)
    return (matrix, offset) if same else None


def between(embedder: Loaded, painter: Loaded) -> dict[str, str]:
    """The fingerprints of all that a map depends on."""
    folder = painter.entry.folder
    parts = {"embedder": embedder.entry.folder} | {
        name: folder / name for name in ("text_encoder", "tokenizer")
    }
    return {name: catalogue.fingerprint(part) for name, part in parts.items()}


@torch.inference_mode()
def found(embedder: Loaded, painter: Loaded, said: Sequence[str]) -> Map:
    """The map between two models by what ``said`` means to both."""
    parts = [said[i : i + BATCH] for i in range(0, len(said), BATCH)]
    encoder, tokenizer = painter.model.text_encoder, painter.model.tokenizer
    theirs = [meant(embedder, part) for part in parts]
    ours = [semantic_vector(*read(encoder, tokenizer, part)).cpu() for part in parts]
    return fitted(torch.cat(theirs), torch.cat(ours))


def meant(embedder: Loaded, sentences: Sequence[str]) -> torch.Tensor:
    """The semantic vectors of sentences, float32 on the CPU (n, width of the language model)."""
    tokenizer = embedder.processor.tokenizer
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in sentences]
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    inside = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):  # padded at the right, where a decoder does not look
        ids[i, : len(row)] = torch.tensor(row)
        inside[i, : len(row)] = 1
    device = embedder.device
    states = embedder.model.base_model(
        input_ids=ids.to(device), attention_mask=inside.to(device)
    ).last_hidden_state
    return semantic_vector(states.float().cpu(), inside.bool())


def fitted(x: torch.Tensor, y: torch.Tensor) -> Map:
    """The matrix and the offset of the affine map that leads from the rows of ``x`` to those of
    ``y`` with the least squared error and, by ridge, small weights."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = (x - x_mean).double(), (y - y_mean).double()
    square = x.T @ x
    ridge = RIDGE / len(x) * square.diagonal().mean()
    square += ridge * torch.eye(len(square), dtype=square.dtype)
    matrix = torch.linalg.solve(square, x.T @ y).float().contiguous()
    return matrix, y_mean - x_mean @ matrix


def sentences(number: int) -> Iterator[str]:
    """Sentences of the painter's world, the same ones every time, in turn in the painter's form,
    with places or with spots, and said loosely; all of them leave things out."""
    w, random = world(), Random(0)

    def some(words: Iterable[Any]) -> Any:
        return random.choice([None, *words])

    for k in range(number):
        spotted = random.random() < 0.5
        phrases = []
        for _ in range(random.randint(0, 3)):
            count = random.randint(1, 4)
            spots = [Spot(random.random(), random.random(), random.random()) for _ in range(count)]
            phrases.append(
                Phrase(
                    random.choice([*w.objects]), count, some(w.colors),
                    place=some(PLACES), sky=random.random() < 0.2,
                    spots=tuple(spots) if spotted else (),
                )
            )  # fmt: skip
        facts = {
            "style": some(w.styles), "setting": some(w.settings), "season": some(w.seasons),
            "time": some(w.times), "weather": some(w.weathers),
        }  # fmt: skip
        if k % 2:
            said = [numbered(phrase.noun, phrase.count, phrase.color) for phrase in phrases]
            said += filter(None, facts.values())
            random.shuffle(said)
            yield random.choice((", ", " and ", " in ")).join(said) + random.choice(("", "."))
        else:
            horizon = random.random() if spotted else None
            yield painter_prompt(**facts, horizon=horizon, phrases=phrases)
