"""Tools that misbehave, for the worker to survive. Their role only sends them to the worker."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel

from danqing.tools.errors import BadInput, Stopped, ToolError
from danqing.tools.registry import IN_TILES, ONE_BY_ONE, SMALLER, Context, Together, tool


class Number(BaseModel):
    """A number."""

    number: int


class Amount(BaseModel):
    """An amount."""

    amount: float


class Names(BaseModel):
    """Names."""

    names: list[str]


@tool("upscaler")
def die(*, by: Literal["SIGKILL", "SIGSEGV", "exit"], attempt: int = 0) -> Number:
    """End the process."""
    if by == "exit":
        os._exit(3)
    signal.raise_signal(signal.Signals[by])  # in this very thread, as a fault would be
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
def mutter(context: Context) -> Number:
    """Say something, and then do not look at the cancel flag."""
    context.progress(0, 1, "hm")
    time.sleep(60)
    return Number(number=0)


@tool("upscaler")
def measure() -> Amount:
    """Measure what cannot be said in JSON."""
    return Amount(amount=math.nan)


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


meeting = threading.Barrier(2, timeout=0.8)


def _meet() -> Number:
    try:
        return Number(number=meeting.wait())
    except threading.BrokenBarrierError:
        meeting.reset()
        raise ToolError("Nobody else came.") from None


@tool("upscaler")
def meet() -> Number:
    """Wait until `greet`, which needs another model, runs too."""
    return _meet()


@tool("captioner")
def idle(*, seconds: float) -> Number:
    """Take some time."""
    time.sleep(seconds)
    return Number(number=0)


@tool("captioner")
def greet() -> Number:
    """Wait until `meet` runs too."""
    return _meet()


@tool("captioner", optional=("upscaler",))
def join(context: Context) -> Number:
    """Wait until `meet` runs too, which may use a model that this may use as well."""
    return _meet()


@tool("captioner")
def starve(context: Context) -> Number:
    """Run out of memory beside `meet`, and tell whether it is alone when it is tried again."""
    if not context.thrift:
        meeting.wait()
        raise MemoryError
    return Number(number=lingering)


lingering = 0


@tool("upscaler")
def linger(context: Context, *, seconds: float) -> Number:
    """Meet `starve`, and stay a while."""
    global lingering
    lingering += 1
    meeting.wait()
    time.sleep(seconds)
    lingering -= 1
    return Number(number=0)


def _batched(context: Context, calls: Sequence[Mapping[str, Any]]) -> list[list[Image.Image]]:
    if any(call["color"] == "bad" for call in calls):
        raise ToolError("strange_tools: color = 'bad' is refused.")
    colors = [call["color"] for call in calls for _ in call["seeds"]]
    seen = [Image.new("RGB", (16, 16), colors[number]) for number in context.previews]
    for step in range(50):
        context.progress(step, 50, f"{len(calls)} calls", seen)
        context.check_cancelled()
        time.sleep(0.01)
    return [[Image.new("RGB", (16, 16), call["color"]) for _ in call["seeds"]] for call in calls]


@tool("text-to-image", together=Together(lambda _, arguments: arguments["steps"], _batched))
def dye(context: Context, *, color: str, seeds: list[int], steps: int = 1) -> list[Image.Image]:
    """A plain picture per seed."""
    return _batched(context, [{"color": color, "seeds": seeds}])[0]


def _ponder(context: Context, arguments: Mapping[str, Any]) -> None:
    time.sleep(60)


@tool("text-to-image", together=Together(_ponder, _batched))
def ponder(context: Context, *, seeds: list[int]) -> list[Image.Image]:
    """Think for ever about which calls could be answered together."""
    return []


TOOLS = (
    die, hang, count, complain, chatter, environment, whoami, peek, echo, choke, exhaust, gasp,
    meet, greet, join, starve, linger, dye, mutter, measure, ponder, idle,
)  # fmt: skip
