"""What a shop's settings change in its searches."""

import json

import pytest

from functions.assemble_results.handler import lambda_handler
from sagemaker_jobs.build_release import build_release
from tests.builders import a_product, an_http_event

SHOP = [
    a_product(
        "old", "Brass lamp", brand="Lux", price=90, rating=4.5, released_at="2025-01-01", cost=40, season=["w", "s"]
    ),
    a_product("new", "Tin lamp", brand="Glow", price=9, rating=4.5, released_at="2026-01-01", cost=3, season=["s"]),
    a_product(
        "best", "Glass lamp", brand="Lux", price=30, rating=5.0, attributes={"supplier_note": "late", "colour": "red"}
    ),
    a_product("unrated", "Paper lamp", brand="Lux", price=4, released_at="2026-05-01"),
]
SETTINGS = {
    "customRanking": ["desc(rating)"],
    "unretrievableAttributes": ["cost", "attributes.supplier_note"],
    "attributesForFaceting": ["searchable(brand)", "filterOnly(price)", "season"],
    "typoTolerance": False,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "models").mkdir()
    settings = {"settings.json": json.dumps(SETTINGS).encode()}
    return build_release(
        SHOP, folder / "models", folder / "releases", described="a test's", say=lambda _: None, accompanying=settings
    )


@pytest.fixture
def ask(install, shop, lambda_context):
    install(shop)

    def send(path="query", **parameters):
        event = an_http_event("POST", f"/1/indexes/products/{path}", parameters)
        response = lambda_handler(event, lambda_context)
        return response["statusCode"], json.loads(response["body"])

    return send


def ids(answer):
    return [hit["objectID"] for hit in answer["hits"]]


def test_a_shop_is_browsed_in_its_own_order_and_what_has_no_value_comes_last(ask):
    _, answer = ask()

    assert ids(answer) == ["best", "new", "old", "unrated"]


def test_what_is_never_shown_is_in_no_part_of_a_hit(ask):
    _, answer = ask(query="lamp", attributesToHighlight=["*"], attributesToSnippet=["*:5"])

    hits = {hit["objectID"]: hit for hit in answer["hits"]}
    assert "cost" not in hits["old"]
    assert hits["best"]["attributes"] == {"colour": "red"}
    assert "supplier_note" not in json.dumps(answer)


def test_the_shop_chooses_its_facets_fields_of_its_own_among_them(ask):
    _, answer = ask(facets=["*"])

    assert answer["facets"] == {"brand": {"Lux": 3, "Glow": 1}, "season": {"s": 2, "w": 1}}


def test_the_values_of_a_facet_come_by_the_alphabet_where_a_caller_asks_for_it(ask):
    _, by_count = ask(facets=["brand"])
    _, by_letter = ask(facets=["brand"], sortFacetValuesBy="alpha")

    assert list(by_count["facets"]["brand"]) == ["Lux", "Glow"]
    assert list(by_letter["facets"]["brand"]) == ["Glow", "Lux"]


def test_a_facet_for_filters_only_filters_and_is_not_counted(ask):
    _, answer = ask(facets=["price"], filters="price < 10")

    assert sorted(ids(answer)) == ["new", "unrated"]
    assert answer["facets"] == {}
    assert answer["warnings"] == ["facets: price is no facet of this index"]


def test_facet_search_looks_where_the_shop_lets_it(ask):
    assert ask("facets/brand/query", facetQuery="l")[1]["facetHits"][0]["value"] == "Lux"

    status, answer = ask("facets/season/query", facetQuery="s")

    assert status == 400
    assert answer["message"] == (
        "season is not searched in: expected searchable(season) in the setting attributesForFaceting"
    )


def test_a_caller_may_ask_for_what_the_shop_has_turned_off(ask):
    assert "correctedQuery" not in ask(query="brsas lamp")[1]
    assert ask(query="brsas lamp", typoTolerance=True)[1]["correctedQuery"] == "brass lamp"
