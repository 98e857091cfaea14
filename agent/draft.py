"""A picture that is being changed: the calls so far, and the scene as it will be after them.

Here is what changes are made of: finding things, filling and painting what a mask shows, laying
things in. The changes themselves are in `editing`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from ..prompts import render
from ..tools.errors import ToolError
from ..tools.geometry import Box
from ..tools.painter_words import MAX_TOKENS, Phrase, painter_prompt, spots_of
from . import mending
from .brief import SCENE_OPS, Brief, Change, Claim, Kind
from .evidence import in_chinese
from .groups import known_noun
from .marked import Marked
from .plan import Call
from .room import Room, away, flies, meet
from .seen import Seen
from .settling import IT
from .verdict import SURE
from .wording import Placed

CHOICE, TRIED = 4, 3
"""Pictures that the last painted step makes, each from a seed of its own; the second is for tools
that know one seed at a time."""
GROW = 0.025
"""Margin around what is painted over, as a share of the picture."""
DOUBTFUL = 0.2
"""What the judge is less sure of than `SURE`, but more than this, may well be there: it is kept in
the picture, and is not in its words."""
HORIZON = 0.55
"""Where the ground begins in a picture in which that is not seen."""
_TOKEN = re.compile(r"<\w+>|\w+|[^\w\s]")


@dataclass(frozen=True)
class Canvas:
    """The picture that is to be changed: its handle, its size in pixels, and what is seen in it.
    One that is ``own`` was painted here; in a photograph the built-in painter is out of its depth.
    """

    handle: str
    size: tuple[int, int]
    seen: Seen
    own: bool = True
    marked: Marked | None = None
    """The part of it that may change; None for all of it."""


@dataclass
class Draft:
    """Calls in the making, and the scene as it will be after them."""

    brief: Brief
    canvas: Canvas
    seed: int
    offered: Collection[str]
    repainting: bool = False
    calls: list[Call] = field(default_factory=list)
    last: int | None = None
    """The number of the call that made the picture as it is now."""
    masks: list[str] | None = field(default_factory=list)
    """What was changed, as references to masks; None once all of it may have been."""

    def __post_init__(self) -> None:
        seen = self.canvas.seen
        self.picture, self.size = self.canvas.handle, self.canvas.size
        named = {known_noun(c)[0] for ch in self.brief.changes for c in (ch.subject, ch.object)}
        self.things = [
            Placed(group.noun, box, group.color)
            for group in seen.groups
            if group.sure() >= SURE or group.noun in named  # what is doubtful is not painted anew
            for box in group.boxes
        ]
        told = {thing.kind for thing in self.things}
        self.doubtful = [
            Placed(group.noun, box, group.color)
            for group in seen.groups
            if group.noun not in told and group.sure() >= DOUBTFUL
            for box in group.boxes
        ]
        self.facts = {kind: word for kind, (word, _) in seen.facts.items()}
        for claim in self.brief.claims:
            if claim.kind in self.facts and not self._changes(claim.kind):
                self.facts[claim.kind] = as_known(claim, self.facts[claim.kind])
        self.random = Random(self.seed)

    def _changes(self, kind: Kind) -> bool:
        return any(change.op == kind for change in self.brief.changes)

    # -- what calls are made of

    def call(self, tool: str, arguments: dict[str, Any], **images: str) -> str:
        """Add a call; returns the reference to what it makes."""
        if tool not in self.offered:
            raise refusal(self.brief, "cannot", tool=tool)
        self.calls.append(Call(tool=tool, arguments=arguments, images=images, aid=True))
        return f"#{len(self.calls)}"

    def becomes(
        self, tool: str, arguments: dict[str, Any], within: str | None, /, **images: str
    ) -> None:
        """Add a call that makes the next state of the picture; only what is within a mask
        changes, where that is not None."""
        self.picture = self.call(tool, arguments, **images)
        self.last = len(self.calls) - 1
        if within is None:
            self.masks = None
        elif self.masks is not None:
            self.masks.append(within)

    def union(self, masks: Sequence[str]) -> str:
        both, *rest = masks
        for mask in rest:
            both = self.call("blend", {"mode": "lighten"}, image=both, over=mask)
        return both

    def finished(self) -> list[Call]:
        """The calls, of which the last one hands over: several pictures where it is painted."""
        assert self.last is not None
        del self.calls[self.last + 1 :]
        closing = self.calls.pop()
        within = None
        if self.masks and "blend" in self.offered:
            within = self.union(list(dict.fromkeys(self.masks)))
        closing = closing.model_copy(
            update={"aid": False, "within": within, "before": self.canvas.handle}
        )
        seeds = [(self.seed + k) % 2**32 for k in range(CHOICE)]
        if closing.arguments.get("how") == "fill":
            return [*self.calls, closing]
        if "seeds" in closing.arguments:
            arguments = {**closing.arguments, "seeds": seeds}
            return [*self.calls, closing.model_copy(update={"arguments": arguments})]
        if closing.tool == "detail" and self.calls and self.calls[-1].tool == "style_transfer":
            plain = self.calls[-1]
            other = {**plain.arguments, "seed": seeds[1]}
            update = {"aid": False, "before": closing.before, "arguments": other}
            return [*self.calls, closing, plain.model_copy(update=update)]
        if "seed" in closing.arguments:
            several = [{**closing.arguments, "seed": seed} for seed in seeds[:TRIED]]
            return [*self.calls, *(closing.model_copy(update={"arguments": a}) for a in several)]
        return [*self.calls, closing]

    def prompt(self) -> str:
        """The scene as it will be, in the painter's words."""
        groups: dict[tuple[str, str | None], list[Box]] = {}
        for thing in self.things:
            groups.setdefault((thing.kind, thing.color), []).append(thing.box)
        setting, horizon = self.facts.get("setting"), self.canvas.seen.horizon
        phrases = [
            Phrase(
                noun, len(boxes), color, sky=flies(noun, boxes, horizon, setting),
                spots=spots_of(boxes),
            )
            for (noun, color), boxes in groups.items()
        ]  # fmt: skip
        phrases.sort(key=lambda phrase: sum(s.x for s in phrase.spots) / len(phrase.spots))
        while True:
            told = self.told(phrases, horizon)
            if not phrases or len(_TOKEN.findall(told)) <= MAX_TOKENS - 2:
                return told
            phrases.remove(min(phrases, key=lambda p: sum(s.height for s in p.spots)))

    def told(self, phrases: Sequence[Phrase], horizon: float | None) -> str:
        facts = cast(dict[str, Any], self.facts)
        scene = {kind: facts.get(kind) for kind in SCENE_OPS}
        return painter_prompt(**scene, horizon=horizon, phrases=phrases)

    def meant(self, change: Change) -> list[int]:
        """The numbers of the things that a change means. Raises `ToolError` where none are, but in
        a marked part: then that is meant, whatever it shows."""
        marked = self.canvas.marked
        if change.subject == IT:
            raise refusal(self.brief, "it", picture=self.canvas.handle)
        noun = known_noun(change.subject)[0]
        found = [n for n, thing in enumerate(self.things) if thing.kind == noun]
        if change.color is not None:
            found = [n for n in found if self.things[n].color == change.color] or found
        if marked is not None:
            return [n for n in found if marked.holds(self.things[n].box)]
        if not found:
            thing = said(self.brief, change.subject)
            raise refusal(self.brief, "unseen", thing=thing, picture=self.canvas.handle)
        if change.place is not None:
            found.sort(key=lambda n: away(self.things[n].box, str(change.place)))
            found = found[: change.count or 1]
        elif change.count is not None:
            found = found[: change.count]
        return found

    def mask_of(self, change: Change, numbers: Sequence[int], grow: float = 0.0) -> str:
        """A mask of things that are in the picture, with a margin to ``grow`` by: by words where
        those tell them from the others, else by their boxes as well. With ``repainting``, what is
        to be painted over is the whole box of a thing that no other one reaches into. What takes
        away nothing but what is marked takes all of that."""
        marked = self.canvas.marked
        if marked is not None and (not numbers or grow >= GROW):
            held = [n for n, thing in enumerate(self.things) if marked.holds(thing.box)]
            if set(held) <= set(numbers):
                return marked.handle
        kind = self.things[numbers[0]].kind
        mine = [self.things[n].box for n in numbers]
        rest = [t for n, t in enumerate(self.things) if n not in numbers]
        if any(thing.kind == kind for thing in rest):
            boxes = self.region(mine, GROW)
            plain = self.call("segment", {"text": kind, "grow": grow}, image=self.picture)
            mask = self.call("blend", {"mode": "darken"}, image=plain, over=boxes)
        else:
            mask = self.call("segment", {"text": named(change), "grow": grow}, image=self.picture)
        alone = [b for b in mine if not any(meet(b, thing.box, 2 * GROW) for thing in rest)]
        if self.repainting and grow >= GROW and alone:
            mask = self.union([mask, self.region(alone, GROW)])
        return mask

    def region(self, boxes: Sequence[Box], grow: float) -> str:
        rounded = [[round(v, 4) for v in box] for box in boxes]
        return self.call("region", {"boxes": rounded, "size": list(self.size), "grow": grow})

    def sketch(self, things: Sequence[Placed]) -> str:
        return self.call("sketch", {"things": mending.listed(things), "size": list(self.size)})

    def painted(self, mask: str, new: Sequence[Placed]) -> None:
        """Paint what a mask shows anew, with things along a sketch."""
        images = {"image": self.picture, "mask": mask, "sketch": self.sketch(new)}
        self.becomes("inpaint", self.painting("paint"), mask, **images)

    def cleared(self, mask: str, unwanted: str | None = None) -> None:
        """Take away what a mask shows: filled with other parts of the picture or, with
        ``repainting``, painted as mere ground, with none of what is ``unwanted``."""
        images = {"image": self.picture, "mask": mask}
        if not self.repainting:
            arguments = self.painting("fill")
            if not (self.canvas.own or self.canvas.seen.familiar):
                del arguments["prompt"]
            self.becomes("inpaint", arguments, mask, **images)
            return
        left = unwanted is not None and all(t.kind != unwanted for t in self.things)
        negative = painter_prompt(phrases=[Phrase(unwanted, None)]) if unwanted and left else ""
        arguments = {**self.painting("clear"), "negative_prompt": negative}
        self.becomes("inpaint", arguments, mask, **images)

    def painting(self, how: str) -> dict[str, Any]:
        seeds = [self.seed % 2**32]
        return {"prompt": self.prompt(), "seeds": seeds, "anyway": self.canvas.own, "how": how}

    def check_paintable(self) -> None:
        """Raises `ToolError` where the built-in painter is out of its depth."""
        if not (self.canvas.own or self.canvas.seen.familiar):
            raise refusal(self.brief, "photo", picture=self.canvas.handle)

    def put(self, new: Sequence[Placed], mask: str | None = None) -> None:
        """Put new things into the picture, where a mask shows the place of old ones: painted by
        themselves and laid in, or with ``repainting`` painted into it along a sketch."""
        self.check_paintable()
        place = self.region([t.box for t in new], GROW)
        if self.repainting or "detail" not in self.offered:
            self.things += new
            self.painted(place if mask is None else self.union([mask, place]), new)
            return
        if mask is not None:
            self.cleared(mask)
        self.things += new
        arguments = {
            "things": mending.listed(new), "scene": self.told((), None),
            "seed": self.seed % 2**32, "anyway": True,
        }  # fmt: skip
        self.becomes("detail", arguments, place, image=self.picture)

    def room(self) -> Room:
        setting, horizon = self.facts.get("setting", "meadow"), self.canvas.seen.horizon or HORIZON
        return Room(self.brief, self.things, setting, horizon, self.random)


def refusal(brief: Brief, name: str, **values: object) -> ToolError:
    """Why a change cannot be made, in the language of the request."""
    return ToolError(render(f"edit-{name}.{brief.language}", **values))


def said(brief: Brief, noun: str | None) -> str:
    return in_chinese(noun) if brief.language == "zh" else str(noun)


def named(change: Change) -> str:
    """The words by which the segmenter finds what a change means."""
    noun = known_noun(change.subject)[0] or change.subject
    return " ".join(["the", *filter(None, (change.place, change.color)), str(noun)])


def as_known(claim: Claim, otherwise: str) -> str:
    """The value of a scene claim as the painter knows it."""
    from .wording import _fact

    return _fact(claim)[0] or otherwise
