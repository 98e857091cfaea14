"""A conversation: what is said leads to turns, and acts move about between the pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent.brief import Brief, Change
from danqing.agent.budget import Budget
from danqing.agent.home import Home
from danqing.agent.session import Session
from danqing.agent.settling import Question, settle
from danqing.agent.studio import Options, Studio
from danqing.tools.errors import BadInput, Cancelled, ToolError

OPTIONS = Options(seed=1, size=(64, 64))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield studio


@pytest.fixture
def session(studio: Studio) -> Session:
    return Session(studio, OPTIONS)


def test_a_request_leads_to_a_picture_where_the_conversation_then_stands(session: Session) -> None:
    said = session.say("a red house")
    assert said.turn is not None
    assert said.turn.picture is not None
    assert said.pictures == (said.turn.picture.handle,) == (session.head,)
    assert said.words == said.turn.reply


def test_undo_and_redo_in_words_and_by_name(session: Session) -> None:
    one = session.say("a red house").pictures[-1]
    two = session.say("a red house, winter").pictures[-1]
    assert session.say("undo").pictures == (one,)
    assert session.head == one
    assert session.say("重做").words == f"接下来从 {two} 开始。"
    assert session.undo() == one
    assert session.undo() is None
    with pytest.raises(BadInput, match="nothing to undo"):
        session.undo()
    assert session.redo() == one


def test_it_goes_on_in_another_session_object_as_it_was_left(
    session: Session, studio: Studio
) -> None:
    one = session.say("a red house").pictures[-1]
    session.say("a red house, winter")
    session.undo()
    assert Session(studio, OPTIONS, session.id).head == one
    with pytest.raises(BadInput, match="no session 'nowhere'"):
        Session(studio, OPTIONS, "nowhere")


def test_a_session_is_written_down_only_once_something_is_said(studio: Studio) -> None:
    Session(studio, OPTIONS)
    assert studio.ledger.sessions(5) == []


def test_variants_stand_side_by_side(session: Session) -> None:
    first = session.say("a red house").pictures[-1]
    said = session.say("two more")
    made = session.variants(2)
    assert len(set(made.pictures)) == 3
    assert said.pictures[0] == first
    assert set(session.lineage.siblings(first)) >= {*said.pictures, *made.pictures}
    with pytest.raises(BadInput, match="9 variants"):
        session.variants(9)


def test_there_is_nothing_to_vary_before_a_picture_was_drawn(session: Session) -> None:
    with pytest.raises(BadInput, match="no picture yet"):
        session.variants()
    handle = session.open(png("green"))
    with pytest.raises(BadInput, match="was not drawn here"):
        session.variants(handle=handle)


def png(color: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_of_ones_own_becomes_one_of_the_conversation(
    session: Session, studio: Studio, tmp_path: Path
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(png("green"))
    drawn = session.say("a red house").pictures[-1]
    handle = session.open(file)
    assert session.head == handle
    assert studio.image(handle).getpixel((0, 0)) == (0, 128, 0)
    node = session.lineage.nodes[handle]
    assert (node.request, node.parent, node.base) == ("photo.png", None, drawn)
    assert session.undo() == drawn
    with pytest.raises(BadInput, match="not a PNG, JPEG or WebP"):
        session.open(b"words")
    assert session.head == drawn


def test_showing_and_going(session: Session) -> None:
    one = session.say("a red house").pictures[-1]
    two = session.say("a red house, winter").pictures[-1]
    assert session.say("show me the first one").pictures == (one,)
    assert session.head == two, "to show is not to go there"
    session.say("go back to the first one")
    assert session.head == one
    assert session.go(two) == two
    with pytest.raises(ToolError, match="no picture 'img-99'"):
        session.go("img-99")


def test_a_branch_is_deleted_with_its_pixels(session: Session, studio: Studio) -> None:
    one = session.say("a red house").pictures[-1]
    two = session.say("a red house, winter").pictures[-1]
    digests = [p.digest for p in studio.ledger.turn(session.lineage.nodes[two].turn).pictures]
    deleted, files = session.delete(two)
    assert deleted == [two]
    assert files > 0
    assert not any(
        studio.ledger.store.has(digest) for digest in digests
        if digest != studio.ledger.picture(one).digest
    )  # fmt: skip
    assert studio.ledger.store.has(studio.ledger.picture(one).digest)
    assert list(session.lineage.nodes) == [one]
    with pytest.raises(BadInput, match="was deleted"):
        session.go(two)
    with pytest.raises(BadInput, match="was deleted"):
        session.delete(two)
    assert session.say("a red house, winter").turn is not None, "what is gone is drawn again"


def test_two_pictures_are_compared_in_numbers(session: Session) -> None:
    one, two = session.open(png("green")), session.open(png("red"))
    assert "100.0%" in session.compare(one, two).words
    assert "the same, pixel by pixel" in session.compare(one, one).words
    assert "和原图比较" not in session.say("和原图比较一下").words
    large = session.open(png("red", (50, 30)))
    assert "40×30" in session.compare(one, large).words


def test_the_account_is_given_from_the_ledger(session: Session) -> None:
    assert "Nothing was made" in session.say("what did you change?").words
    session.say("a red house")
    session.say("how many trees are there?")
    told = session.say("why did you redraw it?").words
    assert "“a red house”" in told, "a question redraws nothing"
    assert "text_to_image × 1" in told


def test_where_two_pictures_may_be_meant_it_asks_unless_it_was_told_not_to(
    studio: Studio, session: Session
) -> None:
    first = session.say("a red house").pictures[-1]
    second = session.say("a red house by the sea").pictures[-1]
    asked: list[Question] = []

    def asker(question: Question) -> int:
        asked.append(question)
        return 1

    session.asker = asker
    assert session.say("show the original").pictures == (first,)
    assert asked[0].choices == (second, first)
    session.say("a dog")
    assert len(asked) == 1, "a style is asked for only by those who want to be asked often"
    session.asking = "often"
    session.say("a dog in a tent")
    assert asked[-1].kind == "style"
    session.undo()
    session.undo()
    del asked[1:]
    session.asking = "never"
    assert session.say("show the original").pictures == (second,)
    assert len(asked) == 1


def test_what_one_session_deletes_another_one_keeps(studio: Studio, session: Session) -> None:
    other = Session(studio, OPTIONS)
    mine, theirs = session.open(png("green")), other.open(png("green"))
    session.delete(mine)
    assert other.head == theirs
    assert studio.image(theirs).size == (40, 30)
    assert studio.ledger.check() == []
    other.delete(theirs)
    assert not any(studio.home.blobs.iterdir())


def test_what_was_deleted_can_come_again(session: Session, studio: Studio) -> None:
    first = session.open(png("green"))
    session.delete(first)
    again = session.open(png("green"))
    assert again != first
    assert session.head == again
    assert studio.image(again).size == (40, 30)


def test_deleting_elsewhere_does_not_move_the_conversation(session: Session) -> None:
    one, two, three = (session.open(png(color)) for color in ("green", "red", "blue"))
    session.go(one)
    session.delete(three)
    assert session.head == one
    session.undo()
    session.delete(two)
    assert session.head is None


def test_undo_of_more_steps_than_there_are_undoes_none(session: Session) -> None:
    session.open(png("green"))
    two = session.open(png("red"))
    with pytest.raises(BadInput, match="nothing to undo"):
        session.say("undo 5 steps")
    assert session.head == two


def test_a_variant_is_of_what_was_understood_then(session: Session, studio: Studio) -> None:
    first, second = session.open(png("green")), session.open(png("red", (48, 32)))
    flipped = session.say("flip the second picture").pictures[-1]
    session.delete(first)
    made = session.variants(1, handle=flipped).turn
    assert made is not None
    assert made.brief is not None
    assert made.brief.target == second


def test_a_spent_budget_ends_an_edit_and_does_not_block_what_is_to_be_resumed(
    studio: Studio,
) -> None:
    session = Session(studio, Options(seed=1, size=(64, 64), budget=Budget(steps=1)))
    session.open(png("green"))
    said = session.say("remove the house")
    assert said.turn is not None
    assert said.turn.picture is None
    assert not studio.ledger.unfinished()


def test_more_than_can_be_checked_is_refused_at_once(session: Session, studio: Studio) -> None:
    session.say("all later pictures without people")
    kinds = "dog cat house tree car boat bird ball lamp cup tent horse tower castle rabbit flower"
    long = ", ".join(f"a red {kind} and two blue {kind}s" for kind in kinds.split())
    with pytest.raises(BadInput, match=r"asks for \d+ things at once; at most 40"):
        session.say(long)
    assert not studio.ledger.unfinished()


def test_an_upload_that_a_crash_cut_short_is_no_request(studio: Studio, session: Session) -> None:
    options = {**OPTIONS.as_json(), "upload": True}
    studio.ledger.begin_turn(session.id, "a red house.jpg", options)
    assert studio.cut_short() == []


def test_it_is_the_thing_that_was_changed_last(session: Session, studio: Studio) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    lineage = session.lineage
    brief = Brief(
        language="en", intent="edit", target="img-1",
        changes=(Change(op="recolor", subject="it", value="blue"),),
    )  # fmt: skip
    assert settle(brief, lineage, None).changes[0].op == "tune", "there is no thing"
    session.say("a red house")
    drawn = brief.model_copy(update={"target": session.head})
    settled = settle(drawn, session.lineage, session.head)
    assert settled.changes[0].subject == "house"
    assert ("color", "house", "blue") in {(c.kind, c.subject, c.value) for c in settled.claims}
    assert not any(c.value == "red" for c in settled.claims)


def test_a_picture_is_accepted_in_words(session: Session) -> None:
    one = session.say("a red house").pictures[-1]
    assert session.say("就这张").words == f"好，就用 {one}。"


def test_a_turn_ends_with_the_best_so_far_once_it_is_accepted(
    studio: Studio, session: Session
) -> None:
    engine = studio.engine
    assert isinstance(engine, ScriptedEngine)
    engine.caption_of = lambda seed: SCENE + " a cat."

    def accept(tool: str) -> None:
        if tool == "caption":
            studio.accept.set()

    engine.before = accept
    said = session.say("a red house")
    assert said.turn is not None
    assert said.turn.stopped == "you took the best so far"
    assert said.turn.cost.pictures == 4, "no second round"
    assert said.pictures


def test_a_rule_is_told_and_holds(session: Session) -> None:
    said = session.say("all later pictures without people")
    assert said.words == "From now on: no person."
    drawn = session.say("a red house")
    assert drawn.turn is not None
    assert drawn.turn.brief is not None
    assert "absent" in {claim.kind for claim in drawn.turn.brief.claims}
    assert session.say("可以有人了").words == "不再要求：人。"


def test_a_real_picture_is_changed_by_talking_about_it(tmp_path: Path) -> None:
    import numpy as np

    with Studio(Home.open(tmp_path / "home")) as studio:
        session = Session(studio, Options(seed=7))
        first = session.say("a red house on the left, a green tree on the right", seed=100)
        blue = session.say("把房子变成蓝色", seed=101)
        assert blue.turn is not None
        assert blue.turn.satisfied, blue.words
        before, after = (
            np.asarray(studio.image(said.pictures[-1])).astype(int) for said in (first, blue)
        )
        assert before.shape == after.shape
        moved = (before != after).any(2)
        assert 0.01 < moved.mean() < 0.4
        assert not moved[:, 360:].any(), "the tree and all around it are the very same pixels"
        assert session.say("how many trees are there?").words.endswith("1.")
        gone = session.say("remove the tree", seed=103)
        assert gone.turn is not None
        kept = {c.id for c in gone.turn.brief.claims if c.kind == "kept"}  # type: ignore[union-attr]
        assert {gone.turn.verdict[id].status for id in kept} == {"met"}
        session.say("undo")
        assert session.head == blue.pictures[-1]
        assert all(studio.replay(blue.pictures[-1]).values()), "the same pixels once more"


def test_a_tool_that_is_used_is_undone_to_where_the_conversation_stood(session: Session) -> None:
    house = session.say("a red house").pictures[-1]
    step = session.use("adjust", {"image": house, "brightness": 0.5})
    assert session.head == step.pictures[0].handle != house
    assert session.undo() == house


def test_a_session_is_stopped_by_itself(studio: Studio, session: Session) -> None:
    house = session.say("a red house").pictures[-1]
    cancel = threading.Event()
    stopped = Session(studio, OPTIONS, session.id, cancel=cancel)
    cancel.set()
    for work in (
        lambda: stopped.say("two green trees"),
        lambda: stopped.variants(2),
        lambda: stopped.use("adjust", {"image": house, "brightness": 0.5}),
    ):
        with pytest.raises(Cancelled):
            work()
    assert session.head == house
    assert session.say("two green trees").pictures, "others are not"


def test_a_picture_belongs_to_the_sessions_that_made_it_and_kept_it(
    studio: Studio, session: Session
) -> None:
    owners = studio.ledger.owners
    box = {"boxes": [[0.0, 0.0, 0.5, 0.5]], "size": [64, 64]}
    other = Session(studio, OPTIONS)
    house = session.say("a red house").pictures[-1]
    assert owners(house) == {session.id}
    mask = session.use("region", box).pictures[0].handle
    assert other.use("region", box).pictures[0].handle == mask
    assert owners(mask) == {session.id, other.id}
    session.delete(house)
    assert owners(house) == owners("img-999") == owners("../x") == frozenset()


def test_a_picture_comes_as_the_file_that_is_saved(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    house = session.say("a red house").pictures[-1]
    for metadata in (True, False):
        saved = studio.save(house, tmp_path / "house.png", metadata=metadata)
        assert studio.png(house, metadata=metadata) == saved.read_bytes()
    assert studio.png(house) != studio.png(house, metadata=False)
