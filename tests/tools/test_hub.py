"""Models are taken from a hub whole, harmless and only as asked, whatever the line does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import COMMIT, Hub

from danqing.tools import catalogue, hub, manifest
from danqing.tools.catalogue import Entry, Profile, Source
from danqing.tools.errors import Stopped


def weights(data: bytes) -> bytes:
    """A .safetensors file with one tensor."""
    told = {"w": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header + data


FILES = {
    "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
    "unet/config.json": b'{"sample_size": 64}',
    "unet/diffusion_pytorch_model.safetensors": weights(bytes(range(256)) * 4000),
    "unet/diffusion_pytorch_model.fp16.safetensors": weights(bytes(range(256)) * 2000),
    "unet/diffusion_pytorch_model.non_ema.safetensors": weights(b"n"),
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "tokenizer/merges.txt": b"a b\n",
    "v1-5-pruned.ckpt": b"a pickle",
    "modeling.py": b"print('code')",
    "onnx/model.onnx": b"another network",
    "whole.safetensors": weights(b"one file"),
}
BIG = "unet/diffusion_pytorch_model.fp16.safetensors"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this process takes for the one; it waits for nothing."""
    from huggingface_hub import constants

    with Hub().serving() as there:
        there.repositories["a/model"] = dict(FILES)
        monkeypatch.setattr(constants, "ENDPOINT", there.endpoint)
        template = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", there.endpoint + template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(hub, "WAITS", (0.0, 0.0))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield there


def source(home: Path, **more: Any) -> Source:
    told = {"files": ("model_index.json", "unet/*", "tokenizer/*"), "variant": "fp16"} | more
    return Source(source="hub:a/model", **told).placed(home, home)


def taken(place: Source) -> list[str]:
    """The files below a folder, without the manifest."""
    files = (path for path in place.folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(place.folder).as_posix() for path in files)
    return [name for name in names if name != manifest.NAME]


def pull(place: Source, **more: Any) -> list[tuple[str, int, int]]:
    reported: list[tuple[str, int, int]] = []
    hub.take(hub.order(place, **more), lambda *told: reported.append(told))
    return reported


def test_what_is_wanted_is_taken_and_nothing_else(served: Hub, tmp_path: Path) -> None:
    place = source(tmp_path)
    assert not place.here
    reported = pull(place)
    assert place.here
    wanted = ["model_index.json", "tokenizer/merges.txt", "unet/config.json", BIG]
    assert taken(place) == wanted
    assert all((place.folder / name).read_bytes() == FILES[name] for name in wanted)
    assert {path for path, _ in served.asked} == set(wanted)
    assert (BIG, len(FILES[BIG]), len(FILES[BIG])) in reported
    catalogue.check_weights(place.folder)


def test_onnx_is_taken_where_it_is_loaded_by_rembg(served: Hub, tmp_path: Path) -> None:
    entry = Entry(source="hub:a/model", files=("onnx/*",), loader="rembg")
    place = entry.placed(tmp_path, tmp_path)
    pull(place)
    assert (taken(place), place.here) == (["onnx/model.onnx"], True)
    (place.folder / "onnx" / "model.onnx").write_bytes(b"")
    assert not place.here


@pytest.mark.parametrize("path", ["unet/../../../evil.json", "/unet/evil.json", "../unet.json"])
def test_nothing_is_written_outside_of_its_folder(served: Hub, tmp_path: Path, path: str) -> None:
    served.repositories["a/model"][path] = b"{}"
    asked = hub.order(source(tmp_path, files=("*",)))
    assert path not in {file.path for file in asked.files}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"variant": ""}, "unet/diffusion_pytorch_model.safetensors"),
        ({"files": ("whole.safetensors",), "variant": ""}, "whole.safetensors"),
        ({"files": (), "variant": ""}, "whole.safetensors"),
    ],
)
def test_one_way_of_the_same_weights_is_taken(
    served: Hub, tmp_path: Path, more: dict[str, Any], found: str
) -> None:
    place = source(tmp_path, **more)
    pull(place)
    assert [name for name in taken(place) if name.endswith(".safetensors")] == [found]
    assert not any(name.endswith((".py", ".bin", ".ckpt", ".onnx")) for name in taken(place))


def test_what_is_here_is_not_taken_again_and_what_is_lost_is(served: Hub, tmp_path: Path) -> None:
    place = source(tmp_path)
    pull(place)
    served.asked.clear()
    assert hub.order(place).bytes_left == 0
    assert pull(place) == []
    assert served.asked == []
    (place.folder / "unet/config.json").unlink()
    assert not place.here
    pull(place)
    assert served.asked == [("unet/config.json", None)]
    assert place.here


def test_a_cut_line_goes_on_where_it_was_cut(served: Hub, tmp_path: Path) -> None:
    served.faults[BIG] = [100_000, 200_000]
    place = source(tmp_path)
    pull(place)
    ranges = [asked for path, asked in served.asked if path == BIG]
    assert ranges == [None, "bytes=100000-", "bytes=300000-"]
    assert (place.folder / BIG).read_bytes() == FILES[BIG]


def test_after_an_end_in_the_middle_the_next_time_goes_on(served: Hub, tmp_path: Path) -> None:
    served.faults[BIG] = [100_000, 0, 0]
    place = source(tmp_path)
    with pytest.raises(Stopped, match="cannot be reached") as stopped:
        pull(place)
    assert "goes on from there" in stopped.value.kept
    assert not place.here
    left = len(FILES[BIG]) - 100_000 + len(FILES["tokenizer/merges.txt"])
    assert hub.order(place).bytes_left == left
    served.asked.clear()
    pull(place)
    assert served.asked == [(BIG, "bytes=100000-"), ("tokenizer/merges.txt", None)]
    assert place.here


def test_a_hub_that_cannot_go_on_from_the_middle_sends_it_again(
    served: Hub, tmp_path: Path
) -> None:
    served.ranges = False
    served.faults[BIG] = [100_000]
    place = source(tmp_path)
    pull(place)
    assert (place.folder / BIG).read_bytes() == FILES[BIG]


@pytest.mark.parametrize("path", [BIG, "unet/config.json"])
def test_other_bytes_of_the_right_length_are_thrown_away(
    served: Hub, tmp_path: Path, path: str
) -> None:
    served.faults[path] = [b"?" * len(FILES[path])]
    place = source(tmp_path)
    with pytest.raises(Stopped, match=f"{path} of a/model arrived with other bytes"):
        pull(place)
    assert not place.here
    assert not (place.folder / path).exists()
    pull(place)
    assert place.here


def test_too_many_bytes_are_thrown_away(served: Hub, tmp_path: Path) -> None:
    served.faults[BIG] = [FILES[BIG] + b"more"]
    with pytest.raises(Stopped, match=r"arrived with \d+ bytes instead of \d+"):
        pull(source(tmp_path))


def test_too_few_bytes_are_asked_for_again_and_then_told(served: Hub, tmp_path: Path) -> None:
    served.ranges = False
    served.faults[BIG] = [b"few", b"few", b"few"]
    with pytest.raises(Stopped, match=r"did not send all of unet/.*: 3 bytes of 512 kB"):
        pull(source(tmp_path))


def test_a_busy_hub_is_asked_again(served: Hub, tmp_path: Path) -> None:
    served.faults[BIG] = [429, 503]
    place = source(tmp_path)
    pull(place)
    assert place.here


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"gated": True, "token": "t"}, "accepted its terms", r"/a/model, and set HF_TOKEN"),
        ({"token": "t"}, "has no a/model, or not all of it", "If it is private, set HF_TOKEN"),
        ({"repositories": {}}, "has no a/model", "private"),
        ({"faults": {"api": [429]}}, "asked too often", "Wait a while"),
        ({"faults": {"api": [500] * 9}}, "answered for a/model: .*500", "Try again later"),
    ],
)
def test_what_a_hub_refuses_is_told_with_what_to_do(
    served: Hub, tmp_path: Path, change: dict[str, Any], message: str, hint: str
) -> None:
    for name, value in change.items():
        setattr(served, name, value)
    with pytest.raises(Stopped, match=message) as stopped:
        hub.order(source(tmp_path))
    import re

    assert re.search(hint, stopped.value.hint)


def test_a_token_is_sent(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    place = source(tmp_path)
    pull(place)
    assert place.here


def test_a_file_that_is_gone_is_told(served: Hub, tmp_path: Path) -> None:
    asked = hub.order(source(tmp_path))
    del served.repositories["a/model"][BIG]
    with pytest.raises(Stopped, match="has no a/model, or not all of it"):
        hub.take(asked, lambda *_: None)


def test_a_revision_that_is_gone_is_told(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="a/model has no such revision"):
        hub.order(source(tmp_path, revision="f" * 40))


def test_a_hub_out_of_reach_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Hub
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Stopped, match=r"127.0.0.1:9 cannot be reached") as stopped:
        hub.order(source(tmp_path))
    assert "HF_ENDPOINT" in stopped.value.hint
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Stopped, match="cannot be reached"):
        hub.order(source(tmp_path))


def test_weights_in_pickles_only_are_refused(served: Hub, tmp_path: Path) -> None:
    place = source(tmp_path, files=("*.bin", "*.json"))
    with pytest.raises(Stopped, match=r"no \.safetensors files") as stopped:
        hub.order(place)
    assert "code" in stopped.value.hint


def test_the_configuration_alone_is_no_model(served: Hub, tmp_path: Path) -> None:
    place = source(tmp_path)
    pull(place, configuration=True)
    assert taken(place) == ["model_index.json", "tokenizer/merges.txt", "unet/config.json"]
    assert not place.here
    pull(place)
    assert place.here


def test_of_one_repository_two_models_may_take_their_parts(served: Hub, tmp_path: Path) -> None:
    first = source(tmp_path, files=("unet/*",))
    second = source(tmp_path, files=("tokenizer/*", "whole.safetensors"), variant="")
    served.faults[BIG] = [100, 0, 0]
    with pytest.raises(Stopped):
        pull(first)
    pull(second)
    assert (first.here, second.here) == (False, True)
    pull(first)
    assert (first.here, second.here) == (True, True)


def test_a_pinned_revision_is_another_model_than_the_one_before(
    served: Hub, tmp_path: Path
) -> None:
    pull(source(tmp_path))
    assert source(tmp_path, revision=COMMIT).here
    assert not source(tmp_path, revision="f" * 40).here


def test_a_full_disk_is_told_before_anything_comes(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub.order(source(tmp_path))
    hub.check_room([asked])
    monkeypatch.setattr(hub, "SPARE", 1 << 60)
    with pytest.raises(Stopped, match=r"512 kB are to be downloaded, and .* free"):
        hub.check_room([asked])
    assert served.asked == []


def test_a_fingerprint_comes_from_the_manifest_until_a_file_is_touched(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = source(tmp_path)
    pull(place)
    read: list[Path] = []
    digest = catalogue._file_digest
    monkeypatch.setattr(
        catalogue, "_file_digest", lambda file, *key: read.append(file) or digest(file, *key)
    )
    before = catalogue.fingerprint(place.folder)
    assert read == []
    (place.folder / "unet/config.json").write_bytes(b'{"sample_size": 65}')
    assert catalogue.fingerprint(place.folder) != before
    assert [file.name for file in read] == ["config.json"]


def test_a_provenance_names_the_repository_and_the_commit(served: Hub, tmp_path: Path) -> None:
    pull(source(tmp_path))
    entry = Entry(loader="diffusers", **source(tmp_path).model_dump())
    built_in = catalogue.profile().models["captioner"]
    models: Any = {"text-to-image": entry, "captioner": built_in, "upscaler": built_in}
    profile = Profile(name="mine", summary="", models=models)
    assert catalogue.model_name(profile, "text-to-image") == f"a/model@{COMMIT}"
    assert catalogue.model_name(profile, "captioner") == "sketchbook/captioner"
    assert catalogue.model_name(profile, "upscaler") == "mine/upscaler"
