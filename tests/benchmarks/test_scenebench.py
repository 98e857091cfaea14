"""SceneBench: fair cases, graders that stand alone, arms that differ only in what they say."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.scenebench import prompts, report, wording
from benchmarks.scenebench.__main__ import keep, main, of_others
from benchmarks.scenebench.arms import ARMS, Judge, Row, statuses
from benchmarks.scenebench.graders import __main__ as errors
from benchmarks.scenebench.graders import classical, grade, learned
from benchmarks.scenebench.graders.spec import Atom, Sight, Spec, Thing, holds
from benchmarks.scenebench.graders.words import COLORS, FACTS, KINDS
from benchmarks.scenebench.report import Graded
from benchmarks.scenebench.wording import Noun, Wanted
from danqing import understand
from training.scenes import layout
from training.scenes.render import render

ROOT = Path(__file__).parents[2]
GRADERS = ROOT / "benchmarks" / "scenebench" / "graders"
PRODUCT = {"agent", "danqing", "prompts", "tools"}


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports absolutely, and how far up its relative imports
    reach, as dots."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level or str(node.module).partition(".")[0])
    return names


# -- who imports whom


def test_the_graders_import_nothing_of_the_product():
    paths = [*GRADERS.glob("*.py")]
    assert len(paths) >= 6
    for path in paths:
        assert not imported(path) & {*PRODUCT, "benchmarks", "..", "..."}, path.name


def test_grading_a_picture_loads_nothing_of_the_product_even_by_the_way():
    code = (
        "import sys; from PIL import Image; from benchmarks.scenebench import graders;"
        "from benchmarks.scenebench.graders.spec import Atom, Spec;"
        "spec = Spec('x', 'x', 'en', 0, '', '', (Atom('object', 'cat'),));"
        "print(graders.grade(spec, Image.new('RGB', (128, 128), 'white')));"
        "print([n for n in sys.modules if n.partition('.')[0] in ('danqing', 'training')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    answers, loaded = done.stdout.splitlines()
    assert "(False, False)" in answers
    assert loaded == "[]"


def test_the_product_imports_no_benchmark():
    paths = [p for top in PRODUCT for p in (ROOT / top).rglob("*.py")]
    assert len(paths) > 50
    for path in paths:
        assert "benchmarks" not in imported(path), path


# -- the cases


def test_the_same_seed_gives_the_same_cases_and_another_others():
    tasks = [*prompts.TASKS]
    first = prompts.cases(tasks, 4)
    assert prompts.digest(first) == prompts.digest(prompts.cases(tasks, 4))
    assert prompts.digest(first) != prompts.digest(prompts.cases(tasks, 4, seed=1))
    assert [s for s in prompts.cases(tasks, 8) if int(s.id[-4:]) < 4] == first


def test_half_of_the_cases_are_chinese_and_half_are_paraphrased():
    for task in prompts.TASKS:
        some = prompts.cases([task], 20)
        assert Counter((s.language, s.held_out) for s in some) == Counter(
            {("en", False): 5, ("en", True): 5, ("zh", False): 5, ("zh", True): 5}
        )
        for spec in some:
            assert any("一" <= c <= "鿿" for c in spec.request) == (spec.language == "zh")
            assert spec.atoms


def test_every_task_asks_for_what_it_is_named_for():
    kinds = {
        task: Counter(a.kind for s in prompts.cases([task], 40) for a in s.atoms)
        for task in prompts.TASKS
    }
    assert kinds["single"] == {"object": 40, "count": 40}
    assert kinds["two"] == {"object": 80, "count": 80}
    assert kinds["color attribution"] == {"object": 80, "color": 80}
    assert kinds["position"]["relation"] == kinds["negation"]["absent"] == 40
    for fact in ("season", "time", "style"):
        assert kinds[fact] == {"object": 40, fact: 40}
    counts = {a.value for s in prompts.cases(["counting"], 60) for a in s.atoms}
    assert counts == {2, 3, 4, 5, 6}


def test_a_composition_has_three_to_seven_concepts():
    found = set()
    for spec in prompts.cases(["composition"], 40):
        found.add(sum(a.kind != "object" for a in spec.atoms))
    assert found == {3, 4, 5, 6, 7}


def test_what_cannot_be_satisfied_is_outside_the_world_and_only_that():
    for spec in prompts.cases([*prompts.TASKS], 20):
        strange = {a.subject for a in spec.atoms if a.subject} - {*KINDS}
        assert bool(strange) == (not spec.possible) == (spec.task == "unsatisfiable")
        assert all(a.value in COLORS for a in spec.atoms if a.kind == "color")
        assert all(a.value in FACTS[a.kind] for a in spec.atoms if a.kind in FACTS)


def test_an_unknown_task_and_no_cases_are_refused():
    with pytest.raises(ValueError, match="'dragons'"):
        prompts.cases(["dragons"], 1)
    with pytest.raises(ValueError, match="0 cases"):
        prompts.cases(["single"], 0)


def test_the_templates_write_what_is_wanted():
    two = Wanted((Noun("cat", 2, "red", "left"), Noun("house")), facts={"season": "winter"})
    assert wording.plain(two, "en") == "two red cats on the left and a house in winter"
    assert wording.plain(two, "zh") == "一座房子和左边的两只红色的猫，冬天"
    beside = Wanted((Noun("tree"), Noun("umbrella")), "left of")
    assert wording.plain(beside, "en") == "a tree to the left of an umbrella"
    assert wording.plain(beside, "zh") == "一棵树在一把雨伞的左边"
    without = Wanted((Noun("person", 3),), absent="tree")
    assert wording.canonical(without, "en") == "A picture of three people. There are no trees."


# -- the graders


def thing(kind: str, x: float, y: float = 0.5, color: str | None = None) -> Thing:
    return Thing(kind, color, (x - 0.05, y - 0.05, x + 0.05, y + 0.05))


def test_every_rule_holds_where_it_should_and_nowhere_else():
    sight = Sight(
        (thing("cat", 0.2, color="red"), thing("cat", 0.3, color="red"),
         thing("sun", 0.6, 0.1), thing("house", 0.8, color="white")),
        {"season": "winter"},
    )  # fmt: skip
    true = [
        Atom("object", "cat"), Atom("absent", "dog"), Atom("count", "cat", 2),
        Atom("color", "cat", "red"), Atom("place", "cat", "left"), Atom("season", value="winter"),
        Atom("relation", "cat", "left of", "house"), Atom("relation", "house", "right of", "cat"),
        Atom("relation", "sun", "above", "house"), Atom("relation", "house", "below", "sun"),
        Atom("place", "house", "right"), Atom("place", "sun", "center"),
    ]  # fmt: skip
    false = [
        Atom("object", "dog"), Atom("absent", "cat"), Atom("count", "cat", 3),
        Atom("color", "cat", "white"), Atom("color", "dog", "red"), Atom("place", "dog", "left"),
        Atom("place", "cat", "center"), Atom("season", value="spring"), Atom("time", value="day"),
        Atom("relation", "cat", "above", "house"), Atom("relation", "cat", "left of", "dog"),
        Atom("relation", "sun", "left of", "house"),
    ]  # fmt: skip
    assert [str(a) for a in true if not holds(a, sight)] == []
    assert [str(a) for a in false if holds(a, sight)] == []
    one_blue = Sight((*sight.things, thing("cat", 0.9, color="blue")))
    for kind, value in (("color", "red"), ("place", "left")):  # every one of them must be so
        assert not holds(Atom(kind, "cat", value), one_blue)  # type: ignore[arg-type]


def test_a_place_or_a_relation_without_a_rule_is_refused():
    sight = Sight((thing("cat", 0.2), thing("house", 0.8)))
    with pytest.raises(ValueError, match="'corner'"):
        holds(Atom("place", "cat", "corner"), sight)
    with pytest.raises(ValueError, match="'near'"):
        holds(Atom("relation", "cat", "near", "house"), sight)


def test_the_learned_grader_is_the_one_that_was_trained():
    from training import grader

    scene = layout.sample(70_000_001)
    picture = render(scene, 128).rgb
    mine, theirs = (
        learned.see(Image.fromarray(picture)),
        grader.look(grader.load(), picture[None])[0],
    )
    assert dict(mine.facts) == theirs.facts
    assert Counter(t.kind for t in mine.things) == Counter(t[0] for t in theirs.things)


@pytest.fixture(scope="module")
def rates():
    return errors.measure(24, size=256)


def test_both_graders_tell_true_atoms_from_false_ones(rates):
    assert set(rates) == {
        "object", "absent", "count", "color", "place", "relation", *FACTS,
    }  # fmt: skip
    for kind, row in rates.items():
        for name, (tpr, fpr, n, m) in row.items():
            assert n == m > 10
            assert tpr - fpr > 0.5, (kind, name)
    for kind in ("object", "count", "color", "relation"):
        assert rates[kind]["both"][1] <= 0.1
        assert rates[kind]["both"][0] <= min(rates[kind][n][0] for n in ("classical", "learned"))


def test_an_empty_picture_holds_nothing_and_no_picture_holds_less():
    blank = Image.new("RGB", (512, 512), (200, 205, 210))
    spec = prompts.cases(["two"], 1)[0]
    assert classical.see(blank).things == ()
    assert not any(any(both) for both in grade(spec, blank).values())
    assert set(grade(spec, None).values()) == {(False, False)}


# -- judges of one's own


def scene_and_spec() -> tuple[Image.Image, Spec]:
    """A picture that both graders read rightly, and a request for what is in it."""
    for seed in range(70_000_100, 70_000_200):
        scene = layout.sample(seed)
        kinds = sorted({t.kind for t in scene.things})
        if len(kinds) != 2 or len(scene.things) != 2:
            continue
        picture = Image.fromarray(render(scene, 256).rgb)
        spec = Spec(
            "x", "two", "en", 7, f"a {kinds[0]} and a {kinds[1]}", "",
            (Atom("object", kinds[0]), Atom("object", kinds[1])),
        )  # fmt: skip
        if all(map(all, grade(spec, picture).values())):
            return picture, spec
    raise AssertionError("no scene is read rightly")


def test_the_oracle_says_of_every_claim_what_the_graders_see():
    picture, spec = scene_and_spec()
    brief = understand(spec.request)
    judge = Judge()
    judge.spec = spec
    assert judge(brief, picture).satisfied
    blank = judge(brief, Image.new("RGB", (256, 256), "white"))
    assert blank.with_status("unmet") == {c.id for c in brief.claims}


def test_the_oracle_holds_back_where_the_request_was_misunderstood():
    picture, spec = scene_and_spec()
    missing = next(kind for kind in KINDS if kind not in spec.request)
    judge = Judge()
    judge.spec = Spec(**{**vars(spec), "atoms": (*spec.atoms, Atom("object", missing))})
    verdict = judge(understand(spec.request), picture)  # the request does not tell of it
    assert not verdict.satisfied


def test_the_placebo_does_not_look():
    picture, spec = scene_and_spec()
    brief, judge = understand(spec.request), Judge()
    judge.spec, judge.others = spec, {"object": [False]}
    assert not judge(brief, picture).satisfied
    judge.others = {"object": [True]}
    assert judge(brief, Image.new("RGB", (256, 256), "white")).satisfied


# -- the report


def row(spec: Spec, arm: str, satisfied: bool, *status: str) -> Row:
    claims = tuple(
        (a.kind, a.subject, a.value, a.object, s) for a, s in zip(spec.atoms, status, strict=False)
    )
    return Row(spec.id, arm, None, satisfied, "satisfied", 4, 2.0, claims)


def outcomes(arm: str, right: list[bool], said: list[bool]) -> list[Graded]:
    specs = prompts.cases(["single"], len(right))
    return [
        Graded(spec, row(spec, arm, s, "met", "met"), dict.fromkeys(spec.atoms, (r, True)))
        for spec, r, s in zip(specs, right, said, strict=True)
    ]


def document(results: list[Graded], arms: list[str]) -> report.Document:
    return report.document(report.compared(results, arms), "digest")


def test_an_honest_failure_is_right_only_where_nothing_else_was_possible():
    strange, single = prompts.cases(["unsatisfiable", "single"], 1)
    for satisfied in (True, False):
        graded = Graded(
            strange, row(strange, "loop", satisfied), dict.fromkeys(strange.atoms, (False, False))
        )
        assert graded.right("both") is not satisfied
    failed = Graded(single, row(single, "loop", False), dict.fromkeys(single.atoms, (False, True)))
    assert (failed.right("both"), failed.right("learned")) == (False, True)


def test_the_document_counts_gains_false_claims_and_costs():
    single = outcomes("single", [True, False, False, True], [True, False, True, True])
    loop = outcomes("loop", [True, True, True, True], [True, True, True, True])
    doc = document([*loop, *single], ["loop", "single"])
    scores = doc["scores"]["both"]
    assert scores["arms"]["single"]["tasks"]["single"]["value"] == 0.5
    assert scores["differences"]["loop less single"]["fixed"] == 2
    assert scores["differences"]["loop less single"]["broken"] == 0
    assert scores["arms"]["single"]["trust"]["fpr"]["value"] == 0.5
    assert scores["arms"]["single"]["trust"]["gap"] == 0.25
    assert doc["scores"]["learned"]["differences"]["loop less single"]["fixed"] == 0
    assert doc["costs"]["loop"]["calls"] == 4.0
    assert doc["loop"]["object"]["verdicts"]["tpr"]["value"] == 1.0
    text = report.markdown(json.loads(json.dumps(doc)))
    assert "| single                | 4 | 1.000" in text
    assert len(text.splitlines()) < 70


def test_what_the_loop_mends_is_counted_apart_for_what_a_single_shot_gets_right():
    single = outcomes("single", [True, False, False, True], [True] * 4)
    loop = outcomes("loop", [True, True, False, False], [True] * 4)
    arms = document([*loop, *single], ["loop", "single"])["scores"]["both"]["arms"]
    assert (arms["loop"]["easy"]["value"], arms["loop"]["easy"]["n"]) == (0.5, 2)
    assert (arms["loop"]["hard"]["value"], arms["loop"]["hard"]["n"]) == (0.5, 2)
    assert arms["single"]["hard"]["value"] == 0.0


def test_a_task_is_clear_only_after_holm():
    def of(arm: str, right: dict[str, list[bool]]) -> list[Graded]:
        return [
            Graded(spec, row(spec, arm, True), dict.fromkeys(spec.atoms, (r, r)))
            for task, some in right.items()
            for spec, r in zip(prompts.cases([task], len(some)), some, strict=True)
        ]

    before = {"single": [False] * 8, "two": [False] * 6, "colors": [True] * 8}
    after = {"single": [True] * 8, "two": [True] * 6, "colors": [True] * 8}
    doc = document([*of("loop", after), *of("single", before)], ["loop", "single"])
    tasks = doc["scores"]["both"]["differences"]["loop less single"]["tasks"]
    assert [tasks[t]["p"] for t in before] == pytest.approx([2 / 2**8, 2 / 2**6, 1])
    assert [tasks[t]["holm"] for t in before] == pytest.approx([6 / 2**8, 4 / 2**6, 1])
    assert "| single |" in report.markdown(doc)  # the one below 0.05, in the last column


def test_what_an_oracle_and_a_placebo_are_worth_is_told_against_the_loop():
    arms = {"loop": [True, False], "oracle": [True, True], "shuffled": [False, False]}
    some = [one for arm, right in arms.items() for one in outcomes(arm, right, [True] * 2)]
    differences = document(some, [*arms])["scores"]["both"]["differences"]
    assert {name: row["macro"]["value"] for name, row in differences.items()} == {
        "loop less shuffled": 0.5, "oracle less loop": 0.5,
    }  # fmt: skip


def test_only_cases_that_every_arm_has_are_compared():
    loop = outcomes("loop", [True, True, False], [True] * 3)
    single = outcomes("single", [True, False], [True] * 2)
    doc = document([*loop, *single], ["loop", "single"])
    assert doc["cases"]["tasks"] == {"single": 2}


def test_the_plot_has_a_dot_at_every_share(tmp_path):
    loop = outcomes("loop", [True, True, True, False], [True] * 4)
    single = outcomes("single", [True, False, False, False], [True] * 4)
    report.plot(document([*loop, *single], ["loop", "single"]), tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as file:
        pixels = np.array(file)[report.TOP :]
    for arm, share in (("loop", 0.75), ("single", 0.25)):
        color = [int(report.COLORS[arm][k : k + 2], 16) for k in (1, 3, 5)]
        high = (pixels == color).all(-1).sum(0)  # a dot is higher than its interval
        assert np.nonzero(high == high.max())[0].mean() == pytest.approx(
            report.LEFT + share * report.WIDE, abs=1.5
        )
    assert set(report.COLORS) == set(ARMS)


def test_the_placebo_draws_on_single_shots_alone():
    single = outcomes("single", [True, False], [True] * 2)
    loop = outcomes("loop", [True, True], [True] * 2)
    assert of_others([*single, *loop]) == {"object": [True, False], "count": [True, False]}


# -- a run


def test_a_run_asks_grades_reports_and_goes_on_where_it_was_cut_short(tmp_path, capsys):
    arguments = ["--n", "1", "--tasks", "single", "--out", str(tmp_path / "run")]
    assert main([*arguments, "--arms", "loop", "best"]) == 0
    with pytest.raises(SystemExit):
        main([*arguments, "--arms", "loop"])
    assert main([*arguments, "--arms", "loop", "best", "oracle", "--resume"]) == 0
    lines = (tmp_path / "run" / "turns.jsonl").read_text("utf-8").splitlines()
    rows = {row.arm: row for row in (Row.read(json.loads(line)) for line in lines)}
    assert [*rows] == ["loop", "best", "oracle"] and len(lines) == 3
    assert rows["best"].calls == rows["loop"].calls >= 1
    assert rows["loop"].seconds > 0
    spec = prompts.cases(["single"], 1)[0]
    assert Atom("object", spec.atoms[0].subject) in statuses(rows["loop"], spec)
    for row_ in rows.values():
        with Image.open(tmp_path / "run" / "pictures" / str(row_.picture)) as picture:
            assert picture.size == (512, 512)
    doc = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert set(doc["scores"]["both"]["arms"]) == {"loop", "best", "oracle"}
    assert "oracle" in capsys.readouterr().out
    assert set(ARMS) >= set(rows)
    cases = (tmp_path / "run" / "cases.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["request"] for line in cases] == [spec.request]


def test_a_run_does_not_go_on_with_other_cases(tmp_path, capsys):
    keep(prompts.cases(["single"], 2), tmp_path)
    keep(prompts.cases(["single", "two"], 1), tmp_path)
    assert len((tmp_path / "cases.jsonl").read_text("utf-8").splitlines()) == 3
    with pytest.raises(SystemExit):
        main(["--n", "1", "--tasks", "two", "--seed", "1", "--out", str(tmp_path)])
    assert "holds a run of other cases: two-0000 asks for" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["edits", "chains"])
def test_edits_and_chains_are_asked_for_as_tasks(name, capsys):
    with pytest.raises(SystemExit):
        main(["--n", "0", "--tasks", name])
    error = capsys.readouterr().err
    assert f"python -m benchmarks.scenebench.{name}: error" in error and "0" in error
    with pytest.raises(SystemExit):
        main(["--tasks", name, "single"])
    assert f"invalid choice: '{name}'" in capsys.readouterr().err
