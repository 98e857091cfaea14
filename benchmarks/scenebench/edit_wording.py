"""Requests for changes in English and Chinese, written from what is to change by templates.

Every kind of change has one plain form in each language, the first, and paraphrases that are held
out. They are the fourth edition, written without knowledge of the reader, which was tuned on the
first three: whoever tunes the product does not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .wording import EN_NUMBERS, EN_PLURALS, ZH_COLORS, ZH_NOUNS, ZH_PLACES, Language

REFERENCE = "{reference}"
"""Stands in a request for the handle of the picture whose style is asked for."""

FORMS: dict[str, dict[Language, tuple[str, ...]]] = {
    "add": {
        "en": ("add {a new}{at}", "{a new}{at} would really complete this",
               "could we squeeze {a new} in{at}?", "maybe throw in {a new}{at}",
               "I asked for {a new}{at} and there isn't one",
               "hey can u stick {a new} in there{at} thx",
               "one more element for the composition: {a new}{at}"),
        "zh": ("{at}加{a new}", "麻烦您{at}画上{a new}", "要是{at}能有{a new}就完美了",
               "我明明要了{a new}，怎么没画？{at}画出来", "能不能{at}塞{a new}进来",
               "甲方要求{at}有{a new}", "求求了，{at}整{a new}"),
    },
    "remove": {
        "en": ("remove {the}", "lose {the}", "{the} has to go", "could you take {the} out for me?",
               "we won't be needing {the} after all",
               "the picture would be better off without {the}",
               "who put {the} in there? I never asked for that, out with it",
               "idk why {the} is even there just delete it"),
        "zh": ("去掉{the}", "帮我P掉{the}", "没有{the}会更好看", "谁让你画{the}的，赶紧弄走",
               "{the}能消失吗？", "{the}有点抢戏，移除", "麻烦您把{the}清除一下"),
    },
    "recolor": {
        "en": ("make {the} {color}", "let's try {the} in {color}", "can {the} be {color} instead?",
               "{the} looks off in that shade, switch to {color}",
               "my client wants {the} in {color}", "quick one: turn {the} {color}",
               "I think {color} would suit {the} much better", "nah {the} gotta be {color}"),
        "zh": ("把{the}改成{color}", "{the}要是{color}的就好看了", "给{the}换个色，要{color}的",
               "麻烦您给{the}上个{color}", "能不能让{the}变{color}", "客户指定{the}要{color}的",
               "{the}配色有点脏，换{color}试试", "{the}给我整成{color}"),
    },
    "move": {
        "en": ("move {the} to the {place}", "I keep thinking {the} would look nicer on the {place}",
               "can {the} go on the {place} instead?",
               "composition feels unbalanced, reposition {the} on the {place} side",
               "{the}: {place} side instead", "ugh {the} was meant to be on the {place}",
               "would it be too much trouble to have {the} over on the {place}?"),
        "zh": ("把{the}移到{place}", "麻烦您把{the}换到{place}去", "{the}在{place}会更协调",
               "{the}能放{place}吗？", "构图有点失衡，{the}摆到{place}", "位置调整：{the}→{place}",
               "{the}别搁这儿，搁{place}", "我说的是{the}在{place}啊，换过去"),
    },
    "replace": {
        "en": ("replace {the} with {a new}", "trade {the} for {a new}",
               "actually, make that {a new} rather than {the}",
               "can we have {a new} where {the} is now?",
               "I changed my mind about {the}, draw {a new} there",
               "client feedback: lose {the}, {a new} goes in the same spot",
               "not feeling {the} tbh, can it be {a new}"),
        "zh": ("把{the}换成{a new}", "不要{the}了，那个位置画{a new}",
               "{the}那儿能不能改画{a new}？", "麻烦您拿{a new}替掉{the}",
               "把{the}删了，原地给我来{a new}", "{the}太普通了，{a new}更有意思，换一下",
               "我反悔了，{the}那个位置还是画{a new}好"),
    },
    "bigger": {
        "en": ("make {the} bigger", "scale {the} up", "{the} is way too tiny, size up please",
               "any way to have {the} take up more space?",
               "I'd love for {the} to be more imposing, size-wise", "bump up the size of {the}",
               "shouldn't {the} be larger than this?"),
        "zh": ("把{the}变大", "{the}太没存在感了，加大", "{the}还能再大点不",
               "要是{the}在画面里占得更多就好了", "{the}比例偏小，拉大", "{the}整大一圈",
               "咋回事啊{the}跟芝麻似的，弄大"),
    },
    "smaller": {
        "en": ("make {the} smaller", "bring {the} down in size",
               "{the} takes up too much room, dial the size back",
               "isn't {the} a bit too large? trim that down please",
               "whoa {the} is huge, go way smaller", "I'd feel better if {the} weren't so big",
               "size of {the}: down a notch"),
        "zh": ("把{the}变小", "{the}太占地方了，缩一缩", "麻烦您把{the}画小巧些",
               "{the}能不能别这么大", "要是{the}没这么大就好了", "{the}比例失调，往小了调",
               "好家伙{the}也太大了，弄小"),
    },
    "season": {
        "en": ("make it {season}", "what would this place look like {in season}?",
               "can we set this in {season} instead?", "the {season} version of this, please",
               "the mood board says {season}, so adjust the scene accordingly",
               "this doesn't feel like {season} at all, fix that",
               "love it but show it {in season}"),
        "zh": ("改成{season}", "这地方{deep}是什么样？画给我看", "麻烦您画成{season}的样子",
               "给这张出个{season}版", "一点{season}的感觉都没有，改改", "客户要的季节是{season}",
               "整成{deep}那种感觉"),
    },
    "time": {
        "en": ("make it {time}", "set the clock to {hour}", "can we see it in {light}?",
               "it should look like it was taken {moment}",
               "what if the scene took place {moment}?",
               "the lighting feels wrong, I asked for {hour}", "i want {hour} vibes here",
               "relight the scene: {light}"),
        "zh": ("改成{time}", "能看看{when}的样子吗？", "麻烦您把光线调成{hour}那种",
               "时间设定：{time}", "这光不对啊，我要的是{hour}", "换个时段，{when}的时候",
               "要是在{hour}就更有味道了", "氛围往{time}走"),
    },
    "weather": {
        "en": ("make it {weather}", "could you swap the weather for {a sky}?",
               "what would it look like if {it were so}?", "weather update for this one: {such}",
               "I'd rather have this shot {in weather}",
               "imagine {it were so} and redraw the scene to match", "this needs {a sky}"),
        "zh": ("改成{weather}", "要是{so}就好了", "给这张来个{sky}", "麻烦您让画面里{so}",
               "天气那块改{weather}", "能不能画出{so}的感觉？", "怎么不是{sky}啊，我要的就是那种"),
    },
    "style": {
        "en": ("turn it into {a style}", "redo the whole thing {done}",
               "what about making the entire picture {a style}?",
               "my teacher said it has to be {a style}",
               "rendering is off brief, should read as {a style}",
               "would you be so kind as to redraw it {done}?", "{a style} version pls"),
        "zh": ("改成{style}", "整张重画成{look}风", "麻烦您走{look}路线",
               "如果是{style}会不会更好看？", "老师说这张得是{style}", "这张想要{style}版的",
               "不想要现在这种效果，弄成{look}那种"),
    },
    "extend": {
        "en": ("extend it to the {side}", "uncrop the {side} side",
               "pull the {side} border farther out and fill in what belongs there",
               "can we get more of the scene past the {side} edge?",
               "feels cramped on the {side}, give it extra canvas there",
               "need room for a banner, grow the canvas on the {side}",
               "there must be more off to the {side}, expand the picture that way"),
        "zh": ("向{side}扩展", "{side}裁得太紧了，补些画面出来", "麻烦您给{side}接一截画面",
               "画布{side}能再加长一点吗？", "我想看看{side}画框外头的样子", "扩图方向：{side}",
               "要做海报，{side}得往外续画"),
    },
    "upscale": {
        "en": ("upscale it", "scale the entire image up by a factor of two",
               "resolution's too low for the printer, I need exactly 2x",
               "could you export this at twice its current pixel dimensions?",
               "same picture but with double the width and double the height in pixels",
               "looks blurry on my monitor can u make the whole pic 2x bigger",
               "deliver the final file at 2x"),
        "zh": ("放大两倍", "像素不够，长宽都给我乘以二", "麻烦您按原图的两倍大小导出",
               "图片整体尺寸×2", "打印出来太糊，能把整张图的分辨率提到两倍吗？",
               "这图太小了没法当壁纸，长和宽各变两倍", "求高清版，边长是现在的两倍"),
    },
    "reference": {
        "en": ("in the style of {reference}", "use {reference} as the style reference",
               "I love how {reference} is drawn, could this be drawn that way too?",
               "match the art style of {reference}",
               "this should look like it came from the same artist as {reference}",
               "take the look of {reference} and put it on this one",
               "why doesn't this have the same style as {reference}? fix it"),
        "zh": ("按{reference}的风格", "画风跟{reference}一个味儿就行",
               "麻烦您照着{reference}的画风重画这张", "能不能套用{reference}的风格？",
               "风格参考图：{reference}", "我更喜欢{reference}那种画风，这张也那样画",
               "这张和{reference}风格不统一，以后者为准"),
    },
}  # fmt: skip
"""A place that stands before what it is said of in Chinese stands after it in English."""
SLOTS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "season": ("season", "in season"), "time": ("time", "moment", "light", "hour"),
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
            "spring": ("spring", "once spring has arrived"),
            "summer": ("summer", "in the middle of July"),
            "autumn": ("autumn", "in the fall"),
            "winter": ("winter", "in the dead of winter"),
        },
        "time": {
            "morning": ("morning", "at the crack of dawn", "early morning light", "daybreak"),
            "day": ("day", "in the middle of the day", "full daylight", "early afternoon"),
            "sunset": ("sunset", "with the sun going down", "the last light of the setting sun",
                       "dusk"),
            "night": ("night", "in the middle of the night", "the darkness of night",
                      "nighttime"),
        },
        "weather": {
            "clear": ("sunny", "in fine, cloudless weather", "clear skies", "the sky cleared up",
                      "a sky with no clouds at all"),
            "cloudy": ("cloudy", "beneath a thick layer of clouds", "solid cloud cover",
                       "it clouded over", "a sky full of gray clouds"),
            "rain": ("rain", "in the pouring rain", "rain showers", "it started to rain",
                     "a steady drizzle"),
            "snow": ("snow", "while snow comes down", "snowfall", "it started to snow",
                     "a flurry of snowflakes"),
            "fog": ("foggy", "with everything wrapped in mist", "heavy fog", "fog rolled in",
                    "a blanket of fog"),
        },
        "style": {
            "flat": ("a flat illustration", "in clean flat design"),
            "watercolor": ("a watercolor", "with watercolors on paper"),
            "ink wash": ("an ink wash painting", "in brushed Chinese ink"),
            "oil": ("an oil painting", "in thick oil paint"),
            "pixel art": ("pixel art", "in chunky retro pixels"),
            "line drawing": ("a line drawing", "with outlines only"),
        },
    },
    "zh": {
        "season": {
            "spring": ("春天", "阳春三月"), "summer": ("夏天", "盛夏时节"),
            "autumn": ("秋天", "金秋十月"), "winter": ("冬天", "寒冬腊月"),
        },
        "time": {
            "morning": ("清晨", "一大清早", "天刚亮"), "day": ("白天", "大白天", "晌午"),
            "sunset": ("黄昏", "傍晚", "太阳快下山"), "night": ("夜晚", "大晚上", "天黑透"),
        },
        "weather": {
            "clear": ("晴天", "万里无云的天气", "天空放晴"),
            "cloudy": ("阴天", "云层厚厚的阴天", "云层盖满天空"),
            "rain": ("下雨", "雨下个不停的天气", "下起雨来"),
            "snow": ("下雪", "雪花飘飘的天气", "飘起雪花"),
            "fog": ("大雾", "雾蒙蒙的天气", "雾气弥漫"),
        },
        "style": {
            "flat": ("扁平插画", "扁平矢量"), "watercolor": ("水彩画", "水彩晕染"),
            "ink wash": ("水墨画", "传统水墨"), "oil": ("油画", "古典油画"),
            "pixel art": ("像素画", "8-bit像素"), "line drawing": ("线描画", "纯线稿"),
        },
    },
}  # fmt: skip
ZH_SIDES = {"left": "左", "right": "右", "top": "上", "bottom": "下"}
NOTHING: dict[Language, tuple[str, ...]] = {
    "en": ("thanks", "hang on, my phone's ringing", "this one's a keeper", "lol nice",
           "who taught you to paint?", "what do you call this style?", "I wouldn't touch a thing",
           "how many colors are in it?", "can you make videos, too?",
           "let me show this to my wife first"),
    "zh": ("谢谢", "哇，好漂亮", "画得真快", "我先去吃个饭", "你叫什么名字？", "这种画法叫什么？",
           "我发给我妈看看", "就它了，定稿", "图里一共有几样东西？", "没别的要求了"),
}  # fmt: skip
"""What is said that asks for no change."""
UNDO: dict[Language, str] = {"en": "undo", "zh": "撤销"}
RULES: dict[Language, str] = {
    "en": "from now on everything as {style}", "zh": "以后的图都用{style}风格",
}  # fmt: skip
STATEMENTS = ("the ", "can ", "my client ", "I think ", "nah ")
"""How English forms begin that give no order."""
WISHES = ("就好看了", "色的")
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
