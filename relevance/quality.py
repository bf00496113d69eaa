"""Every figure that says how good one answer is, by ratings of products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from relevance.metrics import judged_only, judged_share, ndcg, precision, ratings_of, recall, reciprocal_rank

DEPTH = 100
"""How many of an answer's products are looked at."""
FIRST = 10
"""How many a shopper looks at."""


@dataclass(frozen=True)
class Quality:
    """One query's figures; each in [0, 1], `recall` and `f1` NaN where no product is relevant."""

    ndcg: float
    """nDCG@10, an unjudged product counted as bad."""
    ndcg_judged: float
    """nDCG@10 over the judged products among the first 100."""
    ndcg_known: float
    """nDCG@10 over the judged products wherever they stand: one that slips from place 100 to 101 changes nothing."""
    judged: float
    """Part of the first ten that was judged."""
    recall: float
    """Part of the relevant products that is among the first 100."""
    reciprocal_rank: float
    """Of the first relevant product."""
    precision: float
    """Part of the first ten that is relevant."""
    f1: float
    """Harmonic mean of that and of the part of the relevant products that is among the first ten."""


def quality(product_ids: Sequence[str], judgments: Mapping[str, float], *, relevant_from: float = 2.0) -> Quality:
    """How good one answer is.

    Args:
        product_ids: Best first; what follows the first DEPTH counts for `ndcg_known` alone.
        judgments: Product id -> rating from 0 to 3, at least one above 0.
        relevant_from: The least rating of a relevant product.

    Raises:
        ValueError: If no product is rated above 0.
    """
    everywhere = ratings_of(product_ids, judgments)
    ratings = everywhere[:DEPTH]
    judged = np.array(list(judgments.values()))
    precise, found = precision(ratings, FIRST, relevant_from), recall(ratings, judged, FIRST, relevant_from)
    return Quality(
        ndcg=ndcg(ratings, judged, FIRST),
        ndcg_judged=ndcg(judged_only(ratings, DEPTH), judged, FIRST),
        ndcg_known=ndcg(judged_only(everywhere, len(everywhere)), judged, FIRST),
        judged=judged_share(ratings, FIRST),
        recall=recall(ratings, judged, DEPTH, relevant_from),
        reciprocal_rank=reciprocal_rank(ratings, relevant_from),
        precision=precise,
        f1=2 * precise * found / (precise + found) if precise else 0.0 * found,
    )


def mean_quality(answers: Sequence[Quality]) -> dict[str, float]:
    """Each figure's mean over the queries that have it, to four places; NaN where none has."""
    return {field.name: _mean([getattr(answer, field.name) for answer in answers]) for field in fields(Quality)}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return round(float(np.mean(known)), 4) if known else float("nan")
