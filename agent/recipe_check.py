"""A recipe is checked whole before anything runs: every problem, each with its line and column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..tools.errors import BadInput
from ..tools.registry import ToolSpec, allowed
from .brief import MAX_CLAIMS, Brief, Claim
from .recipe import (
    Input,
    Recipe,
    Reference,
    Step,
    Template,
    Use,
    filled,
    template,
    uses,
    whole,
)
from .recipe_yaml import BadRecipe, Problem, Source, Where

Model = TypeVar("Model", bound=BaseModel)
Given = str | int | float | Path
"""What an input is given: an image as a `Path`, or as the handle of a picture."""
_RUN = ""
"""The name under which no value is known before the run."""
_NUMBER = re.compile(r"[-+]?([0-9]{1,15}|[0-9]*\.?[0-9]+([eE][-+]?[0-9]{1,2})?)")


@dataclass(frozen=True)
class Plan:
    """A checked recipe with the values of its inputs; it can be run as it is.

    ``claims`` are those that each step is checked by, numbered through the whole recipe.
    """

    source: Source
    recipe: Recipe
    uses: dict[str, Use]
    inputs: dict[str, Given]
    claims: dict[str, tuple[Claim, ...]]

    @property
    def name(self) -> str:
        """The recipe's name, else that of its file."""
        return self.recipe.name or Path(self.source.name).stem

    def brief(self, ids: Collection[str] | None = None) -> Brief:
        """The claims as a Brief: of the steps ``ids``, or of all."""
        from .language.text import language_of

        claims = [c for id, cs in self.claims.items() if ids is None or id in ids for c in cs]
        language = language_of(self.recipe.name or self.recipe.description or "")
        return Brief(language=language, intent="make", claims=tuple(claims))


def plan(
    source: Source, tools: Mapping[str, ToolSpec], given: Mapping[str, Given] | None = None
) -> Plan:
    """Check a recipe against the tools there are, and against what its inputs are ``given``.

    Without ``given`` the inputs stay open, and only what does not depend on them is checked. Raises
    `BadRecipe` with all that is wrong.
    """
    checker = _Checker(source, uses(tools), given)
    checker.check()
    if checker.problems:
        raise BadRecipe(source.name, checker.problems)
    recipe = Recipe.model_validate(source.value)
    return Plan(source, recipe, checker.uses, checker.values, checker.claims)


class _Checker:
    """Looks at every part that is well-formed in itself, whatever is wrong with the others."""

    def __init__(
        self, source: Source, uses: dict[str, Use], given: Mapping[str, Given] | None
    ) -> None:
        self.source, self.uses, self.given = source, uses, given
        self.problems: list[Problem] = []
        self.inputs: dict[str, Input] = {}
        self.values: dict[str, Given] = {}
        self.claims: dict[str, tuple[Claim, ...]] = {}
        self.steps: dict[str, tuple[Step, Use | None]] = {}
        """The steps so far."""
        self.later: set[str] = set()
        """The ids of the steps to come, that of the step itself among them."""

    def check(self) -> None:
        value = self.source.value
        if not isinstance(value, dict):
            self._say((), "a recipe is a mapping with version, inputs, steps and outputs.")
            return
        self._model(Recipe, value, ())
        self._check_inputs(_mapping(value.get("inputs")))
        steps = value.get("steps")
        steps = steps if isinstance(steps, list) else []
        ids = [step.get("id") for step in steps if isinstance(step, dict)]
        self.later = {id for id in ids if isinstance(id, str)}
        for position, step in enumerate(steps):
            self._check_step(step, ("steps", position))
        for name, output in _mapping(value.get("outputs")).items():
            self._check_text(output, ("outputs", name), None)

    # -- inputs

    def _check_inputs(self, inputs: dict[str, Any]) -> None:
        for name, data in inputs.items():
            if (entry := _valid(Input, data)) is not None:
                self.inputs[name] = entry
        if self.given is None:
            return
        for name in sorted(set(self.given) - set(inputs)):
            self._say(("inputs",), f"there is no input {name!r}{_nearest(name, inputs)}.")
        for name, entry in self.inputs.items():
            value = self.given.get(name, entry.default)
            if value is None:
                how = "FILE" if entry.type == "image" else "…"
                self._say(
                    ("inputs", name),
                    f"the input {name!r} is missing; give it with --input {name}={how}.",
                    key=True,
                )
            elif entry.type == "image":
                beside = name not in self.given
                self.values[name] = self.source.folder / str(value) if beside else value
            elif entry.type == "text":
                self.values[name] = str(value)
            elif (number := _number(value)) is not None:
                self.values[name] = number
            else:
                self._say(
                    ("inputs", name), f"{name} = {value!r} is refused; allowed is a number.",
                    key=True,
                )  # fmt: skip

    # -- steps

    def _check_step(self, data: Any, where: Where) -> None:
        id = data.get("id") if isinstance(data, dict) else None
        step = _valid(Step, data)
        if step is not None:
            use = self.uses.get(step.uses)
            if use is None:
                told = f"there is no tool {step.uses!r}{_nearest(step.uses, self.uses)}."
                self._say((*where, "uses"), told)
            else:
                self._check_arguments(step, use, (*where, "with"))
                self._check_retry(step, use, where)
            self._check_claims(step, (*where, "check"))
        if not isinstance(id, str):
            return
        if id in self.steps:
            self._say((*where, "id"), f"the id {id!r} is there already; each step has its own.")
        elif step is not None:
            self.steps[id] = step, self.uses.get(step.uses)
        self.later.discard(id)

    def _check_arguments(self, step: Step, use: Use, where: Where) -> None:
        known = [*use.images, *use.arguments.model_fields]
        if use.seeded == "seeds":
            known.append("seed")
            if {"seed", "seeds"} <= set(step.arguments):
                self._say((*where, "seed"), "give seed, or seeds; not both.", key=True)
        for name, value in step.arguments.items():
            at = (*where, name)
            if name not in known:
                told = f"{step.uses} has no argument {name!r}{_nearest(name, known)}."
                self._say(at, told, key=True)
            elif name in use.images:
                self._check_image(value, at, name in use.optional)
            else:
                self._check_text(value, at, "value")
        for name in use.images:
            if name not in step.arguments and name not in use.optional:
                self._say(where, f"{step.uses} needs {name}: a reference to a picture.", key=True)
        self._check_values(step, use, where)

    def _check_image(self, value: Any, where: Where, optional: bool) -> None:
        if optional and value is None:
            return
        try:
            reference = whole(value)
        except ValueError:
            reference = None
        if reference is not None:
            self._check_reference(reference, where, "image")
            return
        self._say(
            where,
            f"{where[-1]} = {_shown(value)} is refused; allowed is a reference to a picture, as in"
            " ${{ inputs.photo }} or ${{ steps.sky.mask }}.",
        )

    def _check_values(self, step: Step, use: Use, where: Where) -> None:
        """The arguments that are not pictures, as the tool itself checks them."""
        plain: dict[str, Any] = {}
        open = {name for name in (use.seeded or "",) if name not in step.arguments}  # added later
        for name, value in use.seeds_in_full(step.arguments).items():
            if name in use.arguments.model_fields:
                try:
                    plain[name] = filled(value, self._known)
                except (LookupError, ValueError):  # only the run tells, or it was said already
                    open.add(name)
        schema = use.arguments.model_json_schema()
        properties, models = schema.get("properties", {}), schema.get("$defs", {})
        said: set[str] = set()
        for error in _errors(use.arguments, plain):
            name = str(error["loc"][0])
            if name in open | said:
                continue
            said.add(name)
            may = allowed(properties[name], models)
            if error["type"] == "missing" and len(error["loc"]) == 1:
                self._say(where, f"{step.uses} needs {name}: {may}.", key=True)
                continue
            at = "".join(f"[{i}]" if isinstance(i, int) else f".{i}" for i in error["loc"][1:])
            self._say(
                (*where, *error["loc"]),
                f"{name}{at} = {_shown(error['input'])} is refused; allowed is {may}.",
            )

    def _check_retry(self, step: Step, use: Use, where: Where) -> None:
        if step.retry and use.seeded is None:
            self._say(
                (*where, "retry"),
                f"{step.uses} takes no seed: trying again would change nothing; leave retry out.",
            )
        if step.check and use.returns == "value":
            self._say((*where, "check"), f"{step.uses} makes no picture that could be checked.")

    def _check_claims(self, step: Step, where: Where) -> None:
        claims: list[Claim] = []
        before = sum(map(len, self.claims.values()))
        for position, item in enumerate(step.check):
            at = (*where, position)
            self._check_text(item, at, "value")
            try:
                claims += self._claims(filled(item, self._known), at)
            except ValidationError as error:
                self._say(at, _reason(error))
            except ValueError:
                continue  # said where the reference stands
            except LookupError as open:
                if open.args[0] == _RUN:
                    self._say(at, "a check refers to inputs only, for it is fixed before the run.")
        numbered = [
            claim.model_copy(update={"id": f"c{before + n}"}) for n, claim in enumerate(claims, 1)
        ]
        if before + len(claims) > MAX_CLAIMS:
            self._say(where, f"a recipe checks at most {MAX_CLAIMS} claims.", key=True)
        self.claims[step.id] = tuple(numbered)

    def _claims(self, item: dict[str, Any] | str, where: Where) -> Iterator[Claim]:
        """The claims that an entry of a check makes: one by its fields, or those in its words."""
        if isinstance(item, dict):
            for name in set(item) - set(Claim.model_fields) | {"id"} & set(item):
                fields = [field for field in Claim.model_fields if field != "id"]
                self._say((*where, name), f"a claim has no {name!r}{_nearest(name, fields)}.",
                          key=True)  # fmt: skip
                return
            yield Claim.model_validate({"id": "c1", **item})
            return
        from .language import understand

        try:
            found = understand(item).claims
        except BadInput:
            found = ()
        if not found:
            self._say(where, f"in {item!r} there is nothing that can be checked.")
        yield from found

    # -- references

    def _check_text(self, value: Any, where: Where, wants: str | None) -> None:
        """Every reference within a value: a whole one may be of any kind where ``wants`` is None,
        one among words is never a picture."""
        if isinstance(value, list | dict):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                self._check_text(item, (*where, key), wants)
            return
        if not isinstance(value, str) or "${{" not in value:
            return
        try:
            parts: Template = template(value)
        except ValueError as error:
            self._say(where, f"{error}.")
            return
        for part in parts:
            if isinstance(part, Reference):
                alone = wants is None and len(parts) == 1
                self._check_reference(part, where, None if alone else "value")

    def _check_reference(self, reference: Reference, where: Where, wants: str | None) -> None:
        told = self._of_step(reference) if reference.of_step else self._of_input(reference)
        if isinstance(told, str):
            self._say(where, told)
        elif wants == "image" and told is False:
            self._say(where, f"{reference.text} is no picture.")
        elif wants == "value" and told:
            self._say(where, f"{reference.text} is a picture; here stands text or a number.")

    def _of_input(self, reference: Reference) -> bool | str | None:
        """Whether it is a picture; None if nobody can tell, words for what is wrong."""
        if reference.name not in self.inputs:
            if reference.name in _mapping(_mapping(self.source.value).get("inputs")):
                return None  # said where it stands
            return f"there is no input {reference.name!r}{_nearest(reference.name, self.inputs)}."
        return self.inputs[reference.name].type == "image"

    def _of_step(self, reference: Reference) -> bool | str | None:
        name = reference.name
        if name in self.later and name not in self.steps:
            return f"the step {name!r} does not come before; a step refers to earlier ones."
        if name not in self.steps:
            return f"there is no step {name!r}{_nearest(name, self.steps)}."
        step, use = self.steps[name]
        if use is None:  # said where it stands
            return None
        if reference.part == "value":
            return self._of_value(reference, use)
        if use.returns == "value":
            fields = f"value.{', value.'.join(use.value.model_fields)}" if use.value else "nothing"
            return f"{name} uses {use.name}, which makes no picture; it has {fields}."
        made = use.pictures(step.arguments)
        if reference.path and made is not None and int(reference.path[0]) >= made:
            last = f" to images[{made - 1}]" if made > 1 else ""
            return f"{reference.text} is refused; allowed is images[0]{last} of {name}."
        return True

    def _of_value(self, reference: Reference, use: Use) -> bool | str:
        if use.value is None:
            return f"{reference.name} uses {use.name}, which makes a picture and says nothing."
        field = str(reference.path[0])
        if field not in use.value.model_fields:
            return f"{use.name} says no {field!r}{_nearest(field, use.value.model_fields)}."
        return False

    def _known(self, reference: Reference) -> Any:
        """The value of an input; `LookupError` for what is not known before the run."""
        return self.values[_RUN if reference.of_step else reference.name]

    # -- what is said

    def _say(self, where: Where, message: str, *, key: bool = False) -> None:
        self.problems.append(self.source.problem(where, message, key=key))

    def _model(self, model: type[BaseModel], data: Any, where: Where) -> None:
        """What pydantic has against the recipe as a whole."""
        for error in _errors(model, data):
            at = (*where, *(part for part in error["loc"] if part != "[key]"))
            name = str(at[-1]) if at else "recipe"
            if error["type"] == "extra_forbidden":
                fields = [f.alias or n for n, f in _model_at(at[:-1]).model_fields.items()]
                self._say(at, f"there is no {name!r} here{_nearest(name, fields)}.", key=True)
            elif error["type"] == "missing":
                self._say(at[:-1], f"{name} is missing.", key=True)
            elif "[key]" in error["loc"]:
                self._say(at, f"the name {name!r} is refused; allowed are letters, digits, _ and -"
                          " after a first letter.", key=True)  # fmt: skip
            elif error["type"] == "value_error":
                self._say(at, f"{error['ctx']['error']}.")
            else:
                shown = _shown(error["input"])
                self._say(at, f"{name} = {shown} is refused; allowed is {_may(error)}.")


def _model_at(where: Where) -> type[BaseModel]:
    if where[:1] == ("steps",):
        return Step
    return Input if where[:1] == ("inputs",) else Recipe


def _may(error: Any) -> str:
    if error["type"] == "string_pattern_mismatch":
        return "a name of letters, digits, _ and - after a first letter"
    said = str(error["msg"])
    return said.removeprefix("Input should be ").removeprefix("a valid ")


def _errors(model: type[BaseModel], data: Any) -> list[Any]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        return list(error.errors(include_url=False))
    return []


def _valid(model: type[Model], data: Any) -> Model | None:
    try:
        return model.model_validate(data)
    except ValidationError:
        return None


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return f"{str(first['ctx']['error']).partition(': kind=')[0].partition(': Claim(')[0]}."
    name = ".".join(map(str, first["loc"]))
    return f"{name} = {_shown(first['input'])} is refused; allowed is {_may(first)}."


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Given) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    text = value.strip()
    return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else float(text)


def _nearest(name: str, known: Collection[str]) -> str:
    """What may have been meant, to end a sentence with."""
    near = difflib.get_close_matches(name, known, n=3)
    if near:
        return f"; nearest is {' or '.join(near)}"
    return f"; there are {', '.join(known)}" if known else "; there are none"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
