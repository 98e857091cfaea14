"""``danqing encrypt`` and ``danqing decrypt``: whether a home can be read by who has its files."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .door import Door

if TYPE_CHECKING:
    from .agent.vault import Secret


@click.command()
@click.option(
    "--key-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Open it with what is in FILE, not with a passphrase; a new one is made there if need be.",
)  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def encrypt(door: Door, /, key_file: Path | None, yes: bool) -> None:
    """Encrypt the home: all words and pictures in it, from now on.

    It opens with a passphrase, which DANQING_PASSPHRASE gives, or is asked for at the terminal; or
    with a key file, which DANQING_KEY_FILE names. Whoever loses that has lost everything in it. To
    change it, decrypt and encrypt anew.
    SECURITY.md tells what it protects from, and from what not.
    """
    from .agent import converting, vault
    from .agent.home import Home
    from .tools.errors import BadInput

    home = Home.open(door.home)
    if vault.header_at(home.ledger) is not None:
        raise BadInput(f"{home.root} is encrypted already.")
    if key_file is not None and key_file.resolve().is_relative_to(home.root.resolve()):
        raise BadInput(f"{key_file} is in the home that it opens.", hint="Keep it elsewhere.")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("To encrypt without being asked, add --yes.")
        click.confirm(
            f"Encrypt {home.root}? The plain copies of pictures in {home.pictures} and what was"
            " typed in the chat will be removed.", abort=True,
        )  # fmt: skip
    converting.encrypt(home, _secret(key_file))
    click.echo(f"{home.root} is encrypted.")


@click.command()
@click.pass_obj
def decrypt(door: Door, /) -> None:
    """Make an encrypted home one that can be read again by who has its files."""
    from .agent import converting

    home = door.opened()
    converting.decrypt(home)
    click.echo(f"{home.root} is not encrypted any more.")


def _secret(key_file: Path | None) -> Secret:
    """What the home is to open with."""
    from .agent import durable
    from .agent.vault import KEY_BYTES, PASSPHRASE, Secret
    from .tools.errors import BadInput

    if key_file is not None:
        if not key_file.exists():
            with durable.clear_errors(key_file):
                durable.write_file(key_file.absolute(), secrets.token_bytes(KEY_BYTES))
            click.echo(f"{key_file} is its key: keep it safe, and name it by DANQING_KEY_FILE.")
        return Secret.key_file(key_file)
    for kind in ("passphrase", "key file"):
        if (told := Secret.of_environment(kind)) is not None:
            return told
    if not sys.stdin.isatty():
        raise BadInput(
            "There is no passphrase.", hint=f"Give it by {PASSPHRASE}, or name a --key-file."
        )
    return Secret.passphrase(
        click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    )
