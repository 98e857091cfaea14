"""The tools' benchmark counts rightly, asks only what is true, and is not won by saying yes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from benchmarks.tools import (
    Row,
    __main__,
    ask,
    bootstrap,
    cost,
    edge_guided,
    gan_image,
    inpaint,
    meaning,
    median,
    robustness,
    segment,
    share,
    style_transfer,
    table,
    upscale,
    wilson,
)
from benchmarks.tools.pixels import SPOILERS, edge_f1, edge_recall, ms_ssim, psnr, spoiled
from benchmarks.tools.studio import SIZE, Look, Seen, Studio, chances, held_out, picture, shown
from benchmarks.tools.words import Question, pairs, phrases, without
from danqing.tools import TOOLS, catalogue
from danqing.tools.ask import understood
from danqing.tools.call import Result, WorkerFailed
from danqing.tools.errors import ToolError
from danqing.tools.gan_image import gan_image as gan_image_tool
from danqing.tools.models import Models
from danqing.tools.phrases import read_phrase
from danqing.tools.registry import Context, by_name
from danqing.tools.sketch import sketch
from training import data, grader, panoptic
from training.scenes import captions, facts
from training.scenes.spec import Scene

Tool = Callable[[Mapping[str, Any], Mapping[str, Image.Image]], Any]


class Fake:
    """An engine whose tools are plain functions that return an image, images or a value."""

    def __init__(self, **tools: Tool) -> None:
        self.tools = tools
        self.profile = catalogue.Profile(name="none", summary="", models={})
        self.closed = 0
        self.seconds = [0.5, 0.25, 4.0, 0.125]

    def available(self) -> Mapping[str, Any]:
        return self.tools

    def close(self) -> None:
        self.closed += 1

    def call(
        self, tool: str, arguments: Mapping[str, Any], images: Mapping[str, Image.Image]
    ) -> Result:
        by_name(TOOLS)[tool].validate(arguments)
        made = self.tools[tool](arguments, images)
        made, value = made if isinstance(made, tuple) else (made, None)
        if isinstance(made, dict):
            made, value = [], made
        pictures = made if isinstance(made, list) else [made]
        self.seconds.append(self.seconds.pop(0))
        return Result(pictures, value, self.seconds[-1], 100.0, "cpu")


@pytest.fixture(scope="module")
def eyes() -> grader.Grader:
    return grader.load()


def studio_of(eyes: grader.Grader, n: int, **tools: Tool) -> Studio:
    return Studio(Fake(**tools), eyes, n)


def by_measure(rows: list[Row]) -> dict[str, float | None]:
    return {row.measure: row.value for row in rows}


def refusing(*_: Any) -> Any:
    raise ToolError("it is refused")


# -- the numbers


def test_wilson_intervals_are_those_of_the_books():
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    for hits, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="is no share"):
            wilson(hits, n)


def test_bootstrap_intervals_are_seeded_and_hold_the_mean():
    values = np.random.default_rng(1).normal(5, 1, 400).tolist()
    low, high = bootstrap(values)
    assert (low, high) == bootstrap(values)
    assert (low, high) != bootstrap(values, seed=1)
    assert low < np.mean(values) < high
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
    assert bootstrap([3.0] * 5) == (3.0, 3.0)


def test_rows_tell_what_they_count():
    assert share("a", "b", [True, False, True, True]).value == 0.75
    assert median("a", "b", [1.0, 100.0, 2.0]).value == 2.0
    assert share("a", "b", []).cells == ("a", "b", "nothing to count", "", "")
    lines = table([share("a", "b", [True]), Row("c", "d", None, note="not here")]).splitlines()
    head = [cell.strip() for cell in lines[0].split("|")[1:-1]]
    assert head == ["tool", "measure", "value", "95% interval", "n"]
    assert [cell.strip() for cell in lines[2].split("|")[3:6]] == ["1.000", "[0.207, 1.000]", "1"]
    assert "not here" in lines[3]


# -- pixels


def line(column: int, rows: slice = slice(None)) -> np.ndarray:
    edge = np.zeros((32, 32), bool)
    edge[rows, column] = True
    return edge


def test_edges_count_within_two_pixels_and_no_farther():
    assert edge_f1(line(10), line(10)) == 1.0
    assert edge_f1(line(12), line(10)) == 1.0
    assert edge_f1(line(13), line(10)) == 0.0


def test_missing_edges_cost_recall_and_needless_ones_precision():
    half = line(10, slice(0, 14))  # reaches two pixels farther
    assert edge_recall(half, line(10)) == 0.5
    assert edge_f1(half, line(10)) == pytest.approx(2 / 3)
    assert edge_f1(line(10), half) == pytest.approx(2 / 3)


def test_no_edges_are_right_only_where_there_are_none():
    nothing = np.zeros((32, 32), bool)
    assert edge_f1(nothing, nothing) == 1.0
    assert edge_f1(nothing, line(3)) == 0.0
    assert edge_f1(line(3), nothing) == 0.0


def gray(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def noisy(size: int, seed: int, deviation: float) -> Image.Image:
    base = np.add.outer(np.arange(size), np.arange(size)) * 128 / size + 60
    return gray(base + np.random.default_rng(seed).normal(0, deviation, (size, size)))


def test_ms_ssim_is_1_for_equals_and_falls_with_noise():
    clean = noisy(128, 0, 0)
    assert ms_ssim(clean, clean) == pytest.approx(1.0)
    values = [ms_ssim(clean, noisy(128, 1, deviation)) for deviation in (5, 20, 60)]
    assert 1 > values[0] > values[1] > values[2] > 0


def test_ms_ssim_of_one_scale_is_ssim():
    a, b = noisy(20, 1, 20), noisy(20, 2, 20)
    expected = structural_similarity(
        np.asarray(a), np.asarray(b), data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    assert ms_ssim(a, b) == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_of_two_scales_has_the_weights_of_the_paper():
    rng = np.random.default_rng(1)
    base = rng.uniform(60, 190, (11, 11)).repeat(2, 0).repeat(2, 1)
    fine = np.tile([[30, -30], [-30, 30]], (11, 11))  # gone at half the size
    a, b = gray(base), gray(base + fine)
    once = structural_similarity(
        np.asarray(a), np.asarray(b), data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    assert once < 0.9
    assert ms_ssim(a, b) == pytest.approx(once ** (0.0448 / (0.0448 + 0.2856)), abs=2e-3)


def test_ms_ssim_refuses_other_sizes():
    with pytest.raises(ValueError, match="cannot be compared"):
        ms_ssim(noisy(20, 1, 1), noisy(22, 1, 1))
    with pytest.raises(ValueError, match="cannot be compared"):
        ms_ssim(noisy(8, 1, 1), noisy(8, 1, 1))


@pytest.mark.parametrize("how", SPOILERS)
def test_every_strength_spoils_more(how):
    image = picture(held_out(1)[0])
    values = [psnr(spoiled(image, how, strength, 0), image) for strength in SPOILERS[how]]
    assert len(values) == 5
    assert all(a > b for a, b in pairwise(values)), values


# -- what is asked


SCENES = held_out(24)


def test_both_answers_of_a_pair_are_true_and_never_the_same():
    kinds = set()
    for k, scene in enumerate(SCENES[:20]):
        for pair in pairs(scene, SCENES[k + 1 : k + 5], chances(scene, 31)):
            kinds.add((pair.kind, pair.language))
            assert pair.first.answer != pair.second.answer
            assert not pair.first.right(pair.second.answer)
            heard = [understood(q.text).heard for q in (pair.first, pair.second)]
            if pair.kind in ("yes/no", "relation"):
                assert heard[0] != heard[1]
                assert pair.first.scene == pair.second.scene
            else:
                assert heard[0] == heard[1]
    assert kinds == {(kind, language) for kind in ask.KINDS for language in ("en", "zh")}


def test_the_truth_about_counts_and_things_is_that_of_the_scene():
    for k, scene in enumerate(SCENES[:12]):
        for pair in pairs(scene, SCENES[k + 1 : k + 5], chances(scene, 31)):
            if pair.kind == "count" and pair.language == "en":
                noun = understood(pair.first.text).heard.partition(": ")[2]
                for question in (pair.first, pair.second):
                    assert facts.count(question.scene, noun) == question.answer
            elif pair.kind == "yes/no" and pair.language == "en":
                for question in (pair.first, pair.second):
                    named = read_phrase("ask", question.text)
                    there = facts.holds(
                        question.scene, "object", subject=named.kind, color=named.color
                    )
                    assert there == question.answer


def test_a_scene_without_a_thing_keeps_who_holds_what():
    scene = next(s for s in map(layout_with_a_holder, range(400)) if s is not None)
    free = next(i for i, t in enumerate(scene.things)
                if t.inside is None and all(o.inside != i for o in scene.things))  # fmt: skip
    fewer = without(scene, free)

    def held(s):
        return [(t, s.things[t.inside].kind) for t in s.things if t.inside is not None]

    assert len(fewer.things) == len(scene.things) - 1
    assert [(t.kind, h) for t, h in held(fewer)] == [(t.kind, h) for t, h in held(scene)]


def layout_with_a_holder(seed):
    from training.scenes import layout

    scene = layout.sample(seed, setting="indoors")
    return scene if len(scene.things) > 2 and scene.things[-1].inside is not None else None


def test_an_answer_is_right_only_in_its_own_type():
    scene = SCENES[0]
    assert Question(scene, "?", 1).right(1)
    assert not Question(scene, "?", 1).right(True)
    assert not Question(scene, "?", True).right(1)
    assert not Question(scene, "?", False).right(None)


def test_phrases_name_what_their_masks_show():
    forms = set()
    for scene in SCENES[:8]:
        seen = shown(scene)
        for asked in phrases(scene, seen, chances(scene, 21)):
            forms.add((asked.form, asked.language))
            named, twin = (read_phrase("segment", text) for text in (asked.text, asked.twin))
            assert asked.mask.any()
            if asked.form == "ground":
                value = data.SKY if named.kind == "sky" else data.GROUND
                assert ((seen == value) == asked.mask).all()
                assert twin.setting != scene.setting
            else:
                kinds = {scene.things[i].kind for i in np.unique(seen[asked.mask])}
                assert kinds == {named.kind}
                there = facts.holds(scene, "object", subject=twin.kind, color=twin.color)
                assert not there
                assert (named.where in ("left", "right")) == (asked.form == "left/right")
                if named.where:
                    [at] = {
                        facts.center(scene.things[i].box)[0] for i in np.unique(seen[asked.mask])
                    }
                    every = [facts.center(t.box)[0] for t in scene.things if t.kind == named.kind]
                    assert at == (min if named.where == "left" else max)(every)
    assert forms == {(form, language) for form in segment.FORMS for language in ("en", "zh")}


# -- the measures


@pytest.mark.parametrize("always", [True, False, 1, "red", "far left", "winter", None])
def test_who_always_answers_the_same_scores_nothing(eyes, always):
    studio = studio_of(eyes, 2, ask=lambda arguments, images: {"value": always})
    rows = [row for row in ask.measure(studio) if row.n]
    assert len(rows) >= 8
    assert {row.value for row in rows} == {0.0}


def test_who_knows_the_answers_scores_everything_and_who_is_refused_nothing(eyes):
    n = 2
    scenes = held_out(n + 4)
    known = {
        (picture(q.scene).tobytes(), q.text): q.answer
        for k, scene in enumerate(scenes[:n])
        for pair in pairs(scene, scenes[k + 1 : k + 5], chances(scene, 31))
        for q in (pair.first, pair.second)
    }

    def knowing(arguments, images):
        return {"value": known[images["image"].tobytes(), arguments["question"]]}

    rows = ask.measure(studio_of(eyes, n, ask=knowing))
    assert {row.value for row in rows if row.n} == {1.0}
    rows = ask.measure(studio_of(eyes, n, ask=refusing))
    assert {row.value for row in rows if row.n} == {0.0}


def test_masks_are_measured_against_what_is_there(eyes):
    n = 2
    known = {
        (picture(scene).tobytes(), asked.text): asked.mask
        for scene in held_out(n)
        for asked in phrases(scene, shown(scene), chances(scene, 21))
    }

    def knowing(arguments, images):
        mask = known.get((images["image"].tobytes(), arguments["text"]))
        found = mask is not None
        white = mask if found else np.zeros((SIZE, SIZE), bool)
        return gray(white * 255), {"found": found}

    values = by_measure(segment.measure(studio_of(eyes, n, segment=knowing)))
    assert {v for v in values.values() if v is not None} == {1.0}

    def finding(arguments, images):
        return Image.new("L", (SIZE, SIZE), 255), {"found": True}

    values = by_measure(segment.measure(studio_of(eyes, n, segment=finding)))
    assert values["found what is there, English"] == 1.0
    assert values["both of a pair, English"] == values["both of a pair, Chinese"] == 0.0
    assert 0 < values["mean IoU over classes"] < 0.5

    values = by_measure(segment.measure(studio_of(eyes, n, segment=refusing)))
    assert values["found what is there, English"] == 0.0
    assert values["found nothing where nothing is, English"] == 0.0


def painting(made: Mapping[str, Image.Image]) -> Tool:
    """A painter that knows the true picture of a prompt."""
    return lambda arguments, images: [made[arguments["prompt"]]]


def compared(arguments, images):
    from danqing.tools.compare import compare

    difference, told = compare(**images)
    return difference, told.model_dump()


def sketching(arguments, images):
    return sketch(**arguments)


def looking_as(scenes: Mapping[bytes, Scene]) -> Tool:
    """A tool look that knows the true scene of a picture."""

    def look(arguments, images):
        scene = scenes.get(images["image"].tobytes())
        things = [] if scene is None else [
            {"kind": t.kind, "looks": t.color, "box": list(t.box)} for t in scene.things
        ]  # fmt: skip
        return {"things": things, "facts": {"season": ("winter", 0.9)}}

    return look


def test_inpaint_is_asked_another_color_and_watched_outside(eyes):
    n = 3
    tasks = [inpaint.task(scene) for scene in held_out(n, inpaint.colorable)]
    truth = {captions.composed(t.wanted): picture(t.wanted) for t in tasks}

    def careful(arguments, images):
        made = images["image"].copy()
        made.paste(truth[arguments["prompt"]], (0, 0), images["mask"])
        return [made]

    known = looking_as({picture(t.wanted).tobytes(): t.wanted for t in tasks})
    studio = studio_of(eyes, n, inpaint=careful, compare=compared, sketch=sketching, look=known)
    values = by_measure(inpaint.measure(studio))
    assert values["in the asked color, true renders, by look"] == 1.0
    assert values["in the asked color, by look"] == 0.0, "it knows true renders alone"
    assert values["in the asked color, from a sketch"] == values["in the asked color"]
    assert values["outside the mask bit-identical"] == 1.0
    ceiling = values["in the asked color, true renders"]
    assert values["in the asked color"] == pytest.approx(ceiling, abs=0.34)
    assert ceiling > 0
    untouched = values["seam ratio of the untouched picture, median"]
    assert values["seam ratio, median"] == pytest.approx(untouched, rel=0.3)

    def idle(arguments, images):
        return [images["image"].point(lambda v: v ^ 1)]

    studio = studio_of(eyes, n, inpaint=idle, compare=compared, sketch=sketching)
    values = by_measure(inpaint.measure(studio))
    assert values["outside the mask bit-identical"] == 0.0
    assert values["in the asked color"] == 0.0


def test_a_painted_hole_of_one_color_is_no_thing_and_has_a_seam(eyes):
    def flat(arguments, images):
        made = images["image"].copy()
        made.paste((255, 0, 255), (0, 0), images["mask"])
        return [made]

    studio = studio_of(eyes, 2, inpaint=flat, compare=compared, sketch=refusing)
    values = by_measure(inpaint.measure(studio))
    assert values["kind seen near its place, from a sketch"] == 0.0
    assert values["outside the mask bit-identical"] == 1.0
    untouched = values["seam ratio of the untouched picture, median"]
    assert values["seam ratio, median"] > 1.5 * untouched


def test_layouts_have_2_to_6_of_one_kind():
    made = edge_guided.layouts(5)
    assert [len(scene.things) for scene in made] == [2, 3, 4, 5, 6]
    assert all(len({t.kind for t in scene.things}) == 1 for scene in made)
    assert all(scene.seed >= data.HELD_OUT for scene in made)


def test_a_thing_that_is_seen_is_at_one_place_only():
    look = Look({}, [Seen("cat", None, 0.5, 0.5), Seen("dog", None, 0.1, 0.5)])
    assert look.placed([("cat", (0.52, 0.5)), ("cat", (0.48, 0.5))]) == 0.5
    assert look.placed([("cat", (0.5, 0.65))]) == 0.0
    assert look.placed([("dog", (0.1, 0.45)), ("cat", (0.5, 0.5))]) == 1.0
    assert [thing.x for thing in look.near("cat", (0.55, 0.55))] == [0.5]


def test_who_draws_the_truth_reaches_the_graders_ceiling(eyes):
    n = 2
    scenes = [*held_out(n, data.plain), *edge_guided.layouts(n)]
    truth = {say(s): picture(s) for s in scenes for say in (captions.composed, captions.canonical)}
    empty = Image.new("RGB", (SIZE, SIZE), "white")

    def crowd(arguments, images):
        assert len(arguments["things"]) in edge_guided.COUNTS
        return sketch(**arguments)

    studio = studio_of(
        eyes, n, edge_guided=painting(truth), sketch=crowd,
        text_to_image=lambda arguments, images: [empty],
    )  # fmt: skip
    rows = edge_guided.measure(studio)
    values = {(row.tool, row.measure): row.value for row in rows}
    assert values["edge_guided", "edge F1 with the control"] == 1.0
    assert values["text_to_image", "edge F1 with the control, not shown"] == 0.0
    assert 0 < values["another scene", "edge F1 with the control"] < 0.9
    for measure in ("count right, 2 to 6 of a kind", "things near their places"):
        ceiling = values["the truth", f"{measure}, true renders"]
        assert ceiling > 0
        assert values["edge_guided", f"{measure}, from a sketch"] == ceiling
        assert values["text_to_image", f"{measure}, no spots"] == 0.0


def test_a_style_counts_where_the_grader_sees_it(eyes):
    n = 2
    scenes = held_out(n + 1, data.plain)
    given = {picture(s).tobytes(): s for s in scenes}

    def restyling(arguments, images):
        if arguments.get("style") is None:
            assert arguments["how"] == "color"
            return images["reference"], {}
        from dataclasses import replace

        return picture(replace(given[images["image"].tobytes()], style=arguments["style"])), {}

    values = by_measure(style_transfer.measure(studio_of(eyes, n, style_transfer=restyling)))
    assert values["named style recognized"] == values["named style recognized, true renders"] > 0.5
    assert values["named style recognized, untouched"] == 0.0
    kept = "edge F1 with the picture, named style"
    assert values[kept] == values[f"{kept}, true renders"] < 1.0
    assert values["style distance to a reference after, color"] == 0.0
    assert values["style distance to a reference before, color"] > 0.1
    assert "by reference, network" in values

    def idle(arguments, images):
        return images["image"], {}

    values = by_measure(style_transfer.measure(studio_of(eyes, n, style_transfer=idle)))
    before, after = (f"style distance to a reference {w}, color" for w in ("before", "after"))
    assert values[before] == values[after]
    assert values["edge F1 with the picture, color"] == 1.0
    assert values["named style recognized"] == 0.0


def test_enlarging_is_measured_beside_plain_interpolation(eyes, monkeypatch):
    few = upscale.photographs()
    assert [image.width % 4 + image.height % 4 for image in few] == [0] * 5
    small = [image.crop((100, 100, 180, 164)) for image in few]
    monkeypatch.setattr(upscale, "photographs", lambda: small)
    monkeypatch.setattr(upscale, "LARGE", 64)

    def bicubic(arguments, images):
        small, scale = images["image"], arguments["scale"]
        return small.resize((small.width * scale, small.height * scale), Image.Resampling.BICUBIC)

    rows = upscale.measure(studio_of(eyes, 1, upscale=bicubic))
    values = {(row.tool, row.measure): row.value for row in rows}
    for measure in ("PSNR, x4, scenes", "SSIM, x2, photographs"):
        assert values["upscale", measure] == values["bicubic", measure]
        assert values["Lanczos", measure] != values["bicubic", measure]
    assert values["bicubic", "PSNR, x2, scenes"] > values["bicubic", "PSNR, x4, scenes"]
    assert next(r.n for r in rows if r.measure == "PSNR, x4, photographs") == 5


def test_drafts_that_are_all_the_same_have_no_variety(eyes):
    n = 2
    truth = {captions.canonical(s): picture(s) for s in held_out(n, data.plain)}

    def same(arguments, images):
        return [truth[arguments["prompt"]]] * len(arguments["seeds"])

    def chance(arguments, images):
        return [gray(np.random.default_rng(seed).uniform(0, 255, (SIZE, SIZE, 3)))
                for seed in arguments["seeds"]]  # fmt: skip

    rows = gan_image.measure(studio_of(eyes, n, gan_image=same, text_to_image=chance))
    values = {(row.tool, row.measure): row.value for row in rows}
    alike = "MS-SSIM between pictures of one prompt (less is more various)"
    assert values["gan_image", alike] == pytest.approx(1.0)
    assert values["text_to_image", alike] < 0.2
    assert values["gan_image", "season seen as asked"] == 1.0
    one, eight = (
        values["gan_image", f"milliseconds a picture, batch of {k}, median"] for k in (1, 8)
    )
    assert one in (500 / 2 + 250 / 2, (250 + 4000) / 2, (4000 + 125) / 2)
    assert eight < one


def test_drafts_of_other_vectors_are_those_of_the_tool_and_are_compared_pair_by_pair():
    scenes, models = held_out(2, data.plain), Models(catalogue.profile().models, device="cpu")
    said = meaning.manners(scenes)["canonical"]
    own, drawn, other = list(meaning.pictures(models, scenes, said))[1]
    [as_drawn] = gan_image_tool(
        Context(models), prompt=said[1], seeds=[scenes[1].seed % 2**32],
        truncation=meaning.TRUNCATION,
    )  # fmt: skip
    assert np.abs(np.asarray(drawn, int) - np.asarray(as_drawn, int)).max() <= 1  # of a batch
    assert len({picture.tobytes() for picture in (own, drawn, other)}) == 3
    right = np.zeros((4, 3, 5))
    right[:, 0], right[:2, 1, :2] = 1.0, 1.0
    values = by_measure(meaning.told("canonical", right))
    assert values["facts seen as asked, canonical, s of the text encoder"] == 1.0
    assert values["style seen as asked, canonical, s of the language model"] == 0.5
    beyond = (
        "facts seen as asked, canonical, s of the language model, beyond that of the text encoder"
    )
    assert values[beyond] == pytest.approx(-0.8)


# -- spoiled pictures


def test_a_judge_that_reads_every_kind_or_says_yes_scores_nothing(eyes):
    from danqing.tools.painter_words import Phrase, painter_prompt
    from danqing.tools.world import world

    everything = painter_prompt(phrases=[Phrase(noun=kind) for kind in world().objects])
    studio = studio_of(
        eyes, 1, ask=lambda *_: {"value": True}, caption=lambda *_: {"text": everything}
    )
    rows = robustness.measure(studio)
    assert {row.tool for row in rows} == {"ask", "caption"}
    assert len(rows) == 2 * (1 + 4 * 5)
    assert {row.value for row in rows} == {0.0}


def test_a_judge_that_knows_keeps_its_score_on_spoiled_pictures(eyes):
    [case] = robustness.cases(1)
    answers = {q.text: q.answer for q in (case.pair.first, case.pair.second)}
    studio = studio_of(
        eyes, 1, ask=lambda arguments, _: {"value": answers[arguments["question"]]},
        caption=lambda *_: {"text": captions.canonical(case.scene)},
    )  # fmt: skip
    assert {row.value for row in robustness.measure(studio)} == {1.0}


def test_the_attack_raises_the_loss_and_stays_near():
    torch.manual_seed(0)
    model = panoptic.build().eval().requires_grad_(False)
    [case] = robustness.cases(1)
    before = robustness.loss(model, case.image, case.scene)
    for reach in robustness.REACH:
        once = robustness.attacked(model, case, reach, steps=1)
        spoiled_ = robustness.attacked(model, case, reach, steps=6)
        apart = np.abs(np.asarray(spoiled_, int) - np.asarray(case.image, int))
        assert 0 < apart.max() <= reach
        losses = [robustness.loss(model, image, case.scene) for image in (once, spoiled_)]
        assert before < losses[0] < losses[1]
    again = robustness.attacked(model, case, reach, steps=6)
    assert again.tobytes() == spoiled_.tobytes()


# -- the whole


def test_every_tool_has_a_usual_call_that_is_allowed():
    tools = by_name(TOOLS)
    for size in (64, 128):
        calls = cost.calls(size)
        assert set(calls) == set(tools)
        for tool, (arguments, images) in calls.items():
            tools[tool].validate(arguments)
            tools[tool].check_images(images)


def test_costs_are_medians_of_three_calls_of_a_fresh_worker(eyes):
    studio = studio_of(eyes, 1, sketch=lambda *_: Image.new("L", (SIZE, SIZE)))
    rows = {(row.tool, row.measure): row for row in cost.measure(studio)}
    row = rows["sketch", "seconds, 128 px"]
    assert (row.low, row.value, row.high) == (0.125, 0.25, 4.0)  # the first call loads
    assert rows["sketch", "peak MiB, 512 px"].value == 100.0
    assert studio.engine.closed == 2
    assert rows["ask", "cost"].note == "not here"
    assert rows["all", "MiB of weights in the package"].value > 1


def test_what_is_not_here_is_listed_and_what_breaks_is_told(eyes, capsys):
    rows, failed = __main__.measured(studio_of(eyes, 1), list(__main__.MEASURES))
    assert not failed
    assert {row.tool for row in rows if row.note == "not here"} >= {
        "inpaint", "segment", "edge_guided", "style_transfer", "upscale", "ask", "gan_image",
        "caption", "sketch",
    }  # fmt: skip

    def broken(*_):
        raise WorkerFailed("a bug")

    rows, failed = __main__.measured(studio_of(eyes, 1, ask=broken), ["ask", "inpaint"])
    assert failed
    assert [row.note for row in rows] == ["failed", "not here"]
    assert "ask failed: a bug" in capsys.readouterr().err


def test_the_command_prints_one_table_or_one_document(eyes, monkeypatch, capsys):
    class Engine(Fake):
        def __init__(self, profile: object) -> None:
            super().__init__(ask=lambda *_: {"value": True})

        def __enter__(self) -> Engine:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(__main__, "Engine", Engine)
    monkeypatch.setattr(__main__, "models", SimpleNamespace(configure_torch=lambda: None))
    assert __main__.main(["--n", "1", "--only", "ask", "inpaint"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 + (len(ask.KINDS) + 1) * 2 + 1
    assert __main__.main(["--n", "1", "--only", "inpaint", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["note"] == "not here"
    for wrong in (["--n", "0"], ["--only", "paint"], ["--role", "painter=."]):
        with pytest.raises(SystemExit) as exit_:
            __main__.main(wrong)
        assert exit_.value.code == 2


def test_another_model_takes_a_role(tmp_path):
    profile = catalogue.profile()
    changed = __main__.with_roles(profile, [f"panoptic={tmp_path}", f"captioner={tmp_path}"])
    assert changed.models["panoptic"].folder == tmp_path
    assert changed.models["captioner"].folder == tmp_path
    assert changed.models["captioner"].loader == profile.models["captioner"].loader
    assert changed.models["upscaler"] == profile.models["upscaler"]
    with pytest.raises(ValueError, match="no-such"):
        __main__.with_roles(profile, ["panoptic=no-such"])
