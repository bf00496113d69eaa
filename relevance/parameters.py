"""Search parameters as callers send them: a JSON object, a query string, or a query string inside a JSON object."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import ValidationError

from relevance.complaints import complaints, expectations, shortened
from relevance.contracts.api import SearchParameters
from relevance.errors import BadRequest
from relevance.filters import Condition, both, one_facet_filter, one_numeric_filter, parse_filters, parse_lists

NOT_IMPLEMENTED = frozenset(
    """
    advancedSyntax advancedSyntaxFeatures allowTyposOnNumericTokens alternativesAsExact analyticsTags
    aroundLatLng aroundLatLngViaIP aroundPrecision aroundRadius attributeCriteriaComputedBy
    attributeCriteriaComputedByMinProximity
    decompoundQuery disableExactOnAttributes disableTypoToleranceOnAttributes distinct enableABTest
    enablePersonalization enableReRanking enableRules exactOnSingleWordQuery extensions facetingAfterDistinct
    ignorePlurals insideBoundingBox insidePolygon minimumAroundRadius
    minProximity minWordSizefor1Typo minWordSizefor2Typos mode naturalLanguages optionalFilters optionalWords
    percentileComputation personalizationImpact queryLanguages ranking
    removeStopWords removeWordsIfNoResults renderingContent replaceSynonymsInHighlight reRankingApplyFilter
    responseFields restrictHighlightAndSnippetArrays restrictSearchableAttributes ruleContexts semanticSearch
    similarQuery sumOrFiltersScores tagFilters
    """.split()  # noqa: SIM905 (seventy lines of one name each would be no easier to read)
)
"""Parameters of Algolia's that its clients may send and that change nothing here; an answer names those it met."""

Parameters = TypeVar("Parameters", bound=SearchParameters)

_TEXT = frozenset(
    {"query", "userToken", "filters", "facetQuery", "highlightPreTag", "highlightPostTag", "snippetEllipsisText"}
)


def parse_parameters(
    given: Mapping[str, Any], kind: type[Parameters], *, where: str = ""
) -> tuple[Parameters, list[str]]:
    """Check parameters, and say which of them change nothing.

    Args:
        given: A JSON object; its `params`, a query string, is taken in, and the object's own fields go before it.
        kind: SearchParameters, or those of a search that can be asked more.
        where: What to put before a field's name in a message, such as "requests[1].".

    Raises:
        BadRequest: Naming the fields that are unknown or have a bad value, and what was expected.
    """
    fields = dict(given)
    written = fields.pop("params", "")
    if not isinstance(written, str):
        raise BadRequest(f"{where}params is {shortened(written)}: expected text, such as query=shoes&page=1")
    fields = from_text(dict(parse_qsl(written, keep_blank_values=True))) | fields
    known = expectations(kind).keys() | NOT_IMPLEMENTED
    fields = {name: value for name, value in fields.items() if value is not None or name not in known}
    idle = sorted(NOT_IMPLEMENTED & fields.keys())
    try:
        parameters = kind.model_validate({name: fields[name] for name in fields if name not in idle})
    except ValidationError as error:
        raise BadRequest(
            "; ".join(f"{where}{complaint}" for complaint in complaints(error, expectations(kind)))
        ) from None
    try:
        condition_of(parameters)
    except BadRequest as error:
        raise BadRequest(f"{where}{error}") from None
    return parameters, [f"{where}{name} is not implemented and changes nothing" for name in idle]


def condition_of(parameters: SearchParameters) -> Condition | None:
    """What the three filter parameters say together; raises BadRequest if one of them says nothing that can be read."""
    return both(
        parse_filters(parameters.filters),
        parse_lists(parameters.facet_filters, field="facetFilters", one=one_facet_filter),
        parse_lists(parameters.numeric_filters, field="numericFilters", one=one_numeric_filter),
    )


def from_text(fields: Mapping[str, str]) -> dict[str, Any]:
    """Values that came as text, as in a query string: numbers, yes/no and lists are read, the query stays text.

    >>> from_text({"query": "7", "page": "2", "facets": "brand,price", "getRankingInfo": "true"})
    {'query': '7', 'page': 2, 'facets': ['brand', 'price'], 'getRankingInfo': True}
    """
    return {name: text if name in _TEXT else _read(name, text) for name, text in fields.items()}


def _read(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.split(",") if name in _LISTS else text
    return text if value is None else value  # in an address, null is a word and no absence


_LISTS = frozenset({"facets", "attributesToRetrieve", "attributesToHighlight", "attributesToSnippet"})
