"""Inpainting, outpainting, edges, sketches and latents with real pipelines of toy weights."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from danqing.tools import catalogue
from danqing.tools.catalogue import Profile
from danqing.tools.controls import of_sketch
from danqing.tools.edge_guided import edge_guided
from danqing.tools.errors import Cancelled, ToolError
from danqing.tools.gan_image import gan_image
from danqing.tools.inpaint import inpaint, joined
from danqing.tools.models import Models
from danqing.tools.outpaint import outpaint, windows_over
from danqing.tools.painting import Kept
from danqing.tools.region import region
from danqing.tools.registry import Context
from danqing.tools.sketch import sketch
from danqing.tools.vae_variation import vae_variation
from training.scenes import layout
from training.scenes.render import render
from training.scenes.spec import Scene, Thing

MODES = ("L", "LA", "RGB", "RGBA")


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, int)


@pytest.fixture
def mask(photo: Image.Image) -> Image.Image:
    return box_mask(photo.size, (20, 10, 59, 49))


# -- inpaint


@pytest.mark.parametrize("mode", MODES)
def test_what_is_outside_the_mask_is_kept_to_the_bit_in_every_mode(
    context: Context, photo: Image.Image, mask: Image.Image, mode: str
) -> None:
    image = photo.convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G"))
    [result] = inpaint(context, image, mask, prompt="a red house", seeds=[1])
    assert (result.mode, result.size) == (mode, photo.size)
    outside = pixels(mask) == 0
    assert (pixels(result)[outside] == pixels(image)[outside]).all()
    assert (pixels(result.convert("RGB")) != pixels(image.convert("RGB")))[~outside].mean() > 0.5


def test_every_seed_paints_another_picture_and_the_same_one_twice(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    one, two = inpaint(context, photo, mask, prompt="a red house", seeds=[1, 2])
    again = inpaint(context, photo, mask, prompt="a red house", seeds=[1, 2])
    assert one.tobytes() != two.tobytes()
    assert [p.tobytes() for p in again] == [one.tobytes(), two.tobytes()]


def test_the_painter_knows_what_is_around_the_hole(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    call: dict[str, Any] = {"prompt": "a red house", "seeds": [1]}
    dark = Image.eval(photo, lambda v: v // 4)
    inside = pixels(mask) > 0
    bright_fill, dark_fill = (
        pixels(inpaint(context, image, mask, **call)[0])[inside] for image in (photo, dark)
    )
    assert (bright_fill != dark_fill).any()


def test_a_sketch_tells_what_is_to_be_in_the_hole(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    lines = box_mask(photo.size, (30, 20, 50, 22)).convert("RGB")
    without = inpaint(context, photo, mask, prompt="a", seeds=[1])[0]
    along = inpaint(context, photo, mask, lines, prompt="a", seeds=[1])[0]
    assert along.tobytes() != without.tobytes()
    with pytest.raises(ToolError, match="sketch measures 20x20 pixels; allowed is the size of the"):
        inpaint(context, photo, mask, Image.new("L", (20, 20)), prompt="a", seeds=[1])


def test_a_tint_is_taken_from_around_the_hole_and_another_thing_is_not() -> None:
    hole = np.zeros((64, 64), bool)
    hole[16:48, 16:48] = True
    sky = Image.new("RGB", (64, 64), (100, 150, 200))
    bluer = Image.new("RGB", (64, 64), (100, 150, 220))
    mended = pixels(joined(Kept(sky, hole), bluer))
    assert (mended[16, 16:48] == (100, 150, 200)).all(), "no seam"
    assert mended[32, 32, 2] > 210, "nor does it reach far in"
    steps = np.abs(np.diff(mended[15:33, 32, 2]))
    assert steps.max() <= 6
    green = Image.new("RGB", (64, 64), (40, 200, 40))
    assert joined(Kept(sky, hole), green).tobytes() == green.tobytes()
    assert joined(Kept(sky, np.ones((64, 64), bool)), bluer).tobytes() == bluer.tobytes()


def test_to_clear_tells_the_controlnet_that_nothing_stands_there(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    painted, cleared = (
        inpaint(context, photo, mask, prompt="a", seeds=[1], how=how)[0]
        for how in ("paint", "clear")
    )
    inside = pixels(mask) > 0
    assert (pixels(painted)[inside] != pixels(cleared)[inside]).any()
    assert (pixels(cleared)[~inside] == pixels(photo)[~inside]).all()
    with pytest.raises(ToolError, match="a sketch is refused with how='clear'"):
        inpaint(context, photo, mask, photo, prompt="a", seeds=[1], how="clear")


def test_a_full_mask_paints_everything_anew(context: Context, photo: Image.Image) -> None:
    [result] = inpaint(context, photo, Image.new("L", photo.size, 255), prompt="a", seeds=[1])
    assert (pixels(result) != pixels(photo)).mean() > 0.5


def test_bad_masks_and_a_missing_prompt_are_refused(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    with pytest.raises(ToolError, match="mask measures 1x1 pixels; allowed is the size of the"):
        inpaint(context, photo, Image.new("L", (1, 1), 255), prompt="a", seeds=[1])
    with pytest.raises(ToolError, match="mask is all black"):
        inpaint(context, photo, Image.new("L", photo.size, 0), prompt="a", seeds=[1])
    with pytest.raises(ToolError, match="prompt is missing"):
        inpaint(context, photo, mask, seeds=[1])
    with pytest.raises(ToolError, match=r"inpaint: prompt has \d+ tokens; allowed are 256"):
        inpaint(context, photo, mask, prompt="very long words " * 40, seeds=[1])


def test_a_scratch_is_filled_from_its_surroundings_without_a_model(photo: Image.Image) -> None:
    scratch = box_mask(photo.size, (0, 30, 89, 32))
    spoiled = Image.composite(Image.new("RGB", photo.size, "red"), photo, scratch)
    nobody = Context(Models({}, device="cpu"))
    [filled] = inpaint(nobody, spoiled, scratch, seeds=[1], how="fill")
    inside = pixels(scratch) > 0

    def error(image: Image.Image) -> float:
        return float(np.abs(pixels(image) - pixels(photo))[inside].mean())

    assert error(filled) < error(spoiled) / 3
    with pytest.raises(ToolError, match=r"covers 100% of the image, and nothing .* fits\. Use a"):
        inpaint(nobody, photo, Image.new("L", photo.size, 255), seeds=[1], how="fill")


def meadow(*xs: float, side: int = 256) -> Image.Image:
    """A meadow with red balls, as it is rendered."""
    balls = tuple(Thing("ball", (x, 0.6, x + 0.15, 0.75), "red") for x in xs)
    facts = ("meadow", "summer", "day", "clear", "flat")
    scene = Scene(5, *facts, horizon=0.5, things=balls)
    return Image.fromarray(render(scene, side).rgb)


@pytest.mark.parametrize("mode", MODES)
def test_a_thing_is_removed_by_filling_without_a_model_in_every_mode(mode: str) -> None:
    scene, without = (picture.convert(mode) for picture in (meadow(0.4), meadow()))
    if "A" in mode:
        scene.putalpha(Image.linear_gradient("L"))
    hole = box_mask(scene.size, (96, 146, 147, 200))
    before = scene.tobytes()
    one, two = inpaint(Context(Models({}, device="cpu")), scene, hole, seeds=[1, 2], how="fill")
    assert one.tobytes() == two.tobytes() and scene.tobytes() == before
    assert (one.mode, one.size) == (mode, scene.size)
    outside = pixels(hole) == 0
    assert (pixels(one)[outside] == pixels(scene)[outside]).all()
    if "A" in mode:
        assert one.getchannel("A").tobytes() == scene.getchannel("A").tobytes()
    if "A" not in mode:  # else it is also seen on white
        apart, thing = (
            np.abs(pixels(image) - pixels(without))[~outside].mean() for image in (one, scene)
        )
        assert apart < 8 and apart < thing / 4


def test_a_hole_is_not_filled_with_things_that_are_seen(built_in: Context) -> None:
    """Half of a ball is gone: its other half is what fits, but where there are eyes, it is ground
    that is taken."""
    spoiled = meadow(0.2, 0.6)
    hole = box_mask(spoiled.size, (44, 146, 70, 198))
    spoiled.paste((90, 160, 70), mask=hole)

    def red(context: Context) -> float:
        [filled] = inpaint(context, spoiled, hole, seeds=[1], how="fill")
        r, g, _ = pixels(filled)[pixels(hole) > 0].T
        return float((r > g + 50).mean())

    assert red(Context(Models({}, device="cpu"))) > 0.15
    assert red(built_in) < 0.03


def test_what_would_be_patchwork_is_painted_where_a_prompt_is_given(
    built_in: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, hole = meadow(0.2, 0.5), box_mask((256, 256), (75, 150, 172, 200))
    inside = pixels(hole) > 0
    [filled] = inpaint(built_in, scene, hole, seeds=[1], how="fill")
    told = {"prompt": "meadow, summer, day.", "seeds": [1], "how": "fill"}
    [same] = inpaint(built_in, scene, hole, **told)
    assert same.tobytes() == filled.tobytes(), "it fits"
    monkeypatch.setattr(sys.modules["danqing.tools.inpaint"], "PARTS", 0)
    [painted] = inpaint(built_in, scene, hole, **told)
    assert (pixels(painted)[~inside] == pixels(scene)[~inside]).all()
    assert (pixels(painted)[inside] != pixels(filled)[inside]).mean() > 0.2
    r, g, _ = pixels(painted)[inside & (np.arange(256) > 120)].T
    assert (r > g + 50).mean() < 0.1, "the ball is gone"
    rim = np.s_[170:180, 76:84]  # of the other ball, of which the mask shows less than half
    assert (pixels(painted)[rim] == pixels(scene)[rim]).all()
    [without] = inpaint(built_in, scene, hole, seeds=[1], how="fill")
    assert without.tobytes() == filled.tobytes(), "nobody said what may be painted"


def test_a_photograph_is_filled_too() -> None:
    photo = photograph()
    hole = box_mask(photo.size, (5, 5, 25, 25))
    [filled] = inpaint(Context(Models({}, device="cpu")), photo, hole, seeds=[1], how="fill")
    inside = pixels(hole) > 0
    assert (pixels(filled)[~inside] == pixels(photo)[~inside]).all()
    assert np.abs(pixels(filled) - pixels(photo))[inside].mean() < 40


def test_a_cancel_ends_the_painting(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    steps: list[int] = []

    def check() -> None:
        if len(steps) > 2:
            raise Cancelled("cancelled")

    watched = replace(context, progress=lambda done, *_: steps.append(done), check_cancelled=check)
    with pytest.raises(Cancelled):
        inpaint(watched, photo, mask, prompt="a", seeds=[1], steps=50)
    assert steps == [0, 1, 2]


# -- outpaint


@pytest.mark.parametrize("mode", MODES)
def test_the_image_is_kept_in_the_middle_of_the_new_canvas(
    context: Context, photo: Image.Image, mode: str
) -> None:
    image = photo.convert(mode)
    result = outpaint(context, image, left=30, top=5, right=100, prompt="a house", seed=3)
    assert (result.mode, result.size) == (mode, (220, 75))
    assert result.crop((30, 5, 120, 75)).tobytes() == image.tobytes()
    new = pixels(result.convert("RGB"))[5:, 120:]
    assert len(np.unique(new.reshape(-1, 3), axis=0)) > 20
    assert (new == 255).all(-1).mean() < 0.2


def test_windows_cover_the_canvas_and_each_knows_half_of_what_it_shows() -> None:
    for size, inner in [
        ((400, 100), (0, 0, 100, 100)),
        ((300, 260), (90, 60, 220, 160)),
        ((101, 640), (0, 500, 101, 640)),
    ]:
        known = np.zeros(size[::-1], bool)
        known[inner[1] : inner[3], inner[0] : inner[2]] = True
        for x0, y0, x1, y1 in windows_over(size, inner):
            assert x0 >= 0 and y0 >= 0 and x1 <= size[0] and y1 <= size[1]
            assert known[y0:y1, x0:x1].any()
            known[y0:y1, x0:x1] = True
        assert known.all()


def test_an_extension_by_nothing_or_beyond_the_limit_is_refused(
    context: Context, photo: Image.Image
) -> None:
    with pytest.raises(ToolError, match="nothing to add"):
        outpaint(context, photo, prompt="a")
    with pytest.raises(ToolError, match="8282x70 pixels are refused"):
        outpaint(context, photo, left=8192, prompt="a")


# -- edge_guided, sketch and region


def test_outlines_steer_the_painter_as_far_as_they_are_heeded(
    context: Context, photo: Image.Image
) -> None:
    square = box_mask((64, 64), (16, 16, 48, 48))
    call: dict[str, Any] = {"prompt": "a house", "seeds": [4]}
    free, heeded, other = (
        edge_guided(context, image, heed=heed, **call)[0]
        for image, heed in ((square, 0.0), (square, 1.0), (square.rotate(45), 1.0))
    )
    assert free.size == (64, 64)
    assert len({free.tobytes(), heeded.tobytes(), other.tobytes()}) == 3


def test_a_line_drawing_may_be_drawn_either_way_round(context: Context) -> None:
    white = Image.new("L", (64, 64))
    ImageDraw.Draw(white).rectangle((12, 12, 50, 50), outline=255)
    clear = Image.new("RGBA", (64, 64))
    ImageDraw.Draw(clear).rectangle((12, 12, 50, 50), outline="black")
    call: dict[str, Any] = {"prompt": "a house", "seeds": [4], "outlines": "drawn"}
    black = Image.eval(white, lambda v: 255 - v)
    for drawn in (white, black, clear):
        _, there, lines = of_sketch(drawn)
        assert (lines == pixels(white)[..., None]).all() and not there.any()
    one, other = (pixels(edge_guided(context, image, **call)[0]) for image in (white, black))
    assert np.abs(one - other).max() <= 2, "they are made smaller before they are read"


def test_a_sketch_in_color_says_more_than_its_outlines(context: Context) -> None:
    box = [0.2, 0.2, 0.8, 0.8]
    call: dict[str, Any] = {"prompt": "a house", "seeds": [4], "outlines": "drawn"}
    red, blue = (
        sketch(things=[{"kind": "house", "box": box, "color": color}], size=[64, 64])  # type: ignore[list-item]
        for color in ("red", "blue")
    )
    lines = Image.fromarray(of_sketch(red)[2])
    made = [edge_guided(context, image, **call)[0].tobytes() for image in (red, blue, lines)]
    assert len(set(made)) == 3


@pytest.mark.parametrize("channels", [3, 10])
def test_guidance_leads_to_what_a_sketch_shows_unless_the_network_is_a_common_one(
    toy_profile: Profile, tmp_path: Path, channels: int
) -> None:
    import toy_models

    toy_models.write_controlnet(
        tmp_path, Path(toy_profile.models["text-to-image"].source), channels
    )
    entries = dict(toy_profile.models)
    entries["controlnet"] = entries["controlnet"].model_copy(update={"source": str(tmp_path)})
    context = Context(Models(entries, device="cpu"))
    lines = Image.new("L", (32, 32))
    ImageDraw.Draw(lines).rectangle((6, 6, 25, 25), outline=255)
    words: dict[str, Any] = {"prompt": "a", "negative_prompt": "a", "seeds": [1, 2]}
    weak, strong = (
        edge_guided(context, lines, outlines="drawn", guidance_scale=scale, **words)
        for scale in (1.5, 6.0)
    )
    for one, other in zip(weak, strong, strict=True):
        apart = np.abs(pixels(one) - pixels(other)).mean()
        assert (apart < 0.1) == (channels == 3), "the words alone lead nowhere"


def test_an_image_is_painted_over_as_far_as_asked(context: Context, photo: Image.Image) -> None:
    little, much, anew = (
        edge_guided(context, photo, prompt="a", seeds=[1], strength=strength, low=5, high=10)[0]
        for strength in (0.1, 0.8, 1.0)
    )
    assert len({result.tobytes() for result in (little, much, anew)}) == 3
    with pytest.raises(ToolError, match=r"strength = 0\.5 is refused for a sketch"):
        edge_guided(context, photo, prompt="a", seeds=[1], strength=0.5, outlines="drawn")


def test_what_a_mask_shows_of_the_front_is_in_every_picture_as_it_is(
    context: Context, photo: Image.Image
) -> None:
    image = photo.resize((240, 180))
    front = image.transpose(Image.Transpose.ROTATE_180)
    mask = box_mask(image.size, (60, 40, 160, 120))
    call: dict[str, Any] = {"prompt": "a", "seeds": [1, 2], "low": 5, "high": 10}
    plain = edge_guided(context, image, **call)
    laid = edge_guided(context, image, front, mask, **call)
    assert len(plain) == len(laid) == 2
    inside = pixels(mask.filter(ImageFilter.MinFilter(9))) > 0
    outside = pixels(mask.filter(ImageFilter.MaxFilter(9))) == 0
    for one, other in zip(laid, plain, strict=True):
        assert (one.mode, one.size) == ("RGB", image.size)
        assert (pixels(one)[inside] == pixels(front)[inside]).all()
        assert (pixels(one)[outside] == pixels(other)[outside]).all()
        assert (pixels(other)[inside] != pixels(front)[inside]).any()


def test_the_front_comes_into_the_light_of_what_was_painted_as_far_as_asked(
    context: Context,
) -> None:
    """The toy painter paints gray over what was nearly white."""
    image = box_mask((240, 180), (20, 20, 60, 60)).point(lambda v: 255 - v // 8).convert("RGB")
    front = Image.new("RGB", image.size, (200, 150, 150))
    mask = box_mask(image.size, (100, 60, 200, 140))
    call: dict[str, Any] = {"prompt": "a", "seeds": [1], "low": 5, "high": 10}
    [gray] = edge_guided(context, image, **call)
    assert pixels(gray).mean() < pixels(image).mean() - 40
    light = [
        pixels(edge_guided(context, image, front, mask, relight=share, **call)[0])[80:120, 120:180]
        for share in (0.0, 0.5, 1.0)
    ]
    assert (light[0] == (200, 150, 150)).all()
    assert light[0].mean() > light[1].mean() + 5 > light[2].mean() + 10


def test_a_front_goes_with_a_mask_and_both_have_the_size_of_the_image(
    context: Context, photo: Image.Image, mask: Image.Image
) -> None:
    call: dict[str, Any] = {"prompt": "a", "seeds": [1], "low": 5, "high": 10}
    for front, shown in ((photo, None), (None, mask)):
        with pytest.raises(ToolError, match="edge_guided: front and mask go together; one of them"):
            edge_guided(context, photo, front, shown, **call)
    with pytest.raises(ToolError, match="front has 20x20 pixels, the image 90x70; allowed is the"):
        edge_guided(context, photo, photo.resize((20, 20)), mask, **call)
    with pytest.raises(ToolError, match="edge_guided: mask measures 20x20 pixels; allowed is the"):
        edge_guided(context, photo, photo, mask.resize((20, 20)), **call)
    with pytest.raises(ToolError, match="edge_guided: mask is all black"):
        edge_guided(context, photo, photo, Image.new("L", photo.size), **call)


def test_no_outlines_and_crossed_thresholds_are_refused(context: Context) -> None:
    empty = Image.new("RGB", (64, 64), "gray")
    with pytest.raises(ToolError, match="the image has no outlines"):
        edge_guided(context, empty, prompt="a", seeds=[1])
    with pytest.raises(ToolError, match="the sketch has no lines"):
        edge_guided(context, Image.new("L", (64, 64)), prompt="a", seeds=[1], outlines="drawn")
    with pytest.raises(ToolError, match="low = 200 is above high = 100"):
        edge_guided(context, empty, prompt="a", seeds=[1], low=200, high=100)


def test_a_sketch_has_its_things_in_color_where_they_are_and_nothing_elsewhere() -> None:
    made = sketch(
        things=[  # type: ignore[list-item]
            {"kind": "tree", "box": [0.1, 0.3, 0.4, 0.9]},
            {"kind": "car", "box": [0.6, 0.7, 1.1, 0.9], "color": "blue", "flip": True},
        ],
        size=[200, 100],
    )
    assert (made.mode, made.size) == ("RGBA", (200, 100))
    there = pixels(made)[..., 3] > 0
    for x0, y0, x1, y1 in ((20, 30, 80, 90), (120, 70, 200, 90)):
        part = there[y0:y1, x0:x1]
        assert part.any(0).all() and part.any(1).all()
        there[y0:y1, x0:x1] = False
    assert not there.any()
    red, _, blue, there = pixels(made)[75:85, 140:190].reshape(-1, 4).T
    assert np.median((blue - red)[there > 0]) > 50


def test_a_thing_that_is_nearer_hides_what_is_behind_it() -> None:
    far, near = (
        {"kind": "ball", "box": [x, 0.2, x + 0.5, 0.7], "color": color}
        for x, color in ((0.2, "red"), (0.3, "blue"))
    )
    one, other = (
        pixels(sketch(things=things, size=[64, 64]))[28, 28]  # type: ignore[arg-type]
        for things in ([far, near], [near, far])
    )
    assert one[2] > one[0] and other[0] > other[2]


def test_what_has_no_pattern_or_no_inside_is_not_sketched() -> None:
    with pytest.raises(ToolError, match=r"things\[0\].kind = 'dragon' has no pattern"):
        sketch(things=[{"kind": "dragon", "box": [0, 0, 1, 1]}])  # type: ignore[list-item]
    with pytest.raises(ToolError, match=r"things\[0\].box = \[0.5, 0.0, 0.5, 1.0\] is refused"):
        sketch(things=[{"kind": "cat", "box": [0.5, 0.0, 0.5, 1.0]}])  # type: ignore[list-item]
    for kind, color, allowed in (("cat", "beige", "one of red"), ("pine", "red", "none")):
        thing = {"kind": kind, "box": [0, 0, 1, 1], "color": color}
        with pytest.raises(ToolError, match=f"is refused for a {kind}; allowed is {allowed}"):
            sketch(things=[thing])  # type: ignore[list-item]


def test_a_region_is_white_in_its_boxes() -> None:
    mask = pixels(region(boxes=[[0.0, 0.0, 0.5, 0.5], [0.9, 0.9, 1.2, 1.2]], size=[20, 20]))
    assert (mask[:10, :10] == 255).all() and (mask[18:, 18:] == 255).all()
    assert (mask > 0).sum() == 104
    with pytest.raises(ToolError, match="are refused; allowed is left, top, right, bottom"):
        region(boxes=[[0.6, 0.0, 0.4, 1.0]], size=[20, 20])


# -- vae_variation


@pytest.mark.parametrize("mode", MODES)
def test_a_variation_has_the_size_and_mode_and_transparency_of_the_image(
    context: Context, photo: Image.Image, mode: str
) -> None:
    image = photo.convert(mode)
    if "A" in mode:
        image.putalpha(photo.getchannel("G"))
    one, two = vae_variation(context, image, amount=1.0, seeds=[1, 2])
    assert (one.mode, one.size) == (mode, photo.size)
    assert one.tobytes() != two.tobytes()
    if "A" in mode:
        assert one.getchannel("A").tobytes() == photo.getchannel("G").tobytes()


def test_between_two_images_the_ends_are_the_images(context: Context, photo: Image.Image) -> None:
    other = photo.rotate(180)
    seen = [vae_variation(context, image, amount=0.0)[0] for image in (photo, other)]
    ends = [vae_variation(context, photo, other, amount=amount)[0] for amount in (0.0, 1.0)]
    assert [e.tobytes() for e in ends] == [s.tobytes() for s in seen]
    middle = vae_variation(context, photo, other, amount=0.5)[0]
    assert middle.tobytes() not in {e.tobytes() for e in ends}


# -- gan_image


def test_one_draft_is_made_per_seed_and_the_same_one_twice(context: Context) -> None:
    drafts = gan_image(context, prompt="a red house", seeds=[1, 2, 3])
    assert [(d.mode, d.size) for d in drafts] == [("RGB", (32, 32))] * 3
    assert len({d.tobytes() for d in drafts}) == 3
    [again] = gan_image(context, prompt="a red house", seeds=[2])
    assert np.abs(pixels(again) - pixels(drafts[1])).max() <= 1


def test_the_words_drive_the_generator(context: Context) -> None:
    house, cats = (
        gan_image(context, prompt=prompt, seeds=[1])[0] for prompt in ("a red house", "two cats")
    )
    assert house.tobytes() != cats.tobytes()
    with pytest.raises(ToolError, match=r"gan_image: prompt has \d+ tokens; allowed are 256"):
        gan_image(context, prompt="very long words " * 40, seeds=[1])


def test_truncation_makes_drafts_more_alike(context: Context) -> None:
    def spread(truncation: float) -> float:
        drafts = gan_image(context, prompt="a", seeds=list(range(8)), truncation=truncation)
        return float(np.stack([pixels(d) for d in drafts]).std(0).mean())

    assert spread(0.0) < 0.5 < spread(0.5) < spread(1.0)


# -- photographs


@pytest.fixture
def built_in(toy_profile: Profile) -> Context:
    """The toy painter beside the panoptic network that is shipped."""
    painter = toy_profile.models["text-to-image"].model_copy(update={"words": "canonical"})
    eyes = catalogue.profile().models["panoptic"]
    entries = {**toy_profile.models, "text-to-image": painter, "panoptic": eyes}
    return Context(Models(entries, device="cpu"))


def photograph() -> Image.Image:
    """A photograph that scikit-image ships, of a cup of coffee."""
    return Image.fromarray(data.coffee()).crop((100, 50, 450, 400)).resize((128, 128))


def test_a_photograph_is_not_painted_and_what_works_is_said(built_in: Context) -> None:
    mask = box_mask((128, 128), (30, 30, 60, 60))
    for call in (
        lambda **how: inpaint(built_in, photograph(), mask, prompt="a cup", seeds=[1], **how),
        lambda **how: outpaint(built_in, photograph(), left=32, prompt="a cup", **how),
    ):
        with pytest.raises(ToolError, match=r"unlike all that the built-in painter knows: .*%"):
            call()
        assert call(anyway=True)


def test_scenes_of_its_own_world_are_painted(built_in: Context) -> None:
    scene = Image.fromarray(render(layout.sample(50_000_007), 128).rgb)
    mask = box_mask((128, 128), (30, 30, 60, 60))
    assert len(inpaint(built_in, scene, mask, prompt="a cup", seeds=[1])) == 1


def test_another_painter_is_taken_to_know_everything(built_in: Context) -> None:
    entries = dict(built_in.models.entries)
    plain = entries["text-to-image"].model_copy(update={"words": "plain"})
    other = Context(Models({**entries, "text-to-image": plain}, device="cpu"))
    mask = box_mask((128, 128), (30, 30, 60, 60))
    assert inpaint(other, photograph(), mask, prompt="a cup", seeds=[1])
