"""Arguments that several tools share, with what is allowed and what it is for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from .registry import LARGEST, SMALLEST

Fraction = Annotated[float, Field(ge=-0.5, le=1.5)]
"""A place in the picture, or a little beside it."""
Corners = Annotated[list[Fraction], Field(min_length=4, max_length=4)]
"""A box: left, top, right and bottom."""
Size = Annotated[
    list[Annotated[int, Field(ge=SMALLEST, le=LARGEST)]],
    Field(min_length=2, max_length=2, description="width and height in pixels"),
]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Seeds = Annotated[
    list[Seed], Field(min_length=1, max_length=8, description="one picture is made per seed")
]
Prompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    Field(description="what the picture shows"),
]
NegativePrompt = Annotated[
    str, Field(max_length=1000, description="what it should not show; empty for nothing")
]
Steps = Annotated[
    int | None, Field(ge=1, le=150, description="denoising steps; the model's own if left out")
]
Guidance = Annotated[
    float | None,
    Field(ge=0, le=30, description="how closely to follow the prompt; the model's own if not"),
]
