"""A language model's semantic vector drives the generator: s, then I = G(z, s)."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from danqing.tools import catalogue
from danqing.tools.engine import Engine
from danqing.tools.generator import read, semantic_vector
from danqing.tools.meaning import SENTENCES, fitted, meant, sentences, translated
from danqing.tools.models import load

sys.path.insert(0, str(Path(__file__).parents[1]))
PROMPT = "watercolor. meadow, autumn, sunset, clear. a red house at the left."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toy_language_models

    return toy_language_models.write(tmp_path_factory.mktemp("llm") / "qwen3", "qwen3")


def test_a_map_is_found_where_there_is_one() -> None:
    torch.manual_seed(0)
    x, matrix, offset = torch.randn(200, 8), torch.randn(8, 5), torch.randn(5)
    found, at_zero = fitted(x, x @ matrix + offset)
    assert torch.allclose(found, matrix, atol=0.05)
    assert torch.allclose(at_zero, offset, atol=0.05)


def test_the_sentences_are_the_same_every_time_and_of_the_world() -> None:
    first, second = (list(islice(sentences(SENTENCES), 50)) for _ in range(2))
    assert first == second
    assert len(set(first)) == 50
    assert sum("winter" in sentence for sentence in first) > 3


def test_padding_tells_nothing(folder: Path) -> None:
    planner = load(catalogue.language_model(folder), "cpu")
    with torch.inference_mode():
        alone = meant(planner, [PROMPT])
        among = meant(planner, ["night.", PROMPT, PROMPT + " two cats at the right."])
    assert torch.allclose(alone[0], among[1], atol=1e-4)


def test_what_it_means_is_said_in_the_painters_vectors(folder: Path) -> None:
    """Of sentences that the map was not found from, it tells most of what there is to tell, for
    even a model of random weights keeps the words apart."""
    planner = load(catalogue.language_model(folder), "cpu")
    profile = catalogue.profile()
    painter = load(catalogue.entry(profile, "text-to-image"), "cpu")
    new = list(sentences(SENTENCES + 40))[SENTENCES:]
    theirs = torch.cat([translated(sentence, planner, painter) for sentence in new])
    with torch.inference_mode():
        ours = semantic_vector(*read(painter.model.text_encoder, painter.model.tokenizer, new))
    wrong = (theirs - ours).square().sum() / (ours - ours.mean(0)).square().sum()
    assert wrong < 0.6
    other = (theirs.roll(1, 0) - ours).square().sum() / (ours - ours.mean(0)).square().sum()
    assert other > 1.2  # another sentence's vector is none for this one


def test_it_drives_the_generator(folder: Path) -> None:
    arguments = {"prompt": PROMPT, "seeds": [1, 2]}
    with Engine() as plain:
        before = plain.call("gan_image", arguments).images
    with Engine(planner=folder) as engine:
        first, second = (engine.call("gan_image", arguments).images for _ in range(2))
        assert "planner" in engine.status().roles
    assert [a.tobytes() for a in first] == [b.tobytes() for b in second]
    assert all(a.tobytes() != b.tobytes() for a, b in zip(before, first, strict=True))
