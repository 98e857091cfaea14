"""The ledger holds what was said to it, refuses what cannot be true, and finds it all again."""

from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PIL import Image

from danqing.agent.canonical import canonical, scrub
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger, Step, Turn, step_key
from danqing.agent.records import SCHEMA_VERSION
from danqing.agent.store import ORPHAN_SECONDS
from danqing.tools.errors import BadInput, Stopped, ToolError

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NULs as well
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(ANY_TEXT, JSON, max_size=3)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with Ledger(home) as ledger:
        yield ledger


@pytest.fixture
def turn(ledger: Ledger) -> Turn:
    return ledger.begin_turn(ledger.new_session(), "a red house", {"size": 512})


def dot(color: str = "red") -> Image.Image:
    return Image.new("RGB", (6, 4), color)


def draw(
    ledger: Ledger, turn: Turn, color: str = "red", inputs: Mapping[str, str] = MappingProxyType({})
) -> Step:
    digests = [ledger.picture(handle).digest for handle in inputs.values()]
    key = step_key("text_to_image", {"prompt": color}, digests, 7, "m")
    step = ledger.begin_step(turn, "text_to_image", {"prompt": color}, inputs, 7, key)
    return ledger.finish_step(step, [dot(color)], None, {"seconds": 0.5})


# A turn from its request to its end.


def test_a_turn_is_found_again_with_all_that_followed_from_it(home: Home) -> None:
    with Ledger(home) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "一座红房子", {"size": 512})
        ledger.record_brief(turn, {"intent": "make"})
        ledger.record_plan(turn, [{"tool": "text_to_image"}])
        first = draw(ledger, turn)
        second = draw(ledger, turn, "blue", inputs={"image": "img-1"})
        answer = ledger.begin_step(turn, "ask", {"question": "red?"}, {"image": "img-1"}, None, "k")
        answer = ledger.finish_step(answer, [], {"answer": "yes"}, {})
        ledger.record_verdict(turn, "img-2", {"c1": {"status": "met"}})
        ledger.end_turn(turn, {"stopped": "satisfied", "best": "img-2"})
    with Ledger(home) as ledger:
        record = ledger.turn(turn.id)
    assert (record.id, record.session, record.request) == (turn.id, turn.session, "一座红房子")
    assert record.options == {"size": 512}
    assert record.brief == {"intent": "make"}
    assert record.plan == [{"tool": "text_to_image"}]
    assert record.steps == (first, second, answer)
    assert [step.outcome for step in record.steps] == ["done"] * 3
    assert first.cost == {"seconds": 0.5}
    assert answer.value == {"answer": "yes"}
    assert [picture.handle for picture in record.pictures] == ["img-1", "img-2"]
    picture = record.pictures[1]
    assert (picture.width, picture.height, picture.seed) == (6, 4, 7)
    assert (picture.parents, picture.step, picture.turn) == (("img-1",), second.id, turn.id)
    assert [(row.handle, row.verdict) for row in record.verdicts] == [
        ("img-2", {"c1": {"status": "met"}})
    ]
    assert record.outcome == {"stopped": "satisfied", "best": "img-2"}
    assert record.ended
    assert datetime.fromisoformat(record.created).tzinfo == UTC
    assert record.created <= record.ended


def test_the_newest_turns_come_first_and_a_session_is_asked_for_alone(ledger: Ledger) -> None:
    one, two = ledger.new_session(), ledger.new_session()
    ids = [ledger.begin_turn(session, "r", {}).id for session in (one, two, one)]
    assert [record.id for record in ledger.turns(10)] == ids[::-1]
    assert [record.id for record in ledger.turns(2)] == ids[:0:-1]
    assert [record.id for record in ledger.turns(10, one)] == [ids[2], ids[0]]
    assert ledger.turns(10, "nobody's") == []


def test_a_brief_is_frozen(ledger: Ledger, turn: Turn) -> None:
    ledger.record_brief(turn, {"a": 1, "b": [2]})
    ledger.record_brief(turn, {"b": [2], "a": 1})
    with pytest.raises(ValueError, match="has a Brief already"):
        ledger.record_brief(turn, {"a": 1, "b": [3]})
    assert ledger.turn(turn.id).brief == {"a": 1, "b": [2]}


def test_a_turn_ends_once_and_takes_nothing_more(ledger: Ledger, turn: Turn) -> None:
    step = ledger.begin_step(turn, "upscale", {}, {}, None, "k")
    ledger.end_turn(turn, {"stopped": "done"})
    assert ledger.turn(turn.id).steps[0].outcome == "cancelled"
    for late in (
        lambda: ledger.end_turn(turn, {"stopped": "again"}),
        lambda: ledger.record_plan(turn, []),
        lambda: ledger.begin_step(turn, "upscale", {}, {}, None, "k"),
        lambda: ledger.finish_step(step, [], None, {}),
    ):
        with pytest.raises(ValueError, match="is not open"):
            late()
    assert ledger.turn(turn.id).outcome == {"stopped": "done"}
    assert not list(ledger.home.locks.glob("turn-*"))


@pytest.mark.parametrize("id", [0, -1, 99, 2**63, 10**30])
def test_an_unknown_turn_is_named(ledger: Ledger, id: int) -> None:
    with pytest.raises(BadInput, match=str(id)):
        ledger.turn(id)
    with pytest.raises(BadInput, match=str(id)):
        ledger.reopen_turn(id)


def test_an_unknown_session_is_named_and_leaves_no_turn(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="nobody"):
        ledger.begin_turn("nobody", "r", {})
    assert ledger.turns(1) == []
    assert not list(ledger.home.locks.glob("turn-*"))


# Steps.


def test_a_step_ends_once(ledger: Ledger, turn: Turn) -> None:
    step = draw(ledger, turn)
    with pytest.raises(ValueError, match="has ended already"):
        ledger.finish_step(step, [dot()], None, {})
    with pytest.raises(ValueError, match="has ended already"):
        ledger.fail_step(step, "late", "failed")
    assert ledger.turn(turn.id).steps == (step,)
    assert len(ledger.turn(turn.id).pictures) == 1


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "crashed"])
def test_a_failed_step_keeps_its_reason_and_answers_nobody(
    ledger: Ledger, turn: Turn, outcome: Any
) -> None:
    step = ledger.begin_step(turn, "upscale", {"factor": 2}, {}, None, "k")
    failed = ledger.fail_step(step, "no memory\ud800", outcome)
    assert (failed.outcome, failed.error) == (outcome, "no memory\N{REPLACEMENT CHARACTER}")
    assert failed.ended
    assert ledger.find_step("k") is None


def test_the_same_call_is_answered_from_the_ledger_in_any_turn(ledger: Ledger, turn: Turn) -> None:
    assert ledger.find_step("k") is None
    step = ledger.begin_step(turn, "blend", {"x": 1}, {}, 3, "k")
    assert ledger.find_step("k") is None
    step = ledger.finish_step(step, [dot("red"), dot("blue")], {"score": 0.5}, {"seconds": 9.0})
    later = ledger.begin_turn(ledger.new_session(), "again", {})
    assert ledger.find_step("k") == step
    reused = ledger.reuse_step(later, step)
    assert reused is not None
    assert (reused.outcome, reused.source, reused.turn) == ("reused", step.id, later.id)
    assert reused.pictures == step.pictures
    assert (reused.value, reused.cost) == ({"score": 0.5}, {})
    assert ledger.turn(later.id).pictures == step.pictures
    assert ledger.find_step("k") == step


def test_a_step_whose_picture_file_is_gone_is_not_an_answer(ledger: Ledger, turn: Turn) -> None:
    step = draw(ledger, turn)
    assert ledger.find_step(step.key) == step
    ledger.store.path(step.pictures[0].digest).unlink()
    assert ledger.find_step(step.key) is None
    assert "missing" in ledger.check()[0]


def test_each_picture_of_a_batch_has_its_own_seed(ledger: Ledger, turn: Turn) -> None:
    step = ledger.begin_step(turn, "text_to_image", {"seeds": [4, 9]}, {}, 4, "k")
    done = ledger.finish_step(step, [dot("red"), dot("blue")], None, {})
    assert [picture.seed for picture in done.pictures] == [4, 9]
    step = ledger.begin_step(turn, "text_to_image", {"seeds": [4, 9]}, {}, 4, "l")
    assert [picture.seed for picture in ledger.finish_step(step, [dot()], None, {}).pictures] == [4]


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(ledger: Ledger, turn: Turn, seed: int) -> None:
    with pytest.raises(ToolError, match=str(seed)):
        ledger.begin_step(turn, "text_to_image", {}, {}, seed, "k")


@given(args=OBJECT, seed=st.none() | st.integers(0, 2**63 - 1))
def test_the_key_of_a_call_depends_on_what_it_says_and_not_on_its_order(
    args: dict[str, Any], seed: int | None
) -> None:
    key = step_key("t", args, ["a", "b"], seed, "m")
    assert key == step_key("t", dict(reversed(args.items())), ("a", "b"), seed, "m")
    others = {
        step_key("u", args, ["a", "b"], seed, "m"),
        step_key("t", {**args, "another": 1}, ["a", "b"], seed, "m"),
        step_key("t", args, ["b", "a"], seed, "m"),
        step_key("t", args, ["ab"], seed, "m"),
        step_key("t", args, ["a", "b"], (seed or 0) + 1, "m"),
        step_key("t", args, ["a", "b"], seed, "n"),
    }
    assert key not in others
    assert len(key) == 64


# Pictures.


def test_handles_are_never_used_again(home: Home) -> None:
    with Ledger(home) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "r", {})
        handles = [draw(ledger, turn, color).pictures[0].handle for color in ("red", "red", "blue")]
    with Ledger(home) as ledger:
        turn = ledger.reopen_turn(turn.id)
        handles.append(draw(ledger, turn).pictures[0].handle)
    assert handles == ["img-1", "img-2", "img-3", "img-4"]


def test_an_unknown_handle_is_told_with_the_nearest_ones(ledger: Ledger, turn: Turn) -> None:
    with pytest.raises(ToolError, match="'img-1'; there are none"):
        ledger.picture("img-1")
    for color in ("red", "green", "blue", "white", "black"):
        draw(ledger, turn, color)
    for unknown, near in {
        "img-0": "img-3, img-4, img-5",
        "img-9": "img-3, img-4, img-5",
        "img-01": "img-3, img-4, img-5",
        "img-１": "img-3, img-4, img-5",
        "the house": "img-3, img-4, img-5",
        f"img-{10**40}": "img-3, img-4, img-5",
        "img-\ud800\0": "img-3, img-4, img-5",
        "'; DROP TABLE pictures; --": "img-3, img-4, img-5",
    }.items():
        with pytest.raises(ToolError) as told:
            ledger.picture(unknown)
        assert repr(unknown) in str(told.value)
        assert str(told.value).endswith(near)
        with pytest.raises(ToolError):
            ledger.begin_step(turn, "upscale", {}, {"image": "img-1", "mask": unknown}, None, "k")
        with pytest.raises(ToolError):
            ledger.record_verdict(turn, unknown, {})
    assert len(ledger.turn(turn.id).steps) == 5


def test_an_upload_becomes_a_picture_and_the_same_one_stays_that(
    ledger: Ledger, turn: Turn
) -> None:
    buffer = BytesIO()
    dot("teal").save(buffer, "PNG")
    picture = ledger.take_in(turn, buffer.getvalue())
    assert ledger.store.get(picture.digest).tobytes() == dot("teal").tobytes()
    assert ledger.take_in(turn, buffer.getvalue()) == picture
    assert [step.outcome for step in ledger.turn(turn.id).steps] == ["done", "reused"]
    with pytest.raises(BadInput):
        ledger.take_in(turn, b"GIF89a")
    assert len(ledger.turn(turn.id).steps) == 2


def test_a_turn_that_is_taken_up_again_has_the_step_that_it_had(ledger: Ledger, turn: Turn) -> None:
    other = ledger.begin_turn(turn.session, "the same, at the same time", {})
    mine, theirs = draw(ledger, turn), draw(ledger, other)
    assert mine.key == theirs.key
    third = ledger.begin_turn(turn.session, "the same, later", {})
    ledger.reuse_step(third, mine)
    assert ledger.find_step(mine.key) == theirs
    for one, step in ((turn, mine), (other, theirs), (third, mine)):
        assert ledger.find_step(mine.key, one) == step


def test_what_a_turn_told_is_kept_with_its_end_and_not_before(ledger: Ledger, turn: Turn) -> None:
    for number in range(2):
        ledger.tell(turn, {"number": number})
    assert ledger.told(turn) == []
    ledger.end_turn(turn, {})
    assert ledger.told(turn) == [{"number": 0}, {"number": 1}]
    with pytest.raises(ValueError, match="not open"):
        ledger.tell(turn, {"number": 2})


def test_what_nobody_wants_is_marked_until_it_ends(ledger: Ledger, turn: Turn) -> None:
    other = ledger.begin_turn(turn.session, "another", {})
    ledger.mark_unwanted(turn)
    ledger.mark_unwanted(turn)
    assert [ledger.unwanted(one) for one in (turn, other)] == [True, False]
    ledger.end_turn(other, {})
    ledger.mark_unwanted(other)
    assert not ledger.unwanted(other)


def test_a_sweep_keeps_what_the_ledger_names(ledger: Ledger, turn: Turn) -> None:
    named = draw(ledger, turn).pictures[0].digest
    orphan = ledger.store.put(dot("gray"))
    old = datetime.now(UTC).timestamp() - 2 * ORPHAN_SECONDS
    for digest in (named, orphan):
        os.utime(ledger.store.path(digest), times=(old, old))
    assert ledger.sweep().blobs == 0, "older than the ledger's first session: not ours"
    with ledger._db.writing():
        ledger._db.execute("UPDATE sessions SET created = '2020-01-01T00:00:00.000+00:00'")
    assert ledger.sweep().blobs == 1
    assert ledger.store.has(named)
    assert not ledger.store.has(orphan)
    assert ledger.check() == []


# Crashed and running turns.


def test_a_closed_ledger_leaves_its_turn_unfinished_and_the_next_one_takes_it_up(
    home: Home,
) -> None:
    with Ledger(home) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "r", {})
        done = draw(ledger, turn)
        cut = ledger.begin_step(turn, "upscale", {}, {"image": "img-1"}, None, "k")
        assert ledger.unfinished() == []
    with Ledger(home) as ledger:
        assert [record.id for record in ledger.unfinished()] == [turn.id]
        again = ledger.reopen_turn(turn.id)
        assert again == turn
        assert ledger.unfinished() == []
        steps = ledger.turn(turn.id).steps
        assert steps[0] == done
        assert (steps[1].id, steps[1].outcome) == (cut.id, "crashed")
        ledger.end_turn(again, {"stopped": "done"})
        with pytest.raises(BadInput, match="has ended"):
            ledger.reopen_turn(turn.id)
    with Ledger(home) as ledger:
        assert ledger.unfinished() == []


def test_a_turn_that_is_running_cannot_be_taken_up(home: Home) -> None:
    with Ledger(home) as mine, Ledger(home) as theirs:
        turn = mine.begin_turn(mine.new_session(), "r", {})
        assert theirs.unfinished() == []
        for other in (mine, theirs):
            with pytest.raises(Stopped, match="still running"):
                other.reopen_turn(turn.id)
        with pytest.raises(ValueError, match="is not open"):
            theirs.end_turn(turn.id, {})
        mine.end_turn(turn, {})


# The file.


def test_every_file_is_private_also_beside_an_open_ledger(home: Home) -> None:
    before = os.umask(0)
    try:
        with Ledger(home) as ledger:
            draw(ledger, ledger.begin_turn(ledger.new_session(), "r", {}))
            files = [path for path in home.root.rglob("*") if path.is_file()]
            assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
            names = {path.name for path in files}
            assert {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "writer"} <= names
    finally:
        os.umask(before)


def test_the_settings_that_durability_rests_on_are_in_force(ledger: Ledger) -> None:
    names = "journal_mode", "synchronous", "foreign_keys", "busy_timeout", "mmap_size"
    with ledger._db.writing():
        settings = {name: ledger._db.one(f"PRAGMA {name}")[0] for name in names}
    assert settings == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000,
        "mmap_size": 0,
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 30, b"x"])
def test_a_file_that_is_no_ledger_is_told_and_left_alone(home: Home, content: bytes) -> None:
    home.ledger.write_bytes(content)
    with pytest.raises(Stopped) as told:
        Ledger(home)
    assert str(home.ledger) in str(told.value)
    assert "backup" in told.value.hint
    assert home.ledger.read_bytes() == content


def test_another_programs_database_is_told_and_left_alone(home: Home) -> None:
    with sqlite3.connect(home.ledger) as other:
        other.execute("CREATE TABLE birds (name TEXT)")
    other.close()
    before = home.ledger.read_bytes()
    with pytest.raises(Stopped, match="another program"):
        Ledger(home)
    assert home.ledger.read_bytes() == before


def test_a_newer_ledger_is_refused(home: Home) -> None:
    Ledger(home).close()
    with sqlite3.connect(home.ledger) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(Stopped, match=f"schema 99; this one knows {SCHEMA_VERSION}") as told:
        Ledger(home)
    assert "Update" in told.value.hint


def test_damage_in_the_middle_of_the_file_is_told_and_never_another_error(home: Home) -> None:
    with Ledger(home) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "r" * 5000, {})
        for color in ("red", "green", "blue"):
            draw(ledger, turn, color)
        ledger.end_turn(turn, {})
    whole = home.ledger.read_bytes()
    told = 0
    for page in range(len(whole) // 4096):
        for junk in (b"\xff" * 4096, b"\0" * 4096):
            start = 4096 * page
            home.ledger.write_bytes(whole[:start] + junk + whole[start + 4096 :])
            try:
                with Ledger(home) as ledger:
                    ledger.turn(turn.id)
                    told += bool(ledger.check())
            except (Stopped, BadInput):
                told += 1
    home.ledger.write_bytes(whole)
    with Ledger(home) as ledger:
        assert ledger.check() == []
    assert told > len(whole) // 4096


def test_a_database_that_another_program_holds_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(home) as ledger:
        ledger._db.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(home.ledger, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Stopped, match="Another program"):
            ledger.new_session()
        other.execute("ROLLBACK")
        other.close()
        assert ledger.new_session()


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    wrong: list[BaseException] = []

    def work(color: str) -> None:
        try:
            turn = ledger.begin_turn(ledger.new_session(), color, {})
            for _ in range(4):
                draw(ledger, turn, color)
            ledger.end_turn(turn, {})
        except BaseException as error:  # noqa: BLE001  # a thread's errors reach nobody else
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(color,)) for color in ("red", "blue", "gray")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    records = ledger.turns(10)
    assert [len(record.pictures) for record in records] == [4, 4, 4]
    assert len({picture.handle for record in records for picture in record.pictures}) == 12


# Any text, any JSON.


@given(text=ANY_TEXT)
def test_scrubbed_text_is_utf8_without_nul_and_otherwise_as_it_was(text: str) -> None:
    clean = scrub(text)
    assert "\0" not in clean
    assert clean.encode().decode() == clean == scrub(clean)
    if "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert clean == text


def test_two_halves_of_a_character_become_it() -> None:
    assert scrub("\ud83d\ude00") == "😀"


@given(value=JSON)
def test_canonical_json_is_the_same_however_often_it_goes_round(value: Any) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text
    text.encode()


@pytest.mark.parametrize("value", [float("nan"), {"x": [float("inf")]}])
def test_a_number_that_is_none_is_no_json(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@pytest.mark.parametrize("value", [{1: "x"}, {"x": {2, 3}}, Path("x")])
def test_what_is_not_json_is_a_bug(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@settings(max_examples=30)
@given(request=ANY_TEXT, value=OBJECT, plan=st.lists(OBJECT, max_size=3))
def test_any_words_go_into_the_ledger_and_come_out(
    ledger: Ledger, request: str, value: dict[str, Any], plan: list[dict[str, Any]]
) -> None:
    turn = ledger.begin_turn(ledger.new_session(), request, value)
    ledger.record_brief(turn, value)
    ledger.record_plan(turn, plan)
    step = ledger.begin_step(turn, request, value, {}, None, "k")
    ledger.finish_step(step, [], value, value)
    ledger.end_turn(turn, value)
    record = ledger.turn(turn.id)
    clean = json.loads(canonical(value))
    assert record.request == record.steps[0].tool == scrub(request)
    assert record.options == record.brief == record.outcome == clean
    assert record.steps[0].args == record.steps[0].value == record.steps[0].cost == clean
    assert record.plan == json.loads(canonical(plan))


class Life(RuleBasedStateMachine):
    """A ledger beside a plain list of what it was told, closed and opened again at any time."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = self.home_at(Path(self.folder.name) / "home")
        self.ledger = Ledger(self.home)
        self.session = self.ledger.new_session()
        self.turn: Turn | None = None
        self.begun: Step | None = None
        self.steps: list[Step] = []
        self.pictures = 0
        self.ended: list[int] = []

    def home_at(self, place: Path) -> Home:
        return Home.open(place)

    @precondition(lambda self: self.turn is None)
    @rule(request=ANY_TEXT)
    def begin_turn(self, request: str) -> None:
        self.turn = self.ledger.begin_turn(self.session, request, {})

    @precondition(lambda self: self.turn is not None and self.begun is None)
    @rule(key=st.sampled_from("abc"))
    def begin_step(self, key: str) -> None:
        assert self.turn is not None
        self.begun = self.ledger.begin_step(self.turn, "t", {}, {}, 1, key)

    @precondition(lambda self: self.begun is not None)
    @rule(count=st.integers(0, 2))
    def finish_step(self, count: int) -> None:
        assert self.begun is not None
        images = [dot("red"), dot("blue")][:count]
        done = self.ledger.finish_step(self.begun, images, None, {})
        self.pictures += count
        assert [picture.handle for picture in done.pictures] == [
            f"img-{self.pictures - count + number + 1}" for number in range(count)
        ]
        self.steps.append(done)
        self.begun = None

    @precondition(lambda self: self.begun is not None)
    @rule()
    def fail_step(self) -> None:
        assert self.begun is not None
        self.steps.append(self.ledger.fail_step(self.begun, "no", "failed"))
        self.begun = None

    @precondition(lambda self: self.turn is not None and self.begun is None)
    @rule(key=st.sampled_from("abc"))
    def reuse(self, key: str) -> None:
        assert self.turn is not None
        found = self.ledger.find_step(key)
        done = [step for step in self.steps if step.key == key and step.outcome == "done"]
        assert found == (done[-1] if done else None)
        if found is not None:
            reused = self.ledger.reuse_step(self.turn, found)
            assert reused is not None
            self.steps.append(reused)

    @precondition(lambda self: self.turn is not None and self.begun is None)
    @rule()
    def end_turn(self) -> None:
        assert self.turn is not None
        self.ledger.end_turn(self.turn, {"stopped": "done"})
        self.ended.append(self.turn.id)
        self.turn = None

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.home)
        unfinished = [record.id for record in self.ledger.unfinished()]
        assert unfinished == ([self.turn.id] if self.turn else [])
        if self.turn is not None:
            self.turn = self.ledger.reopen_turn(self.turn.id)
        if self.begun is not None:
            crashed = self.ledger.turn(self.begun.turn).steps[-1]
            assert (crashed.id, crashed.outcome) == (self.begun.id, "crashed")
            self.steps.append(crashed)
            self.begun = None

    @invariant()
    def the_ledger_holds_what_it_was_told(self) -> None:
        if not hasattr(self, "ledger"):
            return
        records = self.ledger.turns(1000)[::-1]
        told = [*self.steps, *([self.begun] if self.begun else [])]
        assert [step for record in records for step in record.steps] == told
        assert [record.id for record in records if record.ended] == self.ended

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.check() == []
            self.ledger.close()
            self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=20)


def test_rows_cannot_be_changed(ledger: Ledger, turn: Turn) -> None:
    step = draw(ledger, turn)
    for row in (turn, step, step.pictures[0], ledger.turn(turn.id)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            row.id = 9  # type: ignore[misc, union-attr]


def test_what_a_language_model_replied_is_kept_with_its_turn(ledger: Ledger) -> None:
    turns = [ledger.begin_turn(ledger.new_session(), "a house", {}) for _ in range(2)]
    for key, said in (("a", 1), ("b", 2), ("a", 3)):
        ledger.record_reply(turns[0], key, {"said": said})
    assert ledger.reply(turns[0], "a") == {"said": 3} and ledger.reply(turns[1], "a") is None
    assert sorted(r["said"] for r in ledger.replies(turns[0].id)) == [2, 3]
    assert ledger.replies(turns[1]) == []
