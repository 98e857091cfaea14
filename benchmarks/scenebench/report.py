"""From pictures and turns to the table, the JSON document and the plot."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..tables import aligned
from .arms import Row, statuses
from .graders import classical, grade, learned
from .graders.spec import Atom, Spec
from .prompts import SIX, TASKS
from .statistics import bootstrap, holm, mcnemar, trust, wilson

GRADERS: dict[str, Callable[[tuple[bool, bool]], bool]] = {
    "both": all,
    "learned": lambda answers: answers[1],
    "classical": lambda answers: answers[0],
    "either": any,
}
"""How an atom is decided from what the classical and the learned grader say of it."""
PAIRS = (
    ("loop", "best"), ("loop", "single"), ("loop", "reworded"), ("loop", "chance"),
    ("loop", "shuffled"), ("oracle", "loop"), ("single", "chance"),
)  # fmt: skip
"""Arms that are compared: of each, what the first is worth beside the second."""
MEANS = {
    "loop less best": "at equal pictures",
    "loop less shuffled": "what its judge is worth",
    "oracle less loop": "what its judge loses",
    "single less chance": "noise",
}
CLEAR = 0.05
Document = dict[str, Any]


@dataclass(frozen=True)
class Graded:
    """A turn, and for each atom what the classical and the learned grader saw."""

    spec: Spec
    row: Row
    answers: dict[Atom, tuple[bool, bool]]

    def right(self, grader: str) -> bool:
        """Whether the case was answered rightly: with all atoms, or with an honest failure where
        nothing else was possible."""
        if not self.spec.possible:
            return not self.row.satisfied
        return all(map(GRADERS[grader], self.answers.values()))


def graded(specs: Sequence[Spec], rows: Sequence[Row], folder: Path) -> list[Graded]:
    """The graders' answers to every turn, kept in ``grades.json`` so that a picture is looked at
    once."""
    by_id = {spec.id: spec for spec in specs}
    path = folder / "grades.json"
    seal = hashes()
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known = kept.get("answers", {}) if kept.get("graders") == seal else {}
    result = []
    for row in rows:
        if row.id not in by_id:
            continue
        spec, key = by_id[row.id], f"{row.id} {row.arm}"
        if key not in known:
            answers = grade(spec, picture(folder, row))
            known[key] = [list(answer) for answer in answers.values()]
        atoms = dict.fromkeys(spec.atoms)
        told = zip(atoms, ((bool(a), bool(b)) for a, b in known[key]), strict=True)
        result.append(Graded(spec, row, dict(told)))
    path.write_text(json.dumps({"graders": seal, "answers": known}), "utf-8")
    return result


def picture(folder: Path, row: Row) -> Image.Image | None:
    """What a turn handed over, from the folder of its run; None for nothing."""
    if row.picture is None:
        return None
    with Image.open(folder / "pictures" / row.picture) as file:
        return file.convert("RGB")


def hashes() -> dict[str, str]:
    """What the graders are: the hashes of their weights, their templates and their code."""
    code = sorted(Path(classical.__file__).parent.glob("[!_]*.py"))
    parts = {"learned": [learned.WEIGHTS], "classical": [classical.TEMPLATES], "code": code}
    return {
        name: hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
        for name, paths in parts.items()
    }


def painters(results: Sequence[Graded], folder: Path) -> Document:
    """The models that made the pictures, with their hashes, as the first picture tells."""
    for one in results:
        if one.row.picture is not None:
            with Image.open(folder / "pictures" / one.row.picture) as file:
                told = file.info.get("danqing", "{}")
            models: Document = json.loads(told).get("models", {})
            return models
    return {}


def compared(results: Sequence[Graded], arms: Sequence[str]) -> dict[str, list[Graded]]:
    """By arm, the cases that all arms have, in the same order."""
    shared = set.intersection(
        *({one.spec.id for one in results if one.row.arm == arm} for arm in arms)
    )
    return {
        arm: sorted(
            (one for one in results if one.row.arm == arm and one.spec.id in shared),
            key=lambda one: ([*TASKS].index(one.spec.task), one.spec.id),
        )
        for arm in arms
    }


def document(of: dict[str, list[Graded]], digest: str) -> Document:
    """Everything that is reported of `compared` cases, ready for JSON."""
    first = next(iter(of.values()))
    return {
        "version": 2,
        "cases": {"digest": digest, "tasks": dict(Counter(one.spec.task for one in first))},
        "graders": hashes(),
        "scores": {grader: _scores(of, grader) for grader in GRADERS},
        "costs": {arm: _costs([one.row for one in some]) for arm, some in of.items()},
        "loop": _losses(of["loop"]) if "loop" in of else {},
    }


def _scores(of: dict[str, list[Graded]], grader: str) -> Document:
    """Shares right by task and in the mean, differences, and how far the studio can be trusted."""
    right = {arm: [one.right(grader) for one in some] for arm, some in of.items()}
    return {
        "arms": {arm: _arm(some, right[arm], right.get("single")) for arm, some in of.items()},
        "differences": {
            f"{arm} less {other}": _difference(of[arm], right[other], right[arm])
            for arm, other in PAIRS
            if arm in of and other in of
        },
    }


def _arm(some: Sequence[Graded], right: Sequence[bool], single: Sequence[bool] | None) -> Document:
    tasks = [one.spec.task for one in some]
    drawn = [k for k, one in enumerate(some) if one.spec.possible]
    six = [k for k in drawn if tasks[k] in SIX]
    found: Document = {
        "tasks": {
            task: asdict(wilson(*_counted(right, [t == task for t in tasks])))
            for task in dict.fromkeys(tasks)
        },
        "six": asdict(bootstrap([right[k] for k in six], [tasks[k] for k in six])),
        "macro": asdict(bootstrap(right, tasks)),
        "trust": asdict(trust([some[k].row.satisfied for k in drawn], [right[k] for k in drawn])),
    }  # fmt: skip
    parts = {
        "plain": [not one.spec.held_out for one in some],
        "held_out": [one.spec.held_out for one in some],
        "en": [one.spec.language == "en" for one in some],
        "zh": [one.spec.language == "zh" for one in some],
    }
    if single is not None:
        possible = [one.spec.possible for one in some]
        parts["easy"] = [p and s for p, s in zip(possible, single, strict=True)]
        parts["hard"] = [p and not s for p, s in zip(possible, single, strict=True)]
    return found | {name: asdict(wilson(*_counted(right, part))) for name, part in parts.items()}


def _difference(some: Sequence[Graded], before: Sequence[bool], after: Sequence[bool]) -> Document:
    """What an arm is worth beside another, over the same cases, in the mean and task by task."""
    tasks = [one.spec.task for one in some]
    gain = [int(b) - int(a) for a, b in zip(before, after, strict=True)]
    six = [k for k, task in enumerate(tasks) if task in SIX]
    by_task = {}
    for task in dict.fromkeys(tasks):
        mine = [k for k, t in enumerate(tasks) if t == task]
        by_task[task] = asdict(mcnemar([before[k] for k in mine], [after[k] for k in mine]))
    for change, p in zip(by_task.values(), holm([c["p"] for c in by_task.values()]), strict=True):
        change["holm"] = p
    return {
        "six": asdict(bootstrap([gain[k] for k in six], [tasks[k] for k in six])),
        "macro": asdict(bootstrap(gain, tasks)),
        **asdict(mcnemar(before, after)),
        "tasks": by_task,
    }


def _counted(right: Sequence[bool], mine: Sequence[bool]) -> tuple[int, int]:
    return sum(r for r, m in zip(right, mine, strict=True) if m), sum(mine)


def _costs(rows: Sequence[Row]) -> Document:
    seconds = [row.seconds for row in rows]
    stopped = Counter(row.stopped.split(":")[0] for row in rows)
    return {
        "calls": float(np.mean([row.calls for row in rows])),
        "seconds": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))},
        "satisfied": float(np.mean([row.satisfied for row in rows])),
        "stopped": dict(stopped.most_common()),
    }


def _losses(some: Sequence[Graded]) -> Document:
    """By kind of atom, of the loop's pictures: the share that the graders see; what the studio's
    own verdict is worth against the learned one; and how many it never understood."""
    said: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    seen: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    missed: Counter[str] = Counter()
    for one in some:
        if not one.spec.possible:
            continue
        told = statuses(one.row, one.spec)
        for atom, answers in one.answers.items():
            seen[atom.kind].append(answers)
            if atom in told:
                said[atom.kind].append((told[atom] == "met", answers[1]))
            else:
                missed[atom.kind] += 1
    result: Document = {}
    for kind, pairs in seen.items():
        met, right = [s for s, _ in said[kind]], [r for _, r in said[kind]]
        result[kind] = {
            "n": len(pairs),
            "both": asdict(wilson(sum(map(all, pairs)), len(pairs))),
            "learned": asdict(wilson(sum(b for _, b in pairs), len(pairs))),
            "not_claimed": missed[kind],
            "verdicts": asdict(trust(met, right)),
        }
    return result


# -- as text


def markdown(doc: Document) -> str:
    """The tables; what is left out of them is in the document."""
    both, others = doc["scores"]["both"], {**doc["scores"]}
    del others["both"]
    parts = [
        f"Cases {doc['cases']['digest']}, graders "
        f"{doc['graders']['learned'][:12]} and {doc['graders']['classical'][:12]}.",
        "## Right, as both graders see it",
        _score_table(doc["cases"]["tasks"], both["arms"]),
        _difference_table(both["differences"]),
        "## By other rules, the mean of the six",
        _rule_table(others),
        "## Costs and claims",
        _cost_table(doc["costs"], doc["scores"]),
    ]
    if doc["loop"]:
        parts += ["## Where the loop loses", _loss_table(doc["loop"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _score_table(tasks: dict[str, int], arms: Document) -> str:
    first = next(iter(arms.values()))
    rows = [["task", "n", *arms]]
    for task, n in tasks.items():
        rows.append([task, str(n), *(told(arm["tasks"][task]) for arm in arms.values())])
    for name, title in (
        ("six", "mean of the six"), ("macro", "mean of all tasks"), ("plain", "plain form"),
        ("held_out", "held-out paraphrases"), ("en", "English"), ("zh", "Chinese"),
        ("easy", "where single is right"), ("hard", "where single is wrong"),
    ):  # fmt: skip
        if name in first and first[name]["n"]:
            rows.append([title, str(first[name]["n"]), *(told(a[name]) for a in arms.values())])
    return aligned(rows)


def _difference_table(differences: Document) -> str:
    if not differences:
        return ""
    rows = [
        ["difference", "six", "all tasks", "fixed", "broken", "McNemar p", "clear tasks (Holm)"]
    ]
    for name, row in differences.items():
        clear = [task for task, change in row["tasks"].items() if change["holm"] < CLEAR]
        rows.append([
            f"{name} ({MEANS[name]})" if name in MEANS else name, told(row["six"]),
            told(row["macro"]), str(row["fixed"]), str(row["broken"]), f"{row['p']:.2g}",
            ", ".join(clear) or "none",
        ])  # fmt: skip
    return aligned(rows)


def _rule_table(scores: Document) -> str:
    arms = [*next(iter(scores.values()))["arms"]]
    rows = [["right by", *arms]]
    for rule, told_by in scores.items():
        rows.append([rule, *(told(told_by["arms"][arm]["six"]) for arm in arms)])
        gains = [told_by["differences"].get(f"loop less {arm}") for arm in arms]
        if any(gains):
            rows.append(["loop less it", *(told(gain["six"]) if gain else "" for gain in gains)])
    return aligned(rows)


def _cost_table(costs: Document, scores: Document) -> str:
    rows = [["arm", "pictures", "seconds, median", "p95", "says satisfied", "false claims, both",
             "false claims, either", "says less right, both", "either", "stopped"]]  # fmt: skip
    for arm, row in costs.items():
        trusts = [scores[rule]["arms"][arm]["trust"] for rule in ("both", "either")]
        stopped = ", ".join(f"{why} {n}" for why, n in row["stopped"].items())
        rows.append([
            arm, f"{row['calls']:.2f}", f"{row['seconds']['median']:.2f}",
            f"{row['seconds']['p95']:.2f}", f"{row['satisfied']:.3f}",
            *(told(t["fpr"]) for t in trusts), *(f"{t['gap']:+.3f}" for t in trusts), stopped,
        ])  # fmt: skip
    return aligned(rows)


def _loss_table(losses: Document) -> str:
    rows = [["atom", "n", "both see it", "the learned one sees it", "not understood",
             "called met, of the right", "called met, of the wrong"]]  # fmt: skip
    for kind, row in sorted(losses.items(), key=lambda item: item[1]["learned"]["value"]):
        rows.append([
            kind, str(row["n"]), told(row["both"]), told(row["learned"]),
            str(row["not_claimed"]), told(row["verdicts"]["tpr"]), told(row["verdicts"]["fpr"]),
        ])  # fmt: skip
    return aligned(rows)


def told(interval: Document) -> str:
    """A value with its interval."""
    if interval["n"] == 0:
        return "–"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


# -- as a picture

COLORS = {
    "loop": "#17607a", "best": "#cf8432", "single": "#8b949e", "reworded": "#6f9a5f",
    "chance": "#b6a38a", "oracle": "#6b5596", "shuffled": "#b0566c",
}  # fmt: skip
INK, QUIET, RULE = "#22262b", "#6b727a", "#e6e9ec"
LINE, GAP, LEFT, TOP, WIDE, DOT, FINE = 11, 16, 160, 76, 560, 4, 3


def plot(doc: Document, path: Path) -> None:
    """A dot for every task and arm with its 95 % interval, right by both graders."""
    arms = doc["scores"]["both"]["arms"]
    tasks = doc["cases"]["tasks"]
    groups = [
        {task: [arm["tasks"][task] for arm in arms.values()] for task in some}
        for some in ([t for t in tasks if t in SIX], [t for t in tasks if t not in SIX])
    ]
    means = {"mean of the six": "six", "mean of all": "macro"}
    groups.append({title: [arm[name] for arm in arms.values()] for title, name in means.items()})
    groups = [{t: row for t, row in group.items() if row[0]["n"]} for group in groups]
    groups = [group for group in groups if group]
    block = LINE * len(arms) + GAP
    high = TOP + block * sum(map(len, groups)) + GAP * (len(groups) - 1)
    page = Page(LEFT + WIDE + 40, high + 34)
    page.text(LEFT, 14, "Right, as both graders see it, with 95 % intervals", INK, 15)
    x = LEFT + 0.0
    for arm in arms:
        page.dot(x + DOT, 50, COLORS[arm])
        x = page.text(x + 14, 43, arm, INK, 12) + 22
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        page.line(LEFT + WIDE * share, TOP, LEFT + WIDE * share, high, RULE)
        page.text(LEFT + WIDE * share, high + 8, f"{share:.0%}", QUIET, 11, "ma")
    y = TOP + GAP / 2
    for number, group in enumerate(groups):
        if number:
            page.line(20, y, LEFT + WIDE, y, "#c9ced3")
            y += GAP
        for title, row in group.items():
            page.text(LEFT - 16, y + LINE * len(arms) / 2, title, INK, 12, "rm")
            for arm, interval in zip(arms, row, strict=True):
                low, at, top = (LEFT + WIDE * interval[k] for k in ("low", "value", "high"))
                page.line(low, y + LINE / 2, top, y + LINE / 2, COLORS[arm])
                page.dot(at, y + LINE / 2, COLORS[arm])
                y += LINE
            y += GAP
    page.save(path)


class Page:
    """A white page of so many pixels, drawn finer than it is so that edges are smooth."""

    def __init__(self, wide: int, high: int) -> None:
        self._image = Image.new("RGB", (wide * FINE, high * FINE), "white")
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, color: str, size: int, anchor: str = "la"
    ) -> float:  # fmt: skip
        """Where it ends."""
        font = ImageFont.load_default(size * FINE)
        self._draw.text((x * FINE, y * FINE), text, fill=color, font=font, anchor=anchor)
        return x + self._draw.textlength(text, font=font) / FINE

    def line(self, x: float, y: float, to_x: float, to_y: float, color: str) -> None:
        ends = [k * FINE for k in (x, y, to_x, to_y)]
        self._draw.line(ends, fill=color, width=FINE)

    def dot(self, x: float, y: float, color: str) -> None:
        box = [k * FINE for k in (x - DOT, y - DOT, x + DOT, y + DOT)]
        self._draw.ellipse(box, fill=color, outline="white", width=FINE // 2)

    def save(self, path: Path) -> None:
        self._image.reduce(FINE).save(path)
