"""Phrases and questions about scenes, in English and Chinese, with what is true of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from danqing.agent.language import is_kind_of
from danqing.tools.painter_words import PLACES, place_of, plural
from danqing.tools.world import NATURAL, world
from training import data
from training.scenes import facts
from training.scenes.chinese_words import MEASURES
from training.scenes.spec import Scene, Thing
from training.semantics import FACTS

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
GROUND: dict[str, tuple[str, str]] = {
    "meadow": ("the grass", "草地"), "sea": ("the sea", "大海"), "desert": ("the sand", "沙地"),
    "city": ("the street", "街道"), "indoors": ("the floor", "地板"),
    "mountains": ("the ground", "地面"),
}  # fmt: skip
"""What the ground is called in each setting; the last is so anywhere."""
SKY = ("the sky", "天空")
CLEAR = 0.08
"""How far to one side of its like the thing "on the left" is at least."""
VISIBLE = 16
"""Pixels of a thing that must be seen for it to be asked about."""
EDGE = 0.03
"""How far from the border between two places a thing must be for its place to be asked."""
OPPOSITE = {"left of": "right of", "above": "below"}


def overlap(a: str, b: str) -> bool:
    """Whether one kind may be called the other: a pine is a tree."""
    return is_kind_of(a, b) or is_kind_of(b, a)


def named(kind: str, color: str | None, language: Language) -> str:
    """A kind of thing without an article: "red house", 「红色的房子」."""
    if language == "en":
        if color and kind == "person":
            return f"person in {color}"
        return f"{color} {kind}" if color else kind
    noun = world().objects[kind].zh[0]
    if color is None:
        return noun
    said = world().colors[color].zh[0]
    return f"穿{said}衣服的{noun}" if kind == "person" else f"{said}的{noun}"


def certain(scene: Scene) -> list[str]:
    """The kinds in a scene that no other kind in it may be called."""
    kinds = sorted({thing.kind for thing in scene.things})
    return [k for k in kinds if not any(k != other and overlap(k, other) for other in kinds)]


def absent_kind(scene: Scene, kind: str, rng: np.random.Generator) -> str:
    """A kind that is not in a scene, of the same category as ``kind`` where there is one."""
    objects = world().objects
    there = {thing.kind for thing in scene.things}
    free = [o for o in objects if not any(overlap(o, other) for other in there)]
    alike = [o for o in free if objects[o].category == objects[kind].category]
    return str(rng.choice(alike or free))


def absent_color(scene: Scene, kind: str, rng: np.random.Generator) -> str:
    """A color that no thing of a kind has in a scene, nor may have by nature."""
    there = {thing.color for thing in scene.things if thing.kind == kind}
    natural = NATURAL[kind] if None in there else frozenset()
    return str(rng.choice([c for c in world().colors if c not in there and c not in natural]))


# -- phrases


@dataclass(frozen=True)
class Asked:
    """A phrase, where what it names is (bool (128, 128)), and its twin for what is not there."""

    form: str
    language: Language
    kind: str
    text: str
    mask: np.ndarray
    twin: str


def phrases(scene: Scene, shown: np.ndarray, rng: np.random.Generator) -> list[Asked]:
    """Every kind and ground of a scene in both languages; and one thing by its color, and one by
    its side, where there are such. ``shown`` is as of `studio.shown`."""
    kinds = [k for k in certain(scene) if _mask(scene, shown, k).sum() >= VISIBLE]
    made: list[Asked] = []
    for kind in kinds:
        other = absent_kind(scene, kind, rng)
        mask = _mask(scene, shown, kind)
        made += [
            Asked("kind", language, kind, _the(kind, None, language), mask,
                  _the(other, None, language))
            for language in LANGUAGES
        ]  # fmt: skip
    colored = [(t.kind, t.color) for t in scene.things if t.color and t.kind in kinds]
    if colored:
        kind, color = colored[int(rng.integers(len(colored)))]
        mask, other = _mask(scene, shown, kind, color), absent_color(scene, kind, rng)
        if mask.sum() >= VISIBLE:
            made += [
                Asked("color + kind", language, kind, _the(kind, color, language), mask,
                      _the(kind, other, language))
                for language in LANGUAGES
            ]  # fmt: skip
    made += _grounds(scene, shown, rng)
    made += _sides(scene, shown, kinds, rng)
    return made


def _the(kind: str, color: str | None, language: Language) -> str:
    return f"the {named(kind, color, 'en')}" if language == "en" else named(kind, color, "zh")


def _mask(scene: Scene, shown: np.ndarray, kind: str, color: str | None = None) -> np.ndarray:
    numbers = [i for i, t in enumerate(scene.things) if t.kind == kind and color in (None, t.color)]
    return np.isin(shown, numbers)


def _grounds(scene: Scene, shown: np.ndarray, rng: np.random.Generator) -> Iterator[Asked]:
    elsewhere = str(rng.choice([s for s in ("meadow", "sea", "desert", "indoors")
                                if s != scene.setting]))  # fmt: skip
    for name, value, words in (
        ("sky", data.SKY, SKY), ("ground", data.GROUND, GROUND[scene.setting]),
    ):  # fmt: skip
        mask = shown == value
        if mask.sum() >= VISIBLE:
            for k, language in enumerate(LANGUAGES):
                yield Asked("ground", language, name, words[k], mask, GROUND[elsewhere][k])


def _sides(
    scene: Scene, shown: np.ndarray, kinds: Sequence[str], rng: np.random.Generator
) -> Iterator[Asked]:
    for kind in rng.permutation(list(kinds)).tolist():
        xs = sorted((facts.center(t.box)[0], i) for i, t in enumerate(scene.things)
                    if t.kind == kind)  # fmt: skip
        sides = [("left", "左边"), ("right", "右边")]
        for side, chinese in [sides[int(k)] for k in rng.permutation(2)]:
            first, second = (xs[:2] if side == "left" else xs[:-3:-1]) if len(xs) > 1 else (xs * 2)
            mask = shown == first[1]
            if len(xs) < 2 or abs(first[0] - second[0]) < CLEAR or mask.sum() < VISIBLE:
                continue
            other = absent_kind(scene, kind, rng)
            for language in LANGUAGES:
                texts = [
                    f"the {named(k, None, 'en')} on the {side}" if language == "en"
                    else f"{chinese}的{named(k, None, 'zh')}"
                    for k in (kind, other)
                ]  # fmt: skip
                yield Asked("left/right", language, kind, texts[0], mask, texts[1])
            return


# -- questions

Value = bool | int | str


@dataclass(frozen=True)
class Question:
    """A question about the picture of a scene, and its answer."""

    scene: Scene
    text: str
    answer: Value

    def right(self, value: object) -> bool:
        """Whether an answer is exactly this one: 1 is not yes."""
        return type(value) is type(self.answer) and value == self.answer


@dataclass(frozen=True)
class Pair:
    """Two questions that differ in one word, or one question about two pictures that differ; the
    answers always differ."""

    kind: str
    language: Language
    first: Question
    second: Question


def pairs(scene: Scene, other: Sequence[Scene], rng: np.random.Generator) -> list[Pair]:
    """The pairs of a scene, of every kind that it offers, in both languages; ``other`` scenes are
    the second pictures for questions about season, weather and the like."""
    makers = (_count, _color, _place, _is_there, _is_of_color, _fact, _relation)
    seeds = rng.integers(0, 2**32, len(makers))
    made = []
    for language in LANGUAGES:
        for maker, seed in zip(makers, seeds, strict=True):
            pair = maker(scene, other, np.random.default_rng(seed), language)
            if pair is not None:
                made.append(pair)
    return made


def _count(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    holders = {thing.inside for thing in scene.things}
    kinds = set(certain(scene))
    free = [i for i, t in enumerate(scene.things)
            if t.kind in kinds and i not in holders and t.inside is None]  # fmt: skip
    if not free or len(scene.things) < 2:
        return None
    index = int(rng.choice(free))
    kind = scene.things[index].kind
    if language == "en":
        text = f"How many {plural(kind)} are there?"
    else:
        noun = named(kind, None, "zh")
        text = f"图里有几{MEASURES[noun][0]}{noun}？"
    n = facts.count(scene, kind)
    fewer = without(scene, index)
    return Pair("count", language, Question(scene, text, n), Question(fewer, text, n - 1))


def without(scene: Scene, index: int) -> Scene:
    """A scene without one of its things, which holds none."""
    things = [
        replace(t, inside=t.inside - 1) if t.inside is not None and t.inside > index else t
        for i, t in enumerate(scene.things)
        if i != index
    ]
    return replace(scene, things=tuple(things))


def _color(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    single = _single(scene, colored=True)
    if not single:
        return None
    index = int(rng.choice(single))
    thing = scene.things[index]
    color = str(rng.choice([c for c in world().colors if c != thing.color]))
    things = [*scene.things]
    things[index] = replace(thing, color=color)
    text = (
        f"What color is the {thing.kind}?" if language == "en"
        else f"{named(thing.kind, None, 'zh')}是什么颜色的？"
    )  # fmt: skip
    if thing.kind == "person":
        text = "What color is the person wearing?" if language == "en" else "人穿什么颜色的衣服？"
    changed = replace(scene, things=tuple(things))
    return Pair(
        "color", language, Question(scene, text, str(thing.color)), Question(changed, text, color)
    )


def _single(scene: Scene, *, colored: bool = False) -> list[int]:
    """The things of kinds of which there is one, and which nothing else may be called."""
    kinds = certain(scene)
    return [
        i for i, t in enumerate(scene.things)
        if t.kind in kinds and facts.count(scene, t.kind) == 1 and (t.color or not colored)
    ]  # fmt: skip


def _place(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    single = [i for i in _single(scene) if _clear_place(scene.things[i])]
    if not single:
        return None
    thing = scene.things[int(rng.choice(single))]
    x = facts.center(thing.box)[0]
    text = (
        f"Where is the {thing.kind}?" if language == "en"
        else f"{named(thing.kind, None, 'zh')}在哪里？"
    )  # fmt: skip
    return Pair(
        "place", language, Question(scene, text, place_of([x])),
        Question(facts.mirror(scene), text, place_of([1 - x])),
    )  # fmt: skip


def _clear_place(thing: Thing) -> bool:
    """Whether a thing is well within one of the places, and not in the one in the middle."""
    x = facts.center(thing.box)[0] * len(PLACES)
    return abs(x - round(x)) >= EDGE * len(PLACES) and int(x) != len(PLACES) // 2


def _is_there(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    kinds = certain(scene)
    if not kinds:
        return None
    kind = str(rng.choice(kinds))
    texts = [_whether(k, None, language) for k in (kind, absent_kind(scene, kind, rng))]
    return Pair("yes/no", language, Question(scene, texts[0], True),
                Question(scene, texts[1], False))  # fmt: skip


def _is_of_color(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    kinds = certain(scene)
    colored = [t for t in scene.things if t.color and t.kind in kinds]
    if not colored:
        return None
    thing = colored[int(rng.integers(len(colored)))]
    colors = (thing.color, absent_color(scene, thing.kind, rng))
    texts = [_whether(thing.kind, color, language) for color in colors]
    return Pair("yes/no", language, Question(scene, texts[0], True),
                Question(scene, texts[1], False))  # fmt: skip


def _whether(kind: str, color: str | None, language: Language) -> str:
    said = named(kind, color, language)
    if language == "zh":
        return f"图里有{said}吗？"
    return f"Is there {'an' if said[0] in 'aeiou' else 'a'} {said}?"


ASKING: dict[str, tuple[str, str]] = {
    "style": ("What style is the picture in?", "这幅画是什么风格？"),
    "setting": ("What is the setting?", "这是什么场景？"),
    "season": ("What season is it?", "现在是什么季节？"),
    "time": ("What time of day is it?", "现在是什么时候？"),
    "weather": ("What is the weather like?", "天气怎么样？"),
}


def _fact(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    fact = str(rng.choice(FACTS))
    unlike = [s for s in other if getattr(s, fact) != getattr(scene, fact)]
    if not unlike:
        return None
    second = unlike[int(rng.integers(len(unlike)))]
    text = ASKING[fact][LANGUAGES.index(language)]
    return Pair("fact", language, *(Question(s, text, getattr(s, fact)) for s in (scene, second)))


def _relation(
    scene: Scene, other: Sequence[Scene], rng: np.random.Generator, language: Language
) -> Pair | None:
    groups, kinds = facts.groups(scene), certain(scene)
    nouns = [group.kind for group in groups]
    found = [
        (nouns[r.subject], r.value, nouns[r.object])
        for r in facts.relations(scene)
        if r.value in OPPOSITE
        and all(nouns.count(n) == 1 and n in kinds for n in (nouns[r.subject], nouns[r.object]))
    ]
    if not found:
        return None
    a, relation, b = found[int(rng.integers(len(found)))]
    texts = [_whether_related(a, r, b, language) for r in (relation, OPPOSITE[relation])]
    return Pair("relation", language, Question(scene, texts[0], True),
                Question(scene, texts[1], False))  # fmt: skip


def _whether_related(a: str, relation: str, b: str, language: Language) -> str:
    if language == "en":
        return f"Is the {a} {relation} the {b}?"
    where = {"left of": "左边", "right of": "右边", "above": "上方", "below": "下方"}[relation]
    return f"{named(a, None, 'zh')}在{named(b, None, 'zh')}的{where}吗？"
