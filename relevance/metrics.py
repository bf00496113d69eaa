"""How good an order of products is, by people's ratings, and whether one order is better than another.

A query's answer is the ratings of the ranked products, best rank first: shape (n,), NaN where nobody rated the
product. What was rated at all, found or not, is the query's `judged` ratings: shape (m,), without NaN.

Ratings were pooled from one engine's results, so another engine's good products may be unjudged. Hence two
countings of nDCG side by side, with the share that was judged: `ndcg` takes an unjudged product for a bad one,
`judged_only` removes unjudged products first (condensed lists: Sakai, Alternatives to Bpref, SIGIR 2007).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.float64]
"""Shape (n,): 0 (bad) to the scale's best, NaN where a product was not judged."""


def ratings_of(product_ids: Sequence[str], judgments: Mapping[str, float]) -> Ratings:
    """Ratings in the order of the products, NaN for a product that is not in `judgments`; shape (n,)."""
    return np.array([judgments.get(product_id, np.nan) for product_id in product_ids], dtype=np.float64)


def dcg(ratings: Ratings, k: int) -> float:
    """Discounted cumulative gain of the first k: sum of (2^rating - 1) / log2(rank + 1); unjudged gains nothing.

    Source:
        Burges et al., Learning to Rank using Gradient Descent, ICML 2005, after Järvelin and Kekäläinen, TOIS 2002.

    >>> dcg(np.array([1.0, np.nan, 2.0]), k=10)  # 1 / log2(2) + 3 / log2(4)
    2.5
    """
    if k < 1:
        raise ValueError(f"k is {k}: expected at least 1")
    first = np.nan_to_num(ratings[:k], nan=0.0)
    return float(np.sum((np.exp2(first) - 1.0) / np.log2(np.arange(2, len(first) + 2))))


def ndcg(ratings: Ratings, judged: Ratings, k: int = 10) -> float:
    """DCG of the first k over the best DCG that the judged products allow, in [0, 1].

    Raises:
        ValueError: If no judged product is rated above 0: there is no better and worse order then.
    """
    best = dcg(np.sort(judged)[::-1], k)
    if not best > 0:
        raise ValueError(f"none of {len(judged)} judged products is rated above 0: nDCG has no meaning")
    return dcg(ratings, k) / best


def judged_only(ratings: Ratings, depth: int = 100) -> Ratings:
    """The judged products among the first `depth`, in their order; shape (at most depth,)."""
    first = ratings[:depth]
    return first[~np.isnan(first)]


def judged_share(ratings: Ratings, k: int = 10) -> float:
    """The part of the first k places that holds a judged product, in [0, 1]; a missing place counts as unjudged."""
    return float(np.count_nonzero(~np.isnan(ratings[:k]))) / k


def recall(ratings: Ratings, judged: Ratings, k: int = 100, relevant_from: float = 2.0) -> float:
    """The part of the relevant judged products that is among the first k, in [0, 1]; NaN where none is relevant."""
    relevant = np.count_nonzero(judged >= relevant_from)
    found = np.count_nonzero(ratings[:k] >= relevant_from)
    return found / relevant if relevant else float("nan")


def precision(ratings: Ratings, k: int = 10, relevant_from: float = 2.0) -> float:
    """The part of the first k places that holds a relevant product, in [0, 1]; an unjudged one is not relevant."""
    return float(np.count_nonzero(ratings[:k] >= relevant_from)) / k


def reciprocal_rank(ratings: Ratings, relevant_from: float = 2.0) -> float:
    """1 / rank of the first relevant product, 0 where there is none; its mean over queries is the MRR."""
    relevant = np.flatnonzero(ratings >= relevant_from)
    return 1.0 / (int(relevant[0]) + 1) if len(relevant) else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference and the interval that holds it with 95% confidence."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone is an unlikely explanation."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(a: Sequence[float], b: Sequence[float], seed: int, resamples: int = 10_000) -> Difference:
    """How much higher `a` is than `b` on the same queries, on average: the mean of a - b with a percentile interval.

    Queries are drawn with replacement, each with both its values, so that hard queries weigh on both sides alike.

    Args:
        a, b: One value per query, in the same order of queries.
        seed: The same seed gives the same interval.
        resamples: How many times queries are drawn.

    Raises:
        ValueError: If the lengths differ, there is no query, or a value is not finite.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3; for retrieval: Sakai, SIGIR 2006.
    """
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} queries, b has {len(b)}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not len(differences) or not np.all(np.isfinite(differences)):
        raise ValueError(f"expected at least one query and finite values, got {len(differences)} queries")
    drawn = np.random.default_rng(seed).integers(len(differences), size=(resamples, len(differences)))
    low, high = np.percentile(differences[drawn].mean(axis=1), [2.5, 97.5])
    return Difference(float(differences.mean()), float(low), float(high))
