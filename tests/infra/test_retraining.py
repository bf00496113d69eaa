"""What is deployed to start a training: who asks the function, what it may touch, where its failures go."""

import json

import pytest

from functions.trigger_retraining.settings import RetrainingSettings
from infra.layer_contents import PROJECT
from infra.stage import Training


def rules(synthesised):
    return {each["Name"]: each for each in synthesised.resources("retraining", "AWS::Events::Rule").values()}


def test_the_schedule_asks_as_often_as_the_stage_says(synthesise):
    often = synthesise("dev", training=Training(retraining_days=3))
    never = synthesise("dev", training=Training(retraining_days=None))

    assert rules(often)["vitrine-dev-retrain"]["ScheduleExpression"] == "rate(3 days)"
    assert rules(never).keys() == {"vitrine-dev-run-ended"}


def test_a_runs_end_is_told_by_the_stages_own_pipeline_alone(dev):
    pattern = rules(dev)["vitrine-dev-run-ended"]["EventPattern"]

    assert pattern["detail-type"] == ["SageMaker Model Building Pipeline Execution Status Change"]
    assert ":pipeline/vitrine-dev-training" in json.dumps(pattern["detail"]["pipelineArn"])
    assert pattern["detail"]["currentPipelineExecutionStatus"] == ["Succeeded", "Failed", "Stopped"]


def test_alarms_of_this_account_may_publish_to_the_topic_that_the_function_hears(dev):
    ((topic, _),) = dev.resources("retraining", "AWS::SNS::Topic").items()
    (policy,) = dev.resources("retraining", "AWS::SNS::TopicPolicy").values()
    (subscription,) = dev.resources("retraining", "AWS::SNS::Subscription").values()

    said = policy["PolicyDocument"]["Statement"]
    (publishers,) = [each for each in said if each["Effect"] == "Allow"]
    assert publishers["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publishers["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert [each["Condition"] for each in said if each["Effect"] == "Deny"] == [
        {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert subscription["TopicArn"] == {"Ref": topic}
    assert subscription["Endpoint"]["Fn::GetAtt"][0] in dev.resources("retraining", "AWS::Lambda::Function")


def test_whatever_fails_for_good_lies_in_one_queue(dev):
    ((name, _),) = dev.resources("retraining", "AWS::SQS::Queue").items()
    (subscription,) = dev.resources("retraining", "AWS::SNS::Subscription").values()

    queue = {"Fn::GetAtt": [name, "Arn"]}
    assert dev.function("trigger_retraining")["DeadLetterConfig"] == {"TargetArn": queue}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": queue}
    assert [rule["Targets"][0]["DeadLetterConfig"] for rule in rules(dev).values()] == [{"Arn": queue}] * 2


def test_every_alarm_is_a_heading_of_the_runbook(dev):
    headings = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()

    names = {alarm["AlarmName"] for alarm in dev.resources("retraining", "AWS::CloudWatch::Alarm").values()}

    assert names == {f"vitrine-dev-trigger_retraining-{what}" for what in ("Errors", "DeadLetters", "RetrainingFailed")}
    assert {f"### {name.rsplit('-', 1)[1]}" for name in names} <= set(headings)


def test_a_failed_run_rings_in_its_own_stage(dev):
    alarms = {each["AlarmName"]: each for each in dev.resources("retraining", "AWS::CloudWatch::Alarm").values()}

    failed = alarms["vitrine-dev-trigger_retraining-RetrainingFailed"]

    variables = dev.function("trigger_retraining")["Environment"]["Variables"]
    assert {each["Name"]: each["Value"] for each in failed["Dimensions"]} == {
        "service": variables["POWERTOOLS_SERVICE_NAME"]
    }
    assert failed["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"] == "Vitrine/dev"
    assert failed["MetricName"] == "RetrainingFailed"


def test_it_starts_one_pipeline_lays_snapshots_down_and_changes_nothing_else(dev):
    role = dev.role("trigger_retraining")

    objects = {(action, resource.rsplit("/", 2)[1]) for action, resource in dev.allowed(role, "s3") if "/*" in resource}

    assert objects == {
        ("GetObject", "inputs"),
        ("GetObject", "releases"),
        ("GetObject", "reports"),
        ("PutObject", "snapshots"),
        ("AbortMultipartUpload", "snapshots"),
    }
    assert {action for action, _ in dev.allowed(role, "sagemaker")} == {
        "DescribePipelineExecution",
        "ListPipelineExecutions",
        "StartPipelineExecution",
    }
    assert all(":pipeline/vitrine-dev-training" in resource for _, resource in dev.allowed(role, "sagemaker"))
    writing = {resource for action, resource in dev.allowed(role, "dynamodb") if action in ("PutItem", "DeleteItem")}
    assert len(writing) == 1
    assert "Retraining" in writing.pop()
    assert {action.split(":")[0] for action in dev.actions(role)} == {"s3", "dynamodb", "sagemaker", "sqs", "xray"}


def test_the_function_is_told_all_that_it_needs_and_the_stages_limits(synthesise):
    training = Training(run_dollars=12.5, budget_dollars_a_month=50, cool_down_hours=6)

    variables = synthesise("dev", training=training).function("trigger_retraining")["Environment"]["Variables"]

    named = {name.upper() for name, field in RetrainingSettings.model_fields.items() if field.is_required()}
    assert named <= variables.keys()
    limits = (variables["RUN_DOLLARS"], variables["BUDGET_DOLLARS_A_MONTH"], variables["COOL_DOWN_HOURS"])
    assert [float(each) for each in limits] == [12.5, 50, 6]


@pytest.mark.parametrize(("name", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_decisions_expire_and_outlive_the_stack_only_where_the_stage_asks(synthesised_stage, name, policy):
    tables = synthesised_stage(name).template("storage")["Resources"].items()

    (table,) = [each for key, each in tables if each["Type"] == "AWS::DynamoDB::Table" and key.startswith("Retraining")]

    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["DeletionPolicy"] == policy
