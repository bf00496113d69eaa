import json

import pytest

from functions.rerank.handler import lambda_handler
from relevance.contracts.stages import PreprocessRequest, RerankRequest
from relevance.errors import ReleaseRefused
from relevance.given_candidates import MAX_ENCODED
from relevance.release import open_release
from relevance.search import rerank_rows, understand
from tests.builders import a_release, an_http_event


@pytest.fixture
def order(install, release_folder, lambda_context):
    """Send candidates to `/1/rerank`; returns status and body."""
    install(release_folder)

    def send(query, candidates, **event):
        body = {"query": query, "candidates": candidates}
        response = lambda_handler(an_http_event("POST", "/1/rerank", body, **event), lambda_context)
        return response["statusCode"], json.loads(response["body"])

    return send


def ranked(body):
    return [candidate["objectID"] for candidate in body["ranked"]]


def test_known_products_are_ordered_by_relevance(order, release_folder):
    status, body = order("wireless mouse", [{"objectID": "kettle"}, {"objectID": "lamp"}, {"objectID": "mouse"}])

    assert status == 200
    assert ranked(body)[0] == "mouse"
    assert (body["release"], body["rung"], body["degraded"]) == (release_folder.name, "lambda", [])


def test_a_product_that_is_only_described_is_ranked_among_the_known(order):
    _, body = order(
        "wireless mouse", [{"objectID": "kettle"}, {"objectID": "new", "title": "Ergonomic wireless mouse", "price": 9}]
    )

    assert ranked(body) == ["new", "kettle"]


def test_an_unknown_candidate_stays_at_the_end_without_a_score(order):
    _, body = order("mouse", [{"objectID": "gone"}, {"objectID": "lamp"}, {"objectID": "mouse"}])

    assert ranked(body) == ["mouse", "lamp", "gone"]
    assert "score" not in body["ranked"][2]
    assert body["warnings"] == ['candidates: 1 unknown and without a title, not scored: "gone"']


def test_no_candidates_give_an_empty_order(order):
    status, body = order("mouse", [])

    assert (status, body["ranked"]) == (200, [])


def test_too_many_described_products_are_compared_by_words_alone(order):
    described = [{"objectID": f"n{place}", "title": f"Thing {place}"} for place in range(MAX_ENCODED + 1)]

    _, body = order("thing 7", described)

    assert ranked(body)[0] == "n7"
    assert (body["rung"], body["degraded"]) == ("lexical", ["vector"])


def test_more_candidates_than_are_ordered_in_one_call_are_refused_by_their_number(order):
    status, body = order("mouse", [{"objectID": f"n{place}"} for place in range(5000)])

    assert status == 400
    assert "expected a list of at most 1000 objects" in body["message"]


@pytest.mark.parametrize(
    "absurd",
    [
        {"price": 1e12},
        {"price": 0, "released_at": "0001-01-01"},
        {"released_at": "9999-12-31T23:59:59Z", "rating": 1e308},
        {"title": "mouse " * 5000},
        {"title": "\u0000\u202e💡"},
        {"description": "x" * 100_000, "brand": "y" * 10_000},
        {"attributes": {f"a{number}": 1e300 for number in range(1000)}},
    ],
)
def test_a_candidate_with_absurd_values_gets_a_finite_score_and_disturbs_no_other(order, absurd):
    status, body = order("wireless mouse", [{"objectID": "odd", "title": "Odd thing"} | absurd, {"objectID": "mouse"}])

    assert status == 200
    scores = {candidate["objectID"]: candidate["score"] for candidate in body["ranked"]}
    assert all(abs(score) < 1e6 for score in scores.values())
    assert set(scores) == {"odd", "mouse"}


@pytest.mark.parametrize("price", ["Infinity", "NaN", "1e400", "-1", '"free"'])
def test_a_price_that_is_none_is_refused_with_its_place(order, price):
    raw = f'{{"query": "mouse", "candidates": [{{"objectID": "odd", "title": "Odd", "price": {price}}}]}}'

    status, body = order(None, None, raw_body=raw)

    assert status == 400
    assert "candidates[0].price" in body["message"] or "is no JSON number" in body["message"]


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ("mouse", 'candidates is "mouse": expected a list'),
        ([{"title": "A mouse"}], "candidates[0].objectID is null: expected text"),
        ([{"objectID": ""}], 'candidates[0].objectID is "": expected text'),
        ([{"objectID": "n", "title": "x", "price": "dear"}], 'candidates[0].price is "dear": expected a number'),
        ([{"objectID": "mouse"}] * 1001, "expected a list of at most 1000 objects"),
    ],
)
def test_bad_candidates_are_named(order, candidates, said):
    status, body = order("mouse", candidates)

    assert status == 400
    assert said in body["message"]


def test_a_release_without_a_ranker_keeps_the_callers_order(install, lambda_context, tmp_path):
    install(a_release(tmp_path / "bare", encoder=False))
    body = {"query": "mouse", "candidates": [{"objectID": "lamp"}, {"objectID": "mouse"}]}

    response = lambda_handler(an_http_event("POST", "/1/rerank", body), lambda_context)

    answer = json.loads(response["body"])
    assert (ranked(answer), answer["degraded"]) == (["lamp", "mouse"], ["vector", "ranker"])


def a_rerank_request(folder, release=None):
    opened = open_release(folder)
    understood = understand(PreprocessRequest(query_id="0" * 32, query="wireless mouse"), opened)
    return RerankRequest(
        query_id="0" * 32, release=release or opened.release_id, understood=understood, rows=tuple(range(8))
    )


def test_a_direct_invocation_gives_the_very_scores_of_the_in_process_call(install, release_folder, lambda_context):
    install(release_folder)
    request = a_rerank_request(release_folder)

    answer = lambda_handler(json.loads(request.model_dump_json()), lambda_context)

    assert answer == rerank_rows(request, open_release(release_folder)).model_dump(mode="json")


def test_rows_of_another_release_are_refused(install, release_folder, lambda_context):
    install(release_folder)
    request = a_rerank_request(release_folder, release="another")

    with pytest.raises(ReleaseRefused, match=f"candidates are of release another, open is {release_folder.name}"):
        lambda_handler(json.loads(request.model_dump_json()), lambda_context)
