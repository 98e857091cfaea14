"""Another style, by name or from a picture: it changes, what is not to change stays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image
from safetensors.torch import save_file
from skimage.color import rgb2lab
from torch import nn
from torchvision.models import vgg

from danqing.tools import painting, style_network, style_optimization
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine
from danqing.tools.errors import Cancelled, Stopped, ToolError
from danqing.tools.models import Models
from danqing.tools.registry import Context, Role
from danqing.tools.style_transfer import Way, style_transfer
from danqing.tools.world import world

module = sys.modules["danqing.tools.style_transfer"]

MODES = ("L", "LA", "RGB", "RGBA")


def write_stylizer(folder: Path) -> None:
    """An AutoencoderTiny whose latents are a quarter as wide as the picture."""
    torch.manual_seed(0)
    model = AutoencoderTiny(
        latent_channels=8, encoder_block_out_channels=(16,) * 3, num_encoder_blocks=(0, 1, 1),
        decoder_block_out_channels=(16,) * 3, num_decoder_blocks=(1, 1, 0),
    )  # fmt: skip
    model.half().save_pretrained(folder)


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """VGG-19 with an eighth of its channels, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        widths = [n if isinstance(n, str) else n // 8 for n in vgg.cfgs["E"]]
        patch.setitem(vgg.cfgs, "E", widths)
        yield


def write_vgg(folder: Path) -> None:
    """The convolutions of a VGG-19 with random weights that keep the size of what they see."""
    folder.mkdir()
    torch.manual_seed(0)
    network = vgg.make_layers(vgg.cfgs["E"])
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    state = {f"features.{name}": value.half() for name, value in network.state_dict().items()}
    save_file(state | {"classifier.0.bias": torch.zeros(4096)}, folder / "vgg19.safetensors")


@pytest.fixture(scope="module")
def full_profile(toy_profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """The toy models, and those that style_transfer can do without."""
    folder = tmp_path_factory.mktemp("styles")
    write_stylizer(folder / "stylizer")
    write_vgg(folder / "vgg")
    common: dict[str, Any] = {
        "license": "CC0-1.0", "commercial": True, "size_mb": 1, "memory_mb": 1,
    }  # fmt: skip
    more: dict[Role, Entry] = {
        "stylizer": Entry(source=str(folder / "stylizer"), loader="autoencoder", **common),
        "style-features": Entry(source=str(folder / "vgg"), loader="vgg", **common),
    }
    return toy_profile.model_copy(update={"models": {**toy_profile.models, **more}})


@pytest.fixture(scope="module")
def full_models(full_profile: Profile) -> Models:
    return Models(full_profile.models, device="cpu")


@pytest.fixture
def full(full_models: Models) -> Context:
    """A context in which every way can be gone."""
    return Context(full_models)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_optimization, "STEPS", 5)


@pytest.fixture
def reference() -> Image.Image:
    """Fine red and yellow checks, with a little noise."""
    rng = np.random.default_rng(0)
    checks = np.indices((60, 44)).sum(0)[..., None] // 3 % 2
    pixels = np.where(checks, (230, 190, 40), (150, 30, 20)) + rng.normal(0, 6, (60, 44, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def in_mode(photo: Image.Image, mode: str) -> Image.Image:
    image = photo.convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G"))
    return image


def apart(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).mean())


def lab(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    values = rgb2lab(np.asarray(image.convert("RGB")))
    return values.mean((0, 1)), values.std((0, 1))


# -- which way is gone


def test_either_a_style_or_a_reference_is_given(
    context: Context, photo: Image.Image, reference: Image.Image
) -> None:
    with pytest.raises(ToolError, match="give either style or reference; neither was"):
        style_transfer(context, photo)
    with pytest.raises(ToolError, match="give either style or reference; both were given"):
        style_transfer(context, photo, reference, style="oil")


@pytest.mark.parametrize("name", world().styles)
def test_a_style_has_many_names(name: str) -> None:
    word = world().styles[name]
    for spelled in (name, name.upper(), *word.en, *word.zh):
        assert module.named(spelled) == name


def test_an_unknown_style_is_refused_and_the_nearest_is_named(
    context: Context, photo: Image.Image
) -> None:
    with pytest.raises(ToolError, match=r"'cubist' is refused; .* one of flat, .*drawing\.$"):
        style_transfer(context, photo, style="cubist")
    with pytest.raises(ToolError, match=r"'anime' is refused; .* the nearest to it is flat"):
        style_transfer(context, photo, style="anime")


@pytest.mark.parametrize("how", ["network", "optimize", "color"])
def test_a_style_by_name_is_painted_and_nothing_else(
    full: Context, photo: Image.Image, how: Way
) -> None:
    with pytest.raises(ToolError, match=f"how = '{how}' is refused for a style by name; .*'paint'"):
        style_transfer(full, photo, style="oil", how=how)


def test_a_reference_is_not_painted(
    context: Context, photo: Image.Image, reference: Image.Image
) -> None:
    with pytest.raises(ToolError, match=r"'paint' is refused for a reference; .* auto, color, or"):
        style_transfer(context, photo, reference, how="paint")


@pytest.mark.parametrize("how", ["network", "optimize"])
def test_a_way_without_its_model_is_refused_with_what_can_be_used_instead(
    context: Context, photo: Image.Image, reference: Image.Image, how: Way
) -> None:
    message = f"how = '{how}' needs a model that this profile has not; .* one of auto, color"
    with pytest.raises(ToolError, match=message):
        style_transfer(context, photo, reference, how=how)


def test_auto_takes_the_network_where_it_is_there_and_says_what_it_took(
    context: Context, full: Context, photo: Image.Image, reference: Image.Image
) -> None:
    _, told = style_transfer(context, photo, reference)
    assert (told.how, told.style) == ("color", None)
    result, told = style_transfer(full, photo, reference)
    assert told.how == "network"
    assert result == style_transfer(full, photo, reference, how="network")[0]
    _, told = style_transfer(context, photo, style="水墨画")
    assert (told.how, told.style) == ("paint", "ink wash")


# -- what all ways share


def call(how: str, reference: Image.Image) -> dict[str, Any]:
    return {"style": "oil"} if how == "paint" else {"reference": reference, "how": how}


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("how", sorted({*get_args(Way)} - {"adapter"}))  # see test_pipelines
@pytest.mark.parametrize("mode", MODES)
def test_size_mode_and_transparency_are_kept_and_colors_change(
    full: Context, photo: Image.Image, reference: Image.Image, how: str, mode: str
) -> None:
    image = in_mode(photo.resize((26, 21)), mode)
    result, _ = style_transfer(full, image, **call(how, reference), strength=1.0)
    assert (result.size, result.mode) == (image.size, mode)
    if "A" in mode:
        assert result.getchannel("A") == image.getchannel("A")
    assert apart(result.convert("RGB"), image.convert("RGB")) > 3


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("how", sorted({*get_args(Way)} - {"adapter"}))  # see test_pipelines
def test_the_same_call_gives_the_same_bytes_and_no_strength_no_change(
    full: Context, photo: Image.Image, reference: Image.Image, how: str
) -> None:
    given = call(how, reference)
    image = in_mode(photo.resize((26, 21)), "RGBA")
    one, other = (style_transfer(full, image, **given, seed=3)[0] for _ in range(2))
    assert one.tobytes() == other.tobytes()
    same, told = style_transfer(full, image, **given, strength=0.0)
    assert same.tobytes() == image.tobytes()
    assert same is not image
    assert told.how == how


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("how", ["network", "optimize", "color"])
def test_more_strength_goes_farther(
    full: Context, photo: Image.Image, reference: Image.Image, how: Way
) -> None:
    image = photo.resize((26, 21))
    changes = [
        apart(style_transfer(full, image, reference, how=how, strength=strength)[0], image)
        for strength in (0.05, 0.4, 1.0)
    ]
    assert changes == pytest.approx([share * changes[2] for share in (0.05, 0.4, 1.0)], abs=0.6)
    assert changes[2] > 5


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("how", ["paint", "network", "optimize"])
def test_a_call_can_be_cancelled_and_tells_how_far_it_is(
    full: Context, photo: Image.Image, reference: Image.Image, how: str
) -> None:
    seen: list[tuple[int, int]] = []
    heard = replace(full, progress=lambda done, total, _: seen.append((done, total)))
    style_transfer(heard, photo, **call(how, reference), strength=1.0)
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] > 0

    def cancel() -> None:
        raise Cancelled("style_transfer was cancelled.", kept="Everything before it is kept.")

    with pytest.raises(Cancelled):
        style_transfer(replace(full, check_cancelled=cancel), photo, **call(how, reference))


def test_a_worker_gives_the_same_bytes(
    context: Context, toy_engine: Engine, photo: Image.Image, reference: Image.Image
) -> None:
    for arguments, images in (
        ({"style": "oil", "prompt": "a house", "strength": 0.7}, {"image": photo}),
        ({"how": "color"}, {"image": photo, "reference": reference}),
    ):
        there = toy_engine.call("style_transfer", arguments, images)
        here, told = style_transfer(context, **images, **arguments)  # type: ignore[arg-type]
        assert there.images[0].tobytes() == here.tobytes()
        assert there.value == told.model_dump()


# -- painting


@pytest.fixture
def brush(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Notes what is asked of the painter, which gives back what it starts from."""
    asked: list[dict[str, Any]] = []

    def paint(_: Context, tool: str, **options: Any) -> list[Image.Image]:
        asked.append(options)
        return [options["start"]]

    monkeypatch.setattr(painting, "paint", paint)
    return asked


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", "oil painting."),
        ("meadow. a red house.", "oil painting. meadow. a red house."),
        ("flat illustration. meadow. a cat.", "oil painting. meadow. a cat."),
        ("oil painting.", "oil painting."),
        ("line drawings.", "oil painting. line drawings."),
    ],
)
def test_the_painter_is_told_the_style_first_and_only_once(
    toy_profile: Profile, photo: Image.Image, brush: list[dict[str, Any]], given: str, asked: str
) -> None:
    own = toy_profile.models["text-to-image"].model_copy(update={"words": "canonical"})
    context = Context(Models({"text-to-image": own}, device="cpu"))
    style_transfer(context, photo, style="oil", prompt=given)
    assert brush[0]["prompt"] == asked


def test_a_painter_of_any_words_is_told_the_style_last(
    toy_profile: Profile, photo: Image.Image, brush: list[dict[str, Any]]
) -> None:
    plain = toy_profile.models["text-to-image"].model_copy(update={"words": "plain"})
    context = Context(Models({"text-to-image": plain}, device="cpu"))
    style_transfer(context, photo, style="油画", prompt="a red house", seed=5)
    assert brush[0]["prompt"] == "a red house, oil style"
    assert brush[0]["seeds"] == [5]


@pytest.mark.parametrize(
    ("size", "painted"),
    [((32, 32), (32, 32)), ((640, 640), (32, 32)), ((16, 16), (32, 32)), ((400, 100), (64, 16)),
     ((16, 8192), (2, 724))],
)  # fmt: skip
def test_the_whole_image_is_painted_in_its_own_proportions(
    context: Context, brush: list[dict[str, Any]], size: tuple[int, int], painted: tuple[int, int]
) -> None:
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    result, _ = style_transfer(context, image, style="oil")
    assert brush[0]["start"].size == painted
    assert result.size == size


def test_what_is_painted_is_enlarged_by_the_upscaler_where_that_is_there(
    toy_profile: Profile, brush: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    enlarged: list[tuple[int, int]] = []

    def upscale(
        _: Context, image: Image.Image, *, scale: Literal[2, 4], faithful: bool
    ) -> Image.Image:
        assert not faithful, "what was painted roughly is smoothed"
        enlarged.append(image.size)
        return Image.new("RGB", (image.width * scale, image.height * scale), "lime")

    monkeypatch.setattr(sys.modules["danqing.tools.upscale"], "upscale", upscale)
    large, small = (Image.new("RGB", (side, side), "navy") for side in (100, 30))
    with_it = Context(Models(toy_profile.models, device="cpu"))
    assert style_transfer(with_it, large, style="oil")[0].getpixel((50, 50)) == (0, 255, 0)
    assert style_transfer(with_it, small, style="oil")[0].getpixel((15, 15)) == (0, 0, 128)
    assert enlarged == [(32, 32)]
    thin = Image.new("RGB", (8192, 16), "navy")
    native = toy_profile.models["text-to-image"].model_copy(update={"native_size": 128})
    wide = Context(Models({**toy_profile.models, "text-to-image": native}, device="cpu"))
    assert style_transfer(wide, thin, style="oil")[0].getpixel((15, 15)) == (0, 0, 128)
    only = {"text-to-image": toy_profile.models["text-to-image"]}
    without = Context(Models(only, device="cpu"))  # type: ignore[arg-type]
    assert style_transfer(without, large, style="oil")[0].getpixel((50, 50)) == (0, 0, 128)


def test_strength_says_how_much_noise_there_is_to_paint_from_and_at_least_one_step_is_painted(
    context: Context, photo: Image.Image, brush: list[dict[str, Any]]
) -> None:
    for strength in (0.7, 1.0, 0.01):
        style_transfer(context, photo, style="oil", strength=strength)
    assert [asked["strength"] for asked in brush] == [0.7, 1.0, pytest.approx(1 / 16, abs=1e-3)]


def test_the_least_strength_can_be_painted(context: Context, photo: Image.Image) -> None:
    result, _ = style_transfer(context, photo, style="oil", strength=0.001)
    assert result.size == photo.size


def test_another_seed_paints_another_picture(context: Context, photo: Image.Image) -> None:
    one, other = (style_transfer(context, photo, style="oil", seed=s)[0] for s in (1, 2))
    assert apart(one, other) > 1


# -- the network


def statistics(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image.convert("RGB"), float)
    return np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1))])


def passing_on() -> AutoencoderTiny:
    """An autoencoder whose latents are the pixels in [0, 1]."""
    model = AutoencoderTiny(
        latent_channels=3, encoder_block_out_channels=(3,), num_encoder_blocks=(0,),
        decoder_block_out_channels=(3,), num_decoder_blocks=(0,),
    ).eval()  # fmt: skip
    for layer in (*model.encoder.layers, *model.decoder.layers):
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return model


def test_features_get_the_moments_of_the_references(
    photo: Image.Image, reference: Image.Image
) -> None:
    stylizer: Any = SimpleNamespace(model=passing_on(), device="cpu")
    result = style_network.restyled(Context(Models({})), stylizer, photo, reference)
    before, after, wanted = (statistics(image) for image in (photo, result, reference))
    assert np.abs(before - wanted).max() > 50
    assert np.abs(after - wanted)[:3].max() < 12, "the decoder bends values, and [0, 1] clips them"
    assert np.corrcoef(np.asarray(photo).ravel(), np.asarray(result).ravel())[0, 1] > 0.3


def test_tiles_leave_no_seams(
    full: Context, photo: Image.Image, reference: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = photo.resize((230, 151))
    stylizer = full.models.get("stylizer")
    whole = np.asarray(style_network.restyled(full, stylizer, image, reference), int)
    monkeypatch.setattr(style_network, "CORE", 64)
    tiled = np.asarray(style_network.restyled(full, stylizer, image, reference), int)
    assert whole.std() > 1
    assert np.abs(tiled - whole).max() <= 1
    monkeypatch.setattr(style_network, "MARGIN", 0)
    blind = np.asarray(style_network.restyled(full, stylizer, image, reference), int)
    assert np.abs(blind - whole).max() > 1


def test_what_is_not_seen_does_not_count(full: Context, photo: Image.Image) -> None:
    stylizer = full.models.get("stylizer")
    half = Image.new("L", photo.size, 255)
    half.paste(0, (0, 0, 44, photo.height))
    pictures = []
    for hidden in ("black", "lime"):
        image = photo.copy()
        image.paste(hidden, (0, 0, 44, photo.height))
        image.putalpha(half)
        pictures.append(style_network.restyled(full, stylizer, photo, image))
    assert apart(*pictures) < 2
    for image in pictures[:1]:
        image.putalpha(0)
        style_network.restyled(full, stylizer, photo, image)


def test_a_network_without_finite_values_is_told(
    full: Context, photo: Image.Image, reference: Image.Image
) -> None:
    broken = passing_on()
    nn.init.constant_(broken.decoder.layers[0].weight, float("nan"))
    stylizer: Any = SimpleNamespace(model=broken, device="cpu")
    with pytest.raises(ToolError, match="values that are not finite"):
        style_network.restyled(full, stylizer, photo, reference)


# -- optimization


def test_the_styles_distance_falls_and_the_content_stays(
    full: Context, photo: Image.Image, reference: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_optimization, "STEPS", 40)
    network = full.models.get("style-features").model
    result, _ = style_transfer(full, photo, reference, how="optimize", strength=1.0)
    before, after, wanted = (
        style_optimization.features_of(network, style_optimization._tensor(picture))
        for picture in (photo, result, reference)
    )
    assert float(after.style_loss(wanted)) < 0.4 * float(before.style_loss(wanted))
    assert float(after.content_loss(before)) < 0.6
    assert float(before.style_loss(before)) == 0.0


def test_the_layers_looked_at_are_those_behind_the_convolutions_named(full: Context) -> None:
    names, block, number = {}, 1, 0
    for i, layer in enumerate(full.models.get("style-features").model):
        if isinstance(layer, nn.MaxPool2d):
            block, number = block + 1, 0
        elif isinstance(layer, nn.ReLU):
            number += 1
            names[i] = f"conv{block}_{number}"
    assert names[style_optimization.CONTENT] == "conv4_2"
    assert [names[i] for i in style_optimization.STYLE] == [f"conv{n}_1" for n in range(1, 6)]


@pytest.mark.usefixtures("few_steps")
def test_a_large_image_keeps_its_detail(
    full: Context, photo: Image.Image, reference: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_optimization, "SIDE", 32)
    lines = np.asarray(photo.resize((128, 96))).copy()
    lines[:, ::2] //= 2
    image = Image.fromarray(lines)
    result, _ = style_transfer(full, image, reference, how="optimize", strength=1.0)
    fine, kept = (np.diff(np.asarray(x, float), axis=1).std() for x in (image, result))
    assert kept > 0.6 * fine
    assert apart(result, image) > 3


def test_a_vgg_that_lacks_a_layer_stops(
    full_profile: Profile, photo: Image.Image, reference: Image.Image, tmp_path: Path
) -> None:
    save_file({"features.0.bias": torch.zeros(64)}, tmp_path / "vgg19.safetensors")
    entry = full_profile.models["style-features"].model_copy(update={"source": str(tmp_path)})
    models = Models({**full_profile.models, "style-features": entry}, device="cpu")
    with pytest.raises(Stopped, match="cannot be loaded"):
        style_transfer(Context(models), photo, reference, how="optimize")


# -- colors


def test_colors_get_the_mean_and_the_spread_of_the_references(
    context: Context, photo: Image.Image
) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.normal((120, 110, 130), (20, 15, 18), (50, 60, 3))
    reference = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    result, _ = style_transfer(context, photo, reference, how="color", strength=1.0)
    (mean, spread), (wanted_mean, wanted_spread) = lab(result), lab(reference)
    assert np.abs(mean - wanted_mean).max() < 1
    assert np.abs(spread - wanted_spread).max() < 1
    assert np.abs(lab(photo)[1] - wanted_spread).max() > 10


def test_colors_that_are_not_seen_do_not_count(context: Context, photo: Image.Image) -> None:
    hidden = photo.copy()
    hidden.paste("lime", (0, 0, 50, photo.height))
    alpha = Image.new("L", photo.size, 255)
    alpha.paste(0, (0, 0, 50, photo.height))
    hidden.putalpha(alpha)
    seen = photo.crop((50, 0, *photo.size))
    target = photo.rotate(90, expand=True)
    one, other = (
        style_transfer(context, target, r, how="color", strength=1.0)[0] for r in (hidden, seen)
    )
    assert apart(one, other) < 0.5


def test_a_flat_image_takes_the_references_mean_color(
    context: Context, reference: Image.Image
) -> None:
    flat = Image.new("RGB", (40, 30), (10, 120, 200))
    result, _ = style_transfer(context, flat, reference, how="color", strength=1.0)
    assert np.abs(lab(result)[0] - lab(reference)[0]).max() < 1.5
    assert np.asarray(result).std((0, 1)).max() < 1
    clear = Image.new("RGBA", (40, 30), (9, 9, 9, 0))
    assert style_transfer(context, clear, clear, how="color")[0].getpixel((0, 0)) == (9, 9, 9, 0)
