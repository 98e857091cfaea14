"""The loop: understand → (talk | plan → act → inspect → [repair → act]* → finish) → reply.

A LangGraph graph over handles. Nothing is kept twice: the ledger is the only checkpoint. Every node
is a function of the request, its options and the ledger, and an equal call is answered from the
ledger, so a turn that was cut short is resumed by running it again from the start.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ..tools.errors import ToolError
from . import events
from .act import BudgetSpent, Hands, Repeated
from .brief import Brief
from .ledger import Ledger
from .plan import Attempt, Call, best_of
from .planners import Planner
from .records import Turn
from .seen import Seen, read_caption
from .verdict import Verdict, blind, judge

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

MAX_STEPS = 200  # of the graph; the budget ends a turn long before


class State(TypedDict, total=False):
    """What travels between nodes: plain data, handles and never pixels."""

    brief: dict[str, Any]
    calls: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    fresh: list[str]
    picture: str
    verdict: dict[str, Any]
    words: str
    stopped: str


@dataclass
class Loop:
    """One turn's nodes. ``size`` is the (width, height) of the finished picture in pixels."""

    turn: Turn
    ledger: Ledger
    planner: Planner
    hands: Hands
    offered: frozenset[str]
    seed: int
    size: tuple[int, int]
    pictures: tuple[str, ...] = ()
    emit: events.Listener = events.nobody
    cancel: threading.Event = field(default_factory=threading.Event)
    seen: dict[str, Seen] = field(default_factory=dict)

    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        from langgraph.graph import END, START, StateGraph

        g = StateGraph(State)
        for node in (
            self.understand, self.talk, self.plan, self.act, self.inspect, self.repair, self.finish,
        ):  # fmt: skip
            g.add_node(node.__name__, node)  # type: ignore[call-overload]
        g.add_edge(START, "understand")
        g.add_conditional_edges("understand", self.whether_to_draw, ["talk", "plan"])
        g.add_conditional_edges("plan", self.whether_to_act, {"act": "act", "stop": END})
        g.add_conditional_edges("act", self.whether_to_inspect, ["inspect", "finish"])
        g.add_conditional_edges("inspect", self.whether_to_repair, ["repair", "finish"])
        g.add_conditional_edges("repair", self.whether_to_act, {"act": "act", "stop": "finish"})
        g.add_edge("talk", END)
        g.add_edge("finish", END)
        return g.compile()

    def run(self) -> State:
        """Run the turn; returns the last state. Raises `Stopped` where the user has to hear it."""
        from langsmith import tracing_context

        with tracing_context(enabled=False):  # an inherited variable must not send prompts away
            return self.graph().invoke({}, {"recursion_limit": MAX_STEPS})  # type: ignore[return-value]

    # -- the nodes

    def understand(self, state: State) -> State:
        self.emit(events.Phase("understanding"))
        known = self.ledger.turn(self.turn.id).brief
        if known is None:
            brief = self.planner.understand(self.turn.request, self.pictures)
            self.ledger.record_brief(self.turn, brief.model_dump(mode="json"))
        else:  # frozen when the turn began
            brief = Brief.model_validate(known)
        self.emit(events.Understood(brief))
        return {"brief": brief.model_dump(mode="json"), "attempts": []}

    def talk(self, state: State) -> State:
        self.emit(events.Phase("answering"))
        brief = _brief(state)
        return {"words": self.planner.talk(self.turn.request, brief), "stopped": "answered"}

    def plan(self, state: State) -> State:
        self.emit(events.Phase("planning"))
        brief = _brief(state)
        calls = self.planner.plan(brief, self.seed, self.offered)
        self.ledger.record_plan(self.turn, [c.model_dump(mode="json") for c in calls])
        if not calls:
            return {"calls": [], "stopped": "nothing asked for can be painted"}
        return {"calls": [c.model_dump(mode="json") for c in calls]}

    def act(self, state: State) -> State:
        made: list[dict[str, Any]] = []
        fresh: list[str] = []
        for data in state["calls"]:
            call = self._within_budget(Call.model_validate(data))
            self.emit(events.Phase("drawing", f"round {len(state['attempts']) + 1}"))
            try:
                step = self.hands.run(call)
            except BudgetSpent as spent:
                return {"fresh": fresh, "stopped": f"the budget of {spent.part} is spent"}
            except Repeated:
                return {"fresh": fresh, "stopped": "the same call came up again and again"}
            except ToolError as error:
                return {"fresh": fresh, "stopped": f"a tool failed: {error}"}
            handles = [p.handle for p in step.pictures]
            fresh += handles
            made.append({"call": call.model_dump(mode="json"), "verdicts": {}})
        return {"fresh": fresh, "attempts": state["attempts"] + made}

    def inspect(self, state: State) -> State:
        self.emit(events.Phase("looking"))
        brief = _brief(state)
        attempts = [Attempt.model_validate(a) for a in state["attempts"]]
        verdicts: dict[str, Verdict] = {}
        for handle in state["fresh"]:
            verdicts[handle] = self._look(brief, handle)
            latest = attempts[-1].model_copy(update={"verdicts": dict(verdicts)})
            best = best_of([*attempts[:-1], latest])
            self.emit(events.Judged(handle, verdicts[handle], best=best == handle))
        attempts[-1] = attempts[-1].model_copy(update={"verdicts": verdicts})
        return {"attempts": [a.model_dump(mode="json") for a in attempts], "fresh": []}

    def repair(self, state: State) -> State:
        self.emit(events.Phase("repairing"))
        attempts = [Attempt.model_validate(a) for a in state["attempts"]]
        calls = self.planner.repair(_brief(state), self.seed, attempts, self.seen)
        if not calls:
            return {"calls": [], "stopped": "no repair is left to try"}
        return {"calls": [c.model_dump(mode="json") for c in calls]}

    def finish(self, state: State) -> State:
        """The best picture, brought to its size, and looked at once more as it is handed over."""
        attempts = [Attempt.model_validate(a) for a in state["attempts"]]
        best = best_of(attempts)
        if best is None:
            return {"stopped": state.get("stopped", "no picture was drawn")}
        self.emit(events.Phase("finishing"))
        brief = _brief(state)
        draft = next(a.verdicts[best] for a in attempts if best in a.verdicts)
        stopped = state.get("stopped", "satisfied")
        try:
            picture = self._to_size(best)
            verdict = draft if picture == best else self._look(brief, picture)
        except ToolError as error:
            picture, verdict, stopped = best, draft, f"the picture stays small: {error}"
        if verdict.score < draft.score and draft.with_status("met") - verdict.with_status("met"):
            self.emit(events.Judged(picture, verdict, best=False))
        else:
            self.emit(events.Judged(picture, verdict, best=True))
        if stopped == "satisfied" and not verdict.satisfied:
            stopped = "the finished picture reads otherwise than its draft"
        return {"picture": picture, "verdict": verdict.model_dump(mode="json"), "stopped": stopped}

    # -- the edges

    def whether_to_draw(self, state: State) -> Literal["talk", "plan"]:
        return "plan" if _brief(state).intent == "make" else "talk"

    def whether_to_act(self, state: State) -> Literal["act", "stop"]:
        return "act" if state.get("calls") else "stop"

    def whether_to_inspect(self, state: State) -> Literal["inspect", "finish"]:
        return "inspect" if state.get("fresh") else "finish"

    def whether_to_repair(self, state: State) -> Literal["repair", "finish"]:
        attempts = [Attempt.model_validate(a) for a in state["attempts"]]
        best = best_of(attempts)
        verdict = next(a.verdicts[best] for a in attempts if best in a.verdicts) if best else None
        done = state.get("stopped") is not None or (verdict is not None and verdict.satisfied)
        hopeless = verdict is not None and not (
            verdict.with_status("unmet") | verdict.with_status("unsure")
        )
        return "finish" if done or hopeless else "repair"

    # -- what they share

    def _within_budget(self, call: Call) -> Call:
        """The call with no more pictures than the budget still has room for."""
        seeds = call.arguments.get("seeds")
        if not isinstance(seeds, list):
            return call
        room = self.hands.spent.room_for(len(seeds))
        return call.model_copy(update={"arguments": {**call.arguments, "seeds": seeds[: room or 1]}})

    def _look(self, brief: Brief, handle: str) -> Verdict:
        """A judge's verdict on a picture; one that fails sees nothing and condemns nothing."""
        if "caption" not in self.offered:
            verdict = blind(brief, "no captioner is at hand")
        else:
            try:
                step = self.hands.run(Call(tool="caption", images={"image": handle}))
            except Repeated:
                raise
            except ToolError as error:
                verdict = blind(brief, f"the captioner failed: {error}")
            else:
                value = step.value or {}
                words = [(str(w), float(p)) for w, p in value.get("words", [])]
                self.seen[handle] = read_caption(str(value.get("text", "")), words)
                verdict = judge(brief, self.seen[handle])
        self.ledger.record_verdict(self.turn, handle, verdict.model_dump(mode="json"))
        return verdict

    def _to_size(self, handle: str) -> str:
        """The picture enlarged until it covers ``size``, then fitted to it."""
        width, height = self.size
        while "upscale" in self.offered:
            p = self.ledger.picture(handle)
            factor = max(width / p.width, height / p.height)
            if factor <= 1:
                break
            call = Call(
                tool="upscale", arguments={"scale": 4 if factor > 2 else 2}, images={"image": handle}
            )
            handle = self.hands.run(call).pictures[0].handle
        p = self.ledger.picture(handle)
        if (p.width, p.height) == self.size:
            return handle
        arguments: dict[str, Any] = {"resize": [width, height]}
        ratio = width / height
        if abs(p.width / p.height - ratio) > 0.01:  # cut to the shape, around the middle
            w, h = min(p.width, p.height * ratio), min(p.height, p.width / ratio)
            left, top = (p.width - w) / 2, (p.height - h) / 2
            arguments["crop"] = [round(left), round(top), round(left + w), round(top + h)]
        call = Call(tool="adjust", arguments=arguments, images={"image": handle})
        return self.hands.run(call).pictures[0].handle


def _brief(state: State) -> Brief:
    return Brief.model_validate(state["brief"])


def chart() -> str:
    """The graph as a Mermaid chart, drawn from the graph itself."""
    loop = Loop.__new__(Loop)  # the shape depends on the class alone
    return str(loop.graph().get_graph().draw_mermaid())



