"""Colors move as those of the surroundings do, as far as asked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from danqing.tools.color_transfer import colors_of, relit

Rgb = tuple[int, int, int]


def noise(
    color: Rgb, spread: int = 20, seed: int = 0, size: tuple[int, int] = (64, 48)
) -> Image.Image:
    """Pixels around a color."""
    shade = np.random.default_rng(seed).integers(-spread, spread + 1, (size[1], size[0], 1))
    return Image.fromarray(np.clip(np.array(color) + shade, 0, 255).astype(np.uint8))


FRONT = noise((180, 90, 80), seed=1)
DAY, NIGHT, DUSK = noise((140, 170, 120)), noise((50, 60, 70)), noise((200, 140, 90))


def lightness(image: Image.Image) -> float:
    return float(colors_of(image).mean[0])


def test_without_a_share_nothing_changes() -> None:
    apart = np.abs(np.asarray(relit(FRONT, DAY, NIGHT, 0.0), int) - np.asarray(FRONT))
    assert apart.max() <= 1


def test_where_the_surroundings_stay_as_they_are_nothing_changes_either() -> None:
    apart = np.abs(np.asarray(relit(FRONT, DAY, DAY, 1.0), int) - np.asarray(FRONT))
    assert apart.max() <= 1


def test_darker_surroundings_make_it_darker_and_lighter_ones_lighter() -> None:
    shares = (0.0, 0.25, 0.5, 1.0)
    darker = [lightness(relit(FRONT, DAY, NIGHT, share)) for share in shares]
    lighter = [lightness(relit(FRONT, NIGHT, DAY, share)) for share in shares]
    assert darker == sorted(darker, reverse=True) and darker[0] - darker[-1] > 15
    assert lighter == sorted(lighter) and lighter[-1] - lighter[0] > 15


def test_its_lightness_moves_as_theirs_and_its_hue_half_as_far() -> None:
    before, after = (noise(color, spread=5) for color in ((120, 130, 120), (150, 120, 90)))
    own, there, moved = colors_of(FRONT), colors_of(before), colors_of(after)
    result = colors_of(relit(FRONT, before, after, 1.0))
    assert result.mean - own.mean == pytest.approx(
        (moved.mean - there.mean) * (1.0, 0.5, 0.5), abs=2.5
    )


def test_a_sunset_makes_it_warmer_but_leaves_it_its_own_color() -> None:
    blue = noise((60, 90, 190), seed=2)
    result = colors_of(relit(blue, DAY, DUSK, 1.0))
    assert result.mean[2] > colors_of(blue).mean[2] + 3
    assert result.mean[2] < -15, "it is blue still"


def test_it_never_gets_more_contrast_and_never_goes_flat() -> None:
    flat, rough = noise((128, 128, 128), spread=2), noise((128, 128, 128), spread=60)
    own = colors_of(FRONT).deviation[0]
    assert colors_of(relit(FRONT, flat, rough, 1.0)).deviation[0] == pytest.approx(own, rel=0.05)
    flattened = colors_of(relit(FRONT, rough, flat, 1.0)).deviation[0]
    assert 0.55 * own < flattened < 0.65 * own


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_it_is_rgb_of_its_own_size_whatever_the_others_are(mode: str) -> None:
    small = DAY.resize((7, 5)).convert(mode)
    result = relit(FRONT, small, NIGHT.resize((31, 300)).convert(mode), 0.7)
    assert (result.mode, result.size) == ("RGB", FRONT.size)


def test_transparent_surroundings_do_not_count() -> None:
    day = DAY.convert("RGBA")
    day.paste((0, 0, 0, 0), (0, 0, 30, 48))
    right = DAY.crop((30, 0, 64, 48))
    one, other = (relit(FRONT, before, NIGHT, 1.0) for before in (day, right))
    assert np.abs(np.asarray(one, int) - np.asarray(other)).max() <= 1
