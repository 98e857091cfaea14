"""A tool that has all the time in the world for previews, to be run in the worker."""

from __future__ import annotations

import math
from unittest import mock

from PIL import Image

from danqing.tools import previews, text_to_image
from danqing.tools.registry import Context, tool

AT_LEISURE = {"EVERY": 0.0, "FIRST": 0.0, "SHARE": math.inf}
"""A preview after every step that can have one."""


@tool("text-to-image")
def draw_at_leisure(context: Context, *, prompt: str, seeds: list[int]) -> list[Image.Image]:
    """Draw, with a preview after every step that can have one."""
    with mock.patch.multiple(previews, **AT_LEISURE):
        return text_to_image(context, prompt=prompt, seeds=seeds)


TOOLS = (draw_at_leisure,)
