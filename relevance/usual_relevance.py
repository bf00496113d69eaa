"""What each judged query is usually worth, so that a fall shows whatever the level is."""

from collections.abc import Mapping, Sequence
from typing import Final

from relevance.contracts.quality import JudgedQuery

REMEMBERED_LOOKS: Final = 168
"""Of which `usual` is the mean: a week of hours. Beyond that each look counts for one part in as many."""


def beside_usual(found: Mapping[str, float], before: Sequence[JudgedQuery]) -> tuple[JudgedQuery, ...]:
    """Each query as it was answered now, with the mean of the looks before this one.

    A query that was not answered this time keeps what is known of it; one that is judged no longer must not be in
    `before`.

    Args:
        found: Query -> nDCG@10 in [0, 1] of this look.
        before: What the look before this one said.
    """
    known = {one.query: one for one in before}
    queries = dict.fromkeys([*known, *found])
    return tuple(_beside(query, found.get(query), known.get(query)) for query in queries)


def mean_change(queries: Sequence[JudgedQuery]) -> float | None:
    """Mean over the queries that were answered now and before of nDCG@10 less what it usually is; None without any.

    >>> mean_change([JudgedQuery(query="hub", ndcg10=0.4, usual=0.9, looks=3), JudgedQuery(query="new", ndcg10=0.1)])
    -0.5
    """
    changes = [one.ndcg10 - one.usual for one in queries if one.ndcg10 is not None and one.usual is not None]
    return round(sum(changes) / len(changes), 4) if changes else None


def _beside(query: str, now: float | None, last: JudgedQuery | None) -> JudgedQuery:
    if last is None:
        return JudgedQuery(query=query, ndcg10=now)
    if last.ndcg10 is None:
        return last.model_copy(update={"ndcg10": now})
    looks = min(last.looks + 1, REMEMBERED_LOOKS)
    usual = last.ndcg10 if last.usual is None else last.usual + (last.ndcg10 - last.usual) / looks
    return JudgedQuery(query=query, ndcg10=now, usual=round(usual, 4), looks=looks)
