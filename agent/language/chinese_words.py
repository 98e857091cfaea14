"""Chinese text cut into words with what they can be: the lexicon's words and a dictionary's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .dictionary import english_of
from .lexicon import Tags, data, lexicon
from .units import Unit, units_of

_TOKEN = re.compile(
    r"""(?P<quote>"[^"\n]{1,80}"|“[^”\n]{1,80}”|「[^」\n]{1,80}」|『[^』\n]{1,80}』|'[^'\n]{1,60}'
         |‘[^’\n]{1,60}’)
      |(?P<title>《[^》\n]{1,60}》)
      |(?P<han>[\u3400-\u9fff]+)
      |(?P<word>[A-Za-z](?:[A-Za-z0-9'& -]*[A-Za-z0-9])?|\d+[A-Za-z][A-Za-z0-9]*)
      |(?P<num>\d+)
      |(?P<end>[。！？.!?;；\n]+)
      |(?P<punct>\S)""",
    re.VERBOSE,
)
_LONGEST = 8
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_NUMERAL = re.compile(
    r"[一二两三四五六七八九]?[十百][一二三四五六七八九]?十?[一二三四五六七八九]?|[一二两三四五六七八九]"
)


@cache
def _splits() -> dict[str, list[str]]:
    return {word: pieces.split() for word, pieces in data("chinese")["split"].items()}


def words_of(text: str, start: int = 0) -> list[Unit]:
    """The units of simplified Chinese ``text``; spans count from ``start``."""
    units: list[Unit] = []
    for match in _TOKEN.finditer(text):
        kind, low, a = match.lastgroup or "punct", match.group(), match.start() + start
        if kind == "han":
            units += _han(low, a)
        elif kind == "word":
            units += units_of(low, a)
        else:
            tags: Tags = {"number": int(low)} if kind == "num" and 0 < int(low[:5]) < 10000 else {}
            units.append(Unit(kind, low, a, a + len(low), tags))
    return units


def _han(text: str, start: int) -> list[Unit]:
    units = []
    for word, a in _cut(text):
        pieces = _splits().get(word)
        if pieces and "".join(pieces) != word:
            units += [
                Unit("word", p, start + a, start + a + len(word), dict(_tags(p))) for p in pieces
            ]
            continue
        for piece in pieces or [word]:
            units.append(Unit("word", piece, start + a, start + a + len(piece), dict(_tags(piece))))
            a += len(piece)
    return units


def _cut(text: str) -> list[tuple[str, int]]:
    """The cheapest way to cut ``text`` into words: few, long, and known to the lexicon."""
    import rjieba

    known = lexicon().zh
    found: set[str] = {w for w in rjieba.cut_all(text) if len(w) > 1}
    guessed = {w for w in rjieba.cut(text) if len(w) > 1}
    best: list[tuple[float, int]] = [(0.0, 0)] + [(1e9, 0)] * len(text)
    for end in range(1, len(text) + 1):
        for begin in range(max(0, end - _LONGEST), end):
            word = text[begin:end]
            cost = best[begin][0] + _cost(word, known, found, guessed)
            if cost < best[end][0]:
                best[end] = (cost, begin)
    words: list[tuple[str, int]] = []
    end = len(text)
    while end:
        begin = best[end][1]
        words.append((text[begin:end], begin))
        end = begin
    return words[::-1]


def _cost(word: str, known: dict[str, Tags], found: set[str], guessed: set[str]) -> float:
    if word in known or word in _splits():
        light = {"nowhere", "frame", "particle"} >= known.get(word, {"noun": 1}).keys()
        return 1.3 if len(word) == 1 else 1.05 if light else 1.0
    if _NUMERAL.fullmatch(word):
        return 1.1
    if len(word) == 1:
        return 2.2
    if word in found and not _falls_apart(word):
        locative = len(word) > 2 and "localizer" in known.get(word[-1], {}) and word[:-1] in found
        if locative or (len(word) > 4 and _kind(word)[0] in "il"):
            return 1e6
        return 1.35 if len(word) < 4 else 2.0 if _kind(word)[0] in "ilz" else 2.6
    if word in guessed and not _falls_apart(word) and not any(c in known for c in word):
        return 1.9
    return 1e6


_OPENS = frozenset(
    [
        "number",
        "several",
        "color",
        "size",
        "negation",
        "exist",
        "zai",
        "possess",
        "frame",
        "measure",
        "verb",
        "particle",
        "group",
        "conjunction",
        "nowhere",
    ]
)
_CLOSES = frozenset(
    ["localizer", "de", "particle", "zai", "exist", "measure", "group", "conjunction"]
)


@cache
def _falls_apart(word: str) -> bool:
    """Whether a dictionary's word is a phrase of the lexicon's: 一座, 黑猫, 树下, 飘着."""
    known = lexicon().zh
    for cut in range(1, len(word)):
        head, tail = known.get(word[:cut], {}), word[cut:]
        if not head:
            continue
        if len(word) > 3 and cut > 1 and len(tail) > 1 and tail in known:
            return True
        ends = known.get(tail, {})
        closes = bool(_CLOSES & ends.keys()) or ("nowhere" in head and bool(ends))
        if closes or (_OPENS & head.keys() and ("noun" in ends or "setting" in ends)):
            return True
        if _OPENS & head.keys() and len(tail) > 1 and _falls_apart(tail):
            return True
    return bool(_NUMERAL.fullmatch(word[:-1]) and "measure" in known.get(word[-1], {}))


@cache
def _tags(word: str) -> Tags:
    tags = lexicon().zh.get(word)
    if tags:
        return tags
    if _NUMERAL.fullmatch(word):
        return {"number": _value(word)}
    return dict(_guess(word))


def _value(numeral: str) -> int:
    total, digit = 0, 0
    for character in numeral:
        if character in "十百":
            total += (digit or 1) * (10 if character == "十" else 100)
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


def _guess(word: str) -> Iterator[tuple[str, object]]:
    """What a word of the dictionary can be, by its part of speech."""
    kind = _kind(word)
    if word.endswith("着"):
        yield "verb", english_of(word[:-1], "verb")
    elif kind[0] in "ilo" or (len(word) == 2 and word[0] == word[1]):
        yield "remark", True
    elif kind[0] == "a" or kind in {"z", "b"}:
        yield "modifier", english_of(word, "modifier")
    elif kind in {"v", "vi", "vd"}:
        yield "verb", english_of(word, "verb")
    elif (kind[0] in "nsgjxv" and len(word) > 1) or kind[0] == "n":
        yield "noun", english_of(word, "noun")
    else:
        yield "particle", True


def _kind(word: str) -> str:
    """The part of speech that the segmenter's dictionary gives a word."""
    import rjieba

    tagged = rjieba.tag(word)
    return str(tagged[0][1]) if len(tagged) == 1 else "n"
