"""The cases: for each task seeded specs, each written as a request, half in English and half in
Chinese. The answer key is the spec; no model and no parser has a part in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np

from . import wording
from .graders.spec import Atom, AtomKind, Spec
from .graders.words import COLORS, FACTS, KINDS
from .wording import Language, Noun, Wanted

UNCOLORED = frozenset({"person", "pine", "cactus", "sun", "moon", "star", "cloud"})
"""Kinds that nobody asks for in a color of their choice."""
OUTDOORS = (
    "person", "cat", "dog", "rabbit", "horse", "house", "tower", "castle", "tent", "car", "tree",
    "flower", "mushroom",
)  # fmt: skip
"""What stands on the ground under any sky."""
MANY = (
    "person", "cat", "dog", "rabbit", "bird", "tree", "pine", "flower", "mushroom", "ball", "cup",
    "star",
)  # fmt: skip
"""Kinds of which six fit into one picture."""
FLYING = ("bird", "balloon", "sun", "moon", "star", "cloud")
SKIES = frozenset({"sun", "moon", "star"})
"""Not two of these in one sky."""
STRANGE = (
    "dragon", "bicycle", "robot", "piano", "elephant", "guitar", "penguin", "airplane",
    "helicopter", "train", "dolphin", "violin",
)  # fmt: skip
"""Outside the world."""

Draw = Callable[[np.random.Generator, int], tuple[Wanted, tuple[Atom, ...]]]
"""What the case of a number asks for: in words, and as atoms."""


def cases(tasks: Sequence[str], n: int, seed: int = 0) -> list[Spec]:
    """``n`` cases of each task; the first ones are the same whatever ``n`` is.

    Raises ValueError for an unknown task or a number below 1.
    """
    if n < 1:
        raise ValueError(f"{n!r} cases are refused; allowed is 1 or more")
    for task in tasks:
        if task not in TASKS:
            raise ValueError(f"there is no task {task!r}; there are {', '.join(TASKS)}")
    return [_case(task, i, seed) for task in tasks for i in range(n)]


def digest(specs: Sequence[Spec]) -> str:
    """A hash of the cases: equal digests, equal benchmark."""
    text = json.dumps([asdict(spec) for spec in specs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _case(task: str, i: int, seed: int) -> Spec:
    rng = np.random.default_rng([seed, i, *task.encode()])
    language: Language = "en" if i % 2 == 0 else "zh"
    held_out = i // 2 % 2 == 1
    wanted, atoms = TASKS[task](rng, i)
    request = (
        wording.paraphrase(wanted, language, rng) if held_out else wording.plain(wanted, language)
    )
    return Spec(
        f"{task}-{i:04d}", task, language, int(rng.integers(2**31)), request,
        wording.canonical(wanted, language), atoms, held_out, possible=task != "unsatisfiable",
    )  # fmt: skip


# -- the tasks


def _single(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    kind = _one(rng, KINDS)
    return Wanted((Noun(kind),)), _once(kind)


def _two(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    a, b = _pair(rng, KINDS)
    return Wanted((Noun(a), Noun(b))), (*_once(a), *_once(b))


def _counting(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    kind, n = _one(rng, MANY), 2 + int(rng.integers(5))
    return Wanted((Noun(kind, n),)), (Atom("count", kind, n),)


def _colors(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    kind, color = _one(rng, [k for k in KINDS if k not in UNCOLORED]), _one(rng, COLORS)
    return Wanted((Noun(kind, color=color),)), _colored(kind, color)


def _position(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    relation = _one(rng, ("left of", "right of", "above", "below"))
    if relation in ("left of", "right of"):
        a, b = _pair(rng, OUTDOORS)
    else:
        a, b = _one(rng, FLYING), _one(rng, OUTDOORS)
        a, b = (a, b) if relation == "above" else (b, a)
    atoms = (Atom("object", a), Atom("object", b), Atom("relation", a, relation, b))
    return Wanted((Noun(a), Noun(b)), relation), atoms


def _attribution(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    a, b = _pair(rng, [k for k in KINDS if k not in UNCOLORED])
    first, second = _pair(rng, COLORS)
    wanted = Wanted((Noun(a, color=first), Noun(b, color=second)))
    return wanted, (*_colored(a, first), *_colored(b, second))


def _of_fact(fact: AtomKind) -> Draw:
    def draw(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
        kind, value = _one(rng, OUTDOORS), _one(rng, FACTS[fact])
        return Wanted((Noun(kind),), facts={fact: value}), (
            Atom("object", kind), Atom(fact, value=value),
        )  # fmt: skip

    return draw


def _composition(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    """k = 3, …, 7 concepts beside the things themselves, in turn."""
    k = 3 + i // 4 % 5  # all five in both languages, plain and paraphrased
    a, b = _pair(rng, [kind for kind in OUTDOORS if kind not in UNCOLORED])
    slots = ["a color", "b color", "a count", "b count", "a place", "season", "time", "style"]
    if k < 6:
        slots.remove("b count")
    chosen = {slots[j] for j in rng.permutation(len(slots))[:k]}
    place = _one(rng, ("left", "right")) if "a place" in chosen else None
    nouns, atoms = [], []
    for name, kind in (("a", a), ("b", b)):
        count = 2 + int(rng.integers(2)) if f"{name} count" in chosen else 1
        color = _one(rng, COLORS) if f"{name} color" in chosen else None
        noun = Noun(kind, count, color, place if name == "a" else None)
        if noun == Noun(kind) and name == "b":
            continue
        nouns.append(noun)
        atoms.append(Atom("count", kind, count) if count > 1 else Atom("object", kind))
        atoms += [Atom("color", kind, color)] if color else []
        atoms += [Atom("place", kind, noun.place)] if noun.place else []
    facts = {fact: _one(rng, FACTS[fact]) for fact in ("season", "time", "style") if fact in chosen}
    atoms += [Atom(fact, value=value) for fact, value in facts.items()]  # type: ignore[arg-type]
    return Wanted(tuple(nouns), facts=facts), tuple(atoms)


def _negation(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    kind, absent = _pair(rng, OUTDOORS)
    atoms = (Atom("object", kind), Atom("absent", absent))
    return Wanted((Noun(kind),), absent=absent), atoms


def _unsatisfiable(rng: np.random.Generator, i: int) -> tuple[Wanted, tuple[Atom, ...]]:
    """Something outside the world, alone or beside something of it."""
    strange = _one(rng, STRANGE)
    if rng.random() < 0.5:
        return Wanted((Noun(strange),)), (Atom("object", strange),)
    kind = _one(rng, OUTDOORS)
    return Wanted((Noun(kind), Noun(strange))), (Atom("object", kind), Atom("object", strange))


TASKS: dict[str, Draw] = {
    "single": _single, "two": _two, "counting": _counting, "colors": _colors,
    "position": _position, "color attribution": _attribution,
    "season": _of_fact("season"), "time": _of_fact("time"), "style": _of_fact("style"),
    "composition": _composition, "negation": _negation, "unsatisfiable": _unsatisfiable,
}  # fmt: skip
"""Every task by name."""
SIX = tuple(TASKS)[:6]
"""The tasks that have the form of GenEval's; their scores are not GenEval's."""


def _once(kind: str) -> tuple[Atom, ...]:
    return Atom("object", kind), Atom("count", kind, 1)


def _colored(kind: str, color: str) -> tuple[Atom, ...]:
    return Atom("object", kind), Atom("color", kind, color)


def _one(rng: np.random.Generator, pool: Sequence[str]) -> str:
    return str(pool[int(rng.integers(len(pool)))])


def _pair(rng: np.random.Generator, pool: Sequence[str]) -> tuple[str, str]:
    """Two different ones that may stand in one picture."""
    while True:
        a, b = (str(pool[int(j)]) for j in rng.permutation(len(pool))[:2])
        if not {a, b} <= SKIES and {a, b} != {"tree", "pine"}:
            return a, b
