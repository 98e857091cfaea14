"""The user's own: folders, single files and LoRAs, named in a catalogue of their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import single_files
import tiny_pipelines
import torch

from danqing.tools import catalogue, manifest, text_to_image
from danqing.tools.catalogue import Entry
from danqing.tools.errors import BadInput, Stopped
from danqing.tools.models import Models
from danqing.tools.registry import Context


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion in a folder."""
    folder = tmp_path_factory.mktemp("painter")
    tiny_pipelines.write_pipeline("StableDiffusionPipeline", folder)
    return folder


def write(home: Path, text: str) -> None:
    (home / catalogue.OWN).write_text(text, "utf-8")


def drawn(entry: Entry) -> bytes:
    context = Context(Models({"text-to-image": entry}, device="cpu"))
    return text_to_image(context, prompt="a house", seeds=[1], steps=2)[0].tobytes()


def test_a_folder_is_a_painter_by_what_its_files_say(tmp_path: Path, painter: Path) -> None:
    write(tmp_path, f'[mine.text-to-image]\nsource = "{painter}"\n')
    mine = catalogue.profile("mine", tmp_path)
    entry = mine.models["text-to-image"]
    assert (entry.words, entry.loader, entry.native_size) == ("plain", "diffusers", 64)
    assert entry.defaults == {"steps": 30, "guidance_scale": 7.0}
    assert not entry.commercial, "nobody has said so"
    built_in = catalogue.profile()
    assert mine.models["captioner"] == built_in.models["captioner"]
    assert not {"controlnet", "generator"} & set(mine.models), "they work with another painter"
    assert catalogue.profiles(tmp_path).keys() == {*catalogue.profiles(), "mine"}


def test_what_an_entry_says_goes_before_what_its_files_say(tmp_path: Path, painter: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine").symlink_to(painter)
    write(
        tmp_path,
        """
        [mine]
        summary = "Mine."
        [mine.text-to-image]
        source = "models/mine"
        license = "MIT"
        commercial = true
        memory_mb = 77
        defaults = { steps = 5 }
        """,
    )
    mine = catalogue.profile("mine", tmp_path)
    entry = mine.models["text-to-image"]
    assert mine.summary == "Mine."
    assert (entry.license, entry.commercial, entry.memory_mb) == ("MIT", True, 77)
    assert entry.defaults == {"steps": 5, "guidance_scale": 7.0}
    assert entry.folder == tmp_path / "models" / "mine"


def test_a_painter_of_a_hub_is_known_by_its_files_once_they_are_here(
    tmp_path: Path, painter: Path
) -> None:
    write(tmp_path, '[mine.text-to-image]\nsource = "hub:a/painter"\n')
    before = catalogue.profile("mine", tmp_path).models["text-to-image"]
    assert not before.ready
    with pytest.raises(Stopped, match=r"a/painter.* `danqing models pull mine text-to-image`"):
        catalogue.entry(catalogue.profile("mine", tmp_path), "text-to-image")
    shutil.copytree(painter, before.folder)
    files = {
        path.relative_to(painter).as_posix(): manifest.File(
            size=path.stat().st_size, sha256="", mtime_ns=0
        )
        for path in painter.rglob("*") if path.is_file()
    }  # fmt: skip
    manifest.Manifest(repository="a/painter", revision="f" * 40, files=files).write(before.folder)
    there = catalogue.profile("mine", tmp_path).models["text-to-image"]
    assert there.ready
    assert there.native_size == 64


def test_a_single_file_draws_as_its_folder_does(tmp_path: Path, painter: Path) -> None:
    single_files.write_single_file(painter, tmp_path / "one.safetensors")
    write(
        tmp_path,
        f'[mine.text-to-image]\nsource = "one.safetensors"\nconfig = "{painter}"\n'
        f'[folder.text-to-image]\nsource = "{painter}"\n',
    )
    entry = catalogue.profile("mine", tmp_path).models["text-to-image"]
    assert entry.native_size == 64
    folder = catalogue.profile("folder", tmp_path)
    assert drawn(entry) == drawn(folder.models["text-to-image"])
    mine = catalogue.profile("mine", tmp_path)
    assert catalogue.models_fingerprint(mine, "text-to-image") != catalogue.models_fingerprint(
        folder, "text-to-image"
    )


def write_lora(painter: Path, folder: Path) -> None:
    """A LoRA of the UNet in a folder, as training scripts save it."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(3)
    unet: Any = UNet2DConditionModel.from_pretrained(painter, subfolder="unet")
    unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_v"]))
    for name, weight in unet.named_parameters():
        if "lora" in name:
            torch.nn.init.normal_(weight, std=0.5)
    layers = get_peft_model_state_dict(unet)
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)


def test_a_lora_changes_the_painter_as_far_as_it_weighs(tmp_path: Path, painter: Path) -> None:
    write_lora(painter, tmp_path / "ink")
    file = "ink/pytorch_lora_weights.safetensors"
    text = f'[plain.text-to-image]\nsource = "{painter}"\n'
    for name, source, weight in (
        ("none", file, 0.0), ("whole", file, 1.0), ("half", file, 0.5), ("folder", "ink", 1.0),
    ):  # fmt: skip
        lora = f'{{ source = "{source}", weight = {weight} }}'
        text += f'[{name}.text-to-image]\nsource = "{painter}"\nloras = [{lora}]\n'
    write(tmp_path, text)
    profiles = catalogue.profiles(tmp_path)
    pictures = {
        name: drawn(profiles[name].models["text-to-image"])
        for name in ("plain", "none", "half", "whole", "folder")
    }
    assert pictures["none"] == pictures["plain"]
    assert pictures["folder"] == pictures["whole"]
    assert len({pictures[name] for name in ("plain", "half", "whole")}) == 3
    prints = {
        name: catalogue.models_fingerprint(profiles[name], "text-to-image")
        for name in ("plain", "whole")
    }
    assert prints["plain"] != prints["whole"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[mine\n", "cannot be read: .*line 1", ""),
        ("\nx = 1\n", "line 2: 'x' stands outside of a profile", r"Allowed is \[name\]"),
        ("[sketchbook]\n", "line 1: the name 'sketchbook' is that of a built-in", ""),
        ('[a]\nbase = "b"\n', "line 2: there is no profile 'b'", "Allowed is one of sketchbook"),
        ("[a]\n[a.painter]\nsource='x'\n", "line 2: 'painter' is no role", "text-to-image"),
        ('[a]\nupscaler = 3\n', "line 2: 'upscaler' is no table", r"\[a\.upscaler\]"),
        ("[a.upscaler]\n", "line 1: source: Field required", ""),
        ('[a.upscaler]\nsource = "x"\nweight = 2\n', "line 3: there is no 'weight' here",
         "Allowed is one of source"),
        ('[a.upscaler]\n\nsource = 3\n', "line 3: source: .*string", ""),
        ('[a.upscaler]\nsource = "nowhere"\n', "line 2: there is nothing at .*nowhere", ""),
        ('[a.text-to-image]\nsource = "one.safetensors"\n', "line 1: one.safetensors is a single"
         " file", "config = 'sd15'"),
        ('[a.text-to-image]\nsource = "one.safetensors"\nconfig = "sketch"\n', "line 3: There is no"
         " pipeline that paints in .*sketch", ""),
        ('[a.text-to-image]\nsource = "."\n', "line 2: There is no pipeline that paints", ""),
        ('[a.text-to-image]\nsource = "one.safetensors"\nloras = [{source = "one.safetensors",'
         " weight = 9}]\n", "line 3: loras.0.weight: .*less than or equal to 4", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    (tmp_path / "one.safetensors").write_bytes(bytes(8))
    write(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        catalogue.profiles(tmp_path)
    said = str(refused.value)
    assert re.search(message, said), said
    assert re.search(hint, said), said
    assert str(tmp_path / catalogue.OWN) in said


def test_a_mistake_does_not_keep_the_built_in_profiles_away(tmp_path: Path) -> None:
    write(tmp_path, "[mine\n")
    assert catalogue.profile("sketchbook", tmp_path).name == "sketchbook"
    with pytest.raises(BadInput, match="cannot be read"):
        catalogue.profile("mine", tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    file.write_bytes(b"")
    with pytest.raises(BadInput, match=r"is a file.* models\.toml in the home"):
        catalogue.profile(str(file))
