"""A server of an encrypted home: it serves as ever, and leaves no word in any file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from running import running

from danqing.agent import converting, vault
from danqing.agent.home import Home
from danqing.agent.vault import Secret

SECRET = "the secret river"


def test_it_serves_as_ever_and_leaves_no_word_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    converting.encrypt(Home.open(home), Secret.key_file(key))
    monkeypatch.setenv(vault.KEY_FILE, str(key))

    def held() -> list[str]:
        files = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}
        return [
            name
            for name, data in files.items()
            if SECRET.encode() in data or b"\x89PNG\r\n" in data
        ]

    with running(home) as server:
        turn = server.ask(f"a red house by {SECRET}", seed=7)
        assert server.events(turn["turn"])[-1][1] == "done"
        at = f"/api/v1/sessions/{turn['session']}"
        state = server.http.get(at).json()
        assert SECRET in state["turns"][0]["request"]
        picture = server.http.get(f"{at}/pictures/{state['head']}?metadata=true")
        assert SECRET in Image.open(BytesIO(picture.content)).info["danqing"]
        coded = BytesIO()
        Image.linear_gradient("L").convert("RGB").resize((80, 60)).save(coded, "PNG")
        uploaded = server.http.post(f"{at}/pictures", content=coded.getvalue()).json()
        kept = server.http.get(f"{at}/pictures/{uploaded['head']}")
        assert Image.open(BytesIO(kept.content)).size == (80, 60)
        again = server.ask(f"a red house by {SECRET}", server.session(), seed=7)
        server.events(again["turn"])
        assert held() == []
        assert server.http.delete(at).status_code == 204
        left = server.http.get(f"/api/v1/sessions/{again['session']}").json()
        copy = server.http.get(f"/api/v1/sessions/{again['session']}/pictures/{left['head']}")
        assert Image.open(BytesIO(copy.content)).size == Image.open(BytesIO(picture.content)).size
        assert server.desk.studio.ledger.check() == []
    assert held() == []
    with running(home) as server:
        state = server.http.get(f"/api/v1/sessions/{again['session']}").json()
        assert SECRET in state["turns"][0]["request"]
