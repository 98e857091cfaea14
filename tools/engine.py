"""Run tools in a worker process, so that a crash costs one call and never the session.

    engine = Engine("sketchbook")
    engine.start()                       # returns at once; the worker imports and loads meanwhile
    result = engine.call("text_to_image", {"prompt": "a red house", "seeds": [1]})

This side never imports torch. Tools without a model run here, at once, in the caller's thread.
"""

from __future__ import annotations

import difflib
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from PIL import Image

from . import TOOLS, catalogue
from .ask import answer
from .call import Call, Progress, Result, WorkerCrashed, WorkerFailed
from .catalogue import Profile
from .errors import ToolError
from .frames import Frame
from .language_model import converse, embed
from .models import Models
from .process import Gone, Status, Worker
from .registry import Context, Role, ToolSpec, by_name

__all__ = ["Engine", "Progress", "Result", "Status", "WorkerCrashed", "WorkerFailed"]

INTERNAL: Mapping[str, ToolSpec] = by_name((answer, converse, embed))
"""What can be called, too, but is offered to no planner."""
CRASHES_ALLOWED = 2
"""A call that has stopped the worker this often is not tried again."""


class Engine:
    """Runs calls in a worker process; callable from several threads.

    Calls that use different models run side by side with CUDA, and one after the other elsewhere,
    unless ``overlap`` says otherwise. With ``batching``, pictures that several threads wait for are
    painted in one batch, each with its own prompt, seed and guidance; but its last bits then depend
    on what else was in the batch.

    ``profile`` is a name from the catalogue or a `Profile`; ``home`` is the folder with the user's
    own models and those from a hub; ``planner`` is the folder of a language model to run beside
    them, which is then also the embedder: what a sentence means is what it means to whoever plans.
    ``device`` is cuda, mps or cpu, or None for the best there is; ``memory_mb`` bounds the models
    held at once.

    Raises `BadInput` as `catalogue.profile` and `catalogue.language_model` do.
    """

    def __init__(
        self,
        profile: str | Profile = catalogue.DEFAULT_PROFILE,
        *,
        home: Path | None = None,
        planner: Path | None = None,
        device: str | None = None,
        memory_mb: float | None = None,
        overlap: bool | None = None,
        batching: bool = False,
        tools: Sequence[Callable[..., Any]] = TOOLS,
    ) -> None:
        found = catalogue.profile(profile, home) if isinstance(profile, str) else profile
        self.profile = catalogue.settled(found)
        models = dict(self.profile.models)
        if planner is not None:
            models["planner"] = catalogue.language_model(planner)
        if "planner" in models and models["planner"].ready:
            models["embedder"] = models["planner"]
        self.profile = self.profile.model_copy(update={"models": models})
        self.planner = planner
        self.tools: Mapping[str, ToolSpec] = by_name(tuple(tools))
        self._settings = {
            "device": device, "memory_mb": memory_mb, "overlap": overlap, "batching": batching
        }  # fmt: skip
        self._worker: Worker | None = None
        self._workers_started = 0
        self._starting = threading.Lock()
        self._ids = itertools.count(1)
        self._crashes: dict[str, int] = {}
        """How often each call has stopped the worker, or one that was beside it."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def available(self) -> dict[str, ToolSpec]:
        """The tools that can run now: those without models, or with ones whose files are there."""
        roles = catalogue.available(self.profile)
        return {name: s for name, s in self.tools.items() if roles.issuperset(s.roles)}

    def start(self, roles: Sequence[Role] = ("text-to-image", "captioner", "panoptic")) -> None:
        """Start the worker and let it load the models of ``roles``; returns at once."""
        ready = catalogue.available(self.profile)
        self._live_worker(warm=[role for role in roles if role in ready])

    def arguments(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The call's arguments in full: validated, defaults of tool and model filled in.

        Equal calls have equal results here, so this is what to store and to compare.
        Raises `ToolError` as `ToolSpec.validate` does, and for an unknown tool.
        """
        spec = self._spec(tool)
        full = spec.validate(arguments)
        if spec.roles and (entry := self.profile.models.get(spec.roles[0])):
            full |= {k: v for k, v in entry.defaults.items() if k in full and full[k] is None}
        return full

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
        timeout: float | None = None,
        previews: bool = False,
    ) -> Result:
        """Run one tool and wait for its result.

        ``on_progress`` is called in this thread. ``cancel`` ends the call between two steps, or
        after 2 s by force, and so does ``timeout``, in seconds from now, loading and waiting
        included. With ``previews`` progress shows, now and then, what is being painted; the
        pictures are the same.

        Raises `ToolError` for refused arguments and what the tool itself refuses, and when the time
        is up; `WorkerCrashed` when the worker stopped, or when this very call stopped it twice
        before; `WorkerFailed` for a bug; `Cancelled`; `Stopped` for missing or damaged models.
        """
        spec = self._spec(tool)
        full = self.arguments(tool, arguments)
        checked = spec.check_images(images or {})
        if not (spec.roles or spec.optional_roles):
            return self._run_here(spec, full, checked)
        for role in spec.roles:
            catalogue.entry(self.profile, role)
        call = Call(next(self._ids), spec, full, checked, on_progress, cancel, timeout, previews)
        by_itself = 0
        while True:
            crashes = self._crashes.get(call.key, 0) if self._crashes else 0
            if crashes >= CRASHES_ALLOWED:
                raise WorkerCrashed(
                    f"{tool}: this call has stopped the worker {crashes} times,"
                    " so it is not tried again; change its arguments."
                )
            try:
                result = self._live_worker().exchange(replace(call, alone=crashes > 0))
            except Gone as gone:
                by_itself += not gone.guilty
                if call.id in gone.guilty:
                    self._crashes[call.key] = crashes + 1
                elif by_itself < 2:
                    continue  # others are to blame, or nobody
                raise WorkerCrashed(
                    f"{tool}: the worker stopped ({gone}); the next call starts a fresh one."
                ) from None
            if crashes:  # then what it was beside is to blame
                self._crashes.pop(call.key, None)
            return result

    def status(self) -> Status:
        """How the worker is right now."""
        restarts = max(0, self._workers_started - 1)
        worker = self._worker  # which another thread may close
        if worker is None or not worker.alive:
            return Status("stopped", restarts=restarts)
        return replace(worker.status, restarts=restarts)

    def log(self) -> str:
        """The last 8 KiB that the libraries in the present worker printed."""
        worker = self._worker
        return worker.log() if worker else ""

    def close(self) -> None:
        """Stop the worker, by force if it does not end within 2 s; a later call starts anew."""
        with self._starting:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _spec(self, tool: str) -> ToolSpec:
        if spec := self.tools.get(tool) or INTERNAL.get(tool):
            return spec
        nearest = difflib.get_close_matches(tool, self.tools, n=3) or list(self.tools)
        raise ToolError(f"There is no tool {tool!r}; did you mean {' or '.join(nearest)}?")

    def _live_worker(self, warm: Sequence[Role] = ()) -> Worker:
        with self._starting:
            if self._worker is None or not self._worker.alive:
                self._worker = Worker()
                self._workers_started += 1
                entries = {role: e.model_dump() for role, e in self.profile.models.items()}
                self._worker.post(Frame("configure", {"entries": entries, **self._settings}))
            if warm:
                self._worker.post(Frame("warm", {"roles": list(warm)}))
            return self._worker

    def _run_here(
        self, spec: ToolSpec, arguments: Mapping[str, Any], images: Mapping[str, Image.Image]
    ) -> Result:
        started = time.perf_counter()
        result = spec.run(Context(Models({})), arguments, images)
        made, value = spec.unpack(result)
        return Result(made, value, time.perf_counter() - started, 0.0, "cpu")
