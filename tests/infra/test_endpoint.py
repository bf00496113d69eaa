"""What is deployed for the large model: bounds, canary, alarms that end it, a narrow role, and nothing unasked."""

import json
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest

from cdk_app import wire
from functions.observability import NAMESPACE_VARIABLE
from infra.endpoint_stack import VARIANT
from infra.layer_contents import PROJECT
from infra.stage import Endpoint, stages

BOTH = pytest.mark.parametrize("mode", ["with_endpoint", "with_sleeping_endpoint"])


def only(synthesised, kind):
    """Logical id and properties of the one resource of a type."""
    (found,) = synthesised.resources("endpoint", kind).items()
    return found


def statements(synthesised):
    (policy,) = synthesised.resources("endpoint", "AWS::IAM::Policy").values()
    return policy["PolicyDocument"]["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def resources_of(synthesised, action):
    """What the endpoint's role may do one thing to."""
    return [
        resource
        for statement in statements(synthesised)
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def alarms(synthesised):
    """The alarms by the last part of their names, each with its logical id."""
    found = synthesised.resources("endpoint", "AWS::CloudWatch::Alarm").items()
    return {alarm["AlarmName"].rsplit("-", 1)[1]: alarm | {"id": name} for name, alarm in found}


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_no_stage_has_an_endpoint_unless_it_asks(synthesised_stage, name):
    synthesised = synthesised_stage(name)

    assert synthesised.stage.endpoint_name == ""
    assert [path for path in synthesised.templates() if "endpoint" in path.name] == []


def test_a_canary_gets_the_stages_share_and_is_watched_for_as_long_as_it_says(synthesise, an_endpoint):
    synthesised = synthesise("dev", endpoint=replace(an_endpoint, canary_share=0.25, bake_minutes=7))

    _, endpoint = only(synthesised, "AWS::SageMaker::Endpoint")

    assert endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        "WaitIntervalInSeconds": 420,
    }


def test_errors_and_slowness_of_the_endpoint_itself_end_a_deployment(with_endpoint):
    _, endpoint = only(with_endpoint, "AWS::SageMaker::Endpoint")
    found = alarms(with_endpoint)

    ending = endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]

    assert [each["AlarmName"]["Ref"] for each in ending] == [found["EndpointErrors"]["id"], found["EndpointSlow"]["id"]]
    for alarm in found.values():
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"EndpointName": endpoint["EndpointName"], "VariantName": VARIANT}
        assert alarm["Namespace"] == "AWS/SageMaker"


def test_a_sleeping_endpoint_is_replaced_copy_by_copy_and_by_no_canary(with_sleeping_endpoint):
    _, endpoint = only(with_sleeping_endpoint, "AWS::SageMaker::Endpoint")
    _, component = only(with_sleeping_endpoint, "AWS::SageMaker::InferenceComponent")
    found = alarms(with_sleeping_endpoint)

    deployment = component["DeploymentConfig"]

    assert "DeploymentConfig" not in endpoint  # SageMaker refuses both
    assert deployment["RollingUpdatePolicy"]["WaitIntervalInSeconds"] == 600
    ending = [each["AlarmName"]["Ref"] for each in deployment["AutoRollbackConfiguration"]["Alarms"]]
    assert ending == [found["EndpointErrors"]["id"], found["EndpointSlow"]["id"]]
    for alarm in found.values():
        component_name = component["InferenceComponentName"]
        assert alarm["Dimensions"] == [{"Name": "InferenceComponentName", "Value": component_name}]


def test_alarms_ring_at_the_stages_limits(synthesise, an_endpoint):
    found = alarms(synthesise("dev", endpoint=replace(an_endpoint, error_share=0.02, model_ms=40)))

    errors, slow = found["EndpointErrors"], found["EndpointSlow"]

    assert (errors["MetricName"], errors["Statistic"], errors["Threshold"]) == ("Invocation5XXErrors", "Average", 0.02)
    assert (slow["MetricName"], slow["ExtendedStatistic"], slow["Threshold"]) == (
        "ModelLatency",
        "p99",
        40_000,
    )  # in us
    assert {alarm["TreatMissingData"] for alarm in found.values()} == {"notBreaching"}  # nobody searched


@BOTH
def test_every_alarm_is_a_heading_of_the_runbook(request, mode):
    headings = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()

    assert {f"### {name}" for name in alarms(request.getfixturevalue(mode))} <= set(headings)


def test_instances_stay_between_the_stages_bounds_at_every_hour(with_endpoint):
    _, endpoint = only(with_endpoint, "AWS::SageMaker::Endpoint")
    _, target = only(with_endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")
    _, policy = only(with_endpoint, "AWS::ApplicationAutoScaling::ScalingPolicy")

    scheduled = {each["Schedule"]: each["ScalableTargetAction"] for each in target["ScheduledActions"]}
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]

    assert target["ResourceId"] == f"endpoint/{endpoint['EndpointName']}/variant/{VARIANT}"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    assert scheduled == {
        "cron(0 7 * * ? *)": {"MinCapacity": 2, "MaxCapacity": 4},
        "cron(0 22 * * ? *)": {"MinCapacity": 1, "MaxCapacity": 2},
    }
    assert tracking["TargetValue"] == 3000
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    }


def test_a_deployment_keeps_as_many_instances_as_run(with_endpoint):
    _, endpoint = only(with_endpoint, "AWS::SageMaker::Endpoint")

    excluded = [each["VariantPropertyType"] for each in endpoint["ExcludeRetainedVariantProperties"]]

    assert endpoint["RetainAllVariantProperties"] is True
    assert "DesiredInstanceCount" not in excluded


def test_a_sleeping_endpoint_goes_down_to_none_and_is_woken_by_a_search_that_found_nobody(with_sleeping_endpoint):
    _, config = only(with_sleeping_endpoint, "AWS::SageMaker::EndpointConfig")
    _, target = only(with_sleeping_endpoint, "AWS::ApplicationAutoScaling::ScalableTarget")
    policies = with_sleeping_endpoint.resources("endpoint", "AWS::ApplicationAutoScaling::ScalingPolicy")

    ((wake, step),) = [(name, each) for name, each in policies.items() if each["PolicyType"] == "StepScaling"]
    (variant,) = config["ProductionVariants"]
    asleep = alarms(with_sleeping_endpoint)["EndpointAsleep"]

    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)
    assert target["ScalableDimension"] == "sagemaker:inference-component:DesiredCopyCount"
    assert variant["ManagedInstanceScaling"] == {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 3}
    assert "ModelName" not in variant
    assert asleep["AlarmActions"] == [{"Ref": wake}]
    assert (asleep["MetricName"], asleep["Threshold"]) == ("NoCapacityInvocationFailures", 1)
    assert step["StepScalingPolicyConfiguration"]["StepAdjustments"] == [
        {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
    ]
    assert len(policies) == 2  # and one that lets copies go again


def test_functions_know_the_component_only_where_there_is_one(with_endpoint, with_sleeping_endpoint):
    assert (with_endpoint.stage.endpoint_name, with_endpoint.stage.inference_component) == ("vitrine-prod", "")

    _, component = only(with_sleeping_endpoint, "AWS::SageMaker::InferenceComponent")

    assert with_sleeping_endpoint.stage.inference_component == component["InferenceComponentName"]


@BOTH
def test_a_changed_model_makes_a_new_model_and_configuration_and_keeps_endpoint_and_variant(request, mode, synthesise):
    before = request.getfixturevalue(mode)
    changed = replace(before.stage.endpoint, model_key="served/2026-11-29/model.tar.gz")
    after = synthesise("prod", endpoint=changed)

    (_, old), (_, new) = (only(each, "AWS::SageMaker::Model") for each in (before, after))
    named = [only(each, "AWS::SageMaker::Endpoint")[1]["EndpointName"] for each in (before, after)]
    configs = [only(each, "AWS::SageMaker::EndpointConfig")[1] for each in (before, after)]

    assert old != new
    assert "ModelName" not in new  # a name would have to be free while the old one still serves
    assert not any("EndpointConfigName" in config for config in configs)
    assert {config["ProductionVariants"][0]["VariantName"] for config in configs} == {VARIANT}
    assert named[0] == named[1] == "vitrine-prod"


@BOTH
def test_the_container_reaches_no_network(request, mode):
    synthesised = request.getfixturevalue(mode)

    _, model = only(synthesised, "AWS::SageMaker::Model")

    assert model["EnableNetworkIsolation"] is True
    assert "VpcConfig" not in model


@BOTH
def test_the_container_is_told_the_namespace_in_which_the_functions_of_its_stage_count(request, mode):
    synthesised = request.getfixturevalue(mode)
    functions = synthesised.function("assemble_results")["Environment"]["Variables"]

    _, model = only(synthesised, "AWS::SageMaker::Model")

    told = model["PrimaryContainer"]["Environment"]
    assert told == {NAMESPACE_VARIABLE: "Vitrine/prod"}
    assert told[NAMESPACE_VARIABLE] == functions[NAMESPACE_VARIABLE]


@BOTH
def test_the_role_reads_one_model_and_one_repository(request, mode):
    synthesised = request.getfixturevalue(mode)
    _, model = only(synthesised, "AWS::SageMaker::Model")

    (read,) = resources_of(synthesised, "s3:GetObject")
    (pulled,) = resources_of(synthesised, "ecr:BatchGetImage")

    assert read["Fn::Join"][1][-1] == "/served/2026-11-22/model.tar.gz"
    assert model["PrimaryContainer"]["ModelDataUrl"]["Fn::Join"][1][-1] == "/served/2026-11-22/model.tar.gz"
    assert pulled["Fn::Join"][1][-1] == ":repository/vitrine-serve"
    assert model["PrimaryContainer"]["Image"]["Fn::Join"][1][-1] == "/vitrine-serve:2026-11-22"


@BOTH
def test_the_role_changes_nothing_but_its_own_log_and_metrics(request, mode):
    synthesised = request.getfixturevalue(mode)
    logs, group = only(synthesised, "AWS::Logs::LogGroup")
    (metrics,) = [each for each in statements(synthesised) if each["Action"] == "cloudwatch:PutMetricData"]

    allowed = {action for statement in statements(synthesised) for action in listed(statement["Action"])}
    changing = {action for action in allowed if action.split(":")[1].startswith(("Put", "Create", "Delete", "Update"))}

    assert changing - {"s3:PutObject"} == {
        "cloudwatch:PutMetricData",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert resources_of(synthesised, "logs:PutLogEvents") == [{"Fn::GetAtt": [logs, "Arn"]}]
    assert metrics["Condition"]["StringEquals"]["cloudwatch:namespace"] == group["LogGroupName"].rpartition("/")[0]
    assert group["RetentionInDays"] == synthesised.stage.log_retention_days


def test_captured_requests_lie_encrypted_and_go_after_the_stages_days(with_endpoint, synthesise, an_endpoint):
    synthesised = synthesise("dev", endpoint=an_endpoint, captured_days=9)
    _, config = only(synthesised, "AWS::SageMaker::EndpointConfig")
    destination = config["DataCaptureConfig"]["DestinationS3Uri"]["Fn::Join"][1]
    buckets = synthesised.resources("storage", "AWS::S3::Bucket")

    (bucket,) = [each for name, each in buckets.items() if name in json.dumps(destination)]
    (rule,) = [each for each in bucket["LifecycleConfiguration"]["Rules"] if each.get("Prefix") == "captured/"]
    (written,) = resources_of(synthesised, "s3:PutObject")

    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == 5
    assert destination[-1] == "/captured"
    assert written["Fn::Join"][1][-1] == "/captured/*"
    assert bucket["BucketEncryption"]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]) == (9, {"NoncurrentDays": 1})


def test_captured_requests_go_also_after_their_endpoint_is_gone(dev):
    buckets = dev.resources("storage", "AWS::S3::Bucket").values()

    rules = [rule for bucket in buckets for rule in bucket["LifecycleConfiguration"]["Rules"]]

    assert [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == "captured/"] == [30]


def test_nothing_is_captured_unless_the_stage_says_so(with_sleeping_endpoint):
    _, config = only(with_sleeping_endpoint, "AWS::SageMaker::EndpointConfig")

    assert Endpoint(image_tag="1", model_key="served/1/model.tar.gz").captured_share == 0
    assert "DataCaptureConfig" not in config
    assert not resources_of(with_sleeping_endpoint, "s3:PutObject")


@BOTH
def test_an_endpoint_holds_on_to_nothing_that_would_keep_it_from_being_turned_off(request, mode, synthesised_stage):
    without, having = synthesised_stage("prod"), request.getfixturevalue(mode)

    exported = [set(each.template("storage")["Outputs"]) for each in (without, having)]

    assert exported[0] == exported[1]


def test_everything_is_named_after_the_stage(with_endpoint, with_sleeping_endpoint):
    named = ("AlarmName", "LogGroupName", "EndpointName", "InferenceComponentName", "PolicyName", "ResourceId")
    stated = [
        (key, value)
        for each in (with_endpoint, with_sleeping_endpoint)
        for resource in each.template("endpoint")["Resources"].values()
        for key, value in resource["Properties"].items()
    ]

    names = [value for key, value in stated if key in named and isinstance(value, str) and "DefaultPolicy" not in value]

    assert len(names) > 10
    assert all("vitrine-prod" in name for name in names)


@BOTH
def test_the_same_stage_is_the_same_template(request, mode, tmp_path):
    synthesised = request.getfixturevalue(mode)

    wire(cdk.App(outdir=str(tmp_path)), synthesised.stage).synth()

    name = "vitrine-prod-endpoint.template.json"
    assert (tmp_path / name).read_bytes() == (synthesised.folder / name).read_bytes()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"instance": "g6.xlarge"}, "instance is g6.xlarge: expected SageMaker's name"),
        ({"model_key": "served/1"}, "model_key is served/1: expected an archive"),
        ({"model_key": "runs/1/model.tar.gz"}, "a place where nothing expires"),
        ({"least": 0}, "instances from 0 to 2: expected 1 <= least <= most"),
        ({"least": 3}, "instances from 3 to 2"),
        ({"schedule": {"cron(0 7 * * ? *)": (0, 1)}}, "instances from 0 to 1"),
        ({"schedule": {"0 7 * * *": (1, 2)}}, "schedule has 0 7 "),
        ({"scale_to_zero": True}, "least is 1, and scale_to_zero is set: expected 0"),
        ({"scale_to_zero": True, "least": 0, "most": 0}, "instances from 0 to 0"),
        ({"canary_share": 0.6}, "canary_share is 0.6: expected whole per cent from 0.01 to 0.5"),
        ({"canary_share": 0.0}, "canary_share is 0: expected"),
        ({"canary_share": 0.125}, "canary_share is 0.125: expected whole per cent"),
        ({"captured_share": 1.5}, "captured_share is 1.5: expected whole per cent from 0 to 1"),
        ({"error_share": 0.0}, "error_share is 0: expected a share above 0"),
        ({"bake_minutes": 1}, "bake_minutes is 1: expected 5 to 60"),
        ({"requests_per_instance": 0}, "requests_per_instance is 0: expected a number above 0"),
        ({"model_ms": float("nan")}, "model_ms is nan: expected a number above 0"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_first(an_endpoint, changed, told):
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        replace(an_endpoint, **({"schedule": {}} | changed))


@pytest.mark.parametrize("share", [0.01, 0.07, 0.29, 0.5])
def test_every_whole_per_cent_is_a_share(an_endpoint, share):
    assert replace(an_endpoint, canary_share=share).canary_share == share


def test_an_endpoint_needs_the_bucket_that_its_model_lies_in(an_endpoint):
    local = stages(Path("/nowhere"))["local"]

    with pytest.raises(ValueError, match="stage local has an endpoint but no training"):
        replace(local, endpoint=an_endpoint)


def test_functions_name_the_component_of_an_endpoint_that_may_sleep(with_endpoint, with_sleeping_endpoint):
    named = [
        each.function("assemble_results")["Environment"]["Variables"]["ENDPOINT_COMPONENT"]
        for each in (with_endpoint, with_sleeping_endpoint)
    ]
    granted = [
        statement["Resource"]
        for policy in with_sleeping_endpoint.resources("search", "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "sagemaker:InvokeEndpoint" in listed(statement["Action"])
    ]

    assert named == ["", "vitrine-prod"]
    assert len(granted) == 2
    assert all("endpoint/vitrine-prod" in json.dumps(each) for each in granted)
    assert all("inference-component/vitrine-prod" in json.dumps(each) for each in granted)
