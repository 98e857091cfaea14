"""The words of the English captions, by the canonical words of the world."""

from __future__ import annotations

PLACES = {
    "far left": ("on the far left", "at the far left", "on the left", "at the left edge"),
    "left": ("on the left", "at the left", "on the left side", "to the left"),
    "center": ("in the center", "in the middle", "at the center"),
    "right": ("on the right", "at the right", "on the right side", "to the right"),
    "far right": ("on the far right", "at the far right", "on the right", "at the right edge"),
}
TERSE_PLACES = {
    "far left": ("far left", "left"),
    "left": ("left", "on the left", "left side"),
    "center": ("center", "in the middle", "middle"),
    "right": ("right", "on the right", "right side"),
    "far right": ("far right", "right"),
}
LINKS = {
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "beneath", "under"),
    "between": ("between",),
    "inside": ("in", "inside"),
    "on": ("on", "on top of"),
}
FULL_LINKS = {
    **LINKS, "left of": ("to the left of", "on the left of"),
    "right of": ("to the right of", "on the right of"),
}  # fmt: skip
"""Links that can follow a verb or open a sentence."""
PLURAL_ARTICLES = ("a couple of", "a pair of")
SETTINGS = {
    "meadow": ("in a meadow", "in a field", "on the grassland", "in a grassy field"),
    "sea": ("by the sea", "at the seaside", "on the coast", "by the ocean", "on the seashore"),
    "mountains": ("in the mountains", "at the foot of the mountains",
                  "in front of a mountain range", "before the mountains"),
    "city": ("in a city", "in town", "on a city street", "in the city", "downtown"),
    "desert": ("in the desert", "in a desert", "among the dunes"),
    "indoors": ("indoors", "in a room", "inside a room"),
}  # fmt: skip
SEASONS = {
    "spring": ("in spring", "in springtime", "in the spring"),
    "summer": ("in summer", "in summertime", "in the summer"),
    "autumn": ("in autumn", "in the fall", "in fall"),
    "winter": ("in winter", "in wintertime", "in the winter"),
}
TIMES = {
    "morning": ("in the morning", "at dawn", "at sunrise", "early in the morning"),
    "day": ("in the daytime", "by day", "in the afternoon", "at midday"),
    "sunset": ("at sunset", "at dusk", "in the evening", "at twilight"),
    "night": ("at night", "at nighttime", "late at night"),
}
WEATHERS = {
    "clear": ("under a clear sky", "in clear weather", "with clear skies"),
    "cloudy": ("under a cloudy sky", "under an overcast sky", "in cloudy weather"),
    "rain": ("in the rain", "with rain falling", "while it is raining", "in rainy weather"),
    "snow": ("in the snow", "with snow falling", "while it is snowing", "in falling snow"),
    "fog": ("in the fog", "in the mist", "in foggy weather", "with mist all around"),
}
WEATHERS_OUTSIDE = {
    "clear": ("in clear weather", "with a clear sky outside"),
    "cloudy": ("in cloudy weather", "with an overcast sky outside"),
    "rain": ("with rain falling outside", "while it is raining outside"),
    "snow": ("with snow falling outside", "while it is snowing outside"),
    "fog": ("with fog outside", "while the world outside is misty"),
}
SEASON_ADJECTIVES = {
    "spring": ("spring",), "summer": ("summer",), "autumn": ("autumn", "fall"),
    "winter": ("winter",),
}  # fmt: skip
TIME_NOUNS = {
    "morning": ("morning",), "day": ("day", "afternoon"), "sunset": ("evening",),
    "night": ("night",),
}  # fmt: skip
WEATHER_ADJECTIVES = {
    "clear": ("clear",), "cloudy": ("cloudy", "overcast"), "rain": ("rainy",), "snow": ("snowy",),
    "fog": ("foggy", "misty"),
}  # fmt: skip
WEATHER_TAGS = {
    "clear": ("clear", "clear sky", "clear weather"), "cloudy": ("cloudy", "overcast"),
    "rain": ("rain", "rainy", "raining"), "snow": ("snow", "snowing", "snowy"),
    "fog": ("fog", "foggy", "mist", "misty"),
}  # fmt: skip
TIME_TAGS = {
    "morning": ("morning", "dawn", "sunrise"), "day": ("day", "daytime", "afternoon"),
    "sunset": ("sunset", "dusk", "evening", "twilight"), "night": ("night", "nighttime"),
}  # fmt: skip
SETTING_TAGS = {
    "meadow": ("meadow", "grassland", "field"), "sea": ("sea", "seaside", "ocean", "coast"),
    "mountains": ("mountains", "mountain range"), "city": ("city", "town", "street"),
    "desert": ("desert", "dunes"), "indoors": ("indoors", "room", "interior"),
}  # fmt: skip
STYLE_NOUNS = {
    "flat": ("flat illustration", "flat vector illustration", "flat-style picture"),
    "watercolor": ("watercolor", "watercolor painting", "watercolour"),
    "ink wash": ("ink wash painting", "Chinese ink painting", "sumi-e painting", "ink painting"),
    "oil": ("oil painting",),
    "pixel art": ("pixel art picture", "pixel art scene", "8-bit picture"),
    "line drawing": ("line drawing", "sketch", "line art drawing"),
}
STYLE_TAGS = {
    "flat": ("flat illustration", "flat vector", "flat style"),
    "watercolor": ("watercolor", "watercolor style", "watercolour"),
    "ink wash": ("ink wash", "ink painting", "sumi-e"),
    "oil": ("oil painting", "oil"),
    "pixel art": ("pixel art", "8-bit", "pixel art style"),
    "line drawing": ("line drawing", "line art", "sketch"),
}
STYLE_MANNERS = {
    "flat": ("as a flat illustration", "in a flat vector style"),
    "watercolor": ("in watercolor", "as a watercolor"),
    "ink wash": ("in ink wash", "as an ink wash painting"),
    "oil": ("in oil", "as an oil painting"),
    "pixel art": ("in pixel art", "as pixel art"),
    "line drawing": ("as a line drawing", "in line art"),
}
FLORID_SETTINGS = {
    "meadow": ("in a wide meadow", "out on the open grassland", "where the meadow stretches away"),
    "sea": ("by the murmuring sea", "where the land meets the ocean", "along the seashore"),
    "mountains": ("at the foot of the silent mountains", "beneath the great mountains",
                  "where the mountains rise"),
    "city": ("in the heart of the city", "along a city street", "in the middle of town"),
    "desert": ("in the endless desert", "among the rolling dunes", "out in the wide desert"),
    "indoors": ("inside a peaceful room", "within the four walls of a room", "indoors"),
}  # fmt: skip
FLORID_WEATHERS = {
    "clear": ("under a wide, clear sky", "beneath clear skies"),
    "cloudy": ("under a brooding, overcast sky", "beneath a low, overcast sky"),
    "rain": ("as a fine rain falls", "while the rain patters down"),
    "snow": ("as snow drifts softly down", "while snowflakes settle without a sound"),
    "fog": ("as mist hangs in the air", "while fog drifts by"),
}
FLORID_OUTSIDE = {
    "clear": ("while the sky outside is clear",),
    "cloudy": ("while the sky outside hangs overcast",),
    "rain": ("as rain patters down outside", "while rain runs down beyond the window"),
    "snow": ("as snow drifts down outside", "while snowflakes whirl beyond the window"),
    "fog": ("as mist hangs beyond the window", "while fog drifts by outside"),
}
MOODS = ("quiet", "still", "hushed", "gentle", "peaceful")
FLORID_STYLES = {
    "flat": (
        "All of it is told as a clean flat illustration.",
        "A flat illustration, spare and calm.",
    ),
    "watercolor": (
        "Everything is rendered in soft watercolor.",
        "A watercolor, tender and light.",
    ),
    "ink wash": (
        "It is brushed in flowing ink wash.",
        "An ink wash painting, all breath and brush.",
    ),
    "oil": ("It is painted in rich oils.", "An oil painting, thick and warm."),
    "pixel art": (
        "All of it is built from tiny squares of pixel art.",
        "Pixel art, square by square.",
    ),
    "line drawing": (
        "A line drawing, caught in a few sure strokes.",
        "A line drawing, light of hand.",
    ),
}
VERBS = {
    "person": ("stand", "wait", "linger"), "cat": ("rest", "linger", "keep watch"),
    "dog": ("wait", "linger", "keep watch"), "rabbit": ("rest", "linger", "pause"),
    "horse": ("stand", "pause", "linger"), "house": ("stand", "rise", "keep watch"),
    "tower": ("rise", "stand", "loom"), "castle": ("rise", "stand", "loom"),
    "tent": ("stand", "wait"), "car": ("wait", "stand"), "boat": ("rest", "wait"),
    "tree": ("stand", "rise", "keep watch"), "pine": ("stand", "rise"),
    "flower": ("bloom", "blossom"), "cactus": ("stand", "rise"), "mushroom": ("grow", "sprout"),
    "sun": ("shine", "hang"), "moon": ("hang", "shine", "glow"),
    "star": ("twinkle", "shine", "glimmer"), "cloud": ("drift", "float", "hang"),
    "table": ("stand",), "chair": ("stand", "wait"),
    "lamp": ("stand",), "cup": ("rest", "sit"), "ball": ("rest", "lie"),
    "umbrella": ("stand", "rest"), "bird": ("pause", "rest", "linger"), "balloon": ("rest", "wait"),
}  # fmt: skip
INVERTIBLE = frozenset({"stand", "rise", "hang", "lie", "bloom", "grow"})
"""Verbs that sound right in "there stands a house"."""
AIR_VERBS = {"bird": ("fly", "glide", "soar"), "balloon": ("drift", "float", "hang")}
UNUSED = frozenset({"rose", "gold", "birdie", "doggy", "human", "figure", "home"})
"""Words of the world that read oddly in a caption."""
