"""The user's own models: ``models.toml`` in the home, and folders of pipelines named as they are.

    [dreams]                                # used as --models dreams
    summary = "Dreamlike pictures."
    base = "sd15"                           # plays the other roles; the built-in ones if left out

    [dreams.text-to-image]
    source = "dreams.safetensors"           # or a folder, or hub:owner/name
    config = "sd15"                         # for a single file: whose configuration it has
    loras = [{ source = "ink.safetensors", weight = 0.8 }]

Paths are relative to the file. What an entry does not say is read from its files. A ``planner``
reads meanings for the tools; who plans is another matter, and said with ``--llm``.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .catalogue import ONNX, OWN, Entry, Profile, based
from .errors import BadInput
from .pipelines import PIPELINES
from .registry import Role

LOADERS: Mapping[Role, str] = {
    "text-to-image": "diffusers", "captioner": "image-text-to-text", "upscaler": "image-to-image",
    "panoptic": "image-segmentation", "controlnet": "controlnet", "generator": "generator",
    "stylizer": "autoencoder", "style-features": "vgg", "detector": "controlnet-aux",
    "answerer": "image-text-to-text", "segmenter": "clipseg", "style-adapter": "ip-adapter",
    "embedder": "causal-lm", "planner": "causal-lm", "editor": "diffusers", "matting": "rembg",
    "previewer": "autoencoder",
}  # fmt: skip
"""How the models of each role are loaded where an entry does not say."""
PAINTERS: frozenset[Role] = frozenset({"text-to-image", "editor"})
"""The roles of pipelines."""
_ROLES = typing.get_args(Role)


def read(home: Path, others: Mapping[str, Profile]) -> dict[str, Profile]:
    """The profiles of the user's catalogue in ``home``; those that they may be based on are in
    ``others``.

    Raises `BadInput` that names the line and what is allowed there.
    """
    path = home / OWN
    try:
        text = path.read_text("utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from None
    file = _File(path, text)
    found: dict[str, Profile] = {}
    for name, table in tables.items():
        if name in others:
            raise file.refusal((name,), f"the name {name!r} is that of a built-in profile")
        if not isinstance(table, dict):
            raise file.refusal((name,), f"{name!r} stands outside of a profile", "[name]")
        found[name] = _profile(file, name, dict(table), home, {**others, **found})
    return found


def connected(folder: Path, base: Profile) -> Profile:
    """``base`` with the pipeline in ``folder``, as diffusers saves it, for a painter.

    Raises `BadInput` where there is none, or one of a kind whose use is not known here.
    """
    if folder.is_file():
        raise BadInput(
            f"{folder} is a file, and --models takes the name of a profile or a folder.",
            hint=f"Name it in {OWN} in the home, with a config; see `danqing models`.",
        )
    source = str(folder.resolve())
    painter = completed(Entry(source=source, loader="diffusers", words="plain"), "text-to-image")
    summary = f"The pipeline in {folder}; the built-in models do the rest."
    return based(base, source, summary, {"text-to-image": painter})


def kind_and_size(folder: Path) -> tuple[str, int]:
    """The class of the pipeline in a folder, and the side in pixels of what it paints best.

    Raises `BadInput` where there is none, or one that cannot paint here.
    """
    try:
        kind = json.loads((folder / "model_index.json").read_text("utf-8"))["_class_name"]
        side = PIPELINES[kind].native_size if kind in PIPELINES else 0
        if not side and kind in PIPELINES:
            unet = json.loads((folder / "unet" / "config.json").read_text("utf-8"))
            vae = json.loads((folder / "vae" / "config.json").read_text("utf-8"))
            levels = vae.get("block_out_channels") or vae["decoder_block_out_channels"]
            side = int(unet["sample_size"]) * 2 ** (len(levels) - 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"There is no pipeline that paints in {str(folder)!r}: {error}.",
            hint="Give a folder with a model_index.json, as diffusers saves it.",
        ) from None
    if kind not in PIPELINES:
        raise BadInput(
            f"The pipeline in {str(folder)!r} is a {kind}.",
            hint=f"Those that can paint here are: {', '.join(PIPELINES)}.",
        )
    return kind, side


def parameters(files: list[Path]) -> int:
    """How many numbers the weights in .safetensors files are; 0 for those that are none."""
    total = 0
    for file in files:
        try:
            with file.open("rb") as stream:
                size = int.from_bytes(stream.read(8), "little")
                header = json.loads(stream.read(min(size, 100 << 20)))
            total += sum(math.prod(t["shape"]) for key, t in header.items() if key[:2] != "__")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0
    return total


class _File:
    """A user's catalogue, and where in it things stand."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self._lines = path, text.splitlines()

    def refusal(self, where: tuple[str, ...], why: str, allowed: str = "") -> BadInput:
        """What to say of the table or key at ``where``."""
        at = self._line(where)
        place = f"{self.path}, line {at}" if at else str(self.path)
        return BadInput(f"{place}: {why}.", hint=f"Allowed is {allowed}." if allowed else "")

    def _line(self, where: tuple[str, ...]) -> int:
        """The number of the line with a table's header, or with a key below it; 0 if unknown."""
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
                table = tuple(part.strip(" \"'") for part in header[1].split("."))
                if table == where:
                    return number
            elif table == where[:-1] and re.match(
                rf"\s*[\"']?{re.escape(where[-1])}[\"']?\s*=", line
            ):
                return number
        return self._line(where[:-1]) if len(where) > 1 else 0


def _profile(
    file: _File, name: str, table: dict[str, Any], home: Path, others: Mapping[str, Profile]
) -> Profile:
    summary = table.pop("summary", "the user's own")
    base = table.pop("base", "sketchbook")
    if base not in others:
        raise file.refusal(
            (name, "base"), f"there is no profile {base!r}", f"one of {', '.join(others)}"
        )
    models: dict[Role, Entry] = {}
    for key, given in table.items():
        if key not in _ROLES:
            raise file.refusal((name, key), f"{key!r} is no role", f"one of {', '.join(_ROLES)}")
        role: Role = key  # type: ignore[assignment]
        models[role] = _entry(file, (name, role), given, home, others)
    return based(others[base], name, str(summary), models)


def _entry(
    file: _File, where: tuple[str, Role], given: Any, home: Path, others: Mapping[str, Profile]
) -> Entry:
    role = where[1]
    if not isinstance(given, dict):
        raise file.refusal(where, f"{role!r} is no table", f"[{where[0]}.{role}]")
    words = {"words": "plain"} if role in PAINTERS else {}
    try:
        entry = Entry.model_validate({"loader": LOADERS.get(role), **words, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = [str(part) for part in first["loc"]]
        key = at[0] if at else ""
        if first["type"] == "extra_forbidden":
            known = [field for field in Entry.model_fields if field != "at"]
            raise file.refusal(
                (*where, key), f"there is no {'.'.join(at)!r} here", f"one of {', '.join(known)}"
            ) from None
        raise file.refusal((*where, key), f"{'.'.join(at)}: {first['msg']}") from None
    entry = entry.placed(file.path.parent, home)
    if entry.config:
        entry = entry.model_copy(update={"config": _config(file, where, entry.config, others)})
    if entry.repository and not entry.ready:
        return entry
    lacking = next((source for source in entry.sources if not source.here), None)
    if lacking is not None and lacking.repository is None:
        raise file.refusal((*where, "source"), f"there is nothing at {lacking.folder}")
    if role in PAINTERS and entry.folder.is_file() and not entry.config:
        raise file.refusal(
            where, f"{entry.folder.name} is a single file, which needs a config",
            "the name of a profile of its kind, as in config = 'sd15', or the folder of a pipeline",
        )  # fmt: skip
    try:
        return completed(entry, role)
    except BadInput as error:
        raise file.refusal((*where, "config" if entry.config else "source"), str(error)) from None


def _config(file: _File, where: tuple[str, str], config: str, others: Mapping[str, Profile]) -> str:
    """The folder of the pipeline that a single file is one of."""
    if config not in others:
        return str(file.path.parent / Path(config).expanduser())
    painter = others[config].models["text-to-image"]
    if not (painter.folder / "model_index.json").is_file():
        raise file.refusal(
            (*where, "config"), f"the configuration of {config!r} has not been downloaded",
            f"it after `danqing models pull {config} text-to-image --configuration`",
        )  # fmt: skip
    return str(painter.folder)


def completed(entry: Entry, role: Role) -> Entry:
    """An entry with what its files say of it, where it does not say so itself."""
    folder = entry.folder
    files = [folder] if folder.is_file() else sorted(folder.rglob(f"*{entry.weights}"))
    size = sum(file.stat().st_size for file in files)
    held = size if entry.weights == ONNX else 4 * parameters(files)
    found: dict[str, Any] = {"size_mb": size >> 20, "memory_mb": held >> 20}
    if role in PAINTERS:
        kind, side = kind_and_size(Path(entry.config) if entry.config else folder)
        own = PIPELINES[kind]
        usual = {"steps": own.steps, "guidance_scale": own.guidance_scale}
        found |= {"native_size": side, "defaults": usual | entry.defaults}
    given = {key for key in found if key in entry.model_fields_set and key != "defaults"}
    return entry.model_copy(update={k: v for k, v in found.items() if k not in given})
