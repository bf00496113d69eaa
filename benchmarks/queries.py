"""Many distinct queries for timing, when nobody has typed any yet: words of the catalogue's own titles."""

from collections.abc import Sequence

import numpy as np


def queries_from_titles(titles: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Distinct runs of two to five words, each out of one title.

    Args:
        titles: At least one.
        count: How many are wanted; fewer come back when the titles do not hold as many.
        seed: The same seed and titles give the same queries.
    """
    rng = np.random.default_rng(seed)
    queries: dict[str, None] = {}
    for _ in range(20 * count):
        words = titles[int(rng.integers(len(titles)))].split()
        length = min(int(rng.integers(2, 6)), len(words))
        start = int(rng.integers(len(words) - length + 1))
        queries[" ".join(words[start : start + length])] = None
        if len(queries) == count:
            break
    return list(queries)


def asked_again(queries: Sequence[str], count: int, *, exponent: float, seed: int) -> list[str]:
    """Queries as a shop might be asked them, few of them very often: simulated by Zipf's law, not observed.

    Args:
        queries: Distinct, at least one; the first is asked most often.
        count: How many are asked in all.
        exponent: A query at place k is asked in proportion to k ** -exponent.
        seed: The same seed and queries give the same order.
    """
    shares = np.arange(1, len(queries) + 1) ** -exponent
    drawn = np.random.default_rng(seed).choice(len(queries), size=count, p=shares / shares.sum())
    return [queries[place] for place in drawn.tolist()]
