"""What a perfect network says is read back exactly: things, places, masks, colors and facts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sights import CHANNELS, FACTS, SIDE, Box, logits_of, looking_at, sight_of

from danqing.tools import panoptic
from danqing.tools.panoptic import THINGS_DOUBTED, Channels, Sight, read, see
from danqing.tools.phrases import GROUNDS
from danqing.tools.registry import Context

CELL = 1 / SIDE


def trusted(p: float) -> float:
    """How sure the network is of a center that it gives the probability ``p``."""
    return 1 / (1 + (1 / p - 1) ** THINGS_DOUBTED)


def told(sight: Sight) -> list[tuple[str, str | None]]:
    return [(thing.kind, thing.color) for thing in sight.things]


def mask_of(sight: Sight, number: int) -> np.ndarray:
    return sight.owner == number + 1


def filled(thing: Box, fine: int = 1) -> np.ndarray:
    mask = np.zeros((SIDE * fine, SIDE * fine), bool)
    x0, y0, x1, y1 = (v * fine for v in thing.cells)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_thing_comes_back_with_its_kind_color_place_box_and_mask() -> None:
    house = Box("house", "red", (3, 10, 11, 20))
    sight = sight_of(house)
    [thing] = sight.things
    assert (thing.kind, thing.color) == ("house", "red")
    assert thing.center == pytest.approx((7 / 32, 15 / 32), abs=CELL)
    assert thing.box == (3 / 32, 10 / 32, 11 / 32, 20 / 32)
    assert thing.confidence > 0.99
    assert thing.color_confidence > 0.99
    assert np.array_equal(mask_of(sight, 0), filled(house))


def test_things_are_numbered_from_left_to_right() -> None:
    sight = sight_of(
        Box("tree", "green", (24, 6, 30, 20)), Box("cat", None, (12, 18, 16, 22)),
        Box("house", "white", (1, 8, 9, 20)),
    )  # fmt: skip
    assert told(sight) == [("house", "white"), ("cat", None), ("tree", "green")]
    assert [int(sight.owner[y, x]) for x, y in ((5, 10), (14, 20), (27, 10), (0, 0))] == [
        1, 2, 3, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["beside", "above"])
def test_things_of_one_kind_that_touch_are_two(way: str) -> None:
    first = Box("house", "red", (4, 4, 12, 12))
    second = Box("house", "red", (12, 4, 20, 12) if way == "beside" else (4, 12, 12, 20))
    sight = sight_of(first, second)
    assert told(sight) == [("house", "red")] * 2
    for thing in (first, second):
        assert any(np.array_equal(mask_of(sight, n), filled(thing)) for n in (0, 1))


def test_a_row_of_six_that_touch_is_six() -> None:
    row = [Box("tree", color, (2 + 4 * i, 8, 6 + 4 * i, 20)) for i, color in
           enumerate(("green", "red", "green", "yellow", "green", "red"))]  # fmt: skip
    assert told(sight_of(*row)) == [(t.kind, t.color) for t in row]


def test_a_thing_inside_another_leaves_both_whole() -> None:
    boat, cat = Box("boat", "blue", (4, 10, 24, 22)), Box("cat", "black", (11, 12, 16, 18))
    sight = sight_of(boat, cat)
    assert sorted(told(sight)) == [("boat", "blue"), ("cat", "black")]
    number = told(sight).index(("cat", "black"))
    assert np.array_equal(mask_of(sight, number), filled(cat))
    assert np.array_equal(mask_of(sight, 1 - number), filled(boat) & ~filled(cat))
    assert sight.things[1 - number].box == (4 / 32, 10 / 32, 24 / 32, 22 / 32)


def test_a_small_one_of_a_kind_beside_a_large_one_counts() -> None:
    sight = sight_of(Box("ball", "red", (4, 6, 18, 20)), Box("ball", "blue", (19, 18, 21, 20)))
    assert told(sight) == [("ball", "red"), ("ball", "blue")]


def test_a_thing_as_small_as_a_cell_is_seen() -> None:
    star = Box("star", None, (9, 4, 10, 5))
    [thing] = sight_of(star).things
    assert thing.center == pytest.approx((9.5 / 32, 4.5 / 32), abs=CELL)


@pytest.mark.parametrize("fine", [2, 4])
def test_a_finer_mask_differs_only_near_borders(fine: int) -> None:
    two = Box("house", "red", (4, 4, 12, 12)), Box("house", "red", (12, 6, 22, 18))
    cat = Box("cat", None, (15, 10, 19, 15))
    sight = sight_of(*two, cat, fine=fine)
    assert len(sight.things) == 3
    coarse = sight_of(*two, cat).owner.repeat(fine, 0).repeat(fine, 1)
    wrong = sight.owner != coarse
    borders = np.zeros_like(wrong)
    for axis in (0, 1):
        for step in range(-fine // 2, fine // 2 + 1):
            borders |= coarse != np.roll(coarse, step, axis)
    assert not (wrong & ~borders).any()
    assert wrong.mean() < 0.01


def test_things_at_the_frame_are_seen() -> None:
    corners = [Box("cup", None, (x, y, x + 3, y + 3)) for x in (0, 29) for y in (0, 29)]
    sight = sight_of(*corners)
    assert len(sight.things) == 4
    assert {t.box for t in sight.things} == {
        tuple(v / 32 for v in corner.cells) for corner in corners
    }


def test_where_nothing_is_nothing_is_seen() -> None:
    sight = sight_of()
    assert sight.things == ()
    assert not sight.owner.any()
    assert sight.probability("sky")[:16].min() > 0.99
    assert sight.probability("ground")[:16].max() < 0.01


def test_the_grounds_are_those_of_phrases() -> None:
    assert set(panoptic.GROUNDS) == set(GROUNDS)


@pytest.mark.parametrize("fact", FACTS)
def test_facts_come_back(fact: str) -> None:
    for word in CHANNELS.facts[fact]:
        name, p = sight_of(facts={fact: word}).facts[fact]
        assert name == word
        assert p > 0.99


def test_a_fact_is_what_most_of_the_picture_says_and_as_sure_as_that() -> None:
    maps, names = logits_of(), CHANNELS.names()
    maps[names.index("season: summer")] = 0
    maps[names.index("season: summer"), :, :12] = 8
    maps[names.index("season: winter"), :, 12:] = 8
    word, p = read(maps, CHANNELS).facts["season"]
    e = np.exp([3.0, 5.0, 0.0, 0.0])
    assert word == "winter"
    assert p == pytest.approx(e[1] / e.sum(), abs=1e-4)


def test_the_color_is_the_one_that_most_pixels_show() -> None:
    maps, names = logits_of(Box("car", "red", (4, 16, 12, 20))), CHANNELS.names()
    maps[names.index("color: red"), 16:20, 4:7] = 0
    maps[names.index("color: blue"), 16:20, 4:7] = 12
    [car] = read(maps, CHANNELS).things
    assert car.color == "red"
    assert 0.5 < car.color_confidence < 0.75


def test_a_center_that_no_pixel_belongs_to_is_no_thing() -> None:
    maps = logits_of(Box("cat", None, (4, 16, 12, 20)))
    maps[CHANNELS.names().index("center: dog"), 10, 20] = 12
    assert told(read(maps, CHANNELS)) == [("cat", None)]


@pytest.mark.parametrize(("cat", "dog", "seen"), [(0.9, 0.6, "cat"), (0.6, 0.9, "dog")])
def test_where_two_kinds_claim_one_place_the_surer_has_all_of_it(
    cat: float, dog: float, seen: str
) -> None:
    maps, names = logits_of(Box("cat", "black", (4, 16, 12, 20))), CHANNELS.names()
    maps[names.index("cat"), 16:20, 4:12] = 1.0
    maps[names.index("dog"), 16:20, 8:12] = 1.5
    for kind, p in (("cat", cat), ("dog", dog)):
        maps[names.index(f"center: {kind}"), 18, 8] = np.log(p / (1 - p))
    sight = read(maps, CHANNELS, fine=1)
    assert told(sight) == [(seen, "black")]
    assert sight.things[0].confidence == pytest.approx(trusted(max(cat, dog)))
    assert np.array_equal(mask_of(sight, 0), filled(Box("cat", None, (4, 16, 12, 20))))


def test_two_kinds_around_one_center_are_two_things_where_each_is_sure() -> None:
    boat, cat = Box("boat", "blue", (4, 10, 24, 22)), Box("cat", "black", (11, 13, 17, 19))
    assert sorted(told(sight_of(boat, cat))) == [("boat", "blue"), ("cat", "black")]


def test_a_second_center_close_to_the_first_is_the_same_thing() -> None:
    maps = logits_of(Box("house", "red", (4, 8, 16, 20)))
    maps[CHANNELS.names().index("center: house"), 14, 12] = 6
    assert told(read(maps, CHANNELS)) == [("house", "red")]


def test_a_center_on_two_cells_is_one() -> None:
    maps = logits_of(Box("house", "red", (4, 8, 16, 20)))
    maps[CHANNELS.names().index("center: house"), 14, 9:11] = 12
    assert told(read(maps, CHANNELS)) == [("house", "red")]


def test_an_unsure_center_makes_an_unsure_thing_and_a_doubtful_one_none() -> None:
    maps = logits_of(Box("cat", None, (4, 16, 12, 20)))
    row = CHANNELS.names().index("center: cat")
    for p, seen in ((0.6, True), (0.31, True), (0.29, False)):
        maps[row, 18, 8] = np.log(p / (1 - p))
        things = read(maps, CHANNELS).things
        assert [t.confidence for t in things] == ([pytest.approx(trusted(p))] if seen else [])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    maps = logits_of()
    maps[3, 4, 5] = value
    with pytest.raises(ValueError, match="no finite values"):
        read(maps, CHANNELS)


def test_logits_however_large_are_read() -> None:
    cat = Box("cat", "black", (4, 16, 12, 20))
    sight = read(logits_of(cat) * 1e4, CHANNELS, fine=1)
    assert told(sight) == [("cat", "black")]
    assert sight.things[0].confidence == 1.0


def test_logits_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\d+ maps are not those of \d+ channels"):
        read(logits_of()[:-1], CHANNELS)


def test_channels_are_told_by_their_names() -> None:
    names = CHANNELS.names()
    assert Channels.of(dict(enumerate(names))) == CHANNELS
    assert sum(CHANNELS.sizes) == len(names) == len(set(names))


@pytest.mark.parametrize(
    "names",
    [
        ["wall", "floor"],
        CHANNELS.names()[::-1],
        CHANNELS.names()[:-1] + ["offset: z"],
        [name.replace("offset: ", "shift: ") for name in CHANNELS.names()],
        [name.replace("center: cat", "center: yak") for name in CHANNELS.names()],
    ],
)  # fmt: skip
def test_other_labels_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="not the channels of a panoptic network"):
        Channels.of(dict(enumerate(names)))


def test_labels_without_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="not the channels"):
        Channels.of({1: "sky", 5: "house"})


def test_an_unknown_name_has_no_probability() -> None:
    with pytest.raises(ValueError, match="unicorn"):
        sight_of().probability("unicorn")


@st.composite
def apart(draw: st.DrawFn) -> list[Box]:
    """Up to nine things, one in each of the ninths of a picture."""
    places = draw(st.lists(st.integers(0, 8), unique=True, max_size=9))
    things = []
    for place in places:
        left, top = 1 + place % 3 * 10, 1 + place // 3 * 10
        wide, high = draw(st.integers(1, 10)), draw(st.integers(1, 10))
        cells = (left, top, left + wide, top + high)
        color = draw(st.sampled_from([None, "red", "blue", "white"]))
        things.append(Box(draw(st.sampled_from(["house", "cat", "tree"])), color, cells))
    return things


@given(apart())
@settings(max_examples=60)
def test_things_that_do_not_overlap_come_back_exactly(things: list[Box]) -> None:
    sight = sight_of(*things)
    expected = {(t.kind, t.color, tuple(v / 32 for v in t.cells)) for t in things}
    assert {(t.kind, t.color, t.box) for t in sight.things} == expected
    assert len(sight.things) == len(things)
    for number, thing in enumerate(sight.things):
        own = mask_of(sight, number)
        x0, y0, x1, y1 = (int(v * SIDE) for v in thing.box)
        assert own[y0:y1, x0:x1].all()
        assert own.sum() == (x1 - x0) * (y1 - y0)


def test_transparent_parts_are_seen_as_white() -> None:
    seen: list[Image.Image] = []
    context = looking_at()
    network = context.models.get("panoptic")

    def processor(images: Image.Image, return_tensors: str) -> object:
        seen.append(images)
        return network_processor(images=images, return_tensors=return_tensors)

    network_processor, network.processor = network.processor, processor  # type: ignore[misc]
    see(context, Image.new("RGBA", (16, 16), (9, 9, 9, 0)))
    assert seen[0].getpixel((0, 0)) == (255, 255, 255)


def test_a_network_in_the_real_format_is_read_before_it_is_enlarged(
    context: Context, photo: Image.Image
) -> None:
    network = context.models.get("panoptic")
    sight = see(context, photo)
    assert sight.names == CHANNELS.shown
    assert sight.owner.shape == sight.shown.shape[1:]
    with torch.inference_mode():
        x = network.processor(images=photo, return_tensors="pt").pixel_values
        whole = network.model(x).logits
        assert whole.shape == (1, sum(CHANNELS.sizes), 32, 32)
    assert np.allclose(sight.shown.sum(0), 1, atol=1e-4)
    assert np.array_equal(see(context, photo).shown, sight.shown)
