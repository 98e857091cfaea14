"""What a person marked in a picture: the part in which an edit may change it, and what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..tools.geometry import Box
from .brief import THING_OPS, Brief, Change, Claim
from .composition import ASPECT
from .groups import known_noun
from .language.made import follows
from .seen import Seen
from .settling import HERE, IT

if TYPE_CHECKING:
    from PIL import Image

HOLDS = 0.5
"""A thing of whose box so much is marked is what is meant."""
WHOLE = 0.9
"""So much of the box of a new thing is to be marked."""
SIZES = tuple(1 - step / 20 for step in range(15))


@dataclass(frozen=True)
class Marked:
    """A mask of a picture, by its ``handle`` and as an L ``image`` of 0 and 255 with something
    white, which is what is marked. Boxes are in fractions of the picture."""

    handle: str
    image: Image.Image

    @property
    def box(self) -> Box:
        """The box around all that is marked."""
        found = self.image.getbbox()
        assert found is not None
        (left, top, right, bottom), (width, height) = found, self.image.size
        return left / width, top / height, right / width, bottom / height

    def share(self, box: Box) -> float:
        """How much of a box is marked, from 0 to 1."""
        width, height = self.image.size
        left, top = int(box[0] * width), int(box[1] * height)
        right, bottom = max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
        black, *_, white = self.image.crop((left, top, right, bottom)).histogram()
        return white / (black + white)

    def holds(self, box: Box) -> bool:
        """Whether what stands in a box is meant."""
        return self.share(box) >= HOLDS

    def room(self, noun: str, number: int = 1) -> list[Box]:
        """Boxes for so many new things beside one another, each as large as what is marked has room
        for."""
        left, top, right, bottom = self.box
        step = (right - left) / number
        return [
            self._fitted(noun, (left + n * step, top, left + (n + 1) * step, bottom))
            for n in range(number)
        ]

    def _fitted(self, noun: str, part: Box) -> Box:
        wide, high = part[2] - part[0], part[3] - part[1]
        ratio = ASPECT[noun] * self.image.height / self.image.width
        high = min(high, wide / ratio)
        x, foot = (part[0] + part[2]) / 2, part[3]
        boxes: list[Box] = []
        for size in SIZES:
            up = (part[3] - part[1] - size * high) / 2
            for y in (foot, foot - up):
                half = size * high * ratio / 2
                boxes.append((x - half, y - size * high, x + half, y))
        return next((b for b in boxes if self.share(b) >= WHOLE), max(boxes, key=self.share))


def pointed(brief: Brief, marked: Marked, seen: Seen | None, here: str) -> Brief:
    """A request about what is marked in the picture ``here``: "this" is the thing of which most was
    ``seen`` there, and who asks for things wants them put there."""
    counted, most = Counter[str](), Counter[str]()
    for group in seen.groups if seen is not None and seen.familiar else ():
        for box in filter(marked.holds, group.boxes):
            counted[group.noun] += 1
            most[group.noun] += round(1e6 * (box[2] - box[0]) * (box[3] - box[1]))
    thing = most.most_common(1)[0][0] if most else HERE
    changes: list[Change] = []
    claims = list(brief.claims)
    for change in _added(brief) if brief.intent == "make" else brief.changes:
        if change.subject == IT:
            changes.append(change.model_copy(update={"subject": thing}))
            if thing != HERE:
                claims += [Claim(id="c1", **fields) for fields in follows(changes[-1])]
        else:
            changes.append(change)
        number = counted[known_noun(changes[-1].subject)[0] or ""]
        if change.op in THING_OPS and change.op != "add" and change.count is None and number:
            changes[-1] = changes[-1].model_copy(update={"count": number})
    claims = [c.model_copy(update={"id": f"c{n}"}) for n, c in enumerate(claims, start=1)]
    told = {"intent": "edit", "target": here, "changes": tuple(changes), "claims": tuple(claims)}
    return brief.model_copy(update=told)


def _added(brief: Brief) -> tuple[Change, ...]:
    """What a request for a picture asks to be in it, as changes that put it there."""
    counts = {c.subject: c.value for c in brief.claims if c.kind == "count"}
    colors = {c.subject: str(c.value) for c in brief.claims if c.kind == "color"}
    things = dict.fromkeys(
        c.subject for c in brief.claims if c.kind in ("object", "count", "color")
    )
    return tuple(
        Change(
            op="add", subject=noun, new_color=colors.get(noun),
            count=n if isinstance(n := counts.get(noun), int) else None,
        )
        for noun in things
    )  # fmt: skip
