"""Layout and region control: a sketch of where things stand, and the repair of one wrong thing.

A repair takes the thing out of the best picture, where it is now, and lays it in where it was meant
to be, painted by itself; or it paints that region anew, to the same words. All else is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..tools.painter_words import Phrase, spots_of, words
from ..tools.registry import SMALLEST
from ..tools.sprite import stage
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
    if best is None or best in {a.call.before for a in attempts}:  # what did not help once
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
    calls = [_found(noun, best) for noun in about]
    masks = [f"#{n}" for n in range(1, len(calls) + 1)]
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
    if meant and "sprite" in offered:
        fill = {"how": "fill", "seeds": [seed % 2**32]}
        calls.append(Call(tool="inpaint", arguments=fill, images=images, aid=True))
        return _laid_in(calls, meant, told.scene, seed, best, mask)
    if meant:
        calls.append(sketch(meant))
        images["sketch"] = f"#{len(calls)}"
    arguments = {
        "prompt": draw.call.arguments["prompt"],
        "negative_prompt": draw.call.arguments.get("negative_prompt", ""),
        "seeds": [(seed + k) % 2**32 for k in range(MENDED)],
        "anyway": True,  # it is no photograph, however roughly it was painted
    }
    return [*calls, Call(tool="inpaint", arguments=arguments, images=images, before=best)]


def origin(attempts: Sequence[Attempt], handle: str | None) -> Attempt | None:
    """The drawing that a picture is, or that it was mended from."""
    while handle is not None:
        made = next((a for a in attempts if handle in a.pictures), None)
        if made is None or made.call.before is None:
            return made
        handle = made.call.before
    return None


def _laid_in(
    calls: list[Call], meant: Sequence[Placed], scene: str, seed: int, best: str, mask: str
) -> list[Call]:
    """The calls that lay things, each painted by itself, into the picture of the last call; several
    times over, from other seeds."""
    cleared = f"#{len(calls)}"
    for turn in range(LAID):
        picture = cleared
        for number, thing in enumerate(meant):
            calls.append(alone(thing, (SIDE, SIDE), scene, seed + len(meant) * turn + number))
            corner = [round(v * SIDE) for v in thing.box[:2]]
            images = {"image": picture, "over": f"#{len(calls)}"}
            calls.append(
                Call(tool="blend", arguments={"position": corner}, images=images, aid=True)
            )
            picture = f"#{len(calls)}"
        closing = {"aid": False, "within": mask, "before": best}
        calls[-1] = calls[-1].model_copy(update=closing)
    return calls


def alone(
    thing: Placed, picture: tuple[int, int], scene: str, seed: int, variant: int = 0
) -> Call:  # fmt: skip
    """The call that paints a thing by itself, for a picture of so many pixels. ``scene`` are the
    painter's words for its style and light."""
    left, top, right, bottom = thing.box
    wide = max(SMALLEST, round(right * picture[0]) - round(left * picture[0]))
    high = max(SMALLEST, round(bottom * picture[1]) - round(top * picture[1]))
    phrase = Phrase(thing.kind, 1, thing.color, spots=spots_of([stage(wide / high)]))
    arguments = {
        "kind": thing.kind, "color": thing.color, "size": [wide, high], "variant": variant,
        "prompt": f"{scene} {words(phrase)}.".strip(), "seeds": [seed % 2**32],
    }  # fmt: skip
    return Call(tool="sprite", arguments=arguments, aid=True)


def _found(noun: str, picture: str) -> Call:
    return Call(
        tool="segment", arguments={"text": noun, "grow": GROW}, images={"image": picture}, aid=True
    )


def _noun(claim: Claim) -> str | None:
    """What a claim is about, as the painter names it."""
    return known_noun(claim.subject)[0]
