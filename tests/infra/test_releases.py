"""What is deployed to publish what was approved: who calls the function, what it may touch, where its failures go."""

from functions.publish_release.settings import PublishSettings
from infra.layer_contents import PROJECT


def test_the_function_is_called_for_decisions_on_the_stages_own_packages(dev):
    (rule,) = dev.resources("releases", "AWS::Events::Rule").values()
    functions = dev.resources("releases", "AWS::Lambda::Function")

    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": ["vitrine-dev"], "ModelApprovalStatus": ["Approved", "Rejected"]},
    }
    (target,) = rule["Targets"]
    assert target["Arn"]["Fn::GetAtt"][0] in functions


def test_what_fails_for_good_lies_in_an_encrypted_queue_that_an_alarm_watches(dev):
    ((name, queue),) = dev.resources("releases", "AWS::SQS::Queue").items()
    (policy,) = dev.resources("releases", "AWS::SQS::QueuePolicy").values()
    alarms = {each["AlarmName"]: each for each in dev.resources("releases", "AWS::CloudWatch::Alarm").values()}
    (rule,) = dev.resources("releases", "AWS::Events::Rule").values()

    assert queue["SqsManagedSseEnabled"] is True
    assert dev.function("publish_release")["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": [name, "Arn"]}}
    assert rule["Targets"][0]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [name, "Arn"]}}
    denied = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert [each["Condition"] for each in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
    watched = alarms["vitrine-dev-publish_release-DeadLetters"]["Dimensions"]
    assert watched == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [name, "QueueName"]}}]


def test_every_alarm_is_a_heading_of_the_runbook(dev):
    headings = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()

    names = {alarm["AlarmName"] for alarm in dev.resources("releases", "AWS::CloudWatch::Alarm").values()}

    assert names == {f"vitrine-dev-publish_release-{what}" for what in ("Errors", "DeadLetters", "Refusals")}
    assert {f"### {name.rsplit('-', 1)[1]}" for name in names} <= set(headings)


def test_a_refusal_rings_in_its_own_stage(dev):
    alarms = {each["AlarmName"]: each for each in dev.resources("releases", "AWS::CloudWatch::Alarm").values()}

    refusals = alarms["vitrine-dev-publish_release-Refusals"]

    variables = dev.function("publish_release")["Environment"]["Variables"]
    assert {each["Name"]: each["Value"] for each in refusals["Dimensions"]} == {
        "service": variables["POWERTOOLS_SERVICE_NAME"]
    }
    assert refusals["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"] == "Vitrine/dev"
    assert refusals["MetricName"] == "ReleasePublicationsRefused"


def test_it_reads_candidates_writes_releases_moves_the_pointer_and_nothing_else(dev):
    role = dev.role("publish_release")

    objects = {(action, resource.rsplit("/", 2)[1]) for action, resource in dev.allowed(role, "s3") if "/*" in resource}

    assert objects == {
        ("GetObject", "candidates"),
        ("AbortMultipartUpload", "releases"),
        ("GetObject", "releases"),
        ("PutObject", "releases"),
    }
    assert {action for action, resource in dev.allowed(role, "s3") if "/*" not in resource} == {"ListBucket"}
    assert {action for action, _ in dev.allowed(role, "dynamodb")} == {"GetItem", "UpdateItem"}
    ((action, resource),) = dev.allowed(role, "sagemaker")
    assert action == "DescribeModelPackage"
    assert "model-package/vitrine-dev/*" in resource
    assert {action.split(":")[0] for action in dev.actions(role)} == {"s3", "dynamodb", "sagemaker", "sqs", "xray"}


def test_the_function_is_told_all_that_it_needs(dev):
    variables = dev.function("publish_release")["Environment"]["Variables"]

    assert {name.upper() for name in PublishSettings.model_fields} <= variables.keys()


def test_a_stage_that_does_not_train_publishes_by_hand_alone(synthesised_stage):
    assert [path.name for path in synthesised_stage("local").templates() if "releases" in path.name] == []
