"""Chinese captions: tags, plain sentences and literary ones for what is `Said` of a scene."""

from __future__ import annotations

import numpy as np

from danqing.tools.world import world

from . import chinese_words as w
from .said import Item, Said, SaidGroup, pick


class Words:
    """The choice of words of one caption: the same thing is called the same throughout."""

    def __init__(self, said: Said, rng: np.random.Generator) -> None:
        self.said = said
        self.rng = rng
        self._nouns: dict[str, str] = {}

    def noun(self, group: SaidGroup) -> str:
        kind = group.kind
        if kind not in self._nouns:
            words = [word for word in world().objects[kind].zh if word not in w.UNUSED]
            if self.said.setting != "city":
                words = [word for word in words if word != "行人"]
            if not group.sky:
                words = [word for word in words if word != "飞鸟"]
            self._nouns[kind] = words[0] if self.rng.random() < 0.5 else pick(self.rng, words)
        return self._nouns[kind]

    def named(self, group: SaidGroup) -> str:
        """Color and noun: 红房子, 红色的房子, 穿红衣服的人."""
        noun = self.noun(group)
        if group.color is None:
            return noun
        short, nouns = w.SHORT_COLORS.get(group.color, ("", ()))
        longs = [word for word in world().colors[group.color].zh if word.endswith("色")]
        long = longs[0] if self.rng.random() < 0.75 else pick(self.rng, longs)
        if group.kind == "person":
            options = [f"穿{long}衣服的{noun}", f"身穿{long}衣服的{noun}"]
            if group.color in w.SHORT_CLOTHES:
                options.append(f"穿{short}衣服的{noun}")
            return pick(self.rng, options)
        if noun in nouns and self.rng.random() < 0.5:
            return short + noun
        return f"{long}{'' if len(noun) > 1 and self.rng.random() < 0.4 else '的'}{noun}"

    def measured(self, group: SaidGroup, number: str) -> str:
        """A number with the measure word of the group's noun: 两棵."""
        measures = w.MEASURES[self.noun(group)]
        return number + (measures[0] if self.rng.random() < 0.7 else pick(self.rng, measures))

    def new(self, group: SaidGroup, *, digits: bool = False) -> str:
        """The first mention with its count: 两棵绿树, 几只鸟, 一轮太阳 or just 太阳."""
        if group.count is None:
            return self.named(group)
        if group.count == "several":
            several = pick(self.rng, ("几", "好几", "一些"))
            number = several if several == "一些" else self.measured(group, several)
            return number + self.named(group)
        if group.kind in ("sun", "moon") and self.rng.random() < 0.5:
            return self.named(group)
        number = str(group.count) if digits and group.count > 1 else w.NUMBERS[group.count]
        return self.measured(group, number) + self.named(group)

    def mention(self, group: SaidGroup, item: Item, *, bare: bool = False) -> str:
        """What is known, or (with ``bare``) not counted, has no number: 红房子."""
        if group.number in item.known or (bare and group.single):
            return self.named(group)
        return self.new(group)

    def objects(self, item: Item, *, bare: bool) -> str:
        both = [self.mention(group, item, bare=bare) for group in item.groups[1:]]
        return pick(self.rng, ("和", "与")).join(both)

    def held(self, item: Item, *, bare: bool = False) -> tuple[str, str]:
        """Where the first group is held, after what has to be said before: ("", 蓝色的船里).

        Of several like holders it is one: (三艘蓝色的船, 其中一艘里).
        """
        holder = item.groups[1]
        link = "里" if item.link == "inside" else "上"
        if not holder.single:
            known = holder.number in item.known
            return "" if known else self.new(holder), f"其中{self.measured(holder, '一')}{link}"
        text = self.mention(holder, item, bare=bare)
        if text == "桌子" and self.rng.random() < 0.5:
            text = "桌"
        return "", text + link

    def place(self, group: SaidGroup) -> str:
        """左边, 左边的天空中, 天上 or nothing."""
        sky = ""
        if group.sky and not self.said.indoors and self.rng.random() < 0.45:
            sky = pick(self.rng, w.SKY)
        if group.place not in w.PLACES:
            return sky
        side = pick(self.rng, w.PLACES[group.place])
        return f"{side}的{sky}" if sky else side

    def verb(self, item: Item) -> str:
        first = item.groups[0]
        table = w.AIR_VERBS if first.sky and first.kind in w.AIR_VERBS else w.VERBS
        if item.link in ("inside", "on"):
            table = w.HELD_VERBS if first.kind in w.HELD_VERBS else w.VERBS
        return pick(self.rng, table[first.kind])

    def where(self, item: Item) -> tuple[str, str]:
        """Where the first group is, after what has to be said before: ("", 两棵树的左边)."""
        if item.link is None:
            return "", self.place(item.groups[0])
        bare = self.rng.random() < 0.4
        if item.link in ("inside", "on"):
            return self.held(item, bare=bare)
        link = pick(self.rng, w.LINKS[item.link])
        of = "的" if item.link != "between" and self.rng.random() < 0.5 else ""
        return "", self.objects(item, bare=bare) + of + link

    def clause(self, item: Item) -> str:
        """A plain clause: 左边有一座红房子, 一座红房子在左边, 有两棵树."""
        before, where = self.where(item)
        text = self.mention(item.groups[0], item)
        if not where:
            return f"有{text}"
        verb = self.verb(item) if self.rng.random() < 0.35 else pick(self.rng, ("有", "有", "是"))
        if verb == "是" and item.groups[0].sky and item.link is None:
            verb = "有"
        if before:
            return f"有{before}，{where}有{text}"
        if self.rng.random() < 0.3:
            return f"{text}在{where}"
        return f"{where}{'有' if item.link and verb == '是' else verb}{text}"

    def scene_of(self, item: Item) -> str:
        """A literary clause: 左边静静地立着一座红房子."""
        first = item.groups[0]
        before, where = self.where(item)
        text, verb = self.mention(first, item), self.verb(item)
        drifts = first.sky and first.kind in w.DRIFTING
        category = world().objects[first.kind].category or ""
        adverb = pick(self.rng, w.DRIFTING_ADVERBS if drifts else w.ADVERBS[category])
        if before:
            return f"{before}，{where}{verb}{text}"
        if where and self.rng.random() < 0.6:
            return f"{where}{adverb if self.rng.random() < 0.7 else ''}{verb}{text}"
        verb = "立着" if verb == "坐落着" else verb  # it needs its place before it
        return _joined(where, f"{text}{adverb}{verb}")


def caption(said: Said, rng: np.random.Generator, register: str) -> str:
    """A caption in the register "terse", "plain" or "florid"."""
    grammar = {"terse": _terse, "plain": _plain, "florid": _florid}[register]
    return grammar(said, Words(said, rng))


def _terse(said: Said, words: Words) -> str:
    rng = words.rng
    digits = rng.random() < 0.12
    things = [_tag(item, words, digits=digits) for item in said.items]
    w_ = world()
    tags = [
        pick(rng, table[value].zh)
        for table, value in (
            (w_.settings, said.setting), (w_.seasons, said.season), (w_.times, said.time),
            (w_.weathers, said.weather),
        )
        if value
    ]  # fmt: skip
    rng.shuffle(tags)
    style = []
    if said.style:
        style.append(pick(rng, w.STYLES[said.style] + w.STYLE_MANNERS[said.style]))
    orders = (things + tags + style, things + tags + style, style + things + tags,
              style + tags + things, tags + things + style)  # fmt: skip
    return pick(rng, ("，", "，", "，", "、", " ")).join(pick(rng, orders))


def _tag(item: Item, words: Words, *, digits: bool) -> str:
    rng, first = words.rng, item.groups[0]
    bare = rng.random() < 0.6
    if first.number in item.known or (bare and first.single):
        text = words.named(first)
    else:
        text = words.new(first, digits=digits)
    if item.link is None:
        place = pick(rng, w.PLACES[first.place]) if first.place in w.PLACES else ""
        if not place:
            return text
        return pick(rng, (f"{text}在{place}", f"{place}{text}", f"{place}有{text}"))
    if item.link in ("inside", "on"):
        before, where = words.held(item, bare=bare)
        if before:
            return f"{before}，{where}有{text}"
    else:
        where = words.objects(item, bare=bare) + pick(rng, w.LINKS[item.link])
    return pick(rng, (f"{text}在{where}", f"{where}有{text}"))


def _plain(said: Said, words: Words) -> str:
    rng = words.rng
    when = _when(said, rng)
    weather = _weather(said, rng, w.WEATHERS)
    setting = pick(rng, w.SETTINGS[said.setting]) if said.setting else ""
    simple = all(item.link is None and item.groups[0].place is None for item in said.items)
    if simple and rng.random() < 0.6:  # 草地上有一座红房子和两棵树
        things = _listed([words.new(item.groups[0]) for item in said.items], rng)
        lead = _joined(when, weather if rng.random() < 0.5 else "")
        late = "" if weather and lead.endswith(weather) else weather
        if rng.random() < 0.5:
            start = f"{setting or pick(rng, ('画面里', '画中', ''))}有{things}"
            text = _joined(lead, start, late)
        else:
            text = _joined(f"{setting}的{things}" if setting else things, when, weather)
    else:
        clauses = _clauses(said, words)
        lead = [part for part in (when, setting) if part]
        if rng.random() < 0.3:
            lead.reverse()
        late = rng.random() < 0.4
        head = _joined(*lead, "" if late else weather)
        clauses = [
            "还" + clause if n and clause.startswith("有") else clause
            for n, clause in enumerate(clauses)
        ]
        body = pick(rng, ("，", "，", "；")).join(clauses)
        head = head or ("" if rng.random() < 0.5 else pick(rng, ("画面里", "画中")))
        text = _joined(head, body, weather if late else "")
    return _styled(text, said, rng)


def _clauses(said: Said, words: Words) -> list[str]:
    """The items as clauses; those without a place are told together: 有一座房子和两棵树."""
    plain = [item for item in said.items if item.link is None and not item.groups[0].place]
    if len(plain) < 2:
        return [words.clause(item) for item in said.items]
    together = "有" + _listed([words.new(item.groups[0]) for item in plain], words.rng)
    rest = [words.clause(item) for item in said.items if item not in plain]
    return [*rest, together] if words.rng.random() < 0.5 else [together, *rest]


def _styled(text: str, said: Said, rng: np.random.Generator) -> str:
    """The sentence with its style before or after it."""
    period = "。" if rng.random() < 0.8 else ""
    if not said.style:
        return text + period
    noun, manner = pick(rng, w.STYLES[said.style]), pick(rng, w.STYLE_MANNERS[said.style])
    forms = (
        f"一幅{noun}：{text}{period}", f"{noun}，{text}{period}", f"{text}，画成{noun}{period}",
        f"{text}，{manner}{period}", f"{manner}：{text}{period}", f"{text}。这是一幅{noun}。",
    )  # fmt: skip
    return pick(rng, forms)


def _florid(said: Said, words: Words) -> str:
    rng = words.rng
    when = _when(said, rng, of="")
    if when and rng.random() < 0.6:
        when = pick(rng, ("", "", "一个") if said.time else ("",)) + pick(rng, w.MOODS) + when
    weather = _weather(said, rng, w.FLORID_WEATHERS)
    setting = pick(rng, w.FLORID_SETTINGS[said.setting]) if said.setting else ""
    first, *rest = (words.scene_of(item) for item in said.items)
    lead = [part for part in (when, weather) if part]
    if rng.random() < 0.3:
        lead.reverse()
    text = _joined(*lead, setting, first)
    for clause in rest:
        text += pick(rng, ("，", "；", "。")) + clause
    return f"{text}。{pick(rng, w.FLORID_STYLES[said.style])}。" if said.style else f"{text}。"


def _when(said: Said, rng: np.random.Generator, *, of: str = "的") -> str:
    """冬天的夜晚, 冬夜, 夜里, 冬天 or nothing; without ``of``, 冬日夜晚."""
    season = pick(rng, w.SEASONS[said.season]) if said.season else ""
    if season and not of:
        season = season[0] + "日"
    if not said.time:
        return season
    time = pick(rng, w.TIMES[said.time])
    if not season:
        if said.time == "night" and said.weather in ("rain", "snow") and rng.random() < 0.3:
            return {"rain": "雨夜", "snow": "雪夜"}[said.weather]
        return time
    if said.time == "night" and rng.random() < 0.35:
        return season[0] + "夜"
    return f"{season}{of if season[1] != '日' or rng.random() < 0.5 else ''}{time}"


def _weather(said: Said, rng: np.random.Generator, table: dict[str, tuple[str, ...]]) -> str:
    if not said.weather:
        return ""
    options = table[said.weather]
    if said.weather == "clear" and table is w.WEATHERS:
        options += ("阳光明媚", "是个晴天") * said.sunny + ("晴空万里",) * said.cloudless
    return (pick(rng, ("窗外", "外面")) if said.indoors else "") + pick(rng, options)


def _listed(parts: list[str], rng: np.random.Generator) -> str:
    """一座房子、两棵树和三只鸟."""
    last = pick(rng, ("和", "和", "与"))
    return "、".join(parts[:-1]) + (last if len(parts) > 1 else "") + parts[-1]


def _joined(*parts: str) -> str:
    return "，".join(part for part in parts if part)
