"""One task's way to the worker: what is asked waits a moment for company, and is computed in batches.

Everything here runs on the event loop but `compute`, which the worker's thread runs. A request that is cancelled, or
whose time is up, is not computed; one that could not be in time is refused before it waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from relevance.errors import ModelFailed, VitrineError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MEMORY = 0.8
"""In [0, 1): how much of the measured rate is what it was before the last batch."""


class Overloaded(VitrineError):
    """What waits already takes longer than this request has time."""

    def __init__(self, waiting_ms: float, left_ms: float) -> None:
        super().__init__(f"what waits takes {waiting_ms:.0f} ms, this request has {left_ms:.0f} ms left")
        self.retry_after_seconds = max(1, round(waiting_ms / 1000))


class TooLate(VitrineError):
    """The time of a request was up before its answer was there."""


@dataclass(frozen=True)
class Batch:
    """What one run of the worker took."""

    size: int
    waited_ms: tuple[float, ...]
    """Of each item, until the worker was asked."""
    took_ms: float


@dataclass(eq=False)
class _Asked(Generic[Item, Result]):
    """One request: its items, and the answers that are there."""

    items: Sequence[Item]
    arrived: float
    answer: asyncio.Future[list[Result]]
    results: dict[int, Result] = field(default_factory=dict)
    taken: int = 0
    """How many of the items the worker has, or has had."""

    @property
    def waiting(self) -> int:
        return 0 if self.answer.done() else len(self.items) - self.taken

    def give(self, place: int, result: Result) -> None:
        self.results[place] = result
        if len(self.results) == len(self.items) and not self.answer.done():
            self.answer.set_result([self.results[at] for at in range(len(self.items))])


class Lane(Generic[Item, Result]):
    """A queue, and the task that empties it."""

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        worker: Executor,
        *,
        most: int,
        linger_ms: float,
        told: Callable[[Batch], None] = lambda _: None,
    ) -> None:
        """
        Args:
            compute: A result for each item; runs in the worker, one call at a time.
            worker: Shared by lanes: while one computes the others collect.
            most: Items of one batch.
            linger_ms: How long an item waits for others while the lane is idle.
            told: Of each batch, after it.
        """
        self._compute = compute
        self._worker = worker
        self._most = most
        self._linger = linger_ms / 1000
        self._told = told
        self._queue: deque[_Asked[Item, Result]] = deque()
        self._news = asyncio.Event()
        self._in_work = 0
        self._seconds_an_item = 0.0

    async def ask(self, items: Sequence[Item], deadline: float) -> list[Result]:
        """The results, in order.

        Args:
            items: At least one.
            deadline: On the event loop's clock.

        Raises:
            Overloaded: If what waits already takes longer than that.
            TooLate: If it is past before the results are there.
            ModelFailed: If the model gave no answer.
        """
        loop = asyncio.get_running_loop()
        left = deadline - loop.time()
        if left <= 0:
            raise TooLate(f"the time was up {-1000 * left:.0f} ms before this request was read")
        if (wait := self.expected_wait_seconds()) > left:
            raise Overloaded(1000 * wait, 1000 * left)
        asked: _Asked[Item, Result] = _Asked(items, loop.time(), loop.create_future())
        self._queue.append(asked)
        self._news.set()
        try:
            async with asyncio.timeout_at(deadline):
                return await asked.answer
        except TimeoutError:
            raise TooLate(f"no answer within the {1000 * left:.0f} ms that this request had") from None

    def expected_wait_seconds(self) -> float:
        """How long what waits and what is in work takes, at the rate of late; 0 when nothing does."""
        return (sum(asked.waiting for asked in self._queue) + self._in_work) * self._seconds_an_item

    async def serve(self) -> None:
        """Empty the queue until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._company()
            batch = self._take()
            if not batch:
                continue
            begun = loop.time()
            self._in_work = len(batch)
            items = [asked.items[place] for asked, place in batch]
            try:
                results = await loop.run_in_executor(self._worker, self._compute, items)
            except ModelFailed as error:
                self._fail({asked for asked, _ in batch}, error)
                continue
            finally:
                self._in_work = 0
            for (asked, place), result in zip(batch, results, strict=True):
                asked.give(place, result)
            took = loop.time() - begun
            self._learn(took / len(batch))
            waited = tuple(1000 * (begun - asked.arrived) for asked, _ in batch)
            self._told(Batch(len(batch), waited, 1000 * took))

    async def _company(self) -> None:
        """Wait for a first request, then until the batch is full or the first one has waited long enough."""
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        try:
            async with asyncio.timeout_at(self._queue[0].arrived + self._linger):
                while sum(asked.waiting for asked in self._queue) < self._most:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass

    def _take(self) -> list[tuple[_Asked[Item, Result], int]]:
        """The next batch, first come first served; what nobody waits for any more is left out."""
        batch: list[tuple[_Asked[Item, Result], int]] = []
        while self._queue and len(batch) < self._most:
            first = self._queue[0]
            count = min(first.waiting, self._most - len(batch))
            batch += [(first, place) for place in range(first.taken, first.taken + count)]
            first.taken += count
            if not first.waiting:
                self._queue.popleft()
        return batch

    def _learn(self, seconds_an_item: float) -> None:
        before = self._seconds_an_item or seconds_an_item
        self._seconds_an_item = _MEMORY * before + (1 - _MEMORY) * seconds_an_item

    def _fail(self, failed: set[_Asked[Item, Result]], error: ModelFailed) -> None:
        for asked in failed:
            if not asked.answer.done():
                asked.answer.set_exception(error)
