"""The worker process: ``python -m danqing.tools.worker FD``, started by `engine`.

Its main thread reads frames from the socket FD, so that a cancel is seen while a tool runs; calls
run in threads of their own, when `schedule` says so. It ends when the socket does.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from PIL import Image

from .catalogue import Entry
from .errors import Cancelled, Stopped, ToolError
from .frames import Frame, FrameError, receive, send
from .models import Models
from .own_models import PAINTERS
from .registry import ALONE, OFFLOADED, THRIFT, Context, Role, spec
from .schedule import Asked, Run, Schedule

THREADS = 3
"""So many calls run side by side at most: a painter, an eye and a language model."""


class Worker:
    """One connection, its models, and the calls it is at."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.RLock()
        self._schedule = Schedule()
        self._growing = threading.Lock()
        self._threads = 0
        self._models = Models({})
        self._overlap: bool | None = None
        self._batching = False

    def run(self) -> None:
        """Serve until the other side closes; does not return."""
        with contextlib.suppress(OSError, FrameError):
            while (frame := receive(self._connection)) is not None:
                self._read(frame)
                self._grow()
        os._exit(0)

    def _read(self, frame: Frame) -> None:
        match frame.kind:
            case "configure":
                entries = {r: Entry.model_validate(e) for r, e in frame.data["entries"].items()}
                self._models = Models(
                    entries, device=frame.data["device"], memory_mb=frame.data["memory_mb"]
                )
                self._overlap, self._batching = frame.data["overlap"], frame.data["batching"]
            case "warm":
                for role in frame.data["roles"]:
                    self._schedule.warm(role, self._sources((role,)))
            case "cancel":
                if call := self._schedule.withdraw(frame.data["id"]):
                    self._refuse(call.id, cancelled(call))
            case _:
                try:
                    self._ask(frame)
                except Exception as error:  # noqa: BLE001, a tool that is not found is that call's
                    self._refuse(frame.data["id"], error)

    def _ask(self, frame: Frame) -> None:
        module, _, name = frame.data["function"].partition(":")
        tool = spec(getattr(importlib.import_module(module), name))
        models = self._sources((*tool.roles, *tool.optional_roles))
        self._schedule.add(Asked(tool, frame, models))

    def _sources(self, roles: tuple[Role, ...]) -> frozenset[str]:
        """Which models these are; one may play several roles."""
        entries = self._models.entries
        return frozenset(entries[role].source for role in roles if role in entries)

    def _grow(self) -> None:
        """Start a thread for what could begin and has none."""
        with self._growing:
            if self._threads < THREADS and self._schedule.lacks(self._threads):
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        """Do what there is to do, one after the other; does not return."""
        try:
            with contextlib.suppress(Stopped):  # a device that is not there is told to each call
                on_a_gpu, overlap = self._models.device == "cuda", self._overlap
                self._schedule.side_by_side = on_a_gpu if overlap is None else overlap
            while True:
                run = self._schedule.next()
                self._grow()
                self._report()
                with self._beside(run):
                    if run.role is None:
                        self._answer_all(run)
                    else:
                        self._load(run.role)
                self._schedule.done(run)
                self._report()
        except BaseException:  # noqa: BLE001, a thread that ends unseen leaves its calls waiting
            traceback.print_exc()
            os._exit(70)

    def _beside(self, run: Run) -> contextlib.AbstractContextManager[Any]:
        """On a GPU, a stream of its own for each kind of model but the painter, so that what runs
        beside another waits for nothing of it."""
        roles = (run.role,) if run.role else run.calls[0].tool.roles
        if not self._schedule.side_by_side or self._models.device != "cuda" or not roles:
            return contextlib.nullcontext()
        return self._models.stream(roles[0])

    def _load(self, role: Role) -> None:
        """Load a model ahead of its first use; a failure shows when it is asked for."""
        try:
            self._models.get(role)
        except Exception:  # noqa: BLE001
            traceback.print_exc()

    def _answer_all(self, run: Run) -> None:
        """Answer the calls of a run, together where that is possible, and else one by one."""
        first = run.calls[0]
        self._send(Frame("started", {"id": first.id}))
        if self._batching and first.tool.together is not None and not first.alone:
            self._gather(run)  # which may load a model
        for call in run.calls[1:]:
            self._send(Frame("started", {"id": call.id}))
        if len(run.calls) > 1:
            try:
                self._answer_together(run)
            except Exception as error:  # noqa: BLE001, each then says what is wrong with it
                traceback.print_exc()
                self._end_if_fatal(error)
        for call in [*run.calls]:
            try:
                self._send(self._answer(run, call))
            except Exception as error:  # noqa: BLE001
                self._refuse(call.id, error)
                self._end_if_fatal(error)
            self._schedule.answered(run, call)

    def _gather(self, run: Run) -> None:
        together = run.calls[0].tool.together
        assert together is not None
        context = Context(self._models)
        with contextlib.suppress(Exception):  # what is wrong with a call, it says itself
            self._schedule.join(run, lambda c: together.key(context, c.arguments))

    def _answer_together(self, run: Run) -> None:
        """Answer all calls of a run with one batch. Raises what the batch does; those that were
        cancelled are answered by then."""
        calls = [*run.calls]
        tool = calls[0].tool
        assert tool.together is not None
        given = [call.arguments for call in calls]
        firsts = accumulate((len(arguments["seeds"]) for arguments in given), initial=0)
        watched = {n: call for n, call in zip(firsts, calls, strict=False) if call.watched}

        def progress(
            done: int, total: int, note: str = "", previews: Sequence[Image.Image] = ()
        ) -> None:
            seen = dict(zip(watched.values(), previews, strict=False))
            for call in run.calls:
                self._tell(call, done, total, note, seen.get(call))

        def check_cancelled() -> None:
            for call in [*run.calls]:
                if self._schedule.unwanted(call):
                    self._refuse(call.id, cancelled(call))
                    self._schedule.answered(run, call)
            if not run.calls:
                raise cancelled(calls[0])

        context = Context(self._models, progress, check_cancelled, previews=(*watched,))
        with self._measured(run) as cost:
            made = tool.together.run(context, given)
        check_cancelled()
        for call, images in zip(calls, made, strict=True):
            if call in run.calls:
                self._send(_result(call, images, None, cost | {"together": len(calls)}))
                self._schedule.answered(run, call)

    def _answer(self, run: Run, call: Asked) -> Frame:
        def progress(
            done: int, total: int, note: str = "", previews: Sequence[Image.Image] = ()
        ) -> None:
            self._tell(call, done, total, note, *previews)

        def check_cancelled() -> None:
            if self._schedule.unwanted(call):
                raise cancelled(call)

        check_cancelled()
        previews = (0,) if call.watched else ()
        context = Context(self._models, progress, check_cancelled, previews=previews)
        with self._measured(run) as cost:
            result, rungs = self._within_memory(run, call, context)
        images, value = call.tool.unpack(result)
        return _result(call, images, value, cost | {"rungs": rungs})

    @contextlib.contextmanager
    def _measured(self, run: Run) -> Iterator[dict[str, Any]]:
        """What the work within cost. Memory is that of all that runs."""
        device = self._models.device
        if self._schedule.only(run):
            reset_peak(device)
        started = time.perf_counter()
        cost: dict[str, Any] = {"device": device, "rungs": [], "together": 1}
        yield cost
        cost |= {"seconds": time.perf_counter() - started, "peak_mb": peak_mb(device)}

    def _within_memory(self, run: Run, call: Asked, context: Context) -> tuple[Any, list[str]]:
        """Run, and again with more thrift whenever memory runs out; the result, and how memory was
        saved. Raises `ToolError` where all of `THRIFT` does not help."""
        tool = call.tool
        paints = not PAINTERS.isdisjoint((*tool.roles, *tool.optional_roles))
        ladder = [*range(len(THRIFT) + 1)] if paints else [0, ALONE]
        if self._models.device != "cuda" and paints:
            ladder.remove(OFFLOADED)  # there is no other memory
        for rung in ladder:
            context = replace(context, thrift=rung)  # with what was saved so far
            if context.saves(ALONE):
                self._schedule.be_alone(run, context.check_cancelled)
                self._models.unload(keep=(*tool.roles, *tool.optional_roles))
            try:
                return tool.run(context, call.arguments, call.frame.images), context.saved
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the except clause, since the exception holds on to the tensors.
        raise ToolError(
            f"{tool.name}: the memory of {self._models.device} is not enough for this call;"
            " ask for fewer or smaller pictures, or choose a smaller model."
        )

    def _tell(
        self, call: Asked, done: int, total: int, note: str, preview: Image.Image | None = None
    ) -> None:
        data = {"id": call.id, "done": done, "total": total, "note": note}
        self._send(Frame("progress", data, {} if preview is None else {"preview": preview}))

    def _refuse(self, id_: int, error: Exception) -> None:
        self._send(Frame("error", {"id": id_} | describe(error)))

    def _end_if_fatal(self, error: Exception) -> None:
        if is_fatal(error):
            os._exit(70)

    def _report(self) -> None:
        with self._sending:  # the last that is sent is the last that was true
            roles = self._models.roles
            device = self._models.device if roles else None
            data = {"state": self._schedule.state, "device": device, "roles": list(roles)}
            self._send(Frame("status", data))

    def _send(self, frame: Frame) -> None:
        """Frames of several threads do not mix."""
        try:
            with self._sending:
                send(self._connection, frame)
        except OSError:
            os._exit(0)


def cancelled(call: Asked) -> Cancelled:
    """What a call that nobody wants any more is answered."""
    return Cancelled(f"{call.tool.name} was cancelled.", kept="Everything before it is kept.")


def _result(call: Asked, images: list[Image.Image], value: Any, cost: Mapping[str, Any]) -> Frame:
    named = {str(i): image for i, image in enumerate(images)}
    return Frame("result", {"id": call.id, "value": value, **cost}, named)


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
        or (
            isinstance(error, RuntimeError)
            and any(said in str(error) for said in ("can't allocate memory", "_ALLOC_FAILED"))
        )
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
