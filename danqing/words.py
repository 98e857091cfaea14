"""The few words that the terminal itself says, in the languages a request can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent.brief import Brief, Claim, Language
    from .agent.verdict import Finding

MARKS = {"met": "✓", "unmet": "✗", "unsure": "?", "unseen": "–"}
STYLES = {"met": "green", "unmet": "red", "unsure": "yellow", "unseen": "bright_black"}

_WORDS: dict[str, tuple[str, str]] = {
    "understanding": ("understanding", "理解"),
    "planning": ("planning", "计划"),
    "drawing": ("drawing", "作画"),
    "repairing": ("repairing, round {n}", "修改，第 {n} 轮"),
    "looking": ("looking", "察看"),
    "finishing": ("finishing", "收尾"),
    "answering": ("answering", "回答"),
    "loading": ("getting the models ready", "准备模型"),
    "left": ("{n} s left", "还需 {n} 秒"),
    "best": ("best so far {handle}: {met} of {total}", "目前最好 {handle}：{met}/{total}"),
    "stopping": (
        "stopping after this step; Ctrl-C again leaves at once",
        "做完这一步就停；再按一次 Ctrl-C 立即退出",
    ),
    "claim": ("asked for", "要求"),
    "evidence": ("what was seen", "所见"),
}


def say(word: str, language: Language, **values: object) -> str:
    """One of the terminal's words, filled in."""
    return _WORDS[word][language == "zh"].format(**values)


def asked(claim: Claim, language: Language) -> str:
    """The claim as the person will know it again: in Chinese with their own words before it."""
    from .agent.reply import describe

    if language == "zh" and claim.source:
        return f"{claim.source} ({describe(claim)})"
    return describe(claim)


def rows(brief: Brief, verdict: dict[str, Finding]) -> list[tuple[str, str, str]]:
    """(status, claim, evidence) of every claim, in the Brief's order."""
    return [
        (verdict[claim.id].status, asked(claim, brief.language), verdict[claim.id].evidence)
        for claim in brief.claims
        if claim.id in verdict
    ]
