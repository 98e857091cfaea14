"""Requests in English and Chinese, written from what is wanted by templates.

Every language has one plain form, one canonical form that spells everything out, and paraphrases
that are held out. They are the second edition, written without knowledge of the reader once it
had been tuned on the first: whoever tunes the product does not look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

Language = Literal["en", "zh"]
Pick = Callable[[Sequence[str]], str]
"""Chooses one of several ways to say the same; the first is the plain one."""


@dataclass(frozen=True)
class Noun:
    """Some things of one kind: how many, in which color, in which part of the picture."""

    kind: str
    count: int = 1
    color: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What a request asks for. A ``relation`` stands between the first noun and the second."""

    nouns: tuple[Noun, ...]
    relation: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    absent: str | None = None


EN_NUMBERS = ("", "a", "two", "three", "four", "five", "six")
EN_PLURALS = {
    "person": "people", "horse": "horses", "cactus": "cacti", "castle": "castles",
}  # fmt: skip
ZH_NUMBERS = ("", "一", "两", "三", "四", "五", "六")
ZH_NOUNS: dict[str, tuple[str, str]] = {
    "person": ("个", "人"), "cat": ("只", "猫"), "dog": ("只", "狗"), "rabbit": ("只", "兔子"),
    "horse": ("匹", "马"), "bird": ("只", "鸟"), "house": ("座", "房子"), "tower": ("座", "塔"),
    "castle": ("座", "城堡"), "tent": ("顶", "帐篷"), "car": ("辆", "汽车"), "boat": ("艘", "小船"),
    "balloon": ("个", "热气球"), "tree": ("棵", "树"), "pine": ("棵", "松树"),
    "flower": ("朵", "花"), "cactus": ("棵", "仙人掌"), "mushroom": ("个", "蘑菇"),
    "sun": ("个", "太阳"), "moon": ("个", "月亮"), "star": ("颗", "星星"), "cloud": ("朵", "云"),
    "table": ("张", "桌子"), "chair": ("把", "椅子"), "lamp": ("盏", "台灯"), "cup": ("个", "杯子"),
    "ball": ("个", "球"), "umbrella": ("把", "雨伞"),
    "dragon": ("条", "龙"), "bicycle": ("辆", "自行车"), "robot": ("个", "机器人"),
    "piano": ("架", "钢琴"), "elephant": ("头", "大象"), "guitar": ("把", "吉他"),
    "penguin": ("只", "企鹅"), "airplane": ("架", "飞机"), "helicopter": ("架", "直升机"),
    "train": ("列", "火车"), "dolphin": ("只", "海豚"), "violin": ("把", "小提琴"),
}  # fmt: skip
"""Measure word and noun; the last twelve are outside the world."""
ZH_COLORS = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "blue": "蓝色",
    "purple": "紫色", "pink": "粉色", "brown": "棕色", "black": "黑色", "white": "白色",
    "gray": "灰色",
}  # fmt: skip
ZH_PLACES = {"left": "左边", "right": "右边", "center": "中间"}
ZH_RELATIONS = {"left of": "左边", "right of": "右边", "above": "上方", "below": "下方"}

EN_PLACED: dict[str, tuple[str, ...]] = {
    "left": (" on the left", " over on the left", " on the left-hand side"),
    "right": (" on the right", " over on the right", " on the right-hand side"),
    "center": (" in the middle", " right in the center", " dead center"),
}
ZH_PLACED: dict[str, tuple[str, ...]] = {
    "left": ("在画面左侧", "靠左边"), "right": ("在画面右侧", "靠右边"),
    "center": ("在正中央", "摆在正当中"),
}  # fmt: skip
"""Said of a thing after all are named; the plain form has the place before the thing."""
EN_RELATED: dict[str, tuple[str, ...]] = {
    "left of": ("{a} to the left of {b}", "{b} with {a} to its left",
                "{a} on the left-hand side of {b}", "{a} and {b}, the {first} on the left"),
    "right of": ("{a} to the right of {b}", "{b} with {a} to its right",
                 "{a} on the right-hand side of {b}", "{a} and {b}, the {first} on the right"),
    "above": ("{a} above {b}", "{b} with {a} overhead", "{a} somewhere over {b}",
              "{a} and {b}, the {first} higher up"),
    "below": ("{a} below {b}", "{b} with {a} down below it", "{a} underneath {b}",
              "{a} and {b}, the {first} lower down"),
}  # fmt: skip
ZH_RELATED: dict[str, tuple[str, ...]] = {
    relation: (f"{{a}}在{{b}}的{side}", f"{{b}}，{near}是{{a}}", f"{{b}}，{near}再来{{a}}",
               f"{{a}}和{{b}}，{{first}}在{near}")
    for relation, side, near in (
        ("left of", "左边", "左侧"), ("right of", "右边", "右侧"), ("above", "上方", "上面"),
        ("below", "下方", "下面"),
    )
}  # fmt: skip
"""Of one thing ``a`` and another ``b``; ``first`` is the first one's kind."""
EN_ABSENT = ("without {}", "with no {} in sight", "but no {} anywhere", "with absolutely no {}")
ZH_ABSENT = ("没有{name}", "别画{name}", "一{measure}{name}都没有", "{name}就别画了")

EN_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        "spring": ("in spring", "in the springtime", "in early spring"),
        "summer": ("in summer", "in high summer", "in the summertime"),
        "autumn": ("in autumn", "in the fall", "in late autumn"),
        "winter": ("in winter", "in the dead of winter", "in wintertime"),
    },
    "time": {
        "morning": ("in the morning", "at daybreak", "first thing in the morning"),
        "day": ("by day", "in broad daylight", "in the middle of the day"),
        "sunset": ("at sunset", "as the sun goes down", "at sundown"),
        "night": ("at night", "after dark", "in the middle of the night"),
    },
    "weather": {
        "clear": ("under a clear sky", "on a cloudless day", "in fine weather"),
        "cloudy": ("under a cloudy sky", "beneath gray clouds", "in dull, overcast weather"),
        "rain": ("in the rain", "on a rainy day", "in pouring rain"),
        "snow": ("in falling snow", "on a snowy day", "in a heavy snowfall"),
        "fog": ("in the fog", "in thick fog", "shrouded in mist"),
    },
    "style": {
        "flat": ("as a flat illustration", "in a flat graphic style", "as flat artwork"),
        "watercolor": ("as a watercolor", "in watercolors", "painted with watercolors"),
        "ink wash": ("as an ink wash painting", "in Chinese ink wash", "done as an ink wash"),
        "oil": ("as an oil painting", "in oils", "done in oil paint"),
        "pixel art": ("as pixel art", "in chunky pixels", "like an old pixel game"),
        "line drawing": ("as a line drawing", "using nothing but lines", "in plain outlines"),
    },
}
ZH_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        "spring": ("春天", "阳春三月", "春暖花开的时候"), "summer": ("夏天", "盛夏时节", "大夏天"),
        "autumn": ("秋天", "深秋时节", "金秋"), "winter": ("冬天", "寒冬腊月", "大冬天"),
    },
    "time": {
        "morning": ("清晨", "一大早", "天刚亮的时候"), "day": ("白天", "大白天", "大中午"),
        "sunset": ("日落时", "傍晚", "太阳快下山的时候"), "night": ("夜晚", "大晚上", "天黑以后"),
    },
    "weather": {
        "clear": ("晴天", "大晴天", "万里无云"), "cloudy": ("多云", "天阴沉沉的", "阴云密布"),
        "rain": ("下雨", "下着大雨", "雨下个不停"), "snow": ("下雪", "飘着雪", "大雪纷飞"),
        "fog": ("大雾", "雾蒙蒙的", "起了浓雾"),
    },
    "style": {
        "flat": ("扁平插画风格", "扁平风", "扁平设计那种"),
        "watercolor": ("水彩画", "水彩风", "水彩的感觉"),
        "ink wash": ("水墨画", "水墨风", "国画水墨那种"), "oil": ("油画", "油画风", "油画的质感"),
        "pixel art": ("像素画", "像素风", "像素游戏那种"),
        "line drawing": ("线描画", "线稿风", "只用线条勾勒"),
    },
}  # fmt: skip

EN_FRAMES = ("{}", "show me {}", "can I get a picture of {}?", "I'd love a drawing of {}",
             "how about {}?", "picture this: {}",
             "I need something for my wall: {}")  # fmt: skip
ZH_FRAMES = ("{}", "来张图：{}", "帮我弄张图，里面有{}", "想要一张画，上面有{}",
             "能不能画这么一张：{}", "我脑子里有个画面：{}", "{}，给画一张呗")  # fmt: skip
"""The first is the plain one."""


def plain(wanted: Wanted, language: Language) -> str:
    """The request as GenEval would put it."""
    return _written(wanted, language, None)


def paraphrase(wanted: Wanted, language: Language, rng: np.random.Generator) -> str:
    """One of the held-out ways to ask for the same."""
    return _written(wanted, language, rng)


def canonical(wanted: Wanted, language: Language) -> str:
    """Everything spelled out, a sentence for each thing."""
    facts = list(wanted.facts.items())
    if language == "en":
        lines = ["A picture of " + _en_joined([_en(n, one="one") for n in wanted.nouns]) + "."]
        if wanted.relation:
            first, second = (_en_kind(n.kind, n.count) for n in wanted.nouns[:2])
            lines.append(f"The {first} is {_en_relation(wanted.relation)} the {second}.")
        lines += [f"The picture is set {EN_FACTS[k][v][0]}." for k, v in facts if k != "style"]
        lines += [f"It is drawn {EN_FACTS[k][v][0]}." for k, v in facts if k == "style"]
        if wanted.absent:
            lines.append(f"There are no {_en_kind(wanted.absent, 2)}.")
        return " ".join(lines)
    parts = [ZH_FACTS[k][v][0] for k, v in facts]
    parts += ["画面里有" + _zh_joined(wanted.nouns)]
    if wanted.relation:
        first, second = (ZH_NOUNS[n.kind][1] for n in wanted.nouns[:2])
        parts.append(f"{first}在{second}的{ZH_RELATIONS[wanted.relation]}")
    if wanted.absent:
        parts.append(f"没有{ZH_NOUNS[wanted.absent][1]}")
    return "，".join(parts) + "。"


def _written(wanted: Wanted, language: Language, rng: np.random.Generator | None) -> str:
    def pick(options: Sequence[str]) -> str:
        return options[0] if rng is None else str(options[int(rng.integers(1, len(options)))])

    if language == "en":
        text = _en_things(wanted, pick)
        for kind, value in wanted.facts.items():
            text += f" {pick(EN_FACTS[kind][value])}" if kind != "style" else ""
        if wanted.absent:
            text += f" {pick(EN_ABSENT)}".format(_en_kind(wanted.absent, 2))
        if "style" in wanted.facts:
            text += f", {pick(EN_FACTS['style'][wanted.facts['style']])}"
        return pick(EN_FRAMES).format(text)
    text = _zh_things(wanted, pick, turned=rng is not None)
    if wanted.absent:
        measure, name = ZH_NOUNS[wanted.absent]
        text += f"，{pick(ZH_ABSENT)}".format(measure=measure, name=name)
    text += "".join(f"，{pick(ZH_FACTS[k][v])}" for k, v in wanted.facts.items())
    return pick(ZH_FRAMES).format(text)


def _plainest(options: Sequence[str]) -> str:
    return options[0]


# -- English


def _en_things(wanted: Wanted, pick: Pick) -> str:
    nouns = [_en(n, pick) for n in wanted.nouns]
    if wanted.relation is None:
        return _en_joined(nouns)
    first = _en_kind(wanted.nouns[0].kind, wanted.nouns[0].count)
    return pick(EN_RELATED[wanted.relation]).format(a=nouns[0], b=nouns[1], first=first)


def _en(noun: Noun, pick: Pick = _plainest, *, one: str = "") -> str:
    words = [noun.color or "", _en_kind(noun.kind, noun.count)]
    rest = " ".join(filter(None, words))
    number = EN_NUMBERS[noun.count]
    if noun.count == 1:
        number = one or ("an" if rest[0] in "aeiou" else "a")
    return f"{number} {rest}" + (pick(EN_PLACED[noun.place]) if noun.place else "")


def _en_kind(kind: str, count: int) -> str:
    return kind if count == 1 else EN_PLURALS.get(kind, f"{kind}s")


def _en_relation(relation: str) -> str:
    return f"to the {relation}" if relation in ("left of", "right of") else relation


def _en_joined(nouns: Sequence[str]) -> str:
    if len(nouns) < 2:
        return nouns[0]
    return ", ".join(nouns[:-1]) + " and " + nouns[-1]


# -- Chinese


def _zh_things(wanted: Wanted, pick: Pick, *, turned: bool) -> str:
    if wanted.relation is not None:
        a, b = (_zh(noun) for noun in wanted.nouns[:2])
        first = ZH_NOUNS[wanted.nouns[0].kind][1]
        return pick(ZH_RELATED[wanted.relation]).format(a=a, b=b, first=first)
    if not turned:
        return _zh_joined(wanted.nouns)
    things = _zh_joined([replace(noun, place=None) for noun in wanted.nouns])
    placed = [n for n in wanted.nouns if n.place]
    return things + "".join(f"，{ZH_NOUNS[n.kind][1]}{pick(ZH_PLACED[n.place])}" for n in placed)


def _zh_joined(nouns: Sequence[Noun]) -> str:
    """What has a place comes last: 左边的 before two things would be said of both."""
    return "和".join(_zh(n) for n in sorted(nouns, key=lambda noun: noun.place is not None))


def _zh(noun: Noun) -> str:
    measure, name = ZH_NOUNS[noun.kind]
    color = f"{ZH_COLORS[noun.color]}的" if noun.color else ""
    place = f"{ZH_PLACES[noun.place]}的" if noun.place else ""
    return f"{place}{ZH_NUMBERS[noun.count]}{measure}{color}{name}"
