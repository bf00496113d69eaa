"""What a watch keeps of one search: a few numbers, never the query. The front door logs them, a baseline counts them.

What a shopper asks (topic, tokens) is comparable whatever else the search says. What the release finds for it (cosine,
scores, hits) is comparable only where no filter took products away.
"""

import math
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from relevance.contracts.rungs import Rung
from relevance.contracts.stages import UnderstoodQuery
from relevance.index.port import Retrieved
from relevance.topics import Topics

_PLACES: Final = 4
"""Of a number in the log."""


class QueryProfile(BaseModel):
    """One search in numbers; a line of the log says more, and that is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tokens: int = Field(ge=1)
    topic: int | None = None
    """The nearest of the release's topics; None where the query has no vector, or the release no topics."""
    nearness: float | None = None
    """Cosine with the centre of that topic: low where shoppers ask for what the release was not made for."""
    unknown: int = Field(default=0, ge=0)
    """Tokens that stand in no product."""
    filtered: bool = False
    """Whether products were taken away by a filter, the caller's or the key's."""
    cosine: float | None = None
    """Of the product nearest in meaning among those retrieved; in [-1, 1]."""
    fused: float | None = None
    """The best, in [0, 1]; None without a hit."""
    score: float | None = None
    """The ranker's best; None where nothing was scored."""
    hits: int = Field(ge=0)
    rung: Rung


def profile(
    understood: UnderstoodQuery,
    retrieved: Retrieved,
    scores: Mapping[int, float],
    topics: Topics | None,
    *,
    products: int,
    filtered: bool,
) -> QueryProfile:
    """A search with words in numbers.

    Args:
        understood: Stage 1's answer, with at least one token.
        retrieved: Stage 2's, in the order of relevance.
        scores: The ranker's, by row; empty where it was lost.
        topics: The release's, where it has any.
        products: Size of the catalogue.
        filtered: Whether a condition held.
    """
    in_no_product = 0.999 * math.log1p((products + 0.5) / 0.5)  # next to it is a token that one product has
    topic, nearness = (None, None) if topics is None or understood.vector is None else topics.nearest(understood.vector)
    return QueryProfile(
        tokens=len(understood.tokens),
        topic=topic,
        nearness=_rounded(nearness),
        unknown=sum(weight >= in_no_product for weight in understood.weights),
        filtered=filtered,
        cosine=_rounded(retrieved.best_cosine),
        fused=_rounded(float(retrieved.scores[0])) if len(retrieved.scores) else None,
        score=_rounded(max(scores.values())) if scores else None,
        hits=retrieved.count,
        rung=understood.rung,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _PLACES)
