"""No key reaches the log or an answer, however much the environment asks to be logged."""

import os
import subprocess
import sys

import pytest
from algoliasearch.search.client import SearchClientSync

from functions.routes import ROUTES
from sagemaker_jobs.folders import PROJECT

TALKATIVE = {
    "POWERTOOLS_LOG_LEVEL": "DEBUG",
    "POWERTOOLS_LOGGER_LOG_EVENT": "true",
    "POWERTOOLS_DEV": "true",
    "POWERTOOLS_DEBUG": "true",
}

ASK_EVERYTHING = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from functions.routes import ROUTES
from tests.api_gateway import ApiGateway
from tests.functions.conftest import installed, surroundings
from tests.functions.test_api_examples import sent_to

keys, release = sys.argv[2:], Path(sys.argv[1])
with surroundings(Path.cwd()) as settings:
    installed(settings, release)
    for route in ROUTES:
        address, body = sent_to(route)
        beside = "&" if "?" in address else "?"
        for key in keys:
            for name in ("x-algolia-api-key", "X-Api-Key"):
                print(route, ApiGateway().send(route.method, address, body, {name: key}))
                print(route, ApiGateway().send(route.method, f"{address}{beside}{name}={key}", body))
            print(route, ApiGateway().send(route.method, address, b'{"x-api-key": "%s"}' % key.encode()))
print("all asked")
"""


@pytest.fixture(scope="module")
def written(release_folder, tmp_path_factory):
    """Everything that all routes write and answer, asked with every key; and the keys."""
    secured = SearchClientSync("app", "unused").generate_secured_api_key("parent-key", {"filters": "brand:Tuff"})
    keys = ["admin-key", "search-key", "parent-key", "no-such-key", secured]
    asked = subprocess.run(
        [sys.executable, "-c", ASK_EVERYTHING, str(release_folder), *keys],
        cwd=tmp_path_factory.mktemp("releases"),
        env={**os.environ, **TALKATIVE, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "all asked" in asked.stdout, asked.stderr
    return asked.stdout + asked.stderr, keys


def test_no_key_is_written_anywhere(written):
    text, keys = written

    assert [line[:300] for line in text.splitlines() if any(key in line for key in keys)] == []


def test_the_log_says_what_was_asked_for_at_all(written):
    text, _ = written

    assert text.count('"message":"searched"') >= len(ROUTES) // 4
