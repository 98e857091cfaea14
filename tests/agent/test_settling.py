"""A request settled against its conversation: which picture, how many, what stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conversations import Conversation

from danqing.agent.brief import Brief
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.reply import describe
from danqing.agent.settling import Question, standing


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Conversation]:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        yield Conversation(ledger)


def told(brief: Brief) -> set[str]:
    return {describe(claim) for claim in brief.claims}


def test_a_first_request_stays_what_it_is(talk: Conversation) -> None:
    assert told(talk.brief("a red house, two trees")) == {"house", "house is red", "2 × tree"}


def test_an_edit_without_a_picture_has_no_target(talk: Conversation) -> None:
    assert talk.brief("make it night").target is None


def test_an_edit_holds_for_all_that_was_met_before_and_is_not_changed(talk: Conversation) -> None:
    first = talk.say("a red house on the left, two trees, watercolor", count="unmet")
    brief = talk.brief("make the house blue")
    assert brief.target == first
    assert told(brief) == {
        "house is blue", "house", "house at the left", "style: watercolor",
        "everything else as it was",
    }  # fmt: skip
    assert [claim.id for claim in brief.claims] == [f"c{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("said", "gone", "new"),
    [
        ("make it winter", {"season: autumn"}, {"season: winter"}),
        ("改成冬天", {"season: autumn"}, {"season: winter"}),
        ("remove the house", {"house", "house is red", "tree left of house"}, {"no house"}),
        ("replace the dog with a cat", {"dog"}, {"no dog", "cat"}),
        ("把狗换成猫", {"dog"}, {"no dog", "cat"}),
        ("move the tree to the right", {"tree left of house"}, {"tree at the right"}),
        ("turn it into an oil painting", set(), {"style: oil"}),
        ("add a person", {"no person"}, {"person"}),
    ],
)
def test_what_is_changed_is_no_longer_asked_for(
    talk: Conversation, said: str, gone: set[str], new: set[str]
) -> None:
    talk.say("a tree to the left of a red house, a dog, autumn, no people")
    before = {"tree", "house", "house is red", "tree left of house", "dog", "season: autumn"}
    before |= {"no person"}
    assert told(talk.brief(said)) == before - gone | new | {"everything else as it was"}


@pytest.mark.parametrize(
    ("said", "number"),
    [("add two birds", 5), ("再加一只鸟", 4), ("remove one bird", 2), ("去掉两只鸟", 1)],
)
def test_more_or_fewer_are_counted_from_what_there_is(
    talk: Conversation, said: str, number: int
) -> None:
    talk.say("three birds")
    assert f"{number} × bird" in told(talk.brief(said))
    seen = talk.brief(said, count=lambda handle, noun: 4)
    assert f"{number + 1} × bird" in told(seen), "what is seen counts more than what was asked"


def test_nothing_is_left_when_the_last_one_goes(talk: Conversation) -> None:
    talk.say("a bird and a house")
    brief = talk.brief("remove one bird")
    assert "no bird" in told(brief)
    assert "bird" not in told(brief)


def test_a_change_of_the_whole_picture_claims_nothing_of_the_rest(talk: Conversation) -> None:
    talk.say("a big red house on the left, two trees")
    cropped = told(talk.brief("crop it to a square"))
    assert "everything else as it was" not in cropped
    assert not {"house at the left", "2 × tree"} & cropped
    assert "house is red" in told(talk.brief("make it brighter"))
    gray = told(talk.brief("make it black and white"))
    assert "house is red" not in gray
    assert not any(claim.startswith("style") for claim in gray)


def test_it_is_gray_where_it_is_a_thing_and_else_the_picture(talk: Conversation) -> None:
    talk.say("a house and two trees")
    [whole] = talk.brief("make it gray").changes
    assert (whole.op, whole.subject, whole.value) == ("tune", None, "gray")
    talk.say("add a bird")
    [bird] = talk.brief("make it gray").changes
    assert (bird.op, bird.subject, bird.value) == ("recolor", "bird", "gray")


def test_again_asks_for_the_same(talk: Conversation) -> None:
    talk.say("a red house, winter")
    brief = talk.brief("a red house, winter").model_copy(update={"again": 1, "claims": ()})
    assert brief.again == 1


def test_a_rule_holds_until_it_is_lifted(talk: Conversation) -> None:
    talk.say("all later pictures without people")
    assert [describe(c) for c in standing(talk.lineage)] == ["no person"]
    assert "no person" in told(talk.brief("a red house"))
    assert told(talk.brief("two people and a dog")) == {"2 × person", "dog"}, "asked for after all"
    talk.say("以后都用水彩")
    assert {"no person", "style: watercolor"} < told(talk.brief("a red house"))
    talk.say("people are allowed again")
    assert [describe(c) for c in standing(talk.lineage)] == ["style: watercolor"]
    talk.say("no more rules")
    assert standing(talk.lineage) == []


def test_where_two_pictures_fit_it_is_asked_which(talk: Conversation) -> None:
    first = talk.say("a red house")
    second = talk.say("a dog by the sea")
    third = talk.say("make it night")
    asked: list[Question] = []

    def other(question: Question) -> int:
        asked.append(question)
        return 1

    brief = talk.brief("the original, but in winter", ask=other)
    assert [question.choices for question in asked] == [(second, first)]
    assert brief.target == first
    assert talk.brief("the original, but in winter").target == second, "nobody is asked"
    assert talk.brief("make it winter", ask=other).target == third
    assert len(asked) == 1


def test_a_style_that_was_left_open_may_be_asked_for(talk: Conversation) -> None:
    asked: list[Question] = []

    def second(question: Question) -> int:
        asked.append(question)
        return 1

    assert told(talk.brief("a red house", ask=second)) >= {f"style: {asked[0].choices[1]}"}
    assert asked[0].kind == "style"
    assert told(talk.brief("a red house")) == {"house", "house is red"}
    assert "style: oil" in told(talk.brief("a red house, oil painting", ask=second))
    assert len(asked) == 1, "it was said"
