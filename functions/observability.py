"""Logger and metrics, made once; the only objects that a function makes at import.

Traces need nothing here: Lambda writes a function's segments by itself, and the X-Ray SDK would cost 80 ms of start.
"""

import logging
import os
from functools import partial

from aws_lambda_powertools import Logger, Metrics

from functions.metric_catalogue import Metric

NAMESPACE_VARIABLE = "POWERTOOLS_METRICS_NAMESPACE"


def metric_namespace(stage: str) -> str:
    """Where the metrics of a stage are; infra's alarms read them there. Two stages of one account share none."""
    return f"Vitrine/{stage}"


logger = Logger()
metrics = Metrics(namespace=os.environ.get(NAMESPACE_VARIABLE, metric_namespace("test")))

with_request_id = partial(
    logger.inject_lambda_context, log_event=False, correlation_id_path="requestContext.requestId || query_id"
)
"""Decorates a handler: log lines name the request. Never the event, whatever the environment asks: it holds the key."""


def record(metric: Metric, value: float = 1) -> None:
    """One value of a metric; all of an invocation leave it as one line of its log."""
    metrics.add_metric(metric.name, metric.unit, value)


# At that level botocore writes down what SSM answers, parent keys among it.
logging.getLogger("botocore").setLevel(logging.INFO)
