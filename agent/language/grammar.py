"""The rules of ``data/edits.toml`` for one language, and what its word lists tell of a clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from .lexicon import SCENE_TAGS, compiler, data, lexicon
from .units import Unit, units_of

_NUMBER = re.compile(r"\d+|[一二两三四五六七八九十百]+|\b(?:twice|double|two|four|three)\b")
_WORDS = {"twice": 2, "double": 2, "two": 2, "three": 3, "four": 4}
_SIZES = {"big": "bigger", "small": "smaller"}


@dataclass(frozen=True)
class Grammar:
    """The rules and word lists of one language."""

    chinese: bool
    lead: re.Pattern[str]
    trail: re.Pattern[str]
    breaks: re.Pattern[str]
    it: re.Pattern[str]
    whole: re.Pattern[str]
    rules: tuple[tuple[str, re.Pattern[str]], ...]
    words: dict[str, dict[str, re.Pattern[str]]]

    def bare(self, said: str) -> str:
        """``said`` without polite words around it, and with single spaces."""
        said = self.trail.sub("", self.lead.sub("", said, count=1))
        return re.sub(r"\s+", " ", said).strip()

    def pieces(self, low: str) -> list[tuple[int, int]]:
        """Where the pieces of ``low`` between commas and "and" start and end."""
        cuts = [0]
        for match in self.breaks.finditer(low):
            cuts += [match.start(), match.end()]
        spans = zip(cuts[::2], [*cuts[1::2], len(low)], strict=True)
        return [(a, b) for a, b in spans if low[a:b].strip()]

    def units(self, text: str) -> list[Unit]:
        if not self.chinese:
            return units_of(text)
        from .chinese_words import words_of

        return words_of(text)

    def word(self, part: str, text: str) -> str | None:
        """The entry of the word list ``part`` that ``text`` holds first."""
        found = [
            (match.start(), name)
            for name, pattern in self.words[part].items()
            if (match := pattern.search(text))
        ]
        return min(found, key=lambda hit: hit[0])[1] if found else None

    def place(self, text: str) -> str | None:
        """The part of the picture that ``text`` names first."""
        found = [str(unit["place"]) for unit in self.units(text) if "place" in unit]
        return found[0] if found else self.word("places", text)

    def number(self, text: str) -> int | None:
        match = _NUMBER.search(text)
        if match is None:
            return None
        word = match.group()
        if word.isdigit() or word in _WORDS:
            return _WORDS.get(word) or int(word)
        return next((int(unit["number"]) for unit in self.units(word) if "number" in unit), None)

    def values(self, text: str) -> list[tuple[str, str]]:
        """What ``text`` says of a thing or a picture, in order: ("color", "red"), ("tune",
        "brighter"), ("size", "bigger"), ("time", "night")."""
        found: list[tuple[int, str, str]] = []
        for part, kind in (("tunes", "tune"), ("sizes", "size")):
            for value, pattern in self.words[part].items():
                found += [(match.start(), kind, value) for match in pattern.finditer(text)]
                text = pattern.sub(lambda match: "," * len(match.group()), text)
        units = self.units(text)
        for before, unit in zip([None, *units], units, strict=False):
            if unit.low == "风" and before and ("style" in before or before.low.endswith("画")):
                continue
            for tag in ("color", "size", *SCENE_TAGS):
                if tag in unit:
                    value = str(unit[tag])
                    found.append((unit.start, tag, _SIZES.get(value, value)))
        return [(kind, value) for _, kind, value in sorted(found)]


def _colors() -> list[str]:
    """The English words for colors, the longest first."""
    words = [re.escape(word) for word, tags in lexicon().en.items() if "color" in tags]
    return sorted(words, key=len, reverse=True)


@cache
def grammar(language: str) -> Grammar:
    """The grammar of "en" or "zh", compiled once."""
    table = data("edits")[language]
    lists = table["lists"]
    verbs = [lists[name] for name in ("add", "remove", "move", "set", "ba", "become")
             if name in lists]  # fmt: skip
    tunes = {name: "|".join(table[f"{name}s"].values()) for name in ("tune", "tune_verb", "size")}
    compiled = compiler({**lists, "verb": " ".join(verbs)}, color="|".join(_colors()), **tunes)
    rules = [rule.partition(": ") for rule in table["rules"]["rules"].strip().splitlines()]
    words = ("tunes", "tune_verbs", "sizes", "places", "whose")
    return Grammar(
        chinese=language == "zh",
        lead=compiled(table["patterns"]["lead"]),
        trail=compiled(table["patterns"]["trail"]),
        breaks=compiled(table["patterns"]["break"]),
        it=compiled("{it}|{its}"),
        whole=compiled("{whole}"),
        rules=tuple((name, compiled(pattern)) for name, _, pattern in rules),
        words={part: {k: compiled(v) for k, v in table[part].items()} for part in words},
    )


def unit_at(units: Sequence[Unit], i: int) -> Unit:
    """The unit at ``i``; an empty one past the end."""
    return units[i] if i < len(units) else Unit("end", "", 0, 0)
