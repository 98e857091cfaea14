"""The request as text: checked, cleaned without moving a character, its language told."""

from __future__ import annotations

import unicodedata

from ...tools.chinese import is_han
from ...tools.errors import BadInput
from ..brief import Language

MAX_CHARACTERS = 4000
_KEPT = frozenset("\n\t")
_WIDE_QUOTES = frozenset("“”‘’「」『』《》、。，；：？！…—")


def check(request: str) -> None:
    """Refuse a request that cannot be read, naming what is wrong with it."""
    if not request.strip():
        raise BadInput("The request is empty.", hint="Say what the picture should show.")
    if len(request) > MAX_CHARACTERS:
        raise BadInput(
            f"The request has {len(request):,} characters; {MAX_CHARACTERS:,} are allowed.",
            hint="Say it shorter.",
        )
    if not any(character.isalnum() for character in request):
        raise BadInput(
            f"There is no word in the request {request.strip()[:40]!r}.",
            hint="Say what the picture should show.",
        )


def clean(request: str) -> str:
    """``request`` with the same length: full-width letters made plain, unreadable ones blank.

    Every character of the result stands where its original stands, so that a span of the one is
    a span of the other.
    """
    return "".join(_plain(character) for character in request)


def _plain(character: str) -> str:
    if character in _KEPT or character in _WIDE_QUOTES or character.isascii():
        return character if character in _KEPT or character.isprintable() else " "
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return " "
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def without_surrogates(text: str) -> str:
    """``text`` with lone surrogates replaced, so that it can be stored and printed."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def language_of(text: str) -> Language:
    """The language most of ``text`` is in: a Chinese character weighs as much as a word."""
    han = sum(map(is_han, text))
    words = len([word for word in text.split() if word[:1].isascii() and word[:1].isalpha()])
    return "zh" if han and han >= words else "en"
