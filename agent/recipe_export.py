"""A picture, or a session, as a recipe: the very steps that led there, and uploads as inputs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.errors import BadInput, ToolError
from ..tools.registry import ToolSpec
from . import provenance
from .ledger import Ledger
from .recipe import MAX_STEPS, Use, uses
from .records import Step, TurnRecord

_UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff\u2028\u2029\ue0f0-\ue0f3\ufeff\ufffe\uffff]")


def export(ledger: Ledger, tools: Mapping[str, ToolSpec], what: str | None = None) -> str:
    """The text of a recipe that makes the picture ``what`` (img-3), or the finished pictures of the
    session ``what``; of the latest session without it. The description of an input begins with
    the handle of its picture.

    Run with the same uploads and models on the same machine, it gives the same pixels. Raises
    `BadInput` where there is no such picture or session, or where a tool is not here any more.
    """
    if what is not None and what.startswith("img-"):
        try:
            picture = ledger.picture(what)
        except ToolError as error:
            message = str(error)
            raise BadInput(message[:1].upper() + message[1:] + ".") from None
        return _written(ledger, tools, {"picture": what}, ledger.turn(picture.turn))
    turns = _session(ledger, what)
    outputs: dict[str, str] = {}
    for turn in turns:
        outcome = turn.outcome or {}
        named = outcome.get("outputs") or {"picture": outcome["picture"]}
        there = ledger.there(named.values())
        for name, handle in named.items():
            if handle in there and handle not in outputs.values():
                outputs[name if name not in outputs else f"{name}-{len(outputs) + 1}"] = handle
    return _written(ledger, tools, outputs, turns[0])


def _session(ledger: Ledger, session: str | None) -> list[TurnRecord]:
    """The turns of a session that ended with a picture, oldest first."""
    turns = ledger.turns(10_000 if session else 200, session)
    made = {turn.id: (turn.outcome or {}).get("picture") for turn in turns}
    there = ledger.there([handle for handle in made.values() if handle])
    turns = [turn for turn in turns if made[turn.id] in there]
    if not turns:
        said = "There is no finished picture" if session is None else f"There is no {session!r}"
        raise BadInput(
            f"{said} to export.", hint="Name a picture, as in img-3, or a session with pictures."
        )
    return [turn for turn in reversed(turns) if turn.session == turns[0].session]


def _written(
    ledger: Ledger, tools: Mapping[str, ToolSpec], outputs: Mapping[str, str], turn: TurnRecord
) -> str:
    known = uses(tools)
    steps = {
        step.id: step for h in outputs.values() for step in provenance.lineage(ledger, h)
    }  # the lineages of several pictures share steps
    masks = {step.inputs.get("mask") for step in steps.values()}
    names: dict[str, str] = {}
    uploads: dict[str, str] = {}
    lines: list[str] = []
    counts: Counter[str] = Counter()

    def bring(handle: str, about: str) -> None:
        name = "mask" if handle in masks else "photo"
        name = name if name not in uploads else f"{name}-{len(uploads) + 1}"
        uploads[name], names[handle] = about, f"inputs.{name}"

    for step in provenance.in_order(steps.values()):
        if step.tool == "upload":
            picture = step.pictures[0]
            about = f"{picture.handle}, {picture.width}x{picture.height} pixels"
            bring(picture.handle, about)
            continue
        for handle in step.inputs.values():
            if handle not in names:
                bring(handle, f"{handle}, which was deleted")
        if step.tool not in known:
            raise BadInput(f"A step was made by {step.tool!r}, which is not here any more.")
        counts[step.tool] += 1
        name = step.tool if counts[step.tool] == 1 else f"{step.tool}-{counts[step.tool]}"
        lines += _step(name, step, known[step.tool], names)
        for position, picture in enumerate(step.pictures):
            one = "image" if position == 0 else f"images[{position}]"
            names.setdefault(picture.handle, f"steps.{name}.{one}")
    if not 0 < counts.total() <= MAX_STEPS:
        raise BadInput(
            f"{counts.total()} steps led there; a recipe has 1 to {MAX_STEPS}.",
            hint="Name a picture that fewer steps led to.",
        )
    head = ["version: 1", f"name: {_text(turn.request[:200])}"]
    if uploads:
        head.append("inputs:")
    for name, about in uploads.items():
        head.append(f"  {name}: {{type: image, description: {_text(about)}}}")
    tail = [f"  {name}: ${{{{ {names[handle]} }}}}" for name, handle in outputs.items()]
    return "\n".join([*head, "steps:", *lines, "outputs:", *tail]) + "\n"


def _step(name: str, step: Step, use: Use, names: Mapping[str, str]) -> list[str]:
    arguments = {
        key: value for key, value in step.args.items()
        if key == use.seeded or value != use.arguments.model_fields[key].default
    }  # fmt: skip
    lines = [f"  - id: {name}", f"    uses: {step.tool}"]
    if step.inputs or arguments:
        lines.append("    with:")
    lines += [f"      {key}: ${{{{ {names[handle]} }}}}" for key, handle in step.inputs.items()]
    lines += [f"      {key}: {_text(value)}" for key, value in arguments.items()]
    return lines


def _text(value: Any) -> str:
    """A value as YAML on one line; JSON is, once nothing in it is a reference or a line's end."""
    text = json.dumps(_escaped(value), ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_escaped(item) for item in value]
    return value.replace("${{", "$${{") if isinstance(value, str) else value
