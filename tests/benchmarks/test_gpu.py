"""The benchmark of speed measures what it says: the true architectures, the product's own path."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import Report, Row, __main__, build, flops, measure, table
from benchmarks.gpu.configs import ARCHITECTURES, SD15, SDXL, TINY, Z_IMAGE
from benchmarks.gpu.measure import OURS, PLAIN, PLAIN_COMPILED, Job


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(tmp_path / "rows.jsonl", time.time() + 600)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A tiny painter, written once."""
    folder = tmp_path_factory.mktemp("sd15")
    build.write(TINY["sd15"], folder, "cpu")
    return Job(TINY["sd15"], folder, "cpu", flops=1e9, rate=1e12)


# -- the architectures

WEIGHTS = {
    # diffusers' documentation of num_parameters; lllyasviel/sd-controlnet-canny
    "sd15": {"unet": 859_520_964, "vae": 83_653_863, "controlnet": 361_279_120,
             "text_encoder": 123_060_480},
    # diffusers/benchmarks/collated_results.csv: 2567.46 million
    "sdxl": {"unet": 2_567_463_684, "vae": 83_653_863, "controlnet": 1_251_014_160,
             "text_encoder": 123_060_480, "text_encoder_2": 694_659_840},
    # six billion, and four
    "z-image": {"transformer": 6_154_908_736, "text_encoder": 4_022_468_096},
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_have_as_many_weights_as_the_released_ones(name: str) -> None:
    architecture = ARCHITECTURES[name]
    for part, n in WEIGHTS[name].items():
        network = architecture.networks.get(part) or architecture.controlnet
        assert network is not None
        with torch.device("meta"):
            assert sum(p.numel() for p in build.made(network).parameters()) == n, part


def test_operations_are_those_that_are_published() -> None:
    # diffusers/benchmarks/collated_results.csv, which leaves out attention: 5,979,098 MFLOP
    counted = flops.of_network(SDXL, "unet", attention=False)
    assert counted == pytest.approx(5_979_098e6, rel=0.001)


def test_attention_is_counted_and_a_batch_by_picture() -> None:
    """Each of two products of t queries and t or 77 keys of c channels, in a multiplication and an
    addition; levels have five blocks and the middle has one."""
    levels = ((64**2, 320, 5), (32**2, 640, 5), (16**2, 1280, 5), (8**2, 1280, 1))
    attention = sum(4 * n * t * (t + 77) * c for t, c, n in levels)
    one = flops.of_network(SD15, "unet")
    assert one - flops.of_network(SD15, "unet", attention=False) == attention
    assert flops.of_network(SD15, "unet", batch=3) == 3 * one


def test_a_linear_transformers_operations_follow_from_its_weights() -> None:
    """Twice the weights of a token for each of 4096 + 96 of them, less embedders and modulation."""
    tokens = (Z_IMAGE.size // 16) ** 2 + 96
    weights = WEIGHTS["z-image"]["transformer"]
    products = flops.of_network(Z_IMAGE, "transformer", attention=False)
    assert products == pytest.approx(2 * weights * tokens, rel=0.1)


def test_a_picture_is_text_steps_and_decoding() -> None:
    parts = {name: flops.of_network(SD15, name) for name in ("unet", "text_encoder", "vae")}
    steps = SD15.steps + 1  # PNDM begins with one more
    told = 2 * (steps * parts["unet"] + parts["text_encoder"]) + parts["vae"]
    assert flops.of_picture(SD15) == pytest.approx(told)
    unguided = replace(SD15, guidance=1.0)
    assert flops.of_picture(unguided) == pytest.approx((told + parts["vae"]) / 2)


@pytest.mark.parametrize("name", TINY)
def test_tiny_ones_are_of_the_same_kinds(name: str) -> None:
    tiny, true = TINY[name], ARCHITECTURES[name]
    assert tiny.pipeline == true.pipeline
    assert {k: kind for k, (kind, _) in tiny.networks.items()} == {
        k: kind for k, (kind, _) in true.networks.items()
    }
    assert (tiny.tokenizers, tiny.scheduler, tiny.others) == (
        true.tokenizers, true.scheduler, true.others,
    )  # fmt: skip
    assert (tiny.guided, tiny.denoiser) == (true.guided, true.denoiser)


def test_tokenizers_fill_the_true_vocabularies() -> None:
    tokenizer = build.clip_tokenizer(49408)
    ids = tokenizer(measure.PROMPT).input_ids
    assert (ids[0], ids[-1]) == (49406, 49407)
    assert len(ids) <= tokenizer.model_max_length
    assert len(tokenizer) == 49408
    assert len(build.chat_tokenizer(151936)) == 151936


# -- what is measured


def test_plain_diffusers_is_measured_in_all_tasks(report: Report, job: Job) -> None:
    measure.plain(report, job, [PLAIN])
    rows = report.rows()
    assert [(row.task, row.batch) for row in rows] == [
        ("text to image", 1), ("text to image", 2), ("controlnet", 1), ("inpaint", 1),
        ("decode", 1), ("decode a preview", 1),
    ]  # fmt: skip
    assert all(row.seconds for row in rows), rows
    for row in rows[:2]:
        assert row.seconds is not None
        assert row.share == pytest.approx(row.batch * 1e9 / row.seconds / 1e12)
        assert row.peak_mb


def test_plain_diffusers_is_compiled_whole(report: Report, job: Job) -> None:
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    measure.plain(report, job, [PLAIN_COMPILED])
    torch._dynamo.reset()
    [row] = report.rows()
    assert (row.path, row.task, row.note[:9]) == (PLAIN_COMPILED, "text to image", "the first")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= before + 2


def test_our_path_is_the_worker_with_the_setting_that_users_have(
    report: Report, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_COMPILE", "")
    measure.ours(report, job, compiled=True, again=True)
    assert os.environ["DANQING_COMPILE"] == "1"
    rows = report.rows()
    assert [row.task for row in rows] == [
        "first picture, with loading", "text to image", "text to image",
        "text to image, with previews", "calls at once", "drawn, then seen",
        "drawn and seen at once", "controlnet", "inpaint",
        "first picture of the next session",
    ]  # fmt: skip
    assert all(row.seconds and row.path == measure.OURS_COMPILED for row in rows), rows
    assert rows[4].note.startswith("in batches of [1")
    assert rows[0].seconds > rows[1].seconds  # type: ignore[operator]
    assert rows[2].share is not None
    assert rows[3].note.endswith(" previews in the last")


def test_a_turn_of_the_agent_is_what_tools_take_and_its_own(
    report: Report, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_COMPILE", "")
    measure.agent(report, job, compiled=False)
    [row] = report.rows()
    assert row.path == OURS
    claims, _, rest = row.note.partition(" claims; ")
    assert int(claims) >= 8, row.note
    assert {"text_to_image", "caption", "look"} <= {word.split()[0] for word in rest.split(", ")}
    assert "the agent's own" in rest


def test_the_matrix_rate_is_told_and_read_again(report: Report) -> None:
    measure.matrix_rate(report, "cpu", 64)
    [row] = report.rows()
    assert row.seconds is not None
    assert measure.rate_of([row], 64) == pytest.approx(2 * 64**3 / row.seconds)
    assert measure.rate_of([]) == 0.0


# -- how it is told


def test_what_fails_is_a_row_and_the_rest_goes_on(report: Report) -> None:
    def full(_: Row) -> Row:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    report.attempt(Row("sdxl", "text to image", PLAIN, 8), full)
    report.attempt(Row("sdxl", "inpaint", PLAIN), lambda row: replace(row, seconds=2.0))
    late = Report(report.file, time.time() - 1)
    late.attempt(Row("sdxl", "controlnet", PLAIN), full)
    notes = [row.note for row in report.rows()]
    assert notes[0] == "failed: OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    assert notes[1:] == ["", "not measured: out of time"]
    assert [json.loads(line)["seconds"] for line in report.file.read_text().splitlines()] == [
        None, 2.0, None,
    ]  # fmt: skip


def test_a_table_has_pictures_by_the_second() -> None:
    [head, _, line] = table([Row("sdxl", "text to image", OURS, 8, 4.0, 0.5, 100.0)]).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "model", "task", "path", "batch", "s", "pictures/s", "share", "MiB", "note",
    ]  # fmt: skip
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        "sdxl", "text to image", OURS, "8", "4.000", "2.00", "50%", "100", "",
    ]  # fmt: skip


def test_a_process_that_dies_or_hangs_is_told(
    report: Report, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(__main__, "GRACE", 0.2)
    __main__.aside(report, dies, job)
    __main__.aside(Report(report.file, time.time()), hangs)
    assert [(row.model, row.task, row.note) for row in report.rows()] == [
        ("sd15", "dies", "failed: its process ended with 7"),
        ("", "hangs", "stopped: out of time"),
    ]


def test_a_library_that_is_not_here_costs_its_part_only(report: Report, job: Job) -> None:
    def needs(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'langgraph'")

    __main__.here(report, needs, job, compiled=True)
    told = "failed: ModuleNotFoundError: No module named 'langgraph'"
    assert report.rows() == [Row("sd15", "needs", "", note=told)]


def dies(*_: Any) -> None:
    os._exit(7)


def hangs(*_: Any) -> None:
    time.sleep(60)


def test_without_a_gpu_nothing_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "gpu.jsonl"
    assert __main__.main(["--out", str(out)]) == 0
    assert "nothing was measured" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--device", "cpu"], "for --tiny alone"),
        (["--tiny", "--device", "cpu", "--minutes", "0"], "--minutes 0.0 is refused"),
        (["--only", "flux"], "invalid choice"),
    ],
)
def test_wrong_arguments_are_refused(
    wrong: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        __main__.main(wrong)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_command_runs_all_parts_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parts are tested above; here it is which of them run, with what, and what is printed."""
    ran: list[tuple[Any, ...]] = []
    for name in ("TORCHINDUCTOR_CACHE_DIR", *__main__.QUIET):
        monkeypatch.setenv(name, "")

    def aside(report: Report, function: Any, *arguments: Any) -> None:
        job = next((a for a in arguments if isinstance(a, Job)), None)
        if function is measure.build:
            assert job is not None
            (job.folder / "painter").mkdir()
            (job.folder / "painter" / "model_index.json").touch()
        ran.append((function.__name__, job.architecture.name if job else ""))
        report.add(Row(job.architecture.name if job else "matrix", function.__name__, "", 1, 1.0))

    monkeypatch.setattr(__main__, "aside", aside)
    monkeypatch.setattr(measure, "built_in", lambda *_: ran.append(("built_in",)))
    for name in ("ours", "agent"):

        def part(_: Report, job: Job, name: str = name, **more: Any) -> None:
            ran.append((name, job.architecture.name, more))

        monkeypatch.setattr(measure, name, part)
    out = tmp_path / "gpu.jsonl"
    assert __main__.main(["--tiny", "--device", "cpu", "--out", str(out)]) == 0
    paths = [({"compiled": False},), ({"compiled": True, "again": True},)]
    assert ran[:8] == [
        ("matrix_rate", ""), ("built_in",), ("build", "sdxl"), ("plain", "sdxl"),
        ("ours", "sdxl", *paths[0]), ("ours", "sdxl", *paths[1]),
        ("agent", "sdxl", {"compiled": True}), ("build", "sd15"),
    ]  # fmt: skip
    assert ran[-1] == ("ours", "z-image", {"compiled": True, "again": False})
    assert len(capsys.readouterr().out.split("\n\n")[1].splitlines()) == 2 + 1 + 2 * 3
    ran.clear()
    arguments = ["--tiny", "--device", "cpu", "--out", str(out), "--only", "agent"]
    assert __main__.main([*arguments, "--paths", OURS]) == 0
    assert ran[1:] == [("build", "sdxl"), ("agent", "sdxl", {"compiled": False})]
