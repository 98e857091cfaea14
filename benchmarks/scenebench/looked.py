"""``python -m benchmarks.scenebench.looked OUT --n 300``: pictures of a run to be looked at by eye.

Cases are drawn at random, from all tasks in turn, with the pictures of all their arms, until there
are enough different pictures. They go onto sheets in a random order, each under its number;
neither its arm nor what the graders say of it can be seen. The requests are in the text file beside
the sheet. ``verdicts.csv`` is to be filled in: *right* where everything asked for is there and as
asked, *wrong* where something is not, *unclear* where that cannot be told. Then ``--take`` adds
the verdicts to ``looked.csv``, from which the report counts how far the graders are to be trusted.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..tables import aligned
from .arms import Row
from .prompts import SIX
from .report import GRADERS, Document, Graded, picture, told
from .statistics import Interval, bootstrap, corrected_share, trust, wilson

LOOKED = Path(__file__).with_name("looked.csv")
VERDICTS = ("right", "wrong", "unclear")
SIDE, MARGIN, COLUMNS = 300, 24, 3


@dataclass(frozen=True)
class Look:
    """What the eye says of the picture of a case in an arm: one of VERDICTS. ``sha256`` is of its
    pixels (`seal`), empty where there is no picture."""

    id: str
    arm: str
    sha256: str
    verdict: str
    note: str = ""


NAMES = [field.name for field in fields(Look)]


def seal(image: Image.Image | None) -> str:
    """The hash of a picture's size and pixels, whatever its file tells beside them."""
    if image is None:
        return ""
    size = f"{image.width}x{image.height} ".encode()
    return hashlib.sha256(size + image.convert("RGB").tobytes()).hexdigest()


def read(path: Path) -> list[Look]:
    """The verdicts of a file. Raises ValueError for one that is none."""
    rows = rows_of(path)
    if rows and [*rows[0]] != NAMES:
        raise ValueError(f"{path} has the columns {[*rows[0]]}; allowed is {', '.join(NAMES)}")
    looks = [Look(**row) for row in rows]
    for look in looks:
        _checked(look.verdict, f"{look.id} {look.arm}")
    return looks


def _checked(verdict: str, of: str) -> str:
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict!r} of {of} is no verdict; allowed are {', '.join(VERDICTS)}")
    return verdict


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


# -- the account


def account(of: Mapping[str, Sequence[Graded]], looks: Sequence[Look], folder: Path) -> Document:
    """What the eye says of the arms and of the graders, by those verdicts whose picture the run
    has; empty without any. Cases that cannot be satisfied are left out.

    A grader's TPR and FPR are of whole pictures, those of all arms together, each once.
    """
    known = {(look.id, look.arm, look.sha256): look.verdict for look in looks}
    named = {(look.id, look.arm) for look in looks}
    seen: list[tuple[Graded, str]] = []
    different: dict[tuple[str, str], tuple[Graded, bool]] = {}
    for one in (one for some in of.values() for one in some if one.spec.possible):
        if (one.row.id, one.row.arm) not in named:
            continue
        sha256 = seal(picture(folder, one.row))
        verdict = known.get((one.row.id, one.row.arm, sha256))
        if verdict is not None:
            seen.append((one, verdict))
        if verdict in ("right", "wrong"):
            different[one.row.id, sha256] = one, verdict == "right"
    if not different:
        return {}
    looked = [*different.values()]
    clear = [(one, verdict == "right") for one, verdict in seen if verdict != "unclear"]
    return {
        "looked": len(looked),
        "graders": {rule: _errors(looked, rule) for rule in GRADERS},
        "arms": {
            arm: _arm([(one, verdict) for one, verdict in seen if one.row.arm == arm])
            | {"corrected": {rule: _corrected(some, looked, rule) for rule in GRADERS}}
            for arm, some in of.items()
        },
        "differences": {
            f"loop less {arm}": asdict(_gain(clear, arm))
            for arm in of if "loop" in of and arm != "loop"
        },
    }  # fmt: skip


def _arm(seen: Sequence[tuple[Graded, str]]) -> Document:
    clear = [(one, verdict == "right") for one, verdict in seen if verdict != "unclear"]
    right = [right for _, right in clear]
    six = [right for one, right in clear if one.spec.task in SIX]
    return {
        "unclear": len(seen) - len(clear),
        "right": asdict(wilson(sum(right), len(right))),
        "six": asdict(wilson(sum(six), len(six))),
        "trust": asdict(trust([one.row.satisfied for one, _ in clear], right)),
    }


def _errors(clear: Sequence[tuple[Graded, bool]], rule: str) -> Document:
    counted = trust([one.right(rule) for one, _ in clear], [right for _, right in clear])
    return {"tpr": asdict(counted.tpr), "fpr": asdict(counted.fpr)}


def _corrected(
    some: Sequence[Graded], clear: Sequence[tuple[Graded, bool]], rule: str
) -> Document:  # fmt: skip
    possible = [one for one in some if one.spec.possible]
    share = corrected_share(
        [one.right(rule) for one in possible], [one.spec.task for one in possible],
        [(one.spec.id, one.right(rule), right) for one, right in clear],
    )  # fmt: skip
    return asdict(share)


def _gain(clear: Sequence[tuple[Graded, bool]], arm: str) -> Interval:
    """The loop less an arm, over the cases of which the eye can tell both."""
    of = {(one.spec.id, one.row.arm): (one.spec.task, right) for one, right in clear}
    pairs = [
        (task, int(right) - int(of[id, arm][1]))
        for (id, name), (task, right) in of.items()
        if name == "loop" and (id, arm) in of
    ]
    return bootstrap([gain for _, gain in pairs], [task for task, _ in pairs])


def markdown(eye: Document) -> str:
    """The tables; empty where nothing was looked at."""
    if not eye:
        return ""
    arms = eye["arms"].values()
    rows = [["by eye", *eye["arms"]]]
    rows.append(["right", *(told(arm["right"]) for arm in arms)])
    rows.append(["right, of the six", *(told(arm["six"]) for arm in arms)])
    rows.append(["not to be told", *(str(arm["unclear"]) for arm in arms)])
    rows.append(["false claims", *(told(arm["trust"]["fpr"]) for arm in arms)])
    rows.append(["says satisfied less right", *(_signed(arm["trust"]["gap"]) for arm in arms)])
    for rule in eye["graders"]:
        cells = (told(arm["corrected"][rule]) for arm in arms)
        rows.append([f"right by {rule}, corrected", *cells])
    if eye["differences"]:
        gains = (eye["differences"].get(f"loop less {arm}") for arm in eye["arms"])
        rows.append(["loop less it", *(told(gain) if gain else "" for gain in gains)])
    graders = [["grader", "right, of the right", "right, of the wrong"]]
    graders += [[name, told(r["tpr"]), told(r["fpr"])] for name, r in eye["graders"].items()]
    return (
        f"## {eye['looked']} different pictures by eye\n\n{aligned(rows)}\n\n{aligned(graders)}\n"
    )


def _signed(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:+.3f}"


# -- the sheets


def draw(
    rows: Sequence[Row], tasks: Mapping[str, str], folder: Path, n: int, seed: int
) -> list[tuple[Row, str]]:
    """Turns to be looked at, with the seals of their pictures: of cases drawn from every task in
    turn, with all their arms, until there are ``n`` different pictures or no more cases.

    ``tasks`` are the tasks of the cases that may be drawn, by id.
    """
    rng = np.random.default_rng(seed)
    left: dict[str, list[str]] = {}
    for id, task in tasks.items():
        left.setdefault(task, []).append(id)
    for ids in left.values():
        rng.shuffle(ids)
    drawn: list[tuple[Row, str]] = []
    different: set[tuple[str, str]] = set()
    for id in filter(None, chain.from_iterable(zip_longest(*left.values()))):
        if len(different) >= n:
            break
        mine = [(row, seal(picture(folder, row))) for row in rows if row.id == id]
        drawn += mine
        different |= {(id, sha256) for _, sha256 in mine if sha256}
    return drawn


def lay_out(
    drawn: Sequence[tuple[Row, str]], requests: Mapping[str, str], run: Path, out: Path, seed: int,
    sheet: int,
) -> int:  # fmt: skip
    """Writes the sheets, the requests beside them, ``verdicts.csv`` to be filled in and
    ``key.csv``, which tells what each number is; how many sheets there are."""
    shown = {(row.id, sha256): row for row, sha256 in drawn if sha256}
    keys = sorted(shown)
    np.random.default_rng(seed).shuffle(keys)
    numbers = {(id, sha256): k + 1 for k, (id, sha256) in enumerate(keys)}
    out.mkdir(parents=True)
    pages = [[*numbers.items()][k : k + sheet] for k in range(0, len(numbers), sheet)]
    for k, page in enumerate(pages):
        pictures = {number: picture(run, shown[key]) for key, number in page}
        name = f"sheet-{k + 1:02d}"
        page_of(pictures).save(out / f"{name}.png")
        lines = (f"{number}\t{requests[id]}\n" for (id, _), number in page)
        (out / f"{name}.txt").write_text("".join(lines), "utf-8")
    write(
        out / "verdicts.csv", ["number", "verdict", "note"], ([k, "", ""] for k in numbers.values())
    )
    write(
        out / "key.csv", ["number", "id", "arm", "sha256"],
        ([numbers.get((row.id, sha256), ""), row.id, row.arm, sha256] for row, sha256 in drawn),
    )  # fmt: skip
    return len(pages)


def page_of(pictures: Mapping[int, Image.Image | None], columns: int = COLUMNS) -> Image.Image:
    """A sheet of pictures under their numbers; those that are wider share the width with fewer."""
    lines = -(-len(pictures) // columns)
    wide = COLUMNS * (SIDE + 2 * MARGIN) // columns
    high = SIDE + 2 * MARGIN
    page = Image.new("RGB", (columns * wide, lines * high + MARGIN), "white")
    drawing, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for k, (number, image) in enumerate(pictures.items()):
        x, y = k % columns * wide + MARGIN, k // columns * high + MARGIN
        drawing.text((x, y - 4), str(number), fill="black", font=font)
        if image is not None:
            image.thumbnail((wide - 2 * MARGIN, SIDE), Image.Resampling.LANCZOS)
            page.paste(image, (x, y + MARGIN))
    return page


def take(out: Path, path: Path) -> int:
    """Adds the verdicts of ``out`` to a file of looks; how many lines that adds or changes.

    Raises ValueError where a number has no verdict, since to leave pictures out is to pick.
    """
    filled = {row["number"]: (row["verdict"], row["note"]) for row in rows_of(out / "verdicts.csv")}
    looks = {(look.id, look.arm, look.sha256): look for look in read(path)} if path.exists() else {}
    before = set(looks.values())
    for key in rows_of(out / "key.csv"):
        number = key.pop("number")
        verdict, note = filled.get(number, ("", "")) if number else ("wrong", "no picture")
        look = Look(**key, verdict=_checked(verdict, f"number {number}"), note=note)
        looks[look.id, look.arm, look.sha256] = look
    write(path, NAMES, (astuple(looks[key]) for key in sorted(looks)))
    return len({*looks.values()} - before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sheets, or take the verdicts; always 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenebench.looked", description=__doc__
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder of a run")
    parser.add_argument("--n", type=int, default=300, help="different pictures")
    parser.add_argument("--seed", type=int, default=1, help="of the drawing")
    parser.add_argument("--sheet", type=int, default=12, help="pictures on a sheet")
    parser.add_argument("--take", action="store_true", help="take verdicts.csv into --looked")
    parser.add_argument("--looked", type=Path, default=LOOKED, help="the file of all verdicts")
    options = parser.parse_args(arguments)
    out = options.out / "looking"
    if options.n < 1 or options.sheet < 1:
        parser.error(f"--n {options.n} --sheet {options.sheet} is refused; allowed is 1 or more")
    if options.take:
        if not (out / "verdicts.csv").exists():
            parser.error(f"{out} holds no verdicts.csv; without --take it is made")
        try:
            print(f"{take(out, options.looked)} verdicts added to {options.looked}")
        except ValueError as error:
            parser.error(str(error))
        return 0
    if out.exists():
        parser.error(f"{out} is there already; a second drawing would be a choice")
    if not (options.out / "cases.jsonl").exists():
        parser.error(f"{options.out} holds no cases.jsonl, so no run")
    cases = {case["id"]: case for case in _lines(options.out / "cases.jsonl") if case["possible"]}
    rows = [row for row in map(Row.read, _lines(options.out / "turns.jsonl")) if row.id in cases]
    of = {row.id: cases[row.id]["task"] for row in rows}
    drawn = draw(rows, of, options.out, options.n, options.seed)
    requests = {id: case["request"] for id, case in cases.items()}
    n = lay_out(drawn, requests, options.out, out, options.seed, options.sheet)
    print(f"{n} sheets in {out}; fill in verdicts.csv, then --take")
    return 0


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    raise SystemExit(main())
