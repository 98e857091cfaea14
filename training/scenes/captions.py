"""Sentences for a scene, in English and Chinese, from its spec alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from danqing.agent.composition import FLYING
from danqing.tools.painter_words import Phrase, numbered, painter_prompt, spots_of

from . import chinese, english, facts
from .facts import Group
from .said import choose
from .spec import Scene

Language = Literal["en", "zh"]
Register = Literal["canonical", "terse", "plain", "florid"]
REGISTERS: tuple[Register, ...] = ("terse", "plain", "florid")
"""Those that both languages have."""


def canonical(scene: Scene) -> str:
    """Everything that is true of the scene, in the one form of ``danqing.tools.painter_words``."""
    return painter_prompt(
        style=scene.style, setting=scene.setting, season=scene.season, time=scene.time,
        weather=scene.weather, phrases=phrases(scene),
    )  # fmt: skip


def composed(scene: Scene) -> str:
    """The canonical caption with a spot for every thing, and the horizon."""
    told = []
    for phrase, group in zip(phrases(scene), left_to_right(scene), strict=True):
        spots = spots_of(scene.things[i].box for i in group.things)
        told.append(replace(phrase, spots=spots))
    return painter_prompt(
        style=scene.style, setting=scene.setting, season=scene.season, time=scene.time,
        weather=scene.weather, horizon=scene.horizon, phrases=told,
    )  # fmt: skip


def caption(
    scene: Scene,
    rng: np.random.Generator,
    language: Language,
    register: Register | None = None,
) -> str:
    """A true sentence for the scene that leaves some of it out; all variety comes from ``rng``.

    "terse" is a list of tags, "plain" are plain sentences, "florid" literary ones, and "canonical"
    is the painter's own form with random gaps (English only); None draws one of those that the
    language has. Raises ValueError for a canonical caption in Chinese.
    """
    if register is None:
        names = (*REGISTERS, "canonical") if language == "en" else REGISTERS
        register = names[int(rng.integers(len(names)))]
    if register == "canonical":
        if language != "en":
            raise ValueError(f"the canonical form is English, there is none in {language!r}")
        return with_gaps(scene, rng)
    write = english.caption if language == "en" else chinese.caption
    return write(choose(scene, rng), rng, register)


def with_gaps(scene: Scene, rng: np.random.Generator) -> str:
    """The canonical caption as a request would fill it: what people leave unsaid is left out."""
    keep = float(rng.choice((0.55, 0.8, 1.0)))

    def kept(word: str) -> str | None:
        return word if rng.random() < keep else None

    found = left_to_right(scene)
    kinds = [group.kind for group in found]
    said = []
    for phrase in phrases(scene):
        alone = kinds.count(phrase.noun) == 1
        count = phrase.count
        if alone and isinstance(count, int) and count > 1 and rng.random() > keep + 0.3:
            several = count >= facts.SEVERAL and rng.random() < 0.5
            count = "several" if several else None
        said.append(
            Phrase(
                noun=phrase.noun,
                count=count,
                color=None if alone and rng.random() > keep + 0.3 else phrase.color,
                place=phrase.place if rng.random() < keep else None,
                sky=phrase.sky and (phrase.noun not in FLYING or rng.random() < keep),
                inside=phrase.inside,
                on=phrase.on,
            )
        )
    return painter_prompt(
        style=kept(scene.style), setting=kept(scene.setting), season=kept(scene.season),
        time=kept(scene.time), weather=kept(scene.weather), phrases=said,
    )  # fmt: skip


def left_to_right(scene: Scene) -> list[Group]:
    """The groups by mean x."""

    def mean_x(group: Group) -> float:
        xs = [facts.center(scene.things[i].box)[0] for i in group.things]
        return sum(xs) / len(xs)

    return sorted(facts.groups(scene), key=mean_x)


def phrases(scene: Scene) -> Sequence[Phrase]:
    """The words of the canonical caption, group by group from left to right."""
    return [_phrase(scene, group) for group in left_to_right(scene)]


def _phrase(scene: Scene, group: Group) -> Phrase:
    return Phrase(
        noun=group.kind,
        count=len(group.things),
        color=group.color,
        place=facts.fifth(scene, group),
        sky=group.sky,
        inside=None if group.inside is None else _holder(scene, group.inside),
        on=None if group.on is None else _holder(scene, group.on),
    )


def _holder(scene: Scene, index: int) -> str:
    thing = scene.things[index]
    only = facts.count(scene, thing.kind, thing.color) == 1
    return numbered(thing.kind, 1, thing.color, the=only)
