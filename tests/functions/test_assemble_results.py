import base64
import json
from typing import Any

import boto3
import pytest
from algoliasearch.search.client import SearchClientSync

from functions.assemble_results import handler
from functions.assemble_results.handler import lambda_handler
from functions.serving import serving
from relevance.contracts.api import MAX_QUERIES
from tests.builders import a_release, an_http_event


@pytest.fixture
def ask(install, release_folder, lambda_context):
    """Send one request to a shop whose release is live; returns status and body."""
    install(release_folder)

    def send(method: str, path: str, body: object = None, **event: Any) -> tuple[int, Any]:
        response = lambda_handler(an_http_event(method, path, body, **event), lambda_context)
        return response["statusCode"], json.loads(response["body"])

    return send


def ids(body):
    return [hit["objectID"] for hit in body["hits"]]


def test_a_search_finds_the_product_it_names(ask, release_folder):
    status, body = ask("POST", "/1/indexes/products/query", {"query": "bluetooth headphones"})

    assert status == 200
    assert ids(body)[0] == "headset"
    assert body["hits"][0] == body["hits"][0] | {"title": "Bluetooth headphones with microphone", "price": 79}
    assert body["release"] == release_folder.name
    assert body["rung"] == "lambda"
    assert body["degraded"] == []
    assert len(body["queryID"]) == 32
    assert body["index"] == "products"
    assert body["processingTimeMS"] >= 0


def test_a_product_that_shares_no_word_is_found_by_meaning(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "earphones for music"})

    assert "headset" in ids(body)


def test_units_match_however_they_are_written(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "2TB"})

    assert ids(body)[0] == "drive"


def test_an_empty_query_shows_everything_newest_first(ask):
    status, body = ask("POST", "/1/indexes/products/query", {"query": "", "hitsPerPage": 3})

    assert status == 200
    assert ids(body) == ["lamp", "drive", "kettle"]
    assert (body["nbHits"], body["nbPages"], body["degraded"]) == (8, 3, [])


def test_no_body_is_an_empty_query(ask):
    status, body = ask("POST", "/1/indexes/products/query")

    assert (status, body["nbHits"]) == (200, 8)


def test_pages_follow_one_another_without_overlap(ask):
    pages = [
        ids(ask("POST", "/1/indexes/products/query", {"query": "quill", "hitsPerPage": 2, "page": page})[1])
        for page in range(3)
    ]
    whole = ids(ask("POST", "/1/indexes/products/query", {"query": "quill"})[1])

    assert [product for page in pages for product in page] == whole[:6]


def test_offset_and_length_cut_a_window(ask):
    whole = ids(ask("POST", "/1/indexes/products/query", {"query": ""})[1])
    _, body = ask("POST", "/1/indexes/products/query", {"query": "", "offset": 2, "length": 3})

    assert ids(body) == whole[2:5]


def test_a_page_beyond_the_end_is_empty(ask):
    status, body = ask("POST", "/1/indexes/products/query", {"query": "laptop", "page": 400})

    assert (status, body["hits"]) == (200, [])


def test_only_the_attributes_asked_for_come_back(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "lamp", "attributesToRetrieve": ["title"]})

    assert set(body["hits"][0]) == {"objectID", "title", "_highlightResult"}


def test_the_words_found_are_marked_and_the_rest_is_escaped(ask):
    parameters = {
        "query": "15.6 inch notebook bag",
        "hitsPerPage": 1,
        "attributesToRetrieve": ["title"],
        "attributesToHighlight": ["title"],
        "attributesToSnippet": ["description:2"],
        "highlightPreTag": "<b>",
        "highlightPostTag": "</b>",
        "snippetEllipsisText": " [...]",
    }

    _, body = ask("POST", "/1/indexes/products/query", parameters)

    assert body["hits"][0]["_highlightResult"] == {
        "title": {
            "value": "Laptop <b>bag</b> for <b>15.6&quot;</b> <b>notebooks</b>",
            "matchLevel": "full",
            "matchedWords": ["15.6inch", "notebook", "bag"],
            "fullyHighlighted": False,
        }
    }
    assert body["hits"][0]["_snippetResult"] == {"description": {"value": "Padded case [...]", "matchLevel": "none"}}
    assert body["warnings"] == []


def test_all_text_but_attributes_is_highlighted_unless_said_otherwise(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "quill mouse", "hitsPerPage": 1})
    _, none = ask("GET", "/1/indexes/products", query={"query": "mouse", "attributesToHighlight": "[]"})
    _, all_ = ask("GET", "/1/indexes/products", query={"query": "quill mouse", "attributesToHighlight": "*"})

    marked = body["hits"][0]["_highlightResult"]
    assert set(marked) == {"title", "brand", "description"}
    assert marked["brand"]["value"] == "<em>Quill</em>"
    assert all_["hits"][0]["_highlightResult"]["attributes"] == {
        "warranty_years": {"value": "0", "matchLevel": "none", "matchedWords": []}
    }
    assert "_highlightResult" not in none["hits"][0]


def test_facets_count_the_whole_result_set(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "", "facets": ["brand", "price", "colour"]})

    assert body["facets"]["brand"] == {"Quill": 3, "Tuff": 3, "Sonora": 2}
    assert body["facets_stats"]["price"] == {"min": 19.9, "max": 649.0, "avg": pytest.approx(121.7875), "sum": 974.3}
    assert body["warnings"] == ["facets: colour is no facet of this index"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"filters": "brand:Sonora"}, {"headset", "earbuds"}),
        ({"filters": "brand:sonora AND price < 60"}, {"earbuds"}),
        ({"filters": "NOT brand:Quill AND NOT brand:Tuff"}, {"headset", "earbuds"}),
        ({"filters": "price:24.5 TO 34"}, {"bag", "kettle", "lamp"}),
        ({"filters": "price = 24.5"}, {"kettle"}),
        ({"filters": "attributes.wireless:true AND brand:Quill"}, {"mouse"}),
        (
            {"facetFilters": [["brand:Sonora", "brand:Tuff"], "attributes.wireless:false"]},
            {"bag", "headset", "kettle", "lamp"},
        ),
        ({"facetFilters": ["brand:-Quill", "brand:-Tuff"]}, {"headset", "earbuds"}),
        ({"numericFilters": ["price>=79", "price!=649"]}, {"headset", "drive"}),
        ({"filters": "brand:Sonora", "numericFilters": "price<60"}, {"earbuds"}),
        ({"filters": "brand:Nobody"}, set()),
    ],
)
@pytest.mark.parametrize("query", ["", "wireless headphones with a charging case for the desk"])
def test_a_filter_holds_for_hits_counts_and_facets(ask, query, parameters, found):
    status, body = ask("POST", "/1/indexes/products/query", {"query": query, "facets": ["brand"]} | parameters)

    assert status == 200
    assert set(ids(body)) <= found if query else set(ids(body)) == found
    assert body["nbHits"] == len(body["hits"]) == sum(body["facets"]["brand"].values())


def test_a_filter_is_applied_inside_retrieval_by_meaning(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "earphones", "filters": "NOT brand:Sonora"})

    assert not {"headset", "earbuds"} & set(ids(body))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"filters": 7}, "filters is 7: expected text"),
        ({"filters": "brand:"}, "filters at position 7: the end, expected a value"),
        ({"filters": "(" * 60 + "brand:x" + ")" * 60}, "expected at most 50 levels"),
        ({"filters": "colour:red"}, '"colour" is no facet of this index: expected one of brand, price'),
        ({"filters": "brand > 3"}, "brand holds text such as"),
        ({"filters": "price > dear"}, '"dear", expected a number'),
        ({"facetFilters": {"brand": "x"}}, "facetFilters is {"),
        ({"numericFilters": ["brand"]}, "numericFilters at position 6"),
    ],
)
def test_a_bad_filter_is_told_where_and_why(ask, parameters, said):
    status, answer = ask("POST", "/1/indexes/products/query", {"query": "lamp"} | parameters)

    assert status == 400
    assert said in answer["message"]


def test_a_filter_may_come_in_the_address(ask):
    _, body = ask("GET", "/1/indexes/products", query={"filters": "brand:Sonora", "facetFilters": '["price:49"]'})

    assert ids(body) == ["earbuds"]


def test_the_values_of_a_facet_are_searched_by_how_their_words_begin(ask):
    status, body = ask("POST", "/1/indexes/products/facets/brand/query", {"facetQuery": "so"})

    assert status == 200
    assert body["facetHits"] == [{"value": "Sonora", "highlighted": "<em>So</em>nora", "count": 2}]
    assert body["exhaustiveFacetsCount"] is True


def test_the_beginning_of_a_facets_value_is_marked_with_the_callers_tags(ask):
    asked = {"facetQuery": "so", "highlightPreTag": "__ais-highlight__", "highlightPostTag": "__/ais-highlight__"}

    _, body = ask("POST", "/1/indexes/products/facets/brand/query", asked)

    assert body["facetHits"][0]["highlighted"] == "__ais-highlight__So__/ais-highlight__nora"


def test_a_facets_values_are_those_of_the_result_set(ask):
    _, body = ask("POST", "/1/indexes/products/facets/brand/query", {"params": "facetQuery=&filters=price>80"})

    assert [(hit["value"], hit["count"]) for hit in body["facetHits"]] == [("Quill", 2)]


def test_a_facet_that_is_none_is_refused(ask):
    status, body = ask("POST", "/1/indexes/products/facets/colour/query", {"facetQuery": "re"})

    assert status == 400
    assert body["message"].startswith('"colour" is no facet of this index: expected one of brand, price')


def test_searches_and_facet_searches_may_come_in_one_call(ask):
    requests = [
        {"indexName": "products", "query": "kettle", "hitsPerPage": 1},
        {"indexName": "products", "type": "facet", "facet": "brand", "facetQuery": "t", "maxFacetHits": 1},
    ]

    _, body = ask("POST", "/1/indexes/*/queries", {"requests": requests})

    assert ids(body["results"][0]) == ["kettle"]
    assert [hit["value"] for hit in body["results"][1]["facetHits"]] == ["Tuff"]


def test_ranking_information_names_every_feature(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "desk lamp", "getRankingInfo": True})

    info = body["hits"][0]["_rankingInfo"]
    assert info["features"]["title_coverage"] == pytest.approx(1.0)
    assert info["score"] == pytest.approx(info["features"]["fused"])


def test_ranking_information_says_what_each_feature_adds_to_the_score(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "desk lamp", "getRankingInfo": True})

    for hit in body["hits"]:
        info = hit["_rankingInfo"]
        assert sum(info["contributions"].values()) == pytest.approx(info["score"])


def test_a_search_by_address_is_a_search(ask):
    status, body = ask(
        "GET", "/1/indexes/products", query={"query": "kettle", "hitsPerPage": "1", "x-algolia-agent": "test"}
    )

    assert (status, ids(body)) == (200, ["kettle"])


def test_several_searches_are_answered_in_order(ask):
    requests = [
        {"indexName": "products", "query": "kettle", "hitsPerPage": 1},
        {"indexName": "products", "params": "query=desk%20lamp&hitsPerPage=1"},
    ]

    status, body = ask("POST", "/1/indexes/*/queries", {"requests": requests})

    assert status == 200
    assert [ids(result) for result in body["results"]] == [["kettle"], ["lamp"]]
    assert len({result["queryID"] for result in body["results"]}) == 2


def test_a_strategy_of_several_searches_is_checked_and_said_to_be_idle(ask):
    requests = [{"indexName": "products", "hitsPerPage": 0}]

    _, idle = ask("POST", "/1/indexes/*/queries", {"requests": requests, "strategy": "stopIfEnoughMatches"})
    status, refused = ask("POST", "/1/indexes/*/queries", {"requests": requests, "strategy": {}})
    _, unknown = ask("POST", "/1/indexes/*/queries", {"requests": requests, "stratgy": "none"})

    assert idle["results"][0]["warnings"] == ["strategy is not implemented: every search is answered"]
    assert (status, refused["message"]) == (400, 'strategy is {}: expected "none" or "stopIfEnoughMatches"')
    assert unknown["message"] == '"stratgy" is not known: expected one of requests, strategy'


def test_a_known_parameter_that_changes_nothing_is_named(ask):
    _, body = ask("POST", "/1/indexes/products/query", {"query": "lamp", "enableRules": True})

    assert body["warnings"] == ["enableRules is not implemented and changes nothing"]


def test_health_needs_no_key(ask, release_folder):
    assert ask("GET", "/1/health/live", key=None) == (200, {"status": "ok"})
    assert ask("GET", "/1/health/ready", key=None) == (200, {"status": "ok", "release": release_folder.name})


@pytest.mark.parametrize("key", [None, "", "wrong", "search-key ", "\ud800"])
def test_a_wrong_key_is_refused(ask, key):
    status, body = ask("POST", "/1/indexes/products/query", {"query": "lamp"}, key=key)

    assert (status, body) == (403, {"message": "Invalid Application-ID or API key", "status": 403})


def a_secured_key(**restrictions):
    return SearchClientSync("app", "unused").generate_secured_api_key("parent-key", restrictions)


def test_what_a_secured_key_seals_in_holds_on_every_search(ask):
    key = a_secured_key(filters="brand:Tuff")
    widening = {"query": "", "filters": "brand:Quill OR brand:Tuff OR brand:Sonora", "facets": ["brand"]}

    _, one = ask("POST", "/1/indexes/products/query", widening, key=key)
    _, several = ask("POST", "/1/indexes/*/queries", {"requests": [{"indexName": "products"}]}, key=key)
    _, by_address = ask("GET", "/1/indexes/products", key=key)
    _, facet = ask("POST", "/1/indexes/products/facets/brand/query", {}, key=key)

    assert one["facets"]["brand"] == {"Tuff": 3}
    assert set(ids(one)) == set(ids(several["results"][0])) == set(ids(by_address)) == {"bag", "kettle", "lamp"}
    assert [hit["value"] for hit in facet["facetHits"]] == ["Tuff"]
    assert "Tuff" not in several["results"][0]["params"]


def test_a_secured_key_of_another_index_is_refused(ask):
    status, body = ask("POST", "/1/indexes/products/query", {}, key=a_secured_key(restrictIndices="shoes"))

    assert (status, body["message"]) == (403, "the key is not valid for index products")


def test_a_parent_key_opens_nothing_by_itself(ask):
    assert ask("POST", "/1/indexes/products/query", {}, key="parent-key")[0] == 403


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"query": 7}, "query is 7: expected text"),
        ({"query": ["lamp"]}, 'query is ["lamp"]: expected text'),
        ({"page": -1}, "page is -1: expected a whole number from 0"),
        ({"page": "two"}, 'page is "two": expected a whole number from 0'),
        ({"page": True}, "page is true: expected a whole number from 0"),
        ({"hitsPerPage": 10**6}, "hitsPerPage is 1000000: expected a whole number from 0 to 100"),
        ({"attributesToHighlight": "title"}, 'attributesToHighlight is "title": expected a list of attribute names'),
        ({"attributesToSnippet": ["title:0"]}, 'attributesToSnippet is "title:0": expected a list of attribute names'),
        ({"highlightPreTag": "x" * 101}, "expected text of at most 100 characters"),
        ({"facets": 7}, "facets is 7: expected a list of facet names"),
        ({"qurey": "lamp"}, '"qurey" is not known: expected one of query, page'),
        ({"params": 3}, "params is 3: expected text"),
        ([1], "the body is [1]: expected an object"),
        (7, "the body is 7: expected an object"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_what_was_expected(ask, body, said):
    status, answer = ask("POST", "/1/indexes/products/query", body)

    assert status == 400
    assert answer["status"] == 400
    assert said in answer["message"]


@pytest.mark.parametrize("raw", ["{", '{"query": }', '{"page": NaN}', "[" * 5000, '"\x00'])
def test_invalid_json_is_said_to_be(ask, raw):
    status, answer = ask("POST", "/1/indexes/products/query", raw_body=raw)

    assert status == 400
    assert "the body is not JSON" in answer["message"]


def test_a_body_that_the_gateway_encoded_is_read(install, release_folder, lambda_context):
    install(release_folder)
    event = an_http_event(
        "POST", "/1/indexes/products/query", raw_body=base64.b64encode(b'{"query": "kettle"}').decode()
    )

    response = lambda_handler(event | {"isBase64Encoded": True}, lambda_context)

    assert ids(json.loads(response["body"]))[0] == "kettle"


def test_a_body_that_is_not_text_is_refused(install, release_folder, lambda_context):
    install(release_folder)
    event = an_http_event("POST", "/1/indexes/products/query", raw_body=base64.b64encode(b"\xff\xfe").decode())

    response = lambda_handler(event | {"isBase64Encoded": True}, lambda_context)

    assert response["statusCode"] == 400
    assert "the body is not UTF-8" in response["body"]


def test_logs_hold_neither_query_nor_key(ask, caplog):
    ask("POST", "/1/indexes/products/query", {"query": "my secret present", "userToken": "anna"})

    said = " ".join(str(vars(record)) for record in caplog.records)
    assert "searched" in said
    assert not [word for word in ("secret", "anna", "search-key") if word in said]


def test_a_query_of_ten_thousand_characters_is_cut_and_says_so(ask):
    status, body = ask("POST", "/1/indexes/products/query", {"query": "desk lamp " * 1000})

    assert (status, ids(body)[0]) == (200, "lamp")
    assert body["warnings"] == ["query: only its first 512 characters and 32 words were searched for"]


@pytest.mark.parametrize("query", ["!!!", "\u0000", "\ud800", "🙂", "مرحبا", "跑步鞋", "'; DROP TABLE--", "<b>x</b>"])
def test_an_odd_query_is_answered(ask, query):
    status, body = ask("POST", "/1/indexes/products/query", {"query": query})

    assert (status, body["degraded"]) == (200, [])


def test_a_body_over_one_mebibyte_is_refused(ask):
    status, answer = ask("POST", "/1/indexes/products/query", {"query": "x" * (1 << 20)})

    assert (status, answer["status"]) == (413, 413)


def test_an_unknown_index_is_not_found(ask):
    status, answer = ask("POST", "/1/indexes/shoes/query", {"query": "lamp"})

    assert status == 404
    assert answer["message"].startswith('Index "shoes" does not exist: expected products, ')


def test_an_unknown_route_is_not_found_in_the_wires_shape(ask):
    status, answer = ask("GET", "/2/anything")

    assert (status, answer) == (404, {"message": "there is no GET /2/anything", "status": 404})


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        (None, "requests is null: expected a list"),
        ([7], "requests[0] is 7: expected an object"),
        ([{"query": "lamp"}], "requests[0].indexName is null: expected the name of an index"),
        ([{"indexName": "products", "page": -1}], "requests[0].page is -1: expected a whole number"),
        ([{"indexName": "products", "type": "facets"}], 'requests[0].type is "facets": expected "default" or "facet"'),
        ([{"indexName": "products", "type": "facet"}], "requests[0].facet is null: expected the name of a facet"),
        ([{"indexName": "products"}] * (MAX_QUERIES + 1), f"expected a list of at most {MAX_QUERIES} searches"),
    ],
)
def test_a_bad_search_among_several_is_named_by_its_place(ask, requests, said):
    status, answer = ask("POST", "/1/indexes/*/queries", {"requests": requests})

    assert status == 400
    assert said in answer["message"]


def test_a_search_without_a_published_release_is_unavailable(settings, lambda_context):
    response = lambda_handler(an_http_event("POST", "/1/indexes/products/query", {}), lambda_context)

    assert response["statusCode"] == 503
    assert json.loads(response["body"])["message"] == "no release has been published yet"


def test_a_release_without_models_answers_by_words_and_says_so(install, lambda_context, tmp_path):
    install(a_release(tmp_path / "bare", encoder=False))

    response = lambda_handler(an_http_event("POST", "/1/indexes/products/query", {"query": "lamp"}), lambda_context)

    body = json.loads(response["body"])
    assert (response["statusCode"], ids(body)) == (200, ["lamp"])
    assert (body["rung"], body["degraded"]) == ("lexical", ["vector", "ranker"])


def test_an_answer_that_had_to_do_without_something_may_not_be_kept(install, lambda_context, tmp_path):
    install(a_release(tmp_path / "bare", encoder=False))
    event = an_http_event("GET", "/1/indexes/products", query={"query": "lamp"})

    headers = lambda_handler(event, lambda_context)["headers"]

    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers


def test_another_release_changes_the_tag(install, lambda_context, release_folder, tmp_path):
    install(release_folder)
    event = an_http_event("GET", "/1/indexes/products", query={"query": "lamp"})
    tag = lambda_handler(event, lambda_context)["headers"]["ETag"]
    install(a_release(tmp_path / "next", weights={"price_position": 1.0}))

    serving(settings_of_the_front_door()).refresh()

    event["headers"]["if-none-match"] = tag
    assert lambda_handler(event, lambda_context)["statusCode"] == 200


def test_a_ranker_that_fails_leaves_the_fused_order(install, lambda_context, tmp_path):
    install(a_release(tmp_path / "broken", weights={"title_length": float("nan")}))

    response = lambda_handler(an_http_event("POST", "/1/indexes/products/query", {"query": "lamp"}), lambda_context)

    body = json.loads(response["body"])
    assert (response["statusCode"], ids(body)[0], body["degraded"]) == (200, "lamp", ["ranker"])


def test_a_damaged_release_does_not_replace_the_one_before(publish, lambda_context, tmp_path, settings, release_folder):
    publish(release_folder)
    event = an_http_event("POST", "/1/indexes/products/query", {"query": "lamp"})
    lambda_handler(event, lambda_context)
    next_folder = a_release(tmp_path / "next", weights={"price_position": 1.0})
    publish(next_folder)
    damage_in_bucket(settings, next_folder.name)

    holder = serving(settings_of_the_front_door())
    holder.refresh()
    body = json.loads(lambda_handler(event, lambda_context)["body"])

    assert body["release"] == release_folder.name


def test_a_new_release_is_swapped_in(publish, lambda_context, tmp_path, settings, release_folder):
    publish(release_folder)
    event = an_http_event("POST", "/1/indexes/products/query", {"query": "quill"})
    lambda_handler(event, lambda_context)
    dearest_first = a_release(tmp_path / "next", weights={"price_position": 1.0})
    publish(dearest_first)

    serving(settings_of_the_front_door()).refresh()
    body = json.loads(lambda_handler(event, lambda_context)["body"])

    assert body["release"] == dearest_first.name
    assert ids(body)[0] == "laptop"


def test_a_cold_function_falls_back_to_the_release_before_a_damaged_one(
    publish, lambda_context, tmp_path, settings, release_folder
):
    publish(release_folder)
    next_folder = a_release(tmp_path / "next", weights={"price_position": 1.0})
    publish(next_folder)
    damage_in_bucket(settings, next_folder.name)

    response = lambda_handler(an_http_event("POST", "/1/indexes/products/query", {"query": "lamp"}), lambda_context)

    assert json.loads(response["body"])["release"] == release_folder.name


def damage_in_bucket(settings, release_id):
    boto3.client("s3").put_object(
        Bucket=settings.release_bucket, Key=f"releases/{release_id}/ranker/ranker.onnx", Body=b"half of it"
    )


def settings_of_the_front_door():
    return handler.settings()
