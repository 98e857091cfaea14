"""The segmenter: words to a mask, as a stock `CLIPSegForImageSegmentation`.

It reads a color and a noun in the world's own words ("red house", "house"): whatever a person says,
in either language, the studio reads into those. Half of what it is asked is not there, so that it
learns to find nothing. A second head, left away afterwards, asks every patch of the picture what it
shows: it so learns to see before it has learned to listen.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from torch.nn import functional as F
from transformers import (
    CLIPSegConfig,
    CLIPSegForImageSegmentation,
    CLIPSegProcessor,
    PreTrainedTokenizerFast,
)

from danqing.agent.language import is_kind_of
from danqing.tools.world import world

from . import cards, data, wear
from .autoencoder import to_tensor
from .captioner import SIZE, image_processor
from .run import Run, arguments, half, save_half
from .scenes.canvas import NOTHING
from .scenes.spec import Scene
from .semantics import scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "batch": 16, "rate": 5e-4},
    "full": {"n": 120_000, "batch": 256, "rate": 1e-3},
}
PATCH = 8
SIDE = SIZE // PATCH
WIDTH, DEPTH = 192, 4
ASKED = 4  # phrases for each picture
MISSING = 0.4  # share of phrases of what is not there
PLACES = ("sky", "ground", "floor")  # what has a name and is no thing
START, END, UNKNOWN = "[START]", "[END]", "[UNK]"
HELD_OUT = 300


# -- the parts


def tokenizer() -> PreTrainedTokenizerFast:
    """One token for each color, each kind, and what is no thing."""
    known = [START, END, UNKNOWN, *world().colors, *world().objects, *PLACES]
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(known)}, unk_token=UNKNOWN))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 0), (END, 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=START, eos_token=END, pad_token=END, unk_token=UNKNOWN,
        model_max_length=8,
    )  # fmt: skip


def build(words: PreTrainedTokenizerFast) -> CLIPSegForImageSegmentation:
    return CLIPSegForImageSegmentation(
        CLIPSegConfig(
            text_config={
                "vocab_size": len(words), "hidden_size": 96, "intermediate_size": 192,
                "num_hidden_layers": 1, "num_attention_heads": 3, "max_position_embeddings": 8,
                "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
            },
            vision_config={
                "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": DEPTH,
                "num_attention_heads": 6, "image_size": SIZE, "patch_size": PATCH,
            },
            projection_dim=96, extract_layers=[1, 2, 3], reduce_dim=64,
            decoder_num_attention_heads=4, decoder_intermediate_size=128, conditional_layer=0,
            use_complex_transposed_convolution=True,
        )
    )  # fmt: skip


class Patches(nn.Module):
    """Asks each patch which kind and which color it shows; the first answer is "nothing"."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds, self.colors = len(world().objects) + 1, len(world().colors) + 1
        self.asked = nn.Linear(WIDTH, self.kinds + self.colors)

    def forward(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss, from ``tokens`` (n, 256, width) and ``labels`` int64 (n, 2, 16, 16): kinds
        (0 is nothing) and colors (0 is natural, -1 is not asked)."""
        kinds, colors = self.asked(tokens).flatten(0, 1).split([self.kinds, self.colors], 1)
        kind, color = labels.transpose(0, 1).reshape(2, -1)
        weight = torch.ones(self.kinds, device=tokens.device)
        weight[0] = 0.3
        return F.cross_entropy(kinds, kind, weight) + F.cross_entropy(
            colors, color, ignore_index=-1
        )


def ask(
    model: CLIPSegForImageSegmentation, x: torch.Tensor, ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, k, 64, 64) of the masks for pictures (n, 3, 128, 128) and ``ids`` (n, k, tokens);
    and the last features of the patches, (n, 256, width). A picture is looked at once."""
    n, k = ids.shape[:2]
    text = model.clip.text_model(input_ids=ids.flatten(0, 1))
    words = model.clip.text_projection(text.pooler_output)
    seen = model.clip.vision_model(pixel_values=x, output_hidden_states=True).hidden_states
    layers = [seen[i + 1].repeat_interleave(k, 0) for i in model.extract_layers]
    logits = model.decoder(layers, words).logits
    return logits.view(n, k, *logits.shape[1:]), seen[-1][:, 1:]


# -- the data


def phrases(scene: Scene) -> list[tuple[str, list[int]]]:
    """Every phrase that names something in the scene, with the numbers of what it names, as of
    `data.ids`."""
    indoors = scene.setting == "indoors"
    found = {"floor" if indoors else "ground": {data.GROUND}}
    found |= {} if indoors else {"sky": {data.SKY}}
    for noun in world().objects:
        for i, thing in enumerate(scene.things):
            if thing.kind == noun or is_kind_of(thing.kind, noun):
                found.setdefault(noun, set()).add(i)
                if thing.color is not None:
                    found.setdefault(f"{thing.color} {noun}", set()).add(i)
    return [(text, sorted(things)) for text, things in found.items()]


def missing(scene: Scene, rng: np.random.Generator) -> str:
    """A phrase that names nothing in the scene: another noun, or another color of a noun there."""
    w, there = world(), {text for text, _ in phrases(scene)}
    if rng.random() < 0.05:
        return str(rng.choice(sorted({*PLACES} - there)))
    nouns = [n for n in there if n in w.objects and w.objects[n].coloured]
    while True:
        noun = str(rng.choice(nouns if nouns and rng.random() < 0.5 else [*w.objects]))
        bare = rng.random() < 0.3 or not w.objects[noun].coloured
        text = noun if bare else f"{rng.choice([*w.colors])} {noun}"
        if text not in there:
            return text


def mask_of(ids: np.ndarray, things: Sequence[int]) -> np.ndarray:
    """Where any of ``things`` is seen, float32 (64, 64) from ``ids`` (128, 128)."""
    mask = np.isin(ids, things).astype(np.float32)
    return mask.reshape(SIZE // 2, 2, SIZE // 2, 2).mean((1, 3))


def patches_of(ids: np.ndarray, scene: Scene) -> np.ndarray:
    """What each patch shows in its middle, int64 (2, 16, 16) as of `Patches`."""
    w = world()
    kinds, colors = [*w.objects], [None, *w.colors]
    table = np.zeros((2, NOTHING + 1), np.int64)
    table[1] = -1
    for i, thing in enumerate(scene.things):
        table[:, i] = 1 + kinds.index(thing.kind), colors.index(thing.color)
    return table[:, ids[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH]]


def batch(
    dataset: data.Dataset, ids: np.ndarray, scenes: list[Scene], words: Any, n: int,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    """Pixels (n, 3, 128, 128) in [-1, 1], phrases (n, k, tokens), masks (n, k, 64, 64), patches."""
    rgb, texts, masks, shown = [], [], [], []
    for row in rng.integers(0, len(scenes), n):
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        scene, seen = scenes[row], np.ascontiguousarray(ids[row][:, flip])
        rgb.append(wear.worn(np.ascontiguousarray(dataset.pictures[row][:, flip]), rng))
        there = phrases(scene)
        for _ in range(ASKED):
            if not there or rng.random() < MISSING:
                text, things = missing(scene, rng), []
            else:
                text, things = there[rng.integers(len(there))]
            texts.append(text)
            masks.append(mask_of(seen, things))
        shown.append(patches_of(seen, scene))
    tokens = words(texts, padding="max_length", max_length=4, return_tensors="pt").input_ids
    x = to_tensor(np.stack(rgb))
    target = torch.from_numpy(np.stack(masks)).view(n, ASKED, SIZE // 2, SIZE // 2)
    return x, tokens.view(n, ASKED, -1), target, torch.from_numpy(np.stack(shown))


def loss_of(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the pixels and, where there is something, the dice loss."""
    crossed = F.binary_cross_entropy_with_logits(logits, target)
    p, there = logits.sigmoid(), target.sum((2, 3))
    dice = 1 - (2 * (p * target).sum((2, 3)) + 1) / (p.sum((2, 3)) + there + 1)
    return crossed + (dice * (there > 0)).sum() / max(int((there > 0).sum()), 1)


# -- what it has learned


@torch.inference_mode()
def scores(
    model: CLIPSegForImageSegmentation, words: Any, pictures: np.ndarray, ids: np.ndarray,
    scenes: list[Scene],
) -> dict[str, Any]:  # fmt: skip
    """Mean IoU over phrases that name something, by kind; and how often a phrase is rightly found
    or not found: found is where any pixel has a probability above one half."""
    rng = np.random.default_rng(0)
    by_kind: dict[str, list[float]] = {}
    right = asked = 0
    for rgb, seen, scene in zip(pictures, ids, scenes, strict=True):
        there = phrases(scene)
        texts = [text for text, _ in there] + [missing(scene, rng) for _ in there]
        if not texts:
            continue
        tokens = words(texts, padding="max_length", max_length=4, return_tensors="pt").input_ids
        x = to_tensor(rgb[None])
        logits = ask(model, x, tokens[None])[0][0]
        large = F.interpolate(logits[None], (SIZE, SIZE), mode="bilinear")[0].numpy() > 0
        for k, (text, things) in enumerate(there):
            true = np.isin(seen, things)
            union = (true | large[k]).sum()
            value = float((true & large[k]).sum() / union) if union else 1.0
            by_kind.setdefault(text.split()[-1], []).append(value)
        found = large.any((1, 2))
        right += int(found[: len(there)].sum() + (~found[len(there) :]).sum())
        asked += len(texts)
    return {
        "n": len(scenes),
        "mean IoU": float(np.mean([np.mean(v) for v in by_kind.values()])),
        "found or not": right / asked,
        "IoU": {kind: float(np.mean(v)) for kind, v in sorted(by_kind.items())},
    }


def main() -> None:
    args = arguments("segmenter", __doc__).parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT)
    dataset, held_out = (data.Dataset.open(args.data / name) for name in ("train", "held-out"))
    ids, ids_held_out = data.ids(args.data / "train"), data.ids(args.data / "held-out")
    scenes = [scene_of(spec) for spec in dataset.scenes]
    words = tokenizer()
    model, patches = build(words).to(args.device), Patches().to(args.device)
    if args.start:
        model.load_state_dict(CLIPSegForImageSegmentation.from_pretrained(args.start).state_dict())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *patches.parameters()], lr=s["rate"], weight_decay=0.02
    )
    run = Run({"segmenter": model, "patches": patches}, optimizer, args.work, args.minutes,
              fall=0.4, decay=0.995, start=args.start, fresh=args.fresh)  # fmt: skip
    rng = np.random.default_rng([2, run.step])
    model.train()
    for _ in run.steps():
        x, tokens, target, shown = (
            part.to(args.device) for part in batch(dataset, ids, scenes, words, s["batch"], rng)
        )
        with half(args.device):
            logits, features = ask(model, x, tokens)
        run.learn(loss_of(logits.float(), target) + 0.5 * patches(features.float(), shown))
    best: Any = run.averages["segmenter"]
    true = [scene_of(spec) for spec in held_out.scenes[:HELD_OUT]]
    measured = scores(
        best.cpu(), words, held_out.pictures[:HELD_OUT], ids_held_out[:HELD_OUT], true
    )
    print(json.dumps(measured, indent=1), flush=True)
    out: Path = args.out or args.work / "finished"
    shutil.rmtree(out, ignore_errors=True)
    save_half(best, out)
    CLIPSegProcessor(image_processor(), words).save_pretrained(out)
    run.write_card(out, cards.SEGMENTER, measured, batch=s["batch"], setting=args.setting)
    print(out)


if __name__ == "__main__":
    main()
