"""``danqing tool``: its options follow from the tools, and it is as careful as a request is."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner
from commandline import REPOSITORY, call, process
from PIL import Image
from pydantic import BaseModel, Field

from danqing import by_hand, tools
from danqing.agent import provenance
from danqing.commands import danqing
from danqing.door import Door
from danqing.interrupt import Interruption
from danqing.tools import catalogue
from danqing.tools.blend import blend
from danqing.tools.errors import ToolError
from danqing.tools.registry import spec, tool

HEAVY = {"torch", "diffusers", "transformers", "cv2", "skimage", "langchain", "langgraph"}


class Palette(BaseModel):
    """The colors of a picture, and ``how`` they were found."""

    colors: list[str]
    boxes: list[tuple[float, float]]
    warm: bool
    best: str | None


@tool()
def doodle(
    image: Image.Image | None = None,
    *,
    seeds: Annotated[list[int], Field(min_length=1, max_length=4)],
    pen_width: Annotated[int | None, Field(ge=1, le=9, description="of the pen")] = None,
    words: list[str] = [],  # noqa: B006
    faint: Annotated[bool, Field(description="draw lightly")] = False,
) -> list[Image.Image]:
    """Draw a gray picture with an alpha channel for each seed.

    Raises `ToolError` for the seed 13.
    """
    if 13 in seeds:
        raise ToolError("doodle: seed 13 is refused; allowed is any other.")
    gray = (100 if faint else 0) + (pen_width or 0) + len("".join(words))
    return [Image.new("LA", (20, 16), (gray, seed % 256)) for seed in seeds]


@tool()
def palette(image: Image.Image, *, kind: Literal["warm", "cold"] = "warm") -> Palette:
    """Name the colors of a picture."""
    return Palette(
        colors=["red", "blue"], boxes=[(0.25, 1.0), (0.5, 0.125)], warm=kind == "warm", best=None
    )


@tool()
def interrupted(image: Image.Image) -> Image.Image:
    """Be told by the user to stop, and do not listen."""
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.1)
    raise AssertionError("it was not broken off")


@tool("panoptic")
def modelless(image: Image.Image) -> Image.Image:
    """Need a model that the profile lacks."""
    return image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pictures in it; the tools are the real ones and some of our own."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    own = (blend, doodle, palette, interrupted, modelless)
    real = [t for t in tools.TOOLS if t not in own and t.__name__ != "palette"]
    monkeypatch.setattr(tools, "TOOLS", (*real, *own))
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    gradient = Image.radial_gradient("L")
    gradient.resize((32, 32)).convert("RGB").save("a.png")
    gradient.resize((20, 24)).save("other.png")
    gradient.resize((8, 32)).save("narrow.png")
    Path("words.png").write_text("no picture at all")
    return here


def document(*arguments: str) -> dict[str, Any]:
    """The JSON document of a call that goes well."""
    result = call("tool", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def opened(path: str | Path) -> Image.Image:
    """The picture in a file that is closed again."""
    with Image.open(path) as image:
        image.load()
        return image


def words(text: str) -> str:
    """Text as it was before it was wrapped."""
    return " ".join(text.split())


# -- what can be given


@pytest.mark.parametrize("function", tools.TOOLS, ids=lambda function: function.__name__)
def test_every_parameter_of_every_tool_can_be_given(function: Any) -> None:
    declared = spec(function)
    made = by_hand.command(declared)
    names = [option.name for option in made.params]
    assert len(set(names)) == len(names)
    flags = [flag for option in made.params for flag in (*option.opts, *option.secondary_opts)]
    assert len(set(flags)) == len(flags)
    for name in declared.schema()["properties"]:
        assert f"--{name.replace('_', '-')}" in flags


def test_without_a_name_the_tools_are_listed(folder: Path) -> None:
    assert call("tool").stdout == call("tools").stdout
    listed = words(call("tool", "--help").stdout)
    assert "adjust Crop, rotate, flip and resize an image" in listed


def test_help_says_what_is_done_what_is_allowed_and_what_comes_out(folder: Path) -> None:
    told = words(call("tool", "doodle", "--help").stdout)
    assert "Draw a gray picture with an alpha channel for each seed. Fails for the seed 13." in told
    assert "--image FILE A PNG, JPEG or WebP picture. --seeds N,…" in told
    assert "A list of 1 to 4 items, each a whole number. [default: random]" in told
    assert "--pen-width N Of the pen: a whole number from 1 to 9. --words TEXT A list" in told
    assert "--faint / --no-faint Draw lightly. [default: no]" in told
    assert "out-1.png, out-2.png" in told

    told = words(call("tool", "adjust", "--help").stdout)
    assert "--image FILE A PNG, JPEG or WebP picture. [required]" in told
    assert "--crop N,N,N,N Left, top, right, bottom edge in pixels: a list of exactly 4" in told
    assert "from 0 to 8192. --rotate X" in told
    assert "a number from -360 to 360. [default: 0]" in told
    assert "--flip horizontal|vertical Mirror left-right, or up-down. --resize" in told

    told = words(call("tool", "palette", "--help").stdout)
    assert "--kind warm|cold [default: warm]" in told
    assert "Prints colors, boxes, warm, best. The colors of a picture, and how they were" in told
    assert "--out" not in told
    assert "--device" not in told


def test_help_of_every_tool_is_light() -> None:
    program = (
        "import sys\n"
        "from danqing.commands import danqing\n"
        "from danqing.tools import TOOLS\n"
        "for name in [[], *([function.__name__] for function in TOOLS)]:\n"
        "    danqing.main(['tool', *name, '--help'], standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=REPOSITORY, check=True
    )
    assert ran.stderr.split(b"\n")[0] == b"[]"
    assert b"--negative-prompt" in ran.stdout


def test_choices_are_completed(folder: Path) -> None:
    declared = by_hand.command(spec(palette))
    (kind,) = (option for option in declared.params if option.name == "kind")
    assert isinstance(kind, click.Option)
    found = kind.shell_complete(click.Context(declared), "c")
    assert [item.value for item in found] == ["cold"]


# -- what is refused


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("upscal --image a.png", "There is no tool 'upscal'; did you mean upscale?"),
        ("adjust --image a.png --brightnes 2", "'--brightness'"),
        ("palette --image a.png -o p.png", "-o"),
        ("adjust --brightness 2", "--image"),
        ("blend --image a.png", "--over"),
        ("upscale --image a.png", "scale is missing; allowed is one of 2, 4."),
        ("upscale --image a.png --scale two", "scale = 'two' is refused; allowed is one of 2, 4."),
        ("upscale --image a.png --scale 3", "scale = 3 is refused; allowed is one of 2, 4."),
        ("adjust --image a.png --rotate 361", "rotate = 361.0 is refused; allowed is a number"),
        ("adjust --image a.png --rotate nan", "rotate = nan is refused"),
        ("adjust --image a.png --flip sideways", "one of horizontal, vertical"),
        ("adjust --image a.png --crop 0,0,16", "a list of exactly 4 items"),
        ("adjust --image a.png --crop 0,x,16,16", "crop[1] = 'x' is refused"),
        ("adjust --image a.png --crop 0,0,16,", "crop[3] = '' is refused"),
        ("doodle --seeds 1,1.5", "seeds[1] = '1.5' is refused; allowed is a whole number"),
        ("region --boxes 0,0,1 --size 64,64", "boxes[0] = [0.0, 0.0, 1.0] is refused"),
        ("sketch --things house", "things[0] = 'house' is refused"),
        ("adjust --image nowhere.png --rotate 90", "'nowhere.png' cannot be read"),
        ("adjust --image . --rotate 90", "Is a directory"),
        ("adjust --image words.png --rotate 90", "'words.png' is not a PNG, JPEG or WebP"),
        ("adjust --image narrow.png --rotate 90", "image measures 8x32 pixels"),
        ("blend --image a.png --over a.png --mask words.png", "'words.png'"),
        ("doodle --seeds 13 -o b.txt", "'.txt'"),
        ("adjust --image a.png --rotate 90 -o .", "is a folder"),
        ("adjust --image a.png --rotate 90 -o nowhere/b.png", "There is no folder"),
        ("upscale --image a.png --scale 2 --models huge", "'huge'"),
        ("upscale --image a.png --scale 2 --device abacus", "'abacus'"),
    ],
)
def test_bad_usage_is_named_and_nothing_is_written(arguments: str, told: str, folder: Path) -> None:
    before = set(folder.iterdir())
    result = call("tool", *arguments.split())
    assert result.exit_code == 2, result.stderr
    assert told in words(result.stderr)
    assert result.stdout == ""
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("adjust --image a.png", "adjust: nothing to do"),
        ("blend --image a.png --over a.png --mask other.png", "mask measures 20x24 pixels"),
        ("doodle --seeds 13", "seed 13 is refused"),
    ],
)
def test_what_the_tool_itself_refuses_is_a_failure(arguments: str, told: str, folder: Path) -> None:
    before = set(folder.iterdir())
    result = call("tool", *arguments.split())
    assert result.exit_code == 1
    assert result.stderr.startswith("danqing: ")
    assert told in result.stderr
    assert set(folder.iterdir()) == before


def test_a_model_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = catalogue.Profile(name="bare", summary="nothing", models={})
    monkeypatch.setattr(catalogue, "profile", lambda name, home=None: bare)
    result = call("tool", "modelless", "--image", "a.png")
    assert result.exit_code == 1
    assert "'bare' has no model for the role 'panoptic'" in result.stderr


def test_an_error_is_one_document_too(folder: Path) -> None:
    result = call("tool", "upscale", "--image", "a.png", "--scale", "3", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "version": 1, "tool": "upscale", "exit_code": 2,
        "error": "upscale: scale = 3 is refused; allowed is one of 2, 4.",
    }  # fmt: skip
    assert "scale = 3" in result.stderr


def test_a_current_folder_that_takes_no_files_is_known_before_the_tool_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    result = call("tool", "doodle", "--seeds", "13")
    assert result.exit_code == 2
    assert f"Nothing can be written in {folder}." in result.stderr


# -- what is given, and comes out


@pytest.mark.parametrize(
    "crop", ["--crop 4,4,20,24", "--crop 4 --crop 4,20 --crop 24", "--crop=4,4,20,24"]
)
def test_a_list_is_written_with_commas_or_one_by_one(crop: str, folder: Path) -> None:
    made = document("adjust", "--image", "a.png", *crop.split(), "--rotate", "-90")
    assert made["arguments"]["crop"] == [4, 4, 20, 24]
    assert made["arguments"]["rotate"] == -90
    assert opened(made["pictures"][0]).size == (20, 16)


def test_lists_of_lists_and_of_objects_are_given_one_by_one(folder: Path) -> None:
    boxes = ["--boxes", "0,0,0.5,0.5", "--boxes", "-.1,0.5,1,1"]
    made = document("region", *boxes, "--size", "64,64")
    assert made["arguments"]["boxes"] == [[0, 0, 0.5, 0.5], [-0.1, 0.5, 1, 1]]
    box = [0.1, 0.2, 0.6, 0.9]
    thing = {"kind": "house", "box": box, "color": "red", "flip": True, "variant": 0}
    made = document("sketch", "--things", json.dumps(thing), "--things", json.dumps(thing))
    assert made["arguments"]["things"] == [thing, thing]
    assert opened(made["pictures"][0]).size == (128, 128)
    told = words(call("tool", "region", "--help").stdout)
    assert "--boxes X,X,X,X Boxes, each as left" in told
    told = words(call("tool", "sketch", "--help").stdout)
    assert "an object with kind, box, color, flip, variant; the option is repeated" in told


def test_flags_optional_values_and_words_arrive(folder: Path) -> None:
    given = ["--seeds", "1", "--pen-width", "2", "--faint", "--words", "a, b", "--words", "c"]
    made = document("doodle", *given)
    assert made["arguments"] == {
        "seeds": [1], "pen_width": 2, "words": ["a, b", "c"], "faint": True,
    }  # fmt: skip
    assert opened(made["pictures"][0]).getpixel((0, 0)) == (107, 107, 107, 1)
    plain = document("doodle", "--seeds", "1", "--no-faint")["arguments"]
    assert plain == {"seeds": [1], "pen_width": None, "words": [], "faint": False}


def test_an_optional_image_may_be_left_out(folder: Path) -> None:
    pair = ["--image", "a.png", "--over", "other.png"]
    Image.new("L", (20, 24), "white").save("white.png")
    without = document("blend", *pair, "-o", "1.png")
    with_mask = document("blend", *pair, "--mask", "white.png", "--position", "-5,3")
    assert without["pictures"] == [str(folder / "1.png")]
    assert with_mask["arguments"]["position"] == [-5, 3]
    assert opened(with_mask["pictures"][0]).size == (32, 32)


def test_pictures_come_in_upright_and_without_metadata(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret"  # turned to the right; a description
    Image.new("RGB", (40, 24), "teal").save("phone.jpg", exif=exif)
    call("tool", "adjust", "--image", "phone.jpg", "--brightness", "1.1", "-o", "out.jpg")
    assert opened("out.jpg").size == (24, 40)
    assert b"secret" not in Path("out.jpg").read_bytes()


def test_upscale_runs_its_model_and_the_file_says_so(folder: Path) -> None:
    made = document("upscale", "--image", "a.png", "--scale", "2", "--device", "cpu")
    assert made.keys() == {
        "version", "tool", "arguments", "pictures", "value", "seconds", "device",
    }  # fmt: skip
    assert made["version"] == 1
    assert made["tool"] == "upscale"
    assert made["arguments"] == {"scale": 2, "faithful": True}
    assert made["value"] is None
    assert made["seconds"] > 0
    assert made["device"] == "cpu"
    (path,) = map(Path, made["pictures"])
    assert path == folder / "a-upscale.png"
    assert opened(path).size == (64, 64)
    told = provenance.read(path)
    assert told is not None
    (step,) = told["steps"]
    assert (step["tool"], step["args"]) == ("upscale", {"scale": 2, "faithful": True})
    assert list(step["inputs"]) == ["image"]
    assert told["models"]["upscaler"]["name"] == "sketchbook/upscaler"
    assert len(told["models"]["upscaler"]["sha256"]) == 12
    assert "danqing" in told["versions"]
    assert b"a.png" not in path.read_bytes()
    assert not (folder.parent / "home").exists()  # a tool run by hand leaves no other trace


def test_the_file_names_the_language_model_that_a_draft_is_driven_by(folder: Path) -> None:
    drawn = document("gan_image", "--prompt", "a boat", "--seeds", "1", "--device", "cpu")
    told = provenance.read(Path(drawn["pictures"][0]))
    assert told is not None
    assert {role: model["name"] for role, model in told["models"].items()} == {
        role: f"sketchbook/{role}" for role in ("embedder", "generator", "text-to-image")
    }


def test_metadata_can_be_left_out(folder: Path) -> None:
    call("tool", "doodle", "--seeds", "5", "--no-metadata")
    assert opened("doodle.png").info == {}
    call("tool", "doodle", "--seeds", "5")
    told = provenance.read(folder / "doodle-2.png")
    assert told is not None
    assert told["seed"] == 5


def test_several_pictures_are_numbered_each_with_its_own_seed(folder: Path) -> None:
    result = call("tool", "doodle", "--seeds", "7,8", "--seeds", "9", "-o", "out.webp")
    paths = [folder / f"out-{number}.webp" for number in (1, 2, 3)]
    assert result.stdout.splitlines() == [str(path) for path in paths]
    assert [(provenance.read(path) or {})["seed"] for path in paths] == [7, 8, 9]
    assert [opened(path).format for path in paths] == ["WEBP"] * 3
    assert [opened(path).getpixel((0, 0)) for path in paths] == [
        (0, 0, 0, 7), (0, 0, 0, 8), (0, 0, 0, 9),
    ]  # fmt: skip


def test_only_a_name_that_was_given_is_replaced(folder: Path) -> None:
    (folder / "doodle.png").write_text("mine")
    (folder / "doodle-2.png").symlink_to("gone")
    assert document("doodle", "--seeds", "1")["pictures"] == [str(folder / "doodle-3.png")]
    two = document("doodle", "--image", "a.png", "--seeds", "1,2")["pictures"]
    assert two == [str(folder / f"a-doodle-{number}.png") for number in (1, 2)]
    assert (folder / "doodle.png").read_text() == "mine"
    document("doodle", "--seeds", "1", "-o", "doodle.png")
    assert opened("doodle.png").size == (20, 16)


def test_seeds_are_random_unless_given_and_printed(folder: Path) -> None:
    result = call("tool", "doodle", "-o", "first.png")
    assert result.stdout == f"{folder / 'first.png'}\n"
    seed = result.stderr.split()[-1]
    assert result.stderr == f"seeds: random; to repeat it add --seeds {seed}\n"
    assert (provenance.read(folder / "first.png") or {})["seed"] == int(seed)
    again = call("tool", "doodle", "--seeds", seed, "-o", "again.png")
    assert again.stderr == ""
    assert (folder / "first.png").read_bytes() == (folder / "again.png").read_bytes()
    assert document("doodle")["arguments"]["seeds"] != [int(seed)]


def test_values_are_printed_for_people_or_as_json(folder: Path) -> None:
    result = call("tool", "palette", "--image", "a.png")
    assert result.stdout.splitlines() == [
        "colors\tred, blue", "boxes\t0.25 1; 0.5 0.125", "warm\tyes", "best\t–",
    ]  # fmt: skip
    made = document("palette", "--image", "a.png", "--kind", "cold")
    assert made["pictures"] == []
    assert made["value"] == {
        "colors": ["red", "blue"], "boxes": [[0.25, 1.0], [0.5, 0.125]], "warm": False,
        "best": None,
    }  # fmt: skip


def test_a_name_with_hyphens_is_the_same_tool(folder: Path) -> None:
    assert "--negative-prompt" in call("tool", "text-to-image", "--help").stdout


# -- when the user has enough of it


def test_ctrl_c_breaks_off_a_tool_that_runs_in_this_process(folder: Path) -> None:
    before = set(folder.iterdir())
    interruption = Interruption()
    previous = signal.signal(signal.SIGINT, interruption._on_signal)
    try:
        result = CliRunner().invoke(
            danqing, ["tool", "interrupted", "--image", "a.png"], obj=Door(interruption)
        )
    finally:
        signal.signal(signal.SIGINT, previous)
    assert result.exit_code == 130
    assert "Stopped as you asked." in result.stderr
    assert set(folder.iterdir()) == before


def test_progress_shows_on_a_terminal_and_ctrl_c_leaves_nothing_behind(
    toy_catalogue: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = pty.openpty()
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["--prompt", "a", "--steps", "150", "--seeds", "1,2,3,4,5,6,7,8"]
    with process(
        "tool", "text_to_image", *arguments, "-o", str(out / "x.png"),
        toys=toy_catalogue, err=theirs,
    ) as running:  # fmt: skip
        os.close(theirs)
        shown = bytearray()
        begun = 0.0
        with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
            while data := os.read(ours, 65536):
                shown += data
                if b"/150" in shown and not begun:
                    begun = time.monotonic()
                    running.send_signal(signal.SIGINT)
        os.close(ours)
        assert running.wait(20) == 130, shown
        assert time.monotonic() - begun < 6
        assert running.stdout is not None
        assert running.stdout.read() == b""
    told = shown.decode()
    assert "text_to_image: getting the models ready" in told
    assert "Stopped as you asked." in told
    assert "Nothing was written." in told
    assert "\x1b[?25h" in told  # the cursor is back
    assert list(out.iterdir()) == []


def test_values_within_values_are_told_in_words() -> None:
    told = by_hand._readable(
        [{"kind": "cat", "color": None, "box": [0.5, 0.25]}, {"kind": "dog", "sure": 0.98765}]
    )
    assert told == "kind cat, color –, box 0.5, 0.25; kind dog, sure 0.9877"
    assert by_hand._readable({"season": ["winter", 0.9]}) == "season winter, 0.9"
    assert by_hand._readable({}) == "–"
