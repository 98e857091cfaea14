"""Conversations told straight into a ledger: turns with finished pictures, without any tool."""

from __future__ import annotations

from PIL import Image

from danqing.agent.brief import Brief
from danqing.agent.language import understand
from danqing.agent.ledger import Ledger, step_key
from danqing.agent.lineage import Lineage
from danqing.agent.settling import Asker, Counter, nobody, settle, unseen
from danqing.agent.verdict import Finding, Status, Verdict


class Conversation:
    """A session of ``ledger``; what is said is understood, settled and answered with a picture."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.session = ledger, ledger.new_session()

    @property
    def lineage(self) -> Lineage:
        return Lineage(self.ledger, self.session)

    def brief(self, words: str, ask: Asker = nobody, count: Counter = unseen) -> Brief:
        """What the words are settled to, without a turn."""
        lineage = self.lineage
        brief = understand(words, known_pictures=tuple(lineage.nodes))
        return settle(brief, lineage, lineage.head, ask, count)

    def say(self, words: str, **statuses: Status) -> str | None:
        """Say something; returns the handle of the picture that it led to. Every claim is met but
        those of the kinds in ``statuses``."""
        base, brief = self.lineage.head, self.brief(words)
        turn = self.ledger.begin_turn(self.session, words, {"base": base})
        self.ledger.record_brief(turn, brief.model_dump(mode="json"))
        handle = None
        if brief.intent in ("make", "edit"):
            inputs = {"image": brief.target} if brief.intent == "edit" and brief.target else {}
            key = step_key("draw", {"turn": turn.id}, [], None, "")
            step = self.ledger.begin_step(turn, "draw", {"turn": turn.id}, inputs, None, key)
            dot = Image.new("RGB", (16, 16), (turn.id, 0, 0))
            handle = self.ledger.finish_step(step, [dot], None, {}).pictures[0].handle
            findings = {
                c.id: Finding(status=statuses.get(c.kind, "met"), evidence="", judge="test")
                for c in brief.claims
            }
            verdict = Verdict(findings=findings).model_dump(mode="json")
            self.ledger.record_verdict(turn, handle, verdict)
        self.ledger.end_turn(turn, {"picture": handle})
        return handle
