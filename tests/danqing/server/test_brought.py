"""What a conversation is brought beside requests: masks, recipes, words about itself."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from running import Running, running

RECIPE = """\
version: 1
name: darker, twice
inputs:
  photo: {type: image}
  how: {type: number, default: 0.5}
steps:
  - id: first
    uses: adjust
    with: {image: ${{ inputs.photo }}, brightness: ${{ inputs.how }}}
  - id: second
    uses: adjust
    with: {image: ${{ steps.first.image }}, brightness: 0.5}
    check: [a red house]
outputs:
  half: ${{ steps.first.image }}
  dark: ${{ steps.second.image }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        server.engine.side = 64
        yield server


def drawn(server: Running, session: str, request: str, **more: Any) -> dict[str, Any]:
    """The turn of a request, once it has ended."""
    turn = server.ask(request, session, **more)["turn"]
    return dict(server.events(turn)[-1][2]["turn"])


def started(server: Running) -> tuple[str, str]:
    """A session, and the handle of its first picture."""
    session = server.session()
    first = drawn(server, session, "a red house", size=[64, 64])
    return session, first["picture"]["handle"]


def coded(image: Image.Image) -> bytes:
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def corner(size: tuple[int, int] = (64, 64)) -> Image.Image:
    """A mask of the left upper quarter."""
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1] // 2))
    return mask


def shown(server: Running, session: str, handle: str) -> Image.Image:
    data = server.http.get(f"/api/v1/sessions/{session}/pictures/{handle}").content
    return Image.open(BytesIO(data)).convert("RGB")


# -- masks


def test_only_what_is_masked_changes(server: Running) -> None:
    session, first = started(server)
    path = f"/api/v1/sessions/{session}"
    told = server.http.post(f"{path}/masks", content=coded(corner()))
    assert told.status_code == 201
    state = server.http.get(path).json()
    assert state["head"] == first, "a mask is not one of the pictures"
    assert [turn["request"] for turn in state["turns"]] == ["a red house"]
    after = drawn(server, session, "make it darker", mask=told.json()["mask"])["picture"]["handle"]
    box = ImageChops.difference(shown(server, session, first), shown(server, session, after))
    assert box.getbbox() == (0, 0, 32, 32)


def test_a_mask_is_the_sessions_own_and_fits_its_picture(server: Running) -> None:
    session, _ = started(server)
    path = f"/api/v1/sessions/{session}"
    large = server.http.post(f"{path}/masks", content=coded(corner((80, 64)))).json()["mask"]
    for mask, status, why in (
        (large, 400, "80x64"), ("img-99999", 404, "img-99999"), ("../mask", 422, "mask"),
    ):  # fmt: skip
        told = server.http.post(f"{path}/turns", json={"request": "remove this", "mask": mask})
        assert (told.status_code, why in told.text) == (status, True), told.text
    other, _ = started(server)
    told = server.http.post(
        f"/api/v1/sessions/{other}/turns", json={"request": "remove this", "mask": large}
    )
    assert told.status_code == 404
    empty = server.session()
    nothing = server.http.post(f"/api/v1/sessions/{empty}/masks", content=coded(corner()))
    told = server.http.post(
        f"/api/v1/sessions/{empty}/turns",
        json={"request": "remove this", "mask": nothing.json()["mask"]},
    )
    assert told.status_code == 400
    for data, why in ((coded(Image.new("L", (64, 64))), "black"), (b"GIF89a", "PNG")):
        told = server.http.post(f"{path}/masks", content=data)
        assert (told.status_code, why in told.text) == (400, True)


# -- recipes


def test_a_recipe_is_run_as_a_turn_on_the_picture_that_is_shown(server: Running) -> None:
    session, first = started(server)
    path = f"/api/v1/sessions/{session}"
    told = server.http.post(f"{path}/recipe", content=RECIPE.encode())
    assert told.status_code == 202, told.text
    assert told.json()["request"] == "darker, twice"
    heard = server.events(told.json()["turn"])
    notes = [data["note"] for _, name, data in heard if name == "phase"]
    assert notes[:2] == ["first: adjust", "second: adjust"]
    ended = heard[-1][2]["turn"]
    assert ended["satisfied"]
    assert [claim["subject"] for claim in ended["brief"]["claims"]] == ["house", "house"]
    state = server.http.get(path).json()
    half, dark = (node["handle"] for node in state["pictures"][1:])
    assert ended["reply"] == f"half: {half}\ndark: {dark}"
    whole, *rest = (shown(server, session, handle) for handle in (first, half, dark))
    blues = [image.getpixel((0, 0))[2] for image in (whole, *rest)]  # type: ignore[index]
    assert blues == [128, 64, 32]
    again = server.http.post(f"{path}/recipe?input=how=1.5&input=photo={first}",
                             content=RECIPE.encode())  # fmt: skip
    other = server.events(again.json()["turn"])[-1][2]["turn"]["picture"]["handle"]
    assert shown(server, session, other).getpixel((0, 0))[2] == 192  # type: ignore[index]
    broken = server.http.post(f"{path}/recipe?input=how=1.0", content=RECIPE.encode()).json()
    _, how, data = server.events(broken["turn"])[-1]
    assert (how, "recipe:7: the step 'first'" in data["error"]) == ("failed", True)


def test_what_a_session_exports_is_taken_in_again(server: Running) -> None:
    session, first = started(server)
    mask = server.http.post(f"/api/v1/sessions/{session}/masks", content=coded(corner()))
    drawn(server, session, "make it darker", mask=mask.json()["mask"])
    path = f"/api/v1/sessions/{session}"
    text = server.http.get(f"{path}/recipe").text
    head = server.http.get(path).json()["head"]
    assert f'  mask: {{type: image, description: "{mask.json()["mask"]},' in text
    told = server.http.post(f"{path}/recipe", content=text)
    assert told.status_code == 202, (told.text, text)
    ended = server.events(told.json()["turn"])[-1][2]["turn"]
    assert {ended["picture"]["handle"], *re.findall(r"img-\d+", ended["reply"])} == {first, head}


def test_what_is_wrong_with_a_recipe_is_said_by_line_and_value(
    server: Running, tmp_path: Path
) -> None:
    session, _ = started(server)
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    path = f"/api/v1/sessions/{session}/recipe"
    for recipe, query, why in (
        (RECIPE.replace("brightness: 0.5}\n    check", "brightness: -1}\n    check"), "",
         "recipe:12:"),
        (RECIPE.replace("uses: adjust", "uses: shell", 1), "", "'shell'"),
        (RECIPE, "?input=photo=img-99999", "img-99999"),
        (RECIPE, f"?input=photo={tmp_path / 'secret.png'}", "secret.png"),
        (RECIPE, "?input=how", "'how'"),
        ("inputs: {1: {type: image}}", "", "recipe:1:"), ("a: [", "", "recipe:1:"),
        ("\xff".encode("latin-1"), "", "UTF-8"),
        (b"#" * 200_000, "", "128 KiB"),
    ):  # fmt: skip
        told = server.http.post(path + query, content=recipe)
        assert (told.status_code, why in told.json()["error"]["message"]) == (400, True), told.text
    beside = RECIPE.replace("{type: image}", f"{{type: image, default: {tmp_path}/secret.png}}")
    empty = server.session()
    told = server.http.post(f"/api/v1/sessions/{empty}/recipe", content=beside)
    assert told.status_code == 400, "no file of this machine is read"
    assert "recipe:4:" in told.json()["error"]["message"]


def test_a_recipe_that_was_cut_short_goes_on_when_the_server_is_back(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def hold(tool: str) -> None:
        if tool == "adjust":
            entered.set()
            go.wait(5)

    with running(tmp_path / "home") as server:
        session, _ = started(server)
        server.engine.before = hold
        turn = server.http.post(
            f"/api/v1/sessions/{session}/recipe", content=RECIPE.encode()
        ).json()["turn"]
        assert entered.wait(5)
        threading.Timer(0.2, go.set).start()
    with running(tmp_path / "home") as server:
        assert [name for _, name, _ in server.events(turn)][-1] == "done"
        steps = server.desk.studio.ledger.turn(turn).steps
        assert sum(step.outcome == "done" and step.tool == "adjust" for step in steps) == 2


def test_a_recipe_is_cancelled_as_any_turn(server: Running) -> None:
    session, _ = started(server)
    server.engine.before = lambda tool: time.sleep(0.3)
    try:
        turn = server.http.post(
            f"/api/v1/sessions/{session}/recipe?input=how=0.7", content=RECIPE.encode()
        ).json()["turn"]
        server.http.post(f"/api/v1/turns/{turn}/cancel")
        assert server.events(turn)[-1][1] == "cancelled"
    finally:
        server.engine.before = lambda tool: None


# -- words about the conversation


def test_undo_and_the_like_are_done_and_requests_are_left(server: Running) -> None:
    session, first = started(server)
    second = drawn(server, session, "make it darker")["picture"]["handle"]

    def acted(words: str) -> dict[str, Any]:
        told = server.http.post(f"/api/v1/sessions/{session}/acts", json={"words": words})
        assert told.status_code == 200, told.text
        return dict(told.json())

    for words, head in (("undo", first), ("重做", second), ("撤销", first), ("redo", second)):
        told = acted(words)
        assert told["said"]
        assert (told["state"]["head"], told["pictures"]) == (head, [head]), words
    for words in ("a green tree", "again", "draw it once more"):
        assert acted(words)["said"] is None
    turns = server.http.get(f"/api/v1/sessions/{session}").json()["turns"]
    assert len(turns) == 2, "nothing was drawn"
    acted("undo two steps")
    told = server.http.post(f"/api/v1/sessions/{session}/acts", json={"words": "undo"})
    assert (told.status_code, "nothing to undo" in told.text) == (400, True)
