"""Small rough pictures of what is being painted, for those who watch.

In the middle of its work a painter has noise with a picture under it. Two latents in a row tell
what they lead to, where it is known how much noise each of them has:

    x = α x₀ + σ ε  and  x' = α' x₀ + σ' ε,  so  x₀ = (σ' x - σ x') / (α σ' - α' σ).

That is what the network made of x in the last step, and is exact for solvers of the first order
(DDIM, Euler); those of a higher one add a little of what was before. It costs nothing beside what
is drawn: only decoding does. What is drawn is not touched.

Only the worker process uses this module.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

EVERY, SHARE = 0.5, 0.05
"""Seconds from one preview to the next, at least; and the part of the time that they may take."""
FIRST = 0.05
"""Seconds that the first is taken to need, which is what the built-in painter's do on a CPU."""
SIDE = 256
"""The most pixels that a preview has a side."""
Decoder = Callable[[torch.Tensor], Image.Image]
"""Makes an RGB image of latents (1, channels, h, w) as the denoiser gets them."""


@dataclass(frozen=True)
class Noised:
    """Latents alpha * x0 + sigma * noise, (n, channels, h, w)."""

    latents: torch.Tensor
    alpha: float
    sigma: float


class Previews:
    """The previews of one batch, of those pictures in it whose numbers are in ``watched``.

    ``load`` gives the decoder once a preview is due, or is None where there are none. An error
    costs no picture: there are no more previews then, and standard error tells why.
    """

    def __init__(
        self, load: Callable[[], Decoder] | None, watched: Sequence[int] = (0,),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        self._load, self._clock, self._watched = load, clock, [*watched]
        self._decode: Decoder | None = None
        self._before: Noised | None = None
        self._last, self._cost = clock(), FIRST

    def after_step(self, scheduler: Any, left: int, latents: torch.Tensor) -> list[Image.Image]:
        """To be called after every step, with how many are left; previews where they are due."""
        if self._load is None or not self._watched:
            return []
        try:
            return self._after_step(self._load, scheduler, left, latents)
        except Exception as error:  # noqa: BLE001
            print(f"no more previews: {type(error).__name__}: {error}", file=sys.stderr)
            self._load = self._before = None
            return []

    def _after_step(
        self, load: Callable[[], Decoder], scheduler: Any, left: int, latents: torch.Tensor
    ) -> list[Image.Image]:
        known, before = noise(scheduler, left), self._before
        now = self._before = None if known is None else Noised(latents, *known)
        since = self._clock() - self._last
        if since < EVERY or self._cost > SHARE * since:
            return []
        estimate = latents if now is None else clean(before, now)
        if estimate is None:
            return []
        if self._decode is None:
            self._decode = load()
        seen = estimate[self._watched]
        if not bool(seen.isfinite().all()):  # and the device has done all it was asked to
            return []
        begun = self._clock()
        pictures = [self._decode(one[None]) for one in seen]
        for picture in pictures:
            picture.thumbnail((SIDE, SIDE), reducing_gap=2.0)
        self._last = self._clock()
        self._cost = self._last - begun
        return pictures


def noise(scheduler: Any, left: int) -> tuple[float, float] | None:
    """How much of the clean latents and of noise is in those of a pipeline with ``left`` steps to
    go: alpha and sigma. None for a scheduler that is not known here, or that adds new noise."""
    told = scheduler.config
    match type(scheduler).__name__:
        case "DDIMScheduler" | "PNDMScheduler":
            kept = scheduler.final_alpha_cumprod
            if left:
                kept = scheduler.alphas_cumprod[int(scheduler.timesteps[-left])]
            return math.sqrt(kept), math.sqrt(1 - kept)
        case "EulerDiscreteScheduler":
            return 1.0, float(scheduler.sigmas[-1 - left])
        case "FlowMatchEulerDiscreteScheduler" if not told.get("stochastic_sampling"):
            sigma = float(scheduler.sigmas[-1 - left])
            return 1 - sigma, sigma
        case "DPMSolverMultistepScheduler" if not told.algorithm_type.startswith("sde"):
            sigma = float(scheduler.sigmas[-1 - left])
            if told.get("use_flow_sigmas"):
                return 1 - sigma, sigma
            return 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
    return None


def clean(before: Noised | None, now: Noised) -> torch.Tensor | None:
    """What latents are without noise, by two in a row, in float32. None for the first, and where
    both have the same noise, as PNDM's second step leaves it."""
    if before is None:
        return None
    apart = before.alpha * now.sigma - now.alpha * before.sigma
    if apart == 0:
        return None
    return (now.sigma * before.latents.float() - before.sigma * now.latents.float()) / apart
