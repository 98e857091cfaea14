"""English captions: tags, plain sentences and literary ones for what is `Said` of a scene."""

from __future__ import annotations

import numpy as np

from danqing.tools.painter_words import article, noun_is_worn, number_word, plural
from danqing.tools.world import world

from . import english_words as w
from .said import Item, Said, SaidGroup, pick


class Words:
    """The choice of words of one caption: the same thing is called the same throughout."""

    def __init__(self, rng: np.random.Generator, indoors: bool) -> None:
        self.rng = rng
        self.indoors = indoors
        self._nouns: dict[str, str] = {}

    def noun(self, kind: str) -> str:
        if kind not in self._nouns:
            others = [word for word in world().objects[kind].en if word not in w.UNUSED]
            if kind == "lamp" or not others or self.rng.random() < 0.65:
                self._nouns[kind] = kind
            else:
                self._nouns[kind] = pick(self.rng, others)
        return self._nouns[kind]

    def color(self, color: str) -> str:
        others = [word for word in world().colors[color].en if word not in w.UNUSED]
        return pick(self.rng, others) if others and self.rng.random() < 0.12 else color

    def named(self, group: SaidGroup) -> str:
        """Noun and color without a count: "red houses", "person in blue"."""
        noun = self.noun(group.kind) if group.single else plural(self.noun(group.kind))
        if group.color is None:
            return noun
        color = self.color(group.color)
        if noun_is_worn(noun):
            return f"{noun} {pick(self.rng, ('in', 'in', 'dressed in', 'wearing'))} {color}"
        return f"{color} {noun}"

    def new(self, group: SaidGroup, *, bare: bool = False) -> str:
        """The first mention: "a red house", "several trees"; with ``bare``, one has no article."""
        named = self.named(group)
        if group.count is None:
            return named
        if group.count == 1:
            if bare:
                return named
            if group.kind in ("sun", "moon") and self.rng.random() < 0.6:
                return f"the {named}"
            return f"{article(named)} {named}"
        if group.count == "several":
            return f"{pick(self.rng, ('several', 'several', 'some'))} {named}"
        if bare and self.rng.random() < 0.35:
            return f"{group.count} {named}"
        if group.count == 2 and self.rng.random() < 0.12:
            return f"{pick(self.rng, ('a couple of', 'a pair of'))} {named}"
        return f"{number_word(group.count)} {named}"

    def mention(self, group: SaidGroup, item: Item, *, bare: bool = False) -> str:
        if group.number in item.known:
            return f"the {self.named(group)}"
        return self.new(group, bare=bare)

    def holder(self, item: Item, *, bare: bool = False) -> str:
        """What holds the first group: of several like things it is one."""
        group = item.groups[1]
        text = self.mention(group, item, bare=bare and group.single)
        return text if group.single else f"one of {'the ' if group.count is None else ''}{text}"

    def objects(self, item: Item, *, bare: bool = False) -> str:
        """What the first group is related to: "the tree", "a house and two trees"."""
        return " and ".join(self.mention(group, item, bare=bare) for group in item.groups[1:])

    def place(self, group: SaidGroup) -> str:
        """ "on the left", "in the sky on the left", "in the sky" or ""."""
        parts = []
        if group.sky and not self.indoors and self.rng.random() < 0.4:
            parts.append("in the sky")
        if group.place is not None:
            parts.append(pick(self.rng, w.PLACES[group.place]))
        return " ".join(parts)

    def item(self, item: Item) -> str:
        """The item as a noun phrase: "a red house to the left of two trees"."""
        first = item.groups[0]
        if item.link is None:
            return _spaced(self.mention(first, item), self.place(first))
        link = pick(self.rng, w.LINKS[item.link])
        if item.link in ("inside", "on"):
            holder = item.groups[1]
            fresh = not item.known & {first.number, holder.number}
            if holder.single and fresh and self.rng.random() < 0.4:
                inner = pick(self.rng, ("in it", "inside")) if item.link == "inside" else "on it"
                text = f"{self.new(holder)} with {self.new(first)} {inner}"
            else:
                text = f"{self.mention(first, item)} {link} {self.holder(item)}"
            known = holder.number in item.known or not holder.single
            return text if known else _spaced(text, self.place(holder))
        return f"{self.mention(first, item)} {link} {self.objects(item)}"

    def clause(self, item: Item) -> str:
        """The item as a plain sentence without a period: "there is a red house on the left"."""
        first = item.groups[0]
        be = "is" if first.single else "are"
        if item.link in ("inside", "on"):
            link = pick(self.rng, w.LINKS[item.link])
            return f"{self.mention(first, item)} {be} {link} {self.holder(item)}"
        if item.link is not None:
            link = pick(self.rng, w.FULL_LINKS[item.link])
            if self.rng.random() < 0.25:
                return f"{link} {self.objects(item)} {be} {self.mention(first, item)}"
            return f"{self.mention(first, item)} {be} {link} {self.objects(item)}"
        text, place = self.mention(first, item), self.place(first)
        if not place:
            return f"there {be} {text}"
        forms = (f"there {be} {text} {place}", f"{text} {be} {place}", f"{place} {be} {text}",
                 f"{place} there {be} {text}")  # fmt: skip
        return pick(self.rng, forms)

    def scene_of(self, item: Item, *, place_first: bool = False) -> str:
        """The item as a literary clause: "a red house stands on the left"."""
        first = item.groups[0]
        verbs = w.AIR_VERBS if first.sky and first.kind in w.AIR_VERBS else w.VERBS
        verb = pick(self.rng, verbs[first.kind])
        inverted = verb in w.INVERTIBLE and self.rng.random() < 0.4
        if first.single:
            head, _, rest = verb.partition(" ")
            verb = _spaced(_third_person(head), rest)
        text = f"{self.mention(first, item)} {verb}"
        if item.link in ("inside", "on"):
            return f"{text} {pick(self.rng, w.LINKS[item.link])} {self.holder(item)}"
        if item.link is not None:
            return f"{text} {pick(self.rng, w.FULL_LINKS[item.link])} {self.objects(item)}"
        place = self.place(first)
        if inverted:
            return _spaced(f"there {verb}", self.mention(first, item), place)
        if place and place_first:
            return f"{place}, {text}"
        return _spaced(text, place)


def caption(said: Said, rng: np.random.Generator, register: str) -> str:
    """A caption in the register "terse", "plain" or "florid"."""
    grammar = {"terse": _terse, "plain": _plain, "florid": _florid}[register]
    return grammar(said, Words(rng, said.indoors))


def _terse(said: Said, words: Words) -> str:
    rng = words.rng
    bare = rng.random() < 0.7
    things = [_tag(item, words, bare=bare) for item in said.items]
    tags = []
    if said.setting:
        tags.append(pick(rng, w.SETTING_TAGS[said.setting]))
    if said.season:
        tags.append(pick(rng, w.SEASON_ADJECTIVES[said.season]))
    if said.time:
        tags.append(pick(rng, w.TIME_TAGS[said.time]))
    if said.weather:
        tags.append(pick(rng, _stronger(said, w.WEATHER_TAGS[said.weather])))
    rng.shuffle(tags)
    style = [pick(rng, w.STYLE_TAGS[said.style])] if said.style else []
    orders = (things + tags + style, things + tags + style, style + things + tags,
              style + tags + things, tags + things + style)  # fmt: skip
    text = pick(rng, (", ", ", ", ", ", "; ")).join(pick(rng, orders))
    return _finished(text, rng, sentence=False)


def _tag(item: Item, words: Words, *, bare: bool) -> str:
    first = item.groups[0]
    text = words.mention(first, item, bare=bare)
    if item.link is None:
        return _spaced(text, pick(words.rng, w.TERSE_PLACES[first.place]) if first.place else "")
    link = pick(words.rng, w.LINKS[item.link])
    if item.link in ("inside", "on"):
        return f"{text} {link} {words.holder(item, bare=bare)}"
    return f"{text} {link} {words.objects(item, bare=bare)}"


def _plain(said: Said, words: Words) -> str:
    rng = words.rng
    setting = [pick(rng, w.SETTINGS[said.setting])] if said.setting else []
    around = _around(said, rng)
    form = rng.random()
    if form < 0.4:  # a noun phrase: "An oil painting of a red house in the mountains, at night"
        opener = _opener(said, rng)
        text = _spaced(opener, _listed([words.item(item) for item in said.items], rng))
        where = pick(rng, (", ", ", ", " "))
        text = where.join([text, *setting, *around])
        return _finished(text, rng, sentence=bool(opener))
    manner = pick(rng, w.STYLE_MANNERS[said.style]) if said.style else ""
    if form < 0.7:  # one sentence: "At night in the mountains, there is a red house."
        text = _there(_listed([words.item(item) for item in said.items], rng))
        lead = " ".join(around + setting if rng.random() < 0.5 else setting + around)
        text = f"{lead}, {text}" if lead else text
        if manner and rng.random() < 0.5:
            return _finished(f"{text}, {manner}", rng)
        return _finished(f"{text}. {_style_sentence(manner, rng)}" if manner else text, rng)
    sentences = [_set_scene(setting, around, rng)] if setting or around else []
    sentences += [_capital(words.clause(item)) for item in said.items]
    if manner:
        sentences.insert(0 if rng.random() < 0.2 else len(sentences), _style_sentence(manner, rng))
    return _finished(". ".join(sentences), rng)


def _florid(said: Said, words: Words) -> str:
    rng = words.rng
    lead = []
    season = pick(rng, w.SEASON_ADJECTIVES[said.season]) if said.season else ""
    mood = pick(rng, w.MOODS)
    if said.time:
        lead.append(f"on {_a(_spaced(mood, season, pick(rng, w.TIME_NOUNS[said.time])))}")
    elif said.season:
        lead.append(f"in the {mood} days of {pick(rng, (said.season,))}")
    if said.setting:
        lead.append(pick(rng, w.FLORID_SETTINGS[said.setting]))
    opening = " ".join(lead)
    if said.weather:
        table = w.FLORID_OUTSIDE if said.indoors else w.FLORID_WEATHERS
        opening = ", ".join(part for part in (opening, pick(rng, table[said.weather])) if part)
    first, *rest = said.items
    sentences = [f"{opening}, {words.scene_of(first)}" if opening else words.scene_of(first)]
    while rest:
        clause = words.scene_of(rest.pop(0), place_first=rng.random() < 0.5)
        if rest and rng.random() < 0.6:
            clause += pick(rng, (", and ", ", while ", "; ")) + words.scene_of(rest.pop(0))
        sentences.append(clause)
    text = ". ".join(_capital(sentence) for sentence in sentences) + "."
    return f"{text} {pick(rng, w.FLORID_STYLES[said.style])}" if said.style else text


def _around(said: Said, rng: np.random.Generator) -> list[str]:
    """Time, season and weather: ["on a snowy winter night"] or ["at night", "in winter", …]."""
    if said.time and (said.season or said.weather) and rng.random() < 0.55:
        adjectives = []
        if said.weather:
            adjectives.append(pick(rng, _stronger(said, w.WEATHER_ADJECTIVES[said.weather])))
        if said.season:
            adjectives.append(pick(rng, w.SEASON_ADJECTIVES[said.season]))
        if said.time == "sunset" and rng.random() < 0.5:
            return [f"at sunset on {_a(' '.join([*adjectives, 'day']))}"]
        return [f"on {_a(' '.join([*adjectives, pick(rng, w.TIME_NOUNS[said.time])]))}"]
    parts = []
    if said.time:
        parts.append(pick(rng, w.TIMES[said.time]))
    if said.season:
        parts.append(pick(rng, w.SEASONS[said.season]))
    if said.weather:
        table = w.WEATHERS_OUTSIDE if said.indoors else w.WEATHERS
        parts.append(pick(rng, table[said.weather]))
    return parts


def _stronger(said: Said, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words for the weather, with "sunny" and "cloudless" where they are true as well."""
    if said.weather != "clear":
        return words
    return words + ("sunny",) * said.sunny + ("cloudless",) * said.cloudless


def _opener(said: Said, rng: np.random.Generator) -> str:
    if said.style:
        return f"{_a(pick(rng, w.STYLE_NOUNS[said.style]))} of"
    return pick(rng, ("", "", "a picture of", "an image of", "a scene with"))


def _set_scene(setting: list[str], around: list[str], rng: np.random.Generator) -> str:
    first, *_ = around or [""]
    if first.startswith(("on a ", "on an ")) and rng.random() < 0.6:
        return _capital(_spaced("it is", first.removeprefix("on "), *setting))
    return f"The scene is {_spaced('set', *setting, *around)}"


def _style_sentence(manner: str, rng: np.random.Generator) -> str:
    return f"{pick(rng, ('It is done', 'The picture is made', 'Done', 'Rendered'))} {manner}"


def _there(text: str) -> str:
    """ "there is a house and …", "there are two trees and …": the first noun decides."""
    single = text.startswith(("a ", "an ", "the ")) and not text.startswith(w.PLURAL_ARTICLES)
    return f"there {'is' if single else 'are'} {text}"


def _listed(parts: list[str], rng: np.random.Generator) -> str:
    """ "a, b and c"; of two, "a and b"."""
    if len(parts) == 1:
        return parts[0]
    comma = "," if len(parts) > 2 and rng.random() < 0.5 else ""
    last = pick(rng, ("and", "and", "and", "and", "along with"))
    return f"{', '.join(parts[:-1])}{comma} {last} {parts[-1]}"


def _finished(text: str, rng: np.random.Generator, *, sentence: bool = True) -> str:
    """With a capital and a period or not: a sentence mostly so, a fragment mostly not."""
    usual = 0.85 if sentence else 0.2
    text = _capital(text) if rng.random() < usual else text
    return text + "." if rng.random() < usual else text


def _spaced(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _a(text: str) -> str:
    return f"an {text}" if text.startswith("8") else f"{article(text)} {text}"


def _third_person(verb: str) -> str:
    return verb + ("es" if verb.endswith(("s", "sh", "ch")) else "s")
