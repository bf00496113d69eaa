"""The ladder of an execution environment whose stage has an endpoint: cache, endpoint, lambda, lexical."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache

from functions.aws.endpoint import EndpointUnavailable, LargeModelEndpoint
from functions.environment import SearchSettings
from functions.metric_catalogue import ENDPOINT_FAILED, ENDPOINT_MILLISECONDS, ENDPOINT_SKIPPED, ENDPOINT_THROTTLED
from functions.observability import logger, record
from relevance.arrays import Vector
from relevance.circuit_breaker import CircuitBreaker, RetryBudget
from relevance.query_vectors import WITHOUT_ENDPOINT, QueryVector, QueryVectors, from_cache, from_function
from relevance.release import Release
from relevance.understanding import ReadQuery

_WORTH_TRYING = 0.5
"""Of the deadline, the share that must be left for a second attempt."""
_LONGEST_WAIT = 0.1
"""Of the deadline, the longest that a second attempt waits; how long is drawn."""


class Ladder:
    """Implements `QueryVectors`. A vector of the endpoint is remembered, a failure never is."""

    def __init__(
        self,
        endpoint: LargeModelEndpoint,
        breaker: CircuitBreaker,
        budget: RetryBudget,
        *,
        deadline_ms: int,
        remembered: int,
        drawn: random.Random,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            endpoint: Of the large model.
            breaker: Of this endpoint.
            budget: For second attempts.
            deadline_ms: How long a search waits for the endpoint, both attempts together.
            remembered: How many vectors are kept; 0 for none.
            drawn: Where the wait before a second attempt is drawn from.
            clock, wait: Seconds that never go back, and how some of them pass.
        """
        self._endpoint = endpoint
        self._breaker = breaker
        self._budget = budget
        self._seconds = deadline_ms / 1000
        self._drawn = drawn
        self._clock = clock
        self._wait = wait
        self._vector = lru_cache(remembered)(self._guarded)

    def vector_of(self, query: ReadQuery, release: Release) -> QueryVector:
        """See `QueryVectors`."""
        found = from_cache(query, release)
        if found is not None:
            return found
        space, dimension = release.space, release.manifest.dimension
        if space is None or dimension is None:  # products without vectors: nothing to compare with
            return from_function(query, release)
        try:
            return QueryVector(self._vector(query.query, space, dimension), "endpoint")
        except EndpointUnavailable as error:
            below = from_function(query, release)
            logger.warning("no vector of the endpoint", reason=error.reason, said=str(error), rung=below.rung)
            return replace(below, degraded=("endpoint", *below.degraded))

    def _guarded(self, text: str, space: str, dimension: int) -> Vector:
        """The endpoint's vector, unless the breaker is open; its outcome is recorded and counted."""
        if not self._breaker.allows():
            record(ENDPOINT_SKIPPED)
            raise EndpointUnavailable("it failed too often; it is asked again after a pause", "skipped")
        begun = self._clock()
        try:
            vector = self._asked(text, space, dimension, begun + self._seconds)
        except BaseException as error:
            self._breaker.record(failed=True)
            throttled = isinstance(error, EndpointUnavailable) and error.reason == "throttled"
            record(ENDPOINT_THROTTLED if throttled else ENDPOINT_FAILED)
            raise
        self._breaker.record(failed=False)
        record(ENDPOINT_MILLISECONDS, (self._clock() - begun) * 1000)
        return vector

    def _asked(self, text: str, space: str, dimension: int, until: float) -> Vector:
        """One attempt, and one more where it failed early, may well succeed, and the budget allows it."""
        self._budget.note_call()
        try:
            return self._endpoint.query_vector(text, space=space, dimension=dimension, seconds=self._seconds)
        except EndpointUnavailable as error:
            wait = self._drawn.uniform(0, _LONGEST_WAIT) * self._seconds
            left = until - self._clock() - wait
            if not error.again or left < _WORTH_TRYING * self._seconds or not self._budget.spend():
                raise
        self._wait(wait)
        return self._endpoint.query_vector(text, space=space, dimension=dimension, seconds=left)


@cache
def query_vectors(settings: SearchSettings) -> QueryVectors:
    """One per execution environment."""
    if not settings.endpoint_name:
        return WITHOUT_ENDPOINT
    drawn = random.Random()
    return Ladder(
        LargeModelEndpoint(settings.endpoint_name, settings.endpoint_deadline_ms, settings.endpoint_component),
        CircuitBreaker(
            time.monotonic,
            drawn,
            failures=settings.endpoint_failures,
            pause_seconds=settings.endpoint_pause_seconds,
        ),
        RetryBudget(),
        deadline_ms=settings.endpoint_deadline_ms,
        remembered=settings.remembered_queries,
        drawn=drawn,
    )
