"""The English front end: units read from left to right, phrase by phrase, into a `Reading`."""

from __future__ import annotations

from .english_attach import IT, Attaching, alive
from .phrase import nounish, participle
from .reading import Fact, Reading, Thing
from .units import Unit

_COPULA = frozenset(
    [
        "is",
        "are",
        "be",
        "was",
        "were",
        "turn",
        "turns",
        "turned",
        "looks",
        "remains",
        "'s",
        "become",
        "becomes",
    ]
)
_TRANSITIVE = frozenset(
    [
        "reading",
        "eating",
        "drinking",
        "playing",
        "chasing",
        "watching",
        "riding",
        "driving",
        "carrying",
        "holding",
    ]
)
_NAMES = frozenset({"named", "called", "titled"})
_MEANWHILE = frozenset({"while", "when", "whereas", "as"})
_SAYS = frozenset(["says", "say", "saying", "reads"])


class English(Attaching):
    """Reads one English text; see `Attaching` for where it stands while it does."""

    def read(self) -> Reading:
        """Reads everything; each step consumes at least one unit."""
        i = 0
        while i < len(self.units):
            i = max(self.step(i), i + 1)
        return self.reading

    def step(self, i: int) -> int:
        unit = self.units[i]
        end = 0
        if unit.kind == "end":
            self.topic = self.group or self.topic
            self.new_sentence()
        elif unit.kind == "punct":
            self.punctuation(unit, i)
        elif unit.kind == "quote":
            self.quoted(unit, self.at(i - 1))
        elif self.edit and "command" in unit and self.commands(unit, i):
            pass
        elif "rest" in unit and (self.command == "keep" or unit.low != "everything"):
            self.reading.items.append(Fact("kept", "everything else", (unit.start, unit.end)))
        elif unit.low == "'s" and self.group and "determiner" not in self.at(i + 1):
            self.possessor(self.at(i + 1))
        elif "text" in unit and (end := self.written(i)):
            return end
        elif unit.has("negation", "nobody", "free"):
            self.negation(unit)
        elif unit.low == "not" and nounish(self.at(i + 1)) and self.group:
            self.negated = True
        elif "inside_sky" in unit:
            self.relation = None
        elif "praise_of" in unit:
            return self.praise(i)
        elif "its" in unit and self.beside_it(unit, i):
            pass
        elif "place" in unit and not self.starts_noun(i):
            self.place(unit, i)
        elif "relation" in unit and not self.starts_noun(i):
            self.open_relation(unit, unit["relation"], i)
        elif unit.low in IT and self.command and not self.relation:
            self.group = [thing for thing in self.previous if not thing.absent]
        elif unit.low in IT and self.relation and not self.possessive(i):
            self.pronoun(unit)
        elif "possess" in unit and not unit.has("noun", "modifier"):
            self.possess(unit)
        elif self.is_verb(i):
            self.verb(unit)
        elif "conjunction" in unit:
            self.joined = True
        elif (unit.has("number", "frame") and self.starts_noun(i)) or self.starts_noun(i):
            return self.noun_phrase(i)
        elif "remark" in unit:
            self.reading.remarks.append(self.words(unit.start, unit.end))
        elif unit.low in _NAMES and self.group:
            return self.name(i)
        elif unit.low in _MEANWHILE:
            self.topic = self.group or self.topic
            self.new_clause()
            self.group, self.before = [], []
        elif "frame" in unit:
            self.copula = self.copula or unit.low in _COPULA
        return i + 1

    def possessive(self, i: int) -> bool:
        return self.at(i).low == "her" and nounish(self.at(i + 1))

    def punctuation(self, unit: Unit, i: int) -> None:
        if unit.low in "()[]{}*_\"'“”‘’" or (unit.low in ":-" and not self.group):
            self.negated = self.negated and unit.low not in ":-"
            return
        if (self.front or self.front_place) and self.fresh_subject_ahead(i + 1):
            return
        negated = self.negated and self.list_goes_on(i + 1)
        listed = [] if self.verbed or self.ground else self.listed
        self.new_clause()
        self.after_comma, self.listed = True, listed
        self.negated = negated

    def fresh_subject_ahead(self, i: int) -> bool:
        return not self.group or self.group == self.ground

    def list_goes_on(self, i: int) -> bool:
        """Whether a list of negated nouns goes on after a comma, up to an "or" or "and"."""
        while self.at(i).kind in {"word", "punct"} and i < len(self.units):
            unit = self.at(i)
            if "conjunction" in unit:
                return not self.at(i + 1).has("determiner", "number", "several")
            if not (unit.has("noun", "modifier") or unit.low in {",", "any"}):
                return False
            i += 1
        return False

    def commands(self, unit: Unit, i: int) -> bool:
        if not (self.fresh or self.joined) or (self.group and not self.joined and not self.fresh):
            return False
        if unit["command"] != "change" and "noun" in unit and not self.fresh:
            return False
        self.new_clause()
        self.previous, self.group = self.group or self.previous, []
        self.command = unit["command"]
        self.negated = self.command in {"remove", "replace"}
        return True

    def negation(self, unit: Unit) -> None:
        self.relation = None
        span = (unit.start, unit.end)
        if "nobody" in unit:
            self.reading.items.append(Thing("person", span, absent=True))
        elif "free" in unit:
            self.reading.items.append(Thing(unit["free"], span, absent=True))
        else:
            self.negated = True
            self.joined = False

    def praise(self, i: int) -> int:
        """ "a sense of calm": the words up to the end of the clause are a remark."""
        j = i + 1
        while self.at(j).kind == "word" and not self.at(j).has("relation"):
            j += 1
        self.reading.remarks.append(self.words(self.at(i).start, self.at(j - 1).end))
        return j

    def possessor(self, owned: Unit) -> None:
        """ "grandmother's kitchen": who a place or a picture belongs to is not in it."""
        if owned.has("setting", "frame"):
            self.reading.items = [item for item in self.reading.items if item not in self.group]
        self.group = []

    def name(self, i: int) -> int:
        """What something is called cannot be seen: "a cat named Tom"."""
        j = i + 1
        while self.at(j).kind == "word" and self.words(self.at(j).start, self.at(j).end).istitle():
            j += 1
        if j > i + 1:
            self.reading.remarks.append(self.words(self.at(i).start, self.at(j - 1).end))
        return j

    def quoted(self, unit: Unit, before: Unit) -> None:
        value = self.words(unit.start, unit.end)[1:-1].strip()
        if value and before.low not in {"named", "called"}:
            self.reading.items.append(Fact("text", value, (unit.start, unit.end)))

    def written(self, i: int) -> int:
        """The end of 'says HELLO' if words to be written follow here, else 0."""
        if self.at(i + 1).kind == "quote":
            return i + 1
        if self.at(i + 1).low == ":" and self.at(i + 2).kind == "quote":
            return i + 2
        if self.at(i).low.split()[-1] not in _SAYS or not self.group:
            return 0
        j = i + 1
        while self.at(j).kind in {"word", "num"} and j - i <= 6 and "relation" not in self.at(j):
            j += 1
        if j == i + 1:
            return 0
        span = (self.at(i + 1).start, self.at(j - 1).end)
        self.reading.items.append(Fact("text", self.words(*span), span))
        return j

    def is_verb(self, i: int) -> bool:
        unit = self.at(i)
        if "verb" not in unit:
            return False
        if participle(unit) and nounish(self.at(i + 1)) and self.premodifies(unit):
            return False
        if not unit.has("noun", "modifier", "setting", "weather", "season"):
            return True
        if self.at(i + 1).has("determiner", "number", "several") and self.last_was_scene:
            return True
        waits = self.fresh or self.joined or self.relation or self.negated
        return bool(self.group) and not waits

    def premodifies(self, unit: Unit) -> bool:
        if unit.has("noun") or (unit["verb"] in _TRANSITIVE and self.group):
            return False
        return not self.group or self.fresh or self.joined or self.relation is not None

    def verb(self, unit: Unit) -> None:
        span, value = (unit.start, unit.end), unit["verb"]
        self.relation = None
        if self.weathered:
            self.weathered = False
            return
        if not self.group and (self.front or self.front_place):
            self.front_verb = (value, span)
            return
        self.actor = self.who_acts(unit)
        for thing in self.actor:
            thing.modifiers.append((value, span))
        self.verbed, self.fresh, self.joined = bool(self.actor), False, False
        self.ground = []

    def who_acts(self, unit: Unit) -> list[Thing]:
        """The subject of a verb here: not a hat or a newspaper if somebody has or reads it."""
        last = self.companion or self.group or [link.b for link in self.front]
        if self.verbed and (self.joined or (not alive(last) and alive(self.actor))):
            return self.actor
        finite = not participle(unit)
        if self.companion and (
            finite or (not alive(self.companion) and alive(self.group)) or self.worn
        ):
            return list(self.group)
        if last == self.group and all(alive([thing]) for thing in self.listed):
            return list(self.listed or last or self.topic)
        if last and alive(last):
            return [thing for thing in last if alive([thing])]
        return list(last or self.topic)

    def possess(self, unit: Unit) -> None:
        self.relation = None
        self.actor = self.who_acts(unit)
        self.verbed, self.fresh, self.joined = bool(self.actor), False, False

    def starts_noun(self, i: int) -> bool:
        unit = self.at(i)
        if unit.has("determiner", "number", "several"):
            return True
        if unit.kind != "word":
            return False
        if unit.has("frame", "relation", "place", "conjunction", "inside_sky", "text"):
            return unit.has("frame") and unit.has("noun", "style") and self.at(i + 1).low != "of"
        if participle(unit) and nounish(self.at(i + 1)):
            return True
        return (nounish(unit) and "possess" not in unit) or unit.has("noun", "modifier")
