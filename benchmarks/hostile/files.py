"""Pictures that are none, or too much, or more than pictures: made when they are needed."""

from __future__ import annotations

import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

from danqing.agent.store import MAX_BYTES

CANARY = b"QX7-zinnober-canary"
"""What lies beside the pixels of a file, and may be in nothing that is kept of it."""
MUST_NOT_PASS = frozenset({"bomb", "huge header", "no picture", "animated", "too large", "empty"})
"""Kinds of which no file may be taken."""


@dataclass(frozen=True)
class File:
    """A file, its kind, and the type that it is sent as."""

    kind: str
    name: str
    data: bytes
    type: str = "image/png"


def photo(side: int = 48, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture with something in it."""
    image = Image.effect_noise((side, side), 60 + seed % 40).convert("RGB")
    image.paste((seed * 37 % 256, seed * 91 % 256, 90), (8, 8, side // 2, side // 2))
    return image.convert(mode)


def coded(image: Image.Image, format: str, **how: Any) -> bytes:
    """A picture as a file."""
    file = BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, color: int = 2
) -> bytes:
    """A PNG of a header, what lies between, and compressed rows, whatever they are."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"".join((
        b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *more,
        chunk(b"IDAT", rows), chunk(b"IEND", b""),
    ))  # fmt: skip


def zeros(megabytes: int) -> bytes:
    """So much of nothing, compressed."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


def _bombs(rng: random.Random) -> list[File]:
    side = rng.choice((9000, 12_000, 20_000))
    flat = Image.new("L", (9000, 9000))
    return [
        File("bomb", f"png {side}", png(side, side, zeros(20), color=0)),
        File("bomb", "jpeg 9000", coded(flat, "JPEG", quality=1), "image/jpeg"),
        File("bomb", "webp 16000", coded(Image.new("RGB", (16_000, 3200)), "WEBP", method=0),
             "image/webp"),
    ]  # fmt: skip


def _deep(rng: random.Random) -> list[File]:
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(100))
    profile = chunk(b"iCCP", b"bomb\0\0" + zeros(100))
    words = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(100))
    rows = zlib.compress(bytes(3 * 16 * 16 + 16))
    head, _, tail = coded(photo(seed=rng.randrange(99)), "JPEG").partition(b"\xff\xdb")
    many = b"".join(
        b"\xff\xe2" + struct.pack(">H", 65_535) + b"ICC_PROFILE\0" + bytes((n, 255)) + bytes(65_519)
        for n in range(1, 256)
    )  # fmt: skip
    return [
        File("metadata bomb", "zTXt", png(16, 16, rows, text)),
        File("metadata bomb", "iCCP", png(16, 16, rows, profile)),
        File("metadata bomb", "iTXt", png(16, 16, rows, words)),
        File("metadata bomb", "ICC of 16 MB", head + many + b"\xff\xdb" + tail, "image/jpeg"),
        File("metadata bomb", "rows without end", png(16, 16, zeros(250))),
        File("metadata bomb", "10,000 chunks", png(16, 16, rows, chunk(b"tEXt", b"a\0b") * 10_000)),
    ]


def _polyglots(rng: random.Random) -> list[File]:
    image = photo(seed=rng.randrange(99))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("canary.txt", CANARY)
    page = b"<html><script>alert('" + CANARY + b"')</script></html>"
    jpeg = coded(image, "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", len(page) + 2) + page
    return [
        File("polyglot", "PNG and ZIP", coded(image, "PNG") + packed.getvalue()),
        File("polyglot", "PNG and HTML", coded(image, "PNG") + page, "text/html"),
        File("polyglot", "JPEG and HTML", jpeg[:2] + comment + jpeg[2:], "image/jpeg"),
        File("polyglot", "JPEG and PHP", jpeg + b"<?php /*" + CANARY + b"*/ ?>"),
        File("polyglot", "WebP and ZIP", coded(image, "WEBP") + packed.getvalue(), "image/webp"),
        File("polyglot", "two JPEGs", jpeg + coded(photo(32, seed=5), "JPEG", comment=CANARY)),
    ]  # fmt: skip


def _none(rng: random.Random) -> list[File]:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    entity = b"<!DOCTYPE s [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><svg>&e;</svg>"
    image = photo(seed=rng.randrange(99))
    return [
        File("no picture", "SVG", svg, "image/svg+xml"),
        File("no picture", "SVG with an entity", entity, "image/png"),
        File("no picture", "PDF", coded(image, "PDF"), "image/png"),
        File("no picture", "GIF called PNG", coded(image.convert("P"), "GIF")),
        File("no picture", "GIF89a/*", b"GIF89a/*" + CANARY + b"*/=1;alert(1)", "image/gif"),
        *(File("no picture", f, coded(image, f)) for f in ("BMP", "TIFF", "ICO", "JPEG2000")),
        File("no picture", "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(w) file\n"),
        File("no picture", "chance", rng.randbytes(rng.randrange(1, 5000))),
        File("no picture", "words", b"A red house, please. " * 50, "image/jpeg"),
        File("empty", "nothing", b""), File("empty", "a mark alone", b"\x89PNG\r\n\x1a\n"),
        File("empty", "RIFF alone", b"RIFF\0\0\0\0WEBP", "image/webp"),
        File("empty", "FF D8 FF alone", b"\xff\xd8\xff", "image/jpeg"),
    ]  # fmt: skip


def _modes(rng: random.Random) -> list[File]:
    image = photo(seed=rng.randrange(99))
    palette = image.quantize(16)
    palette.info["transparency"] = 3
    gray16 = Image.frombytes("I;16", (32, 32), rng.randbytes(2048))
    return [
        File("odd mode", "1", coded(image.convert("1"), "PNG")),
        File("odd mode", "P with transparency", coded(palette, "PNG", transparency=3)),
        File("odd mode", "P with short palette", coded(palette, "PNG", bits=4)),
        File("odd mode", "LA", coded(image.convert("LA"), "PNG")),
        File("odd mode", "I;16", coded(gray16, "PNG")),
        File("odd mode", "RGBA", coded(image.convert("RGBA"), "PNG")),
        File("odd mode", "CMYK", coded(image.convert("CMYK"), "JPEG"), "image/jpeg"),
        File("odd mode", "YCCK", _ycck(image), "image/jpeg"),
        File("odd mode", "progressive", coded(image, "JPEG", progressive=True), "image/jpeg"),
        File("odd mode", "lossless WebP", coded(image, "WEBP", lossless=True), "image/webp"),
        File("odd mode", "WebP with alpha", coded(image.convert("RGBA"), "WEBP"), "image/webp"),
        File("odd mode", "1 x 1", coded(image.resize((1, 1)), "PNG")),
        File("odd mode", "1 x 5000", coded(image.resize((1, 5000)), "PNG")),
        File("odd mode", "5000 x 1", coded(image.resize((5000, 1)), "JPEG"), "image/jpeg"),
        File("odd mode", "CgBI", _cgbi(image)),
        File("odd mode", "16 bits RGB", png(
            16, 16, zlib.compress(b"".join(b"\0" + rng.randbytes(96) for _ in range(16))), depth=16
        )),
        File("odd mode", "palette without colors", png(
            8, 8, zlib.compress(bytes(72)), chunk(b"PLTE", b"\0\0\0"), color=3
        )),
        File("odd mode", "gray of one bit", png(8, 8, zlib.compress(bytes(16)), depth=1, color=0)),
    ]  # fmt: skip


def _ycck(image: Image.Image) -> bytes:
    """A CMYK JPEG whose Adobe marker says that its colors are YCCK."""
    data = coded(image.convert("CMYK"), "JPEG")
    at = data.find(b"Adobe")
    return data if at < 0 else data[: at + 11] + b"\x02" + data[at + 12 :]


def _cgbi(image: Image.Image) -> bytes:
    """A PNG as Apple's tools write it, which is none: raw rows behind a chunk of their own."""
    data = coded(image.convert("RGBA"), "PNG")
    return data[:8] + chunk(b"CgBI", b"\x50\x00\x20\x02") + data[8:]


def _damaged(rng: random.Random) -> list[File]:
    format = rng.choice(("PNG", "JPEG", "WEBP"))
    whole = coded(photo(64, seed=rng.randrange(99)), format)
    flipped = bytearray(whole)
    for _ in range(rng.choice((1, 3, 30))):
        flipped[rng.randrange(12, len(flipped))] ^= 1 << rng.randrange(8)
    twice = rng.randrange(len(whole))
    type = f"image/{format.lower()}"
    return [
        File("cut short", f"{format} cut", whole[: rng.randrange(1, len(whole))], type),
        File("flipped", f"{format} flipped", bytes(flipped), type),
        File("flipped", f"{format} a part twice", whole[:twice] + whole[twice // 2 :], type),
        File("mislabelled", f"{format} as another", whole,
             rng.choice(("image/svg+xml", "text/html", "application/pdf", "image/webp", "x"))),
    ]  # fmt: skip


def _huge(rng: random.Random) -> list[File]:
    rows = zlib.compress(bytes(100))
    jpeg = bytearray(coded(photo(seed=rng.randrange(99)), "JPEG"))
    at = jpeg.find(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff\xff\xff\xff"
    found = [
        File("huge header", f"PNG {w}x{h}", png(w, h, rows, color=rng.choice((0, 2, 6))))
        for w, h in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (60_000, 60_000), (0, 0), (7100, 7100))
    ]
    return [*found, File("huge header", "JPEG 65535x65535", bytes(jpeg), "image/jpeg")]


def _told(rng: random.Random) -> list[File]:
    """Good pictures, with something beside the pixels."""
    image = photo(seed=rng.randrange(999))
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    exif[0x0112] = rng.choice((1, 3, 6, 8, 77))
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", CANARY.decode())
    text.add_itxt("XML:com.adobe.xmp", f"<x:xmpmeta>{CANARY.decode()}</x:xmpmeta>")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    broken = CANARY + rng.randbytes(400)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"
    four = image.convert("CMYK")
    return [
        File("metadata", "PNG text", coded(image, "PNG", pnginfo=text)),
        File("metadata", "PNG exif", coded(image, "PNG", exif=exif)),
        File("metadata", "PNG broken ICC", coded(image, "PNG", icc_profile=broken)),
        *(
            File("metadata", name, coded(kind, "JPEG", **how), "image/jpeg")
            for name, kind, how in (
                ("JPEG exif", image, {"exif": exif, "comment": CANARY}),
                ("JPEG ICC", image, {"icc_profile": profile, "xmp": xmp}),
                ("JPEG broken ICC", four, {"icc_profile": broken}),
            )
        ),
        File(
            "metadata", "WebP", coded(image, "WEBP", exif=exif, xmp=xmp, icc_profile=profile),
            "image/webp",
        ),
        File("metadata", "behind the end", coded(image, "PNG") + CANARY),
    ]  # fmt: skip


def _moving(rng: random.Random) -> list[File]:
    frames = [photo(seed=rng.randrange(999)) for _ in range(3)]
    how: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 50}
    many: dict[str, Any] = {**how, "append_images": [photo(16, seed=n) for n in range(300)]}
    return [
        File("animated", "APNG", coded(frames[0], "PNG", **how)),
        File("animated", "WebP", coded(frames[0], "WEBP", **how), "image/webp"),
        File("animated", "APNG of 300", coded(photo(16, seed=999), "PNG", **many)),
    ]


def _large(rng: random.Random) -> list[File]:
    image = coded(photo(seed=rng.randrange(99)), "PNG")
    return [
        File("too large", "20 MB and 1", image + bytes(MAX_BYTES + 1 - len(image))),
        File("large", "20 MB", image + bytes(MAX_BYTES - len(image))),
    ]


KINDS: tuple[Callable[[random.Random], list[File]], ...] = (
    _none, _modes, _damaged, _told, _polyglots, _huge, _moving, _deep, _bombs, _large,
)  # fmt: skip


def files(n: int, seed: int = 0) -> list[File]:
    """``n`` hostile files: each there is, and then more of those that chance makes others of."""
    rng = random.Random(seed)
    found: list[File] = []
    for kind in chain(KINDS, _more(rng)):
        if len(found) >= n:
            break
        found += kind(rng)
    rng.shuffle(found)
    return found[:n]


def _more(rng: random.Random) -> Iterator[Callable[[random.Random], list[File]]]:
    while True:
        yield rng.choice((_damaged, _damaged, _damaged, _told, _modes, _none))
