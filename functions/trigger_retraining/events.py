"""What an event asks for: EventBridge's schedule, alarms by SNS, a person's own message, or the end of a run."""

from typing import Any, Literal

from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel, SnsModel
from pydantic import BaseModel, ConfigDict, Field

from relevance.contracts.retraining import SNAPSHOT_NAME, Asked

RUN_ENDED = "SageMaker Model Building Pipeline Execution Status Change"
"""EventBridge's `detail-type` of what SageMaker tells of a pipeline's run."""
SCHEDULED = "Scheduled Event"
_LONGEST_REASON = 300


class AlarmMessage(BaseModel):
    """What CloudWatch publishes when an alarm changes its state."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(alias="AlarmName")
    state: Literal["OK", "ALARM", "INSUFFICIENT_DATA"] = Field(alias="NewStateValue")
    reason: str = Field(default="", alias="NewStateReason")


class PersonsMessage(BaseModel):
    """What a person sends, through `vitrine retrain` for instance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    why: Literal["person"]
    reason: str = Field(min_length=1, max_length=_LONGEST_REASON)
    trigger_id: str | None = Field(default=None, min_length=1, max_length=200)
    snapshot: str | None = Field(default=None, pattern=SNAPSHOT_NAME)


def wishes(event: dict[str, Any], request_id: str) -> list[Asked]:
    """The wishes for a run that an event brings; none where it only tells that a run has ended.

    Args:
        event: As Lambda hands it over.
        request_id: Lambda's own, the same when it tries an event again.

    Raises:
        ValidationError, ValueError: If it is none of the events that this function is for.
    """
    if "Records" in event:
        return [_alarmed(record.Sns.MessageId, str(record.Sns.Message)) for record in parse(event, SnsModel).Records]
    if "detail-type" in event:
        told = parse(event, EventBridgeModel)
        if told.detail_type == RUN_ENDED:
            return []
        if told.detail_type == SCHEDULED:
            return [Asked(trigger_id=told.id, why="schedule", said="the schedule asks")]
        raise ValueError(f"the event is a {told.detail_type!r}: expected {SCHEDULED!r} or {RUN_ENDED!r}")
    message = PersonsMessage.model_validate(event)
    return [
        Asked(
            trigger_id=message.trigger_id or request_id,
            why="person",
            said=f"a person asks ({message.reason})",
            snapshot=message.snapshot,
        )
    ]


def _alarmed(message_id: str, written: str) -> Asked:
    alarm = AlarmMessage.model_validate_json(written)
    reason = f" ({alarm.reason[:_LONGEST_REASON]})" if alarm.reason else ""
    return Asked(
        trigger_id=message_id,
        why="alarm",
        said=f"alarm {alarm.name} is {alarm.state}{reason}",
        rings=alarm.state == "ALARM",
    )
