"""The built-in judges at work: what they see in a picture, and what they make of it."""

from __future__ import annotations

from collections.abc import Callable

from ..tools.errors import Cancelled, Stopped, ToolError
from .act import BudgetSpent
from .brief import Brief
from .plan import Call
from .records import Step
from .seen import Seen, merged, read_caption, read_look
from .verdict import Verdict, blind, judge


def see(run: Callable[[Call], Step], handle: str, *, look: bool) -> Seen:
    """What the captioner says of a picture, with what the lister finds in it where it can ``look``.

    ``run`` makes the calls; what it raises travels on.
    """
    value = run(Call(tool="caption", images={"image": handle})).value or {}
    words = [(str(w), float(p)) for w, p in value.get("words", [])]
    seen = read_caption(str(value.get("text", "")), words)
    if look:
        found = run(Call(tool="look", images={"image": handle})).value
        seen = merged(seen, read_look(found or {}))
    return seen


def judged(brief: Brief, run: Callable[[Call], Step], handle: str, *, look: bool) -> Verdict:
    """The verdict on a picture; a judge that fails sees nothing and condemns nothing.

    Raises `BudgetSpent` and `Cancelled`.
    """
    try:
        return judge(brief, see(run, handle, look=look))
    except (BudgetSpent, Cancelled):
        raise
    except (ToolError, Stopped) as error:
        return blind(brief, f"nobody could look: {error}")
