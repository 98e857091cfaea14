"""Tiny models that read images, with random weights, of the kinds that hub profiles name."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tiny_pipelines import _letters

from danqing.tools.catalogue import Entry, Source

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def entry(loader: Any, folder: Path, **more: Any) -> Entry:
    return Entry(
        source=str(folder), loader=loader, license="CC0-1.0", commercial=True, size_mb=1,
        memory_mb=1, **more,
    )  # fmt: skip


def bert_tokenizer() -> Any:
    """A tokenizer of letters with BERT's special tokens."""
    from transformers import BertTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    tokens = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizerFast(vocab={token: i for i, token in enumerate(tokens)})


def write_blip(folder: Path, *, answers: bool) -> Entry:
    """A BLIP that describes images, or that answers questions about them."""
    from transformers import (
        BlipConfig,
        BlipForConditionalGeneration,
        BlipForQuestionAnswering,
        BlipImageProcessor,
        BlipProcessor,
    )

    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "encoder_hidden_size": 32,
        "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 128, "projection_dim": 32, "bos_token_id": 2,
        "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.5,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 32, "patch_size": 8, "projection_dim": 32,
        "initializer_range": 0.5,
    }  # fmt: skip
    config = BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=32)
    kind = BlipForQuestionAnswering if answers else BlipForConditionalGeneration
    kind(config).save_pretrained(folder)
    processor = BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer)
    processor.save_pretrained(folder)
    return entry("question-answering" if answers else "image-text-to-text", folder)


def write_qwen(folder: Path) -> Entry:
    """A Qwen3-VL, which is talked to."""
    from transformers import (
        Qwen2TokenizerFast,
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    torch.manual_seed(0)
    special = [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
        "<|image_pad|>", "<|video_pad|>",
    ]  # fmt: skip
    vocabulary = {token: i for i, token in enumerate([*_letters(), *special])}
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], additional_special_tokens=special[1:]
    )
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(vocabulary), "hidden_size": 32, "intermediate_size": 37,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "head_dim": 8, "max_position_embeddings": 4096, "eos_token_id": vocabulary[special[2]],
            "pad_token_id": vocabulary[special[0]],
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1],
                                "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 37, "num_heads": 4,
            "out_hidden_size": 32, "patch_size": 8, "spatial_merge_size": 2,
            "temporal_patch_size": 2, "deepstack_visual_indexes": [0],
            "num_position_embeddings": 16,
        },
        image_token_id=vocabulary["<|image_pad|>"], video_token_id=vocabulary["<|video_pad|>"],
        vision_start_token_id=vocabulary["<|vision_start|>"],
        vision_end_token_id=vocabulary["<|vision_end|>"],
    )  # fmt: skip
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    pixels = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    size = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(size=size, **pixels), tokenizer, Qwen3VLVideoProcessor(**pixels),
        chat_template=CHAT,
    )  # fmt: skip
    processor.save_pretrained(folder)
    return entry("image-text-to-text", folder)


def write_clipseg(folder: Path) -> Entry:
    """A CLIPSeg that knows letters."""
    from tiny_pipelines import _clip_tokenizer
    from transformers import (
        CLIPSegConfig,
        CLIPSegForImageSegmentation,
        CLIPSegProcessor,
        ViTImageProcessor,
    )

    torch.manual_seed(0)
    tokenizer = _clip_tokenizer()
    layers = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4}
    config = CLIPSegConfig(
        text_config={
            **layers, "num_hidden_layers": 2, "vocab_size": len(tokenizer),
            "max_position_embeddings": 77, "bos_token_id": len(tokenizer) - 2,
            "eos_token_id": len(tokenizer) - 1, "pad_token_id": len(tokenizer) - 1,
        },
        vision_config={**layers, "num_hidden_layers": 3, "image_size": 32, "patch_size": 4},
        projection_dim=32, reduce_dim=16, extract_layers=[0, 1, 2], conditional_layer=0,
        decoder_num_attention_heads=2, decoder_intermediate_size=37,
    )  # fmt: skip
    CLIPSegForImageSegmentation(config).save_pretrained(folder)
    pixels = ViTImageProcessor(size={"height": 32, "width": 32})
    CLIPSegProcessor(pixels, tokenizer).save_pretrained(folder)
    return entry("clipseg", folder)


def write_grounded_sam(folder: Path) -> Entry:
    """A GroundingDINO with a Swin backbone, and a SAM 2 with a Hiera one."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2ImageProcessor,
        Sam2Model,
        Sam2Processor,
        Sam2VisionConfig,
        SwinConfig,
    )

    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    text = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=37, max_position_embeddings=256, pad_token_id=0,
    )  # fmt: skip
    backbone = SwinConfig(
        image_size=32, patch_size=2, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[2, 2, 2, 2],
        window_size=4, out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=backbone, text_config=text, num_queries=8, encoder_layers=1,
        encoder_ffn_dim=32, encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=32,
        decoder_attention_heads=2, d_model=32, num_feature_levels=4, max_text_len=64,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder / "dino")
    pixels = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(pixels, tokenizer).save_pretrained(folder / "dino")
    hiera = Sam2HieraDetConfig(
        hidden_size=12, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[12, 24, 48, 96], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 2, 2, 2], global_attention_blocks=[3],
        window_positional_embedding_background_size=[2, 2],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=hiera, backbone_channel_list=[96, 48, 24, 12], fpn_hidden_size=32,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    sam = Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16,
                               "mask_input_channels": 8},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2,
                             "iou_head_hidden_dim": 32},
    )  # fmt: skip
    Sam2Model(sam).save_pretrained(folder / "sam")
    Sam2Processor(Sam2ImageProcessor(size={"height": 64, "width": 64})).save_pretrained(
        folder / "sam"
    )
    return entry("grounded-sam", folder / "dino", beside=Source(source=str(folder / "sam")))
