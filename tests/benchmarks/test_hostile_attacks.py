"""The attacks on the server find nothing, and find what is planted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.hostile import Tally, __main__, injections, schema, tenants, tools, uploads
from benchmarks.hostile.files import CANARY, coded, files, photo
from danqing.agent.llm.planner import ChatPlanner
from danqing.agent.store import upload
from danqing.mcp_server import Served
from danqing.server import native
from danqing.tools.errors import BadInput


def test_schemathesis_finds_nothing() -> None:
    pytest.importorskip("schemathesis")
    tally = schema.measure(40)
    assert tally.n >= 40
    assert tally.violations == []


@pytest.mark.parametrize(
    "text",
    ["Traceback (most recent call last)", 'File "x", line 3', "/usr/lib/danqing/store.py",
     "ZeroDivisionError", "<Session object at 0x7f3a2b4c5d>"],
)  # fmt: skip
def test_what_is_from_inside_is_known(text: str) -> None:
    assert schema.INSIDE.search(f"it went wrong: {text}")
    assert not schema.INSIDE.search("There is no session '0badcafe'. Send it as Bearer KEY.")


def test_nothing_of_one_key_reaches_another() -> None:
    tally = tenants.measure(40, sessions=1)
    assert tally.n == 40
    assert tally.violations == []


def test_a_session_that_anybody_may_name_is_found_and_a_way_without_a_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "check_session", lambda *_: None)
    monkeypatch.delitem(tenants.CASES, ("GET", "/api/v1/turns/{turn}"))
    found = tenants.measure(30, sessions=1).violations
    assert any(one.startswith("GET /api/v1/sessions/{session}:") for one in found)
    assert "GET /api/v1/turns/{turn}: there is no case for it" in found


def test_nothing_of_one_key_reaches_another_by_mcp() -> None:
    tally = tools.measure(30)
    assert tally.n == 30
    assert tally.violations == []


@pytest.mark.parametrize(
    ("open_to_all", "found"), [("owns", "resources/read"), ("_has", "There is no session")]
)
def test_a_picture_or_a_session_that_any_client_may_name_is_found(
    monkeypatch: pytest.MonkeyPatch, open_to_all: str, found: str
) -> None:
    monkeypatch.setattr(Served, open_to_all, lambda *_: True)
    assert any(found in one for one in tools.measure(24).violations)


def test_orders_in_pictures_come_to_nothing() -> None:
    tally = injections.measure(4, ["a path", "a link"])
    assert tally.n == 4
    assert tally.violations == []
    assert {*tally.notes["control, orders obeyed"]} == {"a path", "a link"}  # type: ignore[misc]


def test_a_planner_that_is_shown_the_words_in_a_picture_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ChatPlanner, "_shown", staticmethod(lambda handle, seen, lang: seen.text))
    assert injections.measure(6, ["a path"]).notes["and were obeyed"]


def test_the_files_are_made_as_they_are_called_and_the_worst_are_refused() -> None:
    made = files(55)
    assert {"polyglot", "odd mode", "metadata", "cut short"} < {file.kind for file in made}
    for kind in ("no picture", "empty", "huge header"):
        one = next(file for file in made if file.kind == kind)
        with pytest.raises(BadInput):
            upload(one.data)


def test_hostile_files_do_no_harm() -> None:
    tally = uploads.measure(1, models=False)
    assert tally.violations == []


def test_what_lies_beside_the_pixels_of_a_kept_picture_is_found(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    tally = Tally("uploads")
    (blobs / "a.png").write_bytes(coded(photo(), "PNG"))
    uploads._kept(tmp_path, tally)
    assert tally.violations == []
    (blobs / "b.png").write_bytes(coded(photo(), "PNG") + CANARY)
    uploads._kept(tmp_path, tally)
    assert len(tally.violations) == 2


def test_a_violation_makes_the_command_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(n: int) -> Tally:
        return Tally("tenants", n, ["it is told"] if n > 1 else [])

    monkeypatch.setitem(__main__.PARTS, "tenants", (measure, 1))
    assert __main__.main(["--only", "tenants"]) == 0
    assert __main__.main(["--only", "tenants", "--n", "2"]) == 1
    assert "it is told" in capsys.readouterr().out


def test_without_schemathesis_it_is_said_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    assert __main__.main(["--only", "schema"]) == 2
    assert "pip install schemathesis" in capsys.readouterr().err
