"""Layout and region control: a sketch of where things stand, and the repair of one wrong thing.

A repair paints one region of the best picture anew, to the same words: where the thing is now,
where it was meant to be, or both. All else is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .brief import SCENE_KINDS, Brief, Claim
from .groups import known_noun
from .plan import Attempt, Call, best_of, verdict_of
from .wording import Placed

WRONG = 2
"""So many claims about things can be mended in their regions; where more are wrong, the picture is
drawn anew."""
MENDED = 4
"""Pictures painted in one repair, each from a seed of its own."""
SIDE = 128
"""Pixels a side of sketches and masks: the size that drafts are judged at."""
GROW = 0.035
"""Margin around what is painted anew, as a share of the picture."""


def sketch(layout: Sequence[Placed]) -> Call:
    """The call that sketches a layout."""
    things = [
        {"kind": p.kind, "box": [round(v, 4) for v in p.box], "color": p.color} for p in layout
    ]
    return Call(tool="sketch", arguments={"things": things, "size": [SIDE, SIDE]}, aid=True)


def mend(
    brief: Brief, attempts: Sequence[Attempt], layouts: Mapping[str, Sequence[Placed]], seed: int
) -> list[Call]:
    """The calls that paint what is wrong in the best picture anew; none where that would not help,
    or where it was tried already.

    ``layouts`` are those of the prompts that were drawn.
    """
    best = best_of(attempts)
    mended = {a.call.images["image"] for a in attempts if a.call.tool == "inpaint"}
    if best is None or best in mended:  # what did not help once is not tried again
        return []
    verdict = verdict_of(attempts, best)
    wrong = verdict.with_status("unmet") | verdict.with_status("unsure")
    claims = [claim for claim in brief.claims if claim.id in wrong]
    about = dict.fromkeys(noun for claim in claims if (noun := _noun(claim)) is not None)
    if any(claim.kind in SCENE_KINDS for claim in claims) or not 0 < len(about) <= WRONG:
        return []
    call = next(a.call for a in attempts if best in a.pictures)
    prompt = str(call.arguments["prompt"])
    layout = layouts.get(prompt, ())
    calls: list[Call] = []
    masks: list[str] = []
    for noun in about:
        calls.append(_found(noun, best))
        masks.append(f"#{len(calls)}")
    meant = [placed for placed in layout if placed.kind in about]
    if meant:
        boxes = [[round(v, 4) for v in placed.box] for placed in meant]
        arguments = {"boxes": boxes, "size": [SIDE, SIDE], "grow": GROW}
        calls.append(Call(tool="region", arguments=arguments, aid=True))
        masks.append(f"#{len(calls)}")
    mask, *rest = masks
    for other in rest:
        both = {"image": mask, "over": other}
        calls.append(Call(tool="blend", arguments={"mode": "lighten"}, images=both, aid=True))
        mask = f"#{len(calls)}"
    images = {"image": best, "mask": mask}
    if meant:
        calls.append(sketch(meant))
        images["sketch"] = f"#{len(calls)}"
    arguments = {
        "prompt": prompt,
        "negative_prompt": call.arguments.get("negative_prompt", ""),
        "seeds": [(seed + k) % 2**32 for k in range(MENDED)],
        "anyway": True,  # it is no photograph, however roughly it was painted
    }
    return [*calls, Call(tool="inpaint", arguments=arguments, images=images)]


def _found(noun: str, picture: str) -> Call:
    return Call(
        tool="segment", arguments={"text": noun, "grow": GROW}, images={"image": picture}, aid=True
    )


def _noun(claim: Claim) -> str | None:
    """What a claim is about, as the painter names it."""
    return known_noun(claim.subject)[0]
