"""The command line with toy models in place of the built-in ones, here and in real processes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from danqing.tools import catalogue

TOYS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="session")
def toy_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue file whose default profile is made of toy models."""
    sys.path.insert(0, str(TOYS))
    import toy_models

    folder = tmp_path_factory.mktemp("toys")
    profile = toy_models.write_profile(folder)
    lines = [f"[{catalogue.DEFAULT_PROFILE}]", 'summary = "toys"']
    for role, entry in profile.models.items():
        lines.append(f"[{catalogue.DEFAULT_PROFILE}.{role}]")
        for name, value in entry.model_dump(exclude_defaults=True).items():
            if isinstance(value, dict):
                value = "{" + ", ".join(f"{k} = {v}" for k, v in value.items()) + "}"
                lines.append(f"{name} = {value}")
            else:
                lines.append(f"{name} = {json.dumps(value)}")
    path = folder / "catalogue.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that the command line finds by itself."""
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DANQING_IMAGES", raising=False)
    return tmp_path / "home"


@pytest.fixture
def toys(toy_catalogue: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The toy models as the default ones, in this process."""
    monkeypatch.setattr(catalogue, "BUILT_IN", toy_catalogue)
