"""The text of a recipe: YAML that is nothing but data, and where in the text every value stands.

Plain words are read as YAML 1.2 reads them: ``yes`` and ``12:30`` are text. Aliases, tags and
repeated keys are refused. A reference such as ``${{ inputs.photo }}`` may stand anywhere without
quotes, in ``{…}`` too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..tools.errors import BadInput

Where = tuple[str | int, ...]
"""The keys and positions that lead to a value."""
MAX_BYTES = 128 * 1024
MAX_DEPTH = 16

_REFERENCE = re.compile(r"(?<!\$)\$\{\{[^{}\n]*\}\}")
_HELD = "\ue0f0\ue0f1\ue0f2\ue0f3"
"""Private characters that stand for braces and brackets while a reference goes through YAML."""
_HOLD, _FREE = str.maketrans("{}[]", _HELD), str.maketrans(_HELD, "{}[]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong at a ``line`` and ``column``, both from 1."""

    line: int
    column: int
    message: str


class BadRecipe(BadInput):
    """A recipe that cannot be run as it is written; ``problems`` say where and what is allowed."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(
            "\n".join(f"{name}:{p.line}:{p.column}: {p.message}" for p in self.problems)
        )


@dataclass(frozen=True)
class Source:
    """A recipe as it was written: its ``value``, and the place of each value and each key.

    ``name`` is the file as the user named it; relative pictures are looked for in ``folder``.
    """

    name: str
    text: str
    value: Any
    folder: Path = Path()
    places: dict[Where, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Where, tuple[int, int]] = field(default_factory=dict)

    def problem(self, where: Where, message: str, *, key: bool = False) -> Problem:
        """A problem with the value at ``where``, or with its ``key``; with what holds it, where it
        is not in the text."""
        places = self.keys if key and where in self.keys else self.places
        while where not in places:
            where = where[:-1]
        return Problem(*places[where], message)


def open_recipe(path: Path) -> Source:
    """The recipe in a file; raises `BadInput` for one that cannot be read, or as `read` does."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    return read(decoded(data, str(path)), str(path), folder=path.parent)


def decoded(data: bytes, name: str) -> str:
    """The text of a recipe of that name; raises `BadInput` for what is too large, or no UTF-8."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"The recipe {name!r} is larger than {MAX_BYTES // 1024} KiB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The recipe {name!r} is not UTF-8: byte {error.start} is {data[error.start]:#x}."
        ) from None


def read(text: str, name: str = "recipe", *, folder: Path = Path()) -> Source:
    """``text`` as plain values with their places; raises `BadRecipe` for what is not allowed."""
    if any(held in text for held in _HELD):
        raise BadInput(f"{name}: the characters U+E0F0 to U+E0F3 are not allowed in a recipe.")
    held = _REFERENCE.sub(lambda found: found[0].translate(_HOLD), text)
    source = Source(name, text, None, folder)
    try:
        problems = list(_refused(held))
        node = None if problems else yaml.compose(held, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, [error.context, error.problem])).translate(_FREE)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadRecipe(name, [Problem(line, column, f"this is not YAML: {said}.")]) from None
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise BadRecipe(name, [Problem(1, 1, f"this is not YAML: {said}.")]) from None
    source.places[()] = (1, 1)
    value = None if node is None else _value(node, (), source, problems)
    if problems:
        raise BadRecipe(name, problems)
    return Source(name, text, value, folder, source.places, source.keys)


def _refused(text: str) -> Iterator[Problem]:
    """What YAML allows and a recipe does not, found before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            yield Problem(line, column, "anchors and aliases (& and *) are not allowed.")
        elif getattr(event, "tag", None) is not None:
            yield Problem(line, column, f"the tag {event.tag!r} is refused; write plain values.")
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                yield Problem(line, column, "a file holds one recipe; here a second one begins.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            yield Problem(line, column, f"at most {MAX_DEPTH} levels are allowed.")
            return


def _value(node: yaml.Node, where: Where, source: Source, problems: list[Problem]) -> Any:
    source.places[where] = _place(node)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, (*where, position), source, problems)
            for position, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, where, source, problems)
    return _scalar(node, problems)


def _mapping(
    node: yaml.MappingNode, where: Where, source: Source, problems: list[Problem]
) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, item in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(*_place(key), "a key is a word."))
            continue
        name = str(key.value).translate(_FREE)
        if name in built:
            line, _ = source.keys[(*where, name)]
            problems.append(
                Problem(*_place(key), f"the key {name!r} is there already, in line {line}.")
            )
            continue
        source.keys[(*where, name)] = _place(key)
        built[name] = _value(item, (*where, name), source, problems)
    return built


def _scalar(node: yaml.Node, problems: list[Problem]) -> Any:
    text = str(node.value).translate(_FREE)
    if node.style is not None:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if not math.isfinite(number):
        problems.append(Problem(*_place(node), f"the number {text} is too large."))
    return number


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
