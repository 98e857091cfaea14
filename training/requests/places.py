"""Things and where they are: in a part of the picture, of one another, between others."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from . import words
from .said import Fields, Group, Said, english, group, named

PLACES_EN = {
    "left": ("on the left", "at the left", "on the left side", "to the left", "on the far left",
             "on the left-hand side", "in the left half", "at the left edge"),
    "right": ("on the right", "at the right", "on the right side", "to the right",
              "on the right-hand side", "in the right half", "at the right edge"),
    "center": ("in the middle", "in the center", "at the center", "in the centre",
               "right in the middle", "in the middle of the picture", "at center"),
    "top": ("at the top", "in the upper part", "at the top of the picture", "in the upper half"),
    "bottom": ("at the bottom", "in the lower part", "at the bottom of the picture"),
    "top left": ("in the top left corner", "in the top left", "in the upper left corner"),
    "top right": ("in the top right corner", "in the top right", "in the upper right corner"),
    "bottom left": ("in the bottom left corner", "in the lower left corner"),
    "bottom right": ("in the bottom right corner", "in the lower right corner"),
    "foreground": ("in the foreground", "in front", "in the front", "up front"),
    "background": ("in the background", "in the distance", "far away",
                   "far off", "in the back", "on the horizon"),
}  # fmt: skip
PLACES_ZH = {
    "left": ("左边", "左侧", "画面左边", "最左边", "左面", "画面的左侧"),
    "right": ("右边", "右侧", "画面右边", "最右边", "右面", "画面的右侧"),
    "center": ("中间", "中央", "画面中央", "正中间"),
    "top": ("顶部", "画面上方", "最上面", "画面顶部"),
    "bottom": ("底部", "画面下方", "最下面", "画面底部"), "top left": ("左上角", "左上方"),
    "top right": ("右上角", "右上方"), "bottom left": ("左下角", "左下方"),
    "bottom right": ("右下角", "右下方"),
    "foreground": ("前景", "近处", "前景里", "画面前方"),
    "background": ("背景里", "远处", "远方", "背景中"),
}  # fmt: skip
PLACE_WEIGHTS = (26, 26, 12, 6, 6, 5, 5, 4, 4, 7, 9)
LINKS_EN = {
    "left of": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right of": ("to the right of", "right of", "on the right of", "on the right side of"),
    "above": ("above", "over", "on", "on top of", "upon"),
    "below": ("below", "under", "beneath", "underneath"), "inside": ("in", "inside"),
    "near": ("next to", "beside", "near", "by", "in front of", "behind", "with", "close to"),
}  # fmt: skip
LINKS_ZH = {
    "left of": ("左边", "左侧", "左面"), "right of": ("右边", "右侧", "右面"),
    "above": ("上", "上面", "上方"), "below": ("下", "下面", "下方", "底下"),
    "inside": ("里", "里面"), "near": ("旁边", "前面", "后面", "身边", "边上", "附近"),
}  # fmt: skip


def is_at(g: Group, place: str) -> Fields:
    return {"kind": "place", "subject": g.name, "value": place, **g.tag}


def at(rng: Random, text: str, place: str, chinese: bool) -> str:
    if chinese:
        where = rng.choice(PLACES_ZH[place])
        return rng.choice((f"{where}有{text}", f"{text}在{where}", f"{where}是{text}",
                           f"{where}{text}", f"{where}的{text}"))  # fmt: skip
    where = rng.choice(PLACES_EN[place])
    be = rng.choice(("there is ", "is ", "", ""))
    return rng.choice((f"{text} {where}", f"{text} {where}", f"{where} {be}{text}",
                       f"{where}, {text}"))  # fmt: skip


def placed(rng: Random, g: Group, chinese: bool, bare: bool) -> Said:
    place = rng.choices(list(PLACES_EN), PLACE_WEIGHTS)[0]
    text = at(rng, named(rng, g, chinese, bare=bare), place, chinese)
    return Said(text, [*g.claims(), is_at(g, place)])


def related(rng: Random, chinese: bool, bare: bool, rich: float) -> Said:
    """Two groups, one of which stands somewhere of the other."""
    a, b = group(rng, chinese, rich=rich), group(rng, chinese, rich=0.6 * rich)
    if a.name == b.name:
        return Said(named(rng, a, chinese, bare=bare), a.claims())
    value = rng.choices(list(LINKS_EN), (20, 20, 20, 16, 10, 14))[0]
    link = rng.choice((LINKS_ZH if chinese else LINKS_EN)[value])
    relation: list[Fields] = []
    if value != "near":
        relation.append({"kind": "relation", "subject": a.name, "value": value, "object": b.name})
    if chinese:
        return _related_zh(rng, a, b, link, relation)
    return _related_en(rng, a, b, link, relation, bare)


def _related_en(
    rng: Random, a: Group, b: Group, link: str, relation: list[Fields], bare: bool
) -> Said:
    first, second = english(rng, a, bare=bare), english(rng, b, bare=bare)
    be = "is" if a.count == 1 else "are"
    forward, back = [*a.claims(), *b.claims(), *relation], [*b.claims(), *a.claims(), *relation]
    if a.action and rng.random() < 0.7:
        text = f"{first} {rng.choice(('', be + ' '))}{a.action[1]} {link} {second}"
        return Said(text, [*a.claims(), *a.acts(), *b.claims(), *relation])
    it = "it" if b.count == 1 else "them"
    options = [
        (f"{first} {link} {second}", forward), (f"{first} {link} {second}", forward),
        (f"{first} {be} {link} {second}", forward),
        (f"{link} {second} {be} {first}", back), (f"{link} {second} there {be} {first}", back),
        (f"{link} {second}, {first}", back),
    ]  # fmt: skip
    if relation:
        options += [
            (f"{second} with {first} {link} {it}", back),
            (f"{second}, and {link} {it} {first}", back),
            (f"{second}. {link.capitalize()} {it} {be} {first}", back),
            (f"{second}; {first} {link} {it}", back),
        ]
    return Said(*rng.choice(options))


def _related_zh(rng: Random, a: Group, b: Group, link: str, relation: list[Fields]) -> Said:
    first, second = named(rng, a, True), named(rng, b, True, bare=rng.random() < 0.7)
    of = "的" if len(link) > 1 and rng.random() < 0.4 else ""
    forward, back = [*a.claims(), *b.claims(), *relation], [*b.claims(), *a.claims(), *relation]
    if a.action and rng.random() < 0.6:
        text = f"{first}在{second}{of}{link}{a.action[1]}"
        return Said(text, [*a.claims(), *b.claims(), *relation, *a.acts()])
    it = "它" if b.count == 1 else "它们"
    options = [
        (f"{second}{of}{link}有{first}", back), (f"{second}{of}{link}是{first}", back),
        (f"{first}在{second}{of}{link}", forward), (f"{second}{of}{link}的{first}", back),
        (f"{first}{rng.choice(('放在', '位于', '就在'))}{second}{of}{link}", forward),
    ]  # fmt: skip
    if relation and len(link) > 1:
        options += [
            (f"{second}，{it}的{link}有{first}", back), (f"{second}和{it}{link}的{first}", back),
            (f"{second}，{first}在{it}{link}", back),
        ]  # fmt: skip
    return Said(*rng.choice(options))


def between(rng: Random, chinese: bool) -> Said:
    a, b = group(rng, chinese, rich=0.6), group(rng, chinese, rich=0.5)
    c = group(rng, chinese, rich=0.5)
    if len({a.name, b.name, c.name}) < 3:
        return Said(named(rng, a, chinese), a.claims())
    if rng.random() < 0.3:  # of a kind: between two trees
        b = replace(b, count=2, exact=False)
        second, c, more = named(rng, b, chinese), b, b.claims()
    else:
        b, c = replace(b, count=1, exact=False), replace(c, count=1, exact=False)
        both = [named(rng, g, chinese, bare=chinese) for g in (b, c)]
        second = ("和" if chinese else " and ").join(both)
        more = [*b.claims(), *c.claims()]
    relation = {"kind": "relation", "subject": a.name, "value": "between", "object": b.name,
                "object2": c.name}  # fmt: skip
    first = named(rng, a, chinese)
    forward, back = [*a.claims(), *more, relation], [*more, *a.claims(), relation]
    if chinese:
        options = [(f"{second}{rng.choice(('之间', '中间', '的中间'))}有{first}", back),
                   (f"{first}在{second}{rng.choice(('之间', '中间', '的中间'))}", forward),
                   (f"{second}，{rng.choice(('它们', '', '两者'))}"
                    f"{rng.choice(('之间', '中间'))}有{first}", back),
                   (f"{second}{rng.choice(('之间', '中间'))}的{first}", back)]  # fmt: skip
    else:
        be = "is" if a.count == 1 else "are"
        options = [(f"{first} between {second}", forward), (f"between {second} {be} {first}", back),
                   (f"{second} with {first} between them", back),
                   (f"{second}, {first} between them", back),
                   (f"{second} and between them {first}", back),
                   (f"{second}. Between them {be} {first}", back),
                   (f"{first} in between {second}", forward),
                   (f"{first}, between {second}", forward)]  # fmt: skip
    return Said(*rng.choice(options))


def definite(rng: Random, chinese: bool) -> Said:
    """ "the car must be to the left of the tree and the well to the right of it": nothing is said
    to be there but by where it is."""
    a, b, c = (Group(words.thing(rng, chinese), "") for _ in "abc")
    if len({a.name, b.name, c.name}) < 3:
        return definite(rng, chinese)
    a, b, c = (replace(g, noun=words.surface(rng, g.word, chinese)) for g in (a, b, c))
    values = [rng.choice(("left of", "right of", "above", "below", "inside")) for _ in "ab"]
    first, second = (rng.choice((LINKS_ZH if chinese else LINKS_EN)[value]) for value in values)
    claims = [*a.claims(), *b.claims(), _link(a, values[0], b)]
    be = rng.choice(("is", "should be", "must be"))
    if rng.random() < 0.6:
        zh = f"{a.noun}{rng.choice(('在', '要在', '应该在'))}{b.noun}{first}"
        return Said(zh if chinese else f"the {a.noun} {be} {first} the {b.noun}", claims)
    if chinese:
        claims += [*c.claims(), _link(c, values[1], a)]
        return Said(f"{b.noun}{first}有{a.noun}，{a.noun}{second}有{c.noun}", claims)
    if rng.random() < 0.5:
        claims += [*c.claims(), _link(c, values[1], b)]
        text = f"the {a.noun} {be} {first} the {b.noun} and the {c.noun} {second} the {b.noun}"
    else:
        claims += [*c.claims(), _link(c, values[1], a)]
        text = f"the {a.noun} {be} {first} the {b.noun}, the {c.noun} {be} {second} the {a.noun}"
    return Said(text, claims)


def _link(a: Group, value: str, b: Group) -> Fields:
    return {"kind": "relation", "subject": a.name, "value": value, "object": b.name}
