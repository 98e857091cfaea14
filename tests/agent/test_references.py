"""Words for pictures of the conversation, and words that only sound like them."""

from __future__ import annotations

import pytest
from test_edits import cases

from danqing.agent.language import understand
from danqing.agent.language.references import lowered, reference_of, styled_after


@pytest.mark.parametrize(("words", "expected"), cases("references"))
def test_words_name_a_picture_or_none(words: str, expected: str) -> None:
    reference, rest = reference_of(words)
    assert (reference or "-") == expected
    assert len(rest) == len(words)
    assert all(a in (b, " ") for a, b in zip(rest, words, strict=True))


@pytest.mark.parametrize("words", ["Add a cat to the Second One", "在第二张里加一只猫"])
def test_the_rest_of_the_words_stands_where_it_stood(words: str) -> None:
    reference, rest = reference_of(words)
    assert reference == "#2"
    kept = "Add a cat" if words.isascii() else "加一只猫"
    assert rest.index(kept) == words.index(kept)
    assert rest.replace(kept, "").strip() in {"", "to"}


@pytest.mark.parametrize(
    ("words", "reference"),
    [
        ("in the style of img-2", "img-2"), ("redo it in the style of the second one", "#2"),
        ("apply the style of the original to it", "original"), ("用上一张的风格", "previous"),
        ("参考第三张的画风", "#3"), ("in the style of van gogh", None), ("改成油画风格", None),
        ("in the style of the second world war", None),
    ],
)  # fmt: skip
def test_a_picture_may_lend_its_style(words: str, reference: str | None) -> None:
    found, (start, end) = styled_after(words)
    assert found == reference
    assert (end > start) == (reference is not None)


@pytest.mark.parametrize(
    ("question", "target"),
    [
        ("is there a dog in the second picture?", "#2"), ("how many trees are there?", "last"),
        ("第三张里有几只猫？", "#3"), ("原图里有狗吗？", "original"),
    ],
)  # fmt: skip
def test_a_question_is_about_the_picture_it_names(question: str, target: str) -> None:
    brief = understand(question)
    assert (brief.intent, brief.target) == ("ask", target)


def test_a_handle_of_the_session_goes_before_other_words() -> None:
    assert understand("make the last one in My-Cat red", known_pictures=("My-Cat",)).target == (
        "My-Cat"
    )


def test_lower_case_keeps_every_letter_in_its_place() -> None:
    assert lowered("İT’S Ab") == "İt's ab"
