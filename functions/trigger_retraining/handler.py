"""Starts a training when the schedule, an alarm or a person asks for one and nothing speaks against it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.observability import logger, metrics
from functions.trigger_retraining.events import wishes
from functions.trigger_retraining.settings import RetrainingSettings
from functions.trigger_retraining.trainer import Trainer


@cache
def trainer() -> Trainer:
    """Made once per execution environment."""
    return Trainer(
        RetrainingSettings.from_environment(),
        lambda name: metrics.add_metric(name=name, unit=MetricUnit.Count, value=1),
    )


@logger.inject_lambda_context(log_event=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers `{"decisions": [DecisionRecord, ...]}`, one for each wish."""
    metrics.add_dimension("stage", trainer().settings.stage)
    asked = wishes(event, context.aws_request_id)
    trainer().settle()
    records = [trainer().consider(each, datetime.now(UTC)) for each in asked]
    for record in records:
        logger.info(
            "decided", why=record.asked.why, start=record.decision.start, reason=record.decision.reason,
            execution=record.execution, snapshot=record.snapshot,
        )  # fmt: skip
    return {"decisions": [record.model_dump(mode="json") for record in records]}
