"""trigger_retraining, from its events to the runs it starts: buckets, tables and the pipeline in moto."""

import json
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends
from pydantic import ValidationError

from functions.aws import clients
from functions.aws.catalogue_store import CatalogueStore
from functions.aws.release_store import StoreUnavailable
from functions.aws.retraining_diary import RetrainingDiary
from functions.aws.snapshots import TAKEN_ALONG, fetch
from functions.trigger_retraining import handler
from functions.trigger_retraining.settings import RetrainingSettings
from functions.trigger_retraining.trainer import Trainer
from relevance.contracts.retraining import Asked
from relevance.release import open_release
from sagemaker_jobs.graph import INPUTS
from tests.functions.conftest import create_table

PIPELINE = "vitrine-dev-training"
OLD = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def stage(settings, monkeypatch):
    """A stage that trains: its catalogue holds two products, nothing is live, nothing was ever trained."""
    clients.sagemaker.cache_clear()
    handler.trainer.cache_clear()
    known = RetrainingSettings(
        pipeline_name=PIPELINE,
        training_bucket="training",
        retraining_table="retraining",
        release_bucket=settings.release_bucket,
        pointer_table=settings.pointer_table,
        catalogue_table=settings.catalogue_table,
        run_dollars=30,
        budget_dollars_a_month=100,
        cool_down_hours=24,
        table_patience_seconds=1,
    )
    for name, value in known.to_environment().items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="training", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    create_table("retraining", "name")
    boto3.client("sagemaker").create_pipeline(
        PipelineName=PIPELINE,
        PipelineDefinition="{}",
        RoleArn="arn:aws:iam::123456789012:role/any",
        ClientRequestToken="t" * 32,
    )
    products = {name: {"objectID": name, "title": name.title()} for name in ("lamp", "mug")}
    catalogue = CatalogueStore(known.catalogue_table, "products", 1)
    catalogue.write("product", products)
    catalogue.advance()
    yield known
    clients.sagemaker.cache_clear()
    handler.trainer.cache_clear()


@pytest.fixture
def ask(stage, lambda_context):
    """Hand an event to the function; returns what it decided."""
    return lambda event: handler.lambda_handler(event, lambda_context)["decisions"]


def a_schedules_event(event_id="scheduled-1"):
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-27T12:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:123456789012:rule/weekly"],
        "detail": {},
    }


def an_alarms_event(message_id="message-1", state="ALARM", **changed):
    message = {
        "AlarmName": "vitrine-dev-QueryDrift",
        "AlarmDescription": None,
        "AWSAccountId": "123456789012",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: 0.31 was greater than 0.25",
        "OldStateValue": "OK",
        "StateChangeTime": "2026-11-27T12:00:00.000+0000",
    }
    topic = "arn:aws:sns:eu-west-1:123456789012:vitrine-dev-retrain"
    sns = {
        "SignatureVersion": "1",
        "Timestamp": "2026-11-27T12:00:01.000Z",
        "Signature": "signature",
        "SigningCertUrl": "https://sns.eu-west-1.amazonaws.com/certificate.pem",
        "MessageId": message_id,
        "Message": json.dumps(message | changed),
        "MessageAttributes": {},
        "Type": "Notification",
        "UnsubscribeUrl": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        "TopicArn": topic,
        "Subject": "ALARM",
    }
    return {
        "Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": f"{topic}:1", "Sns": sns}]
    }


def a_persons_event(**given):
    return {"why": "person", "reason": "new brands"} | given


def an_ended_runs_event():
    detail = {
        "pipelineArn": f"arn:aws:sagemaker:eu-west-1:1:pipeline/{PIPELINE}",
        "currentPipelineExecutionStatus": "Failed",
    }
    return a_schedules_event("ended-1") | {
        "detail-type": "SageMaker Model Building Pipeline Execution Status Change",
        "source": "aws.sagemaker",
        "detail": detail,
    }


def runs():
    """The pipeline's runs in moto, which takes them for done the moment they begin."""
    backend = sagemaker_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    return backend.pipelines[PIPELINE].pipeline_executions


def now_is(status, *, of=None, ended_hours_ago=0.0):
    """Say how the runs stand."""
    for arn, run in runs().items():
        if of in (None, arn):
            run.pipeline_execution_status = status
            run.last_modified_time = datetime.now() - timedelta(hours=ended_hours_ago)


def metrics_in(captured):
    """The names that were counted, from the lines that CloudWatch reads."""
    lines = [json.loads(line) for line in captured.out.splitlines() if line.startswith("{")]
    return [
        metric["Name"]
        for line in lines
        if "_aws" in line
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        if metric["Name"].startswith("Retraining")
    ]


def test_the_schedule_starts_a_run_over_the_catalogue_as_it_is(ask, tmp_path):
    (decided,) = ask(a_schedules_event())

    ((arn, run),) = runs().items()
    assert decided["decision"]["start"], decided["decision"]["reason"]
    assert decided["execution"] == arn
    assert run.pipeline_parameters == [{"Name": "snapshot", "Value": decided["snapshot"]}]
    assert "the schedule asks" in run.pipeline_execution_description
    fetch(decided["snapshot"], "training", tmp_path)
    lines = (tmp_path / "catalogue" / "products.jsonl").read_text().splitlines()
    assert [json.loads(line)["objectID"] for line in lines] == ["lamp", "mug"]
    report = json.loads((tmp_path / "catalogue" / "report.json").read_text())
    assert report == {"source": "products written through the API", "catalogue_version": 1, "products": 2}
    assert {path.name for path in tmp_path.iterdir()} == set(INPUTS)
    assert all((tmp_path / name / ".none").exists() for name in set(INPUTS) - {"catalogue"})


def test_every_input_of_the_graph_is_in_a_snapshot():
    assert {*TAKEN_ALONG, "catalogue", "live"} == set(INPUTS)


def test_a_snapshot_takes_along_the_live_release_and_what_lies_in_inputs(ask, publish, release_folder, tmp_path):
    publish(release_folder)
    boto3.client("s3").put_object(Bucket="training", Key="inputs/events/2026/11/27.jsonl", Body=b"{}\n")

    (decided,) = ask(a_schedules_event())

    fetch(decided["snapshot"], "training", tmp_path)
    assert open_release(tmp_path / "live").release_id == release_folder.name
    assert (tmp_path / "events" / "2026" / "11" / "27.jsonl").read_text() == "{}\n"
    assert decided["situation"]["data"] == {"catalogue_version": 1, "log_mb": 3e-06}
    assert decided["situation"]["live"]["release_id"] == release_folder.name


def test_the_same_event_twice_starts_one_run_and_answers_the_same(ask, capsys):
    first, again = ask(a_schedules_event()), ask(a_schedules_event())

    assert first == again
    assert len(runs()) == 1
    assert metrics_in(capsys.readouterr()) == ["RetrainingStarted"]


def test_while_a_run_is_under_way_another_trigger_is_told_which(ask, capsys):
    (first,) = ask(a_schedules_event())
    now_is("Executing")

    (second,) = ask(an_alarms_event())

    assert not second["decision"]["start"]
    assert first["execution"] in second["decision"]["reason"]
    assert len(runs()) == 1
    assert metrics_in(capsys.readouterr()) == ["RetrainingStarted", "RetrainingDeclined"]


def test_a_run_that_somebody_started_by_hand_is_under_way_too(ask):
    boto3.client("sagemaker").start_pipeline_execution(PipelineName=PIPELINE, ClientRequestToken="h" * 32)
    now_is("Executing")

    (decided,) = ask(a_schedules_event())

    assert "a run is under way" in decided["decision"]["reason"]


def test_an_alarm_that_flaps_starts_one_run(ask):
    states = ["ALARM", "OK", "ALARM", "INSUFFICIENT_DATA", "ALARM"]

    decided = [ask(an_alarms_event(f"message-{place}", state))[0] for place, state in enumerate(states)]

    assert [each["decision"]["start"] for each in decided] == [True, False, False, False, False]
    assert "is OK (Threshold Crossed: 0.31" in decided[1]["decision"]["reason"]
    assert "succeeded, and ended on" in decided[2]["decision"]["reason"]
    assert len(runs()) == 1


def test_a_run_that_failed_frees_its_place_and_is_counted_once(ask, capsys):
    ask(a_schedules_event())
    now_is("Failed")

    ended = [ask(an_ended_runs_event()) for _ in range(2)]
    (second,) = ask(a_persons_event())

    assert ended == [[], []]
    assert second["decision"]["start"]
    assert metrics_in(capsys.readouterr()) == ["RetrainingStarted", "RetrainingFailed", "RetrainingStarted"]


def test_a_run_that_sagemaker_does_not_know_any_more_frees_its_place(ask):
    ask(a_schedules_event())
    runs().clear()

    (second,) = ask(a_persons_event())

    assert second["decision"]["start"]
    assert len(runs()) == 1


def test_behind_three_failures_only_a_person_starts_a_run(ask):
    for place in range(3):
        ask(a_persons_event(trigger_id=f"person-{place}"))
        now_is("Failed", ended_hours_ago=500)
        for run in runs().values():
            run.start_time = run.creation_time = datetime.now() - timedelta(days=40)

    (scheduled,) = ask(a_schedules_event())
    (by_hand,) = ask(a_persons_event(trigger_id="person-again"))

    assert "the last 3 runs failed" in scheduled["decision"]["reason"]
    assert by_hand["decision"]["start"]


def test_a_person_may_name_a_snapshot_that_lies_there(ask):
    (decided,) = ask(a_persons_event(snapshot="2026-11-22"))

    (run,) = runs().values()
    assert decided["snapshot"] == "2026-11-22"
    assert run.pipeline_parameters == [{"Name": "snapshot", "Value": "2026-11-22"}]
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket="training")


def test_the_newest_quality_report_is_part_of_what_was_decided_on(ask, stage):
    report = {
        "made_at": "2026-11-27T11:00:00Z",
        "release": None,
        "window": {"from": "2026-11-27T10:00:00Z", "to": "2026-11-27T11:00:00Z", "searches": 420},
        "relevance": {"queries": 50, "answered_share": 1.0, "ndcg10": 0.41},
        "drift": {"outcome": "compared", "largest_psi": 0.31},
    }
    boto3.client("s3").put_object(Bucket=stage.release_bucket, Key="reports/latest.json", Body=json.dumps(report))

    (decided,) = ask(an_alarms_event())

    assert decided["situation"]["quality"]["figures"] == {"largest_psi": 0.31, "ndcg10": 0.41}
    assert "over 420 searches: largest_psi 0.31, ndcg10 0.41" in decided["decision"]["reason"]


def test_a_report_that_cannot_be_understood_is_none(ask, stage):
    boto3.client("s3").put_object(Bucket=stage.release_bucket, Key="reports/latest.json", Body=b"{}")

    (decided,) = ask(a_schedules_event())

    assert decided["situation"]["quality"] is None


def test_decisions_are_kept_for_a_year(ask, stage):
    (decided,) = ask(a_schedules_event())

    table = boto3.resource("dynamodb").Table(stage.retraining_table)
    item = table.get_item(Key={"name": "decision#scheduled-1"})["Item"]
    (kept,) = RetrainingDiary(stage.retraining_table).decisions()
    assert kept.model_dump(mode="json") == decided
    assert int(item["expires_at"]) == int((kept.decided_at + timedelta(days=365)).timestamp())


@pytest.mark.parametrize("dies_at", ["began", "keep"])
def test_a_function_that_dies_behind_the_start_is_finished_by_the_next_and_locks_nothing(
    ask, stage, monkeypatch, dies_at, capsys
):
    def die(self, record):
        raise StoreUnavailable("the function died here")

    with monkeypatch.context() as broken:
        broken.setattr(RetrainingDiary, dies_at, die)
        with pytest.raises(StoreUnavailable):
            ask(a_schedules_event())
    now_is("Executing")

    (other,) = ask(an_alarms_event())
    (same,) = ask(a_schedules_event())

    assert not other["decision"]["start"]
    assert same["decision"]["start"]
    assert same["execution"] in runs()
    assert len({run.client_request_token for run in runs().values()}) == 1  # SageMaker takes these for one run
    assert len({str(run.pipeline_parameters) for run in runs().values()}) == 1
    assert metrics_in(capsys.readouterr()) == ["RetrainingStarted", "RetrainingDeclined"]


def test_of_two_triggers_at_once_one_starts_and_the_other_says_who_was_quicker(stage, monkeypatch):
    counted = []
    trainer = Trainer(stage, counted.append)
    wishes = [Asked(trigger_id=f"event-{place}", why="person", said=f"person {place}") for place in range(2)]
    seen = trainer.look()
    together = threading.Barrier(2)

    def look_together(self):
        together.wait(timeout=10)
        return seen

    monkeypatch.setattr(Trainer, "look", look_together)
    monkeypatch.setattr(Trainer, "_lay_down", lambda *_: "snapshot")
    decided = []
    threads = [
        threading.Thread(target=lambda wish=wish: decided.append(trainer.consider(wish, datetime.now(UTC))))
        for wish in wishes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = [record for record in decided if record.decision.start]
    (loser,) = [record for record in decided if not record.decision.start]
    assert loser.decision.reason == f"{loser.asked.said}, but another trigger was quicker: {winner.asked.said}"
    assert loser.snapshot is None
    assert len(runs()) == 1
    assert sorted(each.name for each in counted) == ["RetrainingDeclined", "RetrainingStarted"]


def test_what_is_no_alarm_no_schedule_and_no_person_is_refused(ask):
    with pytest.raises(ValidationError, match="AlarmName"):
        ask(an_alarms_event() | {"Records": [_with_message(an_alarms_event()["Records"][0], "hello")]})
    with pytest.raises(ValueError, match="'EC2 Instance State-change Notification': expected 'Scheduled Event'"):
        ask(a_schedules_event() | {"detail-type": "EC2 Instance State-change Notification"})
    with pytest.raises(ValidationError, match="reason"):
        ask({"why": "person"})
    assert not runs()


def _with_message(record, message):
    return record | {"Sns": record["Sns"] | {"Message": json.dumps({"text": message})}}


def test_a_pipeline_that_is_not_there_is_named(ask, monkeypatch, stage):
    boto3.client("sagemaker").delete_pipeline(PipelineName=PIPELINE, ClientRequestToken="d" * 32)

    with pytest.raises(StoreUnavailable, match=PIPELINE):
        ask(a_schedules_event())
