"""The first searches: they warm the functions, and one is shown."""

import json
import shlex
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.gateway import UPSTREAM_CONNECTIONS
from local.progress import StepFailed

SEARCH = "/1/indexes/products/query"
OTHER_FUNCTIONS = ("/1/analyze", "/1/rerank")
SHOWN_HITS = 3
PATIENCE_SECONDS = 90

EXAMPLE_QUERIES = {"icecat": "wireless mouse", "complete_journey": "orange juice", "online_retail": "t-light holder"}
"""Shop -> a query that it has products for; any other is asked for the first words of one of its titles."""


def warm(address: str, key: str, release: str) -> None:
    """Search often enough at once that every worker the gateway uses has opened the release, and the others too.

    A worker that serves another release swaps it beside a search; until it has, the search is asked again.

    Raises:
        StepFailed: If the searches are not all answered by the release within a minute and a half.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    body = {"query": "", "hitsPerPage": 1}
    with ThreadPoolExecutor(UPSTREAM_CONNECTIONS) as pool:
        while True:
            searches = [pool.submit(_post, address, SEARCH, body, key) for _ in range(UPSTREAM_CONNECTIONS)]
            answers = [search.result() for search in searches]
            if all(status == 200 and answer["release"] == release for status, answer in answers):
                list(pool.map(lambda path: _post(address, path, {"query": "warm"}, key), OTHER_FUNCTIONS))
                return
            if time.monotonic() > until:
                status, answer = answers[-1]
                why = f"release {release} is published; a search was answered {status}: {json.dumps(answer)[:500]}"
                raise StepFailed("First answer", why, "read cloud.log; `make down` and `make up` start afresh")
            time.sleep(0.5)


def describe(address: str, key: str, shop: str) -> str:
    """The address, a command to try, and what it answers."""
    query = EXAMPLE_QUERIES.get(shop) or _words_of_a_title(address, key)
    status, answer = _post(address, SEARCH, {"query": query, "hitsPerPage": SHOWN_HITS}, key)
    if status != 200:
        raise StepFailed("First answer", f"{status}: {json.dumps(answer)[:500]}", "read cloud.log")
    hits = [f"  {rank}. {hit.get('title')}{_price(hit)}" for rank, hit in enumerate(answer["hits"], start=1)]
    degraded = f", without {', '.join(answer['degraded'])}" if answer.get("degraded") else ""
    return "\n".join(
        [
            f'"{query}": {answer["nbHits"]} products in {answer["processingTimeMS"]} ms'
            f" (release {answer.get('release')}, rung {answer.get('rung')}{degraded})",
            *hits,
            "",
            f"The demo shop is at {address}/ in a browser.",
            f"The API is at {address} (application id local, keys local-search and local-admin). Try:",
            "",
            f"  curl -s {address}{SEARCH} -H 'X-Algolia-API-Key: {key}' \\",
            f"    -d {shlex.quote(json.dumps({'query': query, 'hitsPerPage': SHOWN_HITS}))}",
            "",
            "`make down` ends it.",
        ]
    )


def _words_of_a_title(address: str, key: str) -> str:
    _, answer = _post(address, SEARCH, {"query": "", "hitsPerPage": 1}, key)
    return " ".join(hit["title"].split()[:2]) if (hit := next(iter(answer.get("hits", [])), None)) else ""


def _price(hit: dict[str, Any]) -> str:
    return f", {hit['price']:.2f} {hit.get('currency', '')}".rstrip() if hit.get("price") is not None else ""


def _post(address: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        address + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Algolia-API-Key": key, "X-Algolia-Application-Id": "local"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, {"body": refused.read().decode(errors="replace")}
