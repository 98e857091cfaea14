"""``danqing models``: what is listed, and a model's way from a hub to a picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import CHILD, REPOSITORY, call
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import tiny_pipelines
from hub_server import COMMIT, Hub

from danqing import machine

CATALOGUE = """
[sketchbook]
summary = "nothing"

[tiny]
summary = "A tiny painter."
base = "sketchbook"

[tiny.text-to-image]
source = "hub:tiny/painter"
revision = "{commit}"
files = ["model_index.json", "scheduler/*", "text_encoder/*", "tokenizer/*", "unet/*", "vae/*"]
loader = "diffusers"
words = "plain"
native_size = 64
license = "CC0-1.0"
commercial = true
size_mb = 1
memory_mb = 1
defaults = {{ steps = 2, guidance_scale = 3.0 }}

[half]
summary = "One of two is there."

[half.text-to-image]
source = "hub:tiny/painter"
files = ["model_index.json", "unet/*"]
loader = "diffusers"
license = "CC0-1.0"
commercial = true
size_mb = 1
memory_mb = 1

[half.upscaler]
source = "hub:tiny/gone"
loader = "image-to-image"
license = "MIT"
commercial = true
size_mb = 1
memory_mb = 1

[closed]
summary = "Not for every use."

[closed.upscaler]
source = "hub:tiny/closed"
loader = "image-to-image"
license = "CC-BY-NC-4.0"
commercial = false
size_mb = 1
memory_mb = 1
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with a tiny Stable Diffusion."""
    folder = tmp_path_factory.mktemp("painter")
    tiny_pipelines.write_pipeline("StableDiffusionPipeline", folder)
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip
    with Hub().serving() as there:
        there.repositories["tiny/painter"] = files | {"unet/evil.bin": b"a pickle"}
        there.licenses["tiny/painter"] = "cc0-1.0"
        yield there


@pytest.fixture
def hub_catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE.format(commit=COMMIT), "utf-8")
    return path


def danqing(*arguments: str, catalogue: Path, hub: Hub) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with this hub for the one."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0",
        "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", CHILD.format(path=str(catalogue)), *arguments],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_model_comes_from_the_hub_and_draws(
    served: Hub, hub_catalogue: Path, home: Path, tmp_path: Path
) -> None:
    served.asked.clear()
    picture = tmp_path / "house.png"
    draw = ("tool", "text_to_image", "--prompt", "a house", "--seeds", "1", "--models", "tiny",
            "-o", str(picture))  # fmt: skip
    before = danqing(*draw, catalogue=hub_catalogue, hub=served)
    assert before.returncode == 1
    assert "has not been downloaded: tiny/painter" in before.stderr
    assert "`danqing models pull tiny text-to-image`" in before.stderr
    assert served.asked == [], "nothing is downloaded unless that is asked for"

    pulled = danqing("models", "pull", "tiny", catalogue=hub_catalogue, hub=served)
    assert pulled.returncode == 0, pulled.stderr
    first, *rest = pulled.stdout.splitlines()
    assert first == "text-to-image: tiny/painter; CC0-1.0; commercial use allowed"
    assert f"tiny/painter at {COMMIT[:12]}; the hub says cc0-1.0" in rest
    assert not list(home.rglob("*.bin"))

    again = danqing("models", "pull", "tiny", catalogue=hub_catalogue, hub=served)
    assert again.stdout.splitlines()[-1] == "All of it is here already."

    drawn = danqing(*draw, catalogue=hub_catalogue, hub=served)
    assert drawn.returncode == 0, drawn.stderr
    with Image.open(picture) as opened:
        assert opened.size == (64, 64)

    listed = danqing("models", catalogue=hub_catalogue, hub=served)
    assert "✓\ttext-to-image\t1 MB" in listed.stdout


def test_a_studio_says_how_to_get_a_painter_that_is_not_here(home: Path) -> None:
    result = call("draw", "a cat", "--models", "klein")
    assert result.exit_code == 1
    assert "has not been downloaded: black-forest-labs/FLUX.2-klein-4B" in result.stderr
    assert "`danqing models pull klein text-to-image` does that." in result.stderr


def test_what_is_not_for_commercial_use_is_said_first_and_needs_a_yes(
    served: Hub, hub_catalogue: Path, home: Path
) -> None:
    refused = danqing("models", "pull", "closed", catalogue=hub_catalogue, hub=served)
    assert refused.returncode == 2
    assert refused.stdout.startswith("upscaler: tiny/closed; CC-BY-NC-4.0; NOT known to allow")
    assert "--yes" in refused.stderr
    taken = danqing("models", "pull", "closed", "--yes", catalogue=hub_catalogue, hub=served)
    assert "has no tiny/closed" in taken.stderr, "it was asked for"


def test_what_a_hub_refuses_is_told_and_the_rest_is_taken(
    served: Hub, hub_catalogue: Path, home: Path
) -> None:
    pulled = danqing("models", "pull", "half", catalogue=hub_catalogue, hub=served)
    assert pulled.returncode == 1
    assert "has no tiny/gone" in pulled.stderr
    assert list((home / "models" / "tiny--painter" / "unet").glob("*.safetensors"))


def test_a_lora_of_a_hub_is_taken_for_a_painter_that_is_here(
    served: Hub, hub_catalogue: Path, home: Path, tmp_path: Path
) -> None:
    painter = tmp_path / "painter"
    tiny_pipelines.write_pipeline("StableDiffusionPipeline", painter)
    home.mkdir()
    (home / "models.toml").write_text(
        f'[mine.text-to-image]\nsource = "{painter}"\nloras = [{{ source = "hub:tiny/ink" }}]\n'
    )
    listed = danqing("models", catalogue=hub_catalogue, hub=served).stdout
    assert "–\ttext-to-image" in listed and "not here: tiny/ink" in listed
    weights = next(painter.rglob("*.safetensors")).read_bytes()
    served.repositories["tiny/ink"] = {"ink.safetensors": weights}
    pulled = danqing("models", "pull", "mine", "--yes", catalogue=hub_catalogue, hub=served)
    assert pulled.returncode == 0, pulled.stderr
    lora = home / "models" / "tiny--ink" / "ink.safetensors"
    assert lora.read_bytes() == weights

    lora.write_bytes(bytes(len(weights)))
    examined = danqing("doctor", catalogue=hub_catalogue, hub=served)
    assert f"{lora} has no readable header" in examined.stdout


def test_the_doctor_finds_a_download_that_was_cut_since(
    served: Hub, hub_catalogue: Path, home: Path
) -> None:
    assert "tiny/" not in danqing("doctor", catalogue=hub_catalogue, hub=served).stdout
    danqing("models", "pull", "tiny", catalogue=hub_catalogue, hub=served)
    cut = next((home / "models" / "tiny--painter").rglob("*.safetensors"))
    whole = cut.read_bytes()
    for torn in (whole[:-5], None):
        cut.unlink()
        if torn is not None:
            cut.write_bytes(torn)
        examined = danqing("doctor", catalogue=hub_catalogue, hub=served)
        assert examined.returncode == 1
        assert examined.stdout.count(f"{cut} is not as it came") == 1
        assert "`danqing models pull tiny text-to-image` mends it" in examined.stdout
    danqing("models", "pull", "tiny", "text-to-image", catalogue=hub_catalogue, hub=served)
    assert cut.read_bytes() == whole
    assert f"{cut}" not in danqing("doctor", catalogue=hub_catalogue, hub=served).stdout


def test_a_hub_out_of_reach_is_one_message(served: Hub, hub_catalogue: Path, home: Path) -> None:
    class Nowhere(Hub):
        endpoint = "http://127.0.0.1:9"  # type: ignore[assignment]

    failed = danqing("models", "pull", "tiny", catalogue=hub_catalogue, hub=Nowhere())
    assert failed.returncode == 1
    assert "http://127.0.0.1:9 cannot be reached" in failed.stderr
    assert "HF_ENDPOINT" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_only_what_there_is_can_be_pulled(toys: None) -> None:
    for arguments, said in (
        (("nothing",), "There is no model profile 'nothing'"),
        (("sketchbook",), "it is all here"),
    ):
        result = call("models", "pull", *arguments)
        assert result.exit_code == 2
        assert said in result.stderr


def test_every_model_is_listed_with_what_it_takes(home: Path) -> None:
    document = json.loads(call("models", "--json").stdout)
    profiles = {profile["name"]: profile for profile in document["profiles"]}
    assert profiles["sketchbook"]["default"]
    assert all(model["here"] and model["fits"] for model in profiles["sketchbook"]["models"])
    device = document["device"]
    assert device["name"] in ("cuda", "mps", "cpu")
    assert device["memory_mb"] > 0
    for profile in profiles.values():
        for model in profile["models"]:
            assert model["license"]
            assert model["size_mb"] > 0
            assert model["memory_mb"]["half"] == model["memory_mb"]["float32"] / 2
    text = call("models").stdout
    assert all(f"{name}: " in text for name in profiles)
    assert "more than there is" in text or device["memory_mb"] > 39145


def test_what_a_gpu_cannot_hold_at_once_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "device", lambda: machine.Device("cuda", 8000))
    lines = call("models").stdout.splitlines()
    [painter] = [line for line in lines if "FLUX.2-klein" in line and "text-to-image" in line]
    assert "15225 MB in memory, part by part" in painter
    [reader, *_] = [line for line in lines if "Qwen3-VL" in line and "captioner" in line]
    assert "4058 MB in memory\t" in reader


def test_an_extra_that_a_model_needs_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danqing.tools.catalogue.LIBRARIES", {"rembg": ("no_such_library",)})
    home.mkdir()
    (tmp_path / "cut.onnx").write_bytes(b"")
    mine = '[mine.matting]\nsource = "../cut.onnx"\n[hubs.matting]\nsource = "hub:tiny/cut"\n'
    (home / "models.toml").write_text(mine, "utf-8")
    needs = "needs `pip install 'danqing[rembg]'`"
    assert f"cut.onnx {needs}" in call("models").stdout
    pulled = call("models", "pull", "hubs", "matting")  # told before any hub is asked
    use = "see its model card; NOT known to allow commercial use"
    assert f"matting: tiny/cut; {use}; {needs}" in pulled.stdout
