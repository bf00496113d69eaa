"""One look at a stage's quality: asks what people have judged, and reads what shoppers asked."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions.aws.api_address import reachable
from functions.aws.key_store import read_keys
from functions.aws.log_queries import log_lines
from functions.aws.quality_store import QualityStore
from functions.aws.release_store import ReleaseStore, StoreUnavailable
from functions.keys import secured_key
from functions.monitor_quality.asking import Answered, Api, ask_all, nothing_answered, relevance_found
from functions.monitor_quality.settings import QualitySettings
from functions.observability import logger
from relevance.contracts.quality import DriftFound, JudgedQuery, QualityReport, RelevanceFound, Window
from relevance.drift import LARGE_CHANGE
from relevance.errors import VitrineError
from relevance.judgments import Judgments, usable
from relevance.objectives import objective
from relevance.traffic_drift import compare
from relevance.traffic_log import log_query, logged_searches

WORSE = objective("judged_relevance_against_live").limit
"""A change of nDCG@10 below this is a fall, as it is to the gate."""
_KEY_SECONDS = 600
"""How long the key opens that a run makes for itself."""


@dataclass(frozen=True)
class Checked:
    """A report, and the single answers that it does not list."""

    report: QualityReport
    answers: Sequence[Answered]


def check_quality(
    settings: QualitySettings,
    window: Window,
    *,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Checked:
    """Ask and read; what one half cannot do is logged, and leaves the other half as it is.

    Args:
        settings: Of the stage.
        window: Whose searches are compared with the live release's baseline; its count is replaced.
        now: Stands in the report, and on the key.
        clock: Seconds that only grow; for how long an answer takes.
        sleep: Between two queries.

    Raises:
        StoreUnavailable: If the release pointer cannot be read: nothing can be said then.
    """
    store = QualityStore(settings.release_bucket)
    pointer = ReleaseStore(settings.release_bucket, settings.pointer_table, settings.index_name, Path()).pointer()
    release = None if pointer is None else pointer.live
    relevance, answers = _relevance(settings, store, now, clock, sleep)
    drift, searches = DriftFound(outcome="no baseline"), 0
    if release is not None:
        drift, searches = _drift(settings, store, release, window, sleep)
    report = QualityReport(
        made_at=now,
        release=release,
        window=window.model_copy(update={"searches": searches}),
        relevance=relevance,
        drift=drift,
        broken=_fell(relevance) and not (drift.query_drift or 0) > LARGE_CHANGE,
    )
    return Checked(report, answers)


def window_before(end: datetime, minutes: int) -> Window:
    """So many minutes up to a moment."""
    return Window(begins_at=end - timedelta(minutes=minutes), ends_at=end, searches=0)


def last_whole(minutes: int, moment: datetime) -> datetime:
    """The end of the last so many whole minutes, such as the hour's: runs between two of them look at the same window.

    >>> last_whole(20, datetime(2026, 11, 27, 21, 59, 3, tzinfo=UTC)).isoformat()
    '2026-11-27T21:40:00+00:00'
    """
    seconds = 60 * minutes
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)


def _relevance(
    settings: QualitySettings,
    store: QualityStore,
    now: datetime,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[RelevanceFound | None, Sequence[Answered]]:
    known = _known(store)
    try:
        judgments = usable(store.judgments())
        if not judgments:
            return None, ()
        key = _key(settings, now)
    except VitrineError as error:
        logger.error("relevance not measured", reason=str(error))
        return nothing_answered(0, known), ()
    api = Api(reachable(settings.api_address, settings.api_id), settings.index_name, key, clock)
    asked = ask_all(
        api,
        _chosen(judgments, settings.most_queries),
        per_second=settings.queries_per_second,
        seconds=settings.asking_seconds,
        clock=clock,
        sleep=sleep,
    )
    return relevance_found(asked, judgments, known), asked.answers


def _fell(found: RelevanceFound | None) -> bool:
    return found is not None and found.change is not None and found.change < WORSE


def _known(store: QualityStore) -> Sequence[JudgedQuery]:
    """What the look before this one said of each query."""
    try:
        before = store.latest()
    except StoreUnavailable as error:
        logger.error("relevance not compared with before", reason=str(error))
        return ()
    return before.relevance.by_query if before is not None and before.relevance is not None else ()


def _key(settings: QualitySettings, now: datetime) -> str:
    """A key for this run alone: no key lies anywhere for it, and none needs to be rotated."""
    ring, _ = read_keys(settings.key_parameter)
    parents = ring.usable("parent", now.timestamp())
    if not parents:
        raise StoreUnavailable(f"{settings.key_parameter} holds no parent key to make one from: `vitrine keys create`")
    until = int(now.timestamp()) + _KEY_SECONDS
    return secured_key(parents[-1], {"validUntil": str(until), "restrictIndices": settings.index_name})


def _chosen(judgments: Judgments, most: int) -> list[str]:
    """The queries to ask: in every run the same ones, so that two runs can be compared."""
    queries = list(judgments)
    return queries if len(queries) <= most else random.Random(0).sample(queries, most)


def _drift(
    settings: QualitySettings, store: QualityStore, release: str, window: Window, sleep: Callable[[float], None]
) -> tuple[DriftFound, int]:
    try:
        found = log_lines(settings.log_group, log_query(release), window.begins_at, window.ends_at, sleep=sleep)
        baseline = store.baseline(release)
    except StoreUnavailable as error:
        logger.error("traffic not compared", reason=str(error))
        return DriftFound(outcome="not read"), 0
    searches = logged_searches(found.messages, release)
    # Logs Insights counts what it matched; on an emulator, whose filters match more, what was read counts
    counted = found.matched if len(searches) == len(found.messages) else len(searches)
    return (DriftFound(outcome="no baseline") if baseline is None else compare(baseline, searches)), counted
