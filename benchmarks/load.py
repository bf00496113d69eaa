"""Searches over HTTP at a steady rate, against the local cloud that `make up` started.

Requests are sent when they are due, whether or not those before have been answered, and are timed from then on: a
server that stands still makes every search behind it late, as it would for shoppers. Queries are distinct. The gateway,
the emulator's API Gateway and its invocation of the function are all in the figures, and share the machine with the
sender; none of them is AWS.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import aiohttp
import numpy as np

from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from local.cloud import KEYS
from local.folders import LocalFolder
from local.start import DEFAULT_PORT
from local.state import LocalState
from relevance.release import open_release

PER_SECOND = 50
SECONDS = 60
WARM_UP_SECONDS = 5
PATIENCE_SECONDS = 10
SEED = 20261122


@dataclass(frozen=True)
class Answered:
    """One search: how long after it was due its answer was there, and how it ended."""

    took_ms: float
    outcome: str
    """`200`, another status, or the name of what went wrong on the way."""
    body: bytes = b""


async def send(address: str, queries: Sequence[str], per_second: float) -> list[Answered]:
    """Ask every query when it is due, the first at once, `per_second` of them a second."""
    headers = {"X-Algolia-API-Key": KEYS["search"][0]}
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(
        headers=headers, timeout=patience, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        began = perf_counter()

        async def ask(place: int, query: str) -> Answered:
            due = began + place / per_second
            await asyncio.sleep(due - perf_counter())
            try:
                async with session.post(f"{address}/1/indexes/products/query", json={"query": query}) as response:
                    body = await response.read()
                    outcome = str(response.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                outcome, body = type(error).__name__, b""
            return Answered((perf_counter() - due) * 1000, outcome, body)

        return list(await asyncio.gather(*(ask(place, query) for place, query in enumerate(queries))))


def main() -> int:
    """Measure, print, write `load.json`."""
    given = read_arguments(__doc__)
    address = f"http://127.0.0.1:{os.environ.get('PORT', DEFAULT_PORT)}"
    folder = LocalFolder.from_environment()
    state = LocalState.read(folder.state_file)
    if not state.published:
        print("no local cloud is running: `make up` starts one", file=sys.stderr)
        return 1
    given.release = folder.releases / state.published
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = queries_from_titles(titles, PER_SECOND * (WARM_UP_SECONDS + SECONDS), seed=SEED)
    answered = asyncio.run(send(address, queries, PER_SECOND))[PER_SECOND * WARM_UP_SECONDS :]
    p50, p99, most = np.percentile([one.took_ms for one in answered], [50, 99, 100])
    outcomes = dict(Counter(one.outcome for one in answered))
    print(f"{PER_SECOND} searches a second for {SECONDS} s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.1f} ms")
    print(f"answers: {outcomes}")
    figures = {
        "per_second": PER_SECOND,
        "seconds": SECONDS,
        "searches": len(answered),
        "outcomes": outcomes,
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "most_ms": round(float(most), 1),
    }
    print(write_results("load", given, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
