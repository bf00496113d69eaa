"""The lane with a worker that computes when it is told to: no test here depends on how fast anything is."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from relevance.errors import ModelFailed
from sagemaker_jobs.serve.lane import Lane, Overloaded, TooLate

FAR = 60.0
"""Seconds until a deadline that no test reaches."""


class Gate:
    """Doubles numbers, each batch only after `open` was set."""

    def __init__(self):
        self.open = threading.Event()
        self.batches = []

    def __call__(self, numbers):
        self.open.wait(FAR)
        self.batches.append(list(numbers))
        return [2 * number for number in numbers]


def run_with(scenario, compute, **settings):
    """`scenario(lane, far)` beside a lane that is served; `far` is a deadline that is not reached."""

    async def run():
        told = []
        with ThreadPoolExecutor(1) as worker:
            lane = Lane(compute, worker, **({"most": 4, "linger_ms": 0, "told": told.append} | settings))
            serving = asyncio.create_task(lane.serve())
            try:
                found = await scenario(lane, asyncio.get_running_loop().time() + FAR)
            finally:
                serving.cancel()
                if isinstance(compute, Gate):
                    compute.open.set()
        return found, told

    return asyncio.run(run())


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def test_requests_that_come_together_are_one_batch_and_each_gets_its_own_results():
    async def scenario(lane, far):
        return await asyncio.gather(lane.ask([1], far), lane.ask([2, 3], far))

    gate = Gate()
    gate.open.set()
    found, told = run_with(scenario, gate, linger_ms=50, most=3)

    assert found == [[2], [4, 6]]
    assert gate.batches == [[1, 2, 3]]
    assert [batch.size for batch in told] == [3]


def test_a_long_request_is_cut_into_batches_and_comes_back_in_order():
    async def scenario(lane, far):
        return await lane.ask(list(range(10)), far)

    gate = Gate()
    gate.open.set()
    found, _ = run_with(scenario, gate)

    assert found == [2 * number for number in range(10)]
    assert [len(batch) for batch in gate.batches] == [4, 4, 2]


def test_what_comes_while_the_worker_is_busy_is_the_next_batch():
    gate = Gate()

    async def scenario(lane, far):
        first = asyncio.create_task(lane.ask([1], far))
        await until(lambda: lane._in_work)
        later = [asyncio.create_task(lane.ask([number], far)) for number in (2, 3, 4)]
        await asyncio.sleep(0)
        gate.open.set()
        return [await task for task in (first, *later)]

    found, _ = run_with(scenario, gate)

    assert found == [[2], [4], [6], [8]]
    assert gate.batches == [[1], [2, 3, 4]]


def test_a_request_whose_client_went_away_is_not_computed():
    gate = Gate()

    async def scenario(lane, far):
        first = asyncio.create_task(lane.ask([1], far))
        await until(lambda: lane._in_work)
        gone, stays = asyncio.create_task(lane.ask([2], far)), asyncio.create_task(lane.ask([3], far))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        return [await first, await stays]

    found, _ = run_with(scenario, gate)

    assert found == [[2], [6]]
    assert gate.batches == [[1], [3]]


def test_a_request_whose_time_is_up_is_told_and_not_computed():
    gate = Gate()

    async def scenario(lane, far):
        first = asyncio.create_task(lane.ask([1], far))
        await until(lambda: lane._in_work)
        with pytest.raises(TooLate, match="no answer within the 1 ms"):
            await lane.ask([2], asyncio.get_running_loop().time() + 0.001)
        gate.open.set()
        await first
        return await lane.ask([3], far)

    run_with(scenario, gate)

    assert gate.batches == [[1], [3]]


def test_a_request_that_comes_too_late_is_not_queued():
    async def scenario(lane, far):
        with pytest.raises(TooLate, match="before this request was read"):
            await lane.ask([1], asyncio.get_running_loop().time() - 1)

    gate = Gate()
    run_with(scenario, gate)

    assert gate.batches == []


def test_a_request_that_could_not_be_in_time_is_refused_at_once_and_one_with_time_is_not():
    gate = Gate()
    gate.open.set()

    async def scenario(lane, far):
        await lane.ask([1], far)
        lane._seconds_an_item = 2.0  # as if that one had taken so long
        gate.open.clear()
        waiting = asyncio.create_task(lane.ask([2, 3, 4], far))
        await until(lambda: lane._in_work == 3)
        soon = asyncio.get_running_loop().time() + 5
        with pytest.raises(Overloaded, match="takes 6000 ms, this request has 5000 ms left") as refused:
            await lane.ask([5], soon)
        patient = asyncio.create_task(lane.ask([6], far))
        await asyncio.sleep(0)
        gate.open.set()
        return refused.value.retry_after_seconds, await waiting, await patient

    found, _ = run_with(scenario, gate)

    assert found == (6, [4, 6, 8], [12])
    assert [5] not in gate.batches


def test_an_idle_lane_takes_a_request_however_slow_it_was():
    gate = Gate()
    gate.open.set()

    async def scenario(lane, far):
        await lane.ask([1], far)
        lane._seconds_an_item = 1e6
        return await lane.ask([2], far)

    found, _ = run_with(scenario, gate)

    assert found == [4]


def test_a_model_that_fails_fails_those_who_asked_and_not_the_lane():
    def fragile(numbers):
        if 13 in numbers:
            raise ModelFailed("a model failed: 13")
        return numbers

    async def scenario(lane, far):
        with pytest.raises(ModelFailed, match="13"):
            await lane.ask([13], far)
        return await lane.ask([1], far)

    found, _ = run_with(scenario, fragile)

    assert found == [1]
