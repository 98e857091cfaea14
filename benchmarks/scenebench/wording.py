"""Requests in English and Chinese, written from what is wanted by templates.

Every language has one plain form, one canonical form that spells everything out, and paraphrases
that are held out. They are the third edition, written without knowledge of the reader, which was
tuned on the first and the second: whoever tunes the product does not look at them.
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
    "left": (" on the left", " off to the left", " in the left part of the frame"),
    "right": (" on the right", " off to the right", " in the right part of the frame"),
    "center": (" in the middle", " smack in the middle", " at the very center of the frame"),
}
ZH_PLACED: dict[str, tuple[str, ...]] = {
    "left": ("在画面左侧", "放左半边", "画在左手边"),
    "right": ("在画面右侧", "放右半边", "画在右手边"),
    "center": ("在正中央", "放最中间", "画在画面中心"),
}  # fmt: skip
"""Said of a thing after all are named; the plain form has the place before the thing."""
EN_RELATED: dict[str, tuple[str, ...]] = {
    "left of": ("{a} to the left of {b}", "{b} flanked on the left by {a}",
                "{a} in the left half and {b} in the right half",
                "{a} and, just to the right of the {first}, {b}"),
    "right of": ("{a} to the right of {b}", "{b} flanked on the right by {a}",
                 "{a} in the right half and {b} in the left half",
                 "{a} and, just to the left of the {first}, {b}"),
    "above": ("{a} above {b}", "{b} beneath {a}",
              "{a} in the upper part and {b} in the lower part",
              "{b} and, up above the {second}, {a}"),
    "below": ("{a} below {b}", "{b} high over {a}",
              "{a} in the lower part and {b} in the upper part",
              "{b} and, down beneath the {second}, {a}"),
}  # fmt: skip
ZH_RELATED: dict[str, tuple[str, ...]] = {
    relation: (f"{{a}}在{{b}}的{side}", f"{near}{{a}}，{far}{{b}}", f"{{b}}，再往{way}是{{a}}",
               f"{{a}}，{{first}}{far}是{{b}}")
    for relation, side, near, far, way in (
        ("left of", "左边", "左边", "右边", "左"), ("right of", "右边", "右边", "左边", "右"),
        ("above", "上方", "上面", "下面", "上"), ("below", "下方", "下面", "上面", "下"),
    )
}  # fmt: skip
"""Of one thing ``a`` and another ``b``; ``first`` and ``second`` are their kinds."""
EN_ABSENT = ("without {}", "with not a single {one} around", "but skip the {}", "and zero {}",
             "minus any {}")  # fmt: skip
ZH_ABSENT = ("没有{name}", "不要出现{name}", "里头可别冒出{name}来", "{name}免了",
             "{name}一{measure}也不需要")  # fmt: skip

EN_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        "spring": ("in spring", "with spring in the air", "in the full bloom of spring"),
        "summer": ("in summer", "at the height of summer", "in the heat of July"),
        "autumn": ("in autumn", "once autumn has set in", "when the leaves are turning"),
        "winter": ("in winter", "deep in winter", "in the January cold"),
    },
    "time": {
        "morning": ("in the morning", "at dawn", "just after sunrise"),
        "day": ("by day", "around noon", "during the daytime"),
        "sunset": ("at sunset", "right when the sun is setting", "in the glow of the setting sun"),
        "night": ("at night", "late at night", "under a night sky"),
    },
    "weather": {
        "clear": ("under a clear sky", "without a cloud in the sky", "under bright blue skies"),
        "cloudy": ("under a cloudy sky", "with the sky all overcast", "with clouds everywhere"),
        "rain": ("in the rain", "while it's raining", "in a downpour"),
        "snow": ("in falling snow", "while it's snowing", "with snowflakes coming down"),
        "fog": ("in the fog", "with fog everywhere", "lost in a dense fog"),
    },
    "style": {
        "flat": ("as a flat illustration", "flat design style", "in flat vector style"),
        "watercolor": ("as a watercolor", "watercolor style", "in a soft watercolor look"),
        "ink wash": ("as an ink wash painting", "ink wash style",
                     "brushed in ink like a traditional Chinese painting"),
        "oil": ("as an oil painting", "oil on canvas", "oil painting style"),
        "pixel art": ("as pixel art", "pixel art style", "in 8-bit pixel graphics"),
        "line drawing": ("as a line drawing", "line art style", "in simple line art"),
    },
}  # fmt: skip
ZH_FACTS: dict[str, dict[str, tuple[str, ...]]] = {
    "season": {
        "spring": ("春天", "正值春季", "春意盎然"), "summer": ("夏天", "三伏天", "炎炎夏日"),
        "autumn": ("秋天", "正值秋季", "秋意正浓"), "winter": ("冬天", "正值冬季", "数九寒天"),
    },
    "time": {
        "morning": ("清晨", "早上", "日出时分"), "day": ("白天", "正午时分", "午后"),
        "sunset": ("日落时", "黄昏", "夕阳西下"), "night": ("夜晚", "深夜", "半夜里"),
    },
    "weather": {
        "clear": ("晴天", "阳光明媚", "碧空如洗"), "cloudy": ("多云", "阴天", "天上云层很厚"),
        "rain": ("下雨", "雨天", "淅淅沥沥下着雨"), "snow": ("下雪", "雪天", "雪花漫天"),
        "fog": ("大雾", "浓雾弥漫", "雾很大"),
    },
    "style": {
        "flat": ("扁平插画风格", "扁平化设计", "用扁平插画来表现"),
        "watercolor": ("水彩画", "用水彩来画", "水彩晕染的效果"),
        "ink wash": ("水墨画", "用毛笔水墨来画", "水墨意境"),
        "oil": ("油画", "布面油画", "用油画来表现"),
        "pixel art": ("像素画", "复古像素的画面", "用像素块拼出来"),
        "line drawing": ("线描画", "用线描的画法", "简洁的线稿"),
    },
}  # fmt: skip

EN_FRAMES = ("{}", "could you please draw {}?", "I was hoping to see {}", "one image, please: {}",
             "{}, that's the picture I'm after",
             "any chance you could put together an image of {}?", "for a birthday card: {}",
             "let me get a pic with {}")  # fmt: skip
ZH_FRAMES = ("{}", "您好，想请您画张图：{}，谢谢", "求画一张：{}", "{}，就画这个",
             "发朋友圈缺张配图：{}", "我想看到的是：{}", "画面要求：{}",
             "{}。能画出来吗？")  # fmt: skip
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
            text += f" {pick(EN_ABSENT)}".format(_en_kind(wanted.absent, 2), one=wanted.absent)
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
    first, second = (_en_kind(noun.kind, noun.count) for noun in wanted.nouns[:2])
    form = pick(EN_RELATED[wanted.relation])
    return form.format(a=nouns[0], b=nouns[1], first=first, second=second)


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
        first, second = (ZH_NOUNS[noun.kind][1] for noun in wanted.nouns[:2])
        form = pick(ZH_RELATED[wanted.relation])
        return form.format(a=a, b=b, first=first, second=second)
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
