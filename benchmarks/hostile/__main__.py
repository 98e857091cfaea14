"""``python -m benchmarks.hostile [--only PART …] [--n N]``: what guests who mean no good achieve,
which has to be nothing.

Ends with 1 where anything was violated, and 2 where a part cannot run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from ..tables import aligned
from . import SHOWN, Tally, injections, schema, tenants, tools, uploads

PARTS: dict[str, tuple[Callable[[int], Tally], int]] = {
    "schema": (schema.measure, 5000),
    "tenants": (tenants.measure, 5000),
    "tools": (tools.measure, 500),
    "uploads": (uploads.measure, 220),
    "injections": (injections.measure, 240),
}
"""The parts, and how many requests or files each has unless told otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART")
    parser.add_argument("--n", type=int, help="of each part, in the place of its own number")
    options = parser.parse_args(arguments)
    tallies = []
    for part in options.only:
        measure, n = PARTS[part]
        try:
            tallies.append(measure(options.n or n))
        except ImportError as error:
            print(f"{part} needs {error.name}: pip install {error.name}", file=sys.stderr)
            return 2
    for tally in tallies:
        for violation in tally.violations[:SHOWN]:
            print(f"{tally.part}: {violation}")
        for name, value in tally.notes.items():
            print(f"{tally.part}: {name} {value}")
    rows = [("part", "n", "violations", "seconds")]
    for t in tallies:
        rows.append((t.part, f"{t.n:,}", str(len(t.violations)), f"{t.seconds:.0f}"))
    print(aligned(rows))
    return 1 if any(tally.violations for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
