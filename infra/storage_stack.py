"""What must survive a redeployment: the shop's catalogue, the releases, and the pointer to the one that serves."""

import aws_cdk as cdk
from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack, aws_dynamodb, aws_s3
from constructs import Construct

from infra.stage import Stage


class StorageStack(Stack):
    """The release bucket, the pointer table and the catalogue table."""

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-storage",
            description=f"Vitrine {stage.name}: what must survive",
            env=Environment(region=stage.region),
        )
        removal_policy = RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY
        self.releases = aws_s3.Bucket(
            self,
            "Releases",
            versioned=True,
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    id="deleted-releases",
                    noncurrent_version_expiration=Duration.days(stage.deleted_release_days),
                    expired_object_delete_marker=True,
                ),
                aws_s3.LifecycleRule(id="broken-uploads", abort_incomplete_multipart_upload_after=Duration.days(7)),
            ],
            removal_policy=removal_policy,
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
        CfnOutput(self, "ReleaseBucket", value=self.releases.bucket_name)
        CfnOutput(self, "PointerTable", value=self.pointers.table_name)
        CfnOutput(self, "CatalogueTable", value=self.catalogue.table_name)

        cdk.Validations.of(self.releases).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-S1",
                reason="Read by our own functions alone; CloudTrail tells who read what, without a second bucket.",
            )
        )
