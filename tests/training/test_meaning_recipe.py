"""The map from the language model's vectors to the painter's."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from danqing.tools import catalogue
from danqing.tools.meaning import KEPT, kept
from danqing.tools.models import load
from training import meaning


def test_a_map_is_found_for_the_models_that_it_names_and_told_on_the_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = catalogue.profile()
    embedder, painter, generator = (
        load(catalogue.entry(profile, role), "cpu")
        for role in ("embedder", "text-to-image", "generator")
    )
    out = tmp_path / "generator"
    shutil.copytree(generator.entry.folder, out)
    (out / KEPT).unlink()
    monkeypatch.setattr(meaning, "SCENES", 16)
    monkeypatch.setattr(meaning, "HELD_OUT", 8)
    monkeypatch.setattr(sys, "argv", ["meaning", "--generator", str(out)])
    meaning.main()
    moved = generator.entry.model_copy(update={"source": str(out)})
    map_ = kept(embedder, painter, replace(generator, entry=moved))
    assert map_ is not None
    assert [part.shape for part in map_] == [(256, 128), (128,)]
    shipped = kept(embedder, painter, generator)
    assert shipped is not None
    assert not torch.equal(map_[0], shipped[0])
    card = (out / "README.md").read_text("utf-8")
    assert hashlib.sha256((out / KEPT).read_bytes()).hexdigest() in card
    assert "8 sentences in English: cosine" in card


def test_scenes_are_said_in_the_painters_form_and_in_english() -> None:
    said = meaning.manners([scene for scene, _ in zip(meaning.plain(0), range(6), strict=False)])
    forms, english = said["the painter's form"], said["English"]
    assert ["<horizon" in sentence for sentence in forms] == [False, True] * 3
    assert len({*forms, *english}) == 12
    assert not any("<" in sentence for sentence in english)
