"""The world that SceneBench asks about, in the graders' own words.

The order of the words is that of the learned grader's outputs.
"""

from __future__ import annotations

KINDS = (
    "person", "cat", "dog", "rabbit", "horse", "bird", "house", "tower", "castle", "tent", "car",
    "boat", "balloon", "tree", "pine", "flower", "cactus", "mushroom", "sun", "moon", "star",
    "cloud", "table", "chair", "lamp", "cup", "ball", "umbrella",
)  # fmt: skip
COLORS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray",
)  # fmt: skip
FACTS: dict[str, tuple[str, ...]] = {
    "style": ("flat", "watercolor", "ink wash", "oil", "pixel art", "line drawing"),
    "setting": ("meadow", "sea", "mountains", "city", "desert", "indoors"),
    "season": ("spring", "summer", "autumn", "winter"),
    "time": ("morning", "day", "sunset", "night"),
    "weather": ("clear", "cloudy", "rain", "snow", "fog"),
}
