"""Training on SageMaker: the pipelines, the code that their jobs run, and what each may touch."""

import json
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import aws_cdk as cdk
from aws_cdk import CfnOutput, Environment, Stack, aws_iam, aws_s3_assets, aws_sagemaker, region_info
from constructs import Construct

from infra.stage import Stage, Training
from infra.storage_stack import StorageStack
from infra.training_code import commit, write_archive
from sagemaker_jobs.pipeline_definitions import INSTANCES, TRAINING, TUNING, definition

READ = ("snapshots", "runs", "checkpoints", "candidates")
WRITTEN = ("runs", "checkpoints", "candidates")
"""Prefixes of the training bucket that jobs read and write; a snapshot is never written to."""

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class TrainingStack(Stack):
    """Two pipelines, `training` and `tuning`, as their definitions say; asleep they cost nothing."""

    def __init__(self, scope: Construct, *, stage: Stage, training: Training, storage: StorageStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-training",
            description=f"Vitrine {stage.name}: training",
            env=Environment(region=stage.region),
            cross_region_references=stage.edge is not None,
        )
        self._bucket = storage.training
        self._group = storage.model_packages
        self._registry = self.regional_fact(region_info.FactName.DLC_REPOSITORY_ACCOUNT)
        self._code = self._archive()
        self._jobs = self._job_role()
        self._pipelines = self._pipeline_role()
        for name in (TRAINING, TUNING):
            self._pipeline(stage, name, for_stage(definition(name), training))
        self._acknowledge_findings()

    def _archive(self) -> aws_s3_assets.Asset:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "jobs.tar.gz"
            write_archive(file)
            return aws_s3_assets.Asset(self, "Code", path=str(file))

    def _pipeline(self, stage: Stage, name: str, made: dict[str, Any]) -> None:
        known = {
            "Role": self._jobs.role_arn,
            "Bucket": self._bucket.bucket_name,
            "CodeBucket": self._code.s3_bucket_name,
            "CodeKey": self._code.s3_object_key,
            "Commit": commit(),
            "ImageRegistry": f"{self._registry}.dkr.ecr.{self.region}.{self.url_suffix}",
            "ModelPackageGroup": self._group.model_package_group_name,
        }
        pipeline = aws_sagemaker.CfnPipeline(
            self,
            name.capitalize(),
            pipeline_name=f"vitrine-{stage.name}-{name}",
            pipeline_description=f"Vitrine {stage.name}: {name}",
            pipeline_definition={
                "PipelineDefinitionBody": Template(json.dumps(made, separators=(",", ":"))).substitute(known)
            },
            role_arn=self._pipelines.role_arn,
        )
        pipeline.node.add_dependency(self._jobs, self._pipelines)  # its role is tried when it is made
        CfnOutput(self, f"{name.capitalize()}Pipeline", value=pipeline.pipeline_name)

    def _job_role(self) -> aws_iam.Role:
        role = aws_iam.Role(self, "Jobs", description="What a training job may do", assumed_by=self._sagemaker())
        self._allow(role, ["s3:GetObject"], [self._bucket.arn_for_objects(f"{prefix}/*") for prefix in READ])
        self._allow(role, ["s3:PutObject"], [self._bucket.arn_for_objects(f"{prefix}/*") for prefix in WRITTEN])
        self._allow(role, ["s3:ListBucket"], [self._bucket.bucket_arn])
        self._allow(role, ["s3:GetObject"], [self._code.bucket.arn_for_objects(self._code.s3_object_key)])
        self._allow(
            role,
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [f"arn:{self.partition}:ecr:{self.region}:{self._registry}:repository/pytorch-training"],
        )
        self._allow(
            role,
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:{LOG_GROUP}:*"],
        )
        self._allow(role, ["ecr:GetAuthorizationToken"], ["*"])
        self._allow(
            role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": LOG_GROUP}},
        )
        return role

    def _pipeline_role(self) -> aws_iam.Role:
        role = aws_iam.Role(self, "Pipelines", description="What a pipeline may do", assumed_by=self._sagemaker())
        self._allow(
            role,
            ["iam:PassRole"],
            [self._jobs.role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        begun = "pipelines-*"  # as SageMaker names what a pipeline starts
        self._allow(
            role,
            [
                "sagemaker:AddTags",
                "sagemaker:CreateTrainingJob",
                "sagemaker:DescribeTrainingJob",
                "sagemaker:StopTrainingJob",
            ],
            [self._resource(f"training-job/{begun}")],
        )
        self._allow(
            role,
            [
                "sagemaker:AddTags",
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                "sagemaker:StopHyperParameterTuningJob",
            ],
            [self._resource(f"hyper-parameter-tuning-job/{begun}")],
        )
        self._allow(
            role,
            ["sagemaker:AddTags", "sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"],
            [
                self._group.attr_model_package_group_arn,
                self._resource(f"model-package/{self._group.model_package_group_name}/*"),
            ],
        )
        self._allow(role, ["s3:GetObject"], [self._bucket.arn_for_objects("candidates/*")])
        return role

    def _sagemaker(self) -> aws_iam.ServicePrincipal:
        """SageMaker, on behalf of this account and no other."""
        return aws_iam.ServicePrincipal(
            "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
        )

    def _resource(self, named: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{named}"

    @staticmethod
    def _allow(
        role: aws_iam.Role, actions: list[str], resources: list[str], conditions: dict[str, Any] | None = None
    ) -> None:
        role.add_to_policy(aws_iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions))

    def _acknowledge_findings(self) -> None:
        """Answer the AWS security rules that this stack breaks on purpose."""
        region = "<AWS::Region>" if cdk.Token.is_unresolved(self.region) else self.region
        ours = f"arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>"
        logs = f"arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:log-group:{LOG_GROUP}:*"
        begun = "Only what a pipeline starts has such a name, and nobody knows the rest before."
        reasons = {
            self._jobs: {
                "*": "Neither a login to ECR nor a metric belongs to a resource; metrics are held to one namespace.",
                logs: "Every stream of the one group that SageMaker writes jobs' logs to.",
            },
            self._pipelines: {
                f"{ours}:training-job/pipelines-*": begun,
                f"{ours}:hyper-parameter-tuning-job/pipelines-*": begun,
                f"{ours}:model-package/{self._group.model_package_group_name}/*": "Every version in the one group.",
            },
        }
        for role, by_resource in reasons.items():
            cdk.Validations.of(role).acknowledge(
                *(
                    cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
                    for resource, reason in by_resource.items()
                )
            )


def for_stage(made: dict[str, Any], training: Training) -> dict[str, Any]:
    """A definition with a stage's machines and limits in it; `made` is left as it is."""
    stated = json.loads(json.dumps(made))
    machines = {
        "cpu-instance": training.cpu_instance,
        "gpu-instance": training.gpu_instance,
        "distributed-instance": training.distributed_instance,
        INSTANCES: training.distributed_instances,
    }
    for parameter in stated["Parameters"]:
        parameter["DefaultValue"] = machines.get(parameter["Name"], parameter.get("DefaultValue"))
        if parameter["DefaultValue"] is None:
            del parameter["DefaultValue"]
    for step in stated["Steps"]:
        job = step["Arguments"].get("TrainingJobDefinition", step["Arguments"])
        if "StoppingCondition" not in job:
            continue
        job["StoppingCondition"] = {"MaxRuntimeInSeconds": training.max_hours * 3600}
        if not training.spot:
            job.pop("EnableManagedSpotTraining", None)
        elif job.get("EnableManagedSpotTraining"):
            job["StoppingCondition"]["MaxWaitTimeInSeconds"] = training.max_wait_hours * 3600
    return stated  # type: ignore[no-any-return]
