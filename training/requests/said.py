"""What is said and what it means, piece by piece, and the things that are spoken of."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from danqing.agent.language.lexicon import lexicon

from . import phrases, words
from .words import Word

Fields = dict[str, Any]
"""A claim or a change as the fields of `SaidClaim` or `SaidChange` that are set."""

REMARK = "remark"
"""The kind of what is said beside the claims, and goes to the remarks."""
SINGLE = {"exactly one": "只有一", "only one": "唯一的一", "a single": "单独一"}
SEVERAL_EN = ("some", "several", "many", "a few", "lots of", "a lot of", "a group of", "a bunch of",
              "a couple dozen", "plenty of", "numerous", "countless", "a handful of", "dozens of",
              "hundreds of", "quite a few", "a row of", "rows of", "a cluster of", "a line of",
              "various", "multiple", "a pile of", "a crowd of")  # fmt: skip
FLOCKS_EN = ("a flock of", "a herd of", "a pack of", "a swarm of", "a group of")
SEVERAL_ZH = ("几", "好几", "一些", "许多", "很多", "一群", "好多", "不少", "无数", "一排", "一堆",
              "成群的", "几", "好几", "十几", "几十", "各种")  # fmt: skip
ROUND_EN = {
    2: ("a couple of", "a pair of", "two", "both"),
    3: ("a trio of", "exactly three"),
    4: ("exactly four", "4"),
    6: ("half a dozen", "six"),
    12: ("a dozen", "twelve"),
}
ROUND_ZH = {2: ("一对", "一双", "俩"), 6: ("半打",), 12: ("一打",)}
LIVING = ("animal", "person", "creature")


@dataclass
class Said:
    """A piece of a request and the claims that it makes."""

    text: str
    claims: list[Fields] = field(default_factory=list)


Count = int | Literal["several"] | None


@dataclass(frozen=True)
class Group:
    """Like things: ``count`` of them (None: the plural alone; 1 is one, said with an article), and
    how they are. ``exact`` says that one is to be one and no more. Of several groups of one name
    each is told by its color, ``told``."""

    word: Word
    noun: str  # the word that is used for it
    count: Count = 1
    exact: bool = False
    color: tuple[str, str] | None = None  # the value and the word for it
    size: tuple[str, str] | None = None
    kinds: tuple[tuple[str, str], ...] = ()  # "wooden"
    mood: str | None = None  # "cozy": a remark
    action: tuple[str, str] | None = None  # "running"
    told: bool = False

    @property
    def name(self) -> str:
        return self.word.name

    @property
    def tag(self) -> Fields:
        return {"color": self.color[0]} if self.told and self.color else {}

    @property
    def plural(self) -> bool:
        return self.count != 1

    def claims(self) -> list[Fields]:
        """That it is there, how many, and how it is."""
        exact = self.exact or self.told or self.count not in (1, None)
        there: Fields = {"kind": "object", "subject": self.name}
        if exact:
            there = {"kind": "count", "subject": self.name, "value": self.count or 1, **self.tag}
        if self.told and self.count is None:
            there = {"kind": "object", "subject": self.name, **self.tag}
        found = [there]
        if self.size:
            found.append({"kind": "size", "subject": self.name, "value": self.size[0], **self.tag})
        if self.mood:
            found.append({"kind": REMARK, "value": self.mood})
        for value, _ in self.kinds:
            found.append({"kind": "object", "subject": self.name, "value": value})
        if self.color:
            found.append({"kind": "color", "subject": self.name, "value": self.color[0]})
        return found

    def acts(self) -> list[Fields]:
        if self.action is None:
            return []
        return [{"kind": "object", "subject": self.name, "value": self.action[0]}]


SHORT_ZH = {"木": "wooden", "石": "stone", "铁": "iron", "竹": "bamboo", "砖": "brick", "老": "old",
            "旧": "old", "古": "old", "圆": "round", "新": "new", "破": "broken",
            "方": "square"}  # fmt: skip
"""What is said of a Chinese noun in one character before it."""
MEASURED = {"food": "碗盘篮份", "plant.flower": "束篮盆"}
"""What Chinese counts in, which is no thing of its own."""


def is_living(word: Word) -> bool:
    return lexicon().path.get(word.name, "").startswith(LIVING)


def group(
    rng: Random, chinese: bool, *, word: Word | None = None, rich: float = 1.0, one: bool = False,
    remarked: bool = False,
) -> Group:  # fmt: skip
    """Things drawn at random; the larger ``rich`` (to 1), the more is said of them, praise, too,
    where they may be ``remarked`` on."""
    word = word or words.thing(rng, chinese)
    foreign = chinese and word.en and rng.random() < 0.025  # 一只cat
    noun = word.en[0] if foreign else words.surface(rng, word, chinese)
    count: Count = 1
    exact = False
    roll = 0.0 if one else rng.random()
    if roll > 0.55:
        count = "several" if roll > 0.93 else None if roll > 0.84 else _number(rng)
    elif roll > 0.52:
        exact = True
    color = pair(rng, "color", chinese) if rng.random() < 0.45 * rich else None
    size = pair(rng, "size", chinese) if rng.random() < 0.14 * rich else None
    kinds: tuple[tuple[str, str], ...] = ()
    if rng.random() < 0.22 * rich:
        kinds = (words.adjective(rng, chinese),)
        if rng.random() < 0.15:
            kinds = tuple(dict([*kinds, words.adjective(rng, chinese)]).items())
    mood = None
    if chinese and not kinds and not color and not is_living(word) and rng.random() < 0.05 * rich:
        short = rng.choice(list(SHORT_ZH))
        if len(noun) < 3 and short + noun not in lexicon().zh and not noun.isascii():
            kinds = ((SHORT_ZH[short], short),)
    if remarked and rng.random() < 0.08:
        mood = rng.choice(phrases.MOODS[chinese])
    action: tuple[str, str] | None = None
    if is_living(word) and rng.random() < 0.3 * rich:
        action = rng.choice(words.actions(chinese))
    return Group(word, noun, count, exact, color, size, kinds, mood, action)


def _number(rng: Random) -> int:
    return rng.choices(range(2, 13), (40, 30, 14, 9, 6, 3, 2, 1, 2, 1, 1))[0]


COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white",
          "gray")  # fmt: skip


def pair(rng: Random, tag: str, chinese: bool) -> tuple[str, str]:
    """A value of ``tag`` and a word for it: ("red", "crimson"). Mostly the plain ones."""
    table = words.values(tag, chinese)
    plain = tag == "color" and rng.random() < 0.9
    value = rng.choice(COLORS if plain else list(table))
    usual = table[value]
    if tag == "color" and rng.random() < 0.75:
        if not chinese:
            return value, value
        usual = [word for word in usual if len(word) <= 2]
    return value, rng.choice(usual or table[value])


# -- noun phrases


def english(rng: Random, g: Group, *, bare: bool = False, the: bool = False) -> str:
    """ "three small red houses"; ``bare`` leaves an article out, ``the`` sets it."""
    noun = words.many(g.noun) if g.plural else g.noun
    color, after = (g.color[1] if g.color else ""), ""
    worn = lexicon().path.get(g.name, "").startswith("person")
    if color and worn and rng.random() < 0.7:
        after, color = f" {rng.choice(('in', 'dressed in', 'wearing'))} {color}", ""
    kinds = [word for _, word in g.kinds]
    if rng.random() < 0.1 and (kinds or color):
        be = "is" if g.count == 1 else "are"
        last = [*kinds[1:], color] if color and rng.random() < 0.7 else kinds
        told = [word for word in last if word] or kinds[:1] or [color]
        kinds, color = [k for k in kinds if k not in told], "" if color in told else color
        after += f"{rng.choice((f' that {be} ', f' which {be} ', ', '))}{' and '.join(told)}"
    how = [g.mood or "", g.size[1] if g.size else "", *kinds, color]
    if rng.random() < 0.08:
        rng.shuffle(how)
    mark = ", " if rng.random() < 0.1 else " "
    named = f"{mark.join(part for part in how if part)} {noun}".strip() + after
    if the:
        return f"the {named}"
    if g.count == 1:
        if g.exact:
            return f"{rng.choice(list(SINGLE))} {named}"
        if bare and rng.random() < 0.7:
            return named
        if g.name in ("sun", "moon", "sky") and rng.random() < 0.6:
            return f"the {named}"
        return words.a(named) if rng.random() < 0.93 else f"one {named}"
    if g.count == "several":
        flock = lexicon().path.get(g.name, "").startswith("animal") and rng.random() < 0.3
        return f"{rng.choice(FLOCKS_EN if flock else SEVERAL_EN)} {named}"
    if g.count is None:
        return named
    if g.count in ROUND_EN and rng.random() < 0.3:
        return f"{rng.choice(ROUND_EN[g.count])} {named}"
    if bare and rng.random() < 0.1:
        return f"{named} x{g.count}"
    return f"{words.number(rng, g.count, False)} {named}"


def chinese(rng: Random, g: Group, *, bare: bool = False) -> str:
    """ "三座小小的红色房子"; ``bare`` leaves the number of one thing out."""
    return _counted(rng, g, bare=bare) + described(rng, g)


def described(rng: Random, g: Group) -> str:
    """A Chinese noun with all that is said of it, without its number."""
    parts = []
    if g.size:
        parts.append(_size(g, rng))
    if g.mood:
        parts.append(f"{g.mood}的")
    for value, word in g.kinds:
        bare = value in phrases.MATERIALS and len(word) < 3 and rng.random() < 0.4
        parts.append(word if bare or word in SHORT_ZH else f"{word}的")
    if g.color:
        parts.append(_color(rng, g))
    if (
        len(parts) > 1
        and rng.random() < 0.2
        and not {word for _, word in g.kinds} & SHORT_ZH.keys()
    ):
        rng.shuffle(parts)
    if (
        not parts
        and "小" + g.noun not in lexicon().zh
        and g.noun[0] not in "小大老"
        and rng.random() < 0.04
    ):
        return "小" + g.noun  # which is no size
    return "".join(parts) + g.noun


def _size(g: Group, rng: Random) -> str:
    assert g.size
    plain = {"big": ("大", "巨大的", "很大的", "超大的"), "small": ("小小的", "很小的", "迷你的")}
    if g.size[0] == "big" and not g.kinds and not g.color and "大" + g.noun not in lexicon().zh:
        return rng.choice(plain["big"])
    return rng.choice(plain[g.size[0]][1 if g.size[0] == "big" else 0 :])


def _color(rng: Random, g: Group) -> str:
    """红色的, 红, 红色; of clothed people 穿红衣服的."""
    assert g.color
    word = g.color[1]
    if lexicon().path.get(g.name, "").startswith("person"):
        return f"{rng.choice(('穿', '穿着', '身穿'))}{word}衣服的"
    if word.endswith("色"):
        return word + ("的" if rng.random() < 0.8 else "")
    return word if len(word) == 1 and len(g.noun) < 3 and word != "金" else f"{word}的"


def _counted(rng: Random, g: Group, *, bare: bool) -> str:
    if g.count is None or (bare and g.count == 1 and not g.exact and rng.random() < 0.7):
        return ""
    measure = words.measure(rng, g.word, g.noun)
    for path, options in MEASURED.items():
        if rng.random() < 0.35 and lexicon().path.get(g.name, "").startswith(path):
            measure = rng.choice(options)
    if g.count == "several":
        several = rng.choice(SEVERAL_ZH)
        return several + measure if several[-1] in "几十" else several
    if g.exact:
        return rng.choice(list(SINGLE.values())) + measure
    if g.count == 1:
        if g.name in ("sun", "moon") and rng.random() < 0.5:
            return ""
        return f"{rng.choice('一一一一1')}{measure}"
    if g.count in ROUND_ZH and rng.random() < 0.15:
        return rng.choice(ROUND_ZH[g.count])
    return f"{words.number(rng, g.count, True)}{measure}"


def named(rng: Random, g: Group, zh: bool, *, bare: bool = False) -> str:
    return chinese(rng, g, bare=bare) if zh else english(rng, g, bare=bare)
