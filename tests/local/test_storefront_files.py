"""What the local address serves beside the API: the demo page's files, and no other."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from yarl import URL

from local.gateway import make_gateway
from local.storefront_files import FILES, PAGE


def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask a gateway without a cloud behind it, the path as it is written here."""

    async def run() -> tuple[int, dict[str, str], bytes]:
        async with TestServer(make_gateway("http://127.0.0.1:1", "none")) as server, ClientSession() as client:
            address = URL(f"http://127.0.0.1:{server.port}{path}", encoded=True)
            async with client.get(address, headers=headers) as answer:
                return answer.status, dict(answer.headers), await answer.read()

    return asyncio.run(run())


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_served_with_its_type_and_a_policy_that_lets_nothing_else_in(path):
    file, kind = FILES[path]

    status, headers, body = get(path)

    assert (status, body) == (200, file.read_bytes())
    assert headers["Content-Type"].split(";")[0] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy: dict[str, Any] = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/storefront/",
        "/../gateway.py",
        "/%2e%2e/gateway.py",
        "/libraries/../storefront.js",
        "/libraries/",
        "/libraries/..%2f..%2fpackage.json",
        "//etc/passwd",
        "/storefront.js%00",
        "/package.json",
    ],
)
def test_no_other_path_leads_to_a_file(path):
    status, _, body = get(path)

    assert status == 404
    assert b'"status": 404' in body


def test_a_file_that_has_not_changed_is_not_sent_again():
    _, headers, _ = get("/storefront.js")

    status, _, body = get("/storefront.js", **{"If-None-Match": headers["Etag"]})

    assert (status, body) == (304, b"")
    assert headers["Cache-Control"] == "no-cache"  # kept, but asked about each time


def test_every_file_of_the_page_is_on_the_list():
    assert {file.name for file in PAGE.iterdir()} == {file.name for file, _ in FILES.values() if file.parent == PAGE}
