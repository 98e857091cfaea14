"""The planner's recipe: its tokenizer, how it is packed, what it learns, what it leaves behind."""

from __future__ import annotations

import json
import sys
import unicodedata
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from danqing.agent.llm.forms import SaidChange, SaidClaim, Understanding
from danqing.agent.llm.offers import form
from danqing.tools.chat_formats import Reader
from danqing.tools.language_model import Chat, Function, _told
from training import cards, planner
from training.requests import Sample, noted, samples
from training.requests.form import answer, message
from training.run import MuonAdamW


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Any:
    """A tokenizer that has seen little, kept and read again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "LEARNED_FROM", 1500)
        made = planner.tokenizer()
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(planner, "SIZE", {"width": 64, "heads": 2, "shared": 1, "head": 32})
    monkeypatch.setattr(planner, "ROW", 192)


# -- the tokenizer


def test_what_it_decodes_is_what_it_encoded(words) -> None:
    assert len(words) <= planner.VOCABULARY
    for sample in islice(samples("decoded"), 500):
        ids = words(sample.answer + planner.END).input_ids
        assert words.decode(ids, skip_special_tokens=True) == sample.answer
        assert planner.parsed(sample.answer) == sample.understanding


def test_every_character_survives(words) -> None:
    text = "龘靐齉爨 ſ ß é 🐉 鹳鹳 ﷽ \u4e00\u9fa5 cat's"
    kept = words.decode(words(f"{planner.USER}{text}", add_special_tokens=False).input_ids[1:])
    assert kept.strip() == unicodedata.normalize("NFKC", text)
    told = Understanding(intent="make", claims=[SaidClaim(kind="text", value="龘靐“爨”")])
    again = words.decode(words(answer(told)).input_ids, skip_special_tokens=True)
    assert planner.parsed(again) == told


@pytest.mark.parametrize("noun", ["house", "snorklewhack", "street lamp", "theremin", "2026"])
def test_a_word_is_the_same_tokens_where_it_is_asked_for_and_where_it_is_answered(
    words, noun: str
) -> None:
    told = Understanding(intent="make", claims=[SaidClaim(kind="object", subject=noun)])
    asked = planner.prompt(words, message(f"draw a red {noun}, please"))
    inside = words(answer(told)).input_ids[1:-1]  # between the structure around it
    found = [asked[i : i + len(inside) - 1] for i in range(len(asked))]
    assert inside[1:] in found, words.convert_ids_to_tokens(inside)


def test_an_answer_of_one_claim_is_a_handful_of_tokens(words) -> None:
    told = Understanding(intent="make", claims=[SaidClaim(kind="object", subject="house")])
    assert words.convert_ids_to_tokens(words(answer(told)).input_ids) == [
        '<tool_call>\n{"name": "understand", "arguments": {"intent": "make',
        '", "claims": [{"kind": "object", "subject": "', "Ġhouse", '"}]}}\n</tool_call>',
    ]  # fmt: skip


def test_the_template_takes_what_other_models_are_told_and_leaves_it_out(words) -> None:
    told = [{"role": "system", "content": "You plan."}, {"role": "user", "content": "request: hi"}]
    tools = [{"type": "function", "function": {"name": "understand", "parameters": {}}}]
    ids = words.apply_chat_template(
        told, tools=tools, add_generation_prompt=True, return_dict=True
    ).input_ids
    assert list(ids) == planner.prompt(words, "request: hi")


def test_the_template_writes_calls_and_their_results(words) -> None:
    arguments = {"intent": "make", "remarks": ["美"]}
    call = {"type": "function", "function": {"name": "understand", "arguments": arguments}}
    told = [
        {"role": "user", "content": "request: hi"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "done"},
    ]
    assert words.apply_chat_template(told, tokenize=False) == (
        "<|im_start|>user\nrequest: hi<|im_end|>\n<|im_start|>assistant\n"
        + answer(Understanding(**arguments))
        + "<|im_end|>\n<|im_start|>tool\ndone<|im_end|>"
    )


# -- the rows


def test_rows_hold_whole_samples_and_the_loss_is_on_answers_alone(words) -> None:
    row = next(iter(planner.Rows(words, "rows")))
    ids, labels, places, number = row
    for i, sample in enumerate(islice(samples("rows 0"), int(number.max()) + 1)):
        mine = number == i
        asked = planner.prompt(words, sample.message)
        assert ids[mine].tolist()[: len(asked)] == asked
        assert places[mine].tolist() == list(range(int(mine.sum())))
        assert (labels[mine][: len(asked)] == -100).all()
        assert words.decode(labels[mine][len(asked) :], skip_special_tokens=True) == sample.answer
        assert labels[mine][-1] == words.eos_token_id
    assert (labels[number < 0] == -100).all()


def test_samples_of_one_row_do_not_see_each_other(words, tiny) -> None:
    torch.manual_seed(0)
    model = planner.build(words, 2, 64).eval()
    row = next(iter(planner.Rows(words, "rows")))
    ids, labels, _, number = row
    alone = []
    for i in range(int(number.max()) + 1):
        one, known = ids[number == i][None], labels[number == i][None]
        logits = model(input_ids=one).logits[:, :-1][known[:, 1:] >= 0]
        wanted = known[:, 1:][known[:, 1:] >= 0]
        alone.append(torch.nn.functional.cross_entropy(logits, wanted, reduction="none"))
    packed = planner.loss_of(model, row[None])
    torch.testing.assert_close(packed, torch.cat(alone).mean(), rtol=1e-4, atol=1e-5)


# -- what it learns


def test_it_learns_what_it_is_shown_and_says_it_by_itself(words, tiny) -> None:
    torch.manual_seed(0)
    model = planner.build(words, 2, 128)
    rows = torch.stack(list(islice(planner.Rows(words, "few"), 4)))
    optimizer = MuonAdamW([model], 0.01, outer=("embed_tokens", "lm_head"))
    for _ in range(160):
        loss = planner.loss_of(model, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    shown = list(islice(samples("few 0"), int((rows[:, 3].amax(1) + 1).sum())))
    said = planner.answers(model.eval(), words, [sample.message for sample in shown], batch=5)
    assert planner.scores(said, shown)["in form"] > 0.9
    exact = [
        planner.same(planner.parsed(text), sample.understanding)
        for text, sample in zip(said, shown, strict=True)
    ]
    assert sum(exact) / len(exact) > 0.8


def test_the_order_of_claims_says_nothing_and_that_of_changes_does() -> None:
    claims = [SaidClaim(kind="object", subject=noun) for noun in ("cat", "dog")]
    told = Understanding(intent="make", claims=claims)
    assert planner.same(told.model_copy(update={"claims": claims[::-1]}), told)
    assert not planner.same(told.model_copy(update={"claims": claims[:1]}), told)
    changes = [SaidChange(op="remove", subject=noun) for noun in ("cat", "dog")]
    told = Understanding(intent="edit", changes=changes)
    assert not planner.same(told.model_copy(update={"changes": changes[::-1]}), told)
    assert not planner.same(None, told)


def test_shares_are_of_what_was_right(words) -> None:
    asked = list(islice(samples("scored"), 40))
    said = [sample.answer for sample in asked]
    found = planner.scores(said, asked)
    assert found["in form"] == found["exact"]["English"]["all"] == 1.0
    assert found["claims and changes"] == {"precision": 1.0, "recall": 1.0}
    english = [i for i, sample in enumerate(asked) if not sample.chinese]
    for i in english:
        said[i] = said[i].removesuffix("}\n</tool_call>")
    found = planner.scores(said, asked)
    assert found["in form"] == pytest.approx(1 - len(english) / len(asked))
    assert (found["exact"]["English"]["all"], found["exact"]["Chinese"]["all"]) == (0.0, 1.0)
    assert found["claims and changes"]["precision"] == 1.0 > found["claims and changes"]["recall"]


@pytest.mark.parametrize(
    "text", ["", "hello", '<tool_call>\n{"name": "understand"}\n</tool_call>',
             '<tool_call>\n{"name": "understand", "arguments": {"intent": "sing"}}\n</tool_call>'],
)  # fmt: skip
def test_what_is_no_form_is_none(text: str) -> None:
    assert planner.parsed(text) is None


@pytest.mark.parametrize("setting", ["small", "full"])
def test_it_has_less_than_five_million_parameters(words, setting: str) -> None:
    s = planner.SETTINGS[setting]
    with torch.device("meta"):
        model = planner.build(words, s["layers"], s["inner"])
    grown = (planner.VOCABULARY - len(words)) * planner.SIZE["width"]
    assert sum(p.numel() for p in model.parameters()) + grown < 5_000_000


def test_the_recipe_leaves_a_folder_that_loads_and_goes_on_from_it(
    monkeypatch, tmp_path: Path, tiny, capsys
) -> None:
    monkeypatch.setattr(planner, "LEARNED_FROM", 200)
    monkeypatch.setattr(planner, "HELD_OUT", 4)
    monkeypatch.setattr(planner, "ANSWER", 3)
    monkeypatch.setattr(noted, "FILES", ("gist",))
    small = {"rows": 1, "rate": 3e-3, "workers": 0, "layers": 1, "inner": 32}
    monkeypatch.setitem(planner.SETTINGS, "small", small)
    out = tmp_path / "out"
    options = ["planner", "--minutes", "0.01", "--device", "cpu", "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", [*options, "--out", str(out)])
    planner.main()
    model, words = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert type(model).__name__ == "Qwen3ForCausalLM"
    assert model.get_input_embeddings().num_embeddings == len(words)
    assert {path.suffix for path in out.iterdir()} == {".json", ".md", ".safetensors"}
    assert words.apply_chat_template([{"role": "user", "content": "request: 猫"}], tokenize=False)
    _, seen = cards.trained(out)
    assert seen > 0
    assert "tests of the reader: gist" in (out / "README.md").read_text("utf-8")
    monkeypatch.setattr(
        sys, "argv", [*options[:-1], str(tmp_path / "more"), "--start", str(out), "--out", str(out)]
    )
    planner.main()
    assert cards.trained(out)[1] > seen
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["planner", "--check", str(out), "--device", "cpu"])
    planner.main()
    assert json.loads(capsys.readouterr().out)["n"] == 4


def test_a_sample_is_read_as_a_session_says_it(words) -> None:
    sample = Sample("request: hi", Understanding(intent="chat"), "chat", False, "hi")
    assert words.decode(planner.prompt(words, sample.message)) == (
        "<|im_start|>user\nrequest: hi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_studio_lets_its_answers_through_where_it_enforces_a_call(words) -> None:
    """What `danqing.tools.language_model` rules out is nothing that the model learns to say."""
    shape = form("understand", "Say what the request asks for.", Understanding)
    tool = _told(Function.model_validate(shape["function"]))
    chat = Chat(words, planner.build(words, 1, 32))
    told = [{"role": "user", "content": "request: hi", "tool_calls": []}]
    asked = chat.prompt(told, [tool], thinking=False)
    assert chat.tokens(asked)["input_ids"][0].tolist() == planner.prompt(words, "request: hi")
    for sample in islice(samples("enforced"), 60):
        reader = Reader(chat.format, asked, [tool], [])
        matcher = chat.constraint([tool], reader, thinking=False).matcher
        ids = words(sample.answer).input_ids
        assert all(matcher.consume_token(token) for token in ids), sample.answer
        assert matcher.is_accepting()
        reader.feed(words.decode(ids))
        reader.finish(cut=False)
        (call,) = reader.calls
        assert planner.parsed(sample.answer) == Understanding.model_validate_json(call["arguments"])
