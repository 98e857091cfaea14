"""Drawing with a real pipeline of toy weights, here and in a worker."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from danqing.tools import text_to_image
from danqing.tools.catalogue import Profile
from danqing.tools.engine import Engine, Progress, WorkerCrashed
from danqing.tools.errors import Cancelled, ToolError
from danqing.tools.models import Models
from danqing.tools.registry import Context


def apart(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())


def test_one_picture_is_drawn_per_seed_at_the_models_own_size(context: Context) -> None:
    pictures = text_to_image(context, prompt="a red house", seeds=[1, 2, 3])
    assert [(p.mode, p.size) for p in pictures] == [("RGB", (32, 32))] * 3
    assert apart(pictures[0], pictures[1]) > 8
    assert apart(pictures[1], pictures[2]) > 8


def test_a_seed_draws_the_same_alone_and_in_any_batch(context: Context) -> None:
    alone = text_to_image(context, prompt="a red house", seeds=[7])[0]
    for seeds in ([7, 8], [9, 7], [1, 2, 3, 4, 5, 6, 8, 7]):
        together = text_to_image(context, prompt="a red house", seeds=seeds)[seeds.index(7)]
        assert apart(alone, together) <= 1


def test_the_same_call_gives_the_same_bytes_here_and_in_a_worker(
    context: Context, toy_engine: Engine
) -> None:
    call: dict[str, Any] = {
        "prompt": "a red house",
        "negative_prompt": "snow",
        "seeds": [3, 4],
        "steps": 4,
    }
    here = [picture.tobytes() for picture in text_to_image(context, **call)]
    for _ in range(2):
        there = toy_engine.call("text_to_image", call).images
        assert [picture.tobytes() for picture in there] == here


def test_prompt_negative_prompt_guidance_and_steps_all_matter(context: Context) -> None:
    call: dict[str, Any] = {
        "prompt": "a red house",
        "seeds": [1],
        "guidance_scale": 4.0,
        "steps": 3,
    }
    [base] = text_to_image(context, **call)
    changes: list[dict[str, Any]] = [
        {"prompt": "two cats"},
        {"negative_prompt": "snow"},
        {"guidance_scale": 8.0},
        {"steps": 5},
    ]
    for change in changes:
        assert text_to_image(context, **call | change)[0].tobytes() != base.tobytes()


def test_threads_that_draw_at_once_get_the_pictures_they_would_get_alone(
    toy_profile: Profile,
) -> None:
    calls: list[dict[str, Any]] = [
        {"prompt": prompt, "seeds": [seed], "guidance_scale": scale, "steps": 40}
        for prompt, seed, scale in (
            ("a red house", 1, 3.0), ("two cats", 2, 6.0), ("a tree", 3, 0.5), ("a lake", 4, 3.0)
        )
    ]  # fmt: skip
    with Engine(toy_profile, device="cpu", batching=True) as engine:
        alone = [engine.call("text_to_image", call) for call in calls]
        assert [result.together for result in alone] == [1] * 4
        with ThreadPoolExecutor() as pool:
            asked = [pool.submit(engine.call, "text_to_image", call) for call in calls]
            drawn = [future.result() for future in asked]
    assert max(result.together for result in drawn) > 1
    assert max(apart(a.images[0], b.images[0]) for a, b in zip(alone, drawn, strict=True)) <= 2


def test_left_out_values_are_the_models_own(context: Context, toy_engine: Engine) -> None:
    full = toy_engine.arguments("text_to_image", {"prompt": "a", "seeds": [1]})
    assert (full["steps"], full["guidance_scale"]) == (3, 3.0)
    short = text_to_image(context, prompt="a", seeds=[1])[0]
    assert short.tobytes() == text_to_image(context, **full)[0].tobytes()


def test_progress_is_reported_for_every_denoising_step(toy_engine: Engine) -> None:
    seen: list[Progress] = []
    toy_engine.call(
        "text_to_image", {"prompt": "a", "seeds": [1], "steps": 6}, on_progress=seen.append
    )
    assert [(p.done, p.total) for p in seen] == [(i, 6) for i in range(7)]


def test_a_cancel_ends_the_drawing_within_a_step(toy_engine: Engine) -> None:
    seen: list[Progress] = []
    cancel, pid = threading.Event(), toy_engine.status().pid
    before = toy_engine.call("text_to_image", {"prompt": "a", "seeds": [1]}).images[0]

    def listen(progress: Progress) -> None:
        seen.append(progress)
        if progress.done == 2:
            cancel.set()

    call = {"prompt": "a", "seeds": [1], "steps": 150}
    with pytest.raises(Cancelled):
        toy_engine.call("text_to_image", call, on_progress=listen, cancel=cancel)
    assert seen[-1].done < 150
    after = toy_engine.call("text_to_image", {"prompt": "a", "seeds": [1]}).images[0]
    assert after.tobytes() == before.tobytes()
    assert toy_engine.status().pid == pid


def test_no_step_is_drawn_after_a_cancel(context: Context) -> None:
    steps: list[int] = []

    def check() -> None:
        if len(steps) > 2:
            raise Cancelled("cancelled")

    watched = replace(context, progress=lambda done, *_: steps.append(done), check_cancelled=check)
    with pytest.raises(Cancelled):
        text_to_image(watched, prompt="a", seeds=[1], steps=50)
    assert steps == [0, 1, 2]


def test_a_worker_killed_while_it_draws_costs_that_call_and_no_bytes(toy_engine: Engine) -> None:
    call = {"prompt": "a red house", "seeds": [5]}
    before = toy_engine.call("text_to_image", call).images[0].tobytes()

    def kill(_: Progress) -> None:
        os.kill(toy_engine.status().pid or 0, signal.SIGKILL)

    with pytest.raises(WorkerCrashed, match="text_to_image: the worker stopped"):
        toy_engine.call("text_to_image", call, on_progress=kill)
    assert toy_engine.call("text_to_image", call).images[0].tobytes() == before


def test_a_prompt_longer_than_the_model_reads_is_refused(context: Context) -> None:
    with pytest.raises(ToolError, match=r"negative_prompt has \d+ tokens; allowed are 256"):
        text_to_image(context, prompt="a", negative_prompt="very long words " * 40, seeds=[1])


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_blank_picture_is_an_error_that_names_its_seed(
    toy_profile: Profile, value: float
) -> None:
    models = Models(toy_profile.models, device="cpu")
    last = models.get("text-to-image").model.vae.decoder.conv_out
    last.weight.data.fill_(value)
    with pytest.raises(ToolError, match=r"the seeds \[11, 12\] came out blank"):
        text_to_image(Context(models), prompt="a", seeds=[11, 12])


# -- a schedule of the model's own


OF_DIFFUSERS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def scheduled(profile: Profile, *guided: int) -> Models:
    """The toy painter with four noise levels of its own, of which some are guided."""
    from diffusers import DPMSolverMultistepScheduler

    own = {"schedule": (999, 700, 300, 50), "guided": guided, "defaults": {
        "steps": 4, "guidance_scale": 5.0}}  # fmt: skip
    entry = profile.models["text-to-image"].model_copy(update=own)
    models = Models({"text-to-image": entry}, device="cpu")
    pipeline = models.get("text-to-image").model
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    return models


def evaluations(models: Models, **call: Any) -> tuple[list[tuple[int, int]], Image.Image]:
    """The noise level and the size of the batch of each evaluation of the network."""
    seen: list[tuple[int, int]] = []

    def note(_: Any, inputs: Any) -> None:
        seen.append((int(inputs[1]), len(inputs[0])))

    hook = models.get("text-to-image").model.unet.register_forward_pre_hook(note)
    [picture] = text_to_image(Context(models), **call)
    hook.remove()
    return seen, picture


@OF_DIFFUSERS
@pytest.mark.parametrize("guided", [(), (0,), (1, 2), (3,)])
def test_only_the_guided_steps_are_evaluated_twice(
    toy_profile: Profile, guided: tuple[int, ...]
) -> None:
    seen, _ = evaluations(scheduled(toy_profile, *guided), prompt="a", seeds=[1])
    sizes = [2 if k in guided else 1 for k in range(4)]
    assert seen == list(zip((999, 700, 300, 50), sizes, strict=True))


@OF_DIFFUSERS
def test_the_negative_prompt_matters_in_the_guided_steps_alone(toy_profile: Profile) -> None:
    call: dict[str, Any] = {"prompt": "a house", "seeds": [1]}
    for guided, differs in ((1, True), (0, True), (None, False)):
        models = scheduled(toy_profile, *([] if guided is None else [guided]))
        plain = text_to_image(Context(models), **call)[0].tobytes()
        against = text_to_image(Context(models), negative_prompt="snow", **call)[0].tobytes()
        assert (plain != against) == differs


@OF_DIFFUSERS
def test_another_number_of_steps_is_evenly_spaced_and_guided_throughout(
    toy_profile: Profile,
) -> None:
    models = scheduled(toy_profile, 1)
    seen, _ = evaluations(models, prompt="a", seeds=[1], steps=3)
    assert [size for _, size in seen] == [2, 2, 2]
    again, _ = evaluations(models, prompt="a", seeds=[1])
    assert [size for _, size in again] == [1, 2, 1, 1], "nothing is left over from another call"
