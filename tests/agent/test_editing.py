"""From the changes of a Brief to calls over a picture: each in its region, all else kept."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageOps

from danqing.agent.brief import Brief, Change, Claim
from danqing.agent.draft import CHOICE, TRIED, Canvas
from danqing.agent.editing import FACING, again, edit
from danqing.agent.plan import Attempt, Call
from danqing.agent.seen import read_look
from danqing.agent.verdict import Before, judge
from danqing.tools.errors import ToolError
from danqing.tools.painter_words import MAX_TOKENS
from danqing.tools.sketch import sketch
from danqing.tools.world import world

ALL = {
    "segment", "region", "blend", "sketch", "inpaint", "recolor",
    "edge_guided", "style_transfer", "outpaint", "upscale", "adjust", "remove_background",
}  # fmt: skip
HOUSE, NEAR, FAR, DOG = (
    (0.1, 0.4, 0.4, 0.7), (0.5, 0.45, 0.65, 0.75), (0.8, 0.42, 0.9, 0.6), (0.7, 0.8, 0.8, 0.9),
)  # fmt: skip
THINGS = (("house", "red", HOUSE), ("tree", None, NEAR), ("tree", None, FAR), ("dog", None, DOG))


def look(*things: tuple[str, str | None, tuple[float, ...]], **facts: str) -> dict[str, Any]:
    """What the tool `look` says of a picture."""
    told = {"setting": "meadow", "season": "summer", "time": "day", "weather": "clear",
            "style": "flat"} | facts  # fmt: skip
    return {
        "things": [
            {"kind": kind, "color": color, "looks": color or "brown", "box": list(box),
             "confidence": 0.99, "color_confidence": 0.99}
            for kind, color, box in things
        ],
        "facts": {fact: [word, 0.99] for fact, word in told.items()}, "horizon": 0.5,
        "familiar": True,
    }  # fmt: skip


def canvas(*things: Any, size: tuple[int, int] = (256, 256), own: bool = True) -> Canvas:
    return Canvas("img-1", size, read_look(look(*(things or THINGS))), own)


def brief(*changes: Change, claims: tuple[Claim, ...] = ()) -> Brief:
    return Brief(language="en", intent="edit", target="img-1", changes=changes, claims=claims)


def planned(*changes: dict[str, Any], **more: Any) -> list[Call]:
    wanted = tuple(Change.model_validate(change) for change in changes)
    return edit(brief(*wanted), more.pop("on", canvas()), 7, ALL, **more)


def tools(calls: list[Call]) -> list[str]:
    return [call.tool for call in calls]


def test_a_thing_is_recolored_where_it_is() -> None:
    found, painted = planned({"op": "recolor", "subject": "house", "value": "blue"})
    assert (found.tool, found.arguments["text"]) == ("segment", "the house")
    assert painted.arguments == {"color": "blue"}
    assert painted.images == {"image": "img-1", "mask": "#1"}
    assert (painted.aid, painted.within, painted.before) == (False, "#1", "img-1")


def test_what_is_removed_is_filled_with_other_parts_of_the_picture() -> None:
    found, filled = planned({"op": "remove", "subject": "dog"})
    assert (found.tool, found.arguments["text"]) == ("segment", "the dog")
    assert (filled.tool, filled.arguments["how"]) == ("inpaint", "fill")
    assert "dog" not in filled.arguments["prompt"], "what does not fit is painted without it"
    assert filled.images == {"image": "img-1", "mask": "#1"}
    strange = replace(canvas(), own=False, seen=replace(canvas().seen, familiar=False))
    _, photo = planned({"op": "remove", "subject": "dog"}, on=strange)
    assert photo.arguments == {"seeds": [7], "how": "fill", "anyway": False}


def test_where_that_was_not_enough_it_is_painted_over_as_if_nothing_stood_there() -> None:
    *_, painted = planned({"op": "remove", "subject": "dog"}, repainting=True)
    assert painted.arguments["how"] == "clear"
    assert painted.arguments["seeds"] == [7, 8, 9, 10]
    assert "dog" not in painted.arguments["prompt"]
    assert "dog" in painted.arguments["negative_prompt"]
    assert "two trees" in painted.arguments["prompt"]


def test_what_stands_alone_is_painted_over_with_all_of_its_box() -> None:
    calls = planned({"op": "remove", "subject": "dog"}, repainting=True)
    assert tools(calls) == ["segment", "region", "blend", "inpaint"]
    assert calls[1].arguments["boxes"] == [list(DOG)]
    near = ("cat", None, (0.79, 0.78, 0.9, 0.9))
    crowded = planned({"op": "remove", "subject": "dog"}, on=canvas(*THINGS, near), repainting=True)
    assert tools(crowded) == ["segment", "inpaint"], "nothing of the cat may go"


def test_of_several_only_the_meant_one_is_touched() -> None:
    calls = planned({"op": "remove", "subject": "tree", "place": "right"})
    [region] = [call for call in calls if call.tool == "region"]
    assert region.arguments["boxes"] == [list(FAR)]
    painted = planned({"op": "remove", "subject": "tree", "place": "right"}, repainting=True)[-1]
    assert "a tree" in painted.arguments["prompt"]
    assert painted.arguments["negative_prompt"] == "", "another tree is to stay"
    with pytest.raises(ToolError, match="no cat is seen in img-1"):
        planned({"op": "remove", "subject": "cat"})


def test_what_is_added_is_painted_by_itself_and_laid_in_from_several_seeds() -> None:
    change = Change(op="add", subject="ball", value="left", new_color="yellow")
    region, *laid = edit(brief(change), canvas(), 7, {*ALL, "detail"})
    assert tools(laid) == ["detail"] * TRIED
    assert len({call.arguments["seed"] for call in laid}) == TRIED
    [ball] = laid[0].arguments["things"]
    assert (ball["kind"], ball["color"]) == ("ball", "yellow")
    assert laid[0].arguments["scene"] == "flat illustration. meadow, summer, day, clear."
    assert laid[0].arguments["anyway"], "nothing like it stands there"
    assert (laid[0].images, laid[0].within) == ({"image": "img-1"}, "#1")
    assert region.arguments["boxes"] == [ball["box"]]


def test_an_old_thing_is_taken_out_before_another_is_laid_in() -> None:
    change = Change(op="replace", subject="dog", value="cat")
    calls = edit(brief(change), canvas(), 7, {*ALL, "detail"})
    kept = [call.tool for call in calls if call.tool not in ("region", "blend")]
    assert kept == ["segment", "inpaint", *["detail"] * TRIED]
    cleared = tools(calls).index("inpaint") + 1
    assert {call.images["image"] for call in calls if not call.aid} == {f"#{cleared}"}


def test_what_is_added_gets_a_free_place_where_it_was_asked_for() -> None:
    calls = planned({"op": "add", "subject": "ball", "value": "left", "new_color": "yellow"})
    assert tools(calls) == ["region", "sketch", "inpaint"]
    [ball] = calls[1].arguments["things"]
    assert (ball["kind"], ball["color"]) == ("ball", "yellow")
    left, top, right, bottom = ball["box"]
    assert (left + right) / 2 < 0.45
    assert all(left >= b[2] or right <= b[0] or top >= b[3] or bottom <= b[1]
               for _, _, b in THINGS)  # fmt: skip
    assert calls[-1].images == {"image": "img-1", "mask": "#1", "sketch": "#2"}
    assert "a yellow ball" in calls[-1].arguments["prompt"]


def test_another_thing_takes_the_place_of_the_old_one() -> None:
    calls = planned({"op": "replace", "subject": "dog", "value": "cat", "new_color": "white"})
    [cat] = next(call for call in calls if call.tool == "sketch").arguments["things"]
    assert (cat["kind"], cat["color"]) == ("cat", "white")
    assert cat["box"][3] == pytest.approx(DOG[3], abs=1e-3), "it stands where the dog stood"
    prompt = calls[-1].arguments["prompt"]
    assert "cat" in prompt
    assert "dog" not in prompt


def test_a_thing_is_moved_with_its_own_pixels() -> None:
    calls = planned({"op": "move", "subject": "dog", "value": "left"})
    assert [t for t in tools(calls) if t not in ("region", "blend")] == [
        "segment", "remove_background", "inpaint",
    ]  # fmt: skip
    laid = calls[-1]
    made = {f"#{n}": call.tool for n, call in enumerate(calls, start=1)}
    assert made[laid.images["image"]] == "inpaint"
    assert made[laid.images["over"]] == "remove_background"
    assert laid.images.keys() == {"image", "over"}
    across, down = laid.arguments["position"]
    assert -0.65 * 256 < across < -0.45 * 256
    assert down == 0
    assert made[laid.within] == "blend", "both places are what may change"


@pytest.mark.parametrize(("value", "side"), [("left of", -1), ("right of", 1)])
def test_a_thing_is_moved_beside_another_one(value: str, side: int) -> None:
    change = {"op": "move", "subject": "dog", "value": value, "object": "house"}
    across, _ = planned(change)[-1].arguments["position"]
    middle = (DOG[0] + DOG[2]) / 2 + across / 256
    assert (middle - HOUSE[2 if side > 0 else 0]) * side > -0.02
    assert abs(middle - HOUSE[2 if side > 0 else 0]) < 0.15


@pytest.mark.parametrize(("value", "factor"), [("bigger", 1.45), ("smaller", 0.65)])
def test_a_thing_grows_and_shrinks_on_its_foot(value: str, factor: float) -> None:
    calls = planned({"op": "resize", "subject": "dog", "value": value})
    scaled = next(call for call in calls if call.tool == "adjust")
    assert scaled.arguments == {"resize": [round(256 * factor)] * 2}
    left, top = calls[-1].arguments["position"]
    foot = top / 256 + factor * DOG[3]
    assert foot == pytest.approx(DOG[3], abs=0.01)
    assert ("inpaint" in tools(calls)) == (value == "smaller"), "what was behind it shows"
    edge = canvas(*THINGS[:3], ("dog", None, (0.86, 0.8, 0.97, 0.9)))
    aside = planned({"op": "resize", "subject": "dog", "value": value}, on=edge)
    assert "inpaint" in tools(aside), "it grew aside from where it was"
    assert left < 0 if value == "bigger" else left > 0


def test_the_scene_is_painted_over_and_what_it_does_not_change_laid_back() -> None:
    calls = planned({"op": "season", "value": "winter"})
    *_, painted = calls
    made = {f"#{n}": call for n, call in enumerate(calls, start=1)}
    told = {call.arguments["text"] for call in calls if call.tool == "segment"}
    assert told == {"the house", "the dog"}, "trees look another way in winter"
    assert painted.tool == "edge_guided"
    assert painted.images["front"] == "img-1"
    cleared = made[painted.images["image"]]
    assert (cleared.tool, cleared.arguments["how"]) == ("inpaint", "fill")
    assert made[cleared.images["mask"]] != made[painted.images["mask"]], "there is a rim around"
    assert painted.within is None
    prompt = painted.arguments["prompt"]
    assert "winter" in prompt
    assert "summer" not in prompt
    assert "two trees" in prompt
    assert "house" not in prompt
    assert len(painted.arguments["seeds"]) == CHOICE
    assert painted.arguments["strength"] < 1, "its colors stay"
    assert painted.arguments["relight"] == 0, "the season is not a light"
    night = planned({"op": "time", "value": "night"}, {"op": "season", "value": "winter"})
    assert tools(night).count("edge_guided") == 1, "it is painted over once"
    assert night[-1].arguments["relight"] > 0
    [anew] = planned({"op": "time", "value": "night"}, repainting=True)
    assert anew.images == {"image": "img-1"}
    assert "strength" not in anew.arguments


def test_a_rule_that_the_picture_does_not_keep_yet_is_a_change_too() -> None:
    rule = Claim(id="c1", kind="style", value="watercolor")
    summer = Claim(id="c2", kind="season", value="summer")
    gone = Change(op="remove", subject="dog")
    calls = edit(brief(gone, claims=(rule, summer)), canvas(), 7, ALL)
    assert tools(calls)[:3] == ["segment", "inpaint", "style_transfer"]
    assert calls[-1].arguments["style"] == "watercolor"
    assert "edge_guided" not in tools(calls), "it is summer already"
    painted = Canvas("img-1", (256, 256), read_look(look(*THINGS, style="watercolor")))
    assert "style_transfer" not in tools(edit(brief(gone, claims=(rule,)), painted, 7, ALL))


def test_what_may_well_be_there_is_kept_though_it_is_not_told() -> None:
    seen = look(*THINGS, ("cat", "gray", (0.2, 0.8, 0.3, 0.9)))
    seen["things"][-1]["confidence"] = 0.3
    calls = planned(
        {"op": "season", "value": "winter"}, on=Canvas("img-1", (256, 256), read_look(seen))
    )
    assert "the cat" in {call.arguments.get("text") for call in calls}
    assert "cat" not in calls[-1].arguments["prompt"]


def test_the_sun_does_not_stay_when_night_comes() -> None:
    sun = ("sun", None, (0.4, 0.05, 0.5, 0.15))
    calls = planned({"op": "time", "value": "night"}, on=canvas(*THINGS, sun))
    assert "the sun" not in {call.arguments.get("text") for call in calls}
    winter = planned({"op": "season", "value": "winter"}, on=canvas(*THINGS, sun))
    assert "the sun" in {call.arguments.get("text") for call in winter}


def test_a_style_is_painted_over_or_taken_from_a_picture() -> None:
    calls = planned({"op": "style", "value": "watercolor"})
    assert {call.arguments["style"] for call in calls} == {"watercolor"}
    assert len({call.arguments["seed"] for call in calls}) == len(calls) == 3
    [taken] = planned({"op": "style", "reference": "img-9"})
    assert taken.images == {"image": "img-1", "reference": "img-9"}
    claim = Claim(id="c1", kind="style", value="oil")
    painted, tinged = edit(
        brief(Change(op="style", reference="img-9"), claims=(claim,)), canvas(), 7, ALL
    )
    assert painted.arguments["style"] == "oil", "first in its style, then a little of its colors"
    assert tinged.images == {"image": "#1", "reference": "img-9"}
    assert tinged.arguments["strength"] < taken.arguments["strength"]


def test_in_another_style_things_are_painted_once_more_by_themselves() -> None:
    change = Change(op="style", value="watercolor")
    first, fine, other = edit(brief(change), canvas(), 7, {*ALL, "detail"})
    assert (first.tool, fine.tool, other.tool) == ("style_transfer", "detail", "style_transfer")
    assert (first.aid, fine.aid, other.aid) == (True, False, False)
    assert fine.images == {"image": "#1"} and other.images == {"image": "img-1"}
    assert fine.arguments["scene"].startswith("watercolor")
    assert [thing["kind"] for thing in fine.arguments["things"]] == ["house", "tree", "tree"]
    assert first.arguments["seed"] != other.arguments["seed"]
    assert fine.before == other.before == "img-1"


def test_what_faces_one_way_is_what_its_mirrored_sketch_does_not_cover() -> None:
    for kind in set(world().objects) - {"person"}:
        thing = {"kind": kind, "box": [0.0, 0.0, 1.0, 1.0], "color": None}
        alpha = sketch(things=[thing], size=[96, 96]).getchannel("A")
        one, other = (set(_where(image)) for image in (alpha, ImageOps.mirror(alpha)))
        covered = len(one & other) / len(one | other)
        assert (covered < 0.8) == (kind in FACING), (kind, covered)


def _where(alpha: Image.Image) -> list[int]:
    return [i for i, value in enumerate(alpha.tobytes()) if value > 127]


@pytest.mark.parametrize(
    ("change", "tool", "arguments"),
    [
        ({"op": "crop", "value": "square"}, "adjust", {"crop": [22, 0, 278, 256]}),
        ({"op": "crop", "value": "left"}, "adjust", {"crop": [0, 0, 180, 256]}),
        ({"op": "flip", "value": "horizontal"}, "adjust", {"flip": "horizontal"}),
        ({"op": "rotate", "count": 90}, "adjust", {"rotate": -90.0}),
        ({"op": "scale", "count": 4}, "upscale", {"scale": 4}),
        ({"op": "scale"}, "upscale", {"scale": 2}),
        ({"op": "tune", "value": "sharper"}, "adjust", {"sharpness": 2.2}),
        ({"op": "tune", "value": "bluer"}, "recolor", {"color": "blue", "strength": 0.3}),
        ({"op": "cut out", "subject": "dog"}, "remove_background", {"subject": "the dog"}),
    ],
)
def test_changes_of_the_frame(change: dict[str, Any], tool: str, arguments: dict[str, Any]) -> None:
    [call] = planned(change, on=canvas(*THINGS, size=(300, 256)))
    assert (call.tool, call.arguments) == (tool, arguments)


def test_a_side_is_extended_by_half() -> None:
    calls = planned({"op": "extend", "value": "sides"}, on=canvas(*THINGS, size=(300, 256)))
    assert calls[0].arguments["left"] == calls[0].arguments["right"] == 150
    assert "top" not in calls[0].arguments


def test_several_changes_build_on_each_other_and_only_the_last_hands_over() -> None:
    calls = planned(
        {"op": "weather", "value": "snow"}, {"op": "remove", "subject": "dog"},
        {"op": "recolor", "subject": "house", "value": "blue"},
    )  # fmt: skip
    painting = [c for c in calls if c.tool in ("recolor", "inpaint", "edge_guided")]
    assert tools(painting) == ["recolor", "inpaint", "inpaint", "edge_guided"]
    assert [call.aid for call in calls] == [True] * (len(calls) - 1) + [False]
    for before, after in itertools.pairwise(painting):
        assert after.images["image"] == f"#{calls.index(before) + 1}"
    assert [c.arguments["text"] for c in calls if c.tool == "segment"][2:4] == [
        "the house",
        "the tree",
    ]
    assert "dog" not in calls[-1].arguments["prompt"]
    two = planned(
        {"op": "recolor", "subject": "house", "value": "blue"}, {"op": "remove", "subject": "dog"}
    )
    assert two[-2].tool == "blend", "what was changed is measured around all of it"
    assert two[-1].within == f"#{len(two) - 1}"


def test_what_can_be_done_is_done_and_the_rest_is_said_only_if_nothing_can() -> None:
    both = {"op": "remove", "subject": "cat"}, {"op": "remove", "subject": "dog"}
    assert tools(planned(*both))[-1] == "inpaint"
    with pytest.raises(ToolError, match="no cat is seen"):
        planned(both[0])
    with pytest.raises(ToolError, match="knows no dragon"):
        planned({"op": "add", "subject": "dragon"})
    few = frozenset({"segment", "blend", "region", "inpaint", "recolor"})
    with pytest.raises(ToolError, match="edge_guided cannot run now"):
        edit(brief(Change(op="time", value="night")), canvas(), 1, few)
    blue = Change(op="recolor", subject="house", value="blue")
    calls = edit(brief(Change(op="time", value="night"), blue), canvas(), 1, few)
    assert tools(calls) == ["segment", "recolor"], "half a change is none"
    with pytest.raises(ToolError, match="nothing in the request"):
        planned()


@pytest.mark.parametrize("change", [{"op": "time", "value": "night"},
                                    {"op": "style", "value": "oil"},
                                    {"op": "extend", "value": "left"}])  # fmt: skip
def test_a_photograph_is_not_painted_anew(change: dict[str, Any]) -> None:
    strange = replace(canvas(own=False), seen=replace(canvas().seen, familiar=False))
    with pytest.raises(ToolError, match="what works on photographs"):
        planned(change, on=strange)
    assert planned(change, on=canvas(own=False)), "a drawing of the same world may be"


TOLD = {*ALL, "edit_by_instruction"}
STRANGE = replace(canvas(own=False), seen=replace(canvas().seen, familiar=False))
GIRAFFE = Change(op="add", subject="giraffe", source="add a giraffe")


def test_what_no_rule_can_do_in_a_photograph_is_told_to_a_model_that_edits() -> None:
    night = Change(op="time", value="night", source="make it night")
    winter = Change(op="season", value="winter", source="in winter")
    gone = Change(op="remove", subject="dog", source="remove the dog")
    found, filled, closing = edit(brief(GIRAFFE, night, gone, winter), STRANGE, 7, TOLD)
    assert [found.tool, filled.tool] == ["segment", "inpaint"], "what a rule can do is done by it"
    assert (closing.tool, closing.images) == ("edit_by_instruction", {"image": "#2"})
    assert closing.arguments == {
        "instruction": "add a giraffe; make it night; in winter", "seeds": [7, 8, 9, 10],
    }  # fmt: skip
    assert (closing.aid, closing.within, closing.undone) == (False, None, ())


def test_a_style_without_a_name_here_is_told_in_the_words_of_the_user() -> None:
    style = Change(op="style", value="ukiyo-e", source="as ukiyo-e")
    own = replace(STRANGE, own=True)
    assert tools(edit(brief(style), own, 7, TOLD)) == ["edit_by_instruction"]
    oil = Change(op="style", value="oil", source="in oil")
    assert "edit_by_instruction" not in tools(edit(brief(oil), own, 7, TOLD))


@pytest.mark.parametrize(
    ("change", "on", "offered", "why"),
    [
        (GIRAFFE, STRANGE, ALL, "the painter knows no giraffe"),
        (GIRAFFE, canvas(), TOLD, "the painter knows no giraffe"),
        (Change(op="remove", subject="cat", source="no cat"), canvas(), TOLD, "no cat is seen"),
        (Change(op="remove", subject="it", source="remove it"), STRANGE, TOLD, "it"),
        (Change(op="extend", value="left", source="wider"), STRANGE, TOLD, "on photographs"),
        (GIRAFFE.model_copy(update={"source": None}), STRANGE, TOLD, "knows no giraffe"),
    ],
)
def test_else_it_is_refused_as_ever(change: Change, on: Any, offered: set[str], why: str) -> None:
    with pytest.raises(ToolError, match=why):
        edit(brief(change), on, 7, offered)


def test_what_is_left_undone_is_told_in_the_language_of_the_request() -> None:
    both = (Change(op="remove", subject="cat"), Change(op="remove", subject="dog"))
    chinese = brief(*both).model_copy(update={"language": "zh"})
    assert edit(chinese, canvas(), 7, ALL)[-1].undone == ("在 img-1 里没有看到猫",)
    assert planned({"op": "remove", "subject": "dog"})[-1].undone == ()


def test_a_reference_that_was_not_found_is_no_reference_to_a_call() -> None:
    with pytest.raises(ToolError, match="no such picture: #2"):
        planned(
            {"op": "recolor", "subject": "house", "value": "blue"},
            {"op": "style", "reference": "#2"},
        )


def test_a_prompt_is_never_longer_than_the_painter_reads() -> None:
    crowd = [("tree", None, (k / 12, 0.5, k / 12 + 0.05, 0.6)) for k in range(12)]
    things = [("cat", "red", (0.1, 0.8, 0.2, 0.9)), *crowd, *THINGS]
    night = {"op": "time", "value": "night"}
    prompt = planned(night, on=canvas(*things), repainting=True)[0].arguments["prompt"]
    assert "a red house" in prompt
    assert len(re.findall(r"<\w+>|\w+|[^\w\s]", prompt)) <= MAX_TOKENS - 2


def test_a_photograph_is_not_painted_over_without_a_word() -> None:
    gone = {"op": "remove", "subject": "dog"}
    *_, painted = planned(gone, on=canvas(own=False), repainting=True)
    assert painted.arguments["anyway"] is False


def test_equal_seeds_plan_equally() -> None:
    change = {"op": "add", "subject": "tree", "count": 2}
    assert planned(change) == planned(change)


# -- another try


def tried(
    asked: Brief, seen: dict[str, Any], call: Call | None = None, round_: int = 1
) -> tuple[list[Attempt], dict[str, Any]]:
    """One attempt whose picture shows what ``seen`` says, and the readings of both pictures."""
    read = read_look(seen)
    verdict = judge(asked, read, before=Before(canvas().seen, 0.0))
    made = Attempt(
        call=call or Call(tool="inpaint"), round=round_, pictures=("img-2",),
        verdicts={"img-2": verdict},
    )  # fmt: skip
    return [made], {"img-1": canvas().seen, "img-2": read}


def test_only_what_is_still_wrong_is_changed_again_in_the_best_picture() -> None:
    asked = brief(
        Change(op="recolor", subject="house", value="blue"), Change(op="remove", subject="dog"),
        claims=(
            Claim(id="c1", kind="color", subject="house", value="blue"),
            Claim(id="c2", kind="absent", subject="dog"),
        ),
    )  # fmt: skip
    left = look(("house", "red", HOUSE), ("tree", None, NEAR), ("tree", None, FAR))
    calls = again(asked, canvas(), 7, *tried(asked, left), ALL)
    assert tools(calls)[-1] == "inpaint", "recoloring was not enough, so it is painted"
    assert calls[-1].images["image"] == calls[-1].before == "img-2", "what was changed then stays"
    assert calls[-1].arguments["seeds"][0] == 7 + CHOICE
    assert not any("dog" in str(call.arguments.get("text")) for call in calls)


def test_a_thing_that_the_first_try_lost_is_painted_from_where_it_was() -> None:
    asked = brief(
        Change(op="recolor", subject="dog", value="blue"),
        claims=(Claim(id="c1", kind="color", subject="dog", value="blue"),),
    )
    calls = again(asked, canvas(), 7, *tried(asked, look(*THINGS[:3])), ALL)
    assert calls[-1].images["image"] == "img-1"
    assert calls[-1].tool == "inpaint"


def test_what_may_have_been_added_and_is_not_recognized_is_not_added_on_top() -> None:
    asked = brief(
        Change(op="add", subject="ball"),
        claims=(Claim(id="c1", kind="object", subject="ball"),),
    )
    more = {*ALL, "detail"}
    first = edit(asked, canvas(), 7, more)
    calls = again(asked, canvas(), 7, *tried(asked, look(*THINGS)), more)
    assert tools(calls) == tools(first), "it is laid in once more"
    assert calls[-1].images["image"] == "img-1"
    assert calls[-1].arguments["things"] != first[-1].arguments["things"], "in another place"
    last = again(asked, canvas(), 7, *tried(asked, look(*THINGS), round_=2), more)
    assert tools(last)[-1] == "inpaint", "at last it is painted into the picture"


def test_of_several_to_be_added_only_the_missing_ones_are() -> None:
    asked = brief(
        Change(op="add", subject="bird", count=2),
        claims=(Claim(id="c1", kind="count", subject="bird", value=2),),
    )
    one = look(*THINGS, ("bird", None, (0.45, 0.1, 0.55, 0.2)))
    calls = again(asked, canvas(), 7, *tried(asked, one), ALL)
    [bird] = next(call for call in calls if call.tool == "sketch").arguments["things"]
    assert bird["kind"] == "bird"


def test_a_scene_that_lost_something_is_painted_anew_from_the_first_picture() -> None:
    asked = brief(
        Change(op="time", value="night"),
        claims=(
            Claim(id="c1", kind="time", value="night"),
            Claim(id="c2", kind="kept", subject="everything else"),
        ),
    )
    lost = look(*THINGS[:3], time="night")
    [painted] = again(asked, canvas(), 7, *tried(asked, lost), ALL)
    assert painted.images == {"image": "img-1"}
    assert painted.arguments["seeds"][0] == 7 + CHOICE


def test_what_has_no_chance_in_it_is_not_done_twice() -> None:
    asked = brief(
        Change(op="crop", value="left"), claims=(Claim(id="c1", kind="object", subject="dog"),)
    )
    assert again(asked, canvas(), 7, *tried(asked, look(*THINGS[:2])), ALL) == []


def test_three_rounds_are_enough() -> None:
    asked = brief(
        Change(op="remove", subject="dog"), claims=(Claim(id="c1", kind="absent", subject="dog"),)
    )
    attempts, seen = tried(asked, look(*THINGS), round_=3)
    assert again(asked, canvas(), 7, attempts, seen, ALL) == []
