"""The studio in Discord: the bot itself, with what the service would hand it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent.lineage import Lineage
from danqing.agent.studio import Studio
from danqing.bots.talk import Talk
from danqing.server.desk import Desk
from danqing.tools.errors import Stopped

discord = pytest.importorskip("discord")
from danqing.bots import discord as face  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))


class Message:
    """A message of the bot's: how it stood, one text after another, and the files it has last."""

    def __init__(self, channel: Channel, text: str = "") -> None:
        self.channel, self.texts, self.files = channel, [text] if text else [], []
        self.closed = False

    async def edit(self, *, content: str, attachments: list[Any]) -> None:
        if self.closed:
            response = SimpleNamespace(status=401, reason="Unauthorized")
            raise discord.HTTPException(response, "Invalid Webhook Token")
        self.texts.append(content)
        self.files = [(file.filename, file.fp.read()) for file in attachments]


class Channel:
    """A channel, and what the bot sends to it."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.sent: list[Message] = []

    async def send(self, text: str, files: list[Any] = []) -> Message:  # noqa: B006
        self.sent.append(Message(self, text))
        self.sent[-1].files = [(file.filename, file.fp.read()) for file in files]
        return self.sent[-1]


class Interaction:
    """A slash command that somebody gave."""

    def __init__(self, channel: Channel, user: int = 5, locale: str = "en-US") -> None:
        self.channel, self.channel_id, self.locale = channel, channel.id, locale
        self.user = SimpleNamespace(id=user)
        self.message = Message(channel)
        self.told: list[tuple[str, bool]] = []
        self.deferred = False
        self.response = self

    async def defer(self, *, thinking: bool) -> None:
        self.deferred = thinking

    async def send_message(self, text: str, *, ephemeral: bool) -> None:
        self.told.append((text, ephemeral))

    async def original_response(self) -> Message:
        assert self.deferred
        return self.message


class Served:
    """A bot with a scripted engine behind it; ``before`` is called before each tool."""

    def __init__(self, studio: Studio, folder: Path) -> None:
        engine = ScriptedEngine(folder, lambda seed: SCENE + " a red house.")
        engine.before = lambda tool: self.before(tool)
        studio.engine = engine
        self.before: Callable[[str], None] = lambda tool: None
        self.desk = Desk(studio, at_once=1)
        self.talk = Talk(self.desk, "discord", frozenset({5, 100}), threading.Event(), pace=0.02)

    def bot(self) -> Any:
        bot = face.Bot(self.talk)
        bot._connection.user = SimpleNamespace(id=1)
        return bot

    async def command(self, name: str, at: Interaction, *arguments: Any) -> None:
        await self.bot().tree.get_command(name).callback(at, *arguments)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Studio(tmp_path / "home") as studio:
        served = Served(studio, tmp_path / "models")
        yield served
        served.desk.close()


def attachment(width: int = 80, size: int | None = None) -> Any:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((width, 60)).save(coded, "PNG")

    async def read() -> bytes:
        return coded.getvalue()

    return SimpleNamespace(size=size or len(coded.getvalue()), read=read)


def said(bot: Any, channel: Channel, words: str, *, by: int = 5, **more: Any) -> Any:
    mentions = [bot.user] if "<@" in words else []
    author = SimpleNamespace(id=by, bot=more.get("from_a_bot", False))
    return SimpleNamespace(
        author=author, channel=channel, content=words, mentions=mentions,
        guild=more.get("guild", "a guild"), attachments=more.get("attachments", []),
    )  # fmt: skip


async def test_a_command_is_answered_in_one_message_that_is_edited(served: Served) -> None:
    channel, gate = Channel(100), threading.Event()
    served.before = lambda tool: gate.wait(10)
    at = Interaction(channel)
    drawing = asyncio.create_task(served.command("draw", at, "a red house"))
    while "drawing …" not in at.message.texts:
        await asyncio.sleep(0.01)
    gate.set()
    await drawing
    assert at.message.texts[0] == "working …"
    assert at.message.texts[-1].startswith("Done: img-")
    [(name, png)] = at.message.files
    assert name in {f"{word}.png" for word in at.message.texts[-1].replace(".", "").split()}
    with Image.open(BytesIO(png)) as picture:
        assert picture.format == "PNG"
    assert not channel.sent


async def test_a_channel_is_a_session_that_can_be_undone_and_begun_anew(served: Served) -> None:
    channel = Channel(100)
    await served.command("draw", Interaction(channel), "a red house")
    session = served.talk.chats.session(100)
    await served.command("undo", at := Interaction(channel, locale="zh-CN"))
    assert "第一幅画之前" in at.message.texts[-1] and not at.message.files
    assert Lineage(served.talk.studio.ledger, session).head is None
    await served.command("new", at := Interaction(channel, user=9))  # all of the channel may
    assert at.message.texts == ["We begin anew."]
    assert served.talk.chats.session(100) != session


async def test_the_bot_hears_what_is_said_with_its_name_or_to_it_alone(served: Served) -> None:
    bot, channel = served.bot(), Channel(100)
    for one in (
        said(bot, channel, "a red house"),
        said(bot, channel, "<@1> a red house", from_a_bot=True),
    ):
        await bot.on_message(one)
    assert not channel.sent
    await bot.on_message(said(bot, channel, "<@1> a red house"))
    alone = Channel(6)
    await bot.on_message(said(bot, alone, "一座红房子", guild=None))
    assert channel.sent[0].texts[-1].startswith("Done: img-")
    assert alone.sent[0].texts[-1].startswith("画好了")
    turns = Lineage(served.talk.studio.ledger, served.talk.chats.session(100)).turns
    assert [turn.request for turn in turns] == ["a red house"]


async def test_pictures_of_ones_own_are_taken_in(served: Served) -> None:
    bot, channel = served.bot(), Channel(100)
    await bot.on_message(said(bot, channel, "<@1>", attachments=[attachment()]))
    assert channel.sent[0].texts[-1].startswith("img-1 is your picture")
    at = Interaction(channel)
    await served.command("draw", at, "make it twice as large", attachment(90))
    turns = Lineage(served.talk.studio.ledger, served.talk.chats.session(100)).turns
    assert turns[-1].options["base"] == "img-2"
    await served.command("draw", at := Interaction(channel), "a dog", attachment(size=20_000_001))
    assert at.message.texts == ["A picture may have 20 MB at most."]


async def test_strangers_are_told_their_id_and_nothing_is_done(served: Served) -> None:
    bot, elsewhere = served.bot(), Channel(200)
    for name, arguments in (("draw", ["a red house"]), ("undo", []), ("new", [])):
        at = Interaction(elsewhere, user=9)
        await served.command(name, at, *arguments)
        [(text, seen_by_them_alone)] = at.told
        assert "--allow 9" in text and seen_by_them_alone and not at.deferred
    await bot.on_message(said(bot, elsewhere, "<@1> a red house", by=9))
    assert "--allow 9" in elsewhere.sent[0].texts[0]
    assert served.talk.studio.ledger.sessions(9) == []


async def test_a_command_whose_time_is_over_is_answered_in_the_channel(served: Served) -> None:
    channel = Channel(100)
    at = Interaction(channel)
    at.message.closed = True
    await served.command("draw", at, "a red house")
    [message] = channel.sent
    assert message.texts[0].startswith("Done: img-") and len(message.files) == 1


async def test_long_answers_are_cut_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel(1)
    monkeypatch.setattr(face, "TEXT", 8)
    await face.Sent(channel).give(face.Answer("one\ntwo\nthree\n0123456789"))
    assert [message.texts[0] for message in channel.sent] == ["one\ntwo", "three", "01234567", "89"]


async def test_nobody_is_called_by_what_a_reply_quotes(served: Served) -> None:
    assert served.bot().allowed_mentions.to_dict() == {"parse": []}


async def test_a_token_that_is_not_taken_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: Any, token: str) -> None:
        raise discord.LoginFailure("Improper token has been passed.")

    monkeypatch.setattr(discord.Client, "start", refuse)
    with pytest.raises(Stopped, match="does not know the token"):
        await face.serve(served.talk, "a-token")
