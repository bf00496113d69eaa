"""Some of the hostile requests over HTTP: through the gateway and the emulator to functions that really run."""

import json
import time
from http.client import HTTPConnection

import pytest

from cli.openapi import statuses
from functions.routes import LIVE, ROUTES
from tests.api_gateway import http_event, route_of
from tests.functions.hostile_requests import requests

pytestmark = [pytest.mark.local_cloud, pytest.mark.slow]

NOT_FOR_FUNCTIONS = ("100,000 letters", "BREW", "OPTIONS", "letters that grow", "no UTF-8", "as UTF-8", "path: nothing")
"""Servers in front of the functions answer these themselves: headers and addresses beyond 8 KB, methods that are none,
preflight requests, pages of the shop; and the emulator mends bytes that are no text."""
EVERY = 7
LONGEST_SECONDS = 2.0


def taken(asked):
    """The route of a request, if it has one."""
    return route_of(asked.method, http_event(asked.method, asked.address)["rawPath"])


REQUESTS = [
    asked
    for asked in requests()
    if not any(sign in asked.name for sign in NOT_FOR_FUNCTIONS)
    and not ((route := taken(asked)) and route.writes)  # other tests share this catalogue
][::EVERY]


@pytest.fixture(scope="module")
def port(local_cloud):
    """Where the gateway listens; every function has been called once, so that none has to start."""
    for function in {route.function for route in ROUTES}:
        route = next(route for route in (*ROUTES, LIVE) if route.function == function)
        send(local_cloud.port, route.method, route.path.replace("{index}", "products"), b"{}", {})
    return local_cloud.port


def send(port, method, address, body, headers):
    """Status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        written = {name: value.replace("admin-key", "local-admin").encode() for name, value in headers.items()}
        connection.request(method, address, body, {"x-algolia-api-key": "local-admin"} | written)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: asked.name)
def test_a_hostile_request_gets_a_documented_answer_over_http(port, asked):
    begun = time.perf_counter()
    status, body = send(port, asked.method, asked.address, asked.body, asked.headers)
    took_seconds = time.perf_counter() - begun

    route = taken(asked)
    assert status in asked.statuses, body[:500]
    assert status in {404, *(statuses(route) if route else ())}
    assert asked.method == "HEAD" or json.loads(body)
    assert took_seconds < LONGEST_SECONDS
