"""``danqing keys``: who may come in by `danqing serve`."""

from __future__ import annotations

import click

from .door import Door


@click.group()
def keys() -> None:
    """Make, list and revoke the keys that `danqing serve` lets in.

    Each key has sessions of its own, and sees no others. A running server learns of new and of
    revoked keys at once; only its first key it finds when it is started again.
    """


@keys.command("add")
@click.argument("name")
@click.option("--read", is_flag=True, help="For looking only.")
@click.option("--days", type=float, metavar="N", help="How long it opens; for ever if left out.")
@click.pass_obj
def add(door: Door, /, name: str, read: bool, days: float | None) -> None:
    """Make a key and print it; it is shown this once."""
    with door.ledger() as ledger:
        _, text = ledger.keys.make(name, "read" if read else "draw", days)
    click.echo(text)


@keys.command("list")
@click.pass_obj
def list_(door: Door, /) -> None:
    """List the keys; their secrets are kept nowhere."""
    from datetime import UTC, datetime

    from .display import columns

    now = datetime.now(UTC)
    with door.ledger() as ledger:
        rows: list[tuple[str, ...]] = [
            (
                "\N{CHECK MARK}" if key.holds(now) else "\N{EN DASH}", key.id, key.name, key.scope,
                f"since {key.created[:10]}",
                f"revoked {key.revoked[:10]}" if key.revoked
                else f"until {key.expires[:10]}" if key.expires else "",
            )
            for key in ledger.keys.all()
        ]  # fmt: skip
    columns(rows, (None, "cyan", None, None, "bright_black", "bright_black"))


@keys.command("revoke")
@click.argument("key")
@click.pass_obj
def revoke(door: Door, /, key: str) -> None:
    """Let a key, by its id or name, open nothing from now on; its sessions stay."""
    with door.ledger() as ledger:
        gone = ledger.keys.revoke(key)
    click.echo(f"{gone.id} {gone.name} opens nothing any more.")
