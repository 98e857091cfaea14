"""Requests of every kind with what is to be understood by them, without end.

`samples` draws them: new pictures, changes, questions, talk and rules, half of them English and
half Chinese. All words come from the tables beside this file and from the reader's lexicon, all
chance from the seed, and what a request means is known because it was said on purpose: nothing is
read back from the words. Sentences that the tests of the built-in reader ask (`noted`) are left
out, so that they can be a check.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from danqing.agent.llm.forms import Understanding

from . import edits, noted, pictures, talk, words
from .form import answer, message
from .grammar import weighted
from .noise import typed

SHARES: tuple[tuple[float, str], ...] = (
    (56, "make"), (27, "edit"), (4, "ask"), (5, "chat"), (3, "again"), (3, "rule"), (2, "too"),
)  # fmt: skip
_FRESH = {"make": 0.55, "edit": 0.2, "too": 0.0, "again": 0.0}
"""How often nothing is known when a request is said, as where it is read alone."""
HELD_OUT = 32
"""One request in so many, told by its text, is held out: no recipe trains on it."""


@dataclass(frozen=True)
class Sample:
    """What a planner is told (``message``) and what it is to answer."""

    message: str
    understanding: Understanding
    kind: str
    chinese: bool
    request: str
    handles: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether it makes a Brief: chance may ask for what cannot be, as for rain and clear
        weather."""
        try:
            self.understanding.brief(self.request, self.handles)
        except ValueError:
            return False
        return True

    @property
    def held_out(self) -> bool:
        return zlib.crc32(self.request.encode()) % HELD_OUT == 0

    @property
    def answer(self) -> str:
        return answer(self.understanding)


def samples(seed: int | str, *, held_out: bool = False) -> Iterator[Sample]:
    """Samples without end, the same for the same ``seed``: those to train on, or those held out."""
    rng = Random(f"requests {seed}")
    while True:
        sample = draw(rng)
        if sample.held_out == held_out and sample.sound and not noted.is_asked(sample.request):
            yield sample


def draw(rng: Random) -> Sample:
    """One sample."""
    chinese = rng.random() < 0.5
    kind = weighted(rng, SHARES)
    there = tuple(words.thing(rng, chinese) for _ in range(rng.choice((1, 2, 2, 3, 4))))
    handles = [f"img-{n + 1}" for n in range(rng.choices(range(1, 7), (30, 25, 20, 10, 8, 7))[0])]
    before, (text, told) = None, ("", Understanding(intent="chat"))
    match kind:
        case "make":
            text, told = pictures.draw(rng, chinese)
        case "edit":
            text, told = edits.draw(rng, chinese, there, handles)
        case "too":
            before, text, told = edits.too(rng, chinese, there, handles)
        case "ask":
            text, told = talk.ask(rng, chinese, there, handles)
        case "chat":
            text, told = talk.chat(rng, chinese, there, handles)
        case "again":
            text, told = talk.again(rng, chinese)
        case _:
            text, told = talk.rule(rng, chinese)
    text = typed(rng, text, chinese)
    if rng.random() < _FRESH.get(kind, 0.3):
        return Sample(message(text), told, kind, chinese, text)
    before = before or _before(rng, chinese, there, handles)
    lines = _around(rng, there, handles, text, before)
    return Sample(lines, told, kind, chinese, text, tuple(handles))


def _before(
    rng: Random, chinese: bool, there: tuple[words.Word, ...], handles: Sequence[str]
) -> str | None:
    """What may have been asked for before; mostly nothing that is known."""
    if rng.random() > 0.12:
        return None
    if rng.random() < 0.7:
        return pictures.draw(rng, chinese)[0]
    return edits.draw(rng, chinese, there, handles)[0]


def _around(
    rng: Random, there: Sequence[words.Word], handles: Sequence[str], request: str,
    before: str | None,
) -> str:  # fmt: skip
    """The request with what a session knows when it is said: of what is shown, the things that
    the painter knows."""
    opened = handles[-1] if rng.random() < 0.85 else rng.choice(handles)
    seen: list[str] = []
    if rng.random() < 0.5:
        known = {word.name for word in words.painted()}
        seen = [name for name in dict.fromkeys(word.name for word in there) if name in known]
        rng.shuffle(seen)
    return message(request, pictures=handles, open=opened, shows=seen, before=before)


__all__ = ["HELD_OUT", "Sample", "samples"]
