"""What Open WebUI 0.12.4 sends, as it was recorded between it and this server, and what it needs to
find in the answers (its ``routers/images.py`` and ``utils/middleware.py``)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from running import Running, running

TOOLS = [{"type": "function", "function": {
    "name": "get_current_timestamp", "description": "Get the current Unix timestamp in seconds.",
    "parameters": {"properties": {}, "type": "object"},
}}]  # fmt: skip
"""The first of some thirty that come with every message from its page."""
TITLE = """### Task:
Generate a concise title summarizing the chat history.
### Guidelines:
- Keep it short: 2-4 words is best.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: a red house
</chat_history>"""
FILE = (
    '<attached_files>\n<file type="image" id="8c347f1b" url="/api/v1/files/8c347f1b/content" '
    'content_type="image/png" name="house.png"/>\n</attached_files>\n\n'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


def photo() -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((80, 60)).save(coded, "PNG")
    return coded.getvalue()


def said(server: Running, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The deltas of a streamed answer to a conversation, as its page asks for one."""
    asked = {"model": "danqing", "stream": True, "messages": messages, "tools": TOOLS}
    answer = server.http.post("/v1/chat/completions", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    *lines, last = [line for line in answer.text.splitlines() if line]
    assert last == "data: [DONE]"
    return [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]


def words_of(deltas: list[dict[str, Any]]) -> str:
    return "".join(delta.get("content", "") for delta in deltas)


def test_its_list_of_models_has_the_studio(server: Running) -> None:
    assert [model["id"] for model in server.http.get("/v1/models").json()["data"]] == ["danqing"]


def test_a_conversation_on_its_page_goes_on_from_the_picture_before(server: Running) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "a red house"}]
    first = said(server, messages)
    [[image]] = [delta["images"] for delta in first if delta.get("images")]
    assert image["type"] == "image_url"
    assert image["image_url"]["url"].startswith("data:image/png;base64,")  # it keeps that as a file
    messages += [
        {"role": "assistant", "content": words_of(first)},
        {"role": "user", "content": "how many houses are there?"},
    ]
    said(server, messages)
    newest = server.http.get("/api/v1/sessions").json()[0]["session"]
    turns = server.http.get(f"/api/v1/sessions/{newest}").json()["turns"]
    assert [turn["request"] for turn in turns] == ["a red house", "how many houses are there?"]


def test_a_file_that_is_brought_on_its_page_is_the_picture_and_no_words(server: Running) -> None:
    coded = "data:image/png;base64," + base64.b64encode(photo()).decode()
    said(server, [{"role": "user", "content": [
        {"type": "text", "text": FILE}, {"type": "text", "text": "turn it upside down"},
        {"type": "image_url", "image_url": {"url": coded}},
    ]}])  # fmt: skip
    newest = server.http.get("/api/v1/sessions").json()[0]["session"]
    _, turn = server.http.get(f"/api/v1/sessions/{newest}").json()["turns"]
    assert turn["request"] == "turn it upside down"
    assert turn["document"]["brief"]["intent"] == "edit"


def test_titles_and_tags_of_its_chats_are_no_pictures_and_begin_nothing(server: Running) -> None:
    before = server.http.get("/api/v1/sessions?limit=100").json()
    asked = {"model": "danqing", "messages": [{"role": "user", "content": TITLE}], "stream": False}
    answer = server.http.post("/v1/chat/completions", json=asked)
    assert answer.status_code == 400  # then it takes the first words of the chat
    assert "task model" in answer.json()["error"]["message"]
    assert server.http.get("/api/v1/sessions?limit=100").json() == before


def test_its_image_engine_makes_pictures_and_changes_them(server: Running) -> None:
    made = server.http.post(
        "/v1/images/generations?api-version=2024",
        json={
            "model": "danqing", "prompt": "a red house", "n": 1, "size": "512x512",
            "response_format": "b64_json",
        },
    )  # fmt: skip
    [picture] = made.json()["data"]
    assert "url" not in picture  # it would be fetched instead, if there were one
    told = {
        "model": "danqing", "prompt": "turn it upside down", "n": "1", "size": "512x512",
        "background": "transparent", "response_format": "b64_json",
    }  # fmt: skip
    for name in ("image", "image[]"):
        lines: list[bytes] = []
        for field, value in told.items():
            lines += [
                b"--13e2e4", b"Content-Type: text/plain; charset=utf-8",
                f'Content-Disposition: form-data; name="{field}"'.encode(), b"", value.encode(),
            ]  # fmt: skip
        lines += [
            b"--13e2e4", b"Content-Type: image/png",
            f'Content-Disposition: form-data; name="{name}"; filename="e48f96ff.png"'.encode(),
            b"", base64.b64decode(picture["b64_json"]), b"--13e2e4--", b"",
        ]  # fmt: skip
        answer = server.http.post(
            "/v1/images/edits", content=b"\r\n".join(lines),
            headers={"Content-Type": "multipart/form-data; boundary=13e2e4"},
        )  # fmt: skip
        [changed] = answer.json()["data"]
        turned = Image.open(BytesIO(base64.b64decode(changed["b64_json"])))
        assert turned.size == (512, 512)
        assert changed["danqing"]["brief"]["intent"] == "edit"
