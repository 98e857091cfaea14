"""Answer a question about an image with a typed value: how many, what color, where, is there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .chinese import MEASURES
from .errors import ToolError
from .geometry import Box, center
from .painter_words import NUMBERS, place_of
from .panoptic import Sight, Thing, see
from .phrases import Phrase, is_chinese, normal, read_phrase, words_of
from .registry import Context, tool
from .segment import account, chosen
from .world import NATURAL, world

ANSWER_TOKENS = 32
"""Length of an answer at most."""
Kind = Literal["count", "color", "place", "yes or no", "fact", "things", "words"]


class Answer(BaseModel):
    """The answer to a question, and how sure it is (0 to 1).

    ``value`` is a whole number for a count, a color's name (a list where such things differ), a
    place ("far left" to "far right", or "across"), true or false, a word for a fact of the scene,
    a list of things, or other words; None where what was asked about is not there. ``heard`` is how
    the question was understood. What is said of a picture that is not ``familiar``, as photographs
    are not, is a guess.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    value: bool | int | str | list[str] | None
    confidence: float
    heard: str
    familiar: bool = True


@tool("panoptic", optional=("answerer",))
def ask(
    context: Context,
    image: Image.Image,
    *,
    question: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
        Field(description="such as 'how many red houses are there?' or 「树在哪里？」"),
    ],
) -> Answer:
    """Answer a question about an image, in English or Chinese: how many of something there are, of
    what color or where it is, whether it is there, left or right of, above or below something else,
    what season, time, weather, setting or style it is, and what there is to see.

    A profile with an answerer answers any question about any picture; what is asked of the built-in
    world, of a picture of it, is still answered by the eyes for that.

    Raises `ToolError` for a question of another kind, or about what the model does not know.
    """
    any_question = context.models.has("answerer")
    try:
        asked = understood(question)
    except ToolError:
        if not any_question:
            raise
        asked = None
    if asked is None:
        return answer(context, image, question=question)
    sight = see(context, image)
    if any_question and not sight.familiar:
        return answer(context, image, question=question)
    return asked.answer(sight).model_copy(update={"familiar": sight.familiar})


@tool("answerer")
def answer(
    context: Context,
    image: Image.Image,
    *,
    question: Annotated[str, StringConstraints(min_length=1, max_length=300)],
) -> Answer:
    """Answer a question about any image with the profile's answerer, whatever the eyes for the
    built-in world could tell: how an answerer is tried. What it says is a typed value where it
    is one."""
    from .readers import written

    read = written(context, context.models.get("answerer"), image, question, limit=ANSWER_TOKENS)
    kind, value = typed(read.text)
    sure = math.prod(probability for _, probability in read.words)
    return Answer(kind=kind, value=value, confidence=_p(sure), heard=question)


@dataclass(frozen=True)
class Question:
    """A question as it was understood, and how to answer it from what is seen."""

    heard: str
    answer: Callable[[Sight], Answer]


_HOW_MANY = r"\bhow many\b|\bnumber of\b|\bcount\b|多少|几"
_COLOR = r"\bcolou?r(?:s|ed)?\b(?: (?:is|are|of)\b)?|(?:什么|哪种|何种|哪个|啥|的)颜色|什么色|颜色"
_WHERE = (
    r"\bwhere(?:abouts)?\b|\b(?:which|what) (?:side|part|half)\b|哪里|哪儿|哪边|哪一边|哪个方向"
    r"|什么位置|哪个位置|什么地方"
)
_WHAT = r"\bwhat(?:'s| is| are| do| does| can)\b|\bdescribe\b|\blist\b|什么|啥|描述"
_FACTS: dict[str, str] = {
    "season": r"\b(?:which|what)\b.*\bseason\b|\bseason (?:is|of)\b|\btime of year\b|季节",
    "time": r"\b(?:(?:what|which) )?time of day\b|\b(?:what|which) time\b|时间|什么时候|时辰|几点",
    "weather": r"\bweather\b|天气",
    "style": r"\bstyle\b|风格|画风",
    "setting": r"\b(?:what|which|the) setting\b|\bsetting (?:is|of)\b"
    r"|\b(?:what|which)(?: kind of| sort of)? (?:place|scene)\b"
    r"|\bwhere (?:is|does) (?:this|it|the (?:scene|picture))\b(?: take place| set)?"
    r"|场景|什么地方|哪种地方",
}
_RELATIONS: dict[str, str] = {
    "left of": r"\b(?:on |to )?(?:the )?left (?:side )?of\b|左边|左侧|左面",
    "right of": r"\b(?:on |to )?(?:the )?right (?:side )?of\b|右边|右侧|右面",
    "above": r"\babove\b|\bover\b|\bhigher than\b|上方|上面",
    "below": r"\bbelow\b|\bunder(?:neath)?\b|\bbeneath\b|\blower than\b|下方|下面",
}
_WHICH = r"\b(?:what|which|how)\b|什么|怎么样|怎样|如何|哪个|哪种|啥"
_OR = r"\bor\b|还是|或者"
_PICTURE = (
    r"\b(?:the |this |that )?(?:picture|image|photo|drawing|painting|illustration|scene)\b"
    r"|(?:这|那)?(?:张|幅|个)?(?:图片|图像|照片|画面|画里|画中|图里|图中|图上|画上|图)"
)
_DIGITS = {**{word: n for n, word in enumerate(NUMBERS)}, **{str(n): n for n in range(100)},
           **{c: n for n, c in enumerate("零一二三四五六七八九十")}, "两": 2}  # fmt: skip
_YES, _NO = {"yes", "true", "是", "是的", "有", "对"}, {"no", "false", "不是", "没有", "不", "否"}
_EMPTY = (
    "is are was were be there any a an the this that these those it its in on at of to do does"
    " did you i we can could see seen have has please tell me whether if show shows shown visible"
    " contain contains found exist exists look looks like located sitting standing placed now today"
    " here some exactly one wearing dressed clothes"
)
_SAID = frozenset(_EMPTY.split())
"""Words of a question that change nothing."""
_SAID_CHINESE = re.compile(
    "请问|告诉我|看到|看见|可以|位于|位置|总共|一共|现在|是否|分别|到底|里面|其中|衣服"
    f"|[穿的有吗呢么是在这那里中上着了啊呀吧能看共画{MEASURES}]"
)
_POSSIBLE = (
    "possible are how many of something there are, of what color it is, where it is, whether it is"
    " there, whether it is left of, right of, above or below another, what season, time, weather,"
    " setting or style it is, and what there is to see"
)


def understood(question: str) -> Question:
    """What is asked. Raises `ToolError` as `ask` does."""
    text = re.sub(r"\s+", " ", normal(question))
    text = re.sub("有没有", "有", re.sub("是不是", "是", re.sub("在不在", "在", text)))
    text = re.sub(r"'s\b", " is", text)
    text = re.sub(f"({_fact_pattern()})|{_PICTURE}", lambda match: match[1] or " ", text)
    for reading in (_how_many, _of_what_color, _what_fact, _where, _in_relation, _whether_facts,
                    _what_there_is, _whether_there):  # fmt: skip
        asked = reading(text)
        if asked is not None:
            return asked
    raise AssertionError("the last reading reads everything")


# -- the questions, each a reading of a text that is None where it is another question


def _how_many(text: str) -> Question | None:
    if not re.search(_HOW_MANY, text) or re.search("几点|几乎", text):
        return None
    if re.search(_COLOR, text) and not re.search("[多几]少?(?:种|个)?颜色|how many colou?rs", text):
        return None  # "这几棵树是什么颜色"
    phrase = _phrase(text)
    _refuse_unread(text, f"{_HOW_MANY}|{_WHICH}", phrase)
    if phrase.ground:
        raise _refusal(f"{phrase} is not counted")
    return Question(f"how many: {phrase}", lambda sight: _count(sight, phrase))


def _of_what_color(text: str) -> Question | None:
    colors = {word.meaning for word in words_of(text) if word.sort == "color"}
    if len(colors) > 1 and re.search(_OR, text):
        for word in reversed([word for word in words_of(text) if word.sort == "color"]):
            text = text[: word.start] + " " * (word.end - word.start) + text[word.end :]
    elif not re.search(_COLOR, text):
        return None
    phrase = _phrase(text)
    _refuse_unread(text, f"{_COLOR}|{_WHICH}|{_OR}|几", phrase)
    if phrase.ground:
        raise _refusal(f"the color of the {phrase.kind} is not seen")
    return Question(f"color of: {phrase}", lambda sight: _color(sight, phrase))


def _what_fact(text: str) -> Question | None:
    for fact, pattern in _FACTS.items():
        if re.search(pattern, text):
            named = _named_facts(re.sub(pattern, " ", text))
            if [f for f, _ in named] == [fact]:
                return None  # "is the season winter?"
            noun = next((w for w in words_of(text) if w.sort in ("kind", "ground")), None)
            if noun is not None and fact == "setting":
                return None  # "what place is the cat in?"
            if noun is not None:
                raise _refusal(f"the {fact} of one thing is not seen, only of all")
            _refuse_unread(text, f"{pattern}|{_WHICH}|{_OR}|{_fact_pattern()}", None)
            return Question(f"{fact}?", partial(_fact, fact=fact))
    named = _named_facts(text)
    if len(named) > 1 and len({fact for fact, _ in named}) == 1 and re.search(_OR, text):
        _refuse_unread(text, f"{_OR}|{_fact_pattern()}", None)
        fact = named[0][0]
        return Question(f"{fact}?", lambda sight: _fact(sight, fact))
    return None


def _where(text: str) -> Question | None:
    sides = {word.meaning for word in words_of(text) if word.sort == "where"}
    if not re.search(_WHERE, text):
        if not (len(sides) > 1 and re.search(_OR, text)):
            return None
        if sides != {"left", "right"} or len(_nouns(text)) > 1:
            raise _refusal("which of two places it is, other than left or right of the picture")
        text = re.sub(r"\b(?:left|right)\b|[左右](?:边|侧|面)?", " ", text)
    phrase = _phrase(text)
    _refuse_unread(text, f"{_WHERE}|{_WHICH}|{_OR}", phrase)
    if phrase.ground:
        raise _refusal(f"the place of the {phrase.kind} is not told")
    return Question(f"where: {phrase}", lambda sight: _place(sight, phrase))


def _in_relation(text: str) -> Question | None:
    for relation, pattern in _RELATIONS.items():
        match = re.search(pattern, text)
        if match is None or len(_nouns(text)) < 2:
            continue
        if re.search(_OR, text):
            raise _refusal("only one thing is told at a time; ask for each")
        before, after = text[: match.start()], text[match.end() :]
        if is_chinese(match.group()):
            first, on, second = before.partition("在")
            if not (on and second.strip()):  # 「房子左边有树吗」
                first, second = after, before
        else:
            first, second = before, after
        a, b = _phrase(first), _phrase(second)
        for side, phrase in ((first, a), (second, b)):
            _refuse_unread(side, "有", phrase)
        return Question(
            f"{a} {relation} {b}?",
            partial(_related, first=a, relation=relation, second=b),
        )
    return None


def _whether_facts(text: str) -> Question | None:
    named = _named_facts(text)
    spans = [match.span() for match in re.finditer(_fact_pattern(), text)]
    if not named or any(
        word.sort == "kind" and not any(a <= word.start and word.end <= b for a, b in spans)
        for word in words_of(text)
    ):
        return None  # 「白云」 names a thing, 「多云」 a fact
    grounds = f"|{'|'.join(map(re.escape, _nouns(text)))}" if _nouns(text) else ""
    facts = "|".join(_FACTS.values())
    _refuse_unread(text, f"{_fact_pattern()}|{facts}|season|time|and{grounds}", None)
    heard = f"{', '.join(f'{fact} {word}' for fact, word in named)}?"
    return Question(heard, lambda sight: _are_facts(sight, named, heard))


def _what_there_is(text: str) -> Question | None:
    if _nouns(text) or not re.search(_WHAT, text):
        return None
    _refuse_unread(text, f"{_WHAT}|都|些|画", None)
    return Question("what is there?", _things)


def _whether_there(text: str) -> Question:
    phrase = _phrase(text)
    number = _number(text)
    if len({word.meaning for word in words_of(text) if word.sort == "where"}) > 1:
        raise _refusal("only one place or size is told at a time")
    _refuse_unread(text, "there's" if number is None else _numbers(), phrase)
    if phrase.ground and any(w.sort == "color" for w in words_of(text)):
        raise _refusal(f"the color of the {phrase.kind} is not seen")
    if number is not None and not phrase.ground:
        return Question(f"{number} {phrase}?", lambda sight: _is_count(sight, phrase, number))
    return Question(f"{phrase}?", lambda sight: _there(sight, phrase))


# -- the answers


def typed(text: str) -> tuple[Kind, bool | int | str]:
    """An answer in words as a value: "Yes." is true, "two" is 2, "red" is a color."""
    said = normal(text).strip(" .!。！")
    if said in _YES or said in _NO:
        return "yes or no", said in _YES
    if said in _DIGITS:
        return "count", _DIGITS[said]
    known = words_of(said)
    if len(known) == 1 and known[0].sort == "color" and said == said[known[0].start : known[0].end]:
        return "color", known[0].meaning
    return "words", text


def _count(sight: Sight, phrase: Phrase) -> Answer:
    things = [sight.things[n] for n in chosen(sight, replace(phrase, every=True))]
    sure = min((t.confidence for t in things), default=None)
    return Answer(
        kind="count", value=len(things), heard=f"how many: {phrase}",
        confidence=_p(_absent(sight, phrase) if sure is None else sure),
    )  # fmt: skip


def _color(sight: Sight, phrase: Phrase) -> Answer:
    things = [sight.things[n] for n in chosen(sight, phrase)]
    heard = f"color of: {phrase}"
    if not things:
        return Answer(kind="color", value=None, confidence=_p(_absent(sight, phrase)), heard=heard)
    colors = list(dict.fromkeys(map(_color_of, things)))
    sure = min(thing.confidence * thing.color_confidence for thing in things)
    value = colors[0] if len(colors) == 1 else colors
    return Answer(kind="color", value=value, confidence=_p(sure), heard=heard)


def _color_of(thing: Thing) -> str:
    natural = NATURAL[thing.kind]
    return next(iter(natural)) if thing.color is None and len(natural) == 1 else thing.looks


def _place(sight: Sight, phrase: Phrase) -> Answer:
    things = [sight.things[n] for n in chosen(sight, phrase)]
    heard = f"where: {phrase}"
    if not things:
        return Answer(kind="place", value=None, confidence=_p(_absent(sight, phrase)), heard=heard)
    sure = min(thing.confidence for thing in things)
    value = place_of([thing.center[0] for thing in things])
    return Answer(kind="place", value=value, confidence=_p(sure), heard=heard)


def _there(sight: Sight, phrase: Phrase) -> Answer:
    _, sure, boxes = account(sight, replace(phrase, every=True))
    return Answer(kind="yes or no", value=bool(boxes), confidence=_p(sure), heard=f"{phrase}?")


def _is_count(sight: Sight, phrase: Phrase, number: int) -> Answer:
    counted = _count(sight, phrase)
    return counted.model_copy(
        update={"kind": "yes or no", "value": counted.value == number,
                "heard": f"{number} {phrase}?"}
    )  # fmt: skip


def _related(sight: Sight, first: Phrase, relation: str, second: Phrase) -> Answer:
    """Which way it is, by the means of the centers: a question wants an answer, where a claim that
    is to be met has to be clear to any viewer."""
    (a, sure_a), (b, sure_b) = (_boxes(sight, phrase) for phrase in (first, second))
    heard = f"{first} {relation} {second}?"
    if not a or not b:
        missing = max(sure for sure, found in ((sure_a, a), (sure_b, b)) if not found)
        return Answer(kind="yes or no", value=None, confidence=_p(missing), heard=heard)
    axis = 0 if relation in ("left of", "right of") else 1
    x, y = (sum(center(box)[axis] for box in side) / len(side) for side in (a, b))
    value = x < y if relation in ("left of", "above") else x > y
    return Answer(kind="yes or no", value=value, confidence=_p(min(sure_a, sure_b)), heard=heard)


def _boxes(sight: Sight, phrase: Phrase) -> tuple[list[Box], float]:
    """The boxes of what a phrase names, and how sure they are, or that there is none."""
    _, sure, boxes = account(sight, phrase)
    return boxes, sure


def _fact(sight: Sight, fact: str) -> Answer:
    word, p = sight.facts[fact]
    return Answer(kind="fact", value=word, confidence=_p(p), heard=f"{fact}?")


def _are_facts(sight: Sight, named: list[tuple[str, str]], heard: str) -> Answer:
    wrong = [sight.facts[fact][1] for fact, word in named if sight.facts[fact][0] != word]
    sure = max(wrong) if wrong else min(sight.facts[fact][1] for fact, _ in named)
    return Answer(kind="yes or no", value=not wrong, confidence=_p(sure), heard=heard)


def _things(sight: Sight) -> Answer:
    names = [f"{t.color} {t.kind}" if t.color else t.kind for t in sight.things]
    sure = min((t.confidence for t in sight.things), default=1.0)
    return Answer(kind="things", value=names, confidence=_p(sure), heard="what is there?")


def _absent(sight: Sight, phrase: Phrase) -> float:
    return account(sight, phrase)[1]


def _p(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)


# -- the words


def _phrase(text: str) -> Phrase:
    try:
        return read_phrase("ask", text)
    except ToolError as error:
        raise ToolError(f"{error} {_POSSIBLE[0].upper()}{_POSSIBLE[1:]}.") from None


def _refusal(why: str) -> ToolError:
    return ToolError(f"ask: {why}; {_POSSIBLE}.")


def _nouns(text: str) -> list[str]:
    return [text[w.start : w.end] for w in words_of(text) if w.sort in ("kind", "ground")]


def _refuse_unread(text: str, pattern: str, phrase: Phrase | None) -> None:
    """Refuse a question with words that were not understood, for they may change what is asked; or
    with another noun than that of ``phrase``."""
    words = words_of(text)
    kinds = {word.meaning for word in words if word.sort in ("kind", "ground")}
    if phrase is not None and len(kinds) > 1:
        raise _refusal(f"how {' and '.join(sorted({k.split()[0] for k in kinds}))} go together in"
                       f" {text.strip()!r} is not seen")  # fmt: skip
    left = re.sub(pattern, lambda match: " " * len(match.group()), text)
    for word in words_of(left) if phrase is not None else ():
        left = left[: word.start] + " " * (word.end - word.start) + left[word.end :]
    english = [w for w in re.findall(r"[a-z0-9'-]+", left) if w not in _SAID]
    chinese = "".join(re.findall("[\u4e00-\u9fff]+", _SAID_CHINESE.sub(" ", left)))
    unread = " ".join(filter(None, (*english, chinese)))
    if unread:
        raise _refusal(f"{unread!r} in {text.strip()!r} is not understood")


@cache
def _facts() -> dict[str, tuple[str, str]]:
    """Words that name a fact, the longest first: "wintry" → season, winter."""
    w = world()
    pools = {"season": w.seasons, "time": w.times, "weather": w.weathers,
             "setting": w.settings, "style": w.styles}  # fmt: skip
    words = {
        word: (fact, name)
        for fact, pool in pools.items()
        for name, entry in pool.items()
        for word in (name, *entry.en, *entry.zh)
    }
    words |= {"raining": ("weather", "rain")}
    return dict(sorted(words.items(), key=lambda item: -len(item[0])))


@cache
def _fact_pattern() -> str:
    return "|".join(
        rf"(?<![a-z]){re.escape(word)}(?![a-z])" if word.isascii() else re.escape(word)
        for word in _facts()
    )


def _named_facts(text: str) -> list[tuple[str, str]]:
    """The facts that a text names; the "day" of "a rainy day" is none."""
    longer = [(word.start, word.end) for word in words_of(text)]
    named = [
        (match.group(), _facts()[match.group()])
        for match in re.finditer(_fact_pattern(), text)
        if not any(a <= match.start() and match.end() <= b and b - a > len(match.group())
                   for a, b in longer)
    ]  # fmt: skip
    if len(named) > 1 and not re.search(_OR, text):
        named = [(word, fact) for word, fact in named if word != "day"]
    return list(dict.fromkeys(fact for _, fact in named))


def _numbers() -> str:
    words = "|".join(word for word in _DIGITS if word.isascii())
    return rf"(?<![a-z\d])(?:{words})(?![a-z\d])|[零一二三四五六七八九十两][{MEASURES}]"


def _number(text: str) -> int | None:
    """A number that is said of things; "a" and "one" are none, for there may be more."""
    for said in re.findall(_numbers(), text):
        n = _DIGITS[said if said.isascii() else said[0]]
        if n != 1:
            return n
    return None
