"""The watch over quality, against the real front door behind a real HTTP server, and its log in moto."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import boto3
import pytest

from functions.assemble_results import handler as front_door
from functions.aws.key_store import read_keys, write_keys
from functions.aws.quality_store import QualityStore
from functions.keys import KeyRing
from functions.monitor_quality import handler
from functions.monitor_quality.asking import Api, ask_all
from functions.monitor_quality.check import check_quality, last_whole, window_before
from functions.monitor_quality.settings import QualitySettings
from functions.observability import logger
from relevance.contracts.quality import LATEST, DriftFound, QualityReport
from relevance.drift import LARGE_CHANGE
from relevance.quality_report import as_markdown
from relevance.release import open_release
from relevance.traffic_drift import LEAST_SEARCHES
from sagemaker_jobs.baseline import make_baseline
from sagemaker_jobs.release_copies import copied
from tests.api_gateway import ApiGateway, Context
from tests.builders import a_release, an_http_event
from tests.sagemaker_jobs.derived_shop import BRANDS, COLOURS, KINDS, made_up_shop
from tests.sagemaker_jobs.training_results import a_query, write_dataset

LOG_GROUP = "/vitrine/test/assemble_results"
NOW = datetime.now(UTC).replace(microsecond=0)
KNOWN = [f"{brand} {kind} {colour}" for kind in KINDS for brand in BRANDS for colour in COLOURS]
KETTLES = [f"{brand} kettle {colour} {kg}kg" for brand in BRANDS for colour in COLOURS for kg in range(1, 6)]


class Quiet(WSGIRequestHandler):
    """Answers without a word on standard error, and tells the application what was asked as it was written."""

    def get_environ(self) -> dict[str, str]:
        return super().get_environ() | {"REQUEST_URI": self.path}

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """The same release, without and with a baseline."""
    folder = tmp_path_factory.mktemp("watched")
    without = a_release(folder, made_up_shop(2), weights={"fused": 1.0})
    queries = {a_query(text, split="train", origin="log", asked=5): {} for text in KNOWN}
    dataset = write_dataset(folder / "dataset", made_up_shop(2), queries)
    made = make_baseline(open_release(without), dataset, seed=1, say=lambda _: None)
    return without, copied(without, folder / "with", adding=made.write)


@pytest.fixture
def api() -> Iterator[str]:
    """The address of a server behind which the front door answers."""
    with make_server("127.0.0.1", 0, ApiGateway(), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(settings, api, monkeypatch) -> QualitySettings:
    """Settings of the watch, in the environment as well; the front door's log is there, and empty."""
    told = QualitySettings(
        release_bucket=settings.release_bucket,
        pointer_table=settings.pointer_table,
        key_parameter=settings.key_parameter,
        api_address=api,
        api_id="api",
        log_group=LOG_GROUP,
        window_minutes=120,
        queries_per_second=1000,
    )
    for name, value in told.to_environment().items():
        monkeypatch.setenv(name, value)
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="one")
    return told


@pytest.fixture
def live(install, settings):
    """Make a release live that was downloaded before; what the watch reads of it lies in the bucket."""

    def publish(folder):
        install(folder)
        for file in (folder / "baseline").glob("*"):
            key = f"releases/{folder.name}/baseline/{file.name}"
            boto3.client("s3").upload_file(str(file), settings.release_bucket, key)

    return publish


@pytest.fixture
def written(monkeypatch):
    """What functions write into their log from here on."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@pytest.fixture
def searched(lambda_context, written):
    """Have shoppers search, and put what the front door says of it into its log."""

    def search(queries, at=NOW - timedelta(minutes=5), **parameters):
        written.seek(0)
        written.truncate()
        for query in queries:
            event = an_http_event("POST", "/1/indexes/products/query", {"query": query} | parameters)
            assert front_door.lambda_handler(event, lambda_context)["statusCode"] == 200
        lines = written.getvalue().splitlines()
        milliseconds = int(at.timestamp() * 1000)
        boto3.client("logs").put_log_events(
            logGroupName=LOG_GROUP,
            logStreamName="one",
            logEvents=[{"timestamp": milliseconds, "message": line} for line in lines],
        )
        return lines

    return search


def checked(watched):
    return check_quality(watched, window_before(NOW, 60), now=NOW).report


def metrics_in(printed):
    """Every metric of the lines that CloudWatch would read, by name."""
    found = {}
    for line in printed.splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        for group in said.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in group["Metrics"]:
                found.setdefault(metric["Name"], []).extend(said[metric["Name"]])
    return found


def test_shoppers_who_ask_what_the_release_was_made_for_move_nothing(watched, live, releases, searched):
    live(releases[1])
    searched(KNOWN * 4)

    drift = checked(watched).drift

    assert drift.outcome == "compared"
    assert (drift.query_drift, drift.score_drift, drift.moved) == (0, 0, ())


def test_shoppers_who_ask_something_else_are_named_by_what_they_ask(watched, live, releases, searched):
    live(releases[1])
    searched(KNOWN * 2)
    searched(KETTLES * 4)

    drift = checked(watched).drift

    assert drift.query_drift > LARGE_CHANGE
    (most, *_) = [one for one in drift.moved if one.share is not None]
    assert "kettle" in most.said
    assert most.share > 2 * most.share_before


def test_answers_given_a_second_time_are_traffic_too(watched, live, releases, searched):
    live(releases[1])

    lines = searched(KNOWN * 2)

    assert sum('"remembered":true' in line for line in lines) == len(KNOWN)
    assert checked(watched).window.searches == 2 * len(KNOWN)


def test_the_log_tells_numbers_and_no_query(watched, live, releases, searched):
    live(releases[1])

    lines = searched(["Acorn kettle black"])

    (line,) = [json.loads(line) for line in lines if '"searched"' in line]
    assert {"tokens": 3, "filtered": False, "unknown": 0}.items() <= line.items()
    assert {"topic", "nearness", "cosine", "fused", "score"} <= line.keys()
    assert "kettle" not in json.dumps(line).lower()


@pytest.mark.parametrize(
    "parameters", [{"page": 1}, {"analytics": False}, {"query": ""}], ids=["second page", "no analytics", "browsing"]
)
def test_a_search_that_cannot_be_compared_is_not_counted(watched, live, releases, searched, parameters):
    live(releases[1])
    searched(KNOWN[:10], **parameters)

    assert checked(watched).window.searches == 0


def test_under_a_filter_only_what_was_asked_is_compared(watched, live, releases, searched):
    live(releases[1])
    searched(KNOWN * 4, filters="brand:Acorn")

    drift = checked(watched).drift

    assert {one.name for one in drift.compared} == {"tokens", "unknown tokens", "nearness", "topic", "vector"}


def test_one_query_sent_again_and_again_says_nothing(watched, live, releases, searched):
    live(releases[1])
    searched(["red kettle"] * (LEAST_SEARCHES + 50))

    report = checked(watched)

    assert report.window.searches == LEAST_SEARCHES + 50
    assert report.drift == DriftFound(outcome="not enough searches", baseline_origin="log")


def test_no_traffic_at_all_says_nothing(watched, live, releases):
    live(releases[1])

    assert checked(watched).drift.outcome == "not enough searches"


def test_what_lies_outside_the_window_is_not_looked_at(watched, live, releases, searched):
    live(releases[1])
    searched(KNOWN, at=NOW - timedelta(minutes=61))

    assert checked(watched).window.searches == 0


def test_a_release_without_a_baseline_is_compared_with_nothing(watched, live, releases, searched):
    live(releases[0])
    searched(KNOWN[:5])

    report = checked(watched)

    assert report.drift == DriftFound(outcome="no baseline")
    assert report.window.searches == 5


def test_a_log_that_cannot_be_read_leaves_relevance_measured(watched, live, releases):
    live(releases[1])
    QualityStore(watched.release_bucket).put_judgments({"Acorn kettle black": {"p0": 3.0}})

    report = checked(watched.model_copy(update={"log_group": "/vitrine/absent"}))

    assert report.drift == DriftFound(outcome="not read")
    assert report.relevance.answered_share == 1


def test_judged_queries_are_asked_over_the_api_and_worth_what_their_ratings_say(watched, live, releases, capsys):
    live(releases[1])
    asked = an_http_event("POST", "/1/indexes/products/query", {"query": "kettle"})
    first, *_ = json.loads(front_door.lambda_handler(asked, Context())["body"])["hits"]
    judgments = {"kettle": {first["objectID"]: 3.0}, "desk lamp": {"p-unknown": 3.0}}
    QualityStore(watched.release_bucket).put_judgments(judgments)
    handler.lambda_handler({}, Context())

    found = metrics_in(capsys.readouterr().out)

    assert found["RelevanceNdcg10"] == [0.5]  # the best order for one, for the other nothing that was rated
    assert found["RelevanceAnsweredShare"] == [1]
    assert found["RelevanceZeroHitShare"] == [0]
    assert len(found["RelevanceAskedMilliseconds"]) == 2
    assert "QueryDrift" not in found  # nobody searched


def test_the_watchs_own_queries_are_no_traffic(watched, live, releases, written):
    live(releases[1])
    QualityStore(watched.release_bucket).put_judgments({"kettle": {"p1": 3.0}})
    checked(watched)

    (line,) = [json.loads(line) for line in written.getvalue().splitlines() if '"searched"' in line]

    assert "tokens" not in line


def test_an_api_that_is_down_answers_nothing_and_that_is_said(watched, live, releases, monkeypatch, capsys):
    live(releases[1])
    QualityStore(watched.release_bucket).put_judgments({"kettle": {"p1": 3.0}})
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and nobody listens
        monkeypatch.setenv("API_ADDRESS", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        handler.lambda_handler({}, Context())

    found = metrics_in(capsys.readouterr().out)

    assert found["RelevanceAnsweredShare"] == [0]
    assert "RelevanceNdcg10" not in found


def test_without_judgments_nothing_is_said_of_relevance(watched, live, releases, capsys):
    live(releases[1])

    handler.lambda_handler({}, Context())

    assert not {name for name in metrics_in(capsys.readouterr().out) if name.startswith("Relevance")}


def test_without_a_parent_key_the_traffic_is_compared_all_the_same(watched, live, releases, searched):
    live(releases[1])
    QualityStore(watched.release_bucket).put_judgments({"kettle": {"p1": 3.0}})
    searched(KNOWN * 4)
    write_keys(watched.key_parameter, KeyRing())

    report = checked(watched)

    assert (report.relevance.queries, report.relevance.answered_share) == (0, 0)
    assert report.drift.outcome == "compared"


def test_a_fall_shows_beside_what_was_usual_and_is_named(watched, live, releases, capsys):
    live(releases[1])
    asked = an_http_event("POST", "/1/indexes/products/query", {"query": "kettle"})
    first, *_, last = json.loads(front_door.lambda_handler(asked, Context())["body"])["hits"]
    store = QualityStore(watched.release_bucket)
    store.put_judgments({"kettle": {first["objectID"]: 3.0}})
    for _ in range(3):
        handler.lambda_handler({}, Context())
    found = metrics_in(capsys.readouterr().out)["RelevanceChange"]
    store.put_judgments({"kettle": {last["objectID"]: 3.0}})  # as if the order had been turned round

    handler.lambda_handler({}, Context())

    (fell,) = metrics_in(capsys.readouterr().out)["RelevanceChange"]
    assert found == [0, 0]  # the first look has nothing to be held against
    assert fell < -0.5
    report = store.latest()
    assert "- kettle: 0." in as_markdown(report)
    assert report.relevance.by_query[0].usual == 1
    assert report.broken


def test_other_searches_that_bring_worse_answers_are_nothing_broken(watched, live, releases, searched):
    live(releases[1])
    asked = an_http_event("POST", "/1/indexes/products/query", {"query": "kettle"})
    first, *_, last = json.loads(front_door.lambda_handler(asked, Context())["body"])["hits"]
    store = QualityStore(watched.release_bucket)
    store.put_judgments({"kettle": {first["objectID"]: 3.0}})
    store.write(checked(watched))
    searched(KETTLES * 8)
    store.put_judgments({"kettle": {last["objectID"]: 3.0}})

    report = checked(watched)

    assert report.relevance.change < -0.5
    assert report.drift.query_drift > LARGE_CHANGE
    assert not report.broken


def test_what_could_not_be_asked_keeps_what_was_usual(watched, live, releases, capsys):
    live(releases[1])
    store = QualityStore(watched.release_bucket)
    store.put_judgments({"kettle": {"p1": 3.0}})
    ring, _ = read_keys(watched.key_parameter)
    for keys in (ring, KeyRing(), ring):
        write_keys(watched.key_parameter, keys)
        handler.lambda_handler({}, Context())

    found = metrics_in(capsys.readouterr().out)

    assert found["RelevanceAnsweredShare"] == [1, 0, 1]
    assert found["RelevanceChange"] == [0]


def test_two_runs_of_one_hour_leave_one_report(watched, live, releases):
    live(releases[1])

    first, second = (handler.lambda_handler({}, Context())["report"] for _ in range(2))

    listed = boto3.client("s3").list_objects_v2(Bucket=watched.release_bucket, Prefix="reports/")["Contents"]
    assert first == second
    assert {each["Key"] for each in listed} == {first, first.replace(".json", ".md"), LATEST}


def a_report(made_at, ends_at, release="r1"):
    return QualityReport(
        made_at=made_at,
        release=release,
        window=window_before(ends_at, 60),
        relevance=None,
        drift=DriftFound(outcome="no baseline"),
    )


def test_a_late_report_of_an_earlier_hour_is_not_the_latest(watched):
    store = QualityStore(watched.release_bucket)
    store.write(a_report(NOW, NOW - timedelta(hours=1), "newer"))
    store.write(a_report(NOW, NOW - timedelta(hours=2), "older"))

    assert store.latest().release == "newer"


def test_a_report_from_the_future_is_not_the_latest_for_long(watched):
    store = QualityStore(watched.release_bucket)
    store.write(a_report(NOW + timedelta(days=9), NOW + timedelta(days=9), "from a clock that was ahead"))
    store.write(a_report(NOW, last_whole(60, NOW), "now"))

    assert store.latest().release == "now"


def test_a_report_can_be_read_by_people(watched, live, releases, searched):
    live(releases[1])
    QualityStore(watched.release_bucket).put_judgments({"kettle": {"p1": 3.0}})
    searched(KETTLES * 6)
    report = checked(watched)

    key = QualityStore(watched.release_bucket).write(report).replace(".json", ".md")

    page = boto3.client("s3").get_object(Bucket=watched.release_bucket, Key=key)["Body"].read().decode()
    assert "nDCG@10" in page
    assert all(one.said in page for one in report.drift.moved)


def test_queries_are_paced_and_end_when_the_time_is_up():
    passed, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        passed[0] += seconds

    asked = ask_all(
        Api("http://127.0.0.1:9", "products", "key", lambda: passed[0]),
        [f"query {number}" for number in range(100)],
        per_second=4,
        seconds=5,
        clock=lambda: passed[0],
        sleep=sleep,
    )

    assert asked.queries == 20
    assert slept == pytest.approx([0.25] * 20)
