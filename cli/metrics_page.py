"""docs/metrics.md, written from the catalogue of metrics: `python -m cli.metrics_page`."""

import sys
from pathlib import Path

from aws_lambda_powertools.metrics import MetricUnit

from cli.bill import PRICES, read_prices
from functions.metric_catalogue import METRICS, Metric, billed
from functions.observability import metric_namespace
from sagemaker_jobs.folders import PROJECT

PAGE = PROJECT / "docs" / "metrics.md"

_INTRODUCTION = """\
# Metrics

Written by `python -m cli.metrics_page` from `functions/metric_catalogue.py`, which handlers send from and alarms and
dashboards read.

Functions write them as lines of their logs (CloudWatch's embedded metric format), in the namespace `{namespace}` with
the stage's name behind the slash. Every metric has the dimension `service`, the folder of the function that sends it.

CloudWatch bills a metric by its name and dimensions, in the hours in which it is sent. The {metrics} names below are
{billed} metrics, since some are sent by several functions: ${usd:.2f} if all of them were sent through a whole month,
the account's free ones not subtracted. What says that something was lost or failed is not sent, nor billed, while
nothing is; rungs, endpoint, training and quality belong to stages that have them.

What AWS measures by itself costs nothing and is not repeated: invocations, errors, throttles and durations of each
function (`AWS/Lambda`), requests, 4xx, 5xx and latency of the API (`AWS/ApiGateway`), queues, tables, the endpoint.
Requests, errors and latency of one route are read from the API's log, by the saved query `routes`: as metrics they
would be $0.30 for each figure of each route.

"""


def page() -> str:
    """The page in Markdown."""
    prices, _, _ = read_prices(PRICES)
    usd = billed() * prices["custom_metric"].usd
    head = _INTRODUCTION.format(
        namespace=metric_namespace("").rstrip("/") + "/", metrics=len(METRICS), billed=billed(), usd=usd
    )
    rows = "".join(_row(metric) for metric in METRICS)
    return f"{head}| metric | unit | one value is | sent by |\n| --- | --- | --- | --- |\n{rows}"


def _row(metric: Metric) -> str:
    unit = "" if metric.unit is MetricUnit.NoUnit else metric.unit.value
    beside = "; also by `function_name`" if "function_name" in metric.dimensions else ""
    return f"| `{metric.name}` | {unit} | {metric.counts}{beside} | {', '.join(metric.senders)} |\n"


def main(path: Path = PAGE) -> int:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
