"""SageMaker's pipelines on a laptop: three calls of its API, answered by really training here, one run at a time.

`python -m local.pipeline_runner --port 8110`

The emulator knows no SageMaker, so its functions find this server under `AWS_ENDPOINT_URL_SAGEMAKER`. A run reads its
snapshot from the emulator's bucket (`catalogue`, `events`, `base` and `live`; `make train` finds the other inputs by
itself), is `python -m local.train` in the configuration that CONFIG names, and ends as that does. What the gate let
through is published on the local cloud: here nobody waits for an approval.
"""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
import uuid
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from functions.aws.pipelines import SNAPSHOT
from functions.aws.release_pointer import publish_release
from functions.aws.snapshots import NONE, fetch
from local.cloud import ACCOUNT, REGION, STAGE, reach
from local.folders import PROJECT, LocalFolder
from local.lock import alone
from local.progress import StepFailed, last_lines
from local.release import INDEX_NAME
from local.state import LocalState
from local.train import MISSED, REGISTERED
from local.training_inputs import TrainingFolder
from local.training_run import Run
from local.training_summary import release_of
from relevance.errors import VitrineError

PIPELINE = f"vitrine-{STAGE}-training"
TRAIN = (sys.executable, "-m", "local.train")
NAMED = {"events": "EVENTS", "base": "BASE", "live": "LIVE"}
"""Input of a snapshot -> the variable by which `local.train` is told of it."""
RUNNING = "Executing"


class RunFailed(VitrineError):
    """A run that did not end with a release that serves."""


class ApiError(VitrineError):
    """What the API refuses, by SageMaker's own name of the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Execution:
    """One run, as it is written to disk."""

    arn: str
    token: str
    """Started again with the same one, it is the same run."""
    snapshot: str
    why: str
    began: float
    changed: float
    status: str = RUNNING
    failure: str = ""


Perform = Callable[[Execution], Awaitable[None]]
"""Carries a run out; raises RunFailed."""


class PipelineRunner:
    """The runs of one pipeline; their record survives this process, and what it was at work on has failed then."""

    def __init__(self, name: str, record: Path, perform: Perform, clock: Callable[[], float] = time.time) -> None:
        self._name, self._record, self._perform, self._clock = name, record, perform, clock
        self._task: asyncio.Task[None] | None = None
        stored = json.loads(record.read_text(encoding="utf-8")) if record.exists() else []
        self._executions = {each["arn"]: Execution(**each) for each in stored}
        for each in [one for one in self._executions.values() if one.status == RUNNING]:
            self._changed(each, "Failed", "the pipeline runner ended while it ran")

    def answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What SageMaker would answer. Raises ApiError."""
        operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "StartPipelineExecution": self._start,
            "DescribePipelineExecution": self._describe,
            "ListPipelineExecutions": self._list,
        }
        if operation not in operations:
            raise ApiError("UnknownOperationException", f"{operation}: expected one of {', '.join(operations)}")
        return operations[operation](asked)

    async def close(self) -> None:
        """End the run that is at work."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._check_name(asked)
        given = {each["Name"]: each["Value"] for each in asked.get("PipelineParameters", [])}
        if given.keys() != {SNAPSHOT}:
            raise ApiError("ValidationException", f"parameters {sorted(given)}: expected {SNAPSHOT} alone")
        token = asked["ClientRequestToken"]
        if known := next((each for each in self._executions.values() if each.token == token), None):
            return {"PipelineExecutionArn": known.arn}
        if busy := next((each for each in self._executions.values() if each.status == RUNNING), None):
            raise ApiError("ResourceLimitExceeded", f"{busy.arn} is at work: expected one run at a time")
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{self._name}/execution/{uuid.uuid4().hex[:12]}"
        now = self._clock()
        made = Execution(arn, token, given[SNAPSHOT], asked.get("PipelineExecutionDescription", ""), now, now)
        self._keep(made)
        self._task = asyncio.get_running_loop().create_task(self._run(made))
        return {"PipelineExecutionArn": arn}

    def _describe(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = self._executions.get(asked["PipelineExecutionArn"])
        if found is None:
            raise ApiError("ResourceNotFound", f"there is no run {asked['PipelineExecutionArn']}")
        return {
            "PipelineExecutionArn": found.arn,
            "PipelineExecutionStatus": found.status,
            "PipelineExecutionDescription": found.why,
            "CreationTime": found.began,
            "LastModifiedTime": found.changed,
        } | ({"FailureReason": found.failure} if found.failure else {})

    def _list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._check_name(asked)
        newest_first = sorted(self._executions.values(), key=lambda each: each.began, reverse=True)
        return {
            "PipelineExecutionSummaries": [
                {
                    "PipelineExecutionArn": each.arn,
                    "PipelineExecutionStatus": each.status,
                    "PipelineExecutionDescription": each.why,
                    "StartTime": each.began,
                }
                for each in newest_first[: asked.get("MaxResults", 100)]
            ]
        }

    def _check_name(self, asked: Mapping[str, Any]) -> None:
        if asked["PipelineName"] != self._name:
            raise ApiError("ResourceNotFound", f"there is no pipeline {asked['PipelineName']}: expected {self._name}")

    async def _run(self, execution: Execution) -> None:
        try:
            await self._perform(execution)
        except asyncio.CancelledError:
            self._changed(execution, "Stopped", "the pipeline runner was ended")
            raise
        except Exception as error:  # whatever it is, the run has failed, and says why
            self._changed(execution, "Failed", f"{error}" or type(error).__name__)
        else:
            self._changed(execution, "Succeeded", "")

    def _changed(self, execution: Execution, status: str, failure: str) -> None:
        self._keep(replace(execution, status=status, failure=failure, changed=self._clock()))

    def _keep(self, execution: Execution) -> None:
        self._executions[execution.arn] = execution
        self._record.parent.mkdir(parents=True, exist_ok=True)
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps([asdict(each) for each in self._executions.values()], indent=1), encoding="utf-8")
        draft.replace(self._record)


def told_of(snapshot: Path) -> dict[str, str]:
    """The variables by which `local.train` is told what a snapshot holds."""
    there = {name: snapshot / name for name in NAMED if _holds_something(snapshot / name)}
    catalogue = snapshot / "catalogue"
    exported = (catalogue / "export.json").exists()
    products = {"EXPORT": str(catalogue)} if exported else {"CATALOGUE": str(catalogue / "products.jsonl")}
    return products | {NAMED[name]: str(folder) for name, folder in there.items()}


def bring_snapshot(folder: LocalFolder, name: str, to: Path) -> None:
    """Fetch a snapshot from the running local cloud. Raises StoreUnavailable, RunFailed."""
    state = _running_cloud(folder)
    fetch(name, state.outputs["TrainingBucket"], to)


def publish_registered(folder: LocalFolder) -> str:
    """Make the release that the newest run registered live on the running local cloud; returns its id.

    Raises:
        RunFailed: If there is none such, or another command is at work.
    """
    training = TrainingFolder(folder.root / "training")
    newest = Run.read(max(training.runs.iterdir()))
    release = release_of(newest)
    if newest.state != "registered" or release is None:
        raise RunFailed(f"run {newest.folder.name} is {newest.state}: expected a registered release")
    registered = training.registered / release.name
    try:
        with alone(folder):
            state = _running_cloud(folder)
            bucket, table = state.outputs["ReleaseBucket"], state.outputs["PointerTable"]
            reason = "trained, and passed the gate"
            published = publish_release(registered, bucket, table, INDEX_NAME, moved_by="approval", reason=reason)
            state.published, state.catalogue_released = published, True
            state.write()
    except StepFailed as busy:
        raise RunFailed(f"{busy.why}; vitrine release publish {registered} makes it live") from busy
    return published


@dataclass(frozen=True)
class LocalTraining:
    """Carries a run out as `make train` would, over a snapshot; its log lies beside the record."""

    folder: LocalFolder
    command: Sequence[str] = TRAIN
    bring: Callable[[LocalFolder, str, Path], None] = bring_snapshot
    publish: Callable[[LocalFolder], str] = publish_registered

    async def __call__(self, execution: Execution) -> None:
        """Raises RunFailed: If the snapshot is not there, a step failed, or the gate refused the release."""
        place = self.folder.root / "pipelines" / execution.arn.rpartition("/")[2]
        snapshot = place / "snapshot"
        try:
            await asyncio.to_thread(self.bring, self.folder, execution.snapshot, snapshot)
            code = await self._train(place / "log", os.environ | told_of(snapshot))
            if code == MISSED:
                raise RunFailed(f"the gate did not let the release through:\n{last_lines(place / 'log', 30)}")
            if code != REGISTERED:
                raise RunFailed(f"the training ended with {code}:\n{last_lines(place / 'log')}")
            published = await asyncio.to_thread(self.publish, self.folder)
            with (place / "log").open("a", encoding="utf-8") as log:
                print(f"published: {published}", file=log)
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)

    async def _train(self, log: Path, environment: Mapping[str, str]) -> int:
        """In this process's own group, so that `make down` ends both."""
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=PROJECT,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                return await process.wait()
            except asyncio.CancelledError:
                process.terminate()
                await process.wait()
                raise


def make_server(runner: PipelineRunner) -> web.Application:
    """Speaks AWS's JSON 1.1: the operation in a header, one body of JSON each way."""

    async def handle(request: web.Request) -> web.Response:
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        try:
            answered, status = runner.answer(operation, await request.json()), 200
        except ApiError as refused:
            answered, status = {"__type": refused.code, "message": str(refused)}, 400
        return web.Response(body=json.dumps(answered), status=status, content_type="application/x-amz-json-1.1")

    async def until_closed(application: web.Application) -> AsyncIterator[None]:
        yield
        await runner.close()

    application = web.Application()
    application.router.add_post("/", handle)
    application.cleanup_ctx.append(until_closed)
    return application


def _running_cloud(folder: LocalFolder) -> LocalState:
    state = LocalState.read(folder.state_file)
    if not state.running("cloud"):
        raise RunFailed(f"no local cloud runs in {folder.root}: expected one, `make up` starts it")
    reach(state)
    return state


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(path.name != NONE for path in folder.iterdir())


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    parser = ArgumentParser(prog="python -m local.pipeline_runner", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    folder = LocalFolder.from_environment()
    runner = PipelineRunner(PIPELINE, folder.root / "pipelines" / "executions.json", LocalTraining(folder))
    web.run_app(make_server(runner), host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
