"""Requests for changes in English and Chinese, written from what is to change by templates.

Every kind of change has one plain form in each language, the first, and paraphrases that are held
out: whoever tunes the product does not look at them. These are the second edition, written without
knowledge of the reader, which was tuned on the first; and on these, after they had been measured
once. A third is to be written before they are measured again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .wording import EN_NUMBERS, EN_PLURALS, ZH_COLORS, ZH_NOUNS, ZH_PLACES, Language

REFERENCE = "{reference}"
"""Stands in a request for the handle of the picture whose style is asked for."""

FORMS: dict[str, dict[Language, tuple[str, ...]]] = {
    "add": {
        "en": ("add {a new}{at}", "can we get {a new}{at}?", "the scene could use {a new}{at}",
               "throw in {a new}{at}", "could you squeeze in {a new}{at}?",
               "there's {a new} missing{at}"),
        "zh": ("{at}加{a new}", "能不能{at}加上{a new}呀", "{at}来{a new}呗",
               "要是{at}有{a new}就好了", "麻烦{at}补{a new}", "帮我{at}弄{a new}出来"),
    },
    "remove": {
        "en": ("remove {the}", "lose {the}", "can you make {the} disappear?",
               "it would look better without {the}", "{the} needs to go",
               "we don't need {the} anymore"),
        "zh": ("去掉{the}", "把{the}拿掉吧", "{the}有点碍眼，弄走吧", "没有{the}的话会更好看",
               "帮我把{the}P掉", "能不能让{the}消失"),
    },
    "recolor": {
        "en": ("make {the} {color}", "{the} would look better in {color}",
               "can you turn {the} {color}?", "I'd prefer {the} in {color}",
               "let's have {the} in {color}", "switch {the} to {color}"),
        "zh": ("把{the}改成{color}", "帮我把{the}弄成{color}的", "{the}要是{color}的就好了",
               "给{the}换个颜色，要{color}的", "{the}还是{color}的好看", "能不能让{the}变{color}"),
    },
    "move": {
        "en": ("move {the} to the {place}", "can {the} go on the {place} instead?",
               "I want {the} over on the {place}", "{the} would look better on the {place}",
               "slide {the} across to the {place}",
               "have {the} on the {place}, not where it is now"),
        "zh": ("把{the}移到{place}", "{the}换到{place}来吧", "能不能让{the}待在{place}",
               "{the}还是放{place}好看", "麻烦把{the}搬到{place}去",
               "{the}位置不对，要在{place}才行"),
    },
    "replace": {
        "en": ("replace {the} with {a new}", "can we have {a new} where {the} is now?",
               "lose {the} and put {a new} in its place", "what if {the} were {a new}?",
               "{a new} would fit better there than {the}", "trade {the} for {a new}"),
        "zh": ("把{the}换成{a new}", "{the}不要了，换{a new}", "{the}那个位置改画{a new}吧",
               "与其画{the}，不如画{a new}", "把{the}拿走，原地放{a new}", "拿{a new}把{the}替掉"),
    },
    "bigger": {
        "en": ("make {the} bigger", "{the} is way too small, can you fix that?", "scale {the} up",
               "can {the} take up more room?", "{the} looks kind of tiny to me",
               "bump up the size of {the}"),
        "zh": ("把{the}变大", "{the}太小了，放大点", "{the}再大些就好了", "帮我把{the}弄大一圈",
               "{the}看着有点小", "能不能把{the}整大点儿"),
    },
    "smaller": {
        "en": ("make {the} smaller", "{the} is way too big, can you fix that?", "scale {the} down",
               "can {the} take up less room?", "{the} looks kind of huge to me",
               "bring down the size of {the}"),
        "zh": ("把{the}变小", "{the}太大了，缩一缩", "{the}再小些就好了", "帮我把{the}弄小一圈",
               "{the}看着有点大", "能不能把{the}整小点儿"),
    },
    "season": {
        "en": ("make it {season}", "what would this look like {in season}?",
               "can it be {season} here instead?", "show me the {season} version",
               "set this {in season}", "I want it to feel like {season}"),
        "zh": ("改成{season}", "{season}的话会是什么样，画出来看看", "来个{season}版的呗",
               "能不能弄成{season}的感觉", "画成{deep}的样子吧", "我更想看{deep}的景色"),
    },
    "time": {
        "en": ("make it {time}", "what would this look like {moment}?",
               "can we have the same view {moment}?", "I'd love {a time} version of this",
               "it should be {hour} in this one", "it'd be nicer if it were {hour}"),
        "zh": ("改成{time}", "弄成{when}的样子", "时间换到{hour}吧", "我想看看这里{hour}是什么样的",
               "能不能来个{time}版的", "这张要是{hour}的就好了"),
    },
    "weather": {
        "en": ("make it {weather}", "what if {it were so}?", "it'd look better if {it were so}",
               "how about some {such} weather?", "show me the same place on a {such} day",
               "can we have it {in weather} instead?"),
        "zh": ("改成{weather}", "要是{sky}的话会是什么样，画来看看", "想看{so}的样子",
               "天气弄成{sky}好不好", "我更想要{sky}", "还是{sky}更有感觉，改一下吧"),
    },
    "style": {
        "en": ("turn it into {a style}", "can I get this as {a style}?",
               "could you redo it {done}?", "I want it to look like {a style}",
               "what would it look like as {a style}?", "let's do the whole thing {done}"),
        "zh": ("改成{style}", "能不能画成{style}那样的", "整张图换成{look}的",
               "我想看看{style}版的", "帮我转成{style}", "整体走{look}吧"),
    },
    "extend": {
        "en": ("extend it to the {side}", "show me more of what's to the {side}",
               "I need some extra space on the {side}", "let the scene go on past the {side} edge",
               "can you widen the frame to the {side}?",
               "it feels cramped on the {side}, continue the picture there"),
        "zh": ("向{side}扩展", "想看看{side}还有什么，接着画", "{side}太挤了，往外多画点",
               "帮我把图往{side}接着画", "画面{side}再接出去一截", "能不能把画面往{side}拓宽点"),
    },
    "upscale": {
        "en": ("upscale it", "can I get this at twice the size?", "give me a higher-res version",
               "I need this one twice as big for printing",
               "could you blow the whole picture up to double its size?",
               "there aren't enough pixels, double them in both directions"),
        "zh": ("放大两倍", "这图太小了，尺寸翻个倍吧", "给我一张大一倍的图", "像素不够，长宽都乘二",
               "我要打印，麻烦出一张两倍大小的", "能不能出个高分辨率版的"),
    },
    "reference": {
        "en": ("in the style of {reference}", "can you paint it the way {reference} is painted?",
               "match the style of {reference}", "borrow the look of {reference} for this one",
               "I love the style of {reference}, do this one like that",
               "use the same style as {reference}"),
        "zh": ("按{reference}的风格", "照着{reference}的风格来一版", "画风跟{reference}一样就行",
               "能不能画成{reference}那种风格", "我喜欢{reference}的画风，这张也这么画",
               "套用{reference}的画风"),
    },
}  # fmt: skip
"""A place that stands before what it is said of in Chinese stands after it in English."""
SLOTS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "season": ("season", "in season"), "time": ("time", "moment", "a time", "hour"),
        "weather": ("weather", "in weather", "such", "it were so"), "style": ("a style", "done"),
    },
    "zh": {
        "season": ("season", "deep"), "time": ("time", "hour", "when"),
        "weather": ("weather", "sky", "so"), "style": ("style", "look"),
    },
}  # fmt: skip
"""What the words of a fact are called in the forms; the first is the plain one."""
WORDS: dict[Language, dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "season": {
            "spring": ("spring", "in the springtime"), "summer": ("summer", "in high summer"),
            "autumn": ("autumn", "in the fall"), "winter": ("winter", "in the dead of winter"),
        },
        "time": {
            "morning": ("morning", "first thing in the morning", "an early-morning",
                        "early morning"),
            "day": ("day", "in broad daylight", "a daytime", "daytime"),
            "sunset": ("sunset", "as the sun goes down", "a sunset", "sunset"),
            "night": ("night", "after dark", "a nighttime", "nighttime"),
        },
        "weather": {
            "clear": ("sunny", "in sunny weather", "sunny", "the sky was clear"),
            "cloudy": ("cloudy", "under a cloudy sky", "cloudy", "it was overcast"),
            "rain": ("rain", "in the rain", "rainy", "it was raining"),
            "snow": ("snow", "in falling snow", "snowy", "it was snowing"),
            "fog": ("foggy", "in the fog", "foggy", "it was really foggy"),
        },
        "style": {
            "flat": ("a flat illustration", "in a flat graphic style"),
            "watercolor": ("a watercolor", "in watercolors"),
            "ink wash": ("an ink wash painting", "in Chinese ink wash"),
            "oil": ("an oil painting", "in oils"),
            "pixel art": ("pixel art", "in retro pixel graphics"),
            "line drawing": ("a line drawing", "with nothing but lines"),
        },
    },
    "zh": {
        "season": {
            "spring": ("春天", "阳春三月"), "summer": ("夏天", "盛夏时节"),
            "autumn": ("秋天", "深秋时节"), "winter": ("冬天", "寒冬腊月"),
        },
        "time": {
            "morning": ("清晨", "一大早", "天刚亮"), "day": ("白天", "大中午", "大白天"),
            "sunset": ("黄昏", "傍晚", "太阳快下山"), "night": ("夜晚", "大晚上", "天黑了"),
        },
        "weather": {
            "clear": ("晴天", "大晴天", "天放晴了"), "cloudy": ("阴天", "阴天", "天阴下来"),
            "rain": ("下雨", "雨天", "下起雨来"), "snow": ("下雪", "雪天", "飘起雪来"),
            "fog": ("大雾", "大雾天", "起了大雾"),
        },
        "style": {
            "flat": ("扁平插画", "扁平风"), "watercolor": ("水彩画", "水彩风"),
            "ink wash": ("水墨画", "水墨风"), "oil": ("油画", "油画风"),
            "pixel art": ("像素画", "像素风"), "line drawing": ("线描画", "线稿风"),
        },
    },
}  # fmt: skip
ZH_SIDES = {"left": "左", "right": "右", "top": "上", "bottom": "下"}
NOTHING: dict[Language, tuple[str, ...]] = {
    "en": ("thanks", "how many trees are there?", "very nice", "is there a dog in the picture?",
           "what can you do?", "haha, that turned out really cute",
           "hang on, let me look at it for a second", "what did you change just now?",
           "I like the colors the way they are", "did that take you long?"),
    "zh": ("谢谢", "图里有几棵树？", "很好看", "画里有没有狗？", "你会做什么？",
           "哈哈，还挺可爱的", "先别动，我再看看", "刚才改了哪里呀？", "我觉得现在这样就挺好",
           "你画一张要多久啊？"),
}  # fmt: skip
"""What is said that asks for no change."""
UNDO: dict[Language, str] = {"en": "undo", "zh": "撤销"}
RULES: dict[Language, str] = {
    "en": "from now on everything as {style}", "zh": "以后的图都用{style}风格",
}  # fmt: skip
STATEMENTS = ("the ", "I'd ")
"""How English forms begin that do not ask."""
WISHES = ("就好了", "好看")
"""How Chinese forms end that do not ask."""


def request(
    form: str, words: Mapping[str, str], language: Language, rng: np.random.Generator | None
) -> str:
    """A change in words, by the plain form, or with ``rng`` by one that is held out."""
    forms = FORMS[form][language]
    chosen = forms[0] if rng is None else forms[int(rng.integers(1, len(forms)))]
    for name, value in words.items():
        chosen = chosen.replace(f"{{{name}}}", value)
    return chosen


def the(kind: str, language: Language, place: str | None = None) -> str:
    """The one thing of a kind, or that of several which is at a place."""
    if language == "en":
        return f"the {place} {kind}" if place else f"the {kind}"
    return f"{ZH_PLACES[place]}的{ZH_NOUNS[kind][1]}" if place else ZH_NOUNS[kind][1]


def a(kind: str, color: str | None, language: Language, count: int = 1) -> str:
    """New things of a kind and color."""
    if language == "en":
        name = kind if count == 1 else EN_PLURALS.get(kind, f"{kind}s")
        rest = f"{color} {name}" if color else name
        return f"{EN_NUMBERS[count] if count > 1 else 'an' if rest[0] in 'aeiou' else 'a'} {rest}"
    measure, name = ZH_NOUNS[kind]
    return f"一{measure}{ZH_COLORS[color] + '的' if color else ''}{name}"


def fact(kind: str, value: str, language: Language) -> dict[str, str]:
    """The words for a season, a time, a weather or a style."""
    return dict(zip(SLOTS[language][kind], WORDS[language][kind][value], strict=True))


def rule(style: str, language: Language) -> str:
    """That all later pictures are to have a style."""
    return RULES[language].replace("{style}", WORDS[language]["style"][style][0])


def at(place: str | None, language: Language) -> str:
    """Where something new goes, as it is added to a sentence."""
    if place is None:
        return ""
    return f" on the {place}" if language == "en" else f"在{ZH_PLACES[place]}"


def placed(place: str, language: Language) -> str:
    """A place that something is moved to."""
    return place if language == "en" else ZH_PLACES[place]


def side(value: str, language: Language) -> str:
    """A side of the picture, as "to the left" has it."""
    return value if language == "en" else ZH_SIDES[value] + "边"


def color(value: str, language: Language) -> str:
    return value if language == "en" else ZH_COLORS[value]


def joined(first: str, second: str, language: Language) -> str:
    """Two requests in one sentence; what asks is linked politely to what only states."""
    if language == "en":
        return f"{first}{', and please' if first.startswith(STATEMENTS) else ' and'} {second}"
    return f"{first}，再{'帮我' if first.endswith(WISHES) else ''}{second}"
