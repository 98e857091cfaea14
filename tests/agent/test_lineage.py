"""Where a conversation stands, and which picture words mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from conversations import Conversation

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.records import ADDED, SCHEMA, SCHEMA_VERSION
from danqing.tools.errors import BadInput


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Conversation]:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        yield Conversation(ledger)


def test_a_picture_hangs_under_the_one_it_was_made_from(talk: Conversation) -> None:
    house = talk.say("a red house")
    night = talk.say("make it night")
    dog = talk.say("a dog by the sea")
    talk.ledger.stand_at(talk.session, house)
    winter = talk.say("make it winter")
    tree = [(depth, node.handle) for depth, node in talk.lineage.tree()]
    assert tree == [(0, house), (1, night), (1, winter), (0, dog)]
    assert talk.lineage.head == winter
    assert talk.lineage.ancestors(winter) == [winter, house]
    assert house is not None
    assert talk.lineage.branch(house) == [house, night, winter]


def test_undo_goes_back_the_way_it_came_and_redo_forward(talk: Conversation) -> None:
    with pytest.raises(BadInput, match="nothing to undo"):
        talk.lineage.before()
    house, dog = talk.say("a red house"), talk.say("a dog by the sea")
    assert talk.lineage.before() == house
    talk.ledger.stand_at(talk.session, house)
    assert talk.lineage.after() == dog
    talk.ledger.stand_at(talk.session, None)
    assert talk.lineage.head is None
    assert talk.lineage.after() == house
    talk.ledger.stand_at(talk.session, dog)
    with pytest.raises(BadInput, match="nothing to redo"):
        talk.lineage.after()


def test_where_it_stands_is_kept(talk: Conversation) -> None:
    house = talk.say("a red house")
    talk.say("make it night")
    talk.ledger.stand_at(talk.session, house)
    home, session = talk.ledger.home, talk.session
    talk.ledger.close()
    with Ledger(home) as ledger:
        assert ledger.places(session)[-1] == house


def test_words_for_pictures(talk: Conversation) -> None:
    def meant(words: str) -> list[str]:
        return talk.lineage.meant(words)

    assert meant("last") == meant("#1") == []
    house = talk.say("a red house")
    assert meant("previous") == meant("last") == meant("original") == [house]
    hat = talk.say("add a dog")
    night = talk.say("make it night")
    assert meant("last") == [night]
    assert meant("previous") == [hat]
    assert meant("#2") == [hat]
    assert meant("#4") == []
    assert meant("before dog") == [house]
    assert meant("with dog")[0] == night
    assert meant("before cat") == []
    assert hat is not None
    assert meant(hat) == [hat]
    assert meant("img-99") == []


def test_a_number_means_a_variant_or_a_picture_of_the_conversation(talk: Conversation) -> None:
    talk.say("a dog by the sea")
    talk.ledger.stand_at(talk.session, None)
    one = talk.say("a red house")
    talk.ledger.stand_at(talk.session, None)
    two = talk.say("a red house")
    assert two is not None
    assert talk.lineage.siblings(two) == [one, two]
    assert talk.lineage.meant("#2") == [two, one], "the second variant, or the second of all"


def test_what_was_deleted_is_gone_from_the_tree_and_from_the_disk(talk: Conversation) -> None:
    house = talk.say("a red house")
    night = talk.say("make it night")
    winter = talk.say("make it winter")
    assert house is not None
    assert night is not None
    store, digest = talk.ledger.store, talk.ledger.picture(night).digest
    assert talk.ledger.forget(talk.session, [night]) == 1
    assert not store.has(digest)
    assert store.has(talk.ledger.picture(house).digest)
    assert [(d, n.handle) for d, n in talk.lineage.tree()] == [(0, house), (0, winter)]
    assert talk.ledger.check() == [], "what was given up on purpose is not missed"


def test_pixels_that_another_picture_has_too_stay(talk: Conversation) -> None:
    one = talk.say("a red house")
    assert one is not None
    turn = talk.ledger.begin_turn(talk.session, "the same", {})
    step = talk.ledger.begin_step(turn, "copy", {}, {"image": one}, None, "k")
    image = talk.ledger.store.get(talk.ledger.picture(one).digest)
    [other] = talk.ledger.finish_step(step, [image], None, {}).pictures
    talk.ledger.end_turn(turn, {})
    assert talk.ledger.forget(talk.session, [one]) == 0
    assert talk.ledger.store.has(other.digest)
    assert talk.ledger.forget(talk.session, [other.handle]) == 1


def test_a_ledger_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    with Ledger(home) as ledger:
        house = Conversation(ledger).say("a red house")
    with sqlite3.connect(home.ledger) as old:
        for version in range(SCHEMA_VERSION, 1, -1):
            for statement in reversed(ADDED[version]):
                kind, name = statement.split()[1:3]
                old.execute(f"DROP {kind} IF EXISTS {name}")
        old.execute("PRAGMA user_version = 1")
        assert old.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] >= len(SCHEMA)
    old.close()
    with Ledger(home) as ledger:
        [session] = ledger.sessions(9)
        assert ledger.places(session) == []
        ledger.stand_at(session, house)
        assert ledger.places(session) == [house]
