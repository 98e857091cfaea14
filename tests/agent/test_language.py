"""The built-in reader: requests in two languages become the claims of the guideline.

The claims expected of a request are written short:
``house`` object; ``house=wooden`` so; ``tree*2`` count; ``house:red`` color; ``dog#big`` size;
``house@left`` place; ``!person`` absent; ``cat above chair`` relation, ``dog between tree tree``;
``~HELLO`` text; ``+house`` kept; ``season winter``. ``house[red]`` says which house is meant.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.agent.brief import MAX_CLAIMS, Brief
from danqing.agent.language import statements, understand
from danqing.tools.errors import BadInput
from training.requests.noted import keys

HERE = Path(__file__).parent
KNOWN_MISSES = {
    "雪地里的小木屋，窗户里透出温暖的灯光",
    "热气球上画着一颗心",
    "端午节的龙舟，鼓手在船头",
}


def requests(name: str) -> list[tuple[str, str]]:
    """The (request, expected claims or intent) pairs of one file beside this one."""
    lines = (HERE / f"language_{name}.txt").read_text("utf-8").splitlines()
    pairs = [line.partition(" => ") for line in lines if line and not line.startswith("#")]
    return [(request, expected.strip()) for request, _, expected in pairs]


def said(request: str) -> set[tuple[object, ...]]:
    return {claim.key for claim in understand(request).claims}


@pytest.mark.parametrize(("request_", "expected"), requests("english") + requests("chinese"))
def test_a_request_becomes_the_claims_of_the_guideline(request_: str, expected: str) -> None:
    brief = understand(request_)
    if expected in {"ask", "chat"}:
        assert brief.intent == expected
        assert brief.claims == ()
        return
    wanted = keys(expected)
    found = {claim.key for claim in brief.claims}
    if request_ in KNOWN_MISSES:
        assert len(wanted & found) >= len(wanted) / 2
        assert wanted != found, "read right now: take it out of KNOWN_MISSES"
    else:
        assert found == wanted


@pytest.mark.parametrize("name", ["english", "chinese"])
def test_nearly_every_claim_is_found_and_nearly_none_is_made_up(name: str) -> None:
    hits = wanted = found = 0
    for request, expected in requests(name):
        if expected not in {"ask", "chat"}:
            want, got = keys(expected), said(request)
            hits, wanted, found = hits + len(want & got), wanted + len(want), found + len(got)
    assert hits / wanted > 0.95
    assert hits / found > 0.95


def test_a_color_belongs_to_its_own_noun() -> None:
    assert said("a girl in a yellow raincoat holding a blue umbrella under a tree") == keys(
        "girl; raincoat; raincoat:yellow; umbrella; umbrella:blue; tree; girl below tree"
    )


def test_what_follows_a_comma_does_not_spill_onto_what_came_before() -> None:
    assert said("a red house on the left, two trees, snowy mountains, a winter night") == keys(
        "house; house:red; house@left; tree*2; weather snow; setting mountains; season winter;"
        "time night"
    )


@pytest.mark.parametrize(
    "request_",
    ["a zeppelin over the city", "画一艘齐柏林飞艇在城市上方", "zeppelins", "the quux of zeppelin"],
)
def test_a_word_the_painter_was_never_told_of_is_still_a_claim(request_: str) -> None:
    assert "zeppelin" in {claim.subject for claim in understand(request_).claims}


def test_an_invented_word_is_a_claim_under_its_own_name() -> None:
    assert said("a purple snorklewhack") == keys("snorklewhack; snorklewhack:purple")
    assert "饕餮" in {claim.source for claim in understand("一只红色的大鸟和饕餮").claims}


def test_traditional_characters_say_the_same_as_simplified_ones() -> None:
    assert said("兩隻貓頭鷹在紅色的房子上面") == said("两只猫头鹰在红色的房子上面")
    assert said("兩隻貓頭鷹在紅色的房子上面") >= keys("owl*2; house:red; owl above house")


def test_a_request_may_mix_the_languages() -> None:
    brief = understand("red house, 两棵树, night, 4k")
    assert {claim.key for claim in brief.claims} == keys("house; house:red; tree*2; time night")
    assert brief.remarks == ("4k",)
    assert said("请用 pixel art 风格画一个 spaceship") == keys("style pixel art; spaceship")


@pytest.mark.parametrize(
    "request_",
    [
        "a red house and 三只小猫, “Hello”",
        "I’d love a “HELLO” sign above  the café",
        "ｆｕｌｌ ｗｉｄｔｈ ｃａｔ",
        "請畫兩隻貓，天空是紫色的",
        "🌸 a flower 🌸 in a vase",
    ],
)
def test_the_source_of_a_claim_is_a_part_of_the_request(request_: str) -> None:
    claims = understand(request_).claims
    assert claims
    assert all(claim.source and claim.source in request_ for claim in claims)


def test_the_ids_count_up() -> None:
    claims = understand("two cats, a red house on the left, no people").claims
    assert [claim.id for claim in claims] == [f"c{i}" for i in range(1, len(claims) + 1)]


def test_praise_is_a_remark_and_no_claim() -> None:
    brief = understand("a beautiful, cozy cabin, masterpiece, 8k")
    assert {claim.key for claim in brief.claims} == keys("house")
    assert set(brief.remarks) == {"beautiful", "cozy", "masterpiece", "8k"}


def test_notation_of_other_programs_is_a_remark() -> None:
    brief = understand("(cat:1.3), <lora:x:0.8> red hat --ar 16:9")
    assert {claim.key for claim in brief.claims} == keys("cat; hat; hat:red")
    assert "--ar 16:9" in brief.remarks


def test_the_case_of_written_words_is_kept() -> None:
    assert keys("~Open All Night") <= said('a sign that says "Open All Night"')
    assert keys("~STOP") <= said("a road sign that says STOP")
    assert keys("~福") <= said("门上写着福字")


@pytest.mark.parametrize(
    ("request_", "intent", "target"),
    [
        ("could you draw me a cat?", "make", None),
        ("你能帮我画一张海边的日落吗？", "make", None),
        ("how many trees are there?", "ask", "last"),
        ("is there a dog in img-4?", "ask", "img-4"),
        ("what can you draw?", "ask", None),
        ("你会画什么", "ask", None),
        ("turn img-3 into a watercolor", "edit", "img-3"),
        ("把房子改成蓝色", "edit", "last"),
        ("what is 2+2", "chat", None),
        ("讲个笑话", "chat", None),
        ("put a cat on a table", "make", None),
        ("put a hat on the cat", "edit", "last"),
    ],
)
def test_the_intent_and_its_target_are_told(request_: str, intent: str, target: str | None) -> None:
    brief = understand(request_)
    assert (brief.intent, brief.target) == (intent, target)


def test_a_handle_of_the_session_is_recognized_whatever_its_form() -> None:
    brief = understand("make the sky red in My-Sunset", known_pictures=("My-Sunset",))
    assert brief.target == "My-Sunset"


def test_what_was_there_before_an_edit_is_not_asked_for_again() -> None:
    assert said("move the red car to the left") == keys("car@left")
    assert said("remove the red car") == keys("!car[red]")


def test_more_claims_than_a_brief_holds_go_to_the_remarks() -> None:
    brief = understand(
        ", ".join(f"{i} gadget{chr(97 + i % 26)}{chr(97 + i // 26)}s" for i in range(2, 60))
    )
    assert len(brief.claims) == MAX_CLAIMS
    assert len(brief.remarks) == 58 - MAX_CLAIMS


@pytest.mark.parametrize("request_", ["", "  \n\t ", "?!…", "\u200b", "——"])
def test_a_request_without_a_word_is_refused(request_: str) -> None:
    with pytest.raises(BadInput):
        understand(request_)


def test_a_request_that_is_too_long_is_refused_with_its_length() -> None:
    with pytest.raises(BadInput, match="4,001"):
        understand("a" * 4001)


def test_a_caption_reads_as_statements() -> None:
    caption = "a painting of a red house next to two trees in winter"
    assert {claim.key for claim in statements(caption)} == keys(
        "house; house:red; tree*2; season winter"
    )
    assert statements("...") == ()


@settings(max_examples=150)
@given(st.text(max_size=300))
def test_any_text_is_refused_or_becomes_a_brief(text: str) -> None:
    start = time.process_time()
    try:
        brief = understand(text)
    except BadInput:
        return
    assert Brief.model_validate_json(brief.model_dump_json()) == brief
    assert time.process_time() - start < 0.5


WORDS = (
    "a the two red blue house cat and or , . : of with no without under between left of on in night"
    " snow make remove the it is are says \" ' — 一 只 两 红 色 的 猫 狗 在 上 下 有 没 和"
    " 、 ， 把 改 成 树 之 间 写 着"
)


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(WORDS.split(" ")), min_size=1, max_size=40), st.sampled_from(["", " "])
)
def test_any_order_of_words_is_refused_or_becomes_a_brief(words: list[str], gap: str) -> None:
    try:
        brief = understand(gap.join(words))
    except BadInput:
        return
    assert len(brief.claims) <= MAX_CLAIMS


@pytest.mark.parametrize("piece", ["a red cat and ", "两只红色的猫在", "xq", "字", "the of in "])
def test_four_thousand_characters_are_read_in_time(piece: str) -> None:
    understand(piece)
    start = time.process_time()
    understand((piece * 4000)[:4000])
    assert time.process_time() - start < 1.5


def test_importing_the_reader_loads_nothing_heavy() -> None:
    code = (
        "import sys; import danqing.agent.language; "
        "print([m for m in ('numpy', 'torch', 'rjieba', 'lemminflect', 'opencc_purepy') "
        "if m in sys.modules])"
    )
    root = HERE.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert "rjieba" not in done.stdout
    assert "lemminflect" not in done.stdout
