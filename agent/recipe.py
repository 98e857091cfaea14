"""What a recipe is: inputs, steps and outputs, and the references between them.

A recipe runs without any LLM: each step uses a tool, or ``draw``, the whole loop on a request. Its
schema is public and versioned; `recipe_schema` publishes it, `recipe_check` reads and checks one,
and `recipe_run` runs it.
"""

from __future__ import annotations

import hashlib
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ..tools.options import Seed
from ..tools.registry import ToolSpec
from .brief import MAX_CLAIMS

NAME = "[A-Za-z_\u4e00-\u9fff][A-Za-z0-9_\u4e00-\u9fff-]{0,63}"
"""Letters, Chinese characters, digits, _ and -; not a digit first."""
MAX_STEPS = 60
MAX_RETRIES = 20

Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Words = Annotated[str, StringConstraints(max_length=2000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Input(_Part):
    """What a run is given. The ``default`` of an image is a file beside the recipe, or below it."""

    type: Literal["image", "text", "number"]
    default: str | int | float | None = None
    description: Words | None = None

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        number = isinstance(self.default, int | float) and not isinstance(self.default, bool)
        if self.default is not None and number != (self.type == "number"):
            raise ValueError(f"the default {self.default!r} is no {self.type}")
        if self.type == "image" and self.default is not None:
            parts = re.split(r"[/\\]", str(self.default))
            if not all(parts) or ".." in parts or ":" in parts[0]:
                raise ValueError(
                    f"the default {self.default!r} is refused; allowed is a file beside the recipe,"
                    " as in photo.png"
                )
        return self


class Step(_Part):
    """One call: ``uses`` is a tool, or ``draw``; ``with`` are its arguments.

    ``check`` holds claims that the picture is judged by, each with its fields or in words; they may
    refer to inputs. Up to ``retry`` times the picture is made again, each time with the next seed,
    until they are met.
    """

    id: Name
    uses: str
    arguments: dict[str, Any] = Field(default_factory=dict, alias="with")
    check: list[dict[str, Any] | Words] = Field(default_factory=list, max_length=MAX_CLAIMS)
    retry: int = Field(default=0, ge=0, le=MAX_RETRIES)


class Recipe(_Part):
    """A recipe. ``outputs`` are pictures, or words with values of steps in them."""

    version: Literal[1]
    name: Words | None = None
    description: Words | None = None
    seed: Seed = 0
    inputs: dict[Name, Input] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1, max_length=MAX_STEPS)
    outputs: dict[Name, str] = Field(min_length=1)

    def seed_of(self, id: str) -> int:
        """The seed of a step that names none: always the same one for the same recipe."""
        digest = hashlib.sha256(f"{self.seed} {id}".encode()).digest()
        return int.from_bytes(digest[:4])


# -- references


@dataclass(frozen=True)
class Reference:
    """``${{ inputs.photo }}``, or a step's ``image``, ``images[2]`` or ``value.field``.

    ``part`` is "image" with the position in ``path`` if it is not the best picture, or "value" with
    the way to a value; of an input it is None. ``mask`` is another word for ``image``.
    """

    text: str
    name: str
    part: Literal["image", "value"] | None = None
    path: tuple[str | int, ...] = ()

    @property
    def of_step(self) -> bool:
        return self.part is not None


Template = list[str | Reference]
"""Text with references in it, in order."""

_TOKEN = re.compile(r"\$\$\{\{|\$\{\{([^{}\n]*)\}\}|\$\{\{")
_NAME = r"[^\W\d][\w-]*"
_OF_INPUT = re.compile(rf"inputs\.({_NAME})")
_OF_STEP = re.compile(
    rf"steps\.({_NAME})\.(?:(image|mask)|images\[(\d{{1,3}})\]|value((?:\.{_NAME}|\[\d{{1,4}}\])+))"
)
_KEY = re.compile(rf"\.({_NAME})|\[(\d+)\]")
FORMS = "inputs.NAME, steps.ID.image, .mask, .images[0] and .value.FIELD"


def template(text: str) -> Template:
    """The parts of ``text``; ``$${{`` stands for ``${{`` itself.

    Raises `ValueError` for a reference that has none of the `FORMS`.
    """
    parts: Template = []
    end = 0
    for found in _TOKEN.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[0] == "$${{":
            parts.append("${{")
        elif found[1] is None:
            raise ValueError("a reference that begins with ${{ ends with }} on the same line")
        else:
            parts.append(_reference(found[1].strip()))
    return [part for part in (*parts, text[end:]) if part != ""]


def _reference(text: str) -> Reference:
    if found := _OF_INPUT.fullmatch(text):
        return Reference(text, found[1])
    if not (found := _OF_STEP.fullmatch(text)):
        raise ValueError(f"the reference {text!r} is refused; allowed are {FORMS}")
    name, whole, position, path = found.groups()
    if path is None:
        return Reference(text, name, "image", () if whole else (int(position),))
    keys = (key[1] or int(key[2]) for key in _KEY.finditer(path))
    return Reference(text, name, "value", tuple(keys))


def whole(value: Any) -> Reference | None:
    """The reference that ``value`` is and nothing beside; None if it is none."""
    if not isinstance(value, str) or "${{" not in value:
        return None
    parts = template(value)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Reference) else None


def filled(value: Any, look_up: Callable[[Reference], Any]) -> Any:
    """``value`` with what ``look_up`` finds in the place of references: as it is, or within text
    as words."""
    if isinstance(value, list):
        return [filled(item, look_up) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, look_up) for key, item in value.items()}
    if not isinstance(value, str) or "${{" not in value:
        return value
    parts = template(value)
    if len(parts) == 1 and isinstance(parts[0], Reference):
        return look_up(parts[0])
    return "".join(p if isinstance(p, str) else in_words(look_up(p)) for p in parts)


def in_words(value: Any) -> str:
    """A value within text: ``yes`` and ``no`` for truths, a list's items with commas."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list():
            return ", ".join(map(in_words, value))
        case None:
            return "none"
    return str(value)


# -- what a step can use


class DrawArguments(_Part):
    """The whole loop on a request: it is understood, drawn, looked at and repaired."""

    request: Annotated[
        str, StringConstraints(min_length=1, max_length=4000),
        Field(description="what the picture shows, in English or Chinese"),
    ]  # fmt: skip
    seed: Seed = 0
    size: Annotated[
        list[Annotated[int, Field(ge=64, le=2048)]],
        Field(min_length=2, max_length=2, description="width and height in pixels"),
    ] = [512, 512]


class DrawValue(BaseModel):
    """What the loop says of its picture."""

    reply: str
    satisfied: bool


@dataclass(frozen=True)
class Use:
    """What a step can use, by its declaration: a tool, or ``draw``. ``value`` is the model of what
    it says, if it says something."""

    name: str
    summary: str
    images: tuple[str, ...]
    optional: frozenset[str]
    arguments: type[BaseModel]
    returns: Literal["image", "images", "value", "both"]
    value: type[BaseModel] | None

    @property
    def seeded(self) -> str | None:
        """The argument that its chances come from."""
        return next((n for n in ("seed", "seeds") if n in self.arguments.model_fields), None)

    def seeds_in_full(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with ``seeds``, where a tool that takes several was given one ``seed``."""
        full = dict(arguments)
        if self.seeded == "seeds" and "seed" in full:
            full.setdefault("seeds", [full.pop("seed")])
        return full

    def pictures(self, arguments: Mapping[str, Any]) -> int | None:
        """How many pictures a call makes; None where only the run tells."""
        if self.returns != "images":
            return 0 if self.returns == "value" else 1
        seeds = self.seeds_in_full(arguments).get("seeds", [0])
        return len(seeds) if isinstance(seeds, list) else None


DRAW = Use(
    "draw", "Draw what a request says, check it claim by claim and repair it.", (), frozenset(),
    DrawArguments, "both", DrawValue,
)  # fmt: skip


def uses(tools: Mapping[str, ToolSpec]) -> dict[str, Use]:
    """Everything that a step can use, by name."""
    return {"draw": DRAW} | {
        name: Use(
            name,
            spec.summary,
            spec.images,
            spec.optional,
            spec.arguments,
            spec.returns,
            _value_of(spec),
        )
        for name, spec in tools.items()
    }


def _value_of(spec: ToolSpec) -> type[BaseModel] | None:
    if spec.returns not in ("value", "both"):
        return None
    hints = typing.get_type_hints(spec.function, localns={"Context": object, "Models": object})
    returned: Any = hints["return"]
    model: type[BaseModel] = typing.get_args(returned)[-1] if spec.returns == "both" else returned
    return model
