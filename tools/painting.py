"""One run of the painter: what text_to_image, style_transfer, inpaint and edge_guided share.

The pipelines are those of diffusers, for every kind of painter alike. What must be kept of a
picture is put back into the latents after every step, with the noise of that step on it (blended
latent diffusion, Avrahami et al. 2023); a ControlNet is asked before the painter is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from .controls import HINTED, Sketch, in_cells, lined_cells, shown, takes_pictures
from .errors import ToolError
from .models import Loaded
from .registry import Context

UNGUIDED = 1.0
"""The guidance scale at which pipelines do not ask for the negative prompt."""
_TENSORS = ["latents", "prompt_embeds"]


@dataclass(frozen=True)
class Kept:
    """A picture at the painter's size, and where it is painted anew: bool (h, w)."""

    image: Image.Image
    hole: np.ndarray


@dataclass(frozen=True)
class Steering:
    """A ControlNet, what it is shown, (1, channels, h, w), and how much it is heeded (1 is all).

    Guidance leads away from what the negative prompt alone gives, so it leads to what is shown as
    well as to the prompt; with ``always`` the ControlNet is heeded in both, as pipelines do.
    """

    network: Any
    shown: torch.Tensor
    scale: float
    always: bool = False


def paint(
    context: Context,
    tool: str,
    *,
    prompt: str,
    negative_prompt: str = "",
    seeds: Sequence[int],
    steps: int | None = None,
    guidance_scale: float | None = None,
    start: Image.Image | None = None,
    strength: float = 1.0,
    kept: Kept | None = None,
    steering: Steering | None = None,
) -> list[Image.Image]:
    """One picture per seed, RGB at the painter's own size, all in one batch.

    With ``start``, an RGB image, it is noised by ``strength`` (0 to 1) and painted over, in its own
    size. With ``kept``, only the hole is painted; what lies around comes out nearly as it was, as
    the decoder gives it.

    Raises `ToolError`, in the name of ``tool``, when a prompt is longer than the model reads, or
    when a picture comes out blank or with non-finite values.
    """
    painter = context.models.get("text-to-image")
    steps = int(painter.entry.defaults["steps"]) if steps is None else steps
    if guidance_scale is None:
        guidance_scale = painter.entry.defaults["guidance_scale"]
    for name, text in (("prompt", prompt), ("negative_prompt", negative_prompt)):
        check_length(painter.model.tokenizer, tool, name, text)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    more: dict[str, Any] = {}
    pipeline = painter.model
    if start is not None:
        from diffusers import AutoPipelineForImage2Image

        pipeline = AutoPipelineForImage2Image.from_pipe(painter.model)
        pipeline.set_progress_bar_config(disable=True)
        more = {"image": [start] * len(seeds), "strength": strength}
    own = painter.entry.schedule
    if own and steps == len(own) and start is None:
        more |= {"timesteps": list(own), "callback_on_step_end_tensor_inputs": _TENSORS}
    else:
        more["num_inference_steps"] = steps
    blender = None
    if kept is not None:
        blender = _Blender(painter, kept, generators)
        if start is None:
            more["latents"] = blender.noise

    guide = None
    if "timesteps" in more:
        guide = _Guide(painter, prompt, negative_prompt, len(seeds), guidance_scale)

    def on_step_end(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        context.progress(step + 1, pipe.num_timesteps, "drawing")
        context.check_cancelled()
        if blender is not None:
            tensors["latents"] = blender.put_back(pipe.scheduler, step, tensors["latents"])
        if guide is not None:
            tensors["prompt_embeds"] = guide.before(pipe, step + 1)
        return tensors

    context.check_cancelled()
    context.progress(0, steps, "drawing")
    with torch.inference_mode(), _steered(pipeline, steering, len(seeds)):
        batch = pipeline(
            prompt=[prompt] * len(seeds),
            negative_prompt=[negative_prompt] * len(seeds),
            guidance_scale=guidance_scale if guide is None else guide.scale_at(0),
            generator=generators,
            callback_on_step_end=on_step_end,
            output_type="pt",
            **more,
        ).images.float()
    failed = [seed for seed, picture in zip(seeds, batch, strict=True) if is_blank(picture)]
    if failed:
        raise ToolError(
            f"{tool}: the seeds {failed} came out blank; use other seeds,"
            f" or a guidance_scale below {guidance_scale}."
        )
    pixels = (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in pixels]


def steering(
    context: Context,
    *,
    kept: Kept | None = None,
    lines: Image.Image | None = None,
    sketch: Sketch | None = None,
    heed: float = 1.0,
) -> Steering | None:
    """What the profile's ControlNet is shown, all at the painter's size: a picture with a hole;
    ``lines``, all outlines of a picture, RGB, white on black; or a sketch, in color or a line
    drawing, which leaves free where it has nothing. And how closely it is to be heeded, where 1 is
    as closely as the profile has found best.

    None where there is no ControlNet, or one that sees outlines only and there are none.
    """
    if not context.models.has("controlnet"):
        return None
    painter, guide = context.models.get("text-to-image"), context.models.get("controlnet")
    network, heed = guide.model, heed * float(guide.entry.defaults.get("heed", 1.0))
    drawn = None if lines is None else np.asarray(lines)
    if sketch is not None:
        drawn = sketch.lines
    if takes_pictures(network):
        return None if drawn is None else Steering(network, to_tensor(drawn), heed, always=True)
    side = painter.entry.native_size
    picture = latents_of(painter, Image.new("RGB", (side, side)) if kept is None else kept.image)
    cells = (picture.shape[2], picture.shape[3])
    keeps, knows = np.zeros((2, *cells), np.float32)
    if kept is not None:
        keeps[~in_cells(kept.hole, cells)] = 1
    free, edges = keeps == 0, torch.zeros_like(picture)
    if drawn is not None:
        edges = latents_of(painter, Image.fromarray(drawn))
        knows[free & (lines is not None or lined_cells(drawn, cells))] = 1
    if sketch is not None and sketch.there.any():
        hinted = free & in_cells(sketch.there, cells)
        keeps[hinted] = HINTED
        told = torch.from_numpy(hinted).to(picture.device)
        picture = torch.where(told, latents_of(painter, Image.fromarray(sketch.flat)), picture)
    seen = shown(picture, torch.from_numpy(keeps)[None], edges, torch.from_numpy(knows)[None])
    return Steering(network, seen, heed)


def to_tensor(image: Image.Image | np.ndarray) -> torch.Tensor:
    """An RGB image, or its uint8 array, as float32 (1, 3, h, w) in [0, 1]."""
    return torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)[None]


def is_blank(picture: torch.Tensor) -> bool:
    """Whether a CHW tensor in 0..1 is one flat color, or has values that are not finite."""
    spread = (picture.amax((1, 2)) - picture.amin((1, 2))).max()
    return not bool(spread >= 1 / 255 and spread.isfinite())


@torch.inference_mode()
def latents_of(painter: Loaded, image: Image.Image) -> torch.Tensor:
    """The latents of an RGB image, scaled as the denoiser gets them: (1, channels, h, w)."""
    vae = painter.model.vae
    encoded = vae.encode((2 * to_tensor(image) - 1).to(vae.device, vae.dtype))
    z = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    return z * float(vae.config.scaling_factor)  # type: ignore[no-any-return]


@torch.inference_mode()
def picture_of(painter: Loaded, latents: torch.Tensor) -> Image.Image:
    """The RGB image of latents (1, channels, h, w) that are scaled as the denoiser gets them."""
    vae = painter.model.vae
    x = vae.decode(latents.to(vae.device, vae.dtype) / vae.config.scaling_factor).sample
    pixels = ((x[0].float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


class _Blender:
    """Puts what is kept back into the latents after each step, under the same noise as they had."""

    def __init__(self, painter: Loaded, kept: Kept, generators: list[torch.Generator]) -> None:
        clean = latents_of(painter, kept.image)
        shape = clean.shape[1:]
        noise = [torch.randn(1, *shape, generator=g) for g in generators]
        self.noise = torch.cat(noise).to(clean)
        self._clean = clean.expand(len(generators), -1, -1, -1)
        hole = torch.from_numpy(in_cells(kept.hole, (shape[1], shape[2])))
        self._hole = hole.to(clean.device)

    def put_back(self, scheduler: Any, step: int, latents: torch.Tensor) -> torch.Tensor:
        known = self._clean
        times = scheduler.timesteps[step + 1 : step + 2]
        if len(times):
            known = scheduler.add_noise(known, self.noise, times.expand(len(known)))
        return torch.where(self._hole, latents, known.to(latents))


class _Guide:
    """Guides some steps only, since guidance costs a second evaluation of the network and matters
    where the composition is decided (Kynkäänniemi et al. 2024)."""

    def __init__(
        self, painter: Loaded, prompt: str, negative_prompt: str, n: int, scale: float
    ) -> None:
        self._guided, self._scale = painter.entry.guided, scale
        with torch.inference_mode():
            told, untold = painter.model.encode_prompt(
                [prompt] * n, painter.device, 1, True, [negative_prompt] * n
            )
        self._told, self._both = told, torch.cat([untold, told])

    def scale_at(self, step: int) -> float:
        return self._scale if step in self._guided else UNGUIDED

    def before(self, pipe: Any, step: int) -> torch.Tensor:
        """Set ``pipe`` up for a step; returns the text states that it takes."""
        pipe._guidance_scale = self.scale_at(step)
        return self._both if pipe.do_classifier_free_guidance else self._told


def residuals(
    network: Any, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor,
    shown: torch.Tensor, *, scale: float = 1.0, **more: Any,
) -> tuple[list[torch.Tensor], torch.Tensor]:  # fmt: skip
    """What a ControlNet adds to a UNet, for its blocks and for its middle: for the last of the
    samples what it makes of ``shown``, one for each of them; nothing for those before."""
    alone = len(sample) - len(shown)
    if timestep.ndim:
        timestep = timestep[alone:]
    down, middle = network(
        sample[alone:], timestep, text[alone:], shown, scale, return_dict=False, **more
    )
    if not alone:
        return down, middle
    before = (0, 0, 0, 0, 0, 0, alone, 0)
    return [F.pad(part, before) for part in down], F.pad(middle, before)


class _Steered(nn.Module):
    """A UNet that heeds a ControlNet while it paints ``n`` pictures; in all else it is the UNet."""

    def __init__(self, unet: Any, steering: Steering, n: int) -> None:
        super().__init__()
        self.unet, self._steering, self._n = unet, steering, n

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("unet"), name)

    def forward(
        self, sample: torch.Tensor, timestep: Any, encoder_hidden_states: Any, **more: Any
    ) -> Any:
        told = self._steering
        # when guided, the first are those of the negative prompt
        steered = len(sample) if told.always else self._n
        down, middle = residuals(
            told.network, sample, timestep, encoder_hidden_states,
            told.shown.to(sample).expand(steered, -1, -1, -1), scale=told.scale,
            added_cond_kwargs=more.get("added_cond_kwargs"),
        )  # fmt: skip
        return self.unet(
            sample, timestep, encoder_hidden_states, down_block_additional_residuals=down,
            mid_block_additional_residual=middle, **more,
        )  # fmt: skip


@contextlib.contextmanager
def _steered(pipeline: Any, steering: Steering | None, n: int) -> Iterator[None]:
    """The pipeline with its UNet steered, for the time being, for ``n`` pictures."""
    if steering is None:
        yield
        return
    unet = pipeline.unet
    try:
        pipeline.unet = _Steered(unet, steering, n)
        yield
    finally:
        pipeline.unet = unet


def check_length(tokenizer: Any, tool: str, name: str, text: str) -> None:
    """Refuse what the text encoder would cut off without a word."""
    count, limit = len(tokenizer(text).input_ids), tokenizer.model_max_length
    if count > limit:
        raise ToolError(f"{tool}: {name} has {count} tokens; allowed are {limit}, so shorten it.")
