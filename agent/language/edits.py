"""What an edit does to its picture: a request, clause by clause, becomes `Change`s.

The clauses are told apart and matched by the rules of ``data/edits.toml``; the things that they
name are read as everywhere (`mentions`). A clause that no rule fits makes no change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from ..brief import SCENE_OPS, Change, Tune
from .clause import Clause
from .grammar import grammar, unit_at
from .mentions import IT, SOME, Mention, mentions
from .reading import Fact
from .references import lowered, styled_after
from .turning import OPPOSITE, TURNS
from .units import Unit, units_of

Found = list[Change] | None
"""The changes of a clause, [] for one that leaves things as they are, None where no rule fits."""
LONGEST = 4
"""Pieces between commas and "and" that may be one clause."""
MAX_CHARACTERS = 160
"""A longer clause is no edit."""

_STYLE = re.compile(r"\bstyle\b|风|派")
_LITTLE = re.compile(r"^(?:a\s(?:bit|little|lot|touch|tad)|much|slightly|more|less)\b\s?")
_DEFINITE = re.compile(r"\s*(?:the|this|that|these|those|his|her|my)\s")
_POINTING = frozenset({"her", "this", "that", "these", "those"})
_A_THING = re.compile(r"(?:an?|some|two|three|four|five|\d+)\s")
_WITH = re.compile(r"\s(?:with|instead\sof|rather\sthan)\s")
_A_LITTLE = re.compile(r"\ba\s(?:bit|little|touch|tad)\b")
_SHRINKS = re.compile(
    r"^(?:shrink|reduce|decrease|cut|minimize)|\bdown\b|\bless\s(?:room|space|of)\b|缩小|减小"
)
_LITTLE_ONE = re.compile(r"small|tiny|little$")
_GROWS = re.compile(r"(?:放大|变大)(?:一?[点些])?")
_TINTS: dict[str, Tune] = {"red": "redder", "green": "greener", "blue": "bluer"}
_SIDES = frozenset({"left of", "right of"})
_RELATIONS = _SIDES | {"above", "below", "inside"}
_ONE = frozenset({"one", "ones"})
_IN_DEPTH = {"前": "foreground", "后": "background"}


def changes_of(text: str, *, chinese: bool) -> tuple[Change, ...]:
    """What the edit ``text`` does, in order; () where no change can be made of it."""
    return tuple(c for clause in clauses_of(text, chinese=chinese) for c in clause.changes)


def clauses_of(text: str, *, chinese: bool) -> list[Clause]:
    """The clauses of ``text`` that a rule fits, in order; some change nothing ("keep the dog")."""
    return _Editor(text, chinese).read()


class _Editor:
    """Reads one text. ``last`` is the thing that "it" means, ``noun`` what "one" is one of. A
    clause without a verb goes on from ``verb`` and ``what``: "make the house blue and the roof
    red"."""

    def __init__(self, text: str, chinese: bool) -> None:
        self.text, self.chinese = text, chinese
        self.low = lowered(text)
        self.grammar = grammar("zh" if chinese else "en")
        self.last: Mention | None = None
        self.noun: str | None = None
        self.verb = self.what = ""
        self.handlers: dict[str, Callable[[dict[str, str]], Found]] = {
            "add": self.add, "also": self.add, "more": self.more, "fewer": self.fewer,
            "remove": self.remove, "gone": self.remove, "not": self.not_so,
            "replace": self.replace, "move": self.move, "resize": self.resize, "set": self.set,
            "bare": self.bare, "tune": self.tune, "keep": lambda said: [], "so": lambda said: [],
            "cut out": self.cut_out, "scale": self.scale,
            **{name: partial(turn, self.grammar) for name, turn in TURNS.items()},
        }  # fmt: skip

    def read(self) -> list[Clause]:
        reference, (start, end) = styled_after(self.text)
        low = self.low[:start] + " " * (end - start) + self.low[end:]
        pieces = self.grammar.pieces(low)
        found: list[Clause] = []
        if reference:
            words = self.text[start:end].strip()
            style = Change(op="style", reference=reference, source=words)
            found.append(Clause(start, end, "style", (style,)))
        i = 0
        while i < len(pieces):
            for j in range(i + 1, min(i + LONGEST, len(pieces)) + 1):
                a, b = pieces[i][0], pieces[j - 1][1]
                if b - a > MAX_CHARACTERS:
                    break
                if (clause := self.clause(low[a:b])) is not None:
                    rule, changes = clause
                    if found and found[-1].says(changes):
                        found[-1] = replace(found[-1], end=b)
                        i = j - 1
                        break
                    if taken := found and found[-1].replaced(changes):
                        a, rule, changes = found.pop().start, "replace", taken
                    source = {"source": self.text[a:b].strip()}
                    done = tuple(change.model_copy(update=source) for change in changes)
                    found.append(Clause(a, b, rule, done))
                    i = j - 1
                    break
            else:
                self.speaks_of(low[slice(*pieces[i])])
            i += 1
        return sorted(found, key=lambda clause: clause.start)

    def clause(self, low: str) -> tuple[str, list[Change]] | None:
        """The rule that a clause fits and its changes, alone or going on from the one before."""
        said = self.grammar.bare(low)
        if not said:
            return None
        for words in (said, f"{self.verb} {said}", f"{self.verb} {self.what} {said}"):
            words = words.replace(" ", "") if self.chinese else words
            for name, pattern in self.grammar.rules:
                match = pattern.fullmatch(words)
                if match and (words == said or name not in {"bare", "keep", "so"}):
                    if name == "resize" and words == said and self.of_picture():
                        continue
                    groups = {k: (v or "").strip() for k, v in match.groupdict().items()}
                    changes = self.handlers[name](groups | {"": words})
                    if changes is not None:
                        self.goes_on(match, name)
                        return name, changes
            if not self.verb:
                break
        return None

    def speaks_of(self, low: str) -> None:
        """Remembers the one thing that words without a rule speak of: "it" after them means it."""
        if not self.chinese and not _DEFINITE.match(low):
            return
        things = [thing for thing in self.named(low) if thing.noun and thing.scene is None]
        if len(things) == 1 and self.last is None:
            self.remember([replace(things[0], color=None, place=None)])

    def of_picture(self) -> bool:
        """Whether a clause without a verb goes on from what is done to the whole picture."""
        whole = self.grammar.whole.fullmatch(self.what)
        return bool(self.verb and whole and not self.grammar.it.fullmatch(self.what))

    def goes_on(self, match: re.Match[str], rule: str) -> None:
        groups = match.groupdict()
        opened = next((name for name in ("both", "what", "to") if groups.get(name)), None)
        self.verb = match.string[: match.start(opened)].strip() if opened else ""
        if opened == "what" and rule == "set" and not self.chinese:
            self.verb = self.verb or "make"
        self.what = "it" if groups.get("both") else groups.get("what") or ""
        if self.chinese:
            self.what = ""

    # What is named.

    def named(self, text: str) -> list[Mention]:
        return mentions(text, chinese=self.chinese, last=self.noun)

    @property
    def it(self) -> Mention:
        return replace(self.last, count=None, picked=False) if self.last else IT

    def subjects(self, what: str) -> list[Mention | None]:
        """The things that ``what`` means, None for the whole picture; [] if it names nothing."""
        if self.grammar.it.fullmatch(what):
            return [self.it]
        if not what or self.grammar.whole.fullmatch(what):
            return [None]
        found = [mention for mention in self.named(what) if mention.noun]
        self.remember(found)
        return list(found)

    def remember(self, found: list[Mention]) -> None:
        things = [mention for mention in found if mention.scene is None]
        if things:
            self.last, self.noun = things[-1], things[-1].noun

    # Changes of things.

    def which(self, op: Literal["remove", "recolor", "move", "replace", "resize"], thing: Mention,
              **more: Any) -> Change:  # fmt: skip
        return Change(op=op, subject=thing.noun, color=thing.color, place=thing.place,
                      count=thing.count or (1 if thing.picked else None), **more)  # fmt: skip

    def scene(self, kind: str, value: str) -> Change:
        return Change.model_validate({"op": kind, "value": value})

    def add(self, said: dict[str, str]) -> Found:
        found = self.named(said["what"])
        if not found:
            return None
        where = self.somewhere(said.get("where", ""))
        changes = []
        for thing in found:
            if thing.scene and thing.scene[0] in SCENE_OPS - {"setting"}:
                changes.append(self.scene(*thing.scene))
                continue
            count = thing.count or (SOME if thing.many else None)
            count = None if self.chinese and count == 1 else count
            changes.append(Change(op="add", subject=thing.noun, count=count,
                                  new_color=thing.color, value=thing.place or where))  # fmt: skip
        self.remember(found)
        return changes

    def somewhere(self, where: str) -> str | None:
        """The part of the picture that stands before a Chinese verb; beside a thing is none."""
        if not where or self.named(where):
            return None
        if re.fullmatch(r"在?[前后][面方边]", where):
            return next(place for mark, place in _IN_DEPTH.items() if mark in where)
        return next((str(u["place"]) for u in self.grammar.units(where) if "place" in u), None)

    def more(self, said: dict[str, str]) -> Found:
        changes = self.add(said)
        return changes and [
            change.model_copy(update={"count": change.count or SOME}) if change.op == "add"
            else change
            for change in changes
        ]  # fmt: skip

    def fewer(self, said: dict[str, str]) -> Found:
        things = [thing for thing in self.named(said["what"]) if thing.scene is None]
        return [self.which("remove", replace(thing, count=1)) for thing in things] or None

    def remove(self, said: dict[str, str]) -> Found:
        changes = []
        for thing in self.subjects(said["what"]) if said["what"] else [self.it]:
            if thing is None:
                continue
            if thing.scene is None or thing.scene[0] == "setting":
                changes.append(self.which("remove", thing))
            elif thing.scene[0] == "weather":
                changes.append(self.scene("weather", "clear"))
        self.last = None if changes else self.last
        return changes or None

    def replace(self, said: dict[str, str]) -> Found:
        if self.grammar.words["whose"]["background"].fullmatch(said["what"]) or any(
            thing and thing.scene for thing in self.subjects(said["what"])
        ):
            return self.set(said)
        olds = [thing for thing in self.subjects(said["what"]) if thing]
        new = next((thing for thing in self.named(said["to"]) if thing.noun), None)
        if new is None or not olds:
            return None
        if new.scene and new.scene[0] != "setting":
            return [self.scene(*new.scene)]
        self.last, self.noun = new, new.noun
        return [self.which("replace", old, value=new.noun, new_color=new.color) for old in olds]

    def move(self, said: dict[str, str]) -> Found:
        what = said.get("what", "")
        things: list[Mention | None] = self.subjects(what) if what else [self.it]
        if away := said.get("away"):
            back = OPPOSITE[self.grammar.place(away) or ""]
            return [self.which("move", thing, value=back) for thing in things if thing] or None
        scene = [one for one in self.grammar.values(said["to"]) if one[0] in SCENE_OPS]
        if scene and (None in things or IT in things):
            return [self.scene(*scene[0])]
        beside = self.beside(said["to"])
        if beside or IT in things:
            moved = self.move_beside(things, said["to"])
            if moved is not None or beside:
                return moved
        place = self.grammar.place(said["to"])
        if place and all(things):
            self.last = self.last and replace(self.last, place=place)
            return [self.which("move", thing, value=place) for thing in things if thing] or None
        return None

    def move_beside(self, things: list[Mention | None], to: str) -> Found:
        """Moves that are measured from a thing: "to the left of the house". What only tells that
        it is near says no place, and changes nothing."""
        tag = "localizer" if self.chinese else "relation"
        known = _SIDES if IT not in things else _RELATIONS
        for unit in self.grammar.units(to):
            if unit.tags.get(tag) in known:
                grounds = self.named(to if self.chinese else to[unit.end :])
                return [
                    self.which("move", thing, value=unit[tag], object=grounds[0].noun)
                    for thing in things if thing and grounds
                ] or None  # fmt: skip
        return [] if self.chinese and self.named(to) else None

    def beside(self, to: str) -> bool:
        """Whether ``to`` is measured from a thing ("to the left of the house"): no part of the
        picture."""
        if self.chinese:
            return any(mention.scene is None for mention in self.named(to))
        return any(
            unit.has("relation") and unit.low.endswith(" of") for unit in self.grammar.units(to)
        )

    def resize(self, said: dict[str, str]) -> Found:
        if odd := said.get("odd"):
            size = "bigger" if _LITTLE_ONE.search(odd) else "smaller"
            return self.apply(self.subjects(said["what"]), [("size", size)])
        size = self.grammar.word("sizes", said[""]) or (
            "smaller" if _SHRINKS.search(said[""]) else "bigger"
        )
        if "to" in said and self.grammar.word("sizes", said[""]) is None:
            return None
        what = said.get("what")
        things: list[Mention | None] = self.subjects(what) if what else [self.it]
        return self.apply(things, [("size", size)])

    def not_so(self, said: dict[str, str]) -> Found:
        """What a thing is not to be, said beside what it is to be: "orange, not black"."""
        to = said["to"] or said.get("as", "")
        kinds = {kind for kind, _ in self.grammar.values(to)}
        named = mentions(to, chinese=self.chinese)
        return [] if kinds and kinds <= {"color", *SCENE_OPS} and not named else None

    # Changes told with "make" and its like.

    def set(self, said: dict[str, str]) -> Found:
        if "both" in said:
            return self.split(said["both"])
        what, to = said.get("what", ""), _WITH.split(said["to"])[0]
        points = what in _POINTING and f"{what} {to}" in said.get("", "")
        if points and not _A_THING.match(to) and any(not thing.scene for thing in self.named(to)):
            return None
        whose = self.grammar.words["whose"]
        if color := whose["color"].fullmatch(what):
            what = next(group for group in color.groups() if group)
        elif whose["background"].fullmatch(what) and (found := self.background(to)):
            return found
        elif whose["scene"].fullmatch(what):
            scene = [pair for pair in self.grammar.values(to) if pair[0] in SCENE_OPS]
            return self.apply([None], scene) or self.styled(to) if scene else self.styled(to)
        subjects, values = self.subjects(what), self.grammar.values(_A_LITTLE.sub("", to))
        if not what and self.chinese and all(kind != "tune" for kind, _ in values):
            subjects = [self.it]
        whole = None in subjects or IT in subjects
        olds = [thing for thing in subjects if thing]
        if IT in olds and any(kind in SCENE_OPS for kind, _ in values):
            olds = []
        if changes := self.becomes(olds, to):
            return changes
        changes = self.apply(subjects, values)
        return changes or (self.styled(to) if whole else None)

    def becomes(self, olds: list[Mention], to: str) -> Found:
        """Things that turn into another one: "the cat into a white dog"."""
        to = _LITTLE.sub("", to)
        if not olds or not (self.chinese or _A_THING.match(to)):
            return None
        found = mentions(to, chinese=self.chinese)
        new = next((thing for thing in found if thing.noun and not thing.scene), None)
        if new is None or any(new.noun == old.noun for old in olds):
            return None
        self.last, self.noun = new, new.noun
        return [self.which("replace", old, value=new.noun, new_color=new.color) for old in olds]

    def split(self, both: str) -> Found:
        """ "the house blue": a thing, then what it becomes."""
        from .phrase import PhraseReader

        units, i, joined = units_of(both), 0, True
        while joined and i < len(units):
            while i < len(units) and (units[i].has("place") or self.leads(units, i)):
                i += 1
            end = i if unit_at(units, i).low in _ONE else PhraseReader(units, i).read().end
            end += unit_at(units, end).low in _ONE
            while unit_at(units, end).has("place"):
                end += 1
            after = unit_at(units, end)
            joined = after.low == "'s" or after.has("relation", "conjunction")
            i = end + joined
        starts = [
            match.start()
            for part in ("tunes", "sizes")
            for pattern in self.grammar.words[part].values()
            if (match := pattern.search(both))
        ]
        cut = min([*starts, units[i].start if i < len(units) else len(both)])
        what, to = both[:cut].strip(), both[cut:].strip()
        return self.set({"what": what, "to": to}) if what and to else None

    def leads(self, units: list[Unit], i: int) -> bool:
        return "determiner" in units[i] and "place" in unit_at(units, i + 1)

    def styled(self, to: str) -> Found:
        """A style that only its own words tell: "in the style of Utrillo"."""
        if not _STYLE.search(to):
            return None
        from .chinese import Chinese
        from .english import English

        items = (Chinese(to) if self.chinese else English(to)).read().items
        styles = [item.value for item in items if isinstance(item, Fact) and item.kind == "style"]
        return self.apply([None], [("style", value) for value in styles])

    def background(self, to: str) -> Found:
        found = [pair for pair in self.grammar.values(to) if pair[0] in SCENE_OPS]
        found = [pair for pair in found if pair[0] == "setting"] or found
        if not found:
            things = mentions(_LITTLE.sub("", to), chinese=self.chinese)
            found = [("setting", thing.noun) for thing in things[:1] if not thing.scene]
        return self.apply([None], found)

    def bare(self, said: dict[str, str]) -> Found:
        """A clause without a verb that only says how the picture is: "at night", "snowy"."""
        values = self.grammar.values(said["to"])
        if not values or any(kind not in SCENE_OPS for kind, _ in values):
            return None
        if any(thing.scene is None for thing in self.named(said["to"])):
            return None
        return self.apply([None], values)

    def apply(self, subjects: list[Mention | None], values: list[tuple[str, str]]) -> Found:
        """Gives each subject each value; what a value cannot change is passed over."""
        changes = []
        for kind, value in values:
            if kind in SCENE_OPS:
                changes.append(self.scene(kind, value))
                continue
            for thing in subjects:
                changes += self.one(thing, kind, value)
        return list(dict.fromkeys(changes)) or None

    def one(self, thing: Mention | None, kind: str, value: str) -> list[Change]:
        whole = thing is None or thing == IT
        if kind == "tune":
            subject = None if thing is None or whole else thing.noun
            return [Change(op="tune", subject=subject, value=value)]
        if thing is None and kind == "color" and value == "gray":
            return [Change(op="tune", value="gray")]
        if kind == "size" and thing is None:
            return [Change(op="scale", count=2)] if value == "bigger" else []
        if thing is None and kind == "color" and value in _TINTS:
            return [Change(op="tune", value=_TINTS[value])]
        if thing is None or (thing.scene and thing.scene[0] != "setting"):
            return []
        return [self.which("recolor" if kind == "color" else "resize", thing, value=value)]

    def tune(self, said: dict[str, str]) -> Found:
        part = "tunes" if "to" in said else "tune_verbs"
        value = self.grammar.word(part, said[""])
        subjects = self.subjects(said.get("what", ""))
        return self.apply(subjects, [("tune", value)]) if value else None

    # Changes of the whole picture.

    def cut_out(self, said: dict[str, str]) -> Found:
        if "what" not in said:
            return [Change(op="cut out")]
        things = [thing for thing in self.subjects(said["what"]) if thing and thing != IT]
        return [Change(op="cut out", subject=thing.noun, color=thing.color, place=thing.place)
                for thing in things[:1]] or None  # fmt: skip

    def scale(self, said: dict[str, str]) -> Found:
        if self.last and _GROWS.fullmatch(said[""]):
            return self.apply([self.last], [("size", "bigger")])
        times = self.grammar.number(said.get("to", "")) or 2
        times = times // 100 if times >= 100 else times
        return [Change(op="scale", count=4 if times > 2 else 2)]
