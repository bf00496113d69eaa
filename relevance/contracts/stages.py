"""What the stages of a search say to each other, in one process or between functions.

Every message carries `query_id`, and the release that it was made with: two functions that swap releases a second
apart must not mix them.
"""

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from relevance.arrays import Vector
from relevance.contracts.rungs import Degradation, Rung


def _to_vector(given: object) -> Vector:
    vector = np.asarray(given, dtype=np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(f"expected a list of finite numbers, got shape {vector.shape}")
    return vector


# float32 -> Python float -> JSON -> float32 gives the same bits back.
JsonVector = Annotated[
    Vector, PlainValidator(_to_vector), PlainSerializer(lambda vector: vector.tolist(), return_type=list[float])
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class PreprocessRequest(_Message):
    """Stage 1 is asked what a query means."""

    query_id: str
    query: str
    typo_tolerance: bool = True
    """Whether misspelt words may be corrected."""
    complete: bool = True
    """Whether the last word may be the beginning of one."""
    synonyms: bool = True
    """Whether the shop's synonyms count."""


class Alternative(_Message):
    """What a product may hold in the place of a token of the query: a synonym, or a longer word that begins so."""

    tokens: tuple[str, ...] = Field(min_length=1)
    """All of them, one behind the other."""
    weight: float = Field(gt=0, le=1)
    """What it counts in retrieval beside the token itself."""
    stands_for: bool = True
    """Whether a product that holds it is ranked as one that holds the token; else it is in the result set, no more."""


class UnderstoodQuery(_Message):
    """What a query means: the answer of stage 1."""

    query_id: str
    release: str
    """The release whose vocabulary and encoder read the query."""
    query: str
    """As the shopper typed it, cut at MAX_QUERY_CHARACTERS."""
    cut: bool = False
    """Whether it was longer than that, or had more than MAX_QUERY_TOKENS tokens."""
    normalised: str
    corrected: str | None = None
    """The query with its misspelt words corrected; None when it stands as typed. Tokens and vector are of this text."""
    tokens: tuple[str, ...] = ()
    """Distinct stems in the order typed, at most MAX_QUERY_TOKENS."""
    weights: tuple[float, ...] = ()
    """Inverse document frequency of each token, above 0; rare tokens weigh more."""
    alternatives: tuple[tuple[Alternative, ...], ...] = ()
    """Of each token; empty when no token has any."""
    unfinished: str | None = None
    """The last word as typed, normalised, where words of the catalogue begin so."""
    brand: str | None = None
    """The brand that the query names, as the catalogue spells it."""
    brand_tokens: tuple[str, ...] = ()
    vector: JsonVector | None = None
    """Shape (d,), unit length; none when the query is empty or the rung is lexical."""
    rung: Rung = "lexical"
    degraded: tuple[Degradation, ...] = ()


class RerankRequest(_Message):
    """Stage 3 is asked to order candidates, given in the retriever's order."""

    query_id: str
    release: str
    understood: UnderstoodQuery
    rows: tuple[int, ...] = Field(max_length=1000)
    """Row numbers in `release`."""


class RerankResponse(_Message):
    """Candidates by score."""

    query_id: str
    release: str
    ranker: str
    """Id of the ranker that scored."""
    order: tuple[int, ...]
    """Places in the request's `rows`, best first; equal scores keep the retriever's order."""
    scores: tuple[float, ...]
    """The score of each candidate in the request's order; higher is more relevant, no fixed range."""
