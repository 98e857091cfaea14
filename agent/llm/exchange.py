"""What one turn asks of its language model: within the turn's budget, once, and again where the
answer cannot be taken.

A reply that is refused goes back with one precise error. Replies that were taken are in the ledger,
so a turn that was cut short hears the same again, and nobody is asked twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...prompts import render
from ...tools.errors import ToolError
from ..brief import Language
from ..budget import Spent
from ..canonical import digest
from ..ledger import Ledger
from ..records import Json, Turn
from ..reply import plain
from .address import OWN, price
from .door import Refused, tame
from .reach import Hear, Reach, Reply, Unreachable, tokens_asked

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CORRECTIONS_A_CALL, CORRECTIONS_A_TURN = 2, 6
LONGEST = 90.0
"""Seconds that one answer may take."""
SHARE = 0.5
"""The share of the turn's remaining seconds that one answer may take: drawing needs some, too."""
LONGEST_WHY = 1000
"""Characters of why a reply is refused."""
_SHOWN = 600
"""Characters of a refused reply that are shown to who wrote it."""

Taken = TypeVar("Taken")


class GaveUp(Exception):
    """The language model is of no use for the rest of the turn; the message says why."""


@dataclass(frozen=True)
class Memory:
    """The replies that were taken already in a turn, by what was asked: its ledger has them."""

    ledger: Ledger
    turn: Turn

    def find(self, key: str) -> Json | None:
        return self.ledger.reply(self.turn, key)

    def keep(self, key: str, reply: Json) -> None:
        self.ledger.record_reply(self.turn, key, reply)


class Exchange:
    """The asking of one turn; without a ``memory``, of something that is never gone on with."""

    def __init__(
        self, reach: Reach, memory: Memory | None, spent: Spent, cancel: threading.Event
    ) -> None:
        self.reach = reach
        self._memory, self._spent, self._cancel = memory, spent, cancel
        self._price = price()
        self._corrections = 0

    def ask(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]],
        take: Callable[[Reply], Taken], language: Language, hear: Hear,
    ) -> Taken:  # fmt: skip
        """What ``take`` makes of a reply; it raises `ToolError` or a ValueError, such as
        `Refused`, for one that cannot be taken.

        Raises `GaveUp` when no reply came, or none that could be taken, or the budget is spent.
        """
        from langchain_core.messages import AIMessage, HumanMessage

        messages = list(messages)
        # The project's own model has learned to answer requests, and not to heed corrections.
        most = 0 if self.reach.address.kind == OWN else CORRECTIONS_A_CALL
        for correction in range(most + 1):
            reply = self._reply(messages, tools, hear)
            try:
                if reply.cut:
                    raise Refused("the reply ends before its end; give a shorter one, whole")
                return take(reply)
            except (ToolError, ValueError) as error:
                why = tame(str(error))[:LONGEST_WHY]
            self._corrections += 1
            if correction == most or self._corrections > CORRECTIONS_A_TURN:
                break
            said = "\n".join([reply.text, *(f"{c.name}({c.arguments})" for c in reply.calls)])
            messages += [
                AIMessage(said.strip()[:_SHOWN] or "(nothing)"),
                HumanMessage(render(f"llm-refused.{language}", why=why)),
            ]
        raise GaveUp(f"its replies could not be taken: {self.reach.address.clean(plain(why))}")

    def _reply(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], hear: Hear
    ) -> Reply:
        key = digest(
            [self.reach.address.name, [[m.type, m.content] for m in messages], list(tools)]
        )
        known = None if self._memory is None else self._memory.find(key)
        if known is not None:
            reply = Reply.read(known)
        else:
            self._check_budget(messages, tools)
            try:
                seconds = min(LONGEST, SHARE * self._spent.seconds_left)
                reply = self.reach.ask(messages, tools, seconds, self._cancel, hear)
            except Unreachable as error:
                raise GaveUp(str(error)) from error
            if self._memory is not None:
                self._memory.keep(key, reply.as_json())
        asked, said = self._price
        self._spent.tokens += reply.asked + reply.said
        self._spent.money += asked * reply.asked + said * reply.said
        return reply

    def _check_budget(
        self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]
    ) -> None:
        """Raises `GaveUp` where there is no room for asking."""
        spent = self._spent
        asked = tokens_asked(messages, tools)
        if spent.tokens + asked > spent.budget.tokens:
            raise GaveUp("the budget of tokens is spent")
        if spent.money + asked * self._price[0] > spent.budget.money:
            raise GaveUp("the budget of money is spent")
        if spent.seconds_left < 1:
            raise GaveUp("the budget of seconds is spent")
