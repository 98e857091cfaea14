"""The one sentence form that the built-in painter and captioner are trained on.

A prompt says the style, the scene and then every group of like things, the ground's from left to
right, then the sky's from left to right::

    watercolor. meadow, autumn, sunset, clear. a red house at the left; two green trees at the
    center; a cat inside the blue boat at the far right; three birds in the sky at the right.

Whatever is not given is left out. Grammar (``[]`` optional)::

    prompt  = [style "."] [fact {"," fact} "."] [group {";" group} "."]
    fact    = setting | season | time | weather, in this order
    group   = [count] [color] noun ["in" color] [("inside" | "on") holder] ["in the sky"] [place]
    place   = "at the " ("far left" | "left" | "center" | "right" | "far right")
            | "across the " ("scene" | "sky")

People wear their color ("a person in red"); all else has it before the noun. After "in the sky",
"across" is the single phrase "across the sky".
"""

from __future__ import annotations

from collections.abc import Sequence
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


Count: TypeAlias = int | Literal["several"] | None
"""An exact count, or "several" (3 or more), or None for a bare plural."""


@dataclass(frozen=True)
class Phrase:
    """The words for one group of like things.

    ``noun`` is singular. ``sky`` says that the things are in the sky. ``inside`` and ``on`` (one of
    them at most) are the holder's words with their article ("the blue boat"). Raises ValueError
    for a count below 1 or two holders.
    """

    noun: str
    count: Count = 1
    color: str | None = None
    place: Place | None = None
    sky: bool = False
    inside: str | None = None
    on: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.count, int) and self.count < 1:
            raise ValueError(f"a group has one thing or more, not {self.count!r}")
        if self.inside and self.on:
            raise ValueError(f"either inside {self.inside!r} or on {self.on!r}, not both")


def painter_prompt(
    *,
    style: str | None = None,
    setting: str | None = None,
    season: str | None = None,
    time: str | None = None,
    weather: str | None = None,
    phrases: Sequence[Phrase] = (),
) -> str:
    """The prompt for what is given, all in canonical words; "" where nothing is given.

    ``phrases`` are to be ordered from left to right, as the painter has learned it; those in the
    sky are moved behind the others here.
    """
    facts = [fact for fact in (setting, season, time, weather) if fact]
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
    if phrase.place == "across":
        parts.append("across the sky" if phrase.sky else "across the scene")
    else:
        if phrase.sky:
            parts.append("in the sky")
        if phrase.place:
            parts.append(f"at the {phrase.place}")
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
