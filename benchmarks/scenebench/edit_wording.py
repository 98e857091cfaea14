"""Requests for changes in English and Chinese, written from what is to change by templates.

Every kind of change has one plain form in each language, the first, and paraphrases that are held
out: whoever tunes the product does not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .wording import EN_NUMBERS, EN_PLURALS, ZH_COLORS, ZH_NOUNS, ZH_PLACES, Language

REFERENCE = "{reference}"
"""Stands in a request for the handle of the picture whose style is asked for."""

FORMS: dict[str, dict[Language, tuple[str, ...]]] = {
    "add": {
        "en": ("add {a new}{at}", "please put {a new} into the picture{at}",
               "I'd like to have {a new}{at}, too", "also draw {a new}{at}"),
        "zh": ("{at}加{a new}", "请{at}再画上{a new}", "{at}添{a new}吧", "{at}给我加上{a new}"),
    },
    "remove": {
        "en": ("remove {the}", "please get rid of {the}", "I don't want {the} in the picture",
               "take {the} out, please"),
        "zh": ("去掉{the}", "请把{the}删掉", "我不想要{the}了", "把{the}擦掉吧"),
    },
    "recolor": {
        "en": ("make {the} {color}", "could {the} be {color}, please?",
               "paint {the} {color} instead", "change the color of {the} to {color}"),
        "zh": ("把{the}改成{color}", "请给{the}换成{color}", "{the}涂成{color}",
               "我想让{the}变成{color}"),
    },
    "move": {
        "en": ("move {the} to the {place}", "please put {the} on the {place} side",
               "shift {the} over to the {place}", "{the} should be on the {place}"),
        "zh": ("把{the}移到{place}", "请将{the}挪到{place}", "把{the}放到{place}去",
               "{the}应该在{place}"),
    },
    "replace": {
        "en": ("replace {the} with {a new}", "swap {the} for {a new}, please",
               "turn {the} into {a new}", "I'd rather have {a new} instead of {the}"),
        "zh": ("把{the}换成{a new}", "请用{a new}代替{the}", "{the}改为{a new}",
               "我想把{the}变成{a new}"),
    },
    "bigger": {
        "en": ("make {the} bigger", "please enlarge {the}", "I'd like {the} to be larger",
               "{the} should be a bit bigger"),
        "zh": ("把{the}变大", "请把{the}放大一些", "让{the}大一点", "{the}画大一点"),
    },
    "smaller": {
        "en": ("make {the} smaller", "please shrink {the}", "I'd like {the} to be smaller",
               "{the} should be a bit smaller"),
        "zh": ("把{the}变小", "请把{the}缩小一些", "让{the}小一点", "{the}画小一点"),
    },
    "season": {
        "en": ("make it {season}", "change the season to {season}",
               "the same scene in {season}, please", "let it be {season}"),
        "zh": ("改成{season}", "请把季节换成{season}", "同样的画面，但是在{season}",
               "我想要{season}的样子"),
    },
    "time": {
        "en": ("make it {time}", "the same scene {at time}, please", "let it be {time}",
               "I'd like to see this {at time}"),
        "zh": ("改成{time}", "请换成{time}", "同样的画面，但是在{time}", "我想要{time}的样子"),
    },
    "weather": {
        "en": ("make it {weather}", "the same picture {in weather}, please",
               "change the weather to {weather noun}", "I'd like to see this {in weather}"),
        "zh": ("改成{weather}", "请把天气换成{weather}", "同样的画面，但是{weather}",
               "我想要{weather}的样子"),
    },
    "style": {
        "en": ("turn it into {a style}", "redo this as {a style}, please",
               "make {a style} of it", "I'd like it as {a style}"),
        "zh": ("改成{style}", "请重画成{style}", "把它变成{style}", "我想要{style}的效果"),
    },
    "extend": {
        "en": ("extend it to the {side}", "please extend the canvas to the {side}",
               "make the picture wider on the {side}", "add more room on the {side}"),
        "zh": ("向{side}扩展", "请把画面往{side}延伸", "画布往{side}扩一些",
               "{side}再多画一点出来"),
    },
    "upscale": {
        "en": ("upscale it", "make it twice as large", "please enlarge the picture",
               "double the resolution"),
        "zh": ("放大两倍", "提高分辨率", "请把图片放大一倍", "把分辨率翻倍"),
    },
    "reference": {
        "en": ("in the style of {reference}", "please redo it in the style of {reference}",
               "give it the style of {reference}", "make it look like {reference} in style"),
        "zh": ("按{reference}的风格", "请用{reference}的风格重画", "参考{reference}的画风",
               "把它改成{reference}的风格"),
    },
}  # fmt: skip
"""A place that stands before what it is said of in Chinese stands after it in English."""
EN_TIMES = {
    "morning": ("morning", "in the morning"), "day": ("day", "by day"),
    "sunset": ("sunset", "at sunset"), "night": ("night", "at night"),
}  # fmt: skip
ZH_TIMES = {"morning": "清晨", "day": "白天", "sunset": "黄昏", "night": "夜晚"}
EN_WEATHERS = {
    "clear": ("sunny", "in sunny weather", "a clear sky"),
    "cloudy": ("cloudy", "under a cloudy sky", "cloudy"),
    "rain": ("rain", "in the rain", "rain"), "snow": ("snow", "in falling snow", "snow"),
    "fog": ("foggy", "in the fog", "fog"),
}  # fmt: skip
ZH_WEATHERS = {"clear": "晴天", "cloudy": "阴天", "rain": "下雨", "snow": "下雪", "fog": "大雾"}
ZH_SEASONS = {"spring": "春天", "summer": "夏天", "autumn": "秋天", "winter": "冬天"}
EN_STYLES = {
    "flat": "a flat illustration", "watercolor": "a watercolor", "ink wash": "an ink wash painting",
    "oil": "an oil painting", "pixel art": "pixel art", "line drawing": "a line drawing",
}  # fmt: skip
ZH_STYLES = {
    "flat": "扁平插画", "watercolor": "水彩画", "ink wash": "水墨画", "oil": "油画",
    "pixel art": "像素画", "line drawing": "线描画",
}  # fmt: skip
ZH_SIDES = {"left": "左", "right": "右", "top": "上", "bottom": "下"}
NOTHING: dict[Language, tuple[str, ...]] = {
    "en": ("thanks", "how many trees are there?", "very nice", "is there a dog in the picture?",
           "what can you do?"),
    "zh": ("谢谢", "图里有几棵树？", "很好看", "画里有没有狗？", "你会做什么？"),
}  # fmt: skip
"""What is said that asks for no change."""
UNDO: dict[Language, str] = {"en": "undo", "zh": "撤销"}
RULES: dict[Language, str] = {
    "en": "from now on everything as {style}", "zh": "以后的图都用{style}风格",
}  # fmt: skip


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
    if language == "zh":
        pools = {
            "season": ZH_SEASONS, "time": ZH_TIMES, "weather": ZH_WEATHERS, "style": ZH_STYLES,
        }  # fmt: skip
        return {kind: pools[kind][value]}
    if kind == "season":
        return {kind: value}
    if kind == "time":
        return dict(zip(("time", "at time"), EN_TIMES[value], strict=True))
    if kind == "weather":
        return dict(zip(("weather", "in weather", "weather noun"), EN_WEATHERS[value], strict=True))
    return {"a style": EN_STYLES[value]}


def rule(style: str, language: Language) -> str:
    """That all later pictures are to have a style."""
    pool = EN_STYLES if language == "en" else ZH_STYLES
    return RULES[language].replace("{style}", pool[style])


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
    """Two requests in one sentence."""
    return f"{first} and {second}" if language == "en" else f"{first}，再{second}"
