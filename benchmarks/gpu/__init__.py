"""How fast pictures are made on a GPU, beside plain diffusers: ``python -m benchmarks.gpu``.

The networks have the architectures of released models and random weights, since speed does not
depend on those and nothing has to be downloaded. See README.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..tables import aligned

HEADER = ("model", "task", "path", "batch", "s", "pictures/s", "share", "MiB", "note")


@dataclass(frozen=True)
class Row:
    """One measurement: a call that makes ``batch`` pictures.

    ``seconds`` is the median of a few calls, or None where there is none, and ``note`` says why.
    ``share`` is the share of the device's measured matrix rate that the call's arithmetic reached.
    ``peak_mb`` is the most memory (MiB) in use in it, the device's, or on a CPU the process's.
    """

    model: str
    task: str
    path: str
    batch: int = 1
    seconds: float | None = None
    share: float | None = None
    peak_mb: float | None = None
    note: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns of `HEADER` as text."""
        rate = "" if not self.seconds else f"{self.batch / self.seconds:.2f}"
        return (
            self.model, self.task, self.path, str(self.batch),
            "" if self.seconds is None else f"{self.seconds:.3f}", rate,
            "" if self.share is None else f"{self.share:.0%}",
            "" if self.peak_mb is None else f"{self.peak_mb:.0f}", self.note,
        )  # fmt: skip


@dataclass(frozen=True)
class Report:
    """Where rows go: to the screen and to ``file``, JSON Lines, each as soon as it is known.

    ``ends`` is the time (of `time.time`) after which nothing more is measured.
    """

    file: Path
    ends: float

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.ends - time.time()

    def add(self, row: Row) -> None:
        """Tell a row."""
        print("  ".join(filter(None, row.cells)), flush=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")

    def attempt(self, row: Row, measure: Callable[[Row], Row]) -> Row:
        """Tell what ``measure`` makes of a row, or why it made nothing: time was up, memory was not
        enough, or it failed. What fails must not keep the rest from being measured."""
        if self.left <= 0:
            row = replace(row, note="not measured: out of time")
        else:
            try:
                row = measure(row)
            except Exception as error:  # noqa: BLE001
                said = " ".join(str(error).split())[:160]
                row = replace(row, note=f"failed: {type(error).__name__}: {said}")
        self.add(row)
        return row

    def rows(self) -> list[Row]:
        """All rows told so far, by whichever process."""
        if not self.file.exists():
            return []
        return [Row(**json.loads(line)) for line in self.file.read_text("utf-8").splitlines()]


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    return aligned([HEADER, *(row.cells for row in rows)])
