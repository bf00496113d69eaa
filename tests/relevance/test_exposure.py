import numpy as np
import pytest

from relevance.exposure import BANDS, NO_BRAND, brands, exposure, price_bands
from tests.builders import a_product

OF = {"a": "Acorn", "b": "Birch"}
FIRST, SECOND = 1.0, 1 / np.log2(3)


def test_attention_falls_with_the_rank():
    found = exposure([["a", "b"]], [{"a": 1.0, "b": 1.0}], [OF])

    assert found.groups == ("Acorn", "Birch")
    assert found.attention.tolist() == pytest.approx([FIRST / (FIRST + SECOND), SECOND / (FIRST + SECOND)])
    assert found.merit.tolist() == [0.5, 0.5]
    assert found.unfairness == pytest.approx(FIRST / (FIRST + SECOND) - 0.5)


def test_taking_turns_is_fair_though_no_single_answer_is():
    found = exposure([["a", "b"], ["b", "a"]], [{"a": 1.0, "b": 1.0}] * 2, [OF] * 2)

    assert found.unfairness == pytest.approx(0)


def test_a_group_that_is_worth_more_may_be_shown_more():
    found = exposure([["a"]], [{"a": 0.9, "b": 0.0}], [OF])

    assert found.unfairness == 0


def test_a_group_that_gets_everything_for_half_of_the_worth_is_named():
    found = exposure([["a"]], [{"a": 1.0, "b": 1.0}], [OF])

    assert found.unfairness == 0.5
    assert found.most_favoured(1) == [{"group": "Acorn", "attention": 1.0, "merit": 0.5}]


def test_a_group_that_gains_is_seen_though_another_that_had_too_much_makes_up_for_it():
    of = {"a": "Acorn", "b": "Birch", "c": "Cedar"}
    judged = [{"a": 1.0, "b": 1.0, "c": 2.0}]
    before, after = (exposure([[first]], judged, [of]) for first in ("a", "b"))

    group, gain = after.most_gained(before)

    assert before.unfairness == after.unfairness == 0.75
    assert (group, gain) == ("Birch", 0.75)


def test_each_query_counts_alike_however_many_products_it_has():
    found = exposure([["a"], ["b"]], [{"a": 1.0}, {f"b{number}": 1.0 for number in range(9)} | {"b": 1.0}], [OF] * 2)

    assert found.merit.tolist() == [0.5, 0.5]


def test_products_behind_the_tenth_place_are_not_seen():
    found = exposure([[*(f"x{rank}" for rank in range(10)), "b"], ["a"]], [{"a": 1.0, "b": 1.0}] * 2, [OF] * 2)

    assert found.attention.tolist() == [1, 0]


@pytest.mark.parametrize(("answer", "judged"), [([], {"a": 1.0}), (["a"], {"a": 0.0}), (["x"], {"a": 1.0})])
def test_without_attention_or_merit_there_is_nothing_to_compare(answer, judged):
    with pytest.raises(ValueError, match="no product of any group"):
        exposure([answer], [judged], [OF])


def test_bands_are_quarters_of_the_prices_of_what_is_relevant():
    prices = {"p1": 100, "p2": 200, "p3": 300, "p4": 400, "cable": 1, "laptop": 90_000}

    bands = price_bands(prices, ["p1", "p2", "p3", "p4"], [*prices, "unpriced"])

    assert [bands[f"p{number}"] for number in (1, 2, 3, 4)] == list(BANDS)
    assert (bands["cable"], bands["laptop"]) == (BANDS[0], BANDS[-1])
    assert "unpriced" not in bands


@pytest.mark.parametrize("relevant", [[], ["p1"], ["p1", "p2", "p3", "same"], ["unpriced"]])
def test_fewer_than_four_prices_make_no_bands(relevant):
    assert price_bands({"p1": 1, "p2": 2, "p3": 3, "same": 3}, relevant, ["p1"]) == {}


def test_a_query_without_groups_takes_no_part():
    found = exposure([["a"], ["b"]], [{"a": 1.0}, {"b": 1.0}], [OF, {}])

    assert (found.groups, found.attention.tolist(), found.unfairness) == (("Acorn", "Birch"), [1, 0], 0)


def test_a_product_without_a_brand_is_of_a_group_of_its_own():
    assert brands([a_product("a", brand="Acorn"), a_product("x")]) == {"a": "Acorn", "x": NO_BRAND}
