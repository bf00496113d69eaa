"""What a data set is like, in counts and distributions small enough to be kept beside every release."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
from pydantic import BaseModel, ConfigDict

from relevance.contracts.products import Product
from relevance.contracts.training import BasketLine, ImpressionLine, PairLine, QueryLine
from relevance.drift import OTHER
from relevance.product_text import embedding_text
from relevance.text import words

FORMAT = 1
KEPT_VALUES = 500
"""Of a distribution; the rarer ones are counted together."""
PRICE_EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""In major units: where a price band ends and the next begins."""
_QUANTILES = 101
_OPTIONAL = ("description", "brand", "categories", "price", "image", "attributes", "released_at")


class Sizes(BaseModel):
    """How large something is: quantiles at even steps from the least to the largest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    quantiles: tuple[float, ...]
    """Ascending; empty where there is nothing to measure."""


class Statistics(BaseModel):
    """One line of history: what `check_data` compares the next data set with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    counts: dict[str, int]
    missing: dict[str, float]
    """By optional field of a product, in [0, 1]: the part of the products that lack it."""
    distributions: dict[str, dict[str, int]]
    """By what is counted: count by value, the KEPT_VALUES most frequent and OTHER."""
    sizes: dict[str, Sizes]


def statistics_of(
    products: Sequence[Product],
    queries: Sequence[QueryLine],
    pairs: Sequence[PairLine],
    impressions: Sequence[ImpressionLine],
    baskets: Sequence[BasketLine],
) -> Statistics:
    """Count all of a data set; the same lines give the same statistics."""
    right = Counter(pair.query_id for pair in pairs if pair.relevance >= 0.5)
    return Statistics(
        counts={
            "products": len(products),
            "distinct product texts": len({embedding_text(product) for product in products}),
            "queries": len(queries),
            "pairs": len(pairs),
            "impressions": len(impressions),
            "baskets": len(baskets),
            "shoppers with a basket": len({basket.shopper for basket in baskets}),
        },
        missing={
            field: round(sum(not _given(product, field) for product in products) / max(len(products), 1), 6)
            for field in _OPTIONAL
        },
        distributions={
            "price band": _counted(_price_band(product) for product in products),
            "brand": _counted(product.brand or "(none)" for product in products),
            "category": _counted(product.categories[0] if product.categories else "(none)" for product in products),
            "words of a query": _counted(str(min(len(words(query.text)), 8)) for query in queries),
            "origin of a query": _counted(query.origin for query in queries),
            "language of a query": _counted(query.language or "(not told)" for query in queries),
            "kind of a pair": _counted(pair.kind for pair in pairs),
            "hour of a page": _counted(_hour(line.at) for line in impressions),
            "product in a basket": _counted(product for basket in baskets for product in basket.product_ids),
        },
        sizes={
            "price": _sizes(float(product.price) for product in products if product.price is not None),
            "characters of a title": _sizes(len(product.title) for product in products),
            "characters of a description": _sizes(len(product.description) for product in products),
            "attributes of a product": _sizes(len(product.attributes) for product in products),
            "characters of a query": _sizes(len(query.text) for query in queries),
            "right products of a query": _sizes(right[query.query_id] for query in queries),
            "products on a page": _sizes(len(line.product_ids) for line in impressions),
            "products in a basket": _sizes(len(basket.product_ids) for basket in baskets),
        },
    )


def _given(product: Product, field: str) -> bool:
    value = getattr(product, field)
    return value is not None and value != "" and value != () and value != {}


def _price_band(product: Product) -> str:
    """`20 to 50` for 24.90; prices in other currencies are bands of their own."""
    if product.price is None:
        return "(none)"
    at = int(np.searchsorted(PRICE_EDGES, float(product.price), side="right"))
    low = PRICE_EDGES[at - 1] if at else 0
    high = str(PRICE_EDGES[at]) if at < len(PRICE_EDGES) else "more"
    return f"{product.currency or ''} {low} to {high}".strip()


def _hour(at: datetime) -> str:
    return f"{at.hour:02}"


def _counted(values: Iterable[str]) -> dict[str, int]:
    counts = Counter(values)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    kept = dict(ordered[:KEPT_VALUES])
    others = sum(count for _, count in ordered[KEPT_VALUES:])
    return kept | ({OTHER: kept.get(OTHER, 0) + others} if others else {})


def _sizes(values: Iterable[float]) -> Sizes:
    found = np.sort(np.fromiter(values, dtype=np.float64))
    if not len(found):
        return Sizes(count=0, quantiles=())
    quantiles = np.quantile(found, np.linspace(0, 1, _QUANTILES), method="inverted_cdf")
    return Sizes(count=len(found), quantiles=tuple(round(value, 4) for value in quantiles.tolist()))


def largest(distribution: Mapping[str, int], count: int) -> str:
    """The most frequent values in words, for a report.

    >>> largest({"a": 3, "b": 1}, 2)
    'a 3, b 1'
    """
    return ", ".join(f"{name} {number:,}" for name, number in list(distribution.items())[:count])
