"""What is watched: the alarms that one metric is enough for, and two dashboards.

No alarm here tells anybody: `PagingStack` does, once for each cause.
"""

from typing import Any

from aws_cdk import Duration, Environment, Stack, aws_cloudwatch, aws_cloudwatch_actions
from constructs import Construct

from functions.metric_catalogue import (
    QUERY_DRIFT,
    RELEASE_AGE_HOURS,
    RELEVANCE_CHANGE,
    RELEVANCE_NDCG10,
    Metric,
)
from infra.dashboards import engineers_dashboard, shops_dashboard
from infra.sent_metric import sent
from infra.stage import Stage
from infra.watched import Watched
from relevance.drift import LARGE_CHANGE
from relevance.objectives import objective

SLOW_MS = 10 * objective("latency_p99").limit
"""What one request in a hundred may exceed, from the API's side: ten times what the gate lets a search take, since
network, cold starts and large batches of products come on top."""

ABOVE = aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = aws_cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class MonitoringStack(Stack):
    """Alarms in two lists, by who is hurt, and the dashboards that show them."""

    def __init__(self, scope: Construct, *, stage: Stage, watched: Watched) -> None:
        super().__init__(
            scope,
            f"vitrine-{stage.name}-monitoring",
            description=f"Vitrine {stage.name}: alarms and dashboards",
            env=Environment(region=stage.region),
        )
        self._stage = stage
        worse, unsure = self._quality(watched)
        self.hurts_shoppers: list[aws_cloudwatch.IAlarm] = [
            self._api_slow(watched),
            *(alarm for service in watched.search.services.values() for alarm in service.alarms),
            *(watched.endpoint.alarms if watched.endpoint else ()),
            *worse,
        ]
        """What a shopper notices."""
        self.can_wait: list[aws_cloudwatch.IAlarm] = [
            self._release_old(),
            *(alarm for service in watched.background for alarm in service.alarms),
            *unsure,
        ]
        """What nobody notices for hours, but somebody must mend."""
        shops_dashboard(self, stage, watched)
        engineers_dashboard(self, stage, watched, [*self.hurts_shoppers, *self.can_wait])

    def _api_slow(self, watched: Watched) -> aws_cloudwatch.Alarm:
        latency = watched.search.api.metric_latency(statistic="p99", period=Duration.minutes(5))
        return self._alarm(
            "ApiSlow",
            latency,
            SLOW_MS,
            evaluation_periods=3,
            # with few requests one cold start is the p99: then the alarm stays as it is
            evaluate_low_sample_count_percentile="ignore",
        )

    def _release_old(self) -> aws_cloudwatch.Alarm:
        age = self._sent(RELEASE_AGE_HOURS, "Maximum")  # also if one function alone is stuck with an old one
        return self._alarm("ReleaseOld", age, 24 * self._stage.old_release_days, evaluation_periods=2)

    def _quality(self, watched: Watched) -> tuple[list[aws_cloudwatch.Alarm], list[aws_cloudwatch.Alarm]]:
        """Relevance below the objective, or below what it was; then other searches than the release's.

        Each look of the watch makes one value in each period. Where nobody looks there are no such alarms.
        """
        watch, minutes = watched.quality, self._stage.quality_minutes
        if watch is None or minutes is None:
            return [], []
        twice_in_three: dict[str, Any] = {
            "comparison_operator": BELOW,
            "evaluation_periods": 3,
            "datapoints_to_alarm": 2,
            "treat_missing_data": aws_cloudwatch.TreatMissingData.IGNORE,  # RelevanceUnmeasured is about that
        }
        relevance = self._sent(RELEVANCE_NDCG10, "Average", minutes)
        low = self._alarm("RelevanceLow", relevance, objective("relevance").limit, **twice_in_three)
        change = self._sent(RELEVANCE_CHANGE, "Average", minutes)
        # rings at the first look that is worse, and is over after two that are not
        quickly = twice_in_three | {"evaluation_periods": 2, "datapoints_to_alarm": 1}
        fell = self._alarm("RelevanceFell", change, objective("judged_relevance_against_live").limit, **quickly)
        drift = self._sent(QUERY_DRIFT, "Maximum", minutes)
        drifted = self._alarm("QueriesDrifted", drift, LARGE_CHANGE, evaluation_periods=3)
        for topic in watched.retraining:
            for alarm in (low, drifted):
                alarm.add_alarm_action(aws_cloudwatch_actions.SnsAction(topic))
        return [low, fell], [drifted]

    def _sent(self, metric: Metric, statistic: str, minutes: int = 60) -> aws_cloudwatch.Metric:
        return sent(self._stage.name, metric, statistic, Duration.minutes(minutes))

    def _alarm(self, name: str, metric: aws_cloudwatch.Metric, limit: float, **given: Any) -> aws_cloudwatch.Alarm:
        """Above `limit`, and quiet where there are no data, unless told otherwise."""
        usual: dict[str, Any] = {
            "comparison_operator": ABOVE,
            "treat_missing_data": aws_cloudwatch.TreatMissingData.NOT_BREACHING,
        }
        return aws_cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"vitrine-{self._stage.name}-{name}",
            alarm_description=f"docs/runbook.md, {name}",
            metric=metric,
            threshold=limit,
            **usual | given,
        )
