import json

import numpy as np
import pytest

from functions.preprocess_query.handler import lambda_handler
from relevance.contracts.stages import PreprocessRequest, UnderstoodQuery
from relevance.release import open_release
from relevance.search import understand
from tests.builders import an_http_event


def test_the_route_tells_what_a_query_means(install, release_folder, lambda_context):
    install(release_folder)

    response = lambda_handler(an_http_event("POST", "/1/analyze", {"query": "Quill Laptops 14″"}), lambda_context)

    body = json.loads(response["body"])
    assert response["statusCode"] == 200
    assert body["normalised"] == "quill laptops 14inch"
    assert body["tokens"] == ["quill", "laptop", "14inch"]
    assert body["brand"] == "Quill"
    assert (body["rung"], body["degraded"], body["release"]) == ("lambda", [], release_folder.name)
    assert "vector" not in body


def test_the_route_tells_what_else_would_do_for_a_word(install, release_folder, lambda_context):
    install(release_folder)

    response = lambda_handler(an_http_event("POST", "/1/analyze", {"query": "Quill w"}), lambda_context)

    body = json.loads(response["body"])
    assert body["tokens"] == ["quill", "with"]
    assert body["alternatives"] == {"with": ["wireless"]}


@pytest.mark.parametrize(("tolerance", "corrected"), [(True, "desk kettle"), ("strict", "desk kettle"), (False, None)])
def test_misspelt_words_are_corrected_unless_the_caller_says_no(
    install, release_folder, lambda_context, tolerance, corrected
):
    install(release_folder)
    asked = {"query": "desk kettel", "typoTolerance": tolerance}

    response = lambda_handler(an_http_event("POST", "/1/analyze", asked), lambda_context)

    assert json.loads(response["body"]).get("correctedQuery") == corrected


def test_a_rare_token_weighs_more_than_a_common_one(install, release_folder, lambda_context):
    install(release_folder)

    response = lambda_handler(an_http_event("POST", "/1/analyze", {"query": "kettle with"}), lambda_context)

    kettle, with_ = json.loads(response["body"])["weights"]
    assert kettle > with_ > 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "query is missing: expected text"),
        ({"query": 5}, "query is 5: expected text"),
        ({"query": "lamp", "typoTolerance": 1}, "typoTolerance is 1: expected true, false"),
        ({"query": "a", "lang": "en"}, '"lang" is not known: expected one of query'),
    ],
)
def test_a_bad_request_is_told_why(install, release_folder, lambda_context, body, said):
    install(release_folder)

    response = lambda_handler(an_http_event("POST", "/1/analyze", body), lambda_context)

    assert response["statusCode"] == 400
    assert said in json.loads(response["body"])["message"]


def test_the_route_wants_a_key(install, release_folder, lambda_context):
    install(release_folder)

    response = lambda_handler(an_http_event("POST", "/1/analyze", {"query": "a"}, key="no"), lambda_context)

    assert response["statusCode"] == 403


def test_a_direct_invocation_gives_the_very_vector_of_the_in_process_call(install, release_folder, lambda_context):
    install(release_folder)
    request = PreprocessRequest(query_id="0" * 32, query="wireless mouse")

    answer = json.loads(json.dumps(lambda_handler(request.model_dump(), lambda_context)))

    here = understand(request, open_release(release_folder))
    there = UnderstoodQuery.model_validate(answer)
    assert np.array_equal(there.vector, here.vector)
    assert there.model_copy(update={"vector": None}) == here.model_copy(update={"vector": None})
