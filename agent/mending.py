"""Layout and region control: a sketch of where things stand, and the repair of one wrong thing.

A repair takes the thing out of the best picture, where it is now, and lays it in where it was meant
to be, painted by itself; or it paints that region anew, to the same words. All else is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .brief import SCENE_KINDS, Brief, Claim
from .groups import known_noun
from .plan import Attempt, Call, best_of, verdict_of
from .wording import Placed, Wording

WRONG = 2
"""So many claims about things can be mended in their regions; where more are wrong, the picture is
drawn anew."""
MENDED, LAID = 4, 2
"""Pictures made in one repair, each from seeds of its own: painted, and laid in."""
SIDE = 128
"""Pixels a side of sketches and masks: the size that drafts are judged at."""
GROW = 0.035
"""Margin around what is painted anew, as a share of the picture."""


def sketch(layout: Sequence[Placed]) -> Call:
    """The call that sketches a layout."""
    arguments = {"things": listed(layout), "size": [SIDE, SIDE]}
    return Call(tool="sketch", arguments=arguments, aid=True)


def listed(layout: Sequence[Placed]) -> list[dict[str, Any]]:
    """A layout as the tools are told of it."""
    return [{"kind": p.kind, "box": [round(v, 4) for v in p.box], "color": p.color} for p in layout]


def mend(
    brief: Brief, attempts: Sequence[Attempt], words_of: Callable[[Attempt], Wording], seed: int,
    offered: Collection[str] = (),
) -> list[Call]:  # fmt: skip
    """The calls that mend what is wrong in the best picture; none where that would not help, or
    where it was tried already.

    What is wrong is taken out, and what was meant to be there painted by itself and laid in; where
    that is not offered, or nothing was meant to be there, its region is painted anew.
    ``words_of`` tells in what words a picture was drawn.
    """
    best = best_of(attempts)
    failed = {handle for a in attempts if a.error for handle in a.call.images.values()}
    tried = failed | {a.call.before for a in attempts}
    if best is None or best in tried:  # what did not help once
        return []
    draw = origin(attempts, best)
    verdict = verdict_of(attempts, best)
    wrong = verdict.with_status("unmet") | verdict.with_status("unsure")
    claims = [claim for claim in brief.claims if claim.id in wrong]
    about = dict.fromkeys(noun for claim in claims if (noun := _noun(claim)) is not None)
    scene = any(claim.kind in SCENE_KINDS for claim in claims)
    if draw is None or scene or not 0 < len(about) <= WRONG:
        return []
    told = words_of(draw)
    meant = [placed for placed in told.layout if placed.kind in about]
    plan = _Plan([_found(noun, best) for noun in about])
    if not meant:
        mask = plan.union(range(1, len(plan.calls) + 1))
        return [*plan.calls, _painted(draw, {"image": best, "mask": mask}, seed, best)]
    found = range(1, len(plan.calls) + 1)
    places = plan.add(_region(meant, GROW))
    if "detail" not in offered:
        mask = plan.union([*found, places])
        images = {"image": best, "mask": mask, "sketch": f"#{plan.add(sketch(meant))}"}
        return [*plan.calls, _painted(draw, images, seed, best)]
    within = plan.union([*found, places])
    gone = plan.union([*found, plan.add(_region(meant, -GROW))])
    fill = {"how": "fill", "seeds": [seed % 2**32]}
    images = {"image": best, "mask": gone}
    cleared = plan.add(Call(tool="inpaint", arguments=fill, images=images, aid=True))
    for k in range(LAID):
        arguments = {
            "things": listed(meant), "scene": told.scene, "seed": (seed + k) % 2**32,
            "anyway": True,
        }  # fmt: skip
        images = {"image": f"#{cleared}"}
        plan.add(
            Call(tool="detail", arguments=arguments, images=images, within=within, before=best)
        )
    return plan.calls


@dataclass
class _Plan:
    """Calls, by their numbers from 1."""

    calls: list[Call]

    def add(self, call: Call) -> int:
        self.calls.append(call)
        return len(self.calls)

    def union(self, masks: Sequence[int]) -> str:
        """The reference to a mask of all that is in others."""
        both = masks[0]
        for mask in masks[1:]:
            images = {"image": f"#{both}", "over": f"#{mask}"}
            lighten = {"mode": "lighten"}
            both = self.add(Call(tool="blend", arguments=lighten, images=images, aid=True))
        return f"#{both}"


def _region(things: Sequence[Placed], grow: float) -> Call:
    """The call that makes a mask of the things' boxes, each larger by ``grow`` on all sides, or
    smaller, but for its middle."""
    boxes = []
    for left, top, right, bottom in (thing.box for thing in things):
        by = max(grow, (left - right) / 2 + 0.01, (top - bottom) / 2 + 0.01)
        boxes.append([round(v, 4) for v in (left - by, top - by, right + by, bottom + by)])
    arguments = {"boxes": boxes, "size": [SIDE, SIDE]}
    return Call(tool="region", arguments=arguments, aid=True)


def _painted(draw: Attempt, images: dict[str, str], seed: int, best: str) -> Call:
    """The call that paints a region anew, in the words of the drawing."""
    arguments = {
        "prompt": draw.call.arguments["prompt"],
        "negative_prompt": draw.call.arguments.get("negative_prompt", ""),
        "seeds": [(seed + k) % 2**32 for k in range(MENDED)],
        "anyway": True,  # it is no photograph, however roughly it was painted
    }
    return Call(tool="inpaint", arguments=arguments, images=images, before=best)


def origin(attempts: Sequence[Attempt], handle: str | None) -> Attempt | None:
    """The drawing that a picture is, or that it was mended from."""
    while handle is not None:
        made = next((a for a in attempts if handle in a.pictures), None)
        if made is None or made.call.before is None:
            return made
        handle = made.call.before
    return None


def _found(noun: str, picture: str) -> Call:
    return Call(
        tool="segment", arguments={"text": noun, "grow": GROW}, images={"image": picture}, aid=True
    )


def _noun(claim: Claim) -> str | None:
    """What a claim is about, as the painter names it."""
    return known_noun(claim.subject)[0]
