"""Which picture of the conversation some words mean: "the second one", 上一张, "the original"."""

from __future__ import annotations

import re
from collections.abc import Callable

from .mentions import mentions
from .phrase import PhraseReader
from .units import units_of

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
             "tenth")  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = "一二三四五六七八九十"
_COUNT = {word: i + 1 for words in (_ORDINALS, _NUMBERS, _DIGITS) for i, word in enumerate(words)}
_COUNT |= {"两": 2, "zero": 0, "zeroth": 0, "零": 0}

_PICTURE = "(?:picture|image|photo|pic|painting|drawing|illustration|version|variant|result|draft)"
_ONE = f"(?:one|{_PICTURE})"
_NTH = rf"(?:zeroth|{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th))"
_CARDINAL = rf"\d{{1,4}}|zero|{'|'.join(_NUMBERS)}"
_END = r"(?=\s*(?:$|[,.;:!?)]|(?:and|but|then|please|with|without|is|to|in|at|back|instead)\b))"
_GO = (
    r"(?P<go>(?:\b(?:(?:go|get|return|switch|revert|jump)\s(?:back\s)?to|back\sto|in|on|for|from|use"
    r"|using)\s)?)"
)
_THING = r"(?P<thing>(?:(?!\b(?:and|but|then|in|to|at|on)\b)[^,.;:!?\n])+)"
_IS_OF = rf"(?!\s(?:of|on\s(?:a|the)|{_PICTURE})\b)"

_ZH = "(?:张|幅|版|稿)"
_ZH_PICTURE = "(?:图片|图像|图画|图|画作|画|照片|作品|版本)?"
_ZH_GO = "(?P<go>(?:回到|退回到|退回|返回|换回|用回|就用|还是用|把|将|给|在|从|用)?)"
_ZH_IN = "(?:\\s*(?:的基础上|(?:里面|里|中)的?))?"
_ZH_TAIL = f"(?![桌椅床纸嘴脸网票弓饼席皮]){_ZH_PICTURE}{_ZH_IN}"
_ZH_THING = "(?P<thing>[^，。,；;、\\s]{1,10}?)"

_ZH_TURN = (
    "(?:请|麻烦|帮我|能不能|能否|可以|可不可以|想|要|把|将|让|给|它|这张图?|图片?|画面|整张图|重新?"
    "|再|[改换变画做弄转调]成?|成|按照?|参考|参照|采用|模仿|套用|使用|学习?(?:一下)?|照着?|像|用|以|跟|和|与)*"
)
_ZH_DRAWN = "(?:来)?(?:再|重新?)?(?:画|绘制?|来)?(?:一?[遍次下版])?"

_ALIKE = (
    rf"(?:do|make|paint|draw|redo|redraw|repaint|render)\s(?:it|this(?:\s{_ONE})?)"
    r"\s(?:(?:just\s)?like\s(?:that|it)|that\sway|in\sit|the\ssame(?:\sway)?)"
)
_ZH_ALIKE = (
    "(?:请|麻烦)?[把让]?(?:这[张幅]?[图画]?|它)也?(?:要|给我)?(?:这么|这样|那么|那样)(?:来?画|来)"
)

_AFTER_STYLE = (
    re.compile(
        r"\bi\s(?:(?:really|just)\s)?(?:love|like|prefer)\s(?:the\s)?(?:style|look)\sof\s"
        rf"(?P<ref>[^,;.!?]+?)[,;.!]\s*(?:so\s|and\s|please\s)*{_ALIKE}"
    ),
    re.compile(
        rf"我?[很更最]?喜欢(?P<ref>[^，。,；]{{1,14}}?)的?(?:风格|画风|画法)[，,。]{_ZH_ALIKE}"
    ),
    re.compile(
        r"(?:\b(?:in|with|use|using|apply|follow|copy|like|match|to|borrow|take)\s)?(?:the\s)?"
        r"(?:same\s)?(?:style|look)\s(?:of|as|from|in)\s(?P<ref>[^,;.!?]+?)"
        r"(?=\s(?:to|on|for)\s|\s*(?:$|[,;.!?]|\band\b))"
    ),
    re.compile(
        r"(?:\b(?:in|with|use|using|apply|follow|copy|match|to|borrow|take)\s)?"
        r"(?P<ref>(?:img-|#)\d+|\bthe\s(?:\w+\s){0,2}\w+(?='s))(?:'s)?\s(?:style|look)\b"
    ),
    re.compile(
        rf"\b(?:make|have|let|paint|draw|do|redo|render|restyle|redraw|repaint|style)"
        rf"\s(?:it|this|that|everything|(?:the|this)\s{_PICTURE})\s(?:to\s)?"
        r"(?:(?:look\s|be\s)?(?:more\s|just\s)?like|the\s(?:same\s)?way(?:\sas)?|resemble)\s"
        r"(?P<ref>[^,;.!?]+?)(?:\s(?:is|was|looks)(?:\s(?:painted|drawn|done|made))?)?"
        r"(?:\sin\sstyle)?(?=\s*(?:$|[,;.!?]|\b(?:and|but|please|too)\b))"
    ),
    re.compile(
        rf"{_ZH_TURN}(?P<ref>[^，。,；]{{1,14}}?)(?:那样|那种|一样|同样|相同|这种)?的?"
        rf"(?:风格|画风|画法|笔触){_ZH_DRAWN}"
    ),
    re.compile(
        r"(?:风格|画风|画法)(?:上)?(?:要|都|也)?(?:和|跟|与|同|像|参考|参照|按照?|学|用)"
        r"(?P<ref>[^，。,；]{1,14}?)(?:保持)?(?:的)?(?:一致|一样|相同|统一|那样|类似|接近|来)?"
        r"(?:就(?:行|好|可以)了?)?(?:吧)?(?=\s*(?:$|[，。,；！!]))"
    ),
    re.compile(
        rf"{_ZH_TURN}(?:像|跟|和)(?P<ref>[^，。,；]{{1,14}}?)(?:那样|一样|那种)的?(?:风格|画风|感觉)?"
        r"(?=吧?\s*(?:$|[，。,；！!]))"
    ),
)

PICTURE = "ꙮ"
"""Stands for the name of a picture where a pattern is to see one."""

Resolve = Callable[[re.Match[str]], str | None]


def _is(value: str) -> Resolve:
    return lambda match: value


def _handle(match: re.Match[str]) -> str:
    return match["handle"]


def _nth(match: re.Match[str]) -> str | None:
    word = match["n"]
    digits = re.sub(r"\D", "", word)
    number = int(digits[:4]) if digits else _COUNT.get(word)
    return None if number is None else f"#{number}"


def _thing(relation: str, *, chinese: bool = False) -> Resolve:
    def resolve(match: re.Match[str]) -> str | None:
        found = mentions(match["thing"], chinese=chinese)
        return f"{relation} {found[0].noun}" if found else None

    return resolve


_PATTERNS: tuple[tuple[str, Resolve], ...] = (
    (rf"{_GO}(?<![a-z0-9-])(?P<handle>img-\d+)(?![\d-]){_ZH_IN}", _handle),
    (rf"{_GO}(?<!\w)#\s?(?P<n>\d{{1,4}})\b", _nth),
    (rf"{_GO}\bthe\s{_ONE}\s(?:i|we)\s(?:started|began)\swith\b", _is("original")),
    (rf"{_GO}\bthe\soriginal(?:\s{_ONE}\b{_IS_OF}|{_END})", _is("original")),
    (rf"{_GO}(?:\bthe\s)?\b(?P<n>{_NTH})\s{_ONE}\b{_IS_OF}", _nth),
    (rf"{_GO}\bthe\s(?P<n>{_NTH})(?=\s*$)", _nth),
    (rf"{_GO}\b{_PICTURE}\s(?:number\s|no\.?\s)?(?P<n>{_CARDINAL})\b", _nth),
    (rf"{_GO}\bnumber\s(?P<n>{_CARDINAL})\b{_END}", _nth),
    (rf"{_GO}\bthe\s(?:last|latest|newest|current|most\srecent)\s{_ONE}\b{_IS_OF}", _is("last")),
    (rf"{_GO}\bthis\s{_PICTURE}\b{_IS_OF}", _is("last")),
    (rf"{_GO}\bthe\s(?:previous|preceding|prior)(?:\s{_ONE}\b{_IS_OF}|(?=\s*$))", _is("previous")),
    (rf"{_GO}\bthe\s{_ONE}\sbefore(?:\s(?:that|this|it)(?:\sone)?\b)?{_END}", _is("previous")),
    (rf"{_GO}\bthe\s{_ONE}\s(?:from\s)?before\s(?:you\s(?:added|put|drew|made|gave)\s)?{_THING}",
     _thing("before")),
    (rf"{_GO}\bthe\s{_ONE}\swithout\s{_THING}", _thing("before")),
    (rf"{_GO}\bthe\s{_ONE}\s(?:with|(?:that|which)\s(?:has|shows))\s{_THING}", _thing("with")),
    (rf"{_ZH_GO}再?[上前](?:一|1)?{_ZH}{_ZH_TAIL}", _is("previous")),
    (rf"{_ZH_GO}(?:最后|最新|最近)(?:的)?(?:一|那)?(?:一)?{_ZH}{_ZH_TAIL}", _is("last")),
    (rf"{_ZH_GO}刚(?:才|刚)(?:的|那)(?:一)?(?:{_ZH}{_ZH_TAIL}|图片?|画){_ZH_IN}", _is("last")),
    (rf"{_ZH_GO}这(?:一)?[张幅](?:图片|图像|图|画|照片){_ZH_IN}", _is("last")),
    (rf"{_ZH_GO}第(?P<n>\d{{1,4}}|[零一二两三四五六七八九十])(?:{_ZH}|个版本){_ZH_TAIL}", _nth),
    (rf"{_ZH_GO}(?P<n>\d{{1,4}}|[一二三四五六七八九十])号(?:图片?|画|照片){_ZH_IN}", _nth),
    (rf"{_ZH_GO}图(?P<n>\d{{1,4}})(?![xX\d%％倍]){_ZH_IN}", _nth),
    (rf"{_ZH_GO}(?:原图|原画|原作|原稿|原版|原(?:来|始|先)的?(?:那)?(?:{_ZH}{_ZH_TAIL}|图片?|画)"
     rf"|最(?:初|早|开始|先)的?(?:那)?(?:一)?(?:{_ZH}{_ZH_TAIL}|图片?|画|版本)){_ZH_IN}",
     _is("original")),
    (rf"{_ZH_GO}没?(?:加上|添加|戴上|画上|放上|加|添|戴|画|放){_ZH_THING}(?:之前|以前|前)的?"
     rf"(?:那)?(?:一)?(?:{_ZH}{_ZH_TAIL}|图片?|画|版本){_ZH_IN}", _thing("before", chinese=True)),
    (rf"{_ZH_GO}没有?{_ZH_THING}的那(?:一)?{_ZH}{_ZH_TAIL}", _thing("before", chinese=True)),
    (rf"{_ZH_GO}(?:带有|带着|有|带){_ZH_THING}的那(?:一)?{_ZH}{_ZH_TAIL}",
     _thing("with", chinese=True)),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), resolve) for pattern, resolve in _PATTERNS)


def lowered(text: str) -> str:
    """``text`` in lower case with straight apostrophes, of the same length: spans of the one are
    spans of the other."""
    low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return low.replace("’", "'")


def number_word(word: str) -> int | None:
    """0 to 10 as English and Chinese words say them; None for another word."""
    return _COUNT.get(word)


def reference_of(text: str) -> tuple[str | None, str]:
    """The picture that ``text`` names, as `Brief.target` is written, and the text without it.

    The words that name it are blanked with spaces, so that spans of the one text are spans of the
    other. (None, ``text``) where no picture of the conversation is meant.
    """
    reference, (start, _, end) = find_reference(text)
    return reference, text[:start] + " " * (end - start) + text[end:]


def find_reference(text: str) -> tuple[str | None, tuple[int, int, int]]:
    """The picture that ``text`` names and where: what leads to the name ("go back to") starts at
    the first number, the name runs from the second to the third."""
    low = lowered(text)
    for pattern, resolve in _COMPILED:
        for match in pattern.finditer(low):
            if reference := resolve(match):
                end = match.end()
                if match.groupdict().get("thing") and match["thing"].isascii():
                    end = match.start("thing") + _noun_end(match["thing"])
                return reference, (match.start(), match.end("go"), end)
    return None, (0, 0, 0)


def _noun_end(text: str) -> int:
    """Where the noun phrase that ``text`` begins with ends."""
    units = units_of(text)
    end = PhraseReader(units, 0).read().end
    return units[end - 1].end if end else len(text)


def styled_after(text: str) -> tuple[str | None, tuple[int, int]]:
    """The picture whose style ``text`` asks for ("in the style of img-2"), and where it says so."""
    low = lowered(text)
    for pattern in _AFTER_STYLE:
        for match in pattern.finditer(low):
            reference, rest = reference_of(match["ref"])
            if reference and not re.search(r"[^\W_]{2,}", rest):
                return reference, match.span()
    return None, (0, 0)
