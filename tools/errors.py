"""Every error this package raises on purpose, in one tree.

    DanqingError
    ├── ToolError    the planner can act on it: written for it, says what was given and is allowed
    └── Stopped      the user's to hear: what happened, what is kept, what to do next
        ├── Cancelled    the user stopped it
        └── BadInput     the request itself cannot be used (exit code 2)

Anything else that is raised is a bug and travels untouched.
"""

from __future__ import annotations


class DanqingError(Exception):
    """Base of the errors that are raised on purpose; catch one of its children."""


class ToolError(DanqingError):
    """A tool call that cannot be done as given; the message names the value and what is allowed."""


class Stopped(DanqingError):
    """The work ended early. ``kept`` says what is safe, ``hint`` what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, kept: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.kept = kept
        self.hint = hint

    def __str__(self) -> str:
        return " ".join(part for part in (self.args[0], self.kept, self.hint) if part)


class Cancelled(Stopped):
    """The user stopped the work (Ctrl-C, a cancel button)."""

    exit_code = 130


class BadInput(Stopped):
    """The request cannot be used as given: empty, too long, of a wrong size, an unknown name."""

    exit_code = 2
