"""What a panoptic segmentation network sees in a picture: its things one by one, and its grounds.

The network is a stock semantic segmentation model of transformers whose channels are, by the names
in its config: the logits of what a pixel shows ("nothing", "sky", "house"), one of which is true;
of the color of the thing it shows ("color: red", with "color: natural"); of there being the center
of a thing ("center: house"); and how far to the right of the pixel and below it the center of its
thing is ("offset: x", "offset: y", in fractions of the picture); and, as the mean over all pixels,
of what the whole picture is ("season: winter"). Things are told apart as in Panoptic-DeepLab
(Cheng et al. 2020), with centers for every kind (Zhou et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from .geometry import Box
from .registry import Context, flatten

if TYPE_CHECKING:
    import numpy as np

GROUNDS = ("sky", "ground")
"""What is seen and is no thing. Indoors the floor is the ground."""
NOTHING, NATURAL = "nothing", "natural"
FAMILIAR = 0.875
"""Least `Sight.certainty` of what the network knows. For 300 held-out scenes it is 0.900 or more,
for 150 painted pictures 0.897; for 13 photographs of things and textures 0.792 or less."""
THINGS_DOUBTED, COLORS_DOUBTED = 3.5, 1.5
"""Factors on the log-odds of centers and of colors that make them as often right as they say, found
on 300 held-out scenes with earlier weights; of today's 98 in 100 things are right that get 94."""
CENTER = 0.3
"""Least probability of a center."""
APART = 0.3
"""Centers that are nearer than this, in sizes of the thing, are of one thing."""
ODD, LONGEST, STEP = 1.3, 6.0, 32
"""From which ratio of its sides on an image is seen in its own proportions, up to which, and in
steps of how many pixels."""
OWN = 0.7
"""Mean probability of pixels that are surely of the kind that they are most like."""


@dataclass(frozen=True)
class Channels:
    """Which channels of the network's output say what, from its ``id2label``."""

    shown: tuple[str, ...]
    colors: tuple[str, ...]
    centers: tuple[str, ...]
    facts: Mapping[str, tuple[str, ...]]
    """What is said of the picture as a whole, by every pixel: "season" and its words."""

    @classmethod
    def of(cls, labels: Mapping[int, str]) -> Channels:
        """Raises ValueError for other labels than `names` gives."""
        given = [labels.get(i, "") for i in range(len(labels))]
        groups: dict[str, list[str]] = {}
        for name in given:
            group, _, word = name.rpartition(": ")
            groups.setdefault(group, []).append(word)
        shown, colors, centers = (groups.pop(group, []) for group in ("", "color", "center"))
        groups.pop("offset", None)
        facts = {fact: tuple(words) for fact, words in groups.items()}
        channels = cls(tuple(shown), tuple(colors), tuple(centers), facts)
        if channels.names() != given or not set(centers) <= set(shown):
            raise ValueError(f"these are not the channels of a panoptic network: {given}")
        return channels

    def names(self) -> list[str]:
        """The names of all channels, in their order."""
        return [
            *self.shown,
            *(f"color: {word}" for word in self.colors),
            *(f"center: {word}" for word in self.centers),
            "offset: x", "offset: y",
            *(f"{fact}: {word}" for fact, words in self.facts.items() for word in words),
        ]  # fmt: skip

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many channels there are of what is shown, of colors, of centers, of offsets, and of
        each fact."""
        facts = (len(words) for words in self.facts.values())
        return len(self.shown), len(self.colors), len(self.centers), 2, *facts


@dataclass(frozen=True)
class Thing:
    """One thing that was seen.

    ``color`` is None where it is as such things are by nature; ``looks`` is the color that it has
    or, then, most resembles. ``center`` is (x, y) in fractions of the picture. ``confidence`` is
    the probability of its center, ``color_confidence`` that of its color.
    """

    kind: str
    color: str | None
    center: tuple[float, float]
    box: Box
    confidence: float
    color_confidence: float
    looks: str


@dataclass(frozen=True)
class Sight:
    """Everything seen in one picture.

    ``things`` are from left to right. ``owner`` int16 (h, w) has, for every pixel, the number of
    its thing in ``things`` + 1, or 0. ``shown`` float32 (labels, h, w) are probabilities of what is
    shown, in the order of ``names``. ``facts`` maps "season" and the like to a word and how
    probable it is.
    """

    things: tuple[Thing, ...]
    owner: np.ndarray
    shown: np.ndarray
    names: tuple[str, ...]
    facts: Mapping[str, tuple[str, float]]

    @property
    def certainty(self) -> float:
        """The mean probability of what is seen at each pixel."""
        return float(self.shown.max(0).mean())

    @property
    def familiar(self) -> bool:
        """Whether this is of the world that the network knows; photographs of things are not."""
        return self.certainty >= FAMILIAR

    def probability(self, name: str) -> np.ndarray:
        """The probability of ``name`` being shown, float32 (h, w). Raises ValueError for a name
        that the network does not know."""
        if name not in self.names:
            raise ValueError(f"the network does not know {name!r}")
        one: np.ndarray = self.shown[self.names.index(name)]
        return one


def see(context: Context, image: Image.Image) -> Sight:
    """What the profile's panoptic network sees in an image; transparent parts are seen as white.

    It sees things in their own proportions: of an image that is no square, the shorter side gets
    the size that the network knows, and the longer one as much more, up to `LONGEST` times.
    """
    import torch

    network = context.models.get("panoptic")
    larger, more = [1.0, 1.0], {}
    if not 1 / ODD < image.width / image.height < ODD:
        known = network.processor.size
        size = _in_proportion(image.size, known)
        larger = [size[side] / known[side] for side in ("width", "height")]
        more = {"size": size}
    pixels = network.processor(images=flatten(image), return_tensors="pt", **more).pixel_values
    context.check_cancelled()
    with torch.inference_mode():
        x = pixels.to(network.device, network.model.dtype)
        # before the model enlarges it to the size of the picture
        logits = network.model.decode_head(network.model.backbone(x).feature_maps)
    channels = Channels.of(network.model.config.id2label)
    maps = logits[0].float().cpu().numpy()
    first = sum(channels.sizes[:3])
    for axis, by in enumerate(larger):  # offsets are fractions of the square that it knows
        maps[first + axis] /= by
    return read(maps, channels)


def _in_proportion(size: tuple[int, int], known: Mapping[str, int]) -> dict[str, int]:
    """The size at which an image of ``size`` is seen: its shorter side as large as the network
    knows."""
    shape = min(max(size[0] / size[1], 1 / LONGEST), LONGEST)
    larger = {"width": max(shape, 1.0), "height": max(1 / shape, 1.0)}
    return {side: round(known[side] / STEP * by) * STEP for side, by in larger.items()}


def read(logits: np.ndarray, channels: Channels, *, fine: int = 4) -> Sight:
    """What is in ``logits``, float32 (channels, h, w); masks are ``fine`` times as fine.

    Raises ValueError for logits that are not finite or not as many as the channels.
    """
    import cv2
    import numpy as np

    if len(logits) != sum(channels.sizes):
        raise ValueError(f"{len(logits)} maps are not those of {sum(channels.sizes)} channels")
    if not np.isfinite(logits).all():
        raise ValueError("the network gave no finite values")
    parts = np.split(logits, np.cumsum(channels.sizes)[:-1])
    shown_at, color_at, center_at, offset_at = parts[:4]
    facts = {}
    for (fact, words), maps in zip(channels.facts.items(), parts[4:], strict=True):
        told = _softmax(maps.mean((1, 2)))
        facts[fact] = words[int(told.argmax())], float(told.max())
    h, w = logits.shape[1:]

    def larger(maps: np.ndarray) -> np.ndarray:
        size = (w * fine, h * fine)
        return np.stack([cv2.resize(m, size, interpolation=cv2.INTER_LINEAR) for m in maps])

    shown = _softmax(larger(shown_at))
    colors = _softmax(larger(color_at))
    offsets = larger(offset_at)
    best = shown.argmax(0)
    rows, columns = np.mgrid[: h * fine, : w * fine]
    # where each pixel says that its thing's center is
    to_x = (columns + 0.5) / (w * fine) + offsets[0]
    to_y = (rows + 0.5) / (h * fine) + offsets[1]
    heat = 0.5 + 0.5 * np.tanh(center_at / 2)  # the sigmoid, without overflow
    candidates = []
    for kind, centers in _centers(heat).items():
        mine = best == channels.shown.index(channels.centers[kind])
        for center, mask in _shared(centers, mine, to_x, to_y):
            if mask.any():
                candidates.append(_Candidate(channels.centers[kind], center, mask))
    likely = {name: shown[channels.shown.index(name)] for name in channels.centers}
    owner = np.zeros(best.shape, np.int16)
    things: list[Thing] = []
    masks: list[np.ndarray] = []
    for name, (x, y, p), mask in _settled(candidates, likely):
        votes = colors[:, mask].mean(1)
        by_votes = [channels.colors[k] for k in np.argsort(-votes)]
        color = by_votes[0]
        ys, xs = np.nonzero(mask)
        box = (
            float(xs.min() / (w * fine)), float(ys.min() / (h * fine)),
            float((xs.max() + 1) / (w * fine)), float((ys.max() + 1) / (h * fine)),
        )  # fmt: skip
        things.append(Thing(
            name, None if color == NATURAL else color, (x, y), box,
            _honest(p, THINGS_DOUBTED), _honest(float(votes.max()), COLORS_DOUBTED),
            next(c for c in by_votes if c != NATURAL),
        ))  # fmt: skip
        masks.append(mask)
    order = sorted(range(len(things)), key=lambda i: things[i].center)
    for number, i in enumerate(order, 1):
        owner[masks[i]] = number
    return Sight(tuple(things[i] for i in order), owner, shown, channels.shown, facts)


def _honest(p: float, doubted: float) -> float:
    """A probability as it would be if the network did not doubt itself ``doubted`` times too much
    (temperature scaling, Guo et al. 2017)."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return float(1 / (1 + (1 / p - 1) ** doubted))


Center = tuple[float, float, float]
"""x and y in fractions of the picture, and the probability."""


class _Candidate(NamedTuple):
    """What may be a thing."""

    kind: str
    center: Center
    mask: np.ndarray


def _settled(candidates: list[_Candidate], likely: Mapping[str, np.ndarray]) -> list[_Candidate]:
    """The candidates that are things: where two kinds claim one place, that one is right which is
    surer, unless the other's pixels are surely its own, as a cat's in a boat are."""
    import numpy as np

    def own(candidate: _Candidate) -> float:
        return float(likely[candidate.kind][candidate.mask].mean())

    settled: list[_Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.center[2] * own(c)):
        for i, other in enumerate(settled):
            apart = np.hypot(one.center[0] - other.center[0], one.center[1] - other.center[1])
            both = one.mask | other.mask
            if one.kind != other.kind and apart < APART * np.sqrt(both.mean()) and own(one) < OWN:
                settled[i] = other._replace(mask=both)
                break
        else:
            settled.append(one)
    return settled


def _centers(heat: np.ndarray) -> dict[int, list[Center]]:
    """The centers of each kind in ``heat`` (kinds, h, w), the surest first: local maxima, their
    place told more exactly by what lies around them."""
    import cv2
    import numpy as np

    h, w = heat.shape[1:]
    found: dict[int, list[Center]] = {}
    for kind in np.nonzero((heat >= CENTER).any((1, 2)))[0].tolist():
        one = heat[kind]
        peaks = (one >= CENTER) & (one >= cv2.dilate(one, np.ones((3, 3), np.uint8)))
        for y, x in zip(*np.nonzero(peaks), strict=True):
            top, left = max(y - 1, 0), max(x - 1, 0)
            around = one[top : y + 2, left : x + 2]
            weight = around.sum()
            ys, xs = np.mgrid[top : top + around.shape[0], left : left + around.shape[1]]
            at = (
                float(((xs + 0.5) * around).sum() / weight / w),
                float(((ys + 0.5) * around).sum() / weight / h),
            )
            found.setdefault(kind, []).append((*at, float(one[y, x])))
    return {kind: sorted(list_, key=lambda c: -c[2]) for kind, list_ in found.items()}


def _shared(
    centers: list[Center], mine: np.ndarray, to_x: np.ndarray, to_y: np.ndarray
) -> list[tuple[Center, np.ndarray]]:
    """Each center with the pixels of ``mine`` that point at it rather than at another; centers too
    near to a surer one for the size of what they share are the same thing's."""
    import numpy as np

    while True:
        far = np.stack([(to_x - x) ** 2 + (to_y - y) ** 2 for x, y, _ in centers])
        nearest = far.argmin(0)
        masks = [mine & (nearest == i) for i in range(len(centers))]
        twin = _twin(centers, masks)
        if twin is None:
            return list(zip(centers, masks, strict=True))
        centers = centers[:twin] + centers[twin + 1 :]


def _twin(centers: list[Center], masks: list[np.ndarray]) -> int | None:
    """The number of a center that is no thing of its own, if there is one."""
    import numpy as np

    for j in range(len(centers) - 1, 0, -1):
        for i in range(j):
            apart = np.hypot(centers[i][0] - centers[j][0], centers[i][1] - centers[j][1])
            size = np.sqrt((masks[i].mean() + masks[j].mean()) / 2)
            if apart < APART * size:
                return j
    return None


def _softmax(x: np.ndarray) -> np.ndarray:
    import numpy as np

    x = np.exp(x - x.max(0))
    return np.asarray(x / x.sum(0), np.float32)
