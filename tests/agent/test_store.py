"""Pixels go in and the same pixels come out; nothing else does, and nothing hostile gets in."""

from __future__ import annotations

import os
import runpy
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from danqing.agent import decode, durable
from danqing.agent import store as store_module
from danqing.agent.home import Home
from danqing.agent.store import MAX_BYTES, MODES, ORPHAN_SECONDS, Store, digest_of
from danqing.tools.errors import BadInput, Stopped, ToolError

CANARY = b"canary-5f1e"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Home.open(tmp_path / "home"))


def gradient(width: int = 24, height: int = 16, mode: str = "RGB") -> Image.Image:
    return Image.radial_gradient("L").resize((width, height)).convert(mode)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(width: int, height: int, *, depth: int = 8, color: int = 2) -> bytes:
    """A PNG header that claims this size, with hardly any pixels behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


# Putting and getting.


@settings(max_examples=40)
@given(
    mode=st.sampled_from(MODES),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    seed=st.binary(min_size=1, max_size=64),
)
def test_what_is_put_is_what_is_got(
    store: Store, mode: str, width: int, height: int, seed: bytes
) -> None:
    length = width * height * len(Image.new(mode, (1, 1)).getbands())
    image = Image.frombytes(mode, (width, height), (seed * length)[:length])
    digest = store.put(image)
    back = store.get(digest)
    assert (back.mode, back.size, back.tobytes()) == (mode, image.size, image.tobytes())
    assert store.put(back) == digest


def test_equal_pixels_of_another_shape_or_mode_are_another_picture(store: Store) -> None:
    pixels = bytes(range(256)) * 36
    digests = {
        store.put(Image.frombytes("RGB", (30, 100), pixels[:9000])),
        store.put(Image.frombytes("RGB", (100, 30), pixels[:9000])),
        store.put(Image.frombytes("L", (90, 100), pixels[:9000])),
        store.put(Image.frombytes("L", (100, 90), pixels[:9000])),
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("1", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"),
        ("LA", "RGBA"), ("RGBa", "RGBA"), ("RGBX", "RGB"),
    ],
)  # fmt: skip
def test_other_modes_of_eight_bits_are_converted(store: Store, mode: str, kept: str) -> None:
    source = gradient(mode="RGBA").convert(
        "RGB" if mode in {"P", "CMYK", "YCbCr", "HSV"} else "RGBA"
    )
    image = source.convert("RGB").convert(mode) if mode in {"1", "RGBX"} else source.convert(mode)
    assert store.get(store.put(image)).mode == kept


def test_a_palette_with_a_transparent_color_keeps_its_transparency(store: Store) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    image.info["transparency"] = 1
    back = store.get(store.put(image))
    assert [back.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0, 255), (0, 0, 255, 0)]


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_a_mode_that_eight_bits_cannot_hold_is_refused(store: Store, mode: str) -> None:
    with pytest.raises(ToolError, match=mode):
        store.put(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("size", [(0, 5), (10_000, 5_001)])
def test_a_picture_without_pixels_or_with_too_many_is_refused(
    store: Store, size: tuple[int, int]
) -> None:
    with pytest.raises(ToolError, match=f"{size[0]}x{size[1]}"):
        store.put(Image.new("L", size))


def test_no_metadata_of_a_picture_reaches_its_file(store: Store) -> None:
    image = gradient()
    image.info |= {"icc_profile": CANARY, "exif": CANARY, "comment": CANARY, "xmp": CANARY}
    image.info["dpi"] = (300, 300)
    path = store.path(store.put(image))
    assert CANARY not in path.read_bytes()
    assert chunks(path.read_bytes()) == {b"IHDR", b"IDAT", b"IEND"}


def chunks(data: bytes) -> set[bytes]:
    names, at = set(), 8
    while at < len(data):
        names.add(data[at + 4 : at + 8])
        at += 12 + struct.unpack(">I", data[at : at + 4])[0]
    return names


def test_an_equal_picture_is_kept_once(store: Store) -> None:
    first = store.path(store.put(gradient())).stat()
    second = store.path(store.put(gradient())).stat()
    assert first.st_ino == second.st_ino
    assert len(list(store.home.blobs.iterdir())) == 1


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_files_are_private_whatever_the_umask(store: Store, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = store.path(store.put(gradient()))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    files = [path for path in store.home.root.rglob("*") if path.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_file_that_is_cut_changed_or_another_picture_is_noticed(store: Store) -> None:
    digest = store.put(gradient(64, 64))
    path = store.path(digest)
    whole = path.read_bytes()
    pixels_end = whole.index(b"IEND") - 8
    for at in range(0, pixels_end, pixels_end // 60):
        path.write_bytes(whole[:at])
        with pytest.raises(Stopped, match="damaged"):
            store.get(digest)
    path.write_bytes(encoded(gradient(64, 65)))
    with pytest.raises(Stopped, match="damaged") as told:
        store.get(digest)
    assert str(path) in str(told.value)
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert digest_of(store.get(digest)) == digest
        except Stopped:
            continue
    assert store.put(gradient(64, 64)) == digest
    assert digest_of(store.get(digest)) == digest


def test_what_was_read_just_now_is_not_read_again_unless_its_file_changed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    red, blue = (Image.new("RGB", (16, 16), color) for color in ("red", "blue"))
    digest, other = store.put(red), store.put(blue)
    read: list[str] = []
    whole = store.read
    monkeypatch.setattr(store, "read", lambda digest: read.append(digest) or whole(digest))
    store.get(digest).paste((0, 0, 0), (0, 0, 16, 16))  # what is given away is the taker's own
    assert store.get(digest).tobytes() == red.tobytes()
    assert not read
    os.utime(store.path(digest), ns=(1, 1))
    assert store.get(digest).tobytes() == red.tobytes()
    assert store.get(digest).tobytes() == red.tobytes()
    assert read == [digest]
    os.replace(store.path(other), store.path(digest))
    with pytest.raises(Stopped, match="is damaged"):
        store.get(digest)


def test_only_so_many_pictures_are_held(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.agent.store.RECENT", 2 * 16 * 16 * 3)
    digests = [store.put(Image.new("RGB", (16, 16), (shade, 0, 0))) for shade in range(4)]
    assert list(store._recent) == digests[2:]
    large = store.put(Image.new("RGB", (64, 64)))
    assert not store._recent
    assert store.get(large).size == (64, 64)


def test_a_missing_file_is_told(store: Store) -> None:
    digest = store.put(gradient())
    store.path(digest).unlink()
    assert not store.has(digest)
    with pytest.raises(Stopped, match="missing"):
        store.get(digest)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, f"{'0' * 64}\n"])
def test_what_is_no_digest_is_no_path(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        store.path(name)


# Sweeping.


def test_a_sweep_takes_orphans_and_leaves_the_rest(store: Store) -> None:
    named, fresh, orphan, ancient = (store.put(gradient(width)) for width in (8, 9, 10, 11))
    now = time.time()
    for digest, age in ((named, 2.0), (orphan, 2.0), (ancient, 100.0)):
        os.utime(store.path(digest), times=(now - age * ORPHAN_SECONDS,) * 2)
    (store.home.blobs / f"{durable.TEMPORARY}0123").write_bytes(b"half a pict")
    stranger = store.home.blobs / "notes.txt"
    stranger.write_text("mine")
    elsewhere = [
        folder / f"{durable.TEMPORARY}{age}"
        for folder in (store.home.root, store.home.pictures) for age in (0, 2)
    ]  # fmt: skip
    for file in elsewhere:
        file.write_bytes(b"half a pict")
        os.utime(file, times=(now - int(file.name[-1]) * ORPHAN_SECONDS,) * 2)
    swept = store.sweep(lambda: {named}, since=now - 50 * ORPHAN_SECONDS)
    assert (swept.temporaries, swept.blobs) == (3, 1)
    assert [file.exists() for file in elsewhere] == [True, False] * 2, "one may be written just now"
    assert [store.has(digest) for digest in (named, fresh, orphan, ancient)] == [
        True, True, False, True,
    ]  # fmt: skip
    assert stranger.exists()


def test_a_picture_that_is_put_again_is_young_again(store: Store) -> None:
    digest = store.put(gradient())
    os.utime(store.path(digest), times=(0, 0))
    store.put(gradient())
    assert store.sweep(lambda: set(), since=0.0).blobs == 0
    assert store.has(digest)


# Uploads.


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_upload_is_known_by_its_content(
    store: Store, tmp_path: Path, format: str, mode: str
) -> None:
    data = encoded(gradient(mode=mode), format)
    file = tmp_path / "picture.anything"
    file.write_bytes(data)
    digest = store.take_in(data)
    assert store.take_in(file) == digest
    with Image.open(BytesIO(data)) as image:
        assert store.get(digest).tobytes() == image.convert(store.get(digest).mode).tobytes()


def test_an_upload_is_turned_upright_and_loses_all_metadata(store: Store) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it as it was taken
    exif[0x010F] = CANARY.decode()
    exif.get_ifd(0x8825)[1] = CANARY.decode()
    data = encoded(image, "JPEG", exif=exif, quality=95, subsampling=0, comment=CANARY, xmp=CANARY)
    assert data.count(CANARY) >= 3
    digest = store.take_in(data)
    upright = store.get(digest)
    assert upright.size == (20, 40)
    red, white = upright.getpixel((10, 3)), upright.getpixel((10, 30))
    assert isinstance(red, tuple)
    assert red[0] > 200 and red[1] < 60
    assert white == (255, 255, 255)
    assert CANARY not in store.path(digest).read_bytes()


def test_the_texts_of_a_png_are_left_outside(store: Store) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", CANARY.decode())
    info.add_itxt("XML:com.adobe.xmp", CANARY.decode())
    digest = store.take_in(encoded(gradient(), pnginfo=info) + CANARY)
    assert CANARY not in store.path(digest).read_bytes()


def test_a_color_profile_is_applied(store: Store) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (8, 8), (200, 60, 30))
    same = store.get(store.take_in(encoded(image, icc_profile=lab)))
    assert same.getpixel((4, 4)) == (200, 60, 30)
    assert store.take_in(encoded(image, icc_profile=b"no profile at all")) == store.put(image)


def test_sixteen_bits_become_eight_without_clipping(store: Store) -> None:
    image = Image.new("I;16", (3, 1))
    for x, value in enumerate((0, 0x8000, 0xFFFF)):
        image.putpixel((x, 0), value)
    gray = store.get(store.take_in(encoded(image)))
    assert gray.mode == "L"
    assert list(gray.tobytes()) == pytest.approx([0, 128, 255], abs=1)


def test_a_print_picture_in_cmyk_is_taken(store: Store) -> None:
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    red = store.get(store.take_in(data)).getpixel((4, 4))
    assert isinstance(red, tuple)
    assert red[0] > 200 and max(red[1:]) < 60


def test_transparency_survives(store: Store) -> None:
    image = Image.new("RGBA", (4, 4), (10, 200, 30, 77))
    for format, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        assert store.take_in(encoded(image, format, **options)) == store.put(image)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_an_animation_is_refused(store: Store, format: str) -> None:
    frames = [gradient(), gradient().rotate(90)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="one frame"):
        store.take_in(data)


def test_a_phones_photo_with_a_second_picture_behind_it_is_taken(store: Store) -> None:
    data = encoded(gradient(), "MPO", save_all=True, append_images=[gradient().rotate(90)])
    assert store.get(store.take_in(data)).size == gradient().size


@pytest.mark.parametrize(
    "data",
    [encoded(gradient(), "GIF"), encoded(gradient(), "BMP"), b"<svg xmlns='x'/>", b"", b"RIFF"],
    ids=["gif", "bmp", "svg", "empty", "riff"],
)
def test_another_format_is_refused_and_the_allowed_ones_named(store: Store, data: bytes) -> None:
    with pytest.raises(BadInput, match="PNG, JPEG or WebP"):
        store.take_in(data)


def test_an_upload_above_twenty_megabytes_is_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    with file.open("wb") as sparse:
        sparse.truncate(10 * MAX_BYTES)
    for data in (b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES), file):
        with pytest.raises(BadInput, match="20,000,000"):
            store.take_in(data)


@pytest.mark.parametrize("size", [(50_001, 1_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(store: Store, size: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match=r"50 megapixels|damaged"):
        store.take_in(png(*size))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_damaged_upload_is_refused(store: Store, format: str) -> None:
    whole = encoded(Image.effect_noise((64, 64), 90), format)
    for length in (12, 40, len(whole) // 2):
        with pytest.raises(BadInput, match="damaged or cut short"):
            store.take_in(whole[:length])
    assert not list(store.home.blobs.iterdir())


def test_a_decoder_that_needs_too_much_memory_or_time_is_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.new("RGB", (7000, 7000), "teal"), "JPEG", progressive=True)
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "DECODE_MEMORY", 200 << 20)
        with pytest.raises(BadInput, match="200 MiB"):
            store.take_in(data)
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "DECODE_SECONDS", 0)
        with pytest.raises(BadInput, match="0 seconds"):
            store.take_in(data)
    assert store.get(store.take_in(data)).size == (7000, 7000)


def test_two_uploads_are_decoded_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[object] = []
    seen: list[int] = []

    class Counted(subprocess.Popen[bytes]):
        def __enter__(self) -> Counted:
            running.append(self)
            seen.append(len(running))
            time.sleep(0.1)
            return self

        def __exit__(self, *error: Any) -> None:
            super().__exit__(*error)
            running.remove(self)

    monkeypatch.setattr(store_module.subprocess, "Popen", Counted)
    content = encoded(gradient())
    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(store_module.upload, [content] * 4))) == 4
    assert max(seen) == 2


def test_what_cannot_be_read_is_refused_and_named(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "missing.png", tmp_path / "pipe.png", Path("a\0b.png")):
        with pytest.raises(BadInput) as told:
            store.take_in(path)
        assert path.name.split("\0")[0] in str(told.value)


def test_the_decoders_process_has_no_torch_and_no_ledger() -> None:
    program = (
        "import runpy, sys\n"
        "script = runpy.run_path(sys.argv[1])\n"
        "script['decode'](sys.stdin.buffer.read(), 'PNG', 10**6)\n"
        "print(*sys.modules)\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", program, str(decode.__file__)],
        input=encoded(gradient()), capture_output=True, check=True,
    ).stdout.decode().split()  # fmt: skip
    assert "PIL.PngImagePlugin" in loaded
    assert not {"torch", "numpy", "sqlite3", "danqing"} & set(loaded)
    assert callable(runpy.run_path(str(decode.__file__))["decode"])


@settings(max_examples=25)
@given(
    format=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    at=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=16),
)
def test_a_mutated_upload_is_taken_or_refused_and_nothing_else(
    store: Store, format: str, at: float, junk: bytes
) -> None:
    whole = encoded(gradient(), format)
    place = int(at * len(whole))
    try:
        digest = store.take_in(whole[:place] + junk + whole[place + len(junk) :])
    except BadInput:
        return
    assert store.get(digest).mode in MODES
