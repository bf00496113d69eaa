"""Every route of the API: its path, the function behind it, the keys it takes, what it is asked and what it answers.

Handlers register with these, infra deploys them, the OpenAPI document is written from them, and a test walks them with
every kind of key.
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from functions.keys import KeyKind
from relevance.contracts.api import (
    AnalyzeRequest,
    AnalyzeResponse,
    FacetSearchParameters,
    FacetSearchResponse,
    Health,
    RerankGivenRequest,
    RerankGivenResponse,
    SearchParameters,
    SearchRequests,
    SearchResponse,
    SearchResponses,
)

Method = Literal["GET", "POST", "PUT", "DELETE"]

ANYONE: tuple[KeyKind, ...] = ()
SHOPPERS: tuple[KeyKind, ...] = ("search", "secured", "admin")
WHOLE_CATALOGUE: tuple[KeyKind, ...] = ("search", "admin")
"""Routes that cannot hold to what a secured key seals in."""
SHOP: tuple[KeyKind, ...] = ("admin",)


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: Method
    path: str
    """As API Gateway writes it: `{name}` stands for one segment, which may be a literal `*`."""
    function: str
    """Its folder in `functions/`."""
    keys: tuple[KeyKind, ...]
    """The kinds of key that it takes; none for a route that needs no key."""
    summary: str
    response: type[BaseModel]
    request: type[BaseModel] | None = None
    """The body, or for GET the query parameters; None when it takes neither."""
    statuses: tuple[int, ...] = field(default=(400,))
    """What it may answer beside 200, and beside 403, 413, 429 and 503, which any route with a key may."""
    writes: bool = False
    """Whether it changes the catalogue: such routes are throttled apart from searches."""


SEARCH = Route(
    "POST",
    "/1/indexes/{index}/query",
    "assemble_results",
    SHOPPERS,
    "One search",
    SearchResponse,
    SearchParameters,
    (400, 404),
)
SEARCH_BY_ADDRESS = Route(
    "GET",
    "/1/indexes/{index}",
    "assemble_results",
    SHOPPERS,
    "One search, its parameters in the address",
    SearchResponse,
    SearchParameters,
    (304, 400, 404),
)
SEARCH_SEVERAL = Route(
    "POST",
    "/1/indexes/{index}/queries",
    "assemble_results",
    SHOPPERS,
    "Several searches in one call; the index in the path is a literal *",
    SearchResponses,
    SearchRequests,
    (400, 404),
)
SEARCH_FACET = Route(
    "POST",
    "/1/indexes/{index}/facets/{facet}/query",
    "assemble_results",
    SHOPPERS,
    "Search among the values of a facet",
    FacetSearchResponse,
    FacetSearchParameters,
    (400, 404),
)
LIVE = Route("GET", "/1/health/live", "assemble_results", ANYONE, "Whether the function runs", Health, None, ())
READY = Route("GET", "/1/health/ready", "assemble_results", ANYONE, "Whether a release is open", Health, None, (503,))
ANALYZE = Route(
    "POST",
    "/1/analyze",
    "preprocess_query",
    WHOLE_CATALOGUE,
    "What a query means to this shop",
    AnalyzeResponse,
    AnalyzeRequest,
)
RERANK = Route(
    "POST",
    "/1/rerank",
    "rerank",
    WHOLE_CATALOGUE,
    "Order candidates that another engine found",
    RerankGivenResponse,
    RerankGivenRequest,
)

ROUTES: tuple[Route, ...] = (
    SEARCH,
    SEARCH_BY_ADDRESS,
    SEARCH_SEVERAL,
    SEARCH_FACET,
    LIVE,
    READY,
    ANALYZE,
    RERANK,
)
