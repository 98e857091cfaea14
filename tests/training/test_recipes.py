"""The recipes' own rules, and that what each saves is loaded by the code that the tools run."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from PIL import Image
from safetensors.torch import load_file

from danqing.tools import models
from danqing.tools.caption import read_words
from danqing.tools.catalogue import Entry
from danqing.tools.controls import HINTED, LINES, in_cells, of_sketch, outlines, shown
from danqing.tools.generator import Generator, words_in
from danqing.tools.painter_words import SPOT_WORDS
from danqing.tools.panoptic import see
from danqing.tools.registry import Context
from training import (
    autoencoder,
    captioner,
    cards,
    controlnet,
    data,
    decoder,
    gan,
    grader,
    painter,
    panoptic,
    semantics,
    upscaler,
    wear,
)
from training.scenes import captions, facts, layout
from training.scenes.render import render


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def latents(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("autoencoder")
    model = autoencoder.build("small")
    autoencoder.fit(model, np.stack([render(layout.sample(seed), 64).rgb for seed in range(12)]))
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(monkeypatch, tmp_path, latents):
    """Runs a recipe whole, on a handful of pictures for a second."""

    def run(recipe, *more: str, start: Path | None = None, **settings: float) -> Path:
        monkeypatch.setattr(recipe, "HELD_OUT", 2)
        small = {**recipe.SETTINGS["small"], **settings}
        monkeypatch.setitem(recipe.SETTINGS, "small", small)
        options = ["--minutes", "0.01", "--device", "cpu", "--data", str(tmp_path / "data")]
        options += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
        if recipe not in (grader, controlnet, gan):
            options += ["--autoencoder", str(latents)]
        options += ["--start", str(start)] if start else []
        monkeypatch.setattr(sys, "argv", ["recipe", *options, *more])
        recipe.main()
        return tmp_path / "out"

    return run


@pytest.fixture
def small_painter(monkeypatch):
    """The painter's recipe, with little to show and few words."""
    return painter


@pytest.fixture
def first(tiny, small_painter, tmp_path) -> Path:
    """The folder of a painter that a recipe has saved."""
    folder = tiny(small_painter, n=3, batch=2).rename(tmp_path / "first")
    shutil.rmtree(tmp_path / "work")
    return folder


def entry(folder: Path, loader: str) -> Entry:
    return Entry(
        source=str(folder), loader=loader, native_size=128, license="Apache-2.0", commercial=True,
        size_mb=8, memory_mb=16,
    )  # fmt: skip


# -- whole recipes


def test_the_captioner_that_a_recipe_saves_is_read_by_the_caption_tools_loader(tiny):
    out = tiny(captioner, n=4, batch=4, round_trips=2)
    loaded = models.load(entry(out, "image-text-to-text"), "cpu")
    image_processor, words = loaded.processor
    picture = Image.fromarray(render(layout.sample(1), 128).rgb)
    pixels = image_processor(images=picture, return_tensors="pt").pixel_values
    assert pixels.shape == (1, 3, 128, 128)
    assert float(pixels.min()) >= -1.0
    assert float(pixels.max()) <= 1.0
    ids = loaded.model.generate(pixel_values=pixels, max_new_tokens=96, do_sample=False)[0]
    text, said = read_words(words, ids.tolist(), [0.5] * len(ids))
    assert text == words.decode(ids, skip_special_tokens=True)
    assert [word for word, _ in said] == re.findall(r"\w+", text)
    assert "license: apache-2.0" in (out / "README.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_the_painter_that_a_recipe_saves_paints_through_the_draw_tools_loader(first):
    pipeline = models.load(entry(first, "diffusers"), "cpu").model
    made = pipeline("a cat. 一只猫。", num_inference_steps=2, output_type="np").images
    assert made.shape == (1, 128, 128, 3)
    page = (first / "README.md").read_text("utf-8")
    assert "| velocity loss |" in page
    assert "unet/diffusion_pytorch_model" in page


def test_a_controlnet_can_be_made_of_the_painters_unet():
    unet = painter.unet((96, 160), 128)
    control = ControlNetModel.from_unet(unet)
    x, t, words = torch.randn(1, 32, 16, 16), torch.tensor([500]), torch.randn(1, 7, 128)
    down, middle = control(x, t, words, torch.rand(1, 3, 128, 128), return_dict=False)
    made = unet(
        x, t, words, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample
    assert torch.allclose(made, unet(x, t, words).sample, atol=1e-6), "it begins as no control"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_a_controlnet_that_a_recipe_saves_steers_the_painter_it_learned_with(
    tiny, monkeypatch, tmp_path, first
):
    monkeypatch.setattr(controlnet, "SHEET", 1)
    before = (first / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    out = tiny(controlnet, "--painter", str(first), n=3, batch=4)
    pipeline = models.load(entry(first, "diffusers"), "cpu").model
    network = models.load(entry(out, "controlnet"), "cpu").model
    x, t = torch.randn(1, 32, 16, 16), torch.tensor([500])
    words = torch.randn(1, 7, pipeline.unet.config.cross_attention_dim)
    one, two = (
        controlnet.steered(pipeline.unet, network, x, t, words, torch.randn(1, 66, 16, 16))
        for _ in range(2)
    )
    assert one.shape == x.shape
    assert not torch.equal(one, two), "what it is shown matters"
    assert (first / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() == before
    assert "| hole: steered |" in (out / "README.md").read_text("utf-8")
    sheets = {path.stem for path in (tmp_path / "work").glob("*.png")}
    assert sheets == {name.replace(" ", "-") for name in controlnet.SHOWN}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_an_unlocked_painter_learns_in_its_second_half_beside_the_controlnet(
    tiny, monkeypatch, tmp_path, first
):
    monkeypatch.setattr(controlnet, "SHEET", 1)
    together = tmp_path / "together"
    tiny(controlnet, "--painter", str(first), "--unlock", str(together), n=3, batch=4)
    old, new = (models.load(entry(one, "diffusers"), "cpu").model for one in (first, together))
    after = dict(new.unet.named_parameters())
    changed = {
        name.split(".")[0]
        for name, weight in old.unet.named_parameters()
        if not torch.equal(weight, after[name])
    }
    assert changed == {"up_blocks", "conv_norm_out", "conv_out"}
    words = old.text_encoder.state_dict()
    assert all(torch.equal(words[k], v) for k, v in new.text_encoder.state_dict().items())
    assert cards.trained(together)[1] > cards.trained(first)[1]


def test_a_new_controlnet_changes_nothing_and_is_shown_what_tools_show():
    unet = painter.unet((96, 160), 128)
    network = controlnet.begun(unet)
    x, t, words = torch.randn(2, 32, 16, 16), torch.tensor([500, 20]), torch.randn(2, 7, 128)
    latents, mask = torch.randn(1, 32, 16, 16), torch.ones(1, 16, 16)
    seen = shown(latents, mask, latents, mask)
    made = controlnet.steered(unet, network, x, t, words, seen)
    assert torch.allclose(made, unet(x, t, words).sample, atol=1e-6)


def test_a_new_controlnet_reads_what_it_is_shown_as_the_painter_reads_latents():
    unet = painter.unet((96, 160), 128)
    picture, lines = torch.randn(2, 1, 32, 16, 16)
    seen = shown(picture, torch.ones(1, 16, 16), lines, torch.ones(1, 16, 16))
    with torch.inference_mode():
        read = controlnet.begun(unet).controlnet_cond_embedding(seen)
        same = unet.conv_in(picture + LINES * lines) - unet.conv_in.bias[:, None, None]
    assert torch.allclose(read, same, atol=1e-4)


def test_a_new_controlnet_has_something_to_learn_from():
    unet = painter.unet((96, 160), 128)
    network = controlnet.begun(unet)
    x, t, words = torch.randn(1, 32, 16, 16), torch.tensor([500]), torch.randn(1, 7, 128)
    seen = torch.randn(1, 66, 16, 16)
    controlnet.steered(unet, network, x, t, words, seen).sum().backward()
    zeros = [block.weight for block in network.controlnet_down_blocks]
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in zeros)
    for weight in zeros:
        torch.nn.init.normal_(weight)
    network.zero_grad()
    controlnet.steered(unet, network, x, t, words, seen).sum().backward()
    assert network.controlnet_cond_embedding.conv_in.weight.grad.abs().max() > 0


def test_what_is_kept_and_what_is_lined_is_drawn_by_chance_and_all_ways_happen():
    rng, fates = np.random.default_rng(0), Counter()
    scene = layout.sample(3)
    hinted = in_cells(of_sketch(controlnet.sketch_of(scene))[1], (16, 16))
    for _ in range(300):
        kept, lined, which = controlnet.masks(scene, hinted, rng)
        assert {kept.shape, lined.shape} == {(16, 16)}
        assert set(np.unique(kept)) <= {0.0, HINTED, 1.0}
        assert set(np.unique(lined)) <= {0.0, 1.0}
        assert not (kept == 1).all(), "then there is nothing to paint"
        sketched = kept == HINTED
        assert not (sketched & ~(hinted & (lined > 0))).any()
        assert which or not sketched.any(), "the outlines in a picture are not those of a sketch"
        fates[bool((kept == 1).any()), bool(lined.any()), bool(sketched.any())] += 1
    for fate in ((1, 0, 0), (0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)):
        assert fates[tuple(map(bool, fate))] > 5, fate


def test_errors_count_most_in_a_hole_and_where_things_are():
    scenes = [layout.sample(seed) for seed in range(8)]
    maps, _ = semantics.labels(scenes)
    samples = SimpleNamespace(latents=torch.randn(8, 32, 16, 16), maps=maps)
    parts = SimpleNamespace(
        lines=torch.randn(2, 8, 32, 16, 16), sketches=torch.randn(8, 32, 16, 16),
        hinted=np.random.default_rng(0).random((8, 16, 16)) < 0.3,
    )  # fmt: skip
    for seed in range(10):
        rng = np.random.default_rng(seed)
        seen, counts = controlnet.controls(samples, parts, scenes, range(8), rng)
        kept = seen[:, 64]
        assert counts.mean((1, 2)).numpy() == pytest.approx(1.0, abs=1e-4)
        assert torch.equal(seen[:, :32] != 0, (kept > 0)[:, None].expand(-1, 32, -1, -1))
        picture, sketch = (x.permute(0, 2, 3, 1) for x in (samples.latents, parts.sketches))
        shown_ = seen[:, :32].permute(0, 2, 3, 1)
        assert torch.equal(shown_[kept == 1], picture[kept == 1])
        assert torch.equal(shown_[kept == HINTED], sketch[kept == HINTED])
        focus = painter.focus_of(maps)
        for k, c, f in zip(kept, counts / focus, focus, strict=True):
            assert len(f.unique()) == 2
            if (k == 1).any():
                assert c[k < 1].min() == pytest.approx(5 * float(c[k == 1].max()), rel=1e-4)


def test_a_sketch_of_a_scene_has_its_things_where_they_are():
    scene = next(s for s in map(layout.sample, range(99)) if len(s.things) == 1)
    _, there, lines = of_sketch(controlnet.sketch_of(scene))
    [x0, y0, x1, y1] = (round(v * 128) for v in scene.things[0].box)
    near = np.zeros_like(there)
    near[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = True
    assert there.sum() > 20 and (lines > 0).sum() > 20
    assert not (there | (lines.max(2) > 0))[~near].any()


def test_outlines_are_where_colors_meet():
    rgb = np.full((64, 64, 3), 255, np.uint8)
    rgb[16:48, 20:40] = (200, 30, 30)
    lines = outlines(rgb)[..., 0] > 0
    assert lines[16:48, 18:23].any(1).all()
    assert not lines[24:40, 26:34].any()
    assert not lines[:12].any()


def test_the_panoptic_network_that_a_recipe_saves_is_read_by_the_tools_loader(tiny):
    out = tiny(panoptic, n=4, batch=2, round_trips=2, large=2)
    loaded = models.load(entry(out, "image-segmentation"), "cpu")
    picture = Image.fromarray(render(layout.sample(1), 256).rgb)
    context = Context(SimpleNamespace(get={"panoptic": loaded}.__getitem__))
    sight = see(context, picture)
    assert sight.names == panoptic.channels().shown
    assert sight.owner.shape == (128, 128)
    assert set(sight.facts) == set(semantics.FACTS)
    page = (out / "README.md").read_text("utf-8")
    for score in ("object F1", "count", "color", "mean IoU", "season"):
        assert f"| {score} |" in page


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_the_generator_that_a_recipe_saves_is_what_it_was(tiny, first):
    out = tiny(gan, "--painter", str(first), n=3, batch=2)
    assert {file.name for file in out.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    generator = Generator.from_pretrained(out)
    said = torch.randn(2, 64), torch.randn(2, 7, 128), torch.ones(2, 7, dtype=torch.bool)
    assert generator(*said).shape == (2, 32, 16, 16)
    assert torch.equal(generator(*said), Generator.from_pretrained(out)(*said))


def test_the_closer_of_two_seeds_learns_and_two_alike_lack_variety():
    true = torch.randn(4, 32, 16, 16)
    near, far = true + 0.1, true - 0.3
    one = gan.of_two(torch.stack([near, far]), true)
    assert torch.allclose(one, torch.tensor(0.1 * gan.PAIRED), atol=1e-4)
    assert torch.allclose(gan.of_two(torch.stack([far, near]), true), one)
    alike = gan.of_two(torch.stack([near, near]), true)
    assert torch.allclose(alike - one, torch.tensor(gan.VARIETY * gan.UNLIKE), atol=1e-4)


def test_truncation_draws_pictures_of_one_sentence_together_and_keeps_sentences_apart():
    torch.manual_seed(0)
    generator, words = Generator(), torch.randn(2, 7, 128)
    z, both = torch.randn(8, 64), words.repeat_interleave(4, 0)
    inside = torch.ones(8, 7, dtype=torch.bool)

    def spread(truncation: float) -> tuple[float, float]:
        with torch.inference_mode():
            w = generator(z, both, inside, truncation=truncation).view(2, 4, -1)
        return float(w.std(1).mean()), float((w[0].mean(0) - w[1].mean(0)).norm())

    (wide, _), (narrow, apart), (none, _) = spread(1.0), spread(0.4), spread(0.0)
    assert narrow < 0.6 * wide
    assert none < 0.01 * wide
    assert apart > 1.0


def test_what_pads_a_sentence_is_not_listened_to():
    text = painter.text_encoder((32, 1), 50, 9)
    short, long = torch.tensor([[0, 3, 4, 9]]), torch.tensor([[0, 3, 4, 9, 9, 9, 9]])
    generator, z = Generator(meaning=32), torch.randn(1, 64)

    def made(ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return generator(z, text(ids)[0], words_in(ids, end=9))

    assert torch.allclose(made(short), made(long), atol=1e-4)
    assert not torch.allclose(made(short), made(short.flip(1)), atol=1e-2)


def test_sky_and_ground_are_where_no_thing_is_and_meet_near_the_horizon(tmp_path):
    data.draw(tmp_path, 12)
    seen, dataset = data.ids(tmp_path), data.Dataset.open(tmp_path)
    for ids, spec in zip(seen, dataset.scenes, strict=True):
        scene = semantics.scene_of(spec)
        drawn = render(scene, 128).ids
        assert np.array_equal(ids[drawn < 200], drawn[drawn < 200])
        rows = np.flatnonzero((ids == data.GROUND).any(1))
        assert rows.min() >= scene.horizon * 128 - 1
        sky = (ids == data.SKY).mean()
        assert (sky == 0) == (scene.setting == "indoors")
        assert sky < scene.horizon + 0.03
    assert data.ids(tmp_path) is not seen


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_the_decoder_learns_from_a_painter_and_the_encoder_stays(tiny, tmp_path, latents, first):
    out = tiny(decoder, "--painter", str(first), "--install", n=3, batch=4)
    page = (first / "README.md").read_text("utf-8")
    digest = hashlib.sha256((out / "diffusion_pytorch_model.safetensors").read_bytes()).hexdigest()
    assert digest in page
    assert page.count("| decoder: painted: psnr_db |") == 1
    assert "| velocity loss |" in page
    before, after = (
        load_file(folder / "diffusion_pytorch_model.safetensors") for folder in (latents, out)
    )
    for name, weight in after.items():
        same = torch.equal(weight, before[name].half())
        assert same or not name.startswith("encoder"), f"{name} is the painter's"
    assert any(not torch.equal(w, before[n].half()) for n, w in after.items())
    assert str(tmp_path.parent) not in (out / "config.json").read_text("utf-8")


def test_what_a_decoder_learns_from_lies_at_the_same_place_in_picture_and_latents():
    # A picture of 8x8 blocks whose color tells where they are, and latents that say the same.
    place = torch.arange(256).view(16, 16)
    picture = place.numpy().astype(np.uint8).repeat(8, 0).repeat(8, 1)[None, ..., None]
    z = place.view(1, 1, 16, 16).half()
    pairs = decoder.Pairs(picture.repeat(3, 3), z, -z)
    x, latents = pairs.batch(10, np.random.default_rng(0))
    seen = ((x[:, 0, ::8, ::8] + 1) * 127.5).round()
    assert torch.equal(latents[:6, 0], -seen[:6])
    assert torch.equal(latents[6:, 0], seen[6:])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
def test_a_painter_goes_on_from_finished_weights_and_its_card_adds_up(tiny, small_painter, first):
    assert cards.trained(first)[1] > 0
    again = tiny(small_painter, n=3, batch=2, start=first, rate=0.0)
    assert cards.trained(again)[1] > cards.trained(first)[1]
    weights = "unet/diffusion_pytorch_model.safetensors"
    before, after = load_file(first / weights), load_file(again / weights)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_card_without_numbers_is_no_start(tmp_path):
    (tmp_path / "README.md").write_text("# a model\n", "utf-8")
    with pytest.raises(ValueError, match="does not say how long"):
        cards.trained(tmp_path)
    assert cards.trained(None) == (0.0, 0)


def test_every_spot_is_one_token_of_the_painters():
    words = painter.tokenizer_from(["a cat <x3> <y4> <h5>."])
    for spot in SPOT_WORDS:
        assert words.tokenize(f"a cat {spot} <h3>.")[-3:-1] == [spot, "<h3>"]


def test_rare_things_are_seen_more_often():
    scenes = [s for s in map(layout.sample, range(400)) if data.plain(s)]
    chances = painter.chances(scenes)
    assert chances.sum() == pytest.approx(1.0)
    counts = Counter(k for s in scenes for k in {t.kind for t in s.things})
    rare, common = min(counts, key=counts.get), max(counts, key=counts.get)
    of = {
        kind: np.mean([float(c) for c, s in zip(chances, scenes, strict=True)
                       if {t.kind for t in s.things} == {kind}])
        for kind in (rare, common)
    }  # fmt: skip
    assert of[rare] > of[common]


def test_errors_count_more_where_a_thing_is():
    scene = next(s for s in map(layout.sample, range(99)) if len(s.things) == 1)
    maps, _ = semantics.labels([scene])
    focus = painter.focus_of(maps)
    assert focus.shape == (1, 16, 16)
    assert focus.mean() == pytest.approx(1.0)
    there = maps[0, 0] > 0
    assert focus[0][there].min() == focus.max()
    assert focus.max() == pytest.approx(3 * focus.min())


def test_the_upscaler_that_a_recipe_saves_enlarges_through_the_upscale_tools_loader(tiny):
    out = tiny(upscaler, n=2, batch=2)
    loaded = models.load(entry(out, "image-to-image"), "cpu")
    assert loaded.model.config.upscale == upscaler.SCALE
    small = torch.rand(1, 3, 24, 32)
    with torch.inference_mode():
        large = loaded.model(pixel_values=small).reconstruction
    assert large.shape == (1, 3, 96, 128)
    assert json.loads((out.parent / "work" / "scores.json").read_text())["n"] == 2


def test_a_saved_grader_sees_the_same_after_loading(tiny):
    out = tiny(grader, n=4, batch=4)
    network = grader.load(out)
    pictures = np.stack([render(layout.sample(seed), 128).rgb for seed in (1, 2)])
    first, second = grader.look(network, pictures), grader.look(grader.load(out), pictures)
    assert [look.facts for look in first] == [look.facts for look in second]
    assert all(set(look.facts) == set(semantics.FACTS) for look in first)


# -- the captioner's words and maps


def test_every_canonical_caption_survives_the_tokenizer():
    words = captioner.tokenizer()
    for seed in range(120):
        text = captions.canonical(layout.sample(seed))
        assert words.decode(words(text).input_ids, skip_special_tokens=True) == text
        assert words.unk_token is None
        assert words.pad_token_id not in words(text).input_ids


def test_labels_end_with_the_end_and_ignore_what_follows():
    words = captioner.tokenizer()
    text = captions.canonical(layout.sample(3))
    ids = captioner.encode(words, [text])[0]
    length = int((ids >= 0).sum())
    assert ids[length - 1] == words.eos_token_id
    assert (ids[length:] == -100).all()
    assert words.decode(ids[: length - 1]) == text


def test_a_caption_with_a_foreign_word_or_without_an_end_is_refused():
    words = captioner.tokenizer()
    with pytest.raises(ValueError, match="outside the vocabulary"):
        captioner.encode(words, ["a cat at the left.", "a zebra at the left."])
    with pytest.raises(ValueError, match="more than 64 tokens"):
        captioner.encode(words, ["a cat. " * 40])


def test_the_map_of_a_mirrored_scene_is_the_mirrored_map():
    for seed in range(30):
        scene = layout.sample(seed)
        there = semantics.map_of(facts.mirror(scene))
        assert there[2].sum() == semantics.map_of(scene)[2].sum()
        for thing in facts.mirror(scene).things:
            x, y = facts.center(thing.box)
            assert there[2][int(y * semantics.GRID), int(x * semantics.GRID)] == 1


def test_a_batch_shows_a_mirrored_picture_with_the_mirrored_words(tmp_path, monkeypatch):
    monkeypatch.setattr(captioner, "SMUDGED", 0.0)
    monkeypatch.setattr(captioner, "FORMLESS", 0.0)
    data.draw(tmp_path / "set", 3, workers=1)
    dataset = data.Dataset.open(tmp_path / "set")
    words = captioner.tokenizer()
    samples = captioner.prepare(dataset, np.empty((0, 128, 128, 3), np.uint8), words)
    scenes = [semantics.scene_of(spec) for spec in dataset.scenes]
    expected = {
        captions.canonical(side): np.asarray(picture)[:, ::step].astype(float)
        for scene, picture in zip(scenes, dataset.pictures, strict=True)
        for side, step in ((scene, 1), (facts.mirror(scene), -1))
    }
    pixels, ids, maps, told = samples.batch(24, np.random.default_rng(0), "cpu")
    assert maps.shape == (24, 3, 16, 16)
    assert told.shape == (24, 5)
    for x, row in zip(pixels, ids, strict=True):
        text = words.decode(row[row >= 0], skip_special_tokens=True)
        shown = (x.permute(1, 2, 0).numpy() + 1.0) * 127.5
        nearest = min(expected, key=lambda k: np.abs(expected[k] - shown).mean())
        assert text == nearest


def test_a_batch_leaves_out_of_the_sentence_what_it_has_smudged(tmp_path, monkeypatch):
    monkeypatch.setattr(captioner, "SMUDGED", 1.0)
    monkeypatch.setattr(captioner, "FORMLESS", 0.0)
    data.draw(tmp_path / "set", 6, workers=1, simple=True)
    dataset, words = data.Dataset.open(tmp_path / "set"), captioner.tokenizer()
    samples = captioner.prepare(dataset, np.empty((0, 128, 128, 3), np.uint8), words)
    _, ids, maps, _ = samples.batch(40, np.random.default_rng(0), "cpu")
    seen = set()
    for row, grid in zip(ids, maps, strict=True):
        text = words.decode(row[row >= 0], skip_special_tokens=True)
        things = int(grid[2].sum())
        assert (text.count(".") == 2) == (things == 0), "no things, no third sentence"
        seen.add(things)
    assert 0 in seen
    assert len(seen) > 1


def test_a_batch_calls_a_formless_picture_unclear_and_asks_nothing_else_of_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(captioner, "FORMLESS", 1.0)
    data.draw(tmp_path / "set", 2, workers=1)
    dataset, words = data.Dataset.open(tmp_path / "set"), captioner.tokenizer()
    samples = captioner.prepare(dataset, np.empty((0, 128, 128, 3), np.uint8), words)
    _, ids, maps, told = samples.batch(4, np.random.default_rng(0), "cpu")
    assert {words.decode(row, skip_special_tokens=True) for row in ids} == {captioner.UNCLEAR}
    assert not maps[:, [0, 2]].any()
    assert (told == -1).all()


def test_scores_tell_right_groups_from_wrong_ones():
    true = (
        "flat illustration. sea, winter, day, clear. a red boat at the left; two cats at the right."
    )
    said = "flat illustration. sea, winter, day, rain. a red boat at the left; a cat at the right."
    found = captioner.scores([said, true], [true, true])
    assert found["exact"] == 0.5
    assert found["style"] == 1.0
    assert found["facts"] == 7 / 8
    assert found["group_precision"] == found["group_recall"] == 3 / 4


# -- the upscaler


def test_an_untrained_upscaler_enlarges_about_as_bilinear_interpolation_does():
    torch.manual_seed(0)
    small = render(layout.sample(5), 128).rgb[None, 40:88, 40:88]
    plain = upscaler.interpolated(small, Image.Resampling.BILINEAR)
    made = upscaler.enlarge(upscaler.build("small"), small)
    assert upscaler.scores(made, plain)["psnr_db"] > 30


def test_ssim_is_one_for_the_same_picture_and_falls_with_noise():
    rng = np.random.default_rng(0)
    a = render(layout.sample(6), 128).rgb[..., 0] / 255
    mild, strong = (np.clip(a + rng.normal(0, s, a.shape), 0, 1) for s in (0.02, 0.2))
    assert upscaler.ssim(a, a) == pytest.approx(1.0)
    assert 1.0 > upscaler.ssim(a, mild) > upscaler.ssim(a, strong) > 0.0


def test_training_crops_show_the_same_place_at_both_sizes(tmp_path, latents):
    pairs = upscaler.pairs(tmp_path, "pairs", 2, 7, latents, "cpu")
    pairs.soft = np.asarray(pairs.small)
    x, y = pairs.batch(8, np.random.default_rng(1), "cpu")
    assert x.shape == (8, 3, 32, 32)
    assert y.shape == (8, 3, 128, 128)
    reduced = torch.nn.functional.avg_pool2d(y, upscaler.SCALE)
    right = (reduced - x).abs().mean((1, 2, 3))
    wrong = (reduced.roll(1, 0) - x).abs().mean((1, 2, 3))
    assert right.mean() < 0.5 * wrong.mean()


# -- the autoencoder and its data


def test_the_encoder_yields_uncorrelated_latents_brought_halfway_to_one_size():
    pictures = np.stack([render(layout.sample(seed), 64).rgb for seed in range(40)])
    model = autoencoder.build("small")
    autoencoder.fit(model, pictures)
    with torch.inference_mode():
        z = autoencoder.encode(model, autoencoder.to_tensor(pictures))
    assert z.shape == (40, autoencoder.CHANNELS, 8, 8)
    found = torch.cov(z.transpose(0, 1).flatten(1))
    sizes = autoencoder.deviations(model)
    assert torch.allclose(found, torch.diag(sizes**2), atol=0.1)
    assert sizes[0] == pytest.approx(autoencoder.SPREAD)
    assert 0.7 < float((sizes**2).mean()) < 1.4
    assert (sizes.diff() < 0).all(), "what moves a picture most comes first"
    blocks = pictures.reshape(40, 8, 8, 8, 8, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 192)
    variances = np.linalg.eigvalsh(np.cov(blocks.T.astype(float)))[::-1][: len(sizes)]
    relative = (sizes / sizes[0]).numpy()
    assert relative == pytest.approx((variances / variances[0]) ** 0.25, rel=0.01)


def test_latents_are_disturbed_in_proportion_to_their_deviations():
    model = autoencoder.build("small")
    autoencoder.fit(model, np.stack([render(layout.sample(s), 64).rgb for s in range(12)]))
    z = torch.zeros(400, autoencoder.CHANNELS, 4, 4)
    moved = autoencoder.disturbed(model, z, torch.Generator().manual_seed(0))
    found = moved.std((0, 2, 3)) / autoencoder.deviations(model)
    assert found.max() < 1.1 * found.min()
    assert found.mean() == pytest.approx(autoencoder.NOISE / 3**0.5, rel=0.1)


def test_the_encoder_keeps_the_principal_part_of_each_block_and_nothing_of_its_neighbors():
    pictures = np.stack([render(layout.sample(seed), 64).rgb for seed in range(12)])
    model = autoencoder.build("small")
    autoencoder.fit(model, pictures)
    x = autoencoder.to_tensor(pictures[:1]).repeat(2, 1, 1, 1)
    x[1, :, 16:24, 32:40] += 0.5
    with torch.inference_mode():
        a, b = autoencoder.encode(model, x)
    moved = (a - b).abs().sum(0) > 1e-4
    assert moved.nonzero().tolist() == [[2, 4]]


def test_a_plain_data_set_holds_few_large_things_where_they_are_at_home(tmp_path):
    data.draw(tmp_path / "set", 5, size=32, workers=1, simple=True)
    scenes = [semantics.scene_of(spec) for spec in data.Dataset.open(tmp_path / "set").scenes]
    assert len(scenes) == 5
    assert all(data.plain(scene) and len(scene.things) <= 5 for scene in scenes)
    assert not all(data.plain(layout.sample(scene.seed + 1)) for scene in scenes)


def test_a_set_that_is_too_small_is_drawn_anew_and_nothing_else_in_its_folder_is_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("kept", "utf-8")
    data.draw(tmp_path, 2, size=32)
    first = (tmp_path / "pictures.npy").stat().st_mtime_ns
    data.draw(tmp_path, 2, size=32)
    assert (tmp_path / "pictures.npy").stat().st_mtime_ns == first
    data.draw(tmp_path, 3, size=32)
    assert len(data.Dataset.open(tmp_path).pictures) == len(data.Dataset.open(tmp_path).scenes) == 3
    assert (tmp_path / "mine.txt").read_text("utf-8") == "kept"


# -- worn pictures, the grader, cards


def test_what_is_smudged_changes_inside_its_box_and_hardly_elsewhere():
    scene = next(s for s in map(layout.sample, range(99)) if len(s.things) == 1)
    picture, box = render(scene, 128).rgb, scene.things[0].box
    made = wear.smudged(picture, [box], np.random.default_rng(0))
    far = np.abs(made.astype(float) - picture).mean(2)
    x0, y0, x1, y1 = (round(v * 128) for v in box)
    inside = far[y0:y1, x0:x1].mean()
    far[max(y0 - 40, 0) : y1 + 40, max(x0 - 40, 0) : x1 + 40] = 0.0
    assert inside > 5
    assert far.max() == 0.0


def test_a_formless_picture_has_lost_its_edges_or_their_places():
    rng = np.random.default_rng(0)
    picture = render(layout.sample(8), 128).rgb
    for _ in range(20):
        made = wear.formless(picture, rng)
        assert made.shape == picture.shape
        assert made.dtype == np.uint8
        edges = [cv2.Laplacian(p[..., 1].astype(np.float32), cv2.CV_32F) for p in (picture, made)]
        assert abs(np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1]) < 0.35


def test_a_worn_picture_keeps_shape_and_stays_near_the_drawing():
    rng = np.random.default_rng(0)
    picture = render(layout.sample(8), 128).rgb
    changed = 0
    for _ in range(40):
        worn = wear.worn(picture, rng)
        assert worn.shape == picture.shape
        assert worn.dtype == np.uint8
        far = np.abs(worn.astype(float) - picture).mean()
        assert far < 30
        changed += far > 0
    assert 10 < changed < 40


def test_two_sets_become_one_in_which_what_belongs_together_stays_so():
    one, other = (
        data.Dataset(
            np.arange(first, first + n, dtype=np.uint8).reshape(n, 1, 1, 1),
            [{"en": [str(i)]} for i in range(first, first + n)],
            [{"seed": i} for i in range(first, first + n)],
        )
        for first, n in ((0, 40), (40, 60))
    )
    both = one + other
    numbers = [int(scene["seed"]) for scene in both.scenes]
    assert sorted(numbers) == list(range(100))
    assert both.pictures.ravel().tolist() == numbers
    assert [int(c["en"][0]) for c in both.captions] == numbers
    assert 10 < sum(n < 40 for n in numbers[:50]) < 30, "any part is of both"


def test_round_trips_are_made_once_and_kept(tmp_path, latents):
    pictures = np.stack([render(layout.sample(seed), 64).rgb for seed in (1, 2, 3)])
    file = tmp_path / "soft.npy"
    made = wear.cached_round_trips(file, latents, pictures, 2, "cpu")
    [kept] = tmp_path.glob("soft-*.npy")
    stamp = kept.stat().st_mtime_ns
    again = wear.cached_round_trips(file, latents, pictures, 2, "cpu")
    assert made.shape == (2, 64, 64, 3)
    assert np.array_equal(made, again)
    assert kept.stat().st_mtime_ns == stamp
    (other := tmp_path / "other").mkdir()
    autoencoder.build("small").save_pretrained(other)
    assert not np.array_equal(wear.cached_round_trips(file, other, pictures, 2, "cpu"), made)


def test_neighboring_centers_are_counted_as_two_things_and_a_split_one_as_one():
    p = np.zeros((28, 16, 16), np.float32)
    p[3, 5, 5] = p[3, 5, 6] = 0.95
    p[4, 1, 1], p[4, 1, 2] = 0.5, 0.4
    p[5, 9, 9] = 0.3
    found = [peak[0] for peak in grader._peaks(p)]
    assert sorted(found) == [3, 3, 4]


def test_a_card_names_every_weight_file_with_its_hash(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    page = cards.write(
        tmp_path, cards.UPSCALER, minutes=14.6, samples=1234, scores={"a": {"psnr_db": 31.25}}
    ).read_text("utf-8")
    assert page.startswith("---\nlicense: apache-2.0\n")
    assert hashlib.sha256(b"weights").hexdigest() in page
    assert "| a: psnr_db | 31.25 |" in page
    assert "1,234 samples in 15 minutes" in page


def test_a_card_is_amended_in_place(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    cards.write(tmp_path, cards.PAINTER, minutes=3, samples=5, scores={"a": 1, "b": {"c": 2}})
    (tmp_path / "model.safetensors").write_bytes(b"another")
    cards.amend(tmp_path, {"b": {"c": 3.5}, "d": 4})
    page = (tmp_path / "README.md").read_text("utf-8")
    assert "|---|---|\n| a | 1 |\n| b: c | 3.5 |\n| d | 4 |\n\n" in page
    assert hashlib.sha256(b"another").hexdigest() in page
    assert hashlib.sha256(b"one").hexdigest() not in page
    assert page.count("## ") == 6
    assert cards.trained(tmp_path) == (3.0, 5)
    (tmp_path / "README.md").write_text("no table")
    with pytest.raises(ValueError, match="no table of scores"):
        cards.amend(tmp_path, {"a": 1})


def test_a_card_without_weights_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="safetensors"):
        cards.write(tmp_path, cards.GRADER, minutes=1, samples=1, scores={})
