"""How a picture is changed: from the changes of a Brief to tool calls over its handle.

Things are changed in their regions, so that all else is kept exactly: found by words, then
recolored, filled, moved, or painted by themselves and laid in. The scene is changed by
painting over it along its outlines, and laying the things it is not about back in front. What was
seen in the picture says where things are, which of them those are, and how the painter is told of
them; all else follows from the user's words alone. What none of that can do, in a picture that is
not of the built-in world, is told in those words to a model that edits, where there is one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, cast

from ..tools.errors import ToolError
from ..tools.geometry import Box
from ..tools.painter_words import painter_prompt
from ..tools.world import world
from . import mending
from .brief import SCENE_OPS, THING_OPS, Brief, Change, Claim, Kind, Op
from .composition import HEAVENLY
from .draft import CHOICE, GROW, Canvas, Draft, as_known, named, refusal, said
from .groups import known_noun
from .plan import Attempt, Call, best_of, verdict_of
from .room import cropped, in_place_of, related, within
from .seen import Seen
from .settling import IT
from .verdict import SURE
from .wording import Placed

BIGGER, SMALLER, MOST_OF = 1.45, 0.65, 0.66
OVER = 0.9
"""How far a picture is painted over in another season or light: of 48 scenes the things stayed, all
of them and as many, in 92 of 100, and had their colors in 98; drawn anew along its outlines, in 83
and 92."""
STAGE = frozenset(SCENE_OPS) - {"style"}
PLANTS = frozenset({"tree", "pine", "flower"})
"""Things that have a look of their own in every season, unless they were given a color."""
RELIT = {"season": 0.0, "time": 0.5, "setting": 0.5, "weather": 0.8}
"""How far things take the light of what is painted around them. Much of what changes there with the
hour is sky; fog and rain are on everything."""
FACING = frozenset(
    {"person", "cat", "dog", "rabbit", "horse", "bird", "boat", "chair", "cup", "moon"}
)
"""Things that face one way, which nobody tells; and people, who would become others. They are not
painted again by themselves."""
FULL, TINGE = 0.85, 0.3
"""How far a picture takes the looks of another; less where it was painted in its style before."""
EXTENSION = 0.5
"""How much of a side is added to it."""
HALF_LIGHT = 0.3
"""How far brightness and color are moved by "a bit"."""
LEAST = 1.2
"""So much larger a thing becomes at least, be there room or not."""
ROUNDS = 3
WITHIN = SCENE_OPS | {"add", "remove", "recolor", "replace", "tune"}
"""What can be done to a part of a picture while the rest of it stays."""
ORDER = ("tune", "recolor", "remove", "replace", "move", "resize", "add")
"""Things first, each before what might come to stand in its place; then the scene, then the
frame."""
TUNES: dict[str, dict[str, Any]] = {
    "brighter": {"brightness": 1.3}, "darker": {"brightness": 0.7},
    "more contrast": {"contrast": 1.35}, "less contrast": {"contrast": 0.7},
    "more colorful": {"color": 1.5}, "less colorful": {"color": 0.55}, "gray": {"color": 0.0},
    "sharper": {"sharpness": 2.2}, "blurrier": {"sharpness": 0.0},
}  # fmt: skip
INSTRUCTED = "edit_by_instruction"
TINTS = {"redder": "red", "bluer": "blue", "greener": "green", "warmer": "orange", "cooler": "blue"}


def edit(
    brief: Brief, canvas: Canvas, seed: int, offered: Collection[str],
    changes: Sequence[Change] | None = None, *, repainting: bool = False,
) -> list[Call]:  # fmt: skip
    """The calls that carry out ``changes`` (all those of the Brief, if left out) on a picture.

    With ``repainting``, what is changed is painted anew, not filled, laid in or recolored.
    Raises `ToolError` where none of the changes can be made, and says why.
    """
    wanted = [*brief.changes, *_missing(brief, canvas)] if changes is None else changes
    for change in wanted:  # "#2" is also how a plan names its own calls
        if change.reference is not None and not change.reference.startswith("img-"):
            raise refusal(brief, "no-picture", words=change.reference)
    draft = _Editing(brief, canvas, seed, offered, repainting)
    trouble: list[str] = []
    for together in _together(sorted(wanted, key=_rank)):
        try:
            draft.make(together)
        except ToolError as error:
            if not draft.instruct(together):
                trouble.append(str(error))
    if draft.last is None:
        raise ToolError("; ".join(trouble)) if trouble else refusal(brief, "nothing")
    *aids, closing = draft.finished()
    return [*aids, closing.model_copy(update={"undone": tuple(trouble)})]


def _rank(change: Change) -> int:
    of_thing = change.op in ORDER and change.subject is not None
    if of_thing:
        return ORDER.index(change.op)
    later = (change.op == "style") + 2 * (change.op not in SCENE_OPS)
    return len(ORDER) + later + 2 * (change.op in ("tune", "scale"))


def _missing(brief: Brief, canvas: Canvas) -> list[Change]:
    """What the Brief claims of the scene beside what it changes, by a rule for all pictures, and
    the picture does not have yet."""
    missing: list[Change] = []
    if not (canvas.own or canvas.seen.familiar):
        return missing
    changed = {change.op for change in brief.changes}
    for claim in brief.claims:
        if claim.kind in SCENE_OPS and claim.kind not in changed and claim.value is not None:
            seen, sure = canvas.seen.facts.get(claim.kind, ("", 0.0))
            if sure >= SURE and seen != as_known(claim, seen):
                op = cast(Op, claim.kind)
                missing.append(Change(op=op, value=str(claim.value), source=claim.source))
    return missing


def _together(changes: Sequence[Change]) -> list[list[Change]]:
    """The changes in their order, those of light, season and setting as one: the picture is painted
    over once for all of them."""
    found: list[list[Change]] = []
    for change in changes:
        if change.op in STAGE and found and found[-1][0].op in STAGE:
            found[-1].append(change)
        else:
            found.append([change])
    return found


class _Editing(Draft):
    """The changes, each by its name."""

    def make(self, together: Sequence[Change]) -> None:
        """Make changes that are made at once, mostly a single one. Raises `ToolError`, with nothing
        of it made, where that cannot be."""
        before = {k: copy(v) if isinstance(v, list | dict) else v for k, v in vars(self).items()}
        try:
            self._make(together)
        except ToolError:  # half a change is none
            vars(self).update(before)
            raise

    def _make(self, together: Sequence[Change]) -> None:
        change = together[0]
        if self.canvas.marked is not None and change.op not in WITHIN:
            raise refusal(self.brief, "marked")
        if change.op == "style":
            self.restyle(change)
        elif change.op in SCENE_OPS:
            self.restage(together)
        elif change.op in THING_OPS or change.op == "tune":
            getattr(self, change.op)(change)
        else:
            self.frame(change)

    def instruct(self, together: Sequence[Change]) -> bool:
        """Have changes made that no rule makes, as the user said them; False where that cannot be.
        Nothing is to be measured afterwards, for all of the picture may change."""
        words = [change.source for change in together if change.source]
        plain = all(
            c.op in THING_OPS | SCENE_OPS and c.subject != IT and c.reference is None
            for c in together
        )
        if not self.instructs or not plain or len(words) < len(together):
            return False
        if self.calls and self.calls[-1].tool == INSTRUCTED:  # told at once more stays as it was
            earlier = self.calls.pop()
            self.picture = earlier.images["image"]
            words.insert(0, earlier.arguments["instruction"])
        arguments = {"instruction": "; ".join(words), "seeds": [self.seed % 2**32]}
        self.becomes(INSTRUCTED, arguments, None, image=self.picture)
        return True

    @property
    def instructs(self) -> bool:
        """Whether there is a model that is told what to change, and the eyes know less than it."""
        return INSTRUCTED in self.offered and not self.canvas.seen.familiar

    def recolor(self, change: Change) -> None:
        numbers = self.meant(change)
        for n in numbers:
            self.things[n] = replace(self.things[n], color=change.value)
        if self.repainting:
            new = [self.things[n] for n in numbers]
            found = self.mask_of(change, numbers, GROW)
            self.painted(self.union([found, self.region([t.box for t in new], GROW)]), new)
        else:
            mask = self.mask_of(change, numbers, GROW / 4)
            self.becomes("recolor", {"color": change.value}, mask, image=self.picture, mask=mask)

    def remove(self, change: Change) -> None:
        numbers = self.meant(change)
        mask = self.mask_of(change, numbers, GROW)
        kind = self.things[numbers[0]].kind if numbers else None
        self.things = [t for n, t in enumerate(self.things) if n not in numbers]
        self.cleared(mask, kind)

    def replace(self, change: Change) -> None:
        noun = known_noun(change.value)[0]
        if noun is None:
            raise refusal(self.brief, "unknown", thing=said(self.brief, change.value))
        numbers = self.meant(change)
        found = self.mask_of(change, numbers, GROW)
        color = change.new_color
        boxes = [in_place_of(self.things[n], noun) for n in numbers]
        if self.canvas.marked is not None:
            boxes = self.canvas.marked.room(noun, max(1, len(numbers)))
        new = [Placed(noun, box, color) for box in boxes]
        self.things = [t for n, t in enumerate(self.things) if n not in numbers]
        self.put(new, found)

    def add(self, change: Change) -> None:
        noun = known_noun(change.subject)[0]
        if noun is None:
            raise refusal(self.brief, "unknown", thing=said(self.brief, change.subject))
        new: list[Placed] = []
        count, color = min(change.count or 1, 6), change.new_color or change.color
        if self.canvas.marked is not None:
            self.put([Placed(noun, box, color) for box in self.canvas.marked.room(noun, count)])
            return
        for _ in range(count):
            box = self.room().free(noun, change.value, [t.box for t in (*self.things, *new)])
            if box is None:
                raise refusal(self.brief, "no-place", thing=said(self.brief, noun))
            new.append(Placed(noun, box, color))
        self.put(new)

    def move(self, change: Change) -> None:
        numbers = self.meant(change)[:1]
        thing = self.things[numbers[0]]
        mask = self.mask_of(change, numbers, GROW)
        cutout = self.call("remove_background", {"subject": named(change)}, image=self.picture)
        others = [t for n, t in enumerate(self.things) if n not in numbers]
        if change.object is None:
            box = self.room().beside(thing, str(change.value), [t.box for t in others])
        else:
            other = self.meant(change.model_copy(update={"subject": change.object, "color": None}))
            box = related(thing.box, str(change.value), self.things[other[0]].box)
        self.things = others
        self.cleared(mask, thing.kind)
        self.things = [*others, replace(thing, box=box)]
        apart = box[0] - thing.box[0], box[1] - thing.box[1]
        self.laid(cutout, apart, 1.0, [thing.box, box])

    def resize(self, change: Change) -> None:
        numbers = self.meant(change)[:1]
        thing = self.things[numbers[0]]
        left, top, right, foot = thing.box
        room = min(MOST_OF / (right - left), MOST_OF / (foot - top))
        factor = max(min(BIGGER, room), LEAST) if change.value == "bigger" else SMALLER
        cutout = self.call("remove_background", {"subject": named(change)}, image=self.picture)
        half, x = (right - left) / 2 * factor, (left + right) / 2
        foot = min(foot, 0.99)
        foot += max(0.0, 0.02 - (foot - (foot - top) * factor))
        box = within((x - half, foot - (thing.box[3] - top) * factor, x + half, foot))
        aside = abs(box[0] + box[2] - left - right) / 2
        if factor < 1 or aside > GROW / 2 or box[1] > top:  # else it covers where it was
            mask = self.mask_of(change, numbers, GROW)
            self.things = [t for n, t in enumerate(self.things) if n not in numbers]
            self.cleared(mask, thing.kind)
            self.things.append(replace(thing, box=box))
        else:
            self.things[numbers[0]] = replace(thing, box=box)
        corner = box[0] - factor * left, box[1] - factor * top
        self.laid(cutout, corner, factor, [thing.box, box])

    def laid(self, over: str, corner: tuple[float, float], scale: float, boxes: list[Box]) -> None:
        """Lay a cut-out thing onto the picture, ``scale`` times as large, with the left top
        ``corner`` of its canvas there (in fractions); all that changes is within ``boxes``."""
        if scale != 1:
            size = [max(16, round(side * scale)) for side in self.size]
            over = self.call("adjust", {"resize": size}, image=over)
        position = [round(c * side) for c, side in zip(corner, self.size, strict=True)]
        touched = self.region(boxes, 2 * GROW)
        self.becomes("blend", {"position": position}, touched, image=self.picture, over=over)

    def restyle(self, change: Change) -> None:
        paintable = self.canvas.own or self.canvas.seen.familiar
        if change.reference is None:
            self.check_paintable()
            if self.instructs and change.value not in world().styles:
                raise refusal(self.brief, "unknown", thing=change.value)
            self.paint_over(_known_fact(change))
            return
        named = next((c for c in self.brief.claims if c.kind == "style"), None)
        style = None if named is None else as_known(named, "")
        strength = FULL
        if style and paintable and style != self.facts.get("style"):
            self.paint_over(style)
            strength = TINGE
        images = {"image": self.picture, "reference": change.reference}
        self.becomes("style_transfer", {"strength": strength}, None, **images)

    def paint_over(self, style: str) -> None:
        """The picture in another style, and its things once more, each by itself, so that they do
        not get lost."""
        self.facts["style"] = style
        arguments = {"style": style, "prompt": self.prompt(), "seed": self.seed % 2**32}
        self.becomes("style_transfer", arguments, None, image=self.picture)
        things = [thing for thing in self.things if thing.kind not in FACING]
        if things and not self.repainting and "detail" in self.offered:
            arguments = {
                "things": mending.listed(things), "scene": self.told((), None),
                "seed": self.seed % 2**32,
            }  # fmt: skip
            self.becomes("detail", arguments, None, image=self.picture)

    def restage(self, together: Sequence[Change]) -> None:
        """Another season, light or setting: the things that it does not change are taken out, the
        rest is painted over, and they are laid back. With ``repainting`` all is painted anew along
        the outlines."""
        self.check_paintable()
        ops = {change.op for change in together}
        held = [] if self.repainting else [t for t in self.things if _unchanged(t, ops)]
        front, things = self.picture, self.things
        self.things = [thing for thing in things if thing not in held]
        images: dict[str, str] = {}
        if held:
            there = [*held, *(t for t in self.doubtful if _unchanged(t, ops))]
            kinds = list(dict.fromkeys(thing.kind for thing in there))
            exact, grown = (
                self.union([
                    self.call("segment", {"text": f"the {kind}", "grow": grow}, image=front)
                    for kind in kinds
                ])
                for grow in (0.0, GROW)
            )  # fmt: skip
            images = {"front": front, "mask": exact}
            self.cleared(grown)
        for change in together:
            self.facts[cast(Kind, change.op)] = _known_fact(change)
        arguments: dict[str, Any] = {"prompt": self.prompt(), "seeds": [self.seed % 2**32]}
        if not self.repainting:
            arguments["strength"] = OVER
        if held:
            arguments["relight"] = max(RELIT[op] for op in ops)
        self.becomes("edge_guided", arguments, None, image=self.picture, **images)
        self.things = things

    def tune(self, change: Change) -> None:
        value = str(change.value)
        tint = TINTS.get(value)
        arguments = {"color": tint, "strength": HALF_LIGHT} if tint else TUNES[value]
        name = "recolor" if tint else "adjust"
        if change.subject is None:
            self.becomes(name, arguments, None, image=self.picture)
            return
        if self.canvas.own and known_noun(change.subject)[0] is not None:
            self.meant(change)
        mask = self.call("segment", {"text": named(change)}, image=self.picture)
        tuned = self.call(name, arguments, image=self.picture)
        self.becomes("blend", {}, mask, image=self.picture, over=tuned, mask=mask)

    def frame(self, change: Change) -> None:
        """Changes of the picture's frame."""
        width, height = self.size
        value = str(change.value)
        match change.op:
            case "extend":
                sides = {"sides": ("left", "right"), "all": ("left", "top", "right", "bottom")}
                added = {
                    side: round(EXTENSION * (width if side in ("left", "right") else height))
                    for side in sides.get(value, (value,))
                }
                self.check_paintable()
                prompt = painter_prompt(**{k: self.facts.get(k) for k in SCENE_OPS})  # type: ignore[arg-type]
                arguments = {**added, "prompt": prompt, "seed": self.seed % 2**32}
                arguments["anyway"] = self.canvas.own
                self.becomes("outpaint", arguments, None, image=self.picture)
            case "crop":
                box = cropped(value, width, height)
                self.becomes("adjust", {"crop": box}, None, image=self.picture)
            case "scale":
                scale = 4 if (change.count or 2) > 2 else 2
                self.becomes("upscale", {"scale": scale}, None, image=self.picture)
            case "flip":
                self.becomes("adjust", {"flip": value}, None, image=self.picture)
            case "rotate":
                turned = -float(change.count or 90)
                self.becomes("adjust", {"rotate": turned}, None, image=self.picture)
            case "cut out":
                subject = named(change) if change.subject else ""
                self.becomes("remove_background", {"subject": subject}, None, image=self.picture)


def _known_fact(change: Change) -> str:
    """The value of a change of the scene as the painter knows it."""
    value = str(change.value)
    return as_known(Claim(id="c1", kind=cast(Kind, change.op), value=value), value)


def _unchanged(thing: Placed, ops: Collection[str]) -> bool:
    """Whether a thing stays as it is when the scene changes in these ways."""
    seasonal = thing.kind in PLANTS and thing.color is None
    if "season" in ops and seasonal:
        return False
    return "time" not in ops or thing.kind not in HEAVENLY


def again(
    brief: Brief, canvas: Canvas, seed: int, attempts: Sequence[Attempt], seen: dict[str, Seen],
    offered: Collection[str],
) -> list[Call]:  # fmt: skip
    """The calls of another try: what is still wrong with things is changed once more in the best
    picture; where that is not all, or something new may be there and is not recognized, the whole
    edit is made anew from other seeds."""
    rounds = max((a.round for a in attempts), default=0)
    best = best_of(attempts)
    if rounds >= ROUNDS:
        return []
    start = seed + CHOICE * rounds
    if best is not None and best in seen:
        verdict = verdict_of(attempts, best)
        wrong = verdict.with_status("unmet") | verdict.with_status("unsure")
        claims = [claim for claim in brief.claims if claim.id in wrong]
        left = [c for c in brief.changes if any(_is_about(c, claim) for claim in claims)]
        explained = all(any(_is_about(c, claim) for c in left) for claim in claims)
        still = [_still(c, brief, seen[best]) for c in left if c.op in THING_OPS]
        if left and explained and len(still) == len(left) and None not in still:
            left = [change for change in still if change is not None]
            now = replace(canvas, handle=best, seen=seen[best])
            with contextlib.suppress(ToolError):  # such as where the thing was lost
                return edit(brief, now, start, offered, left, repainting=True)
    again_laid = rounds == 1 and any(change.op == "add" for change in brief.changes)
    try:  # what is new may be known better in another place
        calls = edit(brief, canvas, start, offered, repainting=not again_laid)
    except ToolError:
        return []
    chance = any({"seed", "seeds"} & set(call.arguments) for call in calls)
    return calls if chance else []  # without any, the same would come out


def _is_about(change: Change, claim: Claim) -> bool:
    nouns = {claim.subject, claim.object, claim.object2} - {None}
    return bool(nouns & {change.subject, change.value if change.op == "replace" else None})


def _still(change: Change, brief: Brief, seen: Seen) -> Change | None:
    """What is left of a change of things, some of which are made; None where what is new may be
    there and is not recognized, and would be put on top of itself."""
    if change.op == "replace":
        return None
    if change.op != "add":
        return change
    noun = known_noun(change.subject)[0]
    there = sum(g.count or 0 for g in seen.groups if g.noun == noun and g.sure() >= SURE)
    wanted = next(
        (c.value for c in brief.claims if c.kind == "count" and c.subject == change.subject), None
    )
    if not isinstance(wanted, int) or not 0 < there < wanted:
        return None
    return change.model_copy(update={"count": wanted - there})
