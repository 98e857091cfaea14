"""What is composed can be stood on, seen whole and told apart."""

from __future__ import annotations

from random import Random

import pytest

from danqing.agent import composition
from danqing.agent.composition import Stand, compose
from danqing.tools.geometry import Box
from danqing.tools.world import world

CLOSE = 1e-9


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def made(setting: str, stands: list[Stand], seed: int) -> tuple[float, list[list[Box]]]:
    """The first composition that finds room, as the studio takes it."""
    random = Random(seed)
    tried = (compose(setting, stands, random) for _ in range(10))
    return next(result for result in tried if result is not None)


def test_every_object_of_the_world_has_its_measures_and_every_setting_its_lines() -> None:
    objects, settings = set(world().objects), set(world().settings)
    assert set(composition.ASPECT) == set(composition.HEIGHT) == set(composition.PLACE) == objects
    assert set(composition.HORIZON) == set(composition.GROUND) == settings
    assert set(composition.SKYLINE) == set(composition.AT_HOME) == settings
    assert set().union(*composition.AT_HOME.values()) | composition.HEAVENLY == objects


@pytest.mark.parametrize("setting", list(composition.HORIZON))
def test_every_object_can_be_composed_in_every_setting_whole_and_with_its_feet_down(
    setting: str,
) -> None:
    for seed, kind in enumerate(world().objects):
        sky = world().objects[kind].category == "sky"
        horizon, [[box]] = made(setting, [Stand(kind, sky=sky)], seed)
        left, top, right, bottom = box
        assert 0 < left < right < 1, kind
        assert 0 < top < bottom < 1, kind
        assert (right - left) / (bottom - top) == pytest.approx(composition.ASPECT[kind])
        assert (bottom < horizon) if sky else (bottom > horizon), kind


def test_the_things_of_a_group_are_near_its_focus_and_apart() -> None:
    for seed in range(20):
        _, [houses, trees] = made(
            "meadow", [Stand("house", 1, (0.2, 0.16)), Stand("tree", 2, (0.7, 0.32))], seed
        )
        assert middle(houses[0])[0] < 0.36
        assert sum(middle(box)[0] for box in trees) / 2 > 0.55
        boxes = [*houses, *trees]
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                smaller = min((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
                assert max(wide, 0) * max(high, 0) <= 0.05 * smaller + CLOSE


def test_what_is_held_is_in_its_holder() -> None:
    for seed in range(20):
        _, [[boat], [cat]] = made("sea", [Stand("boat"), Stand("cat", held=0)], seed)
        assert boat[0] < middle(cat)[0] < boat[2]
        assert boat[1] < cat[3] < boat[3]
        _, [[table], cups] = made("indoors", [Stand("table"), Stand("cup", 2, held=0)], seed)
        assert all(table[1] < cup[3] < middle(table)[1] for cup in cups)
        assert all(table[0] < middle(cup)[0] < table[2] for cup in cups)


def test_many_things_are_set_smaller_until_they_fit_and_too_many_are_refused() -> None:
    _, [[one]] = made("meadow", [Stand("house")], 1)
    _, [five] = made("meadow", [Stand("house", 5)], 1)
    assert max(b[3] - b[1] for b in five) < one[3] - one[1]
    assert compose("meadow", [Stand("castle", 20)], Random(1)) is None


def test_equal_generators_compose_equally() -> None:
    stands = [Stand("tree", 3), Stand("bird", 2, sky=True)]
    assert made("meadow", stands, 5) == made("meadow", stands, 5)
    assert made("meadow", stands, 5) != made("meadow", stands, 6)
