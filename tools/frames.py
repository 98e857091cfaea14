"""The wire between the session and its worker: length-prefixed frames, never pickle.

A frame is a 12-byte prefix (header length as uint32, body length as uint64, both big-endian), a
header in UTF-8 JSON, and a body: the raw pixels of the images that the header describes, one after
the other.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

_PREFIX = struct.Struct(">IQ")
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
MAX_HEADER = 1 << 20
MAX_BODY = 1 << 31


class FrameError(Exception):
    """The bytes are not a frame: cut short, too large or inconsistent."""


@dataclass(frozen=True)
class Frame:
    """One message: its ``kind``, JSON ``data`` and named ``images`` in mode L, LA, RGB or RGBA."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Image.Image] = field(default_factory=dict)


def send(connection: socket.socket, frame: Frame) -> None:
    """Write one frame. Raises OSError when the other side is gone, and `FrameError`, with nothing
    written, for what is too large or no JSON."""
    try:
        pixels = [image.tobytes() for image in frame.images.values()]
        header = json.dumps(
            {
                "kind": frame.kind,
                "data": dict(frame.data),
                "images": [[name, im.mode, *im.size] for name, im in frame.images.items()],
            },
            allow_nan=False,
        ).encode()
    except (TypeError, ValueError) as error:
        raise FrameError(str(error)) from error
    body = sum(map(len, pixels))
    if len(header) > MAX_HEADER or body > MAX_BODY:
        raise FrameError(f"a frame of {len(header)} + {body} bytes is too large")
    connection.sendall(_PREFIX.pack(len(header), body) + header)
    for blob in pixels:
        connection.sendall(blob)


def receive(connection: socket.socket) -> Frame | None:
    """Read one frame, or None when the other side closed between two frames.

    Raises `FrameError` when it closed inside one or sent something else.
    """
    prefix = _read(connection, _PREFIX.size, at_start=True)
    if prefix is None:
        return None
    header_size, body_size = _PREFIX.unpack(prefix)
    if header_size > MAX_HEADER or body_size > MAX_BODY:
        raise FrameError(f"a frame of {header_size} + {body_size} bytes is too large")
    header_bytes = _read(connection, header_size)
    body = _read(connection, body_size)
    assert header_bytes is not None and body is not None
    try:
        header = json.loads(header_bytes)
        kind, data, described = header["kind"], header["data"], header["images"]
        images, offset = {}, 0
        for name, mode, width, height in described:
            size = _CHANNELS[mode] * width * height
            blob = memoryview(body)[offset : offset + size]
            images[name] = Image.frombytes(mode, (width, height), blob)
            offset += size
    except (ValueError, KeyError, TypeError) as error:
        raise FrameError(f"not a frame: {error}") from error
    if offset != body_size:
        raise FrameError(f"{body_size} bytes of pixels came, {offset} were announced")
    return Frame(kind, data, images)


def _read(connection: socket.socket, size: int, *, at_start: bool = False) -> bytearray | None:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = connection.recv_into(view[filled:])
        if count == 0:
            if at_start and filled == 0:
                return None
            raise FrameError(f"the connection closed after {filled} of {size} bytes")
        filled += count
    return buffer
