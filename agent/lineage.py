"""The pictures of one conversation: where it stands, how it came there, and what words mean which.

Every finished picture of a session, and every picture that was brought to it, is a node; its parent
is the picture that it was made from, and a picture that was drawn from words alone is a root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from ..tools.errors import BadInput
from .brief import Brief
from .ledger import Ledger
from .records import TurnRecord

UPLOAD = "upload"
"""The name of the step that takes in a picture of the user's own."""


@dataclass(frozen=True)
class Node:
    """One picture of a conversation: the turn that it came from, what was asked for in it, and the
    picture it was made from, None for a root. ``base`` is where the conversation stood before."""

    handle: str
    turn: int
    request: str
    parent: str | None
    base: str | None
    brief: Brief | None


class Lineage:
    """The lineage of one session as the ledger has it now; it is read once, so make a new one after
    the ledger has changed."""

    def __init__(self, ledger: Ledger, session: str, before: int | None = None) -> None:
        """With ``before``, only what came before the turn of that id."""
        self.ledger, self.session, self._before = ledger, session, before

    @cached_property
    def turns(self) -> list[TurnRecord]:
        """The turns without their steps, oldest first."""
        turns = self.ledger.outlines(self.session)
        return [turn for turn in turns if self._before is None or turn.id < self._before]

    @cached_property
    def briefs(self) -> list[Brief]:
        """What was asked, oldest first."""
        return [Brief.model_validate(turn.brief) for turn in self.turns if turn.brief]

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The pictures that are still there by handle, in the order they came."""
        gone = self.ledger.forgotten(self.session)
        nodes: dict[str, Node] = {}
        for node in chain.from_iterable(map(_nodes, self.turns)):
            if node.handle not in gone:
                nodes.setdefault(node.handle, node)
        there = self.ledger.there(nodes)  # one may have been of a session that was deleted
        return {handle: node for handle, node in nodes.items() if handle in there}

    @cached_property
    def head(self) -> str | None:
        """Where the conversation stands: a handle, or None before its first picture."""
        places = [place for place in self.ledger.places(self.session) if self._is_there(place)]
        if places:
            return places[-1]
        return next(reversed(self.nodes), None)

    def _is_there(self, place: str | None) -> bool:
        return place is None or place in self.nodes

    def children(self, handle: str | None) -> list[str]:
        """The pictures that were made from one, oldest first; those of None are the roots."""
        there = self.nodes
        return [n.handle for n in there.values() if self._standing_parent(n) == handle]

    def _standing_parent(self, node: Node) -> str | None:
        """The nearest picture it came from that is still there."""
        return node.parent if node.parent in self.nodes else None

    def branch(self, handle: str) -> list[str]:
        """A picture and all that was made from it, and from those, parents first."""
        found = [handle]
        for other in found:
            found += [child for child in self.children(other) if child not in found]
        return found

    def tree(self) -> Iterator[tuple[int, Node]]:
        """(depth, node) of every picture, each under the one it was made from."""
        waiting = [(0, handle) for handle in reversed(self.children(None))]
        while waiting:
            depth, handle = waiting.pop()
            yield depth, self.nodes[handle]
            waiting += [(depth + 1, child) for child in reversed(self.children(handle))]

    # Moving about.

    def before(self) -> str | None:
        """Where the conversation stood before it came to its head.

        Raises `BadInput` where nothing came before.
        """
        if self.head is None:
            raise BadInput("There is nothing to undo.")
        base = self.nodes[self.head].base
        return base if base in self.nodes else None

    def after(self) -> str:
        """The newest picture that the conversation came to from its head.

        Raises `BadInput` where nothing was undone.
        """
        found = [n.handle for n in self.nodes.values() if n.base == self.head]
        if not found:
            raise BadInput("There is nothing to redo.")
        return found[-1]

    # Which picture is meant.

    def meant(self, words: str, base: str | None = None) -> list[str]:
        """The pictures that a reference as in ``Brief.target`` can mean, the likeliest first; []
        where there is none. ``base`` is where the conversation stood when it was said."""
        here = self.head if base is None else base
        order = list(self.nodes)
        if not order:
            return []
        if words == "last":
            return [here] if here is not None else [order[-1]]
        if words == "original":
            return self._original(here)
        if words == "previous":
            return self._previous(here)
        if (number := re.fullmatch(r"#(\d+)", words)) is not None:
            return self._numbered(int(number[1]), here)
        if (noun := re.fullmatch(r"(before|with) (.+)", words)) is not None:
            return self._by_noun(noun[1], noun[2], here)
        return [words] if words in self.nodes or self._elsewhere(words) else []

    def _elsewhere(self, handle: str) -> bool:
        """Whether a handle is that of any picture that the session can still use."""
        return (
            self.ledger.may_use(self.session, handle)
            and handle not in self.ledger.forgotten(self.session)
            and self.ledger.store.has(self.ledger.picture(handle).digest)
        )

    def ancestors(self, handle: str | None) -> list[str]:
        """A picture and those it was made from, the youngest first."""
        found: list[str] = []
        while handle is not None and handle in self.nodes and handle not in found:
            found.append(handle)
            handle = self.nodes[handle].parent
        return found

    def siblings(self, handle: str) -> list[str]:
        """The variants of a picture, itself among them: what was drawn for the same words from the
        same place, oldest first."""
        mine = self.nodes[handle]
        alike = [
            n.handle for n in self.nodes.values() if (n.base, n.parent) == (mine.base, mine.parent)
        ]
        return [h for h in alike if _same_claims(self.nodes[h].brief, mine.brief)]

    def _original(self, here: str | None) -> list[str]:
        roots = [self.ancestors(here)[-1]] if here is not None and here in self.nodes else []
        first = next(iter(self.nodes))
        return list(dict.fromkeys([*roots, first]))

    def _previous(self, here: str | None) -> list[str]:
        order = list(self.nodes)
        if here is None or here not in order:
            return order[-1:]
        parent = self.nodes[here].parent
        at = order.index(here)
        came = order[at - 1 : at] if at else []
        return [*dict.fromkeys(p for p in (parent, *came) if p in self.nodes)] or [here]

    def _numbered(self, number: int, here: str | None) -> list[str]:
        order, found = list(self.nodes), []
        variants = self.siblings(here) if here is not None and here in self.nodes else []
        for pictures in (variants if len(variants) > 1 else [], order):
            if 0 < number <= len(pictures):
                found.append(pictures[number - 1])
        return list(dict.fromkeys(found))

    def _by_noun(self, how: str, noun: str, here: str | None) -> list[str]:
        def shows(handle: str) -> bool:
            brief = self.nodes[handle].brief
            return brief is not None and any(
                noun in (claim.subject, claim.value) and claim.kind != "absent"
                for claim in brief.claims
            )

        line = self.ancestors(here) or list(reversed(self.nodes))
        if how == "with":
            near = [h for h in line if shows(h)][:1]
            return list(dict.fromkeys([*near, *(h for h in reversed(self.nodes) if shows(h))]))[:2]
        showing = [shows(h) for h in line]
        if not any(showing):
            return []
        since = len(showing) - 1 - showing[::-1].index(True)
        return line[since + 1 : since + 2]


def _nodes(turn: TurnRecord) -> list[Node]:
    """The pictures that a turn handed over; only a recipe's may be several."""
    outcome = turn.outcome or {}
    if (handle := outcome.get("picture")) is None:
        return []
    brief = Brief.model_validate(turn.brief) if turn.brief else None
    base = turn.options.get("base")
    edited = brief is not None and brief.intent == "edit"
    parent = brief.target if brief is not None and edited else None
    handles = dict.fromkeys([handle, *outcome.get("outputs", {}).values()])
    return [Node(handle, turn.id, turn.request, parent, base, brief) for handle in handles]


def _same_claims(a: Brief | None, b: Brief | None) -> bool:
    def said(brief: Brief | None) -> Sequence[object] | None:
        return None if brief is None else [claim.key for claim in brief.claims]

    return said(a) == said(b)
