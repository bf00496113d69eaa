from collections import Counter

import numpy as np
import pytest

from relevance.errors import BadRequest
from relevance.filters import Between, Compares, Is, Not
from relevance.index.facets import FacetColumns, facet_values
from tests.builders import a_product

COLOURS = ("red", "Blue", "green", "blue")


@pytest.fixture(scope="module")
def products():
    """200 products: each has a brand, most a price, some a colour, a few several sizes."""
    rng = np.random.default_rng(7)
    made = []
    for number in range(200):
        fields = {"brand": f"brand {rng.integers(5)}", "attributes": {}}
        if number % 10:
            fields["price"] = float(rng.integers(1, 40))
        if number % 3 == 0:
            fields["attributes"]["colour"] = COLOURS[rng.integers(len(COLOURS))]
        if number % 7 == 0:
            fields["attributes"]["size"] = tuple(rng.choice(["S", "M", "L"], size=2).tolist())
        made.append(a_product(f"p{number}", "A shirt", **fields))
    return made


@pytest.fixture(scope="module")
def columns(products, tmp_path_factory):
    folder = tmp_path_factory.mktemp("facets")
    FacetColumns.build(products, folder)
    return FacetColumns.open(folder)


@pytest.mark.parametrize("seed", range(5))
def test_facets_count_as_one_would_count_by_hand(columns, products, seed):
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(rng.random(len(products)) < rng.random())

    counted = columns.count(columns.names, rows, 100)

    assert set(columns.names) == {"brand", "price", "attributes.colour", "attributes.size"}
    for name in columns.names:
        by_hand = Counter(value for row in rows for value in set(facet_values(products[row]).get(name, ())))
        ordered = sorted(by_hand.items(), key=lambda pair: (-pair[1], str(pair[0])))
        assert list(counted[name].counts.items()) == [
            (value if isinstance(value, str) else f"{value:g}", count) for value, count in ordered
        ]


@pytest.mark.parametrize("limit", [0, 1, 3, 10])
def test_a_limit_keeps_the_most_frequent_values_and_of_equal_ones_the_alphabetically_first(columns, products, limit):
    rows = np.arange(len(products))
    everything = list(columns.count(["price"], rows, 1000)["price"].counts.items())

    assert list(columns.count(["price"], rows, limit)["price"].counts.items()) == everything[:limit]


def test_values_may_be_wanted_in_alphabetical_order(columns, products):
    found = columns.count(["attributes.size"], np.arange(len(products)), 2, alphabetical=True)

    assert list(found["attributes.size"].counts) == ["L", "M"]


def test_numbers_have_a_minimum_a_maximum_a_mean_and_a_sum(columns, products):
    rows = np.array([1, 2, 3, 10])  # the last has no price
    prices = [float(products[row].price) for row in rows[:3]]

    numbers = columns.count(["price"], rows, 10)["price"].numbers

    assert numbers == pytest.approx((min(prices), max(prices), sum(prices) / 3, sum(prices)))
    assert columns.count(["brand"], rows, 10)["brand"].numbers is None


def test_nothing_is_counted_over_no_products(columns):
    found = columns.count(["price", "attributes.size"], np.empty(0, dtype=np.int64), 10)

    assert [(count.counts, count.numbers) for count in found.values()] == [({}, None), ({}, None)]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Is("brand", "BRAND 2"), lambda values: values["brand"] == ["brand 2"]),
        (Is("attributes.colour", "blue"), lambda values: values.get("attributes.colour") in (["blue"], ["Blue"])),
        (Is("attributes.size", "M"), lambda values: "M" in values.get("attributes.size", ())),
        (Is("price", "7"), lambda values: values.get("price") == [7.0]),
        (Compares("price", "!=", 7), lambda values: "price" in values and values["price"] != [7.0]),
        (Between("price", 5, 9), lambda values: "price" in values and 5 <= values["price"][0] <= 9),
        (Not(Is("attributes.size", "M")), lambda values: "M" not in values.get("attributes.size", ())),
    ],
)
def test_a_condition_lets_through_what_one_would_let_through_by_hand(columns, products, condition, holds):
    expected = [row for row, product in enumerate(products) if holds(facet_values(product))]

    assert np.flatnonzero(columns.mask(condition)).tolist() == expected
    assert 0 < len(expected) < len(products)


def test_text_cannot_be_compared_with_a_number(columns):
    with pytest.raises(BadRequest, match='brand holds text such as "brand 0"'):
        columns.mask(Compares("brand", "<", 3))


def test_a_catalogue_without_facets_has_none(tmp_path):
    FacetColumns.build([a_product("a", "Lamp")], tmp_path)

    assert FacetColumns.open(tmp_path).names == ()
