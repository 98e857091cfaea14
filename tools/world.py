"""The words of the world that the built-in models know, read once from ``world.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Word:
    """One concept: its canonical English name and the other words for it.

    ``near`` are other concepts that the painter draws as this one, saying so.
    ``category`` and ``coloured`` are set for objects only; ``coloured`` says whether the painter
    can give the object any of the eleven colours.
    """

    name: str
    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    category: str | None = None
    coloured: bool = False


@dataclass(frozen=True)
class World:
    """Everything the built-in painter can draw, by canonical name."""

    objects: dict[str, Word]
    colors: dict[str, Word]
    seasons: dict[str, Word]
    times: dict[str, Word]
    weathers: dict[str, Word]
    settings: dict[str, Word]
    styles: dict[str, Word]
    relations: dict[str, Word]


@cache
def world() -> World:
    """The world, parsed from the package's ``world.toml``."""
    data = tomllib.loads(resources.files(__package__).joinpath("world.toml").read_text("utf-8"))
    return World(
        **{
            table: {
                name: Word(
                    name,
                    tuple(entry.get("en", ())),
                    tuple(entry.get("zh", ())),
                    tuple(entry.get("near", ())),
                    entry.get("category"),
                    entry.get("coloured", False),
                )
                for name, entry in entries.items()
            }
            for table, entries in data.items()
        }
    )
