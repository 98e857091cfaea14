"""Requests that draw nothing, or the same again: questions, small talk, rules, "three more"."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from danqing.agent.llm.forms import Understanding

from . import phrases, pictures, scenery, words
from .edits import reference
from .grammar import Phrases
from .said import Said, group, named, pair
from .words import Word

TOPICS_EN = ("autumn", "the sea", "my cat", "love", "spring", "a lost dog", "the moon", "hello",
             "friendship", "good morning", "a dragon", "my mother")  # fmt: skip
TOPICS_ZH = ("秋天", "大海", "我的猫", "爱情", "月亮", "友情", "妈妈", "你好", "一条龙", "故乡")


def _phrases(*path: str) -> Phrases:
    found = phrases.table("talk")
    for key in path:
        found = found[key]
    return found  # type: ignore[return-value]


def _fields(rng: Random, chinese: bool, there: tuple[Word, ...]) -> dict[str, str]:
    word = words.there_or_not(rng, chinese, there, 0.6)
    noun = words.surface(rng, word, chinese)
    sum_ = f"{rng.randint(1, 99)}{rng.choice('+-*')}{rng.randint(1, 99)}"
    return {
        "noun": noun, "many": words.many(noun), "m": words.measure(rng, word, noun), "math": sum_,
        "color": pair(rng, "color", chinese)[1],
        "topic": rng.choice(TOPICS_ZH if chinese else TOPICS_EN),
    }  # fmt: skip


def ask(
    rng: Random, chinese: bool, there: tuple[Word, ...], handles: Sequence[str]
) -> tuple[str, Understanding]:
    """A question about a picture, or about the studio."""
    language = "zh" if chinese else "en"
    fields, roll = _fields(rng, chinese, there), rng.random()
    if roll < 0.2:
        return _phrases("ask", language, "studio").draw(rng), Understanding(intent="ask")
    if roll < 0.4:
        fields["ref"], target = reference(rng, chinese, there, handles)
        text = _phrases("ask", language, "of").draw(rng, fields.__getitem__)
        return text, Understanding(intent="ask", target=target)
    text = _phrases("ask", language, "here").draw(rng, fields.__getitem__)
    return text, Understanding(intent="ask", target="last")


def chat(
    rng: Random, chinese: bool, there: tuple[Word, ...], handles: Sequence[str]
) -> tuple[str, Understanding]:
    """What asks for nothing that can be drawn."""
    language = "zh" if chinese else "en"
    fields = _fields(rng, chinese, there)
    if rng.random() < 0.2:
        fields["ref"], _ = reference(rng, chinese, there, handles)
        return _phrases("act", language).draw(rng, fields.__getitem__), Understanding(intent="chat")
    return _phrases("chat", language).draw(rng, fields.__getitem__), Understanding(intent="chat")


def again(rng: Random, chinese: bool) -> tuple[str, Understanding]:
    """Another picture of the same, several, or one that is different in something."""
    language, roll = "zh" if chinese else "en", rng.random()
    if roll < 0.4:
        return _phrases("again", language).draw(rng), Understanding(intent="make", again=1)
    if roll < 0.8:
        n = rng.choices(range(2, 11), (30, 30, 20, 10, 6, 3, 2, 2, 2))[0]
        word = words.number(rng, n, chinese, digits=0.4)
        text = _phrases("again_n", language).draw(rng, {"n": word}.__getitem__)
        return text, Understanding(intent="make", again=n)
    part = _part(rng, chinese)
    text = _phrases("again_but", language).draw(rng, {"part": part.text}.__getitem__)
    return text, Understanding(intent="make", claims=pictures.unique(part.claims))


def _part(rng: Random, chinese: bool) -> Said:
    if rng.random() < 0.7:
        return scenery.scene(rng, rng.choice(("season", "time", "weather", "style")), chinese)
    g = group(rng, chinese, rich=0.5)
    return Said(named(rng, g, chinese), g.claims())


def rule(rng: Random, chinese: bool) -> tuple[str, Understanding]:
    """A rule for all later pictures, at times with a request for now; or the end of one."""
    language = "zh" if chinese else "en"
    if rng.random() < 0.4:
        return _lifted(rng, chinese)
    rules = [_rule(rng, chinese) for _ in range(rng.choice((1, 1, 1, 2)))]
    mark = "，" if chinese else rng.choice((" and ", ", "))
    text = _phrases("standing", language).draw(rng, lambda name: mark.join(r.text for r in rules))
    claims = [claim for one in rules for claim in one.claims]
    return text, Understanding(intent="chat", claims=pictures.unique(claims), standing=True)


def _rule(rng: Random, chinese: bool) -> Said:
    if rng.random() < 0.55:
        word = rng.choice((words.known()["person"], words.thing(rng, chinese)))
        noun = words.surface(rng, word, chinese)
        frames = (
            ("不要有{}", "不要{}", "别画{}", "没有{}")
            if chinese
            else ("no {}", "without {}", "never draw {}", "don't draw {}")
        )
        text = rng.choice(frames).format(noun if chinese else words.many(noun))
        return Said(text, [{"kind": "absent", "subject": word.name}])
    kind = rng.choice(("style", "style", "season", "time", "weather"))
    said = scenery.scene(rng, kind, chinese)
    if chinese:
        return Said(f"{rng.choice(('用', '画成', '是', ''))}{said.text}", said.claims)
    return Said(f"{rng.choice(('everything ', 'draw ', ''))}{said.text}", said.claims)


def _lifted(rng: Random, chinese: bool) -> tuple[str, Understanding]:
    language = "zh" if chinese else "en"
    if rng.random() < 0.2:
        text = _phrases("lifted", f"all_{language}").draw(rng)
        return text, Understanding(intent="chat", lifted=["everything"])
    word = words.thing(rng, chinese) if rng.random() < 0.5 else words.known()["person"]
    noun = words.surface(rng, word, chinese)
    kind = rng.choice(("style", "style", "time", "season", "weather"))
    table = words.values(kind, chinese)
    value = rng.choice(list(table))
    lifted: list[str] = []

    def fill(name: str) -> str:
        if name == "value":
            lifted.append(value)
            return rng.choice(table[value])
        lifted.append(word.name)
        return noun if chinese else words.many(noun)

    text = _phrases("lifted", language).draw(rng, fill)
    return text, Understanding(intent="chat", lifted=lifted)
