"""``python -m benchmarks.judge [--n 1000] [--json]``: how well the built-in judges see.

The captioner and the panoptic network each alone, and both as the agent believes them.
Renders of held-out scenes, where the truth is known; with ``--autoencoder`` the same after a round
trip through latents; with ``--painted`` also pictures that the built-in painter made for held-out
plain scenes, where nobody knows the truth but two judges that share nothing can agree.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from danqing.agent.seen import Seen
from danqing.tools import catalogue, models, text_to_image
from danqing.tools.registry import Context
from training import data, grader, wear
from training.scenes import captions, layout
from training.scenes.render import render
from training.scenes.spec import Scene

from . import Answers, Report, agreement, answers, eyes, report

SIZE = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; always 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="held-out renders")
    parser.add_argument("--captioner", type=Path, help="another captioner's folder")
    parser.add_argument("--autoencoder", type=Path, help="judge round trips through it, too")
    parser.add_argument("--painted", type=int, default=0, help="pictures to paint and compare on")
    parser.add_argument("--json", action="store_true", help="one JSON document, not tables")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    models.configure_torch()
    scenes = [layout.sample(data.HELD_OUT + i) for i in range(options.n)]
    pictures = np.stack([render(scene, SIZE).rgb for scene in scenes])
    loaded = eyes.captioner(options.captioner)
    network = grader.load(eyes.WEIGHTS) if (eyes.WEIGHTS / "grader.safetensors").exists() else None
    document: dict[str, Any] = {}
    sets = {"renders": pictures}
    if options.autoencoder:
        sets["round trips"] = wear.round_trips(options.autoencoder, pictures, "cpu")
    for name, set_ in sets.items():
        captions, looks = eyes.captioned(loaded, set_), eyes.looked(set_)
        both = eyes.together(captions, looks)
        for judge, seen in (("captioner", captions), ("panoptic", looks), ("both", both)):
            _judged(document, f"{judge}, {name}", scenes, seen, options.json)
        if network is not None:
            _judged(document, f"grader, {name}", scenes, eyes.graded(network, set_), options.json)
    if options.painted and network is not None:
        every = (layout.sample(seed) for seed in itertools.count(data.HELD_OUT))
        some = list(itertools.islice(filter(data.plain, every), options.painted))
        made = painted(some)
        first = asked(some, eyes.together(eyes.captioned(loaded, made), eyes.looked(made)))
        second = asked(some, eyes.graded(network, made))
        document["painted"] = _compared(first, second)
        if not options.json:
            print(_comparison(document["painted"], len(some)))
    if options.json:
        print(json.dumps(document, indent=1, allow_nan=True))
    return 0


def asked(scenes: Sequence[Scene], seen: Sequence[Seen]) -> list[Answers]:
    """The answers to each scene's pairs; the same pairs for every judge."""
    return [
        answers(scene, one, np.random.default_rng([scene.seed, 77]))
        for scene, one in zip(scenes, seen, strict=True)
    ]


def painted(scenes: Sequence[Scene]) -> np.ndarray:
    """What the built-in painter makes of the scenes' composed captions, one seed a scene."""
    entry = catalogue.entry(catalogue.profile(), "text-to-image")
    context = Context(models.Models({"text-to-image": entry}, device="cpu"))
    made = [
        text_to_image(context, prompt=captions.composed(scene), seeds=[scene.seed])[0]
        for scene in scenes
    ]
    return np.stack([np.asarray(image) for image in made])


def _judged(
    document: dict[str, Any], name: str, scenes: list[Scene], seen: list[Seen], quiet: bool
) -> None:
    result = report(asked(scenes, seen))
    document[name] = asdict(result)
    if not quiet:
        print(table(name, result), end="\n\n", flush=True)


def table(name: str, result: Report) -> str:
    """A report as text."""
    head = "".join(f"{title:<22}" for title in ("precision", "recall", "pair", "unsure"))
    lines = [name, f"{'claims':<10}{'true':>6}  {head}".rstrip()]
    for row in result.rows:
        cells = "".join(f"{x!s:<22}" for x in (row.precision, row.recall, row.pair, row.unsure))
        lines.append(f"{row.kind:<10}{row.n:>6}  {cells}".rstrip())
    lines.append(f"requests of four true claims that seem met       {result.request_met}")
    lines.append(f"with one of them false that seem met all the same {result.request_fooled}")
    lines.append(f"{'said':<10}{'n':>6}  confidence  true   calibration error")
    for kind, (n, sure, true, error) in result.calibration.items():
        lines.append(f"{kind:<10}{n:>6}  {sure:<10.3f}  {true:.3f}  {error}")
    return "\n".join(lines)


def _compared(first: list[Answers], second: list[Answers]) -> dict[str, dict[str, float]]:
    shares = [{row.kind: row.recall.value for row in report(one).rows} for one in (first, second)]
    return {
        kind: {
            "n": n, "alike": alike, "kappa": kappa,
            "judges_met": shares[0][kind], "grader_met": shares[1][kind],
        }
        for kind, (n, alike, kappa) in agreement(first, second).items()
    }  # fmt: skip


def _comparison(rows: dict[str, dict[str, float]], n: int) -> str:
    lines = [
        f"{n} painted pictures, both judges and the grader",
        f"{'claims':<10}{'n':>6}  alike  kappa  asked for and met: judges, grader",
    ]
    for kind, row in rows.items():
        lines.append(
            f"{kind:<10}{row['n']:>6}  {row['alike']:.3f}  {row['kappa']:.3f}"
            f"  {row['judges_met']:.3f}, {row['grader_met']:.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
