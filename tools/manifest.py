"""What was taken from a hub into a folder, and what is still to come: the folder's manifest."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

NAME = "danqing.json"


class File(BaseModel):
    """A file as it was verified: its bytes, their SHA-256, and when it was last written."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str
    mtime_ns: int


class Manifest(BaseModel):
    """The hub's repository ("owner/name"), the commit, and the files by their paths below it."""

    model_config = ConfigDict(frozen=True)

    repository: str
    revision: str
    files: Mapping[str, File]
    missing: tuple[str, ...] = ()
    """The paths of those that were asked for and have not come yet."""

    def whole(self, folder: Path) -> bool:
        """Whether every file is there with all its bytes."""
        return not self.torn(folder)

    def torn(self, folder: Path) -> tuple[str, ...]:
        """The paths of the files that are not there any more as they came, with all their bytes."""
        return tuple(p for p, file in self.files.items() if size_of(folder / p) != file.size)

    def digest(self, folder: Path, path: str) -> str | None:
        """The SHA-256 of a file below ``folder``; None for one that was touched since, or that is
        none of these."""
        file = self.files.get(path)
        if file is None:
            return None
        stat = (folder / path).stat()
        same = (stat.st_size, stat.st_mtime_ns) == (file.size, file.mtime_ns)
        return file.sha256 if same else None

    def write(self, folder: Path) -> None:
        """Write it into ``folder``, all or nothing."""
        part = folder / f"{NAME}.part"
        with part.open("w", encoding="utf-8") as stream:
            stream.write(self.model_dump_json(indent=1))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(folder / NAME)


def read(folder: Path) -> Manifest | None:
    """The manifest of ``folder``, or None where there is none that can be read."""
    try:
        return Manifest.model_validate(json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None


def size_of(file: Path) -> int:
    """A file's bytes; -1 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
