"""Alarms on what functions wrote into their logs: the line, the metric, the state."""

import json
import time

import boto3
import pytest
from moto import mock_aws

from local.alarms import Alarms
from local.metric_lines import Followed

GROUP, STREAM = "/vitrine/local/monitor_quality", "one"
NAME = "vitrine-local-QueriesDrifted"


@pytest.fixture
def logs(monkeypatch):
    """An account with an alarm that rings at the first value above 1, and a log."""
    for name, value in (
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ):
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("logs")
        client.create_log_group(logGroupName=GROUP)
        client.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        boto3.client("cloudwatch").put_metric_alarm(
            AlarmName=NAME,
            Namespace="Vitrine/local",
            MetricName="QueryDrift",
            Dimensions=[{"Name": "service", "Value": "monitor_quality"}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1.0,
            TreatMissingData="notBreaching",
        )
        yield client


def written(logs, at_ms, value):
    """A function says a value in CloudWatch's embedded metric format."""
    directive = {
        "Namespace": "Vitrine/local", "Dimensions": [["service"]], "Metrics": [{"Name": "QueryDrift", "Unit": "None"}],
    }  # fmt: skip
    about = {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}
    line = json.dumps({"_aws": about, "service": "monitor_quality", "QueryDrift": [value]})
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=[{"timestamp": at_ms, "message": line}])


def now_ms():
    return int(time.time() * 1000)


def test_what_a_function_wrote_rings_an_alarm_and_ends_it(logs):
    alarms = Alarms(Followed("/vitrine/local/", {}, now_ms() - 10_000))
    first = now_ms()

    written(logs, first, 2.0)
    assert alarms.look(first) == {NAME: "ALARM"}
    (described,) = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert described["StateValue"] == "ALARM"
    assert described["StateReason"] == "QueryDrift, newest last: 2; the limit is 1"

    assert alarms.look(first) == {}
    written(logs, first + 60_000, 0.5)
    assert alarms.look(first + 60_000) == {NAME: "OK"}


def test_an_alarm_on_what_nobody_wrote_keeps_its_state(logs):
    alarms = Alarms(Followed("/vitrine/local/", {}, now_ms()))

    assert alarms.look(now_ms()) == {}


def test_logs_that_are_followed_give_each_line_once(logs):
    followed = Followed("/vitrine/local/", {}, now_ms() - 10_000)
    begun = now_ms()

    def values():
        return [value for _, value in followed.read().of("Vitrine/local", "QueryDrift", {"service": "monitor_quality"})]

    written(logs, begun, 1.0)
    assert values() == [1.0]
    written(logs, begun + 10, 2.0)
    written(logs, begun, 3.0)  # late, and of the moment before
    assert sorted(values()) == [2.0, 3.0]
    assert values() == []


def test_an_alarm_is_over_when_nothing_is_sent_any_more(logs):
    alarms = Alarms(Followed("/vitrine/local/", {}, now_ms() - 10_000))
    first = now_ms()
    written(logs, first, 2.0)
    assert alarms.look(first) == {NAME: "ALARM"}

    assert alarms.look(first + 600_000) == {NAME: "OK"}
