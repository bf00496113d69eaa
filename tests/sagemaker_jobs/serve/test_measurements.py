import json

from sagemaker_jobs.serve.lane import Batch
from sagemaker_jobs.serve.measurements import Measurements


def test_a_line_is_cloudwatchs_format_and_its_figures_are_those_of_the_minute():
    measurements = Measurements("Vitrine/dev")
    for latency_ms in (10.0, 20.0, 30.0):
        measurements.answered("encode_query", latency_ms)
    measurements.computed("encode_query", Batch(size=3, waited_ms=(1.0, 2.0, 3.0), took_ms=9.0))
    measurements.refused("Overloaded")

    line = json.loads(measurements.line(1_700_000_000_000))

    (about,) = line["_aws"]["CloudWatchMetrics"]
    assert about["Namespace"] == "Vitrine/dev"
    assert about["Dimensions"] == [["service"]]
    assert line["service"] == "endpoint"
    units = {metric["Name"]: metric["Unit"] for metric in about["Metrics"]}
    assert units["EncodeQueryLatencyP50Ms"] == "Milliseconds"
    assert units["RefusedOverloaded"] == "Count"
    assert {name: line[name] for name in units} == {
        "EncodeQueryAnswered": 3,
        "EncodeQueryLatencyP50Ms": 20.0,
        "EncodeQueryLatencyP99Ms": 29.8,
        "EncodeQueryQueueWaitP50Ms": 2.0,
        "EncodeQueryQueueWaitP99Ms": 2.98,
        "EncodeQueryBatches": 1,
        "EncodeQueryBatchSizeMean": 3.0,
        "RefusedOverloaded": 1,
    }


def test_a_minute_without_requests_has_no_line_and_the_totals_stay():
    measurements = Measurements("Vitrine/dev")
    measurements.answered("score", 5.0)

    measurements.line(0)

    assert measurements.line(60_000) is None
    assert measurements.totals() == {"answered": {"score": 1}, "refused": {}, "since_last_line": {}}
