"""What the templates promise: names, grants, routes, and the differences between stages."""

import json

import pytest

ROUTES = {
    "POST /1/indexes/{index}/query",
    "GET /1/indexes/{index}",
    "POST /1/indexes/{index}/queries",
    "POST /1/indexes/{index}/facets/{facet}/query",
    "POST /1/analyze",
    "POST /1/rerank",
    "GET /1/health/live",
    "GET /1/health/ready",
    "$default",
}


def statements(synthesised):
    """Every statement of every policy of the search stack."""
    policies = synthesised.resources("search", "AWS::IAM::Policy").values()
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def actions(statement):
    """A statement's actions as a list, which CloudFormation shortens when there is one."""
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


@pytest.mark.parametrize("part", ["storage", "search"])
def test_every_name_carries_the_stage(dev, part):
    named = ("LogGroupName", "FunctionName", "BucketName", "TableName", "AlarmName", "RoleName")
    resources = dev.template(part)["Resources"].values()
    stated = [pair for each in resources for pair in each.get("Properties", {}).items()]
    names = [value for key, value in stated if key in named and isinstance(value, str)]
    apis = [api["Name"] for api in dev.resources(part, "AWS::ApiGatewayV2::Api").values()]

    assert all("dev" in name for name in [*names, *apis])


def test_two_stages_share_no_name(dev, synthesise):
    local = synthesise("local")

    ours = {group["LogGroupName"] for group in dev.resources("search", "AWS::Logs::LogGroup").values()}
    others = {group["LogGroupName"] for group in local.resources("search", "AWS::Logs::LogGroup").values()}

    assert len(ours) == len(others) == 4
    assert not ours & others


def test_the_api_has_the_wires_routes_and_an_answer_for_any_other_path(dev):
    routes = {route["RouteKey"] for route in dev.resources("search", "AWS::ApiGatewayV2::Route").values()}

    assert routes == ROUTES


def test_access_logs_hold_no_path_and_no_query_where_a_key_could_stand(dev):
    (stage,) = dev.resources("search", "AWS::ApiGatewayV2::Stage").values()

    logged = json.loads(stage["AccessLogSettings"]["Format"])

    assert {"requestId", "route", "status"} <= logged.keys()
    assert not {"$context.path", "$context.requestOverride.path"} & set(logged.values())


def test_functions_may_read_releases_the_pointer_and_the_keys_and_change_nothing(dev):
    allowed = {action for statement in statements(dev) for action in actions(statement)}

    reading = {action for action in allowed if action.split(":")[1].startswith(("Get", "Describe"))}
    assert {"s3:GetObject", "dynamodb:GetItem", "ssm:GetParameter"} <= reading
    assert allowed - reading == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_only_tracing_is_granted_on_every_resource(dev):
    broad = [statement for statement in statements(dev) if statement["Resource"] == "*"]

    assert {action for statement in broad for action in actions(statement)} == {
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_the_front_door_may_invoke_the_other_two_only_where_the_stage_says_so(dev, synthesise):
    in_functions = synthesise("dev", search_path="functions")

    assert not [each for each in statements(dev) if "lambda:InvokeFunction" in actions(each)]
    assert len([each for each in statements(in_functions) if "lambda:InvokeFunction" in actions(each)]) == 2
    assert in_functions.function("assemble_results")["Environment"]["Variables"]["SEARCH_PATH"] == "functions"


def test_releases_are_versioned_private_and_encrypted(dev):
    (bucket,) = dev.resources("storage", "AWS::S3::Bucket").values()
    (policy,) = dev.resources("storage", "AWS::S3::BucketPolicy").values()

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    assert policy["PolicyDocument"]["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_pointer_can_be_restored_to_any_moment(dev):
    (table,) = dev.resources("storage", "AWS::DynamoDB::Table").values()

    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["KeySchema"] == [{"AttributeName": "name", "KeyType": "HASH"}]


@pytest.mark.parametrize(("name", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_what_is_stored_outlives_its_stack_only_where_the_stage_asks(synthesise, name, policy):
    resources = synthesise(name).template("storage")["Resources"].values()

    kept = {each["DeletionPolicy"] for each in resources if each["Type"] in {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}}

    assert kept == {policy}
