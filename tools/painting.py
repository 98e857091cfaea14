"""One run of the painter: what text_to_image, style_transfer, inpaint and edge_guided share.

The pipelines are those of diffusers, and `pipelines` tells what each kind takes. A painter with a
UNet needs no other pipeline to fill a hole or to follow outlines: what must be kept of a picture is
put back into the latents after every step, with the noise of that step on it (blended latent
diffusion, Avrahami et al. 2023); and a ControlNet is asked before the UNet is. For the others
diffusers has pipelines that do so.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from .controls import HINTED, Sketch, in_cells, lined_cells, shown, takes_pictures
from .errors import ToolError
from .models import Loaded
from .pipelines import PIPELINES, Pipeline
from .previews import Decoder, Previews
from .registry import IN_TILES, OFFLOADED, ONE_BY_ONE, SMALLER, Context, Role, flatten

MANNER = 0.7
"""How much of a style-adapter's is heeded, where 1 is all."""
UNGUIDED = 1.0
"""The guidance scale at which pipelines do not ask for the negative prompt."""
_TENSORS = ["latents", "prompt_embeds"]
_WAYS = {"over": "over an image", "hole": "a hole in an image", "lines": "along outlines"}


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
    prompt: str | Sequence[str],
    negative_prompt: str | Sequence[str] = "",
    seeds: Sequence[int],
    steps: int | None = None,
    guidance_scale: float | Sequence[float | None] | None = None,
    start: Image.Image | None = None,
    strength: float = 1.0,
    kept: Kept | None = None,
    steering: Steering | None = None,
    manner: Image.Image | None = None,
    role: Role = "text-to-image",
) -> list[Image.Image]:
    """One picture per seed, RGB at the painter's own size, all in one batch.

    ``prompt``, ``negative_prompt`` and ``guidance_scale`` are one for all, or a list of one for
    each; guidance of several scales is for painters that `guides_each`.

    With ``start``, an RGB image, it is noised by ``strength`` (0 to 1) and painted over, in its own
    size. With ``kept``, only the hole is painted; what lies around comes out nearly as it was, as
    the decoder gives it. With ``manner``, an RGB image, the pictures are in its style, by the
    profile's style-adapter. ``role`` is the painter's.

    Raises `ToolError`, in the name of ``tool``, when a prompt is longer than the model reads, or
    when a picture comes out blank or with non-finite values.
    """
    n = len(seeds)
    said = {"prompt": _each(prompt, n), "negative_prompt": _each(negative_prompt, n)}
    scales: list[Any] = _each(guidance_scale, n)
    if n > 1 and context.saves(ONE_BY_ONE):
        same: dict[str, Any] = {
            "steps": steps, "start": start, "strength": strength, "kept": kept,
            "steering": steering, "manner": manner, "role": role,
        }  # fmt: skip
        return [
            paint(
                context, tool, prompt=said["prompt"][i], negative_prompt=said["negative_prompt"][i],
                seeds=[seed], guidance_scale=scales[i], **same,
            )[0]
            for i, seed in enumerate(seeds)
        ]  # fmt: skip
    away = context.thrift >= OFFLOADED and context.models.device == "cuda"
    painter = context.models.get(role, offloaded=away)
    if painter.offloaded:
        context.tell(OFFLOADED)
    kind = kind_of(painter)
    steps = int(painter.entry.defaults["steps"]) if steps is None else steps
    scales = [painter.entry.defaults["guidance_scale"] if s is None else s for s in scales]
    if not kind.negative_prompt:
        del said["negative_prompt"]
    for name, texts in said.items():
        for text in dict.fromkeys(texts):
            check_length(painter.model.tokenizer, tool, name, text, kind.longest)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    pipeline, more = _set_up(painter, tool, n, start, strength, kept, steering)
    if start is None and kept is None and steering is None:  # of no size but the painter's own
        smaller = {side: _smaller(more[side], kind) for side in ("width", "height")}
        if any(smaller[side] < more[side] for side in smaller) and context.saves(SMALLER):
            more |= smaller
    own, guide = painter.entry.schedule, None
    if own and steps == len(own) and start is None:
        more |= {"timesteps": list(own), "callback_on_step_end_tensor_inputs": _TENSORS}
        guide = _Guide(painter, said["prompt"], said["negative_prompt"], scales)
    else:
        more["num_inference_steps"] = steps
    blender = None
    if kept is not None and "hole" not in kind.others:
        blender = _Blender(painter, kept, generators)
        if start is None:
            more["latents"] = blender.noise
    previews = _previews(context, painter)

    def on_step_end(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if blender is not None:
            tensors["latents"] = blender.put_back(pipe.scheduler, step, tensors["latents"])
        done, total = step + 1, pipe.num_timesteps
        seen = previews.after_step(pipe.scheduler, total - done, tensors["latents"])
        context.progress(done, total, "drawing", *([seen] if seen else []))
        context.check_cancelled()
        if guide is not None:
            tensors["prompt_embeds"] = guide.before(pipe, step + 1)
        return tensors

    context.check_cancelled()
    context.progress(0, steps, "drawing")
    with (
        torch.inference_mode(),
        _put_back(painter),
        _thrifty(context, pipeline),
        _steered(pipeline, steering, n),
        _in_manner(context, pipeline, manner) as told,
    ):
        made = pipeline(
            **said,
            guidance_scale=_scale(scales) if guide is None else guide.scale_at(0),
            generator=generators,
            callback_on_step_end=on_step_end,
            output_type="pt",
            **more,
            **told,
        )
    withheld = getattr(made, "nsfw_content_detected", None) or []
    if any(withheld):
        raise ToolError(
            f"{tool}: the painter's own safety checker withheld the pictures of the seeds"
            f" {[seed for seed, bad in zip(seeds, withheld, strict=True) if bad]}; use other seeds,"
            " or another prompt."
        )
    batch = made.images.float()
    failed = [seed for seed, picture in zip(seeds, batch, strict=True) if is_blank(picture)]
    if failed:
        raise ToolError(
            f"{tool}: the seeds {failed} came out blank; use other seeds,"
            f" or a guidance_scale below {max(scales)}."
        )
    pixels = (batch * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(picture) for picture in pixels]


def _previews(context: Context, painter: Loaded) -> Previews:
    """Previews by a decoder that is small, the painter's own or the profile's for its painter of
    words; none where there is no such decoder, and where memory is short. The own decoder of an
    offloaded painter would change places with its denoiser each time."""
    models, own = context.models, painter.model.vae
    tiny = type(own).__name__ == "AutoencoderTiny" and not painter.offloaded

    def load() -> Decoder:
        return partial(decoded, own if tiny else models.get("previewer").model)

    made = models.has("previewer") and models.entries.get("text-to-image") == painter.entry
    return Previews(load if (tiny or made) and not context.thrift else None, context.previews)


@contextlib.contextmanager
def _put_back(painter: Loaded) -> Iterator[None]:
    """The networks of an offloaded painter leave the GPU however the work ends: pipelines put them
    back only where all goes well, and one that stays leaves no room for the first of the next."""
    try:
        yield
    finally:
        if painter.offloaded:
            painter.model.maybe_free_model_hooks()


@contextlib.contextmanager
def _thrifty(context: Context, pipeline: Any) -> Iterator[None]:
    """Decode in tiles where memory is short, and be as before afterwards: tiles change the pixels a
    little."""
    vae: Any = getattr(pipeline, "vae", None)
    tiles = hasattr(vae, "enable_tiling") and context.saves(IN_TILES)
    try:
        if tiles:
            vae.enable_tiling()
        yield
    finally:
        if tiles:
            vae.disable_tiling()


def _smaller(side: int, kind: Pipeline) -> int:
    """Three quarters of a side, in whole patches of latents."""
    whole = 16 * kind.patch
    return max(whole, int(0.75 * side) // whole * whole)


def guides_each(painter: Loaded) -> bool:
    """Whether the pictures of one batch may have different scales of guidance."""
    return hasattr(painter.model, "unet")


def _each(value: Any, n: int) -> list[Any]:
    """A value for each of ``n`` pictures: what is one for all is repeated."""
    return [value] * n if value is None or isinstance(value, (str, int, float)) else [*value]


def kind_of(painter: Loaded) -> Pipeline:
    """What the painter takes."""
    return PIPELINES[type(painter.model).__name__]


def at_its_size(painter: Loaded, image: Image.Image) -> Image.Image:
    """An image as the painter is shown it, RGB: in its own proportions with as many pixels as a
    square of the painter's size, its sides in whole patches."""
    cells = painter.model.vae_scale_factor * kind_of(painter).patch
    scale = painter.entry.native_size / (image.width * image.height) ** 0.5
    width, height = (max(1, round(side * scale / cells)) * cells for side in image.size)
    return flatten(image).resize((width, height), Image.Resampling.LANCZOS)


def _set_up(
    painter: Loaded, tool: str, n: int, start: Image.Image | None, strength: float,
    kept: Kept | None, steering: Steering | None,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """The pipeline for ``n`` pictures, on the painter's own weights, and what it takes for them.

    Raises `ToolError` where there is none that does what is asked.
    """
    kind, side = kind_of(painter), painter.entry.native_size
    more: dict[str, Any] = {"width": side, "height": side}
    ways: list[str] = []
    modules: dict[str, Any] = {}
    if start is not None:
        more = {"image": [start] * n, "strength": strength}
        if kind.edits:
            more = {"image": start}
        else:
            ways.append("over")
        if kind.sized:
            more |= {"width": start.width, "height": start.height}
    if kept is not None and "hole" in kind.others:
        hole = Image.fromarray(kept.hole.astype(np.uint8) * 255)
        more |= {"image": [kept.image] * n, "mask_image": [hole] * n}
        ways.append("hole")
    if steering is not None and "lines" in kind.others:
        modules["controlnet"] = steering.network
        more |= {"control_image": steering.shown, "controlnet_conditioning_scale": steering.scale}
        ways.append("lines")
    if not ways:
        return painter.model, more
    if ways == ["hole"]:
        more["strength"] = 1.0
    name = kind.others.get(" ".join(ways))  # type: ignore[call-overload]
    if name is None:
        raise ToolError(
            f"{tool}: a {type(painter.model).__name__} cannot paint"
            f" {' and '.join(_WAYS[way] for way in ways)} at once; allowed is one of them."
        )
    return _of_the_same(painter.model, name, modules), more


def _of_the_same(pipeline: Any, name: str, modules: Mapping[str, Any]) -> Any:
    """A pipeline of the class ``name`` of all that another one is made of, and of ``modules``.

    diffusers' own ``from_pipe`` casts the weights, which are shared, and takes no autoencoder of
    another class.
    """
    import diffusers

    kind = getattr(diffusers, name)
    told = {**pipeline.config, **pipeline.components, **modules}
    taken = inspect.signature(kind.__init__).parameters
    made = kind(**{part: told[part] for part in taken if part in told})
    made.set_progress_bar_config(disable=True)
    return made


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
    dtype = vae.dtype
    with _wide(vae):
        encoded = vae.encode((2 * to_tensor(image) - 1).to(painter.device, vae.dtype))
    z = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    shift, scale = _moments(vae)
    return ((z - shift) * scale).to(dtype)  # type: ignore[no-any-return]


def picture_of(painter: Loaded, latents: torch.Tensor) -> Image.Image:
    """The RGB image of latents (1, channels, h, w) that are scaled as the denoiser gets them."""
    return decoded(painter.model.vae, latents.to(painter.device))


@torch.inference_mode()
def decoded(vae: Any, latents: torch.Tensor) -> Image.Image:
    """The same by the autoencoder ``vae``, which is where the latents are."""
    shift, scale = _moments(vae)
    with _wide(vae):
        x = vae.decode(latents.to(vae.dtype) / scale + shift).sample
    pixels = ((x[0].float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


@contextlib.contextmanager
def _wide(vae: Any) -> Iterator[None]:
    """An autoencoder that overflows in float16, as that of Stable Diffusion XL does, in float32."""
    narrow = vae.dtype == torch.float16 and bool(vae.config.get("force_upcast"))
    if narrow:
        vae.float()
    try:
        yield
    finally:
        if narrow:
            vae.half()


def _moments(vae: Any) -> tuple[float, float]:
    """What is taken off an autoencoder's latents and what the rest is multiplied by."""
    shift, scale = (vae.config.get(name) for name in ("shift_factor", "scaling_factor"))
    return float(shift or 0.0), float(scale or 1.0)


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


class _Scales:
    """A scale of guidance for each picture of a batch, in the place of the number that pipelines
    take: they ask whether it is more than 1, and multiply."""

    def __init__(self, scales: Sequence[float]) -> None:
        self._scales = [max(scale, UNGUIDED) for scale in scales]

    def __gt__(self, other: float) -> bool:
        return max(self._scales) > other

    def __mul__(self, change: torch.Tensor) -> torch.Tensor:
        scales = torch.tensor(self._scales, dtype=change.dtype, device=change.device)
        return scales.reshape(-1, *[1] * (change.ndim - 1)) * change


def _scale(scales: Sequence[float]) -> Any:
    """What a pipeline is told of the scales of a batch."""
    return scales[0] if len(set(scales)) == 1 else _Scales(scales)


class _Guide:
    """Guides some steps only, since guidance costs a second evaluation of the network and matters
    where the composition is decided (Kynkäänniemi et al. 2024)."""

    def __init__(
        self, painter: Loaded, prompts: list[str], negative_prompts: list[str],
        scales: Sequence[float],
    ) -> None:  # fmt: skip
        self._guided, self._scale = painter.entry.guided, _scale(scales)
        with torch.inference_mode():
            told, untold = painter.model.encode_prompt(
                prompts, painter.device, 1, True, negative_prompts
            )
        self._told, self._both = told, torch.cat([untold, told])

    def scale_at(self, step: int) -> Any:
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


@contextlib.contextmanager
def _steered(pipeline: Any, steering: Steering | None, n: int) -> Iterator[None]:
    """The pipeline with its UNet heeding a ControlNet, for the time being, for ``n`` pictures; one
    without a UNet asks its ControlNet itself, with the first layers of its own denoiser."""
    if steering is None:
        yield
        return

    def bring(*_: Any) -> None:
        if hook := getattr(pipeline.transformer, "_hf_hook", None):  # it is offloaded
            hook.pre_forward(pipeline.transformer)

    def steer(unet: Any, given: tuple[Any, ...], more: dict[str, Any]) -> Any:
        sample, timestep = given
        # when guided, the first are those of the negative prompt
        steered = len(sample) if steering.always else n
        down, middle = residuals(
            steering.network, sample, timestep, more["encoder_hidden_states"],
            steering.shown.to(sample).expand(steered, -1, -1, -1), scale=steering.scale,
            added_cond_kwargs=more.get("added_cond_kwargs"),
        )  # fmt: skip
        return given, {
            **more, "down_block_additional_residuals": down,
            "mid_block_additional_residual": middle,
        }  # fmt: skip

    if hasattr(pipeline, "unet"):
        handle = pipeline.unet.register_forward_pre_hook(steer, with_kwargs=True)
    else:
        handle = pipeline.controlnet.register_forward_pre_hook(bring)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def _in_manner(
    context: Context, pipeline: Any, manner: Image.Image | None
) -> Iterator[dict[str, Any]]:
    """The pipeline with an IP-Adapter (Ye et al. 2023) in its UNet, for the time being; gives what
    it is told beside the rest."""
    if manner is None:
        yield {}
        return
    adapter = context.models.get("style-adapter")
    encoder, extractor = pipeline.image_encoder, pipeline.feature_extractor
    pipeline.register_modules(image_encoder=adapter.model)
    try:
        pipeline.load_ip_adapter(
            adapter.processor, subfolder="", weight_name="", image_encoder_folder=None
        )
        pipeline.set_ip_adapter_scale(MANNER)
        yield {"ip_adapter_image": manner}
    finally:
        pipeline.unload_ip_adapter()
        pipeline.register_modules(image_encoder=encoder, feature_extractor=extractor)


def check_length(tokenizer: Any, tool: str, name: str, text: str, longest: int = 0) -> None:
    """Refuse what the text encoder would cut off without a word: more than ``longest`` tokens, or
    than its tokenizer allows."""
    count, limit = len(tokenizer(text).input_ids), longest or tokenizer.model_max_length
    if count > limit:
        raise ToolError(f"{tool}: {name} has {count} tokens; allowed are {limit}, so shorten it.")
