"""Requests for new pictures: what they show, and how people say so."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from danqing.agent.llm.forms import SaidClaim, Understanding

from . import around, colors, doing, phrases, places, scenery, scenes, wearing, words
from .grammar import Phrases
from .said import REMARK, Fields, Group, Said, group, named

SCENES = ("season", "time", "weather", "setting", "style")
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
    "mood": ("Mood Atmosphere Feeling", "氛围 情绪 感觉"),
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
    mark = rng.choice(("：", "：", ":") if chinese else (": ", ": ", " - ", ":"))
    end = rng.choice(("；", "，", "。", "\n", " ") if chinese else ("; ", ". ", ", ", "\n", " | "))
    told = [
        (rng.choice(_LABELS[kind][chinese].split()).replace("-", " "), text) for kind, text in lines
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
        return colors.draw(rng, chinese)
    if roll < 0.34:
        return places.related(rng, chinese, bare, rich)
    if roll < 0.38:
        return places.between(rng, chinese)
    if roll < 0.395:
        return places.definite(rng, chinese)
    if roll < 0.45:
        return wearing.draw(rng, chinese)
    if roll < 0.49:
        return _together(rng, chinese)
    if roll < 0.51:
        return _somebody(rng, chinese)
    one = group(rng, chinese, rich=rich, remarked=True)
    if roll < 0.7:
        return places.placed(rng, one, chinese, bare)
    if one.action or roll < 0.73:
        return acting(rng, one, chinese, bare)
    return Said(named(rng, one, chinese, bare=bare), one.claims())


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


def _somebody(rng: Random, chinese: bool) -> Said:
    """Somebody known by name, who is a thing like any other: "a photo of Marie Curie"."""
    name = rng.choice(phrases.NAMES[chinese])
    frame: Phrases = phrases.table("pictures")["somebody"]["zh" if chinese else "en"]
    text = frame.draw(rng, lambda _: name)
    return Said(text, [{"kind": "object", "subject": name.lower()}])


def _together(rng: Random, chinese: bool) -> Said:
    """ "a cat and a dog sleeping on a sofa": each of them does, and each is there."""
    both = [
        replace(group(rng, chinese, word=doing.living(rng, chinese), rich=0.4), action=None)
        for _ in "ab"
    ]
    ground = replace(group(rng, chinese, rich=0.4, one=True), action=None)
    if len({g.name for g in (*both, ground)}) < 3:
        return _together(rng, chinese)
    value, does = rng.choice(words.actions(chinese))
    link = rng.choice(("above", "below", "near"))
    where = rng.choice((places.LINKS_ZH if chinese else places.LINKS_EN)[link])
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
        return [scenery.night_zh(rng) if chinese else scenery.night(rng)]
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
            found += [scenery.scene(rng, kind, chinese), scenery.scene(rng, kind, chinese)]
        else:
            found.append(scenery.scene(rng, kind, chinese))
    return found


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
