"""The command ``danqing bot``: the studio in chats."""

from __future__ import annotations

import os

import click

from .door import Door, llm_option, models_option


@click.command()
@click.argument("service", type=click.Choice(["telegram", "discord"]))
@click.option(
    "--allow", "allowed", multiple=True, type=int, metavar="ID",
    help="Answer this person, or this chat with all who are in it. As often as you like.",
)  # fmt: skip
@models_option
@click.option(
    "--at-once", default=2, show_default=True, type=click.IntRange(1, 64),
    help="Requests that are carried out at a time; the others wait in line.",
)  # fmt: skip
@llm_option
@click.option("--no-metadata", is_flag=True, help="Keep request, seeds and models out of the file.")
@click.pass_obj
def bot(
    door: Door, service: str, allowed: tuple[int, ...], profile: str | None, at_once: int,
    llm: str | None, no_metadata: bool,
) -> None:  # fmt: skip
    """Answer in the chats of SERVICE, as the bot whose token is in TELEGRAM_TOKEN or DISCORD_TOKEN.

    Nobody is answered but those who are allowed; whoever else writes is told the ID that it takes.
    Each chat is a session of its own.
    """
    import asyncio
    from importlib import import_module

    from .commands import read_options
    from .server.desk import Desk
    from .server.faults import quiet_logs
    from .tools.errors import BadInput, Stopped

    name = f"{service.upper()}_TOKEN"
    token = os.environ.get(name, "").strip()
    if not token:
        raise BadInput(f"There is no {name} in the environment.", hint="It is the bot's token.")
    try:
        face = import_module(f".bots.{service}", __package__)
    except ImportError as error:
        raise Stopped(
            f"The bot needs {error.name}, which is not here.",
            hint=f"pip install 'danqing[{service}]'",
        ) from None
    from .bots.talk import Talk

    options = read_options(profile=profile, llm=llm)
    quiet_logs()
    with (
        door.interruption.flagging() as asked,
        door.studio(options.models, options.llm, batching=True) as studio,
    ):
        studio.warm_up()
        desk = Desk(studio, at_once=at_once)
        talk = Talk(desk, service, frozenset(allowed), asked, metadata=not no_metadata)
        try:
            asyncio.run(face.serve(talk, token))
        finally:
            desk.close()
