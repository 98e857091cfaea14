"""An image is changed as it is told to, by a model that was trained for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_pipelines
from PIL import Image

from danqing.tools import catalogue, edit_by_instruction, text_to_image
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine
from danqing.tools.errors import ToolError
from danqing.tools.models import Models
from danqing.tools.registry import Context

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning:diffusers")


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """A tiny FLUX.2 [klein] in a folder."""
    folder = tmp_path_factory.mktemp("klein")
    return tiny_pipelines.write_pipeline("Flux2KleinPipeline", folder)


@pytest.fixture(scope="module")
def context(klein: Entry) -> Context:
    entries: Any = {"text-to-image": klein, "editor": klein.model_copy()}
    return Context(Models(entries, device="cpu"))


def apart(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, int) - np.asarray(b, int)).mean())


def test_the_image_the_words_and_the_seed_matter_and_its_size_is_kept(
    context: Context, photo: Image.Image
) -> None:
    first, second = edit_by_instruction(context, photo, instruction="make it snow", seeds=[1, 2])
    assert first.size == second.size == photo.size
    assert apart(first, second) > 1
    [again] = edit_by_instruction(context, photo, instruction="make it snow", seeds=[1])
    assert apart(again, first) < 0.1
    [same] = edit_by_instruction(context, photo, instruction="make it snow", seeds=[1])
    assert same.tobytes() == again.tobytes()
    [turned] = edit_by_instruction(
        context, photo.rotate(180), instruction="make it snow", seeds=[1]
    )
    [other] = edit_by_instruction(context, photo, instruction="a blue fish", seeds=[1])
    assert apart(turned, again) > 0
    assert apart(other, again) > 0


def test_transparency_is_kept_and_gray_may_become_color(
    context: Context, photo: Image.Image
) -> None:
    cut_out = photo.convert("LA")
    cut_out.putalpha(Image.linear_gradient("L").resize(photo.size))
    [edited] = edit_by_instruction(context, cut_out, instruction="color it", seeds=[1], steps=1)
    assert edited.mode == "RGBA"
    assert edited.getchannel("A").tobytes() == cut_out.getchannel("A").tobytes()
    [colored] = edit_by_instruction(
        context, photo.convert("L"), instruction="color it", seeds=[1], steps=1
    )
    assert colored.mode == "RGB"


def test_it_reports_every_step_and_can_be_stopped_between_two(
    context: Context, photo: Image.Image
) -> None:
    reported = tiny_pipelines.cancelled_after_two(
        context,
        lambda told: edit_by_instruction(
            told, photo, instruction="make it snow", seeds=[1], steps=5
        ),
    )
    assert reported == [(0, 5), (1, 5), (2, 5)]


def test_a_painter_that_edits_is_loaded_once_for_both_roles(context: Context) -> None:
    text_to_image(context, prompt="a house", seeds=[1], steps=1)
    assert context.models.get("editor") is context.models.get("text-to-image")
    klein = catalogue.profile("klein").models
    assert klein["editor"] == klein["text-to-image"], "or it would be loaded twice"


def test_it_is_the_editor_that_edits_and_not_the_painter(
    context: Context, klein: Entry, photo: Image.Image, tmp_path: Path
) -> None:
    painter = tiny_pipelines.write_pipeline("StableDiffusionPipeline", tmp_path)
    both: Any = {"text-to-image": painter, "editor": klein}
    beside = Context(Models(both, device="cpu"))
    call: Any = {"instruction": "make it snow", "seeds": [1]}
    [edited] = edit_by_instruction(beside, photo, **call)
    assert edited.tobytes() == edit_by_instruction(context, photo, **call)[0].tobytes()
    wrong = Context(Models({"editor": painter}, device="cpu"))
    with pytest.raises(ToolError, match=r"a StableDiffusionPipeline, which .* not told what to"):
        edit_by_instruction(wrong, photo, **call)


def test_an_instruction_that_it_would_cut_off_is_refused(
    context: Context, photo: Image.Image
) -> None:
    with pytest.raises(ToolError, match="has 600 tokens; allowed are 490"):
        edit_by_instruction(context, photo, instruction="a" * 600, seeds=[1])


def test_it_is_offered_where_there_is_an_editor(klein: Entry, tmp_path: Path) -> None:
    built_in = catalogue.profile()
    without = [p for name, p in catalogue.profiles().items() if name != "klein"]
    assert all("edit_by_instruction" not in Engine(profile=p).available() for p in without)
    own: Any = {**built_in.models, "editor": klein}
    mine = Profile(name="mine", summary="", models=own)
    assert "edit_by_instruction" in Engine(profile=mine).available()
    (tmp_path / catalogue.OWN).write_text(f'[mine.editor]\nsource = "{klein.source}"\n', "utf-8")
    found = catalogue.profile("mine", tmp_path).models["editor"]
    assert (found.loader, found.native_size) == ("diffusers", 1024)
    assert found.defaults == klein.defaults | {"steps": 4}
