"""The search API: the HTTP routes, the functions behind them, and what each may touch."""

import json

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, aws_apigatewayv2, aws_iam, aws_logs, aws_ssm
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from functions.assemble_results.settings import AssembleSettings
from functions.environment import SearchSettings
from functions.manage_catalogue.settings import CatalogueSettings
from functions.preprocess_query.settings import PreprocessSettings
from functions.rerank.settings import RerankSettings
from functions.routes import ROUTES
from infra.layers import Layers
from infra.service_function import RETENTION, ServiceFunction, acknowledge
from infra.stage import Stage
from infra.storage_stack import StorageStack

BROWSER_HEADERS = (
    "content-type",
    "x-algolia-agent",
    "x-algolia-api-key",
    "x-algolia-application-id",
    "x-algolia-request-id",
    "x-api-key",
)
"""What Algolia's clients in a browser send beside what every page may, and our own name for a key."""

READABLE_HEADERS = ("retry-after", "x-request-id")
"""Answers' headers that a page's script may read beside those it always may."""

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latencyMs": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
    "responseBytes": "$context.responseLength",
}
"""One line per request. Neither path nor query string: a key may travel as a query parameter."""


class SearchStack(Stack):
    """The API, the front door, the two functions that shops may call by themselves, and the one that writes."""

    def __init__(self, scope: Construct, *, stage: Stage, storage: StorageStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-search",
            description=f"Vitrine {stage.name}: search",
            env=Environment(region=stage.region),
            cross_region_references=stage.edge is not None,
        )
        layers = Layers(self, "Layers", stage=stage)
        known_to_all = SearchSettings(
            release_bucket=storage.releases.bucket_name,
            pointer_table=storage.pointers.table_name,
            release_folder=stage.release_folder,
            pointer_seconds=stage.pointer_seconds,
            remembered_queries=stage.remembered_queries,
            key_parameter=stage.key_parameter,
        ).model_dump()
        encoding = known_to_all | {
            "endpoint_name": stage.endpoint_name,
            "endpoint_component": stage.inference_component,
            "endpoint_deadline_ms": stage.endpoint_deadline_ms,
        }

        self.preprocess = ServiceFunction(
            self,
            "PreprocessQuery",
            stage=stage,
            folder="preprocess_query",
            layers=[layers.base, layers.search],
            memory_mib=stage.stage_memory_mib,
            timeout_seconds=10,
            settings=PreprocessSettings(**encoding),
        )
        self.rerank = ServiceFunction(
            self,
            "Rerank",
            stage=stage,
            folder="rerank",
            layers=[layers.base, layers.search],
            memory_mib=stage.stage_memory_mib,
            timeout_seconds=10,
            settings=RerankSettings(**known_to_all),
        )
        self.front_door = ServiceFunction(
            self,
            "AssembleResults",
            stage=stage,
            folder="assemble_results",
            layers=[layers.base, layers.search],
            memory_mib=stage.front_door_memory_mib,
            timeout_seconds=10,  # a first call downloads and opens a release
            settings=AssembleSettings(
                **encoding,
                search_path=stage.search_path,
                preprocess_function=self.preprocess.function.function_name,
                rerank_function=self.rerank.function.function_name,
            ),
        )
        self.catalogue = ServiceFunction(
            self,
            "ManageCatalogue",
            stage=stage,
            folder="manage_catalogue",
            layers=[layers.base],
            memory_mib=stage.stage_memory_mib,
            timeout_seconds=29,  # the gateway gives up behind this; a table that throttles is tried for some seconds
            settings=CatalogueSettings(**known_to_all, catalogue_table=storage.catalogue.table_name),
        )
        services = (self.front_door, self.preprocess, self.rerank, self.catalogue)
        self.services = {service.folder: service for service in services}
        storage.catalogue.grant(
            self.catalogue.function,
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        )
        if stage.search_path == "functions":
            self.preprocess.function.grant_invoke(self.front_door.function)
            self.rerank.function.grant_invoke(self.front_door.function)

        if stage.endpoint_name:
            asked = {"endpoint": stage.endpoint_name, "inference-component": stage.inference_component}
            arns = [
                self.format_arn(service="sagemaker", resource=kind, resource_name=name)
                for kind, name in asked.items()
                if name
            ]
            for service in (self.front_door, self.preprocess):
                aws_iam.Grant.add_to_principal(
                    grantee=service.function, actions=["sagemaker:InvokeEndpoint"], resource_arns=arns
                )

        keys = aws_ssm.StringParameter.from_secure_string_parameter_attributes(
            self, "Keys", parameter_name=stage.key_parameter
        )
        for service in self.services.values():
            aws_iam.Grant.add_to_principal(  # the bucket's own grant_read would also list, and read access rules
                grantee=service.function,
                actions=["s3:GetObject"],
                resource_arns=[storage.releases.arn_for_objects("releases/*")],
            )
            storage.pointers.grant(service.function, "dynamodb:GetItem")
            keys.grant_read(service.function)

        self.api = self._api(stage)
        CfnOutput(self, "ApiId", value=self.api.api_id)
        CfnOutput(self, "ApiAddress", value=self.api.api_endpoint)
        CfnOutput(self, "PreprocessFunction", value=self.preprocess.function.function_name)
        CfnOutput(self, "RerankFunction", value=self.rerank.function.function_name)
        self._acknowledge_findings()

    def _api(self, stage: Stage) -> aws_apigatewayv2.HttpApi:
        behind = {folder: HttpLambdaIntegration(folder, each.function) for folder, each in self.services.items()}
        methods = sorted({route.method for route in ROUTES})
        api = aws_apigatewayv2.HttpApi(
            self,
            "Api",
            api_name=f"vitrine-{stage.name}",
            create_default_stage=False,
            default_integration=behind["assemble_results"],  # unknown paths get an answer in the wire's own error shape
            cors_preflight=aws_apigatewayv2.CorsPreflightOptions(
                allow_origins=list(stage.browser_origins),
                allow_methods=[aws_apigatewayv2.CorsHttpMethod[method] for method in methods],
                allow_headers=list(BROWSER_HEADERS),
                expose_headers=list(READABLE_HEADERS),
                max_age=Duration.hours(1),
            ),
        )
        for route in ROUTES:
            method = aws_apigatewayv2.HttpMethod[route.method]
            api.add_routes(path=route.path, methods=[method], integration=behind[route.function])

        self.access_logs = aws_logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=f"/vitrine/{stage.name}/api",
            retention=RETENTION[stage.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )
        deployed = aws_apigatewayv2.CfnStage(
            self,
            "ApiStage",
            api_id=api.api_id,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=aws_apigatewayv2.CfnStage.AccessLogSettingsProperty(
                destination_arn=self.access_logs.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
            default_route_settings=aws_apigatewayv2.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.requests_per_second, throttling_burst_limit=2 * stage.requests_per_second
            ),
            route_settings={
                f"{route.method} {route.path}": {
                    "ThrottlingRateLimit": stage.writes_per_second,
                    "ThrottlingBurstLimit": 2 * stage.writes_per_second,
                }
                for route in ROUTES
                if route.writes
            },
        )
        deployed.node.add_dependency(api)  # a throttle needs its route to be there
        return api

    def _acknowledge_findings(self) -> None:
        """Answer the AWS security rules that this stack breaks on purpose."""
        acknowledge(
            self.api,
            {"APIG4": "Functions check the key themselves, by kind and route, as the clients of this wire send it."},
        )
