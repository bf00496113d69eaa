"""Queries encoded by the endpoint over HTTP on this machine, with and without batches.

Each client asks for the vector of one query, waits for it, and asks for the next. The program is started anew for each
way of batching, is warm when counting begins, and shares the machine with the clients that ask it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import numpy as np

from benchmarks.results_file import add_circumstances, write_results
from local.cloud import free_port
from local.processes import start_server
from sagemaker_jobs.folders import PROJECT

CLIENTS = (1, 4, 16, 64)
REQUESTS, SECONDS = 600, 6.0
"""At most so many of each row, and at most for so long."""
WARM_UP_REQUESTS = 40
START_SECONDS = 120
SEED = 20261127
WAYS: dict[str, tuple[str, ...]] = {
    "one by one": ("--most", "1", "--linger-ms", "0"),
    "what waits together": ("--linger-ms", "0"),
    "2 ms for company": ("--linger-ms", "2"),
}


@dataclass(frozen=True)
class Asked:
    """One way of batching with so many clients."""

    precision: str
    batching: str
    clients: int
    p50_ms: float
    p99_ms: float
    per_second: float
    batch_size: float
    """The mean."""
    outcomes: dict[str, int]
    """By status."""


def made_up_queries(count: int) -> list[str]:
    """One to four words that stand side by side in the texts of `models/parity_texts.txt`."""
    texts = (PROJECT / "models" / "parity_texts.txt").read_text(encoding="utf-8").splitlines()
    words = [text.split() for text in texts if text.strip()]
    generator = np.random.default_rng(SEED)
    queries = []
    for _ in range(count):
        chosen = words[generator.integers(len(words))]
        begin = int(generator.integers(len(chosen)))
        queries.append(" ".join(chosen[begin : begin + int(generator.integers(1, 5))]))
    return queries


async def ask(
    address: str, queries: Sequence[str], clients: int, seconds: float
) -> tuple[list[float], Counter[str], float]:
    """Milliseconds of each answer, how they ended, and how many seconds all took."""
    left = iter(queries)
    times: list[float] = []
    outcomes: Counter[str] = Counter()
    headers = {"X-Amzn-SageMaker-Custom-Attributes": "deadline_ms=30000"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(address, headers=headers, connector=connector) as session:
        began = perf_counter()

        async def client() -> None:
            for query in left:
                sent = perf_counter()
                if sent - began > seconds:
                    return
                body = {"task": "encode_query", "texts": [query]}
                async with session.post("/invocations", json=body) as answer:
                    await answer.read()
                    outcomes[str(answer.status)] += 1
                times.append(1000 * (perf_counter() - sent))

        await asyncio.gather(*(client() for _ in range(clients)))
        return times, outcomes, perf_counter() - began


async def batches(address: str) -> tuple[float, float]:
    """How many batches the program ran since its last line, and how many texts they held."""
    async with aiohttp.ClientSession() as session, session.get(f"{address}/metrics") as answer:
        figures = (await answer.json())["since_last_line"]
    count = figures.get("EncodeQueryBatches", 0)
    return count, count * figures.get("EncodeQueryBatchSizeMean", 0)


async def until_ready(address: str) -> None:
    """Wait for the first 200 of `/ping`.

    Raises:
        TimeoutError: After START_SECONDS.
    """
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{address}/ping") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)


@contextmanager
def running(model: Path, *arguments: str) -> Iterator[str]:
    """The address of the program, ready to be asked."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sagemaker_jobs.serve", "--model", str(model), "--port", str(port), *arguments]
    with tempfile.TemporaryDirectory() as scratch:
        server = start_server("endpoint", command, log=Path(scratch) / "log", environment=os.environ)
        try:
            asyncio.run(until_ready(address))
            yield address
        finally:
            server.end()


def measure(address: str, precision: str, batching: str, clients: int, queries: Sequence[str], seconds: float) -> Asked:
    """One row."""
    before = asyncio.run(batches(address))
    times, outcomes, took = asyncio.run(ask(address, queries, clients, seconds))
    after = asyncio.run(batches(address))
    p50, p99 = np.percentile(times, [50, 99])
    count = after[0] - before[0]
    return Asked(
        precision=precision,
        batching=batching,
        clients=clients,
        p50_ms=round(float(p50), 1),
        p99_ms=round(float(p99), 1),
        per_second=round(outcomes["200"] / took, 1),
        batch_size=round((after[1] - before[1]) / count, 1) if count > 0 else 0.0,
        outcomes=dict(outcomes),
    )


def main() -> int:
    """Measure, print, write `serve.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, metavar="DIR", help="default: the original encoder, packed now")
    parser.add_argument("--provider", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each row, at most (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each row, at most (default: %(default)s)")
    add_circumstances(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = given.model or _packed(Path(scratch))
        rows = list(_rows(model, given))
    figures: dict[str, Any] = {
        "provider": given.provider,
        "requests": given.requests,
        "seconds": given.seconds,
        "rows": [vars(row) for row in rows],
    }
    name = "serve" if given.provider == "cpu" else f"serve_{given.provider}"
    print(write_results(name, given, figures, data=()))
    return 0


def _rows(model: Path, given: argparse.Namespace) -> Iterator[Asked]:
    queries = made_up_queries(given.requests)
    for precision in ("fp32", "int8") if given.provider == "cpu" else ("fp32",):
        for batching, arguments in WAYS.items():
            with running(model, "--provider", given.provider, "--precision", precision, *arguments) as address:
                asyncio.run(ask(address, queries[:WARM_UP_REQUESTS], 8, given.seconds))
                for clients in CLIENTS:
                    row = measure(address, precision, batching, clients, queries, given.seconds)
                    print(
                        f"{precision} {batching:20} {clients:3} clients: p50 {row.p50_ms:7.1f} ms, "
                        f"p99 {row.p99_ms:7.1f} ms, {row.per_second:6.1f} queries/s, {row.batch_size:4.1f} a batch, "
                        f"{row.outcomes}",
                        flush=True,
                    )
                    yield row


def _packed(folder: Path) -> Path:
    from sagemaker_jobs.package_model import package_model  # which needs torch; with --model nothing here does

    package_model(folder, int8=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
