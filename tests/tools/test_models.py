"""Models are loaded once, from whole and harmless files, and make room for each other."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from danqing.tools import models
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine
from danqing.tools.errors import BadInput, Stopped
from danqing.tools.models import Loaded, Models, pick_device
from danqing.tools.registry import Role


def copied(profile: Profile, folder: Path) -> Profile:
    """The profile with its captioner's files copied to ``folder``."""
    entry = profile.models["captioner"]
    shutil.copytree(entry.folder, folder, dirs_exist_ok=True)
    moved = entry.model_copy(update={"source": str(folder)})
    return profile.model_copy(update={"models": {"captioner": moved}})


def test_halves_on_disk_are_floats_on_a_cpu(toy_models_here: Models) -> None:
    loaded = toy_models_here.get("upscaler")
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    assert not loaded.model.training
    assert toy_models_here.get("upscaler") is loaded


def test_the_least_recently_used_model_makes_room(toy_profile: Profile) -> None:
    sizes = Models(toy_profile.models, device="cpu")
    captioner, upscaler = (sizes.get(r).memory_mb for r in ("captioner", "upscaler"))
    declared = toy_profile.models["text-to-image"].memory_mb
    models = Models(toy_profile.models, device="cpu", memory_mb=declared + captioner + upscaler / 2)
    models.get("captioner")
    models.get("upscaler")
    models.get("captioner")
    assert models.roles == ("upscaler", "captioner")
    models.get("text-to-image")
    assert models.roles == ("captioner", "text-to-image")
    models.unload()
    assert not models.roles


def test_a_damaged_file_stops_the_call_by_name_and_not_the_worker(
    toy_profile: Profile, tmp_path: Path
) -> None:
    profile = copied(toy_profile, tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    image = {"image": Image.new("RGB", (32, 32))}
    with Engine(profile, device="cpu") as engine:
        for _ in range(2):
            with pytest.raises(Stopped, match=f"{weights} has .* bytes instead of"):
                engine.call("caption", {}, image)
        assert engine.status().restarts == 0


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_missing_or_broken_description_stops(
    toy_profile: Profile, tmp_path: Path, file: str
) -> None:
    profile = copied(toy_profile, tmp_path)
    (tmp_path / file).write_text("{")
    with pytest.raises(Stopped, match=f"The model at {tmp_path} cannot be loaded"):
        Models(profile.models, device="cpu").get("captioner")


def test_code_in_a_model_folder_is_not_run(toy_profile: Profile, tmp_path: Path) -> None:
    profile = copied(toy_profile, tmp_path)
    trace = tmp_path / "ran"
    (tmp_path / "modeling_evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: pass\n")
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageTextToText": "modeling_evil.Evil"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    Models(profile.models, device="cpu").get("captioner")
    assert not trace.exists()


def test_weights_in_a_pickle_are_not_read(toy_profile: Profile, tmp_path: Path) -> None:
    profile = copied(toy_profile, tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(Stopped, match=r"has no \.safetensors file"):
        Models(profile.models, device="cpu").get("captioner")


def test_a_device_that_is_not_there_is_refused() -> None:
    assert pick_device("cpu") == "cpu"
    with pytest.raises(BadInput, match=r"'tpu' cannot be used. Usable: .*'cpu'"):
        pick_device("tpu")


def test_a_role_that_the_profile_lacks_stops() -> None:
    with pytest.raises(Stopped, match="no model for the role 'upscaler'"):
        Models({}, device="cpu").get("upscaler")


@pytest.mark.parametrize(("room", "offloaded"), [(4000.0, False), (1500.0, True)])
def test_a_pipeline_that_a_gpu_cannot_hold_is_offloaded(
    toy_profile: Profile, monkeypatch: pytest.MonkeyPatch, room: float, offloaded: bool
) -> None:
    """The GPU is the one thing that is not here: what would be put there stays."""
    asked: dict[str, bool] = {}

    def load(entry: Entry, device: str, *, offloaded: bool = False) -> Loaded:
        assert device == "cuda"
        asked[entry.loader] = offloaded
        return Loaded(entry, None, None, device, 1.0, 0.0, offloaded)

    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr(Models, "device", "cuda")
    large: dict[Role, Entry] = {
        role: toy_profile.models[role].model_copy(update={"memory_mb": 6000})
        for role in ("text-to-image", "captioner")
    }
    held = Models(large, memory_mb=room)
    assert held.get("text-to-image").offloaded == offloaded
    held.get("captioner")
    assert asked == {"diffusers": offloaded, "image-text-to-text": False}


def test_a_model_in_memory_is_there_at_once_while_another_one_is_loaded(
    toy_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def load(entry: Entry, device: str, *, offloaded: bool = False) -> Loaded:
        if entry.loader != "diffusers":
            begun.set()
            may_end.wait(5)
        return Loaded(entry, None, None, device, 1.0, 0.0, offloaded)

    monkeypatch.setattr(models, "load", load)
    held = Models(toy_profile.models, device="cpu")
    painter = held.get("text-to-image")
    with ThreadPoolExecutor() as pool:
        eye = pool.submit(held.get, "captioner")
        assert begun.wait(5)
        again = pool.submit(held.get, "text-to-image")
        try:
            assert again.result(1) is painter
        finally:
            may_end.set()
        assert eye.result(5) is held.get("captioner")
    assert held.roles == ("text-to-image", "captioner")


def test_a_model_of_two_roles_is_offloaded_for_both(
    toy_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(entry: Entry, device: str, *, offloaded: bool = False) -> Loaded:
        return Loaded(entry, None, None, device, 1.0, 0.0, offloaded)

    def offload(pipeline: Loaded) -> Loaded:
        return replace(pipeline, offloaded=True)

    monkeypatch.setattr(models, "load", load)
    monkeypatch.setattr(models, "offload", offload)
    painter = toy_profile.models["text-to-image"]
    held = Models({"text-to-image": painter, "editor": painter}, device="cpu")
    assert not held.get("text-to-image").offloaded
    assert held.get("editor", offloaded=True).offloaded
    assert held.get("text-to-image") is held.get("editor")
