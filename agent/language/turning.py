"""Clauses that turn, flip, widen or cut the whole picture: what their words tell of the change."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..brief import Change
from .grammar import Grammar

SIDES = frozenset({"left", "right", "top", "bottom", "sides", "all"})
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_BACKWARD = re.compile(r"counter|anti|\bleft\b|逆|左")
_UPSIDE_DOWN = re.compile(r"upside|倒|颠")
_BOTH_ENDS = re.compile(r"上下|top\sand\sbottom|vertical")
_UPRIGHT = re.compile(r"vertical|upside|top|上下|垂直|竖")


def rotate(grammar: Grammar, said: dict[str, str]) -> list[Change]:
    """A turn clockwise, in degrees below 360."""
    words = said[""]
    turned = 180 if _UPSIDE_DOWN.search(words) else (grammar.number(words) or 90) % 360
    if _BACKWARD.search(words) and turned:
        turned = 360 - turned
    return [Change(op="rotate", count=turned)]


def flip(grammar: Grammar, said: dict[str, str]) -> list[Change]:
    value = "vertical" if _UPRIGHT.search(said[""]) else "horizontal"
    return [Change(op="flip", value=value)]


def extend(grammar: Grammar, said: dict[str, str]) -> list[Change]:
    """Room on the side that is told, on all sides where none is."""
    to = said.get("to", "").replace("方向", "")
    told = grammar.word("places", to)
    side = told if told in SIDES else "all"
    sides = ("top", "bottom") if _UPRIGHT.search(to) and _BOTH_ENDS.search(to) else (side,)
    return [Change(op="extend", value=side) for side in sides]


def crop(grammar: Grammar, said: dict[str, str]) -> list[Change]:
    """The part that stays; none where the words tell no part."""
    part = grammar.word("places", said.get("to", ""))
    if said.get("off"):
        part = OPPOSITE.get(part or "")
    return [Change(op="crop", value=part)] if part else []


TURNS: dict[str, Callable[[Grammar, dict[str, str]], list[Change]]] = {
    "rotate": rotate, "flip": flip, "extend": extend, "crop": crop,
}  # fmt: skip
