"""Prompts are strict about their placeholders and are shipped in both languages."""

from __future__ import annotations

from importlib import resources

import pytest

from danqing.prompts import PromptError, render


def test_a_value_is_inserted_as_it_is() -> None:
    text = render("picture-says.en", handle="img-1", caption="$handle ${x} $$")
    assert '"$handle ${x} $$"' in text


@pytest.mark.parametrize("values", [{}, {"handle": 1}, {"handle": 1, "caption": 2, "more": 3}])
def test_missing_and_stray_values_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(PromptError, match="handle"):
        render("picture-says.en", **values)


@pytest.mark.parametrize("name", ["nothing", "../pyproject", "picture-says"])
def test_an_unknown_prompt_is_refused(name: str) -> None:
    with pytest.raises(PromptError):
        render(name)


def test_every_prompt_has_both_languages_and_the_same_placeholders() -> None:
    from string import Template

    found: dict[str, dict[str, set[str]]] = {}
    for file in resources.files("danqing.prompts").iterdir():
        if file.name.endswith(".md"):
            name, language, _ = file.name.rsplit(".", 2)
            wanted = set(Template(file.read_text("utf-8")).get_identifiers())
            found.setdefault(name, {})[language] = wanted
    assert len(found) > 5
    for name, languages in found.items():
        assert set(languages) == {"en", "zh"}, name
        assert languages["en"] == languages["zh"], name
