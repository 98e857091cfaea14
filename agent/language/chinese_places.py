"""Where the Chinese reader stands in a clause, and where the clause says that things are."""

from __future__ import annotations

from dataclasses import dataclass, field

from .chinese_words import words_of
from .lexicon import lexicon
from .reading import Link, Reading, Span, Thing
from .units import Unit

Said = tuple[str, Span]

_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_ON_A_SURFACE = ("挂", "贴", "画", "印", "写", "刻", "绣")


@dataclass
class Described:
    """What has been said of a noun before the noun."""

    start: int | None = None
    count: int | str | None = None
    one: bool = False
    stress: bool = False
    definite: bool = False
    colors: list[Said] = field(default_factory=list)
    sizes: list[Said] = field(default_factory=list)
    modifiers: list[Said] = field(default_factory=list)
    places: list[Said] = field(default_factory=list)
    grounds: list[Link] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.start is not None or bool(self.grounds or self.places or self.modifiers)


class Standing:
    """Where the reader stands in a clause, and what the next noun is told of.

    ``described`` collects what stands before a noun; a clause before 的 sets it aside in ``outer``
    until its noun comes. ``subject`` is what the clause is about, ``topic`` what the last one was,
    ``grounds`` the nouns that a location is measured from, ``front`` the locations that wait for
    their subject, ``beside`` the last location told of. ``spoken`` are the things that a pronoun
    stood for ("它的上方有…"). ``edit`` says that the text changes an existing picture.
    """

    def __init__(self, text: str, start: int = 0, *, edit: bool = False) -> None:
        self.text, self.start, self.edit = text, start, edit
        self.units = words_of(text, start)
        self.tag_list = text.count("、") > 2 and not set(text) & set("，,。")
        self.reading = Reading()
        self.topic: list[Thing] = []
        self.subject: list[Thing] = []
        self.front: list[Link] = []
        self.front_place: Said | None = None
        self.beside: Link | None = None
        self.parallel = self.named = False
        self.spoken: list[Thing] = []
        self.new_clause()
        self.negated = False
        self.taken: list[Thing] = []

    def new_clause(self) -> None:
        self.described = Described()
        self.outer: list[Described] = []
        self.topic = self.subject or self.topic
        self.subject = []
        self.front_verbs: list[Said] = []
        self.grounds: list[Thing] = []
        self.object: Thing | None = None
        self.joined = self.zai = self.verbed = self.located = self.copula = False
        self.negated = False
        self.command = ""
        self.group: list[Thing] = []

    def at(self, i: int) -> Unit:
        return self.units[i] if 0 <= i < len(self.units) else Unit("end", "", 0, 0)

    def words(self, unit: Unit) -> str:
        return self.text[unit.start - self.start : unit.end - self.start]

    def say(self, where: list[Said], value: str, unit: Unit) -> None:
        where.append((value, (unit.start, unit.end)))
        if self.described.start is None:
            self.described.start = unit.start

    def describes(self, i: int) -> bool:
        """Whether the word at ``i`` stands before the noun it describes."""
        after = self.at(i + 1)
        return after.has("de", "noun", "color", "size", "modifier")

    def open_location(self, i: int) -> None:
        if self.at(i + 1).kind != "word":
            return
        if "verb" in self.at(i + 1) and not self.at(i + 1).has("noun", "setting"):
            return
        if (self.described or not self.subject) and self.closes(i):
            self.push()
        self.zai = True
        self.grounds = []

    def location(self, unit: Unit, i: int) -> bool:
        """A place: beside a noun ("树下") it is a relation, alone a part of the picture."""
        span = (unit.start, unit.end)
        before = self.at(i - 1)
        beside = self.grounds and (
            before.has("noun", "setting") or ("de" in before and self.at(i - 2).has("noun"))
        )
        if "localizer" in unit and beside:
            self.relate(unit["localizer"], span)
            return True
        starts = not (self.subject or before.kind == "word") or (self.zai and "zai" in before)
        after = self.at(i + 1)
        begins = after.has("verb", "possess") or self.begins(after)
        begins = begins and not after.low.startswith(_ON_A_SURFACE)
        if "localizer" in unit and starts and begins:
            self.grounds = self.understood(unit)
            if self.grounds:
                self.relate(unit["localizer"], span)
                return True
        if self.joined and "de" in self.at(i + 1) and self.faces(unit):
            assert self.beside is not None
            link = Link(str(unit["localizer"]), self.beside.b, self.beside.b, span)
            self.described.grounds.append(link)
            return True
        if unit.tags.get("place") == "background" and self.described.colors:
            background = Thing("background", span, colors=self.described.colors, given=True)
            self.reading.items.append(background)
            self.described = Described()
            return True
        if "localizer" in unit and before.has("setting", "weather", "time"):
            return True
        if "localizer" in unit and "place" not in unit:
            self.located = True
        if "place" in unit:
            self.place((unit["place"], span), self.at(i + 1))
            return True
        return "noun" not in unit

    def understood(self, unit: Unit) -> list[Thing]:
        """What "…，右边有" is measured from: what "左边有" was in the clause before, or what that
        clause is about, if the place is not rather a part of the picture."""
        value = str(unit["localizer"])
        if self.beside and ("place" in unit or self.faces(unit)):
            return [self.beside.b]
        parts = "place" in unit and (self.parallel or any(thing.places for thing in self.topic))
        if parts or not self.named or value in {"near", "left of", "right of"}:
            return []
        return self.meant(self.topic, every=False, value=value)

    def faces(self, unit: Unit) -> bool:
        """Whether ``unit`` is the other side of what was told last: 左边的 …, 右边的 …."""
        value = unit.tags.get("localizer")
        return bool(self.beside and _OPPOSITE.get(self.beside.value) == value and value)

    def pronoun(self, i: int) -> int:
        """The end of "它的上方" if a location measured from what was named follows here, or of the
        它 of "它在…", which then is what the clause is about; else 0."""
        is_told = "zai" in self.at(i + 1) and not self.closes(i + 1)
        if is_told and self.topic and not self.subject:
            self.subject = self.topic if self.at(i).low.endswith("们") else self.topic[-1:]
            return i + 1
        j = i + 1 + ("de" in self.at(i + 1))
        unit = self.at(j)
        if "localizer" not in unit or "noun" in unit:
            return 0
        after = self.at(j + 1)
        placed = [self.object] if self.object else self.subject
        attributive = "de" in after and self.noun_ahead(j + 2)
        fronted = attributive or not placed or self.begins(after)
        named = (self.subject or self.topic) if fronted else self.topic
        every = self.at(i).low.endswith("们")
        hosts = self.meant(named, every=every, value=str(unit["localizer"]))
        if self.beside and self.faces(unit):
            hosts = [self.beside.b]
        if not hosts:
            return 0
        self.spoken += hosts
        self.zai, self.located = False, True
        span = (self.at(i).start, unit.end)
        links = [Link(unit["localizer"], host, host, span) for host in hosts]
        if unit["localizer"] == "between":
            links = [Link("between", hosts[0], hosts[0], span, hosts[-1])]
        if unit["localizer"] == "near":
            links = []
        if attributive:
            self.described.grounds += links
        elif fronted:
            self.front, self.subject, self.verbed = links, [], False
        else:
            self.link(placed, links)
        return j + 1

    def meant(self, named: list[Thing], *, every: bool, value: str) -> list[Thing]:
        """What a pronoun before a place stands for among ``named``: the last; ``every`` one for
        它们; with "between" two, or some of a kind. What was itself told where it is by a pronoun
        gives way to what that stood for."""
        if value == "between":
            some = [thing for thing in named[-1:] if thing.count]
            return some or (named[-2:] if len(named) > 1 else [])
        hosts = named if every else named[-1:]
        return list(dict.fromkeys(self.reading.host(host, self.spoken) for host in hosts))

    def place(self, said: Said, after: Unit) -> None:
        self.zai = False
        if self.command == "move" or (self.command == "change" and self.group):
            for thing in self.group:
                thing.places.append(said)
        elif "de" in after and not self.at_end_after(after):
            self.described.places.append(said)
        elif self.subject and not self.outer and not self.begins(after):
            self.subject[-1].places.append(said)
        else:
            self.front_place, self.subject = said, []
            self.verbed = False
        self.located = True

    def begins(self, after: Unit) -> bool:
        """Whether a place is followed by what is there ("左边有…", "左边停着…")."""
        nouns = after.has("number", "several", "color")
        return nouns or after.has("exist") or ("verb" in after and after.low.endswith("着"))

    def at_end_after(self, unit: Unit) -> bool:
        i = self.units.index(unit)
        return self.at(i + 1).kind in {"end", "punct"} or self.at(i + 1).has("exist")

    def relate(self, value: str, span: Span) -> None:
        grounds, self.grounds, self.zai = self.grounds, [], False
        self.located = True
        if value == "near" or not grounds:
            return
        ground = grounds[-1]
        second = None
        if value == "between":
            ground, second = grounds[0], grounds[-1]
        if ground.noun in {"sky", "ground", "water"} or self.part(ground):
            return
        link = Link(value, ground, ground, span, second)
        if self.outer:
            self.described.grounds.append(link)
        elif self.subject:
            self.link(self.subject, [link])
        else:
            self.front.append(link)

    def part(self, thing: Thing) -> bool:
        return lexicon().path.get(thing.noun, "") in {"part", "clothing"}

    def link(self, things: list[Thing], links: list[Link]) -> None:
        for said in links:
            for thing in things:
                if thing is not said.b and not thing.absent:
                    link = Link(said.value, thing, said.b, said.span, said.b2)
                    self.reading.items.append(link)

    def push(self) -> None:
        self.outer.append(self.described)
        self.described = Described()

    def closes(self, i: int) -> bool:
        """Whether the clause that begins here describes a noun after a 的 to come.

        A location ("坐在城堡的塔顶上") ends in a place word: its 的 only says whose tower it is.
        """
        located = "zai" in self.at(i) or self.at(i).low.endswith("在") or "zai" in self.at(i + 1)
        j = i
        while self.at(j).kind == "word":
            unit, before = self.at(j), self.at(j - 1)
            ends = before.has("noun", "localizer", "verb", "particle", "setting", "place")
            ends = ends and "de" in unit and j > i and not before.has("color", "size")
            after = self.at(j + 1)
            named = "localizer" not in after or "noun" in after
            if ends and named and self.noun_ahead(j + 1, anywhere=not located):
                return True
            j += 1
        return False

    def noun_ahead(self, j: int, *, anywhere: bool = False) -> bool:
        """Whether a noun that is no location ("塔顶上") comes in the clause."""
        while self.at(j).kind == "word":
            if self.at(j).has("noun") and not self.at(j + 1).has("noun"):
                return anywhere or "localizer" not in self.at(j + 1)
            j += 1
        return False
