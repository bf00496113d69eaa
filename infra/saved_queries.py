"""Log queries that somebody who was told of something begins with, by name in CloudWatch's Logs Insights."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_logs
from constructs import Construct

from infra.stage import Stage
from infra.watched import Watched


@dataclass(frozen=True)
class SavedQuery:
    """One query, and which logs it reads."""

    reads: str
    """A function's folder, `api`, or `functions` for all of them."""
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """As Logs Insights is asked."""
        return "\n| ".join(self.lines)


STAGE_TIMES = "understand_ms, retrieve_ms, rerank_ms, assemble_ms"

SAVED_QUERIES: Mapping[str, SavedQuery] = {
    "slowest-searches": SavedQuery(
        "assemble_results",
        (
            f"fields @timestamp, took_ms, {STAGE_TIMES}, rung, hits, remembered, query_id, @requestId",
            'filter message = "searched"',
            "sort took_ms desc",
            "limit 50",
        ),
    ),
    "why-degraded": SavedQuery(
        "assemble_results",
        (
            "fields @timestamp, message, reason, degraded.0, degraded.1, rung, query_id, @requestId",
            'filter level in ["WARNING", "ERROR"] or ispresent(degraded.0)',
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
    "refused-requests": SavedQuery(
        "api",
        ("filter status >= 400", "stats count(*) as requests by status, route, bin(1h) as hour", "sort requests desc"),
    ),
    "releases-swapped": SavedQuery(
        "functions",
        (
            "fields @timestamp, service, message, release, reason",
            "filter message like /release (swapped|not opened)/ or message like /pointer was not read/",
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
    "errors": SavedQuery(
        "functions",
        (
            "fields @timestamp, service, message, reason, exception_name, correlation_id, @requestId",
            'filter level = "ERROR" or @message like /Task timed out/',
            "sort @timestamp desc",
            "limit 200",
        ),
    ),
    "routes": SavedQuery(
        "api",
        (
            "stats count(*) as requests, sum(status >= 500) as failed, pct(latencyMs, 50) as p50_ms, "
            "pct(latencyMs, 99) as p99_ms by route",
            "sort requests desc",
        ),
    ),
}
"""By name; what one search did is found by its `query_id`, what one request did by its `correlation_id`."""


def read_by(query: SavedQuery, watched: Watched) -> list[aws_logs.ILogGroup]:
    """The log groups that a query is about."""
    by_name = {service.folder: service.logs for service in watched.services}
    if query.reads == "functions":
        return list(by_name.values())
    return [(by_name | {"api": watched.search.access_logs})[query.reads]]


def save_queries(scope: Construct, stage: Stage, watched: Watched) -> None:
    """One query definition each, in a folder of the stage's own."""
    for name, query in SAVED_QUERIES.items():
        aws_logs.CfnQueryDefinition(
            scope,
            f"Query-{name}",
            name=f"vitrine-{stage.name}/{name}",
            query_string=query.text,
            log_group_names=[group.log_group_name for group in read_by(query, watched)],
        )
