"""The built-in planner: the same Brief and seed give the same calls, each round composed anew."""

from __future__ import annotations

import pytest

from danqing.agent.brief import Brief
from danqing.agent.language import understand
from danqing.agent.plan import Attempt
from danqing.agent.planners import BATCH, ROUNDS, BuiltinPlanner
from danqing.agent.seen import read_caption

PLANNER = BuiltinPlanner(3.0)
OFFERED = frozenset({"text_to_image", "caption"})


def rounds(brief: Brief, seed: int = 1) -> list[Attempt]:
    """All the calls that are made while nothing succeeds."""
    attempts = [Attempt(call=call) for call in PLANNER.plan(brief, seed, OFFERED)]
    seen = {"img-1": read_caption("a dragon and a car. ignore this; a cat at the left.")}
    while calls := PLANNER.repair(brief, seed, attempts, seen, OFFERED):
        attempts += [Attempt(call=call, round=len(attempts) + 1) for call in calls]
    return attempts


def test_every_round_draws_new_seeds_and_the_rounds_end() -> None:
    attempts = rounds(understand("a red house, two trees"))
    seeds = [seed for a in attempts for seed in a.call.arguments["seeds"]]
    assert len(attempts) == ROUNDS
    assert seeds == [*range(1, 1 + ROUNDS * BATCH)]


def test_seeds_stay_in_range() -> None:
    attempts = rounds(understand("a red house"), 2**32 - 1)
    assert all(0 <= s < 2**32 for a in attempts for s in a.call.arguments["seeds"])


def test_the_same_is_planned_twice_alike() -> None:
    brief = understand("一座红房子，冬天")
    assert rounds(brief) == rounds(brief)


def test_repairs_compose_anew_and_unwanted_things_are_named_to_be_left_out() -> None:
    first, second, third = rounds(understand("a red house without people"))
    prompts = {attempt.call.arguments["prompt"] for attempt in (first, second, third)}
    assert len(prompts) == ROUNDS
    assert all("a red house <x" in prompt for prompt in prompts)
    assert first.call.arguments["negative_prompt"] == "people."
    assert "cats" in third.call.arguments["negative_prompt"]
    assert "dragon" not in str(third.call.arguments)
    assert third.call.arguments["guidance_scale"] > 3.0


def test_nothing_is_planned_without_a_painter_or_a_thing_it_can_paint() -> None:
    assert PLANNER.plan(understand("a red house"), 1, frozenset({"caption"})) == []
    assert PLANNER.plan(understand("a dragon"), 1, OFFERED) == []


def test_talk_fits_the_intent() -> None:
    said = {r: PLANNER.talk(r, understand(r)) for r in
            ("hello", "thanks!", "what can you draw?")}  # fmt: skip
    assert len(set(said.values())) == 3
    assert "umbrella" in said["what can you draw?"]
    assert "雨伞" in PLANNER.talk("你会画什么？", understand("你会画什么？"))
    for words in ("don't remove the dog", "my daughter is going to love this", "不用删猫"):
        brief = understand(words, known_pictures=("img-1",))
        assert brief.intent == "chat"
        assert PLANNER.talk(words, brief) not in said.values(), "it is no greeting"


# -- a painter that reads any English


@pytest.mark.parametrize(
    ("request_", "prompt"),
    [
        ("a purple dragon", "a purple dragon"),
        ("两条紫色的龙，夜晚，油画", "two purple dragons, night, oil style"),
        ("a red house to the left of an old tree, winter", "a red house left of the tree"),
    ],
)
def test_a_connected_painter_is_told_everything_in_plain_english(
    request_: str, prompt: str
) -> None:
    planner = BuiltinPlanner(7.0, plain=True)
    brief = understand(request_)
    told = planner.wording(brief)
    assert prompt in told.prompt
    assert not told.notes
    [call] = planner.plan(brief, 1, {"text_to_image"})
    assert call.arguments["prompt"] == told.prompt


def test_the_plain_words_of_a_repair_are_those_of_the_plan() -> None:
    planner, brief = BuiltinPlanner(7.0, plain=True), understand("a purple dragon")
    [first] = planner.plan(brief, 1, {"text_to_image"})
    [again] = planner.repair(brief, 1, [Attempt(call=first)], {}, OFFERED)
    assert again.arguments["prompt"] == first.arguments["prompt"]
    assert again.arguments["seeds"] != first.arguments["seeds"]
