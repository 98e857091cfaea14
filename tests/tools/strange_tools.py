"""Tools that misbehave, for the worker to survive. Their role only sends them to the worker."""

from __future__ import annotations

import os
import signal
import time
from typing import Literal

from PIL import Image
from pydantic import BaseModel

from danqing.tools.errors import BadInput, Stopped, ToolError
from danqing.tools.registry import IN_TILES, ONE_BY_ONE, SMALLER, Context, tool


class Number(BaseModel):
    """A number."""

    number: int


class Names(BaseModel):
    """Names."""

    names: list[str]


@tool("upscaler")
def die(*, by: Literal["SIGKILL", "SIGSEGV", "exit"], attempt: int = 0) -> Number:
    """End the process."""
    if by == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.Signals[by])
    return Number(number=attempt)


@tool("upscaler")
def hang(*, seconds: float) -> Number:
    """Do not look at the cancel flag."""
    time.sleep(seconds)
    return Number(number=0)


@tool("upscaler")
def count(context: Context, *, to: int) -> Number:
    """Count a hundred numbers a second, ready to be cancelled between two."""
    for number in range(to):
        context.progress(number + 1, to, "counting")
        context.check_cancelled()
        time.sleep(0.01)
    return Number(number=to)


@tool("upscaler")
def complain(*, about: Literal["arguments", "disk", "request", "nothing"]) -> Number:
    """Raise each kind of error."""
    if about == "arguments":
        raise ToolError("strange_tools: about = 'arguments' is refused.")
    if about == "disk":
        raise Stopped("The disk is full.", kept="The picture is kept.", hint="Make room.")
    if about == "request":
        raise BadInput("The request is empty.")
    raise ZeroDivisionError("a bug")


@tool("upscaler")
def chatter() -> Number:
    """Print where a careless library prints."""
    print("to stdout", flush=True)
    os.write(2, b"to stderr\n")
    return Number(number=1)


@tool("upscaler")
def environment() -> Names:
    """Name the variables that the worker was given."""
    return Names(names=sorted(os.environ))


@tool("upscaler")
def whoami() -> Names:
    """The worker's process id and session id."""
    return Names(names=[str(os.getpid()), str(os.getsid(0))])


@tool(optional=("upscaler", "stylizer"))
def peek(context: Context) -> Names:
    """The models that are there of those it can do without."""
    return Names(names=[role for role in ("upscaler", "stylizer") if context.models.has(role)])


@tool("upscaler")
def echo(image: Image.Image) -> Image.Image:
    """Give the image back."""
    return image


@tool("upscaler")
def choke(image: Image.Image) -> Image.Image:
    """Die of a black image."""
    if image.getbbox() is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return image


@tool("upscaler")
def exhaust(context: Context, *, times: int) -> Number:
    """Run out of memory so many times."""
    global exhausted
    exhausted += 1
    if exhausted <= times:
        raise MemoryError
    return Number(number=exhausted)


exhausted = 0


@tool("text-to-image")
def gasp(context: Context, *, enough: int) -> Number:
    """Run out of memory unless so much of it is saved, as much as a painter of two pictures can on
    a machine without a GPU; tell how much was."""
    for rung in (ONE_BY_ONE, IN_TILES, SMALLER):
        context.saves(rung)
    if context.thrift < enough:
        raise MemoryError
    return Number(number=context.thrift)


TOOLS = (
    die, hang, count, complain, chatter, environment, whoami, peek, echo, choke, exhaust, gasp,
)  # fmt: skip
