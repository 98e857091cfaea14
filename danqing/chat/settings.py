"""What is set for the requests to come; each command tells its setting, changed or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..words import say, sent

if TYPE_CHECKING:
    from ..agent.settling import Asking
    from .conversation import Conversation

LEVELS: tuple[Asking, ...] = ("never", "needed", "often")


def seed(chat: Conversation, arguments: list[str]) -> None:
    """Fix the seed of all drawing to come, or tell it."""
    if arguments:
        seed = None if arguments[0] in ("random", "随机") else number(arguments[0])
        if seed is not None:
            replace(chat.session.options, seed=seed)  # refuses what is no seed
        chat.seed = seed
    word = "seed random" if chat.seed is None else "seed"
    print(say(word, chat.language, n=chat.seed))


def size(chat: Conversation, arguments: list[str]) -> None:
    """Set the size of pictures, or tell it."""
    from ..commands import read_size

    if arguments:
        chat.session.options = replace(chat.session.options, size=read_size(arguments[0]))
    width, height = chat.session.options.size
    print(say("size", chat.language, w=width, h=height))


def budget(chat: Conversation, arguments: list[str]) -> None:
    """Set the most that a request may use, or tell it."""
    from ..agent.budget import Budget

    if arguments:
        budget = Budget.parse(arguments[0])
        chat.session.options = replace(chat.session.options, budget=budget)
    told = ", ".join(f"{k}={v:g}" for k, v in vars(chat.session.options.budget).items())
    print(say("budget", chat.language, list=told))


def planner(chat: Conversation, arguments: list[str]) -> None:
    """Set who plans and whether they see pictures, or tell it."""
    from ..agent.llm.address import Address
    from ..commands import read_llm
    from ..tools.errors import BadInput

    if arguments:
        name, *rest = arguments
        if rest not in ([], ["sees"], ["看图"]):
            raise BadInput(f"Cannot read {' '.join(rest)!r}.", hint="Say: /llm NAME sees")
        llm = read_llm(name)
        Address.parse(llm)  # one that cannot plan is not taken
        chat.session.options = replace(chat.session.options, llm=llm, llm_sees=bool(rest))
    options = chat.session.options
    address = Address.parse(options.llm)
    told = sent(address, options.llm_sees, chat.language)
    print(say("planner now", chat.language, name=address.name, sent=told))


def asking(chat: Conversation, arguments: list[str]) -> None:
    """Set when to ask the person, or tell it."""
    from ..tools.errors import BadInput

    if arguments:
        for level in LEVELS:
            if arguments[0] in (level, say(level, "zh")):
                chat.session.asking = level
                break
        else:
            raise BadInput(f"{arguments[0]!r} is no level.", hint=f"One of {', '.join(LEVELS)}.")
    print(say("ask", chat.language, level=say(chat.session.asking, chat.language)))


def number(text: str) -> int:
    """A whole number; `BadInput` for anything else."""
    from ..tools.errors import BadInput

    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise BadInput(f"{text[:40]!r} is no whole number.")
    return int(text)
