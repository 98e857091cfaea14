"""The words of the world that the built-in models know, read once from ``world.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

NATURAL: dict[str, frozenset[str]] = {
    noun: frozenset(colors.split())
    for noun, colors in {
        "person": "blue red green orange purple", "cat": "orange gray", "dog": "brown",
        "rabbit": "brown gray white", "horse": "brown", "bird": "blue", "house": "white yellow",
        "tower": "gray", "castle": "gray", "tent": "orange", "car": "red blue yellow",
        "boat": "red blue brown", "balloon": "red orange purple", "tree": "green orange pink white",
        "pine": "green", "flower": "pink purple red", "cactus": "green", "mushroom": "red",
        "sun": "yellow orange red", "moon": "yellow white", "star": "yellow white",
        "cloud": "white gray", "table": "brown", "chair": "brown", "lamp": "yellow",
        "cup": "white blue", "ball": "red blue orange", "umbrella": "red blue yellow",
    }.items()
}  # fmt: skip
"""Colors that things may have by nature."""


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
