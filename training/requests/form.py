"""What a planner reads and how it answers, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from danqing.agent.llm.forms import Understanding


def message(
    request: str,
    *,
    pictures: Sequence[str] = (),
    open: str | None = None,
    shows: Sequence[str] = (),
    before: str | None = None,
) -> str:
    """Lines for what is known when a request is said, then the request."""
    lines = {
        "pictures": " ".join(pictures), "open": open, "shows": ", ".join(shows), "before": before,
        "request": request,
    }  # fmt: skip
    return "\n".join(f"{name}: {value}" for name, value in lines.items() if value)


def answer(understanding: Understanding) -> str:
    """The call of the one tool, as Hermes and Qwen write it; fields that are not set left out."""
    arguments = understanding.model_dump(exclude_defaults=True)
    told = json.dumps({"name": "understand", "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{told}\n</tool_call>"
