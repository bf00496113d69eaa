"""The large model online: its machines and how many there are, how it is replaced, and what it may touch."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import (
    CfnOutput,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
    TimeZone,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_iam,
    aws_logs,
)
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk.aws_sagemaker import CfnEndpoint, CfnEndpointConfig, CfnInferenceComponent, CfnModel
from constructs import Construct

from functions.observability import NAMESPACE_VARIABLE, metric_namespace
from infra.service_function import RETENTION
from infra.stage import Endpoint, Stage
from infra.storage_stack import StorageStack
from infra.watched import WatchedEndpoint

VARIANT = "large-model"
"""Never another: SageMaker replaces a variant's machines step by step only where its name stays."""

CAPTURED = "captured"
"""Prefix of the training bucket that captured requests are written to."""

MACHINE_METRICS = ("/aws/sagemaker/Endpoints", "/aws/sagemaker/InferenceComponents")
"""Namespaces in which SageMaker tells, in the role's name, how busy processors and memory are."""

SCALING_ROLE = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)

START_SECONDS = 600
"""What a new instance may take to read the model, and again to answer its first `/ping`."""

SCALE_OUT_SECONDS = 60
SCALE_IN_SECONDS = 600
"""How long after one change the next may follow; machines go more slowly than they come."""


class EndpointStack(Stack):
    """One endpoint with one variant, and the alarms that end a bad deployment.

    Model and configuration have no names of their own, so that a change makes new ones and then moves the endpoint,
    whose name stays, over to them.
    """

    def __init__(self, scope: Construct, *, stage: Stage, endpoint: Endpoint, storage: StorageStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-endpoint",
            description=f"Vitrine {stage.name}: the large model online",
            env=Environment(region=stage.region),
        )
        self._stage = stage
        self._wanted = endpoint
        self._bucket = storage.training
        sleeps = endpoint.scale_to_zero
        self._dimensions = (
            {"InferenceComponentName": stage.inference_component}
            if sleeps
            else {"EndpointName": stage.endpoint_name, "VariantName": VARIANT}
        )
        # SageMaker counts 1 for a request that failed and 0 for any other: their mean is the share
        self.errors = self._alarm("EndpointErrors", "Invocation5XXErrors", "Average", endpoint.error_share)
        self.slow = self._alarm("EndpointSlow", "ModelLatency", "p99", endpoint.model_ms * 1000)  # microseconds
        self.logs = aws_logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"{MACHINE_METRICS[sleeps]}/{stage.endpoint_name}",
            retention=RETENTION[stage.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._role = self._model_role()
        self.model = self._model()
        self.endpoint = self._sleeping() if sleeps else self._always_on()
        self.watched = WatchedEndpoint(dimensions=self._dimensions, alarms=(self.errors, self.slow))
        CfnOutput(self, "EndpointName", value=stage.endpoint_name)

    def _alarm(self, name: str, metric: str, statistic: str, most: float) -> aws_cloudwatch.Alarm:
        """Rings above `most` in two minutes of three; the name ends with its heading in docs/runbook.md."""
        return self._metric(metric, statistic).create_alarm(
            self,
            name,
            alarm_name=f"vitrine-{self._stage.name}-{name}",
            threshold=most,
            comparison_operator=aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _metric(self, name: str, statistic: str) -> aws_cloudwatch.Metric:
        return aws_cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=Duration.minutes(1),
        )

    def _model_role(self) -> aws_iam.Role:
        """What the endpoint may do: fetch one model and one container, write its log, watch its alarms."""
        role = aws_iam.Role(
            self,
            "Role",
            description="What the large model's endpoint may do",
            assumed_by=aws_iam.ServicePrincipal(
                "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            ),
        )
        repository = f"arn:{self.partition}:ecr:{self.region}:{self.account}:repository/{self._wanted.image_repository}"
        self._allow(role, ["s3:GetObject"], [self._bucket.arn_for_objects(self._wanted.model_key)])
        self._allow(
            role,
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [repository],
        )
        self._allow(role, ["ecr:GetAuthorizationToken"], ["*"])
        self._allow(
            role,
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [self.logs.log_group_arn],
        )
        self._allow(
            role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": MACHINE_METRICS[self._wanted.scale_to_zero]}},
        )
        self._allow(role, ["cloudwatch:DescribeAlarms"], [self.errors.alarm_arn, self.slow.alarm_arn])
        if self._wanted.captured_share:
            self._allow(role, ["s3:PutObject"], [self._bucket.arn_for_objects(f"{CAPTURED}/*")])
        cdk.Validations.of(role).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::*]",
                reason="Neither a login to ECR nor a metric belongs to a resource; metrics are held to one namespace.",
            )
        )
        return role

    @staticmethod
    def _allow(
        role: aws_iam.Role, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
    ) -> None:
        role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions))

    def _model(self) -> CfnModel:
        registry = f"{self.account}.dkr.ecr.{self.region}.{self.url_suffix}"
        model = CfnModel(
            self,
            "Model",
            execution_role_arn=self._role.role_arn,
            enable_network_isolation=True,
            primary_container=CfnModel.ContainerDefinitionProperty(
                image=f"{registry}/{self._wanted.image_repository}:{self._wanted.image_tag}",
                model_data_url=f"s3://{self._bucket.bucket_name}/{self._wanted.model_key}",
                environment={NAMESPACE_VARIABLE: metric_namespace(self._stage.name)},
            ),
        )
        model.node.add_dependency(self._role)  # what it may read is tried when it is made
        return model

    def _always_on(self) -> CfnEndpoint:
        """Machines that always run; a new model gets a few requests before it gets all."""
        wanted = self._wanted
        config = self._config(
            {
                "model_name": self.model.attr_model_name,
                "initial_instance_count": wanted.least,
                "initial_variant_weight": 1,
            }
        )
        endpoint = CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._stage.endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # a deployment in a busy hour must not fall back to as few machines as the configuration begins with
            retain_all_variant_properties=True,
            exclude_retained_variant_properties=[
                CfnEndpoint.VariantPropertyProperty(variant_property_type="DesiredWeight")
            ],
            deployment_config=CfnEndpoint.DeploymentConfigProperty(
                blue_green_update_policy=CfnEndpoint.BlueGreenUpdatePolicyProperty(
                    traffic_routing_configuration=CfnEndpoint.TrafficRoutingConfigProperty(
                        type="CANARY",
                        canary_size=CfnEndpoint.CapacitySizeProperty(
                            type="CAPACITY_PERCENT", value=round(wanted.canary_share * 100)
                        ),
                        wait_interval_in_seconds=wanted.bake_minutes * 60,
                    )
                ),
                auto_rollback_configuration=CfnEndpoint.AutoRollbackConfigProperty(
                    alarms=[CfnEndpoint.AlarmProperty(alarm_name=alarm.alarm_name) for alarm in self._watching()]
                ),
            ),
        )
        endpoint.node.add_dependency(self.logs)  # SageMaker would make a group that is kept for ever
        self._scaled(
            f"endpoint/{self._stage.endpoint_name}/variant/{VARIANT}",
            "sagemaker:variant:DesiredInstanceCount",
            autoscaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
        ).node.add_dependency(endpoint)
        return endpoint

    def _sleeping(self) -> CfnEndpoint:
        """Copies of the model on as many machines as they need, none included."""
        wanted = self._wanted
        most = max(wanted.most, *(most for _, most in wanted.schedule.values()), 0)
        config = self._config(
            {
                "initial_instance_count": 1,
                "managed_instance_scaling": CfnEndpointConfig.ManagedInstanceScalingProperty(
                    status="ENABLED",
                    min_instance_count=0,
                    max_instance_count=most + 1,  # a new model's first copy needs room beside all the old ones
                ),
            },
            execution_role_arn=self._role.role_arn,
            enable_network_isolation=True,
        )
        config.node.add_dependency(self._role)
        endpoint = CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._stage.endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
        )
        self.component = CfnInferenceComponent(
            self,
            "Component",
            inference_component_name=self._stage.inference_component,
            endpoint_name=self._stage.endpoint_name,
            variant_name=VARIANT,
            specification=CfnInferenceComponent.InferenceComponentSpecificationProperty(
                model_name=self.model.attr_model_name,
                compute_resource_requirements=CfnInferenceComponent.InferenceComponentComputeResourceRequirementsProperty(
                    min_memory_required_in_mb=wanted.memory_mib,
                    number_of_accelerator_devices_required=wanted.gpus or None,
                ),
                startup_parameters=CfnInferenceComponent.InferenceComponentStartupParametersProperty(
                    container_startup_health_check_timeout_in_seconds=START_SECONDS,
                    model_data_download_timeout_in_seconds=START_SECONDS,
                ),
            ),
            # one to begin with, so that a model which does not start fails its deployment and not the first search
            runtime_config=CfnInferenceComponent.InferenceComponentRuntimeConfigProperty(copy_count=1),
            deployment_config=CfnInferenceComponent.InferenceComponentDeploymentConfigProperty(
                rolling_update_policy=CfnInferenceComponent.InferenceComponentRollingUpdatePolicyProperty(
                    maximum_batch_size=CfnInferenceComponent.InferenceComponentCapacitySizeProperty(
                        type="COPY_COUNT", value=1
                    ),
                    wait_interval_in_seconds=wanted.bake_minutes * 60,
                ),
                auto_rollback_configuration=CfnInferenceComponent.AutoRollbackConfigurationProperty(
                    alarms=[
                        CfnInferenceComponent.AlarmProperty(alarm_name=alarm.alarm_name) for alarm in self._watching()
                    ]
                ),
            ),
        )
        self.component.node.add_dependency(endpoint, self.logs)
        target = self._scaled(
            f"inference-component/{self._stage.inference_component}",
            "sagemaker:inference-component:DesiredCopyCount",
            autoscaling.PredefinedMetric.SAGEMAKER_INFERENCE_COMPONENT_INVOCATIONS_PER_COPY,
        )
        target.node.add_dependency(self.component)
        self._wake(target)
        CfnOutput(self, "InferenceComponent", value=self._stage.inference_component)
        return endpoint

    def _config(self, variant: dict[str, Any], **isolated: Any) -> CfnEndpointConfig:
        share = round(self._wanted.captured_share * 100)
        captured = CfnEndpointConfig.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=share,
            destination_s3_uri=f"s3://{self._bucket.bucket_name}/{CAPTURED}",
            capture_options=[
                CfnEndpointConfig.CaptureOptionProperty(capture_mode=mode) for mode in ("Input", "Output")
            ],
            capture_content_type_header=CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                json_content_types=["application/json"]
            ),
        )
        return CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=VARIANT,
                    instance_type=self._wanted.instance,
                    container_startup_health_check_timeout_in_seconds=START_SECONDS,
                    model_data_download_timeout_in_seconds=START_SECONDS,
                    routing_config=CfnEndpointConfig.RoutingConfigProperty(
                        routing_strategy="LEAST_OUTSTANDING_REQUESTS"
                    ),
                    **variant,
                )
            ],
            data_capture_config=captured if share else None,
            **isolated,
        )

    def _scaled(
        self, resource_id: str, dimension: str, metric: autoscaling.PredefinedMetric
    ) -> autoscaling.ScalableTarget:
        """Between the stage's bounds, by requests a minute, under the role that AWS itself makes for this."""
        wanted = self._wanted
        role = f"arn:{self.partition}:iam::{self.account}:{SCALING_ROLE}"
        target = autoscaling.ScalableTarget(
            self,
            "Instances",
            service_namespace=autoscaling.ServiceNamespace.SAGEMAKER,
            resource_id=resource_id,
            scalable_dimension=dimension,
            min_capacity=wanted.least,
            max_capacity=wanted.most,
            role=aws_iam.Role.from_role_arn(self, "ScalingRole", role),
        )
        for number, (when, (least, most)) in enumerate(wanted.schedule.items()):
            target.scale_on_schedule(
                f"vitrine-{self._stage.name}-{number}",
                schedule=autoscaling.Schedule.expression(when),
                time_zone=TimeZone.of(wanted.time_zone),
                min_capacity=least,
                max_capacity=most,
            )
        target.scale_to_track_metric(
            "ByRequests",
            policy_name=f"vitrine-{self._stage.name}-requests",
            predefined_metric=metric,
            target_value=wanted.requests_per_instance,
            scale_out_cooldown=Duration.seconds(SCALE_OUT_SECONDS),
            scale_in_cooldown=Duration.seconds(SCALE_IN_SECONDS),
        )
        return target

    def _wake(self, target: autoscaling.ScalableTarget) -> None:
        """From none to one at the first request that finds nobody: requests per copy say nothing without a copy."""
        wake = autoscaling.StepScalingAction(
            self,
            "Wake",
            policy_name=f"vitrine-{self._stage.name}-wake",
            scaling_target=target,
            adjustment_type=autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
            metric_aggregation_type=autoscaling.MetricAggregationType.MAXIMUM,
            cooldown=Duration.seconds(SCALE_OUT_SECONDS),
        )
        wake.add_adjustment(adjustment=1, lower_bound=0)
        self.asleep = self._metric("NoCapacityInvocationFailures", "Sum").create_alarm(
            self,
            "EndpointAsleep",
            alarm_name=f"vitrine-{self._stage.name}-EndpointAsleep",
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.asleep.add_alarm_action(aws_cloudwatch_actions.ApplicationScalingAction(wake))

    def _watching(self) -> tuple[aws_cloudwatch.Alarm, ...]:
        return self.errors, self.slow
