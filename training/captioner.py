"""The captioner: says everything it sees in the one sentence form of ``painter_words``.

A stock `VisionEncoderDecoderModel`: SegFormer's encoder turns 128×128 pixels into 8×8 tokens, a
small GPT-2 writes words from a closed vocabulary. Half of the training is the sentence; the other
half, left away afterwards, asks the encoder in every quarter of a token what thing has its center
there, of which kind and color, so that it learns to see in far fewer pictures than words alone
would take. The words' probabilities are used as confidences, so nothing smooths the labels.

A judge must not name what cannot be made out: in some pictures things are smudged and left out of
the sentence, and of a picture without any form the sentence is "unclear." (`UNCLEAR`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    SegformerConfig,
    SegformerModel,
    VisionEncoderDecoderModel,
    ViTImageProcessor,
)

from danqing.tools.painter_words import NUMBERS, Phrase, painter_prompt, plural
from danqing.tools.world import world

from . import cards, data, wear
from .autoencoder import to_tensor
from .run import Run, arguments, half
from .scenes import captions, facts
from .scenes.spec import Scene
from .semantics import Heads, labels, map_of, scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "batch": 16, "rate": 1e-3, "round_trips": 12_000},
    "full": {"n": 120_000, "batch": 256, "rate": 1.5e-3, "round_trips": 50_000},
}
SMUDGED, FORMLESS = 0.12, 0.06  # shares of the training pictures
SIZE = 128
TOKENS = 64  # length of a caption at most, with its end
POSITIONS = 128  # the caption tool may ask for more than any caption needs
WIDTHS, DEPTHS = [32, 96, 192], [1, 2, 3]
WORDS = {"width": 192, "layers": 3, "heads": 6}
PAD, START, END = "[PAD]", "[START]", "[END]"
HELD_OUT = 300  # pictures scored at the end
UNCLEAR = "unclear."


# -- the parts


def vocabulary() -> list[str]:
    """Every token of canonical captions, the special ones first; words begin with "▁"."""
    w = world()
    colors = [*w.colors, None]
    prompts = [
        painter_prompt(style=s, setting=e, season=a, time=t, weather=k)
        for s in w.styles for e in w.settings for a in w.seasons
        for t in w.times for k in w.weathers
    ]  # fmt: skip
    prompts += [f"{kind} {plural(kind)}" for kind in w.objects]
    prompts += [painter_prompt(phrases=[Phrase("person", 1, color)]) for color in colors]
    prompts += [" ".join(NUMBERS[1:10]), "a an the in inside on at across far left center right"]
    prompts += ["scene sky", ".,;"]
    split = _tokenizer({}).backend_tokenizer.pre_tokenizer.pre_tokenize_str
    found = {piece for prompt in prompts for piece, _ in split(prompt)} - {"▁"}
    return [PAD, START, END, *sorted(found), "▁" + UNCLEAR.rstrip(".")]


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word or mark; what it decodes is exactly what it encoded."""
    return _tokenizer({token: i for i, token in enumerate(vocabulary())})


def _tokenizer(known: dict[str, int]) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel(known or {PAD: 0}, unk_token=PAD))
    words.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="always"),
        pre_tokenizers.Punctuation(behavior="isolated"),
    ])  # fmt: skip
    words.decoder = decoders.Metaspace(prepend_scheme="always")
    if known:
        words.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", special_tokens=[(END, known[END])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token=PAD, bos_token=START, eos_token=END,
        model_max_length=TOKENS, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def build(words: PreTrainedTokenizerFast) -> VisionEncoderDecoderModel:
    encoder = SegformerModel(
        SegformerConfig(
            num_encoder_blocks=3, depths=DEPTHS, hidden_sizes=WIDTHS, sr_ratios=[8, 4, 1],
            patch_sizes=[7, 3, 3], strides=[4, 2, 2], num_attention_heads=[1, 3, 6],
            mlp_ratios=[2, 2, 2], hidden_act="relu", drop_path_rate=0.0,
            reshape_last_stage=False, hidden_size=WIDTHS[-1],
        )
    )  # fmt: skip
    decoder = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(words), n_positions=POSITIONS, n_embd=WORDS["width"],
            n_layer=WORDS["layers"], n_head=WORDS["heads"], n_inner=2 * WORDS["width"],
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
            add_cross_attention=True, is_decoder=True,
            bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    model = VisionEncoderDecoderModel(encoder=encoder, decoder=decoder)
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = words.bos_token_id
        config.bos_token_id = words.bos_token_id
        config.eos_token_id = words.eos_token_id
        config.pad_token_id = words.pad_token_id
    model.generation_config.max_new_tokens = TOKENS
    return model


def image_processor() -> ViTImageProcessor:
    return ViTImageProcessor(
        size={"height": SIZE, "width": SIZE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )


# -- the data, ready for training


@dataclass
class Samples:
    """Pictures and their round trips (uint8), and what is true of each: its scene, and for each
    picture as it is and mirrored ``words`` int64 (2, n, TOKENS), ``maps`` int64 (2, n, 3, 16, 16);
    ``told`` int64 (n, 5)."""

    pictures: np.ndarray
    round_trips: np.ndarray
    scenes: list[Scene]
    words: torch.Tensor
    maps: torch.Tensor
    told: torch.Tensor
    tokenizer: Any

    def batch(
        self, n: int, rng: np.random.Generator, device: str
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels in [-1, 1], words (-100 after the end), maps, facts (-1 is not asked)."""
        soft = min(n // 2, len(self.round_trips))
        rows = rng.integers(0, len(self.pictures), n)
        rows[:soft] = rng.integers(0, max(len(self.round_trips), 1), soft)
        mirrored = rng.integers(0, 2, n)
        rgb = np.empty((n, SIZE, SIZE, 3), np.uint8)
        words, maps = self.words[mirrored, rows], self.maps[mirrored, rows]
        told = self.told[rows]
        for k, (row, flip) in enumerate(zip(rows, mirrored, strict=True)):
            picture, scene = (
                (self.round_trips if k < soft else self.pictures)[row],
                self.scenes[row],
            )
            fate = rng.random()
            if fate < FORMLESS:
                picture = wear.formless(picture, rng)
                words[k] = encode(self.tokenizer, [UNCLEAR])[0]
                told[k], maps[k, 0], maps[k, 1], maps[k, 2] = -1, 0, -1, 0
            elif fate < FORMLESS + SMUDGED and all(t.inside is None for t in scene.things):
                rest = tuple(t for t in scene.things if rng.random() < 0.4)
                lost = [t.box for t in scene.things if t not in rest]
                picture, scene = wear.smudged(picture, lost, rng), replace(scene, things=rest)
                scene = facts.mirror(scene) if flip else scene
                words[k] = encode(self.tokenizer, [captions.canonical(scene)])[0]
                maps[k] = torch.from_numpy(map_of(scene))
            rgb[k] = wear.worn(np.ascontiguousarray(picture[:, ::-1] if flip else picture), rng)
        x = to_tensor(rgb)
        words = words[:, : int((words >= 0).sum(1).max())]
        return tuple(part.to(device) for part in (x, words, maps, told))  # type: ignore[return-value]


def prepare(dataset: data.Dataset, round_trips: np.ndarray, words: Any) -> Samples:
    """Sentences and maps of all scenes, and of the same scenes mirrored."""
    scenes = [scene_of(spec) for spec in dataset.scenes]
    both = [scenes, [facts.mirror(scene) for scene in scenes]]
    ids = torch.stack([encode(words, [captions.canonical(s) for s in side]) for side in both])
    maps, told = zip(*(labels(side) for side in both), strict=True)
    return Samples(dataset.pictures, round_trips, scenes, ids, torch.stack(maps), told[0], words)


def encode(words: Any, texts: list[str]) -> torch.Tensor:
    """Labels, int64 (n, TOKENS), with -100 after the end.

    Raises ValueError for a foreign word or a caption that is too long.
    """
    batch = words(texts, padding="max_length", max_length=TOKENS)
    ids, mask = batch.input_ids, batch.attention_mask
    for text, row, seen in zip(texts, ids, mask, strict=True):
        if len(row) > TOKENS:
            raise ValueError(f"the caption {text!r} has more than {TOKENS} tokens")
        if words.pad_token_id in row[: sum(seen)]:
            raise ValueError(f"the caption {text!r} has a word outside the vocabulary")
    return torch.tensor(ids).masked_fill(torch.tensor(mask) == 0, -100)


# -- what it has learned


@torch.inference_mode()
def read(model: VisionEncoderDecoderModel, words: Any, pictures: np.ndarray) -> list[str]:
    """Captions of uint8 pictures (n, 128, 128, 3), read greedily."""
    device = next(model.parameters()).device
    said: list[str] = []
    for start in range(0, len(pictures), 50):
        x = to_tensor(pictures[start : start + 50]).to(device)
        ids = model.generate(pixel_values=x, do_sample=False, num_beams=1)
        said += words.batch_decode(ids, skip_special_tokens=True)
    return said


def scores(said: list[str], true: list[str]) -> dict[str, float]:
    """Shares: of whole captions right, of styles, of scene facts, and of groups of things, the
    latter both of those said (precision) and of those there (recall)."""
    exact = style = fact = fact_all = same = groups_said = groups_true = 0
    for a, b in zip(said, true, strict=True):
        exact += a == b
        (style_a, facts_a, things_a), (style_b, facts_b, things_b) = _parts(a), _parts(b)
        style += style_a == style_b
        fact += sum(x == y for x, y in zip(facts_a.split(", "), facts_b.split(", "), strict=False))
        fact_all += len(facts_b.split(", "))
        left = things_b.split("; ")
        groups_said, groups_true = groups_said + len(things_a.split("; ")), groups_true + len(left)
        for group in things_a.split("; "):
            if group in left:
                left.remove(group)
                same += 1
    return {
        "n": len(true),
        "exact": exact / len(true),
        "style": style / len(true),
        "facts": fact / fact_all,
        "group_precision": same / groups_said,
        "group_recall": same / groups_true,
    }


def _parts(caption: str) -> tuple[str, str, str]:
    style, told, things = ([*caption.rstrip(".").split(". "), "", "", ""])[:3]
    return style, told, things


def main() -> None:
    parser = arguments("captioner", __doc__)
    parser.add_argument("--autoencoder", type=Path, help="its finished folder, for round trips")
    parser.add_argument("--fall", type=float, default=0.25, help="share in which the rate falls")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "plain", s["n"] // 2, simple=True)  # as painters paint them
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT)
    dataset = data.Dataset.open(args.data / "plain") + data.Dataset.open(args.data / "train")
    held_out = data.Dataset.open(args.data / "held-out")
    none = np.empty((0, SIZE, SIZE, 3), np.uint8)
    soft, soft_held_out = none, none
    if args.autoencoder:
        soft = wear.cached_round_trips(
            args.data / "train-round-trips.npy", args.autoencoder, dataset.pictures,
            s["round_trips"], args.device,
        )  # fmt: skip
        soft_held_out = wear.cached_round_trips(
            args.data / "held-out-round-trips.npy", args.autoencoder, held_out.pictures,
            HELD_OUT, args.device,
        )  # fmt: skip
    words = tokenizer()
    samples = prepare(dataset, soft, words)
    model, heads = build(words).to(args.device), Heads(WIDTHS[-1]).to(args.device)
    if args.start:
        model.load_state_dict(VisionEncoderDecoderModel.from_pretrained(args.start).state_dict())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *heads.parameters()], lr=s["rate"], weight_decay=0.02
    )
    run = Run(
        {"captioner": model, "heads": heads}, optimizer, args.work, args.minutes,
        fall=args.fall, decay=0.995, start=args.start, fresh=args.fresh,
    )  # fmt: skip
    rng = np.random.default_rng([1, run.step])
    model.train()
    for _ in run.steps():
        x, ids, maps, told = samples.batch(s["batch"], rng, args.device)
        with half(args.device):
            seen = model.encoder(pixel_values=x)
            said = model(encoder_outputs=seen, labels=ids)
        run.learn(said.loss.float() + 0.5 * heads(seen[0].float(), maps, told))
    best: Any = run.averages["captioner"]
    true = [captions.canonical(scene_of(spec)) for spec in held_out.scenes[:HELD_OUT]]
    measured = {"renders": scores(read(best, words, held_out.pictures[:HELD_OUT]), true)}
    if args.autoencoder:
        measured["round trips"] = scores(read(best, words, soft_held_out), true)
    print(json.dumps(measured, indent=1), flush=True)
    run.finish(args, best, cards.CAPTIONER, measured, words, image_processor(), batch=s["batch"])


if __name__ == "__main__":
    main()
