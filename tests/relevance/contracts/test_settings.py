import pytest
from pydantic import ValidationError

from relevance.contracts.settings import FacetAttribute, IndexSettings


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("brand", FacetAttribute("brand", searchable=False, counted=True)),
        ("searchable(attributes.colour)", FacetAttribute("attributes.colour", searchable=True, counted=True)),
        ("filterOnly(price)", FacetAttribute("price", searchable=False, counted=False)),
        ("afterDistinct(searchable(brand))", FacetAttribute("brand", searchable=True, counted=True)),
    ],
)
def test_every_form_of_a_facet_is_read(form, read):
    assert IndexSettings(attributes_for_faceting=[form]).facets == (read,)


def test_what_was_never_set_reads_as_nothing():
    settings = IndexSettings()

    assert settings.searched == settings.facets == settings.ranking == settings.replica_names == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attributesForFaceting", ["searchable(brand"]),
        ("attributesForFaceting", ["countable(brand)"]),
        ("attributesForFaceting", "brand"),
        ("customRanking", ["up(price)"]),
        ("searchableAttributes", [""]),
        ("replicas", ["a/b"]),
        ("queryLanguages", ["english"]),
        ("removeWordsIfNoResults", "some"),
        ("enableRules", "yes"),
        ("typoTolerance", 1),
        ("unretrievableAttributes", ["x"] * 101),
    ],
)
def test_a_form_that_is_none_is_refused(field, value):
    with pytest.raises(ValidationError):
        IndexSettings.model_validate({field: value})
