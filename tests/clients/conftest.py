"""Clients as shops use them, unmodified: the official one under Node, the demo page in a real browser."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local.folders import PROJECT
from tests.clients.browser import browser
from tests.local_cloud import LocalCloud

ALGOLIASEARCH = PROJECT / "node_modules" / "algoliasearch" / "dist" / "node.js"
PATIENCE_MS = 15_000
"""A search takes milliseconds; a cold function on two cores, seconds."""

Javascript = Callable[..., Any]


@pytest.fixture(scope="session")
def javascript(local_cloud: LocalCloud) -> Javascript:
    """Runs the body of a function that has `client`, and `clientWith(key)` for others; returns what it returns.

    An error that it throws is returned as its name, message and status.
    """

    def run(body: str, key: str = "local-search") -> Any:
        script = f"""
            import {{ algoliasearch }} from {json.dumps(ALGOLIASEARCH.as_uri())};
            const hosts = [{{ url: "127.0.0.1", port: {local_cloud.port}, protocol: "http", accept: "readWrite" }}];
            const clientWith = (key) => algoliasearch("local", key, {{ hosts }});
            const client = clientWith({json.dumps(key)});
            const run = async () => {{ {body} }};
            const answer = await run().catch(({{ name, message, status }}) => ({{ error: name, message, status }}));
            console.log(JSON.stringify(answer ?? null));
        """
        command = ["node", "--input-type=module", "--eval", script]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file of tests; while it runs no other event loop can, so it must not stay for the rest."""
    program, environment = browser()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # no sandbox: Chromium refuses to make one for root, whom build servers often are; it only sees our own page
        started = playwright.chromium.launch(executable_path=program, env=environment, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the page's console said, and addresses that are not its own; a test takes out what it provoked."""
    return []


@pytest.fixture
def page(chromium: Browser, local_cloud: LocalCloud, complaints: list[str]) -> Iterator[Page]:
    """The demo page, opened; afterwards it has complained of nothing and asked nobody but its own address."""
    address = f"http://127.0.0.1:{local_cloud.port}/"
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    context.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    context.on("weberror", lambda raised: complaints.append(str(raised.error)))
    context.on("request", lambda sent: None if sent.url.startswith(address) else complaints.append(sent.url))
    opened = context.new_page()
    opened.goto(address)
    expect(opened.locator("#stats")).to_contain_text("products")

    yield opened

    context.close()
    assert complaints == []
