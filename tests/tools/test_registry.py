"""A tool's declaration is enough to describe it, check it and refuse."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Annotated, Any

import pytest
from PIL import Image
from pydantic import BaseModel, Field

from danqing.tools import TOOLS
from danqing.tools.errors import ToolError
from danqing.tools.registry import HANDLE, ToolSpec, by_name, flatten, spec, tool

SPECS = by_name(TOOLS)


class Size(BaseModel):
    """How large an image is."""

    width: int


def test_importing_the_tools_and_the_engine_loads_no_heavy_library() -> None:
    heavy = ["torch", "diffusers", "transformers", "cv2", "langchain", "langgraph", "numpy"]
    code = (
        "import sys, danqing.tools, danqing.tools.engine, danqing.tools.worker;"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("found", SPECS.values(), ids=list(SPECS))
class TestEveryTool:
    def test_says_what_it_does(self, found: ToolSpec) -> None:
        assert found.summary.endswith(".")
        assert found.description.startswith(found.summary.split()[0])

    def test_has_a_closed_schema_in_plain_json(self, found: ToolSpec) -> None:
        schema = json.loads(json.dumps(found.schema()))
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
        assert "context" not in schema["properties"]
        for name in found.images:
            assert schema["properties"][name]["pattern"] == HANDLE

    def test_describes_and_bounds_every_parameter(self, found: ToolSpec) -> None:
        for name, entry in found.schema()["properties"].items():
            assert entry["description"], name
            for option in entry.get("anyOf", [entry]):
                kind = option["type"]
                bounds = {
                    "string": {"maxLength", "pattern", "enum"},
                    "integer": {"maximum", "enum"},
                    "number": {"maximum"},
                    "array": {"maxItems"},
                }
                assert kind in ("null", "boolean") or bounds[kind] & set(option), name

    def test_takes_no_path_address_command_or_model(self, found: ToolSpec) -> None:
        for name in found.schema()["properties"]:
            assert not {"path", "file", "url", "command", "model"} & set(name.split("_"))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("upscale", {"scale": 3}, "upscale: scale = 3 is refused; allowed is one of 2, 4."),
        ("upscale", {"scale": True}, "scale = True is refused"),
        ("upscale", {"scale": "2"}, "scale = '2' is refused"),
        ("upscale", {}, "scale is missing; allowed is one of 2, 4."),
        ("adjust", {"brightness": math.nan}, "brightness = nan is refused; allowed is a number"),
        ("adjust", {"brightness": math.inf}, "brightness = inf is refused"),
        ("adjust", {"brightness": True}, "brightness = True is refused"),
        ("adjust", {"brightnes": 1.5}, "no argument 'brightnes'; did you mean brightness"),
        ("adjust", {"crop": [1, 2, 3]}, "crop = [1, 2, 3] is refused; allowed is a list of exa"),
        ("text_to_image", {"prompt": " \n", "seeds": [1]}, "prompt = ' \\n' is refused"),
        ("text_to_image", {"prompt": "a\ud800", "seeds": [1]}, "prompt = 'a\\ud800' is refused"),
        ("text_to_image", {"prompt": "a", "seeds": [2**32]}, "seeds[0] = 4294967296 is refused"),
        ("text_to_image", {"prompt": "a", "seeds": [0, 1.0]}, "seeds[1] = 1.0 is refused"),
        ("text_to_image", {"prompt": "a", "seeds": list(range(9))}, "a list of 1 to 8 items"),
        ("text_to_image", {"prompt": "a", "seeds": [1], "steps": 0}, "a whole number from 1 to"),
    ],
)
def test_a_refusal_names_the_value_and_what_is_allowed(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError) as refused:
        SPECS[name].validate(arguments)
    assert message in str(refused.value)


def test_all_refused_values_are_named_at_once() -> None:
    with pytest.raises(ToolError, match=r"brightness = 9 .* contrast = -1 "):
        SPECS["adjust"].validate({"brightness": 9, "contrast": -1})


def test_valid_arguments_come_back_in_full() -> None:
    full = SPECS["text_to_image"].validate({"prompt": " a house ", "seeds": [7]})
    assert full == {
        "prompt": "a house",
        "negative_prompt": "",
        "seeds": [7],
        "steps": None,
        "guidance_scale": None,
    }
    assert SPECS["text_to_image"].validate(full) == full


def test_a_planner_gives_images_as_handles() -> None:
    handles, values = SPECS["upscale"].parse({"image": "img-3", "scale": 2})
    assert handles == {"image": "img-3"}
    assert values == {"scale": 2, "faithful": True}


@pytest.mark.parametrize("handle", ["img-0", "img-03", "../img-1", "img-1\n", 1, None, ["img-1"]])
def test_what_is_not_a_handle_is_refused(handle: object) -> None:
    with pytest.raises(ToolError, match=r"image = .* is refused; allowed is the handle"):
        SPECS["upscale"].parse({"image": handle, "scale": 2})


def test_a_missing_handle_is_named() -> None:
    with pytest.raises(ToolError, match="image is missing"):
        SPECS["upscale"].parse({"scale": 2})


@pytest.mark.parametrize("size", [(15, 100), (100, 15), (8193, 16)])
def test_an_image_out_of_range_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ToolError, match=f"image measures {size[0]}x{size[1]} pixels; allowed"):
        SPECS["caption"].check_images({"image": Image.new("L", size)})


def test_an_image_too_many_or_too_few_is_refused() -> None:
    with pytest.raises(ToolError, match=r"\['mask'\] were given; needed are exactly \['image'\]\."):
        SPECS["caption"].check_images({"mask": Image.new("L", (16, 16))})


def test_an_image_may_be_left_out_where_the_declaration_gives_none() -> None:
    found, gray = SPECS["compare"], Image.new("L", (16, 16))
    assert (found.images, found.optional) == (("image", "other", "mask"), {"mask"})
    assert set(found.schema()["required"]) == {"image", "other"}
    two = {"image": gray, "other": gray}
    assert set(found.check_images(two)) == {"image", "other"}
    assert set(found.check_images(two | {"mask": gray})) == {"image", "other", "mask"}
    with pytest.raises(ToolError, match=r"needed are exactly \['image', 'other'\]; may be given"):
        found.check_images({"image": gray, "mask": gray})


def test_a_planner_may_say_null_for_an_optional_image_but_for_no_other() -> None:
    two = {"image": "img-1", "other": "img-2"}
    assert SPECS["compare"].parse(two | {"mask": None})[0] == two
    with pytest.raises(ToolError, match="other = None is refused"):
        SPECS["compare"].parse({"image": "img-1", "other": None})
    with pytest.raises(ToolError, match="mask = 3 is refused"):
        SPECS["compare"].parse(two | {"mask": 3})


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("P", "RGB"), ("1", "RGB"), ("CMYK", "RGB"), ("I;16", "RGB"), ("LA", "LA"), ("RGBA", "RGBA")],
)
def test_images_reach_tools_in_a_plain_mode(mode: str, becomes: str) -> None:
    checked = SPECS["caption"].check_images({"image": Image.new(mode, (16, 16))})
    assert checked["image"].mode == becomes


def test_a_transparent_palette_stays_transparent() -> None:
    image = Image.new("P", (16, 16))
    image.info["transparency"] = 0
    assert SPECS["caption"].check_images({"image": image})["image"].mode == "RGBA"


def test_models_see_transparent_parts_as_white() -> None:
    assert flatten(Image.new("RGBA", (16, 16), (255, 0, 0, 0))).getpixel((0, 0)) == (255,) * 3
    assert flatten(Image.new("L", (16, 16), 7)).getpixel((0, 0)) == (7, 7, 7)


def test_a_tool_is_still_the_function_it_was_declared_as() -> None:
    @tool()
    def invert(image: Image.Image, *, by: Annotated[int, Field(ge=0, le=255)] = 255) -> Image.Image:
        """Turn light into dark."""
        return image.point(lambda value: by - value)

    assert invert(Image.new("L", (16, 16), 5), by=10).getpixel((0, 0)) == 5
    found = spec(invert)
    assert (found.name, found.images, found.returns) == ("invert", ("image",), "image")
    assert found.validate({}) == {"by": 255}


def test_a_tool_names_the_models_it_needs_and_those_it_can_do_without() -> None:
    @tool("text-to-image", optional=("stylizer", "upscaler"))
    def polish(image: Image.Image) -> Image.Image:
        """Make it shine."""
        return image

    found = spec(polish)
    assert (found.roles, found.optional_roles) == (("text-to-image",), ("stylizer", "upscaler"))
    assert found.models({"upscaler", "captioner"}) == ("text-to-image", "upscaler")
    assert found.models(()) == ("text-to-image",)
    assert spec(TOOLS[0]).optional_roles == ()


def test_a_tool_may_give_an_image_and_a_value() -> None:
    def measure(image: Image.Image) -> tuple[Image.Image, Size]:
        """Measure it."""
        return image, Size(width=image.width)

    found, gray = spec(measure), Image.new("L", (20, 16))
    assert found.returns == "both"
    assert found.unpack(found.run(None, {}, {"image": gray})) == ([gray], {"width": 20})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_without_bounds_is_finite(value: float) -> None:
    def shift(image: Image.Image, *, by: float) -> Image.Image:
        """Move."""
        return image

    with pytest.raises(ToolError, match="is refused; allowed is a number"):
        spec(shift).validate({"by": value})


def test_a_wrong_declaration_is_the_developers_to_hear() -> None:
    def unannotated(image: Image.Image, *, by=3) -> Image.Image:  # type: ignore[no-untyped-def]
        return image

    def returns_text(image: Image.Image) -> str:
        return "text"

    def returns_two(image: Image.Image) -> tuple[Image.Image, Image.Image]:
        return image, image

    with pytest.raises(TypeError, match="parameter by has no annotation"):
        spec(unannotated)
    for function in (returns_text, returns_two):
        with pytest.raises(TypeError, match=f"tool {function.__name__}: cannot return"):
            spec(function)
