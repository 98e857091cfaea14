"""Profiles say which model plays which role; damaged files are found before they are loaded."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from danqing.tools import catalogue
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.errors import BadInput, Stopped
from danqing.tools.pipelines import PIPELINES


def write_safetensors(file: Path, data: bytes = bytes(8)) -> None:
    header = {"w": {"dtype": "F16", "shape": [4], "data_offsets": [0, len(data)]}}
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def model(source: Path) -> Entry:
    return Entry(
        source=str(source), loader="diffusers", license="MIT", commercial=True,
        size_mb=1, memory_mb=1,
    )  # fmt: skip


def test_the_built_in_profile_is_small_and_free_for_every_use() -> None:
    built_in = catalogue.profile()
    assert built_in.name == "sketchbook"
    assert {"text-to-image", "captioner", "upscaler", "panoptic"} <= set(built_in.models)
    assert sum(entry.size_mb for entry in built_in.models.values()) <= 52
    assert all(entry.commercial for entry in built_in.models.values())
    assert all(entry.source.startswith("weights/") for entry in built_in.models.values())


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"'sdx'\. Known are: sketchbook, .*sdxl.*; or "):
        catalogue.profile("sdx")


def test_a_role_without_a_model_or_without_files_stops(tmp_path: Path) -> None:
    profile = Profile(name="mine", summary="", models={"upscaler": model(tmp_path / "none")})
    assert catalogue.available(profile) == frozenset()
    with pytest.raises(Stopped, match="'mine' has no model for the role 'captioner'"):
        catalogue.entry(profile, "captioner")
    with pytest.raises(Stopped, match=r"is not at .*none"):
        catalogue.entry(profile, "upscaler")


def test_whole_files_pass_and_every_cut_is_found(tmp_path: Path) -> None:
    file = tmp_path / "unet" / "model.safetensors"
    write_safetensors(file)
    catalogue.check_weights(tmp_path)
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        with pytest.raises(Stopped, match=r"model\.safetensors"):
            catalogue.check_weights(tmp_path)
    file.write_bytes(whole + b"x")
    with pytest.raises(Stopped, match="bytes instead of"):
        catalogue.check_weights(tmp_path)


def test_a_folder_without_weights_stops(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"has no \.safetensors file"):
        catalogue.check_weights(tmp_path)


def test_the_fingerprint_follows_the_content_only(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    write_safetensors(file, bytes(8))
    before = catalogue.fingerprint(tmp_path)
    os.utime(file, ns=(1, 1))
    (tmp_path / "README.md").write_text("A card.")
    assert catalogue.fingerprint(tmp_path) == before
    write_safetensors(file, bytes(7) + b"\1")
    assert catalogue.fingerprint(tmp_path) != before
    assert len(before) == 12
    before = catalogue.fingerprint(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("what a model is told")
    assert catalogue.fingerprint(tmp_path) != before


# -- profiles of a hub's models

HUB = {name: p for name, p in catalogue.profiles().items() if p.own}


def test_a_few_steps_and_instructions_and_the_old_ones_are_there() -> None:
    assert {"sd15", "sdxl", "z-image", "klein"} <= set(HUB)


@pytest.mark.parametrize("name", HUB)
def test_a_hub_profile_says_what_it_takes_and_is_not_here_by_itself(
    name: str, tmp_path: Path
) -> None:
    profile = catalogue.profile(name, tmp_path)
    for role, entry in profile.own.items():
        assert entry.license != "see its model card"
        assert entry.commercial, "nothing else is named without a word about it"
        assert entry.size_mb > 0
        assert entry.memory_mb > 0
        assert entry.memory_on("cuda") == entry.memory_on("cpu") / 2
        for source in entry.sources:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+", str(source.repository))
            assert source.revision == "main" or re.fullmatch("[0-9a-f]{40}", source.revision)
            assert source.folder.is_relative_to(tmp_path / "models")
        assert not entry.ready
        with pytest.raises(Stopped, match=f"`danqing models pull {name} {role}`"):
            catalogue.entry(profile, role)
    assert catalogue.available(profile) == {
        role for role, entry in profile.models.items() if not entry.repository
    }


def test_the_built_in_models_stand_in_for_what_has_not_been_downloaded() -> None:
    profile, built_in = HUB["sd15"], catalogue.profile().models
    settled = catalogue.settled(profile).models
    assert settled["captioner"] == built_in["captioner"]
    assert settled["upscaler"] == built_in["upscaler"]
    for role in ("text-to-image", "controlnet", "answerer"):
        assert settled[role] == profile.models[role]
    assert catalogue.settled(catalogue.profile()) == catalogue.profile()


@pytest.mark.parametrize("name", HUB)
def test_what_works_with_one_painter_only_is_not_that_of_another(name: str) -> None:
    profile = HUB[name]
    if profile.models["text-to-image"].repository:
        belonging = catalogue.BELONGS & set(profile.models)
        assert all(profile.models[role].repository for role in belonging)
    assert profile.models["panoptic"] == catalogue.profile().models["panoptic"]


def test_a_painter_that_has_a_tiny_decoder_of_its_own_is_previewed_with_that() -> None:
    names = {name: p.models["previewer"].repository for name, p in HUB.items()
             if "previewer" in p.models}  # fmt: skip
    tiny = {"sd15": "taesd", "sdxl": "taesdxl", "z-image": "taef1"}
    assert names == {name: f"madebyollin/{decoder}" for name, decoder in tiny.items()}


@pytest.mark.parametrize("name", [name for name in HUB if name != "photos"])
def test_a_painter_of_a_hub_has_the_usual_values_of_its_kind(name: str) -> None:
    kind = {
        "sd15": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline",
        "z-image": "ZImagePipeline", "klein": "Flux2KleinPipeline",
    }[name]  # fmt: skip
    usual, painter = PIPELINES[kind], HUB[name].models["text-to-image"]
    assert painter.defaults == {"steps": usual.steps, "guidance_scale": usual.guidance_scale}
    assert painter.native_size == (usual.native_size or painter.native_size)
    assert painter.words == "plain"


@pytest.mark.parametrize(
    ("source", "wanted", "not_wanted"),
    [
        (
            HUB["sd15"].models["text-to-image"],
            ["model_index.json", "unet/diffusion_pytorch_model.fp16.safetensors",
             "text_encoder/model.fp16.safetensors", "tokenizer/merges.txt", "vae/config.json"],
            ["unet/diffusion_pytorch_model.safetensors", "v1-5-pruned.safetensors",
             "unet/diffusion_pytorch_model.non_ema.safetensors", "README.md",
             "unet/diffusion_pytorch_model.fp16.bin", "v1-5-pruned.ckpt"],
        ),
        (
            HUB["z-image"].models["text-to-image"],
            ["transformer/diffusion_pytorch_model-00001-of-00003.safetensors",
             "transformer/diffusion_pytorch_model.safetensors.index.json",
             "tokenizer/tokenizer.json", "tokenizer/chat_template.jinja"],
            ["assets/DMDR.webp", "teaser.safetensors", "modeling.py"],
        ),
        (
            HUB["z-image"].models["controlnet"],
            ["Z-Image-Turbo-Fun-Controlnet-Union-2.1-lite-2602-8steps.safetensors"],
            ["Z-Image-Turbo-Fun-Controlnet-Union-2.1.safetensors", "config.json"],
        ),
        (
            HUB["sdxl"].models["previewer"],
            ["config.json", "diffusion_pytorch_model.safetensors"],
            ["taesdxl_decoder.safetensors", "diffusion_pytorch_model.bin"],
        ),
        (
            HUB["sdxl"].models["captioner"],
            ["model.safetensors", "config.json", "tokenizer.json", "vocab.txt"],
            ["pytorch_model.bin", "tf_model.h5", "onnx/model.safetensors"],
        ),
    ],
)  # fmt: skip
def test_of_a_repository_only_what_is_needed_is_wanted(
    source: Entry, wanted: list[str], not_wanted: list[str]
) -> None:
    assert [path for path in wanted + not_wanted if source.wants(path)] == wanted


# -- the user's own painter


def test_a_folder_of_the_user_paints_and_the_built_in_models_do_the_rest() -> None:
    built_in = catalogue.profile()
    folder = built_in.models["text-to-image"].folder
    mine = catalogue.profile(str(folder))
    assert mine.name == str(folder.resolve())
    assert mine.models["text-to-image"].words == "plain"
    assert mine.models["text-to-image"].native_size == 128
    assert mine.models["captioner"] == built_in.models["captioner"]
    of_another = {"controlnet", "generator"}
    assert catalogue.available(mine) == catalogue.available(built_in) - of_another


def test_a_folder_without_a_pipeline_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no pipeline that paints in .*nothing"):
        catalogue.profile(str(tmp_path / "nothing"))


def test_a_pipeline_of_another_kind_is_refused_with_those_that_can_paint(tmp_path: Path) -> None:
    for part in ("unet", "vae"):
        (tmp_path / part).mkdir()
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioPipeline"}')
    (tmp_path / "unet/config.json").write_text('{"sample_size": 64}')
    (tmp_path / "vae/config.json").write_text('{"block_out_channels": [1, 2, 3, 4]}')
    with pytest.raises(BadInput, match="AudioPipeline"):
        catalogue.profile(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    assert catalogue.profile(str(tmp_path)).models["text-to-image"].native_size == 512
