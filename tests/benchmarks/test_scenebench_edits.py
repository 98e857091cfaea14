"""Edit tasks and chains: fair cases, true targets that pass, and measures that notice a change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.scenebench import chains, changes, edit_wording, edits, keeping
from benchmarks.scenebench.changes import EDITS, Case, drawn
from benchmarks.scenebench.edits import Grade, Row, grade
from benchmarks.scenebench.graders.spec import Sight, Thing
from benchmarks.scenebench.keeping import Other
from danqing import Home, Options, Session, Studio, understand

OPS = {"two at once": "recolor", "reference": "style", "upscale": "scale"}
"""What the studio calls a kind of change, where it has another name for it."""


@pytest.fixture(scope="module")
def some() -> dict[str, Case]:
    """The first case of each kind."""
    return {kind: changes.cases(kind, 1)[0] for kind in EDITS}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path_factory.mktemp("home"))) as found:
        yield found


def spoiled(case: Case) -> Image.Image:
    """The true picture after the change, with a thing painted over that was to stay."""
    x0, y0, x1, y1 = (v * case.size for v in case.others[0].box)
    picture = drawn(case.edit.target or case.scene).copy()
    ImageDraw.Draw(picture).rectangle((x0 - 9, y0 - 9, x1 + 9, y1 + 9), "teal")
    return picture


# -- the cases


def test_there_are_fourteen_kinds_of_change():
    assert len(EDITS) == 14


def test_the_same_kind_gives_the_same_cases_whatever_their_number():
    assert changes.cases("remove", 1) == changes.cases("remove", 3)[:1]


def test_half_of_the_cases_are_chinese_and_half_are_paraphrased():
    found = changes.cases("upscale", 4)
    assert Counter((c.language, c.held_out) for c in found) == Counter(
        {("en", False): 1, ("en", True): 1, ("zh", False): 1, ("zh", True): 1}
    )
    for case in found:
        assert any("一" <= c <= "鿿" for c in case.request) == (case.language == "zh")


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="sing"):
        changes.cases("sing", 1)


@pytest.mark.parametrize("kind", EDITS)
def test_every_form_of_every_request_is_filled_in(some, kind):
    case = some[kind]
    for language in ("en", "zh"):
        for seed in range(12):
            edit = EDITS[kind](case.scene, np.random.default_rng([case.scene.seed, 21]), language)
            assert edit is not None
            for rng in (None, np.random.default_rng(seed)):
                request = edit.request(language, rng).replace(edit_wording.REFERENCE, "img-1")
                assert not set("{}") & set(request), request


@pytest.mark.parametrize("kind", EDITS)
def test_the_plain_form_is_an_edit_of_that_kind(some, kind):
    case = some[kind]
    brief = understand(case.request.replace(edit_wording.REFERENCE, "img-1"))
    assert brief.intent == "edit"
    assert OPS.get(kind, kind) in {change.op for change in brief.changes}


def test_a_target_differs_from_its_start_only_in_what_is_touched(some):
    for kind in ("remove", "recolor", "move", "resize", "replace", "add", "two at once"):
        case = some[kind]
        assert case.edit.target is not None
        assert set(case.others) <= set(case.edit.target.things), kind
        assert case.edit.target != case.scene


# -- grading


@pytest.mark.parametrize("kind", ["add", "remove", "recolor", "move", "season", "style"])
def test_the_true_target_succeeds_and_doing_nothing_does_not(some, kind):
    case = some[kind]
    true, nothing = grade(case, case.truth), grade(case, drawn(case.scene))
    assert true.success, true
    assert not true.still
    assert nothing.still
    assert nothing.kept
    assert not nothing.success


def test_a_case_without_a_picture_is_no_success(some):
    found = grade(some["add"], None)
    assert found.still
    assert not found.success


def test_painting_over_another_thing_is_noticed(some):
    for kind in ("recolor", "remove"):
        found = grade(some[kind], spoiled(some[kind]))
        assert any(found.lost), found
        assert found.outside is not None
        assert found.outside > edits.OUTSIDE
        assert not found.success


def test_changing_everything_is_over_edited(some):
    case = some["recolor"]
    found = grade(case, Image.eval(case.truth, lambda v: 255 - v))
    assert found.outside is not None
    assert found.outside > 0.5
    assert not found.kept


def test_an_extended_picture_keeps_what_was_there(some):
    case = some["extend"]
    start = drawn(case.scene)
    wide = Image.new("RGB", (start.width * 3 // 2, start.height), "white")
    wide.paste(start, (wide.width - start.width if case.edit.side == "left" else 0, 0))
    assert grade(case, wide).success
    wrong = Image.new("RGB", wide.size, "white")
    wrong.paste(start.resize(wide.size), (0, 0))
    assert not grade(case, wrong).success
    assert not grade(case, start).success


def test_an_enlarged_picture_is_the_one_that_it_was(some):
    case = some["upscale"]
    start = drawn(case.scene, case.size)
    double = (2 * start.width, 2 * start.height)
    assert grade(case, start.resize(double, Image.Resampling.BICUBIC)).success
    assert not grade(case, Image.new("RGB", double, "gray")).success
    assert not grade(case, start.resize((600, 600))).success


def test_a_grade_survives_json(some):
    found = grade(some["recolor"], spoiled(some["recolor"]))
    assert Grade.read(json.loads(json.dumps(edits.asdict(found)))) == found


# -- what was kept


def seen(kind: str, x: float, color: str = "red") -> Thing:
    return Thing(kind, color, (x - 0.05, 0.4, x + 0.05, 0.6))


def test_what_is_gone_moved_or_of_another_color_is_lost():
    before = Sight((seen("cat", 0.2), seen("dog", 0.5), seen("car", 0.8)))
    after = Sight((seen("cat", 0.4), seen("dog", 0.52, "blue")))
    others = [Other("cat", (0.2, 0.5)), Other("dog", (0.5, 0.5)), Other("car", (0.8, 0.5))]
    assert keeping.lost(before, after, others) == (["cat gone", "dog red → blue", "car gone"], 3)
    assert keeping.lost(before, before, others) == ([], 3)


def test_nothing_is_asked_that_the_grader_did_not_see_before_or_sees_not_in_the_true_target():
    before, nothing = Sight((seen("cat", 0.2),)), Sight()
    others = [Other("cat", (0.2, 0.5)), Other("dog", (0.5, 0.5))]
    assert keeping.lost(before, nothing, others) == (["cat gone"], 1)
    assert keeping.lost(before, nothing, others, nothing) == ([], 0)
    gray = Sight((seen("cat", 0.2, "gray"),))
    assert keeping.lost(before, gray, others, gray) == ([], 1)


def test_pixels_are_counted_outside_the_region_only():
    start = Image.new("RGB", (100, 100), "white")
    after = start.copy()
    after.paste("red", (10, 10, 20, 20))
    inside = keeping.region(np.zeros((100, 100), bool), [(0.1, 0.1, 0.2, 0.2)])
    assert keeping.share_outside(start, after, inside) == 0
    assert keeping.psnr_outside(start, after, inside) == 100
    after.putpixel((90, 90), (0, 0, 0))
    assert keeping.share_outside(start, after, inside) == pytest.approx(1 / (~inside).sum())
    assert keeping.psnr_outside(start, after, inside) < 60


def test_a_change_that_nobody_sees_is_none():
    start = Image.new("RGB", (8, 8), (100, 100, 100))
    assert not keeping.changed(start, Image.new("RGB", (8, 8), (102, 101, 100))).any()
    assert keeping.changed(start, Image.new("RGB", (8, 8), (140, 100, 100))).all()
    with pytest.raises(ValueError, match="cannot be compared"):
        keeping.changed(start, Image.new("RGB", (9, 8)))


def test_layouts_agree_with_themselves_and_less_with_others(some):
    start, other = (drawn(some[kind].scene) for kind in ("season", "style"))
    assert keeping.layout(start, start) == 1
    assert keeping.layout(start, other) < 0.8


def test_a_seam_shows_and_a_smooth_transition_does_not():
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], (50, 1, 3))
    torn = ramp.copy()
    torn[:, 100:] = 0
    assert keeping.seam(Image.fromarray(ramp), 100, "right") < 2
    assert keeping.seam(Image.fromarray(torn), 100, "right") > 10


# -- chains


def test_chains_have_three_and_five_edits_of_which_the_second_says_it():
    found = chains.chains(2)
    assert [len(chain.edits) for chain in found] == [3, 5]
    for chain in found:
        pronoun = chains.IT[chain.language]
        assert pronoun in chain.requests[1]
        assert chain.edits[1].touched == (len(chain.scene.things),)
    assert found[0].rule is None
    assert found[1].rule is not None
    assert understand(found[1].rule).standing


def test_a_chain_of_true_pictures_is_a_success_and_a_lost_thing_ends_it(tmp_path):
    chain = chains.chains(1)[0]
    true = chains.true_pictures(chain)
    assert [g.success for g in chains.graded(chain, true)] == [True, True, True]
    (tmp_path / "pictures").mkdir()
    turns = []
    for k, picture in enumerate([*true[:2], Image.new("RGB", (512, 512), "teal")]):
        picture.save(tmp_path / "pictures" / f"{k}.png")
        turns.append(chains.Turn(chain.requests[k], f"{k}.png", True, "satisfied", 1.0))
    row = chains.Row(chain.id, tuple(turns), True, None, (True,) * 10)
    found = chains.document([chain], [row], tmp_path)
    assert [g["success"] for g in found["rows"][0]["grades"]] == [True, True, False]
    assert found["chains"][3]["chain"]["value"] == 0
    assert found["chains"][3]["true"]["value"] == found["true"]["value"] == 1
    assert "with true renders" in chains.markdown(found)


# -- the whole way


def test_an_edit_is_carried_out_graded_and_reported(studio: Studio, tmp_path: Path, some):
    case = some["recolor"]
    row = edits.carried_out(studio, case, tmp_path)
    assert row.stopped != "refused", row.said
    assert row.picture is not None
    (tmp_path / "pictures").mkdir()
    (tmp_path / row.picture).rename(tmp_path / "pictures" / row.picture)
    grades = edits.graded([case], [row], tmp_path)
    assert not grades[case.id][0].still
    text = edits.markdown(edits.document([case], [row], grades))
    assert "| recolor | 1 |" in text
    again = edits.graded([case], [row], tmp_path)
    assert again == grades


def test_a_run_goes_on_where_it_was_left(tmp_path: Path, some):
    case = some["extend"]
    row = Row(case.id, case.request, None, False, "refused", None, 0, 0.1, "")
    (tmp_path / "turns.jsonl").write_text(json.dumps(edits.asdict(row)) + "\n", "utf-8")
    assert edits.carry_out([case], tmp_path) == [row]
    assert not (tmp_path / "home").exists()


def test_what_is_idle_is_known_to_have_changed_something(studio: Studio, some):
    session = Session(studio, Options(seed=3))
    session.open(edits.file_of(drawn(some["remove"].scene)))
    assert chains._stays(session, "thanks")
    assert not chains._stays(session, "make it brighter")
