"""A local cloud under searches, and all that can be seen of it from outside, second by second.

For benchmarks of what happens by itself: `make up WATCH=1` must have started the cloud.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from time import time
from typing import Any

import aiohttp
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.pipelines import Pipeline
from functions.aws.quality_store import QualityStore
from functions.aws.release_pointer import read_record
from local.alarms import described_alarms
from local.cloud import KEYS, STAGE
from local.pipeline_runner import PIPELINE
from local.release import INDEX_NAME
from local.state import LocalState
from relevance.contracts.quality import QualityReport
from relevance.errors import VitrineError

LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 10.0
SEARCH = f"/1/indexes/{INDEX_NAME}/query"


@dataclass(frozen=True)
class Answer:
    """What became of one request."""

    at_s: float
    """When it was due, since the beginning."""
    path: str
    took_ms: float
    outcome: str
    """`200`, another status, or the name of what went wrong on the way."""
    release: str | None


@dataclass(frozen=True)
class Look:
    """One look of the stage's own watch, as its report says."""

    at_s: float
    release: str | None
    ndcg10: float | None
    change: float | None
    query_drift: float | None
    searches: int


@dataclass(frozen=True)
class Event:
    """Something that happened once."""

    at_s: float
    kind: str
    """`alarm`, `release`, `training` or `told`: what a benchmark did itself."""
    name: str
    state: str


@dataclass
class Seen:
    """Everything from the beginning on."""

    began: float = field(default_factory=time)
    answers: list[Answer] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def now(self) -> float:
        """Seconds since the beginning."""
        return time() - self.began

    def tell(self, kind: str, name: str, state: str) -> Event:
        """Note that something happened, now."""
        event = Event(round(self.now(), 1), kind, name, state)
        self.events.append(event)
        print(f"{event.at_s:7.1f} s  {kind} {name}: {state}", flush=True)
        return event

    def first(self, kind: str, name: str, state: str, since_s: float = 0.0) -> float | None:
        """When it happened first; None if it did not."""
        found = (one.at_s for one in self.events if (one.kind, one.name, one.state) == (kind, name, state))
        return next((at_s for at_s in found if at_s >= since_s), None)

    def as_json(self) -> dict[str, Any]:
        """Looks and events, and of the answers what they add up to."""
        took = [one.took_ms for one in self.answers if one.path == SEARCH]
        p50, p99 = np.percentile(took, [50, 99]).tolist()
        return {
            "seconds": round(self.now()),
            "searches": len(took),
            "failed": [asdict(one) for one in self.answers if one.outcome != "200"],
            "p50_ms": round(p50, 1),
            "p99_ms": round(p99, 1),
            "looks": [asdict(one) for one in self.looks],
            "events": [asdict(one) for one in self.events],
        }


class Shoppers:
    """Requests at a steady rate, whether or not those before have been answered."""

    def __init__(self, address: str, seen: Seen) -> None:
        self._address = address
        self._seen = seen

    async def send(self, requests: Callable[[], tuple[str, Mapping[str, Any]]], per_second: float) -> None:
        """Send until cancelled; `requests` gives the next one's path and body."""
        patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        headers = {"X-Algolia-API-Key": KEYS["search"][0]}
        async with (
            aiohttp.ClientSession(
                self._address, headers=headers, timeout=patience, connector=aiohttp.TCPConnector(limit=0)
            ) as session,
            asyncio.TaskGroup() as answering,
        ):
            due = self._seen.now()
            while True:
                answering.create_task(self._ask(session, due, *requests()))
                due += 1 / per_second
                await asyncio.sleep(max(0.0, due - self._seen.now()))

    async def _ask(self, session: aiohttp.ClientSession, due: float, path: str, body: Mapping[str, Any]) -> None:
        release = None
        try:
            async with session.post(path, json=body) as response:
                content, outcome = await response.read(), str(response.status)
            release = json.loads(content).get("release")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            outcome = type(error).__name__
        took_ms = (self._seen.now() - due) * 1000
        self._seen.answers.append(Answer(round(due, 2), path, round(took_ms, 1), outcome, release))


class Watcher:
    """Alarms, reports, releases and trainings of a running local cloud."""

    def __init__(self, state: LocalState, seen: Seen) -> None:
        self._bucket, self._table = state.outputs["ReleaseBucket"], state.outputs["PointerTable"]
        self._seen = seen
        self._known: dict[tuple[str, str], str] = {}
        self._last_report: QualityReport | None = None

    async def look_on(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            with contextlib.suppress(BotoCoreError, ClientError, VitrineError):  # busy: look again
                await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Note what changed."""
        for alarm in described_alarms():
            self._note("alarm", alarm["AlarmName"].removeprefix(f"vitrine-{STAGE}-"), alarm["StateValue"])
        live = read_record(self._table, INDEX_NAME)
        self._note("release", INDEX_NAME, f"{live.live} by {live.moves[0].moved_by}" if live.moves else "none")
        for run in Pipeline(PIPELINE).recent():
            self._note("training", run.execution.rpartition("/")[2], run.status)
        report = QualityStore(self._bucket).latest()
        if report is not None and report != self._last_report:
            self._last_report = report
            self._seen.looks.append(_look(report, self._seen.began))

    def _note(self, kind: str, name: str, state: str) -> None:
        if self._known.get((kind, name)) != state:
            self._known[kind, name] = state
            self._seen.tell(kind, name, state)


def _look(report: QualityReport, began: float) -> Look:
    found, drift = report.relevance, report.drift
    return Look(
        at_s=round(report.made_at.timestamp() - began, 1),
        release=report.release,
        ndcg10=None if found is None else found.ndcg10,
        change=None if found is None else found.change,
        query_drift=drift.query_drift,
        searches=report.window.searches,
    )


@asynccontextmanager
async def beside(*endless: Any) -> AsyncIterator[None]:
    """Run these while the block runs, and end them with it."""
    tasks = [asyncio.ensure_future(each) for each in endless]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()  # it should not have ended: raises why it did
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until something holds; raises VitrineError naming `what` after so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not holds():
        if loop.time() > end:
            raise VitrineError(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(0.5)


def searches_for(queries: Iterator[str]) -> Callable[[], tuple[str, Mapping[str, Any]]]:
    """The next search each time."""
    return lambda: (SEARCH, {"query": next(queries)})
