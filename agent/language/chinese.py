"""The Chinese front end: words read from left to right, clause by clause, into a `Reading`."""

from __future__ import annotations

from .chinese_attach import Attaching
from .chinese_places import Described
from .lexicon import SCENE_TAGS, lexicon
from .reading import Fact, Link, Reading, Thing
from .units import Unit

_STYLE = frozenset({"风格", "画风", "风", "风格的", "派"})
_IT = frozenset({"它", "它们", "他", "她", "他们", "她们", "其", "那", "这", "再往"})
_BA = frozenset({"把", "将", "让", "给", "使"})


class Chinese(Attaching):
    """Reads one simplified Chinese text; see `Standing` for where it stands while it does."""

    def read(self) -> Reading:
        """Reads everything; each step consumes at least one unit."""
        i = 0
        while i < len(self.units):
            i = max(self.step(i), i + 1)
        self.end_clause("")
        return self.reading

    def step(self, i: int) -> int:
        unit = self.units[i]
        if self.separates(unit, self.at(i - 1)):
            self.end_clause(self.at(i + 1).low)
        if unit.kind == "end" or unit.low in {",", "，", ":", "：", "；"}:
            self.end_clause(self.at(i + 1).low, unit.kind == "end")
        elif unit.kind == "quote":
            self.reading.items.append(
                Fact("text", self.words(unit)[1:-1].strip() or "?", (unit.start, unit.end))
            )
        elif unit.kind == "title":
            self.title(unit, i)
        elif "text" in unit and (end := self.written(i)):
            return end
        elif self.edit and self.commands(unit, i):
            pass
        elif unit.has("nobody"):
            self.reading.items.append(Thing("person", (unit.start, unit.end), absent=True))
        elif "negation" in unit:
            if self.waives(i):
                for thing in self.subject:
                    thing.absent = True
            else:
                self.negate(i)
        elif unit.low in _IT and (end := self.pronoun(i)):
            return end
        elif (
            (unit.low in _STYLE and self.named_style(unit, i))
            or (unit.has("number", "several", "group", "stress") and self.quantity(unit, i))
            or ("measure" in unit and self.at(i - 1).has("number", "several", "group"))
        ):
            pass
        elif "color" in unit and not self.tones(unit, i):
            self.say(self.described.colors, unit["color"], unit)
        elif "de" in unit:
            self.of(i)
        elif unit.has("localizer", "place") and self.location(unit, i):
            pass
        elif "nowhere" in unit and "noun" not in unit:
            self.located = True
        elif unit.has(*SCENE_TAGS) and self.scene(unit, i):
            pass
        elif "conjunction" in unit:
            self.joined = True
        elif unit.low in {"给", "向", "对", "朝"} and self.subject:
            self.verbed = True
        elif "zai" in unit and "verb" not in unit:
            self.open_location(i)
        elif "exist" in unit:
            self.exists(unit)
        elif unit.has("size") and not unit.has("noun"):
            self.say(self.described.sizes, unit["size"], unit)
        elif unit.has("possess", "verb") and not ("modifier" in unit and self.describes(i)):
            self.verb(unit, i)
        elif "frame" in unit:
            pass
        elif "remark" in unit:
            self.reading.remarks.append(self.words(unit))
        elif "modifier" in unit and (self.describes(i) or "noun" not in unit):
            self.say(self.described.modifiers, unit["modifier"], unit)
        elif "noun" in unit:
            return self.noun(i)
        return i + 1

    def waives(self, i: int) -> bool:
        """Whether a negation ends its clause and so is of what was named before: 马一匹也不要."""
        after = i + 1
        while "particle" in self.at(after):
            after += 1
        then = self.at(after)
        ends = not then.low or then.kind == "end" or then.low in {",", "，", ":", "：", "；"}
        return ends and bool(self.subject) and not self.edit

    def separates(self, unit: Unit, before: Unit) -> bool:
        """Whether a space, or the 、 of a list of tags, stands before ``unit`` like a comma."""
        if before.low == "、":
            return self.tag_list
        gap = unit.start > before.end > 0 and unit.kind == before.kind == "word"
        return gap and not (unit.low.isascii() or before.low.isascii())

    def quantity(self, unit: Unit, i: int) -> bool:
        after, told = self.at(i + 1), self.described
        if "stress" in unit and after.has("number"):
            told.stress = True
            return True
        if unit.has("group", "several") and not unit.has("number"):
            if "group" in unit and not self.at(i - 1).has("number", "several"):
                return False
            told.count = "several"
        elif "number" in unit:
            if not after.has(
                "measure", "group", "noun", "color", "size", "modifier"
            ) and unit.low not in {"双", "对", "一对", "一双", "俩"}:
                return "noun" not in unit
            if after.low in {"双", "对"}:
                told.count = 2 * int(unit["number"])
            elif "group" in after and "measure" not in after:
                told.count = "several"
            elif told.count is None:
                told.count, told.one = unit["number"], unit["number"] == 1
        else:
            return False
        if told.start is None:
            told.start = unit.start
        return True

    def tones(self, unit: Unit, i: int) -> bool:
        """ "蓝色调": a color of the whole picture."""
        after = self.at(i + 1)
        if "tones" not in after or self.at(i + 2).has("noun"):
            return False
        value = f"{unit['color']} tones"
        self.reading.items.append(Fact("style", value, (unit.start, after.end)))
        return True

    def named_style(self, unit: Unit, i: int) -> bool:
        """ "X风格": a word before it that was taken for a thing is a style."""
        before = self.at(i - 1)
        items = self.reading.items
        if "style" in before:
            return True
        if not before.has("noun", "modifier") or before.end != unit.start:
            return unit.low != "风"
        last = items[-1] if items else None
        if isinstance(last, Thing) and last.span[1] == before.end:
            items.pop()
            self.subject = [t for t in self.subject if t is not last]
            items.append(Fact("style", last.noun, (last.span[0], unit.end)))
        elif self.described.modifiers:
            value, span = self.described.modifiers.pop()
            items.append(Fact("style", value, (span[0], unit.end)))
        return True

    def title(self, unit: Unit, i: int) -> None:
        if self.at(i + 1).low in _STYLE or self.at(i + 2).low in _STYLE:
            self.reading.items.append(Fact("style", self.words(unit)[1:-1], (unit.start, unit.end)))
        else:
            self.reading.remarks.append(self.words(unit))

    def written(self, i: int) -> int:
        """The end of "写着福字" if words to be written follow, else 0."""
        j = i + 1
        while self.at(j).low in {":", "："} or self.at(j).has("particle"):
            j += 1
        if self.at(j).kind == "quote":
            return j
        if not self.words(self.at(i)).endswith(("着", "有", "书", "上", "了", "字")):
            return 0
        end = j
        while self.at(end).kind in {"word", "num"} and "de" not in self.at(end):
            end += 1
        if end == j:
            return 0
        span = (self.at(j).start, self.at(end - 1).end)
        value = self.text[span[0] - self.start : span[1] - self.start]
        value = value.removesuffix("字样").removesuffix("几个字")
        value = value.removesuffix("字") if len(value) > 1 else value
        self.reading.items.append(Fact("text", value, span))
        return end

    def scene(self, unit: Unit, i: int) -> bool:
        after, span = self.at(i + 1), (unit.start, unit.end)
        if "noun" in unit and self.is_thing(unit, after):
            return False
        picture = "frame" in after or ("de" in after and "frame" in self.at(i + 2))
        two_colors = after.low in {"相间", "的", "花"} or "noun" in after
        if unit.low == "黑白" and two_colors and not picture:
            self.say(self.described.colors, "black", unit)
            self.say(self.described.colors, "white", unit)
            return True
        for tag in SCENE_TAGS:
            if tag in unit:
                value = str(unit[tag])
                if self.negated:
                    self.reading.items.append(Thing(value, span, absent=True))
                else:
                    self.reading.items.append(Fact(tag, value, span))
        brought = lexicon().also.get(unit.low)
        if brought:
            self.reading.items.append(Thing(brought, span))
        if "de" in self.at(i - 1) and not after.has("noun", "de"):
            self.described.modifiers.clear()
        if "setting" in unit:
            self.colored_setting(unit)
            self.zai = False
            self.located = True
        return True

    def is_thing(self, unit: Unit, after: Unit) -> bool:
        if "setting" not in unit:
            return not unit.has("season", "time", "weather", "style")
        weak = unit["setting"] in lexicon().weak_settings
        around = self.zai or after.has("localizer") or isinstance(self.described.count, int)
        return (weak and not around) or (isinstance(self.described.count, int) and weak)

    def colored_setting(self, unit: Unit) -> None:
        told = self.described
        counted = isinstance(told.count, int) and told.count > 1
        if told.colors or counted:
            noun = {"mountains": "mountain"}.get(str(unit["setting"]), str(unit["setting"]))
            count = told.count if counted else None
            span = (unit.start if told.start is None else told.start, unit.end)
            thing = Thing(noun, span, count=count, colors=told.colors)
            self.reading.items.append(thing)
            self.grounds = [thing] if counted else []
        self.described = self.outer.pop() if self.outer and not self.outer[-1] else Described()

    def commands(self, unit: Unit, i: int) -> bool:
        if unit.low in _BA and "number" not in self.at(i - 1):
            self.command = "take"
        elif unit.low in {"它", "它们", "他", "她"} and self.command == "take":
            self.group = self.taken
        elif "else" in unit:
            self.reading.items.append(Fact("kept", "everything else", (unit.start, unit.end)))
        elif "keep" in unit:
            for thing in self.group or self.subject:
                self.reading.items = [x for x in self.reading.items if x is not thing]
                self.reading.items.append(Fact("kept", thing.noun, thing.span))
            self.command = "keep"
        elif "remove" in unit:
            for thing in self.group:
                thing.absent = True
            self.negated = not self.group
        elif "instead" in unit and self.subject:
            self.negated = True
        elif "move" in unit and (self.group or self.subject):
            self.group, self.command = self.group or self.subject, "move"
        elif "change" in unit:
            self.group = self.group or self.subject
            self.command = "into" if self.group else "add"
            self.subject, self.grounds = [], []
        elif "add" in unit and not unit.has("noun"):
            self.command = "add"
            self.front += [Link(s.value, s.b, s.b, s.span, s.b2) for s in self.described.grounds]
            self.subject = []
        else:
            return False
        return True

    def end_clause(self, following: str, sentence: bool = False) -> None:
        told = self.described
        said = self.subject[-1:] or self.topic[-1:]
        if (
            told.colors
            and self.front_place
            and self.front_place[0] == "background"
            and not (self.subject)
        ):
            span = self.front_place[1]
            self.reading.items.append(Thing("background", span, colors=told.colors, given=True))
            told, self.front_place = Described(), None
        elif told.colors and told.count and said and not self.subject:
            some = Thing(said[0].noun, told.colors[0][1], count=told.count, given=True)
            some.colors = told.colors
            self.reading.items.append(some)
            told = Described()
        targets = self.group if self.command in {"into", "take"} else self.subject or self.topic
        if self.command == "add" and not self.subject:
            targets = []
        if told.colors or told.sizes or told.modifiers:
            if targets and (self.copula or self.subject or self.group):
                for thing in targets:
                    thing.colors += told.colors
                    thing.sizes += told.sizes
                    thing.modifiers += told.modifiers
            else:
                for value, span in (*told.colors, *told.sizes, *told.modifiers):
                    self.reading.items.append(Fact("style", value, span))
        dangling = self.front if not self.subject else []
        keeps = not self.verbed and not sentence and bool(dangling or self.front_place)
        keeps = keeps and not self.subject
        if dangling and self.topic and (self.verbed or sentence or not keeps):
            self.link(self.topic, dangling)
        front, place = self.front, self.front_place
        self.beside = front[0] if front else self.beside if place else None
        self.parallel, self.named = bool(place), bool(self.subject)
        self.new_clause()
        self.front, self.front_place = (front, place) if keeps else ([], None)
