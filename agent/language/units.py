"""English text cut into units: words and known phrases, and what each can be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .dictionary import parts_of_speech
from .lexicon import Tags, guess_singular, ing, lexicon, singular

_TOKEN = re.compile(
    r"""(?P<quote>"[^"\n]{1,80}"|“[^”\n]{1,80}”|「[^」\n]{1,80}」|『[^』\n]{1,80}』
         |(?<!\w)'[^'\n]{1,60}'(?!\w)|(?<!\w)‘[^’\n]{1,60}’(?!\w))
      |(?P<han>[\u3400-\u9fff]+)
      |(?P<word>[^\W\d_](?:[^\W_]|['’&-](?=[^\W_]))*|\d+-?[^\W\d_][\w-]*)
      |(?P<num>\d+(?:[.,:]\d+)*)
      |(?P<end>[.!?;。！？；\n]+)
      |(?P<punct>\S)""",
    re.VERBOSE,
)
_LONGEST = 8
_SPLIT = re.compile(r"^(?P<head>[^\W_]+)['’](?P<tail>s|d|ll|re|ve|m)$", re.IGNORECASE)
_COUNTED = re.compile(r"^(?P<count>\d{1,2})(?P<noun>[a-z]{3,})$")


@dataclass
class Unit:
    """One word or known phrase: ``kind`` is word, num, quote, end or punct."""

    kind: str
    low: str
    start: int
    end: int
    tags: Tags = field(default_factory=dict)
    plural: bool = False

    def __contains__(self, tag: str) -> bool:
        return tag in self.tags

    def __getitem__(self, tag: str) -> Any:
        return self.tags[tag]

    def has(self, *tags: str) -> bool:
        return any(tag in self.tags for tag in tags)


def units_of(text: str, start: int = 0) -> list[Unit]:
    """The units of ``text``; spans count from ``start``."""
    tokens = _tokens(text, start)
    units: list[Unit] = []
    i = 0
    while i < len(tokens):
        size, unit = _longest(tokens, i)
        units.append(unit)
        i += size
    return units


def _tokens(text: str, start: int) -> list[Unit]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "punct"
        low = match.group().lower().replace("’", "'")
        low = re.sub(r"n't$", "n't", low)
        a, b = match.start() + start, match.end() + start
        split = _SPLIT.match(low) if kind == "word" else None
        counted = _COUNTED.match(low)
        if counted and singular(counted["noun"]):
            cut = a + len(counted["count"])
            tokens.append(Unit("num", counted["count"], a, cut))
            tokens.append(Unit("word", counted["noun"], cut, b))
        elif split and low not in lexicon().en:
            cut = a + len(split["head"])
            tokens.append(Unit("word", split["head"], a, cut))
            tokens.append(Unit("word", "'" + split["tail"], cut, b))
        else:
            tokens.append(Unit("word" if kind == "han" else kind, low, a, b))
    return tokens


def _longest(tokens: list[Unit], i: int) -> tuple[int, Unit]:
    first = tokens[i]
    if first.kind != "word":
        if first.kind == "num" and first.low.isdigit() and 0 < int(first.low) < 10000:
            first.tags["number"] = int(first.low)
        return 1, first
    words: list[str] = []
    best = (0, Unit("word", "", 0, 0))
    for size in range(1, min(_LONGEST, len(tokens) - i) + 1):
        token = tokens[i + size - 1]
        if token.kind != "word":
            break
        words.append(token.low)
        phrase = " ".join(words).replace(" 's", "'s")
        tags, plural = _look_up(phrase)
        if tags:
            best = (size, Unit("word", phrase, first.start, token.end, tags, plural))
    if best[0]:
        return best
    return 1, Unit("word", first.low, first.start, first.end, *_guess(first.low))


def _look_up(phrase: str) -> tuple[Tags, bool]:
    lex = lexicon()
    tags = dict(lex.en.get(phrase, {})) or dict(lex.zh.get(phrase, {}))
    plural = False
    if "noun" not in tags:
        noun = singular(phrase)
        if noun is not None:
            tags["noun"], plural = noun, True
    elif phrase in {"people", "folks", "skies"}:
        plural = True
    return tags, plural


_SUFFIXES = (
    ("-free", "free"), ("-style", "style"), ("-styled", "style"), ("-inspired", "style"),
    ("-themed", "style"), ("-esque", "style"), ("-colored", "color"), ("-coloured", "color"),
)  # fmt: skip


def _guess(word: str) -> tuple[Tags, bool]:
    """What an unknown word can be, by its shape and by the word list of lemminflect."""
    for suffix, tag in _SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 1:
            stem = word.removesuffix(suffix)
            known = lexicon().en.get(stem, {})
            if tag == "free":
                return {"free": singular(stem) or guess_singular(stem)}, False
            return {tag: known.get(tag, stem.replace("-", " "))}, False
    if "-" in word:
        first, _, last = word.partition("-")
        if last.endswith(("ed", "ing", "old", "like", "faced", "shaped", "sized", "size")) or (
            first[0].isdigit() or "number" in lexicon().en.get(first, {})
        ):
            return {"modifier": word}, False
        if "color" in lexicon().en.get(last, {}):
            return {"color": lexicon().en[last]["color"]}, False
        return {"modifier": word, "noun": guess_singular(word)}, guess_singular(word) != word
    return _by_word_list(word)


def _by_word_list(word: str) -> tuple[Tags, bool]:
    found = parts_of_speech(word)
    if word.endswith("ly") and "noun" not in found:
        return {"adverb": True}, False
    tags: Tags = {}
    plural = False
    if "noun" in found or not found:
        tags["noun"] = found.get("noun") or guess_singular(word)
        plural = tags["noun"] != word
    if "adj" in found:
        tags["modifier"] = word
        if not plural and word.endswith(("ed", "ful", "ous", "ish", "ic", "al", "less", "ian")):
            tags.pop("noun", None)
    if "verb" in found:
        tags["verb"] = word if word.endswith(("ing", "ed")) else ing(found["verb"])
        if word.endswith(("ed", "ing")):
            tags.pop("noun", None)
    if not tags and "adv" in found:
        tags["adverb"] = True
    return tags or {"noun": word}, plural
