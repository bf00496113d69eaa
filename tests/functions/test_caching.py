"""What an answer says of being kept, and what happens when it is asked for again by its tag."""

import json
from urllib.parse import urlencode

import pytest
from algoliasearch.search.client import SearchClientSync

from functions import api

ADDRESS = "/1/indexes/products?query=lamp&hitsPerPage=3"


def ask(gateway, address=ADDRESS, tag=None, key="search-key"):
    headers = {"x-algolia-api-key": key} | ({} if tag is None else {"if-none-match": tag})
    return gateway.send("GET", address, None, headers)


def a_secured_key(**restrictions):
    return SearchClientSync("app", "unused").generate_secured_api_key("parent-key", restrictions)


def test_a_search_by_address_may_be_kept_by_its_caller_and_asked_for_by_its_tag(gateway):
    answer = ask(gateway)

    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "x-algolia-api-key, x-api-key"
    assert answer.headers["etag"].startswith('W/"')


@pytest.mark.parametrize("written", ["{}", '"other", {}', '{} , W/"x"', "*"])
def test_an_answer_that_still_holds_is_not_made_again(gateway, written, capsys):
    tag = ask(gateway).headers["etag"]
    searches = capsys.readouterr().out.count("SearchesAnswered")

    again = ask(gateway, tag=written.replace("{}", tag))

    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    assert again.headers["cache-control"] == "private, no-cache"
    assert searches
    assert "SearchesAnswered" not in capsys.readouterr().out


def test_an_answer_of_other_code_does_not_hold(gateway, monkeypatch):
    tag = ask(gateway).headers["etag"]
    monkeypatch.setattr(api, "_code", lambda: "the code of another deployment")

    again = ask(gateway, tag=tag)

    assert again.status == 200
    assert again.headers["etag"] != tag


def test_a_tag_compares_weakly(gateway):
    tag = ask(gateway).headers["etag"]

    assert ask(gateway, tag=tag.removeprefix("W/")).status == 304


@pytest.mark.parametrize("tag", ["", '""', 'W/"other"', "other", "**", "W/", ","])
def test_another_tag_is_answered_in_full(gateway, tag):
    assert ask(gateway, tag=tag).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "/1/indexes/products?query=lamps&hitsPerPage=3",
        "/1/indexes/products?query=lamp&hitsPerPage=4",
        "/1/indexes/products?query=lamp&hitsPerPage=3&enableRules=true",
        "/1/indexes/products_price_asc?query=lamp&hitsPerPage=3",
    ],
)
def test_what_changes_the_answer_changes_the_tag(gateway, address):
    assert ask(gateway, address).headers["etag"] != ask(gateway).headers["etag"]


def test_parameters_that_mean_the_same_have_the_same_tag(gateway):
    written = urlencode({"hitsPerPage": "3", "query": "lamp", "page": "0", "filters": ""})

    assert ask(gateway, f"/1/indexes/products?{written}").headers["etag"] == ask(gateway).headers["etag"]


def test_what_a_key_seals_in_changes_the_tag(gateway):
    tags = [
        ask(gateway, key=a_secured_key(filters=f"brand:{brand}")).headers["etag"] for brand in ("Tuff", "Quill", "Tuff")
    ]

    assert tags[0] == tags[2] != tags[1]
    assert ask(gateway, tag=tags[0], key=a_secured_key(filters="brand:Quill")).status == 200


def test_a_tag_opens_nothing_without_a_key(gateway):
    tag = ask(gateway).headers["etag"]

    assert ask(gateway, tag=tag, key="wrong").status == 403
    assert ask(gateway, tag="*", key="wrong").status == 403


def test_with_click_analytics_every_answer_is_a_new_one(gateway):
    address = f"{ADDRESS}&clickAnalytics=true"

    first, second = ask(gateway, address), ask(gateway, address, tag="*")

    assert first.headers["cache-control"] == second.headers["cache-control"] == "no-store"
    assert "etag" not in first.headers
    assert second.status == 200
    assert json.loads(first.body)["queryID"] != json.loads(second.body)["queryID"]
    assert json.loads(first.body)["warnings"] == []


@pytest.mark.parametrize(
    ("method", "address", "key", "status"),
    [
        ("POST", "/1/indexes/products/query", "search-key", 200),
        ("POST", "/1/indexes/products/query", "wrong", 403),
        ("GET", "/1/indexes/products?page=-1", "search-key", 400),
        ("GET", "/1/nothing", "search-key", 404),
        ("GET", "/1/health/live", "", 200),
        ("GET", "/1/health/ready", "", 200),
        ("GET", "/1/indexes/products/settings", "admin-key", 200),
    ],
)
def test_every_other_answer_may_not_be_kept_and_names_its_request(gateway, method, address, key, status):
    answer = gateway.send(method, address, b"{}" if method == "POST" else None, {"x-algolia-api-key": key})

    assert answer.status == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == "request-1"
