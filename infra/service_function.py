"""How every Lambda function in this project is made."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import Duration, IgnoreMode, RemovalPolicy, aws_cloudwatch, aws_lambda, aws_logs, aws_sqs
from constructs import Construct

from functions.environment import EnvironmentSettings
from functions.observability import NAMESPACE_VARIABLE, metric_namespace
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


NEAR_TIMEOUT = 0.8
"""The part of its time-out that a function may take before an alarm rings."""


class ServiceFunction(Construct):
    """The Lambda in `functions/<folder>/`, with kept logs, traces, and alarms on errors, throttled calls and slow ones.

    One that nobody waits for (`asynchronous`) is tried three times; then its event lies in a queue, with an alarm. One
    that is not `hurried` has no alarm on throttled and slow calls: another one rings where it did not do its work.

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
        hurried: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        self.folder = folder
        self.alarms: list[aws_cloudwatch.Alarm] = []
        """All of its alarms, those among them that its stack adds."""
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
            environment={"POWERTOOLS_SERVICE_NAME": folder, NAMESPACE_VARIABLE: metric_namespace(stage.name)}
            | settings.to_environment(),
            layers=list(layers),  # jsii takes lists, not tuples
            memory_size=memory_mib,
            timeout=Duration.seconds(timeout_seconds),
            log_group=self.logs,
            logging_format=aws_lambda.LoggingFormat.JSON,
            tracing=aws_lambda.Tracing.ACTIVE,
            reserved_concurrent_executions=stage.reserved_concurrency.get(folder),
            dead_letter_queue=self.dead_letters,
        )
        minute = Duration.minutes(1)
        self.alarm(stage, "Errors", self.function.metric_errors(period=minute))
        if hurried and not asynchronous:  # what is asynchronous is tried again, and ends in the queue at worst
            self.alarm(stage, "Throttles", self.function.metric_throttles(period=minute))
            self.alarm(
                stage,
                "NearTimeout",
                self.function.metric_duration(period=minute, statistic="Maximum"),
                NEAR_TIMEOUT * timeout_seconds * 1000,
                evaluation_periods=15,
                datapoints_to_alarm=2,  # one slow cold start is none yet
            )
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

    def alarm(
        self,
        stage: Stage,
        name: str,
        metric: aws_cloudwatch.Metric,
        threshold: float = 1,
        *,
        evaluation_periods: int = 1,
        datapoints_to_alarm: int = 1,
    ) -> aws_cloudwatch.Alarm:
        """Rings at the first one within a minute, unless told otherwise; the name ends with its heading in
        docs/runbook.md.
        """
        made = metric.create_alarm(
            self,
            name,
            alarm_name=f"vitrine-{stage.name}-{self.folder}-{name}",
            alarm_description=f"docs/runbook.md, {name}",
            threshold=threshold,
            evaluation_periods=evaluation_periods,
            datapoints_to_alarm=datapoints_to_alarm,
            treat_missing_data=aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.alarms.append(made)
        return made

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
