"""What a language model is offered, and how what it wants becomes a plan."""

from __future__ import annotations

import json

import pytest

from danqing.agent.llm.door import Refused
from danqing.agent.llm.offers import Offers, Wanted, calls_of, form
from danqing.agent.llm.reach import RawCall
from danqing.agent.plan import Call
from danqing.tools import TOOLS
from danqing.tools.errors import ToolError
from danqing.tools.registry import by_name

SEEDS = {"seeds": [7, 8], "seed": 7, "anyway": True}
OFFERS = Offers(["draw", "stop"], by_name(TOOLS), ["img-1", "img-2"], SEEDS)


def test_every_tool_that_makes_something_is_offered_without_what_is_filled_in() -> None:
    told = {one["function"]["name"]: one["function"]["parameters"] for one in OFFERS.schemas()}
    assert {"draw", "stop", "text_to_image", "gan_image", "vae_variation", "style_transfer",
            "inpaint", "upscale", "edge_guided", "segment", "outpaint",
            "edit_by_instruction"} <= set(told)  # fmt: skip
    assert not {"caption", "ask", "look"} & set(told)
    for name, parameters in told.items():
        assert not set(SEEDS) & set(parameters["properties"]), name
        assert set(parameters["required"]) <= set(parameters["properties"]), name
        json.dumps(parameters)


def test_arguments_are_checked_and_the_rest_is_filled_in() -> None:
    (one,) = OFFERS.wanted([RawCall("inpaint", '{"image": "img-1", "mask": "img-2"}')])
    assert one.images == {"image": "img-1", "mask": "img-2"}
    assert one.arguments["seeds"] == [7, 8] and one.arguments["anyway"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"image": "img-3", "mask": "img-2"}', "'img-3' is refused; allowed are img-1, img-2, #1"),
        ('{"mask": "img-2"}', "image is missing"),
        ('{"image": "../img-1", "mask": "img-2"}', "is refused; allowed is the handle"),
        ('{"image": "#1", "mask": "img-2"}', "of calls before this one there are none"),
        ('{"image": 3, "mask": "img-2"}', "image = 3 is refused"),
        ('{"image": "img-1", "mask": "img-2", "how": "magic"}', "how = 'magic' is refused"),
    ],
)
def test_what_is_not_allowed_is_named(arguments: str, said: str) -> None:
    with pytest.raises((ToolError, Refused), match=said):
        OFFERS.wanted([RawCall("inpaint", arguments)])


def test_a_reason_is_the_same_in_every_process() -> None:
    """It is a part of what is asked next, by which a resumed turn finds what was answered."""
    words = Offers([], by_name(TOOLS), ["img-1"], {**SEEDS, "prompt": "", "negative_prompt": ""})
    given = json.dumps({"image": "img-1", "mask": "img-1", **words.filled})
    with pytest.raises(ToolError, match="anyway, negative_prompt, prompt, seeds are filled in"):
        words.wanted([RawCall("inpaint", given)])


def test_a_plan_counts_what_a_skill_stands_for() -> None:
    """The model's #1 is the last call of the skill that it called first."""
    sketch = Call(tool="sketch", aid=True)
    along = Call(tool="edge_guided", images={"image": "#1"})
    wanted = OFFERS.wanted(
        [
            RawCall("region", '{"boxes": [[0, 0, 0.5, 0.5]], "size": [64, 64]}'),
            RawCall("draw", "{}"),
            RawCall("inpaint", '{"image": "#2", "mask": "#1"}'),
            RawCall("upscale", '{"image": "#3", "scale": 2}'),
        ]
    )
    plan = calls_of(wanted, {"draw": [sketch, along]})
    assert [call.tool for call in plan] == ["region", "sketch", "edge_guided", "inpaint", "upscale"]
    assert plan[2].images == {"image": "#2"}
    assert plan[3].images == {"image": "#3", "mask": "#1"}
    assert plan[4].images == {"image": "#4"}
    assert [call.aid for call in plan] == [True, True, False, True, False]
    assert plan[3].arguments["seeds"] == [7]


def test_a_mask_is_never_handed_over() -> None:
    (call,) = calls_of([Wanted("segment", {"text": "sky"}, {"image": "img-1"})], {})
    assert call.aid


def test_a_form_says_what_may_be_left_out() -> None:
    from danqing.agent.llm.forms import Understanding

    told = form("understand", "Say it.", Understanding)["function"]
    assert told["parameters"]["required"] == ["intent"]
    text = json.dumps(told)
    assert "null" not in text and '"title"' not in text and '"default"' not in text
    assert "left of" not in text  # words of relations are in the prompt, beside what they mean
