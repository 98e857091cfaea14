"""The judges: captioner and panoptic network as the tools run them, and the grader, each read into
the same `Seen`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from danqing.agent.seen import Group, Seen, merged, read_caption, read_look
from danqing.tools import catalogue, models
from danqing.tools.caption import MAX_TOKENS, read_words
from danqing.tools.look import look
from danqing.tools.models import Models
from danqing.tools.registry import Context
from training import grader

WEIGHTS = Path(__file__).parent / "weights"
BATCH = 25


def captioner(folder: Path | None = None) -> Any:
    """The captioner of ``folder`` (the built-in one unless given), loaded as the worker does."""
    entry = catalogue.entry(catalogue.profile(), "captioner")
    if folder is not None:
        entry = entry.model_copy(update={"source": str(folder.resolve())})
    return models.load(entry, "cpu")


def captioned(loaded: Any, pictures: np.ndarray) -> list[Seen]:
    """What the captioner says about uint8 pictures (n, h, w, 3), with its words' probabilities."""
    image_processor, tokenizer = loaded.processor
    end = loaded.model.generation_config.eos_token_id
    seen = []
    for start in range(0, len(pictures), BATCH):
        images = [Image.fromarray(rgb) for rgb in pictures[start : start + BATCH]]
        pixels = image_processor(images=images, return_tensors="pt").pixel_values
        with torch.inference_mode():
            out = loaded.model.generate(
                pixel_values=pixels, max_new_tokens=MAX_TOKENS, do_sample=False, num_beams=1,
                return_dict_in_generate=True, output_logits=True,
            )  # fmt: skip
        chosen = out.sequences[:, -len(out.logits) :]
        steps = torch.stack(out.logits, 1).float().softmax(-1)
        sure = steps.gather(-1, chosen[..., None])[..., 0]
        for tokens, probabilities in zip(chosen.tolist(), sure.tolist(), strict=True):
            stop = tokens.index(end) + 1 if end in tokens else len(tokens)
            seen.append(read_caption(*read_words(tokenizer, tokens[:stop], probabilities[:stop])))
    return seen


def looked(pictures: np.ndarray) -> list[Seen]:
    """What the built-in panoptic network sees in uint8 pictures (n, h, w, 3)."""
    entry = catalogue.entry(catalogue.profile(), "panoptic")
    context = Context(Models({"panoptic": entry}, device="cpu"))
    return [
        read_look(look(context, Image.fromarray(rgb)).model_dump(mode="json")) for rgb in pictures
    ]


def together(captions: Sequence[Seen], looks: Sequence[Seen]) -> list[Seen]:
    """What the agent makes of both."""
    return [merged(*pair) for pair in zip(captions, looks, strict=True)]


def graded(network: grader.Grader, pictures: np.ndarray) -> list[Seen]:
    """What the grader detects in uint8 pictures (n, 128, 128, 3)."""
    return [_seen(look) for look in grader.look(network, pictures)]


def _seen(look: grader.Look) -> Seen:
    """A grader's detections as a judge's reading; things of one kind and color are one group."""
    together: dict[tuple[str, str | None], list[tuple[float, float]]] = defaultdict(list)
    for kind, color, x, probability in look.things:
        together[kind, color].append((x, probability))
    groups = []
    for (kind, color), found in together.items():
        xs = [x for x, _ in found]
        spread = max(xs) - min(xs) > 0.4
        groups.append(
            Group(
                kind, len(found), color, None if spread else sum(xs) / len(xs), spread,
                confidence=min(p for _, p in found),
            )
        )  # fmt: skip
    told = {kind: (value, 1.0) for kind, value in look.facts.items()}
    return Seen("", tuple(groups), told, exact=True)  # type: ignore[arg-type]
