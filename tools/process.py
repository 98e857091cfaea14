"""The session's end of a worker process: start it, talk to it, end it.

Nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import IO, Literal

from .call import Call, Result
from .frames import Frame, FrameError, receive, send
from .registry import Role

POLL = 0.02
"""Seconds between two looks at the cancel flag and the clock."""
CANCEL_GRACE = 2.0
"""Seconds a worker has to react to a cancelled call before it is killed."""
_KEPT = {
    "PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV",
    "DANQING_COMPILE", "TORCHINDUCTOR_CACHE_DIR",
}  # fmt: skip
_KEPT_PREFIXES = (
    "LC_", "DYLD_", "CUDA_", "NVIDIA_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "PYTORCH_", "PYTHON",
)  # fmt: skip
"""What of the environment the worker is given; no key or token is."""
_SET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    # Threads that wait sleep instead of spinning: on cores shared with anything else, spinning
    # makes every denoising step several times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


@dataclass(frozen=True)
class Status:
    """How the worker is: ``roles`` are the models now in memory, ``restarts`` counts crashes."""

    state: Literal["stopped", "starting", "loading", "ready", "busy"]
    device: str | None = None
    roles: tuple[Role, ...] = ()
    pid: int | None = None
    restarts: int = 0


class Gone(Exception):
    """The worker process ended; the message says how. ``guilty`` are the calls that it was at, or
    the one that it was killed for; none where it ended by itself."""

    def __init__(self, how: str, guilty: Collection[int] = ()) -> None:
        super().__init__(how)
        self.guilty = guilty


class Worker:
    """A worker process and the two threads that write to it and read from it.

    The reading thread also starts the process and outlives it: on Linux the worker asks to be
    killed when the *thread* that started it ends, and a caller's thread may end at any time.
    """

    def __init__(self) -> None:
        self.status = Status("starting")
        self._replies: dict[int, queue.SimpleQueue[Frame | Gone]] = {}
        self._begun: set[int] = set()
        self._left: dict[int, float] = {}
        """Calls that nobody waits for any more though they have no answer, and since when."""
        self._gone: Gone | None = None
        self._killed_for: int | None = None
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as we do
        self._log_lock, self._last_words = threading.Lock(), ""
        self._process: subprocess.Popen[bytes] | None = None
        self._spawned = threading.Event()
        self._closing = False
        self._socket, theirs = socket.socketpair()
        self._reader = threading.Thread(
            target=self._read, args=(theirs,), name="danqing-worker-reader", daemon=True
        )
        self._reader.start()
        threading.Thread(target=self._write, name="danqing-worker-writer", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether calls can be sent: the process runs, or is about to."""
        return self._gone is None

    def post(self, frame: Frame) -> None:
        """Send a frame soon; never blocks. What cannot be sent shows as the worker's end."""
        self._outbox.put(frame)

    def exchange(self, call: Call) -> Result:
        """Send a call and wait for its end; whatever ends the wait early, the worker is told. Safe
        for threads. Raises `Gone` when the process ends, and what `Call.read_answer` does."""
        replies = self._expect(call)
        self.post(call.frame())
        begun = answered = False
        unwanted_at: float | None = None
        try:
            while True:
                if unwanted_at is None and call.unwanted:
                    if not begun:
                        call.check_waiting()
                    unwanted_at = time.monotonic()
                    self.post(call.cancel_frame())
                if unwanted_at is not None and time.monotonic() - unwanted_at > CANCEL_GRACE:
                    self.kill(call.id)
                    call.check_waiting()
                try:
                    reply = replies.get(timeout=POLL)
                except queue.Empty:
                    self._end_what_was_left()
                    continue
                if isinstance(reply, Gone):
                    call.check_waiting()
                    raise call.as_cancelled() if self._closing else reply
                if reply.kind == "started":
                    begun = True
                elif reply.kind == "progress":
                    call.progressed(reply.data, reply.images.get("preview"))
                else:
                    answered = True
                    if reply.kind == "error":
                        call.check_waiting()
                    return call.read_answer(reply)
        finally:
            with self._lock:
                del self._replies[call.id]
                if not answered:
                    self._left[call.id] = time.monotonic()
            if not answered:
                self.post(call.cancel_frame())

    def _expect(self, call: Call) -> queue.SimpleQueue[Frame | Gone]:
        """Where the replies to a call will be."""
        replies: queue.SimpleQueue[Frame | Gone] = queue.SimpleQueue()
        with self._lock:
            self._replies[call.id] = replies
            if self._gone is not None:
                replies.put(self._gone)
        return replies

    def _end_what_was_left(self) -> None:
        """Kill the process for a call that goes on though nobody waits for it; others do."""
        latest = time.monotonic() - CANCEL_GRACE
        with self._lock:
            stuck = [id_ for id_, since in self._left.items() if since < latest]
            stuck = [id_ for id_ in stuck if id_ in self._begun]
        if stuck:
            self.kill(stuck[0])

    def _received(self, frame: Frame) -> None:
        """Let whoever waits for it have a frame."""
        id_ = frame.data["id"]
        with self._lock:
            if frame.kind == "started":
                self._begun.add(id_)
            elif frame.kind != "progress":
                self._begun.discard(id_)
                self._left.pop(id_, None)
            if id_ in self._replies:
                self._replies[id_].put(frame)

    def log(self) -> str:
        """The last 8 KiB that the process has printed, also after its end."""
        with self._log_lock:
            if not self._log.closed:
                start = max(0, os.fstat(self._log.fileno()).st_size - 8192)
                end = os.pread(self._log.fileno(), 8192, start)
                self._last_words = end.decode("utf-8", "replace")
            return self._last_words

    def kill(self, for_: int | None = None) -> None:
        """End the process now, ``for_`` a call that does not end by itself, and wait until it is
        gone."""
        self._spawned.wait()
        if for_ is not None:
            self._killed_for = for_
        if self._process is not None:
            self._process.kill()
        self._reader.join()

    def close(self) -> None:
        """Let the process end by itself, or kill it after the grace period."""
        self._closing = True
        self._outbox.put(None)
        self._reader.join(CANCEL_GRACE)
        if self.alive:
            self.kill()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (frame := self._outbox.get()) is not None:
                try:
                    send(self._socket, frame)
                except FrameError as error:
                    said = {"error": "ToolError", "message": f"The call cannot be sent: {error}."}
                    self._received(Frame("error", {"id": frame.data["id"]} | said))
            self._socket.shutdown(socket.SHUT_WR)

    def _read(self, theirs: socket.socket) -> None:
        how = "it could not be started"
        try:
            with theirs:
                self._process = self._spawn(theirs)
            self.status = replace(self.status, pid=self._process.pid)
            self._spawned.set()
            while (frame := receive(self._socket)) is not None:
                if frame.kind == "status":
                    data = frame.data
                    self.status = Status(
                        data["state"], data["device"], tuple(data["roles"]), self._process.pid
                    )
                else:
                    self._received(frame)
        except (OSError, FrameError) as error:
            how = str(error)
        finally:
            self._spawned.set()
            if self._process is not None:
                self._process.kill()
                how = _ending(self._process.wait())
            self._outbox.put(None)
            self._socket.close()
            self.log()
            with self._log_lock:
                self._log.close()
            with self._lock:
                guilty = self._begun if self._killed_for is None else {self._killed_for}
                self._gone = Gone(how, guilty)
                for replies in self._replies.values():
                    replies.put(self._gone)

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _KEPT or name.startswith(_KEPT_PREFIXES)
        }
        return subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=kept | _SET | {"PYTHONPATH": path},
            start_new_session=True,
        )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    words = signal.strsignal(-code) or f"signal {-code}"
    return f"{words}, perhaps out of memory" if -code == signal.SIGKILL else words
