"""``python -m benchmarks.gpu [--only NAME …] [--paths NAME …] [--minutes 8] [--out FILE]``.

Each measurement is printed and written to a file as soon as it is known, and the table at the end.
Without a GPU nothing is measured; ``--tiny --device cpu`` runs the same code on tiny networks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import Report, Row, measure, table
from .configs import ARCHITECTURES, TINY
from .measure import OURS, OURS_COMPILED, PATHS, PLAIN, PLAIN_COMPILED, Job

GRACE = 20.0
"""Seconds after the end that a call in the middle may take before its process is stopped."""
TINY_SIDE = 256
QUIET = {
    "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip
"""What the processes beside this one are told, as the studio's workers are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless the arguments are wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parts = (*ARCHITECTURES, "built-in", "agent")
    parser.add_argument("--only", nargs="+", choices=parts, metavar="NAME", default=parts,
                        help=f"some of {', '.join(parts)}")  # fmt: skip
    parser.add_argument("--paths", nargs="+", choices=PATHS, metavar="NAME", default=PATHS,
                        help=f"some of {', '.join(map(repr, PATHS))}")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=8.0, help="begin nothing after so many")
    parser.add_argument("--out", type=Path, default=Path("gpu.jsonl"), metavar="FILE",
                        help="where each row is written; what is there is replaced")  # fmt: skip
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, to test this itself")
    options = parser.parse_args(arguments)
    if options.minutes <= 0:
        parser.error(f"--minutes {options.minutes} is refused; allowed is more than 0")
    if options.device == "cpu" and not options.tiny:
        parser.error("--device cpu is for --tiny alone; the true networks would take hours")
    if options.device == "cuda" and not _has_gpu():
        print("There is no GPU here that torch can use: nothing was measured.")
        return 0
    options.out.unlink(missing_ok=True)
    report = Report(options.out, time.time() + 60 * options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        # What is compiled is kept from worker to worker, but not from run to run.
        os.environ |= {**QUIET, "TORCHINDUCTOR_CACHE_DIR": str(Path(folder) / "compiled")}
        run(report, options, Path(folder))
    print(f"\n{table(report.rows())}")
    return 0


def run(report: Report, options: argparse.Namespace, folder: Path) -> None:
    """Measure what ``options`` ask for, in processes of their own, one after the other."""
    device, side = options.device, TINY_SIDE if options.tiny else measure.SIDE
    aside(report, measure.matrix_rate, device, side)
    rate = measure.rate_of(report.rows(), side)
    if "built-in" in options.only:
        here(report, measure.built_in, device)
    architectures = TINY if options.tiny else ARCHITECTURES
    wanted = [a for name, a in architectures.items() if name in options.only]
    if "agent" in options.only and not wanted:
        wanted = [architectures["sdxl"]]
    for number, architecture in enumerate(wanted):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            flops = 0.0 if options.tiny else _flops(architecture)
            job = Job(architecture, Path(place), device, flops, rate)
            aside(report, measure.build, job)
            if not (job.folder / "painter" / "model_index.json").exists():
                continue
            if architecture.name in options.only:
                _compare(report, job, options.paths, again=number == 0)
            if "agent" in options.only and number == 0:
                here(report, measure.agent, job, compiled=OURS_COMPILED in options.paths)


def _compare(report: Report, job: Job, paths: Sequence[str], *, again: bool) -> None:
    beside = [path for path in (PLAIN, PLAIN_COMPILED) if path in paths]
    if beside:
        aside(report, measure.plain, job, beside)
    if OURS in paths:
        here(report, measure.ours, job, compiled=False)
    if OURS_COMPILED in paths:
        here(report, measure.ours, job, compiled=True, again=again)


def aside(report: Report, function: Callable[..., None], *arguments: Any) -> None:
    """Run a function in a process of its own, so that its memory and its settings go with it. What
    it does not finish in time, or dies in, is told in a row."""
    process = multiprocessing.get_context("spawn").Process(
        target=function, args=(report, *arguments)
    )
    process.start()
    process.join(max(report.left, 0) + GRACE)
    if process.is_alive():
        process.kill()
        process.join()
        _tell(report, function, arguments, "stopped: out of time")
    elif process.exitcode:
        _tell(report, function, arguments, f"failed: its process ended with {process.exitcode}")


def here(report: Report, function: Callable[..., None], *arguments: Any, **more: Any) -> None:
    """Run a function that has a worker process for its models; what it dies in, a library that is
    not here for one, is told in a row."""
    try:
        function(report, *arguments, **more)
    except Exception as error:  # noqa: BLE001
        _tell(report, function, arguments, f"failed: {type(error).__name__}: {error}")


def _tell(
    report: Report, function: Callable[..., None], arguments: Sequence[Any], note: str
) -> None:
    model = next((a.architecture.name for a in arguments if isinstance(a, Job)), "")
    report.add(Row(model, function.__name__.replace("_", " "), "", note=note))


def _flops(architecture: Any) -> float:
    from . import flops

    return flops.of_picture(architecture)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    raise SystemExit(main())
