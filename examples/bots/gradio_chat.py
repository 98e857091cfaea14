"""The studio as a page to chat with.

    pip install 'gradio>=6'
    python examples/bots/gradio_chat.py [--home FOLDER] [--port 7860]

The page is for this machine, http://127.0.0.1:7860, and each visit is a session of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing is sent anywhere

import gradio as gr

from danqing import DanqingError, Options, Session, Studio, TurnDocument
from danqing.agent.events import Phase, Working


def shown(words: str, pictures: list[Path]) -> list[gr.ChatMessage]:
    """An answer as the page shows it."""
    messages = [gr.ChatMessage(content={"path": str(picture)}) for picture in pictures]
    return [*messages, gr.ChatMessage(content=words)]


def busy(title: str) -> gr.ChatMessage:
    """What is shown meanwhile; a new one each time, since changes to an old one are not seen."""
    return gr.ChatMessage(content="", metadata={"title": title, "status": "pending"})


class Page:
    """The page of a studio."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    async def answer(
        self, message: dict[str, Any], history: list[Any], session: str | None
    ) -> AsyncIterator[tuple[Any, str]]:
        """The answers to a message, one in the place of the other, and the visit's session."""
        talk = await asyncio.to_thread(Session, self.studio, Options(seed=0), session)
        words = message["text"]
        try:
            for file in message["files"]:
                handle = await asyncio.to_thread(talk.open, Path(file))
                if not words:
                    yield shown(f"{handle} is your picture; what is to be done?", []), talk.id
            if not words:
                return
            yield busy("working …"), talk.id
            said = await asyncio.to_thread(talk.act, words)  # "undo", "three more", …
            if said is not None:
                pictures = [self.studio.save(handle) for handle in said.pictures]
                yield shown(said.words, pictures), talk.id
                return
            title = "working"
            async for event in self.studio.stream(words, session=talk.id):
                match event:
                    case Phase(title):
                        yield busy(f"{title} …"), talk.id
                    case Working(now):
                        yield busy(f"{title} {now.done}/{now.total}"), talk.id
                    case TurnDocument(reply=reply, picture=picture):
                        yield shown(reply, [Path(picture.path)] if picture else []), talk.id
        except DanqingError as error:
            yield shown(str(error), []), talk.id

    def blocks(self) -> gr.ChatInterface:
        """The page itself."""
        session = gr.State(None)
        return gr.ChatInterface(
            self.answer, multimodal=True, title="Danqing 丹青", api_name="chat",
            additional_inputs=[session], additional_outputs=[session],
            examples=[[{"text": "a red house and two trees, a winter night"}],
                      [{"text": "海边有一艘红色的帆船"}]],
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", help="where everything is kept, if not in the usual place")
    parser.add_argument("--port", type=int, default=7860)
    args = parser.parse_args()
    with Studio(args.home, batching=True) as studio:
        studio.warm_up()
        page = Page(studio).blocks()
        page.queue(default_concurrency_limit=4)
        page.launch(server_port=args.port, allowed_paths=[str(studio.home.pictures)])


if __name__ == "__main__":
    main()
