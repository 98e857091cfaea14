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

from .arms import ARMS, Row, statuses
from .graders import classical, grade, learned
from .graders.spec import Atom, Spec
from .prompts import SIX, TASKS
from .statistics import bootstrap, mcnemar, trust, wilson

GRADERS: dict[str, Callable[[tuple[bool, bool]], bool]] = {
    "both": all,
    "learned": lambda answers: answers[1],
    "classical": lambda answers: answers[0],
    "either": any,
}
"""How an atom is decided from what the classical and the learned grader say of it."""
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
            answers = grade(spec, _picture(folder, row))
            known[key] = [list(answer) for answer in answers.values()]
        atoms = dict.fromkeys(spec.atoms)
        told = zip(atoms, ((bool(a), bool(b)) for a, b in known[key]), strict=True)
        result.append(Graded(spec, row, dict(told)))
    path.write_text(json.dumps({"graders": seal, "answers": known}), "utf-8")
    return result


def _picture(folder: Path, row: Row) -> Image.Image | None:
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


def document(results: Sequence[Graded], arms: Sequence[str], digest: str) -> Document:
    """Everything that is reported, ready for JSON. Only cases that all arms have count."""
    shared = set.intersection(
        *({one.spec.id for one in results if one.row.arm == arm} for arm in arms)
    )
    of = {
        arm: sorted(
            (one for one in results if one.row.arm == arm and one.spec.id in shared),
            key=lambda one: ([*TASKS].index(one.spec.task), one.spec.id),
        )
        for arm in arms
    }
    return {
        "version": 1,
        "cases": {"digest": digest, "tasks": dict(Counter(o.spec.task for o in of[arms[0]]))},
        "graders": hashes(),
        "scores": {grader: _scores(of, grader) for grader in GRADERS},
        "costs": {arm: _costs([one.row for one in some]) for arm, some in of.items()},
        "loop": _losses(of["loop"]) if "loop" in of else {},
    }


def _scores(of: dict[str, list[Graded]], grader: str) -> Document:
    """Shares right by task and in the mean, differences, and how far the studio can be trusted."""
    result: Document = {"arms": {}, "against": {}}
    for arm, some in of.items():
        right = [one.right(grader) for one in some]
        tasks = [one.spec.task for one in some]
        drawn = [k for k, one in enumerate(some) if one.spec.possible]
        believed = trust([some[k].row.satisfied for k in drawn], [right[k] for k in drawn])
        six = [k for k in drawn if tasks[k] in SIX]
        result["arms"][arm] = {
            "tasks": {
                task: asdict(wilson(sum(r for r, t in zip(right, tasks, strict=True) if t == task),
                                    tasks.count(task)))
                for task in dict.fromkeys(tasks)
            },
            "six": asdict(bootstrap([right[k] for k in six], [tasks[k] for k in six])),
            "macro": asdict(bootstrap(right, tasks)),
            "languages": {
                language: asdict(wilson(*_counted(some, right, "language", language)))
                for language in ("en", "zh")
            },
            "held_out": asdict(wilson(*_counted(some, right, "held_out", True))),
            "plain": asdict(wilson(*_counted(some, right, "held_out", False))),
            "trust": asdict(believed),
        }  # fmt: skip
        if "loop" in of and arm != "loop":
            after = [one.right(grader) for one in of["loop"]]
            gain = [int(b) - int(a) for a, b in zip(right, after, strict=True)]
            result["against"][arm] = {
                "six": asdict(bootstrap([gain[k] for k in six], [tasks[k] for k in six])),
                "macro": asdict(bootstrap(gain, tasks)),
                **asdict(mcnemar(right, after)),
            }
    return result


def _counted(
    some: Sequence[Graded], right: Sequence[bool], name: str, value: object
) -> tuple[int, int]:
    mine = [r for one, r in zip(some, right, strict=True) if getattr(one.spec, name) == value]
    return sum(mine), len(mine)


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
    """The tables."""
    parts = [
        f"Cases {doc['cases']['digest']}, graders "
        f"{doc['graders']['learned'][:12]} and {doc['graders']['classical'][:12]}."
    ]
    for grader, scores in doc["scores"].items():
        parts += [f"## Right by {grader}", _score_table(doc, scores), _against_table(scores)]
    parts += ["## Costs", _cost_table(doc["costs"])]
    if doc["loop"]:
        parts += ["## Where the loop loses", _loss_table(doc["loop"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _score_table(doc: Document, scores: Document) -> str:
    arms = [*scores["arms"]]
    rows = [["task", "n", *arms]]
    for task, n in doc["cases"]["tasks"].items():
        rows.append([task, str(n), *(_told(scores["arms"][a]["tasks"][task]) for a in arms)])
    for name, title in (("six", "mean of the six"), ("macro", "mean of all tasks")):
        n = scores["arms"][arms[0]][name]["n"]
        if n:
            rows.append([title, str(n), *(_told(scores["arms"][a][name]) for a in arms)])
    for name, title in (("plain", "plain form"), ("held_out", "held-out paraphrases")):
        n = scores["arms"][arms[0]][name]["n"]
        rows.append([title, str(n), *(_told(scores["arms"][a][name]) for a in arms)])
    for language in ("en", "zh"):
        n = scores["arms"][arms[0]]["languages"][language]["n"]
        cells = (_told(scores["arms"][a]["languages"][language]) for a in arms)
        rows.append([language, str(n), *cells])
    for name, title in (
        ("tpr", "satisfied, of the right"), ("fpr", "satisfied, of the wrong (false claims)"),
    ):  # fmt: skip
        rows.append([title, "", *(_told(scores["arms"][a]["trust"][name]) for a in arms)])
    gaps = (f"{scores['arms'][a]['trust']['gap']:+.3f}" for a in arms)
    rows.append(["says satisfied less right", "", *gaps])
    return _table(rows)


def _against_table(scores: Document) -> str:
    if not scores["against"]:
        return ""
    rows = [["loop less", "six", "all tasks", "fixed", "broken", "McNemar p"]]
    for arm, row in scores["against"].items():
        rows.append([
            arm, _told(row["six"]), _told(row["macro"]), str(row["fixed"]), str(row["broken"]),
            f"{row['p']:.2g}",
        ])  # fmt: skip
    return _table(rows)


def _cost_table(costs: Document) -> str:
    rows = [["arm", "is", "pictures drawn", "seconds, median", "p95", "satisfied", "stopped"]]
    for arm, row in costs.items():
        stopped = ", ".join(f"{why} {n}" for why, n in row["stopped"].items())
        rows.append([
            arm, ARMS[arm].about, f"{row['calls']:.2f}", f"{row['seconds']['median']:.2f}",
            f"{row['seconds']['p95']:.2f}", f"{row['satisfied']:.3f}", stopped,
        ])  # fmt: skip
    return _table(rows)


def _loss_table(losses: Document) -> str:
    rows = [["atom", "n", "both see it", "the learned one sees it", "not understood",
             "called met, of the right", "called met, of the wrong"]]  # fmt: skip
    for kind, row in sorted(losses.items(), key=lambda item: item[1]["learned"]["value"]):
        rows.append([
            kind, str(row["n"]), _told(row["both"]), _told(row["learned"]),
            str(row["not_claimed"]), _told(row["verdicts"]["tpr"]), _told(row["verdicts"]["fpr"]),
        ])  # fmt: skip
    return _table(rows)


def _told(interval: Document) -> str:
    if interval["n"] == 0:
        return "–"
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


# -- as a picture

COLORS = ("#9aa5b1", "#5b8db8", "#c9803f", "#6aa56a", "#8a6bb1", "#b15b6e", "#55585c")
BAR, GAP, LEFT, TOP, WIDE = 13, 14, 170, 44, 560


def plot(doc: Document, path: Path) -> None:
    """Bars of every task and arm with their intervals, right by both graders."""
    arms = doc["scores"]["both"]["arms"]
    titles = [*doc["cases"]["tasks"], "all tasks"]
    block = BAR * len(arms) + GAP
    page = Image.new("RGB", (LEFT + WIDE + 60, TOP + block * len(titles) + 30), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + round(WIDE * share)
        draw.line([(x, TOP - 4), (x, page.height - 24)], fill="#e3e6ea")
        draw.text((x, page.height - 20), f"{share:.2f}", fill="#55585c", font=font, anchor="ma")
    for k, (arm, color) in enumerate(zip(arms, COLORS, strict=False)):
        x = LEFT + 90 * k
        draw.rectangle([x, 14, x + 10, 24], fill=color)
        draw.text((x + 15, 12), arm, fill="black", font=font)
    for row, title in enumerate(titles):
        y = TOP + block * row
        middle = y + BAR * len(arms) / 2
        draw.text((LEFT - 10, middle), title, fill="black", font=font, anchor="rm")
        for k, (scores, color) in enumerate(zip(arms.values(), COLORS, strict=False)):
            told = scores["tasks"].get(title, scores["macro"])
            top = y + BAR * k
            end = LEFT + round(WIDE * told["value"])
            draw.rectangle([LEFT, top, max(end, LEFT + 1), top + BAR - 3], fill=color)
            low, high = (LEFT + round(WIDE * told[side]) for side in ("low", "high"))
            draw.line([(low, top + 5), (high, top + 5)], fill="#22262b")
    page.save(path)
