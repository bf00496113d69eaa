"""Whether groups of products, such as brands or bands of prices, are shown in proportion to their worth.

A place in the first ten is worth 1 / log2(rank + 1) of a shopper's attention. For each query a group has its share of
that attention, and its share of the relevance of all judged products; fair is what makes both equal over many queries,
though no single order of products can.

Source:
    Biega, Gummadi and Weikum, Equity of Attention, SIGIR 2018: attention in proportion to relevance, summed over
    queries, of which unfairness is the distance. Groups, and exposure held against merit: Singh and Joachims, Fairness
    of Exposure in Rankings, KDD 2018. Adapted: shares of groups instead of single products, so that the distance lies
    in [0, 1] and shops of any size compare.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relevance.contracts.products import Product
from relevance.quality import FIRST

Shares = NDArray[np.float64]

NO_BRAND = "no brand"
BANDS = ("lowest quarter of prices", "second quarter", "third quarter", "highest quarter")


@dataclass(frozen=True)
class Exposure:
    """What each group gets and deserves, as shares in [0, 1] that add up to 1."""

    groups: tuple[str, ...]
    attention: Shares
    """Shape (g,)."""
    merit: Shares
    """Shape (g,)."""

    @property
    def unfairness(self) -> float:
        """The part of all attention that would have to move to another group, in [0, 1]."""
        return float(np.abs(self.attention - self.merit).sum() / 2)

    @property
    def excess(self) -> dict[str, float]:
        """Group -> the attention that it gets beyond its merit, at least 0."""
        return dict(zip(self.groups, np.maximum(self.attention - self.merit, 0).tolist(), strict=True))

    def most_gained(self, before: "Exposure") -> tuple[str, float]:
        """The group whose excess has grown most since another release, and by how much.

        Unfairness as a whole may stay as it is while one group's grows: what it takes from others that had too much
        makes up for it.
        """
        grown = {group: excess - before.excess.get(group, 0.0) for group, excess in self.excess.items()}
        most = max(grown, key=grown.__getitem__)
        return most, grown[most]

    def most_favoured(self, count: int = 5) -> list[dict[str, float | str]]:
        """The groups that are shown most above their merit."""
        best = np.argsort(self.merit - self.attention, kind="stable")[:count]
        return [
            {"group": self.groups[at], "attention": float(self.attention[at]), "merit": float(self.merit[at])}
            for at in best.tolist()
        ]


def exposure(
    answers: Sequence[Sequence[str]], judgments: Sequence[Mapping[str, float]], group_of: Sequence[Mapping[str, str]]
) -> Exposure:
    """Attention and merit of each group over queries.

    Args:
        answers: For each query the products' ids, best first.
        judgments: For each query, in the same order, product id -> relevance, at least 0.
        group_of: For each query, product id -> its group; a product that is not in it takes no part.

    Raises:
        ValueError: If no answer shows, or no judgment values, a product of any group.
    """
    places = 1 / np.log2(np.arange(2, FIRST + 2))
    groups = tuple(sorted({group for of_query in group_of for group in of_query.values()}))
    column = {group: at for at, group in enumerate(groups)}
    attention, merit = np.zeros(len(groups)), np.zeros(len(groups))
    for answer, judged, of_query in zip(answers, judgments, group_of, strict=True):
        attention += _shares(dict(zip(answer, places, strict=False)), of_query, column)
        merit += _shares(judged, of_query, column)
    if not attention.any() or not merit.any():
        raise ValueError(f"{len(answers)} queries: no product of any group is shown, or none is relevant")
    return Exposure(groups, attention / attention.sum(), merit / merit.sum())


def _shares(worth: Mapping[str, float], group_of: Mapping[str, str], column: Mapping[str, int]) -> Shares:
    """Shape (g,): each group's part of what one query has to give; all 0 where that is nothing."""
    found = np.zeros(len(column))
    for product_id, value in worth.items():
        if product_id in group_of:
            found[column[group_of[product_id]]] += value
    return found / found.sum() if found.any() else found


def brands(products: Sequence[Product]) -> dict[str, str]:
    """Product id -> brand."""
    return {product.product_id: product.brand or NO_BRAND for product in products}


def price_bands(prices: Mapping[str, int], relevant: Collection[str], concerned: Iterable[str]) -> dict[str, str]:
    """Which quarter of the prices of one query's relevant products a product's own price is in, by product id.

    A shop's cheap laptops cost more than its dear cables: quarters of the whole catalogue would tell kinds apart.

    Args:
        prices: Product id -> price, of all products that have one.
        relevant: To the query. With fewer than four different prices there are no quarters, and the answer is empty.
        concerned: The products to tell the band of; those without a price are left out.
    """
    known = [prices[product_id] for product_id in relevant if product_id in prices]
    if len(set(known)) < len(BANDS):
        return {}
    limits = np.quantile(known, (0.25, 0.5, 0.75))
    return {
        product_id: BANDS[int(np.searchsorted(limits, prices[product_id], side="left"))]
        for product_id in concerned
        if product_id in prices
    }
