"""A file says where its picture comes from, and what a file says is only data."""

from __future__ import annotations

import errno
import json
import os
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from danqing.agent import durable, provenance
from danqing.agent.canonical import canonical
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger, step_key
from danqing.agent.records import Json
from danqing.tools.errors import BadInput, Stopped

SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".PNG"]
ACCOUNT: dict[str, Any] = {
    "version": 1,
    "request": '一只红色的猫，在“雪”里 😀 — a cat, in: "snow"',
    "steps": [
        {
            "tool": "text_to_image",
            "args": {
                "prompt": "红猫, 雪",
                "negative_prompt": "blur",
                "steps": 20,
                "guidance_scale": 4.5,
            },
            "inputs": {},
            "seed": 7,
        },
        {"tool": "upscale", "args": {"factor": 2}, "inputs": {"image": "img-1"}, "seed": None},
    ],
    "seed": 7,
    "models": {"painter": {"name": "sketchbook, v1", "sha256": "ab" * 32}},
    "versions": {"danqing": "0.1.0"},
    "parents": ["img-1"],
}


def picture(mode: str = "RGB") -> Image.Image:
    return Image.radial_gradient("L").resize((48, 32)).convert(mode)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_account_comes_back_from_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"猫{suffix}"
    provenance.write(path, picture(), ACCOUNT)
    assert provenance.read(path) == ACCOUNT
    with Image.open(path) as image:
        assert image.size == (48, 32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_an_account_a_file_holds_only_pixels(tmp_path: Path, suffix: str) -> None:
    image = picture()
    image.info |= {"comment": b"canary", "exif": b"canary", "icc_profile": b"canary", "x": "canary"}
    path = tmp_path / f"a{suffix}"
    provenance.write(path, image, None)
    assert provenance.read(path) is None
    assert b"canary" not in path.read_bytes()
    assert b"anqing" not in path.read_bytes()


@pytest.mark.parametrize("account", [ACCOUNT, None])
def test_a_picture_that_is_coded_already_gets_its_texts_and_stays_as_it_is(
    tmp_path: Path, account: Json | None
) -> None:
    buffer, image = BytesIO(), picture()
    image.save(buffer, "PNG", compress_level=1)
    path = tmp_path / "a.png"
    provenance.write(path, image, account, png=buffer.getvalue())
    assert provenance.read(path) == account
    with Image.open(path) as written:
        written.verify()
    with Image.open(path) as written:
        assert written.tobytes() == image.tobytes()
        assert ("parameters" in written.info) == (account is not None)
    coded = buffer.getvalue()
    assert path.read_bytes().endswith(coded[coded.index(b"IDAT") - 4 :])
    other = tmp_path / "a.webp"
    provenance.write(other, image, account, png=buffer.getvalue())
    with Image.open(other) as written:
        assert (written.format, written.tobytes()) == ("WEBP", image.tobytes())


def test_galleries_find_the_parameters_they_know(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    provenance.write(path, picture(), ACCOUNT)
    with Image.open(path) as image:
        prompt, negative, last = image.info["parameters"].split("\n")
    assert (prompt, negative) == ("红猫, 雪", "Negative prompt: blur")
    # The pattern by which the best known of them reads this line.
    found = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last)
    assert dict(found) == {
        "Steps": "20", "CFG scale": "4.5", "Seed": "7", "Size": "48x32",
        "Model": '"sketchbook, v1"', "Version": "danqing 0.1.0",
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_exif_holds_the_parameters_as_unicode(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    provenance.write(path, picture(), ACCOUNT)
    with Image.open(path) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    assert comment[8:].decode("utf-16-be") == provenance.parameters(ACCOUNT, (48, 32))


def test_a_request_stands_in_where_no_step_had_a_prompt() -> None:
    text = provenance.parameters({"request": "turn it", "steps": [], "seed": 0}, (2, 3))
    assert text == "turn it\nSeed: 0, Size: 2x3"


@pytest.mark.parametrize("suffix", [".png", ".webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a{suffix}"
    image = picture(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    provenance.write(path, image, ACCOUNT)
    with Image.open(path) as back:
        assert back.convert(mode).tobytes() == image.tobytes()


def test_a_jpeg_shows_a_transparent_picture_on_white(tmp_path: Path) -> None:
    provenance.write(tmp_path / "a.jpg", Image.new("RGBA", (8, 8), (255, 0, 0, 0)), None)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.exe", ".png"])
def test_another_suffix_is_named_with_the_allowed_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"\.png, \.jpg, \.jpeg, \.webp") as told:
        provenance.write(tmp_path / name, picture(), None)
    assert repr(Path(name).suffix or name) in str(told.value)
    assert not list(tmp_path.iterdir())


def test_an_account_that_does_not_fit_a_jpeg_is_told(tmp_path: Path) -> None:
    account = {**ACCOUNT, "request": "猫" * 20_000}
    with pytest.raises(BadInput, match="--no-metadata"):
        provenance.write(tmp_path / "a.jpg", picture(), account)
    provenance.write(tmp_path / "a.png", picture(), account)
    assert provenance.read(tmp_path / "a.png") == account


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    provenance.write(path, picture("L"), None)
    before = path.read_bytes()

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", full)
        with pytest.raises(Stopped, match="no space left"):
            provenance.write(path, picture(), ACCOUNT)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    provenance.write(path, picture(), ACCOUNT)
    assert provenance.read(path) == ACCOUNT


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="nowhere"):
        provenance.write(tmp_path / "nowhere" / "a.png", picture(), None)


@pytest.mark.parametrize(
    ("folder", "umask", "file"),
    [(0o755, 0o022, 0o644), (0o700, 0o022, 0o600), (0o755, 0o077, 0o600), (0o700, 0o000, 0o600)],
)
def test_a_file_is_as_open_as_its_folder_and_the_umask_let_it(
    tmp_path: Path, folder: int, umask: int, file: int
) -> None:
    tmp_path.chmod(folder)
    before = os.umask(umask)
    try:
        provenance.write(tmp_path / "a.png", picture(), None)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == file


def with_text(path: Path, text: str) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("danqing", text)
    picture().save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "cannot be used"),
        ("[1]", "not a JSON object"),
        ('{"seed": NaN}', "NaN is no number"),
        ('{"seed": -Infinity}', "-Infinity is no number"),
        ('{"seed": 1, "seed": 2}', "a key repeats"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper than 32"),
        ("[" * 100_000, "too deep|deeper"),
        ('{"a": ' + "9" * 5000 + "}", "cannot be used"),
        ('{"a": 1e999}', "cannot be used"),
    ],
    ids=["cut", "list", "nan", "infinity", "twice", "deep", "bottomless", "digits", "overflow"],
)
def test_an_account_that_is_not_well_formed_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as told:
        provenance.read(with_text(tmp_path / "a.png", text))
    assert "a.png" in str(told.value)


def test_an_account_that_is_too_long_is_refused(tmp_path: Path) -> None:
    text = json.dumps({"a": "x" * provenance.MAX_CHARACTERS})
    with pytest.raises(BadInput):
        provenance.read(with_text(tmp_path / "a.png", text))


def test_halves_of_characters_in_an_account_do_no_harm(tmp_path: Path) -> None:
    account = provenance.read(with_text(tmp_path / "a.png", r'{"request": "a\ud800\u0000b"}'))
    assert account == {"request": "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"}


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    for path in (tmp_path / "a.png", tmp_path / "missing.png", tmp_path):
        with pytest.raises(BadInput) as told:
            provenance.read(path)
        assert str(path) in str(told.value)


@settings(max_examples=60)
@given(
    suffix=st.sampled_from([".png", ".jpg", ".webp"]),
    at=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=8),
)
def test_a_mutated_file_is_read_or_refused_and_nothing_else(
    tmp_path: Path, suffix: str, at: float, junk: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    provenance.write(path, picture(), ACCOUNT)
    whole = path.read_bytes()
    place = int(at * min(len(whole), 3000))
    path.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged EXIF and of huge sizes
        try:
            account = provenance.read(path)
        except BadInput:
            return
    assert account is None or canonical(account)


@settings(max_examples=30)
@given(
    words=st.text(st.characters(exclude_categories=()), max_size=80),
    seed=st.none() | st.integers(0, 2**63 - 1),
    suffix=st.sampled_from([".png", ".jpg", ".webp"]),
)
def test_any_words_go_round(tmp_path: Path, words: str, seed: int | None, suffix: str) -> None:
    account = {"request": words, "seed": seed, "steps": [{"args": {"prompt": words}}]}
    path = tmp_path / f"a{suffix}"
    provenance.write(path, picture(), account)
    assert provenance.read(path) == json.loads(canonical(account))


def test_the_account_of_a_picture_tells_all_steps_that_led_to_it(tmp_path: Path) -> None:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        turns = [ledger.begin_turn(ledger.new_session(), words, {}) for words in ("one", "two")]

        def draw(turn: int, tool: str, **inputs: str) -> str:
            key = step_key(tool, {"x": tool}, [*inputs.values()], 5, "m")
            step = ledger.begin_step(turns[turn], tool, {"x": tool}, inputs, 5, key)
            return ledger.finish_step(step, [picture()], None, {}).pictures[0].handle

        house = draw(0, "text_to_image")
        draw(0, "gan_image")
        tree = draw(0, "vae_variation")
        both = draw(1, "blend", image=house, over=tree, mask=house)
        last = draw(1, "upscale", image=both)
        account = provenance.account(ledger, last, ACCOUNT["models"], {"danqing": "0.1.0"})
    assert account["request"] == "two"
    assert account["parents"] == [both]
    assert [(step["tool"], step["inputs"], step["outputs"]) for step in account["steps"]] == [
        ("text_to_image", {}, [house]),
        ("vae_variation", {}, [tree]),
        ("blend", {"image": house, "over": tree, "mask": house}, [both]),
        ("upscale", {"image": both}, [last]),
    ]
    provenance.write(tmp_path / "a.png", picture(), account)
    assert provenance.read(tmp_path / "a.png") == account
