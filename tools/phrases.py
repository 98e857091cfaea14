"""Short phrases, in English or Chinese, that name something in a picture: "the red house on the
left", 「左边的红房子」, "all the trees", "the sky".

Only the words of `world` are known here; what else a phrase says is passed over. What would turn
its meaning around, or asks for more than one thing, is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from .chinese import MEASURES, is_han, simplified
from .errors import ToolError
from .painter_words import NUMBERS, PEOPLE, plural
from .world import world

GROUNDS: dict[str, dict[str | None, tuple[str, ...]]] = {
    "sky": {None: ("sky", "skies", "heavens", "天空", "天上", "蓝天", "夜空", "空中")},
    "ground": {
        None: ("ground", "land", "snow", "soil", "地面", "地上", "大地", "雪地", "土地", "积雪"),
        "meadow": ("grass", "lawn", "meadow", "grassland", "草地", "草坪", "草原", "田野"),
        "sea": ("sea", "water", "ocean", "水面", "海面", "大海", "海水", "海上", "海洋", "海"),
        "desert": ("sand", "desert", "dunes", "沙地", "沙漠", "沙子"),
        "city": ("street", "road", "pavement", "街道", "马路", "路面", "街上"),
        "indoors": ("floor", "地板"),
    },
}
"""What is seen and is no thing, and the words for it, by the setting that they tell of."""
ANY = ("subject", "object", "thing", "something", "anything", "everything", "主体", "东西", "物体")
WHERE: dict[str, tuple[str, ...]] = {
    "top left": ("top left", "top-left", "upper left", "upper-left", "左上"),
    "top right": ("top right", "top-right", "upper right", "upper-right", "右上"),
    "bottom left": ("bottom left", "bottom-left", "lower left", "lower-left", "左下"),
    "bottom right": ("bottom right", "bottom-right", "lower right", "lower-right", "右下"),
    "left": ("left", "leftmost", "left-hand", "最左", "左边", "左侧", "左面", "左"),
    "right": ("right", "rightmost", "right-hand", "最右", "右边", "右侧", "右面", "右"),
    "top": ("top", "topmost", "upper", "highest", "上方", "上面", "顶部", "最上", "最高"),
    "bottom": ("bottom", "bottommost", "lowest", "lower", "下方", "下面", "底部", "最下", "最低"),
    "middle": ("middle", "center", "centre", "中间", "中央", "正中"),
    "largest": ("largest", "biggest", "big", "large", "bigger", "larger", "最大", "大"),
    "smallest": ("smallest", "tiniest", "small", "little", "tiny", "smaller", "最小", "小"),
}

_PEOPLE = (
    *PEOPLE, "lady", "guy", "kid", "baby", "男人", "女人", "女孩", "男孩", "孩子", "小孩", "大人",
    "老人", "女士", "男士", "人们",
)  # fmt: skip
_COLORS = {
    "sky blue": "blue", "sky-blue": "blue", "天蓝": "blue", "天蓝色": "blue", "海蓝": "blue",
    "海蓝色": "blue", "grass green": "green", "grass-green": "green", "草绿": "green",
    "草绿色": "green", "snow white": "white", "snow-white": "white", "雪白": "white",
}  # fmt: skip
_OTHER = (
    "hot dog", "sea horse", "sea lion", "sea gull", "sea star", "snow man", "snow leopard",
    "car park", "flower pot", "bird cage", "tree trunk", "star fish", "top hat", "ball room",
    "海鸥", "海豚", "海龟", "海星", "海马", "海鲜", "海报", "地球", "星球", "球场", "球拍", "球门",
    "流星",
    "花园", "花瓶", "花盆", "花生", "火车", "自行车", "卡车", "公交车", "摩托车", "马车", "车站",
    "车库",
    "车轮", "马上", "河马", "斑马", "木马", "灯塔", "灯笼", "路灯", "红绿灯", "人行道", "机器人",
    "雪人",
    "稻草人", "鸟巢", "鸟笼", "鸵鸟", "树叶", "树枝", "树林", "树干", "飞船", "船长", "猫头鹰",
    "熊猫",
    "热狗", "狗熊", "大家", "大概", "大约", "小心", "左右", "人口", "太阳镜",
)  # fmt: skip
"""They hold the word of a thing and mean another."""
_EVERY = (
    "all", "every", "each", "both", "these", "those", "some", "several", "many", "所有", "全部",
    "每", "们", "都", "这些", "那些", "一些", "几",
)  # fmt: skip
_SMALL = (
    "a an the of in on at to next by near with behind beside between inside outside under over"
    " above below from than for into onto upon around along through front back that which who"
    " whose is are was were be has have do does there here it its and or but please now today"
    " this these those all every each both any some my your his her their"
)
_SMALL_WORDS = frozenset(_SMALL.split())
"""English words that end what an adjective can belong to."""
_PREPOSITIONS = "in on at under over above below behind beside near inside with by from"
_BEFORE = frozenset(_PREPOSITIONS.split())
_AND = re.compile(r"\s*(?:,|、|，|;|；|&|\+|and\b|or\b|as well as\b|和|与|跟|及|以及|或|还有)")
_TURNED = re.compile(
    r"\b(?:not|no|non|without|except|excluding|besides|but|other than|isn't|aren't|nothing|none)\b"
    r"|除了|除去|以外|之外|没|不|无|别的|其他|其它"
)
_ORDINAL = re.compile(
    r"\b(?:second|third|fourth|fifth|sixth|\d+(?:nd|rd|th|st)|last)\b|第[二三四五六七八九十\d]|倒数"
)
_SEVERAL = re.compile(
    rf"\b(?:{'|'.join(NUMBERS[2:])}|[2-9]|1\d)\b"
    rf"|[两二三四五六七八九十俩仨][{MEASURES}]"
)


@dataclass(frozen=True)
class Phrase:
    """What a phrase names: things of a ``kind`` (None for any), or a ground such as "sky".

    ``where`` is a key of `WHERE`, or None. ``every`` says that all such things are meant where a
    part of the picture is named, and not the one farthest there. ``setting`` is where alone a
    ground is called by the word that was used: "sea" for "the water".
    """

    kind: str | None
    color: str | None = None
    where: str | None = None
    every: bool = False
    setting: str | None = None

    @property
    def ground(self) -> bool:
        return self.kind in GROUNDS

    def __str__(self) -> str:
        """The phrase in canonical English: "left red house"."""
        words = (self.where, self.color, self.kind or "thing")
        said = " ".join(word for word in words if word)
        return f"{said} ({self.setting})" if self.setting else said


class Word(NamedTuple):
    """A word found in a text, from ``start`` to ``end``; what ``sort`` of word it is, and what it
    stands for."""

    start: int
    end: int
    sort: str
    meaning: str


def normal(text: str) -> str:
    """A text in lower case, in simplified characters, of plain width."""
    return simplified(unicodedata.normalize("NFKC", text).lower().replace("’", "'"))


def is_chinese(text: str) -> bool:
    return any(map(is_han, text))


def read_phrase(tool: str, text: str) -> Phrase:
    """Read a phrase: its noun is the first of an English one and the last of a Chinese one.

    Raises `ToolError`, in the name of ``tool``, where it names nothing known, names two things, or
    says which one is not meant.
    """
    text = re.sub(r"\s+", " ", normal(text))
    _refuse_what_turns(tool, text)
    words = words_of(text)
    nouns = [word for word in words if word.sort in ("kind", "ground")]
    anything = any(word.sort == "any" for word in words)
    if not nouns and not anything:
        raise ToolError(
            f"{tool}: {_short(text)!r} names nothing that can be found here; known are"
            f" {', '.join(world().objects)}, {', '.join(GROUNDS)}."
        )
    chinese = is_chinese(text)
    head = _head(text, nouns, chinese) if nouns else None
    if head is not None:
        _refuse_two(tool, text, nouns, head, chinese)
        if head.sort == "ground":
            kind, _, setting = head.meaning.partition(" ")
            return Phrase(kind, setting=setting or None)
    own = [word for word in words if _belongs(text, word, nouns, head, chinese)]
    colors = list(dict.fromkeys(word.meaning for word in own if word.sort == "color"))
    if len(colors) > 1:
        raise ToolError(
            f"{tool}: {_short(text)!r} names the colors {' and '.join(colors)}; allowed is one, so"
            " call once for each."
        )
    places = sorted((w for w in own if w.sort == "where"), key=lambda w: _weight(text, w))
    every = (
        any(word.sort == "every" for word in words)
        or (head is not None and text[head.start : head.end] in lexicon().several)
        or re.search(r"\b(?:things|objects|everything)\b", text) is not None
        or _SEVERAL.search(text) is not None
    )
    return Phrase(
        head.meaning if head else None, colors[0] if colors else None,
        places[0].meaning if places else None, every,
    )  # fmt: skip


def words_of(text: str) -> list[Word]:
    """The known words of a `normal` text, in its order; where two overlap, the longer one. English
    words stand between others, Chinese ones anywhere."""
    words: list[Word] = []
    taken = bytearray(len(text))
    for word, (sort, meaning) in lexicon().words.items():
        start = text.find(word)
        while start >= 0:
            end = start + len(word)
            if not any(taken[start:end]) and (not word.isascii() or _alone(text, start, end)):
                words.append(Word(start, end, sort, meaning))
                taken[start:end] = b"\1" * len(word)
            start = text.find(word, start + 1)
    return sorted(word for word in words if word.sort != "other")


class Lexicon(NamedTuple):
    """The known words with their sort and meaning, the longest first; and which are plurals."""

    words: Mapping[str, tuple[str, str]]
    several: frozenset[str]


@cache
def lexicon() -> Lexicon:
    w = world()
    nouns = {
        english: name for name, entry in w.objects.items()
        for english in (name, *entry.en, *entry.near, *(entry.zh))
    } | dict.fromkeys(_PEOPLE, "person") | {
        "云彩": "cloud", "月球": "moon", "满月": "moon", "圆月": "moon", "弯月": "moon",
        "足球": "ball", "篮球": "ball", "树": "tree",
    }  # fmt: skip
    plurals = {plural(word): name for word, name in nouns.items() if word.isascii()}
    plurals |= {"people": "person", "persons": "person", "folks": "person", "cactuses": "cactus"}
    plurals |= {"人们": "person"}
    words: dict[str, tuple[str, str]] = {word: ("other", word) for word in _OTHER}
    words |= dict.fromkeys(_EVERY, ("every", ""))
    words |= {plural_: ("any", "") for any_ in ANY for plural_ in (any_, f"{any_}s")}
    words |= {word: ("where", name) for name, pool in WHERE.items() for word in pool}
    words |= {
        word: ("color", name) for name, e in w.colors.items()
        for word in (name, *e.en, *e.zh, *e.near)
    } | {word: ("color", name) for word, name in _COLORS.items()}  # fmt: skip
    words |= {
        word: ("ground", f"{name} {setting or ''}") for name, pools in GROUNDS.items()
        for setting, pool in pools.items() for word in pool
    }  # fmt: skip
    words |= {word: ("kind", name) for word, name in (nouns | plurals).items()}
    words = dict(sorted(words.items(), key=lambda item: -len(item[0])))
    return Lexicon(words, frozenset(plurals))


def _head(text: str, nouns: list[Word], chinese: bool) -> Word:
    if chinese:
        return nouns[-1]
    for first, noun in enumerate(nouns):
        before = text[nouns[first - 1].end if first else 0 : noun.start]
        if not _BEFORE.intersection(re.findall("[a-z]+", before)):
            break
    else:
        first = 0  # "in the sky"
    last = first
    while last + 1 < len(nouns) and text[nouns[last].end : nouns[last + 1].start] == " ":
        last += 1  # "a table lamp"
    return nouns[last]


def _refuse_two(tool: str, text: str, nouns: list[Word], head: Word, chinese: bool) -> None:
    at = nouns.index(head)
    pair = nouns[at - 1 : at + 1] if chinese else nouns[at : at + 2]
    if len(pair) == 2 and _AND.match(text[pair[0].end : pair[1].start]):
        raise ToolError(
            f"{tool}: {_short(text)!r} names two things; allowed is one, so call once for each."
        )


def _refuse_what_turns(tool: str, text: str) -> None:
    for pattern, allowed in ((_TURNED, "what is meant"), (_ORDINAL, "leftmost, largest and such")):
        if match := pattern.search(text):
            raise ToolError(
                f"{tool}: {match.group()!r} in {_short(text)!r} is not understood here; allowed is"
                f" to say {allowed}."
            )


def _belongs(text: str, word: Word, nouns: list[Word], head: Word | None, chinese: bool) -> bool:
    """Whether a color or a place is said of the head."""
    if head is None or word.sort not in ("color", "where"):
        return True
    after = next((noun for noun in nouns if noun.start >= word.end), None)
    before = next((noun for noun in reversed(nouns) if noun.end <= word.start), None)
    if chinese:
        return (after or before) == head
    if after is not None and not _SMALL_WORDS.intersection(
        re.findall("[a-z]+", text[word.end : after.start].replace(" and ", " "))
    ):
        while text[after.end : after.end + 1] == " " and (
            following := next((n for n in nouns if n.start == after.end + 1), None)
        ):
            after = following
        return after == head
    if word.sort == "where":
        return True
    other = re.match(r" ([a-z]+)", text[word.end :])
    of_other = (  # "a house with a red roof"; people wear their colors
        other is not None
        and other[1] not in _SMALL_WORDS
        and head.meaning != "person"
        and not _known(text, word.end + 1)
    )
    return before == head and not of_other


def _weight(text: str, word: Word) -> int:
    """What counts first where a phrase says two: "largest", then "left", then "large"."""
    if word.meaning not in ("largest", "smallest"):
        return 1
    said = text[word.start : word.end]
    return 0 if said.endswith("est") or said.startswith("最") else 2


def _known(text: str, start: int) -> bool:
    return any(word.start == start for word in words_of(text))


def _alone(text: str, start: int, end: int) -> bool:
    """Whether an English word stands by itself there, not before a hyphen as in "red-haired"."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if text[start:end] in _COLORS and not re.match("-| [a-z]", after):
        return False  # "is the sky blue?"
    return not re.match("[a-z]", before) and not re.match("[a-z]|-[a-z]", after)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
