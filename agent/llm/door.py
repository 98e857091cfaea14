"""The one door for what a language model wrote: strict JSON, bounded in size, depth and digits.

``json`` alone takes NaN, the last of two equal keys, lone surrogates and any depth; none of that
comes in here.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..canonical import scrub

LARGEST = 64 * 1024
"""Bytes of one text."""
DEEPEST = 32
"""Objects and lists inside of each other."""
DIGITS = 18
"""Digits of a whole number."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that terminals obey, and those that turn the direction of writing."""
_NEAR = 24


class Refused(ValueError):
    """What a language model wrote cannot be taken; the message is for it, and precise."""


def tame(text: str) -> str:
    """``text`` as it may be kept and shown: what neither UTF-8 nor a terminal should be given
    becomes U+FFFD, and lines end in one way."""
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", scrub(text).replace("\r\n", "\n"))


def read_object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``; an empty text is an empty object, a code fence is cut off.

    Strings come as `tame` leaves them. Raises `Refused`.
    """
    text = text.strip()
    if len(text) >= 6 and text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise Refused(f"the arguments take {size} bytes; allowed are {LARGEST}")
    if (depth := _depth(text)) > DEEPEST:
        raise Refused(f"the arguments are nested {depth} levels deep; allowed are {DEEPEST}")
    try:
        value = json.loads(
            text or "{}", object_pairs_hook=_once, parse_constant=_no_constant,
            parse_int=_whole, parse_float=_finite,
        )  # fmt: skip
    except json.JSONDecodeError as error:
        near = text[max(error.pos - _NEAR, 0) : error.pos + _NEAR]
        raise Refused(
            f"the arguments are not JSON: {error.msg} at character {error.pos}, near {near!r}"
        ) from None
    if not isinstance(value, dict):
        raise Refused(f"the arguments are a JSON {_kind(value)}; allowed is an object")
    clean: dict[str, Any] = _tamed(value)
    return clean


def _tamed(value: Any) -> Any:
    match value:
        case str():
            return tame(value)
        case dict():
            return {tame(key): _tamed(item) for key, item in value.items()}
        case list():
            return [_tamed(item) for item in value]
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"the key {key!r} is there twice; allowed is once")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise Refused(f"{name} is no JSON number")


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise Refused(f"{digits[:DIGITS]}… has more than {DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise Refused(f"{digits[:DIGITS]} is not a finite number")
    return number


def _kind(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
