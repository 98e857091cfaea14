"""Networks that find what words name in any image, behind one small interface. Only the worker
imports this."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from .geometry import Box

SEEN = 0.4
"""Least probability, by CLIPSeg, of pixels that show what was named."""
SMALL = 0.001
"""Parts of a mask that are smaller than this share of the image are left out."""
BOXED, WORDED = 0.3, 0.25
"""Least scores of a box, and of a word in it, that its authors use for GroundingDINO."""


class Cut(NamedTuple):
    """What was found: where, bool (h, w); each one's box, in fractions of the image; and how sure
    it is (0 to 1) that it is there, or that nothing of the kind is."""

    mask: np.ndarray
    boxes: list[Box]
    confidence: float


class Segmenter(nn.Module):
    """Finds what English words name in an RGB image."""

    @abstractmethod
    def find(self, image: Image.Image, words: str) -> Cut:
        """The masks of all that ``words`` name, as one."""

    def _place(self, given: Any) -> dict[str, Any]:
        """Inputs where the weights are, in their type."""
        weight = next(self.parameters())
        return {
            name: value.to(weight.device, weight.dtype if value.is_floating_point() else None)
            for name, value in given.items()
            if isinstance(value, torch.Tensor)
        }


class ByClip(Segmenter):
    """CLIPSeg (Lüddecke & Ecker 2022): how much each pixel shows what was named; the parts that
    hang together are taken for single things."""

    def __init__(self, network: Any, processor: Any) -> None:
        super().__init__()
        self.network, self._processor = network, processor

    @torch.inference_mode()
    def find(self, image: Image.Image, words: str) -> Cut:
        import cv2

        given = self._processor(
            text=[words], images=[image], return_tensors="pt", padding=True, truncation=True
        )
        logits = self.network(**self._place(given)).logits.float().cpu()
        seen = logits.reshape(logits.shape[-2:]).sigmoid().numpy()
        seen = cv2.resize(seen, image.size, interpolation=cv2.INTER_LINEAR)
        count, labels, stats, _ = cv2.connectedComponentsWithStats((seen > SEEN).astype(np.uint8))
        mask, boxes = np.zeros(seen.shape, bool), []
        for part in range(1, count):
            x, y, wide, high, area = (int(v) for v in stats[part])
            if area >= SMALL * seen.size:
                mask |= labels == part
                h, w = seen.shape
                boxes.append((x / w, y / h, (x + wide) / w, (y + high) / h))
        return Cut(mask, boxes, float(seen[mask].mean() if boxes else 1 - seen.max()))


class Grounded(Segmenter):
    """GroundingDINO (Liu et al. 2023) finds boxes of what was named, and SAM 2 (Ravi et al. 2024)
    cuts out what is in them."""

    def __init__(self, detector: Any, words: Any, cutter: Any, pixels: Any) -> None:
        super().__init__()
        self.detector, self.cutter = detector, cutter
        self._words, self._pixels = words, pixels

    @torch.inference_mode()
    def find(self, image: Image.Image, words: str) -> Cut:
        nothing = np.zeros(image.size[::-1], bool)
        asked = f"{words.lower().strip(' .')}."  # the form that it was trained on
        given = self._words(images=image, text=asked, return_tensors="pt", truncation=True)
        found = self.detector(**self._place(given))
        [told] = self._words.post_process_grounded_object_detection(
            found, given["input_ids"], threshold=BOXED, text_threshold=WORDED,
            target_sizes=[image.size[::-1]],
        )  # fmt: skip
        if not len(told["boxes"]):
            best = float(found.logits.float().sigmoid().max())
            return Cut(nothing, [], 1 - best)
        boxes = told["boxes"].float().cpu()
        shown = self._pixels(images=image, input_boxes=[boxes.tolist()], return_tensors="pt")
        cut = self.cutter(**self._place(shown), multimask_output=False)
        [masks] = self._pixels.post_process_masks(
            cut.pred_masks.float().cpu(), shown["original_sizes"]
        )
        w, h = image.size
        fractions = (boxes / torch.tensor([w, h, w, h])).clamp(0, 1).tolist()
        return Cut(
            masks.numpy().reshape(-1, h, w).any(0), [(a, b, c, d) for a, b, c, d in fractions],
            float(told["scores"].min()),
        )  # fmt: skip
