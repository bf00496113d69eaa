"""Made-up purchases: shoppers walk through a shop in one direction, which no count of products can tell."""

from datetime import UTC, datetime, timedelta

import numpy as np

from relevance.contracts.training import BasketLine

FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
GROUP = 15
"""Products of one part of the shop: whoever bought in one part goes on to the next, the last is before the first."""


def a_basket(shopper: str, day: int, *product_ids: str) -> BasketLine:
    """Bought so many days after the first."""
    return BasketLine(shopper=shopper, at=FIRST_DAY + timedelta(days=day), product_ids=product_ids)


def walks(product_ids: list[str], *, shoppers: int, steps: int = 5, seed: int = 0) -> list[BasketLine]:
    """Each shopper begins in any part and buys five products of it, twenty days later five of the next, and so on."""
    generator = np.random.default_rng(seed)
    parts = len(product_ids) // GROUP
    baskets = []
    for number in range(shoppers):
        begun = int(generator.integers(parts))
        for step in range(steps):
            part = (begun + step) % parts * GROUP
            chosen = generator.choice(GROUP, 5, replace=False) + part
            day = 20 * step + int(generator.integers(5))
            baskets.append(a_basket(f"shopper {number}", day, *(product_ids[at] for at in chosen.tolist())))
    return baskets
