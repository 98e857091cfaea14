"""What is published as JSON: Briefs, Turns, events and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .agent.brief import Brief
    from .agent.events import Event
    from .agent.studio import TurnDocument
    from .tools.errors import DanqingError, Stopped


def brief_document(brief: Brief) -> dict[str, Any]:
    """A Brief as it is published: its claims and changes say only what they hold."""
    told = {
        name: [_without_nulls(part) for part in parts]
        for name, parts in (("claims", brief.claims), ("changes", brief.changes))
    }
    return brief.model_dump(mode="json") | told


def turn_document(turn: TurnDocument) -> dict[str, Any]:
    """A Turn as it is published."""
    brief = turn.brief and brief_document(turn.brief)
    return turn.model_dump(mode="json") | {"brief": brief}


def error_document(request: str, error: DanqingError) -> dict[str, Any]:
    """An error in the place of the document that was asked for."""
    return {"version": 1, "request": request, **parts(error), "exit_code": exit_code(error)}


def event_document(event: Event) -> tuple[str, dict[str, Any]]:
    """What an event is called, and its fields."""
    from .agent import events

    match event:
        case events.Phase(name, note):
            return "phase", {"name": name, "note": note}
        case events.Understood(brief):
            return "understood", {"brief": brief_document(brief)}
        case events.Working(now):
            return "working", now.as_json() | {"seconds": round(now.seconds, 3)}
        case events.Judged(handle, verdict, best):
            findings = verdict.model_dump(mode="json")["findings"]
            return "judged", {"picture": handle, "best": best, "verdict": findings}
        case events.Saying(text):
            return "saying", {"text": text}
        case events.TookOver(planner, why):
            return "took over", {"planner": planner, "why": why}


def exit_code(error: DanqingError) -> int:
    """The process's exit code for an error."""
    return int(getattr(error, "exit_code", 1))


def parts(error: DanqingError) -> dict[str, str]:
    """What happened, what is kept and what to do next; those of them that the error says."""
    said = {"error": str(error.args[0])}
    said |= {name: getattr(error, name, "") for name in ("kept", "hint")}
    return {name: text for name, text in said.items() if text}


def error_of(told: Mapping[str, Any]) -> Stopped:
    """The error that was told by its `parts`."""
    from .tools.errors import Stopped

    return Stopped(told["error"], kept=told.get("kept", ""), hint=told.get("hint", ""))


def _without_nulls(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)
