"""The planner that asks a language model, and the built-in one where that is of no use.

The Brief is a form that the model fills in; plans and repairs are tool calls. What it is told of
pictures are handles, verdicts and words of the studio's own world; pixels only where the user
allows it. Once its replies cannot be had or taken, the built-in planner does the rest of the turn.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from ...prompts import render
from ...tools.engine import Engine
from ...tools.errors import Stopped, ToolError
from ...tools.registry import ToolSpec, flatten, refusals
from ...tools.world import world
from .. import reply
from ..brief import Brief, Claim, Language
from ..budget import Budget, Spent
from ..draft import Canvas
from ..language.text import check, language_of
from ..plan import Attempt, Call, best_of
from ..planners import BATCH, ROUNDS, BuiltinPlanner, Situation, capabilities
from ..seen import Seen
from ..verdict import pool
from ..wording import Wording, negative
from .address import BUILTIN, OWN, Address, connect
from .door import Refused, read_object
from .exchange import Exchange, GaveUp, What
from .forms import Understanding
from .offers import Offers, Wanted, calls_of, check_plan, form
from .reach import Reach, Reply

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from PIL import Image

UNDERSTAND: Final = "understand"
GLANCE = 768
"""The longer side of a picture that a model is shown, in pixels."""
PLANS = 2
"""So many of its plans may come to nothing before the built-in planner takes over."""
LONGEST_TALK = 2000
"""Characters of an answer in words."""

Made = TypeVar("Made")


def _quiet(text: str) -> None:
    """Nobody listens to the words as they come."""


class ChatPlanner:
    """Asks a language model by an `Exchange`; ``rules`` are its skills, and take over from it.

    ``tools`` are all there are. ``see`` gives the pixels of a handle where the user allows that
    they are sent, else it is None. ``hear`` is told the words of an answer as they come.
    """

    def __init__(
        self, exchange: Exchange, rules: BuiltinPlanner, tools: Mapping[str, ToolSpec],
        *, see: Callable[[str], Image.Image] | None = None, hear: Callable[[str], None] = _quiet,
        given_up: Callable[[str], None] = _quiet,
    ) -> None:  # fmt: skip
        self.name = exchange.reach.address.name
        self.gave_up: str | None = None
        """Why the built-in planner took over, once it did."""
        self._exchange, self._rules, self._tools = exchange, rules, tools
        self._see, self._hear, self._given_up = see, hear, given_up
        self._only_reads = exchange.reach.address.kind == OWN

    # -- what a planner does

    def understand(self, request: str, situation: Situation) -> Brief:
        check(request)
        return self._or(
            lambda: self.understood(request, situation),
            lambda: self._rules.understand(request, situation), reading=True,
        )  # fmt: skip

    def plan(
        self, brief: Brief, seed: int, offered: Collection[str], canvas: Canvas | None = None
    ) -> list[Call]:
        def by_rule() -> list[Call]:
            return self._rules.plan(brief, seed, offered, canvas)

        marked = canvas is not None and canvas.marked is not None  # which it has no words for
        if marked or (brief.again and not brief.claims):
            return by_rule()

        def asked() -> list[Call]:
            skill = "draw" if canvas is None else "carry_out"
            offers = self._offers([skill], brief, seed, offered, canvas, ())
            told, pictures = [self._brief(brief, canvas)], []
            if canvas is not None:
                told.append(self._shown(canvas.handle, canvas.seen, brief.language))
                pictures = [canvas.handle]
            take = self._plans(offers, skill, by_rule, pictures)
            return self._asked("plan", brief, told, pictures, offers, take)

        return self._or(asked, by_rule)

    def repair(
        self, brief: Brief, seed: int, attempts: Sequence[Attempt], seen: dict[str, Seen],
        offered: Collection[str], canvas: Canvas | None = None,
    ) -> list[Call]:  # fmt: skip
        start = seed + BATCH * attempts[-1].round
        best = best_of(attempts)
        marked = canvas is not None and canvas.marked is not None

        def by_rule() -> list[Call]:
            # A planner that only reads leaves every plan to the rules, and what comes of nothing.
            if best is not None or self._only_reads or marked:
                return self._rules.repair(brief, seed, attempts, seen, offered, canvas)
            if attempts[-1].round >= PLANS + ROUNDS:
                return []
            try:  # there is nothing to mend
                return self._rules.plan(brief, start, offered, canvas)
            except ToolError:
                return []

        def asked() -> list[Call]:
            if best is None and attempts[-1].round >= PLANS:
                raise GaveUp("its plans came to nothing")
            handles = [h for a in attempts for h in (*a.pictures, *a.made, *a.call.images.values())]
            skill = "mend" if best is not None else "draw" if canvas is None else "carry_out"
            skills = [skill] if best is None else [skill, "stop"]
            offers = self._offers(skills, brief, start, offered, canvas, handles)
            told = [self._brief(brief, canvas), *self._tried(attempts, brief.language)]
            if best is not None and best in seen:
                told.append(self._shown(best, seen[best], brief.language))
            origins = [] if canvas is None else list(dict.fromkeys([canvas.handle, *handles]))
            take = self._plans(offers, skill, by_rule, origins)
            what: What = "plan" if best is None else "repair"
            return self._asked(what, brief, told, [best] if best else [], offers, take)

        return self._or(asked, by_rule)

    def finish(
        self, brief: Brief, attempts: Sequence[Attempt], best: str, picture: str,
        offered: Collection[str], lost: Collection[Claim] = (),
    ) -> Call | None:  # fmt: skip
        return self._rules.finish(brief, attempts, best, picture, offered, lost)

    def talk(self, request: str, brief: Brief) -> str:
        told = render(f"llm-talk.{brief.language}", knows=capabilities(brief.language))
        return self._or(
            lambda: self._answered(told, request, brief.language, ()),
            lambda: self._rules.talk(request, brief),
        )

    def answer(self, request: str, brief: Brief, picture: str) -> str | None:
        if self._see is None:
            return None
        told = render(f"llm-answer.{brief.language}", picture=picture)
        image = self._see(picture)
        return self._or(
            lambda: self._answered(told, request, brief.language, [image]), lambda: None
        )

    def wording(self, brief: Brief) -> Wording:
        return self._rules.wording(brief)

    # -- how it asks

    def _answered(
        self, told: str, request: str, language: Language, images: Sequence[Image.Image]
    ) -> str:
        """Words, which the listener hears as they come."""

        def take(said: Reply) -> str:
            words = said.text.strip()
            if not words:
                raise Refused(render(f"llm-silent.{language}"))
            if len(words) > LONGEST_TALK:
                raise Refused(f"the answer has {len(words)} characters; allowed are {LONGEST_TALK}")
            return reply.plain(words)

        messages = _messages(told, [request], images)
        return self._exchange.ask("talk", messages, (), take, language, self._hear)

    def _or(
        self, asked: Callable[[], Made], by_rule: Callable[[], Made], *, reading: bool = False
    ) -> Made:
        """What the language model makes of it, or else the built-in planner: where it gave up, and
        where it has learned to read and this is not ``reading``."""
        if self.gave_up is None and (reading or not self._only_reads):
            try:
                return asked()
            except GaveUp as error:
                self.gave_up = str(error)
                self._given_up(self.gave_up)
        return by_rule()

    def understood(self, request: str, situation: Situation) -> Brief:
        """The Brief by the language model, or `GaveUp`."""
        language = language_of(request)

        def take(said: Reply) -> Brief:
            names = [call.name for call in said.calls]
            if names not in ([UNDERSTAND], []):
                raise Refused(f"{names} were called; allowed is one call of {UNDERSTAND}")
            text = said.calls[0].arguments if said.calls else said.text
            if not text.strip():
                raise Refused(f"nothing was said; allowed is one call of {UNDERSTAND}")
            values = read_object(text)
            try:
                understanding = Understanding.model_validate(values)
            except ValidationError as error:
                raise Refused(refusals(error, Understanding.model_json_schema())) from None
            return understanding.brief(request, situation.pictures)

        told = render(f"llm-understand.{language}", **_words())
        said = "\n".join(_situation(request, situation))
        tools = [form(UNDERSTAND, "Say what the request asks for.", Understanding)]
        messages = _messages(told, [said])
        return self._exchange.ask(UNDERSTAND, messages, tools, take, language, _quiet)

    def _asked(
        self, what: What, brief: Brief, told: Sequence[str], pictures: Sequence[str],
        offers: Offers, take: Callable[[Reply], list[Call]],
    ) -> list[Call]:  # fmt: skip
        system = render(f"llm-{what}.{brief.language}")
        messages = _messages(system, told, [self._see(h) for h in pictures] if self._see else ())
        return self._exchange.ask(what, messages, offers.schemas(), take, brief.language, _quiet)

    def _plans(
        self, offers: Offers, skill: str, by_rule: Callable[[], list[Call]], origins: Sequence[str]
    ) -> Callable[[Reply], list[Call]]:
        """Makes a plan of a reply; of a change, all it hands over has to come of ``origins``."""

        def take(said: Reply) -> list[Call]:
            wanted = self._wanted(said, offers)
            if _names(wanted, "stop"):
                return []
            calls = calls_of(wanted, {skill: by_rule() if _names(wanted, skill) else ()})
            check_plan(calls, origins)
            return calls

        return take

    @staticmethod
    def _wanted(said: Reply, offers: Offers) -> list[Wanted]:
        if not said.calls:
            raise Refused(f"no tool was called; allowed are {', '.join(offers.names)}")
        return offers.wanted(said.calls)

    def _offers(
        self, skills: Sequence[str], brief: Brief, seed: int, offered: Collection[str],
        canvas: Canvas | None, handles: Sequence[str],
    ) -> Offers:  # fmt: skip
        seeds = [(seed + k) % 2**32 for k in range(BATCH)]
        own = canvas is not None and canvas.own
        filled: dict[str, Any] = {"seeds": seeds, "seed": seeds[0], "anyway": own}
        if not self._rules.plain:
            words = self._rules.wording(brief, seed=seed)
            filled |= {"prompt": words.prompt, "scene": words.scene}
            filled["negative_prompt"] = negative(brief)
        named = [c.reference for c in brief.changes if c.reference]
        mine = [canvas.handle] if canvas is not None else []
        tools = {name: spec for name, spec in self._tools.items() if name in offered}
        real = [h for h in (*mine, *named, *handles) if h.startswith("img-")]
        return Offers(skills, tools, real, filled)

    # -- what it is told

    def _brief(self, brief: Brief, canvas: Canvas | None) -> str:
        """The request as it was understood, claim by claim."""
        claims = [f"- {c.id}: {reply.describe(c, brief.language)}" for c in brief.claims]
        changes = [
            "- " + ", ".join(f"{k}={v}" for k, v in change if v is not None and k != "source")
            for change in brief.changes
        ]
        return render(
            f"llm-brief.{brief.language}",
            picture="-" if canvas is None else canvas.handle,
            changes="\n".join(changes) or "-", claims="\n".join(claims) or "-",
        )  # fmt: skip

    @staticmethod
    def _tried(attempts: Sequence[Attempt], language: Language) -> list[str]:
        """What was done so far, and what came of it."""
        lines = []
        best = best_of(attempts)
        for attempt in attempts:
            call = attempt.call
            took = ", ".join(f"{k}={v}" for k, v in call.images.items())
            if attempt.error is not None:
                lines.append(f"- {call.tool}({took}): {attempt.error}")
            for handle in (*attempt.made, *attempt.pictures):
                line = f"- {call.tool}({took}) -> {handle}"
                if handle in attempt.verdicts:
                    verdict = attempt.verdicts[handle]
                    wrong = [
                        f"{id} {status}" for status in ("unmet", "unsure", "unseen")
                        for id in sorted(verdict.with_status(status))
                    ]  # fmt: skip
                    line += ": " + (", ".join(wrong) or "all met")
                lines.append(line + (" *" if handle == best else ""))
        return [render(f"llm-tried.{language}", tried="\n".join(lines))]

    @staticmethod
    def _shown(handle: str, seen: Seen, language: Language) -> str:
        """What is in a picture, in words of the studio's world only: a caption may quote what
        somebody wrote into the picture, and nobody is to obey that."""
        known = world()
        things = [
            f"{g.count or 'several'} {g.noun}"
            + (f" ({g.color})" if g.color in known.colors else "")
            + "".join(f" [{', '.join(f'{v:.2f}' for v in box)}]" for box in g.boxes)
            for g in seen.groups if g.noun in known.objects
        ]  # fmt: skip
        facts = [word for kind, (word, _) in seen.facts.items() if word in pool(kind)]
        shown = "; ".join([*things, *facts]) or "-"
        return render(f"llm-shown.{language}", handle=handle, shown=shown)


@contextmanager
def reader(llm: str) -> Iterator[Callable[[str], Brief]]:
    """Who reads requests alone, with no pictures about: the language model at an address, or the
    built-in planner. Where the model is of no use, reading raises `Stopped`."""
    from ..language import understand

    address = Address.parse(llm)
    if address.kind == BUILTIN:
        yield understand
        return
    with Engine(planner=Path(address.where)) if address.local else nullcontext() as engine:
        reach = Reach(address, connect(address, engine))

        def read(request: str) -> Brief:
            check(request)
            exchange = Exchange(reach, None, Spent(Budget()), threading.Event())
            planner = ChatPlanner(exchange, BuiltinPlanner(1.0), {})
            try:
                return planner.understood(request, Situation())
            except GaveUp as error:
                raise Stopped(f"{address.name} did not understand it: {error}.") from error

        yield read


def _situation(request: str, situation: Situation) -> list[str]:
    """The lines of a request and what it is said in; those that do not apply are left out."""
    things = [noun for noun in situation.shown() if noun in world().objects]
    lines = {
        "pictures": " ".join(situation.pictures),
        "open": situation.here,
        "shows": ", ".join(dict.fromkeys(things)),
        "before": situation.before and " ".join(situation.before.split()),
        "request": request,
    }
    return [f"{name}: {value}" for name, value in lines.items() if value]


def _words() -> dict[str, str]:
    """The words that the studio knows best, for a model to say things in."""
    w = world()
    pools = {
        "objects": w.objects, "colors": w.colors, "seasons": w.seasons, "times": w.times,
        "weathers": w.weathers, "settings": w.settings, "styles": w.styles,
    }  # fmt: skip
    return {name: ", ".join(pool) for name, pool in pools.items()}


def _names(wanted: Sequence[Wanted], skill: str) -> bool:
    return any(one.name == skill for one in wanted)


def _messages(
    system: str, told: Sequence[str], images: Sequence[Image.Image] = ()
) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    text = "\n\n".join(told)
    content: Any = text
    if images:
        content = [{"type": "text", "text": text}, *map(_image, images)]
    return [SystemMessage(system), HumanMessage(content)]


def _image(image: Image.Image) -> dict[str, str]:
    small = flatten(image)
    small.thumbnail((GLANCE, GLANCE))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image", "base64": data, "mime_type": "image/png"}
