import json

import pytest

from functions.assemble_results.handler import lambda_handler as front_door
from functions.preprocess_query.handler import lambda_handler as preprocess_query
from tests.builders import an_http_event


@pytest.fixture
def search(install, release_folder, lambda_context):
    install(release_folder)

    def send(**parameters):
        response = front_door(an_http_event("POST", "/1/indexes/products/query", parameters), lambda_context)
        return response["statusCode"], json.loads(response["body"])

    return send


def test_a_misspelt_query_finds_what_was_meant_and_says_so(search):
    _, body = search(query="blutooth hedphones")

    assert body["hits"][0]["objectID"] == "headset"
    assert (body["query"], body["correctedQuery"]) == ("blutooth hedphones", "bluetooth headphones")
    assert body["warnings"] == []


def test_a_right_query_has_no_correction(search):
    _, body = search(query="bluetooth headphones")

    assert "correctedQuery" not in body


@pytest.mark.parametrize(
    ("typo_tolerance", "corrected"), [(True, "kettle"), ("min", "kettle"), ("strict", "kettle"), (False, None)]
)
def test_a_caller_may_turn_the_correction_off(search, typo_tolerance, corrected):
    status, body = search(query="ketle", typoTolerance=typo_tolerance)

    assert (status, body.get("correctedQuery"), body["warnings"]) == (200, corrected, [])


@pytest.mark.parametrize(("written", "corrected"), [("false", None), ("min", "kettle")])
def test_the_wish_may_stand_in_a_query_string(search, written, corrected):
    _, body = search(params=f"query=ketle&typoTolerance={written}")

    assert body.get("correctedQuery") == corrected


@pytest.mark.parametrize("wrong", [1, "sometimes", [True]])
def test_another_wish_is_refused_once(search, wrong):
    status, body = search(query="ketle", typoTolerance=wrong)

    assert status == 400
    assert body["message"].count("typoTolerance") == 1
    assert 'expected true, false, "min" or "strict"' in body["message"]


def test_half_a_character_in_a_misspelt_query_breaks_nothing(search):
    status, body = search(query="\ud800 ketle")

    assert (status, body["correctedQuery"]) == (200, "? kettle")


def test_the_analysis_shows_the_correction(install, release_folder, lambda_context):
    install(release_folder)

    response = preprocess_query(an_http_event("POST", "/1/analyze", {"query": "Quil lapotp"}), lambda_context)

    body = json.loads(response["body"])
    assert (body["normalised"], body["correctedQuery"]) == ("quil lapotp", "quill laptop")
    assert (body["tokens"], body["brand"]) == (["quill", "laptop"], "Quill")
