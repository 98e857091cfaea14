"""What a tool is: a plain typed function on images, and the `ToolSpec` that follows from it.

The declaration is the only source: the arguments' pydantic model, the JSON schema a planner reads,
the names of the image handles and the messages for refused values are all derived from the
function's signature and docstring.
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from .errors import ToolError

if TYPE_CHECKING:
    from .models import Models

Role = Literal[
    "text-to-image", "captioner", "upscaler", "panoptic", "controlnet", "generator", "stylizer",
    "style-features", "detector", "answerer", "segmenter", "style-adapter", "embedder", "planner",
    "editor", "matting", "previewer",
]  # fmt: skip
"""What a model does for a tool; the catalogue maps each role to a model."""

HANDLE = r"^img-[1-9][0-9]*$"
SEEDS = frozenset({"seed", "seeds"})
"""Arguments that may be left out by hand, even where a tool requires them: others are drawn."""
SMALLEST, LARGEST = 16, 8192
"""The range of an image's side, in pixels."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _no_progress(
    done: int, total: int, note: str = "", previews: Sequence[Image.Image] = ()
) -> None:
    """Progress that nobody listens to."""


def _never_cancelled() -> None:
    """A call that nobody can cancel."""


THRIFT = (
    "other models were put aside", "one picture at a time", "decoded in tiles",
    "weights kept in the machine's own memory", "painted smaller",
)  # fmt: skip
"""How memory is saved when it runs out, each rung with those before it. The first is the worker's,
the others the painter's."""
ALONE, ONE_BY_ONE, IN_TILES, OFFLOADED, SMALLER = range(1, len(THRIFT) + 1)


@dataclass(frozen=True)
class Context:
    """What a tool may use beside its arguments.

    ``models.get(role)`` loads a model, and ``models.has(role)`` says whether an optional one is
    there; ``progress(done, total, note, previews)`` reports; and ``check_cancelled()`` raises
    `Cancelled` once the caller no longer wants the result. ``thrift`` counts the rungs of `THRIFT`
    that may be used, and ``saved`` names those that were. ``previews`` are the numbers of the
    pictures that somebody wants to see while they are painted.
    """

    models: Models
    progress: Callable[..., None] = _no_progress
    check_cancelled: Callable[[], None] = _never_cancelled
    thrift: int = 0
    saved: list[str] = field(default_factory=list)
    previews: Sequence[int] = ()

    def saves(self, rung: int) -> bool:
        """Whether memory is to be saved by ``rung``, which then counts as used and is told; so ask
        only where it changes something."""
        if self.thrift < rung:
            return False
        self.tell(rung)
        return True

    def tell(self, rung: int) -> None:
        """Let it be known that memory is saved by ``rung``."""
        if THRIFT[rung - 1] not in self.saved:
            self.saved.append(THRIFT[rung - 1])
            self.progress(0, 1, f"memory is short: {THRIFT[rung - 1]}")


@dataclass(frozen=True)
class Together:
    """How calls of a painting tool are answered in one batch.

    ``key(context, arguments)`` is the same for calls that may be, and ``run(context, calls)``
    takes the arguments of several of them and returns the pictures of each.
    """

    key: Callable[[Context, Mapping[str, Any]], Hashable]
    run: Callable[[Context, Sequence[Mapping[str, Any]]], Sequence[list[Image.Image]]]


def tool(
    *roles: Role, optional: tuple[Role, ...] = (), together: Together | None = None
) -> Callable[[Function], Function]:
    """Declare the ``roles`` of the models that a tool needs, the one whose defaults fill in what a
    call leaves out first, and of those that it uses where they are there, and how several calls of
    it are answered ``together``; the function itself stays as it is."""

    def declare(function: Function) -> Function:
        function.roles = roles  # type: ignore[attr-defined]
        function.optional_roles = optional  # type: ignore[attr-defined]
        function.together = together  # type: ignore[attr-defined]
        return function

    return declare


@dataclass(frozen=True)
class ToolSpec:
    """Everything the outside needs to know about one tool."""

    name: str
    summary: str
    description: str
    roles: tuple[Role, ...]
    """The models it needs."""
    optional_roles: tuple[Role, ...]
    """The models that it uses where they are there; it is offered without them too."""
    images: tuple[str, ...]
    """Names of the parameters that are images; outside they are handles such as ``img-3``."""
    optional: frozenset[str]
    """Those of ``images`` that may be left out."""
    arguments: type[BaseModel]
    """The other parameters, without ``context``; unknown ones are refused."""
    returns: Literal["image", "images", "value", "both"]
    function: Callable[..., Any]
    takes_context: bool
    together: Together | None = None
    """How calls of it are answered in one batch, where they can be."""

    def models(self, there: Collection[Role]) -> tuple[Role, ...]:
        """The models that a call may use where the roles ``there`` have one."""
        return self.roles + tuple(role for role in self.optional_roles if role in there)

    def schema(self) -> dict[str, Any]:
        """JSON schema of the parameters as a planner sees them: images are handle strings."""
        schema = self.arguments.model_json_schema()
        handles = {
            name: {"type": "string", "pattern": HANDLE, "description": "handle of an image"}
            for name in self.images
        }
        schema["properties"] = handles | {
            name: {key: value for key, value in entry.items() if key != "title"}
            for name, entry in schema.get("properties", {}).items()
        }
        images = [name for name in self.images if name not in self.optional]
        schema["required"] = [*images, *schema.get("required", ())]
        schema["additionalProperties"] = False
        schema["title"] = self.name
        schema["description"] = self.summary
        return schema

    def parse(self, arguments: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """Split a planner's arguments into image handles and validated values.

        Raises `ToolError` when a handle is missing or malformed, or as `validate` does.
        """
        values = dict(arguments)
        handles: dict[str, str] = {}
        for name in self.images:
            if name in self.optional and values.get(name) is None:
                values.pop(name, None)  # a planner may say null for what it leaves out
                continue
            if name not in values:
                raise ToolError(f"{self.name}: {name} is missing; give the handle of an image.")
            handle = values.pop(name)
            if not (isinstance(handle, str) and re.fullmatch(HANDLE, handle)):
                raise ToolError(
                    f"{self.name}: {name} = {_shown(handle)} is refused;"
                    " allowed is the handle of an image, such as 'img-1'."
                )
            handles[name] = handle
        return handles, self.validate(values)

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as JSON values with defaults filled in.

        Raises `ToolError` with one sentence a value: what was given and what is allowed.
        """
        try:
            return self.arguments.model_validate(dict(arguments)).model_dump(mode="json")
        except ValidationError as error:
            refused = refusals(error, self.arguments.model_json_schema(), self.images)
            raise ToolError(f"{self.name}: {refused}") from None

    def check_images(self, images: Mapping[str, Image.Image]) -> dict[str, Image.Image]:
        """The images in one of the modes L, LA, RGB, RGBA.

        Raises `ToolError` for a missing or unknown name, for a side outside 16..8192 pixels, and
        for a file that is torn.
        """
        needed = set(self.images) - self.optional
        if not needed <= set(images) <= set(self.images):
            may = f"; may be given: {sorted(self.optional)}" if self.optional else ""
            raise ToolError(
                f"{self.name}: the images {sorted(images)} were given;"
                f" needed are exactly {sorted(needed)}{may}."
            )
        for name, image in images.items():
            if not all(SMALLEST <= side <= LARGEST for side in image.size):
                raise ToolError(
                    f"{self.name}: {name} measures {image.width}x{image.height} pixels;"
                    f" allowed are sides of {SMALLEST} to {LARGEST} pixels."
                )
            try:
                image.load()  # of a file that was opened, only the head has been read
            except (OSError, SyntaxError, ValueError) as error:  # Pillow raises them all
                raise ToolError(f"{self.name}: {name} cannot be read: {error}.") from error
        return {name: plain_mode(image) for name, image in images.items()}

    def run(
        self, context: Context | None, arguments: Mapping[str, Any], images: Mapping[str, Any]
    ) -> Any:
        """Call the function with validated ``arguments`` and checked ``images``."""
        positional = (context,) if self.takes_context else ()
        return self.function(*positional, **images, **arguments)

    def unpack(self, result: Any) -> tuple[list[Image.Image], dict[str, Any] | None]:
        """What the function returned, as images and the JSON value it stands for."""
        if self.returns == "value":
            return [], result.model_dump(mode="json")
        if self.returns == "both":
            return [result[0]], result[1].model_dump(mode="json")
        return ([result] if self.returns == "image" else list(result)), None


def refusals(error: ValidationError, schema: Mapping[str, Any], also: Sequence[str] = ()) -> str:
    """The values that ``schema`` refuses, a sentence each: what was given and what is allowed.

    ``also`` are names of arguments that the schema does not hold.
    """
    sentences: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        at = ""
        parent: Mapping[str, Any] = schema
        part: Mapping[str, Any] = schema
        for step in problem["loc"]:
            at += f"[{step}]" if isinstance(step, int) else f".{step}" if at else str(step)
            parent, part = part, _part(part, step, schema)
        if problem["type"] == "extra_forbidden":
            known = [*parent.get("properties", {}), *(also if parent is schema else ())]
            name = str(problem["loc"][-1])
            nearest = difflib.get_close_matches(name, known, n=3) or known
            where = "" if parent is schema else f" in {at.rpartition('.')[0]}"
            said = f"there is no argument {name!r}{where}; did you mean {' or '.join(nearest)}?"
        else:
            may = allowed(part, schema.get("$defs", {}))
            how = "is missing" if problem["type"] == "missing" else (
                f"= {_shown(problem['input'])} is refused")  # fmt: skip
            said = f"{at} {how}; allowed is {may}."
        sentences.setdefault(at, said)
    return " ".join(sentences.values())


def _part(schema: Mapping[str, Any], step: int | str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of one item or property of what ``schema`` describes; itself where it has none."""
    options = [schema, *schema.get("anyOf", ())]
    for option in options:
        option = _resolved(option, root)
        if isinstance(step, int) and "items" in option:
            return _resolved(option["items"], root)
        if step in option.get("properties", {}):
            return _resolved(option["properties"][step], root)
    return schema


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], schema)
    return found


def allowed(schema: Mapping[str, Any], models: Mapping[str, Any] = MappingProxyType({})) -> str:
    """What a JSON schema allows, in words: ``a whole number from 1 to 100``; ``models`` are those
    that it refers to."""
    if "$ref" in schema:
        model = models.get(schema["$ref"].rpartition("/")[2], {})
        needed = model.get("required", [])
        more = [name for name in model.get("properties", {}) if name not in needed]
        may = f" and, if need be, {', '.join(more)}" if more else ""
        return f"an object with {', '.join(needed)}{may}"
    if "anyOf" in schema:
        return " or ".join(allowed(option, models) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items", {})
        count = _range(schema.get("minItems"), schema.get("maxItems"))
        return f"a list of {count} items, each {allowed(items, models)}"
    if kind == "string":
        return f"text of {_range(schema.get('minLength'), schema.get('maxLength'))} characters"
    if kind in ("integer", "number"):
        noun = "a whole number" if kind == "integer" else "a number"
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        if low is None and high is None:
            return noun
        return f"{noun} from {low} to {high}"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), str(kind))


def plain_mode(image: Image.Image) -> Image.Image:
    """The image as L, LA, RGB or RGBA: palettes, bilevel and other modes are converted."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def flatten(image: Image.Image) -> Image.Image:
    """The image as RGB, transparent parts on white: what a model is shown."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


@cache
def spec(function: Callable[..., Any]) -> ToolSpec:
    """Derive the `ToolSpec` of a tool function.

    Raises TypeError when the declaration itself is wrong: a parameter without an annotation, or a
    return type that is neither an image, a list of images, a pydantic model, nor an image with one.
    """
    hints = typing.get_type_hints(
        function, localns={"Context": Context, "Models": object}, include_extras=True
    )
    images: list[str] = []
    optional: set[str] = set()
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in hints:
            raise TypeError(f"tool {function.__name__}: parameter {name} has no annotation")
        if hints[name] is Context:
            continue
        if hints[name] in (Image.Image, Image.Image | None):
            images.append(name)
            if hints[name] is not Image.Image:
                optional.add(name)
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], default)
    description = inspect.getdoc(function) or ""
    return ToolSpec(
        name=function.__name__,
        summary=" ".join(description.split("\n\n")[0].split()),
        description=description,
        roles=getattr(function, "roles", ()),
        optional_roles=getattr(function, "optional_roles", ()),
        images=tuple(images),
        optional=frozenset(optional),
        arguments=create_model(
            f"{function.__name__}_arguments",
            __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True),
            **fields,
        ),
        returns=_returns(function, hints.get("return")),
        function=function,
        takes_context="context" in hints,
        together=getattr(function, "together", None),
    )


def by_name(functions: tuple[Callable[..., Any], ...]) -> Mapping[str, ToolSpec]:
    """The specs of ``functions`` by tool name, in their order."""
    return MappingProxyType({function.__name__: spec(function) for function in functions})


def _returns(
    function: Callable[..., Any], hint: Any
) -> Literal["image", "images", "value", "both"]:
    if hint is Image.Image:
        return "image"
    if hint == list[Image.Image]:
        return "images"
    if _is_model(hint):
        return "value"
    if typing.get_origin(hint) is tuple:
        first, *rest = typing.get_args(hint)
        if first is Image.Image and len(rest) == 1 and _is_model(rest[0]):
            return "both"
    raise TypeError(f"tool {function.__name__}: cannot return {hint!r}")


def _is_model(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, BaseModel)


def _range(low: int | None, high: int | None) -> str:
    if low == high and low is not None:
        return f"exactly {low}"
    return f"{low or 0} to {high}" if high is not None else f"at least {low or 0}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
