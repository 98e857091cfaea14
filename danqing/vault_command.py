"""``danqing encrypt`` and ``danqing decrypt``: whether a home can be read by who has its files."""

from __future__ import annotations

import os
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
@click.option("--change", is_flag=True, help="Change what opens a home that is encrypted already.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def encrypt(door: Door, /, key_file: Path | None, change: bool, yes: bool) -> None:
    """Encrypt the home: all words and pictures in it, from now on.

    It opens with a passphrase, which DANQING_PASSPHRASE gives, or is asked for at the terminal; or
    with a key file, which DANQING_KEY_FILE names. Whoever loses that has lost everything in it.
    With --change it opens with another one from now on, which DANQING_NEW_PASSPHRASE gives, or is
    asked for; or with another key file.
    SECURITY.md tells what it protects from, and from what not.
    """
    from .agent import converting, vault
    from .agent.home import Home
    from .tools.errors import BadInput

    home = Home.open(door.home)
    encrypted = vault.header_at(home.ledger) is not None
    if encrypted and not change:
        raise BadInput(
            f"{home.root} is encrypted already.", hint="Add --change to have it open otherwise."
        )
    if change and not encrypted:
        raise BadInput(f"{home.root} is not encrypted.", hint="Leave out --change.")
    if key_file is not None and key_file.resolve().is_relative_to(home.root.resolve()):
        raise BadInput(f"{key_file} is in the home that it opens.", hint="Keep it elsewhere.")
    if change:
        converting.relock(door.opened(), _secret(key_file, new=True))
        click.echo(f"{home.root} opens with the new one only; backups of before with the old one.")
        return
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


def _secret(key_file: Path | None, *, new: bool = False) -> Secret:
    """What the home is to open with; a ``new`` one is not what it opens with now."""
    from .agent import durable
    from .agent.vault import KEY_BYTES, NEW_PASSPHRASE, PASSPHRASE, Secret
    from .tools.errors import BadInput

    if key_file is not None:
        if not key_file.absolute().parent.is_dir():
            raise BadInput(f"There is no folder {key_file.absolute().parent} for a key file.")
        if not key_file.exists():
            with durable.clear_errors(key_file):
                durable.write_file(key_file.absolute(), secrets.token_bytes(KEY_BYTES))
            click.echo(f"{key_file} is its key: keep it safe, and name it by DANQING_KEY_FILE.")
        return Secret.key_file(key_file)
    if new:
        if text := os.environ.get(NEW_PASSPHRASE):
            return Secret.passphrase(text)
    else:
        for kind in ("passphrase", "key file"):
            if (told := Secret.of_environment(kind)) is not None:
                return told
    if not sys.stdin.isatty():
        raise BadInput(
            "There is no passphrase.",
            hint=f"Give it by {NEW_PASSPHRASE if new else PASSPHRASE}, or name a --key-file.",
        )
    return Secret.passphrase(
        click.prompt(
            "New passphrase" if new else "Passphrase",
            hide_input=True,
            confirmation_prompt=True,
            err=True,
        )
    )
