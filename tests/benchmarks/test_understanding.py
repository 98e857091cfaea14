"""The frozen requests are what they claim to be, and the scorer counts as it says."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
from provider import Say, provider

from benchmarks.understanding import REQUESTS, Report, Row, Share, Understand, load, read, score
from benchmarks.understanding.__main__ import main
from danqing.agent.brief import Brief, Claim

GOLD = {sample.request: sample.brief for sample in load()}


def row(report: Report, group: str, kind: str) -> Row:
    return next(r for r in report.rows if (r.group, r.kind) == (group, kind))


def share(report: Report, group: str, name: str) -> Share:
    return next(s for s in report.shares if (s.group, s.name) == (group, name))


def measured(understand: Understand) -> Report:
    return score(read(load(), understand), resamples=50)


def altered(request: str, *claims: Claim) -> Understand:
    """Gold everywhere except that ``request`` gets these claims."""

    def understand(text: str) -> Brief:
        brief = GOLD[text]
        return brief.model_copy(update={"claims": claims}) if text == request else brief

    return understand


def some_request_with(kind: str, language: str) -> str:
    return next(
        text
        for text, brief in GOLD.items()
        if brief.language == language and any(c.kind == kind for c in brief.claims)
    )


def test_the_file_is_the_one_whose_hash_the_readme_names() -> None:
    digest = hashlib.sha256(REQUESTS.read_bytes()).hexdigest()
    assert f"sha256 {digest}" in REQUESTS.with_name("README.md").read_text(encoding="utf-8")


def test_there_are_a_hundred_requests_in_each_language_and_none_twice() -> None:
    samples = load()
    assert Counter(s.brief.language for s in samples) == {"en": 100, "zh": 100}
    assert len({s.request.casefold() for s in samples}) == len({s.id for s in samples}) == 200
    assert all(s.id.startswith(s.brief.language) for s in samples)


def test_the_intents_have_their_agreed_shares() -> None:
    intents = Counter(brief.intent for brief in GOLD.values())
    assert intents == {"make": 155, "edit": 20, "ask": 15, "chat": 10}


def test_no_gold_brief_says_a_claim_twice_or_numbers_out_of_order() -> None:
    for text, brief in GOLD.items():
        assert len({claim.key for claim in brief.claims}) == len(brief.claims), text
        assert [c.id for c in brief.claims] == [f"c{n + 1}" for n in range(len(brief.claims))], text


def test_only_pictures_and_edits_have_claims_and_only_edits_and_questions_a_target() -> None:
    for text, brief in GOLD.items():
        assert bool(brief.claims) == (brief.intent in {"make", "edit"}), text
        assert brief.target is None or brief.intent in {"edit", "ask"}, text
        assert brief.intent != "edit" or brief.target, text


def test_colors_that_pick_one_of_several_name_a_color_that_is_claimed() -> None:
    for text, brief in GOLD.items():
        claimed = {(c.subject, c.value) for c in brief.claims if c.kind == "color"}
        for claim in brief.claims:
            assert claim.color is None or (claim.subject, claim.color) in claimed, text


def test_every_subject_and_related_object_is_also_claimed_to_be_there() -> None:
    for text, brief in GOLD.items():
        there = {c.subject for c in brief.claims if c.kind in {"object", "count"}}
        for claim in brief.claims:
            if claim.kind in {"object", "color", "place", "relation", "size"}:
                named = {claim.subject, claim.object, claim.object2} - {None}
                assert named <= there, (text, claim)


def test_the_gold_scores_one_everywhere() -> None:
    report = measured(GOLD.__getitem__)
    assert report.failed == 0
    assert {s.share.value for s in report.shares} == {1.0}
    assert {(s.group, s.n) for s in report.shares if s.name == "intent"} == {
        ("en", 100),
        ("zh", 100),
        ("all", 200),
    }
    for r in report.rows:
        assert (r.precision.value, r.recall.value, r.f1.value) == (1.0, 1.0, 1.0), r
        assert (r.f1.low, r.f1.high) == (1.0, 1.0)


def test_order_ids_sources_and_remarks_do_not_matter() -> None:
    def shuffled(text: str) -> Brief:
        brief = GOLD[text]
        claims = tuple(
            claim.model_copy(update={"id": f"c{number}", "source": text})
            for number, claim in enumerate(reversed(brief.claims), start=20)
        )
        return brief.model_copy(update={"claims": claims, "remarks": ("nice",)})

    assert share(measured(shuffled), "all", "entirely right").share.value == 1.0


def test_an_altered_value_is_one_claim_missing_and_one_too_many() -> None:
    text = some_request_with("season", "zh")
    claims = tuple(
        c.model_copy(update={"value": "monsoon"}) if c.kind == "season" else c
        for c in GOLD[text].claims
    )
    report = measured(altered(text, *claims))
    season = row(report, "zh", "season")
    assert season.recall.value == season.precision.value == pytest.approx(1 - 1 / season.n)
    assert row(report, "zh", "object").f1.value == 1.0
    assert row(report, "en", "season").f1.value == 1.0
    assert share(report, "zh", "entirely right").share.value == pytest.approx(0.99)
    assert share(report, "all", "entirely right").share.value == pytest.approx(0.995)
    assert share(report, "zh", "intent").share.value == 1.0


def test_a_dropped_claim_costs_recall_and_a_repeated_one_precision() -> None:
    text = some_request_with("count", "en")
    claims = GOLD[text].claims
    counts = [c for c in claims if c.kind == "count"]
    dropped = row(measured(altered(text, *(c for c in claims if c not in counts))), "en", "count")
    assert dropped.recall.value == pytest.approx(1 - len(counts) / dropped.n)
    assert dropped.precision.value == 1.0
    again = counts[0].model_copy(update={"id": "c39"})
    repeated = row(measured(altered(text, *claims, again)), "en", "count")
    assert repeated.recall.value == 1.0
    assert repeated.precision.value == pytest.approx(repeated.n / (repeated.n + 1))


def test_a_parser_that_raises_is_wrong_in_everything_even_where_no_claim_is_due() -> None:
    def broken(text: str) -> Brief:
        raise ValueError(text)

    report = measured(broken)
    assert report.failed == 200
    assert {s.share.value for s in report.shares} == {0.0}
    everything = row(report, "all", "all")
    assert (everything.recall.value, everything.f1.value) == (0.0, 0.0)
    assert everything.precision.value != everything.precision.value, "0 of 0 is no share"


def test_the_wrong_target_of_an_edit_is_noticed_and_that_of_a_question_is_not() -> None:
    def last(text: str) -> Brief:
        brief = GOLD[text]
        return brief.model_copy(update={"target": "last" if brief.intent == "edit" else None})

    named = sum(b.intent == "edit" and b.target != "last" for b in GOLD.values())
    report = measured(last)
    assert named > 0
    assert share(report, "all", "target of an edit").share.value == pytest.approx(1 - named / 20)
    assert share(report, "all", "entirely right").share.value == pytest.approx(1 - named / 200)


def test_intervals_hold_the_value_and_are_the_same_each_time() -> None:
    def half(text: str) -> Brief:
        brief = GOLD[text]
        return brief.model_copy(update={"claims": brief.claims[::2]})

    first, second = (score(read(load(), half)) for _ in range(2))
    recall = row(first, "all", "all").recall
    assert recall.low < recall.value < recall.high
    assert recall == row(second, "all", "all").recall


def test_the_command_prints_a_table_or_json_and_ends_with_zero(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = some_request_with("text", "en")
    assert main(["--show-errors"], altered(text)) == 0
    printed = capsys.readouterr().out
    assert text in printed
    assert "missing" in printed
    assert "entirely right" in printed
    assert main(["--json", "--show-errors"], altered(text)) == 0
    document = json.loads(capsys.readouterr().out)
    assert [error["request"] for error in document["errors"]] == [text]
    assert {r["kind"] for r in document["rows"]} >= {"all", "object", "kept"}


def test_a_language_model_that_nobody_reaches_understands_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with provider(Say(status=401)) as server:
        assert main(["--llm", f"{server.url}#tiny"]) == 0
    assert "200 requests on which the parser raised" in capsys.readouterr().out
    assert 0 < len(server.requests) < 10  # it is soon left alone


def test_a_language_model_reads_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    chat = Say(calls=[("understand", json.dumps({"intent": "chat"}))])
    with provider(chat) as server:
        assert main(["--json", "--llm", f"{server.url}#tiny"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] == 0
    (intent,) = (x for x in document["shares"] if (x["group"], x["name"]) == ("all", "intent"))
    assert intent["share"]["value"] == 10 / 200  # so many of them are small talk
