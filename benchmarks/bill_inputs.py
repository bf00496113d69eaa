"""What `vitrine bill` multiplies prices with: time, bytes, log lines and metrics of searches that really ran."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.cold_start import measure_cold_start
from benchmarks.front_door import front_door
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from functions.aws.catalogue_store import as_text
from relevance.release import open_release

QUERIES = 1000
WARM_UP = 100
SEED = 20261122

_ITEM_OVERHEAD_BYTES = 100
"""What DynamoDB adds to each item that it stores, as its pricing page says."""
_ATTRIBUTES_BYTES = len("partidcontentrevision") + 64 + len("products#product#00")
"""Of a product beside its id and text: names of attributes, the revision's hash, the partition."""


def custom_metrics(logged: Iterable[str]) -> list[str]:
    """Every metric that CloudWatch would make of embedded-metric lines: namespace, name and dimensions.

    A metric is billed once for each combination of these, however often it is sent.
    """
    found = set()
    for line in logged:
        entry = json.loads(line) if line.startswith("{") else {}
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", ()):
            for names in directive["Dimensions"]:
                dimensions = ",".join(f"{name}={entry[name]}" for name in names)
                found |= {f"{directive['Namespace']}/{each['Name']}{{{dimensions}}}" for each in directive["Metrics"]}
    return sorted(found)


def catalogue_bytes(records: Iterable[Mapping[str, Any]]) -> int:
    """What the products weigh in the catalogue's table."""
    texts = ((record["objectID"], as_text(dict(record))) for record in records)
    return sum(len(one.encode()) + len(text.encode()) + _ATTRIBUTES_BYTES + _ITEM_OVERHEAD_BYTES for one, text in texts)


def measure(release: Path, queries: Sequence[str], warm_up: Sequence[str]) -> dict[str, Any]:
    """Means over `queries`, each asked once, and the metrics that all of them sent together."""
    bodies: list[int] = []
    logs: list[list[str]] = []

    def watch(body: str, logged: str) -> None:
        bodies.append(len(body.encode()))
        logs.append(logged.splitlines())

    with front_door(release, watch) as ask:
        for query in warm_up:
            ask(query)
        metrics = custom_metrics(line for lines in logs for line in lines)  # a cold start has one of its own
        del bodies[:], logs[:]
        took_ms = [_timed_ms(ask, query) for query in queries]
    return {
        "queries": len(queries),
        "handler_mean_ms": round(fmean(took_ms), 3),
        "response_mean_bytes": round(fmean(bodies)),
        "log_mean_bytes": round(fmean(sum(len(line.encode()) + 1 for line in lines) for lines in logs)),
        "log_mean_lines": round(fmean(map(len, logs)), 2),
        "custom_metrics": metrics,
    }


def _timed_ms(call: Any, query: str) -> float:
    start = perf_counter()
    call(query)
    return (perf_counter() - start) * 1000


def main() -> int:
    """Measure, print, write `bill_inputs.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    records = release.index.records(np.arange(release.manifest.products))
    queries = queries_from_titles([record["title"] for record in records], QUERIES + WARM_UP, seed=SEED)
    measured = {
        **measure(given.release, queries[WARM_UP:], queries[:WARM_UP]),
        **measure_cold_start(given.release),
        "release_bytes": sum(entry.size_bytes for entry in release.manifest.files.values()),
        "release_files": len(release.manifest.files) + 1,
        "catalogue_bytes": catalogue_bytes(records),
    }
    for name, value in measured.items():
        print(f"{name:22}{value}")
    print(write_results("bill_inputs", given, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
