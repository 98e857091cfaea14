"""What a line is: a command with a slash, a picture's file, or words. Nothing heavy is needed."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
"""How the names of files end that can be opened."""
SLASHES = "/／、"
"""What begins a command: the slash, its full-width form, and what Chinese input types for it."""
_LONGEST = 4096


def slashed(line: str) -> tuple[str, str] | None:
    """(name, rest) of a command line, ("undo", ""); None where it is none.

    The path of a picture begins with a slash, too: ask `picture_file` first.
    """
    match = re.fullmatch(rf"\s*[{SLASHES}]\s*(\S+)\s*(.*)", line, re.DOTALL)
    return None if match is None else (match[1].lower(), match[2].strip())


def words_of(rest: str) -> list[str]:
    """The arguments in the rest of a command line, parted as a shell parts them."""
    try:
        return shlex.split(rest)
    except ValueError:  # an apostrophe in a name is no open quote
        return rest.split()


def picture_file(line: str) -> Path | None:
    """The picture's file that a whole line names, as terminals paste one that is dropped on them.

    It may be in quotes, with its spaces escaped, or a file:// address. None where there is no such
    file, or where it is no picture by its name.
    """
    text = line.strip()
    if not text or "\n" in text or len(text) > _LONGEST:
        return None
    for name in dict.fromkeys((text, *_unpacked(text))):
        if os.path.splitext(name)[1].lower() in PICTURES and "\0" not in name:
            path = Path(os.path.expanduser(name))
            try:
                if path.is_file():
                    return path.absolute()
            except OSError:  # a name longer than the file system has
                continue
    return None


def _unpacked(text: str) -> list[str]:
    parts = words_of(text)
    names = parts if len(parts) == 1 else []
    return [*names, *(unquote(urlsplit(n).path) for n in (text, *names) if n.startswith("file:"))]
