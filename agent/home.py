"""The one folder that everything lives in: copy it, back it up, delete it whole."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..tools import catalogue
from ..tools.errors import BadInput
from . import durable

if TYPE_CHECKING:
    from .vault import Secret

_FURNITURE = {".DS_Store", "lost+found", catalogue.OWN, catalogue.FOLDER}
"""What a file system or a file manager puts into a folder that is empty to its owner; and models,
which may be there first."""


@dataclass(frozen=True)
class Home:
    """The folder's layout. The folders are private (0700), so are the files in them (0600)."""

    root: Path
    secret: Secret | None = field(default=None, repr=False, compare=False)
    """What opens it where it is encrypted and the environment does not tell; see `vault`."""

    @classmethod
    def open(cls, where: str | Path | None = None) -> Self:
        """The home at ``where``, else at ``DANQING_HOME``, else where the platform keeps user data.

        Made if it is not there. Raises `BadInput` if the folder holds other things (a home is made
        private, and nobody's documents should be), `Stopped` if it cannot be used.
        """
        home = cls(cls.place(where))
        root = home.root
        with durable.clear_errors(root):
            if root.is_dir() and not home.blobs.is_dir():
                strangers = sorted(e.name for e in root.iterdir() if not _belongs(e))
                # Another process may have made the home while this one looked.
                if strangers and not home.blobs.is_dir():
                    raise BadInput(
                        f"{root} is no home of Danqing: it already holds {strangers[0]!r}.",
                        hint="Name a new or an empty folder with --home or DANQING_HOME.",
                    )
            # The blobs come first: they are what a home is known by, should this be cut short.
            for folder in (root, home.blobs, home.pictures, home.locks):
                durable.make_folder(folder)
                if folder.stat().st_mode & 0o777 != 0o700:
                    folder.chmod(0o700)
        return home

    @staticmethod
    def place(where: str | Path | None = None) -> Path:
        """Where `open` looks, whether there is a home or not."""
        root = where or os.environ.get("DANQING_HOME") or _default()
        return Path(root).expanduser().absolute()

    @cached_property
    def blobs(self) -> Path:
        """The picture store's files, named by what is in them."""
        return self.root / "blobs"

    @cached_property
    def pictures(self) -> Path:
        """Where finished pictures go when the user names no place."""
        return self.root / "pictures"

    @cached_property
    def typed(self) -> Path:
        """What was typed at the chat's prompt, as prompt_toolkit keeps it."""
        return self.root / "chat_history"

    @cached_property
    def converting(self) -> Path:
        """A file that is there while the home is made an encrypted one, or a plain one again."""
        return self.root / "converting"

    @cached_property
    def ledger(self) -> Path:
        """The SQLite file of the ledger."""
        return self.root / "ledger.sqlite3"

    @cached_property
    def locks(self) -> Path:
        """Lock files; they are empty and carry nothing over from one run to the next."""
        return self.root / "locks"


def _belongs(entry: Path) -> bool:
    """Whether something may be in a home before it is one: furniture, and beside a catalogue of the
    user's own what that names, and weights."""
    own = entry.parent / catalogue.OWN
    if entry.name in _FURNITURE or not own.is_file():
        return entry.name in _FURNITURE
    return entry.suffix == ".safetensors" or entry.name in own.read_text("utf-8", "replace")


def _default() -> Path:
    from platformdirs import user_data_path

    return user_data_path("danqing", appauthor=False)
