"""The process that decodes one upload: reads the file on stdin, writes plain pixels to stdout.

Run as a script under ``python -I`` and never imported: image decoders are where hostile files do
their harm, so they run here, with little memory, little time and no way to write a file. Out comes
one line of JSON, either ``{"mode", "width", "height"}`` followed by the pixels, or ``{"refused"}``
with a word for the reason; never a decoder's own text, which can carry addresses.

Usage: python -I decode.py FORMAT MAX_PIXELS MEMORY_BYTES CPU_SECONDS < file
"""

from __future__ import annotations

import json
import resource
import sys
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


class Refused(Exception):
    """The upload cannot be taken; the argument is the reason's word."""


def limit(memory: int, seconds: int) -> None:
    """Bind this process to ``memory`` bytes of address space and ``seconds`` of processor time."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except ValueError:
            if sys.platform != "darwin":  # macOS knows no limit on address space
                raise


def decode(data: bytes, format: str, max_pixels: int) -> Image.Image:
    """The one picture in ``data``: upright, in sRGB, of mode L, RGB or RGBA."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # our own limit is lower and is checked before a pixel is read
    image = Image.open(BytesIO(data), formats=(format,))
    if image.width * image.height > max_pixels:
        raise Refused("pixels")
    # A phone's JPEG may carry a second picture (depth, gain map) behind the photo; that is no film.
    if format != "JPEG" and getattr(image, "n_frames", 1) > 1:
        raise Refused("frames")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    return in_srgb(image)


def in_srgb(image: Image.Image) -> Image.Image:
    """``image`` with its color profile applied and its mode one of L, RGB, RGBA."""
    from PIL import ImageCms

    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion clips at 255
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"RGB", "RGBA", "CMYK"}:
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile is no reason to refuse a picture: its colors are taken as sRGB
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def main() -> None:
    format, max_pixels, memory, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    limit(memory, seconds)
    out = sys.stdout.buffer
    try:
        image = decode(sys.stdin.buffer.read(), format, max_pixels)
    except Refused as refused:
        out.write(json.dumps({"refused": str(refused)}).encode() + b"\n")
    except MemoryError:
        out.write(b'{"refused": "memory"}\n')
    except Exception:  # noqa: BLE001  # whatever a decoder makes of a damaged file, it is damaged
        out.write(b'{"refused": "damaged"}\n')
    else:
        head = {"mode": image.mode, "width": image.width, "height": image.height}
        out.write(json.dumps(head).encode() + b"\n")
        for top in range(0, image.height, 64):  # in strips: a second whole copy may not fit
            box = (0, top, image.width, min(top + 64, image.height))
            out.write(image.crop(box).tobytes())


if __name__ == "__main__":
    main()
