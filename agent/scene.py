"""The scene that a picture is set in, where the request leaves it open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from ..tools.world import world
from .brief import Brief
from .composition import AT_HOME, HEAVENLY, has_room_for

USUAL = {
    "season": ("summer", "spring"), "time": ("day", "morning"), "weather": ("clear", "cloudy"),
    "style": ("flat", "watercolor"),
}  # fmt: skip
"""What an open fact becomes: the first that the request does not forbid."""
GARNISH = {
    "meadow": ("tree", "flower"), "sea": ("boat", "bird"), "mountains": ("pine", "house"),
    "city": ("tree", "car"), "desert": ("cactus", "tent"), "indoors": ("table", "chair"),
}  # fmt: skip
"""What is painted where the request names no thing at all: the first that it does not forbid."""
ALONE = frozenset({"boat", "bird", "table", "chair", "car", "house", "tent"})
"""Of what garnishes a scene, what stands alone; of the others there are three."""


def completed(facts: Mapping[str, str], nouns: Collection[str], brief: Brief) -> dict[str, str]:
    """``facts`` with the open ones filled in, to suit the things that ``nouns`` name.

    The setting is the one where most of them can be, and of those where most are at home.
    """
    absent = {claim.subject for claim in brief.claims if claim.kind == "absent"}
    w = world()
    pools = {"season": w.seasons, "time": w.times, "weather": w.weathers, "style": w.styles}
    stated = {kind: _allowed([*USUAL[kind], *pool], absent) for kind, pool in pools.items()}
    if {"moon", "star"} & set(nouns):
        stated["time"] = "night"
    if facts.get("weather") == "snow":
        stated["season"] = "winter"
    homes = [place for place in AT_HOME if place not in absent] or list(AT_HOME)
    stated["setting"] = max(homes, key=lambda place: _suits(place, nouns))
    return {**stated, **facts}


def garnish(setting: str, brief: Brief) -> tuple[str, int] | None:
    """A thing and how many of it, for a request that names none; None if all are forbidden."""
    from .language import is_kind_of

    absent = [c.subject for c in brief.claims if c.kind == "absent" and c.subject]
    for noun in GARNISH[setting]:
        if not any(noun == other or is_kind_of(noun, other) for other in absent):
            return noun, 1 if noun in ALONE else 3
    return None


def _allowed(values: Collection[str], absent: Collection[str | None]) -> str:
    """The first value that is not forbidden; where all are, the first."""
    return next((value for value in values if value not in absent), next(iter(values)))


def _suits(setting: str, nouns: Collection[str]) -> tuple[int, Fraction]:
    """How many of ``nouns`` can be in ``setting``, and how much they are at home there: one that is
    so nowhere else counts most."""
    at_home = [noun for noun in nouns if noun in AT_HOME[setting] and noun not in HEAVENLY]
    weight = sum(
        (1 + Fraction(1, sum(noun in home for home in AT_HOME.values())) for noun in at_home),
        start=Fraction(0),
    )
    return sum(has_room_for(noun, setting) for noun in nouns), weight
