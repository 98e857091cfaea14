"""A part of a picture that a person marked: what is meant by it, and that nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw
from scripted_engine import SCENE, ScriptedEngine
from test_editing import ALL, THINGS, canvas

from danqing.agent.brief import Brief, Change, Claim
from danqing.agent.editing import edit
from danqing.agent.language import understand
from danqing.agent.marked import WHOLE, Marked, pointed
from danqing.agent.settling import HERE
from danqing.agent.studio import Options, Studio, TurnDocument
from danqing.agent.verdict import Before, judge
from danqing.tools.errors import BadInput, ToolError
from danqing.tools.geometry import Box

TREE = (0.47, 0.42, 0.68, 0.78)
"""Around the nearer tree of `test_editing.canvas`."""
EVERYWHERE = (0.0, 0.0, 1.0, 1.0)
NOWHERE = (0.2, 0.02, 0.4, 0.2)


def mask(box: Box, size: tuple[int, int] = (256, 256)) -> Image.Image:
    drawn = Image.new("L", size)
    around = (box[0] * size[0], box[1] * size[1], box[2] * size[0] - 1, box[3] * size[1] - 1)
    ImageDraw.Draw(drawn).ellipse(around, fill=255)
    return drawn


def marked(box: Box) -> Marked:
    return Marked("img-9", mask(box))


def meant(request: str, box: Box = TREE) -> Brief:
    return pointed(understand(request), marked(box), canvas().seen, "img-1")


@pytest.mark.parametrize(
    ("request_", "op", "subject"),
    [
        ("remove this", "remove", "tree"), ("make this red", "recolor", "tree"),
        ("把这个去掉", "remove", "tree"), ("replace this with a cat", "replace", "tree"),
        ("put a lamp here", "add", "lamp"), ("在这里放一盏灯", "add", "lamp"),
        ("a lamp", "add", "lamp"), ("画一只猫在这里", "add", "cat"),
    ],
)  # fmt: skip
def test_this_is_what_is_marked_and_here_is_where(request_: str, op: str, subject: str) -> None:
    brief = meant(request_)
    assert (brief.intent, brief.target) == ("edit", "img-1")
    assert [(change.op, change.subject) for change in brief.changes] == [(op, subject)]


def test_of_several_things_those_are_meant_that_are_marked() -> None:
    assert meant("remove the tree").changes[0].count == 1
    assert meant("remove the tree", EVERYWHERE).changes[0].count == 2
    assert meant("remove this", NOWHERE).changes[0].subject == HERE
    assert meant("make this red").claims[0].key == (
        "color", "tree", "red", None, None, None, None
    )  # fmt: skip


def test_what_is_new_fits_into_what_is_marked() -> None:
    for noun in ("lamp", "cat", "house"):
        for box in marked(TREE).room(noun, 2):
            assert marked(TREE).share(box) >= WHOLE


def planned(change: Change, box: Box = TREE) -> list[str]:
    on = replace(canvas(), marked=marked(box))
    brief = Brief(language="en", intent="edit", target="img-1", changes=(change,))
    return [call.images.get("mask", call.tool) for call in edit(brief, on, 7, ALL)]


def test_what_is_marked_is_taken_away_as_it_is_marked() -> None:
    assert planned(Change(op="remove", subject="tree", count=1)) == ["img-9"]
    assert planned(Change(op="remove", subject=HERE), NOWHERE) == ["img-9"]
    assert planned(Change(op="recolor", subject=HERE, value="red"), NOWHERE) == ["img-9"]
    assert "img-9" not in planned(Change(op="remove", subject="tree"), EVERYWHERE), (
        "the house and the dog are marked, too"
    )


@pytest.mark.parametrize(
    "change",
    [
        Change(op="move", subject="tree", value="left"), Change(op="flip", value="horizontal"),
        Change(op="resize", subject="tree", value="bigger"), Change(op="extend", value="left"),
    ],
)  # fmt: skip
def test_what_would_change_the_rest_is_refused(change: Change) -> None:
    with pytest.raises(ToolError, match="marked"):
        planned(change)


def test_within_what_was_marked_anything_may_change() -> None:
    kept = Claim(id="c1", kind="kept", subject="everything else")
    change = Change(op="recolor", subject=HERE, value="red")
    brief = Brief(language="en", intent="edit", target="img-1", changes=(change,), claims=(kept,))
    after = canvas(THINGS[0]).seen
    for marked_, status in ((True, "met"), (False, "unmet")):
        before = Before(canvas().seen, 0.0, marked_)
        assert judge(brief, after, before=before).findings["c1"].status == status
    spoiled = Before(canvas().seen, 0.5, marked=True)
    assert judge(brief, after, before=spoiled).findings["c1"].status == "unmet"


# -- whole turns


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path / "home") as studio:
        yield studio


def coded(image: Image.Image) -> bytes:
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def edited(studio: Studio, request: str, base: str, session: str, box: Box) -> TurnDocument:
    """The turn of a request for a part of a picture, which is all that may have changed."""
    before = studio.image(base)
    shown = mask(box, before.size)
    handle = studio.take_in(coded(shown), "mask", Options(0), session, mask=True)
    options = replace(studio.usual_options(session), seed=3, base=base, mask=handle)
    turn = studio.ask(request, options, session=session)
    if turn.picture is not None:
        after = studio.image(turn.picture.handle)
        apart = ImageChops.difference(before.convert("RGB"), after.convert("RGB"))
        assert apart.getbbox() is not None, "nothing was changed"
        outside = ImageChops.multiply(apart, ImageChops.invert(shown).convert("RGB"))
        assert outside.getbbox() is None, request
    return turn


@pytest.mark.parametrize("request_", ["remove this", "make it brighter", "make it winter"])
def test_a_tool_that_spoils_the_rest_does_no_harm(
    studio: Studio, tmp_path: Path, request_: str
) -> None:
    roles = ("text-to-image", "captioner", "upscaler", "controlnet", "panoptic")
    engine = studio.engine = ScriptedEngine(
        tmp_path / "models", lambda seed: f"{SCENE} a red house at the left.", roles
    )
    engine.side = 64
    session = studio.ledger.new_session()
    first = studio.ask("a red house", Options(1, (64, 64)), session=session).picture
    assert first is not None
    engine.careless = True
    turn = edited(studio, request_, first.handle, session, (0.4, 0.4, 0.9, 0.9))
    assert turn.picture is not None


def test_a_mask_shows_something_and_is_not_one_of_the_pictures(studio: Studio) -> None:
    from danqing.agent.lineage import Lineage

    session = studio.ledger.new_session()
    studio.take_in(coded(mask(TREE)), "mask", Options(0), session, mask=True)
    with pytest.raises(BadInput, match="black"):
        studio.take_in(coded(Image.new("L", (8, 8))), "mask", Options(0), session, mask=True)
    assert not Lineage(studio.ledger, session).nodes
    assert Options.read(replace(Options(1), mask="img-1").as_json()).mask == "img-1"


def test_a_real_picture_is_changed_where_it_is_marked(studio: Studio) -> None:
    session = studio.ledger.new_session()
    first = studio.ask(
        "a red house and two green trees on a meadow in summer", Options(5, (256, 256)),
        session=session,
    ).picture  # fmt: skip
    assert first is not None
    seen = studio.use("look", {"image": first.handle}, Options(0), session).value or {}
    left, top, right, bottom = next(t["box"] for t in seen["things"] if t["kind"] == "tree")
    around = (left - 0.08, top - 0.08, right + 0.08, bottom + 0.08)
    removed = edited(studio, "remove this", first.handle, session, around)
    assert removed.satisfied
    assert removed.brief is not None
    assert {c.key[:3] for c in removed.brief.claims} >= {
        ("count", "tree", 1), ("kept", "everything else", None)
    }  # fmt: skip
    refused = edited(studio, "flip it", first.handle, session, around)
    assert refused.picture is None
    assert "marked" in refused.reply
