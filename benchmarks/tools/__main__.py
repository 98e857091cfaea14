"""``python -m benchmarks.tools [--n 100] [--only NAME …] [--json]``: how well each tool works.

One table: tool, measure, value, 95 % interval, n. A tool whose model is missing is listed as "not
here".
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from danqing.tools import catalogue, models
from danqing.tools.call import WorkerCrashed, WorkerFailed
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine
from danqing.tools.errors import Stopped
from danqing.tools.own_models import LOADERS
from training import grader

from . import (
    Row,
    ask,
    cost,
    edge_guided,
    gan_image,
    inpaint,
    meaning,
    missing,
    robustness,
    segment,
    style_transfer,
    table,
    upscale,
)
from .studio import Studio

MEASURES: dict[str, tuple[Callable[[Studio], list[Row]], tuple[str, ...]]] = {
    "inpaint": (inpaint.measure, ("inpaint",)),
    "segment": (segment.measure, ("segment",)),
    "edge_guided": (edge_guided.measure, ("edge_guided", "text_to_image")),
    "style_transfer": (style_transfer.measure, ("style_transfer",)),
    "upscale": (upscale.measure, ("upscale",)),
    "ask": (ask.measure, ("ask",)),
    "gan_image": (gan_image.measure, ("gan_image", "text_to_image")),
    "meaning": (meaning.measure, ("gan_image",)),
    "robustness": (robustness.measure, ()),
    "cost": (cost.measure, ()),
}
"""What is measured, and the tools without which it cannot be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a measure failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tools", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="cases of each measure")
    parser.add_argument("--only", nargs="+", choices=[*MEASURES], metavar="NAME",
                        default=[*MEASURES], help=f"some of {', '.join(MEASURES)}")  # fmt: skip
    parser.add_argument("--models", default=catalogue.DEFAULT_PROFILE, metavar="NAME|FOLDER",
                        help="a profile, or the folder of a pipeline")  # fmt: skip
    parser.add_argument("--role", action="append", default=[], metavar="ROLE=FOLDER",
                        help="another model for a role of the profile")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON document, not a table")
    options = parser.parse_args(arguments)
    if options.n < 1:
        parser.error(f"--n {options.n} is refused; allowed is 1 or more")
    profile = catalogue.profile(options.models)
    try:
        profile = with_roles(profile, options.role)
    except ValueError as error:
        parser.error(str(error))
    models.configure_torch()
    with Engine(profile) as engine:
        rows, failed = measured(Studio(engine, grader.load(), options.n), options.only)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False))
    else:
        print(table(rows))
    return int(failed)


def with_roles(profile: Profile, given: Sequence[str]) -> Profile:
    """A profile with other models, each given as ROLE=FOLDER. Raises ValueError for an unknown
    role, or a folder that is not there."""
    entries = dict(profile.models)
    for text in given:
        role, _, folder = text.partition("=")
        if role not in LOADERS or not Path(folder).is_dir():
            raise ValueError(f"--role {text} is refused; allowed is ROLE=FOLDER with one of"
                             f" {', '.join(LOADERS)}")  # fmt: skip
        source = str(Path(folder).resolve())
        old = entries.get(role)  # type: ignore[call-overload]
        entries[role] = (  # type: ignore[index]
            old.model_copy(update={"source": source})
            if old
            else Entry(source=source, loader=LOADERS[role])  # type: ignore[index, arg-type]
        )
    return Profile(name=profile.name, summary=profile.summary, models=entries)


def measured(studio: Studio, names: Sequence[str]) -> tuple[list[Row], bool]:
    """The rows of some measures, and whether one of them failed."""
    rows: list[Row] = []
    failed = False
    for name in names:
        measure, needs = MEASURES[name]
        if not all(map(studio.can, needs)):
            rows.append(missing(name))
            continue
        try:
            rows += measure(studio)
        except (Stopped, WorkerFailed, WorkerCrashed) as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            rows.append(Row(name, "all", None, note="failed"))
            failed = True
    return rows, failed


if __name__ == "__main__":
    raise SystemExit(main())
