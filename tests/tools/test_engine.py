"""A worker may crash, hang, fail or be cancelled; the session goes on."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import strange_tools
from PIL import Image

from danqing.tools import process
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine, Progress, Result, WorkerCrashed, WorkerFailed
from danqing.tools.errors import BadInput, Cancelled, Stopped, ToolError
from danqing.tools.registry import ALONE, IN_TILES, OFFLOADED, SMALLER, THRIFT, Role, tool
from danqing.tools.worker import is_out_of_memory


@pytest.fixture(scope="module")
def engine(strange_profile: Profile) -> Iterator[Engine]:
    """A worker with strange tools and no model, so that it starts in a moment."""
    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS) as engine:
        yield engine


@pytest.fixture(scope="session")
def strange_profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    entry = Entry(
        source=str(tmp_path_factory.mktemp("empty")), loader="image-to-image", license="MIT",
        commercial=True, size_mb=0, memory_mb=0,
    )  # fmt: skip
    painter = entry.model_copy(update={"loader": "diffusers"})
    eye = entry.model_copy(update={"source": str(tmp_path_factory.mktemp("eye"))})
    models: dict[Role, Entry] = {"upscaler": entry, "text-to-image": painter, "captioner": eye}
    return Profile(name="strange", summary="", models=models)


def pid_of(engine: Engine) -> int:
    return int(names(engine, "whoami")[0])


def names(engine: Engine, tool: str) -> list[str]:
    value = engine.call(tool, {}).value
    assert value is not None
    return list(value["names"])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_image_goes_there_and_back_unchanged(
    engine: Engine, photo: Image.Image, mode: str
) -> None:
    image = photo.convert(mode)
    result = engine.call("echo", {}, {"image": image})
    assert result.value is None
    assert result.images[0].mode == mode
    assert result.images[0].tobytes() == image.tobytes()
    assert result.peak_mb > 0
    assert result.device == "cpu"


def test_progress_is_reported_in_order_and_in_the_callers_thread(engine: Engine) -> None:
    seen: list[Progress] = []
    threads: set[int] = set()

    def note(progress: Progress) -> None:
        seen.append(progress)
        threads.add(threading.get_ident())

    assert engine.call("count", {"to": 5}, on_progress=note).value == {"number": 5}
    assert [(p.done, p.total, p.note) for p in seen] == [(i, 5, "counting") for i in range(1, 6)]
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(seen))
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize(
    ("by", "how"),
    [("SIGKILL", "Killed, perhaps out of memory"), ("SIGSEGV", "Segm"), ("exit", "exit code 3")],
)
def test_a_crash_costs_one_call(engine: Engine, by: str, how: str) -> None:
    before, restarts = pid_of(engine), engine.status().restarts
    with pytest.raises(WorkerCrashed, match=f"die: the worker stopped .{how}"):
        engine.call("die", {"by": by})
    assert engine.status().state == "stopped"
    assert pid_of(engine) != before
    assert engine.status().restarts == restarts + 1


def test_a_call_that_crashes_twice_is_not_tried_a_third_time(engine: Engine) -> None:
    for _ in range(2):
        with pytest.raises(WorkerCrashed, match="the worker stopped"):
            engine.call("die", {"by": "SIGKILL", "attempt": 1})
    alive = pid_of(engine)
    with pytest.raises(WorkerCrashed, match="stopped the worker 2 times, so it is not tried"):
        engine.call("die", {"by": "SIGKILL", "attempt": 1})
    assert pid_of(engine) == alive
    with pytest.raises(WorkerCrashed, match="the worker stopped"):
        engine.call("die", {"by": "SIGKILL", "attempt": 2})


def test_another_image_is_another_call(engine: Engine) -> None:
    black, white = (Image.new("L", (16, 16), shade) for shade in (0, 255))
    for message in ("the worker stopped", "the worker stopped", "so it is not tried again"):
        with pytest.raises(WorkerCrashed, match=message):
            engine.call("choke", {}, {"image": black})
    assert engine.call("choke", {}, {"image": white}).images[0].getpixel((0, 0)) == 255


def test_a_worker_that_cannot_be_started_costs_the_call(
    strange_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(WorkerCrashed, match="No such file or directory: '/nowhere/python'"):
            engine.call("whoami", {})
    assert pid_of(engine) > 0
    engine.close()


def test_a_worker_killed_between_calls_costs_nothing(engine: Engine) -> None:
    pid = pid_of(engine)
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(pid)
    while engine.status().state != "stopped":
        time.sleep(0.01)
    assert pid_of(engine) != pid


def test_a_cancel_ends_the_call_at_the_next_step_and_keeps_the_worker(engine: Engine) -> None:
    pid, cancel = pid_of(engine), threading.Event()
    started = time.monotonic()
    with pytest.raises(Cancelled, match="count was cancelled"):
        engine.call("count", {"to": 6000}, on_progress=lambda _: cancel.set(), cancel=cancel)
    assert time.monotonic() - started < process.CANCEL_GRACE
    assert pid_of(engine) == pid


def test_a_call_that_ignores_the_cancel_is_ended_by_force(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CANCEL_GRACE", 0.2)
    pid, cancel = pid_of(engine), threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(Cancelled):
        engine.call("hang", {"seconds": 60.0}, cancel=cancel)
    assert not is_running(pid)
    assert pid_of(engine) != pid


def test_a_call_that_takes_too_long_is_ended(engine: Engine) -> None:
    pid = pid_of(engine)
    with pytest.raises(ToolError, match=r"hang: not finished within 0\.2 s"):
        engine.call("hang", {"seconds": 60.0}, timeout=0.2)
    assert not is_running(pid)
    assert pid_of(engine) != pid


def test_a_listener_that_raises_ends_the_call_and_is_heard(engine: Engine) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    pid = pid_of(engine)
    with pytest.raises(KeyboardInterrupt):
        engine.call("count", {"to": 6000}, on_progress=interrupt)
    started = time.monotonic()
    assert engine.call("count", {"to": 2}).value == {"number": 2}
    assert time.monotonic() - started < 2
    assert pid_of(engine) == pid


def test_errors_arrive_with_their_type(engine: Engine) -> None:
    with pytest.raises(ToolError, match="'arguments' is refused") as refused:
        engine.call("complain", {"about": "arguments"})
    assert type(refused.value) is ToolError
    with pytest.raises(Stopped) as stopped:
        engine.call("complain", {"about": "disk"})
    assert (stopped.value.kept, stopped.value.hint) == ("The picture is kept.", "Make room.")
    with pytest.raises(BadInput, match="The request is empty"):
        engine.call("complain", {"about": "request"})


def test_a_bug_in_a_tool_is_told_from_a_refusal_and_leaves_its_traceback(engine: Engine) -> None:
    with pytest.raises(WorkerFailed, match="ZeroDivisionError: a bug") as failed:
        engine.call("complain", {"about": "nothing"})
    assert "in complain" in failed.value.traceback
    assert "in complain" in engine.log()


def test_what_libraries_print_goes_to_the_log(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.call("chatter", {})
    assert "to stdout" in engine.log()
    assert "to stderr" in engine.log()
    assert capfd.readouterr() == ("", "")


def test_running_out_of_memory_is_tried_once_more_and_then_refused(engine: Engine) -> None:
    assert engine.call("exhaust", {"times": 1}).value == {"number": 2}
    with pytest.raises(ToolError, match="memory of cpu is not enough"):
        engine.call("exhaust", {"times": 9})


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_what_says_that_memory_ran_out(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) == is_one


@pytest.mark.parametrize(
    ("enough", "reached"),
    [(0, 0), (ALONE, ALONE), (IN_TILES, IN_TILES), (OFFLOADED, SMALLER), (SMALLER, SMALLER)],
)
def test_a_painter_saves_memory_rung_by_rung_and_tells(
    engine: Engine, enough: int, reached: int
) -> None:
    """Of a machine without a GPU the weights are in its own memory already."""
    heard: list[str] = []
    result = engine.call("gasp", {"enough": enough}, on_progress=lambda p: heard.append(p.note))
    assert result.value == {"number": reached}
    saved = [rung for n, rung in enumerate(THRIFT, 1) if n <= reached and n != OFFLOADED]
    assert list(result.rungs) == saved
    assert heard == [f"memory is short: {rung}" for rung in saved]


def test_a_painter_that_nothing_helps_says_so(engine: Engine) -> None:
    with pytest.raises(ToolError, match="fewer or smaller pictures, or choose a smaller model"):
        engine.call("gasp", {"enough": 99})


def test_the_worker_gets_no_secrets_and_no_way_out(
    strange_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "LANGSMITH_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DANQING_COMPILE", "0")
    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS) as engine:
        given = set(names(engine, "environment"))
    assert not [n for n in given if {"KEY", "TOKEN", "SECRET"} & set(n.split("_"))]
    assert {"HF_HUB_OFFLINE", "DO_NOT_TRACK", "PATH", "DANQING_COMPILE"} <= given


def test_the_terminals_ctrl_c_does_not_reach_the_worker(engine: Engine) -> None:
    pid, session = names(engine, "whoami")
    assert session == pid
    assert int(session) != os.getsid(0)


def test_the_worker_outlives_the_thread_that_started_it(strange_profile: Profile) -> None:
    engine = Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS)
    starter = threading.Thread(target=engine.start)
    starter.start()
    starter.join()
    pid = pid_of(engine)
    time.sleep(0.1)
    assert pid_of(engine) == pid
    started = time.monotonic()
    engine.close()
    assert not is_running(pid)
    assert time.monotonic() - started < process.CANCEL_GRACE, "it had to be killed"


def test_the_worker_ends_with_the_session_however_that_ends(
    strange_profile: Profile, tmp_path: Path
) -> None:
    script = textwrap.dedent(
        f"""
        import sys, threading, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import strange_tools
        from danqing.tools.catalogue import Profile
        from danqing.tools.engine import Engine
        profile = Profile.model_validate_json({strange_profile.model_dump_json()!r})
        engine = Engine(profile, device="cpu", tools=strange_tools.TOOLS)
        print(engine.call("whoami", {{}}).value["names"][0], flush=True)
        engine.call("hang", {{"seconds": 60.0}})
        """
    )
    session = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with session:
        assert session.stdout is not None
        worker = int(session.stdout.readline())
        assert is_running(worker)
        session.kill()
    assert wait_until_gone(worker)


def test_calls_from_several_threads_take_turns(engine: Engine) -> None:
    results: list[int] = []

    def call(number: int) -> None:
        value = engine.call("count", {"to": number}).value
        assert value is not None
        results.append(value["number"])

    threads = [threading.Thread(target=call, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(1, 9))


def test_waiting_for_a_turn_can_be_cancelled_and_timed_out(engine: Engine) -> None:
    stop, started = threading.Event(), threading.Event()

    def occupy() -> None:
        with pytest.raises(Cancelled):
            engine.call("count", {"to": 6000}, on_progress=lambda _: started.set(), cancel=stop)

    other = threading.Thread(target=occupy)
    other.start()
    assert started.wait(10)
    pid = engine.status().pid
    with pytest.raises(ToolError, match="not finished within"):
        engine.call("count", {"to": 1}, timeout=0.1)
    gone = threading.Event()
    gone.set()
    with pytest.raises(Cancelled):
        engine.call("count", {"to": 1}, cancel=gone)
    assert engine.status().state == "busy"
    stop.set()
    other.join()
    assert engine.status().pid == pid


@pytest.fixture(scope="module")
def two_at_once(strange_profile: Profile) -> Iterator[Engine]:
    """A worker that runs calls side by side and paints in batches."""
    with Engine(
        strange_profile, device="cpu", tools=strange_tools.TOOLS, overlap=True, batching=True
    ) as engine:
        yield engine


def at_once(*calls: Callable[[], Result]) -> list[Result | ToolError]:
    """What calls from a thread each come to, begun in their order."""
    done: list[Result | ToolError | None] = [None] * len(calls)

    def make(number: int) -> None:
        try:
            done[number] = calls[number]()
        except ToolError as error:
            done[number] = error

    threads = [threading.Thread(target=make, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(20)
    assert all(end is not None for end in done)
    return [end for end in done if end is not None]


def test_calls_that_use_different_models_run_side_by_side(two_at_once: Engine) -> None:
    ends = at_once(*(partial(two_at_once.call, name, {}) for name in ("meet", "greet")))
    numbers = [end.value["number"] for end in ends if isinstance(end, Result) and end.value]
    assert sorted(numbers) == [0, 1]


@pytest.mark.parametrize(
    ("names", "overlap"), [(("meet", "join"), True), (("meet", "greet"), None)]
)
def test_calls_do_not_share_a_model_and_on_a_cpu_not_the_time(
    two_at_once: Engine, engine: Engine, names: tuple[str, str], overlap: bool | None
) -> None:
    used = two_at_once if overlap else engine
    for end in at_once(*(partial(used.call, name, {}) for name in names)):
        assert isinstance(end, ToolError)
        assert str(end) == "Nobody else came."


def test_a_call_that_runs_out_of_memory_is_tried_again_when_nothing_runs_beside_it(
    two_at_once: Engine,
) -> None:
    ends = at_once(
        partial(two_at_once.call, "linger", {"seconds": 0.5}),
        partial(two_at_once.call, "starve", {}),
    )
    assert [end.value for end in ends if isinstance(end, Result)] == [{"number": 0}] * 2


def test_a_call_that_waits_to_be_alone_is_cancelled_at_once_and_harms_nobody(
    two_at_once: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CANCEL_GRACE", 0.3)
    pid, stop = pid_of(two_at_once), threading.Event()
    cancelled: list[float] = []

    def starve() -> Result:
        begun = time.monotonic()
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(Cancelled):
            two_at_once.call("starve", {}, cancel=stop)
        cancelled.append(time.monotonic() - begun)
        return two_at_once.call("whoami", {})

    linger, after = at_once(partial(two_at_once.call, "linger", {"seconds": 1.0}), starve)
    assert isinstance(linger, Result)
    assert isinstance(after, Result)
    assert cancelled[0] < 0.6
    assert pid_of(two_at_once) == pid


def test_a_device_that_is_not_there_is_told_to_each_call(strange_profile: Profile) -> None:
    with Engine(strange_profile, device="tpu", tools=strange_tools.TOOLS, overlap=True) as engine:
        for _ in range(2):
            with pytest.raises(BadInput, match="'tpu' cannot be used"):
                engine.call("whoami", {})
        assert engine.status().restarts == 0


def test_what_cannot_be_sent_is_refused_and_the_worker_goes_on(
    engine: Engine, photo: Image.Image, tmp_path: Path
) -> None:
    pid = pid_of(engine)
    photo.save(tmp_path / "whole.png")
    (tmp_path / "torn.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-200])
    with Image.open(tmp_path / "torn.png") as torn, pytest.raises(ToolError, match="truncated"):
        engine.call("echo", {}, {"image": torn}, timeout=2)
    with pytest.raises(WorkerFailed, match="not JSON"):
        engine.call("measure", {}, timeout=2)
    assert pid_of(engine) == pid


def test_a_tool_that_the_worker_cannot_find_costs_that_call_alone(
    strange_profile: Profile,
) -> None:
    @tool("captioner")
    def hidden() -> strange_tools.Names:
        """Be where nobody finds it."""
        return strange_tools.Names(names=[])

    tools = (*strange_tools.TOOLS, hidden)
    with Engine(strange_profile, device="cpu", tools=tools, overlap=True) as engine:
        counted, lost = at_once(
            partial(engine.call, "count", {"to": 50}), partial(engine.call, "hidden", {})
        )
        assert isinstance(counted, Result)
        assert isinstance(lost, WorkerFailed)
        assert engine.status().restarts == 0


def test_what_nobody_waits_for_any_more_keeps_others_no_longer_than_a_cancelled_call(
    strange_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CANCEL_GRACE", 0.2)

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS, batching=True) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.call("mutter", {}, on_progress=interrupt)
        assert engine.call("count", {"to": 1}, timeout=5).value == {"number": 1}
        with pytest.raises(ToolError, match="not finished within"):
            engine.call("ponder", {"seeds": [1]}, timeout=0.2)
        assert engine.call("count", {"to": 1}, timeout=5).value == {"number": 1}


def test_a_call_that_has_not_begun_is_made_again_when_the_worker_ends_by_itself(
    strange_profile: Profile,
) -> None:
    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS) as engine:
        pid = pid_of(engine)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
        assert engine.call("count", {"to": 1}).value == {"number": 1}


def test_a_crash_is_not_blamed_on_a_call_that_waits(strange_profile: Profile) -> None:
    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS) as engine:
        engine.call("whoami", {})
        ends = at_once(
            partial(engine.call, "count", {"to": 20}),
            partial(engine.call, "die", {"by": "SIGKILL"}),
            partial(engine.call, "count", {"to": 3}),
        )
        assert [type(end) for end in ends] == [Result, WorkerCrashed, Result]
        assert engine.status().restarts == 1


def test_a_call_that_was_beside_two_crashes_is_tried_alone_and_then_trusted(
    strange_profile: Profile,
) -> None:
    with Engine(strange_profile, device="cpu", tools=strange_tools.TOOLS, overlap=True) as engine:
        engine.call("whoami", {})
        idle = partial(engine.call, "idle", {"seconds": 0.3})
        die = [partial(engine.call, "die", {"by": "SIGKILL", "attempt": n}) for n in (3, 4)]
        ends = at_once(idle, idle, *die)
        assert [type(end) for end in (ends[0], *ends[2:])] == [WorkerCrashed] * 3
        assert idle().value == {"number": 0}
        beside, _ = at_once(idle, partial(engine.call, "die", {"by": "SIGKILL", "attempt": 5}))
        assert isinstance(beside, WorkerCrashed), "it is not held to be alone for ever"
        assert idle().value == {"number": 0}


def test_a_call_killed_for_another_is_made_again(
    strange_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "CANCEL_GRACE", 0.2)
    with Engine(
        strange_profile, device="cpu", tools=strange_tools.TOOLS, overlap=True, batching=True
    ) as engine:
        engine.call("whoami", {})
        late, red = at_once(
            partial(engine.call, "hang", {"seconds": 60.0}, timeout=0.2),
            dyed(engine, "red", [1]),
        )
        assert isinstance(red, Result)
        assert isinstance(late, ToolError)
        assert "hang: not finished within 0.2 s" in str(late)
        assert engine.status().restarts == 1


def dyed(
    engine: Engine, color: str, seeds: list[int], steps: int = 1, **how: Any
) -> Callable[[], Result]:
    return partial(engine.call, "dye", {"color": color, "seeds": seeds, "steps": steps}, **how)


def test_pictures_that_several_wait_for_are_painted_in_one_batch(two_at_once: Engine) -> None:
    first, red, blue, other, more = at_once(
        dyed(two_at_once, "black", [0]), dyed(two_at_once, "red", [1, 2, 3]),
        dyed(two_at_once, "blue", [4, 5, 6]), dyed(two_at_once, "green", [7], steps=2),
        dyed(two_at_once, "white", [8, 9, 10]),
    )  # fmt: skip
    ends = [end for end in (first, red, blue, other, more) if isinstance(end, Result)]
    assert [end.together for end in ends] == [1, 2, 2, 1, 1], "eight pictures, and equal steps"
    for end, color, number in zip(
        ends, ("black", "red", "blue", "green", "white"), (1, 3, 3, 1, 3), strict=True
    ):
        assert len(end.images) == number
        assert {image.tobytes() for image in end.images} == {
            Image.new("RGB", (16, 16), color).tobytes()
        }


def test_in_a_batch_each_call_has_its_own_progress_and_its_own_end(two_at_once: Engine) -> None:
    stop, heard = threading.Event(), list[str]()

    def listen(progress: Progress) -> None:
        heard.append(progress.note)
        stop.set()

    with pytest.raises(Cancelled), ThreadPoolExecutor() as pool:
        black = pool.submit(dyed(two_at_once, "black", [0]))
        time.sleep(0.1)
        red = pool.submit(dyed(two_at_once, "red", [1], cancel=stop))
        blue = pool.submit(dyed(two_at_once, "blue", [2], on_progress=listen))
        assert black.result().together == 1
        assert blue.result().images[0].getpixel((0, 0)) == (0, 0, 255)
        red.result()
    assert heard == ["2 calls"] * 50


def test_in_a_batch_whoever_watches_sees_their_own_picture(two_at_once: Engine) -> None:
    seen: dict[str, list[Any]] = {"red": [], "green": [], "blue": []}

    def watching(color: str, seeds: list[int], *, previews: bool = True) -> Callable[[], Result]:
        def listen(progress: Progress) -> None:
            picture = progress.preview
            seen[color].append(None if picture is None else picture.getpixel((0, 0)))

        return dyed(two_at_once, color, seeds, on_progress=listen, previews=previews)

    ends = at_once(
        dyed(two_at_once, "black", [0]), watching("red", [1, 2]),
        watching("green", [3], previews=False), watching("blue", [4]),
    )  # fmt: skip
    assert [end.together for end in ends if isinstance(end, Result)] == [1, 3, 3, 3]
    assert seen == {"red": [(255, 0, 0)] * 50, "green": [None] * 50, "blue": [(0, 0, 255)] * 50}


def test_what_is_wrong_with_a_call_is_told_to_that_call_alone(two_at_once: Engine) -> None:
    _, red, bad = at_once(
        dyed(two_at_once, "black", [0]), dyed(two_at_once, "red", [1]),
        dyed(two_at_once, "bad", [2]),
    )  # fmt: skip
    assert isinstance(red, Result)
    assert red.images[0].getpixel((0, 0)) == (255, 0, 0)
    assert isinstance(bad, ToolError)
    assert str(bad) == "strange_tools: color = 'bad' is refused."


def test_closing_ends_a_call_that_another_thread_waits_for(engine: Engine) -> None:
    ended: list[BaseException] = []
    started = threading.Event()

    def wait() -> None:
        try:
            engine.call("count", {"to": 6000}, on_progress=lambda _: started.set())
        except Cancelled as error:
            ended.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert started.wait(10)
    engine.close()
    waiting.join(10)
    assert len(ended) == 1


def test_an_unknown_tool_is_refused_with_the_nearest(engine: Engine) -> None:
    with pytest.raises(ToolError, match="no tool 'coutn'; did you mean count"):
        engine.call("coutn", {})


def test_a_missing_model_stops_before_a_worker_is_started(tmp_path: Path) -> None:
    engine = Engine(Profile(name="empty", summary="", models={}))
    without = {"adjust", "blend", "compare", "recolor", "region", "sketch"}
    assert set(engine.available()) == without, "those that need no model"
    with pytest.raises(Stopped, match="has no model for the role 'captioner'"):
        engine.call("caption", {}, {"image": Image.new("L", (16, 16))})
    assert engine.status().state == "stopped"


def test_a_tool_is_offered_without_the_models_it_can_do_without_and_told_which_are_there(
    engine: Engine, strange_profile: Profile
) -> None:
    assert "peek" in engine.available()
    assert names(engine, "peek") == ["upscaler"]
    assert strange_tools.peek in strange_tools.TOOLS
    gone = strange_profile.models["upscaler"].model_copy(update={"source": "/nowhere"})
    without = strange_profile.model_copy(update={"models": {"upscaler": gone}})
    with Engine(without, device="cpu", tools=strange_tools.TOOLS) as other:
        assert set(other.available()) == {"peek"}
        assert names(other, "peek") == []


def test_tools_without_a_model_run_at_once_without_a_worker(photo: Image.Image) -> None:
    engine = Engine(Profile(name="empty", summary="", models={}))
    result = engine.call("adjust", {"flip": "horizontal"}, {"image": photo})
    assert result.images[0].size == photo.size
    assert engine.status().state == "stopped"
    with pytest.raises(ToolError, match="nothing to do"):
        engine.call("adjust", {}, {"image": photo})
