"""``python -m benchmarks.scenebench.edits --n 20``: does an edit do what was said?

Rendered scenes are opened in a session, and one change is asked for in words. Both graders say
whether it was made and whether the other things are as they were; the pixels say what else changed.
Every case adds a line to ``turns.jsonl`` in the folder of the run; what is there is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing import Budget, DanqingError, Home, Options, Session, Studio

from . import changes, keeping, wording
from .changes import EDITS, Case, drawn, middle
from .edit_report import document, markdown
from .edit_wording import REFERENCE
from .graders import classical, learned
from .graders.spec import Box, Sight, holds
from .keeping import Other
from .report import hashes
from .wording import Noun, Wanted

OUTSIDE = 0.005
"""So many of the pixels outside the changed places may change visibly."""
STILL = 0.001
"""With fewer changed pixels in all nothing was done."""
TALLER, SHORTER = 1.1, 0.9
"""A thing is bigger or smaller from here on; what is asked for is some four tenths."""
WIDER = 1.1
SAME = 28.0
"""PSNR in dB from which on an enlarged picture, made small again, is the one that it was."""
NOMINAL = 0.12
"""Half a side of what stands for a thing of which only the center is known."""


@dataclass(frozen=True)
class Row:
    """What came of one case. ``picture`` is the file of what the session stood at afterwards, or
    None; ``kept`` the status of the claim that all else is as it was, None where none was made."""

    id: str
    request: str
    picture: str | None
    satisfied: bool
    stopped: str
    kept: str | None
    calls: int
    seconds: float
    said: str


@dataclass(frozen=True)
class Grade:
    """What is true of an edit. Pairs are what the classical and what the learned grader says.

    ``followed``: what was asked is so. ``lost``: other things that are not as they were, of
    ``asked``. ``outside``: share of the pixels outside the changed places that changed visibly,
    ``exact``: that are not bit-identical; ``psnr`` there in dB; None where all may change.
    ``layout``: F1 of the outlines, None where those may change. ``still``: nothing was done.
    ``frame``: what the frame's change is worth: the seam of an extended picture, and the PSNR of an
    enlarged one less that of a bicubic one; ``whole`` tells whether it kept the picture.
    """

    followed: tuple[bool, bool]
    lost: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    asked: tuple[int, int] = (0, 0)
    outside: float | None = None
    exact: float | None = None
    psnr: float | None = None
    layout: float | None = None
    still: bool = False
    frame: float | None = None
    whole: bool = True

    @classmethod
    def read(cls, data: dict[str, Any]) -> Grade:
        """The grade that ``asdict`` wrote."""
        a, b = data["lost"]
        pairs = {name: tuple(data[name]) for name in ("followed", "asked")}
        return cls(**{**data, **pairs, "lost": (tuple(a), tuple(b))})

    @property
    def local(self) -> bool:
        """Whether the pixels outside the changed places are as they were."""
        return self.outside is None or self.outside <= OUTSIDE

    @property
    def kept(self) -> bool:
        """Whether all else is as it was."""
        return self.local and self.whole and not any(self.lost)

    @property
    def success(self) -> bool:
        return all(self.followed) and self.kept


# -- carrying out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the table; always 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenebench.edits",
                                     description=__doc__)  # fmt: skip
    parser.add_argument("--n", type=int, default=20, help="cases of each kind of change")
    parser.add_argument("--kinds", nargs="+", choices=[*EDITS], default=[*EDITS], metavar="KIND",
                        help=f"some of {', '.join(EDITS)}")  # fmt: skip
    parser.add_argument("--anchors", type=int, default=6, help="scenes to anchor the layout at")
    parser.add_argument("--out", type=Path, default=Path("build/edits"), help="the folder")
    parser.add_argument("--json", action="store_true", help="one JSON document, not a table")
    options = parser.parse_args(arguments)
    if options.n < 1:
        parser.error(f"--n {options.n} is refused; allowed is 1 or more")
    some = [case for kind in options.kinds for case in changes.cases(kind, options.n)]
    rows = carry_out(some, options.out)
    found = document(some, rows, graded(some, rows, options.out))
    if options.anchors:
        found["anchors"] = anchors(some, options.anchors, options.out)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (options.out / "results.json").write_text(text, "utf-8")
    table = markdown(found)
    (options.out / "results.md").write_text(table, "utf-8")
    print(text if options.json else table)
    return 0


def carry_out(some: Sequence[Case], folder: Path) -> list[Row]:
    """Every case once; what the folder's ``turns.jsonl`` holds already is not run again."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    turns = folder / "turns.jsonl"
    lines = turns.read_text("utf-8").splitlines() if turns.exists() else []
    rows = {row.id: row for row in (Row(**json.loads(line)) for line in lines)}
    rows = {c.id: rows[c.id] for c in some if c.id in rows and rows[c.id].request == c.request}
    missing = [case for case in some if case.id not in rows]
    if missing:
        with Studio(Home.open(folder / "home")) as studio, turns.open("a") as file:
            for done, case in enumerate(sorted(missing, key=lambda c: c.id.rpartition("-")[2])):
                row = rows[case.id] = carried_out(studio, case, folder / "pictures")
                file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
                file.flush()
                print(f"{done + 1} of {len(missing)}: {case.id} {row.seconds} s",
                      file=sys.stderr, flush=True)  # fmt: skip
    return [rows[case.id] for case in some]


def carried_out(studio: Studio, case: Case, folder: Path) -> Row:
    """One case in a session of its own; what the studio refuses is a row without a picture."""
    session = Session(studio, Options(seed=case.seed))
    words = case.request
    if case.edit.reference is not None:
        words = words.replace(REFERENCE, session.open(file_of(drawn(case.edit.reference))))
    start = session.open(file_of(drawn(case.scene, case.size)))
    began = time.monotonic()
    try:
        said = session.say(words, seed=case.seed)
    except DanqingError as error:
        took = round(time.monotonic() - began, 2)
        return Row(case.id, case.request, None, False, "refused", None, 0, took, str(error))
    took, head, turn = round(time.monotonic() - began, 2), session.head, said.turn
    name = None
    if head is not None and head != start:
        name = f"{case.id}.png".replace(" ", "-")
        studio.image(head).save(folder / name)
    if turn is None:
        return Row(case.id, case.request, name, False, "no turn", None, 0, took, said.words)
    ids = [c.id for c in turn.brief.claims if c.kind == "kept"] if turn.brief else []
    kept = next((turn.verdict[id].status for id in ids if id in turn.verdict), None)
    return Row(case.id, case.request, name, turn.satisfied, turn.stopped, kept, turn.cost.pictures,
               took, said.words)  # fmt: skip


def file_of(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


# -- grading


def graded(
    some: Sequence[Case], rows: Sequence[Row], folder: Path
) -> dict[str, tuple[Grade, Grade | None]]:
    """By case the grade of the edit, and that of the true target where there is one; kept in
    ``grades.json`` so that a picture is looked at once."""
    path = folder / "grades.json"
    here = Path(__file__).parent
    rules = b"".join((here / name).read_bytes() for name in ("edits.py", "keeping.py"))
    seal = {**hashes(), "rules": hashlib.sha256(rules).hexdigest()}
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known = kept.get("grades", {}) if kept.get("graders") == seal else {}
    for case, row in zip(some, rows, strict=True):
        key = f"{row.id} {row.request}"
        if key not in known:
            true = case.truth
            pair = grade(case, _opened(folder, row)), true and grade(case, true)
            known[key] = [asdict(g) if g else None for g in pair]
            path.write_text(json.dumps({"graders": seal, "grades": known}), "utf-8")
    found = {}
    for row in rows:
        mine, true = known[f"{row.id} {row.request}"]
        found[row.id] = Grade.read(mine), Grade.read(true) if true else None
    return found


def _opened(folder: Path, row: Row) -> Image.Image | None:
    if row.picture is None:
        return None
    with Image.open(folder / "pictures" / row.picture) as file:
        return file.convert("RGB")


def grade(case: Case, after: Image.Image | None) -> Grade:
    """What is true of the picture that an edit led to; None is none, and nothing was done."""
    start = drawn(case.scene, case.size)
    if after is None:
        return Grade((False, False), still=True)
    if case.edit.scope == "frame":
        return _framed(case, start, after)
    before, now = look(start), look(after)
    true = look(case.truth) if case.truth is not None and case.edit.scope == "scene" else None
    followed = [all(holds(atom, sight) for atom in case.edit.atoms) for sight in now]
    if case.edit.size is not None:
        followed[0] = followed[0] and _resized(case, before[0], now[0])
    if after.size != start.size:
        return Grade((followed[0], followed[1]), whole=False)
    lost = [*_lost(case, before, now, true)]
    change = keeping.changed(start, after)
    common = {"still": float(change.mean()) < STILL, **_pairs(followed, lost)}
    if case.edit.scope == "scene":
        return Grade(**common, layout=keeping.layout(start, after))
    inside = _inside(case, before, now)
    different = (np.asarray(start) != np.asarray(after)).any(-1)
    return Grade(
        **common, outside=float(change[~inside].mean()), exact=float(different[~inside].mean()),
        psnr=keeping.psnr_outside(start, after, inside), layout=keeping.layout(start, after),
    )  # fmt: skip


def look(picture: Image.Image) -> tuple[Sight, Sight]:
    """What the classical and the learned grader see."""
    return classical.see(picture), learned.see(picture)


def _lost(
    case: Case, before: tuple[Sight, Sight], now: tuple[Sight, Sight],
    true: tuple[Sight, Sight] | None,
) -> list[tuple[list[str], int]]:  # fmt: skip
    others = [Other(t.kind, middle(t.box)) for t in case.others]
    return [keeping.lost(before[k], now[k], others, true[k] if true else None) for k in (0, 1)]


def _pairs(followed: Sequence[bool], lost: Sequence[tuple[list[str], int]]) -> dict[str, Any]:
    return {
        "followed": (followed[0], followed[1]),
        "lost": (tuple(lost[0][0]), tuple(lost[1][0])), "asked": (lost[0][1], lost[1][1]),
    }  # fmt: skip


def _resized(case: Case, before: Sight, now: Sight) -> bool:
    """Only the classical grader tells sizes."""
    kind = case.scene.things[case.edit.touched[0]].kind
    was, is_ = ([t.box[3] - t.box[1] for t in sight.named(kind)] for sight in (before, now))
    if len(was) != 1 or len(is_) != 1:
        return False
    factor = is_[0] / was[0]
    return factor >= TALLER if case.edit.size == "bigger" else factor <= SHORTER


def _inside(case: Case, before: tuple[Sight, Sight], now: tuple[Sight, Sight]) -> np.ndarray:
    """Where a change of things may be: where they were, and where they are seen to be."""
    mask = changes.mask(case.scene, case.edit.touched)
    kinds = {case.scene.things[i].kind for i in case.edit.touched} | {*case.edit.new}
    others = [Other(t.kind, middle(t.box)) for t in case.others]
    boxes = [
        box
        for k in (0, 1)
        for kind in kinds
        for box in boxes_of(now[k], kind, others, known=k == 0)
    ]
    return keeping.region(mask, boxes)


def boxes_of(sight: Sight, kind: str, others: Sequence[Other], known: bool) -> list[Box]:
    """The boxes of things of a kind that are not among the others."""
    found = []
    for seen in sight.named(kind):
        x, y = seen.center
        if any(o.kind == kind and np.hypot(x - o.center[0], y - o.center[1]) <= keeping.NEAR
               for o in others):  # fmt: skip
            continue
        found.append(seen.box if known else (x - NOMINAL, y - NOMINAL, x + NOMINAL, y + NOMINAL))
    return found


def _framed(case: Case, start: Image.Image, after: Image.Image) -> Grade:
    """An extended or an enlarged picture."""
    if case.edit.side is not None:
        part = keeping.inner(after, start.size, case.edit.side)
        wider = part is not None and after.width >= WIDER * start.width
        if part is None or not wider:
            return Grade((False, False), still=after.size == start.size)
        exact = float((np.asarray(part) != np.asarray(start)).any(-1).mean())
        nothing = np.zeros(start.size[::-1], bool)
        return Grade(
            (True, True), exact=exact, outside=keeping.share_outside(start, part, nothing),
            frame=keeping.seam(after, start.width, case.edit.side),
        )  # fmt: skip
    right = after.size == (2 * start.width, 2 * start.height)
    if not right:
        return Grade((False, False), still=after.size == start.size)
    from benchmarks.tools.pixels import psnr

    true = drawn(case.scene, 2 * case.size)
    gain = psnr(after, true) - psnr(start.resize(after.size, Image.Resampling.BICUBIC), true)
    return Grade((True, True), frame=gain, whole=psnr(after.reduce(2), start) >= SAME)


# -- anchors


def anchors(some: Sequence[Case], n: int, folder: Path) -> dict[str, list[float]]:
    """How well outlines agree that were only through the autoencoder, or that are of a picture
    drawn anew from the same words: what `keeping.layout` is worth."""
    path = folder / "anchors.json"
    if path.exists():
        known: dict[str, list[float]] = json.loads(path.read_text("utf-8"))
        return known
    scenes = [case.scene for case in some if case.edit.scope == "scene"][:n]
    found: dict[str, list[float]] = {"autoencoder": [], "drawn anew": []}
    if not scenes:
        return found
    with Studio(Home.open(folder / "home")) as studio:
        for scene in scenes:
            start = drawn(scene)
            again = studio.engine.call("vae_variation", {"amount": 0.0}, {"image": start})
            found["autoencoder"].append(keeping.layout(start, again.images[0]))
            budget = Budget(pictures=1)
            turn = studio.ask(
                wording.plain(in_words(scene), "en"), Options(seed=scene.seed, budget=budget)
            )
            if turn.picture is not None:
                new = studio.image(turn.picture.handle)
                found["drawn anew"].append(keeping.layout(start, new))
    path.write_text(json.dumps(found), "utf-8")
    return found


def in_words(scene: changes.Scene) -> Wanted:
    """A scene as a request for a new picture."""
    counts: dict[tuple[str, str | None], int] = {}
    for thing in scene.things:
        counts[thing.kind, thing.color] = counts.get((thing.kind, thing.color), 0) + 1
    nouns = tuple(Noun(kind, n, color) for (kind, color), n in counts.items())
    facts = {fact: getattr(scene, fact) for fact in ("season", "time", "weather", "style")}
    return Wanted(nouns, facts=facts)


if __name__ == "__main__":
    raise SystemExit(main())
