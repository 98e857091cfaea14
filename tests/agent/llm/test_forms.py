"""The form of an understanding, and the Brief that follows from it."""

from __future__ import annotations

import pytest

from danqing.agent.llm.forms import SaidClaim, Understanding


def _keys(*claims: SaidClaim) -> list[tuple[object, ...]]:
    told = Understanding(intent="make", claims=list(claims)).brief("一只猫")
    return [(claim.subject, claim.value) for claim in told.claims]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("古老", "old"), ("奔跑", "running"), ("飞驰", "speeding"), ("悠闲", "leisurely"),
     ("shaggy", "shaggy")],
)  # fmt: skip
def test_how_a_thing_is_comes_in_english(said: str, meant: str) -> None:
    assert _keys(SaidClaim(kind="object", subject="猫", value=said)) == [("cat", meant)]


def test_what_is_written_stays_as_it_is_written() -> None:
    assert _keys(SaidClaim(kind="text", value="古老")) == [(None, "古老")]


def test_a_picture_may_have_two_styles_and_one_season() -> None:
    styles = [SaidClaim(kind="style", value=value) for value in ("impressionist", "oil")]
    assert _keys(*styles) == [(None, "impressionist"), (None, "oil")]
    seasons = [SaidClaim(kind="season", value=value) for value in ("winter", "summer")]
    with pytest.raises(ValueError, match="two claims of season disagree"):
        _keys(*seasons)
