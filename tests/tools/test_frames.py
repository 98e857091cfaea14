"""What goes in at one end of the wire comes out at the other, or an error does."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from danqing.tools.frames import MAX_HEADER, Frame, FrameError, receive, send

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False,
    allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(["L", "LA", "RGB", "RGBA"]))
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    count = size[0] * size[1] * len(mode)
    return Image.frombytes(mode, size, draw(st.binary(min_size=count, max_size=count)))


def wire(frame: Frame) -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def write() -> None:
            send(ours, frame)
            ours.close()

        sender = threading.Thread(target=write)
        sender.start()
        chunks = []
        while chunk := theirs.recv(1 << 16):
            chunks.append(chunk)
        sender.join()
    return b"".join(chunks)


def read(data: bytes) -> Frame | None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(data)
        return receive(theirs)


@given(st.dictionaries(texts, values, max_size=4), st.dictionaries(texts, pictures(), max_size=3))
def test_a_frame_arrives_as_it_was_sent(
    data: dict[str, Any], images: dict[str, Image.Image]
) -> None:
    got = read(wire(Frame("call", data, images)))
    assert got is not None
    assert (got.kind, got.data) == ("call", data)
    assert list(got.images) == list(images)
    for name, image in images.items():
        assert (got.images[name].mode, got.images[name].size) == (image.mode, image.size)
        assert got.images[name].tobytes() == image.tobytes()


def test_a_closed_connection_is_the_end_and_a_torn_frame_is_an_error() -> None:
    whole = wire(Frame("result", {"value": 1}, {"0": Image.new("RGB", (3, 2))}))
    assert read(b"") is None
    for end in range(1, len(whole)):
        with pytest.raises(FrameError, match="closed after"):
            read(whole[:end])


@pytest.mark.parametrize(
    "header",
    [
        b"nonsense",
        b"[]",
        b'{"kind": "x"}',
        b'{"kind": "x", "data": {}, "images": [["a", "RGB", 9, 9]]}',
        b'{"kind": "x", "data": {}, "images": [["a", "F", 1, 1]]}',
    ],
)
def test_what_is_not_a_frame_is_an_error(header: bytes) -> None:
    with pytest.raises(FrameError):
        read(len(header).to_bytes(4) + bytes(8) + header)


def test_pixels_that_were_not_announced_are_an_error() -> None:
    header = b'{"kind": "x", "data": {}, "images": []}'
    with pytest.raises(FrameError, match="3 bytes of pixels came, 0 were announced"):
        read(len(header).to_bytes(4) + (3).to_bytes(8) + header + b"abc")


def test_an_absurd_length_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(FrameError, match="too large"):
        read((2**32 - 1).to_bytes(4) + (2**64 - 1).to_bytes(8))
    with pytest.raises(FrameError, match="too large"):
        wire_directly = socket.socketpair()
        with wire_directly[0], wire_directly[1]:
            send(wire_directly[0], Frame("x", {"text": "a" * (MAX_HEADER + 1)}))


def test_a_number_that_is_not_json_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(FrameError, match="not JSON compliant"):
        send(ours, Frame("x", {"value": float("nan")}))
