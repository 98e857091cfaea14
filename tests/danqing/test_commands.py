"""The commands: what they print, what they refuse, and their exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commandline import call

from danqing import doctor
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger


def test_understand_prints_one_document_on_one_line() -> None:
    result = call("understand", "three red boats on the sea, watercolor", "--json")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    brief = json.loads(result.stdout)
    assert brief["version"] == 1
    assert brief["intent"] == "make"
    said = [{k: v for k, v in c.items() if k not in ("id", "source")} for c in brief["claims"]]
    assert {"kind": "count", "subject": "boat", "value": 3} in said
    assert {"kind": "style", "value": "watercolor"} in said


def test_understand_prints_plain_lines_for_people() -> None:
    result = call("understand", "三只小船在海上")
    assert "count\t3 × boat\t三只小船" in result.stdout.splitlines()


def test_understand_goes_through_lines_and_over_errors() -> None:
    long = "a house " * 20_000
    text = f"a cat\n\n{long}\n".encode() + b"\x80 a dog\r\n" + "一只猫".encode()
    result = call("understand", "--lines", "-", text=text)
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["error" in document for document in documents] == [False, True, True, False, False]
    assert documents[4]["claims"][0]["subject"] == "cat"


def test_errors_are_one_document_too() -> None:
    result = call("understand", "", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"] == "The request is empty."
    assert "The request is empty." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["draw"], "REQUEST"),
        (["draw", "a cat", "--lines", "-"], "REQUEST"),
        (["draw", "--lines", "-", "-o", "x.png"], "--out"),
        (["draw", "a cat", "--size", "0"], "0x0"),
        (["draw", "a cat", "--size", "512x99999999"], "512x99999999"),
        (["draw", "a cat", "--size", "big"], "'big'"),
        (["draw", "a cat", "--seed", "-1"], "-1"),
        (["draw", "a cat", "--seed", "one"], "'one'"),
        (["draw", "a cat", "--budget", "cats=9"], "cats=9"),
        (["draw", "a cat", "--models", "huge"], "'huge'"),
        (["draw", "a cat", "--llm", "oracle"], "'oracle'"),
        (["draw", "a cat", "-o", "cat.txt"], "cat.txt"),
        (["draw", "a cat", "-o", "/nowhere/at/all/cat.png"], "/nowhere/at/all"),
        (["draw", "a cat", "-o", "/tmp"], "/tmp is a folder"),
        (["show", "img-7"], "'img-7'"),
        (["show", "../etc"], "'../etc'"),
        (["replay", "img-7"], "'img-7'"),
        (["history", "-n", "0"], "0"),
        (["understand", "--lines", "/nowhere.txt"], "/nowhere.txt"),
    ],
)
def test_bad_usage_is_named_and_nothing_is_begun(
    arguments: list[str], told: str, home: Path
) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    if home.exists():
        with Ledger(Home.open(home)) as ledger:
            assert ledger.turns(1) == []


def test_a_home_that_holds_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("chapter one")
    result = call("--home", str(tmp_path), "history")
    assert result.exit_code == 2
    assert "thesis.txt" in result.stderr


def test_a_turn_is_drawn_looked_up_and_replayed(toys: None, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "house.png"
    result = call(
        "draw", "a red house", "-o", str(out), "--seed", "7", "--size", "96x64", "--quiet",
        "--budget", "pictures=4",
    )  # fmt: skip
    assert result.exit_code == 3
    assert result.stdout == f"{out}\n"
    assert result.stderr == ""
    with Ledger(Home.open(home)) as ledger:
        (turn,) = ledger.turns(5)
        assert turn.outcome is not None
        handle = turn.outcome["picture"]

    listed = call("history").stdout
    assert "a red house" in listed
    assert handle in listed

    shown = call("show", handle)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[:2] == [str(out), "a red house"]
    assert "house is red: " in shown.stdout
    assert "text_to_image" in shown.stdout
    out.unlink()
    assert str(home / "blobs") in call("show", handle).stdout

    replayed = call("replay", handle)
    assert replayed.exit_code == 0
    assert replayed.stdout == f"{handle}: the same pixels came out.\n"

    assert call("resume").stdout == "There is nothing to resume.\n"
    examined = call("doctor").stdout
    assert "ledger\twhole; 1 turns" in examined
    assert "home\t" in examined


def test_history_begins_with_a_suggestion(home: Path) -> None:
    assert "danqing draw" in call("history").stdout


def test_tools_say_whether_they_can_run(toys: None) -> None:
    listed = json.loads(call("tools", "--json").stdout)["tools"]
    assert {tool["name"]: tool["ready"] for tool in listed}["text_to_image"] is True
    edge_guided = next(tool for tool in listed if tool["name"] == "edge_guided")
    assert edge_guided["optional_models"] == ["detector", "upscaler"]
    told = call("tools").stdout
    assert "✓\ttext_to_image" in told
    assert "(its detector model is missing, so it can do less)" in told


def test_a_missing_model_is_said_by_tools_models_and_doctor(
    toys: None, toy_catalogue: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = toy_catalogue.parent / "captioner"
    aside = captioner.rename(captioner.with_name("aside"))
    try:
        assert "captioner model is missing" in call("tools").stdout
        assert f"missing: {captioner}" in call("models").stdout
        examined = call("doctor")
        assert examined.exit_code == 1
        assert f"is not at {captioner}" in examined.stdout
    finally:
        aside.rename(captioner)


def test_two_builds_of_opencv_are_an_illness() -> None:
    both = list(doctor._opencv({"opencv-python", "opencv-python-headless"}))
    assert [finding.well for finding in both] == [False]
    assert "overwrite each other" in both[0].said


def test_a_home_open_to_others_is_made_private(home: Path) -> None:
    call("history")
    os.chmod(home, 0o755)
    examined = call("doctor").stdout
    assert "private" in examined
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    result = call("completion", shell)
    assert result.exit_code == 0
    assert "_DANQING_COMPLETE" in result.stdout


def test_the_version_is_the_package_s() -> None:
    import danqing

    assert call("--version").stdout == f"danqing {danqing.__version__}\n"
    assert set(danqing.__all__) >= {"Studio", "Options", "Home", "understand"}
    assert all(getattr(danqing, name) is not None for name in danqing.__all__)
    with pytest.raises(AttributeError, match="paint"):
        danqing.paint  # noqa: B018
