"""The painter: text to latents by diffusion, saved as a stock `StableDiffusionPipeline` folder.

A small CLIP text encoder and a UNet (or, for comparison, a transformer) learn together to predict
the velocity v (Salimans & Ho 2022) of noised latents on a cosine schedule, from sentences in
English and Chinese. The tokenizer is a byte-pair encoding learned from the same sentences.

Some things make it learn from fewer pictures. The features in the middle of the denoiser are asked
what is where (`semantics.Heads`; in the spirit of REPA, Yu et al. 2024), which ties words to places
long before the pictures show it. Features are asked where in the picture they are
(`semantics.Whereabouts`), since a UNet knows that only from its padding, and cannot otherwise tell
which words are meant for a place. Errors count more where the things are. Most sentences say where
each thing stands and how large it is (`Spot`), as the studio does that composes a picture before it
is painted: what the words fix need not be guessed. The small setting learns plain scenes and crowds
only (`data.scenes_from`): two CPU cores cannot learn the whole world.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
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
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from danqing.tools.painter_words import GRID, MAX_TOKENS, SPOT_AXES, SPOT_WORDS, spot_word

from . import cards, data
from .autoencoder import CHANNELS, pictures_of, to_tensor
from .autoencoder import encode as to_latents
from .autoencoder import scores as autoencoder_scores
from .run import MuonAdamW, Run, arguments, half, save_half
from .scenes import captions
from .scenes.spec import Scene
from .semantics import Heads, Whereabouts, labels, scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "simple": True, "batch": 32, "rate": 1e-3, "channels": (96, 160),
              "text": (128, 2)},
    "full": {"n": 120_000, "simple": False, "batch": 1024, "rate": 2e-3, "channels": (128, 192),
             "text": (192, 4)},
}  # fmt: skip
VOCABULARY = 2_048
LENGTH = MAX_TOKENS  # of a prompt
START, END = "<|startoftext|>", "<|endoftext|>"
SHARES = {"composed": 0.6, "canonical": 0.1, "partial": 0.15, "en": 0.06, "zh": 0.09}
COMPOSED = 0.1  # weight of what the middle tells about the composition
PLACED = 0.3  # weight of what features tell of where they are
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
FACING = ("conv_in", "conv_out", "things", "facts", "asked")
"""Layers that meet data; see `MuonAdamW`."""
ATTENTION = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
NOISING = DDPMScheduler(**SCHEDULE)


# -- the parts


def tokenizer_from(sentences: list[str]) -> CLIPTokenizer:
    """A CLIP tokenizer whose byte pairs are learned from ``sentences``; it knows `SPOT_WORDS`."""
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
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)
    tokenizer.add_tokens(list(SPOT_WORDS))
    return tokenizer


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


@torch.no_grad()
def tell_spots(text: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Start the embeddings of `SPOT_WORDS` as smooth codes, so that what is learned of one place is
    learned of its neighbors: cosines of rising frequency, in directions of each axis' own."""
    table = text.get_input_embeddings().weight
    size = table.norm(dim=1).mean()
    random = torch.Generator().manual_seed(0)
    for axis in SPOT_AXES:
        ids = tokenizer.convert_tokens_to_ids([spot_word(axis, n) for n in range(GRID + 1)])
        angles = torch.pi * torch.arange(GRID + 1)[:, None] / GRID * torch.arange(1, 17)
        ways = torch.linalg.qr(torch.randn(table.shape[1], 17, generator=random))[0].T
        code = (torch.cat([torch.ones(GRID + 1, 1), torch.cos(angles)], 1) @ ways).to(table)
        table[ids] = 2.0 * size * code / code.norm(dim=1, keepdim=True)


def unet(channels: tuple[int, ...], text_width: int) -> UNet2DConditionModel:
    """Text is attended to at the coarser level only: the fine one is where the time goes. What the
    whole sentence says (season, light, style) also reaches all levels beside the time step. The
    width of that embedding is the default one, the only one that a ControlNet can have."""
    return UNet2DConditionModel(
        sample_size=16, in_channels=CHANNELS, out_channels=CHANNELS, layers_per_block=1,
        block_out_channels=channels, norm_num_groups=16,
        attention_head_dim=channels[-1] // 32,  # the number of heads, whatever it is called
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
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
    focus: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Squared error of the velocity, each place weighted by ``focus`` (n, 16, 16)."""
    error = (predicted.float() - NOISING.get_velocity(x, noise, t)) ** 2
    return (error if focus is None else error * focus[:, None]).mean()


class Inside:
    """Keeps what a denoiser has in mind at its last call: ``middle``, the features in its middle,
    (n, 64, width), and ``before``, those that its layers of attention get, each (n, width, 8, 8).

    A transformer knows where its tokens are, so of it ``before`` is empty.
    """

    def __init__(self, denoiser: nn.Module) -> None:
        self.middle = torch.empty(0)
        self.before: dict[int, torch.Tensor] = {}
        parts: Any = denoiser
        if _is_transformer(denoiser):
            parts.transformer_blocks[4].register_forward_hook(self._middle)
            return
        parts.mid_block.register_forward_hook(self._middle)
        blocks = [parts.down_blocks[-1], parts.up_blocks[0]]
        for k, layer in enumerate(layer for block in blocks for layer in block.resnets):
            layer.register_forward_hook(
                lambda _module, _inputs, output, k=k: self.before.__setitem__(k, output)
            )

    def _middle(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self.middle = output if output.ndim == 3 else output.flatten(2).transpose(1, 2)


def times(n: int, device: str) -> torch.Tensor:
    """Random steps, int64 (n,) in [0, 1000): most where the noise is about to hide the things, for
    there the composition is decided (a logit-normal density, Esser et al. 2024)."""
    return (1000 * torch.sigmoid(0.4 + 1.3 * torch.randn(n, device=device))).long().clamp(0, 999)


# -- the data, ready for training


@dataclass
class Samples:
    """Everything a painter learns from, on the device where it learns.

    ``latents`` float16 (n, 32, 16, 16); ``sentences`` int16 (n, k, LENGTH), the same k kinds of
    sentences for every picture, with ``shares`` (k,) of being drawn; ``nothing`` (LENGTH,) is the
    empty sentence; ``maps`` int8 and ``told`` as of `semantics.labels`; ``chances`` (n,) of a
    picture to be drawn.
    """

    latents: torch.Tensor
    sentences: torch.Tensor
    shares: torch.Tensor
    nothing: torch.Tensor
    maps: torch.Tensor
    told: torch.Tensor
    chances: torch.Tensor

    def choose(self, n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of random pictures, and a sentence for each. ``generator`` is on the CPU."""
        device = self.latents.device
        rows, slots = (
            torch.multinomial(p, n, replacement=True, generator=generator).to(device)
            for p in (self.chances, self.shares)
        )
        silent = (torch.rand(n, generator=generator) < UNCONDITIONAL).to(device)
        ids = torch.where(silent[:, None], self.nothing, self.sentences[rows, slots])
        return rows, ids.long()

    def batch(
        self, n: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, sentences, maps, facts. ``generator`` is on the CPU."""
        rows, ids = self.choose(n, generator)
        return self.latents[rows].float(), ids, self.maps[rows].long(), self.told[rows]


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
            latents.append(to_latents(vae, x).half())
    sentences, shares = [], []
    for kind, share in SHARES.items():
        lines = [c[kind] for c in dataset.captions]
        ids = encode(tokenizer, [text for line in lines for text in line])
        sentences.append(ids.view(len(lines), -1, LENGTH).to(torch.int16))
        shares += [share / len(lines[0])] * len(lines[0])
    scenes = [scene_of(spec) for spec in dataset.scenes]
    maps, told = labels(scenes)
    return Samples(
        torch.cat(latents), torch.cat(sentences, 1).to(device), torch.tensor(shares),
        encode(tokenizer, [""])[0].to(device, torch.int16),
        maps.to(device, torch.int8), told.to(device), chances(scenes),
    )  # fmt: skip


def chances(scenes: list[Scene]) -> torch.Tensor:
    """How often each scene is to be seen, of sum 1: more often what holds a rare kind of thing."""
    counts = Counter(kind for scene in scenes for kind in {t.kind for t in scene.things})
    weights = [max(counts[t.kind] ** -0.5 for t in scene.things) for scene in scenes]
    return torch.tensor(weights) / sum(weights)


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
    n: int,
) -> float:
    """`velocity_loss` on about ``n`` held-out samples, all steps alike, always the same noise."""
    generator = torch.Generator().manual_seed(0)
    errors = []
    for _ in range(-(-n // 32)):
        x, ids, _, _ = samples.batch(32, generator)
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        t = torch.randint(0, 1000, (len(x),), generator=generator).to(x.device)
        v = predict(denoiser, NOISING.add_noise(x, noise, t), t, text(ids)[0])
        errors.append(float(velocity_loss(v, x, noise, t)))
    return float(np.mean(errors))


def scores(
    denoiser: nn.Module, text: CLIPTextModel, vae: AutoencoderTiny, tokenizer: CLIPTokenizer,
    held_out: data.Dataset, device: str,
) -> dict[str, Any]:  # fmt: skip
    """What a painter's card tells."""
    samples = prepare(vae, tokenizer, held_out, device)
    return {
        "n": HELD_OUT,
        "velocity loss": held_out_loss(denoiser, text, samples, HELD_OUT),
        "autoencoder": autoencoder_scores(vae, held_out.pictures, device),
    }


@torch.inference_mode()
def denoised(
    velocity: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor, told: torch.Tensor, untold: torch.Tensor, *,
    steps: int = 24, guidance: float = 2.0, first: int = 0, noise: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Latents from ``x`` (n, 32, 16, 16) by DPM-Solver++ with classifier-free guidance.

    ``velocity`` is asked for 2n latents, steps and text states at once, ``told`` before ``untold``.
    With ``noise``, ``x`` are latents of pictures that are noised to step ``first`` to begin with.
    """
    scheduler = DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps)
    scheduler.set_begin_index(first)
    left = scheduler.timesteps[first:]
    if noise is not None:
        x = scheduler.add_noise(x, noise, left[:1].to(x.device))
    states = torch.cat([told, untold])
    for t in left:
        with half(x.device):
            both = velocity(torch.cat([x, x]), t.expand(2 * len(x)).to(x.device), states)
        with_text, without = both.float().chunk(2)
        x = scheduler.step(without + guidance * (with_text - without), t, x).prev_sample
    return x


def sample(
    denoiser: nn.Module, text: CLIPTextModel, vae: AutoencoderTiny, tokenizer: CLIPTokenizer,
    prompts: list[str], *, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Pictures for ``prompts``, uint8 (n, 128, 128, 3), with either kind of denoiser; the k-th from
    the seed ``seed + k``."""
    device = next(denoiser.parameters()).device
    seeds = [torch.Generator().manual_seed(seed + k) for k in range(len(prompts))]
    x = torch.cat([torch.randn(1, CHANNELS, 16, 16, generator=g) for g in seeds]).to(device)
    told = states_of(text, tokenizer, prompts)
    untold = states_of(text, tokenizer, [""] * len(prompts))
    z = denoised(lambda x, t, states: predict(denoiser, x, t, states), x, told, untold)
    return pictures_of(vae, z)


@torch.inference_mode()
def states_of(text: CLIPTextModel, tokenizer: CLIPTokenizer, prompts: list[str]) -> torch.Tensor:
    """What a text encoder makes of ``prompts``: (n, LENGTH, width)."""
    return text(encode(tokenizer, prompts).to(text.device))[0]  # type: ignore[no-any-return]


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
        if args.start:
            tokenizer = CLIPTokenizer.from_pretrained(args.start / "tokenizer")
        else:
            some = [t for c in dataset.captions[:12_000] for kind in SHARES for t in c[kind]]
            tokenizer = tokenizer_from(some)
        tokenizer.save_pretrained(words)
    tokenizer = CLIPTokenizer.from_pretrained(words)
    samples = prepare(vae, tokenizer, dataset, args.device)
    text = text_encoder(s["text"], len(tokenizer), tokenizer.eos_token_id).to(args.device)
    width = s["text"][0]
    denoiser = (unet(s["channels"], width) if args.denoiser == "unet" else transformer(width)).to(
        args.device, memory_format=torch.channels_last
    )
    tell_spots(text, tokenizer)
    if args.start:
        learned = StableDiffusionPipeline.from_pretrained(args.start)
        denoiser.load_state_dict(learned.unet.state_dict())
        text.load_state_dict(learned.text_encoder.state_dict())
    print(
        f"{sum(p.numel() for m in (denoiser, text) for p in m.parameters()) / 1e6:.1f} M",
        flush=True,
    )
    heads = Heads(s["channels"][-1] if args.denoiser == "unet" else 256).to(args.device)
    whereabouts = Whereabouts(s["channels"][-1]).to(args.device)
    optimizer = MuonAdamW((denoiser, text, heads, whereabouts), s["rate"], outer=FACING)
    run = Run(
        {"denoiser": denoiser, "text": text, "heads": heads, "whereabouts": whereabouts},
        optimizer, args.work, args.minutes, fall=0.25, decay=0.998, start=args.start,
        fresh=args.fresh,
    )  # fmt: skip
    inside = Inside(denoiser)
    # For so few tokens plain attention is faster on a CPU: its fused backward pass is slow.
    attention = [SDPBackend.MATH] if args.device == "cpu" else [*ATTENTION]
    generator = torch.Generator().manual_seed(run.step)
    for _ in run.steps():
        x, ids, maps, told = samples.batch(s["batch"], generator)
        noise = torch.randn_like(x)
        t = times(len(x), args.device)
        with half(args.device), sdpa_kernel(attention):
            v = predict(denoiser, NOISING.add_noise(x, noise, t), t, text(ids)[0])
        composed = heads(inside.middle.float(), maps, told)
        placed = whereabouts([features.float() for features in inside.before.values()])
        loss = velocity_loss(v, x, noise, t, focus_of(maps))
        run.learn(loss + COMPOSED * composed + PLACED * placed)
    denoiser, text = run.averages["denoiser"], run.averages["text"]
    vae = AutoencoderTiny.from_pretrained(args.autoencoder).float().to(args.device).eval()
    held_out = data.Dataset.open(args.data / "held-out")
    measured = scores(denoiser, text, vae, tokenizer, held_out, args.device)
    print(measured)
    (args.work / "scores.json").write_text(json.dumps(measured, indent=1), "utf-8")
    prompts = [captions.composed(scene_of(spec)) for spec in held_out.scenes[:SHEET]]
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
        save_half(pipeline, out, max_shard_size="15MB")
        run.write_card(out, cards.PAINTER, measured, batch=s["batch"], setting=args.setting)
        print(out)


if __name__ == "__main__":
    main()
