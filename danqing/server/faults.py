"""What a log is told of an error that nobody foresaw: a number, its kind, and where it was.

Never its words: those may be a request's, a caption or a key. Whoever is answered is told the same
number, so that the two can be brought together.
"""

from __future__ import annotations

import logging
import re
import secrets
import traceback
from types import TracebackType
from typing import Any

SHOWN = 12
"""So many of the innermost places are told."""
_PLACE = re.compile(r'File "([^"\n]+)", line ([0-9]+), in ([^\n]+)')


def tell(log: logging.Logger, what: str, error: BaseException) -> str:
    """Log an error of ``what``, and return its number. ``what`` is in our own words."""
    number = secrets.token_hex(4)
    log.error("fault %s: %s: %s", number, what, account(error))
    return number


def account(error: BaseException) -> str:
    """The kind of an error, of those that led to it, and where they were."""
    told = f"{type(error).__name__} at {_places(error.__traceback__, error)}"
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told if before is None else f"{told}; after {account(before)}"


def _places(where: TracebackType | None, error: BaseException) -> str:
    found = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(where)
    ]
    # A worker's error brings the text of a traceback.
    found += [(f, int(n), name) for f, n, name in _PLACE.findall(getattr(error, "traceback", ""))]
    short = [f"{'/'.join(file.split('/')[-2:])}:{line} {name}" for file, line, name in found]
    return " > ".join(short[-SHOWN:]) or "no place of its own"


class Quiet(logging.Formatter):
    """A log's lines as usual, but for errors, of which it tells the account alone."""

    def formatException(self, ei: Any) -> str:  # noqa: N802, as logging calls it
        return account(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have kept all of it there
        return super().format(record)


def quiet_logs() -> None:
    """Have all that this process logs, libraries included, go to standard error, and tell no
    error's words. Where it logs elsewhere already it goes on to."""
    handler = logging.StreamHandler()
    handler.setFormatter(Quiet("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
