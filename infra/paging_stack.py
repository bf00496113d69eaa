"""Who is told: alarms that weigh several metrics, three that sum up all others, and the queries to begin with.

Apart from `MonitoringStack` because no emulator takes metric math, composite alarms or saved queries.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import (
    Duration,
    Environment,
    Stack,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_iam,
    aws_sns,
    aws_sns_subscriptions,
)
from constructs import Construct

from functions.metric_catalogue import RELEVANCE_ANSWERED_SHARE, SEARCHES_DEGRADED, SEARCHES_WITHOUT_HITS, Metric
from infra.monitoring_stack import MonitoringStack
from infra.saved_queries import save_queries
from infra.sent_metric import sent
from infra.stage import Paging, Stage
from infra.watched import Watched

AVAILABILITY = 0.999
"""Of requests to the API that must not be answered 5xx."""

FAST_BURN, SLOW_BURN = 14.4, 6.0
"""How many times faster than planned the errors allowed in 30 days are being used up: 2% of them in one hour, or 5% in
six. Both from "Alerting on SLOs" in Google's Site Reliability Workbook, as are the windows."""

LEAST_ERRORS = 5
"""Fewer errors than this within a window are no outage, however few requests there were: one of three at night."""

MOST_DEGRADED, LEAST_SEARCHES = 0.05, 20
"""The share of searches that may lack something, of at least so many within a quarter of an hour."""
MOST_WITHOUT_HITS, LEAST_SEARCHES_AN_HOUR = 0.3, 50
"""The share that may find nothing, of at least so many within an hour: an index without its products shows here."""


class PagingStack(Stack):
    """One topic, and three alarms that tell it: what hurts shoppers most silences what it brings about."""

    def __init__(
        self, scope: Construct, *, stage: Stage, paging: Paging, watched: Watched, monitoring: MonitoringStack
    ) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-paging",
            description=f"Vitrine {stage.name}: who is told of what",
            env=Environment(region=stage.region),
        )
        self._stage = stage
        self._watched = watched
        self.topic = self._topic(paging)
        failing = self._composite("SearchFails", self._burns(), "the API answers 5xx too often")
        suffering = [*monitoring.hurts_shoppers, self._often_degraded(), self._often_without_hits()]
        self._composite("SearchSuffers", any_of(suffering), "slow, degraded or failing in part", silenced_by=failing)
        waiting = [*monitoring.can_wait, *self._unmeasured()]
        self._composite("NeedsMending", any_of(waiting), "no shopper notices yet")
        save_queries(self, stage, watched)

    def _topic(self, paging: Paging) -> aws_sns.Topic:
        """Not encrypted with AWS's own key, which CloudWatch may not use: its alarms would be lost without a word."""
        topic = aws_sns.Topic(self, "Topic", topic_name=f"vitrine-{self._stage.name}-alarms", enforce_ssl=True)
        # a policy of one's own takes the place of the one that lets the account's alarms in
        topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                principals=[aws_iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        for address in filter(None, [paging.alarm_email]):
            topic.add_subscription(aws_sns_subscriptions.EmailSubscription(address))
        cdk.CfnOutput(self, "AlarmTopic", value=topic.topic_arn)
        return topic

    def _burns(self) -> aws_cloudwatch.IAlarmRule:
        """Both windows of a pair: the long one says that it matters, the short one that it still goes on."""

        def pair(burn: float, long: tuple[str, Duration], short: tuple[str, Duration]) -> aws_cloudwatch.IAlarmRule:
            return aws_cloudwatch.AlarmRule.all_of(*(self._burn(burn, *window) for window in (long, short)))

        return aws_cloudwatch.AlarmRule.any_of(
            pair(FAST_BURN, ("BudgetBurns1Hour", Duration.hours(1)), ("BudgetBurns5Minutes", Duration.minutes(5))),
            pair(SLOW_BURN, ("BudgetBurns6Hours", Duration.hours(6)), ("BudgetBurns30Minutes", Duration.minutes(30))),
        )

    def _burn(self, limit: float, name: str, window: Duration) -> aws_cloudwatch.Alarm:
        api = self._watched.search.api
        return self._alarm(
            name,
            f"IF(FILL(errors, 0) >= {LEAST_ERRORS}, errors / requests / {1 - AVAILABILITY:g}, 0)",
            {
                "errors": api.metric_server_error(statistic="Sum", period=window),
                "requests": api.metric_count(statistic="Sum", period=window),
            },
            limit,
            window,
            periods=1,
        )

    def _often_degraded(self) -> aws_cloudwatch.Alarm:
        window = Duration.minutes(15)
        return self._share("SearchesDegradedOften", SEARCHES_DEGRADED, MOST_DEGRADED, LEAST_SEARCHES, window)

    def _often_without_hits(self) -> aws_cloudwatch.Alarm:
        window = Duration.hours(1)
        return self._share(
            "SearchesWithoutHitsOften", SEARCHES_WITHOUT_HITS, MOST_WITHOUT_HITS, LEAST_SEARCHES_AN_HOUR, window
        )

    def _share(self, name: str, metric: Metric, limit: float, least: int, window: Duration) -> aws_cloudwatch.Alarm:
        """Of a metric that is 1 or 0 for each search."""
        return self._alarm(
            name,
            f"IF(searches >= {least}, share, 0)",
            {
                "share": sent(self._stage.name, metric, "Average", window),
                "searches": sent(self._stage.name, metric, "SampleCount", window),
            },
            limit,
            window,
            periods=3,
        )

    def _unmeasured(self) -> list[aws_cloudwatch.Alarm]:
        """One on a watch that does not run, or whose judged queries are not answered at all; none where nobody looks.

        A stage without judged queries sends no share, and has nothing to measure.
        """
        watch, minutes = self._watched.quality, self._stage.quality_minutes
        if watch is None or minutes is None:
            return []
        window = Duration.minutes(minutes)
        unmeasured = self._alarm(
            "RelevanceUnmeasured",
            "IF(FILL(looks, 0) < 1 OR FILL(answered, 1) <= 0, 1, 0)",
            {
                "looks": watch.function.metric_invocations(period=window),
                "answered": sent(self._stage.name, RELEVANCE_ANSWERED_SHARE, "Maximum", window),
            },
            0,
            window,
            periods=3,
            silent=aws_cloudwatch.TreatMissingData.BREACHING,  # what stopped sends nothing
        )
        return [unmeasured]

    def _alarm(
        self,
        name: str,
        expression: str,
        metrics: dict[str, aws_cloudwatch.IMetric],
        limit: float,
        window: Duration,
        *,
        periods: int,
        silent: aws_cloudwatch.TreatMissingData = aws_cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> aws_cloudwatch.Alarm:
        """Rings above `limit` in all windows but one of several; no requests are no error, unless told otherwise."""
        return aws_cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"vitrine-{self._stage.name}-{name}",
            alarm_description=f"docs/runbook.md, {name}",
            metric=aws_cloudwatch.MathExpression(
                expression=expression, using_metrics=metrics, period=window, label=name
            ),
            threshold=limit,
            comparison_operator=aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=max(1, periods - 1),
            treat_missing_data=silent,
        )

    def _composite(
        self,
        name: str,
        rule: aws_cloudwatch.IAlarmRule,
        said: str,
        *,
        silenced_by: aws_cloudwatch.CompositeAlarm | None = None,
    ) -> aws_cloudwatch.CompositeAlarm:
        """Tells the topic when it begins and when it is over; silenced, it waits whether the greater one comes too."""
        composite = aws_cloudwatch.CompositeAlarm(
            self,
            name,
            composite_alarm_name=f"vitrine-{self._stage.name}-{name}",
            alarm_description=f"{said}; docs/runbook.md, {name}",
            alarm_rule=rule,
            actions_suppressor=silenced_by,
            actions_suppressor_wait_period=Duration.minutes(5) if silenced_by else None,
            actions_suppressor_extension_period=Duration.minutes(10) if silenced_by else None,
        )
        action = aws_cloudwatch_actions.SnsAction(self.topic)
        composite.add_alarm_action(action)
        composite.add_ok_action(action)
        return composite


def any_of(alarms: Sequence[aws_cloudwatch.IAlarm]) -> aws_cloudwatch.IAlarmRule:
    """True while at least one of them rings."""
    return aws_cloudwatch.AlarmRule.any_of(*alarms)
