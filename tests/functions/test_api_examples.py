"""Every example of docs/api.md, sent to the functions."""

import json
from urllib.parse import urlencode

import pytest

from cli.api_examples import IN_PATH, example_of
from cli.openapi import address
from functions.routes import ROUTES, SAVE_OBJECT, SAVE_SYNONYM

ADMIN = {"x-algolia-api-key": "admin-key"}


def sent_to(route):
    """The address of the route's example, and its body."""
    path = address(route)
    for name, described in IN_PATH.items():
        path = path.replace(f"{{{name}}}", str(described.example))
    example = example_of(route)
    if route.method != "GET" or example is None:
        return path, None if example is None else json.dumps(example).encode()
    written = {name: ",".join(value) if isinstance(value, list) else value for name, value in example.items()}
    return f"{path}?{urlencode(written)}", None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_example_is_answered(gateway, route):
    for before in (SAVE_OBJECT, SAVE_SYNONYM):
        gateway.send(before.method, *sent_to(before), ADMIN)

    answer = gateway.send(route.method, *sent_to(route), ADMIN)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body
    assert json.loads(answer.body).get("warnings", []) == []
