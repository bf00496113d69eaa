"""Traffic as distributions: counted for a baseline, and counted again for a window of searches beside it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from relevance.contracts.baseline import Histogram
from relevance.query_profile import QueryProfile

MOST_OF_ONE: Final = 0.02
"""In (0, 1]: the part of all searches that searches with the very same numbers, which are of one query, may count for.
Nobody who sends one query again and again, nor a single product that everybody talks about, is a change of the shop."""
_BINS = 20
NO_TOPIC: Final = "none"

NUMBERS: Final[Mapping[str, Callable[[QueryProfile], float | None]]] = MappingProxyType(
    {
        "tokens": lambda one: one.tokens,
        "unknown tokens": lambda one: one.unknown,
        "nearness": lambda one: one.nearness,
        "cosine": lambda one: None if one.filtered else one.cosine,
        "fused": lambda one: None if one.filtered else one.fused,
        "score": lambda one: None if one.filtered else one.score,
        "hits": lambda one: None if one.filtered else one.hits,
    }
)
"""What is measured of a search; None where this search does not say, or says nothing comparable."""

KINDS: Final[Mapping[str, Callable[[QueryProfile], str | None]]] = MappingProxyType(
    {
        "topic": lambda one: NO_TOPIC if one.topic is None else str(one.topic),
        # which of the rungs with a vector it was is the endpoint's affair, and on a dashboard
        "vector": lambda one: "without" if one.rung == "lexical" else "with",
        "found": lambda one: None if one.filtered else ("nothing" if one.hits == 0 else "something"),
    }
)
"""What a search is one of; None where this search does not say."""

ASKED: Final = frozenset({"tokens", "unknown tokens", "nearness", "topic"})
"""What shoppers ask; the rest is what the release makes of it."""


@dataclass(frozen=True)
class Weighed:
    """Searches of one query, as far as their numbers tell, and what they count together."""

    profile: QueryProfile
    weight: float


def weighed(counts: Mapping[QueryProfile, float]) -> list[Weighed]:
    """Searches with no query of theirs above its cap; in the order given."""
    most = max(MOST_OF_ONE * sum(counts.values()), 1.0)
    return [Weighed(profile, min(count, most)) for profile, count in counts.items()]


def kinds(searches: Iterable[Weighed], name: str) -> dict[str, float]:
    """Count by value of one of KINDS."""
    found = Counter[str]()
    for search in searches:
        value = KINDS[name](search.profile)
        if value is not None:
            found[value] += search.weight  # type: ignore[assignment]  # a Counter counts in parts as well
    return dict(found)


def histogram(searches: Iterable[Weighed], name: str, edges: Sequence[float] | None = None) -> Histogram | None:
    """One of NUMBERS, counted; None where no search has it.

    Args:
        searches: Of a baseline or a window.
        name: Which number.
        edges: The baseline's; None to choose them, so that about equally many searches lie between each two.
    """
    pairs = [(value, one.weight) for one in searches if (value := NUMBERS[name](one.profile)) is not None]
    if not pairs:
        return None
    values, weights = np.array(pairs, dtype=np.float64).T
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    reached = np.cumsum(weights)
    if edges is None:
        edges = _edges(values, reached)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), weights, minlength=len(edges) + 1)
    mean = round(float(np.average(values, weights=weights)), 4)
    return Histogram(edges=tuple(edges), counts=tuple(counts.round(4).tolist()), mean=mean)


def _edges(values: NDArray[np.float64], reached: NDArray[np.float64]) -> list[float]:
    """Where bins of ascending values begin; the first and the last bin are for what is outside, and empty as yet."""
    distinct = np.unique(values)
    if len(distinct) > _BINS:
        middle = np.searchsorted(reached, reached[-1] * np.arange(1, _BINS) / _BINS)
        distinct = np.unique(np.concatenate((values[:1], values[middle])))
    # a value that equals an edge lies above it, so what is beyond the largest begins just behind that
    return [*distinct.tolist(), float(np.nextafter(values[-1], np.inf))]
