"""Every kind of painter, tiny and with random weights, does all that the tools ask of one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import tiny_pipelines
import torch
from PIL import Image, ImageDraw

from danqing.tools import (
    catalogue,
    edge_guided,
    inpaint,
    style_transfer,
    text_to_image,
    vae_variation,
)
from danqing.tools.errors import Cancelled, Stopped, ToolError
from danqing.tools.models import Models
from danqing.tools.painting import kind_of
from danqing.tools.pipelines import PIPELINES
from danqing.tools.registry import IN_TILES, OFFLOADED, ONE_BY_ONE, SMALLER, THRIFT, Context, spec

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning:diffusers")

STEERED = [kind for kind in PIPELINES if kind != "Flux2KleinPipeline"]
UNETS = ["StableDiffusionPipeline", "StableDiffusionXLPipeline"]
TRANSFORMERS = ["ZImagePipeline", "Flux2KleinPipeline"]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Context]]:
    """A context for each kind; they are written to disk and loaded again."""
    folder = tmp_path_factory.mktemp("tiny")
    made = {}
    for kind in PIPELINES:
        entries: Any = {"text-to-image": tiny_pipelines.write_pipeline(kind, folder / kind)}
        if kind in STEERED:
            entries["controlnet"] = tiny_pipelines.write_controlnet(
                kind, folder / kind, folder / f"{kind}-lines"
            )
        if kind in UNETS:
            entries["style-adapter"] = tiny_pipelines.write_ip_adapter(
                folder / kind, folder / f"{kind}-style"
            )
        made[kind] = Context(Models(entries, device="cpu"))
    yield made
    made.clear()


@pytest.fixture(params=list(PIPELINES))
def context(request: pytest.FixtureRequest, contexts: dict[str, Context]) -> Context:
    return contexts[request.param]


@pytest.fixture
def mask(photo: Image.Image) -> Image.Image:
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).rectangle((20, 10, 59, 49), fill=255)
    return mask


@pytest.fixture
def drawn() -> Image.Image:
    """An image with clear outlines."""
    image = Image.new("RGB", (80, 80), "white")
    ImageDraw.Draw(image).rectangle((20, 30, 60, 70), fill="red")
    return image


def apart(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, int) - np.asarray(b, int)).mean())


def weights(context: Context) -> dict[str, tuple[int, torch.dtype]]:
    """Where every weight of the painter is in memory, and of what type."""
    parts = context.models.get("text-to-image").model.components.items()
    return {
        # The autoencoder of XL may be widened for a while, and so have moved.
        f"{name}.{key}": (0 if name == "vae" else weight.data_ptr(), weight.dtype)
        for name, part in parts
        if hasattr(part, "parameters")
        for key, weight in part.named_parameters()
    }


def test_a_painter_is_what_it_was_saved_as(contexts: dict[str, Context]) -> None:
    for kind, context in contexts.items():
        painter = context.models.get("text-to-image")
        assert type(painter.model).__name__ == kind
        assert kind_of(painter) is PIPELINES[kind]


def test_every_seed_draws_its_own_picture_alone_and_in_a_batch(context: Context) -> None:
    side = context.models.get("text-to-image").entry.native_size
    first, second = text_to_image(context, prompt="a red house", seeds=[1, 2])
    assert first.size == second.size == (side, side)
    assert apart(first, second) > 1
    [alone] = text_to_image(context, prompt="a red house", seeds=[2])
    assert apart(alone, second) < 0.1
    [again] = text_to_image(context, prompt="a red house", seeds=[2])
    assert again.tobytes() == alone.tobytes()
    [other] = text_to_image(context, prompt="a blue fish", seeds=[2])
    assert apart(alone, other) > 0


def test_calls_in_one_batch_get_what_each_gets_alone(context: Context) -> None:
    """Each picture has its own prompts and seed, and where the painter has a UNet, guidance."""
    together = spec(text_to_image).together
    assert together is not None
    guides = kind_of(context.models.get("text-to-image")).guidance_scale
    told = [("a red house", "snow", [1], guides), ("a fish", "", [2, 3], guides), ("a", "", [4], 1)]
    names = ("prompt", "negative_prompt", "seeds", "guidance_scale")
    calls = [{**dict(zip(names, values, strict=True)), "steps": 3} for values in told]
    keys = [together.key(context, call) for call in calls]
    assert keys[0] == keys[1]
    each = type(context.models.get("text-to-image").model).__name__ in UNETS
    assert (keys[1] == keys[2]) == (each or guides == 1)
    assert together.key(context, calls[0] | {"steps": 4}) != keys[0]
    if keys[1] != keys[2]:
        calls.pop()
    made = together.run(context, calls)
    for call, pictures in zip(calls, made, strict=True):
        alone = text_to_image(context, **call)
        assert [apart(a, b) < 0.2 for a, b in zip(alone, pictures, strict=True)] == [
            True for _ in call["seeds"]
        ]
    assert apart(made[0][0], made[1][0]) > 1


def test_it_reports_every_step_and_can_be_stopped_between_two(context: Context) -> None:
    reported = tiny_pipelines.cancelled_after_two(
        context, partial(text_to_image, prompt="a red house", seeds=[1], steps=5)
    )
    assert [done for done, _ in reported] == [0, 1, 2]


def test_where_memory_is_short_it_draws_the_same_one_by_one(context: Context) -> None:
    call: dict[str, Any] = {"prompt": "a red house", "seeds": [3, 4], "steps": 2}
    plenty = text_to_image(context, **call)
    saved = text_to_image(replace(context, thrift=ONE_BY_ONE), **call)
    assert max(apart(a, b) for a, b in zip(plenty, saved, strict=True)) < 0.1
    in_tiles = text_to_image(replace(context, thrift=IN_TILES), **call)
    assert [p.size for p in in_tiles] == [p.size for p in plenty]
    vae = context.models.get("text-to-image").model.vae
    assert not vae.use_tiling  # it is as it was
    small = text_to_image(replace(context, thrift=SMALLER), **call)
    assert all(p.width < q.width for p, q in zip(small, plenty, strict=True))


def test_only_what_saved_memory_is_told(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    one, many, inside = (replace(context, thrift=SMALLER, saved=[]) for _ in range(3))
    text_to_image(one, prompt="a red house", seeds=[3], steps=2)
    text_to_image(many, prompt="a red house", seeds=[3, 4], steps=2)
    inpaint(inside, photo, mask, prompt="a red house", seeds=[3], steps=2)
    by_one, tiles, smaller = (THRIFT[rung - 1] for rung in (ONE_BY_ONE, IN_TILES, SMALLER))
    assert sorted(one.saved) == sorted([tiles, smaller])
    assert sorted(many.saved) == sorted([by_one, tiles, smaller])
    assert inside.saved == [tiles]


def test_a_hole_is_painted_and_all_around_it_is_kept(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    pictures = inpaint(context, photo, mask, prompt="a red house", seeds=[1, 2])
    inside = np.asarray(mask) > 0
    for picture in pictures:
        changed = (np.asarray(picture) != np.asarray(photo)).any(2)
        assert not changed[~inside].any()
        assert changed[inside].mean() > 0.9
    assert apart(*pictures) > 0


def test_an_image_is_painted_over_in_a_style(context: Context, photo: Image.Image) -> None:
    photo = photo.resize((180, 140))
    styled, told = style_transfer(context, photo, style="watercolor", prompt="a house")
    assert (styled.size, told.how) == (photo.size, "paint")
    turned, _ = style_transfer(context, photo.rotate(180), style="watercolor", prompt="a house")
    assert apart(styled, turned) > 0, "the image matters"


def test_a_painter_with_an_autoencoder_of_another_class_paints_over_an_image(
    photo: Image.Image,
) -> None:
    built_in = catalogue.profile().models["text-to-image"]
    context = Context(Models({"text-to-image": built_in}, device="cpu"))
    painter = context.models.get("text-to-image").model
    assert type(painter.vae).__name__ == "AutoencoderTiny"
    styled, _ = style_transfer(context, photo, style="oil", strength=0.2)
    assert apart(styled, photo) > 1


@pytest.mark.parametrize("kind", UNETS)
def test_an_image_is_painted_over_in_the_style_of_a_reference(
    kind: str, contexts: dict[str, Context], photo: Image.Image, drawn: Image.Image
) -> None:
    context = contexts[kind]
    [before] = text_to_image(context, prompt="a house", seeds=[1])
    styled, told = style_transfer(context, photo, drawn, prompt="a house")
    assert (styled.size, told.how, told.style) == (photo.size, "adapter", None)
    other, _ = style_transfer(context, photo, Image.new("RGB", (64, 64), "navy"), prompt="a house")
    assert apart(styled, other) > 0
    [after] = text_to_image(context, prompt="a house", seeds=[1])
    assert after.tobytes() == before.tobytes(), "the painter is as it was"


def test_an_image_is_varied_in_the_autoencoder(context: Context, photo: Image.Image) -> None:
    same, varied = (vae_variation(context, photo, amount=amount)[0] for amount in (0.0, 0.7))
    assert same.size == varied.size == photo.size
    assert apart(same, varied) > 0.5


@pytest.mark.parametrize("kind", STEERED)
def test_outlines_steer_it_as_far_as_they_are_heeded(
    kind: str, contexts: dict[str, Context], drawn: Image.Image
) -> None:
    free, along = (
        edge_guided(contexts[kind], drawn, prompt="a house", seeds=[1], heed=heed)[0]
        for heed in (0.0, 1.0)
    )
    assert apart(free, along) > 0.5


@pytest.mark.parametrize("kind", STEERED)
def test_a_hole_is_painted_without_outlines_where_nothing_is_to_stand(
    kind: str, contexts: dict[str, Context], photo: Image.Image, mask: Image.Image
) -> None:
    [painted] = inpaint(contexts[kind], photo, mask, prompt="a house", seeds=[1])
    [cleared] = inpaint(contexts[kind], photo, mask, prompt="a house", seeds=[1], how="clear")
    assert apart(painted, cleared) > 0


def test_all_that_it_does_is_done_with_the_same_weights(
    context: Context, photo: Image.Image, mask: Image.Image, drawn: Image.Image
) -> None:
    half = torch.bfloat16  # as on a GPU
    painter = context.models.get("text-to-image").model
    painter.to(dtype=half)
    try:
        before = weights(context)
        assert {dtype for _, dtype in before.values()} == {half}
        style_transfer(context, photo.resize((180, 140)), style="watercolor")
        inpaint(context, photo, mask, prompt="a house", seeds=[1])
        vae_variation(context, photo)
        if context.models.has("controlnet"):
            context.models.get("controlnet").model.to(half)
            edge_guided(context, drawn, prompt="a house", seeds=[1])
        assert weights(context) == before
    finally:
        painter.to(dtype=torch.float32)
        if context.models.has("controlnet"):
            context.models.get("controlnet").model.float()


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_prompt_that_it_would_cut_off_is_refused(kind: str, contexts: dict[str, Context]) -> None:
    with pytest.raises(ToolError, match=r"prompt has 600 tokens; allowed are 490"):
        text_to_image(contexts[kind], prompt="a" * 600, seeds=[1])


def test_a_painter_without_a_way_says_so(contexts: dict[str, Context], drawn: Image.Image) -> None:
    with pytest.raises(ToolError, match="cannot paint over an image and along outlines at once"):
        edge_guided(contexts["ZImagePipeline"], drawn, prompt="a", seeds=[1], strength=0.5)


def test_what_a_safety_checker_withholds_is_told(
    contexts: dict[str, Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = contexts["StableDiffusionPipeline"]
    painter = context.models.get("text-to-image").model

    def check(image: Any, device: Any, dtype: Any) -> tuple[Any, list[bool]]:
        return image, [False, True]

    monkeypatch.setattr(painter, "run_safety_checker", check)
    with pytest.raises(ToolError, match=r"safety checker withheld the pictures of the seeds \[2\]"):
        text_to_image(context, prompt="a house", seeds=[1, 2])


def test_a_pipeline_that_cannot_paint_and_a_network_that_cannot_steer_are_refused(
    contexts: dict[str, Context], tmp_path: Any
) -> None:
    from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel

    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8,), norm_num_groups=8, layers_per_block=1,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path / "pipeline")
    unet.save_pretrained(tmp_path / "unet")
    painter = contexts["ZImagePipeline"].models.entries["text-to-image"]
    guide = contexts["ZImagePipeline"].models.entries["controlnet"]
    wrong: Any = {
        "text-to-image": painter.model_copy(update={"source": str(tmp_path / "pipeline")}),
        "controlnet": guide.model_copy(update={"source": str(tmp_path / "unet")}),
    }
    models = Models(wrong, device="cpu")
    with pytest.raises(Stopped, match="it is a DDPMPipeline; those that can paint are"):
        models.get("text-to-image")
    with pytest.raises(Stopped, match="it is a UNet2DModel; those that can steer are"):
        models.get("controlnet")


def test_what_was_brought_to_the_gpu_goes_back_however_the_work_ends(
    contexts: dict[str, Context], context: Context, drawn: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What is left there would leave no room for what goes there first the next time."""
    from accelerate.hooks import CpuOffload

    there: set[int] = set()
    bring, put_back = CpuOffload.pre_forward, CpuOffload.init_hook

    def pre_forward(hook: Any, module: Any, *given: Any, **more: Any) -> Any:
        there.add(id(module))
        return bring(hook, module, *given, **more)

    def init_hook(hook: Any, module: Any) -> Any:
        there.discard(id(module))
        return put_back(hook, module)

    monkeypatch.setattr(CpuOffload, "pre_forward", pre_forward)
    monkeypatch.setattr(CpuOffload, "init_hook", init_hook)
    alone = Models({**context.models.entries}, device="cpu")
    alone.get("text-to-image", offloaded=True)

    def cancel() -> None:
        if there:
            raise Cancelled("text_to_image was cancelled.")

    with pytest.raises(Cancelled):
        text_to_image(Context(alone, check_cancelled=cancel), prompt="a", seeds=[1], steps=2)
    assert not there
    style_transfer(Context(alone), drawn, style="oil painting", seed=1)
    assert not there


def test_a_controlnet_that_borrows_from_its_painter_finds_it_on_the_gpu(
    contexts: dict[str, Context], drawn: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Z-Image's is asked before its painter is, and shares the first layers with that."""
    from accelerate.hooks import CpuOffload

    alone = Models({**contexts["ZImagePipeline"].models.entries}, device="cpu")
    painter = alone.get("text-to-image", offloaded=True).model
    parts, asked = {id(part): name for name, part in painter.components.items()}, list[str]()
    bring = CpuOffload.pre_forward

    def pre_forward(hook: Any, module: Any, *given: Any, **more: Any) -> Any:
        asked.append(parts[id(module)])
        return bring(hook, module, *given, **more)

    monkeypatch.setattr(CpuOffload, "pre_forward", pre_forward)
    network = alone.get("controlnet").model
    forward = network.forward

    def follow(*given: Any, **more: Any) -> Any:
        asked.append("controlnet")
        return forward(*given, **more)

    monkeypatch.setattr(network, "forward", follow)
    edge_guided(Context(alone), drawn, prompt="a house", seeds=[1], steps=2)
    before = {last for last, now in itertools.pairwise(asked) if now == "controlnet"}
    assert before == {"transformer"}


def test_offloaded_it_paints_the_same_and_says_so(
    context: Context, drawn: Image.Image, mask: Image.Image, photo: Image.Image
) -> None:
    """The networks of a painter that a GPU cannot hold are brought there one by one. On a machine
    without one they go nowhere, but by the same hooks."""
    painter = context.models.get("text-to-image")
    ways: list[Callable[[Context], list[Image.Image]]] = [
        lambda c: text_to_image(c, prompt="a house", seeds=[1, 2], steps=2),
        lambda c: [style_transfer(c, drawn, style="oil painting", seed=1)[0]],
        lambda c: inpaint(c, photo, mask, prompt="a house", seeds=[1], steps=2),
    ]
    if context.models.has("controlnet"):
        ways.append(lambda c: edge_guided(c, drawn, prompt="a house", seeds=[1], steps=2))
    if context.models.has("style-adapter"):
        ways.append(lambda c: [style_transfer(c, drawn, photo, how="adapter", seed=1)[0]])
    alone = Models({**context.models.entries}, device="cpu")
    here = Context(alone)
    before = [[picture.tobytes() for picture in way(here)] for way in ways]
    whole = alone.get("text-to-image").memory_mb
    assert not here.saved
    alone.get("text-to-image", offloaded=True)
    for _ in range(2):  # each network goes back to where it came from
        again = Context(alone)
        assert [[picture.tobytes() for picture in way(again)] for way in ways] == before
        assert again.saved == [THRIFT[OFFLOADED - 1]]
    away = alone.get("text-to-image")
    assert away.offloaded
    assert away.memory_mb < whole
    assert type(away.model) is type(painter.model)
