"""English noun phrases: "a fluffy, black and white cat", "a rainy city street", "light blue"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .kinds import is_kind_of
from .lexicon import SCENE_TAGS, lexicon
from .reading import Fact, Span, Thing
from .units import Unit

Said = tuple[str, Span]

_DESCRIBES = ("color", "size", "modifier", "remark", "adverb", "shade")
_NOUNISH = ("noun", "color", "size", "modifier", "remark", "shade", "nouncolor", *SCENE_TAGS)
_TONES = frozenset(["tones", "tone", "hues", "hue", "palette", "shades", "scheme"])
_WEARS = frozenset(["in", "wearing", "wears", "wore", "clad", "dressed"])
_BECOMES = frozenset(["is", "are", "be", "to", "into", "painted", "it", "and"])
_TIMES = re.compile(r"x[1-9]\d?")
_PLAIN_SKY = frozenset({"sky", "weather", "day", "season"})


@dataclass
class Phrase:
    """What one noun phrase says; ``thing`` is None where it only describes ("red", "in winter")."""

    end: int
    thing: Thing | None = None
    facts: list[Fact] = field(default_factory=list)
    brings: list[Thing] = field(default_factory=list)
    colors: list[Said] = field(default_factory=list)
    sizes: list[Said] = field(default_factory=list)
    modifiers: list[Said] = field(default_factory=list)
    remarks: list[Span] = field(default_factory=list)
    determiner: str | None = None
    count: int | str | None = None
    elliptic: bool = False
    both: bool = False


def nounish(unit: Unit) -> bool:
    """Whether a noun phrase can go on with this unit."""
    return unit.kind == "word" and (unit.has(*_NOUNISH) or not unit.tags)


def participle(unit: Unit) -> bool:
    return "verb" in unit and unit.low.endswith(("ing", "ed", "en", "lit"))


class PhraseReader:
    """Reads the noun phrase that begins at one unit of a list."""

    def __init__(self, units: Sequence[Unit], start: int) -> None:
        self.units, self.i = units, start
        self.phrase = Phrase(start)
        self.nouns: list[Unit] = []
        self.first = start
        self.ended = False

    def at(self, i: int) -> Unit:
        return self.units[i] if i < len(self.units) else Unit("end", "", 0, 0)

    def read(self) -> Phrase:
        while self.i < len(self.units) and self.take(self.units[self.i]):
            self.i += 1
        if self.at(self.i).low in {"style", "styled"} and (self.nouns or self.phrase.modifiers):
            return self.named_style()
        self.close()
        self.phrase.end = self.i
        return self.phrase

    def take(self, unit: Unit) -> bool:
        """Whether ``unit`` belongs to the phrase; it is kept if it does."""
        span = (unit.start, unit.end)
        following = self.at(self.i + 1)
        goes_on = nounish(following) or participle(following)
        if self.ended:
            return False
        if (
            self.phrase.facts
            and "verb" in unit
            and following.has("determiner", "number", "several")
        ):
            return False
        if self.nouns:
            return self.after_noun(unit, goes_on)
        if unit.low == "background" and self.phrase.colors:
            self.nouns.append(Unit("word", unit.low, *span, {"noun": "background"}))
            return True
        if "determiner" in unit or "number" in unit or "several" in unit:
            return self.quantity(unit)
        if unit.kind == "punct":
            return unit.low == "," and self.adjectives_around()
        if unit.kind != "word":
            return False
        if "conjunction" in unit:
            return unit.low in {"and", "or", "but"} and self.adjectives_around()
        if unit.has("color", "nouncolor") and self.is_color(unit, following):
            if following.low in _TONES or following.low in {"colors", "colours"}:
                self.i += 1
                value = f"{unit.tags.get('color', unit.low)} tones"
                self.phrase.facts.append(Fact("style", value, (unit.start, following.end)))
                self.ended = True
                return True
            self.phrase.colors.append((str(unit.tags.get("color", unit.low)), span))
        elif "shade" in unit and self.shades(following):
            pass
        elif "size" in unit:
            self.phrase.sizes.append((unit["size"], span))
        elif unit.low == "black and white" and "noun" in following and "frame" not in following:
            self.phrase.colors += [("black", span), ("white", span)]
        elif unit.has(*SCENE_TAGS) and not ("noun" in unit and not self.scene_wins(unit)):
            self.scene(unit)
        elif "modifier" in unit and (goes_on or "noun" not in unit or self.joined_adjective()):
            self.phrase.modifiers.append((unit["modifier"], span))
        elif "remark" in unit and "noun" not in unit:
            self.phrase.remarks.append(span)
        elif "adverb" in unit or unit.low in {"very", "really", "quite", "so", "more", "most"}:
            pass
        elif participle(unit) and goes_on and not following.has("determiner"):
            value = unit.low if unit.low.endswith("ed") else unit["verb"]
            self.phrase.modifiers.append((value, span))
        elif unit.low == "ones" or (unit.low == "one" and self.started()):
            self.phrase.elliptic = True
        elif "noun" in unit or not unit.tags:
            self.nouns.append(unit)
        else:
            return False
        return True

    def after_noun(self, unit: Unit, goes_on: bool) -> bool:
        if unit.kind == "word" and _TIMES.fullmatch(unit.low) and self.phrase.count is None:
            self.phrase.count = int(unit.low[1:])
            return True
        if unit.kind != "word" or self.nouns[-1].plural:
            return False
        if unit.has("color", "size", "number", "several", "determiner", "relation", "place"):
            return False
        if unit.has(*SCENE_TAGS):
            if "setting" in unit and "noun" not in unit:
                self.scene(unit)
                self.ended = True
            return "setting" in unit and "noun" not in unit
        if "noun" in unit or not unit.tags:
            if "verb" in unit and self.acts(unit):
                return False
            if unit.low in {"one", "ones"}:
                return False
            self.nouns.append(unit)
            return True
        return False

    def acts(self, unit: Unit) -> bool:
        """Whether a word after the noun that may be noun or verb is its verb."""
        if unit.plural or participle(unit):
            return True
        following = self.at(self.i + 1)
        return following.has("relation", "adverb", "determiner") and self.nouns[-1].plural

    def quantity(self, unit: Unit) -> bool:
        phrase = self.phrase
        if self.started():
            return False
        if unit.low == "both":
            phrase.both = True
        elif unit.low == "a couple" and not self.noun_follows():
            self.nouns.append(Unit("word", "couple", unit.start, unit.end, {"noun": "couple"}))
        elif "number" in unit:
            phrase.count = unit["number"]
            phrase.elliptic = isinstance(phrase.count, int)
        elif "several" in unit:
            phrase.count = "several"
        elif "determiner" in unit:
            if phrase.determiner and unit.low not in {"other", "one"}:
                return False
            phrase.determiner = unit["determiner"]
            phrase.elliptic = unit.low == "one"
        return True

    def noun_follows(self) -> bool:
        after = self.at(self.i + 1)
        return nounish(after) and not participle(after)

    def started(self) -> bool:
        p = self.phrase
        return bool(self.nouns or p.colors or p.sizes or p.modifiers or p.facts or p.remarks)

    def adjectives_around(self) -> bool:
        """Whether a comma or "and" stands between two adjectives of one noun."""
        before, after = self.at(self.i - 1), self.at(self.i + 1)
        colored = bool(self.phrase.colors) and self.phrase.colors[-1][1][1] == before.end
        if not (self.i > self.first and before.has(*_DESCRIBES, "nouncolor")):
            return False
        if before.has("noun") and not colored:
            return False
        if not after.has(*_DESCRIBES, "weather") or (after.has("noun") and "color" not in after):
            return False
        j = self.i + 1
        while self.at(j).has(*_DESCRIBES) or self.at(j).has("noun", *SCENE_TAGS):
            if self.at(j).has("noun", "setting") and not self.at(j).has("color"):
                return True
            j += 1
        if (
            self.at(self.i).low == ","
            and self.first
            and not self.phrase.determiner
            and (self.units[self.first - 1].low in _WEARS)
        ):
            return False
        colors = before.has("color", "nouncolor") and after.has("color")
        return bool(colors and self.at(self.i).low == "and")

    def joined_adjective(self) -> bool:
        following = self.at(self.i + 1)
        if following.low not in {",", "and"} or not self.phrase.determiner:
            return False
        after = self.at(self.i + 2)
        return after.has(*_DESCRIBES, "weather") and nounish(self.at(self.i + 3))

    def is_color(self, unit: Unit, following: Unit) -> bool:
        if "noun" not in unit and "nouncolor" not in unit:
            return True
        if "noun" not in unit and "color" in unit and not unit.has("nouncolor"):
            return True
        before = self.at(self.i - 1) if self.i else Unit("end", "", 0, 0)
        if following.low in {"one", "ones"}:
            return True
        if nounish(following) and not ("verb" in following and "noun" not in following):
            return not following.has("place")
        if following.low == "and" and self.at(self.i + 2).has("color"):
            return True
        said = "color" in unit or unit.low in {"gold", "silver"}
        return said and before.low in _WEARS | _BECOMES

    def shades(self, following: Unit) -> bool:
        return following.has("color") or (
            following.has("shade") and self.at(self.i + 2).has("color")
        )

    def scene_wins(self, unit: Unit) -> bool:
        """For a word that is a place of the picture or a thing ("lake"): is it the setting here?"""
        before = next(
            (
                u
                for u in reversed(self.units[: self.first])
                if u.kind != "word" or "adverb" not in u
            ),
            Unit("end", "", 0, 0),
        )
        if "setting" in unit and unit["setting"] in lexicon().weak_settings:
            return (
                before.low in {"in", "on", "at", "by", "into", "inside"} and not self.phrase.count
            )
        return True

    def scene(self, unit: Unit) -> None:
        span = (unit.start, unit.end)
        if unit.low == "day" and self.started():
            return
        for tag in SCENE_TAGS:
            if tag in unit:
                self.phrase.facts.append(Fact(tag, str(unit[tag]), span))
        brought = lexicon().also.get(unit.low)
        if brought:
            self.phrase.brings.append(Thing(brought, span))

    def named_style(self) -> Phrase:
        words = self.units[self.first : self.i]
        words = [w for w in words if not w.has("determiner")]
        name = " ".join(w.low for w in words)
        known = [f for f in self.phrase.facts if f.kind == "style"]
        span = (words[0].start, self.at(self.i).end)
        facts = known or [Fact("style", name, span)]
        return Phrase(self.i + 1, facts=facts)

    def close(self) -> None:
        phrase = self.phrase
        start = self.at(self.first).start
        if not self.nouns:
            self.only_scene(start)
            return
        last = self.nouns[-1]
        words = [u.low for u in self.nouns[:-1]]
        materials = [u for u in self.nouns[:-1] if "modifier" in u]
        if materials and len(materials) == len(self.nouns) - 1:
            phrase.modifiers += [(u["modifier"], (u.start, u.end)) for u in materials]
            words = []
        head = str(last.tags.get("noun", last.low))
        if head == "glasses" and phrase.count:
            head = "glass"
        if len(self.nouns) == 2 and words and is_kind_of(words[0], head):
            words, head = [], words[0]
        noun = " ".join([*words, head])
        if noun in _PLAIN_SKY and phrase.facts and not (phrase.colors or phrase.modifiers):
            return
        phrase.thing = Thing(
            noun, (start, last.end), count=phrase.count, plural=last.plural,
            definite=phrase.determiner == "definite", colors=phrase.colors, sizes=phrase.sizes,
            modifiers=phrase.modifiers, given=noun == "background",
        )  # fmt: skip

    def only_scene(self, start: int) -> None:
        """A phrase that ends in a scene word: a colored sea, or two lakes, is a thing as well."""
        phrase = self.phrase
        place = next((f for f in reversed(phrase.facts) if f.kind == "setting"), None)
        if place and (phrase.colors or isinstance(phrase.count, int)):
            noun = {"mountains": "mountain"}.get(place.value, place.value)
            phrase.thing = Thing(
                noun, (start, place.span[1]), count=phrase.count, colors=phrase.colors,
                definite=phrase.determiner == "definite", sizes=phrase.sizes,
                modifiers=phrase.modifiers,
            )  # fmt: skip
