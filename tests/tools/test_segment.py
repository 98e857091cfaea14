"""What words name is found where it is, and what is not there is said to be not there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sights import Box, looking_at, sight_of

from danqing.tools import catalogue, segment
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.models import Models
from danqing.tools.panoptic import see
from danqing.tools.phrases import read_phrase
from danqing.tools.registry import Context
from danqing.tools.segment import cut, enlarged, find
from training.data import scenes_from
from training.scenes.render import render

RED = Box("house", "red", (1, 12, 9, 22))
BLUE = Box("house", "blue", (20, 14, 26, 22))
CAT = Box("cat", "black", (4, 16, 7, 20))
LEFT, RIGHT = Box("tree", "green", (11, 8, 15, 22)), Box("tree", None, (27, 10, 31, 22))
BIRD = Box("bird", None, (16, 2, 18, 4))
SCENE = (RED, BLUE, CAT, LEFT, RIGHT, BIRD)
SIZE = (64, 32)


def names_of(text: str, *things: Box, fine: int = 1, **options: str) -> set[Box]:
    """Which things of the scene a text names."""
    sight = sight_of(*(things or SCENE), fine=fine, facts=options)
    mask, found = find(sight, read_phrase("segment", text), (32, 32))
    named = {
        thing for thing in things or SCENE
        if mask[int(thing.cells[1]), int(thing.cells[0])]
    }  # fmt: skip
    assert found.count == len(named) == len(found.boxes)
    assert found.found == bool(named)
    assert {tuple(box) for box in found.boxes} == {
        tuple(round(v / 32, 4) for v in thing.cells) for thing in named
    }
    return named


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("the house", {RED, BLUE}), ("the red house", {RED}), ("the blue house", {BLUE}),
        ("the left house", {RED}), ("the right house", {BLUE}), ("the largest house", {RED}),
        ("the smallest house", {BLUE}), ("the trees", {LEFT, RIGHT}), ("the cat", {CAT}),
        ("the highest thing", {BIRD}), ("the things on the right", {BLUE, RIGHT}),
        ("the trees on the left", {LEFT}), ("the bird in the sky", {BIRD}),
        ("the tree in the middle", {LEFT}), ("the red things", {RED}), ("the lowest cat", {CAT}),
        ("everything", set(SCENE)), ("the subject", set(SCENE)), ("the top left house", {RED}),
        ("房子", {RED, BLUE}), ("红房子", {RED}), ("蓝色的房子", {BLUE}), ("左边的房子", {RED}),
        ("最右边的树", {RIGHT}), ("最大的房子", {RED}), ("所有的树", {LEFT, RIGHT}),
        ("黑猫", {CAT}),
        ("房子前面的黑猫", {CAT}), ("右邊的房子", {BLUE}), ("最大的东西", {RED}),
        ("天空中的鸟", {BIRD}),
    ],
)  # fmt: skip
def test_words_name(text: str, named: set[Box]) -> None:
    assert names_of(text) == named


@pytest.mark.parametrize(
    "text", ["the dog", "the green house", "the red cat", "狗", "绿房子", "the dogs on the left"]
)
def test_what_is_not_there_is_not_found_and_surely_so(text: str) -> None:
    assert names_of(text) == set()
    mask, found = segment(looking_at(*SCENE), Image.new("RGB", SIZE), text=text)
    assert mask.getbbox() is None
    assert not found.found
    assert found.boxes == []
    assert found.confidence > 0.9


def test_a_thing_of_its_natural_color_has_that_color_where_none_is_painted_so() -> None:
    dog, painted = Box("dog", None, (2, 20, 6, 24)), Box("dog", "brown", (10, 20, 14, 24))
    assert names_of("the brown dog", dog) == {dog}
    assert names_of("the brown dog", dog, painted) == {painted}
    assert names_of("the blue dog", dog) == set()


def test_a_color_that_is_only_possible_by_nature_is_less_sure() -> None:
    def sure(text: str, thing: Box) -> float:
        return find(sight_of(thing), read_phrase("segment", text), (32, 32))[1].confidence

    house, cloud = Box("house", None, (2, 20, 6, 24)), Box("cloud", None, (2, 2, 6, 4))
    assert sure("the white house", house) == pytest.approx(0.5, abs=0.01)
    assert sure("the house", house) > 0.99
    assert sure("白色的云", cloud) == pytest.approx(0.5, abs=0.01)


def test_grounds_are_found_where_they_show() -> None:
    sky, found = segment(looking_at(RED), Image.new("RGB", (128, 128)), text="the sky")
    white = np.asarray(sky) > 0
    assert found.found
    assert found.count == 1
    assert white[:46].all()
    assert not white[64:].any()
    assert not white[50:62, 6:34].any()
    ground, _ = segment(looking_at(RED), Image.new("RGB", (128, 128)), text="地面")
    assert not (white & (np.asarray(ground) > 0)).any()


def test_a_ground_is_only_found_under_the_name_of_its_setting() -> None:
    for text, setting in (("the sea", "sea"), ("草地", "meadow"), ("the floor", "indoors")):
        phrase = read_phrase("segment", text)
        for told in ("sea", "meadow", "indoors"):
            mask, found = find(sight_of(facts={"setting": told}), phrase, (32, 32))
            assert found.found == mask.any() == (told == setting)
            assert found.confidence > 0.9


def test_no_sky_is_found_where_there_is_none() -> None:
    _, found = segment(looking_at(horizon=0), Image.new("RGB", SIZE), text="sky")
    assert not found.found
    assert found.confidence > 0.9


@pytest.mark.parametrize("size", [(16, 16), (64, 32), (500, 300), (16, 400)])
def test_the_mask_is_black_and_white_of_the_size_of_the_image(size: tuple[int, int]) -> None:
    image = Image.new("RGBA", size)
    corners = (v * side / 32 for v, side in zip(RED.cells, size * 2, strict=True))
    left, top, right, bottom = map(round, corners)
    image.paste((200, 0, 0, 255), (left, top, right, bottom))
    mask, found = segment(looking_at(*SCENE), image, text="红房子")
    assert (mask.mode, mask.size) == ("L", size)
    assert set(np.unique(np.asarray(mask))) == {0, 255}
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    box = found.boxes[0]
    for seen, told, side in zip((left, top, right, bottom), box, size * 2, strict=True):
        assert seen == pytest.approx(told * side, abs=max(1.0, side / 64))


def test_a_thing_smaller_than_a_pixel_still_shows() -> None:
    star = Box("star", None, (9, 4, 10, 5))
    mask, found = segment(looking_at(star), Image.new("L", (16, 16)), text="star")
    assert found.count == 1
    assert mask.getbbox() is not None
    assert enlarged(np.zeros((128, 128), np.float32) + np.eye(128)[64] * 0.4, (16, 16)).any()


def test_the_answer_says_how_the_words_were_understood() -> None:
    _, found = segment(looking_at(*SCENE), Image.new("RGB", SIZE), text="左邊的紅房子，謝謝")
    assert found.text == "left red house"


def test_a_mask_can_have_a_margin() -> None:
    image = Image.new("RGB", (128, 128))
    (tight, _), (wide, _) = (
        segment(looking_at(CAT), image, text="cat", grow=grow) for grow in (0.0, 10 / 128)
    )
    a, b = (np.asarray(mask) > 0 for mask in (tight, wide))
    assert (b | ~a).all()
    left, top, right, bottom = tight.getbbox() or (0, 0, 0, 0)
    assert wide.getbbox() == (left - 10, top - 10, right + 10, bottom + 10)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def cat_in_a_large_image() -> tuple[Image.Image, np.ndarray]:
    """A cat that is a little smaller than it is seen, and where it is."""
    image = Image.new("RGB", (512, 512), (80, 150, 70))
    ImageDraw.Draw(image).rectangle((69, 260, 107, 315), fill=(30, 30, 30))
    return image, np.asarray(image)[..., 1] < 100


def test_a_thing_in_a_large_image_is_cut_out_along_its_own_border() -> None:
    image, there = cat_in_a_large_image()
    context, phrase = looking_at(*SCENE), read_phrase("segment", "cat")
    rough, told = find(see(context, image), phrase, image.size)
    mask, found = segment(context, image, text="cat")
    assert overlap(rough, there) < 0.8
    assert overlap(np.asarray(mask) > 0, there) > 0.97
    assert found == told, "the account of it is the same"


@pytest.mark.parametrize(("text", "side"), [("the sky", 512), ("the ground", 512), ("cat", 128)])
def test_grounds_and_small_images_are_left_as_they_are_seen(text: str, side: int) -> None:
    image = cat_in_a_large_image()[0].resize((side, side))
    sight = see(looking_at(*SCENE), image)
    phrase = read_phrase("segment", text)
    (mask, _), (seen, _) = cut(sight, phrase, image), find(sight, phrase, image.size)
    assert np.array_equal(mask, seen)


def test_things_of_the_built_in_world_are_cut_out_better_than_they_are_seen() -> None:
    eyes = catalogue.profile().models["panoptic"]
    context = Context(Models({"panoptic": eyes}, device="cpu"))
    plain, phrase = scenes_from(2**30 + 5, simple=True), read_phrase("segment", "everything")
    seen, fine = [], []
    for _ in range(6):
        picture = render(next(plain), 512)
        image, true = Image.fromarray(picture.rgb), picture.ids != 255
        sight = see(context, image)
        seen.append(overlap(find(sight, phrase, image.size)[0], true))
        fine.append(overlap(cut(sight, phrase, image)[0], true))
    assert np.mean(fine) > np.mean(seen) + 0.04
    assert all(one > other - 0.02 for one, other in zip(fine, seen, strict=True))


@pytest.mark.parametrize("text", ["the unicorn", "麒麟", "the cat and the dog", "not the cat"])
def test_words_that_cannot_be_found_are_refused_before_any_model_is_asked(text: str) -> None:
    with pytest.raises(ToolError, match=r"^segment: "):
        segment(Context(Models({})), Image.new("RGB", SIZE), text=text)


def test_a_worker_finds_the_same(context: Context, toy_engine: Engine, photo: Image.Image) -> None:
    for text in ("the sky", "all things", "左边的猫"):
        result = toy_engine.call("segment", {"text": text}, {"image": photo})
        mask, found = segment(context, photo, text=text)
        assert result.value == found.model_dump(mode="json")
        assert [(i.mode, i.tobytes()) for i in result.images] == [("L", mask.tobytes())]


def test_a_worker_refuses_the_same(toy_engine: Engine, photo: Image.Image) -> None:
    with pytest.raises(ToolError, match="segment: 'unicorn' names nothing"):
        toy_engine.call("segment", {"text": "unicorn"}, {"image": photo})
    with pytest.raises(ToolError, match="text = '  ' is refused"):
        toy_engine.call("segment", {"text": "  "}, {"image": photo})
