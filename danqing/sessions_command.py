"""``danqing sessions`` and ``danqing forget``: which conversations there are, and deleting them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import click

from .door import Door
from .words import shortened


@click.command()
@click.option("-n", "--number", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="How many sessions to list.")  # fmt: skip
@click.pass_obj
def sessions(door: Door, /, number: int) -> None:
    """List the latest conversations: their ids, turns and last requests, newest first."""
    from .display import columns

    rows: list[tuple[str, ...]] = []
    with door.ledger() as ledger:
        for session in ledger.sessions(number):
            turns = ledger.outlines(session)
            said = f"{len(turns)} turn{'s' if len(turns) > 1 else ''}"
            rows.append((session, turns[-1].created[:10], said, shortened(turns[-1].request)))
    columns(rows, ("cyan", "bright_black", "bright_black", None))


@click.command()
@click.argument("session", nargs=-1)
@click.option("--older-than", type=click.FloatRange(0, min_open=True), metavar="DAYS",
              help="All in which nothing has happened for so many days.")  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(door: Door, /, session: tuple[str, ...], older_than: float | None, yes: bool) -> None:
    """Delete each SESSION for good, its words and its pictures; `danqing sessions` lists them.

    What another session was answered with as well stays with that, and so do files that you saved
    elsewhere.
    """
    from .tools.catalogue import DEFAULT_PROFILE

    if bool(session) == (older_than is not None):
        raise click.UsageError("Give SESSIONs, or --older-than DAYS; one of the two.")
    with door.studio(DEFAULT_PROFILE) as studio:
        ledger = studio.ledger
        if older_than is not None:
            session = tuple(ledger.idle(datetime.now(UTC) - timedelta(days=older_than)))
        turns = 0
        for one in session:
            ledger.check_session(one)
            turns += len(ledger.outlines(one))
        if not session:
            click.echo("There is nothing to delete.")
            return
        what = f"{_many(len(session), 'session')} with {_many(turns, 'turn')}"
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError(f"To delete {what} without being asked, add --yes.")
            click.confirm(f"Delete {what} for good?", abort=True)
        for one in dict.fromkeys(session):
            studio.delete_session(one)
    click.echo(f"Deleted {what}.")


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
