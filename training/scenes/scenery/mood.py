"""The colors of the backdrop: in plain daylight, and what hour, season and weather make of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..canvas import Color, mix

Pixels = NDArray[np.uint8]
Tint = tuple[tuple[float, float, float], Color, float]
"""What channels are multiplied with, a color mixed in after that, and how much of it."""

WHITE: Color = (255, 255, 255)
SNOW: Color = (246, 249, 253)

_SKY: dict[str, tuple[Color, Color, Color]] = {  # top, middle, at the horizon
    "morning": ((134, 186, 226), (218, 208, 222), (255, 206, 180)),
    "day": ((70, 148, 214), (146, 198, 232), (220, 236, 238)),
    "sunset": ((92, 66, 128), (214, 96, 96), (255, 182, 92)),
    "night": ((12, 18, 50), (24, 38, 88), (54, 78, 132)),
}
_GLOW: dict[str, tuple[Color, float]] = {  # color and strength of the light low in the sky
    "morning": ((255, 232, 196), 0.75),
    "day": ((250, 250, 240), 0.35),
    "sunset": ((255, 214, 120), 0.85),
    "night": ((84, 108, 160), 0.35),
}
_COVER: dict[str, tuple[Color, Color]] = {  # an overcast sky, overhead and low down
    "morning": ((172, 176, 198), (246, 220, 210)),
    "day": ((152, 168, 188), (226, 232, 238)),
    "sunset": ((104, 74, 116), (240, 150, 104)),
    "night": ((34, 42, 70), (66, 78, 112)),
}
_SEASON_AIR: dict[str, Color] = {
    "spring": (204, 226, 232),
    "summer": (30, 128, 214),
    "autumn": (206, 208, 190),
    "winter": (214, 226, 238),
}
_AIRY = {"morning": 0.14, "day": 0.3, "sunset": 0.1, "night": 0.05}
_TINT: dict[str, Tint] = {  # of the backdrop itself
    "morning": ((1.02, 0.96, 0.96), (255, 206, 200), 0.14),
    "day": ((1.0, 1.0, 1.0), WHITE, 0.0),
    "sunset": ((1.0, 0.82, 0.76), (158, 66, 104), 0.14),
    "night": ((0.44, 0.48, 0.62), (18, 30, 84), 0.25),
}
_SNOWY_SUNSET: Tint = ((0.97, 0.86, 0.93), (120, 84, 160), 0.1)  # or snow would look like pink sand
_ROOM: dict[str, Tint] = {  # of walls and floor
    "morning": ((1.01, 0.98, 0.97), (255, 214, 200), 0.07),
    "day": ((1.0, 1.0, 1.0), WHITE, 0.0),
    "sunset": ((0.99, 0.87, 0.78), (196, 96, 84), 0.05),
    "night": ((0.46, 0.5, 0.64), (18, 30, 84), 0.22),
}
_GRAY = {"clear": 0.0, "cloudy": 0.5, "rain": 0.8, "snow": 0.66, "fog": 0.66}  # of the sky
_DARK = {"clear": 1.0, "cloudy": 0.95, "rain": 0.88, "snow": 0.97, "fog": 0.98}  # of the ground
_DULL = {"clear": 0.0, "cloudy": 0.1, "rain": 0.2, "snow": 0.08, "fog": 0.12}


@dataclass(frozen=True)
class Mood:
    """How the backdrop's own colors look at one hour, in one season and one weather."""

    season: str
    time: str
    weather: str
    side: int
    sky: tuple[Color, Color, Color]
    cover: tuple[Color, Color]
    glow: Color
    glowing: float
    haze: Color
    room: bool = False  # in a room, where neither snow nor haze reaches the colors
    colors: dict[tuple[Color, float], Color] = field(default_factory=dict)  # worked out before
    grids: dict[object, Pixels] = field(default_factory=dict)

    def on(self, color: Color, far: float = 0.0) -> Color:
        """A daylight color as it looks now, ``far`` (0 to 1) of the way into the haze."""
        seen = self.colors.get((color, far))
        if seen is None:
            seen = self.colors[color, far] = self._on(color, far)
        return seen

    def _on(self, color: Color, far: float) -> Color:
        dark = _DARK[self.weather]
        if self.room:
            gain, tint, tinted = _ROOM[self.time]
        else:
            if self.weather == "snow":
                color = mix(color, SNOW, 0.24)
            gray = int(0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2])
            color = mix(color, (gray, gray, gray), _DULL[self.weather])
            frosty = self.time == "sunset" and self.season == "winter"
            gain, tint, tinted = _SNOWY_SUNSET if frosty else _TINT[self.time]
        r, g, b = (min(255, int(c * k * dark)) for c, k in zip(color, gain, strict=True))
        if self.weather == "fog" and far:
            far = 0.5 + 0.5 * far
        return mix(mix((r, g, b), tint, tinted), self.haze, far)

    def ground(self, top: Color, bottom: Color, far: float, fade: float) -> Pixels:
        """A small picture of a surface, warmer and brighter towards the light."""
        key = (top, bottom, far, fade)
        if key not in self.grids:
            a, b = np.array(self.on(top, far)), np.array(self.on(bottom, fade))
            t = np.linspace(0, 1, 6)[:, None, None]
            slant = self.side * np.linspace(-1, 1, 4)[None, :, None]
            grid = (a + (b - a) * t) * (1.0 + 0.045 * slant)
            grid += (np.array(self.glow) - grid) * np.clip(slant, 0, 1) * 0.12 * self.glowing
            self.grids[key] = np.clip(grid, 0, 255).astype(np.uint8)
        return self.grids[key]

    def air(self) -> Pixels:
        """A small picture of the clear or evenly covered sky."""
        if "air" not in self.grids:
            t, x = np.linspace(0, 1, 20)[:, None], np.linspace(0, 1, 12)[None]
            stops = np.array(self.sky, float)
            column = [np.interp(t[:, 0], (0.0, 0.55, 1.0), stops[:, k]) for k in range(3)]
            grid = np.repeat(np.stack(column, -1)[:, None], 12, 1)
            source = 0.5 + 0.26 * self.side
            near = np.exp(-(((x - source) / 0.42) ** 2) - ((t - 1.0) / 0.38) ** 2)
            grid += (np.array(self.glow) - grid) * (near * self.glowing)[..., None]
            if self.time == "night" and self.weather == "clear":
                milky = np.exp(-(((x * 0.55 * self.side + t - 0.35) / 0.22) ** 2))
                grid += milky[..., None] * (10.0, 13.0, 22.0)
            self.grids["air"] = np.clip(grid, 0, 255).astype(np.uint8)
        return self.grids["air"]


@cache
def mood_of(season: str, time: str, weather: str, side: int, room: bool = False) -> Mood:
    high, low = _COVER[time]
    night = time == "night"
    if weather == "rain":
        high, low = mix(high, (30, 42, 66), 0.4), mix(low, (60, 74, 100), 0.42)
    elif weather == "snow":
        high, low = (
            mix(high, (138, 152, 184), 0.2),
            mix(low, (150, 166, 196), 0.0 if night else 0.45),
        )
    elif weather == "fog":
        high, low = (mix(c, (236, 238, 242), 0.06 if night else 0.4) for c in (high, low))
    gray, airy = _GRAY[weather], _AIRY[time]
    top, mid, base = _SKY[time]
    top = mix(mix(top, _SEASON_AIR[season], airy), high, gray)
    mid = mix(mix(mid, _SEASON_AIR[season], airy * 0.6), mix(high, low, 0.5), gray)
    base = mix(mix(base, _SEASON_AIR[season], airy * 0.25), low, gray * 0.85)
    glow, glowing = _GLOW[time]
    return Mood(
        season, time, weather, side, (top, mid, base), (high, low), glow,
        glowing * (1.0 - 0.75 * gray), mix(base, mid, 0.45), room,
    )  # fmt: skip


@dataclass(frozen=True)
class Land:
    """What grows, or covers what grows, in one season, from far to near."""

    far: Color
    mid: Color
    near: Color
    deep: Color
    blade: Color
    woods: Color
    thicket: Color


LAND = {
    "spring": Land(
        far=(178, 214, 156), mid=(164, 212, 118), near=(136, 196, 96), deep=(106, 174, 82),
        blade=(90, 160, 74), woods=(160, 204, 136), thicket=(124, 182, 108),
    ),
    "summer": Land(
        far=(122, 178, 120), mid=(92, 166, 84), near=(60, 140, 70), deep=(38, 110, 58),
        blade=(32, 98, 52), woods=(70, 134, 88), thicket=(42, 106, 70),
    ),
    "autumn": Land(
        far=(216, 184, 118), mid=(230, 180, 84), near=(214, 148, 58), deep=(182, 112, 44),
        blade=(158, 92, 38), woods=(222, 138, 58), thicket=(190, 90, 42),
    ),
    "winter": Land(
        far=(212, 224, 238), mid=(232, 238, 246), near=(242, 246, 251), deep=(218, 228, 242),
        blade=(178, 188, 204), woods=(186, 198, 214), thicket=(152, 168, 188),
    ),
}  # fmt: skip
