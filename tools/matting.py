"""Mattes of what stands out in a photograph, by rembg. Only the worker imports this, and only for a
user who has rembg and a network for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

SESSIONS = {"birefnet-general": 1024, "isnet-general-use": 1024, "u2net": 320}
"""rembg's names of how networks are shown pictures and what is made of their answers, and the side
in pixels of what they are shown: BiRefNet (Zheng et al. 2024), IS-Net (Qin et al. 2022) and U²-Net
(Qin et al. 2020). Others of rembg's send pictures to a server."""
USUAL = "birefnet-general"


class Matting(nn.Module):
    """Tells of every pixel how much of it belongs to what stands out."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = session

    def find(self, image: Image.Image) -> Image.Image:
        """The matte of an RGB image: L, of its size; all 0 where nothing stands out."""
        with np.errstate(invalid="ignore"):  # rembg divides by the range of what is seen
            [matte] = self._session.predict(image)
        return matte  # type: ignore[no-any-return]


def load(file: Path, session: str) -> Matting:
    """The network in an .onnx file, used as rembg's ``session`` of that name.

    rembg itself would fetch a network, and takes none from outside of a folder of its own; so the
    session is told that the one in the file is what it has fetched.

    Raises ValueError for another session and for a file that is no such network.
    """
    if session not in SESSIONS:
        raise ValueError(f"session = {session!r} is refused; allowed is one of {list(SESSIONS)}")
    # rembg imports more than it needs here, which numba would compile for half a minute.
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as refused
    from rembg.sessions import sessions

    kind: Any = sessions[session]
    own = type(kind.__name__, (kind,), {"download_models": lambda *_, **__: file})
    try:
        opened = own(session, onnxruntime.SessionOptions())
    except (refused.Fail, refused.InvalidGraph, refused.InvalidProtobuf) as error:
        raise ValueError(str(error)) from None
    told, side = opened.inner_session.get_inputs()[0], SESSIONS[session]
    given = [1, 3, side, side]
    taken = [n if isinstance(n, int) else m for n, m in zip(told.shape, given, strict=False)]
    if (told.type, taken) != ("tensor(float)", given):
        raise ValueError(
            f"it takes a {told.type} of {told.shape}, and {session} gives a tensor(float) of"
            f" {given}"
        )
    return Matting(opened)
