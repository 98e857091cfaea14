"""Make the networks of diffusers fast on a GPU.

Their convolutions get channels-last weights, which is the layout that tensor cores compute, and
attention projects one input in one product instead of three. Where ``DANQING_COMPILE`` is 1 in the
environment, the blocks that repeat are compiled, too, each shape of them once: regional
compilation, as in `diffusers.ModelMixin.compile_repeated_blocks`, here of the residual blocks of
UNets and autoencoders as well.

Compiling is not the default for two reasons. The first picture of every size and number would wait
for it; what was compiled is kept on disk, so that later sessions wait less. And compiled kernels
round differently from others, so that a picture would depend on what was drawn before it, were
blocks compiled only once it pays. Under the setting every call is compiled, for its very shape and
without choosing kernels by a stopwatch: the same call gives the same bytes on the same device, in
this session or the next, and other bytes than without the setting.

Only the worker process uses this module.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

SETTING = "DANQING_COMPILE"
"""In the environment: 1 to compile, 0 or nothing to leave it."""
CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""In the environment: the folder that keeps what was compiled. It holds code that will be run, so
it belongs to the user alone."""
SHAPES = 512
"""So many shapes of one kind of block are compiled at most; torch stops at 8 unless told. An XL
UNet alone has a dozen of its residual blocks, with its autoencoder's for each size and number of
pictures."""
_BLOCKS = ("BasicTransformerBlock", "ResnetBlock2D")
"""Blocks that repeat in models whose class in diffusers does not say so."""


def accelerate(model: Any, device: str) -> None:
    """Change a pipeline or a model, which is on ``device``, in place.

    Nothing is done on another device than cuda, and nothing to models that are not of diffusers.
    Raises `BadInput` where ``DANQING_COMPILE`` is neither 0 nor 1.
    """
    if device != "cuda":
        return
    compiled = is_wanted()
    for network in networks(model):
        channels_last(network)
        fuse_projections(network)
        if compiled:
            compile_blocks(network)


def is_wanted() -> bool:
    """Whether ``DANQING_COMPILE`` asks for compiled blocks."""
    from .errors import BadInput

    value = os.environ.get(SETTING, "")
    if value not in ("", "0", "1"):
        raise BadInput(f"{SETTING} = {value!r} is refused; allowed are 0 and 1.")
    return value == "1"


def networks(model: Any) -> Iterator[Any]:
    """The networks of diffusers in a pipeline, or the model itself where it is one."""
    diffusers = sys.modules.get("diffusers")
    if diffusers is None:  # then it has made none
        return
    pipeline = isinstance(model, diffusers.DiffusionPipeline)
    parts = model.components.values() if pipeline else (model,)
    yield from (part for part in parts if isinstance(part, diffusers.ModelMixin))


def channels_last(network: Any) -> None:
    """Lay out the weights of convolutions by pixel, not by channel; their values stay."""
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def fuse_projections(network: Any) -> None:
    """Let attention project its input to queries, keys and values in one product.

    The single projections remain, as parts of the memory of the fused ones. Nothing is done to
    networks that cannot: those with other attention than a UNet's, and those with adapters in it.
    """
    from diffusers.models.attention_processor import Attention

    fuse = getattr(network, "fuse_qkv_projections", None)
    attention = [module for module in network.modules() if isinstance(module, Attention)]
    if fuse is None or not attention:
        return
    if {type(module.processor).__name__ for module in attention} != {"AttnProcessor2_0"}:
        return
    fuse()
    for module in attention:
        if not module.fused_projections:  # as in ControlNets, whose method passes these by
            continue
        parts = [module.to_q, module.to_k, module.to_v]
        if module.is_cross_attention:
            fused, parts = module.to_kv, parts[1:]
        else:
            fused = module.to_qkv
        for name in ("weight", "bias"):
            if (whole := getattr(fused, name)) is not None:
                for part, rows in zip(parts, whole.data.chunk(len(parts)), strict=True):
                    getattr(part, name).data = rows


def compile_blocks(network: Any) -> None:
    """Compile the blocks that repeat in ``network``, each when it is first called with a shape.

    A kind of block that cannot be compiled runs as it was, after a warning.
    """
    import torch
    from torch._dynamo import config as tracing
    from torch._inductor import config as kernels

    keep_compiled(os.environ)
    tracing.cache_size_limit = SHAPES
    tracing.accumulated_cache_size_limit = 8 * SHAPES
    if hasattr(kernels, "deterministic"):  # since torch 2.9
        kernels.deterministic = True
    kinds = {*_BLOCKS, *(network._repeated_blocks or ())}
    failed: set[str] = set()
    for block in network.modules():
        if type(block).__name__ in kinds:
            compiled = torch.compile(block.forward, fullgraph=True, dynamic=False)
            block.forward = _Forward(block.forward, compiled, type(block).__name__, failed)


class _Forward:
    """A block's forward pass: the compiled one, until its kind is among those that ``failed``."""

    def __init__(self, plain: Any, compiled: Any, kind: str, failed: set[str]) -> None:
        self._plain, self._compiled, self._kind, self._failed = plain, compiled, kind, failed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._kind in self._failed:
            return self._plain(*args, **kwargs)
        try:
            return self._compiled(*args, **kwargs)
        except Exception as error:
            if _is_of_the_device(error):
                raise
            # Compilers fail with errors of all kinds. What is the caller's fault is raised here.
            result = self._plain(*args, **kwargs)
            self._failed.add(self._kind)
            said = str(error).strip().partition("\n")[0]
            logging.getLogger(__name__).warning(
                "%s cannot be compiled and runs as it is: %s: %s",
                self._kind, type(error).__name__, said,
            )  # fmt: skip
            return result


def _is_of_the_device(error: Exception) -> bool:
    """Whether memory ran out, or the device can no longer be used."""
    import torch

    fatal = getattr(torch, "AcceleratorError", torch.OutOfMemoryError)  # since torch 2.8
    return isinstance(error, (torch.OutOfMemoryError, fatal))


def keep_compiled(environment: MutableMapping[str, str]) -> Path:
    """Make the folder for what was compiled, unless ``environment`` names one, and name it there;
    torch would take one in the machine's temporary folder."""
    if CACHE not in environment:
        from platformdirs import user_cache_path

        environment[CACHE] = str(user_cache_path("danqing", appauthor=False) / "compiled")
    folder = Path(environment[CACHE])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
