"""Replies say what the verdict says, in the language of the request."""

from __future__ import annotations

import re

import pytest
from truth import brief_of

from danqing.agent import answers, reply
from danqing.agent.brief import Claim
from danqing.agent.groups import Note
from danqing.agent.language import understand
from danqing.agent.verdict import Finding, Status, Verdict


def verdict(*statuses: Status) -> Verdict:
    return Verdict(findings={
        f"c{i}": Finding(status=s, evidence="", judge="test") for i, s in enumerate(statuses, 1)
    })  # fmt: skip


def test_a_reply_names_every_claim_that_is_not_met_and_how() -> None:
    brief = understand("a red house and two trees in winter")
    text = reply.finished(
        brief, "img-7", verdict("met", "unmet", "unsure", "unseen"), 8, [],
        "no repair is left to try",
    )  # fmt: skip
    assert "img-7" in text
    assert "1 of 4" in text
    assert "Not met: house is red." in text
    assert "Not sure: 2 × tree." in text
    assert "Nobody could check: season: winter." in text
    assert "no repair is left to try" in text


PARTS = ("steps", "seconds", "pictures", "tokens", "money")
STOPS = (
    *(f"the budget of {part} is spent" for part in PARTS),
    reply.REPEATED, f"{reply.FAILED}: out of memory", "no repair is left to try",
    f"no judge can see the rest; {reply.SMALL}: it would no longer meet what it meets",
    "nothing asked for can be painted", "no painter can run, since its model is not here",
    "the picture was cut to its shape",
)  # fmt: skip


@pytest.mark.parametrize("stopped", STOPS)
def test_a_chinese_request_is_answered_in_chinese(stopped: str) -> None:
    brief = understand("一座红房子在树左边，冬天，水彩")
    statuses: list[Status] = ["met", *["unmet"] * (len(brief.claims) - 1)]
    text = reply.finished(brief, "img-7", verdict(*statuses), 8, [Note("玫瑰", "flower")], stopped)
    rest = text.replace("img-7", "").replace("out of memory", "")
    assert not re.search(r"[A-Za-z]", rest), text
    assert "房子" in text
    assert not re.search(r"[A-Za-z]", reply.unfinished("zh", stopped).replace("out of memory", ""))


def test_claims_in_chinese() -> None:
    claims = brief_of(
        {"kind": "relation", "subject": "tree", "value": "left of", "object": "house",
         "object_color": "red"},
        {"kind": "relation", "subject": "person", "value": "between", "object": "tree",
         "object2": "tree"},
        {"kind": "count", "subject": "bird", "value": "several"},
        {"kind": "absent", "subject": "person"},
        {"kind": "place", "subject": "sun", "value": "top left"},
        {"kind": "season", "value": "winter"}, {"kind": "object", "subject": "dragon"},
        {"kind": "size", "subject": "house", "value": "big"},
    ).claims  # fmt: skip
    assert [reply.describe(c, "zh") for c in claims] == [
        "树在红色的房子左边", "人在树和树中间", "若干 × 鸟", "没有人", "太阳在左上角", "季节：冬天",
        "dragon", "大的房子",
    ]  # fmt: skip


def test_every_kind_of_claim_has_words() -> None:
    made = {
        "object": {"subject": "cat"}, "count": {"subject": "cat", "value": 2},
        "color": {"subject": "cat", "value": "red"}, "place": {"subject": "cat", "value": "left"},
        "relation": {"subject": "cat", "value": "above", "object": "dog"},
        "size": {"subject": "cat", "value": "big"}, "absent": {"subject": "cat"},
        "kept": {"subject": "cat"}, "text": {"value": "HI"}, "style": {"value": "oil"},
        "season": {"value": "winter"}, "time": {"value": "day"}, "weather": {"value": "rain"},
        "setting": {"value": "sea"},
    }  # fmt: skip
    for kind, rest in made.items():
        claim = Claim.model_validate({"id": "c1", "kind": kind, **rest})
        words = {reply.describe(claim), reply.describe(claim, "zh")}
        assert len(words) == 2
        assert all("None" not in text for text in words)


def test_handles_that_nobody_holds_are_taken_out() -> None:
    known = {"img-1"}.__contains__
    assert reply.only_known("img-1 and img-12", known) == "img-1 and (no such picture)"


LINKS = "![x](http://a.example/b) <img src=//a.example> [go](javascript:x) www.a.example/?q"


@pytest.mark.parametrize(
    "said",
    [
        reply.plain(LINKS), reply.looked("en", "img-1", LINKS),
        reply.unfinished("zh", f"{reply.FAILED}: {LINKS}"),
        answers.answered("en", "img-1", {"value": LINKS, "confidence": 0.5}),
    ],
    ids=["a language model", "a captioner", "a tool that failed", "an answerer"],
)  # fmt: skip
def test_what_a_model_says_is_words_and_nothing_that_is_fetched_or_clicked(said: str) -> None:
    assert "go" in said
    assert not re.search(r"a\.example|\]\(|<\w", said)
