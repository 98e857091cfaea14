"""The worker process: ``python -m danqing.tools.worker FD``, started by `engine`.

It reads frames from the socket FD in a thread of its own, so that a cancel is seen while a tool
runs, and runs calls one after the other in the main thread. It ends when the socket does.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .catalogue import Entry
from .errors import Cancelled, Stopped, ToolError
from .frames import Frame, FrameError, receive, send
from .models import Models
from .registry import ALONE, OFFLOADED, THRIFT, Context, Role, ToolSpec, spec

if TYPE_CHECKING:
    from PIL import Image


class Worker:
    """One connection, its models, and the call it is at."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._warm: list[Role] = []
        self._unwanted_up_to = 0
        self._models = Models({})

    def run(self) -> None:
        """Serve until the other side closes; does not return."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            if self._warm and self._inbox.empty():
                self._load(self._warm.pop(0))
                continue
            frame = self._inbox.get()
            if frame.kind == "configure":
                entries = {r: Entry.model_validate(e) for r, e in frame.data["entries"].items()}
                self._models = Models(
                    entries, device=frame.data["device"], memory_mb=frame.data["memory_mb"]
                )
            elif frame.kind == "warm":
                self._warm += frame.data["roles"]
            else:
                self._answer(frame)

    def _read(self) -> None:
        with contextlib.suppress(OSError, FrameError):
            while (frame := receive(self._connection)) is not None:
                if frame.kind == "cancel":
                    self._unwanted_up_to = frame.data["id"]
                else:
                    self._inbox.put(frame)
        os._exit(0)

    def _load(self, role: Role) -> None:
        """Load a model ahead of its first use; a failure shows when it is asked for."""
        self._report("loading")
        try:
            self._models.get(role)
        except Exception:  # noqa: BLE001
            traceback.print_exc()
        self._report("loading" if self._warm else "ready")

    def _answer(self, frame: Frame) -> None:
        self._report("busy")
        id_ = frame.data["id"]
        try:
            self._send(self._call(id_, frame))
        except Exception as error:  # noqa: BLE001
            self._send(Frame("error", {"id": id_} | describe(error)))
            if is_fatal(error):
                os._exit(70)
        self._report("ready")

    def _call(self, id_: int, frame: Frame) -> Frame:
        module, _, name = frame.data["function"].partition(":")
        tool = spec(getattr(importlib.import_module(module), name))

        def progress(
            done: int, total: int, note: str = "", preview: Image.Image | None = None
        ) -> None:
            data = {"id": id_, "done": done, "total": total, "note": note}
            self._send(Frame("progress", data, {} if preview is None else {"preview": preview}))

        def check_cancelled() -> None:
            if id_ <= self._unwanted_up_to:
                raise Cancelled(f"{tool.name} was cancelled.", kept="Everything before it is kept.")

        context = Context(self._models, progress, check_cancelled, previews=frame.data["previews"])
        check_cancelled()
        device = self._models.device
        reset_peak(device)
        started = time.perf_counter()
        result, rungs = self._within_memory(tool, context, frame)
        seconds = time.perf_counter() - started
        images, value = tool.unpack(result)
        data = {"id": id_, "value": value, "seconds": seconds, "peak_mb": peak_mb(device)}
        named = {str(i): image for i, image in enumerate(images)}
        return Frame("result", data | {"device": device, "rungs": rungs}, named)

    def _within_memory(
        self, tool: ToolSpec, context: Context, frame: Frame
    ) -> tuple[Any, list[str]]:
        """Run, and again with more thrift whenever memory runs out; the result, and how memory was
        saved. Raises `ToolError` where all of `THRIFT` does not help."""
        paints = "text-to-image" in (*tool.roles, *tool.optional_roles)
        ladder = [*range(len(THRIFT) + 1)] if paints else [0, ALONE]
        if self._models.device == "cpu" and paints:
            ladder.remove(OFFLOADED)  # they are there already
        for rung in ladder:
            context = replace(context, thrift=rung)  # with what was saved so far
            if context.saves(ALONE):
                self._models.unload(keep=(*tool.roles, *tool.optional_roles))
            try:
                return tool.run(context, frame.data["arguments"], frame.images), context.saved
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the except clause, since the exception holds on to the tensors.
        raise ToolError(
            f"{tool.name}: the memory of {self._models.device} is not enough for this call;"
            " ask for fewer or smaller pictures, or choose a smaller model."
        )

    def _report(self, state: str) -> None:
        device = self._models.device if self._models.roles else None
        data = {"state": state, "device": device, "roles": list(self._models.roles)}
        self._send(Frame("status", data))

    def _send(self, frame: Frame) -> None:
        """Only the main thread sends, so frames cannot mix."""
        try:
            send(self._connection, frame)
        except OSError:
            os._exit(0)


def describe(error: Exception) -> dict[str, Any]:
    """An error as JSON; those that tools raise on purpose keep their type, others are bugs."""
    if isinstance(error, Stopped):
        said = {"message": error.args[0], "kept": error.kept, "hint": error.hint}
        return {"error": type(error).__name__} | said
    if isinstance(error, ToolError):
        return {"error": "ToolError", "message": str(error)}
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(text)
    message = f"The tool failed with {type(error).__name__}: {error}"
    return {"error": "WorkerFailed", "message": message, "traceback": text}


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device or the machine had no memory left for it."""
    torch = sys.modules.get("torch")
    return (
        isinstance(error, MemoryError)
        or (torch is not None and isinstance(error, torch.OutOfMemoryError))
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def is_fatal(error: Exception) -> bool:
    """Whether the device is unusable from now on, as after an illegal address on a GPU."""
    fatal = getattr(sys.modules.get("torch"), "AcceleratorError", None)  # since torch 2.8
    return fatal is not None and isinstance(error, fatal)


def reset_peak(device: str) -> None:
    """Start to measure the peak of memory again, where the system can."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
    elif sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
            file.write("5")


def peak_mb(device: str) -> float:
    """MiB in use at the peak: of the GPU, or of this process."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    if sys.platform == "linux":
        with open("/proc/self/status") as file:
            peak = next(line for line in file if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def die_with_parent() -> None:
    """Ask Linux for SIGKILL when the thread that started this process ends.

    The closed socket says the same, but a tool stuck in native code may not let its reader run.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def main() -> None:
    """Serve on the socket whose number is the only argument."""
    die_with_parent()
    Worker(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
