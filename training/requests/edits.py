"""Requests that change a picture: every `Op`, several at once, in words of many kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from danqing.agent.brief import TUNES
from danqing.agent.llm.forms import SaidChange, Understanding
from danqing.tools.world import world

from . import phrases, words
from .grammar import Phrases
from .places import LINKS_EN, LINKS_ZH, PLACES_EN, PLACES_ZH
from .said import Fields, Group, group, named, pair
from .words import Word

IT_EN = ("it", "it", "it", "that", "this", "them")
IT_ZH = ("它", "它", "它", "这个", "那个", "它们")
TO_EN = {
    "left": ("to the left", "to the left side", "over to the left", "left", "to the far left"),
    "right": ("to the right", "to the right side", "over to the right", "right"),
    "center": ("to the middle", "to the center", "into the middle", "in the center"),
    "top": ("up", "to the top", "upwards"), "bottom": ("down", "to the bottom", "downwards"),
    "top left": ("to the top left", "to the top left corner", "into the upper left corner"),
    "top right": ("to the top right", "to the top right corner", "into the upper right corner"),
    "bottom left": ("to the bottom left", "to the bottom left corner"),
    "bottom right": ("to the bottom right", "to the bottom right corner"),
    "foreground": ("to the foreground", "to the front"),
    "background": ("to the background", "into the distance"),
}  # fmt: skip
TO_ZH = {**PLACES_ZH, "top": ("上面", "上方", "顶部"), "bottom": ("下面", "下方", "底部")}
WHICH_EN = {"left": ("left", "leftmost"), "right": ("right", "rightmost")}
SIDES_EN = {
    "left": ("to the left", "on the left", "past the left edge", "on the left side"),
    "right": ("to the right", "on the right", "past the right edge", "on the right side"),
    "top": ("upwards", "at the top", "above", "to the top"),
    "bottom": ("downwards", "at the bottom", "below", "to the bottom"),
}  # fmt: skip
SIDES_ZH = {"left": ("左", "左边", "左侧"), "right": ("右", "右边", "右侧"), "top": ("上", "上面"),
            "bottom": ("下", "下面")}  # fmt: skip
PARTS_EN = {
    "left": ("the left half", "the left side", "the left"), "center": ("the center", "the middle"),
    "right": ("the right half", "the right side", "the right"), "top": ("the top half", "the top"),
    "bottom": ("the bottom half", "the bottom"),
}  # fmt: skip
PARTS_ZH = {"left": ("左半边", "左边"), "right": ("右半边", "右边"), "top": ("上半部分", "上面"),
            "bottom": ("下半部分", "下面"), "center": ("中间", "中央")}  # fmt: skip
WEATHER_NOUNS = {"rain": "rain", "snow": "snow", "fog": "fog", "cloudy": "clouds",
                 "clear": "sunshine", "storm": "thunder", "wind": "wind"}  # fmt: skip
AREAS = ("sky", "background", "ground", "grass", "water")
WORN = ("hat", "scarf", "crown", "glasses", "cape", "coat", "umbrella", "flower", "dress", "mask")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
ZH_DIGITS = "一二三四五六七八"


@dataclass
class Told:
    """A change, or several: the words, whether they are a command, what is done, and the thing that
    "it" would be afterwards. What is so once it is done follows, and is not said again."""

    text: str
    command: bool
    changes: list[Fields]
    it: str | None = None


@dataclass(frozen=True)
class Old:
    """A thing that is there, as a change names it."""

    text: str
    bare: str  # without an article
    plural: str
    fields: Fields

    @property
    def name(self) -> str:
        return str(self.fields["subject"])


@dataclass
class Scope:
    """Where changes are drawn: the things that are ``there``, and what "it" may stand for."""

    rng: Random
    chinese: bool
    there: tuple[Word, ...]
    handles: Sequence[str]  # the pictures of the session
    it: str | None = None  # the thing just spoken of
    again: float = 0.5  # how often it is spoken of again
    alone: bool = True  # nothing was changed before in this request

    def phrases(self, *path: str) -> Any:
        found: Any = phrases.table("edits")
        for key in path:
            found = found[key]
        return found

    @property
    def language(self) -> str:
        return "zh" if self.chinese else "en"

    def word(self) -> Word:
        """A thing that is there, or may be, with a word for it in the language of the request."""
        return words.there_or_not(self.rng, self.chinese, self.there, 0.8)

    def plain_old(self) -> Old:
        """A thing that is there, by its name alone."""
        while set((old := self.named_old(self.word())).fields) - {"subject"}:
            pass
        return old

    def old(self, *, it: float = 0.15) -> Old:
        """A thing that is there, told by color or place at times; or "it"."""
        rng = self.rng
        if (self.it and rng.random() < self.again) or (self.alone and rng.random() < it):
            text = rng.choice(IT_ZH if self.chinese else IT_EN)
            return Old(text, text, text, {"subject": self.it or "it"})
        return self.named_old(self.word())

    def named_old(self, word: Word) -> Old:
        rng = self.rng
        noun = words.surface(rng, word, self.chinese)
        fields: Fields = {"subject": word.name}
        color = place = ""
        roll = rng.random()
        if roll < 0.12:
            value, color = pair(rng, "color", self.chinese)
            fields["color"] = value
        elif roll < 0.26:
            place = rng.choice(("left", "right"))
            fields["place"] = place
        return (self._old_zh if self.chinese else self._old_en)(noun, fields, color, place)

    def _old_en(self, noun: str, fields: Fields, color: str, place: str) -> Old:
        rng = self.rng
        parts = [color] if color else []
        after = ""
        if place and rng.random() < 0.6:
            parts.append(rng.choice(WHICH_EN[place]))
        elif place:
            after = f" {rng.choice(('on', 'at'))} the {place}"
        one = " ".join([*parts, noun]) + after
        several = " ".join([*parts, words.many(noun)]) + after
        many = not place and rng.random() < 0.15
        the = (
            rng.choice(("the", "the", "the", "the", "that", "this"))
            if not many
            else rng.choice(("the", "all the", "the", "both", "those"))
        )
        return Old(f"{the} {several if many else one}", one, several, fields)

    def _old_zh(self, noun: str, fields: Fields, color: str, place: str) -> Old:
        rng = self.rng
        text = noun
        if color:
            text = f"{color}{'的' if len(color) > 1 else ''}{noun}"
        if place:
            side = "左" if place == "left" else "右"
            of = rng.choice(("的", "的", "那个", ""))
            text = f"{side}{rng.choice('边边侧面')}{of}{noun}"
        elif rng.random() < 0.12:
            word = Word(fields["subject"], (), (noun,))
            text = f"{rng.choice('那这')}{words.measure(rng, word, noun)}{text}"
        elif rng.random() < 0.06:
            text = f"所有的{text}"
        return Old(text, text, text, fields)

    def new(self, *, one: bool = False) -> Group:
        g = group(self.rng, self.chinese, rich=0.7, one=one or self.rng.random() < 0.5)
        if g.count in ("several", None):
            g = replace(g, count=1)
        return replace(g, exact=False, action=None)

    def value(self, kind: str) -> tuple[str, str]:
        """A value of the scene and a word for it."""
        own = list(getattr(world(), f"{kind}s"))
        table = words.values(kind, self.chinese)
        rng = self.rng
        value = rng.choice(own) if rng.random() < 0.75 else rng.choice(list(table))
        options = table.get(value) or [value]
        return value, options[0] if rng.random() < 0.4 else rng.choice(options)

    def tell(self, path: str, fill: Callable[[str], str], *, say: float = 0.3) -> tuple[str, bool]:
        """Words for a change, and whether they are a command."""
        forms = self.phrases(path, self.language)
        command = "say" not in forms or self.rng.random() > say
        drawn: Phrases = forms["do" if command else "say"]
        return drawn.draw(self.rng, fill), command


# -- the changes, each from a scope


def _recolor(s: Scope) -> Told:
    old = s.old()
    (value, word), (_, other) = (pair(s.rng, "color", s.chinese) for _ in range(2))
    parts = {"the": old.text, "bare": old.bare, "color": word, "color2": other}
    text, command = s.tell("recolor", parts.__getitem__)
    change = _ordered({"op": "recolor", **old.fields, "value": value})
    return Told(text, command, [change], it=old.name)


def _resize(s: Scope) -> Told:
    old = s.old()
    value = s.rng.choice(("bigger", "smaller"))
    parts = {"the": old.text, "bare": old.bare}
    text, command = s.tell(value, parts.__getitem__)
    return Told(text, command, [_ordered({"op": "resize", **old.fields, "value": value})],
                it=old.name)  # fmt: skip


def _move(s: Scope) -> Told:
    old, rng = s.old(), s.rng
    fields: Fields = {"op": "move", **old.fields}
    if rng.random() < 0.2:
        value = rng.choice(("left of", "right of", "above", "below"))
        other = s.plain_old()
        if other.name == old.name:
            return _move(s)
        fields |= {"value": value, "object": other.name}
        link = rng.choice((LINKS_ZH if s.chinese else LINKS_EN)[value])
        where = f"{other.text}{link}" if s.chinese else f"{link} {other.text}"
        forms: Phrases = s.phrases("move", s.language, "do")
        text = forms.draw(rng, {"the": old.text, "where": where}.__getitem__)
        return Told(text, True, [_ordered(fields)], it=old.name)
    value = rng.choices(list(PLACES_EN), (30, 30, 14, 5, 5, 5, 5, 4, 4, 4, 4))[0]
    if fields.get("place") == value:
        return _move(s)
    fields["value"] = value
    where = rng.choice((TO_ZH if s.chinese else TO_EN)[value])
    parts = {"the": old.text, "where": where, "at": rng.choice(PLACES_EN[value])}
    parts["away"] = _AWAY.get(value, ("here", "边上"))[s.chinese]
    if s.chinese and value in ("left", "right") and rng.random() < 0.3:
        parts["side"] = rng.choice({"left": ("左", "左边"), "right": ("右", "右边")}[value])
        text, command = s.tell("shift", parts.__getitem__)
    else:
        text, command = s.tell("move", parts.__getitem__)
    return Told(text, command, [_ordered(fields)], it=old.name)


_AWAY = {"left": ("right", "右"), "right": ("left", "左"), "top": ("down", "下"),
         "bottom": ("up", "上")}  # fmt: skip


def _added(g: Group, *, place: str | None = None) -> Fields:
    """The change that adds a group."""
    fields: Fields = {"op": "add", "subject": g.name}
    if isinstance(g.count, int) and g.count > 1:
        fields["count"] = g.count
    if place:
        fields["value"] = place
    if g.color:
        fields["new_color"] = g.color[0]
    return _ordered(fields)


def _add(s: Scope) -> Told:
    rng, roll = s.rng, s.rng.random()
    if roll < 0.12:
        return _add_more(s)
    if roll < 0.2:
        return _add_by(s)
    if roll < 0.26:
        return _wear(s)
    if roll < 0.36:
        return _add_list(s)
    g = s.new()
    text = named(rng, g, s.chinese, bare=s.chinese and rng.random() < 0.3)
    if roll < 0.62:
        place = rng.choices(list(PLACES_EN), (30, 30, 12, 3, 3, 8, 8, 6, 6, 4, 6))[0]
        at = rng.choice((PLACES_ZH if s.chinese else PLACES_EN)[place])
        parts = {"new": text, "at": at, "where": at}
        told, command = s.tell("add_at", parts.__getitem__)
        return Told(told, command, [_added(g, place=place)], it=g.name)
    told, command = s.tell("add", {"new": text}.__getitem__)
    return Told(told, command, [_added(g)], it=g.name)


def _add_list(s: Scope) -> Told:
    """ "add a cat, a dog and two birds"."""
    groups = [s.new() for _ in range(s.rng.choice((2, 2, 3)))]
    if len({g.name for g in groups}) < len(groups):
        return _add_list(s)
    texts = [named(s.rng, g, s.chinese) for g in groups]
    told, command = s.tell("add", {"new": _listed(s, texts)}.__getitem__, say=0.2)
    return Told(told, command, [_added(g) for g in groups])


def _listed(s: Scope, texts: list[str]) -> str:
    last = s.rng.choice(("和", "还有", "、")) if s.chinese else s.rng.choice((" and ", ", and "))
    if len(texts) == 2 and not s.chinese:
        last = " and "
    return ("、" if s.chinese else ", ").join(texts[:-1]) + last + texts[-1]


def _add_more(s: Scope) -> Told:
    """ "add another tree", "more trees": one, and three where no number is said."""
    word = s.word()
    noun = words.surface(s.rng, word, s.chinese)
    parts = {"bare": noun, "many": words.many(noun), "noun": noun,
             "m": words.measure(s.rng, word, noun)}  # fmt: skip
    one = not s.chinese and s.rng.random() < 0.5
    text, command = s.tell("another" if one else "more", parts.__getitem__)
    fields = {"op": "add", "subject": word.name, "count": 1 if one else 3}
    return Told(text, command, [fields], it=word.name)


def _add_by(s: Scope) -> Told:
    """Something new that stands somewhere of what is there; a change cannot say where."""
    g, other = s.new(), s.plain_old()
    if other.name == g.name:
        return _add_by(s)
    link = s.rng.choice(s.rng.choice(list((LINKS_ZH if s.chinese else LINKS_EN).values())))
    parts = {"new": named(s.rng, g, s.chinese), "link": link, "the2": other.text}
    text, command = s.tell("add_by", parts.__getitem__)
    return Told(text, command, [_added(g)], it=g.name)


def _wear(s: Scope) -> Told:
    word = words.one_of(s.rng, WORN, s.chinese)
    g = replace(group(s.rng, s.chinese, word=word, rich=0.8, one=True), exact=False, action=None)
    parts = {"hat": named(s.rng, g, s.chinese), "the2": s.named_old(s.word()).text}
    text, command = s.tell("worn", parts.__getitem__)
    return Told(text, command, [_added(g)], it=g.name)


def _remove(s: Scope) -> Told:
    roll = s.rng.random()
    if roll < 0.1:
        return _remove_some(s)
    if roll < 0.22:
        return _remove_list(s)
    return _remove_one(s)


def _remove_one(s: Scope) -> Told:
    old = s.old(it=0.1)
    parts = {"the": old.text, "bares": old.plural}
    text, command = s.tell("remove", parts.__getitem__)
    return Told(text, command, [_ordered({"op": "remove", **old.fields})])


def _remove_some(s: Scope) -> Told:
    word = s.word()
    noun, n = words.surface(s.rng, word, s.chinese), s.rng.choice((1, 1, 2, 2, 3))
    parts = {"n": words.number(s.rng, n, s.chinese, digits=0.1), "many": words.many(noun),
             "m": words.measure(s.rng, word, noun), "noun": noun}  # fmt: skip
    text, command = s.tell("remove_some", parts.__getitem__)
    return Told(text, command, [{"op": "remove", "subject": word.name, "count": n}])


def _remove_list(s: Scope) -> Told:
    """ "remove the cat and the dog"."""
    old = [s.old(it=0.0) for _ in range(s.rng.choice((2, 2, 3)))]
    if len({one.name for one in old}) < len(old):
        return _remove(s)
    parts = {
        "the": _listed(s, [one.text for one in old]),
        "bares": _listed(s, [o.plural for o in old]),
    }
    forms: Phrases = s.phrases("remove", s.language, "do")
    text = forms.draw(s.rng, parts.__getitem__)
    return Told(text, True, [_ordered({"op": "remove", **one.fields}) for one in old])


def _replace(s: Scope) -> Told:
    old, new = s.old(), s.new()
    if old.name == new.name:
        return _replace(s)
    fields = _ordered({"op": "replace", **old.fields, "value": new.name})
    if new.color:
        fields = _ordered({**fields, "new_color": new.color[0]})
    parts = {"the": old.text, "new": named(s.rng, new, s.chinese,
             bare=s.chinese and s.rng.random() < 0.5)}  # fmt: skip
    text, command = s.tell("replace", parts.__getitem__)
    return Told(text, command, [fields], it=new.name)


def _scene(kind: str) -> Callable[[Scope], Told]:
    def told(s: Scope) -> Told:
        value, word = s.value(kind)
        forms = s.phrases(kind, s.language)
        own = [name for name in forms if name not in ("do", "say")]
        if own and s.rng.random() < 0.35:
            value = s.rng.choice(own)
            return Told(forms[value].draw(s.rng), True, [{"op": kind, "value": value}])

        def fill(name: str) -> str:
            if name == "noun":
                return WEATHER_NOUNS.get(value, word)
            return words.a(word) if name[0] == "a" else word

        text, command = s.tell(kind, fill, say=0.4)
        return Told(text, command, [{"op": kind, "value": value}])

    return told


def _style(s: Scope) -> Told:
    if s.rng.random() < 0.2:
        words_, ref = reference(s.rng, s.chinese, s.there, s.handles)
        text, command = s.tell("style_of", {"ref": words_}.__getitem__)
        return Told(text, command, [{"op": "style", "reference": ref}])
    return _scene("style")(s)


def _extend(s: Scope) -> Told:
    forms, roll = s.phrases("extend", s.language), s.rng.random()
    if roll < 0.25:
        value = "all" if roll < 0.14 else "sides"
        return Told(forms[value].draw(s.rng), True, [{"op": "extend", "value": value}])
    value = s.rng.choice(("left", "right", "left", "right", "top", "bottom"))
    side = s.rng.choice((SIDES_ZH if s.chinese else SIDES_EN)[value])
    text, command = s.tell("extend", {"side": side}.__getitem__)
    return Told(text, command, [{"op": "extend", "value": value}])


def _crop(s: Scope) -> Told:
    forms, roll = s.phrases("crop", s.language), s.rng.random()
    if roll < 0.6:
        value = "square" if roll < 0.45 else "center"
        return Told(forms[value].draw(s.rng), True, [{"op": "crop", "value": value}])
    value = s.rng.choice(list(PARTS_EN))
    part = s.rng.choice((PARTS_ZH if s.chinese else PARTS_EN)[value])
    text, command = s.tell("crop", {"part": part}.__getitem__)
    return Told(text, command, [{"op": "crop", "value": value}])


def _scale(s: Scope) -> Told:
    count = 4 if s.rng.random() < 0.3 else 2
    forms: Phrases = s.phrases("scale", s.language, "four" if count == 4 else "two")
    return Told(forms.draw(s.rng), False, [{"op": "scale", "count": count}])


def _flip(s: Scope) -> Told:
    value = s.rng.choice(("horizontal", "horizontal", "vertical"))
    text = s.phrases("flip", s.language, value).draw(s.rng)
    return Told(text, True, [{"op": "flip", "value": value}])


def _rotate(s: Scope) -> Told:
    how = s.rng.choice(("do", "do", "back", "quarter", "quarter_back", "half"))
    degrees = s.rng.choice((90, 90, 45, 30, 180, 15, 60, 270, 10, 20))
    turned = {"do": degrees, "back": 360 - degrees, "quarter": 90, "quarter_back": 270, "half": 180}
    drawn: Phrases = s.phrases("rotate", s.language, how)
    text = drawn.draw(s.rng, {"degrees": str(degrees)}.__getitem__)
    return Told(text, True, [{"op": "rotate", "count": turned[how]}])


def _cut_out(s: Scope) -> Told:
    if s.rng.random() < 0.35:
        forms: Phrases = s.phrases("cut out", s.language, "all")
        return Told(forms.draw(s.rng), True, [{"op": "cut out"}])
    old = s.old(it=0.0)
    text, command = s.tell("cut out", {"the": old.text}.__getitem__)
    return Told(text, command, [_ordered({"op": "cut out", **old.fields})])


def _tune(s: Scope) -> Told:
    value = s.rng.choices(TUNES, (9, 9, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3))[0]
    fields: Fields = {"op": "tune", "value": value}
    whole = s.rng.choice(("", "画面", "整体", "图片") if s.chinese else
                         ("it", "it", "it", "the picture", "the image", "everything"))  # fmt: skip
    area = ""
    if s.rng.random() < 0.3:
        word = _area(s)
        area = words.surface(s.rng, word, s.chinese)
        whole = area if s.chinese else f"the {area}"

    def fill(name: str) -> str:
        if area:
            fields["subject"] = word.name
        return whole

    drawn: Phrases = s.phrases("tune", s.language, value)
    text = drawn.draw(s.rng, fill)
    return Told(text, s.chinese or text.split()[0] in _COMMANDS, [_ordered(fields)])


_COMMANDS = (
    "make", "brighten", "lighten", "increase", "raise", "turn", "darken", "dim", "decrease",
    "lower", "reduce", "boost", "give", "add", "sharpen", "remove", "blur", "soften", "use",
    "desaturate",
)  # fmt: skip


def _area(s: Scope) -> Word:
    if s.rng.random() < 0.6:
        name = s.rng.choice(AREAS)
        return Word(name, (name,), (_AREAS_ZH[name],))
    return s.word()


_AREAS_ZH = {"sky": "天空", "background": "背景", "ground": "地面", "grass": "草", "water": "水面",
             "roof": "屋顶", "wall": "墙", "door": "门", "window": "窗户"}  # fmt: skip


def _recolor_area(s: Scope) -> Told:
    """The sky, the background, the roof: what no thing of the picture is."""
    name = s.rng.choice(("sky", "sky", "background", "roof", "wall", "door", "water", "window"))
    noun = _AREAS_ZH[name] if s.chinese else name
    (value, color), (_, other) = (pair(s.rng, "color", s.chinese) for _ in range(2))
    parts = {"the": noun if s.chinese else f"the {noun}", "bare": noun, "color": color,
             "color2": other}  # fmt: skip
    text, command = s.tell("recolor", parts.__getitem__, say=0.2)
    change = {"op": "recolor", "subject": name, "value": value}
    return Told(text, command, [change], it=name)


def _several(s: Scope) -> Told:
    """Two changes of one kind, told together."""
    return s.rng.choice((_both, _both, _sides, _swapped, _scenes, _scenes, _two_places))(s)


def _colors(s: Scope) -> dict[str, tuple[str, str]]:
    colors = dict(
        zip(("color", "color2"), (pair(s.rng, "color", s.chinese) for _ in "ab"), strict=True)
    )
    return colors if colors["color"][0] != colors["color2"][0] else _colors(s)


def _both(s: Scope) -> Told:
    olds = {"the": s.plain_old(), "the2": s.plain_old()}
    if olds["the"].name == olds["the2"].name:
        return _both(s)
    colors, used = _colors(s), ["color"]

    def fill(name: str) -> str:
        if name == "color2":
            used.append(name)
        return olds[name].text if name in olds else colors[name][1]

    forms: Phrases = s.phrases("both", s.language, "do")
    text = forms.draw(s.rng, fill)
    changes = [
        {"op": "recolor", "subject": old.name, "value": colors[used[min(i, len(used) - 1)]][0]}
        for i, old in enumerate(olds.values())
    ]
    return Told(text, True, changes)


def _sides(s: Scope) -> Told:
    word, colors = s.word(), _colors(s)
    sides = ("left", "right") if s.rng.random() < 0.7 else ("right", "left")
    zh = {"left": "左", "right": "右"}
    parts = {name: word_ for name, (_, word_) in colors.items()}
    parts |= {"left": sides[0], "right": sides[1], "noun": words.surface(s.rng, word, s.chinese)}
    if s.chinese:
        parts |= {"left": zh[sides[0]], "right": zh[sides[1]]}
    forms: Phrases = s.phrases("sides", s.language, "do")
    text = forms.draw(s.rng, parts.__getitem__)
    changes = [
        {"op": "recolor", "subject": word.name, "place": side, "value": value}
        for side, (value, _) in zip(sides, colors.values(), strict=True)
    ]
    return Told(text, True, changes)


def _swapped(s: Scope) -> Told:
    word, colors = s.word(), _colors(s)
    parts = {name: word_ for name, (_, word_) in colors.items()}
    forms: Phrases = s.phrases("swapped", s.language, "do")
    parts["noun"] = words.surface(s.rng, word, s.chinese)
    text = forms.draw(s.rng, parts.__getitem__)
    one, two = (value for value, _ in colors.values())
    changes = [
        {"op": "recolor", "subject": word.name, "color": a, "value": b}
        for a, b in ((one, two), (two, one))
    ]
    return Told(text, True, changes)


def _scenes(s: Scope) -> Told:
    """ "make it winter, at night"."""
    kinds = s.rng.sample(("season", "time", "weather"), 2)
    values = [s.value(kind) for kind in kinds]
    parts = dict(zip(("one", "two"), (word for _, word in values), strict=True))
    text, command = s.tell("scenes", parts.__getitem__)
    changes = [{"op": kind, "value": value} for kind, (value, _) in zip(kinds, values, strict=True)]
    return Told(text, command, changes)


def _two_places(s: Scope) -> Told:
    """ "add a cat on the left and a dog on the right"."""
    groups, places = (s.new(), s.new()), s.rng.sample(list(PLACES_EN), 2)
    if groups[0].name == groups[1].name:
        return _two_places(s)
    parts: dict[str, str] = {}
    for end, g, place in zip(("", "2"), groups, places, strict=True):
        at = s.rng.choice((PLACES_ZH if s.chinese else PLACES_EN)[place])
        parts |= {f"new{end}": named(s.rng, g, s.chinese), f"at{end}": at, f"where{end}": at}
    forms: Phrases = s.phrases("placed", s.language, "do")
    text = forms.draw(s.rng, parts.__getitem__)
    return Told(text, True, [_added(g, place=p) for g, p in zip(groups, places, strict=True)])


def _about(s: Scope) -> Told:
    """A thing is named first: "that cat? please take it out"."""
    word = s.word()
    scope = Scope(s.rng, s.chinese, s.there, s.handles, it=word.name, again=1.0, alone=False)
    told = s.rng.choice((_recolor, _remove_one, _move, _replace, _resize))(scope)
    parts = {"noun": words.surface(s.rng, word, s.chinese), "do": told.text}
    forms: Phrases = s.phrases("about", s.language, "do")
    return replace(told, text=forms.draw(s.rng, parts.__getitem__), command=False)


OPS: tuple[tuple[int, Callable[[Scope], Told]], ...] = (
    (16, _recolor), (3, _recolor_area), (16, _add), (13, _remove), (9, _move), (10, _replace),
    (9, _resize), (4, _scene("season")), (5, _scene("time")), (5, _scene("weather")),
    (4, _scene("setting")), (6, _style), (4, _extend), (2, _crop), (3, _scale), (7, _tune),
    (2, _flip), (2, _rotate), (3, _cut_out), (6, _several), (4, _about),
)  # fmt: skip
_ORDER = ("op", "subject", "color", "place", "count", "value", "new_color", "object", "reference")


def _ordered(fields: Fields) -> Fields:
    return {key: fields[key] for key in _ORDER if key in fields}


def _one(s: Scope) -> Told:
    weights = [weight for weight, _ in OPS]
    return s.rng.choices([op for _, op in OPS], weights)[0](s)


# -- a whole request


def draw(
    rng: Random, chinese: bool, there: tuple[Word, ...], handles: Sequence[str]
) -> tuple[str, Understanding]:
    """A request to change one of the pictures ``handles``, on which ``there`` are."""
    scope = Scope(rng, chinese, there, handles)
    n = rng.choices((1, 2, 3), (76, 19, 5))[0]
    told = [_one(scope)]
    while len(told) < n:
        more = Scope(rng, chinese, there, handles, it=told[-1].it, alone=False)
        told.append(_one(more))
    target = "last"
    text = _put(scope, told)
    if rng.random() < 0.07:
        text = _keeping(scope, text)
    elif rng.random() < 0.16:
        ref, target = reference(rng, chinese, there, handles)
        frame: Phrases = scope.phrases("target", scope.language, "do")
        text = frame.draw(rng, {"ref": ref, "do": text}.__getitem__)
    changes = [SaidChange(**change) for one in told for change in one.changes]
    return text, Understanding(intent="edit", target=target, changes=changes)


_THEN_EN = (" and ", " and ", ", ", ", then ", ", and ", "; ", ". ", " and then ", ", also ")
_THEN_ZH = ("，", "，", "，再", "，然后", "；", "，并且", "并", "。")


def _put(s: Scope, told: list[Told]) -> str:
    """The changes one after another, in a frame."""
    rng = s.rng
    if len(told) == 1:
        return _framed(s, told[0].text, told[0].command)
    text = told[0].text
    for one in told[1:]:
        link = rng.choice(_THEN_ZH if s.chinese else _THEN_EN)
        if not one.command:
            link = rng.choice(("，", "；", "。") if s.chinese else (", ", "; ", ". ", ", and "))
        text = text.rstrip("?？!.。") + link + one.text
    return _framed(s, text, told[0].command and rng.random() < 0.8)


def _framed(s: Scope, text: str, command: bool) -> str:
    forms = s.phrases("frame", s.language)
    frame: Phrases = forms["do" if command else "say"]
    return frame.draw(s.rng, lambda name: text)


def _keeping(s: Scope, text: str) -> str:
    """The request with what is to stay as it is: of an edit, all does that is not changed."""
    forms, text = s.phrases("kept", s.language), text.rstrip("?？!.。")
    if s.rng.random() < 0.7:
        return text + str(forms["rest"].draw(s.rng))
    noun = words.surface(s.rng, s.word(), s.chinese)
    the = noun if s.chinese else f"the {noun}"
    return text + str(forms["thing"].draw(s.rng, lambda name: the))


def too(
    rng: Random, chinese: bool, there: tuple[Word, ...], handles: Sequence[str]
) -> tuple[str, str, Understanding]:
    """A request before, one that goes on from it ("the roof, too"), and what that asks for."""
    before = Scope(rng, chinese, there, handles)
    while True:
        told = rng.choice((_recolor, _remove, _resize, _recolor_area))(before)
        if len(told.changes) == 1 and "count" not in told.changes[0]:
            break
    scope = Scope(rng, chinese, there, handles, alone=False)
    old = scope.old(it=0.0)
    while old.name == told.changes[0]["subject"]:
        old = scope.old(it=0.0)
    text = scope.phrases("too", scope.language).draw(rng, lambda name: old.text)
    same = {key: value for key, value in told.changes[0].items() if key in ("op", "value")}
    change = _ordered({**same, **old.fields})
    return (
        _put(before, [told]),
        text,
        Understanding(intent="edit", target="last", changes=[SaidChange(**change)]),
    )


# -- which picture


def reference(
    rng: Random, chinese: bool, there: tuple[Word, ...], handles: Sequence[str]
) -> tuple[str, str]:
    """Words for a picture of the conversation, and how a Brief names it."""
    kind = rng.choices(("img", "#", "previous", "original", "last", "thing"), (5, 6, 4, 4, 2, 3))[0]
    if kind == "img":
        handle = rng.choice(handles)
        return handle, handle
    if kind == "#":
        n = rng.choices(range(1, 9), range(8, 0, -1))[0]
        zh = (f"第{ZH_DIGITS[n - 1]}张", f"第{n}张", f"第{ZH_DIGITS[n - 1]}张图", f"图{n}",
              f"第{ZH_DIGITS[n - 1]}幅", f"{n}号图")  # fmt: skip
        ends = {1: "st", 2: "nd", 3: "rd"}
        en = (f"the {ORDINALS[n - 1]} one", f"the {ORDINALS[n - 1]} picture", f"picture {n}",
              f"#{n}", f"the {n}{ends.get(n, 'th')} one", f"image {n}", f"number {n}",
              f"the {ORDINALS[n - 1]} image", f"the {ORDINALS[n - 1]} version")  # fmt: skip
        return rng.choice(zh if chinese else en), f"#{n}"
    if kind == "thing":
        return _by_thing(rng, chinese, there)
    return rng.choice((_PICTURES_ZH if chinese else _PICTURES_EN)[kind]), kind


_PICTURES_EN = {
    "previous": ("the previous one", "the previous picture", "the one before",
                 "the picture before"),
    "original": ("the original", "the original picture", "the one we started with",
                 "the original image"),
    "last": ("the last one", "the last picture", "this picture", "the latest one", "this image"),
}  # fmt: skip
_PICTURES_ZH = {
    "previous": ("上一张", "前一张", "上一张图", "上一幅"),
    "original": ("原图", "最初那张", "最开始的那张图", "原来的图", "最早的版本"),
    "last": ("最后一张", "这张图", "刚才那张", "最新的那张"),
}  # fmt: skip


def _by_thing(rng: Random, chinese: bool, there: tuple[Word, ...]) -> tuple[str, str]:
    word = words.there_or_not(rng, chinese, there, 0.6)
    noun = words.surface(rng, word, chinese)
    if rng.random() < 0.5:
        zh = (f"有{noun}的那张", f"带{noun}的那张", f"有{noun}的那张图")
        en = (f"the one with the {noun}", f"the picture with the {noun}",
              f"the version with {words.many(noun)}")  # fmt: skip
        return rng.choice(zh if chinese else en), f"with {word.name}"
    zh = (f"没有{noun}的那张", f"加{noun}之前的那张", f"没加{noun}之前的图")
    en = (f"the one before the {noun}", f"the one without the {noun}",
          f"the picture before you added the {noun}")  # fmt: skip
    return rng.choice(zh if chinese else en), f"before {word.name}"
