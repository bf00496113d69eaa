"""Several orders of products made one by their ranks alone."""

from collections import defaultdict
from collections.abc import Sequence

_K = 60


def fuse(orders: Sequence[Sequence[str]]) -> list[str]:
    """Every product of any order, by the sum of 1 / (60 + rank); of equals, what stood earlier in an earlier order.

    Source:
        Cormack, Clarke and Büttcher, Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning
        Methods, SIGIR 2009.

    >>> fuse([["a", "b"], ["b", "c"]])
    ['b', 'a', 'c']
    """
    scores: dict[str, float] = defaultdict(float)
    for order in orders:
        for rank, product_id in enumerate(order, start=1):
            scores[product_id] += 1 / (_K + rank)
    return sorted(scores, key=scores.__getitem__, reverse=True)
