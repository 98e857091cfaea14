"""How long the first picture takes: ``python -m benchmarks.first_picture``.

Cold is a new process with an empty home; warm is a further request in a process whose worker is up.
One generation is a single seed at the painter's own size. The loop's own overhead is measured with
an engine that answers at once. Every figure is the median of ``--runs``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from danqing.agent.home import Home
from danqing.agent.studio import Options, Studio

from .painter import Painter

REQUESTS = (
    "a red house on the left, two trees, snowy mountains, a winter night",
    "生成一张风景优美的秋天的照片",
    "三只小船在海上，夕阳，水彩风格",
)
SCENE = "flat illustration. meadow, winter, day, clear. a cat at the left."
"""What the painter that takes no time is said to have drawn, whatever was asked for."""
COMMAND = [sys.executable, "-m", "danqing"]


def median_of(runs: int, measure: Callable[[int], float]) -> float:
    return round(statistics.median(measure(k) for k in range(runs)), 3)


def cold(k: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [*COMMAND, "--home", f"{folder}/home", "draw", REQUESTS[k % 3], "--seed", str(k),
             "-o", f"{folder}/out.png", "--quiet"],
            capture_output=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if done.returncode not in (0, 3) or not Path(folder, "out.png").exists():
            raise SystemExit(done.stderr.decode())
    return seconds


def help_time(_: int) -> float:
    start = time.perf_counter()
    subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)
    return time.perf_counter() - start


def overhead_per_step() -> float:
    """Seconds a step that belong to the loop and not to any model."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Home.open(Path(folder) / "home")) as studio,
    ):
        studio.engine = Painter(Path(folder) / "models", SCENE)
        studio.ask("two red houses", Options(seed=99))  # imports
        start = time.perf_counter()
        steps = sum(
            len(studio.ask("two red houses", Options(seed=1000 * k)).steps) for k in range(5)
        )
        return round((time.perf_counter() - start) / steps, 4)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_picture", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    figures: dict[str, object] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
        "runs": args.runs,
        "help_seconds": median_of(args.runs, help_time),
        "cold_checked_picture_seconds": median_of(args.runs, cold),
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        Studio(Home.open(Path(folder) / "home")) as studio,
    ):
        studio.warm_up()
        studio.ask(REQUESTS[0], Options(seed=7))
        rounds: list[int] = []

        def warm(k: int) -> float:
            start = time.perf_counter()
            turn = studio.ask(REQUESTS[k % 3], Options(seed=100 + 50 * k))
            rounds.append(sum(s.tool == "text_to_image" for s in turn.steps))
            return time.perf_counter() - start

        figures["warm_checked_picture_seconds"] = median_of(max(args.runs, 3), warm)
        figures["rounds_of_those"] = rounds

        def generation(k: int) -> float:
            call = {"prompt": "meadow, autumn. a red house.", "seeds": [k]}
            return studio.engine.call("text_to_image", call).seconds

        figures["one_generation_seconds"] = median_of(max(args.runs, 3), generation)
        figures["worker_peak_mb"] = round(
            studio.engine.call("text_to_image", {"prompt": "a house", "seeds": [0]}).peak_mb
        )
    figures["parent_peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    figures["loop_overhead_seconds_a_step"] = overhead_per_step()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
