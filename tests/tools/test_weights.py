"""The weights that ship: what a stranger finds in their folders is true."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from danqing import tools

CARDS = sorted(Path(tools.__file__).parent.glob("weights/*/*/README.md"))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_the_code_on_a_card_runs_as_written(card: Path) -> None:
    torch.set_num_threads(1)
    [code] = re.findall(r"```python\n(.*?)```", card.read_text("utf-8"), re.DOTALL)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    picture = Image.fromarray(pixels)
    assert "FOLDER" in code
    exec(code.replace("FOLDER", str(card.parent)), {"picture": picture})


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_card_names_the_very_files_that_ship(card: Path) -> None:
    listed = dict(
        re.findall(r"^\| (\S+) \| [\d,]+ \| `(\w{64})` \|$", card.read_text("utf-8"), re.M)
    )
    files = {
        str(file.relative_to(card.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in card.parent.rglob("*.safetensors")
    }
    assert listed == files
    assert all(len((card.parent / name).read_bytes()) <= 15 * 2**20 for name in files)


def test_all_weights_together_stay_small() -> None:
    assert len(CARDS) >= 3
    files = CARDS[0].parents[2].rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 52 * 2**20


def test_no_config_names_a_folder_of_the_machine_that_trained_it() -> None:
    for file in CARDS[0].parents[2].rglob("*config.json"):
        assert not re.search(r'"(/|~|\w:\\\\)', file.read_text("utf-8")), file
