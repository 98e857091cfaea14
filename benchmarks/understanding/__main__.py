"""``python -m benchmarks.understanding [--llm NAME]``: the score of the built-in parser, or of a
language model in its place, which then asks for nothing where it is of no use."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from danqing import reader

from . import Reading, Report, Understand, load, read, score


def main(arguments: Sequence[str] | None = None, understand: Understand | None = None) -> int:
    """Print the table for ``understand`` (what ``--llm`` says unless given); always 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.understanding", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document, not a table")
    parser.add_argument("--show-errors", action="store_true", help="list what each reading missed")
    parser.add_argument("--llm", default="builtin", help="who reads, as danqing draw takes it")
    options = parser.parse_args(arguments)
    with nullcontext(understand) if understand else reader(options.llm) as reads:
        readings = read(load(), reads)
    report = score(readings)
    wrong = [_error(r) for r in readings if not r.entirely_right] if options.show_errors else []
    if options.json:
        document = {**_plain(asdict(report)), **({"errors": wrong} if options.show_errors else {})}
        print(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))
        return 0
    for error in wrong:
        print("\n".join(_lines(error)), end="\n\n")
    print(table(report))
    return 0


def table(report: Report) -> str:
    """The report as text: the shares first, then a line for each group and kind that has claims."""
    lines = [f"{'requests':<24}{'n':>5}  share [95% interval]"]
    for share in report.shares:
        lines.append(f"{share.group:<6}{share.name:<18}{share.n:>5}  {share.share}")
    lines += ["", f"{'claims':<24}{'n':>5}  " + "".join(f"{c:<22}" for c in _COLUMNS).rstrip()]
    for row in report.rows:
        if row.n or not math.isnan(row.precision.value):
            cells = "".join(f"{cell!s:<22}" for cell in (row.precision, row.recall, row.f1))
            lines.append(f"{row.group:<6}{row.kind:<18}{row.n:>5}  {cells}".rstrip())
    lines += ["", f"{report.failed} requests on which the parser raised"]
    return "\n".join(lines)


_COLUMNS = ("precision", "recall", "F1")


def _error(reading: Reading) -> dict[str, Any]:
    gold, said = reading.sample.brief, reading.brief
    return {
        "id": reading.sample.id,
        "request": reading.sample.request,
        "error": reading.error,
        "intent": [gold.intent, said.intent if said else None],
        "target": [gold.target, said.target if said else None],
        "missing": [list(key) for key in reading.missing.elements()],
        "extra": [list(key) for key in reading.extra.elements()],
    }


def _lines(error: dict[str, Any]) -> list[str]:
    lines = [f"{error['id']}  {error['request']}"]
    if error["error"]:
        lines.append(f"  raised   {error['error']}")
    for name in ("intent", "target"):
        gold, said = error[name]
        if gold != said:
            lines.append(f"  {name}   {said!r} for {gold!r}")
    for name in ("missing", "extra"):
        for key in error[name]:
            parts = ("." if part is None else str(part) for part in key)
            lines.append(f"  {name:<8} {' '.join(parts)}")
    return lines


def _plain(value: Any) -> Any:
    """The same with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    sys.exit(main())
