"""Logger and metrics, made once; the only objects that a function makes at import.

Traces need nothing here: Lambda writes a function's segments by itself, and the X-Ray SDK would cost 80 ms of start.
"""

import logging
from collections.abc import Mapping
from functools import partial

from aws_lambda_powertools import Logger, Metrics

from relevance.contracts.rungs import Rung

METRIC_NAMESPACE = "Vitrine"
"""Also read by infra's alarms: `Metrics()` takes its namespace when it is constructed."""

SEARCHES_BY_RUNG: Mapping[Rung, str] = {
    "cache": "SearchesByCache",
    "endpoint": "SearchesByEndpoint",
    "lambda": "SearchesByLambda",
    "lexical": "SearchesByWords",
}
"""The metric that counts a search, by where its query's vector came from. Not one metric with a dimension: CloudWatch
bills both alike, and the total would need a metric of its own."""

logger = Logger()
metrics = Metrics(namespace=METRIC_NAMESPACE)

with_request_id = partial(
    logger.inject_lambda_context, log_event=False, correlation_id_path="requestContext.requestId || query_id"
)
"""Decorates a handler: log lines name the request. Never the event, whatever the environment asks: it holds the key."""

# At that level botocore writes down what SSM answers, parent keys among it.
logging.getLogger("botocore").setLevel(logging.INFO)
