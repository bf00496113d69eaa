"""The ladder that a query's vector comes from: each rung is tried when the one above it has none."""

from dataclasses import dataclass
from typing import Protocol

from relevance.arrays import Vector
from relevance.contracts.rungs import Degradation, Rung
from relevance.errors import ModelFailed
from relevance.release import Release
from relevance.understanding import ReadQuery


@dataclass(frozen=True)
class QueryVector:
    """The vector of one query, and where it came from."""

    vector: Vector | None
    """Shape (d,), of length 1, in the space of the release's products; None on the lexical rung."""
    rung: Rung
    degraded: tuple[Degradation, ...] = ()
    """What it had to do without."""


class QueryVectors(Protocol):
    """Where stage 1 of a search gets the vector of a query from."""

    def vector_of(self, query: ReadQuery, release: Release) -> QueryVector:
        """Of a query with at least one token; never fails: what is missing is named."""


class WithoutEndpoint:
    """Implements `QueryVectors` with what a release holds: cache, lambda, lexical."""

    def vector_of(self, query: ReadQuery, release: Release) -> QueryVector:
        """See `QueryVectors`."""
        return from_cache(query, release) or from_function(query, release)


WITHOUT_ENDPOINT = WithoutEndpoint()


def from_cache(query: ReadQuery, release: Release) -> QueryVector | None:
    """The large model's own vector, where the query is one of the shop's frequent ones."""
    if release.frequent_queries is None:
        return None
    vector = release.frequent_queries.vector_of(query.normalised)
    return None if vector is None else QueryVector(vector, "cache")


def from_function(query: ReadQuery, release: Release) -> QueryVector:
    """The student's vector; the words alone where the release has no encoder, or that gives no answer."""
    try:
        if release.encoder is None:
            raise ModelFailed(f"release {release.release_id} has no encoder")
        return QueryVector(release.encoder.encode(query.query), "lambda")
    except ModelFailed:
        return QueryVector(None, "lexical", ("vector",))
