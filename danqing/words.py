"""The few words that the terminal and the bots themselves say, in a request's languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent.brief import Brief, Claim, Language
    from .agent.llm.address import Address
    from .agent.records import Step
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
    "took over": (
        "{planner}: {why}; the built-in planner takes over",
        "{planner}：{why}；由内置的策划接手",
    ),
    "planner now": ("{name} plans now. {sent}", "现在由 {name} 策划。{sent}"),
    "sent nowhere": ("Nothing leaves this machine.", "什么都不会离开这台机器。"),
    "sent words": (
        "Requests, claims and verdicts go to {where}; pictures do not.",
        "请求、要求和核对结果会发给 {where}；图片不会。",
    ),
    "sent pictures": (
        "Requests, claims, verdicts and pictures go to {where}.",
        "请求、要求、核对结果和图片都会发给 {where}。",
    ),
    "loading": ("getting the models ready", "准备模型"),
    "left": ("{n} s left", "还需 {n} 秒"),
    "best": ("best so far {handle}: {met} of {total}", "目前最好 {handle}：{met}/{total}"),
    "stopping": (
        "stopping after this step; Ctrl-C again leaves at once",
        "做完这一步就停；再按一次 Ctrl-C 立即退出",
    ),
    "claim": ("asked for", "要求"),
    "evidence": ("what was seen", "所见"),
    "accept": ("Enter takes the best so far; Ctrl-C stops", "回车取目前最好的；Ctrl-C 停止"),
    "accepting": ("taking the best so far", "就取目前最好的"),
    "hello": (
        "Say what the picture shows. /help lists the commands, Ctrl-D leaves.",
        "说说画面上要有什么。/help 列出命令，Ctrl-D 离开。",
    ),
    "leaving": ("Ctrl-D leaves.", "Ctrl-D 离开。"),
    "resume": ("“{request}” was cut short. Go on with it?", "“{request}”没有画完。接着画吗？"),
    "which": ("Which one? [{n}]", "哪一张？[{n}]"),
    "which style": ("In which style? [{n}]", "哪种风格？[{n}]"),
    "1 to": ("A number from 1 to {n}.", "请给一个 1 到 {n} 的数字。"),
    "opened": (
        "{handle} is your picture; what is to be done with it?",
        "{handle} 是您的图片；要怎么改？",
    ),
    "own": ("your own", "您自己的"),
    "here": ("here", "在此"),
    "no pictures": ("There is no picture yet.", "还没有图片。"),
    "no turns": ("Nothing has been said yet.", "还什么都没说过。"),
    "delete": (
        "{handle} and the {n} pictures made from it go for good. Delete?",
        "{handle} 和由它得来的 {n} 张图片将永远删除。删除吗？",
    ),
    "delete one": ("{handle} goes for good. Delete?", "{handle} 将永远删除。删除吗？"),
    "deleted": ("Deleted {handles}; {size} are free again.", "已删除 {handles}；腾出 {size}。"),
    "kept": ("Nothing was deleted.", "什么都没有删除。"),
    "saved": ("{handle} is in {path}", "{handle} 已存到 {path}"),
    "seed": ("The next pictures are drawn from seed {n}.", "以后用种子 {n} 作画。"),
    "seed random": ("Each picture is drawn from a seed of its own.", "每张图都用新的随机种子。"),
    "seed of": ("seed {n}", "种子 {n}"),
    "size": ("Pictures are {w}×{h} pixels.", "图片大小是 {w}×{h} 像素。"),
    "budget": ("The most for one request: {list}.", "一次请求最多用：{list}。"),
    "models now": ("Drawing is done with {name}.", "现在用 {name} 作画。"),
    "ask": ("I ask {level}.", "提问：{level}。"),
    "never": ("never", "从不"),
    "needed": ("when it is needed", "必要时"),
    "often": ("often", "多问"),
    "same": ("{handle}: the same pixels came out.", "{handle}：得到同样的像素。"),
    "differs": ("{handle}: other pixels came out.", "{handle}：得到不同的像素。"),
    "nothing to resume": ("There is nothing to resume.", "没有要接着做的。"),
    "typed": (
        "Words ask for pictures; a picture's path opens it.",
        "直接说要画什么；给出图片路径就打开它。",
    ),
    "aliases": ("also {list}", "也可写 {list}"),
    "warming": ("warming up", "预热中"),
    "session": ("session {id}", "会话 {id}"),
    "at": ("at {handle}", "在 {handle}"),
    "at most": ("{n} pictures, {s:g} s", "{n} 张、{s:g} 秒"),
    "empty": ("no picture yet", "尚无图片"),
    "working": ("working …", "正在处理…"),
    "in line": ("waiting in line, at place {n}", "排队中，第 {n} 位"),
    "still at it": (
        "I am still at what was asked before; ask again when that is done.",
        "上一个请求还没做完；做完后再说吧。",
    ),
    "stranger": (
        "I answer only those I was told to. Whoever runs me can let you in with --allow {id}.",
        "我只回答指定的人。运行我的人可以用 --allow {id} 让您使用。",
    ),
    "bot hello": (
        "Say what the picture shows, or send one and say what is to be different. "
        "/undo goes back, /new begins anew.",
        "说说画面上要有什么，或者发一张图片，再说要怎么改。/undo 退回一步，/new 重新开始。",
    ),
    "anew": ("We begin anew.", "我们重新开始。"),
    "too large": ("A picture may have {n} MB at most.", "图片最大 {n} MB。"),
    "not brought": (
        "The picture did not come through; send it again.",
        "没有收到图片，请再发一次。",
    ),
    "bot leaving": (
        "I have to go; when I am back I go on with this.",
        "我要离开一下；回来后接着做。",
    ),
}


class Phases:
    """What the phases of a turn are called as they begin, in ``language``.

    Planning and repairing have no title: they take no time, and a repair shows in that of the
    drawing that follows.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._repairs = 0

    def title(self, phase: str) -> str:
        """The title of a phase that begins; "" where it has none."""
        if phase == "repairing":
            self._repairs += 1
        if phase in ("planning", "repairing"):
            return ""
        word = "repairing" if phase == "drawing" and self._repairs else phase
        return say(word, self.language, n=self._repairs)


def say(word: str, language: Language, **values: object) -> str:
    """One of these words, filled in."""
    return _WORDS[word][language == "zh"].format(**values)


def sent(address: Address, sees: bool, language: Language) -> str:
    """What of a conversation goes where."""
    if (where := address.sends_to) is None:
        return say("sent nowhere", language)
    return say("sent pictures" if sees else "sent words", language, where=where)


def asked(claim: Claim, language: Language) -> str:
    """The claim as the person will know it again: in Chinese with their own words before it."""
    from .agent.reply import describe

    if language == "zh" and claim.source:
        return f"{claim.source} ({describe(claim)})"
    return describe(claim, language)


def rows(brief: Brief, verdict: dict[str, Finding]) -> list[tuple[str, str, str]]:
    """(status, claim, evidence) of every claim, in the Brief's order."""
    return [
        (verdict[claim.id].status, asked(claim, brief.language), verdict[claim.id].evidence)
        for claim in brief.claims
        if claim.id in verdict
    ]


def came_to(step: Step) -> str:
    """What a tool's call came to, as a model is told: the pictures that it made, and its value."""
    pictures = ", ".join(picture.handle for picture in step.pictures)
    parts = [f"made {pictures}" if pictures else "", "" if step.value is None else str(step.value)]
    return "; ".join(filter(None, parts)) or "done"


def tally(outcome: Mapping[str, Any] | None) -> str:
    """How many claims of a turn its picture meets, as in "✓ 3/3"; "" where none was judged."""
    findings = ((outcome or {}).get("verdict") or {}).get("findings", {})
    if not findings:
        return ""
    met = sum(finding["status"] == "met" for finding in findings.values())
    return f"{MARKS['met' if met == len(findings) else 'unmet']} {met}/{len(findings)}"


def shortened(words: str, most: int = 48) -> str:
    """``words`` on one line of at most so many characters."""
    line = " ".join(words.split())
    return line if len(line) <= most else line[: most - 1] + "…"
