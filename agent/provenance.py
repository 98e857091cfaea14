"""Where a picture comes from, written into the file that the user takes home.

A PNG carries two texts: ``parameters``, as galleries for generated pictures read it (prompt, then
"Steps: 20, Seed: 7, Size: 512x512, Model: …"), and ``danqing``, the whole account as JSON. JPEG and
WebP carry the same two in EXIF: UserComment and ImageDescription.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tools.errors import BadInput
from . import durable
from .canonical import canonical, scrub
from .records import Json, Step

if TYPE_CHECKING:
    from PIL import Image

    from .ledger import Ledger

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MAX_CHARACTERS = 1_000_000
"""A longer account is neither written nor read."""
MAX_DEPTH = 32

_TEXT = "danqing"
_HEADER = 33  # bytes of a PNG's signature and its first chunk
_EXIF_POINTER, _DESCRIPTION, _USER_COMMENT = 0x8769, 0x010E, 0x9286
_EXIF_BYTES = 65_000  # a JPEG's EXIF is one segment of 64 KiB


def lineage(ledger: Ledger, handle: str) -> list[Step]:
    """The steps that led to the picture, each after those whose pictures it took in."""
    steps: dict[int, Step] = {}
    waiting = [handle]
    while waiting:
        picture = ledger.picture(waiting.pop())
        if picture.step not in steps:
            steps[picture.step] = next(
                step for step in ledger.turn(picture.turn).steps if step.id == picture.step
            )
            waiting += picture.parents
    return in_order(steps.values())


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps that made pictures, each after those whose pictures it took in: a picture's number is
    smaller than those of what is made from it."""
    return sorted(steps, key=lambda step: int(step.pictures[0].handle.removeprefix("img-")))


def account(ledger: Ledger, handle: str, models: Json, versions: Json) -> Json:
    """What a file says about its picture, from the ledger alone.

    ``models`` maps a role to ``{"name", "sha256"}``, ``versions`` a program to its version.
    """
    picture = ledger.picture(handle)
    return {
        "version": 1,
        "handle": handle,
        "request": ledger.turn(picture.turn).request,
        "steps": [
            {
                "tool": step.tool,
                "args": step.args,
                "inputs": step.inputs,
                "seed": step.seed,
                "outputs": [made.handle for made in step.pictures],
            }
            for step in lineage(ledger, handle)
        ],
        "seed": picture.seed,
        "models": models,
        "versions": versions,
        "parents": list(picture.parents),
    }


def write(
    path: Path, image: Image.Image, provenance: Json | None, *, png: bytes | None = None
) -> None:
    """Write ``image`` to ``path`` for the user: whole or not at all, over what was there.

    The suffix says the format: .png and .webp keep every pixel, .jpg is quality 95 on white where
    the picture is transparent. ``provenance`` is an `account`; None leaves all metadata out.
    ``png`` is the image as a PNG file with nothing but pixels, which need not be coded again then.
    Raises `BadInput` for another suffix or an account too long for the format, `Stopped` where
    the disk refuses.
    """
    data = encoded(image, provenance, format_of(path), png=png)
    with durable.clear_errors(path):
        durable.write_file(path, data, mode=None)


def encoded(
    image: Image.Image, provenance: Json | None, format: str = "PNG", *, png: bytes | None = None
) -> bytes:
    """The file that `write` writes, in one of the `FORMATS`."""
    texts = None if provenance is None else (parameters(provenance, image.size), provenance)
    if format == "PNG" and png is not None:
        return png if texts is None else _with_texts(png, texts)
    return _encoded(image, format, texts)


def format_of(path: Path) -> str:
    """The format that the suffix of ``path`` says; `BadInput` for another than `FORMATS`."""
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        raise BadInput(
            f"A picture cannot be written as {path.suffix or path.name!r}.",
            hint=f"Use one of {', '.join(FORMATS)}.",
        )
    return format


def parameters(provenance: Json, size: tuple[int, int]) -> str:
    """The ``parameters`` text of a picture of ``size`` (width, height)."""
    steps = provenance.get("steps") or []
    args: Json = next((step["args"] for step in reversed(steps) if "prompt" in step["args"]), {})
    lines = [str(args.get("prompt") or provenance.get("request") or "")]
    if args.get("negative_prompt"):
        lines.append(f"Negative prompt: {args['negative_prompt']}")
    models = provenance.get("models") or {}
    facts = {
        "Steps": args.get("steps"),
        "CFG scale": args.get("guidance_scale"),
        "Seed": provenance.get("seed"),
        "Size": f"{size[0]}x{size[1]}",
        "Model": " + ".join(dict.fromkeys(model["name"] for model in models.values())),
        "Version": " ".join(
            f"{name} {version}" for name, version in (provenance.get("versions") or {}).items()
        ),
    }
    lines.append(
        ", ".join(
            f"{name}: {_quoted(fact)}" for name, fact in facts.items() if fact not in (None, "")
        )
    )
    return scrub("\n".join(lines))


def read(path: Path) -> Json | None:
    """The account in the picture file ``path``, or None if it carries none.

    Whoever made the file wrote what it says: it is data, bounded in length and depth, and no proof.
    Raises `BadInput` if the file is no PNG, JPEG or WebP or its account is not well-formed.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            text = image.info.get(_TEXT) if image.format == "PNG" else _exif_text(image)
    except UnidentifiedImageError:
        raise BadInput(f"{path} is not a PNG, JPEG or WebP picture.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or 'it is damaged'}.") from error
    except Exception as error:  # whatever a decoder makes of a damaged file
        raise BadInput(f"{path} cannot be read: it is damaged.") from error
    return None if text is None else _parsed(str(text), path)


def _encoded(image: Image.Image, format: str, texts: tuple[str, Json] | None) -> bytes:
    from PIL import Image

    if format == "JPEG" and image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    else:
        image = Image.frombytes(image.mode, image.size, image.tobytes())  # pixels and no more
    buffer = BytesIO()
    if format == "PNG":
        image.save(buffer, "PNG", compress_level=6)
        return buffer.getvalue() if texts is None else _with_texts(buffer.getvalue(), texts)
    exif = b"" if texts is None else _exif(*texts)
    if format == "JPEG":
        image.save(buffer, "JPEG", quality=95, subsampling=0, exif=exif)
    else:
        image.save(buffer, "WEBP", lossless=True, exact=True, exif=exif)
    return buffer.getvalue()


def _with_texts(png: bytes, texts: tuple[str, Json]) -> bytes:
    """The PNG file with both texts, before its pixels."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", texts[0])
    info.add_text(_TEXT, canonical(texts[1]))
    added = BytesIO()
    for kind, data, *_ in info.chunks:
        PngImagePlugin.putchunk(added, kind, data)
    return png[:_HEADER] + added.getvalue() + png[_HEADER:]


def _exif(comment: str, provenance: Json) -> bytes:
    """EXIF with both texts; `BadInput` if they do not fit."""
    from PIL import Image

    exif = Image.Exif()
    # ImageDescription is ASCII by its standard; escaped JSON is.
    exif[_DESCRIPTION] = f"{_TEXT}:{json.dumps(json.loads(canonical(provenance)))}"
    exif.get_ifd(_EXIF_POINTER)[_USER_COMMENT] = b"UNICODE\0" + comment.encode("utf-16-be")
    data = exif.tobytes()
    if len(data) > _EXIF_BYTES:
        raise BadInput(
            f"The picture's provenance has {len(data):,} bytes; a JPEG or WebP file holds "
            f"{_EXIF_BYTES:,}.",
            hint="Save it as .png, or leave the provenance out with --no-metadata.",
        )
    return data


def _exif_text(image: Image.Image) -> str | None:
    description = image.getexif().get(_DESCRIPTION)
    if isinstance(description, str) and description.startswith(f"{_TEXT}:"):
        return description.removeprefix(f"{_TEXT}:")
    return None


def _parsed(text: str, path: Path) -> Json:
    """``text`` as a JSON object, strictly: no NaN, no repeated key, nothing endlessly deep."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number")

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("a key repeats")
        return dict(pairs)

    try:
        if len(text) > MAX_CHARACTERS:
            raise ValueError(
                f"it has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
            )
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
        if not isinstance(value, dict):
            raise ValueError("it is not a JSON object")  # the file's value, not ours
        _check_depth(value)
        account: Json = json.loads(canonical(value))
    except (ValueError, RecursionError) as error:
        reason = "it is too deep" if isinstance(error, RecursionError) else error
        raise BadInput(f"The provenance in {path} cannot be used: {reason}.") from error
    return account


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise ValueError(f"it is deeper than {MAX_DEPTH} levels")


def _quoted(fact: object) -> str:
    """``fact`` so that a comma, colon or line end in it does not end it."""
    text = str(fact)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(',:"\n') else text
