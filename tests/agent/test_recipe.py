"""Recipes: what is refused and where, what is run again and what is not, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine, picture_of, seed_in

from danqing.agent.home import Home
from danqing.agent.recipe import Reference, filled, template
from danqing.agent.recipe_check import Given, Plan, plan
from danqing.agent.recipe_export import export
from danqing.agent.recipe_run import RecipeDocument, estimates, run
from danqing.agent.recipe_schema import schema
from danqing.agent.recipe_yaml import BadRecipe, open_recipe, read
from danqing.agent.studio import Options, Studio
from danqing.tools import TOOLS
from danqing.tools.errors import BadInput, Cancelled, Stopped
from danqing.tools.registry import by_name

EXAMPLES = Path(__file__).parents[2] / "examples" / "recipes"
SPECS = by_name(TOOLS)
DUSK = """version: 1
inputs: {photo: {type: image}}
steps:
  - id: sky
    uses: segment
    with: {image: ${{ inputs.photo }}, text: the sky}
  - id: dusk
    uses: inpaint
    with: {image: ${{ inputs.photo }}, mask: ${{ steps.sky.mask }}, prompt: 晚霞, seed: 7}
    check: [{kind: object, subject: house}]
    retry: 2
outputs: {image: ${{ steps.dusk.image }}}
"""
DRAWN = """version: 1
steps:
  - {id: a, uses: text_to_image, with: {prompt: a red house}}
  - {id: b, uses: adjust, with: {image: ${{ steps.a.image }}, flip: horizontal}}
outputs: {image: ${{ steps.b.image }}}
"""


@pytest.fixture
def engine(tmp_path: Path) -> ScriptedEngine:
    roles: Any = ("text-to-image", "captioner", "upscaler", "panoptic", "controlnet")
    return ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.", roles)


@pytest.fixture
def studio(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = engine
        yield studio


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    picture_of(300).save(path)
    return path


def planned(text: str, **inputs: Given) -> Plan:
    return plan(read(text), SPECS, inputs)


def ran(studio: Studio, text: str, **inputs: Given) -> RecipeDocument:
    return run(studio, planned(text, **inputs))


def problems(text: str, inputs: dict[str, Given] | None = None) -> list[str]:
    with pytest.raises(BadRecipe) as caught:
        plan(read(text), SPECS, inputs)
    return str(caught.value.args[0]).splitlines()


def step(**fields: str) -> str:
    lines = "".join(f"\n    {name}: {value}" for name, value in fields.items())
    return f"version: 1\nsteps:\n  - id: a{lines}\noutputs: {{image: ${{{{ steps.a.image }}}}}}\n"


# -- the text


def test_the_example_of_the_documentation_is_read_as_it_is_written() -> None:
    recipe = planned(DUSK, photo=Path("a.png")).recipe
    assert [s.id for s in recipe.steps] == ["sky", "dusk"]
    assert recipe.steps[1].arguments["mask"] == "${{ steps.sky.mask }}"
    assert recipe.outputs == {"image": "${{ steps.dusk.image }}"}


def test_plain_words_are_what_they_look_like() -> None:
    text = "[yes, 12:30, 1e3, 0.5, -7, ~, true, 2026-01-01, '7', 0x10]"
    value = read(text).value
    assert value == ["yes", "12:30", 1000.0, 0.5, -7, None, True, "2026-01-01", "7", "0x10"]


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("a: &x 1\nb: *x", "1:4", "aliases"),
        ("a: [*x, *x]", "1:5", "aliases"),
        ("a: !!python/object:os.system 1", "1:4", "tag"),
        ("a: !!int 3", "1:4", "tag"),
        ("a: 1\nb: {c: 1, c: 2}", "2:11", "'c' is there already, in line 2"),
        ("a: 1\n---\nb: 2", "2:1", "one recipe"),
        ("[" * 40, "1:17", "16 levels"),
        ("- " * 40, "1:33", "16 levels"),
        ("a: [1, 2", "1:9", "not YAML"),
        ("a: \x07", "1:1", "not YAML"),
        ("a: 1e999", "1:4", "too large"),
        ("? [a]\n: 1", "1:3", "a key is a word"),
        ("", "1:1", "a recipe is a mapping"),
        ("[1]", "1:1", "a recipe is a mapping"),
    ],
)
def test_yaml_beyond_plain_data_is_refused(text: str, where: str, told: str) -> None:
    first = problems(text)[0]
    assert first.startswith(f"recipe:{where}: ")
    assert told in first


def test_what_is_no_text_or_too_much_of_it_is_refused(tmp_path: Path) -> None:
    for content, told in ((b"a" * 200_000, "128 KiB"), (b"a: \xff", "UTF-8"), (None, "read")):
        path = tmp_path / "r.yaml"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadInput, match=told):
            open_recipe(path)
    with pytest.raises(BadInput, match="U\\+E0F0"):
        read("a: \ue0f0")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back_from_an_exported_argument(text: str) -> None:
    from danqing.agent.recipe_export import _text

    written = f"a: {_text({'b': [text]})}\nc: {_text(text)}"
    value = read(written).value
    assert filled(value, lambda r: pytest.fail(str(r))) == {"a": {"b": [text]}, "c": text}


def test_references_are_told_from_words() -> None:
    parts = template("a ${{ inputs.x }} $${{ b }} ${{steps.c-d.value.things[0].kind}}")
    assert parts == [
        "a ", Reference("inputs.x", "x"), " ", "${{", " b }} ",
        Reference("steps.c-d.value.things[0].kind", "c-d", "value", ("things", 0, "kind")),
    ]  # fmt: skip
    for wrong in ("${{ a }}", "${{ steps.a }}", "${{ steps.a.value }}", "${{ x", "${{ inputs.1 }}"):
        with pytest.raises(ValueError, match="reference"):
            template(wrong)


# -- what is checked before anything runs


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        (step(uses="segmnt"), "4:11", "nearest is segment"),
        (step(uses="adjust", **{"with": "{image: img-1, flip: up}"}), "5:19", "reference to a pic"),
        (step(uses="adjust", **{"with": "{flip: up}"}), "5:18", "one of horizontal, vertical"),
        (step(uses="adjust", **{"with": "{flp: up}"}), "5:12", "nearest is flip"),
        (step(uses="adjust"), "3:5", "adjust needs image"),
        (step(uses="text_to_image", **{"with": "{seeds: [1, -1], prompt: a}"}), "5:23", "seeds[1]"),
        (step(uses="text_to_image", **{"with": "{prompt: ''}"}), "5:20", "1 to 1000"),
        (step(uses="text_to_image"), "3:5", "needs prompt"),
        (step(uses="gan_image", **{"with": "{prompt: a, seed: 1, seeds: [1]}"}), "5:23", "both"),
        (step(uses="sketch", retry="1", **{"with": "{things: []}"}), "5:12", "no seed"),
        (step(uses="draw", **{"with": "{request: a, size: [1, 64]}"}), "5:31", "64 to 2048"),
        (step(uses="draw", retry="99"), "5:12", "less than or equal to 20"),
        (step(uses="draw", check="[{kind: count, subject: a}]"), "5:13", "a count is"),
        (step(uses="draw", check="[{kind: sound}]"), "5:13", "kind = 'sound'"),
        (step(uses="draw", check="[{kind: object, subjct: a}]"), "5:28", "nearest is subject"),
        (step(uses="draw", check="[嗯]"), "5:13", "nothing that can be checked"),
        (step(uses="draw", check="['${{ steps.b.value.reply }}']"), "5:13", "no step 'b'"),
        (step(uses="draw", usse="x"), "5:5", "no 'usse' here; nearest is uses"),
        (step(uses="draw", id="a"), "5:5", "'id' is there already"),
    ],
)  # fmt: skip
def test_a_wrong_step_is_refused_where_it_is_wrong(text: str, where: str, told: str) -> None:
    found = [line for line in problems(text) if told in line]
    assert found, problems(text)
    assert found[0].startswith(f"recipe:{where}: ")


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("inputs.foto", "nearest is photo"),
        ("inputs.words", "no picture"),
        ("steps.later.image", "does not come before"),
        ("steps.self.image", "does not come before"),
        ("steps.nobody.image", "no step 'nobody'"),
        ("steps.drawn.images[2]", "images[0] to images[1]"),
        ("steps.heard.image", "value.text, value.words"),
        ("steps.drawn.value.x", "says nothing"),
        ("steps.heard.value.x", "says no 'x'"),
    ],
)
def test_a_wrong_reference_is_refused(reference: str, told: str) -> None:
    text = f"""version: 1
inputs: {{photo: {{type: image}}, words: {{type: text}}}}
steps:
  - {{id: drawn, uses: text_to_image, with: {{prompt: a, seeds: [1, 2]}}}}
  - {{id: heard, uses: caption, with: {{image: ${{{{ inputs.photo }}}}}}}}
  - {{id: self, uses: upscale, with: {{scale: 2, image: ${{{{ {reference} }}}}}}}}
  - {{id: later, uses: upscale, with: {{scale: 2, image: ${{{{ inputs.photo }}}}}}}}
outputs: {{image: ${{{{ steps.later.image }}}}}}
"""
    [line] = problems(text)
    assert line.startswith("recipe:6:55: ")
    assert told in line


def test_everything_wrong_is_told_at_once() -> None:
    text = DUSK.replace("segment", "segmnt").replace("version: 1", "version: 2\nbogus: 1")
    text = text.replace("id: dusk", "id: sky").replace("seed: 7", "seeds: [x]")
    lines = problems(text)
    assert [line.split(":")[1] for line in lines] == ["1", "2", "6", "8", "10", "13"]


def test_inputs_are_asked_for_and_held_to_their_types() -> None:
    text = """version: 1
inputs:
  photo: {type: image}
  n: {type: number, default: 2}
  words: {type: text, default: 好}
steps:
  - {id: a, uses: upscale, with: {image: ${{ inputs.photo }}, scale: ${{ inputs.n }}}}
  - id: b
    uses: ask
    with: {image: ${{ inputs.photo }}, question: "${{ inputs.words }} ${{ inputs.n }}?"}
outputs: {image: ${{ steps.a.image }}}
"""
    assert "'photo' is missing" in problems(text, {})[0]
    assert "no input 'x'" in problems(text, {"photo": "img-1", "x": "1"})[0]
    assert "allowed is a number" in problems(text, {"photo": "img-1", "n": "two"})[0]
    refused = problems(text, {"photo": "img-1", "n": "3"})[0]
    assert refused == "recipe:7:70: scale = 3 is refused; allowed is one of 2, 4."
    assert planned(text, photo="img-1", n="4").inputs == {"photo": "img-1", "n": 4, "words": "好"}
    assert plan(read(text), SPECS).inputs == {}
    for wrong in ("{type: image, default: /etc/a.png}", "{type: image, default: ../a.png}",
                  "{type: number, default: x}", "{type: text, default: 3}"):  # fmt: skip
        assert "default" in problems(text.replace("{type: image}", wrong))[0]


# -- how it runs


def test_a_recipe_runs_and_says_what_it_made(studio: Studio, photo: Path) -> None:
    document = ran(studio, DUSK, photo=photo)
    assert document.satisfied
    assert document.exit_code == 0
    assert RecipeDocument.model_validate(json.loads(document.model_dump_json())) == document
    made = document.pictures["image"]
    assert made.seed == 7
    with Image.open(made.path) as image:
        assert seed_in(image) == 7
        assert json.loads(image.info["danqing"])["steps"][-1]["tool"] == "inpaint"
    record = studio.ledger.turn(document.turn)
    assert record.outcome is not None
    assert record.outcome["picture"] == made.handle
    assert studio.document(document.turn).exit_code == 0


def test_what_is_in_the_ledger_is_not_run_again(studio: Studio, engine: ScriptedEngine) -> None:
    first = ran(studio, DRAWN)
    calls = len(engine.calls)
    second = ran(studio, DRAWN)
    assert len(engine.calls) == calls
    assert all(result.reused for result in second.steps)
    assert second.pictures["image"].handle == first.pictures["image"].handle


def test_an_interrupted_recipe_goes_on_where_it_stood(
    studio: Studio, engine: ScriptedEngine
) -> None:
    def stop(tool: str) -> None:
        if tool == "adjust":
            raise Cancelled("stop")

    engine.before = stop
    with pytest.raises(Cancelled):
        ran(studio, DRAWN)
    assert studio.ledger.unfinished() == []
    engine.before = lambda tool: None
    assert ran(studio, DRAWN).satisfied
    assert engine.ran("text_to_image") == 1


def test_a_run_that_a_crash_cut_short_is_ended_by_the_next(
    tmp_path: Path, engine: ScriptedEngine
) -> None:
    home = Home.open(tmp_path / "crashed")
    with Studio(home) as studio:
        turn = studio.ledger.begin_turn(studio.ledger.new_session(), "r", {"recipe": DRAWN})
    with Studio(home) as studio:
        studio.engine = engine
        assert [t.id for t in studio.ledger.unfinished()] == [turn.id]
        ran(studio, DRAWN)
        assert studio.ledger.unfinished() == []


def test_the_seed_left_out_is_the_same_each_time_and_another_for_each_step(
    studio: Studio, engine: ScriptedEngine
) -> None:
    text = DRAWN.replace("uses: adjust", "uses: vae_variation").replace(
        "flip: horizontal", "seed: 3"
    )
    recipe = planned(text).recipe
    assert recipe.seed_of("a") == planned(text).recipe.seed_of("a") != recipe.seed_of("b")
    assert recipe.seed_of("a") != recipe.model_copy(update={"seed": 1}).seed_of("a")
    ran(studio, DRAWN)
    [(_, arguments)] = [call for call in engine.calls if call[0] == "text_to_image"]
    assert arguments["seeds"] == [recipe.seed_of("a")]


def test_a_step_is_tried_with_the_next_seed_until_its_check_is_met(
    studio: Studio, engine: ScriptedEngine, photo: Path
) -> None:
    engine.caption_of = lambda seed: SCENE + (" a red house." if seed == 8 else " a green tree.")
    [_, dusk] = ran(studio, DUSK, photo=photo).steps
    assert (dusk.tries, dusk.verdict.satisfied) == (2, True)
    assert engine.ran("inpaint") == 2


def test_a_check_that_is_never_met_keeps_the_best_and_says_so(
    studio: Studio, engine: ScriptedEngine, photo: Path
) -> None:
    two = "[{kind: object, subject: house}, {kind: object, subject: tree}]"
    engine.caption_of = lambda seed: SCENE + (" a red house." if seed == 8 else " a red boat.")
    document = ran(studio, DUSK.replace("[{kind: object, subject: house}]", two), photo=photo)
    assert document.exit_code == 3
    assert document.pictures["image"].seed == 8
    statuses = [c.finding.status for c in document.steps[1].claims]
    assert statuses == ["met", "unmet"]
    assert document.steps[1].tries == 3
    assert document.stopped == "a check is not met"


def test_the_best_of_several_pictures_is_the_image(studio: Studio, engine: ScriptedEngine) -> None:
    engine.caption_of = lambda seed: SCENE + (" a red house." if seed == 2 else " a red boat.")
    text = step(
        uses="text_to_image", **{"with": "{prompt: a, seeds: [1, 2, 3]}"}, check="[一座房子]"
    )
    document = ran(studio, text)
    assert document.pictures["image"].seed == 2
    assert len(document.steps[0].pictures) == 3


def test_equal_calls_in_one_recipe_are_one_call(studio: Studio, engine: ScriptedEngine) -> None:
    steps = "\n".join(
        f"  - {{id: s{n}, uses: text_to_image, with: {{prompt: a, seed: 1}}, check: [一座房子]}}"
        for n in range(5)
    )
    ran(studio, f"version: 1\nsteps:\n{steps}\noutputs: {{image: ${{{{ steps.s4.image }}}}}}\n")
    assert (engine.ran("text_to_image"), engine.ran("caption")) == (1, 1)


def test_values_and_pictures_go_where_they_are_referred_to(studio: Studio, photo: Path) -> None:
    text = """version: 1
inputs: {photo: {type: image}, scale: {type: number, default: 2}}
steps:
  - {id: said, uses: caption, with: {image: ${{ inputs.photo }}}}
  - {id: large, uses: upscale, with: {image: ${{ inputs.photo }}, scale: ${{ inputs.scale }}}}
outputs:
  large: ${{ steps.large.image }}
  given: ${{ inputs.photo }}
  words: "it says: ${{ steps.said.value.text }}"
"""
    document = ran(studio, text, photo=photo)
    assert document.pictures["large"].width == 64
    assert document.pictures["given"].handle == "img-1"
    assert document.values == {"words": f"it says: {SCENE} a red house."}


def test_draw_is_the_whole_loop(studio: Studio) -> None:
    text = step(uses="draw", **{"with": "{request: 一座红房子, size: [64, 64]}"})
    document = ran(studio, text.replace("}}}", "}}, reply: ${{ steps.a.value.reply }}}"))
    assert document.satisfied
    assert [c.claim.subject for c in document.steps[0].claims] == ["house", "house"]
    assert "img-" in document.values["reply"]


def test_a_step_that_fails_says_where_and_the_run_has_ended(studio: Studio) -> None:
    text = DRAWN.replace("flip: horizontal", "crop: [0, 0, 900, 900]")
    with pytest.raises(Stopped, match=r"recipe:4: the step 'b' failed: adjust: crop") as caught:
        ran(studio, text)
    assert caught.value.exit_code == 1
    [turn] = studio.ledger.turns(1)
    assert turn.outcome is not None
    assert turn.outcome["picture"] is None


def test_a_tool_without_its_model_is_refused_before_the_run(tmp_path: Path, studio: Studio) -> None:
    studio.engine = ScriptedEngine(tmp_path / "none", lambda seed: "", ())
    with pytest.raises(BadRecipe, match=r"recipe:3:19: text_to_image cannot run now"):
        ran(studio, DRAWN)
    assert studio.ledger.turns(1) == []


def test_a_budget_ends_the_tries_and_keeps_the_best(
    studio: Studio, engine: ScriptedEngine, photo: Path
) -> None:
    from danqing.agent.budget import Budget

    engine.caption_of = lambda seed: SCENE + " a red boat."
    plan_ = planned(DUSK, photo=photo)
    document = run(studio, plan_, budget=Budget(pictures=1))
    assert "pictures" in document.stopped
    assert document.steps[1].tries == 1
    assert document.exit_code == 3


def test_the_estimate_is_what_a_run_with_every_retry_takes(
    studio: Studio, engine: ScriptedEngine, photo: Path
) -> None:
    engine.caption_of = lambda seed: SCENE + " a red boat."
    document = ran(studio, DUSK, photo=photo)
    assert document.calls == sum(e.most for e in estimates(planned(DUSK, photo=photo)))


# -- the way back


def test_an_exported_picture_comes_out_with_the_same_pixels(
    studio: Studio, photo: Path, tmp_path: Path, engine: ScriptedEngine
) -> None:
    made = ran(studio, DUSK, photo=photo).pictures["image"]
    text = export(studio.ledger, SPECS, made.handle)
    with Studio(Home.open(tmp_path / "other")) as other:
        other.engine = engine
        again = ran(other, text, photo=photo).pictures["picture"]
        digest = studio.ledger.picture(made.handle).digest
        assert other.ledger.picture(again.handle).digest == digest


def test_a_drawn_turn_and_a_whole_session_export(studio: Studio) -> None:
    session = studio.ledger.new_session()
    options = Options(seed=1, size=(64, 64))
    first = studio.ask("a red house", options, session=session).picture
    second = studio.ask("两座红房子", options, session=session).picture
    assert first is not None and second is not None
    document = ran(studio, export(studio.ledger, SPECS, session))
    assert {p.handle for p in document.pictures.values()} == {first.handle, second.handle}
    assert all(result.reused for result in document.steps)
    assert export(studio.ledger, SPECS, first.handle).count("- id:") < len(document.steps) + 1


def test_what_is_not_there_cannot_be_exported(studio: Studio, photo: Path) -> None:
    for what, told in (("img-9", "img-9"), ("nobody", "'nobody'"), (None, "no finished picture")):
        with pytest.raises(BadInput, match=told):
            export(studio.ledger, SPECS, what)


# -- the schema and the examples


def test_the_published_schema_is_that_of_the_declarations() -> None:
    published = json.loads((EXAMPLES / "recipe.schema.json").read_text("utf-8"))
    assert published == schema(SPECS), "run danqing run --schema > recipe.schema.json"


def test_every_example_is_well_formed_and_there_are_eight() -> None:
    recipes = sorted(EXAMPLES.glob("*.yaml"))
    assert len(recipes) == 8
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    for path in recipes:
        checked = plan(open_recipe(path), SPECS, {})
        assert checked.recipe.description, path.name
        assert f"]({path.name})" in readme
