"""``python -m training.sight``: the pictures of known content that an answerer is tried on.

They are large and plain, so that whoever sees at all sees what is on them; what is asked of them
and what is right is in ``questions.toml`` beside them.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .scenes.render import render
from .scenes.spec import Scene, Thing

FOLDER = Path(__file__).parents[1] / "agent" / "sight"
SIDE, COLORS = 320, 128
SCENES = {
    "house": Scene(
        3, "meadow", "summer", "day", "clear", "flat", 0.55,
        (Thing("house", (0.2, 0.25, 0.75, 0.85), "red"),),
    ),
    "cats": Scene(
        5, "meadow", "spring", "day", "clear", "flat", 0.5,
        (Thing("cat", (0.08, 0.4, 0.45, 0.9), "black"),
         Thing("cat", (0.55, 0.4, 0.92, 0.9), "black", flip=True)),
    ),
    "car": Scene(
        8, "city", "winter", "day", "snow", "flat", 0.6,
        (Thing("car", (0.15, 0.5, 0.85, 0.92), "blue"),),
    ),
    "moon": Scene(
        2, "sea", "summer", "night", "clear", "flat", 0.6,
        (Thing("moon", (0.6, 0.06, 0.84, 0.3)), Thing("boat", (0.15, 0.4, 0.6, 0.85), "white")),
    ),
}  # fmt: skip


def main() -> None:
    """Draw them."""
    for name, scene in SCENES.items():
        image = Image.fromarray(render(scene, SIDE).rgb)
        plain = image.quantize(COLORS, dither=Image.Dither.NONE)  # flat pictures have few colors
        plain.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
