"""The routes that OpenAI's own clients speak to."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from PIL import Image, ImageChops
from running import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
        yield client


def photo() -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((80, 60)).save(coded, "PNG")
    return coded.getvalue()


def decoded(text: str | None) -> Image.Image:
    assert text is not None
    image = Image.open(BytesIO(base64.b64decode(text)))
    image.load()
    return image


def test_the_studio_is_the_one_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["danqing"]


def test_pictures_are_made_and_come_in_base64_or_by_a_link(client: openai.OpenAI) -> None:
    made = client.images.generate(
        model="danqing",
        prompt="a red house",
        n=2,
        size="128x64",
        extra_body={"seed": 3},  # type: ignore[call-overload]
    )
    pictures = [decoded(one.b64_json) for one in made.data]
    assert [picture.size for picture in pictures] == [(128, 64)] * 2
    assert pictures[0].tobytes() != pictures[1].tobytes()
    turn = made.data[0].model_extra["danqing"]
    assert turn["satisfied"]
    assert turn["picture"]["seed"] == 3
    [one] = (
        client.images.generate(model="danqing", prompt="a red house", response_format="url").data
        or []
    )
    assert one.url is not None
    free = httpx.get(one.url)
    assert free.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(free.content)).size == (512, 512)
    wrong = httpx.get(one.url[:-1] + ("0" if one.url[-1] != "0" else "1"))
    assert wrong.status_code == 404
    jpeg = client.images.generate(
        model="danqing",
        prompt="a red house",
        output_format="jpeg",
        size="64x64",  # type: ignore[call-overload]
    )
    assert decoded(jpeg.data[0].b64_json).format == "JPEG"


def test_a_stream_shows_what_is_drawn_and_last_the_picture(client: openai.OpenAI) -> None:
    told = client.images.generate(
        model="danqing",
        prompt="a red house",
        stream=True,
        partial_images=2,
        size="64x64",  # type: ignore[call-overload]
    )
    events: list[Any] = list(told)
    assert [event.type for event in events] == [
        "image_generation.partial_image", "image_generation.completed",
    ]  # fmt: skip
    assert events[0].partial_image_index == 0
    assert decoded(events[0].b64_json).format == "JPEG"
    assert decoded(events[1].b64_json).size == (64, 64)


@pytest.mark.parametrize("several", [False, True])
def test_a_picture_of_ones_own_is_changed(client: openai.OpenAI, several: bool) -> None:
    given: Any = ("photo.png", photo(), "image/png")
    made = client.images.edit(
        model="danqing", image=[given] if several else given, prompt="turn it upside down"
    )
    [one] = made.data or []
    assert one.model_extra is not None
    brief = one.model_extra["danqing"]["brief"]
    assert brief["intent"] == "edit"
    assert brief["target"]
    assert decoded(one.b64_json).size


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"prompt": "a red house", "size": "12"}, "size = '12' is refused"),
        ({"prompt": "a red house", "size": "9999x9999"}, "64 to 2048"),
        ({"prompt": "a red house", "n": 11}, "n:"),
        ({"prompt": "hello"}, "picture"),
    ],
)
def test_what_cannot_be_made_is_told(client: openai.OpenAI, asked: Any, said: str) -> None:
    with pytest.raises(openai.APIStatusError, match=said) as refused:
        client.images.generate(model="danqing", **asked)
    assert refused.value.status_code in (400, 422)


def test_only_what_is_transparent_in_a_mask_changes(client: openai.OpenAI) -> None:
    given: Any = ("photo.png", photo(), "image/png")
    left = Image.new("RGBA", (80, 60), "white")
    left.paste((0, 0, 0, 0), (0, 0, 40, 60))
    [one] = client.images.edit(image=given, mask=masked(left), prompt="make it darker").data or []
    apart = ImageChops.difference(decoded(one.b64_json), Image.open(BytesIO(photo())))
    box = apart.getbbox()
    assert box is not None
    assert 0 == box[0] < box[2] == 40
    for mask, why in (
        (left.resize((40, 30)), "40x30"),
        (Image.new("RGBA", (80, 60), "black"), "black"),
    ):
        with pytest.raises(openai.BadRequestError, match=why):
            client.images.edit(image=given, mask=masked(mask), prompt="make it darker")


def masked(image: Image.Image) -> Any:
    coded = BytesIO()
    image.save(coded, "PNG")
    return "mask.png", coded.getvalue(), "image/png"


def test_one_image_is_changed_at_a_time(client: openai.OpenAI) -> None:
    picture: Any = ("photo.png", photo(), "image/png")
    with pytest.raises(openai.BadRequestError, match="one can be changed at a time"):
        client.images.edit(image=[picture, picture], prompt="a red house")


def test_a_conversation_goes_on_from_the_picture_it_made(
    client: openai.OpenAI, server: Running
) -> None:
    messages: list[Any] = [{"role": "user", "content": "a red house"}]
    first = client.chat.completions.create(model="danqing", messages=messages)
    answer: Any = first.choices[0].message
    assert first.choices[0].finish_reason == "stop"
    assert "The picture meets all 2 claims" in answer.content
    assert server.url in answer.content
    [image] = answer.images
    coded = image["image_url"]["url"].removeprefix("data:image/png;base64,")
    assert decoded(coded).size == (512, 512)
    messages += [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": "how many houses are there?"},
    ]
    second: Any = client.chat.completions.create(model="danqing", messages=messages)
    handle = first.model_extra["danqing"]["picture"]["handle"]  # type: ignore[index]
    assert second.danqing["brief"]["target"] == handle
    assert second.danqing["session"] == first.model_extra["danqing"]["session"]  # type: ignore[index]
    forged = answer.content.replace("sig=", "sig=0")[:-1] + ")"
    messages[1]["content"] = forged
    other: Any = client.chat.completions.create(model="danqing", messages=messages)
    assert other.danqing["session"] != second.danqing["session"]


def test_an_answer_comes_in_pieces_and_with_a_picture(client: openai.OpenAI) -> None:
    content: Any = [
        {"type": "text", "text": "turn it upside down"},
        {"type": "image_url", "image_url": {
            "url": "data:image/png;base64," + base64.b64encode(photo()).decode()
        }},
    ]  # fmt: skip
    pieces = list(client.chat.completions.create(
        model="danqing", messages=[{"role": "user", "content": content}], stream=True
    ))  # fmt: skip
    deltas: list[Any] = [piece.choices[0].delta for piece in pieces]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas)
    [images] = [delta.images for delta in deltas if "images" in (delta.model_extra or {})]
    assert images[0]["type"] == "image_url"
    assert pieces[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "system", "content": "be kind"}], "no message of a user"),
        ([{"role": "user", "content": [{"type": "audio"}]}], "'audio' cannot be read"),
        ([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}
        ]}], "by no other address"),
        ([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}
        ]}], "not well-formed base64"),
        ([{"role": "user", "content": " "}], "."),
    ],
)  # fmt: skip
def test_messages_that_cannot_be_read_are_refused(
    client: openai.OpenAI, messages: Any, said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        client.chat.completions.create(model="danqing", messages=messages)


def test_langchain_talks_to_it_as_to_any_model(server: Running) -> None:
    with httpx.Client() as http:
        model = ChatOpenAI(
            model="danqing", base_url=f"{server.url}/v1", api_key=server.key,  # type: ignore[arg-type]
            http_client=http,
        )  # fmt: skip
        answer = model.invoke("a red house")
        assert "![img-" in str(answer.content)
        told = [*model.stream([HumanMessage("a red house")])]
        assert "![img-" in "".join(str(piece.content) for piece in told)


def test_whoever_hangs_up_ends_the_turn(server: Running) -> None:
    slow = server.engine.before
    try:
        import threading

        go_on = threading.Event()
        server.engine.before = lambda tool: go_on.wait(10)  # type: ignore[assignment, return-value]
        asked = {"messages": [{"role": "user", "content": "a red house"}], "stream": True}
        with server.http.stream("POST", "/v1/chat/completions", json=asked) as stream:
            first = next(stream.iter_lines())
            turn = int(first.partition("turn-")[2].partition('"')[0])
        for _ in range(200):
            if server.desk.job(turn).cancel.wait(0.05):
                break
        go_on.set()
        assert server.events(turn)[-1][1] == "cancelled"
    finally:
        server.engine.before = slow
