"""Questions in minimal pairs: a pair counts only where both answers are exactly right."""

from __future__ import annotations

from collections import defaultdict

from . import Row, share
from .segment import SAID
from .studio import Studio, chances, held_out, picture
from .words import LANGUAGES, Pair, Question, pairs

KINDS = ("count", "color", "place", "yes/no", "fact", "relation")


def measure(studio: Studio) -> list[Row]:
    """The rows of ask."""
    scenes = held_out(studio.n + 4)
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for k, scene in enumerate(studio.each("ask", scenes[: studio.n])):
        for pair in pairs(scene, scenes[k + 1 : k + 5], chances(scene, 31)):
            both = both_right(studio, pair)
            right[pair.kind, pair.language].append(both)
            right["all", pair.language].append(both)
    return [
        share("ask", f"pairs right, {kind}, {SAID[language]}", right[kind, language])
        for kind in (*KINDS, "all")
        for language in LANGUAGES
    ]


def both_right(studio: Studio, pair: Pair) -> bool:
    """Whether both questions of a pair are answered exactly."""
    return all(answered(studio, question) for question in (pair.first, pair.second))


def answered(studio: Studio, question: Question) -> bool:
    """Whether a question is answered exactly; a refused one is not."""
    result = studio.call("ask", {"question": question.text}, image=picture(question.scene))
    return bool(result and result.value and question.right(result.value["value"]))
