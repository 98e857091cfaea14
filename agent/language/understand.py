"""The built-in planner's reader: a request in English, Chinese or both → a `Brief`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...tools.chinese import is_han, simplified
from ..brief import Brief, Claim
from .claims import claims_of
from .english import English
from .intent import intent_of, target_of
from .reading import Reading
from .text import check, clean, language_of, without_surrogates

_OPTION = re.compile(r"(?<!\S)--\w+(?:[ =][\w.:/]+)?|<\w+:[^>\n]*>|:\d(?:\.\d+)?(?=\s*\))")
_STRETCH = re.compile(r"[^,，。;；、\n]+[,，。;；、\n]*|[,，。;；、\n]+")


def understand(request: str, *, known_pictures: Sequence[str] = ()) -> Brief:
    """What ``request`` asks for, read without any model and with an open vocabulary.

    ``known_pictures`` are the handles that the session holds; one that the request names becomes
    the brief's target. Raises `BadInput` for a request that is empty, has more than 4,000
    characters, or holds no word.
    """
    check(request)
    request = without_surrogates(request)
    text = clean(request)
    language = language_of(text)
    plain = simplified(text)
    intent = intent_of(plain, chinese=language == "zh")
    target = target_of(plain, intent, known_pictures)
    if intent in {"ask", "chat"}:
        return Brief(language=language, intent=intent, target=target)
    plain, options = without_options(plain)
    claims, remarks = claims_of(read(plain, edit=intent == "edit"), request)
    remarks += options
    return Brief(language=language, intent=intent, target=target, claims=claims, remarks=remarks)


def without_options(text: str) -> tuple[str, tuple[str, ...]]:
    """``text`` with other programs' notation blanked ("--ar 16:9", "<lora:x>", ":1.2"), and it."""
    options = tuple(match.group().strip() for match in _OPTION.finditer(text))
    return _OPTION.sub(lambda match: " " * len(match.group()), text), options


def statements(text: str) -> tuple[Claim, ...]:
    """The claims that an image caption makes; () if there is no word in it."""
    plain = simplified(clean(without_surrogates(text[:4000])))
    return claims_of(read(plain), text)[0]


def read(text: str, *, edit: bool = False) -> Reading:
    """Each stretch of ``text`` read in its own language, put together in order."""
    reading = Reading()
    for start, end, chinese in _stretches(text):
        if chinese:
            from .chinese import Chinese

            part = Chinese(text[start:end], start, edit=edit).read()
        else:
            part = English(text[start:end], start, edit=edit).read()
        reading.items += part.items
        reading.remarks += part.remarks
    return reading


def _stretches(text: str) -> list[tuple[int, int, bool]]:
    """(start, end, is Chinese) of the runs of clauses in one language."""
    runs: list[tuple[int, int, bool]] = []
    for match in _STRETCH.finditer(text):
        piece = match.group()
        han = sum(map(is_han, piece))
        words = len(re.findall(r"[A-Za-z]{2,}", piece))
        chinese = han > words
        if not han and not words and runs:
            chinese = runs[-1][2]
        if runs and runs[-1][2] == chinese:
            runs[-1] = (runs[-1][0], match.end(), chinese)
        else:
            runs.append((match.start(), match.end(), chinese))
    return runs
