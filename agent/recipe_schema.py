"""The JSON Schema of recipes (draft 2020-12), from the declarations of `Recipe` and the tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tools.registry import ToolSpec
from .brief import Claim
from .recipe import Recipe, Use, uses

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"$ref": "#/$defs/reference"}


def schema(tools: Mapping[str, ToolSpec]) -> dict[str, Any]:
    """The schema of a recipe that uses ``tools``: an editor completes and checks with it.

    What a schema cannot say, such as that a step refers to earlier ones, `recipe_check` checks.
    """
    whole = Recipe.model_json_schema(by_alias=True)
    definitions = whole.pop("$defs")
    common = definitions.pop("Step")
    return {
        "$schema": DIALECT,
        **whole,
        "title": "Danqing recipe",
        "$defs": {
            **definitions,
            "claim": _claim(),
            "reference": {
                "type": "string",
                "pattern": r"^\$\{\{ *(inputs\.|steps\.).+\}\}$",
                "description": "such as ${{ inputs.photo }} or ${{ steps.sky.mask }}",
            },
            "Step": {
                "description": common["description"],
                "oneOf": [_step(common, use) for use in uses(tools).values()],
            },
        },
    }


def _step(common: Mapping[str, Any], use: Use) -> dict[str, Any]:
    properties = dict(common["properties"])
    properties["uses"] = {"const": use.name, "description": use.summary}
    properties["with"] = _arguments(use)
    properties["check"] = {
        "type": "array",
        "items": {"anyOf": [{"$ref": "#/$defs/claim"}, {"type": "string", "maxLength": 2000}]},
    }
    if use.returns == "value":
        del properties["check"]
    if use.seeded is None:
        del properties["retry"]
    required = ["id", "uses"] + (["with"] if properties["with"]["required"] else [])
    return {
        "title": use.name, "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def _arguments(use: Use) -> dict[str, Any]:
    whole = use.arguments.model_json_schema()
    definitions = whole.get("$defs", {})
    properties: dict[str, Any] = dict.fromkeys(use.images, _REFERENCE)
    for name, entry in whole.get("properties", {}).items():
        properties[name] = _open(entry, definitions)
    required = [name for name in use.images if name not in use.optional]
    required += [name for name in whole.get("required", ()) if name != use.seeded]
    if use.seeded == "seeds":
        properties["seed"] = {
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 2**32 - 1}, _REFERENCE],
            "description": "one seed, in the place of seeds",
        }
    return {
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def _open(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an argument, whole: it may be a reference as well, and so each item of it."""
    if "$ref" in entry:
        return _open(definitions[entry["$ref"].rpartition("/")[2]], definitions)
    about = {key: entry[key] for key in ("description", "default") if key in entry}
    rest = {key: value for key, value in entry.items() if key not in (*about, "title")}
    if "properties" in rest:
        rest["properties"] = {n: _open(e, definitions) for n, e in rest["properties"].items()}
    if "items" in rest:
        rest["items"] = _open(rest["items"], definitions)
    options = [_open(option, definitions) for option in rest.get("anyOf", ())] or [rest]
    if _REFERENCE not in options:
        options.append(_REFERENCE)
    return {**about, "anyOf": options}


def _claim() -> dict[str, Any]:
    entry = Claim.model_json_schema()
    del entry["properties"]["id"]
    entry["required"] = [name for name in entry["required"] if name != "id"]
    entry["title"] = "claim"
    return entry
