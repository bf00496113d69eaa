"""Starts a training when the schedule, an alarm or a person asks for one and nothing speaks against it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.observability import logger, metrics, record
from functions.trigger_retraining.events import wishes
from functions.trigger_retraining.settings import RetrainingSettings
from functions.trigger_retraining.trainer import Trainer


@cache
def trainer() -> Trainer:
    """Made once per execution environment."""
    return Trainer(RetrainingSettings.from_environment(), record)


@logger.inject_lambda_context(log_event=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers `{"decisions": [DecisionRecord, ...]}`, one for each wish."""
    asked = wishes(event, context.aws_request_id)
    trainer().settle()
    decided = [trainer().consider(each, datetime.now(UTC)) for each in asked]
    for each in decided:
        logger.info(
            "decided", why=each.asked.why, start=each.decision.start, reason=each.decision.reason,
            execution=each.execution, snapshot=each.snapshot,
        )  # fmt: skip
    return {"decisions": [each.model_dump(mode="json") for each in decided]}
