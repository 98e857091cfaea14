"""The bots among the examples."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing import Studio

EXAMPLES = Path(__file__).parents[3] / "examples" / "bots"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path / "home") as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield studio


def test_the_smallest_bot_keeps_the_sessions_apart(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["a: a red house", "b: undo", "b: " + "x" * 5000, "a: undo"]
    example("minimal").talk(studio, lines)
    out, told = capsys.readouterr()
    drawn, nothing, long, undone = re.split(r"^[ab]: .*\n", out, flags=re.MULTILINE)[1:]
    done, picture = drawn.splitlines()
    assert done.startswith("  Done: img-")
    with Image.open(picture.split(": ")[1].rstrip("]")) as image:
        assert image.size == (512, 512)
    assert "img-" not in nothing and "characters" in long
    assert undone.startswith("  We are before the first picture")
    assert "  drawing …" in told


async def test_the_page_shows_progress_and_then_the_picture(studio: Studio) -> None:
    pytest.importorskip("gradio")
    page = example("gradio_chat").Page(studio)
    told = [one async for one in page.answer({"text": "a red house", "files": []}, [], None)]
    [session] = {session for _, session in told}
    titles = [shown.metadata["title"] for shown, _ in told[:-1]]
    assert titles[0] == "working …" and "drawing 1/1" in titles
    picture, words = told[-1][0]
    assert words.content.startswith("Done: img-")
    with Image.open(picture.content["path"]) as image:
        assert image.size == (512, 512)
    undone = [one async for one in page.answer({"text": "undo", "files": []}, [], session)]
    assert undone[-1][1] == session and len(undone[-1][0]) == 1
    file = str(studio.save("img-1"))
    opened = [one async for one in page.answer({"text": "", "files": [file]}, [], session)]
    assert "is your picture" in opened[0][0][0].content
    assert page.blocks().title
