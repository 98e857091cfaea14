"""Danqing 丹青, a studio you talk to: a sentence goes in, a checked picture comes out.

    from danqing import Options, Session, Studio

    with Studio() as studio:
        turn = studio.ask("a red house on the left, two trees, winter")
        print(turn.picture.path, turn.satisfied)
        turn = studio.ask("make the house blue", session=turn.session)

`Studio.stream` tells what happens meanwhile. A `Session` is a conversation: `say` takes requests
and changes, one after another, and what is said of the conversation itself, as "undo".

        talk = Session(studio, Options(seed=7))
        talk.say("a red house on the left, two trees")
        print(talk.say("make the house blue").words)

`understand` reads a request into a `Brief` and needs no studio. Nothing is imported before it is
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent.brief import Brief, Change, Claim
    from .agent.budget import Budget
    from .agent.home import Home
    from .agent.language import understand
    from .agent.llm.local import semantic_vector
    from .agent.llm.planner import reader
    from .agent.session import Said, Session
    from .agent.studio import Options, Studio, TurnDocument
    from .agent.verdict import Finding, Verdict
    from .tools.errors import BadInput, Cancelled, DanqingError, Stopped, ToolError

    __version__: str

__all__ = [
    "BadInput",
    "Brief",
    "Budget",
    "Cancelled",
    "Change",
    "Claim",
    "DanqingError",
    "Finding",
    "Home",
    "Options",
    "Said",
    "Session",
    "Stopped",
    "Studio",
    "ToolError",
    "TurnDocument",
    "Verdict",
    "__version__",
    "reader",
    "semantic_vector",
    "understand",
]

_WHERE = {
    "agent.brief": ("Brief", "Change", "Claim"),
    "agent.budget": ("Budget",),
    "agent.home": ("Home",),
    "agent.language": ("understand",),
    "agent.llm.local": ("semantic_vector",),
    "agent.llm.planner": ("reader",),
    "agent.session": ("Said", "Session"),
    "agent.studio": ("Options", "Studio", "TurnDocument"),
    "agent.verdict": ("Finding", "Verdict"),
    "tools.errors": ("BadInput", "Cancelled", "DanqingError", "Stopped", "ToolError"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("danqing")
    for module, names in _WHERE.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
