"""The port that every product index stands behind: this one in a function's memory, or a service for larger shops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relevance.arrays import Rows, Vector
from relevance.completion import Completions
from relevance.contracts.settings import IndexSettings
from relevance.contracts.stages import UnderstoodQuery
from relevance.features import Candidates
from relevance.filters import Condition
from relevance.index.facets import FacetCount
from relevance.index.table import CatalogueScale
from relevance.sorting import Sort
from relevance.spelling import Spelling
from relevance.synonyms import Synonyms
from relevance.understanding import BrandNames


@dataclass(frozen=True)
class Retrieved:
    """The result set of a query, best first."""

    rows: Rows
    """Shape (k,): the products that paging can reach, at most `limit`."""
    scores: Vector
    """Shape (k,), in [0, 1]: fused, not increasing; all 0 when an empty query browses."""
    count: int
    """How many products are in the result set, reachable or not."""
    members: Rows | None = None
    """Shape (n,), in no order: every product that paging could reach if it had no end, where they were asked for."""
    sorted_count: int | None = None
    """How many products were relevant enough to be sorted; None for a result set in the order of relevance."""
    best_cosine: float | None = None
    """Of the product nearest to the query in meaning, in [-1, 1]; None without vectors or without a hit."""


class ProductIndex(Protocol):
    """Finds products and tells about them; a product is a row number, valid within one release."""

    scale: CatalogueScale
    brands: BrandNames
    spelling: Spelling
    completions: Completions
    synonyms: Synonyms
    settings: IndexSettings
    facet_names: tuple[str, ...]

    def document_frequencies(self, tokens: Sequence[str]) -> Vector:
        """Shape (m,): in how many products each token stands."""

    def frequencies_beside(self, tokens: Sequence[str], others: Sequence[str]) -> Vector:
        """Shape (len(others),): of the products that hold all the tokens, in how many each of the others stands."""

    def retrieve(
        self,
        query: UnderstoodQuery,
        limit: int,
        condition: Condition | None = None,
        *,
        members: bool = False,
        sort: Sort | None = None,
        strict: bool = True,
    ) -> Retrieved:
        """Products that match by word or by meaning, fused; all of them, in the order to browse, for an empty query.

        Args:
            query: What is looked for.
            limit: How many rows at most.
            condition: Holds inside retrieval, on both sides: what it excludes takes nobody's place.
            members: Whether all products are wanted, to be counted by facets.
            sort: The order wanted instead of relevance.
            strict: With `sort`, whether to leave out what is in the result set by a part of the query only: cheap but
                wrong products would come first. Sorted are the products that hold every word, or, where none does,
                those nearly as good as the best.

        Raises:
            BadRequest: If the condition speaks of a facet that this index has not.
        """

    def facets(
        self, rows: Rows, names: Sequence[str], limit: int, *, alphabetical: bool = False
    ) -> dict[str, FacetCount]:
        """How some products spread over facets of `facet_names`: the `limit` most frequent or alphabetically first."""

    def candidates(self, query: UnderstoodQuery, rows: Rows) -> Candidates:
        """What the features read of some products."""

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """What a hit shows of some products."""

    def rows(self, product_ids: Sequence[str]) -> Rows:
        """Shape (len(product_ids),): -1 for a product that the index does not hold."""
