"""Searches at a steady rate while the large model's endpoint fails in one way after the other, on the local cloud.

    make up ENDPOINT=1
    python -m benchmarks.endpoint_faults

The endpoint's program is killed, stopped without a word (it holds connections and answers nothing), and replaced by one
that answers garbage, 429, or two seconds late; between two faults it is back. A search is right about itself if it says
`degraded: endpoint` exactly when its vector came from elsewhere. Queries are distinct, so none is answered from memory.
Ends with 1 if a search failed or was wrong about itself, or if the endpoint was not back in use behind a fault.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import web

from benchmarks.load import Answered, send
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from infra.stage import stages
from local.cloud import STAGE
from local.endpoint import start_endpoint
from local.folders import LocalFolder
from local.progress import Progress
from local.start import DEFAULT_PORT
from local.state import LocalState
from relevance.release import open_release

PER_SECOND = 20
SECONDS = 20
"""Of each phase."""
WARM_UP_SECONDS = 10
PATIENCE_MS = 30
"""What a search may take beyond the deadline of the endpoint, in the slowest hundredth."""
SLOW_SECONDS = 2.0
SEED = 20261127

Fault = Callable[["Endpoint"], AbstractAsyncContextManager[None]]


@dataclass
class Endpoint:
    """The endpoint that `make up ENDPOINT=1` started."""

    folder: LocalFolder
    state: LocalState

    def end(self) -> None:
        """Its program is no more; what stands for SageMaker Runtime before it stays."""
        self.state.servers["endpoint"].end()

    def start(self) -> None:
        """Start it again, and wait until it says that it is ready."""
        progress = Progress(began=time.time())
        start_endpoint(progress, self.folder, self.state)
        progress.close()

    def signal(self, number: int) -> None:
        """To its whole process group."""
        os.killpg(self.state.servers["endpoint"].pid, number)


@asynccontextmanager
async def well(endpoint: Endpoint) -> AsyncIterator[None]:
    """No fault."""
    yield


@asynccontextmanager
async def killed(endpoint: Endpoint) -> AsyncIterator[None]:
    """Nobody listens."""
    await asyncio.to_thread(endpoint.end)
    yield
    await asyncio.to_thread(endpoint.start)


@asynccontextmanager
async def hung(endpoint: Endpoint) -> AsyncIterator[None]:
    """Connections are taken, and nothing is ever said."""
    endpoint.signal(signal.SIGSTOP)
    yield
    endpoint.signal(signal.SIGCONT)


def replaced(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Fault:
    """Another program answers on its port."""

    @asynccontextmanager
    async def fault(endpoint: Endpoint) -> AsyncIterator[None]:
        await asyncio.to_thread(endpoint.end)
        application = web.Application()
        application.router.add_post("/invocations", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", endpoint.state.endpoint_port, reuse_address=True).start()
        yield
        await runner.cleanup()
        await asyncio.to_thread(endpoint.start)

    return fault


async def garbage(_: web.Request) -> web.StreamResponse:
    """200, and no vector."""
    return web.Response(body=b"\x00<html>it works!</html>", content_type="application/json")


async def busy(_: web.Request) -> web.StreamResponse:
    """Takes no more for now."""
    return web.json_response({"message": "the queue is full", "status": 429}, status=429, headers={"Retry-After": "1"})


async def slow(_: web.Request) -> web.StreamResponse:
    """An answer that nobody waits for."""
    await asyncio.sleep(SLOW_SECONDS)
    return web.json_response({"model_id": "slow", "space": "none", "vectors": []})


PHASES: tuple[tuple[str, Fault], ...] = (
    ("well", well),
    ("killed", killed),
    ("back", well),
    ("hung", hung),
    ("back", well),
    ("garbage", replaced(garbage)),
    ("back", well),
    ("429", replaced(busy)),
    ("back", well),
    ("slow by 2 s", replaced(slow)),
    ("back", well),
)


def figures_of(name: str, answered: Sequence[Answered]) -> dict[str, Any]:
    """What became of the searches of one phase."""
    told = [json.loads(one.body) for one in answered if one.outcome == "200"]
    rungs = [answer["rung"] for answer in told]
    right = [("endpoint" in answer["degraded"]) == (answer["rung"] in ("lambda", "lexical")) for answer in told]
    p50, p99, most = np.percentile([one.took_ms for one in answered], [50, 99, 100])
    without = [at for at, rung in enumerate(rungs) if rung != "endpoint"]
    again = 0 if not without else without[-1] + 1
    return {
        "phase": name,
        "searches": len(answered),
        "failed": sum(one.outcome != "200" for one in answered),
        "wrong_about_themselves": right.count(False),
        "rungs": dict(Counter(rungs)),
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "most_ms": round(float(most), 1),
        "all_of_the_endpoint_after_s": round(again / PER_SECOND, 2) if again < len(rungs) else None,
    }


async def measure(address: str, queries: Sequence[str], endpoint: Endpoint) -> list[dict[str, Any]]:
    """The phases in turn, each with queries of its own."""
    await send(address, queries[: PER_SECOND * WARM_UP_SECONDS], PER_SECOND)
    found = []
    for number, (name, fault) in enumerate(PHASES):
        begin = PER_SECOND * (WARM_UP_SECONDS + number * SECONDS)
        async with fault(endpoint):
            answered = await send(address, queries[begin : begin + PER_SECOND * SECONDS], PER_SECOND)
        found.append(figures_of(name, answered))
        print(json.dumps(found[-1]), flush=True)
    return found


def main() -> int:
    """Measure, print, write `endpoint_faults.json`."""
    given = read_arguments(__doc__)
    address = f"http://127.0.0.1:{os.environ.get('PORT', DEFAULT_PORT)}"
    folder = LocalFolder.from_environment()
    state = LocalState.read(folder.state_file)
    if not (state.published and state.running("endpoint")):
        print("no local cloud with an endpoint is running: `make up ENDPOINT=1` starts one", file=sys.stderr)
        return 1
    given.release = folder.releases / state.published
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = queries_from_titles(titles, PER_SECOND * (WARM_UP_SECONDS + len(PHASES) * SECONDS), seed=SEED)
    phases = asyncio.run(measure(address, queries, Endpoint(folder, state)))
    figures = {
        "per_second": PER_SECOND,
        "seconds": SECONDS,
        "deadline_ms": stages(folder.releases)[STAGE].endpoint_deadline_ms,
        "patience_ms": PATIENCE_MS,
        "failed": sum(phase["failed"] for phase in phases),
        "wrong_about_themselves": sum(phase["wrong_about_themselves"] for phase in phases),
        "phases": phases,
    }
    print(write_results("endpoint_faults", given, figures))
    lost = [phase for phase in phases if phase["phase"] == "back" and phase["all_of_the_endpoint_after_s"] is None]
    return int(bool(figures["failed"] or figures["wrong_about_themselves"] or lost))


if __name__ == "__main__":
    sys.exit(main())
