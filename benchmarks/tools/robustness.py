"""How the judges, caption and ask, see pictures that are spoiled, by chance or on purpose.

The attack is projected gradient descent (Madry et al. 2018) on the pixels, within a distance from
each of them, up the loss with which the panoptic network was trained. It sees that network's
gradients, so ask is attacked directly; caption has another network and is attacked only by what
carries over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from danqing.agent.seen import read_caption
from danqing.tools.models import Models
from training import panoptic
from training.scenes.spec import Scene
from training.semantics import FACTS, pools

from . import Row, mean, missing, share
from .pixels import SPOILERS, spoiled
from .studio import Studio, chances, held_out, picture, shown
from .words import Pair, absent_kind, certain, pairs

STEPS = 20
REACH = (4, 8)
"""How far a pixel may move, of 255."""


@dataclass(frozen=True)
class Case:
    """A picture; a kind in it and one that is not; and a question with its twin."""

    scene: Scene
    image: Image.Image
    kind: str
    other: str
    pair: Pair


def cases(n: int) -> list[Case]:
    """Held-out scenes with one of each kind of pair."""
    made = []
    for scene in held_out(n, lambda scene: bool(certain(scene))):
        rng = chances(scene, 61)
        kind = str(rng.choice(certain(scene)))
        asked = [p for p in pairs(scene, (), rng) if p.kind == "yes/no" and p.language == "en"]
        pair = asked[int(rng.integers(len(asked)))]
        made.append(Case(scene, picture(scene), kind, absent_kind(scene, kind, rng), pair))
    return made


def measure(studio: Studio) -> list[Row]:
    """The rows of both judges, of as many as are there; and for the attack the loss, which must
    rise for it to be one."""
    judges = [name for name in JUDGES if studio.can(name)]
    rows = [missing(name, "robustness") for name in JUDGES if name not in judges]
    some = cases(studio.n)
    model = network(studio) if studio.has("panoptic") else None
    for name, pictures in _conditions(studio, some, model):
        for judge in judges:
            what, is_right = JUDGES[judge]
            both = zip(studio.each(f"{judge}, {name}", some), pictures, strict=True)
            right = [is_right(studio, case, image) for case, image in both]
            rows.append(share(judge, f"pairs of {what} right, {name}", right))
        if model is not None and name.startswith(("clean", "PGD")):
            values = [loss(model, image, case.scene)
                      for case, image in zip(some, pictures, strict=True)]  # fmt: skip
            rows.append(mean("panoptic network", f"loss for the true scene, {name}", values))
    return rows


def _conditions(
    studio: Studio, some: Sequence[Case], model: torch.nn.Module | None
) -> Iterator[tuple[str, list[Image.Image]]]:
    """The names of all conditions, and the pictures as they are then."""
    yield "clean", [case.image for case in some]
    for how, strengths in SPOILERS.items():
        for strength in strengths:
            yield (
                f"{how} {strength:g}",
                [spoiled(case.image, how, strength, case.scene.seed % 2**32) for case in some],
            )
    if model is None:
        return
    for reach in REACH:
        each = studio.each(f"PGD {reach}/255", some)
        yield f"PGD {reach}/255", [attacked(model, case, reach) for case in each]


def _captioned(studio: Studio, case: Case, image: Image.Image) -> bool:
    """Whether the caption tells of the kind that is there and not of the other."""
    result = studio.call("caption", {}, image=image)
    if result is None or result.value is None:
        return False
    told = {group.noun for group in read_caption(result.value["text"]).groups}
    return case.kind in told and case.other not in told


def _asked(studio: Studio, case: Case, image: Image.Image) -> bool:
    answers = []
    for question in (case.pair.first, case.pair.second):
        result = studio.call("ask", {"question": question.text}, image=image)
        answers.append(bool(result and result.value and question.right(result.value["value"])))
    return all(answers)


JUDGES: dict[str, tuple[str, Callable[[Studio, Case, Image.Image], bool]]] = {
    "caption": ("kinds", _captioned), "ask": ("questions", _asked),
}  # fmt: skip
"""What is asked of each judge, and whether it is right."""


# -- the attack


def network(studio: Studio) -> torch.nn.Module:
    """The profile's panoptic network, in this process, for its gradients."""
    loaded = Models(studio.engine.profile.models, device="cpu").get("panoptic").model
    return loaded.requires_grad_(False)  # type: ignore[no-any-return]


def attacked(model: torch.nn.Module, case: Case, reach: int, steps: int = STEPS) -> Image.Image:
    """The picture after ``steps`` up the network's loss for the true scene, begun at random; no
    pixel is more than ``reach`` of 255 away from what it was."""
    clean = _tensor(case.image)
    random = torch.Generator().manual_seed(case.scene.seed % 2**32)
    x = clean + (2 * torch.rand(clean.shape, generator=random) - 1) * reach
    size = 2.5 * reach / steps
    for _ in range(steps):
        x = x.clamp(0, 255).requires_grad_()
        [gradient] = torch.autograd.grad(_loss(model, x, case.scene), x)
        moved = x.detach() + size * gradient.sign()
        x = clean + (moved - clean).clamp(-reach, reach)
    pixels = x.clamp(0, 255).round()[0].permute(1, 2, 0)
    return Image.fromarray(pixels.numpy().astype(np.uint8))


@torch.no_grad()
def loss(model: torch.nn.Module, image: Image.Image, scene: Scene) -> float:
    """The network's loss on a picture for the true scene."""
    return float(_loss(model, _tensor(image), scene))


def _tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image, np.float32).copy()).permute(2, 0, 1)[None]


def _loss(model: torch.nn.Module, pixels: torch.Tensor, scene: Scene) -> torch.Tensor:
    """The loss for pixels from 0 to 255, (1, 3, 128, 128)."""
    true = panoptic.targets(scene, shown(scene))
    wanted = {name: torch.from_numpy(value)[None] for name, value in true.items()}
    told = torch.tensor([[pools()[fact].index(getattr(scene, fact)) for fact in FACTS]])
    return panoptic.loss_of(panoptic.logits_of(model, pixels / 127.5 - 1), wanted, told)
