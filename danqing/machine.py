"""How much memory models have here, told without torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from .tools.models import GPU_SHARE, memory_budget


@dataclass(frozen=True)
class Device:
    """Where models will run, and MiB of memory that they have there."""

    name: str
    memory_mb: int

    @property
    def in_words(self) -> str:
        kind = {"cuda": "the GPU", "mps": "Apple's GPU", "cpu": "the CPU"}[self.name]
        return f"{kind}, where models may take {self.memory_mb / 1024:.1f} GiB"


@cache
def device() -> Device:
    """The device that is used unless another is asked for."""
    gpu = _nvidia()
    if gpu:
        return Device("cuda", int(GPU_SHARE * gpu))
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    name = "mps" if apple else "cpu"
    return Device(name, int(memory_budget(name)))


def _nvidia() -> int:
    """MiB of the first NVIDIA GPU; 0 where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        return int(told.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0
