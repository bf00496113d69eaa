"""A metric of ours, as an alarm or a dashboard names it."""

from aws_cdk import Duration, aws_cloudwatch

from functions.metric_catalogue import DIMENSION, Metric
from functions.observability import metric_namespace


def sent(
    stage: str, metric: Metric, statistic: str, period: Duration, *, label: str | None = None
) -> aws_cloudwatch.Metric:
    """A metric of ours as its first sender sends it; the label is for dashboards, and no alarm takes one."""
    return aws_cloudwatch.Metric(
        namespace=metric_namespace(stage),
        metric_name=metric.name,
        dimensions_map={DIMENSION: metric.senders[0]},
        statistic=statistic,
        period=period,
        label=label,
    )
