"""What a short utterance does to the conversation: undo, again, show, compare, accept; and rules
that hold for all later pictures.

An utterance is an `Act` only as a whole; "again, but at night" is a request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from ...tools.chinese import is_han, simplified
from .lexicon import compiler, data
from .mentions import SOME, mentions
from .references import PICTURE, find_reference, lowered, number_word
from .text import clean

ActKind = Literal["undo", "redo", "again", "show", "go", "compare", "accept", "account"]
MAX_LENGTH = 80
"""Characters; what is longer is a request."""

_PIECE = re.compile(
    r"[^,，;；.。!！\n]*[,，;；.。!！\n]*(?:\s*and\b(?=\s(?:draw|paint|make|show)))?"
)


@dataclass(frozen=True)
class Act:
    """An utterance that acts on the conversation.

    =========  ===================================================================
    undo       ``n`` steps back; redo: forward
    again      ``n`` more pictures of what was asked for last
    show       the picture ``reference``, shown; go: made the one that is worked on
    compare    the last picture with ``reference``
    accept     the last picture is kept as it is
    account    a question that the ledger answers: why, what, which seed, how long
    =========  ===================================================================

    ``n`` is None where no number is said; ``reference`` is written as `Brief.target` is.
    """

    kind: ActKind
    n: int | None = None
    reference: str | None = None


@dataclass(frozen=True)
class _Language:
    lead: re.Pattern[str]
    trail: re.Pattern[str]
    rules: tuple[tuple[ActKind, re.Pattern[str]], ...]
    standing: dict[str, re.Pattern[str]]
    lifted: dict[str, re.Pattern[str]]

    def bare(self, said: str) -> str:
        """``said`` without polite words around it, and with single spaces."""
        said = self.trail.sub("", self.lead.sub("", said, count=1), count=1)
        return re.sub(r"\s+", " ", said).strip()


@cache
def _language(name: str) -> _Language:
    table = data("acts")[name]
    compiled = compiler(table["lists"], ref=PICTURE)
    rules = []
    for rule in table["rules"]["rules"].strip().splitlines():
        word, _, pattern = rule.partition(": ")
        rules.append((next(kind for kind in get_args(ActKind) if kind == word), compiled(pattern)))
    return _Language(
        compiled(table["patterns"]["lead"]),
        compiled(table["patterns"]["trail"]),
        tuple(rules),
        {key: compiled(pattern) for key, pattern in table["standing"].items()},
        {key: compiled(pattern) for key, pattern in table["lifted"].items()},
    )


def act_of(text: str) -> Act | None:
    """What ``text`` does to the conversation; None if it is a request, or anything more."""
    low = lowered(simplified(clean(text))).strip()
    if len(low) > MAX_LENGTH:
        return None
    language = _of(low)
    reference, (_, start, end) = find_reference(low)
    marked = low[:start] + PICTURE + low[end:] if reference else None
    for said in (marked, low):
        if said is None:
            continue
        said = language.bare(said)
        for kind, pattern in language.rules:
            if match := pattern.fullmatch(said):
                named = reference if PICTURE in said else None
                return Act(kind, _number(match.groupdict().get("n")), named)
    return None


def standing_of(text: str) -> tuple[str, str] | None:
    """What ``text`` asks for now, and what it sets as a rule for later pictures; None if no rule.

    Each has the length of ``text``, the words of the other blanked, so that spans hold. A rule's
    own words ("from now on", 以后) are blanked, "never" is written as a plain negation.
    """
    now, later, ruling, found = [], [], False, False
    for piece in _PIECE.findall(text):
        words = _of(piece).standing
        low = lowered(piece)
        if words["opens"].search(low):
            ruling = found = True
        elif words["asks"].search(low):
            ruling = False
        now.append(_blank(piece) if ruling else piece)
        later.append(_ruled(low, words) if ruling else _blank(piece))
    return ("".join(now), "".join(later)) if found else None


def _ruled(low: str, words: dict[str, re.Pattern[str]]) -> str:
    plain = words["negative"].sub(lambda match: _negated(match.group()), low)
    return words["frame"].sub(lambda match: _blank(match.group()), plain)


def _negated(words: str) -> str:
    return "no".ljust(len(words)) if words.isascii() else "没"


def _blank(words: str) -> str:
    return " " * len(words)


def lifted_of(text: str) -> tuple[str, ...]:
    """The subjects and values whose rules ``text`` takes back, "everything" for all; () if none."""
    low = lowered(simplified(clean(text)))
    if len(low) > MAX_LENGTH:
        return ()
    language = _of(low)
    said = language.bare(low)
    if language.lifted["everything"].fullmatch(said):
        return ("everything",)
    match = language.lifted["named"].fullmatch(said)
    if match is None:
        return ()
    group, words = next((name, words) for name, words in match.groupdict().items() if words)
    found = mentions(words, chinese=language is _language("zh"))
    if group == "b" and language is _language("zh"):
        found = [mention for mention in found if mention.scene]
    return tuple(mention.scene[1] if mention.scene else mention.noun for mention in found)


def _of(text: str) -> _Language:
    return _language("zh" if any(map(is_han, text)) else "en")


def _number(word: str | None) -> int | None:
    if word is None:
        return None
    return int(word[:4]) if word.isdigit() else number_word(word) or SOME
