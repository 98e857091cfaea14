"""The studio in Telegram: a bot, and the service it talks to, both on this machine."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine
from telegram_fake import TOKEN, Telegram, telegram

from danqing.agent.lineage import Lineage
from danqing.agent.studio import Studio
from danqing.bots.talk import Talk
from danqing.server.desk import Desk
from danqing.tools.errors import Stopped

sys.path.insert(0, str(Path(__file__).parents[1]))
from commandline import REPOSITORY, call

pytest.importorskip("telegram")
from danqing.bots import telegram as face

HOUSE = "a red house"
BOT = """
from danqing.bots import telegram
telegram.API = {api!r}
from danqing.cli import main
main()
"""


@contextmanager
def running(
    home: Path, service: Telegram, *, allowed: tuple[int, ...] = (7, 8), at_once: int = 2,
    before: Callable[[str], None] = lambda tool: None,
    caption: str = " a red house.", token: str = TOKEN,
) -> Iterator[Talk]:  # fmt: skip
    """A bot at work; on leaving it is asked to end, and has ended."""
    with Studio(home) as studio:
        engine = ScriptedEngine(home.parent / "models", lambda seed: SCENE + caption)
        engine.before = before
        studio.engine = engine
        desk = Desk(studio, at_once=at_once)
        talk = Talk(desk, "telegram", frozenset(allowed), threading.Event(), pace=0.02)
        failed: list[BaseException] = []

        def work() -> None:
            try:
                asyncio.run(face.serve(talk, token))
            except BaseException as error:  # noqa: BLE001, it is raised below
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield talk
        finally:
            talk.asked.set()
            thread.join(20)
            desk.close()
        assert not thread.is_alive()
        for error in failed:
            raise error


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telegram]:
    with telegram() as service:
        monkeypatch.setattr(face, "API", service.url)
        yield service


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Gate:
    """Holds every tool until it is opened."""

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()

    def __call__(self, tool: str) -> None:
        self.reached.set()
        assert self.open.wait(15)


def photo(width: int = 80) -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((width, 60)).save(coded, "JPEG")
    return coded.getvalue()


def test_a_reply_is_edited_as_progress_comes_and_ends_as_a_photo(
    home: Path, service: Telegram
) -> None:
    gate = Gate()
    with running(home, service, before=gate):
        service.send(HOUSE)
        service.until("editMessageText", text="drawing …")
        gate.open.set()
        given = service.until("sendPhoto")[0]
        gone = service.until("deleteMessage")[0]
    first = service.calls[0]
    assert first[0] == "sendMessage" and first[1]["text"] == "working …"
    edited = service.those("editMessageText")
    assert {told["message_id"] for told in edited} == {gone["message_id"]}
    texts = [told["text"] for told in edited]
    assert all(one != other for one, other in pairwise(texts))
    assert given["chat_id"] == "7" and given["caption"].startswith("Done: img-")
    with Image.open(BytesIO(given["photo"])) as picture:
        assert picture.format == "PNG" and "danqing" in picture.info


def test_each_chat_is_a_session_that_goes_on_and_can_be_undone(
    home: Path, service: Telegram
) -> None:
    with running(home, service) as talk:
        service.send(HOUSE)
        first = service.until("sendPhoto")[0]["caption"].split()[1].rstrip(".")
        service.until("deleteMessage")
        service.send("a red house and a tree")
        service.until("deleteMessage", 2)
        service.send("/undo")
        undone = service.until("deleteMessage", 3) and service.those("sendPhoto")[-1]
        service.send("再来", chat=8)
        service.until("deleteMessage", 4)
        mine, other = talk.chats.session(7), talk.chats.session(8)
        turns = [turn.request for turn in Lineage(talk.studio.ledger, mine).turns]
    assert turns == [HOUSE, "a red house and a tree"]
    assert undone["caption"] == f"We go on from {first}."
    assert mine != other
    with running(home, service) as talk:
        assert (talk.chats.session(7), talk.chats.session(8)) == (mine, other)
        service.send("/new")
        service.until("sendMessage", text="We begin anew.")
        assert talk.chats.session(7) not in (mine, other)
        talk.studio.delete_session(other)
        assert talk.chats.session(8) not in (mine, other)


def test_who_waits_is_told_its_place_and_who_asks_twice_that_it_is_at_it(
    home: Path, service: Telegram
) -> None:
    gate = Gate()
    with running(home, service, before=gate, at_once=1, allowed=(7, 8, 9, 10)) as talk:
        service.send(HOUSE)
        assert gate.reached.wait(15)
        service.send("两棵树", chat=8)
        service.until("editMessageText", chat_id="8", text="排队中，第 1 位")
        service.send("a blue boat", chat=9)
        service.until("editMessageText", chat_id="9", text="waiting in line, at place 2")
        service.send("undo")
        told = service.until("sendMessage", 2, chat_id="7")[1]["text"]
        assert told.startswith("I am still at what was asked before")
        talk.desk.take("a dog", None, talk.chats.session(10))  # as one that was left
        service.send(HOUSE, chat=10)
        service.until("sendMessage", chat_id="10", text=told)
        gate.open.set()
        for chat in ("7", "8", "9"):
            service.until("sendPhoto", chat_id=chat)


def test_a_picture_of_ones_own_is_taken_in_and_changed(home: Path, service: Telegram) -> None:
    with running(home, service) as talk:
        service.send(photo=photo())
        told = service.until("sendMessage", 2)[1]["text"]
        assert told == "img-1 is your picture; what is to be done with it?"
        service.until("deleteMessage")
        service.send("make it twice as large", photo=photo(90))
        service.until("deleteMessage", 2)
        turns = Lineage(talk.studio.ledger, talk.chats.session(7)).turns
        assert [turn.request for turn in turns][-1] == "make it twice as large"
        assert turns[-1].options["base"] == "img-2"
        service.send(photo=photo(), size=20_000_001)
        service.until("sendMessage", text="A picture may have 20 MB at most.")
        service.send(photo=b"no picture at all")
        service.until("deleteMessage", 3)
        assert "PNG, JPEG or WebP" in service.those("sendMessage")[-1]["text"]
        service.send(photo=photo(), lost=True)
        service.until("sendMessage", text="The picture did not come through; send it again.")


def test_strangers_are_told_their_id_and_nothing_is_done(home: Path, service: Telegram) -> None:
    with running(home, service, allowed=()) as talk:
        for said in (HOUSE, "/start", "/undo"):
            service.send(said)
        told = service.until("sendMessage", 3)
        service.send(HOUSE, language="zh-hans")
        in_chinese = service.until("sendMessage", 4)[-1]["text"]
        assert talk.studio.ledger.sessions(9) == []
    assert all("--allow 7" in one["text"] for one in told)
    assert "--allow 7" in in_chinese and "我只回答" in in_chinese
    assert not (home / "telegram.chats.json").exists()


def test_what_is_too_long_for_a_caption_is_a_message_of_its_own(
    home: Path, service: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "CAPTION", 10)
    service.no_photos = True  # and the picture no photo, so a document
    with running(home, service):
        service.send(HOUSE)
        service.until("deleteMessage")
    assert "caption" not in service.those("sendDocument")[0]
    names = [name for name, _ in service.calls]
    assert names.index("sendDocument") < len(names) - 2
    assert service.those("sendMessage")[-1]["text"].startswith("Done: img-")


def test_what_was_not_finished_is_given_by_the_next_process(home: Path, service: Telegram) -> None:
    gate = Gate()
    with running(home, service, before=gate, at_once=1) as talk:
        service.send(HOUSE)
        assert gate.reached.wait(15)
        service.send("a blue boat", chat=8)
        service.until("editMessageText", chat_id="8")
        talk.asked.set()
        told = service.until("sendMessage", 2, chat_id="7")[-1]["text"]
        assert told == "I have to go; when I am back I go on with this."
        service.until("sendMessage", 2, chat_id="8")
        gate.open.set()
    assert not service.those("sendPhoto")
    with running(home, service):
        for chat in ("7", "8"):
            service.until("sendPhoto", chat_id=chat)
        service.until("deleteMessage", 4)
    with running(home, service) as talk:
        assert talk.chats.unanswered() == []
    assert len(service.those("sendPhoto")) == 2


def test_what_was_finished_and_not_given_is_given_by_the_next_process(
    home: Path, service: Telegram
) -> None:
    with running(home, service) as talk:
        session = talk.chats.session(7)
        turn = talk.studio.begin(HOUSE, None, session=session, served=True)
        talk.studio.carry_out(turn)
    assert not service.those("sendPhoto")
    with running(home, service):
        service.until("sendPhoto", chat_id="7")


def test_the_token_is_in_no_log_and_no_message(
    home: Path, service: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with running(home, service):
        service.send("/start")
        service.until("sendMessage")
    assert caplog.records and TOKEN not in caplog.text
    refusal = pytest.raises(Stopped, match="does not know the token")
    with refusal as refused, running(home, service, token="9:wrong"):
        pass
    assert "wrong" not in str(refused.value) and refused.value.__suppress_context__
    assert "9:wrong" not in caplog.text
    for name in ("telegram", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_the_command_needs_a_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELEGRAM_TOKEN", raising=False)
    ended = call("--home", str(home), "bot", "telegram", "--allow", "-100123")
    assert ended.exit_code == 2 and "TELEGRAM_TOKEN" in ended.output
    assert not home.exists()


def test_the_command_answers_until_it_is_told_to_end(
    home: Path, service: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = BOT.format(api=service.url)
    monkeypatch.setenv("TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    )
    arguments = ["--home", str(home), "bot", "telegram", "--allow", "-7"]
    bot = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=-1, stderr=subprocess.STDOUT
    )
    try:
        service.send("/start", chat=-7)
        service.until("sendMessage", chat_id="-7")
        bot.send_signal(signal.SIGINT)
        told, _ = bot.communicate(timeout=20)
    finally:
        bot.kill()
    assert (bot.returncode, told) == (0, b"")


def test_the_chats_are_a_private_file_of_the_home(home: Path, service: Telegram) -> None:
    with running(home, service) as talk:
        service.send(HOUSE)
        service.until("deleteMessage")
        session = talk.chats.session(7)
    file = home / "telegram.chats.json"
    assert json.loads(file.read_text()) == {"7": [session, 1]}
    assert file.stat().st_mode & 0o777 == 0o600
