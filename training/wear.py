"""How pictures look that were not drawn but painted: soft, noisy, squeezed, sent through latents.

The captioner and the upscaler meet the painter's pictures, not the renderer's. They learn on
renders that were worn in these ways, so that the labels stay true.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

from .autoencoder import disturbed, encode, pictures_of, to_tensor


def worn(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A slightly spoiled copy of a picture, uint8 (h, w, 3); most copies are spoiled in one way."""
    if rng.random() < 0.25:
        return rgb
    x = rgb
    if rng.random() < 0.3:
        x = softened(x, rng)
    if rng.random() < 0.25:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.0))
    if rng.random() < 0.4:
        gain, lift = rng.uniform(0.9, 1.1), rng.uniform(-10.0, 10.0)
        tint = gain * rng.uniform(0.97, 1.03, 3)
        x = np.clip(x * tint + lift, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        x = np.clip(x + rng.normal(0.0, rng.uniform(1.0, 6.0), x.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        x = squeezed(x, int(rng.integers(55, 96)))
    return x


def smudged(
    rgb: np.ndarray, boxes: list[tuple[float, float, float, float]], rng: np.random.Generator
) -> np.ndarray:
    """A copy in which whatever is in ``boxes`` (x0, y0, x1, y1 in [0, 1]) has melted into blots, as
    a weak painter leaves them: something is there, and nobody can say what."""
    x, (h, w) = rgb.astype(np.float32), rgb.shape[:2]
    for x0, y0, x1, y1 in boxes:
        wide, high = (x1 - x0) * w, (y1 - y0) * h
        sigma = max(wide, high) * rng.uniform(0.22, 0.4)
        soft = cv2.GaussianBlur(x, (0, 0), sigma)
        soft += cv2.GaussianBlur(rng.normal(0.0, 1.0, x.shape).astype(np.float32), (0, 0), 3.0) * (
            rng.uniform(0.0, 160.0)
        )
        mask = np.zeros((h, w), np.float32)
        middle = round((x0 + x1) / 2 * w), round((y0 + y1) / 2 * h)
        axes = round(0.68 * wide) + 2, round(0.66 * high) + 2
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 1.0, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]
        x = x * (1 - mask) + soft * mask
    return np.clip(x, 0, 255).astype(np.uint8)


def formless(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture in which nothing can be made out any more: melted, torn into pieces or drowned."""
    x, (h, w) = rgb.astype(np.float32), rgb.shape[:2]
    if rng.random() < 0.4:  # torn into tiles that change places
        side = h // int(rng.choice([8, 16]))
        tiles = x.reshape(h // side, side, w // side, side, 3).swapaxes(1, 2)
        tiles = rng.permutation(tiles.reshape(-1, side, side, 3))
        x = tiles.reshape(h // side, w // side, side, side, 3).swapaxes(1, 2).reshape(h, w, 3)
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.01, 0.03) * h)
    else:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.05, 0.12) * h)
    if rng.random() < 0.7:
        waves = rng.normal(0.0, 1.0, x.shape).astype(np.float32)
        waves = waves + 1.5 * waves.mean(2, keepdims=True)
        grain = rng.uniform(0.012, 0.05) * h
        x = x + cv2.GaussianBlur(waves, (0, 0), grain) * grain * rng.uniform(10.0, 70.0)
    return np.clip(x, 0, 255).astype(np.uint8)


def softened(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Made smaller and larger again, as by one tool that reduces and another that enlarges."""
    h, w = rgb.shape[:2]
    scale = rng.uniform(0.6, 0.9)
    small = cv2.resize(rgb, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)


def squeezed(rgb: np.ndarray, quality: int) -> np.ndarray:
    """Through JPEG at a ``quality`` of 1 to 100."""
    _, code = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1])


@torch.inference_mode()
def round_trips(
    autoencoder: Path, pictures: np.ndarray, device: str, *, seed: int = 0
) -> np.ndarray:
    """``pictures`` (uint8, (n, h, w, 3)) encoded, `disturbed` a little and decoded."""
    vae = AutoencoderTiny.from_pretrained(autoencoder).float().eval()
    vae.to(device, memory_format=torch.channels_last)
    random = torch.Generator().manual_seed(seed)
    out = np.empty_like(pictures)
    for start in range(0, len(pictures), 16):
        x = to_tensor(pictures[start : start + 16]).to(device)
        out[start : start + 16] = pictures_of(vae, disturbed(vae, encode(vae, x), random))
    return out


def digest(model: Path, pictures: np.ndarray) -> str:
    """Eight letters that tell what was made of ``pictures`` by the model in a folder."""
    seen = hashlib.sha256(np.ascontiguousarray(pictures).tobytes())
    for file in sorted(model.rglob("*.safetensors")):
        seen.update(file.read_bytes())
    return seen.hexdigest()[:8]


def cached_round_trips(
    file: Path, autoencoder: Path, pictures: np.ndarray, n: int, device: str
) -> np.ndarray:
    """Round trips of the first ``n`` pictures, made once for these and an autoencoder and kept in
    ``file`` (a ``.npy``), whose name gets their `digest` and ``n``."""
    file = file.with_stem(f"{file.stem}-{digest(autoencoder, pictures[:n:100])}-{n}")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, round_trips(autoencoder, pictures[:n], device))
        part.rename(file)
    return np.asarray(np.load(file, mmap_mode="r"))
