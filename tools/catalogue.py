"""Which model plays which role: profiles of `catalogue.toml` and of the user, and their files.

The user's own are in ``models.toml`` in the home, in the same format, or are named as the folder of
a pipeline. What a profile leaves out is that of the profile it is based on.

Nothing here loads a model, imports torch or reaches a network; the worker's `models` and `hub` do.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from . import manifest, onnx_file
from .errors import BadInput, Stopped
from .registry import Role

DEFAULT_PROFILE = "sketchbook"
HUB = "hub:"
"""What a source begins with that is a repository of the Hugging Face hub."""
SAFETENSORS = ".safetensors"
TAKEN = frozenset({SAFETENSORS, ".json", ".txt", ".model", ".jinja"})
"""The kinds of files that are taken from a hub: weights and words; no pickles and no code."""
ONNX = ".onnx"
"""What rembg's weights are in, and taken for nothing else: a graph of operators that the runtime
has, and their weights, as protobuf. It is data like those; no code is run from it."""
LIBRARIES: Mapping[str, tuple[str, ...]] = MappingProxyType({"rembg": ("rembg", "onnxruntime")})
"""What some loaders need that is not installed with this package, but with its extra of the same
name."""
BELONGS: frozenset[Role] = frozenset({"controlnet", "generator", "style-adapter", "previewer"})
"""The roles of models that work with one painter only."""
_PACKAGE = Path(__file__).parent
BUILT_IN = _PACKAGE / "catalogue.toml"
OWN = "models.toml"
"""The user's catalogue in the home; what is taken from the hub is in `FOLDER` beside it."""
FOLDER = "models"
_OTHERS = frozenset({"fp16", "bf16", "non_ema"})
"""Parts of the names of files that hold the same weights in another way."""


class Source(BaseModel):
    """Where the files of a model come from, and where they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    """A folder or a file with weights, relative to the catalogue; or "hub:owner/name"."""
    revision: str = "main"
    """The commit of a hub's repository; "main" moves."""
    variant: str = ""
    """Which of several files with the same weights are taken, such as "fp16"."""
    files: tuple[str, ...] = ()
    """Patterns of the paths that are taken from a hub; all at its top where there are none."""
    at: str = ""
    """Where those of a hub are, as `profile` finds out."""

    @property
    def repository(self) -> str | None:
        """The hub's "owner/name", or None for files that are the user's or built in."""
        return self.source.removeprefix(HUB) if self.source.startswith(HUB) else None

    @property
    def weights(self) -> str:
        """What the names of the files with its weights end in."""
        return SAFETENSORS

    @property
    def folder(self) -> Path:
        """Where the files are, or the one file."""
        return _PACKAGE / (self.at or self.source)

    @property
    def here(self) -> bool:
        """Whether the files are there: those of a hub, whole and of this revision."""
        if self.repository is None:
            return self.folder.exists()
        taken = manifest.read(self.folder)
        return (
            taken is not None
            and self.revision in ("main", taken.revision)
            and not any(self.wants(path) for path in taken.missing)
            and all(any(fnmatchcase(path, p) for path in taken.files) for p in self.files)
            and any(path.endswith(self.weights) for path in taken.files)
            and taken.whole(self.folder)
        )

    def wants(self, path: str) -> bool:
        """Whether a file of the hub's repository is taken."""
        parts = PurePosixPath(path)
        if parts.suffix not in {*TAKEN, self.weights} or ".." in parts.parts or parts.is_absolute():
            return False
        if path in self.files:
            return True
        if not any(fnmatchcase(path, pattern) for pattern in self.files or ("*",)):
            return False
        if not self.files and "/" in path:
            return False
        ways = _OTHERS.intersection(path.rpartition("/")[2].split("."))
        if not is_weights(path):
            return True
        return ways == {self.variant} if self.variant else not ways

    def placed(self, base: Path, home: Path | None) -> Self:
        """The same, found: its path in a catalogue that is in the folder ``base``, or where what
        is taken from a hub is in the home."""
        if self.repository is None:
            return self.model_copy(update={"source": str(base / Path(self.source).expanduser())})
        if home is None:
            return self
        at = home / FOLDER / self.repository.replace("/", "--")
        return self.model_copy(update={"at": str(at)})


def is_weights(path: str) -> bool:
    """Whether a file of a repository holds weights, or tells which of several does."""
    return path.endswith((".safetensors", ".safetensors.index.json", ONNX))


class LoRA(Source):
    """A low-rank change of a painter's weights, and how much of it is added."""

    weight: float = Field(default=1.0, ge=-4, le=4)


class Entry(Source):
    """One model of a profile."""

    loader: Literal[
        "diffusers", "autoencoder", "controlnet", "generator", "image-text-to-text",
        "image-segmentation", "image-to-image", "vgg", "controlnet-aux",
        "question-answering", "clipseg", "grounded-sam", "ip-adapter", "spandrel", "causal-lm",
        "rembg",
    ]  # fmt: skip
    words: Literal["canonical", "plain"] = "canonical"
    """What a painter reads: the form of `painter_words`, or any English."""
    native_size: int = Field(default=0, ge=0)
    """Side in pixels of what the model makes or sees best; 0 for any size."""
    license: str = "see its model card"
    commercial: bool = False
    """Whether its license allows commercial use."""
    size_mb: int = Field(default=0, ge=0)
    """What the files take."""
    memory_mb: int = Field(default=0, ge=0)
    """What the model takes in float32, as on a CPU; on a GPU it is half of that."""
    beside: Source | None = None
    """A second model that the loader needs."""
    config: str = ""
    """For a painter in one file, the folder of a pipeline of its kind, or the profile whose painter
    is one: its configuration and tokenizer are used."""
    architecture: dict[str, Any] = Field(default_factory=dict)
    """The network's configuration, where its repository has only the weights."""
    loras: tuple[LoRA, ...] = ()
    schedule: tuple[int, ...] = ()
    """The noise levels (0 to 999) of a painter's own steps; evenly spaced ones where there are
    none."""
    guided: tuple[int, ...] = ()
    """Which of the steps of ``schedule``, from 0, are guided by the prompt against the negative
    one; each takes two evaluations of the network."""
    defaults: dict[str, int | float] = Field(default_factory=dict)
    """Values for arguments that a call leaves out, such as ``steps``."""

    @property
    def weights(self) -> str:
        return ONNX if self.loader == "rembg" else super().weights

    @property
    def extra(self) -> str | None:
        """The extra of this package that its loader needs and that is not installed."""
        needed = LIBRARIES.get(self.loader, ())
        return None if all(find_spec(library) for library in needed) else self.loader

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything that it is made of."""
        return (self, *([self.beside] if self.beside else []), *self.loras)

    @property
    def repositories(self) -> tuple[str, ...]:
        """The hub's that any of it is taken from."""
        return tuple(source.repository for source in self.sources if source.repository)

    @property
    def ready(self) -> bool:
        """Whether all of it is here, and what loads it."""
        return self.extra is None and all(source.here for source in self.sources)

    def memory_on(self, device: str) -> float:
        """MiB that it takes on a device."""
        return self.memory_mb if device == "cpu" else self.memory_mb / 2

    def placed(self, base: Path, home: Path | None) -> Self:
        beside = None if self.beside is None else self.beside.placed(base, home)
        loras = tuple(lora.placed(base, home) for lora in self.loras)
        found = self.model_copy(update={"beside": beside, "loras": loras})
        return super(Entry, found).placed(base, home)


class Profile(BaseModel):
    """A set of models that work together, one a role."""

    model_config = ConfigDict(frozen=True)

    name: str
    summary: str
    models: Mapping[Role, Entry]

    @property
    def own(self) -> Mapping[Role, Entry]:
        """Its models of which something is taken from a hub."""
        return {role: entry for role, entry in self.models.items() if entry.repositories}


def profiles(home: Path | None = None) -> Mapping[str, Profile]:
    """All profiles by name: the built-in ones, and the user's in the folder ``home``.

    Raises `BadInput` that names the line for a file of the user's that cannot be read.
    """
    found = _built_in(BUILT_IN, home)
    if home is None or not (home / OWN).is_file():
        return found
    from .own_models import read

    return MappingProxyType({**found, **read(home, found)})


@cache
def _built_in(path: Path, home: Path | None) -> Mapping[str, Profile]:
    found: dict[str, Profile] = {}
    for name, table in tomllib.loads(path.read_text("utf-8")).items():
        summary, base = table.pop("summary"), found.get(table.pop("base", ""))
        models = {role: Entry.model_validate(entry).placed(Path(), home)
                  for role, entry in table.items()}  # fmt: skip
        found[name] = based(base, name, summary, models)
    return MappingProxyType(found)


def based(base: Profile | None, name: str, summary: str, models: Mapping[Role, Entry]) -> Profile:
    """A profile whose other models are those of ``base``, but for what belongs to its painter."""
    others = {} if base is None else dict(base.models)
    if "text-to-image" in models:
        others = {role: entry for role, entry in others.items() if role not in BELONGS}
    return Profile(name=name, summary=summary, models={**others, **models})


def profile(name: str = DEFAULT_PROFILE, home: Path | None = None) -> Profile:
    """The profile called ``name``, or the one with the painter in the folder ``name``; the user's
    own are in the folder ``home``.

    `BadInput` names the known ones when there is none.
    """
    built_in = _built_in(BUILT_IN, home)
    if name in built_in:
        return built_in[name]
    if is_folder(name):
        from .own_models import connected

        return connected(Path(name).expanduser(), built_in[DEFAULT_PROFILE])
    known = profiles(home)
    if name in known:
        return known[name]
    raise BadInput(
        f"There is no model profile {name!r}.",
        hint=f"Known are: {', '.join(known)}; or give the folder of a pipeline as diffusers saves"
        " it, as in ./my-model.",
    )


def settled(profile_: Profile) -> Profile:
    """The profile with built-in models in the roles whose own have not been downloaded, but for the
    painter's and those that belong to it."""
    built_in = _built_in(BUILT_IN, None)[DEFAULT_PROFILE].models
    models = {
        role: built_in[role] if _stands_in(role, entry_, built_in) else entry_
        for role, entry_ in profile_.models.items()
    }
    return profile_.model_copy(update={"models": models})


def _stands_in(role: Role, entry_: Entry, built_in: Mapping[Role, Entry]) -> bool:
    own = role == "text-to-image" or role in BELONGS
    return bool(role in built_in and not own and entry_.repositories and not entry_.ready)


def is_folder(name: str) -> bool:
    """Whether ``name`` is written as a path and not as the name of a profile."""
    return name.startswith(("~", ".")) or "/" in name or os.sep in name


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
    from .own_models import completed

    return completed(Entry(source=str(folder.resolve()), loader="causal-lm"), "planner")


def entry(profile_: Profile, role: Role) -> Entry:
    """The profile's model for ``role``; `Stopped` when it has none or its folder is missing."""
    found = profile_.models.get(role)
    if found is None:
        raise Stopped(f"The profile {profile_.name!r} has no model for the role {role!r}.")
    if not found.ready:
        raise missing(profile_.name, role, found)
    return found


def missing(name: str | None, role: Role, entry_: Entry) -> Stopped:
    """What to say of a model of the profile ``name``, if that is known, that is not here."""
    profile_ = f"the profile {name!r}" if name else "this profile"
    lacking = next((source for source in entry_.sources if not source.here), None)
    if lacking is None:
        return Stopped(
            f"The {role} model of {profile_} needs {entry_.extra}, which is not installed.",
            hint=f"`pip install 'danqing[{entry_.extra}]'` does that.",
        )
    if lacking.repository is None:
        return Stopped(
            f"The {role} model of {profile_} is not at {lacking.folder}.",
            hint="Install the package again, or choose another profile.",
        )
    return Stopped(
        f"The {role} model of {profile_} has not been downloaded:"
        f" {lacking.repository}, {entry_.size_mb} MB, {entry_.license}.",
        hint=f"`danqing models pull {name or 'PROFILE'} {role}` does that.",
    )


def model_name(profile_: Profile, role: Role) -> str:
    """What a provenance calls the profile's model for ``role``: the hub's name and commit, or that
    of the profile which has it; a language model of the user's is called as its folder is."""
    found = profile_.models[role]
    if found.repository:
        taken = manifest.read(found.folder)
        return f"{found.repository}@{taken.revision if taken else found.revision}"
    if role in ("planner", "embedder"):
        if found.folder.resolve().is_relative_to(_PACKAGE.resolve()):
            return f"{DEFAULT_PROFILE}/{role}"
        of_hub = re.search(r"/models--(.+?)--(.+)/snapshots/(.+)$", found.folder.as_posix())
        return f"{of_hub[1]}/{of_hub[2]}@{of_hub[3]}" if of_hub else found.folder.name
    stands_in = found == _built_in(BUILT_IN, None)[DEFAULT_PROFILE].models.get(role)
    return f"{DEFAULT_PROFILE if stands_in else profile_.name}/{role}"


def available(profile_: Profile) -> frozenset[Role]:
    """The roles whose model files are there, so that only tools that can run are offered."""
    return frozenset(role for role, found in profile_.models.items() if found.ready)


def check_weights(folder: Path, weights: str = SAFETENSORS) -> None:
    """Compare every weight file's header with its length: a cheap test for torn downloads.

    Raises `Stopped` that names the file. The safetensors layout is a little-endian uint64 header
    length, a JSON header with the data offsets, and the data.
    """
    files = [folder] if folder.is_file() else sorted(folder.rglob(f"*{weights}"))
    if not files:
        raise _damaged(folder, f"has no {weights} file")
    for file in files:
        if weights == ONNX:
            if not onnx_file.is_whole(file):
                raise _damaged(file, "is cut short")
            continue
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
    first, *more = (fingerprint(s.folder, s.weights) for s in entry(found, role).sources)
    return hashlib.sha256("".join([first, *more]).encode()).hexdigest()[:12] if more else first


def fingerprint(folder: Path, weights: str = SAFETENSORS) -> str:
    """Twelve hex digits over the weight and configuration files of a model folder, or of one file.

    What was verified when it was taken from a hub, and not touched since, is not read again.
    """
    taken = None if folder.is_file() else manifest.read(folder)
    files = [folder] if folder.is_file() else _hashed(folder, weights)
    total = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder).as_posix()
        digest = taken and taken.digest(folder, name)
        if digest is None:
            stat = file.stat()
            digest = _file_digest(file, stat.st_mtime_ns, stat.st_size)
        total.update(f"{name}\0{digest}\0".encode())
    return total.hexdigest()[:12]


def _hashed(folder: Path, weights: str) -> list[Path]:
    """The files of a model, without what a download keeps beside them."""
    inside = ((path, path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(
        path for path, below in inside
        if path.suffix in {*TAKEN, weights}
        and below.parts[0] != ".cache" and str(below) != manifest.NAME
    )  # fmt: skip


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
