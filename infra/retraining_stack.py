"""What starts a training by itself: a schedule, alarms by way of a topic, and the function that decides."""

import aws_cdk as cdk
from aws_cdk import (
    CfnOutput,
    Duration,
    Environment,
    Stack,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_sns,
    aws_sns_subscriptions,
)
from constructs import Construct

from functions.metric_catalogue import RETRAINING_FAILED
from functions.trigger_retraining.settings import RetrainingSettings
from infra.layers import Layers
from infra.sent_metric import sent
from infra.service_function import ServiceFunction, acknowledge
from infra.stage import Stage, Training
from infra.storage_stack import StorageStack
from sagemaker_jobs.pipeline_definitions import TRAINING

ENDED = ["Succeeded", "Failed", "Stopped"]


class RetrainingStack(Stack):
    """The function that decides whether to train again, and all that may ask it; asleep it costs its alarms.

    An alarm asks by having `topic` among its actions. Of the pipeline only the name is known here: on a laptop
    something else than SageMaker answers to it.
    """

    def __init__(self, scope: Construct, *, stage: Stage, training: Training, storage: StorageStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-retraining",
            description=f"Vitrine {stage.name}: what starts a training",
            env=Environment(region=stage.region),
            cross_region_references=stage.edge is not None,
        )
        pipeline = f"vitrine-{stage.name}-{TRAINING}"
        self._pipeline = f"pipeline/{pipeline}"
        layers = Layers(self, "Layers", stage=stage, only=["base"])
        self.trigger = ServiceFunction(
            self,
            "TriggerRetraining",
            stage=stage,
            folder="trigger_retraining",
            layers=[layers.base],
            memory_mib=3008,  # the whole catalogue passes through it, a few times a month
            timeout_seconds=900,
            asynchronous=True,
            settings=RetrainingSettings(
                pipeline_name=pipeline,
                training_bucket=storage.training.bucket_name,
                retraining_table=storage.retraining.table_name,
                release_bucket=storage.releases.bucket_name,
                pointer_table=storage.pointers.table_name,
                catalogue_table=storage.catalogue.table_name,
                run_dollars=training.run_dollars,
                budget_dollars_a_month=training.budget_dollars_a_month,
                cool_down_hours=training.cool_down_hours,
            ),
        )
        self.topic = self._topic(stage)
        self._rules(stage, training)
        self._grant(storage)
        self.trigger.alarm(
            stage,
            "RetrainingFailed",
            sent(stage.name, RETRAINING_FAILED, "Sum", Duration.minutes(1)),
        )
        CfnOutput(self, "TriggerFunction", value=self.trigger.function.function_name)
        CfnOutput(self, "RetrainTopic", value=self.topic.topic_arn)

    def _topic(self, stage: Stage) -> aws_sns.Topic:
        """Where alarms of this account ask for a run."""
        topic = aws_sns.Topic(self, "Retrain", topic_name=f"vitrine-{stage.name}-retrain", enforce_ssl=True)
        topic.grant_publish(
            aws_iam.ServicePrincipal(
                "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            )
        )
        topic.add_subscription(
            aws_sns_subscriptions.LambdaSubscription(self.trigger.function, dead_letter_queue=self.trigger.dead_letters)
        )
        return topic

    def _rules(self, stage: Stage, training: Training) -> None:
        target = aws_events_targets.LambdaFunction(self.trigger.function, dead_letter_queue=self.trigger.dead_letters)
        if training.retraining_days is not None:
            aws_events.Rule(
                self,
                "Schedule",
                rule_name=f"vitrine-{stage.name}-retrain",
                description="Asks whether it is time to train again",
                schedule=aws_events.Schedule.rate(Duration.days(training.retraining_days)),
                targets=[target],
            )
        aws_events.Rule(
            self,
            "RunEnded",
            rule_name=f"vitrine-{stage.name}-run-ended",
            description="A run of the training ended: its place is free, and a failure is counted",
            event_pattern=aws_events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Building Pipeline Execution Status Change"],
                detail={"pipelineArn": [self._named(self._pipeline)], "currentPipelineExecutionStatus": ENDED},
            ),
            targets=[target],
        )

    def _grant(self, storage: StorageStack) -> None:
        runs = f"{self._pipeline}/execution/*"
        for actions, resource in (
            (
                ["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"],
                self._named(self._pipeline),
            ),
            (["sagemaker:DescribePipelineExecution"], self._named(runs)),
            (["s3:ListBucket"], storage.training.bucket_arn),
            (["s3:GetObject"], storage.training.arn_for_objects("inputs/*")),
            (["s3:AbortMultipartUpload", "s3:PutObject"], storage.training.arn_for_objects("snapshots/*")),
            (["s3:GetObject"], storage.releases.arn_for_objects("releases/*")),
            (["s3:GetObject"], storage.releases.arn_for_objects("reports/*")),
        ):
            aws_iam.Grant.add_to_principal(grantee=self.trigger.function, actions=actions, resource_arns=[resource])
        storage.pointers.grant(self.trigger.function, "dynamodb:GetItem")
        storage.catalogue.grant(self.trigger.function, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan")
        storage.retraining.grant(
            self.trigger.function, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"
        )
        region = "<AWS::Region>" if cdk.Token.is_unresolved(self.region) else self.region
        named = f"arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>:{runs}"
        acknowledge(self.trigger, {f"IAM5[Resource::{named}]": "Every run of the one pipeline."})

    def _named(self, resource: str) -> str:
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{resource}"
