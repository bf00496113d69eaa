"""The watch over quality: when it runs, what it may do, and what its function ships."""

import pytest

from tests.infra.test_bill import count
from tests.infra.test_stacks import actions


def statements(synthesised):
    policies = synthesised.resources("quality", "AWS::IAM::Policy").values()
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def rule(synthesised):
    (found,) = synthesised.resources("quality", "AWS::Events::Rule").values()
    return found


def test_it_looks_as_often_as_the_stage_says(dev, synthesise):
    assert (rule(dev)["ScheduleExpression"], rule(dev)["State"]) == ("rate(1 hour)", "ENABLED")
    assert rule(synthesise("dev", quality_minutes=20))["ScheduleExpression"] == "rate(20 minutes)"


def test_a_stage_may_have_nobody_look(synthesise):
    assert rule(synthesise("dev", quality_minutes=None))["State"] == "DISABLED"


def test_it_writes_reports_and_nothing_else(dev):
    writing = [each for each in statements(dev) if {"s3:PutObject"} & set(actions(each))]

    assert [str(each["Resource"]).endswith("/reports/*']]}") for each in writing] == [True]
    allowed = {action for each in statements(dev) for action in actions(each)}
    assert not {action for action in allowed if action.startswith("dynamodb:")} - {"dynamodb:GetItem"}
    assert "ssm:PutParameter" not in allowed


def test_it_may_query_the_front_doors_log_and_no_other(dev):
    (querying,) = [each for each in statements(dev) if "logs:StartQuery" in actions(each)]

    assert "AssembleResultsLogs" in str(querying["Resource"])


def test_it_is_told_the_api_that_shoppers_ask_and_its_log(dev):
    told = dev.function("monitor_quality")["Environment"]["Variables"]

    assert "ApiEndpoint" in str(told["API_ADDRESS"])
    assert "AssembleResultsLogs" in str(told["LOG_GROUP"])
    assert told["KEY_PARAMETER"] == "/vitrine/dev/keys"


def test_its_windows_end_as_often_as_it_looks(dev, synthesise):
    told, often = (
        each.function("monitor_quality")["Environment"]["Variables"]
        for each in (dev, synthesise("dev", quality_minutes=20))
    )

    assert (told["EVERY_MINUTES"], often["EVERY_MINUTES"]) == ("60", "20")


def test_its_log_and_alarms_carry_the_stage_and_their_headings(dev):
    (group,) = dev.resources("quality", "AWS::Logs::LogGroup").values()
    alarms = {each["AlarmName"] for each in dev.resources("quality", "AWS::CloudWatch::Alarm").values()}

    assert group["LogGroupName"] == "/vitrine/dev/monitor_quality"
    assert alarms == {"vitrine-dev-monitor_quality-Errors"}


def test_its_asset_holds_itself_and_no_other_function(dev):
    folders = {path.name for path in (dev.asset("monitor_quality") / "functions").iterdir() if path.is_dir()}

    assert folders == {"aws", "monitor_quality"}


def test_a_watch_is_on_the_bill_and_one_that_is_off_is_not(dev, synthesise):
    on, off = (count(each) for each in (dev, synthesise("dev", quality_minutes=None)))

    watching = {item.what: item.quantity for item in on.asleep if item.what.startswith("watch")}
    assert watching["watch: API requests"] == pytest.approx(730 * 200)  # hours of a month, queries of a run
    assert not [item for item in (*off.asleep, *off.per_million) if item.what.startswith("watch")]
