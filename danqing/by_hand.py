"""``danqing tool``: run one tool by hand, with options that follow from its declaration."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import itertools
import json
import os
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .documents import exit_code, parts
from .door import Door, check_folder, place, print_json
from .lookup import tools

if TYPE_CHECKING:
    from PIL import Image

    from .tools.call import Result
    from .tools.catalogue import Profile
    from .tools.engine import Engine
    from .tools.errors import DanqingError
    from .tools.registry import ToolSpec

KINDS: dict[str, Callable[[str], Any]] = {
    "integer": int, "number": float, "string": str, "object": json.loads,
}  # fmt: skip
"""How the text of an option becomes the JSON value that a schema wants."""
METAVARS = {"integer": "N", "number": "X", "string": "TEXT", "object": "JSON"}


# -- the commands, one a tool


def specs() -> Mapping[str, ToolSpec]:
    """The tools by name."""
    from . import tools as package
    from .tools.registry import by_name

    return by_name(package.TOOLS)


class Tools(click.Group):
    """A command for each tool, made when it is asked for, so that ``--help`` above stays light."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(specs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        spec = specs().get(cmd_name.replace("-", "_"))
        return None if spec is None else command(spec)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0].replace("-", "_")
        if name in specs() or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        nearest = difflib.get_close_matches(name, specs(), n=3) or list(specs())
        raise click.UsageError(
            f"There is no tool {args[0]!r}; did you mean {' or '.join(nearest)}?"
        )


@click.group(cls=Tools, invoke_without_command=True, subcommand_metavar="[NAME [OPTIONS]]")
@click.pass_context
def tool(ctx: click.Context) -> None:
    """Run one tool by hand; without a NAME list the tools.

    \b
    danqing tool upscale --image a.png --scale 2 -o large.png
    danqing tool upscale --help

    Pictures that -o does not name go to the current folder under new names; -o replaces a file.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(tools, as_json=False)


def command(spec: ToolSpec) -> click.Command:
    """The command that runs a tool: its images and arguments as options, then the common ones."""
    required = set(spec.schema()["required"])
    options = [_image_option(name, name in required) for name in spec.images]
    options += [_option(name, entry, name in required) for name, entry in _schemas(spec).items()]

    @click.pass_context
    def run(ctx: click.Context, /, **given: Any) -> None:
        _run(ctx.obj, spec, given)

    return click.Command(
        spec.name, callback=run, params=[*options, *_common(spec)], help=_description(spec),
        short_help=_plain(spec.summary), epilog=_outcome(spec),
    )  # fmt: skip


def _image_option(name: str, required: bool) -> click.Option:
    return click.Option(
        [name, _flag(name)], type=click.Path(), metavar="FILE", required=required,
        help="A PNG, JPEG or WebP picture.",
    )  # fmt: skip


def _option(name: str, schema: Mapping[str, Any], required: bool) -> click.Option:
    """An option whose text `_value` reads; what the tool does not allow the registry refuses."""
    kind = _kind(schema)
    help = _help(name, schema, required)
    if kind["type"] == "boolean":
        flag = f"{_flag(name)}/--no-{_flag(name)[2:]}"
        return click.Option([name, flag], default=None, help=help)
    choices = _choices(kind)
    return click.Option(
        [name, _flag(name)], multiple=kind["type"] == "array", help=help, metavar=_metavar(kind),
        shell_complete=lambda ctx, param, text: [c for c in choices if c.startswith(text)],
    )  # fmt: skip


def _choices(kind: Mapping[str, Any]) -> list[str]:
    return [str(choice) for choice in kind.get("items", kind).get("enum", ())]


def _metavar(kind: Mapping[str, Any]) -> str:
    """How the value is written: ``N``, ``2|4``, ``N,N,N,N`` for exactly four, ``N,…`` for more."""
    if kind["type"] != "array":
        return "|".join(_choices(kind)) or METAVARS[kind["type"]]
    item = _metavar(kind["items"])
    if not _separated(kind):
        return item
    least, most = kind.get("minItems", 0), kind.get("maxItems")
    return ",".join([item] * least if least == most else [item, "…"])


def _separated(kind: Mapping[str, Any]) -> bool:
    """Whether a list's items are written with commas between them, or each as an option's value:
    as lists are, and JSON, and words that may hold commas themselves."""
    item = kind["items"]
    return "enum" in item or item["type"] in ("integer", "number")


def _common(spec: ToolSpec) -> list[click.Parameter]:
    options: list[click.Parameter] = []
    if spec.returns != "value":
        options += [
            click.Option(["-o", "--out"], metavar="FILE", type=click.Path(),
                         help="Save the picture here: .png, .jpg or .webp."),
            click.Option(["--no-metadata"], is_flag=True,
                         help="Keep arguments, seeds and models out of the file."),
        ]  # fmt: skip
    if spec.roles:
        options += [
            click.Option(["profile", "--models"], metavar="NAME|FOLDER",
                         help="What to work with: a profile, or a Stable Diffusion pipeline."),
            click.Option(["--device"], type=click.Choice(["cuda", "mps", "cpu"]),
                         help="Where to run; the best there is if left out."),
        ]  # fmt: skip
    as_json = click.Option(["as_json", "--json"], is_flag=True, help="Print one JSON document.")
    return [*options, as_json]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _schemas(spec: ToolSpec) -> dict[str, dict[str, Any]]:
    """The schema of each argument, whole: what it refers to is put in its place."""
    whole = spec.arguments.model_json_schema()
    definitions = whole.get("$defs", {})

    def inlined(node: Any) -> Any:
        if isinstance(node, list):
            return [inlined(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inlined(definitions[node["$ref"].rpartition("/")[2]])
        return {key: inlined(value) for key, value in node.items()}

    return {name: inlined(entry) for name, entry in whole.get("properties", {}).items()}


def _kind(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, or what it allows beside null."""
    options: Sequence[Mapping[str, Any]] = schema.get("anyOf", [schema])
    return next(option for option in options if option.get("type") != "null")


# -- what --help says


def _help(name: str, schema: Mapping[str, Any], required: bool) -> str:
    text = ": ".join(filter(None, [schema.get("description"), _limits(_kind(schema))]))
    sentence = f"{text[:1].upper()}{text[1:]}." if text else ""
    return f"{sentence} {_default(name, schema, required)}".strip()


def _limits(kind: Mapping[str, Any]) -> str:
    """What is allowed, in words, where the option's own column does not show it."""
    from .tools.registry import allowed

    if kind["type"] == "boolean" or "enum" in kind:
        return ""
    if kind["type"] != "array" or _separated(kind):
        return allowed(kind)
    fields = kind["items"].get("properties")
    if fields is None:
        return f"{allowed(kind)}; the option is repeated for each"
    return f"an object with {', '.join(fields)}; the option is repeated for each"


def _default(name: str, schema: Mapping[str, Any], required: bool) -> str:
    from .tools.registry import SEEDS

    default = schema.get("default")
    if required:
        return "[default: random]" if name in SEEDS else "[required]"
    if default in (None, "", []):
        return ""
    shown = ",".join(map(str, default)) if isinstance(default, list) else _readable(default)
    return f"[default: {shown}]"


def _description(spec: ToolSpec) -> str:
    return _plain(spec.description.replace("Raises `ToolError`", "Fails"))


def _outcome(spec: ToolSpec) -> str:
    """What a tool makes and prints, for the end of its help."""
    made = {
        "image": "Makes a picture.",
        "images": "Makes a picture or several, then with numbers: out-1.png, out-2.png.",
        "value": "",
        "both": "Makes a picture.",
    }[spec.returns]
    if spec.returns in ("image", "images"):
        return made
    model = _value_model(spec)
    prints = f"Prints {', '.join(model.model_fields)}. {inspect.getdoc(model)}"
    return _plain(f"{made} {prints}".strip())


def _value_model(spec: ToolSpec) -> Any:
    hints = typing.get_type_hints(spec.function, localns={"Context": object, "Models": object})
    returned = hints["return"]
    return typing.get_args(returned)[-1] if spec.returns == "both" else returned


def _plain(docstring: str) -> str:
    return docstring.replace("`", "")


# -- from the options to the call


def _run(door: Door, spec: ToolSpec, given: dict[str, Any]) -> None:
    from .tools.errors import DanqingError

    try:
        _call(door, spec, given)
    except DanqingError as error:
        if given["as_json"]:
            print_json(_error_document(spec, error))
        raise


def _error_document(spec: ToolSpec, error: DanqingError) -> dict[str, Any]:
    return {"version": 1, "tool": spec.name, **parts(error), "exit_code": exit_code(error)}


def _call(door: Door, spec: ToolSpec, given: dict[str, Any]) -> None:
    """Check everything that can be checked, run the tool, save and print what it returned."""
    from .tools.catalogue import DEFAULT_PROFILE
    from .tools.engine import Engine

    engine = Engine(
        given.get("profile") or DEFAULT_PROFILE, home=door.place, device=given.get("device"),
        tools=[spec.function],
    )  # fmt: skip
    values = _values(spec, given)
    drawn = _seeded(spec, values)
    with _refusals():
        arguments = engine.arguments(spec.name, values)
    out = None if spec.returns == "value" else _out(given["out"])
    with contextlib.closing(engine):
        if spec.roles:
            engine.start(spec.roles)
        images = _images(spec, given)
        result = _result(door, engine, spec, arguments, images)
        with door.interruption.flagging():  # all of the pictures are saved, or none
            paths = _save(engine.profile, spec, given, out, arguments, images, result)
    if given["as_json"]:
        print_json(_document(spec, arguments, paths, result))
        return
    _show(paths, result)
    for name, flag in drawn.items():
        click.echo(f"{name}: random; to repeat it add {flag}", err=True)


def _values(spec: ToolSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that were given, as JSON values; without those left out."""
    return {
        name: _value(given[name], schema)
        for name, schema in _schemas(spec).items()
        if given[name] not in (None, ())
    }


def _value(given: Any, schema: Mapping[str, Any]) -> Any:
    """What was given as the schema's kind of value; what is none stays text, to be refused."""
    kind = _kind(schema)
    if kind["type"] == "array":
        texts = [given] if isinstance(given, str) else given
        if _separated(kind):
            texts = [part for text in texts for part in text.split(",")]
        return [_value(text, kind["items"]) for text in texts]
    if isinstance(given, bool):
        return given
    for choice in kind.get("enum", ()):
        if given == str(choice):
            return choice
    try:
        return KINDS[kind["type"]](given)
    except (ValueError, RecursionError):
        return given


def _seeded(spec: ToolSpec, values: dict[str, Any]) -> dict[str, str]:
    """Add the seeds that the tool requires and nobody gave; returns how to give them again."""
    from .agent.studio import new_seed
    from .tools.registry import SEEDS

    schemas = _schemas(spec)
    drawn = {}
    for name in SEEDS.intersection(spec.schema()["required"]) - set(values):
        seed = new_seed()
        values[name] = [seed] if schemas[name]["type"] == "array" else seed
        drawn[name] = f"{_flag(name)} {seed}"
    return drawn


def _images(spec: ToolSpec, given: Mapping[str, Any]) -> dict[str, Image.Image]:
    """The picture files as images, each by the door for uploads."""
    from .agent.store import upload

    files = {name: given[name] for name in spec.images if given[name] is not None}
    images = {name: upload(Path(os.path.expanduser(file))) for name, file in files.items()}
    with _refusals():
        return spec.check_images(images)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What the registry refuses is bad usage; what the tool itself refuses is a failure."""
    from .tools.errors import BadInput, ToolError

    try:
        yield
    except ToolError as error:
        raise BadInput(str(error)) from None


def _result(
    door: Door, engine: Engine, spec: ToolSpec, arguments: Mapping[str, Any],
    images: Mapping[str, Image.Image],
) -> Result:  # fmt: skip
    """Run the tool: the first Ctrl-C ends it, and nothing has been written then."""
    from .display import working
    from .tools.errors import Cancelled

    asked = door.interruption.asked
    stopped = Cancelled("Stopped as you asked.", kept="Nothing was written.")
    # A worker hears of it between two steps; a tool that runs here is broken off.
    mode = door.interruption.flagging if spec.roles else door.interruption.raising
    with working(door.interruption, spec.name) as listener, mode():
        try:
            result = engine.call(spec.name, arguments, images, on_progress=listener, cancel=asked)
        except Cancelled:
            raise stopped from None
    if asked.is_set():
        raise stopped
    return result


# -- what is saved and printed


def _out(out: str | None) -> Path | None:
    """The file that -o names; without it the current folder must take files."""
    from .agent.provenance import format_of

    if out is None:
        check_folder(Path.cwd())
        return None
    path = Path(place(out))
    format_of(path)
    return path


def _save(
    profile: Profile, spec: ToolSpec, given: Mapping[str, Any], out: Path | None,
    arguments: Mapping[str, Any], images: Mapping[str, Image.Image], result: Result,
) -> list[Path]:  # fmt: skip
    """Write every picture with its provenance; returns where."""
    from .agent import provenance
    from .agent.store import plain

    source = next((given[name] for name in spec.images if given[name] is not None), None)
    stem = spec.name if source is None else f"{Path(source).stem}-{spec.name}"
    count = len(result.images)
    paths = _new_names(stem, count) if out is None else _numbered(out, count)
    for number, (path, image) in enumerate(zip(paths, result.images, strict=True)):
        account = None
        if not given["no_metadata"]:
            account = _account(profile, spec, arguments, images, number)
        provenance.write(path, plain(image), account)
    return paths


def _numbered(path: Path, count: int) -> list[Path]:
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{n}{path.suffix}") for n in range(1, count + 1)]


def _new_names(stem: str, count: int) -> list[Path]:
    """Names in the current folder that nothing has yet: ``a-upscale.png``, ``a-upscale-2.png``."""
    for n in itertools.count(1):
        paths = _numbered(Path.cwd() / (f"{stem}.png" if n == 1 else f"{stem}-{n}.png"), count)
        if not any(os.path.lexists(path) for path in paths):
            return paths
    raise AssertionError("numbers do not end")


def _account(
    profile: Profile, spec: ToolSpec, arguments: Mapping[str, Any],
    images: Mapping[str, Image.Image], number: int,
) -> dict[str, Any]:  # fmt: skip
    """The provenance of one picture: as of those in a ledger, with inputs by their pixels' digest.

    Names of files stay out: they are nobody's business but the user's.
    """
    from .agent.store import digest_of
    from .agent.studio import made_with
    from .tools import catalogue

    models, versions = made_with(profile, spec.models(catalogue.available(profile)))
    inputs = {name: digest_of(image) for name, image in images.items()}
    seeds = arguments.get("seeds", [])
    seed = seeds[number] if number < len(seeds) else arguments.get("seed")
    return {
        "version": 1,
        "handle": None,
        "request": None,
        "steps": [
            {"tool": spec.name, "args": dict(arguments), "inputs": inputs, "seed": seed,
             "outputs": []}
        ],
        "seed": seed,
        "models": models,
        "versions": versions,
        "parents": list(dict.fromkeys(inputs.values())),
    }  # fmt: skip


def _document(
    spec: ToolSpec, arguments: Mapping[str, Any], paths: Sequence[Path], result: Result
) -> dict[str, Any]:
    return {
        "version": 1, "tool": spec.name, "arguments": dict(arguments),
        "pictures": [str(path) for path in paths], "value": result.value,
        "seconds": round(result.seconds, 3), "device": result.device,
    }  # fmt: skip


def _show(paths: Sequence[Path], result: Result) -> None:
    """The pictures' paths, on a terminal with the pictures, then the value a line a field."""
    from . import terminal
    from .display import columns, output, show_file

    console = output()
    how = terminal.protocol(os.environ, is_terminal=console.is_terminal)
    for path in paths:
        show_file(console, str(path), how)
        print(path)
    if result.value is not None:
        columns([(name, _readable(v)) for name, v in result.value.items()], ("cyan", None))


def _readable(value: Any) -> str:
    match value:
        case None | []:
            return "–"
        case dict():
            return ", ".join(f"{name} {_readable(v)}" for name, v in value.items()) or "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list():
            inner = [
                " ".join(map(_readable, item)) if isinstance(item, list) else _readable(item)
                for item in value
            ]
            nested = any(isinstance(item, list | dict) for item in value)
            return ("; " if nested else ", ").join(inner)
    return str(value)
