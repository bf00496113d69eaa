"""What state an alarm is in, by CloudWatch's rules: how many of the last values must breach, and what a gap counts as.

Source:
    "Configuring how CloudWatch alarms treat missing data", Amazon CloudWatch User Guide; its tables are the tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from local.metric_statistics import STATISTICS, statistic

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

EXTRA_PERIODS: Final = 2
"""So many more than are evaluated are looked at, for values in place of missing ones."""

_BREACHES: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
}


@dataclass(frozen=True)
class MetricAlarm:
    """An alarm on one metric, as `describe_alarms` tells of it."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period_seconds: int
    periods: int
    """How many values are evaluated."""
    to_alarm: int
    """How many of them must breach."""
    comparison: str
    limit: float
    missing: str
    """`breaching`, `notBreaching`, `ignore` or `missing`."""

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self | None:
        """None for one whose values are computed from several metrics, or a statistic that is not known here."""
        named = described.get("Statistic") or described.get("ExtendedStatistic", "")
        if "MetricName" not in described or (named not in STATISTICS and not named.startswith("p")):
            return None
        return cls(
            name=described["AlarmName"],
            namespace=described["Namespace"],
            metric=described["MetricName"],
            dimensions={each["Name"]: each["Value"] for each in described.get("Dimensions", ())},
            statistic=named,
            period_seconds=described["Period"],
            periods=described["EvaluationPeriods"],
            to_alarm=described.get("DatapointsToAlarm") or described["EvaluationPeriods"],
            comparison=described["ComparisonOperator"],
            limit=described["Threshold"],
            missing=described.get("TreatMissingData") or "missing",
        )

    def state(self, samples: Sequence[tuple[int, float]], now_ms: int, before: State) -> State:
        """The state at a moment, given the one before it.

        Args:
            samples: Moments in ms since the epoch, and values; in any order.
            now_ms: The period that this lies in counts as well, once it has a value.
            before: Kept where nothing says anything.
        """
        values = self.values(samples, now_ms)
        return self.judged(values if values[-1] is not None else values[:-1], before)

    def looks_back_to_ms(self, now_ms: int) -> int:
        """Where the oldest period begins that is looked at."""
        length_ms = self.period_seconds * 1000
        return (now_ms // length_ms - self.periods - EXTRA_PERIODS) * length_ms

    def values(self, samples: Sequence[tuple[int, float]], now_ms: int) -> list[float | None]:
        """Of each period that is looked at, the oldest first; None where it has no sample."""
        length_ms = self.period_seconds * 1000
        numbers = range(self.looks_back_to_ms(now_ms) // length_ms, now_ms // length_ms + 1)
        by_period: dict[int, list[float]] = {number: [] for number in numbers}
        for at_ms, value in samples:
            if (number := at_ms // length_ms) in by_period:
                by_period[number].append(value)
        return [statistic(self.statistic, each) if each else None for each in by_period.values()]

    def judged(self, values: Sequence[float | None], before: State) -> State:
        """The state that so many values make, the newest last; None where a period has none."""
        looked_at = values[-(self.periods + EXTRA_PERIODS) :]
        breaching = [_BREACHES[self.comparison](each, self.limit) for each in looked_at if each is not None]
        breaching = breaching[-self.periods :]
        missing = self.periods - len(breaching)
        if self.missing == "breaching":
            return "ALARM" if sum(breaching) + missing >= self.to_alarm else "OK"
        if sum(breaching) >= self.to_alarm:
            return "ALARM"
        if self.missing == "notBreaching" or not all(breaching):
            return "OK"
        if self.missing == "ignore":
            return before
        return "ALARM" if breaching else "INSUFFICIENT_DATA"
