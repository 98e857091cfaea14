"""The words both readers know, read once from ``data/*.toml`` and the painter's own world."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from ...tools.world import world

Tags = dict[str, Any]
"""What a word or phrase can be: tag → canonical value ("noun" → "cat", "number" → 3)."""

SCENE_TAGS = ("season", "time", "weather", "setting", "style")


def data(name: str) -> dict[str, Any]:
    """One parsed data file of this package."""
    return tomllib.loads(
        resources.files(__package__).joinpath("data", f"{name}.toml").read_text("utf-8")
    )


def compiler(lists: Mapping[str, str], **more: str) -> Callable[[str], re.Pattern[str]]:
    """What compiles patterns in which ``{name}`` stands for any word of that list; in the lists "_"
    stands for a space. ``more`` are patterns by name, to be put in as they are."""
    alternatives = {
        name: "|".join(sorted(words.replace("_", r"\s").split(), key=len, reverse=True))
        for name, words in lists.items()
    } | more

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{([a-z_]+)\}", lambda m: f"(?:{alternatives[m[1]]})", pattern))

    return compiled


@dataclass
class Lexicon:
    """Words by surface form; ``en`` keys are lower-case phrases, ``zh`` keys simplified Chinese."""

    en: dict[str, Tags] = field(default_factory=dict)
    zh: dict[str, Tags] = field(default_factory=dict)
    path: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, str] = field(default_factory=dict)
    verb_forms: dict[str, str] = field(default_factory=dict)
    also: dict[str, str] = field(default_factory=dict)
    weak_settings: frozenset[str] = frozenset()

    def add(self, language: str, words: Iterable[str], tag: str, value: Any) -> None:
        table = self.en if language == "en" else self.zh
        for word in words:
            table.setdefault(word, {})[tag] = value


def _halves(words: str) -> tuple[list[str], list[str]]:
    """``"grey 'ash gray' | 灰 灰色"`` as its English and its Chinese words."""
    english, _, chinese = words.partition("|")
    return shlex.split(english), chinese.split()


def _nouns(lex: Lexicon) -> None:
    for name in ("living", "things"):
        for path, entries in data(name).items():
            for entry in entries.split(";"):
                english, _, chinese = entry.partition(":")
                noun = english.strip()
                if noun:
                    lex.path.setdefault(noun, path)
                    lex.add("en", [noun], "noun", noun)
                    lex.add("zh", chinese.split(), "noun", noun)
    aliases = data("kinds")["aliases"]
    for alias, noun in aliases.items():
        lex.add("en", [alias], "noun", noun)
    for tags in lex.zh.values():
        tags["noun"] = aliases.get(tags["noun"], tags["noun"])


def _world(lex: Lexicon) -> None:
    known = world()
    tables = {
        "noun": known.objects, "color": known.colors, "season": known.seasons,
        "time": known.times, "weather": known.weathers, "setting": known.settings,
        "style": known.styles,
    }  # fmt: skip
    for tag, table in tables.items():
        for word in table.values():
            lex.add("en", (word.name, *word.en), tag, word.name)
            lex.add("zh", word.zh, tag, word.name)


def _scenes(lex: Lexicon) -> None:
    scenes = data("scenes")
    for tag in SCENE_TAGS:
        for value, words in scenes[tag].items():
            english, chinese = _halves(words)
            lex.add("en", [value, *english], tag, value)
            lex.add("zh", chinese, tag, value)
    lex.also = scenes["also"]
    for word in lex.also:
        language = "en" if word.isascii() else "zh"
        lex.add(language, [word], "time", "night")
    lex.weak_settings = frozenset(scenes["weak"]["settings"])


def _modifiers(lex: Lexicon) -> None:
    words = data("modifiers")
    for tag in ("color", "size", "modifier"):
        for value, forms in words[tag].items():
            english, chinese = _halves(forms)
            lex.add("en", [value, *english], tag, value)
            lex.add("zh", chinese, tag, value)
    lex.add("en", words["nouncolor"]["words"], "nouncolor", True)
    lex.add("en", words["shade"]["words"], "shade", True)
    lex.add("en", shlex.split(words["remark"]["words"]), "remark", True)
    lex.add("zh", words["remark"]["zh"].split(), "remark", True)


def ing(base: str) -> str:
    """The -ing form of an English verb: run → running, ride → riding, lie → lying."""
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    if base.endswith("ic"):
        return base + "king"
    if _doubles(base):
        return base + base[-1] + "ing"
    return base + "ing"


def _doubles(base: str) -> bool:
    vowels = "aeiou"
    return (
        len(base) >= 3
        and base[-1] not in vowels + "wxy"
        and base[-2] in vowels
        and base[-3] not in vowels
        and len(base) <= 4
    )


def verb_forms(base: str) -> Iterator[str]:
    """The regular forms of an English verb, the base among them."""
    stem = base + base[-1] if _doubles(base) else base
    yield base
    yield ing(base)
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        yield base + "es"
    elif base.endswith("y") and base[-2] not in "aeiou":
        yield base[:-1] + "ies"
    else:
        yield base + "s"
    if base.endswith("e"):
        yield base + "d"
    elif base.endswith("y") and base[-2] not in "aeiou":
        yield base[:-1] + "ied"
    else:
        yield stem + "ed"


def _verbs(lex: Lexicon) -> None:
    verbs = data("verbs")
    for base, chinese in verbs["action"].items():
        lex.add("en", verb_forms(base), "verb", ing(base))
        lex.add("zh", chinese.split(), "verb", ing(base))
    for word, chinese in verbs["state"].items():
        lex.add("en", [word], "verb", word)
        lex.add("zh", chinese.split(), "verb", word)
    lex.add("en", verbs["possess"]["en"].split(), "possess", True)
    lex.add("zh", verbs["possess"]["zh"].split(), "possess", True)


def _english(lex: Lexicon) -> None:
    words = data("english")
    for value, forms in words["determiner"].items():
        lex.add("en", forms, "determiner", value)
    for form, number in words["number"].items():
        lex.add("en", [form], "number", number)
    for tag in ("relation", "place", "command"):
        for value, forms in words[tag].items():
            lex.add("en", forms, tag, value)
    for side, forms in words["its"].items():
        lex.add("en", forms, "its", f"{side} of")
        lex.add("en", forms, "place", side)
    for tag in (
        "several",
        "inside_sky",
        "praise_of",
        "remark",
        "frame",
        "conjunction",
        "text",
        "rest",
    ):
        lex.add("en", words[tag]["words"], tag, True)
    lex.add("en", words["negation"]["words"], "negation", True)
    lex.add("en", words["negation"]["nobody"], "nobody", True)
    for form, base in words["verb_forms"]["forms"].items():
        lex.add("en", [form], "verb", ing(base))
    lex.plurals = words["plurals"]["forms"]


def _chinese(lex: Lexicon) -> None:
    words = data("chinese")
    for tag, entries in words.items():
        if tag == "split":
            continue
        if isinstance(entries, str):
            lex.add("zh", entries.split(), tag, True)
        else:
            for value, forms in entries.items():
                lex.add("zh", forms.split(), tag, int(value) if value.isdigit() else value)


@cache
def lexicon() -> Lexicon:
    """Every known word; about 30 ms the first time."""
    lex = Lexicon()
    for part in (_nouns, _scenes, _modifiers, _verbs, _english, _chinese, _world):
        part(lex)
    return lex


def singular(word: str) -> str | None:
    """The known English noun that ``word`` is, a plural allowed; None if there is none."""
    lex = lexicon()
    for candidate in _singulars(word):
        tags = lex.en.get(candidate)
        if tags and "noun" in tags:
            return str(tags["noun"])
    return None


def _singulars(word: str) -> Iterator[str]:
    head, _, last = word.rpartition(" ")
    front = f"{head} " if head else ""
    yield word
    if last in lexicon().plurals:
        yield front + lexicon().plurals[last]
    if last.endswith("ies") and len(last) > 4:
        yield front + last[:-3] + "y"
    if last.endswith("ves"):
        yield front + last[:-3] + "f"
    if last.endswith("es") and last[:-2].endswith(("s", "x", "z", "ch", "sh", "o")):
        yield front + last[:-2]
    if last.endswith("s") and not last.endswith("ss"):
        yield front + last[:-1]


def guess_singular(word: str) -> str:
    """The singular of an unknown English noun by spelling: zeppelins → zeppelin."""
    plurals = lexicon().plurals
    if word in plurals:
        return plurals[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
