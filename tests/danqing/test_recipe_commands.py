"""``danqing run`` and ``danqing export``: what they read, write and print, and the examples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import call
from PIL import Image, ImageChops

from danqing.agent import recipe_run
from danqing.agent.home import Home
from danqing.agent.recipe_check import plan
from danqing.agent.recipe_yaml import open_recipe
from danqing.agent.store import digest_of
from danqing.agent.studio import Studio

EXAMPLES = Path(__file__).parents[2] / "examples" / "recipes"
FLIP = """version: 1
name: 翻转
inputs: {photo: {type: image}, by: {type: text, default: horizontal}}
steps:
  - {id: flipped, uses: adjust, with: {image: ${{ inputs.photo }}, flip: ${{ inputs.by }}}}
  - {id: same, uses: compare, with: {image: ${{ inputs.photo }}, other: ${{ steps.flipped.image }}}}
outputs: {picture: ${{ steps.flipped.image }}, same: ${{ steps.same.value.identical }}}
"""
TWO = FLIP.replace("outputs: {", "outputs: {before: ${{ inputs.photo }}, ")


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    """A folder with the recipes ``flip.yaml`` and ``two.yaml`` and a picture."""
    (tmp_path / "flip.yaml").write_text(FLIP, "utf-8")
    (tmp_path / "two.yaml").write_text(TWO, "utf-8")
    Image.linear_gradient("L").resize((32, 24)).rotate(90).convert("RGB").save(tmp_path / "a.png")
    return tmp_path


def test_a_recipe_makes_its_picture_where_it_is_told(folder: Path) -> None:
    out = folder / "out.png"
    recipe = ["run", f"{folder}/flip.yaml", "--input", f"photo={folder}/a.png", "-o", str(out)]
    result = call(*recipe)
    assert (result.exit_code, result.stdout) == (0, f"{out}\nsame: no\n")
    assert "flipped: adjust" in result.stderr
    with Image.open(folder / "a.png") as before, Image.open(out) as after:
        assert digest_of(before.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == digest_of(after)
        account = json.loads(after.info["danqing"])
    assert account["request"] == "翻转"
    assert [s["tool"] for s in account["steps"]] == ["upload", "adjust"]
    call(*recipe, "--no-metadata", "--quiet")
    with Image.open(out) as bare:
        assert "danqing" not in bare.info


def test_several_pictures_go_to_a_folder_or_each_by_its_name(folder: Path) -> None:
    recipe = ["run", f"{folder}/two.yaml", "--input", f"photo={folder}/a.png"]
    assert "-o NAME=FILE" in call(*recipe, "-o", f"{folder}/out.png").stderr
    assert call(*recipe, "-o", f"{folder}/made", "--dry-run").exit_code == 0
    assert not (folder / "made").exists(), "nothing is written by a dry run"
    assert call(*recipe, "-o", f"{folder}/made").exit_code == 0
    assert sorted(p.name for p in (folder / "made").iterdir()) == ["before.png", "picture.png"]
    assert call(*recipe, "-o", f"before={folder}/b.jpg", "-o", f"picture={folder}/p.webp").stdout
    assert (folder / "b.jpg").is_file()
    assert (folder / "p.webp").is_file()


def test_each_picture_of_a_folder_is_taken_and_one_failure_ends_nothing(folder: Path) -> None:
    photos, made = folder / "photos", folder / "made"
    photos.mkdir()
    shutil.copy(folder / "a.png", photos / "a.png")
    shutil.copy(folder / "a.png", photos / "c.png")
    (photos / "b.png").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("not looked at")
    each = ["run", f"{folder}/flip.yaml", "--each", f"photo={photos}", "-o", str(made)]
    result = call(*each)
    assert result.exit_code == 1
    assert "is not a PNG" in result.stderr
    assert sorted(p.name for p in made.iterdir()) == ["a.png", "c.png"]
    lines = [json.loads(line) for line in call(*each, "--json").stdout.splitlines()]
    assert ["error" in line for line in lines] == [False, True, False]
    (photos / "b.png").unlink()
    assert call(*each).exit_code == 0
    assert "is no folder" in call(*each[:-1], str(made / "x.png")).stderr


def test_a_dry_run_prints_the_plan_and_runs_nothing(folder: Path, home: Path) -> None:
    recipe = ["run", f"{folder}/flip.yaml", "--input", f"photo={folder}/a.png", "--dry-run"]
    result = call(*recipe)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split("\t")[:2] == ["flipped", "adjust"]
    assert "至少 2 次调用" in result.stdout
    document = json.loads(call(*recipe, "--json").stdout)
    assert (document["calls"], len(document["steps"])) == ([2, 2], 2)
    assert not home.exists()


def test_json_is_one_document(folder: Path) -> None:
    result = call("run", f"{folder}/flip.yaml", "--input", f"photo={folder}/a.png", "--json")
    document = json.loads(result.stdout)
    assert document["values"] == {"same": False}
    assert Path(document["pictures"]["picture"]["path"]).is_file()
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "RECIPE"),
        (["none.yaml"], "none.yaml' cannot be read"),
        (["flip.yaml"], "flip.yaml:3:10: the input 'photo' is missing"),
        (["flip.yaml", "--input", "photo"], "--input photo=a.png"),
        (["flip.yaml", "--input", "photo=none.png"], "no file 'none.png'"),
        (["flip.yaml", "--input", "photo=a.png", "--input", "x=1"], "there is no input 'x'"),
        (["flip.yaml", "--input", "photo=a.png", "--input", "by=up"], "one of horizontal"),
        (["flip.yaml", "--input", "photo=a.png", "-o", "x.txt"], ".txt"),
        (["flip.yaml", "--input", "photo=a.png", "--budget", "x"], "'x'"),
        (["flip.yaml", "--input", "photo=a.png", "--models", "none"], "'none'"),
        (["flip.yaml", "--each", "photo=none"], "no folder 'none'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    arguments: list[str], told: str, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = call("run", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not home.exists()


def test_the_schema_is_printed_without_a_recipe() -> None:
    printed = json.loads(call("run", "--schema").stdout)
    assert printed == json.loads((EXAMPLES / "recipe.schema.json").read_text("utf-8"))


def test_what_was_exported_runs_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = ["--input", f"photo={folder}/a.png", "--no-metadata", "-o"]
    call("run", f"{folder}/flip.yaml", *recipe, f"{folder}/one.png")
    assert call("export").stdout.startswith("version: 1\n")
    assert call("export", "img-2", "-o", f"{folder}/again.yaml").exit_code == 0
    assert "img-9" in call("export", "img-9").stderr
    monkeypatch.setenv("DANQING_HOME", str(folder / "other"))
    assert call("run", f"{folder}/again.yaml", *recipe, f"{folder}/two.png").exit_code == 0
    assert (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


# -- the examples, with the built-in models


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(Home.open(tmp_path_factory.mktemp("examples"))) as studio:
        yield studio


def example(studio: Studio, name: str) -> tuple[recipe_run.RecipeDocument, dict[str, Image.Image]]:
    """An example as it is written: what came of it, and its pictures."""
    checked = plan(open_recipe(EXAMPLES / f"{name}.yaml"), studio.engine.tools, {})
    document = recipe_run.run(studio, checked)
    assert document.satisfied, [step.claims for step in document.steps]
    ledger = studio.ledger
    digests = {n: ledger.picture(p.handle).digest for n, p in document.pictures.items()}
    return document, {name: ledger.store.get(digest) for name, digest in digests.items()}


@pytest.mark.parametrize("name", ["advertising", "art", "counting", "four-times"])
def test_an_example_runs_as_it_is_written_and_meets_its_checks(studio: Studio, name: str) -> None:
    document, pictures = example(studio, name)
    assert any(step.claims for step in document.steps)
    assert all(picture.width >= 256 for picture in pictures.values())


def test_the_sprites_are_cut_out(studio: Studio) -> None:
    _, pictures = example(studio, "game-sprites")
    tiles = pictures.pop("tiles")
    assert tiles.size == (512, 128)
    for name, sprite in pictures.items():
        alpha = sprite.getchannel("A")
        assert alpha.getpixel((0, 0)) == 0, name
        seen = sum(alpha.histogram()[128:]) / (128 * 128)
        assert 0.05 < seen < 0.6, name


def test_the_panorama_meets_itself(studio: Studio) -> None:
    document, pictures = example(studio, "panorama")
    picture = pictures["panorama"].convert("RGB")
    width, height = picture.size
    assert width == 2 * height

    def step(a: int, b: int) -> float:
        one, other = (picture.crop((x, 0, x + 1, height)) for x in (a, b))
        histogram = ImageChops.difference(one, other).convert("L").histogram()
        return sum(i * n for i, n in enumerate(histogram)) / height

    steps = sorted(step(x, x + 1) for x in range(width - 1))
    assert step(width - 1, 0) <= steps[int(0.99 * len(steps))]
    assert document.values["seam"] == pytest.approx(1, abs=0.25)


def test_the_reply_has_words_and_leaves_the_background(studio: Studio) -> None:
    document, _ = example(studio, "customer-reply")
    assert document.values["reply"].startswith("您好！照片里的雨伞是 red")
    assert document.values["background_kept"] is True


def test_the_scratches_are_gone_from_the_photo(studio: Studio) -> None:
    _, pictures = example(studio, "old-photo")
    with (
        Image.open(EXAMPLES / "scratches.png") as mask,
        Image.open(EXAMPLES / "old-photo.png") as old,
    ):
        scratched = mask.convert("L")
        before = old.convert("L")
    after = pictures["photo"].convert("L").resize(before.size)
    white = [sum(image.histogram(scratched)[240:]) for image in (before, after)]
    assert white[1] < 0.1 * white[0]


def test_an_exported_picture_is_made_again_byte_for_byte(studio: Studio, tmp_path: Path) -> None:
    from danqing.agent.recipe_export import export

    document, _ = example(studio, "four-times")
    made = document.pictures["picture"]
    path = tmp_path / "again.yaml"
    path.write_text(export(studio.ledger, studio.engine.tools, made.handle), "utf-8")
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    studio.save(made.handle, one, metadata=False)
    with Studio(Home.open(tmp_path / "other")) as other:
        again = recipe_run.run(
            other, plan(open_recipe(path), other.engine.tools, {}), out={"picture": two},
            metadata=False,
        )  # fmt: skip
        assert not any(step.reused for step in again.steps)
    assert one.read_bytes() == two.read_bytes()
