"""What watching costs a search: the same queries in the handler with metrics and times of stages, and without."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.front_door import front_door
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from relevance.metrics import paired_bootstrap
from relevance.release import open_release

QUERIES = 1000
WARM_UP = 100
SEED = 20261127


@contextmanager
def unwatched() -> Iterator[None]:
    """While this is open, the front door measures nothing and sends no metrics; open `front_door` first."""
    from functions.assemble_results.search_metrics import SearchWatch  # here: the logger keeps the first place it meets
    from functions.observability import metrics

    def only_the_time(watch: SearchWatch, *_: Any, **__: Any) -> float:
        return (watch._clock() - watch._begun) * 1000  # which the answer needs

    with (
        patch.object(SearchWatch, "passed", lambda *_: None),
        patch.object(SearchWatch, "record", only_the_time),
        patch.object(metrics, "flush_metrics", lambda *_, **__: None),
    ):
        yield


def measure(release: Path, queries: Sequence[str], warm_up: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of a request with and without, and of the difference; which goes first alternates."""
    took_ms: dict[str, list[float]] = {"watched": [], "unwatched": []}
    with front_door(release) as ask:

        def timed(query: str, *, watched: bool) -> None:
            began_ns = perf_counter_ns()
            ask(query)
            took_ms["watched" if watched else "unwatched"].append((perf_counter_ns() - began_ns) / 1e6)

        def both(number: int, query: str) -> None:
            for watched in (number % 2 == 0, number % 2 == 1):
                if watched:
                    timed(query, watched=True)
                else:
                    with unwatched():
                        timed(query, watched=False)

        for number, query in enumerate(warm_up):
            both(number, query)
        for times in took_ms.values():
            times.clear()
        gc.collect()
        gc.disable()
        try:
            for number, query in enumerate(queries):
                both(number, query)
        finally:
            gc.enable()
    watched, bare = np.array(took_ms["watched"]), np.array(took_ms["unwatched"])
    added = paired_bootstrap(watched.tolist(), bare.tolist(), seed=SEED)
    return {
        "queries": len(queries),
        "measured": [
            {"what": what, "p50_ms": _rounded(np.percentile(times, 50)), "p99_ms": _rounded(np.percentile(times, 99))}
            for what, times in (("watched", watched), ("unwatched", bare))
        ],
        "added_p50_ms": _rounded(np.percentile(watched - bare, 50)),
        "added_mean_ms": _rounded(added.mean),
        "added_low_ms": _rounded(added.low),
        "added_high_ms": _rounded(added.high),
    }


def _rounded(value: Any) -> float:
    return round(float(value), 3)


def main() -> int:
    """Measure, print, write `monitoring.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = queries_from_titles(titles, QUERIES + WARM_UP, seed=SEED)
    measured = measure(given.release, queries[WARM_UP:], queries[:WARM_UP])
    for name, value in measured.items():
        print(f"{name:16}{value}")
    print(write_results("monitoring", given, measured, data=()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
