"""What a language model wrote comes in by one door, as strict JSON or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing.agent.llm.door import DEEPEST, LARGEST, Refused, read_object

PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs")), max_size=20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": "墨"}\n```', {"a": "墨"}),
        ('  {"a": [true, null, 1.5]}  ', {"a": [True, None, 1.5]}),
        (r'{"a": "x\u0000y"}', {"a": "x\N{REPLACEMENT CHARACTER}y"}),
        (r'{"a": "\ud800"}', {"a": "\N{REPLACEMENT CHARACTER}"}),
        (r'{"a": "{[{[{["}', {"a": "{[{[{["}),
        ("```json {}```", {}),
        (r'{"a": ["\u001b]52;c;eA==\u0007\u009b2J\u202e"]}', {"a": ["�]52;c;eA==��2J�"]}),
        (r'{"a\u001b": "1\r\n2\t3"}', {"a�": "1\n2\t3"}),
    ],
)
def test_an_object_comes_in(text: str, value: object) -> None:
    assert read_object(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1', "not JSON: .* at character 7"),
        ("{'a': 1}", "near"),
        ("[1]", "a JSON list"),
        ("3", "a JSON number"),
        ("null", "a JSON null"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "finite"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"b": {"a": 1, "a": 2}}', "'a' is there twice"),
        ('{"a": ' + "9" * 5000 + "}", "more than 18 digits"),
        ('{"a": ' + "[" * 100_00, "nested"),
        ('{"a": ' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), f"nested {DEEPEST + 1} levels"),
        ('{"a": "' + "x" * LARGEST + '"}', "bytes; allowed"),
        ('{"a": 1} and more', "Extra data"),
        ("```" + " " * 60_000 + "x", "not JSON"),  # some patterns would look at it for hours
    ],
)
def test_what_is_not_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_object(text)


@given(st.text(max_size=200))
def test_no_text_does_anything_else(text: str) -> None:
    try:
        value = read_object(text)
    except Refused:
        return
    assert isinstance(value, dict)
    json.dumps(value).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**17), 10**17) | PLAIN,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner),
        max_leaves=10,
    )
)
def test_what_json_writes_is_read(value: object) -> None:
    from danqing.agent.canonical import canonical

    whole = json.loads(canonical({"value": value}))
    assert read_object(json.dumps({"value": value})) == whole
