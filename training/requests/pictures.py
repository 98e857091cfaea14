"""Requests for new pictures: what they show, and how people say so."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from danqing.agent.language.lexicon import lexicon
from danqing.agent.llm.forms import SaidClaim, Understanding
from danqing.tools.world import world

from . import around, doing, phrases, scenery, scenes, words
from .grammar import Phrases
from .said import COLORS, REMARK, Fields, Group, Said, english, group, is_living, named

SCENES = ("season", "time", "weather", "setting", "style")
PLACES_EN = {
    "left": ("on the left", "at the left", "on the left side", "to the left", "on the far left"),
    "right": ("on the right", "at the right", "on the right side", "to the right"),
    "center": ("in the middle", "in the center", "at the center", "in the centre"),
    "top": ("at the top", "in the upper part"), "bottom": ("at the bottom", "in the lower part"),
    "top left": ("in the top left corner", "in the top left", "in the upper left corner"),
    "top right": ("in the top right corner", "in the top right", "in the upper right corner"),
    "bottom left": ("in the bottom left corner", "in the lower left corner"),
    "bottom right": ("in the bottom right corner", "in the lower right corner"),
    "foreground": ("in the foreground", "in front"),
    "background": ("in the background", "in the distance", "far away"),
}  # fmt: skip
PLACES_ZH = {
    "left": ("左边", "左侧", "画面左边", "最左边"), "right": ("右边", "右侧", "画面右边", "最右边"),
    "center": ("中间", "中央", "画面中央", "正中间"), "top": ("顶部", "画面上方"),
    "bottom": ("底部", "画面下方"), "top left": ("左上角", "左上方"),
    "top right": ("右上角", "右上方"), "bottom left": ("左下角", "左下方"),
    "bottom right": ("右下角", "右下方"),
    "foreground": ("前景", "近处"), "background": ("背景里", "远处"),
}  # fmt: skip
PLACE_WEIGHTS = (30, 30, 12, 3, 3, 5, 5, 4, 4, 4, 6)
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
UNWANTED = ("text", "watermark", "logo", "car", "animal", "building", "cloud", "border", "tree")
"""What is often not wanted."""
HOLDERS = (
    "sign",
    "banner",
    "billboard",
    "flag",
    "t-shirt",
    "door",
    "wall",
    "box",
    "balloon",
    "cup",
)


def draw(rng: Random, chinese: bool) -> tuple[str, Understanding]:
    """A request for a new picture, and what it asks for."""
    roll = rng.random()
    if roll < 0.03:
        return _free(rng, chinese)
    said = scenes.described(rng, chinese) if roll > 0.93 else shown(rng, chinese)
    text = _framed(rng, said.text, chinese)
    remarks = [claim["value"] for claim in said.claims if claim["kind"] == REMARK]
    claims = [claim for claim in said.claims if claim["kind"] != REMARK]
    if not claims:
        return draw(rng, chinese)
    if rng.random() < 0.12:
        text, more = _praised(rng, text, chinese)
        remarks += more
    told = list(dict.fromkeys(remarks))
    return text, Understanding(intent="make", claims=unique(claims), remarks=told)


def unique(claims: list[Fields]) -> list[SaidClaim]:
    """The claims as the form takes them, each once, in the order in which they are said."""
    return list(dict.fromkeys(SaidClaim(**fields) for fields in claims))


def shown(rng: Random, chinese: bool) -> Said:
    """Everything that a picture is to show, as a list of tags or as sentences."""
    mixed = not chinese if rng.random() < 0.05 else chinese  # two languages in one request
    things = _things(rng, chinese)
    told = {str(claim["kind"]) for one in things for claim in one.claims}
    scene = _scene(rng, mixed, least=0 if things else 1, told=told)
    if rng.random() < 0.14:
        gone = absent(rng, chinese)
        there = {claim.get("subject") for one in things for claim in one.claims}
        if not there & {claim["subject"] for claim in gone.claims}:
            scene.append(gone)
    if rng.random() < 0.05:
        things.append(written(rng, chinese))
    if rng.random() < 0.05:
        return labelled(rng, things, scene, chinese)
    said = _joined(rng, things, scene, chinese)
    drawn = {claim["value"] for claim in said.claims if claim["kind"] == "style"}
    if rng.random() < 0.2 and not drawn:
        told = scenery.medium(rng, mixed, said.text)
        return Said(told.text, [*told.claims, *said.claims])
    return said


_LABELS: dict[str, tuple[str, str]] = {
    "object": ("Subject Subjects Main-subject Content Objects", "主体 内容 元素 主角 画面"),
    "setting": ("Setting Background Location Scene Environment", "背景 场景 地点 环境"),
    "season": ("Season", "季节"), "time": ("Time Time-of-day Lighting", "时间"),
    "weather": ("Weather", "天气"), "style": ("Style Art-style Look Medium", "风格 画风"),
    "absent": ("Avoid Exclude Negative Not-wanted", "避免 排除 不要出现"),
}  # fmt: skip


def labelled(rng: Random, things: list[Said], scene: list[Said], chinese: bool) -> Said:
    """ "Subject: a fox. Setting: forest. Avoid: people", as designers write."""
    lines: list[tuple[str, str]] = []
    claims: list[Fields] = []
    if things:
        lines.append(("object", ("，" if chinese else ", ").join(one.text for one in things)))
        claims += [claim for one in things for claim in one.claims]
    kinds = list(
        dict.fromkeys(c["kind"] for one in scene for c in one.claims if c["kind"] in SCENES)
    )
    for kind in kinds:
        value = rng.choice(list(words.values(kind, chinese)))
        lines.append((kind, rng.choice(words.values(kind, chinese)[value][:3])))
        claims.append({"kind": kind, "value": value})
    if rng.random() < 0.35:
        there = {claim.get("subject") for claim in claims}
        gone = [words.thing(rng, chinese) for _ in range(rng.choice((1, 1, 2, 3)))]
        gone = [word for word in gone if word.name not in there]
        nouns = [words.surface(rng, word, chinese) for word in gone]
        if gone:
            lines.append(("absent", ("、" if chinese else ", ").join(
                nouns if chinese or rng.random() < 0.3 else map(words.many, nouns))))  # fmt: skip
            claims += [{"kind": "absent", "subject": word.name} for word in gone]
    if rng.random() < 0.3:
        mood = rng.choice(phrases.MOODS[chinese])
        lines.append(("mood", mood))
        claims.append({"kind": REMARK, "value": mood})
    labels = _LABELS | {"mood": ("Mood Atmosphere Feeling", "氛围 情绪 感觉")}
    mark = rng.choice(("：", "：", ":") if chinese else (": ", ": ", " - ", ":"))
    end = rng.choice(("；", "，", "。", "\n", " ") if chinese else ("; ", ". ", ", ", "\n", " | "))
    told = [
        (rng.choice(labels[kind][chinese].split()).replace("-", " "), text) for kind, text in lines
    ]
    if rng.random() < 0.4:
        told = [(label.lower(), text) for label, text in told]
    return Said(end.join(f"{label}{mark}{text}" for label, text in told), claims)


# -- the things


def _things(rng: Random, chinese: bool) -> list[Said]:
    n = rng.choices((0, 1, 2, 3, 4), (6, 40, 32, 16, 6))[0]
    bare = rng.random() < 0.25
    items: list[Said] = []
    used: set[str] = set()
    while len(items) < n:
        item = _item(rng, chinese, bare, rich=1.0 if n < 3 else 0.7)
        names = {str(claim.get("subject") or claim["kind"]) for claim in item.claims}
        names -= {REMARK}
        if not names & used:
            items.append(item)
            used |= names
    return items


def _item(rng: Random, chinese: bool, bare: bool, rich: float) -> Said:
    roll = rng.random()
    if roll < 0.24:
        return doing.draw(rng, chinese)
    if roll < 0.44:
        return around.draw(rng, chinese)
    if roll < 0.48:
        return doing.lying(rng, chinese)
    if roll < 0.51:
        return bare_of(rng, chinese)
    if roll < 0.61:
        return scenery.around(rng, chinese, _item(rng, chinese, bare, rich))
    roll = rng.random()
    if roll < 0.08:
        return _by_color(rng, chinese)
    if roll < 0.34:
        return _related(rng, chinese, bare, rich)
    if roll < 0.38:
        return _between(rng, chinese)
    if roll < 0.45:
        return _having(rng, chinese)
    if roll < 0.49:
        return _together(rng, chinese)
    if roll < 0.51:
        return _somebody(rng, chinese)
    one = group(rng, chinese, rich=rich, remarked=True)
    if roll < 0.7:
        return _placed(rng, one, chinese, bare)
    if one.action or roll < 0.73:
        return acting(rng, one, chinese, bare)
    return Said(named(rng, one, chinese, bare=bare), one.claims())


def _by_color(rng: Random, chinese: bool) -> Said:
    """ "a red house and two blue ones": things of one name, told by their colors."""
    first = group(rng, chinese, rich=0.0)
    colors = rng.sample(COLORS, 2)
    counts = [rng.choice((1, 1, 1, 2, 2, 3)) for _ in colors]
    groups = [
        replace(first, count=n, exact=False, color=(color, _plain(color, chinese)), told=True)
        for color, n in zip(colors, counts, strict=True)
    ]
    roll = rng.random()
    if roll < 0.15:
        return _of_all(rng, groups, chinese)
    if roll < 0.35:
        return _told_apart(rng, groups, chinese)
    texts = [named(rng, g, chinese) for g in groups]
    if not chinese and rng.random() < 0.3:
        second = groups[1]
        ones = "one" if second.count == 1 else "ones"
        number = (
            words.a(colors[1])
            if second.count == 1
            else (f"{words.number(rng, int(second.count or 1), False)} {colors[1]}")
        )
        texts[1] = f"{number} {ones}"
    claims = [claim for g in groups for claim in g.claims()]
    if rng.random() < 0.3:
        places = rng.sample(("left", "right"), 2)
        texts = [_at(rng, text, place, chinese) for text, place in zip(texts, places, strict=True)]
        claims = [
            claim
            for g, place in zip(groups, places, strict=True)
            for claim in [*g.claims(), _place(g, place)]
        ]
    return Said(
        rng.choice(("和", "，") if chinese else (" and ", " and ", ", ")).join(texts), claims
    )


def _of_all(rng: Random, groups: list[Group], chinese: bool) -> Said:
    """ "three cups: two red, one blue": how many there are, and how many of each color."""
    total = sum(int(g.count or 1) for g in groups)
    whole = replace(groups[0], count=total, color=None, told=False)
    parts = []
    for g in groups:
        n, color = int(g.count or 1), (g.color or ("", ""))[1]
        if chinese:
            m = words.measure(rng, g.word, g.noun)
            parts.append(
                f"{words.number(rng, n, True)}{m}{color if len(color) > 1 else color + '色'}的"
            )
        else:
            ones = rng.choice((" one" if n == 1 else " ones", "", ""))
            parts.append(f"{words.number(rng, n, False, digits=0.05)} {color}{ones}")
    claims = [*whole.claims(), *(claim for g in groups for claim in g.claims())]
    if chinese:
        return Said(
            f"{named(rng, whole, True)}，{rng.choice(('', '其中'))}{'，'.join(parts)}", claims
        )
    last = rng.choice((", ", " and ", ", and "))
    return Said(f"{named(rng, whole, False)}{rng.choice((': ', ', '))}{last.join(parts)}", claims)


def _told_apart(rng: Random, groups: list[Group], chinese: bool) -> Said:
    """ "a white dog to the left of a brown dog", or all of them on something: what is said of one
    of a name is said with its color."""
    claims = [claim for g in groups for claim in g.claims()]
    first, second = groups
    value = rng.choice(("left of", "right of", "above", "below"))
    link = rng.choice((LINKS_ZH if chinese else LINKS_EN)[value])
    texts = [named(rng, g, chinese) for g in groups]
    if rng.random() < 0.6:
        relation: Fields = {"kind": "relation", "subject": first.name, "value": value,
                            "object": second.name, "color": first.tag["color"],
                            "object_color": second.tag["color"]}  # fmt: skip
        be = rng.choice(("", "is " if first.count == 1 else "are "))
        text = f"{texts[0]}在{texts[1]}{link}" if chinese else f"{texts[0]} {be}{link} {texts[1]}"
        return Said(text, [*claims, relation])
    ground = replace(group(rng, chinese, rich=0.4, one=True), exact=False, action=None)
    if ground.name == first.name:
        return Said((" and ", "和")[chinese].join(texts), claims)
    relations: list[Fields] = [
        {"kind": "relation", "subject": g.name, "value": value, "object": ground.name, **g.tag}
        for g in groups
    ]
    both, on = (" and ", "和")[chinese].join(texts), named(rng, ground, chinese)
    text = f"{both}在{on}{link}" if chinese else f"{both} {link} {on}"
    return Said(text, [*claims, *ground.claims(), *relations])


def _plain(color: str, chinese: bool) -> str:
    return words.values("color", True)[color][0] if chinese else color


def _place(g: Group, place: str) -> Fields:
    return {"kind": "place", "subject": g.name, "value": place, **g.tag}


def _at(rng: Random, text: str, place: str, chinese: bool) -> str:
    if chinese:
        where = rng.choice(PLACES_ZH[place])
        return rng.choice((f"{where}有{text}", f"{text}在{where}", f"{where}是{text}",
                           f"{where}{text}", f"{where}的{text}"))  # fmt: skip
    where = rng.choice(PLACES_EN[place])
    be = rng.choice(("there is ", "is ", "", ""))
    return rng.choice((f"{text} {where}", f"{text} {where}", f"{where} {be}{text}",
                       f"{where}, {text}"))  # fmt: skip


def _placed(rng: Random, g: Group, chinese: bool, bare: bool) -> Said:
    place = rng.choices(list(PLACES_EN), PLACE_WEIGHTS)[0]
    text = _at(rng, named(rng, g, chinese, bare=bare), place, chinese)
    return Said(text, [*g.claims(), _place(g, place)])


def acting(rng: Random, g: Group, chinese: bool, bare: bool) -> Said:
    """Things and what they do; in the sky, which claims nothing, where they do nothing."""
    text = named(rng, g, chinese, bare=bare)
    if g.action is None:
        where = rng.choice(
            ("天上有{}", "{}在天空中") if chinese else ("{} in the sky", "{} in the air")
        )
        return Said(where.format(text), g.claims())
    does = g.action[1]
    if chinese:
        forms = (f"{text}在{does}", f"{text}正在{does}", f"{text}{does}",
                 f"{rng.choice(('', '正在'))}{does}的{text}")  # fmt: skip
    else:
        be = "is" if g.count == 1 else "are"
        forms = (f"{text} {does}", f"{text} {be} {does}", f"{text} that {be} {does}",
                 f"{text}, {does}")  # fmt: skip
    return Said(rng.choice(forms), [*g.claims(), *g.acts()])


def _related(rng: Random, chinese: bool, bare: bool, rich: float) -> Said:
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


def _between(rng: Random, chinese: bool) -> Said:
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
                   (f"{first}在{second}{rng.choice(('之间', '中间'))}", forward)]  # fmt: skip
    else:
        be = "is" if a.count == 1 else "are"
        options = [(f"{first} between {second}", forward), (f"between {second} {be} {first}", back),
                   (f"{second} with {first} between them", back)]  # fmt: skip
    return Said(*rng.choice(options))


def _somebody(rng: Random, chinese: bool) -> Said:
    """Somebody known by name, who is a thing like any other: "a photo of Marie Curie"."""
    name = rng.choice(phrases.NAMES[chinese])
    frame: Phrases = phrases.table("pictures")["somebody"]["zh" if chinese else "en"]
    text = frame.draw(rng, lambda _: name)
    return Said(text, [{"kind": "object", "subject": name.lower()}])


def _having(rng: Random, chinese: bool) -> Said:
    """Somebody with something: what is worn, held or eaten is a thing of its own."""
    who = replace(group(rng, chinese, word=_living(rng, chinese), rich=0.6), action=None)
    verb = rng.choice(list(HELD))
    en, zh, nouns = HELD[verb]
    word = words.one_of(rng, nouns, chinese)
    what = replace(group(rng, chinese, word=word, rich=0.8, one=rng.random() < 0.9), exact=False)
    first, second = named(rng, who, chinese), named(rng, what, chinese, bare=rng.random() < 0.4)
    does: list[Fields] = []
    if verb.endswith("!"):
        does = [{"kind": "object", "subject": who.name, "value": verb[:-1]}]
    forward = [*who.claims(), *does, *what.claims()]
    if not chinese:
        be = rng.choice(("", "", "is " if who.count == 1 else "are "))
        return Said(f"{first} {be if en != 'with' else ''}{en} {second}", forward)
    if rng.random() < 0.5:
        return Said(f"{first}{zh}{second}", forward)
    number = first[: len(first) - len(who.noun)] if first.endswith(who.noun) else ""
    if who.color or who.size or who.kinds or who.mood:
        return Said(f"{first}{zh}{second}", forward)
    return Said(f"{number}{zh}{second}的{who.noun}", [*what.claims(), *who.claims(), *does])


def _living(rng: Random, chinese: bool) -> words.Word:
    while True:
        word = words.thing(rng, chinese)
        if is_living(word):
            return word


_CLOTHES = ("hat", "scarf", "dress", "coat", "glasses", "crown", "cape", "helmet", "kimono", "mask",
            "sunglasses", "raincoat", "apron", "backpack")  # fmt: skip
_CARRIED = ("umbrella", "flower", "balloon", "book", "sword", "basket", "lantern", "kite", "flag",
            "guitar", "cup", "fan", "gift", "candle")  # fmt: skip
_FOOD = ("apple", "cake", "ice cream", "carrot", "banana", "cookie", "watermelon", "noodle")
HELD: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "wear": ("wearing", "戴着", _CLOTHES), "with": ("with", "带着", _CLOTHES + _CARRIED),
    "hold": ("holding", "拿着", _CARRIED), "carry": ("carrying", "抱着", _CARRIED),
    "eating!": ("eating", "吃着", _FOOD),
    "reading!": ("reading", "读着", ("book", "newspaper", "map")),
    "playing!": ("playing", "玩着", ("ball", "guitar", "piano", "violin", "drum")),
}  # fmt: skip
"""How somebody has something; "!" is what he does, too."""


def _together(rng: Random, chinese: bool) -> Said:
    """ "a cat and a dog sleeping on a sofa": each of them does, and each is there."""
    both = [
        replace(group(rng, chinese, word=_living(rng, chinese), rich=0.4), action=None)
        for _ in "ab"
    ]
    ground = replace(group(rng, chinese, rich=0.4, one=True), action=None)
    if len({g.name for g in (*both, ground)}) < 3:
        return _together(rng, chinese)
    value, does = rng.choice(words.actions(chinese))
    link = rng.choice(("above", "below", "near"))
    where = rng.choice((LINKS_ZH if chinese else LINKS_EN)[link])
    texts = [named(rng, g, chinese) for g in both]
    placed = rng.random() < 0.6
    if chinese:
        at = f"在{named(rng, ground, True, bare=True)}{where}" if placed else ""
        text = f"{texts[0]}和{texts[1]}{at}{does}"
    else:
        text = f"{texts[0]} and {texts[1]} {rng.choice(('', 'are '))}{does}"
        text += f" {where} {named(rng, ground, False)}" if placed else ""
    claims = [claim for g in both for claim in g.claims()]
    claims += [{"kind": "object", "subject": g.name, "value": value} for g in both]
    if placed:
        claims += ground.claims()
        if link != "near":
            claims += [
                {"kind": "relation", "subject": g.name, "value": link, "object": ground.name}
                for g in both
            ]
    return Said(text, claims)


# -- the whole picture


def _scene(rng: Random, chinese: bool, *, least: int, told: set[str]) -> list[Said]:
    """What is said of the whole picture, beside what is ``told`` already."""
    n = max(least, rng.choices((0, 1, 2, 3, 4), (40, 32, 17, 8, 3))[0])
    kinds = [kind for kind in rng.sample(SCENES, n) if kind not in told]
    if rng.random() < 0.15 and n >= 2 and not told & {"season", "time", "weather"}:
        return [_night_of_zh(rng) if chinese else _night_of(rng)]
    found = []
    for kind in kinds:
        roll = rng.random()
        if kind == "setting" and roll < 0.6:
            found.append(scenery.environment(rng, chinese))
        elif kind == "time" and roll < 0.2:
            found.append(scenery.sky(rng, chinese))
        elif kind == "style" and roll < 0.15:
            found.append(scenery.tones(rng, chinese))
        elif kind == "style" and roll < 0.25:  # of two styles
            found += [scene(rng, kind, chinese), scene(rng, kind, chinese)]
        else:
            found.append(scene(rng, kind, chinese))
    return found


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


def _night_of(rng: Random) -> Said:
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


def _night_of_zh(rng: Random) -> Said:
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


def absent(rng: Random, chinese: bool) -> Said:
    """What is not to be there."""
    language = "zh" if chinese else "en"
    if rng.random() < 0.12:
        nobody: Phrases = phrases.table("pictures")["nobody"][language]
        return Said(nobody.draw(rng), [{"kind": "absent", "subject": "person"}])
    n = rng.choices((1, 2, 3), (78, 16, 6))[0]
    gone = [words.thing(rng, chinese) for _ in range(n)]
    if rng.random() < 0.25:
        gone[0] = words.known()["person"]
    elif rng.random() < 0.25:
        gone[0] = words.known()[rng.choice(UNWANTED)]
    nouns = [words.surface(rng, word, chinese) for word in gone]
    one = not chinese and rng.random() < 0.2
    nouns = nouns if chinese or one else [words.many(noun) for noun in nouns]
    last = rng.choice(
        ("和", "、", "或", "也没有") if chinese else (" or ", " or ", " and ", ", no ")
    )
    x = last.join(filter(None, (("、" if chinese else ", ").join(nouns[:-1]), nouns[-1])))
    frame: Phrases = phrases.table("pictures")["absent"][language]
    claims = [{"kind": "absent", "subject": word.name} for word in gone]
    return Said(frame.draw(rng, lambda name: x), claims)


def bare_of(rng: Random, chinese: bool) -> Said:
    """ "a tree without leaves": a thing, and what it has not."""
    g = group(rng, chinese, rich=0.6, remarked=True)
    g = replace(g, action=None)
    part = words.thing(rng, chinese)
    if rng.random() < 0.6:
        name = rng.choice(list(phrases.PARTS))
        part = words.Word(name, (name,), (phrases.PARTS[name],))
    if part.name == g.name:
        return bare_of(rng, chinese)
    noun = words.surface(rng, part, chinese)
    claims = [*g.claims(), {"kind": "absent", "subject": part.name}]
    if chinese:
        if g.color or g.size or g.kinds or g.mood:
            return Said(f"{named(rng, g, True)}，没有{noun}", claims)
        number = named(rng, g, True).removesuffix(g.noun)
        return Said(f"{number}没有{noun}的{g.noun}", claims)
    many = noun if rng.random() < 0.3 else words.many(noun)
    link = rng.choice(("without", "without", "with no", "without any", "but no", "that has no"))
    return Said(f"{named(rng, g, False)} {link} {many}", claims)


def written(rng: Random, chinese: bool) -> Said:
    """Words in the picture, in quotes."""
    either = chinese if rng.random() < 0.8 else not chinese
    value = rng.choice(phrases.WRITTEN[either])
    if not either and rng.random() < 0.2:
        value = f"{value} {rng.choice(phrases.WRITTEN[False])}"
    marks = ("“”", "「」", '""', "‘’") if chinese else ('""', "''", "“”")
    q = value.join(rng.choice(marks))
    if value.isupper() and len(value) > 2 and rng.random() < 0.4:
        q = value  # capitals need no marks
    holder = words.one_of(rng, HOLDERS, chinese)
    claims: list[Fields] = []

    def fill(name: str) -> str:
        if name == "q":
            claims.append({"kind": "text", "value": value})
            return q
        claims.append({"kind": "object", "subject": holder.name})
        noun = words.surface(rng, holder, chinese)
        return noun if chinese else words.a(noun)

    frame: Phrases = phrases.table("pictures")["text"]["zh" if chinese else "en"]
    return Said(frame.draw(rng, fill), claims)


# -- the whole request


def _joined(rng: Random, things: list[Said], scene: list[Said], chinese: bool) -> Said:
    """All parts, as tags, as a phrase, or as sentences."""
    order = rng.random()
    parts = [*things, *scene] if order < 0.6 else [*scene, *things]
    if order > 0.92:
        rng.shuffle(parts)
    claims = [claim for part in parts for claim in part.claims]
    texts = [part.text for part in parts]
    if chinese:
        mark = rng.choice(("，", "，", "，", "，", "、", "；", " ", "。"))
        if len(things) > 1 and order < 0.4:
            rest = [part.text for part in scene]
            last = rng.choice(("和", "还有", "以及", "，"))
            listed = "，".join(part.text for part in things[:-1]) + last + things[-1].text
            return Said(mark.join([listed, *rest]), claims)
        return Said(mark.join(texts), claims)
    if order < 0.45 and things:
        told = texts[: len(things)]
        last = rng.choice((" and ", ", and ", " and ", ", plus "))
        listed = last.join(filter(None, (", ".join(told[:-1]), told[-1])))
        return Said(rng.choice((", ", " ", ", ")).join([listed, *texts[len(things) :]]), claims)
    if order < 0.52:
        return Said(". ".join(text[:1].upper() + text[1:] for text in texts), claims)
    return Said(rng.choice((", ", ", ", ", ", "; ", ",")).join(texts), claims)


def _framed(rng: Random, text: str, chinese: bool) -> str:
    frame: Phrases = phrases.table("pictures")["frame_zh" if chinese else "frame_en"]
    whom: Phrases = phrases.table("pictures")["whom"]["zh" if chinese else "en"]

    def fill(name: str) -> str:
        return text if name == "all" else whom.draw(rng, lambda _: _topic(rng, chinese))

    return frame.draw(rng, fill)


def _topic(rng: Random, chinese: bool) -> str:
    noun = words.surface(rng, words.thing(rng, chinese), chinese)
    return noun if chinese or rng.random() < 0.4 else words.many(noun)


def _praised(rng: Random, text: str, chinese: bool) -> tuple[str, list[str]]:
    table: Phrases = phrases.table("pictures")["remark"]["zh" if chinese else "en"]
    said = list(dict.fromkeys(table.draw(rng) for _ in range(rng.choice((1, 1, 2, 3)))))
    mark = "，" if chinese else ", "
    if rng.random() < 0.25:
        return mark.join([*said, text]), said
    return mark.join([text.rstrip(".?？。"), *said]), said


def _free(rng: Random, chinese: bool) -> tuple[str, Understanding]:
    """Something, anything: a picture that is asked for without a word of what it shows."""
    table: Phrases = phrases.table("talk")["anything"]["zh" if chinese else "en"]
    return table.draw(rng), Understanding(intent="make", remarks=["anything"])
