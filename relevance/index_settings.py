"""Settings as callers send them: those that change a search, those that change nothing here, and mistakes."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from relevance.complaints import complaints, expectations
from relevance.contracts.settings import IndexSettings
from relevance.errors import BadRequest
from relevance.sorting import SORTS

NOT_IMPLEMENTED = frozenset(
    """
    advancedSyntax advancedSyntaxFeatures allowCompressionOfIntegerArray allowTyposOnNumericTokens alternativesAsExact
    attributeCriteriaComputedBy attributeCriteriaComputedByMinProximity attributeForDistinct attributesToHighlight
    attributesToRetrieve attributesToSnippet attributesToTransliterate camelCaseAttributes customNormalization
    decompoundQuery decompoundedAttributes disableExactOnAttributes disablePrefixOnAttributes
    disableTypoToleranceOnAttributes disableTypoToleranceOnWords distinct enableReRanking exactOnSingleWordQuery
    highlightPostTag highlightPreTag hitsPerPage ignorePlurals indexLanguages keepDiacriticsOnCharacters maxFacetHits
    maxValuesPerFacet minProximity minWordSizefor1Typo minWordSizefor2Typos mode numericAttributesForFiltering
    numericAttributesToIndex optionalWords paginationLimitedTo queryType ranking reRankingApplyFilter
    relevancyStrictness removeStopWords renderingContent replaceSynonymsInHighlight responseFields
    restrictHighlightAndSnippetArrays semanticSearch separatorsToIndex snippetEllipsisText sortFacetValuesBy userData
    version
    """.split()  # noqa: SIM905 (sixty lines of one name each would be no easier to read)
)
"""Settings of Algolia's that its clients may send and that change nothing here; an answer names those it met."""

KEPT = frozenset(
    {"searchableAttributes", "queryLanguages", "removeWordsIfNoResults", "enableRules", "enablePersonalization"}
)
"""Settings that are read back as they were written, before there is what they speak of."""

_SUFFIXES = ", ".join(f"_{suffix}" for suffix in SORTS)


def changed_settings(before: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings behind a change, and which of those given change nothing.

    Args:
        before: Settings by their wire names, as they are stored.
        given: Those to change; null takes one back to its default.

    Raises:
        BadRequest: Naming the fields that are unknown or have a bad value, and what was expected.
    """
    idle = sorted(NOT_IMPLEMENTED & given.keys())
    wanted = {name: value for name, value in given.items() if name not in idle}
    try:
        settings = IndexSettings.model_validate(wanted, by_alias=True, by_name=False)
    except ValidationError as error:
        raise BadRequest("; ".join(complaints(error, expectations(IndexSettings)))) from None
    after = {name: value for name, value in (dict(before) | wanted).items() if value is not None}
    warnings = [f"{name} is not implemented and changes nothing" for name in idle]
    warnings += [f"{name} is kept, and changes nothing yet" for name in sorted(KEPT & wanted.keys())]
    unsorted = [name for name in settings.replica_names if not name.endswith(tuple(f"_{suffix}" for suffix in SORTS))]
    warnings += [f"replicas: {name} sorts by nothing: expected a name that ends in {_SUFFIXES}" for name in unsorted]
    return after, warnings
