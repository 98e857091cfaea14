"""How English phrases hang together: what a phrase, a preposition or a place belongs to."""

from __future__ import annotations

from .lexicon import lexicon
from .phrase import Phrase, PhraseReader, nounish
from .reading import Fact, Link, Reading, Span, Thing, earlier
from .units import Unit, units_of

_THERE_IS = frozenset(
    ["is", "are", "there", "there's", "be", "should", "can", "you", "see", "you can see", ","]
)
IT = frozenset({"it", "them", "him", "her", "which", "whom"})
"""What may stand for the thing that a preposition points at."""
_ALONE = frozenset({"above", "below", "inside"})
_NO_LINK = ("clothing", "part")
_FIXTURES = frozenset(
    ["door", "window", "roof", "chimney", "wall", "balcony", "porch", "sail", "wheel", "handle"]
)


class Attaching:
    """Where the reader stands in a sentence, and what the next phrase is attached to.

    ``group`` is what was named last (with "and", all of it) and ``before`` what was so when the
    clause began, ``actor`` who does the last verb, ``ground`` what the last preposition pointed
    at, ``companion`` what came with "with". ``front``, ``front_place`` and ``front_verb`` wait for
    a subject that comes after them. ``spoken`` are the things that a pronoun stood for ("above it
    a cloud"). ``edit`` says that the text changes an existing picture; ``command`` is then what it
    is told with.
    """

    def __init__(self, text: str, start: int = 0, *, edit: bool = False) -> None:
        self.text, self.start, self.edit = text, start, edit
        self.units = units_of(text, start)
        self.reading = Reading()
        self.topic: list[Thing] = []
        self.previous: list[Thing] = []
        self.group: list[Thing] = []
        self.before: list[Thing] = []
        self.spoken: list[Thing] = []
        self.new_sentence()

    def new_sentence(self) -> None:
        self.before, self.group = self.group or self.before, []
        self.actor: list[Thing] = []
        self.ground: list[Thing] = []
        self.companion: list[Thing] = []
        self.worn = False
        self.listed: list[Thing] = []
        self.beside: Thing | None = None
        self.last_was_scene = False
        self.weathered = False
        self.command = ""
        self.negated = False
        self.new_clause()

    def new_clause(self) -> None:
        self.before = self.group or self.before
        self.relation: tuple[str, str, Span, list[Thing]] | None = None
        self.front: list[Link] = []
        self.halves: list[Thing] = []
        self.front_place: tuple[str, Span] | None = None
        self.front_verb: tuple[str, Span] | None = None
        self.fresh = True
        self.joined = False
        self.after_comma = False
        self.verbed = False
        self.copula = False
        self.said = False

    def at(self, i: int) -> Unit:
        return self.units[i] if 0 <= i < len(self.units) else Unit("end", "", 0, 0)

    def words(self, start: int, end: int) -> str:
        return self.text[start - self.start : end - self.start]

    def open_relation(self, unit: Unit, value: str, i: int) -> None:
        if self.command == "replace" and unit.low in {"with", "for", "by", "to", "into"}:
            self.negated, self.command = False, "add"
            return
        if self.command == "change" and unit.low in {"to", "into", "from"} and self.group:
            self.command = "into"
            return
        span = (unit.start, unit.end)
        alone = value in _ALONE and self.at(i + 1).kind != "word"
        if alone and self.companion and self.group:
            host = self.group[0]
            self.reading.items.append(Link(value, self.companion[-1], host, span))
            return
        if self.fronted(i):
            left: list[Thing] = []
            value = "near" if self.said else value
        elif self.verbed:
            left = self.actor
        elif unit.low == "with":
            left = self.group
        elif self.companion and not self.worn and (alive(self.companion) or not alive(self.group)):
            left = self.companion
        else:
            left = self.ground or self.group
        self.relation = (value, unit.low, span, left)
        self.halves = []
        self.joined = False

    def fronted(self, i: int) -> bool:
        """Whether "under the tree" stands before its subject ("… sits a cat")."""
        if not self.group or self.at(i + 1).low in {"which", "whom"}:
            return True
        if not (self.fresh or self.joined):
            return False
        pronoun = "its" in self.at(i) or self.at(i + 1).low in IT
        end = i + 1 + ("its" not in self.at(i)) if pronoun else self.phrase_end(i + 1)
        while not self.at(end).has("determiner", "number", "several"):
            skipped = self.at(end)
            if not (skipped.low in _THERE_IS or "verb" in skipped):
                return pronoun and skipped.plural
            end += 1
        return True

    def phrase_end(self, i: int) -> int:
        return PhraseReader(self.units, i).read().end

    def place(self, unit: Unit, i: int) -> None:
        said = (unit["place"], (unit.start, unit.end))
        self.relation = None
        self.listed = []
        after = self.at(i + 1)
        ahead = nounish(after) or after.has("determiner", "number", "several")
        ahead = ahead or after.low in {"is", "are", "there", ":", "there's", "stands", "i", "you"}
        if self.command in {"move", "change"} and self.group:
            self.group[-1].places.append(said)
        elif self.last_was_scene and not ahead:
            self.fresh = False
        elif self.beside and ahead and said[0] in {"left", "right"}:
            self.front = [Link(f"{said[0]} of", self.beside, self.beside, said[1])]
            self.group = []
        elif not self.group or ((self.fresh or self.joined) and ahead):
            self.front_place = said
            self.joined = False
            if self.fresh:
                self.group = []
        else:
            beside = [] if self.worn else self.companion
            target = (beside or (self.actor if self.verbed else self.group))[-1:]
            for thing in target:
                thing.places.append(said)
            self.fresh = False

    def beside_it(self, unit: Unit, i: int) -> bool:
        """Whether "on its left" tells where something is from what was named before."""
        self.open_relation(unit, unit["its"], i)
        return self.pronoun(unit)

    def pronoun(self, unit: Unit) -> bool:
        """ "… with the moon above it", "…, and above it the moon": whether there is something
        named before that the pronoun stands for."""
        assert self.relation is not None
        value, _, span, left = self.relation
        self.relation = None
        named = [thing for thing in self.reading.things if not thing.absent]
        subject = named[-1] if left and named else None
        hosts = self.meant(subject, named, every=unit.low == "them", value=value)
        if value == "near" or not hosts:
            self.beside = hosts[-1] if hosts and not left else self.beside
            return bool(hosts)
        self.spoken += hosts
        links = [Link(value, host, host, span) for host in hosts]
        if value == "between":
            links = [Link(value, hosts[0], hosts[0], span, hosts[-1])]
        if subject is None:
            self.front, self.group = links, []
        else:
            self.stand(subject, links)
        return True

    def meant(
        self, subject: Thing | None, named: list[Thing], *, every: bool, value: str
    ) -> list[Thing]:
        """What a pronoun in "above it" stands for: what was named last before ``subject``, with
        "them" ``every`` one of it, with "between" two or some of a kind. What was itself told
        where it is by a pronoun gives way to what that stood for. Nothing for a setting."""
        last = self.reading.items[-1:]
        if self.last_was_scene and any(isinstance(i, Fact) and i.kind == "setting" for i in last):
            return []
        if value == "between":
            pair = [thing for thing in named if thing is not subject]
            pair = pair[-1:] if pair and (pair[-1].count or pair[-1].plural) else pair[-2:]
            return pair if len(pair) == 2 or (pair and (pair[0].count or pair[0].plural)) else []
        for things in (self.group, self.before, named[-1:], named[-2:-1]):
            before = [thing for thing in things if thing is not subject]
            if before:
                break
        if every and len(before) == 1 and not (before[0].count or before[0].plural):
            before = [thing for thing in named if thing is not subject][-2:]
        hosts = before if every else before[:1] if subject else before[-1:]
        return list(dict.fromkeys(self.reading.host(host, self.spoken) for host in hosts))

    def stand(self, thing: Thing, links: list[Link]) -> None:
        """``thing`` stands where ``links`` waited for it to be named."""
        for link in links:
            if thing is not link.b:
                self.reading.items.append(Link(link.value, thing, link.b, link.span, link.b2))

    def noun_phrase(self, i: int) -> int:
        phrase = PhraseReader(self.units, i).read()
        for span in phrase.remarks:
            self.reading.remarks.append(self.words(*span))
        self.attach(phrase, i)
        return phrase.end

    def attach(self, phrase: Phrase, i: int) -> None:
        negated = self.negated and not self.relation
        self.weathered = any(fact.kind == "weather" for fact in phrase.facts)
        self.last_was_scene = not (phrase.thing or self.relation) and bool(phrase.facts)
        if negated and self.joined and phrase.determiner == "indefinite":
            negated = self.negated = False
        for fact in phrase.facts:
            if negated and not phrase.thing:
                self.reading.items.append(Thing(fact.value, fact.span, absent=True))
            elif not negated:
                self.reading.items.append(fact)
        self.reading.items.extend(phrase.brings)
        if phrase.thing is None:
            self.describe(phrase)
            if phrase.facts:
                self.relation, self.said = None, True
        elif negated:
            phrase.thing.absent = True
            self.reading.items.append(phrase.thing)
            self.group = []
        elif self.command == "keep":
            self.reading.items.append(Fact("kept", phrase.thing.noun, phrase.thing.span))
        else:
            if any(fact.kind == "setting" for fact in phrase.facts):
                self.relation = None
            self.thing(phrase.thing)
        self.joined = self.fresh = self.copula = False

    def describe(self, phrase: Phrase) -> None:
        """A phrase without a noun: "red", "big and old", "one black"."""
        if phrase.both:
            self.group = [t for t in self.reading.things if not t.absent][-2:]
        if phrase.elliptic and self.reading.things:
            last = self.reading.things[-1]
            one = Thing(last.noun, last.span, count=phrase.count, given=True)
            one.absent = self.negated
            self.reading.items.append(one)
            self.group = targets = [one]
        elif self.fresh and not self.copula and not (phrase.colors and self.group):
            targets = []
        else:
            targets = self.group or self.actor or self.topic
        if self.relation and self.relation[3]:
            targets = self.relation[3]
        if phrase.facts:
            phrase.sizes, phrase.modifiers = [], []
        said = phrase.colors or phrase.sizes or phrase.modifiers
        for thing in targets:
            thing.colors += phrase.colors
            thing.sizes += phrase.sizes
            thing.modifiers += phrase.modifiers
        if said and not targets and not phrase.facts:
            for value, span in (*phrase.colors, *phrase.sizes, *phrase.modifiers):
                self.reading.items.append(Fact("style", value, span))
        if said:
            self.relation = None

    def thing(self, thing: Thing) -> None:
        self.companion = []
        known = earlier(self.reading.things, thing.noun) if thing.definite else None
        plain = not (thing.colors or thing.sizes or thing.modifiers or thing.count)
        if known and plain:
            thing = known
        else:
            self.reading.items.append(thing)
        if self.edit and self.command == "into":
            for old in self.group:
                old.absent = True
            self.command = "add"
        elif self.edit and thing.definite and self.command != "add":
            self.identify(thing)
        if self.relation:
            self.ground_of_relation(thing)
            return
        if self.front_place:
            thing.places.append(self.front_place)
        if self.front_verb:
            thing.modifiers.append(self.front_verb)
        self.stand(thing, self.front)
        plain = not (self.verbed or self.ground or thing.places)
        if self.joined and self.no_link("with", thing):
            pass
        elif self.joined and plain:
            self.listed = [*self.listed, thing]
            self.group = [*self.group, thing]
        else:
            self.listed = [*self.listed, thing] if self.after_comma and plain else [thing]
            self.group = [thing]
            self.ground = []
            if self.joined:
                self.verbed = False

    def identify(self, thing: Thing) -> None:
        """ "the red car" of an edit is there already: its color only tells which."""
        thing.given = True
        thing.colors, thing.sizes, thing.modifiers = [], [], []

    def ground_of_relation(self, thing: Thing) -> None:
        assert self.relation is not None
        value, word, span, left = self.relation
        if self.proper_place(word, thing):
            self.reading.items = [item for item in self.reading.items if item is not thing]
            self.reading.items.append(Fact("setting", thing.noun, thing.span))
            self.relation = None
            return
        if value == "between" and not self.halves and not thing.count and not thing.plural:
            self.halves = [thing]
            return
        first = self.halves[0] if self.halves else thing
        self.beside = first if value in {"left of", "right of"} else self.beside
        self.relation = None
        self.halves = []
        if value != "near" and not self.no_link(word, thing):
            if left:
                for subject in left:
                    second = thing if value == "between" else None
                    if subject is not first:
                        self.reading.items.append(Link(value, subject, first, span, second))
            else:
                second = thing if value == "between" else None
                self.front = [Link(value, first, first, span, second)]
        if left:
            self.group = left
            self.worn = self.no_link(word, thing) or thing.noun in _FIXTURES
            whole = word in {"with", "of"} or self.worn or self.verbed
            self.ground = [] if whole else [thing]
            self.companion = [thing] if word == "with" else []
        elif value == "near":
            self.group = [thing]

    def proper_place(self, word: str, thing: Thing) -> bool:
        """Whether "in Marrakech" names a place: a capital letter and no word of the lexicon."""
        name = self.words(*thing.span).split()[-1:]
        return (
            word in {"in", "at"}
            and thing.noun not in lexicon().path
            and bool(name and name[0][:1].isupper())
        )

    def no_link(self, word: str, thing: Thing) -> bool:
        """Worn and grown things, and the sky, take no relation: "in a coat", "on its head"."""
        path = lexicon().path.get(thing.noun.split()[-1], "")
        return path in _NO_LINK or (thing.noun in {"sky", "ground", "grass"} and word != "above")


def alive(things: list[Thing]) -> bool:
    """Whether the last of ``things`` can act by itself."""
    if not things:
        return False
    path = lexicon().path.get(things[-1].noun.split()[-1], "")
    return path.startswith(("person", "animal", "creature"))
