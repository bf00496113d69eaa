"""Facet columns: which values of brand, category, price and attributes each product has, and how often in a set."""

import json
import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from relevance.arrays import Mask, Rows
from relevance.complaints import shortened
from relevance.contracts.products import Product
from relevance.errors import BadRequest
from relevance.filters import All, Any_, Between, Compares, Condition, Is, Not, Operator
from relevance.index.ragged import Ragged

SMALLEST_SHARE = 0.01
"""An attribute becomes a facet when at least this share of the products has it, in [0, 1]."""
MOST_FACETS = 100
"""The most widespread attributes win."""


@dataclass(frozen=True)
class FacetCount:
    """One facet over a set of products."""

    counts: dict[str, int]
    """Products by value, most first, then by value."""
    numbers: tuple[float, float, float, float] | None
    """Minimum, maximum, mean and sum, if the facet's values are numbers."""


def facet_values(product: Product) -> dict[str, list[str | float]]:
    """The product's values by facet name, as the wire names them."""
    values: dict[str, list[str | float]] = {}
    if product.brand:
        values["brand"] = [product.brand]
    if product.categories:
        values["categories"] = list(product.categories)
    if product.price is not None:
        values["price"] = [float(product.price)]
    if product.rating is not None:
        values["rating"] = [product.rating]
    if product.in_stock is not None:
        values["in_stock"] = [str(product.in_stock).lower()]
    for name, value in product.attributes.items():
        if isinstance(value, bool):
            values[f"attributes.{name}"] = [str(value).lower()]
        else:
            values[f"attributes.{name}"] = list(value) if isinstance(value, tuple) else [value]
    return values


def _own_values(product: Product, name: str) -> list[str | float]:
    """The values of a field that only this shop knows, "lists.season" for one inside another."""
    value: Any = product.model_extra
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    given = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else one for one in given if isinstance(one, str | int | float)]


def _widespread(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The names that enough products have, brand and categories before attributes, most products first."""
    spread = Counter(name for row in rows for name in row)
    wide = [name for name, count in spread.most_common() if count >= SMALLEST_SHARE * len(rows)]
    return sorted(wide, key=lambda name: name.startswith("attributes."))


class FacetColumns:
    """Value codes of each product, by facet."""

    def __init__(self, facets: Mapping[str, Sequence[str | float]], products: int, codes: Ragged) -> None:
        self._values = dict(facets)
        self._products = products
        self._first = {name: place * products for place, name in enumerate(facets)}
        self._codes = codes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Memory-mapped, as `build` wrote it."""
        described = json.loads((folder / "facets.json").read_text())
        return cls(described["values"], described["products"], Ragged.open(folder, "facets"))

    @staticmethod
    def build(products: Sequence[Product], folder: Path, wanted: Sequence[str] = ()) -> None:
        """`facets.json`, and the value codes of every product for one facet after the other.

        Args:
            products: In row order.
            folder: Where to write.
            wanted: The facets that the shop asks for; none for those that enough products have.
        """
        rows = [facet_values(product) for product in products]
        names = list(dict.fromkeys(wanted)) or _widespread(rows)[:MOST_FACETS]
        for row, product in zip(rows, products, strict=True) if wanted else ():
            row.update({name: _own_values(product, name) for name in names if name not in row})
        values: dict[str, list[str | float]] = {}
        codes: list[list[int]] = []
        for name in names:
            code_of: dict[str | float, int] = {}
            for row in rows:
                distinct = dict.fromkeys(row.get(name, ()))
                codes.append([code_of.setdefault(value, len(code_of)) for value in distinct])
            values[name] = list(code_of)
        Ragged.of(codes, np.int32).save(folder, "facets")
        (folder / "facets.json").write_text(json.dumps({"products": len(products), "values": values}))

    @property
    def names(self) -> tuple[str, ...]:
        """Every facet that there is, brand and categories first."""
        return tuple(self._values)

    def count(self, name: str, rows: Rows, limit: int, *, alphabetical: bool = False) -> FacetCount:
        """How the products in `rows` spread over the values of one facet of `names`: the first `limit` of them.

        The most frequent come first, or those that stand first in the alphabet.
        """
        values = self._values[name]
        tally = np.bincount(self._codes.take(self._first[name] + rows).values, minlength=len(values)).tolist()
        found = [(value, count) for value, count in zip(values, tally, strict=True) if count]
        found.sort(key=lambda pair: (0 if alphabetical else -pair[1], str(pair[0])))
        counts = {_shown(value): count for value, count in found[:limit]}
        numbers = [(value, count) for value, count in found if not isinstance(value, str)]
        if not numbers or len(numbers) < len(found):
            return FacetCount(counts, None)
        total = sum(value * count for value, count in numbers)
        mean = total / sum(count for _, count in numbers)
        lowest, highest = min(value for value, _ in numbers), max(value for value, _ in numbers)
        return FacetCount(counts, (lowest, highest, mean, total))

    def mask(self, condition: Condition) -> Mask:
        """Shape (n,): which products a condition lets through; a product without a facet has no value of it.

        Raises:
            BadRequest: If the condition speaks of no facet of `names`, or compares text with a number.
        """
        match condition:
            case All(parts):
                every: Mask = np.logical_and.reduce([self.mask(part) for part in parts])
                return every
            case Any_(parts):
                some: Mask = np.logical_or.reduce([self.mask(part) for part in parts])
                return some
            case Not(inner):
                return np.logical_not(self.mask(inner))
            case Is(facet, value):
                return self._having(facet, _sameness(value))
            case Compares(facet, sign, number):
                compare = _COMPARE[sign]
                return self._having(facet, lambda value: compare(self._number(facet, value), number))
            case Between(facet, low, high):
                return self._having(facet, lambda value: low <= self._number(facet, value) <= high)

    def _having(self, facet: str, wanted: Callable[[str | float], bool]) -> Mask:
        if facet not in self._values:
            raise BadRequest(
                f"filters: {shortened(facet)} is no facet of this index: expected one of {', '.join(self._values)}"
            )
        of_value = np.fromiter(map(wanted, self._values[facet]), dtype=bool, count=len(self._values[facet]))
        first = self._first[facet]
        offsets = self._codes.offsets[first : first + self._products + 1]
        hits = np.flatnonzero(of_value[self._codes.values[offsets[0] : offsets[-1]]])
        mask = np.zeros(self._products, dtype=bool)
        mask[np.searchsorted(offsets, hits + offsets[0], side="right") - 1] = True
        return mask

    @staticmethod
    def _number(facet: str, value: str | float) -> float:
        if isinstance(value, str):
            raise BadRequest(f'filters: {facet} holds text such as {shortened(value)}: expected {facet}:"a value"')
        return value


_COMPARE: Mapping[Operator, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}


def _sameness(wanted: str) -> Callable[[str | float], bool]:
    folded = wanted.casefold()
    try:
        number = float(wanted)
    except ValueError:
        number = math.nan
    return lambda value: value.casefold() == folded if isinstance(value, str) else value == number


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
