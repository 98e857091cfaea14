"""One text for one value: JSON that compares, hashes and stores the same wherever it came from."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def scrub(text: str) -> str:
    """``text`` without what UTF-8 or SQLite cannot hold: NULs and lone surrogates become U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def canonical(value: Any) -> str:
    """``value`` as JSON with sorted keys, no spaces and every string scrubbed.

    Raises `ValueError` for a number that is not finite, `TypeError` for what is not JSON.
    """
    return json.dumps(
        _scrubbed(value),
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
    )


def digest(value: Any) -> str:
    """SHA-256 of the canonical text of ``value``, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _scrubbed(value: Any) -> Any:
    match value:
        case str():
            return scrub(value)
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise TypeError(f"the keys of a JSON object are strings, not {key!r}")
            return {scrub(key): _scrubbed(item) for key, item in value.items()}
        case list() | tuple():
            return [_scrubbed(item) for item in value]
    return value
