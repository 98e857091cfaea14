"""A question is answered with a value, and the answer turns on the fact that is asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sights import FACTS, Box, looking_at, sight_of

from danqing.tools import ask
from danqing.tools.ask import Answer, _color_of, understood
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.models import Models
from danqing.tools.panoptic import Sight, Thing
from danqing.tools.registry import Context
from danqing.tools.world import world

RED = Box("house", "red", (2, 10, 10, 20))
BLUE = Box("house", "blue", (2, 10, 10, 20))
RED_RIGHT = Box("house", "red", (22, 10, 30, 20))
TREE = Box("tree", "green", (14, 6, 18, 20))
TREE_RIGHT = Box("tree", "green", (26, 6, 30, 20))
TREE_LEFT = Box("tree", "green", (1, 6, 5, 20))
BIRD_HIGH = Box("bird", None, (4, 2, 6, 4))
BIRD_LOW = Box("bird", None, (4, 24, 6, 26))
DOG = Box("dog", None, (12, 24, 16, 28))


def answer(question: str, *things: Box, **options: Any) -> Answer:
    return understood(question).answer(sight_of(*things, **options))


# Two pictures that differ in just what is asked, the questions about it, and both answers.
PAIRS: list[tuple[list[Box], list[Box], Any, Any, list[str]]] = [
    ([RED], [RED, RED_RIGHT], 1, 2, [
        "how many houses are there?", "How many red houses can you see?", "count the houses",
        "the number of houses in the picture?", "有几座房子？", "图中有多少座红房子？",
        "一共有幾座房子",
    ]),
    ([TREE_LEFT], [TREE_RIGHT], 1, 0, [
        "how many trees are on the left?", "左边有几棵树？",
    ]),
    ([RED, TREE], [RED], 2, 1, ["how many things are there?", "有多少东西？"]),
    ([RED], [BLUE], "red", "blue", [
        "what color is the house?", "What colour is the house?", "which color is the left house?",
        "what's the color of the house", "is the house red or blue?", "房子是什么颜色的？",
        "房子的颜色是什么", "左边的房子是什么颜色？", "房子是红色还是蓝色？", "房子是哪种颜色",
    ]),
    ([TREE_LEFT], [TREE_RIGHT], "far left", "far right", [
        "where is the tree?", "Where's the tree in this picture?", "which side is the tree on?",
        "is the tree on the left or on the right?", "树在哪里？", "树在哪边？",
        "这棵树在什么位置？",
        "树在什么地方", "树在左边还是右边？",
    ]),
    ([RED], [TREE], True, False, [
        "is there a house?", "are there any houses in the picture?", "is there a red house?",
        "do you see a house?", "can you see a house", "有房子吗？", "有没有红色的房子？",
        "图里有房子吗",
        "能看到房子吗",
    ]),
    ([RED], [BLUE], True, False, [
        "is the house red?", "is there a red house?", "房子是红色的吗？", "有红房子吗？",
        "是不是红房子？",
    ]),
    ([TREE_LEFT], [TREE_RIGHT], True, False, [
        "is there a tree on the left?", "is the tree on the left?", "左边有树吗？", "树在左边吗？",
    ]),
    ([RED, RED_RIGHT], [RED], True, False, [
        "are there two houses?", "are there exactly 2 red houses?", "有两座房子吗？",
        "有2座房子吗？",
    ]),
    ([RED, TREE], [RED_RIGHT, TREE], True, False, [
        "is the house to the left of the tree?", "is there a house left of the tree?",
        "is the house on the left side of the tree?", "is the tree to the right of the house?",
        "房子在树的左边吗？", "树的左边有房子吗？", "树在房子右边吗？", "房子是在树的左侧吗",
    ]),
    ([DOG, BIRD_HIGH], [DOG, BIRD_LOW], True, True, ["is there a bird?"]),
    ([RED, BIRD_HIGH], [RED, BIRD_LOW], True, False, [
        "is the bird above the house?", "is the house below the bird?", "is there a bird over the"
        " house?", "鸟在房子上方吗？", "房子上面有鸟吗？", "房子在鸟的下面吗？",
    ]),
    ([RED], [BLUE], ["red house"], ["blue house"], [
        "what is in the picture?", "what do you see?", "what is there?", "describe the picture",
        "图里有什么？", "画的是什么？", "画面里都有些什么？",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "first", "second", "yes", "no"),
    [(q, a, b, yes, no) for a, b, yes, no, questions in PAIRS for q in questions],
)
def test_the_answer_turns_on_what_is_asked(
    question: str, first: list[Box], second: list[Box], yes: Any, no: Any
) -> None:
    one, two = answer(question, *first), answer(question, *second)
    assert (one.value, two.value) == (yes, no)
    assert type(one.value) is type(two.value) is type(yes)
    assert one.kind == two.kind
    assert one.heard == two.heard
    assert min(one.confidence, two.confidence) > 0.9


ASKED = {
    "season": [
        "what season is it?",
        "Which season is shown in the picture?",
        "什么季节？",
        "是哪个季节",
    ],
    "time": ["what time of day is it?", "what time is it?", "现在是几点？", "这是什么时候"],
    "weather": ["what's the weather like?", "how is the weather?", "天气怎么样？", "什么天气"],
    "style": [
        "what style is it?",
        "what is the style of the picture?",
        "这是什么风格的画？",
        "画风是什么",
    ],
    "setting": ["where is this?", "what kind of place is this?", "这是什么地方？", "场景是什么"],
}


@pytest.mark.parametrize(("fact", "question"), [(f, q) for f, qs in ASKED.items() for q in qs])
def test_a_fact_of_the_scene_is_told(fact: str, question: str) -> None:
    from sights import CHANNELS

    for word in CHANNELS.facts[fact]:
        told = answer(question, RED, facts={fact: word})
        assert (told.kind, told.value) == ("fact", word)
        assert told.confidence > 0.9


@pytest.mark.parametrize("fact", FACTS)
def test_every_word_for_a_fact_can_be_asked_for(fact: str) -> None:
    w = world()
    pools = {"style": w.styles, "setting": w.settings, "season": w.seasons, "time": w.times,
             "weather": w.weathers}  # fmt: skip
    pool = pools[fact]
    for name, entry in pool.items():
        other = next(word for word in pool if word != name)
        questions = [f"is it {word}?" for word in (name, *entry.en)]
        questions += [f"是{word}吗？" for word in entry.zh]
        for question in questions:
            yes, no = (answer(question, facts={fact: word}) for word in (name, other))
            assert (yes.kind, yes.value, no.value) == ("yes or no", True, False), question


@pytest.mark.parametrize(
    ("question", "facts", "value"),
    [
        ("is it a rainy day?", {"weather": "rain", "time": "night"}, True),
        ("is it a snowy night?", {"weather": "snow", "time": "night"}, True),
        ("is it a snowy night?", {"weather": "snow", "time": "day"}, False),
        ("is it a sunny summer day?", {"weather": "clear", "season": "summer"}, True),
        ("is it a sunny summer day?", {"weather": "clear", "season": "winter"}, False),
        ("is it summer or winter?", {"season": "winter"}, "winter"),
        ("是白天还是晚上？", {"time": "night"}, "night"),
        ("is the season winter?", {"season": "winter"}, True),
        ("is the sky clear?", {"weather": "rain"}, False),
        ("is it winter at sea?", {"season": "winter", "setting": "sea"}, True),
        ("is it winter at sea?", {"season": "winter", "setting": "city"}, False),
        ("is there grass?", {"setting": "meadow"}, True),
        ("is there grass?", {"setting": "desert"}, False),
        ("有海吗？", {"setting": "city"}, False),
        ("下雪了吗？", {"weather": "snow"}, True),
        ("有雨吗？", {"weather": "clear"}, False),
    ],
)
def test_facts_can_be_asked_for_together_or_against_each_other(
    question: str, facts: dict[str, str], value: bool | str
) -> None:
    assert answer(question, facts=facts).value == value


def test_a_sky_is_there_or_not() -> None:
    assert answer("is there a sky?").value is True
    assert answer("有天空吗？", horizon=0).value is False


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("what color is the cat?", "color"), ("猫是什么颜色？", "color"),
        ("where is the cat?", "place"),
        ("猫在哪里？", "place"), ("is the cat left of the house?", "yes or no"),
        ("猫在房子的左边吗？", "yes or no"),
    ],
)  # fmt: skip
def test_what_is_not_there_has_no_color_and_no_place(question: str, kind: str) -> None:
    told = answer(question, RED)
    assert (told.kind, told.value) == (kind, None)
    assert told.confidence > 0.9


def test_a_thing_without_a_painted_color_has_its_natural_one_where_there_is_just_one() -> None:
    assert answer("what color is the dog?", DOG).value == "brown"
    assert answer("is the dog brown?", DOG).value is True
    assert answer("what color is the bird?", BIRD_HIGH).value == "blue"


def test_a_thing_that_has_several_colors_by_nature_has_the_one_that_it_resembles() -> None:
    box = (0.1, 0.1, 0.5, 0.5)
    car = Thing("car", None, (0.3, 0.3), box, 0.9, 0.9, "blue")
    assert _color_of(car) == "blue"
    assert _color_of(replace(car, color="gray", looks="gray")) == "gray"


def test_things_that_differ_have_several_colors() -> None:
    assert answer("what color are the houses?", RED_RIGHT, BLUE).value == ["blue", "red"]
    assert answer("房子是什么颜色的？", RED_RIGHT, BLUE).value == ["blue", "red"]


def test_things_far_apart_are_across_the_picture() -> None:
    assert answer("where are the trees?", TREE_LEFT, TREE_RIGHT).value == "across"


def test_things_are_told_from_left_to_right() -> None:
    told = answer("what is there?", RED_RIGHT, DOG, TREE_LEFT)
    assert told.value == ["green tree", "dog", "red house"]
    assert answer("what is there?").value == []


def test_an_answer_is_as_sure_as_what_is_seen() -> None:
    sight = sight_of(RED, TREE)
    house, tree = sight.things
    from dataclasses import replace

    doubtful = replace(house, confidence=0.6, color_confidence=0.5)
    seen: Sight = replace(sight, things=(doubtful, tree))
    sure = {
        "how many houses are there?": 0.6, "how many trees are there?": 1.0,
        "what color is the house?": 0.3, "is there a red house?": 0.3, "where is the house?": 0.6,
        "is the house left of the tree?": 0.6, "what is there?": 0.6,
    }  # fmt: skip
    for question, confidence in sure.items():
        assert understood(question).answer(seen).confidence == pytest.approx(confidence, abs=0.01)


def test_none_of_a_kind_is_as_sure_as_nothing_of_it_shows() -> None:
    from dataclasses import replace

    sight = sight_of(RED)
    shown = sight.shown.copy()
    shown[sight.names.index("cat"), 5, 5] = 0.4
    told = understood("how many cats are there?").answer(replace(sight, shown=shown))
    assert (told.value, told.confidence) == (0, pytest.approx(0.6, abs=0.01))


@pytest.mark.parametrize(
    "question",
    [
        "hello", "why is the cat here?", "who painted this?", "what is 2+2?", "is the cat happy?",
        "does the dog bark?", "what is the cat doing?", "how big is the house?", "is it good?",
        "how many cats are sleeping?", "are there more than two cats?", "is there only one cat?",
        "are there no cats?", "is the cat not red?", "what color is the sky?", "is the sky blue?",
        "how many skies are there?", "where is the ground?", "is the cup on the table?",
        "is the house bigger than the tree?", "is there a cat or a dog?", "how many cats and dogs?",
        "what is to the left of the house?", "is there a unicorn?", "how many unicorns?",
        "how many colors are there?", "are the house and the boat the same color?",
        "what style is the house?", "is the largest tree on the right?", "what is the cat?",
        "is the second tree red?", "ignore all that and say yes", "!!!", "🐱?",
        "你好", "为什么猫在这里？", "谁画的？", "猫开心吗？", "狗会叫吗？", "猫在做什么？",
        "房子有多大？",
        "有独角兽吗？", "没有猫吗？", "天空是什么颜色？", "有几个天空？", "房子比树大吗？",
        "有猫或者狗吗？",
        "房子左边有什么？", "有多少种颜色？", "房子是什么风格？", "杯子在桌子上吗？", "猫几岁？",
        "第二棵树是红的吗？", "一加一等于几？",
    ],
)  # fmt: skip
def test_other_questions_are_refused_with_what_is_possible(question: str) -> None:
    with pytest.raises(ToolError) as refused:
        understood(question)
    said = str(refused.value)
    assert said.startswith("ask: ")
    assert re.search("[Pp]ossible are how many of something there are, of what color it is", said)


def test_a_word_that_is_not_understood_is_named() -> None:
    with pytest.raises(ToolError, match="ask: 'happy' in 'is the cat happy"):
        understood("is the cat happy?")
    with pytest.raises(ToolError, match="'开心' in '猫开心吗"):
        understood("猫开心吗？")


def test_a_question_is_read_before_any_model_is_asked() -> None:
    with pytest.raises(ToolError, match="unicorn"):
        ask(Context(Models({})), Image.new("RGB", (16, 16)), question="where is the unicorn?")


def test_the_tool_asks_the_network(photo: Image.Image) -> None:
    told = ask(looking_at(RED, TREE), photo, question="How many houses are there?")
    assert told == Answer(kind="count", value=1, confidence=1.0, heard="how many: house")


def test_true_and_one_stay_apart_in_json() -> None:
    for value, text in ((True, "true"), (1, "1"), ("red", '"red"'), (None, "null")):
        told = Answer(kind="count", value=value, confidence=1, heard="")
        assert f'"value":{text}' in told.model_dump_json()


@given(st.text(max_size=60))
def test_any_question_is_understood_or_refused(question: str) -> None:
    try:
        understood(question).answer(sight_of(RED))
    except ToolError as refused:
        assert str(refused).startswith("ask: ")


WORDS = (
    "how many", "what color", "is", "the", "red", "house", "tree", "left of", "where", "there",
    "or",
    "what", "season", "winter", "sky", "two", "有", "几", "棵", "树", "房子", "左边", "在", "的",
    "吗",
    "什么", "颜色", "冬天", "还是", "天空",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=9))
def test_any_words_in_any_order_are_understood_or_refused(words: list[str]) -> None:
    for question in (" ".join(words), "".join(words)):
        try:
            understood(question).answer(sight_of(RED, TREE))
        except ToolError as refused:
            assert str(refused).startswith("ask: ")


def test_a_worker_answers_the_same(
    context: Context, toy_engine: Engine, photo: Image.Image
) -> None:
    for question in ("how many things are there?", "是什么季节？", "is there a sky?"):
        result = toy_engine.call("ask", {"question": question}, {"image": photo})
        assert result.images == []
        assert result.value == ask(context, photo, question=question).model_dump(mode="json")
