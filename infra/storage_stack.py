"""What must survive a redeployment: the shop's catalogue, the releases, the pointer to the one that serves, and what
they are trained on.
"""

import aws_cdk as cdk
from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, aws_dynamodb, aws_s3, aws_sagemaker
from constructs import Construct

from infra.stage import Stage, Training


class StorageStack(Stack):
    """The release bucket, the pointer table, the catalogue table, and the training data of a stage that trains."""

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-storage",
            description=f"Vitrine {stage.name}: what must survive",
            env=Environment(region=stage.region),
        )
        removal_policy = RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY
        self.releases = self._bucket(
            "Releases",
            removal_policy,
            aws_s3.LifecycleRule(
                id="deleted-releases",
                noncurrent_version_expiration=Duration.days(stage.deleted_release_days),
                expired_object_delete_marker=True,
            ),
        )
        self.pointers = aws_dynamodb.Table(
            self,
            "Pointers",
            partition_key=aws_dynamodb.Attribute(name="name", type=aws_dynamodb.AttributeType.STRING),
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=aws_dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=stage.keep_data,
            removal_policy=removal_policy,
        )
        self.catalogue = aws_dynamodb.Table(
            self,
            "Catalogue",
            partition_key=aws_dynamodb.Attribute(name="part", type=aws_dynamodb.AttributeType.STRING),
            sort_key=aws_dynamodb.Attribute(name="id", type=aws_dynamodb.AttributeType.STRING),
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=aws_dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=stage.keep_data,
            removal_policy=removal_policy,
        )
        if stage.training is not None:
            self._training(stage, stage.training, removal_policy)
        CfnOutput(self, "ReleaseBucket", value=self.releases.bucket_name)
        CfnOutput(self, "PointerTable", value=self.pointers.table_name)
        CfnOutput(self, "CatalogueTable", value=self.catalogue.table_name)

    def _training(self, stage: Stage, training: Training, removal_policy: RemovalPolicy) -> None:
        """Snapshots of data, what runs make of them, why they began, and the registry of what passed the gate."""
        kept_days = {"runs": training.run_days, "checkpoints": training.run_days, "captured": stage.captured_days}
        self.training = self._bucket(
            "Training",
            removal_policy,
            *(
                aws_s3.LifecycleRule(
                    id=prefix,
                    prefix=f"{prefix}/",
                    expiration=Duration.days(days),
                    noncurrent_version_expiration=Duration.days(1),
                )
                for prefix, days in kept_days.items()
            ),
            aws_s3.LifecycleRule(id="deleted", noncurrent_version_expiration=Duration.days(stage.deleted_release_days)),
        )
        self.retraining = aws_dynamodb.Table(
            self,
            "Retraining",
            partition_key=aws_dynamodb.Attribute(name="name", type=aws_dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires_at",
            billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=aws_dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=stage.keep_data,
            removal_policy=removal_policy,
        )
        CfnOutput(self, "TrainingBucket", value=self.training.bucket_name)
        CfnOutput(self, "RetrainingTable", value=self.retraining.table_name)
        if training.on_sagemaker:
            self._registry(stage, removal_policy)

    def _registry(self, stage: Stage, removal_policy: RemovalPolicy) -> None:
        self.model_packages = aws_sagemaker.CfnModelPackageGroup(
            self,
            "ModelPackages",
            model_package_group_name=f"vitrine-{stage.name}",
            model_package_group_description="Releases that passed the gate; approving one is what lets it serve.",
        )
        self.model_packages.apply_removal_policy(removal_policy)
        CfnOutput(self, "ModelPackageGroup", value=self.model_packages.model_package_group_name)

    def _bucket(self, name: str, removal_policy: RemovalPolicy, *rules: aws_s3.LifecycleRule) -> aws_s3.Bucket:
        """A bucket that is private, versioned and encrypted."""
        bucket = aws_s3.Bucket(
            self,
            name,
            versioned=True,
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[
                *rules,
                aws_s3.LifecycleRule(id="broken-uploads", abort_incomplete_multipart_upload_after=Duration.days(7)),
            ],
            removal_policy=removal_policy,
        )
        cdk.Validations.of(bucket).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-S1",
                reason="Read by our functions and jobs alone; CloudTrail tells who read what, without another bucket.",
            )
        )
        return bucket
