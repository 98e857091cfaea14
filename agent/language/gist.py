"""What is likeliest meant where no rule fits, told by what the words name, at a known picture.

A sentence that names a thing in the picture and a color that the thing is not told by wants it to
have that color; one that names a part of the picture wants it there. What is there already is told
from what is new by the picture and by "the" and "a". Its words themselves only tell what is wrong
with it ("too small") and that it is about this picture at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from ...tools.world import world
from ..brief import Change
from .grammar import Grammar, grammar
from .kinds import are_alike, is_kind_of, is_noun
from .lexicon import data
from .mentions import IT
from .reading import Fact, Reading, Thing
from .references import lowered

Shown = Callable[[], Collection[str]]
"""Tells which things the open picture shows; none where nobody knows."""
SIDES = frozenset({"left", "right", "top", "bottom"})
LONGEST = {False: 110, True: 40}
"""Characters of an English and of a Chinese text that may be one change."""


def gist(
    text: str, read: Callable[[str], Reading], *, chinese: bool, shown: Shown, asks: bool,
    reference: str | None = None,
) -> list[Change]:  # fmt: skip
    """The change that ``text`` wants of the open picture, as it is likeliest; [] where it is about
    something else, or it is open what it wants.

    It is told from all of the text or, where that says too much, from one part of it: people say
    why, too. What the picture has ``shown`` is asked where that helps to tell what is meant.
    ``asks`` says that it reads like a question: it has to propose something then. ``reference`` is
    a picture that it names.
    """
    if len(text.strip()) > LONGEST[chinese]:
        return []
    reading = read(text)
    whole = _Gist(text, reading, chinese, shown)
    if whole.is_said_beside():
        return []
    proposes = whole.says("proposes") or (reference is not None and whole.says("wants"))
    found = whole.changes(reference) if proposes or not asks else []
    if not found and reference is None:
        found = _of_a_part(text, read, chinese, shown)
    named = {noun for change in found for noun in (change.subject, change.value)}
    return [] if newcomers(text, reading, chinese=chinese) - named else found


def _of_a_part(
    text: str, read: Callable[[str], Reading], chinese: bool, shown: Shown
) -> list[Change]:
    """The change that one part of a text wants, or each of some parts of another thing; "it" is the
    last thing that was named before."""
    for cue in ("sentences", "clauses"):
        parts = _parts(text, _cues(chinese)[cue])
        found: list[list[Change]] = []
        last: Which | None = None
        for part, asked in parts if len(parts) > 1 else ():
            one = _Gist(part, read(part), chinese, shown, part=True, last=last)
            changes = [] if asked else one.changes(None)
            if changes and changes not in found:
                found.append(changes)
            last = one.which or last
        if len(found) == 1:
            return found[0]
        several = [change for changes in found for change in changes]
        if several and len({change.subject for change in several} - {None}) == len(several):
            return several  # of one thing each
    return []


def _parts(text: str, ends: re.Pattern[str]) -> list[tuple[str, bool]]:
    """The parts of a text, and whether each ends in a question mark."""
    marks = [(match.start(), match.end()) for match in ends.finditer(text)]
    starts = [0, *(end for _, end in marks)]
    stops = [*marks, (len(text), len(text))]
    return [
        (text[start:stop], any(mark in text[stop:end] for mark in "?？"))
        for start, (stop, end) in zip(starts, stops, strict=True)
        if text[start:stop].strip()
    ]


@cache
def _cues(chinese: bool) -> dict[str, re.Pattern[str]]:
    table = data("gist")
    return {name: re.compile(cue) for name, cue in table["zh" if chinese else "en"].items()}


def called(text: str, *, chinese: bool) -> tuple[int, int]:
    """Where ``text`` only calls somebody: "老师，", "ok so"."""
    match = _cues(chinese)["calls"].match(lowered(text))
    return match.span() if match else (0, 0)


def only_remarks(text: str, reading: Reading, *, chinese: bool) -> bool:
    """Whether ``text`` only says something of itself or of a picture that is open, or what must not
    be done to that: "my daughter is going to love this", "don't remove the cat"."""
    low, cues = lowered(text), _cues(chinese)
    said = any(cues[cue].search(low) for cue in ("remarks", "negates", "unwanted", "praises"))
    if not said or cues["anew"].search(low):
        return False
    return not newcomers(text, reading, chinese=chinese)


def newcomers(text: str, reading: Reading, *, chinese: bool) -> set[str]:
    """The things that ``text`` speaks of as new: "a dog", not "the dog"."""
    low = lowered(text)
    things = (thing for thing in reading.things if is_noun(thing.noun))
    return {thing.noun for thing in things if is_new(low, thing, chinese=chinese)}


def is_new(low: str, thing: Thing, *, chinese: bool) -> bool:
    """Whether words like "a" tell that a thing is new, and it is one that can be seen."""
    before = low[max(thing.span[0] - 12, 0) : thing.span[1]]
    told = _cues(chinese)["indefinite"].search(before)
    return bool(told and not thing.definite and not _cues(chinese)["abstract"].search(thing.noun))


@dataclass(frozen=True)
class Which:
    """A thing that is there, and the color and the place by which it is told, as of a `Change`."""

    subject: str
    color: str | None = None
    place: str | None = None


class _Gist:
    """One text, and what it names: things that are ``there`` and ``new`` ones, values of the scene,
    colors and places that a thing is to have."""

    def __init__(
        self, text: str, reading: Reading, chinese: bool, shown: Shown, *, part: bool = False,
        last: Which | None = None,
    ) -> None:  # fmt: skip
        self.part = part
        self.text, self.low, self.chinese = text, lowered(text), chinese
        self.grammar: Grammar = grammar("zh" if chinese else "en")
        self.there: list[Thing] = []
        self.new: list[Thing] = []
        self.strange = False  # whether something is new that no painter here knows: "a fox"
        for thing in reading.things:
            known = self._known(thing)
            if known is not None and known.noun in {one.noun for one in (*self.there, *self.new)}:
                continue  # the same, spoken of once more
            seen = self._seen(known or thing, shown) if known or is_noun(thing.noun) else None
            if seen is not None:
                self.there.append(seen)
            elif known is not None:
                self.new.append(known)
            else:
                replaced = chinese and self.says("replaces")
                self.strange |= is_noun(thing.noun) and (self._is_new(thing) or replaced)
        self.named = bool(reading.things)
        self.facts = _facts(reading)
        self.scenic = "setting" in self.facts
        self.colors, told_colors = self._named("color")
        self.places, told_places = self._named("place")
        self.told = {"color": told_colors, "place": told_places}
        self.which: Which | None = None
        if len(self.there) == 1:
            end = self.there[0].span[1]
            self.which = Which(self.there[0].noun, told_colors.get(end), told_places.get(end))
        elif not self.there and self.says("it"):
            self.which = last

    def _known(self, thing: Thing) -> Thing | None:
        """A thing that can be painted: "cat shrink" is a cat."""
        for words in (thing.noun, thing.noun.split()[0]):
            if any(words == known or is_kind_of(words, known) for known in world().objects):
                if words == thing.noun:
                    return thing
                end = self.low.find(words, thing.span[0]) + len(words)
                return replace(thing, noun=words, span=(thing.span[0], end))
        return None

    def says(self, cue: str) -> bool:
        return bool(_cues(self.chinese)[cue].search(self.low))

    def _seen(self, thing: Thing, shown: Shown) -> Thing | None:
        """A thing that is in the picture, by the name of what was seen there; None for another."""
        new = self._is_new(thing)
        gone = self.says("removes") or self.says("replaces")
        if (new and not gone) or not (self.part or self.says("wants")):
            return None
        seen = shown()
        for noun in seen:
            if are_alike(noun, thing.noun):
                return replace(thing, noun=thing.noun if thing.noun in world().objects else noun)
        before = self.low[max(thing.span[0] - 12, 0) : thing.span[1]]
        told = not seen and not new and self._known(thing) is not None
        return thing if told and _cues(self.chinese)["definite"].search(before) else None

    def _is_new(self, thing: Thing) -> bool:
        return is_new(self.low, thing, chinese=self.chinese)

    def _named(self, tag: str) -> tuple[list[str], dict[int, str]]:
        """The colors or places that are named: those by which no thing is told, in order; and, by
        the ends of their nouns, those by which one is."""
        free, told = [], {}
        for unit in self.grammar.units(self.text):
            if tag not in unit:
                continue
            between = len(self.low[unit.end :]) - len(self.low[unit.end :].lstrip(" 的"))
            for thing in (*self.there, *self.new):
                a, b = thing.span
                if a <= unit.start < b or unit.end <= a <= unit.end + between:
                    told[b] = str(unit[tag])
                    break
            else:
                free.append(str(unit[tag]))
        return list(dict.fromkeys(free)), told

    def is_said_beside(self) -> bool:
        """Whether it asks for a picture of its own, or for something else, or only praises or tells
        of something."""
        if self.says("anew") or self.says("elsewhere"):
            return True
        return (self.says("praises") or self.says("narrates")) and not self.says("but")

    def changes(self, reference: str | None) -> list[Change]:
        """What is to be done; [] where that is open, or is what must not be done."""
        if self.says("negates"):
            return []
        found = self._changes(reference)
        unwanted = self.says("unwanted") and any(c.op not in ("remove", "replace") for c in found)
        return [] if unwanted else found

    def _changes(self, reference: str | None) -> list[Change]:
        if reference is not None:
            styled = self.says("style") and not (self.new or self.there)
            return [Change(op="style", reference=reference)] if styled else []
        if len(self.there) > 1 or len(self.new) > 1 or self.strange:
            return []
        if self.there and not self.says("wants"):
            return []
        if self.which is not None:
            return self._of(self.which)
        return self._of_all() or self._of_it()

    def _of_all(self) -> list[Change]:
        """What is to become of the whole picture, or to be new in it."""
        if self.new and (not self.facts or self.says("besides")):
            return self._added(self.new[0]) if self.says("adds") else []
        if self.scenic or any(self._is_new(thing) for thing in self.new):
            return []
        if self.says("enlarges"):
            return [Change(op="scale", count=2)]
        if self.says("extends") and (side := self._side()):
            return [Change(op="extend", value=side)]
        here = any(self.says(cue) for cue in ("here", "wants", "label"))
        here = here or (not (self.part or self.named) and self.says("alone"))
        return [] if not here else [_change(op, value=value) for op, value in self.facts.items()]

    def _of(self, which: Which) -> list[Change]:
        """What is to become of a thing that is there. A place that is not where it is to go tells
        which one is meant."""
        if self.new:
            return self._replaced(which)
        told = one = asdict(which)
        if self.places and not (which.place or self.says("several")):
            one = {**told, "place": self.places[0]}
        larger, smaller = self.says("bigger"), self.says("smaller")
        gone = self.says("removes") and not (self.places and self.says("moves"))
        if sum((bool(self.colors), larger != smaller, gone)) > 1:
            return []
        if self.colors:
            return [_change("recolor", **one, value=self.colors[-1])]
        if larger != smaller:
            return [_change("resize", **one, value="bigger" if larger else "smaller")]
        if gone:
            return [_change("remove", **one)]
        if self.places and self.says("moves"):
            return [_change("move", **told, value=self.places[-1])]
        return [_change(op, value=value) for op, value in self.facts.items()]

    def _replaced(self, which: Which) -> list[Change]:
        """One thing for another; not where it is told by "than" what is worse, the new one."""
        new, there = self.new[0], self.there[0].span[0] if self.there else -1
        backwards = self.says("than") and new.span[0] >= there
        unwanted = self.low[: new.span[0]].endswith(("不要", "别要"))
        if backwards or unwanted or not self.says("replaces"):
            return []
        color = self.told["color"].get(new.span[1])
        return [_change("replace", **asdict(which), value=new.noun, new_color=color)]

    def _of_it(self) -> list[Change]:
        """The color of what "it" means, which the session knows."""
        if self.part or self.new or not (self.colors and self.says("it") and self.says("wants")):
            return []
        return [_change("recolor", subject=IT.noun, value=self.colors[-1])]

    def _added(self, new: Thing) -> list[Change]:
        count = new.count if isinstance(new.count, int) and new.count > 1 else None
        end = new.span[1]
        place = self.places[0] if self.places else self.told["place"].get(end)
        color = self.told["color"].get(end)
        return [_change("add", subject=new.noun, count=count, new_color=color, value=place)]

    def _side(self) -> str | None:
        side = self.grammar.word("places", self.low) or self.grammar.place(self.low)
        return side if side in SIDES else None


def _facts(reading: Reading) -> dict[str, str]:
    """What is said of the scene, as the painter knows it; nothing of what two values are named."""
    w = world()
    known = {"season": w.seasons, "time": w.times, "weather": w.weathers, "setting": w.settings}
    known["style"] = w.styles
    found: dict[str, set[str]] = {}
    for item in reading.items:
        if isinstance(item, Fact) and item.value in known.get(item.kind, ()):
            found.setdefault(item.kind, set()).add(item.value)
    return {kind: values.pop() for kind, values in found.items() if len(values) == 1}


def _change(op: str, **fields: Any) -> Change:
    return Change.model_validate({"op": op, **fields})
