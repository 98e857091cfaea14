"""Which noun is a kind of which, and which of the painter's objects comes nearest to it."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...tools.world import world
from .lexicon import data, lexicon, singular


@cache
def _kinds() -> dict[str, Any]:
    return data("kinds")


def _known(noun: str) -> str | None:
    """The lexicon's word for an English or Chinese noun; of an unknown compound, its head's."""
    word = noun.strip().lower()
    tags = lexicon().zh.get(word)
    if tags and "noun" in tags:
        return str(tags["noun"])
    parts = word.split()
    return next(
        (found for i in range(len(parts)) if (found := singular(" ".join(parts[i:])))), None
    )


def is_noun(word: str) -> bool:
    """Whether the lexicon knows ``word`` as a thing."""
    return _known(word) is not None


def nearest(noun: str) -> tuple[str, ...]:
    """The painter's objects that come nearest in meaning to ``noun``, best first.

    ``noun`` is a noun in either language; () if it is none that the lexicon knows. A word that the
    painter draws is nearest to itself.
    """
    word = _known(noun)
    if word is None:
        return ()
    if word in world().objects:
        return (word,)
    kinds = _kinds()
    if word in kinds["nearest"]:
        return tuple(kinds["nearest"][word])
    path = lexicon().path.get(word, "")
    while path:
        if path in kinds["near"]:
            return tuple(kinds["near"][path])
        path = path.rpartition(".")[0]
    return ()


def are_alike(noun: str, other: str) -> bool:
    """Whether one of them is a kind of the other: "kitten" and "cat", "vehicle" and "car"."""
    return is_kind_of(noun, other) or is_kind_of(other, noun)


def is_kind_of(noun: str, kind: str) -> bool:
    """Whether every ``noun`` is a ``kind``: a man is a person, a rose is a flower and a plant."""
    word, wanted = _known(noun) or noun.strip().lower(), _known(kind) or kind.strip().lower()
    return word == wanted or wanted in lexicon().path.get(word, "").split(".")
