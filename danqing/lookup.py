"""The commands that look things up: what was drawn, which tools and models there are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .door import Door, print_json, user_named
from .words import shortened, tally

if TYPE_CHECKING:
    from .agent.ledger import Ledger
    from .agent.records import Picture, TurnRecord


@click.command()
@click.option("-n", "--number", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="How many turns to list.")  # fmt: skip
@click.pass_obj
def history(door: Door, number: int) -> None:
    """List the latest requests and what became of them, newest first."""
    from .display import columns

    with door.ledger() as ledger:
        turns = ledger.turns(number)
        cut_short = {turn.id for turn in ledger.unfinished()}
    if not turns:
        click.echo('Nothing has been drawn yet. Begin with: danqing draw "a red house in autumn"')
        return
    columns(
        [
            (
                f"{turn.id}", _local(turn.created), _state(turn, cut_short),
                (turn.outcome or {}).get("picture") or "", shortened(turn.request),
            )
            for turn in turns
        ],
        ("bright_black", "bright_black", None, "cyan", None),
    )  # fmt: skip


def _state(turn: TurnRecord, cut_short: set[int]) -> str:
    if turn.outcome is None:
        return "cut short" if turn.id in cut_short else "running"
    if turn.outcome.get("picture") is None:
        return "answered" if turn.outcome.get("satisfied") else "no picture"
    return tally(turn.outcome) or "✓"


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


@click.command()
@click.argument("handle")
@click.pass_obj
def show(door: Door, handle: str) -> None:
    """Show the picture HANDLE (img-3) with its request, its claims and how it was made."""
    from . import terminal
    from .display import columns, output, show_claims, show_file

    with door.ledger() as ledger:
        with user_named():
            picture = ledger.picture(handle)
        turn = ledger.turn(picture.turn)
        path = _path(ledger, picture, turn)
        console = output()
        if console.is_terminal:
            how = terminal.protocol(os.environ, is_terminal=True)
            show_file(console, str(path), how)
        click.echo(path)
        click.echo(turn.request)
        _show_verdict(turn, handle, show_claims)
        columns(_lineage(ledger, handle), ("cyan", None, "bright_black"))


def _show_verdict(turn: TurnRecord, handle: str, show_claims: Any) -> None:
    from .agent.brief import Brief
    from .agent.verdict import Verdict
    from .display import output

    given = [row.verdict for row in turn.verdicts if row.handle == handle]
    if turn.brief is not None and given:
        verdict = Verdict.model_validate(given[-1])
        show_claims(output(), Brief.model_validate(turn.brief), verdict.findings)


def _path(ledger: Ledger, picture: Picture, turn: TurnRecord) -> Path:
    """The file that the user was given, if it is still there; else the store's own."""
    outcome = turn.outcome or {}
    if outcome.get("picture") == picture.handle and outcome.get("path"):
        given = Path(outcome["path"])
        if given.is_file():
            return given
    return ledger.file(picture)


def _lineage(ledger: Ledger, handle: str) -> list[tuple[str, ...]]:
    """(pictures, tool with the handles it took, arguments) of every step that led to a picture."""
    from .agent import provenance

    told: list[tuple[str, ...]] = []
    for step in provenance.lineage(ledger, handle):
        made = ", ".join(picture.handle for picture in step.pictures)
        tool = step.tool + (f" of {', '.join(step.inputs.values())}" if step.inputs else "")
        said = {k: v for k, v in step.args.items() if v not in (None, "", [], {})}
        told.append((made, tool, ", ".join(f"{k}={v}" for k, v in said.items())))
    return told


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def tools(door: Door, as_json: bool) -> None:
    """List the tools, and whether each can run now."""
    from .display import columns
    from .tools import catalogue
    from .tools.engine import Engine

    engine = Engine(home=door.place)
    ready, here = engine.available(), catalogue.available(engine.profile)
    if as_json:
        listed = [
            {"name": name, "summary": spec.summary, "models": list(spec.roles),
             "optional_models": list(spec.optional_roles), "ready": name in ready,
             "arguments": spec.schema()}
            for name, spec in engine.tools.items()
        ]  # fmt: skip
        print_json({"version": 1, "models": engine.profile.name, "tools": listed})
        return
    columns(
        [
            (
                "✓" if name in ready else "✗", name,
                spec.summary + _lacking(spec.roles, spec.optional_roles, here),
            )
            for name, spec in engine.tools.items()
        ],
        (None, "cyan", None),
    )  # fmt: skip


def _lacking(roles: Iterable[str], optional: Iterable[str], here: Collection[str]) -> str:
    """Which of a tool's models are not there, in words; "" if they all are."""
    said = ""
    for group, means in ((roles, ""), (optional, ", so it can do less")):
        missing = [role for role in group if role not in here]
        if missing:
            models = "model is" if len(missing) == 1 else "models are"
            said += f" (its {' and '.join(missing)} {models} missing{means})"
    return said


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: eval "$(danqing completion bash)"     in ~/.bashrc
    zsh:  eval "$(danqing completion zsh)"      in ~/.zshrc
    fish: danqing completion fish > ~/.config/fish/completions/danqing.fish
    """
    from click.shell_completion import get_completion_class

    from .commands import danqing

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(danqing, {}, "danqing", "_DANQING_COMPLETE").source())
