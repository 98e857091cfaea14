"""Phrases mean what a person would mean by them, in both languages, or are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing.tools.errors import ToolError
from danqing.tools.phrases import GROUNDS, WHERE, Phrase, lexicon, read_phrase
from danqing.tools.world import NATURAL, world

# Each line is a phrase and what it means; * is for every such thing.
ENGLISH = """
house                                   = house
the house                               = house
a red house                             = red house
the big red house                       = largest red house
THE RED HOUSE!                          = red house
the crimson cottage                     = red house
two trees                               = tree *
the trees                               = tree *
all the trees                           = tree *
every tree                              = tree *
3 red birds                             = red bird *
these cats                              = cat *
cacti                                   = cactus *
bunnies                                 = rabbit *
people                                  = person *
the men                                 = person *
the children                            = person *
the man in blue                         = blue person
the woman in a red coat                 = red person
a girl wearing yellow                   = yellow person
the lady with the red umbrella          = person
the red-haired woman                    = person
the bird in the sky                     = bird
in the sky: birds                       = bird *
the cat on the red chair                = cat
the red cat on the blue chair           = red cat
the cup on the table                    = cup
the cup on the left table               = cup
a house with a red roof                 = house
the house that is red                   = red house
the tree beside the white house         = tree
the horse near the small house          = horse
the white house beside the tree         = white house
the left tree                           = left tree
the tree on the left                    = left tree
the trees on the left                   = left tree *
the leftmost tree                       = left tree
the tree on the right side              = right tree
the tree to the left of the house       = left tree
the topmost bird                        = top bird
the bird on top of the house            = top bird
the upper left star                     = top left star
the lowest cloud                        = bottom cloud
the house in the middle                 = middle house
the biggest boat                        = largest boat
the little dog                          = smallest dog
the largest tree on the left            = largest tree
the small tree on the left              = left tree
hot air balloon                         = balloon
the hot-air balloons                    = balloon *
pine tree                               = pine
a table lamp                            = lamp
the sun umbrella                        = umbrella
the water tower                         = tower
the tower of the castle                 = tower
a sky blue car                          = blue car
the grass green tent                    = green tent
the snow-white rabbit                   = white rabbit
the snow-covered house                  = house
the light blue boat                     = blue boat
an orange cat                           = orange cat
the rose flower                         = pink flower
a navy umbrella                         = blue umbrella
a gray, fluffy cat                      = gray cat
the cat 🐱                              = cat
the sky                                 = sky
the blue sky                            = sky
the skies                               = sky
the ground                              = ground
the sea                                 = ground (sea)
the green grass                         = ground (meadow)
the floor                               = ground (indoors)
the sand                                = ground (desert)
the road                                = ground (city)
the largest thing                       = largest thing
everything                              = thing *
the subject                             = thing
the red things                          = red thing *
the object on the left                  = left thing
the  tree                               = tree
"""
CHINESE = """
房子                = house
红房子              = red house
红色的房子          = red house
一座红色的小屋      = red house
左边的红房子        = left red house
最左边的房子        = left house
房子左边的树        = left tree
树                  = tree
大树                = tree
最大的树            = largest tree
小房子              = smallest house
大房子              = largest house
所有的树            = tree *
每棵树              = tree *
两棵树              = tree *
三只猫              = cat *
一只猫              = cat
这些鸟              = bird *
几朵花              = flower *
孩子们              = person *
人                  = person
穿红衣服的人        = red person
拿着红伞的人        = person
女孩                = person
桌子上的杯子        = cup
红桌子上的蓝杯子    = blue cup
桌子上的蓝色杯子    = blue cup
天空中的鸟          = bird
天上的星星          = star
红房子前面的狗      = dog
红房子前面的黑狗    = black dog
左边房子旁边的树    = tree
坐在蓝椅子上的猫    = cat
球                  = ball
红色的球            = red ball
皮球                = ball
气球                = balloon
热气球              = balloon
红气球              = red balloon
秋天的树            = tree
冬天的房子          = house
松树                = pine
白云                = cloud
云彩                = cloud
蓝天白云            = cloud
月亮                = moon
太阳                = sun
雨伞                = umbrella
雨中的伞            = umbrella
台灯                = lamp
汽车                = car
海边的房子          = house
大海上的小船        = boat
天空                = sky
蓝天                = sky
大海                = ground (sea)
海                  = ground (sea)
草地                = ground (meadow)
地板                = ground (indoors)
地面                = ground
沙漠                = ground (desert)
马路                = ground (city)
天蓝色的房子        = blue house
粉红色的花          = pink flower
橘黄色的猫          = orange cat
中间的猫            = middle cat
右上角的星星        = top right star
最上面的鸟          = top bird
左边的两棵树        = left tree *
左边的树            = left tree
紅色的房子          = red house
樹左邊的貓          = left cat
綠色的熱氣球        = green balloon
左邊的紅房子        = left red house
白馬                = white horse
「红房子」          = red house
红房子！！！        = red house
红色 的 房子        = red house
房子是红色的        = red house
主体                = thing
最大的东西          = largest thing
左边的东西          = left thing
"""


def lines(table: str) -> list[tuple[str, str]]:
    pairs = (line.split(" = ") for line in table.strip().splitlines())
    return [(phrase.strip(), meaning) for phrase, meaning in pairs]


def said(text: str) -> str:
    phrase = read_phrase("segment", text)
    return f"{phrase} *" if phrase.every else str(phrase)


@pytest.mark.parametrize(("text", "meaning"), lines(ENGLISH))
def test_english_phrases_mean(text: str, meaning: str) -> None:
    assert said(text) == meaning


@pytest.mark.parametrize(("text", "meaning"), lines(CHINESE))
def test_chinese_phrases_mean(text: str, meaning: str) -> None:
    assert said(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "unicorn", "a hot dog", "the tree trunk", "🐱", "!?", "the red one", "left",
        "海鸥", "熊猫", "自行车", "地球", "地方", "秋天", "明天", "猫头鹰", "树叶", "一只斑马",
        "左右",
    ],
)  # fmt: skip
def test_what_names_nothing_known_is_refused_with_what_is_known(text: str) -> None:
    with pytest.raises(
        ToolError, match=r"^segment: .* names nothing .* known are person, cat, .*sky"
    ):
        read_phrase("segment", text)


@pytest.mark.parametrize(
    "text",
    [
        "the cat and the dog",
        "cat, dog",
        "the house or the red boat",
        "猫和狗",
        "红房子与蓝色的船",
        "猫、狗",
    ],
)
def test_two_things_are_refused(text: str) -> None:
    with pytest.raises(ToolError, match="names two things; allowed is one"):
        read_phrase("segment", text)


@pytest.mark.parametrize("text", ["the red and blue houses", "红色和蓝色的房子"])
def test_two_colors_of_one_thing_are_refused(text: str) -> None:
    with pytest.raises(ToolError, match="names the colors red and blue; allowed is one"):
        read_phrase("segment", text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("everything except the cat", "except"), ("the tree that is not green", "not"),
        ("the house without a roof", "without"), ("除了猫以外的东西", "除了"),
        ("不是红色的房子", "不"),
        ("没有叶子的树", "没"), ("the second tree from the left", "second"),
        ("左边第二棵树", "第二"),
        ("the 3rd house", "3rd"),
    ],
)  # fmt: skip
def test_what_would_turn_the_meaning_is_refused_by_its_word(text: str, word: str) -> None:
    with pytest.raises(ToolError, match=f"segment: '{word}' in .* is not understood here"):
        read_phrase("segment", text)


def test_the_tool_that_asks_is_named_and_a_long_text_is_cut() -> None:
    with pytest.raises(ToolError, match=r"^ask: '(qx ){19}\.\.\.' names nothing"):
        read_phrase("ask", "qx " * 2000)


def test_a_very_long_text_is_read() -> None:
    assert said("very " * 20_000 + "red house") == "red house"
    assert said("很" * 20_000 + "红的房子") == "red house"


@pytest.mark.parametrize("name", world().objects)
def test_every_word_for_a_thing_names_it(name: str) -> None:
    entry = world().objects[name]
    for word in (name, *entry.en):
        assert said(f"the {word}") == name
    for word in entry.zh:
        assert said(word) == name
    if entry.coloured:
        for color, words in world().colors.items():
            assert said(f"the {color} {name}") == f"{color} {name}"
            assert said(f"{words.zh[0]}的{entry.zh[0]}") == f"{color} {name}"


@pytest.mark.parametrize("where", WHERE)
def test_every_part_of_the_picture_can_be_said(where: str) -> None:
    for word in WHERE[where]:
        text = f"the {word} cat" if word.isascii() else f"{word}的猫"
        assert read_phrase("segment", text) == Phrase("cat", where=where)


def test_every_thing_has_colors_by_nature_and_every_ground_is_told_by_a_setting_that_exists() -> (
    None
):
    assert set(NATURAL) == set(world().objects)
    assert set().union(*NATURAL.values()) <= set(world().colors)
    settings = {setting for pools in GROUNDS.values() for setting in pools}
    assert settings - {None} <= set(world().settings)


def test_no_word_stands_for_two_things() -> None:
    sorts = {word: sort for word, (sort, _) in lexicon().words.items()}
    w = world()
    words = [word for entry in w.objects.values() for word in (entry.name, *entry.en, *entry.zh)]
    assert len(words) == len(set(words))
    assert all(sorts[word] == "kind" for word in words)
    assert all(sorts[word] == "color" for color in w.colors.values() for word in color.near)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_phrase("segment", text)
    except ToolError as refused:
        assert str(refused).startswith("segment: ")


@given(st.lists(st.sampled_from([*lexicon().words, " ", "的", "the", "of", "and"]), max_size=12))
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    for text in (" ".join(words), "".join(words)):
        try:
            phrase = read_phrase("segment", text)
        except ToolError:
            continue
        assert phrase.kind is None or phrase.kind in {*world().objects, *GROUNDS}
        assert phrase.color is None or phrase.color in world().colors
        assert phrase.where is None or phrase.where in WHERE
