"""What the errors of providers' clients mean: whether to ask again, and when."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two tries where the server does not say, growing from one to the other."""
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_LOST = ("Timeout", "Connect", "Transport", "Protocol", "APIError", "APIStatusError",
         "ResponseError", "UnknownApiResponse")  # fmt: skip
"""Parts of the names of errors of clients that got no answer, or lost it in the middle."""
_RETRY_DELAY = re.compile(r"retryDelay\W+([0-9]+(?:\.[0-9]+)?)s\b")


class Fault(Exception):
    """One request that failed: whether it may be tried ``again``, and ``after`` which pause, in
    seconds, where the server told."""

    def __init__(
        self, why: str, *, again: bool = True, after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(why)
        self.why, self.again, self.after, self.status = why, again, after, status

    def pause(self, attempt: int) -> float:
        """Seconds to wait: what the server asks for, else growing ones with full jitter."""
        if self.after is not None:
            return self.after
        return random.uniform(0.2, 1.0) * min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)


def fault_of(error: Exception) -> Fault:
    """What a client's error means. Their classes differ by provider; what they tell does not, be it
    by themselves or by the error that they came of."""
    chain = list(_chain(error))
    status = next(filter(None, map(_status, chain)), None)
    text = str(getattr(error, "message", None) or error) or type(error).__name__
    spent = "insufficient_quota" in text
    if status is None:
        # No answer came, or its end did not: a refused or reset connection, a time-out, an error in
        # the middle, half a part; else a bug of somebody's.
        lost = any(
            isinstance(one, OSError | json.JSONDecodeError)
            or any(name in kind.__name__ for kind in type(one).__mro__ for name in _LOST)
            for one in chain
        )
        if "No generation chunks" in text:  # how LangChain says that a stream was empty
            lost, text = True, "its reply was empty"
        return Fault(text, again=lost and not spent)
    text = re.sub(r"^Error code: \d+ - ", "", text)
    return Fault(
        f"it answered {status}: {text}", again=status in _AGAIN and not spent,
        after=_retry_after(chain, text), status=status,
    )  # fmt: skip


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status of a refusal; None where there was none."""
    response = getattr(error, "response", None)
    for where, name in ((error, "status_code"), (response, "status_code"), (error, "code")):
        if isinstance(value := getattr(where, name, None), int) and 400 <= value < 600:
            return value
    return None


def _retry_after(chain: Sequence[BaseException], text: str) -> float | None:
    """The seconds in a Retry-After header, which holds a number or a date; or, as Google tells it,
    in the body."""
    for error in chain:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        if (told := headers.get("retry-after")) is not None:
            break
    else:
        body = _RETRY_DELAY.search(text)
        return float(body[1]) if body else None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
