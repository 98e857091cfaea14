"""Edit requests become changes, in two languages.

The changes expected of a request are written short: ``remove tree[red]@left*1`` is which tree and
how many, ``add bird:red*2@right`` what is new and where it goes, ``-> value:color`` what something
becomes, ``-> left of house`` where it goes, ``tune sky -> brighter`` a tone, ``style <img-2`` the
style of a picture, ``-`` nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.agent.brief import Brief, Change
from danqing.agent.language import understand
from danqing.agent.language.edits import changes_of
from training.requests.noted import keys, marks_of, short

HERE = Path(__file__).parent


def cases(name: str) -> list[tuple[str, str]]:
    """The (words, what is expected of them) pairs of one file beside this one."""
    lines = (HERE / f"{name}.txt").read_text("utf-8").splitlines()
    pairs = [line.partition(" => ") for line in lines if line and not line.startswith("#")]
    return [(words, expected.strip()) for words, _, expected in pairs]


def parts(expected: str) -> list[frozenset[str]]:
    pieces = [piece.strip() for piece in expected.split(";")]
    return [marks_of(piece) for piece in pieces if piece != "-"]


@pytest.mark.parametrize(("request_", "expected"), cases("edits_english") + cases("edits_chinese"))
def test_an_edit_becomes_its_changes_in_order(request_: str, expected: str) -> None:
    brief = understand(request_)
    assert brief.intent == "edit"
    assert [marks_of(short(change)) for change in brief.changes] == parts(expected)


@pytest.mark.parametrize(("request_", "expected"), cases("open_english") + cases("open_chinese"))
def test_at_an_open_picture_words_that_fit_it_change_it(request_: str, expected: str) -> None:
    check_open(understand(request_, known_pictures=("img-1", "img-2")), expected)


@pytest.mark.parametrize(("request_", "expected"), cases("gist"))
def test_what_no_rule_fits_is_understood_by_what_it_names(request_: str, expected: str) -> None:
    shown = ("cat", "tree", "person")
    pictures = ("img-1", "img-2")
    check_open(understand(request_, known_pictures=pictures, shown=lambda: shown), expected)


def test_a_picture_is_looked_at_only_where_that_may_tell_what_is_meant() -> None:
    looked: list[int] = []

    def shown() -> tuple[str, ...]:
        looked.append(1)
        return ()

    for words in ("a red house and a tree in winter", "remove it", "thanks", "make it night"):
        understand(words, known_pictures=("img-1",), shown=shown)
    assert not looked
    understand("I imagined the cat on the right", known_pictures=("img-1",), shown=shown)
    assert looked


def check_open(brief: Brief, expected: str) -> None:
    told, _, claims = (part.strip() for part in expected.partition("|"))
    if told in {"make", "ask", "chat"}:
        assert (brief.intent, brief.target) == (told, "last" if told == "ask" else None)
    else:
        target, _, rest = told.partition(" ") if told.startswith("#") else ("last", "", told)
        assert (brief.intent, brief.target) == ("edit", target)
        assert [marks_of(short(change)) for change in brief.changes] == parts(rest)
    assert {claim.key for claim in brief.claims} == keys(claims)


@pytest.mark.parametrize(
    "request_",
    [
        "there should be a dog on the left", "also draw a tree on the right", "how about winter?",
        "I'd like a tree, too", "let there be snow", "black and white", "black-and-white",
        "桌子上放一个杯子", "我想要冬天的样子", "油画的效果", "水彩效果", "它应该是蓝色的",
    ],
)  # fmt: skip
def test_the_same_words_are_a_new_picture_where_none_is_open(request_: str) -> None:
    brief = understand(request_)
    assert (brief.intent, brief.target, brief.changes) == ("make", None, ())
    assert understand(request_, known_pictures=("img-1",)).intent == "edit"


@pytest.mark.parametrize(
    "request_",
    [
        "a red house at night", "a colorful bird", "black and white cat", "vivid colors, a cat",
        "draw a rainbow in the sky", "a dog in the style of a cartoon", "a man who moves a chair",
        "a smaller house beside a bigger one", "a cat with no tail", "no people, just mountains",
        "the first snow of winter", "two pictures on a wall", "picture 1: a red house",
        "two birds and a red ball", "a house with its roof cut off", "draw a cat and add a hat",
        "夜晚的红房子", "一只会飞的猫", "画一个旋转木马", "黑白相间的猫", "一只更大的狗在屋旁",
        "不要人物，只要一座灯塔", "彩色的鸟", "月亮很亮的夜晚", "左边放一把椅子",
        "两只鸟和一个红球",
    ],
)  # fmt: skip
def test_what_may_be_a_new_picture_is_one(request_: str) -> None:
    brief = understand(request_)
    assert brief.intent == "make"
    assert brief.changes == ()
    assert brief.claims


@pytest.mark.parametrize(
    "request_",
    [
        "make it bluer", "upscale it", "crop it", "crop it to a square", "rotate it 90 degrees",
        "flip it", "make it bigger", "extend it to the right", "cut out the dog", "too dark",
        "亮一点", "放大两倍", "裁成正方形", "向右扩展", "抠出狗", "旋转90度",
        "in the style of img-2", "按img-2的风格",
    ],
)  # fmt: skip
def test_what_is_done_to_the_pixels_claims_nothing_of_the_scene(request_: str) -> None:
    assert understand(request_).claims == ()


@pytest.mark.parametrize(
    "request_",
    ["remove the left tree", "remove one of the trees", "把左边的树去掉", "remove the small tree"],
)
def test_where_some_are_taken_away_not_all_are_claimed_gone(request_: str) -> None:
    brief = understand(request_)
    assert [change.op for change in brief.changes] == ["remove"]
    assert "absent" not in {claim.kind for claim in brief.claims}


@pytest.mark.parametrize("request_", ["remove the trees", "remove all the trees", "去掉树"])
def test_where_all_are_taken_away_they_are_claimed_gone(request_: str) -> None:
    claims = understand(request_).claims
    assert [(claim.id, claim.kind, claim.subject) for claim in claims] == [("c1", "absent", "tree")]


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        ("second picture: add a moon", "#2"), ("the second one, but at night", "#2"),
        ("go back to the original and make the roof red", "original"), ("make it night", "last"),
        ("in the style of img-2", "last"), ("turn img-3 into the style of img-2", "img-3"),
        ("用上一张的风格", "last"), ("把上一张改成夜晚", "previous"), ("第二张，加一个月亮", "#2"),
        ("回到原图，把屋顶改成红色", "original"), ("在img-2里加一只猫", "img-2"),
        ("make the one before the hat darker", "before hat"),
        ("turn the first picture into a watercolor", "#1"), ("把第四张变亮一点", "#4"),
    ],
)  # fmt: skip
def test_the_picture_that_is_named_is_the_target(request_: str, target: str) -> None:
    brief = understand(request_)
    assert (brief.intent, brief.target) == ("edit", target)
    assert brief.changes


def test_the_words_that_name_a_picture_are_no_claim() -> None:
    claims = understand("go back to the original and make the roof red").claims
    assert [(claim.kind, claim.subject, claim.value) for claim in claims] == [
        ("color", "roof", "red")
    ]


@pytest.mark.parametrize(
    "request_",
    [
        "make the house blue, remove the left tree and make it snow",
        "把房子变成蓝色，去掉左边的树，再下点雪",
        "請把貓換成白色的狗",
        "Ｍake it night, “İ” and add two birds",
    ],
)
def test_the_source_of_a_change_is_a_part_of_the_request(request_: str) -> None:
    changes = understand(request_).changes
    assert changes
    assert all(change.source and change.source in request_ for change in changes)


def test_a_request_may_mix_the_languages() -> None:
    brief = understand("把房子改成红色, then add two birds，再改成水彩")
    assert [short(change) for change in brief.changes] == [
        "recolor house -> red", "add bird*2", "style -> watercolor",
    ]  # fmt: skip


WORDS = (
    "make the a two left red house and , . to it remove add of with one all into style on more "
    "darker bigger rotate crop 90 tree night move replace not no keep img-2 the second 把 改成 "
    "去掉 再 加 两只 红色 的 猫 移到 左边 ， 它 放大 亮一点 原图 风格 不要 给 换成"
)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=25), st.booleans())
def test_any_order_of_words_becomes_valid_changes(words: list[str], chinese: bool) -> None:
    text = ("" if chinese else " ").join(words)
    for change in changes_of(text, chinese=chinese):
        assert Change.model_validate_json(change.model_dump_json()) == change
        assert change.source in text if change.source else True


def test_a_request_is_understood_in_ten_milliseconds() -> None:
    requests = [request for request, _ in cases("edits_english") + cases("edits_chinese")]
    for request in requests:
        understand(request)
    start = time.process_time()
    for request in requests:
        understand(request)
    assert (time.process_time() - start) / len(requests) < 0.01
