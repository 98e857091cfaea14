"""`danqing encrypt` and `danqing decrypt`, and what else is said of an encrypted home."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import call
from PIL import Image
from pseudo_terminal import Terminal

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.vault import header_at

PASSPHRASE = "correct horse battery"


@pytest.fixture
def drawn(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a picture and its copy, and something typed."""
    monkeypatch.delenv("DANQING_PASSPHRASE", raising=False)
    monkeypatch.delenv("DANQING_KEY_FILE", raising=False)
    with Ledger(Home.open(home)) as ledger:
        turn = ledger.begin_turn(ledger.new_session(), "a red house", {})
        step = ledger.begin_step(turn, "text_to_image", {}, {}, 1, "k")
        step = ledger.finish_step(step, [Image.new("RGB", (8, 8), "red")], None, {})
        ledger.end_turn(turn, {"reply": "", "picture": step.pictures[0].handle})
    Image.new("RGB", (8, 8), "red").save(home / "pictures" / "img-1.png")
    (home / "chat_history").write_text("\n# now\n+a red house\n")
    return home


def test_a_key_file_is_made_and_opens_it(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = drawn.parent / "key"
    refused = call("encrypt", "--key-file", str(key))
    assert refused.exit_code == 2 and "add --yes" in refused.stderr
    assert call("encrypt", "--yes").exit_code == 2
    inside = call("encrypt", "--yes", "--key-file", str(drawn / "key"))
    assert inside.exit_code == 2 and "is in the home that it opens" in inside.stderr
    done = call("encrypt", "--key-file", str(key), "--yes")
    assert done.stdout.splitlines() == [
        f"{key} is its key: keep it safe, and name it by DANQING_KEY_FILE.",
        f"{drawn} is encrypted.",
    ]
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_bytes()) == 32
    again = call("encrypt", "--yes", "--key-file", str(drawn.parent / "other"))
    assert again.exit_code == 2 and "is encrypted already" in again.stderr
    assert not (drawn.parent / "other").exists()
    assert not list((drawn / "pictures").iterdir()) and not (drawn / "chat_history").exists()
    closed = call("history")
    assert closed.exit_code == 1 and "DANQING_KEY_FILE" in closed.stderr
    assert "its key file is not given" in call("doctor").stdout
    monkeypatch.setenv("DANQING_KEY_FILE", str(key))
    assert "a red house" in call("history").stdout
    assert "home\tencrypted\n" in call("doctor").stdout
    shown = call("show", "img-1").stdout.splitlines()
    assert shown[0] == str(drawn / "pictures" / "img-1.png")
    assert Image.open(shown[0]).getpixel((0, 0)) == (255, 0, 0)
    assert "1 plain copies are in" in call("doctor").stdout
    [blob] = (drawn / "blobs").iterdir()
    blob.write_bytes(blob.read_bytes()[:-1])
    examined = call("doctor")
    assert examined.exit_code == 1 and f"{blob} is damaged" in examined.stdout
    refused = call("decrypt")
    assert refused.exit_code == 1 and "is damaged" in refused.stderr
    assert "a red house" in call("history").stdout


def test_it_opens_with_another_one_once_that_is_changed(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is not encrypted" in call("encrypt", "--change").stderr
    monkeypatch.setenv("DANQING_PASSPHRASE", PASSPHRASE)
    assert call("encrypt", "--yes").exit_code == 0
    assert "Add --change" in call("encrypt", "--yes").stderr
    assert "DANQING_NEW_PASSPHRASE" in call("encrypt", "--change").stderr
    before = header(drawn)
    monkeypatch.setenv("DANQING_NEW_PASSPHRASE", "staple of the battery")
    monkeypatch.setenv("DANQING_PASSPHRASE", "another horse")
    assert "does not open this home" in call("encrypt", "--change").stderr
    assert header(drawn) == before
    monkeypatch.setenv("DANQING_PASSPHRASE", PASSPHRASE)
    changed = call("encrypt", "--change")
    assert changed.exit_code == 0 and "opens with the new one only" in changed.stdout
    assert "does not open this home" in call("history").stderr
    for file in drawn.glob("ledger*"):
        assert before["master"].encode() not in file.read_bytes(), "what was is nowhere any more"
    monkeypatch.setenv("DANQING_PASSPHRASE", "staple of the battery")
    assert "a red house" in call("history").stdout
    nowhere = call("encrypt", "--change", "--key-file", str(drawn.parent / "no" / "key"))
    assert nowhere.exit_code == 2 and "There is no folder" in nowhere.stderr
    key = drawn.parent / "key"
    assert call("encrypt", "--change", "--key-file", str(key)).exit_code == 0
    assert "DANQING_KEY_FILE" in call("history").stderr
    monkeypatch.setenv("DANQING_KEY_FILE", str(key))
    assert "a red house" in call("history").stdout
    assert call("doctor").exit_code == 0


def header(home: Path) -> dict[str, str]:
    told = header_at(home / "ledger.sqlite3")
    assert told is not None
    return told


def test_a_passphrase_is_asked_for_at_a_terminal(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Terminal("encrypt") as terminal:
        terminal.see("will be removed")
        terminal.type("y\r")
        for words in ("Passphrase:", "Repeat for confirmation:"):
            terminal.see(words)
            assert not terminal.echoes()
            terminal.type(PASSPHRASE + "\r")
        terminal.see("is encrypted.")
    with Terminal("history") as terminal:
        terminal.see("Passphrase:")
        terminal.type("another horse\r")
        terminal.see("does not open this home")
    with Terminal("history") as terminal:
        terminal.see("Passphrase:")
        terminal.type(PASSPHRASE + "\r")
        terminal.see("a red house")
    monkeypatch.setenv("DANQING_PASSPHRASE", PASSPHRASE)
    assert call("decrypt").stdout == f"{drawn} is not encrypted any more.\n"
    monkeypatch.delenv("DANQING_PASSPHRASE")
    assert "a red house" in call("history").stdout
