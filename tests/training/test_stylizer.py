"""The stylizer's recipe: where it begins, what it learns from and is judged by, what it saves."""

from __future__ import annotations

import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image

from danqing.tools.catalogue import Entry
from danqing.tools.models import Models
from danqing.tools.registry import Context
from danqing.tools.style_network import moments, moved, restyled
from training import autoencoder, data, panoptic, stylizer
from training.scenes import layout
from training.scenes.render import render
from training.semantics import scene_of


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([render(layout.sample(seed), 128).rgb for seed in range(6)])


@pytest.fixture(scope="module")
def latents(pictures) -> AutoencoderTiny:
    torch.manual_seed(0)
    model = autoencoder.build("small")
    autoencoder.fit(model, pictures)
    return model


@pytest.fixture(scope="module")
def eyes() -> stylizer.Eyes:
    torch.manual_seed(0)
    return stylizer.Eyes(panoptic.build())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> data.Dataset:
    folder = tmp_path_factory.mktemp("data")
    data.draw(folder, 12)
    return data.Dataset.open(folder)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_the_stylizer_that_a_recipe_saves_is_loaded_by_the_tools_loader(
    monkeypatch, tmp_path, latents
):
    latents.save_pretrained(tmp_path / "autoencoder")
    panoptic.build().save_pretrained(tmp_path / "panoptic")
    monkeypatch.setattr(stylizer, "HELD_OUT", 3)
    small = {**stylizer.SETTINGS["small"], "n": 6, "answers": 3, "batch": 4}
    monkeypatch.setitem(stylizer.SETTINGS, "small", small)
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", [
        "stylizer", "--minutes", "0.01", "--device", "cpu", "--data", str(tmp_path / "data"),
        "--work", str(tmp_path / "work"), "--out", str(out),
        "--autoencoder", str(tmp_path / "autoencoder"), "--panoptic", str(tmp_path / "panoptic"),
    ])  # fmt: skip
    stylizer.main()
    page = (out / "README.md").read_text("utf-8")
    assert "| results: edge F1 |" in page
    assert (tmp_path / "work" / "sheet.png").exists()
    assert sum(file.stat().st_size for file in out.glob("*.safetensors")) < 3.2e6
    entry = Entry(
        source=str(out), loader="autoencoder", license="Apache-2.0", commercial=True, size_mb=3,
        memory_mb=6,
    )  # fmt: skip
    models = Models({"stylizer": entry}, device="cpu")
    one, other = (Image.fromarray(render(layout.sample(seed), 64).rgb) for seed in (1, 2))
    result = restyled(Context(models), models.get("stylizer"), one, other)
    assert result.size == one.size


def test_it_begins_as_the_autoencoder(pictures, latents):
    model = stylizer.build(latents)
    x = autoencoder.to_tensor(pictures[:2])
    with torch.inference_mode():
        z, own = model.encode(x).latents, latents.encode(x).latents
        assert torch.allclose(z[:, : own.shape[1]], own, atol=1e-5)
        assert float(z[:, own.shape[1] :].std((0, 2, 3)).min()) > 1e-4, "the others are not dead"
        assert torch.allclose(model.decode(z).sample, latents.decode(own).sample, atol=1e-5)
    x.requires_grad_()
    model.decode(model.encode(x).latents).sample.square().mean().backward()
    assert float(model.decoder.layers[0].weight.grad[:, own.shape[1] :].abs().max()) > 0


def test_an_answer_is_the_same_scene_in_the_style_and_light_of_the_other(dataset, tmp_path):
    known = stylizer.answers(tmp_path, dataset, 4)
    for (a, b), picture in zip(known.rows, known.pictures, strict=True):
        one, other = (scene_of(dataset.scenes[i]) for i in (a, b))
        assert one.style != other.style
        wanted = replace(
            one, style=other.style, season=other.season, time=other.time, weather=other.weather
        )
        assert np.array_equal(picture, render(wanted, 128).rgb)
    [file] = tmp_path.iterdir()
    stamp = file.stat().st_mtime_ns
    again = stylizer.answers(tmp_path, dataset, 4)
    assert np.array_equal(again.pictures, known.pictures)
    assert file.stat().st_mtime_ns == stamp


def test_a_batch_has_answers_pictures_that_stay_and_strangers(dataset, tmp_path):
    known = stylizer.answers(tmp_path, dataset, 4)
    x, reference, true, answered = stylizer.batch(dataset, known, 20, np.random.default_rng(0))
    assert x.shape == reference.shape == true.shape == (20, 3, 128, 128)
    same = [bool((a == b).all()) for a, b in zip(x, reference, strict=True)]
    assert sum(same) == 3
    assert int(answered.sum()) == 11
    for i in range(20):
        assert bool((x[i] == true[i]).all()) == (i >= 8), "strangers have no answer of their own"


def test_features_that_were_moved_have_no_distance(eyes, pictures):
    x, other = (autoencoder.to_tensor(pictures[k : k + 1]) for k in (0, 1))
    with torch.no_grad():
        a, b = eyes(x), eyes(other)
    assert float(stylizer.distance(a, a)) == 0.0
    assert float(stylizer.distance(a, b)) > 0.01
    close = [moved(p, moments(p), moments(q)) for p, q in zip(a, b, strict=True)]
    assert float(stylizer.distance(close, b)) < 0.01 * float(stylizer.distance(a, b))


def test_an_answer_counts_only_where_there_is_one(eyes, pictures):
    x, reference, true = (autoencoder.to_tensor(pictures[k : k + 2]) for k in (0, 2, 4))

    def loss(made: torch.Tensor, answer: torch.Tensor, known: bool) -> float:
        return float(stylizer.loss_of(eyes, made, x, reference, answer, torch.tensor([known] * 2)))

    assert loss(true, true, True) < 1e-4
    assert loss(x, true, True) > 1
    assert loss(true, true, False) == loss(true, x, False) > 0.5


def test_outlines_that_are_kept_are_counted():
    square = np.full((64, 64, 3), 255, np.uint8)
    square[16:48, 20:44] = (200, 30, 30)
    tinted = np.where(square == 255, 200, square).astype(np.uint8)
    moved_far = np.roll(square, 12, axis=1)
    assert stylizer.edge_f1(square, square) == pytest.approx(1.0)
    assert stylizer.edge_f1(square, tinted) > 0.95
    assert stylizer.edge_f1(square, moved_far) < 0.7
    assert stylizer.edge_f1(square, np.zeros_like(square)) == 0.0


def test_it_learns_what_it_is_shown(eyes, pictures, latents):
    torch.manual_seed(0)
    model = stylizer.build(latents)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, reference = (autoencoder.to_tensor(pictures[k : k + 2, 32:96, 32:96]) for k in (0, 2))
    losses = []
    for _ in range(6):
        made = stylizer.restyle(model, x, reference)
        known = torch.tensor([False, False])
        loss = stylizer.loss_of(eyes, made, x, reference, x, known)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
