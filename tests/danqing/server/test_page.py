"""The studio's page: what is served of it, what it says, and, where there is a browser, its use."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from PIL import Image, ImageChops
from running import Running, running

from danqing.agent.events import PhaseName
from danqing.server.pages import FOLDER, KINDS

CHROMIUM = Path("/usr/bin/chromium")
BRING = """([how, bytes, name = "a.png"]) => {
    const data = new DataTransfer(), told = { bubbles: true, cancelable: true };
    data.items.add(new File([new Uint8Array(bytes)], name, { type: "" }));
    document.dispatchEvent(how === "drop"
        ? new DragEvent(how, { ...told, dataTransfer: data })
        : new ClipboardEvent(how, { ...told, clipboardData: data }));
}"""
MARKED = """c => {
    const all = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return all.filter((v, n) => n % 4 === 3 && v > 127).length / (c.width * c.height);
}"""
"""The share of a picture that is marked."""
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
    script = "".join(part(path.name) for path in FOLDER.glob("*.js") if path.stem != "words")
    spoken = set(re.findall(r'\bsay\("([^"]+)"', script))
    assert marked | spoken <= set(said)
    named = set(re.findall(r'"([a-z ]+)"', script)) | set(re.findall(r"(\w+): \"", script))
    assert set(said) - marked - named == {*get_args(PhaseName), "failed", "cancelled"} - named
    for key, text in page.texts.items():
        assert text == said[key][0]


def light(color: str) -> float:
    """The relative luminance of a color, #rrggbb (WCAG 2)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_all_words_stand_out_from_their_ground_in_both_themes(theme: int) -> None:
    told = re.findall(r":root \{(.*?)\}", part("page.css"), re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", told[theme]))
    for words, ground in (
        ("ink", "paper"), ("ink", "sheet"), ("soft", "paper"), ("soft", "sheet"), ("red", "paper"),
        ("red", "sheet"), ("on-red", "red"),
    ):  # fmt: skip
        dark, bright = sorted(light(colors[name]) for name in (words, ground))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (words, ground)


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


def start(browser: Any, server: Running, request: str = "a red house", **how: Any) -> Seen:
    """The page with one picture, drawn."""
    seen = Seen(browser, server, **how)
    seen.ask(request)
    seen.ended()
    seen.page.wait_for_selector("#refer:visible")
    return seen


def test_what_is_marked_with_the_brush_is_all_that_changes(server: Running, browser: Any) -> None:
    seen = start(browser, server)
    page, first = seen.page, seen.text("#refer")
    page.click("#mask")
    assert page.evaluate("document.activeElement.id") == "canvas"
    box = page.locator("#canvas").bounding_box()

    def drag(*ways: tuple[float, float]) -> None:
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ways]
        page.mouse.move(*at[0])
        page.mouse.down()
        for way in at[1:]:
            page.mouse.move(*way, steps=4)
        page.mouse.up()

    def marked() -> float:
        return float(page.eval_on_selector("#canvas", MARKED))

    drag((0.1, 0.1), (0.4, 0.1))
    one = marked()
    assert one > 0.02
    drag((0.6, 0.8), (0.9, 0.8))
    assert marked() > 1.8 * one
    page.click("#back")
    assert marked() == one
    page.click("#erase")
    drag((0.3, 0.1), (0.5, 0.1))
    assert marked() < 0.8 * one
    assert seen.text("#from") == f"changes {first} where it is marked"
    page.click("#finish")
    assert page.evaluate("document.activeElement.id") == "words"
    assert page.locator("#canvas").is_visible(), "what is marked stays in sight"
    seen.ask("make it darker")
    seen.ended()
    page.wait_for_selector(f"#refer >> text=/^(?!{first}$)/")
    assert not page.locator("#canvas").is_visible(), "a mask is for one request"
    state = server.http.get(f"/api/v1/sessions/{page.url[-8:]}").json()
    before, after = (
        server.desk.studio.image(node["handle"]).convert("RGB") for node in state["pictures"]
    )
    changed = ImageChops.difference(before, after).getbbox()
    assert changed is not None
    left, top, right, bottom = (side / 512 for side in changed)
    assert 0.02 < left < 0.1 < right < 0.3 and 0.02 < top < 0.1 < bottom < 0.18
    assert seen.errors == []


def test_the_brush_is_used_by_keys_and_by_touch(server: Running, browser: Any) -> None:
    seen = start(browser, server, viewport={"width": 390, "height": 844}, has_touch=True)
    page = seen.page
    page.focus("#mask")
    page.keyboard.press("Enter")
    for key in ("ArrowLeft", "ArrowLeft", "]", "Space", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert "percent" in seen.text("#status")
    assert 0.01 < page.eval_on_selector("#canvas", MARKED) < 0.1
    assert "where it is marked" in seen.text("#from")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert seen.text("#status") == "Nothing is marked."
    assert "where it is marked" not in seen.text("#from")
    page.touchscreen.tap(*(middle(page, "#canvas")))
    assert "where it is marked" in seen.text("#from")
    assert 0.01 < page.eval_on_selector("#canvas", MARKED) < 0.1
    page.click("#wipe")
    page.keyboard.press("Escape")
    assert not page.locator("#brushes").is_visible()
    assert page.evaluate("document.activeElement.id") == "mask"
    assert seen.errors == []


def middle(page: Any, where: str) -> tuple[float, float]:
    box = page.locator(where).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_undo_is_said_and_another_branch_begun(server: Running, browser: Any) -> None:
    seen = start(browser, server)
    page, first = seen.page, seen.text("#refer")
    seen.ask("make it darker")
    seen.ended()
    page.wait_for_selector("#lineage li li")
    second = seen.text("#refer")
    for words, handle in (("undo", first), ("重做", second), ("撤销", first)):
        page.fill("#words", words)
        page.press("#words", "Enter")
        page.wait_for_selector(f"#refer >> text={handle}")
    page.wait_for_selector(".turn:last-child .reply")
    assert first in seen.text(".turn:last-child .reply")
    assert page.evaluate("document.activeElement.id") == "words"
    seen.ask("make it brighter")
    seen.ended()
    page.wait_for_selector("#lineage > ul > li > ul > li:nth-child(2)")
    assert page.locator("#lineage > ul > li > ul > li").count() == 2, "two branches of the first"
    page.fill("#words", "redo")
    page.press("#words", "Enter")
    page.wait_for_selector("#trouble >> text=nothing to redo")


def test_a_recipe_goes_out_and_comes_in_again(
    server: Running, browser: Any, tmp_path: Path
) -> None:
    seen = start(browser, server)
    page = seen.page
    seen.ask("make it darker")
    seen.ended()
    with page.expect_download() as told:
        page.click("#recipe")
    file = tmp_path / "house.yaml"
    told.value.save_as(file)
    page.click("#begin")
    page.wait_for_selector("#welcome:visible")
    page.set_input_files("#yaml", [str(file)])
    page.wait_for_selector("#lineage .thumb >> nth=1")
    assert seen.text(".turn .request") == "a red house"
    text = file.read_text("utf-8").replace("uses: adjust", "uses: shred")
    page.evaluate(BRING, ["drop", [*text.encode()], "house.yaml"])
    page.wait_for_selector("#trouble:visible")
    assert re.search(r"recipe:\d+:\d+: there is no tool 'shred'", seen.text("#trouble"))


def test_a_conversation_is_deleted_once_that_is_confirmed(server: Running, browser: Any) -> None:
    routes = server.http.get("/openapi.json").json()["paths"]
    if "delete" not in routes["/api/v1/sessions/{session}"]:
        pytest.skip("this server deletes nothing")
    seen = start(browser, server, "a red house in spring")
    page, session = seen.page, seen.page.url[-8:]
    page.click("#delete")
    assert "a red house in spring" in seen.text("#sure")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sure", state="hidden")
    assert server.http.get(f"/api/v1/sessions/{session}").status_code == 200, "it is kept"
    assert page.evaluate("document.activeElement.id") == "delete"
    page.click("#delete")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#welcome:visible")
    assert server.http.get(f"/api/v1/sessions/{session}").status_code == 404
    assert session not in page.url
    assert session not in page.inner_html("#session")
    assert page.evaluate("document.activeElement.id") == "words"
    assert seen.errors == []


def test_a_server_that_deletes_nothing_is_told_of(server: Running, browser: Any) -> None:
    seen = start(browser, server)
    seen.page.route(
        "**/sessions/*",
        lambda route: (
            route.fulfill(status=405, json={"error": {"message": "Method Not Allowed"}})
            if route.request.method == "DELETE" else route.continue_()
        ),
    )  # fmt: skip
    handle = seen.text("#refer")
    seen.page.click("#delete")
    seen.page.click("#sure .chief")
    seen.page.wait_for_selector("#trouble >> text=deletes no conversations")
    assert seen.text("#refer") == handle, "it is still there"


def test_size_and_seed_are_chosen(server: Running, browser: Any) -> None:
    seen = Seen(browser, server)
    page = seen.page
    page.click("summary")
    page.select_option("#measure", "768x512")
    page.fill("#seed", "1000")
    page.keyboard.press("Escape")
    assert not page.locator("#seed").is_visible()
    seen.ask("a red house")
    seen.ended()
    page.wait_for_selector("#size >> text=768 × 512")
    seed = int(seen.text("#again").split()[-1])
    assert 1000 <= seed < 1000 + 4, "one of the drafts from this seed on"
    page.click("#again")
    assert page.input_value("#seed") == str(seed)
    page.fill("#seed", "-1")
    page.fill("#words", "a tree")
    page.press("#words", "Enter")
    assert page.locator(".turn").count() == 1, "a seed that is none is not sent"


def test_how_many_are_before_is_said(tmp_path: Path, browser: Any) -> None:
    let = threading.Event()
    with running(tmp_path / "home", before=lambda tool: let.wait(20) and None, at_once=1) as server:
        for _ in range(2):
            server.ask("a red house")
        seen = Seen(browser, server)
        seen.ask("a red house")
        seen.page.wait_for_selector(".work >> text=1 before yours")
        assert seen.text("#status") == "1 before yours"
        let.set()
        seen.ended()


def test_all_can_be_reached_and_named_without_a_mouse(server: Running, browser: Any) -> None:
    seen = start(browser, server)
    page = seen.page
    names: list[str] = []
    page.focus("#session")
    for _ in range(40):
        names.append(page.evaluate(NAMED))
        page.keyboard.press("Tab")
    assert "" not in names, names
    reached = page.evaluate(
        "[...document.querySelectorAll('button, select, input, textarea, summary, canvas')]"
        ".filter(e => e.checkVisibility() && !e.disabled).map(e => e.id || e.className)"
    )
    passed = {name.partition(":")[0] for name in names}
    assert set(reached) <= passed, set(reached) - passed
    assert seen.text("#status"), "what came of it is announced"

    def focused() -> str:
        return str(page.evaluate("document.activeElement.id"))

    page.focus("#undo")
    page.keyboard.press("Enter")
    page.wait_for_selector("#undo:disabled")
    assert focused() == "words"
    page.fill("#words", "a green tree")
    page.focus("#send")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cancel:visible")
    assert focused() == "cancel"
    seen.ended()
    assert focused() == "send"


NAMED = """() => {
    const e = document.activeElement;
    if (e === document.body) return "body:page";
    const label = e.labels?.[0]?.textContent ?? "";
    const name = (e.getAttribute("aria-label") || label || e.textContent.trim() ||
        e.querySelector("img")?.alt || e.title || "");
    const ring = getComputedStyle(e);
    const seen = ring.outlineStyle !== "none" || ring.boxShadow !== "none";
    return name && seen ? `${e.id || e.className}:${name}` : "";
}"""


# -- with the built-in models


def test_a_real_picture_is_drawn_edited_undone_and_found_again(
    tmp_path: Path, browser: Any
) -> None:
    with running(tmp_path / "home", real=True) as server:
        seen = Seen(browser, server)
        page = seen.page
        page.set_default_timeout(60_000)
        page.click("summary")
        page.fill("#seed", "4")
        seen.ask("a red house on the left and two green trees, in winter")
        page.wait_for_selector(".turn progress")
        page.wait_for_selector("#preview:visible")
        assert seen.drawn("#preview")
        seen.ended()
        page.wait_for_selector("#refer:visible")
        first = seen.text("#refer")
        assert page.locator("td.is-met").count() >= 4

        page.click("#mask")
        state = server.http.get(f"/api/v1/sessions/{page.url[-8:]}").json()
        tree = next(t["box"] for t in look(server, first) if t["kind"] == "tree")
        box = page.locator("#canvas").bounding_box()
        x, top, foot = (tree[0] + tree[2]) / 2, tree[1] - 0.01, tree[3]
        page.fill("#width", str(round(100 * (tree[2] - tree[0]) + 8)))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + top * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + x * box["width"], box["y"] + foot * box["height"], steps=8)
        page.mouse.up()
        seen.ask("remove this")
        seen.ended()
        page.wait_for_selector("#lineage li li")
        second = seen.text("#refer")
        assert "1 × tree" in seen.text(".turn:last-child table")
        left, right = max(0.0, tree[0] - 0.06), min(1.0, tree[2] + 0.06)
        before, after = (server.desk.studio.image(h).convert("RGB") for h in (first, second))
        changed = ImageChops.difference(before, after).getbbox()
        assert changed is not None
        assert left * 512 <= changed[0] < changed[2] <= right * 512

        seen.ask("make the house blue")
        seen.ended()
        page.wait_for_selector("#lineage li li li")
        page.fill("#words", "undo")
        page.press("#words", "Enter")
        page.wait_for_selector(f"#refer >> text={second}")
        said = page.locator(".turn.done").all_inner_texts()
        page.reload()
        page.wait_for_selector("#lineage li li li")
        assert seen.text("#refer") == second
        assert page.locator(".turn.done").all_inner_texts() == said
        assert len(state["turns"]) == 1 and len(said) == 3
        assert seen.errors == []


def look(server: Running, handle: str) -> list[dict[str, Any]]:
    """The things that are seen in a picture."""
    studio = server.desk.studio
    with studio.ledger.store.path(studio.ledger.picture(handle).digest).open("rb") as file:
        result = studio.engine.call("look", {}, {"image": Image.open(file)})
    return list((result.value or {})["things"])
