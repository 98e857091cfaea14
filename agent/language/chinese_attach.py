"""How Chinese verbs and nouns hang together: what the next noun is told of."""

from __future__ import annotations

from .chinese_places import Described, Standing
from .lexicon import lexicon
from .reading import Fact, Thing, earlier
from .units import Unit

_CLOTHES = frozenset({"clothes", "clothing", "outfit"})
_MEDIUM_NOUNS = frozenset({"text", "word", "caption"})


class Attaching(Standing):
    """Gives verbs their doers and nouns what was said before them; see `Standing`."""

    def verb(self, unit: Unit, i: int) -> None:
        span = (unit.start, unit.end)
        said = None if "possess" in unit or not isinstance(unit["verb"], str) else (
            str(unit["verb"]), span)  # fmt: skip
        j = i + 1
        while self.at(j).has("particle"):
            j += 1
        self.zai = False
        if "de" in self.at(j) and self.noun_ahead(j + 1):
            if said:
                self.say(self.described.modifiers, said[0], unit)
            return
        appears = (
            (self.front or self.located)
            and unit.low.endswith(("着", "满"))
            and ("number" in self.at(i + 1))
        )
        begins = not (self.outer or self.subject or appears) and self.closes(i)
        if self.described.start is not None or begins:
            self.push()
        if self.outer:
            self.outer[-1].modifiers += [said] if said else []
        elif self.subject:
            for thing in self.subject:
                thing.modifiers += [said] if said else []
        elif (self.front or self.front_place or self.located) and (
            not self.topic or unit.low.endswith(("着", "满", "了")) or j > i + 1
        ):
            self.front_verbs += [said] if said else []
        elif self.topic:
            self.subject = self.topic
            for thing in self.subject:
                thing.modifiers += [said] if said else []
        self.verbed = True

    def negate(self, i: int) -> None:
        """没有 before a noun, or in a clause that describes one: 没有尾巴的猫."""
        if (self.described.start is not None or not self.subject) and self.closes(i):
            self.push()
        self.negated = True

    def of(self, i: int) -> None:
        """的: ends a clause that describes the noun to come, if one is open."""
        after = self.at(i + 1)
        if self.negated and not self.outer and "noun" in self.at(i - 1):
            self.negated = False
        if self.outer and not (self.at(i - 1).has("color", "size", "modifier") and after.has("noun")
                               and self.described.start is not None):  # fmt: skip
            if after.has("localizer") and not after.has("noun") and self.grounds:
                return
            inner, self.described = self.described, self.outer.pop()
            self.described.grounds += inner.grounds
            self.described.modifiers += inner.modifiers
            self.described.places += inner.places
            if self.described.start is None:
                self.described.start = self.at(i).start
            self.grounds, self.zai = [], False
            self.joined = False
        elif self.front and not self.subject and not self.verbed:
            self.described.grounds += self.front
            self.front = []

    def exists(self, unit: Unit) -> None:
        self.zai = False
        self.copula = unit.low in {"是", "都是", "为", "变得", "成为"}
        if self.subject:
            self.verbed = True
        elif self.topic and not (self.front or self.front_place or self.located):
            self.subject, self.verbed = self.topic, True

    def noun(self, i: int) -> int:
        first = unit = self.units[i]
        words = []
        while self.at(i + 1).has("noun") and self.compound(unit, self.at(i + 1)):
            words.append(str(unit["noun"]))
            i += 1
            unit = self.at(i)
        told, self.described = self.described, Described()
        noun = " ".join([*(w for w in words if w.isascii()), str(unit["noun"])])
        count = told.count
        if told.one and not told.stress:
            count = None
        start = first.start if told.start is None else min(told.start, first.start)
        thing = Thing(
            noun, (start, unit.end), count=count, colors=told.colors, sizes=told.sizes,
            modifiers=told.modifiers, places=told.places, definite=told.definite,
        )  # fmt: skip
        self.add(thing, told, i)
        return i + 1

    def compound(self, unit: Unit, after: Unit) -> bool:
        """Whether two nouns side by side are one ("生日 派对") rather than two things."""
        known = unit["noun"] in lexicon().path
        return not known and not after.has("localizer", "place") and unit.end == after.start

    def add(self, thing: Thing, told: Described, i: int) -> None:
        after = self.at(i + 1)
        if thing.noun in _CLOTHES and thing.colors and self.worn_by(thing):
            return
        if self.negated:
            thing.absent = True
            self.reading.items.append(thing)
            self.negated = not self.outer
            return
        if thing.noun in _MEDIUM_NOUNS and self.at(i - 1).kind == "quote":
            return
        local = after.has("localizer") and not after.has("noun")
        local = local or ("de" in after and self.at(i + 2).has("localizer"))
        if (local or self.zai) and not told:
            thing = earlier(self.reading.things, thing.noun) or thing
        if thing not in self.reading.things:
            self.reading.items.append(thing)
        self.link([thing], told.grounds)
        self.beside = told.grounds[-1] if told.grounds else self.beside
        between = after.has("conjunction") and self.between_ahead(i + 2)
        if self.edit:
            self.edited(thing, told)
            if self.command == "into":
                self.command = "add"
        if self.zai or local or between or (self.grounds and self.joined):
            self.grounds = [*self.grounds, thing] if self.joined else [thing]
            self.joined = False
            return
        if self.outer or (self.subject and self.verbed and not self.joined):
            self.object = thing
        else:
            self.appear(thing)
        self.joined = False

    def worn_by(self, thing: Thing) -> bool:
        """ "穿黑衣服的人": a person in black; the clothes are no thing of their own."""
        if self.outer:
            self.outer[-1].colors += thing.colors
        elif self.subject and self.verbed:
            self.subject[-1].colors += thing.colors
        return bool(self.outer or (self.subject and self.verbed))

    def between_ahead(self, j: int) -> bool:
        while self.at(j).kind == "word" and self.at(j).has(
            "noun", "number", "measure", "color", "size", "modifier", "de"
        ):
            j += 1
        return self.at(j).tags.get("localizer") == "between"

    def appear(self, thing: Thing) -> None:
        if self.front_place:
            thing.places.append(self.front_place)
        thing.modifiers += self.front_verbs
        self.link([thing], self.front)
        if self.object is not None and self.joined and self.verbed:
            self.object = thing
            return
        self.subject = [*self.subject, thing] if self.joined else [thing]

    def edited(self, thing: Thing, told: Described) -> None:
        if self.command == "keep":
            self.reading.items.pop()
            self.reading.items.append(Fact("kept", thing.noun, thing.span))
        elif self.command == "take":
            thing.given, thing.colors, thing.sizes, thing.modifiers = True, [], [], []
            self.group = self.taken = [*self.group, thing] if self.joined else [thing]
        elif self.command == "into":
            for old in self.group:
                old.absent = True
        elif self.command != "add" and told.count is None and not told.one:
            thing.given = True
