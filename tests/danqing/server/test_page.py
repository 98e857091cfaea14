"""The studio's page: what is served of it, what it says, and, where there is a browser, its use."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from PIL import Image
from running import Running, running

from danqing.agent.events import PhaseName
from danqing.server.pages import FOLDER, KINDS

CHROMIUM = Path("/usr/bin/chromium")
BRING = """([how, bytes]) => {
    const data = new DataTransfer(), told = { bubbles: true, cancelable: true };
    data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
    document.dispatchEvent(how === "drop"
        ? new DragEvent(how, { ...told, dataTransfer: data })
        : new ClipboardEvent(how, { ...told, clipboardData: data }));
}"""
VOID = {"img", "input", "link", "meta"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("page") / "home", before=lambda tool: time.sleep(0.1)
    ) as server:
        yield server


def part(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def picture(width: int) -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((width, 60)).save(coded, "PNG")
    return coded.getvalue()


class Read(HTMLParser):
    """A page's elements, and whether each is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if (key := self.elements[-1][1].get("data-say")) if self.elements else None:
            self.texts.setdefault(key, data)


@pytest.fixture(scope="module")
def page() -> Read:
    return Read(part("index.html"))


def words() -> dict[str, list[str]]:
    text = part("words.js")
    pairs = json.loads(
        text[text.index("{") : text.rindex("}") + 1], object_pairs_hook=lambda pairs: pairs
    )
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


# -- what is served


def test_the_page_comes_without_a_key_and_may_do_nothing_but_its_own(server: Running) -> None:
    kinds = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
    paths = {"/": "text/html", **{f"/page/{name}": kind for name, kind in kinds.items()}}
    for path, kind in paths.items():
        answer = httpx.get(server.url + path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        policy = dict(
            rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in FOLDER.iterdir():
        assert path.suffix in KINDS, path.name
        assert httpx.get(f"{server.url}/page/{path.name}").content == path.read_bytes()


def test_nothing_else_is_served_with_the_page(server: Running) -> None:
    for name in (
        "nothing.js", "", "%2e%2e", "%2e%2e/app.py", "..%2fapp.py", "..%5capp.py", "page.js%00",
        "/etc/passwd", "%2fetc%2fpasswd", "%2e", "PAGE.JS", "__init__.py",
    ):  # fmt: skip
        answer = httpx.get(f"{server.url}/page/{name}")
        assert answer.status_code in (404, 405), name
        assert "error" in answer.json()


# -- what it consists of


def test_the_page_is_well_formed_and_can_be_read_aloud(page: Read) -> None:
    assert page.open == []
    tags = [tag for tag, _ in page.elements]
    assert {"title", "main", "header", "h1"} <= set(tags)
    assert ("html", {"lang": "en"}) in page.elements
    labelled = {of for tag, had in page.elements if tag == "label" and (of := had.get("for"))}
    ids = [had["id"] for _, had in page.elements if "id" in had]
    assert len(ids) == len(set(ids))
    for tag, had in page.elements:
        if tag in ("input", "select", "textarea"):
            assert had.get("id") in labelled or "data-say-aria-label" in had, had
        if tag == "img":
            assert "alt" in had
        if tag == "section":
            assert had["aria-labelledby"] in ids
    assert ("p", {"id": "status", "class": "unseen", "role": "status", "aria-live": "polite"}) in (
        page.elements
    )


def test_the_page_holds_no_script_or_style_of_its_own(page: Read) -> None:
    for tag, had in page.elements:
        assert tag != "style"
        assert tag != "script" or (had.get("src") or "").startswith("/page/")
        assert not any(name == "style" or name.startswith("on") for name in had)


def test_no_file_of_the_page_names_another_host() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"\w+://|[\"'(]//|@import|url\(", text), path.name


def test_every_file_that_is_named_is_there(page: Read) -> None:
    named = {had.get("src") or had.get("href") for _, had in page.elements} - {None}
    for name in named:
        assert (FOLDER / str(name).removeprefix("/page/")).is_file(), name
    for path in FOLDER.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', path.read_text("utf-8")):
            assert (FOLDER / name).is_file(), name


def test_all_that_the_page_says_is_said_in_both_languages(page: Read) -> None:
    said = words()
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for key, both in said.items():
        english, other = both
        assert english.strip() and other.strip(), key
        if key != "other language":
            assert not chinese.search(english) and chinese.search(other), key
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", other)), key
    marked = {
        str(key) for _, had in page.elements for name, key in had.items() if "data-say" in name
    }
    script = part("page.js")
    spoken = set(re.findall(r'\bsay\("([^"]+)"', script))
    assert marked | spoken <= set(said)
    named = set(re.findall(r'"([a-z ]+)"', script)) | set(re.findall(r"(\w+): \"", script))
    assert set(said) - marked - named == {*get_args(PhaseName), "failed", "cancelled"} - named
    for key, text in page.texts.items():
        assert text == said[key][0]


# -- its use


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("there is no browser")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Seen:
    """The page in a browser; what it asks for, and what goes wrong in it."""

    def __init__(self, browser: Any, server: Running, **how: Any) -> None:
        self.server = server
        self.page = browser.new_context(**({"locale": "en-US"} | how)).new_page()
        self.page.set_default_timeout(10_000)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.goto(f"{server.url}/#{server.key}")
        self.page.wait_for_selector("#words:visible")

    def ask(self, words: str) -> None:
        self.page.fill("#words", words)
        self.page.press("#words", "Enter")
        self.page.wait_for_selector("#cancel:visible")

    def ended(self) -> None:
        self.page.wait_for_selector("#send:visible")

    def text(self, where: str) -> str:
        return str(self.page.inner_text(where))

    def drawn(self, where: str) -> bool:
        """Whether an image is there and shown."""
        return bool(self.page.eval_on_selector(where, "i => i.complete && i.naturalWidth > 0"))


def test_a_conversation_can_be_had_on_the_page(server: Running, browser: Any) -> None:
    seen = Seen(browser, server)
    page = seen.page
    assert server.key not in page.url
    seen.ask("a red house")
    page.wait_for_selector(".turn progress")
    page.wait_for_selector(".turn table tr >> text=house is red")
    page.wait_for_selector("#preview:visible")
    assert seen.drawn("#preview")
    seen.ended()
    assert "met" in seen.text(".turn tbody tr:first-child td:first-child")
    assert page.locator(".turn progress").count() == 0
    first = seen.text("#refer")
    assert first in seen.text(".turn .reply") and first in seen.text("#status")
    page.wait_for_function("document.getElementById('here').naturalWidth > 0")

    seen.ask("how many houses are there?")
    seen.ended()
    assert "a red house" in seen.text(".turn:last-child .reply")
    assert page.locator(".turn:last-child .thumb").count() == 0
    assert seen.text("#refer") == first

    seen.ask("make it twice as large")
    seen.ended()
    second = seen.text("#refer")
    assert second != first
    assert page.locator("#lineage li li").count() == 1
    page.click("#compare")
    page.wait_for_function("document.getElementById('there').naturalWidth > 0")
    page.keyboard.press("Home")
    assert page.eval_on_selector("#frame", "f => f.style.getPropertyValue('--cut')") == "0%"

    page.click("#undo")
    page.wait_for_selector(f"#refer >> text={first}")
    assert page.locator("#compare").is_disabled()
    page.click("#redo")
    page.wait_for_selector(f"#refer >> text={second}")
    page.locator("#lineage .thumb").first.click()
    page.wait_for_selector(f"#from >> text={first}")
    page.click("#refer")
    assert page.input_value("#words") == f"{first} "

    before = seen.text("#log")
    page.reload()
    page.wait_for_selector("#lineage .thumb")
    assert (seen.text("#log"), seen.text("#refer")) == (before, first)
    assert page.locator("#lineage .thumb").count() == 2

    with page.expect_download() as told:
        page.click("#download")
    whole = Image.open(told.value.path())
    with page.expect_download() as told:
        page.click("#bare")
    bare = Image.open(told.value.path())
    assert whole.tobytes() == bare.tobytes()
    assert "danqing" in whole.info and "danqing" not in bare.info

    page.click("#language")
    assert seen.text("#undo") == "撤销"
    assert page.get_attribute("html", "lang") == "zh-Hans"
    assert seen.errors == []
    assert all(url.startswith((server.url, "blob:", "data:image/")) for url in seen.requests)


def test_a_turn_goes_on_after_a_reload_and_can_be_cancelled(server: Running, browser: Any) -> None:
    server.engine.before, before = lambda tool: time.sleep(0.6), server.engine.before
    try:
        seen = Seen(browser, server)
        seen.ask("a red house in winter")
        seen.page.wait_for_selector(".turn table")
        seen.page.reload()
        seen.page.wait_for_selector("#cancel:visible")
        seen.page.wait_for_selector(".turn table")
        seen.page.keyboard.press("Escape")
        seen.page.wait_for_selector(".turn.cancelled")
        seen.ended()
        assert seen.errors == []
    finally:
        server.engine.before = before


def test_a_broken_stream_is_taken_up_where_it_broke(server: Running, browser: Any) -> None:
    seen = Seen(browser, server)
    came: list[str | None] = []

    def broken(route: Any) -> None:
        came.append(route.request.headers.get("last-event-id"))
        if len(came) > 1:
            return route.continue_()
        told = 'id: 1\nevent: phase\ndata: {"name": "understanding", "note": ""}\n\nid: 2\nev'
        return route.fulfill(content_type="text/event-stream", body=told)

    seen.page.route("**/events", broken)
    seen.ask("a red house")
    seen.ended()
    assert came == [None, "1"]
    assert seen.page.locator(".turn.done table").count() == 1


def test_a_picture_of_ones_own_is_brought_to_the_page(server: Running, browser: Any) -> None:
    seen = Seen(browser, server, viewport={"width": 390, "height": 844})
    file = {"name": "a.png", "mimeType": "image/png", "buffer": picture(80)}
    seen.page.set_input_files("#file", [file])
    seen.page.wait_for_selector("#size >> text=80 × 60")
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    for n, how in enumerate(("drop", "paste")):
        seen.page.evaluate(BRING, [how, [*picture(90 + n)]])
        seen.page.wait_for_selector(f"#size >> text={90 + n} × 60")
    assert seen.page.locator("#lineage > ul > li").count() == 3
    seen.page.set_input_files("#file", [{**file, "buffer": b"GIF89a"}])
    seen.page.wait_for_selector("#trouble:visible")
    assert "PNG" in seen.text("#trouble")


def test_without_the_key_the_page_asks_for_it(server: Running, browser: Any) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(server.url)
    page.fill("#key", "dq-wrong")
    page.press("#key", "Enter")
    page.wait_for_selector("#refused >> text=钥匙不对")
    page.fill("#key", server.key)
    page.press("#key", "Enter")
    page.wait_for_selector("#words:visible")
