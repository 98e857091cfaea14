"""``python -m benchmarks.scenebench.looked_edits OUT``: the edits of a run, looked at by eye.

OUT is a folder of ``edits`` or of ``chains``. Every edit that made a picture goes onto a sheet,
before and after side by side (and before them the picture whose
style is asked for), in a random order and each under its number; nothing tells what the
graders or the studio say of it. The requests are in the text file beside the sheet.
``verdicts.csv`` is to be filled in: *right* where what was said was done and all else is as it was,
*wrong* where not, *unclear* where that cannot be told. ``--take`` counts, an edit without a picture
of its own being wrong, and adds the verdicts to ``looked-edits.csv``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..tables import aligned
from . import changes
from .chains import UNDONE, Chain, chains
from .looked import Look, page_of, read, rows_of, seal, take, write
from .report import told
from .statistics import wilson

LOOKED = Path(__file__).with_name("looked-edits.csv")
SHEET, COLUMNS, SIDE = 8, 2, 448
ARM = "edit"
"""What stands for the arm in the file of verdicts."""


@dataclass(frozen=True)
class Edited:
    """One edit of a run. ``after`` is None where there is no new picture."""

    id: str
    request: str
    before: Image.Image
    after: Image.Image | None
    reference: Image.Image | None = None


def edited(folder: Path) -> list[Edited]:
    """The edits of a run, in its order. Raises FileNotFoundError for a folder that is none."""
    if (folder / "chains.jsonl").exists():
        rows = _lines(folder / "chains.jsonl")
        some = {chain.id: chain for chain in chains(len(rows))}
        return [one for row in rows for one in _of_chain(some[row["id"]], row, folder)]
    rows = _lines(folder / "turns.jsonl")
    kinds = {row["id"].rpartition("-")[0]: 0 for row in rows}
    n = 1 + max(int(row["id"].rpartition("-")[2]) for row in rows)
    cases = {case.id: case for kind in kinds for case in changes.cases(kind, n)}
    found = []
    for row in rows:
        case = cases[row["id"]]
        after = _opened(folder / "pictures" / row["picture"]) if row["picture"] else None
        start = changes.drawn(case.scene, case.size)
        like = None if case.edit.reference is None else changes.drawn(case.edit.reference)
        found.append(Edited(case.id, row["request"], start, after, like))
    return found


def _of_chain(chain: Chain, row: Mapping[str, Any], folder: Path) -> list[Edited]:
    pictures = [changes.drawn(chain.scene)]
    pictures += [_opened(folder / "pictures" / turn["picture"]) for turn in row["turns"]]
    found = []
    for k, turn in enumerate(row["turns"]):
        before, after = pictures[k if k != UNDONE else k - 1], pictures[k + 1]
        made = None if seal(before) == seal(after) else after
        found.append(Edited(f"{chain.id}-{k}", turn["request"], before, made))
    return found


def lay_out(some: Sequence[Edited], out: Path, seed: int) -> int:
    """Writes the sheets and what belongs to them; returns how many there are."""
    seen = [one for one in some if one.after is not None]
    order = np.random.default_rng(seed).permutation(len(seen))
    numbers = {seen[i].id: k + 1 for k, i in enumerate(order)}
    by_number = {numbers[one.id]: one for one in seen}
    out.mkdir(parents=True)
    pages = [range(k, min(k + SHEET, len(seen) + 1)) for k in range(1, len(seen) + 1, SHEET)]
    for k, page in enumerate(pages):
        name = f"sheet-{k + 1:02d}"
        page_of({n: _pair(by_number[n]) for n in page}, COLUMNS).save(out / f"{name}.png")
        lines = (f"{n}\t{by_number[n].request}\n" for n in page)
        (out / f"{name}.txt").write_text("".join(lines), "utf-8")
    write(out / "verdicts.csv", ["number", "verdict", "note"], ([n, "", ""] for n in by_number))
    rows = ([numbers.get(one.id, ""), one.id, ARM, seal(one.after)] for one in some)
    write(out / "key.csv", ["number", "id", "arm", "sha256"], rows)
    return len(pages)


def _pair(one: Edited) -> Image.Image:
    """Both pictures, of one height, side by side; before them the one whose style is asked for."""
    images = [image for image in (one.reference, one.before, one.after) if image is not None]
    all_ = [
        image.convert("RGB").resize((round(SIDE * image.width / image.height), SIDE))
        for image in images
    ]
    page = Image.new("RGB", (sum(image.width + 8 for image in all_) - 8, SIDE), "white")
    x = 0
    for image in all_:
        page.paste(image, (x, 0))
        x += image.width + 8
    return page


def group(look: Look) -> str:
    """What an edit is counted by: the kind of its change, or its chain."""
    return look.id.rpartition("-")[0]


def markdown(looks: Sequence[Look]) -> str:
    """How many are right, by kind of change; or, of chains, by turn and as a whole."""
    if not all(group(look).startswith("chain-") for look in looks):
        of: dict[str, list[Look]] = {}
        for look in looks:
            of.setdefault(group(look), []).append(look)
        rows = [["change", "right by eye"], *([kind, _right(mine)] for kind, mine in of.items())]
        return aligned([*rows, ["all", _right(looks)]])
    rows = [["edits", *(f"turn {k + 1}" for k in range(5)), "whole chain"]]
    whole: dict[str, list[Look]] = {}
    for look in looks:
        whole.setdefault(group(look), []).append(look)
    for length in sorted({len(turns) for turns in whole.values()}):
        mine = [turns for turns in whole.values() if len(turns) == length]
        cells = [_right([turns[k] for turns in mine]) if k < length else "" for k in range(5)]
        hits = [all(look.verdict == "right" for look in turns) for turns in mine]
        rows.append([str(length), *cells, told(asdict(wilson(sum(hits), len(hits))))])
    return aligned(rows)


def _right(looks: Sequence[Look]) -> str:
    clear = [look.verdict == "right" for look in looks if look.verdict != "unclear"]
    return told(asdict(wilson(sum(clear), len(clear)))) if clear else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sheets, or take the verdicts; always 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenebench.looked_edits", description=__doc__
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder of a run")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    parser.add_argument("--take", action="store_true", help="count verdicts.csv")
    parser.add_argument("--looked", type=Path, default=LOOKED, help="the file of all verdicts")
    options = parser.parse_args(arguments)
    out = options.out / "looking"
    if options.take:
        try:
            take(out, options.looked)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        mine = {(row["id"], row["sha256"]) for row in rows_of(out / "key.csv")}
        looks = [look for look in read(options.looked) if (look.id, look.sha256) in mine]
        print(markdown(looks))
        return 0
    if out.exists():
        parser.error(f"{out} is there already; a second drawing would be a choice")
    try:
        n = lay_out(edited(options.out), out, options.seed)
    except FileNotFoundError as error:
        parser.error(f"{options.out} holds no run: {error}")
    print(f"{n} sheets in {out}; fill in verdicts.csv, then --take")
    return 0


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB")


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    raise SystemExit(main())
