"""Logger and metrics, made once; the only objects that a function makes at import."""

from aws_lambda_powertools import Logger, Metrics, Tracer

METRIC_NAMESPACE = "Vitrine"
"""Also read by infra's alarms: `Metrics()` takes its namespace when it is constructed."""

logger = Logger()
metrics = Metrics(namespace=METRIC_NAMESPACE)
tracer = Tracer(auto_patch=False)
