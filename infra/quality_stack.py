"""The watch over what search is worth: one function on a schedule, and what it may read and write."""

import aws_cdk as cdk
from aws_cdk import CfnOutput, Duration, Environment, Stack, aws_events, aws_events_targets, aws_iam, aws_ssm
from constructs import Construct

from functions.monitor_quality.settings import QualitySettings
from infra.layers import Layers
from infra.search_stack import SearchStack
from infra.service_function import ServiceFunction
from infra.stage import Stage
from infra.storage_stack import StorageStack


class QualityStack(Stack):
    """Asks the live API judged queries, reads the front door's log, writes reports and metrics."""

    def __init__(self, scope: Construct, *, stage: Stage, storage: StorageStack, search: SearchStack) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-quality",
            description=f"Vitrine {stage.name}: relevance and drift, watched",
            env=Environment(region=stage.region),
        )
        layers = Layers(self, "Layers", stage=stage)
        self.monitor = ServiceFunction(
            self,
            "MonitorQuality",
            stage=stage,
            folder="monitor_quality",
            layers=[layers.base, layers.search],
            memory_mib=1024,
            timeout_seconds=300,
            hurried=False,  # RelevanceUnmeasured rings where it did not look
            settings=QualitySettings(
                release_bucket=storage.releases.bucket_name,
                pointer_table=storage.pointers.table_name,
                key_parameter=stage.key_parameter,
                api_address=search.api.api_endpoint,
                api_id=search.api.api_id,
                log_group=search.front_door.logs.log_group_name,
                every_minutes=stage.quality_minutes or 60,
                window_minutes=stage.quality_window_minutes,
            ),
        )
        self.services = {self.monitor.folder: self.monitor}
        self._grant(stage, storage, search)
        # A rule that is off is deployed all the same: who wants to look by hand invokes the function.
        aws_events.Rule(
            self,
            "Schedule",
            description=f"Vitrine {stage.name}: looks at relevance and drift",
            schedule=aws_events.Schedule.rate(Duration.minutes(stage.quality_minutes or 60)),
            enabled=stage.quality_minutes is not None,
            targets=[
                aws_events_targets.LambdaFunction(
                    self.monitor.function,
                    retry_attempts=2,
                    max_event_age=Duration.minutes(30),  # the next run is near, and looks at the same window
                )
            ],
        )
        CfnOutput(self, "MonitorFunction", value=self.monitor.function.function_name)
        self._acknowledge_findings()

    def _grant(self, stage: Stage, storage: StorageStack, search: SearchStack) -> None:
        function, bucket = self.monitor.function, storage.releases
        read = ("releases/*/baseline/baseline.json", "judgments/*", "reports/latest.json")
        self._allow(["s3:GetObject"], [bucket.arn_for_objects(key) for key in read])
        self._allow(["s3:PutObject"], [bucket.arn_for_objects("reports/*")])
        self._allow(["logs:StartQuery"], [search.front_door.logs.log_group_arn])
        self._allow(["logs:GetQueryResults", "logs:StopQuery"], ["*"])
        storage.pointers.grant(function, "dynamodb:GetItem")
        aws_ssm.StringParameter.from_secure_string_parameter_attributes(
            self, "Keys", parameter_name=stage.key_parameter
        ).grant_read(function)

    def _allow(self, actions: list[str], resources: list[str]) -> None:
        aws_iam.Grant.add_to_principal(grantee=self.monitor.function, actions=actions, resource_arns=resources)

    def _acknowledge_findings(self) -> None:
        """Answer the AWS security rules that this stack breaks on purpose."""
        reasons = {
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
                "Grants writing logs, nothing else."
            ),
            "IAM5[Resource::*]": "Neither a trace nor a query of logs belongs to a resource that a policy could name.",
            "L1": "The engines' wheels are built and measured for this Python; moving on is a release of its own.",
        }
        cdk.Validations.of(self.monitor).acknowledge(
            *(
                cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
                for rule, reason in reasons.items()
            )
        )
