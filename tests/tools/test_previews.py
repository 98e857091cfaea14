"""While a picture is painted, those who watch see what becomes of it; the picture is the same."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import leisurely_tools
import numpy as np
import pytest
import tiny_pipelines
import torch
from PIL import Image, ImageDraw
from skimage.metrics import peak_signal_noise_ratio

from danqing.tools import (
    catalogue,
    edit_by_instruction,
    inpaint,
    previews,
    style_transfer,
    text_to_image,
)
from danqing.tools.engine import Engine, Progress
from danqing.tools.models import Models
from danqing.tools.previews import Noised, Previews, clean, noise
from danqing.tools.registry import ALONE, Context

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning:diffusers")

BETAS: dict[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1,
}  # fmt: skip
SKETCHBOOK = catalogue.profile().models["text-to-image"]


def of_the_sketchbook() -> Any:
    return diffusers.DPMSolverMultistepScheduler.from_pretrained(
        SKETCHBOOK.folder, subfolder="scheduler"
    )


SCHEDULERS: dict[str, Any] = {
    "DDIM": lambda: diffusers.DDIMScheduler(**BETAS, set_alpha_to_one=False, clip_sample=False),
    "PNDM": lambda: diffusers.PNDMScheduler(**BETAS, skip_prk_steps=True),
    "Euler": lambda: diffusers.EulerDiscreteScheduler(**BETAS, timestep_spacing="leading"),
    "DPM": lambda: diffusers.DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True),
    "flow": lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
    "sketchbook": of_the_sketchbook,
}


def painted(scheduler: Any, skipped: int, *, own: bool) -> Iterator[tuple[int, torch.Tensor]]:
    """How many steps are left, and the latents, after each step of a network that knows what the
    picture `PICTURE` and the noise `NOISE` on it are; with ``skipped`` steps, as over an image."""
    if own:
        scheduler.set_timesteps(timesteps=list(SKETCHBOOK.schedule))
    else:
        scheduler.set_timesteps(8)
    times = scheduler.timesteps[skipped:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped)
    if isinstance(scheduler, diffusers.FlowMatchEulerDiscreteScheduler):
        latents, said = scheduler.scale_noise(PICTURE, times[:1], NOISE), NOISE - PICTURE
    else:
        latents = scheduler.add_noise(PICTURE, NOISE, times[:1])
        said = NOISE
    for step, time in enumerate(times):
        if scheduler.config.get("prediction_type") == "v_prediction":
            kept = scheduler.alphas_cumprod[int(time)]
            said = kept.sqrt() * NOISE - (1 - kept).sqrt() * PICTURE
        latents = scheduler.step(said, time, latents).prev_sample
        yield len(times) - step - 1, latents


PICTURE, NOISE = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("kind", "skipped"),
    # PNDM's own second step stands still where it does not begin at the beginning.
    [*((kind, 0) for kind in SCHEDULERS), *((kind, 3) for kind in SCHEDULERS if kind != "PNDM")],
)
def test_two_latents_in_a_row_tell_what_they_lead_to(kind: str, skipped: int) -> None:
    scheduler = SCHEDULERS[kind]()
    before, seen, noisy = None, [], []
    for left, latents in painted(scheduler, skipped, own=kind == "sketchbook"):
        known = noise(scheduler, left)
        assert known is not None
        now = Noised(latents, *known)
        told = clean(before, now)
        if told is not None:
            seen.append(left)
            noisy.append(float((latents - PICTURE).abs().max()))
            assert (told - PICTURE).abs().max() < 0.01
        before = now
    assert seen[-1] == 0
    assert len(seen) >= 2
    assert noisy[0] > 0.25


def test_latents_of_a_scheduler_that_is_not_known_are_shown_as_they_are() -> None:
    sde = diffusers.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++")
    for scheduler in (diffusers.EulerAncestralDiscreteScheduler(), sde):
        scheduler.set_timesteps(4)
        assert noise(scheduler, 2) is None
        seen: list[torch.Tensor] = []
        decode = partial(shown, seen=seen)
        watching = Previews(lambda told=decode: told, clock=Clock(9.0))
        assert watching.after_step(scheduler, 3, PICTURE)
        assert torch.equal(seen[0], PICTURE)


class Clock:
    """Goes on by so many seconds whenever it is asked for the time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def shown(latents: torch.Tensor, seen: list[torch.Tensor]) -> Image.Image:
    seen.append(latents)
    return Image.new("RGB", (1024, 512))


@pytest.mark.parametrize(("cost", "gap"), [(0.001, 0.5), (0.1, 2.0), (1.0, 20.0)])
def test_previews_take_little_of_the_time_and_are_not_too_many(cost: float, gap: float) -> None:
    clock = Clock(0.0)

    def decode(latents: torch.Tensor) -> Image.Image:
        clock.now += cost
        return shown(latents, [])

    scheduler = diffusers.EulerAncestralDiscreteScheduler()
    watching, when = Previews(lambda: decode, clock=clock), []
    for _ in range(1000):
        clock.now += 0.1
        begun = clock.now
        if watching.after_step(scheduler, 1, PICTURE):
            when.append((begun, clock.now))
    assert when[0][0] == pytest.approx(previews.FIRST / previews.SHARE, abs=0.11)
    apart = [b[0] - a[1] for a, b in itertools.pairwise(when)]
    assert apart
    assert all(gap - 1e-6 <= wait < gap + 0.11 for wait in apart)


def test_a_preview_that_fails_is_told_once_and_not_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = []

    def load() -> Any:
        tried.append(1)
        raise OSError("it is torn")

    watching = Previews(load, clock=Clock(9.0))
    scheduler = diffusers.EulerAncestralDiscreteScheduler()
    assert [watching.after_step(scheduler, 1, PICTURE) for _ in range(3)] == [[]] * 3
    assert len(tried) == 1
    assert capsys.readouterr().err == "no more previews: OSError: it is torn\n"


def test_of_a_batch_those_pictures_are_shown_that_somebody_watches() -> None:
    seen: list[torch.Tensor] = []
    batch = torch.cat([PICTURE, PICTURE + 1, PICTURE + 2])
    for numbers in ((), (0, 2)):
        watching = Previews(lambda: partial(shown, seen=seen), numbers, clock=Clock(9.0))
        scheduler = diffusers.EulerAncestralDiscreteScheduler()
        assert len(watching.after_step(scheduler, 1, batch)) == len(numbers)
    assert [torch.equal(a, b) for a, b in zip(seen, (PICTURE, PICTURE + 2), strict=True)] == [
        True, True,
    ]  # fmt: skip


def test_what_is_not_finite_is_no_preview() -> None:
    watching = Previews(lambda: lambda latents: shown(latents, []), clock=Clock(9.0))
    scheduler = diffusers.EulerAncestralDiscreteScheduler()
    assert watching.after_step(scheduler, 2, PICTURE * math.inf) == []
    [preview] = watching.after_step(scheduler, 1, PICTURE)
    assert preview.size == (256, 128)


# -- painters of a hub, tiny and with random weights


@pytest.fixture
def at_leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """All the time in the world for previews."""
    for name, value in leisurely_tools.AT_LEISURE.items():
        monkeypatch.setattr(previews, name, value)


@pytest.fixture(
    scope="module",
    params=["StableDiffusionPipeline", "StableDiffusionXLPipeline", "ZImagePipeline"],
)
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A painter and a decoder for its previews; they are written to disk and loaded again."""
    kind, folder = request.param, tmp_path_factory.mktemp("tiny")
    return Models(
        {
            "text-to-image": tiny_pipelines.write_pipeline(kind, folder / "painter"),
            "previewer": tiny_pipelines.write_previewer(kind, folder / "previewer"),
        },
        device="cpu",
    )


def watched(models: Models, **more: Any) -> tuple[Context, list[Image.Image]]:
    """A context in which somebody looks, and what they see."""
    seen: list[Image.Image] = []

    def progress(done: int, total: int, note: str, previews: Sequence[Image.Image] = ()) -> None:
        seen.extend(previews)

    return Context(models, progress, previews=(0,), **more), seen


@pytest.mark.usefixtures("at_leisure")
def test_a_painter_is_previewed_by_its_tiny_decoder_and_paints_the_same(models: Models) -> None:
    context, seen = watched(models)
    told: dict[str, Any] = {"prompt": "a red house", "seeds": [1, 2], "steps": 4}
    pictures = text_to_image(context, **told)
    assert len(seen) >= 3
    assert {preview.size for preview in seen} == {pictures[0].size}
    assert len({preview.tobytes() for preview in seen}) == len(seen)
    again = text_to_image(Context(models), **told)
    assert [p.tobytes() for p in pictures] == [p.tobytes() for p in again]


@pytest.mark.usefixtures("at_leisure")
def test_so_it_is_whatever_is_painted(models: Models, photo: Image.Image) -> None:
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rectangle((20, 10, 59, 49), fill=255)
    context, seen = watched(models)
    inpaint(context, photo, mask, prompt="a house", seeds=[1])
    assert seen
    seen.clear()
    style_transfer(context, photo, style="watercolor", strength=0.9)
    assert seen


@pytest.mark.usefixtures("at_leisure")
def test_nobody_pays_for_what_nobody_sees_nor_where_memory_is_short(models: Models) -> None:
    alone = Models(models.entries, device="cpu")
    context, seen = watched(alone)
    for other in (replace(context, previews=()), replace(context, thrift=ALONE)):
        text_to_image(other, prompt="a house", seeds=[1])
    assert not seen
    assert alone.roles == ("text-to-image",)


@pytest.mark.usefixtures("at_leisure")
def test_a_painter_without_a_tiny_decoder_has_none(tmp_path: Path) -> None:
    entry = tiny_pipelines.write_pipeline("Flux2KleinPipeline", tmp_path)
    context, seen = watched(Models({"text-to-image": entry}, device="cpu"))
    assert text_to_image(context, prompt="a house", seeds=[1])
    assert not seen


@pytest.mark.usefixtures("at_leisure")
def test_the_decoder_for_one_painter_is_not_that_of_another_that_edits(
    models: Models, photo: Image.Image, tmp_path: Path
) -> None:
    editor = tiny_pipelines.write_pipeline("Flux2KleinPipeline", tmp_path)
    context, seen = watched(Models({**models.entries, "editor": editor}, device="cpu"))
    assert edit_by_instruction(context, photo, instruction="make it snow", seeds=[1])
    assert not seen
    assert context.models.roles == ("editor",)


@pytest.mark.usefixtures("at_leisure")
def test_a_painter_that_is_offloaded_does_not_change_places_with_its_own_decoder() -> None:
    models = Models({"text-to-image": SKETCHBOOK}, device="cpu")
    context, seen = watched(models)
    text_to_image(context, prompt="a red house", seeds=[1], steps=3)
    assert seen
    seen.clear()
    models.get("text-to-image", offloaded=True)
    text_to_image(context, prompt="a red house", seeds=[1], steps=3)
    assert not seen


def test_a_previewer_puts_no_painter_aside(models: Models) -> None:
    tight = Models(models.entries, device="cpu", memory_mb=0.001)
    tight.get("text-to-image")
    tight.get("previewer")
    assert tight.roles == ("text-to-image", "previewer")


# -- the built-in painter, in its worker


def test_the_previews_come_to_resemble_the_picture_which_is_the_same_with_and_without_them() -> (
    None
):
    told = {"prompt": "flat illustration. meadow, summer, day, clear. a red house.", "seeds": [3]}
    heard: list[Progress] = []
    with Engine(device="cpu", tools=leisurely_tools.TOOLS) as engine:
        [unseen] = engine.call("draw_at_leisure", told, on_progress=heard.append).images
        assert heard
        assert all(progress.preview is None for progress in heard)
        heard.clear()
        [picture] = engine.call(
            "draw_at_leisure", told, on_progress=heard.append, previews=True
        ).images
    assert picture.tobytes() == unseen.tobytes()
    found = {p.done: near(picture, p.preview) for p in heard if p.preview is not None}
    assert list(found) == [2, 3, 4, 5, 6]
    assert found[2] > 15  # measured: 20.6, 25.3, 37.4 and 49.0 dB, then the picture itself
    assert found[2] < found[3] < found[4] < found[5] < found[6]
    assert found[5] > 40


def near(picture: Image.Image, preview: Image.Image) -> float:
    """How near a preview is to the picture: dB of PSNR."""
    return float(
        peak_signal_noise_ratio(np.asarray(picture, float), np.asarray(preview) + 1e-9,
                                data_range=255)
    )  # fmt: skip
