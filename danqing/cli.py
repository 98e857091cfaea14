"""The command line's first instant: signals are in hand before anything else is imported."""

from __future__ import annotations

import sys

from .interrupt import Interruption


def main() -> None:
    """The ``danqing`` command; does not return."""
    interruption = Interruption()
    interruption.install()
    try:
        from .commands import danqing
        from .door import Door

        danqing.main(prog_name="danqing", obj=Door(interruption))
    except KeyboardInterrupt:
        sys.exit(130)
