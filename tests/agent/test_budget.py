"""Budgets are read strictly and counted where the tools are called."""

from __future__ import annotations

import pytest

from danqing.agent.budget import CLOSING_STEPS, Budget, Spent
from danqing.tools.errors import BadInput


def test_a_budget_is_read_and_the_rest_keeps_its_default() -> None:
    budget = Budget.parse("pictures=8, seconds=60.5")
    assert (budget.pictures, budget.seconds, budget.steps) == (8, 60.5, Budget().steps)


@pytest.mark.parametrize(
    "text",
    ["pictures", "pictures=", "pictures=-1", "pictures=0", "cats=3", "pictures=1.5", "seconds=nan",
     "seconds=1e9", "", "steps=99999999999"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput):
        Budget.parse(text)


def test_steps_are_set_aside_for_the_end() -> None:
    spent = Spent(Budget(steps=20), steps=20 - CLOSING_STEPS)
    assert spent.lacking(0, closing=False) == "steps"
    assert spent.lacking(0, closing=True) is None
    spent.steps = 20
    assert spent.lacking(0, closing=True) == "steps"


def test_a_budget_of_one_step_allows_one() -> None:
    assert Spent(Budget(steps=1)).lacking(4, closing=False) is None
    assert Spent(Budget(steps=1), steps=1).lacking(0, closing=True) == "steps"


def test_pictures_run_out_and_tokens_and_money_end_no_turn() -> None:
    assert Spent(Budget(pictures=4), pictures=3).lacking(2, closing=False) == "pictures"
    assert Spent(Budget(pictures=4), pictures=4).lacking(0, closing=False) is None
    assert Spent(Budget(tokens=5), tokens=5).lacking(1, closing=False) is None
    assert Spent(Budget(money=0.5), money=0.6).lacking(1, closing=False) is None
    assert Spent(Budget(pictures=4), pictures=3).room_for(4) == 1


def test_time_goes_on_where_it_was_cut_short() -> None:
    spent = Spent(Budget(seconds=100), carried=90)
    assert 9 < spent.seconds_left <= 10
