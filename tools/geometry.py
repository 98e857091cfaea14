"""What stands where: relations between boxes, as any viewer would agree to them.

Left and above follow GenEval (Ghosh et al. 2023): the distance of the centers, less a tenth of
both sizes, is more than half of the whole distance on that axis.
"""

from __future__ import annotations

from math import hypot

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in fractions of the picture."""

MOSTLY = 0.7
"""Share of a thing that is in its holder's box when it is inside it."""


def center(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def offset(a: Box, b: Box) -> tuple[float, float]:
    """Where ``a`` is as seen from ``b``: the distance of the centers along each axis, less a tenth
    of both sizes, as a share of the whole distance."""
    (ax, ay), (bx, by) = center(a), center(b)
    whole = hypot(ax - bx, ay - by)
    if whole == 0.0:
        return 0.0, 0.0
    slack_x = 0.1 * (a[2] - a[0] + b[2] - b[0])
    slack_y = 0.1 * (a[3] - a[1] + b[3] - b[1])

    def share(distance: float, slack: float) -> float:
        rest = max(abs(distance) - slack, 0.0) / whole
        return rest if distance > 0 else -rest

    return share(ax - bx, slack_x), share(ay - by, slack_y)


def rounded(box: Box) -> Box:
    """A box in ten thousandths of the picture, as values are told."""
    left, top, right, bottom = (round(float(v), 4) for v in box)
    return left, top, right, bottom


def left_of(a: Box, b: Box) -> bool:
    return offset(a, b)[0] < -0.5


def above(a: Box, b: Box) -> bool:
    return offset(a, b)[1] < -0.5


def between(a: Box, left: Box, right: Box) -> bool:
    """Whether ``a`` is horizontally between the two, all three at similar height."""
    boxes = (a, left, right)
    heights = [center(box)[1] for box in boxes]
    tallest = max(box[3] - box[1] for box in boxes)
    level = max(heights) - min(heights) <= 0.75 * tallest
    return level and left_of(left, a) and left_of(a, right)


def stands_on(a: Box, b: Box) -> bool:
    """Whether the foot of ``a`` is on top of ``b``."""
    x, foot = center(a)[0], a[3]
    return b[0] <= x <= b[2] and b[1] - 0.03 <= foot <= b[1] + 0.6 * (b[3] - b[1])


def within(a: Box, b: Box) -> bool:
    """Whether most of ``a``, the smaller one, is in ``b``."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    area, holder = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return area < holder and max(wide, 0.0) * max(high, 0.0) >= MOSTLY * area
