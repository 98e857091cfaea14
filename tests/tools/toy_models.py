"""Models with random toy weights in the real classes and folder formats."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from danqing.tools.catalogue import Entry, Profile
from danqing.tools.panoptic import GROUNDS, NATURAL, NOTHING, Channels
from danqing.tools.world import world

WORDS = ("a", "the", "two", "red", "blue", "house", "tree", "cats", "snow", "in", "autumn", "and")

PROMPT = 256
"""Letters that the toy painter reads: it knows no words."""


def write_profile(folder: Path) -> Profile:
    """A profile of toy models, written below ``folder``."""
    torch.manual_seed(0)
    write_painter(folder / "painter")
    write_controlnet(folder / "controlnet", folder / "painter")
    write_generator(folder / "generator")
    write_captioner(folder / "captioner")
    write_upscaler(folder / "upscaler")
    write_panoptic(folder / "panoptic")
    common: dict[str, Any] = {"license": "CC0-1.0", "commercial": True, "size_mb": 1}
    return Profile(
        name="toy",
        summary="random weights",
        models={
            "text-to-image": Entry(
                source=str(folder / "painter"),
                loader="diffusers",
                words="plain",
                native_size=32,
                memory_mb=1,
                defaults={"steps": 3, "guidance_scale": 3.0},
                **common,
            ),
            "controlnet": Entry(
                source=str(folder / "controlnet"), loader="controlnet", memory_mb=1, **common
            ),
            "generator": Entry(
                source=str(folder / "generator"), loader="generator", memory_mb=1, **common
            ),
            "captioner": Entry(
                source=str(folder / "captioner"), loader="image-text-to-text", memory_mb=1, **common
            ),
            "upscaler": Entry(
                source=str(folder / "upscaler"), loader="image-to-image", memory_mb=1, **common
            ),
            "panoptic": Entry(
                source=str(folder / "panoptic"), loader="image-segmentation", memory_mb=1, **common
            ),
        },
    )


def write_painter(folder: Path) -> None:
    """A StableDiffusionPipeline that draws 32x32 pixels, stored in float16."""
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    vocabulary = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=PROMPT)
    end = vocabulary["<|endoftext|>"]
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary), hidden_size=32, intermediate_size=37, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=PROMPT,
            bos_token_id=end - 1, eos_token_id=end, pad_token_id=end,
        )
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=32,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(32, 32), norm_num_groups=8, latent_channels=4, sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipeline: Any = StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    parts: list[Any] = [text_encoder, unet, vae]
    for part in parts:
        part.half()
    pipeline.save_pretrained(folder, safe_serialization=True)


def write_controlnet(folder: Path, painter: Path, channels: int = 2 * 4 + 2) -> None:
    """A ControlNetModel for the toy painter that is heeded: it is shown latents and masks, or with
    3 channels outlines as they are."""
    from diffusers import ControlNetModel, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(painter, subfolder="unet").float()
    halved = (8, 8) if channels == 3 else (8,)
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=halved, conditioning_channels=channels
    )
    for weight in network.parameters():
        if not weight.any():  # what begins at zero
            torch.nn.init.normal_(weight, std=0.3)
    network.half().save_pretrained(folder)


def write_generator(folder: Path) -> None:
    """A generator of 4×16×16 latents from semantic vectors of 32 numbers."""
    from danqing.tools.generator import Generator

    Generator(meaning=32, noise=8, style=16, channels=(16, 8), latents=4).save_pretrained(folder)


def write_captioner(folder: Path) -> None:
    """A VisionEncoderDecoderModel of a Swin encoder and a BERT decoder for 32x32 pixels."""
    from transformers import (
        BertConfig,
        PreTrainedTokenizerFast,
        SwinConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTImageProcessor,
    )

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.decoder = decoders.WordPiece()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>", model_max_length=32,
    )  # fmt: skip
    encoder = SwinConfig(
        image_size=32, patch_size=2, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4
    )
    decoder = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=37, is_decoder=True, add_cross_attention=True, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, max_position_embeddings=128,
    )  # fmt: skip
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 1, 0, 2
    model = VisionEncoderDecoderModel(config)
    model.generation_config.max_new_tokens = 12
    model.generation_config.decoder_start_token_id = 1
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = 2
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def write_upscaler(folder: Path) -> None:
    """A Swin2SRForImageSuperResolution that enlarges four times."""
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    config = Swin2SRConfig(
        image_size=16, embed_dim=16, depths=[1], num_heads=[2], window_size=4, upscale=4,
        upsampler="pixelshuffledirect", mlp_ratio=1.0,
    )  # fmt: skip
    Swin2SRForImageSuperResolution(config).half().save_pretrained(folder)


def panoptic_channels() -> Channels:
    """What a panoptic network says of the whole world."""
    w = world()
    facts = {
        "style": tuple(w.styles), "setting": tuple(w.settings), "season": tuple(w.seasons),
        "time": tuple(w.times), "weather": tuple(w.weathers),
    }  # fmt: skip
    return Channels((NOTHING, *GROUNDS, *w.objects), (NATURAL, *w.colors), tuple(w.objects), facts)


def write_panoptic(folder: Path) -> None:
    """A UperNetForSemanticSegmentation on a ResNet for 32x32 pixels."""
    from transformers import (
        ResNetConfig,
        UperNetConfig,
        UperNetForSemanticSegmentation,
        ViTImageProcessor,
    )

    names = panoptic_channels().names()
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic",
        out_features=["stage1", "stage2"],
    )  # fmt: skip
    config = UperNetConfig(
        backbone_config=backbone, hidden_size=8, pool_scales=[1], use_auxiliary_head=False,
        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
    )  # fmt: skip
    UperNetForSemanticSegmentation(config).half().save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
