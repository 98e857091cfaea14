"""``python -m benchmarks.scenebench.chains --n 10``: does a conversation keep its thread?

Chains of three and of five edits in one session: something is added, "make it blue" means that,
another thing goes, the last step is undone; the long ones then hold a rule and change the season.
Every turn is graded as an edit is; what was undone must come back bit by bit, and ten things that
ask for no change must leave the picture alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing import DanqingError, Home, Options, Session, Studio

from ..tables import aligned
from . import changes, keeping
from . import edit_wording as words
from .changes import Edit, drawn, middle
from .edits import OUTSIDE, boxes_of, file_of, look
from .graders.spec import Atom, Sight, holds
from .graders.words import COLORS, FACTS
from .keeping import Other
from .report import hashes
from .statistics import wilson
from .wording import Language

FIRST = changes.FIRST + changes.APART * 50
LENGTHS = (3, 5)
UNDONE = 3
"""The edits after which one step is undone; a chain goes on from what was before it."""
IT: dict[Language, str] = {"en": "it", "zh": "它"}


@dataclass(frozen=True)
class Chain:
    """Edits that are asked for one after another. After the third one step is undone; a ``rule``
    for the style of all later pictures comes before the fourth."""

    id: str
    language: Language
    seed: int
    scene: changes.Scene
    edits: tuple[Edit, ...]
    requests: tuple[str, ...]
    rule: str | None = None


@dataclass(frozen=True)
class Turn:
    """One edit of a chain: the file of the picture that the session stood at afterwards, and
    whether the studio handed over a new one as what was asked for."""

    request: str
    picture: str
    satisfied: bool
    stopped: str
    seconds: float


@dataclass(frozen=True)
class Row:
    """What came of a chain. ``undone``: the picture before the last step came back bit by bit;
    ``rule``: the rule alone changed nothing, None where there was none; ``idle``: for each of ten
    things that ask for no change, whether the picture stayed."""

    id: str
    turns: tuple[Turn, ...]
    undone: bool
    rule: bool | None
    idle: tuple[bool, ...]

    @classmethod
    def read(cls, data: dict[str, Any]) -> Row:
        """The row that ``asdict`` wrote."""
        turns = tuple(Turn(**turn) for turn in data["turns"])
        return cls(**{**data, "turns": turns, "idle": tuple(data["idle"])})


# -- the chains


def chains(n: int) -> list[Chain]:
    """``n`` chains, by turns of three and of five edits, and both in English and in Chinese."""
    found: list[Chain] = []
    for scene in changes.starts(FIRST):
        if len(found) == n:
            break
        i = len(found)
        rng = np.random.default_rng([scene.seed, 22])
        language: Language = "en" if i // 2 % 2 == 0 else "zh"
        chain = _chain(f"chain-{i:04d}", scene, rng, language, LENGTHS[i % 2])
        if chain is not None:
            new = [kind for edit in chain.edits for kind in edit.new]
            if changes.legible(scene, new, ("season", "style")):
                found.append(chain)
    return found


def _chain(
    id: str, scene: changes.Scene, rng: np.random.Generator, language: Language, length: int
) -> Chain | None:
    first = changes.add(scene, rng, language, to_color=True)
    if first is None or first.target is None:
        return None
    newest = len(scene.things)
    second = _of_it(first.target, newest, rng, language)
    assert second.target is not None
    third = changes.remove(second.target, rng, language)
    if third is None or newest in third.touched:
        return None
    edits = [first, second, third]
    rule = None
    if length > len(edits):
        style = str(rng.choice([s for s in FACTS["style"] if s != scene.style]))
        ruled = Atom("style", value=style)
        rule = words.rule(style, language)
        fourth = changes.EDITS["season"](second.target, rng, language)
        if fourth is None or fourth.target is None:
            return None
        fourth = replace(fourth, target=replace(fourth.target, style=style))
        fifth = changes.recolor(fourth.target, rng, language)
        if fifth is None:
            return None
        edits += [
            replace(fourth, atoms=(*fourth.atoms, ruled)),
            replace(fifth, atoms=(*fifth.atoms, *fourth.atoms, ruled)),
        ]
    requests = tuple(edit.request(language, rng if rng.random() < 0.5 else None) for edit in edits)
    seed = int(rng.integers(2**31))
    return Chain(id, language, seed, scene, tuple(edits), requests, rule)


def _of_it(scene: changes.Scene, i: int, rng: np.random.Generator, language: Language) -> Edit:
    """The newest thing gets a color, and is called by a pronoun."""
    thing = scene.things[i]
    color = str(rng.choice([c for c in COLORS if c != thing.color]))
    said = {"the": IT[language], "color": words.color(color, language)}
    things = (*scene.things[:i], replace(thing, color=color), *scene.things[i + 1 :])
    atoms = Atom("count", thing.kind, 1), Atom("color", thing.kind, color)
    return Edit("things", "recolor", said, atoms, (i,), (), replace(scene, things=things))


# -- carrying out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing and print the tables; always 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scenebench.chains",
                                     description=__doc__)  # fmt: skip
    parser.add_argument("--n", type=int, default=10, help="chains, three and five edits by turns")
    parser.add_argument("--out", type=Path, default=Path("build/chains"), help="the folder")
    parser.add_argument("--json", action="store_true", help="one JSON document, not a table")
    options = parser.parse_args(arguments)
    if options.n < 1:
        parser.error(f"--n {options.n} is refused; allowed is 1 or more")
    some = chains(options.n)
    found = document(some, carry_out(some, options.out), options.out)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (options.out / "results.json").write_text(text, "utf-8")
    (options.out / "results.md").write_text(markdown(found), "utf-8")
    print(text if options.json else markdown(found))
    return 0


def carry_out(some: Sequence[Chain], folder: Path) -> list[Row]:
    """Every chain once; what the folder's ``chains.jsonl`` holds already is not run again."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    path = folder / "chains.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    rows = {row.id: row for row in (Row.read(json.loads(line)) for line in lines)}
    missing = [chain for chain in some if chain.id not in rows]
    if missing:
        with Studio(Home.open(folder / "home")) as studio, path.open("a") as file:
            for done, chain in enumerate(missing):
                row = rows[chain.id] = carried_out(studio, chain, folder / "pictures")
                file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
                file.flush()
                print(f"{done + 1} of {len(missing)}: {chain.id}", file=sys.stderr, flush=True)
    return [rows[chain.id] for chain in some]


def carried_out(studio: Studio, chain: Chain, folder: Path) -> Row:
    """One chain in a session of its own, and what is said beside it."""
    session = Session(studio, Options(seed=chain.seed))
    session.open(file_of(drawn(chain.scene)))
    turns: list[Turn] = []
    undone, rule = False, None
    for k, words_ in enumerate(chain.requests):
        if k == UNDONE and chain.rule is not None:
            rule = _stays(session, chain.rule)
        before = session.head
        turns.append(_turn(session, words_, chain.seed + k, folder / f"{chain.id}-{k}.png"))
        if k + 1 == UNDONE and session.head != before:
            session.say(words.UNDO[chain.language])
            undone = _alike(studio, session.head, before)
    idle = [_stays(session, text) for some in words.NOTHING.values() for text in some]
    return Row(chain.id, tuple(turns), undone, rule, tuple(idle))


def _turn(session: Session, request: str, seed: int, path: Path) -> Turn:
    began = time.monotonic()
    satisfied, stopped = False, "no turn"
    try:
        turn = session.say(request, seed=seed).turn
        if turn is not None:
            satisfied = turn.satisfied and turn.picture is not None
            stopped = turn.stopped
    except DanqingError as error:
        stopped = f"refused: {error}"
    seconds = round(time.monotonic() - began, 2)
    assert session.head is not None
    session.studio.image(session.head).save(path)
    return Turn(request, path.name, satisfied, stopped, seconds)


def _stays(session: Session, text: str) -> bool:
    """Whether the picture is the same bit by bit after something was said."""
    before = session.head
    try:
        session.say(text)
    except DanqingError:
        return False
    return _alike(session.studio, session.head, before)


def _alike(studio: Studio, one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one == other
    a, b = studio.image(one), studio.image(other)
    return a.size == b.size and a.convert("RGB").tobytes() == b.convert("RGB").tobytes()


# -- grading


@dataclass(frozen=True)
class Graded:
    """One turn: what both graders say of it, and ``drift``, the share of the pixels outside all
    changed places so far that differ visibly from the start; None once all may have changed."""

    followed: bool
    lost: tuple[str, ...]
    outside: float | None
    drift: float | None

    @property
    def success(self) -> bool:
        return self.followed and not self.lost and (self.outside or 0.0) <= OUTSIDE


def graded(chain: Chain, pictures: Sequence[Image.Image]) -> list[Graded]:
    """Every turn's picture against the one that it began with."""
    start = drawn(chain.scene)
    sights = [look(picture) for picture in (start, *pictures)]
    known: list[Other | None] = [Other(t.kind, middle(t.box)) for t in chain.scene.things]
    mask = np.zeros(start.size[::-1], bool)
    union: np.ndarray | None = mask
    found = []
    for k, (edit, after) in enumerate(zip(chain.edits, pictures, strict=True)):
        begun = k if k != UNDONE else k - 1
        before, was, now = (start, *pictures)[begun], sights[begun], sights[k + 1]
        kinds = {o.kind for i, o in enumerate(known) if o and i in edit.touched} | {*edit.new}
        others = [o for i, o in enumerate(known) if o and i not in edit.touched]
        lost = {
            f"{name}: {what}" for j, name in enumerate(("classical", "learned"))
            for what in keeping.lost(was[j], now[j], others)[0]
        }  # fmt: skip
        followed = all(holds(atom, sight) for sight in now for atom in edit.atoms)
        outside = None
        if edit.scope == "scene" or after.size != before.size:
            union = None
        else:
            inside = _places(mask, was, now, kinds, others)
            outside = keeping.share_outside(before, after, inside)
            union = None if union is None else union | inside
        drift = None if union is None else keeping.share_outside(start, after, union)
        found.append(Graded(followed, tuple(sorted(lost)), outside, drift))
        known += [_newcomer(now, kind) for kind in edit.new]
    return found


def true_pictures(chain: Chain) -> list[Image.Image]:
    """What every turn of a chain should have made, drawn: how far the graders can be pleased."""
    return [drawn(edit.target) for edit in chain.edits if edit.target is not None]


def _newcomer(now: tuple[Sight, Sight], kind: str) -> Other | None:
    """Where something new is, as the learned grader sees it, or else the classical one."""
    seen = [t for sight in (now[1], now[0]) for t in sight.named(kind)]
    return Other(kind, seen[0].center) if seen else None


def _places(
    mask: np.ndarray, was: tuple[Sight, Sight], now: tuple[Sight, Sight], kinds: set[str],
    others: Sequence[Other],
) -> np.ndarray:  # fmt: skip
    boxes = [
        box for sights in (was, now) for j in (0, 1) for kind in kinds
        for box in boxes_of(sights[j], kind, others, known=j == 0)
    ]  # fmt: skip
    return keeping.region(mask, boxes)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGB")


# -- the account


def document(some: Sequence[Chain], rows: Sequence[Row], folder: Path) -> dict[str, Any]:
    """Everything that is reported, ready for JSON."""
    all_ = [
        graded(chain, [_opened(folder / "pictures" / turn.picture) for turn in row.turns])
        for chain, row in zip(some, rows, strict=True)
    ]
    true = [graded(chain, true_pictures(chain)) for chain in some]
    by_length = {}
    for length in LENGTHS:
        mine = [k for k, chain in enumerate(some) if len(chain.edits) == length]
        if not mine:
            continue
        whole = [all(g.success for g in all_[k]) and rows[k].undone for k in mine]
        by_length[length] = {
            "n": len(mine),
            "turns": [_share([all_[k][t].success for k in mine]) for t in range(length)],
            "so_far": [
                _share([all(g.success for g in all_[k][: t + 1]) for k in mine])
                for t in range(length)
            ],
            "chain": _share(whole),
            "true": _share([all(g.success for g in true[k]) for k in mine]),
        }
    turns = [(g, t) for grades, row in zip(all_, rows, strict=True)
             for g, t in zip(grades, row.turns, strict=True)]  # fmt: skip
    drift = [
        [g[t].drift for g in all_ if len(g) > t and g[t].drift is not None]
        for t in range(max(LENGTHS))
    ]
    return {
        "version": 1,
        "graders": hashes(),
        "chains": by_length,
        "true": _share([g.success for grades in true for g in grades]),
        "followed": _share([g.followed for g, _ in turns]),
        "kept": _share([not g.lost and (g.outside or 0.0) <= OUTSIDE for g, _ in turns]),
        "false_claims": _share([t.satisfied for g, t in turns if not g.success]),
        "pronouns": _share([g[1].success for g in all_]),
        "undone": _share([row.undone for row in rows]),
        "rules_alone": _share([row.rule for row in rows if row.rule is not None]),
        "idle": _share([still for row in rows for still in row.idle]),
        "drift": [float(np.mean(d)) if d else None for d in drift],
        "seconds": float(np.median([t.seconds for _, t in turns])),
        "rows": [
            {**asdict(row), "grades": [{**asdict(g), "success": g.success} for g in grades]}
            for row, grades in zip(rows, all_, strict=True)
        ],
    }  # fmt: skip


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    return asdict(wilson(sum(map(bool, hits)), len(hits)))


def markdown(doc: dict[str, Any]) -> str:
    """The tables."""
    longest = max(LENGTHS)
    header = [f"turn {t + 1}" for t in range(longest)]
    rows = [["edits", "chains", *header, "whole chain", "with true renders"]]
    for length, part in doc["chains"].items():
        cells = [f"{share['value']:.2f}" for share in part["turns"]]
        rows.append([str(length), str(part["n"]), *cells, *[""] * (longest - len(cells)),
                     _told(part["chain"]), _told(part["true"])])  # fmt: skip
    facts = [["measure", "share", "n"]]
    for name, key in (
        ("turns that did what was said", "followed"), ("turns that kept all else", "kept"),
        ("turns right, had true renders been made", "true"),
        ("“it” was the right thing, and only that", "pronouns"),
        ("undone: bit by bit as before", "undone"),
        ("a rule alone changed nothing", "rules_alone"),
        ("no change was asked for, and none made", "idle"),
        ("says satisfied, of the wrong turns", "false_claims"),
    ):  # fmt: skip
        facts.append([name, _told(doc[key]), str(doc[key]["n"])])
    drift = ", ".join(f"{d:.2%}" for d in doc["drift"] if d is not None)
    return f"{aligned(rows)}\n\n{aligned(facts)}\n\nDrift after each turn: {drift}.\n"


def _told(share: dict[str, Any]) -> str:
    if not share["n"]:
        return ""
    return f"{share['value']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"


if __name__ == "__main__":
    raise SystemExit(main())
