"""Chinese text: its characters, and simplified ones in the place of traditional ones."""

from __future__ import annotations

from functools import cache
from typing import Any

MEASURES = "只个座棵条朵匹辆艘张把颗片位栋间盏顶株头块幅种轮所"
"""Measure words that stand between a number and a thing of the world."""


def is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def simplified(text: str) -> str:
    """``text`` in simplified Chinese, of the same length."""
    if all(_is_simplified(character) for character in text if is_han(character)):
        return text
    converted = str(_converter().convert(text))
    return converted if len(converted) == len(text) else text


def _is_simplified(character: str) -> bool:
    """Whether GB 2312, the set of simplified characters, has it; spares loading the converter."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


@cache
def _converter() -> Any:
    from opencc_purepy import OpenCC

    return OpenCC("t2s")
