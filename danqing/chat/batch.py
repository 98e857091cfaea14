"""Lines from a pipe: each is a request or a command, all in one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..tools.errors import Cancelled, DanqingError

if TYPE_CHECKING:
    from .conversation import Conversation


def run(chat: Conversation) -> int:
    """Take the lines of standard input to their end, or to /quit.

    An error on a line is told, and the next line is taken. Returns 1 when a line failed, else 3
    when one left claims unmet, else 0; a user's stop ends the lines with 130.
    """
    codes = {0}
    interruption = chat.door.interruption
    with click.open_file("-", "r", encoding="utf-8-sig", errors="surrogateescape") as lines:
        while True:
            with interruption.raising():
                line = lines.readline()
            if not line:
                break
            try:
                with interruption.flagging():
                    codes.add(chat.take(line))
            except EOFError:
                break
            except DanqingError as error:
                chat.showing.complain(error)
                if isinstance(error, Cancelled):
                    return error.exit_code
                codes.add(1)
    return 1 if 1 in codes else max(codes)
