"""What one search is counted by: its time, whole and by stage, its outcome, and the age of the release behind it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from functions.metric_catalogue import (
    MILLISECONDS_BY_STAGE,
    RELEASE_AGE_HOURS,
    SEARCH_MILLISECONDS,
    SEARCHES_ANSWERED,
    SEARCHES_BY_RUNG,
    SEARCHES_DEGRADED,
    SEARCHES_REMEMBERED,
    SEARCHES_WITHOUT,
    SEARCHES_WITHOUT_HITS,
)
from functions.observability import record
from relevance.contracts.api import SearchResponse
from relevance.contracts.search_stages import SearchStage
from relevance.release import Release


class SearchWatch:
    """Runs from the moment it is made; made for one search."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._now = now
        self._begun = self._last = clock()
        self.stage_ms: dict[SearchStage, float] = {}
        """Of the stages that were passed; none for an answer that was remembered."""

    def passed(self, stage: SearchStage) -> None:
        """A stage ends now; it began where the one before ended."""
        now = self._clock()
        self.stage_ms[stage] = (now - self._last) * 1000
        self._last = now

    def record(self, answer: SearchResponse, release: Release, *, remembered: bool) -> float:
        """Count the search, which ends now; returns its milliseconds."""
        took_ms = (self._clock() - self._begun) * 1000
        record(SEARCHES_ANSWERED)
        record(SEARCH_MILLISECONDS, took_ms)
        record(SEARCHES_WITHOUT_HITS, answer.nb_hits == 0)
        record(SEARCHES_DEGRADED, bool(answer.degraded))
        record(SEARCHES_REMEMBERED, remembered)
        record(SEARCHES_BY_RUNG[answer.rung])
        for lost in answer.degraded:
            record(SEARCHES_WITHOUT[lost])
        for stage, stage_ms in self.stage_ms.items():
            record(MILLISECONDS_BY_STAGE[stage], stage_ms)
        record(RELEASE_AGE_HOURS, (self._now() - release.manifest.made_at).total_seconds() / 3600)
        return took_ms
