"""The models of a worker: loaded on first use, shared, evicted under a memory budget.

Only the worker process uses this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import catalogue
from .acceleration import accelerate
from .catalogue import Entry
from .errors import BadInput, Stopped
from .own_models import kind_and_size
from .pipelines import PIPELINES
from .registry import Role

DEVICES = ("cuda", "mps", "cpu")
CONTROLNETS = ("ControlNetModel", "ZImageControlNetModel")
"""The classes of networks that a painter can follow."""
GPU_SHARE, SHARE = 0.8, 0.5
"""The part of a GPU's own memory, and of the machine's, that models may take by default."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory. ``processor`` is what its loader needs beside it, or None.

    Of a pipeline that is ``offloaded`` the networks are in the machine's own memory, and each is
    brought to ``device`` while it is at work; ``memory_mb`` is then that of the largest.
    """

    entry: Entry
    model: Any
    processor: Any
    device: str
    memory_mb: float
    seconds: float
    offloaded: bool = False


class Models:
    """The loaded models by role; safe for threads.

    ``device`` is cuda, mps or cpu, or None for the best there is. ``memory_mb`` bounds the weights
    held at once: the least recently used model makes room. One model is always held, even when it
    is larger than the budget; a pipeline that is larger than a GPU's is offloaded.
    """

    def __init__(
        self,
        entries: Mapping[Role, Entry],
        *,
        device: str | None = None,
        memory_mb: float | None = None,
    ) -> None:
        self.entries = entries
        self._wanted = device
        self._device: str | None = None
        self._memory_mb = memory_mb
        self._loaded: OrderedDict[Role, Loaded] = OrderedDict()
        self._loading = threading.Lock()
        """Held for as long as a model is loaded: one at a time. What is there is had meanwhile."""
        self._lock = threading.Lock()
        self._streams: dict[Role, Any] = {}

    @property
    def device(self) -> str:
        """Where the models run; looked up once, since it needs torch."""
        if self._device is None:
            self._device = pick_device(self._wanted)
        return self._device

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles now in memory, least recently used first."""
        with self._lock:
            return tuple(self._loaded)

    def get(self, role: Role, *, offloaded: bool = False) -> Loaded:
        """The model for ``role``; loads it on first use. A pipeline that is ``offloaded`` once
        stays so.

        Raises `Stopped` when the profile has no such model or its files are damaged.
        """
        with self._lock:
            if (held := self._loaded.get(role)) is not None:
                self._loaded.move_to_end(role)
        if held is None or (offloaded and not held.offloaded):
            with self._loading:
                held = self._load(role, offloaded)
        return held

    def has(self, role: Role) -> bool:
        """Whether the profile has a model for ``role`` whose files are there."""
        entry = self.entries.get(role)
        return entry is not None and entry.ready

    def unload(self, *, keep: Collection[Role] = ()) -> None:
        """Let go of every model but those to ``keep``, and of the memory they leave behind."""
        with self._loading, self._lock:
            for role in [role for role in self._loaded if role not in keep]:
                del self._loaded[role]
        release_memory(self.device)

    def stream(self, role: Role) -> contextlib.AbstractContextManager[Any]:
        """On a GPU, a place for the work of a model to run beside that of the painter, which has
        the usual one. A model keeps its own, since memory does not go from one to another."""
        import torch

        if role == "text-to-image":
            return contextlib.nullcontext()
        with self._lock:
            if role not in self._streams:
                self._streams[role] = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            return torch.cuda.stream(self._streams[role])

    def _too_large(self, entry: Entry) -> bool:
        """Whether a GPU cannot hold a pipeline at once."""
        gpu, pipeline = self.device == "cuda", entry.loader == "diffusers"
        return gpu and pipeline and entry.memory_on(self.device) > self._budget

    def _load(self, role: Role, offloaded: bool) -> Loaded:
        entry = self.entries.get(role)
        if entry is None:
            raise Stopped(f"This profile has no model for the role {role!r}.")
        if not entry.ready:
            raise catalogue.missing(None, role, entry)
        with self._lock:  # the same model may play two roles, or be there by now
            model = next((m for m in self._loaded.values() if m.entry == entry), None)
        if model is None:
            needed, away = entry.memory_on(self.device), offloaded or self._too_large(entry)
            if role != "previewer":  # which is small, and no painter is put aside for it
                self._make_room(min(needed, self._budget) if away else needed)
            model = load(entry, self.device, offloaded=away)
        elif offloaded and not model.offloaded:
            model = offload(model)
        with self._lock:
            for each in [role, *(r for r, m in self._loaded.items() if m.entry == entry)]:
                self._loaded[each] = model
        return model

    @property
    def _budget(self) -> float:
        return self._memory_mb if self._memory_mb is not None else memory_budget(self.device)

    def _make_room(self, needed_mb: float) -> None:
        while self._loaded and needed_mb + self._held() > self._budget:
            with self._lock:
                self._loaded.popitem(last=False)
            release_memory(self.device)

    def _held(self) -> float:
        """MiB of all models now in memory, each counted once."""
        with self._lock:
            return sum({id(m): m.memory_mb for m in self._loaded.values()}.values())


def pick_device(wanted: str | None) -> str:
    """The device to use: ``wanted`` if it works, else the best there is.

    Raises `BadInput` for a name that is not known or not there.
    """
    if wanted == "cpu":
        return wanted
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted is None:
        return next((name for name, usable in there.items() if usable), "cpu")
    if not there.get(wanted, False):
        usable = [name for name in DEVICES if there.get(name, True)]
        raise BadInput(f"The device {wanted!r} cannot be used.", hint=f"Usable: {usable}.")
    return wanted


def memory_budget(device: str) -> float:
    """MiB that models may take by default: a part of a GPU's own memory, or of the machine's."""
    if device == "cuda":
        import torch

        return GPU_SHARE * torch.cuda.get_device_properties(0).total_memory / 2**20
    return SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20


def release_memory(device: str) -> None:
    """Give freed memory back to the device."""
    import gc

    gc.collect()
    if device != "cpu":
        import torch

        (torch.cuda if device == "cuda" else torch.mps).empty_cache()


def load(entry: Entry, device: str, *, offloaded: bool = False) -> Loaded:
    """Read a model folder: safetensors only, or for rembg ONNX, local files only, no code from the
    folder. A pipeline that is to be ``offloaded`` is never on ``device`` as a whole.

    Raises `Stopped` naming the file that is missing, damaged or not what it says it is.
    """
    for source in entry.sources:
        catalogue.check_weights(source.folder, source.weights)
    started = time.perf_counter()
    configure_torch()
    try:
        # rembg cannot do without scipy
        with contextlib.nullcontext() if entry.loader == "rembg" else _without_scipy():
            model, processor = _LOADERS[entry.loader](
                str(entry.folder), _dtype(device), **_options(entry)
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise Stopped(
            f"The model at {entry.folder} cannot be loaded: {error}",
            hint="Install the package again, or choose another profile.",
        ) from error
    if not offloaded:
        model.to(device)
    accelerate(model, device)
    parts = model.components.values() if entry.loader == "diffusers" else (model,)
    held: dict[int, int] = {}  # fused weights are views of one another
    for part in parts:
        if hasattr(part, "parameters"):
            part.eval()
            held |= _bytes(part)
    if device == "cuda":
        import torch

        torch.cuda.synchronize()  # whoever uses it next may do so in another stream
    seconds = time.perf_counter() - started
    memory_mb = sum(held.values()) / 2**20 or entry.memory_mb  # what torch does not hold
    loaded = Loaded(entry, model, processor, device, memory_mb, seconds)
    return offload(loaded) if offloaded else loaded


def offload(pipeline: Loaded) -> Loaded:
    """Keep the networks of a pipeline in the machine's own memory, but the one that is at work: the
    same pictures, later and in less of the device's memory."""
    pipeline.model.enable_model_cpu_offload(device=pipeline.device)
    parts = (p for p in pipeline.model.components.values() if hasattr(p, "parameters"))
    largest = max(sum(_bytes(part).values()) for part in parts)
    return replace(pipeline, memory_mb=largest / 2**20, offloaded=True)


def _bytes(network: Any) -> dict[int, int]:
    """The parts of memory that hold the weights of a network, and their sizes in bytes."""
    storages = (parameter.untyped_storage() for parameter in network.parameters())
    return {storage.data_ptr(): storage.nbytes() for storage in storages}


def _options(entry: Entry) -> dict[str, Any]:
    """What a loader is told beside the folder: only what the entry says."""
    told = {name: getattr(entry, name) for name in ("variant", "config", "architecture")}
    told["loras"] = {str(lora.folder): lora.weight for lora in entry.loras}
    told["beside"] = None if entry.beside is None else str(entry.beside.folder)
    told["files"] = entry.files if entry.loader in ("ip-adapter", "rembg") else ()
    return {name: value for name, value in told.items() if value}


def configure_torch() -> None:
    """All cores, and the same bytes for the same inputs."""
    import torch

    linux = sys.platform == "linux"
    torch.set_num_threads(len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def _dtype(device: str) -> Any:
    """float32 on a CPU, where halves are slower by two orders; else bfloat16 or float16."""
    import torch

    if device == "cpu":
        return torch.float32
    if device == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float16


@contextlib.contextmanager
def _without_scipy() -> Iterator[None]:
    """Hide scipy while the libraries are imported.

    diffusers and transformers import it only because it is there, for schedulers and losses unused
    here, and that takes a sixth of their start-up time. None in ``sys.modules`` is how Python
    spells absence; afterwards scipy can be imported as ever.
    """
    if "scipy" in sys.modules:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["scipy"]


def _load_diffusers(
    folder: str, dtype: Any, *, variant: str | None = None, config: str = "",
    loras: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Any, Any]:  # fmt: skip
    """A pipeline from the folder that diffusers saves; or from one file, with the configuration and
    the tokenizer of the folder ``config``. LoRAs become a part of its weights."""
    import diffusers

    if config:
        kind, _ = kind_and_size(Path(config))
        pipeline = getattr(diffusers, kind).from_single_file(
            folder, config=config, dtype=dtype, local_files_only=True
        )
    else:
        pipeline = diffusers.DiffusionPipeline.from_pretrained(  # type: ignore[no-untyped-call]
            folder, dtype=dtype, variant=variant, use_safetensors=True, local_files_only=True
        )
    if type(pipeline).__name__ not in PIPELINES:
        raise ValueError(
            f"it is a {type(pipeline).__name__}; those that can paint are {', '.join(PIPELINES)}"
        )
    pipeline.set_progress_bar_config(disable=True)
    for number, (lora, weight) in enumerate(loras.items()):
        file = Path(lora)
        pipeline.load_lora_weights(
            str(file.parent if file.is_file() else file), use_safetensors=True,
            weight_name=file.name if file.is_file() else None, adapter_name=f"lora-{number}",
            local_files_only=True,
        )  # fmt: skip
        pipeline.fuse_lora(lora_scale=weight, adapter_names=[f"lora-{number}"])
        pipeline.unload_lora_weights()
    return pipeline, None


def _load_controlnet(
    folder: str, dtype: Any, *, variant: str | None = None,
    architecture: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Any, Any]:  # fmt: skip
    """A ControlNet of the class that its configuration names; ``architecture`` is that of weights
    without one."""
    import diffusers

    told = architecture or json.loads((Path(folder) / "config.json").read_text("utf-8"))
    kind = told.get("_class_name", "ControlNetModel")
    if kind not in CONTROLNETS:
        raise ValueError(f"it is a {kind}; those that can steer are {', '.join(CONTROLNETS)}")
    network = getattr(diffusers, kind)
    if not architecture:
        return network.from_pretrained(
            folder, dtype=dtype, variant=variant, use_safetensors=True, local_files_only=True
        ), None
    from safetensors.torch import load_file

    [file] = Path(folder).glob("*.safetensors")
    model = network(**{key: value for key, value in told.items() if key != "_class_name"})
    model.load_state_dict(load_file(file))
    return model.to(dtype), None


def _load_autoencoder(folder: str, dtype: Any) -> tuple[Any, Any]:
    from diffusers import AutoencoderTiny

    model = AutoencoderTiny.from_pretrained(  # type: ignore[no-untyped-call]
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return model, None


def _load_generator(folder: str, dtype: Any) -> tuple[Any, Any]:
    from .generator import Generator

    return Generator.from_pretrained(folder, local_files_only=True).to(dtype), None


def _load_captioner(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

    model = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    if model.config.model_type != "vision-encoder-decoder":
        return model, _processor(folder)
    # Of the two implementations the one on Pillow gives the same pixels on every machine.
    image_processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        folder, local_files_only=True, backend="pil"
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model, (image_processor, tokenizer)


def _load_causal_lm(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoTokenizer,
    )

    from .language_model import Chat

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architecture = (config.architectures or [""])[0]
    auto: Any = AutoModelForCausalLM
    if architecture.endswith("ForConditionalGeneration"):  # it sees, too
        auto = AutoModelForImageTextToText
    model = auto.from_pretrained(
        folder, config=config, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return model, Chat(tokenizer, model)


def _load_answerer(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForVisualQuestionAnswering

    model = AutoModelForVisualQuestionAnswering.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return model, _processor(folder)


def _processor(folder: str) -> Any:
    """What turns images and texts into what a model takes, the same pixels on every machine."""
    from transformers import AutoImageProcessor, AutoProcessor

    processor = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        folder, local_files_only=True
    )
    processor.image_processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        folder, local_files_only=True, backend="pil"
    )
    return processor


def _load_clipseg(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import CLIPSegForImageSegmentation

    from .segmenters import ByClip

    network = CLIPSegForImageSegmentation.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return ByClip(network, _processor(folder)), None


def _load_grounded_sam(folder: str, dtype: Any, *, beside: str) -> tuple[Any, Any]:
    from transformers import AutoModelForZeroShotObjectDetection, Sam2Model, Sam2Processor

    from .segmenters import Grounded

    detector = AutoModelForZeroShotObjectDetection.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    cutter = Sam2Model.from_pretrained(
        beside, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    # The files name the processor for videos, which take more than a picture.
    pixels = Sam2Processor.from_pretrained(beside, local_files_only=True)
    return Grounded(detector, _processor(folder), cutter, pixels), None


def _load_segmenter(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    model = AutoModelForSemanticSegmentation.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    image_processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        folder, local_files_only=True, backend="pil"
    )
    return model, image_processor


def _load_upscaler(folder: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForImageToImage

    model = AutoModelForImageToImage.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return model, None


def _load_spandrel(folder: str, dtype: Any) -> tuple[Any, Any]:
    from . import upscalers

    return upscalers.load(folder, dtype), None


def _load_ip_adapter(
    folder: str, dtype: Any, *, files: tuple[str, ...] = ("*",)
) -> tuple[Any, Any]:
    """The image encoder of an IP-Adapter (Ye et al. 2023), and the adapter's own weights by part
    and name; of a folder with several, the one that ``files`` name."""
    from safetensors.torch import load_file
    from transformers import CLIPVisionModelWithProjection

    weights = _wanted(Path(folder), "ip-adapter*.safetensors", files)
    encoder = next(iter(sorted(Path(folder).rglob("image_encoder"))), None)
    if weights is None or encoder is None:
        raise OSError("it has no ip-adapter*.safetensors, or no folder image_encoder")
    parts: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    for key, weight in load_file(weights).items():
        part, _, name = key.partition(".")
        parts[part][name] = weight.to(dtype)
    model = CLIPVisionModelWithProjection.from_pretrained(
        encoder, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    return model, parts


def _load_rembg(
    folder: str, _: Any, *, files: tuple[str, ...] = ("*",),
    architecture: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Any, Any]:  # fmt: skip
    from . import matting

    source = Path(folder)
    file = source if source.is_file() else _wanted(source, "*.onnx", files)
    if file is None:
        raise OSError("it has no .onnx file that is wanted")
    return matting.load(file, str(architecture.get("session", matting.USUAL))), None


def _wanted(folder: Path, name: str, files: Sequence[str]) -> Path | None:
    """The first file below a folder with a name like ``name`` that is among ``files``, patterns of
    paths below it; None where there is none."""
    there = (
        path for path in sorted(folder.rglob(name))
        if any(fnmatchcase(path.relative_to(folder).as_posix(), pattern) for pattern in files)
    )  # fmt: skip
    return next(there, None)


def _load_vgg(folder: str, _: Any) -> tuple[Any, Any]:
    """The convolutions of torchvision's VGG-19 from its state dict; in float32 on every device,
    since pictures are made along their gradients."""
    import torch
    from safetensors import safe_open
    from torchvision.models import vgg19

    with torch.device("meta"):
        network = vgg19(weights=None, init_weights=False).features
    state: dict[str, Any] = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            there = set(file.keys())
            names = [name for name in network.state_dict() if f"features.{name}" in there]
            state |= {name: file.get_tensor(f"features.{name}") for name in names}
    network.load_state_dict(state, assign=True)
    return network.float().requires_grad_(False), None


def _load_detectors(folder: str, dtype: Any) -> tuple[Any, Any]:
    from . import detectors

    return detectors.load(folder, dtype)


_LOADERS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "diffusers": _load_diffusers,
    "autoencoder": _load_autoencoder,
    "causal-lm": _load_causal_lm,
    "controlnet": _load_controlnet,
    "controlnet-aux": _load_detectors,
    "generator": _load_generator,
    "image-text-to-text": _load_captioner,
    "question-answering": _load_answerer,
    "clipseg": _load_clipseg,
    "grounded-sam": _load_grounded_sam,
    "ip-adapter": _load_ip_adapter,
    "rembg": _load_rembg,
    "spandrel": _load_spandrel,
    "image-segmentation": _load_segmenter,
    "image-to-image": _load_upscaler,
    "vgg": _load_vgg,
}
