"""The one sentence form that the built-in painter and captioner are trained on.

A prompt says the style, the scene and then every group of like things, the ground's from left to
right, then the sky's from left to right::

    watercolor. meadow, autumn, sunset, clear. a red house at the left; two green trees at the
    center; a cat inside the blue boat at the far right; three birds in the sky at the right.

Whatever is not given is left out. Grammar (``[]`` optional)::

    prompt  = [style "."] [fact {"," fact} "."] [group {";" group} "."]
    fact    = setting | season | time | weather | horizon, in this order
    group   = [count] [color] noun ["in" color] [("inside" | "on") holder] ["in the sky"]
              [place | spot {spot}]
    place   = "at the " ("far left" | "left" | "center" | "right" | "far right")
            | "across the " ("scene" | "sky")
    spot    = "<x" n "> <y" n "> <h" n ">"
    horizon = "<horizon" n ">"

People wear their color ("a person in red"); all else has it before the noun. After "in the sky",
"across" is the single phrase "across the sky".

Spots compose the picture: one for each thing of a group, saying where its middle is from the left,
where its foot is from the top, and how high it is, in 32nds of the picture (position words in a
prompt, as of ReCo, Yang et al. 2023). The painter reads sentences with and without them; the
captioner never writes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Place = Literal["far left", "left", "center", "right", "far right", "across"]
PLACES: tuple[Place, ...] = ("far left", "left", "center", "right", "far right")
"""The five equal parts of the picture's width, from left to right."""

NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
PEOPLE = frozenset({"person", "man", "woman", "human", "figure", "girl", "boy", "child"})
"""Nouns whose color is what they wear."""

_STYLES = {"flat": "flat illustration", "oil": "oil painting"}
_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "cactus": "cacti",
}  # fmt: skip


MAX_TOKENS = 80
"""How long a prompt the painter reads, its begin and end included."""
GRID = 32
"""Spots are told in this fraction of the picture's width and height."""
SPOT_AXES = ("x", "y", "h", "horizon")
"""What a spot word can tell: a thing's middle, foot or height, or the horizon."""


def spot_word(axis: str, n: int) -> str:
    """The word for ``n`` 32nds of the picture along one of `SPOT_AXES`."""
    return f"<{axis}{n}>"


SPOT_WORDS = tuple(spot_word(axis, n) for axis in SPOT_AXES for n in range(GRID + 1))
"""The words that spots and the horizon are told in; each is one token of the painter's."""


@dataclass(frozen=True)
class Spot:
    """Where one thing is: ``x`` of its middle, ``foot`` and ``height``, as fractions of the picture
    (y runs downwards)."""

    x: float
    foot: float
    height: float

    def __str__(self) -> str:
        return " ".join((_at("x", self.x), _at("y", self.foot), _at("h", self.height)))


def spots_of(boxes: Iterable[tuple[float, float, float, float]]) -> tuple[Spot, ...]:
    """The spots of things by their boxes (left, top, right, bottom), from left to right."""
    spots = (Spot((x0 + x1) / 2, y1, y1 - y0) for x0, y0, x1, y1 in boxes)
    return tuple(sorted(spots, key=lambda spot: (spot.x, spot.foot, spot.height)))


def _at(axis: str, share: float) -> str:
    return spot_word(axis, min(max(round(share * GRID), 0), GRID))


Count: TypeAlias = int | Literal["several"] | None
"""An exact count, or "several" (3 or more), or None for a bare plural."""


@dataclass(frozen=True)
class Phrase:
    """The words for one group of like things.

    ``noun`` is singular. ``sky`` says that the things are in the sky. ``inside`` and ``on`` (one of
    them at most) are the holder's words with their article ("the blue boat"). Raises ValueError
    for a count below 1 or two holders. ``spots`` are one for every thing of the group, or none.
    """

    noun: str
    count: Count = 1
    color: str | None = None
    place: Place | None = None
    sky: bool = False
    inside: str | None = None
    on: str | None = None
    spots: tuple[Spot, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.count, int) and self.count < 1:
            raise ValueError(f"a group has one thing or more, not {self.count!r}")
        if self.inside and self.on:
            raise ValueError(f"either inside {self.inside!r} or on {self.on!r}, not both")


def place_of(xs: Sequence[float]) -> Place:
    """The part of the picture's width that the mean of ``xs`` is in; "across" where they are more
    than 0.4 apart, since their mean says little then."""
    if max(xs) - min(xs) > 0.4:
        return "across"
    return PLACES[min(max(int(sum(xs) / len(xs) * len(PLACES)), 0), len(PLACES) - 1)]


def painter_prompt(
    *,
    style: str | None = None,
    setting: str | None = None,
    season: str | None = None,
    time: str | None = None,
    weather: str | None = None,
    horizon: float | None = None,
    phrases: Sequence[Phrase] = (),
) -> str:
    """The prompt for what is given, all in canonical words; "" where nothing is given.

    ``phrases`` are to be ordered from left to right, as the painter has learned it; those in the
    sky are moved behind the others here.
    """
    level = None if horizon is None else _at("horizon", horizon)
    facts = [fact for fact in (setting, season, time, weather, level) if fact]
    groups = [words(phrase) for phrase in sorted(phrases, key=lambda phrase: phrase.sky)]
    sentences = [_STYLES.get(style, style) if style else "", ", ".join(facts), "; ".join(groups)]
    return " ".join(f"{sentence}." for sentence in sentences if sentence)


def words(phrase: Phrase) -> str:
    """One group as it stands in a prompt: "two green trees at the far left"."""
    parts = [numbered(phrase.noun, phrase.count, phrase.color)]
    if phrase.inside:
        parts.append(f"inside {phrase.inside}")
    if phrase.on:
        parts.append(f"on {phrase.on}")
    if phrase.spots:  # they say it better than any place
        parts += ["in the sky"] if phrase.sky else []
    elif phrase.place == "across":
        parts.append("across the sky" if phrase.sky else "across the scene")
    else:
        if phrase.sky:
            parts.append("in the sky")
        if phrase.place:
            parts.append(f"at the {phrase.place}")
    parts += [str(spot) for spot in phrase.spots]
    return " ".join(parts)


def numbered(noun: str, count: Count, color: str | None = None, *, the: bool = False) -> str:
    """The noun with its count and color: "a red house", "two people in blue", "several trees".

    With ``the``, a definite phrase: "the red house", "the two trees".
    """
    noun = noun if count == 1 else plural(noun)
    if color and noun_is_worn(noun):
        named = f"{noun} in {color}"
    else:
        named = f"{color} {noun}" if color else noun
    if count is None:
        return f"the {named}" if the else named
    if count == 1:
        return f"the {named}" if the else f"{article(named)} {named}"
    number = count if isinstance(count, str) else number_word(count)
    return f"the {number} {named}" if the else f"{number} {named}"


def number_word(count: int) -> str:
    """ "two" for 2; digits above twelve."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def noun_is_worn(noun: str) -> bool:
    """Whether a color of this noun (singular or plural) is the color of its clothes."""
    return noun in PEOPLE or noun in {plural(person) for person in PEOPLE}


def article(words: str) -> str:
    """ "a" or "an", by the first letter."""
    return "an" if words[0].lower() in "aeiou" else "a"


def plural(noun: str) -> str:
    """The plural of a singular English noun of the picture world: "bunny" → "bunnies"."""
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"
