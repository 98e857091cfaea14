"""Edits are laid out blind, and every one of them is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.scenebench import changes, looked_edits
from benchmarks.scenebench.chains import chains
from benchmarks.scenebench.looked import read, rows_of, take, write


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three edits, one of which made no picture."""
    folder = tmp_path_factory.mktemp("edits")
    (folder / "pictures").mkdir()
    some = [changes.cases(kind, 1)[0] for kind in ("remove", "season", "reference")]
    lines = []
    for case in some:
        name = None if case.kind == "season" else f"{case.id}.png"
        if name:
            assert case.truth is not None
            case.truth.save(folder / "pictures" / name)
        lines.append({"id": case.id, "request": case.request, "picture": name})
    (folder / "turns.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return folder


def filled(out: Path, *verdicts: str) -> None:
    rows = rows_of(out / "verdicts.csv")
    write(out / "verdicts.csv", ["number", "verdict", "note"],
          ([row["number"], v, ""] for row, v in zip(rows, verdicts, strict=True)))  # fmt: skip


def test_edits_are_laid_out_in_pairs_and_one_without_a_picture_is_wrong(
    edits: Path, tmp_path: Path
) -> None:
    some = looked_edits.edited(edits)
    assert [one.after is None for one in some] == [False, True, False]
    assert some[2].reference is not None, "its style was asked for"
    out = tmp_path / "looking"
    assert looked_edits.lay_out(some, out, seed=1) == 1
    told = (out / "sheet-01.txt").read_text("utf-8")
    assert len(told.splitlines()) == 2 and "remove" not in (out / "verdicts.csv").read_text("utf-8")
    with Image.open(out / "sheet-01.png") as sheet:
        assert len(sheet.convert("RGB").getcolors(1 << 24) or []) > 100
    file = tmp_path / "looked.csv"
    with pytest.raises(ValueError, match="is no verdict"):
        take(out, file)
    filled(out, "right", "right")
    assert take(out, file) == 3
    looks = read(file)
    verdicts = {looked_edits.group(look): look.verdict for look in looks}
    assert verdicts == {"remove": "right", "season": "wrong", "reference": "right"}
    assert "0.667" in looked_edits.markdown(looks)


def test_a_chain_is_right_when_all_its_turns_are_and_what_stayed_is_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = chains(1)[0]
    (tmp_path / "pictures").mkdir()
    turns = []
    for k, edit in enumerate(chain.edits):
        assert edit.target is not None
        scene = edit.target if k != 1 else chain.edits[0].target
        assert scene is not None
        changes.drawn(scene).save(tmp_path / "pictures" / f"{k}.png")
        turns.append({"request": chain.requests[k], "picture": f"{k}.png"})
    (tmp_path / "chains.jsonl").write_text(json.dumps({"id": chain.id, "turns": turns}), "utf-8")
    assert looked_edits.main([str(tmp_path)]) == 0
    filled(tmp_path / "looking", "right", "right")
    file = tmp_path / "looked.csv"
    assert looked_edits.main([str(tmp_path), "--take", "--looked", str(file)]) == 0
    verdicts = [row["verdict"] for row in rows_of(file)]
    assert verdicts == ["right", "wrong", "right"], "the second turn changed nothing"
    assert "whole chain" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        looked_edits.main([str(tmp_path)])


def test_a_folder_that_holds_no_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        looked_edits.main([str(tmp_path / "nothing")])
    assert "holds no run" in capsys.readouterr().err
