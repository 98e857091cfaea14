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
    r"\b(?:also|as\swell|another|(?<!with\s)more)\b|\b(?:is|are)\smissing\b|\btoo\b(?!\s\w)|再|还|也"
)
_WISHED_FOR = re.compile(
    r"\b(?:how|what)\sabout\b|\b(?:can|could|may)\s(?:we|i|you)\b|\b(?:i|we)(?:'d|\swould)\b"
    r"|\b(?:i|we)\s(?:want|need|could)\b|\blet's\b|\bwhat\swould\syou\ssay\b|\bwould\s(?:be|look)\s(?:nice|good|great|lovely|cool)"
    r"|^\W*maybe\b"
)
_THERE = re.compile(
    r"\b(?:here|there(?=\W*$)|(?:in|to)\s(?:the|this)\s(?:sky|picture|image|scene))\b"
)
_OF_PICTURES = re.compile(
    r"\b(?:picture|image|painting|drawing|photo|portrait|sketch|poster|card|scene|cover)s?\sof\b"
)
_DRAWN = re.compile(
    r"(?:(?:draw|paint)(?!\sin\b)|an?|some|two|three|\d+)\b|.{0,8}(?:(?<![重新彩油墨素版漫插壁国描笔])画(?![面里中成])|(?<![边面上下角里方间侧])来|生成|绘制)|[一两三几\d]"
)
_GIVEN = re.compile(
    r"\b(?:it|its|this|that|the|them|these|those|his|her)\b|\bversion\W*$|[它他她这那把将]|[去删移掉走擦抹拿]|了\W*$"
)
_WISHED = re.compile(
    r"[应要得可能最希想把将让换改变涂染刷调弄它这那重]|用.{0,3}色|版本?\W*$|画面(?:[里中上都全]|开始)*[下刮飘起]|好看(?=\W*$|一?[点些])|合适|更好"
)
_OFFERED = re.compile(
    r"\b(?:how|what)\sabout\s(?!an?\b)|\bwhat\sif\b|\bwhy\snot\b|\b(?:can|could)\s(?:it|we|you)\b"
    r"|^(?!.*[张幅]).*(?:怎么样|什么样|如何|如果|要是|样子|效果|感觉|风格?吧?\W*$)"
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


def fits_a_picture(clauses: Sequence[Clause], words: str, *, chinese: bool) -> bool:
    """Whether the ``words`` of the first clause, and those after it that no rule fits, are likelier
    done to a picture that is there than asked of a new one: "the dog should be on the left", "a
    tree, too", not "draw a dog"."""
    clause, low = clauses[0], lowered(words)
    drawn = _DRAWN.match(grammar("zh" if chinese else "en").bare(low))
    match clause.rule:
        case "add":
            return bool(_BESIDES.search(low) or not drawn)
        case "also":
            return bool(_BESIDES.search(low)) or _joins(clauses, low)
        case "remove":
            return bool(_GIVEN.search(low))
        case "set":
            return bool((_WISHED if chinese else _GIVEN).search(low)) and not drawn
        case "bare":
            return bool(_OFFERED.search(low))
    return clause.rule in _TELLING | {"move", "fewer", "more"}


def _joins(clauses: Sequence[Clause], low: str) -> bool:
    """Whether the one thing that is wished for has its place in the picture that is there: "how
    about a tree on the right?"."""
    wished = [change for clause in clauses if clause.rule == "also" for change in clause.changes]
    if len(wished) != 1 or _OF_PICTURES.search(low) or not _WISHED_FOR.search(low):
        return False
    return wished[0].value is not None or bool(_THERE.search(low))
