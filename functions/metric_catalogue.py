"""Every metric of ours: what it counts, in which unit, and which functions send it.

CloudWatch bills each name once for every function that sends it, $0.30 for a month in which it is sent all the time,
and nothing for hours in which it is not. Therefore no metric has a dimension but the function's name, and what AWS
measures for nothing (invocations, errors and durations of functions, requests and times of the API) is not measured
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools.metrics import MetricUnit

from relevance.contracts.search_stages import SearchStage

PREPROCESS, RERANK, FRONT_DOOR = "preprocess_query", "rerank", "assemble_results"
CATALOGUE, PUBLISHER, QUALITY, RETRAINING = (
    "manage_catalogue",
    "publish_release",
    "monitor_quality",
    "trigger_retraining",
)

DIMENSION = "service"
"""The one dimension: the folder of the function that sends."""


@dataclass(frozen=True)
class Metric:
    """One name in the stage's namespace."""

    name: str
    unit: MetricUnit
    counts: str
    """What one value stands for."""
    senders: tuple[str, ...] = (FRONT_DOOR,)
    """Folders of functions."""
    dimensions: tuple[str, ...] = (DIMENSION,)


_ALL: list[Metric] = []


def _metric(
    name: str, unit: MetricUnit, counts: str, *senders: str, dimensions: tuple[str, ...] = (DIMENSION,)
) -> Metric:
    made = Metric(name, unit, counts, senders or (FRONT_DOOR,), dimensions)
    _ALL.append(made)
    return made


SEARCHES_ANSWERED = _metric("SearchesAnswered", MetricUnit.Count, "a search that was answered")
SEARCH_MILLISECONDS = _metric("SearchMilliseconds", MetricUnit.Milliseconds, "how long the front door took over one")
SEARCHES_WITHOUT_HITS = _metric("SearchesWithoutHits", MetricUnit.Count, "1 if it found nothing, else 0")
SEARCHES_DEGRADED = _metric("SearchesDegraded", MetricUnit.Count, "1 if it had to do without something, else 0")
SEARCHES_REMEMBERED = _metric("SearchesRemembered", MetricUnit.Count, "1 if its answer was remembered, else 0")
FACET_SEARCHES_ANSWERED = _metric("FacetSearchesAnswered", MetricUnit.Count, "a search among a facet's values")
RELEASE_AGE_HOURS = _metric("ReleaseAgeHours", MetricUnit.NoUnit, "how long ago the release that answered was built")

MILLISECONDS_BY_STAGE: Mapping[SearchStage, Metric] = {
    "understand": _metric("UnderstandMilliseconds", MetricUnit.Milliseconds, "its first stage: what the query means"),
    "retrieve": _metric("RetrieveMilliseconds", MetricUnit.Milliseconds, "its second: finding candidates"),
    "rerank": _metric("RerankMilliseconds", MetricUnit.Milliseconds, "its third: the ranker's order"),
    "assemble": _metric("AssembleMilliseconds", MetricUnit.Milliseconds, "its last: records, highlights, facets"),
}
"""Of a search that was not remembered, each stage that it went through."""

SEARCHES_BY_RUNG: Mapping[str, Metric] = {
    rung: _metric(f"SearchesBy{name}", MetricUnit.Count, f"a search whose query's vector came from {where}")
    for rung, name, where in (
        ("cache", "Cache", "the release: the large model's own, of a frequent query"),
        ("endpoint", "Endpoint", "the large model on its endpoint"),
        ("lambda", "Lambda", "the function's own encoder"),
        ("lexical", "Words", "nowhere: it went by words alone"),
    )
}
"""By where the query's vector came from, as an answer's `rung` says."""

SEARCHES_WITHOUT: Mapping[str, Metric] = {
    lost: _metric(f"SearchesWithout{name}", MetricUnit.Count, f"a search that had to do without {what}")
    for lost, name, what in (
        ("endpoint", "Endpoint", "the endpoint, though the stage has one"),
        ("vector", "Vector", "a query vector"),
        ("ranker", "Ranker", "the ranker"),
        ("preprocess_query", "PreprocessQuery", "the function preprocess_query: computed in the front door instead"),
        ("rerank", "Rerank", "the function rerank: computed in the front door instead"),
    )
}
"""By what was lost, as an answer's `degraded` says. Not sent while nothing is lost, and so not billed."""

ENDPOINT_MILLISECONDS = _metric("EndpointMilliseconds", MetricUnit.Milliseconds, "how long an answer of it took")
ENDPOINT_FAILED = _metric("EndpointFailed", MetricUnit.Count, "a call of it that brought no vector in time")
ENDPOINT_THROTTLED = _metric("EndpointThrottled", MetricUnit.Count, "a call that it refused because it was busy")
ENDPOINT_SKIPPED = _metric("EndpointSkipped", MetricUnit.Count, "a call that was not made: it had failed too often")

CATALOGUE_OPERATIONS_TAKEN = _metric(
    "CatalogueOperationsTaken", MetricUnit.Count, "operations of one batch that were taken", CATALOGUE
)
CATALOGUE_OPERATIONS_REFUSED = _metric(
    "CatalogueOperationsRefused", MetricUnit.Count, "operations of one batch that were not", CATALOGUE
)

RELEASES_PUBLISHED = _metric("ReleasesPublished", MetricUnit.Count, "an approved release that went live", PUBLISHER)
RELEASE_PUBLICATIONS_REFUSED = _metric(
    "ReleasePublicationsRefused", MetricUnit.Count, "an approved release that did not", PUBLISHER
)

RELEVANCE_NDCG10 = _metric(
    "RelevanceNdcg10",
    MetricUnit.NoUnit,
    "mean nDCG@10 of the judged queries, asked through the API, unjudged products as bad; in [0, 1]",
    QUALITY,
)
RELEVANCE_CHANGE = _metric(
    "RelevanceChange",
    MetricUnit.NoUnit,
    "how much more or less the judged queries reach than they usually do: nDCG@10 less its mean of a week of looks",
    QUALITY,
)
RELEVANCE_ANSWERED_SHARE = _metric(
    "RelevanceAnsweredShare",
    MetricUnit.NoUnit,
    "the part of the judged queries that were answered, in [0, 1]; 0 also where none could be asked",
    QUALITY,
)
RELEVANCE_ZERO_HIT_SHARE = _metric(
    "RelevanceZeroHitShare", MetricUnit.NoUnit, "the part of them that found nothing, in [0, 1]", QUALITY
)
RELEVANCE_ASKED_MILLISECONDS = _metric(
    "RelevanceAskedMilliseconds", MetricUnit.Milliseconds, "how long one of them took, network included", QUALITY
)
QUERY_DRIFT = _metric(
    "QueryDrift", MetricUnit.NoUnit, "the largest PSI between searches now and those the release was made for", QUALITY
)

SCORE_DRIFT = _metric(
    "ScoreDrift", MetricUnit.NoUnit, "the largest PSI between what searches now score and what the release did", QUALITY
)

RETRAINING_STARTED = _metric("RetrainingStarted", MetricUnit.Count, "a training that was started", RETRAINING)
RETRAINING_DECLINED = _metric("RetrainingDeclined", MetricUnit.Count, "a wish for one that was not met", RETRAINING)
RETRAINING_FAILED = _metric("RetrainingFailed", MetricUnit.Count, "a training that failed", RETRAINING)

COLD_START = _metric(
    "ColdStart",
    MetricUnit.Count,
    "the first invocation of an execution environment",
    PREPROCESS,
    RERANK,
    FRONT_DOOR,
    dimensions=("function_name", DIMENSION),
)
"""Sent by Powertools itself."""

METRICS: tuple[Metric, ...] = tuple(_ALL)
"""All of them, in the order of the page that lists them."""


def billed(metrics: tuple[Metric, ...] = METRICS) -> int:
    """How many metrics CloudWatch bills where all of them are sent."""
    return sum(len(metric.senders) for metric in metrics)
