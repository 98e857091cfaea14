"""``danqing keys``: who may come in by `danqing serve`, and how much each may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .door import Door

if TYPE_CHECKING:
    from .agent.keys import Key, Limits
    from .agent.quota import Usage

Command = TypeVar("Command", bound=Callable[..., Any])
NONE = "none"
_LIMITS = (
    ("a_minute", float, "60", "Requests a minute; one that only looks counts as a twentieth."),
    ("at_once", int, "2", "Turns that are carried out at a time."),
    ("waiting", int, "20", "Turns that may wait for it."),
    ("pictures_a_day", int, "1000", "Pictures that may be drawn in 24 hours, drafts among them."),
    ("seconds_a_day", float, "7200", "Seconds of work in 24 hours."),
    ("dollars_a_day", float, "5", "US dollars for a language model in 24 hours."),
    ("megabytes", float, "1000", "Megabytes of pictures that its sessions may hold."),
)
"""The limits of a key, what they are numbers of, and those of a new one."""


class _Limit(click.ParamType):
    """A number, or none."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.name, self._kind = "N", kind

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        if value == NONE:
            return NONE
        try:
            return self._kind(value)
        except ValueError:
            self.fail(f"{value!r} is no number of this kind, nor {NONE}.", param, ctx)


def _limits(*, new: bool) -> Callable[[Command], Command]:
    """The options that limits are named by."""

    def with_them(command: Command) -> Command:
        for name, kind, usual, what in reversed(_LIMITS):
            told = f"{what[:-1]} [{usual}]." if new else what
            flag = f"--{name.replace('_', '-')}"
            command = click.option(flag, name, type=_Limit(kind), metavar="N|none", help=told)(
                command
            )
        return command

    return with_them


def _named(limits: dict[str, Any]) -> dict[str, float | None]:
    """The limits that were named; none is None."""
    return {
        name: None if value == NONE else value
        for name, value in limits.items() if value is not None
    }  # fmt: skip


@click.group(invoke_without_command=True)
@click.pass_context
def keys(ctx: click.Context, /) -> None:
    """Make, list, limit and revoke the keys that `danqing serve` lets in.

    Each key has sessions of its own, and sees no others. Without a command they are listed, with
    their limits and what was used of them. A running server learns of all that is changed here
    within seconds; only its first key it finds when it is started again.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@keys.command("add")
@click.argument("name")
@click.option("--read", is_flag=True, help="For looking only.")
@click.option("--days", type=float, metavar="N", help="How long it opens; for ever if left out.")
@_limits(new=True)
@click.pass_obj
def add(door: Door, /, name: str, read: bool, days: float | None, **limits: Any) -> None:
    """Make a key and print it; it is shown this once."""
    from dataclasses import replace

    from .agent.keys import USUAL

    given: Any = _named(limits)
    with door.ledger() as ledger:
        _, text = ledger.keys.make(name, "read" if read else "draw", days, replace(USUAL, **given))
    click.echo(text)


@keys.command("limit")
@click.argument("key")
@_limits(new=False)
@click.pass_obj
def limit(door: Door, /, key: str, **limits: Any) -> None:
    """Give a key, by its id or name, other limits; those that are not named stay as they are."""
    changes = _named(limits)
    if not changes:
        raise click.UsageError("Name a limit, as in --pictures-a-day 200 or --megabytes none.")
    with door.ledger() as ledger:
        changed = ledger.keys.limit(key, changes)
        used = ledger.quota.usage(changed.id)
    click.echo(f"{changed.id} {changed.name}: {_told(changed.limits, used)}")


@keys.command("list")
@click.pass_obj
def list_(door: Door, /) -> None:
    """List the keys, and how much each has had of what it may; their secrets are kept nowhere."""
    from datetime import UTC, datetime

    from .display import columns

    now = datetime.now(UTC)
    with door.ledger() as ledger:
        rows: list[tuple[str, ...]] = [
            (
                "\N{CHECK MARK}" if key.holds(now) else "\N{EN DASH}", key.id, key.name, key.scope,
                f"since {key.created[:10]}", _until(key),
                _told(key.limits, ledger.quota.usage(key.id)),
            )
            for key in ledger.keys.all()
        ]  # fmt: skip
    columns(rows, (None, "cyan", None, None, "bright_black", "bright_black", None))


def _until(key: Key) -> str:
    if key.revoked:
        return f"revoked {key.revoked[:10]}"
    return f"until {key.expires[:10]}" if key.expires else ""


def _told(limits: Limits, used: Usage) -> str:
    """Limits with what was used of them in 24 hours, or is held: 12/1000 pictures."""

    def of(name: str) -> str:
        most = getattr(limits, name)
        return f"{getattr(used, name):g}" + ("" if most is None else f"/{most:g}")

    paces = [
        f"{most:g} {words}"
        for most, words in (
            (limits.a_minute, "a minute"), (limits.at_once, "at once"), (limits.waiting, "waiting"),
        )
        if most is not None
    ]  # fmt: skip
    return ", ".join([
        f"{of('pictures_a_day')} pictures", f"{of('seconds_a_day')} s",
        f"{of('dollars_a_day')} dollars", f"{of('megabytes')} MB", *paces,
    ])  # fmt: skip


@keys.command("revoke")
@click.argument("key")
@click.pass_obj
def revoke(door: Door, /, key: str) -> None:
    """Let a key, by its id or name, open nothing from now on; its sessions stay.

    A running server ends what is shown to it and what it waits for within seconds.
    """
    with door.ledger() as ledger:
        gone = ledger.keys.revoke(key)
    click.echo(f"{gone.id} {gone.name} opens nothing any more.")
