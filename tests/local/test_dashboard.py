"""The local cloud's dashboards: what functions wrote becomes numbers and one picture."""

import json

import pytest

from local.dashboard_plots import STEPS, Series, Window, draw, series_of
from local.metric_lines import Line, samples
from local.metric_statistics import statistic

GROUP = "/vitrine/local/assemble_results"
FRONT_DOOR = {"service": "assemble_results"}


def a_metric_line(at_ms=1_000, service="assemble_results", **values):
    """What Powertools writes for one invocation."""
    directive = {
        "Namespace": "Vitrine/local",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
    }
    aws = {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}
    return Line(GROUP, at_ms, json.dumps({"_aws": aws, "service": service, **values}))


def a_panel(*metrics, **properties):
    """A widget as CDK writes it."""
    shown = {"title": "Searches", "metrics": [list(metric) for metric in metrics], **properties}
    return {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": shown}


def test_values_are_read_from_metric_lines_and_other_lines_are_passed_over():
    lines = [
        a_metric_line(SearchesAnswered=[1.0, 1.0], SearchMilliseconds=7.5),
        Line(GROUP, 1_000, "START RequestId: 1 Version: $LATEST"),
        Line(GROUP, 1_000, '{"message": "said \\"_aws\\""}'),
        Line(GROUP, 1_000, '{"_aws": broken'),
    ]

    found = samples(lines, {})

    assert found.of("Vitrine/local", "SearchesAnswered", FRONT_DOOR) == [(1_000, 1.0), (1_000, 1.0)]
    assert found.of("Vitrine/local", "SearchMilliseconds", FRONT_DOOR) == [(1_000, 7.5)]
    assert found.of("Vitrine/local", "SearchMilliseconds", {"service": "another"}) == []


def test_durations_are_read_from_what_lambda_reports_under_the_functions_name():
    reported = Line(GROUP, 2_000, "REPORT RequestId: 1-2\tDuration: 12.5 ms\tBilled Duration: 13 ms")

    found = samples([reported], {GROUP: "the-function"})

    assert found.of("AWS/Lambda", "Duration", {"FunctionName": "the-function"}) == [(2_000, 12.5)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Average", 2.5), ("Sum", 10.0), ("Minimum", 1.0), ("Maximum", 4.0), ("SampleCount", 4.0), ("p50", 2.0)],
)
def test_statistics_are_cloudwatchs(name, expected):
    assert statistic(name, [4.0, 1.0, 3.0, 2.0]) == expected


def test_a_panels_metrics_find_their_values_by_namespace_name_and_dimensions():
    sent = samples([a_metric_line(SearchesAnswered=1.0)], {})
    panel = a_panel(
        ("Vitrine/local", "SearchesAnswered", "service", "assemble_results", {"stat": "Sum", "label": "searches"}),
        ("Vitrine/local", "SearchesAnswered", "service", "another"),
        ({"expression": "a / b", "label": "a share"},),
    )

    found = list(series_of(panel, sent))

    assert found == [Series("searches", "Sum", [(1_000, 1.0)]), Series("SearchesAnswered", "Average", [])]


def test_only_what_is_within_the_window_counts_in_the_step_where_it_was_sent():
    window = Window(0, STEPS * 1_000)
    series = Series(
        "searches", "Sum", [(-1, 5.0), (0, 1.0), (999, 2.0), (STEPS * 1_000 - 1, 3.0), (STEPS * 1_000, 9.0)]
    )

    steps = series.steps(window)

    assert (steps[0], steps[1], steps[-1]) == (3.0, None, 3.0)
    assert series.over(window) == 6.0


def test_a_dashboard_becomes_a_picture_and_says_how_much_of_it_was_filled(tmp_path):
    sent = samples([a_metric_line(SearchesAnswered=1.0), a_metric_line(at_ms=30_000, SearchesAnswered=2.0)], {})
    metric = ("Vitrine/local", "SearchesAnswered", "service", "assemble_results", {"stat": "Sum"})
    limit = {"horizontal": [{"value": 1.5, "label": "a limit"}]}
    text = {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": "# Head"}}
    log = a_panel() | {"type": "log"}
    panels = [a_panel(metric, annotations=limit), a_panel(metric, stacked=True), a_panel(metric, view="singleValue")]
    empty = a_panel(("Vitrine/local", "NeverSent"))

    filled = draw({"widgets": [text, *panels, empty, log]}, sent, Window(0, 60_000), tmp_path / "picture.png")

    assert filled == 3
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
