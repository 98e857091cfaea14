"""The cases of the edit tasks: a rendered scene, what is to change in it, and how it looks then.

The start is drawn by the renderer from a seed that nothing was trained on, so what it shows is
known exactly; where the change is one of the spec, the true target is drawn, too, and tells how
well the graders do. Only starts that both graders read rightly are used, and only words that can
mean one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image

from training import data
from training.scenes import layout
from training.scenes.render import render
from training.scenes.spec import Scene, Thing

from . import edit_wording as words
from .graders import classical, learned
from .graders.spec import Atom, Box, Sight
from .graders.spec import Thing as Seen
from .graders.words import COLORS, FACTS
from .prompts import UNCOLORED
from .wording import Language

FIRST = 82_000_000
"""Seed of the first scene; nothing was trained on those that follow, nor are they another
benchmark's."""
APART = 10_000
"""Between the first seeds of two kinds of change."""
SIZE = 512
"""Pixels a side of the start."""
NEAR = 0.08
"""How far a thing's center may be from where it was, in fractions of the picture."""
FEW, MANY = 2, 4
"""Things in a start: enough that something is to be kept, and few enough to be told apart."""
BIGGER, SMALLER = 1.45, 0.65
"""By how much a thing of the true target is larger, where a request says no number."""
BESIDE = {"left": 0.2, "right": 0.8}
DONORS = 60
"""Scenes that are looked through for a thing that fits."""
SKIES = frozenset({"sun", "moon", "star", "cloud"})
SEASONAL = frozenset({"meadow", "mountains", "city"})
"""Settings that show the season."""

Scope = Literal["things", "scene", "frame"]
"""What may change: things in their regions; light, season or style of all; the frame alone."""


@dataclass(frozen=True)
class Edit:
    """One change of a scene: ``form`` and ``words`` say it; ``atoms`` are true afterwards.

    ``touched`` are indices of the things of the scene that it is about, ``new`` the kinds that come
    to be. ``target`` is the scene as it is then, None where no spec can tell. ``size`` is the
    change of a thing's height, where that is asked; ``reference`` has the style that is asked for.
    """

    scope: Scope
    form: str
    words: dict[str, str]
    atoms: tuple[Atom, ...] = ()
    touched: tuple[int, ...] = ()
    new: tuple[str, ...] = ()
    target: Scene | None = None
    size: Literal["bigger", "smaller"] | None = None
    side: str | None = None
    reference: Scene | None = None
    also: Edit | None = field(default=None, repr=False)
    """Another change in the same sentence."""

    def request(self, language: Language, rng: np.random.Generator | None) -> str:
        """The change in words; ``rng`` asks for a form that is held out."""
        said = words.request(self.form, self.words, language, rng)
        if self.also is None:
            return said
        return words.joined(said.rstrip("?"), self.also.request(language, None), language)


@dataclass(frozen=True)
class Case:
    """An edit of a rendered scene, in the words of one language."""

    id: str
    kind: str
    language: Language
    held_out: bool
    seed: int
    request: str
    scene: Scene
    edit: Edit

    @property
    def size(self) -> int:
        """Pixels a side of the start; what is to be enlarged is small."""
        return SIZE // 2 if self.kind == "upscale" else SIZE

    @property
    def truth(self) -> Image.Image | None:
        """The true picture after the change, where the spec tells."""
        return None if self.edit.target is None else drawn(self.edit.target)

    @property
    def others(self) -> list[Thing]:
        """The things that are to stay as they are."""
        return [t for i, t in enumerate(self.scene.things) if i not in self.edit.touched]


@lru_cache(64)
def drawn(scene: Scene, size: int = SIZE) -> Image.Image:
    """The true picture of a scene."""
    return Image.fromarray(render(scene, size).rgb)


def mask(scene: Scene, indices: Sequence[int]) -> np.ndarray:
    """Where things of a scene are seen in its picture of `SIZE`, bool (SIZE, SIZE)."""
    return np.asarray(np.isin(render(scene, SIZE).ids, indices))


def cases(kind: str, n: int) -> list[Case]:
    """``n`` cases of a kind of change; the first ones are the same whatever ``n`` is.

    Raises ValueError for an unknown kind.
    """
    if kind not in EDITS:
        raise ValueError(f"there is no edit {kind!r}; there are {', '.join(EDITS)}")
    found: list[Case] = []
    for scene in starts(FIRST + APART * [*EDITS].index(kind)):
        if len(found) == n:
            break
        rng = np.random.default_rng([scene.seed, 21])
        i = len(found)
        language: Language = "en" if i % 2 == 0 else "zh"
        edit = EDITS[kind](scene, rng, language)
        if edit is None or not legible(scene, edit.new, tuple(a.kind for a in edit.atoms)):
            continue
        held_out = i // 2 % 2 == 1
        request = edit.request(language, rng if held_out else None)
        seed = int(rng.integers(2**31))
        found.append(Case(f"{kind}-{i:04d}", kind, language, held_out, seed, request, scene, edit))
    return found


def starts(first: int) -> Iterator[Scene]:
    """Plain scenes in which nothing holds another, from a seed on."""
    for scene in data.scenes_from(first, simple=True):
        if FEW <= len(scene.things) <= MANY and all(t.inside is None for t in scene.things):
            yield scene


def legible(scene: Scene, new: Sequence[str] = (), facts: Sequence[str] = ()) -> bool:
    """Whether both graders see every thing of a scene, where and in the color that it is, none more
    of these kinds or of the ``new`` ones, and those of its ``facts`` that are named."""
    picture = drawn(scene)
    return _reads(learned.see(picture), scene, new, facts) and _reads(
        classical.see(picture), scene, new, facts
    )


def _reads(sight: Sight, scene: Scene, new: Sequence[str], facts: Sequence[str]) -> bool:
    if any(sight.facts[fact] != getattr(scene, fact) for fact in facts if fact in FACTS):
        return False
    kinds = {t.kind for t in scene.things} | {*new}
    seen = [t for t in sight.things if t.kind in kinds]
    right = all(
        any(
            t.kind == s.kind and apart(t.box, s) <= NEAR and t.color in (None, s.color)
            for s in seen
        )
        for t in scene.things
    )
    return right and len(seen) == len(scene.things)


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def apart(box: Box, seen: Seen) -> float:
    """The distance of two centers, in fractions of the picture."""
    (x, y), (u, v) = middle(box), seen.center
    return float(np.hypot(x - u, y - v))


# -- what there is to work with


Make = Callable[[Scene, np.random.Generator, Language], "Edit | None"]
"""A change that a scene offers, or None."""


def _some(rng: np.random.Generator, pool: Sequence[str]) -> str:
    return str(pool[int(rng.integers(len(pool)))])


def _one(scene: Scene, rng: np.random.Generator, *, colored: bool = False) -> int | None:
    """A thing that its kind alone names."""
    kinds = [t.kind for t in scene.things]
    alone = [
        i for i, t in enumerate(scene.things)
        if kinds.count(t.kind) == 1 and not (colored and t.kind in UNCOLORED)
    ]  # fmt: skip
    return int(rng.choice(alone)) if alone else None


def _sided(scene: Scene, i: int) -> str | None:
    """The word that tells a thing from the other one of its kind; "" where it needs none, None
    where none is clear."""
    thing = scene.things[i]
    same = [t for t in scene.things if t.kind == thing.kind]
    if len(same) == 1:
        return ""
    if len(same) == 2:
        a, b = (middle(t.box)[0] for t in same)
        if abs(a - b) > 0.25:
            return "left" if middle(thing.box)[0] == min(a, b) else "right"
    return None


def _with(scene: Scene, i: int, **changes: object) -> Scene:
    things = [*scene.things]
    things[i] = replace(things[i], **changes)  # type: ignore[arg-type]
    return replace(scene, things=tuple(things))


def _without(scene: Scene, i: int) -> Scene:
    return replace(scene, things=tuple(t for j, t in enumerate(scene.things) if j != i))


def _fits(box: Box, others: Sequence[Thing]) -> bool:
    gap = 0.02
    inside = box[0] > gap and box[1] > gap and box[2] < 1 - gap and box[3] < 1 - gap
    return inside and not any(
        min(box[2], t.box[2]) > max(box[0], t.box[0]) - gap
        and min(box[3], t.box[3]) > max(box[1], t.box[1]) - gap
        for t in others
    )


def _donors(scene: Scene, rng: np.random.Generator) -> Iterator[Thing]:
    """Things of other scenes of the same setting that this one has none of."""
    there = {t.kind for t in scene.things} | SKIES
    first = FIRST + int(rng.integers(10**6))
    for seed in range(first, first + DONORS):
        other = layout.sample(seed, setting=scene.setting)
        if data.plain(other) and abs(other.horizon - scene.horizon) < 0.05:
            for thing in other.things:
                if thing.kind not in there and thing.inside is None:
                    yield thing


# -- changes of things


def add(
    scene: Scene, rng: np.random.Generator, language: Language, *, to_color: bool = False
) -> Edit | None:
    """Something new; with ``to_color`` something that can be given a color afterwards."""
    for donor in _donors(scene, rng):
        if not _fits(donor.box, scene.things) or (to_color and donor.kind in UNCOLORED):
            continue
        natural = to_color or donor.kind in UNCOLORED or rng.random() < 0.3
        color = None if natural else _some(rng, COLORS)
        x = middle(donor.box)[0]
        sides = [side for side, at in BESIDE.items() if abs(x - at) < 0.15]
        place = sides[0] if sides and rng.random() < 0.6 else None
        thing = replace(donor, color=color)
        target = replace(scene, things=(*scene.things, thing))
        atoms = [Atom("count", donor.kind, 1)]
        atoms += [Atom("color", donor.kind, color)] if color else []
        atoms += [Atom("place", donor.kind, place)] if place else []
        said = {"a new": words.a(donor.kind, color, language), "at": words.at(place, language)}
        return Edit("things", "add", said, tuple(atoms), (), (donor.kind,), target)
    return None


def remove(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    i = int(rng.integers(len(scene.things)))
    side = _sided(scene, i)
    if side is None:
        return None
    kind = scene.things[i].kind
    atom = Atom("count", kind, 1) if side else Atom("absent", kind)
    said = {"the": words.the(kind, language, side or None)}
    return Edit("things", "remove", said, (atom,), (i,), (), _without(scene, i))


def recolor(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    i = _one(scene, rng, colored=True)
    if i is None:
        return None
    thing = scene.things[i]
    color = _some(rng, [c for c in COLORS if c != thing.color])
    said = {"the": words.the(thing.kind, language), "color": words.color(color, language)}
    atoms = Atom("count", thing.kind, 1), Atom("color", thing.kind, color)
    return Edit("things", "recolor", said, atoms, (i,), (), _with(scene, i, color=color))


def move(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    i = _one(scene, rng)
    if i is None:
        return None
    thing = scene.things[i]
    x, half = middle(thing.box)[0], (thing.box[2] - thing.box[0]) / 2
    place = "right" if x < 0.5 else "left"
    to = min(max(BESIDE[place], half + 0.03), 0.97 - half)
    box = (to - half, thing.box[1], to + half, thing.box[3])
    others = [t for j, t in enumerate(scene.things) if j != i]
    if abs(to - x) < 0.3 or not _fits(box, others):
        return None
    said = {"the": words.the(thing.kind, language), "place": words.placed(place, language)}
    atoms = Atom("count", thing.kind, 1), Atom("place", thing.kind, place)
    return Edit("things", "move", said, atoms, (i,), (), _with(scene, i, box=box))


def exchange(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    i = _one(scene, rng)
    if i is None or scene.things[i].kind in SKIES:
        return None
    old = scene.things[i]
    low = old.box[3] > scene.horizon
    for donor in _donors(scene, rng):
        if (donor.box[3] > scene.horizon) != low:
            continue
        wide, high = donor.box[2] - donor.box[0], donor.box[3] - donor.box[1]
        x, foot = middle(old.box)[0], old.box[3]
        box = (x - wide / 2, foot - high, x + wide / 2, foot)
        if not _fits(box, [t for j, t in enumerate(scene.things) if j != i]):
            continue
        color = None if donor.kind in UNCOLORED or rng.random() < 0.5 else _some(rng, COLORS)
        target = _with(scene, i, kind=donor.kind, color=color, box=box)
        said = {
            "the": words.the(old.kind, language), "a new": words.a(donor.kind, color, language),
        }  # fmt: skip
        atoms = [Atom("absent", old.kind), Atom("count", donor.kind, 1)]
        atoms += [Atom("color", donor.kind, color)] if color else []
        return Edit("things", "replace", said, tuple(atoms), (i,), (donor.kind,), target)
    return None


def resize(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    i = _one(scene, rng)
    if i is None:
        return None
    thing = scene.things[i]
    x0, y0, x1, y1 = thing.box
    size: Literal["bigger", "smaller"] = "bigger" if rng.random() < 0.5 else "smaller"
    factor = BIGGER if size == "bigger" else SMALLER
    half, x = (x1 - x0) / 2 * factor, (x0 + x1) / 2
    box = (x - half, y1 - (y1 - y0) * factor, x + half, y1)
    others = [t for j, t in enumerate(scene.things) if j != i]
    if not _fits(box, others) or (y1 - y0) * factor < 0.1:
        return None
    said = {"the": words.the(thing.kind, language)}
    atoms = (Atom("count", thing.kind, 1),)
    return Edit("things", size, said, atoms, (i,), (), _with(scene, i, box=box), size)


def both(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    """One thing gets another color, another goes, in one sentence."""
    first = recolor(scene, rng, language)
    if first is None:
        return None
    rest = [i for i in range(len(scene.things)) if i not in first.touched]
    gone = int(rng.choice(rest))
    kind = scene.things[gone].kind
    if sum(t.kind == kind for t in scene.things) > 1:
        return None
    second = Edit("things", "remove", {"the": words.the(kind, language)})
    assert first.target is not None
    return replace(
        first, atoms=(*first.atoms, Atom("absent", kind)), touched=(*first.touched, gone),
        target=_without(first.target, gone), also=second,
    )  # fmt: skip


# -- changes of the scene and of the frame


def of_fact(fact: Literal["season", "time", "weather", "style"]) -> Make:
    def make(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
        if fact == "season" and scene.setting not in SEASONAL:
            return None
        outdoors = scene.setting != "indoors" and not any(t.kind in SKIES for t in scene.things)
        if fact in ("time", "weather") and not outdoors:
            return None
        value = _some(rng, [word for word in FACTS[fact] if word != getattr(scene, fact)])
        target = replace(scene, **{fact: value})
        said = words.fact(fact, value, language)
        return Edit("scene", fact, said, (Atom(fact, value=value),), target=target)

    return make


def reference(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    """Another picture of the renderer shows the style that is asked for."""
    style = _some(rng, [word for word in FACTS["style"] if word != scene.style])
    reference = layout.sample(FIRST + int(rng.integers(10**6)), style=style)
    target = replace(scene, style=style)
    atoms = (Atom("style", value=style),)
    return Edit("scene", "reference", {}, atoms, target=target, reference=reference)


def extend(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    side = _some(rng, ("left", "right"))
    return Edit("frame", "extend", {"side": words.side(side, language)}, side=side)


def upscale(scene: Scene, rng: np.random.Generator, language: Language) -> Edit | None:
    return Edit("frame", "upscale", {})


EDITS: dict[str, Make] = {
    "add": add, "remove": remove, "recolor": recolor, "move": move, "replace": exchange,
    "resize": resize, "two at once": both, "season": of_fact("season"),
    "time": of_fact("time"), "weather": of_fact("weather"), "style": of_fact("style"),
    "reference": reference, "extend": extend, "upscale": upscale,
}  # fmt: skip
"""Every kind of change by name."""
