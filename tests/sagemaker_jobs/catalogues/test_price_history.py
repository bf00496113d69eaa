import numpy as np
import pytest

from sagemaker_jobs.catalogues.price_history import DayPrice, day_prices, history_lines, last_prices


@pytest.mark.parametrize(
    ("prices", "quantities", "median"),
    [
        ([100], [1], 100),
        ([100, 200], [1, 1], 100),  # the lower of two
        ([100, 200], [1, 2], 200),
        ([300, 100, 200], [1, 1, 1], 200),
        ([300, 100, 200], [5, 1, 1], 300),
    ],
)
def test_the_price_of_a_day_is_the_lower_median_of_its_units(prices, quantities, median):
    one_day = np.ones(len(prices), dtype=np.int64)

    columns = day_prices(one_day, one_day, np.array(prices), np.array(quantities))

    assert [column.tolist() for column in columns] == [[1], [1], [median]]


def test_each_product_has_one_price_a_day_in_order():
    products, days = np.array([2, 1, 1, 2]), np.array([5, 9, 3, 5])

    columns = day_prices(products, days, np.array([10, 20, 30, 40]), np.array([1, 1, 1, 3]))

    assert [column.tolist() for column in columns] == [[1, 1, 2], [3, 9, 5], [30, 20, 40]]


def test_without_purchases_there_is_no_history():
    nothing = np.array([], dtype=np.int64)

    assert [len(column) for column in day_prices(nothing, nothing, nothing, nothing)] == [0, 0, 0]


def test_a_line_holds_product_day_and_price_in_minor_units():
    history = [DayPrice("7", "2010-12-01", 255), DayPrice("7", "2010-12-03", 210)]

    lines = list(history_lines(history))

    assert lines[1] == '{"objectID": "7", "date": "2010-12-03", "price_cents": 210}'
    assert last_prices(history) == {"7": 210}
