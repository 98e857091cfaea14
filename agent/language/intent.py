"""What a request wants: a picture, a change to one, an answer, or talk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from ..brief import Intent
from .lexicon import compiler, data

_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d+|\?")
_GREETING = re.compile(r"\bgood (?:morning|afternoon|evening|night|day)\b")
_HANDLE = re.compile(r"img-\d+")


@cache
def _patterns(language: str) -> dict[str, re.Pattern[str]]:
    """The patterns of data/intent.toml; ``{word list}`` in one stands for that list's words."""
    table = data("intent")[language]
    compiled = compiler(table["lists"])
    return {name: compiled(pattern) for name, pattern in table["patterns"].items()}


def intent_of(text: str, *, chinese: bool) -> Intent:
    """The intent of a whole request in one of the two languages."""
    text = text.lower().replace("’", "'").strip()
    return _chinese(text) if chinese else _english(text)


def _english(text: str) -> Intent:
    is_ = _patterns("en")
    if _small_talk(text):
        return "chat"
    command = is_["lead"].sub("", text)
    if is_["other_task"].match(command) and not is_["medium"].search(text):
        return "chat"
    told = is_["edit"].match(command) or is_["goes_on"].match(text)
    if told and not is_["anew"].search(text):
        return "edit"
    if is_["i_want"].match(text) or not (is_["question"].match(command) or text.endswith("?")):
        return "make"
    if is_["can_you_draw"].match(text):
        return (
            "make" if is_["something"].search(is_["can_you_draw"].sub("", text, count=1)) else "ask"
        )
    if not is_["question"].match(command):
        return "make"
    return "ask" if is_["studio"].search(text) or is_["picture"].search(text) else "chat"


def _small_talk(text: str) -> bool:
    """Whether a short text is all greeting, thanks and praise."""
    words = _WORD.findall(_GREETING.sub("hello", text))
    table = data_lists("en")
    if not 0 < len(words) <= 12 or re.search(r"[\u3400-\u9fff]", text):
        return False
    return any(w in table["talk"] for w in words) and all(
        w in table["talk"] or w in table["filler"] for w in words
    )


@cache
def data_lists(language: str) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(words.split()) for name, words in data("intent")[language]["sets"].items()
    }


def _chinese(text: str) -> Intent:
    is_ = _patterns("zh")
    if is_["chat"].fullmatch(text):
        return "chat"
    command = is_["lead"].sub("", text)
    if is_["other_task"].match(command) and not is_["medium"].search(text):
        return "chat"
    told = is_["edit"].search(command) or is_["goes_on"].match(text)
    if told and not is_["draw_one"].search(text):
        return "edit"
    if not is_["question"].search(text):
        return "make"
    if is_["asked_to_make"].search(text) and not is_["wonders"].search(text):
        return "make"
    if is_["elsewhere"].search(text):
        return "chat"
    return "ask" if is_["studio"].search(text) or is_["picture"].search(text) else "chat"


def may_be_an_edit(text: str, intent: Intent) -> bool:
    """Whether a request that reads as ``intent`` may be done to a picture that is there, if its
    words can be: all but a question that asks, and what is to be a new picture."""
    low = text.lower().replace("’", "'").strip()
    both = _patterns("en"), _patterns("zh")
    if intent in {"ask", "chat"}:
        return any(is_["proposes"].search(low) for is_ in both)
    return not any(is_["anew"].search(low) for is_ in both)


def target_of(
    text: str, intent: Intent, known_pictures: Sequence[str], reference: str | None = None
) -> str | None:
    """The picture an edit or a question is about: a handle of the session that ``text`` names, the
    ``reference`` that its words make, "last" if none is named."""
    if intent in {"make", "chat"}:
        return None
    lowered = text.lower()
    for handle in sorted(known_pictures, key=len, reverse=True):
        if re.search(rf"(?<![\w-]){re.escape(handle.lower())}(?![0-9-])", lowered):
            return handle
    named = _HANDLE.search(lowered)
    if named or reference:
        return named.group() if named else reference
    studio = _patterns("en")["studio"].search(lowered) or _patterns("zh")["studio"].search(lowered)
    return None if intent == "ask" and studio else "last"
