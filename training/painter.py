"""The painter: text to latents by diffusion, saved as a stock `StableDiffusionPipeline` folder.

A small CLIP text encoder and a UNet (or, for comparison, a transformer) learn together to predict
the velocity v (Salimans & Ho 2022) of noised latents on a cosine schedule, from sentences in
English and Chinese. The tokenizer is a byte-pair encoding learned from the same sentences.

Two things make it learn from fewer pictures. The features in the middle of the denoiser are asked
what is where (`semantics.Heads`; in the spirit of REPA, Yu et al. 2024), which ties words to places
long before the pictures show it; and errors count more where the things are. The small setting
learns plain scenes only (`data.plain`): two CPU cores cannot learn the whole world.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from . import cards, data
from .autoencoder import CHANNELS, decode, deviations, to_tensor
from .autoencoder import encode as to_latents
from .autoencoder import scores as autoencoder_scores
from .run import Run, arguments
from .semantics import Heads, labels, scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 24_000, "simple": True, "batch": 8, "rate": 8e-4, "channels": (64, 128),
              "text": (128, 2)},
    "full": {"n": 300_000, "simple": False, "batch": 512, "rate": 8e-4, "channels": (128, 192),
             "text": (192, 4)},
}  # fmt: skip
VOCABULARY = 2_048
LENGTH = 72  # tokens of a prompt
START, END = "<|startoftext|>", "<|endoftext|>"
SHARES = {"canonical": 0.35, "partial": 0.45, "en": 0.08, "zh": 0.12}
COMPOSED = 0.1  # weight of what the middle tells about the composition
FOCUS = 2.0  # how much more an error counts where a thing is
HELD_OUT = 256  # samples scored at the end
SHEET = 48  # pictures painted at the end, to look at
UNCONDITIONAL = 0.1  # share of samples that are trained without a sentence, for guidance
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "steps_offset": 1,
}
NOISING = DDPMScheduler(**SCHEDULE)


# -- the parts


def tokenizer_from(sentences: list[str]) -> CLIPTokenizer:
    """A CLIP tokenizer whose byte pairs are learned from ``sentences``."""
    pattern = CLIPTokenizer()._tokenizer  # its normalizer and pre-tokenizer, as they are
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    bpe.normalizer = pattern.normalizer or normalizers.NFC()
    bpe.pre_tokenizer = pattern.pre_tokenizer or pre_tokenizers.ByteLevel()
    bpe.train_from_iterator(
        sentences,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[START, END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )
    learned = json.loads(bpe.to_str())["model"]
    merges = [
        tuple(m) if not isinstance(m, str) else tuple(m.split(" ")) for m in learned["merges"]
    ]
    vocabulary = dict(learned["vocab"])
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):  # a last letter has its own token
        vocabulary.setdefault(letter + "</w>", len(vocabulary))
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def text_encoder(size: tuple[int, int], vocabulary: int, ends: int) -> CLIPTextModel:
    width, layers = size
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=3 * width,
            num_hidden_layers=layers, num_attention_heads=width // 32,
            max_position_embeddings=LENGTH, hidden_act="gelu",
            bos_token_id=0, eos_token_id=ends, pad_token_id=ends,
        )
    )  # fmt: skip


def unet(channels: tuple[int, ...], text_width: int) -> UNet2DConditionModel:
    """Text is attended to at the coarser level only: the fine one is where the time goes. What the
    whole sentence says (season, light, style) also reaches all levels beside the time step."""
    return UNet2DConditionModel(
        sample_size=16, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1,
        block_out_channels=channels, norm_num_groups=16,
        attention_head_dim=channels[-1] // 32,  # the number of heads, whatever it is called
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width, time_embedding_dim=256,
        addition_embed_type="text", addition_embed_type_num_heads=text_width // 32,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip


def transformer(text_width: int) -> PixArtTransformer2DModel:
    """64 tokens of 2×2 latents; for the comparison with the UNet."""
    return PixArtTransformer2DModel(
        num_attention_heads=8, attention_head_dim=32, num_layers=8,
        in_channels=CHANNELS, out_channels=CHANNELS, sample_size=16, patch_size=2,
        norm_num_groups=8, cross_attention_dim=256,
        caption_channels=text_width, use_additional_conditions=False,
    )  # fmt: skip


def _is_transformer(denoiser: nn.Module) -> bool:
    return isinstance(denoiser, PixArtTransformer2DModel)


def predict(
    denoiser: nn.Module, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor
) -> torch.Tensor:
    """The velocity that either kind of denoiser predicts, shape of ``x``."""
    if _is_transformer(denoiser):
        nothing = {"resolution": None, "aspect_ratio": None}
        out = denoiser(x, encoder_hidden_states=text, timestep=t, added_cond_kwargs=nothing)
        return out.sample  # type: ignore[no-any-return]
    return denoiser(x, t, encoder_hidden_states=text).sample  # type: ignore[no-any-return]


def velocity_loss(
    predicted: torch.Tensor, x: torch.Tensor, noise: torch.Tensor, t: torch.Tensor,
    weights: torch.Tensor, focus: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Squared error of the velocity, each latent channel weighted by what it moves in a picture,
    each place by ``focus`` (n, 16, 16)."""
    error = (predicted - NOISING.get_velocity(x, noise, t)) ** 2 * weights[:, None, None]
    return (error if focus is None else error * focus[:, None]).mean()


class Middle:
    """Keeps the features in the middle of a denoiser: (n, 64, width) of its last call."""

    def __init__(self, denoiser: nn.Module) -> None:
        self.tokens = torch.empty(0)
        blocks: Any = denoiser
        middle = blocks.transformer_blocks[4] if _is_transformer(denoiser) else blocks.mid_block
        middle.register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self.tokens = output if output.ndim == 3 else output.flatten(2).transpose(1, 2)


def times(n: int, device: str) -> torch.Tensor:
    """Random steps, int64 (n,) in [0, 1000): most where the noise is about to hide the things, for
    there the composition is decided (a logit-normal density, Esser et al. 2024)."""
    return (1000 * torch.sigmoid(0.4 + torch.randn(n, device=device))).long().clamp(0, 999)


# -- the data, ready for training


@dataclass
class Samples:
    """``latents`` float16 (n, 12, 16, 16); ``tokens`` by kind of sentence, int16 (n, k, LENGTH);
    ``maps`` and ``told`` as of `semantics.labels`."""

    latents: torch.Tensor
    tokens: dict[str, torch.Tensor]
    nothing: torch.Tensor
    maps: torch.Tensor
    told: torch.Tensor

    def batch(
        self, n: int, rng: np.random.Generator, device: str
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, sentences, maps, facts."""
        rows = rng.integers(0, len(self.latents), n)
        kinds = rng.choice(list(SHARES), n, p=list(SHARES.values()))
        ids = torch.stack(
            [
                self.nothing
                if rng.random() < UNCONDITIONAL
                else self.tokens[k][i, rng.integers(self.tokens[k].shape[1])]
                for i, k in zip(rows, kinds, strict=True)
            ]
        )
        parts = (self.latents[rows].float(), ids.long(), self.maps[rows], self.told[rows])
        return tuple(part.to(device) for part in parts)  # type: ignore[return-value]


def focus_of(maps: torch.Tensor) -> torch.Tensor:
    """How much an error counts in every cell, (n, 16, 16) of mean 1: more where a thing is."""
    near = F.max_pool2d((maps[:, 0] > 0).float(), 3, 1, 1)
    focus = 1.0 + FOCUS * near
    return focus / focus.mean((1, 2), keepdim=True)


def prepare(
    vae: AutoencoderTiny, tokenizer: CLIPTokenizer, dataset: data.Dataset, device: str
) -> Samples:
    """Encode every picture and every sentence once."""
    latents = []
    with torch.inference_mode():
        for start in range(0, len(dataset.pictures), 64):
            x = to_tensor(np.asarray(dataset.pictures[start : start + 64])).to(device)
            latents.append(to_latents(vae, x).half().cpu())
    tokens = {}
    for kind in SHARES:
        lines = [c[kind] for c in dataset.captions]
        flat = [text for group in lines for text in group]
        tokens[kind] = encode(tokenizer, flat).view(len(lines), -1, LENGTH).to(torch.int16)
    maps, told = labels([scene_of(spec) for spec in dataset.scenes])
    nothing = encode(tokenizer, [""])[0].to(torch.int16)
    return Samples(torch.cat(latents), tokens, nothing, maps, told)


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Token ids, int64 (n, LENGTH), padded and cut."""
    return tokenizer(  # type: ignore[no-any-return]
        texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    ).input_ids


# -- looking at it


@torch.inference_mode()
def held_out_loss(
    denoiser: nn.Module,
    text: CLIPTextModel,
    samples: Samples,
    weights: torch.Tensor,
    n: int,
) -> float:
    """`velocity_loss` on about ``n`` held-out samples, all steps alike, always the same noise."""
    device = str(next(denoiser.parameters()).device)
    rng = np.random.default_rng(0)
    generator = torch.Generator().manual_seed(0)
    errors = []
    for _ in range(-(-n // 32)):
        x, ids, _, _ = samples.batch(32, rng, device)
        noise = torch.randn(x.shape, generator=generator).to(device)
        t = torch.randint(0, 1000, (len(x),), generator=generator).to(device)
        v = predict(denoiser, NOISING.add_noise(x, noise, t), t, text(ids)[0])
        errors.append(float(velocity_loss(v, x, noise, t, weights)))
    return float(np.mean(errors))


@torch.inference_mode()
def sample(
    denoiser: nn.Module, text: CLIPTextModel, vae: AutoencoderTiny, tokenizer: CLIPTokenizer,
    prompts: list[str], *, seed: int = 0, steps: int = 20, guidance: float = 3.0,
) -> np.ndarray:  # fmt: skip
    """Pictures for ``prompts``, uint8 (n, 128, 128, 3), with either kind of denoiser."""
    device = next(denoiser.parameters()).device
    states = text(encode(tokenizer, prompts + [""] * len(prompts)).to(device))[0]
    scheduler = DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps)
    x = torch.cat(
        [
            torch.randn(1, CHANNELS, 16, 16, generator=torch.Generator().manual_seed(seed + i))
            for i in range(len(prompts))
        ]
    ).to(device)
    for t in scheduler.timesteps:
        both = predict(denoiser, torch.cat([x, x]), t.expand(2 * len(x)).to(device), states)
        with_text, without = both.chunk(2)
        x = scheduler.step(without + guidance * (with_text - without), t, x).prev_sample
    y = decode(vae, x).clamp(-1, 1)
    return ((y + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def sheet(pictures: np.ndarray, columns: int = 8) -> Image.Image:
    rows = -(-len(pictures) // columns)
    size = pictures.shape[1]
    page = Image.new("RGB", (columns * (size + 4) + 4, rows * (size + 4) + 4), "white")
    for k, rgb in enumerate(pictures):
        at = (4 + (k % columns) * (size + 4), 4 + (k // columns) * (size + 4))
        page.paste(Image.fromarray(rgb), at)
    return page


def main() -> None:
    parser = arguments("painter", __doc__)
    parser.add_argument("--denoiser", choices=("unet", "transformer"), default="unet")
    parser.add_argument("--autoencoder", type=Path, required=True, help="its finished folder")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"], simple=s["simple"])
    data.draw(args.data / "held-out", 2 * HELD_OUT, first=data.HELD_OUT, simple=s["simple"])
    dataset = data.Dataset.open(args.data / "train")
    vae = AutoencoderTiny.from_pretrained(args.autoencoder).float().to(args.device).eval()
    words = args.work / "tokenizer"
    if args.fresh or not words.exists():
        some = [t for c in dataset.captions[:12_000] for kind in SHARES for t in c[kind]]
        tokenizer_from(some).save_pretrained(words)
    tokenizer = CLIPTokenizer.from_pretrained(words)
    samples = prepare(vae, tokenizer, dataset, args.device)
    text = text_encoder(s["text"], len(tokenizer), tokenizer.eos_token_id).to(args.device)
    width = s["text"][0]
    denoiser = (unet(s["channels"], width) if args.denoiser == "unet" else transformer(width)).to(
        args.device, memory_format=torch.channels_last
    )
    print(
        f"{sum(p.numel() for m in (denoiser, text) for p in m.parameters()) / 1e6:.1f} M",
        flush=True,
    )
    heads = Heads(s["channels"][-1] if args.denoiser == "unet" else 256).to(args.device)
    optimizer = torch.optim.AdamW(
        [*denoiser.parameters(), *text.parameters(), *heads.parameters()],
        lr=s["rate"], betas=(0.9, 0.99), weight_decay=0.01, fused=True,
    )  # fmt: skip
    run = Run(
        {"denoiser": denoiser, "text": text, "heads": heads}, optimizer, args.work, args.minutes,
        fresh=args.fresh,
    )  # fmt: skip
    middle, weights = Middle(denoiser), deviations(vae).to(args.device)
    rng = np.random.default_rng(run.step)
    for _ in run.steps():
        x, ids, maps, told = samples.batch(s["batch"], rng, args.device)
        noise = torch.randn_like(x)
        t = times(len(x), args.device)
        v = predict(denoiser, NOISING.add_noise(x, noise, t), t, text(ids)[0])
        composed = heads(middle.tokens, maps, told)
        run.learn(velocity_loss(v, x, noise, t, weights, focus_of(maps)) + COMPOSED * composed)
    denoiser, text = run.averages["denoiser"], run.averages["text"]
    vae = AutoencoderTiny.from_pretrained(args.autoencoder).float().to(args.device).eval()
    held_out = data.Dataset.open(args.data / "held-out")
    scores = {
        "n": HELD_OUT,
        "velocity loss": held_out_loss(
            denoiser, text, prepare(vae, tokenizer, held_out, args.device), weights, HELD_OUT
        ),
        "autoencoder": autoencoder_scores(vae, held_out.pictures, args.device),
    }
    print(scores)
    (args.work / "scores.json").write_text(json.dumps(scores, indent=1), "utf-8")
    prompts = [c["canonical"][0] for c in held_out.captions[:SHEET]]
    page = sheet(np.concatenate([
        sample(denoiser, text, vae, tokenizer, prompts[i : i + 16], seed=i)
        for i in range(0, len(prompts), 16)
    ]))  # fmt: skip
    page.save(args.work / "sheet.png")
    (args.work / "prompts.txt").write_text("\n".join(prompts), "utf-8")
    if args.denoiser == "unet":
        pipeline = StableDiffusionPipeline(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=denoiser,
            scheduler=DPMSolverMultistepScheduler(**SCHEDULE), safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        out: Path = args.out or args.work / "finished"
        vae.register_to_config(_name_or_path="")  # not the folder of the one who trained it
        pipeline.to(torch.float16).save_pretrained(out, max_shard_size="14MB")
        cards.write(
            out, cards.PAINTER, minutes=run.seconds / 60 + run.minutes,
            samples=run.step * s["batch"], scores=scores, setting=args.setting,
        )  # fmt: skip
        print(out)


if __name__ == "__main__":
    main()
