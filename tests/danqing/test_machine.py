"""The memory that models have here is told without torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from danqing import machine


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found out before is found out again."""
    machine.device.cache_clear()
    yield
    machine.device.cache_clear()


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "nvidia-smi"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_gpu_is_told_with_most_of_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "echo 24000; echo 8000", monkeypatch)
    assert machine.device() == machine.Device("cuda", 19200)
    assert machine.device().in_words == "the GPU, where models may take 18.8 GiB"


@pytest.mark.parametrize("text", ["exit 9", "echo nothing"])
def test_a_driver_that_fails_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    program(tmp_path, text, monkeypatch)
    found = machine.device()
    assert found.name in ("cpu", "mps")
    assert found.memory_mb > 0
