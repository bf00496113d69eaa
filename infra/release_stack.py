"""From an approved package in the registry to the live release, without a person in between."""

import aws_cdk as cdk
from aws_cdk import CfnOutput, Duration, Environment, Stack, aws_events, aws_events_targets, aws_iam
from constructs import Construct

from functions.metric_catalogue import RELEASE_PUBLICATIONS_REFUSED
from functions.publish_release.settings import PublishSettings
from infra.layers import Layers
from infra.sent_metric import sent
from infra.service_function import ServiceFunction, acknowledge
from infra.stage import Stage
from infra.storage_stack import StorageStack

CANDIDATES, RELEASES = "candidates/*", "releases/*"
"""What is read of the training bucket, and what of the release bucket is read and written."""


class ReleaseStack(Stack):
    """A function that publishes what was approved, and the rule that calls it; asleep both cost nothing."""

    def __init__(self, scope: Construct, *, stage: Stage, storage: StorageStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-releases",
            description=f"Vitrine {stage.name}: releases",
            env=Environment(region=stage.region),
        )
        self._group: str = storage.model_packages.model_package_group_name
        layers = Layers(self, "Layers", stage=stage, only=["base"])
        self.publish = ServiceFunction(
            self,
            "PublishRelease",
            stage=stage,
            folder="publish_release",
            layers=[layers.base],
            memory_mib=1769,  # a whole processor: what it does is unpacking and hashing
            timeout_seconds=600,
            asynchronous=True,
            settings=PublishSettings(
                model_package_group=self._group,
                training_bucket=storage.training.bucket_name,
                release_bucket=storage.releases.bucket_name,
                pointer_table=storage.pointers.table_name,
            ),
        )
        self._grant(storage)
        self._rule(stage)
        self.publish.alarm(
            stage,
            "Refusals",
            sent(stage.name, RELEASE_PUBLICATIONS_REFUSED, "Sum", Duration.minutes(1)),
        )
        CfnOutput(self, "PublishFunction", value=self.publish.function.function_name)

    def _grant(self, storage: StorageStack) -> None:
        version = f"model-package/{self._group}/*"
        packages = f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{version}"
        for actions, resource in (
            # without being allowed to list, S3 does not tell what is gone from what is forbidden
            (["s3:ListBucket"], storage.training.bucket_arn),
            (["s3:ListBucket"], storage.releases.bucket_arn),
            (["s3:GetObject"], storage.training.arn_for_objects(CANDIDATES)),
            (["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], storage.releases.arn_for_objects(RELEASES)),
            (["sagemaker:DescribeModelPackage"], packages),
        ):
            aws_iam.Grant.add_to_principal(grantee=self.publish.function, actions=actions, resource_arns=[resource])
        storage.pointers.grant(self.publish.function, "dynamodb:GetItem", "dynamodb:UpdateItem")
        region = "<AWS::Region>" if cdk.Token.is_unresolved(self.region) else self.region
        named = f"arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>:{version}"
        acknowledge(self.publish, {f"IAM5[Resource::{named}]": "Every version in the one group."})

    def _rule(self, stage: Stage) -> None:
        """Both decisions are delivered, so that the log says of either what became of it."""
        aws_events.Rule(
            self,
            "Decisions",
            rule_name=f"vitrine-{stage.name}-decisions",
            description=f"Somebody approved or rejected a package in {self._group}",
            event_pattern=aws_events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [self._group],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            ),
            targets=[
                aws_events_targets.LambdaFunction(self.publish.function, dead_letter_queue=self.publish.dead_letters)
            ],
        )
