"""The columns of products that features read, for a whole release or for the candidates of one query."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np

from relevance.arrays import Rows, Vector, mapped
from relevance.contracts.products import Product
from relevance.index.ragged import Ragged
from relevance.index.tokens import hashed
from relevance.product_text import TEXT_FIELDS, AnalysedText

COLUMNS = ("price_cents", "released_days", "rating", "rating_count", "in_stock")
"""The numbers of a product, each a column of `ProductTable`."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ProductTable:
    """n products as columns; an unknown number is NaN."""

    tokens: Ragged
    """Token hashes of n * len(TEXT_FIELDS) texts: the fields of product 0, then those of product 1, and so on."""
    price_cents: Vector
    """Shape (n,)."""
    released_days: Vector
    """Shape (n,): days from 1970-01-01 to the product's release."""
    rating: Vector
    """Shape (n,), at least 0, on the shop's own scale."""
    rating_count: Vector
    """Shape (n,), at least 0."""
    in_stock: Vector
    """Shape (n,): 1 or 0."""

    @classmethod
    def of(cls, products: Sequence[Product], texts: Sequence[AnalysedText]) -> Self:
        """Tabulate products, and what `analyse_products` made of them."""
        price_cents = [_or_nan(product.price_cents) for product in products]
        released_days = [
            np.nan if product.released_at is None else (product.released_at - _EPOCH) / _DAY for product in products
        ]
        numbers = (
            price_cents,
            released_days,
            *(
                [_or_nan(getattr(product, name)) for product in products]
                for name in ("rating", "rating_count", "in_stock")
            ),
        )
        largest = np.finfo(np.float32).max
        columns = (np.clip(np.array(column, dtype=np.float64), -largest, largest) for column in numbers)
        return cls(hashed(chain.from_iterable(texts)), *(column.astype(np.float32) for column in columns))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Memory-mapped, as `save` wrote it."""
        return cls(Ragged.open(folder, "tokens"), *(mapped(folder / f"{name}.npy") for name in COLUMNS))

    def save(self, folder: Path) -> None:
        """A .npy file a column, two for the tokens."""
        self.tokens.save(folder, "tokens")
        for name in COLUMNS:
            np.save(folder / f"{name}.npy", getattr(self, name))

    def take(self, rows: Rows) -> "ProductTable":
        """Some products, in that order."""
        return ProductTable(self.texts(rows), *(getattr(self, name)[rows] for name in COLUMNS))

    def texts(self, rows: Rows) -> Ragged:
        """The tokens of some products, len(TEXT_FIELDS) texts of each."""
        return self.tokens.take((rows[:, np.newaxis] * len(TEXT_FIELDS) + np.arange(len(TEXT_FIELDS))).ravel())

    def joined(self, *others: "ProductTable") -> "ProductTable":
        """These products, then the others'."""
        parts = (self, *others)
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS)
        return ProductTable(self.tokens.joined(*(other.tokens for other in others)), *columns)

    def __len__(self) -> int:
        return len(self.price_cents)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


@dataclass(frozen=True)
class CatalogueScale:
    """What the numbers of one product are compared with: how they lie in the whole catalogue."""

    products: int
    mean_lengths: Vector
    """Shape (len(TEXT_FIELDS),): mean tokens of each text field."""
    quantiles: Mapping[str, tuple[float, ...]]
    """By column, 101 quantiles over the products that state it; empty where none does."""

    @classmethod
    def of(cls, table: ProductTable) -> Self:
        """Measure a catalogue."""
        lengths = table.tokens.lengths.reshape(-1, len(TEXT_FIELDS))
        quantiles = {}
        for name in COLUMNS:
            column = getattr(table, name)
            known = column[~np.isnan(column)]
            quantiles[name] = tuple(np.quantile(known, np.linspace(0, 1, 101)).tolist()) if len(known) else ()
        return cls(len(table), lengths.mean(axis=0, dtype=np.float32) if len(table) else lengths.sum(axis=0), quantiles)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """As `save` wrote it."""
        read = json.loads((folder / "scale.json").read_text())
        return cls(
            read["products"],
            np.array(read["mean_lengths"], dtype=np.float32),
            {name: tuple(read["quantiles"][name]) for name in COLUMNS},
        )

    def save(self, folder: Path) -> None:
        """`scale.json`."""
        content = {
            "products": self.products,
            "mean_lengths": self.mean_lengths.tolist(),
            "quantiles": self.quantiles,
        }
        (folder / "scale.json").write_text(json.dumps(content))

    def position(self, name: str, values: Vector) -> Vector:
        """Shape (n,), in [0, 1]: the share of the catalogue at or below each value; 0.5 where it is unknown."""
        quantiles = self.quantiles[name]
        if not quantiles:
            return np.full(len(values), 0.5, dtype=np.float32)
        share = np.searchsorted(quantiles, values, side="right") / len(quantiles)
        return np.where(np.isnan(values), 0.5, share).astype(np.float32)
