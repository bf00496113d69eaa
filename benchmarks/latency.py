"""How long a warm search takes, with one thread: whole and stage by stage, no query asked twice and none remembered.

Then whole once more with the memory that a function has for queries, over queries some of which are asked again and
again. How often is simulated (Zipf's law): no shopper's queries are at hand.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.front_door import front_door
from benchmarks.judgments import read_judgments
from benchmarks.queries import asked_again, queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from functions.environment import SearchSettings
from relevance.contracts.api import PAGING_DEPTH, SearchParameters
from relevance.contracts.stages import PreprocessRequest, RerankRequest, UnderstoodQuery
from relevance.encoder import TextEncoder
from relevance.release import Release, open_release
from relevance.search import InProcess, rerank_rows, search, understand

QUERIES = 2000
WARM_UP = 100
SEED = 20261122
REPEATED = 6000
REPEATED_WARM_UP = 2000
REPEATED_OUT_OF = 20_000
EXPONENT = 1.0
RERANKED = 200
"""As many candidates as another engine may well propose; a search of ours orders half as many anew."""
_QUERY_ID = "0" * 32
_REMEMBERED = '"SearchesRemembered":[1.0]'
"""In what a search counts whose answer was."""


def measure(release: Release, queries: Sequence[str], warm_up: Sequence[str]) -> list[dict[str, Any]]:
    """p50 and p99 in ms of one search, and of each stage on its own, over `queries`."""
    stages = InProcess(release)

    def whole(query: str) -> None:
        search(SearchParameters(query=query), release, stages, query_id=_QUERY_ID, index_name="products")

    def understood(query: str) -> UnderstoodQuery:
        return understand(PreprocessRequest(query_id=_QUERY_ID, query=query), release)

    def rerank(request: RerankRequest) -> None:
        rerank_rows(request, release)

    measured = [timed("search, all four stages", whole, queries, warm_up)]
    measured.append(timed("understand, query encoder included", understood, queries, warm_up))
    if release.encoder is not None:
        measured.append(timed("of which the encoder", release.encoder.encode, queries, warm_up))
    read = [understood(query) for query in queries]
    measured.append(timed("retrieve and fuse", lambda query: release.index.retrieve(query, PAGING_DEPTH), read))
    if release.scorer is not None:
        requests = [_rerank_request(query, release) for query in read]
        measured.append(timed(f"re-rank at most {RERANKED}, features included", rerank, requests))
    pages = [release.index.retrieve(query, PAGING_DEPTH).rows[:20] for query in read]
    measured.append(timed("read the records of a page of 20", release.index.records, pages))
    return measured


def measure_repeated(release: Path, queries: Sequence[str]) -> dict[str, Any]:
    """p50 and p99 in ms of a whole request while queries come again, and the share in [0, 1] that was remembered."""
    asked = asked_again(queries, REPEATED_WARM_UP + REPEATED, exponent=EXPONENT, seed=SEED)
    logs: list[str] = []
    most = SearchSettings.model_fields["remembered_queries"].default
    with front_door(release, lambda body, logged: logs.append(logged), remembered_queries=most) as ask:
        what = "in the handler: queries that come again, remembered"
        entry = timed(what, ask, asked[REPEATED_WARM_UP:], warm_up=asked[:REPEATED_WARM_UP])
    counted = sum(_REMEMBERED in logged for logged in logs[REPEATED_WARM_UP:])
    return entry | {
        "searches": REPEATED,
        "queries": len(queries),
        "exponent": EXPONENT,
        "most_remembered": most,
        "remembered_share": round(counted / REPEATED, 3),
    }


def _rerank_request(understood: UnderstoodQuery, release: Release) -> RerankRequest:
    rows = release.index.retrieve(understood, PAGING_DEPTH).rows[:RERANKED]
    return RerankRequest(
        query_id=_QUERY_ID, release=release.release_id, understood=understood, rows=tuple(rows.tolist())
    )


def timed(
    what: str, call: Callable[[Any], object], asked: Sequence[Any], warm_up: Iterable[Any] | None = None
) -> dict[str, Any]:
    """p50 and p99 in ms of a call, over everything that is asked, behind a warm-up; `what` names it."""
    for one in asked[:WARM_UP] if warm_up is None else warm_up:
        call(one)
    gc.collect()
    took_ns = np.empty(len(asked))
    for place, one in enumerate(asked):
        start_ns = perf_counter_ns()
        call(one)
        took_ns[place] = perf_counter_ns() - start_ns
    p50, p99 = np.percentile(took_ns / 1e6, [50, 99])
    return {"what": what, "p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def main() -> int:
    """Measure, print, write `latency.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    derived = queries_from_titles(titles, QUERIES + WARM_UP, seed=SEED)
    judged = [query for query in read_judgments(given.data) if query not in derived]
    queries = derived[WARM_UP:] + judged
    with front_door(given.release) as ask:
        handled = timed("in the handler: a whole request", ask, queries, warm_up=derived[:WARM_UP])
    # Each stage is asked the same queries again, and must not remember them either.
    forgetful = replace(release, encoder=TextEncoder.load(given.release / "encoder", remembered=0))
    repeated = measure_repeated(given.release, queries_from_titles(titles, REPEATED_OUT_OF, seed=SEED))
    measured = [handled, *measure(forgetful, queries, warm_up=derived[:WARM_UP])]
    for entry in (*measured, repeated):
        print(f"{entry['what']:52} p50 {entry['p50_ms']:7.2f} ms   p99 {entry['p99_ms']:7.2f} ms")
    print(f"of {repeated['searches']:,} simulated searches {repeated['remembered_share']:.0%} were remembered")
    print(write_results("latency", given, {"queries": len(queries), "measured": measured, "repeated": repeated}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
