"""Facet columns: which values of brand, category, price and attributes each product has, and how often in a set."""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Mask, Rows, mapped
from relevance.complaints import shortened
from relevance.contracts.products import Product
from relevance.errors import BadRequest
from relevance.filters import All, Any_, Between, Compares, Condition, Is, Not, Operator

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


def _widespread(products: Sequence[Product]) -> list[str]:
    """The names that enough products have, brand and categories before attributes, most products first."""
    spread = Counter(name for product in products for name in facet_values(product))
    wide = [name for name, count in spread.most_common() if count >= SMALLEST_SHARE * len(products)]
    return sorted(wide, key=lambda name: name.startswith("attributes."))


class FacetColumns:
    """Value codes of each product, by facet.

    A facet that most products have once is a column: a code for each product. Any other is a list of pairs: a row and
    a code, rows not decreasing. Codes follow the values' alphabetical order.
    """

    def __init__(
        self, facets: Mapping[str, "_Facet"], products: int, rows: NDArray[np.uint32], codes: NDArray[np.uint32]
    ) -> None:
        self._facets = dict(facets)
        self._products = products
        self._rows = rows
        self._codes = codes

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Memory-mapped, as `build` wrote it."""
        described = json.loads((folder / "facets.json").read_bytes())
        facets = {facet["name"]: _Facet(**facet) for facet in described["facets"]}
        rows, codes = (mapped(folder / f"facets.{part}.npy") for part in ("rows", "codes"))
        return cls(facets, described["products"], rows, codes)

    @staticmethod
    def build(products: Sequence[Product], folder: Path, wanted: Sequence[str] = ()) -> None:
        """`facets.json`, and the rows and codes of one facet after the other.

        Args:
            products: In row order.
            folder: Where to write.
            wanted: The facets that the shop asks for; none for those that enough products have.
        """
        names = list(dict.fromkeys(wanted)) or _widespread(products)[:MOST_FACETS]
        code_of: dict[str, dict[str | float, int]] = {name: {} for name in names}
        row_lists, code_lists = ({name: array("I") for name in names} for _ in range(2))
        for row, product in enumerate(products):
            has = facet_values(product)
            for name in names:
                values = has[name] if name in has else _own_values(product, name) if wanted else ()
                for value in dict.fromkeys(values):
                    row_lists[name].append(row)
                    code_lists[name].append(code_of[name].setdefault(value, len(code_of[name])))
        rows, codes, facets = [], [], []
        begin_rows = begin_codes = 0
        for name in names:
            values = sorted(code_of[name], key=str)
            rank = np.empty(len(values), dtype=np.uint32)
            rank[[code_of[name][value] for value in values]] = np.arange(len(values))
            held_by = np.array(row_lists[name], dtype=np.uint32)
            held = rank[np.array(code_lists[name], dtype=np.uint32)]
            column = 2 * len(held_by) > len(products) and bool((np.diff(held_by.astype(np.int64)) > 0).all())
            if column:
                whole = np.full(len(products), len(values), dtype=np.uint32)
                whole[held_by] = held
                held_by, held = held_by[:0], whole
            facets.append(_Facet(name, values, begin_rows, begin_codes, len(held), column))
            rows.append(held_by)
            codes.append(held)
            begin_rows += len(held_by)
            begin_codes += len(held)
        none = np.empty(0, dtype=np.uint32)
        np.save(folder / "facets.rows.npy", np.concatenate((none, *rows)))
        np.save(folder / "facets.codes.npy", np.concatenate((none, *codes)))
        described = {"products": len(products), "facets": [asdict(facet) for facet in facets]}
        (folder / "facets.json").write_text(json.dumps(described))

    @property
    def names(self) -> tuple[str, ...]:
        """Every facet that there is, brand and categories first."""
        return tuple(self._facets)

    def count(
        self, names: Sequence[str], rows: Rows, limit: int, *, alphabetical: bool = False
    ) -> dict[str, FacetCount]:
        """How the products in `rows` spread over the values of some facets of `names`: the first `limit` of each.

        The most frequent come first, or those that stand first in the alphabet.
        """
        among = np.zeros(self._products, dtype=bool)
        among[rows] = True
        return {name: self._count(self._facets[name], rows, among, limit, alphabetical) for name in names}

    def _count(self, facet: "_Facet", rows: Rows, among: Mask, limit: int, alphabetical: bool) -> FacetCount:
        codes = self._codes[facet.codes]
        # np.take and np.compress: each half as long as the same by brackets.
        counted = codes[rows] if facet.column else np.compress(np.take(among, self._rows[facet.rows]), codes)
        tally = np.bincount(counted, minlength=len(facet.values) + 1)[:-1]  # the last stands for no value
        found = np.flatnonzero(tally)
        first = found[:limit] if alphabetical else _most(found, tally[found], limit)
        counts = {_shown(facet.values[code]): int(tally[code]) for code in first.tolist()}
        numbers, times = facet.numbers[found], tally[found]
        if not len(found) or np.isnan(numbers).any():
            return FacetCount(counts, None)
        total = float((numbers * times).sum())  # a dot product would wake BLAS's threads for 10,000 values
        return FacetCount(counts, (float(numbers.min()), float(numbers.max()), total / int(times.sum()), total))

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
                return self._having(facet, self._facet(facet).same_as(value))
            case Compares(facet, sign, number):
                return self._having(facet, _COMPARE[sign](self._facet(facet).only_numbers(), number))
            case Between(facet, low, high):
                numbers = self._facet(facet).only_numbers()
                return self._having(facet, (low <= numbers) & (numbers <= high))

    def _facet(self, name: str) -> "_Facet":
        if name not in self._facets:
            raise BadRequest(
                f"filters: {shortened(name)} is no facet of this index: expected one of {', '.join(self._facets)}"
            )
        return self._facets[name]

    def _having(self, name: str, of_value: Mask) -> Mask:
        """Which products have one of the facet's values that are marked."""
        facet = self._facets[name]
        held = np.append(of_value, False)[self._codes[facet.codes]]
        if facet.column:
            return held
        mask = np.zeros(self._products, dtype=bool)
        mask[self._rows[facet.rows][held]] = True
        return mask


@dataclass(frozen=True)
class _Facet:
    """One facet, and where its part of the rows and codes lies."""

    name: str
    values: list[str | float]
    """By code."""
    first_row: int
    first_code: int
    length: int
    """Of its codes; of its rows too, where they are pairs."""
    column: bool

    @property
    def rows(self) -> slice:
        return slice(self.first_row, self.first_row + self.length)

    @property
    def codes(self) -> slice:
        return slice(self.first_code, self.first_code + self.length)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """Shape (len(values),); NaN for a text."""
        return np.array([np.nan if isinstance(value, str) else value for value in self.values], dtype=np.float64)

    @cached_property
    def _folded(self) -> NDArray[np.object_]:
        return np.array([value.casefold() if isinstance(value, str) else None for value in self.values], dtype=object)

    def same_as(self, wanted: str) -> Mask:
        """Shape (len(values),): which values a filter means by a text, whatever its case."""
        same: Mask = np.equal(self._folded, wanted.casefold()).astype(bool)
        with suppress(ValueError):
            same |= self.numbers == float(wanted)
        return same

    def only_numbers(self) -> NDArray[np.float64]:
        """The values of a facet that can be compared; raises BadRequest where one is text."""
        texts = np.flatnonzero(np.isnan(self.numbers))
        if len(texts):
            said = shortened(self.values[texts[0]])
            raise BadRequest(f'filters: {self.name} holds text such as {said}: expected {self.name}:"a value"')
        return self.numbers


_COMPARE: Mapping[Operator, Callable[[NDArray[np.float64], float], Mask]] = {
    "<": np.less,
    "<=": np.less_equal,
    "=": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _most(codes: Rows, counts: Rows, limit: int) -> Rows:
    """The codes of the highest counts, highest first; of equal ones those that come first."""
    if len(codes) > limit:
        last = np.partition(counts, len(counts) - limit)[len(counts) - limit] if limit else counts.max() + 1
        level = codes[counts == last][: limit - np.count_nonzero(counts > last)]
        kept = np.isin(codes, level) | (counts > last)
        codes, counts = codes[kept], counts[kept]
    return codes[np.argsort(-counts, kind="stable")]


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"
