"""Who may come in, by which key, and how often."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..agent import durable
from ..agent.keys import Limits
from ..agent.ledger import Ledger
from ..tools.errors import BadInput, Stopped
from .quota import LOOKING, Buckets, Pace

KEY_FILE = "server.key"
LINK_SECONDS = 24 * 3600
"""How long a link to a picture opens."""
NOTICED = 2.0
"""Seconds after which a server looks whether the keys of those who wait open still."""


class ShutOut(Stopped):
    """The key by which something was begun opens nothing any more."""


@dataclass(frozen=True)
class Guest:
    """Who asks: ``id`` is that of a key, or None for whoever has the home's own; ``draws`` tells
    whether they may do more than look."""

    id: str | None
    draws: bool
    limits: Limits


class Door:
    """Lets in who has a key: one of those of a home, or where none opens when the server starts,
    the one that is made for whoever can read the home's files."""

    def __init__(self, ledger: Ledger) -> None:
        path = ledger.home.root / KEY_FILE
        if not path.exists():
            durable.write_file(path, f"dq-{secrets.token_urlsafe(32)}\n".encode())
        self._own = path.read_text("ascii", "replace").strip()
        if not self._own:
            raise BadInput(f"There is no key in {path}.", hint="Remove the file to have one made.")
        self._keys, self._buckets = ledger.keys, Buckets()
        self.key = None if self._keys.any() else self._own
        """The home's own key, where it opens."""

    def guest(self, request: Request) -> Guest:
        """Whose key a request carries. Raises 401 without one, and 403 for one that only looks."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        guest = self._known(given.strip()) if scheme.lower() == "bearer" else None
        if guest is None:
            raise HTTPException(
                401, "The key is missing or wrong: send it as Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not guest.draws and request.method not in ("GET", "HEAD"):
            raise HTTPException(403, "This key is for looking only.")
        return guest

    def admit(self, request: Request) -> tuple[Guest, Pace | None]:
        """Whose key a request carries, and how many more they may make now. Raises as `guest`, and
        `TooOften`."""
        guest = self.guest(request)
        if guest.id is None:
            return guest, None
        light = request.method not in ("POST", "PUT") or request.url.path.endswith("/cancel")
        return guest, self._buckets.take(guest.id, guest.limits, LOOKING if light else 1.0)

    def opens(self, owner: str | None) -> bool:
        """Whether what belongs to a key, or to the home, may be shown now."""
        return self.key is not None if owner is None else self._keys.opens(owner)

    def _known(self, text: str) -> Guest | None:
        if self.key is not None and hmac.compare_digest(text.encode(), self.key.encode()):
            return Guest(None, draws=True, limits=Limits())
        found = self._keys.find(text)
        if found is None:
            return None
        return Guest(found.id, draws=found.scope == "draw", limits=found.limits)

    def signature(self, path: str, expires: int) -> str:
        """What lets anybody who has it read what is at ``path`` until a time, in seconds since the
        epoch, as long as `opens` for whom it belongs to."""
        what = f"{path}?expires={expires}"
        return hmac.new(self._own.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]

    def signed(self, path: str, expires: int, signature: str) -> bool:
        """Whether a signature is one of ours, be it of now or of earlier."""
        return hmac.compare_digest(self.signature(path, expires), signature)


def until() -> int:
    """When a link that is given now ends, in seconds since the epoch."""
    return int(time.time()) + LINK_SECONDS
