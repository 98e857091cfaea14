"""What the user is told, written from the ledger and from nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from ..prompts import render
from ..tools.registry import THRIFT
from .brief import Brief, Claim, Language
from .evidence import in_chinese as _zh
from .groups import Note
from .verdict import Status, Verdict

REPEATED = "the same call came up again and again"
FAILED = "a tool failed"
SMALL = "the picture stays small"
ACCEPTED = "you took the best so far"
NOT_THERE = "there is no picture to change"

_STATUS: dict[Language, dict[Status, str]] = {
    "en": {"met": "Met", "unmet": "Not met", "unsure": "Not sure", "unseen": "Nobody could check"},
    "zh": {"met": "满足", "unmet": "未满足", "unsure": "拿不准", "unseen": "没法核对"},
}
_JOIN: dict[Language, str] = {"en": ", ", "zh": "、"}
_WHY_ZH = {
    "the budget of steps is spent": "步数的预算用完了",
    "the budget of seconds is spent": "时间的预算用完了",
    "the budget of pictures is spent": "张数的预算用完了",
    "the budget of tokens is spent": "词元的预算用完了",
    "the budget of money is spent": "费用的预算用完了",
    REPEATED: "同一个调用一再出现",
    FAILED: "有个工具没能完成",
    SMALL: "画没有放大",
    "it would no longer meet what it meets": "放大后会丢掉已经满足的要求",
    "no repair is left to try": "能试的办法都试过了",
    "nothing asked for can be painted": "要求的东西都画不了",
    "no painter can run, since its model is not here": "没有能用的画师：模型不在这里",
    "no judge can see the rest": "剩下的要求没有模型能看出来",
    "the picture was cut to its shape": "画按尺寸裁过",
    "no picture was drawn": "没有画出任何画",
    NOT_THERE: "还没有可以改的画",
    ACCEPTED: "您选定了目前最好的一幅",
}


def describe(claim: Claim, language: Language = "en") -> str:
    """The claim in a few words: "tree left of house", "2 × tree"; 「树在房子左边」."""
    return _describe_zh(claim) if language == "zh" else _describe_en(claim)


def _describe_en(claim: Claim) -> str:
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


def _describe_zh(claim: Claim) -> str:
    which, value = _named_zh(claim.subject, claim.color), _zh(claim.value)
    match claim.kind:
        case "object":
            return f"{value} {which}" if claim.value else which
        case "count":
            return f"{'若干' if claim.value == 'several' else claim.value} × {which}"
        case "color":
            return f"{which}是{value}"
        case "relation":
            other = _named_zh(claim.object, claim.object_color)
            both = f"和{_zh(claim.object2)}" if claim.object2 else ""
            return f"{which}在{other}{both}{value}"
        case "place":
            return f"{which}在{value}"
        case "absent":
            return f"没有{which}"
        case "kept":
            return f"{which}保持原样"
        case "size":
            return f"{ {'big': '大', 'small': '小'}.get(str(claim.value), value) }的{which}"
        case "text":
            return f"写着“{claim.value}”"
        case _:
            return f"{_zh(claim.kind)}：{value}"


def _named_zh(noun: str | None, color: str | None) -> str:
    return f"{_zh(color)}的{_zh(noun)}" if color else _zh(noun)


def finished(
    brief: Brief, handle: str, verdict: Verdict, tried: int, notes: Sequence[Note],
    stopped: str = "satisfied", undone: Sequence[str] = (),
) -> str:  # fmt: skip
    """The reply to a request that ended with a picture, the best of ``tried``; of what was asked
    for, ``undone`` was not done."""
    language = brief.language
    lines = []
    if not brief.claims:
        lines = [render(f"no-claims.{language}", picture=handle)]
    elif verdict.satisfied:
        lines = [render(f"satisfied.{language}", picture=handle, total=len(brief.claims))]
    else:
        lines = [
            render(
                f"unsatisfied.{language}", picture=handle, total=len(brief.claims), tried=tried,
                met=len(verdict.with_status("met")), rest=_rest(brief, verdict),
            )
        ]  # fmt: skip
    if stopped != "satisfied":
        lines.append(render(f"ended.{language}", why=why(stopped, language)))
    if undone:
        lines.append(render(f"left-undone.{language}", what=listed(undone, language)))
    return "\n".join([*lines, *(_noted(note, language) for note in notes)])


def listed(words: Sequence[str], language: Language) -> str:
    """Words one after another."""
    return _JOIN[language].join(words)


def beyond(brief: Brief, notes: Sequence[Note]) -> str:
    """The reply to a request of which the painter knows nothing."""
    language = brief.language
    asked = _JOIN[language].join(f"“{note.asked}”" for note in notes if note.drawn is None)
    things = list(dict.fromkeys(thing for note in notes for thing in note.nearest))
    if language == "zh":
        things = [_zh(thing) for thing in things]
    nearest = render(f"nearest.{language}", things=_JOIN[language].join(things)) if things else ""
    text = render(f"beyond.{language}", asked=asked, nearest=nearest)
    return "\n".join(line for line in text.splitlines() if line)


def unfinished(language: Language, stopped: str) -> str:
    """The reply to a request that ended without a picture."""
    return render(f"nothing-drawn.{language}", why=why(stopped, language))


def no_picture(language: Language) -> str:
    """The reply to a question about a picture that is not there."""
    return render(f"no-picture.{language}")


def looked(language: Language, handle: str, caption: str) -> str:
    """The reply to a question about a picture: what the captioner says, as a quotation. It may be
    what somebody wrote into the picture."""
    return render(f"picture-says.{language}", handle=handle, caption=plain(caption))


def why(stopped: str, language: Language) -> str:
    """Why a turn ended, in the user's language; what a tool said stays as it said it, as words."""
    stopped = plain(stopped)
    if language == "en":
        return stopped
    first, mark, rest = stopped.partition(f"; {SMALL}")
    parts = [first, SMALL + rest] if mark else [first]
    told = []
    for part in parts:
        head, colon, detail = part.partition(": ")
        told.append(_WHY_ZH.get(head, head) + ("：" + _WHY_ZH.get(detail, detail) if colon else ""))
    return "；".join(told)


def only_known(words: str, known: Callable[[str], bool]) -> str:
    """``words`` without the handles of pictures that are not there, whoever wrote them."""
    return re.sub(r"\bimg-\d+", lambda m: m[0] if known(m[0]) else "(no such picture)", words)


def plain(words: str) -> str:
    """``words`` of a model without what could do more than be read: control characters, pictures,
    links and the tags of HTML."""
    words = "".join(c for c in words if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"))
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words)
    words = re.sub(r"(?:\w+:)?//\S+|\bwww\.\S+", "…", words)
    return re.sub(r"<(?=[a-zA-Z/!?])", "‹", words)


def took_over(language: Language, planner: str, gave_up: str) -> str:
    """That the built-in planner did what a language model was to do."""
    return render(f"took-over.{language}", planner=planner, why=why(gave_up, language))


_RUNGS_ZH = dict(
    zip(
        THRIFT,
        ("其他模型先让开", "一次只画一张", "分块解码", "权重放在主机内存里", "画得小一些"),
        strict=True,
    )
)


def memory_short(language: Language, rungs: Sequence[str]) -> str:
    """How memory was saved, where it was short."""
    told = [_RUNGS_ZH[rung] for rung in rungs] if language == "zh" else rungs
    return render(f"memory-short.{language}", how=listed(told, language))


def _rest(brief: Brief, verdict: Verdict) -> str:
    language = brief.language
    colon, stop = (": ", ".") if language == "en" else ("：", "。")
    parts = []
    for status in ("unmet", "unsure", "unseen"):
        ids = verdict.with_status(status)
        if ids:
            claims = [describe(c, language) for c in brief.claims if c.id in ids]
            parts.append(f"{_STATUS[language][status]}{colon}{_JOIN[language].join(claims)}{stop}")
    return (" " if language == "en" else "").join(parts)


def _noted(note: Note, language: Language) -> str:
    if note.drawn is not None:
        drawn = _zh(note.drawn) if language == "zh" else note.drawn
        return render(f"note-instead.{language}", asked=note.asked, drawn=drawn)
    return render(f"note-left-out.{language}", asked=note.asked)
