"""``python -m benchmarks.scenebench.graders [--n 1500] [--size 512]``: how wrong the graders are.

Held-out scenes are drawn; each true atom has a false twin that differs in one word. TPR: of the
true ones, how many a grader sees; FPR: of the false ones.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from training.scenes import layout
from training.scenes.render import render
from training.scenes.spec import Scene

from . import classical, learned
from .spec import Atom, AtomKind, Sight, Thing, holds
from .words import COLORS, FACTS, KINDS

FIRST = 70_000_000
"""Seed of the first scene; no model and no template was made from those that follow."""
NAMES = ("classical", "learned", "both", "either")
TURNED = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
Rates = dict[str, dict[str, tuple[float, float, int, int]]]
"""By kind of atom and grader: TPR, FPR, how many true and how many false atoms."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; always 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenebench.graders", description=__doc__
    )
    parser.add_argument("--n", type=int, default=1500, help="scenes")
    parser.add_argument("--size", type=int, default=512, help="pixels a side of the pictures")
    parser.add_argument("--json", action="store_true", help="one JSON document, not a table")
    options = parser.parse_args(arguments)
    rates = measure(options.n, options.size)
    print(json.dumps(rates, indent=1) if options.json else table(rates))
    return 0


def measure(n: int, size: int = 512) -> Rates:
    """The rates over ``n`` scenes drawn at ``size`` pixels a side."""
    seen: dict[tuple[str, str, bool], list[bool]] = defaultdict(list)
    for seed in range(FIRST, FIRST + n):
        # Crowds, too: counts above three are rare elsewhere.
        scene = layout.crowd(seed) if seed % 3 == 0 else layout.sample(seed)
        picture = Image.fromarray(render(scene, size).rgb)
        sights = classical.see(picture), learned.see(picture)
        for atom, true in atoms(scene, np.random.default_rng([seed, 5])):
            answers = [holds(atom, sight) for sight in sights]
            for name, answer in zip(("classical", "learned"), answers, strict=True):
                seen[atom.kind, name, true].append(answer)
            seen[atom.kind, "both", true].append(all(answers))
            seen[atom.kind, "either", true].append(any(answers))
    rates: Rates = {}
    for kind in dict.fromkeys(kind for kind, _, _ in seen):
        rates[kind] = {}
        for name in NAMES:
            right, wrong = seen[kind, name, True], seen[kind, name, False]
            rates[kind][name] = float(np.mean(right)), float(np.mean(wrong)), len(right), len(wrong)
    return rates


def truth(scene: Scene) -> Sight:
    """What a perfect grader would see."""
    things = tuple(Thing(t.kind, t.color, t.box) for t in scene.things)
    return Sight(things, {fact: getattr(scene, fact) for fact in FACTS})


def atoms(scene: Scene, rng: np.random.Generator) -> Iterator[tuple[Atom, bool]]:
    """True atoms of a scene, and for each a false one that differs in one word."""
    sight = truth(scene)
    for true, false in _pairs(sight, rng):
        if holds(true, sight) and not holds(false, sight):
            yield true, True
            yield false, False


def _pairs(sight: Sight, rng: np.random.Generator) -> Iterator[tuple[Atom, Atom]]:
    kinds = sorted({thing.kind for thing in sight.things})
    missing = [kind for kind in KINDS if kind not in kinds]
    for kind in kinds:
        other, named = str(rng.choice(missing)), sight.named(kind)
        yield Atom("object", kind), Atom("object", other)
        yield Atom("absent", other), Atom("absent", kind)
        n = len(named)
        yield Atom("count", kind, n), Atom("count", kind, n + int(rng.choice([1, -1])))
        color = named[0].color
        if color is not None:
            wrong = str(rng.choice([c for c in COLORS if c != color]))
            yield Atom("color", kind, color), Atom("color", kind, wrong)
        for part in ("left", "center", "right"):
            wrong = str(rng.choice([p for p in ("left", "center", "right") if p != part]))
            yield Atom("place", kind, part), Atom("place", kind, wrong)
        for neighbor in kinds:
            for value in TURNED if neighbor != kind else ():
                true = Atom("relation", kind, value, neighbor)
                yield true, Atom("relation", kind, TURNED[value], neighbor)
    for fact, words in FACTS.items():
        kind_, value = _fact(fact), sight.facts[fact]
        wrong = str(rng.choice([word for word in words if word != value]))
        yield Atom(kind_, value=value), Atom(kind_, value=wrong)


def _fact(name: str) -> AtomKind:
    kinds: dict[str, AtomKind] = {
        "style": "style", "setting": "setting", "season": "season", "time": "time",
        "weather": "weather",
    }  # fmt: skip
    return kinds[name]


def table(rates: Rates) -> str:
    """The rates in Markdown."""
    lines = [
        "| atom | true, false | " + " | ".join(f"{name}: TPR, FPR" for name in NAMES) + " |",
        "|---|---|" + "---|" * len(NAMES),
    ]
    for kind, row in rates.items():
        _, _, right, wrong = row["both"]
        cells = [f"{row[name][0]:.3f}, {row[name][1]:.3f}" for name in NAMES]
        lines.append(f"| {kind} | {right}, {wrong} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
