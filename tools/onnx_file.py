"""The layout of ONNX files, as far as one that was cut short is known by it.

They are a protobuf message: fields one after another, each a number with the kind of its value, as
a varint, and the value. Of those of a model (``onnx.ModelProto``) two must be there.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

GRAPH, OPERATORS = 7, 8
"""The numbers of the fields with the network and with the version of its operators."""
_LONGEST = 10
"""Bytes of a varint at most."""


def is_whole(file: Path) -> bool:
    """Whether the fields of a model end where the file does; no weights are read."""
    found, end = set(), file.stat().st_size
    with file.open("rb") as stream, contextlib.suppress(EOFError):
        while stream.tell() < end:
            key = _varint(stream)
            match key & 7:
                case 0:
                    _varint(stream)
                case 1:
                    stream.seek(8, 1)
                case 2:
                    stream.seek(min(_varint(stream), end), 1)
                case 5:
                    stream.seek(4, 1)
                case _:
                    return False
            found.add(key >> 3)
        return stream.tell() == end and {GRAPH, OPERATORS} <= found
    return False


def _varint(stream: BinaryIO) -> int:
    """Seven bits a byte, the lowest first, and more to come where the eighth is set. Raises
    EOFError where it does not end."""
    value = 0
    for place in range(_LONGEST):
        byte = stream.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return value
    raise EOFError
