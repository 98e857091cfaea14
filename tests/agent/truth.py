"""True and false claims about random scenes, by the renderer's own ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from danqing.agent.brief import SCENE_KINDS, Brief, Claim
from danqing.tools.world import world
from training.scenes import facts
from training.scenes.spec import Scene

INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
SIDES = {"left": "right", "right": "left"}


def brief_of(*claims: dict[str, Any]) -> Brief:
    """A Brief of claims given as their fields, numbered in order."""
    numbered = [Claim.model_validate({"id": f"c{i}", **c}) for i, c in enumerate(claims, 1)]
    return Brief(language="en", intent="make", claims=tuple(numbered))


def holds(scene: Scene, fields: dict[str, Any]) -> bool:
    """Whether the renderer says that a claim with these fields is true."""
    rest = {k: v for k, v in fields.items() if k != "kind"}
    return facts.holds(scene, fields["kind"], **rest)


def pairs(
    scene: Scene, rng: np.random.Generator
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """True claims about the scene, each with a false one that differs from it in a single word."""
    w = world()
    pools = {
        "setting": w.settings, "season": w.seasons, "time": w.times, "weather": w.weathers,
        "style": w.styles,
    }  # fmt: skip
    for kind in sorted(SCENE_KINDS):
        value = getattr(scene, kind)
        other = str(rng.choice([v for v in pools[kind] if v != value]))
        yield {"kind": kind, "value": value}, {"kind": kind, "value": other}
    there = sorted({thing.kind for thing in scene.things})
    gone = str(rng.choice([o for o in w.objects if o not in there]))
    for noun in there:
        yield {"kind": "object", "subject": noun}, {"kind": "object", "subject": gone}
        yield {"kind": "absent", "subject": gone}, {"kind": "absent", "subject": noun}
        n = facts.count(scene, noun)
        wrong = n + 1 if n == 1 or rng.random() < 0.5 else n - 1
        count = {"kind": "count", "subject": noun}
        yield {**count, "value": n}, {**count, "value": wrong}
        colors = {thing.color for thing in scene.things if thing.kind == noun}
        if len(colors) == 1 and (color := colors.pop()) is not None:
            other = str(rng.choice([c for c in w.colors if c != color]))
            claim = {"kind": "color", "subject": noun}
            yield {**claim, "value": color}, {**claim, "value": other}
        for side, opposite in SIDES.items():
            claim = {"kind": "place", "subject": noun}
            if holds(scene, {**claim, "value": side}):
                yield {**claim, "value": side}, {**claim, "value": opposite}
    groups = facts.groups(scene)
    for relation in facts.relations(scene):
        a, b = groups[relation.subject], groups[relation.object]
        fields: dict[str, Any] = {
            "kind": "relation", "subject": a.kind, "value": relation.value, "object": b.kind,
            "color": a.color, "object_color": b.color,
        }  # fmt: skip
        if relation.object2 is not None:
            fields["object2"] = groups[relation.object2].kind
            false = {**fields, "subject": b.kind, "object": a.kind, "color": b.color,
                     "object_color": a.color}  # fmt: skip
        elif relation.value == "inside":
            false = {**fields, "subject": b.kind, "object": a.kind, "color": b.color,
                     "object_color": a.color}  # fmt: skip
        else:
            false = {**fields, "value": INVERSE[relation.value]}
        if holds(scene, fields) and not holds(scene, false):
            yield fields, false
