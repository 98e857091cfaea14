"""What makes networks fast changes rounding at most, keeps calls repeatable, and may fail."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn

from danqing.tools import acceleration, models
from danqing.tools.catalogue import Profile
from danqing.tools.errors import BadInput


@pytest.fixture
def painter(toy_profile: Profile) -> Any:
    """A toy pipeline as it is loaded on a CPU, of its own."""
    return models.load(toy_profile.models["text-to-image"], "cpu").model


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Blocks are to be compiled, in a folder of the test."""
    monkeypatch.setenv(acceleration.SETTING, "1")
    monkeypatch.setenv(acceleration.CACHE, str(tmp_path / "compiled"))
    yield
    torch._dynamo.reset()


def drawn(pipeline: Any) -> torch.Tensor:
    """A picture of the pipeline, (1, 3, 32, 32), always from the same noise."""
    with torch.inference_mode():
        made = pipeline(
            prompt=["a red house"], generator=[torch.Generator().manual_seed(1)],
            num_inference_steps=2, guidance_scale=3.0, output_type="pt",
        )  # fmt: skip
    images: torch.Tensor = made.images
    return images


def convolutions(network: Any) -> list[nn.Conv2d]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def test_only_a_gpus_networks_are_changed(painter: Any) -> None:
    weight = convolutions(painter.unet)[0].weight
    acceleration.accelerate(painter, "cpu")
    acceleration.accelerate(painter, "mps")
    assert not weight.is_contiguous(memory_format=torch.channels_last)
    assert not hasattr(next(attentions(painter.unet)), "to_qkv")
    plain = nn.Conv2d(4, 4, 3)
    acceleration.accelerate(plain, "cuda")  # not of diffusers
    assert not plain.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_is_loaded_is_accelerated_for_where_it_is(
    toy_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, str]] = []
    monkeypatch.setattr(models, "accelerate", lambda *given: told.append(given))
    loaded = models.load(toy_profile.models["text-to-image"], "cpu")
    assert told == [(loaded.model, "cpu")]


def attentions(network: Any) -> Iterator[Any]:
    return (m for m in network.modules() if hasattr(m, "is_cross_attention"))


def test_the_same_picture_comes_out_but_for_rounding(painter: Any) -> None:
    before = drawn(painter)
    acceleration.accelerate(painter, "cuda")
    for network in (painter.unet, painter.vae):
        for convolution in convolutions(network):
            assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    assert all(a.fused_projections for a in attentions(painter.unet))
    assert not any("_Forward" in type(m.forward).__name__ for m in painter.unet.modules())
    after = drawn(painter)
    assert (after - before).abs().max() < 1e-4
    assert torch.equal(drawn(painter), after)


def test_fused_projections_take_no_memory_twice(painter: Any) -> None:
    acceleration.accelerate(painter, "cuda")
    seen = set()
    for attention in attentions(painter.unet):
        parts = [attention.to_k, attention.to_v]
        fused = attention.to_kv if attention.is_cross_attention else attention.to_qkv
        parts = parts if attention.is_cross_attention else [attention.to_q, *parts]
        memory = {part.weight.untyped_storage().data_ptr() for part in (fused, *parts)}
        assert len(memory) == 1
        assert torch.equal(torch.cat([part.weight for part in parts]), fused.weight)
        seen.add(attention.is_cross_attention)
    assert seen == {True, False}


def test_attention_with_adapters_is_left_as_it_is(painter: Any) -> None:
    from diffusers.models.attention_processor import AttnProcessor2_0

    class Adapter(AttnProcessor2_0):
        pass

    next(attentions(painter.unet)).set_processor(Adapter())
    acceleration.fuse_projections(painter.unet)
    assert not any(a.fused_projections for a in attentions(painter.unet))


def test_a_controlnet_and_a_network_without_attention_are_accelerated(toy_profile: Profile) -> None:
    from diffusers import AutoencoderTiny

    control = models.load(toy_profile.models["controlnet"], "cpu").model
    tiny: Any = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )  # fmt: skip
    for network in (control, tiny):
        acceleration.accelerate(network, "cuda")
        weight = convolutions(network)[0].weight
        assert weight.is_contiguous(memory_format=torch.channels_last)


def test_convolutions_of_videos_are_passed_by() -> None:
    flat = nn.Conv2d(4, 4, 3)
    acceleration.channels_last(nn.Sequential(nn.Conv3d(4, 4, 3), flat))
    assert flat.weight.is_contiguous(memory_format=torch.channels_last)


# -- compiled


@pytest.mark.usefixtures("compiling")
def test_compiled_blocks_paint_the_same_picture_every_time(
    painter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", traced(torch.compile))
    before = drawn(painter)
    acceleration.accelerate(painter, "cuda")
    blocks = [m for m in painter.unet.modules() if isinstance(m.forward, acceleration._Forward)]
    kinds = {type(block).__name__ for block in blocks}
    assert kinds == {"BasicTransformerBlock", "ResnetBlock2D"}
    first = drawn(painter)
    assert not any(block.forward._failed for block in blocks)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 4
    assert (first - before).abs().max() < 1e-4
    for seeds in (2, 1):  # other shapes in between change nothing
        with torch.inference_mode():
            painter(prompt=["a"] * seeds, num_inference_steps=1, output_type="latent")
    assert torch.equal(drawn(painter), first)
    assert stat.S_IMODE((tmp_path / "compiled").stat().st_mode) == 0o700


def traced(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.compile` that traces in full and leaves out the slow part, code for the processor."""
    return lambda function, **more: compile_(function, backend="aot_eager", **more)


class ResnetBlock2D(nn.Module):
    """A block that has the name of one that is compiled."""

    breaks = False

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.breaks:
            torch._dynamo.graph_break()
        made: torch.Tensor = self.linear(x)
        return made


class Network(nn.Module):
    """Two such blocks."""

    _repeated_blocks: list[str] = []

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(ResnetBlock2D(), ResnetBlock2D())

    def failed(self) -> set[str]:
        """The kinds of blocks that could not be compiled."""
        forward = cast(acceleration._Forward, self.blocks[0].forward)
        return forward._failed

    @torch.inference_mode()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.blocks(x)
        return made


@pytest.mark.usefixtures("compiling")
def test_code_is_made_and_kept(tmp_path: Path) -> None:
    network = Network()
    x = torch.randn(2, 3)
    before = network(x)
    acceleration.compile_blocks(network)
    assert torch.allclose(network(x), before, atol=1e-6)
    assert not network.failed()
    assert list((tmp_path / "compiled").rglob("*.py"))


@pytest.mark.usefixtures("compiling")
def test_what_cannot_be_compiled_runs_as_it_was(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ResnetBlock2D, "breaks", True)
    network = Network()
    x = torch.randn(2, 3)
    before = network(x)
    acceleration.compile_blocks(network)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(network(x), before)
    [told] = warnings_in(caplog)
    assert told.startswith("ResnetBlock2D cannot be compiled and runs as it is: Unsupported: ")


@pytest.mark.usefixtures("compiling")
def test_a_callers_mistake_is_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    network = Network()
    acceleration.compile_blocks(network)
    with pytest.raises(RuntimeError, match=r"\(2x5 and 3x3\)"):
        network(torch.randn(2, 5))
    assert not network.failed()
    assert not warnings_in(caplog)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the module under test has logged; torch has a lot to say of its own."""
    return [r.getMessage() for r in caplog.records if r.name == acceleration.__name__]


def test_memory_that_runs_out_is_told_and_not_tried_again() -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("no memory")

    tried = SimpleNamespace(n=0)

    def plain(*_: Any) -> None:
        tried.n += 1

    failed: set[str] = set()
    with pytest.raises(torch.OutOfMemoryError):
        acceleration._Forward(plain, full, "Block", failed)(1)
    assert not failed
    assert not tried.n


def test_the_setting_is_on_off_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(acceleration.SETTING, raising=False)
    assert not acceleration.is_wanted()
    for value, wanted in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv(acceleration.SETTING, value)
        assert acceleration.is_wanted() is wanted
    monkeypatch.setenv(acceleration.SETTING, "yes")
    with pytest.raises(BadInput, match="DANQING_COMPILE = 'yes' is refused; allowed are 0 and 1"):
        acceleration.is_wanted()


def test_what_was_compiled_is_kept_by_the_user_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    environment: dict[str, str] = {}
    folder = acceleration.keep_compiled(environment)
    assert environment == {acceleration.CACHE: str(folder)}
    assert folder.is_relative_to(tmp_path)
    assert folder.name == "compiled"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert acceleration.keep_compiled(environment) == folder
