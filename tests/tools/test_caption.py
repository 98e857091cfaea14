"""Captions and the certainty of their words."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from danqing.tools.caption import caption, read_words
from danqing.tools.engine import Engine
from danqing.tools.errors import Cancelled
from danqing.tools.registry import Context


def test_the_words_are_those_of_the_text_each_with_a_probability(
    context: Context, photo: Image.Image
) -> None:
    said = caption(context, photo)
    assert said.text
    assert [word for word, _ in said.words] == said.text.split()
    assert all(0 < probability <= 1 for _, probability in said.words)
    assert caption(context, photo) == said


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("size", [(16, 16), (300, 20)])
def test_any_mode_and_size_can_be_captioned(
    context: Context, photo: Image.Image, mode: str, size: tuple[int, int]
) -> None:
    assert caption(context, photo.convert(mode).resize(size)).text


def test_a_worker_says_the_same(context: Context, toy_engine: Engine, photo: Image.Image) -> None:
    result = toy_engine.call("caption", {}, {"image": photo})
    assert result.images == []
    assert result.value == caption(context, photo).model_dump(mode="json")


def test_a_cancel_is_seen_between_two_words(context: Context, photo: Image.Image) -> None:
    done: list[int] = []

    def check() -> None:
        if len(done) >= 3:
            raise Cancelled("cancelled")

    watched = replace(context, progress=lambda n, *_: done.append(n), check_cancelled=check)
    with pytest.raises(Cancelled):
        caption(watched, photo)
    assert done == [1, 2, 3]


def tokenizer(vocabulary: list[str], decoder: decoders.Decoder) -> PreTrainedTokenizerFast:
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, "<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.decoder = decoder
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", eos_token="</s>")


def test_a_words_probability_is_the_product_of_its_pieces() -> None:
    pieces = tokenizer(["<unk>", "</s>", "a", "hou", "##se"], decoders.WordPiece())
    text, words = read_words(pieces, [2, 3, 4, 1], [0.9, 0.5, 0.8, 0.1])
    assert text == "a house"
    assert [word for word, _ in words] == ["a", "house"]
    assert [sure for _, sure in words] == pytest.approx([0.9, 0.4])


def test_marks_between_words_are_no_words() -> None:
    pieces = tokenizer(["<unk>", "</s>", "sky", ",", "well-lit", "."], decoders.WordPiece())
    _, words = read_words(pieces, [2, 3, 4, 5, 1], [0.9, 0.5, 0.8, 0.1, 0.1])
    assert [word for word, _ in words] == ["sky", "well-lit"]
    assert [sure for _, sure in words] == pytest.approx([0.9, 0.8])


def test_bytes_of_a_character_count_for_that_character() -> None:
    def visible(text: str) -> list[str]:
        [(word, _)] = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
        return list(word)

    house, space, red = visible("屋"), visible(" "), visible("红")
    vocabulary = ["<unk>", "</s>", *dict.fromkeys(house + space + red)]
    pieces = tokenizer(vocabulary, decoders.ByteLevel())
    tokens = [vocabulary.index(letter) for letter in red + space + house]
    text, words = read_words(pieces, tokens, [0.5, 1.0, 0.5, 1.0, 0.9, 0.9, 1.0])
    assert text == "红 屋"
    assert [word for word, _ in words] == ["红", "屋"]
    assert [sure for _, sure in words] == pytest.approx([0.25, 0.81])
