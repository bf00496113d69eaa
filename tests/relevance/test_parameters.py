import pytest
from algoliasearch.search.models.search_params_object import SearchParamsObject

from relevance.contracts.api import SearchParameters
from relevance.errors import BadRequest
from relevance.parameters import NOT_IMPLEMENTED, parse_parameters


def test_every_parameter_of_the_official_client_is_implemented_or_named_as_not():
    known = {field.alias for field in SearchParamsObject.model_fields.values()}
    ours = {field.alias for field in SearchParameters.model_fields.values()}

    assert known - ours == NOT_IMPLEMENTED & known
    assert not ours & NOT_IMPLEMENTED


def test_fields_beside_params_go_before_it():
    parameters, _ = parse_parameters(
        {"params": "query=lamp&page=2&facets=%5B%22brand%22%5D", "page": 1}, SearchParameters
    )

    assert (parameters.query, parameters.page, parameters.facets) == ("lamp", 1, ["brand"])


@pytest.mark.parametrize("facets", ["brand", ["brand"]])
def test_one_facet_may_be_asked_for_by_its_bare_name(facets):
    parameters, _ = parse_parameters({"facets": facets}, SearchParameters)

    assert parameters.facets == ["brand"]


def test_null_is_the_same_as_leaving_out():
    parameters, warnings = parse_parameters({"query": "lamp", "page": None, "filters": None}, SearchParameters)

    assert (parameters.page, warnings) == (0, [])


def test_an_unknown_field_is_refused_even_if_it_is_null():
    with pytest.raises(BadRequest, match='"qurey" is not known'):
        parse_parameters({"qurey": None}, SearchParameters)


@pytest.mark.parametrize("written", ["null", "[" * 100_000])
def test_text_that_is_no_value_of_its_field_is_refused_and_not_read_as_absent(written):
    with pytest.raises(BadRequest, match="typoTolerance is"):
        parse_parameters({"params": f"typoTolerance={written}"}, SearchParameters)


def test_a_message_says_which_search_it_is_about():
    with pytest.raises(BadRequest, match=r"^requests\[2\]\.page is -1: expected a whole number from 0$"):
        parse_parameters({"page": -1}, SearchParameters, where="requests[2].")


def test_all_bad_fields_are_named_at_once():
    with pytest.raises(BadRequest, match=r"page is -1.*; hitsPerPage is 101"):
        parse_parameters({"page": -1, "hitsPerPage": 101}, SearchParameters)


def test_a_message_names_ten_fields_at_most():
    with pytest.raises(BadRequest) as refused:
        parse_parameters({f"field{number}": 1 for number in range(1000)}, SearchParameters)

    assert str(refused.value).count("is not known") == 10
