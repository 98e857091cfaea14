"""What the user is told, written from the ledger and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from ..prompts import render
from .brief import Brief, Claim, Language
from .verdict import Status, Verdict
from .wording import Note

_STATUS: dict[Language, dict[Status, str]] = {
    "en": {"met": "Met", "unmet": "Not met", "unsure": "Not sure", "unseen": "Nobody could check"},
    "zh": {"met": "满足", "unmet": "未满足", "unsure": "拿不准", "unseen": "没法核对"},
}
_JOIN: dict[Language, str] = {"en": ", ", "zh": "、"}


def describe(claim: Claim) -> str:
    """The claim in a few English words: "tree left of house", "2 × tree", "no person"."""
    which = f"{claim.color} {claim.subject}" if claim.color else f"{claim.subject}"
    match claim.kind:
        case "object":
            return f"{claim.value} {which}" if claim.value else which
        case "count":
            return f"{claim.value} × {which}" if claim.value != "several" else f"several {which}"
        case "color":
            return f"{claim.subject} is {claim.value}"
        case "relation":
            other = f"{claim.object_color} {claim.object}" if claim.object_color else claim.object
            both = f" and {claim.object2}" if claim.object2 else ""
            return f"{which} {claim.value} {other}{both}"
        case "place":
            return f"{which} at the {claim.value}"
        case "absent":
            return f"no {which}"
        case "kept":
            return f"{which} as it was"
        case "size":
            return f"{claim.value} {which}"
        case "text":
            return f"the words “{claim.value}”"
        case _:
            return f"{claim.kind}: {claim.value}"


def finished(
    brief: Brief, handle: str, verdict: Verdict, tried: int, notes: Sequence[Note]
) -> str:
    """The reply to a request that ended with a picture."""
    language = brief.language
    if not brief.claims:
        first = render(f"no-claims.{language}", picture=handle)
    elif verdict.satisfied:
        first = render(f"satisfied.{language}", picture=handle, total=len(brief.claims))
    else:
        first = render(
            f"unsatisfied.{language}", picture=handle, total=len(brief.claims), tried=tried,
            met=len(verdict.with_status("met")), rest=_rest(brief, verdict),
        )  # fmt: skip
    return "\n".join([first, *(_noted(note, language) for note in notes)])


def beyond(brief: Brief, notes: Sequence[Note]) -> str:
    """The reply to a request of which the painter knows nothing."""
    language = brief.language
    asked = _JOIN[language].join(f"“{note.asked}”" for note in notes if note.drawn is None)
    things = list(dict.fromkeys(thing for note in notes for thing in note.nearest))
    nearest = render(f"nearest.{language}", things=_JOIN[language].join(things)) if things else ""
    text = render(f"beyond.{language}", asked=asked, nearest=nearest)
    return "\n".join(line for line in text.splitlines() if line)


def unfinished(language: Language, why: str) -> str:
    """The reply to a request that ended without a picture."""
    return render(f"nothing-drawn.{language}", why=why)


def _rest(brief: Brief, verdict: Verdict) -> str:
    parts = []
    for status in ("unmet", "unsure", "unseen"):
        ids = verdict.with_status(status)
        if ids:
            claims = _JOIN[brief.language].join(describe(c) for c in brief.claims if c.id in ids)
            parts.append(f"{_STATUS[brief.language][status]}: {claims}.")
    return " ".join(parts)


def _noted(note: Note, language: Language) -> str:
    if note.drawn is not None:
        return render(f"note-instead.{language}", asked=note.asked, drawn=note.drawn)
    return render(f"note-left-out.{language}", asked=note.asked)
