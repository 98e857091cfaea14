"""Pictures looked at by eye: drawn blind and at random, counted where the run has them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from benchmarks.scenebench import looked, prompts
from benchmarks.scenebench.arms import Row
from benchmarks.scenebench.graders.spec import Spec
from benchmarks.scenebench.looked import Look, main, seal
from benchmarks.scenebench.report import Graded, compared

TASKS = ("single", "colors", "season")


def case(spec: Spec, arm: str, folder: Path, shade: int | None) -> Row:
    """A turn that handed over a picture all of one gray, or none."""
    name = None if shade is None else f"{spec.id}-{arm}.png"
    if name is not None:
        told = PngImagePlugin.PngInfo()
        told.add_text("arm", arm)
        Image.new("RGB", (64, 64), (shade,) * 3).save(folder / "pictures" / name, pnginfo=told)
    return Row(spec.id, arm, name, True, "satisfied", 1, 1.0, ())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four cases of each task; best hands over what the loop does, in half of the cases."""
    (tmp_path / "pictures").mkdir()
    specs = prompts.cases([*TASKS, "unsatisfiable"], 4)
    rows = []
    for k, spec in enumerate(specs):
        rows.append(case(spec, "loop", tmp_path, 3 * k))
        rows.append(case(spec, "best", tmp_path, 3 * k + k % 2))
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(asdict(s)) + "\n" for s in specs))
    (tmp_path / "turns.jsonl").write_text("".join(json.dumps(r.as_json()) + "\n" for r in rows))
    return tmp_path


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [*csv.DictReader(file)]


def fill(folder: Path, verdict: str) -> None:
    path = folder / "looking" / "verdicts.csv"
    path.write_text(path.read_text().replace(",,", f",{verdict},"))


def test_a_picture_is_known_by_its_pixels_whatever_its_file_tells(run):
    paths = [run / "pictures" / f"single-0000-{arm}.png" for arm in ("loop", "best")]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    seals = {seal(Image.open(path)) for path in paths}
    assert len(seals) == 1 and seals != {seal(Image.new("RGB", (32, 128)))}
    assert seal(None) == ""


def test_all_arms_of_a_case_are_drawn_and_tasks_in_turn(run):
    assert main([str(run), "--n", "15", "--sheet", "2"]) == 0
    keys = lines(run / "looking" / "key.csv")
    cases = {key["id"] for key in keys}
    assert Counter((key["arm"]) for key in keys) == {"loop": len(cases), "best": len(cases)}
    counts = Counter(id.rpartition("-")[0] for id in cases)
    assert set(counts) == set(TASKS) and max(counts.values()) - min(counts.values()) <= 1
    different = {(key["id"], key["sha256"]) for key in keys}
    assert len({key["number"] for key in keys}) == len(different) in (15, 16)
    assert len([*(run / "looking").glob("sheet-*.png")]) == 8


def test_the_sheets_show_the_picture_and_the_request_of_each_number(run):
    main([str(run), "--n", "100", "--sheet", "4"])
    keys = {key["number"]: key for key in lines(run / "looking" / "key.csv")}
    requests = {spec.id: spec.request for spec in prompts.cases(TASKS, 4)}
    for sheet in sorted((run / "looking").glob("sheet-*.png")):
        pixels = np.array(Image.open(sheet).convert("L"))
        for k, line in enumerate(sheet.with_suffix(".txt").read_text("utf-8").splitlines()):
            number, request = line.split("\t")
            key = keys.pop(number)
            assert request == requests[key["id"]]
            x = looked.MARGIN + k % 3 * (looked.SIDE + 2 * looked.MARGIN)
            y = 2 * looked.MARGIN + k // 3 * (looked.SIDE + 2 * looked.MARGIN)
            picture = Image.open(run / "pictures" / f"{key['id']}-{key['arm']}.png")
            assert pixels[y, x] == pixels[y + 60, x + 60] == picture.getpixel((0, 0))[0]
    assert not keys


def test_nothing_that_is_looked_at_tells_the_arm_or_the_graders(run):
    main([str(run), "--n", "100"])
    for path in (run / "looking").glob("*[!y].*"):  # all but the key
        assert not any(word in path.read_bytes() for word in (b"loop", b"best", b"single-"))
    assert [*lines(run / "looking" / "verdicts.csv")[0]] == ["number", "verdict", "note"]
    keys = sorted(lines(run / "looking" / "key.csv"), key=lambda k: (k["id"], k["sha256"]))
    numbers = [int(key["number"]) for key in keys]
    assert numbers != sorted(numbers)


def test_the_same_seed_draws_the_same_and_no_second_drawing_is_made(run, tmp_path, capsys):
    main([str(run), "--n", "4", "--seed", "3"])
    first = lines(run / "looking" / "key.csv")
    with pytest.raises(SystemExit):
        main([str(run), "--n", "4", "--seed", "4"])
    assert "a second drawing would be a choice" in capsys.readouterr().err
    for seed, same in (("3", True), ("4", False)):
        (run / "looking").rename(tmp_path / f"before-{seed}")
        main([str(run), "--n", "4", "--seed", seed])
        again = lines(run / "looking" / "key.csv")
        assert (again == first) is same
        assert ({key["id"] for key in again} == {key["id"] for key in first}) is same


def test_verdicts_are_taken_for_every_arm_that_has_the_picture(run, tmp_path):
    file = tmp_path / "looked.csv"
    main([str(run), "--n", "100"])
    fill(run, "right")
    main([str(run), "--take", "--looked", str(file)])
    looks = looked.read(file)
    assert len(looks) == 2 * 4 * len(TASKS)
    assert {look.verdict for look in looks} == {"right"}
    before = file.read_bytes()
    main([str(run), "--take", "--looked", str(file)])
    assert file.read_bytes() == before


def test_a_picture_that_was_left_out_or_a_strange_verdict_is_refused(run, tmp_path, capsys):
    main([str(run), "--n", "3"])
    path = run / "looking" / "verdicts.csv"
    blank = path.read_text()
    for text, told in (
        (blank, "'' of number"),
        (blank.replace(",,", ",good,"), "'good' of number"),
        (blank.replace(",,", ",right,").replace("2,right,\n", ""), "'' of number 2"),
    ):
        path.write_text(text)
        with pytest.raises(SystemExit):
            main([str(run), "--take", "--looked", str(tmp_path / "looked.csv")])
        error = capsys.readouterr().err
        assert told in error and "is no verdict; allowed are right, wrong, unclear" in error
    assert not (tmp_path / "looked.csv").exists()
    (tmp_path / "other.csv").write_text("picture,verdict\na.png,right\n")
    with pytest.raises(ValueError, match="picture"):
        looked.read(tmp_path / "other.csv")


def test_where_there_is_no_picture_the_verdict_is_wrong(run, tmp_path):
    spec = prompts.cases(["single"], 1)[0]
    rows = [case(spec, "loop", run, None), case(spec, "best", run, 40)]
    (run / "turns.jsonl").write_text("".join(json.dumps(r.as_json()) + "\n" for r in rows))
    main([str(run)])
    fill(run, "right")
    main([str(run), "--take", "--looked", str(tmp_path / "looked.csv")])
    looks = {look.arm: look for look in looked.read(tmp_path / "looked.csv")}
    assert (looks["loop"].verdict, looks["loop"].sha256) == ("wrong", "")
    assert looks["best"].verdict == "right"


# -- the account


def outcomes(folder: Path) -> list[Graded]:
    """Eight cases in two arms with a picture each; the learned grader grants the first six of the
    loop's and the first two of single's, the classical one all."""
    (folder / "pictures").mkdir(exist_ok=True)
    return [
        Graded(
            spec, case(spec, arm, folder, k + shift),
            dict.fromkeys(spec.atoms, (True, k < granted)),
        )
        for arm, granted, shift in (("loop", 6, 0), ("single", 2, 100))
        for k, spec in enumerate(prompts.cases(["single"], 8))
    ]  # fmt: skip


def looks_at(results: list[Graded], folder: Path, verdicts: dict[str, str]) -> list[Look]:
    """Verdicts by arm, a letter a case: r, w or u."""
    names = {name[0]: name for name in looked.VERDICTS}
    of = compared(results, [*verdicts])
    return [
        Look(one.row.id, arm, seal(Image.open(folder / "pictures" / str(one.row.picture))),
             names[letter])
        for arm, letters in verdicts.items()
        for one, letter in zip(of[arm], letters, strict=True)
    ]  # fmt: skip


def test_graders_and_arms_are_counted_by_what_the_eye_says(tmp_path):
    results = outcomes(tmp_path)
    verdicts = {"loop": "rrrrrrru", "single": "rrrrwwwu"}
    looks = looks_at(results, tmp_path, verdicts)
    eye = looked.account(compared(results, [*verdicts]), looks, tmp_path)
    assert eye["looked"] == 14
    learned = eye["graders"]["learned"]
    assert (learned["tpr"]["value"], learned["tpr"]["n"]) == (8 / 11, 11)
    assert (learned["fpr"]["value"], learned["fpr"]["n"]) == (0.0, 3)
    assert eye["graders"]["classical"]["fpr"]["value"] == 1.0
    loop, single = eye["arms"]["loop"], eye["arms"]["single"]
    assert (loop["right"]["value"], single["right"]["value"]) == (1.0, 4 / 7)
    assert loop["unclear"] == single["unclear"] == 1
    assert single["trust"]["gap"] == pytest.approx(3 / 7)
    assert loop["corrected"]["learned"]["value"] == 1.0  # 6/8 · 11/8, cut
    assert single["corrected"]["learned"]["value"] == pytest.approx(2 / 8 * 11 / 8)
    assert np.isnan(single["corrected"]["classical"]["value"])
    assert eye["differences"]["loop less single"]["value"] == pytest.approx(3 / 7)
    assert "| right by learned, corrected" in looked.markdown(eye)


def test_a_verdict_on_another_picture_of_the_same_name_does_not_count(tmp_path):
    results = outcomes(tmp_path)
    looks = looks_at(results, tmp_path, {"loop": "rrrrrrrr"})
    of = compared(results, ["loop", "single"])
    assert looked.account(of, looks, tmp_path)["arms"]["loop"]["right"]["n"] == 8
    case(results[0].spec, "loop", tmp_path, 222)
    eye = looked.account(of, looks, tmp_path)
    assert eye["arms"]["loop"]["right"]["n"] == eye["looked"] == 7
    assert eye["arms"]["single"]["right"]["n"] == 0


def test_a_picture_that_two_arms_share_tells_of_the_graders_once(tmp_path):
    results = outcomes(tmp_path)
    for k, one in enumerate(results[8:]):
        case(one.spec, "single", tmp_path, k)
    looks = looks_at(results, tmp_path, {"loop": "rrrrrrww", "single": "rrrrrrww"})
    eye = looked.account(compared(results, ["loop", "single"]), looks, tmp_path)
    assert eye["looked"] == eye["graders"]["both"]["tpr"]["n"] + 2 == 8
    assert eye["arms"]["single"]["right"]["n"] == 8


def test_without_verdicts_there_is_nothing_to_tell(tmp_path):
    results = outcomes(tmp_path)
    eye = looked.account(compared(results, ["loop"]), [], tmp_path)
    assert eye == {} and looked.markdown(eye) == ""
