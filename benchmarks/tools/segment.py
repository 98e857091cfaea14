"""Words to masks: how well they cover what they name, and whether what is not there is found."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from . import RESAMPLES, Row, mean, share
from .studio import Studio, chances, held_out, picture, shown
from .words import LANGUAGES, phrases

FORMS = ("kind", "color + kind", "ground", "left/right")
SAID = {"en": "English", "zh": "Chinese"}


def measure(studio: Studio) -> list[Row]:
    """The rows of segment."""
    overlaps: dict[tuple[str, str], list[float]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
    refuted: dict[str, list[bool]] = defaultdict(list)
    pixels: list[dict[str, tuple[int, int]]] = []
    for scene in studio.each("segment", held_out(studio.n)):
        seen, image = shown(scene), picture(scene)
        of_classes = {}
        for asked in phrases(scene, seen, chances(scene, 21)):
            mask, there = _segment(studio, image, asked.text)
            inside, union = int((mask & asked.mask).sum()), int((mask | asked.mask).sum())
            overlaps[asked.form, asked.language].append(inside / union)
            if asked.language == "en" and asked.form in ("kind", "ground"):
                of_classes[asked.kind] = inside, union
            found[asked.language].append(there is True)
            refuted[asked.language].append(_segment(studio, image, asked.twin)[1] is False)
        pixels.append(of_classes)
    rows = [
        mean("segment", f"IoU, {form}, {SAID[language]}", overlaps[form, language])
        for form in FORMS
        for language in LANGUAGES
    ]
    for language in LANGUAGES:
        name = SAID[language]
        both = [a and b for a, b in zip(found[language], refuted[language], strict=True)]
        rows += [
            share("segment", f"found what is there, {name}", found[language]),
            share("segment", f"found nothing where nothing is, {name}", refuted[language]),
            share("segment", f"both of a pair, {name}", both),
        ]
    return [*rows, *_classes(pixels)]


def _segment(studio: Studio, image: object, text: str) -> tuple[np.ndarray, bool | None]:
    """The mask, bool (h, w), and whether anything was found; None where the words are refused."""
    result = studio.call("segment", {"text": text}, image=image)  # type: ignore[arg-type]
    if result is None or result.value is None:
        return np.zeros((128, 128), bool), None
    return np.asarray(result.images[0].convert("L")) > 127, bool(result.value["found"])


def _classes(pixels: list[dict[str, tuple[int, int]]]) -> list[Row]:
    """The IoU of each class over all pictures, and the mean of them; intervals resample whole
    pictures."""
    names = sorted({name for one in pixels for name in one})
    if not names:
        return []
    sums = np.array([[one.get(name, (0, 0)) for name in names] for one in pixels], np.float64)
    draws = np.random.default_rng(0).integers(0, len(pixels), (RESAMPLES, len(pixels)))
    with np.errstate(invalid="ignore"):
        value, drawn = _iou(sums.sum(0)), np.stack([_iou(sums[draw].sum(0)) for draw in draws])
    rows = [_row("mean IoU over classes", value.mean(), np.nanmean(drawn, 1), len(names))]
    for k, name in enumerate(names):
        n = sum(name in one for one in pixels)
        rows.append(_row(f"IoU of class: {name}", value[k], drawn[:, k], n))
    return rows


def _iou(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _row(measure_: str, value: float, drawn: np.ndarray, n: int) -> Row:
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Row("segment", measure_, float(value), float(low), float(high), n)
