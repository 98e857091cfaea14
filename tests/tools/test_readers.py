"""Captioners, answerers and segmenters of a hub's kinds, tiny, behind the tools that they serve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_readers
from PIL import Image

from danqing.tools import ask, caption, remove_background, segment, segmenters
from danqing.tools.ask import typed
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.errors import Cancelled, ToolError
from danqing.tools.geometry import Box
from danqing.tools.models import Models
from danqing.tools.registry import Context
from danqing.tools.segmenters import Cut


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    folder = tmp_path_factory.mktemp("readers")
    return {
        "blip": tiny_readers.write_blip(folder / "blip", answers=False),
        "vqa": tiny_readers.write_blip(folder / "vqa", answers=True),
        "qwen": tiny_readers.write_qwen(folder / "qwen"),
        "clipseg": tiny_readers.write_clipseg(folder / "clipseg"),
        "grounded": tiny_readers.write_grounded_sam(folder / "grounded"),
    }


@pytest.fixture(scope="module")
def models(entries: dict[str, Entry], toy_profile: Profile) -> dict[str, Models]:
    """Beside toy eyes, which are certain of nothing: each reader in its role."""
    eyes = toy_profile.models["panoptic"]
    made = {}
    for name, entry in entries.items():
        role = "segmenter" if name in ("clipseg", "grounded") else "answerer"
        told: Any = {"panoptic": eyes, role: entry}
        if name in ("blip", "qwen"):
            told["captioner"] = entry
        made[name] = Models(told, device="cpu")
    return made


@pytest.mark.parametrize("kind", ["blip", "qwen"])
def test_a_captioner_describes_an_image_and_each_of_its_words_has_a_probability(
    kind: str, models: dict[str, Models], photo: Image.Image
) -> None:
    context = Context(models[kind])
    said = caption(context, photo)
    assert all(0 < probability <= 1 for _, probability in said.words)
    assert caption(context, photo) == said
    assert caption(context, Image.new("RGB", (64, 64), "navy")) != said


@pytest.mark.parametrize("kind", ["vqa", "qwen"])
def test_an_answer_depends_on_the_question_and_on_the_image(
    kind: str, models: dict[str, Models], photo: Image.Image
) -> None:
    context = Context(models[kind])
    told = ask(context, photo, question="what is the man holding?")
    assert (told.kind, told.heard) == ("words", "what is the man holding?")
    assert 0 <= told.confidence <= 1
    others = (
        ask(context, photo, question="who painted it?"),
        ask(context, Image.new("RGB", (64, 64), "navy"), question="what is the man holding?"),
    )
    assert any(other.value != told.value for other in others)


def test_what_is_talked_to_is_asked_in_any_language_and_others_in_english(
    models: dict[str, Models], photo: Image.Image
) -> None:
    assert ask(Context(models["qwen"]), photo, question="这是什么？").kind == "words"
    with pytest.raises(ToolError, match="reads English; ask in English"):
        ask(Context(models["vqa"]), photo, question="这是什么？")


def test_a_model_that_plays_two_roles_is_there_once(models: dict[str, Models]) -> None:
    both = models["qwen"]
    assert both.get("answerer") is both.get("captioner")


def test_a_reader_is_stopped_between_two_words(
    models: dict[str, Models], photo: Image.Image
) -> None:
    done: list[int] = []

    def check() -> None:
        if len(done) >= 2:
            raise Cancelled("cancelled")

    context = replace(
        Context(models["qwen"]), progress=lambda n, *_: done.append(n), check_cancelled=check
    )
    with pytest.raises(Cancelled):
        caption(context, photo)
    assert done == [1, 2]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes.", ("yes or no", True)), ("no", ("yes or no", False)), ("没有", ("yes or no", False)),
        ("2", ("count", 2)), ("three", ("count", 3)), ("Red", ("color", "red")),
        ("a red kite", ("words", "a red kite")), ("skateboard", ("words", "skateboard")),
    ],
)  # fmt: skip
def test_an_answer_in_words_is_a_typed_value_where_it_is_one(text: str, value: Any) -> None:
    assert typed(text) == value


@pytest.mark.parametrize("kind", ["clipseg", "grounded"])
def test_a_segmenter_finds_any_words(
    kind: str, models: dict[str, Models], photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenters, "BOXED", 0.0)
    monkeypatch.setattr(segmenters, "SEEN", 0.3)
    mask, found = segment(Context(models[kind]), photo, text="a skateboard")
    assert (mask.mode, mask.size) == ("L", photo.size)
    assert found.found
    assert found.text == "a skateboard"
    assert found.count == len(found.boxes) > 0
    assert 0 <= found.confidence <= 1
    for left, top, right, bottom in found.boxes:
        assert 0 <= left <= right <= 1
        assert 0 <= top <= bottom <= 1
    assert set(np.unique(np.asarray(mask))) <= {0, 255}


@pytest.mark.parametrize("kind", ["clipseg", "grounded"])
def test_a_segmenter_that_finds_nothing_says_so(
    kind: str, models: dict[str, Models], photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenters, "BOXED", 1.1)
    monkeypatch.setattr(segmenters, "SEEN", 1.1)
    mask, found = segment(Context(models[kind]), photo, text="a skateboard")
    assert (found.found, found.count, mask.getbbox()) == (False, 0, None)


def test_what_the_built_in_eyes_know_nothing_of_is_not_shown_to_them(
    entries: dict[str, Entry], photo: Image.Image
) -> None:
    blind = Models({"answerer": entries["vqa"], "segmenter": entries["clipseg"]}, device="cpu")
    ask(Context(blind), photo, question="what is the man holding?")
    segment(Context(blind), photo, text="a skateboard")
    assert set(blind.roles) == {"answerer", "segmenter"}


class Finder:
    """A segmenter that finds the same box whatever it is asked for."""

    def __init__(self, box: Box) -> None:
        self.box, self.asked = box, ""

    def find(self, image: Image.Image, words: str) -> Cut:
        self.asked = words
        mask = np.zeros(image.size[::-1], bool)
        left, top, right, bottom = (
            round(v * side) for v, side in zip(self.box, image.size * 2, strict=True)
        )
        mask[top:bottom, left:right] = True
        return Cut(mask, [self.box], 0.9)


@pytest.fixture
def finder(models: dict[str, Models], monkeypatch: pytest.MonkeyPatch) -> Finder:
    found = Finder((0.25, 0.25, 0.75, 0.75))
    loaded = replace(models["clipseg"].get("segmenter"), model=found)
    monkeypatch.setitem(models["clipseg"]._loaded, "segmenter", loaded)
    return found


def test_chinese_words_of_the_world_are_told_to_a_segmenter_in_english(
    models: dict[str, Models], finder: Finder, photo: Image.Image
) -> None:
    context = Context(models["clipseg"])
    segment(context, photo, text="红色的房子")
    assert finder.asked == "red house"
    with pytest.raises(ToolError, match="say it in English"):
        segment(context, photo, text="滑板")


def test_a_background_is_removed_around_what_a_segmenter_finds(
    models: dict[str, Models], finder: Finder, photo: Image.Image
) -> None:
    cut = remove_background(Context(models["clipseg"]), photo, subject="a skateboard")
    alpha = np.asarray(cut.getchannel("A"))
    assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 255
    assert alpha[0, 0] == 0
