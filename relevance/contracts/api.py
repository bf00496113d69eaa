"""The public API: Algolia's names on the wire, ours inside. The aliases stand here and nowhere else."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, WithJsonSchema

from relevance.contracts.rungs import Degradation, Rung
from relevance.contracts.wire import WireModel, WireRequest

MAX_HITS_PER_PAGE = 100
MAX_TAG_CHARACTERS = 100
"""Longer tags around each word found would make an answer of any size."""
PAGING_DEPTH = 1000
"""No page reaches beyond this many hits."""
MAX_QUERIES = 50
"""Searches in one multi-query call."""
MAX_RERANK_CANDIDATES = 1000


Tag = Annotated[
    str, Field(max_length=MAX_TAG_CHARACTERS, description=f"text of at most {MAX_TAG_CHARACTERS} characters")
]
AttributeName = Annotated[str, Field(max_length=512)]
_TEXTS = {"type": "array", "items": {"type": "string"}}
FacetNames = Annotated[
    list[str],
    BeforeValidator(lambda given: given.split(",") if isinstance(given, str) else given),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS | {"maxItems": 100}]}),
]
"""InstantSearch asks for a single facet by its bare name."""
FilterLists = Annotated[
    Any,
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": [{"type": "string"}, _TEXTS]}}]}
    ),
]
"""A text, or a list of texts and lists of texts; `relevance.filters` reads and refuses it."""
Hit = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "properties": {"objectID": {"type": "string"}}, "required": ["objectID"]}),
]
"""A product's record with what the search says of it: `_highlightResult`, `_snippetResult`, `_rankingInfo`."""
SnippetAttribute = Annotated[str, Field(pattern="^[^:]{1,512}(:[1-9][0-9]{0,2})?$")]


TypoTolerance = bool | Literal["min", "strict"]
"""Words are corrected to the nearest, so that "min" and "strict" are as true is."""
_TYPO_TOLERANCE = 'true, false, "min" or "strict"'


class SearchParameters(WireRequest):
    """What a search may ask for; unknown parameters are refused, known ones not implemented are named in warnings."""

    query: str = Field(default="", description="text")
    page: int = Field(default=0, ge=0, description="a whole number from 0")
    hits_per_page: int = Field(
        default=20, ge=0, le=MAX_HITS_PER_PAGE, description=f"a whole number from 0 to {MAX_HITS_PER_PAGE}"
    )
    offset: int | None = Field(default=None, ge=0, description="a whole number from 0")
    length: int | None = Field(
        default=None, ge=0, le=PAGING_DEPTH, description=f"a whole number from 0 to {PAGING_DEPTH}"
    )
    filters: str = Field(default="", description="text such as brand:Sony AND price < 100")
    facet_filters: FilterLists = Field(default=None, description="a text, or a list of texts and lists of texts")
    numeric_filters: FilterLists = Field(default=None, description="a text, or a list of texts and lists of texts")
    facets: FacetNames = Field(default=[], max_length=100, description="a list of facet names, or ['*']")
    max_values_per_facet: int = Field(default=100, ge=1, le=1000, description="a whole number from 1 to 1000")
    sort_facet_values_by: Literal["count", "alpha"] = Field(default="count", description='"count" or "alpha"')
    attributes_to_retrieve: list[str] = Field(default=["*"], description="a list of attribute names, or ['*']")
    attributes_to_highlight: list[AttributeName] | None = Field(
        default=None, max_length=100, description="a list of attribute names, or ['*']"
    )
    """None: everything that is searched in."""
    attributes_to_snippet: list[SnippetAttribute] = Field(
        default=[], max_length=100, description="a list of attribute names with 1 to 999 words: ['description:20']"
    )
    highlight_pre_tag: Tag = "<em>"
    highlight_post_tag: Tag = "</em>"
    snippet_ellipsis_text: Tag = "…"
    get_ranking_info: bool = Field(default=False, description="true or false")
    typo_tolerance: TypoTolerance = Field(default=True, description=_TYPO_TOLERANCE)
    query_type: Literal["prefixLast", "prefixAll", "prefixNone"] = Field(
        default="prefixLast", description='"prefixLast", "prefixAll" or "prefixNone"'
    )
    """Whether the last word may be the beginning of one; of the other words none is."""
    synonyms: bool = Field(default=True, description="true or false")
    """Whether the shop's synonyms count."""
    relevancy_strictness: int = Field(default=100, ge=0, le=100, description="a whole number from 0 to 100")
    """With a sorted replica: 0 sorts the whole result set, more only the products that hold every word."""
    user_token: str | None = Field(default=None, description="text")
    click_analytics: bool = Field(default=False, description="true or false")
    """Whether events will name this answer's queryID: then it may not be kept and given again."""
    analytics: bool = Field(default=True, description="true or false")
    """Whether it is a shopper's search: false keeps a monitor's or a test's out of the watch over what shoppers ask."""

    @property
    def corrects_typos(self) -> bool:
        """Whether misspelt words are corrected."""
        return self.typo_tolerance is not False

    @property
    def written(self) -> str:
        """What was asked for as a query string, without what was left open: answers repeat it as `params`."""
        return urlencode(self.model_dump(by_alias=True, exclude_unset=True), doseq=True)


class FacetSearchParameters(SearchParameters):
    """What a search inside a facet's values may ask for: a search whose result set is looked at, and a beginning."""

    facet_query: str = Field(default="", description="text")
    max_facet_hits: int = Field(default=10, ge=1, le=100, description="a whole number from 1 to 100")


class FacetStats(WireModel):
    """A number facet over the result set."""

    min: float
    max: float
    avg: float
    sum: float


class _Answer(WireModel):
    """What every answer says of itself, beside what was asked for."""

    query_id: str = Field(alias="queryID", pattern="^[0-9a-f]{32}$")
    processing_time_ms: int = Field(alias="processingTimeMS")
    release: str
    rung: Rung
    degraded: tuple[Degradation, ...]
    warnings: tuple[str, ...] = ()


class SearchResponse(_Answer):
    """One page of a result set, and how it came about."""

    hits: list[Hit]
    nb_hits: int
    nb_sorted_hits: int | None = None
    """With a sorted replica, how many of them were relevant enough to be sorted and shown."""
    applied_relevancy_strictness: int | None = None
    """With a sorted replica, what was asked for; only where it stands do Algolia's widgets show `nbSortedHits`."""
    page: int
    nb_pages: int
    hits_per_page: int
    exhaustive_nb_hits: bool = True
    facets: dict[str, dict[str, int]] | None = None
    facets_stats: dict[str, FacetStats] | None = Field(default=None, alias="facets_stats")
    query: str
    corrected_query: str | None = None
    """The query that was searched for, where that is not the one that was typed."""
    params: str
    index: str
    offset: int | None = None
    length: int | None = None


class FacetHit(WireModel):
    """One value of a facet."""

    value: str
    highlighted: str
    """The value as HTML, what was asked for in the caller's tags."""
    count: int
    """Products of the result set that have it."""


class FacetSearchResponse(WireModel):
    """Values of one facet, most products first."""

    facet_hits: list[FacetHit]
    exhaustive_facets_count: bool = True
    processing_time_ms: int = Field(alias="processingTimeMS")


class OneOfSeveral(SearchParameters):
    """One search of a multi-query call: a search of products, or of a facet's values."""

    index_name: str = Field(description="the name of an index")
    type: Literal["default", "facet"] = Field(default="default", description='"default" or "facet"')
    facet: str | None = Field(default=None, description="the name of a facet, with type facet")
    facet_query: str = Field(default="", description="text")
    max_facet_hits: int = Field(default=10, ge=1, le=100, description="a whole number from 1 to 100")


class SearchRequests(WireModel):
    """`POST /1/indexes/*/queries`."""

    requests: list[OneOfSeveral] = Field(
        max_length=MAX_QUERIES, description=f"a list of at most {MAX_QUERIES} searches"
    )
    strategy: Literal["none", "stopIfEnoughMatches"] | None = Field(
        default=None, description='"none" or "stopIfEnoughMatches"'
    )


class SearchResponses(WireModel):
    """The answers to several searches, in the order asked."""

    results: list[SearchResponse | FacetSearchResponse]


class Health(WireModel):
    """`GET /1/health/...`."""

    status: Literal["ok"] = "ok"
    release: str | None = None
    """The open release, where one must be."""


class AnalyzeRequest(WireRequest):
    """`POST /1/analyze`."""

    query: str = Field(description="text")
    typo_tolerance: TypoTolerance = Field(default=True, description=_TYPO_TOLERANCE)


class AnalyzeResponse(_Answer):
    """What a query means to this shop."""

    query: str
    normalised: str
    corrected_query: str | None = None
    tokens: tuple[str, ...]
    weights: tuple[float, ...]
    alternatives: dict[str, tuple[str, ...]]
    """By token, what a product may hold in its place: synonyms, and longer words that begin as the last one does."""
    brand: str | None


class RerankGivenRequest(WireRequest):
    """`POST /1/rerank`: candidates that some other engine found, in its order."""

    query: str = Field(description="text")
    candidates: list[dict[str, Any]] = Field(
        max_length=MAX_RERANK_CANDIDATES,
        description=f"a list of at most {MAX_RERANK_CANDIDATES} objects, each with an objectID",
    )


class RankedCandidate(WireModel):
    """One candidate in the new order."""

    object_id: str = Field(alias="objectID")
    score: float | None
    """None where nothing could be scored: unknown products keep their place at the end."""


class RerankGivenResponse(_Answer):
    """The caller's candidates, best first."""

    ranked: tuple[RankedCandidate, ...]
