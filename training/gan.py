"""The generator: a sentence's semantic vector to latents in one pass (see ``tools/generator.py``).

The discriminator sees latents too. It says which of two pictures is truer (Jolicoeur-Martineau
2019), and its gradients are kept small at true and at made pictures (R1 and R2; both after Huang et
al. 2024). It is shown sentences with the wrong picture as well (Reed et al. 2016), and its features
are asked what is where (`semantics.Heads`; after AC-GAN, Odena et al. 2017), of true pictures to
learn it and of made ones to teach the generator. Since a composed sentence leaves little open, the
generator also learns to come close to its true picture (Isola et al. 2017), with the closer one of
two seeds, so that seeds share what is left open among them (conditional IMLE, Li et al. 2020); and
the two are kept apart, lest they agree on the middle (Mao et al. 2019).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from danqing.tools.generator import Generator, read, semantic_vector, words_in

from . import cards, data
from .autoencoder import CHANNELS, pictures_of
from .painter import ATTENTION, prepare, sheet
from .run import Run, arguments, half
from .semantics import Heads

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "simple": True, "batch": 24, "rate": 1.5e-3},
    "full": {"n": 120_000, "simple": False, "batch": 256, "rate": 2e-3},
}
WIDTHS = (64, 128, 192)
GRADIENTS, EVERY = 0.5, 4  # weight of the gradients, and how often they are looked at
SLOWER = 0.3  # factor on the rate of the discriminator
TOLD = 0.5  # weight of what the features tell
PAIRED = 4.0  # weight of the distance to the true picture
VARIETY, UNLIKE = (
    4.0,
    0.25,
)  # weight of how unlike two seeds' pictures are, and how unlike is enough
HELD_OUT = 256
SHEET = 48


class Discriminator(nn.Module):
    """Latents (n, 32, 16, 16) to what is seen in them, (n, 192), and the features of 8×8 places,
    (n, 64, 128); `verdict` says of what is seen how true it is."""

    def __init__(self, meaning: int) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.seen = nn.Conv2d(CHANNELS, a, 3, padding=1)
        self.halved = _Halving(a, b)
        self.quartered = _Halving(b, c)
        self.last = nn.Sequential(
            nn.Conv2d(c + 1, c, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(16 * c, c), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.true = nn.Linear(c, 1)
        self.said = nn.Linear(meaning, c)

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = features = self.halved(F.leaky_relu(self.seen(z), 0.2))
        x = self.quartered(x)
        spread = (
            (x.var(0, correction=0) + 1e-8).sqrt().mean().expand(len(x), 1, *x.shape[2:])
        )  # how unlike the pictures are
        x = self.last(torch.cat([x, spread.to(x)], 1))
        return x, features.flatten(2).transpose(1, 2)

    def verdict(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """How true a picture is of which ``x`` is seen, as one of a sentence of the semantic vector
        ``s``, (n, width): (n,), more is truer."""
        fits = (self.said(F.layer_norm(s, s.shape[1:])) * x).sum(1) / x.shape[1] ** 0.5
        return self.true(x)[:, 0] + fits  # type: ignore[no-any-return]


class _Halving(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, inside, 3, padding=1)
        self.second = nn.Conv2d(inside, outside, 3, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.leaky_relu(self.second(F.leaky_relu(self.first(x), 0.2)), 0.2)
        return (F.avg_pool2d(y, 2) + self.skip(F.avg_pool2d(x, 2))) / 2**0.5


def of_two(made: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """What the pictures of two seeds, latents (2, n, 32, 16, 16), lose beside the true ones ``z``:
    the distance of the closer one, and what the two lack in variety."""
    apart = (made - z).abs().mean((2, 3, 4))
    unlike = (made[0] - made[1]).abs().mean((1, 2, 3))
    return PAIRED * apart.min(0).values.mean() + VARIETY * F.relu(UNLIKE - unlike).mean()


def main() -> None:
    parser = arguments("gan", __doc__)
    parser.add_argument("--painter", type=Path, required=True, help="its finished folder")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"], simple=s["simple"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT, simple=s["simple"])
    dataset, held_out = (data.Dataset.open(args.data / name) for name in ("train", "held-out"))
    pipeline = StableDiffusionPipeline.from_pretrained(args.painter).to(args.device)
    text = pipeline.text_encoder.requires_grad_(False).eval()
    samples = prepare(pipeline.vae, pipeline.tokenizer, dataset, args.device)
    width = text.config.hidden_size
    generator = Generator.from_pretrained(args.start) if args.start else Generator(meaning=width)
    generator.float().to(args.device, memory_format=torch.channels_last)
    critic, heads = Discriminator(width).to(args.device), Heads(WIDTHS[1]).to(args.device)
    print(f"{sum(p.numel() for p in generator.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(
        generator.parameters(), lr=s["rate"], betas=(0.0, 0.99), weight_decay=0.0
    )
    critics = torch.optim.AdamW(
        [*critic.parameters(), *heads.parameters()], lr=SLOWER * s["rate"], betas=(0.0, 0.99),
        weight_decay=0.0,
    )  # fmt: skip
    run = Run({"generator": generator, "critic": critic, "heads": heads}, optimizer, args.work,
              args.minutes, decay=0.998, start=args.start, fresh=args.fresh)  # fmt: skip
    random = torch.Generator().manual_seed(run.step)
    attention = [SDPBackend.MATH] if args.device == "cpu" else [*ATTENTION]
    for _ in run.steps():
        z, ids, maps, told = samples.batch(s["batch"], random)
        with torch.no_grad():
            words = text(ids)[0].float(), words_in(ids, text.config.eos_token_id)
        said = semantic_vector(*words)
        noise = torch.randn(2 * len(z), generator.noise, generator=random).to(z)
        with half(args.device), sdpa_kernel(attention):
            both = generator(noise, *(torch.cat([part, part]) for part in words))
        both = both.float().view(2, *z.shape)
        made = both[0]
        real = _teach(critic, heads, critics, (z, said, maps, told), made.detach(), run.step)
        critic.requires_grad_(False)
        with half(args.device):
            seen, features = critic(made)
            worse = F.softplus((real - critic.verdict(seen, said)).float()).mean()
        run.learn(worse + of_two(both, z) + TOLD * heads(features.float(), maps, told))
        critic.requires_grad_(True)
        critics.param_groups[0]["lr"] = SLOWER * optimizer.param_groups[0]["lr"]
    best: Any = run.averages["generator"]
    measured = scores(best, run.averages["critic"], run.averages["heads"], pipeline, held_out, args)
    print(json.dumps(measured, indent=1), flush=True)
    run.finish(args, best, cards.GAN, measured, batch=s["batch"])


def _teach(
    critic: Discriminator, heads: nn.Module, optimizer: torch.optim.Optimizer,
    true: tuple[torch.Tensor, ...], made: torch.Tensor, step: int,
) -> torch.Tensor:  # fmt: skip
    """One step of the discriminator; its verdicts (n,) about the true pictures before it."""
    z, said, maps, told = true
    with half(z.device):
        seen, features = critic(z)
        real, wrong = critic.verdict(seen, said), critic.verdict(seen, said.roll(1, 0))
        fake = critic.verdict(critic(made)[0], said)
    loss = heads(features.float(), maps, told)
    loss = loss + sum(F.softplus((false - real).float()).mean() for false in (fake, wrong)) / 2
    if step % EVERY == 0:
        for pictures in (z, made):
            some = pictures[: len(z) // 2].clone().requires_grad_()
            verdict = critic.verdict(critic(some)[0], said[: len(some)])
            [slope] = torch.autograd.grad(verdict.sum(), some, create_graph=True)
            loss = loss + 0.5 * GRADIENTS * EVERY * slope.pow(2).sum((1, 2, 3)).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([*critic.parameters(), *heads.parameters()], 1.0)
    optimizer.step()
    return real.detach()


@torch.inference_mode()
def scores(
    generator: nn.Module, critic: nn.Module, heads: Heads, pipeline: StableDiffusionPipeline,
    held_out: data.Dataset, args: Any,
) -> dict[str, float]:  # fmt: skip
    """What the discriminator's heads lose on held-out pictures and on made ones for the same
    sentences; writes a sheet of made pictures to the work folder."""
    samples = prepare(pipeline.vae, pipeline.tokenizer, held_out, args.device)
    random = torch.Generator().manual_seed(0)
    lost: list[list[float]] = [[], []]
    pages: list[np.ndarray] = []
    for start in range(0, len(held_out.scenes), 16):
        part = slice(start, start + 16)
        prompts = [c["composed"][0] for c in held_out.captions[part]]
        words = read(pipeline.text_encoder, pipeline.tokenizer, prompts)
        noise = torch.randn(len(words[0]), generator.noise, generator=random).to(words[0])
        made = generator(noise, *words, truncation=0.7)
        for k, z in enumerate((samples.latents[part].float(), made)):
            told = critic(z)[1], samples.maps[part].long(), samples.told[part]
            lost[k].append(float(heads(*told)))
        if start < SHEET:
            pages.append(pictures_of(pipeline.vae, made))
    sheet(np.concatenate(pages)).save(args.work / "sheet.png")
    return {
        "n": len(held_out.scenes),
        "what the heads lose on true latents": float(np.mean(lost[0])),
        "and on made ones": float(np.mean(lost[1])),
    }


if __name__ == "__main__":
    main()
