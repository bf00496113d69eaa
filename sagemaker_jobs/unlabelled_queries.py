"""Queries of which nobody says what answers them: words that stand side by side in products' texts."""

from collections.abc import Sequence, Set

import numpy as np

from relevance.contracts.products import Product
from relevance.text import words

LONGEST = 4
"""Words."""
_TRIES = 20


def unlabelled_queries(
    products: Sequence[Product], count: int, *, seed: int, without: Set[str] = frozenset()
) -> list[str]:
    """Distinct ones, at most `count`, of one to LONGEST words; fewer where the catalogue has no more to say.

    Args:
        products: A query comes from one of them, drawn by chance, most often from its title.
        count: How many are wanted.
        seed: The same products and seed give the same queries.
        without: Queries that must not be among them.
    """
    generator = np.random.default_rng(seed)
    found: dict[str, None] = {}
    if not products:
        return []
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        product = products[int(generator.integers(len(products)))]
        spoken = words(product.title if generator.random() < 0.6 else f"{product.brand} {product.description}")
        if spoken:
            start, length = int(generator.integers(len(spoken))), int(generator.integers(1, LONGEST + 1))
            text = " ".join(spoken[start : start + length])
            if text not in without:
                found[text] = None
    return list(found)
