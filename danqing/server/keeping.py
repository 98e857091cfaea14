"""How long a server keeps sessions: those in which nothing happens any more are deleted in time."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from ..tools.errors import DanqingError
from .desk import Desk

PAUSE = 3600.0
"""Seconds between two looks for what is old."""


@contextmanager
def keeping(desk: Desk, days: float | None) -> Iterator[None]:
    """In the block sessions are deleted, at first and then every hour, in which nothing has
    happened for so many days; none for None. It is done beside all else, and takes at most half of
    the time."""
    if days is None:
        yield
        return
    ended = threading.Event()
    age = timedelta(days=days)

    def work() -> None:
        for look in itertools.count():
            if ended.is_set():
                return
            try:
                tidy(desk, datetime.now(UTC) - age, ended)
                if look < 2:  # what a crash left is old enough to go by then
                    desk.studio.ledger.sweep()
            except Exception:
                logging.getLogger(__name__).exception("old sessions could not be looked for")
            ended.wait(PAUSE)

    worker = threading.Thread(target=work, name="danqing-keeping")
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def tidy(desk: Desk, since: datetime, ended: threading.Event) -> int:
    """Delete the sessions in which nothing has happened since a time, until it is ended; how many
    went. One that is in use, or cannot be deleted now, is left for the next time."""
    gone = 0
    for session in desk.studio.ledger.idle(since):
        begun = time.monotonic()
        try:
            gone += desk.let_go(session, since)
        except DanqingError as error:
            logging.getLogger(__name__).warning("session %s is not deleted: %s", session, error)
        if ended.wait(time.monotonic() - begun):
            break
    return gone
