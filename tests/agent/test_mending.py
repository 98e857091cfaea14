"""Layout and region control: what is sketched first, and how one wrong thing is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import SCENE, ScriptedEngine, picture_of

from danqing.agent.brief import Brief
from danqing.agent.home import Home
from danqing.agent.language import understand
from danqing.agent.mending import LAID
from danqing.agent.plan import Attempt, Call
from danqing.agent.planners import BuiltinPlanner
from danqing.agent.seen import read_caption
from danqing.agent.studio import Options, Studio
from danqing.agent.verdict import judge
from danqing.tools.errors import ToolError

PLANNER = BuiltinPlanner(2.0)
ALL = frozenset({
    "text_to_image", "edge_guided", "sketch", "region", "segment", "blend", "inpaint", "caption",
})  # fmt: skip
EVERY_ROLE = ("text-to-image", "captioner", "upscaler", "controlnet", "panoptic")


def tools(calls: list[Call]) -> list[str]:
    return [call.tool for call in calls]


def attempt(brief: Brief, call: Call, caption: str, round_: int = 1) -> Attempt:
    """An attempt that gave one picture, of which the judge reads ``caption``."""
    verdict = judge(brief, read_caption(caption))
    name = f"img-{round_}"
    return Attempt(call=call, round=round_, pictures=(name,), verdicts={name: verdict})


def repaired(request: str, caption: str, offered: frozenset[str] = ALL) -> list[Call]:
    brief = understand(request)
    draw = PLANNER.plan(brief, 1, offered)[-1]
    return PLANNER.repair(brief, 1, [attempt(brief, draw, caption)], {}, offered)


# -- the layout


@pytest.mark.parametrize("request_", ["a red house", "三只猫", "a winter sunset, watercolor"])
def test_what_is_composed_is_sketched_first(request_: str) -> None:
    brief = understand(request_)
    assert tools(PLANNER.plan(brief, 1, ALL)) == ["sketch", "edge_guided"]
    other = BuiltinPlanner(7.5, plain=True)  # another painter composes by itself
    assert tools(other.plan(brief, 1, ALL)) == ["text_to_image"]


def test_the_sketch_has_everything_where_the_prompt_says_it_is() -> None:
    sketch, draw = PLANNER.plan(understand("four trees left of a red house"), 7, ALL)
    things = sketch.arguments["things"]
    assert sketch.aid
    assert draw.images == {"image": "#1"}
    assert sorted(t["kind"] for t in things) == ["house", *["tree"] * 4]
    assert {(t["kind"], t["color"]) for t in things} == {("house", "red"), ("tree", None)}
    house = next(t["box"] for t in things if t["kind"] == "house")
    assert all(t["box"][2] <= house[2] for t in things if t["kind"] == "tree")
    for left, top, right, bottom in (t["box"] for t in things):
        middle, foot, high = (
            f"<x{round((left + right) / 2 * 32)}>",
            f"<y{round(bottom * 32)}>",
            f"<h{round((bottom - top) * 32)}>",
        )
        assert f"{middle} {foot} {high}" in draw.arguments["prompt"]


def test_a_draw_that_cannot_be_mended_is_followed_by_another_composition() -> None:
    first = PLANNER.plan(understand("a red house, winter"), 1, ALL)
    calls = repaired("a red house, winter", f"{SCENE} a tree at the left.")
    assert tools(calls) == ["sketch", "edge_guided"]
    assert calls[0].arguments["things"] != first[0].arguments["things"]


def test_without_the_tools_for_it_nothing_is_sketched_or_mended() -> None:
    few = frozenset({"text_to_image", "caption", "sketch", "region", "blend"})
    assert tools(PLANNER.plan(understand("five trees"), 1, few)) == ["text_to_image"]
    assert tools(repaired("a red house", f"{SCENE} a blue house at the left.", few)) == [
        "text_to_image"
    ]


# -- the repair


def test_a_wrong_color_is_mended_where_the_thing_is_and_where_it_was_meant_to_be() -> None:
    calls = repaired("a red house and a tree", f"{SCENE} a blue house; a tree at the right.")
    assert tools(calls) == ["segment", "region", "blend", "sketch", "inpaint"]
    segment, _, blend, sketch, inpaint = calls
    assert all(call.aid for call in calls[:-1])
    assert not inpaint.aid
    assert (segment.arguments["text"], segment.images) == ("house", {"image": "img-1"})
    assert (blend.arguments, blend.images) == ({"mode": "lighten"}, {"image": "#1", "over": "#2"})
    assert inpaint.images == {"image": "img-1", "mask": "#3", "sketch": "#4"}
    assert [(t["kind"], t["color"]) for t in sketch.arguments["things"]] == [("house", "red")]
    first = PLANNER.plan(understand("a red house and a tree"), 1, ALL)[-1]
    assert inpaint.arguments["prompt"] == first.arguments["prompt"]
    assert set(inpaint.arguments["seeds"]).isdisjoint(first.arguments["seeds"])


def test_what_was_meant_to_be_there_is_painted_by_itself_and_laid_in() -> None:
    request, caption = "a red house and a tree", f"{SCENE} a blue house; a tree at the right."
    calls = repaired(request, caption, ALL | {"detail"})
    assert tools(calls) == [
        "segment", "region", "blend", "region", "blend", "inpaint", *["detail"] * LAID,
    ]  # fmt: skip
    assert all(call.aid for call in calls[:-LAID])
    filled, laid = calls[5], calls[-LAID:]
    assert filled.arguments["how"] == "fill"
    assert filled.images == {"image": "img-1", "mask": "#5"}
    [outer], [inner] = (calls[n].arguments["boxes"] for n in (1, 3))
    assert outer[0] < inner[0] < inner[2] < outer[2], "what is filled around it would be seen"
    for call in laid:
        assert [(t["kind"], t["color"]) for t in call.arguments["things"]] == [("house", "red")]
        assert call.arguments["scene"] == SCENE
        assert call.arguments["anyway"]
        assert call.images == {"image": "#6"}
        assert (call.aid, call.within, call.before) == (False, "#3", "img-1")
    assert len({call.arguments["seed"] for call in laid}) == LAID


def test_what_is_handed_over_is_painted_in_detail_where_its_layout_is_known() -> None:
    brief = understand("a red house")
    draw = PLANNER.plan(brief, 1, ALL)[-1]
    attempts = [attempt(brief, draw, f"{SCENE} a red house.")]
    more = ALL | {"detail"}
    call = PLANNER.finish(brief, attempts, "img-1", "img-9", more)
    assert call is not None
    assert call.images == {"image": "img-9"}
    assert call.arguments["things"] == PLANNER.plan(brief, 1, ALL)[0].arguments["things"]
    assert call.arguments["scene"] == SCENE
    mended = Call(tool="inpaint", images={"image": "img-1", "mask": "#1"}, before="img-1")
    attempts.append(attempt(brief, mended, f"{SCENE} a red house.", 2))
    assert PLANNER.finish(brief, attempts, "img-2", "img-9", more) == call, "it was drawn first"
    assert PLANNER.finish(brief, attempts, "img-1", "img-9", ALL) is None
    free = attempt(brief, Call(tool="text_to_image", arguments=draw.arguments), f"{SCENE} a house.")
    assert PLANNER.finish(brief, [free], "img-1", "img-9", more) is None


def test_what_must_not_be_there_is_painted_over_with_what_is_around_it() -> None:
    calls = repaired("a red house, no dogs", f"{SCENE} a red house at the left; a dog.")
    assert tools(calls) == ["segment", "inpaint"]
    assert calls[0].arguments["text"] == "dog"
    assert calls[1].images == {"image": "img-1", "mask": "#1"}
    assert "dogs" in calls[1].arguments["negative_prompt"]


def test_a_wrong_scene_and_many_wrong_things_are_drawn_anew() -> None:
    night = repaired("a red house at night", f"{SCENE} a red house at the left.")
    assert "inpaint" not in tools(night)
    three = repaired("a red house, a blue car and a green tent", f"{SCENE} a cat at the left.")
    assert "inpaint" not in tools(three)


def test_after_a_repair_that_did_not_help_the_picture_is_drawn_anew_and_all_ends() -> None:
    brief = understand("a red house")
    attempts = [attempt(brief, PLANNER.plan(brief, 1, ALL)[-1], f"{SCENE} a blue house.")]
    ways = []
    while calls := PLANNER.repair(brief, 1, attempts, {}, ALL):
        ways.append(calls[-1].tool)
        round_ = attempts[-1].round + 1
        attempts.append(attempt(brief, calls[-1], f"{SCENE} a blue house.", round_))
    assert ways == ["inpaint", "edge_guided", "edge_guided"], "a picture is mended once"


# -- references in a plan


def test_a_call_may_only_refer_to_an_earlier_one_that_made_a_picture() -> None:
    call = Call(tool="inpaint", images={"image": "img-4", "mask": "#2"})
    assert call.over(["img-7", "img-8"]).images == {"image": "img-4", "mask": "img-8"}
    for made in ([], ["img-7"], ["img-7", None]):
        with pytest.raises(ToolError, match="mask = '#2' is refused; allowed is #1 to"):
            call.over(made)
    with pytest.raises(ToolError, match="mask = '#x'"):
        Call(tool="inpaint", images={"mask": "#x"}).over(["img-1"])


# -- in the loop


Start = Callable[..., Studio]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    opened: list[Studio] = []

    def open_studio(caption_of: Callable[[int], str]) -> Studio:
        studio = Studio(Home.open(tmp_path / "home"))
        studio.engine = ScriptedEngine(tmp_path / "models", caption_of, roles=EVERY_ROLE)
        studio.engine.side = 128
        opened.append(studio)
        return studio

    yield open_studio
    for studio in opened:
        studio.close()


def ask(studio: Studio, request: str) -> Any:
    return studio.ask(request, Options(seed=1, size=(128, 128)))


def test_one_wrong_thing_is_mended_and_all_else_is_kept(start: Start) -> None:
    def caption(seed: int) -> str:
        return f"{SCENE} a {'blue' if seed <= 4 else 'red'} house at the left."

    studio = start(caption)
    turn = ask(studio, "a red house")
    assert turn.satisfied
    assert [s.tool for s in turn.steps if s.tool not in ("caption", "look", "adjust")] == [
        "sketch", "edge_guided",
        "segment", "region", "blend", "region", "blend", "inpaint",
        *["detail", "compare"] * 2, "detail",
    ]  # fmt: skip
    compared = [s for s in studio.ledger.turn(turn.turn).steps if s.tool == "compare"]
    assert all(step.value and step.value["identical"] for step in compared)
    corner = studio.ledger.store.get(studio.ledger.picture(turn.picture.handle).digest)
    assert corner.getpixel((0, 127)) == (1, 0, 128)


def test_a_picture_that_cannot_be_mended_is_drawn_anew_until_no_way_is_left(start: Start) -> None:
    studio = start(lambda seed: f"{SCENE} two blue boats at the left.")
    turn = ask(studio, "three blue boats")
    ran = [s.tool for s in turn.steps if s.tool in ("edge_guided", "inpaint", "text_to_image")]
    assert ran == ["edge_guided", "inpaint", "edge_guided", "edge_guided"]
    assert turn.stopped == "no repair is left to try"


def test_masks_and_sketches_are_never_judged_or_handed_over(start: Start) -> None:
    studio = start(lambda seed: f"{SCENE} a blue house at the left.")
    turn = ask(studio, "a red house")
    aids = {
        handle
        for step in turn.steps if step.tool in ("segment", "region", "sketch", "blend", "compare")
        for handle in step.outputs
    }  # fmt: skip
    looked = {h for s in turn.steps if s.tool == "caption" for h in s.inputs.values()}
    assert aids and not aids & looked
    assert turn.picture.handle not in aids


def test_an_edit_that_damages_what_it_should_keep_is_not_adopted(start: Start) -> None:
    studio = start(lambda seed: f"{SCENE} a {'blue' if seed <= 4 else 'red'} house at the left.")
    studio.engine.careless = True  # type: ignore[attr-defined]
    turn = ask(studio, "a red house")
    spoiled = {h for s in turn.steps if s.tool == "inpaint" for h in s.outputs}
    assert spoiled and turn.picture.handle not in spoiled
    assert turn.satisfied, "it was drawn anew instead"


def test_details_that_break_a_claim_are_left_out_and_the_others_kept(start: Start) -> None:
    both = f"{SCENE} a red house at the left; a tree at the right."
    studio = start(lambda seed: f"{SCENE} a tree at the right." if seed == 999 else both)
    plain = studio.engine.call

    def call(tool: str, arguments: Any, images: Any = None, **how: Any) -> Any:
        result = plain(tool, arguments, images, **how)
        if tool == "detail":
            kinds = {thing["kind"] for thing in arguments["things"]}
            seed = 999 if "house" in kinds else 7
            result.images[:] = [picture_of(seed, result.images[0].width)]
        return result

    studio.engine.call = call  # type: ignore[method-assign]
    turn = ask(studio, "a red house and a tree")
    details = [s for s in turn.steps if s.tool == "detail"]
    assert [{t["kind"] for t in s.arguments["things"]} for s in details] == [
        {"house", "tree"}, {"tree"},
    ]  # fmt: skip
    assert turn.satisfied
    assert turn.picture.handle in details[1].outputs


def test_details_are_painted_only_where_the_layout_still_holds(start: Start) -> None:
    studio = start(lambda seed: f"{SCENE} a red house at the left.")
    turn = studio.ask("a red house", Options(seed=1, size=(256, 128)))
    assert "detail" not in {s.tool for s in turn.steps}, "it was cut to its shape"
    assert "detail" in {s.tool for s in ask(studio, "a red house").steps}
