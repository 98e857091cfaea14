"""What is likeliest meant where no rule fits, told by what the words name, at a known picture.

A sentence that names a thing in the picture and a color that the thing is not told by wants it to
have that color; one that names a part of the picture wants it there. What is there already is told
from what is new by the picture and by "the" and "a". Its words themselves only tell what is wrong
with it ("too small") and that it is about this picture at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Any

from ...tools.world import world
from ..brief import Change
from .grammar import Grammar, grammar
from .kinds import is_kind_of, is_noun
from .lexicon import compiler, data
from .reading import Fact, Reading, Thing
from .references import lowered

Shown = Callable[[], Collection[str]]
"""Tells which things the open picture shows; none where nobody knows."""
LONGEST = {False: 110, True: 40}
"""Characters of an English and of a Chinese text that may be one change."""


def gist(
    text: str, reading: Reading, *, chinese: bool, shown: Shown, asks: bool,
    reference: str | None = None,
) -> list[Change]:  # fmt: skip
    """The change that ``text`` wants of the open picture, as it is likeliest; [] where it is about
    something else, or it is open what it wants.

    What the picture has ``shown`` is asked where that helps to tell what is meant. ``asks`` says
    that it reads like a question: it has to propose something then. ``reference`` is a picture that
    it names.
    """
    if len(text.strip()) > LONGEST[chinese]:
        return []
    one = _Gist(text, reading, chinese, shown)
    proposes = one.says("proposes") or (reference is not None and one.says("wants"))
    if asks and not proposes:
        return []
    return one.changes(reference)


@cache
def _cues(chinese: bool) -> dict[str, re.Pattern[str]]:
    table = data("gist")
    return {name: compiler({})(cue) for name, cue in table["zh" if chinese else "en"].items()}


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


class _Gist:
    """One text, and what it names: things that are ``there`` and ``new`` ones, values of the scene,
    colors and places that a thing is to have."""

    def __init__(self, text: str, reading: Reading, chinese: bool, shown: Shown) -> None:
        self.text, self.low, self.chinese = text, lowered(text), chinese
        self.grammar: Grammar = grammar("zh" if chinese else "en")
        self.there: list[Thing] = []
        self.new: list[Thing] = []
        self.strange = False  # whether something is new that no painter here knows: "a fox"
        for thing in reading.things:
            known = self._known(thing)
            if known is not None and known.noun in {one.noun for one in (*self.there, *self.new)}:
                continue  # the same, spoken of once more
            if known is None:
                self.strange |= self._is_new(thing) and is_noun(thing.noun)
            else:
                (self.there if self._is_there(known, shown) else self.new).append(known)
        self.facts = _facts(reading)
        self.scenic = "setting" in self.facts
        self.colors, self.told_colors = self._named("color")
        self.places, self.told_places = self._named("place")

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

    def _is_there(self, thing: Thing, shown: Shown) -> bool:
        if self._is_new(thing) or not self.says("wants"):
            return False
        seen = shown()
        if any(is_kind_of(noun, thing.noun) or is_kind_of(thing.noun, noun) for noun in seen):
            return True
        before = self.low[max(thing.span[0] - 12, 0) : thing.span[1]]
        return not seen and bool(_cues(self.chinese)["definite"].search(before))

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

    def changes(self, reference: str | None) -> list[Change]:
        if reference is not None:
            styled = self.says("style") and not (self.new or self.there)
            return [Change(op="style", reference=reference)] if styled else []
        if len(self.there) > 1 or len(self.new) > 1 or self.strange or self.says("anew"):
            return []
        if self.there:
            return self._of(self.there[0])
        if self.new and not self.facts:
            return self._added(self.new[0]) if self.says("adds") else []
        if self.scenic or any(self._is_new(thing) for thing in self.new):
            return []
        if self.says("enlarges"):
            return [Change(op="scale", count=2)]
        if self.says("extends") and (side := self._side()):
            return [Change(op="extend", value=side)]
        here = self.says("here") or self.says("wants") or self.says("label")
        return [] if not here else [_change(op, value=value) for op, value in self.facts.items()]

    def _of(self, thing: Thing) -> list[Change]:
        """What is to become of a thing that is there."""
        end = thing.span[1]
        which = {"subject": thing.noun, "color": self.told_colors.get(end)}
        which["place"] = self.told_places.get(end)
        if self.new:
            new = self.new[0]
            if not self.says("replaces"):
                return []
            color = self.told_colors.get(new.span[1])
            return [_change("replace", **which, value=new.noun, new_color=color)]
        if self.colors:
            return [_change("recolor", **which, value=self.colors[-1])]
        if self.says("bigger") != self.says("smaller"):
            size = "bigger" if self.says("bigger") else "smaller"
            return [_change("resize", **which, value=size)]
        if self.places:
            return [_change("move", **which, value=self.places[-1])]
        if self.says("removes"):
            return [_change("remove", **which)]
        return [_change(op, value=value) for op, value in self.facts.items()]

    def _added(self, new: Thing) -> list[Change]:
        count = new.count if isinstance(new.count, int) and new.count > 1 else None
        end = new.span[1]
        place = self.places[0] if self.places else self.told_places.get(end)
        color = self.told_colors.get(end)
        return [_change("add", subject=new.noun, count=count, new_color=color, value=place)]

    def _side(self) -> str | None:
        return self.grammar.word("places", self.low) or self.grammar.place(self.low)


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
