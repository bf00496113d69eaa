"""A simulated shopping log: which products answer is known, and how far down shoppers look. Nobody shopped here."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

BEGUN = datetime(2026, 9, 1, tzinfo=UTC)
PLACES = 10
TRUE_EXAMINATION = np.array([1.0, 0.72, 0.55, 0.44, 0.37, 0.31, 0.27, 0.24, 0.21, 0.19])
"""How likely a simulated shopper looks at each place."""


class SimulatedShop:
    """Queries with products of known attraction, and pages whose order follows it only loosely."""

    def __init__(self, queries: int, products_each: int = PLACES, *, seed: int = 1) -> None:
        self._generator = np.random.default_rng(seed)
        self.texts = [f"thing{number}" for number in range(queries)]
        self.products = [[f"p{query}_{product}" for product in range(products_each)] for query in range(queries)]
        self.attraction = self._generator.beta(1, 3, size=(queries, products_each))
        """Shape (queries, products), in [0, 1]: how likely a product is clicked once it is looked at."""
        self._first_order = np.argsort(-(self.attraction + self._generator.normal(0, 0.35, self.attraction.shape)))
        """A poor ranking, in which the log was made: what it put first is clicked most, whatever it is worth."""

    def pages(self, count: int, *, noise: float = 1.0) -> Iterator[tuple[datetime, str, int, list[int], list[bool]]]:
        """Time, shopper, query, products in the order shown, and which of them were clicked."""
        generator = self._generator
        for number in range(count):
            query = int(generator.integers(len(self.texts)))
            ranks = np.argsort(self._first_order[query])
            order = np.argsort(ranks + generator.normal(0, noise, len(ranks)))[:PLACES]
            looked = generator.random(len(order)) < TRUE_EXAMINATION[: len(order)]
            clicked = looked & (generator.random(len(order)) < self.attraction[query][order])
            at = BEGUN + timedelta(minutes=number)
            yield at, f"shopper{number % 997}", query, order.tolist(), clicked.tolist()

    def events(self, count: int, *, noise: float = 1.0) -> Iterator[dict[str, Any]]:
        """The same as lines of a training log."""
        for number, (at, shopper, query, order, clicked) in enumerate(self.pages(count, noise=noise)):
            search = f"search{number}"
            products = [self.products[query][product] for product in order]
            shown = {"kind": "ProductsShown", "query_id": search, "query": self.texts[query], "product_ids": products}
            yield {"event_id": f"{search}s", "at": at.isoformat(), "shopper": shopper} | shown
            for product_id, was_clicked in zip(products, clicked, strict=True):
                if was_clicked:
                    done = {"kind": "ProductClicked", "query_id": search, "product_id": product_id}
                    later = (at + timedelta(seconds=20)).isoformat()
                    yield {"event_id": f"{search}{product_id}", "at": later, "shopper": shopper} | done
