"""One budget for all recipes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from training import everything


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs everything with a recorder in place of Python, on a handful of pictures; returns the
    commands."""
    recorder = tmp_path / "recorder"
    recorder.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/commands\n')
    recorder.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(recorder))
    for name, n in zip(everything.SETTINGS, (2, 3, 1, 1, 5, 1, 2, 1, 4), strict=True):
        small = {**everything.SETTINGS[name]["small"], "n": n}
        monkeypatch.setitem(everything.SETTINGS[name], "small", small)
    monkeypatch.setattr(everything, "HELD_OUT", 2)

    def run(*options: str) -> list[list[str]]:
        arguments = ["everything", "--build", str(tmp_path), "--device", "cpu", *options]
        monkeypatch.setattr(sys, "argv", arguments)
        everything.main()
        return [line.split() for line in (tmp_path / "commands").read_text().splitlines()]

    return run


def minutes(command: list[str]) -> float:
    return float(command[command.index("--minutes") + 1])


def test_the_recipes_share_in_their_order_and_what_one_leaves_the_others_get(
    run, tmp_path: Path
) -> None:
    commands = run("--minutes", "30")
    assert [c[1] for c in commands] == [f"training.{name}" for name in everything.SHARES]
    shares = list(everything.SHARES.values())
    for k, command in enumerate(commands):  # each ends at once
        spare = 30 - everything.OVERHEAD * len(commands[k:])
        assert minutes(command) == pytest.approx(shares[k] / sum(shares[k:]) * spare, rel=0.1)
    plain = np.load(tmp_path / "data-plain" / "train" / "pictures.npy")
    world = np.load(tmp_path / "data" / "train" / "pictures.npy")
    assert (len(plain), len(world)) == (3, 5), "as many as the most demanding recipe wants"


def test_what_learns_from_painted_pictures_gets_the_decoder_that_they_go_through(
    run, tmp_path: Path
) -> None:
    out = str(tmp_path / "weights")
    commands = {c[1].removeprefix("training."): c for c in run("--minutes", "30", "--out", out)}
    given = {
        name: command[command.index("--autoencoder") + 1]
        for name, command in commands.items() if "--autoencoder" in command
    }  # fmt: skip
    assert given == {
        "painter": f"{out}/autoencoder", "decoder": f"{out}/autoencoder",
        "captioner": f"{out}/decoder", "panoptic": f"{out}/decoder",
        "upscaler": f"{out}/decoder", "stylizer": f"{out}/text-to-image/vae",
    }  # fmt: skip
    assert commands["decoder"][-3:] == ["--painter", f"{out}/text-to-image", "--install"]
    assert commands["stylizer"][-2:] == ["--panoptic", f"{out}/panoptic"]
    assert commands["gan"][-2:] == ["--painter", f"{out}/text-to-image"]


def test_a_painter_that_is_there_already_is_used(run, tmp_path: Path) -> None:
    options = ("--painter", "old", "--out", str(tmp_path / "weights"))
    controlnet, gan = run("--minutes", "5", "--recipes", "controlnet", "gan", *options)
    for command in (controlnet, gan):
        assert command[command.index("--painter") + 1] == "old"
    assert controlnet[-2:] == ["--unlock", str(tmp_path / "weights" / "text-to-image")]


def test_a_single_recipe_gets_all_the_time(run) -> None:
    [command] = run("--minutes", "5", "--recipes", "grader")
    assert minutes(command) == pytest.approx(5 - everything.OVERHEAD, rel=0.1)
    assert "--autoencoder" not in command


def test_a_recipe_that_fails_ends_everything(run, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(everything.subprocess.CalledProcessError):
        run("--minutes", "1", "--recipes", "grader")
