"""Who decides: a planner turns a request into a Brief, a Brief into calls, a failure into a repair.

`BuiltinPlanner` needs no LLM and no download: a bilingual semantic parser understands, and a few
plain rules plan. It is called what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..prompts import render
from ..tools.world import Word, world
from . import editing, mending, wording
from .brief import Brief, Claim
from .draft import Canvas
from .groups import known_noun
from .plan import Attempt, Call
from .seen import Seen
from .wording import Wording

BATCH = 4
"""Pictures drawn in one call, each from a seed of its own."""
ROUNDS = 3
DRAWING = frozenset({"text_to_image", "edge_guided"})
SKETCHING = frozenset({"sketch", "edge_guided"})
MENDING = frozenset({"segment", "region", "blend", "sketch", "inpaint"})
"""What drawing, drawing along a sketch, and mending a region take."""
GUIDANCE_UP = 1.6
"""Factor on the painter's own guidance scale in the last repair."""


def _nothing() -> Collection[str]:
    return ()


@dataclass(frozen=True)
class Situation:
    """What a request is said in: the handles of the session's ``pictures``, oldest first, the
    one that the conversation stands at, ``here``, and the request ``before`` this one.

    ``shown`` looks at the picture ``here``, and tells which things are in it; it knows nothing of
    photographs.
    """

    pictures: tuple[str, ...] = ()
    here: str | None = None
    before: str | None = None
    shown: Callable[[], Collection[str]] = _nothing


class Planner(Protocol):
    """What the loop needs of a planner. Plans name only tools of ``offered``.

    ``gave_up`` tells why the built-in planner did the rest of a turn, where another one was to.
    """

    name: str
    gave_up: str | None

    def understand(self, request: str, situation: Situation) -> Brief:
        """The Brief for a request."""

    def plan(
        self, brief: Brief, seed: int, offered: Collection[str], canvas: Canvas | None = None
    ) -> list[Call]:
        """The first calls; empty when nothing that is asked for can be done. An edit is of the
        ``canvas``. Raises `ToolError` that says why an edit cannot be made."""

    def repair(
        self, brief: Brief, seed: int, attempts: Sequence[Attempt], seen: dict[str, Seen],
        offered: Collection[str], canvas: Canvas | None = None,
    ) -> list[Call]:  # fmt: skip
        """The next calls after failed attempts; empty when there is nothing left to try."""

    def finish(
        self, brief: Brief, attempts: Sequence[Attempt], best: str, picture: str,
        offered: Collection[str], lost: Collection[Claim] = (),
    ) -> Call | None:  # fmt: skip
        """A last call on the ``best`` picture, which is now a larger ``picture``, where there is
        one that would do it good. Claims that such a call ``lost`` are not to be touched again."""

    def talk(self, request: str, brief: Brief) -> str:
        """An answer in words, for a request that asks for no picture."""

    def answer(self, request: str, brief: Brief, picture: str) -> str | None:
        """An answer to a question about a picture, or None where the tools are to give it."""

    def wording(self, brief: Brief) -> Wording:
        """How the painter is told, and what it is not told."""


class BuiltinPlanner:
    """Plans by rule: compose, sketch, and draw a batch along the sketch; mend what is wrong in its
    region; else compose anew, and guide more closely at last."""

    name = "builtin"
    gave_up: str | None = None

    def __init__(self, guidance_scale: float, *, plain: bool = False) -> None:
        """``guidance_scale`` is the painter's own; ``plain`` says that it reads any English."""
        self._guidance = guidance_scale
        self.plain = plain

    def understand(self, request: str, situation: Situation) -> Brief:
        from .language import understand

        return understand(request, known_pictures=situation.pictures, shown=situation.shown)

    def wording(self, brief: Brief, *, seed: int | None = None) -> Wording:
        return wording.plain(brief) if self.plain else wording.word(brief, seed=seed)

    def plan(
        self, brief: Brief, seed: int, offered: Collection[str], canvas: Canvas | None = None
    ) -> list[Call]:
        if canvas is not None:
            return editing.edit(brief, canvas, seed, offered)
        words = self.wording(brief, seed=seed)
        if not words.paintable or "text_to_image" not in offered:
            return []
        return self._draw(words, seed, wording.negative(brief), offered)

    def repair(
        self, brief: Brief, seed: int, attempts: Sequence[Attempt], seen: dict[str, Seen],
        offered: Collection[str], canvas: Canvas | None = None,
    ) -> list[Call]:  # fmt: skip
        if canvas is not None:
            return editing.again(brief, canvas, seed, attempts, seen, offered)
        draws = [a for a in attempts if a.call.tool in DRAWING]
        if not draws:
            return []
        if not self.plain and set(offered) >= MENDING:
            start = seed + BATCH * attempts[-1].round
            if calls := mending.mend(
                brief, attempts, lambda draw: self._words(brief, draw), start, offered
            ):
                return calls
        if len(draws) >= ROUNDS:
            return []
        start = seed + BATCH * attempts[-1].round
        words = self.wording(brief, seed=start)
        if len(draws) == 1:
            return self._draw(words, start, wording.negative(brief), offered)
        extras = [g.noun for s in seen.values() for g in s.groups]  # `negative` keeps known nouns
        return self._draw(
            words, start, wording.negative(brief, extras), offered,
            guidance_scale=round(self._guidance * GUIDANCE_UP, 2),
        )  # fmt: skip

    def finish(
        self, brief: Brief, attempts: Sequence[Attempt], best: str, picture: str,
        offered: Collection[str], lost: Collection[Claim] = (),
    ) -> Call | None:  # fmt: skip
        draw = mending.origin(attempts, best)
        drawn = draw is not None and draw.call.tool == "edge_guided"
        if draw is None or not drawn or self.plain or "detail" not in offered:
            return None
        words = self._words(brief, draw)
        named = {known_noun(noun)[0] for c in lost for noun in (c.subject, c.object) if noun}
        things = [placed for placed in words.layout if placed.kind not in named]
        if not things:
            return None
        arguments = {
            "things": mending.listed(things), "scene": words.scene,
            "seed": draw.call.arguments["seeds"][0],
        }  # fmt: skip
        return Call(tool="detail", arguments=arguments, images={"image": picture})

    def _words(self, brief: Brief, draw: Attempt) -> Wording:
        """How a picture was told: a composition follows from the first of its seeds."""
        return self.wording(brief, seed=draw.call.arguments["seeds"][0])

    def talk(self, request: str, brief: Brief) -> str:
        if brief.intent == "ask":
            return capabilities(brief.language)
        from .language import only_says

        thanks = ("thank", "thx", "谢", "感谢")
        kind = "noted" if only_says(request) else "chat"
        kind = "thanks" if any(t in request.lower() for t in thanks) else kind
        return render(f"{kind}.{brief.language}")

    def answer(self, request: str, brief: Brief, picture: str) -> None:
        return None

    @staticmethod
    def _draw(
        words: Wording, seed: int, negative: str, offered: Collection[str], **more: float
    ) -> list[Call]:
        """A batch along a sketch of the words' layout, or from the words alone where they have none
        or the tools for it are missing."""
        arguments: dict[str, Any] = {
            "prompt": words.prompt or "a picture",
            "negative_prompt": negative,
            "seeds": [(seed + k) % 2**32 for k in range(BATCH)],
            **more,
        }
        if not (words.layout and set(offered) >= SKETCHING):
            return [Call(tool="text_to_image", arguments=arguments)]
        along = Call(
            tool="edge_guided", arguments={**arguments, "outlines": "drawn"}, images={"image": "#1"}
        )
        return [mending.sketch(words.layout), along]


def capabilities(language: str) -> str:
    """What the built-in models know, in words."""
    w = world()

    def names(pool: dict[str, Word]) -> str:
        if language == "zh":
            return "、".join(entry.zh[0] for entry in pool.values())
        return ", ".join(pool)

    return render(
        f"capabilities.{language}",
        objects=names(w.objects), colors=names(w.colors), seasons=names(w.seasons),
        times=names(w.times), weathers=names(w.weathers), settings=names(w.settings),
        styles=names(w.styles),
    )  # fmt: skip
