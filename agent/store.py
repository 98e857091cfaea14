"""The picture store: pixels by their content hash, and the one door that uploads come in by.

A blob is a PNG of nothing but pixels: whatever metadata a picture had stays outside. Its name is
the SHA-256 of mode, size and pixels (not of pixels alone: 30x100 is not 100x30), so a blob never
changes, equal pictures are kept once, and a damaged file is always noticed. In an encrypted home
the file is sealed for one session, and its name is told by that one's key (see `vault`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..tools.errors import BadInput, Stopped, ToolError
from . import durable
from .home import Home
from .vault import Vault, session_of

if TYPE_CHECKING:
    from PIL import Image

MODES = ("L", "RGB", "RGBA")
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
DECODE_MEMORY = 1 << 30
"""Bytes of address space that decoding one upload may use."""
DECODE_SECONDS = 5
"""Seconds of processor time that decoding one upload may take."""
ORPHAN_SECONDS = 3600.0
"""A blob that no ledger row names is swept when it is older than this."""
RECENT = 1 << 26
"""Bytes of pixels of the pictures last read or written that are held, to be had at once."""

PLAIN, SEALED = ".png", ".sealed"
"""How the names of the files end."""

_DECODING = threading.BoundedSemaphore(2)  # so many uploads are decoded at once
_PATIENCE = 60.0  # seconds on the clock for a decoder that waits instead of working
_SIGNATURES = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
_END = b"IEND\xaeB`\x82"
"""What a whole PNG file ends with."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Swept:
    """How many orphans a sweep removed."""

    temporaries: int
    blobs: int


class Store:
    """The pictures of one home, by digest. Safe to share between threads and processes."""

    def __init__(self, home: Home, vault: Vault | None = None) -> None:
        self.home, self._vault = home, vault
        self._recent: OrderedDict[str, tuple[_Stamp, Image.Image]] = OrderedDict()
        self._held = 0  # bytes of their pixels
        self._mine = threading.Lock()

    def put(self, image: Image.Image, session: str = "") -> str:
        """Keep ``image`` durably and return its digest; an encrypted home has to know for which
        ``session``, and its digests are those of one session.

        Modes L, RGB and RGBA are kept as they are; palettes and other 8-bit modes become RGB, or
        RGBA where there is transparency. Raises `ToolError` for a picture without pixels, above
        50 megapixels, or of a mode that 8 bits a channel cannot hold.
        """
        image = plain(image)
        pixels = image.tobytes()
        digest = _digest(image, pixels)
        if self._vault is not None:
            digest = self._vault.name(session, digest)
        path = self._file(digest)
        with (
            durable.clear_errors(path),
            durable.locked(self.home.locks / "store", shared=True),
        ):
            if path.exists() and self._opened(path.read_bytes(), digest) is not None:
                os.utime(path)  # sweeping counts an orphan's age from its last use
                durable.sync_folder(path.parent)  # whoever wrote it may not have come so far
            else:
                data = _encoded(image, pixels)
                if self._vault is not None:
                    data = self._vault.seal_file(session, digest, data)
                durable.write_file(path, data)
            self._remember(digest, _stamp(path), image)
        return digest

    def get(self, digest: str) -> Image.Image:
        """The picture with ``digest``, verified when it was last read or written; `Stopped` if its
        file is missing or damaged."""
        path = self.path(digest)
        with durable.clear_errors(path):
            stamp = _stamp(path)
            with self._mine:
                known = self._recent.get(digest)
            if known is not None and known[0] == stamp:
                return known[1].copy()
        image, _ = self.read(digest)
        self._remember(digest, stamp, image)
        return image.copy()

    def read(self, digest: str) -> tuple[Image.Image, bytes]:
        """The picture with ``digest`` and its PNG file, verified now; `Stopped` as `get`."""
        path = self.path(digest)
        with durable.clear_errors(path):
            data = path.read_bytes()
        opened = self._opened(data, digest)
        if opened is None:
            raise Stopped(
                f"The picture file {path} is damaged: its pixels are not those it is named for.",
                kept="The other pictures are not affected.",
                hint="Restore the file from a backup, or delete it and make the picture again.",
            )
        return opened

    def _opened(self, data: bytes, digest: str) -> tuple[Image.Image, bytes] | None:
        """The picture in a file and its PNG; None unless it is whole and what it is named for."""
        if self._vault is None:
            image = _decoded_png(data)
            return (image, data) if image is not None and digest_of(image) == digest else None
        try:
            data = self._vault.open_file(digest, data)
        except Stopped:
            return None
        image = _decoded_png(data)
        return None if image is None else (image, data)

    def _remember(self, digest: str, stamp: _Stamp, image: Image.Image) -> None:
        with self._mine:
            if (known := self._recent.pop(digest, None)) is not None:
                self._held -= _size(known[1])
            self._recent[digest] = stamp, image
            self._held += _size(image)
            while self._held > RECENT:
                self._held -= _size(self._recent.popitem(last=False)[1][1])

    def path(self, digest: str) -> Path:
        """The PNG file of ``digest``, or the sealed one; `Stopped` if it is not there."""
        path = self._file(digest)
        if not path.is_file():
            raise Stopped(
                f"The picture file {path} is missing.",
                kept="The other pictures are not affected.",
                hint="Restore the file from a backup, or make the picture again.",
            )
        return path

    def has(self, digest: str) -> bool:
        """Whether there is a file for ``digest``."""
        return self._file(digest).is_file()

    def shows(self, digest: str, image: Image.Image) -> bool:
        """Whether an image has the pixels of the picture with ``digest``; an encrypted home has to
        look, and raises `Stopped` as `get`."""
        if self._vault is None:
            return digest_of(image) == digest
        return digest_of(image) == digest_of(self.get(digest))

    def size(self, digest: str) -> int:
        """The bytes of the file of ``digest``; 0 where there is none."""
        try:
            return self._file(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self, digest: str) -> bool:
        """Remove a picture's file for good; returns whether it was there."""
        path = self._file(digest)
        with durable.clear_errors(path), durable.locked(self.home.locks / "store"):
            there = path.exists()
            durable.remove(path)
            durable.sync_folder(path.parent)
        with self._mine:
            if (known := self._recent.pop(digest, None)) is not None:
                self._held -= _size(known[1])
        return there

    def pass_on(self, digest: str, session: str, heir: str) -> None:
        """Seal a picture's file for ``heir``, where it is sealed for ``session``, whose key is to
        go. One that is missing or damaged stays so."""
        path = self._file(digest)
        if self._vault is None or not path.exists():
            return
        with (
            durable.clear_errors(path),
            durable.locked(self.home.locks / "store", shared=True),
            contextlib.suppress(ValueError, Stopped),
        ):
            data = path.read_bytes()
            if session_of(data) == session:
                opened = self._vault.open_file(digest, data)
                durable.write_file(path, self._vault.seal_file(heir, digest, opened))

    def take_in(self, data: bytes | Path, session: str = "") -> str:
        """Keep an upload and return its digest, as `put`; raises `BadInput` as `upload` does."""
        return self.put(upload(data), session)

    def sweep(self, named: Callable[[], Collection[str]], since: float) -> Swept:
        """Remove orphans: all temporary files, and blobs that nothing names.

        ``named`` gives the digests that are in use; it is called once nobody can be writing. A blob
        goes only if it is older than an hour (a step may be about to name it) and younger than
        ``since`` (seconds since the epoch: when the naming began; what is older is not ours); so
        old is a temporary file, too, that goes from elsewhere in the home.
        """
        temporaries = blobs = 0
        with (
            durable.clear_errors(self.home.blobs),
            durable.locked(self.home.locks / "store"),
        ):
            in_use = named()
            now = time.time()
            for file in self.home.blobs.iterdir():
                if file.name.startswith(durable.TEMPORARY):
                    durable.remove(file)
                    temporaries += 1
                elif (
                    _DIGEST.fullmatch(file.stem)
                    and file.stem not in in_use
                    and since <= file.stat().st_mtime < now - ORPHAN_SECONDS
                ):
                    durable.remove(file)
                    blobs += 1
            for folder in (self.home.root, self.home.pictures):
                for file in folder.glob(f"{durable.TEMPORARY}*"):
                    if file.stat().st_mtime < now - ORPHAN_SECONDS:
                        durable.remove(file)
                        temporaries += 1
        return Swept(temporaries, blobs)

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"a digest is 64 hexadecimal digits, not {digest!r}")
        return self.home.blobs / (digest + (PLAIN if self._vault is None else SEALED))


def digest_of(image: Image.Image) -> str:
    """SHA-256 over mode, size and pixels of ``image``, in hexadecimal."""
    return _digest(image, image.tobytes())


def _digest(image: Image.Image, pixels: bytes) -> str:
    hashed = hashlib.sha256(f"{image.mode} {image.width}x{image.height}\n".encode())
    hashed.update(pixels)
    return hashed.hexdigest()


def upload(data: bytes | Path) -> Image.Image:
    """The picture of an upload: PNG, JPEG or WebP by content, one frame.

    It is decoded in a limited process of its own, turned upright, brought to sRGB and stripped of
    all metadata. Raises `BadInput`, naming the limit, above 20 MB or 50 megapixels, for an
    animation, another format, or a file that is damaged or too costly to decode.
    """
    content = data if isinstance(data, bytes) else _file_content(data)
    what = "The picture" if isinstance(data, bytes) else f"The file {data.name!r}"
    if len(content) > MAX_BYTES:
        raise BadInput(f"{what} has {len(content):,} bytes; at most {MAX_BYTES:,} are taken.")
    for format, signature in _SIGNATURES.items():
        if signature.match(content):
            return _decoded(content, format, what)
    raise BadInput(
        f"{what} is not a PNG, JPEG or WebP picture (it begins with {content[:8]!r}).",
        hint="Save it as one of these three and try again.",
    )


def plain(image: Image.Image) -> Image.Image:
    """``image`` in one of `MODES`, without anything that is not pixels.

    Raises `ToolError` as `Store.put` does.
    """
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise ToolError(
            f"a picture of {width}x{height} cannot be kept: it needs at least one pixel and "
            f"at most {MAX_PIXELS:,}"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode[0] in "IF":
        raise ToolError(
            f"a picture of mode {image.mode!r} cannot be kept; convert it to one of {MODES}"
        )
    elif image.mode not in MODES:
        image = image.convert("RGB")
    image = image.copy()
    image.info = {}
    return image


def _encoded(image: Image.Image, pixels: bytes) -> bytes:
    """The PNG of pixels. With one filter, and without a search for all that repeats, paintings take
    half the time and become smaller; what is flat, as masks and cut-outs are, needs run lengths.
    Other threads work meanwhile."""
    import cv2
    import numpy as np

    array: np.ndarray[Any, Any]
    array = np.frombuffer(pixels, np.uint8).reshape(image.height, image.width, -1)
    if image.mode != "L":
        to = cv2.COLOR_RGB2BGR if image.mode == "RGB" else cv2.COLOR_RGBA2BGRA
        array = cv2.cvtColor(array, to)
    flat = image.mode != "RGB"
    strategy = cv2.IMWRITE_PNG_STRATEGY_RLE if flat else cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY
    done, data = cv2.imencode(".png", array, (
        cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, strategy,
        cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH,
    ))  # fmt: skip
    assert done
    return data.tobytes()


def _stamp(path: Path) -> _Stamp:
    """The same as long as nobody writes the file."""
    told = path.stat()
    return told.st_mtime_ns, told.st_size, told.st_ino


def _size(image: Image.Image) -> int:
    """The bytes of an image's pixels."""
    return image.width * image.height * len(image.getbands())


def _decoded_png(data: bytes) -> Image.Image | None:
    """The picture in a PNG file, or None unless it is whole."""
    from PIL import Image

    try:
        file = Image.open(BytesIO(data), formats=("PNG",))
        image = Image.frombytes(file.mode, file.size, file.tobytes())
    except Exception:  # noqa: BLE001  # whatever a decoder makes of a damaged file, it is damaged
        return None
    return image if data.endswith(_END) and image.mode in MODES else None


def _file_content(path: Path) -> bytes:
    """What ``path`` holds, and no more of it than tells that it is too long."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold us
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BadInput(f"{path} is not a file.")
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{str(path)!r} cannot be read: {reason}.") from error


def _scratch() -> IO[bytes]:
    """A file without a name, in memory where that can be."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("upload"), "w+b")
    return tempfile.TemporaryFile()


def _decoded(content: bytes, format: str, what: str) -> Image.Image:
    """The picture in ``content``, decoded by ``decode.py`` in a process of its own."""
    from PIL import Image

    script = Path(__file__).with_name("decode.py")
    limits = (MAX_PIXELS, DECODE_MEMORY, DECODE_SECONDS)
    with _DECODING:
        with _scratch() as file:
            file.write(content)
            file.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-I", str(script), format, *map(str, limits)],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            )
        patience = threading.Timer(_PATIENCE, process.kill)
        patience.start()
        try:
            with process:
                assert process.stdout is not None
                head = process.stdout.readline(200)
                pixels = process.stdout.read(4 * MAX_PIXELS + 1)
        finally:
            patience.cancel()
    answer: dict[str, object] = {}
    if process.returncode == 0 and head.endswith(b"\n"):
        answer = json.loads(head)
    match answer:
        case {"mode": str(mode), "width": int(width), "height": int(height)}:
            bands = {"L": 1, "RGB": 3, "RGBA": 4}.get(mode, 0)
            if 0 < width * height * bands == len(pixels) <= MAX_PIXELS * bands:
                return Image.frombytes(mode, (width, height), pixels)
        case {"refused": "pixels"}:
            raise BadInput(f"{what} has more than {MAX_PIXELS // 1_000_000} megapixels.")
        case {"refused": "frames"}:
            raise BadInput(f"{what} is an animation; only a picture of one frame is taken.")
        case {"refused": "memory"}:
            raise BadInput(f"{what} needs more than {DECODE_MEMORY >> 20} MiB to decode.")
        case {"refused": "damaged"}:
            raise BadInput(f"{what} is damaged or cut short; it cannot be decoded.")
    raise BadInput(
        f"{what} could not be decoded within {DECODE_SECONDS} seconds of processor time and "
        f"{DECODE_MEMORY >> 20} MiB."
    )
