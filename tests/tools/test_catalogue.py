"""Profiles say which model plays which role; damaged files are found before they are loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from danqing.tools import catalogue
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.errors import BadInput, Stopped


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
    with pytest.raises(BadInput, match=r"'sdxl'\. Known are: sketchbook; or "):
        catalogue.profile("sdxl")


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


# -- the user's own painter


def test_a_folder_of_the_user_paints_and_the_built_in_models_do_the_rest() -> None:
    built_in = catalogue.profile()
    folder = built_in.models["text-to-image"].folder
    mine = catalogue.profile(str(folder))
    assert mine.name == str(folder.resolve())
    assert mine.models["text-to-image"].words == "plain"
    assert mine.models["text-to-image"].native_size == 128
    assert mine.models["captioner"] == built_in.models["captioner"]
    assert catalogue.available(mine) == catalogue.available(built_in)


def test_a_folder_without_a_pipeline_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no Stable Diffusion pipeline in .*nothing"):
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
