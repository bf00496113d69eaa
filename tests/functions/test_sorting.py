"""Sorted replicas: an index by another name, in another order."""

import json

import pytest

from functions.assemble_results.handler import lambda_handler
from tests.builders import a_product, a_release, an_http_event

LAMPS = [
    a_product("dear", "Desk lamp of brass", price=90, released_at="2026-01-01", brand="Lux"),
    a_product("cheap", "Desk lamp of tin", price=9, released_at="2026-02-01", brand="Lux"),
    a_product("unpriced", "Desk lamp of glass", released_at="2026-03-01", brand="Lux"),
    a_product("bulb", "Spare bulb for a lamp", price=2, released_at="2026-04-01", brand="Glow"),
    a_product("pen", "Fountain pen", price=1, released_at="2026-05-01", brand="Ink"),
]


@pytest.fixture(scope="module")
def lamps(tmp_path_factory):
    return a_release(tmp_path_factory.mktemp("lamps"), LAMPS, encoder=False)


@pytest.fixture
def ask(install, lamps, lambda_context):
    install(lamps)

    def send(index, **parameters):
        event = an_http_event("POST", f"/1/indexes/{index}/query", parameters)
        return json.loads(lambda_handler(event, lambda_context)["body"])

    return send


def ids(answer):
    return [hit["objectID"] for hit in answer["hits"]]


@pytest.mark.parametrize(
    ("index", "order"),
    [
        ("products_price_asc", ["pen", "bulb", "cheap", "dear", "unpriced"]),
        ("products_price_desc", ["dear", "cheap", "bulb", "pen", "unpriced"]),
        ("products_newest", ["pen", "bulb", "unpriced", "cheap", "dear"]),
    ],
)
def test_without_a_query_everything_is_sorted_and_what_has_no_value_comes_last(ask, index, order):
    answer = ask(index)

    assert ids(answer) == order
    assert answer["index"] == index


def test_what_holds_only_a_part_of_the_query_is_not_sorted_before_what_was_meant(ask):
    answer = ask("products_price_asc", query="desk lamp")

    assert ids(answer) == ["cheap", "dear", "unpriced"]
    assert (answer["nbSortedHits"], answer["nbHits"]) == (3, 4)
    assert answer["appliedRelevancyStrictness"] == 100  # without it, Algolia's widgets do not show how many were sorted


def test_a_caller_may_sort_the_whole_result_set(ask):
    answer = ask("products_price_asc", query="desk lamp", relevancyStrictness=0)

    assert ids(answer) == ["bulb", "cheap", "dear", "unpriced"]


def test_where_no_product_holds_every_word_the_nearest_are_sorted(ask):
    answer = ask("products_price_asc", query="fountain glass")

    assert ids(answer) == ["pen", "unpriced"]
    assert (answer["nbSortedHits"], answer["nbHits"]) == (2, 2)


def test_filters_and_facets_speak_of_what_is_sorted(ask):
    answer = ask("products_price_desc", query="lamp", filters="price < 50", facets=["brand"])

    assert ids(answer) == ["cheap", "bulb"]
    assert answer["facets"]["brand"] == {"Lux": 1, "Glow": 1}


def test_pages_go_on_where_the_one_before_ended(ask):
    pages = [ids(ask("products_price_asc", page=page, hitsPerPage=2)) for page in range(3)]

    assert pages == [["pen", "bulb"], ["cheap", "dear"], ["unpriced"]]


def test_sorted_answers_have_no_place_in_an_order_that_was_not_used(ask):
    answer = ask("products_price_asc", query="desk lamp", getRankingInfo=True)

    assert all(hit["_rankingInfo"]["fusedRank"] is None for hit in answer["hits"])


def test_the_order_of_relevance_says_nothing_of_sorting(ask):
    answer = ask("products", query="desk lamp")

    assert "nbSortedHits" not in answer
