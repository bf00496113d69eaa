"""`vitrine retrain` against a table in moto; what CloudFormation and the function answer is the only thing not real."""

import io
import json
from datetime import UTC, datetime

import boto3
import botocore.client
import pytest
from moto import mock_aws

from cli.main import main
from functions.aws import clients
from functions.aws.retraining_diary import RetrainingDiary
from relevance.contracts.retraining import Asked, Decision, DecisionRecord, Limits, NewData, Situation

OUTPUTS = {
    "vitrine-dev-storage": {"RetrainingTable": "retraining"},
    "vitrine-dev-retraining": {"TriggerFunction": "trigger"},
}


def a_record(day=27, *, start=True, trigger_id="event-1"):
    limits = Limits(run_dollars=30, budget_dollars_a_month=100, cool_down_hours=24)
    seen = Situation(live=None, quality=None, data=NewData(catalogue_version=1, log_mb=0), runs=(), limits=limits)
    return DecisionRecord(
        decided_at=datetime(2026, 11, day, 12, tzinfo=UTC),
        asked=Asked(trigger_id=trigger_id, why="person", said="a person asks (new brands)"),
        situation=seen,
        decision=Decision(start=start, reason=f"because of day {day}"),
        snapshot="snapshot-1" if start else None,
        execution="arn:run-1" if start else None,
    )


@pytest.fixture
def stage(monkeypatch):
    """Stage dev; returns the messages that its function got, and what it will answer with."""
    send = botocore.client.BaseClient._make_api_call
    messages, decided = [], []

    def answer(client, operation, parameters):
        if operation == "DescribeStacks":
            outputs = OUTPUTS[parameters["StackName"]].items()
            return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs]}]}
        if operation == "Invoke":
            assert parameters["FunctionName"] == "trigger"
            messages.append(json.loads(parameters["Payload"]))
            found = {"decisions": [record.model_dump(mode="json") for record in decided]}
            return {"Payload": io.BytesIO(json.dumps(found).encode())}
        return send(client, operation, parameters)

    clients.dynamodb.cache_clear()
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="retraining",
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
        yield messages, decided
    clients.dynamodb.cache_clear()


def test_a_run_that_was_started_is_printed_with_its_reason(stage, capsys):
    messages, decided = stage
    decided.append(a_record())

    status = main(["retrain", "--stage", "dev", "--reason", "new brands"])

    assert status == 0
    assert capsys.readouterr().out == "started: because of day 27\nrun       arn:run-1\nsnapshot  snapshot-1\n"
    (message,) = messages
    assert (message["why"], message["reason"], message["snapshot"]) == ("person", "new brands", None)


def test_two_wishes_are_two_events(stage):
    messages, decided = stage
    decided.append(a_record())

    for _ in range(2):
        main(["retrain", "--stage", "dev", "--snapshot", "2026-11-22"])

    assert len({message["trigger_id"] for message in messages}) == 2
    assert {message["snapshot"] for message in messages} == {"2026-11-22"}


def test_a_run_that_was_not_started_is_a_failure_that_says_why(stage, capsys):
    _, decided = stage
    decided.append(a_record(start=False))

    status = main(["retrain", "--stage", "dev"])

    assert status == 1
    assert capsys.readouterr().err == "vitrine: not started: because of day 27\n"


def test_the_history_is_the_newest_first_and_asks_for_nothing(stage, capsys):
    messages, _ = stage
    diary = RetrainingDiary("retraining")
    for day in (25, 27, 26):
        diary.keep(a_record(day, start=day == 27, trigger_id=f"event-{day}"))
    diary.take(a_record(27))

    status = main(["retrain", "--stage", "dev", "--history", "2"])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0] == "2026-11-27 12:00  person    started      because of day 27"
    assert lines[1].strip() == "arn:run-1"
    assert lines[2] == "2026-11-26 12:00  person    not started  because of day 26"
    assert len(lines) == 3
    assert messages == []


def test_a_stage_that_was_never_asked_says_so(stage, capsys):
    assert main(["retrain", "--stage", "dev", "--history"]) == 0

    assert capsys.readouterr().out == "nothing was ever decided: retraining is empty\n"
