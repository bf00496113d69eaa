"""What products cost day by day, as far as purchases tell."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
"""Shape (n,)."""


class DayPrice(NamedTuple):
    """What a product cost on a day on which it was bought."""

    product_id: str
    date: str
    """ISO 8601: 2010-12-01."""
    price_cents: int
    """In the currency's minor unit."""


def day_prices(products: Integers, days: Integers, prices_cents: Integers, quantities: Integers) -> list[Integers]:
    """The price of each product on each day: the lower median over the units sold, so one that somebody paid.

    Args:
        products: Shape (n,). Number of the product on each line of a receipt.
        days: Shape (n,). Any numbering of days.
        prices_cents: Shape (n,). Of one unit.
        quantities: Shape (n,). Units sold; above 0.

    Returns:
        Products, days and prices of the same length, by product and then by day, each pair once.

    >>> one = np.ones(3, dtype=np.int64)
    >>> [column.tolist() for column in day_prices(one, one, np.array([300, 250, 100]), np.array([1, 4, 2]))]
    [[1], [1], [250]]
    """
    order = np.lexsort((prices_cents, days, products))
    products, days, prices_cents, quantities = (column[order] for column in (products, days, prices_cents, quantities))
    begins = np.flatnonzero(np.r_[True, (np.diff(products) != 0) | (np.diff(days) != 0)][: len(order)])
    sold = np.cumsum(quantities)
    before = np.r_[0, sold][begins]
    of_day = np.r_[sold[begins[1:] - 1], sold[-1:]] - before
    median = np.searchsorted(sold, before + (of_day + 1) // 2)
    return [products[begins], days[begins], prices_cents[median]]


def last_prices(history: Iterable[DayPrice]) -> dict[str, int]:
    """By product, the price of its last day in a history by product and day; in the currency's minor unit."""
    return {day.product_id: day.price_cents for day in history}


def history_lines(history: Iterable[DayPrice]) -> Iterator[str]:
    """The lines of `price_history.jsonl`."""
    for product_id, date, price_cents in history:
        yield json.dumps({"objectID": product_id, "date": date, "price_cents": price_cents})
