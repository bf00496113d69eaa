"""What it costs to run stages 1 and 3 of a search in functions of their own, against running them in the front door.

Both paths answer the same queries with the same release, in turn; the functions are those of the local cloud that
`make up` started. Its hop is an emulator's: the network and the invocation of AWS are others, the encoding of messages
and the second reading of the release are the same.
"""

import json
import os
import sys
from time import perf_counter_ns

import numpy as np

from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from functions.aws.stage_invoker import invoke
from functions.remote_stages import RemoteStages
from local.cloud import aws_environment
from local.folders import LocalFolder
from local.state import LocalState
from relevance.contracts.api import SearchParameters, SearchResponse
from relevance.release import Release, open_release
from relevance.search import InProcess, Stages, search

QUERIES = 300
WARM_UP = 20
SEED = 20261122
PATIENCE_MS = 5000
_QUERY_ID = "0" * 32


def ask(query: str, release: Release, stages: Stages) -> tuple[SearchResponse, float]:
    """One answer, and how many ms it took."""
    began_ns = perf_counter_ns()
    answer = search(SearchParameters(query=query), release, stages, query_id=_QUERY_ID, index_name="products")
    return answer, (perf_counter_ns() - began_ns) / 1e6


def main() -> int:
    """Measure, print, write `search_path.json`; ends with 1 if the two paths ever disagree."""
    given = read_arguments(__doc__)
    state = LocalState.read(LocalFolder.from_environment().state_file)
    if not state.published:
        print("no local cloud is running: `make up` starts one", file=sys.stderr)
        return 1
    os.environ.update(aws_environment(state.cloud_port))
    given.release = LocalFolder.from_environment().releases / state.published
    release = open_release(given.release)
    preprocess, rerank = state.outputs["PreprocessFunction"], state.outputs["RerankFunction"]
    here = InProcess(release)
    there = RemoteStages(release, preprocess, rerank, PATIENCE_MS)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = queries_from_titles(titles, QUERIES + WARM_UP, seed=SEED)
    took_ms: dict[str, list[float]] = {"in_process": [], "functions": []}
    for place, query in enumerate(queries):
        in_process, in_process_ms = ask(query, release, here)
        in_functions, in_functions_ms = ask(query, release, there)
        if in_process != in_functions:
            print(f"{query!r}: the two paths disagree (degraded: {in_functions.degraded})", file=sys.stderr)
            return 1
        if place >= WARM_UP:
            took_ms["in_process"].append(in_process_ms)
            took_ms["functions"].append(in_functions_ms)
    message = json.dumps({"query_id": _QUERY_ID, "query": ""})
    took_ms["one empty hop"] = []
    for _ in range(QUERIES):
        began_ns = perf_counter_ns()
        invoke(preprocess, message, PATIENCE_MS)
        took_ms["one empty hop"].append((perf_counter_ns() - began_ns) / 1e6)
    measured = []
    for what, times in took_ms.items():
        p50, p99 = np.percentile(times, [50, 99])
        measured.append({"what": what, "p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)})
        print(f"{what:15} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms")
    print(write_results("search_path", given, {"queries": QUERIES, "measured": measured}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
