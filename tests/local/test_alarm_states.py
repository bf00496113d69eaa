"""The rules of alarms, by the tables of CloudWatch's own guide; `0` holds, `X` breaches, `-` is missing."""

import pytest

from local.alarm_states import MetricAlarm

SIGNS = {"0": 0.0, "X": 9.0, "-": None}
BY_TREATMENT = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "INSUFFICIENT_DATA"
"""The state before, where the guide says that it is kept."""


def an_alarm(**given):
    described = {
        "AlarmName": "vitrine-test-One",
        "Namespace": "Vitrine/test",
        "MetricName": "Drift",
        "Dimensions": [{"Name": "service", "Value": "watch"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1.0,
    }
    return MetricAlarm.of(described | given)


def states(values, to_alarm):
    known = [SIGNS[sign] for sign in values]
    return tuple(
        an_alarm(DatapointsToAlarm=to_alarm, TreatMissingData=treatment).judged(known, KEPT)
        for treatment in BY_TREATMENT
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("0-X-X", ("OK", "OK", "OK", "OK")),
        ("0----", ("OK", "OK", "OK", "OK")),
        ("-----", ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK")),
        ("0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", ("ALARM", KEPT, "ALARM", "OK")),
    ],
)
def test_three_of_three_as_the_guide_says(values, expected):
    assert states(values, to_alarm=3) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", ("OK", "OK", "ALARM", "OK")),
        ("----0", ("OK", "OK", "ALARM", "OK")),
        ("---X-", ("ALARM", KEPT, "ALARM", "OK")),
    ],
)
def test_two_of_three_as_the_guide_says(values, expected):
    assert states(values, to_alarm=2) == expected


def test_samples_become_one_value_for_each_minute():
    samples = [(60_000, 2.0), (119_999, 5.0), (180_000, 0.5)]

    assert an_alarm().values(samples, 200_000)[-4:] == [None, 5.0, None, 0.5]
    assert an_alarm(Statistic="Average").values(samples, 200_000)[-3] == 3.5
    assert an_alarm(Statistic=None, ExtendedStatistic="p50").values(samples, 200_000)[-3] == 2.0


def test_the_minute_that_is_not_over_counts_as_soon_as_it_has_a_value():
    rings = an_alarm(EvaluationPeriods=2)

    assert rings.state([(60_000, 9.0), (120_000, 9.0)], 121_000, "OK") == "ALARM"
    assert rings.state([(0, 9.0), (60_000, 9.0)], 121_000, "OK") == "ALARM"
    assert rings.state([(0, 9.0), (60_000, 0.0)], 121_000, "ALARM") == "OK"


def test_an_alarm_is_of_its_own_dimensions_and_statistic():
    alarm = an_alarm(DatapointsToAlarm=2, Threshold=0.3, ComparisonOperator="LessThanThreshold")

    assert (alarm.dimensions, alarm.to_alarm) == ({"service": "watch"}, 2)
    assert alarm.judged([0.2, 0.3, 0.1], "OK") == "ALARM"
    assert alarm.judged([0.2, 0.3, 0.3], "ALARM") == "OK"


def test_what_is_computed_from_several_metrics_is_left_alone():
    assert MetricAlarm.of({"AlarmName": "a", "Metrics": [{"Expression": "a / b"}]}) is None
