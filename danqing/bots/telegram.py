"""The studio in Telegram: ``danqing bot telegram``. https://core.telegram.org/bots/api"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from telegram import Bot, Message, Update
from telegram.error import BadRequest, InvalidToken, TelegramError
from telegram.ext import Application, ApplicationBuilder, MessageHandler, filters

from ..tools.errors import Stopped
from ..words import say
from .talk import UNDO, Answer, Brought, Talk, language_for, pieces

API = "https://api.telegram.org"
CAPTION, TEXT = 1024, 4096
"""The most characters below a picture, and in a message."""


@dataclass
class Sent:
    """A reply in a chat: a message that is edited, and then pictures in its place."""

    bot: Bot
    chat: int
    message: Message | None = None

    async def tell(self, text: str) -> None:
        with suppress(TelegramError):  # what it comes to is told all the same
            if self.message is None:
                self.message = await self.bot.send_message(self.chat, text)
            else:
                await self.message.edit_text(text)

    async def give(self, answer: Answer) -> None:
        words = answer.words
        for left, (handle, png) in enumerate(answer.pictures, 1 - len(answer.pictures)):
            caption = words if left == 0 and len(words) <= CAPTION else None
            named: dict[str, Any] = {"caption": caption, "filename": f"{handle}.png"}
            try:
                await self.bot.send_photo(self.chat, png, **named)
            except BadRequest:  # of a photo's size it is not
                await self.bot.send_document(self.chat, png, **named)
            words = words if caption is None else ""
        for piece in pieces(words, TEXT):
            await self.bot.send_message(self.chat, piece)
        if self.message is not None:
            with suppress(TelegramError):
                await self.message.delete()


def application(talk: Talk, token: str) -> Application:
    """The bot that has a token and answers with ``talk``."""

    async def heard(update: Update, _: Any) -> None:
        message = update.message
        assert message is not None  # nothing else is asked for
        chat, user = message.chat.id, message.from_user
        language = language_for(user.language_code if user else None)
        said = message.text or message.caption or ""
        command, _, words = said.partition(" ")
        reply = Sent(message.get_bot(), chat)
        if not talk.allowed & {chat, chat if user is None else user.id}:
            await reply.give(Answer(say("stranger", language, id=chat)))
        elif not command.startswith("/"):
            await talk.say(chat, said, reply, language=language, brought=_brought(message))
        else:
            match command[1:].partition("@")[0]:  # in groups a bot's name may follow
                case "draw":
                    await talk.say(chat, words, reply, language=language)
                case "undo":
                    await talk.say(chat, UNDO[language], reply)
                case "new":
                    await talk.new(chat, reply, language)
                case _:
                    await reply.give(Answer(say("bot hello", language)))

    building = ApplicationBuilder().token(token).base_url(f"{API}/bot")
    made = building.base_file_url(f"{API}/file/bot").concurrent_updates(True).build()
    made.add_handler(MessageHandler(filters.TEXT | filters.PHOTO | filters.Document.IMAGE, heard))
    return made


def _brought(message: Message) -> Brought | None:
    found = message.photo[-1] if message.photo else message.document
    if found is None:
        return None

    async def read() -> bytearray:
        return await (await found.get_file()).download_as_bytearray()

    return Brought(found.file_size or 0, read, TelegramError)


async def serve(talk: Talk, token: str) -> None:
    """Answer until the process is asked to end. Raises `Stopped` where Telegram does not take the
    token, or cannot be reached."""
    for name in ("telegram", "httpx", "httpcore"):  # they log addresses, which hold the token
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        async with application(talk, token) as bot:
            assert bot.updater is not None
            await bot.updater.start_polling(allowed_updates=["message"])
            await bot.start()
            going_on = bot.create_task(talk.go_on(lambda chat: Sent(bot.bot, chat)))
            await talk.until_asked()
            await bot.updater.stop()
            await bot.stop()
            await going_on
    except InvalidToken:  # its message holds the token
        raise Stopped("Telegram does not know the token in TELEGRAM_TOKEN.") from None
    except TelegramError as error:
        told = str(error).replace(token, "…")
        raise Stopped(f"Telegram cannot be reached: {told}.") from None
