"""Every tool refuses bad input with a sentence that names the value, whatever the tool."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from danqing.tools import TOOLS
from danqing.tools.errors import ToolError
from danqing.tools.registry import ToolSpec, by_name

SPECS = by_name(TOOLS)
GOOD: dict[str, dict[str, Any]] = {
    "text_to_image": {"prompt": "a", "seeds": [1]},
    "style_transfer": {"style": "oil"},
    "inpaint": {"prompt": "a", "seeds": [1]},
    "outpaint": {"prompt": "a", "left": 8},
    "edge_guided": {"prompt": "a", "seeds": [1]},
    "edit_by_instruction": {"instruction": "a", "seeds": [1]},
    "upscale": {"scale": 2},
    "gan_image": {"prompt": "a", "seeds": [1]},
    "ask": {"question": "a?"},
    "segment": {"text": "a"},
    "recolor": {"color": "red"},
    "sketch": {"things": [{"kind": "cat", "box": [0.0, 0.0, 1.0, 1.0]}]},
    "sprite": {"kind": "cat", "prompt": "a", "seeds": [1]},
    "detail": {"things": [{"kind": "cat", "box": [0.0, 0.0, 1.0, 1.0]}], "seed": 1},
    "region": {"boxes": [[0.0, 0.0, 1.0, 1.0]], "size": [16, 16]},
}
"""Arguments that are accepted; none for tools that need none."""


def numbers(schema: dict[str, Any], defs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The numbers that an argument's schema allows, at the top or in lists."""
    for option in schema.get("anyOf", [schema]):
        if option.get("type") in ("number", "integer"):
            yield option
        elif option.get("type") == "array":
            yield from numbers(option["items"], defs)


def wrapped(schema: dict[str, Any], value: object) -> object:
    """A value as deep in lists as the schema has it."""
    option = next((o for o in schema.get("anyOf", [schema]) if o.get("type") != "null"), schema)
    if option.get("type") != "array":
        return value
    return [wrapped(option["items"], value)] * max(1, option.get("minItems", 1))


def cases() -> Iterator[Any]:
    for name, spec in SPECS.items():
        schema = spec.schema()
        for argument, one in schema["properties"].items():
            if argument in spec.images:
                continue
            for number in numbers(one, schema.get("$defs", {})):
                bad: list[object] = [math.nan, math.inf, "7", True]
                if "maximum" in number:
                    bad.append(number["maximum"] + 1)
                if "minimum" in number:
                    bad.append(number["minimum"] - 1)
                for value in bad:
                    yield pytest.param(spec, argument, wrapped(one, value),
                                       id=f"{name}-{argument}-{value}")  # fmt: skip


def test_the_good_arguments_are_accepted() -> None:
    assert set(GOOD) <= set(SPECS)
    for name, spec in SPECS.items():
        spec.validate(GOOD.get(name, {}))


@pytest.mark.parametrize(("spec", "argument", "value"), list(cases()))
def test_numbers_that_are_none_or_out_of_range_are_refused(
    spec: ToolSpec, argument: str, value: object
) -> None:
    with pytest.raises(ToolError, match=rf"{spec.name}: {argument}[^ ]* = .* is refused; allowed"):
        spec.validate({**GOOD.get(spec.name, {}), argument: value})


@pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))
def test_unknown_arguments_handles_and_sizes_are_refused(spec: ToolSpec) -> None:
    good = GOOD.get(spec.name, {})
    with pytest.raises(ToolError, match="there is no argument 'path'; did you mean"):
        spec.validate({**good, "path": "/etc/passwd"})
    fine = {name: Image.new("RGB", (32, 32)) for name in spec.images}
    spec.check_images(fine)
    for name in spec.images:
        handles = dict.fromkeys(spec.images, "img-1")
        for handle in ("img-0", "/tmp/a.png", "#1", 7, "img-1 "):
            with pytest.raises(ToolError, match=rf"{name} = .* is refused; allowed is the handle"):
                spec.parse({**good, **handles, name: handle})
        for size in ((1, 1), (15, 40), (8193, 16)):
            with pytest.raises(ToolError, match=rf"{name} measures {size[0]}x{size[1]} pixels"):
                spec.check_images({**fine, name: Image.new("L", size)})
        for mode in ("1", "P", "I;16", "CMYK", "F", "LA"):
            checked = spec.check_images({**fine, name: Image.new(mode, (32, 32))})
            assert checked[name].mode in ("L", "LA", "RGB", "RGBA")
    if spec.images and spec.images[0] not in spec.optional:
        with pytest.raises(ToolError, match=f"{spec.images[0]} is missing; give the handle"):
            spec.parse(good)
