"""What a release answers, asked in this process by the code that serves."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Protocol

from relevance.contracts.api import SearchParameters, SearchResponse
from relevance.contracts.rungs import Degradation
from relevance.quality import DEPTH
from relevance.query_vectors import WITHOUT_ENDPOINT, QueryVectors
from relevance.release import Release
from relevance.search import InProcess, search

_QUERY_ID = "0" * 32
_INDEX = "products"


@dataclass(frozen=True)
class Answer:
    """The first products of one search: DEPTH of them, or as many as it took to find those that were looked for."""

    product_ids: tuple[str, ...]
    """Best first."""
    scores: tuple[float, ...]
    """Of each: the ranker's, or minus its rank where the release has no ranker."""
    lost: tuple[Degradation, ...]
    """Models that the release has and that gave no answer."""


class Ask(Protocol):
    """Asks one release."""

    def __call__(self, query: str, wanted: Set[str] = frozenset()) -> Answer:
        """The answer to a query, read until all `wanted` product ids were met, or to its end."""


def answering(release: Release, vectors: QueryVectors = WITHOUT_ENDPOINT) -> Ask:
    """Ask a release a query, as the pages of a shop do, but with longer pages."""
    stages = InProcess(release, vectors)
    without = {"vector"} if release.encoder is None else set()
    without |= {"ranker"} if release.scorer is None else set()

    def page_of(query: str, page: int) -> SearchResponse:
        return search(
            SearchParameters(
                query=query,
                page=page,
                hits_per_page=DEPTH,
                attributes_to_retrieve=["objectID"],
                attributes_to_highlight=[],
                get_ranking_info=True,
            ),
            release,
            stages,
            query_id=_QUERY_ID,
            index_name=_INDEX,
        )

    def ask(query: str, wanted: Set[str] = frozenset()) -> Answer:
        response = page_of(query, 0)
        hits = list(response.hits)
        while response.page + 1 < response.nb_pages and not wanted <= {hit["objectID"] for hit in hits}:
            response = page_of(query, response.page + 1)
            hits += response.hits
        scores = [hit["_rankingInfo"]["score"] for hit in hits]
        return Answer(
            product_ids=tuple(hit["objectID"] for hit in hits),
            scores=tuple(-float(rank) if score is None else score for rank, score in enumerate(scores, start=1)),
            lost=tuple(lost for lost in response.degraded if lost not in without),
        )

    return ask


def searching(release: Release, vectors: QueryVectors = WITHOUT_ENDPOINT) -> Callable[[str], object]:
    """Ask a release for a page of hits with everything that a shop shows of them; for the time that it takes."""
    stages = InProcess(release, vectors)
    return lambda query: search(SearchParameters(query=query), release, stages, query_id=_QUERY_ID, index_name=_INDEX)
