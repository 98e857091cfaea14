"""The things that a few words of an edit name: "the left tree", "two birds", "the red one"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .grammar import unit_at
from .lexicon import SCENE_TAGS
from .phrase import Phrase, PhraseReader, nounish, participle
from .reading import Fact, Link, Thing
from .units import Unit, units_of

SOME = 3
"""How many "some", "a few" and 几 are where a number is needed."""

_PART_OF = re.compile(
    r"^(?:(?P<all>all|both|each|every one|everyone|any)|(?P<one>one|1)|(?P<two>two|2|a couple)"
    r"|(?P<three>three|3|some|a few|several))\s(?:of\s)?(?=(?:the|them|these|those|my|his|her)\b)"
)
_ONE_MORE = re.compile(r"^(?:one more|another|exactly one|just one|only one|one)\b(?! of)")
_MORE = re.compile(r"\b(?:more|extra|additional)\b")
_ONE_ZH = re.compile(r"其中之?一|一(?:[个只座栋棵株朵条匹头辆艘把张片位颗轮架]|(?=[^起样点些]))")
_WITH = re.compile(r"(?:戴|穿|拿|抱|骑|牵|举|撑|带|有|背|提)着?[^的，。、和]{1,8}的(?=.)")
_BARE_PLACE = re.compile(r".{1,6}(?:的|那[个只座棵朵条辆艘把张位颗])+")
_NTH = re.compile(r"第[一二两三四五六七八九十\d]|最")
_BARE_ONE = frozenset({"one", "ones", "the", "that", "other"})
_MOUNTAIN = {"mountains": "mountain"}
_BY_NAME = {
    "background": re.compile(r"(?:the\s|its\s)?(?:background|backdrop)|背景"),
    "person": re.compile(r"everyone|everybody|anyone|anybody|所有人|人们|大家"),
    "text": re.compile(r"(?:all\s)?(?:the\s|any\s)?(?:text|words|writing|letters|caption)|文字|字"),
}


@dataclass(frozen=True)
class Mention:
    """One thing that is named, or one ``scene`` word (kind, value) that stands like a thing.

    ``color`` and ``place`` are what is said of it; ``count`` is a number only where one is said.
    ``many`` is set for a bare plural ("birds"), ``picked`` where more is said of which one it is
    ("the biggest tree", "the second tree").
    """

    noun: str
    color: str | None = None
    place: str | None = None
    count: int | None = None
    scene: tuple[str, str] | None = None
    many: bool = False
    picked: bool = False


IT = Mention("it")
"""The thing of a change that its own sentence does not tell."""


def mentions(text: str, *, chinese: bool, last: str | None = None) -> list[Mention]:
    """The things that ``text`` names, in order, without those that only say where they are.

    ``last`` is the noun that "the red one" speaks of where ``text`` holds none itself.
    """
    for noun, pattern in _BY_NAME.items():
        if pattern.fullmatch(text.strip()):
            return [Mention(noun)]
    return _chinese(text, last) if chinese else _English(text, last).read()


class _English:
    """Reads noun phrases in order; what follows a preposition is no thing of its own."""

    def __init__(self, text: str, last: str | None) -> None:
        text = text.strip()
        part = _PART_OF.match(text)
        self.count: int | None = None
        if part:
            self.count = {"one": 1, "two": 2, "three": SOME}.get(part.lastgroup or "")
            text = text[part.end() :]
        elif _ONE_MORE.match(text):
            self.count = 1
        self.units: Sequence[Unit] = units_of(_MORE.sub(lambda m: " " * len(m.group()), text))
        self.some = bool(_MORE.match(text))
        self.found: list[Mention] = []
        self.waiting: list[Mention] = []
        self.last, self.place, self.ground = last, None, False

    def read(self) -> list[Mention]:
        i = 0
        while i < len(self.units):
            i = max(self.step(i), i + 1)
        return self.found

    def step(self, i: int) -> int:
        unit, after = unit_at(self.units, i), unit_at(self.units, i + 1)
        if "place" in unit:
            self.say_place(unit, after)
        elif unit.low == "'s" and self.found:
            self.found.pop()
        elif unit.has("conjunction") or unit.kind == "punct":
            self.ground = False
        elif (unit.has("relation") and "noun" not in unit) or (self.found and participle(unit)):
            self.ground = True
        elif "determiner" in unit and ("place" in after or after.low in _BARE_ONE):
            self.ground = self.ground and unit.low != "the"
        elif unit.low in {"one", "ones"} and self.place and not self.ground:
            self.add(Mention(self.last or ""))
        elif unit.has("determiner", "number", "several") or nounish(unit):
            phrase = PhraseReader(self.units, i).read()
            elliptic = phrase.elliptic or unit_at(self.units, phrase.end).low in {"one", "ones"}
            self.take(phrase, elliptic)
            return phrase.end
        return i + 1

    def say_place(self, unit: Unit, after: Unit) -> None:
        ahead = after.low in {"one", "ones"} or (nounish(after) and "place" not in after)
        if ahead and not unit.low.startswith(("in ", "on ", "at ", "to ")):
            self.place = unit["place"]
        elif self.found:
            self.found[-1] = replace(self.found[-1], place=unit["place"])
        self.ground = False

    def take(self, phrase: Phrase, elliptic: bool) -> None:
        if self.ground:
            self.ground = False
            return
        color = phrase.colors[0][0] if phrase.colors else None
        if any(fact.value == "black and white" for fact in phrase.facts):
            color = color or "black"
        if phrase.thing is not None:
            several = SOME if phrase.count == "several" or self.some else None
            count = phrase.count if isinstance(phrase.count, int) else several
            told = bool(phrase.sizes or phrase.modifiers) and phrase.determiner == "definite"
            picked = told and not phrase.thing.plural
            many = phrase.thing.plural and phrase.determiner is None
            self.add(Mention(phrase.thing.noun, color, count=count, many=many, picked=picked))
        elif phrase.facts:
            fact = phrase.facts[-1]
            self.add(Mention(_MOUNTAIN.get(fact.value, fact.value), scene=(fact.kind, fact.value)))
        elif color and elliptic:
            self.add(Mention(self.last or "", color))
        elif color:
            self.waiting.append(Mention("", color))

    def add(self, mention: Mention) -> None:
        if not mention.noun:
            return
        mention = replace(
            mention, place=mention.place or self.place, count=mention.count or self.count
        )
        self.found += [replace(one, noun=mention.noun) for one in self.waiting]
        self.found.append(mention)
        self.waiting, self.place, self.count, self.last = [], None, None, mention.noun


def _chinese(text: str, last: str | None) -> list[Mention]:
    from .chinese import Chinese

    text = _WITH.sub(lambda match: "，" * len(match.group()), text)
    reader = Chinese(text)
    reading = reader.read()
    items = reading.items
    grounds = {id(link.b) for link in items if isinstance(link, Link)}
    colors = {unit["color"] for unit in reader.units if "color" in unit}
    found: list[Mention] = []
    for item in items:
        if isinstance(item, Thing):
            if id(item) not in grounds and not _owns(item, reading.things, text):
                found.append(_thing(item, text))
        elif isinstance(item, Fact) and item.kind == "style" and item.value in colors:
            found += [Mention(last, item.value)] if last else []
        elif isinstance(item, Fact) and item.kind in SCENE_TAGS:
            noun = _MOUNTAIN.get(item.value, item.value)
            found.append(Mention(noun, scene=(item.kind, item.value)))
    if not found and last and _BARE_PLACE.fullmatch(text):
        places = [str(unit["place"]) for unit in reader.units if "place" in unit]
        found += [Mention(last, place=places[0])] if places else []
    return found


def _owns(thing: Thing, things: list[Thing], text: str) -> bool:
    """Whether ``thing`` only says whose the next one is: 狗的帽子."""
    end = thing.span[1]
    return text[end : end + 1] == "的" and any(other.span[0] in (end, end + 1) for other in things)


def _thing(thing: Thing, text: str) -> Mention:
    count = SOME if thing.count == "several" else thing.count
    if count is None and _ONE_ZH.match(text[thing.span[0] :]):
        count = 1
    return Mention(
        thing.noun,
        thing.colors[0][0] if thing.colors else None,
        thing.places[0][0] if thing.places else None,
        count if isinstance(count, int) else None,
        picked=bool(thing.sizes or thing.modifiers or _NTH.search(text)),
    )
