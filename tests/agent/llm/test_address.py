"""What ``--llm`` may say, what it needs, and what of it is never shown or sent elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from provider import Say, provider

from danqing.agent.llm import address as module
from danqing.agent.llm.address import Address, connect, price
from danqing.tools.errors import BadInput


def test_the_forms_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert Address.parse("builtin") == Address("builtin", "builtin")
    assert Address.parse("openai:gpt-5") == Address("openai", "gpt-5")
    own = Address.parse("sketchbook")
    assert own.name == "sketchbook" and own.local and own.sends_to is None
    url = Address.parse("http://127.0.0.1:8000/v1#Qwen/Qwen3.5-4B")
    assert url == Address("url", "Qwen/Qwen3.5-4B", "http://127.0.0.1:8000/v1")
    assert Address.parse("mistralai:large").kind == "mistralai"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no planner"),
        ("gpt-5", "There is no planner 'gpt-5'"),
        ("openai:", "There is no planner"),
        ("OpenAI:gpt-5", "There is no planner"),
        ("http://127.0.0.1:8000/v1", "does not tell which model"),
        ("http://#m", "does not tell which model"),
        ("http://[::1/v1#m", "Cannot read the address"),
        ("http://host:99999/v1#m", "Cannot read the address"),
        ("http://me:sk-secret@host/v1#m", "must not hold a key"),
        ("http://host/v1?key=sk-secret#m", "must not hold a key"),
    ],
)
def test_others_are_refused_and_no_key_is_repeated(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        Address.parse(text)
    assert "sk-secret" not in str(error.value)


def test_a_model_on_this_machine_is_a_folder_or_was_downloaded_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "glm-4"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "glm4"}')
    assert Address.parse(f"hf:{folder}") == Address("hf", "glm-4", str(folder))
    monkeypatch.chdir(tmp_path)
    assert Address.parse("hf:./glm-4").model == "glm-4"
    monkeypatch.chdir(folder)
    assert Address.parse("hf:.").name == "hf:glm-4"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"no language model in .*nowhere"):
        Address.parse("hf:./nowhere")
    with pytest.raises(BadInput, match="'zai-org/GLM-4-9B-0414' is not on this machine"):
        Address.parse("hf:zai-org/GLM-4-9B-0414")
    (folder / "config.json").write_text('{"model_type": "chatglm"}')
    with pytest.raises(BadInput, match="GLM-4-9B-0414"):
        Address.parse(f"hf:{folder}")


def test_a_model_of_a_hub_is_called_as_the_hub_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not as its folder, which is called by a commit."""
    snapshot = tmp_path / "models--zai-org--glm" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "glm4"}')
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(snapshot))
    address = Address.parse("hf:zai-org/glm")
    assert (address.name, address.where) == ("hf:zai-org/glm", str(snapshot))


def test_an_address_is_read_without_looking_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what was said by one that is gone can be found by its name."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    for text, name in (
        ("openai:gpt-5", "openai:gpt-5"), ("hf:/nowhere/glm-4", "hf:glm-4"),
        ("http://127.0.0.1:1/v1#m", "m"), ("builtin", "builtin"), ("sketchbook", "sketchbook"),
    ):  # fmt: skip
        assert Address.read(text).name == name


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadInput, match="OPENAI_API_KEY"):
        Address.parse("openai:gpt-5")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"danqing\[anthropic\]"):
        Address.parse("anthropic:claude")
    with pytest.raises(BadInput, match=r"danqing\[openai\]"):
        Address.parse("http://127.0.0.1:1/v1#m")


def test_who_is_sent_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    for name in ("OPENAI_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert Address.parse("builtin").sends_to is None
    assert Address("hf", "glm-4", "folder").sends_to is None
    assert Address.parse("openai:gpt-5").sends_to == "openai"
    assert Address.parse("http://10.0.0.2:8000/v1#m").sends_to == "10.0.0.2:8000"
    assert Address("ollama", "qwen").sends_to == "this machine"
    monkeypatch.setenv("OLLAMA_HOST", "http://elsewhere:11434")
    assert Address("ollama", "qwen").sends_to == "http://elsewhere:11434"
    assert Address.parse("openai:gpt-5").sends_to == "openai"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy/v1")
    assert Address.parse("openai:gpt-5").sends_to == "http://proxy/v1"


def test_no_password_of_a_server_and_no_key_of_anybody_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter22@elsewhere:11434")
    assert Address("ollama", "qwen").sends_to == "http://elsewhere:11434"
    monkeypatch.setenv("MISTRAL_API_KEY", "mistral-secret\n")
    told = Address("mistralai", "large").clean("401:\n bad key mistral-secret")
    assert told == "401: bad key …"


def test_a_server_by_its_url_gets_no_key_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.delenv(module.URL_KEY, raising=False)
    with provider(Say(text="hi")) as server:
        where = f"{server.url}#tiny"
        list(connect(Address.parse(where)).stream("hello"))
        monkeypatch.setenv(module.URL_KEY, "own")
        list(connect(Address.parse(where)).stream("hello"))
    assert server.keys == ["Bearer none", "Bearer own"]
    assert [r["model"] for r in server.requests] == ["tiny", "tiny"]


def test_a_provider_that_nobody_knows_is_refused_when_it_is_connected() -> None:
    with pytest.raises(BadInput, match="nosuch:model cannot be used"):
        connect(Address.parse("nosuch:model"))


def test_a_provider_that_refuses_in_its_own_way_is_refused_in_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [n for n in os.environ if n.startswith(("AZURE_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    with pytest.raises(BadInput, match="azure_openai:gpt cannot be used: Missing credentials"):
        connect(Address.parse("azure_openai:gpt"))


@pytest.mark.parametrize(("told", "found"), [("0.25/2", (0.25e-6, 2e-6)), (None, (0.0, 0.0))])
def test_the_price_of_a_token(
    told: str | None, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(module.PRICE, raising=False)
    if told is not None:
        monkeypatch.setenv(module.PRICE, told)
    assert price() == found


@pytest.mark.parametrize("told", ["2", "a/b", "1/2/3", "nan/1", "1/-2", "1/inf", "1e999/1"])
def test_a_price_that_cannot_be_read(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.PRICE, told)
    with pytest.raises(BadInput, match=told):
        price()
