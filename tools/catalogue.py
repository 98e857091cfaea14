"""Which model plays which role: profiles of `catalogue.toml`, and the state of their files.

A profile may also be the folder of a Stable Diffusion pipeline that the user has: then that one
paints, and the built-in models do the rest.

Nothing here loads a model or imports torch; the worker's `models` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import BadInput, Stopped
from .registry import Role

DEFAULT_PROFILE = "sketchbook"
PIPELINES: Mapping[str, dict[str, int | float]] = {
    "StableDiffusionPipeline": {"steps": 30, "guidance_scale": 7.0},
    "StableDiffusionXLPipeline": {"steps": 30, "guidance_scale": 5.0},
}
"""The kinds of pipelines that can be connected, and what a call leaves to them."""
_PACKAGE = Path(__file__).parent
_HASHED = {".safetensors", ".json", ".txt", ".model"}


class Entry(BaseModel):
    """One model of a profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    """The model's folder; a relative path is relative to this package."""
    loader: Literal[
        "diffusers", "autoencoder", "controlnet", "generator", "image-text-to-text",
        "image-segmentation", "image-to-image", "vgg", "controlnet-aux", "causal-lm",
    ]  # fmt: skip
    words: Literal["canonical", "plain"] = "canonical"
    """What a painter reads: the form of `painter_words`, or any English."""
    native_size: int = Field(default=0, ge=0)
    """Side in pixels of what the model makes or sees best; 0 for any size."""
    license: str
    commercial: bool
    size_mb: int = Field(ge=0)
    memory_mb: int = Field(ge=0)
    schedule: tuple[int, ...] = ()
    """The noise levels (0 to 999) of a painter's own steps; evenly spaced ones where there are
    none."""
    guided: tuple[int, ...] = ()
    """Which of the steps of ``schedule``, from 0, are guided by the prompt against the negative
    one; each takes two evaluations of the network."""
    defaults: dict[str, int | float] = Field(default_factory=dict)
    """Values for arguments that a call leaves out, such as ``steps``."""

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return _PACKAGE / self.source


class Profile(BaseModel):
    """A set of models that work together, one a role."""

    model_config = ConfigDict(frozen=True)

    name: str
    summary: str
    models: Mapping[Role, Entry]


@cache
def profiles(path: Path = _PACKAGE / "catalogue.toml") -> Mapping[str, Profile]:
    """All profiles of a catalogue by name."""
    tables = tomllib.loads(path.read_text("utf-8"))
    return MappingProxyType(
        {
            name: Profile(name=name, summary=table.pop("summary"), models=table)
            for name, table in tables.items()
        }
    )


def profile(name: str = DEFAULT_PROFILE) -> Profile:
    """The profile called ``name``, or the one with the painter in the folder ``name``.

    `BadInput` names the known ones when there is none.
    """
    if name in profiles():
        return profiles()[name]
    if is_folder(name):
        return connected(Path(name).expanduser())
    raise BadInput(
        f"There is no model profile {name!r}.",
        hint=f"Known are: {', '.join(profiles())}; or give the folder of a Stable Diffusion"
        " pipeline, as in ./my-model.",
    )


def is_folder(name: str) -> bool:
    """Whether ``name`` is written as a path and not as the name of a profile."""
    return name.startswith(("~", ".")) or "/" in name or os.sep in name


def connected(folder: Path) -> Profile:
    """The built-in profile with the pipeline in ``folder``, as diffusers saves it, for a painter.

    Raises `BadInput` where there is none, or one of a kind whose use is not known here.
    """
    index = folder / "model_index.json"
    try:
        kind = json.loads(index.read_text("utf-8"))["_class_name"]
        unet = json.loads((folder / "unet" / "config.json").read_text("utf-8"))
        vae = json.loads((folder / "vae" / "config.json").read_text("utf-8"))
        levels = vae.get("block_out_channels") or vae["decoder_block_out_channels"]
        side = int(unet["sample_size"]) * 2 ** (len(levels) - 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"There is no Stable Diffusion pipeline in {str(folder)!r}: {error}.",
            hint="Give a folder with a model_index.json, as diffusers saves it.",
        ) from None
    if kind not in PIPELINES:
        raise BadInput(
            f"The pipeline in {str(folder)!r} is a {kind}.",
            hint=f"Those that can paint here are: {', '.join(PIPELINES)}.",
        )
    size = sum(file.stat().st_size for file in folder.rglob("*.safetensors")) >> 20
    painter = Entry(
        source=str(folder.resolve()), loader="diffusers", words="plain", native_size=side,
        license="see its model card", commercial=False, size_mb=size, memory_mb=2 * size,
        defaults=PIPELINES[kind],
    )  # fmt: skip
    built_in = profiles()[DEFAULT_PROFILE]
    return Profile(
        name=str(folder.resolve()), summary=f"{kind} in {folder}; the built-in models do the rest.",
        models={**built_in.models, "text-to-image": painter},
    )  # fmt: skip


def language_model(folder: Path) -> Entry:
    """The language model in ``folder``, as transformers saves it, for the role of the planner.

    Raises `BadInput` where there is none, and for one whose code is in its folder, which is not
    run.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        kind = str(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"There is no language model in {str(folder)!r}: {error}.",
            hint="Give a folder with a config.json, as transformers saves it.",
        ) from None
    if kind == "chatglm":
        raise BadInput(
            f"The model in {str(folder)!r} is a ChatGLM of the first three generations or in"
            " their format, which needs code from its folder; that is not run.",
            hint="ChatGLM's line goes on as GLM-4: give a folder of GLM-4-9B-0414,"
            " glm-4-9b-chat-hf or a later GLM.",
        )
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors")) >> 20
    return Entry(
        source=str(folder.resolve()), loader="causal-lm", license="see its model card",
        commercial=False, size_mb=size, memory_mb=2 * size,
    )  # fmt: skip


def entry(profile_: Profile, role: Role) -> Entry:
    """The profile's model for ``role``; `Stopped` when it has none or its folder is missing."""
    found = profile_.models.get(role)
    if found is None:
        raise Stopped(f"The profile {profile_.name!r} has no model for the role {role!r}.")
    if not found.folder.is_dir():
        raise Stopped(
            f"The {role} model of the profile {profile_.name!r} is not at {found.folder}.",
            hint="Install the package again, or choose another profile.",
        )
    return found


def available(profile_: Profile) -> frozenset[Role]:
    """The roles whose model files are there, so that only tools that can run are offered."""
    return frozenset(role for role, found in profile_.models.items() if found.folder.is_dir())


def check_weights(folder: Path) -> None:
    """Compare every weight file's header with its length: a cheap test for torn downloads.

    Raises `Stopped` that names the file. The safetensors layout is a little-endian uint64 header
    length, a JSON header with the data offsets, and the data.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        raise _damaged(folder, "has no .safetensors file")
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header_size = int.from_bytes(stream.read(8), "little")
            if size < 8 or header_size > min(size - 8, 100 << 20):
                raise _damaged(file, "is cut short")
            try:
                header: dict[str, Any] = json.loads(stream.read(header_size))
                end = max(
                    (item["data_offsets"][1] for key, item in header.items() if key[:2] != "__"),
                    default=0,
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _damaged(file, "has no readable header") from None
        if 8 + header_size + end != size:
            raise _damaged(file, f"has {size} bytes instead of {8 + header_size + end}")


def models_fingerprint(profile_: str | Profile, role: Role) -> str:
    """Twelve hex digits that change whenever a file of the profile's model for ``role`` does.

    Raises `Stopped` as `entry` does.
    """
    found = profile(profile_) if isinstance(profile_, str) else profile_
    return fingerprint(entry(found, role).folder)


def fingerprint(folder: Path) -> str:
    """Twelve hex digits over the weight and configuration files of a model folder."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.suffix in _HASHED):
        stat = file.stat()
        digest = _file_digest(file, stat.st_mtime_ns, stat.st_size)
        total.update(f"{file.relative_to(folder).as_posix()}\0{digest}\0".encode())
    return total.hexdigest()[:12]


@cache
def _file_digest(file: Path, mtime_ns: int, size: int) -> str:
    """SHA-256 of a file; the time and size are in the key so that a changed file is read again."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damaged(path: Path, how: str) -> Stopped:
    return Stopped(
        f"The model file {path} {how}.",
        kept="Nothing was changed.",
        hint="Install the package again to restore it.",
    )
