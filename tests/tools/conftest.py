"""Toy models on disk, once; a worker that has them loaded, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from danqing.tools.catalogue import Profile
from danqing.tools.engine import Engine
from danqing.tools.models import Models
from danqing.tools.registry import Context


@pytest.fixture(scope="session")
def toy_profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """Toy models in the real formats."""
    import toy_models

    return toy_models.write_profile(tmp_path_factory.mktemp("toys"))


@pytest.fixture(scope="session")
def toy_engine(toy_profile: Profile) -> Iterator[Engine]:
    """A real worker process with the toy models."""
    with Engine(toy_profile, device="cpu") as engine:
        yield engine


@pytest.fixture(scope="session")
def toy_models_here(toy_profile: Profile) -> Models:
    """The toy models in this process."""
    return Models(toy_profile.models, device="cpu")


@pytest.fixture
def context(toy_models_here: Models) -> Context:
    """A context with the toy models in this process."""
    return Context(toy_models_here)


@pytest.fixture
def photo() -> Image.Image:
    """An image without symmetry: gradients, and noise that is the same every time."""
    red = Image.linear_gradient("L").resize((90, 70))
    green = Image.radial_gradient("L").resize((90, 70))
    return Image.merge("RGB", (red, green, red.rotate(180)))
