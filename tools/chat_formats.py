"""How chat models are told of tools, how their replies are read, and how calls are enforced.

A model is told by its own chat template. What it writes back depends on its line, after the
templates that are published with the checkpoints:

    glm-4      GLM-4 (0414)             NAME, and JSON arguments in the next line
    glm-4.5    GLM-4.5 to GLM-5         <tool_call>NAME, and for each argument
                                        <arg_key>city</arg_key><arg_value>Rome</arg_value>
    hermes     Qwen2.5, Qwen3, Hermes   <tool_call>{"name": "NAME", "arguments": {"city": "Rome"}}
    qwen-xml   Qwen3-Coder, Qwen3.5     <tool_call><function=NAME>, and for each argument
                                        <parameter=city>Rome</parameter>

Arguments are not parsed here. They go up as the model wrote them, for one strict door to read; of
the two formats that are no JSON, as JSON text made of the values by the tool's schema. Nothing that
a model writes raises.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

_SPACED = {
    "item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False, "lenient": True,
}  # fmt: skip
"""JSON as Python's `json.dumps` spaces it, and as templates show it. A keyword of a schema that
cannot be enforced is left to whoever reads the arguments."""
_THINK, _THOUGHT = "<think>", "</think>"


class Tool(TypedDict):
    """A tool as a model is told of it; ``parameters`` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


class Call(TypedDict):
    """A call as a model wrote it: ``arguments`` is JSON text if all went well. Of a call that was
    cut off it is all that there is, marks included, which is never JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Format(ABC):
    """One way to write calls.

    ``anchor`` is what a template ends with before a reply; ``ends`` are the tokens that end one;
    ``marks`` are tokens of their own in most vocabularies of the line. ``opening`` begins a call.
    """

    name: str
    anchor: str
    ends: tuple[str, ...]
    marks: tuple[str, ...]
    opening: str
    field: Mapping[str, Any]
    """How a call stands in a reply: a field of transformers' response templates."""
    breaks: tuple[str, ...] = ()
    """What stands between the parts of a reply."""
    pairs: str | None = None
    """A pattern with the groups ``key`` and ``value``, where arguments are not JSON."""

    def told(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Messages as chat templates of this line take them: arguments as objects."""
        return [_as_said(message) for message in messages]

    def read(self, name: str, body: str, tools: Sequence[Tool]) -> Call:
        """The call in the text between its marks."""
        if self.pairs is None:
            return Call(name=name, arguments=body) if name else _named(body)
        found = list(re.finditer(self.pairs, body, re.DOTALL))
        if re.sub(self.pairs, "", body, flags=re.DOTALL).strip():
            return self.cut(name, body)
        schema = next((t["parameters"] for t in tools if t["name"] == name), {})
        known = schema.get("properties", {})
        members = (
            f"{_json(m['key'].strip())}: {typed(m['value'], known.get(m['key'].strip()), schema)}"
            for m in found
        )
        return Call(name=name, arguments="{" + ", ".join(members) + "}")

    def cut(self, name: str, body: str) -> Call:
        """A call of which only a part is there, as it was written."""
        name = name or _named(body)["name"]
        return Call(name=name, arguments=self.opening.format(name=name) + body)

    @abstractmethod
    def rule(self, tool: Tool, grammar: Grammar) -> str:
        """The right side of the grammar's rule for one call of ``tool``."""


class _Glm4(Format):
    def told(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for message in messages:
            calls = message["tool_calls"]
            if message["role"] == "tool":
                told.append({"role": "observation", "content": message["content"]})
            elif message["content"] or not calls:
                told.append({"role": message["role"], "content": message["content"]})
            told += [
                {"role": "assistant", "metadata": call["name"], "content": call["arguments"]}
                for call in calls
            ]
        return told

    def rule(self, tool: Tool, grammar: Grammar) -> str:
        return f"{_json(tool['name'] + chr(10))} {grammar.arguments(tool)}"


class _Hermes(Format):
    def rule(self, tool: Tool, grammar: Grammar) -> str:
        head = f'\n{{"name": {_json(tool["name"])}, "arguments": '
        opens, closes = map(grammar.mark, self.marks)
        return f'"\\n"? {opens} {_json(head)} {grammar.arguments(tool)} "}}\\n" {closes}'


class _Glm45(Format):
    def rule(self, tool: Tool, grammar: Grammar) -> str:
        opens, closes, key, key_end, value, value_end = map(grammar.mark, self.marks)
        return "".join(
            [f'"\\n"? {opens} {_json(tool["name"])}']
            + [
                f' ("\\n"? {key} {_json(name)} {key_end} "\\n"? {value}'
                f" {grammar.value(schema, tool['parameters'], '</arg_value>')} {value_end})"
                + ("" if needed else "?")
                for name, schema, needed in _parameters(tool)
            ]
            + [f' "\\n"? {closes}']
        )


class _QwenXml(Format):
    def rule(self, tool: Tool, grammar: Grammar) -> str:
        opens, closes = map(grammar.mark, self.marks)
        head = f"\n<function={tool['name']}>\n"
        return "".join(
            [f'"\\n"? {opens} {_json(head)}']
            + [
                f" ({_json(f'<parameter={name}>' + chr(10))}"
                f" {grammar.value(schema, tool['parameters'], '</parameter>')}"
                f" {_json(chr(10) + '</parameter>' + chr(10))})" + ("" if needed else "?")
                for name, schema, needed in _parameters(tool)
            ]
            + [f' "</function>\\n" {closes}']
        )


_WORD = r"[A-Za-z_][A-Za-z0-9_.-]*"
_CALL: Mapping[str, Any] = {
    "content": "text",
    "repeats": True,
    "transform": {"name": "{name}", "body": "{content}"},
}
GLM_4: Format = _Glm4(
    name="glm-4",
    anchor="<|assistant|>",
    ends=("<|user|>", "<|observation|>", "<|endoftext|>"),
    marks=(),
    opening="{name}\n",
    # A name on a line of its own and JSON below it. Several calls follow each other with or without
    # the role's mark between them.
    field={
        **_CALL,
        "open_pattern": rf"(?:^|\n|(?<=\n)|(?<=<\|assistant\|>))[ \t]*(?P<name>{_WORD})[ \t]*\n"
        r"(?=\{)",
        "close_pattern": rf"<\|assistant\|>|(?<=\}})\s*\n(?=[ \t]*{_WORD}[ \t]*\n\{{)",
    },
    breaks=("<|assistant|>",),
)
GLM_4_5: Format = _Glm45(
    name="glm-4.5",
    anchor="<|assistant|>",
    ends=("<|user|>", "<|observation|>", "<|endoftext|>"),
    marks=("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
    opening="<tool_call>{name}\n",
    field={
        **_CALL,
        "open_pattern": r"\s*<tool_call>\s*(?P<name>[^\s<]+)\s*",
        "close": "</tool_call>",
    },
    pairs=r"<arg_key>(?P<key>.*?)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>",
)
HERMES: Format = _Hermes(
    name="hermes",
    anchor="<|im_start|>assistant\n",
    ends=("<|im_end|>", "<|endoftext|>"),
    marks=("<tool_call>", "</tool_call>"),
    opening="<tool_call>\n",
    field={
        **_CALL,
        "open_pattern": r"\s*<tool_call>(?P<name>)",
        "close": "</tool_call>",
    },
)
QWEN_XML: Format = _QwenXml(
    name="qwen-xml",
    anchor="<|im_start|>assistant\n",
    ends=("<|im_end|>", "<|endoftext|>"),
    marks=("<tool_call>", "</tool_call>"),
    opening="<tool_call>\n<function={name}>\n",
    # The outer marks are sometimes left out, and one that comes late is nothing to show.
    breaks=("</tool_call>",),
    field={
        **_CALL,
        "open_pattern": r"\s*(?:<tool_call>\s*)?<function=(?P<name>[^>\n]+)>",
        "close_pattern": r"</function>(?:\s*</tool_call>)?",
    },
    pairs=r"<parameter=(?P<key>[^>\n]+)>\n?(?P<value>.*?)\n?</parameter>",
)


def detect(template: str, model_type: str) -> Format:
    """The format that a chat template asks for, or else that the architecture's line writes."""
    signs = {"<arg_key>": GLM_4_5, "<function=": QWEN_XML, "<tool_call>": HERMES,
             "[gMASK]": GLM_4}  # fmt: skip
    for sign, found in signs.items():
        if sign in template:
            return found
    if model_type.startswith("glm"):
        return GLM_4 if model_type in ("glm", "glm4", "glm4v") else GLM_4_5
    return QWEN_XML if model_type.startswith("qwen3_5") else HERMES


# -- reading


@dataclass
class Reader:
    """Reads a reply while it is written. ``prompt`` is what the template wrote before it.

    Without ``tools`` everything is text. Text ends where one of ``stop`` begins.
    """

    format: Format
    prompt: str
    tools: Sequence[Tool] = ()
    stop: Sequence[str] = ()
    stopped: bool = False
    """Whether a stop sequence was written."""
    calls: list[Call] = field(default_factory=list)
    _text: dict[str, str] = field(default_factory=lambda: {"content": "", "reasoning": ""})
    _open: str | None = None
    _sent: int = 0

    def __post_init__(self) -> None:
        from transformers.utils.chat_parsing import ResponseParser

        fields: dict[str, Any] = {
            "reasoning": {"open": _THINK, "close": _THOUGHT},
            # A template that does without reasoning may end with the closing mark alone.
            "content": {"close": [_THOUGHT, *self.format.breaks]},
        }
        if self.tools:
            fields["calls"] = self.format.field
        template = {"start_anchor": self.format.anchor, "fields": fields}
        self._parser = ResponseParser(template, prefix=self.prompt)
        for event in self._parser.initial_events:
            self._follow(event)

    @property
    def reasons(self) -> bool:
        """Whether what comes next is reasoning."""
        return self._open == "reasoning"

    @property
    def text(self) -> str:
        """The text so far, without reasoning and calls."""
        text = self._text["content"].strip()
        ends = [text.find(stop) for stop in self.stop if stop in text]
        return text[: min(ends)] if ends else text

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return self._text["reasoning"].strip()

    def feed(self, written: str) -> str:
        """Take more of the reply; returns the text to show that is new."""
        for event in self._parser.feed(written):
            self._take(event)
        self.stopped = any(stop in self._text["content"].strip() for stop in self.stop)
        return self._news(self.text if self.stopped else _before_a_stop(self.text, self.stop))

    def finish(self, *, cut: bool) -> str:
        """The reply is over, or was ``cut`` off; returns the text that was still held back."""
        _, events = self._parser.finalize()
        closed = [n for n, e in enumerate(events) if _is(e, "region_close", "calls")]
        for number, event in enumerate(events):
            self._take(event, cut=cut and number == closed[-1] if closed else False)
        self.stopped = any(stop in self._text["content"].strip() for stop in self.stop)
        return self._news(self.text)

    def _news(self, text: str) -> str:
        new, self._sent = text[self._sent :], max(self._sent, len(text))
        return new

    def _take(self, event: Mapping[str, Any], *, cut: bool = False) -> None:
        self._follow(event)
        if event["type"] == "region_chunk" and event["field"] in self._text:
            self._text[event["field"]] += event["text"]
        elif _is(event, "region_close", "calls"):
            name, body = event["value"]["name"].strip(), event["value"]["body"]
            read = self.format.cut(name, body) if cut else self.format.read(name, body, self.tools)
            self.calls.append(read)

    def _follow(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "region_open":
            self._open = event["field"]
        elif event["type"] == "region_close":
            self._open = None


def _is(event: Mapping[str, Any], kind: str, name: str) -> bool:
    return bool(event["type"] == kind and event["field"] == name)


def typed(written: str, schema: Mapping[str, Any] | None, root: Mapping[str, Any]) -> str:
    """JSON text for a value that was written without JSON's quotes, by its schema in ``root``.

    What is no value of a declared type stays as it was written, for the door to refuse; Python's
    True, False and None, which some templates print, are taken for JSON's.
    """
    kinds = _kinds(schema, root)
    plain = written.strip()
    plain = {"True": "true", "False": "false", "None": "null"}.get(plain, plain)
    if "string" not in kinds and kinds:
        return plain
    for kind, pattern in _SCALARS.items():
        if (kind in kinds or not kinds) and re.fullmatch(pattern, plain):
            return plain
    if (not kinds or kinds & {"array", "object"}) and plain[:1] in ("[", "{"):
        return plain
    return _json(written)


_SCALARS = {
    "null": "null",
    "boolean": "true|false",
    "integer": r"-?(?:0|[1-9]\d*)",
    "number": r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?",
}


def _kinds(schema: Mapping[str, Any] | None, root: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows; empty where it does not say."""
    kinds: set[str] = set()
    for option in _options(schema or {}, root):
        values = option.get("enum", [option["const"]] if "const" in option else [])
        declared = option.get("type", [])
        kinds |= {declared} if isinstance(declared, str) else set(declared)
        kinds |= {_KINDS[type(value)] for value in values}
    return kinds


_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null",
          list: "array", dict: "object"}  # fmt: skip


def _options(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alternatives of a schema, its references followed; a circle of them is not."""
    waiting, seen = [schema], set[str]()
    while waiting:
        option = waiting.pop(0)
        reference = option.get("$ref")
        if isinstance(reference, str):
            if reference not in seen:
                seen.add(reference)
                name = reference.rpartition("/")[2]
                waiting.insert(0, {**root.get("$defs", {}), **root.get("definitions", {})}[name])
            continue
        inner = [*option.get("anyOf", ()), *option.get("oneOf", ()), *option.get("allOf", ())]
        if inner:
            waiting[:0] = inner
        else:
            yield option


def _named(body: str) -> Call:
    """Name and arguments of a call that is one JSON object."""
    name = re.search(r'"name"\s*:\s*"((?:[^"\\]|\\.)*)"', body)
    match = re.fullmatch(
        r'\{\s*"name"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"(?:arguments|parameters)"\s*:\s*(.*?)\s*\}',
        body, re.DOTALL,
    )  # fmt: skip
    return Call(name=name[1] if name else "", arguments=match[1] if match else body)


def _before_a_stop(text: str, stops: Sequence[str]) -> str:
    """The text without an end that may become a stop sequence."""
    held = (n for stop in stops for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[:n]))
    return text[: len(text) - max(held, default=0)]


def _as_said(message: Mapping[str, Any]) -> dict[str, Any]:
    """One message as most templates take it. A call that is none, of which the model is reminded in
    what follows it, is told as the text it was."""
    text, calls = message["content"], []
    for call in message["tool_calls"]:
        try:
            arguments = json.loads(call["arguments"])
        except (ValueError, RecursionError):
            arguments = None
        if isinstance(arguments, dict):
            function = {"name": call["name"], "arguments": arguments}
            calls.append({"type": "function", "function": function})
        else:
            text = f"{text}\n{call['name']}\n{call['arguments']}".strip()
    told = {"role": message["role"], "content": text}
    return {**told, "tool_calls": calls} if calls else told


# -- enforcing


@dataclass
class Grammar:
    """A grammar in llguidance's dialect of Lark for exactly one call of one of ``tools``.

    ``mark`` writes a format's mark: a token's number where it is one, or its letters.
    ``reasoning`` says whether the reply is in the middle of it, may begin with it, or has none.
    """

    format: Format
    tools: Sequence[Tool]
    mark: Callable[[str], str]
    reasoning: Literal["open", "possible", "none"] = "none"
    _terminals: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The grammar."""
        rules = [self.format.rule(tool, self) for tool in self.tools]
        names = [f"call_{number}" for number in range(len(rules))]
        thought = f"{self._terminal(_without(_THOUGHT))} {self.mark(_THOUGHT)} /\\n{{0,2}}/"
        start = {"open": f"({thought}) call", "possible": f"({self.mark(_THINK)} {thought})? call",
                 "none": "call"}  # fmt: skip
        lines = [f"start: {start[self.reasoning]}", f"call: {' | '.join(names)}"]
        lines += [f"{name}: {rule}" for name, rule in zip(names, rules, strict=True)]
        return "\n".join([*lines, *self._terminals, ""])

    def arguments(self, tool: Tool) -> str:
        """JSON that fits the parameters of ``tool``; others than those declared are none."""
        schema = tool["parameters"]
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return self.json({**closed, **schema}, schema)

    def json(self, schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
        """JSON that fits ``schema``, whose references are in ``root``."""
        kept = {key: root[key] for key in ("$defs", "definitions") if key in root}
        return "%json " + _json({**schema, **kept, "x-guidance": _SPACED})

    def value(self, schema: Mapping[str, Any], root: Mapping[str, Any], close: str) -> str:
        """A value without JSON's quotes that fits ``schema``, and in which ``close`` is not."""
        options = [self._value(option, root, close) for option in _options(schema, root)]
        return f"({' | '.join(options)})" if len(options) > 1 else options[0]

    def _value(self, schema: Mapping[str, Any], root: Mapping[str, Any], close: str) -> str:
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if values:
            said = [value if isinstance(value, str) else _json(value) for value in values]
            return "(" + " | ".join(map(_json, said)) + ")"
        declared = schema.get("type")
        if isinstance(declared, list):
            options = [self._value({**schema, "type": kind}, root, close) for kind in declared]
            return "(" + " | ".join(options) + ")"
        if declared != "string":
            return self.json(schema, root)
        length = f"{{{schema.get('minLength', 0)},{schema.get('maxLength', '')}}}"
        terminal = f"/(?s:.{length})/ & {_without(close)}"
        if pattern := schema.get("pattern"):
            start = "" if pattern.startswith("^") else "(?s:.*)"
            end = "" if pattern.endswith("$") else "(?s:.*)"
            inner = re.sub(r"(?<!\\)/", r"\\/", pattern.removeprefix("^").removesuffix("$"))
            terminal += f" & /{start}(?:{inner}){end}/"
        return self._terminal(terminal)

    def _terminal(self, definition: str) -> str:
        name = f"TEXT_{len(self._terminals)}"
        self._terminals.append(f"{name}: {definition}")
        return name


def _without(mark: str) -> str:
    """Any text in which ``mark`` is not."""
    return f"~/(?s:.*){re.escape(mark).replace('/', chr(92) + '/')}(?s:.*)/"


def _parameters(tool: Tool) -> list[tuple[str, dict[str, Any], bool]]:
    """Name, schema and whether it is required, of every parameter."""
    required = tool["parameters"].get("required", ())
    properties = tool["parameters"].get("properties", {})
    return [(name, schema, name in required) for name, schema in properties.items()]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
