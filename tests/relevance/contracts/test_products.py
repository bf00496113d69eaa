import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from relevance.contracts.products import Product


def a_product(**fields):
    return Product.model_validate({"objectID": "1", "title": "Red shoes"} | fields)


@pytest.mark.parametrize(
    ("price", "currency", "cents"),
    [
        (9.99, "EUR", 999),
        ("9.99", "EUR", 999),
        (10, None, 1000),
        (0, "EUR", 0),
        (500, "JPY", 500),
        (1.2345, "KWD", 1234),  # half to even: 1234.5 thousandths
        (0.005, "EUR", 0),
    ],
)
def test_a_price_is_counted_in_the_minor_unit_of_its_currency(price, currency, cents):
    assert a_product(price=price, currency=currency).price_cents == cents


def test_a_product_without_a_price_has_no_cents():
    assert a_product().price_cents is None


@pytest.mark.parametrize(
    "price", [True, "", "abc", "1,299.00", " 9.99", "9e3", "NaN", float("nan"), float("inf"), -1, 1e13, [9.99], {}]
)
def test_a_price_that_is_no_amount_is_refused(price):
    with pytest.raises(ValidationError, match="price"):
        a_product(price=price)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("objectID", 7),
        ("objectID", ""),
        ("objectID", " "),
        ("objectID", "x" * 513),
        ("title", ""),
        ("title", None),
        ("brand", 7),
        ("categories", "Shoes"),
        ("categories", [1]),
        ("currency", "eur"),
        ("attributes", ["red"]),
        ("attributes", {"colour": {"name": "red"}}),
        ("attributes", {"sizes": [41, 42]}),
        ("attributes", {"width": float("inf")}),
        ("attributes", {"width": 10**400}),
        ("rating", True),
        ("rating", "4"),
        ("rating", -0.1),
        ("rating", float("nan")),
        ("rating_count", True),
        ("rating_count", 2.5),
        ("rating_count", -1),
        ("in_stock", 1),
        ("in_stock", "yes"),
        ("sponsored", "false"),
        ("released_at", 1230000000),
        ("released_at", "1230000000"),
        ("released_at", "last week"),
    ],
)
def test_a_field_of_another_kind_is_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        a_product(**{field: value})


def test_null_means_left_out():
    product = a_product(
        description=None, brand=None, price=None, sponsored=None, attributes={"colour": None, "size": 41}
    )

    assert (product.description, product.brand, product.price, product.sponsored) == ("", "", None, False)
    assert product.attributes == {"size": 41}


def test_an_attribute_keeps_its_kind():
    attributes = {"wireless": True, "width": 33.6, "ports": 4, "model": "9.99", "codes": ["CE", "REACH"]}

    product = a_product(attributes=attributes)

    assert product.attributes == attributes | {"codes": ("CE", "REACH")}
    assert product.attributes["wireless"] is True
    assert [type(product.attributes[name]) for name in ("width", "ports", "model")] == [float, int, str]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2009-12-10", datetime(2009, 12, 10, tzinfo=UTC)),
        ("2009-12-10T08:00:00", datetime(2009, 12, 10, 8, tzinfo=UTC)),
        ("2009-12-10T08:00:00+02:00", datetime(2009, 12, 10, 6, tzinfo=UTC)),
    ],
)
def test_a_release_date_can_be_compared_whatever_its_zone(written, read):
    assert a_product(released_at=written).released_at == read


def test_unknown_fields_are_kept_and_returned():
    product = a_product(shelf={"aisle": 7}, note=None)

    assert product.record() == {"objectID": "1", "title": "Red shoes", "shelf": {"aisle": 7}, "note": None}


def test_a_record_is_plain_json_and_reads_back_as_the_same_product():
    product = a_product(
        price=Decimal("9.99"), attributes={"ports": 4, "width": 1e300}, categories=["a", "b"], released_at="2009-12-10"
    )

    record = json.loads(json.dumps(product.record()))

    assert record["price"] == 9.99
    assert Product.model_validate(record) == product


def test_a_record_leaves_out_what_is_unknown_and_keeps_what_is_not_ours():
    product = Product(product_id="1", title="Lamp", price=None, colour=None)

    assert product.record() == {"objectID": "1", "title": "Lamp", "colour": None}


@pytest.mark.parametrize(("levels", "taken"), [(50, True), (51, False), (100_000, False)])
def test_a_field_that_is_only_kept_may_be_nested_fifty_levels_deep(levels, taken):
    nested: object = "aisle"
    for _ in range(levels):
        nested = [nested]

    if taken:
        assert json.dumps(a_product(shelf=nested).record())
    else:
        with pytest.raises(ValidationError, match="shelf is nested deeper than 50 levels"):
            a_product(shelf=nested)
