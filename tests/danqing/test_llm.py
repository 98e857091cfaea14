"""Who plans, from the command line and in the chat; the language model is the test's own server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commandline import call
from provider import Say, provider
from scripted_engine import SCENE, ScriptedEngine

from danqing.agent.home import Home
from danqing.agent.studio import Options, Studio
from danqing.chat.conversation import Conversation
from danqing.chat.screen import Screen
from danqing.door import Door
from danqing.tools.errors import BadInput

UNDERSTOOD = {"intent": "make", "claims": [{"kind": "object", "subject": "house"}]}


def answer(request: dict[str, Any]) -> Say:
    names = [tool["function"]["name"] for tool in request.get("tools", ())]
    if "understand" in names:
        return Say(calls=[("understand", json.dumps(UNDERSTOOD))])
    return Say(calls=[("draw", "{}")]) if "draw" in names else Say(calls=[("stop", "{}")])


@pytest.mark.usefixtures("toys")
def test_a_request_is_drawn_with_a_language_model(tmp_path: Path) -> None:
    out = tmp_path / "house.png"
    with provider(answer) as server:
        done = call(
            "draw", "a house, you know, one of those", "--llm", f"{server.url}#tiny", "--json",
            "--size", "64", "--seed", "1", "-o", str(out),
        )  # fmt: skip
        calls = len(server.requests)
    turn = json.loads(done.stdout)
    assert turn["planner"]["name"] == "tiny" and turn["planner"].get("gave_up") is None
    assert [claim["kind"] for claim in turn["brief"]["claims"]] == ["object"]
    assert calls >= 2 and out.exists()


@pytest.mark.usefixtures("home")
def test_a_request_is_understood_by_a_language_model() -> None:
    with provider(answer) as server:
        told = call("understand", "anything", "--llm", f"{server.url}#tiny", "--json")
        assert [c["subject"] for c in json.loads(told.stdout)["claims"]] == ["house"]
    with provider(Say(status=401, message="who are you?")) as server:
        done = call("understand", "anything", "--llm", f"{server.url}#tiny")
    assert done.exit_code == 1
    assert "tiny did not understand it: it answered 401: " in done.stderr


@pytest.mark.usefixtures("home")
def test_the_environment_may_name_who_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    with provider(answer) as server:
        monkeypatch.setenv("DANQING_LLM", f"{server.url}#tiny")
        assert json.loads(call("understand", "anything", "--json").stdout)["claims"]
        assert call("understand", "a red house", "--llm", "builtin", "--json").exit_code == 0
        assert len(server.requests) == 1


@pytest.mark.usefixtures("home")
def test_the_doctor_says_what_is_sent_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)

    def planner(*arguments: str) -> str:
        said = call("doctor", *arguments).stdout
        assert "sk-secret" not in said
        return " ".join(said[said.index("planner") :].split()[:20])

    assert planner().startswith("planner builtin. Nothing leaves this machine.")
    words = planner("--llm", "openai:gpt-5")
    assert "Requests, claims and verdicts go to openai; pictures do not." in words
    assert "verdicts and pictures go to openai." in planner("--llm", "openai:gpt-5", "--llm-sees")
    assert "There is no planner 'gpt-5'" in planner("--llm", "gpt-5")


def test_who_plans_is_changed_in_the_chat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    door = Door()
    with provider(answer) as server, Studio(Home.open(tmp_path / "home")) as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a house.")
        options = Options(seed=1, size=(64, 64))
        chat = Conversation(door, studio, options, Screen(door, interactive=False))
        chat.take("/llm")
        assert "builtin plans now. Nothing leaves this machine." in capsys.readouterr().out
        chat.take(f"/llm {server.url}#tiny")
        assert "pictures do not" in capsys.readouterr().out
        chat.take("one of those houses, please")
        assert len(server.requests) == 2
        chat.take(f"/llm {server.url}#tiny sees")
        assert "verdicts and pictures go to" in capsys.readouterr().out
        assert chat.session.options.llm_sees
        for wrong in ("/llm nobody", "/llm builtin looks"):
            with pytest.raises(BadInput):
                chat.take(wrong)
        chat.take("/llm builtin")
        assert not chat.session.options.llm_sees and chat.session.options.llm == "builtin"
