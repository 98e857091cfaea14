"""Requests that are made up: always the same, of every kind, and meaning what they say."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice, pairwise
from random import Random
from typing import get_args

import pytest

from danqing.agent.brief import KINDS, TUNES, Op
from danqing.agent.language import understand
from danqing.agent.llm.forms import SaidChange, SaidClaim, Understanding
from danqing.tools.chinese import simplified
from training.requests import (
    HELD_OUT,
    Sample,
    around,
    colors,
    doing,
    noise,
    noted,
    phrases,
    pictures,
    samples,
    scenery,
    scenes,
    words,
)
from training.requests.form import answer, message
from training.requests.grammar import Phrases


@pytest.fixture(scope="module")
def drawn() -> list[Sample]:
    return list(islice(samples("test"), 9000))


# -- phrases with choices


def test_a_phrase_is_one_of_its_choices_and_is_filled_from_left_to_right() -> None:
    phrases = Phrases("(please |)(make|paint) {thing} {color}\n9:{color}!")
    filled: list[str] = []

    def fill(name: str) -> str:
        filled.append(name)
        return name.upper()

    said = Counter(phrases.draw(Random(seed), fill) for seed in range(400))
    assert set(said) == {
        "COLOR!", "make THING COLOR", "paint THING COLOR", "please make THING COLOR",
        "please paint THING COLOR",
    }  # fmt: skip
    assert 320 < said["COLOR!"] < 390  # nine of ten
    assert set(pairwise(filled)) >= {("thing", "color")}
    assert Phrases("a ((b|c) d|)").draw(Random(0)) in {"a b d", "a c d", "a "}


@pytest.mark.parametrize("line", ["make (it|that", "make it) blue"])
def test_a_phrase_whose_brackets_do_not_match_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="bracket"):
        Phrases(line)


# -- the samples


def test_the_same_seed_draws_the_same_and_another_one_others(drawn: list[Sample]) -> None:
    assert list(islice(samples("test"), 300)) == drawn[:300]
    other = {sample.message for sample in islice(samples("another"), 300)}
    assert len(other & {sample.message for sample in drawn[:300]}) < 15  # "thanks!"


def test_half_are_chinese_and_every_claim_change_and_kind_is_there(drawn: list[Sample]) -> None:
    assert 0.45 < sum(sample.chinese for sample in drawn) / len(drawn) < 0.55
    claims = Counter(c.kind for sample in drawn for c in sample.understanding.claims)
    changes = [c for sample in drawn for c in sample.understanding.changes]
    assert set(claims) == set(KINDS) - {"kept"}, "of an edit nothing is claimed to be kept"
    assert {change.op for change in changes} == set(get_args(Op))
    assert {change.value for change in changes if change.op == "tune"} == set(TUNES)
    told = [sample.understanding for sample in drawn]
    assert {one.intent for one in told} == {"make", "edit", "ask", "chat"}
    assert all(any(getattr(one, name) for one in told)
               for name in ("again", "standing", "lifted", "remarks"))  # fmt: skip
    targets = {one.target.split(" ")[0].rstrip("0123456789") for one in told if one.target}
    assert targets == {"last", "previous", "original", "#", "img-", "before", "with"}


def test_each_makes_a_brief_of_its_session(drawn: list[Sample]) -> None:
    for sample in drawn:
        sample.understanding.brief(sample.request, sample.handles)
        assert sample.message.endswith(f"request: {sample.request}")
        lines = dict(line.partition(": ")[::2] for line in sample.message.split("\n"))
        assert tuple(lines.get("pictures", "").split()) == sample.handles
        assert ("open" in lines) == bool(sample.handles)


def test_what_is_held_out_is_never_drawn_to_train_on(drawn: list[Sample]) -> None:
    held_out = {s.request for s in islice(samples("test", held_out=True), 200)}
    assert not held_out & {sample.request for sample in drawn}
    both = [Sample("", Understanding(intent="chat"), "", False, f"no {n}") for n in range(6400)]
    assert 0.7 < sum(one.held_out for one in both) / 6400 * HELD_OUT < 1.3


def test_no_request_of_the_tests_is_drawn(drawn: list[Sample]) -> None:
    asked = {"".join(filter(str.isalnum, case.request)).casefold() for case in noted.cases()}
    assert len(asked) > 1500
    for sample in drawn:
        assert "".join(filter(str.isalnum, sample.request)).casefold() not in asked


def _as_read(sample: Sample) -> bool:
    """Whether the built-in reader understands the same."""
    read = understand(sample.request, known_pictures=sample.handles)
    told = sample.understanding.brief(sample.request, sample.handles)
    if told.intent == "edit":
        plain = [[c.model_copy(update={"source": None}) for c in b.changes] for b in (read, told)]
        return read.intent == "edit" and plain[0] == plain[1]
    return {claim.key for claim in read.claims} == {claim.key for claim in told.claims}


@pytest.mark.parametrize(
    ("kind", "chinese", "share"),
    [("make", False, 0.5), ("make", True, 0.4), ("edit", False, 0.45), ("edit", True, 0.45)],
)
def test_the_built_in_reader_who_knows_none_of_this_often_agrees(
    drawn: list[Sample], kind: str, chinese: bool, share: float
) -> None:
    """Where it does not, it is mostly the reader that is wrong: requests are meant to be hard."""
    chosen = [s for s in drawn if s.kind == kind and s.chinese == chinese and len(s.request) < 60]
    known = [s for s in chosen if all(str(c.subject).isascii() for c in s.understanding.claims)]
    agreed = [_as_read(sample) for sample in known[:200]]
    assert sum(agreed) / len(agreed) > share


def test_what_nobody_knows_is_called_as_it_is_written() -> None:
    for chinese in (False, True):
        for seed in range(60):
            word = words.unknown(Random(seed), chinese)
            noun = words.surface(Random(seed), word, chinese)
            assert word.name == noun.lower()
            assert re.search("[\u4e00-\u9fff]", noun) if chinese else noun.isascii()


@pytest.mark.parametrize(
    ("one", "more"),
    [("puppy", "puppies"), ("person", "people"), ("wolf", "wolves"), ("scissors", "scissors"),
     ("bus", "buses"), ("cactus", "cacti"), ("glass", "glasses"), ("street lamp", "street lamps"),
     ("goose", "geese"), ("sheep", "sheep")],
)  # fmt: skip
def test_the_plural_of_a_noun(one: str, more: str) -> None:
    assert words.many(one) == more


@pytest.mark.parametrize("chinese", [False, True])
def test_a_caption_of_a_scene_claims_what_a_reader_finds_in_it(chinese: bool) -> None:
    agreed = 0
    for seed in range(60):
        said = scenes.described(Random(seed), chinese)
        told = Understanding(intent="make", claims=pictures.unique(said.claims)).brief(said.text)
        agreed += {c.key for c in understand(said.text).claims} == {c.key for c in told.claims}
    assert agreed > 54


# -- what is said of things


def test_what_is_done_is_claimed_of_everyone_who_does_it() -> None:
    for seed in range(300):
        said = doing.draw(Random(seed), False)
        deeds = Counter(
            c["value"]
            for c in said.claims
            if "subject" in c and str(c.get("value")).endswith(("ing", "parked"))
        )
        there = {c["subject"] for c in said.claims if c["kind"] in ("object", "count")}
        told = {c["subject"] for c in said.claims if c.get("value") in deeds and "subject" in c}
        assert deeds, said
        assert told <= there
        assert max(deeds.values()) < 4


def test_a_lifeless_thing_that_hangs_somewhere_does_nothing() -> None:
    for seed in range(200):
        said = doing.lying(Random(seed), seed % 2 == 0)
        values = {c.get("value") for c in said.claims if c["kind"] == "object"}
        assert not values & set(doing.LIES_EN)


def test_what_is_said_of_one_of_a_name_is_said_with_its_color() -> None:
    for seed in range(300):
        said = colors.draw(Random(seed), seed % 2 == 0)
        name = said.claims[0]["subject"]
        mine = [claim for claim in said.claims if claim["subject"] == name]
        values = {claim["value"] for claim in mine if claim["kind"] == "color"}
        assert len(values) == 2
        told = [claim for claim in mine if claim["kind"] in ("count", "place", "relation")]
        assert {claim.get("color") for claim in told} - {None} == values or "relation" in str(told)
        whole = [
            claim["value"] for claim in told if claim["kind"] == "count" and "color" not in claim
        ]
        each = [c["value"] for c in told if c["kind"] == "count" and "color" in c]
        assert whole in ([], [sum(each)]), said


def test_what_is_around_a_thing_is_told_by_it() -> None:
    sides = set()
    for seed in range(300):
        said = around.chained(Random(seed), seed % 2 == 0)
        first = said.claims[0]["subject"]
        links = [claim for claim in said.claims if claim["kind"] == "relation"]
        assert all(link["object"] == first != link["subject"] for link in links)
        sides |= {link["value"] for link in links}
    assert sides == {"left of", "right of", "above", "below", "inside"}


def test_what_holds_something_has_it_inside_only_where_that_is_said() -> None:
    for seed in range(200):
        said = around.holding(Random(seed), False)
        inside = any(claim["kind"] == "relation" for claim in said.claims)
        assert not inside or re.search(r" in | inside ", said.text), said
        assert inside or re.search(" of | full of | filled with ", said.text), said


def test_praise_is_remarked_and_not_claimed(drawn: list[Sample]) -> None:
    told = [sample.understanding for sample in drawn if sample.kind == "make"]
    moods = {*phrases.MOODS[False], *phrases.MOODS[True]}
    assert sum(bool(moods & set(one.remarks)) for one in told) > 300
    assert not any(claim.value in moods for one in told for claim in one.claims)


def test_an_environment_is_a_setting_with_the_weather_and_the_season_said_of_it() -> None:
    kinds = Counter()
    for seed in range(400):
        said = scenery.environment(Random(seed), seed % 2 == 0)
        assert [c["kind"] for c in said.claims].count("setting") == 1
        kinds.update(c["kind"] for c in said.claims)
        for claim in said.claims:
            tables = [phrases.SCENERY.get(f"{claim['kind']}_{to}", {}) for to in ("en", "zh")]
            told = " ".join(table.get(str(claim["value"]), "") for table in tables).split()
            assert not told or "雪" in said.text or any(word in said.text for word in told), said
    assert set(kinds) == {"setting", "weather", "season", "time", "remark"}


def test_a_medium_alone_is_no_style() -> None:
    said = [scenery.medium(Random(seed), False, "a cat") for seed in range(300)]
    plain = [one for one in said if one.text.startswith("a photo of")]
    assert plain and not any(one.claims for one in plain)
    drawn = [one for one in said if one.text.startswith("a charcoal drawing")]
    assert drawn and all(one.claims[0]["value"] == "charcoal" for one in drawn)


def test_whom_a_picture_is_for_is_not_in_it() -> None:
    frames = phrases.table("pictures")["whom"]
    for chinese, language in ((False, "en"), (True, "zh")):
        topics = {frames[language].draw(Random(seed), lambda _: "ꙮ") for seed in range(200)}
        assert any("ꙮ" in topic for topic in topics)
        said = [pictures._framed(Random(seed), "ꙮ", chinese) for seed in range(600)]
        assert all(text.count("ꙮ") == 1 for text in said)
        assert sum(any(t in text for t in topics if "ꙮ" not in t) for text in said) > 5


# -- how people type


def test_what_is_to_be_written_in_the_picture_is_never_mistyped() -> None:
    text = 'a sign that says "Open All Night"'
    assert {noise.typed(Random(seed), text, False)[1:] for seed in range(200)} == {text[1:]}


def test_slips_change_a_letter_and_leave_the_rest() -> None:
    text = "paint the house yellow"
    typed = {noise.typed(Random(seed), text, False) for seed in range(400)}
    assert len(typed) > 60
    slips = {one for one in typed if one.lower() not in text and len(one) in range(21, 24)}
    assert any(Counter(text) - Counter(one.lower()) for one in slips)
    assert sum(noise.typed(Random(seed), text, False).lower() == text for seed in range(400)) > 240


def test_a_slip_is_in_a_word_that_can_be_put_right() -> None:
    typed = {noise._slip(Random(seed), "a snorklewhack") for seed in range(50)}
    assert typed == {"a snorklewhack"}


def test_traditional_characters_say_the_same() -> None:
    for text in ("画一只猫头鹰在红色的房子上面", "把汽车换成飞机"):
        typed = noise._traditional(Random(0), text)
        assert typed != text
        assert simplified(typed) == text


# -- the form


def test_lines_that_do_not_apply_are_left_out_and_an_answer_is_a_call() -> None:
    assert message("a cat") == "request: a cat"
    assert message("它", pictures=("img-1", "img-2"), open="img-2", shows=("cat",), before="x") == (
        "pictures: img-1 img-2\nopen: img-2\nshows: cat\nbefore: x\nrequest: 它"
    )
    told = Understanding(intent="make", claims=[SaidClaim(kind="text", value="福")])
    assert answer(told) == (
        '<tool_call>\n{"name": "understand", "arguments": {"intent": "make", "claims":'
        ' [{"kind": "text", "value": "福"}]}}\n</tool_call>'
    )


# -- the check on what the tests of the built-in reader expect


def test_the_built_in_reader_passes_the_check_and_nonsense_does_not() -> None:
    cases = list(noted.cases())
    right = [case.agrees(_form_of(case)) for case in cases]
    assert sum(right) / len(right) > 0.97
    empty = Understanding(intent="edit", changes=[SaidChange(op="flip", value="vertical")])
    assert sum(case.agrees(empty) for case in cases) / len(cases) < 0.01
    assert not any(case.agrees(None) for case in cases)


def _form_of(case: noted.Case) -> Understanding:
    pictures = noted.PICTURES if "pictures: " in case.message else ()
    brief = understand(case.request, known_pictures=pictures, shown=lambda: noted.SHOWN)
    told = brief.model_dump(exclude={"version", "language", "claims", "changes", "standing"})
    claims = [SaidClaim(**c.model_dump(exclude={"id", "source"})) for c in brief.claims]
    changes = [SaidChange(**c.model_dump(exclude={"source"})) for c in brief.changes]
    lists = {"lifted": list(brief.lifted), "remarks": list(brief.remarks)}
    return Understanding(
        **{**told, **lists}, claims=claims, changes=changes, standing=bool(brief.standing)
    )


def test_what_is_measured_is_never_drawn() -> None:
    assert noted.is_asked("早上好呀！") and noted.is_asked("早上好呀")
    assert not noted.is_asked("a request that nobody has written yet")
