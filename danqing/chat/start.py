"""The command ``danqing chat``, which ``danqing`` alone is short for."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from ..door import Door, llm_options, models_option, preview_option

if TYPE_CHECKING:
    from ..agent.brief import Language
    from .conversation import Conversation


@click.command()
@click.argument("session", required=False, metavar="[SESSION|last]")
@click.option("--ask", "asking", type=click.Choice(["never", "needed", "often"]), default="needed",
              show_default=True, help="When to ask what is meant.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON lines.")
@click.option("--seed", type=int, metavar="N", help="Draw from this seed, not from random ones.")
@click.option("--size", metavar="WxH", help="Width and height in pixels, or one number for both.")
@click.option("--budget", metavar="LIST", help="The most to use for one request, as in pictures=8.")
@models_option
@llm_options
@click.option("--no-metadata", is_flag=True, help="Keep requests, seeds and models out of files.")
@preview_option
@click.pass_obj
def chat(
    door: Door, /, session: str | None, asking: str, as_json: bool, preview: bool, **choices: Any
) -> None:
    """Talk about pictures: begin a conversation, or go on with a SESSION or the last one.

    Say what the picture shows, then what is to be different; /help lists the commands. Lines that
    come from a pipe are requests and commands, too, and the exit code is that of draw --lines.
    """
    interactive = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    with ExitStack() as stack:

        def opening() -> Conversation:
            from ..display import can_preview, output

            opened = _conversation(door, stack, session, asking, as_json, interactive, choices)
            opened.studio.previews = preview and interactive and can_preview(output())
            return opened

        if interactive:
            from .repl import Repl

            door.unlock()  # in this thread, before there is a prompt
            repl = Repl(door, opening, _language())
            if session is not None or any(choices.values()):
                repl.open()  # what is wrong with them is told before the prompt
            code = repl.run()
        else:
            from .batch import run

            conversation = opening()
            conversation.studio.warm_up()
            code = run(conversation)
    click.get_current_context().exit(code)


def _conversation(
    door: Door, stack: ExitStack, session: str | None, asking: Any, as_json: bool,
    interactive: bool, choices: dict[str, Any],
) -> Conversation:  # fmt: skip
    """Open the studio and the conversation; the studio is closed with ``stack``."""
    from ..commands import read_options
    from .conversation import Conversation, Showing
    from .screen import Screen
    from .stream import Stream

    options = read_options(**choices)
    studio = stack.enter_context(door.studio(options.models, options.llm))
    if session == "last":
        session = next(iter(studio.ledger.sessions(1)), None)
    showing: Showing = Screen(door, interactive=interactive)
    conversation = Conversation(
        door, studio, options, showing, session=session, asking=asking if interactive else "never",
        seed=choices["seed"], language=_language(),
    )  # fmt: skip
    if as_json:
        conversation.showing = Stream(door, conversation.session.id)
    return conversation


def _language() -> Language:
    """The language that the terminal is set to, until words are said."""
    told = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if told.startswith("zh") else "en"
