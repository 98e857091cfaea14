"""A conversation line by line, with an engine that draws one plain color for each seed."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from commandline import call as commandline
from commandline import process
from PIL import Image, ImageGrab

from danqing.agent import events
from danqing.agent.brief import Language
from danqing.agent.home import Home
from danqing.agent.settling import Question
from danqing.agent.studio import Options, Studio
from danqing.chat import batch
from danqing.chat.completion import Completions
from danqing.chat.conversation import Conversation
from danqing.chat.screen import Screen, contact_strip
from danqing.chat.stream import Stream
from danqing.door import Door
from danqing.tools.engine import Result
from danqing.tools.errors import BadInput

sys.path.insert(0, str(Path(__file__).parents[1] / "agent"))
from scripted_engine import SCENE, ScriptedEngine

HOUSE = f"{SCENE} a red house at the left."
OPTIONS = Options(seed=1, size=(64, 64))


@pytest.fixture
def engine(tmp_path: Path) -> ScriptedEngine:
    return ScriptedEngine(tmp_path / "models", lambda seed: HOUSE)


@pytest.fixture
def studio(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = engine
        yield studio


@pytest.fixture
def chat(studio: Studio) -> Conversation:
    door = Door()
    return Conversation(door, studio, OPTIONS, Screen(door, interactive=False))


class AtTheKeyboard(Screen):
    """Somebody who answers questions with the ``answers``, one after the other."""

    def __init__(self, *answers: str) -> None:
        super().__init__(Door(), interactive=True)
        self.answers = list(answers)
        self.asked: list[str] = []

    @contextmanager
    def watching(self, language: Language, accepted: Event) -> Iterator[events.Listener]:
        yield events.nobody

    def _line(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0)


def piped(chat: Conversation, *lines: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Carry out lines as they come from a pipe; returns the exit code."""
    text = "".join(f"{line}\n" for line in lines).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
    return batch.run(chat)


# -- lines


def test_words_draw_and_commands_go_about(
    chat: Conversation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat.take("a red house") == 0
    first = chat.session.head
    assert first is not None
    assert chat.take("/variants 2") == 0
    last = chat.session.head
    assert len(chat.standing.handles) == 3
    capsys.readouterr()
    chat.take("/undo")
    assert chat.session.head is None
    chat.take("/重做")
    assert chat.session.head == last
    chat.take(f"/branch {first}")
    assert chat.session.head == first
    capsys.readouterr()
    chat.take("/tree")
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if "← here" in line] == [
        line for line in shown.splitlines() if f" {first} " in line
    ]
    assert shown.count("✓ 2/2") == 3
    assert chat.take(f"/compare {first} {last}") == 0
    assert "SSIM" in capsys.readouterr().out


def test_the_language_is_that_of_the_words(
    chat: Conversation, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.take("画一座红色的房子")
    chat.take("/size")
    assert "图片大小是 64×64 像素。" in capsys.readouterr().out
    chat.take("a red house")
    chat.take("/size")
    assert "Pictures are 64×64 pixels." in capsys.readouterr().out


def test_what_is_set_holds_for_the_requests_to_come(
    chat: Conversation, engine: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in ("/seed 77", "/size 96x64", "/budget pictures=4,seconds=9", "/ask 从不"):
        assert chat.take(line) == 0
    chat.take("a red house")
    options = Options.read(chat.studio.ledger.turns(1)[0].options)
    assert options.seed == 77
    assert options.size == (96, 64)
    assert (options.budget.pictures, options.budget.seconds) == (4, 9.0)
    assert chat.session.asking == "never"
    chat.take("/seed random")
    chat.take("a blue house")
    assert Options.read(chat.studio.ledger.turns(1)[0].options).seed != 77


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/undoo", "undoo"), ("/compare img-1", "img-1"), ("/seed seven", "seven"),
        ("/seed 4294967296", "4294967296"), ("/size big", "big"), ("/budget cars=3", "cars=3"),
        ("/ask now", "now"), ("/variants 99", "99"), ("/show img-99", "img-99"),
        ("/open missing.png", "missing.png"), ("/models nothing", "nothing"),
        ("/branch img-99", "img-99"), ("/delete img-99", "img-99"), ("/help me", "me"),
        ("/save x.gif", "no picture"), ("/recipe", "export"), ("/run missing.yaml", "missing.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_by_name(chat: Conversation, line: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        chat.take(line)
    assert said in str(refused.value)


def test_a_picture_of_ones_own_is_opened_by_its_path_alone(
    chat: Conversation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 30), "green").save(tmp_path / "my photo.png")
    assert chat.take(f"'{tmp_path / 'my photo.png'}' ") == 0
    dropped = chat.session.head
    assert chat.take(f"/open {tmp_path / 'my photo.png'}") == 0  # with a space, and no quotes
    assert dropped is not None
    assert chat.session.head == dropped  # the same pixels
    assert chat.studio.image(dropped).size == (40, 30)
    assert f"{dropped} is your picture" in capsys.readouterr().out


@pytest.mark.parametrize("as_file", [False, True])
def test_a_picture_that_was_copied_is_pasted(
    chat: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_file: bool
) -> None:
    picture = Image.new("RGB", (40, 30), "green")
    picture.save(tmp_path / "copied.png")
    found = [str(tmp_path / "copied.png")] if as_file else picture
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: found)
    assert chat.take("/paste") == 0
    assert chat.session.head is not None
    assert chat.studio.image(chat.session.head).getpixel((0, 0)) == (0, 128, 0)


def test_a_clipboard_without_a_picture_or_that_cannot_be_read_is_said(
    chat: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> None:
        raise NotImplementedError("wl-paste or xclip is required")

    for grab, told in ((lambda: None, "no picture on the clipboard"), (unreadable, "xclip")):
        monkeypatch.setattr(ImageGrab, "grabclipboard", grab)
        with pytest.raises(BadInput, match=told):
            chat.take("/粘贴")
    assert chat.session.head is None


def test_a_picture_is_saved_and_shown(
    chat: Conversation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.take("a red house")
    chat.take(f"/save {tmp_path / 'house.webp'}")
    with Image.open(tmp_path / "house.webp") as saved:
        assert saved.size == (64, 64)
    capsys.readouterr()
    chat.take("/show")
    shown = capsys.readouterr().out
    assert "a red house" in shown
    assert "✓ house is red" in shown
    assert re.search(r"seed \d+", shown)


def test_deleting_asks_says_what_goes_and_frees_it(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = AtTheKeyboard("", "y")
    chat = Conversation(screen.door, studio, OPTIONS, screen)
    chat.take("a red house")
    handle = chat.session.head
    assert handle is not None
    chat.take(f"/delete {handle}")
    assert screen.asked == [f"{handle} goes for good. Delete? [y/N] "]
    assert chat.session.head == handle
    chat.take(f"/delete {handle}")
    assert chat.session.head is None
    assert f"Deleted {handle}" in capsys.readouterr().out
    assert not studio.ledger.store.has(studio.ledger.picture(handle).digest)


def test_a_session_goes_on_and_what_was_cut_short_is_finished(
    chat: Conversation, studio: Studio, engine: ScriptedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.take("a red house")
    studio.cancel.set()
    with pytest.raises(Exception, match="Stopped as you asked"):
        chat.take("a red house at night")
    assert chat.in_the_middle
    studio.cancel.clear()
    later = Conversation(chat.door, studio, OPTIONS, chat.showing, session=chat.session.id)
    assert later.session.head == chat.session.head
    later.take("/resume")
    assert not later.in_the_middle
    assert "a red house at night" in later.standing.handles[str(later.session.head)]


def test_tools_and_recipes_are_the_commands_of_the_same_names(
    chat: Conversation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat.take("/tools")
    assert "text_to_image" in capsys.readouterr().out
    chat.take("a red house")
    chat.take(f"/recipe {tmp_path / 'house.yaml'}")
    assert "text_to_image" in (tmp_path / "house.yaml").read_text("utf-8")
    chat.take("/sessions")
    assert chat.session.id in capsys.readouterr().out


# -- questions


def test_a_question_takes_a_number_a_handle_or_its_default(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    for answers, expected in ((["2"], 1), ([""], 0), (["9", "img-2"], 1)):
        screen = AtTheKeyboard(*answers)
        chat = Conversation(screen.door, studio, OPTIONS, screen)
        chat.take("a red house")
        found = (*chat.standing.handles, *chat.standing.handles)[:2]
        if "img-2" in answers:
            found = (found[0], "img-2")
        assert chat.session.asker(Question("picture", found)) == expected
        assert screen.asked[0] == "Which one? [1] "
    assert "A number from 1 to 2." in capsys.readouterr().out


def test_styles_are_asked_for_in_the_language_of_the_words(
    studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = AtTheKeyboard("2")
    chat = Conversation(screen.door, studio, OPTIONS, screen, language="zh")
    assert chat.session.asker(Question("style", ("watercolor", "ink wash"))) == 1
    assert screen.asked == ["哪种风格？[1] "]
    assert "水彩" in capsys.readouterr().out


def test_thumbnails_stand_side_by_side_in_their_order(tmp_path: Path) -> None:
    files = []
    for name, size in (("red", (80, 80)), ("lime", (40, 80)), ("blue", (80, 20))):
        files.append(tmp_path / f"{name}.png")
        Image.new("RGB", size, name).save(files[-1])
    strip = contact_strip(files, 4)
    assert strip.size == (1024, 256)
    middles = [strip.getpixel((128 + 256 * place, 128)) for place in range(4)]
    assert middles == [(255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)]


def test_handles_are_completed_with_the_words_that_made_them(chat: Conversation) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    chat.take("a red house")
    for line in ("/show ", "make img-"):
        found = [*Completions(lambda: chat).get_completions(Document(line), CompleteEvent())]
        assert [c.text for c in found] == [chat.session.head]
        assert "a red house" in found[0].display_meta_text


# -- lines from a pipe


def test_lines_from_a_pipe_are_one_session_and_an_error_stops_none(
    chat: Conversation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = piped(
        chat, "a red house", "", "/nothing", "undo", "/quit", "a red tree", monkeypatch=monkeypatch
    )
    assert code == 1
    turns = chat.studio.ledger.turns(9)
    assert [turn.request for turn in turns] == ["a red house"]
    assert chat.session.head is None
    told = capsys.readouterr()
    assert "/nothing" in told.err
    assert "\x1b" not in told.out + told.err


def test_a_line_that_leaves_claims_unmet_shows_in_the_exit_code(
    chat: Conversation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert piped(chat, "/budget pictures=4", "a red house", monkeypatch=monkeypatch) == 0
    assert piped(chat, "two blue boats", monkeypatch=monkeypatch) == 3


def test_events_are_json_lines_and_nothing_else(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    door = Door()
    chat = Conversation(door, studio, OPTIONS, Screen(door, interactive=False))
    chat.showing = Stream(door, chat.session.id)
    lines = ("a red house", "/tree", "/undo", "/nothing", "/help tree")
    assert piped(chat, *lines, monkeypatch=monkeypatch) == 1
    told = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert {(e["version"], e["session"]) for e in told} == {(1, chat.session.id)}
    assert [e["text"] for e in told if e["event"] == "request"] == list(lines)
    kinds = [e["event"] for e in told]
    assert kinds[:3] == ["request", "phase", "understood"]
    assert "judged" in kinds
    said = next(e for e in told if e["event"] == "said")
    assert said["turn"]["satisfied"]
    assert Path(said["pictures"][0]["path"]).is_file()
    assert said["pictures"][0]["handle"] in next(e for e in told if e["event"] == "printed")["text"]
    error = next(e for e in told if e["event"] == "error")
    assert "/nothing" in error["error"]
    assert error["exit_code"] == 2


def test_progress_is_told_to_programs_without_what_is_seen(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    chat = Conversation(Door(), studio, OPTIONS, Screen(Door(), interactive=False))
    chat.showing = Stream(Door(), chat.session.id)
    studio.previews = True
    assert piped(chat, "a red house", monkeypatch=monkeypatch) == 0
    told = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    working = next(event for event in told if event["event"] == "working")
    assert set(working) == {
        "version", "session", "event", "tool", "done", "total", "note", "seconds",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "environment", "seen"),
    [
        ([], {}, True),
        (["--no-preview"], {}, False),
        ([], {"DANQING_PREVIEW": "0"}, False),
        ([], {"DANQING_IMAGES": "none"}, False),
        (["--quiet"], {}, False),
        (["--json"], {}, False),
    ],
)
def test_a_picture_is_seen_while_it_is_drawn_unless_it_is_not_to_be(
    arguments: list[str], environment: dict[str, str], seen: bool, engine: ScriptedEngine,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("NO_COLOR", "TMUX", "DANQING_IMAGES", "DANQING_PREVIEW"):
        monkeypatch.delenv(name, raising=False)
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for name, value in (terminal | environment).items():
        monkeypatch.setenv(name, value)
    asked: list[bool] = []
    drawn = engine.call

    def call(*given: object, **how: Any) -> Result:
        asked.append(how["previews"])
        return drawn(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "call", call)
    monkeypatch.setattr(engine, "start", lambda roles: None)
    monkeypatch.setattr(Studio, "_engine", lambda self, models, planner: engine)
    home = str(tmp_path / "home")
    assert commandline("--home", home, "draw", "a red house", *arguments).exit_code == 0
    assert set(asked) == {seen}


def test_danqing_alone_reads_lines_where_there_is_no_terminal(
    toy_catalogue: Path, home: Path
) -> None:
    with process(toys=toy_catalogue) as running:
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out, err) == (0, b"", b"")
