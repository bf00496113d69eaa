"""One release searched warm or cold, in a process of its own: what `benchmarks.scale` compares between sizes."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.front_door import front_door
from benchmarks.latency import timed
from relevance.arrays import Rows, Vector
from relevance.contracts.api import SearchParameters
from relevance.contracts.stages import PreprocessRequest
from relevance.encoder import TextEncoder
from relevance.index import vectors
from relevance.index.retrieval import SERVED
from relevance.index.vectors import VectorIndex
from relevance.release import Release, open_release
from relevance.search import InProcess, search, understand

WARM_UP = 100
FEW_QUERIES = 200
"""Searches with facets or a filter, and searches that recall is measured by."""
FACETS = 6
"""So many facets are counted: brand, price, and the attributes that most products have."""
_QUERY_ID = "0" * 32


def measure_warm(release: Path, queries: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of searches with one open release, and the recall of its vectors' lists.

    Args:
        release: Its folder.
        queries: Distinct; the first WARM_UP are not counted.
    """
    warm_up, asked = queries[:WARM_UP], queries[WARM_UP:]
    with front_door(release) as ask:
        measured = [timed("in the handler: a whole request", ask, asked, warm_up)]
    opened = open_release(release)
    opened = replace(opened, encoder=TextEncoder.load(release / "encoder", remembered=0))
    stages = InProcess(opened)
    few = asked[:FEW_QUERIES]
    brand = _most_frequent_brand(opened)
    for what, asking in (
        (f"a search that counts {FACETS} facets", {"facets": list(opened.index.facet_names[:FACETS])}),
        ("a search behind a filter on a brand", {"filters": f'brand:"{brand}"'}),
    ):

        def ask_with(query: str, asking: dict[str, Any] = asking) -> None:
            parameters = SearchParameters(query=query, **asking)
            search(parameters, opened, stages, query_id=_QUERY_ID, index_name="products")

        measured.append(timed(what, ask_with, few))
    return {"measured": measured, "recall": _recall(release, opened, few)}


def measure_cold(release: Path, queries: Sequence[str]) -> dict[str, float]:
    """Seconds until a release is open and the first search answered, with its files on the disk and not in memory.

    Then the memory of the process behind a few more searches, everything imported that the function imports.
    """
    import functions.assemble_results.handler  # noqa: F401

    for path in release.rglob("*"):
        if path.is_file():
            _drop_from_memory(path)
    start = perf_counter()
    opened = open_release(release)
    ready = perf_counter()
    stages = InProcess(opened)
    answered = 0.0
    for query in queries[:FEW_QUERIES]:
        search(SearchParameters(query=query), opened, stages, query_id=_QUERY_ID, index_name="products")
        answered = answered or perf_counter()
    return {"open_seconds": ready - start, "first_search_seconds": answered - ready} | _memory_mb()


def _recall(release: Path, opened: Release, queries: Sequence[str]) -> float:
    """The mean share, in [0, 1], of the nearest products by the whole index that a search in lists finds."""
    index = VectorIndex.open(release / "index" / "vectors.faiss")
    shares = []
    for query in queries:
        vector = understand(PreprocessRequest(query_id=_QUERY_ID, query=query), opened).vector
        assert vector is not None  # the release has an encoder
        with patch.object(vectors, "PROBED", len(index)):
            every = _nearest(index, vector)
        if len(every):
            shares.append(len(np.intersect1d(every, _nearest(index, vector))) / len(every))
    return float(np.mean(shares))


def _nearest(index: VectorIndex, vector: Vector) -> Rows:
    return index.search(vector, SERVED.dense_limit, floor=SERVED.cosine_floor)


def _most_frequent_brand(opened: Release) -> str:
    counts = opened.index.facets(np.arange(opened.manifest.products), ["brand"], 1)["brand"].counts
    return next(iter(counts))


def _memory_mb() -> dict[str, float]:
    """What this process holds of its own, and what it has mapped of files, which the system may take back."""
    status = Path("/proc/self/status").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith("Rss")}
    return {
        "memory_mb": kilobytes["RssAnon"] * 1024 / 1e6,
        "mapped_mb": (kilobytes["RssFile"] + kilobytes["RssShmem"]) * 1024 / 1e6,
    }


def _drop_from_memory(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())  # what is not on the disk yet cannot be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> int:
    """Measure one release, write JSON to standard output; queries come on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, metavar="DIR")
    parser.add_argument("--cold", action="store_true", help="with the release's files dropped from memory")
    given = parser.parse_args()
    queries = json.load(sys.stdin)
    print(json.dumps(measure_cold(given.release, queries) if given.cold else measure_warm(given.release, queries)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
