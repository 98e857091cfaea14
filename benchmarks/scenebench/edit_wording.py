"""Requests for changes in English and Chinese, written from what is to change by templates.

Every kind of change has one plain form in each language, the first, and paraphrases that are held
out. They are the third edition, written without knowledge of the reader, which was tuned on the
first and the second: whoever tunes the product does not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .wording import EN_NUMBERS, EN_PLURALS, ZH_COLORS, ZH_NOUNS, ZH_PLACES, Language

REFERENCE = "{reference}"
"""Stands in a request for the handle of the picture whose style is asked for."""

FORMS: dict[str, dict[Language, tuple[str, ...]]] = {
    "add": {
        "en": ("add {a new}{at}", "put in {a new}{at}, please", "plus {a new}{at}",
               "I'd like to see {a new}{at} as well", "would you mind drawing {a new}{at} too?",
               "it feels a bit empty, give me {a new}{at}", "you forgot {a new}{at}"),
        "zh": ("{at}加{a new}", "请{at}添上{a new}", "我还想{at}看到{a new}",
               "画面有点空，{at}放{a new}吧", "还差{a new}，{at}补上",
               "是不是可以{at}多画{a new}？", "顺手{at}画{a new}进去"),
    },
    "remove": {
        "en": ("remove {the}", "please erase {the}", "get rid of {the}",
               "{the} shouldn't be there", "could we do without {the}?",
               "I'd rather not have {the} in the picture",
               "all good except {the}, which I'd like gone"),
        "zh": ("去掉{the}", "请把{the}删掉", "{the}不要", "{the}看着多余，擦了吧",
               "我不想在画里看到{the}", "{the}是怎么回事？删了吧", "画里别留{the}了"),
    },
    "recolor": {
        "en": ("make {the} {color}", "paint {the} {color}",
               "could you change the color of {the} to {color}?", "{the} ought to be {color}",
               "how about {color} for {the}?", "{the} is the wrong color, it should be {color}",
               "I wish {the} were {color}"),
        "zh": ("把{the}改成{color}", "请将{the}涂成{color}", "{the}颜色换成{color}",
               "{the}的颜色不对，得是{color}才对", "{the}用{color}行不行",
               "在我心目中，{the}是{color}的", "{the}这个颜色我不喜欢，改{color}吧"),
    },
    "move": {
        "en": ("move {the} to the {place}", "drag {the} over to the {place}",
               "would you mind relocating {the} to the {place}?", "{the} to the {place}, please",
               "wrong spot for {the}, should be on the {place}", "I imagined {the} on the {place}",
               "{the} belongs on the {place}"),
        "zh": ("把{the}移到{place}", "请将{the}挪到{place}", "{the}放错地方了，该在{place}",
               "{the}怎么不在{place}？挪过去吧", "我希望{the}是在{place}的", "{the}调到{place}",
               "让{the}去{place}行吗？"),
    },
    "replace": {
        "en": ("replace {the} with {a new}", "swap {the} out for {a new}",
               "I'd like {a new} instead of {the}", "please turn {the} into {a new}",
               "{the} doesn't work there, use {a new} instead",
               "how about {a new} in place of {the}?", "out with {the}, in with {a new}"),
        "zh": ("把{the}换成{a new}", "请用{a new}代替{the}", "{the}变成{a new}行吗？",
               "{the}不太合适，改用{a new}吧", "撤下{the}，换上{a new}",
               "我本来想要的是{a new}，不是{the}"),
    },
    "bigger": {
        "en": ("make {the} bigger", "enlarge {the}", "I'd like {the} to come out larger, please",
               "why is {the} so small? increase the size", "{the} could be quite a bit larger",
               "I can hardly see {the} at this size", "could {the} grow a little?"),
        "zh": ("把{the}变大", "请把{the}放大", "{the}尺寸调大一些", "{the}怎么这么小？大点吧",
               "我想让{the}更大", "{the}小得快看不见了", "{the}得大一号"),
    },
    "smaller": {
        "en": ("make {the} smaller", "downsize {the}",
               "I'd like {the} to come out smaller, please",
               "why is {the} so big? reduce the size", "{the} could be quite a bit smaller",
               "{the} is overpowering at this size", "could {the} shrink a little?"),
        "zh": ("把{the}变小", "请把{the}缩小", "{the}尺寸调小一些", "{the}怎么这么大？小点吧",
               "我想让{the}更小", "{the}大得快占满画面了", "{the}得小一号"),
    },
    "season": {
        "en": ("make it {season}", "please change the season to {season}",
               "I'd like to see this {in season}", "same scene, but {in season}",
               "wrong season, it should be {season}", "could we pretend it's {season} here?",
               "{season} instead, please"),
        "zh": ("改成{season}", "请把季节换成{season}", "季节不对，应该是{season}",
               "{season}，别的不变", "好想看这里到了{season}的光景",
               "可以变成{deep}的景象吗？", "我要的是{deep}的氛围"),
    },
    "time": {
        "en": ("make it {time}", "please change the time of day to {hour}",
               "this is supposed to be {moment}", "is it possible to see this {moment}?",
               "go for {a time} mood", "same spot, only {moment}",
               "could the light be more like {hour}?"),
        "zh": ("改成{time}", "请把时间调到{hour}", "时间不对，应该是{hour}才对",
               "还是这里，只不过是{when}的时候", "我想要{when}时的光线", "改到{hour}可以吗？",
               "{hour}，其他都别动"),
    },
    "weather": {
        "en": ("make it {weather}", "I'd prefer {a sky}", "I wish {it were so}",
               "could we get {a sky} in this?", "let this take place {in weather}",
               "weather: {such}", "the weather is all wrong, it should be {such}"),
        "zh": ("改成{weather}", "请把天气换成{sky}", "假设这会儿{so}，画面跟着改一下",
               "天气不对，应该是{sky}", "{sky}，其他照旧", "可不可以变成{sky}？"),
    },
    "style": {
        "en": ("turn it into {a style}", "please convert this to {a style}",
               "I'm not a fan of this look, go with {a style}",
               "{a style} would suit this picture better", "is there a way to have this {done}?",
               "everything {done}, please", "style change: {a style}"),
        "zh": ("改成{style}", "请把它变成{style}", "这个画风我不喜欢，改{style}吧",
               "用{look}的手法处理这张图", "可不可以是{style}？", "画风：{style}",
               "内容不动，画法改成{look}"),
    },
    "extend": {
        "en": ("extend it to the {side}", "please add more canvas on the {side}",
               "outpaint to the {side}", "what lies beyond the {side} edge? draw that too",
               "the picture cuts off too early on the {side}, keep going",
               "could the picture reach farther to the {side}?",
               "I'd like to see what comes next on the {side}"),
        "zh": ("向{side}扩展", "请把画布往{side}扩一扩", "画面{side}断得太早，继续画出去",
               "{side}外面是什么？也画出来", "往{side}延伸一段", "画幅可以再往{side}伸一些吗？",
               "{side}再多画点景，画布加大"),
    },
    "upscale": {
        "en": ("upscale it", "please double the resolution", "2x, please",
               "could I have it with twice as many pixels each way?",
               "this is too small to print, enlarge the whole image to 200%",
               "make the file twice as wide and twice as tall",
               "I wish the whole image had double the resolution"),
        "zh": ("放大两倍", "分辨率翻倍", "请输出两倍尺寸的版本", "整张图放大到200%",
               "图有点糊，整张给我放大一倍", "能给一张宽和高都翻一番的吗？", "整图2x，谢谢"),
    },
    "reference": {
        "en": ("in the style of {reference}", "please copy the style of {reference}",
               "{reference} has the style I want for this one",
               "could this one share its style with {reference}?", "style: same as {reference}",
               "stylewise, follow {reference}", "not this style, the one from {reference}"),
        "zh": ("按{reference}的风格", "请参考{reference}的画法来画这张",
               "画风：同{reference}", "我想让这张的风格向{reference}看齐",
               "能把{reference}的风格用到这张上吗？", "风格别用现在的，学{reference}"),
    },
}  # fmt: skip
"""A place that stands before what it is said of in Chinese stands after it in English."""
SLOTS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "season": ("season", "in season"), "time": ("time", "moment", "a time", "hour"),
        "weather": ("weather", "in weather", "such", "it were so", "a sky"),
        "style": ("a style", "done"),
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
            "spring": ("spring", "with spring in the air"),
            "summer": ("summer", "at the height of summer"),
            "autumn": ("autumn", "when the leaves are turning"),
            "winter": ("winter", "deep in winter"),
        },
        "time": {
            "morning": ("morning", "just after sunrise", "a sunrise", "dawn"),
            "day": ("day", "around noon", "a midday", "noon"),
            "sunset": ("sunset", "right when the sun is setting", "a setting-sun", "sundown"),
            "night": ("night", "late at night", "a late-night", "midnight"),
        },
        "weather": {
            "clear": ("sunny", "under a cloudless sky", "clear", "it were bright and clear out",
                      "a clear blue sky"),
            "cloudy": ("cloudy", "under a gray, clouded sky", "overcast",
                       "the sky were all clouded over", "an overcast sky"),
            "rain": ("rain", "in a downpour", "raining", "it were pouring out", "some rain"),
            "snow": ("snow", "during a snowfall", "snowing", "it were snowing out",
                     "some falling snow"),
            "fog": ("foggy", "in dense fog", "misty", "there were fog everywhere", "some fog"),
        },
        "style": {
            "flat": ("a flat illustration", "in flat vector style"),
            "watercolor": ("a watercolor", "in watercolor style"),
            "ink wash": ("an ink wash painting", "in ink wash style"),
            "oil": ("an oil painting", "in oil on canvas"),
            "pixel art": ("pixel art", "in 8-bit pixel style"),
            "line drawing": ("a line drawing", "in pure line art"),
        },
    },
    "zh": {
        "season": {
            "spring": ("春天", "春意盎然"), "summer": ("夏天", "炎炎夏日"),
            "autumn": ("秋天", "秋意正浓"), "winter": ("冬天", "数九寒天"),
        },
        "time": {
            "morning": ("清晨", "早上", "太阳刚升起"), "day": ("白天", "正午", "日头当空"),
            "sunset": ("黄昏", "日落时分", "夕阳西下"), "night": ("夜晚", "深夜", "夜深人静"),
        },
        "weather": {
            "clear": ("晴天", "晴朗的天气", "天晴了"), "cloudy": ("阴天", "阴沉的天气", "天阴了"),
            "rain": ("下雨", "下雨天", "下雨了"), "snow": ("下雪", "下雪天", "下雪了"),
            "fog": ("大雾", "有雾的天气", "起雾了"),
        },
        "style": {
            "flat": ("扁平插画", "扁平化设计"), "watercolor": ("水彩画", "水彩"),
            "ink wash": ("水墨画", "水墨"), "oil": ("油画", "布面油画"),
            "pixel art": ("像素画", "复古像素"), "line drawing": ("线描画", "线描"),
        },
    },
}  # fmt: skip
ZH_SIDES = {"left": "左", "right": "右", "top": "上", "bottom": "下"}
NOTHING: dict[Language, tuple[str, ...]] = {
    "en": ("thanks", "how big is this image?", "wow, I didn't expect that",
           "which thing in it is the tallest?", "do you speak Spanish?",
           "give me a minute to think", "no changes for now", "my boss is going to love this",
           "is it day or night in there?", "good as it is, leave it alone"),
    "zh": ("谢谢", "这张图有多大？", "辛苦啦", "左边那个是什么呀？", "你支持哪些风格？",
           "等一下，我问问同事", "不错不错，先这样", "暂时不用改", "这是白天还是晚上？",
           "你是怎么画出来的？"),
}  # fmt: skip
"""What is said that asks for no change."""
UNDO: dict[Language, str] = {"en": "undo", "zh": "撤销"}
RULES: dict[Language, str] = {
    "en": "from now on everything as {style}", "zh": "以后的图都用{style}风格",
}  # fmt: skip
STATEMENTS = ("the ", "I wish ", "how about ")
"""How English forms begin that give no order."""
WISHES = ("才对", "行不行", "色的")
"""How Chinese forms end that give no order."""


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
