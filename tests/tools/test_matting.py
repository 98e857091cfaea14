"""What stands out in a photograph is cut out by rembg, with a network that is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_onnx
from PIL import Image, ImageFilter

from danqing.tools import catalogue, remove_background
from danqing.tools.catalogue import Entry
from danqing.tools.errors import BadInput, Stopped, ToolError
from danqing.tools.models import Models
from danqing.tools.registry import Context
from training.data import scenes_from
from training.scenes.render import render


def entry(source: Path, **more: Any) -> Entry:
    told = {"license": "CC0-1.0", "size_mb": 1, "memory_mb": 7} | more
    return Entry(source=str(source), loader="rembg", **told)


@pytest.fixture
def rembg() -> None:
    """rembg itself is imported by what is tested, in its own way."""
    if entry(Path()).extra is not None:
        pytest.skip("rembg is not installed")


@pytest.fixture
def context(rembg: None, tmp_path: Path) -> Context:
    """The built-in eyes, and a network that takes what is bright for what stands out."""
    tiny_onnx.write_matting(tmp_path / "onnx" / "model.onnx", 1024)
    entries: Any = {**catalogue.profile().models, "matting": entry(tmp_path)}
    return Context(Models(entries, device="cpu"))


@pytest.fixture
def lamp() -> Image.Image:
    """A bright thing with a soft border on noise, as no drawing has it."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 60, (140, 180, 3), np.uint8))
    image.paste("white", (60, 40, 120, 100))
    return image.filter(ImageFilter.GaussianBlur(6))


def alpha(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A"))


def test_what_stands_out_in_a_photograph_gets_a_soft_matte(
    context: Context, lamp: Image.Image
) -> None:
    result = remove_background(context, lamp)
    assert (result.mode, result.size) == ("RGBA", lamp.size)
    assert result.convert("RGB").tobytes() == lamp.tobytes()
    found = alpha(result).astype(int)
    assert found[60:80, 80:100].min() > 200 and found[:20].max() < 60
    across = found[70, 20:90]
    assert len(set(across)) > 10 and (np.diff(across) > -12).all(), "as soft as the border is"
    again = remove_background(context, lamp)
    assert again.tobytes() == result.tobytes()


def test_what_was_transparent_stays_so_and_gray_stays_gray(
    context: Context, lamp: Image.Image
) -> None:
    image = lamp.convert("LA")
    image.paste(0, (0, 0, 90, 140), Image.new("L", (90, 140), 255))
    result = remove_background(context, image)
    assert result.mode == "LA"
    assert not alpha(result)[:, :90].any() and alpha(result)[70, 95] > 200


def test_the_built_in_world_and_what_is_named_are_cut_out_by_the_eyes_for_them(
    context: Context, lamp: Image.Image
) -> None:
    drawn = Image.fromarray(render(next(scenes_from(2**30 + 5, simple=True)), 256).rgb)
    without = Context(Models(dict(catalogue.profile().models), device="cpu"))
    same = remove_background(context, drawn), remove_background(without, drawn)
    assert same[0].tobytes() == same[1].tobytes()
    with pytest.raises(ToolError, match="'the unicorn' names nothing"):
        remove_background(context, lamp, subject="the unicorn")


def test_nothing_is_fetched_and_no_folder_of_rembg_is_used(
    rembg: None, tmp_path: Path, lamp: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise AssertionError("it was to be fetched")

    monkeypatch.setattr("pooch.retrieve", fetch)
    for name in ("REMBG_HOME", "U2NET_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    file = tmp_path / "own.onnx"
    tiny_onnx.write_matting(file, 1024)
    loaded = Models({"matting": entry(file)}, device="cpu").get("matting")
    assert loaded.memory_mb == 7, "torch does not hold it"
    assert loaded.model.find(lamp).size == lamp.size
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("session", "side"), [("birefnet-general", 1024), ("isnet-general-use", 1024), ("u2net", 320)]
)
def test_each_kind_of_network_is_shown_pictures_in_its_own_way(
    rembg: None, session: str, side: int, tmp_path: Path, lamp: Image.Image
) -> None:
    file = tmp_path / "tiny.onnx"
    tiny_onnx.write_matting(file, side)
    one = entry(file, architecture={"session": session})
    matte = Models({"matting": one}, device="cpu").get("matting").model.find(lamp)
    assert (matte.mode, matte.size, matte.getextrema()) == ("L", lamp.size, (0, 255))
    blank = Image.new("RGB", (64, 48), "gray")
    model = Models({"matting": one}, device="cpu").get("matting").model
    assert model.find(blank).getbbox() is None, "nothing stands out"


def test_of_several_files_the_one_that_is_wanted_is_used(
    rembg: None, tmp_path: Path, lamp: Image.Image
) -> None:
    tiny_onnx.write_matting(tmp_path / "onnx" / "another.onnx", 320)
    tiny_onnx.write_matting(tmp_path / "onnx" / "model.onnx", 1024)
    one = entry(tmp_path, files=("onnx/model.onnx",))
    assert Models({"matting": one}, device="cpu").get("matting").model.find(lamp)
    with pytest.raises(Stopped, match=r"no \.onnx file that is wanted"):
        Models({"matting": entry(tmp_path, files=("x/*",))}, device="cpu").get("matting")


def test_what_is_no_such_network_is_refused(rembg: None, tmp_path: Path) -> None:
    def refused(match: str, **architecture: str) -> None:
        with pytest.raises(Stopped, match=match):
            Models({"matting": entry(file, architecture=architecture)}, device="cpu").get("matting")

    file = tmp_path / "tiny.onnx"
    tiny_onnx.write_matting(file, 320)
    refused(r"takes a tensor\(float\) of \[1, 3, 320, 320\], and birefnet-general gives")
    refused("session = 'atlascloud' is refused; allowed is one of", session="atlascloud")
    tiny_onnx.write_matting(file, 1024, type_=tiny_onnx.HALF)
    refused(r"takes a tensor\(float16\)")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"Conv", b"Soup"))
    refused("Soup")
    file.write_bytes(whole.replace(b"\x22\x04Conv", b"\x27\x04Conv"))
    refused("cannot be loaded")
    file.write_bytes(whole[:-1])
    refused("is cut short")


# -- with and without the extra


def test_every_cut_of_a_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "tiny.onnx"
    tiny_onnx.write_matting(file, 1024)
    catalogue.check_weights(file, catalogue.ONNX)
    whole = file.read_bytes()
    for torn in [*(whole[:end] for end in range(len(whole))), whole + b"x", b"\xff" * 40]:
        file.write_bytes(torn)
        with pytest.raises(Stopped, match=r"tiny\.onnx is cut short"):
            catalogue.check_weights(file, catalogue.ONNX)
    with pytest.raises(Stopped, match=r"has no \.onnx file"):
        catalogue.check_weights(tmp_path / "none", catalogue.ONNX)


def test_without_the_extra_the_model_is_not_there_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_onnx.write_matting(tmp_path / "tiny.onnx", 1024)
    text = '[mine.matting]\nsource = "tiny.onnx"\nlicense = "MIT"\n'
    (tmp_path / catalogue.OWN).write_text(text, "utf-8")
    monkeypatch.setattr(catalogue, "LIBRARIES", {"rembg": ("json", "no_such_library")})
    mine = catalogue.profile("mine", tmp_path)
    found = mine.models["matting"]
    assert (found.loader, found.extra, found.ready) == ("rembg", "rembg", False)
    assert "matting" not in catalogue.available(mine)
    with pytest.raises(Stopped, match="needs rembg, which is not installed") as stopped:
        catalogue.entry(mine, "matting")
    assert stopped.value.hint == "`pip install 'danqing[rembg]'` does that."
    monkeypatch.setattr(catalogue, "LIBRARIES", {"rembg": ("json",)})
    assert "matting" in catalogue.available(mine)
    before = catalogue.models_fingerprint(mine, "matting")
    tiny_onnx.write_matting(tmp_path / "tiny.onnx", 1024, seed=1)
    assert catalogue.models_fingerprint(mine, "matting") != before


def test_onnx_is_taken_for_rembg_alone() -> None:
    photos = catalogue.profile("photos").models
    assert photos["matting"].wants("onnx/model.onnx")
    assert not photos["matting"].wants("onnx/model_fp16.onnx")
    assert not photos["matting"].wants("onnx/model.bin")
    for other in ("segmenter", "captioner"):
        assert not photos[other].wants("model.onnx")  # type: ignore[index]
    with pytest.raises(BadInput, match="no pipeline"):
        catalogue.profile("./tiny.onnx")
