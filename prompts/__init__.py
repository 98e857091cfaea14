"""Words: one ``.md`` file a prompt, with ``$placeholders``, and one strict way to fill them."""

from __future__ import annotations

from importlib import resources
from string import Template


class PromptError(ValueError):
    """A prompt and the values given for it do not fit together; a bug, never the user's."""


def render(name: str, /, **values: object) -> str:
    """The prompt ``name`` with its placeholders filled; surrounding blank lines are cut.

    A value is inserted as it is and never read as a template. Raises `PromptError` for an unknown
    name, a placeholder without a value and a value without a placeholder.
    """
    file = resources.files(__package__).joinpath(f"{name}.md")
    if not file.is_file():
        raise PromptError(f"there is no prompt {name!r}")
    template = Template(file.read_text("utf-8").strip())
    wanted = set(template.get_identifiers())
    if wanted != set(values):
        raise PromptError(
            f"the prompt {name!r} takes {sorted(wanted)}, and was given {sorted(values)}"
        )
    return template.substitute({key: str(value) for key, value in values.items()})
