"""Requests in English and Chinese, written from what is wanted by templates.

Every language has one plain form, one canonical form that spells everything out, and paraphrases
that are held out: whoever tunes the product does not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Language = Literal["en", "zh"]


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

EN_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        season: (f"in {season}", f"on a fine {season} day", f"during {season}")
        for season in ("spring", "summer", "autumn", "winter")
    },
    "time": {
        "morning": ("in the morning", "at dawn", "early in the morning"),
        "day": ("by day", "at noon", "in the afternoon"),
        "sunset": ("at sunset", "at dusk", "in the evening"),
        "night": ("at night", "late at night", "at midnight"),
    },
    "weather": {
        "clear": ("under a clear sky", "in sunny weather"),
        "cloudy": ("under a cloudy sky", "on an overcast day"),
        "rain": ("in the rain", "while it is raining"),
        "snow": ("in falling snow", "while it is snowing"),
        "fog": ("in the fog", "on a misty day"),
    },
    "style": {
        "flat": ("as a flat illustration", "in flat style"),
        "watercolor": ("as a watercolor", "in watercolour"),
        "ink wash": ("as an ink wash painting", "in ink wash style"),
        "oil": ("as an oil painting", "in the style of an oil painting"),
        "pixel art": ("as pixel art", "in pixel style"),
        "line drawing": ("as a line drawing", "as line art"),
    },
}
ZH_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        "spring": ("春天", "春日里"), "summer": ("夏天", "夏日里"), "autumn": ("秋天", "秋日里"),
        "winter": ("冬天", "冬日里"),
    },
    "time": {
        "morning": ("清晨", "早上"), "day": ("白天", "中午"), "sunset": ("日落时", "黄昏时"),
        "night": ("夜晚", "深夜"),
    },
    "weather": {
        "clear": ("晴天", "天气晴朗"), "cloudy": ("多云", "阴天"), "rain": ("下雨", "雨天"),
        "snow": ("下雪", "雪天"), "fog": ("大雾", "起雾了"),
    },
    "style": {
        "flat": ("扁平插画风格", "扁平风格"), "watercolor": ("水彩画", "水彩风格"),
        "ink wash": ("水墨画", "水墨风格"), "oil": ("油画", "油画风格"),
        "pixel art": ("像素画", "像素风格"), "line drawing": ("线描画", "线稿"),
    },
}  # fmt: skip

EN_FRAMES = ("{}", "Draw {}.", "I would like to see {}, please.", "Could you paint {} for me?",
             "Make me a picture: {}")  # fmt: skip
ZH_FRAMES = ("{}", "画{}。", "我想看{}。", "请帮我画{}，谢谢。", "来一幅画，要有{}。")
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
        text = _en_things(wanted, turned=rng is not None)
        for kind, value in wanted.facts.items():
            text += f" {pick(EN_FACTS[kind][value])}" if kind != "style" else ""
        if wanted.absent:
            word = pick(("without", "with no", "but without any"))
            text += f" {word} {_en_kind(wanted.absent, 2)}"
        if "style" in wanted.facts:
            text += f", {pick(EN_FACTS['style'][wanted.facts['style']])}"
        return pick(EN_FRAMES).format(text)
    text = _zh_things(wanted, turned=rng is not None)
    if wanted.absent:
        text += f"，{pick(('没有', '不要', '不要有'))}{ZH_NOUNS[wanted.absent][1]}"
    text += "".join(f"，{pick(ZH_FACTS[k][v])}" for k, v in wanted.facts.items())
    return pick(ZH_FRAMES).format(text)


# -- English


def _en_things(wanted: Wanted, *, turned: bool) -> str:
    nouns = [_en(n) for n in wanted.nouns]
    if wanted.relation is None:
        return _en_joined(nouns)
    relation = _en_relation(wanted.relation)
    if turned:
        return f"{nouns[1]}, and {relation} it {nouns[0]}"
    return f"{nouns[0]} {relation} {nouns[1]}"


def _en(noun: Noun, *, one: str = "") -> str:
    words = [noun.color or "", _en_kind(noun.kind, noun.count)]
    rest = " ".join(filter(None, words))
    number = EN_NUMBERS[noun.count]
    if noun.count == 1:
        number = one or ("an" if rest[0] in "aeiou" else "a")
    places = {"left": " on the left", "right": " on the right", "center": " in the middle"}
    return f"{number} {rest}" + places.get(noun.place or "", "")


def _en_kind(kind: str, count: int) -> str:
    return kind if count == 1 else EN_PLURALS.get(kind, f"{kind}s")


def _en_relation(relation: str) -> str:
    return f"to the {relation}" if relation in ("left of", "right of") else relation


def _en_joined(nouns: Sequence[str]) -> str:
    if len(nouns) < 2:
        return nouns[0]
    return ", ".join(nouns[:-1]) + " and " + nouns[-1]


# -- Chinese


def _zh_things(wanted: Wanted, *, turned: bool) -> str:
    if wanted.relation is None:
        return _zh_joined(wanted.nouns)
    first, second = wanted.nouns[:2]
    side = ZH_RELATIONS[wanted.relation]
    if turned:
        return f"{_zh(second)}，它的{side}有{_zh(first)}"
    return f"{_zh(first)}在{_zh(second)}的{side}"


def _zh_joined(nouns: Sequence[Noun]) -> str:
    """What has a place comes last: 左边的 before two things would be said of both."""
    return "和".join(_zh(n) for n in sorted(nouns, key=lambda noun: noun.place is not None))


def _zh(noun: Noun) -> str:
    measure, name = ZH_NOUNS[noun.kind]
    color = f"{ZH_COLORS[noun.color]}的" if noun.color else ""
    place = f"{ZH_PLACES[noun.place]}的" if noun.place else ""
    return f"{place}{ZH_NUMBERS[noun.count]}{measure}{color}{name}"
