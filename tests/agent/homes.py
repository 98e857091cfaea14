"""Homes with words and pictures in them, and the search for those in all their files."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from danqing.agent import provenance
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger, Step, Turn

WORDS = "a house that nobody may hear of"


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """A folder in memory where there is one, else this one: syncing is free there."""
    if not os.access("/dev/shm", os.W_OK):
        yield folder
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        yield Path(memory)


def noise(seed: str, side: int = 24) -> Image.Image:
    return Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3))


def call(
    ledger: Ledger, turn: Turn, prompt: str, *inputs: str, tool: str = "text_to_image"
) -> Step:
    """A step as `Hands` makes one: answered by an equal one, else painted."""
    digests = [ledger.picture(handle).digest for handle in inputs]
    key = ledger.key(tool, {"prompt": prompt}, digests, 7, "m")
    earlier = ledger.find_step(key)
    if earlier is not None:
        reused = ledger.reuse_step(turn, earlier)
        assert reused is not None
        return reused
    named = {f"image{n or ''}": handle for n, handle in enumerate(inputs)}
    step = ledger.begin_step(turn, tool, {"prompt": prompt, "seeds": [7]}, named, 7, key)
    return ledger.finish_step(step, [noise(prompt + "".join(digests))], {"said": prompt}, {})


def talk(ledger: Ledger, words: str, *prompts: str, session: str | None = None) -> str:
    """A session with a turn that says ``words`` wherever something is said, and paints."""
    session = session or ledger.new_session()
    turn = ledger.begin_turn(session, words, {"out": words, "models": "sketchbook"})
    brief = {"version": 1, "language": "en", "intent": "make", "target": None, "claims": []}
    ledger.record_brief(turn, brief | {"remarks": [words]})
    ledger.record_plan(turn, [{"tool": words}])
    ledger.record_reply(turn, "key", {"said": words})
    ledger.tell(turn, {"event": "phase", "data": {"note": words}})
    failed = ledger.begin_step(turn, "ask", {"question": words}, {}, None, "k")
    ledger.fail_step(failed, words, "failed")
    picture = None
    for prompt in prompts:
        picture = call(ledger, turn, prompt).pictures[0].handle
        ledger.record_verdict(turn, picture, {"findings": {}, "said": words})
        provenance.write(
            ledger.home.pictures / f"{picture}.png", noise(prompt), {"request": words, "steps": []}
        )
    ledger.end_turn(turn, {"reply": words, "picture": picture, "satisfied": True})
    return session


def holding(home: Home, *found: str | bytes) -> dict[str, list[str | bytes]]:
    """The files of a home, logs and all, that hold one of some words or bytes."""
    held = {}
    for file in sorted(home.root.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            there = [one for one in found
                     if (one.encode() if isinstance(one, str) else one) in data]  # fmt: skip
            if there:
                held[file.name] = there
    return held


def pixels(ledger: Ledger, handle: str) -> bytes:
    """Some bytes of a picture's file that no other has."""
    file = ledger.store.path(ledger.picture(handle).digest).read_bytes()
    return file[200:264]
