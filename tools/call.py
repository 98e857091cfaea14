"""A call on its way to the worker, and what comes back: progress, a result or an error."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from .errors import BadInput, Cancelled, Stopped, ToolError
from .frames import Frame
from .registry import ToolSpec


class WorkerCrashed(ToolError):
    """The worker process stopped during the call; the next call starts a fresh one."""


class WorkerFailed(ToolError):
    """A tool raised what it should not have: a bug. ``traceback`` says where."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` parts of a call are finished, after ``seconds``.

    ``preview`` is roughly what is being painted, the first of several pictures, RGB, of at most 256
    pixels a side. There is one now and then where they were asked for, else None.
    """

    tool: str
    done: int
    total: int
    note: str
    seconds: float
    preview: Image.Image | None = None

    def as_json(self) -> dict[str, Any]:
        """What can be said of it in words and numbers."""
        return {name: value for name, value in vars(self).items() if name != "preview"}


@dataclass(frozen=True)
class Result:
    """What a call returned, and what it cost.

    ``images`` and ``value`` depend on the tool. ``peak_mb`` is the most memory (MiB) in use while
    it ran: the GPU's, or on a CPU the worker process's; 0 for tools that run in this process.
    ``rungs`` tell how memory was saved, where it ran out; ``together`` counts the calls that one
    batch answered.
    """

    images: list[Image.Image]
    value: dict[str, Any] | None
    seconds: float
    peak_mb: float
    device: str
    rungs: tuple[str, ...] = ()
    together: int = 1


@dataclass(frozen=True)
class Call:
    """One call on its way: what to send, and who waits for it."""

    id: int
    spec: ToolSpec
    arguments: Mapping[str, Any]
    images: Mapping[str, Image.Image]
    on_progress: Callable[[Progress], None] | None = None
    cancel: threading.Event | None = None
    timeout: float | None = None
    previews: bool = False
    alone: bool = False
    """Whether nothing may run beside it, since it may stop the worker."""
    started: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> str:
        """The same for calls with the same tool, arguments and pixels."""
        text = json.dumps([self.spec.name, self.arguments], sort_keys=True)
        digest = hashlib.sha256(text.encode())
        for name, image in sorted(self.images.items()):
            digest.update(f"{name} {image.mode} {image.size}".encode())
            digest.update(image.tobytes())
        return digest.hexdigest()

    @property
    def cancelled(self) -> bool:
        return self.cancel is not None and self.cancel.is_set()

    @property
    def late(self) -> bool:
        return self.timeout is not None and time.monotonic() - self.started > self.timeout

    @property
    def unwanted(self) -> bool:
        return self.cancelled or self.late

    def check_waiting(self) -> None:
        """Raise when nobody wants the result any more, or not in time."""
        if self.cancelled:
            raise self.as_cancelled()
        if self.late:
            raise self.as_late()

    def as_cancelled(self) -> Cancelled:
        return Cancelled(f"{self.spec.name} was cancelled.", kept="Everything before it is kept.")

    def as_late(self) -> ToolError:
        return ToolError(f"{self.spec.name}: not finished within {self.timeout:g} s; ask for less.")

    def frame(self) -> Frame:
        function = self.spec.function
        return Frame(
            "call",
            {
                "id": self.id,
                "function": f"{function.__module__}:{function.__qualname__}",
                "arguments": dict(self.arguments),
                "alone": self.alone,
                "previews": self.previews,
            },
            self.images,
        )

    def cancel_frame(self) -> Frame:
        return Frame("cancel", {"id": self.id})

    def progressed(self, data: Mapping[str, Any], preview: Image.Image | None = None) -> None:
        if self.on_progress is not None:
            seconds = time.monotonic() - self.started
            self.on_progress(
                Progress(
                    self.spec.name, data["done"], data["total"], data["note"], seconds, preview
                )
            )

    def read_answer(self, reply: Frame) -> Result:
        """The result in the worker's last frame for this call; raises the error it describes."""
        data = reply.data
        if reply.kind == "error":
            raise revive(data)
        images = list(reply.images.values())
        return Result(
            images, data["value"], data["seconds"], data["peak_mb"], data["device"],
            tuple(data["rungs"]), data["together"],
        )  # fmt: skip


def revive(data: Mapping[str, Any]) -> Exception:
    """The error that the worker described, with its type."""
    if data["error"] == "ToolError":
        return ToolError(data["message"])
    kinds: tuple[type[Stopped], ...] = (Stopped, Cancelled, BadInput)
    for kind in kinds:
        if data["error"] == kind.__name__:
            return kind(data["message"], kept=data["kept"], hint=data["hint"])
    return WorkerFailed(data["message"], data["traceback"])
