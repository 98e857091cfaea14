"""The loop: understand → (talk | plan → act → inspect → [repair → act]* → finish) → reply.

A LangGraph graph over handles. Nothing is kept twice: the ledger is the only checkpoint. Every node
is a function of the request, its options and the ledger, and an equal call is answered from the
ledger, so a turn that was cut short is resumed by running it again from the start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ..tools.errors import Cancelled, Stopped, ToolError
from ..tools.masks import mask_of
from . import answers, events, reply
from .act import BudgetSpent, Hands, Repeated
from .brief import Brief, Claim
from .draft import Canvas
from .eyes import see
from .groups import known_noun
from .ledger import Ledger
from .lineage import UPLOAD, Lineage
from .marked import Marked, pointed
from .plan import Attempt, Call, best_of, verdict_of
from .planners import Planner, Situation
from .records import Step, Turn
from .seen import Seen
from .settling import Asker, nobody, settle
from .verdict import DAMAGE, SURE, Before, Verdict, blind, judge
from .witness import Witness

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from PIL import Image


Judge = Callable[[Brief, "Image.Image"], Verdict]
"""Whoever looks at a picture and gives the verdict on a Brief's claims."""


class State(TypedDict, total=False):
    """What travels between nodes: plain data, handles and never pixels."""

    brief: dict[str, Any]
    calls: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    picture: str
    verdict: dict[str, Any]
    words: str
    stopped: str


@dataclass
class Loop:
    """One turn's nodes. ``size`` is the (width, height) of the finished picture in pixels.

    ``base`` is the picture that the conversation stood at when the turn began, and ``mask`` shows
    which part of it may change, where that is not all; ``ask`` asks the user what is meant where
    two things may be.
    """

    turn: Turn
    ledger: Ledger
    planner: Planner
    hands: Hands
    seed: int
    size: tuple[int, int]
    base: str | None = None
    mask: str | None = None
    ask: Asker = nobody
    emit: events.Listener = events.nobody
    judge: Judge | None = None
    """Looks in the place of the built-in judges."""
    witness: Witness | None = None
    """Is asked about pictures that are not of the built-in world."""
    accept: threading.Event = field(default_factory=threading.Event)
    """Once it is set, the turn ends with the best picture so far."""
    seen: dict[str, Seen] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    """Of pictures that were edited in regions, the share of pixels changed outside of those."""
    spent: str | None = None
    """Which budget was spent when a picture was to be looked at."""

    def run(self) -> State:
        """Run the turn; returns the last state. Raises `Stopped` where the user has to hear it."""
        from langsmith import tracing_context

        # Every round makes a call, and the budget ends the calls; the graph itself must not.
        limit = 20 + 4 * self.hands.spent.budget.steps
        with tracing_context(enabled=False):  # an inherited variable must not send prompts away
            last: State = graph().invoke({}, {"recursion_limit": limit}, context=self)  # type: ignore[assignment]
        return last

    # -- the nodes

    def understand(self, state: State) -> State:
        self._enter("understanding")
        known = self.ledger.turn(self.turn.id).brief
        if known is None:
            lineage = Lineage(self.ledger, self.turn.session, before=self.turn.id)
            here = lineage.head if self.base is None else self.base
            situation = Situation(
                tuple(lineage.nodes), here, self._before(here), lambda: self._things(here)
            )
            brief = self.planner.understand(self.turn.request, situation)
            if self._marked is not None and here is not None and brief.intent in ("make", "edit"):
                brief = pointed(brief, self._marked, self._glance(here), here)
            brief = settle(brief, lineage, self.base, self.ask, self._count, self._style)
            self.ledger.record_brief(self.turn, brief.model_dump(mode="json"))
        else:  # frozen when the turn began
            brief = Brief.model_validate(known)
        self.emit(events.Understood(brief))
        return {"brief": brief.model_dump(mode="json"), "attempts": []}

    def talk(self, state: State) -> State:
        self._enter("answering")
        brief = _brief(state)
        if brief.intent == "ask" and brief.target is not None:
            return {"words": self._answer(brief), "stopped": "answered"}
        if brief.intent == "edit":
            return {"words": reply.no_picture(brief.language), "stopped": reply.NOT_THERE}
        if brief.standing or brief.lifted:
            return {"words": answers.rules(brief), "stopped": "answered"}
        return {"words": self.planner.talk(self.turn.request, brief), "stopped": "answered"}

    def plan(self, state: State) -> State:
        self._enter("planning")
        brief = _brief(state)
        try:
            calls = self.planner.plan(brief, self.seed, self.hands.offered, self._canvas(brief))
        except ToolError as error:
            return {"calls": [], "stopped": str(error)}
        self.ledger.record_plan(self.turn, [c.model_dump(mode="json") for c in calls])
        if calls:
            return {"calls": [c.model_dump(mode="json") for c in calls]}
        if "text_to_image" not in self.hands.offered:
            return {"calls": [], "stopped": "no painter can run, since its model is not here"}
        return {"calls": [], "stopped": "nothing asked for can be painted"}

    def act(self, state: State) -> State:
        attempts = list(state["attempts"])
        number = 1 + max((a.round for a in _attempts(state)), default=0)
        made: list[str | None] = []
        for data in state["calls"]:
            if self._accepted(attempts):
                return {"attempts": attempts, "stopped": reply.ACCEPTED}
            self._enter("drawing", f"round {number}")
            call = self._within_budget(Call.model_validate(data))
            attempt = Attempt(call=call, round=number)
            stopped = None
            try:
                call = call.over(made)
                attempt = Attempt(call=call, round=number)
                step = self.hands.run(call)
            except (BudgetSpent, Repeated) as error:
                stopped = reply.REPEATED if isinstance(error, Repeated) else str(error)
            except ToolError as error:  # the planner's to mend
                attempt = attempt.model_copy(update={"error": str(error)})
            else:
                handles = tuple(dict.fromkeys(p.handle for p in step.pictures))
                made.append(handles[0] if handles else None)
                if call.aid:
                    attempt = attempt.model_copy(update={"made": handles})
                else:
                    try:
                        handles = self._held(handles, _brief(state).target)
                        handles = self._undamaged(call, handles, _brief(state).target)
                    except BudgetSpent as error:
                        stopped = str(error)
                    attempt = attempt.model_copy(update={"pictures": handles})
            if stopped is None or attempt.pictures:
                attempts.append(attempt.model_dump(mode="json"))
            if stopped is not None:
                return {"attempts": attempts, "stopped": stopped}
            if attempt.error is not None:
                break
        return {"attempts": attempts}

    def inspect(self, state: State) -> State:
        self._enter("looking")
        brief, attempts = _brief(state), _attempts(state)
        for i, attempt in enumerate(attempts):
            for handle in attempt.pictures:
                if handle in attempts[i].verdicts:
                    continue
                verdict = self._look(brief, handle)
                verdicts = {**attempts[i].verdicts, handle: verdict}
                attempts[i] = attempts[i].model_copy(update={"verdicts": verdicts})
                self.emit(events.Judged(handle, verdict, best=best_of(attempts) == handle))
        looked: State = {"attempts": [a.model_dump(mode="json") for a in attempts]}
        return {**looked, "stopped": self.spent} if self.spent else looked

    def repair(self, state: State) -> State:
        self._enter("repairing")
        attempts = _attempts(state)
        brief = _brief(state)
        calls = self.planner.repair(
            brief, self.seed, attempts, self.seen, self.hands.offered, self._canvas(brief)
        )
        if calls:
            return {"calls": [c.model_dump(mode="json") for c in calls]}
        if best_of(attempts) is None and attempts and attempts[-1].error:
            return {"calls": [], "stopped": f"{reply.FAILED}: {attempts[-1].error}"}
        return {"calls": [], "stopped": "no repair is left to try"}

    def finish(self, state: State) -> State:
        """The best picture, brought to its size, and looked at once more as it is handed over."""
        attempts = _attempts(state)
        best = best_of(attempts)
        if best is None:
            return {"stopped": state.get("stopped", "no picture was drawn")}
        self._enter("finishing")
        picture, verdict, trouble = self._finished(_brief(state), best, attempts)
        self.emit(events.Judged(picture, verdict, best=True))
        stopped = state.get("stopped")
        if verdict.satisfied:
            stopped = "satisfied"
        elif stopped is None and self.accept.is_set():
            stopped = reply.ACCEPTED
        elif stopped is None:
            hidden = verdict.with_status("unseen") and not verdict.with_status("unmet")
            stopped = "no judge can see the rest" if hidden else "the picture was cut to its shape"
        if trouble is not None:
            stopped = f"{stopped}; {reply.SMALL}: {trouble}"
        return {"picture": picture, "verdict": verdict.model_dump(mode="json"), "stopped": stopped}

    # -- the edges

    def whether_to_draw(self, state: State) -> Literal["talk", "plan"]:
        brief = _brief(state)
        drawing = brief.intent == "make" or (brief.intent == "edit" and brief.target is not None)
        return "plan" if drawing else "talk"

    def whether_to_act(self, state: State) -> Literal["act", "stop"]:
        return "act" if state.get("calls") else "stop"

    def whether_to_inspect(self, state: State) -> Literal["inspect", "repair", "finish"]:
        unseen = any(handle not in a.verdicts for a in _attempts(state) for handle in a.pictures)
        return "inspect" if unseen else self.whether_to_repair(state)

    def whether_to_repair(self, state: State) -> Literal["repair", "finish"]:
        attempts = _attempts(state)
        if state.get("stopped") is not None or self._accepted(state["attempts"]):
            return "finish"
        best = best_of(attempts)
        if best is None:
            return "repair"
        verdict = verdict_of(attempts, best)
        # What nobody can see, no repair can be seen to mend.
        mendable = verdict.with_status("unmet") | verdict.with_status("unsure")
        return "repair" if mendable else "finish"

    # -- what they share

    def _accepted(self, attempts: list[dict[str, Any]]) -> bool:
        """Whether the user takes the best picture so far, and there is one."""
        return self.accept.is_set() and any(attempt["verdicts"] for attempt in attempts)

    def _enter(self, phase: events.PhaseName, note: str = "") -> None:
        self.hands.check_cancelled()
        self.emit(events.Phase(phase, note))

    def _within_budget(self, call: Call) -> Call:
        """The call with no more pictures than the budget still has room for, but one at least."""
        seeds = call.arguments.get("seeds")
        if not isinstance(seeds, list):
            return call
        room = max(1, self.hands.spent.room_for(len(seeds)))
        return call.model_copy(update={"arguments": {**call.arguments, "seeds": seeds[:room]}})

    def _held(self, handles: tuple[str, ...], target: str | None) -> tuple[str, ...]:
        """The pictures that an edit of ``target`` made, as they are where it is marked, and as it
        is elsewhere; none that could not be put together."""
        if self._marked is None or target is None:
            return handles
        held = []
        for handle in handles:
            images = {"image": target, "over": handle, "mask": self._marked.handle}
            try:
                step = self.hands.run(Call(tool="blend", images=images, aid=True))
            except BudgetSpent:
                raise
            except ToolError:  # as of another size
                continue
            held.append(step.pictures[0].handle)
        return tuple(dict.fromkeys(held))

    def _undamaged(
        self, call: Call, handles: tuple[str, ...], target: str | None
    ) -> tuple[str, ...]:
        """Of the pictures that an edit of ``target`` made, those that are as before outside its
        mask."""
        within = call.within or (call.images["mask"] if call.tool == "inpaint" else None)
        within = within if self._marked is None else self._marked.handle
        if within is None or "compare" not in self.hands.offered:
            return handles
        before = call.before or call.images["image"]
        if self._marked is not None and target is not None:
            before = target
        kept = []
        for handle in handles:
            images = {"image": before, "other": handle, "mask": within}
            try:
                step = self.hands.run(Call(tool="compare", images=images, aid=True))
            except BudgetSpent:
                raise
            except ToolError:  # what cannot be measured is not taken
                continue
            changed = (step.value or {})["changed"]
            if changed is None or changed <= DAMAGE:  # None where nothing was to be kept
                kept.append(handle)
            if before in {target, *self.changed}:  # else it may be another there than the target
                self.changed[handle] = max(changed or 0.0, self.changed.get(before, 0.0))
        return tuple(kept)

    def _before(self, handle: str | None) -> str | None:
        """The request that a picture came of."""
        if handle is None or self._brought(handle):
            return None
        return self.ledger.turn(self.ledger.picture(handle).turn).request

    def _things(self, handle: str | None) -> tuple[str, ...]:
        """The things that are seen in a picture; none where nobody knows."""
        seen = None if handle is None else self._glance(handle)
        return tuple(group.noun for group in seen.groups) if seen and seen.familiar else ()

    def _count(self, handle: str, noun: str) -> int | None:
        """How many of a thing are seen in a picture, where that is sure."""
        seen = self._glance(handle)
        if seen is None:  # the words are believed
            return None
        groups = [g for g in seen.groups if g.noun == known_noun(noun)[0]]
        if any(g.count is None or g.sure() < SURE for g in groups):
            return None
        return sum(g.count or 0 for g in groups)

    def _style(self, handle: str) -> str | None:
        """The style of a picture, where that is sure."""
        seen = self._glance(handle)
        style, sure = seen.facts.get("style", ("", 0.0)) if seen else ("", 0.0)
        return style if seen and seen.familiar and sure >= SURE else None

    def _glance(self, handle: str) -> Seen | None:
        """What is seen in a picture; None where nobody could look."""
        try:
            return self._read(handle)
        except ToolError:
            return None

    def _canvas(self, brief: Brief) -> Canvas | None:
        """The picture that an edit begins with, and what is seen in it."""
        if brief.intent != "edit" or brief.target is None:
            return None
        picture = self.ledger.picture(brief.target)
        return Canvas(
            brief.target, (picture.width, picture.height), self._read(brief.target),
            own=not self._brought(brief.target), marked=self._marked,
        )  # fmt: skip

    @cached_property
    def _marked(self) -> Marked | None:
        """What of the picture may change; None for all of it."""
        if self.mask is None:
            return None
        image = self.ledger.store.get(self.ledger.picture(self.mask).digest)
        return Marked(self.mask, mask_of("mask", image, image.size))

    def _brought(self, handle: str) -> bool:
        """Whether a picture goes back to one of the user's own."""
        line = [handle]
        for one in line:
            step = self.ledger.step_of(one)
            if step.tool == UPLOAD:
                return True
            line += [h for name, h in step.inputs.items() if name != "mask" and h not in line]
        return False

    def _look(self, brief: Brief, handle: str, *, closing: bool = False) -> Verdict:
        """A judge's verdict on a picture; one that fails sees nothing and condemns nothing."""
        try:
            if self.judge is not None:
                verdict = self.judge(
                    brief, self.ledger.store.get(self.ledger.picture(handle).digest)
                )
            else:
                verdict = self._judged(brief, handle, closing=closing)
        except Cancelled:
            raise
        except (ToolError, Stopped) as error:  # also a captioner whose files are damaged
            if isinstance(error, BudgetSpent):
                self.spent = str(error)
            verdict = blind(brief, f"nobody could look: {error}")
        self.ledger.record_verdict(self.turn, handle, verdict.model_dump(mode="json"))
        return verdict

    def _judged(self, brief: Brief, handle: str, *, closing: bool) -> Verdict:
        """The verdict of the eyes for the built-in world, or of other pictures of a witness."""
        seen = self._read(handle, closing=closing)
        changed = self.changed.get(handle)
        if self.witness is not None and not seen.familiar:
            return self.witness.verdict(
                brief, lambda call: self.hands.run(call, closing=closing), handle, changed
            )
        before = None
        if brief.intent == "edit" and brief.target is not None:
            before = Before(self._read(brief.target), changed, self._marked is not None)
        return judge(brief, seen, before=before)

    def _read(self, handle: str, *, closing: bool = False) -> Seen:
        """What the judges see in a picture; equal pixels are looked at once."""
        digest = self.ledger.picture(handle).digest
        for other, seen in self.seen.items():
            if self.ledger.picture(other).digest == digest:
                self.seen[handle] = seen
                return seen

        def run(call: Call) -> Step:
            return self.hands.run(call, closing=closing)

        self.seen[handle] = see(run, handle, look="look" in self.hands.offered)
        return self.seen[handle]

    def _answer(self, brief: Brief) -> str:
        """What the captioner says of the picture that a question is about."""
        handle = brief.target
        if handle is None:
            return reply.no_picture(brief.language)
        if (answer := self.planner.answer(self.turn.request, brief, handle)) is not None:
            return answer
        if "ask" in self.hands.offered:
            question = {"question": self.turn.request[:300]}
            try:
                step = self.hands.run(
                    Call(tool="ask", arguments=question, images={"image": handle})
                )
                return answers.answered(brief.language, handle, step.value or {})
            except ToolError:
                pass  # what the captioner says has to do
        try:
            return reply.looked(brief.language, handle, self._read(handle).text)
        except ToolError as error:
            return reply.unfinished(brief.language, f"{reply.FAILED}: {error}")

    def _finished(
        self, brief: Brief, best: str, attempts: Sequence[Attempt]
    ) -> tuple[str, Verdict, str | None]:
        """The best picture at its size, the verdict on it, and why it is not at its size.

        It is enlarged by a model, and what the planner knows of is painted once more. That must not
        break what was met: where it does, it is left out, then all of it; at last the picture is
        enlarged plainly, and where even that breaks something, the draft itself is handed over.
        Only another shape than the draft's cannot be had without a cut, and is handed over with
        what the cut left. What was edited has its size already.
        """
        draft = verdict_of(attempts, best)
        if brief.intent == "edit":
            return best, draft, None
        p = self.ledger.picture(best)
        cut = p.width * self.size[1] != p.height * self.size[0]
        lost: list[Claim] = []
        enlarged: str | None = None
        ways: list[tuple[str, Verdict]] = []
        trouble: str | None = "it would no longer meet what it meets"
        for way in ("detailed", "partly", "enlarged", "plain"):
            if (way == "detailed" and cut) or (way == "partly" and not lost):
                continue
            try:
                if way == "plain":
                    picture = self._to_size(best, model=False)
                else:
                    picture = enlarged = enlarged or self._to_size(best, model=True)
                if way in ("detailed", "partly"):
                    offered = self.hands.offered
                    call = self.planner.finish(brief, attempts, best, picture, offered, lost)
                    if call is None:
                        continue
                    picture = self.hands.run(call, closing=True).pictures[0].handle
            except Cancelled:
                raise
            except (ToolError, Stopped) as error:
                trouble = str(error)
                continue
            verdict = draft if picture == best else self._look(brief, picture, closing=True)
            if verdict.findings and len(verdict.with_status("unseen")) == len(verdict.findings):
                if way in ("detailed", "partly"):
                    continue  # nobody could look at what was painted anew
                verdict = draft  # nobody could look again: what was seen before stands
            if verdict.with_status("met") >= draft.with_status("met"):
                return picture, verdict, None
            ways.append((picture, verdict))
            broken = draft.with_status("met") - verdict.with_status("met")
            lost = [claim for claim in brief.claims if claim.id in broken]
        if ways and cut:
            return *max(ways, key=lambda way: way[1].score), None
        return best, draft, trouble

    def _to_size(self, handle: str, *, model: bool) -> str:
        """The picture at ``size``: enlarged by the ``model`` until it covers it, then fitted."""
        width, height = self.size
        arguments: dict[str, Any]
        while model and "upscale" in self.hands.offered:
            p = self.ledger.picture(handle)
            factor = max(width / p.width, height / p.height)
            if factor <= 1:
                break
            arguments = {"scale": 4 if factor > 2 else 2, "faithful": False}
            call = Call(tool="upscale", arguments=arguments, images={"image": handle})
            handle = self.hands.run(call, closing=True).pictures[0].handle
        p = self.ledger.picture(handle)
        if (p.width, p.height) == self.size:
            return handle
        arguments = {"resize": [width, height]}
        ratio = width / height
        if abs(p.width / p.height - ratio) > 0.01:  # cut to the shape, around the middle
            w, h = min(p.width, p.height * ratio), min(p.height, p.width / ratio)
            left, top = (p.width - w) / 2, (p.height - h) / 2
            arguments["crop"] = [round(left), round(top), round(left + w), round(top + h)]
        call = Call(tool="adjust", arguments=arguments, images={"image": handle})
        return self.hands.run(call, closing=True).pictures[0].handle


def _brief(state: State) -> Brief:
    return Brief.model_validate(state["brief"])


def _attempts(state: State) -> list[Attempt]:
    return [Attempt.model_validate(a) for a in state["attempts"]]


@cache
def graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The compiled graph; a turn is its context."""
    from langgraph.graph import END, START, StateGraph

    g = StateGraph(State, context_schema=Loop)
    for node in (
        Loop.understand, Loop.talk, Loop.plan, Loop.act, Loop.inspect, Loop.repair, Loop.finish,
    ):  # fmt: skip
        g.add_node(node.__name__, _of_turn(node))
    g.add_edge(START, "understand")
    g.add_conditional_edges("understand", _of_turn(Loop.whether_to_draw), ["talk", "plan"])
    act: dict[Hashable, str] = {"act": "act", "stop": END}
    g.add_conditional_edges("plan", _of_turn(Loop.whether_to_act), act)
    looking = ["inspect", "repair", "finish"]
    g.add_conditional_edges("act", _of_turn(Loop.whether_to_inspect), looking)
    g.add_conditional_edges("inspect", _of_turn(Loop.whether_to_repair), ["repair", "finish"])
    acting: dict[Hashable, str] = {"act": "act", "stop": "finish"}
    g.add_conditional_edges("repair", _of_turn(Loop.whether_to_act), acting)
    g.add_edge("talk", END)
    g.add_edge("finish", END)
    return g.compile()


def _of_turn(step: Callable[[Loop, State], Any]) -> Any:
    """A method of `Loop` as LangGraph calls it."""

    def call(state: State, runtime: Any) -> Any:
        return step(runtime.context, state)

    call.__name__ = step.__name__
    return call


def chart() -> str:
    """The graph as a Mermaid chart, drawn from the graph itself."""
    return str(graph().get_graph().draw_mermaid())
