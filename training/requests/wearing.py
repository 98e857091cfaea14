"""Somebody with something: what is worn or held is a thing of its own, and no action."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from . import doing, words
from .said import Fields, Group, Said, group, named

_HEAD = ("hat", "glasses", "crown", "helmet", "mask", "sunglasses", "scarf", "necklace",
         "bow tie", "top hat", "straw hat", "headphones", "tie")  # fmt: skip
_BODY = ("dress", "coat", "cape", "kimono", "raincoat", "apron", "jacket", "sweater", "suit",
         "shirt", "skirt", "jeans", "uniform", "armor", "robe")  # fmt: skip
_CARRIED = ("umbrella", "flower", "balloon", "book", "sword", "basket", "lantern", "kite", "flag",
            "guitar", "cup", "fan", "gift", "candle", "camera", "broom",
            "fishing rod")  # fmt: skip
_FOOD = ("apple", "cake", "ice cream", "carrot", "banana", "cookie", "watermelon", "noodle")
HELD: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "head": (("wearing", "wearing", "with", "in"), ("戴着", "戴", "头戴"), _HEAD),
    "body": (("wearing", "wearing", "dressed in", "in", "clad in"),
             ("穿着", "穿", "身穿", "披着"), _BODY),
    "hold": (("holding", "holding", "carrying", "with", "clutching"),
             ("拿着", "手持", "抱着", "举着", "带着", "提着"), _CARRIED),
    "eating!": (("eating",), ("吃着", "在吃", "正在吃"), _FOOD),
    "reading!": (("reading",), ("读着", "在读"), ("book", "newspaper", "map", "letter")),
    "playing!": (("playing",), ("弹着", "在弹"),
                 ("guitar", "piano", "violin", "drum", "harp", "flute")),
}  # fmt: skip
"""How somebody has something; "!" is what he does, too."""


def draw(rng: Random, chinese: bool) -> Said:
    """Somebody with something on, or in hand, or with both."""
    who = doing.who(rng, chinese, 0.6)
    verbs = [rng.choice(list(HELD))]
    if rng.random() < 0.2:
        verbs = rng.sample(("head", "body", "hold"), 2)
    things: list[Group] = []
    does: list[Fields] = []
    for verb in verbs:
        held = words.one_of(rng, HELD[verb][2], chinese)
        what = group(rng, chinese, word=held, rich=0.9, one=True)
        things.append(replace(what, exact=False, action=None))
        if verb.endswith("!"):
            does = [{"kind": "object", "subject": who.name, "value": verb[:-1]}]
    first = named(rng, who, chinese)
    texts = [named(rng, thing, chinese, bare=rng.random() < 0.4) for thing in things]
    had = [claim for thing in things for claim in thing.claims()]
    forward = [*who.claims(), *does, *had]
    verb = rng.choice(HELD[verbs[0]][chinese])
    if not chinese:
        be = rng.choice(("", "", "is " if who.count == 1 else "are "))
        be = be if verb.endswith("ing") else ""
        if len(texts) == 2:
            second = (
                ""
                if {verbs[1]} <= {"head", "body"} and verb == "wearing"
                else (f"{rng.choice(HELD[verbs[1]][0])} ")
            )
            texts = [f"{texts[0]} and {second}{texts[1]}"]
        return Said(f"{first} {be}{verb} {texts[0]}", forward)
    if len(texts) == 2:
        texts = [f"{texts[0]}，{rng.choice(HELD[verbs[1]][1])}{texts[1]}"]
    if who.color or who.size or who.kinds or who.mood or rng.random() < 0.5:
        return Said(f"{first}{rng.choice(('', '', '，'))}{verb}{texts[0]}", forward)
    number = first.removesuffix(who.noun)
    return Said(f"{number}{verb}{texts[0]}的{who.noun}", [*had, *who.claims(), *does])
