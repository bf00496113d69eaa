"""Online Retail, a British wholesaler of gifts, as its purchases of 2010 and 2011 show it (CC BY 4.0).

Chen, Sain and Guo 2012, doi:10.1057/dbm.2012.17. The file holds purchases, no catalogue: a product is a stock code that
was sold, its title the description that stands on most of its receipts, its price the one of its last day.
"""

import csv
import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sagemaker_jobs.catalogues.price_history import DayPrice, day_prices, last_prices
from sagemaker_jobs.catalogues.purchases import Purchase

FILE = "online_retail/purchases.csv.xz"

NO_PRODUCTS = frozenset({"AMAZONFEE", "B", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "POST", "S"})
"""Stock codes of postage, fees, discounts, samples and corrections."""


class Sale(NamedTuple):
    """One line of a receipt."""

    code: str
    """Upper case: the till knew 105 codes in both cases."""
    description: str
    quantity: int
    date: str
    price_cents: int
    """British pence for one unit."""
    receipt: str
    time: str
    """Of the receipt, by the shop's clock: 08:26:00."""
    shopper: str
    """A number; empty where the shop did not note it."""


def lines(data: Path) -> Iterator[str]:
    """Each stock code that was sold as a catalogue line, by code.

    Raises:
        FileNotFoundError: If `data` holds no such file.
    """
    sales = _sales(data)
    prices = last_prices(_history(sales))
    for code, description in _descriptions(sales).items():
        product = {"objectID": code, "title": _readable(description), "price": prices[code] / 100, "currency": "GBP"}
        yield json.dumps(product, ensure_ascii=False)


def price_history(data: Path) -> list[DayPrice]:
    """What each product cost on the days on which it was bought, by product and day.

    Raises:
        FileNotFoundError: If `data` holds no such file.
    """
    return _history(_sales(data))


def purchases(data: Path) -> Iterator[Purchase]:
    """What shoppers whose number was noted bought, times by the shop's clock as if it were UTC.

    Raises:
        FileNotFoundError: If `data` holds no such file.
    """
    for sale in read_sales(data):
        if sale.shopper:
            at = datetime.fromisoformat(f"{sale.date}T{sale.time or '00:00:00'}").replace(tzinfo=UTC)
            yield Purchase(sale.shopper, sale.receipt, at, sale.code)


def read_sales(data: Path) -> Iterator[Sale]:
    """The purchases of products: without cancellations (`C…`), fees, and what was given away or written off."""
    with lzma.open(data / FILE, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            code = row["StockCode"].strip().upper()
            quantity, price_cents = int(row["Quantity"]), round(float(row["UnitPrice"]) * 100)
            description = " ".join(row["Description"].split())
            if code in NO_PRODUCTS or row["InvoiceNo"].startswith("C") or quantity <= 0 or price_cents <= 0:
                continue
            if description:
                date, _, time = row["InvoiceDate"].partition(" ")
                shopper = row["CustomerID"].removesuffix(".0")
                yield Sale(code, description, quantity, date, price_cents, row["InvoiceNo"], time, shopper)


@lru_cache(maxsize=1)
def _sales(data: Path) -> list[Sale]:
    """Read once, though the products and their history both need them."""
    return list(read_sales(data))


def _history(sales: list[Sale]) -> list[DayPrice]:
    codes = sorted({sale.code for sale in sales})
    number = {code: place for place, code in enumerate(codes)}
    days = np.array([sale.date for sale in sales], dtype="datetime64[D]")
    columns = day_prices(
        np.array([number[sale.code] for sale in sales], dtype=np.int64),
        days.astype(np.int64),
        np.array([sale.price_cents for sale in sales], dtype=np.int64),
        np.array([sale.quantity for sale in sales], dtype=np.int64),
    )
    dates = columns[1].astype("datetime64[D]").astype(str)
    return [
        DayPrice(codes[product], date, cents)
        for product, date, cents in zip(columns[0].tolist(), dates.tolist(), columns[2].tolist(), strict=True)
    ]


def _descriptions(sales: list[Sale]) -> dict[str, str]:
    """By code, the description on most of its receipts: 507 codes carry several, of which some are notes."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for sale in sales:
        seen[sale.code][sale.description] += 1
    # of two that stand on equally many, the first in the alphabet: the same on every machine
    return {code: min(seen[code].items(), key=lambda pair: (-pair[1], pair[0]))[0] for code in sorted(seen)}


def _readable(description: str) -> str:
    """`WHITE HANGING HEART T-LIGHT HOLDER` -> `White hanging heart t-light holder`."""
    return description[:1].upper() + description[1:].lower()
