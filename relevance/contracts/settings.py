"""The settings of an index that change a search; `index/settings.json` in a release holds them by their wire names."""

from functools import cached_property
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from relevance.contracts.wire import WireRequest

MAX_ATTRIBUTES = 100
MAX_REPLICAS = 20

_NAME = r"[^(),\x00-\x1f]{1,512}"

AttributeName = Annotated[str, Field(pattern=f"^{_NAME}$")]
SearchedAttributes = Annotated[str, Field(pattern=rf"^(unordered\({_NAME}\)|{_NAME}(, ?{_NAME})*)$")]
FacetAttributeForm = Annotated[
    str,
    Field(
        pattern=rf"^({_NAME}|(searchable|filterOnly|afterDistinct)\({_NAME}\)|afterDistinct\(searchable\({_NAME}\)\))$"
    ),
]
RankingForm = Annotated[str, Field(pattern=rf"^(asc|desc)\({_NAME}\)$")]
ReplicaName = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,128}|virtual\([A-Za-z0-9_.-]{1,128}\))$")]
Language = Annotated[str, Field(pattern="^[a-z]{2}(-[a-z]{2})?$")]


class FacetAttribute(NamedTuple):
    """An attribute whose values can be filtered by."""

    name: str
    searchable: bool
    """Whether facet search may look inside its values."""
    counted: bool
    """Whether its values are counted; False for `filterOnly(...)`."""


class RankingAttribute(NamedTuple):
    """An attribute that orders products which are otherwise equal."""

    name: str
    descending: bool


class IndexSettings(WireRequest):
    """What a shop may set for an index. None means that it was never set: the search's own default holds."""

    searchable_attributes: list[SearchedAttributes] | None = Field(
        default=None,
        max_length=MAX_ATTRIBUTES,
        description='a list of attribute names, the most important first: ["title,brand", "unordered(description)"]',
    )
    attributes_for_faceting: list[FacetAttributeForm] | None = Field(
        default=None,
        max_length=MAX_ATTRIBUTES,
        description='a list of attribute names: ["brand", "searchable(categories)", "filterOnly(price)"]',
    )
    custom_ranking: list[RankingForm] | None = Field(
        default=None, max_length=MAX_ATTRIBUTES, description='a list such as ["desc(rating)", "asc(price)"]'
    )
    unretrievable_attributes: list[AttributeName] | None = Field(
        default=None, max_length=MAX_ATTRIBUTES, description="a list of attribute names"
    )
    replicas: list[ReplicaName] | None = Field(
        default=None, max_length=MAX_REPLICAS, description='a list of index names, such as ["products_price_asc"]'
    )
    typo_tolerance: bool | Literal["min", "strict"] | None = Field(
        default=None, description='true, false, "min" or "strict"'
    )
    query_languages: list[Language] | None = Field(
        default=None,
        max_length=MAX_ATTRIBUTES,
        description='a list of language codes (ISO 639-1), such as ["en", "de"]',
    )
    remove_words_if_no_results: Literal["none", "lastWords", "firstWords", "allOptional"] | None = Field(
        default=None, description='"none", "lastWords", "firstWords" or "allOptional"'
    )
    enable_rules: bool | None = Field(default=None, description="true or false")
    enable_personalization: bool | None = Field(default=None, description="true or false")

    @property
    def searched(self) -> tuple[tuple[str, ...], ...]:
        """Attribute names by importance; those in one group count the same.

        >>> IndexSettings(searchable_attributes=["title,brand", "unordered(description)"]).searched
        (('title', 'brand'), ('description',))
        """
        groups = (form.removeprefix("unordered(").removesuffix(")") for form in self.searchable_attributes or ())
        return tuple(tuple(name.strip() for name in group.split(",")) for group in groups)

    @cached_property
    def facets(self) -> tuple[FacetAttribute, ...]:
        """The attributes for faceting, read.

        >>> IndexSettings(attributes_for_faceting=["brand", "searchable(colour)", "filterOnly(price)"]).facets[2]
        FacetAttribute(name='price', searchable=False, counted=False)
        """
        return tuple(
            FacetAttribute(_innermost(form), "searchable(" in form, not form.startswith("filterOnly("))
            for form in self.attributes_for_faceting or ()
        )

    @property
    def uncounted_facets(self) -> frozenset[str]:
        """The facets that are there for filters only."""
        return frozenset(facet.name for facet in self.facets if not facet.counted)

    def searches_facet(self, name: str) -> bool:
        """Whether facet search may look inside a facet's values: any facet's while the shop has named none."""
        return not self.facets or any(facet.searchable for facet in self.facets if facet.name == name)

    @property
    def ranking(self) -> tuple[RankingAttribute, ...]:
        """The custom ranking, read.

        >>> IndexSettings(custom_ranking=["desc(rating)"]).ranking
        (RankingAttribute(name='rating', descending=True),)
        """
        return tuple(RankingAttribute(_innermost(form), form.startswith("desc(")) for form in self.custom_ranking or ())

    @property
    def replica_names(self) -> tuple[str, ...]:
        """The replicas' names without `virtual(...)`, which changes nothing here: no replica holds a copy.

        >>> IndexSettings(replicas=["virtual(products_newest)"]).replica_names
        ('products_newest',)
        """
        return tuple(_innermost(form) for form in self.replicas or ())


def _innermost(form: str) -> str:
    """`afterDistinct(searchable(brand))` -> `brand`."""
    return form.rpartition("(")[2].rstrip(")")
