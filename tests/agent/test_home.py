"""One private folder, told clearly when it cannot be."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from danqing.agent import durable
from danqing.agent.home import Home
from danqing.tools.errors import BadInput, Stopped


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(root: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (root, *root.rglob("*")) if path.is_dir()}


def test_all_folders_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    parent = tmp_path / "new"
    home = Home.open(parent / "home")
    assert modes(parent) == {0o700}, oct(umask)
    assert {path.name for path in home.root.iterdir()} == {"blobs", "pictures", "locks"}


def test_a_home_that_was_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    home.root.chmod(0o755)
    home.blobs.chmod(0o777)
    Home.open(home.root)
    assert modes(home.root) == {0o700}


def test_the_argument_comes_before_the_variable_and_the_variable_before_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DANQING_HOME", "~/variable")
    assert Home.open(tmp_path / "argument").root == tmp_path / "argument"
    assert Home.open().root == tmp_path / "variable"
    monkeypatch.setenv("DANQING_HOME", "")
    root = Home.open().root
    assert root.is_relative_to(tmp_path)
    assert root.name == "danqing"


def test_somebody_elses_folder_is_not_taken_over(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match=r"letter\.txt"):
        Home.open(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_two_processes_may_make_one_home_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def while_the_other_makes_it(folder: Path) -> Iterator[Path]:
        monkeypatch.undo()
        Home.open(folder)
        return folder.iterdir()

    monkeypatch.setattr(Path, "iterdir", while_the_other_makes_it)
    assert Home.open(tmp_path).blobs.is_dir()


def test_a_folder_with_only_a_file_managers_furniture_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    assert Home.open(tmp_path).blobs.is_dir()


def test_models_of_ones_own_may_be_there_before_it_is_a_home(tmp_path: Path) -> None:
    (tmp_path / "ink.safetensors").touch()
    (tmp_path / "dreams").mkdir()
    with pytest.raises(BadInput, match="dreams"):  # nothing says what they are for
        Home.open(tmp_path)
    (tmp_path / "models.toml").write_text('[mine.text-to-image]\nsource = "dreams"\n')
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match=r"letter\.txt"):
        Home.open(tmp_path)
    (tmp_path / "letter.txt").unlink()
    assert Home.open(tmp_path).blobs.is_dir()


@pytest.mark.parametrize("below", ["", "further/down"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "home"
    file.write_text("a file")
    with pytest.raises(Stopped, match="has to be a folder") as told:
        Home.open(file / below)
    assert str(file) in str(told.value)
    assert file.read_text() == "a file"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.ENOSPC, "no space left"),
        (errno.EIO, "The disk failed"),
    ],
)
def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(durable, "make_folder", refuse)
    with pytest.raises(Stopped, match=words) as told:
        Home.open(tmp_path / "home")
    assert str(tmp_path / "home") in str(told.value)
    assert told.value.kept
    assert told.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Stopped, match="no permission"):
        Home.open(tmp_path / "home")


@pytest.mark.parametrize("folder", ["blobs", "locks", "pictures"])
def test_a_file_where_one_of_our_folders_belongs_is_told(tmp_path: Path, folder: str) -> None:
    home = Home.open(tmp_path / "home")
    (home.root / folder).rmdir()
    (home.root / folder).write_text("")
    with pytest.raises(Stopped):
        Home.open(home.root)
