"""A conversation: what is said, one thing after another, and where that leads.

A session is a chain of turns in the ledger and the place where it stands now; everything here can
be said in words, too. Nothing is kept in memory that the ledger does not hold, so a session goes on
in another process as it was left.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..tools.errors import BadInput
from . import answers, events
from .brief import Brief, Claim, Language
from .language.acts import Act, act_of
from .language.text import language_of
from .lineage import Lineage
from .records import Step
from .settling import Asker, Asking, Question, nobody
from .studio import Options, Studio, TurnDocument, new_seed
from .verdict import Verdict

MOST_VARIANTS = 8


@dataclass(frozen=True)
class Said:
    """The studio's answer: words; the turn, where one was carried out; and the pictures to be
    shown, the one that the conversation stands at now last."""

    words: str
    pictures: tuple[str, ...] = ()
    turn: TurnDocument | None = None


class Session:
    """One conversation with a studio.

    Methods that take ``handle`` raise `ToolError` for one that is not there and `BadInput` for one
    that was deleted; all that run tools raise `Cancelled` and `Stopped` as `Studio.ask` does.
    """

    def __init__(
        self, studio: Studio, options: Options, id: str | None = None, *,
        asking: Asking = "needed", asker: Asker = nobody, cancel: threading.Event | None = None,
    ) -> None:  # fmt: skip
        """Begin a session, or go on with that of ``id``. ``options`` are those of every turn; a
        turn draws a seed of its own. ``cancel`` stops what is said, in the place of the studio's.
        Raises `BadInput` for an ``id`` that is not there."""
        self.studio, self.options = studio, options
        self.asking, self.asker, self.cancel = asking, asker, cancel
        if id is not None:
            studio.ledger.check_session(id)
        self._id = id

    @property
    def id(self) -> str:
        """The session's id; the session is in the ledger once it is asked for."""
        if self._id is None:
            self._id = self.studio.ledger.new_session()
        return self._id

    @property
    def lineage(self) -> Lineage:
        """The pictures so far and how they hang together, as the ledger has them now."""
        return Lineage(self.studio.ledger, self.id)

    @property
    def head(self) -> str | None:
        """The picture that the conversation stands at."""
        return self.lineage.head

    # What is said.

    def say(
        self, words: str, *, seed: int | None = None, listener: events.Listener = events.nobody
    ) -> Said:
        """Carry out what ``words`` ask for: a request, or one of the acts below in words."""
        said = self.act(words, listener=listener)
        return said or _told(self._ask(words, seed, self.head, listener))

    def act(self, words: str, *, listener: events.Listener = events.nobody) -> Said | None:
        """What ``words`` said of the conversation itself, as "undo", lead to; None where they are
        a request."""
        act = act_of(words)
        return None if act is None else self._acted(act, words, listener)

    def _acted(self, act: Act, words: str, listener: events.Listener) -> Said | None:
        """What an act in words leads to; None where it has to be understood as a request."""
        language = language_of(words)
        match act.kind:
            case "undo":
                stood = self.head
                try:
                    for _ in range(act.n or 1):
                        self.undo()
                except BadInput:
                    if self.head != stood:
                        self._stand(stood)
                    raise
                return self._standing(self.head, language)
            case "redo":
                return self._standing(self.redo(), language)
            case "again" if self.head is not None:
                return self.variants(act.n or 1, listener=listener)
            case "show":
                found = self._meant(act.reference or "last")
                return Said(answers.shown(found, language), (found,))
            case "go":
                return self._standing(self.go(self._meant(act.reference or "last")), language)
            case "compare":
                other = self._meant(act.reference or "previous")
                return self.compare(other, self._here(), language)
            case "account":
                return Said(self._account(language))
            case "accept" if self.head is not None:
                return Said(answers.accepted(self.head, language))
        return None

    def variants(
        self, n: int = 1, *, handle: str | None = None, listener: events.Listener = events.nobody
    ) -> Said:
        """Draw ``n`` more pictures of what was asked for, beside one: the head, if left out.

        Raises `BadInput` for more than `MOST_VARIANTS`, and where nothing was drawn yet.
        """
        if not 1 <= n <= MOST_VARIANTS:
            raise BadInput(f"{n} variants cannot be drawn at once; 1 to {MOST_VARIANTS} can.")
        of = self._here() if handle is None else handle
        node = self.lineage.nodes.get(of)
        if node is None or node.brief is None or node.brief.intent not in ("make", "edit"):
            raise BadInput(f"{of} was not drawn here, so there is nothing to draw again.")
        made = [self._ask(node.request, None, node.base, listener, node.brief) for _ in range(n)]
        pictures = [turn.picture.handle for turn in made if turn.picture is not None]
        words = answers.variants(of, pictures, language_of(node.request))
        return Said(words, (of, *pictures), made[-1])

    def _ask(
        self, words: str, seed: int | None, base: str | None, listener: events.Listener,
        brief: Brief | None = None,
    ) -> TurnDocument:  # fmt: skip
        options = replace(self.options, base=base, seed=new_seed() if seed is None else seed)
        return self.studio.ask(
            words, options, session=self.id, brief=brief, listener=listener, asker=self._asks,
            cancel=self.cancel,
        )  # fmt: skip

    def _asks(self, question: Question) -> int:
        if self.asking == "never" or (question.kind == "style" and self.asking != "often"):
            return question.default
        return self.asker(question)

    def use(
        self, tool: str, arguments: Mapping[str, Any], *,
        listener: events.Listener = events.nobody,
    ) -> Step:  # fmt: skip
        """Run one tool, as `Studio.use` does, from where the conversation stands."""
        options = replace(self.options, base=self.head)
        return self.studio.use(
            tool, arguments, options, self.id, listener=listener, cancel=self.cancel
        )

    # Going about.

    def open(self, file: bytes | Path, name: str = "picture") -> str:
        """Take in a picture of the user's own and stand at it; returns its handle. ``name`` is what
        bytes are called.

        Raises `BadInput` for what is no picture, or too large.
        """
        name = file.name if isinstance(file, Path) else name
        return self.studio.take_in(file, name, replace(self.options, base=self.head), self.id)

    def undo(self) -> str | None:
        """Stand where the conversation stood before; None is before its first picture."""
        return self._stand(self.lineage.before())

    def redo(self) -> str | None:
        """Take the newest step that was undone."""
        return self._stand(self.lineage.after())

    def go(self, handle: str) -> str | None:
        """Stand at any picture of the session."""
        if handle not in self.lineage.nodes:
            self.studio.ledger.picture(handle)
            raise BadInput(f"{handle} is no picture of this conversation, or was deleted.")
        return self._stand(handle)

    def delete(self, handle: str) -> tuple[list[str], int]:
        """Delete a picture and all that was made from it, and the drafts of their turns.

        Returns the deleted pictures of the tree and how many files went. The conversation then
        stands at what the first was made from.
        """
        lineage = self.lineage
        if handle not in lineage.nodes:
            raise BadInput(f"{handle} is no picture of this conversation, or was deleted.")
        branch = lineage.branch(handle)
        stays = set(lineage.nodes) - set(branch)
        ledger = self.studio.ledger
        of_turns = {
            picture.handle
            for one in branch
            for picture in ledger.turn(lineage.nodes[one].turn).pictures
        }
        parent, head = lineage.nodes[handle].parent, lineage.head
        gone = ledger.forget(self.id, (of_turns | set(branch)) - stays)
        for one in branch:  # the copy that the user was given, where no other name was asked for
            (self.studio.home.pictures / f"{one}.png").unlink(missing_ok=True)
        self._stand(head if head not in branch else parent if parent in stays else None)
        return branch, gone

    def compare(self, one: str, other: str, language: Language = "en") -> Said:
        """What differs between two pictures, in numbers."""
        gone = self.studio.ledger.forgotten(self.id) & {one, other}
        if gone:
            raise BadInput(f"{min(gone)} was deleted.")
        images = {name: self.studio.image(h) for name, h in (("image", one), ("other", other))}
        if images["image"].size != images["other"].size:
            sizes = [f"{h}: {i.width}×{i.height}" for h, i in zip((one, other), images.values(),
                                                                  strict=True)]  # fmt: skip
            return Said(answers.sizes_differ(sizes, language), (one, other))
        made = self.studio.engine.call("compare", {}, images, cancel=self.cancel)
        value = made.value or {}
        return Said(answers.compared(one, other, value, language), (one, other))

    # Inside.

    def _stand(self, handle: str | None) -> str | None:
        self.studio.ledger.stand_at(self.id, handle)
        return handle

    def _standing(self, handle: str | None, language: Language) -> Said:
        return Said(answers.standing_at(handle, language), () if handle is None else (handle,))

    def _here(self) -> str:
        head = self.head
        if head is None:
            raise BadInput("There is no picture yet.")
        return head

    def _meant(self, words: str) -> str:
        found = self.lineage.meant(words)
        if not found:
            raise BadInput(f"There is no such picture in this conversation: {words}.")
        if len(found) > 1:
            chosen = self._asks(Question("picture", tuple(found)))
            return found[chosen if 0 <= chosen < len(found) else 0]
        return found[0]

    def _account(self, language: Language) -> str:
        """What was done in the last turn that did anything, and why."""
        ended = [t for t in self.lineage.turns if (t.outcome or {}).get("cost", {}).get("calls")]
        turns = [t for t in ended if t.brief and t.brief["intent"] in ("make", "edit")]
        if not turns:
            return answers.account(None, (), language)
        turn = self.studio.document(turns[-1].id)
        missed: list[Claim] = []
        if turn.brief is not None and (given := self.studio.ledger.verdicts(turn.turn)):
            first = Verdict.model_validate(given[0].verdict)
            wrong = first.with_status("unmet") | first.with_status("unsure")
            missed = [claim for claim in turn.brief.claims if claim.id in wrong]
        return answers.account(turn, missed, language)


def _told(turn: TurnDocument) -> Said:
    pictures: Sequence[str] = [turn.picture.handle] if turn.picture is not None else []
    return Said(turn.reply, tuple(pictures), turn)
