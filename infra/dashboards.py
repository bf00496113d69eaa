"""Two dashboards: the shop's, for whoever sells, and the engineers', for whoever mends.

The first three of an account are free, each up to 50 metrics; a test counts them.
"""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk.aws_cloudwatch import (
    AlarmStatusWidget,
    Color,
    Dashboard,
    GraphWidget,
    GraphWidgetView,
    HorizontalAnnotation,
    IAlarm,
    IMetric,
    IWidget,
    LogQueryVisualizationType,
    LogQueryWidget,
    Metric,
    SingleValueWidget,
    Stats,
    TextWidget,
    YAxisProps,
)
from constructs import Construct

from functions import metric_catalogue as catalogue
from functions.observability import metric_namespace
from infra.saved_queries import SAVED_QUERIES, read_by
from infra.sent_metric import sent
from infra.service_function import ServiceFunction
from infra.stage import Stage
from infra.watched import Watched
from relevance.drift import LARGE_CHANGE
from relevance.objectives import objective

MINUTES, HOURS = Duration.minutes(5), Duration.hours(1)
HALF, THIRD, WHOLE, HEIGHT = 12, 8, 24, 6

LOG_BYTES = Metric(
    namespace="AWS/Logs", metric_name="IncomingBytes", statistic=Stats.SUM, period=HOURS, label="written in an hour"
)
"""What most of a busy stage's bill for watching is."""


class _Drawing:
    """Widgets of one stage, each a line of code."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage.name

    def sent(
        self, metric: catalogue.Metric, statistic: str, label: str | None = None, period: Duration = MINUTES
    ) -> Metric:
        return sent(self._stage, metric, statistic, period, label=label)

    def by_statistic(self, metric: catalogue.Metric, period: Duration = MINUTES) -> list[IMetric]:
        """The median, and what one in a hundred exceeds."""
        return [self.sent(metric, statistic, statistic, period) for statistic in ("p50", "p99")]

    def number(self, title: str, metric: IMetric, width: int = 6) -> IWidget:
        return SingleValueWidget(title=title, metrics=[metric], width=width, height=3, period=HOURS)

    def graph(
        self,
        title: str,
        metrics: Sequence[IMetric],
        *,
        unit: str = "",
        width: int = THIRD,
        stacked: bool = False,
        line: tuple[float, str] | None = None,
        right: Sequence[IMetric] = (),
    ) -> IWidget:
        """Lines over time; `line` is a limit with its name."""
        annotations = [HorizontalAnnotation(value=line[0], label=line[1], color=Color.RED)] if line else []
        return GraphWidget(
            title=title,
            left=list(metrics),
            right=list(right),
            left_annotations=annotations,
            left_y_axis=YAxisProps(min=0, label=unit, show_units=False),
            right_y_axis=YAxisProps(min=0, show_units=False),
            stacked=stacked,
            view=GraphWidgetView.TIME_SERIES,
            width=width,
            height=HEIGHT,
        )


def shops_dashboard(scope: Construct, stage: Stage, watched: Watched) -> Dashboard:
    """What shoppers get: how much they search, what they do not find, how long they wait, how good it is."""
    draw = _Drawing(stage)
    searches, nothing = catalogue.SEARCHES_ANSWERED, catalogue.SEARCHES_WITHOUT_HITS
    slowest = objective("latency_p99").limit
    rows: list[list[IWidget]] = [
        [
            draw.number("Searches in an hour", draw.sent(searches, Stats.SUM, "searches", HOURS)),
            draw.number("Share that found nothing", draw.sent(nothing, Stats.AVERAGE, "share", HOURS)),
            draw.number("Median search, ms", draw.sent(catalogue.SEARCH_MILLISECONDS, "p50", "ms", HOURS)),
            draw.number("Age of the release, hours", draw.sent(catalogue.RELEASE_AGE_HOURS, Stats.MINIMUM, "hours")),
        ],
        [
            draw.graph("Searches", [draw.sent(searches, Stats.SUM, "searches")], width=HALF),
            draw.graph(
                "Searches that found nothing",
                [draw.sent(nothing, Stats.AVERAGE, "shoppers' searches", HOURS)],
                unit="share",
                width=HALF,
            ),
        ],
        [
            draw.graph(
                "How long a search takes",
                draw.by_statistic(catalogue.SEARCH_MILLISECONDS),
                unit="ms",
                width=HALF,
                line=(slowest, f"what the gate lets p99 be: {slowest:g} ms"),
            ),
            draw.graph(
                "Answers that lacked something",
                [draw.sent(catalogue.SEARCHES_DEGRADED, Stats.AVERAGE, "share of searches", HOURS)],
                unit="share",
                width=HALF,
            ),
        ],
        _quality(draw) if watched.quality else [],
    ]
    return _dashboard(scope, stage, "shop", "What shoppers get", rows)


def engineers_dashboard(scope: Construct, stage: Stage, watched: Watched, alarms: Sequence[IAlarm]) -> Dashboard:
    """How it is made: API, stages, rungs, functions, queues, release, drift, and what costs money."""
    draw = _Drawing(stage)
    api, services = watched.search.api, watched.services
    stages = catalogue.MILLISECONDS_BY_STAGE
    rows: list[list[IWidget]] = [
        [AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=WHOLE, height=4)],
        [
            draw.graph(
                "API: requests and errors",
                [api.metric_count(statistic=Stats.SUM, period=MINUTES, label="requests")],
                right=[
                    api.metric_client_error(statistic=Stats.SUM, period=MINUTES, label="4xx"),
                    api.metric_server_error(statistic=Stats.SUM, period=MINUTES, label="5xx"),
                ],
            ),
            draw.graph(
                "API: latency",
                [api.metric_latency(statistic=each, period=MINUTES, label=each) for each in ("p50", "p99")],
                unit="ms",
            ),
            draw.graph("A search in the front door", draw.by_statistic(catalogue.SEARCH_MILLISECONDS), unit="ms"),
        ],
        [
            draw.graph(
                "Stages of a search, median",
                [draw.sent(metric, "p50", stage_name) for stage_name, metric in stages.items()],
                unit="ms",
                stacked=True,
            ),
            draw.graph(
                "Stages of a search, p99",
                [draw.sent(metric, "p99", stage_name) for stage_name, metric in stages.items()],
                unit="ms",
            ),
            draw.graph(
                "Remembered answers",
                [draw.sent(catalogue.SEARCHES_REMEMBERED, Stats.AVERAGE, "share of searches")],
                unit="share",
            ),
        ],
        [
            draw.graph(
                "Rungs: where queries' vectors came from",
                [draw.sent(metric, Stats.SUM, rung) for rung, metric in catalogue.SEARCHES_BY_RUNG.items()],
                unit="searches",
                stacked=True,
            ),
            draw.graph(
                "What searches had to do without",
                [draw.sent(metric, Stats.SUM, lost) for lost, metric in catalogue.SEARCHES_WITHOUT.items()],
                unit="searches",
            ),
            draw.graph(
                "The catalogue: operations",
                [
                    draw.sent(catalogue.CATALOGUE_OPERATIONS_TAKEN, Stats.SUM, "taken"),
                    draw.sent(catalogue.CATALOGUE_OPERATIONS_REFUSED, Stats.SUM, "refused"),
                ],
            ),
        ],
        _endpoint(draw, watched),
        [
            draw.graph("Functions: errors", _of_each(services, "Errors", Stats.SUM)),
            draw.graph("Functions: p99 of durations", _of_each(services, "Duration", "p99"), unit="ms"),
            draw.graph(
                "Functions: milliseconds billed", _of_each(services, "Duration", Stats.SUM), unit="ms", stacked=True
            ),
        ],
        [
            draw.graph("Release: age", [draw.sent(catalogue.RELEASE_AGE_HOURS, Stats.MAXIMUM, "hours")], unit="hours"),
            draw.graph("New execution environments", [_cold_starts(stage, watched.search.front_door)]),
            _waiting(draw, watched),
        ],
        [_drift(draw)] if watched.quality else [],
        [
            draw.graph("Bytes of logs, of the whole account", [LOG_BYTES], unit="bytes"),
            _table("Requests by route", "routes", watched),
            _table("Releases swapped", "releases-swapped", watched),
        ],
    ]
    return _dashboard(scope, stage, "engineering", "How it is made", rows)


def _dashboard(scope: Construct, stage: Stage, name: str, said: str, rows: Iterable[Sequence[IWidget]]) -> Dashboard:
    head = TextWidget(markdown=f"# {said}: Vitrine {stage.name}", width=WHOLE, height=1)
    widgets: list[list[IWidget]] = [[head], *(list(row) for row in rows if row)]
    full_name = f"vitrine-{stage.name}-{name}"
    return Dashboard(scope, name, dashboard_name=full_name, widgets=widgets, default_interval=Duration.days(1))


def _quality(draw: _Drawing) -> list[IWidget]:
    limit = objective("relevance").limit
    return [
        draw.graph(
            "Relevance: nDCG@10 of the judged queries",
            [
                draw.sent(catalogue.RELEVANCE_NDCG10, Stats.AVERAGE, "nDCG@10", HOURS),
                draw.sent(catalogue.RELEVANCE_CHANGE, Stats.AVERAGE, "beside the week before", HOURS),
            ],
            width=HALF,
            line=(limit, f"at least {limit:g}"),
        ),
        draw.graph(
            "Judged queries that found nothing",
            [draw.sent(catalogue.RELEVANCE_ZERO_HIT_SHARE, Stats.AVERAGE, "share", HOURS)],
            unit="share",
            width=HALF,
        ),
    ]


def _drift(draw: _Drawing) -> IWidget:
    return draw.graph(
        "Drift: how different searches are from the release's",
        [draw.sent(catalogue.QUERY_DRIFT, Stats.MAXIMUM, "PSI", HOURS)],
        line=(LARGE_CHANGE, "other searches"),
    )


def _waiting(draw: _Drawing, watched: Watched) -> IWidget:
    waiting = [
        queue.metric_approximate_number_of_messages_visible(statistic=Stats.MAXIMUM, period=MINUTES, label=name)
        for name, queue in watched.dead_letters.items()
    ]
    published = [
        draw.sent(catalogue.RELEASES_PUBLISHED, Stats.SUM, "published"),
        draw.sent(catalogue.RELEASE_PUBLICATIONS_REFUSED, Stats.SUM, "refused"),
    ]
    return draw.graph("Releases published, and dead letters", [*published, *waiting])


def _endpoint(draw: _Drawing, watched: Watched) -> list[IWidget]:
    """Both sides of it: what functions got, and what SageMaker says."""
    if watched.endpoint is None:
        return []

    def told(name: str, statistic: str, label: str) -> Metric:
        return Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map=dict(watched.endpoint.dimensions) if watched.endpoint else {},
            statistic=statistic,
            period=MINUTES,
            label=label,
        )

    failures = {
        "failed": catalogue.ENDPOINT_FAILED,
        "throttled": catalogue.ENDPOINT_THROTTLED,
        "skipped": catalogue.ENDPOINT_SKIPPED,
    }
    return [
        draw.graph("Endpoint: as functions wait for it", draw.by_statistic(catalogue.ENDPOINT_MILLISECONDS), unit="ms"),
        draw.graph("Endpoint: no answer", [draw.sent(metric, Stats.SUM, name) for name, metric in failures.items()]),
        draw.graph(
            "Endpoint: as SageMaker sees it",
            [told("Invocations", Stats.SUM, "requests")],
            right=[told("ModelLatency", "p99", "model p99, microseconds")],
        ),
    ]


def _cold_starts(stage: Stage, service: ServiceFunction) -> IMetric:
    return Metric(
        namespace=metric_namespace(stage.name),
        metric_name=catalogue.COLD_START.name,
        dimensions_map={"function_name": service.function.function_name, catalogue.DIMENSION: service.folder},
        statistic=Stats.SUM,
        period=MINUTES,
        label=service.folder,
    )


def _of_each(services: Iterable[ServiceFunction], name: str, statistic: str) -> list[IMetric]:
    return [
        service.function.metric(name, statistic=statistic, period=MINUTES, label=service.folder) for service in services
    ]


def _table(title: str, query: str, watched: Watched) -> IWidget:
    saved = SAVED_QUERIES[query]
    return LogQueryWidget(
        title=title,
        log_group_names=[group.log_group_name for group in read_by(saved, watched)],
        query_lines=list(saved.lines),
        view=LogQueryVisualizationType.TABLE,
        width=THIRD,
        height=HEIGHT,
    )
