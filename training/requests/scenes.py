"""Captions of drawn scenes as requests: the painter's world in the grammars of `training.scenes`.

Only the registers whose every word is accounted for: English tags and plain sentences, and Chinese
tags. The others say what things do ("a house keeps watch"), which a caption does not tell.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np

from ..scenes import chinese, english, layout
from ..scenes.said import Item, SaidGroup, choose
from .said import Fields, Said

LINKS = {"on": "above"}
"""What a claim calls a link that captions call otherwise."""


def described(rng: Random, in_chinese: bool) -> Said:
    """A caption of a scene drawn at random, and all that it claims."""
    scene = layout.sample(rng.randrange(2**31))
    dice = np.random.default_rng(rng.randrange(2**31))
    said = choose(scene, dice)
    said = replace(said, items=tuple(map(_placed_once, said.items)))
    if in_chinese:
        text = chinese.caption(said, dice, "terse")
    else:
        text = english.caption(said, dice, rng.choice(("terse", "plain")))
    groups = {group.number: group for item in said.items for group in item.groups}
    kinds = [group.kind for group in groups.values()]
    told = {n: kinds.count(group.kind) > 1 for n, group in groups.items()}
    claims = [claim for item in said.items for claim in _claims(item, told)]
    for kind in ("season", "time", "weather", "setting", "style"):
        if value := getattr(said, kind):
            claims.append({"kind": kind, "value": value})
    return Said(text.rstrip(".。"), claims)


def _placed_once(item: Item) -> Item:
    """Of things that are told by others, no place is told, too."""
    if item.link is None:
        return item
    return replace(item, groups=tuple(replace(group, place=None) for group in item.groups))


def _claims(item: Item, told: dict[int, bool]) -> list[Fields]:
    """What one part of a caption claims; ``told`` are the groups that a color tells from others."""
    found = [claim for group in item.groups for claim in _of_group(group, told[group.number])]
    if item.link is None:
        return found
    first, other = item.groups[:2]
    relation: Fields = {"kind": "relation", "subject": first.kind}
    relation |= {"value": LINKS.get(item.link, item.link), "object": other.kind}
    if item.link == "between":
        relation["object2"] = item.groups[-1].kind
    relation |= {"color": first.color} if told[first.number] else {}
    relation |= {"object_color": other.color} if told[other.number] else {}
    return [*found, relation]


def _of_group(group: SaidGroup, told: bool) -> list[Fields]:
    tag: Fields = {"color": group.color} if told else {}
    exact = group.count not in (1, None)
    there: Fields = {"kind": "object", "subject": group.kind, **tag}
    if exact or (told and group.count == 1):
        there = {"kind": "count", "subject": group.kind, "value": group.count, **tag}
    found = [there]
    if group.color:
        found.append({"kind": "color", "subject": group.kind, "value": group.color})
    if group.place:
        place = group.place.removeprefix("far ")
        found.append({"kind": "place", "subject": group.kind, "value": place, **tag})
    return found
