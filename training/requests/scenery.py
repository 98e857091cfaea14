"""Where and when it is, and as what it is drawn, woven into what is said of the things."""

from __future__ import annotations

from random import Random

from danqing.agent.language.lexicon import lexicon
from danqing.tools.world import world

from . import phrases, words
from .grammar import Phrases
from .said import REMARK, Fields, Said, pair

_AT_EN = {
    "on": ("beach", "hill", "road", "farm", "rooftop", "island", "playground", "street", "mars",
           "savanna", "tundra", "stage", "boardwalk", "steppe", "moor"),
    "at": ("beach", "market", "pool", "farm", "park", "playground", "zoo", "airport", "circus",
           "station", "train station", "cafe", "school"),
    "by": ("sea", "lake", "river", "pond", "stream", "pool", "road", "harbor"),
}  # fmt: skip
_BARE_EN = ("indoors", "space", "underwater", "heaven", "paris", "london", "new york", "tokyo",
            "kyoto", "venice", "rome", "beijing", "shanghai", "hong kong", "egypt",
            "hawaii")  # fmt: skip
_SKY = {
    False: (("under a starry sky", "night", "star"), ("a sky full of stars", "night", "star"),
            ("starry night", "night", "star"), ("on a starry night", "night", "star"),
            ("by moonlight", "night", "moon"), ("in the moonlight", "night", "moon"),
            ("on a moonlit night", "night", "moon"), ("moonlit", "night", "moon")),
    True: (("星空下", "night", "star"), ("星空", "night", "star"), ("繁星满天", "night", "star"),
           ("月光下", "night", "moon"), ("月夜", "night", "moon"), ("在月光下", "night", "moon")),
}  # fmt: skip
_TONES_EN = ("warm", "cool", "pastel", "muted", "earthy", "neutral", "soft", "dark", "bright",
             "cold", "vivid")  # fmt: skip


def environment(rng: Random, chinese: bool, *, bare: bool = False) -> Said:
    """ "in a misty autumn forest": a setting, with what is said of it; ``bare``, without "in"."""
    claims: list[Fields] = []
    told: list[str] = []

    def add(kind: str) -> None:
        table = phrases.SCENERY[f"{kind}_{'zh' if chinese else 'en'}"]
        value = rng.choice(list(table))
        claims.append({"kind": kind, "value": value})
        told.append(rng.choice(table[value].split()))

    if rng.random() < 0.2:
        mood = rng.choice(phrases.MOODS[chinese])
        claims.append({"kind": REMARK, "value": mood})
        told.append(f"{mood}的" if chinese else mood)
    if rng.random() < 0.35:
        add("weather")
    if rng.random() < 0.2:
        add("season")
    elif rng.random() < 0.15:
        add("time")
    value, word = place(rng, chinese)
    if "雪" in word and not any(claim["kind"] == "weather" for claim in claims):
        claims.append({"kind": "weather", "value": "snow"})
    claims.append({"kind": "setting", "value": value})
    if bare:
        return Said(("" if chinese else " ").join([*told, word]), claims)
    if chinese:
        return Said(_at_zh(rng, "".join(told) + word), claims)
    return Said(_at_en(rng, value, " ".join([*told, word])), claims)


def place(rng: Random, chinese: bool) -> tuple[str, str]:
    """A setting and a word for it."""
    if rng.random() < 0.25:
        value = rng.choice([one for one, zh in phrases.ENVIRONMENTS.items() if zh or not chinese])
        return value, phrases.ENVIRONMENTS[value] if chinese else value
    table = words.values("setting", chinese)
    value = rng.choice(list(table))
    return value, table[value][0] if rng.random() < 0.5 else rng.choice(table[value])


def around(rng: Random, chinese: bool, what: Said) -> Said:
    """ "a misty forest with a fox", "雾蒙蒙的森林里有一只狐狸": things, and where they are."""
    said = environment(rng, chinese, bare=True)
    where, back = said.text, [*said.claims, *what.claims]
    if chinese:
        inner = "" if where[-1] in "里上中下边间内面" else _inner(rng, where)
        at = f"{where}{inner}"
        ways = ("{}有{}", "{}，{}", "在{}有{}", "{}的{}", "{}{}", "")
        way = rng.choice(ways)
        text = way.format(at, what.text) if way else f"{what.text}在{at}"
        return Said(text, [*what.claims, *said.claims] if text.startswith(what.text) else back)
    value = str(said.claims[-1]["value"])
    if value in _BARE_EN:
        text = where if value in ("indoors", "underwater") else f"in {where}"
        return Said(f"{what.text} {text}", [*what.claims, *said.claims])
    named = where if where.endswith("s") else words.a(where)
    roll = rng.random()
    if roll < 0.35:
        link = rng.choice(("with", "with", "where there is", "and", "featuring", "showing"))
        return Said(f"{named} {link} {what.text}", back)
    prep = _prep(rng, value)
    the = named if rng.random() < 0.65 else f"the {where}"
    if roll < 0.5:
        return Said(f"{prep} {the}, {what.text}", back)
    return Said(f"{what.text} {prep} {the}", [*what.claims, *said.claims])


def _prep(rng: Random, value: str) -> str:
    preps = ["in"] if value not in _AT_EN["by"] else []
    return rng.choice(preps + [prep for prep, values in _AT_EN.items() if value in values])


def _inner(rng: Random, text: str) -> str:
    return rng.choice(("里", "中", "上" if text[-1] in "地原坡路海台场" else "里"))


def _at_en(rng: Random, value: str, text: str) -> str:
    article = "" if value in _BARE_EN or (text.endswith("s") and rng.random() < 0.6) else "a"
    if article and rng.random() < 0.35:
        article = "the"
    named = words.a(text) if article == "a" else f"{article} {text}".strip()
    if value in ("indoors", "underwater"):
        return text
    prep = _prep(rng, value)
    return rng.choice((
        f"{prep} {named}", f"{prep} {named}", f"{prep} {named}", named, f"set {prep} {named}",
        f"{prep} the middle of {named}" if prep in ("in", "on") else f"{prep} {named}",
        f"with {named} in the background", f"against {named}", f"the background is {named}",
        f"the scene is {named}", f"at the edge of {named}" if prep == "in" else named,
    ))  # fmt: skip


def _at_zh(rng: Random, text: str) -> str:
    inner = "" if text[-1] in "里上中下边间内面" else _inner(rng, text)
    return rng.choice((
        f"在{text}{inner}", f"{text}{inner}", f"在{text}", text, f"背景是{text}",
        f"以{text}为背景", f"场景是{text}", f"地点是{text}",
    ))  # fmt: skip


def sky(rng: Random, chinese: bool) -> Said:
    """ "under a starry sky": the night and its stars; or a sky of some color."""
    if rng.random() < 0.3:
        value, word = pair(rng, "color", chinese)
        claims: list[Fields] = [{"kind": "object", "subject": "sky"},
                                {"kind": "color", "subject": "sky", "value": value}]  # fmt: skip
        word = word if word.endswith("色") or not chinese else f"{word}色"
        text = rng.choice((f"{word}的天空", f"在{word}的天空下", f"天空是{word}的") if chinese else
                          (f"under {words.a(word)} sky", f"{words.a(word)} sky", f"the sky is {word}"))  # noqa: E501  # fmt: skip
        return Said(text, claims)
    if not chinese and rng.random() < 0.2:
        claims = [{"kind": "object", "subject": "moon"},
                  {"kind": "object", "subject": "moon", "value": "full"}]  # fmt: skip
        return Said(rng.choice(("under a full moon", "a full moon", "with a full moon")), claims)
    text, time, thing = rng.choice(_SKY[chinese])
    return Said(text, [{"kind": "time", "value": time}, {"kind": "object", "subject": thing}])


def tones(rng: Random, chinese: bool) -> Said:
    """The palette of the whole picture."""
    if chinese:
        word = rng.choice(list(phrases.TONES))
        text = rng.choice((word, f"整体{word}", f"{word}为主"))
        return Said(text, [{"kind": "style", "value": phrases.TONES[word]}])
    how = rng.choice(_TONES_EN) if rng.random() < 0.6 else pair(rng, "color", False)[0]
    value = f"{how} tones"
    return Said(
        rng.choice((f"in {value}", value, f"{value} throughout")),
        [{"kind": "style", "value": value}],
    )


def medium(rng: Random, chinese: bool, rest: str) -> Said:
    """What it is drawn as, before what it shows: "a watercolor of …"; a medium alone is nothing."""
    table: dict[str, Phrases] = phrases.table("pictures")["medium_zh" if chinese else "medium_en"]
    value = "none" if rng.random() < 0.4 else rng.choice(list(table))
    known = words.values("style", chinese)
    if rng.random() < 0.35:
        value = rng.choice(list(known))
        frame: Phrases = phrases.table("pictures")["drawn"]["zh" if chinese else "en"]
        word = rng.choice(known[value][:4])
        said = frame.draw(rng, lambda name: words.a(word) if name == "a x" else word)
    else:
        said = table[value].draw(rng)
    claims: list[Fields] = [
        {"kind": "style", "value": one} for one in value.split("+") if one != "none"
    ]
    if chinese:
        mark = "" if said.endswith("的") else rng.choice(("，", "：", "，"))
        return Said(f"{said}{mark}{rest}", claims)
    return Said(f"{said} {rest}", claims)


def scene(rng: Random, kind: str, chinese: bool, value: str | None = None) -> Said:
    """One value of the whole picture, as people say it; half of them the painter's own."""
    table = words.values(kind, chinese)
    own = getattr(world(), f"{kind}s")
    if value is None:
        value = rng.choice(list(own)) if rng.random() < 0.7 else rng.choice(list(table))
    claim = {"kind": kind, "value": value}
    said: dict[str, Phrases] = phrases.table("pictures")["world_zh" if chinese else "world_en"]
    if value in said and rng.random() < 0.75:
        return Said(said[value].draw(rng), [claim])
    options = table.get(value) or [value]
    word = options[0] if rng.random() < 0.5 else rng.choice(options)
    if chinese and kind == "setting" and value in lexicon().weak_settings:
        return Said(f"在{word}", [claim])  # alone it would be a thing
    frame: Phrases = phrases.table("pictures")["scene_zh" if chinese else "scene_en"][kind]
    return Said(frame.draw(rng, lambda name: words.a(word) if name[0] == "a" else word), [claim])


_NIGHT = {
    "weather": {"rain": "rainy", "snow": "snowy", "fog": "foggy", "cloudy": "cloudy",
                "clear": "clear", "storm": "stormy"},
    "season": {"spring": "spring", "summer": "summer", "autumn": "autumn", "winter": "winter"},
    "time": {"morning": "morning", "night": "night", "sunset": "evening", "day": "afternoon"},
}  # fmt: skip


def night(rng: Random) -> Said:
    """ "on a snowy winter night"."""
    kinds = ["weather", "season", "time"]
    if rng.random() < 0.5:
        kinds.pop(rng.randrange(2))
    values = {kind: rng.choice(list(_NIGHT[kind])) for kind in kinds}
    text = " ".join(_NIGHT[kind][value] for kind, value in values.items())
    claims = [{"kind": kind, "value": value} for kind, value in values.items()]
    return Said(f"{rng.choice(('on ', 'on ', ''))}{words.a(text)}", claims)


_NIGHTS_ZH = {
    "冬夜": ("season", "winter"), "夏夜": ("season", "summer"), "秋夜": ("season", "autumn"),
    "春夜": ("season", "spring"), "雪夜": ("weather", "snow"), "雨夜": ("weather", "rain"),
}  # fmt: skip


def night_zh(rng: Random) -> Said:
    """ "冬夜", "秋天的傍晚"."""
    if rng.random() < 0.4:
        word = rng.choice(list(_NIGHTS_ZH))
        kind, value = _NIGHTS_ZH[word]
        claims = [{"kind": kind, "value": value}, {"kind": "time", "value": "night"}]
        return Said(f"{rng.choice(('', '在', '一个'))}{word}", claims)
    season, time = (rng.choice(list(_NIGHT[kind])) for kind in ("season", "time"))
    words_ = [
        rng.choice(words.values(k, True)[v][:4]) for k, v in (("season", season), ("time", time))
    ]
    claims = [{"kind": "season", "value": season}, {"kind": "time", "value": time}]
    return Said("的".join(words_), claims)
