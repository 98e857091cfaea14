"""What one turn asks of its language model: within the turn's budget, once, and again where the
answer cannot be taken.

A reply that is refused goes back with one precise error. Replies that were taken are in the ledger,
so a turn that was cut short hears the same again, and nobody is asked twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import uuid4

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
from .reach import LEAST, Gone, Hear, Reach, Reply, Terms, Unreachable, tokens_asked

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CORRECTIONS_A_CALL, CORRECTIONS_A_TURN = 2, 6
LONGEST = 90.0
"""Seconds that one answer may take."""
SHARE = 0.5
"""The share of the turn's remaining seconds that one answer may take: drawing needs some, too."""
What = Literal["understand", "plan", "repair", "talk"]
WORDS: Mapping[What, int] = {"understand": 4096, "plan": 2048, "repair": 2048, "talk": 2048}
"""The most tokens of what is said: a full form of forty claims and as many changes, a dozen calls,
an answer in Chinese of as many characters as may be."""
THOUGHTS = 8192
"""More tokens, for those who think first: what they think counts as said, and nobody tells who they
are. At a usual hundred a second as many come as `LONGEST` lets come."""
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

    def took(self) -> Sequence[Json]:
        """All that is kept of the turn: what it took is counted, whether it is asked for or not."""
        return self.ledger.replies(self.turn)


class Exchange:
    """The asking of one turn; without a ``memory``, of something that is never gone on with."""

    def __init__(
        self, reach: Reach | Gone, memory: Memory | None, spent: Spent, cancel: threading.Event
    ) -> None:
        self.reach = reach
        self._memory, self._spent, self._cancel = memory, spent, cancel
        self._price = price()
        self._corrections = 0
        for kept in () if memory is None else memory.took():  # of a turn that was cut short
            self._count(kept["asked"], kept["said"], kept.get("money"))

    def ask(
        self, what: What, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]],
        take: Callable[[Reply], Taken], language: Language, hear: Hear,
    ) -> Taken:  # fmt: skip
        """What ``take`` makes of a reply to ``what``; it raises `ToolError` or a ValueError, such
        as `Refused`, for one that cannot be taken.

        Raises `GaveUp` when no reply came, or none that could be taken, or the budget is spent.
        """
        from langchain_core.messages import AIMessage, HumanMessage

        messages = list(messages)
        # The project's own model has learned to answer requests, and not to heed corrections.
        most = 0 if self.reach.address.kind == OWN else CORRECTIONS_A_CALL
        for correction in range(most + 1):
            reply = self._reply(what, messages, tools, hear)
            if reply.declined is not None:  # nothing that it can mend
                raise GaveUp(f"it declined to answer: {reply.declined}")
            try:
                if reply.most is not None:
                    raise Refused(
                        f"your reply was cut at {reply.most} tokens, thinking included; give a"
                        " shorter one, whole"
                    )
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
        self, what: What, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]],
        hear: Hear,
    ) -> Reply:  # fmt: skip
        key = digest(
            [self.reach.address.name, [[m.type, m.content] for m in messages], list(tools)]
        )
        known = None if self._memory is None else self._memory.find(key)
        if known is not None:
            return Reply.read(known)
        asked = tokens_asked(messages, tools)

        def room() -> int:
            return min(WORDS[what] + THOUGHTS, self._room(asked))

        room()
        seconds = min(LONGEST, SHARE * self._spent.seconds_left)
        terms = Terms(seconds, room, self._lost, self._cancel, hear)
        try:
            reply = self.reach.ask(messages, tools, terms)
        except Unreachable as error:
            raise GaveUp(str(error)) from error
        money = self._count(reply.asked, reply.said)
        if self._memory is not None:
            self._memory.keep(key, {**reply.as_json(), "money": money})
        return reply

    def _lost(self, asked: int, said: int) -> None:
        """Count what a try took that failed; whoever goes on with the turn counts it, too."""
        money = self._count(asked, said)
        if self._memory is not None and (asked or said):
            told = {"asked": asked, "said": said, "money": money}
            self._memory.keep(f"lost-{uuid4().hex}", told)

    def _count(self, asked: int, said: int, money: float | None = None) -> float:
        """Count tokens, and the ``money`` that was paid for them, if that is on record."""
        if money is None:
            money = self._price[0] * asked + self._price[1] * said
        self._spent.tokens += asked + said
        self._spent.money += money
        return money

    def _room(self, asked: int) -> int:
        """How many tokens may be said to what takes about ``asked``. Raises `GaveUp` where there is
        no room for an answer."""
        spent, (ask, say) = self._spent, self._price
        tokens = spent.budget.tokens - spent.tokens - asked
        if tokens < LEAST:
            raise GaveUp("the budget of tokens is spent")
        money = spent.budget.money - spent.money - ask * asked
        if money < say * LEAST:
            raise GaveUp("the budget of money is spent")
        if spent.seconds_left < 1:
            raise GaveUp("the budget of seconds is spent")
        return min(tokens, int(money / say)) if say else tokens
