"""What models of each line write is read as it was meant, whole and letter by letter; what is
malformed comes up as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
import toy_language_models as toys

from danqing.tools.chat_formats import (
    GLM_4,
    GLM_4_5,
    HERMES,
    QWEN_XML,
    Format,
    Reader,
    Tool,
    detect,
    typed,
)

WEATHER = Tool(
    name="get_weather",
    description="The weather.",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "exact": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "unit": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["city"],
    },
)
CLOCK = Tool(name="clock", description="", parameters={"type": "object", "properties": {}})
TOOLS = (WEATHER, CLOCK)


def reader_of(format: Format, tools: Any = TOOLS, cue: str = "", **more: Any) -> Reader:
    return Reader(format, f"...{format.anchor}{cue}", tools, **more)


def read(format: Format, written: str, *, cut: bool = False, **more: Any) -> Reader:
    """The reply, read at once; letter by letter, the same comes out."""
    whole, by_letter = reader_of(format, **more), reader_of(format, **more)
    shown = whole.feed(written) + whole.finish(cut=cut)
    assert shown == whole.text
    shown = "".join(map(by_letter.feed, written)) + by_letter.finish(cut=cut)
    assert shown == by_letter.text == whole.text
    assert by_letter.calls == whole.calls
    assert by_letter.reasoning == whole.reasoning
    return whole


def calls(reader: Reader) -> list[tuple[str, Any]]:
    """Names and arguments of calls that are well-formed."""
    return [(call["name"], json.loads(call["arguments"])) for call in reader.calls]


ROME = ("get_weather", {"city": "Rome"})
ONE_CALL = [
    (GLM_4, 'get_weather\n{"city": "Rome"}'),
    (GLM_4, '\nget_weather\n{"city": "Rome"}'),
    (GLM_4, 'get_weather\n{\n    "city": "Rome"\n}\n'),
    (
        GLM_4_5,
        "\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n"
        "</tool_call>",
    ),
    (
        GLM_4_5,  # since GLM-4.7
        "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Rome</arg_value></tool_call>",
    ),
    (
        HERMES,
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>',
    ),
    (HERMES, '<tool_call>{"name":"get_weather","arguments":{"city":"Rome"}}</tool_call>'),
    (HERMES, '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n'),
    (
        QWEN_XML,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n"
        "</tool_call>",
    ),
    (
        QWEN_XML,  # without the outer marks
        "<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>",
    ),
]


@pytest.mark.parametrize(("format", "written"), ONE_CALL)
def test_a_call_is_read(format: Format, written: str) -> None:
    reader = read(format, written)
    assert calls(reader) == [ROME]
    assert reader.text == ""


@pytest.mark.parametrize(("format", "written"), ONE_CALL)
def test_text_and_reasoning_before_a_call_are_told_from_it(format: Format, written: str) -> None:
    between = "<|assistant|>" if format is GLM_4 else "\n\n"
    said = f"<think>\nRome, so…\n</think>\n\nI'll look. 我看看。{between}{written}"
    reader = read(format, said)
    assert calls(reader) == [ROME]
    assert reader.text == "I'll look. 我看看。"
    assert reader.reasoning == "Rome, so…"


@pytest.mark.parametrize(("format", "written"), ONE_CALL)
def test_without_tools_everything_is_text(format: Format, written: str) -> None:
    reader = read(format, written, tools=())
    assert reader.calls == []
    assert "get_weather" in reader.text


@pytest.mark.parametrize(
    ("format", "written"),
    [
        (GLM_4, 'get_weather\n{"city": "Rome"}<|assistant|>clock\n{}'),
        (GLM_4, 'get_weather\n{"city": "Rome"}\nclock\n{}'),
        (
            GLM_4_5,
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n"
            "</tool_call>\n\nand\n\n<tool_call>clock\n</tool_call>",
        ),
        (
            HERMES,
            '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>',
        ),
        (
            QWEN_XML,
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n"
            "</function>\n</tool_call>\n<tool_call>\n<function=clock>\n</function>\n</tool_call>",
        ),
    ],
)
def test_several_calls_are_read_in_their_order(format: Format, written: str) -> None:
    assert calls(read(format, written)) == [ROME, ("clock", {})]


STRANGE = '说 "hi" \\ {</x>}\tok 🎨'


@pytest.mark.parametrize(
    ("format", "written"),
    [
        (GLM_4, f"get_weather\n{json.dumps({'city': STRANGE})}"),
        (GLM_4, f"get_weather\n{json.dumps({'city': STRANGE}, ensure_ascii=False)}"),
        (
            GLM_4_5,
            f"<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>{STRANGE}</arg_value>\n"
            "</tool_call>",
        ),
        (
            HERMES,
            f'<tool_call>\n{{"name": "get_weather", "arguments": {json.dumps({"city": STRANGE})}}}'
            "\n</tool_call>",
        ),
        (
            QWEN_XML,
            f"<tool_call>\n<function=get_weather>\n<parameter=city>\n{STRANGE}\n</parameter>\n"
            "</function>\n</tool_call>",
        ),
    ],
)
def test_quotes_brackets_and_all_of_unicode_go_through(format: Format, written: str) -> None:
    assert calls(read(format, written)) == [("get_weather", {"city": STRANGE})]


@pytest.mark.parametrize("format", [GLM_4_5, QWEN_XML])
def test_values_without_quotes_are_typed_by_the_schema(format: Format) -> None:
    values = {
        "city": "123", "days": "3", "exact": "True", "tags": '["a", "b"]', "unit": "None",
    }  # fmt: skip
    if format is GLM_4_5:
        pairs = "".join(
            f"<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>\n" for k, v in values.items()
        )
        written = f"<tool_call>get_weather\n{pairs}</tool_call>"
    else:
        pairs = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in values.items())
        written = f"<tool_call>\n<function=get_weather>\n{pairs}</function>\n</tool_call>"
    expected = {"city": "123", "days": 3, "exact": True, "tags": ["a", "b"], "unit": None}
    assert calls(read(format, written)) == [("get_weather", expected)]


def test_a_value_keeps_its_own_lines() -> None:
    poem = "  roses\n\n  violets  "
    glm = f"<tool_call>get_weather<arg_key>city</arg_key><arg_value>{poem}</arg_value></tool_call>"
    assert calls(read(GLM_4_5, glm)) == [("get_weather", {"city": poem})]
    qwen = f"<function=get_weather>\n<parameter=city>\n{poem}\n</parameter>\n</function>"
    assert calls(read(QWEN_XML, qwen)) == [("get_weather", {"city": poem})]


MALFORMED = [
    (GLM_4, 'get_weather\n{"city": "Rome"', '{"city": "Rome"'),
    (GLM_4, "get_weather\n{'city': 'Rome'}", "{'city': 'Rome'}"),
    (
        GLM_4_5,
        "<tool_call>get_weather\n<arg_key>city\n<arg_value>Rome</arg_value>\n</tool_call>",
        "<tool_call>get_weather\n<arg_key>city\n<arg_value>Rome</arg_value>",
    ),
    (
        GLM_4_5,  # a value that is no number
        "<tool_call>get_weather<arg_key>days</arg_key><arg_value>few</arg_value></tool_call>",
        '{"days": few}',
    ),
    (
        GLM_4_5,  # the same key twice is for the door to refuse
        "<tool_call>clock<arg_key>a</arg_key><arg_value>1</arg_value>"
        "<arg_key>a</arg_key><arg_value>2</arg_value></tool_call>",
        '{"a": 1, "a": 2}',
    ),
    (
        HERMES,
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}\n</tool_call>',
        '{"city": "Rome"',
    ),
    (HERMES, "<tool_call>\nget_weather(city='Rome')\n</tool_call>", "get_weather(city='Rome')"),
    (
        QWEN_XML,
        "<tool_call>\n<function=get_weather>\ncity: Rome\n</function>\n</tool_call>",
        "<tool_call>\n<function=get_weather>\ncity: Rome",
    ),
]


@pytest.mark.parametrize(("format", "written", "arguments"), MALFORMED)
def test_what_is_malformed_comes_up_as_it_is(format: Format, written: str, arguments: str) -> None:
    reader = read(format, written)
    assert [call["arguments"] for call in reader.calls] == [arguments]


def test_the_name_of_a_malformed_call_is_found_where_it_can_be() -> None:
    written = '<tool_call>\n{"arguments": {"a": 1}, "name": "clock"}\n</tool_call>'
    assert read(HERMES, written).calls == [
        {"name": "clock", "arguments": '{"arguments": {"a": 1}, "name": "clock"}'}
    ]


@pytest.mark.parametrize(("format", "written"), ONE_CALL)
def test_a_call_that_was_cut_off_is_never_json(format: Format, written: str) -> None:
    """Cut anywhere, the reply is read, and no part of a call passes for a whole one."""
    for length in range(len(written) - 1):
        reader = reader_of(format)
        reader.feed(written[:length])
        reader.finish(cut=True)
        for call in reader.calls:
            try:
                assert (call["name"], json.loads(call["arguments"])) == ROME, length
            except ValueError:
                continue


def test_the_name_of_a_call_that_was_cut_off_is_found_where_it_is() -> None:
    for format, written in ONE_CALL:
        reader = read(format, written[: written.index("Rome")], cut=True)
        assert [call["name"] for call in reader.calls] == ["get_weather"]


def test_a_call_cut_off_between_two_arguments_is_told_from_one_that_ends_there() -> None:
    written = "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Rome</arg_value>"
    assert calls(read(GLM_4_5, written)) == [ROME], "small models leave the last mark out"
    (call,) = read(GLM_4_5, written, cut=True).calls
    assert call == {
        "name": "get_weather",
        "arguments": "<tool_call>get_weather\n<arg_key>city</arg_key><arg_value>Rome</arg_value>",
    }


def test_prose_is_no_call() -> None:
    for said in ("Rome\nis {big}", "Use:\n```json\n{}\n```", "好\n{}", "a: b\n{}"):
        reader = read(GLM_4, said)
        assert reader.calls == []
        assert reader.text == said


@pytest.mark.parametrize(
    ("format", "cue"),
    [(HERMES, "<think>\n\n</think>\n\n"), (GLM_4_5, "\n<think></think>"), (GLM_4_5, "</think>")],
)
def test_a_template_that_does_without_reasoning_leaves_no_trace(format: Format, cue: str) -> None:
    reader = read(format, "\n\nhello", cue=cue)
    assert (reader.text, reader.reasoning) == ("hello", "")


@pytest.mark.parametrize(("format", "cue"), [(QWEN_XML, "<think>\n"), (GLM_4_5, "<think>")])
def test_reasoning_that_the_template_begins_is_reasoning(format: Format, cue: str) -> None:
    assert reader_of(format, cue=cue).reasons
    reader = read(format, "hm\n</think>\n\nhello", cue=cue)
    assert (reader.text, reader.reasoning) == ("hello", "hm")
    assert read(format, "hm, the", cue=cue, cut=True).text == ""


def test_text_ends_where_a_stop_sequence_begins_and_none_of_it_is_shown() -> None:
    reader = reader_of(HERMES, stop=["STOP", "\n\n"])
    shown = [reader.feed(piece) for piece in ("one S", "T", "two ST", "OP three")]
    assert shown == ["one ", "", "STtwo ", ""]
    assert reader.stopped
    assert reader.finish(cut=False) == ""
    assert reader.text == "one STtwo "
    assert read(HERMES, "all of it ST", stop=["STOP"]).text == "all of it ST"


@pytest.mark.parametrize(
    ("written", "schema", "json_text"),
    [
        ("3", {"type": "string"}, '"3"'),
        ("3", {"type": "integer"}, "3"),
        (" 3\n", {"type": "number"}, "3"),
        ("few", {"type": "integer"}, "few"),
        ("b c", {"enum": ["a", "b c"]}, '"b c"'),
        ("2", {"enum": [1, 2]}, "2"),
        ("None", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null"),
        ("nothing", {"type": ["string", "null"]}, '"nothing"'),
        ("null", {"type": ["string", "null"]}, "null"),
        ('{"a": 1}', {"$ref": "#/$defs/Box"}, '{"a": 1}'),
        ("red", {"$ref": "#/$defs/Color"}, '"red"'),
        ("[1]", None, "[1]"),
        ("false", None, "false"),
        ("word", None, '"word"'),
        ("2", {"$ref": "#/$defs/Loop"}, "2"),
    ],
)
def test_a_value_without_quotes_becomes_json(
    written: str, schema: dict[str, Any] | None, json_text: str
) -> None:
    root = {
        "$defs": {
            "Box": {"type": "object"},
            "Color": {"enum": ["red"]},
            "Loop": {"$ref": "#/$defs/Loop"},
        }
    }
    assert typed(written, schema, root) == json_text


def test_the_format_is_known_by_the_template_and_else_by_the_architecture() -> None:
    templates = {
        toys.GLM_4: GLM_4, toys.GLM_4_5: GLM_4_5, toys.GLM_4_7: GLM_4_5, toys.QWEN_3: HERMES,
        toys.QWEN_3_5: QWEN_XML,
    }  # fmt: skip
    for template, format in templates.items():
        assert detect(template, "llama") is format
    lines = {
        "glm": GLM_4, "glm4": GLM_4, "glm4_moe": GLM_4_5, "glm46v": GLM_4_5, "glm_moe_dsa": GLM_4_5,
        "qwen2": HERMES, "qwen3": HERMES, "qwen3_moe": HERMES, "qwen3_5": QWEN_XML,
        "qwen3_5_moe": QWEN_XML, "llama": HERMES,
    }  # fmt: skip
    for model_type, format in lines.items():
        assert detect("{{ messages }}", model_type) is format
