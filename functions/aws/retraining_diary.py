"""What was decided about training again, for a year, and which run is under way: one DynamoDB table.

The item `run` is the run that this function started last, from before it starts until it was seen to have ended. It
holds the decision that led to it, so that whoever finds it unfinished can finish it, and nobody needs a clock to tell
whether its writer died: to start a run with the same token again starts nothing new.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import dynamodb
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.retraining import DecisionRecord

_RUN, _DECISION = "run", "decision#"
_KEPT = timedelta(days=365)


@dataclass(frozen=True)
class RetrainingDiary:
    """The table, with partition key `name`. Methods raise StoreUnavailable when it does not answer."""

    table: str

    def decision(self, trigger_id: str) -> DecisionRecord | None:
        """What was decided when that event came before."""
        return self._read(_DECISION + trigger_id)

    def decisions(self) -> list[DecisionRecord]:
        """All that are kept, the newest first."""
        try:
            pages = dynamodb().get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
            items = [item for page in pages for item in page["Items"] if item["name"]["S"].startswith(_DECISION)]
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error
        found = [_opened(item) for item in items]
        return sorted(found, key=lambda record: record.decided_at, reverse=True)

    def keep(self, record: DecisionRecord) -> bool:
        """Write a decision down; False if it is there already, as it was."""
        expires = int((record.decided_at + _KEPT).timestamp())
        item = {"name": {"S": _DECISION + record.asked.trigger_id}, "expires_at": {"N": str(expires)}}
        return self._changed(
            "put_item", Item=item | _content(record), ConditionExpression="attribute_not_exists(#name)"
        )

    def under_way(self) -> DecisionRecord | None:
        """The run that was started last and not seen to end; without `execution` if it may not have begun."""
        return self._read(_RUN)

    def take(self, record: DecisionRecord) -> bool:
        """Take the one place that there is for a run; False if it is taken."""
        return self._changed(
            "put_item",
            Item={"name": {"S": _RUN}, "trigger": {"S": record.asked.trigger_id}} | _content(record),
            ConditionExpression="attribute_not_exists(#name)",
        )

    def began(self, record: DecisionRecord) -> bool:
        """Note the ARN of the run under way; False if another one is by now."""
        return self._changed(
            "put_item",
            Item={"name": {"S": _RUN}, "trigger": {"S": record.asked.trigger_id}} | _content(record),
            ConditionExpression="attribute_exists(#name) AND #trigger = :trigger",
            trigger=record.asked.trigger_id,
        )

    def free(self, record: DecisionRecord) -> bool:
        """Give the place of that run back; False if somebody did already."""
        return self._changed(
            "delete_item",
            Key={"name": {"S": _RUN}},
            ConditionExpression="attribute_exists(#name) AND #trigger = :trigger",
            trigger=record.asked.trigger_id,
        )

    def _read(self, name: str) -> DecisionRecord | None:
        try:
            answer = dynamodb().get_item(TableName=self.table, Key={"name": {"S": name}}, ConsistentRead=True)
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable(error) from error
        return _opened(answer["Item"]) if "Item" in answer else None

    def _changed(self, operation: str, *, trigger: str | None = None, **asked: Any) -> bool:
        """Whether a conditional write was carried out."""
        names = {"#name": "name"}
        if trigger is not None:
            names["#trigger"] = "trigger"
            asked["ExpressionAttributeValues"] = {":trigger": {"S": trigger}}
        try:
            getattr(dynamodb(), operation)(TableName=self.table, ExpressionAttributeNames=names, **asked)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise self._unavailable(error) from error
        except BotoCoreError as error:
            raise self._unavailable(error) from error
        return True

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the table of decisions {self.table}: {error}")


def _content(record: DecisionRecord) -> dict[str, dict[str, str]]:
    return {"record": {"S": record.model_dump_json()}}


def _opened(item: Any) -> DecisionRecord:
    return DecisionRecord.model_validate_json(item["record"]["S"])
