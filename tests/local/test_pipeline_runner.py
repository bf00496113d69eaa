"""SageMaker's pipelines on a laptop, asked with real boto3; a small program stands for the training."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from aiohttp.test_utils import TestServer
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.aws import clients
from functions.aws.pipelines import Pipeline
from functions.aws.release_pointer import read_record
from local import pipeline_runner
from local.folders import LocalFolder
from local.lock import alone
from local.pipeline_runner import (
    PIPELINE,
    LocalTraining,
    PipelineRunner,
    RunFailed,
    make_server,
    publish_registered,
    told_of,
)
from local.processes import ServerProcess, start_mark
from local.state import LocalState
from local.train import FAILED, MISSED
from local.training_run import Run

TOKEN = "t" * 32
PATIENCE_SECONDS = 60


@pytest.fixture
def folder(tmp_path):
    return LocalFolder(tmp_path / "local")


def bring(folder: LocalFolder, name: str, to: Path) -> None:
    """A snapshot with a catalogue and a log, and nothing else."""
    for each, file in (("catalogue", "export.json"), ("events", "27.jsonl"), ("live", ".none")):
        (to / each).mkdir(parents=True)
        (to / each / file).write_text(name)


def a_training(folder: LocalFolder, program: str, published: list[LocalFolder] | None = None) -> LocalTraining:
    """One that runs a program in place of `local.train`."""

    def publish(where: LocalFolder) -> str:
        if published is not None:
            published.append(where)
        return "release-1"

    return LocalTraining(folder, (sys.executable, "-c", program), bring, publish)


def talk(runner: PipelineRunner, questions: Callable[[str], None]) -> None:
    """Ask the server that a runner stands behind, from another thread, as another process would."""

    async def run() -> None:
        async with TestServer(make_server(runner), host="127.0.0.1") as server:
            await asyncio.to_thread(questions, f"http://127.0.0.1:{server.port}")

    asyncio.run(run())


@pytest.fixture
def ask(folder, monkeypatch):
    """A function that runs questions against a runner, with our own pipeline in their hands."""

    def run(training: LocalTraining, questions: Callable[[Pipeline], None]) -> None:
        def with_client(address: str) -> None:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", address)
            clients.sagemaker.cache_clear()
            questions(Pipeline(PIPELINE))
            clients.sagemaker.cache_clear()

        talk(PipelineRunner(PIPELINE, folder.root / "pipelines" / "executions.json", training), with_client)

    return run


def ended(pipeline: Pipeline, execution: str) -> str:
    """The status of a run behind its end."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (status := pipeline.run(execution).status) == "Executing":
        assert time.monotonic() < until, "the run did not end"
    return status


def failure_of(execution: str) -> str:
    return clients.sagemaker().describe_pipeline_execution(PipelineExecutionArn=execution)["FailureReason"]


def test_a_run_trains_on_its_snapshot_publishes_and_succeeds(folder, ask, tmp_path):
    published = []
    program = f"import json, os; json.dump(dict(os.environ), open({str(tmp_path / 'told')!r}, 'w'))"

    def questions(pipeline):
        execution = pipeline.start(TOKEN, "snapshot-1", "a person asks (new brands)")
        assert ended(pipeline, execution) == "Succeeded"
        (run,) = pipeline.recent()
        assert (run.execution, run.status) == (execution, "Succeeded")
        assert run.ended_at >= run.started_at

    ask(a_training(folder, program, published), questions)

    told = json.loads((tmp_path / "told").read_text())
    assert told["EXPORT"].endswith("snapshot/catalogue")
    assert told["EVENTS"].endswith("snapshot/events")
    assert "LIVE" not in told
    assert published == [folder]
    assert not list(folder.root.glob("pipelines/*/snapshot"))


@pytest.mark.parametrize(
    ("code", "told"), [(MISSED, "the gate did not let the release through"), (FAILED, "the training ended with 1")]
)
def test_a_run_whose_training_does_not_register_fails_with_its_last_lines_and_publishes_nothing(
    folder, ask, code, told
):
    published = []

    def questions(pipeline):
        execution = pipeline.start(TOKEN, "snapshot-1", "why")
        assert ended(pipeline, execution) == "Failed"
        assert told in failure_of(execution)
        assert "relevance is 0.2" in failure_of(execution)

    ask(a_training(folder, f"import sys; print('relevance is 0.2'); sys.exit({code})", published), questions)

    assert published == []


def test_the_same_token_is_the_same_run_and_another_waits_for_its_end(folder, ask, tmp_path):
    end = tmp_path / "end"
    program = f"import os, time\nwhile not os.path.exists({str(end)!r}): time.sleep(0.05)"

    def questions(pipeline):
        execution = pipeline.start(TOKEN, "snapshot-1", "why")
        assert pipeline.start(TOKEN, "snapshot-1", "why") == execution
        with pytest.raises(Exception, match=f"{execution} is at work: expected one run at a time"):
            pipeline.start("u" * 32, "snapshot-2", "why")
        end.touch()
        assert ended(pipeline, execution) == "Succeeded"
        assert pipeline.start("u" * 32, "snapshot-2", "why") != execution

    ask(a_training(folder, program), questions)


def test_a_run_ends_with_the_server_and_stays_on_record(folder, ask):
    def begin(pipeline):
        pipeline.start(TOKEN, "snapshot-1", "why")

    def look(pipeline):
        (run,) = pipeline.recent()
        assert run.status == "Stopped"

    ask(a_training(folder, "import time; time.sleep(600)"), begin)

    ask(a_training(folder, ""), look)


def test_a_run_that_a_killed_server_left_behind_has_failed(folder, ask):
    record = folder.root / "pipelines" / "executions.json"
    record.parent.mkdir(parents=True)
    left = {"arn": "run-1", "token": TOKEN, "snapshot": "s", "why": "w", "began": 1.0, "changed": 1.0}
    record.write_text(json.dumps([left]))

    def questions(pipeline):
        (run,) = pipeline.recent()
        assert run.status == "Failed"
        assert "ended while it ran" in failure_of("run-1")

    ask(a_training(folder, ""), questions)


def test_what_is_not_known_is_refused_as_sagemaker_would(folder, ask):
    def questions(pipeline):
        client = clients.sagemaker()
        assert pipeline.run("run-9") is None
        for ask_wrongly, told in (
            (lambda: client.list_pipeline_executions(PipelineName="other"), "ResourceNotFound.*expected vitrine-local"),
            (lambda: client.list_endpoints(), "UnknownOperation"),
            (
                lambda: client.start_pipeline_execution(PipelineName=PIPELINE, ClientRequestToken=TOKEN),
                "expected snapshot alone",
            ),
        ):
            with pytest.raises(ClientError, match=told):
                ask_wrongly()
        assert pipeline.recent() == ()

    ask(a_training(folder, ""), questions)


def test_a_snapshot_that_a_person_laid_down_is_read_as_a_file_of_products(tmp_path):
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "products.jsonl").touch()

    assert told_of(tmp_path) == {"CATALOGUE": str(tmp_path / "catalogue" / "products.jsonl")}


@pytest.fixture
def local_cloud(folder, monkeypatch):
    """A bucket and a table as the running local cloud has them; this process stands for the emulator."""
    monkeypatch.setattr(pipeline_runner, "reach", lambda state: None)
    state = LocalState(folder.state_file, outputs={"ReleaseBucket": "releases", "PointerTable": "pointer"})
    state.servers["cloud"] = ServerProcess("cloud", os.getpid(), start_mark(os.getpid()))
    state.write()
    cached = (clients.s3, clients.dynamodb)
    with mock_aws():
        for each in cached:
            each.cache_clear()
        boto3.client("s3").create_bucket(
            Bucket="releases", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        boto3.client("dynamodb").create_table(
            TableName="pointer",
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield
    for each in cached:
        each.cache_clear()


def a_run_that_registered(folder: LocalFolder, release: Path) -> None:
    """As `local.train` leaves it."""
    training = folder.root / "training"
    run = Run.begin(training / "runs", "export-catalogue-small", {})
    result = training / "steps" / "evaluate" / "key" / "result"
    for place in (result, training / "registered"):
        place.mkdir(parents=True)
        (place / release.name).symlink_to(release)
    run.step("evaluate", "done", result.parent)
    run.ended("registered")


def test_what_was_registered_last_is_live_on_the_local_cloud(folder, local_cloud, release_folder):
    a_run_that_registered(folder, release_folder)

    published = publish_registered(folder)

    assert published == release_folder.name == read_record("pointer", "products").live
    assert LocalState.read(folder.state_file).published == published


def test_while_another_command_is_at_work_nothing_is_published_and_the_command_for_later_is_named(
    folder, local_cloud, release_folder
):
    a_run_that_registered(folder, release_folder)

    with alone(folder), pytest.raises(RunFailed, match=f"vitrine release publish .*{release_folder.name}"):
        publish_registered(folder)

    assert read_record("pointer", "products").live is None
