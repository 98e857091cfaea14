"""The chat as a person has it: a real process in a pseudo-terminal."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from pseudo_terminal import Terminal

from danqing.agent import reply
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.lineage import Lineage
from danqing.chat.repl import History

READY = "sketchbook"
"""What the toolbar says once the models are known; it is drawn anew with every prompt."""
SMALL = ("--size", "128", "--budget", "pictures=4", "--seed", "7")


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_a_conversation_with_the_built_in_models(home: Path) -> None:
    with Terminal("chat", *SMALL) as at:
        at.see("Danqing 丹青", READY)
        at.type("a red house\r")
        shown = at.see("asked for", "img-", READY)
        assert "▀" in shown
        assert "drawing" in shown
        assert str(home / "pictures") in shown.replace("\n", "")
        at.type("make it night\r")
        at.see("time: night", "everything else as it was", READY)
        at.type("undo that\r")
        at.see("▀", READY)
        at.type("/variants\r")
        at.see("More of what was asked for", READY)
        at.type("show me the second one\r")
        at.see("Which one? [1]")
        at.type("\r")
        at.see("This is img-", READY)
        at.type("两棵树\r")
        at.see("作画")
        at.type("\x03")
        at.see("Stopped as you asked.", "/resume", READY)
        at.type("\x04")
        assert at.leave() == 0
        assert at.echoes()
    with Ledger(Home.open(home)) as ledger:
        assert [turn.request for turn in ledger.unfinished()] == ["两棵树"]
        lineage = Lineage(ledger, ledger.sessions(1)[0])
        house, night, variant = lineage.nodes.values()
        assert (house.parent, night.parent, variant.parent) == (None, house.handle, None)
        assert lineage.head == variant.handle
    assert (home / "chat_history").stat().st_mode & 0o777 == 0o600
    assert "+两棵树" in (home / "chat_history").read_text("utf-8")


def test_enter_takes_the_best_so_far(toy_catalogue: Path, home: Path) -> None:
    with Terminal("chat", "--size", "64", toys=toy_catalogue) as at:
        at.see(READY)
        at.type("a red house\r")
        at.see("Enter takes the best so far")
        at.type("\r")
        at.see("taking the best so far", "asked for", READY)
        at.type("/quit\r")
        assert at.leave() == 0
    with Ledger(Home.open(home)) as ledger:
        outcome = ledger.turns(1)[0].outcome
        assert outcome is not None
        assert outcome["picture"] is not None
        assert outcome["stopped"] == reply.ACCEPTED


def test_what_was_cut_short_is_offered_when_the_session_goes_on(
    toy_catalogue: Path, home: Path
) -> None:
    with Terminal("chat", "--size", "64", "--budget", "pictures=4", toys=toy_catalogue) as at:
        at.see(READY)
        at.type("a red house\r")
        at.see("understanding")
        at.process.send_signal(signal.SIGTERM)
        assert at.leave() == 130
        assert at.echoes()
        assert "Traceback" not in at.text
    with Terminal("chat", "last", toys=toy_catalogue) as at:
        at.see("“a red house” was cut short. Go on with it? [Y/n]")
        at.type("\r")
        at.see("asked for", READY)
        at.process.send_signal(signal.SIGTERM)
        assert at.leave() == 130
        assert at.echoes()
        assert "Traceback" not in at.text
    with Ledger(Home.open(home)) as ledger:
        assert not ledger.unfinished()


def _back_to(at: Terminal, words: str) -> None:
    """Go up in the history until ``words`` are shown, of which only what differs is."""
    for _ in range(30):
        at.type("\x1b[A")
        until = time.monotonic() + 2
        while time.monotonic() < until:
            if words in at.text:
                return
            time.sleep(0.02)
    raise AssertionError(at.text)


def test_lines_can_be_long_and_are_kept_for_the_next_time(toy_catalogue: Path, home: Path) -> None:
    with Terminal(toys=toy_catalogue) as at:
        at.see(READY)
        at.type("draw the\x03")  # Ctrl-C clears the line
        at.type("/si\\\rze\x1b\r64\r")  # a backslash and Alt-Enter begin lines
        at.see("/si does not go with 'ze\\n64'", READY)
        at.type("/size 64\r")
        at.see("64×64", READY)
        at.type("\x1b[200~/seed\n5\x1b[201~\r")  # pasted
        at.see("seed 5", READY)
        at.type("\x04")
        assert at.leave() == 0
    with Terminal(toys=toy_catalogue) as at:
        at.see(READY)
        _back_to(at, "5")  # what was typed before is read in the background
        _back_to(at, "64")
        at.type("\r")
        at.see("64×64", READY)
        at.type("\x04")
        assert at.leave() == 0


def test_a_session_that_is_not_there_is_refused_before_the_prompt(home: Path) -> None:
    with Terminal("chat", "nowhere") as at:
        assert at.leave() == 2
        assert "There is no session 'nowhere'." in at.text
        assert "›" not in at.text


def test_a_home_that_cannot_be_used_ends_the_prompt(home: Path) -> None:
    home.mkdir()
    (home / "letters.txt").write_text("dear")
    with Terminal() as at:
        assert at.leave() == 2
        assert "letters.txt" in at.text
        assert "Traceback" not in at.text
        assert at.echoes()


def test_what_is_typed_in_an_encrypted_home_is_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    history = History(lambda: None)
    history.store_string("a red house")
    assert list(history.load_history_strings()) == []
    assert list(tmp_path.iterdir()) == []
