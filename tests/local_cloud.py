"""A local cloud of the tests' own, brought up by the very command that a person types; one for the whole run."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClientSync
from algoliasearch.search.config import SearchConfig

from local.cloud import free_port
from local.folders import PROJECT

KINDS = ("running shoes", "rain jacket", "wireless mouse", "coffee grinder")
COLOURS = ("red", "blue", "green", "black", "white")
PRODUCTS = 40
NEWEST = dt.date(2026, 11, 1)

HOSTILE = {
    "objectID": "hostile",
    "title": "<b>Bold</b> & \"quoted\" lamp <img src=x onerror='window.hurt = 1'>",
    "brand": "R&D <script>window.hurt = 1</script>",
    "categories": ["Everything", "<i>odd</i> & ends"],
    "description": "<svg onload='window.hurt = 1'> 5 < 6 & so on",
    "price": 5.0,
    "currency": "EUR",
    "attributes": {"colour": "<u>puce</u> & co"},
    "url": "javascript:window.hurt = 1",
    "image": "javascript:window.hurt = 1",
    "in_stock": True,
    "released_at": "2020-01-01",
}
"""Text of a catalogue that would like to be more than text. Cheapest and oldest of all."""


@dataclass(frozen=True)
class LocalCloud:
    """One `make up`: where it is, and what it said."""

    port: int
    folder: Path
    environment: dict[str, str]
    said: str

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        """Run `make <target>` for this local cloud and no other."""
        return subprocess.run(
            ["make", target, f"PYTHON={sys.executable}"],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def vitrine(self, *arguments: str) -> str:
        """What the command line says of this local cloud."""
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self, key: str = "local-search") -> SearchClientSync:
        """The official client as it comes, told only where to send its requests."""
        config = SearchConfig("local", key)
        config.hosts = HostsCollection([Host("127.0.0.1", scheme="http", port=self.port)])
        config.read_timeout = 20_000
        return SearchClientSync.create_with_config(config)


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory) -> Iterator[LocalCloud]:
    """Up for all the tests that ask for it, down behind the last of them."""
    folder = tmp_path_factory.mktemp("local-cloud")
    catalogue = folder / "my_products.jsonl"
    products = [*map(product, range(PRODUCTS)), HOSTILE]
    catalogue.write_text("\n".join(map(json.dumps, products)), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in {"SHOP", "MAKEFLAGS", "MAKELEVEL"}}
    port = free_port()
    environment |= {"VITRINE_LOCAL_FOLDER": str(folder / "state"), "CATALOGUE": str(catalogue), "PORT": str(port)}
    cloud = LocalCloud(port, folder / "state", environment, "")
    try:
        up = cloud.make("up")
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        yield LocalCloud(port, folder / "state", environment, up.stdout)
    finally:
        cloud.make("down")


def product(number: int) -> dict[str, object]:
    """One of `PRODUCTS` products, the first the newest; each kind comes in each colour, every fifth is sold out."""
    kind, colour = KINDS[number % len(KINDS)], COLOURS[number % len(COLOURS)]
    return {
        "objectID": f"p{number}",
        "title": f"{colour.capitalize()} {kind}",
        "brand": ("Acme", "Zenith")[number % 2],
        "categories": ["Everything", kind],
        "price": 10.0 + number,
        "currency": "EUR",
        "attributes": {"colour": colour},
        "in_stock": number % 5 != 4,
        "released_at": (NEWEST - dt.timedelta(days=number)).isoformat(),
    }
