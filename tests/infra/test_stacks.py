"""What the templates promise: names, grants, routes, and the differences between stages."""

import json
from pathlib import Path

import pytest

from functions.routes import ROUTES
from infra.stage import stages


def statements(synthesised, folder=None):
    """Every statement of every policy of the search stack, or only those of the function made from `folder`."""
    policies = synthesised.resources("search", "AWS::IAM::Policy").values()
    if folder is not None:
        role = synthesised.function(folder)["Role"]["Fn::GetAtt"][0]
        policies = [policy for policy in policies if {"Ref": role} in policy["Roles"]]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def allowed_to(synthesised, folder):
    """Every action that a function may take."""
    return {action for statement in statements(synthesised, folder) for action in actions(statement)}


def actions(statement):
    """A statement's actions as a list, which CloudFormation shortens when there is one."""
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


@pytest.mark.parametrize("part", ["storage", "search", "monitoring", "paging"])
def test_every_name_carries_the_stage(dev, part):
    named = ("LogGroupName", "FunctionName", "BucketName", "TableName", "AlarmName", "RoleName")
    named += ("DashboardName", "TopicName", "Name")
    resources = dev.template(part)["Resources"].values()
    stated = [pair for each in resources for pair in each.get("Properties", {}).items()]
    names = [value for key, value in stated if key in named and isinstance(value, str)]
    apis = [api["Name"] for api in dev.resources(part, "AWS::ApiGatewayV2::Api").values()]

    assert all("dev" in name for name in [*names, *apis])


def test_two_stages_share_no_name(dev, synthesised_stage):
    local = synthesised_stage("local")

    ours = {group["LogGroupName"] for group in dev.resources("search", "AWS::Logs::LogGroup").values()}
    others = {group["LogGroupName"] for group in local.resources("search", "AWS::Logs::LogGroup").values()}

    assert len(ours) == len(others) > 3
    assert not ours & others


def test_the_api_has_the_wires_routes_and_an_answer_for_any_other_path(dev):
    routes = {route["RouteKey"] for route in dev.resources("search", "AWS::ApiGatewayV2::Route").values()}

    assert routes == {f"{route.method} {route.path}" for route in ROUTES} | {"$default"}


def test_every_route_leads_to_the_function_that_answers_it(dev):
    integrations = dev.resources("search", "AWS::ApiGatewayV2::Integration")
    functions = dev.resources("search", "AWS::Lambda::Function")
    folders = {name: each["Handler"].split(".")[1] for name, each in functions.items()}

    behind = {
        route["RouteKey"]: folders[called(integrations[route["Target"]["Fn::Join"][1][1]["Ref"]])]
        for route in dev.resources("search", "AWS::ApiGatewayV2::Route").values()
    }

    assert behind.pop("$default") == "assemble_results"
    assert behind == {f"{route.method} {route.path}": route.function for route in ROUTES}


def called(integration):
    """The logical id of the function that an integration calls."""
    return integration["IntegrationUri"]["Fn::GetAtt"][0]


def test_routes_that_change_the_catalogue_are_throttled_tighter_than_searches(synthesise):
    synthesised = synthesise("dev", requests_per_second=50, writes_per_second=5)

    (stage,) = synthesised.resources("search", "AWS::ApiGatewayV2::Stage").values()

    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}
    assert stage["RouteSettings"] == {
        f"{route.method} {route.path}": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10}
        for route in ROUTES
        if route.writes
    }


def test_browsers_may_send_what_the_clients_send_and_no_more(dev):
    (api,) = dev.resources("search", "AWS::ApiGatewayV2::Api").values()

    allowed = api["CorsConfiguration"]

    assert set(allowed["AllowMethods"]) == {route.method for route in ROUTES}
    assert {"x-algolia-api-key", "x-algolia-application-id", "x-algolia-request-id"} < set(allowed["AllowHeaders"])
    assert "*" not in [*allowed["AllowHeaders"], *allowed["AllowMethods"]]
    assert not allowed.get("AllowCredentials")


def test_access_logs_hold_nothing_in_which_a_key_could_stand(dev):
    (stage,) = dev.resources("search", "AWS::ApiGatewayV2::Stage").values()

    logged = json.loads(stage["AccessLogSettings"]["Format"])

    assert {"requestId", "route", "status"} <= logged.keys()
    assert set(logged.values()) <= {  # no path, query string, header, or address of a shopper
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.integrationErrorMessage",
    }


@pytest.mark.parametrize("name", ["local", "dev", "staging"])
def test_no_execution_is_reserved_where_an_accounts_first_limit_would_be_exhausted(synthesised_stage, name):
    functions = synthesised_stage(name).resources("search", "AWS::Lambda::Function").values()

    assert not [each for each in functions if "ReservedConcurrentExecutions" in each]


def test_every_function_of_prod_has_executions_of_its_own_and_a_ceiling(synthesised_stage):
    functions = synthesised_stage("prod").resources("search", "AWS::Lambda::Function").values()

    assert all(each["ReservedConcurrentExecutions"] > 0 for each in functions)
    assert sum(each["ReservedConcurrentExecutions"] for each in functions) <= 900  # of an account's usual 1,000


@pytest.mark.parametrize("name", ["local", "dev", "staging", "prod"])
def test_every_log_ends_and_every_function_is_traced(synthesised_stage, name):
    synthesised = synthesised_stage(name)

    groups = synthesised.resources("search", "AWS::Logs::LogGroup").values()
    functions = synthesised.resources("search", "AWS::Lambda::Function").values()

    assert {group["RetentionInDays"] for group in groups} == {synthesised.stage.log_retention_days}
    assert {each["TracingConfig"]["Mode"] for each in functions} == {"Active"}


def test_functions_that_search_may_read_releases_the_pointer_and_the_keys_and_change_nothing(dev):
    for folder in ("assemble_results", "preprocess_query", "rerank"):
        allowed = allowed_to(dev, folder)

        reading = {action for action in allowed if action.split(":")[1].startswith(("Get", "Describe"))}
        assert {"s3:GetObject", "dynamodb:GetItem", "ssm:GetParameter"} <= reading
        assert allowed - reading == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def test_only_the_catalogues_function_may_write_and_only_to_its_table(dev):
    (catalogue,) = [name for name in dev.resources("storage", "AWS::DynamoDB::Table") if name.startswith("Catalogue")]

    writing = [each for each in statements(dev, "manage_catalogue") if "dynamodb:PutItem" in actions(each)]

    assert len(writing) == 1
    assert catalogue in str(writing[0]["Resource"])
    assert not {"s3:PutObject", "ssm:PutParameter"} & allowed_to(dev, "manage_catalogue")


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


def test_functions_that_encode_queries_may_ask_the_endpoint_that_their_stage_has_and_no_other(dev, synthesise):
    asking = synthesise("dev", other_endpoint="large", endpoint_deadline_ms=80)

    granted = [each for each in statements(asking) if "sagemaker:InvokeEndpoint" in actions(each)]
    assert not [each for each in statements(dev) if "sagemaker:InvokeEndpoint" in actions(each)]
    assert len(granted) == 2
    assert all(json.dumps(each["Resource"]).endswith(':endpoint/large"]]}') for each in granted)
    for folder, may in (("assemble_results", True), ("preprocess_query", True), ("rerank", False)):
        variables = asking.function(folder)["Environment"]["Variables"]
        assert (variables["ENDPOINT_NAME"] == "large") is may
        assert ("sagemaker:InvokeEndpoint" in allowed_to(asking, folder)) is may
    assert asking.function("assemble_results")["Environment"]["Variables"]["ENDPOINT_DEADLINE_MS"] == "80"


def test_the_local_stage_has_an_endpoint_only_where_one_was_started():
    folder = Path("/nowhere")

    assert stages(folder)["local"].endpoint_name == ""
    assert stages(folder, "vitrine-local")["local"].endpoint_name == "vitrine-local"


def test_releases_and_training_data_are_versioned_private_and_encrypted(dev):
    buckets = dev.resources("storage", "AWS::S3::Bucket").values()
    policies = dev.resources("storage", "AWS::S3::BucketPolicy").values()

    assert len(buckets) == len(policies) == 2
    assert all(bucket["VersioningConfiguration"] == {"Status": "Enabled"} for bucket in buckets)
    assert all(all(bucket["PublicAccessBlockConfiguration"].values()) for bucket in buckets)
    assert all(bucket["BucketEncryption"] for bucket in buckets)
    refused = [policy["PolicyDocument"]["Statement"][0]["Condition"] for policy in policies]
    assert refused == [{"Bool": {"aws:SecureTransport": "false"}}] * 2


def test_a_deleted_release_can_be_brought_back_for_as_long_as_the_stage_says(synthesise):
    buckets = synthesise("dev", deleted_release_days=14, training=None).resources("storage", "AWS::S3::Bucket")
    (bucket,) = buckets.values()

    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    assert rules["deleted-releases"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert not [rule for rule in rules.values() if "ExpirationInDays" in rule]  # the live release has an age too


def test_every_table_is_encrypted_and_can_be_restored_to_any_moment(dev):
    tables = dev.resources("storage", "AWS::DynamoDB::Table").values()

    assert all(each["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True} for each in tables)
    assert all(each["SSESpecification"] == {"SSEEnabled": True} for each in tables)


@pytest.mark.parametrize(("name", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_what_is_stored_outlives_its_stack_only_where_the_stage_asks(synthesised_stage, name, policy):
    resources = synthesised_stage(name).template("storage")["Resources"].values()

    kept = {each["DeletionPolicy"] for each in resources if each["Type"] in {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}}

    assert kept == {policy}
