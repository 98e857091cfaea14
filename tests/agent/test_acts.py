"""Utterances that act on the conversation, and rules for all later pictures."""

from __future__ import annotations

import pytest
from test_edits import cases

from danqing.agent.language import understand
from danqing.agent.language.acts import MAX_LENGTH, Act, act_of, lifted_of, standing_of
from danqing.tools.errors import BadInput
from training.requests.noted import keys


def short(act: Act | None) -> str:
    if act is None:
        return "-"
    count = f"*{act.n}" if act.n else ""
    return f"{act.kind}{count}" + (f" {act.reference}" if act.reference else "")


@pytest.mark.parametrize(("words", "expected"), cases("acts"))
def test_an_utterance_is_an_act_only_as_a_whole(words: str, expected: str) -> None:
    assert short(act_of(words)) == expected


def test_case_width_and_traditional_characters_make_no_difference() -> None:
    assert act_of("UNDO That!") == Act("undo")
    assert act_of("撤銷") == Act("undo")
    assert act_of("ｒｅｄｏ") == Act("redo")


def test_a_long_utterance_is_a_request() -> None:
    assert act_of("undo" + "!" * (MAX_LENGTH - 4)) == Act("undo")
    assert act_of("undo" + "!" * MAX_LENGTH) is None


@pytest.mark.parametrize(
    ("words", "again"), [("again", 1), ("three more", 3), ("再来两张", 2), ("give me 900 more", 16)]
)
def test_again_asks_for_other_pictures(words: str, again: int) -> None:
    brief = understand(words)
    assert (brief.intent, brief.again) == ("make", again)
    assert brief.claims == ()


@pytest.mark.parametrize("words", ["show me the second one", "就用第二张", "keep this one"])
def test_an_act_draws_nothing(words: str) -> None:
    assert understand(words).intent != "make"


@pytest.mark.parametrize(("request_", "expected"), cases("standing"))
def test_a_rule_holds_for_later_pictures_until_it_is_lifted(request_: str, expected: str) -> None:
    brief = understand(request_)
    intent, _, rest = expected.partition(";")
    assert brief.intent == intent
    standing = {claim.key for claim in brief.claims if claim.id in brief.standing}
    if rest.strip().startswith("^"):
        assert brief.lifted == tuple(word.strip()[1:] for word in rest.split(";"))
        assert standing == set()
    else:
        assert standing == keys(rest)
        assert brief.lifted == ()


def test_what_is_asked_for_now_is_no_rule() -> None:
    brief = understand("draw a red house; from now on everything in watercolor")
    assert {claim.key for claim in brief.claims} == keys("house; house:red; style watercolor")
    assert [claim.value for claim in brief.claims if claim.id in brief.standing] == ["watercolor"]
    assert [claim.id for claim in brief.claims] == ["c1", "c2", "c3"]


def test_rules_and_requests_for_more_than_can_be_checked_are_refused() -> None:
    things = ["house", "tree", "boat", "car", "dog", "cat", "bird", "fish", "chair", "cup"]
    colors = ["red", "blue", "green", "white", "black"]
    told = [f"a {color} {thing}" for thing in things for color in colors]
    now, later = ", ".join(told[:30]), ", ".join(told[20:])
    with pytest.raises(BadInput, match=r"asks for \d+ things at once; at most 40"):
        understand(f"{now}. From now on always add {later}.")


def test_a_rule_and_a_request_keep_their_places() -> None:
    text = "以后都用水彩，画一座房子"
    parts = standing_of(text)
    assert parts is not None
    now, later = parts
    assert len(now) == len(later) == len(text)
    assert now.strip() == "画一座房子"
    assert "水彩" in later


@pytest.mark.parametrize("words", ["不用谢", "不用了", "no need", "nothing is allowed here"])
def test_what_sounds_like_lifting_a_rule_lifts_none(words: str) -> None:
    assert lifted_of(words) == ()
