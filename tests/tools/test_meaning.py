"""A language model's semantic vector drives the generator: s, then I = G(z, s)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch.nn.functional import cosine_similarity

from danqing.tools import catalogue
from danqing.tools.catalogue import Entry
from danqing.tools.engine import Engine
from danqing.tools.gan_image import gan_image
from danqing.tools.generator import read, semantic_vector
from danqing.tools.meaning import SENTENCES, fitted, kept, meant, sentences, translated
from danqing.tools.models import Loaded, Models, load
from danqing.tools.painter_words import numbered
from danqing.tools.painting import picture_of
from danqing.tools.registry import Context, Role
from danqing.tools.world import world

sys.path.insert(0, str(Path(__file__).parents[1]))
PROMPT = "watercolor. meadow, autumn, sunset, clear. a red house at the left."
SPOTTED = (
    "oil painting. sea, winter, <horizon17>. a boat <x9> <y20> <h6>; a blue bird <x25> <y8> <h3>."
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toy_language_models

    return toy_language_models.write(tmp_path_factory.mktemp("llm") / "qwen3", "qwen3")


@cache
def built_in() -> Models:
    """The models that ship, in this process."""
    return Models(catalogue.profile().models, device="cpu")


def own_vectors(said: list[str]) -> torch.Tensor:
    """What the painter's text encoder makes of sentences."""
    painter = built_in().get("text-to-image").model
    with torch.inference_mode():
        return semantic_vector(*read(painter.text_encoder, painter.tokenizer, said))


def translations(said: list[str], embedder: Loaded) -> torch.Tensor:
    """The same as of a language model."""
    beside = built_in().get("text-to-image"), built_in().get("generator")
    return torch.cat([translated(sentence, embedder, *beside) for sentence in said])


def test_a_map_is_found_where_there_is_one() -> None:
    torch.manual_seed(0)
    x, matrix, offset = torch.randn(1000, 8), torch.randn(8, 5), torch.randn(5)
    found, at_zero = fitted(x, x @ matrix + offset)
    assert torch.allclose(found, matrix, atol=0.05)
    assert torch.allclose(at_zero, offset, atol=0.05)


def test_the_sentences_are_the_same_every_time_and_of_the_world() -> None:
    first, second = (list(islice(sentences(SENTENCES), 50)) for _ in range(2))
    assert first == second
    assert len(set(first)) == 50
    assert all(first)
    for word in ("winter", " at the ", "<x", "<horizon"):
        assert sum(word in sentence for sentence in first) > 3


def test_padding_tells_nothing(folder: Path) -> None:
    planner = load(catalogue.language_model(folder), "cpu")
    with torch.inference_mode():
        alone = meant(planner, [PROMPT])
        among = meant(planner, ["night.", PROMPT, PROMPT + " two cats at the right."])
    assert torch.allclose(alone[0], among[1], atol=1e-4)


# -- the map


def test_what_it_means_is_said_in_the_painters_vectors(folder: Path) -> None:
    """Of sentences that the map was not found from, it tells most of what there is to tell, for
    even a model of random weights keeps the words apart."""
    planner = load(catalogue.language_model(folder), "cpu")
    new = list(sentences(SENTENCES + 40))[SENTENCES:]
    theirs, ours = translations(new, planner), own_vectors(new)
    wrong = (theirs - ours).square().sum() / (ours - ours.mean(0)).square().sum()
    assert wrong < 0.7
    other = (theirs.roll(1, 0) - ours).square().sum() / (ours - ours.mean(0)).square().sum()
    assert other > 1.2  # another sentence's vector is none for this one


def test_the_built_in_one_says_it_of_every_manner_of_speech() -> None:
    said = [
        PROMPT,
        SPOTTED,
        "two green trees in the desert at night",
        "A boat in the fog, watercolor.",
    ]
    near = cosine_similarity(translations(said, built_in().get("embedder")), own_vectors(said))
    assert (near > 0.75).all(), near


def test_the_map_that_ships_is_for_the_very_models_that_ship(folder: Path) -> None:
    """If not: python -m training.meaning"""
    painter, generator = (built_in().get(role) for role in ("text-to-image", "generator"))
    embedder = built_in().get("embedder")
    assert kept(embedder, painter, generator) is not None
    assert kept(load(catalogue.language_model(folder), "cpu"), painter, generator) is None
    moved = replace(embedder, entry=catalogue.language_model(folder))
    assert kept(moved, painter, generator) is None, "as wide, but of other weights"
    elsewhere = replace(generator, entry=embedder.entry)
    assert kept(embedder, painter, elsewhere) is None


# -- what the built-in language model knows


def test_one_meaning_in_two_languages_is_nearer_than_two_meanings() -> None:
    """Measured on 200 sentences: 95 in 100 of the others are farther."""
    triples = [
        ("two red houses by the sea", "海边的两座红房子", "一只猫"),
        ("winter, snow", "冬天，下雪", "左边有一棵绿色的树"),
        ("make the sky darker", "把天空变暗一点", "两只猫"),
        ("remove the dog", "去掉那只狗", "你好"),
        ("how many birds are there?", "有几只鸟？", "海边的两座红房子"),
        ("a cat", "一只猫", "把天空变暗一点"),
    ]
    same, other = (_nearness([(t[0], t[k]) for t in triples]).diagonal() for k in (1, 2))
    assert (same - other > 0.08).all(), (same, other)
    near = _nearness(list(_pairs(40)))
    farther = near.diagonal()[:, None] > near
    assert farther.sum() / (40 * 39) > 0.9


def _pairs(n: int) -> list[tuple[str, str]]:
    """Things of a color in a season, in English and Chinese."""
    w, random = world(), Random(0)
    seasons = {"spring": "春天", "summer": "夏天", "autumn": "秋天", "winter": "冬天"}
    made = []
    for _ in range(n):
        kind, color, season = (random.choice([*x]) for x in (w.objects, w.colors, seasons))
        english = f"{numbered(kind, 1, color)} in {season}"
        made.append(
            (english, f"{seasons[season]}，{w.colors[color].zh[0]}的{w.objects[kind].zh[0]}")
        )
    return made


def _nearness(pairs: list[tuple[str, str]]) -> torch.Tensor:
    """The cosines between all English and all Chinese sentences."""
    embedder = built_in().get("embedder")
    with torch.inference_mode():
        english, chinese = (meant(embedder, side) for side in map(list, zip(*pairs, strict=True)))
    return cosine_similarity(english[:, None], chinese[None], dim=2)


# -- what drives the generator


def drafts(models: Mapping[Role, Entry] | Models, prompt: str = PROMPT) -> list[bytes]:
    held = models if isinstance(models, Models) else Models(models, device="cpu")
    return [d.tobytes() for d in gan_image(Context(held), prompt=prompt, seeds=[1])]


def test_by_default_the_built_in_language_model_drives_it() -> None:
    painter, generator = (built_in().get(role) for role in ("text-to-image", "generator"))
    words = read(painter.model.text_encoder, painter.model.tokenizer, [PROMPT])
    z = torch.randn(1, generator.model.noise, generator=torch.Generator().manual_seed(1))

    def by(s: torch.Tensor) -> bytes:
        with torch.inference_mode():
            latents = generator.model(z, *words, s=s, truncation=0.7)
            return picture_of(painter, latents).tobytes()

    [drawn] = drafts(built_in())
    assert drawn == by(translations([PROMPT], built_in().get("embedder")))
    assert drawn != by(own_vectors([PROMPT]))
    without = {r: e for r, e in catalogue.profile().models.items() if r != "embedder"}
    assert drafts(without) == [by(own_vectors([PROMPT]))]


def test_a_language_model_that_plans_takes_its_place(folder: Path) -> None:
    arguments: dict[str, Any] = {"prompt": PROMPT, "seeds": [1, 2]}
    with Engine(planner=folder) as engine:
        entry = engine.profile.models["embedder"]
        assert entry == engine.profile.models["planner"] == catalogue.language_model(folder)
        first, second = (engine.call("gan_image", arguments).images for _ in range(2))
        assert "embedder" in engine.status().roles
    assert [a.tobytes() for a in first] == [b.tobytes() for b in second]
    assert first[0].tobytes() != drafts(built_in())[0]
    assert catalogue.models_fingerprint(engine.profile, "embedder") != (
        catalogue.models_fingerprint("sketchbook", "embedder")
    )
