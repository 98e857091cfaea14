"""What is measured in one process: the matrix rate, plain diffusers, and the studio's own path."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from . import Report, Row
from .configs import Architecture

PLAIN, PLAIN_COMPILED = "diffusers", "diffusers, compiled"
OURS, OURS_COMPILED = "danqing", "danqing, compiled"
PATHS = (PLAIN, PLAIN_COMPILED, OURS, OURS_COMPILED)
PROMPT = "a red house by a lake, two tall trees, snowy mountains, at night"
CLAIMS = "a red house on the left, two blue birds, a yellow sun, a small cat, a winter night, snow"
"""A request of twelve claims."""
BUILT_IN = "flat illustration. meadow, autumn, day, clear. a red house at the left, a tree."
RUNS = 3
"""Calls of which the median is taken, after one that is not counted."""
WARM_STEPS = 2
"""Denoising steps of that one."""
WATCHED = 3
"""Pictures that are drawn and looked at."""
SIDE = 8192
"""Rows and columns of the matrices whose product is timed."""


@dataclass(frozen=True)
class Job:
    """One painter in one folder, as `build.write` leaves it.

    ``flops`` are those of a picture, and ``rate`` those that matrix products reach in a second;
    either is 0 where it is not known.
    """

    architecture: Architecture
    folder: Path
    device: str
    flops: float = 0.0
    rate: float = 0.0

    @property
    def controlled(self) -> bool:
        """Whether there is a ControlNet."""
        return self.architecture.controlnet is not None

    def share(self, batch: int, seconds: float) -> float | None:
        """The share of the matrix rate that ``batch`` pictures in ``seconds`` are."""
        return batch * self.flops / seconds / self.rate if self.rate and self.flops else None


def matrix_rate(report: Report, device: str, side: int = SIDE) -> None:
    """The operations in a second of a product of two square matrices of random numbers, in the
    halves that networks compute in: the median of twenty."""
    import torch

    from .build import dtype_on

    a, b = (torch.randn(side, side, device=device, dtype=dtype_on(device)) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)
        _wait(device)

    product()
    seconds = statistics.median(_timed(product) for _ in range(20))
    rate = 2 * side**3 / seconds
    note = f"{rate / 1e12:.2f} TFLOP/s, {side}x{side}, {dtype_on(device)}, {_card(device)}"
    report.add(Row("matrix", "product", "torch", 1, seconds, 1.0, note=note))


def rate_of(rows: Sequence[Row], side: int = SIDE) -> float:
    """The rate that `matrix_rate` told, or 0."""
    told = [row.seconds for row in rows if row.model == "matrix" and row.seconds]
    return 2 * side**3 / told[-1] if told else 0.0


def build(report: Report, job: Job) -> None:
    """Write the painter, and tell how long that took."""
    from .build import write

    row = Row(job.architecture.name, "random weights written", "", 1)
    report.attempt(row, lambda row: replace(
        row, seconds=_timed(lambda: write(job.architecture, job.folder, job.device))
    ))  # fmt: skip


# -- plain diffusers


def plain(report: Report, job: Job, paths: Sequence[str]) -> None:
    """The painter as its users call it, in halves; and compiled whole with channels-last weights,
    as diffusers' guide to speed says, for one picture at a time."""
    import torch
    from diffusers import AutoencoderTiny, ControlNetModel, DiffusionPipeline

    from danqing.tools.worker import peak_mb, reset_peak

    from .build import dtype_on, weights_on

    a, dtype = job.architecture, dtype_on(job.device)
    pipe: Any = DiffusionPipeline.from_pretrained(
        job.folder / "painter", dtype=dtype, use_safetensors=True, local_files_only=True
    ).to(job.device)
    pipe.set_progress_bar_config(disable=True)

    def call(pipeline: Any, n: int, steps: int, **more: Any) -> None:
        pipeline(
            prompt=[PROMPT] * n, num_inference_steps=steps, guidance_scale=a.guidance,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(n)],
            height=a.size, width=a.size, **more,
        )  # fmt: skip

    def measured(row: Row, pipeline: Any, share: bool = False, **more: Any) -> Row:
        n = row.batch
        reset_peak(job.device)
        more = {k: [v] * n if isinstance(v, Image.Image) else v for k, v in more.items()}
        first = _timed(lambda: call(pipeline, n, WARM_STEPS, **more))
        seconds = _median(lambda: call(pipeline, n, a.steps, **more), n)
        return replace(
            row, seconds=seconds, share=job.share(n, seconds) if share else None,
            peak_mb=peak_mb(job.device),
            note=f"the first call of {WARM_STEPS} steps took {first:.1f} s",
        )  # fmt: skip

    if PLAIN in paths:
        for batch in a.batches:
            row = Row(a.name, "text to image", PLAIN, batch)
            report.attempt(row, lambda row: measured(row, pipe, share=True))
        lines, hole = control(a.size), mask(a.size)
        if job.controlled:
            network = ControlNetModel.from_pretrained(job.folder / "controlnet", dtype=dtype)
            report.attempt(Row(a.name, "controlnet", PLAIN), lambda row: measured(
                row, _other(a, "controlnet", pipe, controlnet=network.to(job.device)), image=lines
            ))  # fmt: skip
        report.attempt(Row(a.name, "inpaint", PLAIN), lambda row: measured(
            row, _other(a, "inpaint", pipe), image=picture(a.size), mask_image=hole, strength=1.0
        ))  # fmt: skip
        latents = pipe.vae.config.latent_channels
        if latents == 4:  # what the usual tiny decoder is for
            with weights_on(job.device):
                tiny = AutoencoderTiny()
                seen = torch.randn(1, latents, a.size // 8, a.size // 8)
            for task, vae in (("decode", pipe.vae), ("decode a preview", tiny)):
                decoding = partial(_decode, vae, seen, job.device)
                report.attempt(Row(a.name, task, PLAIN), partial(_simply, decoding))
    if PLAIN_COMPILED in paths:
        for network in (getattr(pipe, a.denoiser), pipe.vae):
            network.to(memory_format=torch.channels_last)
        backend = "aot_eager" if job.device == "cpu" else "inductor"  # to trace is enough there
        getattr(pipe, a.denoiser).compile(fullgraph=True, backend=backend)
        pipe.vae.decode = torch.compile(pipe.vae.decode, fullgraph=True, backend=backend)
        row = Row(a.name, "text to image", PLAIN_COMPILED)
        report.attempt(row, lambda row: measured(row, pipe, share=True))


def _other(architecture: Architecture, task: str, pipe: Any, **parts: Any) -> Any:
    """The pipeline for another task on the same weights."""
    import diffusers

    kind = getattr(diffusers, architecture.others[task])
    other = kind.from_pipe(pipe, dtype=pipe.dtype, **parts)
    other.set_progress_bar_config(disable=True)
    return other


def _simply(call: Callable[[], None], row: Row) -> Row:
    """The row with the seconds of a call, and nothing more."""
    return replace(row, seconds=_median(call, 1))


def _decode(vae: Any, latents: Any, device: str) -> None:
    import torch

    with torch.inference_mode():
        vae.decode(latents)
    _wait(device)


# -- the studio's own path


def ours(report: Report, job: Job, *, compiled: bool, again: bool = False) -> None:
    """The painter in the studio's worker, by the tools that the agent calls. With ``again``, also
    how long the first picture of a second worker takes, when all is compiled already."""
    from danqing.tools.engine import Engine, Progress

    a, path = job.architecture, OURS_COMPILED if compiled else OURS
    os.environ["DANQING_COMPILE"] = "1" if compiled else "0"  # as a user sets it
    usual: dict[str, Any] = {"prompt": PROMPT, "steps": a.steps, "guidance_scale": a.guidance}

    def measured(
        row: Row, tool: str, images: dict[str, Image.Image] | None = None, previews: bool = False
    ) -> Row:
        asked = {**usual, "seeds": [*range(row.batch)]}
        seen: list[Image.Image] = []

        def look(now: Progress) -> None:
            if now.preview is not None:
                seen.append(now.preview)

        def call(steps: int) -> Any:
            seen.clear()
            return engine.call(
                tool, {**asked, "steps": steps}, images, timeout=report.left, previews=previews,
                on_progress=look,
            )  # fmt: skip

        first = _timed(lambda: call(WARM_STEPS))
        results = [call(a.steps) for _ in range(RUNS if row.batch == 1 else 1)]
        seconds = statistics.median(result.seconds for result in results)
        return replace(
            row, seconds=seconds,
            share=job.share(row.batch, seconds) if tool == "text_to_image" else None,
            peak_mb=results[-1].peak_mb,
            note=f"the first call of {WARM_STEPS} steps took {first:.1f} s"
            + (f"; {len(seen)} previews in the last" if previews else ""),
        )  # fmt: skip

    def first_picture(row: Row) -> Row:
        asked = {**usual, "seeds": [1]}
        return replace(row, seconds=_timed(
            lambda: engine.call("text_to_image", asked, timeout=report.left)
        ))  # fmt: skip

    def each(row: Row) -> Row:
        """One call for each picture, all at once, each with its own words and guidance."""

        def call(seed: int) -> Any:
            told = {"prompt": f"{PROMPT}, {seed} birds", "guidance_scale": a.guidance + seed / 8}
            return engine.call(
                "text_to_image", {**usual, **told, "seeds": [seed]}, timeout=report.left
            )

        with ThreadPoolExecutor(row.batch) as pool:
            started = time.perf_counter()
            results = [*pool.map(call, range(row.batch))]
        sizes = sorted({result.together for result in results})
        return replace(row, seconds=time.perf_counter() - started, note=f"in batches of {sizes}")

    def watched(row: Row, *, beside: bool) -> Row:
        """Pictures drawn, captioned and looked at, each ``beside`` the drawing of the next."""

        def look(image: Image.Image) -> None:
            for tool in ("caption", "look"):
                engine.call(tool, {}, {"image": image}, timeout=report.left)

        look(picture(a.size))
        with ThreadPoolExecutor(1) as pool:
            started = time.perf_counter()
            for seed in range(row.batch):
                drawn = engine.call(
                    "text_to_image", {**usual, "seeds": [seed]}, timeout=report.left
                )
                seen = pool.submit(look, drawn.images[0])
                if not beside:
                    seen.result()
        return replace(row, seconds=time.perf_counter() - started)

    with Engine(profile_of(job), device=job.device, batching=True) as engine:
        row = Row(a.name, "first picture, with loading", path)
        report.attempt(row, first_picture)
        for batch in a.batches:
            row = Row(a.name, "text to image", path, batch)
            report.attempt(row, lambda row: measured(row, "text_to_image"))
        row = Row(a.name, "text to image, with previews", path)
        report.attempt(row, lambda row: measured(row, "text_to_image", previews=True))
        report.attempt(Row(a.name, "calls at once", path, 1 + max(a.batches)), each)
        for task, beside in (("drawn, then seen", False), ("drawn and seen at once", True)):
            report.attempt(Row(a.name, task, path, WATCHED), partial(watched, beside=beside))
        if job.controlled:
            report.attempt(Row(a.name, "controlnet", path), lambda row: measured(
                row, "edge_guided", {"image": picture(a.size)}
            ))  # fmt: skip
        images = {"image": picture(a.size), "mask": mask(a.size)}
        report.attempt(Row(a.name, "inpaint", path), lambda row: measured(row, "inpaint", images))
    if again:
        with Engine(profile_of(job), device=job.device) as engine:
            row = Row(a.name, "first picture of the next session", path)
            report.attempt(row, first_picture)


def profile_of(job: Job) -> Any:
    """The painter, its ControlNet, its previewer, and the studio's own eyes, as a profile."""
    from danqing.tools import catalogue
    from danqing.tools.catalogue import Entry, Profile
    from danqing.tools.registry import Role

    common: dict[str, Any] = {
        "license": "CC0-1.0", "commercial": True, "size_mb": 1, "memory_mb": 1,
        "native_size": job.architecture.size,
    }  # fmt: skip
    eyes = catalogue.profile(catalogue.DEFAULT_PROFILE).models
    models: dict[Role, Entry] = {
        "captioner": eyes["captioner"],
        "panoptic": eyes["panoptic"],
        "text-to-image": Entry(
            source=str(job.folder / "painter"), loader="diffusers", words="plain",
            defaults={"steps": job.architecture.steps, "guidance_scale": job.architecture.guidance},
            **common,
        )
    }  # fmt: skip
    if job.controlled:
        models["controlnet"] = Entry(
            source=str(job.folder / "controlnet"), loader="controlnet", **common
        )
    models["previewer"] = Entry(
        source=str(job.folder / "previewer"), loader="autoencoder", **common
    )
    return Profile(name=job.architecture.name, summary="random weights", models=models)


def built_in(report: Report, device: str) -> None:
    """The models that come with the studio: pictures by batch, and a look at one."""
    from danqing.tools.engine import Engine

    os.environ["DANQING_COMPILE"] = "0"

    def measured(row: Row, tool: str, arguments: dict[str, Any], **images: Image.Image) -> Row:
        engine.call(tool, arguments, images, timeout=report.left)
        results = [engine.call(tool, arguments, images, timeout=report.left) for _ in range(RUNS)]
        seconds = statistics.median(result.seconds for result in results)
        return replace(row, seconds=seconds, peak_mb=results[-1].peak_mb)

    with Engine(device=device) as engine:
        for tool in ("text_to_image", "gan_image"):
            for batch in (1, 2, 4, 8):
                drawn = {"prompt": BUILT_IN, "seeds": [*range(batch)]}
                row = Row("built-in", tool, OURS, batch)
                report.attempt(row, partial(measured, tool=tool, arguments=drawn))
        for tool in ("caption", "look"):
            looking = partial(measured, tool=tool, arguments={}, image=picture(128))
            report.attempt(Row("built-in", tool, OURS), looking)


def agent(report: Report, job: Job, *, compiled: bool) -> None:
    """A whole turn of the agent with one picture: understood, drawn, looked at, claims judged,
    kept. What is not in a tool is the agent's own."""
    row = Row(job.architecture.name, "agent's turn", OURS_COMPILED if compiled else OURS)
    os.environ["DANQING_COMPILE"] = "1" if compiled else "0"
    report.attempt(row, lambda row: _turn(row, job, report.left))


def _turn(row: Row, job: Job, left: float) -> Row:
    from danqing import Budget, Home, Options, Studio

    side = max(job.architecture.size, 64)
    models = str((job.folder / "painter").resolve())
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Home.open(Path(folder) / "home"), models=models) as studio,
    ):
        turns: list[tuple[float, float, Any]] = []
        for seed in range(1 + RUNS):
            options = Options(seed, (side, side), Budget(seconds=left, pictures=1), models=models)
            started = time.perf_counter()
            turn = studio.ask(CLAIMS, options)
            took = time.perf_counter() - started
            turns.append((took, took - sum(step.seconds for step in turn.steps), turn))
    seconds, own, turn = sorted(turns[1:], key=lambda t: t[0])[RUNS // 2]
    claims = len(turn.brief.claims) if turn.brief else 0
    tools = ", ".join(f"{step.tool} {step.seconds:.3f} s" for step in turn.steps)
    note = f"{claims} claims; {tools}; the agent's own {own:.3f} s, {own / seconds:.1%}"
    return replace(row, seconds=seconds, note=note)


# -- what all have in common


def picture(size: int) -> Image.Image:
    """A picture with outlines, RGB."""
    image = Image.linear_gradient("L").resize((size, size)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((size // 8, size // 3, size // 2, size - size // 8), fill=(180, 40, 30))
    draw.ellipse((size // 2, size // 8, size - size // 8, size // 2), fill=(230, 200, 60))
    return image


def control(size: int) -> Image.Image:
    """The outlines of `picture`, white on black, RGB."""
    import numpy as np

    from danqing.tools.controls import outlines

    return Image.fromarray(outlines(np.asarray(picture(size))))


def mask(size: int) -> Image.Image:
    """A hole over a quarter of a picture, white on black."""
    image = Image.new("L", (size, size))
    ImageDraw.Draw(image).rectangle((size // 4, size // 4, size // 4 * 3, size // 4 * 3), fill=255)
    return image


def _median(call: Callable[[], None], batch: int) -> float:
    """Seconds of a call; of one where it makes several pictures, which vary less."""
    return statistics.median(_timed(call) for _ in range(RUNS if batch == 1 else 1))


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _card(device: str) -> str:
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return f"{name}, torch {torch.__version__}"
