"""The picture that was copied last, in another program."""

from __future__ import annotations

import io
from pathlib import Path

from ..tools.errors import BadInput


def copied() -> bytes | Path:
    """The picture on the clipboard, as a PNG, or the file that was copied there.

    Raises `BadInput` where there is none, or the clipboard cannot be read here.
    """
    from PIL import Image, ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except (NotImplementedError, OSError) as error:
        raise BadInput(f"The clipboard cannot be read: {error}. Use /open FILE.") from error
    if isinstance(found, Image.Image):
        buffer = io.BytesIO()
        found.save(buffer, "PNG")
        return buffer.getvalue()
    if found:
        return Path(found[0])
    raise BadInput("There is no picture on the clipboard. Copy one, or use /open FILE.")
