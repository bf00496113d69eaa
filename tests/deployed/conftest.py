"""The shop under test: an address, and the keys that were given with it."""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import pytest

TIMEOUT_SECONDS = 30
"""A first request starts a function, which downloads a release."""


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    text: str = field(repr=False)

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return json.loads(self.text)


@dataclass(frozen=True)
class DeployedShop:
    """Asks over HTTP, with nothing between that could mend an answer."""

    address: str
    search_key: str = field(repr=False)

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request; `key` is the search key unless another is given, None for none."""
        carried = {"X-Algolia-API-Key": key or self.search_key} if key is not None else {}
        request = urllib.request.Request(
            self.address + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-Algolia-Application-Id": "shop", **carried}
            | (headers or {}),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return _read(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return _read(refused)

    def search(self, **parameters: Any) -> Any:
        """The body of a search's answer, which must be a success."""
        answer = self.ask("POST", "/1/indexes/products/query", parameters)
        assert answer.status == 200, answer.text
        return answer.body


def _read(answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status, headers, answer.read().decode())


@pytest.fixture(scope="session")
def shop() -> DeployedShop:
    """The shop at VITRINE_ADDRESS, asked with VITRINE_SEARCH_KEY."""
    address, key = (os.environ.get(name) for name in ("VITRINE_ADDRESS", "VITRINE_SEARCH_KEY"))
    if not address:
        pytest.skip("no shop to test: set VITRINE_ADDRESS and VITRINE_SEARCH_KEY")
    if not key:
        pytest.fail(f"VITRINE_ADDRESS is {address}, but VITRINE_SEARCH_KEY is not set")
    return DeployedShop(address.rstrip("/"), key)


@pytest.fixture(scope="session")
def admin_key() -> str:
    """VITRINE_ADMIN_KEY; only some tests need it, and none of them changes anything."""
    key = os.environ.get("VITRINE_ADMIN_KEY")
    if not key:
        pytest.skip("set VITRINE_ADMIN_KEY to test what only the shop may do")
    return key
