"""Networks of one layer in ONNX files, written field by field: the package onnx is not needed."""

from __future__ import annotations

import random
import struct
from pathlib import Path

FLOAT, HALF = 1, 10
"""Types of tensors, as in ``onnx.TensorProto.DataType``."""


def write_matting(file: Path, side: int, *, seed: int = 0, type_: int = FLOAT) -> None:
    """A network that sees pictures (1, 3, side, side) and answers (1, 1, side, side): the brighter,
    the higher. ``type_`` is that of all its tensors."""
    random.seed(seed)
    shape, out = (1, 3, side, side), (1, 1, side, side)
    weights = [random.uniform(0.5, 1.5) for _ in range(3)]
    packed = struct.pack("<3e" if type_ == HALF else "<3f", *weights)
    kernel = _numbers(1, (1, 3, 1, 1)) + _number(2, type_) + _bytes(8, b"w") + _bytes(9, packed)
    layer = _bytes(1, b"x") + _bytes(1, b"w") + _bytes(2, b"y") + _bytes(4, b"Conv")
    graph = (
        _bytes(1, layer) + _bytes(2, b"tiny") + _bytes(5, kernel)
        + _bytes(11, _value(b"x", type_, shape)) + _bytes(12, _value(b"y", type_, out))
    )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17)))


def _value(name: bytes, type_: int, shape: tuple[int, ...]) -> bytes:
    """What goes in or comes out: ``onnx.ValueInfoProto``."""
    sides = b"".join(_bytes(1, _number(1, side)) for side in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, type_) + _bytes(2, sides)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _numbers(field: int, values: tuple[int, ...]) -> bytes:
    return b"".join(_number(field, value) for value in values)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])
