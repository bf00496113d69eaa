"""How every Lambda function in this project is made."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import Duration, IgnoreMode, RemovalPolicy, aws_cloudwatch, aws_lambda, aws_logs, aws_sqs
from constructs import Construct

from functions.environment import EnvironmentSettings
from infra.layer_contents import PROJECT
from infra.layers import architecture, runtime
from infra.stage import Stage

RETENTION = {
    7: aws_logs.RetentionDays.ONE_WEEK,
    30: aws_logs.RetentionDays.ONE_MONTH,
    90: aws_logs.RetentionDays.THREE_MONTHS,
    365: aws_logs.RetentionDays.ONE_YEAR,
}

FINDINGS = {
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
        "Grants writing logs, nothing else."
    ),
    "IAM5[Resource::*]": "Traces belong to no resource that a policy could name.",
    "L1": "The engines' wheels are built and measured for this Python; moving on is a release of its own.",
}
"""The AWS security rules that every function breaks on purpose, and why."""


class ServiceFunction(Construct):
    """The Lambda in `functions/<folder>/`, with kept logs, traces, and alarms on errors and on throttled calls.

    One that nobody waits for (`asynchronous`) is tried three times; then its event lies in a queue, with an alarm.

    Its code asset holds that folder and the code it may import, nothing else, so a change to one
    function redeploys one function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        folder: str,
        settings: EnvironmentSettings,
        layers: Sequence[aws_lambda.ILayerVersion] = (),
        memory_mib: int = 512,
        timeout_seconds: int = 5,
        asynchronous: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.folder = folder
        self.dead_letters = self._dead_letters(stage) if asynchronous else None
        self.logs = aws_logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/vitrine/{stage.name}/{folder}",
            retention=RETENTION[stage.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.function = aws_lambda.Function(
            self,
            "Function",
            runtime=runtime(stage),
            architecture=architecture(stage),
            code=self._code(folder),
            handler=f"functions.{folder}.handler.lambda_handler",
            environment={"POWERTOOLS_SERVICE_NAME": folder} | settings.to_environment(),
            layers=list(layers),  # jsii takes lists, not tuples
            memory_size=memory_mib,
            timeout=Duration.seconds(timeout_seconds),
            log_group=self.logs,
            logging_format=aws_lambda.LoggingFormat.JSON,
            tracing=aws_lambda.Tracing.ACTIVE,
            reserved_concurrent_executions=stage.reserved_concurrency.get(folder),
            dead_letter_queue=self.dead_letters,
        )
        self.errors = self.alarm(stage, "Errors", self.function.metric_errors(period=Duration.minutes(1)))
        self.throttles = self.alarm(stage, "Throttles", self.function.metric_throttles(period=Duration.minutes(1)))
        acknowledge(self, FINDINGS)

    def _dead_letters(self, stage: Stage) -> aws_sqs.Queue:
        """Events that failed for good, kept for two weeks."""
        queue = aws_sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=f"vitrine-{stage.name}-{self.folder}-dead-letters",
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        waiting = queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum")
        self.alarm(stage, "DeadLetters", waiting)
        acknowledge(queue, {"SQS3": "It is where dead letters end; nobody takes from it but a person."})
        return queue

    def alarm(self, stage: Stage, name: str, metric: aws_cloudwatch.Metric) -> aws_cloudwatch.Alarm:
        """Rings at the first one within a minute; the name ends with its heading in docs/runbook.md."""
        return metric.create_alarm(
            self,
            name,
            alarm_name=f"vitrine-{stage.name}-{self.folder}-{name}",
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    @staticmethod
    def _code(folder: str) -> aws_lambda.Code:
        shipped = ["relevance", "functions/*.py", "functions/aws", f"functions/{folder}"]
        return aws_lambda.Code.from_asset(
            str(PROJECT),
            exclude=["*", *(f"!{path}" for path in shipped), "**/__pycache__"],
            ignore_mode=IgnoreMode.DOCKER,  # the other modes drop whole folders that an exception names
        )


def acknowledge(construct: Construct, reasons: Mapping[str, str]) -> None:
    """Answer the AWS security rules that a construct breaks on purpose: rule, as cdk-nag names it -> reason."""
    cdk.Validations.of(construct).acknowledge(
        *(
            cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
            for rule, reason in reasons.items()
        )
    )
