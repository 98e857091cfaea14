"""What a language model is offered to plan with: the tools that make pictures, and the skills.

A skill is something that the studio knows how to do by rule, as one call: to draw all that a Brief
claims, to carry out its changes, to mend what is wrong. The language model decides; what a painter
has to be told in its own way, and the seeds, are filled in by the studio.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...tools.errors import ToolError
from ...tools.registry import ToolSpec
from ..plan import MASKS, Call
from .door import Refused, read_object
from .reach import RawCall

SKILLS = {
    "draw": "Draw a new picture of all that is asked for, in the studio's own way: lay out the"
    " things, sketch them and paint along the sketch. The first choice for a new picture.",
    "carry_out": "Carry out all changes that are asked for on the picture, each in its region, and"
    " keep everything else. The first choice for a change.",
    "mend": "Mend what is wrong in the best picture so far, in its region; else make it anew.",
    "stop": "There is nothing left that would help; hand over the best picture so far.",
}
MOST_CALLS = 12
_REFERENCE = re.compile(r"#[1-9][0-9]?")
_HANDLE = r"^(img-[1-9][0-9]*|#[1-9][0-9]?)$"


@dataclass(frozen=True)
class Wanted:
    """A call that a language model wants: of a skill, or of a tool with checked arguments. Images
    are handles, or "#1" for what its first call makes, and so on."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)


class Offers:
    """The ``skills`` and ``tools`` of one plan; ``handles`` are the pictures that it may name, and
    ``filled`` the arguments that the studio sets: seeds, and the words for a painter that has a
    language of its own."""

    def __init__(
        self, skills: Sequence[str], tools: Mapping[str, ToolSpec], handles: Collection[str],
        filled: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.skills = tuple(skills)
        self.tools = {name: s for name, s in tools.items() if s.returns != "value"}
        self.handles = tuple(dict.fromkeys(handles))
        self.filled = filled

    @property
    def names(self) -> list[str]:
        return [*self.skills, *self.tools]

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as chat models are told of them."""
        told = [_tool(name, SKILLS[name], {}, []) for name in self.skills]
        for name, spec in self.tools.items():
            schema = _plain(spec.schema())
            properties = {k: v for k, v in schema["properties"].items() if k not in self.filled}
            for image in spec.images:
                properties[image] = {**properties[image], "pattern": _HANDLE}
            needed = [k for k in schema["required"] if k not in self.filled]
            told.append(_tool(name, spec.summary, properties, needed, schema.get("$defs")))
        return told

    def wanted(self, raw: Sequence[RawCall]) -> list[Wanted]:
        """The calls as they may be carried out. Raises `Refused` or `ToolError` for the first that
        may not: what was given, and what is allowed."""
        if len(raw) > MOST_CALLS:
            raise ToolError(f"{len(raw)} calls were made; allowed are {MOST_CALLS}.")
        found: list[Wanted] = []
        for call in raw:
            one = self._one(call, len(found))
            if one in found:
                raise ToolError(
                    f"{call.name} is called twice with equal arguments; once is enough."
                )
            found.append(one)
        names = {one.name for one in found}
        if "stop" in names and len(names) > 1:
            raise ToolError("stop is called beside other tools; call either it or them.")
        return found

    def _one(self, call: RawCall, before: int) -> Wanted:
        if call.name not in self.names:
            nearest = difflib.get_close_matches(call.name, self.names, n=3) or self.names
            raise ToolError(f"There is no tool {call.name!r}; did you mean {' or '.join(nearest)}?")
        arguments = read_object(call.arguments)
        if call.name in self.skills:
            if arguments:
                raise ToolError(f"{call.name} takes no arguments; {sorted(arguments)} were given.")
            return Wanted(call.name)
        spec = self.tools[call.name]
        ours = self.filled.keys() & spec.arguments.model_fields.keys()
        if given := sorted(arguments.keys() & ours):
            are = "is" if len(given) == 1 else "are"
            raise ToolError(
                f"{call.name}: {', '.join(given)} {are} filled in by the studio; leave it out."
            )
        images = {}
        for name in spec.images:
            handle = arguments.get(name)
            if isinstance(handle, str) and _REFERENCE.fullmatch(handle):
                if int(handle[1:]) > before:
                    earlier = f"#1 to #{before}" if before else "none, since no call is before it"
                    raise ToolError(
                        f"{call.name}: {name} = {handle!r} is refused; of calls before this one"
                        f" there are {earlier}."
                    )
                images[name] = arguments.pop(name)
        set_ = {k: v for k, v in self.filled.items() if k in spec.arguments.model_fields}
        rest = replace(spec, images=tuple(name for name in spec.images if name not in images))
        handles, values = rest.parse({**arguments, **set_})
        for name, handle in handles.items():
            if handle not in self.handles:
                raise ToolError(
                    f"{call.name}: {name} = {handle!r} is refused; allowed are"
                    f" {', '.join((*self.handles, '#1'))} (what your first call makes), and so on."
                )
        set_values = {k: v for k, v in values.items() if k in arguments or k in set_}
        return Wanted(call.name, set_values, {**handles, **images})


def _tool(
    name: str, description: str, properties: Mapping[str, Any], required: Sequence[str],
    definitions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    parameters: dict[str, Any] = {
        "type": "object", "properties": dict(properties), "required": list(required),
        "additionalProperties": False,
    }  # fmt: skip
    if definitions:
        parameters["$defs"] = dict(definitions)
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def form(name: str, description: str, model: type[Any]) -> dict[str, Any]:
    """A pydantic ``model`` as a tool whose call fills it in."""
    schema = _plain(model.model_json_schema())
    return _tool(
        name, description, schema["properties"], schema.get("required", []), schema.get("$defs")
    )


def _plain(value: Any) -> Any:
    """A schema without titles, defaults and nulls: what is not said is left out. A choice of
    numbers is told in words, for not all providers take it otherwise."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "anyOf" in value:
        options = [option for option in value["anyOf"] if option.get("type") != "null"]
        rest = {k: v for k, v in value.items() if k != "anyOf"}
        value = {**rest, **options[0]} if len(options) == 1 else {**rest, "anyOf": options}
    if not all(isinstance(choice, str) for choice in value.get("enum", ())):
        choices = " or ".join(map(str, value["enum"]))
        about = "; ".join(filter(None, (value.get("description"), f"allowed are {choices}")))
        value = {k: v for k, v in value.items() if k != "enum"} | {"description": about}
    return {
        k: {name: _plain(part) for name, part in v.items()} if k in ("properties", "$defs")
        else _plain(v)
        for k, v in value.items() if k not in ("title", "default")
    }  # fmt: skip


def calls_of(wanted: Sequence[Wanted], skilled: Mapping[str, Sequence[Call]]) -> list[Call]:
    """A plan of what is wanted; ``skilled`` are the calls that each skill stands for.

    What is a mask, or is worked on by a later call, is an aid; the others are handed over.
    """
    plan: list[Call] = []
    made: list[int] = []  # by the number of what is wanted, the number of its last call
    used = {h for one in wanted for h in one.images.values() if h.startswith("#")}
    for number, one in enumerate(wanted, 1):
        if one.name in skilled:
            plan += [_shifted(call, len(plan)) for call in skilled[one.name]]
        else:
            images = {
                name: f"#{made[int(handle[1:]) - 1]}" if handle.startswith("#") else handle
                for name, handle in one.images.items()
            }  # fmt: skip
            aid = one.name in MASKS or f"#{number}" in used
            arguments = one.arguments
            if aid and "seeds" in arguments:  # a later call takes the first picture alone
                arguments = {**arguments, "seeds": arguments["seeds"][:1]}
            plan.append(Call(tool=one.name, arguments=arguments, images=images, aid=aid))
        made.append(len(plan))
    return plan


def check_plan(calls: Sequence[Call], origins: Collection[str] = ()) -> None:
    """Raises `Refused` for a plan that hands nothing over, and for one of a change that hands over
    what does not come of a picture among ``origins``."""
    if calls and all(call.aid for call in calls):
        raise Refused(
            "none of these calls makes a picture to hand over: masks and sketches, and what a later"
            " call works on, are not; call a tool that makes it last"
        )
    comes: list[bool] = []
    for call in calls:
        images = [*call.images.values(), *filter(None, (call.before,))]
        found = (
            comes[int(h[1:]) - 1] if h.startswith("#") and 0 < int(h[1:]) <= len(comes)
            else h in origins
            for h in images
        )  # fmt: skip
        comes.append(any(found))
        if origins and not call.aid and not comes[-1]:
            raise Refused(
                f"{call.tool} makes a picture that does not come of {' or '.join(origins)}, which"
                " is to be changed"
            )


def _shifted(call: Call, by: int) -> Call:
    """The call as one of a plan that has ``by`` calls before its own."""

    def moved(handle: str | None) -> str | None:
        if handle is None or not handle.startswith("#"):
            return handle
        return f"#{int(handle[1:]) + by}"

    images = {name: str(moved(handle)) for name, handle in call.images.items()}
    return call.model_copy(update={"images": images, "within": moved(call.within)})
