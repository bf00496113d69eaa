import numpy as np
import pytest

from relevance.exposure import BANDS, NO_BRAND, NO_PRICE, brands, exposure, price_bands
from tests.builders import a_product

OF = {"a": "Acorn", "b": "Birch"}
FIRST, SECOND = 1.0, 1 / np.log2(3)


def test_attention_falls_with_the_rank():
    found = exposure([["a", "b"]], [{"a": 1.0, "b": 1.0}], OF)

    assert found.groups == ("Acorn", "Birch")
    assert found.attention.tolist() == pytest.approx([FIRST / (FIRST + SECOND), SECOND / (FIRST + SECOND)])
    assert found.merit.tolist() == [0.5, 0.5]
    assert found.unfairness == pytest.approx(FIRST / (FIRST + SECOND) - 0.5)


def test_taking_turns_is_fair_though_no_single_answer_is():
    found = exposure([["a", "b"], ["b", "a"]], [{"a": 1.0, "b": 1.0}] * 2, OF)

    assert found.unfairness == pytest.approx(0)


def test_a_group_that_is_worth_more_may_be_shown_more():
    found = exposure([["a"]], [{"a": 0.9, "b": 0.0}], OF)

    assert found.unfairness == 0


def test_a_group_that_gets_everything_for_half_of_the_worth_is_named():
    found = exposure([["a"]], [{"a": 1.0, "b": 1.0}], OF)

    assert found.unfairness == 0.5
    assert found.most_favoured(1) == [{"group": "Acorn", "attention": 1.0, "merit": 0.5}]


def test_each_query_counts_alike_however_many_products_it_has():
    found = exposure([["a"], ["b"]], [{"a": 1.0}, {f"b{number}": 1.0 for number in range(9)} | {"b": 1.0}], OF)

    assert found.merit.tolist() == [0.5, 0.5]


def test_products_behind_the_tenth_place_are_not_seen():
    found = exposure([[*(f"x{rank}" for rank in range(10)), "b"], ["a"]], [{"a": 1.0, "b": 1.0}] * 2, OF)

    assert found.attention.tolist() == [1, 0]


@pytest.mark.parametrize(("answer", "judged"), [([], {"a": 1.0}), (["a"], {"a": 0.0}), (["x"], {"a": 1.0})])
def test_without_attention_or_merit_there_is_nothing_to_compare(answer, judged):
    with pytest.raises(ValueError, match="no product of any group"):
        exposure([answer], [judged], OF)


def test_bands_are_quarters_of_the_prices_and_equal_prices_share_one():
    products = [a_product(f"p{price}", price=price) for price in (1, 2, 3, 4, 5, 6, 7, 8)]
    products += [a_product("same", price=3), a_product("free")]

    bands = price_bands(products)

    assert [bands[f"p{price}"] for price in (1, 4, 6, 8)] == list(BANDS)
    assert (bands["same"], bands["free"]) == (bands["p3"], NO_PRICE)


def test_a_product_without_a_brand_is_of_a_group_of_its_own():
    assert brands([a_product("a", brand="Acorn"), a_product("x")]) == {"a": "Acorn", "x": NO_BRAND}
