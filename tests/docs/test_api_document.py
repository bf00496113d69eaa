from cli.api_examples import example_of
from cli.openapi import document, main, statuses
from functions.routes import ROUTES
from relevance.parameters import NOT_IMPLEMENTED


def test_the_document_and_the_page_are_what_routes_and_types_say():
    assert main(["--check"]) == 0


def test_every_route_that_takes_something_shows_an_example():
    assert [route.path for route in ROUTES if route.request is not None and example_of(route) is None] == []


def test_every_operation_has_a_name_of_its_own():
    operations = [operation for methods in document()["paths"].values() for operation in methods.values()]

    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(ROUTES)


def test_parameters_that_change_nothing_are_allowed_in_every_kind_of_search():
    schemas = document()["components"]["schemas"]

    for name in ("SearchParameters", "FacetSearchParameters", "OneOfSeveral"):
        assert schemas[name]["properties"].keys() >= NOT_IMPLEMENTED


def test_a_route_that_takes_a_key_documents_that_it_may_be_refused():
    assert all({403, 413, 429, 503} <= set(statuses(route)) for route in ROUTES if route.keys)
