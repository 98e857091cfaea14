"""What a line is, and what it can go on with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commandline import REPOSITORY
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from danqing.chat.commands import COMMANDS, find
from danqing.chat.completion import Completions
from danqing.chat.typed import picture_file, slashed, words_of
from danqing.tools.errors import BadInput


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/undo", ("undo", "")),
        ("  /Compare img-1  img-2 ", ("compare", "img-1  img-2")),
        ("／撤销", ("撤销", "")),
        ("、变体 3", ("变体", "3")),
        ("/ tree", ("tree", "")),
        ("a red house / a blue one", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_slash_begins_a_command(line: str, expected: tuple[str, str] | None) -> None:
    assert slashed(line) == expected


def test_arguments_are_parted_as_a_shell_does_and_an_apostrophe_is_no_quote() -> None:
    assert words_of('img-1 "my picture.png"') == ["img-1", "my picture.png"]
    assert words_of("grandma's.png") == ["grandma's.png"]


@pytest.mark.parametrize(
    "write",
    [
        "{}", "'{}'", '"{}"', "  {}  ", "escaped", "address", "'address'",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.png", "my photo (1).JPG", "海 边.webp", "it's.png"])
def test_a_picture_is_known_however_a_terminal_pastes_its_path(
    name: str, write: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    if write == "'{}'" and "'" in name:
        pytest.skip("no shell reads that")
    if write == "escaped":
        line = "".join(f"\\{c}" if c in " ()'" else c for c in str(path))
    else:
        line = write.replace("address", path.as_uri()).format(path)
    assert picture_file(line) == path


def test_what_is_no_picture_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.txt").write_text("house")
    (tmp_path / "folder.png").mkdir()
    monkeypatch.chdir(tmp_path)
    for line in ("notes.txt", "folder.png", "missing.png", "", "a.png\nb.png", "x" * 5000 + ".png",
                 "y" * 300 + ".png", "\0.png", "draw a house like house.png"):  # fmt: skip
        assert picture_file(line) is None


def test_every_command_is_named_once_and_explained_in_both_languages() -> None:
    names = [name for c in COMMANDS for name in (c.name, *c.aliases)]
    assert len(names) == len(set(names))
    for command in COMMANDS:
        english, chinese = command.help
        assert english.isascii() and not chinese.isascii(), command.name
        assert any(not alias.isascii() for alias in command.aliases), command.name
        assert command.least <= len(command.takes)


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    assert find("撤销") is find("undo")
    assert find("his") is find("history")
    with pytest.raises(BadInput) as raised:
        find("undoo")
    assert "/undo" in raised.value.hint
    with pytest.raises(BadInput, match="/s'"):
        find("s")  # show, save, seed, size, sessions


def completed(line: str) -> list[str]:
    """What the words of ``line`` can become at its end."""
    document = Document(line)
    found = Completions(lambda: None).get_completions(document, CompleteEvent())
    return [line[: len(line) + c.start_position] + c.text for c in found]


def test_commands_and_what_they_take_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.png").write_bytes(b"")
    (tmp_path / "house.txt").write_bytes(b"")
    assert completed("/un") == ["/undo"]
    assert completed("/撤") == ["/撤销"]
    assert completed("/ask n") == ["/ask never", "/ask needed"]
    assert completed("/open hou") == ["/open house.png"]
    assert len(completed("/save hou")) == 2
    assert completed("/budget pic") == ["/budget pictures="]
    assert completed("a red house") == []
    assert len(completed("/")) == len(COMMANDS)


def test_nothing_that_is_heavy_is_needed_for_the_prompt() -> None:
    program = (
        "import sys\n"
        "from danqing.chat.repl import Repl\n"
        "from danqing.door import Door\n"
        "Repl(Door(), lambda: None, 'en')\n"
        "print(sorted({'torch', 'PIL', 'pydantic', 'numpy', 'rich', 'sqlite3', 'danqing.tools',"
        " 'danqing.agent'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=REPOSITORY, check=True
    )
    assert ran.stdout.strip() == b"[]"
