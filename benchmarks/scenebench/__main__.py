"""``python -m benchmarks.scenebench --n 100 --arms single best loop``: is the loop worth it?

The cases go into ``cases.jsonl`` in the folder of the run and each turn adds a line to
``turns.jsonl``, so a run that was cut short goes on with ``--resume``. When all turns are there
their pictures are graded, and the table is printed and written with ``results.json`` and
``plot.png``.
``--tasks edits`` and ``--tasks chains`` hand all other options over to those benchmarks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from danqing import Home, Studio

from . import chains, edits, looked, prompts, report
from .arms import ARMS, Judge, Row, Runner
from .graders.spec import Spec
from .prompts import SIX, TASKS
from .report import Graded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the table; always 0."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--tasks", nargs="*")
    named, rest = first.parse_known_args(arguments)
    for name, other in (("edits", edits.main), ("chains", chains.main)):
        if named.tasks == [name]:
            return other(rest)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenebench", description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="cases of each task")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS], default=["loop", "best", "single"])
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS, "six"], default=[*TASKS],
                        metavar="TASK",
                        help=f"edits or chains; six or some of {', '.join(TASKS)}")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--out", type=Path, default=Path("build/scenebench"), help="the folder")
    parser.add_argument("--resume", action="store_true", help="go on with the folder's run")
    parser.add_argument("--looked", type=Path, help="pictures looked at by eye (a CSV file); by "
                        "default the one beside this module, where there is one")  # fmt: skip
    options = parser.parse_args(arguments)
    tasks = [task for task in TASKS if task in options.tasks or (
        task in SIX and "six" in options.tasks)]  # fmt: skip
    if options.n < 1:
        parser.error(f"--n {options.n} is refused; allowed is 1 or more")
    specs = prompts.cases(tasks, options.n, options.seed)
    arms = [arm for arm in ARMS if arm in options.arms]
    turns = options.out / "turns.jsonl"
    if turns.exists() and not options.resume:
        parser.error(f"{options.out} holds a run already; --resume goes on with it")
    if "best" in arms and "loop" not in arms and not options.resume:
        parser.error("best draws as many pictures as the loop did: name the arm loop, too")
    if "shuffled" in arms and "single" not in arms and not options.resume:
        parser.error("shuffled takes its verdicts from single: name the arm single, too")
    if options.looked is not None and not options.looked.exists():
        parser.error(f"--looked {options.looked} is not there")
    try:
        keep(specs, options.out)
        path = options.looked or looked.LOOKED
        looks = looked.read(path) if path.exists() else []
    except ValueError as error:
        parser.error(str(error))
    print(f"{len(specs)} cases, digest {prompts.digest(specs)}", file=sys.stderr, flush=True)
    rows = carry_out(specs, arms, options.out)
    graded = report.graded(specs, rows, options.out)
    compared = report.compared(graded, arms)
    document = report.document(compared, prompts.digest(specs))
    document["eye"] = looked.account(compared, looks, options.out)
    document["models"] = report.painters(graded, options.out)
    (options.out / "results.json").write_text(json.dumps(document, indent=1), "utf-8")
    report.plot(document, options.out / "plot.png")
    text = "\n".join(filter(None, [report.markdown(document), looked.markdown(document["eye"])]))
    (options.out / "results.md").write_text(text, "utf-8")
    print(text)
    return 0


def keep(specs: Sequence[Spec], folder: Path) -> None:
    """Writes the cases into the folder's ``cases.jsonl``. Raises ValueError where the folder's run
    is of other cases under the same names."""
    path = folder / "cases.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    known = {case["id"]: case for case in map(json.loads, lines)}
    for case in (json.loads(json.dumps(asdict(spec))) for spec in specs):
        if known.setdefault(case["id"], case) != case:
            raise ValueError(
                f"{folder} holds a run of other cases: {case['id']} asks for {case['request']!r} "
                f"now and asked for {known[case['id']]['request']!r} then; begin another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in known.values())
    path.write_text(text, "utf-8")


def carry_out(specs: Sequence[Spec], arms: Sequence[str], folder: Path) -> list[Row]:
    """Every case in every arm; what the folder's ``turns.jsonl`` holds already is not run again."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    turns = folder / "turns.jsonl"
    rows = [Row.read(json.loads(line)) for line in turns.read_text("utf-8").splitlines()] if (
        turns.exists()) else []  # fmt: skip
    ordered = sorted(specs, key=lambda spec: spec.id.rpartition("-")[2])  # all tasks keep pace
    own = [arm for arm in arms if not ARMS[arm].judged]
    for judge, some in ((None, own), *((Judge(), [arm]) for arm in arms if arm not in own)):
        known = {(row.id, row.arm) for row in rows}
        missing = [(s, arm) for s in ordered for arm in some if (s.id, arm) not in known]
        if not missing:
            continue
        if judge is not None and some == ["shuffled"]:
            judge.others = of_others(report.graded(specs, rows, folder))
        with Studio(Home.open(folder / "home"), judge=judge) as studio, turns.open("a") as file:
            runner = Runner(studio, pictures, rows)
            for done, (spec, arm) in enumerate(missing):
                if judge is not None:
                    judge.spec = spec
                row = runner.run(spec, arm)
                rows.append(row)
                file.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
                file.flush()
                print(f"{done + 1} of {len(missing)}: {spec.id} {arm} {row.seconds} s",
                      file=sys.stderr, flush=True)  # fmt: skip
    wanted = {(spec.id, arm) for spec in specs for arm in arms}
    return [row for row in rows if (row.id, row.arm) in wanted]


def of_others(graded: Sequence[Graded]) -> dict[str, list[bool]]:
    """By kind of atom, what was true of the single shots."""
    found: dict[str, list[bool]] = defaultdict(list)
    for one in graded:
        if one.row.arm == "single":
            for atom, answers in one.answers.items():
                found[atom.kind].append(all(answers))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
