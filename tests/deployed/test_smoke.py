"""Whether a deployed shop works: `VITRINE_ADDRESS=https://... VITRINE_SEARCH_KEY=... pytest tests/deployed`.

Any catalogue will do, and nothing in it is changed.
"""

import re
import uuid

import pytest

pytestmark = pytest.mark.deployed

PAGE = "https://storefront.example"


@pytest.fixture(scope="module")
def a_product(shop):
    """The first product that browsing shows."""
    return shop.search(query="", hitsPerPage=1)["hits"][0]


@pytest.mark.parametrize("kind", ["live", "ready"])
def test_the_shop_is_well_and_needs_no_key_to_say_so(shop, kind):
    answer = shop.ask("GET", f"/1/health/{kind}", key=None)

    assert (answer.status, answer.body["status"]) == (200, "ok")


def test_a_search_finds_a_product_by_its_title(shop, a_product):
    answer = shop.search(query=a_product["title"], hitsPerPage=50)

    assert a_product["objectID"] in [hit["objectID"] for hit in answer["hits"]]
    assert re.fullmatch(r"[0-9a-f]{32}", answer["queryID"])


def test_a_search_loses_nothing_on_the_way(shop, a_product):
    answer = shop.search(query=a_product["title"])

    assert answer["degraded"] == []
    assert answer["rung"] != "lexical"


def test_every_answer_comes_from_the_release_that_is_ready(shop, a_product):
    ready = shop.ask("GET", "/1/health/ready", key=None).body["release"]

    assert shop.search(query=a_product["title"])["release"] == ready


def test_an_empty_query_browses(shop):
    answer = shop.search(query="", hitsPerPage=5)

    assert answer["nbHits"] >= len(answer["hits"]) > 0


def test_facets_count_products_and_filter_to_as_many(shop):
    counts = shop.search(query="", facets=["brand"], hitsPerPage=0)["facets"].get("brand")
    if not counts:
        pytest.skip("no product of this shop has a brand")
    brand, count = next(iter(counts.items()))

    filtered = shop.search(query="", facetFilters=[f"brand:{brand}"], hitsPerPage=1)

    assert filtered["nbHits"] == count
    assert filtered["hits"][0]["brand"] == brand


def test_several_searches_travel_in_one_call(shop, a_product):
    requests = [{"indexName": "products", "query": query, "hitsPerPage": 1} for query in ("", a_product["title"])]

    answer = shop.ask("POST", "/1/indexes/*/queries", {"requests": requests})

    assert answer.status == 200
    assert [len(result["hits"]) for result in answer.body["results"]] == [1, 1]


def test_a_search_by_address_answers_like_one_by_body(shop):
    answer = shop.ask("GET", "/1/indexes/products?query=&hitsPerPage=3")

    assert answer.status == 200
    assert answer.body["hits"] == shop.search(query="", hitsPerPage=3)["hits"]


@pytest.mark.parametrize("key", [None, "no-such-key"])
def test_no_key_and_a_wrong_key_are_refused_in_the_clients_words(shop, key):
    answer = shop.ask("POST", "/1/indexes/products/query", {"query": ""}, key=key)

    assert answer.status == 403
    assert answer.body == {"message": "Invalid Application-ID or API key", "status": 403}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/1/indexes/products/settings", None),
        ("PUT", f"/1/indexes/products/{uuid.uuid4().hex}", {"title": "never stored"}),
        ("DELETE", f"/1/indexes/products/{uuid.uuid4().hex}", None),
    ],
)
def test_the_key_that_every_shopper_has_may_not_manage_the_catalogue(shop, method, path, body):
    answer = shop.ask(method, path, body)

    assert answer.status == 403


def test_the_shops_own_key_reads_the_settings(shop, admin_key):
    answer = shop.ask("GET", "/1/indexes/products/settings", key=admin_key)

    assert answer.status == 200
    assert isinstance(answer.body, dict)


def test_an_unknown_path_is_answered_in_the_wires_shape(shop):
    answer = shop.ask("GET", "/1/nothing/here")

    assert (answer.status, answer.body["status"]) == (404, 404)
    assert "/1/nothing/here" in answer.body["message"]


@pytest.mark.parametrize(
    ("parameters", "named"), [({"hitsPerPage": -1}, "hitsPerPage"), ({"filters": "price >"}, "filters")]
)
def test_a_bad_request_is_told_which_field_and_why(shop, parameters, named):
    answer = shop.ask("POST", "/1/indexes/products/query", {"query": "", **parameters})

    assert (answer.status, answer.body["status"]) == (400, 400)
    assert named in answer.body["message"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_browser_may_ask_from_the_shops_pages(shop, method):
    wanted = {
        "Origin": PAGE,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,x-algolia-api-key,x-algolia-application-id",
    }

    answer = shop.ask("OPTIONS", "/1/indexes/products/query", key=None, headers=wanted)

    assert answer.status in {200, 204}
    assert answer.headers["access-control-allow-origin"] in {"*", PAGE}
    assert method in answer.headers["access-control-allow-methods"]
    assert "x-algolia-api-key" in answer.headers["access-control-allow-headers"].lower()


def test_a_page_may_read_the_answer(shop):
    answer = shop.ask("POST", "/1/indexes/products/query", {"query": ""}, headers={"Origin": PAGE})

    assert answer.headers["access-control-allow-origin"] in {"*", PAGE}


def test_answers_name_their_request_and_say_who_may_keep_them(shop):
    answer = shop.ask("POST", "/1/indexes/products/query", {"query": "", "hitsPerPage": 1})

    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


def test_no_answer_repeats_the_key(shop):
    good = shop.ask("POST", "/1/indexes/products/query", {"query": ""})
    bad = shop.ask("POST", "/1/indexes/products/query", {"query": "", "hitsPerPage": -1})

    assert shop.search_key not in good.text + bad.text + str(good.headers) + str(bad.headers)
