"""Two keys: one has sessions, pictures and links; the other has their names, and calls everything
that the server's document tells of with them."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from danqing.agent.ledger import Ledger
from danqing.agent.store import digest_of
from danqing.agent.studio import Studio

from ..painter import Painter
from ..server import new_keys
from . import Tally
from .files import coded, photo
from .served import client, here

CANARY = "zinnober"
"""What the first key's owner writes, and nobody else hears."""
HELD = 4_000_000_000
"""The seed of a turn that goes on as long as the attack does."""
SEEDS = 3_000_000_000
"""The first of the seeds that only the first key's owner draws with."""
WORDS = (
    "make {} red", "make {} brighter", "how many houses are in {}?", "turn {} upside down",
    "make it in the style of {}", "go back to {}", "a house like in {}", "compare it with {}",
    "把{}变亮一点", "{}里有几座房子？",
)  # fmt: skip


ACTS = ("show {}", "go back to {}", "undo", "compare it with {}", "回到{}", "forget {}", "keep {}")
RECIPE = """\
version: 1
inputs:
  photo: {type: image, description: "a picture"}
steps:
  - {id: turned, uses: adjust, with: {image: "${{ inputs.photo }}", flip: vertical}}
outputs: {photo: "${{ steps.turned.image }}"}
"""


@dataclass(frozen=True)
class Names:
    """What a request may name: of whoever has the first key, or of nobody."""

    session: str
    turn: int
    handle: str
    link: str


Case = Callable[["Guest", Names, random.Random], httpx.Response]
CASES: dict[tuple[str, str], list[Case]] = {}
"""How each way of the document is called, the method and the path."""
DRAWING: set[Case] = set()
"""Those that have something drawn or decoded, of which there are fewer."""
SHARE = 0.08
"""The share of calls that draw."""


def case(method: str, path: str, *, draws: bool = False) -> Callable[[Case], Case]:
    """A way to call something."""

    def kept(function: Case) -> Case:
        CASES.setdefault((method, path), []).append(function)
        if draws:
            DRAWING.add(function)
        return function

    return kept


class Guest:
    """Who has the second key, some names of their own, and notes all that they hear."""

    def __init__(self, http: httpx.Client, hear: Callable[[httpx.Response], None]) -> None:
        http.event_hooks = {"response": [lambda answer: (answer.read(), hear(answer), None)[2]]}
        self.http = http
        self.mine = self.begun()

    def begun(self) -> Names:
        """A new session with a picture in it."""
        session = self.http.post("/api/v1/sessions").json()["session"]
        turn = self.asked(session, "a red house", seed=7)
        handle = turn.json()["document"]["picture"]["handle"]
        return Names(session, turn.json()["turn"], handle, "")

    def asked(self, session: str, words: str, **more: Any) -> httpx.Response:
        """The answer that tells how a request has ended, or was refused."""
        asked = {"request": words, "size": [64, 64], **more}
        return self.ended(self.http.post(f"/api/v1/sessions/{session}/turns", json=asked))

    def ended(self, answer: httpx.Response) -> httpx.Response:
        """The answer that tells how a turn has ended that may have been taken."""
        while answer.status_code < 300 and answer.json()["document"] is None:
            time.sleep(0.005)
            answer = self.http.get(f"/api/v1/turns/{answer.json()['turn']}")
        return answer


# -- the ways


def mangled(word: str, rng: random.Random) -> str:
    """A name as it is, mostly, or nearly."""
    return rng.choice((
        word, word, word, word, word + "A", word + "%20", "0" + word, word + "/", word + "%00",
        "./" + word, word[:-1] + "%2e",
    ))  # fmt: skip


@case("GET", "/api/v1/sessions")
def _sessions(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    answer = guest.http.get("/api/v1/sessions", params={"owner": names.session, "limit": 100})
    return httpx.Response(answer.status_code)  # what it lists, nobody names; it was heard


@case("POST", "/api/v1/sessions")
def _begin(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.post("/api/v1/sessions", json={"session": names.session})


@case("GET", "/api/v1/sessions/{session}")
def _session(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.get(f"/api/v1/sessions/{mangled(names.session, rng)}")


@case("DELETE", "/api/v1/sessions/{session}")
def _delete(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.delete(f"/api/v1/sessions/{mangled(names.session, rng)}")


@case("POST", "/api/v1/sessions/{session}/turns")
def _ask(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    asked = {"request": "make it red"}
    return guest.http.post(f"/api/v1/sessions/{mangled(names.session, rng)}/turns", json=asked)


@case("POST", "/api/v1/sessions/{session}/turns", draws=True)
def _name(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    words = rng.choice(WORDS).format(names.handle)
    return guest.asked(guest.begun().session, words, seed=rng.randrange(1000))


@case("GET", "/api/v1/turns/{turn}")
def _turn(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.get(f"/api/v1/turns/{mangled(str(names.turn), rng)}")


@case("POST", "/api/v1/turns/{turn}/cancel")
def _cancel(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.post(f"/api/v1/turns/{mangled(str(names.turn), rng)}/cancel")


@case("GET", "/api/v1/turns/{turn}/events")
def _events(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    after = rng.choice((None, "0", "1", "999999", "1000000", str(names.turn), names.handle))
    headers = {} if after is None else {"Last-Event-ID": after}
    try:
        return guest.http.get(f"/api/v1/turns/{names.turn}/events", headers=headers, timeout=3)
    except httpx.ReadTimeout:  # who is let in listens to a turn that goes on
        return httpx.Response(200)


@case("POST", "/api/v1/sessions/{session}/pictures")
def _upload(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    data = rng.choice((coded(photo(8), "PNG"), b"none", b""))
    return guest.http.post(f"/api/v1/sessions/{mangled(names.session, rng)}/pictures", content=data)


@case("POST", "/api/v1/sessions/{session}/stand")
def _stand(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    session = rng.choice((names.session, guest.mine.session))
    handle = names.handle if session == guest.mine.session else rng.choice(
        (names.handle, guest.mine.handle, None)
    )  # fmt: skip
    return guest.http.post(f"/api/v1/sessions/{session}/stand", json={"picture": handle})


@case("GET", "/api/v1/sessions/{session}/recipe")
def _recipe(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.get(f"/api/v1/sessions/{mangled(names.session, rng)}/recipe")


@case("GET", "/api/v1/sessions/{session}/pictures/{handle}")
def _picture(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    session, handle = rng.choice((
        (names.session, names.handle), (guest.mine.session, names.handle),
        (names.session, guest.mine.handle), (names.session, "img-1"),
    ))  # fmt: skip
    params = rng.choice(({}, {"side": 16}, {"metadata": True}))
    at = f"/api/v1/sessions/{mangled(session, rng)}/pictures/{mangled(handle, rng)}"
    return guest.http.get(at, params=params)


@case("POST", "/api/v1/sessions/{session}/recipe")
def _bring_recipe(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    at = f"/api/v1/sessions/{mangled(names.session, rng)}/recipe"
    return guest.http.post(at, content=RECIPE, params={"input": f"photo={names.handle}"})


@case("POST", "/api/v1/sessions/{session}/recipe", draws=True)
def _give_recipe(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    """A recipe in a session of one's own, over a picture of somebody's."""
    at = f"/api/v1/sessions/{guest.begun().session}/recipe"
    told = rng.choice((RECIPE, RECIPE.replace("a picture", f"{names.handle}: what is changed")))
    params = rng.choice(({"input": f"photo={names.handle}"}, {}))
    return guest.ended(guest.http.post(at, content=told, params=params))


@case("POST", "/api/v1/sessions/{session}/masks")
def _mask(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    at = f"/api/v1/sessions/{mangled(names.session, rng)}/masks"
    return guest.http.post(at, content=coded(photo(8), "PNG"))


@case("POST", "/api/v1/sessions/{session}/turns", draws=True)
def _within(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    """A request with another's picture as its mask."""
    return guest.asked(guest.begun().session, "make it red", seed=1, mask=names.handle)


@case("POST", "/api/v1/sessions/{session}/acts")
def _act(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    session = rng.choice((names.session, names.session, guest.mine.session))
    words = rng.choice(ACTS).format(names.handle)
    if session == guest.mine.session:  # where it stands is to be the same for both
        guest.http.post(f"/api/v1/sessions/{session}/stand", json={"picture": guest.mine.handle})
    return guest.http.post(f"/api/v1/sessions/{session}/acts", json={"words": words})


@case("GET", "/api/v1/usage")
def _usage(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    answer = guest.http.get("/api/v1/usage", params={"key": names.session})
    return httpx.Response(answer.status_code)  # it counts on; it was heard


@case("GET", "/v1/models")
def _models(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    return guest.http.get("/v1/models", params={"session": names.session})


@case("POST", "/v1/images/generations", draws=True)
def _generate(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    asked = {
        "prompt": rng.choice(WORDS).format(names.handle), "size": "64x64", "seed": 3,
        "session": names.session, "user": names.handle,
    }  # fmt: skip
    return guest.http.post("/v1/images/generations", json=asked)


@case("POST", "/v1/images/edits", draws=True)
def _edit(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    told = {"prompt": rng.choice(WORDS).format(names.handle), "seed": "3", "base": names.handle}
    image = rng.choice((("a.png", coded(photo(16), "PNG")), (names.handle, b"")))
    return guest.http.post("/v1/images/edits", files={"image": image}, data=told)


@case("POST", "/v1/chat/completions", draws=True)
def _chat(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    link = names.link if rng.random() < 0.7 else f"{names.link[:-4]}0000"
    words = rng.choice(("make it brighter", rng.choice(WORDS).format(names.handle), link))
    said = [
        {"role": "user", "content": "a red house"},
        {"role": "assistant", "content": f"Here it is.\n\n![{names.handle}]({link})"},
        {"role": "user", "content": words},
    ]  # fmt: skip
    return guest.http.post("/v1/chat/completions", json={"messages": said, "seed": 3})


@case("POST", "/v1/chat/completions")
def _address(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    url = rng.choice((names.link, f"file:///blobs/{names.handle}.png", names.handle))
    content = [
        {"type": "text", "text": "turn it"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return guest.http.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": content}]}
    )


@case("GET", "/files/{session}/{handle}.png")
def _file(guest: Guest, names: Names, rng: random.Random) -> httpx.Response:
    """Who has a link has a picture, and nobody who has none."""
    signature = rng.choice((f"{rng.getrandbits(128):032x}", "0" * 32, "", "x"))
    at = f"/files/{mangled(names.session, rng)}/{names.handle}.png"
    return guest.http.get(at, params={"sig": signature})


# -- the attack


def measure(n: int, sessions: int = 4) -> Tally:
    """``n`` calls with the names of another, who has so many ``sessions`` and a few more, and as
    many with the names of nobody."""
    tally = Tally("tenants")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        first, second = new_keys(home, "a", "b")
        go_on = threading.Event()

        def before(tool: str, arguments: Mapping[str, Any]) -> None:
            if HELD in arguments.get("seeds", ()):
                go_on.wait(3600)

        painter = Painter(Path(folder) / "models", before=before)
        with (
            here(home, painter, at_once=3) as (url, studio),
            client(url, first) as a, client(url, second) as b, tally.timed(),
        ):  # fmt: skip
            try:
                theirs, held = _settled(a, sessions)
                alike = _alike(a)
                _attack(n, a, b, theirs, studio, tally)
                if studio.ledger.owners(alike.handle) != {alike.session}:
                    tally.wrong("what one has drawn is what another is answered with")
            finally:
                go_on.set()
            _ends(a, held, tally)
    return tally


def _settled(a: httpx.Client, sessions: int) -> tuple[list[Names], int]:
    """What the first key's owner has, some of each; last a turn that goes on and one that waits."""
    names: list[Names] = []
    for number in range(sessions):
        session = a.post("/api/v1/sessions").json()["session"]
        words = f'a red house with the words "{CANARY}{number}"'
        seed = SEEDS + 100 * number
        turns = [_asked(a, session, words, seed)]
        image = photo(24, seed=number + 500)
        a.post(f"/api/v1/sessions/{session}/pictures", content=coded(image, "PNG"))
        turns.append(_asked(a, session, "make it brighter", seed + 50))
        state = a.get(f"/api/v1/sessions/{session}").json()
        for turn in turns:
            for picture in state["pictures"]:
                names.append(Names(session, turn, picture["handle"], ""))
    asked = {"prompt": f"a blue house {CANARY}", "size": "64x64", "seed": SEEDS + 900}
    for prompt in ("url", "b64_json"):
        a.post("/v1/images/generations", json={**asked, "response_format": prompt})
    said: list[dict[str, Any]] = [{"role": "user", "content": f"a red house, {CANARY}"}]
    answer = a.post("/v1/chat/completions", json={"messages": said, "seed": SEEDS + 950}).json()
    link = re.search(r"/files/\S+?(?=\))", answer["choices"][0]["message"]["content"])
    assert link is not None
    session, handle = re.findall(r"[0-9a-f]{8}|img-\d+", link[0])[:2]
    linked = Names(session, answer["danqing"]["turn"], handle, link[0])
    names = [replace(one, link=link[0]) for one in (*names, linked)]
    session = a.post("/api/v1/sessions").json()["session"]
    held = a.post(f"/api/v1/sessions/{session}/turns", json={"request": "a house", "seed": HELD})
    turn = held.json()["turn"]
    return [*names, *[Names(session, turn, linked.handle, linked.link)] * 4], turn


def _alike(a: httpx.Client) -> Names:
    """A picture that the second key's owner asks for, too: the same words, size and seed."""
    session = a.post("/api/v1/sessions").json()["session"]
    turn = _asked(a, session, "a red house", 7)
    picture = a.get(f"/api/v1/turns/{turn}").json()["document"]["picture"]
    return Names(session, turn, picture["handle"], "")


def _asked(a: httpx.Client, session: str, words: str, seed: int) -> int:
    asked = {"request": words, "seed": seed, "size": [64, 64]}
    turn = a.post(f"/api/v1/sessions/{session}/turns", json=asked).json()["turn"]
    a.get(f"/api/v1/turns/{turn}/events")
    return int(turn)


def _ends(a: httpx.Client, held: int, tally: Tally) -> None:
    """What went on all the time ends well."""
    a.get(f"/api/v1/turns/{held}/events")
    state = a.get(f"/api/v1/turns/{held}").json()["state"]
    if state != "done":
        tally.wrong(f"a turn that was at work is {state}")


def _attack(
    n: int, a: httpx.Client, b: httpx.Client, theirs: list[Names], studio: Studio, tally: Tally
) -> None:
    document = a.get("/openapi.json").json()
    ways = {(way.upper(), path) for path, told in document["paths"].items() for way in told}
    for method, path in sorted(ways ^ CASES.keys()):
        known = "no case for it" if (method, path) in ways else "a case, and no such way"
        tally.wrong(f"{method} {path}: there is {known}")
    before = _state(a, theirs)
    listening = _Listening(a, theirs, studio, tally)
    guest = Guest(b, listening.hear)
    rng = random.Random(0)
    cases = [(way, case) for way in sorted(CASES) if way in ways for case in CASES[way]]
    heavy = [one for one in cases if one[1] in DRAWING]
    light = [one for one in cases if one[1] not in DRAWING]
    called: Counter[str] = Counter()
    for number in range(n):
        few = number % round(1 / SHARE) == 0
        pool = heavy if few else light
        (method, path), way = pool[number // (round(1 / SHARE) if few else 1) % len(pool)]
        seed, names = rng.random(), rng.choice(theirs)
        nobody = Names(
            f"{rng.getrandbits(32):08x}", rng.randrange(10**7, 10**8),
            f"img-{rng.randrange(10**7, 10**8)}", "",
        )  # fmt: skip
        nobody = replace(nobody, link=_renamed(names.link, nobody))
        one, other = (form(way(guest, them, random.Random(seed)), them) for them in (names, nobody))
        tally.n += 1
        called[f"{method} {path}"] += 1
        if one != other:
            tally.wrong(f"{method} {path}: {difference(one, other)}")
    if _state(a, theirs) != before:
        tally.wrong("what the first key's owner has is not as it was")
    check_kept_apart(studio.ledger, theirs, tally)
    tally.notes["calls of each way, least and most"] = (min(called.values()), max(called.values()))


def check_kept_apart(ledger: Ledger, theirs: list[Names], tally: Tally) -> None:
    """The pictures of some sessions are in no others."""
    own = {names.session for names in theirs}
    for handle in sorted({names.handle for names in theirs}):
        if others := ledger.owners(handle) - own:
            tally.wrong(f"{handle} is one of the sessions {sorted(others)}, too")


class _Listening:
    """Looks at all that the second key's owner hears."""

    def __init__(
        self, a: httpx.Client, theirs: list[Names], studio: Studio, tally: Tally
    ) -> None:  # fmt: skip
        self._tally, self._said = tally, ""
        self._sessions = {names.session for names in theirs}
        self._words = {CANARY, a.headers["Authorization"].rpartition(" ")[2]}
        self._words |= {names.link[-32:] for names in theirs}
        handles = {names.handle for names in theirs}
        self._digests = {studio.ledger.picture(handle).digest for handle in handles}

    def hear(self, answer: httpx.Response) -> None:
        asked = f"{answer.request.url} {_body(answer.request)}"
        where = f"{answer.request.method} {answer.request.url.path}"
        if answer.status_code >= 500:
            self._tally.wrong(f"{where}: {answer.status_code}")
        text = answer.text if "image/" not in answer.headers.get("content-type", "") else ""
        if where == "GET /api/v1/sessions":  # each has its owner's first words for a title
            told = [one["title"] for one in answer.json()]
            asked += " ".join(title for title in told if title in self._said)
        self._said += asked
        for secret in (*self._words, *self._sessions, *self._digests):
            if secret in text and secret not in asked:
                self._tally.wrong(f"{where} tells {secret!r}")
        for image in _images(answer, text):
            if digest_of(image) in self._digests:
                self._tally.wrong(f"{where} shows a picture of the other's")


def _body(request: httpx.Request) -> str:
    try:
        return request.content.decode("utf-8", "replace")
    except httpx.RequestNotRead:  # a form with files
        return ""


def _images(answer: httpx.Response, text: str) -> Iterator[Image.Image]:
    """The pictures in an answer."""
    found = re.findall(r"iVBORw0KGgo[A-Za-z0-9+/=]+", text)
    files = [base64.b64decode(one) for one in found]
    if answer.content.startswith(b"\x89PNG"):
        files.append(answer.content)
    for data in files:
        with Image.open(BytesIO(data)) as image:
            image.load()
            yield image


def _renamed(text: str, names: Names) -> str:
    """A link with other names in it."""
    text = re.sub(r"img-\d+", names.handle, text)
    return re.sub(r"(?<=/files/)[0-9a-f]{8}", names.session, text)


def form(answer: httpx.Response, names: Names) -> tuple[int, str]:
    """An answer without what is another each time: the names that were asked with are called so,
    others by the order in which they come, and pictures by their pixels."""
    if answer.headers.get("content-type", "").startswith("image/"):
        return answer.status_code, hashlib.sha256(answer.content).hexdigest()
    text = answer.text
    linked = re.findall(r"(?<=/)[0-9a-f]{8}(?=/)|img-\d+", names.link)
    for name in filter(None, (names.link, *linked, names.handle, names.session)):
        text = re.sub(rf"(?i)(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", "NAMED", text)
    text = text.replace(f"turn {names.turn}.", "turn NAMED.").replace('"reused"', '"done"')
    text = re.sub(r'"(seconds|created|turn)": ?[0-9.e-]+', r'"\1":0', text)
    text = re.sub(r"sig=[0-9a-f]{32}|turn-\d+", "", text)
    order: dict[str, str] = {}
    for pattern in (r"img-\d+", r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])"):
        text = re.sub(pattern, lambda m: order.setdefault(m[0], f"<{len(order)}>"), text)
    return answer.status_code, text


def difference(one: tuple[int, str], other: tuple[int, str]) -> str:
    """Where two forms begin to differ."""
    at = next((i for i, (x, y) in enumerate(zip(one[1], other[1], strict=False)) if x != y), 0)
    near = slice(max(0, at - 60), at + 100)
    return f"{one[0]} …{one[1][near]}… and of nobody {other[0]} …{other[1][near]}…"


def _state(a: httpx.Client, theirs: list[Names]) -> str:
    """All that the first key's owner can see of what is theirs, as one hash."""
    told = hashlib.sha256()
    for session in sorted({names.session for names in theirs}):
        at = f"/api/v1/sessions/{session}"
        state = a.get(at)
        told.update(state.content + a.get(f"{at}/recipe").content)
        for turn in state.json()["turns"]:
            if turn["document"] is not None:
                told.update(a.get(f"/api/v1/turns/{turn['turn']}/events").content)
        for picture in state.json()["pictures"]:
            told.update(a.get(f"{at}/pictures/{picture['handle']}").content)
    told.update(a.get("/api/v1/sessions", params={"limit": 100}).content)
    return told.hexdigest()
