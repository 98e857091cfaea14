"""Hostile files through every door that takes pictures, with the shipped models behind it."""

from __future__ import annotations

import base64
import socket
import struct
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ..server import new_keys
from . import Tally
from .files import CANARY, MUST_NOT_PASS, File, coded, files, photo
from .served import Process, apart, client

LATEST = 10.0
"""Seconds that an answer may take; where the machine is so busy that a good picture takes longer by
the same door, twice as long as that."""
GOOD = 10
"""After so many hostile files there is a good one."""
GROWTH = 160.0
"""MiB that the server may hold more at the end than before the first file: 64 of them are pictures
that it keeps to have at once (`danqing.agent.store.RECENT`)."""
WORDS = "turn it upside down"

Door = Callable[[httpx.Client, File], httpx.Response]


def by_api(http: httpx.Client, file: File) -> httpx.Response:
    """The studio's own way."""
    session = http.post("/api/v1/sessions").json()["session"]
    return http.post(
        f"/api/v1/sessions/{session}/pictures", content=file.data,
        headers={"Content-Type": file.type},
    )  # fmt: skip


def by_edits(http: httpx.Client, file: File) -> httpx.Response:
    """A form, as OpenAI's clients send it."""
    brought = {"image": (f"../../{file.name}.png", file.data, file.type)}
    return http.post("/v1/images/edits", files=brought, data={"prompt": WORDS})


def by_chat(http: httpx.Client, file: File) -> httpx.Response:
    """A picture in a message."""
    kind = file.type if file.type in ("image/png", "image/jpeg", "image/webp") else "image/png"
    url = f"data:{kind};base64,{base64.b64encode(file.data).decode()}"
    content = [
        {"type": "text", "text": WORDS}, {"type": "image_url", "image_url": {"url": url}},
    ]  # fmt: skip
    asked = {"messages": [{"role": "user", "content": content}]}
    return http.post("/v1/chat/completions", json=asked)


def by_masks(http: httpx.Client, file: File) -> httpx.Response:
    """What says where a picture may change."""
    session = http.post("/api/v1/sessions").json()["session"]
    return http.post(
        f"/api/v1/sessions/{session}/masks", content=file.data, headers={"Content-Type": file.type}
    )


DOORS: dict[str, Door] = {"api": by_api, "edits": by_edits, "chat": by_chat, "masks": by_masks}


def measure(n: int, *, models: bool = True) -> Tally:
    """``n`` files through each door; then what is wrong with the request and not with the file."""
    tally = Tally("uploads")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (key,) = new_keys(home, "a")
        with apart(home, models=models) as server, client(server.url, key) as http:
            _draws(http, tally)
            at_first = peak = server.resident
            workers, made = server.children, files(n)
            try:
                with tally.timed():
                    peak = max(_door(name, http, server, made, tally) for name in DOORS)
                    for attack in (_many_parts, _wrong_lengths, _trickle):
                        attack(http, server, key, tally)
                _draws(http, tally)
            except (httpx.HTTPError, OSError) as error:
                tally.wrong(f"no answer any more: {error!r}")
            if not server.alive:
                tally.wrong("the server ended")
            else:
                held = [round(mib) for mib in (at_first, peak, server.resident)]
                tally.notes["MiB held before, at most, after"] = held
                if held[2] > at_first + GROWTH:
                    tally.wrong(f"the server holds {held[2] - at_first:.0f} MiB more")
                if not workers <= server.children:
                    tally.wrong(f"of the processes {workers} are left {server.children}")
            if "Traceback" in server.log:
                tally.wrong(f"the log tells of a bug: …{server.log[-600:]}")
        _kept(home, tally)
    return tally


def _draws(http: httpx.Client, tally: Tally) -> None:
    """The server draws, and changes what is brought; all models are loaded then."""
    asked = {"prompt": "a red house", "size": "64x64", "response_format": "url"}
    drawn = http.post("/v1/images/generations", json=asked)
    for answer in (drawn, by_edits(http, File("good", "good", coded(photo(), "PNG")))):
        if answer.status_code != 200:
            tally.wrong(f"the server does not draw: {answer.status_code} {answer.text[:200]}")


def _door(name: str, http: httpx.Client, server: Process, made: list[File], tally: Tally) -> float:
    """All files through one door; the most that the server was seen to hold."""
    statuses: Counter[str] = Counter()
    slowest = usual = peak = 0.0
    late: list[tuple[float, str]] = []
    for number, file in enumerate(made):
        if number % GOOD == 0:
            began = time.monotonic()
            good = File("good", "good", coded(photo(64, seed=number), "PNG"))
            if (answer := DOORS[name](http, good)).status_code // 100 != 2:
                tally.wrong(f"{name}: a good picture is refused: {answer.text[:200]}")
            usual = max(usual, time.monotonic() - began)
        what = f"{name}: {file.kind}, {file.name}"
        began = time.monotonic()
        try:
            answer = DOORS[name](http, file)
        except httpx.HTTPError as error:
            tally.wrong(f"{what}: no answer ({error!r})")
            if not server.alive:
                break
            continue
        took = time.monotonic() - began
        slowest, peak = max(slowest, took), max(peak, server.resident)
        tally.n += 1
        statuses[f"{answer.status_code // 100}xx"] += 1
        late.append((took, what))
        if answer.status_code // 100 not in (2, 4):
            tally.wrong(f"{what}: {answer.status_code} {answer.text[:200]}")
        if answer.status_code // 100 == 2 and file.kind in MUST_NOT_PASS:
            tally.wrong(f"{what}: it was taken")
        if CANARY in answer.content:
            tally.wrong(f"{what}: what lay beside the pixels is in the answer")
    for took, what in late:
        if took > max(LATEST, 2 * usual):
            tally.wrong(f"{what}: answered after {took:.1f} s")
    told = f"slowest {slowest:.1f} s, of good ones {usual:.1f} s"
    tally.notes[name] = f"{dict(sorted(statuses.items()))}, {told}"
    return peak


def _kept(home: Path, tally: Tally) -> None:
    """What the home holds of all that are pixels, and nothing that lay beside them."""
    blobs = [path.read_bytes() for path in home.glob("blobs/*.png")]
    if not blobs:
        tally.wrong("nothing was kept")
    for data in blobs:
        if beside := set(chunks(data)) - {b"IHDR", b"PLTE", b"IDAT", b"IEND"}:
            tally.wrong(f"a kept picture has the chunks {beside}")
    for path in home.rglob("*"):
        if path.is_file() and CANARY in path.read_bytes():
            tally.wrong(f"{path.name} holds what lay beside the pixels of a file")
    tally.notes["pictures kept"] = len(blobs)


def chunks(data: bytes) -> list[bytes]:
    """The kinds of chunks of a PNG, and what is behind its end."""
    found, at = [], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found.append(data[at + 4 : at + 8])
        at += 12 + length
        if found[-1] == b"IEND" and at < len(data):
            found.append(b"more")
            break
    return found


# -- what is wrong with a request


def _many_parts(http: httpx.Client, server: Process, key: str, tally: Tally) -> None:
    """A form of a thousand files, and one of a thousand fields."""
    image = coded(photo(), "PNG")
    for name in ("image", "image[]", "x"):
        many = [(name, (f"{number}.png", image, "image/png")) for number in range(1000)]
        _answered(http.post("/v1/images/edits", files=many, data={"prompt": WORDS}), tally, 4)
    fields = {f"field{number}": "x" for number in range(1000)}
    image_file = {"image": ("a.png", image, "image/png")}
    _answered(http.post("/v1/images/edits", files=image_file, data=fields), tally, 4)


def _answered(answer: httpx.Response, tally: Tally, hundreds: int) -> None:
    tally.n += 1
    if answer.status_code // 100 != hundreds:
        tally.wrong(f"{answer.request.url}: {answer.status_code} {answer.text[:200]}")


def _wrong_lengths(http: httpx.Client, server: Process, key: str, tally: Tally) -> None:
    """Bodies that are longer or shorter than is told, or told in two ways, or not as a number."""
    image = coded(photo(), "PNG")
    session = http.post("/api/v1/sessions").json()["session"]
    length = "Content-Length: "
    for told in (
        f"{length}{len(image) // 2}", f"{length}999999999", f"{length}-1", f"{length}x",
        f"{length}5\r\n{length}6", f"{length}1e3", length + "9" * 400,
        f"{length}{len(image)}\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, x",
    ):  # fmt: skip
        with _line(server) as line:
            line.sendall(_head(f"/api/v1/sessions/{session}/pictures", key, told) + image)
            status = line.recv(12)
        tally.n += 1
        if status[:10] != b"HTTP/1.1 4":
            tally.wrong(f"{told[:60]!r} is answered with {status!r}")
    with _line(server) as line:  # who goes away in the middle gets no answer and does no harm
        line.sendall(_head(f"/api/v1/sessions/{session}/pictures", key, "Content-Length: 9999"))
        line.sendall(image)
    tally.n += 1
    _answered(http.get("/v1/models"), tally, 2)


def _trickle(http: httpx.Client, server: Process, key: str, tally: Tally) -> None:
    """A hundred who send a byte now and then; all others are served meanwhile."""
    session = http.post("/api/v1/sessions").json()["session"]
    head = _head(f"/api/v1/sessions/{session}/pictures", key, "Content-Length: 100000")
    lines = [_line(server) for _ in range(100)]
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.2):
            for line in lines:
                line.sendall(b"\x89")

    for number, line in enumerate(lines):
        line.sendall(head if number % 2 else head[:60])
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        for _ in range(10):
            began = time.monotonic()
            _answered(http.get("/api/v1/sessions"), tally, 2)
            if (took := time.monotonic() - began) > LATEST:
                tally.wrong(f"others wait {took:.1f} s while some trickle")
            time.sleep(0.2)
    finally:
        stop.set()
        dripping.join()
        for line in lines:
            line.close()
    tally.n += len(lines)


def _line(server: Process) -> Any:
    where = httpx.URL(server.url)
    return socket.create_connection((where.host, where.port or 80), timeout=LATEST)


def _head(path: str, key: str, told: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: image/png\r\n{told}\r\n\r\n"
    ).encode()
