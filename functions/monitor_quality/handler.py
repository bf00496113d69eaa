"""On a schedule: is search as good as it was, and do shoppers still ask what the release was made for?"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws.quality_store import QualityStore
from functions.metric_catalogue import (
    QUERY_DRIFT,
    RELEVANCE_ANSWERED_SHARE,
    RELEVANCE_ASKED_MILLISECONDS,
    RELEVANCE_CHANGE,
    RELEVANCE_NDCG10,
    RELEVANCE_ZERO_HIT_SHARE,
    SCORE_DRIFT,
)
from functions.monitor_quality.check import Checked, check_quality, last_whole, window_before
from functions.monitor_quality.settings import QualitySettings
from functions.observability import logger, metrics, record, with_request_id


@cache
def settings() -> QualitySettings:
    """Read once per execution environment."""
    return QualitySettings.from_environment()


@with_request_id
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    now = datetime.now(UTC)
    window = window_before(last_whole(settings().every_minutes, now), settings().window_minutes)
    checked = check_quality(settings(), window, now=now)
    _count(checked)
    key = QualityStore(settings().release_bucket).write(checked.report)
    drift, searches = checked.report.drift, checked.report.window.searches
    logger.info("quality checked", report=key, drift=drift.outcome, searches=searches, moved=len(drift.moved))
    return {"report": key}


def _count(checked: Checked) -> None:
    """What is known as metrics; what is not known is left out, and no number is made up for it."""
    relevance, drift = checked.report.relevance, checked.report.drift
    known = [(QUERY_DRIFT, drift.query_drift), (SCORE_DRIFT, drift.score_drift)]
    if relevance is not None:
        known += [
            (RELEVANCE_ANSWERED_SHARE, relevance.answered_share),
            (RELEVANCE_NDCG10, relevance.ndcg10),
            (RELEVANCE_CHANGE, relevance.change),
            (RELEVANCE_ZERO_HIT_SHARE, relevance.zero_hit_share),
        ]
    for metric, value in known:
        if value is not None:
            record(metric, value)
    for answer in checked.answers:  # each of them, so that CloudWatch knows every percentile
        record(RELEVANCE_ASKED_MILLISECONDS, answer.took_ms)
