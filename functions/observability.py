"""Logger and metrics, made once; the only objects that a function makes at import.

Traces need nothing here: Lambda writes a function's segments by itself, and the X-Ray SDK would cost 80 ms of start.
"""

from aws_lambda_powertools import Logger, Metrics

METRIC_NAMESPACE = "Vitrine"
"""Also read by infra's alarms: `Metrics()` takes its namespace when it is constructed."""

logger = Logger()
metrics = Metrics(namespace=METRIC_NAMESPACE)
