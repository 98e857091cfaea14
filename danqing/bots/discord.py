"""The studio in Discord: ``danqing bot discord``. https://discord.com/developers/docs"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

import discord
from discord import app_commands

from ..tools.errors import Stopped
from ..words import say
from .talk import UNDO, Answer, Brought, Talk, language_for, pieces

TEXT = 2000  # the most characters in a message


@dataclass
class Sent:
    """A reply in a channel: a message that is edited until it holds the answer and its pictures."""

    channel: discord.abc.Messageable
    message: discord.Message | None = None

    async def tell(self, text: str) -> None:
        with suppress(discord.HTTPException):  # what it comes to is told all the same
            await self._show(text)

    async def give(self, answer: Answer) -> None:
        first, *more = [*pieces(answer.words, TEXT)] or [""]
        try:
            await self._show(first, answer.pictures)
        except discord.HTTPException:  # a command's reply can be edited for a quarter of an hour
            self.message = None
            await self._show(first, answer.pictures)
        for piece in more:
            await self.channel.send(piece)

    async def _show(self, text: str, pictures: tuple[tuple[str, bytes], ...] = ()) -> None:
        files = [discord.File(BytesIO(png), f"{handle}.png") for handle, png in pictures]
        if self.message is None:
            self.message = await self.channel.send(text, files=files)
        else:
            await self.message.edit(content=text, attachments=files)


class Bot(discord.Client):
    """A bot that answers with ``talk`` what is said to it alone, with its name, or as a command."""

    def __init__(self, talk: Talk) -> None:
        called = discord.AllowedMentions.none()  # a reply may quote @everyone
        super().__init__(intents=discord.Intents.default(), allowed_mentions=called)
        self.talk, self.tree = talk, app_commands.CommandTree(self)

        @self.tree.command(description="Draw a picture, or change the last one. 画图，改图")
        async def draw(
            at: discord.Interaction, request: str, picture: discord.Attachment | None = None
        ) -> None:
            if reply := await self._admit(at):
                await talk.say(at.channel_id or 0, request, reply, brought=_brought(picture))

        @self.tree.command(description="Go back to the picture before. 退回一步")
        async def undo(at: discord.Interaction) -> None:
            if reply := await self._admit(at):
                await talk.say(at.channel_id or 0, UNDO[language_for(str(at.locale))], reply)

        @self.tree.command(description="Begin anew. 重新开始")
        async def new(at: discord.Interaction) -> None:
            if reply := await self._admit(at):
                await talk.new(at.channel_id or 0, reply, language_for(str(at.locale)))

    async def setup_hook(self) -> None:
        await self.tree.sync()
        going_on = self.talk.go_on(lambda chat: Sent(self.get_partial_messageable(chat)))
        self._going_on = asyncio.create_task(going_on)

    async def on_message(self, message: discord.Message) -> None:
        assert self.user is not None
        if message.author.bot or not (message.guild is None or self.user in message.mentions):
            return
        if not self.talk.allowed & {message.author.id, message.channel.id}:
            await message.channel.send(say("stranger", "en", id=message.author.id))
            return
        words, files = re.sub(rf"<@!?{self.user.id}>", "", message.content), message.attachments
        brought = _brought(files[0] if files else None)
        await self.talk.say(message.channel.id, words, Sent(message.channel), brought=brought)

    async def _admit(self, at: discord.Interaction) -> Sent | None:
        """The reply to a command; None where it is not for whoever gave it."""
        if self.talk.allowed & {at.user.id, at.channel_id}:
            await at.response.defer(thinking=True)
            shown = await at.original_response()
            return Sent(shown.channel, shown)
        told = say("stranger", language_for(str(at.locale)), id=at.user.id)
        await at.response.send_message(told, ephemeral=True)
        return None


def _brought(file: discord.Attachment | None) -> Brought | None:
    return Brought(file.size, file.read, discord.DiscordException) if file else None


async def serve(talk: Talk, token: str) -> None:
    """Answer until the process is asked to end. Raises `Stopped` where Discord does not take the
    token, or cannot be reached."""
    bot = Bot(talk)
    running = asyncio.create_task(bot.start(token))
    ends = [running, asyncio.create_task(talk.until_asked())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await bot.close()
    try:
        await running
    except discord.LoginFailure:
        raise Stopped("Discord does not know the token in DISCORD_TOKEN.") from None
    except (discord.DiscordException, OSError) as error:
        raise Stopped(f"Discord cannot be reached: {error}.") from None
