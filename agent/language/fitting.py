"""Whether words that may be a picture described are an edit: told by how they begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .clause import ON_PIXELS, Clause
from .grammar import grammar
from .references import lowered

_TELLING = ON_PIXELS | {"style", "gone", "resize", "replace"}
_SHOULD = re.compile(
    r"(?:i\sthink\s)?(?:the|it|its|this|that|all\sthe)\b.*\bshould\b|(?:could|can)\sthe\b"
)
_COMPARES = re.compile(
    r"\b(?:more|less|too|so|bit|little|increase|raise|boost|reduce|decrease|lower|\w+er)\b"
    r"|\b(?:brighten|lighten|darken|dim|sharpen|blur|soften|desaturate|saturate)\b"
    r"|一?[点些]|太|更|再|高|低|提|降|一下|化|调"
)
_BESIDES = re.compile(
    r"\b(?:also|as\swell|another|(?<!with\s)more(?!\s\w+\sthan))\b|\b(?:is|are)\smissing\b|\btoo\b(?!\s\w)|再|还|也"
)
_WISHED_FOR = re.compile(
    r"\b(?:how|what)\sabout\b|\b(?:can|could|may)\s(?:we|i|you)\b|\b(?:i|we)(?:'d|\swould)\b"
    r"|\b(?:i|we)\s(?:want|need|could)\b|\blet's\b|\bwhat\swould\syou\ssay\b|\bwould\s(?:be|look)\s(?:nice|good|great|lovely|cool)"
    r"|^\W*maybe\b"
)
_THERE = re.compile(
    r"\b(?:here|there(?=\W*$)|(?:in|to)\s(?:the|this)\s(?:sky|picture|image|scene))\b"
)
_ASKED = re.compile(r"\W*(?:can|could)\s(?:we|you)\s(?:have|get|see|give\sus)\b")
_OF_PICTURES = re.compile(
    r"\b(?:picture|image|painting|drawing|photo|portrait|sketch|poster|card|scene|cover)s?\sof\b"
)
_OF_NEW = re.compile(_OF_PICTURES.pattern + r"\s(?!(?:it|this|that|them|the|my)\b)")
_DRAWN = re.compile(
    r"(?:(?:draw|paint)(?!\sin\b)|an?|some|two|three|\d+)\b|.{0,8}(?:(?<![重新彩油墨素版漫插壁国描笔])画(?![面里中成])|(?<![边面上下角里方间侧雨雪雾风])来|生成|绘制)|[一两三几\d]"
)
_GIVEN = re.compile(
    r"\b(?:it|its|this|that|the|them|these|those|his|her)\b|\bversion\W*$|[它他她这那把将]|[去删移掉走擦抹拿]|了\W*$"
)
_WISHED = re.compile(
    r"[应要得可能最希想把将让换改变转涂染刷调弄它这那重]|用.{0,3}色|版本?\W*$|画面(?:[里中上都全]|开始)*[下刮飘起]|好看(?=\W*$|一?[点些])|合适|更[好有]"
)
_VERSION = re.compile(
    r"^(?!.*[张幅]).*版本?的?[呗吧呀吗]*(?:看看)?\W*$|\bversion\sof\s(?:this|it)\b"
)
_COMES = re.compile(
    r"^(?!.*(?:图片?|画|照片|海报|故事)\W*$).*?[来弄整补](?:[一个]|(?=[两三]))(?!幅|张(?![^，。]{0,4}[桌椅床纸网弓饼席毯凳]))"
)
_OFFERED = re.compile(
    r"\b(?:how|what)\sabout\s(?!an?\b)|\bwhat\sif\b|\bwhy\snot\b|\b(?:can|could)\s(?:it|we|you)\b"
    r"|^(?!.*[张幅]).*(?:怎么?样|什么样|啥样|如何|如果|要是|样子|效果|感觉|景色|更(?:想|有)|风格?吧?\W*$)"
    r"|^\W*in\s(?:an?\s)?(?:\w+\s){1,3}style\W*(?:please\W*)?$"
)


def tells_an_edit(clause: Clause, words: str) -> bool:
    """Whether ``words`` can be nothing but an edit: "crop it", "too dark", not "vivid colors"."""
    low = lowered(words).strip()
    if clause.rule == "tune":
        return bool(_COMPARES.search(low))
    if clause.rule == "set":
        return bool(clause.changes) and bool(_SHOULD.match(low))
    return clause.rule in _TELLING and bool(clause.changes)


def fits_a_picture(clauses: Sequence[Clause], words: str, *, chinese: bool, alone: bool) -> bool:
    """Whether the ``words`` of the first clause, and those after it that no rule fits, are likelier
    done to a picture that is there than asked of a new one: "the dog should be on the left", "a
    tree, too", not "draw a dog". ``alone`` says that the words show one thing and no scene."""
    clause, low = clauses[0], lowered(words)
    if _OF_NEW.search(low):
        return False
    drawn = _DRAWN.match(grammar("zh" if chinese else "en").bare(low))
    match clause.rule:
        case "add":
            return bool(_BESIDES.search(low) or not drawn) or bool(alone and _COMES.search(low))
        case "also":
            return bool(_BESIDES.search(low)) or _joins(clauses, low, alone=alone)
        case "remove":
            return bool(_GIVEN.search(low))
        case "set":
            told = (_WISHED if chinese else _GIVEN).search(low)
            return bool(_VERSION.search(low) or (told and not drawn))
        case "bare":
            return bool(_OFFERED.search(low))
    return clause.rule in _TELLING | {"move", "fewer", "more"}


def _joins(clauses: Sequence[Clause], low: str, *, alone: bool) -> bool:
    """Whether the one thing that is wished for has its place in the picture that is there: "how
    about a tree on the right?"."""
    wished = [change for clause in clauses if clause.rule == "also" for change in clause.changes]
    if len(wished) != 1 or _OF_PICTURES.search(low) or not _WISHED_FOR.search(low):
        return False
    return wished[0].value is not None or bool(_THERE.search(low) or (alone and _ASKED.match(low)))
