"""``danqing run`` and ``danqing export``: scripted steps in, pictures out, and the other way."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .documents import error_document
from .door import Door, check_folder, complain, place, print_json

if TYPE_CHECKING:
    from .agent.budget import Budget
    from .agent.events import Listener
    from .agent.recipe_check import Given, Plan
    from .agent.recipe_run import RecipeDocument
    from .agent.recipe_yaml import Source
    from .agent.studio import Studio

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
_SAID = {
    "unmet": ("Not everything that is checked is met.", "有些检查没有通过。"),
    "calls": (
        "{least} calls at least, {most} with every retry",
        "至少 {least} 次调用，全部重试则 {most} 次",
    ),
}  # fmt: skip


def _print_schema(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import json

    from .agent.recipe_schema import schema
    from .tools import TOOLS
    from .tools.registry import by_name

    click.echo(json.dumps(schema(by_name(TOOLS)), indent=1, ensure_ascii=False))
    ctx.exit(0)


@click.command()
@click.argument("recipe", type=click.Path(), required=False)
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE",
              help="Give an input: a picture's file or handle, words or a number.")  # fmt: skip
@click.option("--each", metavar="NAME=FOLDER", help="Run it for each picture of a folder.")
@click.option("-o", "--out", "outs", multiple=True, metavar="[NAME=]FILE|FOLDER",
              help="Save the picture here, or each output by its name in a folder.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check the recipe, print its plan and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a run.")
@click.option("--budget", metavar="LIST", help="The most to use, as in pictures=8,seconds=60.")
@click.option("--models", "profile", metavar="NAME|FOLDER", help="What to work with.")
@click.option("--no-metadata", is_flag=True, help="Keep steps, seeds and models out of the files.")
@click.option("--quiet", "-q", is_flag=True, help="Print only paths and values.")
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False, callback=_print_schema,
              help="Print the JSON Schema of recipes and leave.")  # fmt: skip
@click.pass_context
def run(
    ctx: click.Context, /, recipe: str | None, inputs: tuple[str, ...], each: str | None,
    outs: tuple[str, ...], **choices: Any,
) -> None:  # fmt: skip
    """Run the steps of a RECIPE, a YAML file, without any LLM.

    \b
    danqing run dusk.yaml --input photo=a.png -o out.png
    danqing run dusk.yaml --each photo=holiday -o evening

    What was made before is not made again: an interrupted recipe goes on when it is run again. The
    exit code is 3 when a check is not met, and with --each 1 when a picture failed.
    """
    from .agent.recipe_yaml import open_recipe
    from .tools import catalogue

    if recipe is None:
        raise click.UsageError("Name a RECIPE, a YAML file, or ask for the --schema.")
    door: Door = ctx.obj
    source = open_recipe(Path(os.path.expanduser(recipe)))
    given: dict[str, Given] = dict(_pair(text, "--input") for text in inputs)
    profile = choices["profile"] or catalogue.DEFAULT_PROFILE
    if catalogue.is_folder(profile):
        profile = str(Path(profile).expanduser().resolve())
    catalogue.profile(profile, door.place)
    work = _Work(door, source, outs, choices, each=each is not None)
    if each is not None:
        name, folder = _pair(each, "--each")
        pictures = _pictures(Path(os.path.expanduser(folder)))
        work.check(given | {name: next(iter(pictures.values()))})
        work.check_folder()
    else:
        work.check(given)
    if choices["dry_run"]:
        work.show_plan()
        return
    work.make_folders()
    with door.interruption.flagging(), door.studio(profile) as studio:
        work.warm_up(studio)
        if each is None:
            ctx.exit(work.run(studio, given, work.places()))
        codes = [
            work.run_one(studio, given | {name: path}, stem, work.places(stem))
            for stem, path in pictures.items()
        ]
    ctx.exit(1 if 1 in codes else max(codes))


class _Work:
    """One command: a recipe, and what is done with what it makes."""

    def __init__(
        self, door: Door, source: Source, outs: tuple[str, ...], choices: Mapping[str, Any],
        *, each: bool,
    ) -> None:  # fmt: skip
        from .agent.budget import Budget

        self.each, self.new = each, set[Path]()

        self.door, self.source, self.outs = door, source, outs
        self.as_json, self.quiet = bool(choices["as_json"]), bool(choices["quiet"])
        self.metadata = not choices["no_metadata"]
        self.budget: Budget | None = Budget.parse(choices["budget"]) if choices["budget"] else None

    def check(self, given: Mapping[str, Given]) -> None:
        """Refuse what is wrong with the recipe, its inputs and -o, before anything is begun."""
        self.plan = self._plan(given)
        self.places()

    def _plan(self, given: Mapping[str, Given]) -> Plan:
        from .agent.recipe_check import plan
        from .tools import TOOLS
        from .tools.registry import by_name

        values = dict(given)
        inputs = self.source.value.get("inputs") if isinstance(self.source.value, dict) else None
        for name, value in given.items():
            entry = inputs.get(name) if isinstance(inputs, dict) else None
            if isinstance(entry, dict) and entry.get("type") == "image":
                values[name] = _image(value)
        return plan(self.source, by_name(TOOLS), values)

    def places(self, stem: str | None = None) -> dict[str, Path]:
        """Where each picture goes: -o FILE, -o FOLDER or -o NAME=FILE; in a folder with --each, by
        the ``stem`` of the picture it was made from."""
        from .agent.provenance import format_of
        from .tools.errors import BadInput

        names = self._pictures()
        places: dict[str, Path] = {}
        for out in self.outs:
            name, equals, file = out.partition("=")
            if equals and name in names:
                places[name] = Path(place(file))
                format_of(places[name])
            elif (folder := self._folder(out, several=len(names) > 1)) is not None:
                for name in names:
                    file = name if stem is None else stem if len(names) == 1 else f"{stem}-{name}"
                    places[name] = folder / f"{file}.png"
            elif len(names) == 1:
                places[names[0]] = Path(place(out))
                format_of(places[names[0]])
            else:
                raise BadInput(
                    f"-o {out} names one file, and the recipe makes {', '.join(names)}.",
                    hint="Name a folder, or give -o NAME=FILE for each.",
                )
        return places

    def _folder(self, out: str, *, several: bool) -> Path | None:
        """The folder that -o names; one that is not there is made once anything is to be written,
        where ``several`` pictures, or one of each run, go to a name without an ending."""
        folder = Path(os.path.expanduser(out)).absolute()
        if folder.is_dir():
            check_folder(folder)
        elif (several or self.each) and not folder.suffix and not folder.exists():
            check_folder(folder.parent)
            self.new.add(folder)
        else:
            return None
        return folder

    def make_folders(self) -> None:
        """Make the folders that -o names and that are not there yet."""
        for folder in self.new:
            folder.mkdir(exist_ok=True)

    def _pictures(self) -> list[str]:
        """The names of the outputs that are pictures."""
        from .agent.recipe import whole

        recipe = self.plan.recipe
        found = {name: whole(text) for name, text in recipe.outputs.items()}
        return [
            name for name, r in found.items()
            if r is not None and (
                r.part == "image" if r.of_step else recipe.inputs[r.name].type == "image"
            )
        ]  # fmt: skip

    def check_folder(self) -> None:
        """With --each every run has names of its own, so -o is a folder."""
        from .tools.errors import BadInput

        if len(self.outs) > 1 or any(self._folder(o, several=True) is None for o in self.outs):
            raise BadInput(
                f"-o {' '.join(self.outs)} is no folder.",
                hint="With --each name a folder, for pictures named as theirs.",
            )

    def warm_up(self, studio: Studio) -> None:
        """Let the worker load the models of the steps, while the first of them is prepared."""
        steps = self.plan.recipe.steps
        if any(step.uses == "draw" for step in steps):
            studio.warm_up()
            return
        specs = studio.engine.tools
        names = {step.uses for step in steps}
        names |= {"caption", "look"} if any(step.check for step in steps) else set()
        roles = dict.fromkeys(role for name in sorted(names) for role in specs[name].roles)
        if roles:
            studio.engine.start([*roles])

    def run_one(
        self, studio: Studio, given: Mapping[str, Given], stem: str, places: Mapping[str, Path]
    ) -> int:
        """Run it for one picture of several; an error is told and does not end the others."""
        from .tools.errors import Cancelled, DanqingError

        if not (self.quiet or self.as_json):
            print(f"{stem}:", file=sys.stderr, flush=True)
        try:
            return self.run(studio, given, places)
        except Cancelled:
            raise
        except DanqingError as error:
            complain(error)
            return 1

    def run(self, studio: Studio, given: Mapping[str, Given], places: Mapping[str, Path]) -> int:
        """Run it once and show what came of it; returns the exit code."""
        from .agent import recipe_run
        from .tools.errors import Cancelled, DanqingError

        try:
            with _watching(self.door, self.plan.name, quiet=self.quiet or self.as_json) as listener:
                document = recipe_run.run(
                    studio, self._plan(given), budget=self.budget, out=places,
                    metadata=self.metadata, listener=listener,
                )  # fmt: skip
        except DanqingError as error:
            if isinstance(error, Cancelled):
                error.args, error.hint = ("Stopped as you asked.",), "Run it again to go on."
                error.kept = "Every step that is done is kept."
            if self.as_json:
                print_json(error_document(self.plan.name, error))
            raise
        if self.as_json:
            print_json(document.model_dump(mode="json", exclude_none=True))
        else:
            self._show(document)
        return document.exit_code

    def _show(self, document: RecipeDocument) -> None:
        from . import terminal
        from .display import output, show_file
        from .words import MARKS

        console = output()
        how = terminal.protocol(os.environ, is_terminal=console.is_terminal)
        for picture in document.pictures.values():
            show_file(console, picture.path, how)
            print(picture.path)
        for name, value in document.values.items():
            print(f"{name}: {_readable(value)}")
        if self.quiet:
            return
        language = self.plan.brief().language
        from .agent.reply import describe

        for step in document.steps:
            for checked in step.claims:
                claim, finding = checked.claim, checked.finding
                print(f"{MARKS[finding.status]} {step.id}: {describe(claim, language)}:"
                      f" {finding.evidence}")  # fmt: skip
        if not document.satisfied:
            print(_SAID["unmet"][language == "zh"])

    def show_plan(self) -> None:
        """The checked steps with what they take, and how many calls that is."""
        from .agent.recipe_run import estimates
        from .display import columns

        rows = [*estimates(self.plan)]
        least, most = sum(row.least for row in rows), sum(row.most for row in rows)
        if self.as_json:
            steps = [
                {"id": r.step.id, "uses": r.step.uses, "with": r.step.arguments,
                 "calls": [r.least, r.most]}
                for r in rows
            ]  # fmt: skip
            inputs = {name: str(value) for name, value in self.plan.inputs.items()}
            print_json({"version": 1, "recipe": self.plan.name, "inputs": inputs, "steps": steps,
                        "outputs": self.plan.recipe.outputs, "calls": [least, most]})  # fmt: skip
            return
        columns(
            [
                (row.step.id, row.step.uses, _readable(row.step.arguments),
                 f"{row.least}" if row.least == row.most else f"{row.least}–{row.most}")
                for row in rows
            ],
            ("cyan", None, "bright_black", None),
        )  # fmt: skip
        language = self.plan.brief().language
        print(_SAID["calls"][language == "zh"].format(least=least, most=most))


@contextmanager
def _watching(door: Door, title: str, *, quiet: bool) -> Iterator[Listener]:
    """A listener that tells each step on standard error, with a bar below it on a terminal."""
    from .agent import events
    from .display import working

    if quiet:
        yield events.nobody
        return
    began = time.monotonic()
    last = ""
    with working(door.interruption, title) as progress:

        def listen(event: events.Event) -> None:
            nonlocal last
            match event:
                case events.Working(now):
                    progress(now)
                case events.Phase(_, note) if ":" in note and note != last:
                    last = note
                    seconds = time.monotonic() - began
                    print(f"{seconds:6.1f} s  {note} …", file=sys.stderr, flush=True)

        yield listen


def _pair(text: str, option: str) -> tuple[str, str]:
    from .tools.errors import BadInput

    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise BadInput(f"Cannot read {option} {text!r}.", hint=f"Write it as {option} photo=a.png.")
    return name, value


def _image(value: Given) -> Given:
    """A picture's handle, or its file, which must be there."""
    import re

    from .tools.errors import BadInput

    if isinstance(value, str) and re.fullmatch("img-[1-9][0-9]*", value):
        return value
    path = Path(os.path.expanduser(str(value)))
    if not path.is_file():
        raise BadInput(f"There is no file {str(path)!r}.")
    return path


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder, by the names that what is made of them gets."""
    from .tools.errors import BadInput

    if not folder.is_dir():
        raise BadInput(f"There is no folder {str(folder)!r}.")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise BadInput(
            f"There is no picture in {str(folder)!r}: none of {', '.join(sorted(SUFFIXES))}."
        )
    stems = Counter(path.stem for path in files)
    return {p.stem if stems[p.stem] == 1 else p.name.replace(".", "-"): p for p in files}


def _readable(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={_readable(v)}" for name, v in value.items())
    from .agent.recipe import in_words

    return in_words(value)


@click.command()
@click.argument("what", required=False, metavar="[SESSION|HANDLE]")
@click.option("-o", "--out", metavar="FILE", help="Write the recipe here, over what was there.")
@click.pass_obj
def export(door: Door, what: str | None, out: str | None) -> None:
    """Write a recipe of the steps that led to the picture HANDLE (img-3), or to those of a SESSION.

    Without either it is the latest session. Pictures of your own become inputs of the recipe.
    """
    from .agent import durable
    from .agent.recipe_export import export as written
    from .tools import TOOLS
    from .tools.registry import by_name

    path = None if out is None else Path(place(out))
    with door.ledger() as ledger:
        text = written(ledger, by_name(TOOLS), what)
    if path is None:
        click.echo(text.encode("utf-8", "replace"), nl=False)
        return
    with durable.clear_errors(path):
        durable.write_file(path, text.encode("utf-8", "replace"), mode=None)
