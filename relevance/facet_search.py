"""Searching inside the values of one facet, for a shop with more brands than a list can show."""

from relevance.complaints import shortened
from relevance.contracts.api import FacetHit, FacetSearchParameters, FacetSearchResponse
from relevance.errors import BadRequest
from relevance.filters import Condition, both
from relevance.highlighting import Tags
from relevance.parameters import condition_of
from relevance.release import Release
from relevance.search import Stages, preprocess_request
from relevance.text import normalise, words

_ALL_VALUES = 1_000_000


def search_facet(
    name: str,
    parameters: FacetSearchParameters,
    release: Release,
    stages: Stages,
    *,
    query_id: str,
    sealed: Condition | None = None,
) -> FacetSearchResponse:
    """The values of a facet whose words begin with all words of `facetQuery`, over the result set of the query.

    Values come by how many products of the result set have them; `processing_time_ms` is left to the caller.

    Raises:
        BadRequest: If there is no such facet, or the shop's settings do not let it be searched in.
    """
    if name not in release.index.facet_names:
        known = ", ".join(release.index.facet_names)
        raise BadRequest(f"{shortened(name)} is no facet of this index: expected one of {known}")
    if not release.index.settings.searches_facet(name):
        raise BadRequest(f"{name} is not searched in: expected searchable({name}) in the setting attributesForFaceting")
    understood = stages.understand(preprocess_request(query_id, parameters, release.index.settings))
    members = release.index.retrieve(understood, 0, both(sealed, condition_of(parameters)), members=True).members
    assert members is not None  # they were asked for
    counts = release.index.facets(
        members, [name], _ALL_VALUES, alphabetical=parameters.sort_facet_values_by == "alpha"
    )[name].counts
    beginnings = words(parameters.facet_query)
    tags = Tags(parameters.highlight_pre_tag, parameters.highlight_post_tag)
    found = [
        FacetHit(value=value, highlighted=_highlighted(value, beginnings, tags), count=count)
        for value, count in counts.items()
        if all(any(word.startswith(beginning) for word in words(value)) for beginning in beginnings)
    ]
    return FacetSearchResponse(facet_hits=found[: parameters.max_facet_hits], processing_time_ms=0)


def _highlighted(value: str, beginnings: list[str], tags: Tags) -> str:
    """The value with tags around each word's beginning that was asked for."""
    return " ".join(_highlighted_word(word, beginnings, tags) for word in value.split(" "))


def _highlighted_word(word: str, beginnings: list[str], tags: Tags) -> str:
    normalised = normalise(word)
    length = max((len(start) for start in beginnings if normalised.startswith(start)), default=0)
    if not length:
        return tags.text(word)
    if len(normalised) != len(word):  # an accent or a ligature was taken apart: where it ends is not the same place
        length = len(word)
    return f"{tags.pre}{tags.text(word[:length])}{tags.post}{tags.text(word[length:])}"
