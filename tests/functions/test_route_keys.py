"""Every route with every kind of key, in every place where one may stand: the table says what comes of it."""

import base64
import json
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest
from algoliasearch.search.client import SearchClientSync

import functions
from functions.routes import ROUTES, SAVE_OBJECT, SAVE_SYNONYM
from tests.functions.test_api_examples import sent_to

INVALID = "Invalid Application-ID or API key"
LONG_PAST, FAR_AHEAD = 1, 2**40


def secured(parent="parent-key", **restrictions):
    return SearchClientSync("app", "unused").generate_secured_api_key(parent, restrictions)


def tampered(key):
    """The same signature over wider restrictions."""
    opened = base64.b64decode(key).decode()
    return base64.b64encode(opened.replace("brand%3ATuff", "brand%3AQuill").encode()).decode()


KEYS = {
    "none": ("", None, INVALID),
    "wrong": ("wrong", None, INVALID),
    "search": ("search-key", "search", INVALID),
    "admin": ("admin-key", "admin", INVALID),
    "parent": ("parent-key", None, INVALID),
    "secured": (secured(filters="brand:Tuff", validUntil=FAR_AHEAD, restrictIndices="products"), "secured", INVALID),
    "secured, expired": (secured(validUntil=LONG_PAST), None, "the key is no longer valid"),
    "secured, tampered": (tampered(secured(filters="brand:Tuff")), None, INVALID),
    "secured, of another parent": (secured(parent="search-key"), None, INVALID),
    "secured, with what we cannot hold to": (secured(hitsPerPage=3), None, "seals in hitsPerPage"),
}
"""By name: the key, its kind if it opens anything, and what is said where it does not."""

PLACES = {
    "header": lambda key: ({"X-Algolia-API-Key": key}, ""),
    "other header": lambda key: ({"x-api-key": key}, ""),
    "query": lambda key: ({}, f"x-algolia-api-key={quote(key)}"),
    "other query": lambda key: ({}, f"X-API-KEY={quote(key)}"),
}


def send(gateway, route, key, place="header"):
    """The route's example with a key."""
    if route.function == "manage_catalogue":
        for before in (SAVE_OBJECT, SAVE_SYNONYM):
            gateway.send(before.method, *sent_to(before), {"x-api-key": "admin-key"})
    address, body = sent_to(route)
    headers, query = PLACES[place](key)
    if query:
        address = f"{address}{'&' if '?' in address else '?'}{query}"
    return gateway.send(route.method, address, body, headers)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_opens_for_the_keys_that_it_names_and_no_other(gateway, route, key, place):
    written, kind, said = KEYS[key]

    answer = send(gateway, route, written, place)

    if not route.keys or kind in route.keys:
        assert answer.status == 200
    else:
        assert (answer.status, json.loads(answer.body)["status"]) == (403, 403)
        assert said in json.loads(answer.body)["message"]


@pytest.mark.parametrize("route", [route for route in ROUTES if "secured" in route.keys], ids=lambda route: route.path)
def test_a_secured_key_of_another_index_opens_none_of_this_one(gateway, route):
    answer = send(gateway, route, secured(restrictIndices="shoes"))

    assert answer.status == 403
    assert json.loads(answer.body)["message"] == "the key is not valid for index products"


def test_a_wrong_key_in_one_place_does_not_hide_a_right_one_in_another(gateway):
    answer = gateway.send("GET", "/1/indexes/products", None, {"x-algolia-api-key": "wrong", "x-api-key": "search-key"})

    assert answer.status == 200


def registered():
    """Each route that a handler really answers, with its function."""
    for folder in sorted(Path(functions.__file__).parent.iterdir()):
        if (folder / "handler.py").is_file():
            api = getattr(import_module(f"functions.{folder.name}.handler"), "api", None)  # the others answer nobody
            for route in [*api._static_routes, *api._dynamic_routes] if api else []:
                yield (folder.name, route.method, route.openapi_path)


def test_handlers_answer_the_routes_of_the_table_and_no_other():
    listed = [(route.function, route.method, route.path) for route in ROUTES]

    assert sorted(registered()) == sorted(listed)


def test_no_route_stands_twice_in_the_table():
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_only_health_needs_no_key():
    assert {route.path for route in ROUTES if not route.keys} == {"/1/health/live", "/1/health/ready"}


def test_whatever_changes_the_catalogue_needs_the_admin_key():
    assert {route.keys for route in ROUTES if route.writes or route.function == "manage_catalogue"} == {("admin",)}
