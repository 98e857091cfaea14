"""A session that was deleted is gone from the disk, and takes nothing with it that others have."""

from __future__ import annotations

import queue
import random
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from homes import WORDS, call, holding, in_memory, noise, pixels, talk
from killed import killed_everywhere

from danqing.agent import converting, provenance
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.lineage import Lineage
from danqing.agent.recipe_export import export
from danqing.agent.records import ADDED
from danqing.agent.studio import Studio
from danqing.agent.vault import Secret
from danqing.tools import TOOLS as ALL
from danqing.tools.errors import BadInput, Stopped, ToolError
from danqing.tools.registry import by_name

TOOLS = by_name(ALL)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    with in_memory(tmp_path) as folder:
        yield folder


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with Ledger(home) as ledger:
        yield ledger


def test_nothing_of_it_is_left_on_the_disk(ledger: Ledger, home: Home) -> None:
    session = talk(ledger, WORDS, WORDS, "another " + WORDS)
    others = [talk(ledger, f"other words {n}", f"{n}") for n in range(3)]
    secret = [pixels(ledger, handle) for handle in ("img-1", "img-2")]
    file = ledger.store.path(ledger.picture("img-1").digest)
    assert set(holding(home, WORDS, *secret)) >= {"img-1.png", "img-2.png", file.name}
    told = ledger.delete_session(session)
    assert (told.gone, told.passed) == (("img-1", "img-2"), ())
    assert holding(home, WORDS, *secret, file.stem, "img-1") == {}
    assert (home.root / "ledger.sqlite3-wal").stat().st_size < 100_000
    assert ledger.check() == []
    assert ledger.sessions(9) == others[::-1]
    assert len(list(home.blobs.iterdir())) == 3


def test_it_answers_as_one_that_never_was_and_its_ids_are_not_used_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = talk(ledger, WORDS, WORDS)
    turn = ledger.turns(1)[0].id
    ledger.delete_session(session)
    with pytest.raises(BadInput, match="There is no session"):
        ledger.check_session(session)
    with pytest.raises(BadInput, match="There is no session"):
        ledger.begin_turn(session, "more", {})
    with pytest.raises(BadInput, match="There is no session"):
        ledger.delete_session(session)
    with pytest.raises(BadInput, match="There is no turn"):
        ledger.turn(turn)
    with pytest.raises(ToolError, match="there is no picture 'img-1'"):
        ledger.picture("img-1")
    assert (ledger.turns(9), ledger.turns(9, session), ledger.outlines(session)) == ([], [], [])
    assert ledger.places(session) == [] == ledger.verdicts(turn)
    assert ledger.owners("img-1") == frozenset() == ledger.forgotten(session)
    drawn = iter([session, session, "0123abcd"])
    with monkeypatch.context() as chance:
        chance.setattr("secrets.token_hex", lambda n: next(drawn))
        assert ledger.new_session() == "0123abcd"
    talk(ledger, "anew", WORDS)
    [record] = ledger.turns(9)
    assert (record.id, record.pictures[0].handle) == (turn + 1, "img-2")
    assert [step.outcome for step in record.steps] == ["failed", "done"]


def test_a_picture_that_another_session_has_passes_to_it(ledger: Ledger) -> None:
    first = talk(ledger, WORDS, "a tree", "a well")
    second, third = talk(ledger, "second", "a tree"), talk(ledger, "third", "a tree")
    assert ledger.owners("img-1") == {first, second, third}
    told = ledger.delete_session(first)
    assert (told.gone, told.passed) == (("img-2",), ("img-1",))
    assert ledger.owners("img-1") == {second, third}
    step = ledger.step_of("img-1")
    assert (step.outcome, step.source, step.turn) == ("done", None, ledger.turns(9, second)[0].id)
    [reused] = [step for step in ledger.turns(9, third)[0].steps if step.pictures]
    assert (reused.outcome, reused.source) == ("reused", step.id)
    assert ledger.find_step(step.key) == step
    account = provenance.account(ledger, "img-1", {}, {})
    assert account["request"] == "second"
    assert [one["outputs"] for one in account["steps"]] == [["img-1"]]
    assert ledger.check() == []
    ledger.delete_session(second)
    ledger.delete_session(third)
    assert list(ledger.home.blobs.iterdir()) == []


def test_what_was_made_from_a_picture_that_is_gone_is_whole(ledger: Ledger) -> None:
    session = talk(ledger, WORDS, "a tree")
    turn = ledger.begin_turn(ledger.new_session(), "make img-1 blue", {"models": "sketchbook"})
    edit = call(ledger, turn, "blue", "img-1", tool="text_to_image")
    ledger.record_verdict(turn, "img-1", {"findings": {}, "said": "the tree is green"})
    ledger.end_turn(turn, {"picture": "img-2", "reply": ""})
    other = ledger.begin_turn(turn.session, "as it was", {})
    ledger.end_turn(other, {"picture": "img-1", "reply": ""})
    ledger.delete_session(session)
    assert ledger.picture("img-2").parents == ()
    assert provenance.lineage(ledger, "img-2") == [ledger.step_of("img-2")]
    assert ledger.step_of("img-2").inputs == edit.inputs
    lineage = Lineage(ledger, turn.session)
    assert (list(lineage.nodes), lineage.head) == (["img-2"], "img-2")
    text = export(ledger, TOOLS, turn.session)
    assert "image: ${{ inputs.photo }}" in text and "img-1, which was deleted" in text
    assert ledger.verdicts(turn) == []
    assert ledger.check() == []


def test_steps_come_in_the_order_of_their_pictures_though_one_passed_on_later(
    ledger: Ledger,
) -> None:
    first = talk(ledger, WORDS, "a tree")
    turn = ledger.begin_turn(ledger.new_session(), "make img-1 blue", {"models": "sketchbook"})
    call(ledger, turn, "blue", "img-1")
    ledger.end_turn(turn, {"picture": "img-2", "reply": ""})
    talk(ledger, "heir", "a tree")
    ledger.delete_session(first)
    made = [step.pictures[0].handle for step in provenance.lineage(ledger, "img-2")]
    assert made == ["img-1", "img-2"]
    assert "inputs" not in export(ledger, TOOLS, "img-2").partition("steps:")[0]


def test_a_running_turn_keeps_its_session_and_one_that_was_cut_short_does_not(home: Home) -> None:
    with Ledger(home) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), WORDS, {})
        call(ledger, turn, WORDS)
        with pytest.raises(Stopped, match=f"Turn {turn.id} is still running"):
            ledger.delete_session(turn.session)
        assert ledger.turn(turn.id).pictures
    with Ledger(home) as ledger:
        ledger.delete_session(turn.session)
        assert holding(home, WORDS) == {}
        assert ledger.unfinished() == []
        assert not list(home.locks.glob("turn-*"))


def test_a_step_that_goes_while_it_is_to_be_used_again_is_not_used(ledger: Ledger) -> None:
    session = talk(ledger, WORDS, "a tree")
    step = ledger.step_of("img-1")
    turn = ledger.begin_turn(ledger.new_session(), "the same", {})
    ledger.delete_session(session)
    assert ledger.reuse_step(turn, step) is None
    assert ledger.turn(turn.id).steps == ()


def test_a_picture_given_up_by_its_heirs_is_not_kept_for_them(ledger: Ledger) -> None:
    first, second = talk(ledger, WORDS, "a tree"), talk(ledger, "second", "a tree")
    ledger.forget(second, ["img-1"])
    assert len(list(ledger.home.blobs.iterdir())) == 1
    ledger.delete_session(first)
    assert list(ledger.home.blobs.iterdir()) == []
    assert ledger.check() == []


def test_the_copy_of_a_picture_that_passed_on_tells_of_its_new_session(home: Home) -> None:
    with Studio(home) as studio:
        ledger = studio.ledger
        first = talk(ledger, WORDS, "a tree")
        talk(ledger, "second", "a tree")
        copy = home.pictures / "img-1.png"
        provenance.write(copy, noise("a tree"), {"request": WORDS, "steps": []})
        studio.delete_session(first)
        told = provenance.read(copy)
        assert told is not None and told["request"] == "second"
        assert holding(home, WORDS) == {}


def test_a_turn_that_a_studio_holds_cut_short_goes_with_its_session(home: Home) -> None:
    with Studio(home) as studio:
        turn = studio.begin(WORDS, session=studio.ledger.new_session())
        studio._cut_short[turn.id] = turn
        studio.delete_session(turn.session)
        assert studio.resume() == []
        assert holding(home, WORDS) == {}


def test_deleting_is_finished_by_the_next_start_wherever_it_was_killed(memory: Path) -> None:
    home = Home.open(memory / "home")
    with Ledger(home) as ledger:
        session = talk(ledger, WORDS, WORDS, "a tree")
        other = talk(ledger, "other words", "a tree")
        secret = pixels(ledger, "img-1")
    before = after = 0
    for killed in killed_everywhere("delete", session, home.root, memory):
        home = Home.open(killed)
        with Ledger(home) as ledger:
            assert ledger.check() == []
            if session in ledger.sessions(9):
                before += 1
                assert ledger.store.has(ledger.picture("img-1").digest)
                assert len(ledger.turns(1, session)[0].verdicts) == 2
                continue
            after += 1
            assert holding(home, WORDS, secret, "img-1") == {}
            assert ledger.owners("img-2") == {other}
            assert ledger.store.has(ledger.picture("img-2").digest)
            assert ledger._db.one("SELECT left FROM deleted")[0] is None
    assert before > 5 and after > 10


def test_another_program_that_reads_is_told_of_and_the_next_start_does_the_rest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(home) as ledger:
        session = talk(ledger, WORDS, WORDS)
        ledger._db._writer.execute("PRAGMA busy_timeout = 20")
        with sqlite3.connect(home.ledger) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM turns").fetchone()
            with pytest.raises(Stopped, match="is reading"):
                ledger.delete_session(session)
        reader.close()
        assert ledger.sessions(9) == []
        assert holding(home, WORDS) != {}
    with Ledger(home):
        assert holding(home, WORDS) == {}


def test_what_was_overwritten_before_there_was_deleting_goes_as_an_old_ledger_is_opened(
    home: Home,
) -> None:
    with Ledger(home) as ledger:
        talk(ledger, "plain words")
    with sqlite3.connect(home.ledger) as old:
        for statement in reversed(ADDED[5]):
            kind, name = statement.split()[1:3]
            old.execute(f"DROP {kind} {name}")
        old.execute("UPDATE turns SET plan = ?", (WORDS * 20,))
        old.execute("PRAGMA user_version = 4")
        old.commit()
        old.execute("PRAGMA secure_delete = OFF")
        old.execute("UPDATE turns SET plan = '[]'")
    old.close()
    assert holding(home, WORDS) != {}
    with Ledger(home) as ledger:
        assert ledger.sessions(9)
    assert holding(home, WORDS) == {}


def test_sessions_deleted_from_the_middle_of_a_large_ledger_leave_no_words(
    ledger: Ledger, home: Home
) -> None:
    """SQLite moves rows from page to page as others come and go; none of that may stay behind."""
    chance = random.Random(3)
    names = [ledger.new_session() for _ in range(12)]
    for _ in range(60):
        session = chance.choice(names)
        turn = ledger.begin_turn(session, f"{session} said " * chance.choice([1, 9, 400]), {})
        for size in (1, 30, 600, 3):
            ledger.record_plan(turn, [{"words": f"{session} said " * size}])
        ledger.record_reply(turn, "k", {"words": f"{session} said " * chance.choice([2, 50, 500])})
        ledger.end_turn(turn, {"reply": f"{session} said", "picture": None})
    for session in names[::2]:
        ledger.delete_session(session)
        assert holding(home, f"{session} said") == {}
    assert ledger.check() == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_sessions_are_deleted_while_others_are_at_work(memory: Path, encrypted: bool) -> None:
    home = Home.open(memory / "home")
    if encrypted:
        home = replace(home, secret=Secret("key file", b"k" * 32))
        assert home.secret is not None
        converting.encrypt(home, home.secret)
    ended: queue.Queue[str | None] = queue.Queue()
    deleted: list[str] = []
    kept: list[str] = []
    wrong: list[Exception] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            turn = ledger.begin_turn(ledger.new_session(), "said", {})
            try:
                for prompt in chance.choices("abcd", k=3):
                    try:
                        step = call(ledger, turn, prompt)
                    except AssertionError:  # the step was deleted as it was to be used again
                        continue
                    assert ledger.store.get(step.pictures[0].digest) == noise(prompt)
            except Exception as error:
                wrong.append(error)
                raise
            ledger.end_turn(turn, {"picture": None})
            ended.put(turn.session)

    def delete() -> None:
        for count, session in enumerate(iter(ended.get, None)):
            if count % 4:
                ledger.delete_session(session)
                deleted.append(session)
            else:
                kept.append(session)

    with Ledger(home) as ledger:
        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        deleter = threading.Thread(target=delete)
        for thread in (deleter, *workers):
            thread.start()
        for thread in workers:
            thread.join()
        ended.put(None)
        deleter.join()
        assert wrong == []
        assert len(deleted) > 50 and set(ledger.sessions(999)) == set(kept)
        assert ledger.check() == []
        held = {picture.digest for turn in ledger.turns(999) for picture in turn.pictures}
        assert {file.stem for file in home.blobs.iterdir()} == held
