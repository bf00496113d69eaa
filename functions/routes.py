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
from relevance.contracts.catalogue_api import (
    BatchRequest,
    BatchResponse,
    Deleted,
    GivenProduct,
    ObjectCreated,
    ObjectsRequest,
    ObjectsResponse,
    ObjectUpdated,
    ObjectView,
    SynonymSearch,
    SynonymsResponse,
    SynonymUpdated,
    TaskResponse,
    Updated,
)
from relevance.contracts.products import Product
from relevance.contracts.settings import IndexSettings
from relevance.contracts.synonyms import GivenSynonym, SynonymRecord, SynonymRecords

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
    all_indices: bool = False
    """Whether callers write a literal `*` for the index: API Gateway cannot have both in one place."""


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
    "Several searches in one call",
    SearchResponses,
    SearchRequests,
    (400, 404),
    all_indices=True,
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
SAVE_BATCH = Route(
    "POST",
    "/1/indexes/{index}/batch",
    "manage_catalogue",
    SHOP,
    "Several operations on products, in order; 207 where some were refused",
    BatchResponse,
    BatchRequest,
    (207, 400, 404),
    writes=True,
)
ADD_OBJECT = Route(
    "POST",
    "/1/indexes/{index}",
    "manage_catalogue",
    SHOP,
    "Add or replace a product; without an objectID it is given one",
    ObjectCreated,
    GivenProduct,
    (400, 404),
    writes=True,
)
GET_SETTINGS = Route(
    "GET",
    "/1/indexes/{index}/settings",
    "manage_catalogue",
    SHOP,
    "The settings of the index",
    IndexSettings,
    None,
    (404,),
)
SET_SETTINGS = Route(
    "PUT",
    "/1/indexes/{index}/settings",
    "manage_catalogue",
    SHOP,
    "Change some settings; null takes one back to its default",
    Updated,
    IndexSettings,
    (400, 404),
    writes=True,
)
GET_OBJECT = Route(
    "GET",
    "/1/indexes/{index}/{object_id}",
    "manage_catalogue",
    SHOP,
    "One product as the catalogue has it",
    Product,
    ObjectView,
    (400, 404),
)
SAVE_OBJECT = Route(
    "PUT",
    "/1/indexes/{index}/{object_id}",
    "manage_catalogue",
    SHOP,
    "Add or replace a product",
    ObjectUpdated,
    GivenProduct,
    (400, 404),
    writes=True,
)
DELETE_OBJECT = Route(
    "DELETE",
    "/1/indexes/{index}/{object_id}",
    "manage_catalogue",
    SHOP,
    "Remove a product; one that is not there is removed already",
    Deleted,
    None,
    (400, 404),
    writes=True,
)
UPDATE_OBJECT = Route(
    "POST",
    "/1/indexes/{index}/{object_id}/partial",
    "manage_catalogue",
    SHOP,
    "Change some fields of a product",
    ObjectUpdated,
    GivenProduct,
    (400, 404),
    writes=True,
)
GET_OBJECTS = Route(
    "POST",
    "/1/indexes/{index}/objects",
    "manage_catalogue",
    SHOP,
    "Several products",
    ObjectsResponse,
    ObjectsRequest,
    (400, 404),
    all_indices=True,
)
GET_SYNONYM = Route(
    "GET",
    "/1/indexes/{index}/synonyms/{object_id}",
    "manage_catalogue",
    SHOP,
    "One synonym",
    SynonymRecord,
    None,
    (404,),
)
SAVE_SYNONYM = Route(
    "PUT",
    "/1/indexes/{index}/synonyms/{object_id}",
    "manage_catalogue",
    SHOP,
    "Add or replace a synonym",
    SynonymUpdated,
    GivenSynonym,
    (400, 404),
    writes=True,
)
DELETE_SYNONYM = Route(
    "DELETE",
    "/1/indexes/{index}/synonyms/{object_id}",
    "manage_catalogue",
    SHOP,
    "Remove a synonym",
    Deleted,
    None,
    (400, 404),
    writes=True,
)
SAVE_SYNONYMS = Route(
    "POST",
    "/1/indexes/{index}/synonyms/batch",
    "manage_catalogue",
    SHOP,
    "Add or replace synonyms: all that are sent, or none",
    Updated,
    SynonymRecords,
    (400, 404),
    writes=True,
)
SEARCH_SYNONYMS = Route(
    "POST",
    "/1/indexes/{index}/synonyms/search",
    "manage_catalogue",
    SHOP,
    "Synonyms that hold a text",
    SynonymsResponse,
    SynonymSearch,
    (400, 404),
)
CLEAR_SYNONYMS = Route(
    "POST",
    "/1/indexes/{index}/synonyms/clear",
    "manage_catalogue",
    SHOP,
    "Remove all synonyms",
    Updated,
    None,
    (404,),
    writes=True,
)
GET_TASK = Route(
    "GET",
    "/1/indexes/{index}/task/{task_id}",
    "manage_catalogue",
    SHOP,
    "Whether a write is searchable",
    TaskResponse,
    None,
    (400, 404),
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
    SAVE_BATCH,
    ADD_OBJECT,
    GET_SETTINGS,
    SET_SETTINGS,
    GET_OBJECT,
    SAVE_OBJECT,
    DELETE_OBJECT,
    UPDATE_OBJECT,
    GET_OBJECTS,
    GET_SYNONYM,
    SAVE_SYNONYM,
    DELETE_SYNONYM,
    SAVE_SYNONYMS,
    SEARCH_SYNONYMS,
    CLEAR_SYNONYMS,
    GET_TASK,
)
