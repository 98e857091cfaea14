"""Tables of words for requests, and the phrases of ``*.toml`` beside this file."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from danqing.agent.language.lexicon import lexicon

from .grammar import Phrases


@cache
def table(name: str) -> dict[str, Any]:
    """One file of phrases, its strings as `Phrases`."""
    text = Path(__file__).with_name(f"{name}.toml").read_text("utf-8")
    return {key: _phrases(value) for key, value in tomllib.loads(text).items()}


def _phrases(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _phrases(inner) for key, inner in value.items()}
    return Phrases(value) if isinstance(value, str) else value


def _words() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


_FOUND = _words()
UNUSED = frozenset([*_FOUND["unused"].split(), "new year picture"])
"""Words of the lexicon that requests here do not use."""
ACTIONS: list[str] = _FOUND["actions"].split()
TRANSITIVE: dict[str, str] = _FOUND["transitive"]
LIFELESS: dict[str, str] = _FOUND["lifeless"]
MATERIALS: dict[str, str] = _FOUND["materials"]
ADJECTIVES: list[str] = [w for w in _FOUND["adjectives"].split() if w not in lexicon().en]
FIRST: list[str] = _FOUND["first"].split()
LAST: list[str] = _FOUND["last"].split()
CONTAINERS: dict[str, str] = _FOUND["containers"]
PARTS: dict[str, str] = _FOUND["parts"]
TONES: dict[str, str] = _FOUND["tones"]
SCENERY: dict[str, dict[str, str]] = _FOUND["scenery"]
ENVIRONMENTS: dict[str, str] = _FOUND["environments"]
MOODS: dict[bool, list[str]] = {
    chinese: _FOUND["moods"]["zh" if chinese else "en"].split() for chinese in (False, True)
}
SYLLABLES: list[str] = _FOUND["syllables"].split()
NAMES: dict[bool, list[str]] = {False: _FOUND["names_en"], True: _FOUND["names_zh"]}
WRITTEN: dict[bool, list[str]] = {False: _FOUND["written_en"], True: _FOUND["written_zh"]}
"""Names and written words, English and (True) Chinese."""
MEASURES: dict[str, list[str]] = {kind: words.split() for kind, words in _FOUND["measures"].items()}
